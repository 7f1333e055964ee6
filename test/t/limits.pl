# docs/limits.md is true: every statement of its tables raises what stands beside it.
#
# And what a statement of a role without privileges can cost is bounded: a text
# of any length is refused by every function before it is copied, and repeated
# in 64 characters at most; large fits and series give back what they took,
# however they end, and stop within 100 ms of processor time of a cancel. All
# times are the backend's own, as the kernel counts them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use POSIX ();
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $root = "$FindBin::RealBin/../..";
my $node = start_server('limits', 'max_parallel_workers_per_gather = 0', "log_min_error_statement = panic");

seed();
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE SCHEMA m AUTHORIZATION mallory;');

# A session of a role without privileges if not said otherwise.
sub session
{
	return Session->new($node, user => $_[0] // 'mallory', verbosity => 'verbose', options => '-c search_path=m,public');
}

#
# The document.
#
my $document = do { local (@ARGV, $/) = ("$root/docs/limits.md"); <> };
my ($setup) = $document =~ /^```sql\n(.*?)^```/ms;
my $session = session();
$session->do('SET client_min_messages = warning');
like($session->ask($setup), qr/^1?$/, 'the tables of docs/limits.md');
$session->do('RESET client_min_messages');

my $tried = 0;
for my $line ($document =~ /^\|(.*)\|$/mg)
{
	my ($what, $limit, $sql, $error) = map { s/^\s+|\s+$//gr } split /(?<!\\)\|/, $line;

	next unless defined $sql && $sql =~ /^`(.*)`$/;
	$sql = $1 =~ s/\\\|/|/gr;
	my ($code, $message) = $error =~ /^`(\w{5})` (.*)$/ or die "docs/limits.md: no error in: $line";
	my $answer = $session->ask($sql);
	my ($got) = $answer =~ /^(?:.*: )?ERROR:  (.*)$/m;

	is($got // $answer, "$code: $message", "$what: $limit");
	$tried++;
}
cmp_ok($tried, '>=', 50, 'every table has been read');
$session->end;

#
# Texts, jsonb and bytea of any length, to every argument of every function.
# Stored compressed, they are a quarter of a megabyte until somebody reads them;
# they are not constants, which a server with assertions writes as text and reads back.
#
my $linux = -r "/proc/$$/schedstat" && -w "/proc/$$/clear_refs";

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE long AS SELECT repeat('lång ', n) AS t, jsonb_build_object('x', repeat('lång ', n)) AS j, decode(repeat('00', 5 * n), 'hex') AS b
FROM generate_series(4000000, 4000000) n;
GRANT SELECT ON long TO PUBLIC;
SQL

# values of the other arguments
my %value = (
	text => "'x'", jsonb => "'{}'", bytea => "''", integer => '1', bigint => '1', 'double precision' => '1', boolean => 'true',
	'double precision[]' => "'{1,2}'", 'numeric[]' => "'{1,2}'", 'boolean[]' => "'{t,f}'", 'text[]' => "'{x}'", 'jsonb[]' => 'ARRAY[ad_zscore()]', interval => "'1 s'",
	'timestamp with time zone' => 'now()', 'timestamp without time zone' => 'localtimestamp', 'timestamp with time zone[]' => 'ARRAY[now(),now()]',
	'timestamp without time zone[]' => 'ARRAY[localtimestamp,localtimestamp]', 'bigint[]' => "'{1,2}'",
	anyelement => '1', anyarray => 'ARRAY[1,2]', anycompatible => '1', '"any"' => '1', 'ad_order_event' => "ad_order_event('NEW','BUY',1,1,now())", 'ad_order_event[]' => 'NULL', ad_row => 'ad_row(1)',
	ad_sketch_state => q{(SELECT ad_sketch('{}'::jsonb, ad_row(1)))}, ad_benford_result => '(SELECT ad_benford(1))');
my %long = (text => 't', jsonb => 'j', bytea => 'b', '"any"' => 't');

my $functions = $node->safe_psql('postgres', <<'SQL');
SELECT p.proname, p.prokind, array_to_string(ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) t), ';')
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
     JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'anomaly'
WHERE p.pronamespace = e.extnamespace AND p.proargtypes::oid[] && ARRAY['text', 'jsonb', 'bytea']::regtype[]::oid[]
	AND NOT p.proargtypes::oid[] && ARRAY['internal', 'cstring']::regtype[]::oid[]
ORDER BY 1, 3
SQL
$session = session();
$session->ask('SELECT ad_info(ad_fit(ad_zscore(), 1))');
my $worst = 0;
my ($calls, @copies, @echoes);
for my $function (split /\n/, $functions)
{
	my ($name, $kind, $types) = split /\|/, $function;
	my @types = split /;/, $types;

	for my $at (0 .. $#types)
	{
		my $column = $long{ $types[$at] } or next;
		# a category may have any length: it is cut
		next if $types[$at] eq '"any"';
		my $arguments = join ', ', map { $_ == $at ? $column : ($value{ $types[$_] } // die "no value of type $types[$_] for $name") . ($types[$_] =~ /^any|"any"/ ? '' : "::$types[$_]") } 0 .. $#types;
		my $call = $kind eq 'p' ? "CALL $name(" . ($arguments =~ s/\bt\b/(SELECT t FROM long)/r) . ')' :
		  "SELECT $name($arguments)" . ($kind eq 'w' ? ' OVER ()' : '') . ' FROM long';

		$session->reset_peak if $linux;
		my $before = $linux ? $session->megabytes('VmRSS') : 0;
		my $answer = $session->ask($call);
		my $more = $linux ? $session->megabytes('VmHWM') - $before : 0;

		$calls++;
		# of a value that is no model, its bytes were read before it could be told
		my $allowed = $column eq 'b' ? 52 : 10;
		push @copies, sprintf('%s: %.0f MB', $call, $more) if $more > $allowed;
		push @echoes, "$call: " . substr($answer, 0, 200) if $answer =~ /(?:l(?:å|\xc3\xa5)ng ){14}/ || length $answer > 2500;
		$worst = $more if $column ne 'b' && $more > $worst;
	}
}
note sprintf '%d calls; the most that a long text took is %.0f MB', $calls, $worst;
cmp_ok($calls, '>', 100, 'functions that take a text, jsonb or bytea');
is(join("\n", @copies), '', 'no function copies a long text');
is(join("\n", @echoes), '', 'no message repeats more than 64 characters');
is($session->ask('SELECT 1'), '1', 'the session goes on');
$session->end;

if (!$linux)
{
	note 'processor time and memory of a backend are read from /proc, which is not there';
	$node->stop;
	done_testing();
	exit;
}

#
# What is large: bounded, cancelled quickly, given back.
#
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE wide AS SELECT array_agg(sin(g * 1.7 * i + i * i) ORDER BY g) AS x
FROM generate_series(1, 300) i, generate_series(1, 1400) g GROUP BY i;
CREATE TABLE series AS SELECT array_agg(sin(i / 100.0) + i % 7 ORDER BY i) AS y FROM generate_series(1, 1500000) i;
CREATE TABLE event AS SELECT (ARRAY['NEW', 'CANCEL', 'FILL'])[1 + i % 3] AS e, (ARRAY['BUY', 'SELL'])[1 + i / 3 % 2] AS s, i
FROM generate_series(1, 200000) i;
GRANT SELECT ON wide, series, event TO PUBLIC;
SQL
my $contexts = sql_value($node, 'SHOW server_version_num') >= 140000;
$node->safe_psql('postgres', 'GRANT pg_read_all_stats TO mallory') if $contexts;

# A statement, how many megabytes it may have at most, how often it is
# cancelled, and within how many seconds of its processor time, if it is not to
# run to its end. It may have 80 more than before when it has ended: malloc keeps
# up to 64 for itself.
my @large = (
	[ 'SELECT length(ad_fit(ad_pca(), x)) FROM wide', 150, 2 ],
	[ 'SELECT length(ad_fit(ad_mahalanobis(), x[1:900])) FROM wide', 150, 1 ],
	[ 'SELECT length(ad_fit(ad_gmm(), x[1:900])) FROM wide', 150, 1 ],
	[ 'SELECT length(ad_fit(ad_mahalanobis(true), x[1:500])) FROM wide', 150, 1, 2 ],
	[ 'SELECT length(ad_fit(ad_ocsvm(exact_rows => 1, features => 20000), x)) FROM wide', 400, 1, 2 ],
	[ 'SELECT length(ad_fit(ad_hbos(10000), x[1:400])) FROM wide', 200, 0 ],
	[ 'SELECT length(ad_fit(ad_hbos(10000), x)) FROM wide', 60, 0 ],
	[ "SELECT (ad_stl_array(y, '{\"period\": 24, \"robust\": true}')).trend[1] FROM series", 300, 2 ],
	[ "SELECT length(ad_stl_plot(y, '{\"period\": 7}')) FROM series", 300, 1 ],
	[ "SELECT ad_stl(1, t) OVER () FROM unnest('{1,2,4000000}'::bigint[]) t", 520, 1 ],
	[ "SELECT ad_stl(1, t) OVER () FROM unnest('{1,2,9000000}'::bigint[]) t", 60, 0 ],
	[ 'SELECT ad_discord(i % 101, 1000) OVER () FROM event', 120, 1, 2 ],
	[ 'SELECT ad_subpca(sin(i), 256) OVER () FROM event', 120, 1 ],
	[ "SELECT cardinality(ad_changepoints(y, 'pelt', 1e12)) FROM series", 250, 1, 2 ],
	[ "SELECT ad_layering(e, s, 1 + i % 5, i, now() + i * interval '1 ms', 'o' || i / 3) OVER (ORDER BY i) FROM event", 150, 1 ]);

# The CPU time of a statement after it was cancelled at a moment; undef if it
# ended by itself.
sub cancelled
{
	my ($session, $sql, $moment) = @_;
	my $start = $session->cpu;

	$session->say("SELECT count(s) FROM ($sql) s");
	while ($session->cpu - $start < $moment)
	{
		return undef if $session->ends;
		sleep 0.002;
	}
	my $took = $session->cancel;

	return $session->answer =~ /57014: / ? $took : undef;
}

for my $case (@large)
{
	my ($sql, $most, $cancels, $seconds) = @$case;
	my $name = $sql =~ s/^SELECT //r =~ s/ FROM \w+$//r;
	my $session = session();
	my ($left, $whole, @took) = (0, 0);

	$session->ask('SELECT ad_info(ad_fit(ad_zscore(), 1))');
	$session->reset_peak;
	my $before = $session->megabytes('RssAnon');
	my $look = sub
	{
		my $now = $session->megabytes('RssAnon') - $before;

		$left = $now if $now > $left;
	};

	if (!$seconds)
	{
		my $start = $session->cpu;

		$session->ask("SELECT count(s) FROM ($sql) s");
		$whole = $seconds = $session->cpu - $start;
		$look->();
	}
	for (1 .. $cancels)
	{
		my $best;

		# a moment may fall when the statement has ended: ten are tried
		for (1 .. 10)
		{
			my $took = cancelled($session, $sql, rand($seconds * 0.9)) // next;

			$best = $took if !defined $best || $took < $best;
			last if $took <= 0.1;
		}
		push @took, $best if defined $best;
		$look->();
	}
	my $peak = $session->megabytes('VmHWM') - $before;

	note sprintf '%s: %.1f s, peak %.0f MB, left %.0f MB, cancelled in %s ms', $name, $whole, $peak, $left,
	  join ' ', map { sprintf '%.0f', $_ * 1000 } @took;
	cmp_ok($peak, '<', $most, "$name: bounded");
	cmp_ok($left, '<', 80, "$name: gives back what it took");
	ok(@took > 0 && !grep({ $_ > 0.1 } @took), "$name: stops within 100 ms of a cancel") if $cancels;
	cmp_ok($session->ask('SELECT (sum(total_bytes) / 1048576)::int FROM pg_backend_memory_contexts'), '<', 24, "$name: and forgets it")
	  if $contexts;
	$session->end;
}

#
# A limit of alerts an hour costs no more than none.
#
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE ev AS SELECT i AS id, timestamptz '2026-01-01' + i * interval '1 ms' AS ts, i % 10 AS v FROM generate_series(1, 5000) i;
SELECT ad_train('ev', 'SELECT v FROM ev', 'zscore');
SELECT ad_create_job('plain', 'ev', 'ev', 'id', 'ts', '{"score": 0}', explain => 0);
SELECT ad_create_job('limited', 'ev', 'ev', 'id', 'ts', '{"score": 0}', explain => 0, limit_per_hour => 100000);
SQL
$session = session(sql_value($node, 'SELECT current_user'));
my %took;
for my $job ('plain', 'limited')
{
	my $start = $session->cpu;

	is($session->ask("CALL ad_run_job('$job')"), '', "job $job runs");
	$took{$job} = $session->cpu - $start;
}
note sprintf 'plain %.2f s, limited %.2f s', @took{qw(plain limited)};
cmp_ok($took{limited}, '<', 3 * $took{plain} + 0.5, 'a limit of alerts costs little');
is(sql_value($node, 'SELECT string_agg(alerts::text, \' \') FROM ad_job_run'), '5000 5000', 'and lets pass what it should');
$session->end;

$node->stop;
done_testing();
