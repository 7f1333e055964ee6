# A job that is killed at any moment goes on as if nothing had been: the same
# alerts as of a run that nobody disturbed. And what a killed, cancelled or
# second run leaves behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use IPC::Run ();
use Kept;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(usleep);

my $kills = $ENV{ANOMALY_LONG} ? 20 : 8;

seed();
my $node = keep(start_server('jobs', "shared_preload_libraries = 'anomaly'", 'fsync = on', 'restart_after_crash = on', 'autovacuum = off'));

# 30,000 rows, and a function that makes scoring slow enough to be hit
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE payment AS
SELECT i AS id, 'C' || i % 50 AS customer, ad_random(1, i, 'normal') * CASE WHEN i % 97 = 0 THEN 20 ELSE 1 END AS amount,
	ad_random(2, i, 'normal') AS other, timestamptz '2026-01-01' + (i / 3) * interval '1 second' AS ts
FROM generate_series(1, 30000) i;
CREATE INDEX ON payment (ts);
SELECT ad_train('m', 'SELECT amount, other FROM payment WHERE id % 97 <> 0', ad_zscore() || ad_calibrate());
CREATE FUNCTION pause(id int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF id % 200 = 0 THEN PERFORM pg_sleep(0.01); END IF;
	RETURN true;
END $$;
SELECT ad_create_job(name, 'm', 'SELECT * FROM payment WHERE pause(id)', 'id', 'ts', rule => '{"p_value": 0.002}', entity => 'customer',
	batch_size => 250, lag => '2 minutes', cooldown => '10 minutes', limit_per_hour => 200)
FROM unnest('{undisturbed,killed}'::text[]) name;
CHECKPOINT;
SQL

my $alerts = q{SELECT key, entity, score, p_value, "row", model_version, event_at, explanation FROM ad_alert
	WHERE job = '%s' ORDER BY key};
my $duration = time;
$node->safe_psql('postgres', "CALL ad_run_job('undisturbed')");
my $expected = $node->safe_psql('postgres', sprintf($alerts, 'undisturbed'));
my @expected = split /\n/, $expected;
cmp_ok(scalar @expected, '>', 100, 'a run that nobody disturbs finds ' . scalar(@expected) . ' alerts');
is($node->safe_psql('postgres', "SELECT batches, rows FROM ad_job_run WHERE job = 'undisturbed'"),
	'120|30000', 'in 120 batches');

# What must hold at any time: the alerts so far are some of those expected,
# each once, and are all up to the watermark.
sub check
{
	my ($name) = @_;
	my %so_far = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', sprintf($alerts, 'killed'));
	my @lost = grep { !$so_far{$_} } @expected;
	my @more = grep { my $row = $_; !grep { $_ eq $row } @expected } keys %so_far;

	is(scalar @more, 0, "$name: no alert that is not expected (" . scalar(keys %so_far) . ' so far)');
	is( $node->safe_psql('postgres', <<'SQL'), 0, "$name: none is missing up to the watermark");
SELECT count(*) FROM ad_alert u
WHERE job = 'undisturbed' AND timezone('UTC', event_at) < (SELECT coalesce(watermark, '-infinity')::timestamp FROM ad_jobs WHERE name = 'killed')
	AND NOT EXISTS (SELECT FROM ad_alert k WHERE k.job = 'killed' AND k.key = u.key)
SQL
}

# Start a run in the background.
sub start_run
{
	my ($job) = @_;
	my $run = Session->new($node);

	$run->say("CALL ad_run_job('$job')");
	return $run;
}

my ($interrupted, $surely) = (0, 0);
foreach my $i (1 .. $kills)
{
	my $run = start_run('killed');
	my $log = -s $node->logfile;

	usleep(int(rand(250_000)) + 5_000);
	# now and then in the midst of its batches, however slow the machine is
	if ($i % 4 < 2)
	{
		usleep(10_000) until $run->ends(0)
		  || $node->safe_psql('postgres', "SELECT count(*) FROM ad_job_run WHERE pid = $run->{pid} AND finished IS NULL AND batches > 0");
		$surely++ if !$run->ends(0);
	}
	$interrupted++ if !$run->ends(0);
	if ($i % 2)
	{
		kill 'KILL', $run->{pid};
		$run->ends(300);
		after_crash($node, $log);
	}
	else
	{
		$node->stop('immediate') if $i % 4;
		$node->kill9 if $i % 4 == 0;
		$run->ends(300);
		# processes of the killed server still end
		for (1 .. 3000)
		{
			usleep(100_000);
			last if $node->start(fail_ok => 1);
			# the file of the killed one is no server's
			delete $node->{_pid};
		}
	}
	$run->end;
	check("kill $i") if $i % 4 == 0;
}
note "$interrupted of $kills runs were interrupted";
cmp_ok($surely, '>=', $kills / 4, 'many kills hit a run in its midst');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM ad_job_run WHERE job = 'killed' AND error_code = '57P01'"),
	'>=', $surely, 'the log says of killed runs that their server process ended');
$node->safe_psql('postgres', "CALL ad_run_job('killed')");
is($node->safe_psql('postgres', sprintf($alerts, 'killed')), $expected, 'in the end the alerts are the same');
is( $node->safe_psql('postgres', "SELECT sum(rows), sum(alerts), sum(suppressed) FROM ad_job_run WHERE job = 'killed'"),
	$node->safe_psql('postgres', "SELECT sum(rows), sum(alerts), sum(suppressed) FROM ad_job_run WHERE job = 'undisturbed'"),
	'and the log counts each row once');

# Two runs do not overlap.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION crawl(id int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF id % 20 = 0 THEN PERFORM pg_sleep(0.01); END IF;
	RETURN true;
END $$;
SELECT ad_create_job('slow', 'm', 'SELECT * FROM payment WHERE id <= 3000 AND crawl(id)', 'id', 'ts', rule => '{"p_value": 0.002}', batch_size => 100);
SQL
my $first = start_run('slow');
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM ad_job_run WHERE job = 'slow' AND batches > 0");
is( $node->safe_psql('postgres', "SELECT kind, name, phase, rows_done > 0 FROM ad_progress WHERE kind = 'job'"),
	'job|slow|batch|t', 'a running job is in ad_progress');
my ($status, $out, $err) = $node->psql('postgres', "CALL ad_run_job('slow')");
is($status, 0, 'a second run returns');
like($err, qr/NOTICE:  job "slow" is already running.*PID \d+/s, 'and says that there is one');
is($node->safe_psql('postgres', "SELECT count(*) FROM ad_job_run WHERE job = 'slow'"), 1, 'without a line in the log');

# Cancelled, it says so, has kept what it did, and another session can go on.
$node->safe_psql('postgres',
	"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL ad_run_job%' AND state = 'active' AND pid <> pg_backend_pid()");
like($first->answer, qr/canceling statement due to user request/, 'a cancelled run ends');
$first->end;
is($node->safe_psql('postgres', 'SELECT count(*) FROM ad_progress'), 0, 'it is in ad_progress no more');
# between two batches nothing can be caught: the next run sees that it did not end
like($node->safe_psql('postgres', "SELECT status, error_code FROM ad_job_run WHERE job = 'slow'"),
	qr/^(failed\|57014|unfinished\|)$/, 'and is in the log');
$node->safe_psql('postgres', "SELECT ad_alter_job('slow', '{\"source\": \"SELECT * FROM payment WHERE id <= 3000\"}')");
$node->safe_psql('postgres', "CALL ad_run_job('slow')");
is($node->safe_psql('postgres', "SELECT sum(rows) FROM ad_job_run WHERE job = 'slow'"), 3000, 'every row is scored once');

# A statement timeout, in one session that lives on.
($status, $out, $err) = $node->psql('postgres', <<'SQL', on_error_stop => 0);
SELECT ad_create_job('timed', 'm', 'SELECT * FROM payment WHERE id <= 3000 AND crawl(id)', 'id', 'ts', rule => '{"p_value": 0.002}', batch_size => 10);
SET statement_timeout = '300ms';
CALL ad_run_job('timed');
RESET statement_timeout;
SELECT 'locks: ' || count(*) FROM pg_locks WHERE locktype = 'object' AND classid = '_anomaly._ad_job'::regclass;
SQL
like($err, qr/statement timeout/, 'a timed out run ends');
is($out =~ /locks: (\d+)/ ? $1 : '', 0, 'and leaves no lock');

# Who listens is told at the commit of a batch, and then the alerts are there.
($status, $out, $err) = $node->psql('postgres', <<'SQL');
SELECT ad_create_job('loud', 'm', 'SELECT * FROM payment WHERE id <= 3000', 'id', 'ts', rule => '{"p_value": 0.002}', batch_size => 1000);
LISTEN ad_alert;
CALL ad_run_job('loud');
SQL
my @told = $out =~ /notification "ad_alert" with payload "(\{.*?\})"/g;
is(scalar @told, 3, 'three batches, three notifications');
is(scalar(grep { /^\{"job": "loud", "alerts": \d+\}$/ } @told), 3, 'with job and number, and nothing else: anybody hears it');
is( $node->safe_psql('postgres', "SELECT string_agg(n::text, ',' ORDER BY scored_at) FROM (SELECT scored_at, count(*) AS n FROM ad_alert WHERE job = 'loud' GROUP BY scored_at) t"),
	join(',', map { /"alerts": (\d+)/ } @told), 'of alerts that are there');

# While others insert, in transactions of different lengths: every row once,
# though many become visible after later ones have been scored.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE live (id bigserial PRIMARY KEY, amount float8, other float8 DEFAULT 0, ts timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON live (ts, id);
SELECT ad_create_job('live', 'm', 'live', 'id', 'ts', rule => '{"p_value": 0.002}', batch_size => 50, lag => '10 seconds');
SQL
my $script = $node->basedir . '/insert.sql';
PostgreSQL::Test::Utils::append_to_file($script, <<'SQL');
\set wait random(0, 200)
BEGIN;
INSERT INTO live (amount) VALUES (CASE WHEN :wait < 20 THEN 50 ELSE 0 END);
\sleep :wait ms
INSERT INTO live (amount) VALUES (CASE WHEN :wait < 20 THEN 50 ELSE 0 END);
END;
SQL
my $inserting = IPC::Run::start([ 'pgbench', '-n', '-c', 8, '-T', 4, '-f', $script, $node->connstr('postgres') ],
	'<', \undef, '>', \my $bench_out, '2>', \my $bench_err);
for (1 .. 40)
{
	$node->safe_psql('postgres', "CALL ad_run_job('live')");
	usleep(100_000);
}
$inserting->finish;
$node->safe_psql('postgres', "CALL ad_run_job('live')");
my $inserted = $node->safe_psql('postgres', 'SELECT count(*) FROM live');
note "$inserted rows inserted while the job ran";
is($node->safe_psql('postgres', "SELECT sum(rows) FROM ad_job_run WHERE job = 'live'"), $inserted, 'rows that come while it runs are scored once each');
is( $node->safe_psql('postgres', "SELECT count(*) FROM ad_alert WHERE job = 'live'"),
	$node->safe_psql('postgres', 'SELECT count(*) FROM live WHERE amount > 0'), 'and the strange ones are alerts');

# Dump and restore keep jobs, watermarks and alerts; the restored job goes on.
$node->safe_psql('postgres', "CREATE ROLE keeper LOGIN; CREATE DATABASE copy; SELECT ad_grant_job('killed', 'keeper');");
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], 'restore');
is($node->safe_psql('copy', sprintf($alerts, 'killed')), $expected, 'a restore has the alerts');
$node->safe_psql('copy', q{INSERT INTO payment VALUES (900001, 'new', 99, 0, '2026-01-01 02:46:41+00'); CALL ad_run_job('killed')});
is($node->safe_psql('copy', "SELECT rows, alerts FROM ad_job_run WHERE job = 'killed' ORDER BY run DESC LIMIT 1"), '1|1', 'and goes on where it was');
$node->safe_psql('copy', "SELECT ad_create_job('another', 'm', 'payment', 'id', 'ts', rule => '{\"p_value\": 0.002}')");
is($node->safe_psql('copy', 'SELECT count(*), count(DISTINCT id) FROM _anomaly._ad_job'), '7|7', 'numbers of jobs go on too');
is($node->safe_psql('copy', 'SET ROLE keeper; SELECT count(*) > 0 FROM ad_alert'), 't', 'and so do grants');

# So does a restore by several processes, which load the tables in any order.
my $archive = $node->basedir . '/dump.custom';
$node->safe_psql('postgres', "SELECT ad_label('killed', key, true) FROM ad_alert WHERE job = 'killed'; CREATE DATABASE parallel_copy");
$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $archive ], 'pg_dump to an archive');
$node->command_ok([ 'pg_restore', '-j', 4, '-d', $node->connstr('parallel_copy'), $archive ], 'pg_restore with four jobs');
is( $node->safe_psql('parallel_copy', 'SELECT (SELECT count(*) FROM _anomaly._ad_alert), (SELECT count(*) FROM _anomaly._ad_label), (SELECT count(*) FROM _anomaly._ad_job_seen)'),
	$node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM _anomaly._ad_alert), (SELECT count(*) FROM _anomaly._ad_label), (SELECT count(*) FROM _anomaly._ad_job_seen)'),
	'has alerts, labels and keys');

# Of a job that is dropped while it runs nothing is left.
$first = start_run('slow') if $node->safe_psql('postgres',
	"SELECT ad_alter_job('slow', '{\"source\": \"SELECT * FROM payment WHERE id BETWEEN 3001 AND 6000 AND crawl(id)\"}') IS NOT NULL") eq 't';
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM ad_job_run WHERE job = 'slow' AND finished IS NULL AND batches > 0");
$node->safe_psql('postgres', "SELECT ad_drop_job('slow')");
like($first->answer, qr/job was dropped/, 'a run of a dropped job ends');
$first->end;
is( $node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT job_id FROM _anomaly._ad_alert UNION ALL SELECT job_id FROM _anomaly._ad_job_run UNION ALL
		SELECT job_id FROM _anomaly._ad_job_seen UNION ALL SELECT job_id FROM _anomaly._ad_job_state UNION ALL SELECT job_id FROM _anomaly._ad_label) x WHERE job_id NOT IN (SELECT id FROM _anomaly._ad_job)'),
	0, 'and leaves nothing');

$node->stop;
done_testing();
