# p-values are valid: of new rows no more than a share a has p <= a, in the mean
# over fits, for every detector, few rows or many, whatever the data; and a value
# that a share of the rows has has no less for a p-value. A hundredth of it here,
# all of it in test/long.sh.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $node = start_server('calibrate');
my $long = $ENV{ANOMALY_LONG};

# what happens once in 1,000 does not happen in the suite
$ENV{ANOMALY_TEST_SEED} //= 20261126 unless $long;
my $seed = seed() % 1000000;

# rows of a fit, and fits
my @sizes = $long ? map { [ $_, 200 ] } (100, 400, 1000, 3000, 5000) : ([ 100, 10 ], [ 600, 4 ]);
my $fresh = $long ? 500 : 150;
my @levels = (0.1, 0.05, 0.01, 0.001);

# A number of row i of fit s, drawn anew for each column.
sub draw
{
	my ($column, $kind) = @_;

	return "ad_random(draw + $column, s * 100000 + i, '$kind')";
}

# Shapes of data: columns.
my %shapes = (
	'normal' => [ draw(1, 'normal'), draw(2, 'normal') . ' + 0.5 * ' . draw(1, 'normal'), draw(3, 'normal') ],
	'heavy tails' => [ draw(1, 'normal') . ' / sqrt(-ln(1 - ' . draw(2, 'uniform') . '))', 'exp(1.5 * ' . draw(3, 'normal') . ')' ],
	'a grid' => [ 'floor(4 * ' . draw(1, 'uniform') . ' ^ 2)::int', 'floor(3 * ' . draw(2, 'uniform') . ' ^ 1.5)::int' ],
	'a boolean' => [ draw(1, 'uniform') . ' < 0.5' ],
	'categories' => [ "(ARRAY['DE', 'DE', 'DE', 'DE', 'DE', 'DE', 'FR', 'FR', 'FR', 'AT'])[1 + floor(10 * " . draw(1, 'uniform') . ')::int]',
		draw(2, 'uniform') . ' < 0.5', 'floor(4 * ' . draw(3, 'uniform') . ')::int' ],
	'duplicates' => [ map { 'CASE WHEN ' . draw(1, 'uniform') . " < 0.5 THEN 0 WHEN " . draw(1, 'uniform') . " < 0.9 THEN $_ ELSE " . draw(1 + $_, 'normal') . ' END' } (1, 2) ]);

# Detectors of the catalogue, forms of them that compute something else, and ensembles.
my %specs = map { ($_ => "ad_$_()") } detectors($node);
%specs = (%specs,
	'iforest, ndim 2' => 'ad_iforest(ndim => 2)', 'zscore, mad' => "ad_zscore('mad')", 'hbos, bins 0' => 'ad_hbos(bins => 0)',
	'pca, reconstruction' => "ad_pca(components => 0.5, method => 'reconstruction')", 'mahalanobis, robust' => 'ad_mahalanobis(robust => true)',
	'kmeans, cblof' => "ad_kmeans(method => 'cblof')", 'ensemble, mean' => 'ad_ensemble(ARRAY[ad_kmeans(), ad_knn()])',
	'ensemble, pvalue' => "ad_ensemble(ARRAY[ad_zscore(), ad_knn()], 'pvalue')", 'ensemble, top' => "ad_ensemble(ARRAY[ad_zscore(), ad_pca(), ad_hbos()], 'top')",
	'ensemble, weighted' => "ad_ensemble(ARRAY[ad_zscore(), ad_pca(), ad_hbos()], 'top', weights => '{0.2,0.5,0.3}')", auto => 'ad_auto()');

# The quantile of Student's distribution that is as rare as 3 of the normal one
# (Cornish and Fisher).
sub three_errors
{
	my ($df) = @_;

	return 3 + 30 / (4 * $df) + (5 * 243 + 16 * 27 + 9) / (96 * $df**2) + (3 * 2187 + 19 * 243 + 17 * 27 - 45) / (384 * $df**3);
}

# The levels that too many rows are below: spec => [level, share, limit], and
# the least p-value of a share of the rows, by that share.
sub judge
{
	my ($shape, $n, $fits, $draw, $method, @names) = @_;
	my @columns = @{ $shapes{$shape} };
	my $columns = join ', ', map { "c$_" } 1 .. @columns;
	my $data = join ', ', map { "$columns[$_ - 1] AS c$_" } 1 .. @columns;
	my $specs = join ', ', map { my $name = $_; $name =~ s/'/''/g; "('$name', $specs{$_} || ad_calibrate(method => '$method'))" } @names;
	my $shares = join ', ', map { "avg((p <= $_)::int)::float8" } @levels;
	my (%shares, %low, %least);

	for (split /\n/, $node->safe_psql('postgres', <<"SQL"))
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE sample AS
SELECT s, i, $data FROM (SELECT ${draw}::bigint AS draw) d, generate_series(1, $fits) s, generate_series(1, $n + $fresh) i;
CREATE TEMP TABLE model AS
SELECT name, s, ad_fit(spec, $columns) AS m FROM sample, (VALUES $specs) v(name, spec) WHERE i <= $n GROUP BY name, spec, s;
ANALYZE sample, model;
SELECT 'shares', name, $shares
FROM (SELECT name, s, ad_pvalue(m, $columns) AS p FROM model JOIN sample USING (s) WHERE i > $n ORDER BY name, s OFFSET 0) t GROUP BY name, s;
SELECT 'least', name, min(ad_pvalue(m, $columns) / k)
FROM model JOIN (SELECT s, $columns, count(*) / $n.0 AS k FROM sample WHERE i <= $n GROUP BY s, $columns HAVING count(*) >= greatest(0.05 * $n, 25)) f USING (s)
GROUP BY name;
SQL
	{
		my ($what, $name, @values) = split /\|/;

		if ($what eq 'shares') { push @{ $shares{$name} }, \@values }
		else { $least{$name} = $values[0] }
	}
	for my $name (keys %shares)
	{
		my @fits = @{ $shares{$name} };

		is(scalar @fits, $fits, "$shape, $n rows: fits of $name") if @fits != $fits;
		for my $k (grep { $levels[$_] >= 1 / ($n + 1) } 0 .. $#levels)
		{
			my ($sum, $squares) = (0, 0);
			my $a = $levels[$k] * ($method eq 'cross' ? 2 : 1);

			for (@fits) { $sum += $$_[$k]; $squares += $$_[$k]**2 }
			my $mean = $sum / $fits;
			my $between = sqrt(($squares - $sum * $mean > 0 ? $squares - $sum * $mean : 0) / ($fits - 1));
			my $theory = sqrt($a * (1 - $a) * (1 / (0.2 * $n + 2) + 1 / $fresh));
			my $limit = $a + three_errors($fits - 1) * ($between > $theory ? $between : $theory) / sqrt($fits);

			push @{ $low{$name} }, sprintf '%g: %.4f, limit %.4f', $levels[$k], $mean, $limit if $mean > $limit;
		}
	}
	return (\%low, \%least);
}

# what is found once by chance is not found again
sub check
{
	my ($shape, $n, $fits, $method) = @_;
	my $draw = $seed * 1000 + 10 * $n;
	my ($low, $least) = judge($shape, $n, $fits, $draw, $method, sort keys %specs);
	my @again = sort keys %$low;

	($low) = judge($shape, $n, $fits, $draw + 500, $method, @again) if @again && $long;
	is(join('; ', map { "$_: p <= @{ $$low{$_} }" } sort keys %$low), '', "$shape, $n rows, $method: p-values are valid");
	is(join('; ', map { "$_: $$least{$_}" } grep { $$least{$_} < 0.995 } sort keys %$least), '', "$shape, $n rows, $method: no p-value is below the share of its value");
}

for my $shape (sort keys %shapes)
{
	check($shape, @$_, 'split') for @sizes;
	check($shape, 400, 200, 'cross') if $long;
}

# The randomised p-value is as often below a level as it says, of discrete data too.
my $fits = $long ? 4000 : 100;
for my $shape ('a grid', 'categories', 'normal')
{
	my $data = join ', ', @{ $shapes{$shape} };

	for (split /\n/, $node->safe_psql('postgres', <<"SQL"))
SELECT k, avg(low), 3.5 * stddev(low) / sqrt($fits)
FROM (SELECT s, k, avg((p <= k)::int) AS low
      FROM (SELECT s, ad_pvalue_randomized(m, ad_random(draw + 9, s * 100000 + i), $data) AS p
            FROM (SELECT s, draw, ad_fit(ad_hbos() || ad_calibrate(), $data) AS m
                  FROM (SELECT ${seed}::bigint * 1000 AS draw) d, generate_series(1, $fits) s, generate_series(1, 100) i GROUP BY s, draw) m,
                 generate_series(101, 200) i) p, unnest('{0.5,0.2,0.1,0.05}'::float8[]) k GROUP BY s, k) s GROUP BY k ORDER BY k
SQL
	{
		my ($k, $share, $errors) = split /\|/;

		cmp_ok(abs($share - $k), '<=', $errors, sprintf '%s: %.4f of randomised p-values are at most %s', $shape, $share, $k);
	}
}

$node->stop;
done_testing();
