# A session that scores a million rows, fits a thousand models, loads
# thousands, and fails a thousand times, is no larger afterwards; the model
# cache stays inside anomaly.model_cache_size.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $node = start_server('memory', 'max_parallel_workers_per_gather = 0');

plan skip_all => 'memory contexts cannot be read before PostgreSQL 14'
  if sql_value($node, 'SHOW server_version_num') < 140000;

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE training AS
	SELECT i, random() AS x, random() AS y, 'user ' || i % 50 AS who FROM generate_series(1, 2000) i;
CREATE TABLE model AS
	SELECT k AS id, ad_fit(ad_iforest(trees => 10, sample_size => 32) || ad_sampling(seed => k), x, y, who) AS m
	FROM training, generate_series(1, 2000) k WHERE i % 20 = 0 GROUP BY k;
CREATE TABLE model_row AS
	SELECT k AS id, ad_fit(ad_iforest(trees => 10, sample_size => 32) || ad_sampling(seed => k), t) AS m
	FROM (SELECT x, y, who FROM training LIMIT 100) t, generate_series(1, 5) k GROUP BY k;
-- a byte of the payload changed, far from the header
CREATE TABLE damaged AS SELECT id, set_byte(m, length(m) - 20 - id % 900, get_byte(m, length(m) - 20 - id % 900) # 255) AS m
	FROM model WHERE id <= 1000;

CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS
	'SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts';
CREATE FUNCTION cached() RETURNS bigint LANGUAGE sql AS
	$$SELECT coalesce(sum(total_bytes), 0)::bigint FROM pg_backend_memory_contexts WHERE name = 'anomaly model'$$;

-- the number of times that a statement fails
CREATE FUNCTION failures(sql text, times int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int := 0;
	d bytea;
BEGIN
	FOR k IN 1 .. times LOOP
		SELECT m INTO d FROM damaged WHERE id = k;
		BEGIN
			EXECUTE sql USING d, k;
		EXCEPTION WHEN invalid_binary_representation OR datatype_mismatch OR invalid_parameter_value THEN
			n := n + 1;
		END;
	END LOOP;
	RETURN n;
END $$;
SQL

# Runs statements in one session, each twice to fill caches, then often;
# returns the growth in bytes from before to after, and the last result.
sub growth
{
	my ($setup, $statement, $often) = @_;
	my $out = $node->safe_psql('postgres', join ";\n",
		$setup, ($statement) x 2, "SELECT 'before', total()", ($statement) x $often, "SELECT 'after', total()");
	my ($before) = $out =~ /^before\|(\d+)$/m;
	my ($after) = $out =~ /^after\|(\d+)$/m;

	note sprintf 'before %d, after %d', $before, $after;
	return $after - $before;
}

# What a session's own caches may take, whatever it does.
my $slack = 300_000;

for my $case (
	[ 'a million scores in ten statements', 'SELECT 1',
		'SELECT count(ad_score(m, i::float8, x, who)) FROM training, generate_series(1, 50), (SELECT m FROM model LIMIT 1) q', 10 ],
	[ 'scores of rows', 'SELECT 1',
		'SELECT count(ad_score(m, t)) FROM (SELECT x, y, who FROM training) t, (SELECT m FROM model_row LIMIT 1) q', 20 ],
	[ 'a thousand fits', 'SELECT 1', 'SELECT sum(length(m)) FROM (SELECT ad_fit(ad_iforest(), x, y, who) AS m FROM training GROUP BY i % 100) q', 10 ],
	[ 'fits from sketches', 'SELECT 1',
		'SELECT length(ad_fit_sketch(ad_iforest(ndim => 2), ad_merge(s))) FROM (SELECT ad_sketch(x, y, who) AS s FROM training GROUP BY i % 100) q', 50 ],
	[ 'fits as a window function', 'SELECT 1',
		'SELECT sum(length(m)) FROM (SELECT ad_fit(ad_iforest(trees => 2), x) OVER (PARTITION BY i % 10 ORDER BY i) AS m FROM training WHERE i <= 200) q', 5 ],
	[ 'ad_info and ad_features', 'SELECT 1', 'SELECT count(ad_info(m)), (SELECT count(*) FROM model_row, ad_features(m)) FROM model_row', 50 ],
	[ 'a thousand damaged models', "SET anomaly.model_cache_size = '1MB'",
		"SELECT failures('SELECT ad_score(\$1, 1::float8, 2::float8, ''user 1'')', 1000)", 3 ],
	[ 'a thousand wrong arguments', 'SELECT 1',
		"SELECT failures('SELECT ad_score(m, 1::float8) FROM model WHERE id = \$2', 1000)", 3 ],
	[ 'models loaded and evicted', "SET anomaly.model_cache_size = '1MB'",
		"SELECT count(ad_score(m, 1::float8, 2::float8, 'user 1')), count(ad_info(m)) FROM model", 10 ])
{
	my ($name, $setup, $statement, $often) = @$case;

	cmp_ok(growth($setup, $statement, $often), '<', $slack, "$name leave memory as it was");
}
is(sql_value($node, "SELECT failures('SELECT ad_score(\$1, 1::float8, 2::float8, ''user 1'')', 1000)"),
	1000, 'all damaged models are refused');

# Within one statement: memory at its end, when what it holds is still there.
for my $case (
	[ 'a join with 2,000 models', 'SELECT max(ad_score(m, x, y, who)), max(total()) FILTER (WHERE id = 2000), count(*)
		FROM model, (SELECT * FROM training LIMIT 3) t', 8e6 ],
	[ 'rows against 5 models in turn', 'SELECT max(ad_score(m, t)), max(total()) FILTER (WHERE i = 2000), count(*)
		FROM (SELECT t, i, m FROM training t, model_row ORDER BY i, id) q', 8e6 ])
{
	my ($name, $statement, $limit) = @$case;
	my $out = $node->safe_psql('postgres', "SET anomaly.model_cache_size = '1MB'; SET work_mem = '64MB'; SELECT total(); $statement");
	my ($before, $during, $count) = $out =~ /^(\d+)\n[^|]*\|(\d+)\|(\d+)/;

	note sprintf '%s: %d calls, before %d, during %d', $name, $count, $before, $during;
	cmp_ok($during - $before, '<', $limit, "$name: memory does not grow with them");
}

# The cache keeps to its limit, and does keep.
for my $mb (1, 4)
{
	my $out = $node->safe_psql('postgres', <<"SQL");
SET anomaly.model_cache_size = '${mb}MB';
SELECT count(ad_score(m, x, y, who)) FROM model, (SELECT * FROM training LIMIT 1) t;
SELECT cached();
SELECT count(ad_score(m, x, y, who)) FROM model, (SELECT * FROM training LIMIT 1) t;
SELECT cached();
SQL
	my @cached = (split /\n/, $out)[ 1, 3 ];

	note "cache of $mb MB: @cached";
	ok($_ > 0.5 * $mb * 1024 * 1024 && $_ <= $mb * 1024 * 1024, "a cache of $mb MB is used and not exceeded") for @cached;
}
is(sql_value($node, "SET anomaly.model_cache_size = 0;
	SELECT count(ad_score(m, 1::float8, 2::float8, 'user 1')) FROM model; SELECT cached()"), "2000\n0",
	'a cache of nothing keeps nothing');

# Evicted and loaded again, a model scores as before.
is( sql_value($node, <<'SQL'),
SET anomaly.model_cache_size = '100kB';
CREATE TEMP TABLE once AS SELECT id, ad_score(m, 0.5::float8, 2::float8, 'user 1') AS s FROM model;
SELECT count(*) FROM once JOIN model USING (id) WHERE s = ad_score(m, 0.5::float8, 2::float8, 'user 1');
SQL
	2000, 'evicted models score as before');

$node->stop;
done_testing();
