# Pictures, of every function that draws one, over many shapes of data and
# sizes: well-formed, no place outside of the picture, no text beyond it, no
# number that is none; as long as the picture is wide, not as the series.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Picture;
use Test::More;

my $node = start_server('pictures', "timezone = 'Europe/Berlin'");
$node->safe_psql('postgres', q{
	CREATE TABLE s AS SELECT i, 20 + 5 * sin(i * pi() / 12) + 0.3 * sin(i * i) + CASE WHEN i % 97 = 5 THEN 9 WHEN i % 89 = 7 THEN -9 ELSE 0 END AS v,
		timestamptz '2024-10-20 00:00+00' + i * interval '1 hour' AS ts
	FROM generate_series(1, 700) i WHERE i NOT BETWEEN 200 AND 260 AND i % 31 <> 0;
	CREATE TABLE ticks AS SELECT ad_order_event(CASE i % 3 WHEN 0 THEN 'TRADE_EXECUTED' WHEN 1 THEN 'ORDER_PLACED' ELSE 'ORDER_CANCELLED' END,
		CASE i % 2 WHEN 0 THEN 'BUY' ELSE 'SELL' END, 100 + i % 7 * 0.01, 100 + i, timestamptz '2025-10-26 00:59:58Z' + i * interval '37 ms', '<o>' || i / 3) AS e, i
	FROM generate_series(1, 200) i;
});

# an alert of a job, of a series with an odd name
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE watched AS
SELECT '<b "x">&' AS host, timestamptz '2026-01-01' + i * interval '1 hour' AS ts, 20 + 5 * sin(i * 2 * pi() / 24) + 0.3 * ad_random(1, i, 'normal') + CASE WHEN i = 400 THEN 1e9 ELSE 0 END AS v
FROM generate_series(1, 480) i;
SELECT ad_create_series_job('watched', 'watched', 'v', 'ts', '{host}', ad_stream_options(period => '1 day'));
CALL ad_run_job('watched');
SQL

# scores, a model and sketches of rows whose names and values are hostile
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE scored AS SELECT i, (i * 7919 % 1000) / 2000.0 AS score, i % 90 = 0 AS is_fraud FROM generate_series(1, 3000) i;
CREATE VIEW hostile AS
SELECT i, i % 3 = 0 AS now, (i * 7919 % 1009) / (1 + i % 3) AS "</text><script>alert('a')</script>", repeat(U&'\202Eevil\2066<b>" ', CASE i % 5 WHEN 0 THEN 1 WHEN 1 THEN 100 ELSE 2000 END) || i % 3 AS "a ""quoted"" & name",
	CASE WHEN i % 7 > 0 THEN U&'\05E9\05DC\05D5\05DD ' || chr(1 + i % 31) || i % 4 END AS U&"\05E9\05DC\05D5\05DD\202E", timestamptz '2026-01-01' + i * interval '1 hour' AS ts, i * 1e300::float8 AS huge, i % 2 = 0 AS flag,
	time '23:00' + i * interval '3 minutes' AS at, CASE WHEN i > 1500 THEN 'new ' || i % 9 ELSE 'old' END AS word
FROM generate_series(1, 3000) i;
CREATE TABLE drifted AS SELECT ad_sketch(h) FILTER (WHERE NOT now) AS a, ad_sketch(h) FILTER (WHERE now) AS b, ad_fit(ad_iforest() || ad_calibrate(), h) FILTER (WHERE NOT now) AS m FROM hostile h;
CREATE TABLE wide AS SELECT ad_fit('zscore', x) AS m FROM (SELECT array_agg(i * j % 17 + 0.5) AS x FROM generate_series(1, 300) i, generate_series(1, 300) j GROUP BY i) r;
CREATE TABLE named AS SELECT ad_fit('zscore', ad_row(ARRAY[left(repeat('<name> ', 30), 63), E'\x01\x02"'], i, i % 7)) AS m FROM generate_series(1, 100) i;
SQL

my $options = 'ad_plot_options(title => TITLE, width => WIDTH';
my $series = "array_agg(v ORDER BY i)";
my %calls = (
	scores => "SELECT ad_plot_scores(score, is_fraud, $options, height => HEIGHT, threshold => 0.4)) FROM scored",
	'scores of many kinds' => "SELECT ad_plot_scores(CASE i % 500 WHEN 0 THEN 1e300 WHEN 1 THEN -1e9 WHEN 2 THEN 'NaN' WHEN 3 THEN 'infinity' ELSE score END, nullif(is_fraud, i % 2 = 0), $options, height => HEIGHT, threshold => 77, scale => 'log', bins => 200)) FROM scored",
	'one score' => "SELECT ad_plot_scores(1e-9, NULL, $options, height => HEIGHT)) FROM scored",
	'scores at the ends' => "SELECT ad_plot_scores(v, v > 0, $options, height => HEIGHT, low => -1e300, high => 1e300)) FROM unnest('{-1.7e308, -1e300, 0, 5e-324, 1.7e308}'::float8[]) v",
	'a row' => "SELECT ad_plot_explain(m, $options, threshold => 0.6), h) FROM drifted, hostile h WHERE i = 21",
	'a JSON row' => "SELECT ad_plot_explain_row(m, to_jsonb(h) || '{\"huge\": null, \"word\": \"<never> \\u001f seen\"}', $options, top => 2)) FROM drifted, hostile h WHERE i = 22",
	'a row of many numbers' => "SELECT ad_plot_explain(m, $options, top => 50), array_fill('infinity'::float8, '{300}')) FROM wide",
	'a row with long names' => "SELECT ad_plot_explain(m, $options), ad_row(ARRAY[left(repeat('<name> ', 30), 63), E'\\x01\\x02\"'], -5, NULL::int)) FROM named",
	drift => "SELECT ad_plot_drift(a, b, '{\"bins\": 40, \"categories\": 40}', $options)) FROM drifted",
	'drift of a model' => "SELECT ad_plot_drift(m, b, '{}', $options, top => 3)) FROM drifted",
	alert => "SELECT ad_alert_plot('watched', key, watermark, 200, TITLE, WIDTH, HEIGHT) FROM ad_alerts ORDER BY score DESC LIMIT 1",
	numbered => "SELECT ad_stl_plot($series, '{\"period\": 24}', TITLE, WIDTH, HEIGHT) FROM s",
	labels => "SELECT ad_stl_plot($series, '{\"period\": 24}', TITLE, WIDTH, HEIGHT, repeat('<first> ', 20), repeat('last ', 100)) FROM s",
	times => "SELECT ad_stl_plot($series, array_agg(ts ORDER BY i), '{\"period\": 24}', TITLE, WIDTH, HEIGHT) FROM s",
	numbers => "SELECT ad_stl_plot($series, array_agg(i * 1000000000000 ORDER BY i), '{\"period\": 24}', TITLE, WIDTH, HEIGHT) FROM s",
	'a query' => "SELECT ad_stl_plot('SELECT v * 1e-7, ts FROM s', '{\"period\": \"1 day\", \"timezone\": \"Australia/Lord_Howe\"}', TITLE, WIDTH, HEIGHT)",
	'three points' => "SELECT ad_stl_plot(ARRAY[3, NULL, 1], ARRAY['0044-03-15 BC', 'infinity', '2024-01-01']::timestamp[], '{}', TITLE, WIDTH, HEIGHT)",
	'one of many' => "SELECT ad_stl_plot(array_agg(CASE WHEN i = 350 THEN 1e300 END::float8 ORDER BY i), '{\"period\": 24}', TITLE, WIDTH, HEIGHT) FROM s",
	infinite => "SELECT ad_stl_plot(array_agg(CASE WHEN i % 50 = 0 THEN 'infinity' WHEN i % 71 = 0 THEN '-infinity' ELSE v END::float8 ORDER BY i), '{\"period\": 24}', TITLE, WIDTH, HEIGHT) FROM s",
	wild => "SELECT ad_stl_plot(array_agg(power(10, 300 * sin(i)) * sign(cos(i)) ORDER BY i), '{\"period\": 24}', TITLE, WIDTH, HEIGHT) FROM s",
	timeline => "SELECT ad_layering_timeline(array_agg(e ORDER BY i), NULL, NULL, TITLE, WIDTH, HEIGHT) FROM ticks",
	sequences => "SELECT ad_layering_timeline(array_agg(e ORDER BY i), ad_layering_options(trade_rule => 'either', min_orders => 1, min_cancels => 1), NULL, TITLE, WIDTH, HEIGHT) FROM ticks",
	case => "SELECT (ad_layering_case(array_agg(e ORDER BY i), ad_layering_options(trade_rule => 'either', min_orders => 1, min_cancels => 1), 1, TITLE)).picture FROM ticks",
	specs => "SELECT _anomaly._ad_benchmark_picture(coalesce(TITLE, 'specs'), ARRAY['<a>&', repeat('Long ', 50), E'\\001'], '{-1e6,0.2,0.1}', '{0,0.2,0.5}', '{1e6,0.2,0.4}')",
	'one spec' => "SELECT _anomaly._ad_benchmark_picture(coalesce(TITLE, 'spec'), '{knn}', '{0}', '{0}', '{0}')",
	'a moment' => "SELECT ad_layering_timeline(ARRAY[e], NULL, NULL, TITLE, WIDTH, HEIGHT) FROM ticks WHERE i = 7");

my @sizes = ([ 200, 200 ], [ 360, 500 ], [ 900, 560 ], [ 1600, 300 ], [ 10000, 10000 ]);
my @titles = ('NULL', q{E'<b onload="x">&\001 ' || repeat('Wide ', 60)});

for my $call (sort keys %calls)
{
	my $sql = "SET client_min_messages = warning;\n";
	my @faults;

	for my $size (@sizes)
	{
		$sql .= ($calls{$call} =~ s/TITLE/$_/r =~ s/WIDTH/$size->[0]/r =~ s/HEIGHT/$size->[1]/r) . ";\n\\echo next\n" for @titles;
	}
	my @pictures = split /^next$/m, $node->safe_psql('postgres', $sql);
	for my $i (0 .. $#pictures)
	{
		push @faults, map { "$sizes[$i / @titles]->[0] by $sizes[$i / @titles]->[1]: $_" } picture_faults($pictures[$i] =~ s/^\n|\n$//gr);
	}
	is(@pictures, @sizes * @titles, "$call: drawn in every size");
	ok(!@faults, "$call: well-formed, all of it inside") or diag(join("\n", @faults[ 0 .. ($#faults > 9 ? 9 : $#faults) ]));
}

# what every function draws is looked at
my $drawn = $node->safe_psql('postgres', q{SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc WHERE proname ~ '^ad_' AND obj_description(oid) ~ 'SVG'});
is($drawn, 'ad_alert_plot ad_layering_case ad_layering_timeline ad_plot_drift ad_plot_explain ad_plot_explain_row ad_plot_scores ad_stl_plot', 'no other function draws');

# as long as the picture is wide
my $plot = q{SELECT length(ad_stl_plot(array_agg(sin(i * i::float8) + CASE WHEN i % 5 = 0 THEN 20 * cos(i) ELSE 0 END ORDER BY i), '{"period": 24}'%s)) FROM generate_series(1, %d) i};
my ($short, $long) = map { $node->safe_psql('postgres', sprintf($plot, '', $_)) } 10000, 300000;
cmp_ok($short, '<', 120000, 'ten thousand points');
cmp_ok($long, '<', 1.3 * $short, 'three hundred thousand are no longer');

# ticks of a day on which the clock is set back: each hour that it shows
my $hours = $node->safe_psql('postgres', q{SELECT ad_stl_plot(array_agg(i), array_agg(timestamptz '2024-10-27 00:00+02' + i * interval '10 minutes'), '{"period": "none"}', NULL, 1000) FROM generate_series(0, 36) i});
my @labels = $hours =~ /<text[^>]*>(\d\d:\d\d)<\/text>/g;
is(join(' ', grep { /:00$/ } @labels), '00:00 01:00 02:00 02:00 03:00 04:00 05:00', 'the hour that comes twice');
$hours = $node->safe_psql('postgres', q{SELECT ad_stl_plot(array_agg(i), array_agg(timestamptz '2024-10-24 00:00+02' + i * interval '1 hour'), '{"period": "none"}', NULL, 700) FROM generate_series(0, 150) i});
is(join(' ', $hours =~ /<text[^>]*>((?:Oct|Nov) \d+)<\/text>/g), 'Oct 24 Oct 25 Oct 26 Oct 27 Oct 28 Oct 29 Oct 30', 'midnights before and after it');

# who calls reads with his own rights
$node->safe_psql('postgres', 'CREATE ROLE reader');
my ($code, $out, $error) = $node->psql('postgres', q{SET ROLE reader; SELECT ad_stl_plot('SELECT v, ts FROM s')});
like($error, qr/permission denied for table s/, 'a query runs with the rights of the caller');

done_testing();
