# What docs/monitoring gives to Prometheus and Grafana, against the real
# exporter's page: every metric and label that the rules and the dashboard name
# is there, promtool takes the rules, Prometheus answers every query of the
# dashboard, and the dashboard is built as Grafana reads it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $monitoring = "$FindBin::RealBin/../../docs/monitoring";
my $rules = slurp_file("$monitoring/rules.yml");
my $dashboard = decode_json(slurp_file("$monitoring/dashboard.json"));
my @running;

sub installed
{
	my ($program) = @_;

	return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

# A page of a server on loopback; empty if there is none.
sub page
{
	my ($port, $path) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5) or return '';

	print $socket "GET $path HTTP/1.0\r\n\r\n";
	local $/;
	my $page = <$socket> // '';
	return $page =~ s/\A.*?\r\n\r\n//sr;
}

# Ask until a page has something, for half a minute at most.
sub page_with
{
	my ($port, $path, $pattern) = @_;
	my $page = '';

	for (1 .. 300)
	{
		$page = page($port, $path);
		last if $page =~ $pattern;
		sleep 0.1;
	}
	return $page;
}

sub run_in_background
{
	my (@command) = @_;
	my $log = PostgreSQL::Test::Utils::tempdir() . '/log';

	push @running, IPC::Run::start([@command], '<', \undef, '>', $log, '2>', $log);
	return $log;
}

END
{
	my $status = $?;

	$_->kill_kill(grace => 0) for @running;
	$? = $status;
}

# --- the dashboard, as Grafana reads it

my @panels = @{ $dashboard->{panels} };
my %variables = map { $_->{name} => $_ } @{ $dashboard->{templating}{list} };
is(ref $dashboard->{panels}, 'ARRAY', 'the dashboard has panels');
like($dashboard->{$_} // '', qr/\S/, "... and \"$_\"") for qw(title uid schemaVersion);
is($variables{datasource}{type}, 'datasource', '... and its data source is a variable');
is($variables{datasource}{query}, 'prometheus', '... a Prometheus');
my (%ids, @wrong, @expressions);
for my $panel (@panels)
{
	my $title = $panel->{title} // '?';
	my %refs;

	push @wrong, "$title: id" if $ids{ $panel->{id} // '' }++ || ($panel->{id} // '') !~ /^\d+$/;
	push @wrong, "$title: type" if ($panel->{type} // '') !~ /^(timeseries|state-timeline|table)$/;
	push @wrong, "$title: datasource" if $panel->{datasource}{uid} ne '${datasource}';
	my $at = $panel->{gridPos};
	push @wrong, "$title: gridPos" if grep { !defined $at->{$_} || $at->{$_} !~ /^\d+$/ } qw(x y w h);
	push @wrong, "$title: wider than 24" if $at->{x} + $at->{w} > 24 || $at->{h} < 1;
	for my $other (@panels)
	{
		my $there = $other->{gridPos};
		push @wrong, "$title: over $other->{title}"
		  if $other != $panel && $at->{x} < $there->{x} + $there->{w} && $there->{x} < $at->{x} + $at->{w}
		  && $at->{y} < $there->{y} + $there->{h} && $there->{y} < $at->{y} + $at->{h};
	}
	push @wrong, "$title: no target" if !@{ $panel->{targets} };
	for my $target (@{ $panel->{targets} })
	{
		push @wrong, "$title: refId" if ($target->{refId} // '') !~ /^[A-Z]$/ || $refs{ $target->{refId} }++;
		push @wrong, "$title: datasource of a target" if $target->{datasource}{uid} ne '${datasource}';
		push @expressions, $target->{expr};
	}
}
is(join("\n", @wrong), '', '... and every panel is whole');
push @expressions, map { $_->{query}{query} } grep { $_->{type} eq 'query' } values %variables;
my %used = map { $_ => 1 } map { /\$(\w+)|\$\{(\w+)\}/g } @expressions;
is(join(' ', grep { defined && !$variables{$_} && !/^__/ } keys %used), '', '... and knows its variables');

SKIP:
{
	my $exporter = 'prometheus-postgres-exporter';
	skip "$exporter is not installed", 1 if !installed($exporter);

	# --- the page

	my $node = start_server('watched', "shared_preload_libraries = 'anomaly'");
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE exporter LOGIN IN ROLE pg_monitor;
CREATE TABLE rows AS SELECT i, i % 97 AS x FROM generate_series(1, 2000) i;
INSERT INTO rows VALUES (2001, 5000), (2002, NULL);
SELECT ad_train('m', 'SELECT x FROM rows', ad_zscore() || ad_calibrate());
SELECT ad_create_job('odd "name"', 'm', 'rows', 'i', 'i', rule => '{"score": 1.5}', limit_per_hour => 5);
CALL ad_run_job('odd "name"');
SELECT ad_label(job, key, row_number() OVER (ORDER BY key) = 1) FROM ad_alerts WHERE key <> '2001';
SQL
	my $page_port = PostgreSQL::Test::Cluster::get_free_port();
	local $ENV{DATA_SOURCE_NAME} = sprintf "host='%s' port=%d user=exporter dbname=postgres sslmode=disable", $node->host, $node->port;
	my $log = run_in_background($exporter, "--web.listen-address=127.0.0.1:$page_port", '--disable-default-metrics', '--disable-settings-metrics',
		"--extend.query-path=$monitoring/queries.yaml");

	# a fit that waits, to be seen
	$node->safe_psql('postgres', q{CREATE FUNCTION wait_for(bigint) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 0 FROM (SELECT pg_advisory_xact_lock_shared($1)) t'});
	push @running, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT pg_advisory_lock(1)', '-c', 'SELECT pg_sleep(300)' ], '<', \undef, '>', '/dev/null');
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 1");
	push @running, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT length(ad_fit(ad_zscore(), x + CASE WHEN i = 100 THEN wait_for(1) ELSE 0 END)) FROM rows' ], '<', \undef, '>', '/dev/null');

	my $page = page_with($page_port, '/metrics', qr/^anomaly_progress_rows_done\{/m);
	like($page, qr/^pg_exporter_last_scrape_error(?:\{[^}]*\})? 0$/m, 'every query of queries.yaml runs for a member of pg_monitor')
	  or diag(slurp_file($log));
	unlike($page, qr/^pg_exporter_user_queries_load_error\{[^}]*\} 1/m, '... and the file is read');

	my %samples;
	$samples{$1}{ $2 // '' } = $3 while $page =~ /^(anomaly_\w+)(?:\{(.*)\})? (\S+)$/mg;
	my %job = map { my ($metric) = /^anomaly_job_(\w+)/; my ($value) = values %{ $samples{$_} }; $metric => $value } grep { /^anomaly_job_/ } keys %samples;
	like((keys %{ $samples{anomaly_job_rows} })[0], qr/kind="model",model="m",name="odd \\"name\\""/, 'a job is there by name');
	is_deeply(
		{ map { $_ => $job{$_} } qw(failures runs failed_runs rows alerts late_rows bad_rows labelled confirmed missed precision) },
		{ failures => 0, runs => 1, failed_runs => 0, rows => 2002, alerts => 5, late_rows => 0, bad_rows => 0, labelled => 5, confirmed => 1, missed => 0, precision => 0.2 },
		'... with its figures');
	cmp_ok($job{suppressed}, '>', 0, '... also of what was held back');
	cmp_ok($job{lag_seconds}, '>', 0, '... and its lag');

	# what a query of Prometheus names: metrics, and labels within braces or by "on", "by"
	my @named = map { [ $_, $_ ] } @expressions;
	push @named, map { [ $_, $_ ] } $rules =~ /^\s+expr: (.*)$/mg;
	my (%missing, %labels);
	for my $metric (keys %samples)
	{
		$labels{$metric}{$_} = 1 for map { /(\w+)="/g } keys %{ $samples{$metric} };
	}
	for my $named (@named)
	{
		my ($what) = @$named;
		my @metrics = $what =~ /\b(anomaly_\w+)/g;

		$missing{$_} = 1 for grep { !$samples{$_} } @metrics;
		for my $metric (@metrics)
		{
			$missing{"$metric: $_"} = 1
			  for grep { !$labels{$metric}{$_} && $_ ne 'instance' }
			  ($what =~ /\Q$metric\E\{([^}]*)\}/ ? $1 =~ /(\w+)=~?"/g : ()), map { split /,\s*/ } $what =~ /\b(?:by|on) \(([^)]*)\)/g;
		}
	}
	# the exporter of Debian 11 does not know histograms
	my $no_histograms = (`$exporter --version 2>&1` =~ /version 0\.(\d+)/ ? $1 : 99) < 9;
	delete @missing{ grep { /^anomaly_scoring_seconds/ } keys %missing } if $no_histograms;
	is(join(', ', sort keys %missing), '', 'every metric and label of rules and dashboard is on the page');
	my %in_words = map { $_ => 1 } $rules =~ /\$labels\.(\w+)/g;
	my %known = map { $_ => 1 } map { keys %$_ } values %labels;
	is(join(' ', grep { !$known{$_} } keys %in_words), '', '... and every label in the texts of the rules');
	my %queries = map { $_ => 1 } slurp_file("$monitoring/queries.yaml") =~ /^(anomaly_\w+):/mg;
	for my $query (sort keys %queries)
	{
		ok((grep { /^${query}_/ } keys %samples), "$query is on the page");
	}

  SKIP:
	{
		skip 'promtool is not installed', 2 if !installed('promtool');
		is(system('promtool', 'check', 'rules', "$monitoring/rules.yml"), 0, 'promtool takes the rules');
		my $said = '';
		IPC::Run::run([ 'promtool', 'check', 'metrics' ], '<', \join('', map { "$_\n" } grep { /anomaly_/ } split /\n/, $page), '>', \$said, '2>&1');
		# the counters have had their names since the first release
		is(join('', grep { !/counter metrics should have "_total" suffix/ } split /^/, $said), '', '... and has nothing against the page');
	}

  SKIP:
	{
		skip 'prometheus is not installed', 1 if !installed('prometheus');

		# Prometheus itself: the rules, and what the dashboard asks
		my $port = PostgreSQL::Test::Cluster::get_free_port();
		my $dir = PostgreSQL::Test::Utils::tempdir();
		append_to_file("$dir/prometheus.yml", <<"YML");
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ['$monitoring/rules.yml']
scrape_configs:
  - job_name: postgresql
    static_configs: [{targets: ['127.0.0.1:$page_port']}]
YML
		$log = run_in_background('prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data", "--web.listen-address=127.0.0.1:$port");
		page_with($port, '/api/v1/query?query=count_over_time(anomaly_health_status[1h])%3E2', qr/"value"/);
		my @silent;
		for my $expression (@expressions)
		{
			next if $no_histograms && $expression =~ /anomaly_scoring_seconds_bucket/;
			my $asked = $expression =~ s/\$__rate_interval/1m/gr =~ s/"\$\w+"/".*"/gr;

			$asked =~ s/^label_values\((.*), (\w+)\)$/count by ($2) ($1)/;
			$asked =~ s/([^A-Za-z0-9_.])/sprintf '%%%02X', ord $1/ge;
			my $answer = page($port, "/api/v1/query?query=$asked");
			push @silent, "$expression: $answer" if $answer !~ /"status":"success".*"value":/s;
			push @silent, "$expression: $answer" if $answer =~ /exported_/;
		}
		is(join("\n", @silent), '', 'Prometheus answers every query of the dashboard') or diag(slurp_file($log));
		my $groups = page_with($port, '/api/v1/rules', qr/"lastError"|"health":"ok"/);
		unlike($groups, qr/"health":"err"/, '... and evaluates the rules');
		like($groups, qr/"name":"AnomalyJobBehind"/, '... all of them');
	}
	$node->stop('immediate');
}
done_testing();
