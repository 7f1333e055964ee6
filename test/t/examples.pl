# Every file of examples/ runs in a database of its own, in a copy of the
# directory, and prints what stands in its .out beside it: the same text, with
# numbers that differ by no more than figures do between machines. The files
# that it writes are there, pictures well-formed and bounded.
#
# ANOMALY_WRITE=1 writes the .out files anew; read the difference.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use File::Copy ();
use File::Temp;
use Picture;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $node = start_server('examples');
my $dir = File::Temp::tempdir(CLEANUP => 1);

# Numbers apart from the text between them.
my $number = qr/(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?/;

sub contents
{
	my ($path) = @_;

	local (@ARGV, $/) = ($path);
	return <>;
}

# The first line that differs, or nothing.
sub difference
{
	my ($got, $expected) = @_;
	my @got = split /\n/, $got;
	my @expected = split /\n/, $expected;

	for my $i (0 .. ($#got > $#expected ? $#got : $#expected))
	{
		my ($a, $b) = map { $_ // '(end)' } $got[$i], $expected[$i];
		my @a = map { tr/,//dr } $a =~ /$number/g;
		my @b = map { tr/,//dr } $b =~ /$number/g;
		# what is drawn of a number is as long as the number lets it be
		my ($c, $d) = map { s/$number/0/gr =~ s/[\s#-]+/ /gr } $a, $b;

		next if $a eq $b;
		return sprintf("line %d: \"%s\" for \"%s\"", $i + 1, $a, $b) if $c ne $d || @a != @b || grep { abs($a[$_] - $b[$_]) > 0.02 * abs($b[$_]) + 1e-9 } 0 .. $#a;
	}
	return;
}

is(difference("a 1.00 | 2,000 x\nb", "a 1.01 | 2,001 x\nb"), undef, 'numbers may differ a little');
isnt(difference('a 1.00', 'a 1.10'), undef, 'not much');
isnt(difference('a 1.00', 'b 1.00'), undef, 'nor may words');
isnt(difference("a\nb", 'a'), undef, 'nor lines');

for my $path (glob("$root/examples/*.{csv,sql}"))
{
	File::Copy::copy($path, $dir) or die "$path: $!";
}
my @stories = grep { !/_csv$/ } map { m{([^/]+)\.sql$} } glob("$root/examples/*.sql");
is("@stories", 'auditors card_fraud fifty_metrics order_log', 'four stories');
my $index = contents("$root/examples/README.md");

for my $story (@stories)
{
	my $source = contents("$root/examples/$story.sql");
	my $db = "example_$story";

	like($index, qr/\Q($story.sql)\E/, "$story stands in the index");
	cmp_ok(scalar(split /\n/, $source), '<=', 110, "$story is read in five minutes");
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	my $out = `cd $dir && psql -X -q -a -f $story.sql -d "@{[ $node->connstr($db) ]}" 2>&1`;
	is($?, 0, "$story runs");
	unlike($out, qr/ERROR/, '... without an error');
	if ($ENV{ANOMALY_WRITE})
	{
		open my $file, '>', "$root/examples/$story.out" or die $!;
		print $file $out;
		close $file or die $!;
	}
	is(difference($out, contents("$root/examples/$story.out")), undef, "... and prints what $story.out has");
	for my $written ($source =~ /^\\o (\S+)/mg)
	{
		my $text = -e "$dir/$written" ? contents("$dir/$written") : '';

		cmp_ok(length $text, '<', 200_000, "$written is bounded");
		if ($written =~ /\.svg$/)
		{
			is(join(', ', picture_faults($text =~ s/\n\z//r)), '', '... and a picture without faults');
		}
		else
		{
			is($node->safe_psql($db, "SELECT jsonb_typeof(\$x\$$text\$x\$::jsonb)"), 'object', '... and JSON');
		}
	}
}

# the file of payments is what its generator makes
my $csv = $node->safe_psql('example_card_fraud', contents("$root/examples/card_fraud_csv.sql"));
is($csv, contents("$root/examples/card_fraud.csv") =~ s/\n\z//r, 'card_fraud.csv is what card_fraud_csv.sql makes');
cmp_ok(-s "$root/examples/card_fraud.csv", '<', 200_000, '... and small');

done_testing();
