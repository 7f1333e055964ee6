-- The planner knows how many rows a score lets pass, if the model is a constant.
\set SHOW_CONTEXT never

CREATE TABLE readings AS
SELECT i AS id, ad_random(1, i, 'normal') AS a, ad_random(2, i, 'normal') AS b FROM generate_series(1, 20000) i;
CREATE TABLE halves (LIKE readings) PARTITION BY RANGE (id);
CREATE TABLE halves_1 PARTITION OF halves FOR VALUES FROM (1) TO (10001);
-- columns in another order than the parent's
CREATE TABLE halves_2 (b float8, a float8, id int);
ALTER TABLE halves ATTACH PARTITION halves_2 FOR VALUES FROM (10001) TO (20001);
INSERT INTO halves SELECT * FROM readings;
ANALYZE readings;
ANALYZE halves;

-- rows the planner expects, over rows there are; the model comes as a literal, as in a prepared statement
CREATE FUNCTION expected_rows(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN (plan #>> '{0,Plan,Plan Rows}')::float8;
END $$;
CREATE FUNCTION estimate(spec jsonb, from_ text, condition text, OUT expected float8, OUT actual float8) LANGUAGE plpgsql AS $$
DECLARE
	query text;
BEGIN
	SELECT format('SELECT id FROM %s WHERE ', from_) || replace(replace(condition, '$m', format('%L::bytea', m)), '$t', ad_threshold(m, 0.02)::text)
		INTO query FROM (SELECT ad_fit(spec, a, b) AS m FROM readings) f;
	expected := expected_rows(query);
	EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO actual;
END $$;
SELECT condition, abs(expected - actual) < 0.2 * actual + 60 AS near
FROM (VALUES ('ad_score($m, a, b) > $t'), ('ad_score($m, a, b) <= $t'), ('$t < ad_score($m, a, b)'),
             ('ad_score($m, a, b) > $t AND id <= 10000'), ('ad_score($m, a, b) BETWEEN 0.45 AND 0.5'),
             ('ad_score($m, a, b) > 2'), ('ad_is_anomaly($m, a, b)'), ('NOT ad_is_anomaly($m, a, b)')) v(condition),
     LATERAL estimate(ad_iforest(50), 'readings', condition);
-- many scores are equal, here that of the threshold
SELECT abs(expected - actual) < 0.2 * actual + 60 AS near
FROM estimate(ad_dbscan() || ad_sampling(rows => 2000), 'readings', 'ad_is_anomaly($m, a, b)');
SELECT from_, detector, abs(expected - actual) < 0.2 * actual + 60 AS near
FROM (VALUES ('halves'), ('halves_2'), ('readings r JOIN (VALUES (1), (2)) v(x) ON x = 1'),
             ('(SELECT id, a, b FROM readings) s'), ('(VALUES (1)) v(x) LEFT JOIN readings r ON x < id')) f(from_),
     (VALUES ('zscore'), ('pca')) d(detector),
     LATERAL estimate(jsonb_build_object('detector', detector) || ad_calibrate(), from_, 'ad_score($m, a, b) > $t');

-- no such index is there or used, and a real one is used as ever
CREATE FUNCTION plan_nodes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan;
	RETURN (SELECT string_agg(m[1], ' > ') FROM regexp_matches(plan::text, '"Node Type": "([^"]+)"', 'g') m);
END $$;
SELECT format('SELECT id FROM readings WHERE ad_score(%L::bytea, a, b) > 0.65 ORDER BY ad_score(%1$L::bytea, a, b) LIMIT 3',
       (SELECT ad_fit(ad_iforest(5, 32), a, b) FROM readings)) AS query \gset
SET enable_seqscan = off;
SELECT plan_nodes(:'query');
RESET enable_seqscan;
CREATE INDEX by_id ON readings (id);
SELECT plan_nodes(:'query' || ' ') AS before, plan_nodes('SELECT id FROM readings WHERE id = 7') AS by_id;
UPDATE readings SET a = 0 WHERE ad_score((SELECT ad_fit('zscore', a, b) FROM readings), a, b) > 100;
INSERT INTO readings SELECT * FROM readings WHERE id = 1 ON CONFLICT DO NOTHING;

-- a call costs what its detector does
CREATE FUNCTION expected_cost(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN (plan #>> '{0,Plan,Total Cost}')::float8;
END $$;
WITH m AS MATERIALIZED (
	SELECT ad_fit('hbos', a, b) AS hbos, ad_fit('knn', a, b) AS knn FROM readings WHERE id <= 500)
SELECT expected_cost(format('SELECT ad_score(%L::bytea, a, b) FROM readings', hbos)) * 5 <
       expected_cost(format('SELECT ad_score(%L::bytea, a, b) FROM readings', knn)) AS neighbours_cost_more FROM m;

-- a damaged literal is an error, in planning as in scoring
EXPLAIN SELECT id FROM readings WHERE ad_score('\x00'::bytea, a, b) > 1;
EXPLAIN (COSTS OFF) SELECT id FROM readings WHERE ad_score(NULL::bytea, a, b) > 1;

DROP TABLE readings, halves;
DROP FUNCTION expected_rows, estimate, plan_nodes, expected_cost;
