# Detectors that train a network: what another session sees of it, and that it
# stops when it is told to, within 100 ms of processor time, whatever the shape.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use List::Util qw(max);
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $allowed = 100;
my $node = start_server('networks', q{shared_preload_libraries = 'anomaly'}, 'max_parallel_workers_per_gather = 0');

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE rows AS SELECT sin(i) AS a, cos(i) AS b, sin(i) * cos(i) AS c, i % 7 AS d FROM generate_series(1, 5000) i;
CREATE TABLE wide AS SELECT array_agg(sin(i * j)) AS x FROM generate_series(1, 3000) i, generate_series(1, 1000) j GROUP BY i;
SQL

# Cancel what a session runs.
sub stops
{
	my ($session, $name) = @_;
	my $took = $session->cancel_within($allowed / 1000);

	like($session->answer, qr/canceling statement due to user request/, "$name is cancelled");
  SKIP:
	{
		skip 'the kernel tells no processor time', 1 if !defined $took;

		note sprintf '%.1f ms', 1000 * $took;
		cmp_ok(1000 * $took, '<', $allowed, "... within $allowed ms");
	}
	return;
}

# What another session sees of a training: its epochs go by, and its loss falls.
# 2,560 steps of 20 batches an epoch are 128 epochs a member.
my $session = Session->new($node);
my (@epochs, @losses);
$session->say('SELECT length(ad_fit(ad_autoencoder(epochs => 1000, members => 100), a, b, c, d)) FROM rows');
for (1 .. 1000)
{
	my $seen = sql_value($node, 'SELECT kind, name, phase FROM ad_progress');

	if ($seen =~ /^fit\|autoencoder\|epoch (\d+) of 12800(?:, loss ([\d.e-]+))?$/)
	{
		push @epochs, $1;
		push @losses, $2 if defined $2;
	}
	last if @losses > 1 && $epochs[-1] > 20;
	sleep 0.02;
}
note "epochs @epochs, losses @losses";
ok(@epochs > 1 && $epochs[-1] > 20, 'the epochs of a training can be watched');
ok(!(grep { $epochs[ $_ - 1 ] > $epochs[$_] } 1 .. $#epochs), '... one after the other');
ok(@losses > 1 && max(@losses) < 1 && $losses[-1] < 0.1, '... and how well it does');
stops($session, 'it');
is(sql_value($node, 'SELECT count(*) FROM ad_progress'), 0, '... and is seen no more');

# Every shape stops as soon: wide rows, large batches, large layers, and rows
# that take a while to be put in order.
my %long = (
	'many columns' => 'SELECT length(ad_fit(ad_autoencoder(epochs => 1000), x)) FROM wide',
	'large layers' => 'SELECT length(ad_fit(ad_autoencoder(ARRAY[1024,1024,1024], batch => 3000, epochs => 100), a, b, c, d)) FROM rows',
	'all of these' => 'SELECT length(ad_fit(ad_autoencoder(ARRAY[1024,512,1024], batch => 2000), x)) FROM wide',
	'many rows' => 'SELECT length(ad_fit(ad_autoencoder(ARRAY[1], batch => 8192, epochs => 30) || ad_sampling(rows => 700000), i)) FROM generate_series(1, 700000) i',
	'many draws' => 'SELECT length(ad_fit(ad_vae(ARRAY[1024], 512, batch => 8192, epochs => 100), a, b, c, d)) FROM rows');
for my $level ('auto', 'off')
{
	for my $name (sort keys %long)
	{
		my $phase = '';

		$session->do("SET anomaly.simd = $level");
		$session->say($long{$name});
		for (1 .. 1500)
		{
			$phase = sql_value($node, "SELECT phase FROM ad_progress WHERE pid = $session->{pid}");
			last if $phase =~ /^epoch/;
			sleep 0.02;
		}
		like($phase, qr/^epoch/, "$name, simd $level: it is trained");
		sleep 0.2;
		stops($session, 'it');
	}
}

$session->end;
$node->stop;
done_testing();
