# What jobs cost, in processor time of the backend: a few new rows do not cost
# more because there are many old ones, rows of one date cost no more than
# others, and what is remembered is not written anew by each run. With
# ANOMALY_LONG over ten million rows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Kept;
use Session;
use Test::More;

if (!-r "/proc/$$/schedstat")
{
	plan skip_all => 'processor time of a backend is read from /proc, which is not there';
}

my $rows = $ENV{ANOMALY_LONG} ? 10_000_000 : 200_000;
my $node = keep(start_server('cost', 'autovacuum = off', 'max_parallel_workers_per_gather = 0', 'max_wal_size = 4GB', 'shared_buffers = 256MB'));

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE train AS SELECT ad_random(1, i, 'normal') AS a, ad_random(2, i, 'normal') AS b FROM generate_series(1, 20000) i;
SELECT ad_train('m', 'SELECT a, b FROM train', ad_iforest() || ad_calibrate());
SQL
my $session = Session->new($node);

# Processor time of a statement, in milliseconds.
sub cost
{
	my ($sql) = @_;
	my $start = $session->cpu;

	$session->do($sql);
	return 1000 * ($session->cpu - $start);
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ $#sorted / 2 ]; }

# a few new rows among many
$session->do("CREATE TABLE ev AS SELECT i AS id, timestamptz '2026-01-01' + i * interval '1 s' AS ts, i % 7 * 0.1 AS a, i % 11 * 0.1 AS b FROM generate_series(1::bigint, $rows) i");
$session->do('CREATE INDEX ON ev (id); CREATE INDEX ON ev (ts, id); VACUUM ANALYZE ev');
for my $job ([ 'number', 'id', '1000', $rows ], [ 'time', 'ts', '5 minutes', $rows ])
{
	my ($name, $watermark, $lag) = @$job;
	my $since = sql_value($node, "SELECT $watermark FROM ev WHERE id = " . ($rows - 5000));
	my $max = sql_value($node, 'SELECT max(id) FROM ev');
	my @took;

	$session->do(qq{SELECT ad_create_job('$name', 'm', 'ev', 'id', '$watermark', '{"p_value": 0.001}', lag => '$lag', since => '$since')});
	$session->do("CALL ad_run_job('$name')") for 1 .. 2;
	for my $i (1 .. 9)
	{
		$session->do("INSERT INTO ev SELECT $max + 10 * $i + g, timestamptz '2026-01-01' + ($max + 10 * $i + g) * interval '1 s', 0.2, 0.3 FROM generate_series(1, 10) g");
		push @took, cost("CALL ad_run_job('$name')");
	}
	is(sql_value($node, "SELECT string_agg(rows::text, ' ') FROM (SELECT rows FROM ad_job_runs WHERE job = '$name' ORDER BY run DESC LIMIT 9) r"), join(' ', (10) x 9), "$name: ten rows a run");
	note sprintf '%s: %s ms', $name, join ' ', map { sprintf '%.1f', $_ } @took;
	cmp_ok(median(@took), '<=', 20, "$name: ten new rows among $rows cost 20 ms at most");
}

# rows of one date, the better of two measurements
my %took;
for my $n (10_000, 40_000)
{
	$session->do("CREATE TABLE day$n AS SELECT i AS id, date '2026-01-01' + i / 20000 AS d, i % 7 * 0.1 AS a, i % 11 * 0.1 AS b FROM generate_series(1, $n) i");
	$session->do("CREATE INDEX ON day$n (d, id); VACUUM ANALYZE day$n");
	for my $i (1, 2)
	{
		$session->do(qq{SELECT ad_create_job('day$n $i', 'm', 'day$n', 'id', 'd', '{"p_value": 0.001}', lag => '7 days', batch_size => 500)});
		my $cost = cost("CALL ad_run_job('day$n $i')");
		$took{$n} = $cost if !$took{$n} || $cost < $took{$n};
		is(sql_value($node, "SELECT sum(rows) FROM ad_job_runs WHERE job = 'day$n $i'"), $n, "$n rows of few dates");
	}
	$session->do("INSERT INTO day$n VALUES (1000000, '2026-01-05', 0, 0)");
	$took{"$n and one"} = cost("CALL ad_run_job('day$n 1')");
}
note join ', ', map { sprintf '%s rows %.0f ms', $_, $took{$_} } sort keys %took;
cmp_ok($took{40_000}, '<', 7 * $took{10_000}, 'four times the rows of one date cost four times as much');
cmp_ok($took{'40000 and one'}, '<', 0.25 * $took{40_000}, 'one more costs little');

# what a backlog of hundreds of batches remembers, wherever it ends
my $seen = 0;
$session->do('CREATE TABLE whole AS SELECT i AS id, i % 7 * 0.1 AS a, i % 11 * 0.1 AS b FROM generate_series(1, 40000) i');
$session->do('CREATE INDEX ON whole (id); VACUUM ANALYZE whole');
for my $bad (map { 1000 * $_ + 50 } 31, 33, 35, 37, 39)
{
	$session->do(qq{SELECT ad_create_job('backlog', 'm', 'SELECT id, a + 0 * (1 / (id - $bad)) AS a, b FROM whole', 'id', 'id', '{"p_value": 0.001}', lag => '30', batch_size => 100, on_error => 'error')});
	$node->psql('postgres', q{CALL ad_run_job('backlog')});
	is(sql_value($node, q{SELECT rows FROM ad_job_runs WHERE job = 'backlog'}), $bad - 50, 'a backlog ends before the row that fails');
	my $now = sql_value($node, q{SELECT seen FROM ad_jobs WHERE name = 'backlog'});
	$seen = $now if $now > $seen;
	$session->do(q{SELECT ad_drop_job('backlog')});
}
cmp_ok($seen, '<', 2500, "a backlog remembers $seen rows of its last passes");

# what is remembered
$session->do(qq{SELECT ad_create_job('memory', 'm', 'ev', 'id', 'id', '{"p_value": 0.001}', lag => '50000', since => '} . ($rows - 30_000) . q{')});
$session->do(q{CALL ad_run_job('memory')}) for 1 .. 2;
my $max = sql_value($node, 'SELECT max(id) FROM ev');
my $before = sql_value($node, 'SELECT pg_current_wal_insert_lsn()');
for my $i (1 .. 40)
{
	$session->do("INSERT INTO ev VALUES ($max + $i, now(), 0.2, 0.3)");
	$session->do(q{CALL ad_run_job('memory')});
}
my $written = sql_value($node, "SELECT round(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before') / 40)");
cmp_ok($written, '<', 100_000, "a run of one row over a memory of 30,000 writes $written bytes");
is(sql_value($node, "SELECT sum(rows) FROM (SELECT rows FROM ad_job_runs WHERE job = 'memory' ORDER BY run DESC LIMIT 40) r"), 40, 'and scores it');

# the latest of many alerts
$session->do(q{SELECT ad_create_job('loud', 'm', 'ev', 'id', 'id', '{"score": 0}', explain => 0, batch_size => 1000, since => '} . ($rows - 50_000) . q{')});
$session->do(q{CALL ad_run_job('loud')});

# new ones, while there are no statistics of them
my @alerting;
for my $i (1 .. 9)
{
	$session->do("INSERT INTO ev SELECT max(id) + g, now(), 0.2, 0.3 FROM ev, generate_series(1, 10) g GROUP BY g");
	push @alerting, cost(q{CALL ad_run_job('loud')});
}
is(sql_value($node, "SELECT string_agg(alerts::text, ' ') FROM (SELECT alerts FROM ad_job_runs WHERE job = 'loud' ORDER BY run DESC LIMIT 9) r"), join(' ', (10) x 9), 'ten alerts a run');
note sprintf 'alerts: %s ms', join ' ', map { sprintf '%.1f', $_ } @alerting;
cmp_ok(median(@alerting), '<=', 40, 'ten new alerts among 50,000 cost 40 ms at most');
$session->do('VACUUM ANALYZE _anomaly._ad_alert');
my $all = median(map { cost("SELECT count(score) FROM ad_alerts WHERE job = 'loud'") } 1 .. 3);
my $latest = median(map { cost("SELECT key, score FROM ad_alerts WHERE job = 'loud' ORDER BY scored_at DESC LIMIT 10") } 1 .. 5);
cmp_ok($latest, '<', 0.5 * $all + 1, sprintf('the latest alerts cost %.1f ms, all of them %.1f ms', $latest, $all));

$session->end;
$node->stop;
done_testing();
