# ad_explain against the definition of Shapley values, evaluated over all
# coalitions of columns by an oracle that reads the model's bytes
# (test/oracle/Shapley.pm).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../oracle";

use AnomalyTest;
use Envelope;
use Iforest;
use List::Util qw(max sum0);
use Session;
use Shapley;
use Test::More;

my $seed = seed() % 100_000;
my $node = start_server('explain');
# no model is kept, which would be walked by the instructions it was loaded with
my $session = Session->new($node, options => '-c anomaly.model_cache_size=0 -c extra_float_digits=1');

$node->safe_psql('postgres', <<"SQL");
SELECT setseed($seed / 100000.0);
CREATE TABLE model (name text, model bytea);
CREATE TABLE training AS
	SELECT i, random() * 100 AS x, exp(random() * 20) AS y, (random() * 9)::int AS n,
		timestamptz '2024-01-01' + random() * 200 * interval '1 day' AS ts,
		(ARRAY['red', 'green', 'blue', NULL])[1 + i % 4] AS colour,
		'user ' || (random() * random() * 40)::int AS who,
		ARRAY(SELECT random() + i * 0 FROM generate_series(1, 10)) AS v,
		ARRAY(SELECT random() + i * 0 FROM generate_series(1, 27)) AS w
	FROM generate_series(1, 3000) i;
CREATE TABLE probe AS
	SELECT i, CASE i % 11 WHEN 1 THEN NULL WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity'
			ELSE random() * 140 - 20 END::float8 AS x,
		CASE i % 7 WHEN 1 THEN NULL WHEN 3 THEN 1e300 ELSE exp(random() * 22) END::float8 AS y,
		(random() * 12)::int AS n,
		timestamptz '2023-11-01' + random() * 400 * interval '1 day' AS ts,
		(ARRAY['red', 'green', 'blue', NULL, 'unseen', ''])[1 + i % 6] AS colour,
		'user ' || (random() * 45)::int AS who,
		ARRAY(SELECT random() * 1.2 + i * 0 FROM generate_series(1, 10)) AS v,
		ARRAY(SELECT random() * 1.2 + i * 0 FROM generate_series(1, 27)) AS w
	FROM generate_series(1, 24) i;
SQL

# The oracle's values of columns, summed to features.
sub by_feature
{
	my ($prepared, @values) = @_;

	return map { sum0 splice @values, 0, $_->{columns} } @{ $prepared->{features} };
}

my $epoch = 'extract(epoch FROM ts)::float8';

for my $case (
	[ 'numbers', 'ad_iforest(trees => 20, sample_size => 100)', 'x, y, n', 'x, y, n', 24 ],
	[ 'one number', 'ad_iforest(trees => 20)', 'x', 'x', 24 ],
	[ 'mixed', 'ad_iforest(trees => 10, sample_size => 64)', 'x, y, n, ts, colour, who', "x, y, n, $epoch, colour, who", 12 ],
	[ 'standardised', q[ad_iforest(trees => 10, sample_size => 64) || ad_prepare(scale => 'standard')], 'x, y, n, colour', 'x, y, n, colour', 12 ],
	[ 'deep, ten columns', 'ad_iforest(trees => 1, sample_size => 2000)', 'v', "array_to_string(v, E'\\t')", 2 ],
	[ 'many columns', 'ad_iforest(trees => 21)', 'w', "array_to_string(w, E'\\t')", 24, 'path' ],
	[ 'fair-cut, one column', 'ad_fair_forest(trees => 5, sample_size => 64, ndim => 1)', 'x, y, n, ts', "x, y, n, $epoch", 12 ])
{
	my ($name, $spec, $arguments, $raw, $rows, @methods) = @$case;
	$rows /= 2 if !$ENV{ANOMALY_LONG};

	$node->safe_psql('postgres',
		"INSERT INTO model SELECT '$name', ad_fit($spec || ad_sampling(seed => $seed), $arguments) FROM training");
	my $model = Envelope::take_apart(bytes_of($node, "SELECT model FROM model WHERE name = '$name'"));
	my $prepared = Envelope::features($model);
	my $forest = Iforest::parse($model->{section}{5}, $prepared->{columns}, $name =~ /^fair/);

	for my $method (@methods ? @methods : qw(shap path))
	{
		my ($worst, $unsummed, $n) = (0, 0, 0);

		for my $row (rows_of($node, 'SET extra_float_digits = 1; ' . <<"SQL"))
SELECT ad_score(model, $arguments), (SELECT string_agg(contribution::text, ' ' ORDER BY substr(feature, 9)::int)
	FROM ad_explain(model, '{"method": "$method"}'::jsonb, $arguments)), $raw
FROM probe, model WHERE name = '$name' AND i <= $rows ORDER BY i
SQL
		{
			my ($score, $contributions, @x) = @$row;
			my @contribution = split / /, $contributions;
			my @columns = Envelope::columns($prepared, @x);
			my ($baseline, @phi) = Shapley::as_scores($forest,
				$method eq 'shap' ? Shapley::shapley($forest, @columns) : Shapley::path($forest, @columns));
			my @expected = by_feature($prepared, @phi);

			$worst = max $worst, map { abs $contribution[$_] - $expected[$_] } 0 .. $#expected;
			$unsummed = max $unsummed, abs $score - $baseline - sum0 @contribution;
			$n += @contribution == @expected;
		}
		my %said = map { $_ => $session->do(<<"SQL") } qw(off avx2 auto);
SET anomaly.simd = '$_';
SELECT md5(string_agg(e::text, '|' ORDER BY i, rank)) FROM probe, model, ad_explain(model, '{"method": "$method"}'::jsonb, $arguments) e
WHERE name = '$name' AND i <= $rows
SQL
		ok($said{off} eq $said{avx2} && $said{off} eq $said{auto}, "$name: all instructions give the same contributions by $method");
		note sprintf '%s, %s: greatest difference %.2g, of the sum %.2g', $name, $method, $worst, $unsummed;
		ok($n == $rows && $worst < 1e-9, "$name: contributions by $method are the oracle's");
		cmp_ok($unsummed, '<', 1e-12, "$name: they add up to the score less the baseline");
	}
}

$session->end;
$node->stop;
done_testing();
