# Forests of every shape score what the oracle finds node by node, and the same
# bits whatever the instructions: trees of 1 to 13 levels, 1 to 70 columns, few
# and many trees, more thresholds than 16 bits count, rows on a threshold and
# far from all. Forests of hyperplanes are walked in another way after some
# hundred rows: the scores do not change with it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../oracle";

use AnomalyTest;
use Envelope;
use Iforest;
use List::Util qw(max);
use Session;
use Test::More;

my $seed = seed() % 100_000;
my $node = start_server('shapes', 'max_parallel_workers_per_gather = 0');
# no model is kept, which would be scored by the instructions it was loaded with
my $session = Session->new($node, options => '-c anomaly.model_cache_size=0');
my $fewer = $ENV{ANOMALY_LONG} ? 1 : 3;    # rows that the oracle scores

$node->safe_psql('postgres', <<"SQL");
SELECT setseed($seed / 100000.0);
-- column j: whole, continuous, heavy-tailed, far from zero, nearly constant, tiny or great
CREATE FUNCTION value(j int) RETURNS float8 LANGUAGE sql VOLATILE AS \$\$
	SELECT CASE j % 6 WHEN 0 THEN floor(random() * 8) WHEN 1 THEN random() * 100 WHEN 2 THEN (random() - 0.5) * exp(random() * 40)
		WHEN 3 THEN 1e9 + random() WHEN 4 THEN (random() < 0.03)::int
		ELSE random() * ('{1e-30,1e-310,1e140,1e-300}'::float8[])[1 + j / 6 % 4] END \$\$;
CREATE TABLE training AS
	SELECT i, (SELECT array_agg(value(j + i * 0) ORDER BY j) FROM generate_series(0, 69) j) AS x FROM generate_series(1, 2500) i;
CREATE TABLE probe AS
	SELECT i, (SELECT array_agg(CASE (i * 70 + j) % 97 WHEN 1 THEN NULL WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN 'NaN'
			WHEN 5 THEN 1e300 ELSE CASE WHEN j % 6 = 0 THEN floor(random() * 18) / 2 - 0.5 ELSE value(j) END END::float8 ORDER BY j)
		FROM generate_series(0, 69) j) AS x FROM generate_series(1, 300) i;
-- ordinary rows, on both sides of the change
INSERT INTO probe SELECT 300 + i, x FROM training WHERE i <= 900;
CREATE TABLE model (name text, model bytea);
SQL

# Fit a forest on the first columns, and score all probes with all instructions.
sub check
{
	my ($spec, $columns, $every) = @_;
	my $name = "$spec, $columns columns" =~ tr/'//dr;
	my $hyperplanes = $spec =~ /fair/;

	$session->do("INSERT INTO model SELECT '$name', ad_fit($spec || ad_sampling(seed => $seed), x[1:$columns]) FROM training");
	my $model = Envelope::take_apart(pack 'H*', $session->do("SELECT encode(model, 'hex') FROM model WHERE name = '$name'"));
	my $prepared = Envelope::features($model);
	my $forest = Iforest::parse($model->{section}{5}, $prepared->{columns}, $hyperplanes);
	my %scores;

	# the order is that of the scan: the plan must not score rows twice
	$scores{$_} = $session->do(<<"SQL") for qw(off avx2 auto);
SET anomaly.simd = $_;
SELECT ad_score((SELECT model FROM model WHERE name = '$name'), x[1:$columns]) FROM probe ORDER BY i
SQL
	ok($scores{off} eq $scores{avx2} && $scores{off} eq $scores{auto}, "$name: the same scores with all instructions");

	my @scores = split /\n/, $scores{off};
	my @rows = split /\n/, $session->do("SELECT array_to_string(x[1:$columns], ' ', '-') FROM probe ORDER BY i");
	my $worst = 0;

	for (my $i = 0; $i < @rows; $i += $every * $fewer)
	{
		my @x = map { $_ eq '-' ? undef : $_ eq 'Infinity' ? 9**9**9 : $_ eq '-Infinity' ? -9**9**9 : $_ } split / /, $rows[$i];

		$worst = max $worst, abs $scores[$i] - Iforest::score($forest, Envelope::columns($prepared, @x));
	}
	cmp_ok($worst, '<=', 1e-12, "$name: they are the oracle's");
}

# depths 1 to 13
check("ad_iforest(trees => $_->[0], sample_size => $_->[1])", 10, 7)
  for [ 1, 2 ], [ 2, 4 ], [ 3, 5 ], [ 17, 16 ], [ 5, 20 ], [ 16, 60 ], [ 33, 128 ], [ 21, 256 ], [ 4, 500 ], [ 3, 1000 ],
  [ 2, 2000 ], [ 1, 2500 ];
check('ad_iforest(trees => 1, sample_size => 8192)', 3, 7);
# every number of columns where the walk changes
check('ad_iforest(trees => 11, sample_size => 100)', $_, 13) for 1, 2, 15, 16, 17, 31, 32, 33, 64, 65, 70;
# 76,500 splits on one column; beside others, too
check('ad_iforest(trees => 300)', 2, 101);
check('ad_iforest(trees => 900, max_features => 0.1)', 10, 101);

for my $columns (1, 2, 8, 9, 16, 17, 40)
{
	check('ad_fair_forest(trees => 12)', $columns, 11);
	check('ad_iforest(trees => 10, ndim => 2)', $columns, 11);
}
check('ad_fair_forest(trees => 300, sample_size => 32)', 3, 51);
check('ad_fair_forest(trees => 5, sample_size => 2000)', 6, 11);
check('ad_fair_forest(trees => 5, ndim => 3)', 6, 11);
check("ad_iforest(trees => 10, ndim => 2) || ad_prepare(scale => 'none')", 6, 11);

# A forest that has scored many rows scores the next as one that has scored none.
for my $spec ('ad_fair_forest(trees => 20)', 'ad_iforest(trees => 20, ndim => 2)')
{
	my $rows = "SELECT array_agg(ad_score(m, x[1:10]) ORDER BY i) FROM (SELECT * FROM probe ORDER BY i OFFSET %d LIMIT 100) p,
		(SELECT ad_fit($spec, x[1:10]) AS m FROM training) f";
	my @sizes = map { $session->do(sprintf $rows, $_ * 100) } 0 .. 11;
	my $all = $session->do(sprintf($rows, 0) =~ s/LIMIT 100/LIMIT 1200/r);

	is('{' . join(',', map { /^\{(.*)\}$/ } @sizes) . '}', $all, "$spec: the same scores before and after");
}

$session->end;
$node->stop;
done_testing();
