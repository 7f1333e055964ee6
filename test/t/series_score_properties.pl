# What is promised of the score of a series, whatever its values are: it does
# not change with their scale, sign and offset, packed or in rows it has the
# same bits, its verdict is that of ad_stl, and what is odd ranks first.  In
# test/long.sh more series.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $node = start_server('series_score');
my ($series, $n) = $ENV{ANOMALY_LONG} ? (100, 1200) : (6, 600);

# Noise of unit scale from u, a uniform number, and n, a normal one, and how
# far an odd value is off.
my %kinds = (
	smooth => ['0.001 * n', 1],
	normal => ['n', 8],
	't(3)' => ["n / sqrt((ad_random(s + 5000, 3 * i, 'normal') ^ 2 + ad_random(s + 5000, 3 * i + 1, 'normal') ^ 2 + ad_random(s + 5000, 3 * i + 2, 'normal') ^ 2) / 3)", 60],
	exponential => ['-ln(1 - u)', 20],
	discrete => ['(u > 0.60653)::int + (u > 0.90980)::int + (u > 0.98561)::int', 10],
	'mostly zero' => ['CASE WHEN u < 0.05 THEN -ln(u / 0.05) ELSE 0 END', 12],
	rounded => ['round((0.5 * n)::numeric, 1)::float8', 5],
	flat => ['0::float8', 5],
);

for my $kind (sort keys %kinds)
{
	my ($noise, $odd) = @{ $kinds{$kind} };
	for my $season (0, 1)
	{
		my $name = "$kind, " . ($season ? 'a season' : 'no season');
		$node->safe_psql('postgres', qq{
			DROP TABLE IF EXISTS t, scored;
			CREATE TABLE t AS
			SELECT s, i, s * 37 % ($n / 2) + $n / 4 AS at, ($noise)::float8 + $season * 3 * sin(2 * pi() * i / 24)
				+ CASE WHEN i BETWEEN s * 37 % ($n / 2) + $n / 4 AND s * 37 % ($n / 2) + $n / 4 + 9 THEN $odd ELSE 0 END AS v
			FROM (SELECT s, i, ad_random(s, i) AS u, ad_random(s + 100000, i, 'normal') AS n
				FROM generate_series(1, $series) s, generate_series(1::bigint, $n) i) r;
			CREATE TABLE scored AS
			SELECT s, i, at, ad_series_score(v, i) OVER w AS d, (ad_stl(v, i, '{"robust": true}') OVER w).anomaly AS verdict,
				ad_series_score(v * 1000, i) OVER w AS scaled, ad_series_score(v * 1e-200, i) OVER w AS tiny,
				ad_series_score(-v, i) OVER w AS turned, ad_series_score(v + 64, i) OVER w AS moved
			FROM t WINDOW w AS (PARTITION BY s ORDER BY i)});
		is($node->safe_psql('postgres', q{
				SELECT count(*) FROM scored WHERE NOT coalesce((d).score >= 0 AND (d).score < 'Infinity' AND (d).anomaly = verdict, false)}),
			0, "$name: every point has a score, and the verdict of ad_stl");
		is($node->safe_psql('postgres', q{
				SELECT count(*) FROM (SELECT s, ad_series_score_array(array_agg(v ORDER BY i)) a FROM t GROUP BY s) p,
					unnest((a).score, (a).window_score, (a).shape_score, (a).expected, (a).expected_low, (a).expected_high, (a).anomaly)
					WITH ORDINALITY u(a1, a2, a3, a4, a5, a6, a7, i) JOIN scored USING (i)
				WHERE scored.s = p.s AND d IS DISTINCT FROM ROW(a1, a2, a3, a4, a5, a6, a7)::ad_series_score_point}),
			0, "$name: packed it has the same bits");
		# where most deviations are nothing but rounding, another rounding is another unit
		for my $other ($season && $kind =~ /^(flat|mostly zero)$/ ? () : qw(scaled tiny turned moved))
		{
			my $far = $node->safe_psql('postgres', qq{
				SELECT count(*) FROM scored WHERE abs(($other).score - (d).score) > 1e-6 * (1 + (d).score)
					OR ($other).anomaly <> CASE WHEN '$other' = 'turned' THEN -1 ELSE 1 END * (d).anomaly});
			is($far, 0, "$name: $other, it is the same");
		}
		# a window and a shape cover what is near, so the first point may be some way off
		my $found = $node->safe_psql('postgres', qq{
			SELECT avg((abs(i - at) <= 110)::int) FROM (SELECT DISTINCT ON (s) s, i, at FROM scored ORDER BY s, (d).score DESC) f});
		cmp_ok($found, '>=', 0.8, "$name: what is odd ranks first");
	}
}

$node->stop;
done_testing();
