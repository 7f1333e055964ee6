# The planner shared with others.  A module of the tests (test/modules/plan_walk)
# walks every list of every relation, and what is named there must exist:
# extensions that take hints, suggest indexes or log plans look it up, and some
# crash.  It is loaded before this extension and after it, beside
# pg_stat_statements, auto_explain and, where it is installed, hypopg.
#
# Then the memory of planning, which a constant model must not add to.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use File::Copy;
use PostgreSQL::Test::Utils;
use Test::More;

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $dir = PostgreSQL::Test::Utils::tempdir();
copy("$FindBin::RealBin/../modules/plan_walk/$_", $dir) or die "$_: $!"
  for qw(plan_walk.c Makefile);
system_or_bail('make', '-s', '-C', $dir, 'with_llvm=no', 'COPT=-Wall -Werror', "PG_CONFIG=$pg_config");

chomp(my $libdir = `$pg_config --pkglibdir`);
my @peers = grep { -e "$libdir/$_.so" } qw(pg_stat_statements auto_explain hypopg);
my $hypopg = grep { $_ eq 'hypopg' } @peers;
note "beside @peers";

my $tables = <<'SQL';
CREATE TABLE t AS SELECT i AS id, i % 10 AS kind, (i * 37 % 101)::float8 AS x, (i * 53 % 97)::float8 AS y FROM generate_series(1, 3000) i;
ALTER TABLE t ADD PRIMARY KEY (id);
CREATE INDEX t_x ON t (x);
CREATE INDEX t_hash ON t USING hash (kind);
CREATE STATISTICS t_kinds (dependencies, ndistinct) ON kind, x FROM t;
CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t, x float8, y float8);
INSERT INTO u SELECT i, i * 3, i % 11, i % 7 FROM generate_series(1, 900) i;
CREATE TABLE p (id int, x float8, y float8, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (1000);
CREATE TABLE p2 (y float8, gone int, x float8, id int NOT NULL);
ALTER TABLE p2 DROP gone;
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (1000) TO (2000);
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (2000) TO (4000) PARTITION BY LIST (id);
CREATE TABLE p3d PARTITION OF p3 DEFAULT;
INSERT INTO p SELECT id, x, y FROM t;
CREATE TABLE parent (id int, x float8, y float8);
CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent SELECT id, x, y FROM t WHERE id % 2 = 0;
INSERT INTO child SELECT id, x, y, 'more' FROM t WHERE id % 2 = 1;
CREATE VIEW v AS SELECT id, x, y FROM t WHERE kind < 5 WITH LOCAL CHECK OPTION;
CREATE TABLE models AS
	SELECT ad_fit(ad_zscore() || ad_calibrate(), x, y) AS zscore, ad_fit(ad_iforest(3, 16) || ad_calibrate(), x, y) AS iforest,
		ad_fit(ad_ensemble(ARRAY[ad_zscore(), ad_hbos()]) || ad_calibrate(), x, y) AS ensemble
	FROM t WHERE id <= 100;	-- small: they are logged often
DO $$
BEGIN
	EXECUTE format('CREATE INDEX t_score ON t (ad_score(%L::bytea, x, y))', (SELECT zscore FROM models));
	IF current_setting('server_version_num')::int >= 140000 THEN
		EXECUTE format('CREATE STATISTICS t_scores ON (ad_score(%L::bytea, x, y)) FROM t', (SELECT zscore FROM models));
	END IF;
END $$;
ANALYZE;
SQL

# Conditions on a constant model $m, of the columns x and y of a relation.
my @conditions = (
	'ad_score($m, R.x, R.y) > 0.6',
	'ad_score($m, R.x, R.y) BETWEEN 0.3 AND 0.7',
	'0.6 < ad_score($m, R.x, R.y) AND ad_score($m, R.y, R.x) < 3',
	'ad_score($m, R.x, R.y) IN (0.5, 0.6) OR R.id < 50',
	'ad_pvalue($m, R.x, R.y) < 0.01',
	'ad_is_anomaly($m, R.x, R.y) AND R.id < 1500');

# Statements over a relation r, and others that have it by another name; C is
# the condition with R for the relation.
my @statements = (
	(map { "SELECT count(*) FROM $_ r WHERE C AND id < 2500" } qw(t p p2 parent v u)),
	'SELECT id, ad_score($m, x, y) FROM t r WHERE C ORDER BY ad_score($m, x, y) DESC, id LIMIT 5',
	'SELECT count(*) FROM t r JOIN u ON r.id = u.t WHERE C AND ad_score($m, u.x, r.y) > 0.4',
	'SELECT count(*) FROM u LEFT JOIN t r ON r.id = u.t AND C',
	'SELECT count(*) FROM u LEFT JOIN t r ON r.id = u.t WHERE C OR r.id IS NULL',
	'SELECT count(*) FROM t FULL JOIN p r ON r.id = t.id + 10 WHERE C',
	'SELECT count(*) FROM p r JOIN p q USING (id) WHERE C',
	'SELECT count(*) FROM (SELECT id, avg(x) AS x, avg(y) AS y FROM t GROUP BY id OFFSET 0) r WHERE C',
	'SELECT count(*) FROM (SELECT id, x, y FROM t UNION ALL SELECT id, x, y FROM p) r WHERE C',
	'WITH r AS MATERIALIZED (SELECT * FROM t) SELECT count(*) FROM r WHERE C',
	'SELECT count(*) FROM u WHERE EXISTS (SELECT FROM t r WHERE r.id = u.t AND C)',
	'SELECT count(*) FROM u WHERE u.t NOT IN (SELECT r.id FROM t r WHERE C)',
	'SELECT count(n) FROM u, LATERAL (SELECT r.id AS n FROM t r WHERE r.id < u.id AND C LIMIT 1) l',
	'SELECT sum(n) FROM (SELECT kind, count(*) AS n FROM t r GROUP BY kind, id, x, y HAVING C) h',
	'SELECT count(*) FROM (SELECT r.*, row_number() OVER (ORDER BY ad_score($m, x, y)) FROM t r WHERE C) w',
	'WITH d AS (DELETE FROM p r WHERE C RETURNING id) SELECT count(*) FROM d',
	'WITH d AS (UPDATE t r SET y = y WHERE C RETURNING id) SELECT count(*) FROM d',
	'WITH d AS (UPDATE parent r SET y = r.y FROM u WHERE r.id = u.t AND C RETURNING r.id) SELECT count(*) FROM d',
	'WITH d AS (INSERT INTO t SELECT r.* FROM t r WHERE C ON CONFLICT (id) DO UPDATE SET x = excluded.x RETURNING id) SELECT count(*) FROM d');

# The statements with a model as a literal, each in a transaction that ends
# without a trace: with every condition, or with one of them each.
sub script
{
	my ($node, $all) = @_;
	my @models = map { "'\\x" . sql_value($node, "SELECT encode($_, 'hex') FROM models") . "'::bytea" }
	  qw(zscore iforest ensemble);
	my $script = '';

	for my $s (0 .. $#statements)
	{
		for my $k ($all ? 0 .. $#conditions : $s % @conditions)
		{
			my $sql = $statements[$s];
			my $model = $models[ ($s + $k) % @models ];
			(my $c = $conditions[$k]) =~ s/\bR\./r./g;

			$sql =~ s/\bC\b/($c)/;
			$sql =~ s/\$m/$model/g;
			$script .= "BEGIN; $sql; ROLLBACK;\n";
		}
	}
	return $script;
}

# The same, prepared: the model is a parameter.
sub prepared
{
	my $script = "SELECT iforest AS model FROM models \\gset\n";

	for my $mode (qw(force_custom_plan force_generic_plan auto))
	{
		$script .= "SET plan_cache_mode = $mode;\n";
		for my $s (0 .. $#statements)
		{
			my $sql = $statements[$s];
			(my $c = $conditions[ $s % @conditions ]) =~ s/\bR\./r./g;

			$sql =~ s/\bC\b/($c)/;
			$sql =~ s/\$m/\$1/g;
			$script .= "PREPARE s(bytea) AS $sql;\nBEGIN;\n"
			  . "EXECUTE s (:'model');\n" x ($mode eq 'auto' ? 7 : 1)
			  . "ROLLBACK;\nDEALLOCATE s;\n";
		}
	}
	return $script;
}

# Settings that bring about other plans; all in one order of the two.
my @settings = (
	'',
	'SET anomaly.planner_support = off;',
	'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_partitionwise_join = on;',
	'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_partitionwise_aggregate = on;');

my (@scripts, %output, $node);
for my $order ('first', 'last')
{
	my @libraries = ("$dir/plan_walk", @peers);

	@libraries = $order eq 'first' ? (@libraries, 'anomaly') : ('anomaly', reverse @libraries);
	$node = start_server("peers_$order",
		'shared_preload_libraries = ' . "'" . join(',', @libraries) . "'",
		'auto_explain.log_nested_statements = on', 'auto_explain.log_settings = on');
	$node->safe_psql('postgres', "CREATE EXTENSION $_")
	  for grep { $_ ne 'auto_explain' } @peers;
	$node->safe_psql('postgres', $tables);
	@scripts = map { script($node, $_) } 0, 1 if !@scripts;

	my $walked = '';
	for my $settings ($order eq 'first' ? @settings : '')
	{
		for my $kind ('literal', 'prepared')
		{
			my ($out, $err) = ('', '');
			my $all = $settings eq '';
			my $name = "$kind models, plan_walk $order" . ($settings && ", $settings");

			$node->psql('postgres',
				"\\set QUIET 1\n$settings\nSET plan_walk.report = on;\nSET auto_explain.log_min_duration = 0;\n" . ($kind eq 'literal' ? $scripts[$all ? 1 : 0] : prepared()),
				stdout => \$out, stderr => \$err, on_error_stop => 0);
			my @errors = grep { !/INFO:  plan_walk:/ } split /\n/, $err;
			is(scalar @errors, 0, "$name: everything is there")
			  or diag(join "\n", map { substr($_, 0, 300) } @errors[ 0 .. ($#errors > 9 ? 9 : $#errors) ]);
			# prepared statements are the same ones under all settings
			my $script = $kind eq 'literal' && $all ? 'all literal' : $kind;
			$output{$script} //= $out;
			cmp_ok($out, 'eq', $output{$script}, "$name: same rows");
			$walked .= $err;
		}
	}
	for my $list ('relations', 'indexes', 'statistics', 'foreign keys', 'paths')
	{
		like($walked, qr/$list [1-9]/, "plan_walk $order: there were $list");
	}

  SKIP:
	{
		skip 'hypopg is not installed', 1 unless $hypopg;
		my $plan = '';
		$node->psql('postgres', <<'SQL', stdout => \$plan);
SET plan_walk.hypothetical = on;
SET enable_seqscan = off;
SELECT FROM hypopg_create_index('CREATE INDEX ON u (x)');
SELECT format('EXPLAIN (COSTS OFF) SELECT id FROM u WHERE x = 7 AND ad_score(%L::bytea, x, y) > 1 AND ad_is_anomaly(%1$L::bytea, x, y)', iforest) AS sql FROM models \gset
:sql
SQL
		like($plan, qr/btree_u_x/, "plan_walk $order: an index of hypopg beside a constant model");
	}
	unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, "plan_walk $order: no crash");
	$node->stop if $order eq 'first';
}

# Memory.  Planning a condition with a large constant over many partitions takes
# no more for our functions than for any other: there is no copy for each.
$node->safe_psql('postgres', <<'SQL');
DROP TABLE p;
CREATE TABLE p (id int, x float8, y float8) PARTITION BY RANGE (id);
DO $$
BEGIN
	FOR i IN 1 .. 25 LOOP
		EXECUTE format('CREATE TABLE p%s PARTITION OF p FOR VALUES FROM (%1$s) TO (%s)', i, i + 1);
	END LOOP;
END $$;
CREATE TABLE model AS
	SELECT ad_fit(ad_iforest(trees => 500, sample_size => 256), i * 37 % 101, i * 53 % 97) AS m FROM generate_series(1, 5000) i;
CREATE FUNCTION other(m bytea, x float8, y float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x; END';
CREATE FUNCTION other_condition(m bytea, x float8, y float8) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
SQL
my $bytes = sql_value($node, 'SELECT length(m) FROM model');
cmp_ok($bytes, '>', 200_000, 'a large model');

# Bytes that planning a condition over all partitions takes.
sub memory
{
	my ($condition, $settings) = @_;
	my $err = '';

	$node->psql('postgres', <<"SQL", stderr => \$err);
LOAD 'anomaly';
$settings
SELECT format('SELECT count(*) FROM p WHERE $condition', m) AS sql FROM model \\gset
SET plan_walk.report = on;
:sql;
SQL
	$err =~ /memory (\d+)\s*\z/ or die $err;
	return $1;
}

my %other = (
	'ad_score(%L::bytea, x, y) > 0.6' => 'other(%L::bytea, x, y) > 0.6',
	'ad_pvalue(%L::bytea, x, y) < 0.01' => 'other(%L::bytea, x, y) < 0.01',
	'ad_is_anomaly(%L::bytea, x, y)' => 'other_condition(%L::bytea, x, y)');
for my $condition (sort keys %other)
{
	my $others = memory($other{$condition}, '');

	for my $support ('', 'SET anomaly.planner_support = off;')
	{
		cmp_ok(memory($condition, $support), '<', $others + 5 * $bytes,
			"$condition: memory of planning $support");
	}
}

$node->stop;
done_testing();
