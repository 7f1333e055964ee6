# A series job that is run whenever, killed and restored scores each point once,
# as one look at each series does; many series at once are bounded; and what a
# restart or another owner finds.
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
my $node = keep(start_server('series', "shared_preload_libraries = 'anomaly'", 'restart_after_crash = on', 'max_prepared_transactions = 5', "timezone = 'UTC'"));

# 40 series of 300 points, some of them odd, which arrive out of order within 40 seconds
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE all_points AS
SELECT h % 8 AS rack, 'h' || h AS host, timestamptz '2026-02-01 00:00+00' + i * interval '1 minute' + h * interval '1 second' AS ts,
	10 + h + ad_random($seed, h * 1000 + i, 'normal') + CASE WHEN ad_random($seed, h * 1000 + i, 'uniform') < 0.005 THEN 25 ELSE 0 END AS v,
	timestamptz '2026-02-01 00:00+00' + i * interval '1 minute' + h * interval '1 second'
		+ ad_random($seed, 100000 + h * 1000 + i, 'uniform') * interval '40 seconds' AS arrives
FROM generate_series(0, 39) h, generate_series(1, 300) i;
CREATE TABLE points (LIKE all_points);
CREATE INDEX ON points (ts);
CREATE FUNCTION pause(host text) RETURNS bool LANGUAGE plpgsql AS \$\$
BEGIN
	IF host = 'h7' THEN PERFORM pg_sleep(0.001); END IF;
	RETURN true;
END \$\$;
SELECT ad_create_series_job(m, 'SELECT * FROM points WHERE pause(host)', 'v', 'ts', '{rack,host}', lag => '1 minute', batch_size => 250, method => m,
	options => CASE m WHEN 'stream' THEN ad_stream_options(q => 0.001, shape => 16) ELSE ad_series_score_options(period => 30) END, window_points => 120)
FROM unnest('{stream,series}'::text[]) m;
SQL

my $expected = q{SELECT format('(%s,%s)', rack, host), ts, (d).score, (d).expected_low
FROM (SELECT *, ad_stream(v, ts, ad_stream_options(q => 0.001, shape => 16)) OVER (PARTITION BY rack, host ORDER BY ts) AS d FROM points) s
WHERE (d).anomaly <> 0};
my $found = q{SELECT key, event_at, score, (explanation ->> 'expected_low')::float8 FROM ad_alerts WHERE job = 'stream'};

my $now = 0;
my $kills = 0;
my $runs = 0;
while ($now < 305 * 60)
{
	my $then = $now + int(rand(10) < 5 ? rand(120) : rand(4000)) + 1;
	my $at = sub { "timestamptz '2026-02-01 00:00+00' + $_[0] * interval '1 second'" };

	$node->safe_psql('postgres', 'INSERT INTO points SELECT * FROM all_points WHERE arrives >= ' . $at->($now) . ' AND arrives < ' . $at->($then));
	$now = $then;
	my $until = $node->safe_psql('postgres', 'SELECT ' . $at->($now));
	for my $job (qw(stream series))
	{
		next if rand() < 0.4;
		$runs++;
		if (rand() < 0.4)
		{
			$kills += Session->cut($node, "CALL ad_run_job('$job', until => '$until')", 0.08, 0.3);
			next;
		}
		$node->safe_psql('postgres', "CALL ad_run_job('$job', until => '$until')");
	}
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM points'), '12000', 'all points are there');
$node->safe_psql('postgres', "CALL ad_run_job('$_')") for qw(stream series);
my @want = sort split /\n/, $node->safe_psql('postgres', $expected);
my @have = sort split /\n/, $node->safe_psql('postgres', $found);
cmp_ok(scalar @want, '>', 20, 'streams find something');
is(join("\n", @have), join("\n", @want), scalar(@want) . " alerts, to the last figure, in $runs runs with $kills kills");
is($node->safe_psql('postgres', 'SELECT job, sum(rows) FROM ad_job_runs GROUP BY job ORDER BY job'), "series|12000\nstream|12000", 'each point was scored once');
is($node->safe_psql('postgres', 'SELECT job, count(*), sum(points), sum(repeated) FROM ad_job_series GROUP BY job ORDER BY job'),
	"series|40|12000|0\nstream|40|12000|0", 'and is in the state of its series once');
$node->safe_psql('postgres', 'SELECT count(*) FROM ad_health()');
is($node->safe_psql('postgres', 'SELECT DISTINCT late_rows FROM ad_jobs'), '0', 'none came too late');

# points that a transaction in progress adds are waited for
$node->safe_psql('postgres', q{CREATE TABLE held (host text, ts timestamptz, v int); SELECT ad_create_series_job('held', 'held', 'v', 'ts', '{host}')});
$node->safe_psql('postgres', "CALL ad_run_job('held', until => '2026-02-01 06:00+00')");
$node->safe_psql('postgres', q{BEGIN; INSERT INTO held VALUES ('h1', '2026-02-01 06:00+00', 11); PREPARE TRANSACTION 'held'});
$node->safe_psql('postgres', q{INSERT INTO held VALUES ('h2', '2026-02-01 06:01+00', 12)});
$node->safe_psql('postgres', "CALL ad_run_job('held', until => '2026-02-01 06:10+00')");
is($node->safe_psql('postgres', "SELECT count(*) FROM ad_job_series WHERE job = 'held'"), '0', 'what may not be all is not read');
$node->safe_psql('postgres', q{COMMIT PREPARED 'held'});
$node->safe_psql('postgres', "CALL ad_run_job('held', until => '2026-02-01 06:10+00')");
is($node->safe_psql('postgres', "SELECT sum(points) FROM ad_job_series WHERE job = 'held'"), '2', 'and all of it, when it is there');

# many series at once
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE crowd AS SELECT i AS id, timestamptz '2026-03-01' + i % 3 * interval '1 s' AS ts, 1.5 AS v FROM generate_series(1, 300000) i;
SELECT ad_create_series_job('crowd', 'crowd', 'v', 'ts', '{id}', max_series => 1000);
SQL
my ($result, $out, $err) = $node->psql('postgres', "CALL ad_run_job('crowd')");
is($result, 0, 'many new series do not fail a run');
is(() = $err =~ /has 1000 series, as many as it may have/g, 1, 'that they are too many is said once');
is($node->safe_psql('postgres', "SELECT count(*) FROM ad_job_series WHERE job = 'crowd'"), '1000', 'so many are kept');
is($node->safe_psql('postgres', "SELECT status, detail FROM ad_health() WHERE \"check\" = 'job series'") =~ /299000 rows of others were not scored/ ? 1 : 0, 1,
	'rows of others are counted');

# a state that is damaged is refused by name, whatever byte it is
$node->safe_psql('postgres', "CREATE TABLE saved AS SELECT * FROM _anomaly._ad_job_part WHERE job_id = (SELECT id FROM _anomaly._ad_job WHERE name = 'stream')");
$node->safe_psql('postgres', q{INSERT INTO points SELECT rack, host, '2026-02-01 07:00+00', 11, now() FROM (SELECT DISTINCT rack, host FROM points) s});
my $odd = 0;
for my $i (1 .. 60)
{
	my $at = int(rand(700));
	my $byte = int(rand(256));

	$node->safe_psql('postgres', "UPDATE _anomaly._ad_job_part p SET state = set_byte(s.state, least($at, length(s.state) - 1), $byte) FROM saved s WHERE p.part = s.part");
	($result, $out, $err) = $node->psql('postgres',
		"CREATE TEMP TABLE x AS SELECT count(s.*) FROM ad_job_series s; CALL ad_run_job('stream', until => '2026-02-01 06:50+00')");
	$odd++ if $result != 0 && $err !~ /state of a (series job|stream)|malformed|state|stream/;
}
is($odd, 0, 'damaged states are refused by name, or read');
$node->poll_query_until('postgres', 'SELECT true');
$node->safe_psql('postgres', 'UPDATE _anomaly._ad_job_part p SET state = s.state, due = s.due, ends = s.ends FROM saved s WHERE p.part = s.part');
$node->safe_psql('postgres', q{SELECT ad_resume_job('stream')});

# a dump has all of it, and goes on
my $dump = $node->basedir . '/series.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('again'), '-f', $dump ], 'restore');
for my $db (qw(postgres again))
{
	$node->safe_psql($db, "CALL ad_run_job('stream')");
	$node->safe_psql($db, "SELECT ad_rename_job('stream', 'renamed')");
	$node->safe_psql($db, q{INSERT INTO points VALUES (1, 'h1', '2026-02-01 08:00+00', 99, now())});
	$node->safe_psql($db, "CALL ad_run_job('renamed')");
}
my $all = q{SELECT a.job, a.key, a.event_at, a.score, a.explanation FROM ad_alerts a ORDER BY 1, 2, 3};
is($node->safe_psql('again', $all), $node->safe_psql('postgres', $all), 'a restored job finds the same');
is($node->safe_psql('again', "SELECT * FROM ad_job_series ORDER BY 1, 2"), $node->safe_psql('postgres', 'SELECT * FROM ad_job_series ORDER BY 1, 2'), 'and keeps the same');
is($node->safe_psql('postgres', "SELECT watermark, explanation ->> 'what' FROM ad_alerts WHERE job = 'renamed' ORDER BY event_at DESC LIMIT 1"),
	'2026-02-01 08:00:00+00|spike', 'under another name');

# another owner reads as himself
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE other; GRANT SELECT ON points TO other;
SELECT ad_alter_job('renamed', '{"owner": "other"}');
INSERT INTO points VALUES (1, 'h1', '2026-02-01 09:00+00', 99, now());
SQL
isnt(($node->psql('postgres', "SET ROLE other; CALL ad_run_job('series')"))[0], 0, 'a job is not run by others');
is(($node->psql('postgres', "SET ROLE other; CALL ad_run_job('renamed')"))[0], 0, 'but by who was given it');
is($node->safe_psql('postgres', "SET ROLE other; SELECT count(DISTINCT job) FROM ad_job_series"), '1', 'who sees its series');
cmp_ok($node->safe_psql('postgres', "SELECT ad_drop_job(name) FROM (SELECT name FROM ad_jobs ORDER BY name) s; SELECT count(*) FROM _anomaly._ad_job_part") =~ /\n0$/ ? 0 : 1, '==', 0,
	'nothing is left of jobs that are dropped');
$node->stop;
done_testing();
