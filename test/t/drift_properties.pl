# Equal distributions do not drift, whatever they are and however few the rows;
# others do. What ad_drift() promises: a measure that chance exceeds once in
# 1,000 is never held against a feature or the scores. A hundredth of it here,
# all of it in test/long.sh.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use Test::More;

my $node = keep(start_server('drift'));
my $long = $ENV{ANOMALY_LONG};

# what happens once in 10,000 does not happen in the suite
$ENV{ANOMALY_TEST_SEED} //= 20261126 unless $long;
my $seed = seed();
my $number = 0;    # of what is drawn next

# How many of n may be so by chance, if each is with probability 1 in 1,000:
# one more happens once in 10,000.
sub allowed
{
	my ($n) = @_;
	my $term = (1 - 0.001)**$n;
	my ($k, $sum) = (0, $term);

	while ($sum < 0.9999)
	{
		$term *= ($n - $k) / ($k + 1) * 0.001 / 0.999;
		$sum += $term;
		$k++;
	}
	return $k;
}

# A value of a shape, as SQL: every call draws others. s is the pair, i the row.
sub draw
{
	my ($kind) = @_;

	$number++;
	return sprintf 'ad_random(%d + s * 1000, i, \'%s\')', ($seed % 1000000) * 1000000 + $number, $kind;
}

# Shapes of data: a name, and an expression that draws.
my %shapes = (
	'normal' => sub { draw('normal') },
	'lognormal' => sub { 'exp(2 * ' . draw('normal') . ')' },
	'20 categories' => sub { "'c' || floor(20 * " . draw('uniform') . ')' },
	'20 categories, some rare' => sub { "'c' || floor(20 * " . draw('uniform') . ' ^ 3)' },
	'300 categories' => sub { "'c' || floor(300 * " . draw('uniform') . ')' },
	'boolean, one in ten' => sub { draw('uniform') . ' < 0.1' },
	'integers 0 to 3' => sub { 'floor(4 * ' . draw('uniform') . ')::int' },
	'rounded' => sub { 'round(' . draw('normal') . '::numeric, 1)::float8' },
	'three in ten missing' => sub { 'CASE WHEN ' . draw('uniform') . ' > 0.3 THEN ' . draw('normal') . ' END' });

# Pairs of sketches of one shape, and models: a table pairs(s, r, m, q).
sub make_pairs
{
	my ($reference, $current, $pairs, $n, $m) = @_;

	return "CREATE TEMP TABLE pairs AS
		SELECT s, r, m, q
		FROM (SELECT s, ad_sketch(v) AS r, ad_fit('hbos', v) AS m
		      FROM (SELECT s, $reference AS v FROM generate_series(1, $pairs) s, generate_series(1, $n) i) t GROUP BY s) a
		JOIN (SELECT s, ad_sketch(v) AS q
		      FROM (SELECT s, $current AS v FROM generate_series(1, $pairs) s, generate_series(1, $m) i) t GROUP BY s) b USING (s);";
}

# How many drift: of sketches, of models, and how many have a PSI above noise.
sub count_drift
{
	my ($part) = @_;

	return "SELECT count(*) FILTER (WHERE d.verdict <> 'stable'), count(*) FILTER (WHERE e.verdict <> 'stable'),
		count(*) FILTER (WHERE d.psi > d.psi_noise), count(*) FILTER (WHERE e.psi > e.psi_noise)
	FROM pairs, ad_drift(r, q) d, ad_drift(m, q) e WHERE d.part = '$part' AND e.part = '$part'";
}

my $pairs = $long ? 2000 : 20;
my @sizes = ([2000, 20], [2000, 60], [2000, 200], [2000, 500], [50, 50], [20, 500]);

for my $shape (sort keys %shapes)
{
	my $all = 0;
	my @false = (0) x 4;

	for my $size (@sizes)
	{
		my @now = split /\|/, $node->safe_psql('postgres',
			make_pairs($shapes{$shape}->(), $shapes{$shape}->(), $pairs, @$size) . count_drift('feature'));

		note "$shape, $$size[1] rows against $$size[0]: @now of $pairs";
		$false[$_] += $now[$_] for 0 .. 3;
		$all += $pairs;
	}
	for my $i (0 .. 3)
	{
		my $what = (qw(sketch model sketch model))[$i] . ($i < 2 ? '' : ', PSI above noise');

		cmp_ok($false[$i], '<=', allowed($all), "$shape against a $what: $false[$i] of $all drift");
	}
}

# What has changed is seen as soon as there are rows enough.
my %changes = (
	'normal, farther' => [$shapes{normal}, sub { draw('normal') . ' + 1.2' }, 200],
	'normal, far' => [$shapes{normal}, sub { draw('normal') . ' + 5' }, 20],
	'normal, wider' => [$shapes{normal}, sub { '3 * ' . draw('normal') }, 200],
	'categories, fewer' => [$shapes{'20 categories'}, sub { "'c' || floor(6 * " . draw('uniform') . ')' }, 200],
	'categories, one' => [$shapes{'20 categories'}, sub { "'c1' || left(" . draw('uniform') . '::text, 0)' }, 20],
	'categories, new' => [$shapes{'20 categories'}, sub { "'d' || floor(20 * " . draw('uniform') . ')' }, 20],
	'a boolean, mostly true' => [$shapes{'boolean, one in ten'}, sub { draw('uniform') . ' < 0.9' }, 20],
	'missing, all' => [$shapes{normal}, sub { 'CASE WHEN ' . draw('uniform') . ' < 0 THEN 1.0::float8 END' }, 20],
	'missing, half' => [$shapes{normal}, sub { 'CASE WHEN ' . draw('uniform') . ' < 0.5 THEN ' . draw('normal') . ' END' }, 60]);

for my $change (sort keys %changes)
{
	my ($before, $after, $rows) = @{ $changes{$change} };
	my $now = $node->safe_psql('postgres', make_pairs($before->(), $after->(), 10, 2000, $rows) . count_drift('feature'));

	like($now, qr/^10\|10\|/, "$change: $rows rows drift from 2000");
}

# Scores of every detector, of three features.
my $fits = $long ? 400 : 4;
my $row = join ', ', map { $_->() } @shapes{ ('normal') x 3 };
my $other = join ', ', map { $_->() } @shapes{ ('normal') x 3 };
my $compared = 0;
my $drifting = 0;

for my $detector (detectors($node))
{
	for my $rows (20, 60, 200, 500)
	{
		for my $spec ("ad_$detector()", "ad_$detector() || ad_calibrate()")
		{
			# folds are ten more fits
			next if $spec =~ /calibrate/ && $rows != 60;
			my $now = $node->safe_psql('postgres',
				"SELECT count(*) FILTER (WHERE verdict <> 'stable'), count(*)
				FROM (SELECT s, ad_fit($spec, a, b, c) AS m
				      FROM (SELECT s, $row FROM generate_series(1, $fits) s, generate_series(1, 2000) i) t (s, a, b, c) GROUP BY s) a
				JOIN (SELECT s, ad_sketch(a, b, c) AS q
				      FROM (SELECT s, $other FROM generate_series(1, $fits) s, generate_series(1, $rows) i) t (s, a, b, c) GROUP BY s) b
				USING (s), ad_drift(m, q) WHERE part = 'score'");

			$now =~ /^(\d+)\|$fits$/ or fail("$spec has a row of scores");
			note "scores, $spec, $rows rows: $1 of $fits" if $1;
			$compared += $fits;
			$drifting += $1;
		}
	}
}
cmp_ok($drifting, '<=', allowed($compared), "scores: $drifting of $compared drift");

# Few distinct rows have few distinct scores, of which a model remembers
# quantiles: what it does not know is not held against them.
my $whole = join ', ', map { "floor($_)" } '4 * ' . draw('uniform') . ' ^ 2', '3 * ' . draw('normal');
my $again = join ', ', map { "floor($_)" } '4 * ' . draw('uniform') . ' ^ 2', '3 * ' . draw('normal');
my $now = $node->safe_psql('postgres',
	"SELECT string_agg(d || ' ' || psi, ', ') FILTER (WHERE verdict <> 'stable')
	FROM (SELECT d, ad_fit(d, a, b) AS m
	      FROM (SELECT $whole FROM generate_series(1, 10000) i, (SELECT 1) o (s)) t (a, b),
	           unnest(ARRAY['" . join("', '", detectors($node)) . "']) d GROUP BY d) a,
	     (SELECT ad_sketch(a, b) AS q FROM (SELECT $again FROM generate_series(1, 10000) i, (SELECT 1) o (s)) t (a, b)) b,
	     ad_drift(m, q) WHERE part = 'score'");

is($now, '', 'scores of few distinct rows do not drift');

$node->stop;
done_testing();
