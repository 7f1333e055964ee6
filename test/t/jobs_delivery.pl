# The listeners of docs/delivery: every alert that a route asks for reaches
# its target at least once, and none that it does not ask for. Through a
# restart of the server, a webhook that is down, fails or redirects, commits
# out of order, and a listener that is killed. Against an HTTP server on
# loopback and a program in place of sendmail.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP;
use Kept;
use POSIX ();
use MIME::Base64 qw(decode_base64);
use MIME::QuotedPrint qw(decode_qp);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $delivery = "$FindBin::RealBin/../../docs/delivery";
my $node = keep(start_server('delivery'));
my $port = PostgreSQL::Test::Cluster::get_free_port();
my ($dir, $http, $listener, $name);

# Ask until a condition holds, for three minutes at most.
sub becomes
{
	my ($condition, $what) = @_;

	for (1 .. 1800)
	{
		return pass("$name: $what") if $condition->();
		sleep 0.1;
	}
	fail("$name: $what");
	diag(join "\n", map { "$_: " . (received($_) =~ tr/,//) } qw(all fraud entity));
	diag("the listener said: " . slurp_file("$dir/said"));
	return;
}

sub append
{
	my ($file, $text) = @_;

	open(my $out, '>>', "$dir/$file") or die "$dir/$file: $!";
	print $out $text;
	close $out;
	return;
}

# How the HTTP server answers from now on: a status, or "hold". It reads this
# at any time, so the file is always there, and whole.
sub answer
{
	my ($how) = @_;

	append('answer.new', $how);
	rename "$dir/answer.new", "$dir/answer" or die "$dir/answer: $!";
	return;
}

# Answer requests, one after the other, and keep what came: a line of answer,
# path, key and body each.
sub serve
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 5, ReuseAddr => 1) or die "port $port: $!";

	while (my $client = $socket->accept)
	{
		my ($line, %head) = (scalar(<$client>) // '');
		my ($path) = $line =~ m{^POST /(\S+)};
		while (my $header = <$client>)
		{
			last if $header !~ /^([^:]+): *(.*?)\r?\n/;
			$head{ lc $1 } = $2;
		}
		read $client, my $body, $head{'content-length'} // 0;
		my $how = slurp_file("$dir/answer");
		append('got', "$how\t" . ($path // $line) . "\t" . ($head{'idempotency-key'} // '') . "\t$body\n");
		for (1 .. 1800)
		{
			last if $how ne 'hold';
			sleep 0.1;
			$how = slurp_file("$dir/answer");
		}
		print $client "HTTP/1.1 $how Answer\r\nLocation: http://127.0.0.1:$port/elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
		close $client;
	}
	return;
}

sub start_http
{
	answer(204);
	$http = fork // die "fork: $!";
	if ($http == 0)
	{
		serve();
		POSIX::_exit(0);
	}
	return;
}

sub stop_http
{
	kill 'KILL', $http;
	waitpid $http, 0;
	$http = undef;
	return;
}

sub start_listener
{
	append('said', '');
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'listener', PGDATABASE => $name,
		LOOK => 1000, LONGEST => 1, SENDMAIL => "$dir/sendmail");
	$listener = IPC::Run::start([ $name eq 'python' ? ('/usr/bin/python3', "$delivery/listen.py") : ('bash', "$delivery/listen.sh"), "$dir/routes" ],
		'<', \undef, '>>', "$dir/said", '2>&1', init => sub { setpgrp 0, 0 });
	return;
}

# Kill it at once, with all that it has started.
sub stop_listener
{
	kill 'KILL', -$listener->{KIDS}[0]{PID};
	$listener->finish;
	$listener = undef;
	return;
}

# What came, as lists of answer, path, key and body.
sub got
{
	return -f "$dir/got" ? map { [ split /\t/, $_, 4 ] } split /\n/, slurp_file("$dir/got") : ();
}

# The key of the alert in a body; asked for often, and JSON::PP is slow.
my %keys;

sub key_of
{
	my ($body) = @_;

	return $keys{$body} //= decode_json($body)->{key};
}

# Keys of the alerts that a path answered for, each once, in order.
sub received
{
	my ($path) = @_;
	my %seen;

	return join ',', sort grep { !$seen{$_}++ } map { key_of($_->[3]) } grep { $_->[1] eq $path && $_->[0] =~ /^2/ } got();
}

# The same, as the alerts say.
sub expected
{
	my ($condition) = @_;

	my $keys = $node->safe_psql($name, "SELECT coalesce(jsonb_agg(DISTINCT key), '[]') FROM ad_alerts WHERE $condition");
	return join ',', sort @{ decode_json($keys) };
}

# Rows that all are alerts: number of the first and last.
sub alert
{
	my ($table, $first, $last) = @_;

	$node->safe_psql($name, "INSERT INTO $table (key, entity, x) SELECT $first + i, 'C' || i % 3, i FROM generate_series(0, $last - $first) i; CALL ad_run_job('$table')");
	return;
}

# All targets have what the alerts say.
sub complete
{
	my ($what) = @_;
	my %routes = (
		all => 'true',
		fraud => "job = 'fraud' AND score >= 1",
		entity => "entity LIKE 'C1%' OR entity IS NULL");

	$_ = expected($_) for values %routes;
	becomes(sub { !grep { received($_) ne $routes{$_} } keys %routes }, $what);
	return;
}

sub check
{
	$dir = PostgreSQL::Test::Utils::tempdir();
	append('sendmail', "#!/bin/sh\ncat >'$dir/mail.part' && cat '$dir/mail.part' >>'$dir/mail'\n");
	chmod 0755, "$dir/sendmail";
	# what is no job's alert must not be asked for by mail, too
	append('routes', <<"END");
# routes

all     http://127.0.0.1:$port/all     *  FROM ad_alerts   WHERE true
fraud   http://127.0.0.1:$port/fraud   key, format('%s: 100%%', key) AS text FROM ad_alerts WHERE job = 'fraud' AND score >= 1
entity  http://127.0.0.1:$port/entity  * FROM ad_alerts WHERE entity LIKE 'C1%' OR entity IS NULL
post    mailto:desk\@example.com       job, key FROM ad_alerts WHERE job = 'late'
health  http://127.0.0.1:$port/health  * FROM ad_health_log WHERE to_status <> 'ok' AND "check" = 'job lag'
wrong   http://127.0.0.1:$port/wrong   * FROM ad_alerts WHERE no_such_column
END
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, <<'SQL');
CREATE EXTENSION anomaly;
CREATE TABLE fraud (n bigserial, key text, entity text, x float8);
CREATE TABLE late (LIKE fraud INCLUDING ALL);
SELECT ad_train('m', 'SELECT x::float8 FROM generate_series(1, 100) x', 'zscore');
SELECT ad_create_job('fraud', 'm', 'fraud', 'key', 'n', rule => '{"score": 0}', entity => 'entity'),
       ad_create_job('late', 'm', 'late', 'key', 'n', rule => '{"score": 0}', entity => 'entity');
SELECT ad_grant_job(job, 'listener', 'read') FROM unnest('{fraud,late}'::text[]) job;
-- the alerts of this job commit when nobody holds the lock
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON _anomaly._ad_alert DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.job = 'late') EXECUTE FUNCTION wait();
SQL
	# read at once are a hundred alerts, or, where the shell is to send them, ten
	my $setup = slurp_file("$delivery/setup.sql");
	my $at_once = $ENV{ANOMALY_LONG} ? 100 : 10;
	$setup =~ s/\bLIMIT 100\b/LIMIT $at_once/ or die 'setup.sql reads another number of alerts at once';
	$node->safe_psql($name, $setup);

	# what was there before, more than is read at once; and odd keys
	start_http();
	alert('fraud', 1, 2 * $at_once + 4);
	$node->safe_psql($name, <<'SQL');
INSERT INTO fraud (key, x) VALUES (E'tab\there', 1), (E'line\nend', 2), (E'it''s "quoted" \\ 100% :x', 3), ('größe 日本', 4), ('  two  spaces ', 5), ('*', 6);
CALL ad_run_job('fraud');
SQL
	start_listener();
	complete('what was written before it began arrives');
	alert('fraud', 1001, 1003);
	complete('what is written is announced, and arrives');
	is(scalar(grep { $_->[1] eq 'wrong' } got()), 0, "$name: a route with an error in it sends nothing");
	like(slurp_file("$dir/said"), qr/no_such_column/, "$name: ... and says why");

	# alerts that commit after others that were written later
	my $holder = Session->new($node, dbname => $name);
	$holder->do('SELECT pg_advisory_lock(1)');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($name), '-c', "INSERT INTO late (key, entity, x) VALUES ('late one', 'C1', 1), ('late two', 'C2', 2)", '-c', "CALL ad_run_job('late')" ]);
	becomes(sub { sql_value($node, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted") }, 'a batch waits to commit');
	alert('fraud', 2001, 2002);
	complete('others go on');
	$holder->do('SELECT pg_advisory_unlock(1)');
	$run->finish;
	complete('it arrives when it has committed');
	$holder->end;

	# mail
	becomes(sub { -f "$dir/mail" && (() = slurp_file("$dir/mail") =~ /^To: desk\@example\.com$/mg) == 2 }, 'mail is sent');
	my ($body) = slurp_file("$dir/mail") =~ /\n\n(.*?)\n(?=To:|Content-Type:|\z)/s;
	like($body . decode_base64($body) . decode_qp($body), qr/"key": "late one"/, "$name: ... of the alert");

	# the webhook fails, sends elsewhere, and is away
	for my $how (500, 302)
	{
		answer($how);
		alert('fraud', $how, $how);
		becomes(sub { grep { $_->[0] eq $how && $_->[1] eq 'all' } got() }, "an answer of $how");
		answer(204);
		complete("... is none: it is sent again");
	}
	is(scalar(grep { $_->[1] =~ /elsewhere/ } got()), 0, "$name: it is not sent where it was not asked to be");
	stop_http();
	my $said = -s "$dir/said";
	alert('fraud', 3001, 3005);
	becomes(sub { substr(slurp_file("$dir/said"), $said) =~ /route all/ }, 'a webhook that is away is noticed');
	start_http();
	complete('what was written meanwhile arrives');
	my @keys = map { $_->[2] } grep { $_->[0] eq '204' } got();
	is(scalar(keys %{ { map { $_ => 1 } @keys } }), scalar(@keys), "$name: so far nothing was sent twice");

	# the server goes away
	$node->stop('immediate');
	$node->start;
	alert('fraud', 4001, 4002);
	complete('after a restart of the server it listens again');
	$node->restart;
	alert('fraud', 4003, 4004);
	complete('... and again');

	# the listener is killed between the answer and its note of it, and is away
	answer('hold');
	alert('fraud', 5001, 5001);
	becomes(sub { grep { $_->[0] eq 'hold' } got() }, 'an alert is on its way');
	stop_listener();
	my ($held) = map { $_->[2] } grep { $_->[0] eq 'hold' } got();
	answer(204);
	becomes(sub { !sql_value($node, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'listener'") }, 'the listener is gone');
	alert('fraud', 6001, 6002);
	my $late = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($name), '-c', "SELECT pg_advisory_lock(hashtext('delivery.sent'))", '-c', "SELECT pg_sleep(3600)" ]);
	becomes(sub { sql_value($node, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND wait_event = 'PgSleep'") }, 'another listener is there');
	my $before = got();
	start_listener();
	becomes(sub { sql_value($node, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'listener' AND wait_event = 'advisory'") }, 'the listener waits for it');
	is(scalar(got()), $before, "$name: ... and sends nothing");
	$late->kill_kill(grace => 0);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()");
	complete('then all arrives');
	# more often, if the listener had given up on the first time when it was killed
	cmp_ok(scalar(grep { $_->[2] eq $held } got()), '>=', 2, "$name: what was not noted is sent twice, with the same key");

	# changes of health
  SKIP:
	{
		skip 'changes of health are not kept', 1 if !sql_value($node, "SELECT count(*) FROM pg_class WHERE relname = 'ad_health_log'");
		$node->safe_psql($name, 'SET anomaly.health_job_lag_warning = 0; CALL ad_check_health()');
		becomes(sub { grep { $_->[1] eq 'health' && $_->[3] =~ /"job lag"/ } got() }, 'a check that is no longer ok arrives');
	}

	# what is looked through no more is forgotten, and the last one stays
	$node->safe_psql($name, "UPDATE delivery.sent SET written_at = written_at - interval '3 days' WHERE route = 'all' AND id ->> 2 <> '6002'");
	is( $node->safe_psql($name, "SELECT count(*) FROM delivery.pending('all', '*', 'ad_alerts', 'scored_at > clock_timestamp()');
		SELECT string_agg(id ->> 2, ',') FROM delivery.sent WHERE route = 'all' AND job = 'fraud'"), "0\n6002", "$name: what is old is forgotten");
	# a clock that was wrong for a while
	$node->safe_psql($name, "UPDATE delivery.sent SET written_at = written_at + interval '100 years' WHERE route = 'entity'");
	alert('fraud', 7001, 7003);
	complete('a time in the future hides nothing');

	stop_listener();
	stop_http();
	return;
}

# what still runs would keep the test from ending
END
{
	my $status = $?;

	stop_listener() if $listener;
	stop_http() if $http;
	$? = $status;
}

$node->safe_psql('postgres', 'CREATE ROLE listener LOGIN IN ROLE pg_monitor');
SKIP:
{
	skip 'python3 has no psycopg2 and no psycopg', 1
	  if system("/usr/bin/python3 -c 'import psycopg2' 2>/dev/null || /usr/bin/python3 -c 'import psycopg' 2>/dev/null");
	$name = 'python';
	check();
}
SKIP:
{
	skip 'curl is not installed', 1 if system('curl --version >/dev/null 2>&1');
	$name = 'shell';
	check();
}
$node->stop;
done_testing();
