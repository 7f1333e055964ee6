# An independent oracle for the market room: layering and wash trading by
# their definitions in docs/market.md, word for word, with full scans and no
# cleverness.  Written from the definitions, not from src/market.
#
#	require './test/oracle/market_oracle.pl';
#	MarketOracle::layering(\@events, \%config)   list of sequences
#	MarketOracle::wash(\@events, \%config)       list of windows
#
# An event is { ts => microseconds, kind => 'O'|'C'|'T'|'R'|'X' (order, cancel,
# trade, amendment, expiry), side => 'BUY'|'SELL', price => number or undef,
# qty => whole number or undef, id, new_id, event_id => text or '' }; events
# come in their total order. Values that do not exist are undef. Positions in
# the result are those of {events}, whose {row} is the position of the row.

package MarketOracle;

use strict;
use warnings;
use List::Util qw(first max min sum0);

sub other { return $_[0] eq 'BUY' ? 'SELL' : 'BUY'; }

# Positions of the events that satisfy a condition.
sub where
{
	my ($g, $condition) = @_;
	return grep { $condition->($g->[$_], $_) } 0 .. $#$g;
}

sub same_price
{
	my ($a, $b) = @_;
	return defined $a && defined $b ? $a == $b : !defined $a && !defined $b;
}

# All that a row says, but its time.
sub content
{
	my ($e) = @_;
	return join("\0", map { $_ // 'none' }
		  @{$e}{qw(kind side price qty id new_id event_id)});
}

# The events of rows: without duplicates, each amendment that counts in two.
sub events
{
	my ($rows, $c) = @_;
	my (@out, %there);
	for my $i (0 .. $#$rows)
	{
		my $e = { %{ $rows->[$i] }, row => $i };
		next if $c->{dedup} && $there{ $e->{ts} . "\0" . content($e) }++;
		if ($e->{kind} eq 'R' && $c->{replace_counts})
		{
			push @out, { %$e, kind => 'C', price => undef,
				qty => $e->{id} eq '' ? 0 : undef, new_id => '' };
			push @out, { %$e, kind => 'O', new_id => '',
				id => $e->{new_id} ne '' ? $e->{new_id} : $e->{id} };
			next;
		}
		push @out, $e;
	}
	return \@out;
}

# The life cycle of orders, by full scans: { events, hit, cut }. hit: position
# of a placement => that of the cancel by which it counts as cancelled; cut:
# the quantity that was cancelled of it by then.
sub life
{
	my ($rows, $c) = @_;
	my $g = events($rows, $c);
	my (@orders, %hit, %cut);
	my $with_id = sub {
		my ($side, $id) = @_;
		return first { $_->{open} && $_->{id} ne '' && $_->{id} eq $id
			  && $_->{side} eq $side } @orders;
	};
	# orders without id, the one that comes first by a number
	my $without = sub {
		my ($by, $condition) = @_;
		my @o = sort { $a->{$by} <=> $b->{$by} }
		  grep { $_->{open} && $_->{id} eq '' && $condition->($_) } @orders;
		return $o[0];
	};

	for my $pos (0 .. $#$g)
	{
		my $e = $g->[$pos];
		my ($s, $price, $qty) = @{$e}{qw(side price qty)};

		# age
		for my $o (@orders)
		{
			$o->{open} = 0
			  if $c->{forget_after} && $e->{ts} - $o->{ts} > $c->{forget_after};
		}
		if ($e->{kind} eq 'O')
		{
			my $old = $with_id->($s, $e->{id});
			$old->{open} = 0 if $old;
			push @orders, { pos => $pos, ts => $e->{ts}, side => $s,
				id => $e->{id}, price => $price, placed => $qty,
				open => $qty, cut => 0, since => $pos, filled => undef };
		}
		elsif ($e->{kind} eq 'R')
		{
			my $o = $with_id->($s, $e->{id});
			next unless $o;
			my $id = $e->{new_id} ne '' ? $e->{new_id} : $e->{id};
			my $old = $with_id->($s, $id);
			$old->{open} = 0 if $old && $old != $o;
			@{$o}{qw(id price placed open cut)} = ($id, $price, $qty, $qty, 0);
		}
		elsif ($e->{kind} eq 'T')
		{
			my $o = $with_id->($s, $e->{id});
			if ($o)
			{
				$o->{open} -= min($qty, $o->{open});
				next;
			}
			while ($qty > 0)
			{
				$o = $without->('pos', sub { $_[0]{side} eq $s
					  && same_price($_[0]{price}, $price) });
				if (!$o)
				{
					# the best price: none, else high for BUY, low for SELL
					my @o = sort {
						defined $a->{price} <=> defined $b->{price}
						  || (defined $a->{price} ? ($s eq 'BUY'
							? $b->{price} <=> $a->{price}
							: $a->{price} <=> $b->{price}) : 0)
						  || $a->{pos} <=> $b->{pos} }
					  grep { $_->{open} && $_->{id} eq '' && $_->{side} eq $s }
					  @orders;
					$o = $o[0];
					last unless $o;
					last if defined $o->{price} && defined $price
					  && ($s eq 'BUY' ? $o->{price} < $price
						: $o->{price} > $price);
				}
				my $q = min($qty, $o->{open});
				$o->{open} -= $q;
				$o->{since} = $pos;
				$o->{filled} //= $pos;
				$qty -= $q;
			}
		}
		else
		{
			my $mine = sub { $_[0]{side} eq $s
				  && same_price($_[0]{price}, $price) };
			my $o;
			if ($e->{id} ne '')
			{
				$o = $with_id->($s, $e->{id});
			}
			elsif (!defined $qty)
			{
				$o = $without->('pos', $mine);
			}
			else
			{
				$o = $without->('since',
					sub { $mine->(@_) && $_[0]{open} == $qty });
				$o //= $without->('filled',
					sub { $mine->(@_) && $_[0]{placed} == $qty });
			}
			my $q = $o ? min($qty // $o->{open}, $o->{open}) : 0;
			$e->{qty} //= $q if $e->{kind} eq 'C';
			next unless $o;
			$o->{open} -= $q;
			next if $e->{kind} eq 'X';
			$o->{cut} += $q;
			next if defined $hit{ $o->{pos} };
			if ($o->{open} == 0 || 2 * $o->{cut} >= $o->{placed})
			{
				$hit{ $o->{pos} } = $pos;
				$cut{ $o->{pos} } = $o->{cut};
			}
		}
	}
	return { events => $g, hit => \%hit, cut => \%cut };
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
	my ($life, $c) = @_;
	my $g = $life->{events};
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

# Placements that count as cancelled within cancel_window of their placement.
sub kept
{
	my ($life, $c) = @_;
	my ($g, $mate) = @{$life}{qw(events hit)};
	return { map { $_ => $mate->{$_} }
		  grep { $g->[ $mate->{$_} ]{ts} - $g->[$_]{ts} <= $c->{cancel_window} }
		  keys %$mate };
}

sub strict_rule
{
	my ($life, $c) = @_;
	my $g = $life->{events};
	my $kept = kept($life, $c);
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
				cancels => \@X, cancel_qty => sum0(@{ $life->{cut} }{@O}),
				opp_qty => qty($g, between($g, 'T', $o, $t0, $end)),
				first => $p0, trade => $y, rule => 'strict', row => $p0 };
			$cursor = max(@O) + 1;
		}
	}
	return sort { $a->{first} <=> $b->{first} } @out;
}

sub anchored
{
	my ($life, $c) = @_;
	my $g = $life->{events};
	my $kept = kept($life, $c);
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
			cancels => \@X, cancel_qty => sum0(@{ $life->{cut} }{@Z}),
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
	my ($life, $s, $c) = @_;
	my ($g, $mate) = @{$life}{qw(events hit)};
	my ($own, $opp) = ($s->{side}, other($s->{side}));
	my ($from, $to) = ($s->{start}, $s->{end});
	my @p = between($g, 'O', $own, $from, $to);
	my @po = between($g, 'O', $opp, $from, $to);
	my @x = between($g, 'C', $own, $from, $to);
	my @to = between($g, 'T', $opp, $from, $to);
	my @ts = between($g, 'T', $own, $from, $to);
	my @ttc = sort { $a <=> $b } map { $g->[ $mate->{$_} ]{ts} - $g->[$_]{ts} }
	  grep { defined $mate->{$_} && $g->[ $mate->{$_} ]{ts} <= $to } @p;
	my ($pq, $xq, $oq) = (qty($g, @p), qty($g, @x), qty($g, @to));
	my ($sq, $poq) = (qty($g, @ts), qty($g, @po));
	my $priced = sub { return grep { defined $g->[$_]{price} } @_; };
	my @prices = map { $g->[$_]{price} } $priced->(@p);
	my $vwap = sub {
		my @e = $priced->(@_);
		return ratio(sum0(map { $g->[$_]{price} * $g->[$_]{qty} } @e),
			qty($g, @e));
	};
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
		opp_trade_vwap => $vwap->(@to),
		spoof_to_trade_qty_ratio => ratio($pq, $oq),
		spoof_side_fill_qty => $sq,
		spoof_side_fill_ratio => ratio($sq, $pq),
		own_order_imbalance => ratio($pq - $poq, $pq + $poq),
		order_to_trade_ratio => ratio(@p + @x, @to + @ts));
	$m{price_span_bps} = @prices && min(@prices) > 0
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
	my $vwap_placed = $vwap->(@p);
	my $all_positive = !grep { $_ <= 0 } @prices,
	  map { $g->[$_]{price} } $priced->(@to);
	$m{mean_distance_bps} =
	  defined $m{opp_trade_vwap} && defined $vwap_placed && $all_positive
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

# Whether a sequence is reported, by its metrics.
sub reported
{
	my ($m, $c) = @_;
	return $m->{price_levels} >= ($c->{min_price_levels} // 0)
	  && (!$c->{min_imbalance}
		|| $m->{own_order_imbalance} >= $c->{min_imbalance} - 1e-12);
}

# The sequences of a partition by rule window, strict or anchored. Orders,
# cancels and trades are positions of events; first_row, trade_row and row
# are those of rows.
sub layering
{
	my ($rows, $c) = @_;
	my $life = life($rows, $c);
	my $g = $life->{events};
	my @s = $c->{rule} eq 'window' ? window($life, $c)
	  : $c->{rule} eq 'strict' ? strict_rule($life, $c)
	  : anchored($life, $c);
	for my $s (@s)
	{
		$s->{events} = $g;
		$s->{metrics} = metrics($life, $s, $c);
		$s->{trades} = [ grep {
			$s->{rule} ne 'anchored' || $_ <= $s->{trade}
		} between($g, 'T', other($s->{side}), $s->{start}, $s->{end}) ];
		$s->{$_ . '_row'} = $g->[ $s->{$_} ]{row} for qw(first trade);
		$s->{row} = $g->[ $s->{row} ]{row};
	}
	return grep { reported($_->{metrics}, $c) } @s;
}

# Row => text of what ad_layering_member() says of it: number of the sequence,
# role, numbers of others.
sub members
{
	my (@s) = @_;
	my (%of, %text);
	for my $i (0 .. $#s)
	{
		my $s = $s[$i];
		for my $p (@{ $s->{orders} }, @{ $s->{cancels} }, @{ $s->{trades} })
		{
			push @{ $of{ $s->{events}[$p]{row} } },
			  [ $p, $i + 1, $s->{events}[$p]{kind} ];
		}
	}
	for my $row (keys %of)
	{
		my @m = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @{ $of{$row} };
		my $shown = (first { $_->[2] eq 'O' } @m) // $m[0];
		$text{$row} = join('|', $shown->[1],
			{ O => 'order', C => 'cancel', T => 'trade' }->{ $shown->[2] },
			'{' . join(',', map { $_->[1] } grep { $_->[1] != $shown->[1] } @m) . '}');
	}
	return \%text;
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
		change => (grep { !defined $_ || $_ <= 0 }
			  map { $g->[$_]{price} } @w[ 0, -1 ]) ? undef
		: abs($g->[ $w[-1] ]{price} - $g->[ $w[0] ]{price})
		  / $g->[ $w[0] ]{price} * 100,
		first => $w[0], last => $w[-1] };
}

# The windows of wash trading of a partition.
sub wash
{
	my ($g, $c) = @_;
	my %there;
	my @t = where($g, sub { $_[0]{kind} eq 'T' });
	@t = grep { !$there{ $g->[$_]{ts} . "\0" . content($g->[$_]) }++ } @t
	  if $c->{dedup};
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
