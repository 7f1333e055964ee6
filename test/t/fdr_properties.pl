# Of the alerts of a stream no more than the share q is false, on average over
# streams: clean ones, with rare anomalies, in bursts; p-values of any value,
# of steps, shy ones, and such as share their calibration rows. In whatever
# batches they come: that the levels are the same for all is in
# sql/evaluate_fdr_online.sql. The power is printed. A part of it here, all of
# it in test/long.sh.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $node = start_server('fdr');
my $long = $ENV{ANOMALY_LONG};

# what happens once in 10,000 does not happen in the suite
$ENV{ANOMALY_TEST_SEED} //= 20261127 unless $long;
my $seed = seed();
my $streams = $long ? 1000 : 40;
my $number = 0;    # of what is drawn next

# A uniform number as SQL: every call draws others. s is the stream, i the row.
sub draw
{
	$number++;
	return sprintf 'ad_random(%d + s * 1000, i)', ($seed % 1000000) * 10000000 + $number;
}

# Run streams of so many rows, anomalies where the condition is true, their
# p-values uniform to that power, all of 1/(n + 1) steps if n is given. Returns
# the mean and its error of the false share of alerts, at the end and fading,
# and the share found.
sub run
{
	my (%o) = @_;
	my $steps = $o{n} ? $o{n} + 1 : 0;
	my $least = $steps ? sprintf('"least_p": %.17g, ', 1 / $steps) : '';
	my $half_life = $o{half_life} ? sprintf('"half_life": %d, ', $o{half_life}) : '';
	my $p = $o{p} // draw();
	$p = sprintf 'CASE WHEN anomaly THEN %s ^ %s ELSE %s END', draw(), $o{power} // 1, $p;
	$p = "ceil(($p) * $steps) / $steps" if $steps;
	my $keep = $o{half_life} ? "2.0 ^ ((i - $o{rows}) / $o{half_life}.0)" : '1.0';
	my $rows = "generate_series(1, $streams) s, generate_series(1, $o{rows}) i";

	$p = sprintf '(1 + (SELECT count(*) FROM unnest(c) x WHERE x <= u)) / %d.0', $steps if $o{shared};
	$rows = "(SELECT *, CASE WHEN anomaly THEN 0 ELSE " . draw() . " END AS u FROM
		(SELECT s, array_agg(" . draw() . ") AS c FROM generate_series(1, $streams) s, generate_series(1, $o{n}) i GROUP BY s) c,
		generate_series(1, $o{rows}) i, LATERAL (SELECT $o{anomaly} AS anomaly OFFSET 0) a) t" if $o{shared};
	my $anomaly = $o{shared} ? '' : ", LATERAL (SELECT $o{anomaly} AS anomaly OFFSET 0) a";
	my ($fdr, $error, $fading, $power, $alerts) = split /\|/, $node->safe_psql('postgres', <<"SQL");
SELECT avg(fdp), coalesce(stddev(fdp), 0) / sqrt(count(*)), avg(fading), avg(power), avg(alerts)
FROM (SELECT s, count(*) FILTER (WHERE alert AND NOT anomaly) / greatest(1.0, count(*) FILTER (WHERE alert)) AS fdp,
	count(*) FILTER (WHERE alert) AS alerts,
	coalesce(sum($keep) FILTER (WHERE alert AND NOT anomaly), 0) / greatest(1.0, sum($keep) FILTER (WHERE alert)) AS fading,
	count(*) FILTER (WHERE alert AND anomaly) / nullif(count(*) FILTER (WHERE anomaly), 0)::float8 AS power
	FROM (SELECT s, i, anomaly, p <= ad_fdr_level(p, '$o{method}', '{$least$half_life"q": $o{q}}') OVER (PARTITION BY s ORDER BY i) AS alert
		FROM (SELECT s, i, anomaly, $p AS p FROM $rows$anomaly OFFSET 0) r) l
	GROUP BY s) f
SQL
	return ($fdr, $error, $fading, $power, $alerts);
}

# Every kind with both methods. What only fades is held to q where it fades.
my @kinds = (
	[ 'clean', rows => 600, q => 0.05, anomaly => 'false' ],
	[ 'clean, p-values of steps', rows => 2000, q => 0.2, n => 999, anomaly => 'false' ],
	[ 'clean, shy', rows => 2000, q => 0.2, anomaly => 'false', p => 'sqrt(' . draw() . ')' ],
	[ 'clean, one calibration', rows => 500, q => 0.2, n => 200, anomaly => 'false', shared => 1 ],
	[ 'clean, that fades', rows => 4000, q => 0.2, n => 999, anomaly => 'false', half_life => 1000 ],
	[ '1 in 20', rows => 2000, q => 0.1, anomaly => draw() . ' < 0.05', power => 8 ],
	[ '1 in 20, of steps', rows => 4000, q => 0.1, n => 20000, anomaly => draw() . ' < 0.05', power => 6 ],
	[ '1 in 20, one calibration', rows => 500, q => 0.4, n => 400, anomaly => draw() . ' < 0.05', shared => 1 ],
	[ '1 in 100, of steps', rows => 10000, q => 0.1, n => 50000, anomaly => draw() . ' < 0.01', power => 12 ],
	[ '1 in 1,000, of steps', rows => 20000, q => 0.1, n => 1000000, anomaly => draw() . ' < 0.001', power => 30 ],
	[ 'bursts', rows => 10000, q => 0.1, n => 50000, anomaly => 'i % 2500 > 2460', power => 10 ],
	[ 'bursts that fade', rows => 10000, q => 0.1, n => 50000, anomaly => 'i % 2500 > 2460', power => 10, half_life => 1000 ],
	[ 'weak', rows => 3000, q => 0.2, anomaly => draw() . ' < 0.1', power => 2 ]);
for my $kind (@kinds)
{
	my ($name, %o) = @$kind;

	for my $method (qw(lord saffron))
	{
		my ($fdr, $error, $fading, $power, $alerts) = run(%o, method => $method);

		# before anything was ever found the error of the mean is unknown
		my $chance = 4 * $error + 4 * sqrt($o{q} / $streams) * ($error == 0);
		note sprintf '%-26s %-8s q %.2f: false %.3f, fading %.3f; found %s; %.2f alerts a stream',
		  $name, $method, $o{q}, $fdr, $fading, $power eq '' ? '-' : sprintf('%.2f', $power), $alerts;
		cmp_ok($o{half_life} ? $fading : $fdr, '<=', $o{q} + $chance, "$name, $method: at most $o{q} of the alerts are false");
		cmp_ok($power, '>', 0.2, "$name, $method: finds them") if $name =~ /^1 in|bursts/;
	}
}

# One row a run: of 600 clean rows the rule on each batch alone raised 25.
my ($fdr, undef, undef, undef, $alerts) = run(rows => 600, q => 0.05, n => 9999, anomaly => 'false', method => 'lord', half_life => 1000000);
cmp_ok($alerts, '<=', 0.025 + 4 * sqrt(0.025 / $streams), '600 clean rows: no alert, but for one stream in 40 at most');

$node->stop;
done_testing();
