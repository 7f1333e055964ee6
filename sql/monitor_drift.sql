-- Drift: a sketch against a sketch or a model.
\set SHOW_CONTEXT never
\pset format unaligned

-- values of numpy and scipy: golden files of test/golden/drift.py
CREATE TABLE golden_rows (name text, side text, i int, x float8, k int, w text);
CREATE TABLE golden (name text, reference text, "position" int, measure text, value float8);
\copy golden_rows FROM PROGRAM 'gzip -dc test/data/golden/drift_rows.csv.gz' WITH (FORMAT csv)
\copy golden FROM PROGRAM 'gzip -dc test/data/golden/drift_values.csv.gz' WITH (FORMAT csv)
CREATE TABLE sides AS
SELECT name, ad_sketch(x, k, w) FILTER (WHERE side = 'r') AS r, ad_sketch(x, k, w) FILTER (WHERE side = 'c') AS c,
       ad_fit(ad_zscore(), x, k, w) FILTER (WHERE side = 'r') AS m
FROM golden_rows GROUP BY name;
CREATE VIEW ours AS
SELECT name, reference, "position", j.key AS measure, j.value::text::float8 AS value
FROM (SELECT name, 'sketch' AS reference, d.* FROM sides, ad_drift(r, c) d
      UNION ALL SELECT name, 'model', d.* FROM sides, ad_drift(m, c) d) d, jsonb_each(to_jsonb(d)) j
WHERE part = 'feature' AND jsonb_typeof(j.value) = 'number' AND j.key <> 'position'
  AND (j.key <> 'new_share' OR "position" = 3);
SELECT reference, measure, count(*), count(*) FILTER (WHERE abs(o.value - g.value) <= 1e-9 * greatest(1, abs(g.value))) AS same
FROM (SELECT * FROM ours o WHERE measure <> 'psi_noise' OR NOT EXISTS (SELECT FROM golden g
          WHERE (g.name, g.reference, g."position", g.measure) = (o.name, o.reference, o."position", 'noise_low'))) o
     FULL JOIN (SELECT * FROM golden WHERE measure NOT LIKE 'noise%') g USING (name, reference, "position", measure)
GROUP BY reference, measure ORDER BY 1, 2;
-- noise that random splits tell
SELECT reference, count(*), count(*) FILTER (WHERE o.value BETWEEN low.value - 1e-9 AND high.value) AS between
FROM golden low JOIN golden high USING (name, reference, "position") JOIN ours o USING (name, reference, "position")
WHERE low.measure = 'noise_low' AND high.measure = 'noise_high' AND o.measure = 'psi_noise'
GROUP BY reference ORDER BY 1;

-- verdicts
SELECT name, part, "position", verdict, reason FROM sides, ad_drift(r, c) WHERE verdict <> 'stable' ORDER BY name, part, 3;
SELECT name, verdict, reason FROM sides, ad_drift(m, c) WHERE part = 'overall' ORDER BY name;
-- categories that came and went, the most frequent first
SELECT name, new_categories, vanished_categories FROM sides, ad_drift(r, c) WHERE "position" = 3 ORDER BY name;
-- nothing differs from itself
SELECT count(*), max(psi) AS psi, max(ks) AS ks, max(js) AS js, max(verdict) AS verdict FROM sides, ad_drift(r, r);

-- a number that was frequent and now is less: below is as far as above
CREATE TABLE flags AS
SELECT ad_sketch(was, low, high) AS r, ad_sketch(now, high, low) AS c, ad_fit('hbos', was, low, high) AS m
FROM (SELECT i % 33 <> 0 AS was, false AS now, 3 AS low, 5 AS high FROM generate_series(1, 1000) i) t;
SELECT part, "position", ks, verdict FROM flags, ad_drift(r, c);
SELECT part, "position", ks, verdict FROM flags, ad_drift(m, c) WHERE part <> 'score';
-- and the scores themselves: all equal, then all lower
SELECT round(ks::numeric, 3) AS ks, verdict
FROM (SELECT ad_fit(ad_knn(neighbors => 1) || ad_prepare(scale => 'none'), i::float8) AS m, ad_sketch(500 + i / 1e6) AS c FROM generate_series(1, 1000) i) t, ad_drift(m, c) WHERE part = 'score';

-- named features are matched by name: order does not matter, others are not looked at
CREATE TABLE days AS
SELECT ad_sketch(a) AS monday, ad_sketch(b) AS tuesday
FROM (SELECT i % 50 AS amount, 'c' || i % 3 AS country FROM generate_series(1, 1000) i) a,
     LATERAL (SELECT country, 7 AS other, amount) b;
SELECT feature, psi, verdict FROM days, ad_drift(monday, tuesday);
SELECT ad_drift(tuesday, monday) FROM days;

-- limits are options
SELECT name, verdict FROM sides, ad_drift(r, c, '{"psi_moderate": 100, "psi_significant": 100, "missing_moderate": 1,
	"missing_significant": 1, "new_moderate": 1, "new_significant": 1}') WHERE part = 'overall' ORDER BY name;
SELECT round(psi::numeric, 4) AS psi FROM sides, ad_drift(r, c, '{"bins": 4, "min_share": 0.01}') WHERE name = 'shifted' AND part = 'feature';
SELECT ad_drift(r, c, '{"bin": 4}') FROM sides;
SELECT ad_drift(r, c, '{"bins": 1}') FROM sides;
SELECT ad_drift(r, c, '{"min_share": 0}') FROM sides;
SELECT ad_drift(r, c, '[]') FROM sides;

-- a timestamp moves on by itself: it is compared, but held against nobody
SELECT psi > 1 AS moved, verdict
FROM (SELECT ad_sketch(t) FILTER (WHERE t < '2024-02-01') AS r, ad_sketch(t) FILTER (WHERE t >= '2024-02-01') AS c
      FROM generate_series('2024-01-01'::timestamp, '2024-02-28', '1 hour') t) s, ad_drift(r, c) WHERE part = 'feature';
-- a large sketch, of which only a sample is kept
SELECT psi < psi_noise AS within_noise, missing_change, verdict
FROM (SELECT ad_sketch(ad_sampling(rows => 500), i % 100) FILTER (WHERE i % 2 = 0) AS r,
             ad_sketch(ad_sampling(rows => 500), i % 100) FILTER (WHERE i % 2 = 0) AS c FROM generate_series(1, 20000) i) s, ad_drift(r, c);
-- nothing but missing values on one side
SELECT part, psi, ks, missing_change, new_share, verdict
FROM (SELECT ad_sketch(x, w) AS r, ad_sketch(nullif(x, x), nullif(w, w)) AS c FROM golden_rows WHERE name = 'same') s, ad_drift(r, c);
SELECT part, psi, ks, missing_change, new_share, verdict
FROM (SELECT ad_sketch(x, w) AS r, ad_sketch(nullif(x, x), nullif(w, w)) AS c FROM golden_rows WHERE name = 'same') s, ad_drift(c, r);
-- infinite values count as missing, as in a fit
SELECT missing_reference, missing_current FROM (SELECT ad_sketch(x) AS r, ad_sketch(CASE x WHEN 1 THEN 'infinity' ELSE x END) AS c
      FROM (VALUES (1::float8), (2)) v(x)) s, ad_drift(r, c) WHERE part = 'feature';
-- a feature that has another value in every row: the current lists what it can, and new values are no news
SELECT new_categories, new_share, vanished_categories, verdict
FROM (SELECT ad_sketch('u' || i) FILTER (WHERE i <= 5000) AS r, ad_sketch('u' || i) FILTER (WHERE i > 1000) AS c
      FROM generate_series(1, 6000) i) s, ad_drift(r, c) WHERE part = 'feature';

-- scores: under a model, a change of which every feature is innocent
CREATE TABLE joint AS
SELECT i, sin(i) AS x, CASE WHEN i <= 4000 THEN sin(i) + cos(7 * i) / 50 ELSE sin(i * 1.7) END AS y FROM generate_series(1, 8000) i;
SELECT part, psi > 0.25 AS shifted, verdict, reason LIKE 'PSI%' AS by_psi
FROM (SELECT ad_fit(ad_mahalanobis() || ad_calibrate(), x, y) FILTER (WHERE i <= 4000) AS m, ad_sketch(x, y) FILTER (WHERE i > 4000) AS c
      FROM joint) s, ad_drift(m, c);
SELECT part, verdict
FROM (SELECT ad_fit(ad_mahalanobis(), x, y) FILTER (WHERE i % 2 = 0 AND i <= 4000) AS m, ad_sketch(x, y) FILTER (WHERE i % 2 = 1 AND i <= 4000) AS c
      FROM joint) s, ad_drift(m, c);
SELECT part FROM (SELECT ad_fit(ad_zscore(), x) AS m, ad_sketch(x) AS c FROM joint) s, ad_drift(m, c, '{"score_rows": 0}');
-- the statistic is that of the scores, to the quantiles that the model remembers (128 below the highest)
SELECT abs(ks - (SELECT max(abs(below_r - below_c)) FROM (
	SELECT count(*) FILTER (WHERE r) OVER w / 4000.0 AS below_r, count(*) FILTER (WHERE NOT r) OVER w / 4000.0 AS below_c
	FROM (SELECT i <= 4000 AS r, ad_score(m, x, y) AS s FROM joint) t WINDOW w AS (ORDER BY s)) u)) < 2.0 / 128 AS same
FROM (SELECT ad_fit(ad_hbos() || ad_calibrate(share => 0), x, y) FILTER (WHERE i <= 4000) AS m, ad_sketch(x, y) FILTER (WHERE i > 4000) AS c
      FROM joint) s, ad_drift(m, c) WHERE part = 'score';
-- rows that the model refuses are passed over; a model and mixed types
SELECT part, verdict
FROM (SELECT ad_fit(ad_knn() || ad_prepare(impute => 'error'), x, y, 'k' || i % 3) FILTER (WHERE i <= 400) AS m,
             ad_sketch(x, nullif(y, x), 'k' || i % 4) FILTER (WHERE i <= 400) AS c FROM joint) s, ad_drift(m, c);

-- what cannot be compared
SELECT ad_drift(m, m) FROM sides;
SELECT ad_drift(r, ad_sketch(1, 2)) FROM sides GROUP BY r LIMIT 1;
SELECT ad_drift(ad_sketch(1), ad_sketch('x'::text));
SELECT ad_drift(ad_sketch(a), ad_sketch(b)) FROM (SELECT 1 AS x, 2 AS y) a, (SELECT 1 AS x, 'q' AS y) b;
SELECT ad_drift(''::bytea, ad_sketch(1));
SELECT ad_drift('not a sketch, not a model'::bytea, ad_sketch(1));
SELECT count(*) FROM ad_drift(NULL, NULL);

-- a model may have a name
SELECT ad_train('drifting', 'SELECT i * 37 % 101 AS a FROM generate_series(1, 500) i', 'hbos');
SELECT (SELECT array_agg(d) FROM ad_drift('drifting', s) d) = (SELECT array_agg(d) FROM ad_drift(ad_model('drifting'), s) d) AS same
FROM (SELECT ad_sketch(f) AS s FROM (SELECT i * 37 % 101 + 50 AS a FROM generate_series(1, 500) i) f) q;
SELECT ad_drift('drifted', ad_sketch(1));
SELECT ad_drop_model('drifting');
-- and more features than a function has arguments
SELECT 'SELECT ' || string_agg(format('i %% %s AS c%s', k + 1, k), ', ') || ' FROM generate_series(1, 300) i' AS wide FROM generate_series(1, 120) k \gset
SELECT ad_train('wide', :'wide', ad_zscore());
SELECT ad_check_drift('wide', query => :'wide');
SELECT ad_drop_model('wide');

DROP VIEW ours;
DROP TABLE golden_rows, golden, sides, days, joint;
