# ad_tune: the budget, halving, cancel, rights, and promises about chance.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $node = start_server('tune', "shared_preload_libraries = 'anomaly'");
# Anomalies break that a and b go together; the rest is noise.
$node->safe_psql('postgres', q{
	CREATE FUNCTION pairs(rows int, seed int) RETURNS TABLE (id int, a float8, b float8, c float8, y bool) LANGUAGE sql AS $$
		SELECT i, x + 0.2 * ad_random(seed + 1, i, 'normal'), CASE WHEN i % 20 = 0 THEN -x ELSE x END + 0.2 * ad_random(seed + 2, i, 'normal'),
		       ad_random(seed + 3, i, 'normal'), CASE WHEN i % 3 > 0 THEN i % 20 = 0 END
		FROM generate_series(1, rows) i, LATERAL (SELECT 2 * ad_random(seed, i, 'normal') AS x) r $$;
	CREATE TABLE small AS SELECT * FROM pairs(1500, 0);
	CREATE TABLE large AS SELECT * FROM pairs(60000, 7);
	CREATE ROLE nobody LOGIN;
	CREATE ROLE somebody LOGIN;
	GRANT SELECT ON small TO somebody;
	ANALYZE});
my $session = Session->new($node);
my $columns = 'rank, spec, chosen, mean, deviation, difference, p_value, rows, folds, model_bytes, status, error';
my $specs = 'ARRAY[ad_zscore(), ad_mahalanobis(), ad_ecod(), ad_knn(), ad_iforest()]';

# --- the same rows are the same answer
my $once = $session->do("SELECT $columns FROM ad_tune('small', 'y', $specs, key => 'id', budget => NULL) ORDER BY rank");
like($once, qr/^1\|[^|]*"mahalanobis"[^|]*\|t\|.*\n.*\n.*\n.*\n[^\n]*$/, 'the planted spec is the best, and chosen');
for my $how ('ORDER BY a', 'ORDER BY id DESC', 'ORDER BY random()')
{
	is($session->do("SELECT $columns FROM ad_tune('SELECT * FROM small $how', 'y', $specs, key => 'id', budget => '1 day') ORDER BY rank"),
		$once, "the same with a budget that is not hit, $how");
}
$session->do('SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0');
is($session->do("SELECT $columns FROM ad_tune('small', 'y', $specs, key => 'id', budget => NULL) ORDER BY rank"), $once, 'the same in parallel');
isnt($session->do("SELECT $columns FROM ad_tune('small', 'y', $specs, key => 'id', budget => NULL, seed => 1) ORDER BY rank"),
	$once, 'other folds with another seed');
for my $level (qw(off avx2))
{
	is($session->do("SET anomaly.simd = '$level'; SELECT $columns FROM ad_tune('small', 'y', $specs, key => 'id', budget => NULL) ORDER BY rank"),
		$once, "the same with simd $level");
}
$session->do('RESET anomaly.simd');

# --- the budget: what it allowed is told, whatever that was on this machine
my $grid = "(ad_grid(ad_knn(), neighbors => '{1,3,5,10,20,40}') || ad_grid(ad_iforest(), trees => '{50,100,200}', sample_size => '{64,256,1024}') || ad_mahalanobis())";
my $unhurried = $session->do("SELECT count(*) FROM ad_tune('small', 'y', $grid, key => 'id', budget => NULL)");
for my $budget ('1 microsecond', '50 ms', '300 ms', '1 s', '3 s')
{
	my $before = $session->cpu;
	my $answer = $session->do("SELECT rank, status, coalesce(rows, 0), folds, chosen, mean IS NULL FROM ad_tune('large', 'y', $grid, key => 'id', budget => '$budget') ORDER BY rank");
	my $used = $session->cpu - $before;
	my @rows = map { [ split /\|/ ] } grep { /^\d+\|/ } split /\n/, $answer;
	my ($farthest, @bad) = (1e9);

	is(scalar @rows, $unhurried, "budget $budget: a row for each spec");
	for my $row (@rows)
	{
		my ($rank, $status, $of, $folds, $chosen, $unknown) = @$row;

		push @bad, "@$row" if $of > $farthest;
		$farthest = $of;
		push @bad, "@$row" if $status eq 'finished' && ($of != 60000 || $folds != 5);
		push @bad, "@$row" if $status eq 'not tried' && ($of || $folds || $unknown ne 't');
		push @bad, "@$row" if $status =~ /^(?:dropped|out of time)$/ && (!$of || !$folds || $unknown ne 'f');
		push @bad, "@$row" if $status !~ /^(?:finished|dropped|out of time|not tried)$/;
		push @bad, "@$row" if $chosen eq 't' && $of != $rows[0][2];
	}
	ok(!@bad, "budget $budget: those that came farthest first, and each says how far") or diag(join("\n", @bad));
	my $finished = grep { $_->[1] eq 'finished' } @rows;
	my $told = $finished == @rows ? qr/\A(?!.*NOTICE)/s : qr/NOTICE:  budget of \S+ (?:allowed $finished of $unhurried specs|ended before a spec)/;
	like($answer, $told, "budget $budget: told ($finished finished)");
	cmp_ok(scalar(grep { $_->[4] eq 't' } @rows), '<=', 1, "budget $budget: one is chosen at most");

	# processor time is less than the clock's: the budget, reading the rows, one trial, a split
	my ($seconds) = $budget =~ /^1 micro/ ? 0 : $budget =~ /^(\d+) ms/ ? $1 / 1000 : $budget =~ /^(\d+)/;
	cmp_ok($used, '<', $seconds + 3, "budget $budget: $used seconds of processor time") if defined $before;
}
like($session->do("SELECT spec FROM ad_tune('SELECT * FROM large', 'y', $grid, key => 'id', budget => '1 day') WHERE chosen"), qr/mahalanobis/,
	'planted: the one that sees it is chosen of sixteen');

# --- progress, and cancel while it fits
$session->say("SELECT count(*) FROM ad_tune('large', 'y', ARRAY[ad_lof(), ad_inne(), ad_auto()], key => 'id', budget => NULL, repeats => 20)");
my $seen = '';
for (1 .. 600)
{
	$seen = $node->safe_psql('postgres', "SELECT kind, name, phase FROM ad_progress WHERE kind = 'tune' AND phase LIKE 'rung%' AND fits > 0");
	last if $seen;
	sleep 0.1;
}
like($seen, qr/^tune\|3 specs\|rung 1, fold 1, spec \d$/, 'progress says where it is');
my $took = $session->cancel_within(0.1);
like($session->answer, qr/canceling statement due to user request/, 'cancelled');
cmp_ok($took // 0, '<', 0.1, 'within 100 ms of processor time');
is($node->safe_psql('postgres', "SELECT count(*) FROM ad_progress WHERE kind = 'tune'"), '0', 'and its progress is gone');
is($session->do("SELECT $columns FROM ad_tune('small', 'y', $specs, key => 'id', budget => NULL) ORDER BY rank"), $once, 'the session goes on');

# --- the rights of the caller, and nothing written
my $other = Session->new($node, user => 'nobody');
like($other->ask("SELECT count(*) FROM ad_tune('small', 'y')"), qr/permission denied for table small/, 'no rights, no rows');
$other->end;
$other = Session->new($node, user => 'somebody');
is($other->do("SELECT $columns FROM ad_tune('small', 'y', $specs, key => 'id', budget => NULL) ORDER BY rank"), $once, 'the right to read is enough');
$node->safe_psql('postgres', q{CREATE TABLE written (i int); GRANT ALL ON written TO somebody;
	CREATE FUNCTION write() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO written VALUES (1); RETURN true; END $$});
like($other->ask("SELECT count(*) FROM ad_tune('SELECT a, b, y FROM small WHERE write()', 'y')"),
	qr/cannot execute INSERT in a read-only transaction/, 'the query cannot write');
is($other->do('INSERT INTO written VALUES (2) RETURNING i'), '2', 'the transaction after it can');
my $run = q{SELECT * FROM ad_benchmark('SELECT a, b, y FROM small', ARRAY['zscore', 'ecod'], label => 'y')};
like($other->do("SELECT ad_benchmark_report(\$\$$run\$\$, picture => 'x.svg')"), qr/^\| 2 \| (?:zscore|ecod) /m, 'a report in one call, with the right to read');
like($other->ask("SELECT ad_benchmark_report(\$\$SELECT r.* FROM ($run) r WHERE write()\$\$)"),
	qr/cannot execute INSERT in a read-only transaction/, 'a report does not write');
$node->safe_psql('postgres', "CREATE TABLE run AS $run");
like($other->ask("SELECT ad_benchmark_report('run')"), qr/permission denied for table run/, 'nor read what the caller may not');
$other->end;
$session->do('BEGIN READ ONLY');
is($session->do("SELECT $columns FROM ad_tune('small', 'y', $specs, key => 'id', budget => NULL) ORDER BY rank"), $once, 'in a read-only transaction');
$session->do('COMMIT');

# --- chance: equal specs are not called different more often than the level.
# Folds are few and share rows, which the plain t test does not know.
my $made = q{SELECT ad_random(%1$s, i, ''normal'') + CASE WHEN i %% 10 = 0 THEN 1 ELSE 0 END AS a, ad_random(%1$s + 1000, i, ''normal'') AS b, i %% 10 = 0 AS y FROM generate_series(1, 250) i};
my ($n, $called, $low) = split /\|/, $session->do(qq{
	SELECT count(*), count(*) FILTER (WHERE p_value < 0.05), count(*) FILTER (WHERE p_value < 0.2)
	FROM generate_series(1, 200) g,
	     LATERAL ad_tune(format('$made', g), 'y', ARRAY[ad_iforest(40) || ad_sampling(seed => 1), ad_iforest(40) || ad_sampling(seed => 2)], budget => NULL) t
	WHERE rank = 2});
is($n, 200, 'two equal specs, 200 times');
cmp_ok($called, '<=', 16, "called different at 0.05: $called (10 and two deviations)");
cmp_ok($low, '<=', 51, "at 0.2: $low (40 and two deviations)");

$session->end;
done_testing();
