# ad_quote_stuffing and ad_marking_close against the independent oracle in
# test/oracle, on random sessions: equal times, bursts that are cancelled and
# those that are not, closes that are marked, thresholds of every kind. By
# columns and by packed events. 500 partitions; with ANOMALY_LONG, 10,000.

use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use lib dirname(__FILE__) . '/../lib';
use AnomalyTest;
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/../..');
require "$root/test/oracle/market_patterns.pl";

my $seed = $ENV{ANOMALY_TEST_SEED} || 20261127;
my $ncases = $ENV{ANOMALY_LONG} ? 10000 : 500;
note "$ncases partitions";

sub pick { return $_[ int(rand(@_)) ]; }

my @cases;
for my $k (0 .. $ncases - 1)
{
	my ($events, $span) = MarketPatterns::flow(pick(0, 1, 5, 20, 60));
	push @cases, {
		events => $events,
		stuffing => {
			window_size => pick(1, 1000, 5000, 1_000_000, 5_000_000),
			min_messages => pick(2, 3, 5, 8),
			min_cancel_rate => pick(0, 0.5, 0.8, 0.9, 1) },
		closing => {
			close => $span - pick(0, 0, 0, 1_000_000),
			window_size => pick(1, 1_000_000, 2_000_000, 10_000_000),
			min_trades => pick(1, 1, 2, 3),
			min_imbalance => pick(0, 0.5, 0.8, 1),
			min_volume_share => pick(0, 0.1, 0.3),
			min_move_bps => pick(0, 5, 10, 100) } };
}

my $dir = tempdir(CLEANUP => 1);
my %word = (O => 'NEW', C => 'CANCEL', T => 'FILL', R => 'REPLACE',
	X => 'EXPIRE');
open(my $out, '>', "$dir/events") or die;
open(my $conf, '>', "$dir/configs") or die;
for my $k (0 .. $#cases)
{
	my $row = 0;
	print $out join("\t", $k, $row++, $word{ $_->{kind} }, @{$_}{qw(side price
		qty ts)}), "\n" for @{ $cases[$k]{events} };
	my ($s, $c) = @{ $cases[$k] }{qw(stuffing closing)};
	print $conf join("\t", $k, @{$s}{qw(window_size min_messages
		min_cancel_rate)}, @{$c}{qw(close window_size min_trades min_imbalance
		min_volume_share min_move_bps)}), "\n";
}
close $out;
close $conf;
chmod 0755, $dir;
chmod 0644, "$dir/events", "$dir/configs";

my $node = start_server('market_patterns');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE raw (k int, row int, event_type text, side text, price numeric,
	qty bigint, us bigint);
COPY raw FROM '$dir/events';
CREATE TABLE config (k int, s_window bigint, min_messages int,
	min_cancel_rate float8, close bigint, c_window bigint, min_trades int,
	min_imbalance float8, min_volume_share float8, min_move_bps float8);
COPY config FROM '$dir/configs';
CREATE FUNCTION us(timestamptz) RETURNS bigint LANGUAGE sql AS \$\$
	SELECT (extract(epoch FROM \$1 - timestamptz '2025-10-27 08:00Z') * 1000000)::bigint \$\$;
CREATE TABLE event AS
SELECT r.k, r.row, r.event_type, r.side, r.price, r.qty,
	timestamptz '2025-10-27 08:00Z' + r.us * interval '1 us' AS ts,
	ad_quote_stuffing_options(s_window * interval '1 us', min_messages,
		min_cancel_rate) AS stuffing,
	ad_marking_close_options('2025-10-27 08:00Z'::timestamptz
		+ close * interval '1 us', c_window * interval '1 us', min_trades,
		min_imbalance, min_volume_share, min_move_bps) AS closing
FROM raw r JOIN config c USING (k);
SQL

# Equal, numbers within 1e-9 of each other.
sub same
{
	my ($x, $y) = @_;
	return 1 if $x eq $y;
	return $x =~ /^-?[\d.]+(e[-+]?\d+)?$/ && $y =~ /^-?[\d.]+(e[-+]?\d+)?$/
	  && abs($x - $y) <= 1e-9 * (1 + abs($y));
}

my %columns = (
	ad_quote_stuffing => [qw(episode_no start_time end_time messages orders
		cancels buy_messages sell_messages cancel_rate peak_messages trades
		placed_qty traded_qty first_row last_row)],
	ad_marking_close => [qw(side start_time end_time trades buy_qty sell_qty
		imbalance volume_share reference_price last_price move_bps orders
		cancels first_row last_row)]);
my %oracle = (ad_quote_stuffing => \&MarketPatterns::stuffing,
	ad_marking_close => \&MarketPatterns::closing);
my %option = (ad_quote_stuffing => 'stuffing', ad_marking_close => 'closing');

for my $function (sort keys %columns)
{
	my $option = $option{$function};
	my @names = @{ $columns{$function} };
	my $list = join ', ',
	  map { /_time$/ ? "us((f).$_)" : "(f).$_" } @names;
	my @expected = map {
		my $k = $_;
		map { { k => $k, %$_ } }
		  $oracle{$function}->($cases[$k]{events}, $cases[$k]{$option})
	} 0 .. $#cases;
	cmp_ok(scalar @expected, '>', $ncases / 10,
		"$function: the oracle finds " . @expected);
	for my $arguments ('event_type, side, price, qty, ts',
		'ad_order_event(event_type, side, price::float8, qty::int, ts)')
	{
		my @got = split /\n/, $node->safe_psql('postgres', <<"SQL");
SET extra_float_digits = 1;
SELECT k, row + 1, $list
FROM (SELECT k, row, $function($arguments, $option) OVER w AS f
	FROM event WINDOW w AS (PARTITION BY k ORDER BY ts, row)) x
WHERE f IS NOT NULL ORDER BY k, row
SQL
		my $bad = 0;
		for my $i (0 .. ($#got > $#expected ? $#got : $#expected))
		{
			my ($k, $row, @f) = split /\|/, $got[$i] // '';
			my $e = $expected[$i];
			my $good = defined $k && $e && $k == $e->{k}
			  && $row == $e->{first_row};
			for my $c (0 .. $#names)
			{
				$good &&= same($f[$c], $e->{ $names[$c] });
			}
			next if $good;
			diag 'got ' . ($got[$i] // 'nothing') . ', expected '
			  . ($e ? join('|', $e->{k}, @{$e}{@names}) : 'nothing')
			  if $bad++ < 3;
		}
		is($bad, 0, "$function($arguments)");
	}
}

$node->stop;
done_testing();
