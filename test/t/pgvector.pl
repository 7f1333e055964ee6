# Values of pgvector as features: a vector, and a halfvec where pgvector has
# them, give the model and the scores that the same numbers give as an array,
# by every way in; a sparsevec, which has no cast to an array, is refused by
# name. Skipped where Debian, or whoever made the server, has no pgvector.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $share = `pg_config --sharedir` =~ s/\n//r;
plan skip_all => 'the extension vector is not installed' if !-f "$share/extension/vector.control";

my $node = start_server('vectors');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vector;
CREATE TABLE docs AS
SELECT i AS id, ARRAY[ad_random(1, i, 'normal') * CASE WHEN i % 100 = 0 THEN 5 ELSE 1 END, ad_random(2, i, 'normal'), i % 7, i % 11]::float4[] AS a
FROM generate_series(1, 2000) i;
SQL

my @types = map { $_->[0] } rows_of($node, q{SELECT typname FROM pg_type WHERE typname IN ('vector', 'halfvec', 'sparsevec') ORDER BY 1});
note "types: @types";
ok((grep { $_ eq 'vector' } @types), 'there is the type vector');
my $arrays = "FROM (SELECT id, v, v::float4[] AS a FROM typed) t";
for my $type (grep { $_ ne 'sparsevec' } @types)
{
	$node->safe_psql('postgres', "DROP TABLE IF EXISTS typed; CREATE TABLE typed AS SELECT id, a::$type(4) AS v FROM docs");
	is(sql_value($node, "SELECT count(*) FROM typed WHERE v IS NOT NULL"), 2000, "$type: a table of it");
	for my $detector (qw(iforest zscore knn pca))
	{
		is(sql_value($node, "SELECT ad_fit('$detector', v) = ad_fit('$detector', a) $arrays"), 't', "... fits the model of the array: $detector");
		is(sql_value($node, "SELECT count(*) FILTER (WHERE ad_score(m, v) = ad_score(m, a)) $arrays, (SELECT ad_fit('$detector', v) AS m FROM typed) f"), 2000, '... and has its scores');
	}
	is(sql_value($node, "SELECT array_agg(round(s::numeric, 6) ORDER BY id) = array_agg(round(s2::numeric, 6) ORDER BY id)
		FROM (SELECT id, ad_outlier(ad_knn(), v) OVER () AS s, ad_outlier(ad_knn(), v::float4[]) OVER () AS s2 FROM typed) t"), 't', '... in the window function');
	is(sql_value($node, "SELECT ad_sketch(v) = ad_sketch(a) $arrays"), 't', '... in a sketch');
	is(sql_value($node, "SELECT count(*) FROM (SELECT v FROM typed LIMIT 1) t, (SELECT ad_fit('iforest', v) AS m FROM typed) f, ad_explain(m, v)"), 4, '... explained');
	is(sql_value($node, "SELECT ad_train('m $type', 'SELECT v FROM typed'); SELECT count(*) FROM typed WHERE ad_score('m $type', v) IS NOT NULL") =~ s/.*\n//sr, 2000, '... and under a name');
	my ($status, undef, $error) = $node->psql('postgres', "SELECT ad_score('m $type', '[1,2,3]'::$type)");
	like($error, qr/number of features is 3, but the model expects 4/, '... whose length is checked');
	is(sql_value($node, "SELECT ad_score('m $type', NULL::$type) IS NULL"), 't', '... and NULL is no row');
}
SKIP:
{
	skip 'this pgvector has no sparsevec', 1 if !grep { $_ eq 'sparsevec' } @types;
	my ($status, undef, $error) = $node->psql('postgres', q{SELECT ad_fit('iforest', a::sparsevec) FROM docs});
	like($error, qr/feature 1 is of type sparsevec, which is not supported/, 'a sparsevec is refused by name');
	is(sql_value($node, q{SELECT ad_fit('zscore', a::sparsevec::vector) = ad_fit('zscore', a) FROM docs}), 't', '... and is cast to a vector by hand');
}
$node->stop('immediate');
done_testing();
