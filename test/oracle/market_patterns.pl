# An independent oracle for quote stuffing and marking the close, by their
# definitions in docs/market-patterns.md, with full scans.  Written from the
# definitions, not from src/market.
#
#	require './test/oracle/market_patterns.pl';
#	MarketPatterns::stuffing(\@events, \%config)   list of episodes
#	MarketPatterns::closing(\@events, \%config)    one case, or none
#	MarketPatterns::flow($n, \&rand)               events and planted labels
#
# An event is { ts => microseconds, kind => 'O'|'C'|'T'|'R'|'X', side => 'BUY'|'SELL',
# price => number, qty => whole number }; events come in their total order. O is
# an order, C a cancel, T a trade, R an amendment, X an expiry.

package MarketPatterns;

use strict;
use warnings;
use List::Util qw(max min sum0);

sub rate
{
	my ($g, @p) = @_;
	my $orders = grep { $g->[$_]{kind} =~ /[OR]/ } @p;
	my $cancels = grep { $g->[$_]{kind} =~ /[CR]/ } @p;
	return min($orders, $cancels) / max($orders, $cancels);
}

# Episodes as hashes whose keys are the columns.
sub stuffing
{
	my ($g, $c) = @_;
	my @messages = grep { $g->[$_]{kind} =~ /[OCR]/ } 0 .. $#$g;
	my (@windows, @joined, @out);
	for my $i (@messages)
	{
		my @w = grep {
			     $_ >= $i
			  && $g->[$_]{ts} <= $g->[$i]{ts} + $c->{window_size}
		} @messages;
		push @windows, { from => $i, to => $w[-1], n => scalar @w }
		  if @w >= $c->{min_messages} && rate($g, @w) >= $c->{min_cancel_rate};
	}
	for my $w (@windows)
	{
		if (@joined && $w->{from} <= $joined[-1]{to})
		{
			$joined[-1]{to} = max($joined[-1]{to}, $w->{to});
			$joined[-1]{n} = max($joined[-1]{n}, $w->{n});
		}
		else { push @joined, {%$w}; }
	}
	for my $w (@joined)
	{
		my @all = $w->{from} .. $w->{to};
		my @m = grep { $g->[$_]{kind} =~ /[OCR]/ } @all;
		my @o = grep { $g->[$_]{kind} =~ /[OR]/ } @all;
		my @c = grep { $g->[$_]{kind} =~ /[CR]/ } @all;
		my @t = grep { $g->[$_]{kind} eq 'T' } @all;
		push @out, {
			episode_no => @out + 1, start_time => $g->[ $w->{from} ]{ts},
			end_time => $g->[ $w->{to} ]{ts}, messages => scalar @m,
			orders => scalar @o, cancels => scalar @c,
			buy_messages => scalar(grep { $g->[$_]{side} eq 'BUY' } @m),
			sell_messages => scalar(grep { $g->[$_]{side} eq 'SELL' } @m),
			cancel_rate => rate($g, @m), peak_messages => $w->{n},
			trades => scalar @t,
			placed_qty => sum0(map { $g->[$_]{qty} } @o),
			traded_qty => sum0(map { $g->[$_]{qty} } @t),
			first_row => $w->{from} + 1, last_row => $w->{to} + 1 };
	}
	return @out;
}

# The case of a session, as a hash whose keys are the columns, or nothing.
sub closing
{
	my ($g, $c) = @_;
	my $from = $c->{close} - $c->{window_size};
	my @session = grep { $g->[$_]{ts} <= $c->{close} } 0 .. $#$g;
	my @trades = grep { $g->[$_]{kind} eq 'T' } @session;
	my @inside = grep { $g->[$_]{ts} >= $from } @trades;
	my @before = grep { $g->[$_]{ts} < $from } @trades;
	return if @inside < $c->{min_trades};

	my %qty = map {
		my $s = $_;
		($s => sum0(map { $g->[$_]{qty} } grep { $g->[$_]{side} eq $s } @inside))
	} qw(BUY SELL);
	my $side = $qty{BUY} >= $qty{SELL} ? 'BUY' : 'SELL';
	my @own = grep { $g->[$_]{side} eq $side } @inside;
	my $reference = $g->[ @before ? $before[-1] : $inside[0] ]{price};
	my $last = $g->[ $own[-1] ]{price};
	my $move = ($last - $reference) / $reference * 1e4
	  * ($side eq 'BUY' ? 1 : -1);
	my $all = sum0(map { $g->[$_]{qty} } @trades);
	my $imbalance = abs($qty{BUY} - $qty{SELL}) / ($qty{BUY} + $qty{SELL});
	my $share = ($qty{BUY} + $qty{SELL}) / $all;
	return if $imbalance < $c->{min_imbalance}
	  || $share < $c->{min_volume_share}
	  || ($c->{min_move_bps} > 0 && $move < $c->{min_move_bps});
	my @others = grep { $g->[$_]{ts} >= $from } @session;
	return {
		side => $side, start_time => $g->[ $inside[0] ]{ts},
		end_time => $g->[ $inside[-1] ]{ts}, trades => scalar @inside,
		buy_qty => $qty{BUY}, sell_qty => $qty{SELL},
		imbalance => $imbalance, volume_share => $share,
		reference_price => $reference, last_price => $last,
		move_bps => $move,
		orders => scalar(grep { $g->[$_]{kind} =~ /[OR]/ } @others),
		cancels => scalar(grep { $g->[$_]{kind} =~ /[CR]/ } @others),
		first_row => $inside[0] + 1, last_row => $inside[-1] + 1 };
}

sub pick { return $_[ int(rand(@_)) ]; }

# About n events of a session that closes at a second that the caller picks,
# with bursts and one-sided closing trades in some of them.
sub flow
{
	my ($n) = @_;
	my $span = pick(0, 2_000_000, 20_000_000, 60_000_000);
	my $grid = pick(1, 1, 1000, 250_000, 1_000_000);
	my @sides = @{ pick(['BUY', 'SELL'], ['BUY', 'SELL'], ['BUY'], ['SELL']) };
	my $price = 10_000;
	my @e;
	while (@e < $n)
	{
		my $t = int(rand($span + 1));
		if (rand() < 0.15)
		{
			# a burst, or one that is not cancelled, or a book that is cleared
			my $kinds = pick(['O', 'C'], ['O', 'C'], ['O'], ['C'], ['R'],
				['O', 'C', 'C', 'O', 'T']);
			push @e, { ts => $t + 1000 * $_, kind => $kinds->[ $_ % @$kinds ],
				side => pick(@sides), price => $price / 100,
				qty => 1 + int(rand(9)) } for 0 .. pick(3, 6, 12);
		}
		push @e, { ts => $t, kind => pick(qw(O O C T T R X)), side => pick(@sides),
			price => $price / 100, qty => 1 + int(rand(50)) };
	}
	if (rand() < 0.5)
	{
		# the close is marked, up or down
		my $side = pick(@sides);
		push @e, { ts => $span - int(rand(2_000_000)), kind => 'T',
			side => $side, price => $price / 100, qty => pick(10, 100, 1000) }
		  for 1 .. pick(2, 3, 6);
	}
	$_->{ts} -= $_->{ts} % $grid for @e;
	my @order = map { [ $_, rand() ] } @e;
	@e = map { $_->[0] }
	  sort { $a->[0]{ts} <=> $b->[0]{ts} || $a->[1] <=> $b->[1] } @order;
	# the price walks, with the trades of the side that has more of them
	for my $e (@e)
	{
		$price += int(rand(41)) - 20;
		$price += 5 if $e->{kind} eq 'T' && $e->{side} eq 'BUY';
		$price -= 5 if $e->{kind} eq 'T' && $e->{side} eq 'SELL';
		$price = 5000 if $price < 5000;
		$e->{price} = $price / 100;
	}
	return (\@e, $span);
}

1;
