# A model per entity beyond one session: parallel plans, what a rollback takes
# back, two trainings at a time, scoring while another trains, a cancel and a
# crash in between, memory, dump and restore by the owner of the database.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $node = start_server('primary');
my $dir = PostgreSQL::Test::Utils::tempdir();

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE payment AS
	SELECT i, 'm' || i * 37 % 5000 AS merchant, ad_random(1, i, 'normal') * (1 + i % 10) AS amount, ad_random(2, i, 'normal') AS hour
	FROM generate_series(1, 150000) i;
ANALYZE payment;
SELECT ad_train('common', 'SELECT amount, hour FROM payment', ad_zscore() || ad_calibrate());
SQL
sub query { return $node->safe_psql('postgres', shift) }
my $train = "SELECT fitted, kept, failed, gone FROM ad_train_groups('g', 'SELECT merchant, amount, hour FROM payment', 'merchant', fallback => 'common')";
my $models = "SELECT md5(string_agg(entity || md5(ad_group_model('g', entity)), '' ORDER BY entity)) FROM ad_model_groups('g')";
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;';

# --- plans

is(query($train), '5000|0|0|0', 'a model per entity');
my $serial = query($models);
is(query("$parallel SET max_parallel_workers_per_gather = 2; SELECT version FROM ad_refresh_groups('g', everything => true); $models"), "2\n$serial",
	'a parallel plan gives the models of a serial one');
my $scores = "SELECT md5(string_agg(encode(float8send(s), 'hex'), '' ORDER BY i)) FROM (SELECT i, ad_score('g', merchant, amount, hour) AS s FROM payment OFFSET 0) q";
is(query("$parallel $scores"), query("SET max_parallel_workers_per_gather = 0; $scores"), 'and so do scores');
is(query("SET anomaly.model_cache_size = '1MB'; $scores"), query("SET anomaly.model_cache_size = '1GB'; $scores"),
	'whether the models fit the cache or not');
is(query("SET anomaly.model_cache_size = 0; SELECT md5(string_agg(encode(float8send(s), 'hex'), '' ORDER BY i)) FROM (SELECT i, ad_score('g', merchant, amount, hour) AS s FROM payment WHERE i <= 2000 OFFSET 0) q"),
	query("SELECT md5(string_agg(encode(float8send(s), 'hex'), '' ORDER BY i)) FROM (SELECT i, ad_score(ad_group_model('g', merchant), amount, hour) AS s FROM payment WHERE i <= 2000 OFFSET 0) q"),
	'or there is none: they are those of the models by bytes');

# --- transactions

my $one = Session->new($node);
my $other = Session->new($node);
my $score = "SELECT ad_score('g', 'm1', 1.5, 0.5)";
my $before = $one->do($score);
query("UPDATE payment SET amount = 3 * amount WHERE merchant = 'm1'");
$one->do('BEGIN; SAVEPOINT s');
like($one->do("SELECT fitted FROM ad_refresh_groups('g')"), qr/^1$/, 'one entity has changed');
my $after = $one->do($score);
isnt($after, $before, 'who trains sees it');
is($other->do($score), $before, 'nobody else does');
$one->do('ROLLBACK TO s');
is($one->do($score), $before, 'nor he himself after a rollback');
query("UPDATE payment SET amount = 5 * amount WHERE merchant = 'm1'");
$one->do("SELECT fitted FROM ad_refresh_groups('g')");
my $third = $one->do($score);
isnt($third, $after, 'the number comes back for another version, which is not taken for the first');
$other->say("SELECT fitted, kept FROM ad_refresh_groups('g')");
ok(!$other->ends(0.5), 'a second training waits for the first');
$one->do('COMMIT');
is($other->answer, '0|5000', 'and builds on it');
is($other->do($score), $third, 'the scores are those of the first');

# --- a version that a query began with

$one->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $old = $one->do($scores);
query("UPDATE payment SET hour = hour + 1 WHERE merchant LIKE 'm1%'; SELECT ad_refresh_groups('g')");
is($one->do($scores =~ s/FROM payment/FROM (SELECT i, merchant, amount, hour FROM payment) p/r), $old, 'a snapshot keeps the models it began with');
$one->do('COMMIT');
isnt($one->do($scores), $old, 'and the next has the new ones');
is(query("SELECT count(*), count(DISTINCT (entity)) FROM ad_model_groups('g')"), '5000|5000', 'each entity is there once');

# --- cancel, crash

query('CREATE TABLE much AS SELECT i, i % 300 AS k, ad_random(1, i) AS a, ad_random(2, i) AS b, ad_random(3, i) AS c FROM generate_series(1, 300000) i');
$one->say("SELECT ad_train_groups('slow', 'SELECT k, a, b, c FROM much', 'k', spec => ad_iforest(trees => 1000))");
select(undef, undef, undef, 3);
my $cpu = $one->cancel_within(0.1);
like($one->answer, qr/canceling statement due to user request/, 'a training is cancelled');
SKIP:
{
	skip 'the kernel does not tell', 1 if !defined $cpu;
	cmp_ok($cpu, '<', 0.1, 'within 100 ms of processor time');
}
is(query('SELECT count(*) FROM _anomaly._ad_model_group g WHERE NOT EXISTS (SELECT FROM _anomaly._ad_model_version v WHERE v.groups ->> $$set$$ = g.group_set::text)'), '0',
	'and leaves nothing');

my $last = query('SELECT max(version) FROM ad_models WHERE name = $$g$$');
query("UPDATE payment SET amount = amount + 1");
$one->do('BEGIN');
$one->do("SELECT fitted FROM ad_refresh_groups('g')");
$node->stop('immediate');
$node->start;
is(query('SELECT max(version) FROM ad_models WHERE name = $$g$$'), $last, 'a crash before the commit: no version');
is(query("SELECT fitted FROM ad_refresh_groups('g')"), '5000', 'the next training makes it');
is(query("SELECT count(*), count(model) FROM _anomaly._ad_model_group WHERE last IS NULL AND group_set::text = (SELECT groups ->> 'set' FROM _anomaly._ad_model_version WHERE name = 'g' ORDER BY version DESC LIMIT 1)"),
	'5000|5000', 'whole');

# --- memory: sketches of many groups are not there at once

my $small = Session->new($node);
$small->do("SET work_mem = '4MB'");
$small->do("SELECT ad_train_groups('m', 'SELECT i % 10 AS k, a, b, c FROM much WHERE i < 3000', 'k', detector => 'ecod')");
$small->reset_peak;
my $peak = $small->megabytes('VmHWM');
$small->do("SELECT ad_train_groups('m', 'SELECT i % 5000 AS k, a, b, c FROM much', 'k', detector => 'ecod')");
SKIP:
{
	skip 'the kernel does not tell', 1 if !defined $peak;
	cmp_ok($small->megabytes('VmHWM') - $peak, '<', 100, 'five thousand sketches take the memory of one');
}

# --- dump and restore by the owner of the database

query(<<'SQL');
CREATE ROLE app_owner LOGIN;
CREATE DATABASE app OWNER app_owner;
CREATE DATABASE app2 OWNER app_owner;
SQL
my $app = $node->connstr('app') . ' user=app_owner';
$node->safe_psql('app', 'CREATE EXTENSION anomaly');
$node->safe_psql('app', <<'SQL', extra_params => [ '-U', 'app_owner' ]);
CREATE TABLE t AS SELECT i, 'k' || i % 50 AS k, ad_random(1, i) AS a FROM generate_series(1, 3000) i;
SELECT ad_train('usual', 'SELECT a FROM t', 'zscore');
SELECT ad_train_groups('tg', 'SELECT k, a FROM t', 'k', fallback => 'usual');
UPDATE t SET a = a + 1 WHERE k = 'k7';
SELECT ad_refresh_groups('tg');
SQL
$node->command_ok([ 'pg_dump', '--no-sync', '-f', "$dir/app.sql", '-d', $app ], 'the owner dumps it');
my ($status, $out, $err) = $node->psql('app2', "\\i $dir/app.sql", extra_params => [ '-U', 'app_owner' ]);
is($status, 0, 'and restores it');
for my $sql ("SELECT entity, rows, fitted_in FROM ad_model_groups('tg')", "SELECT md5(string_agg(ad_score('tg', k, a)::text, ',' ORDER BY i)) FROM t",
	"SELECT ad_score('tg', 'nobody', 5)", "SELECT fitted, kept FROM ad_refresh_groups('tg')",
	"SELECT ad_activate('tg', 1); SELECT md5(string_agg(ad_score('tg', k, a)::text, ',' ORDER BY i)) FROM t")
{
	my @got = map { $node->safe_psql($_, $sql, extra_params => [ '-U', 'app_owner' ]) } 'app', 'app2';
	is($got[1], $got[0], "the same: $sql");
}
# the owner of a database may insert models of entities, and no more comes of it than an error
$node->safe_psql('app2', q{INSERT INTO _anomaly._ad_model_group SELECT group_set, 'planted', 1, NULL, 100, 0, v.m, NULL FROM (SELECT DISTINCT group_set FROM _anomaly._ad_model_group) s, (VALUES ('\x00'::bytea)) v(m)},
	extra_params => [ '-U', 'app_owner' ]);
($status, $out, $err) = $node->psql('app2', "SELECT ad_score('tg', 'planted', 1)", extra_params => [ '-U', 'app_owner' ]);
like($err, qr/value is not a model/, 'bytes of a model are looked at');

done_testing();
