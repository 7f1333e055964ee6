# Explanations of a forest by their definition: the value of every coalition of
# columns, and from these the Shapley values, 2^columns of them. What is in
# src/detectors/iforest_explain.c integrates polynomials instead.
package Shapley;

use strict;
use warnings;

use Iforest;

# Rows of the subsample in the leaves below a node.
sub rows_below
{
	my ($node) = @_;

	return $node->{rows} if defined $node->{rows};
	return $node->{below} //= rows_below($node->{left}) + rows_below($node->{right});
}

# The expected path length below a node if only some columns (bits) are known:
# at a split on another the row goes both ways, as the subsample's rows did.
sub expected_length
{
	my ($node, $known, @x) = @_;

	return $node->{depth} + Iforest::expected_depth($node->{rows}) if defined $node->{rows};

	my ($column, $coefficient) = @{ $node->{terms}[0] };
	my ($left, $right) = @$node{qw(left right)};

	return expected_length($coefficient * $x[$column] <= $node->{threshold} ? $left : $right, $known, @x)
	  if $known >> $column & 1;

	my $rows = rows_below($node);

	return rows_below($left) / $rows * expected_length($left, $known, @x)
	  + rows_below($right) / $rows * expected_length($right, $known, @x);
}

# The Shapley values of the path length summed over the trees, and its
# expectation.
sub shapley
{
	my ($forest, @x) = @_;
	my $n = @x;
	my @value;
	my @phi = (0) x $n;
	my @factorial = (1);

	push @factorial, $factorial[-1] * $_ for 1 .. $n;
	for my $known (0 .. 2**$n - 1)
	{
		$value[$known] += expected_length($_, $known, @x) for @{ $forest->{trees} };
	}
	for my $known (0 .. 2**$n - 1)
	{
		my $size = grep { $known >> $_ & 1 } 0 .. $n - 1;

		for my $j (grep { !($known >> $_ & 1) } 0 .. $n - 1)
		{
			$phi[$j] += $factorial[$size] * $factorial[ $n - $size - 1 ] / $factorial[$n]
			  * ($value[ $known | 1 << $j ] - $value[$known]);
		}
	}
	return ($value[0], @phi);
}

# What the expected length changes by at each split of the row's paths.
sub path
{
	my ($forest, @x) = @_;
	my @phi = (0) x @x;
	my $expected = 0;

	for my $tree (@{ $forest->{trees} })
	{
		my $node = $tree;
		my $before = expected_length($tree, 0, @x);

		$expected += $before;
		while (!defined $node->{rows})
		{
			my ($column, $coefficient) = @{ $node->{terms}[0] };
			my $after;

			$node = $coefficient * $x[$column] <= $node->{threshold} ? $node->{left} : $node->{right};
			$after = expected_length($node, 0, @x);
			$phi[$column] += $after - $before;
			$before = $after;
		}
	}
	return ($expected, @phi);
}

# Path lengths as parts of a score: (baseline, contribution of each column).
sub as_scores
{
	my ($forest, $expected, @phi) = @_;
	my $unit = @{ $forest->{trees} } * Iforest::expected_depth($forest->{psi});
	my $change = 0;

	$change += $_ for @phi;
	my $baseline = 2**(-$expected / $unit);
	my $total = 2**(-($expected + $change) / $unit) - $baseline;

	return ($baseline, map { $change == 0 ? 0 : $_ * $total / $change } @phi);
}

1;
