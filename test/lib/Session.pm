# A psql that stays: what it is told runs in one session, in the background if
# that is wanted. Several of them are several users at work at the same time.
package Session;

use strict;
use warnings;

use AnomalyTest ();
use Errno;
use IO::Select;
use IPC::Open3;
use Time::HiRes qw(sleep);

# A session of a server. Arguments by name: dbname, user, options of the server
# for the session, and verbosity of errors.
sub new
{
	my ($class, $node, %arguments) = @_;
	my $self = bless { said => '' }, $class;
	my $connstr = $node->connstr($arguments{dbname} // 'postgres');

	$connstr .= " user=$arguments{user}" if $arguments{user};
	$connstr .= " options='$arguments{options}'" if $arguments{options};
	# one pipe for answers and errors, so that they stay in order
	$self->{process} = open3($self->{in}, $self->{out}, undef, 'psql', '-XAtq', '-v', 'VERBOSITY=' . ($arguments{verbosity} // 'default'),
		'-v', 'SHOW_CONTEXT=always', '-d', $connstr);
	$self->{in}->autoflush(1);
	$self->{ready} = IO::Select->new($self->{out});
	$self->{pid} = $self->ask('SELECT pg_backend_pid()');
	return $self;
}

# Say something, and do not wait for the answer.
sub say
{
	my ($self, $sql) = @_;
	local $SIG{PIPE} = 'IGNORE';

	$self->{said} = '';
	$self->{sql} = $sql;
	$self->{began} = $self->cpu;
	print { $self->{in} } "$sql;\n\\echo -END- :SQLSTATE\n";
	return;
}

# Read what there is, for so many seconds at most. Returns whether the answer
# is complete; it is also if the session has ended. A child that ends
# interrupts both calls, and is no answer.
sub ends
{
	my ($self, $seconds) = @_;

	until ($self->{ended} || $self->{said} =~ /^-END- /m)
	{
		$! = 0;
		if (!$self->{ready}->can_read($seconds // 0))
		{
			next if $!{EINTR};
			return 0;
		}
		my $read = sysread($self->{out}, $self->{said}, 65536, length $self->{said});

		$self->{ended} = 1 if !$read && !(!defined $read && $!{EINTR});
	}
	return 1;
}

# The answer: rows, notices and errors. {state} is the SQLSTATE of the last
# statement then, and {ended} true if there is no session any more.
sub answer
{
	my ($self) = @_;

	$self->ends(300) or die "no answer for five minutes: $self->{said}";
	my ($answer, $state) = $self->{said} =~ /\A(.*?)(?:^-END- (\w+)\n|\z)/ms;
	$self->{state} = $state // '57P01';
	chomp $answer;
	return $answer;
}

sub ask
{
	my ($self, $sql) = @_;

	$self->say($sql);
	return $self->answer;
}

# As ask(), but an error ends the test.
sub do
{
	my ($self, $sql) = @_;
	my $answer = $self->ask($sql);

	die "$sql: $answer" if $answer =~ /^\S*(?:ERROR|FATAL|PANIC):  /m || $self->{ended};
	return $answer;
}

# Run a statement in a session of its own, and kill that at some moment within
# so many seconds: its process is told to end, or, of so large a share of the
# times, gets SIGKILL, and the whole server starts again. Returns whether the
# statement still ran.
sub cut
{
	my ($class, $node, $sql, $within, $share) = @_;
	my $log = -s $node->logfile;
	my $self = $class->new($node);
	my $hard = rand() < $share;

	$self->say($sql);
	sleep rand $within;
	my $ran = !$self->ends(0);
	kill $hard ? 'KILL' : 'TERM', $self->{pid} if !$self->{ended};
	$self->ends(300) or die 'a killed session does not end' if $ran || $hard;
	$self->end;
	AnomalyTest::after_crash($node, $log) if $hard;
	return $ran;
}

# Seconds of processor time, from the kernel; undef where it does not tell.
sub cpu
{
	my ($self) = @_;

	open(my $in, '<', "/proc/$self->{pid}/schedstat") or return undef;
	return (split ' ', <$in>)[0] / 1e9;
}

# Cancel what it runs, and read the answer into {said}. Returns the seconds of
# processor time from the signal on, undef where the kernel does not tell. The
# signal is sent from here: a psql that calls pg_cancel_backend() takes longer to
# start, on a busy machine, than a statement may take to stop.
sub cancel
{
	my ($self) = @_;

	kill 'INT', $self->{pid};
	my $sent = $self->cpu;
	$self->answer;
	my $ended = $self->cpu;
	return defined $sent && defined $ended ? $ended - $sent : undef;
}

# The same of a promise to end within so many seconds: the least of three times,
# each when the statement has used as much as at the first, since what holds up
# the machine for a moment is none of its doing.
sub cancel_within
{
	my ($self, $most) = @_;
	my $used = ($self->cpu // 0) - ($self->{began} // 0);
	my $least = $self->cancel;

	for (1 .. 2)
	{
		last if !defined $least || $least < $most || $self->{state} ne '57014';
		$self->say($self->{sql});
		sleep 0.005 while $self->cpu - $self->{began} < $used && !$self->ends;
		last if $self->ends;
		my $took = $self->cancel;
		$least = $took if $took < $least;
	}
	return $least;
}

# Megabytes of a line of /proc/PID/status.
sub megabytes
{
	my ($self, $what) = @_;

	open(my $in, '<', "/proc/$self->{pid}/status") or return undef;
	my ($kb) = map { /^$what:\s+(\d+)/ ? $1 : () } <$in>;
	return $kb / 1024;
}

# Forget the peak so far.
sub reset_peak
{
	my ($self) = @_;

	open(my $out, '>', "/proc/$self->{pid}/clear_refs") or return;
	print $out '5';
	close $out;
	return;
}

# End the session. What it has begun is rolled back.
sub end
{
	my ($self) = @_;

	close $self->{in};
	waitpid $self->{process}, 0;
	return;
}

1;
