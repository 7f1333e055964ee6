# The neighbour search in src/math against a naive one (test/oracle): tree and
# scan give the same neighbours, the same distances bit for bit, and count the
# same rows within a radius, whatever the data, the metric and the SIMD level.
#
# ANOMALY_TEST_SEED repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = seed();
my $drawn = $ENV{ANOMALY_LONG} ? 8 : 20;    # one task of so many

my $dir = PostgreSQL::Test::Utils::tempdir();
copy("$FindBin::RealBin/../oracle/$_", $dir) or die "$_: $!"
  for qw(neighbors_oracle.c Makefile);
system_or_bail('make', '-s', '-C', $dir, 'with_llvm=no',
	"ANOMALY_SRC=$FindBin::RealBin/../../src",
	'PG_CONFIG=' . ($ENV{PG_CONFIG} // 'pg_config'));

my $node = start_server('neighbors');
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION ad_test_neighbors(rows int, columns int, kind int, metric int, p float8, k int, seed bigint)
	RETURNS text AS '$dir/neighbors' LANGUAGE C STRICT;
CREATE TABLE task AS
SELECT n, columns, kind, metric, p, k
FROM unnest(ARRAY[1, 2, 17, 100, 700]) n, unnest(ARRAY[1, 2, 3, 7, 20, 33]) columns,
	generate_series(0, 7) kind, unnest(ARRAY[1, 5, 40]) k,
	(VALUES (0, 2), (1, 2), (2, 2), (4, 2), (3, 1), (3, 1.5), (3, 3), (3, 20)) m(metric, p)
WHERE (n + columns + kind + metric + p::int + k) % $drawn = $seed % $drawn;
-- three levels of nodes; lists of every length, and what is too long for one
INSERT INTO task
SELECT 5000, columns, kind, 0, 2, k
FROM unnest(ARRAY[1, 3, 8]) columns, generate_series(0, 7) kind, unnest(ARRAY[7, 8, 20, 30, 64, 65]) k
WHERE (columns + kind + k) % ($drawn / 2) = $seed % ($drawn / 2);
-- chunks of the scan that are longer than the shortest
INSERT INTO task SELECT 40000, 9, kind, metric, 2, 20
FROM generate_series(0, 7) kind, generate_series(0, 2) metric
WHERE (kind + 8 * metric) % $drawn = $seed % $drawn;
SQL

for my $simd (qw(auto avx2 off))
{
	my $wrong = $node->safe_psql('postgres', <<"SQL");
LOAD '$dir/neighbors';
SET anomaly.simd = $simd;
SELECT format('%s rows, %s columns, kind %s, metric %s, p %s, k %s: %s', n, columns, kind, metric, p, k, wrong)
FROM (SELECT *, ad_test_neighbors(n, columns, kind, metric, p, k, $seed) AS wrong FROM task OFFSET 0) t
WHERE wrong IS NOT NULL LIMIT 5
SQL
	is($wrong, '', "tree, scan and oracle agree, anomaly.simd = $simd");
}

$node->stop;
done_testing();
