-- Made-up data: equal to a second implementation, and independent of plan.
\set SHOW_CONTEXT never
CREATE SCHEMA evaluate_generate;
SET search_path = evaluate_generate, public;

-- SQLSTATE, message, detail and hint of what a statement raises.
CREATE FUNCTION pg_temp.expect_error(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE sql;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state || ': ' || message,
		nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned

-- golden file of test/golden/metrics_generate.py
CREATE TABLE golden (what text, seed bigint, i bigint, detail text, value text);
\copy golden FROM PROGRAM 'gzip -dc test/data/golden/metrics_generate.csv.gz' WITH (FORMAT csv)
SELECT detail, count(*), count(*) FILTER (WHERE abs(v - value::float8) <= 1e-15 * greatest(1, abs(v))) AS same
FROM (SELECT *, ad_random(seed, i, detail) AS v FROM golden WHERE what = 'random') t
GROUP BY detail ORDER BY detail;
SELECT count(*), count(*) FILTER (WHERE s.kind IS NOT DISTINCT FROM g.detail
                                  AND s.is_anomaly = (g.detail IS NOT NULL)
                                  AND abs(s.value - g.value::float8) <= 1e-12) AS same
FROM (SELECT seed, s.* FROM (VALUES (0), (7)) v(seed),
             ad_generate_series(1000, seed, 'exponential', trend => 0.01, spikes => 0.02, shifts => 0.01) s) s
     FULL JOIN (SELECT * FROM golden WHERE what = 'series') g USING (seed, i);
SELECT count(*), count(*) FILTER (WHERE b.is_anomaly = g.detail::boolean AND
           (SELECT bool_and(abs(x - y::float8) <= 1e-12)
            FROM unnest(b.features, string_to_array(g.value, ' ')) u(x, y))) AS same
FROM (SELECT seed, b.* FROM (VALUES (0), (7)) v(seed),
             ad_generate_blobs(300, 3, contamination => 0.15, seed => seed) b) b
     FULL JOIN (SELECT * FROM golden WHERE what = 'blobs') g USING (seed, i);

-- distributions: mean, deviation, shares below quantiles, and no correlation of neighbours or seeds
SELECT d, round(avg(x)::numeric, 2) AS mean, round(stddev(x)::numeric, 2) AS deviation,
       abs(corr(x, after)) < 0.01 AS neighbours, abs(corr(x, other)) < 0.01 AS seeds,
       count(*) - count(DISTINCT x) AS repeated
FROM (VALUES ('uniform'), ('normal'), ('exponential')) v(d), generate_series(1, 100000) i,
     LATERAL (SELECT ad_random(42, i, d) AS x, ad_random(42, i + 1, d) AS after, ad_random(43, i, d) AS other) r
GROUP BY d ORDER BY d;
SELECT q, abs(avg((ad_random(9, i, 'normal') < q)::int) - p) < 0.002 AS normal
FROM (VALUES (-2.326348, 0.01), (-0.674490, 0.25), (0, 0.5), (1.281552, 0.9), (3.090232, 0.999)) v(q, p),
     generate_series(1, 200000) i
GROUP BY q, p ORDER BY q;
SELECT max(abs(n - 10000)) < 400 AS uniform, count(*) AS bins
FROM (SELECT floor(20 * ad_random(-3, i)) AS bin, count(*) AS n FROM generate_series(1, 200000) i GROUP BY bin) t;
SELECT ad_random(1, 2) > 0 AND ad_random(1, 2) < 1 AS unit,
       ad_random(1, 2, 'normal', 100, 5) = 100 + 5 * ad_random(1, 2, 'normal') AS moved,
       ad_random(1, 2, 'exponential', scale => 0) AS constant,
       ad_random(NULL, 2) IS NULL AND ad_random(1, 2, scale => NULL) IS NULL AS strict;

-- a row depends on the seed and its number: workers, longer runs
CREATE TABLE numbers AS SELECT i FROM generate_series(1, 20000) i;
ANALYZE numbers;
CREATE TABLE serial AS SELECT sum(ad_random(3, i, 'uniform')::numeric) AS s FROM numbers;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT (SELECT sum(ad_random(3, i, 'uniform')::numeric) FROM numbers) = s AS same FROM serial;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SELECT count(*) AS different
FROM (SELECT * FROM ad_generate_series(500, 5, shifts => 0.02)
      EXCEPT SELECT * FROM ad_generate_series(5000, 5, shifts => 0.02)) t;
SELECT count(*) AS different
FROM (SELECT * FROM ad_generate_blobs(500, seed => 5) EXCEPT SELECT * FROM ad_generate_blobs(5000, seed => 5)) t;
SELECT bool_and(value = 7 + 0.5 * i + ad_random(11, i, 'uniform', 0, 2)) AS in_parts
FROM ad_generate_series(1000, 11, 'uniform', 2, level => 7, trend => 0.5, period => 0, spikes => 0);

-- arrays have the same values, bit by bit, whatever the instructions and wherever they begin
SELECT simd, set_config('anomaly.simd', simd, false) = simd AS set,
       (SELECT bool_and(v = ad_random(seed, first + (k - 1), d, 3, 2)) AND count(*) = 4 * 4 * 3 * 1237
        FROM (VALUES (1::bigint), (-7), (9223372036854775807), (-9223372036854775808)) s(seed),
             (VALUES (1::bigint), (-600), (9223372036854774571), (-9223372036854775808)) f(first),
             (VALUES ('uniform'), ('normal'), ('exponential')) d(d),
             unnest(ad_random_array(seed, 1237, d, 3, 2, first)) WITH ORDINALITY u(v, k)) AS random,
       (SELECT bool_and(a = b) AND count(*) = 5 * 3
        FROM (VALUES (24::float8), (1), (7.5), (0), (5000)) p(period), (VALUES ('uniform'), ('normal'), ('exponential')) d(d),
             LATERAL (SELECT ad_generate_series_array(5001, 5, d, 1.5, 10, 0.001, period, 5, 0.01, 10, 0.005, 7) AS a,
                             (SELECT array_agg(value ORDER BY i)
                              FROM ad_generate_series(5001, 5, d, 1.5, 10, 0.001, period, 5, 0.01, 10, 0.005, 7)) AS b) t) AS series
FROM (VALUES ('off'), ('avx2'), ('auto')) l(simd);
RESET anomaly.simd;
SELECT ad_random_array(1, 0) AS none, ad_random_array(1, 2, scale => 0) AS constant, ad_random_array(1, NULL) IS NULL AS strict,
       array_length(ad_random_array(1, 2, first => 9223372036854775806), 1) AS last, ad_random_array(1, 0, first => 9223372036854775807) AS none_there;
SELECT ad_generate_series_array(0) AS none, ad_generate_series_array(2, noise_scale => 0, amplitude => 0, level => 5, trend => 1) AS line,
       ad_generate_series_array(2, seed => NULL) IS NULL AS strict;

-- labels: shares within one row, spikes and shifts of their sizes
SELECT contamination, sum(is_anomaly::int) AS anomalies
FROM (VALUES (0), (0.01), (0.1), (0.3333), (0.5)) v(contamination),
     LATERAL ad_generate_blobs(1000, 4, contamination, seed => 3)
GROUP BY contamination ORDER BY contamination;
SELECT kind, count(*), min(abs(value)) >= 10 AS least, max(abs(value)) <= 20 AS most
FROM ad_generate_series(10000, 2, noise_scale => 0, amplitude => 0, spikes => 0.005)
GROUP BY kind ORDER BY kind;
SELECT kind, count(*), count(DISTINCT value) AS levels, bool_and(abs(value - before) = 3) AS jumps
FROM (SELECT *, lag(value, 1, 0::float8) OVER (ORDER BY i) AS before
      FROM ad_generate_series(10000, 2, noise_scale => 0, amplitude => 0, spikes => 0, shifts => 0.002, shift_size => 3)) t
GROUP BY kind ORDER BY kind;
SELECT count(*) FILTER (WHERE kind = 'shift') AS shifts, count(*) FILTER (WHERE kind = 'spike') AS spikes,
       count(*) FILTER (WHERE is_anomaly) AS anomalies
FROM ad_generate_series(1000, 4, spikes => 0.5, shifts => 0.5);
-- a detector finds what was hidden
SELECT ad_roc_auc(score, is_anomaly) > 0.95 AS found
FROM (SELECT is_anomaly, ad_score((SELECT ad_fit('iforest', features) FROM ad_generate_blobs(3000, 4, 0.05)), features) AS score
      FROM ad_generate_blobs(3000, 4, 0.05)) t;

-- no rows, NULL, a LIMIT that ends it early, the planner's estimate
SELECT count(*) FROM ad_generate_series(0);
SELECT count(*) FROM ad_generate_blobs(NULL);
SELECT (ad_generate_series(1000000000000, 1, noise_scale => 0)).i LIMIT 2;
SELECT array_length(features, 1) FROM ad_generate_blobs(1, 4096, clusters => 1000, spread => 0);
CREATE FUNCTION pg_temp.estimate(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	EXECUTE 'EXPLAIN ' || query INTO line;
	RETURN substring(line FROM 'rows=\d+');
END $$;
SELECT pg_temp.estimate('SELECT * FROM ad_generate_series(12345)'),
       pg_temp.estimate('SELECT * FROM ad_generate_blobs(40 + 2)'),
       pg_temp.estimate('SELECT * FROM ad_generate_blobs(-1)');

-- bad input
SELECT pg_temp.expect_error('SELECT ad_random(1, 1, ''cauchy'')');
SELECT pg_temp.expect_error('SELECT ad_random(1, 1, scale => -1)');
SELECT pg_temp.expect_error('SELECT ad_random(1, 1, location => ''Infinity'')');
SELECT pg_temp.expect_error('SELECT ad_generate_blobs(-1)');
SELECT pg_temp.expect_error('SELECT ad_generate_blobs(1, features => 0)');
SELECT pg_temp.expect_error('SELECT ad_generate_blobs(1, features => 4097)');
SELECT pg_temp.expect_error('SELECT ad_generate_blobs(1, contamination => 0.6)');
SELECT pg_temp.expect_error('SELECT ad_generate_blobs(1, contamination => ''NaN'')');
SELECT pg_temp.expect_error('SELECT ad_generate_blobs(1, clusters => 1001)');
SELECT pg_temp.expect_error('SELECT ad_generate_series(1000000000001)');
SELECT pg_temp.expect_error('SELECT ad_generate_series(1, noise => ''pink'')');
SELECT pg_temp.expect_error('SELECT ad_generate_series(1, spikes => -0.1)');
SELECT pg_temp.expect_error('SELECT ad_generate_series(1, period => ''NaN'')');
SELECT pg_temp.expect_error('SELECT ad_generate_series(1, shift_size => -3)');
SELECT pg_temp.expect_error('SELECT ad_random_array(1, -1)');
SELECT pg_temp.expect_error('SELECT ad_random_array(1, 134217725)');
SELECT pg_temp.expect_error('SELECT ad_random_array(1, 3, first => 9223372036854775806)');
SELECT pg_temp.expect_error('SELECT ad_random_array(1, 3, ''cauchy'')');
SELECT pg_temp.expect_error('SELECT ad_random_array(1, 3, scale => ''NaN'')');
SELECT pg_temp.expect_error('SELECT ad_generate_series_array(-1)');
SELECT pg_temp.expect_error('SELECT ad_generate_series_array(134217725)');
SELECT pg_temp.expect_error('SELECT ad_generate_series_array(1, spikes => 0.6)');
