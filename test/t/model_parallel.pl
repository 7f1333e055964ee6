# The same rows and seed give the same model, byte for byte, and the same
# scores, bit for bit: whatever the number of workers, the physical order, the
# number of sketches, the plan and the SIMD instructions.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Session;
use Test::More;

my $seed = seed() % 1_000_000;
my $node = start_server('parallel', 'max_worker_processes = 8', 'max_parallel_workers = 8');
my $small = $ENV{ANOMALY_LONG} ? 20_000 : 5_000;
my $large = $ENV{ANOMALY_LONG} ? 1_000_000 : 100_000;

# One session for all of it. It keeps no model, which would be scored by the
# instructions that it was loaded with.
my $session = Session->new($node, options => '-c anomaly.model_cache_size=0');

# Small costs make the planner take every parallel plan it can.
my $cheap = join ' ', map { "SET $_ = 0;" }
  qw(parallel_setup_cost parallel_tuple_cost min_parallel_table_scan_size min_parallel_index_scan_size);

# Two workers do it without the leader; a plan of one worker needs the leader
# to be cheaper than a serial one.
sub settings
{
	my ($workers) = @_;
	my $leader = $workers > 1 ? 'off' : 'on';

	return "$cheap SET max_parallel_workers_per_gather = $workers; SET parallel_leader_participation = $leader;";
}

# What statements say under these settings, and no others.
sub under
{
	my ($settings, $sql) = @_;

	return $session->do("RESET ALL; $settings $sql");
}

# The plan is what the test's name says, and has its workers.
sub plan_is
{
	my ($settings, $sql, $pattern, $name) = @_;
	my $plan = under($settings, "EXPLAIN (COSTS OFF) $sql");

	like($plan, $pattern, "plan: $name");
}

# md5 of one bytea.
sub digest
{
	my ($settings, $sql) = @_;

	return under($settings, "SELECT md5(m) || ' ' || length(m) FROM ($sql) q(m)");
}

# One model from a table in every way there is.
sub check_table
{
	my ($table, $name, $spec, $columns, $sampling) = @_;
	my $fit = "SELECT ad_fit($spec || $sampling, $columns) FROM $table";
	my $serial = digest(settings(0), $fit);

	note "$name: $serial";
	like($serial, qr/^[0-9a-f]{32} \d{3,}$/, "$name: a model");
	for my $workers (1, 2)
	{
		plan_is(settings($workers), $fit,
			qr/Finalize Aggregate.*Gather.*Workers Planned: $workers.*Partial Aggregate.*Parallel Seq Scan/s,
			"$name, $workers workers");
		is(digest(settings($workers), $fit), $serial, "$name, $workers workers");
	}
	is(digest("$cheap SET max_parallel_workers_per_gather = 2;", $fit), $serial, "$name, the leader works too");
	is(digest(settings(0), "SELECT ad_fit($spec || $sampling, $columns) FROM ${table}_shuffled"),
		$serial, "$name, shuffled");
	is(digest(settings(2), "SELECT ad_fit($spec || $sampling, $columns) FROM ${table}_shuffled"),
		$serial, "$name, shuffled, 2 workers");
	for my $shards (1, 3, 8)
	{
		my $sketches = "SELECT ad_sketch($sampling, $columns) AS s FROM $table GROUP BY i % $shards";

		is(digest(settings(0), "SELECT ad_fit_sketch($spec || $sampling, ad_merge(s)) FROM ($sketches) q"),
			$serial, "$name, merged from $shards sketches");
	}

	# sketches as large as the detector uses and full ones
	my $mixed = "SELECT ad_sketch($spec || $sampling, $columns) AS s FROM $table WHERE i % 3 = 0
		UNION ALL SELECT ad_sketch($sampling, $columns) FROM $table WHERE i % 3 > 0 GROUP BY i % 3";
	for my $order ('', 'DESC')
	{
		is(digest(settings(0), "SELECT ad_fit_sketch($spec || $sampling, ad_merge(s ORDER BY length(s) $order)) FROM ($mixed) q"),
			$serial, "$name, merged from sketches of different size $order");
	}

	# sketches in a table, merged by workers
	under('', "SET client_min_messages = warning; DROP TABLE IF EXISTS sketches;
		CREATE TABLE sketches WITH (parallel_workers = 2) AS
		SELECT i % 8 AS shard, ad_sketch($sampling, $columns) AS s FROM $table GROUP BY 1;
		INSERT INTO sketches VALUES (9, NULL)");
	my $merge = 'SELECT ad_merge(s) FROM sketches';
	plan_is(settings(2), $merge, qr/Finalize Aggregate.*Workers Planned: 2.*Partial Aggregate/s, "$name, parallel ad_merge");
	is(digest(settings(2), "SELECT ad_fit_sketch($spec || $sampling, ($merge))"),
		$serial, "$name, merged in parallel");
	is(digest(settings(0), "SELECT ad_fit_sketch($spec || $sampling, ad_merge(s)) FROM
			(SELECT ad_merge(s) AS s FROM sketches GROUP BY shard % 3 ORDER BY shard % 3 DESC) q"),
		$serial, "$name, merged in two steps");
	return $serial;
}

# Rows up to the size of the sample: mixed types, NULLs, NaN, infinities.
$node->safe_psql('postgres', <<"SQL");
SELECT setseed($seed / 1000000.0);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE small WITH (parallel_workers = 2) AS
	SELECT i,
		CASE i % 50 WHEN 1 THEN NULL WHEN 2 THEN 'NaN' WHEN 3 THEN 'Infinity' WHEN 4 THEN '-Infinity'
			ELSE random() * 1000 - 500 END::float8 AS x,
		CASE WHEN random() < 0.01 THEN NULL ELSE (random() * 100)::int END AS n,
		CASE i % 300 WHEN 0 THEN -0.0 WHEN 1 THEN 0.0 ELSE round((random() * 5)::numeric, 1) END::float4 AS zero,
		(exp(random() * 30))::numeric AS amount,
		CASE i % 99 WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN NULL
			ELSE timestamptz '2024-01-01' + random() * interval '300 days' END AS ts,
		date '2024-01-01' + (random() * 400)::int AS d,
		CASE WHEN random() < 0.02 THEN NULL ELSE (ARRAY['red', 'green', '', 'blau', 'grün'])[1 + random() * 4.99] END AS colour,
		'user ' || (random() * random() * 6000)::int AS who,
		repeat('long ', (random() * 30)::int) AS text,
		(ARRAY['sad', 'ok', 'happy']::mood[])[1 + random() * 2.99] AS mood,
		random() < 0.3 AS flag
	FROM generate_series(1, $small) i;
CREATE TABLE small_shuffled WITH (parallel_workers = 2) AS SELECT * FROM small ORDER BY random();
ANALYZE;
SQL
my $columns = 'x, n, zero, amount, ts, d, colour, who, text, mood, flag';
my $sampling = "ad_sampling(seed => $seed)";
my $model = check_table('small', 'mixed', 'ad_iforest(trees => 30)', $columns, $sampling);

check_table('small', 'extended, scaled, calendar',
	"ad_iforest(trees => 10, ndim => 3) || ad_prepare(calendar => true, scale => 'robust', drop_correlated => 0.9)",
	$columns, $sampling);
check_table('small', 'a sample as large as the table', 'ad_iforest(trees => 10)', $columns,
	"ad_sampling(seed => $seed, rows => $small)");
check_table('small', 'calibrated, an ensemble',
	"ad_ensemble(ARRAY[ad_iforest(trees => 10), ad_hbos(), ad_iforest(trees => 5)], 'pvalue') || ad_calibrate()",
	$columns, $sampling);
check_table('small', 'reduced, calibrated',
	'ad_iforest(trees => 10) || ad_prepare(calendar => true, reduce => 0.9) || ad_calibrate()', $columns, $sampling);
check_table('small', 'rotated', 'ad_ecod(rotate => true)', $columns, $sampling);
isnt(digest(settings(0), "SELECT ad_fit(ad_iforest(trees => 30) || ad_sampling(seed => $seed + 1), $columns) FROM small"),
	$model, 'another seed gives another model');

# Every detector, with its defaults.
for my $detector (detectors($node), 'auto')
{
	my $serial = digest(settings(0), "SELECT ad_fit('$detector', x, n, amount) FROM small");

	like($serial, qr/^[0-9a-f]{32} \d{3,}$/, "$detector: a model");
	is(digest(settings(2), "SELECT ad_fit('$detector', x, n, amount) FROM small_shuffled"),
		$serial, "$detector, shuffled, 2 workers");
	is(digest(settings(2), "SELECT ad_fit_sketch('$detector', ad_merge(s)) FROM
			(SELECT ad_sketch(x, n, amount) AS s FROM small GROUP BY i % 3) q"),
		$serial, "$detector, merged from 3 sketches");
	my $bits = "SELECT md5(string_agg(encode(float8send(s), 'hex'), '' ORDER BY i)) FROM
		(SELECT i, ad_score((SELECT ad_fit('$detector', x, n, amount) FROM small), x, n, amount) AS s FROM small) q";
	is_deeply(
		[ under(settings(0) . "SET anomaly.simd = 'avx2';", $bits), under(settings(2), $bits) ],
		[ (under(settings(0) . "SET anomaly.simd = 'off';", $bits)) x 2 ],
		"$detector: scores with other instructions, and in workers, are serial");
}

# The other two forms of features.
for my $form (
	[ 'row', 't', '(SELECT x, n, ts, who FROM small OFFSET 0) t', '(SELECT x, n, ts, who FROM small_shuffled) t' ],
	[ 'array', 'ARRAY[x, n, zero]::float8[]', 'small', 'small_shuffled' ])
{
	my ($name, $features, $from, $shuffled) = @$form;
	my $fit = "SELECT ad_fit(ad_iforest(trees => 20), $features)";

	is(digest(settings(2), "$fit FROM $shuffled"), digest(settings(0), "$fit FROM $from"),
		"$name: shuffled with 2 workers is serial");
}

# Groups, grouping sets, partitions: every group's model is that of its rows.
my $by_group = "SELECT string_agg(md5(m), ' ' ORDER BY g) FROM
	(SELECT i % 5 AS g, ad_fit(ad_iforest(trees => 5), x, who) AS m FROM small %s GROUP BY 1) q";
my $groups = under(settings(0), sprintf($by_group, ''));

is(under(settings(2), sprintf($by_group, '')), $groups, 'groups: 2 workers');
is(under(settings(0) . 'SET enable_hashagg = off;', sprintf($by_group, '')),
	$groups, 'groups: sorted');
is(under(settings(2), <<'SQL'),
SELECT string_agg(md5(m), ' ' ORDER BY g) FROM
	(SELECT i % 5 AS g, ad_fit(ad_iforest(trees => 5), x, who) AS m FROM small
	 GROUP BY GROUPING SETS ((i % 5), (i % 3), ())) q
WHERE g IS NOT NULL
SQL
	$groups, 'groups: grouping sets');
is( digest(settings(2), "SELECT m FROM (SELECT i % 5 AS g, i % 3 AS h, ad_fit(ad_iforest(trees => 5), x, who) AS m
		FROM small GROUP BY GROUPING SETS ((i % 5), (i % 3), ())) q WHERE g IS NULL AND h IS NULL"),
	digest(settings(0), 'SELECT ad_fit(ad_iforest(trees => 5), x, who) FROM small'),
	'grouping sets: the grand total');
is(under(settings(0), <<'SQL'),
SELECT string_agg(DISTINCT g || md5(m), ' ') = (SELECT string_agg(g || md5(m), ' ' ORDER BY g || md5(m)) FROM
	(SELECT i % 5 AS g, ad_fit(ad_iforest(trees => 5), x, who) AS m FROM small GROUP BY 1) r)
FROM (SELECT i % 5 AS g, ad_fit(ad_iforest(trees => 5), x, who) OVER (PARTITION BY i % 5) AS m FROM small) q
SQL
	't', 'groups: window partitions');

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE parts (LIKE small) PARTITION BY HASH (i);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO parts SELECT * FROM small;
ANALYZE parts;
SQL
my $partitionwise = 'SET enable_partitionwise_aggregate = on;';
my $fit = "SELECT ad_fit(ad_iforest(trees => 30) || $sampling, $columns) FROM parts";
for my $workers (0, 2)
{
	plan_is(settings($workers) . $partitionwise, $fit,
		qr/Finalize Aggregate.*Append.*Partial Aggregate.*parts_\d.*Partial Aggregate/s, "partitionwise, $workers workers");
	is(digest(settings($workers) . $partitionwise, $fit), $model, "partitionwise, $workers workers");
}

# FILTER that leaves some workers, or all, without a row.
for my $filter ('i <= 30', 'i = 77', 'false')
{
	my $filtered = "SELECT ad_fit(ad_iforest(trees => 5), n, who) FILTER (WHERE $filter) FROM small";
	my $where = "SELECT ad_fit(ad_iforest(trees => 5), n, who) FROM small WHERE $filter";

	is(digest(settings(2), $filtered), digest(settings(0), $where), "filter $filter: 2 workers");
}

# Scores: parallel and serial, and every kind of SIMD, bit for bit.
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE model AS
SELECT 'mixed' AS name, ad_fit(ad_iforest(trees => 30), $columns) AS m FROM small
UNION ALL SELECT 'extended', ad_fit(ad_iforest(trees => 30, ndim => 3), $columns) FROM small
UNION ALL SELECT 'one tree', ad_fit(ad_iforest(trees => 1), $columns) FROM small
UNION ALL SELECT 'deep', ad_fit(ad_iforest(trees => 33, sample_size => 5000), $columns) FROM small
UNION ALL SELECT '129 trees', ad_fit(ad_iforest(trees => 129, sample_size => 100), $columns) FROM small;
SQL
for my $name ('mixed', 'extended', 'one tree', 'deep', '129 trees')
{
	my $score = "SELECT i, ad_score((SELECT m FROM model WHERE name = '$name'), $columns) AS s FROM small";
	my $bits = "SELECT md5(string_agg(encode(float8send(s), 'hex'), '' ORDER BY i)) FROM ($score) q";
	my $serial = under(settings(0) . "SET anomaly.simd = 'off';", $bits);

	plan_is(settings(2), "$score WHERE n > 1000", qr/Gather.*Workers Planned: 2.*Parallel Seq Scan/s, "scores in parallel");
	for my $simd (qw(off avx2 auto))
	{
		is(under(settings(0) . "SET anomaly.simd = '$simd';", $bits),
			$serial, "scores of $name: simd $simd is off") if $simd ne 'off';
		is(under(settings(2) . "SET anomaly.simd = '$simd';", $bits),
			$serial, "scores of $name: simd $simd in 2 workers is serial");
	}
}

# Few and many columns take different kernels.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE arrays AS
SELECT i, ARRAY(SELECT sin(i * j * 0.37) FROM generate_series(1, 40) j)::float8[] AS v FROM generate_series(1, 500) i;
SQL
for my $width (1, 2, 15, 16, 17, 40)
{
	my $scores = "SELECT md5(string_agg(encode(float8send(ad_score((SELECT ad_fit(ad_iforest(trees => 20), v[1:$width]) FROM arrays),
		v[1:$width])), 'hex'), '' ORDER BY i)) FROM arrays";
	my @bits = map { under("SET anomaly.simd = '$_';", $scores) } qw(off avx2 auto);

	is_deeply([ @bits[ 1, 2 ] ], [ @bits[ 0, 0 ] ], "$width columns: every simd gives the same bits");
}

# More rows than the sample holds: the same by a key.
$node->safe_psql('postgres', <<"SQL");
SELECT setseed($seed / 1000000.0);
CREATE TABLE large WITH (parallel_workers = 2) AS
	SELECT i, random() * 1000 AS x, (random() * 100)::int AS n,
		'user ' || (random() * random() * 9000)::int AS who
	FROM generate_series(1, $large) i;
CREATE TABLE large_shuffled WITH (parallel_workers = 2) AS SELECT * FROM large ORDER BY random();
ANALYZE;
SQL
cmp_ok(sql_value($node, 'SELECT count(DISTINCT who) FROM large'), '>', 4096, 'more categories than are counted exactly');
check_table('large', 'keyed', 'ad_iforest(trees => 20)', 'i, x, n, who', "ad_sampling(seed => $seed, keyed => true)");

check_table('large', 'keyed, calibrated', 'ad_hbos() || ad_calibrate()', 'i, x, n, who', "ad_sampling(seed => $seed, keyed => true)");

# A key that many rows share: ties at the edge of the sample.
check_table('large', 'keyed, with ties', 'ad_iforest(trees => 5)', 'n, x, who',
	"ad_sampling(seed => $seed, rows => 1000, keyed => true)");

$session->end;
$node->stop;
done_testing();
