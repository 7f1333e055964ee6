# Forests of small groups: how many bytes they have, that any values which differ
# are parted, that a forest scores its first rows as it scores the next, and
# that trees which do not hold together are refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../oracle";

use AnomalyTest;
use Envelope;
use Iforest;
use Session;
use Test::More;

my $seed = seed() % 100_000;
my $node = start_server('small');
my $session = Session->new($node, options => '-c extra_float_digits=1 -c client_min_messages=warning -c anomaly.model_cache_size=0');
my $sampling = "ad_sampling(seed => $seed)";

$node->safe_psql('postgres', <<"SQL");
SELECT setseed($seed / 100000.0);
CREATE TABLE training AS
	SELECT i, (SELECT array_agg(ad_random(1, i * 10 + j) * 10 ^ (j - 4) + j % 3 + i * 0 ORDER BY j) FROM generate_series(1, 10) j) AS x
	FROM generate_series(1, 2000) i;
CREATE TABLE model (name text, model bytea);
SQL

# Sizes, that README and docs/iforest.md promise.
for my $columns (2, 10)
{
	for my $size ([ 100, 40_000 ], [ 256, 64_000 ], [ 1000, 64_000 ], [ 2000, 64_000 ])
	{
		my ($rows, $limit) = @$size;

		cmp_ok($session->do("SELECT length(ad_fit(ad_iforest() || $sampling, x[1:$columns])) FROM training WHERE i <= $rows"),
			'<=', $limit, "$rows rows of $columns columns: bytes of a model");
	}
}

# Values of all kinds that differ, some by the least that there is: no split
# leaves a side empty, and a row arrives where it was when the tree grew.
my %kinds = (
	'a billion and thousandths' => '1e9 + i * 1e-3',
	'seconds since 1970' => '1700000000 + i',
	'microseconds since 1970' => '1.7e15 + i',
	'denormals' => 'i * 5e-324::float8',
	'too small for a float4' => '(i - 32) * 1e-60',
	'too large for a float4' => '(i - 32) * 5e306',
	'about the greatest float4' => '3.4028e38 + i * 1e33',
	'around zero' => "CASE i % 4 WHEN 0 THEN '-0'::float8 WHEN 1 THEN 0 WHEN 2 THEN 1e-30 ELSE -1e-30 END",
	'many sizes' => '(CASE i % 2 WHEN 0 THEN 1 ELSE -1 END) * 10.0::float8 ^ (i * 9 - 300)',
	'neighbours' => '1 + i * 2 ^ -52',
	'whole numbers' => 'i % 7',
	'a cluster and one far away' => 'CASE i WHEN 1 THEN 1e12 ELSE 1 + i * 1e-9 END');

for my $kind (sort keys %kinds)
{
	my $value = "($kinds{$kind})::float8";

	$session->do(<<"SQL");
DROP TABLE IF EXISTS kind;
CREATE TABLE kind AS SELECT i, $value AS v FROM generate_series(1, 64) i;
INSERT INTO model SELECT '$kind', ad_fit(ad_iforest(trees => 30) || ad_prepare(scale => 'none') || ad_calibrate(share => 0) || $sampling, v)
FROM kind;
SQL
	my $model = Envelope::take_apart(pack 'H*', $session->do("SELECT encode(model, 'hex') FROM model WHERE name = '$kind'"));
	my $forest = Iforest::parse($model->{section}{5}, Envelope::features($model)->{columns});
	my @rows = split /\n/, $session->do('SELECT v FROM kind ORDER BY i');
	my @scores = split /\n/, $session->do(
		"SELECT ad_score((SELECT model FROM model WHERE name = '$kind'), v) FROM kind ORDER BY i");
	my ($wrong, $empty, $far) = (0, 0, 0);

	for my $tree (@{ $forest->{trees} })
	{
		my %arrived;

		$arrived{ Iforest::leaf($tree, $_) }++ for @rows;
		for my $leaf (grep { defined $_->{rows} } Iforest::nodes($tree))
		{
			$empty++ if $leaf->{rows} == 0;
			$wrong++ if $leaf->{rows} != ($arrived{$leaf} // 0);
		}
	}
	$far += abs($scores[$_] - Iforest::score($forest, $rows[$_])) > 1e-12 for 0 .. $#rows;
	is($empty, 0, "$kind: no side of a split is empty");
	is($wrong, 0, "$kind: rows arrive where they were when trees grew");
	is($far, 0, "$kind: scores are the oracle's");
	is(scalar(grep { !defined $_->{rows} } @{ $forest->{trees} }), 30, "$kind: every tree splits");
}

# A forest that has scored many rows scores and explains the next as one that
# has scored none, with all instructions.
for my $simd (qw(off avx2 auto))
{
	for my $call ('score', 'shap', 'path')
	{
		my $f = $call eq 'score' ? 'ad_score(m, x)' :
		  "(SELECT string_agg(e.contribution::text, ',' ORDER BY rank) FROM ad_explain(m, '{\"method\": \"$call\"}'::jsonb, x) e)";
		my $fit = "SELECT ad_fit(ad_iforest(trees => 37) || $sampling, x) AS m FROM training";
		my $rows = "SET anomaly.simd = $simd;
SELECT string_agg($f\::text, ';' ORDER BY i) FROM (SELECT * FROM training ORDER BY i OFFSET %d LIMIT %d) t, ($fit OFFSET 0) f";
		my $parts = join ';', map { $session->do(sprintf $rows, $_ * 10, 10) } 0 .. 5;

		is($parts, $session->do(sprintf $rows, 0, 60), "$call, $simd: the same before and after");
	}
}

# Payloads that do not hold together.
my $model = Envelope::take_apart(
	bytes_of($node, "SELECT ad_fit(ad_iforest(trees => 2, sample_size => 4) || $sampling, x[1:3]) FROM training"));

# The score of a model with this forest, or its error.
sub score_of
{
	my ($payload) = @_;
	my $bytes = unpack 'H*', Envelope::put_together(1, %{ $model->{section} }, version => 3, 5 => $payload);

	my $answer = $session->ask("SELECT ad_score('\\x$bytes'::bytea, ARRAY[1, 2, 3]::float8[])");
	return $answer =~ /DETAIL: +At byte \d+ of its section: (.*)\./ ? $1 : $answer;
}

# A payload of two trees over three columns: a root with two leaves, and a leaf.
my %good = (psi => 4, trees => 2, longs => '', counts => pack('V V', 1, 0), thresholds => pack('f<', 1.5), columns => "\x02",
	inner => "\x01", other => "\x02", rows => "\x03", many => '');

sub payload
{
	my %p = (%good, @_);

	return pack('V V V V', $p{psi}, $p{trees}, 1, length($p{longs}) / 8)
	  . join '', @p{qw(longs counts thresholds columns inner other rows many)};
}

like(score_of(payload()), qr/^0\.\d+$/, 'a payload that holds together');
like(score_of(payload(thresholds => pack('V', 0x7F800000), longs => pack('d<', 1.5))), qr/^0\.\d+$/, 'one with a float8');
my $inf = 9**9**9;
for my $case (
	[ 'a threshold of infinity', "a node's threshold does not exist", thresholds => pack('f<', $inf) ],
	[ 'a threshold below all', "a node's threshold does not exist", thresholds => pack('f<', -$inf), longs => pack('d<', 1) ],
	[ 'a float8 that is not there', "a node's threshold does not exist", thresholds => pack('V', 0x7F800001), longs => pack('d<', 1) ],
	[ 'a float8 of infinity', 'a number is not finite', longs => pack('d<', $inf) ],
	[ 'a fourth column', "a node's column does not exist", columns => "\x03" ],
	[ 'too many nodes', 'a count exceeds the bytes that are left', counts => pack('V V', 0xFFFFFFFF, 0) ],
	[ 'too many nodes in all', 'a count exceeds the bytes that are left', counts => pack('V V', 0x80000000, 0x80000000) ],
	[ 'fewer nodes', 'its trees have another number of nodes', inner => "\x00" ],
	[ 'more nodes', 'its trees have another number of nodes', inner => "\x03" ],
	[ 'a root that is a leaf', 'a tree has nodes that are not below its root', inner => "\x02" ],
	[ 'nodes of another tree', 'a tree is not complete', inner => "\x01", counts => pack('V V', 0, 1) ],
	[ 'padding after columns', 'padding is not zero', columns => "\x0E" ],
	[ 'padding after nodes', 'padding is not zero', inner => "\x11" ],
	[ 'padding after leaves', 'padding is not zero', other => "\x0A", rows => "\x03\x03" ],
	[ 'a leaf of too many rows', 'a leaf has more rows than a subsample', rows => "\x05" ],
	[ 'a leaf of 255', 'a leaf has more rows than a subsample', rows => "\xFF" ],
	[ 'no end', 'unexpected end', rows => '' ],
	[ 'more than an end', 'bytes are left over', many => "\0" ],
	[ 'no long list of rows', 'unexpected end', psi => 1000, rows => "\xFF" ],
	[ 'a short one in the long list', 'the rows of a leaf are out of range', psi => 1000, rows => "\xFF", many => pack('V', 254) ],
	[ 'a number too large in it', 'the rows of a leaf are out of range', psi => 1000, rows => "\xFF", many => pack('V', 1001) ])
{
	my ($name, $error, @change) = @$case;

	like(score_of(payload(@change)), qr/^\Q$error\E/, "$name is refused");
}
# three levels where psi allows two
is(score_of(payload(counts => pack('V V', 3, 0), thresholds => pack('f<3', 1, 1, 1), columns => "\x00", inner => "\x0B")),
	'a tree is too deep', 'a tree that is too deep is refused');
like(score_of(payload(psi => 1000, rows => "\xFF", many => pack('V', 255))), qr/^0\.\d+$/, 'a leaf of 255 rows scores');

$session->end;
$node->stop;
done_testing();
