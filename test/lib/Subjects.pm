# What test/t/hostile_bytes.pl and test/fuzz/long.pl damage: sound models,
# sketches, states of streams and order events of many shapes, taken from the
# catalogue, in a table; and the functions that damage them.
package Subjects;

use strict;
use warnings;

use Exporter 'import';
use AnomalyTest;
use Cwd qw(realpath);
use File::Basename qw(dirname);
use File::Copy;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(build_mutator make_subjects);

my $test = realpath(dirname(__FILE__) . '/..');

# The mutator, built in a directory of its own and loaded from there.
sub build_mutator
{
	my $dir = PostgreSQL::Test::Utils::tempdir();

	copy("$test/fuzz/$_", $dir) or die "$_: $!" for qw(mutate.c Makefile);
	system_or_bail('make', '-s', '-C', $dir, 'with_llvm=no', "ANOMALY_SRC=$test/../src",
		'PG_CONFIG=' . ($ENV{PG_CONFIG} // 'pg_config'));
	return "$dir/mutate";
}

# Makes the functions ad_test_mutate(), ad_test_damage(), ad_test_receive() and
# ad_test_cpu(), rows to fit on (training, many, events) and to score (probe,
# probe_many), and the table "subject".
sub make_subjects
{
	my ($node) = @_;
	my $mutate = build_mutator();

	$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION ad_test_mutate(bytea, bytea, bigint, int) RETURNS bytea
	AS '$mutate' LANGUAGE C STRICT;
CREATE FUNCTION ad_test_damage(bytea, bigint) RETURNS bytea
	AS '$mutate' LANGUAGE C STRICT;
CREATE FUNCTION ad_test_receive(bytea, anyelement) RETURNS anyelement
	AS '$mutate' LANGUAGE C;
CREATE FUNCTION ad_test_cpu() RETURNS float8
	AS '$mutate' LANGUAGE C;

CREATE TABLE training AS
	SELECT i, sin(i)::float8 AS x, (i % 17)::int AS n,
		timestamptz '2024-03-30 00:00+00' + i * interval '1 hour' AS ts,
		(ARRAY['red', 'green', 'blue', NULL])[1 + i % 4] AS colour,
		'user ' || i % 300 AS who, i % 3 = 0 AS flag
	FROM generate_series(1, 600) i;
CREATE TABLE many AS
	SELECT ARRAY(SELECT sin(i * j)::float8 FROM generate_series(1, 200) j) AS v
	FROM generate_series(1, 100) i;

-- what is scored: ordinary, missing, infinite, unseen
CREATE TABLE probe (x float8, n int, ts timestamptz, colour text, who text, flag boolean);
INSERT INTO probe VALUES
	(0.5, 3, '2024-05-05 05:05+00', 'red', 'user 7', true),
	(NULL, NULL, NULL, NULL, NULL, NULL),
	('Infinity', 2147483647, 'infinity', 'unseen', '', false),
	('-Infinity', -2147483648, '-infinity', '', 'user', true),
	('1e308', 0, '294276-12-31', repeat('long', 100), 'user 1', false);
CREATE TABLE probe_many AS
	SELECT ARRAY(SELECT CASE i WHEN 1 THEN 0.5 WHEN 2 THEN NULL WHEN 3 THEN 'Infinity'
		WHEN 4 THEN '-Infinity' ELSE 1e308 * (-1) ^ j END::float8
		FROM generate_series(1, 200) j) AS v
	FROM generate_series(1, 5) i;

-- What is damaged. A model has the arguments and the rows it is scored with.
CREATE TABLE subject (id serial, kind text, name text, value bytea, arguments text, rows text);
ALTER TABLE subject ALTER value SET STORAGE EXTERNAL;

-- A model of a spec for each shape of rows, a shape that the detector refuses
-- left out.
CREATE PROCEDURE add_models(name text, spec jsonb, VARIADIC shapes text[])
LANGUAGE plpgsql AS \$\$
DECLARE
	form text;
	of record;
BEGIN
	FOREACH form IN ARRAY shapes LOOP
		SELECT * INTO STRICT of FROM (VALUES
			('numbers', 'x, n', 'training', 'x, n', 'probe'),
			('one row', 'x, n', 'training WHERE i = 1', 'x, n', 'probe'),
			('equal rows', 'n, flag', 'training', 'n, flag', 'probe'),
			('array', 'v[1:20]', 'many', 'v[1:20]', 'probe_many'),
			('many columns', 'v', 'many', 'v', 'probe_many'),
			('mixed', 'x, n, ts, colour', 'training', 'x, n, ts, colour', 'probe'),
			('correlated', 'x, n, x * 2, who', 'training', 'x, n, x, who', 'probe WHERE x IS NOT NULL'),
			('clock', 'x, time ''22:00'' + i % 240 * interval ''1 minute''', 'training', 'x, ts::time', 'probe'),
			('row', 't', '(SELECT x, n, ts, colour, who, flag FROM training) t', 'p', 'probe p'))
			v(shape, arguments, source, scored, rows) WHERE v.shape = form;
		BEGIN
			EXECUTE format('INSERT INTO subject (kind, name, value, arguments, rows)
				SELECT ''model'', %L, ad_fit(%L::jsonb, %s), %L, %L FROM %s', name || ', ' || form,
				spec, of.arguments, of.scored, of.rows, of.source);
		EXCEPTION WHEN invalid_parameter_value OR feature_not_supported OR datatype_mismatch
			OR null_value_not_allowed THEN
			RAISE NOTICE '% of % is refused: %', name, form, SQLERRM;
		END;
	END LOOP;
END
\$\$;

INSERT INTO subject (kind, name, value)
SELECT 'sketch', 'small, one column', ad_sketch(x) FROM training WHERE i < 50
UNION ALL
SELECT 'sketch', 'small, mixed', ad_sketch(x, ts, colour, who, flag) FROM training
UNION ALL
SELECT 'sketch', 'large, mixed', ad_sketch(ad_sampling(rows => 32), x, ts, colour, who, flag)
	FROM training
UNION ALL
SELECT 'sketch', 'large, mixed, keyed',
	ad_sketch(ad_sampling(rows => 32, keyed => true), i, x, ts, colour, who, flag)
	FROM training
UNION ALL
SELECT 'sketch', 'large, overflowed dictionary',
	ad_sketch(ad_sampling(rows => 32, keyed => true), i, i % 5, 'value ' || i)
	FROM generate_series(1, 6000) i
UNION ALL
SELECT 'sketch', 'large, 2,000 values',
	ad_sketch(ad_sampling(rows => 32), i % 5, 'value ' || i % 2000)
	FROM generate_series(1, 6000) i
UNION ALL
SELECT 'sketch', 'large, many columns', ad_sketch(ad_sampling(rows => 16), v) FROM many
UNION ALL
SELECT 'sketch', 'row', ad_sketch(t) FROM (SELECT x, n, ts, colour FROM training LIMIT 40) t;

-- streams: begun, in their warm-up, running, with a season, with gaps
INSERT INTO subject (kind, name, value)
SELECT 'stream', name, (ad_stream_update(NULL, array_agg(ts ORDER BY i), array_agg(x ORDER BY i), options)).new_state
FROM training, (VALUES ('begun', 1, ad_stream_options()), ('warm-up', 20, ad_stream_options(warmup => 100)),
	('running', 600, ad_stream_options()), ('counted season', 600, ad_stream_options(period => 24)),
	('season of time', 600, ad_stream_options(period => interval '1 day', step => interval '1 hour', late => 'error')),
	('gaps', 600, ad_stream_options(step => interval '7 minutes'))) v(name, points, options)
WHERE i <= points GROUP BY name, options;

-- states of streams of p-values
INSERT INTO subject (kind, name, value)
SELECT 'p-values', method || options, (ad_fdr_level_array(NULL, array_agg((i * 61 % 997) / 1000.0 ^ 3), method, options)).new_state
FROM generate_series(1, 600) i, (VALUES ('lord'), ('saffron')) m(method),
	(VALUES ('{}'::jsonb), ('{"q": 0.5, "half_life": 1000}')) o(options)
GROUP BY method, options;

-- order events, as clients send them; they have no envelope
CREATE TABLE events AS
	SELECT ad_order_event((ARRAY['ORDER_PLACED', 'ORDER_CANCELLED', 'TRADE_EXECUTED'])[1 + i % 3],
		(ARRAY['BUY', 'SELL'])[1 + i / 3 % 2], 100 + i % 7 * 0.01, 10::numeric + i % 5,
		timestamptz '2024-01-02 09:00+00' + i * interval '300 ms', CASE WHEN i % 4 > 0 THEN 'order ' || i / 3 END) AS e, i
	FROM generate_series(1, 60) i;
INSERT INTO subject (kind, name, value)
SELECT 'event', 'event ' || i, ad_order_event_send(e) FROM events WHERE i <= 12;
-- packed rows: of all types that a feature can have here, with names and without
INSERT INTO subject (kind, name, value)
SELECT 'row', 'row ' || i, ad_row_send(CASE i % 3 WHEN 0 THEN ad_row(t) WHEN 1 THEN ad_row(i, x, n, ts, colour, who, flag) ELSE ad_row(ARRAY[x, n]) END)
FROM training t WHERE i <= 12;
SQL

	# Models of every detector and of every word that an option may be; ensembles
	# combined in every way, with every detector as a member of one.
	my @detectors = detectors($node);
	my $small = 'ad_sampling(rows => 120)';
	my @models = (
		[ 'ad_iforest(5, 32)', 'one row', 'many columns', 'mixed' ],
		[ 'ad_iforest(3, 16, 5)', 'many columns', 'row' ],
		[ 'ad_hbos(0)', 'numbers' ],
		[ 'ad_knn() || ad_prepare(beyond_range => true) || ad_calibrate()', 'numbers' ],
		[ 'ad_knn() || ad_prepare(reduce => 0.8, calendar => true, beyond_range => true) || ad_calibrate()', 'mixed', 'row' ],
		[ 'ad_zscore() || ad_prepare(reduce => 3)', 'numbers', 'one row', 'equal rows', 'many columns' ],
		[ 'ad_loda(10) || ad_prepare(reduce => 2)', 'mixed' ],
		[ "ad_hbos(counting => 'pyod')", 'many columns' ],
		[ "ad_copod('paper')", 'many columns' ],
		[ 'ad_ecod(rotate => true)', 'many columns', 'one row', 'equal rows', 'mixed' ],
		[ "ad_ecod('paper', true)", 'numbers' ],
		[ 'ad_loda(10)', 'many columns' ],
		[ "ad_pca(20, 'reconstruction')", 'many columns' ],
		[ 'ad_mahalanobis()', 'many columns' ],
		[ 'ad_kmeans()', 'many columns' ],
		[ 'ad_gmm()', 'many columns' ],
		[ 'ad_gmm(components => 3)', 'numbers' ],
		[ 'ad_ocsvm(exact_rows => 10, features => 20)', 'numbers' ],
		[ "ad_iforest(5, 16) || ad_prepare(calendar => true, timezone => 'Europe/Berlin', scale => 'robust')", 'mixed' ],
		[ "ad_iforest(5, 16) || ad_prepare(calendar => true, beyond_range => true)", 'clock', 'row' ],
		[ "ad_iforest(5, 16) || ad_prepare(drop_correlated => 0.9, impute => 'error')", 'correlated' ]);
	push @models, [ "ad_$_() || $small", 'numbers', 'one row', 'equal rows', 'array', 'row' ] for @detectors;
	push @models, [ "$_ || $small || ad_calibrate()", 'numbers' ] for grep { !/\(\)$/ } variants($node);
	push @models, [ "ad_iforest(5, 16) || $_", 'numbers', 'mixed' ] for grep { !/\(\)$/ } variants($node, 'prepare');

	my @combined = variants($node, 'ensemble');
	my @members = map { $_ eq 'iforest' ? 'ad_iforest(3, 16)' : "ad_$_()" } @detectors;
	for (my $i = 0; $i < @members || $i < 2 * @combined; $i += 2)
	{
		my $with = join ', ', map { $members[$_ % @members] } $i .. $i + 1;

		(my $spec = $combined[ $i / 2 % @combined ]) =~ s/ARRAY\[.*?\]/ARRAY[ad_zscore(), $with]/;
		$spec .= q( || '{"weights": [1, 2, 0.5]}') if $i % 8 == 2;
		push @models, [ "$spec || $small", $i % 4 ? 'numbers' : 'mixed' ];
	}
	$node->safe_psql('postgres', join ";\n",
		map { my ($spec, @shapes) = @$_; (my $name = $spec) =~ s/ \|\| \Q$small\E//;
			sprintf 'CALL add_models($$%s$$, %s, %s)', $name, $spec, join ', ', map { "'$_'" } @shapes } @models);
	note sql_value($node, "SELECT string_agg(n || ' of kind ' || kind, ', ' ORDER BY kind)
		FROM (SELECT kind, count(*) AS n FROM subject GROUP BY kind) s");
}

1;
