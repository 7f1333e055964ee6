# What a watch says of ordinary tables, and of planted faults.
#
# Tables of made-up rows of many kinds, 90 days of history and a year: weeks,
# growth, empty weekends, few rows, no rows at times, ids, constants, NULLs,
# many categories, heavy tails, holidays. Of the metrics of clean ones at most
# a stated share may alert; a fault on one day has to be found on that day, by
# the metric that it is a fault of. Some of it here, more of it in
# test/long.sh.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use Test::More;

my $node = keep(start_server('watch_properties', "timezone = 'UTC'"));
my $long = $ENV{ANOMALY_LONG};

$ENV{ANOMALY_TEST_SEED} //= 20261127 unless $long;
my $seed = seed() % 1000000;
my $tables = $long ? 20 : 1;    # of each kind
my $days = 90 + ($long ? 365 : 150);
my $size = $long ? 1 : 0.5;     # of the tables with most rows
my $most = 0.0002;              # of the metrics of a clean table

# Rows a day, by the day d and the table t; noise is normal, of the deviation 1.
my $noise = "ad_random($seed + t, d, 'normal')";
my $weekday = 'extract(isodow from day)';
my %kinds = (
	week => "$size * 1000 * (CASE WHEN $weekday > 5 THEN 0.3 ELSE 1 END) * exp(0.05 * $noise)",
	steady => '400',
	growth => "300 * exp(d / 300.0 + 0.08 * $noise)",
	shrinking => "$size * 900 * exp(-d / 200.0 + 0.05 * $noise)",
	weekends => "CASE WHEN $weekday > 5 THEN 0 ELSE 300 * exp(0.1 * $noise) END",
	few => "2 + abs(2 * $noise)",
	rare => "CASE WHEN ad_random($seed + 7 + t, d) < 0.3 THEN 1 + abs($noise) ELSE 0 END",
	wild => "200 * exp(0.6 * $noise)",
	month => "200 + 600 * (extract(day from day) = 1)::int + 20 * $noise",
	shift => "CASE WHEN d < 200 THEN 300 ELSE 420 END * exp(0.05 * $noise)");

$node->safe_psql('postgres', <<"SQL");
CREATE TABLE kinds (kind text, t int, name text);
CREATE TABLE fault (name text, what text);
CREATE FUNCTION draw(a int, i bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT ad_random($seed * 100 + a, i, ''uniform'')';
CREATE FUNCTION normal(a int, i bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT ad_random($seed * 100 + a, i, ''normal'')';
SQL
my $nth = 0;
for my $kind (sort keys %kinds)
{
	for my $t (1 .. $tables)
	{
		$nth++;
		$node->safe_psql('postgres', <<"SQL");
INSERT INTO kinds VALUES ('$kind', $t, '$kind$t');
CREATE TABLE $kind$t AS
SELECT i AS id, day + draw(1, i) * interval '23 hours 59 minutes' AS ts, day::date AS day,
	exp(3 + normal(2, i)) AS price, CASE WHEN draw(3, i) >= 0.01 THEN (20 + 3 * normal(4, i) + 5 * sin(d / 58.0))::numeric(9, 3) END AS temperature,
	(ARRAY['AT', 'DE', 'DE', 'DE', 'CH', 'FR'])[1 + floor(draw(5, i) * 6)::int] AS country,
	floor(draw(6, i) ^ 3 * 50)::int AS quantity, md5(i::text) AS token, 'C' || floor(draw(7, i) ^ 2 * 5000) AS customer,
	NULL::text AS nothing, 0 AS zero, draw(8, i) < 0.3 AS flag, 'same'::text AS same,
	day + draw(1, i) * interval '1 day' + exp(normal(9, i)) * interval '10 minutes' AS shipped, draw(10, i) * interval '1 hour' AS took
FROM (SELECT t, d, timestamptz '2025-01-01' + d * interval '1 day' AS day, ($kind.n)::int AS n
	FROM (SELECT $t + 100 * $nth AS t, d, timestamptz '2025-01-01' + d * interval '1 day' AS day FROM generate_series(0, $days - 1) d) x,
	LATERAL (SELECT $kinds{$kind} AS n) $kind) y,
	generate_series(1, n) k, LATERAL (SELECT (t * 1000 + d) * 100000::bigint + k AS i) z;
CREATE INDEX ON $kind$t (ts);
SELECT ad_create_watch('$kind$t', '$kind$t', time_column => 'ts', since => '2025-04-01', keep => 10000);
SQL
		$node->safe_psql('postgres', "CALL ad_run_job('$kind$t', until => timestamptz '2025-01-01 00:10' + $days * interval '1 day')");
	}
}

my ($judged, $alerts) = split /\|/, $node->safe_psql('postgres', <<'SQL');
SELECT (SELECT count(*) FROM ad_watch_metrics WHERE verdict NOT IN ('no value', 'learning')), (SELECT count(*) FROM ad_alerts)
SQL
diag($node->safe_psql('postgres', <<'SQL'));
SELECT k.kind, m.n, a.n, round(a.n::numeric / m.n, 6), a.which FROM (SELECT DISTINCT kind FROM kinds) k
CROSS JOIN LATERAL (SELECT count(*) AS n FROM ad_watch_metrics m JOIN kinds o ON o.name = m.job WHERE o.kind = k.kind AND verdict NOT IN ('no value', 'learning')) m
CROSS JOIN LATERAL (SELECT count(*) AS n, string_agg(key || ' ' || left(watermark, 10), ', ' ORDER BY event_at) AS which FROM ad_alerts a JOIN kinds o ON o.name = a.job WHERE o.kind = k.kind) a
ORDER BY 1
SQL
cmp_ok($judged, '>', 10000, 'metrics are judged');
cmp_ok($alerts / $judged, '<=', $most, "$alerts of $judged metrics of clean tables alert, at most $most may");

# A fault on one day, as a query over a table of which id tells the rows apart.
my $fault = "ts >= '2025-05-21' AND ts < '2025-05-22'";
my %faults = (
	half => [ "SELECT * FROM %s WHERE NOT ($fault AND id % 2 = 0)", 'rows' ],
	missing => [ "SELECT * FROM %s WHERE NOT ($fault)", 'rows' ],
	twice => [ "SELECT * FROM %s UNION ALL SELECT * FROM %s WHERE $fault", 'unique_share.id' ],
	nulls => [ with('temperature', "CASE WHEN NOT ($fault AND id % 5 = 0) THEN temperature END"), 'null_share.temperature' ],
	all_null => [ with('price', "CASE WHEN NOT ($fault) THEN price END"), 'null_share.price' ],
	some_null => [ with('id', "CASE WHEN NOT ($fault AND id % 20 = 0) THEN id END"), 'null_share.id' ],
	unit => [ with('price', "price * CASE WHEN $fault THEN 100 ELSE 1 END"), 'median.price' ],
	fahrenheit => [ with('temperature', "CASE WHEN $fault THEN temperature * 1.8 + 32 ELSE temperature END"), 'mean.temperature' ],
	category => [ with('country', "CASE WHEN $fault AND id % 2 = 0 THEN 'XX' ELSE country END"), 'new_share.country' ],
	dominates => [ with('country', "CASE WHEN $fault AND id % 10 > 0 THEN 'AT' ELSE country END"), 'top_share.country' ],
	frozen => [ with('price', "CASE WHEN $fault THEN 17 ELSE price END"), 'distinct.price' ],
	frozen_id => [ with('token', "CASE WHEN $fault THEN 'x' ELSE token END"), 'unique_share.token' ],
	constant => [ with('zero', "CASE WHEN $fault THEN 1 ELSE zero END"), 'mean.zero' ],
	appears => [ with('nothing', "CASE WHEN $fault THEN 'something' END"), 'null_share.nothing' ],
	delayed => [ with('shipped', "shipped + CASE WHEN $fault THEN interval '1 day' ELSE '0' END"), 'median.shipped' ]);

# A query with another expression for a column.
sub with
{
	my ($column, $expression) = @_;

	return 'SELECT ' . join(', ', map { $_ eq $column ? "$expression AS $_" : $_ }
			qw(id ts price temperature country token nothing zero shipped)) . ' FROM %s';
}

my $since = $long ? '2025-04-01' : '2025-05-18';
for my $kind (qw(week steady growth))
{
	for my $name (sort keys %faults)
	{
		my ($query, $metric) = @{ $faults{$name} };
		my $table = "${kind}1";

		$query =~ s/%s/$table/g;
		$node->safe_psql('postgres', "SELECT ad_create_watch('$name $kind', \$\$ $query \$\$, time_column => 'ts', since => '$since')");
		$node->safe_psql('postgres', "CALL ad_run_job('$name $kind', until => '2025-05-22 00:10')");
		my $found = $node->safe_psql('postgres', "SELECT string_agg(key, ' ' ORDER BY key) FROM ad_alerts WHERE job = '$name $kind' AND watermark LIKE '2025-05-21%'");
		ok(" $found " =~ / \Q$metric\E /, "$name in $kind is found by $metric")
		  or diag("found: $found\n" . $node->safe_psql('postgres', "SELECT value, expected, lower, upper, score, verdict FROM ad_watch_metrics WHERE job = '$name $kind' AND metric = '$metric' AND period = '2025-05-21'"));
	}
}

$node->stop;
done_testing();
