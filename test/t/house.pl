# The rules of the house that can be checked by reading the sources: where
# functions that SQL calls may stand, what a room may include, that headers
# stand alone, that files and functions have a size one can read.
#
# A failure names the file and, where there is one, the line.

use strict;
use warnings;

use Encode qw(decode_utf8);
use FindBin;
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use Test::More;

my $max_file_lines = 1000;
my $max_function_lines = 80;
my $max_readme_lines = 20;

# Functions that may be longer, with the reason: 'src/room/file.c: name'.
my %long_functions = ();

# Two files of one name, each one idea at two floors: the engine, and the
# functions over rows.
my %pairs = (
	fit => 'rows into a model, and the aggregate',
	drift => 'sketches compared, and the function',
	explain => 'contributions of columns, and of the features of a row',
	registry => 'who may use a name, and the functions that write names',
	spec => 'specs read and printed, and their constructors',
	sql_options => 'options of series, and of market: each the door of its room');

# The floors: a room includes itself and these.
my %below = (
	core => [],
	math => ['core'],
	sketch => [qw(core math)],
	model => [qw(core math sketch)],
	detectors => [qw(core math sketch model)],
	sql => ['core'],
	series => [qw(core math sql)],
	market => [qw(core math sql)],
	evaluate => [qw(core math sql)],
	operate => [qw(core math sketch model)],
	rows => [qw(core math sketch model detectors sql series market evaluate operate)],
	compare => [qw(core math sketch model sql evaluate operate rows)],
	jobs => [qw(core math sketch model detectors sql series market evaluate operate)]);

# Rooms with files that call each other in a circle, with the reason.
my %circles = (
	math => 'neighbors.c hands a search to neighbors_scan.c, which asks it for distances',
	model => 'an ensemble is a model of models');

chdir "$FindBin::RealBin/../.." or die;
my @sources = sort(glob('src/*.c'), glob('src/*/*.c'));
my @headers = sort(glob('src/*/*.h'));
my @rooms = sort map { basename($_) } grep { -d } glob('src/*');
my (%text, %code);    # as it is; without comments and strings, lines kept

sub contents
{
	my ($file) = @_;

	open(my $in, '<', $file) or die "$file: $!";
	local $/;
	return scalar <$in>;
}

for my $file (@sources, @headers)
{
	$text{$file} = contents($file);
	($code{$file} = $text{$file}) =~
	  s{(/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')}{ $1 =~ s/[^\n]//gr }gse;
}

# "file:line: text" of the lines of a file's code that match.
sub lines_like
{
	my ($file, $pattern) = @_;
	my ($number, @found) = (0);

	for my $line (split /\n/, $code{$file})
	{
		$number++;
		push @found, "$file:$number: $line" if $line =~ $pattern;
	}
	return @found;
}

# One test: a list that has to be empty.
sub none
{
	my ($name, @found) = @_;

	ok(!@found, $name) or diag(join("\n", @found));
}

sub room
{
	return $_[0] =~ m{^src/(\w+)/} ? $1 : undef;
}

cmp_ok(scalar @sources, '>', 100, 'the sources are here');
is_deeply(\@rooms, [ sort keys %below ], 'every room has its floor');

# --- doors

none('what SQL calls is in src/sql, src/rows, src/*/sql_*.c and src/anomaly.c',
	map { lines_like($_, qr/\bPG_(FUNCTION_INFO_V1|FUNCTION_ARGS|GETARG_\w+|ARGISNULL|NARGS|RETURN_\w+)\b/) }
	  grep { !m{^src/(sql|rows)/|/sql_\w+\.c$|^src/anomaly\.c$} } @sources, @headers);

# --- floors

my (@up, %includes);
for my $file (@sources, @headers)
{
	my $room = room($file);

	# strings are gone from the code
	for my $included ($text{$file} =~ /^#include "(\w+\/\w+\.h)"/mg)
	{
		next if !-f "src/$included";
		push @{ $includes{$file} }, "src/$included";
		my $other = room("src/$included");
		push @up, "$file includes $included"
		  if defined $room && $other ne $room && !grep { $_ eq $other } @{ $below{$room} // [] };
	}
}
none('no room includes a room above it', @up);

# --- circles

# A circle of a graph given as { node => { node => why } }, as text; or nothing.
sub circle
{
	my ($graph) = @_;
	my (%state, @path, $found);
	my $visit;

	$visit = sub {
		my ($node) = @_;

		return if $found || ($state{$node} // '') eq 'done';
		if (($state{$node} // '') eq 'open')
		{
			shift @path while $path[0] ne $node;
			push @path, $node;
			$found = join("\n", map { "$path[$_] -> $path[$_ + 1]: $graph->{$path[$_]}{$path[$_ + 1]}" } 0 .. $#path - 1);
			return;
		}
		$state{$node} = 'open';
		push @path, $node;
		$visit->($_) for sort keys %{ $graph->{$node} // {} };
		pop @path unless $found;
		$state{$node} = 'done';
	};
	$visit->($_) for sort keys %$graph;
	return $found // ();
}

my %header_graph;
for my $file (@headers)
{
	$header_graph{$file}{$_} = 'includes' for @{ $includes{$file} // [] };
}
none('headers include each other in no circle', circle(\%header_graph));

# Functions that begin a line are defined there: so BSD style has it.
my (%defined_in, @twice);
for my $file (@sources)
{
	my @functions = $code{$file} =~ /^(ad_\w+)\([^;{]*\)\s*\{/mg;
	for my $function (@functions)
	{
		push @twice, "$function() in $defined_in{$function} and $file" if $defined_in{$function};
		$defined_in{$function} = $file;
	}
}
for my $file (@headers)
{
	push @twice, map { "$_() in $defined_in{$_} and $file" } grep { $defined_in{$_} } $code{$file} =~ /^(ad_\w+)\([^;{]*\)\s*\{/mg;
}
none('no function is defined twice', @twice);
my ($calls, @calls_up) = (0);
for my $room (@rooms)
{
	my %graph;

	for my $file (grep { room($_) && room($_) eq $room } @sources)
	{
		for my $name ($code{$file} =~ /\b(ad_\w+)\b/g)
		{
			my $where = $defined_in{$name} // next;

			push @calls_up, "$file calls $name() of $where"
			  if room($where) && room($where) ne $room && !grep { $_ eq room($where) } @{ $below{$room} };
			$graph{$file}{$where} //= "$name()" if $where ne $file && room($where) eq $room;
		}
	}
	$calls += keys %{ $graph{$_} } for keys %graph;
	my @found = circle(\%graph);
	if ($circles{$room})
	{
		ok(@found > 0, "the circle of src/$room is still there");
	}
	else
	{
		none("files of src/$room call each other in no circle", @found);
	}
}
cmp_ok($calls, '>', 50, 'the calls are found');
none('no room calls a room above it', @calls_up);

# --- names and sizes

my %named;
push @{ $named{ basename($_) } }, $_ for @sources, @headers;
none('no two files have one name, unless they are one idea at two floors',
	map { join(', ', @{ $named{$_} }) }
	grep { my ($base) = /^(\w+)\.c$/; @{ $named{$_} } > 1 && !($base && $pairs{$base} && @{ $named{$_} } == 2) }
	sort keys %named);
none('every pair that is allowed is one', grep { @{ $named{"$_.c"} // [] } != 2 } sort keys %pairs);

sub lines_of
{
	return scalar(() = $_[0] =~ /\n/g);
}

my @long;
for my $file (@sources, @headers)
{
	my $lines = lines_of($text{$file});

	push @long, "$file: $lines lines" if $lines > $max_file_lines;
}
none("no file is longer than $max_file_lines lines", @long);

# From the line of the name to that of the closing brace.
my (@long_functions, %seen);
for my $file (@sources, @headers)
{
	while ($code{$file} =~ /^((?:static |extern |inline )*)?(?:\w[\w\s*]*[\s*])?(\w+)(\([^;{}]*\)[^;{}]*\n\{\n.*?^\})/msg)
	{
		my ($name, $body) = ($2, $3);
		my $lines = 1 + lines_of($body);
		my $line = 1 + lines_of(substr($code{$file}, 0, $-[2]));

		if ($lines > $max_function_lines && !$long_functions{"$file: $name"})
		{
			push @long_functions, sprintf('%4d lines: %s:%d: %s', $lines, $file, $line, $name);
		}
		$seen{"$file: $name"} = $lines;
	}
}
cmp_ok(scalar keys %seen, '>', 1000, 'the functions are found');
none("no function is longer than $max_function_lines lines", sort { $b cmp $a } @long_functions);
none('every function that may be longer is', grep { ($seen{$_} // 0) <= $max_function_lines } sort keys %long_functions);

my @readmes;
for my $room (@rooms)
{
	my $readme = "src/$room/README.md";

	if (!open(my $in, '<', $readme))
	{
		push @readmes, "$readme is missing";
	}
	else
	{
		my @lines = <$in>;

		push @readmes, "$readme has " . @lines . ' lines' if @lines > $max_readme_lines;
		push @readmes, "$readme does not begin with \"# $room\"" if $lines[0] ne "# $room\n";
		# what it names must be there
		for my $file (grep { $_ ne 'fmgr.h' } join('', @lines) =~ /`(\w+\.[ch])`/g)
		{
			push @readmes, "$readme names $file, which is not there" unless -f "src/$room/$file";
		}
	}
}
none("every room has a README.md of at most $max_readme_lines lines, which names files that are there", @readmes);

# what the guide names is there: a path with a slash, from the top
my @gone;
for my $path (contents('CONTRIBUTING.md') =~ m{`((?:src|sql|test|docs|bench|expected)/[\w./*-]+)`}g)
{
	push @gone, "CONTRIBUTING.md names $path" if $path !~ /NAME|\bX--|--X/ && !grep { -e } glob($path);
}
none('CONTRIBUTING.md names files that are there', @gone);

# --- words: documents, comments of objects, messages

# What a reader stumbles over, with what to write. British spellings are wrong
# but in names that are released (labelled_by, cancelled_qty) and in the words
# of others (ORDER_CANCELLED): code, in backquotes, is not looked at.
my @banned = (
	[ qr/\b(?:un)?labell\w+|\bneighbour\w*|\bcentred?\b|\blearnt\b|\bcatalogue|\bbehaviour|\bcolour|\bmodell(?:ed|ing)\b|\bcancell(?:ed|ing)\b/i, 'American spelling' ],
	[ qr/\b(?:penal|summar|optim|factor|maxim|minim|recogn|organ|real|initial|serial|visual|synchron|normal|general|special|regular|random|standard|priorit|categor)is(?:e|ed|es|ing|ations?)\b/i, 'American spelling' ],
	[ qr/\btowards\b|\bspoilt\b|\bgrey\b|\bfavour/i, 'American spelling' ],
	[ qr/\ban? (?:alert|row|notification|line|notice|sketch|score|fit|model|entry|message) an? (?:row|strange \w+|feature|group|batch|query|fold|point|case|month|spec|period|element|detector|server|day|call)\b/i, '"one alert per row"' ],
	[ qr/\bof (?:no )?effect\b/i, '"does not affect"' ],
	[ qr/\b(?:is|are|be|was|were) passed over\b|\bpasses? (?:such|it|them)?\s*over\b(?! the)/i, '"is ignored"' ],
	[ qr/\bgreatest\b|\bthe least\b(?! recently| used| anomalous)/i, '"largest", "smallest", "highest", "lowest"' ],
	[ qr/\bstranger\b|\ba strange\b/i, '"more anomalous"' ],
	[ qr/\bmade-up\b/i, '"synthetic"' ],
	[ qr/\bat fault\b/i, '"invalid"' ],
	[ qr/\b(?:say|says|said) (?:so|of|that|whether|what|which|how|why)\b/i, 'report, return, show, set' ],
	[ qr/\btells? (?:whether|what|which|how|why|the)\b/i, 'report, return, show' ],
	[ qr/\bis none of (?:its|his|the)\b|\bmakes? nothing of\b|\bwhat it made of\b/i, 'plain English' ]);

# Prose of a document, line by line, without code; the part of a line that a
# generated table has is looked at too.
sub prose_lines
{
	my ($file) = @_;
	my ($number, $fence, @lines) = (0, 0);

	for my $line (split /\n/, contents($file))
	{
		$number++;
		$fence = !$fence if $line =~ /^```/;
		next if $fence || $line =~ /^```|^    |^<!--/;
		$line =~ s/`[^`]*`|\]\([^)]*\)|<a id="[^"]*">//g;
		push @lines, [ "$file:$number", $line ];
	}
	return @lines;
}

# Strings of messages in C, and of comments and messages in SQL.
sub message_lines
{
	my ($file) = @_;
	my $text = $text{$file} // contents($file);
	my @found;

	if ($file =~ /\.[ch]$/)
	{
		while ($text =~ /\b(?:errmsg|errmsg_plural|errhint|errhint_plural|errdetail|errdetail_plural)\s*\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)/g)
		{
			push @found, [ "$file:" . (1 + lines_of(substr($text, 0, $-[0]))), $1 ];
		}
	}
	else
	{
		while ($text =~ /\b(?:COMMENT ON [^;']*? IS|RAISE \w+|HINT =|DETAIL =)\s*((?:'(?:[^']|'')*'\s*)+)/g)
		{
			push @found, [ "$file:" . (1 + lines_of(substr($text, 0, $-[0]))), $1 ];
		}
	}
	# a text goes over several strings
	$_->[1] =~ s/(?:"\s*"|'\s*\n\s*')//g for @found;
	return @found;
}

my @texts = ((map { prose_lines($_) } glob('docs/*.md'), qw(UPGRADING.md CONTRIBUTING.md SECURITY.md)),
	map { message_lines($_) } @sources, glob('sql/install/*.sql'));
cmp_ok(scalar @texts, '>', 5000, 'the texts are found');
none('documents, comments and messages are in plain American English',
	map { my ($where, $line) = @$_; map { $line =~ $_->[0] ? "$where: \"$&\": $_->[1]" : () } @banned } @texts);
none('the lines of documents have at most 100 columns, but for tables and code',
	map { my ($file) = @$_; my ($fence, $number) = (0, 0); map { $number++; $fence = !$fence if /^```/;
			$fence || /^(?:\||    |```|<!--|!\[)/ || length($_) <= 100 ? () : "$file:$number: " . length($_) . ' columns' } split /\n/, decode_utf8(contents($file)) }
	  map { [$_] } glob('docs/*.md'), qw(UPGRADING.md CONTRIBUTING.md SECURITY.md CHANGELOG.md));

# --- links

# Anchors of a document as GitHub makes them, and those that it sets itself.
my %anchors;
sub has_anchor
{
	my ($file, $anchor) = @_;

	if (!$anchors{$file})
	{
		my $fence = 0;

		$anchors{$file} = {};
		for my $line (split /\n/, decode_utf8(contents($file)))
		{
			$fence = !$fence if $line =~ /^```/;
			next if $fence;
			$anchors{$file}{$1} = 1 while $line =~ /<a id="([^"]+)"/g;
			next if $line !~ /^#+ (.*?)\s*$/;
			(my $slug = lc $1) =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
			$slug =~ s/[^\p{L}\p{N}_ -]//g;
			$slug =~ s/ /-/g;
			$anchors{$file}{$slug} = 1;
		}
	}
	return $anchors{$file}{$anchor};
}

my @broken;
for my $file (glob('*.md docs/*.md'))
{
	my $text = decode_utf8(contents($file)) =~ s/^```.*?^```//msgr;

	while ($text =~ /\[[^\]]*\]\(([^)\s]+)\)/g)
	{
		my ($path, $anchor) = split /#/, $1, 2;

		next if $path =~ /^\w+:/;
		$path = $path eq '' ? $file : dirname($file) . "/$path";
		$path =~ s{^\./}{};
		1 while $path =~ s{[^/.]+/\.\./}{};
		push @broken, "$file: $path" if !-e $path;
		push @broken, "$file: $path#$anchor" if defined $anchor && -e $path && $path =~ /\.md$/ && !has_anchor($path, $anchor);
	}
}
none('links of the documents lead somewhere', @broken);

# --- headers, one by one and together; those of macros only (*_impl.h) are for
# the file that sets them up

SKIP:
{
	my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
	my ($compiler, $server) = map { my $said = qx('$pg_config' $_ 2>/dev/null); chomp $said; $said } '--cc', '--includedir-server';
	my $dir = tempdir(CLEANUP => 1);
	my $compile = "$compiler -std=gnu11 -fsyntax-only -Wall -Wextra -Werror -Isrc -isystem '$server' -x c";
	my @alone = grep { !/_impl\.h$/ } @headers;

	my $refused = sub {
		my ($name, @files) = @_;

		open(my $out, '>', "$dir/$name.c") or die "$dir/$name.c: $!";
		print $out map { '#include "' . s{^src/}{}r . qq("\n) } @files;
		# a file has to declare something
		print $out "typedef int nothing;\n";
		close $out;
		my $said = qx($compile '$dir/$name.c' 2>&1);
		return $? == 0 ? () : $said;
	};

	skip 'no compiler', 3 if $compiler eq '' || $refused->('nothing');
	none('every header compiles alone', map { my $said = $refused->(basename($_, '.h'), $_); $said ? "$_:\n$said" : () } @alone);
	none('they compile together', $refused->('together', @alone));
	none('... in any order', $refused->('backwards', reverse @alone));
}

done_testing();
