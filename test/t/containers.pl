# What the containers of compose.yaml are given, without an engine to run them:
# images have a version, files that are mounted or copied are there, services
# call each other by the names and ports they have. The script that sets up a
# new data directory, the exporter with the arguments of its service, and
# Prometheus' configuration are run for real. test/containers.sh builds the image.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use CPAN::Meta::YAML;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $source = "$FindBin::RealBin/../..";
my @running;

sub installed
{
	my ($program) = @_;

	return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

sub yaml
{
	my ($file) = @_;
	my $documents = CPAN::Meta::YAML->read_string(slurp_file("$source/$file"));

	return $documents->[0];
}

# A page of a server on loopback; empty if there is none.
sub page
{
	my ($port, $path) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5) or return '';

	print $socket "GET $path HTTP/1.0\r\n\r\n";
	local $/;
	return <$socket> // '';
}

END
{
	my $status = $?;

	$_->kill_kill(grace => 0) for @running;
	$? = $status;
}

# --- compose.yaml

my $compose = yaml('compose.yaml');
my %services = %{ $compose->{services} };
is_deeply([ sort keys %services ], [qw(db exporter grafana prometheus)], 'compose.yaml has its services');
my (@wrong, %mounted, %ports);
for my $name (sort keys %services)
{
	my $service = $services{$name};

	push @wrong, "$name: $service->{image} has no exact version" if $service->{image} !~ /:v?\d+\.\d+\.\d+$/;
	push @wrong, "$name: no health check" if $name ne 'db' && ref $service->{healthcheck}{test} ne 'ARRAY';
	push @wrong, map { "$name: $_ is open to others" } grep { !/^127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+$/ } @{ $service->{ports} // [] };
	push @wrong, map { "$name: waits for $_" }
	  grep { !$services{$_} || $service->{depends_on}{$_}{condition} ne 'service_healthy' } keys %{ $service->{depends_on} // {} };
	push @wrong, map { "$name: secret in $_" }
	  grep { /PASS/ && $service->{environment}{$_} !~ /^\$\{[A-Z]+_PASSWORD:-anomaly\}$/ } keys %{ $service->{environment} // {} };
	for my $volume (@{ $service->{volumes} // [] })
	{
		my ($from, $to, $how) = split /:/, $volume;

		push @wrong, "$name: twice $to" if $mounted{$name}{$to};
		$mounted{$name}{$to} = $from;
		if ($from =~ m{^\./})
		{
			push @wrong, "$name: no file $from" if !-f "$source/$from";
			push @wrong, "$name: writes $from" if ($how // '') ne 'ro';
		}
		else
		{
			push @wrong, "$name: no volume $from" if !exists $compose->{volumes}{$from};
		}
	}
	($ports{$name}) = map { /:(\d+)$/ } @{ $service->{ports} // [] };
	my ($health) = map { m{^http://127\.0\.0\.1:(\d+)/} } @{ $service->{healthcheck}{test} // [] };
	push @wrong, "$name: asks port $health for its health" if $health && $ports{$name} && $health != $ports{$name};
	$ports{$name} //= $health;
}
is(join("\n", @wrong), '', '... with versions, health checks, files that are there, and nothing open');

# What a service names in an argument or a file is mounted there.
sub at
{
	my ($service, $path) = @_;
	my $from = $mounted{$service}{$path};

	ok($from, "$path is mounted into $service") or return '/none';
	return "$source/$from";
}

# --- the Dockerfile

my $dockerfile = slurp_file("$source/Dockerfile") =~ s/\\\n/ /gr;
like($dockerfile, qr/^ARG POSTGRES=\d+\.\d+-\w+$/m, 'the image stands on an exact version');
is(join(' ', grep { !/^postgres:\$\{POSTGRES\}$/ } $dockerfile =~ /^FROM (\S+)/mg), '', '... in all its stages');
my %allowed = map { $_ => 1 } slurp_file("$source/.dockerignore") =~ /^!(\S+)$/mg;
my @copied = map { my @words = split; pop @words; @words } grep { !/--from=/ } $dockerfile =~ /^COPY (.*)$/mg;
is(join(' ', grep { !-e "$source/$_" || !$allowed{$_} } @copied), '', 'what is copied is there, and let through by .dockerignore');
is(join(' ', grep { my $what = $_; !grep { $_ eq $what } @copied } sort keys %allowed), '', '... and nothing else is');
like($dockerfile, qr/^HEALTHCHECK .*\bpg_isready\b/m, 'it has a health check');
unlike($dockerfile, qr/^(?:ENV|ARG) \S*PASS/m, '... and no password');

# --- Prometheus and Grafana

my $prometheus = yaml('packaging/docker/prometheus.yml');
is_deeply([ map { @{ $_->{targets} } } map { @{ $_->{static_configs} } } @{ $prometheus->{scrape_configs} } ],
	["exporter:$ports{exporter}"], 'Prometheus asks the exporter');
at('prometheus', $_) for @{ $prometheus->{rule_files} }, map { /^--config\.file=(.*)/ } @{ $services{prometheus}{command} };
my $datasources = yaml('packaging/docker/datasources.yml');
is($datasources->{apiVersion}, 1, 'Grafana reads its data sources');
is($datasources->{datasources}[0]{$_->[0]}, $_->[1], "... $_->[0]") for [ type => 'prometheus' ], [ url => "http://prometheus:$ports{prometheus}" ];
my $folder = yaml('packaging/docker/dashboards.yml')->{providers}[0]{options}{path};
my @dashboards = grep { m{^\Q$folder\E/[^/]+\.json$} } keys %{ $mounted{grafana} };
ok(scalar(@dashboards), '... and dashboards in a folder where one is');
ok(ref decode_json(slurp_file("$source/$mounted{grafana}{$_}"))->{panels}, '... which is one') for @dashboards;
my $home = at('grafana', $services{grafana}{environment}{GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH});
ok(-f $home, '... and is shown at first');
is_deeply([ sort map { m{^/etc/grafana/provisioning/(\w+)/\w+\.yml$} } keys %{ $mounted{grafana} } ], [qw(dashboards datasources)], 'both files are where Grafana looks');

SKIP:
{
	skip 'promtool is not installed', 1 if !installed('promtool');
	my $config = slurp_file("$source/packaging/docker/prometheus.yml") =~ s{"(/etc/prometheus/[^"]+)"}{"$source/$mounted{prometheus}{$1}"}gr;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/prometheus.yml';
	append_to_file($file, $config);
	my $said = '';
	ok(IPC::Run::run([ 'promtool', 'check', 'config', $file ], '<', \'', '>', \$said, '2>&1'), 'promtool takes the configuration, with its rules') or diag($said);
}

# --- a new data directory, as the entrypoint hands it to the script

my $has_cron = -f `pg_config --pkglibdir` =~ s/\n//r . '/pg_cron.so';
my $node = PostgreSQL::Test::Cluster->new('new');
init_server($node);
$node->append_conf('postgresql.conf', "$_\n")
  for "listen_addresses = '127.0.0.1'", "shared_preload_libraries = 'anomaly" . ($has_cron ? ',pg_cron' : '') . "'", 'fsync = off';
append_to_file($node->data_dir . '/pg_hba.conf', "host all all 127.0.0.1/32 scram-sha-256\n");
$node->start;
my $database = q{it's "new"};
$node->safe_psql('postgres', 'CREATE DATABASE "it\'s ""new"""');
{
	local %ENV = (%ENV, PGDATA => $node->data_dir, PGHOST => $node->host, PGPORT => $node->port, POSTGRES_USER => 'postgres', POSTGRES_DB => $database, EXPORTER_PASSWORD => q{p;w});
	my $script = slurp_file("$source/packaging/docker/initdb.sh");
	my $file = PostgreSQL::Test::Utils::tempdir() . '/initdb.sh';

	# the image's server is found where psql looks; this one is not
	append_to_file($file, $script =~ s/^unset PGHOST PGHOSTADDR$/unset PGHOSTADDR/mr);
	my $said = '';
	ok(IPC::Run::run([ 'bash', $file ], '<', \'', '>', \$said, '2>&1'), 'the script sets up a new data directory') or diag($said);
	$node->_update_pid(1);
}
sub ask { return scalar $node->safe_psql($database, $_[0]) }
is(ask(q{SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension}), 'anomaly ' . ($has_cron ? 'pg_cron ' : '') . 'plpgsql', '... with its extensions in the database named');
is(ask(q{SELECT rolcanlogin AND NOT rolsuper AND pg_has_role('exporter', 'pg_monitor', 'member') FROM pg_roles WHERE rolname = 'exporter'}), 't', '... and a role for the exporter');
SKIP:
{
	skip 'pg_cron is not installed', 1 if !$has_cron;
	is(ask('SHOW cron.database_name'), $database, '... where pg_cron runs its jobs');
}

SKIP:
{
	my $exporter = 'prometheus-postgres-exporter';
	skip "$exporter is not installed", 1 if !installed($exporter);

	my ($service, $port) = ($services{exporter}, PostgreSQL::Test::Cluster::get_free_port());
	my @arguments = map { s{=(/\S+)$}{'=' . at('exporter', $1)}er } @{ $service->{command} };
	local %ENV = (%ENV, %{ $service->{environment} });
	# the exporter does not take names with quotes
	$node->safe_psql('postgres', 'CREATE EXTENSION anomaly');
	my $address = '127.0.0.1:' . $node->port;
	ok($ENV{DATA_SOURCE_URI} =~ s{^db:5432/}{$address/}, 'the exporter asks the server');
	$ENV{DATA_SOURCE_PASS} = q{p;w};
	my $log = PostgreSQL::Test::Utils::tempdir() . '/log';
	push @running, IPC::Run::start([ $exporter, "--web.listen-address=127.0.0.1:$port", @arguments ], '<', \undef, '>', $log, '2>', $log);
	my $page = '';
	for (1 .. 300)
	{
		last if ($page = page($port, '/metrics')) =~ /^anomaly_health_status\{/m;
		sleep 0.1;
	}
	like($page, qr/^anomaly_health_status\{/m, 'the exporter has the figures, with the arguments and the role of its service') or diag(slurp_file($log));
	unlike($page, qr/^pg_exporter_user_queries_load_error\{[^}]*\} 1/m, '... from all of queries.yaml');
	my ($health) = map { m{^http://127\.0\.0\.1:\d+(/\S*)$} } @{ $service->{healthcheck}{test} };
	like(page($port, $health), qr{^HTTP/1\.\d 200 }, '... and answers its health check');
}
$node->stop('immediate');
done_testing();
