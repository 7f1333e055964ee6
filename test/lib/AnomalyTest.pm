# What the TAP tests share: a server with the extension, a seed that is
# printed, values in and out.
package AnomalyTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(start_server init_server after_crash seed sql_value bytes_of rows_of detectors variants);

# Whoever runs the tests, the superuser of their servers has this name.
$ENV{PGUSER} = 'postgres';

# Makes a server's files. UTF8 everywhere: a model remembers the encoding it
# was made in.
sub init_server
{
	my ($node, %arguments) = @_;

	$node->init(extra => [ '--username=postgres', '--encoding=UTF8', '--locale=C' ], %arguments);
	return;
}

# A running server with the extension. Arguments: its name, then lines for
# its postgresql.conf. Queries over the catalogue of jobs and alerts look costly
# enough to be compiled, for seconds, to read a few rows: a test that wants
# that says "jit = on".
sub start_server
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	init_server($node, allows_streaming => 1);
	$node->append_conf('postgresql.conf', "$_\n") for 'fsync = off', 'jit = off', @conf;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION anomaly');
	return $node;
}

# Wait until a server goes on of which a process was killed: since its log had
# so many bytes. Who connects before it has noticed is killed with it.
sub after_crash
{
	my ($node, $log) = @_;

	for (1 .. 3000)
	{
		return if substr(slurp_file($node->logfile), $log) =~ /reinitializing/ && $node->psql('postgres', 'SELECT 1') == 0;
		usleep(100_000);
	}
	die 'the server does not come back';
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

# The rows of a query as lists; NULL is undef, Infinity a number.
sub rows_of
{
	my ($node, $sql) = @_;
	my $out = $node->safe_psql('postgres', $sql,
		extra_params => [ '-P', 'null=\\N', '-F', "\t" ]);

	return map {
		[   map { $_ eq '\\N' ? undef : $_ eq 'Infinity' ? 9**9**9 : $_ eq '-Infinity' ? -9**9**9 : $_ }
			  split /\t/,
			$_,
			-1 ]
	} split /\n/, $out;
}

# The names of all detectors, as the library's catalogue has them, but the
# ensemble. Who calls the constructors of these notices one that is missing.
sub detectors
{
	my ($node) = @_;

	return split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT unnest(_anomaly._ad_detectors()) ORDER BY 1
SQL
}

# Calls of spec constructors, as SQL, that between them use every value of
# every option that has few of them: what a constructor takes is in the
# catalogue, and which words an option takes its error says. The first of each
# constructor has none but defaults; what an option rules out is left out.
# Arguments: a server, then names without "ad_"; all detectors if none.
sub variants
{
	my ($node, @names) = @_;
	my $session = Session->new($node);
	my @calls;

	@names = detectors($node) unless @names;
	for my $name (@names)
	{
		# what has no default
		my $members = $name eq 'ensemble' ? 'ARRAY[ad_zscore(), ad_hbos()]' : '';
		my $given = $members ? "$members, " : '';

		push @calls, "ad_$name($members)";
		for my $option (split /\n/, $session->do(<<"SQL"))
SELECT a || ' ' || t::regtype || coalesce(' ' || substring(
	pg_get_function_arguments(oid) FROM '(?:^|, )' || a || ' [^,]* DEFAULT ''?([^,'']*)'), '')
FROM pg_proc, unnest(proargnames, proargtypes::oid[]) u(a, t)
WHERE proname = 'ad_$name' AND prosrc = 'ad_spec_constructor'
SQL
		{
			my ($argument, $type, $default) = split / /, $option, 3;

			if ($type eq 'boolean')
			{
				push @calls, sprintf 'ad_%s(%s%s => %s)', $name, $given, $argument,
				  $default eq 'true' ? 'false' : 'true';
			}
			next if $type ne 'text';
			my $error = $session->ask("SELECT ad_$name($given$argument => 'no such word')");
			next if $error !~ /Expected one of (.*)\./;
			for my $word ($1 =~ /"([^"]*)"/g)
			{
				push @calls, "ad_$name($given$argument => '$word')" if $word ne $default;
			}
		}
	}
	@calls = grep { $session->ask("SELECT $_") !~ /^ERROR:/m } @calls;
	$session->end;
	return @calls;
}

# The one bytea of a query, as bytes.
sub bytes_of
{
	my ($node, $sql) = @_;

	return pack('H*', sql_value($node, "SELECT encode(($sql), 'hex')"));
}

1;
