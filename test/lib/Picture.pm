# Looks at pictures: what is wrong with the text of one.

package Picture;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(picture_faults);

# Path data as places: absolute ones and those that follow.
sub places_of_path
{
	my ($path) = @_;
	my ($x, $y, $x0, $y0, @places) = (0, 0, 0, 0);

	while ($path =~ /([MLHVZmlhvz])([^MLHVZmlhvz]*)/g)
	{
		my ($command, $numbers) = ($1, $2);
		my @n = $numbers =~ /-?(?:\d+\.?\d*|\.\d+)/g;
		my $relative = $command eq lc $command;
		my $step = $command =~ /[hv]/i ? 1 : 2;

		($x, $y) = ($x0, $y0) if $command =~ /z/i;
		while (@n >= $step)
		{
			my ($dx, $dy) = $step == 2 ? splice(@n, 0, 2) : $command =~ /h/i ? (shift @n, $relative ? 0 : $y) : ($relative ? 0 : $x, shift @n);
			($x, $y) = $relative ? ($x + $dx, $y + $dy) : ($dx, $dy);
			($x0, $y0) = ($x, $y) if $command =~ /m/i;
			push @places, [ $x, $y ];
		}
		die "left over in $path" if @n;
	}
	return @places;
}

# What is wrong with a picture (SVG text): not well-formed, places outside of it,
# text beyond it, numbers that are none, characters that XML does not allow.
sub picture_faults
{
	my ($svg) = @_;
	my ($width, $height) = $svg =~ /^<svg [^>]*viewBox="0 0 (\d+) (\d+)"/ or return 'no viewBox';
	my (@open, @faults, @texts);
	my ($dx, $dy) = (0, 0);

	push @faults, 'a number that is none' if $svg =~ /[" >]-?(nan|inf)\b/;
	push @faults, 'a character that XML does not allow' if $svg =~ /[\x00-\x08\x0b\x0c\x0e-\x1f]/;
	push @faults, 'a direction turned' if $svg =~ /\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]|[\x{202a}-\x{202e}\x{2066}-\x{2069}]/;
	push @faults, 'no dark colours' unless $svg =~ /prefers-color-scheme:dark/;
	while ($svg =~ /\G(?:<(\/?)(\w+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+))/gc)
	{
		my ($close, $element, $attributes, $empty, $text) = ($1, $2, $3, $4, $5);

		if (defined $text)
		{
			push @faults, "not escaped: $text" if $text =~ /&(?!(amp|lt|gt|quot);)/ || $text =~ />/ && @open && $open[-1] ne 'style';
			$texts[-1]{text} .= $text if @open && $open[-1] eq 'text';
			next;
		}
		if ($close)
		{
			push @faults, "</$element> closes another" if (pop(@open) // '') ne $element;
			($dx, $dy) = (0, 0) if $element eq 'g';
			next;
		}
		my %a = $attributes =~ /([\w:-]+)="([^"]*)"/g;
		my @places;

		($dx, $dy) = ($1, $2) if ($a{transform} // '') =~ /^translate\((\S+) (\S+)\)$/;
		push @places, places_of_path($a{d}) if defined $a{d};
		push @places, [ $a{x} // 0, $a{y} // 0 ], [ ($a{x} // 0) + $a{width}, ($a{y} // 0) + $a{height} ] if $element eq 'rect';
		push @places, [ $a{x}, $a{y} ] if $element eq 'text';
		push @places, map { [ ($a{cx} // 0) + $_ * $a{r}, ($a{cy} // 0) + $_ * $a{r} ] } -1, 1 if $element eq 'circle';
		push @texts, { %a, text => '' } if $element eq 'text';
		for my $place (@places)
		{
			my ($x, $y) = ($place->[0] + $dx, $place->[1] + $dy);

			push @faults, "<$element> at $x, $y" if $x < -0.05 || $y < -0.05 || $x > $width + 0.05 || $y > $height + 0.05;
		}
		push @open, $element unless $empty;
	}
	push @faults, 'not well-formed: ' . substr($svg, pos($svg) // 0, 60) if (pos($svg) // 0) < length $svg || @open;
	for my $text (@texts)
	{
		# of a common font
		my $shown = $text->{text} =~ s/&\w+;/x/gr;
		my $length = 6 * length $shown;
		my $anchor = $text->{'text-anchor'} // 'start';
		my $left = $text->{x} - ($anchor eq 'end' ? $length : $anchor eq 'middle' ? $length / 2 : 0);

		push @faults, "text \"$shown\" from $left" if $left < 0 || $left + $length > $width + 0.5;
	}
	return @faults;
}

1;
