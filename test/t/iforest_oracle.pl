# The forest against an oracle that reads a model's bytes and walks its trees
# node by node (test/oracle), against the paper's structure, and, written into
# our format, against a forest and the scores of scikit-learn.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../oracle";

use AnomalyTest;
use Envelope;
use Iforest;
use IO::Uncompress::Gunzip qw(gunzip);
use List::Util qw(max min sum0 uniq);
use Test::More;

my $seed = seed() % 100_000;
my $node = start_server('oracle');

sub read_model
{
	my ($bytes) = @_;
	my $model = Envelope::take_apart($bytes);
	my $prepared = Envelope::features($model);

	return ($prepared, Iforest::parse($model->{section}{5}, $prepared->{columns}));
}

# A model in table "model", by name.
sub fit
{
	my ($name, $select) = @_;

	$node->safe_psql('postgres', "INSERT INTO model SELECT '$name', $select");
	return read_model(bytes_of($node, "SELECT model FROM model WHERE name = '$name'"));
}

# Compare ad_score with the oracle over table "probe".
sub compare
{
	my ($name, $prepared, $forest, $arguments, $raw) = @_;
	my $worst = 0;
	my $n = 0;
	my @infinite;

	for my $row (rows_of($node, "SELECT ad_score(model, $arguments), $raw FROM probe, model WHERE name = '$name' ORDER BY probe.i"))
	{
		my ($score, @x) = @$row;

		# an infinite time has no hour; see docs/features.md
		if ($name eq 'calendar' && defined $x[3] && abs($x[3]) == 9**9**9)
		{
			push @infinite, $score;
			next;
		}
		my $expected = Iforest::score($forest, Envelope::columns($prepared, @x));

		$worst = max $worst, abs $score - $expected;
		$n++;
	}
	note sprintf '%s: %d rows, greatest difference %.2g', $name, $n, $worst;
	ok($n > 300 && $worst <= 1e-12, "$name: scores are the oracle's");
	cmp_ok(min(@infinite), '>=', sql_value($node, "SELECT max(ad_score(model, $arguments)) FROM training, model WHERE name = '$name'"),
		"$name: an infinite time scores no lower than a row of the fit")
	  if @infinite;
}

$node->safe_psql('postgres', <<"SQL");
SET extra_float_digits = 1;
SELECT setseed($seed / 100000.0);
CREATE TABLE model (name text, model bytea);
CREATE TABLE training AS
	SELECT i, random() * 100 AS x, exp(random() * 20) AS y, (random() * 9)::int AS n,
		timestamptz '2024-01-01' + random() * 200 * interval '1 day' AS ts,
		(ARRAY['red', 'green', 'blue', NULL])[1 + i % 4] AS colour,
		'user ' || (random() * random() * 40)::int AS who
	FROM generate_series(1, 2000) i;
CREATE TABLE probe AS
	SELECT i, CASE i % 11 WHEN 1 THEN NULL WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity'
			WHEN 4 THEN 'NaN' ELSE random() * 140 - 20 END::float8 AS x,
		CASE i % 7 WHEN 1 THEN NULL WHEN 2 THEN '-Infinity' WHEN 3 THEN 1e300
			ELSE exp(random() * 22) END::float8 AS y,
		(random() * 12)::int AS n,
		CASE i % 13 WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN NULL
			ELSE timestamptz '2023-11-01' + random() * 400 * interval '1 day' END AS ts,
		(ARRAY['red', 'green', 'blue', NULL, 'unseen', ''])[1 + i % 6] AS colour,
		'user ' || (random() * 45)::int AS who
	FROM generate_series(1, 400) i;
-- every threshold's neighbourhood is met: some rows are training rows
INSERT INTO probe SELECT 400 + i, x, y, n, ts, colour, who FROM training WHERE i <= 200;
SQL

my $sampling = "ad_sampling(seed => $seed)";
my $epoch = q[CASE ts WHEN 'infinity' THEN 'Infinity' WHEN '-infinity' THEN '-Infinity' ELSE extract(epoch FROM ts) END::float8];
my $all = 'x, y, n, ts, colour, who';
my $raw = "x, y, n, $epoch, colour, who";

# What the paper says of a forest's trees.
sub check_structure
{
	my ($name, $prepared, $forest) = @_;
	my $psi = $forest->{psi};
	my $limit = 0;
	my @trees = @{ $forest->{trees} };
	my @leaves = map {
		[ grep { defined $_->{rows} } Iforest::nodes($_) ]
	} @trees;

	$limit++ while 2**$limit < $psi;
	is_deeply([ uniq map { sum0 map { $_->{rows} } @$_ } @leaves ],
		[$psi], "$name: each tree has all rows of its subsample");
	cmp_ok(max(map { $_->{depth} } map { @$_ } @leaves),
		'<=', $limit, "$name: no tree is deeper than ceil(log2(psi))");
	is(scalar(uniq map { Iforest::tree_text($_) } @trees),
		scalar(@trees), "$name: all trees differ");
}

# Thresholds lie within the training rows' range.
sub check_thresholds
{
	my ($name, $prepared, $forest) = @_;
	my $column = 0;
	my $outside = 0;

	for my $f (@{ $prepared->{features} })
	{
		my ($least, $greatest) = $f->{class} eq 'category' ? (0, 1) : @$f{qw(min max)};

		$outside += grep { !($_ >= $least && $_ < $greatest) } @{ $forest->{thresholds}[$column] };
		$column += $f->{columns};
	}
	is($outside, 0, "$name: thresholds lie within the range");
}

for my $case (
	[ 'one number', 'ad_iforest()', 'x', 'x' ],
	[ 'numbers', 'ad_iforest(trees => 50, sample_size => 100)', 'x, y, n', 'x, y, n' ],
	[ 'mixed', 'ad_iforest(trees => 50)', $all, $raw ],
	[ 'some columns a tree', 'ad_iforest(trees => 50, max_features => 0.3)', $all, $raw ],
	[ 'standard', "ad_iforest(trees => 30) || ad_prepare(scale => 'standard')", $all, $raw ],
	[ 'robust', "ad_iforest(trees => 30) || ad_prepare(scale => 'robust', impute => 'mean')", $all, $raw ],
	[ 'calendar', 'ad_iforest(trees => 30) || ad_prepare(calendar => true)', $all, $raw ],
	[ 'extended', 'ad_iforest(trees => 30, ndim => 2)', 'x, y, n', 'x, y, n' ],
	[ 'extended, mixed', "ad_iforest(trees => 30, ndim => 4) || ad_prepare(scale => 'minmax')", $all, $raw ])
{
	my ($name, $spec, $arguments, $as_numbers) = @$case;
	my ($prepared, $forest) = fit($name, "ad_fit($spec || $sampling, $arguments) FROM training");

	compare($name, $prepared, $forest, $arguments, $as_numbers);
	check_structure($name, $prepared, $forest);
	check_thresholds($name, $prepared, $forest)
	  if $forest->{ndim} == 1 && $name !~ /standard|robust|calendar/;
}

# Without replacement: with psi = n each leaf holds exactly the training rows
# that arrive there; with less, at most those, and above the depth limit no
# leaf of distinct values holds two.
for my $size (200, 64)
{
	my ($prepared, $forest) = fit("drawn $size",
		"ad_fit(ad_iforest(trees => 20, sample_size => $size) || $sampling, i, x) FROM training WHERE i <= 200");
	my @rows = rows_of($node, 'SELECT i, x FROM training WHERE i <= 200');
	my ($wrong, $twice) = (0, 0);

	for my $tree (@{ $forest->{trees} })
	{
		my %arrived;

		$arrived{ Iforest::leaf($tree, @$_) }++ for @rows;
		for my $leaf (grep { defined $_->{rows} } Iforest::nodes($tree))
		{
			my $n = $arrived{$leaf} // 0;

			$wrong++ if $size == 200 ? $n != $leaf->{rows} : $n < $leaf->{rows};
			$twice++ if $leaf->{rows} > 1 && $leaf->{depth} < ($size == 200 ? 8 : 6);
		}
	}
	is($wrong, 0, "$size of 200 rows: drawn from the training rows, none twice");
	is($twice, 0, "$size of 200 rows: distinct rows are parted");
}

# Neighbouring seeds are as different as any.
my %seen;
for my $s ($seed .. $seed + 9)
{
	my (undef, $forest) = read_model(
		bytes_of($node, "SELECT ad_fit(ad_iforest() || ad_sampling(seed => $s), x, y) FROM training"));

	$seen{ Iforest::tree_text($_) }++ for @{ $forest->{trees} };
}
is(scalar(keys %seen), 1000, 'ten consecutive seeds share no tree');

# The smallest differences that the types can express are told apart; of float8,
# those beyond the rounding that docs/spec.md counts as none.
for my $case (
	[ 'float8 1e15 and 1e15 + 1', "1e15::float8 + (i = 1)::int" ],
	[ 'bigint 1e15 and 1e15 + 1', "1000000000000000 + (i = 1)::int" ],
	[ 'float8 1 and the 17th after it', "CASE i WHEN 1 THEN 1 + 17 * 2.220446049250313e-16 ELSE 1 END::float8" ],
	[ 'timestamps a microsecond apart',
		"timestamp '2024-02-29 12:00:00.000001' + (i = 1)::int * interval '1 microsecond'" ])
{
	my ($name, $value) = @$case;
	my ($usual, $rare) = split /\|/, sql_value($node, <<"SQL");
WITH t AS (SELECT i, $value AS v FROM generate_series(1, 50) i),
	m AS MATERIALIZED (SELECT ad_fit('iforest', v) AS m FROM t)
SELECT max(ad_score(m, v)) FILTER (WHERE i > 1), max(ad_score(m, v)) FILTER (WHERE i = 1) FROM t, m
SQL

	cmp_ok($rare, '>', $usual + 0.1, "$name are told apart");
}

# scikit-learn's forest in our format gives scikit-learn's scores.
gunzip("$FindBin::RealBin/../data/golden/iforest_sklearn.txt.gz", \my $golden) or die 'golden file';
gunzip("$FindBin::RealBin/../data/breast_cancer.csv.gz", \my $csv) or die 'data file';
my ($psi, undef, $columns) = $golden =~ /^forest (\d+) (\d+) (\d+)/;
my @expected = $golden =~ /^score (.+)$/mg;
my @trees;
for my $line ($golden =~ /^tree (.+)$/mg)
{
	my @words = split / /, $line;
	my $grow;

	$grow = sub {
		my ($depth) = @_;
		my ($column, $threshold) = split /:/, shift @words;

		return { depth => $depth, rows => $column } if !defined $threshold;
		return {
			depth => $depth,
			terms => [ [ $column, 1 ] ],
			threshold => $threshold + 0,
			left => $grow->($depth + 1),
			right => $grow->($depth + 1) };
	};
	push @trees, $grow->(0);
}
my @names = split /,/, (split /\n/, $csv)[0];
my $bytes = Envelope::put_together(
	1,
	1 => '{"detector": "iforest"}',
	2 => pack('V Q< Q< V', 6, scalar @expected, scalar @expected, $columns)
	  . join('', map { pack 'C V/a* V/a* Q< Q< q< d<9', 1, $names[$_], 'real', 0, 0, -1, (0) x 9 } 0 .. $columns - 1),
	3 => pack('C C V/a*', 0, 0, 'UTC') . pack('C d< l<', 1, 0, -1) x $columns,
	5 => Iforest::payload($psi, $columns, @trees));
my (undef, @data) = split /\n/, $csv;
my $values = join ",\n", map { my @v = split /,/; "(ARRAY[" . join(',', @v[ 0 .. $columns - 1 ]) . ']::float8[]::float4[])' } @data;
my @scores = map { $_->[0] } rows_of($node,
	"SELECT ad_score('\\x" . unpack('H*', $bytes) . "'::bytea, v) FROM (VALUES $values) t(v)");
my $difference = max map { abs $scores[$_] - $expected[$_] } 0 .. $#expected;

is(scalar(@scores), scalar(@expected), "scikit-learn's rows");
cmp_ok($difference, '<=', 1e-12, "scikit-learn's scores");
note sprintf 'greatest difference from scikit-learn %.2g, scores %.3f to %.3f',
  $difference, min(@expected), max(@expected);

$node->stop;
done_testing();
