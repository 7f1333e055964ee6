# ad_subknn against the definition, in double precision: draws, centers and
# ends are read from a model's bytes (src/detectors/subknn.c), rows of draws
# must be rows of the fit, scores and explanations those of the nearest of
# them, whatever the SIMD level.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../oracle";

use AnomalyTest;
use Envelope;
use List::Util qw(max min sum0);
use Test::More;

my $seed = seed() % 100_000;
my $node = start_server('subknn');

# What a model holds: {unit, columns, draws}; a draw is a list of rows.
sub read_model
{
	my ($bytes) = @_;
	my $model = Envelope::take_apart($bytes);
	my $prepared = Envelope::features($model);
	my $r = Envelope::reader($model->{section}{5});
	my ($draws, $rows, $unit) = $r->('V V d<');
	my $n = $prepared->{columns};
	my @columns = map { [ $r->('d< d< d<') ] } 1 .. $n;
	my @draws;

	for (1 .. $draws)
	{
		push @draws, [ map { [ $r->("f<$n") ] } 1 .. $rows ];
	}
	die 'payload' if !$r->();
	return ($prepared, { unit => $unit, columns => \@columns, draws => \@draws });
}

# A row of prepared columns in units from the centers, clipped, as a float4.
sub place
{
	my ($s, @x) = @_;

	return map {
		my ($center, $least, $greatest) = @{ $s->{columns}[$_] };
		unpack 'f<', pack 'f<', max $least, min $greatest, ($x[$_] - $center) / $s->{unit};
	} 0 .. $#x;
}

# The nearest rows of a draw: distance and what each column adds. One at
# distance 0 is left out.
sub nearest
{
	my ($draw, @z) = @_;
	my ($best, @parts);
	my $self = 0;

	for my $row (@$draw)
	{
		my @d = map { $z[$_] - $row->[$_] } 0 .. $#z;
		my $distance = sqrt sum0 map { $_ * $_ } @d;

		next if $distance == 0 && !$self++;
		if (!defined $best || $distance < $best)
		{
			$best = $distance;
			@parts = map { $distance > 0 ? $_ * $_ / $distance : 0 } @d;
		}
	}
	return ($best, @parts);
}

# The score of prepared columns, then what each column adds to it.
sub score
{
	my ($s, @x) = @_;
	my @infinite = map { abs $_ == 9**9**9 ? 1 : 0 } @x;
	my @sums = (0) x (1 + @x);
	my $n = 0;

	# the greatest float8, shared by the columns that are infinite
	return map { $_ * (2 - 2**-52) * 2**1023 / ((sum0 @infinite) || 1) } sum0(@infinite), @infinite
	  if grep { $_ } @infinite;
	my @z = place($s, @x);

	for my $draw (@{ $s->{draws} })
	{
		my @found = nearest($draw, @z);

		next if !defined $found[0];
		$sums[$_] += $found[$_] for 0 .. $#found;
		$n++;
	}
	return map { $n ? $_ / $n * $s->{unit} : 0 } @sums;
}

# The part of each feature, of those of columns.
sub by_feature
{
	my ($prepared, @parts) = @_;

	return map { sum0 splice @parts, 0, $_->{columns} } @{ $prepared->{features} };
}

$node->safe_psql('postgres', <<"SQL");
SELECT setseed($seed / 100000.0);
CREATE TABLE model (name text, model bytea);
CREATE TABLE training AS
	SELECT i, random() * 100 AS x, exp(random() * 20) AS y, (random() * 9)::int AS n,
		(ARRAY['red', 'green', 'blue', NULL])[1 + i % 4] AS colour,
		'user ' || (random() * random() * 40)::int AS who, 7.5 AS same
	FROM generate_series(1, 1000) i;
CREATE TABLE probe AS
	SELECT i, CASE i % 11 WHEN 1 THEN NULL WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity'
			ELSE random() * 140 - 20 END::float8 AS x,
		CASE i % 7 WHEN 1 THEN NULL WHEN 3 THEN 1e300 ELSE exp(random() * 22) END::float8 AS y,
		(random() * 12)::int AS n,
		(ARRAY['red', 'green', 'blue', NULL, 'unseen', ''])[1 + i % 6] AS colour,
		'user ' || (random() * 45)::int AS who, CASE WHEN i % 5 = 0 THEN 9 ELSE 7.5 END AS same
	FROM generate_series(1, 60) i;
INSERT INTO probe SELECT 60 + i, x, y, n, colour, who, same FROM training WHERE i <= 60;
SQL

my $all = 'x, y, n, colour, who, same';

for my $case (
	[ 'defaults', 'ad_subknn()' ],
	[ 'every row is in some draw', 'ad_subknn(60, 200)' ],
	[ 'one draw of all', 'ad_subknn(5, 4096)' ],
	[ 'draws of one row', 'ad_subknn(17, 1, 2)' ],
	[ 'not scaled', q[ad_subknn(20, 50, 3) || ad_prepare(scale => 'none')] ],
	[ 'robust', q[ad_subknn(3, 7, 100) || ad_prepare(scale => 'robust', onehot_max => 0)] ])
{
	my ($name, $spec) = @$case;

	$node->safe_psql('postgres', "INSERT INTO model SELECT '$name', ad_fit($spec || ad_sampling(seed => $seed), $all) FROM training");
	my ($prepared, $s) = read_model(bytes_of($node, "SELECT model FROM model WHERE name = '$name'"));

	# rows of draws are rows of the fit, each at most once in a draw
	my %known;
	$known{ join ' ', place($s, Envelope::columns($prepared, @$_)) }++
	  for rows_of($node, "SELECT $all FROM training");
	my $strange = 0;
	for my $draw (@{ $s->{draws} })
	{
		my %left = %known;
		$strange += !$left{ join ' ', @$_ }-- for @$draw;
	}
	is($strange, 0, "$name: draws are of rows of the fit");

	for my $simd (qw(auto avx2 off))
	{
		my $worst = 0;

		for my $row (rows_of($node, "SET anomaly.simd = $simd; SELECT ad_score(model, $all), $all FROM probe, model WHERE name = '$name' ORDER BY i"))
		{
			my ($score, @raw) = @$row;
			my ($expected) = score($s, Envelope::columns($prepared, @raw));

			$worst = max $worst, abs($score - $expected) / max $expected, $s->{unit};
		}
		cmp_ok($worst, '<', 1e-6, "$name: scores are the oracle's, anomaly.simd = $simd");
	}

	my $worst = 0;
	for my $row (rows_of($node, "SELECT ad_score(model, $all), (SELECT string_agg(contribution::text, ' ' ORDER BY feature) FROM ad_explain(model, $all)), $all FROM probe, model WHERE name = '$name' AND i % 2 = 0 ORDER BY i"))
	{
		my ($score, $said, @raw) = @$row;
		my @said = split / /, $said;
		my (undef, @parts) = score($s, Envelope::columns($prepared, @raw));
		my @expected = by_feature($prepared, @parts);

		$worst = max $worst, abs(sum0(@said) - $score) / max $score, $s->{unit};
		$worst = max $worst, map { abs($said[$_] - $expected[$_]) / max $score, $s->{unit} } 0 .. $#expected;
	}
	cmp_ok($worst, '<', 1e-5, "$name: explanations are the oracle's");
}

# In-sample: by a fit of all rows in one draw, the nearest other row.
my $wrong = $node->safe_psql('postgres', <<'SQL');
CREATE TABLE point AS SELECT i, (random() * 20)::int AS x, (random() * random() * 20)::int AS y FROM generate_series(1, 300) i;
SELECT count(*) FROM (SELECT i, x, y, ad_outlier(ad_subknn(rows => 4096, clip => 100) || ad_prepare(scale => 'none'), x, y) OVER () AS s FROM point) t
WHERE abs(s - (SELECT min(sqrt((t.x - o.x) ^ 2 + (t.y - o.y) ^ 2)) FROM point o WHERE o.i <> t.i)) > 1e-6
SQL
is($wrong, 0, 'in-sample: the nearest other row, copies too');

$node->stop;
done_testing();
