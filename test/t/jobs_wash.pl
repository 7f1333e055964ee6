# A wash-trade job that is run whenever, cut anywhere, killed and disturbed
# finds what ad_wash_trade() finds in all of it, and reads each event once.
#
# Made-up trades of 120 accounts arrive out of their order, within the lag; jobs
# of several options run at random moments of it (until), and some of them are
# killed while they do, one backend or the server. Then late rows, a restore of
# a dump, a source with row security, and what comes of a source that changes.
#
# ANOMALY_TEST_SEED repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $seed = seed() % 1000;
my $node = keep(start_server('wash', "shared_preload_libraries = 'anomaly'", 'restart_after_crash = on', "timezone = 'UTC'"));
my @jobs = qw(windows bursts merged small);

$node->safe_psql('postgres', <<"SQL");
-- what happens, and when it is written: each account a log of its own, some busy, some not
CREATE TABLE all_trades AS
SELECT row_number() OVER (ORDER BY at, a, i) AS "No", a, 'A' || a AS "Acct", 1.50 + a % 2 AS symbol, CASE WHEN i % 9 = 0 THEN 'NEW' ELSE 'FILL' END AS kind,
	CASE WHEN (i + (ad_random($seed, a * 1000 + i, 'uniform') < 0.15)::int) % 2 = 0 THEN 'B' ELSE 'S' END AS bs, (100 + i % 3)::numeric AS px, 500 + i * 100 AS qty,
	at, at + ad_random($seed, 500000 + a * 1000 + i, 'uniform') * interval '25 seconds' AS arrives
FROM generate_series(1, 120) a, generate_series(1, 40) i,
	LATERAL (SELECT date_trunc('seconds', timestamptz '2026-01-10 20:00+00' + a * interval '2 minutes'
		+ (i * (5 + a % 4 * 60) + (i / 12) * (a % 5) * 900 + ad_random($seed, a * 1000 + i + 300000, 'uniform') * 120) * interval '1 second') AS at) t;
CREATE TABLE trades (LIKE all_trades);
ALTER TABLE trades ADD PRIMARY KEY ("No"), ALTER at SET NOT NULL;
CREATE INDEX ON trades (at);
CREATE FUNCTION pause(id bigint) RETURNS bool LANGUAGE plpgsql AS \$\$
BEGIN
	IF id % 50 = 0 THEN PERFORM pg_sleep(0.001); END IF;
	RETURN true;
END \$\$;
CREATE TABLE kinds (job text, options jsonb, per_burst bool);
INSERT INTO kinds VALUES ('windows', ad_wash_trade_options(), false), ('bursts', ad_wash_trade_options(), true),
	('merged', ad_wash_trade_options(merge => true, min_alternation_percentage => 50), true),
	('small', ad_wash_trade_options(window_size => '90 s', min_total_volume => 1000, min_buy_trades => 2, min_sell_trades => 1), false);
SELECT ad_create_wash_trade_job(job, 'SELECT * FROM trades WHERE pause("No")', options, partition_by => ARRAY['Acct', 'symbol'], order_by => ARRAY['No'], per_burst => per_burst, lag => '30 seconds',
	columns => '{"event_type": "kind", "side": "bs", "price": "px", "quantity": "qty", "ts": "at"}') FROM kinds;
SQL

# What is to be found, to the last figure, but for numbers of rows and windows
# that are those of a partition read at once. A window that begins at or before
# the end of the one before shares a trade with it: windows have all trades of a
# time.
my $expected = q{
SELECT k.job, "No", to_jsonb(w) - '{window_no,first_row,last_row,skipped_rows}'::text[]
FROM kinds k, LATERAL (
	SELECT "No", at, w, "Acct", lag((w).end_time) OVER (PARTITION BY "Acct", symbol ORDER BY at, "No") AS before FROM (
		SELECT *, ad_wash_trade(ad_order_event(kind, bs, px, qty, at), k.options) OVER (PARTITION BY "Acct", symbol ORDER BY at, "No") AS w FROM trades) s
	WHERE (w).trades IS NOT NULL) s
WHERE NOT k.per_burst OR k.options ->> 'merge' = 'true' OR before IS NULL OR before < at ORDER BY 1, 2};
my $found = q{SELECT job, key::bigint, "row" - '{account,product,partition_key,first_id,last_id}'::text[] FROM ad_alert ORDER BY 1, 2};

sub same
{
	my ($name) = @_;

	my @all_wanted = split /\n/, $node->safe_psql('postgres', $expected);
	my @all_found = split /\n/, $node->safe_psql('postgres', $found);

	for my $job (@jobs)
	{
		my @want = grep { /^$job\|/ } @all_wanted;
		my @have = grep { /^$job\|/ } @all_found;

		cmp_ok(scalar @want, '>', 20, "$name: $job finds something");
		is(join("\n", @have), join("\n", @want), "$name: $job: " . scalar(@want) . ' windows, to the last figure');
	}
}

my $now = 0;
my $end = $node->safe_psql('postgres', q{SELECT extract(epoch FROM max(at) - '2026-01-10 20:00+00')::int + 1900 FROM all_trades});
my $kills = 0;
my $runs = 0;
while ($now < $end)
{
	my $then = $now + int(rand(10) < 3 ? rand(60) : rand($end / 25)) + 1;
	my $at = sub { "timestamptz '2026-01-10 20:00+00' + $_[0] * interval '1 second'" };

	$node->safe_psql('postgres', 'INSERT INTO trades SELECT * FROM all_trades WHERE arrives >= ' . $at->($now) . ' AND arrives < ' . $at->($then)
		  . ' ON CONFLICT DO NOTHING');
	$now = $then;
	my $until = $node->safe_psql('postgres', 'SELECT ' . $at->($now));
	for my $job (@jobs)
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
is($node->safe_psql('postgres', 'SELECT count(*) FROM trades'), $node->safe_psql('postgres', 'SELECT count(*) FROM all_trades'), 'all events are there');

# half of the alerts are there: a dump of now goes on elsewhere
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', "CALL ad_run_job('$_')") for @jobs;
same("$runs runs with $kills kills");
is($node->safe_psql('postgres', 'SELECT DISTINCT sum(rows) FROM ad_job_run GROUP BY job'), $node->safe_psql('postgres', 'SELECT count(*) FROM trades'),
	'each event was read once');
$node->safe_psql('postgres', 'SELECT count(*) FROM ad_health()');
is($node->safe_psql('postgres', 'SELECT DISTINCT late_rows FROM ad_jobs'), '0', 'none came too late');
is($node->safe_psql('postgres', 'SELECT count(*) FROM _anomaly._ad_job_part'), '0', 'nothing is remembered of windows that have closed');

my $alerts = $node->safe_psql('postgres', $found);
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $dump ], 'restore');
$node->safe_psql('restored', "CALL ad_run_job('$_')") for @jobs;
is($node->safe_psql('restored', $found), $alerts, 'a restored job goes on where it was');

# what comes below is counted, and found when the job is told to look again
$node->safe_psql('postgres', <<'SQL');
INSERT INTO trades SELECT "No" + 100000, a, 'late', symbol, kind, bs, px, qty, at, arrives FROM trades WHERE a BETWEEN 50 AND 60;
SQL
$node->safe_psql('postgres', "CALL ad_run_job('$_')") for @jobs;
$node->safe_psql('postgres', 'SELECT count(*) FROM ad_health()');
is($node->safe_psql('postgres', 'SELECT DISTINCT late_rows FROM ad_jobs'), '440', 'what came too late is counted');
is($node->safe_psql('postgres', "SELECT count(*) FROM ad_alert WHERE entity = 'late'"), '0', 'and not found');
$node->safe_psql('postgres', "SELECT ad_rescan(j, (SELECT min(at)::text FROM trades WHERE \"Acct\" = 'late')) FROM unnest('{windows,merged,small}'::text[]) j");
$node->safe_psql('postgres', "CALL ad_run_job('$_')") for qw(windows merged small);
@jobs = qw(windows merged small);
same('ad_rescan() finds what was missed, and nothing twice');

# A source under row security is read as the owner of the job, and no more.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE desk;
CREATE ROLE reader;
GRANT SELECT ON trades TO desk, reader;
CREATE POLICY own ON trades FOR SELECT TO desk USING (a <= 10);
ALTER TABLE trades ENABLE ROW LEVEL SECURITY;
GRANT EXECUTE ON FUNCTION pause(bigint) TO desk;
SET ROLE desk;
SELECT ad_create_wash_trade_job('desk', 'trades', partition_by => '{Acct}', order_by => 'No', per_burst => false,
	columns => '{"event_type": "kind", "side": "bs", "price": "px", "quantity": "qty", "ts": "at"}');
CALL ad_run_job('desk');
SELECT ad_grant_job('desk', 'reader', 'read');
SQL
is($node->safe_psql('postgres', q{SELECT count(*) > 0, bool_and(substr(entity, 2)::int <= 10) FROM ad_alert WHERE job = 'desk'}), 't|t', 'row security holds for a job');
is($node->safe_psql('postgres', q{SET ROLE reader; SELECT count(*) > 0, (SELECT count(*) FROM ad_jobs WHERE source IS NOT NULL) FROM ad_alerts WHERE job = 'desk'}), 't|0',
	'who may read alerts sees these, and not the source');
my ($rc, undef, $err) = $node->psql('postgres', q{SET ROLE reader; SELECT ad_alter_job('desk', '{"per_burst": true}')});
like($err, qr/must be owner|permission denied|does not exist/, 'nobody else changes the job');

# A column that changes its type, or goes, is named by the run that meets it.
$node->safe_psql('postgres', 'CREATE TABLE feed AS SELECT * FROM trades WHERE a = 1; ALTER TABLE feed ALTER at SET NOT NULL;');
$node->safe_psql('postgres', q{SELECT ad_create_wash_trade_job('feed', 'SELECT * FROM feed', partition_by => '{Acct}', order_by => 'No',
	columns => '{"event_type": "kind", "side": "bs", "price": "px", "quantity": "qty", "ts": "at"}')});
for my $change (
	[ 'ALTER TABLE feed ALTER px TYPE text', qr/price cannot be of type text, as column "px" is/ ],
	[ 'ALTER TABLE feed ALTER px TYPE numeric USING px::numeric, DROP bs', qr/query has no column "bs"/ ],
	[ 'ALTER TABLE feed ADD bs text DEFAULT \'B\', ALTER at TYPE text', qr/watermark has type text/ ],
	[ 'ALTER TABLE feed ALTER at TYPE timestamptz USING at::timestamptz, DROP "Acct"', qr/query has no column "Acct"/ ])
{
	$node->safe_psql('postgres', $change->[0]);
	(undef, undef, $err) = $node->psql('postgres', q{CALL ad_run_job('feed')});
	like($err, $change->[1], $change->[0]);
}

$node->stop;
done_testing();
