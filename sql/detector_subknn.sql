-- subknn: distances by hand, draws, clipping, copies, few rows, categories,
-- infinities, explanations, options.
\set SHOW_CONTEXT never
\pset format unaligned

-- as many rows as there are: the distance to the nearest other row, by a model, in-sample and of new rows
CREATE TABLE four (i int, x float8, y float8);
INSERT INTO four VALUES (1, 0, 0), (2, 3, 4), (3, 3, 4.5), (4, -6, 8);
SELECT i, ad_score(m, x, y) AS score, s AS in_sample
FROM (SELECT i, x, y, ad_outlier(ad_subknn() || ad_prepare(scale => 'none'), x, y) OVER () AS s FROM four) t,
     (SELECT ad_fit(ad_subknn() || ad_prepare(scale => 'none'), x, y) AS m FROM four) f ORDER BY i;
SELECT v, ad_score(m, v, 0) AS score FROM (SELECT ad_fit(ad_subknn() || ad_prepare(scale => 'none'), x, y) AS m FROM four) f,
     (VALUES (0), (0.5), (5), (-1)) r(v);
SELECT ad_info(m) -> 'subknn' AS subknn, ad_info(m) -> 'contains_rows' AS contains_rows FROM (SELECT ad_fit('subknn', x, y) AS m FROM four) f;
-- scaled: in standard deviations
SELECT round(s::numeric, 6) AS in_sample, round((d / sd)::numeric, 6) AS expected
FROM (SELECT x, d, ad_outlier('subknn', x) OVER () AS s, stddev_pop(x) OVER () AS sd FROM (VALUES (1, 1), (2, 1), (4, 2), (8, 4)) v(x, d)) t;

-- draws of a single row: the mean distance from as many rows, but from itself
SELECT draws, avg(abs(s - expected)) < 1 AS near
FROM (SELECT draws, ad_outlier(ad_subknn(draws, 1) || ad_prepare(scale => 'none'), i) OVER (PARTITION BY draws) AS s,
             (i * (i - 1) + (100 - i) * (101 - i)) / 198.0 AS expected
      FROM generate_series(1, 100) i, (VALUES (4000)) d(draws)) t GROUP BY draws;
-- more rows to a draw are nearer
SELECT bool_and(few > more) AS nearer
FROM (SELECT avg(ad_score(few, x)) AS few, avg(ad_score(more, x)) AS more
      FROM (SELECT ad_fit(ad_subknn(30, 8), sin(i)) AS few, ad_fit(ad_subknn(30, 64), sin(i)) AS more FROM generate_series(1, 1000) i) f,
           generate_series(-3, 3, 0.25) x) t;

-- clipped at so many standard deviations from the mean, which lie at the middle and at the ends
CREATE TABLE ten AS SELECT i, CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END::float8 AS x FROM generate_series(1, 10) i;
SELECT clip, v, ad_score(m, v) AS score FROM (VALUES (6), (2.5), (0.5)) c(clip),
     LATERAL (SELECT ad_fit(ad_subknn(clip => clip), x) AS m FROM ten) f,
     (VALUES (-1::float8), (1.25), (3), (1e300), ('Infinity'), ('-Infinity')) r(v) ORDER BY clip DESC, v;
SELECT v, ad_score(m, v) AS score FROM (SELECT ad_fit(ad_subknn() || ad_prepare(scale => 'none'), x * 1e9 + 1e12) AS m FROM ten) f,
     (VALUES (1e12), (1e12 + 3e9), (1e300)) r(v) ORDER BY v;

-- a value far away takes no digits from the others
SELECT far, count(DISTINCT s) FILTER (WHERE s = 1) AS near, min(s) AS least, max(s) FILTER (WHERE i < 20) AS greatest
FROM (SELECT far, i, ad_outlier(ad_subknn() || ad_prepare(scale => 'none'), CASE WHEN i = 20 THEN far ELSE i END) OVER (PARTITION BY far) AS s
      FROM (VALUES (1e4), (1e12)) f(far), generate_series(1, 20) i) t GROUP BY far ORDER BY far;

-- copies are neighbours, but a row's own self is not; a new row cannot be told from the one of the fit that it equals
SELECT v, s AS in_sample, ad_score(m, v) AS score
FROM (SELECT v, ad_outlier(ad_subknn() || ad_prepare(scale => 'none'), v) OVER () AS s FROM (VALUES (1), (1), (5), (9), (9), (9)) t(v)) t,
     (SELECT ad_fit(ad_subknn() || ad_prepare(scale => 'none'), v) AS m FROM (VALUES (1), (1), (5), (9), (9), (9)) t(v)) f ORDER BY v;
-- every row alike, two rows, one row
SELECT n, count(DISTINCT s) AS scores, max(s) AS in_sample, ad_score(m, 1) AS equal, ad_score(m, 3) AS other
FROM (SELECT n, ad_outlier('subknn', 1) OVER (PARTITION BY n) AS s FROM (VALUES (1), (2), (100)) c(n), generate_series(1, n) i) t
     JOIN (SELECT n, ad_fit('subknn', 1) AS m FROM (VALUES (1), (2), (100)) c(n), generate_series(1, n) i GROUP BY n) f USING (n)
GROUP BY n, m ORDER BY n;
SELECT n, ad_info(m) -> 'subknn' AS subknn, ad_score(m, 7, 0) BETWEEN 0 AND 20 AS finite
FROM (SELECT n, ad_fit(ad_subknn(5, 4), i, i % 3) AS m FROM (VALUES (1), (2), (4), (5), (6), (9)) c(n), generate_series(1, n) i GROUP BY n) f ORDER BY n;

-- constants, whatever they are; categories; NULL is the median
SELECT count(DISTINCT s) AS scores FROM (SELECT k, ad_score(ad_fit('subknn', sin(i), k), 0.3, k) AS s FROM (VALUES (0::float8), (14.62), (1e9 / 3)) c(k), generate_series(1, 500) i GROUP BY k) t;
SELECT c, round(ad_score(m, 0, c)::numeric, 3) AS score
FROM (SELECT ad_fit('subknn', 0, (ARRAY['a', 'a', 'a', 'b'])[1 + i % 4]) AS m FROM generate_series(1, 400) i) f, (VALUES ('a'), ('b'), ('unseen'), (NULL)) r(c);
SELECT ad_score(m, NULL, 2) = ad_score(m, 3, 2) AS median FROM (SELECT ad_fit('subknn', i, i % 3) AS m FROM generate_series(1, 5) i) f;

-- the order of rows makes no difference, nor the instructions; the seed does
CREATE TABLE wavy AS SELECT i, sin(i) AS x, cos(i * i) AS y, i * i % 13 AS z FROM generate_series(1, 500) i;
SELECT count(DISTINCT m) AS models FROM (SELECT ad_fit('subknn', x, y, z ORDER BY i) AS m FROM wavy UNION ALL SELECT ad_fit('subknn', x, y, z ORDER BY y) FROM wavy
	UNION ALL SELECT ad_fit(ad_subknn(), x, y, z) FROM wavy UNION ALL SELECT ad_fit('subknn', x, y, z ORDER BY i) FROM wavy) f;
CREATE FUNCTION pg_temp.bits() RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(encode(float8send(s), 'hex'), '' ORDER BY draws, rows, i))
	FROM (SELECT draws, rows, i, ad_score(m, x, y, z) + ad_score(m, x * 3, y, z + 0.5) AS s
	      FROM (SELECT draws, rows, ad_fit(ad_subknn(draws, rows), x, y, z) AS m FROM wavy, (VALUES (1, 1), (3, 5), (16, 4), (17, 33), (40, 32)) o(draws, rows) GROUP BY draws, rows) f, wavy) t
$$;
SET anomaly.simd = off;
SELECT pg_temp.bits() AS off \gset
SET anomaly.simd = avx2;
SELECT pg_temp.bits() = :'off' AS avx2;
RESET anomaly.simd;
SELECT pg_temp.bits() = :'off' AS auto;
SELECT ad_score(ad_fit(ad_subknn() || ad_sampling(seed => 1), x, y, z), 0.1, 0.2, 3) <> ad_score(ad_fit(ad_subknn(), x, y, z), 0.1, 0.2, 3) AS seed_matters FROM wavy;

-- the row that lies in the middle of a ring, which no column shows
SELECT round(ad_roc_auc(s, i > 990)::numeric, 2) AS auc
FROM (SELECT i, ad_outlier('subknn', r * cos(i), r * sin(i)) OVER () AS s
      FROM (SELECT i, CASE WHEN i > 990 THEN 0.3 ELSE 2 END + sin(7 * i) / 10 AS r FROM generate_series(1, 1000) i) t) s;

-- what a feature adds: its part of the squares, 9 and 16 of a distance of 5
SELECT e.feature, round(e.contribution::numeric, 6) AS contribution FROM (SELECT ad_fit(ad_subknn() || ad_prepare(scale => 'none'), x, y) AS m FROM (VALUES (0, 0), (-90, 40)) v(x, y)) f, ad_explain(m, 3, 4) e ORDER BY e.feature;
SELECT max(abs(s - sum)) < 1e-9 AS add_up FROM (SELECT ad_score(m, x * 2, y, z) AS s, (SELECT sum(e.contribution) FROM ad_explain(m, x * 2, y, z) e) AS sum
	FROM (SELECT ad_fit('subknn', x, y, z) AS m FROM wavy) f, wavy WHERE i <= 50) t;
SELECT e.feature, e.contribution FROM (SELECT ad_fit('subknn', x, y, z) AS m FROM (VALUES (1, 2, 3)) v(x, y, z)) f, ad_explain(m, 1, 2, 3) e ORDER BY e.feature;

-- p-values: values that are usual are no anomalies, what is far is one
SELECT round(ad_pvalue(m, 2)::numeric, 1) AS usual, ad_pvalue(m, 50) < 0.01 AS far FROM (SELECT ad_fit(ad_subknn() || ad_calibrate(), i % 5) AS m FROM generate_series(1, 1000) i) f;

-- options
SELECT ad_subknn(), ad_subknn(5, 10, 2.5);
SELECT ad_subknn(draws => 0);
SELECT ad_subknn(draws => 10001);
SELECT ad_subknn(rows => 4097);
SELECT ad_subknn(clip => 0);
SELECT ad_subknn(clip => 'NaN');
SELECT ad_fit('{"detector": "subknn", "draw": 3}'::jsonb, 1);
SELECT ad_fit(ad_subknn(10000, 4096), i) FROM generate_series(1, 10) i;
SELECT ad_fit(ad_subknn(1000, 1000), array_fill(i, ARRAY[100])) FROM generate_series(1, 2000) i;
DROP TABLE four, ten, wavy;
