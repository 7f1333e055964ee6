-- Rows of a fit, scored as rows that come anew are: with their infinities, and without their own count.
\set SHOW_CONTEXT never
\pset format unaligned

CREATE TABLE specs AS
SELECT name, jsonb_build_object('detector', name) AS spec FROM unnest(_anomaly._ad_detectors()) name
UNION ALL VALUES ('mean', ad_ensemble(ARRAY[ad_iforest(), ad_knn(), ad_ecod()])), ('max', ad_ensemble(ARRAY[ad_zscore(), ad_pca()], 'max'));

-- An infinity is missing to the fit, and beyond all others in the scores of ad_outlier, as it is in those of a model; forests give it a place beside the last.
CREATE TABLE few AS SELECT i AS id, CASE WHEN i = 50 THEN 'Infinity'::float8 ELSE i % 10 END AS x FROM generate_series(1, 100) i;
SELECT count(*) >= 16 AS many, bool_and(greatest) AS greatest, string_agg(name, ', ') FILTER (WHERE NOT greatest) AS lower
FROM (SELECT name, max(score) FILTER (WHERE id = 50) >= max(score) AS greatest
      FROM (SELECT name, id, ad_outlier(spec, x) OVER (PARTITION BY name) AS score FROM specs, few WHERE name !~ 'forest') o GROUP BY name) q;
SELECT id, ad_outlier('zscore', x) OVER () AS zscore, ad_outlier('knn', x) OVER () AS knn, ad_outlier('iforest', x) OVER () > 0.6 AS iforest
FROM (VALUES (1, 1::float8), (2, 2), (3, 3), (4, '-Infinity'), (5, NULL)) few (id, x);

-- A value that one row in ten has is usual, an infinity too: no p-value is below its share, and no threshold flags more than it should.
CREATE TABLE until AS
SELECT s, i, CASE WHEN ad_random(s, i) < 0.9 THEN timestamptz '2026-01-01 00:00+00' + ad_random(s + 10, i) * interval '90 days' ELSE 'infinity' END AS valid_to
FROM generate_series(1, 2) s, generate_series(1, 2000) i;
SELECT count(*) >= 36 AS many, bool_and(least > 0.05) AS infinity_is_usual, bool_and(flagged <= 0.03) AS few_flagged, bool_and(probability > 0) AS probable
FROM (SELECT name, calendar, min(ad_pvalue(m, valid_to)) FILTER (WHERE valid_to = 'infinity') AS least,
             avg(ad_is_anomaly(m, valid_to)::int) AS flagged, avg(ad_probability(m, valid_to)) FILTER (WHERE valid_to < 'infinity') AS probability
      FROM (SELECT name, calendar, ad_fit(spec || ad_calibrate(contamination => 0.01) || ad_prepare(calendar => calendar), valid_to) AS m
            FROM specs, unnest(ARRAY[false, true]) calendar, until WHERE s = 1 GROUP BY name, calendar) f, until WHERE s = 2 GROUP BY name, calendar) q;

-- Categories with a long tail: one new row in six has one that the fit never saw, and that is usual.
CREATE TABLE visitors AS SELECT s, i, 'u' || floor(exp(9 * ad_random(s, i)))::int AS visitor, ad_random(s + 10, i, 'normal') AS y FROM generate_series(1, 2) s, generate_series(1, 3000) i;
SELECT count(*) >= 18 AS many, bool_and(p01 <= 0.03) AS one_in_100, bool_and(p10 <= 0.14) AS one_in_10
FROM (SELECT name, avg((p <= 0.01)::int) AS p01, avg((p <= 0.1)::int) AS p10
      FROM (SELECT name, ad_pvalue(m, visitor, y) AS p
            FROM (SELECT name, ad_fit(spec || ad_calibrate(), visitor, y) AS m FROM specs, visitors WHERE s = 1 GROUP BY name) f, visitors WHERE s = 2) q GROUP BY name) q;
-- as indicators too: every visitor comes once, so a new one is like all others
SELECT ad_pvalue(m, 'Z') FROM (SELECT ad_fit(ad_zscore() || ad_calibrate(), chr(64 + i)) AS m FROM generate_series(1, 20) i) f;

-- A row that is held out has moved no scale and no imputed value. One new row each for 1,500 fits to 20 rows, of which 4 are held out: p is at most 0.2 for one in five.
CREATE TABLE tails AS
SELECT g, i, ARRAY(SELECT CASE WHEN k = 8 AND ad_random(30, g * 100 + i) < 0.5 THEN NULL ELSE exp(2 * ad_random(k, g * 100 + i, 'normal')) END FROM generate_series(1, 8) k) AS v
FROM generate_series(1, 1500) g, generate_series(1, 21) i;
SELECT name, avg((ad_pvalue(m, t.v) <= 0.2001)::int) BETWEEN 0.12 AND 0.23 AS one_in_five
FROM (SELECT name, g, ad_fit(spec || ad_calibrate(), v) AS m FROM specs, tails WHERE i <= 20 AND name IN ('knn', 'kmeans', 'dbscan', 'zscore', 'pca') GROUP BY name, g) f JOIN tails t USING (g)
WHERE i = 21 GROUP BY name ORDER BY name COLLATE "C";
-- of two rows either may be held out
SELECT avg((ad_score(m, low) > 0)::int) BETWEEN 0.4 AND 0.6 AS either
FROM (SELECT g, min(v) AS low, ad_fit(ad_knn() || ad_calibrate(), v) AS m FROM (SELECT g, ad_random(40, g * 2 + i) AS v FROM generate_series(1, 400) g, generate_series(0, 1) i) q GROUP BY g) f;
-- nor has it counted: what three rows in four have is usual, as a share of rows too
SELECT name, min(ad_pvalue(m, c, x)) >= 0.7 AS usual
FROM (SELECT name, ad_fit(spec || ad_calibrate(), CASE WHEN i * 7919 % 1000 < 970 THEN 'DE' ELSE 'c' || i % 40 END, (i * 104729 % 1000 < 250)::int) AS m
      FROM specs, generate_series(1, 1000) i WHERE name IN ('pca', 'knn', 'lof', 'ecod', 'inne') GROUP BY name) f, (SELECT 'DE' AS c, 0 AS x) r GROUP BY name ORDER BY name COLLATE "C";
-- a model does not drift from its own rows, be they infinite or shares of categories
SELECT name, string_agg(d.part || ' ' || d.verdict, ', ') FILTER (WHERE d.verdict <> 'stable') AS drift
FROM (SELECT name, ad_fit(spec || ad_calibrate(), c, t) AS m, ad_sketch(c, t) AS s
      FROM specs, (SELECT CASE WHEN i * 7919 % 1000 < 900 THEN 'DE' ELSE 'c' || i % 40 END AS c, CASE WHEN i % 10 < 8 THEN 'infinity' ELSE date '2026-01-01' + i % 60 END AS t FROM generate_series(1, 2000) i) r
      WHERE name IN ('iforest', 'zscore', 'pca', 'ecod', 'knn') GROUP BY name) f, ad_drift(m, s) d GROUP BY name ORDER BY name COLLATE "C";

-- What is typical of instants is one of them: on a weekday, by day. So a Sunday at night contributes, under every detector.
CREATE TABLE shop AS SELECT timestamptz '2026-01-05 08:00+00' + (i / 10 / 5 * 7 + i / 10 % 5) * interval '1 day' + i % 10 * interval '1 hour' AS at, i % 50 AS amount FROM generate_series(0, 2599) i;
SELECT count(*) >= 16 AS many, string_agg(name, ', ') FILTER (WHERE why !~ '^(unusual together: )?at [^,]*counts by its hour or weekday' AND anomaly) AS others
FROM (SELECT name, ad_why(m, r) AS why, ad_is_anomaly(m, r) AS anomaly FROM (SELECT name, ad_fit(spec || ad_prepare(calendar => true), shop) AS m FROM specs, shop WHERE name NOT IN ('mean', 'max') GROUP BY name) f,
      (SELECT timestamptz '2026-06-14 03:00+00' AS at, 10 AS amount) r) q;

-- A member of an ensemble whose training scores are all equal says 0 or 1: that is its features' doing, and the baseline stays.
SELECT a, b, round(ad_score(m, a, b)::numeric, 3) AS score, round((ad_score(m, a, b) - (SELECT sum(contribution) FROM ad_explain(m, a, b)))::numeric, 9) AS baseline, ad_why(m, a, b)
FROM (SELECT ad_fit(ad_ensemble(ARRAY[ad_iforest(), ad_knn(), ad_kmeans(), ad_gmm()]), 5, 7.1) AS m FROM generate_series(1, 50)) f,
	unnest(ARRAY[5, 1000]) a, unnest(ARRAY[7.1, 100000]) b;

DROP TABLE specs, few, until, visitors, tails, shop;
