# A watch that is run whenever, killed and restored elsewhere says what one
# that is run once says; what writers may still add is waited for; who may see
# what; sources of every kind; long texts.
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

seed();
my $node = keep(start_server('watch', "shared_preload_libraries = 'anomaly'", 'restart_after_crash = on', 'max_prepared_transactions = 5', "timezone = 'UTC'"));

sub sql { return $node->safe_psql('postgres', $_[0]) }

# the rows of a query as a role, or what went wrong
sub as
{
	my ($role, $query) = @_;
	my ($out, $err) = ('', '');

	$node->psql('postgres', "SET ROLE $role; $query", stdout => \$out, stderr => \$err);
	return $err =~ /(?:ERROR): +(.*)/ ? $1 : $out;
}

sql(<<'SQL');
CREATE TABLE orders AS
SELECT d * 1000 + k AS id, timestamptz '2026-01-01' + d * interval '1 day' + k * interval '4 minutes' AS ts, d % 2 AS team,
	CASE WHEN d = 120 THEN 50 ELSE 1 END * (20 + 5 * ad_random(1, d * 1000 + k, 'normal')) AS amount,
	CASE WHEN d = 130 AND k % 3 = 0 THEN NULL ELSE 'C' || floor(ad_random(3, d * 1000 + k) * 4) END AS country
FROM generate_series(0, 149) d, generate_series(1, CASE WHEN d = 140 THEN 100 ELSE 300 END) k;
CREATE INDEX ON orders (ts);
CREATE FUNCTION pause(id int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF id % 100 = 0 THEN PERFORM pg_sleep(0.001); END IF;
	RETURN true;
END $$;
SELECT ad_create_watch(n, 'SELECT * FROM orders WHERE pause(id)', 'ts', since => '2026-04-01') FROM unnest('{once,killed,moved}'::text[]) n;
SQL

# --- cut anywhere, and killed

my $said = q{SELECT key, watermark, score, explanation, "row" FROM ad_alerts WHERE job = '%s' ORDER BY watermark, key};
my $metrics = q{SELECT metric, period, value, expected, lower, upper, score, verdict FROM ad_watch_metrics WHERE job = '%s' ORDER BY period, metric};
my $end = '2026-05-31 00:10';
sql("CALL ad_run_job('once', until => '$end')");
my %once = map { $_ => sql(sprintf($_, 'once')) } $said, $metrics;
like($once{$said}, qr/^mean\.amount\|2026-05-01.*^null_share\.country\|2026-05-11.*^rows\|2026-05-21/ms, 'the faults are found');
my $kills = 0;
for (my $day = 60; $day <= 150; $day += 1 + int rand 12)
{
	# one backend, or the server with it
	$kills += Session->cut($node, "CALL ad_run_job('killed', until => timestamptz '2026-01-01 00:10' + $day * interval '1 day')", 0.08, 0.3);
}
sql("CALL ad_run_job('killed', until => '$end')");
is(sql(sprintf($said, 'killed')), $once{$said}, "$kills times killed, it says the same, each once");
is(sql(sprintf($metrics, 'killed')), $once{$metrics}, 'of the same metrics, to the last figure');

# --- restored elsewhere

sql("CALL ad_run_job('moved', until => '2026-04-20')");
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('postgres') ], 'it is dumped');
sql('CREATE DATABASE there');
$node->command_ok([ 'pg_restore', '-j', '2', '-d', $node->connstr('there'), $dump ], 'and restored');
$node->safe_psql('there', "CALL ad_run_job('moved', until => '$end')");
is($node->safe_psql('there', sprintf($said, 'moved')), $once{$said}, 'there it goes on as it would have here');
is($node->safe_psql('there', sprintf($metrics, 'moved')), $once{$metrics}, 'with the same metrics');

# --- what writers may still add

sql(<<'SQL');
CREATE TABLE live (ts timestamptz, v int);
SELECT ad_create_watch('live', 'live', 'ts', bounds => '{"rows": {"min": 2}}', since => '2026-01-01');
INSERT INTO live VALUES ('2026-01-01 12:00', 1);
BEGIN;
INSERT INTO live VALUES ('2026-01-01 13:00', 1);
PREPARE TRANSACTION 'second';
CALL ad_run_job('live', until => '2026-01-02 01:00');
CALL ad_run_job('live', until => '2026-01-02 01:00');
SQL
is(sql("SELECT count(*) FROM ad_alerts WHERE job = 'live'"), '0', 'a day is not over while somebody may add to it');
$node->restart;
sql("CALL ad_run_job('live', until => '2026-01-02 01:00')");
is(sql("SELECT count(*) FROM ad_watch_metrics WHERE job = 'live'"), '0', 'nor after a restart');
sql("COMMIT PREPARED 'second'");
sql("CALL ad_run_job('live', until => '2026-01-02 01:00')") for 1 .. 2;
is(sql("SELECT value, verdict FROM ad_watch_metrics WHERE job = 'live' AND metric = 'rows'"), '2|learning', 'then it has all its rows');
sql("INSERT INTO live VALUES ('2026-01-01 14:00', 1)");
sql("CALL ad_run_job('live', until => '2026-01-02 01:00')");
sql('SELECT count(*) FROM ad_health()');
is(sql("SELECT late_rows FROM ad_jobs WHERE name = 'live'"), '1', 'what comes later is late');

# --- who may do what

sql(<<'SQL');
CREATE ROLE team_one; CREATE ROLE reader; CREATE ROLE nobody;
CREATE ROLE member IN ROLE team_one;
GRANT SELECT ON orders TO team_one;
GRANT CREATE ON SCHEMA public TO team_one;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (team = 1);
SQL
is(as('nobody', "SELECT ad_create_watch('mine', 'orders', 'ts')"), 'permission denied for table orders', 'who may not read a table may not watch it');
is(as('team_one', "SELECT ad_create_watch('one', 'orders', 'ts', since => '2026-04-01', history => 10)"), 'one', 'who may read some rows may');
as('team_one', "CALL ad_run_job('one', until => '$end')");
is(as('team_one', "SELECT DISTINCT extract(day FROM period)::int % 2 FROM ad_watch_metrics WHERE job = 'one' AND metric = 'rows' AND value > 0 AND period < '2026-05-01' AND period >= '2026-04-01'"),
	'0', 'and watches these alone');
is(as('nobody', 'SELECT count(*) FROM ad_watch_metrics'), '0', 'others see none of its metrics');
like(as('nobody', "SELECT ad_retrain('one')"), qr/does not exist/, 'nor can they have it learn anew');
as('team_one', "SELECT ad_grant_job('one', 'reader')");
cmp_ok(as('reader', "SELECT count(*) FROM ad_watch_metrics WHERE job = 'one'"), '>', 100, 'who may read its alerts reads its metrics');
is(as('member', "SELECT ad_retrain('one')"), 'watch "one" learns again for its owner only', 'a member of the owner does not read as him');
is(as('team_one', "SELECT ad_retrain('one') ->> 'activated'"), 'true', 'its owner has it learn anew');
my $alerts = sql("SELECT count(*) FROM ad_alerts WHERE job = 'one'");
as('team_one', "CALL ad_run_job('one', until => '$end')");
is(sql("SELECT count(*) FROM ad_alerts WHERE job = 'one'"), $alerts, 'which says nothing of the past');
for my $relation (qw(_ad_job_watch _ad_job_metric))
{
	is(as('team_one', "SELECT * FROM _anomaly.$relation"), "permission denied for table $relation", "nobody reads $relation");
}
sql('REVOKE SELECT ON orders FROM team_one');
is(as('team_one', "CALL ad_run_job('one', until => '2026-06-02')"), 'permission denied for table orders', 'who may not read any more does not');

# --- sources of every kind

sql(<<'SQL');
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
CREATE TABLE parts (LIKE orders) PARTITION BY RANGE (ts);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-03-01');
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT * FROM orders;
CREATE VIEW seen AS SELECT * FROM orders;
CREATE MATERIALIZED VIEW stored AS SELECT * FROM orders;
SELECT ad_create_watch(s, s, 'ts', since => '2026-04-01') FROM unnest('{parts,seen,stored}'::text[]) s;
SELECT ad_create_watch('local', 'SELECT ts::timestamp AS ts, id, team, amount, country FROM orders -- all', 'ts', since => '2026-04-01');
SQL
for my $source (qw(parts seen stored local))
{
	sql("CALL ad_run_job('$source', until => '$end')");
	is(sql("SELECT count(*), min(key), max(key) FROM ad_alerts WHERE job = '$source'"), sql("SELECT count(*), min(key), max(key) FROM ad_alerts WHERE job = 'once'"), "$source is watched alike");
}

# --- long texts, many rows: what is taken is given back; a cancel is heard

sql(<<'SQL');
CREATE TABLE long AS SELECT timestamptz '2026-01-01' + i * interval '1 minute' AS ts, repeat(md5(i::text), 32768) AS t, i FROM generate_series(1, 200) i;
CREATE TABLE many AS SELECT timestamptz '2026-01-01' + i * interval '50 ms' AS ts, i, i % 1000 AS j, md5(i::text) AS t FROM generate_series(1, 500000) i;
SELECT ad_create_watch(s, s, 'ts', since => '2026-01-01') FROM unnest('{long,many}'::text[]) s;
SQL
my $peak = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'RssAnon:\s+(\d+)'))[1]::int / 1024};
for my $source (qw(long many))
{
	my ($out, $err) = ('', '');

	$node->psql('postgres', "CALL ad_run_job('$source', until => '2026-01-02 00:10');\n$peak", stdout => \$out, stderr => \$err);
	cmp_ok($out, '<', 100, "$source: a session has $out MB afterwards");
}
is(sql("SELECT value FROM ad_watch_metrics WHERE job = 'long' AND metric = 'distinct.t'"), '200', 'texts of a megabyte are told apart');
my $distinct = sql("SELECT value FROM ad_watch_metrics WHERE job = 'many' AND metric = 'distinct.t'");
cmp_ok(abs($distinct / 500000 - 1), '<', 0.04, "of 500,000 distinct texts $distinct are estimated");
is(sql("SELECT value FROM ad_watch_metrics WHERE job = 'many' AND metric = 'distinct.j'") <=> 1000 * 1.04, -1, 'and a thousand are not more');
sql("SELECT ad_rescan('many', '2026-01-01')");
my ($out, $err) = ('', '');
$node->psql('postgres', "SET statement_timeout = 20; CALL ad_run_job('many', until => '2026-01-02 00:10')", stdout => \$out, stderr => \$err);
like($err, qr/canceling statement due to statement timeout/, 'a run is cancelled');
sql("CALL ad_run_job('many', until => '2026-01-02 00:10')");
is(sql("SELECT count(*) FROM ad_watch_metrics WHERE job = 'many' AND metric = 'rows'"), '1', 'and done again');
is(sql("SELECT value FROM ad_watch_metrics WHERE job = 'many' AND metric = 'rows'"), '500000', 'of all rows');

$node->stop;
done_testing();
