-- Plans by default settings take workers for a fit or a score where they pay, and nowhere else.
\set SHOW_CONTEXT never

CREATE FUNCTION workers(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN coalesce((regexp_match(plan::text, '"Workers Planned": (\d+)'))[1]::int, 0);
END $$;
SET max_parallel_workers_per_gather = 2;

CREATE UNLOGGED TABLE small WITH (autovacuum_enabled = off) AS
SELECT i AS id, i::float8 AS a, 1 / (i + 1.0::float8) AS b FROM generate_series(1, 100) i;
CREATE UNLOGGED TABLE middling WITH (autovacuum_enabled = off) AS
SELECT i AS id, i::float8 AS a, 1 / (i + 1.0::float8) AS b FROM generate_series(1, 300000) i;
CREATE UNLOGGED TABLE large WITH (autovacuum_enabled = off) AS
SELECT i AS id, i::float8 AS a, 1 / (i + 1.0::float8) AS b FROM generate_series(1, 1500000) i;
CREATE TABLE few AS SELECT * FROM middling WHERE id <= 2000;
ANALYZE small, middling, large;

-- sums are read by workers where a fit, whose samples have to be sent and merged, is not
SELECT rel, workers(format('SELECT sum(a), sum(b) FROM %s', rel)) > 0 AS sums
FROM unnest('{small,middling,large}'::text[]) WITH ORDINALITY r(rel, i) ORDER BY i;
SELECT what, workers(format('SELECT %s FROM small', what)) AS small, workers(format('SELECT %s FROM middling', what)) AS middling,
       workers(format('SELECT %s FROM large', what)) > 0 AS large
FROM unnest(ARRAY['ad_fit(ad_iforest(), a, b)', 'ad_fit(''zscore'', a)', 'ad_fit(ad_lof() || ad_calibrate(), a, b)', 'ad_sketch(a, b)',
                  'ad_sketch(ad_pca(), a, b)', 'ad_fit(ad_zscore(), ARRAY[a, b])']) what;
-- many groups have a sample each
SELECT workers('SELECT id / 10, ad_fit(''zscore'', a, b) FROM large GROUP BY 1') AS groups;

-- whoever says that workers cost nothing gets them
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT workers('SELECT ad_fit(''zscore'', a, b) FROM middling') > 0 AS forced;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;

-- scores: the more a detector takes, the sooner
CREATE FUNCTION score_workers(detector text, rel text) RETURNS int LANGUAGE sql AS $$
	SELECT workers(format('SELECT sum(ad_score(%L::bytea, a, b)) FROM %s', m, rel))
	FROM (SELECT ad_fit(jsonb_build_object('detector', detector) || ad_sampling(rows => 500), a, b) AS m FROM few) f $$;
SELECT detector, score_workers(detector, 'small') AS small, score_workers(detector, 'large') > 0 AS large
FROM unnest('{zscore,iforest,fair_forest,knn}'::text[]) detector;
CREATE FUNCTION cost_of(detector text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT ad_score(%L::bytea, a, b) FROM small',
		(SELECT ad_fit(jsonb_build_object('detector', detector) || ad_sampling(rows => 500), a, b) FROM few)) INTO plan;
	RETURN plan #>> '{0,Plan,Total Cost}';
END $$;
SELECT cost_of('zscore') < cost_of('iforest') AS forest, cost_of('iforest') * 2 < cost_of('fair_forest') AS fair_forest,
       cost_of('fair_forest') < cost_of('knn') AS neighbours;

DROP TABLE small, few, middling, large;
DROP FUNCTION workers, score_workers, cost_of;
