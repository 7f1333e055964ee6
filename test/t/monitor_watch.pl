# Health acts: what changes is logged and told, pg_cron runs health, training and
# drift, schedules follow their models, and one that does not run is noticed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = keep(start_server('watch', 'autovacuum = off'));
my $host = $node->host;

# What statements return that a role runs.
sub as_role
{
	my ($role, @sql) = @_;

	return scalar $node->safe_psql('postgres', join("\n;", @sql), extra_params => [ '-U', $role ]);
}

# Error of a statement that a role runs.
sub error_of
{
	my ($role, $sql) = @_;
	my (undef, undef, $err) = $node->psql('postgres', $sql, extra_params => [ '-U', $role ]);

	return $err;
}

# Status and detail of a check, as a role sees it.
sub health
{
	my ($role, $check) = @_;

	return as_role($role, "SELECT status, detail FROM ad_health() WHERE \"check\" = '$check'");
}

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE desk LOGIN;
CREATE ROLE other LOGIN;
CREATE TABLE payment AS SELECT i AS id, (20 + 5 * ad_random(1, i, 'normal'))::float8 AS amount FROM generate_series(1, 6000) i;
ALTER TABLE payment OWNER TO desk;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SQL
as_role('desk', q{SELECT ad_train('m', 'SELECT amount FROM payment', ad_zscore() || ad_calibrate())},
	q{SELECT ad_create_job('j', 'm', 'payment', 'id', 'id', rule => '{"score": 6}', pause_after => 1)}, q{CALL ad_run_job('j')});

# --- what changes is told, without names or details

$node->safe_psql('postgres', 'ALTER TABLE payment RENAME amount TO price');
like(error_of('desk', q{LISTEN ad_health; CALL ad_check_health()}), qr/^$/, 'health is looked at');
my $out = as_role('desk', q{LISTEN ad_health}, q{CALL ad_check_health()});
is($out, '', 'what has not changed is not told again');
is( as_role('desk', q{SELECT "check", object, from_status, to_status FROM ad_health_log WHERE "check" <> 'statistics'}),
	'job columns|j|ok|critical', 'the column that is gone is in the log');
error_of('desk', q{CALL ad_run_job('j')});
$out = as_role('desk', q{LISTEN ad_health}, q{CALL ad_check_health()});
like($out, qr/Asynchronous notification "ad_health" with payload "\{"role": "desk", "changes": \[\{"check": "failing job", "status": "warning"\}, \{"check": "paused job", "status": "critical"\}\]\}"/,
	'a job that fails and is paused is told of');
unlike($out, qr/price|amount/, '... and nothing of its error');
like(as_role('desk', q{SELECT detail FROM ad_health_log WHERE "check" = 'paused job'}), qr/^Job j is paused until .*amount/, '... which its owner finds in the log');
is(as_role('other', 'SELECT count(*) FROM ad_health_log'), 0, '... and nobody else');
like(error_of('desk', q{CALL ad_run_job('j')}), qr/NOTICE:  job "j" is paused until .*\nDETAIL:  Its last run failed\. The error was: .*amount.*\nHINT:  .*ad_resume_job/, 'a run in the pause says so');
is(as_role('desk', q{SELECT count(*) FROM ad_job_runs WHERE status = 'failed'}), 1, '... and is not in the log of runs');
$node->safe_psql('postgres', 'ALTER TABLE payment RENAME price TO amount');
as_role('desk', q{SELECT ad_resume_job('j')}, q{CALL ad_run_job('j')}, q{CALL ad_check_health()});
is(as_role('desk', q{SELECT "check", from_status, to_status FROM ad_health_log WHERE to_status = 'ok' ORDER BY "check"}),
	"failing job|warning|ok\njob columns|critical|ok\npaused job|critical|ok", 'and what is well again');

# at the same time
$node->safe_psql('postgres', 'ALTER TABLE payment RENAME amount TO price');
my @sessions = map { IPC::Run::start([ 'psql', '-XAtq', '-U', 'desk', '-d', $node->connstr('postgres'), map { ('-c', 'CALL ad_check_health()') } 1 .. 10 ], '>', \my $o, '2>', \my $e) } 1 .. 4;
$_->finish for @sessions;
is(as_role('desk', q{SELECT count(*) FROM ad_health_log WHERE "check" = 'job columns' AND to_status = 'critical'}), 2, 'of several calls at a time one writes a change');
$node->safe_psql('postgres', 'ALTER TABLE payment RENAME price TO amount');
is(as_role('postgres', q{SELECT count(*) FROM ad_health_log}) > 0, 1, 'superusers see what roles saw');

# --- schedules

like(error_of('desk', q{SELECT ad_schedule_health('* * * * *')}), qr/cannot schedule health without pg_cron.*CALL ad_check_health\(\)/s, 'without pg_cron a hint says how else');
is(as_role('desk', 'SELECT count(*) FROM ad_schedules'), 0, 'nothing is scheduled');
is(health('desk', 'schedule'), 'ok|What is scheduled runs.', 'nor missing');

SKIP:
{
	skip 'pg_cron is not installed', 29
	  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'") == 0;

	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.host = '$host'
CONF
	$node->restart;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO desk');
	like(error_of('other', q{SELECT ad_schedule_health('* * * * *')}), qr/permission denied for schema cron/, 'not everybody may schedule');
	like(error_of('desk', q{SELECT ad_schedule_health('often')}), qr/invalid schedule/, 'a schedule that is none');
	like(error_of('desk', q{SELECT ad_schedule_drift('m', '* * * * *')}), qr/drift is measured on a query or on a job/, 'drift is of something');
	as_role('desk', q{SELECT ad_schedule_health('* * * * *'), ad_schedule_retrain('m', '* * * * *', max_drift => 0.5), ad_schedule_drift('m', '* * * * *', job => 'j')});
	is( as_role('desk', q{SELECT kind, name, role, schedule, active FROM ad_schedules ORDER BY kind}),
		"drift|m|desk|* * * * *|t\nhealth||desk|* * * * *|t\nretrain|m|desk|* * * * *|t", 'they are in the view');
	is(as_role('other', 'SELECT count(*) FROM ad_schedules'), 0, '... not for everybody');
	is(as_role('postgres', 'SELECT count(*) FROM ad_schedules'), 3, '... but for superusers');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 3 FROM ad_schedules WHERE last_status = 'succeeded'}), 'pg_cron runs them');
	is(as_role('desk', q{SELECT max(version) > 1 FROM ad_models}), 't', '... the training');
	is(as_role('desk', q{SELECT model, verdict, rows, source FROM ad_drift_results}), 'm|stable|6000|job j', '... the drift');
	is(health('desk', 'schedule'), 'ok|What is scheduled runs.', '... and health knows');
	is(as_role('desk', 'SELECT ad_unschedule_health()', 'SELECT ad_unschedule_health()'), "t\nf", 'health is unscheduled, once');

	# they follow the model: to its name, by whomever it is given, and to its end
	my $entries = q{SELECT jobname, command, username FROM cron.job ORDER BY 1};
	$node->safe_psql('postgres', q{SELECT ad_rename_model('m', 'it''s m')});
	is( $node->safe_psql('postgres', $entries),
		"anomaly-drift it's m|CALL _anomaly._ad_measure_drift('it''s m', NULL, NULL, 1)|desk\nanomaly-retrain it's m|CALL _anomaly._ad_retrain_model('it''s m', 0.02, 0.5, 20)|desk",
		'a schedule follows a model to another name');
	is(as_role('desk', 'SELECT count(*), count(active), min(name) FROM ad_schedules'), q{2|2|it's m}, '... in the view, too');
	as_role('desk', q{SELECT ad_grant_model('it''s m', 'other', 'own')});
	as_role('other', q{SELECT ad_rename_model('it''s m', 'm')});
	is($node->safe_psql('postgres', q{SELECT string_agg(jobname || ' ' || username, ', ' ORDER BY 1) FROM cron.job}), 'anomaly-drift m desk, anomaly-retrain m desk', '... by another owner, and stays whose it is');
	as_role('other', q{SELECT ad_grant_model('m', 'desk', 'read'), ad_revoke_model('m', 'desk', 'own')});
	is($node->safe_psql('postgres', 'SELECT string_agg(jobname, $$, $$) FROM cron.job'), 'anomaly-drift m', 'who owns it no more trains it no more');
	as_role('other', q{SELECT ad_revoke_model('m', 'desk', 'read')});
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cron.job'), 0, '... nor measures who may not read it');
	$node->safe_psql('postgres', q{SELECT ad_grant_model('m', 'desk', 'own')});
	as_role('desk', q{SELECT ad_schedule_drift('m', '0 4 * * *', query => 'SELECT amount FROM payment')});
	is(as_role('desk', q{SELECT ad_unschedule_drift('m')}), 't', 'drift is unscheduled');
	as_role('desk', q{SELECT ad_schedule_retrain('m', '0 4 * * *'), ad_schedule_job('j', '0 5 * * *')});
	as_role('desk', q{SELECT ad_schedule_retrain('j', '0 6 * * *')}, q{SELECT ad_rename_job('j', 'k')});
	is(as_role('desk', 'SELECT kind, name, active FROM ad_schedules ORDER BY kind, name'), "job|k|t\nretrain|k|t\nretrain|m|t", 'jobs are in the view, and their training, by the name they have');
	$node->safe_psql('postgres', q{GRANT USAGE ON SCHEMA cron TO other; GRANT SELECT ON payment TO other; SELECT ad_alter_job('k', '{"owner": "other"}')});
	is($node->safe_psql('postgres', q{SELECT string_agg(jobname || ' ' || username, ', ' ORDER BY jobname) FROM cron.job}), 'anomaly k other, anomaly-retrain k other, anomaly-retrain m desk', '... and of the owner they have');
	$node->safe_psql('postgres', q{SELECT ad_alter_job('k', '{"owner": "desk"}')});
	is(as_role('desk', q{SELECT ad_unschedule_retrain('k')}, q{SELECT ad_unschedule_retrain('k')}), "t\nf", '... until they are unscheduled');

	# what does not run is noticed
	is(health('desk', 'schedule'), 'ok|What is scheduled runs.', 'what is not due yet is well');
	$node->safe_psql('postgres', q{UPDATE _anomaly._ad_schedule SET at = now() - interval '10 days'; UPDATE _anomaly._ad_job_run SET started = now() - interval '10 days'});
	like(health('desk', 'schedule'), qr/^critical\|(job k|retrain m) was last run by pg_cron (never|at .*), and has been due three times since; 1 more beyond the limit\.$/, 'what has been due three times is not');
	$node->safe_psql('postgres', q{INSERT INTO cron.job_run_details (jobid, runid, job_pid, database, username, command, status, return_message, start_time, end_time)
		SELECT jobid, 1000 + jobid, 0, 'postgres', username, command, CASE WHEN jobname LIKE '%retrain%' THEN 'failed' ELSE 'succeeded' END, 'ERROR: it fails', now(), now() FROM cron.job});
	is(health('desk', 'schedule'), 'warning|The last run of retrain m by pg_cron failed: ERROR: it fails', 'nor is what fails');
	$node->safe_psql('postgres', q{SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname LIKE '%retrain%'});
	is(health('desk', 'schedule'), 'critical|pg_cron has no entry for retrain m, which is scheduled.', 'nor what is not there any more');
	is(health('other', 'schedule'), 'ok|What is scheduled runs.', 'which is nothing to others');

	# in another database, and without the library
	$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
	$node->append_conf('postgresql.conf', "cron.database_name = 'elsewhere'");
	$node->restart;
	like(health('desk', 'schedule'), qr/^critical\|Nothing runs .*, which is scheduled\. pg_cron runs in database "elsewhere": cron\.database_name is not this one; 1 more beyond the limit\.$/, 'pg_cron may run elsewhere');
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	$node->restart;
	like(health('desk', 'schedule'), qr/The library pg_cron is not in shared_preload_libraries/, '... or not at all');
	$node->safe_psql('postgres', 'DROP EXTENSION pg_cron');
	like(health('desk', 'schedule'), qr/The extension pg_cron is not installed in this database/, '... or be gone');
	as_role('desk', q{SELECT ad_drop_model('m', cascade => true)});
	is(as_role('desk', 'SELECT count(*) FROM ad_schedules'), 0, 'a model takes its schedules with it');
}

# --- a dump has all of it; who restores without the rights of a role leaves out what is its

$node->safe_psql('postgres', q{INSERT INTO _anomaly._ad_schedule VALUES ('health', '', 'desk', '* * * * *', 'CALL _anomaly._ad_check_health()', now())});
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('postgres') ], 'it is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored; CREATE ROLE owner LOGIN; CREATE DATABASE owned OWNER owner');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $dump ], '... and restored');
my $lines = q{SELECT (SELECT count(*) FROM _anomaly._ad_health_log), (SELECT count(*) FROM _anomaly._ad_schedule)};
is($node->safe_psql('restored', $lines), $node->safe_psql('postgres', $lines), '... as it was');
$node->safe_psql('owned', 'CREATE EXTENSION anomaly');
my ($result, $stdout, $stderr) = $node->psql('owned', "COPY _anomaly._ad_schedule FROM STDIN;\nhealth\t\tdesk\t*\tCALL x()\t2026-01-01\nhealth\t\towner\t*\tCALL x()\t2026-01-01\n\\.\n", extra_params => [ '-U', 'owner' ]);
like($stderr, qr/row of table "_ad_schedule" is left out/, 'a row of another is left out');
is($node->safe_psql('owned', 'SELECT role::text FROM _anomaly._ad_schedule'), 'owner', '... and one of his own is not');
($result, $stdout, $stderr) = $node->psql('owned', q{INSERT INTO _anomaly._ad_drift_result VALUES ('m', 'desk', 1, 'x', 'significant', NULL, NULL, 1, now())}, extra_params => [ '-U', 'owner' ]);
like($stderr, qr/cannot insert rows of another role into table "_ad_drift_result"/, 'nor is one planted');

$node->stop;
done_testing();
