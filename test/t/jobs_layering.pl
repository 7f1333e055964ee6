# A layering job that is run whenever, cut anywhere, killed and disturbed by
# writers finds what one look at each day finds, and reads each event once.
#
# Made-up order flow over three days arrives out of its order, within the lag;
# jobs of every rule run at random moments of it (until), with batches of a few
# rows, and some of them are killed while they do. Orders are amended, filled and
# expire, rows have no price or no quantity, or come twice.
#
# ANOMALY_TEST_SEED repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use Session;
use Test::More;

my $seed = seed() % 1000;
my @rules = qw(window either strict anchored amended filtered);
my $node = keep(start_server('layering', "shared_preload_libraries = 'anomaly'", 'restart_after_crash = on', 'max_prepared_transactions = 5', "timezone = 'UTC'"));

$node->safe_psql('postgres', <<"SQL");
-- what happens, when it is written, and by whom
CREATE TABLE all_events AS
SELECT row_number() OVER (ORDER BY ts, b, e) AS id, *, ts + ad_random($seed, 100000 + b * 20 + e, 'uniform') * interval '25 seconds' AS arrives
FROM (SELECT b, e, 'A' || b % 7 AS account_id, 'P' || b % 2 AS product_id,
		CASE WHEN b % 4 = 1 AND e = 5 THEN 'REPLACE' WHEN b % 4 = 2 AND e IN (3, 6) OR e >= 11 THEN 'FILL'
			WHEN b % 4 = 3 AND e = 10 THEN 'EXPIRE' WHEN e <= 5 THEN 'NEW' ELSE 'CANCEL' END AS event_type,
		CASE WHEN (e >= 11) = (b % 2 = 0) THEN 'SELL' ELSE 'BUY' END AS side,
		CASE WHEN b % 7 = 3 THEN NULL ELSE 100 + e % 5 - b % 2 * 102 END::numeric AS price,
		CASE WHEN b % 5 = 2 AND e IN (7, 9) THEN NULL WHEN b % 5 = 3 AND e = 8 THEN 60 ELSE 100 + b % 3 * 50 END AS quantity,
		date_trunc('milliseconds', timestamptz '2026-01-10 23:50+00' + b * interval '17 seconds' * (1 + b % 100)
			+ (least(e, 11) * 0.7 + ad_random($seed, b * 20 + least(e, 11), 'uniform') * 3) * interval '1 second') AS ts,
		CASE WHEN b % 3 = 0 THEN b || '-' || CASE WHEN b % 4 = 1 AND e = 5 THEN 0 ELSE (e - 1) % 5 END END AS order_id
	FROM generate_series(0, 399) b, generate_series(1, 12) e WHERE e <= 11 OR b % 10 = 0) s
-- a quantity may be missing only where it is that of a cancel
WHERE quantity IS NOT NULL OR event_type = 'CANCEL';
CREATE TABLE flow (LIKE all_events);
ALTER TABLE flow ADD PRIMARY KEY (id), ALTER ts SET NOT NULL;
CREATE INDEX ON flow (ts);
CREATE FUNCTION pause(id bigint) RETURNS bool LANGUAGE plpgsql AS \$\$
BEGIN
	IF id % 50 = 0 THEN PERFORM pg_sleep(0.001); END IF;
	RETURN true;
END \$\$;
CREATE TABLE rules (rule text, options jsonb);
INSERT INTO rules VALUES ('window', ad_layering_options()), ('either', ad_layering_options(trade_rule => 'either', orders_window => '3 s')),
	('strict', ad_layering_options(rule => 'strict', forget_after => '2 minutes')),
	('anchored', ad_layering_options(rule => 'anchored', cancel_window => '20 s')),
	('amended', ad_layering_options(rule => 'anchored', cancel_window => '20 s', replace_counts => false, dedup => true)),
	('filtered', ad_layering_options(dedup => true, min_imbalance => 0.3, min_price_levels => 2));
SELECT ad_create_layering_job(rule, 'SELECT * FROM flow WHERE pause(id)', options, lag => '30 seconds') FROM rules;
SQL

# What is to be found: each day by itself, from one horizon before it to one after.
my $expected = q{
SELECT r.rule, s.first_id, to_jsonb(s)
FROM rules r, generate_series(timestamptz '2026-01-10', '2026-01-20', '1 day') d,
	LATERAL (SELECT (SELECT sum((r.options ->> w)::float8) FROM unnest('{orders_window,cancel_window,opposite_trade_window}'::text[]) w) * interval '1 s' AS h) h,
	LATERAL ad_layering_sequences(format('SELECT * FROM flow WHERE ts >= %L::timestamptz - %L::interval AND ts <= %L::timestamptz + interval ''1 day'' + %L::interval',
		d, h, d, h), r.options) s
WHERE s.start_time >= d AND s.start_time < d + interval '1 day' ORDER BY 1, 2};
my $found = q{SELECT job, key, "row" FROM ad_alert ORDER BY 1, 2};

my $now = 0;
my $end = $node->safe_psql('postgres', q{SELECT extract(epoch FROM max(ts) - '2026-01-10 23:50+00')::int + 120 FROM all_events});
my $kills = 0;
my $runs = 0;
while ($now < $end)
{
	my $then = $now + int(rand(10) < 3 ? rand(60) : rand($end / 25)) + 1;
	my $at = sub { "timestamptz '2026-01-10 23:50+00' + $_[0] * interval '1 second'" };

	$node->safe_psql('postgres', 'INSERT INTO flow SELECT * FROM all_events WHERE arrives >= ' . $at->($now) . ' AND arrives < ' . $at->($then)
		  . ' ON CONFLICT DO NOTHING');
	$now = $then;
	my $until = $node->safe_psql('postgres', 'SELECT ' . $at->($now));
	for my $job (@rules)
	{
		next if rand() < 0.4;
		$runs++;
		if (rand() < 0.3)
		{
			# one backend of its own, or, now and then, the server with it
			$kills += Session->cut($node, "CALL ad_run_job('$job', until => '$until')", 0.06, 0.15);
			next;
		}
		$node->safe_psql('postgres', "CALL ad_run_job('$job', until => '$until')");
	}
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM flow'), $node->safe_psql('postgres', 'SELECT count(*) FROM all_events'), 'all events are there');
$node->safe_psql('postgres', "CALL ad_run_job('$_')") for @rules;

my @all_wanted = split /\n/, $node->safe_psql('postgres', $expected);
my @all_found = split /\n/, $node->safe_psql('postgres', $found);
for my $rule (@rules)
{
	my @want = grep { /^$rule\|/ } @all_wanted;
	my @have = grep { /^$rule\|/ } @all_found;

	cmp_ok(scalar @want, '>', 20, "$rule finds something");
	is(join("\n", @have), join("\n", @want), "$rule: " . scalar(@want) . " sequences, to the last figure, in $runs runs with $kills kills");
}
is($node->safe_psql('postgres', "SELECT DISTINCT sum(rows) FROM ad_job_run GROUP BY job"),
	$node->safe_psql('postgres', 'SELECT count(*) FROM flow'), 'each event was read once');
$node->safe_psql('postgres', 'SELECT count(*) FROM ad_health()');
is($node->safe_psql('postgres', 'SELECT DISTINCT late_rows FROM ad_jobs'), '0', 'none came too late');

# what comes below is counted, and found when the job is told to look again
$node->safe_psql('postgres', <<'SQL');
INSERT INTO flow SELECT id + 100000, b, e, 'late', product_id, event_type, side, price, quantity, ts, NULL, arrives FROM flow WHERE b BETWEEN 100 AND 119;
SQL
my $late = $node->safe_psql('postgres', "SELECT count(*) FROM flow WHERE account_id = 'late'");
$node->safe_psql('postgres', "CALL ad_run_job('$_')") for qw(window anchored);
$node->safe_psql('postgres', 'SELECT count(*) FROM ad_health()');
is($node->safe_psql('postgres', "SELECT DISTINCT late_rows FROM ad_jobs"), $late, 'what came too late is counted');
is($node->safe_psql('postgres', "SELECT count(*) FROM ad_alert WHERE entity = 'late'"), '0', 'and not found');
my $before = $node->safe_psql('postgres', "SELECT count(*) FROM ad_alert WHERE job IN ('window', 'anchored')");
$node->safe_psql('postgres', "SELECT ad_rescan(j, (SELECT min(ts)::text FROM flow WHERE account_id = 'late')) FROM unnest('{window,anchored}'::text[]) j");
$node->safe_psql('postgres', "CALL ad_run_job('$_')") for qw(window anchored);
@all_wanted = split /\n/, $node->safe_psql('postgres', $expected =~ s/SELECT r.rule, s.first_id, to_jsonb.s./SELECT r.rule, s.first_id/r =~ s/WHERE (?=s\.start_time)/WHERE r.rule IN ('window', 'anchored') AND /r);
@all_found = split /\n/, $node->safe_psql('postgres', 'SELECT job, key FROM ad_alert ORDER BY 1, 2');
for my $rule (qw(window anchored))
{
	my @want = grep { /^$rule\|/ } @all_wanted;
	my @have = grep { /^$rule\|/ } @all_found;

	is(join("\n", @have), join("\n", @want), "$rule: ad_rescan() finds what was missed, and nothing twice");
}
$node->safe_psql('postgres', 'SELECT count(*) FROM ad_health()');
is($node->safe_psql('postgres', "SELECT late_rows FROM ad_jobs WHERE name = 'window'"), '0', 'none is late any more');

# What a transaction in progress may still add is waited for, a prepared one too.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE live (LIKE flow);
SELECT ad_create_layering_job('live', 'live', lag => '1 second');
INSERT INTO live SELECT i, 0, 0, 'X', 'P', 'NEW', 'BUY', 100, 10, timestamptz '2026-02-01 10:00+00' + i * interval '1 second' FROM generate_series(1, 3) i;
BEGIN;
INSERT INTO live SELECT i, 0, 0, 'X', 'P', 'CANCEL', 'BUY', 100, 10, timestamptz '2026-02-01 10:00+00' + i * interval '1 second' FROM generate_series(4, 6) i;
PREPARE TRANSACTION 'cancels';
INSERT INTO live VALUES (7, 0, 0, 'X', 'P', 'FILL', 'SELL', 100, 10, '2026-02-01 10:00:07+00');
CALL ad_run_job('live');
CALL ad_run_job('live');
SQL
is($node->safe_psql('postgres', "SELECT count(*) FROM ad_alert WHERE job = 'live'"), '0', 'nothing is said while a transaction may still add to it');
$node->restart;
$node->safe_psql('postgres', "CALL ad_run_job('live')");
is($node->safe_psql('postgres', "SELECT count(*) FROM ad_alert WHERE job = 'live'"), '0', 'nor after a restart');
$node->safe_psql('postgres', "COMMIT PREPARED 'cancels'");
$node->safe_psql('postgres', "CALL ad_run_job('live')");
is($node->safe_psql('postgres', "SELECT key FROM ad_alert WHERE job = 'live'"), '1', 'and when it has ended, all of it is met');

$node->stop;
done_testing();
