# An independent oracle for the market room: layering and wash trading by
# their definitions in docs/market.md, word for word, with full scans and no
# cleverness.  Written from the definitions, not from src/market.
#
#	require './test/oracle/market_oracle.pl';
#	MarketOracle::layering(\@events, \%config)   list of sequences
#	MarketOracle::wash(\@events, \%config)       list of windows
#
# An event is { ts => microseconds, kind => 'O'|'C'|'T', side => 'BUY'|'SELL',
# price => number, qty => whole number, id => text or '' }; events come in
# their total order.  Values that do not exist are undef.

package MarketOracle;

use strict;
use warnings;
use List::Util qw(max min sum0);

sub other { return $_[0] eq 'BUY' ? 'SELL' : 'BUY'; }

# Positions of the events that satisfy a condition.
sub where
{
	my ($g, $condition) = @_;
	return grep { $condition->($g->[$_], $_) } 0 .. $#$g;
}

# Placement position => position of the cancel that ends it, first in first
# out, by order id if there is one, else by side, price and quantity.
sub match
{
	my ($g) = @_;
	my (%open, %mate);
	for my $p (0 .. $#$g)
	{
		my $e = $g->[$p];
		my $key = $e->{id} ne '' ? "id $e->{id}"
		  : "key $e->{side} $e->{price} $e->{qty}";
		push @{ $open{$key} }, $p if $e->{kind} eq 'O';
		if ($e->{kind} eq 'C' && $open{$key} && @{ $open{$key} })
		{
			$mate{ shift @{ $open{$key} } } = $p;
		}
	}
	return \%mate;
}

sub qty { my ($g, @p) = @_; return sum0(map { $g->[$_]{qty} } @p); }

sub between
{
	my ($g, $kind, $side, $from, $to) = @_;
	return where($g, sub {
		my $e = shift;
		$e->{kind} eq $kind && $e->{side} eq $side && $e->{ts} >= $from
		  && $e->{ts} <= $to;
	});
}

sub window
{
	my ($g, $c) = @_;
	my @out;
	my $cursor = 0;
	for my $k (0 .. $#$g)
	{
		next if $k < $cursor || $g->[$k]{kind} ne 'O';
		my ($s, $t0) = @{ $g->[$k] }{qw(side ts)};
		my $o = other($s);
		my @O = grep { $_ >= $k }
		  between($g, 'O', $s, $t0, $t0 + $c->{orders_window});
		next if @O < $c->{min_orders};
		my $t_last = max(map { $g->[$_]{ts} } @O);
		my @X = between($g, 'C', $s, $t0, $t_last + $c->{cancel_window});
		next if @X < $c->{min_cancels};
		my $c_last = max(map { $g->[$_]{ts} } @X);
		my ($y, $rule, $end);

		if ($c->{trade_rule} ne 'before')
		{
			($y) = between($g, 'T', $o, $c_last,
				$c_last + $c->{opposite_trade_window});
			($rule, $end) = ('after', $g->[$y]{ts}) if defined $y;
		}
		if (!defined $y && $c->{trade_rule} ne 'after')
		{
			my $t_q = $g->[ $O[ $c->{min_orders} - 1 ] ]{ts};
			($y) = grep {
				my $t = $g->[$_]{ts};
				(grep { $g->[$_]{ts} >= $t } @X) >= $c->{min_cancels};
			} between($g, 'T', $o, $t_q, $t_last + $c->{cancel_window});
			($rule, $end) = ('before', $c_last) if defined $y;
		}
		next unless defined $y;
		my @cancels = between($g, 'C', $s, $t0, $end);
		push @out, {
			side => $s, start => $t0, end => $end, orders => \@O,
			cancels => \@cancels, cancel_qty => qty($g, @cancels),
			opp_qty => qty($g, between($g, 'T', $o, $t0, $end)),
			first => $k, trade => $y, rule => $rule, row => $k };
		$cursor = max(@O) + 1;
	}
	return @out;
}

# Placements cancelled within cancel_window of their own placement.
sub kept
{
	my ($g, $c) = @_;
	my $mate = match($g);
	return { map { $_ => $mate->{$_} }
		  grep { $g->[ $mate->{$_} ]{ts} - $g->[$_]{ts} <= $c->{cancel_window} }
		  keys %$mate };
}

sub strict_rule
{
	my ($g, $c) = @_;
	my $kept = kept($g, $c);
	my @out;
	for my $s ('BUY', 'SELL')
	{
		my $o = other($s);
		my @q = grep { $g->[$_]{side} eq $s } sort { $a <=> $b } keys %$kept;
		my $cursor = 0;
		for my $p0 (@q)
		{
			next if $p0 < $cursor;
			my $t0 = $g->[$p0]{ts};
			my @O = grep { $_ >= $p0
				  && $g->[$_]{ts} <= $t0 + $c->{orders_window} } @q;
			next if @O < $c->{min_orders};
			my @X = map { $kept->{$_} } @O;
			my $c_last = max(map { $g->[$_]{ts} } @X);
			my ($y) = between($g, 'T', $o, $c_last,
				$c_last + $c->{opposite_trade_window});
			next unless defined $y;
			my $end = $g->[$y]{ts};
			push @out, {
				side => $s, start => $t0, end => $end, orders => \@O,
				cancels => \@X, cancel_qty => qty($g, @X),
				opp_qty => qty($g, between($g, 'T', $o, $t0, $end)),
				first => $p0, trade => $y, rule => 'strict', row => $p0 };
			$cursor = max(@O) + 1;
		}
	}
	return sort { $a->{first} <=> $b->{first} } @out;
}

sub anchored
{
	my ($g, $c) = @_;
	my $kept = kept($g, $c);
	my (%used, @out);
	for my $y (where($g, sub { $_[0]{kind} eq 'T' }))
	{
		my $s = other($g->[$y]{side});
		my @Z = grep { $g->[$_]{side} eq $s && $kept->{$_} < $y && !$used{$_} }
		  sort { $a <=> $b } keys %$kept;
		next unless @Z;
		my $newest = max(map { $g->[$_]{ts} } @Z);
		@Z = grep { $g->[$_]{ts} >= $newest - $c->{orders_window} } @Z;
		next if @Z < $c->{min_orders};
		my @X = map { $kept->{$_} } @Z;
		next if $g->[$y]{ts} - max(map { $g->[$_]{ts} } @X)
		  > $c->{opposite_trade_window};
		my $t0 = min(map { $g->[$_]{ts} } @Z);
		push @out, {
			side => $s, start => $t0, end => $g->[$y]{ts}, orders => \@Z,
			cancels => \@X, cancel_qty => qty($g, @X),
			opp_qty => qty($g, grep { $_ <= $y }
				  between($g, 'T', $g->[$y]{side}, $t0, $g->[$y]{ts})),
			first => $Z[0], trade => $y, rule => 'anchored', row => $y };
		$used{$_} = 1 for @Z;
	}
	return @out;
}

sub ratio { my ($a, $b) = @_; return $b ? $a / $b : undef; }

sub metrics
{
	my ($g, $s, $c) = @_;
	my ($own, $opp) = ($s->{side}, other($s->{side}));
	my ($from, $to) = ($s->{start}, $s->{end});
	my @p = between($g, 'O', $own, $from, $to);
	my @po = between($g, 'O', $opp, $from, $to);
	my @x = between($g, 'C', $own, $from, $to);
	my @to = between($g, 'T', $opp, $from, $to);
	my @ts = between($g, 'T', $own, $from, $to);
	my $mate = match($g);
	my @ttc = sort { $a <=> $b } map { $g->[ $mate->{$_} ]{ts} - $g->[$_]{ts} }
	  grep { defined $mate->{$_} && $g->[ $mate->{$_} ]{ts} <= $to } @p;
	my ($pq, $xq, $oq) = (qty($g, @p), qty($g, @x), qty($g, @to));
	my ($sq, $poq) = (qty($g, @ts), qty($g, @po));
	my @prices = map { $g->[$_]{price} } @p;
	my $value = sub { return sum0(map { $g->[$_]{price} * $g->[$_]{qty} } @_); };
	my %m = (
		duration_s => ($to - $from) / 1e6,
		placed_orders => scalar(@p),
		placed_qty => $pq,
		cancelled_orders => scalar(@x),
		cancelled_qty => $xq,
		matched_cancels => scalar(@ttc),
		cancel_ratio => ratio(scalar(@ttc), scalar(@p)),
		cancel_qty_ratio => ratio($xq, $pq),
		price_levels => scalar(keys %{ { map { $_ => 1 } @prices } }),
		opp_trades => scalar(@to),
		opp_trade_qty => $oq,
		opp_trade_vwap => ratio($value->(@to), $oq),
		spoof_to_trade_qty_ratio => ratio($pq, $oq),
		spoof_side_fill_qty => $sq,
		spoof_side_fill_ratio => ratio($sq, $pq),
		own_order_imbalance => ratio($pq - $poq, $pq + $poq),
		order_to_trade_ratio => ratio(@p + @x, @to + @ts));
	$m{price_span_bps} = @prices
	  ? (max(@prices) - min(@prices)) / min(@prices) * 10000 : undef;
	my $h = int(@ttc / 2);
	$m{median_time_to_cancel_s} = !@ttc ? undef
	  : @ttc % 2 ? $ttc[$h] / 1e6 : ($ttc[ $h - 1 ] + $ttc[$h]) / 2e6;
	$m{max_time_to_cancel_s} = @ttc ? $ttc[-1] / 1e6 : undef;
	$m{cancel_to_trade_gap_s} = @x && $s->{rule} ne 'before'
	  ? ($to - max(map { $g->[$_]{ts} } @x)) / 1e6 : undef;
	my $first_trade = min(map { $g->[$_]{ts} } @to);
	$m{cancelled_after_trade_qty_ratio} = ratio(
		qty($g, grep { defined $first_trade && $g->[$_]{ts} >= $first_trade } @x),
		$xq);
	my $vwap_placed = ratio($value->(@p), $pq);
	$m{mean_distance_bps} =
	  defined $m{opp_trade_vwap} && defined $vwap_placed
	  ? ($own eq 'BUY' ? 1 : -1) * ($m{opp_trade_vwap} - $vwap_placed)
	  / $m{opp_trade_vwap} * 10000 : undef;
	my @gaps = map { $g->[ $p[$_] ]{ts} - $g->[ $p[ $_ - 1 ] ]{ts} } 1 .. $#p;
	$m{mean_placement_gap_s} = @gaps ? sum0(@gaps) / @gaps / 1e6 : undef;
	if (@p)
	{
		my $mean = $pq / @p;
		$m{size_cv} = sqrt(sum0(map { ($g->[$_]{qty} - $mean)**2 } @p) / @p)
		  / $mean;
	}
	else
	{
		$m{size_cv} = undef;
	}
	my @parts = (
		$m{cancel_ratio},
		@p ? ($m{price_levels} - 1) / 4 : undef,
		defined $m{spoof_to_trade_qty_ratio}
		? $m{spoof_to_trade_qty_ratio} / 10 : undef,
		defined $m{median_time_to_cancel_s}
		? 1 - $m{median_time_to_cancel_s} / ($c->{cancel_window} / 1e6) : undef,
		defined $m{own_order_imbalance} ? abs($m{own_order_imbalance}) : undef,
		defined $m{spoof_side_fill_ratio}
		? 1 - $m{spoof_side_fill_ratio} : undef);
	@parts = map { max(0, min(1, $_)) } grep { defined } @parts;
	$m{severity} = @parts ? 100 * sum0(@parts) / @parts : undef;
	return \%m;
}

# The sequences of a partition by rule window, strict or anchored.
sub layering
{
	my ($g, $c) = @_;
	my @s = $c->{rule} eq 'window' ? window($g, $c)
	  : $c->{rule} eq 'strict' ? strict_rule($g, $c)
	  : anchored($g, $c);
	$_->{metrics} = metrics($g, $_, $c) for @s;
	return @s;
}

# Totals of the trades at positions in order.
sub wash_totals
{
	my ($g, @w) = @_;
	my @b = grep { $g->[$_]{side} eq 'BUY' } @w;
	my @s = grep { $g->[$_]{side} eq 'SELL' } @w;
	my $switches = grep { $g->[ $w[$_] ]{side} ne $g->[ $w[ $_ - 1 ] ]{side} }
	  1 .. $#w;
	return {
		buys => scalar(@b), sells => scalar(@s), buy_qty => qty($g, @b),
		sell_qty => qty($g, @s), switches => $switches,
		alternation => @w > 1 ? $switches / (@w - 1) * 100 : undef,
		change => abs($g->[ $w[-1] ]{price} - $g->[ $w[0] ]{price})
		  / $g->[ $w[0] ]{price} * 100,
		first => $w[0], last => $w[-1] };
}

# The windows of wash trading of a partition.
sub wash
{
	my ($g, $c) = @_;
	my @t = where($g, sub { $_[0]{kind} eq 'T' });
	my @out;
	for my $i (0 .. $#t)
	{
		my @w = grep { $g->[$_]{ts} <= $g->[ $t[$i] ]{ts} + $c->{window_size} }
		  @t[ $i .. $#t ];
		my $w = wash_totals($g, @w);
		next if @w < 2 || $w->{buys} < $c->{min_buy_trades}
		  || $w->{sells} < $c->{min_sell_trades}
		  || $w->{buy_qty} + $w->{sell_qty} < $c->{min_total_volume}
		  || $w->{alternation} < $c->{min_alternation_percentage};
		$w->{windows} = 1;
		$w->{members} = \@w;
		push @out, $w;
	}
	return @out unless $c->{merge};

	# windows that share a trade become one, measured as a whole
	my @runs;
	for my $w (@out)
	{
		if (@runs && $w->{first} <= $runs[-1]{last})
		{
			$runs[-1]{last} = max($runs[-1]{last}, $w->{last});
			$runs[-1]{windows}++;
		}
		else
		{
			push @runs, { first => $w->{first}, last => $w->{last},
				windows => 1 };
		}
	}
	return map {
		my $run = $_;
		my $w = wash_totals($g, grep { $_ >= $run->{first}
				  && $_ <= $run->{last} } @t);
		$w->{windows} = $run->{windows};
		$w;
	} @runs;
}

1;
