# Detectors compared on a table: figures to the digit of the same by hand, and
# the same with any plan; work in proportion to rows, specs and repeats, without
# temporary files; stopped soon, seen while it runs, and with nobody's rights
# but the caller's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use List::Util qw(min);
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $node = start_server('compare', "shared_preload_libraries = 'anomaly'", 'max_parallel_workers_per_gather = 0',
	'max_parallel_workers = 4');
my $data = "$FindBin::RealBin/../data/satellite.csv.gz";
my ($header) = split /\n/, qx(gzip -dc '$data');
my @names = grep { $_ ne 'label' } split /,/, $header;
my $features = join ', ', @names;

seed();
$node->safe_psql('postgres', 'CREATE TABLE satellite (i serial, ' . join(', ', map { "$_ float8" } @names) . ', label int)');
$node->safe_psql('postgres', "COPY satellite ($header) FROM PROGRAM 'gzip -dc $data' WITH (FORMAT csv, HEADER)");
$node->safe_psql('postgres', 'ANALYZE satellite');

# What depends on the rows alone: all but costs.
my $figures = join ', ', 'n', 'spec', 'rows', 'labelled', 'anomalies', 'folds', 'split', 'error', 'model_bytes',
  map { ($_, "${_}_deviation", "${_}_interval") }
  qw(roc_auc average_precision precision_at_n f1 balanced_accuracy false_positive_rate agreement);
my $specs = 'ARRAY[ad_iforest(), ad_iforest(trees => 50, sample_size => 64), ad_knn(), ad_ecod(), ad_auto(), ad_iforest() || ad_sampling(rows => 500)]';

# --- the same by hand

$node->safe_psql('postgres', <<"SQL");
CREATE TABLE run AS
SELECT * FROM ad_benchmark('SELECT *, i % 5 AS f FROM satellite', $specs, label => 'label', key => 'i', fold => 'f');
CREATE TABLE model AS
SELECT n, k, ad_fit(spec || jsonb_build_object('sampling', coalesce(spec->'sampling', '{}') || '{"keyed": true}'), i, $features) AS m
FROM run, generate_series(0, 4) k, satellite WHERE i % 5 <> k GROUP BY n, k;
CREATE TABLE score AS
SELECT n, k, i, label = 1 AS y, ad_score(m, $features) AS s, ad_is_anomaly(m, $features) AS p
FROM model JOIN satellite ON i % 5 = k;
CREATE TABLE by_hand AS
SELECT n, k, ad_roc_auc(s, y) AS roc_auc, ad_average_precision(s, y) AS average_precision,
       ad_precision_at(s, y, positives) AS precision_at_n, ad_confusion(p, y) AS c
FROM score JOIN (SELECT n, k, count(*) AS positives FROM score WHERE y GROUP BY n, k) c USING (n, k) GROUP BY n, k;
SQL
is(sql_value($node, <<'SQL'), '30|t|t|t|t|t|t', 'every figure of every fold is that of the same by hand, to the digit');
SELECT count(*), bool_and((f->>'roc_auc')::float8 = h.roc_auc), bool_and((f->>'average_precision')::float8 = h.average_precision),
       bool_and((f->>'precision_at_n')::float8 = h.precision_at_n), bool_and((f->>'f1')::float8 = (h.c).f1),
       bool_and((f->>'balanced_accuracy')::float8 = (h.c).balanced_accuracy),
       bool_and((f->>'false_positive_rate')::float8 = (h.c).fp / ((h.c).fp + (h.c).tn)::float8)
FROM run, jsonb_array_elements(fold_results) f, by_hand h WHERE h.n = run.n AND h.k = (f->>'fold')::int;
SQL

# agreement: Spearman's, with the mean rank of the others
is(sql_value($node, <<'SQL'), '6|t', 'and so is the agreement, but for rounding');
WITH ranked AS (SELECT n, k, i, rank() OVER (PARTITION BY n, k ORDER BY s) + (count(*) OVER (PARTITION BY n, k, s) - 1) / 2.0 AS rank
                FROM score),
     others AS (SELECT n, k, rank, sum(rank) OVER (PARTITION BY i) - rank AS rest FROM ranked),
     c AS (SELECT n, avg(agreement) AS agreement FROM (SELECT n, k, corr(rank, rest) AS agreement FROM others GROUP BY n, k) f GROUP BY n)
SELECT count(*), bool_and(abs(run.agreement - c.agreement) < 1e-9) FROM run JOIN c USING (n);
SQL

# --- the same with any plan, and at another time

$node->safe_psql('postgres', 'CREATE TABLE part AS SELECT * FROM satellite WHERE i % 8 = 0; ANALYZE part');

sub digest
{
	my ($settings, $source, $arguments) = @_;
	my $sql = "SELECT md5(string_agg(x::text, '\n' ORDER BY n)) FROM (SELECT $figures FROM ad_benchmark(\$q\$$source\$q\$, $specs, label => 'label', $arguments)) x";

	return (split /\n/, $node->safe_psql('postgres', "$settings $sql"))[-1];
}

my $parallel = 'SET max_parallel_workers_per_gather = 3; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;';
like($node->safe_psql('postgres', "$parallel EXPLAIN (COSTS OFF) SELECT * FROM part"), qr/Gather/, 'the rows are read in parallel');
for my $key ("key => 'i'", 'key => NULL')
{
	my $source = "SELECT $features, label" . ($key =~ /'i'/ ? ', i' : '') . ' FROM part';
	my $first = digest('', $source, $key);

	is(digest('', $source, $key), $first, "$key: the same again");
	is(digest($parallel, $source, $key), $first, "$key: the same in parallel");
	is(digest('', "$source ORDER BY pixel_3_band_2, i DESC", $key), $first, "$key: the same in another order");
	is(digest("SET anomaly.simd = 'off';", $source, $key), $first, "$key: the same without vector instructions");
	isnt(digest('', $source, "$key, seed => 1"), $first, "$key: another seed is another split");
}

# nothing goes to disk
is(sql_value($node, "SET temp_file_limit = 0; SELECT count(error) FROM ad_benchmark('satellite', $specs, label => 'label', key => 'i')"),
	0, 'no temporary files');

# a fold is drawn once a row, and the folds of a repeat are all rows
is(sql_value($node, <<'SQL'), '3|6435|2036', 'each repeat scores each row once');
SELECT count(*), min(rows), min(anomalies)
FROM (SELECT f->>'repeat', sum((f->>'rows')::int) AS rows, sum((f->>'anomalies')::int) AS anomalies
      FROM ad_benchmark('satellite', ARRAY['zscore'], label => 'label', key => 'i', repeats => 3) b, jsonb_array_elements(fold_results) f
      GROUP BY 1) r
SQL

# --- read-only, by nobody's rights but the caller's

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE TABLE owned (id int, who text, a float8, y boolean);
INSERT INTO owned SELECT i, CASE WHEN i % 3 = 0 THEN 'alice' ELSE 'bob' END, sin(i), i % 10 = 0 FROM generate_series(1, 300) i;
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON owned USING (who = current_user);
GRANT SELECT ON owned TO alice;
CREATE TABLE written (i int);
CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO written VALUES (1) RETURNING 1';
SQL
my $alice = Session->new($node, user => 'alice', verbosity => 'verbose');
my $bob = Session->new($node, user => 'bob', verbosity => 'verbose');
my $benchmark = "SELECT rows FROM ad_benchmark('SELECT a, y FROM owned', ARRAY['zscore'], label => 'y')";

is($alice->ask($benchmark), 100, 'row security holds');
like($bob->ask($benchmark), qr/42501: permission denied for table owned/, 'and so do privileges');
unlike($bob->answer, qr/_anomaly|ad_query/, 'an error shows no statement of ours');
is($alice->ask("SET default_transaction_read_only = on; $benchmark"), 100, 'it works in a read-only transaction');
$node->safe_psql('postgres', 'GRANT INSERT ON written TO alice');
$alice->ask('SET default_transaction_read_only = off');
like($alice->ask("SELECT rows FROM ad_benchmark('SELECT i, writes() AS w FROM generate_series(1, 10) i', ARRAY['zscore'])"),
	qr/25006: cannot execute INSERT in a read-only transaction/, 'and its query is read-only in any');
is($alice->ask('BEGIN; INSERT INTO written VALUES (2); COMMIT; SELECT count(*) FROM written') =~ /42501/ ? 1 : 0, 1, 'what follows is not');
is(sql_value($node, 'SELECT sum(i) FROM written'), 2, 'and nothing else was written');
like($alice->ask("SELECT count(*) FROM ad_benchmark_compare('SELECT *, writes() FROM owned', 'owned')"), qr/22023: run a is not/,
	'a run that is none is not read');
$node->safe_psql('postgres', 'CREATE VIEW private AS SELECT * FROM run');
like($bob->ask("SELECT count(*) FROM ad_benchmark_compare('private', 'run')"), qr/42501: permission denied for view private/,
	'a run of others is not read');
$alice->end;

# an object of a user's with the name of ours is not entered
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA trap AUTHORIZATION bob;
SET ROLE bob;
CREATE FUNCTION trap.float8_numeric_eq(float8, numeric) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''entered''; END';
CREATE OPERATOR trap.= (FUNCTION = trap.float8_numeric_eq, LEFTARG = float8, RIGHTARG = numeric);
SQL
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA trap TO PUBLIC');
is($node->safe_psql('postgres', "SET search_path = trap, pg_catalog, public; SELECT count(*) FROM ad_benchmark('SELECT a, y FROM owned', ARRAY['zscore'], label => 'y')"),
	1, 'no operator of the search path is entered');
$bob->end;

# --- seen while it runs, stopped soon

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE large AS SELECT i, sin(i) AS a, cos(i * 0.7) AS b, ad_random(1, i, 'normal') AS c, 'c' || i % 30 AS d, i % 100 = 0 AS y
FROM generate_series(1, 240000) i;
SQL
my $session = Session->new($node, verbosity => 'verbose');
my $long = "SELECT count(*) FROM ad_benchmark('satellite', ARRAY(SELECT ad_iforest(trees => 300 + s) FROM generate_series(1, 50) s), label => 'label', key => 'i', repeats => 100)";
my %phases;
my $most = 0;

$session->say($long);
for (1 .. 600)
{
	my ($kind, $name, $phase, $rows, $expected, $fits) = map { @$_ } rows_of($node,
		"SELECT kind, name, phase, rows_done, rows_expected, fits FROM ad_progress WHERE kind = 'benchmark'");

	if (defined $phase && $phase =~ /^fold (\d+) of 500, spec (\d+) of 50$/ && $rows > 0)
	{
		$phases{$phase} = 1;
		is("$name|$expected", '50 specs|' . 50 * 100 * 6435, 'progress tells how much there is to do') if keys %phases == 1;
	}
	$most = $fits if defined $fits && $fits > $most;
	last if keys %phases > 2 || $session->ends;
	sleep 0.02;
}
cmp_ok(scalar keys %phases, '>', 2, 'and how far it is');
cmp_ok($most, '>', 0, 'and how many models were made');
sql_value($node, "SELECT pg_cancel_backend($session->{pid})");
$session->answer;

# within a fold too
my $slow = "SELECT count(*) FROM ad_benchmark('SELECT a, b, c FROM large', ARRAY[ad_iforest(trees => 1000, sample_size => 4096)], folds => 2)";
my $within;
for (1 .. 5)
{
	$session->say($slow);
	until ($within || $session->ends)
	{
		$within = sql_value($node, "SELECT rows_done FROM ad_progress WHERE kind = 'benchmark' AND phase LIKE 'fold%' AND rows_done % 120000 > 0");
		sleep 0.01;
	}
	sql_value($node, "SELECT pg_cancel_backend($session->{pid})");
	$session->answer;
	last if $within;
}
ok($within && ($within == 65536 || $within == 185536), 'within a large fold too');

SKIP:
{
	skip 'no processor times from the kernel', 6 if !defined $session->cpu;

	# five moments, each tried until it goes well: the machine may be busy
	my @took;
	for my $moment (0.02, 0.1, 0.3, 0.5, 0.9)
	{
		my $best;

		for (1 .. 5)
		{
			$session->answer if $session->{said} !~ /^-END-/m && sql_value($node, "SELECT pg_cancel_backend($session->{pid})");
			my $start = $session->cpu;
			$session->say($long);
			sleep 0.002 while $session->cpu - $start < $moment && !$session->ends;
			my $took = $session->cancel;
			like($session->answer, qr/57014: /, "cancelled after $moment s") if !defined $best;
			$best = $took if !defined $best || $took < $best;
			last if $best < 0.1;
		}
		push @took, $best;
	}
	ok(!grep({ $_ >= 0.1 } @took), 'a cancel ends it within 100 ms of processor time') or diag("@took");
}
is(sql_value($node, "SELECT count(*) FROM ad_progress WHERE kind = 'benchmark'"), 0, 'then nobody sees it any more');

# --- linear

# Seconds of processor time that a call takes.
sub takes
{
	my ($rows, $nspecs, $more) = @_;
	my $call = "SELECT count(error) FROM ad_benchmark('SELECT * FROM large LIMIT $rows',
		array_fill(ad_iforest(trees => 50), ARRAY[$nspecs]), label => 'y', key => 'i' $more)";
	my $start = $session->cpu;

	$session->do($call);
	return $session->cpu - $start;
}

# How many times as long as the least call another takes: one after the other,
# as a busy machine is slower; the best of three.
sub times_as_long
{
	my @call = @_;

	return min(map { my $base = takes(20000, 2, ''); takes(@call) / $base } 1 .. 3);
}

SKIP:
{
	skip 'no processor times from the kernel', 3 if !defined $session->cpu;

	cmp_ok(times_as_long(80000, 2, ''), '<', 6, 'four times the rows');
	cmp_ok(times_as_long(20000, 8, ''), '<', 5, 'four times the specs');
	cmp_ok(times_as_long(20000, 2, ', repeats => 4'), '<', 5, 'four times the repeats');
}
$session->end;

done_testing();
