# Long series: what a function takes of memory is what it is charged with, and
# without that much it says what it needs.
#
# Every form runs with the memory that its errors ask for, until it has enough.
# The greatest memory of the process may have grown by no more than that, and a
# little that is the server's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Test::More;

my $points = $ENV{ANOMALY_LONG} ? 400_000 : 150_000;
my $servers = 8;    # MB: sorts, tuples, code
my $node = start_server('series_memory', "shared_buffers = '4MB'", "work_mem = '1MB'", 'max_parallel_workers_per_gather = 0');

$node->safe_psql('postgres', qq{
	CREATE TABLE long AS
	SELECT i, timestamptz '2010-01-01 00:00+00' + i * interval '5 minutes' + ad_random(1, i) * interval '1 minute' AS ts,
		3 * sin(2 * pi() * i / 288) + ad_random(2, i, 'normal') AS v
	FROM generate_series(1::bigint, $points) i;
	CREATE TABLE packed AS
	SELECT array_agg(v ORDER BY i) AS v, array_agg(CASE WHEN i % 7 > 0 THEN v END ORDER BY i) AS gaps, array_agg(ts ORDER BY i) AS ts FROM long;
	ANALYZE;
});

my %forms = (
	'ad_stl, timestamptz' => q(SELECT count((d).trend) FROM (SELECT ad_stl(v, ts, '{"period": "1 day"}') OVER (ORDER BY ts) d FROM long) s),
	'ad_stl, rows in no order' => q(SELECT count((d).trend) FROM (SELECT ad_stl(v, ts, '{"period": "1 day"}') OVER (ORDER BY v) d FROM long) s),
	'ad_stl, a time zone' => q(SELECT count((d).trend) FROM (SELECT ad_stl(v, ts, '{"period": "1 day", "timezone": "Europe/Berlin"}') OVER (ORDER BY ts) d FROM long) s),
	'ad_stl, two seasons, robust' => q(SELECT count((d).trend) FROM (SELECT ad_stl(v, ts::timestamp, '{"period": [288, 2016], "robust": true, "outer_iterations": 1}') OVER (ORDER BY ts) d FROM long) s),
	'ad_stl, gaps' => q(SELECT count((d).trend) FROM (SELECT ad_stl(v, i, '{"period": 288, "step": 1}') OVER (ORDER BY i) d FROM long WHERE i % 4 = 0) s),
	'ad_stl_array' => q(SELECT (ad_stl_array(v, '{"period": 288}')).trend[1] FROM packed),
	'ad_stl_array, gaps' => q(SELECT (ad_stl_array(gaps, '{"period": [288, 2016]}')).trend[1] FROM packed),
	'ad_series_score' => q(SELECT count(d) FROM (SELECT ad_series_score(v, ts, '{"period": "1 day", "outer_iterations": 1}') OVER (ORDER BY ts) d FROM long) s),
	'ad_series_score, gaps' => q(SELECT count(d) FROM (SELECT ad_series_score(v, i, '{"period": [288, 2016], "step": 1, "outer_iterations": 1}') OVER (ORDER BY i) d FROM long WHERE i % 4 = 0) s),
	'ad_series_score_array' => q(SELECT (ad_series_score_array(v, '{"period": 288, "outer_iterations": 1}')).score[1] FROM packed),
	'ad_series_score_array, gaps' => q(SELECT (ad_series_score_array(gaps, '{"period": [288, 2016], "outer_iterations": 1}')).score[1] FROM packed),
	'ad_stl_plot' => q(SELECT length(ad_stl_plot(gaps, '{"period": 288}')) FROM packed),
	'ad_decompose' => q(SELECT count(*) FROM ad_decompose('SELECT ts, v FROM long', '{"period": "1 day"}')),
	'ad_decompose, a long name' => q(SELECT count(*) FROM ad_decompose('SELECT repeat(''x'', 400), ts, v FROM long WHERE i < 100000', '{"period": "1 day"}')),
	'ad_periods' => q(SELECT ad_periods(v, ts) FROM long),
	'ad_periods, a time zone' => q(SELECT ad_periods(v, ts, '{"timezone": "Europe/Berlin"}') FROM long),
	'ad_stream' => q(SELECT count(d) FROM (SELECT ad_stream(v, ts, '{"period": "1 day"}') OVER (ORDER BY ts) d FROM long) s),
	'ad_stream_update' => q(SELECT array_length((u).scores, 1) FROM (SELECT ad_stream_update(NULL, ts, v, '{"period": "1 day"}') u FROM packed OFFSET 0) s),
	'ad_stream_array' => q(SELECT array_length((u).scores, 1) FROM (SELECT ad_stream_array(NULL, v, ts, '{"period": "1 day"}') u FROM packed OFFSET 0) s),
	'ad_discord' => q(SELECT count(d) FROM (SELECT ad_discord(v, 24) OVER (ORDER BY ts) d FROM long WHERE i < 20000) s),
	'ad_subpca' => q(SELECT count(d) FROM (SELECT ad_subpca(v, 24) OVER (ORDER BY ts) d FROM long) s),
	'ad_changepoints' => q(SELECT array_length(ad_changepoints(v), 1) FROM packed));
my $greatest = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]};

SKIP:
{
	skip '/proc tells the memory of a process on Linux', 2 * keys %forms if !-r '/proc/self/status';
	for my $form (sort keys %forms)
	{
		my ($limit, $asked, $out, $err) = (1, 0);
		for (1 .. 9)
		{
			(undef, $out, $err) = $node->psql('postgres', qq{
				SET anomaly.series_memory = '${limit}MB';
				SELECT count((d).trend) FROM (SELECT ad_stl(v, i) OVER (ORDER BY ts) d FROM long WHERE i < 3000) s;
				$greatest; $forms{$form}; $greatest;});
			last unless $err =~ /needs (\d+) MB, limit is $limit MB/;
			$asked++;
			$limit = $1 > $limit ? $1 : $limit + 1;
		}
		my @lines = split /\n/, $out;
		my $grown = $err ? 'none' : ($lines[-1] - $lines[1]) / 1024;
		ok(!$err && $grown <= $limit + $servers, sprintf('%s: takes %.0f MB, charged with %d MB', $form, $err ? -1 : $grown, $limit));
		diag($err) if $err;
		ok($asked > 0 || $form =~ /^ad_stream$|^ad_discord/, "$form: refused by name if it may not have it");
	}
}

$node->stop;
done_testing();
