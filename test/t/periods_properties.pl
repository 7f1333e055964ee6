# Periods are found whatever the shape of the season, and none where there is
# none. What ad_periods() promises: 98 of 100 series right over all kinds. A
# few series of each kind here, 100 in test/long.sh.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $node = start_server('periods');
my $series = $ENV{ANOMALY_LONG} ? 100 : 5;

# what happens by chance does not happen in the suite
$ENV{ANOMALY_TEST_SEED} //= 20261127 unless $ENV{ANOMALY_LONG};
my $seed = seed() % 1000000;

# Value at point i of a series k whose period is p, in noise e and uniform u;
# its periods; points; how many steps off. Of what repeats, p is drawn.
my $sine = '3 * sin(2 * pi() * i / p + k)';
my $none = 'ARRAY[]::int[]';
my %kinds = (
	'one pulse' => ['10 * (i % p = 3)::int + e', 'ARRAY[p]', 30, 0],
	'high pulses' => ['100 * (i % p < 2)::int + e', 'ARRAY[p]', 30, 0],
	'exact pulse' => ['(i % p = 3)::int', 'ARRAY[p]', 30, 0],
	'square' => ['20 + 60 * (i % p < 0.4 * p)::int', 'ARRAY[p]', 20, 0],
	'noisy square' => ['10 * (i % p < 0.3 * p)::int + e', 'ARRAY[p]', 30, 0],
	'sawtooth' => ['i % p', 'ARRAY[p]', 20, 0],
	'noisy sawtooth' => ['10.0 * (i % p) / p + e', 'ARRAY[p]', 40, 0],
	'sine' => ["$sine + e", 'ARRAY[p]', 30, 0],
	'trend' => ["$sine + e + i * 0.1", 'ARRAY[p]', 30, 0],
	'shift' => ["$sine + e + 100 * (i > 14 * p)::int", 'ARRAY[p]', 30, 1],
	'outliers' => ["$sine + e + 50 * (u < 0.01)::int", 'ARRAY[p]', 30, 0],
	'gaps' => ["CASE WHEN u > 0.2 THEN $sine + e END", 'ARRAY[p]', 30, 0],
	'two' => ["$sine + 2 * sin(2 * pi() * i / (7 * p)) + e", 'ARRAY[p, 7 * p]', 80, 1],
	'swelling' => ["$sine * (1 + i / (15.0 * p)) + e", 'ARRAY[p]', 30, 0],
	'white noise' => ['e', $none, 40, 0],
	'random walk' => ['sum(e) OVER (PARTITION BY k ORDER BY i)', $none, 40, 0],
	'flat' => ['5', $none, 40, 0]);

my ($right, $all) = (0, 0);
for my $kind (sort keys %kinds)
{
	my ($value, $periods, $cycles, $off) = @{ $kinds{$kind} };
	my $number = $seed * 100 + $all % 97;
	my $wrong = $node->safe_psql(
		'postgres', qq{
		SELECT coalesce(string_agg(p || ' as ' || got::text, ', '), '')
		FROM (SELECT k, p, $periods AS want, array(SELECT points FROM unnest(a) ORDER BY 1) AS got
		      FROM (SELECT k, p, ad_periods((v)::float8, i) a
		            FROM (SELECT k, p, i, $value AS v
		                  FROM (SELECT k, p, i, ad_random($number + k * 7, i, 'normal') AS e, ad_random($number + k * 7 + 1, i, 'uniform') AS u
		                        FROM (SELECT k, (ARRAY[12, 24, 48, 7, 30, 60])[1 + k % 6] AS p FROM generate_series(1, $series) k) s,
		                             generate_series(1::bigint, $cycles * p) i) x) y
		            GROUP BY 1, 2) z) w
		WHERE cardinality(want) <> cardinality(got)
		   OR EXISTS (SELECT FROM unnest(want, got) AS x(w, g) WHERE abs(w - g) > $off)});
	my $n = () = $wrong =~ / as /g;

	$right += $series - $n;
	$all += $series;
	ok($n <= ($series < 10 ? 0 : 0.06 * $series), "$kind: periods are right") or diag $wrong;
	note "$kind: $wrong" if $n;
}
cmp_ok($right, '>=', 0.98 * $all, "$right of $all are right");

done_testing();
