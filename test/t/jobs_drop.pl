# A job that is dropped while it is labelled, run or dropped by somebody else
# takes everything with it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_server('drop');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE ev AS SELECT i, i * 37 % 101 AS a, timestamptz '2026-01-01' + i * interval '1 second' AS ts FROM generate_series(1, 2000) i;
SELECT ad_train('m', 'SELECT a FROM ev', 'zscore');
SQL

# A session that says what it is told, and waits for an answer.
sub session
{
	my %s = (in => '', out => '');
	$s{psql} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$s{in}, '>', \$s{out}, '2>', \$s{out}, IPC::Run::timeout(60));
	return \%s;
}

sub say_to { my ($s, $sql) = @_; $s->{in} .= "$sql\n"; $s->{psql}->pump_nb; }

sub ask
{
	my ($s, $sql) = @_;
	$s->{out} = '';
	say_to($s, "$sql\n\\echo answered");
	$s->{psql}->pump until $s->{out} =~ /answered/;
	return $s->{out};
}

sub waits
{
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')") or die 'nobody waits';
}

my $left = join ' UNION ALL ', map { "SELECT '$_' FROM _anomaly.$_ s WHERE NOT EXISTS (SELECT FROM _anomaly._ad_job j WHERE j.id = s.job_id)" }
	qw(_ad_job_state _ad_job_seen _ad_job_run _ad_job_error _ad_alert _ad_label _ad_job_grant);

my %first = (
	'labels' => "SELECT ad_label('j', '7', true)",
	'begins a run' => "SELECT _anomaly._ad_job_begin('j') IS NOT NULL",
	'grants' => "SELECT ad_grant_job('j', 'public')",
	'changes' => "SELECT ad_alter_job('j', '{\"explain\": 1}')",
	'drops' => "SELECT ad_drop_job('j')");
for my $what (sort keys %first)
{
	for my $order ('the drop waits', 'the drop is first')
	{
		my ($one, $two) = (session(), session());

		$node->safe_psql('postgres', "SELECT ad_create_job('j', 'm', 'ev', 'i', 'ts', '{\"score\": 1.5}')");
		my @order = ($first{$what}, "SELECT ad_drop_job('j')");
		@order = reverse @order if $order eq 'the drop is first';
		ask($one, "BEGIN; $order[0];");
		$two->{out} = '';
		say_to($two, "$order[1];");
		waits();
		ask($one, 'COMMIT;');
		my $said = ask($two, '');
		like($said, qr/does not exist|was dropped|permission denied/, "$what, $order: who comes second is told")
			if $order eq 'the drop is first' || $what eq 'drops';
		is($node->safe_psql('postgres', "SELECT count(*) FROM _anomaly._ad_job"), 0, "$what, $order: the job is gone");
		is($node->safe_psql('postgres', $left), '', "$what, $order: and all that was its own");
		say_to($_, '\q') for $one, $two;
		$_->{psql}->finish for $one, $two;
	}
}

# a batch keeps its job until it is done; the run then finds it gone
{
	my ($gate, $run, $drop) = (session(), session(), session());

	$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION gate() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN true; END $$;
SELECT ad_create_job('j', 'm', 'SELECT * FROM ev WHERE gate()', 'i', 'ts', '{"score": 1.5}', batch_size => 20);
SQL
	ask($gate, 'SELECT pg_advisory_lock(1);');
	say_to($run, "CALL ad_run_job('j');");
	waits();
	say_to($drop, "SELECT ad_drop_job('j');");
	$node->poll_query_until('postgres', "SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") or die 'the drop does not wait';
	ask($gate, 'SELECT pg_advisory_unlock(1);');
	ask($drop, '');
	like(ask($run, ''), qr/job was dropped or given to another role while it ran/, 'a run whose job is dropped is told');
	is($node->safe_psql('postgres', "SELECT count(*) FROM _anomaly._ad_job"), 0, 'and the job is gone');
	is($node->safe_psql('postgres', $left), '', 'and all that was its own');
	say_to($_, '\q') for $gate, $run, $drop;
	$_->{psql}->finish for $gate, $run, $drop;
}

$node->stop;
done_testing();
