# What the TAP tests share: a server with the extension, a seed that is
# printed, values in and out.
package AnomalyTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_server seed sql_value bytes_of detectors);

# A running server with the extension. Arguments: its name, then lines for
# its postgresql.conf.
sub start_server
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	# UTF8 everywhere: a model remembers the encoding it was made in.
	$node->init(
		allows_streaming => 1,
		extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', "$_\n") for 'fsync = off', @conf;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION anomaly');
	return $node;
}

# The seed of this run: what ANOMALY_TEST_SEED says, or a new one. Printed, so
# that a failure can be made again.
sub seed
{
	my $seed = $ENV{ANOMALY_TEST_SEED} // int(rand(2**31));

	note "seed $seed (ANOMALY_TEST_SEED=$seed makes this run again)";
	srand($seed);
	return $seed;
}

# The one value of a query.
sub sql_value
{
	my ($node, $sql) = @_;

	return scalar $node->safe_psql('postgres', $sql);
}

# The names of all detectors.
sub detectors
{
	my ($node) = @_;

	return split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT substr(proname, 4) FROM pg_proc
WHERE prosrc = 'ad_spec_constructor' AND proname NOT IN ('ad_prepare', 'ad_sampling', 'ad_calibrate', 'ad_ensemble')
ORDER BY 1
SQL
}

# The one bytea of a query, as bytes.
sub bytes_of
{
	my ($node, $sql) = @_;

	return pack('H*', sql_value($node, "SELECT encode(($sql), 'hex')"));
}

1;
