#!/usr/bin/perl
# Writes into a document what psql prints for its SQL blocks, in place of what
# it shows after them; test/t/docs.pl compares the two.
#
#   test/outputs.pl README.md
#
# Runs the blocks in a new database of the server that psql reaches (PGHOST, PGUSER,
# ...), where the extension is installed, and drops it. Blocks for other servers are
# left out, and so are outputs with "…". Read the difference before you commit it.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::RealBin/lib";

use Document;
use File::Temp qw(tempfile);

my ($path) = @ARGV;
die "usage: test/outputs.pl DOCUMENT\n" if @ARGV != 1;

my $database = "outputs_$$";
my @lines = split /\n/, contents($path), -1;
my @blocks = blocks($path);

# What psql prints for SQL, and its messages.
sub run
{
	my ($sql) = @_;
	my ($file, $name) = tempfile(UNLINK => 1);
	my ($messages, $other) = tempfile(UNLINK => 1);

	binmode $file, ':encoding(UTF-8)';
	print $file $sql;
	close $file;
	my $printed = qx(psql -Xq -v ON_ERROR_STOP=1 -d '$database' <'$name' 2>'$other');
	utf8::decode($printed);
	return ($printed, contents($other));
}

system('createdb', $database) == 0 or die;
run('CREATE EXTENSION anomaly') unless grep { $_->{sql} =~ /CREATE EXTENSION/ } @blocks;
my @edits;
foreach my $block (@blocks)
{
	next if $block->{mark} eq 'servers';
	my ($printed, $messages) = run($block->{sql});

	if ($block->{mark} eq 'error')
	{
		$printed = join '', map { "$_\n" } message_lines($messages);
	}
	elsif ($messages ne '')
	{
		warn "$path, block at line $block->{line}: $messages";
	}
	$printed =~ s/[ \t]+$//gm;
	$printed =~ s/^\(\d+ rows?\)\n//gm;
	$printed =~ s/\n+\z/\n/;
	push @edits, [ $block, $printed ]
	  if ($block->{output} // '') !~ /…/ && (defined $block->{output} || $path =~ /README/ && $printed =~ /\S/);
}
system('dropdb', $database);

# from the end, so that numbers of lines stay true
foreach my $edit (reverse @edits)
{
	my ($block, $printed) = @$edit;
	my ($first, $last) = @{ $block->{shown_at} // [ $block->{end} + 1, $block->{end} ] };
	my @shown = $block->{indented} ? map { $_ eq '' ? '' : "    $_" } split /\n/, $printed :
	  ($block->{fence} // '```text', split(/\n/, $printed), '```');

	unshift @shown, '' if !$block->{shown_at};
	splice @lines, $first - 1, $last - $first + 1, @shown;
}
open(my $out, '>:encoding(UTF-8)', $path) or die "$path: $!";
print $out join("\n", @lines);
close $out;
