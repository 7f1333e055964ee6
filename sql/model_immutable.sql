-- Scores are IMMUTABLE and say so: they may stand wherever only such may.
\set SHOW_CONTEXT never

-- The kinds of node in a plan, without costs and names.
CREATE FUNCTION pg_temp.plan_shape(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (COSTS OFF, FORMAT JSON) ' || sql INTO plan;
	RETURN (SELECT string_agg(m[1], ' > ') FROM regexp_matches(plan::text, '"Node Type": "([^"]+)"', 'g') m);
END $$;
\pset format unaligned

-- every function but those listed is immutable and parallel safe; so are the aggregates
SELECT p.oid::regprocedure AS function, p.provolatile, p.proparallel
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
     JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'anomaly' AND (p.provolatile <> 'i' OR p.proparallel <> 's')
ORDER BY p.oid::regprocedure::text;
-- the ones a newcomer meets
SELECT proname, prokind, pronargs, provariadic <> 0 AS variadic, proisstrict AS strict, provolatile, proparallel
FROM pg_proc WHERE proname IN ('ad_iforest', 'ad_prepare', 'ad_sampling', 'ad_sketch', 'ad_merge', 'ad_fit',
                               'ad_fit_sketch', 'ad_score', 'ad_info', 'ad_features')
ORDER BY proname, pronargs, provariadic, provolatile;
-- every object has a comment, and a name that is the extension's; from 17 on row and array types, which come with others, are objects too
SELECT pg_describe_object(d.classid, d.objid, 0) AS without_comment
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'anomaly' AND d.deptype = 'e'
  AND NOT EXISTS (SELECT FROM pg_description c WHERE c.classoid = d.classid AND c.objoid = d.objid AND c.objsubid = 0)
  AND NOT EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class r ON r.oid = t.typrelid
                  WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid AND (t.typcategory = 'A' OR r.relkind <> 'c'))
ORDER BY 1;
SELECT pg_describe_object(d.classid, d.objid, 0) AS misnamed
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass,
     pg_identify_object_as_address(d.classid, d.objid, 0) a
WHERE e.extname = 'anomaly' AND d.deptype = 'e' AND d.classid NOT IN ('pg_namespace'::regclass, 'pg_cast'::regclass)
  AND a.object_names[array_upper(a.object_names, 1)] !~ '(^|\.)_?ad_'
ORDER BY 1;
-- every setting has its prefix, a default and a description
LOAD 'anomaly';
SELECT name, setting, boot_val, unit, replace(context, 'postmaster', 'sighup') AS context, -- if preloaded
       short_desc FROM pg_settings WHERE name LIKE 'anomaly.%' ORDER BY 1;

CREATE TABLE readings (id int PRIMARY KEY, a float8, b float8);
INSERT INTO readings
SELECT i, (i * 37 % 101 + i * 53 % 97 + i * 71 % 89) / 3.0, (i * 29 % 83 + i * 13 % 79) / 2.0
FROM generate_series(1, 500) i;
CREATE TABLE models (name text PRIMARY KEY, model bytea);
INSERT INTO models SELECT 'readings', ad_fit(ad_iforest(trees => 20), a, b) FROM readings;

-- with the model written out, as CHECK, generated column and index want it
CREATE TABLE guarded (LIKE readings);
DO $$
DECLARE
	m bytea := (SELECT model FROM models);
BEGIN
	EXECUTE format('ALTER TABLE guarded ADD CONSTRAINT usual CHECK (ad_score(%L::bytea, a, b) < 0.72)', m);
	EXECUTE format('ALTER TABLE guarded ADD COLUMN score float8 GENERATED ALWAYS AS (ad_score(%L::bytea, a, b)) STORED', m);
	-- an index's definition must fit into 8 kB, a function's need not; from 17 on it is built in a search path without our schema
	EXECUTE format('CREATE FUNCTION reading_score(a float8, b float8) RETURNS float8 '
				   'LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $f$ SELECT public.ad_score(%L::bytea, a, b) $f$', m);
END $$;
CREATE INDEX by_score ON readings (reading_score(a, b));
CREATE INDEX strange ON readings (id) WHERE reading_score(a, b) > 0.6;
CREATE INDEX guarded_score ON guarded (score);
INSERT INTO guarded (id, a, b) SELECT * FROM readings;
SELECT count(*) FILTER (WHERE g.score <> ad_score(model, g.a, g.b)) AS different, count(*) FROM guarded g, models;
\set VERBOSITY sqlstate
INSERT INTO guarded (id, a, b) VALUES (0, 1000, -1000);
UPDATE guarded SET a = 1000, b = -1000 WHERE id = 3;
\set VERBOSITY default
UPDATE guarded SET a = 50, b = 40 WHERE id = 3;
SELECT g.score = ad_score(model, 50, 40) AS follows FROM guarded g, models WHERE id = 3;
ANALYZE readings;
SELECT pg_temp.plan_shape('SELECT id FROM readings ORDER BY reading_score(a, b) DESC LIMIT 3') LIKE '%Index%' AS top,
       (SELECT array_agg(id) FROM (SELECT id FROM readings ORDER BY reading_score(a, b) DESC LIMIT 3) t) =
       (SELECT array_agg(id) FROM (SELECT id FROM readings, models ORDER BY ad_score(model, a, b) DESC LIMIT 3) t) AS same;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT pg_temp.plan_shape('SELECT id FROM readings WHERE reading_score(a, b) > 0.6 ORDER BY id') LIKE '%Index%' AS partial,
       (SELECT array_agg(id ORDER BY id) FROM readings WHERE reading_score(a, b) > 0.6) =
       (SELECT array_agg(id ORDER BY id) FROM readings, models WHERE ad_score(model, a, b) > 0.6) AS same;
SELECT pg_temp.plan_shape('SELECT id FROM guarded WHERE score > 0.6') LIKE '%Index%' AS generated;
RESET enable_seqscan;
RESET enable_bitmapscan;

-- a call of constants is folded
SELECT pg_temp.plan_shape('SELECT ad_iforest()') AS shape;

-- prepared, with custom and generic plans
PREPARE score(text, float8, float8) AS
SELECT round(ad_score(model, $2, $3)::numeric, 6) = round(ad_score(model, 50, 40)::numeric, 6) FROM models WHERE name = $1;
EXECUTE score('readings', 50, 40);
SET plan_cache_mode = force_generic_plan;
EXECUTE score('readings', 50, 40);
EXECUTE score('nobody', 50, 40);
RESET plan_cache_mode;
DEALLOCATE score;
PREPARE given(bytea, float8) AS SELECT ad_score($1, $2, 40) IS NOT NULL;
SET plan_cache_mode = force_generic_plan;
SELECT format('EXECUTE given(%L, 50)', model) AS execute FROM models \gset
:execute;
EXECUTE given(NULL, 50);
RESET plan_cache_mode;
DEALLOCATE given;

-- in PL/pgSQL, where the call site outlives the statement and the model changes under it
CREATE FUNCTION pg_temp.trace() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	m bytea;
BEGIN
	FOR i IN 1..4 LOOP
		SELECT ad_fit(ad_iforest(trees => i), a, b) INTO m FROM readings;
		RETURN NEXT (ad_info(m) #>> '{iforest,trees}') || ' ' ||
			(ad_score(m, 1000, -1000) > ad_score(m, 50, 40))::text;
	END LOOP;
END $$;
SELECT pg_temp.trace();
-- a replaced model is the one that counts
SELECT ad_score((SELECT model FROM models), a, b) AS before FROM readings WHERE id = 1 \gset
UPDATE models SET model = (SELECT ad_fit(ad_iforest(trees => 21), a, b) FROM readings);
SELECT ad_score((SELECT model FROM models), a, b) <> :before AS changed FROM readings WHERE id = 1;

-- a cache too small for any model is slow, not wrong
SET anomaly.model_cache_size = 0;
SELECT count(DISTINCT ad_score(m, 50, 40)) AS scores
FROM (SELECT ad_fit(ad_iforest(trees => 5), a, b) AS m FROM readings GROUP BY id % 4) f, generate_series(1, 3);
RESET anomaly.model_cache_size;

DROP TABLE readings, models, guarded;
DROP FUNCTION reading_score;
