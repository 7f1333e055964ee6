# Jobs while others write: every version that a run could see is scored once,
# whatever commits late, is updated, deleted, killed or run twice.
#
# One process decides every step, by a seed that is printed: writers that hold
# transactions open, with savepoints, rolled back, prepared; updates, deletes,
# rows that come back; runs that are killed while others commit, two at a time;
# a backend or the whole server killed by SIGKILL. It notes what each transaction
# wrote, and when it began to write and committed, and so knows what each job had
# to score. Several jobs watch the same rows, each by a watermark of its own.
#
# A little in the suite; "test/long.sh SEED jobs_torture" does it for long.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use List::Util qw(max min shuffle sum0);
use Session;
use Test::More;
use Time::HiRes qw(usleep);

# The columns that are watermarks, as numbers that can be compared. All but the
# clock's follow from "no", which is drawn from a sequence.
my %place = (
	no => 'no', cached => 'cached', at => '(extract(epoch FROM at) * 1000000)::bigint',
	local => '(extract(epoch FROM local) * 1000000)::bigint', day => "day - date '2000-01-01'");
# Jobs: the column, the lag for the job and as a place, rows of a batch.
my %jobs = (
	no0 => [ 'no', '0', 0, 50 ], no10 => [ 'no', '10', 10, 7 ], no1000 => [ 'no', '1000', 1000, 10 ], no0b1 => [ 'no', '0', 0, 1 ],
	at0 => [ 'at', '0', 0, 20 ], at5 => [ 'at', '5 minutes', 300e6, 50 ], local5 => [ 'local', '5 minutes', 300e6, 30 ],
	day0 => [ 'day', '0', 0, 20 ], cached100 => [ 'cached', '100', 100, 50 ]);
# the hour that comes twice in Vienna
my @twice = map { 1761444000e6 + $_ * 3600e6 } 0, 1;

# What a phase does: chances, in percent of the steps, and settings.
my %usual = (writers => 4, run => 40, shape => 'table', rollback => 15, savepoint => 20, jobs => [qw(no0 no10 no1000 no0b1 at0 at5 local5 day0 cached100)]);
my %phases = (
	commits => { %usual, prepare => 30, rounds => 60 },
	short => { %usual, writers => 2, short => 1, rounds => 60, jobs => [qw(no0 no0b1 at0 local5 day0)] },
	partitions => { %usual, shape => 'parts', prepare => 20, rounds => 45 },
	view => { %usual, shape => 'view', prepare => 20, rounds => 30 },
	updates => { %usual, update => 50, delete => 15, wild => 1, rounds => 60 },
	truncate => { %usual, writers => 2, truncate => 6, rounds => 45, jobs => [qw(no0 no10 no1000)] },
	kills => { %usual, shape => 'slow', update => 20, prepare => 10, kill => 50, twice => 20, lag => 3, rounds => 40, jobs => [qw(no10 no1000 at5 day0)] },
	crashes => { %usual, shape => 'slow', writers => 2, prepare => 10, run => 100, kill => 60, crash => 100, calm => 1, rounds => 4, jobs => [qw(no1000 at5)] });
my @suite = qw(commits short partitions view updates truncate kills crashes);

my $seed = seed();
my $node = start_server('torture', 'max_prepared_transactions = 30', 'max_connections = 50', 'restart_after_crash = on', 'lock_timeout = 30s');
$node->safe_psql('postgres', <<'SQL');
ALTER DATABASE postgres SET timezone = 'UTC';
CREATE TABLE train AS SELECT sin(i) AS x FROM generate_series(1, 500) i;
SELECT ad_train('m', 'SELECT x FROM train', ad_zscore());
CREATE FUNCTION pause(k bigint) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF k % 4 = 0 THEN PERFORM pg_sleep(0.001); END IF;
	RETURN true;
END $$;
SQL

package Torture;

use List::Util qw(max min shuffle sum0);
use Test::More;
use Time::HiRes qw(usleep);

my $phase_number = 0;

sub new
{
	my ($class, %phase) = @_;
	my $self = bless { phase => \%phase, table => 'ev' . ++$phase_number, step => 0, n => 0, key => 0, rows => {}, calls => [], prepared => [], truncated => [],
		kills => 0, crashes => 0 }, $class;
	my $t = $self->{table};
	my $partitioned = $phase{shape} eq 'parts';

	$self->{admin} = Session->new($node);
	$self->sql(<<"SQL");
CREATE SEQUENCE ${t}_no;
CREATE SEQUENCE ${t}_cached CACHE 20;
CREATE TABLE $t (k bigint, no bigint NOT NULL, cached bigint NOT NULL, at timestamptz NOT NULL, local timestamp NOT NULL, day date NOT NULL, n bigint,
	x float8 DEFAULT 1) @{[ $partitioned ? 'PARTITION BY RANGE (no)' : '' ]};
CREATE VIEW ${t}_v AS SELECT * FROM $t
SQL
	$self->sql("CREATE TABLE ${t}_$_ PARTITION OF $t FOR VALUES FROM (" . (qw(MINVALUE 50 150 400))[$_] . ') TO (' . (qw(50 150 400 MAXVALUE))[$_] . ')')
	  for $partitioned ? 0 .. 3 : ();
	$self->sql("CREATE INDEX ON $t ($_, k)") for sort keys %place;
	$self->{jobs} = { map { $_ => [ @{ $jobs{$_} } ] } @{ $phase{jobs} } };
	$self->{source} = $phase{shape} eq 'view' ? "${t}_v" : $phase{shape} eq 'slow' ? "SELECT * FROM $t WHERE pause(k)" : $t;
	$self->make($_) for sort keys %{ $self->{jobs} };
	$self->{writers} = [ map { { } } 1 .. $phase{writers} ];
	return $self;
}

sub job { return "$_[0]{table}_$_[1]"; }

sub make
{
	my ($self, $name, $as) = @_;
	my ($column, $lag, undef, $batch) = @{ $jobs{$name} };

	$self->sql("SET timezone = 'Europe/Vienna'");
	$self->sql('SELECT ad_create_job(\'' . $self->job($as // $name) . qq{', 'm', '$self->{source}', 'k', '$column', '{"score": 0}', batch_size => $batch, lag => '$lag', explain => 0)});
	$self->sql('RESET timezone');
	return;
}

sub sql { return $_[0]{admin}->do($_[1]); }

sub chance { return rand(100) < ($_[0]{phase}{ $_[1] } // 0); }

sub now { return ++$_[0]{step}; }

# The session of a writer, in a transaction.
sub session
{
	my ($self, $writer) = @_;

	$writer->{session} = Session->new($node) if !$writer->{session} || $writer->{session}{ended};
	if (!$writer->{tx})
	{
		$writer->{session}->do('BEGIN');
		$writer->{tx} = { rows => [], dead => [], saves => [] };
	}
	return $writer->{session};
}

# Rows as a writer's statement returned them.
sub note_rows
{
	my ($self, $tx, $answer) = @_;

	for (split /\n/, $answer)
	{
		my ($n, $k, @places) = split /\|/;
		my %w;

		@w{ sort keys %place } = @places;
		push @{ $tx->{rows} }, $self->{rows}{$n} = { n => $n, k => $k, w => \%w, tx => $tx };
	}
	return;
}

# Statements write the columns from a number and the clock.
my $columns = "no, cached, at, local, day";
my $returning = join ', ', 'RETURNING n', 'k', map { $place{$_} } sort keys %place;

sub values_of
{
	my ($self, $no) = @_;
	my $wild = $self->chance('wild');
	my $at = $wild ? "timestamptz '2999-01-01'" : 'clock_timestamp()';

	$no = "($no + 900000000000)" if $wild;
	return "$no, nextval('$self->{table}_cached'), $at, (timestamptz '2025-10-25 22:30Z' + $no % 100000 * interval '60 s') AT TIME ZONE 'Europe/Vienna', date '2025-01-01' + ($no % 100000 / 20)::int";
}

# The start of a transaction, for what is in progress, is its first write.
sub begin_write { $_[1]{hold} //= $_[0]->now; return; }

sub insert
{
	my ($self, $writer) = @_;
	my $session = $self->session($writer);
	my $tx = $writer->{tx};
	my $m = 1 + int rand 6;

	if (!$tx->{hold} && rand() < 0.2)
	{
		# a lock and numbers, but no transaction id yet
		$session->do("LOCK TABLE $self->{table} IN ROW EXCLUSIVE MODE");
		$self->begin_write($tx);
		$tx->{drawn} = [ split /\n/, $session->do("SELECT nextval('$self->{table}_no') FROM generate_series(1, 6)") ];
		return;
	}
	$self->begin_write($tx);
	my ($n, $k) = ($self->{n}, $self->{key});
	$self->{n} += $m;
	$self->{key} += $m;
	# in any order of their numbers, and sometimes numbers drawn long before
	my $drawn = "(SELECT nextval('$self->{table}_no') AS no FROM generate_series(1, $m) ORDER BY random())";
	my $old = $tx->{drawn};
	if ($old && @$old >= $m)
	{
		$drawn = '(SELECT unnest(ARRAY[' . join(',', splice @$old, 0, $m) . ']) AS no)';
	}
	$self->note_rows($tx, $session->do("INSERT INTO $self->{table} (k, n, $columns) SELECT $k + i, $n + i, " . $self->values_of('no') .
		" FROM (SELECT no, row_number() OVER () AS i FROM $drawn d) q $returning"));
	$tx->{drawn} = [ split /\n/, $session->do("SELECT nextval('$self->{table}_no') FROM generate_series(1, 6)") ] if rand() < 0.1;
	return;
}

# Rows of which others will not write; each writer has its own.
sub own_rows
{
	my ($self, $writer) = @_;
	my %dead = map { $_->{n} => 1 } @{ $writer->{tx}{dead} };

	return grep { !$_->{dead} && !$dead{ $_->{n} } } @{ $writer->{own} };
}

sub update
{
	my ($self, $writer) = @_;
	my $session = $self->session($writer);
	my $tx = $writer->{tx};
	my @rows = (shuffle $self->own_rows($writer))[ 0 .. int rand 3 ];

	for my $row (grep { defined } @rows)
	{
		$self->begin_write($tx);
		if (rand() < 0.2)		# no new version
		{
			$session->do("UPDATE $self->{table} SET x = x + 1 WHERE n = $row->{n}");
			next;
		}
		my $n = ++$self->{n};
		$self->note_rows($tx, $session->do("UPDATE $self->{table} SET n = $n, ($columns) = (SELECT " . $self->values_of('no') .
			" FROM (SELECT nextval('$self->{table}_no') AS no OFFSET 0) q) WHERE n = $row->{n} $returning"));
		push @{ $tx->{dead} }, $row;
	}
	return;
}

# Deletes a row; sometimes an equal one takes its place.
sub delete
{
	my ($self, $writer) = @_;
	my $session = $self->session($writer);
	my ($row) = shuffle $self->own_rows($writer);

	return if !$row;
	$self->begin_write($writer->{tx});
	my $n = ++$self->{n};
	my $back = rand() < 0.5;
	my $answer = $session->do($back
		? "WITH d AS (DELETE FROM $self->{table} WHERE n = $row->{n} RETURNING *) INSERT INTO $self->{table} (k, n, $columns) SELECT k, $n, $columns FROM d $returning"
		: "DELETE FROM $self->{table} WHERE n = $row->{n}");
	push @{ $writer->{tx}{dead} }, $row;
	$self->note_rows($writer->{tx}, $answer) if $back;
	return;
}

sub write
{
	my ($self, $writer) = @_;
	my $session = $self->session($writer);
	my $tx = $writer->{tx};
	my $saves = $tx->{saves};

	if ($self->chance('savepoint'))
	{
		$session->do('SAVEPOINT s' . @$saves);
		push @$saves, [ scalar @{ $tx->{rows} }, scalar @{ $tx->{dead} }, $tx->{hold} ];
	}
	$self->chance('update') ? $self->update($writer) : $self->chance('delete') ? $self->delete($writer) : $self->insert($writer);
	if (@$saves && rand() < 0.3)
	{
		my ($rows, $dead, $hold) = @{ pop @$saves };
		my $undo = rand() < 0.5;

		$session->do(($undo ? 'ROLLBACK TO s' : 'RELEASE s') . @$saves);
		if ($undo)
		{
			splice @{ $tx->{rows} }, $rows;
			splice @{ $tx->{dead} }, $dead;
			# a lock that was taken since is given back
			delete $tx->{drawn} if !$hold;
			$tx->{hold} = $hold;
		}
	}
	return;
}

# A transaction has committed, or not.
sub ended
{
	my ($self, $tx, $writer, $committed) = @_;
	my $now = $self->now;

	return if !$committed;
	$_->{dead} = $now for @{ $tx->{dead} };
	for my $row (@{ $tx->{rows} })
	{
		$row->{committed} = $now;
		push @{ $writer->{own} }, $row;
	}
	return;
}

sub finish
{
	my ($self, $writer, $commit) = @_;
	my $tx = delete $writer->{tx} or return;
	my $session = $writer->{session};

	# what is prepared may end after other transactions of this writer
	if (!$commit && $tx->{hold} && !@{ $tx->{dead} } && $self->chance('prepare'))
	{
		my $gid = "$self->{table} " . $self->now;

		$session->do("PREPARE TRANSACTION '$gid'");
		push @{ $self->{prepared} }, [ $gid, $tx, $writer ];
		return;
	}
	my $rollback = !$commit && $self->chance('rollback');

	$session->do($rollback ? 'ROLLBACK' : 'COMMIT');
	$self->ended($tx, $writer, !$rollback);
	return;
}

sub resolve
{
	my ($self) = @_;
	my ($gid, $tx, $writer) = @{ splice @{ $self->{prepared} }, int rand @{ $self->{prepared} }, 1 };
	my $commit = rand() < 0.85;

	$self->sql(($commit ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'");
	$self->ended($tx, $writer, $commit);
	return;
}

# The greatest watermark that a run up to now may have read. What lies absurdly
# far ahead does not count.
sub greatest
{
	my ($self, $column) = @_;
	my $limit = $column eq 'no' ? 1e11 : 1e16;

	return max grep { $_ < $limit } map { $_->{w}{$column} } grep { $_->{committed} } values %{ $self->{rows} };
}

sub run
{
	my ($self, $name) = @_;
	my ($column, undef, $lag) = @{ $self->{jobs}{$name} };
	my $call = { job => $name, start => $self->now };
	my $sql = 'CALL ad_run_job(\'' . $self->job($name) . '\')';
	my $kill = $self->chance('kill');
	my $twice = !$kill && $self->chance('twice');
	my $runner = $kill || $twice || rand() < 0.1 ? Session->new($node) : ($self->{runner} = !$self->{runner} || $self->{runner}{ended} ? Session->new($node) : $self->{runner});

	push @{ $self->{calls} }, $call;
	$runner->say($sql);
	if ($twice)
	{
		my $answer = Session->new($node)->ask($sql);

		fail("second run of $name: $answer") if $answer =~ /ERROR/;
	}
	if ($kill)
	{
		usleep(rand 80_000);
		# some commit while it runs
		for (grep { $_->{tx} && rand() < 0.3 } @{ $self->{writers} }) { $self->finish($_); }
		$self->chance('crash') ? $self->crash($runner) : $self->sql("SELECT pg_terminate_backend($runner->{pid})");
		$self->{kills}++;
	}
	my $answer = $runner->answer;
	$call->{end} = $self->now;
	$call->{ok} = !$kill && !$twice;
	fail("run of $name: $answer") if $call->{ok} && $answer =~ /ERROR|FATAL/;
	# above it no run has begun to look yet
	my $greatest = $self->greatest($column);
	$call->{greatest} = $greatest;
	if (defined $greatest)
	{
		$call->{floor} = $greatest - $lag;
		$call->{floor} = min($call->{floor}, $twice[0]) if $column eq 'local' && $twice[0] <= $greatest && $greatest < $twice[1] + $lag;
	}
	$runner->end if $runner != ($self->{runner} // 0);
	return;
}

# A process of the server is killed, or all of them. Prepared transactions live
# on, all others are gone.
sub crash
{
	my ($self, $runner) = @_;

	$self->{crashes}++;
	if (rand() < 0.5)
	{
		my $log = -s $node->logfile;

		kill 'KILL', $runner->{pid};
		$runner->ends(300);
		main::after_crash($node, $log);
	}
	else
	{
		rand() < 0.5 ? $node->kill9 : $node->stop('immediate');
		for (1 .. 3000)
		{
			last if $node->start(fail_ok => 1);
			delete $node->{_pid};		# the file of the killed one is no server's
			usleep(100_000);
		}
	}
	for my $writer (@{ $self->{writers} })
	{
		delete $writer->{tx};
		delete $writer->{session};
	}
	delete $self->{runner};
	$self->{admin} = Session->new($node);
	return;
}

sub truncate
{
	my ($self) = @_;

	$self->finish($_, 1) for @{ $self->{writers} };
	$self->sql("TRUNCATE $self->{table}");
	$self->sql("ALTER SEQUENCE $self->{table}_no RESTART");
	my $now = $self->now;
	push @{ $self->{truncated} }, $now;
	$_->{dead} //= $now for grep { $_->{committed} } values %{ $self->{rows} };
	return;
}

sub torture
{
	my ($self) = @_;
	my @writers = @{ $self->{writers} };

	for my $round (1 .. $self->{phase}{rounds})
	{
		for (1 .. 1 + int rand 6)
		{
			my $i = int rand @writers;
			my $writer = $writers[$i];

			# the first holds its transactions long, which holds up much
			$writer->{tx} && rand() < ($i || $self->{phase}{short} ? 0.4 : 0.05) ? $self->finish($writer) : $self->write($writer);
		}
		$self->resolve if @{ $self->{prepared} } && (rand() < 0.15 || @{ $self->{prepared} } > 8);
		$self->truncate if $self->chance('truncate') || $self->{phase}{truncate} && $round == int($self->{phase}{rounds} / 2);
		if ($self->chance('lag'))
		{
			for my $name (grep { $jobs{$_}[0] eq 'no' } keys %{ $self->{jobs} })
			{
				my $lag = $self->{jobs}{$name}[2] *= 2;

				$self->sql('SELECT ad_alter_job(\'' . $self->job($name) . qq{', '{"lag": "$lag"}')});
			}
		}
		for my $name (sort keys %{ $self->{jobs} })
		{
			$self->run($name) if $self->chance('run');
		}
	}
	$self->finish($_, 1) for @writers;
	$self->resolve while @{ $self->{prepared} };
	delete @{ $self->{phase} }{qw(kill twice crash)};
	for my $name (sort keys %{ $self->{jobs} }) { $self->run($name) for 1 .. 4; }
	return;
}

# How often each row version alerted, and what the log counts.
sub scored
{
	my ($self, $name) = @_;
	my $job = $self->job($name);
	my %alerts;

	$alerts{$_}++ for split /\n/, $self->sql(qq{SELECT "row" ->> 'n' FROM ad_alerts WHERE job = '$job'});
	return (\%alerts, $self->sql("SELECT coalesce(sum(rows) - sum(suppressed), 0) FROM ad_job_runs WHERE job = '$job'"));
}

# Whether a row came too late for a job.
sub is_late
{
	my ($self, $row, $name, $column) = @_;
	my $hold = $row->{tx}{hold};
	my $w = $row->{w}{$column};

	for my $call (grep { $_->{job} eq $name && $_->{start} < $hold && defined $_->{floor} } @{ $self->{calls} })
	{
		return 1 if $w < $call->{floor};
		return 1 if $w <= $call->{greatest} && grep { $call->{start} < $_ && $_ < $hold } @{ $self->{truncated} };
	}
	return 0;
}

# What a job had to score and may have scored, as versions.
sub expected
{
	my ($self, $name, $column) = @_;
	my @whole = grep { $_->{job} eq $name && $_->{ok} } @{ $self->{calls} };
	my (%must, %may, %alive);

	for my $row (grep { $_->{committed} } values %{ $self->{rows} })
	{
		my $version = "$row->{k}\@$row->{w}{$column}";
		my $met = !$row->{dead} || grep { $row->{committed} < $_->{start} && $_->{end} < $row->{dead} } @whole;

		$may{$version} = 1;
		$must{$version} = 1 if $met && !$self->is_late($row, $name, $column);
		$alive{$version} = 1 if !$row->{dead};
	}
	return (\%must, \%may, \%alive);
}

sub check
{
	my ($self, $name) = @_;
	my $column = $self->{jobs}{$name}[0];
	my $job = $self->job($name);
	my ($must, $may, $alive) = $self->expected($name, $column);
	my ($scored, $rows) = $self->scored($name);
	my (%times, @wrong);

	for my $n (keys %$scored)
	{
		my $row = $self->{rows}{$n};
		$times{ $row ? "$row->{k}\@$row->{w}{$column}" : "n $n" } += $scored->{$n};
	}
	my @missing = grep { !$times{$_} } sort keys %$must;
	my @unexpected = grep { !$may->{$_} } sort keys %times;
	my @twice = grep { $times{$_} > 1 } sort keys %times;
	my @passed = grep { !$times{$_} } keys %$alive;

	push @wrong, "missing: @missing[0 .. min(4, $#missing)] (" . @missing . ')' if @missing;
	push @wrong, "not written: @unexpected[0 .. min(4, $#unexpected)]" if @unexpected;
	push @wrong, "twice: @twice[0 .. min(4, $#twice)] (" . @twice . ')' if @twice;
	my $over = $rows - sum0 values %times;
	push @wrong, "the log counts $over rows more than alerted" if $over;

	# late rows are counted, exactly if nothing was changed, never too few but
	# for what was deleted; ad_rescan() gets them
	$self->sql('SELECT * FROM ad_health()');
	my $late = $self->{admin}->ask("SELECT late_rows FROM ad_jobs WHERE name = '$job'");
	my $exact = !grep { $self->{phase}{$_} } qw(update delete);
	push @wrong, "late_rows is $late, " . @passed . ' were passed by' if $late !~ /^\d+$/ || $late < @passed && !$self->{phase}{delete} || $exact && $late != @passed;
	if (@passed && $late =~ /^\d+$/)
	{
		$self->sql("SELECT ad_rescan('$job', (SELECT min($column)::text FROM $self->{table}))");
		$self->run($name);
		($scored) = $self->scored($name);
		my %now;

		for my $row (map { $self->{rows}{$_} // () } keys %$scored) { $now{"$row->{k}\@$row->{w}{$column}"} += $scored->{ $row->{n} }; }
		my @left = grep { ($now{$_} // 0) != 1 } keys %$alive;
		push @wrong, "after ad_rescan() not scored once: @left[0 .. min(4, $#left)] (" . @left . ')' if @left;
	}
	note sprintf '%s: %d to score, %d more scored, %d late', $name, scalar keys %$must, scalar(grep { !$must->{$_} } keys %times), scalar @passed;
	return join '; ', @wrong;
}

# A job that nobody disturbed, run at the end, has the same alerts.
sub check_calm
{
	my ($self, $name) = @_;

	$self->make($name, 'calm');
	$self->sql("CALL ad_run_job('" . $self->job('calm') . '\')');
	my @found = map { $self->sql(qq{SELECT key, score, "row" FROM ad_alerts WHERE job = '} . $self->job($_) . "' ORDER BY key::int") } $name, 'calm';
	return $found[0] eq $found[1];
}

sub end
{
	my ($self) = @_;

	$self->sql("SELECT ad_drop_job('" . $self->job($_) . "')") for keys %{ $self->{jobs} };
	$_->end for grep { defined } $self->{admin}, $self->{runner}, map { $_->{session} } @{ $self->{writers} };
	return;
}

package main;

my $long = $ENV{ANOMALY_LONG};
for my $repeat (1 .. ($long ? 20 : 1))
{
	for my $name (@suite)
	{
		my %phase = %{ $phases{$name} };

		next if $ENV{ANOMALY_PHASE} && $name ne $ENV{ANOMALY_PHASE};
		$phase{rounds} = $long ? 5 * $phase{rounds} : max(3, int(0.4 * $phase{rounds}));
		srand($seed + $repeat);
		my $torture = Torture->new(%phase);
		$torture->torture;
		is($torture->check($_), '', "$name $repeat: $_") for sort keys %{ $torture->{jobs} };
		ok($torture->check_calm('no1000'), "$name $repeat: the alerts of an undisturbed run") if $phase{calm};
		note sprintf '%s %d: %d row versions, %d runs, %d killed, %d crashes, %d truncations', $name, $repeat, scalar keys %{ $torture->{rows} }, scalar @{ $torture->{calls} },
		  @$torture{qw(kills crashes)}, scalar @{ $torture->{truncated} };
		$torture->end;
	}
}

$node->stop;
done_testing();
