# The market functions against the independent oracle in test/oracle, on
# random order flow: many equal times, single-side flows, mixed order ids,
# one big partition, 10,000 tiny ones.  Every rule, every trade rule, every
# metric; counts and times exactly, ratios within 1e-6.
#
# ANOMALY_TEST_SEED and MARKET_CASES change what is generated.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/../..');
require "$root/test/oracle/market_oracle.pl";

my $seed = $ENV{ANOMALY_TEST_SEED} || 20261122;
my $ncases = $ENV{MARKET_CASES} || 2400;
my $ntiny = 10000;
srand($seed);
note "seed $seed, $ncases cases";

my $node = PostgreSQL::Test::Cluster->new('market_oracle');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION anomaly');

sub pick { return $_[ int(rand(@_)) ]; }

# ---- configurations
my @configs;
for my $i (0 .. 39)
{
	my %c = (
		orders_window => pick(1, 250_000, 1_000_000, 10_000_000, 10_000_000),
		cancel_window => pick(1, 500_000, 2_000_000, 5_000_000, 5_000_000),
		opposite_trade_window => pick(1, 300_000, 2_000_000, 2_000_000),
		min_orders => pick(1, 2, 3, 3, 3, 5),
		min_cancels => pick(1, 2, 3, 3, 3, 5));
	@c{qw(orders_window cancel_window opposite_trade_window min_orders
		min_cancels)} = (10_000_000, 5_000_000, 2_000_000, 3, 3) if $i < 10;
	push @configs, \%c;
}
my @washes = map { {
	min_buy_trades => pick(1, 2, 3), min_sell_trades => pick(1, 2, 3),
	min_alternation_percentage => pick(0, 40, 60, 75),
	min_total_volume => pick(0, 500, 2000), window_size => pick(1, 2_000_000,
		20_000_000), price_change_threshold => pick(0, 0.5, 1),
	merge => $_ % 2 } } 0 .. 39;

# ---- order flow
# One partition: life cycles or loose events, on some grid of time.
sub flow
{
	my ($n) = @_;
	my $grid = pick(1, 1, 1000, 500_000, 1_000_000, 1_000_000);
	my $span = pick(0, 1_000_000, 8_000_000, 20_000_000, 60_000_000);
	my @sides = pick(['BUY', 'SELL'], ['BUY', 'SELL'], ['BUY', 'SELL'],
		['BUY', 'BUY', 'BUY', 'SELL'], ['BUY'], ['SELL']);
	my $ids = pick('none', 'all', 'all', 'mixed', 'reused');
	my $loose = rand() < 0.3;
	my $levels = pick(1, 3, 10);
	my $sizes = pick(1, 3, 30);
	my @e;
	my $oid = 0;

	while (@e < $n)
	{
		my $t = int(rand($span + 1));
		my $side = pick(@{ $sides[0] });
		my $price = (10000 + int(rand($levels))) / 100;
		my $qty = 100 * (1 + int(rand($sizes)));
		my $id = $ids eq 'none' || ($ids eq 'mixed' && rand() < 0.5) ? ''
		  : $ids eq 'reused' ? 'R' . int(rand(5)) : 'O' . $oid++;
		if (rand() < 0.1)
		{
			# an episode: orders, cancels and an opposite trade, or nearly so
			my @when = map { $t + int(rand(3_000_000)) } 1 .. pick(2, 3, 4, 6);
			my @ids = map { $id eq '' ? '' : 'O' . $oid++ } @when;
			my $late = $t + 3_000_000 + int(rand(2_000_000));
			push @e, map { { ts => $when[$_], kind => 'O', side => $side,
				price => $price, qty => $qty, id => $ids[$_] } } 0 .. $#when;
			push @e, map { { ts => $late + int(rand(400_000)), kind => 'C',
				side => $side, price => $price, qty => $qty,
				id => $ids[$_] } } 0 .. $#when - (rand() < 0.2 ? 1 : 0);
			push @e, { ts => $late + int(rand(1_500_000)) - 300_000,
				kind => 'T', side => $side eq 'BUY' ? 'SELL' : 'BUY',
				price => $price, qty => $qty, id => '' };
			next;
		}
		if ($loose)
		{
			push @e, { ts => $t, kind => pick('O', 'O', 'C', 'C', 'T'),
				side => $side, price => $price, qty => $qty, id => $id };
			next;
		}
		push @e, { ts => $t, kind => 'O', side => $side, price => $price,
			qty => $qty, id => $id };
		my $life = int(rand(pick(1, 1_000_000, 8_000_000)));
		my $fate = rand();
		push @e, { ts => $t + $life, kind => $fate < 0.7 ? 'C' : 'T',
			side => $fate < 0.7 || rand() < 0.3 ? $side : pick('BUY', 'SELL'),
			price => $price, qty => $qty, id => $fate < 0.7 ? $id : '' }
		  if $fate < 0.95;
	}
	$_->{ts} -= $_->{ts} % $grid for @e;
	my @order = map { [ $_, rand() ] } @e;
	return [ map { $_->[0] }
		  sort { $a->[0]{ts} <=> $b->[0]{ts} || $a->[1] <=> $b->[1] } @order ];
}

my @cases;
for my $i (1 .. $ncases)
{
	push @cases, { events => flow(pick(1, 5, 20, 40, 80, 120)),
		config => int(rand(@configs)) };
}
push @cases, { events => flow(2000), config => 0, big => 1 };
push @cases, { events => flow(1 + int(rand(4))), config => int(rand(@configs)),
	tiny => 1 } for 1 .. $ntiny;

# ---- load
my $dir = tempdir(CLEANUP => 1);
my %word = (O => [ 'ORDER_PLACED', 'new', ' NEW ' ],
	C => [ 'ORDER_CANCELLED', 'Cancel', 'ORDER_CANCELED' ],
	T => [ 'TRADE_EXECUTED', 'fill', "FILL\t" ]);
my %side = (BUY => [ 'BUY', 'b', 'Bid' ], SELL => [ 'SELL', ' S', 'ask' ]);
open(my $out, '>', "$dir/events") or die;
my $id = 0;
for my $k (0 .. $#cases)
{
	my $row = 0;
	for my $e (@{ $cases[$k]{events} })
	{
		my $kind = pick(@{ $word{ $e->{kind} } });
		$kind =~ s/\t/\\t/;
		print $out join("\t", $k, $row++, $cases[$k]{config}, $kind,
			pick(@{ $side{ $e->{side} } }), $e->{price}, $e->{qty}, $e->{ts},
			$e->{id} eq '' ? pick('\N', '') : $e->{id}), "\n";
	}
}
close $out;
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE raw (k int, row int, config int, event_type text, side text,
	price numeric, quantity bigint, us bigint, order_id text);
COPY raw FROM '$dir/events';
CREATE TABLE event AS SELECT *,
	timestamptz '2026-01-01Z' + us * interval '1 microsecond' AS ts FROM raw;
CREATE INDEX ON event (k, ts, row);
ANALYZE event;
CREATE TABLE config (config int, mode text, options jsonb);
CREATE FUNCTION us(t timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS
	\$\$ SELECT round(extract(epoch FROM t - timestamptz '2026-01-01Z')::numeric
		* 1000000)::bigint \$\$;
SQL

my @modes = (
	[ 'window', 'after' ], [ 'window', 'before' ], [ 'window', 'either' ],
	[ 'strict', 'after' ], [ 'anchored', 'after' ]);
my $insert = '';
for my $i (0 .. $#configs)
{
	my $c = $configs[$i];
	for my $m (@modes)
	{
		$insert .= sprintf("INSERT INTO config VALUES (%d, '%s %s', "
			  . "ad_layering_options(rule => '%s', trade_rule => '%s', "
			  . "orders_window => interval '%d microseconds', "
			  . "cancel_window => interval '%d microseconds', "
			  . "opposite_trade_window => interval '%d microseconds', "
			  . "min_orders => %d, min_cancels => %d));\n",
			$i, @$m, @$m, @{$c}{qw(orders_window cancel_window
				opposite_trade_window min_orders min_cancels)});
	}
	my $w = $washes[$i];
	$insert .= sprintf("INSERT INTO config VALUES (%d, 'wash', "
		  . "ad_wash_trade_options(%d, %d, %s, %s, interval "
		  . "'%d microseconds', %s, %s));\n", $i, @{$w}{qw(min_buy_trades
			min_sell_trades min_alternation_percentage min_total_volume
			window_size price_change_threshold)},
		$w->{merge} ? 'true' : 'false');
}
$node->safe_psql('postgres', $insert);

# ---- compare
my @exact = qw(placed_orders placed_qty cancelled_orders cancelled_qty
  matched_cancels price_levels opp_trades opp_trade_qty spoof_side_fill_qty);
my @near = qw(duration_s cancel_ratio cancel_qty_ratio price_span_bps
  median_time_to_cancel_s max_time_to_cancel_s opp_trade_vwap
  spoof_to_trade_qty_ratio spoof_side_fill_ratio own_order_imbalance
  order_to_trade_ratio cancel_to_trade_gap_s
  cancelled_after_trade_qty_ratio mean_distance_bps mean_placement_gap_s
  size_cv severity);
my $columns = join(', ', map { "(s).$_" } @exact, @near);

sub near
{
	my ($got, $expected) = @_;
	return $got eq 'NaN' unless defined $expected;
	return 0 if $got eq 'NaN';
	my $scale = abs($expected) > 1 ? abs($expected) : 1;
	return abs($got - $expected) <= 1e-6 * $scale;
}

# Everything the oracle says about a sequence but its ratios, as text.
sub expected_text
{
	my ($g, $s) = @_;
	my ($buy, $sell) = $s->{side} eq 'BUY'
	  ? ($s->{cancel_qty}, $s->{opp_qty}) : ($s->{opp_qty}, $s->{cancel_qty});
	return join('|', $s->{row}, $s->{side}, $s->{start}, $s->{end},
		scalar(@{ $s->{orders} }), scalar(@{ $s->{cancels} }),
		$s->{cancel_qty}, $s->{opp_qty}, $buy, $sell,
		join(',', map { $g->[$_]{ts} } @{ $s->{orders} }),
		$g->[ $s->{trade} ]{ts}, $s->{rule}, $s->{first} + 1,
		$s->{trade} + 1, map { $s->{metrics}{$_} } @exact);
}

my $base = <<'SQL';
(s).side, us((s).start_time), us((s).end_time), (s).orders,
(s).counted_cancels, (s).counted_cancel_qty, (s).opposite_qty,
(s).total_buy_qty, (s).total_sell_qty,
(SELECT string_agg(us(t)::text, ',' ORDER BY o) FROM unnest((s).order_times)
	WITH ORDINALITY u(t, o)),
us((s).trade_time), (s).rule, (s).first_row, (s).trade_row
SQL
my %forms = (
	plain => 'e.event_type, e.side, e.price, e.quantity, e.ts, e.order_id',
	packed => 'ad_order_event(e.event_type, e.side, e.price::float8, '
	  . 'e.quantity::numeric, e.ts, e.order_id)');

for my $m (@modes)
{
	my $mode = "@$m";
	my %expected;
	my $total = 0;
	for my $k (0 .. $#cases)
	{
		my $g = $cases[$k]{events};
		my %c = (%{ $configs[ $cases[$k]{config} ] },
			rule => $m->[0], trade_rule => $m->[1]);
		$expected{$k} = [ MarketOracle::layering($g, \%c) ];
		$total += @{ $expected{$k} };
	}
	cmp_ok($total, '>', $ncases / 4,
		"$mode: the oracle finds sequences ($total)");

	for my $form (sort keys %forms, 'sequences')
	{
		my $sql;
		if ($form eq 'sequences')
		{
			# one call for each configuration
			$sql = "SELECT (s.partition_key->>'k')::int AS k, "
			  . "CASE WHEN s.rule = 'anchored' THEN s.trade_id ELSE s.first_id END "
			  . "::int AS row, s FROM config c, LATERAL ad_layering_sequences("
			  . "format('SELECT * FROM event WHERE config = %s', c.config), "
			  . "c.options, partition_by => ARRAY['k'], order_by => 'row') s "
			  . "WHERE c.mode = '$mode'";
		}
		else
		{
			$sql = "SELECT k, row, s FROM (SELECT e.k, e.row, "
			  . "ad_layering($forms{$form}, c.options) OVER w AS s "
			  . "FROM event e JOIN config c ON c.config = e.config AND "
			  . "c.mode = '$mode' WINDOW w AS (PARTITION BY e.k ORDER BY e.ts, "
			  . "e.row)) x WHERE s IS NOT NULL";
		}
		my $got = $node->safe_psql('postgres',
			"SELECT k, row, $base, $columns FROM ($sql) y ORDER BY k, row");
		my (%got, $bad);
		for my $line (split /\n/, $got)
		{
			my ($k, $rest) = split /\|/, $line, 2;
			push @{ $got{$k} }, $rest;
		}
		$bad = 0;
		for my $k (0 .. $#cases)
		{
			my @e = sort { $a->{row} <=> $b->{row} } @{ $expected{$k} };
			my @g = @{ $got{$k} || [] };
			my $why = @e == @g ? '' : @e . ' expected, ' . @g . ' found';
			for my $i (0 .. $#e)
			{
				last if $why;
				my $text = expected_text($cases[$k]{events}, $e[$i]);
				my @f = split /\|/, $g[$i], -1;
				my @ratios = splice(@f, -@near);
				$why = "expected $text, found " . join('|', @f)
				  if join('|', @f) ne $text;
				for my $j (0 .. $#near)
				{
					$why ||= "$near[$j]: expected "
					  . ($e[$i]{metrics}{ $near[$j] } // 'NaN')
					  . ", found $ratios[$j]"
					  unless near($ratios[$j], $e[$i]{metrics}{ $near[$j] });
				}
			}
			next unless $why;
			diag "case $k: $why" if $bad++ < 3;
		}
		is($bad, 0, "$mode, $form: " . @cases . ' cases agree');
	}
}

# ---- members: their quantities add up to the sequence's
{
	my $bad = $node->safe_psql('postgres', <<'SQL');
WITH m AS (
	SELECT e.k, c.mode, e.quantity,
		ad_layering_member(e.event_type, e.side, e.price, e.quantity, e.ts,
			e.order_id, c.options) OVER w AS m
	FROM event e JOIN config c USING (config) WHERE c.mode <> 'wash'
	WINDOW w AS (PARTITION BY c.mode, e.k ORDER BY e.ts, e.row)
), members AS (
	SELECT k, mode, unnest((m).sequence_no || (m).other_sequences) AS n,
		(m).role, quantity FROM m WHERE m IS NOT NULL
), totals AS (
	SELECT k, mode, n, count(*) FILTER (WHERE role = 'order') AS orders,
		count(*) FILTER (WHERE role = 'cancel') AS cancels,
		coalesce(sum(quantity) FILTER (WHERE role = 'cancel'), 0) AS cancel_qty,
		coalesce(sum(quantity) FILTER (WHERE role = 'trade'), 0) AS trade_qty
	FROM members GROUP BY 1, 2, 3
), s AS (
	SELECT k, mode, (s).* FROM (
		SELECT e.k, c.mode, ad_layering(e.event_type, e.side, e.price,
			e.quantity, e.ts, e.order_id, c.options) OVER w AS s
		FROM event e JOIN config c USING (config) WHERE c.mode <> 'wash'
		WINDOW w AS (PARTITION BY c.mode, e.k ORDER BY e.ts, e.row)) x
	WHERE s IS NOT NULL
)
SELECT count(*) || ' ' || count(*) FILTER (WHERE NOT (
	s.orders = t.orders AND s.counted_cancels = t.cancels AND
	s.counted_cancel_qty = t.cancel_qty AND
	(s.opposite_qty = t.trade_qty)) IS NOT FALSE)
FROM s FULL JOIN totals t ON (s.k, s.mode, s.sequence_no) = (t.k, t.mode, t.n)
SQL
	like($bad, qr/^\d{3,} 0$/, "members add up to their sequences ($bad)");
}

# ---- wash trading
{
	my $got = $node->safe_psql('postgres', <<'SQL');
SELECT k, row, (s).trades, (s).buy_trades, (s).sell_trades,
	(s).total_buy_qty, (s).total_sell_qty, (s).side_switches, (s).windows,
	(s).first_row, (s).last_row, us((s).start_time), us((s).end_time),
	(s).alternation_percentage, coalesce((s).price_change_percentage, 'NaN')
FROM (SELECT e.k, e.row, ad_wash_trade(e.event_type, e.side, e.price,
		e.quantity, e.ts, c.options) OVER w AS s
	FROM event e JOIN config c ON c.config = e.config AND c.mode = 'wash'
	WINDOW w AS (PARTITION BY e.k ORDER BY e.ts, e.row)) x
WHERE (s).trades IS NOT NULL ORDER BY k, row
SQL
	my (%got, $total);
	for my $line (split /\n/, $got)
	{
		my ($k, $rest) = split /\|/, $line, 2;
		push @{ $got{$k} }, $rest;
	}
	my $bad = 0;
	for my $k (0 .. $#cases)
	{
		my $c = $washes[ $cases[$k]{config} ];
		my $g = $cases[$k]{events};
		my @e = MarketOracle::wash($g, $c);
		my @g = @{ $got{$k} || [] };
		my $good = @e == @g;
		$total += @e;
		for my $i (0 .. $#e)
		{
			last unless $good;
			my $w = $e[$i];
			my @f = split /\|/, $g[$i];
			my $change = pop @f;
			my $alternation = pop @f;
			$good = join('|', @f) eq join('|', $w->{first},
				$w->{buys} + $w->{sells}, @{$w}{qw(buys sells buy_qty sell_qty
					switches windows)}, $w->{first} + 1, $w->{last} + 1,
				$g->[ $w->{first} ]{ts}, $g->[ $w->{last} ]{ts});
			$good &&= near($alternation, $w->{alternation});
			$good &&= near($change,
				$w->{change} >= $c->{price_change_threshold}
				? $w->{change} : undef);
		}
		$bad++ unless $good;
	}
	cmp_ok($total, '>', $ncases / 4, "wash: the oracle finds windows ($total)");
	is($bad, 0, 'wash: ' . @cases . ' cases agree');
}

$node->stop;
done_testing();
