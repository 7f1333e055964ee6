# A socket before a server's that counts what goes through: how many bytes a
# statement fetches from a foreign server is asked of the wire.
package Wire;

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;

# Listens in a directory of its own under the port of a server, and passes on
# to it. A process of its own does, until the object goes.
sub new
{
	my ($class, $node) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $socket = '.s.PGSQL.' . $node->port;
	my $listener = IO::Socket::UNIX->new(Local => "$dir/$socket", Listen => 20)
	  or die "$dir/$socket: $!";
	my $parent = $$;
	my $pid = fork() // die "fork: $!";

	if ($pid == 0)
	{
		local $SIG{TERM} = sub { require POSIX; POSIX::_exit(0); };
		pass_on($listener, $node->host . "/$socket", "$dir/counts", $parent);
	}
	return bless { dir => $dir, pid => $pid, owner => $$ }, $class;
}

# The directory to connect to as a host.
sub host { return $_[0]->{dir}; }

# Bytes to the server, and from it, so far.
sub counts
{
	my ($self) = @_;

	return (0, 0) if !open(my $in, '<', "$self->{dir}/counts");
	my ($sent, $received) = split " ", <$in> // '0 0';
	return ($sent + 0, $received + 0);
}

sub DESTROY
{
	my ($self) = @_;

	return if $self->{owner} != $$;
	local $?;
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
	return;
}

# Passes on whatever comes; counts it before it is passed on, so that whoever
# has an answer finds it counted.
sub pass_on
{
	my ($listener, $server, $file, $parent) = @_;
	my $select = IO::Select->new($listener);
	my (%other, %is_server);
	my ($sent, $received) = (0, 0);

	open(my $counts, '>', $file) or die "$file: $!";
	$counts->autoflush(1);
	while (getppid() == $parent)
	{
		foreach my $from ($select->can_read(1))
		{
			if ($from == $listener)
			{
				my $client = $listener->accept or next;
				my $peer = IO::Socket::UNIX->new(Peer => $server) or do { close $client; next; };

				$other{$client} = $peer;
				$other{$peer} = $client;
				$is_server{$peer} = 1;
				$select->add($client, $peer);
				next;
			}
			my $to = $other{$from};
			my $n = sysread($from, my $bytes, 65536);

			next if !$to;
			if (!$n)
			{
				$select->remove($from, $to);
				delete @other{ $from, $to };
				delete @is_server{ $from, $to };
				close $from;
				close $to;
				next;
			}
			if ($is_server{$from}) { $received += $n; }
			else { $sent += $n; }
			seek $counts, 0, 0;
			printf $counts "%-20d %-20d\n", $sent, $received;
			for (my $at = 0; $at < $n;)
			{
				my $written = syswrite($to, $bytes, $n - $at, $at) // last;
				$at += $written;
			}
		}
	}
	require POSIX;
	POSIX::_exit(0);
}

1;
