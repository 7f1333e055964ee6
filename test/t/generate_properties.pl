# An array of random values, or of a series, has the values of the function that
# makes them one by one, bit by bit: whatever the seed, the place it begins at,
# its length, the distribution and the instructions. And it can be canceled.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Math::BigInt;
use Test::More;

my $node = start_server('generate');
my $cases = $ENV{ANOMALY_LONG} ? 400 : 40;
my @distributions = qw(uniform normal exponential);

seed();

# A whole number of 64 bits: often at an end of what there is, or near 0.
sub whole
{
	my $near = int(rand(5000)) - 2500;
	my $where = int rand 4;
	my $top = Math::BigInt->new(2)->bpow(63);

	return $near if $where == 0;
	return $top->copy->bneg->badd(abs $near) if $where == 1;
	return $top->bsub(1 + abs $near) if $where == 2;
	return Math::BigInt->new(int(rand(2**31)))->bmul(4294967296)->badd(int(rand(2**31)))->bmul(rand() < 0.5 ? 1 : -1);
}

for my $simd (qw(off avx2 auto))
{
	my (@random, @series);

	for (1 .. $cases)
	{
		my $n = 1 + int(rand() < 0.2 ? rand(9000) : rand(70));
		my $first = Math::BigInt->new(whole());
		my $last = Math::BigInt->new(2)->bpow(63)->bsub($n);

		$first = $last if $first > $last;
		push @random, sprintf q[('%s'::bigint, %d, '%s', %.17g::float8, %.17g::float8, '%s'::bigint)], whole(), $n,
			$distributions[rand 3], (rand() - 0.5) * 10**int(rand(12)), rand() * 10**int(rand(8)), $first;
		push @series, sprintf q[(%d, '%s'::bigint, '%s', %.3g, %.3g, %.3g, %s, %.3g, %.3g, %.3g, %.3g, %.3g)],
			int(rand() < 0.2 ? rand(20000) : rand(500)), whole(), $distributions[rand 3], rand(3), rand(100) - 50, rand(0.1) - 0.05,
			(0, 1, 2, int(rand 400), rand(400), 4096, 4097)[rand 7], rand(20) - 10, rand(0.5), rand(20), rand(0.5), rand(20);
	}
	my $random = join ', ', @random;
	my $series = join ', ', @series;

	is($node->safe_psql('postgres', <<"SQL"), "$cases|0", "$simd: arrays of random values");
SET anomaly.simd = '$simd';
SELECT count(*), count(*) FILTER (WHERE NOT same) FROM (VALUES $random) v(seed, n, distribution, location, scale, first),
	LATERAL (SELECT array_agg(ad_random(seed, first + k, distribution, location, scale) ORDER BY k)
			= ad_random_array(seed, n, distribution, location, scale, first) AS same FROM generate_series(0, n - 1) k) t
SQL
	is($node->safe_psql('postgres', <<"SQL"), "$cases|0", "$simd: arrays of series");
SET anomaly.simd = '$simd';
SELECT count(*), count(*) FILTER (WHERE NOT same)
FROM (VALUES $series) v(n, seed, noise, noise_scale, level, trend, period, amplitude, spikes, spike_size, shifts, shift_size),
	LATERAL (SELECT coalesce(array_agg(value ORDER BY i), '{}')
			= ad_generate_series_array(n, seed, noise, noise_scale, level, trend, period, amplitude, spikes, spike_size, shifts, shift_size) AS same
		FROM ad_generate_series(n, seed, noise, noise_scale, level, trend, period, amplitude, spikes, spike_size, shifts, shift_size)) t
SQL
}

# a long one ends when it is told to, and long before it would be done
for my $call (q[ad_random_array(1, 134217724, 'normal')], q[ad_generate_series_array(134217724)])
{
	my ($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = 20; SELECT cardinality($call)");

	like($err, qr/canceling statement due to statement timeout/, "$call can be canceled");
}

$node->stop;
done_testing();
