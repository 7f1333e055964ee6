# Rule anchored streams; big partitions; cancelling; binary input.
#
# - What a prefix of the rows gives never changes when rows are added.
# - The executor drops the rows behind a streaming window, and the rule's own
#   state stays bounded.
# - Rings of many thousand live events give what a plain search gives.
# - A partition of many copies of a flow, far apart in time, gives as many
#   copies of its sequences.
# - A long call can be cancelled.
# - Binary input is checked: no damaged value gets in, none crashes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use File::Temp qw(tempdir);
use List::Util qw(max min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $seed = $ENV{ANOMALY_TEST_SEED} || 20261122;
srand($seed);
note "seed $seed";
my $long = $ENV{ANOMALY_LONG};
my $rows = $long ? 700_000 : 210_000;    # of a long partition, in sevens
my $copies = $long ? 5000 : 1000;
my $n = $long ? 60_000 : 30_000;         # events of a ring

my $node = PostgreSQL::Test::Cluster->new('market_stream');
$node->init;
$node->append_conf('postgresql.conf',
	"timezone = 'UTC'\nfsync = off\nautovacuum = off\njit = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION anomaly');

# ---- output for a prefix
$node->safe_psql('postgres', <<'SQL');
SELECT setseed(0.5);
CREATE TABLE flow AS
SELECT row_number() OVER (PARTITION BY k ORDER BY t, r) AS n, * FROM (
	SELECT k, random() AS r, (ARRAY['NEW', 'CANCEL', 'FILL'])[1 + (random() * 2.2)::int % 3] AS event_type,
		(ARRAY['B', 'S'])[1 + (random() * 1.2)::int % 2] AS side, 100 AS price,
		100 * (1 + (random() * 2)::int) AS quantity,
		date_trunc(CASE WHEN k % 2 = 0 THEN 'second' ELSE 'milliseconds' END,
			timestamptz '2026-01-01' + random() * interval '25 seconds') AS t
	FROM generate_series(1, 60) k, generate_series(1, 60) i) x;
-- prefixes; a whole one ends between times
CREATE TABLE prefix_end AS
SELECT k, n AS cut, t IS DISTINCT FROM lead(t) OVER (PARTITION BY k ORDER BY n) AS whole FROM flow;
SQL

my $window = 'OVER (PARTITION BY k, cut ORDER BY t, n)';
for my $causal ('true', 'false')
{
	# with peers a prefix ends between times, causally it ends anywhere
	my $ends = $causal eq 'true' ? 'true' : 'whole';
	my $result = $node->safe_psql('postgres', <<"SQL");
WITH prefix AS (
	SELECT k, n, cut, ad_layering(event_type, side, price, quantity, t,
		ad_layering_options(rule => 'anchored', causal => $causal)) $window AS l
	FROM flow JOIN prefix_end USING (k) WHERE n <= cut AND $ends)
SELECT count(*) FILTER (WHERE p.l::text IS DISTINCT FROM w.l::text) || ' ' ||
	(count(p.l) > 300)
FROM prefix p JOIN prefix w ON (w.k, w.n, w.cut) = (p.k, p.n, 60)
SQL
	is($result, '0 true', "causal $causal: a prefix of the rows gives a prefix of the output");
}

# ---- bounded state: no temporary file, no growth
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE long AS SELECT i AS id,
	(ARRAY['NEW', 'CANCEL', 'NEW', 'CANCEL', 'NEW', 'CANCEL', 'FILL'])[1 + i % 7] AS event_type,
	CASE WHEN i % 7 = 6 THEN 'SELL' ELSE 'BUY' END AS side, 100 AS price, 100 AS quantity,
	timestamptz '2026-01-01' + i * interval '100 ms' AS ts, 'o' || i / 7 * 3 + i % 7 / 2 AS order_id
FROM generate_series(0, $rows - 1) i;
CREATE INDEX ON long (ts, id);
VACUUM ANALYZE long;
CREATE FUNCTION temp_blocks(q text) RETURNS bigint LANGUAGE plpgsql AS \$\$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ' || q INTO plan;
	RETURN (plan->0->'Plan'->>'Temp Written Blocks')::bigint;
END \$\$;
SQL

sub temp_blocks
{
	my ($rule) = @_;
	return $node->safe_psql('postgres', <<"SQL");
SET work_mem = '64kB';
SET enable_seqscan = off;
SET enable_sort = off;
SELECT temp_blocks(\$q\$SELECT ad_layering(event_type, side, price, quantity, ts,
	order_id, ad_layering_options(rule => '$rule')) OVER (ORDER BY ts, id) FROM long\$q\$)
SQL
}
is(temp_blocks('anchored'), 0, 'rule anchored streams: the executor keeps no rows');
cmp_ok(temp_blocks('window'), '>', 1000, 'rule window reads the partition ahead');

# a partition longer than the limit, which rule window refuses
my ($code, $stdout, $stderr) = $node->psql('postgres', <<'SQL');
SELECT count(l) FROM (SELECT ad_layering(event_type, side, price, quantity, ts,
	order_id, ad_layering_options(max_partition_rows => 2000)) OVER (ORDER BY ts, id) AS l FROM long) x
SQL
like($stderr, qr/partition has $rows rows, limit is 2000/, 'a long partition is refused by name');
is($node->safe_psql('postgres', <<'SQL'), $rows / 7, 'rule anchored needs no more than its windows');
SELECT count(l) FROM (SELECT ad_layering(event_type, side, price, quantity, ts,
	order_id, ad_layering_options(rule => 'anchored', max_partition_rows => 2000)) OVER (ORDER BY ts, id) AS l FROM long) x
SQL

# orders that are never cancelled are remembered, unless told to forget
my $open = <<'SQL';
SELECT count(l) FROM (SELECT ad_layering('NEW', side, price, quantity, ts,
	'id ' || id, ad_layering_options(rule => 'anchored', max_partition_rows => 2000
	%s)) OVER (ORDER BY ts, id) AS l FROM long) x
SQL
($code, $stdout, $stderr) = $node->psql('postgres', sprintf($open, ''));
like($stderr, qr/more than 2000 open orders/, 'open orders beyond the limit are refused by name');
is($node->safe_psql('postgres', sprintf($open, ", forget_after => '1 min'")), '0',
	'forget_after bounds the open orders');

# ---- rings of many live events against a plain search
{
	my $ow = 3_000_000;
	my ($cw, $tw) = (5_000_000, 2_000);
	my (@e, %open);
	my $dir = tempdir(CLEANUP => 1);

	# a slow cancel now and then leaves old placements in the set
	my $t = 0;
	for my $i (0 .. $n - 1)
	{
		my $r = rand();
		$t += int(rand(400));
		if ($r < 0.45 || !%open)
		{
			push @e, [ $t, 'NEW', rand() < 0.5 ? 'B' : 'S', "o$i" ];
			$open{"o$i"} = [ $i, $e[-1][2] ];
		}
		elsif ($r < 0.97)
		{
			my $id = (keys %open)[0];
			push @e, [ $t, 'CANCEL', $open{$id}[1], $id ];
			delete $open{$id};
		}
		else
		{
			push @e, [ $t, 'FILL', rand() < 0.5 ? 'B' : 'S', '' ];
		}
	}
	open(my $out, '>', "$dir/big") or die;
	print $out join("\t", $_, @{ $e[$_] }), "\n" for 0 .. $#e;
	close $out;
	$node->safe_psql('postgres', "CREATE TABLE big (id int, us bigint, "
		  . "event_type text, side text, order_id text); COPY big FROM '$dir/big'");

	for my $min (1, 3, 40, 400, 2500)
	{
		my (%placed, %z, @expected);
		for my $y (0 .. $#e)
		{
			my ($ts, $kind, $side, $id) = @{ $e[$y] };
			if ($kind eq 'NEW')
			{
				$placed{$id} = $y;
			}
			elsif ($kind eq 'CANCEL')
			{
				my $p = $placed{$id};
				push @{ $z{$side} }, [ $p, $e[$p][0], $ts ] if $ts - $e[$p][0] <= $cw;
			}
			else
			{
				my $s = $side eq 'B' ? 'S' : 'B';
				my $z = $z{$s} || [];
				next if @$z < $min;
				my $newest = max map { $_->[1] } @$z;
				my @hit = grep { $_->[1] >= $newest - $ow } @$z;
				my $last = max map { $_->[2] } @hit;
				next if @hit < $min || $ts - $last > $tw;
				my $first = min map { $_->[0] } @hit;
				push @expected, join('|', $y + 1, $first + 1, scalar(@hit));
				$z{$s} = [ grep { $_->[1] < $newest - $ow } @$z ];
			}
		}
		my $got = $node->safe_psql('postgres', <<"SQL");
SELECT (l).trade_row, (l).first_row, (l).orders FROM (
	SELECT id, ad_layering(event_type, side, 1, 1, timestamptz 'epoch' + us * interval '1 us',
		order_id, ad_layering_options(rule => 'anchored', min_orders => $min,
		orders_window => interval '$ow us', cancel_window => interval '$cw us',
		opposite_trade_window => interval '$tw us')) OVER (ORDER BY us, id) AS l FROM big) x
WHERE l IS NOT NULL ORDER BY id
SQL
		is($got, join("\n", @expected),
			"min_orders $min: " . @expected . ' sequences in a ring of many thousand events');
	}
}

# ---- a giant partition made of copies
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE copies AS
SELECT c, n, k, event_type, side, price, quantity, t + c * interval '1 day' AS ts,
	concat_ws(' ', c, side, quantity) AS order_id
FROM flow, generate_series(0, $copies - 1) c WHERE k = (
	SELECT k FROM (SELECT k, ad_layering(event_type, side, price, quantity, t,
		ad_layering_options(rule => 'strict')) OVER (PARTITION BY k ORDER BY t, n) AS l
		FROM flow) x WHERE l IS NOT NULL GROUP BY k ORDER BY count(*) DESC, k LIMIT 1);
SQL
for my $rule ('window', 'strict', 'anchored')
{
	is($node->safe_psql('postgres', <<"SQL"), 't', "rule $rule: $copies copies in one partition");
WITH found AS (
	SELECT c, (l).* FROM (
		SELECT c, ad_layering(event_type, side, price, quantity, ts, order_id,
			ad_layering_options(rule => '$rule', trade_rule => 'either')) OVER (ORDER BY ts, n) AS l
		FROM copies) x WHERE l IS NOT NULL
), content AS (
	SELECT c, array_agg(concat_ws(' ', side, start_time - c * interval '1 day',
		end_time - c * interval '1 day', orders, cancelled_orders, counted_cancel_qty, opposite_qty,
		severity, (first_row - 1) % 60, (trade_row - 1) % 60) ORDER BY sequence_no) AS s
	FROM found GROUP BY c
)
SELECT count(*) = $copies AND count(DISTINCT s) = 1 FROM content
SQL
}

# ---- cancel
my $session = Session->new($node, verbosity => 'verbose');
for my $rule ('window', 'strict', 'anchored')
{
	$session->say(<<"SQL");
SELECT count(l) FROM (SELECT ad_layering('NEW', 'B', 1, 1, timestamptz 'epoch',
	ad_layering_options(rule => '$rule')) OVER () AS l FROM generate_series(1, 9000000)) x
SQL
	# when it has worked for a second, where the kernel tells
	my $start = $session->cpu;
	sleep 0.02 while !$session->ends && (defined $start ? $session->cpu - $start < 1 : 0);
	sleep 1 if !defined $start;
	my $took = $session->cancel;
	like($session->answer, qr/57014: canceling statement due to user request/, "rule $rule can be cancelled");
	# the rows that it has read are given back, too
	cmp_ok($took // 0, '<', 2, 'and soon');
}

# ---- binary input
{
	my $dir = tempdir(CLEANUP => 1);
	chmod 0777, $dir;
	$node->safe_psql('postgres', <<"SQL");
CREATE TABLE packed (e ad_order_event);
INSERT INTO packed SELECT ad_order_event(event_type, side, price, quantity, t, 'id ' || n) FROM flow;
COPY packed TO '$dir/good' (FORMAT binary);
CREATE TABLE again (LIKE packed);
COPY again FROM '$dir/good' (FORMAT binary);
SQL
	is($node->safe_psql('postgres', 'SELECT count(*), count(*) FILTER (WHERE '
			  . 'a.e::text = p.e::text) FROM (SELECT row_number() OVER () AS n, e FROM packed) p '
			  . 'JOIN (SELECT row_number() OVER () AS n, e FROM again) a USING (n)'),
		'3600|3600', 'binary output reads back');

	my $one = $node->safe_psql('postgres',
		"SELECT encode(ad_order_event_send('NEW,B,100.25,12.5,2026-01-01 00:00:00Z,abc'), 'hex')");
	my ($good, $refused, $other) = (0, 0, 0);
	$session->do('SET client_min_messages = error');
	for my $i (1 .. 400)
	{
		my $bytes = pack('H*', $one);
		substr($bytes, int(rand(length $bytes)), 1) = chr(int(rand(256))) for 1 .. 1 + int(rand(3));
		$bytes = substr($bytes, 0, int(rand(length($bytes) + 1))) if rand() < 0.2;
		open(my $out, '>:raw', "$dir/bad") or die;
		print $out "PGCOPY\n\xff\r\n\0", pack('NN', 0, 0), pack('nN', 1, length $bytes),
		  $bytes, pack('n', 0xffff);
		close $out;
		my $said = $session->ask("DELETE FROM again; COPY again FROM "
			  . "'$dir/bad' (FORMAT binary); SELECT e::text::ad_order_event::text = e::text FROM again");
		if ($said eq 't') { $good++; }
		elsif ($said =~ /ad_order_event|order_id|insufficient data|no data left|incorrect binary data|invalid byte sequence/) { $refused++; }
		else { $other++; diag $said; }
	}
	cmp_ok($refused, '>', 50, "damaged bytes are refused ($refused), or are another event ($good)");
	is($other, 0, 'nothing else happens');
}

$session->end;
$node->stop;
done_testing();
