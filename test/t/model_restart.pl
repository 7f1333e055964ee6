# What is stored stays: a model survives a crash, a replica, and dump and
# restore, and scores the same bits; a generated column, a CHECK and an
# expression index that use ad_score go on working.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = seed() % 1_000_000;
my $primary = start_server('primary', 'fsync = on', 'max_wal_senders = 4');

$primary->safe_psql('postgres', <<"SQL");
SELECT setseed($seed / 1000000.0);
CREATE TABLE payment AS
	SELECT i, exp(random() * 8) AS amount, (ARRAY['de', 'fr', 'nl', NULL])[1 + i % 4] AS country,
		timestamptz '2024-05-01' + random() * interval '100 days' AS ts
	FROM generate_series(1, 3000) i;
CREATE TABLE model AS
	SELECT 'axis' AS name, ad_fit(ad_iforest(), amount, country, ts) AS m FROM payment
	UNION ALL SELECT 'extended', ad_fit(ad_iforest(ndim => 2) || ad_prepare(calendar => true, timezone => 'Asia/Kolkata'),
		amount, country, ts) FROM payment;
CREATE VIEW bits AS
	SELECT name, md5(string_agg(encode(float8send(ad_score(m, amount, country, ts)), 'hex'), '' ORDER BY i))
	FROM payment, model GROUP BY name;

-- the model as a constant in the schema; an index expression has no room for
-- more than a tiny one (pg_index is not toasted), so a function holds it
DO \$\$
DECLARE
	fitted text := (SELECT quote_literal(ad_fit(ad_iforest(trees => 50), amount, country)) FROM payment);
	tiny text := (SELECT quote_literal(ad_fit(ad_iforest(trees => 2, sample_size => 16), amount)) FROM payment);
BEGIN
	EXECUTE format('CREATE FUNCTION frozen(float8, text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
		SET search_path FROM CURRENT AS \$f\$ BEGIN RETURN ad_score(%s::bytea, \$1, \$2); END \$f\$', fitted);
	EXECUTE format('CREATE TABLE watched (i int, amount float8, country text,
		score float8 GENERATED ALWAYS AS (ad_score(%s::bytea, amount, country)) STORED,
		CHECK (ad_score(%s::bytea, amount, country) < 0.75))', fitted, fitted);
	CREATE INDEX ON watched (frozen(amount, country));
	EXECUTE format('CREATE INDEX ON watched (ad_score(%s::bytea, amount))', tiny);
	CREATE VIEW top AS SELECT frozen(amount, country) AS s FROM watched ORDER BY 1 DESC LIMIT 5;
	EXECUTE format('CREATE VIEW top_tiny AS SELECT ad_score(%s::bytea, amount) AS s FROM watched ORDER BY 1 DESC LIMIT 5', tiny);
END
\$\$;
INSERT INTO watched (i, amount, country) SELECT i, amount, country FROM payment WHERE amount < 2000;
ANALYZE;
SQL

my $bits = $primary->safe_psql('postgres', 'TABLE bits ORDER BY name');

# The objects that depend on ad_score, on some server.
sub check_objects
{
	my ($node, $where, $writable) = @_;

	is($node->safe_psql('postgres', 'TABLE bits ORDER BY name'), $bits, "$where: scores are the same bits");
	is( $node->safe_psql('postgres', <<'SQL'),
SET enable_indexscan = off; SET enable_bitmapscan = off;
SELECT array_agg(s) = (SELECT array_agg(score) FROM (SELECT score FROM watched ORDER BY score DESC LIMIT 5) q) FROM top;
SQL
		't', "$where: the generated column holds the score");
	for my $view ('top', 'top_tiny')
	{
		like($node->safe_psql('postgres', "EXPLAIN (COSTS OFF) TABLE $view"),
			qr/Index Scan/, "$where: an index serves the order of $view");
		is( $node->safe_psql('postgres', "TABLE $view"),
			$node->safe_psql('postgres', "SET enable_indexscan = off; TABLE $view"),
			"$where: with the same rows");
	}
	return if !$writable;

	$node->safe_psql('postgres', "INSERT INTO watched (i, amount, country) VALUES (-1, 50, 'fr')");
	is( $node->safe_psql('postgres', "SELECT count(*) FROM watched WHERE i = -1 AND score BETWEEN 0 AND 0.75"),
		1, "$where: a new row gets its score");
	my (undef, undef, $err) = $node->psql('postgres', "INSERT INTO watched (i, amount, country) VALUES (-2, 1e9, 'zz')");
	like($err, qr/violates check constraint/, "$where: the CHECK refuses an anomaly");
	$node->safe_psql('postgres', 'DELETE FROM watched WHERE i < 0');
}

check_objects($primary, 'at first', 1);

# A replica, and the primary after a crash.
$primary->backup('base');
my $replica = PostgreSQL::Test::Cluster->new('replica');
$replica->init_from_backup($primary, 'base', has_streaming => 1);
$replica->start;
$primary->safe_psql('postgres', "INSERT INTO model SELECT 'later', ad_fit(ad_iforest(trees => 7), amount, country, ts) FROM payment");
$bits = $primary->safe_psql('postgres', 'TABLE bits ORDER BY name');
$primary->stop('immediate');
$primary->start;
check_objects($primary, 'after a crash', 1);
$primary->wait_for_catchup($replica, 'replay', $primary->lsn('insert'));
check_objects($replica, 'on a replica', 0);
$replica->promote;
check_objects($replica, 'on a promoted replica', 1);
$replica->stop;

# Dump and restore.
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$primary->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, '-d', $primary->connstr('postgres') ], 'pg_dump');
my $restored = PostgreSQL::Test::Cluster->new('restored');
init_server($restored);
$restored->start;
$restored->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $restored->connstr('postgres') ], 'restore');
$restored->safe_psql('postgres', 'ANALYZE');
check_objects($restored, 'restored', 1);
$restored->stop;

$primary->stop;
done_testing();
