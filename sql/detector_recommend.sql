-- The chooser. Which detectors there are and how fast is not tested here,
-- but that what it says is in order and can be used.
\set SHOW_CONTEXT never
\pset format unaligned

-- by each priority, what it asks for is in order, and ranks have no gaps
SELECT bool_and(rank = n) AS gapless, bool_and(mean_auc <= before) AS descending
FROM (SELECT rank, mean_auc, row_number() OVER (ORDER BY rank) AS n,
             lag(mean_auc, 1, 1::float8) OVER (ORDER BY rank) AS before
      FROM ad_recommend(1000000, 10, 'accuracy')) r;
SELECT bool_and(seconds >= before) AS ascending
FROM (SELECT seconds, lag(seconds, 1, 0::float8) OVER (ORDER BY rank) AS before
      FROM ad_recommend(1000000, 10, 'speed')) r;
SELECT bool_and(model_bytes >= before) AS ascending
FROM (SELECT model_bytes, lag(model_bytes, 1, 0::bigint) OVER (ORDER BY rank) AS before
      FROM ad_recommend(1000000, 10, 'memory')) r;
SELECT count(*) > 0 AS some, bool_and(seconds > 0 AND model_bytes > 0 AND mean_auc BETWEEN 0.5 AND 1) AS sensible
FROM ad_recommend(5000, 20);
-- the default is balanced
SELECT (SELECT array_agg(detector ORDER BY rank) FROM ad_recommend(1000, 3)) =
       (SELECT array_agg(detector ORDER BY rank) FROM ad_recommend(1000, 3, 'balanced')) AS same;
-- more rows and more features cost more
SELECT bool_and(b.seconds > a.seconds) AS more_rows, bool_and(c.seconds > a.seconds) AS more_features
FROM ad_recommend(1000, 10) a JOIN ad_recommend(10000000, 10) b USING (detector)
JOIN ad_recommend(1000, 1000) c USING (detector)
WHERE detector = 'iforest';
-- a specification can be used as it is
SELECT count(*) = (SELECT count(*) FROM ad_recommend(100, 2)) AS all_of_them
FROM (SELECT ad_fit(spec, sin(i), cos(i * i)) AS model
      FROM ad_recommend(100, 2), generate_series(1, 100) i GROUP BY spec) f
WHERE model IS NOT NULL;
-- every figure is one of the form that is looked up
SELECT bool_and(detector = ANY (_anomaly._ad_detectors())) AS known,
       bool_and(cardinality(fit_ms) = 3 AND cardinality(score_us) = 3 AND cardinality(model_bytes) = 3 AND
                cardinality(column_exponents) = 3 AND 0 < ALL (fit_ms) AND 0 < ALL (score_us) AND
                0 < ALL (model_bytes)) AS complete,
       count(*) = count(DISTINCT detector) AS once
FROM _anomaly._ad_measured();
SELECT round(_anomaly._ad_measured_at('{1, 10, 100}', 1, n, 10)::numeric, 3) AS at
FROM unnest('{1, 1000, 3162, 10000, 50000, 100000000}'::bigint[]) n;
-- where there are too few rows for a detector, it is not proposed
SELECT bool_or(detector = 'mahalanobis') IS TRUE AS proposed FROM ad_recommend(10, 10);
-- a detector without figures is last by any priority
BEGIN;
ALTER FUNCTION _anomaly._ad_measured() RENAME TO _ad_measured_all;
CREATE FUNCTION _anomaly._ad_measured(OUT detector text, OUT mean_auc float8, OUT mean_ap float8, OUT fit_ms float8[],
    OUT score_us float8[], OUT model_bytes float8[], OUT column_exponents float8[], OUT least_rows text)
RETURNS SETOF record LANGUAGE sql AS
$$SELECT * FROM _anomaly._ad_measured_all() m WHERE m.detector <> 'iforest'$$;
SELECT priority, detector, spec, reason, mean_auc, seconds, model_bytes,
       rank > (SELECT max(rank) FROM ad_recommend(1000, 10, priority) WHERE reason <> 'not measured') AS last
FROM unnest('{accuracy,speed,memory,balanced}'::text[]) priority, ad_recommend(1000, 10, priority)
WHERE detector = 'iforest';
ROLLBACK;

-- errors
SELECT ad_recommend(0, 10);
SELECT ad_recommend(10, 0);
SELECT ad_recommend(10, 5000);
SELECT ad_recommend(10, 10, 'fast');
SELECT ad_recommend(10, NULL);
