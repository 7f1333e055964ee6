# How many points of noise a decomposition flags, and whether it finds a spike:
# kinds of noise with and without a season, by the bars that docs/series.md
# promises.  In test/long.sh more series, and of 20,000 points too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $node = start_server('verdict');

# Noise of unit scale from u, a uniform number, and n, a normal one, and a
# spike of twice what one value in 10,000 exceeds.
my %kinds = (
	normal => ['n', 7.44],
	't(3)' => ["n / sqrt((ad_random(s + 5000, 3 * i, 'normal') ^ 2 + ad_random(s + 5000, 3 * i + 1, 'normal') ^ 2 + ad_random(s + 5000, 3 * i + 2, 'normal') ^ 2) / 3)", 44.4],
	exponential => ['-ln(1 - u)', 18.4],
	'Poisson(0.5)' => ['(u > 0.60653)::int + (u > 0.90980)::int + (u > 0.98561)::int + (u > 0.99825)::int + (u > 0.99983)::int', 10],
	'mostly zero' => ['CASE WHEN u < 0.05 THEN -ln(u / 0.05) ELSE 0 END', 12.43],
	rounded => ['round((0.05 * n)::numeric, 1)::float8', 0.4],
	flat => ['0::float8', 5],
);

# The false alarms in 10,000 points of so many series of n points, and the
# share of spikes found.
sub judged
{
	my ($kind, $season, $n, $series, $robust) = @_;
	my ($noise, $spike) = @{ $kinds{$kind} };
	my $wave = $season ? '3 * sin(2 * pi() * i / 24)' : '0';
	$wave .= ' * 0.05' if $kind eq 'rounded';
	my $options = $robust ? q('{"robust": true}') : q('{}');
	my $result = $node->safe_psql('postgres', qq{
		WITH noise AS (SELECT s, i, ($noise)::float8 + $wave AS v, ($spike)::float8 + $wave AS spike, s % ($n / 2) + $n / 4 AS at
			FROM (SELECT s, i, ad_random(s, i) AS u, ad_random(s + 100000, i, 'normal') AS n FROM generate_series(1, $series) s, generate_series(1, $n) i) r),
		clean AS (SELECT s, (ad_stl_array(array_agg(v ORDER BY i), $options)).anomaly AS a FROM noise GROUP BY s),
		planted AS (SELECT s, at, (ad_stl_array(array_agg(CASE WHEN i = at THEN spike ELSE v END ORDER BY i), $options)).anomaly AS a FROM noise GROUP BY s, at)
		SELECT (SELECT 1e4 * sum(cardinality(array_remove(a, 0::smallint))) FROM clean) / ($series * $n),
			(SELECT 100 * avg((a[at] = 1)::int) FROM planted)});
	return split /\|/, $result;
}

my %bars = (500 => [ 4, 6 ], 2000 => [ 2, 2 ], 20000 => [ 1, 1 ]);
my %found = (500 => [ 95, 80 ], 2000 => [ 95, 90 ], 20000 => [ 95, 95 ]);
my @sizes = $ENV{ANOMALY_LONG} ? ([ 500, 400 ], [ 2000, 200 ], [ 20000, 50 ]) : ([ 500, 40 ], [ 2000, 16 ]);
for my $size (@sizes)
{
	my ($n, $series) = @$size;
	for my $kind (sort keys %kinds)
	{
		for my $season (0, 1)
		{
			my ($false, $spikes) = judged($kind, $season, $n, $series, $season);
			# three standard errors of so many points may be above the bar
			my $most = $bars{$n}[$season];
			$most += 3 * sqrt($most * 1e4 / ($series * $n));
			my $least = $found{$n}[$season];
			$least -= 3 * sqrt($least * (100 - $least) / $series);
			my $name = "$kind, $n points, " . ($season ? 'a season, robust' : 'no season');
			note sprintf '%s: %.2f in 10,000, %.0f %% found', $name, $false, $spikes;
			cmp_ok($false, '<=', $most, "$name: false alarms");
			cmp_ok($spikes, '>=', $least, "$name: spikes found");
		}
	}
}

# real series are none of these: neighbours depend on each other, and what is
# far off comes in episodes
my $flagged = $node->safe_psql('postgres', q{
	SELECT max(flags), min(hit) FROM (SELECT s, sum(abs(a)) / 5000.0 AS flags, bool_or(a <> 0 AND i BETWEEN 700 AND 740)::int + bool_or(a <> 0 AND i BETWEEN 1900 AND 1940)::int + bool_or(a <> 0 AND i BETWEEN 4150 AND 4190)::int AS hit
	FROM (SELECT s, ad_stl_array(array_agg(v ORDER BY i)) f FROM (SELECT s, i, sum(ad_random(s, i, 'normal') / sqrt(1 + i % 7)) OVER (PARTITION BY s ORDER BY i ROWS 20 PRECEDING)
		+ CASE WHEN i BETWEEN 700 AND 740 OR i BETWEEN 1900 AND 1940 OR i BETWEEN 4150 AND 4190 THEN 40 ELSE 0 END v FROM generate_series(1, 20) s, generate_series(1, 5000) i) w GROUP BY s) d,
	unnest((f).anomaly) WITH ORDINALITY u(a, i) GROUP BY s) t});
my ($share, $hit) = split /\|/, $flagged;
cmp_ok($share, '<=', 0.002, 'at most 0.2 % of the points of a dependent series are alarms');
is($hit, 3, 'and its three episodes are found');

$node->stop;
done_testing();
