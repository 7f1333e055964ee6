-- Weights of the members of an ensemble.
\set VERBOSITY terse

CREATE TABLE weighed AS
SELECT i, sin(i) AS a, cos(i * 7) AS b FROM generate_series(1, 500) i;

-- as a spec
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_hbos()], weights => '{1,3}') -> 'weights' AS given;
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_hbos()]) ? 'weights' AS none;
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_hbos()], weights => '{1}');
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_hbos()], weights => '{1,NULL}');
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_hbos()], weights => '{1,-1}');
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_hbos()], weights => '{1,NaN}');
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_hbos()], weights => '{1,1e300}');
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_hbos()], weights => '{0,0}');
SELECT ad_fit(ad_ensemble(ARRAY[ad_ecod(), ad_hbos()]) || '{"weights": 1}', a, b) FROM weighed;
SELECT ad_fit(ad_iforest() || '{"weights": [1]}', a, b) FROM weighed;
SELECT ad_fit(ad_auto() || '{"weights": [1, 1, 1]}', a, b) FROM weighed;

-- equal weights are none, whatever the combination; one member alone is that member's
CREATE TABLE combined AS
SELECT combine, weights, ad_fit(ad_ensemble(ARRAY[ad_ecod(), ad_hbos(), ad_zscore()], combine, weights => weights) || ad_calibrate(), a, b) AS model
FROM weighed, unnest('{mean,top,max,median,vote,pvalue}'::text[]) combine, (VALUES (NULL::float8[]), ('{2,2,2}'), ('{1,0,0}'), ('{0.2,0.5,0.3}')) w(weights)
GROUP BY 1, 2;
SELECT n.combine, max(abs(ad_score(n.model, w.a, w.b) - ad_score(e.model, w.a, w.b))) < 1e-9 AS equal_is_none,
       max(abs(ad_score(o.model, w.a, w.b) - ad_score(m.model, w.a, w.b))) < 1e-9 AS one_is_the_mean
FROM combined n JOIN combined e USING (combine) JOIN combined o USING (combine) JOIN combined m ON m.combine = 'mean' AND m.weights = '{1,0,0}', weighed w
WHERE n.weights IS NULL AND e.weights = '{2,2,2}' AND o.weights = '{1,0,0}'
GROUP BY 1 ORDER BY 1;
SELECT count(DISTINCT ad_score(model, a, b) > ad_threshold(model, 0.1)) AS kinds, min(ad_pvalue(model, 99, -99)) < 0.02 AS rare
FROM combined, weighed WHERE weights = '{0.2,0.5,0.3}';

-- the top two of three: the two highest of their weights up to two thirds
WITH m AS (SELECT (SELECT model FROM combined WHERE combine = 'top' AND weights = '{0.2,0.5,0.3}') AS top,
                  ad_fit(ad_ensemble(ARRAY[ad_ecod()]) || ad_calibrate(), a, b) AS m1, ad_fit(ad_ensemble(ARRAY[ad_hbos()]) || ad_calibrate(), a, b) AS m2,
                  ad_fit(ad_ensemble(ARRAY[ad_zscore()]) || ad_calibrate(), a, b) AS m3 FROM weighed),
s AS (SELECT i, ad_score(top, a, b) AS score, ad_score(m1, a, b) AS s1, ad_score(m2, a, b) AS s2, ad_score(m3, a, b) AS s3 FROM m, weighed),
t AS (SELECT i, score, s, w, coalesce(sum(w) OVER (PARTITION BY i ORDER BY s DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
      FROM s, LATERAL (VALUES (s1, 0.2), (s2, 0.5), (s3, 0.3)) v(s, w))
SELECT max(abs(score - part)) < 1e-9 AS as_said
FROM (SELECT i, score, sum(s * greatest(0, least(before + w, 2.0 / 3) - before)) * 1.5 AS part FROM t GROUP BY 1, 2) p;

-- explanations are of the members that count, and the spec can be fitted again
SELECT combine, bool_and(abs(e.sum) < 1e6) AS explained
FROM combined, (SELECT * FROM weighed WHERE i <= 20) w, LATERAL (SELECT sum(contribution) FROM ad_explain(model, a, b)) e
WHERE weights = '{0.2,0.5,0.3}' GROUP BY 1 ORDER BY 1;
SELECT bool_and(model = again) AS same
FROM (SELECT combine, model, ad_fit(ad_info(model) -> 'spec', a, b) AS again FROM combined, weighed WHERE weights = '{0.2,0.5,0.3}' GROUP BY 1, 2) r;

DROP TABLE weighed, combined;
