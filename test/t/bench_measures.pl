# The examples of bench/measures.py, by which the figures of labelled series are
# judged: small cases that one can follow by hand.

use strict;
use warnings;

use FindBin;
use Test::More;

my $python = '/usr/bin/python3';

plan skip_all => 'python3-numpy is not installed' if system("$python -c 'import numpy' 2>/dev/null") != 0;
my $faults = qx{cd $FindBin::RealBin/../../bench && PYTHONDONTWRITEBYTECODE=1 $python -m doctest measures.py 2>&1};
is($faults, '', 'every example gives what it says');
my $examples = qx{cd $FindBin::RealBin/../../bench && PYTHONDONTWRITEBYTECODE=1 $python -m doctest -v measures.py 2>&1};
cmp_ok(() = $examples =~ /^ok$/mg, '>=', 10, 'there are examples');
done_testing();
