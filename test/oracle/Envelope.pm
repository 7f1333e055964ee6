# Models as bytes, taken apart and put together in Perl: an independent reading
# of the format that src/core/envelope.c and src/model/model_bytes.c describe.
package Envelope;

use strict;
use warnings;

use Digest::SHA qw(sha256);

use constant MODEL => "ADMODEL\n";

my @crc_table = map {
	my $c = $_;
	$c = $c & 1 ? ($c >> 1) ^ 0x82F63B78 : $c >> 1 for 1 .. 8;
	$c;
} 0 .. 255;

sub crc32c
{
	my $crc = 0xFFFFFFFF;

	$crc = $crc_table[ ($crc ^ $_) & 0xFF ] ^ ($crc >> 8) for unpack 'C*', shift;
	return $crc ^ 0xFFFFFFFF;
}

# The parts of an envelope: detector, and sections by number. Dies unless
# header, digest and checksum are as they should be.
sub take_apart
{
	my ($bytes) = @_;
	my ($magic, $version, $detector, $flags, $length, $n, $zero) =
	  unpack 'a8 v v V Q< V V', $bytes;
	my ($digest, $crc) = unpack 'x32 a16 V', $bytes;
	my %section;

	die 'magic' if $magic ne MODEL;
	die 'length' if $length != length $bytes;
	die 'checksum'
	  if $crc != crc32c(substr($bytes, 0, 48) . substr($bytes, 52));
	die 'digest'
	  if $digest ne substr sha256(substr($bytes, 0, 32) . substr($bytes, 64)), 0, 16;
	for my $i (0 .. $n - 1)
	{
		my ($id, undef, $at, $len) = unpack 'V V Q< Q<', substr $bytes, 64 + 24 * $i, 24;

		die 'alignment' if $at % 8;
		$section{$id} = substr $bytes, $at, $len;
	}
	return { version => $version, detector => $detector, flags => $flags, section => \%section };
}

# The bytes of an envelope of these sections (by number); its format version
# is 1, or the value of "version".
sub put_together
{
	my ($detector, %section) = @_;
	my $version = delete $section{version} // 1;
	my @ids = sort { $a <=> $b } keys %section;
	my $at = 64 + 24 * @ids;
	my ($table, $body) = ('', '');

	for my $id (@ids)
	{
		my $len = length $section{$id};

		$table .= pack 'V V Q< Q<', $id, 0, $at, $len;
		$body .= $section{$id} . "\0" x (-$len % 8);
		$at += $len + -$len % 8;
	}
	my $head = pack 'a8 v v V Q< V V', MODEL, $version, $detector, 0, $at, scalar @ids, 0;
	my $digest = substr sha256($head . $table . $body), 0, 16;
	my $tail = pack('V Q<', 0, 0) . $table . $body;

	return $head . $digest . pack('V', crc32c($head . $digest . $tail)) . $tail;
}

# A reader over bytes: a closure that unpacks the next fields.
sub reader
{
	my ($bytes) = @_;
	my $at = 0;

	return sub {
		my ($template) = @_;
		return $at == length $bytes if !defined $template;

		my @fields = unpack "\@$at $template .", $bytes;
		$at = pop @fields;
		return wantarray ? @fields : $fields[0];
	};
}

my @classes = (undef, qw(number timestamp time interval category));
my @encodings = qw(dropped number calendar onehot frequency);

# The features of a model with how each becomes columns, and its scaling.
sub features
{
	my ($model) = @_;
	my $r = reader($model->{section}{2});
	my ($encoding, $rows, $sampled, $n) = $r->('V Q< Q< V');
	my @features;

	for (1 .. $n)
	{
		my %f;

		@f{qw(class name type missing infinite distinct)} = $r->('C V/a V/a Q< Q< q<');
		$f{class} = $classes[ $f{class} ];
		if ($f{class} eq 'category')
		{
			for my $code (0 .. $r->('V') - 1)
			{
				my ($count, $frequency, $value) = $r->('Q< d< V/a');

				$f{code}{$value} = $code;
				push @{ $f{frequency} }, $frequency;
				push @{ $f{count} }, $count;
			}
		}
		else
		{
			@f{qw(min max mean sd q05 q25 median q75 q95)} = $r->('d<9');
		}
		push @features, \%f;
	}
	die 'schema' if !$r->();

	$r = reader($model->{section}{3});
	my ($impute, $scaled, $zone) = $r->('C C V/a');
	my $columns = 0;
	for my $f (@features)
	{
		my ($how, $value, $dropped) = $r->('C d< l<');

		@$f{qw(encoding impute dropped_for)} = ($encodings[$how], $value, $dropped);
		$f->{columns} = { dropped => 0, number => 1, calendar => 5, frequency => 1,
			onehot => 1 + keys %{ $f->{code} // {} } }->{ $f->{encoding} };
		$columns += $f->{columns};
	}
	my @scale = map { [ $r->('d< d<') ] } 1 .. ($scaled ? $columns : 0);
	die 'preparation' if !$r->();
	return { features => \@features, columns => $columns, scale => \@scale,
		zone => $zone, rows => $rows, sampled => $sampled };
}

# The columns of a row: numbers (temporal values in seconds), strings for
# categories, undef where it is missing. Calendar columns in UTC only.
sub columns
{
	my ($prepared, @row) = @_;
	my @columns;
	my $turn = 2 * atan2(0, -1);

	for my $f (@{ $prepared->{features} })
	{
		my $v = shift @row;
		my $other = $f->{code} ? keys %{ $f->{code} } : 0;

		if ($f->{class} eq 'category')
		{
			$v = defined $v ? $f->{code}{$v} // $other : $f->{impute};
		}
		else
		{
			$v = $f->{impute} if !defined $v || $v != $v;
		}
		if ($f->{encoding} eq 'number')
		{
			push @columns, $v;
		}
		elsif ($f->{encoding} eq 'onehot')
		{
			push @columns, map { $_ == $v ? 1 : 0 } 0 .. $other;
		}
		elsif ($f->{encoding} eq 'frequency')
		{
			push @columns, $v < $other ? $f->{frequency}[$v] : 0;
		}
		elsif ($f->{encoding} eq 'calendar')
		{
			if (abs($v) < 1e14)
			{
				my $days = int($v / 86400);
				$days-- if $days * 86400 > $v;
				my $second = $v - $days * 86400;
				my $weekday = ($days + 4) % 7;

				# counted from both sides, since equal cosines must be equal
				$second -= 86400 if $second > 43200;
				$weekday -= 7 if $weekday > 3;
				push @columns, $v, map { (sin $_, cos $_) } map { $_ * $turn } $second / 86400, $weekday / 7;
			}
			else
			{
				push @columns, $v, 0, 0, 0, 0;
			}
		}
	}
	my @scale = @{ $prepared->{scale} };
	if (@scale)
	{
		$columns[$_] = ($columns[$_] - $scale[$_][0]) / $scale[$_][1] for 0 .. $#columns;
	}
	return @columns;
}

1;
