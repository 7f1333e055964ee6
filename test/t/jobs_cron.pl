# A job runs by itself: the real pg_cron calls it every minute, and an alert
# arrives. Without pg_cron there is a hint.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = keep(start_server('cron', 'jit = on'));
my $host = $node->host;

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE fraud_team LOGIN;
CREATE TABLE payment (id int PRIMARY KEY, customer text, amount float8, ts timestamptz NOT NULL DEFAULT clock_timestamp());
INSERT INTO payment SELECT i, 'C' || i % 10, ad_random(1, i, 'normal'), now() - interval '1 day' FROM generate_series(1, 3000) i;
GRANT SELECT, INSERT ON payment TO fraud_team;
SET ROLE fraud_team;
SELECT ad_train('m', 'SELECT amount FROM payment', ad_zscore() || ad_calibrate());
SELECT ad_create_job('fraud', 'm', 'payment', 'id', 'ts', rule => '{"p_value": 0.002}', entity => 'customer');
SQL

my ($status, $out, $err) = $node->psql('postgres', q{SET ROLE fraud_team; SELECT ad_schedule_job('fraud', '* * * * *')});
like($err, qr/cannot schedule job "fraud" without pg_cron/, 'without pg_cron: an error');
like($err, qr/HINT:  .*shared_preload_libraries.*CALL ad_run_job\('fraud'\)/s, 'with a hint');

SKIP:
{
	skip 'pg_cron is not installed', 27
	  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'") == 0;

	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.host = '$host'
CONF
	$node->restart;
	$node->safe_psql('postgres', 'CREATE DATABASE elsewhere; CREATE EXTENSION pg_cron');

	($status, $out, $err) = $node->psql('postgres', q{SET ROLE fraud_team; SELECT ad_schedule_job('fraud', '* * * * *')});
	like($err, qr/permission denied for schema cron\nHINT:  GRANT USAGE ON SCHEMA cron TO fraud_team/, 'who may not use pg_cron is told');
	$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA cron TO fraud_team');
	($status, $out, $err) = $node->psql('postgres', q{SET ROLE fraud_team; SELECT ad_schedule_job('fraud', 'now and then')});
	like($err, qr/invalid schedule: now and then/, 'a schedule that is none');
	($status, $out, $err) = $node->psql('postgres', q{SELECT ad_schedule_job('fraud', '* * * * *')});
	like($err, qr/scheduled by its owner only/, 'only the owner schedules');

	$node->safe_psql('postgres', q{SET ROLE fraud_team; SELECT ad_schedule_job('fraud', '* * * * *')});
	is( $node->safe_psql('postgres', 'SELECT jobname, schedule, command, username FROM cron.job'),
		q{anomaly fraud|* * * * *|CALL _anomaly._ad_run_job('fraud', NULL)|fraud_team}, 'pg_cron knows the job');

	$node->safe_psql('postgres', q{INSERT INTO payment VALUES (10001, 'strange', 1000), (10002, 'usual', 0)});
	ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM ad_alerts WHERE key = '10001'}),
		'the alert arrives by itself');
	is($node->safe_psql('postgres', "SELECT string_agg(entity, ' ') FROM ad_alerts WHERE key::int > 10000"), 'strange', 'and no other');
	# an alert can be seen before its run has ended
	ok($node->poll_query_until('postgres', "SELECT count(*) > 0 AND bool_and(status = 'ok') FROM ad_job_runs"), 'the log says ok');
	ok($node->safe_psql('postgres', 'SELECT max(scored_at - event_at) < \'100 s\' FROM ad_alerts WHERE key = \'10001\'') eq 't',
		'within about a minute');

	is($node->safe_psql('postgres', q{SET ROLE fraud_team; SELECT ad_unschedule_job('fraud')}), 't', 'it can be unscheduled');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cron.job'), 0, 'and pg_cron forgets it');
	is($node->safe_psql('postgres', q{SET ROLE fraud_team; SELECT ad_unschedule_job('fraud')}), 'f', 'once');
	$node->safe_psql('postgres', q{SET ROLE fraud_team; SELECT ad_schedule_job('fraud', '0 3 * * *'); SELECT ad_schedule_job('fraud', '0 4 * * *'); });
	is($node->safe_psql('postgres', 'SELECT schedule FROM cron.job'), '0 4 * * *', 'another schedule takes the place of the first');

	# the schedule follows the job: to another name, and to another owner, who must be let in
	my $entries = q{SELECT jobname, schedule, command, username, active FROM cron.job};
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE desk LOGIN;
CREATE ROLE head IN ROLE fraud_team, desk;
GRANT SELECT ON payment TO desk;
SQL
	is($node->safe_psql('postgres', q{SET ROLE head; SELECT ad_rename_job('fraud', 'it''s fraud')}), q{it's fraud}, 'a member of the owner renames');
	is($node->safe_psql('postgres', $entries), q{anomaly it's fraud|0 4 * * *|CALL _anomaly._ad_run_job('it''s fraud', NULL)|fraud_team|t}, 'the schedule follows to another name');
	my $give = q{SELECT ad_alter_job('it''s fraud', '{"owner": "%s"}')};
	($status, $out, $err) = $node->psql('postgres', 'SET ROLE head; ' . sprintf($give, 'desk'));
	like($err, qr/ERROR:  cannot give scheduled job "it's fraud" to role "desk"\nDETAIL:  Its schedule cannot follow: the role has no privilege on schema cron.\nHINT:  .*GRANT USAGE ON SCHEMA cron TO desk/,
		'an owner who may not schedule is refused');
	unlike($err, qr/CONTEXT/, 'without a context of ours');
	is($node->safe_psql('postgres', q{SELECT owner FROM ad_jobs} . '; ' . $entries),
		qq{fraud_team\nanomaly it's fraud|0 4 * * *|CALL _anomaly._ad_run_job('it''s fraud', NULL)|fraud_team|t}, 'and all is as it was');
	$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA cron TO desk');
	is($node->safe_psql('postgres', 'SET ROLE head; ' . sprintf($give, 'desk')), q{it's fraud}, 'one who may gets the job');
	is($node->safe_psql('postgres', $entries), q{anomaly it's fraud|0 4 * * *|CALL _anomaly._ad_run_job('it''s fraud', NULL)|desk|t}, 'with its schedule');
	is($node->safe_psql('postgres', sprintf($give, 'fraud_team')), q{it's fraud}, 'a superuser gives it back');
	is($node->safe_psql('postgres', 'SELECT username FROM cron.job'), 'fraud_team', 'with its schedule');
	# what was switched off stays so; before 1.4 pg_cron has no function for that
	if ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'cron'::regnamespace AND proname = 'alter_job'}))
	{
		$node->safe_psql('postgres', q{SELECT cron.alter_job(jobid, active => false) FROM cron.job});
		$node->safe_psql('postgres', sprintf($give, 'desk'));
		is($node->safe_psql('postgres', 'SELECT username, active FROM cron.job'), 'desk|f', 'one that was switched off stays so');
		$node->safe_psql('postgres', sprintf($give, 'fraud_team'));
	}
	# a job that is not scheduled goes to anybody
	is($node->safe_psql('postgres', q{SET ROLE head; SELECT ad_unschedule_job('it''s fraud')}), 't', 'a member of the owner takes it from the schedule');
	$node->safe_psql('postgres', 'REVOKE USAGE ON SCHEMA cron FROM desk');
	is($node->safe_psql('postgres', 'SET ROLE head; ' . sprintf($give, 'desk')), q{it's fraud}, 'a job without a schedule goes to an owner who has none');
	$node->safe_psql('postgres', sprintf($give, 'fraud_team'));
	is($node->safe_psql('postgres', q{SELECT ad_rename_job('it''s fraud', 'fraud')}), 'fraud', 'and gets its name back');
	# entries of others, of the same name, are not touched
	$node->safe_psql('postgres', q{SET ROLE fraud_team; SELECT ad_schedule_job('fraud', '0 5 * * *')});
	$node->safe_psql('postgres', q{SELECT cron.schedule('anomaly fraud', '0 6 * * *', 'SELECT 1')});
	$node->safe_psql('postgres', q{SET ROLE fraud_team; SELECT ad_drop_job('fraud')});
	is($node->safe_psql('postgres', 'SELECT username, schedule FROM cron.job'), 'postgres|0 6 * * *', 'an entry of the same name of another role stays');
	$node->safe_psql('postgres', q{SELECT cron.unschedule(jobid) FROM cron.job});
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cron.job'), 0, 'a dropped job is not scheduled');

	# pg_cron lives in one database only
	$node->safe_psql('elsewhere', <<'SQL');
CREATE EXTENSION anomaly;
CREATE TABLE t AS SELECT i AS id, i * 37 % 101 AS a FROM generate_series(1, 1000) i;
SELECT ad_train('m', 'SELECT a FROM t', 'zscore');
SELECT ad_create_job('j', 'm', 't', 'id', 'id', rule => '{"score": 5}');
SQL
	($status, $out, $err) = $node->psql('elsewhere', q{SELECT ad_schedule_job('j', '* * * * *')});
	my ($statement) = $err =~ /A superuser can run there: (SELECT .*)/;
	like($err, qr/pg_cron is loaded, for database "postgres"/, 'in another database a hint says how');
	# pg_cron 1.4 or later can
	if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_proc WHERE proname = 'schedule_in_database'") > 0)
	{
		$node->safe_psql('postgres', $statement // 'SELECT 1 / 0');
		is($node->safe_psql('postgres', 'SELECT database, username FROM cron.job'), 'elsewhere|postgres', 'and that works');
	}
}

$node->stop;
done_testing();
