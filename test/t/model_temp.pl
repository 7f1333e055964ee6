# Models that a query makes do not fill the disk: where it groups, sorts or
# ranks scores, the temporary files it writes are those of its rows, and its
# processor time that of fits and scores. The query of docs/benchmark.md with
# one more grouping key over 6,435 rows once wrote 12.5 GB in more than a minute.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use Session;
use Test::More;

if (!-r "/proc/$$/schedstat")
{
	plan skip_all => 'processor time of a backend is read from /proc, which is not there';
}

my $node = start_server('temp', 'autovacuum = off', 'max_parallel_workers_per_gather = 0');
my $csv = `gzip -dc "$FindBin::RealBin/../data/satellite.csv.gz" | tail -n +2`;

open(my $out, '>', $node->basedir . '/satellite.csv') or die $!;
print $out $csv;
close $out;
$node->safe_psql('postgres', sprintf(<<'SQL', $node->basedir));
CREATE TABLE line (line text);
COPY line FROM '%s/satellite.csv';
CREATE TABLE satellite AS
SELECT row_number() OVER () AS i, v[37] = 1 AS is_anomaly, v[1:36] AS features
FROM (SELECT string_to_array(line, ',')::float8[] AS v FROM line) l;
ANALYZE satellite;
SQL

# the models of the query in docs/benchmark.md, and of twelve specs and five folds
my $models = q{(SELECT detector, ad_fit(detector, features) AS model
	FROM satellite, unnest(ARRAY['iforest', 'knn', 'ecod']) AS detector GROUP BY detector) m};
my $folds = q{(SELECT spec, k, ad_fit(spec, features) AS model
	FROM satellite, (SELECT ad_iforest(trees => t, sample_size => n) AS spec
	                 FROM unnest(ARRAY[25, 50]) t, unnest(ARRAY[64, 256]) n) g, generate_series(0, 4) k
	WHERE i % 5 <> k GROUP BY spec, k) m};
my $metrics = 'ad_roc_auc(score, is_anomaly), ad_average_precision(score, is_anomaly)';
my @queries = (
	[ 'one grouping key', "SELECT detector, $metrics FROM (SELECT detector, is_anomaly, ad_score(model, features) AS score FROM satellite, $models) s GROUP BY detector", 3 ],
	[ 'two grouping keys', "SELECT detector, b, $metrics FROM (SELECT detector, i % 500 AS b, is_anomaly, ad_score(model, features) AS score FROM satellite, $models) s GROUP BY detector, b", 1500 ],
	[ 'grouping sets', "SELECT detector, b, $metrics FROM (SELECT detector, i % 100 AS b, is_anomaly, ad_score(model, features) AS score FROM satellite, $models) s GROUP BY ROLLUP (detector, b)", 304 ],
	[ 'a window', "SELECT detector, i, score, avg(score) OVER (PARTITION BY detector ORDER BY i) FROM (SELECT detector, i, ad_score(model, features) AS score FROM satellite, $models) s", 19305 ],
	[ 'folds', "SELECT spec, $metrics FROM (SELECT spec, is_anomaly, ad_score(model, features) AS score FROM satellite x, $folds WHERE x.i % 5 = m.k) s GROUP BY spec", 4 ],
	[ 'OFFSET 0', "SELECT detector, b, $metrics FROM (SELECT detector, i % 500 AS b, is_anomaly, ad_score(model, features) AS score FROM satellite JOIN (SELECT i FROM satellite) j USING (i), $models OFFSET 0) s GROUP BY detector, b", 1500 ]);

my $session = Session->new($node);

for my $case (@queries)
{
	my ($name, $query, $rows) = @$case;
	my $start = $session->cpu;
	my $plan = join '', $session->do("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) $query");
	my $cpu = $session->cpu - $start;
	# the first of each is the query's
	my ($returned) = $plan =~ /"Actual Rows": ([\d.]+)/;
	my ($blocks) = $plan =~ /"Temp Written Blocks": (\d+)/;

	cmp_ok($returned, '==', $rows, "$name: rows");
	cmp_ok($cpu, '<=', 5, sprintf('%s: %.2f s of processor time', $name, $cpu));
	cmp_ok($blocks * 8192 / 1e6, '<=', 100, sprintf('%s: %.0f MB of temporary files', $name, $blocks * 8192 / 1e6));
}

$session->end;
$node->stop;
done_testing();
