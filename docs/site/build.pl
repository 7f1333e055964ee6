#!/usr/bin/perl
#
# Makes a website of README.md and the documents: docs/site/build.pl [DIRECTORY]
#
# The pages are the Markdown files that git knows, at the same places, so the
# links among them are the links of the site. MkDocs (Debian: mkdocs) turns
# them into HTML and makes the search. The menu is the table of documents in
# README.md: its rows are the sections. The pages it does not name come last.
#
# What a page links to and is no page, a script or a directory, is copied, or
# listed. Then every link of the site is followed: one that leads nowhere, or
# anything loaded from another server, is an error.
#
# DIRECTORY is "site" at the top if none is given; what was in it is replaced.

use strict;
use warnings;

use Cwd 'abs_path';
use File::Basename qw(basename dirname);
use File::Copy 'copy';
use File::Find ();
use File::Path qw(make_path remove_tree);
use File::Spec;
use File::Temp ();

my $root = abs_path(dirname(abs_path($0)) . '/../..');
my $site = File::Spec->rel2abs($ARGV[0] // "$root/site");
my $work = File::Temp->newdir('anomaly-siteXXXXXX', TMPDIR => 1);
my $source = "$work/source";
my (%page, %needed, %listed);

sub slurp
{
	my ($path) = @_;

	open(my $in, '<:encoding(UTF-8)', $path) or die "$path: $!\n";
	local $/;
	return scalar <$in>;
}

sub spew
{
	my ($path, $text) = @_;

	make_path(dirname($path));
	open(my $out, '>:encoding(UTF-8)', $path) or die "$path: $!\n";
	print $out $text;
	close $out or die "$path: $!\n";
	return;
}

# A path without "." and "..", from the top of the repository; undef if it
# leads out of it.
sub normal
{
	my ($path) = @_;
	my @parts;

	for my $part (split m{/}, $path)
	{
		next if $part eq '' || $part eq '.';
		return undef if $part eq '..' && !@parts;
		$part eq '..' ? pop @parts : push @parts, $part;
	}
	return join '/', @parts;
}

# The files of the repository; without git all that are there.
sub files
{
	my @found = -e "$root/.git" ? split /\0/, `git -C '$root' ls-files -z --cached --others --exclude-standard` : ();

	File::Find::find(
		{ no_chdir => 1, wanted => sub { push @found, File::Spec->abs2rel($_, $root) if -f } }, $root) if !@found;
	return grep { -f "$root/$_" && !m{^(?:\.|site/|docs/site/)|/\.} } @found;
}

# Where a link of a page leads, for the site: pages and what is copied as it
# is; a directory becomes a list of its files; what is hidden becomes text.
sub link_to
{
	my ($from, $text, $target) = @_;
	return "[$text]($target)" if $target =~ m{^(?:[a-z]+:|#)};
	my ($path, $anchor) = $target =~ /^([^#]*)(#.*)?$/;
	my $to = normal(dirname($from) . "/$path");

	return "[$text]($target)" if !defined $to || !-e "$root/$to";	# MkDocs complains
	return $text if $to =~ m{(?:^|/)\.};
	$listed{$to} = 1 if -d "$root/$to" && !$page{"$to/README.md"};
	$needed{$to} = 1 if -f "$root/$to" && !$page{$to};
	$path =~ s{/?$}{/} if -d "$root/$to";
	$path .= $page{"$to/README.md"} ? 'README.md' : 'index.md' if -d "$root/$to";
	return "[$text]($path" . ($anchor // '') . ')';
}

# A page as MkDocs reads it: the marks of SQL blocks are for the tests.
sub stage
{
	my ($from) = @_;
	my ($text, $fence) = ('', '');

	for my $line (split /^/, slurp("$root/$from"))
	{
		if ($line =~ /^\s*(```+)\s*(\w*)/ && (!$fence || ($1 eq $fence && $2 eq '')))
		{
			$fence = $fence ? '' : $1;
			$line =~ s/^(\s*```+\w*).*/$1/;
		}
		elsif (!$fence && $line !~ /^    /)
		{
			$line =~ s{(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)}{link_to($from, $1, $2)}ge;
		}
		$text .= $line;
	}
	spew("$source/$from", $text);
	return;
}

# The menu: the sections of README's documents, then all other pages.
sub menu
{
	my ($documents) = slurp("$root/README.md") =~ /^## Document\w*\n(.*?)(?=^## |\z)/ms;
	my (@sections, %seen);

	for my $line (split /\n/, $documents // '')
	{
		my ($name) = $line =~ /^\|\s*([^|]*?)\s*\|/;
		my @pages;
		while ($line =~ m{\[([^\]]+)\]\(([^)#\s]+\.md)\)}g)
		{
			push @pages, [ ucfirst $1, $2 ] if $page{$2} && !$seen{$2}++;
		}
		next if !@pages;
		# a list goes on, line by line
		push @sections, [ ucfirst($name // 'documents') ] if defined $name || !@sections;
		push @{ $sections[-1] }, @pages;
	}
	my @rest = grep { !$seen{$_} && $_ ne 'README.md' && m{^(?:docs/|examples/|[^/]+$)} } sort keys %page;
	push @sections, [ 'More', map { [ slurp("$root/$_") =~ /^# (.*)/m ? $1 : $_, $_ ] } @rest ] if @rest;

	my $yaml = "nav:\n- Overview: README.md\n";
	for my $section (@sections)
	{
		my ($name, @pages) = @$section;
		my $quoted = sub { my ($text) = @_; $text =~ s/(["\\])/\\$1/g; return "\"$text\"" };
		$yaml .= '- ' . $quoted->($name) . ":\n";
		$yaml .= '  - ' . $quoted->($_->[0]) . ": $_->[1]\n" for @pages;
	}
	return $yaml;
}

# What is wrong with a page of the site: links that lead nowhere, and what it
# would load from elsewhere.
sub faults
{
	my ($file, $ids) = @_;
	my $html = slurp("$site/$file");
	my @faults;

	while ($html =~ /<(link|script|img|source|iframe|a)\b([^>]*)>/gs)
	{
		my ($tag, $attributes) = ($1, $2);
		next if $attributes !~ /\b(?:href|src)="([^"]*)"/;
		my $target = $1 =~ s/&amp;/&/gr;

		if ($target =~ m{^(?:[a-z]+:)?//})
		{
			push @faults, "$file loads $target" if $tag ne 'a';
			next;
		}
		next if $target =~ /^(?:mailto|data|javascript):/ || $target eq '#' || ($tag ne 'a' && $target eq '');
		my ($path, $anchor) = $target =~ /^([^#?]*)[^#]*(?:#(.*))?$/;
		my $to = $path eq '' ? $file : normal($path =~ m{^/} ? $path : dirname($file) . "/$path");
		$to = 'index.html' if defined $to && $to eq '';
		if (!defined $to || !-f "$site/$to")
		{
			push @faults, "$file: there is no $target";
		}
		elsif (defined $anchor && $anchor ne '' && $to =~ /\.html$/)
		{
			$ids->{$to} //= { map { $_ => 1 } slurp("$site/$to") =~ /\b(?:id|name)="([^"]+)"/g };
			push @faults, "$file: $to has no place \"$anchor\"" if !$ids->{$to}{$anchor};
		}
	}
	push @faults, map { "$file: style loads $_" } $html =~ m{url\(\s*["']?((?:https?:)?//[^)]*)}g;
	return @faults;
}

my @files = files();
$page{$_} = 1 for grep { /\.md$/ && m{^(?:[^/]+|docs/.*|examples/.*|bench/.*|test/data/.*)$} } @files;
die "$root has no README.md\n" if !$page{'README.md'};
stage($_) for sort keys %page;
for my $directory (sort keys %listed)
{
	my $list = join '', map { '- [' . basename($_) . '](' . basename($_) . ")\n" }
	  grep { dirname($_) eq $directory } sort @files;
	spew("$source/$directory/index.md", "# $directory\n\n$list");
	$needed{$_} = 1 for grep { dirname($_) eq $directory && !$page{$_} } @files;
}
for my $file (sort +(keys %needed), grep { m{^(?:docs|examples)/.*\.(?:svg|png)$} } @files)
{
	make_path(dirname("$source/$file"));
	copy("$root/$file", "$source/$file") or die "$file: $!\n";
}
make_path("$source/site");
copy("$root/docs/site/style.css", "$source/site/style.css") or die "style.css: $!\n";
spew("$work/mkdocs.yml", slurp("$root/docs/site/mkdocs.yml") . menu());

my $said = `mkdocs build --strict --config-file '$work/mkdocs.yml' --site-dir '$work/site' 2>&1`;
die "mkdocs could not build the site:\n" . join('', grep { !/^(?:INFO|  - )/ } split /^/, $said) if $?;
remove_tree($site);
make_path(dirname($site));
system('cp', '-r', "$work/site", $site) == 0 or die "could not copy the site to $site\n";

my (@html, @faults, %ids);
File::Find::find({ no_chdir => 1, wanted => sub {
	push @html, File::Spec->abs2rel($_, $site) if /\.html$/;
	push @faults, map { "$File::Find::name loads $_" } slurp($_) =~ m{(?:url\(|\@import)\s*["']?((?:https?:)?//[^)\s]*)}g if /\.css$/;
} }, $site);
push @faults, faults($_, \%ids) for sort @html;
print STDERR map { "$_\n" } @faults;
printf "%d pages in %s, %d faults\n", scalar @html, File::Spec->abs2rel($site), scalar @faults;
exit(@faults ? 1 : 0);
