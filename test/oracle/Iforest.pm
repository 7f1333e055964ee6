# An isolation forest read and scored node by node, from the paper (Liu, Ting
# and Zhou 2008; extended: Hariri et al. 2019) and the payload format in
# src/detectors/iforest.h. It shares nothing with the scoring code, which
# compares ranks in blocks of complete trees.
package Iforest;

use strict;
use warnings;

use List::Util qw(sum0);

# Trees as format 3 has them: level by level.
sub parse_levels
{
	my ($r, $columns, $ntrees) = @_;
	my @longs = $r->('V/(d<)');
	my @count = map { $r->('V') } 1 .. $ntrees;
	my $all = sum0 @count;
	my @bits = map { $r->('V') } 1 .. $all;
	my $width = 0;
	my $take = sub {
		my ($n) = @_;

		return split //, unpack "b$n", join '', map { chr $r->('C') } 1 .. ($n + 7) / 8;
	};

	$width++ while 2**$width < $columns;
	my @column = $take->($all * $width);
	my @inner = $take->(2 * $all + $ntrees);
	my @rows = map { $_ ? $r->('C') : 1 } $take->($all + $ntrees);
	$_ = $_ == 255 ? $r->('V') : $_ for @rows;
	my @trees;

	for my $count (@count)
	{
		my @level = ({ depth => 0 });
		my $depth = 0;

		push @trees, $level[0];
		while (@level)
		{
			my @next;

			$depth++;
			for my $n (@level)
			{
				if (!shift @inner)
				{
					$n->{rows} = shift @rows;
					next;
				}
				my $bits = shift @bits;

				$n->{terms} = [ [ oct('0b' . reverse join '', splice @column, 0, $width) || 0, 1 ] ];
				$n->{threshold} = ($bits & 0x7F800000) == 0x7F800000 ? $longs[ $bits ^ 0x7F800000 ] : unpack 'f<', pack 'V', $bits;
				$n->{left} = { depth => $depth };
				$n->{right} = { depth => $depth };
				push @next, @$n{qw(left right)};
			}
			@level = @next;
		}
	}
	return @trees;
}

# The forest of a payload: {psi, ndim, trees}. A node is {rows} or {terms,
# threshold, left, right}; a term is [column, coefficient]. A fair-cut forest
# is written with hyperplanes always.
sub parse
{
	my ($payload, $columns, $hyperplanes) = @_;
	my $r = Envelope::reader($payload);
	my ($psi, $ntrees, $ndim) = $r->('V V V');
	my @thresholds = map { [] } 1 .. $columns;

	$hyperplanes ||= $ndim > 1;
	if (!$hyperplanes)
	{
		my @trees = parse_levels($r, $columns, $ntrees);

		die 'payload' if !$r->();
		for my $n (grep { !defined $_->{rows} } map { nodes($_) } @trees)
		{
			push @{ $thresholds[ $n->{terms}[0][0] ] }, $n->{threshold};
		}
		return { psi => $psi, ndim => $ndim, trees => \@trees, thresholds => \@thresholds };
	}
	my $node;
	$node = sub {
		my ($depth) = @_;
		my %n = (depth => $depth);

		my $k = $r->('v');

		if ($k == 0)
		{
			$n{rows} = $r->('V');
			return \%n;
		}
		$n{terms} = [ map { [ $r->('v d<') ] } 1 .. $k ];
		$n{threshold} = $r->('d<');
		$n{left} = $node->($depth + 1);
		$n{right} = $node->($depth + 1);
		return \%n;
	};
	my @trees = map { $node->(0) } 1 .. $ntrees;
	die 'payload' if !$r->();
	return { psi => $psi, ndim => $ndim, trees => \@trees, thresholds => \@thresholds };
}

# c(n), the expected depth of an unsuccessful search in a tree of n keys.
sub expected_depth
{
	my ($n) = @_;

	return 0 if $n <= 1;
	return 1 if $n == 2;
	return 2 * (log($n - 1) + 0.57721566490153286061) - 2 * ($n - 1) / $n;
}

# The leaf of a tree where a row arrives.
sub leaf
{
	my ($node, @x) = @_;

	while (!defined $node->{rows})
	{
		my $dot = 0;

		$dot += $_->[1] * $x[ $_->[0] ] for @{ $node->{terms} };
		$node = $dot <= $node->{threshold} ? $node->{left} : $node->{right};
	}
	return $node;
}

# The score of a row of columns: 2^(-E[h(x)] / c(psi)).
sub score
{
	my ($forest, @x) = @_;
	my $length = 0;

	return 0.5 if $forest->{psi} < 2;
	for my $tree (@{ $forest->{trees} })
	{
		my $leaf = leaf($tree, @x);

		$length += $leaf->{depth} + expected_depth($leaf->{rows});
	}
	return 2**(-$length / @{ $forest->{trees} } / expected_depth($forest->{psi}));
}

# The leaves (rows => 1) or inner nodes of a tree.
sub nodes
{
	my ($node) = @_;

	return $node if defined $node->{rows};
	return ($node, nodes($node->{left}), nodes($node->{right}));
}

# A tree as text; equal trees give equal text.
sub tree_text
{
	return join ' ', map {
		defined $_->{rows}
		  ? "leaf $_->{rows}"
		  : join ',', map({ "@$_" } @{ $_->{terms} }), sprintf '%a', $_->{threshold}
	} nodes(@_);
}

# The payload of an axis-parallel forest, as format 2 has it.
sub payload
{
	my ($psi, $columns, @trees) = @_;
	my @inner = grep { !defined $_->{rows} } map { nodes($_) } @trees;
	my @by_column = map { {} } 1 .. $columns;
	my @rank;
	my $bytes = pack 'V V V', $psi, scalar @trees, 1;

	$by_column[ $_->{terms}[0][0] ]{ pack 'd<', $_->{threshold} } = $_->{threshold} for @inner;
	for my $c (0 .. $columns - 1)
	{
		my @t = sort { $a <=> $b } values %{ $by_column[$c] };

		$bytes .= pack 'V/(d<)', @t;
		$rank[$c]{ pack 'd<', $t[$_] } = $_ for 0 .. $#t;
	}
	for my $n (map { nodes($_) } @trees)
	{
		my $c = defined $n->{rows} ? undef : $n->{terms}[0][0];

		$bytes .= pack 'V', defined $c
		  ? $rank[$c]{ pack 'd<', $n->{threshold} } << 12 | $c
		  : 0x80000000 | $n->{rows};
	}
	return $bytes;
}

1;
