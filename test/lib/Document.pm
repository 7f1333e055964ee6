# A Markdown document as the tests see it: its SQL blocks, each with the output
# that it shows, and whether that is what psql prints.

package Document;

use strict;
use warnings;
use utf8;

use Exporter 'import';

our @EXPORT = qw(blocks output_differs message_lines contents anchors links);

# The whole of a file.
sub contents
{
	my ($path) = @_;

	open(my $in, '<:encoding(UTF-8)', $path) or die "$path: $!";
	local $/;
	return scalar <$in>;
}

# The SQL blocks of a Markdown file: line, mark, text, and the output shown
# right after it, if any: a block of no language or "text", or an indented table.
# "text varies: a, b" names columns whose numbers are other ones each time.
sub blocks
{
	my ($path) = @_;
	my @lines = split /\n/, contents($path), -1;
	my @blocks;

	for (my $i = 0; $i < @lines; $i++)
	{
		next unless $lines[$i] =~ /^```sql(?:\s+(error|none|servers))?\s*$/;
		my $block = { line => $i + 1, mark => $1 // '', sql => '' };

		while (++$i < @lines && $lines[$i] !~ /^```\s*$/)
		{
			$block->{sql} .= "$lines[$i]\n";
		}
		die "$path: the block at line $block->{line} has no end" if $i >= @lines;
		push @blocks, $block;
		$block->{end} = $i + 1;

		my $j = $i + 1;
		$j++ while $j < @lines && $lines[$j] eq '';
		next if $j >= @lines;
		if ($lines[$j] =~ /^```(?:text(?:\s+varies:\s*(.*?))?)?\s*$/)
		{
			$block->{varies} = { map { $_ => 1 } split /\s*,\s*/, $1 // '' };
			$block->{fence} = $lines[$j];
			$block->{shown_at} = [ $j + 1 ];
			$block->{output} = '';
			$block->{output} .= "$lines[$j]\n" while ++$j < @lines && $lines[$j] !~ /^```\s*$/;
			die "$path: the output after line $block->{line} has no end" if $j >= @lines;
			$block->{shown_at}[1] = $j + 1;
			$i = $j;
		}
		elsif ($lines[$j] =~ /^    \S|^     /)
		{
			$block->{varies} = {};
			$block->{indented} = 1;
			$block->{shown_at} = [ $j + 1 ];
			$block->{output} .= $lines[ $j++ ] =~ s/^    //r . "\n" while $j < @lines && $lines[$j] =~ /^    |^$/;
			$j-- while $lines[ $j - 1 ] eq '';
			$block->{shown_at}[1] = $j;
			# a command, not a table
			delete @$block{qw(output shown_at indented)} if $block->{output} !~ /^-+(?:\+-+)*\s*$/m;
			$i = $j - 1;
		}
	}
	return @blocks;
}

# The lines of psql's messages, without where it read a statement.
sub message_lines
{
	my ($messages) = @_;

	return grep { !/^LINE \d+:|^ *\^$/ } split /\n/, $messages =~ s/^psql:<stdin>:\d+: //gmr;
}

# The lines of an output, without what only its widths make, and numbers of
# columns that vary as "#".
sub lines_of
{
	my ($text, $varies) = @_;
	my @columns;
	my @lines;

	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^\s*-+(?:\+-+)*\s*$/)
		{
			@columns = map { s/^\s+|\s+$//gr } split /\|/, $lines[-1] // '';
			$line =~ s/-+/--/g;
		}
		elsif (@columns > 1 || $line !~ /^\(/)
		{
			my @cells = split /\|/, $line, -1;

			if (%$varies && @cells == @columns)
			{
				$varies->{ $columns[$_] } && $cells[$_] =~ s/\d[\d,.]*(?:e[-+]\d+)?/#/g for 0 .. $#cells;
			}
			$line = join '|', @cells;
		}
		$line =~ s/\s+/ /g;
		$line =~ s/^ | $//g;
		$line =~ s/ ?\| ?/|/g;
		push @lines, $line if $line ne '';
	}
	return @lines;
}

# True if two lines agree: whole numbers and words are the same, fractions are
# so to a thousandth or their last digit, "…" stands for anything.
sub same_line
{
	my ($shown, $printed) = @_;
	my $pattern = '';
	my @numbers;

	while ($shown =~ /\G(?:(…)|(-?(?<![\d.])\d+\.\d+(?:e[-+]?\d+)?(?![\d.]))|(\d+)|(.))/gs)
	{
		if (defined $1)
		{
			$pattern .= '.*';
		}
		elsif (defined $2)
		{
			push @numbers, $2;
			$pattern .= '(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)';
		}
		else
		{
			$pattern .= quotemeta($3 // $4);
		}
	}
	my @found = $printed =~ /^$pattern$/;
	return 0 if !@found;
	foreach my $number (@numbers)
	{
		my $found = shift @found;
		my ($digits) = sort { $b <=> $a } map { /\.(\d+)$/ ? length $1 : 0 } $number, $found;
		my $within = 1e-3 * abs $number;

		$within = 1.01 * 10**-$digits if $within < 1.01 * 10**-$digits;
		return 0 if abs($number - $found) > $within;
	}
	return 1;
}

# What psql printed that a document does not show, or the other way round: the
# first pair of lines that differ, or nothing. A line "…" stands for any lines,
# and "(3 rows)" need not be shown. With $last_only the end of what was printed
# need be shown, of several statements the last one's rows.
sub output_differs
{
	my ($shown, $printed, $varies, $last_only) = @_;
	my @shown = lines_of($shown, $varies // {});
	my @printed = lines_of($printed, $varies // {});
	my $rows = qr/^\(\d+ rows?\)$/;

	@printed = grep { !/$rows/ } @printed unless grep { /$rows/ } @shown;
	@printed = splice @printed, -@shown if $last_only && @shown < @printed && !grep { $_ eq '…' } @shown;
	while (@shown)
	{
		if ($shown[0] eq '…')
		{
			shift @shown;
			return undef if !@shown;
			shift @printed while @printed && !same_line($shown[0], $printed[0]);
		}
		return "shown: $shown[0]\nprinted: " . ($printed[0] // 'no more')
		  if !@printed || !same_line($shown[0], $printed[0]);
		shift @shown;
		shift @printed;
	}
	return @printed ? "not shown: $printed[0]" : undef;
}

# The anchors of a document's headings, as GitHub makes them.
sub anchors
{
	my ($path) = @_;
	my (%seen, $code);

	foreach my $line (split /\n/, contents($path))
	{
		$code = !$code if $line =~ /^```/;
		$seen{$1} = 1 while !$code && $line =~ /<a id="([^"]+)">/g;
		next if $code || $line !~ /^#{1,6}\s+(.*?)\s*$/;
		my $anchor = lc($1 =~ s/\[([^\]]*)\]\([^)]*\)/$1/gr);

		$anchor =~ s/[^\w\s-]//g;
		$anchor =~ s/\s/-/g;
		$anchor .= "-$seen{$anchor}" if $seen{$anchor}++;
		$seen{$anchor} //= 1;
	}
	return \%seen;
}

# The places that a document links to or shows: [line, file or "", anchor or ""].
sub links
{
	my ($path) = @_;
	my ($number, $code, @links) = (0);

	foreach my $line (split /\n/, contents($path))
	{
		$number++;
		$code = !$code if $line =~ /^```/;
		next if $code || $line =~ /^    /;
		$line =~ s/`[^`]*`//g;
		while ($line =~ /\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)
		{
			my $link = $1 // $2;
			push @links, [ $number, $link =~ /^([^#]*)(?:#(.*))?$/ ? ($1, $2 // '') : () ]
			  unless $link =~ /^\w+:/;
		}
	}
	return @links;
}

1;
