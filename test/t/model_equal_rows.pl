# Rows of a fit, equal ones among them, under every detector and every word of
# its options: a threshold finds its share of the rows that it was made of,
# their order changes no byte, and few distinct rows take no longer than many,
# nor do numbers near the least or the greatest that there are.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Session;
use Subjects;
use Test::More;

my $node = start_server('equal_rows');
my $mutate = build_mutator();
my $session = Session->new($node, options => '-c max_parallel_workers_per_gather=0');

$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION ad_test_cpu() RETURNS float8 AS '$mutate' LANGUAGE C;
CREATE TABLE shaped AS
SELECT shape, i, x, y FROM generate_series(1, 500) i, LATERAL (VALUES
	('normal', ad_random(1, i, 'normal'), ad_random(2, i, 'normal')),
	('grid', i % 4, i * 7 % 3),
	('copies', CASE WHEN i % 10 = 0 THEN ad_random(1, i, 'normal') ELSE 0 END, CASE WHEN i % 10 = 0 THEN i % 7 ELSE 1 END),
	('boolean', i % 2, 1),
	('equal', 5, 5)) v(shape, x, y);
CREATE TABLE many AS
SELECT i, ad_random(1, i, 'normal') AS a, ad_random(2, i, 'normal') AS b, i % 3 AS u, i * 7 % 2 AS v, 'word ' || i % 3 AS w
FROM generate_series(1, 5000) i;
SQL

my @specs = (variants($node), "ad_ensemble(ARRAY[ad_knn(), ad_zscore()])",
	"ad_ensemble(ARRAY[ad_lof(), ad_iforest()], 'max')", "ad_ensemble(ARRAY[ad_knn(), ad_zscore(), ad_hbos()], 'top')", 'ad_auto()');

# Those above a threshold of 5 % are 25 of 500, but for rows equal to it.
for my $spec (@specs)
{
	is($session->do(<<"SQL"), '', "$spec: a threshold finds its share");
SELECT shape, above, at_least FROM (
	SELECT shape, sum((score > threshold)::int) AS above,
	       sum((score >= threshold - 1e-9 * greatest(abs(threshold), 1e-3))::int) AS at_least
	FROM (SELECT shape, ad_score(m, x, y) AS score, ad_threshold(m) AS threshold
	      FROM (SELECT shape, ad_fit($spec || ad_calibrate(share => 0, contamination => 0.05), x, y) AS m FROM shaped GROUP BY shape) f
	           JOIN shaped USING (shape)) s
	GROUP BY shape) c
WHERE above > 26 OR at_least < 24
SQL
	is($session->do(<<"SQL"), '1', "$spec: the order of rows changes no byte");
SELECT count(DISTINCT m) FROM (SELECT unnest(ARRAY[
	ad_fit(s, u, a, w ORDER BY i), ad_fit(s, u, a, w ORDER BY -i), ad_fit(s, u, a, w ORDER BY md5(i::text)), ad_fit(s, u, a, w ORDER BY w, u)]) AS m
	FROM many, (SELECT $spec || ad_calibrate() AS s OFFSET 0) s WHERE i <= 400) f
SQL
}

# Processor seconds of a fit to two columns, and of a score of every row.
sub seconds
{
	my ($spec, $columns) = @_;
	my @cpu = split /\n/, $session->do(<<"SQL");
DISCARD TEMP;
CREATE TEMP TABLE cpu (at float8);
INSERT INTO cpu SELECT ad_test_cpu();
CREATE TEMP TABLE model AS SELECT ad_fit($spec, $columns) AS m FROM many;
INSERT INTO cpu SELECT ad_test_cpu();
DO \$\$ BEGIN PERFORM sum(ad_score(m, $columns)) FROM model, many; END \$\$;
INSERT INTO cpu SELECT ad_test_cpu();
SELECT at - lag(at) OVER (ORDER BY at) FROM cpu OFFSET 1;
SQL
	return @cpu;
}

# Three times is promised of equal rows, and two of subnormal numbers; what is
# quick is not measured so well.
my %unusual = (
	'6 distinct rows' => 'u, v',
	'subnormal numbers' => 'a, b * 1e-310',
	'tiny numbers' => 'a, b * 1e-300',
	'great numbers' => 'a, b * 1e100',
	'an absurd number' => 'a, CASE i WHEN 7 THEN 1e100 ELSE b END');

for my $detector (detectors($node))
{
	my @usual = seconds("'$detector'::text", 'a, b');

	for my $case (sort keys %unusual)
	{
		my @case = seconds("'$detector'::text", $unusual{$case});

		for my $what (0, 1)
		{
			my $which = (qw(fit score))[$what];

			ok($case[$what] < 4 * $usual[$what] + 0.02, "$detector: a $which of $case is not dear")
			  or diag "$case[$what] against $usual[$what] s";
		}
	}
}

$session->end;
$node->stop;
done_testing();
