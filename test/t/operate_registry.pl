# Named models beyond one session: parallel plans, snapshots of other
# sessions, training at the same time, dump and restore by the owner of the
# database, logical replication, a replica.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = keep(start_server('primary', 'wal_level = logical', 'max_wal_senders = 8',
	'max_worker_processes = 16'));
my $dir = PostgreSQL::Test::Utils::tempdir();

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE payment AS
	SELECT i, (i * 37 % 101 + i * 53 % 97 + i * 71 % 89) / 3.0 AS amount,
		(ARRAY['de', 'fr', 'nl', NULL])[1 + i % 4] AS country
	FROM generate_series(1, 20000) i;
ANALYZE payment;
SELECT ad_train('fraud', 'SELECT amount, country FROM payment', ad_iforest(trees => 10));
CREATE FUNCTION plan_shape(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (COSTS OFF, FORMAT JSON) ' || sql INTO plan;
	RETURN (SELECT string_agg(m[1], ' > ') FROM regexp_matches(plan::text, '"Node Type": "([^"]+)"', 'g') m);
END $$;
SQL

# Statements of one session; "\! other ..." runs another one in between.
sub session
{
	my ($sql, @params) = @_;

	my $psql = "psql -XAtq -d '" . $node->connstr('postgres') . "'";
	$sql =~ s/^other (.*);$/\\! $psql -c "$1"/mg;
	$sql =~ s/^background (\S+) (.*);$/\\! $psql -c "$2" > $dir\/$1 2>&1 &/mg;
	my ($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 0, @params);
	return $out . ($err ? "\n$err" : '');
}

# What a session in the background has said, when it has; its commit can be
# seen before.
sub said
{
	my ($name) = @_;

	for (1 .. 1800)
	{
		last if -s "$dir/$name";
		sleep 0.1;
	}
	return slurp_file("$dir/$name");
}

# --- parallel plans

my $parallel = <<'SQL';
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SQL
my $scores = "SELECT md5(string_agg(encode(float8send(s), 'hex'), '' ORDER BY i)) FROM (SELECT i, ad_score('fraud', amount, country) AS s FROM payment OFFSET 0) q";
like(session("$parallel SELECT plan_shape(\$\$ $scores \$\$);"), qr/Gather/, 'a scan that scores by name is parallel');
is(session("$parallel $scores;"),
	session("SET max_parallel_workers_per_gather = 0; $scores;"), 'with the same scores');
is( session(<<"SQL"), "t\nt", 'a model that its own transaction trained and has not committed is seen by the workers');
$parallel
BEGIN;
SELECT ad_train('mine', 'SELECT amount FROM payment', ad_iforest(trees => 5)) = 1;
SELECT count(DISTINCT ad_score('mine', amount)) > 100 FROM payment;
ROLLBACK;
SQL
is( session(<<"SQL"), 't', 'a parallel training query gives the model of a serial one');
$parallel
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT ad_train('p', 'SELECT amount, country FROM payment', ad_iforest(trees => 10)) \\g /dev/null
SELECT ad_info('p') ->> 'digest' = ad_info('fraud') ->> 'digest';
ROLLBACK;
SQL
is( session(<<"SQL"), "t", 'and is given workers');
$parallel
CREATE TEMP TABLE seen (pid int);
CREATE FUNCTION pid_of(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN PERFORM pg_sleep(0.00001); RETURN pg_backend_pid(); END';
SELECT ad_train('pids', 'SELECT pid_of(i) AS pid FROM payment', 'hbos') \\g /dev/null
SELECT "distinct" > 1 FROM ad_features('pids');
SQL

# --- snapshots

is( session(<<'SQL'), "10\n2\n10\n10\n11", 'REPEATABLE READ keeps the version it began with');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT ad_info('fraud') #>> '{iforest,trees}';
other SELECT ad_train('fraud', 'SELECT amount, country FROM payment', ad_iforest(trees => 11));
SELECT ad_info('fraud') #>> '{iforest,trees}';
SELECT DISTINCT ad_info('fraud') #>> '{iforest,trees}' FROM payment LIMIT 5;
COMMIT;
SELECT ad_info('fraud') #>> '{iforest,trees}';
SQL
is( session(<<'SQL'), "11\n3\n12", 'READ COMMITTED sees the new one in its next statement');
BEGIN;
SELECT ad_info('fraud') #>> '{iforest,trees}';
other SELECT ad_train('fraud', 'SELECT amount, country FROM payment', ad_iforest(trees => 12));
SELECT ad_info('fraud') #>> '{iforest,trees}';
COMMIT;
SQL
is( session(<<'SQL'), "10\n4\nf\n10", 'nobody else sees what is not committed');
SELECT ad_activate('fraud', 1) \g /dev/null
SELECT ad_info('fraud') #>> '{iforest,trees}';
BEGIN;
SELECT ad_train('fraud', 'SELECT amount, country FROM payment', ad_iforest(trees => 13));
other SELECT ad_info('fraud') #>> '{iforest,trees}' = '13';
ROLLBACK;
SELECT ad_info('fraud') #>> '{iforest,trees}';
SQL
my $cursor = session(<<'SQL');
BEGIN;
DECLARE c CURSOR FOR SELECT ad_info('fraud') #>> '{iforest,trees}' FROM payment;
FETCH c;
other SELECT ad_activate('fraud', 2), ad_drop_model('fraud', 1);
other VACUUM _anomaly._ad_model_version;
FETCH 2 FROM c;
COMMIT;
SELECT ad_info('fraud') #>> '{iforest,trees}';
SQL
is($cursor, "10\n1|1\n10\n10\n11", 'a running query keeps its version, though it is dropped and vacuumed');

is( session(<<'SQL'), "seen", 'a loop in PL/pgSQL sees what another session activates between two of its expressions');
SET client_min_messages = error;
background loop SELECT pg_sleep(0.5), ad_train('fraud', 'SELECT amount, country FROM payment', ad_iforest(trees => 77));
CREATE TEMP TABLE result (what text);
DO $$
DECLARE
	before text := ad_info('fraud') #>> '{iforest,trees}';
	s text;
BEGIN
	FOR i IN 1..2000 LOOP
		s := ad_info('fraud') #>> '{iforest,trees}';
		EXIT WHEN s = '77' AND before <> '77';
		PERFORM pg_sleep(0.02);
	END LOOP;
	INSERT INTO result VALUES (CASE WHEN s = '77' AND before <> '77' THEN 'seen' ELSE concat_ws(' ', before, s) END);
END $$;
TABLE result;
SELECT ad_activate('fraud', 2) \g /dev/null
SQL

# --- the same name at the same time

my $waits = <<'SQL';
DO $$ BEGIN
	FOR i IN 1..1000 LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%ad\_train%' AND pid <> pg_backend_pid());
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
SQL
is( session(<<"SQL"), "1", 'training a new name in a transaction');
BEGIN;
SELECT ad_train('both', 'SELECT amount FROM payment', 'zscore');
background both SELECT ad_train('both', 'SELECT amount FROM payment', 'zscore');
$waits
COMMIT;
SQL
is(said('both'), "2\n", 'another session waits for it, and trains the next version');
is( session(<<"SQL"), "3", 'if it is rolled back');
BEGIN;
SELECT ad_train('both', 'SELECT amount FROM payment', 'zscore');
background undone SELECT ad_train('both', 'SELECT amount FROM payment', 'zscore');
$waits
ROLLBACK;
SQL
is(said('undone'), "3\n", 'the other one has its number');

append_to_file("$dir/train.sql", "SELECT ad_train('busy', 'SELECT amount FROM payment LIMIT 100', 'zscore', keep => 5);\n"
	  . "SELECT ad_score('busy', 1);\n");
$node->command_ok([ 'pgbench', '-n', '-c', '8', '-j', '2', '-t', '10', '-f', "$dir/train.sql", '-d', $node->connstr('postgres') ],
	'eight sessions train one name');
is( $node->safe_psql('postgres', "SELECT array_agg(version ORDER BY version), bool_or(active AND version = 80) FROM ad_models WHERE name = 'busy'"),
	'{76,77,78,79,80}|t', 'every one of them got a version of its own, and five are kept');

# --- dump and restore by the owner of the database

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE app_owner LOGIN;
CREATE ROLE scorer LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE leaver LOGIN;
CREATE DATABASE app OWNER app_owner;
CREATE DATABASE app2 OWNER app_owner;
CREATE DATABASE app3 OWNER app_owner;
SQL

sub as
{
	my ($role, $database, $sql, $server) = @_;
	my ($status, $out, $err) = ($server // $node)->psql($database, $sql, extra_params => [ '-U', $role ]);
	return $out . ($err ? "\n$err" : '');
}
is(as('app_owner', 'app', 'CREATE EXTENSION anomaly'), '', 'the owner of a database, no superuser, makes the extension');
is( as('app_owner', 'app', <<'SQL'), "1\n2\n1\nt|t|t|t", 'and models in it');
CREATE SCHEMA data;
CREATE TABLE data.t AS SELECT i::float8 AS a FROM generate_series(1, 500) i;
SELECT ad_train('fraud', 'SELECT a FROM data.t', ad_iforest(trees => 7), 'note', keep => 3);
SELECT ad_train('fraud', 'SELECT a, a * 2 AS b FROM data.t', 'zscore', activate => false);
SELECT ad_train('other', 'SELECT a FROM data.t', 'hbos');
SELECT ad_grant_model('fraud', 'scorer', 'score') IS NOT NULL, ad_grant_model('fraud', 'reader', 'read') IS NOT NULL,
	ad_grant_model('fraud', 'leaver', 'read') IS NOT NULL, ad_grant_model('other', 'public', 'score') IS NOT NULL;
SQL
$node->safe_psql('postgres', 'ALTER ROLE scorer RENAME TO scorer2');
my $connstr = $node->connstr('app') . ' user=app_owner';
$node->command_ok([ 'pg_dump', '--no-sync', '-f', "$dir/app.sql", '-d', $connstr ], 'the owner dumps it');
$node->command_ok([ 'pg_dump', '--no-sync', '-Fc', '-f', "$dir/app.dump", '-d', $connstr ], 'in the custom format');
my $before = as('app_owner', 'app', 'SELECT name, version, active, spec, query, rows, features, digest, trained_at, trained_by, notes, ad_info(ad_model(name, version)) FROM ad_models ORDER BY 1, 2; SELECT * FROM ad_model_grants WHERE role <> \'leaver\' ORDER BY 1, 2, 3');
$node->safe_psql('postgres', 'DROP ROLE leaver');

# Nothing of it is lost in a restored database.
sub check_restored
{
	my ($server, $database, $how) = @_;

	is(as('app_owner', $database, 'SELECT name, version, active, spec, query, rows, features, digest, trained_at, trained_by, notes, ad_info(ad_model(name, version)) FROM ad_models ORDER BY 1, 2; SELECT * FROM ad_model_grants ORDER BY 1, 2, 3', $server),
		$before, "$how: models and grants are there");
	like(as('scorer2', $database, "SELECT ad_score('fraud', 1.0)", $server), qr/^0\.\d+$/, "$how: who might score can");
	like(as('scorer2', $database, "SELECT ad_model('fraud')", $server), qr/permission denied for model "fraud"/, "$how: but not read");
	is(as('reader', $database, "SELECT ad_info('fraud') #>> '{iforest,trees}'", $server), '7', "$how: who might read can");
	is(as('app_owner', $database, "SELECT ad_train('fraud', 'SELECT a FROM data.t', 'zscore'), ad_train('fraud', 'SELECT a FROM data.t', 'zscore')", $server),
		'3|4', "$how: training goes on");
	is(as('app_owner', $database, "SELECT count(*) FROM ad_models WHERE name = 'fraud'", $server), '3', "$how: with the same policy");
}
my ($out, $err) = run_command([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/app.sql", '-d', $node->connstr('app2') . ' user=app_owner' ]);
like($err, qr/^\S*:? ?WARNING:  role "leaver" does not exist, so it is granted nothing/m, 'restore says which role is missing');
unlike($err, qr/ERROR/, 'and goes on');
check_restored($node, 'app2', 'restored by the owner');
$node->command_ok([ 'pg_restore', '-e', '-j', '2', '-d', $node->connstr('app3') . ' user=app_owner', "$dir/app.dump" ],
	'pg_restore with two jobs');
check_restored($node, 'app3', 'pg_restore');

# The extension of another role, in a database that changes hands.
$node->safe_psql('postgres', "CREATE DATABASE app4; ALTER DATABASE app4 OWNER TO reader");
$node->safe_psql('app4', <<'SQL');
CREATE EXTENSION anomaly;
SELECT ad_train('fraud', 'SELECT i AS a FROM generate_series(1, 100) i', 'zscore');
SQL
$node->command_ok([ 'pg_dump', '--no-sync', '-f', "$dir/app4.sql", '-d', $node->connstr('app4') . ' user=reader' ],
	'a later owner of the database dumps it too');
command_fails_like([ 'pg_dump', '--no-sync', '-f', "$dir/no.sql", '-d', $node->connstr('app4') . ' user=scorer2' ],
	qr/permission denied for (table|sequence) _ad_|user may lack SELECT privilege on the sequence/, 'and nobody else');

# A server where nobody is known.
my $bare = keep(start_server('subscriber'));
$bare->safe_psql('postgres', 'CREATE DATABASE app');
run_command([ 'psql', '-Xq', '-f', "$dir/app.sql", '-d', $bare->connstr('app') ]);
is($bare->safe_psql('app', "SELECT string_agg(name || ' ' || version, ', ' ORDER BY name, version) FROM ad_models"),
	'fraud 1, fraud 2, other 1', 'where no role is known, the models are still there');
is($bare->safe_psql('app', 'SELECT * FROM ad_model_grants'), 'other|public|score', 'and only what is for all');

# --- logical replication

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE trainer;
GRANT SELECT ON payment TO trainer;
SELECT ad_grant_model('fraud', 'trainer', 'own');
CREATE PUBLICATION models FOR TABLE _anomaly._ad_model_name, _anomaly._ad_model_version, _anomaly._ad_model_grant;
SQL
$bare->safe_psql('postgres', "CREATE SUBSCRIPTION models CONNECTION \$\$" . $node->connstr('postgres') . "\$\$ PUBLICATION models");
$bare->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')");
my $all = "SELECT md5(string_agg(concat_ws(' ', name, version, active, digest, ad_score(name, VARIADIC CASE WHEN jsonb_array_length(features) = 1 THEN ARRAY[5.0] END)), ',' ORDER BY name, version)) FROM ad_models WHERE name <> 'fraud'";
my $fraud = "SELECT ad_score('fraud', 12.5, 'fr'), ad_info('fraud') ->> 'digest'";
is($bare->safe_psql('postgres', $all), $node->safe_psql('postgres', $all), 'a subscriber has the models');
is($bare->safe_psql('postgres', $fraud), $node->safe_psql('postgres', $fraud), 'and scores by them');
$node->safe_psql('postgres', <<'SQL');
SELECT ad_train('fraud', 'SELECT amount, country FROM payment', 'hbos');
SELECT ad_train('later', 'SELECT amount FROM payment', 'hbos');
SELECT ad_grant_model('later', 'trainer', 'score'), ad_grant_model('later', 'reader', 'score');
SELECT ad_rename_model('both', 'renamed'), ad_drop_model('busy');
SQL
$node->wait_for_catchup('models');
is($bare->safe_psql('postgres', $fraud), $node->safe_psql('postgres', $fraud), 'a new version follows');
is($bare->safe_psql('postgres', $all), $node->safe_psql('postgres', $all), 'so do a new model, a rename and a drop');
is($bare->safe_psql('postgres', "SELECT count(*) FROM ad_model_grants WHERE name = 'later' AND role = 'reader'"), 0,
	'a grant to a role that is not there stops nothing');
$bare->stop;

# --- a replica

$node->backup('base');
my $replica = PostgreSQL::Test::Cluster->new('replica');
$replica->init_from_backup($node, 'base', has_streaming => 1);
$replica->start;
is($replica->safe_psql('postgres', $fraud), $node->safe_psql('postgres', $fraud), 'a replica scores by name');
$node->safe_psql('postgres', "SELECT ad_train('fraud', 'SELECT amount, country FROM payment', 'zscore')");
$node->wait_for_catchup($replica, 'replay', $node->lsn('insert'));
is($replica->safe_psql('postgres', $fraud), $node->safe_psql('postgres', $fraud), 'and by the next version');
($out, $err) = (undef, undef);
$replica->psql('postgres', "SELECT ad_train('fraud', 'SELECT amount FROM payment', 'zscore')", stderr => \$err);
like($err, qr/cannot execute ad_train\(\) (in a read-only transaction|during recovery)/, 'but does not train');
$replica->stop;
$node->stop;
done_testing();
