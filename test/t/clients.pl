# The programs of docs/clients.md: each runs as it stands there, against a
# server, and prints what the page says that it prints; then again through
# PgBouncer in transaction mode, with what the page adds to the address, where
# every transaction of a client gets another connection to the server than the
# one before it. What is not installed is skipped.
#
# NODE_PATH says where npm put pg. Go's programs take a while to compile, so
# they run in test/long.sh only.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = slurp_file("$FindBin::RealBin/../../docs/clients.md");
my $dir = PostgreSQL::Test::Utils::tempdir;
my $python = '/usr/bin/python3';
my $jar = '/usr/share/java/postgresql.jar';

# Debian's places for what is no program of a user, and for Go's libraries
$ENV{PATH} .= ':/usr/sbin';
my %go = (GO111MODULE => 'off', GOPATH => '/usr/share/gocode', GOCACHE => "$dir/go", GOFLAGS => '');

# A program of each section: its file, what tells that it can run, how to build
# and to run it.
my %clients = (
	'psycopg 3' => [ 'psycopg3.py', [ $python, '-c', 'import psycopg' ] ],
	'psycopg 2' => [ 'psycopg2_.py', [ $python, '-c', 'import psycopg2' ] ],
	'asyncpg' => [ 'asyncpg_.py', [ $python, '-c', 'import asyncpg' ] ],
	'SQLAlchemy' => [ 'sqlalchemy_.py', [ $python, '-c', 'import sqlalchemy, psycopg2' ] ],
	'node-postgres' => [ 'node.js', [ 'node', '-e', 'require("pg")' ] ],
	'pgx' => [ 'pgx.go', [ 'go', 'list', 'github.com/jackc/pgx/v4' ] ],
	'database/sql' => [ 'pq.go', [ 'go', 'list', 'github.com/lib/pq' ] ],
	'JDBC' => [ 'Clients.java', [ 'javac', '-version' ] ],
	'Models as bytes' => [ 'bytes.py', [ $python, '-c', 'import psycopg' ] ]);
my %run = (
	py => sub { ($python, "$dir/$_[0]") },
	js => sub { ('node', "$dir/$_[0]") },
	go => sub { ("$dir/$_[0]" =~ s/\.go$//r) },
	java => sub { ('java', '-XX:TieredStopAtLevel=1', '-cp', "$jar:$dir", 'Clients') });
my %build = (
	go => sub { ('go', 'build', '-o', "$dir/$_[0]" =~ s/\.go$//r, "$dir/$_[0]") },
	java => sub { ('javac', '-cp', $jar, '-d', $dir, "$dir/$_[0]") });

# Run a program; what it printed, and whether it ended well.
sub output
{
	my ($command, %environment) = @_;
	my ($out, $err) = ('', '');
	local %ENV = (%ENV, %environment);

	my $ok = eval { IPC::Run::run($command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180)) };
	$err .= $@ if $@;
	return wantarray ? ($ok, $out, $err) : $ok;
}

# The blocks of a language in each section, by its heading.
sub programs
{
	my ($languages) = @_;
	my %found;

	for my $section (split /^(?=## )/m, $page)
	{
		my ($heading) = $section =~ /^## (.*)/ or next;
		$found{$heading} = $1 if $section =~ /^```(?:$languages)\n(.*?)^```$/ms;
	}
	return %found;
}

my %programs = programs('python|javascript|go|java');
my %printed = programs('text');
is_deeply([ sort keys %programs ], [ sort keys %clients ], 'each program of the page has a way to run here');

# JDBC knows no Unix sockets
my $node = start_server('clients', "listen_addresses = '127.0.0.1'");
my $address = sprintf 'postgresql://127.0.0.1:%d/shop?user=postgres&sslmode=disable', $node->port;
$node->safe_psql('postgres', 'CREATE DATABASE shop');
my ($table) = $page =~ /^## The table\n.*?^```sql\n(.*?)^```$/ms;
$node->safe_psql('shop', "CREATE EXTENSION anomaly; $table");

my %ready;
for my $client (sort keys %clients)
{
	my ($file, $there) = @{ $clients{$client} };
	my ($language) = $file =~ /\.(\w+)$/;

  SKIP:
	{
		skip "$client is compiled in test/long.sh", 1 if $language eq 'go' && !$ENV{ANOMALY_LONG};
		skip "$client is not installed", 1
		  if !scalar(output($there, $language eq 'go' ? %go : ())) || ($language eq 'java' && !-e $jar);
		open(my $out, '>', "$dir/$file") or die "$dir/$file: $!";
		print $out $programs{$client};
		close $out;
		if ($build{$language})
		{
			my ($ok, undef, $err) = output([ $build{$language}->($file) ], %go);
			ok($ok, "$client is compiled") or diag($err) or next;
		}
		$ready{$client} = [ $run{$language}->($file) ];
		prints($client, "$client prints what the page says", $address);
	}
}

# A program prints what its section says, or what all of them print.
sub prints
{
	my ($client, $name, $url) = @_;
	my (undef, $out, $err) = output($ready{$client}, DATABASE_URL => $url, LISTEN_URL => $address);

	is($out, $printed{$client} // $printed{'The table'}, $name) or diag($err);
	return;
}

# A pooler with two connections to the server, which take turns.
sub start_pooler
{
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $url = $address =~ s/:\d+\//:$port\//r;
	my ($in, $out, $err) = ('', '', '');

	open(my $ini, '>', "$dir/pgbouncer.ini") or die "$dir/pgbouncer.ini: $!";
	print $ini <<"INI";
[databases]
shop = host=127.0.0.1 port=@{[ $node->port ]} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_round_robin = 1
ignore_startup_parameters = extra_float_digits
INI
	close $ini;
	my $pooler = IPC::Run::start([ 'pgbouncer', "$dir/pgbouncer.ini" ], '<', \undef, '>&', \$err);
	for (1 .. 100)
	{
		last if output([ 'psql', '-XAtc', 'SELECT 1', $url ]);
		select undef, undef, undef, 0.1;
	}
	# while a transaction holds one, the next needs another
	my $holder = IPC::Run::start([ 'psql', '-XAtq', $url ], \$in, \$out, '2>', \$err, IPC::Run::timeout(60));
	$in = "BEGIN; SELECT 'held';\n";
	$holder->pump until $out =~ /held/;
	output([ 'psql', '-XAtc', 'SELECT 1', $url ]);
	$in .= "COMMIT;\n\\q\n";
	$holder->finish;
	return ($pooler, $url);
}

SKIP:
{
	skip 'pgbouncer is not installed', 1 if !output([ 'pgbouncer', '--version' ]);
	skip 'pgbouncer does not run as root', 1 if $> == 0;
	my ($pooler, $url) = start_pooler();
	my ($pooling) = $page =~ /^## PgBouncer\n(.*?)(?=^## )/ms;

	my %pids = map { $_ => 1 } map { (output([ 'psql', '-XAtc', 'SELECT pg_backend_pid()', $url ]))[1] } 1 .. 2;
	is(scalar keys %pids, 2, 'one transaction after the other has another connection');

	for my $client (sort keys %ready)
	{
		# database/sql stands there by the name of its driver, pgx by its version
		my $name = { pgx => 'pgx 4', 'database/sql' => 'lib/pq' }->{$client} // $client;
		my ($row) = $pooling =~ /^(\|[^|]*\Q$name\E\b[^|]*\|.*)$/m;
		ok($row, "the page has PgBouncer's settings for $client") if $client ne 'Models as bytes';
		my ($setting) = ($row // '') =~ /in the address: `([^`]*)`/;
		prints($client, "$client prints the same through PgBouncer", $url . ($setting ? "&$setting" : ''));
	}
  SKIP:
	{
		skip 'psycopg 3 is not installed', 2 if !$ready{'psycopg 3'};
		my ($setting) = $pooling =~ /^\| psycopg 3 \| `connect\(…, (prepare_threshold=\w+)\)`/m;
		my $often = sub {
			return scalar output([ $python, '-c', <<"PYTHON" ], DATABASE_URL => $url);
import os, psycopg
db = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, $_[0])
for i in range(20):
    db.execute("SELECT ad_score_row('payments', %s)", ('{"amount": 1, "country": "DE", "placed": null}',))
PYTHON
		};
		ok($often->($setting), "psycopg 3 executes a statement twenty times with $setting");
		ok(!$often->('prepare_threshold=5'), 'and fails without it');
	}
	$pooler->kill_kill;
}

$node->stop;
done_testing();
