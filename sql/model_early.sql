-- A score whose model the query makes is computed before a sort, which would carry the model with every row.
CREATE TABLE drops AS
SELECT i AS id, i % 7 AS g, i % 20 = 0 AS y, ad_random(1, i, 'normal') AS a, CASE WHEN i % 11 > 0 THEN ad_random(2, i, 'normal') END AS b
FROM generate_series(1, 300) i;
CREATE TABLE checked AS SELECT id FROM drops WHERE id % 3 = 0;
ANALYZE drops, checked;
\pset format unaligned
SET enable_hashagg = off;
SET max_parallel_workers_per_gather = 0;

CREATE FUNCTION inlined(model bytea, a float8, b float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT ad_score(model, a, b)';

-- FROM t, the models of the query
\set models '(SELECT d, ad_fit(d, a, b) AS m FROM drops, unnest(ARRAY[\'zscore\', \'knn\']) d GROUP BY d) f'

-- sorts of a query that carry a model, or none; and whether its rows are as ever
CREATE FUNCTION carries(query text, OUT sorts bigint, OUT with_models bigint, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
	rows text[];
BEGIN
	EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) ' || query INTO plan;
	-- below a fit its rows are sorted, too; an output that is a model is a column m, or ad_fit() as it was
	WITH RECURSIVE node AS (
		SELECT plan #> '{0,Plan}' AS n, false AS fits
		UNION ALL
		SELECT c, fits OR (n -> 'Node Type' = '"Aggregate"' AND n ->> 'Output' ~ '"ad_fit\(')
		FROM node, jsonb_array_elements(n -> 'Plans') c)
	SELECT count(*), count(*) FILTER (WHERE EXISTS (
		SELECT FROM jsonb_array_elements_text(n -> 'Output') o WHERE o ~ '^\(*(f\.|models?\.)?m\)*$' OR o ~ '^\(+ad_fit'))
	INTO sorts, with_models FROM node WHERE NOT fits AND n ->> 'Node Type' ~ 'Sort';
	EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', query) INTO rows;
	PERFORM set_config('anomaly.planner_support', 'off', false);
	EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) IS NOT DISTINCT FROM $1 FROM (%s) q', query) INTO same USING rows;
	PERFORM set_config('anomaly.planner_support', 'on', false);
END $$;

-- what aggregates and windows evaluate for every row
SELECT q, c.*
FROM (VALUES
	('d, g, max(ad_score(m, a, b)) FROM drops, $f GROUP BY d, g'),
	('d, g, ad_roc_auc(s, y), ad_average_precision(s, y) FROM (SELECT d, g, y, ad_score(m, a, b) AS s FROM drops, $f) q GROUP BY d, g'),
	('d, g, max(ad_score(m, a, b)) FROM drops JOIN $f ON y OR d = ''knn'' WHERE a > 0 GROUP BY ROLLUP (d, g) HAVING min(ad_score(m, a, b)) > 0'),
	('d, round(ad_score(m, a, b)::numeric, 1) AS r, count(*), max(ad_score(m, a, b)) FROM drops, $f GROUP BY d, r'),
	('d, g, sum(ad_is_anomaly(m, a, b)::int), max(1 - ad_probability(m, a, b)) FROM drops, $f GROUP BY d, g ORDER BY max(ad_score(m, a, b))'),
	('d, g, array_agg(round(ad_score(m, a, b)::numeric, 6) ORDER BY id) FROM drops, $f GROUP BY d, g'),
	('id, d, ad_score(m, a, b), max(ad_score(m, a, b)) OVER (PARTITION BY d, g) FROM drops, $f'),
	('id, ad_score(m, a, b) + 1, rank() OVER (PARTITION BY d ORDER BY ad_score(m, a, b)) FROM drops, $f'),
	('d, g, max(ad_score(m, a, b)) FROM (SELECT * FROM drops UNION ALL SELECT * FROM drops) u, $f GROUP BY d, g'),
	('d, g, max(ad_score(m, a, b)) FROM drops, $f WHERE ad_score(m, a, b) > 0.5 OR y GROUP BY d, g')) v(q),
	LATERAL carries(format('SELECT %s', replace(q, '$f', :'models'))) c;

-- what is left as it is: rows that might not be scored
SELECT q, c.*
FROM (VALUES
	('d, g, max(CASE WHEN b IS NOT NULL THEN ad_score(m, a, b) END) FROM drops, $f GROUP BY d, g'),
	('d, g, max(ad_score(m, a, b)) FILTER (WHERE y) FROM drops, $f GROUP BY d, g'),
	('d, g, max(coalesce(b, ad_score(m, a, b))), min(ad_score(m, a, b)) FROM drops, $f GROUP BY d, g'),
	('d, g, bool_or(y AND ad_score(m, a, b) > 0.5) FROM drops, $f GROUP BY d, g'),
	('d, g, max(ad_score(m, a, b)) FROM drops LEFT JOIN $f ON y GROUP BY d, g'),
	('d, g, max(ad_score(m, a, b)) FROM drops JOIN checked USING (id), $f GROUP BY d, g'),
	-- above groups, whose sets make columns NULL
	('d, g, sum(ad_score(m, a, b)) OVER (PARTITION BY g) FROM drops, $f WHERE id < 30 GROUP BY ROLLUP (d, g, (m, a, b))'),
	('d, g, first_value(ad_score(m, a, b)) OVER (PARTITION BY d, g ORDER BY a, b) FROM drops, $f WHERE id < 30 GROUP BY GROUPING SETS ((d, g, m, a, b), (d, g), ())'),
	-- sets
	('id, ad_score(m, a, generate_series(1, 2)::float8), rank() OVER (ORDER BY id) FROM drops, $f'),
	('d, g, ad_score(m, a, generate_series(1, 2)::float8) AS s, count(*) FROM drops, $f GROUP BY d, g, s'),
	-- functions that are inlined, where another call is of rows that have a score
	('d, g, max(ad_score(m, a, a)), max(CASE WHEN b IS NOT NULL THEN inlined(m, a, b) END) FROM drops, $f GROUP BY d, g')) v(q),
	LATERAL carries(format('SELECT %s', replace(q, '$f', :'models'))) c;

-- OFFSET 0 keeps the planner from it
SELECT c.* FROM carries(format('SELECT d, g, max(s) FROM (SELECT d, g, ad_score(m, a, b) AS s FROM drops JOIN checked USING (id), %s OFFSET 0) q GROUP BY d, g', :'models')) c;

-- a row that the query does not score raises no error
SELECT d, g, count(CASE WHEN b IS NOT NULL THEN ad_score(m, a, b) END) > 0 AS scored, count(CASE WHEN b IS NOT NULL THEN inlined(m, b, a) END) < count(ad_score(m, a, a)) AS inlined
FROM drops, (SELECT d, ad_fit(jsonb_build_object('detector', d) || ad_prepare(impute => 'error'), a, b) AS m
             FROM drops, unnest(ARRAY['zscore']) d WHERE b IS NOT NULL GROUP BY d) f
WHERE g < 2 GROUP BY d, g;

-- a model that a correlated subquery fits, in a subquery that is pulled up: how often
CREATE SEQUENCE ticks;
CREATE FUNCTION tick(seed bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM nextval('ticks'); RETURN seed; END $$;
CREATE FUNCTION fits(query text, OUT fits numeric, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	rows text[];
BEGIN
	PERFORM setval('ticks', 1, false);
	EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', query) INTO rows;
	fits := (SELECT last_value / 20.0 FROM ticks);
	PERFORM set_config('anomaly.planner_support', 'off', false);
	EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) IS NOT DISTINCT FROM $1 FROM (%s) q', query) INTO same USING rows;
	PERFORM set_config('anomaly.planner_support', 'on', false);
END $$;
CREATE TABLE few AS SELECT * FROM drops WHERE id <= 20;
ANALYZE few;
CREATE TABLE kept (s int, score float8);
SELECT q, round(fits) AS fits, same
FROM (VALUES
	('s, id, ad_score(m, a, b) FROM $q, few'),
	('s, id, ad_score(m, a, b) FROM $q, few WHERE s < 3 AND id < 10'),
	('s, g, max(ad_score(m, a, b)) FROM $q, few GROUP BY s, g'),
	('s, id, rank() OVER (PARTITION BY s ORDER BY ad_score(m, a, b)) FROM $q, few'),
	-- each row has a model of its own, may need none, or is not of all tables
	('s, id, ad_score(m, a, s) FROM $q, few'),
	('s, id, ad_score(m, a, b) FROM $q JOIN few ON s = id - 18'),
	('s, id, ad_score(m, a, b) FROM $q, few WHERE s = id - 18 AND y'),
	('s, id, ad_score(m, a, generate_series(1, 2)::float8) FROM $q, few WHERE id < 3'),
	('s, id, CASE WHEN id % 2 = 0 THEN ad_score(m, a, b) END FROM $q, few'),
	('s, id, ad_score(m, a, b) FROM $q LEFT JOIN few ON id % 2 = 0')) v(q),
	LATERAL fits(format('SELECT %s', replace(q, '$q',
	'(SELECT s, (SELECT ad_fit(ad_zscore() || ad_sampling(seed => tick(s)), a, b) FROM few) AS m FROM generate_series(1, 3) s) q'))) c;
SELECT setval('ticks', 1, false);
INSERT INTO kept SELECT s, ad_score(m, a, b)
FROM (SELECT s, (SELECT ad_fit(ad_zscore() || ad_sampling(seed => tick(s)), a, b) FROM few) AS m FROM generate_series(1, 3) s) q, few;
SELECT count(*), (SELECT last_value / 20 FROM ticks) AS fits FROM kept;

DROP TABLE drops, checked, few, kept;
DROP SEQUENCE ticks;
DROP FUNCTION carries, fits, tick, inlined;
