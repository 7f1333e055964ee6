# Whatever bytes are given as a model or a sketch: every function that takes
# one returns, or raises an error that names what is wrong, within a second.
# The server does not crash, and the session does not grow.
#
# Sound models and sketches of many shapes are damaged in many ways
# (test/fuzz/mutate.c), most with lengths, digest and CRC made right again, so
# that it is the structural checks that are tested.
#
# ANOMALY_TEST_MUTATIONS sets how many; ANOMALY_TEST_SEED repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use AnomalyTest;
use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $mutations = $ENV{ANOMALY_TEST_MUTATIONS} // 24_000;
my $batch = 500;
my $kinds = 19;
my $seed = seed();

# Errors that name what is wrong with a value, or do not fit its features.
my %allowed = map { $_ => 1 } qw(
  ok
  22P03
  22023
  42804
  42703
  0A000
  54000
  53400
  2202E
  22003
  22004
  55000
  22P02
  22P05
  54001);

# The mutator, built beside the test's other files and loaded from there.
my $dir = PostgreSQL::Test::Utils::tempdir();
copy("$FindBin::RealBin/../fuzz/$_", $dir) or die "$_: $!"
  for qw(mutate.c Makefile);
system_or_bail('make', '-s', '-C', $dir, 'with_llvm=no',
	"ANOMALY_SRC=$FindBin::RealBin/../../src",
	'PG_CONFIG=' . ($ENV{PG_CONFIG} // 'pg_config'));

my $node = start_server('hostile', 'autovacuum = off');
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION ad_test_mutate(bytea, bytea, bigint, int) RETURNS bytea
	AS '$dir/mutate' LANGUAGE C STRICT;

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

CREATE TABLE subject (id serial, is_model boolean, name text, value bytea, score text);
ALTER TABLE subject ALTER value SET STORAGE EXTERNAL;

INSERT INTO subject (is_model, name, value, score)
SELECT true, 'one column', ad_fit(ad_iforest(trees => 10, sample_size => 32), x),
	'SELECT count(ad_score(\$1, x)) FROM probe' FROM training
UNION ALL
SELECT true, 'zscore', ad_fit(ad_zscore('iqr', 'mean', 'mean'), x, n),
	'SELECT count(1 / (ad_score(\$1, x, n) <> ''NaN'')::int) FROM probe' FROM training
UNION ALL
SELECT true, 'hbos', ad_fit(ad_hbos(0), x, n, ts),
	'SELECT count(1 / (ad_score(\$1, x, n, ts) <> ''NaN'')::int) FROM probe' FROM training
UNION ALL
SELECT true, 'hbos, many columns', ad_fit(ad_hbos(counting => 'pyod'), v),
	'SELECT count(1 / (ad_score(\$1, v) <> ''NaN'')::int) FROM probe_many' FROM many
UNION ALL
SELECT true, 'ecod', ad_fit(ad_ecod(), x, n),
	'SELECT count(1 / (ad_score(\$1, x, n) <> ''NaN'')::int) FROM probe' FROM training
UNION ALL
SELECT true, 'copod, many columns', ad_fit(ad_copod('paper'), v),
	'SELECT count(1 / (ad_score(\$1, v) <> ''NaN'')::int) FROM probe_many' FROM many
UNION ALL
SELECT true, 'loda', ad_fit(ad_loda(20, widths => 'random'), x, n, ts),
	'SELECT count(1 / (ad_score(\$1, x, n, ts) <> ''NaN'')::int) FROM probe' FROM training
UNION ALL
SELECT true, 'loda, many columns', ad_fit(ad_loda(10), v),
	'SELECT count(1 / (ad_score(\$1, v) <> ''NaN'')::int) FROM probe_many' FROM many
UNION ALL
SELECT true, 'one row', ad_fit(ad_iforest(trees => 3), x, n),
	'SELECT count(ad_score(\$1, x, n)) FROM probe' FROM training WHERE i = 1
UNION ALL
SELECT true, 'many columns', ad_fit(ad_iforest(trees => 5, sample_size => 32), v),
	'SELECT count(ad_score(\$1, v)) FROM probe_many' FROM many
UNION ALL
SELECT true, 'many columns, extended',
	ad_fit(ad_iforest(trees => 3, sample_size => 16, ndim => 5), v),
	'SELECT count(ad_score(\$1, v)) FROM probe_many' FROM many
UNION ALL
SELECT true, 'mixed, row', ad_fit(ad_iforest(trees => 20, sample_size => 64), t),
	'SELECT count(ad_score(\$1, p)) FROM probe p'
	FROM (SELECT x, n, ts, colour, who, flag FROM training) t
UNION ALL
SELECT true, 'mixed, calendar, scaled',
	ad_fit(ad_iforest(trees => 10, sample_size => 64) ||
		ad_prepare(calendar => true, timezone => 'Europe/Berlin', scale => 'robust'),
		x, ts, colour, who),
	'SELECT count(ad_score(\$1, x, ts, colour, who)) FROM probe' FROM training
UNION ALL
SELECT true, 'mixed, extended',
	ad_fit(ad_iforest(trees => 5, sample_size => 32, ndim => 3) ||
		ad_prepare(calendar => true), t),
	'SELECT count(ad_score(\$1, p)) FROM probe p'
	FROM (SELECT x, n, ts, colour, who, flag FROM training) t
UNION ALL
SELECT true, 'dropped, no missing allowed',
	ad_fit(ad_iforest(trees => 5, sample_size => 16) ||
		ad_prepare(drop_correlated => 0.9, impute => 'error'), x, n, x * 2, who),
	'SELECT count(ad_score(\$1, x, n, x, who)) FROM probe WHERE x IS NOT NULL'
	FROM training
UNION ALL
SELECT true, 'fair-cut forest',
	ad_fit(ad_fair_forest(trees => 5, sample_size => 32), x, n, colour),
	'SELECT count(ad_score(\$1, x, n, colour)) FROM probe' FROM training
UNION ALL
SELECT true, 'support vector machine, exact',
	ad_fit(ad_ocsvm(nu => 0.1), x, n, flag),
	'SELECT count(ad_score(\$1, x, n, flag)) FROM probe' FROM training
UNION ALL
SELECT true, 'support vector machine, linear',
	ad_fit(ad_ocsvm(kernel => 'linear'), x, n),
	'SELECT count(ad_score(\$1, x, n)) FROM probe' FROM training
UNION ALL
SELECT true, 'support vector machine, random features',
	ad_fit(ad_ocsvm(exact_rows => 10, features => 20), x, n),
	'SELECT count(ad_score(\$1, x, n)) FROM probe' FROM training;

-- the linear detectors and mixtures
INSERT INTO subject (is_model, name, value, score)
SELECT true, spec ->> 'detector', ad_fit(spec, x, n), 'SELECT count(ad_score(\$1, x, n)) FROM probe'
	FROM training, (VALUES (ad_pca()), (ad_pca(1, 'reconstruction')), (ad_mahalanobis()),
		(ad_mahalanobis(robust => true)), (ad_kmeans(clusters => 3)),
		(ad_kmeans(clusters => 20, method => 'cblof', use_weights => true)),
		(ad_gmm(components => 3))) v(spec) GROUP BY spec
UNION ALL
SELECT true, spec ->> 'detector', ad_fit(spec, v), 'SELECT count(ad_score(\$1, v)) FROM probe_many'
	FROM many, (VALUES (ad_pca(20, 'reconstruction')), (ad_mahalanobis()),
		(ad_kmeans()), (ad_gmm())) s(spec) GROUP BY spec;

INSERT INTO subject (is_model, name, value, score)
SELECT true, s ->> 'detector', ad_fit(s || ad_sampling(rows => 120), x, n),
	'SELECT count(ad_score(\$1, x, n)) FROM probe' FROM training,
	(VALUES (ad_knn(metric => 'cosine')), (ad_lof()), (ad_dbscan(metric => 'minkowski', p => 3)),
		(ad_inne(5, 20))) v(s) GROUP BY s;

-- calibrated, and ensembles
INSERT INTO subject (is_model, name, value, score)
SELECT true, 'calibrated', ad_fit(s || ad_calibrate(), x, n), 'SELECT count(ad_score(\$1, x, n)) FROM probe' FROM training,
	(VALUES (ad_zscore()), (ad_hbos())) v(s) GROUP BY s
UNION ALL
SELECT true, 'ensemble', ad_fit(ad_ensemble(ARRAY[ad_zscore(), ad_iforest(3, 16), ad_knn()], c), x, n, colour),
	'SELECT count(ad_score(\$1, x, n, colour)) FROM probe' FROM training,
	(VALUES ('median'), ('vote'), ('pvalue')) v(c) GROUP BY c;

INSERT INTO subject (is_model, name, value)
SELECT false, 'small, one column', ad_sketch(x) FROM training WHERE i < 50
UNION ALL
SELECT false, 'small, mixed', ad_sketch(x, ts, colour, who, flag) FROM training
UNION ALL
SELECT false, 'large, mixed', ad_sketch(ad_sampling(rows => 32), x, ts, colour, who, flag)
	FROM training
UNION ALL
SELECT false, 'large, mixed, keyed',
	ad_sketch(ad_sampling(rows => 32, keyed => true), i, x, ts, colour, who, flag)
	FROM training
UNION ALL
SELECT false, 'large, overflowed dictionary',
	ad_sketch(ad_sampling(rows => 32, keyed => true), i, i % 5, 'value ' || i)
	FROM generate_series(1, 6000) i
UNION ALL
SELECT false, 'large, 2,000 values',
	ad_sketch(ad_sampling(rows => 32), i % 5, 'value ' || i % 2000)
	FROM generate_series(1, 6000) i
UNION ALL
SELECT false, 'large, many columns', ad_sketch(ad_sampling(rows => 16), v) FROM many
UNION ALL
SELECT false, 'row', ad_sketch(t) FROM (SELECT x, n, ts, colour FROM training LIMIT 40) t;

-- Every detector with its defaults; those that take no mixed types say so.
CREATE TABLE detector (id serial, name text);
INSERT INTO detector (name) SELECT substr(proname, 4) FROM pg_proc
	WHERE prosrc = 'ad_spec_constructor' AND proname NOT IN
	('ad_prepare', 'ad_sampling', 'ad_calibrate', 'ad_ensemble') ORDER BY 1;
DO \$\$
DECLARE
	d text;
BEGIN
	FOR d IN SELECT name FROM detector WHERE name <> 'iforest' LOOP
		INSERT INTO subject (is_model, name, value, score)
		SELECT true, d || ', numbers', ad_fit(d, x, n), 'SELECT count(ad_score(\$1, x, n)) FROM probe' FROM training;
		INSERT INTO subject (is_model, name, value, score)
		SELECT true, d || ', array', ad_fit(d, v[1:20]), 'SELECT count(ad_score(\$1, v[1:20])) FROM probe_many' FROM many;
		BEGIN
			INSERT INTO subject (is_model, name, value, score)
			SELECT true, d || ', row', ad_fit(d, t), 'SELECT count(ad_score(\$1, p)) FROM probe p'
				FROM (SELECT x, n, ts, colour, who, flag FROM training) t;
		EXCEPTION WHEN OTHERS THEN
			RAISE NOTICE '% takes no mixed types: %', d, SQLERRM;
		END;
	END LOOP;
END
\$\$;

-- One batch of mutations; returns a count for each function and outcome, the
-- slowest call and what was out of line.
CREATE FUNCTION attack(first int, last int, seed bigint, kinds int, allowed text[],
	OUT counts jsonb, OUT slowest float8, OUT wrong text)
LANGUAGE plpgsql AS \$\$
DECLARE
	one subject;
	two subject;
	damaged bytea;
	calls text[];
	call text;
	arguments text;
	rows text;
	outcome text;
	message text;
	started timestamptz;
	took float8;
	models int[] := (SELECT array_agg(id ORDER BY id) FROM subject WHERE is_model);
	sketches int[] := (SELECT array_agg(id ORDER BY id) FROM subject WHERE NOT is_model);
	turn int;
	detectors text[] := (SELECT array_agg(name ORDER BY id) FROM detector);
BEGIN
	counts := '{}';
	slowest := 0;
	FOR i IN first .. last LOOP
		-- every kind in turn, on two models and a sketch
		turn := i / kinds;
		SELECT * INTO one FROM subject WHERE id = CASE turn % 3
			WHEN 0 THEN sketches[1 + turn / 3 % cardinality(sketches)]
			ELSE models[1 + (turn - turn / 3) % cardinality(models)] END;
		SELECT * INTO two FROM subject
			WHERE is_model = one.is_model ORDER BY (id * 7919 + i) % 31 LIMIT 1;
		damaged := ad_test_mutate(one.value, two.value, seed + i, i % kinds);
		IF one.is_model THEN
			arguments := substring(one.score FROM 'ad_score\\(\\\$1, ([^)]*)\\)');
			rows := substring(one.score FROM 'FROM (probe.*)\$');
			calls := ARRAY[one.score,
				'SELECT count(ad_score(\$1, p)) FROM probe p',
				'SELECT count(ad_score(\$1, v)) FROM probe_many',
				'SELECT count(ad_score(\$1, x, n)) FROM probe',
				-- every contribution is a finite number
				format('SELECT count((SELECT count(1 / (abs(contribution) < ''Infinity'')::int)
					FROM ad_explain(\$1, %s))) FROM %s', arguments, rows),
				format('SELECT count((SELECT count(1 / (abs(contribution) < ''Infinity'')::int)
					FROM ad_explain(\$1, ''{"method": "path"}''::jsonb, %s))) FROM %s', arguments, rows),
				format('SELECT count(length(ad_why(\$1, %s))) FROM %s', arguments, rows),
				'SELECT ad_info(\$1)',
				'SELECT count(f) FROM ad_features(\$1) f',
				'SELECT ad_threshold(\$1, 0.01) + ad_threshold(\$1)',
				replace(one.score, 'ad_score', 'ad_pvalue'),
				replace(one.score, 'ad_score', 'ad_probability'),
				replace(one.score, 'ad_score', 'ad_is_anomaly'),
				regexp_replace(one.score, '^.*ad_score\\(\\\$1, ([^()]*)\\).* FROM (.*)\$',
					'SELECT count(*) FROM ad_drift(\$1, (SELECT ad_sketch(\\1) FROM \\2))'),
				'SELECT ad_fit_sketch(ad_iforest(), \$1)',
				'SELECT ad_merge(s) FROM (VALUES (\$1), (\$2)) v(s)'];
		ELSE
			calls := ARRAY[
				'SELECT ad_info(ad_fit_sketch(ad_iforest(trees => 3, sample_size => 16), \$1))',
				'SELECT ad_info(ad_fit_sketch(ad_iforest(trees => 2, sample_size => 8, ndim => 2) ||
					ad_prepare(calendar => true, scale => ''robust'', drop_correlated => 0.9,
						impute => ''mean'', onehot_max => 1000), \$1))',
				'SELECT ad_fit_sketch(ad_iforest(trees => 1), ad_merge(s))
					FROM (VALUES (\$1), (\$2)) v(s)',
				'SELECT ad_fit_sketch(ad_iforest(trees => 1), ad_merge(s))
					FROM (VALUES (\$2), (\$1)) v(s)',
				'SELECT ad_merge(s) FROM (VALUES (\$1), (\$1), (NULL), (\$1)) v(s)',
				format('SELECT ad_info(ad_fit_sketch(%L, \$1))', detectors[1 + i % cardinality(detectors)]),
				'SELECT count(*) FROM ad_drift(\$1, \$2)',
				'SELECT count(*) FROM ad_drift(\$2, \$1)',
				'SELECT ad_info(\$1)'];
		END IF;
		FOREACH call IN ARRAY calls LOOP
			message := NULL;
			started := clock_timestamp();
			BEGIN
				EXECUTE call USING damaged, one.value;
				outcome := 'ok';
			EXCEPTION WHEN OTHERS THEN
				outcome := SQLSTATE;
				message := SQLERRM;
			END;
			took := extract(epoch FROM clock_timestamp() - started);
			slowest := greatest(slowest, took);
			call := CASE WHEN one.is_model THEN 'model: ' ELSE 'sketch: ' END ||
				substring(call FROM 'ad_(?:score|pvalue|probability|is_anomaly|threshold|drift|info|features|fit_sketch|merge|explain|why)');
			IF outcome <> ALL (allowed) OR took > 1 THEN
				wrong := concat(wrong, format(E'\\n%s of "%s", mutation %s, kind %s: %s %s, %s s',
					call, one.name, i, i % kinds, outcome, message, took));
			END IF;
			call := call || ' ' || outcome;
			counts := counts || jsonb_build_object(call, coalesce((counts ->> call)::int, 0) + 1);
		END LOOP;
	END LOOP;
END
\$\$;
SQL

my $started = sql_value($node, 'SELECT pg_postmaster_start_time()');
my $contexts = $node->safe_psql('postgres', 'SHOW server_version_num') >= 140000;
my $memory = $contexts
  ? 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts'
  : 'SELECT 0';
my $allowed = join ',', map { "'$_'" } sort keys %allowed;

# One session for all of it, so that what leaks adds up.
my @sql = ("SET anomaly.model_cache_size = '4MB'", "SET statement_timeout = '300s'");
for (my $i = 0; $i < $mutations; $i += $batch)
{
	push @sql, sprintf(
		"SELECT 'batch', pg_backend_pid(), (%s), slowest, counts, wrong "
		  . 'FROM attack(%d, %d, %d, %d, ARRAY[%s])',
		$memory, $i, $i + $batch - 1, $seed, $kinds, $allowed);
}
my ($out, $err) = ('', '');
my $status = $node->psql('postgres', join(";\n", @sql),
	stdout => \$out, stderr => \$err, extra_params => [ '-F', "\t" ]);
is($status, 0, 'the session survived') or diag $err;

my (%counts, %pids, @memory, $slowest, $wrong);
$slowest = 0;
$wrong = '';
my $batches = 0;
for my $line (split /^(?=batch\t)/m, $out)
{
	chomp $line;
	my (undef, $pid, $bytes, $worst, $json, $bad) = split /\t/, $line, 6;

	$batches++;
	$pids{$pid}++;
	push @memory, $bytes;
	$slowest = $worst if $worst > $slowest;
	$wrong .= $bad;
	$counts{$1} += $2 while $json =~ /"([^"]+)": (\d+)/g;
}
is($batches * $batch >= $mutations, 1, "$mutations mutations");
is(keys %pids, 1, 'one backend served all of them');
is(sql_value($node, 'SELECT pg_postmaster_start_time()'),
	$started, 'the server did not restart');
is($wrong, '', 'every call returned or raised an error with a name, within a second');

my $calls = 0;
$calls += $_ for values %counts;
note sprintf 'slowest of %d calls: %.0f ms', $calls, 1000 * $slowest;
note sprintf '%-32s %7d', $_, $counts{$_} for sort keys %counts;

# The structural checks were reached and so was what lies behind them.
cmp_ok($counts{"model: $_ ok"} // 0, '>', 500, "$_ accepted some damaged models")
  for qw(ad_score ad_info ad_features ad_drift ad_explain ad_why);
cmp_ok($counts{"sketch: $_ ok"} // 0, '>', 200, "$_ accepted some damaged sketches")
  for qw(ad_fit_sketch ad_merge ad_drift);
cmp_ok($counts{"model: $_ 22P03"} // 0, '>', 2000, "$_ refused others")
  for qw(ad_score ad_info ad_features ad_explain ad_why);

SKIP:
{
	skip 'memory contexts cannot be read before PostgreSQL 14', 1 unless $contexts;
	note 'memory of the session, MB: ', join ' ', map { sprintf '%.1f', $_ / 1e6 } @memory;

	# the first batches fill caches
	my ($early, $late) = (0, 0);
	for my $i (0 .. $#memory)
	{
		my $which = $i < @memory / 2 ? \$early : \$late;
		$$which = $memory[$i] if $memory[$i] > $$which;
	}
	cmp_ok($late, '<', $early * 1.2 + 2e6, 'the session does not grow');
}

$node->stop;
done_testing();
