# Long series: cancelled within 100 ms, bounded, and in parallel workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $node = start_server('series', "work_mem = '64MB'", 'max_parallel_workers_per_gather = 2');
$node->safe_psql('postgres', q{
	CREATE TABLE packed AS SELECT array_agg(sin(i / 100.0) + i % 7 ORDER BY i) AS v FROM generate_series(1, 2000000) i;
	CREATE TABLE long AS SELECT i, sin(i / 100.0) + i % 7 AS v FROM generate_series(1, 300000) i;
	CREATE TABLE series AS SELECT g, array_agg(sin(i * 2 * pi() / 24) + g ORDER BY i) AS v FROM generate_series(1, 200) g, generate_series(1, 500) i GROUP BY g;
	ANALYZE;
});

my $session = Session->new($node);
my $rows = $ENV{ANOMALY_LONG} ? 10_000_000 : 5_500_000;    # of one partition
my $allowed = 100;

# Milliseconds of processor time that a query goes on after it is cancelled,
# which happens when it has used so many seconds.
sub cancel_takes
{
	my ($query, $seconds) = @_;

	$session->say($query);
	while ($session->cpu - $session->{began} < $seconds)
	{
		return 'finished' if $session->ends;
		sleep 0.005;
	}
	my $took = $session->cancel_within($allowed / 1000);
	return 'finished' if $session->answer !~ /canceling statement due to user request/;
	return sprintf '%.0f', 1000 * $took;
}

my %queries = (
	'a packed series, robust' => q{SELECT (ad_stl_array(v, '{"period": 24, "robust": true, "outer_iterations": 100}')).trend[1] FROM packed},
	'a picture' => q{SELECT length(ad_stl_plot(v, array(SELECT generate_series(1, cardinality(v))), '{"period": 24, "robust": true, "outer_iterations": 100}')) FROM packed},
	'a packed series, period 100000' => q{SELECT (ad_stl_array(v, '{"period": 100000, "robust": true, "trend_jump": 1, "outer_iterations": 100}')).trend[1] FROM packed},
	'a partition' => q{SELECT count(d) FROM (SELECT ad_stl(v, i::bigint, '{"period": 24, "robust": true, "trend_window": 100001, "trend_jump": 1, "outer_iterations": 100}') OVER (ORDER BY i) d FROM long) s},
	'a score' => q{SELECT count(d) FROM (SELECT ad_series_score(v + random(), i::bigint, '{"period": 24, "m": 250}') OVER (PARTITION BY g ORDER BY i) d FROM long, generate_series(1, 10) g) s},
	'a packed score' => q{SELECT (ad_series_score_array(v, '{"period": 24, "outer_iterations": 100}')).score[1] FROM packed},
	'a query' => q{SELECT count(*) FROM ad_decompose('SELECT timestamptz ''2020-01-01'' + i * interval ''5 min'' + i % 59 * interval ''1 second'', v FROM long ORDER BY v', '{"period": "1 day", "robust": true, "trend_window": 100001, "trend_jump": 1, "outer_iterations": 100}')},
	'a plot' => q{SELECT length(ad_stl_plot(v, '{"period": 24, "robust": true, "outer_iterations": 100}')) FROM packed},
	'periods' => q{SELECT count(p) FROM (SELECT g, ad_periods(v + 5 * sin(i / (5.0 + g)) + random(), i::bigint) p FROM long, generate_series(1, 200) g WHERE i <= 32768 GROUP BY g) s},
	'a matrix profile' => q{SELECT count(d) FROM (SELECT ad_discord(v, 100) OVER (ORDER BY i) d FROM long) s},
	'change points' => q{SELECT ad_changepoints(v, 'pelt', 1e12) FROM packed},
	'sub-sequence PCA' => q{SELECT count(d) FROM (SELECT ad_subpca(v + random(), 250) OVER (PARTITION BY g ORDER BY i) d FROM long, generate_series(1, 10) g) s},
);
SKIP:
{
	skip 'the kernel does not tell processor time', scalar keys %queries if !defined $session->cpu;

	for my $name (sort keys %queries)
	{
		my $ms = cancel_takes($queries{$name}, 0.5);

		ok($ms ne 'finished' && $ms < $allowed, "$name: cancelled within $allowed ms ($ms ms)");
	}
}

# millions of rows in one partition: refused unless a superuser allows the memory, then cancelled as quickly
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT count((d).trend) FROM (SELECT ad_stl(v, i::bigint, '{"period": 24}') OVER (ORDER BY i) d FROM generate_series(1, } . $rows . q{) i, LATERAL (SELECT (i % 24)::float8 AS v) w) s});
like($err, qr/a series of $rows points needs \d+ MB, limit is 512 MB/, 'millions of rows: refused by default');
my $allow = sprintf q{SET anomaly.series_memory = '%dMB'}, $rows * 150 / 1_000_000;
$node->safe_psql('postgres', q{CREATE TABLE ten AS SELECT i, (i % 24)::float8 AS v FROM generate_series(1, } . $rows . q{) i; ANALYZE ten});
SKIP:
{
	skip 'the kernel does not tell processor time', 1 if !defined $session->cpu;

	$session->do($allow);
	my $ms = cancel_takes(q{SELECT count(d) FROM (SELECT ad_stl(v, i::bigint, '{"period": 24, "robust": true, "outer_iterations": 100}') OVER (ORDER BY i) d FROM ten) s}, $rows / 1_000_000);

	# giving back a gigabyte of memory and the temporary files is part of it here
	ok($ms ne 'finished' && $ms < 4 * $allowed, "millions of rows: cancelled within ${\ (4 * $allowed)} ms ($ms ms)");
}
is($node->safe_psql('postgres', qq{$allow; SELECT count((d).trend) FROM (SELECT ad_stl(v, i::bigint, '{"period": 24}') OVER (ORDER BY i) d FROM ten) s}),
	$rows, 'millions of rows: decomposed');
($rc, $out, $err) = $node->psql('postgres', qq{$allow; } . q{SELECT count((d).trend) FROM (SELECT ad_stl(v, (2 * i)::bigint / 2, '{"period": [4000000, 3000000, 2000000, 1000000, 24, 48, 96, 168]}') OVER (ORDER BY i) d FROM ten) s});
like($err, qr/needs \d+ MB, limit is \d+ MB/, 'too much memory is refused by name');
($rc, $out, $err) = $node->psql('postgres', q{SELECT count(d) FROM (SELECT ad_discord(v, 100) OVER (ORDER BY i) d FROM ten) s});
like($err, qr/series has too many rows: $rows/, 'a matrix profile of millions of rows is refused by name');

# packed series in parallel workers give what one process gives
my $query = q{SELECT g, md5(ad_stl_array(v, '{"period": 24, "robust": true}')::text) FROM series};
my $serial = $node->safe_psql('postgres', "SET max_parallel_workers_per_gather = 0; $query");
my $force = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;';
like($node->safe_psql('postgres', "$force EXPLAIN (COSTS OFF, VERBOSE) $query"), qr/Gather.*ad_stl_array/s, 'packed series are decomposed in parallel workers');
is(join("\n", sort split /\n/, $node->safe_psql('postgres', "$force $query")), join("\n", sort split /\n/, $serial), 'parallel equals serial');

# rows by GROUP BY, where the server can do that in workers
$node->safe_psql('postgres', q{
	CREATE TABLE points (g int, i int, v float8) PARTITION BY HASH (g);
	CREATE TABLE points_0 PARTITION OF points FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE points_1 PARTITION OF points FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	INSERT INTO points SELECT g, i, x FROM series, unnest(v) WITH ORDINALITY u(x, i);
	ANALYZE points;
});
my $together = 'SET enable_partitionwise_aggregate = on;';
my %grouped = (
	'ad_stl_array' => q{ad_stl_array(array_agg(v ORDER BY i), '{"period": 24, "robust": true}')},
	'ad_series_score_array' => q{ad_series_score_array(array_agg(v ORDER BY i), '{"period": 24}')},
	'ad_changepoints' => q{ad_changepoints(array_agg(v ORDER BY i), '{"penalty": 3}'::jsonb)},
	'ad_stream_array' => q{ad_stream_array(NULL, array_agg(v ORDER BY i), array_agg(i ORDER BY i), '{"period": 24}')},
	'ad_periods' => q{ad_periods(v, i, '{"on_error": "null"}')});
for my $name (sort keys %grouped)
{
	my $by_group = "SELECT g, md5(($grouped{$name})::text) FROM points GROUP BY g";
	my $alone = $node->safe_psql('postgres', "SET max_parallel_workers_per_gather = 0; $by_group");

	like($node->safe_psql('postgres', "$together $force EXPLAIN (COSTS OFF, VERBOSE) $by_group"), qr/Gather.*Append.*Aggregate.*$name/s, "$name: grouped in parallel workers");
	is(join("\n", sort split /\n/, $node->safe_psql('postgres', "$together $force $by_group")), join("\n", sort split /\n/, $alone), "$name: parallel equals serial");
}

$session->end;
$node->stop;
done_testing();
