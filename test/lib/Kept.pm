# A server that keeps a psql open for each database and role of a test that
# asks a lot of short questions: psql and its backend take twenty times as long
# to start as such a question does to answer.
#
# What is asked is answered as by a psql of its own: nothing of the one before
# is left (DISCARD ALL), an error ends it, and so does a transaction that it
# leaves open. Only the process of the server is the same one. What needs a new
# one is told so: $node->psql(..., fresh => 1), or asks PostgreSQL::Test's own
# way by a parameter that is unknown here, or by a command of psql other than
# how its errors are to look.
package Kept;

use strict;
use warnings;

use Errno;
use Exporter 'import';
use IO::Handle;
use IO::Select;
use POSIX ();
use PostgreSQL::Test::Cluster;
use Time::HiRes qw(sleep);

our @EXPORT = qw(keep);
our @ISA;

# Make a server one that keeps its psqls, and return it.
sub keep
{
	my ($node) = @_;

	@ISA = (ref $node) if !@ISA;
	$node->{kept} = {};
	return bless $node, __PACKAGE__;
}

# What a new connection only would see, or what no other connection may be in
# the way of.
my $outlives = qr/\b(?:ALTER|DROP)\s+(?:ROLE|USER|SYSTEM|DATABASE)\b|\bCREATE\s+DATABASE\b|\bpg_reload_conf\b|\bDROP\s+OWNED\b/i;

# Whether there are commands of psql, outside of strings and comments.
sub commands
{
	my ($sql) = @_;

	$sql =~ s/('(?:[^']|'')*'|--[^\n]*|\$(\w*)\$.*?\$\2\$|^\\set (?:VERBOSITY|SHOW_CONTEXT) \w+$)//gms;
	return $sql =~ /\\/;
}

sub psql
{
	my ($self, $dbname, $sql, %params) = @_;
	my ($stdout, $stderr) = @params{qw(stdout stderr)};
	my @extra = @{ $params{extra_params} // [] };
	my %known = map { $_ => 1 } qw(stdout stderr on_error_stop on_error_die extra_params);

	if ((grep { !$known{$_} } keys %params) || (@extra && !(@extra == 2 && $extra[0] eq '-U')) || commands($sql))
	{
		$self->forget if $sql =~ $outlives;
		delete $params{fresh};
		return $self->SUPER::psql($dbname, $sql, %params);
	}
	$self->forget if $sql =~ $outlives;
	my ($ret, $out, $err) = $self->ask($dbname, $extra[1] // '', $sql, $params{on_error_stop} // 1);
	$self->forget if $sql =~ $outlives;
	chomp($out, $err);
	$$stdout = $out if ref $stdout;
	$$stderr = $err if ref $stderr;
	die "error running SQL: '$err'\nwhile running with sql '$sql'" if $ret && $params{on_error_die};
	return wantarray ? ($ret, $out, $err) : $ret;
}

# Status, output and errors of statements.
sub ask
{
	my ($self, $dbname, $user, $sql, $stop) = @_;
	my $key = "$dbname $user";
	my ($kept, $begun);
	local $SIG{PIPE} = 'IGNORE';

	# a server that went away since has taken the kept one's session with it
	for (1, 2)
	{
		$kept = $self->{kept}{$key} //= $self->start_kept($dbname, $user);
		($begun) = $self->say_kept($kept, 'SELECT WHERE false;');
		last if $begun;
		$self->end_kept($key);
	}
	# what connecting says, as psql says it
	return (2, '', $kept->{text}[1]) if !$begun;
	my ($ended, @text) = $self->say_kept($kept,
		"\\set VERBOSITY default\n\\set SHOW_CONTEXT errors\n\\set ON_ERROR_STOP " . ($stop ? 1 : 0) . "\n$sql\n;\n\\set ON_ERROR_STOP 1");
	# no transaction, lock or setting outlives the question
	my $status = $ended ? 0 : $self->end_kept($key);
	$self->end_kept($key) if $ended && !($self->say_kept($kept, 'DISCARD ALL;'))[0];
	return ($status, @text);
}

sub start_kept
{
	my ($self, $dbname, $user) = @_;
	my $kept = {};
	my @command = ($self->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->connstr($dbname),
		($user eq '' ? () : ('-U', $user)), '-f', '-');

	pipe(my $in, $kept->{in}) && pipe($kept->{out}, my $out) && pipe($kept->{err}, my $err) or die "pipe: $!";
	$kept->{pid} = fork // die "fork: $!";
	if ($kept->{pid} == 0)
	{
		%ENV = $self->_get_env;
		POSIX::dup2(fileno $in, 0);
		POSIX::dup2(fileno $out, 1);
		POSIX::dup2(fileno $err, 2);
		# a program that the test feeds would not see the end of it
		POSIX::close($_) for 3 .. 1023;
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	$kept->{in}->autoflush(1);
	return $kept;
}

# Let a psql run statements. Returns whether it came to their end, and what it
# printed to both of its outputs.
sub say_kept
{
	my ($self, $kept, $sql) = @_;
	my @from = @$kept{qw(out err)};
	my $select = IO::Select->new(@from);
	my $text = $kept->{text} = [ '', '' ];

	print { $kept->{in} } "$sql\n\\echo -END-\n\\warn -END-\n";
	while ($select->count)
	{
		for my $handle ($select->can_read)
		{
			my $which = $handle == $from[1] ? 1 : 0;
			my $read = sysread $handle, $text->[$which], 65536, length $text->[$which];

			next if !defined $read && $!{EINTR};
			$select->remove($handle) if !$read || $text->[$which] =~ /^-END-\n\z/m;
		}
	}
	my $ended = $text->[0] =~ s/^-END-\n\z//m;
	# psql says where it is before what it warns of
	$ended = $text->[1] =~ s/^-END-\n\z//m && $ended;
	return ($ended, @$text);
}

# End a psql, and return its status.
sub end_kept
{
	my ($self, $key) = @_;
	my $kept = delete $self->{kept}{$key} or return 0;
	local $?;
	local $SIG{PIPE} = 'IGNORE';

	# a child of the test may hold the pipe, too
	print { $kept->{in} } "\\q\n";
	close $kept->{$_} for qw(in out err);
	waitpid $kept->{pid}, 0;
	return $? >> 8;
}

# End all of them.
sub forget
{
	my ($self) = @_;

	$self->end_kept($_) for keys %{ $self->{kept} };
	return;
}

sub stop { my $self = shift; $self->forget; return $self->SUPER::stop(@_); }

sub restart { my $self = shift; $self->forget; return $self->SUPER::restart(@_); }

# Ask until a query says so, for three minutes; as PostgreSQL::Test's, without
# a psql for each time.
sub poll_query_until
{
	my ($self, $dbname, $query, $expected) = @_;
	my ($out, $err);

	for (1 .. 1800)
	{
		(undef, $out, $err) = $self->psql($dbname, $query);
		return 1 if $out eq ($expected // 't') && $err eq '';
		sleep 0.1;
	}
	Test::More::diag("poll_query_until timed out executing this query:\n$query\nlast answer:\n$out\n$err");
	return 0;
}

1;
