-- What the planner knows of a constant model: the share of anomalies and the cost of a call.
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

-- rows and cost that the planner expects; the model comes as a literal, as in a prepared statement
CREATE FUNCTION expected_rows(query text, OUT rows float8, OUT cost float8) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	rows := plan #>> '{0,Plan,Plan Rows}';
	cost := plan #>> '{0,Plan,Total Cost}';
END $$;
CREATE FUNCTION condition(spec jsonb, condition text) RETURNS text LANGUAGE sql AS $$
	SELECT replace(replace(condition, '$m', format('%L::bytea', m)), '$t', ad_threshold(m, 0.02)::text)
	FROM (SELECT ad_fit(spec, a, b) AS m FROM readings) f $$;
CREATE FUNCTION estimate(spec jsonb, from_ text, condition text, OUT expected float8, OUT actual float8) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT id FROM %s WHERE %s', from_, condition(spec, condition));
BEGIN
	expected := (expected_rows(query)).rows;
	EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO actual;
END $$;
SELECT condition, abs(expected - actual) < 0.2 * actual + 60 AS near
FROM (VALUES ('ad_is_anomaly($m, a, b)'), ('NOT ad_is_anomaly($m, a, b)'), ('ad_is_anomaly($m, ARRAY[a, b])'),
             ('ad_is_anomaly($m, a, b) AND id <= 10000'), ('ad_is_anomaly($m, a, b) OR id <= 10000')) v(condition),
     LATERAL estimate(ad_iforest(50) || ad_calibrate(contamination => 0.03), 'readings', condition);
SELECT from_, detector, abs(expected - actual) < 0.2 * actual + 60 AS near
FROM (VALUES ('halves'), ('halves_2'), ('readings r JOIN (VALUES (1), (2)) v(x) ON x = 1'),
             ('(SELECT id, a, b FROM readings) s'), ('(VALUES (1)) v(x) LEFT JOIN readings r ON x < id')) f(from_),
     (VALUES ('zscore'), ('pca')) d(detector),
     LATERAL estimate(jsonb_build_object('detector', detector) || ad_calibrate(), from_, 'ad_is_anomaly($m, a, b)');
SELECT abs(expected - actual) < 0.2 * actual + 60 AS near
FROM estimate(ad_ensemble(ARRAY[ad_zscore(), ad_pca()]), 'readings', 'ad_is_anomaly($m, a, b)');
-- many scores are equal, here that of the threshold
SELECT abs(expected - actual) < 0.2 * actual + 60 AS near
FROM estimate(ad_dbscan() || ad_sampling(rows => 2000), 'readings', 'ad_is_anomaly($m, a, b)');

-- nothing is known of a score's distribution, nor made up
SELECT abs(expected - 20000 / 3) < 10 AS a_third FROM estimate(ad_zscore(), 'readings', 'ad_score($m, a, b) > $t');
SELECT abs(expected - 20000 / 3) < 10 AS a_third FROM estimate(ad_zscore(), 'halves', 'ad_score($m, a, b) > $t');

-- but by what a table keeps of it: an index, extended statistics, a generated column
CREATE FUNCTION near(condition text) RETURNS boolean LANGUAGE sql AS $$
	SELECT abs(expected - actual) < 0.2 * actual + 60 FROM estimate(ad_zscore(), 'readings', condition) $$;
DO $$
BEGIN
	EXECUTE format('CREATE INDEX by_score ON readings (%s)', condition(ad_zscore(), 'ad_score($m, a, b)'));
END $$;
ANALYZE readings;
SELECT near('ad_score($m, a, b) > $t') AS index, near('ad_score($m, a, b) <= $t'), near('$t < ad_score($m, a, b)'),
       near('ad_score($m, a, b) BETWEEN 1 AND 1.5'), near('ad_score($m, a, b) > $t AND id <= 10000');
DROP INDEX by_score;
SELECT near('ad_score($m, a, b) > $t') AS without;
DO $$
BEGIN
	IF current_setting('server_version_num')::int >= 140000 THEN
		-- of any size, other than an index
		EXECUTE format('CREATE STATISTICS of_score ON (%s) FROM readings', condition(ad_iforest(50), 'ad_score($m, a, b)'));
		ANALYZE readings;
		IF NOT (SELECT abs(expected - actual) < 0.2 * actual + 60 FROM estimate(ad_iforest(50), 'readings', 'ad_score($m, a, b) > $t')) THEN
			RAISE 'the estimate is far off';
		END IF;
		DROP STATISTICS of_score;
	END IF;
	EXECUTE format('ALTER TABLE readings ADD score float8 GENERATED ALWAYS AS (%s) STORED', condition(ad_iforest(50), 'ad_score($m, a, b)'));
END $$;
ANALYZE readings;
SELECT abs(expected - actual) < 0.2 * actual + 60 AS generated_column FROM estimate(ad_iforest(50), 'readings', 'score > $t');

-- a call costs what its detector does, an ensemble what its members do
CREATE FUNCTION cost(spec jsonb) RETURNS float8 LANGUAGE sql AS $$
	SELECT (expected_rows(format('SELECT %s FROM readings', condition(spec || ad_sampling(rows => 500), 'ad_score($m, a, b)')))).cost
		 - (expected_rows('SELECT id FROM readings')).cost $$;
SELECT cost(ad_hbos()) * 5 < cost(ad_knn()) AS neighbours_cost_more,
       round((cost(ad_ensemble(ARRAY[ad_hbos(), ad_knn(), ad_lof()])) / (cost(ad_hbos()) + cost(ad_knn()) + cost(ad_lof())))::numeric, 3) AS ensemble;

-- the setting
SET anomaly.planner_support = off;
SELECT cost(ad_hbos()) = cost(ad_knn()) AS same_cost;
SELECT abs(expected - 20000 / 3) < 10 AS a_third FROM estimate(ad_zscore(), 'readings', 'ad_is_anomaly($m, a, b)');
RESET anomaly.planner_support;

-- plans have nothing but what there is
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

-- a damaged literal is no error until a row is scored; there are other estimates then, or the same
EXPLAIN (COSTS OFF) SELECT id FROM readings WHERE ad_score('\x00'::bytea, a, b) > 1;
SELECT count(*) FROM readings WHERE ad_score('\x00'::bytea, a, b) > 1;
SELECT count(*) FROM readings WHERE id < 0 AND ad_is_anomaly('\x00'::bytea, a, b);
EXPLAIN (COSTS OFF) SELECT id FROM readings WHERE ad_score(NULL::bytea, a, b) > 1;
CREATE FUNCTION plans_damaged(spec jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	model bytea := (SELECT ad_fit(spec || ad_sampling(rows => 100), a, b) FROM readings);
	damaged bytea;
	plan json;
	at int;
	n bigint := 0;
BEGIN
	-- the header, the table of sections, the beginning of each section: a byte, a large number, the end
	FOR at IN
		SELECT i FROM generate_series(0, 63 + 24 * get_byte(model, 24)) i
		UNION
		SELECT i + get_byte(model, t) + 256 * get_byte(model, t + 1)
		FROM generate_series(64 + 8, 63 + 24 * get_byte(model, 24), 24) t, generate_series(0, 99) i
		WHERE i + get_byte(model, t) + 256 * get_byte(model, t + 1) < length(model)
	LOOP
		FOREACH damaged IN ARRAY ARRAY[set_byte(model, at, 0), set_byte(model, at, 1 + get_byte(model, at) % 255),
			overlay(model PLACING '\xffffffffffffffff'::bytea FROM at + 1), substr(model, 1, at)] LOOP
			EXECUTE 'EXPLAIN (FORMAT JSON) SELECT ad_score($1, a, b) FROM readings WHERE ad_is_anomaly($1, a, b)' INTO plan USING damaged;
			IF (plan #>> '{0,Plan,Plan Rows}')::float8 NOT BETWEEN 1 AND 20000 OR (plan #>> '{0,Plan,Total Cost}')::float8 NOT BETWEEN 0 AND 1e6 THEN
				RAISE 'byte %: %', at, plan;
			END IF;
			n := n + 1;
		END LOOP;
	END LOOP;
	RETURN n;
END $$;
SELECT plans_damaged(ad_zscore()) > 2000 AS planned, plans_damaged(ad_ensemble(ARRAY[ad_zscore(), ad_hbos()])) > 2000 AS planned;

DROP TABLE readings, halves;
DROP FUNCTION expected_rows, condition, estimate, near, cost, plan_nodes, plans_damaged;
