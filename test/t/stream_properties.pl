# What ad_stream() promises of flags: no more than q of normal points whatever
# the noise, with points missing and seasons; and quiet within 14 days of a
# glitch, a shift, a season that moves and a change of the clock.  Here a
# little; in test/long.sh a million points of each kind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# one seed in the suite: chance is for the long run
$ENV{ANOMALY_TEST_SEED} //= 20261127 unless $ENV{ANOMALY_LONG};

my $node = start_server('stream_properties');
my $points = $ENV{ANOMALY_LONG} ? 1_000_000 : 40_000;
my $seed = seed();

my %noise = (
	normal => 'n',
	exponential => '-ln(1 - u)',
	t3 => 'n / sqrt((n1 ^ 2 + n2 ^ 2 + n3 ^ 2) / 3)',
	count => 'floor(-ln(1 - u) * 3)',
	mostly_zero => 'CASE WHEN u < 0.05 THEN -ln(20 * u) ELSE 0 END');

for my $kind (sort keys %noise)
{
	for my $missing (0, 30)
	{
		for my $season (0, 24)
		{
			my ($flags, $judged) = split /\|/, $node->safe_psql('postgres', <<"SQL");
SELECT count(*) FILTER (WHERE (d).anomaly <> 0), count((d).anomaly) FROM (
	SELECT ad_stream($season * sin(2 * pi() * i / 24) / 8 + $noise{$kind}, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour',
	                 CASE WHEN $season = 0 THEN '{}' ELSE '{"period": 24}' END::jsonb) OVER (ORDER BY i) d
	FROM (SELECT i, ad_random($seed, i) AS u, ad_random($seed, i, 'normal') AS n, ad_random($seed + 1, i, 'normal') AS n1,
	             ad_random($seed + 2, i, 'normal') AS n2, ad_random($seed + 3, i, 'normal') AS n3, ad_random($seed + 4, i) AS miss
	      FROM generate_series(1, $points) i) r WHERE miss >= $missing / 100.0) s
SQL
			my $most = 1e-4 * $judged + 3 * sqrt(1e-4 * $judged);
			cmp_ok($flags, '<=', $most, "$kind, $missing % missing, period $season: $flags flags of $judged points");
		}
	}
}

# of short series too, where few points of the tail are known
for my $season (0, 24)
{
	my $series = $ENV{ANOMALY_LONG} ? 10_000 : 200;
	my ($flags, $judged) = split /\|/, $node->safe_psql('postgres', <<"SQL");
SELECT count(*) FILTER (WHERE (d).anomaly <> 0), count((d).anomaly) FROM (
	SELECT ad_stream($season * sin(2 * pi() * i / 24) / 8 + CASE WHEN u < 0.05 THEN -ln(20 * u) ELSE 0 END, i,
	                 CASE WHEN $season = 0 THEN '{}' ELSE '{"period": 24}' END::jsonb) OVER (PARTITION BY series ORDER BY i) d
	FROM (SELECT series, i, ad_random($seed + series, i) AS u FROM generate_series(1, $series) series, generate_series(1, 500) i) r) s
SQL
	cmp_ok($flags, '<=', 1e-4 * $judged + 3 * sqrt(1e-4 * $judged), "$series series of 500 points, mostly zero, period $season: $flags flags of $judged points");
}

# What changes at point 2,000 of 4,000 hours, but for the glitch: flags after
# 14 days, of which clean noise has no more than one or two.
my %change = (
	glitch => [ 'CASE i WHEN 12 THEN 1000 ELSE 0 END + 3 * sin(2 * pi() * i / 24)', 100 ],
	shift => [ 'CASE WHEN i >= 2000 THEN 10 ELSE 0 END + 3 * sin(2 * pi() * i / 24)', 2336 ],
	move => [ '50 * ((i + (i >= 2000)::int) % 24 = 9)::int', 2336 ],
	turn => [ '30 * sin(2 * pi() * (i + CASE WHEN i >= 2000 THEN 6 ELSE 0 END) / 24)', 2336 ],
	louder => [ 'CASE WHEN i >= 2000 THEN 9 * n ELSE 0 END', 2336 ]);
for my $kind (sort keys %change)
{
	my ($before, $after) = split /\|/, $node->safe_psql('postgres', <<"SQL");
SELECT count(*) FILTER (WHERE i < 2000 AND i > 100), count(*) FILTER (WHERE i >= $change{$kind}[1]) FROM (
	SELECT i, ad_stream($change{$kind}[0] + n, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour', '{"period": 24}') OVER (ORDER BY i) d
	FROM (SELECT i, ad_random($seed, i, 'normal') AS n FROM generate_series(1, 4000) i) r) s WHERE (d).anomaly <> 0
SQL
	cmp_ok($before, '<=', 3, "$kind: quiet before");
	cmp_ok($after, '<=', 3, "$kind: quiet 14 days after");
}

my $clock = 'SELECT count(*) FROM (SELECT ad_stream(50 * (extract(hour FROM ts AT TIME ZONE \'Europe/Berlin\') = 9)::int + n, ts, %s) OVER (ORDER BY ts) d '
  . "FROM (SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' AS ts, ad_random($seed, i, 'normal') AS n FROM generate_series(1, 9000) i) r) s WHERE (d).anomaly <> 0";
cmp_ok(sql_value($node, sprintf($clock, q('{"period": "1 day", "timezone": "Europe/Berlin"}'))), '<=', 4, 'two changes of the clock are no anomaly');
cmp_ok(sql_value($node, sprintf($clock, q('{"period": "1 day"}'))), '<=', 20, 'without a time zone a stream follows them');

# Rows of 0.2.0 in tables, of such a column or of the type itself, are read
# after the update, and the library answers before it.
$node->safe_psql('postgres', 'CREATE DATABASE old TEMPLATE template0');
is($node->safe_psql('old', <<'SQL'), "70|5\n140|8|120\n70", 'tables of the type that 0.2.0 had');
CREATE EXTENSION anomaly VERSION '0.2.0';
CREATE VIEW stream AS SELECT ad_stream(i, timestamptz '2026-01-01' + i * interval '1 hour') OVER (ORDER BY i) AS d FROM generate_series(1, 100) i;
CREATE TABLE kept AS SELECT d FROM stream;
CREATE TABLE typed OF ad_stream_point;
INSERT INTO typed SELECT (d).* FROM stream;
SELECT count((d).score), array_length(regexp_split_to_array(max(d::text), ','), 1) FROM kept;
ALTER EXTENSION anomaly UPDATE;
INSERT INTO kept SELECT ad_stream(i, timestamptz '2026-01-01' + i * interval '1 hour', '{"shape": 16, "warmup": 50}') OVER (ORDER BY i) FROM generate_series(1, 120) i;
SELECT count((d).score), array_length(regexp_split_to_array(max(d::text), ','), 1), count((d).combined_score) FROM kept;
SELECT count(score) + count(combined_score) FROM typed;
SQL

done_testing();
