# A coordinator and two workers of Citus, where it is installed: fits and
# detection are computed on the shards, and are those of one server; of what
# Citus cannot compute there, an error of ours says what to do. Models that are
# shared are known by name on the servers of the rows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $share = `$pg_config --sharedir`);
plan skip_all => 'Citus is not installed' if !-e "$share/extension/citus.control";

# Nodes find each other by TCP.
my @nodes = map {
	my $node = PostgreSQL::Test::Cluster->new($_);

	init_server($node, allows_streaming => 1);
	$node->append_conf('postgresql.conf', "$_\n")
	  for 'fsync = off', "shared_preload_libraries = 'citus'", "listen_addresses = '127.0.0.1'",
	  'max_connections = 100', 'max_prepared_transactions = 100', "citus.node_conninfo = 'sslmode=disable'";
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION citus');
	$node;
} qw(coordinator worker1 worker2);
my ($one, @workers) = @nodes;
my $spec = 'ad_iforest() || ad_sampling(keyed => true)';
my $features = 'id, amount, qty, fee, ts, country';
my $shards = 4;

note $one->safe_psql('postgres', 'SELECT citus_version()');
$one->safe_psql('postgres', "SELECT citus_set_coordinator_host('127.0.0.1', " . $one->port . ')');
$one->safe_psql('postgres', "SELECT citus_add_node('127.0.0.1', " . $_->port . ')') for @workers;
$one->safe_psql('postgres', 'CREATE EXTENSION anomaly');
is(sql_value($_, "SELECT extname FROM pg_extension WHERE extname = 'anomaly'"), 'anomaly', 'CREATE EXTENSION makes it on ' . $_->name)
  for @workers;

$one->safe_psql('postgres', <<"SQL");
CREATE TABLE all_tx AS
SELECT i::bigint AS id, (i % 30)::int AS shop, round(exp(3 + ad_random(1, i, 'normal'))::numeric, 2) AS amount,
       nullif(i % 50, 0)::int AS qty, ad_random(2, i) AS fee, timestamptz '2026-01-01' + i * interval '43 s' AS ts,
       (ARRAY['AT', 'CH', 'DE', 'FR', 'Öl'])[1 + i % 5] AS country
FROM generate_series(1, 20000) i;
CREATE TABLE tx (LIKE all_tx);
SELECT create_distributed_table('tx', 'id', shard_count => $shards);
INSERT INTO tx TABLE all_tx;
SQL

# What a statement says, and its notices.
sub say_of
{
	my ($sql) = @_;
	my ($status, $out, $err) = $one->psql('postgres', $sql);

	return ($out, $err);
}

# The value of a query over the distributed table, and over the other.
sub same
{
	my ($query, $what) = @_;
	(my $of_one = $query) =~ s/\btx\b/all_tx/g;

	is(sql_value($one, $query), sql_value($one, $of_one), $what);
	return;
}

my $row = "ad_row(ARRAY['id', 'amount', 'qty', 'fee', 'ts', 'country'], $features)";

for my $call ("ad_fit($spec, $row)", "ad_sketch($spec, $row)")
{
	my $plan = $one->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) SELECT $call FROM tx");

	like($plan, qr/worker_(binary_)?partial_agg/, "$call is computed on the shards") or diag($plan);
	like($plan, qr/Task Count: $shards\b/, 'one of each');
	my $model = $call =~ /sketch/ ? "ad_fit_sketch($spec, $call)" : $call;
	same("SELECT md5($model) FROM tx", 'and the model is that of one server');
}
same("SELECT md5(ad_fit_sketch($spec, ad_merge(s))) FROM (SELECT shop, ad_sketch($spec, $row) AS s FROM tx GROUP BY shop) q",
	'sketches of groups merge');
same("SELECT md5(string_agg(md5(m), '' ORDER BY shop)) FROM (SELECT shop, ad_fit(ad_zscore(), ad_row(ARRAY['a'], amount)) AS m FROM tx GROUP BY shop) q",
	'GROUP BY another column');
same("SELECT count(m) FROM (SELECT id, ad_fit(ad_zscore(), ad_row(ARRAY['a'], amount)) AS m FROM tx WHERE id < 50 GROUP BY id) q",
	'GROUP BY the column of the shards');

# ad_train() writes it
for my $case ([ 'keyed', $spec, $features, '' ],
	[ 'calibrated', 'ad_hbos() || ad_calibrate() || ad_sampling(keyed => true)', $features, '' ],
	[ 'a few rows', 'ad_iforest()', 'amount, qty, country', 'WHERE id <= 9000' ],
	[ 'an array', 'ad_zscore()', 'ARRAY[amount, fee]::float8[]', 'WHERE id <= 9000' ],
	[ 'expressions', $spec, 'id, amount * 2 AS twice, qty + fee AS "Some ""thing"', 'AS t WHERE t.qty IS NOT NULL -- all' ])
{
	my ($what, $of, $list, $rest) = @$case;
	my ($out, $notice) = say_of("SELECT ad_train('m', 'SELECT $list FROM tx $rest', $of, shards => 'only')");

	is($notice, '', "$what: sketches came");
	$one->safe_psql('postgres', "SELECT ad_train('local', 'SELECT $list FROM all_tx $rest', $of)");
	is(sql_value($one, "SELECT md5(ad_model('m'))"), sql_value($one, "SELECT md5(ad_model('local'))"), "$what: the model is that of one server");
	is(sql_value($one, "SELECT string_agg(name, ',') FROM ad_features('m')"),
		sql_value($one, "SELECT string_agg(name, ',') FROM ad_features('local')"), "$what: names too");
}
my ($out, $notice) = say_of("SELECT ad_train('m', 'SELECT $features FROM tx LIMIT 1000', $spec)");
like($notice, qr/NOTICE:  training query of model "m" fetches rows from shards.*It does not ship: it has LIMIT or OFFSET\./s,
	'rows that come are said');
($out, $notice) = say_of("SELECT ad_train('m', 'SELECT $features FROM tx LIMIT 1000', $spec, shards => 'only')");
like($notice, qr/ERROR:  training query of model "m" fetches rows from shards/, 'or refused');
($out, $notice) = say_of("SELECT ad_train('m', 'SELECT id, ARRAY[amount, fee]::float8[] FROM tx', $spec)");
like($notice, qr/a key and an array, a row, or more than 98 columns, are not packed on the shards/, 'a key and an array come');
($out, $notice) = say_of("SELECT ad_train('m', 'SELECT amount, fee, qty > 40 AS is_anomaly FROM tx', ad_auto(), labels => 'is_anomaly')");
is($notice, '', 'labels weigh members');

# what reads rows by other ways
my $scored = "md5(string_agg(key || ' ' || score || ' ' || p_value || ' ' || is_anomaly || coalesce(explanation::text, ''), ',' ORDER BY key::int))";
same("SELECT $scored FROM ad_detect('SELECT $features FROM tx', $spec, key => 'id')", 'ad_detect() finds the same');
same("SELECT string_agg(key, ' ') FROM (SELECT key FROM ad_detect('SELECT id, amount FROM tx ORDER BY id LIMIT 9', ad_zscore(), key => 'id')) q",
	'in the order of the query');
for my $table (qw(tx all_tx))
{
	$one->safe_psql('postgres', "SELECT ad_train_groups('$table', 'SELECT shop, amount, fee FROM $table', 'shop', ad_zscore())");
}
is(sql_value($one, "SELECT md5(string_agg(md5(ad_group_model('tx', entity)), '' ORDER BY entity)) FROM ad_model_groups('tx')"),
	sql_value($one, "SELECT md5(string_agg(md5(ad_group_model('all_tx', entity)), '' ORDER BY entity)) FROM ad_model_groups('all_tx')"),
	'a model per entity is the same');
same("SELECT count(*) FROM ad_recommend('SELECT amount, fee FROM tx')", 'ad_recommend() reads it');
same("SELECT count(*) FROM ad_benchmark('SELECT amount, fee FROM tx', ARRAY[ad_zscore()])", 'ad_benchmark() reads it');

# columns one by one: an error of ours where Citus would raise one
for my $call ('ad_fit(ad_zscore(), amount, fee)', "ad_fit('zscore', amount, fee)", 'ad_sketch(amount, fee)',
	"ad_sketch(ad_sampling(), amount, fee)")
{
	my ($name) = $call =~ /^(\w+)/;
	my ($value, $error) = say_of("SELECT $call IS NOT NULL FROM tx");

	if ($error eq '')
	{
		is($value, 't', "$call takes rows that come");
	}
	else
	{
		like($error, qr/ERROR:  columns of distributed table "tx" cannot be given to $name\(\) one by one\n.*HINT:  Give them as one row: $name\(spec, ad_row/s,
			"$call says how to write it");
	}
	is(sql_value($one, "SELECT count(m) FROM (SELECT $call AS m FROM tx WHERE id < 20 GROUP BY id) q"), 19, 'a group on one shard can be fitted');
	is(sql_value($one, "SELECT $call IS NOT NULL FROM (SELECT * FROM tx OFFSET 0) q"), 't', 'and rows that were fetched');
}

# by name, on the servers of the rows
$one->safe_psql('postgres', "SELECT ad_train('fraud', 'SELECT amount, qty, fee, ts, country FROM all_tx', ad_iforest() || ad_calibrate())");
my $columns = 'amount, qty, fee, ts, country';
my $count = "SELECT count(*) FROM tx WHERE ad_score('fraud', $columns) > 0.6";
($out, $notice) = say_of($count);
like($notice, qr/ERROR:  model "fraud" does not exist\n.*HINT:  .*SELECT ad_share_models\(\)\./s, 'a model that no worker knows');
$one->safe_psql('postgres', 'CREATE ROLE clerk LOGIN; GRANT SELECT ON tx, all_tx TO clerk; GRANT ALL ON SCHEMA public TO clerk');
($out, $notice) = say_of('SET ROLE clerk; SELECT ad_share_models()');
like($notice, qr/ERROR:  permission denied to share models/, 'not everybody shares models');
is(sql_value($one, 'SELECT ad_share_models() > 0'), 't', 'they are shared');
for my $query ($count, "$count AND id = 7",
	"SELECT sum(ad_pvalue('fraud', $columns)) > 0, min(ad_pvalue('fraud', $columns)) FROM tx",
	"SELECT count(*) FROM tx WHERE ad_is_anomaly('fraud', $columns)",
	"SELECT count(*), max(contribution) FROM tx, LATERAL ad_explain('fraud', $columns) e WHERE id < 10",
	"SELECT count(*) FROM tx WHERE ad_score('fraud', ad_row(ARRAY['amount', 'qty', 'fee', 'ts', 'country'], $columns)) > 0.6",
	"SELECT count(*) FROM tx WHERE id = 7 AND ad_score((SELECT ad_model('fraud')), $columns) > 0")
{
	same($query, $query);
}
like($one->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) $count"), qr/Filter: \(ad_score\('fraud'/, 'scored on the shards');
$one->safe_psql('postgres', "ALTER TABLE tx ADD score float8; ALTER TABLE all_tx ADD score float8");
$one->safe_psql('postgres', "UPDATE $_ SET score = ad_score((SELECT ad_model('fraud')), $columns)") for qw(tx all_tx);
same('SELECT md5(string_agg(score::text, \' \' ORDER BY id)) FROM tx', 'UPDATE writes the same scores');
# a change of a model is seen when it is committed, by who made it before
my $zscore = "SELECT ad_train('fraud', 'SELECT $columns FROM all_tx', ad_zscore())";
my $before = sql_value($one, $count);
like(sql_value($one, "BEGIN; $zscore; $count; ROLLBACK"), qr/\A2\n(?!$before\n)\d+\Z/, 'a transaction sees its version');
is(sql_value($one, $count), $before, 'which is gone with it');
$one->safe_psql('postgres', $zscore);
isnt(sql_value($one, $count), $before, 'and is there after a commit');
$one->safe_psql('postgres', "SELECT ad_activate('fraud', 1)");
is(sql_value($one, $count), $before, 'ad_activate()');
$one->safe_psql('postgres', "SELECT ad_rename_model('fraud', 'theft')");
($out, $notice) = say_of($count);
like($notice, qr/ERROR:  model "fraud" does not exist/, 'ad_rename_model()');
(my $as_clerk = "SET ROLE clerk; $count") =~ s/fraud/theft/;
($out, $notice) = say_of($as_clerk);
like($notice, qr/ERROR:  permission denied for model "theft"/, 'grants count on workers');
$one->safe_psql('postgres', "SELECT ad_grant_model('theft', 'clerk', 'score')");
is(sql_value($one, $as_clerk), $before, 'ad_grant_model()');
$one->safe_psql('postgres', "SELECT ad_revoke_model('theft', 'clerk', 'score')");
($out, $notice) = say_of($as_clerk);
like($notice, qr/ERROR:  permission denied for model "theft"/, 'ad_revoke_model()');
is(sql_value($one, "SET ROLE clerk; SELECT ad_train('own', 'SELECT amount FROM tx', ad_zscore()); SELECT count(*) > 0 FROM tx WHERE ad_score('own', amount) > 3"),
	"1\nt", 'a role without rights trains, and scores by name');
$one->safe_psql('postgres', "SELECT ad_drop_model('theft')");
($out, $notice) = say_of("SELECT count(*) FROM tx WHERE ad_score('theft', $columns) > 0.6");
like($notice, qr/ERROR:  model "theft" does not exist/, 'ad_drop_model()');

# a worker has names of its own, but none that the coordinator has
sub say_there
{
	my ($sql) = @_;
	my ($status, $said, $err) = $workers[0]->psql('postgres', $sql);

	return $err;
}
is(say_there("SET ROLE clerk; SELECT ad_train('mine', 'SELECT i AS amount FROM generate_series(1, 300) i', ad_zscore())"), '',
	'a worker trains a name of its own');
is(say_there("SET ROLE clerk; SELECT ad_score('mine', 3), ad_activate('mine', 1)"), '', 'and uses it');
$one->safe_psql('postgres', "SELECT ad_train('mine', 'SELECT amount FROM all_tx', ad_zscore())") for 1 .. 2;
for my $change ("ad_model('mine')", "ad_model('mine', 1)", "ad_model('mine', 2)", "ad_activate('mine', 1)", "ad_drop_model('mine')")
{
	like(say_there("SET ROLE clerk; SELECT $change"), qr/ERROR:  permission denied for model "mine"/, "it is then the coordinator's: $change");
}
for my $change ("ad_activate('mine', 2)", "ad_drop_model('mine')", "ad_rename_model('mine', 'other')")
{
	like(say_there("SELECT $change"), qr/ERROR:  model "mine" is a copy of the one of the coordinator.*HINT:  Change it there\./s, "nor is it changed there: $change");
}
like(say_there('SELECT ad_share_models()'), qr/ERROR:  this server is a worker of its cluster/, 'a worker shares nothing');
$one->safe_psql('postgres', "SELECT ad_drop_model('mine')");

# jobs: batches, late rows, new ones, rows that cannot be scored
$one->safe_psql('postgres', "SELECT ad_train('jobs', 'SELECT $columns FROM all_tx', ad_iforest() || ad_calibrate())");
for my $table (qw(tx all_tx))
{
	$one->safe_psql('postgres', "SELECT ad_create_job('$table', model => 'jobs', source => 'SELECT *, 1 / (shop - 777) AS x FROM $table', key => 'id', watermark => 'ts', rule => '{\"p_value\": 0.01}', batch_size => 3000, lag => '1 hour')");
}

sub alerts_are_same
{
	my ($what) = @_;
	my %alerts;

	for my $table (qw(tx all_tx))
	{
		$one->safe_psql('postgres', "CALL ad_run_job('$table')");
		$alerts{$table} = sql_value($one,
			"SELECT count(*) || ' ' || md5(string_agg(key || ' ' || score || ' ' || explanation::text || \"row\"::text, ',' ORDER BY key::int)) FROM ad_alert WHERE job = '$table'");
	}
	is($alerts{tx}, $alerts{all_tx}, $what);
	like($alerts{tx}, qr/^[1-9]/, 'there are some');
	return $alerts{tx};
}

my $first = alerts_are_same('alerts of the rows there are');
is(alerts_are_same('alerts of no new rows'), $first, 'none is there twice');
$one->safe_psql('postgres', "INSERT INTO $_ SELECT 100000 + id, shop, 1000 * amount, qty, fee, ts + interval '1 hour', country FROM all_tx WHERE id > 19000 AND id <= 19950")
  for qw(tx all_tx);
isnt(alerts_are_same('alerts of new rows'), $first, 'which are more');
$one->safe_psql('postgres', "UPDATE $_ SET shop = 777 WHERE id = 119900; UPDATE $_ SET ts = '2026-01-11 02:00+00' WHERE id IN (119800, 119900)")
  for qw(tx all_tx);
alerts_are_same('alerts of rows that are new again');
is(sql_value($one, "SELECT string_agg(job || ' ' || key, ', ' ORDER BY job) FROM ad_job_errors"), 'all_tx 119900, tx 119900', 'a row that cannot be scored is noted');
is(sql_value($one, "SELECT ad_check_drift('jobs', query => 'SELECT $columns FROM tx')"),
	sql_value($one, "SELECT ad_check_drift('jobs', query => 'SELECT $columns FROM all_tx')"), 'ad_check_drift() measures the same');
is(sql_value($one, "SELECT ad_check_drift('jobs', job => 'tx') IS NOT NULL"), 't', 'and a job');
$one->safe_psql('postgres', "SELECT ad_drop_job('$_')") for qw(tx all_tx);

# what the document shows, from a cluster without the extension on
sub document
{
	open(my $in, '<:encoding(UTF-8)', "$FindBin::RealBin/../../docs/distributed.md") or return;
	local $/;
	return <$in> =~ /^```sql citus\n(.*?)^```/msg;
}

# the extension goes from all servers
$one->safe_psql('postgres', 'DROP EXTENSION anomaly CASCADE');
is(sql_value($_, "SELECT count(*) FROM pg_extension WHERE extname = 'anomaly'"), '0', 'DROP EXTENSION drops it on ' . $_->name)
  for @workers;
$one->safe_psql('postgres', "CREATE EXTENSION anomaly VERSION '0.2.0'");
$one->safe_psql('postgres', 'ALTER EXTENSION anomaly UPDATE');
my $version = "SELECT extversion FROM pg_extension WHERE extname = 'anomaly'";
is(sql_value($_, $version), sql_value($one, $version), 'ALTER EXTENSION updates it on ' . $_->name) for @workers;
is(sql_value($one, "SELECT ad_train('m', 'SELECT amount FROM tx', ad_zscore()); SELECT ad_share_models()"), "1\n1", 'and comes again');


my @blocks = document();
$one->safe_psql('postgres', 'DROP EXTENSION anomaly CASCADE');
SKIP:
{
	skip 'the documents are not here' if !@blocks;
	my ($status, $shown, $error) = $one->psql('postgres', join("\n", @blocks));
	is($error, '', 'docs/distributed.md runs');
	like($shown, qr/^\d+\|[\d.]+\|[\d.e-]+$/m, 'and finds rows');
	cmp_ok(scalar(() = join('', @blocks) =~ /;\s+--/g), '<=', 8, 'in eight statements');
}

done_testing();
$_->stop for @nodes;
