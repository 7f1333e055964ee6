# The market functions against the independent oracle in test/oracle, on
# random order flow: whole life cycles of orders with partial fills and cancels,
# amendments, expiries, ids that come again, duplicates, rows without price or
# quantity, odd prices; many equal times, single-side flows, mixed order ids,
# one big partition, thousands of tiny ones.  Every rule, every trade rule,
# every metric, every member; counts and times exactly, ratios within 1e-6.
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
my $ncases = $ENV{MARKET_CASES} || ($ENV{ANOMALY_LONG} ? 10000 : 500);
my $ntiny = $ncases * 2;
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
		min_cancels => pick(1, 2, 3, 3, 3, 5),
		replace_counts => $i < 5 || rand() < 0.6,
		dedup => $i >= 5 && rand() < 0.4,
		forget_after => $i < 5 ? 0 : pick(0, 0, 0, 500_000, 5_000_000),
		min_imbalance => $i < 5 ? 0 : pick(0, 0, 0, 0.25, 0.6),
		min_price_levels => $i < 5 ? 0 : pick(0, 0, 0, 2));
	@c{qw(orders_window cancel_window opposite_trade_window min_orders
		min_cancels)} = (10_000_000, 5_000_000, 2_000_000, 3, 3) if $i < 10;
	push @configs, \%c;
}
my @washes = map { {
	min_buy_trades => pick(1, 2, 3), min_sell_trades => pick(1, 2, 3),
	min_alternation_percentage => pick(0, 40, 60, 75),
	min_total_volume => pick(0, 500, 2000), window_size => pick(1, 2_000_000,
		20_000_000), price_change_threshold => pick(0, 0.5, 1),
	merge => $_ % 2, dedup => rand() < 0.5 } } 0 .. 39;

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

# One partition: most rows go on with the life of some order, others are loose.
sub life_flow
{
	my ($n) = @_;
	my $grid = pick(1, 1, 1000, 500_000, 1_000_000);
	my $span = pick(0, 1_000_000, 8_000_000, 20_000_000, 60_000_000);
	my $ids = pick('none', 'all', 'all', 'mixed', 'reused');
	my ($levels, $sizes) = (pick(1, 3, 10), pick(1, 3, 12));
	my $base = pick(10000, 10000, 2, -5000);
	my ($loose, $none) = (pick(0.05, 0.5), pick(0, 0, 0.2));
	my @times = sort { $a <=> $b } map { my $t = int(rand($span + 1)); $t - $t % $grid } 1 .. $n;
	my (@live, @e);
	my $price = sub { rand() < $none ? undef : ($base + int(rand($levels))) / 100 };
	my $new_id = sub {
		return '' if $ids eq 'none' || ($ids eq 'mixed' && rand() < 0.5);
		return $ids eq 'reused' ? 'R' . int(rand(5)) : 'O' . $_[0];
	};

	for my $k (0 .. $n - 1)
	{
		my %e = (ts => $times[$k], side => pick('BUY', 'SELL'), new_id => '', event_id => '');
		my $u = rand();
		if ($u < $loose)
		{
			$e{kind} = pick(qw(O C T R X));
			$e{price} = $price->();
			$e{qty} = $e{kind} =~ /[CX]/ && rand() < 0.3 ? undef : 1 + int(rand(8));
			$e{id} = $new_id->(int(rand($n)));
			$e{new_id} = $new_id->($k) if $e{kind} eq 'R' && rand() < 0.3;
		}
		elsif ($u < 0.45 + $loose / 2 || !@live)
		{
			@e{qw(kind price qty id)} = ('O', $price->(), 2 * (1 + int(rand($sizes))), $new_id->($k));
			push @live, {%e};
		}
		elsif (rand() < 0.25)
		{
			@e{qw(kind price qty id)} = ('T', $price->(), 2 * (1 + int(rand($sizes))), '');
			$e{side} = $e[-1]{side} eq 'BUY' ? 'SELL' : 'BUY' if @e && $e[-1]{kind} eq 'C';
		}
		else
		{
			my $i = @live > 6 ? $#live - int(rand(6)) : int(rand(@live));
			my $o = $live[$i];
			my $rest = 1 + int(rand($o->{qty}));
			my $act = rand();
			%e = (%$o, ts => $times[$k]);
			if ($act < 0.25)
			{
				$e{kind} = 'T';
				$e{qty} = pick($o->{qty}, $rest, $rest, $o->{qty} + 1);
				$e{price} += int(rand(3)) / 100 * ($o->{side} eq 'BUY' ? -1 : 1)
				  if defined $e{price} && rand() < 0.3;
				$e{price} = sprintf('%.2f', $e{price}) + 0 if defined $e{price};
				$e{id} = pick("T$k", '') if rand() < 0.1;
				$live[$i] = { %$o, qty => $o->{qty} - $e{qty} } if $e{qty} < $o->{qty};
			}
			elsif ($act < 0.75)
			{
				$e{kind} = 'C';
				$e{qty} = pick(($o->{qty}) x 3, $rest, undef, $o->{qty} + 1);
				$live[$i] = { %$o, qty => $o->{qty} - $e{qty} }
				  if defined $e{qty} && $e{qty} < $o->{qty};
			}
			elsif ($act < 0.9)
			{
				$e{kind} = 'R';
				$e{price} = $price->();
				$e{qty} = 2 * (1 + int(rand($sizes)));
				$e{new_id} = $ids eq 'reused' ? 'R' . int(rand(5)) : "N$k"
				  if $o->{id} ne '' && rand() < 0.3;
				$live[$i] = { %e, kind => 'O', new_id => '',
					id => $e{new_id} ne '' ? $e{new_id} : $o->{id} };
			}
			else
			{
				@e{qw(kind qty)} = ('X', pick($o->{qty}, undef));
			}
		}
		$e{event_id} = 'E' . int(rand(3)) if rand() < 0.05;
		push @e, {%e};
		push @e, {%e} if rand() < 0.05;
	}
	return \@e;
}

my @cases;
for my $i (1 .. $ncases)
{
	my $n = pick(1, 5, 20, 40, 80, 120);
	push @cases, { events => $i % 4 ? life_flow($n) : flow($n), config => int(rand(@configs)) };
}
push @cases, { events => flow(2000), config => 0, big => 1 };
push @cases, { events => life_flow(2000), config => 0, big => 1 };
push @cases, { events => rand() < 0.5 ? flow(1 + int(rand(4))) : life_flow(1 + int(rand(4))),
	config => int(rand(@configs)), tiny => 1 } for 1 .. $ntiny;
for my $case (@cases)
{
	for my $e (@{ $case->{events} })
	{
		$e->{$_} //= '' for qw(new_id event_id);
		$case->{ids} = 1 if $e->{new_id} ne '' || $e->{event_id} ne '';
	}
}

# ---- load
my $dir = tempdir(CLEANUP => 1);
my %word = (O => [ 'ORDER_PLACED', 'new', ' NEW ' ],
	C => [ 'ORDER_CANCELLED', 'Cancel', 'ORDER_CANCELED' ],
	T => [ 'TRADE_EXECUTED', 'fill', "FILL\t" ],
	R => [ 'ORDER_REPLACED', 'replace' ], X => [ 'order_expired', 'Expire' ]);
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
			pick(@{ $side{ $e->{side} } }), $e->{price} // '\N', $e->{qty} // '\N', $e->{ts},
			(map { $_ eq '' ? pick('\N', '') : $_ } @{$e}{qw(id new_id event_id)}),
			$cases[$k]{ids} ? 't' : 'f'), "\n";
	}
}
close $out;
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE raw (k int, row int, config int, event_type text, side text,
	price numeric, quantity bigint, us bigint, order_id text, new_order_id text,
	event_id text, ids boolean);
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
			  . "min_orders => %d, min_cancels => %d, replace_counts => %s, "
			  . "dedup => %s, forget_after => %s, min_imbalance => %s, "
			  . "min_price_levels => %d));\n",
			$i, @$m, @$m, @{$c}{qw(orders_window cancel_window
				opposite_trade_window min_orders min_cancels)},
			(map { $c->{$_} ? 'true' : 'false' } qw(replace_counts dedup)),
			$c->{forget_after} ? "interval '$c->{forget_after} microseconds'" : 'NULL',
			@{$c}{qw(min_imbalance min_price_levels)});
	}
	my $w = $washes[$i];
	$insert .= sprintf("INSERT INTO config VALUES (%d, 'wash', "
		  . "ad_wash_trade_options(%d, %d, %s, %s, interval "
		  . "'%d microseconds', %s, %s, dedup => %s));\n", $i, @{$w}{qw(min_buy_trades
			min_sell_trades min_alternation_percentage min_total_volume
			window_size price_change_threshold)},
		map { $w->{$_} ? 'true' : 'false' } qw(merge dedup));
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
	my ($s) = @_;
	my $g = $s->{events};
	my ($buy, $sell) = $s->{side} eq 'BUY'
	  ? ($s->{cancel_qty}, $s->{opp_qty}) : ($s->{opp_qty}, $s->{cancel_qty});
	return join('|', $s->{row}, $s->{side}, $s->{start}, $s->{end},
		scalar(@{ $s->{orders} }), scalar(@{ $s->{cancels} }),
		$s->{cancel_qty}, $s->{opp_qty}, $buy, $sell,
		join(',', map { $g->[$_]{ts} } @{ $s->{orders} }),
		$g->[ $s->{trade} ]{ts}, $s->{rule}, $s->{first_row} + 1,
		$s->{trade_row} + 1, map { $s->{metrics}{$_} } @exact);
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
	  . 'e.quantity::numeric, e.ts, e.order_id, new_order_id => e.new_order_id, '
	  . 'event_id => e.event_id)');

my %all_members;
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
		my $members = MarketOracle::members(@{ $expected{$k} });
		$all_members{"$mode|$k|$_"} = $members->{$_} for keys %$members;
	}
	cmp_ok($total, '>', $ncases / 10,
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
			  . "c.options, partition_by => ARRAY['k'], order_by => 'row', "
			  . "columns => '{\"new_order_id\": \"new_order_id\", \"event_id\": \"event_id\"}') s "
			  . "WHERE c.mode = '$mode'";
		}
		else
		{
			$sql = "SELECT k, row, s FROM (SELECT e.k, e.row, "
			  . "ad_layering($forms{$form}, c.options) OVER w AS s "
			  . "FROM event e JOIN config c ON c.config = e.config AND "
			  . "c.mode = '$mode' " . ($form eq 'plain' ? 'WHERE NOT e.ids ' : '')
			  . "WINDOW w AS (PARTITION BY e.k ORDER BY e.ts, "
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
			# plain columns have no ids but the order's
			next if $cases[$k]{ids} && $form eq 'plain';
			my @e = sort { $a->{row} <=> $b->{row} } @{ $expected{$k} };
			my @g = @{ $got{$k} || [] };
			my $why = @e == @g ? '' : @e . ' expected, ' . @g . ' found';
			for my $i (0 .. $#e)
			{
				last if $why;
				my $text = expected_text($e[$i]);
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

# ---- members
{
	my %got = map { /^([^|]*\|[^|]*\|[^|]*)\|(.*)/ ? ($1 => $2) : () }
	  split /\n/, $node->safe_psql('postgres', <<"SQL");
SELECT mode, k, row, (m).sequence_no, (m).role, (m).other_sequences FROM (
	SELECT e.k, e.row, c.mode, ad_layering_member($forms{packed}, c.options) OVER w AS m
	FROM event e JOIN config c USING (config) WHERE c.mode <> 'wash'
	WINDOW w AS (PARTITION BY c.mode, e.k ORDER BY e.ts, e.row)) x
WHERE m IS NOT NULL
SQL
	my @bad = grep { ($got{$_} // '') ne ($all_members{$_} // '') }
	  sort keys %{ { %got, %all_members } };
	diag "$_: expected " . ($all_members{$_} // 'none') . ', found ' . ($got{$_} // 'none')
	  for @bad[ 0 .. ($#bad < 2 ? $#bad : 2) ];
	cmp_ok(scalar(keys %got), '>', $ncases, 'rows belong to sequences (' . keys(%got) . ')');
	is(scalar(@bad), 0, 'and to those that they should');
}

# ---- wash trading
{
	my $got = $node->safe_psql('postgres', <<'SQL');
SELECT k, row, (s).trades, (s).buy_trades, (s).sell_trades,
	(s).total_buy_qty, (s).total_sell_qty, (s).side_switches, (s).windows,
	(s).first_row, (s).last_row, us((s).start_time), us((s).end_time),
	(s).alternation_percentage, coalesce((s).price_change_percentage, 'NaN')
FROM (SELECT e.k, e.row, ad_wash_trade(ad_order_event(e.event_type, e.side, e.price,
		e.quantity, e.ts, e.order_id, new_order_id => e.new_order_id,
		event_id => e.event_id), c.options) OVER w AS s
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
				defined $w->{change} && $w->{change} >= $c->{price_change_threshold}
				? $w->{change} : undef);
		}
		$bad++ unless $good;
	}
	cmp_ok($total, '>', $ncases / 10, "wash: the oracle finds windows ($total)");
	is($bad, 0, 'wash: ' . @cases . ' cases agree');
}

$node->stop;
done_testing();
