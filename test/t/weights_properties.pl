# What labels may do to a model, over tables of three kinds and draws of labels:
# they hardly make it worse on other rows, few or wrong as they may be, whatever
# the order of the rows; and p-values of the weighted score hold.  Here a few
# draws; in test/long.sh a hundred.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# one seed in the suite: chance is for the long run
$ENV{ANOMALY_TEST_SEED} //= 20261127 unless $ENV{ANOMALY_LONG};

my $node = start_server('weights_properties');
my $draws = $ENV{ANOMALY_LONG} ? 100 : 2;
my $seed = seed();

my $session = Session->new($node, options => '-c client_min_messages=warning');
sub sql { return $session->do($_[0]) }

# what is strange: inside a ring, a small cluster, far out in one column
my %strange = (
	ring => ['0.3 * n1', '0.3 * n2'],
	cluster => ['1.2 + 0.05 * n1', '1.2 + 0.05 * n2'],
	far => ['cos(u) + 0.1 * n1', '2.5 + u / 3']);

for my $kind (sort keys %strange)
{
	my ($a, $b) = @{ $strange{$kind} };
	sql(<<"SQL");
CREATE TABLE $kind AS
SELECT i, i % 40 = 0 AS strange, CASE WHEN i % 40 = 0 THEN $a ELSE cos(u) + 0.1 * n1 END AS a, CASE WHEN i % 40 = 0 THEN $b ELSE sin(u) + 0.1 * n2 END AS b
FROM (SELECT i, 6.2832 * ad_random($seed, i) AS u, ad_random($seed + 1, i, 'normal') AS n1, ad_random($seed + 2, i, 'normal') AS n2 FROM generate_series(1, 1600) i) r;
SELECT ad_train('$kind', 'SELECT a, b FROM $kind');
SQL
}

# labels of as many rows of each kind; of them a share is wrong
sub gain
{
	my ($kind, $labels, $wrong, $draw) = @_;

	return sql(<<"SQL");
DISCARD TEMP;
CREATE TEMP TABLE told AS
SELECT i, strange, a, b, CASE WHEN n <= $labels THEN strange <> (w < $wrong) END AS told
FROM (SELECT *, row_number() OVER (PARTITION BY strange ORDER BY ad_random($seed + $draw, i)) AS n, ad_random($seed + 1000 + $draw, i) AS w FROM $kind) r;
SELECT ad_train('w', 'SELECT a, b, told FROM pg_temp.told', labels => 'told') > 0;
SELECT ad_roc_auc(ad_score('w', a, b), strange) - ad_roc_auc(ad_score('$kind', a, b), strange) FROM told WHERE told IS NULL;
SQL
}

for my $wrong (0, 0.2)
{
	for my $labels (1, 5, 15)
	{
		my %sum;
		for my $kind (sort keys %strange)
		{
			$sum{$kind} += (split /\n/, gain($kind, $labels, $wrong, $_))[-1] / $draws for 1 .. $draws;
		}
		my $mean = 0;
		$mean += $_ / 3 for values %sum;
		note join ', ', map { sprintf '%s %+.4f', $_, $sum{$_} } sort keys %sum;
		cmp_ok($mean, '>', -0.005, "2 x $labels labels, $wrong wrong: not worse in the mean");
		cmp_ok($mean, '>', 0, "2 x $labels labels, $wrong wrong: better") if $labels == 15 && !$wrong;
	}
}

# in any order the same model; of one kind the one without labels
sql("DISCARD TEMP; CREATE TABLE told AS SELECT a, b, CASE WHEN i % 8 = 0 THEN strange END AS told FROM ring");
sql("SELECT ad_train('order', 'SELECT a, b, told FROM told ORDER BY $_', labels => 'told')") for 'a', 'b DESC', 'a * b';
is(sql("SELECT count(DISTINCT digest), bool_and(spec ? 'weights') FROM ad_models WHERE name = 'order'"), '1|t', 'the order of rows does not matter');
sql("SELECT ad_train('kinds', 'SELECT a, b, CASE WHEN told = $_ THEN told END AS told FROM told', labels => 'told')") for 'true', 'false';
is(sql("SELECT count(DISTINCT digest) FROM ad_models WHERE name IN ('kinds', 'ring')"), 1, 'labels of one kind leave the weights');

# p-values of rows that come from where the ordinary ones do
my $rows = $ENV{ANOMALY_LONG} ? 100_000 : 4000;
for my $share (0.05, 0.1)
{
	my $below = sql(<<"SQL");
SELECT avg((ad_pvalue('order', cos(u) + 0.1 * n1, sin(u) + 0.1 * n2) <= $share)::int)
FROM (SELECT 6.2832 * ad_random($seed + 5, i) AS u, ad_random($seed + 6, i, 'normal') AS n1, ad_random($seed + 7, i, 'normal') AS n2 FROM generate_series(1, $rows) i) r;
SQL
	# of 320 rows held out
	cmp_ok($below, '<=', $share + 4 * sqrt($share / 320), "p-values of at most $share are of $below of the rows");
}

$session->end;
$node->stop;
done_testing();
