# Three servers with a third of the rows each, and one that has them as foreign
# tables: what ships is one sketch of each, the model is that of the rows on one
# server, and bytes are counted on the wire. A model goes to the servers by
# name, or with the query by its bytes. Then a standby.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Wire;

my $rows = 60_000;
my $columns = 'id bigint, shard int, amount numeric(12,2), qty int, fee float8, flag bool, ts timestamptz, country text';
my $row = <<'SQL';
SELECT i, (i % 3)::int, round(exp(3 + ad_random(1, i, 'normal'))::numeric, 2), nullif(i % 50, 0)::int, ad_random(2, i), i % 7 = 0,
       timestamptz '2026-01-01' + i * interval '43 s', (ARRAY['AT', 'CH', 'DE', 'FR', 'Öl'])[1 + i % 5]
SQL
my $spec = 'ad_iforest() || ad_sampling(keyed => true)';
my $features = 'id, amount, qty, fee, flag, ts, country';

my $one = start_server('coordinator');
if (!$one->safe_psql('postgres',
	"SELECT count(*) = 2 FROM pg_available_extensions WHERE name IN ('postgres_fdw', 'dblink')") =~ /t/)
{
	$one->stop;
	plan skip_all => 'the server has no contrib: postgres_fdw, dblink';
}

my @shards = map { start_server("shard$_") } 0 .. 2;
my @wires = map { Wire->new($_) } @shards;

for my $i (0 .. 2)
{
	$shards[$i]->safe_psql('postgres',
		"CREATE TABLE tx ($columns); INSERT INTO tx $row FROM generate_series(1, $rows) i WHERE i % 3 = $i");
}
# one of them has another encoding in another database
$shards[2]->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
$shards[2]->safe_psql('latin',
	"CREATE EXTENSION anomaly; CREATE TABLE tx ($columns);
	 SET client_encoding = 'UTF8'; INSERT INTO tx $row FROM generate_series(1, 3000) i WHERE i % 3 = 2");

# Statements that make the tables of the three servers, in databases of these
# names there, the partitions of one. A prefix tells such tables apart.
sub foreign_tables
{
	my ($prefix, @databases) = @_;
	my $sql = "CREATE TABLE ${prefix}tx ($columns) PARTITION BY LIST (shard);\n";

	for my $i (0 .. $#databases)
	{
		my $options = sprintf "host '%s', port '%s', dbname '%s'", $wires[$i]->host, $shards[$i]->port,
		  $databases[$i];

		$sql .= <<"SQL";
CREATE SERVER ${prefix}s$i FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($options, extensions 'anomaly', fetch_size '10000');
CREATE USER MAPPING FOR PUBLIC SERVER ${prefix}s$i OPTIONS (user 'postgres');
CREATE FOREIGN TABLE ${prefix}tx$i PARTITION OF ${prefix}tx FOR VALUES IN ($i) SERVER ${prefix}s$i OPTIONS (table_name 'tx');
SQL
	}
	return $sql;
}

# Bytes that came from the servers since it was asked last, and that went there.
my ($sent_before, $came_before) = (0, 0);

sub traffic
{
	my ($sent, $came) = (0, 0);

	for my $wire (@wires)
	{
		my ($s, $c) = $wire->counts;
		$sent += $s;
		$came += $c;
	}
	my @since = ($came - $came_before, $sent - $sent_before);
	($sent_before, $came_before) = ($sent, $came);
	return @since;
}

# One session of each database of the coordinator, so that connections to the
# servers stay. What a statement says under no settings but its own: rows, and
# messages.
my $database = 'postgres';
my %sessions;

sub say_of
{
	my ($sql) = @_;
	my $session = $sessions{$database} //= Session->new($one, dbname => $database);
	my ($out, $messages) = ('', '');

	for my $line (split /^/m, $session->ask("RESET ROLE; RESET ALL; $sql"))
	{
		if ($line =~ /^(?:[A-Z]+:  |LINE \d+:|QUERY:| *\^$)/) { $messages .= $line; }
		else { $out .= $line; }
	}
	chomp($out, $messages);
	return ($out, $messages);
}

# The rows of a statement that must not fail.
sub done
{
	my ($sql) = @_;
	my ($out, $messages) = say_of($sql);

	die "$sql: $messages" if $messages =~ /^(?:ERROR|FATAL|PANIC):/m || $sessions{$database}->{ended};
	return $out;
}

sub md5 { return "SELECT md5(ad_model('$_[0]'))"; }

done('CREATE EXTENSION postgres_fdw');
done(foreign_tables('', ('postgres') x 3));
done("CREATE TABLE all_tx ($columns); INSERT INTO all_tx $row FROM generate_series(1, $rows) i; ANALYZE all_tx");

# the query that ships by hand
my $by_hand = "SELECT ad_fit_sketch($spec, ad_merge(s)) FROM (SELECT ad_sketch($spec, $features) AS s FROM tx GROUP BY shard) q";
done('ANALYZE tx0; ANALYZE tx1; ANALYZE tx2');
my $plan = done("SET enable_partitionwise_aggregate = on; EXPLAIN (VERBOSE, COSTS OFF) $by_hand");
is(() = $plan =~ /Relations: Aggregate on/g, 3, 'three sketches are made on three servers') or diag($plan);
like(done("EXPLAIN (VERBOSE, COSTS OFF) $by_hand"), qr/SELECT id, shard, /, 'and none without the setting');
is(done("SET enable_partitionwise_aggregate = on; SELECT string_agg(ships, ' ') FROM ad_ships('" . $by_hand . "')"),
	'aggregate aggregate aggregate', 'ad_ships() says so');

# ad_train() writes it
for my $case ([ 'keyed', $spec, $features, '' ],
	[ 'calibrated', "ad_hbos() || ad_calibrate() || ad_sampling(keyed => true)", $features, '' ],
	[ 'a few rows', 'ad_iforest()', 'amount, qty, country', 'WHERE id <= 9000' ],
	[ 'expressions', $spec, 'id, amount * 2 AS twice, qty + fee AS "Some ""thing"', 'AS t WHERE t.qty IS NOT NULL -- all' ])
{
	my ($what, $of, $list, $rest) = @$case;

	traffic();
	my ($out, $notice) = say_of("SELECT ad_train('m', 'SELECT $list FROM tx $rest', $of, shards => 'only')");
	my ($came) = traffic();
	my ($n, $bytes) = $notice =~ /NOTICE:  model "m": (\d+) sketches of (\d+) bytes came from foreign servers, and no rows/;
	is($n, 3, "$what: three sketches came") or diag($notice);
	cmp_ok($came, '>', 2 * ($bytes // 0), "$what: $came bytes on the wire are the sketches as text, ");
	cmp_ok($came, '<', 2 * ($bytes // 0) + 20_000, 'and little more');
	my $shipped = done(md5('m'));
	done("SELECT ad_train('local', 'SELECT $list FROM all_tx $rest', $of)");
	is($shipped, done(md5('local')), "$what: the model is that of one server");
	is(done("SELECT string_agg(name, ',') FROM ad_features('m')"),
		done("SELECT string_agg(name, ',') FROM ad_features('local')"), "$what: names too");
}
traffic();
done("SELECT ad_train('m', 'SELECT $features FROM tx', $spec, shards => 'off')");
my ($of_rows) = traffic();
cmp_ok($of_rows, '>', $rows * 50, "$of_rows bytes are the rows");
done("SELECT ad_train('local', 'SELECT $features FROM all_tx', $spec)");
is(done(md5('m')), done(md5('local')), 'of which the model is the same');

# what does not ship is said
for my $case ([ "(ts AT TIME ZONE ''UTC'')::time AS at, amount FROM tx", qr/takes its collation from no foreign column/, qr/in a view that the foreign table reads/ ],
	[ 'amount, qty FROM tx LIMIT 10', qr/it has LIMIT or OFFSET/, qr/view on the servers/ ],
	[ 'amount, qty FROM tx JOIN all_tx USING (id, amount, qty)', qr/it joins tables/, qr/view on the servers/ ],
	[ 'amount, qty FROM tx WHERE random() < 2', qr/function random\(\) is not IMMUTABLE/, qr/view/ ],
	[ 'coalesce(amount, 0) AS a FROM tx', qr/COALESCE is not sent/, qr/view/ ],
	[ 'amount, qty FROM tx WHERE EXISTS (SELECT FROM all_tx a WHERE a.id = tx.id)', qr/its rows are joined here/, qr/view/ ],
	[ 'amount, qty FROM all_tx', qr/it reads no foreign table/, qr/^/ ])
{
	my ($query, $reason, $hint) = @$case;
	my (undef, $error) = say_of("SELECT ad_train('m', 'SELECT $query', 'hbos', shards => 'only')");

	like($error, qr/ERROR:  training query of model "m" cannot be run as sketches of foreign servers.*DETAIL:  It does not ship: .*$reason/s, "only: $query");
	like($error, $hint, '... with a hint');
}
my ($version, $notice) = say_of("SELECT ad_train('m', 'SELECT amount FROM tx LIMIT 100', 'hbos')");
like($notice, qr/NOTICE:  training query of model "m" fetches rows from foreign servers, and not sketches/, 'auto fetches rows, and says so');
(undef, $notice) = say_of("SELECT ad_train('m', 'SELECT amount FROM all_tx', 'hbos')");
is($notice, '', 'and says nothing of a table of its own');
(undef, $notice) = say_of("SELECT ad_train('w', 'SELECT amount, qty, amount > 20 AS told FROM tx WHERE id <= 900', labels => 'told')");
like($notice, qr/rows of model "w" with a label come from foreign servers, to weigh its members by/, 'rows with a label come, which is said');
(undef, $notice) = say_of("SELECT ad_train('w', 'SELECT amount, qty, amount > 20 AS told FROM tx', labels => 'told', shards => 'only')");
like($notice, qr/ERROR:  training query of model "w" cannot be run.*rows with a label are scored here/s, '... or refused');
done("ALTER SERVER s1 OPTIONS (DROP extensions)");
(undef, $notice) = say_of("SELECT ad_train('m', 'SELECT amount FROM tx', 'hbos', shards => 'only')");
like($notice, qr/HINT:  If it is: ALTER SERVER s1 OPTIONS \(ADD extensions 'anomaly'\)\./, 'the option of the server is asked for');
done("ALTER SERVER s1 OPTIONS (ADD extensions 'anomaly')");

# sketches, made by hand
traffic();
(undef, $notice) = say_of("SELECT ad_train('m', 'SELECT ad_sketch($spec, $features) FROM tx GROUP BY shard', $spec, shards => 'only')");
is($notice, '', 'sketches of groups of the key ship, with the setting off');
my ($of_sketches) = traffic();
cmp_ok($of_sketches, '<', 8_000_000, "$of_sketches bytes");
is(done("SELECT md5(ad_fit_sketch($spec, ad_merge(s))) FROM (SELECT ad_sketch($spec, $features) AS s FROM all_tx) q"),
	done(md5('m')), 'to the same model');
(undef, $notice) = say_of("SELECT ad_train('m', 'SELECT ad_sketch($spec, $features) FROM tx GROUP BY country', $spec, shards => 'only')");
like($notice, qr/cannot be run as sketches.*groups are not those of the partitions/s, 'others do not');
is($sessions{$database}->do('SHOW enable_partitionwise_aggregate'), 'off', 'the setting is as it was');

# a key that nobody could group by, a column elsewhere, a partition of its own
done(<<'SQL');
CREATE TABLE "by ""id" (gone int, id bigint, amount numeric, country text) PARTITION BY HASH (id);
ALTER TABLE "by ""id" DROP COLUMN gone;
CREATE FOREIGN TABLE h0 (country text, amount numeric, id bigint) SERVER s0 OPTIONS (table_name 'tx');
CREATE TABLE h1 (amount numeric, country text, id bigint);
ALTER TABLE "by ""id" ATTACH PARTITION h0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
ALTER TABLE "by ""id" ATTACH PARTITION h1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO h1 SELECT amount, country, id FROM all_tx WHERE id > 40000 AND satisfies_hash_partition('"by ""id"'::regclass, 2, 1, id);
SQL
(undef, $notice) = say_of(qq{SELECT ad_train('h', 'TABLE "by ""id"', $spec, shards => 'only')});
like($notice, qr/1 sketch of \d+ bytes/, 'of a table partitioned by hash one sketch came, one was made here');
done(qq{SELECT ad_train('local', 'SELECT * FROM "by ""id"', $spec, shards => 'off')});
is(done(md5('h')), done(md5('local')), 'and the model is the same');

# columns of other types on a server than in the foreign table: what rows would
# have said, or no sketches
$_->safe_psql('postgres', <<'SQL') for @shards[0, 1];
CREATE VIEW typed AS
SELECT id::numeric AS id, shard, amount, qty::float8 AS qty, amount::text AS amount_text, country::name AS country,
       ts, ts AT TIME ZONE 'UTC' AS stamp, ts::date AS day, country::char(4) AS padded FROM tx WHERE id <= 3000;
SQL
for my $case ([ 'qty', 'qty' ], [ 'country', 'country' ], [ 'amount', 'amount_text' ], [ 'ts', 'stamp' ], [ 'ts', 'day' ],
	[ 'country', 'padded' ])
{
	my ($column, $there) = @$case;
	my $ships = $column eq $there;

	done(<<"SQL");
DROP TABLE IF EXISTS typed;
CREATE TABLE typed (id bigint, shard int, amount numeric, qty int, ts timestamptz, country text) PARTITION BY LIST (shard);
CREATE FOREIGN TABLE t0 (id bigint, shard int, amount numeric, qty int, ts timestamptz, country text) SERVER s0 OPTIONS (table_name 'typed');
CREATE FOREIGN TABLE t1 (id bigint, shard int, amount numeric, qty int, ts timestamptz, country text) SERVER s1 OPTIONS (table_name 'typed');
ALTER FOREIGN TABLE t1 ALTER $column OPTIONS (ADD column_name '$there');
ALTER TABLE typed ATTACH PARTITION t0 FOR VALUES IN (0);
ALTER TABLE typed ATTACH PARTITION t1 FOR VALUES IN (1);
SQL
	my $train = "SET timezone = 'Asia/Kolkata'; SELECT ad_train";
	(undef, $notice) = say_of("$train('t', 'SELECT id, $column FROM typed', $spec)");
	like($notice, $ships ? qr/2 sketches of/ : qr/column "$column" is of type .* here, and of type .* on a server/,
		"$column from $there " . ($ships ? 'ships' : 'does not ship'));
	done("$train('local', 'SELECT id, $column FROM typed', $spec, shards => 'off')");
	is(done(md5('t')), done(md5('local')), 'the model is that of the rows');
	next if $ships;
	(undef, $notice) = say_of("$train('t', 'SELECT id, $column FROM t1', $spec, shards => 'only')");
	like($notice, qr/cannot be run as sketches.*on a server.*HINT: /s, 'of one server alone it does not either');
}

# names that have to be quoted, and text that looks like the query's
done(<<'SQL');
CREATE SCHEMA "Sch ""e.ma";
CREATE TABLE "Sch ""e.ma"."a.b" (id bigint, "sh'ard" int, amount numeric, _c1 text) PARTITION BY LIST ("sh'ard");
CREATE FOREIGN TABLE "Sch ""e.ma"."p;0" PARTITION OF "Sch ""e.ma"."a.b" FOR VALUES IN (0) SERVER s0 OPTIONS (schema_name 'public', table_name 'tx');
ALTER FOREIGN TABLE "Sch ""e.ma"."p;0" ALTER "sh'ard" OPTIONS (column_name 'shard'), ALTER _c1 OPTIONS (column_name 'country');
SQL
my $odd_query = <<'SQL';
/* FROM x */ (SELECT id -- ,
, amount AS "FROM tx", "Y ""y"._c1 /* ; */ FROM /* hi */ "Sch ""e.ma" /* . */ . "a.b" /* FROM */ AS "Y ""y" WHERE "Y ""y"._c1 <> 'FROM ''tx' -- end
)
SQL
(undef, $notice) = say_of("SELECT ad_train('odd', \$q\$$odd_query\$q\$, $spec, shards => 'only')");
like($notice, qr/1 sketch of/, 'a query with odd names ships');
done("SELECT ad_train('local', \$q\$$odd_query\$q\$, $spec, shards => 'off')");
is(done(md5('odd')), done(md5('local')), 'to the same model');

# rights: of the table but not of its partitions, and row security
done('CREATE ROLE clerk; GRANT SELECT ON tx, "by ""id" TO clerk; CREATE POLICY few ON tx TO clerk USING (qty > 10)');
done("ALTER USER MAPPING FOR PUBLIC SERVER s$_ OPTIONS (ADD password_required 'false')") for 0 .. 2;
(undef, $notice) = say_of("SET ROLE clerk; SELECT ad_train('clerk', 'SELECT id, amount FROM tx', $spec, shards => 'only')");
like($notice, qr/3 sketches/, 'who may read no partition gets groups of the key');
(undef, $notice) = say_of(qq{SET ROLE clerk; SELECT ad_train('clerk', 'SELECT id, amount FROM "by ""id"', $spec, shards => 'only')});
like($notice, qr/role "clerk" may not read partition "h[01]" by itself.*HINT:  GRANT SELECT ON public.h[01] TO clerk/s, 'or, of a hash, is told why not');
done('ALTER TABLE tx ENABLE ROW LEVEL SECURITY');
(undef, $notice) = say_of("SET ROLE clerk; SELECT ad_train('clerk', 'SELECT id, amount FROM tx', $spec, shards => 'only')");
like($notice, qr/3 sketches/, 'row security ships');
done("SELECT ad_train('local', 'SELECT id, amount FROM all_tx WHERE qty > 10', $spec)");
is(done(md5('clerk')), done(md5('local')), 'and shows what it should');
done('ALTER TABLE tx DISABLE ROW LEVEL SECURITY');

# by name: where the model is, and where it is brought
done("SELECT ad_train('m', 'SELECT amount, qty, country FROM all_tx', ad_iforest())");
my $model_bytes = done("SELECT octet_length(ad_model('m'))");
my $expected = done("SELECT count(*) FROM all_tx WHERE ad_score('m', amount, qty, country) > 0.6");
my %forms = (
	'by name' => "ad_score('m', amount, qty, country)",
	'by bytes' => "ad_score((SELECT ad_model('m')), amount, qty, country)");
my %came;
for my $form (sort keys %forms)
{
	traffic();
	is(done("SELECT count(*) FROM tx WHERE $forms{$form} > 0.6"), $expected, "scores $form are the same");
	my ($came, $sent) = traffic();
	note "$form: $sent bytes there, $came back";
	$came{$form} = $came;
	cmp_ok($sent, '<', 3 * (2 * $model_bytes + 20_000), "$form: no more than the model goes there");
}
cmp_ok($came{'by bytes'} * 10, '<', $came{'by name'}, 'what is asked by the bytes comes back as few rows');
like(done("SELECT DISTINCT hint FROM ad_ships('SELECT id FROM tx WHERE $forms{'by name'} > 0.6')" =~ s/'m'/''m''/r),
	qr/\(SELECT ad_model\('name'\)\)/, 'which ad_ships() tells');
# a prepared statement sees the version that is active
is(done(<<"SQL"), "$expected\nt", 'also a prepared statement, after another version');
SET plan_cache_mode = force_generic_plan;
PREPARE q AS SELECT count(*) FROM tx WHERE $forms{'by bytes'} > 0.6;
EXECUTE q;
DO \$\$ BEGIN PERFORM ad_train('m', 'SELECT fee, qty, country FROM all_tx', ad_iforest(trees => 10)); END \$\$;
CREATE TEMP TABLE after (n) AS EXECUTE q;
SELECT n = (SELECT count(*) FROM all_tx WHERE ad_score('m', amount, qty, country) > 0.6) FROM after;
SQL

my ($out, $error) = say_of("SELECT * FROM ad_publish_model('m', ARRAY['s0'], run => true)");
like($error, qr/ERROR:  extension "dblink" is not installed/, 'without dblink nothing can be run');
my $statement = done("SELECT statement FROM ad_publish_model('m', ARRAY['s0'])");
is($shards[0]->safe_psql('postgres', $statement), '1', 'but the statement is there for psql');
done('CREATE SCHEMA "Other"; CREATE EXTENSION dblink SCHEMA "Other"');
is(done("SELECT server, version, statement IS NULL FROM ad_publish_model('m', ARRAY['s0', 's1', 's2'])"),
	"s0|2|t\ns1|1|t\ns2|1|t", 'with dblink it is run');
is($shards[1]->safe_psql('postgres', md5('m')), done(md5('m')), 'and the model is there');
$shards[1]->safe_psql('postgres', "CREATE VIEW scored AS SELECT id, shard, ad_score('m', amount, qty, country) AS score FROM tx");
done("CREATE FOREIGN TABLE scored (id bigint, shard int, score float8) SERVER s1");
is(done('SELECT sum(score) FROM scored'),
	done("SELECT sum(ad_score('m', amount, qty, country)) FROM (SELECT * FROM tx WHERE shard = 1) t"), 'a view there scores by name');
my $odd = q{it''s "m" \\};
done("SELECT ad_import_model('$odd', ad_model('m'))");
is(done("SELECT version FROM ad_publish_model('$odd', ARRAY['s0'])"), '1', 'a name may have quotes');
is($shards[0]->safe_psql('postgres', "SELECT count(*) FROM ad_models WHERE name = '$odd'"), '1', 'and keeps them');
(undef, $error) = say_of("SELECT * FROM ad_publish_model('m', ARRAY['s0', 'nowhere'])");
like($error, qr/server "nowhere" does not exist/, 'a server that is not there is none');
$shards[2]->safe_psql('postgres', 'DROP EXTENSION anomaly CASCADE');
(undef, $error) = say_of("SELECT * FROM ad_publish_model('m', ARRAY['s0', 's2'])");
like($error, qr/ERROR:  could not publish model "m" on server "s2"\nDETAIL:  schema "_anomaly" does not exist/, 'nor is one without the extension');
$shards[2]->safe_psql('postgres', 'CREATE EXTENSION anomaly');

# another encoding
done(foreign_tables('latin_', 'postgres', 'postgres', 'latin'));
(undef, $error) = say_of("SELECT * FROM ad_publish_model('m', ARRAY['latin_s0', 'latin_s2'])");
like($error, qr/server "latin_s2"\nDETAIL:  model was made in a database with encoding UTF8, this one has LATIN1/, 'a database of another encoding refuses a model');
(undef, $error) = say_of("SELECT ad_train('latin', 'SELECT amount, country FROM latin_tx WHERE id <= 3000', ad_hbos(), shards => 'only')");
if ($error =~ /ERROR/)
{
	like($error, qr/encoding/, 'a sketch of another encoding is refused');
}
else
{
	done("SELECT ad_train('local', 'SELECT amount, country FROM all_tx WHERE id <= 3000', ad_hbos())");
	is(done(md5('latin')), done(md5('local')), 'a sketch of another encoding is converted');
}

# and the other way round, where no byte would be wrong by itself
done("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
$database = 'latin';
$one->safe_psql('latin', "CREATE EXTENSION anomaly; CREATE EXTENSION postgres_fdw; " . foreign_tables('', ('postgres') x 3)
	  . "SET client_encoding = 'UTF8'; CREATE TABLE all_tx ($columns); INSERT INTO all_tx $row FROM generate_series(1, 3000) i");
(undef, $error) = say_of("SELECT ad_train('m', 'SELECT amount, country FROM tx WHERE id <= 3000', ad_hbos(), shards => 'only')");
if ($error =~ /ERROR/)
{
	like($error, qr/encoding/, 'so is one that comes to another encoding');
}
else
{
	done("SELECT ad_train('local', 'SELECT amount, country FROM all_tx', ad_hbos())");
	is(done(md5('m')), done(md5('local')), 'so is one that comes to another encoding');
}
$database = 'postgres';

# a standby scores, fits and asks the servers, and does not train
$one->backup('standby');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($one, 'standby', has_streaming => 1);
$standby->start;
$one->wait_for_catchup($standby, 'replay', $one->lsn('insert'));
for my $query ("SELECT sum(ad_score('m', fee, qty, country)) FROM all_tx", "SELECT sum(ad_score((SELECT ad_model('m')), fee, qty, country)) FROM all_tx",
	"SELECT md5(ad_fit($spec, $features)) FROM all_tx", "SET enable_partitionwise_aggregate = on; SELECT md5(q.m) FROM ($by_hand) q(m)",
	"SELECT string_agg(ships, ' ') FROM ad_ships('SELECT ad_sketch(ad_zscore(), amount) FROM tx0')")
{
	is(sql_value($standby, $query), done($query), "standby: $query");
}
for my $call ("ad_train('m', 'SELECT amount FROM all_tx')", "ad_train('m', 'SELECT amount FROM tx', shards => 'only')", "ad_import_model('m', ad_model('m'))")
{
	my ($name) = $call =~ /^(\w+)/;
	my (undef, undef, $refused) = $standby->psql('postgres', "SELECT $call");

	like($refused, qr/ERROR:  cannot execute \Q$name\E\(\) in a read-only transaction/, "standby: $call is refused");
}
done("SELECT ad_train('m', 'SELECT fee FROM all_tx', 'hbos')");
$one->wait_for_catchup($standby, 'replay', $one->lsn('insert'));
is(sql_value($standby, "SELECT ad_score('m', 0.5) IS NOT NULL"), 't', 'a version that was made active is so there');
$standby->stop;

$_->end for values %sessions;
$one->stop;
$_->stop for @shards;
done_testing();
