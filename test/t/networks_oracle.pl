# Networks as they are trained: gradients against finite differences, and the
# weights after 100 steps against those of an implementation of its own
# (test/golden/networks.py). A module of the tests (test/modules/networks)
# hands them out. Rows are those of test/data/breast_cancer.csv.gz.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use File::Copy;
use IO::Uncompress::Gunzip;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $root = "$FindBin::RealBin/../..";
my $dir = PostgreSQL::Test::Utils::tempdir();

# Lines of a compressed file, but for the first: references to what commas part.
sub lines_of
{
	my $z = IO::Uncompress::Gunzip->new("$root/test/data/$_[0]") or die "$_[0]";
	my @lines = map { chomp; [ split /,/ ] } <$z>;
	shift @lines;
	return @lines;
}

copy("$root/test/modules/networks/$_", $dir) or die "$_: $!"
	for qw(autoencoder_steps.c vae_steps.c steps.h Makefile);
system_or_bail('make', '-s', '-C', $dir, 'with_llvm=no', 'COPT=-Wall -Werror', "ANOMALY_SRC=$root/src", "PG_CONFIG=$pg_config");

my $node = start_server('networks_oracle');
for my $net (qw(autoencoder vae))
{
	$node->safe_psql('postgres', <<"SQL");
LOAD 'anomaly';
CREATE FUNCTION networks_$net(x float8[], cols int, epochs int, batch int, trim_share float8, rate float8, seed bigint)
RETURNS float4[] AS '$dir/networks' LANGUAGE C STRICT;
CREATE FUNCTION networks_${net}_gradients(x float8[], cols int, epochs int, batch int, trim_share float8, rate float8, seed bigint)
RETURNS float8 AS '$dir/networks' LANGUAGE C STRICT;
SQL
}

my @rows = lines_of('breast_cancer.csv.gz');
my $cols = @{ $rows[0] } - 1;
my $x = join ',', map { @$_[ 0 .. $cols - 1 ] } @rows;
my %options = (autoencoder => '0.2, 0.001', vae => '0.1, 0.002');
my %want;

push @{ $want{ $_->[0] }[ $_->[1] ] }, $_->[3] for lines_of('golden/networks.csv.gz');
for my $net (sort keys %options)
{
	my $have = $node->safe_psql('postgres',
		"LOAD 'anomaly'; SELECT array_to_string(networks_$net('{$x}', $cols, 20, 80, $options{$net}, 52), ',')");
	my @have = split /,/, $have;

	for my $layer (0 .. $#{ $want{$net} })
	{
		my @golden = @{ $want{$net}[$layer] };
		my @mine = splice @have, 0, scalar @golden;
		my $size = max map { abs } @golden;
		my $off = max(map { abs($mine[$_] - $golden[$_]) } 0 .. $#golden) / $size;

		cmp_ok($off, '<=', 1e-4, "$net: layer $layer after 100 steps is as the reference has it") or note $size;
		note "$net: layer $layer off by $off";
	}
	is(scalar @have, 0, "$net: no more layers than the reference has");

	for my $epochs (1, 20)
	{
		my $off = $node->safe_psql('postgres',
			"LOAD 'anomaly'; SELECT networks_${net}_gradients('{$x}', $cols, $epochs, 40, $options{$net}, 52)");

		cmp_ok($off, '<=', 1e-2, "$net: gradients after $epochs epochs are those of finite differences");
		note "off by $off";
	}
}

$node->stop;
done_testing();
