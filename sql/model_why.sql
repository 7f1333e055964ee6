-- What ad_why() reports of ordinary rows, and of anomalies whose values are usual: over kinds of rows and all detectors.
\set SHOW_CONTEXT never
CREATE SCHEMA model_why;
SET search_path = model_why, public;

CREATE TABLE kinds (kind text, id int, a float8, b float8, c text, d timestamptz);
INSERT INTO kinds
SELECT 'smooth', i, ad_random(1, i, 'normal', 50, 10), ad_random(2, i, 'normal', 5, 2), CASE WHEN i % 10 < 6 THEN 'US' WHEN i % 10 < 9 THEN 'DE' ELSE 'FR' END,
       timestamptz '2026-01-01 08:00+00' + i * interval '1 hour' FROM generate_series(1, 500) i;
INSERT INTO kinds
SELECT 'skewed', i, exp(ad_random(3, i, 'normal', 3, 1)), floor(ad_random(4, i) ^ 3 * 10), CASE WHEN i % 50 > 0 THEN 'web' ELSE 'shop' END,
       timestamptz '2026-01-01 08:00+00' + (i % 9) * interval '1 hour' FROM generate_series(1, 500) i;
-- two columns that go together, and rows (200 and on) that have usual values of either, but not together
INSERT INTO kinds
SELECT 'together', i, 150 + 50 * ad_random(5, i), 150 + 50 * ad_random(5, CASE WHEN i % 25 = 0 THEN i + 1000 ELSE i END) + ad_random(6, i, 'normal'), NULL, NULL
FROM generate_series(1, 500) i;
INSERT INTO kinds SELECT 'constant', i, 7, i % 2, 'x', NULL FROM generate_series(1, 500) i;

CREATE TABLE models (spec jsonb, kind text, model bytea);
ALTER TABLE models ALTER model SET STORAGE EXTERNAL;
INSERT INTO models
SELECT s.spec || ad_calibrate(contamination => 0.02), k.kind, f.m
FROM (SELECT jsonb_build_object('detector', detector) AS spec FROM ad_recommend(500, 4) WHERE detector NOT IN ('autoencoder', 'vae')
      UNION SELECT ad_ensemble(ARRAY[ad_zscore(), ad_knn()]) UNION SELECT ad_ensemble(ARRAY[ad_zscore(), ad_pca()], 'vote')) s(spec),
     (VALUES ('smooth'), ('skewed'), ('together'), ('constant')) k(kind),
     LATERAL (SELECT ad_fit(s.spec || ad_calibrate(contamination => 0.02), k2.a, k2.b, k2.c, k2.d) AS m FROM kinds k2 WHERE k2.kind = k.kind) f;

CREATE TABLE said AS
SELECT m.spec ->> 'detector' AS detector, m.kind, k.id, ad_why(m.model, k.a, k.b, k.c, k.d) AS why, ad_is_anomaly(m.model, k.a, k.b, k.c, k.d) AS anomaly,
       e.unusual, e.raises
FROM models m JOIN kinds k USING (kind),
     LATERAL (SELECT bool_or(e.direction NOT IN ('within', 'usual') OR e.typical ~ 'seen:') AS unusual, bool_or(e.contribution > 0) AS raises
              FROM ad_explain(m.model, k.a, k.b, k.c, k.d) e) e
WHERE k.id % 3 = 0 OR k.kind = 'together' AND k.id % 25 = 0;
SELECT count(DISTINCT detector) >= 17 AS detectors, count(*) > 10000 AS sentences FROM said;

-- an anomaly is never one of which nothing is unusual; what is unusual of other rows is
SELECT count(*) FILTER (WHERE anomaly AND why = 'nothing is unusual') AS anomalies_of_nothing,
       count(*) FILTER (WHERE NOT anomaly AND why <> 'nothing is unusual' AND NOT unusual) AS ordinary_of_something,
       count(*) FILTER (WHERE NOT anomaly AND why ~ 'together|rows like this') AS ordinary_together,
       count(*) FILTER (WHERE why ~ 'is usual|is within the usual' AND why !~ 'rows like this are rare$| but (above|below|before|after) all seen') AS usual_and_no_more
FROM said;
-- values that are usual and unusual together: each detector of combinations finds some, and says so
SELECT string_agg(detector, ' ' ORDER BY detector) AS together
FROM (SELECT detector FROM said WHERE kind = 'together' AND id % 25 = 0 AND anomaly AND why ~ 'together' GROUP BY detector) d
WHERE detector IN ('mahalanobis', 'pca', 'knn', 'lof', 'gmm', 'ocsvm', 'kmeans');
-- in words
CREATE TABLE people AS SELECT i AS id, 150 + (i * 37 % 500) / 10.0 AS height, 50 + (i * 37 % 500) / 10.0 + (i % 7) AS weight, (ARRAY['DE', 'FR'])[1 + i % 2] AS country
FROM generate_series(1, 1000) i;
CREATE TABLE judge AS SELECT ad_fit(ad_mahalanobis() || ad_calibrate(contamination => 0.02), p) AS m FROM (SELECT height, weight, country FROM people) p;
SELECT height, weight, ad_why(m, height, weight, country)
FROM judge, (VALUES (176, 79, 'DE'), (196.9, 55.2, 'DE'), (153.1, 99.4, 'FR'), (196.9, 20, 'DE'), (250, 160, 'FR')) v(height, weight, country);
-- a value in a gap
SELECT ad_why(m, v) FROM (SELECT ad_fit(ad_knn() || ad_calibrate(contamination => 0.01), i % 10 + CASE WHEN i % 2 = 0 THEN 90 ELSE 0 END) AS m FROM generate_series(1, 1000) i) f,
     unnest(ARRAY[5, 50]) v;
DROP SCHEMA model_why CASCADE;
