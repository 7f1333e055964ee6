# Values at the edges of what the types can hold: whatever is fitted can be
# loaded and scored, and what cannot be is refused by name.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../oracle";

use AnomalyTest;
use Envelope;
use Iforest;
use Test::More;

my $node = start_server('extremes');

# A query that must fail with this SQLSTATE.
sub fails
{
	my ($name, $state, $sql) = @_;
	my ($status, undef, $stderr) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$sql");

	ok($status != 0 && $stderr =~ /ERROR:  $state$/m, "$name: $state") or diag $stderr || 'no error';
}

# A model that must score a row between 0 and 1.
sub scores
{
	my ($name, $fit, $arguments) = @_;
	my ($status, $out, $stderr) = $node->psql('postgres', "SELECT ad_score(($fit), $arguments) BETWEEN 0 AND 1");

	is("$out$stderr", 't', $name);
}

# Numbers whose differences are not numbers.
for my $scale (qw(none standard robust minmax))
{
	for my $few (1, 30, 99)
	{
		for my $sign (1, -1)
		{
			scores("$few of 100 at the other end, $sign, scale $scale",
				"SELECT ad_fit(ad_iforest() || ad_prepare(scale => '$scale'),
					$sign * CASE WHEN i <= $few THEN -1.7e308 ELSE 1.7e308 END::float8)
				 FROM generate_series(1, 100) i", '1.0');
		}
	}
}
scores('least numbers', 'SELECT ad_fit(ad_iforest(), i * 5e-324::float8) FROM generate_series(1, 100) i', '1e-323::float8');
scores('least numbers, scaled',
	"SELECT ad_fit(ad_iforest(ndim => 2) || ad_prepare(scale => 'standard'), i * 5e-324::float8, i) FROM generate_series(1, 100) i",
	"1e-323::float8, 'Infinity'::float8");
scores('missing ones imputed by a mean that is none',
	"SELECT ad_fit(ad_iforest() || ad_prepare(impute => 'mean'), CASE i % 3 WHEN 0 THEN -1.7e308 WHEN 1 THEN 1.7e308 END::float8)
	 FROM generate_series(1, 100) i", 'NULL::float8');

# Every detector scores them, to a number or beyond all numbers, or refuses
# what is too large for its arithmetic.
for my $detector (detectors($node))
{
	for my $values (
		'CASE WHEN i <= 30 THEN -1.7e308 ELSE 1.7e308 END', 'i * 5e-324', '1e15 + (i = 1)::int', '7', '1e308 * sin(i)')
	{
		my ($status, $out, $stderr) = $node->psql('postgres', <<"SQL");
WITH t AS (SELECT ($values)::float8 AS x, i FROM generate_series(1, 100) i),
	m AS MATERIALIZED (SELECT ad_fit('$detector', x, i) AS m FROM t)
SELECT bool_and(ad_score(m, v, 1) IS NOT NULL AND ad_score(m, v, 1) <> 'NaN')
FROM m, (SELECT x FROM t UNION ALL VALUES (float8 'Infinity'), ('-Infinity'), ('NaN'), (NULL), (1e308), (-1e308)) p(v)
SQL
		like("$out$stderr", qr/^t$|ERROR:  values are too large for/, "$detector of $values");
	}
}

# Categories too rare for the sample to have one.
for my $rows (1, 16)
{
	scores("5,000 rare categories, sample of $rows",
		"SELECT ad_fit(ad_iforest() || ad_sampling(rows => $rows, keyed => true, seed => 3),
			i, CASE WHEN i <= 5000 THEN 'value ' || i END, i)
		 FROM generate_series(1, 300000) i", "'value 1', 1");
}

# The empty string, first and alone.
scores('the empty string', "SELECT ad_fit(ad_iforest(), ''::text) FROM generate_series(1, 10) i", "''::text");
scores('the empty string first',
	"SELECT ad_fit(ad_iforest(), CASE i WHEN 1 THEN '' ELSE i::text END) FROM generate_series(1, 10) i", "''::text");

# A literal without a type is a category or NULL, never a number.
my $number = "SELECT ad_fit('iforest', i::float8) FROM generate_series(1, 10) i";
fails('an untyped literal for a number', '42804', "SELECT ad_score(($number), '5')");
scores('an untyped NULL for a number', $number, 'NULL');
scores('an untyped literal for a category', "SELECT ad_fit('iforest', i::text) FROM generate_series(1, 10) i", "'5'");

# Hours and weekdays at the same distance from midnight and Sunday have equal
# cosines, to the bit: there is nothing to split.
for my $case (
	[ 'weekdays', 4, "timestamp '2024-01-07' + (d + CASE WHEN i % 2 = 0 THEN 7 ELSE 7 - 2 * d END + i * 7) * interval '1 day'", [ 1 .. 3 ] ],
	[ 'hours', 2, "timestamp '2024-01-07' + CASE WHEN i % 2 = 0 THEN d ELSE 24 - d END * interval '1 hour'", [ 1 .. 11 ] ])
{
	my ($name, $column, $value, $range) = @$case;
	my $n = 0;

	for my $d (@$range)
	{
		(my $v = $value) =~ s/\bd\b/$d/g;
		my $model = Envelope::take_apart(bytes_of($node,
			"SELECT ad_fit(ad_iforest() || ad_prepare(calendar => true), $v) FROM generate_series(1, 50) i"));

		$n += @{ Iforest::parse($model->{section}{5}, 5)->{thresholds}[$column] };
	}
	is($n, 0, "$name: no split between equal cosines");
}

# A sketch whose sample uses a value that its dictionary says no row has.
my $sketch = bytes_of($node, "SELECT ad_sketch((ARRAY['a', 'b'])[1 + i % 2]) FROM generate_series(1, 10) i");
my $at = unpack 'Q<', substr $sketch, 64 + 2 * 24 + 8, 8;

# The sketch with other bytes at a place, sealed again, as SQL.
sub forged
{
	my ($at, $bytes) = @_;
	my $forged = $sketch;

	substr($forged, $at, length $bytes) = $bytes;
	substr($forged, 48, 4) = pack 'V', Envelope::crc32c(substr($forged, 0, 48) . substr($forged, 52));
	return "'\\x" . unpack('H*', $forged) . "'::bytea";
}
fails('a value that no row has', '22P03', "SELECT ad_fit_sketch('iforest', " . forged($at + 5, pack 'Q<', 0) . ')');

# A sketch that is smaller than its options say has its size at the end of the
# first section; one of ten rows holds all of them.
$sketch = bytes_of($node, 'SELECT ad_sketch(ad_zscore(), i) FROM generate_series(1, 10) i');
my ($first, $length) = unpack 'Q<Q<', substr $sketch, 64 + 8, 16;
my $size = $first + $length - 8;
is(unpack('Q<', substr $sketch, $size, 8), 20480, 'the size of the sample is where it is expected');
for my $k (0, 9, 65537, 2**32, 2**63, 2**64 - 1)
{
	fails("a sample of $k rows", '22P03', "SELECT ad_fit_sketch('iforest', " . forged($size, pack 'Q<', $k) . ')');
}
is(sql_value($node, "SELECT ad_info(ad_fit_sketch('iforest', " . forged($size, pack 'Q<', 10) . ")) ->> 'sampled'"), 10, 'a sample of 10 rows');

$node->stop;
done_testing();
