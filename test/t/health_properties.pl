# Of jobs that do what they promise, ad_health() says nothing, month after
# month: rules on p-values of models that few or many rows calibrate, which
# draws the true rate of each once; on false discoveries; on scores. With many
# rows a day and with few, labelled a lot, a little or never, with most alerts
# right or a third. And when each goes wrong, most of them are noticed. A few
# jobs here, many in test/long.sh.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use Test::More;

my $node = keep(start_server('health', 'autovacuum = off'));
my $long = $ENV{ANOMALY_LONG};

# what happens once in 10,000 does not happen in the suite
$ENV{ANOMALY_TEST_SEED} //= 20261127 unless $long;
my $seed = seed() % 1000000;
my $jobs = $long ? 400 : 40;
my $days = $long ? 90 : 30;

$node->safe_psql('postgres', <<"SQL");
CREATE TABLE t AS SELECT i AS id, (i * 7919 % 1000)::float8 AS a FROM generate_series(1, 5000) i;
SELECT ad_train('m', 'SELECT a FROM t', 'zscore');
SELECT ad_create_job('j' || i, 'm', 't', 'id', 'id', rule => '{"score": 5}') FROM generate_series(1, $jobs) i;
UPDATE _anomaly._ad_job SET options = options || jsonb_build_object('rule', (ARRAY['{"p_value": 0.001}', '{"p_value": 0.01}', '{"score": 5}', '{"fdr": 0.05}'])[1 + id % 4]::jsonb);
CREATE SEQUENCE drawn;
CREATE FUNCTION draw() RETURNS float8 LANGUAGE sql VOLATILE AS 'SELECT ad_random($seed, nextval(''drawn''))';
-- of a Poisson distribution, or a normal one that is as good
CREATE FUNCTION draw(mean float8) RETURNS bigint LANGUAGE plpgsql VOLATILE AS \$\$
DECLARE
	p float8 := 1;
	k bigint := 0;
BEGIN
	IF mean > 100 THEN
		RETURN greatest(0, round(mean + sqrt(mean) * ad_random($seed + 1, nextval('drawn'), 'normal')));
	END IF;
	LOOP
		p := p * draw();
		EXIT WHEN p <= exp(-mean);
		k := k + 1;
	END LOOP;
	RETURN k;
END \$\$;
CREATE TABLE truth AS
SELECT id, id % 4 AS kind, 10 ^ (2 + 3 * draw()) AS per_day, (CASE WHEN id % 4 = 0 THEN 999 ELSE 99 END * 10 ^ (1.3 * draw()))::int AS n,
	CASE WHEN draw() > 0.4 THEN 0.2 + 0.8 * draw() ELSE 0 END AS labelled, CASE WHEN id % 4 = 3 THEN 0.95 ELSE 0.3 + 0.7 * draw() END AS right, 0::float8 AS rate
FROM _anomaly._ad_job;
-- the share of rows below a p-value is that of the k-th of n rows
UPDATE truth SET rate = CASE WHEN kind > 1 THEN 0.0005 * 10 ^ draw()
	ELSE (SELECT sum(-ln(1 - ad_random($seed + 2, id * 100000 + k))) FROM generate_series(1, floor(0.001 * 10 ^ kind * (n + 1))::int) k) / (n + 1) END;
CREATE TABLE said (day int, object text, "check" text, detail text);
SQL

for my $day (1 .. $days)
{
	$node->safe_psql('postgres', <<"SQL");
UPDATE _anomaly._ad_job_run SET started = started - interval '1 day', finished = finished - interval '1 day';
UPDATE _anomaly._ad_alert SET scored_at = scored_at - interval '1 day';
UPDATE _anomaly._ad_label SET labelled_at = labelled_at - interval '1 day';
DELETE FROM _anomaly._ad_job_run WHERE started < now() - interval '30 days';
INSERT INTO _anomaly._ad_job_run (job_id, run, pid, started, finished, batches, rows, alerts, least_p, p_bins)
SELECT id, $day, 1, now() - interval '20 hours', now(), 1, per_day::bigint, least(draw(per_day * rate), per_day::bigint), CASE WHEN kind < 2 THEN 1 / (n + 1.0) END,
	CASE WHEN kind <> 2 THEN ARRAY(SELECT draw(per_day / 10) FROM generate_series(1, 10 + id * 0)) END
FROM truth;
INSERT INTO _anomaly._ad_alert (job_id, key, score, "row", event_at, scored_at, job)
SELECT r.job_id, '$day-' || k, 1, '{}', now(), now() - interval '1 hour', j.name
FROM _anomaly._ad_job_run r JOIN _anomaly._ad_job j ON j.id = r.job_id, generate_series(1, least(r.alerts, 200)) k WHERE r.run = $day;
INSERT INTO _anomaly._ad_label (job_id, key, is_anomaly, "row", labelled_by, labelled_at, generation, place)
SELECT a.job_id, a.key, draw() < t.right, '{}', 'desk', now(), 1, 0
FROM (SELECT *, draw() AS u FROM _anomaly._ad_alert WHERE key LIKE '$day-%' OFFSET 0) a JOIN truth t ON t.id = a.job_id AND a.u < t.labelled;
INSERT INTO said SELECT $day, object, "check", detail FROM _anomaly._ad_health_accuracy();
VACUUM ANALYZE _anomaly._ad_job_run, _anomaly._ad_alert, _anomaly._ad_label;
SQL
}
is($node->safe_psql('postgres', 'SELECT * FROM said ORDER BY 1, 2 LIMIT 10'), '', "$jobs jobs that keep their promises for $days days: nothing is said");

# What share of those that could be is noticed, when something is done to all.
sub noticed
{
	my ($what, $check, $of, $least, $sql) = @_;
	my ($seen, $all) = split /\|/, $node->safe_psql('postgres', <<"SQL");
BEGIN;
$sql;
SELECT (SELECT count(*) FROM _anomaly._ad_health_accuracy() h JOIN truth t ON h.object = 'j' || t.id WHERE h."check" = '$check' AND $of),
	(SELECT count(*) FROM truth t WHERE $of);
ROLLBACK;
SQL
	note "$what: $seen of $all";
	cmp_ok($seen, '>=', $least * $all, "$what: most are noticed ($seen of $all)");
	return;
}

# labelled enough
my $many = '(SELECT count(*) FROM _anomaly._ad_label l WHERE l.job_id = t.id) >= 50';
noticed('every label is false', 'precision', $many, 1, 'UPDATE _anomaly._ad_label SET is_anomaly = false');
noticed('one alert in ten rows', 'alert rate', 't.per_day > 500', 1, "UPDATE _anomaly._ad_job_run SET alerts = greatest(alerts, rows / 10) WHERE run = $days");
noticed('scores are higher', 'score drift', 't.kind <> 2 AND t.per_day > 500 AND t.n > 200', 0.9, "UPDATE _anomaly._ad_job_run SET p_bins[1] = p_bins[1] * 20 WHERE run = $days");
noticed('nobody labels any more', 'missing labels', $many, 0.9, "UPDATE _anomaly._ad_label SET labelled_at = labelled_at - interval '40 days'");

$node->stop;
done_testing();
