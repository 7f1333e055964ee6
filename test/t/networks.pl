# Detectors that train a network: what another session sees of it, and that it
# stops when it is told to, within 100 ms of processor time, whatever the shape.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use IPC::Run ();
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep);

my $allowed = 100;
my $node = start_server('networks', q{shared_preload_libraries = 'anomaly'}, 'jit = off', 'max_parallel_workers_per_gather = 0');

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE rows AS SELECT sin(i) AS a, cos(i) AS b, sin(i) * cos(i) AS c, i % 7 AS d FROM generate_series(1, 5000) i;
CREATE TABLE wide AS SELECT array_agg(sin(i * j)) AS x FROM generate_series(1, 3000) i, generate_series(1, 1000) j GROUP BY i;
SQL

# Processor time of a backend, in milliseconds.
sub busy
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/schedstat" or return undef;
	my ($ns) = split ' ', <$file>;
	close $file;
	return $ns / 1e6;
}

# Start a statement in a session that then says how long it was busy and waits.
sub background
{
	my ($sql) = @_;
	my %session = (in => '', out => '', err => '');

	$session{psql} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err});
	$session{in} .= "SELECT pg_backend_pid();\n";
	$session{psql}->pump until $session{out} =~ /^(\d+)\n/;
	$session{pid} = $1;
	$session{in} .= "$sql;\nSELECT 'busy ' || split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);\n";
	$session{psql}->pump_nb;
	return \%session;
}

# Cancel it; returns the processor time that it took to see that.
sub cancelled
{
	my ($session) = @_;
	my $before = busy($session->{pid});

	$node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{pid})");
	$session->{psql}->pump until $session->{out} =~ /busy (\d+)/;
	my $after = $1 / 1e6;
	$session->{in} .= "\\q\n";
	$session->{psql}->finish;
	like($session->{err}, qr/canceling statement due to user request/, '... is cancelled');
	return $after - $before;
}

# What another session sees of a training: its epochs go by, and its loss falls.
# 2,560 steps of 20 batches an epoch are 128 epochs a member.
my $fit = background('SELECT length(ad_fit(ad_autoencoder(epochs => 1000, members => 100), a, b, c, d)) FROM rows');
my (@epochs, @losses, $last);
for (1 .. 400)
{
	my $seen = sql_value($node, 'SELECT kind, name, phase FROM ad_progress');

	if ($seen =~ /^fit\|autoencoder\|epoch (\d+) of 12800(?:, loss ([\d.e-]+))?$/)
	{
		push @epochs, $1;
		push @losses, $2 if defined $2;
	}
	$last = $seen;
	last if @losses && $epochs[-1] > 20;
	sleep 0.02;
}
note "epochs @epochs, losses @losses; $last";
ok(@epochs > 1 && $epochs[-1] > 20, 'the epochs of a training can be watched');
ok(!(grep { $epochs[ $_ - 1 ] > $epochs[$_] } 1 .. $#epochs), '... one after the other');
ok(@losses && max(@losses) <= 1 && $losses[-1] < 1, '... and how well it does');
my $took = cancelled($fit);
note sprintf 'stopped after %.1f ms', $took;
cmp_ok($took, '<', $allowed, "... within $allowed ms");
is(sql_value($node, 'SELECT count(*) FROM ad_progress'), 0, '... and is seen no more');

# Every shape stops as soon: wide rows, large batches, large layers, and the
# rows that are put in order.
my %long = (
	'many columns' => "SELECT length(ad_fit(ad_autoencoder(epochs => 1000), x)) FROM wide",
	'large layers' => "SELECT length(ad_fit(ad_autoencoder(ARRAY[1024,1024,1024], batch => 3000, epochs => 100), a, b, c, d)) FROM rows",
	'all of these' => "SELECT length(ad_fit(ad_autoencoder(ARRAY[1024,512,1024], batch => 2000), x)) FROM wide",
	'many rows' => "SELECT length(ad_fit(ad_autoencoder(ARRAY[1], batch => 8192, epochs => 30) || ad_sampling(rows => 700000), i)) FROM generate_series(1, 700000) i",
	'without SIMD' => "SET anomaly.simd = off; SELECT length(ad_fit(ad_autoencoder(ARRAY[1024,512,1024], batch => 2000), x)) FROM wide");
for my $name (sort keys %long)
{
	my $session = background($long{$name});
	my $phase = '';

	for (1 .. 1500)
	{
		$phase = sql_value($node, "SELECT phase FROM ad_progress WHERE pid = $session->{pid}");
		last if $phase =~ /^epoch/;
		sleep 0.02;
	}
	like($phase, qr/^epoch/, "$name: it is trained");
	sleep 0.3;
	my $ms = cancelled($session);
	note sprintf '%s: stopped after %.1f ms', $name, $ms;
	cmp_ok($ms, '<', $allowed, "... within $allowed ms");
}

$node->stop;
done_testing();
