#!/usr/bin/perl
#
# Checks the layout of the C files against PostgreSQL's: test/style.pl [--write]
#
# Runs pg_bsd_indent (Debian: pg-bsd-indent) with the options of PostgreSQL's
# own pgindent, and mends what pgindent mends after it. The list of type names
# that pg_bsd_indent needs is taken from the sources and from the headers of
# the server (PG_CONFIG), so there is none to keep. Prints the lines that would
# change, and fails if there are any; --write changes them.

use strict;
use warnings;

use File::Find;
use File::Temp;

my $write = @ARGV && $ARGV[0] eq '--write' && shift;
die "usage: test/style.pl [--write]\n" if @ARGV;

my @options = qw(-bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1
  -i4 -l79 -lp -lpl -nip -npro -sac -tpg -ts4);
my $pg_config = $ENV{PG_CONFIG} || 'pg_config';

chdir((-d 'src') ? '.' : '..') or die;
# those of macros only are laid out by hand
my @sources = sort(glob('src/*.[ch]'), grep({ !/_impl\.h$/ } glob('src/*/*.[ch]')),
	glob('test/modules/*/*.c'));
die "found no sources\n" unless @sources;

sub contents
{
	my ($file) = @_;

	open(my $in, '<', $file) or die "$file: $!\n";
	local $/;
	return scalar <$in>;
}

# Moves a line by one level.
sub deeper
{
	my ($line) = @_;
	my ($space, $rest) = $line =~ /^(\s*)(.*)$/s;
	my $columns = 4;

	$columns = $_ eq "\t" ? $columns + 4 - $columns % 4 : $columns + 1
	  foreach split(//, $space);
	return ("\t" x int($columns / 4)) . (' ' x ($columns % 4)) . $rest;
}

# What pg_bsd_indent does from 2.1.2 on, for the versions before: the lines that
# continue the initializer of a variable stand one level deeper.
sub continue_initializers
{
	my ($text) = @_;
	my ($level, $moving) = ('', 0);
	my @lines = split(/^/, $text);
	my $open = 0;

	foreach my $line (@lines)
	{
		if ($open)
		{
			$moving = 1 if $line =~ /^$level\S/;
			$line = deeper($line) if $moving && $line =~ /\S/;
			$open = 0 if $line =~ /;\s*(?:\/\*.*)?$/;
		}
		elsif ($line =~ /^(\t+)[A-Za-z_][\w ]*[\s*]+\w+(?:\[\w*\])? =\s+[^;{]*$/)
		{
			($level, $moving, $open) = ($1, 0, 1);
		}
	}
	return join('', @lines);
}

# Adds the names that a file defines as types.
sub add_types
{
	my ($types, $text) = @_;
	my $body = qr/\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/;

	$text =~ s!/\*.*?\*/! !gs;
	$types->{$1} = 1
	  while $text =~ /typedef\s+(?:struct|union|enum)\s+\w*\s*$body\s*(\w+)/gs;
	$types->{$1} = 1
	  while $text =~ /typedef\s+[^;{}()]*?\b(\w+)\s*(?:\[[^\]]*\])?\s*;/g;
	$types->{$1} = 1
	  while $text =~ /typedef\s+[^;{}]*?\(\s*\*?\s*(\w+)\s*\)\s*\(/g;
	return;
}

my %types = map { $_ => 1 }
  qw(FILE bool int128 size_t uint128 va_list __m128i __m256d __m256i __m512d
  __m512i);
my $includes = `$pg_config --includedir-server`;
chomp($includes);
die "no server headers: PG_CONFIG must name a pg_config\n" unless -d $includes;
find(sub { add_types(\%types, contents($_)) if /\.h$/ }, $includes);

my %used;
foreach my $file (@sources)
{
	my $text = contents($file);

	add_types(\%types, $text);
	delete $types{$_} foreach $text =~ /^#define ([A-Z_]+)\b(?!\()/mg;
	$used{$_} = 1 foreach $text =~ /\b([A-Za-z_]\w*)\b/g;
}
my $list = File::Temp->new();
print $list map { "$_\n" } grep { $used{$_} } sort keys %types;
close($list);

my $changed = 0;
foreach my $file (@sources)
{
	my $before = contents($file);
	my $in = File::Temp->new(SUFFIX => '.c');
	my $out = File::Temp->new(SUFFIX => '.c');

	print $in $before;
	close($in);
	system('pg_bsd_indent', @options, "-U$list", "$in", "$out") == 0
	  or die "pg_bsd_indent failed on $file\n";
	my $after = contents("$out");
	# as pgindent does: a single space before the * of a function's result
	$after =~ s!^([A-Za-z_]\S*)[ \t]+\*$!$1 *!gm;
	$after = continue_initializers($after);
	next if $after eq $before;

	$changed++;
	if ($write)
	{
		open(my $target, '>', $file) or die "$file: $!\n";
		print $target $after;
		close($target) or die "$file: $!\n";
	}
	else
	{
		open(my $result, '>', "$out") or die $!;
		print $result $after;
		close($result);
		system('diff', '-u', '-L', $file, '-L', "$file, laid out", $file, "$out");
	}
}
print "$changed of " . @sources . " files " . ($write ? "changed\n" : "would change\n");
exit($changed && !$write);
