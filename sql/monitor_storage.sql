-- ad_health(): columns that compress models, sketches or stream states
\pset format unaligned
-- as a role, which does not see what other tests left behind
CREATE ROLE regress_storage;
CREATE ROLE regress_storage_reader;
CREATE SCHEMA regress_storage AUTHORIZATION regress_storage;
GRANT USAGE ON SCHEMA regress_storage TO regress_storage_reader;
SELECT current_schema() AS extension \gset
SET search_path = regress_storage, :"extension";
SET ROLE regress_storage;
CREATE VIEW storage AS SELECT status, detail, hint FROM ad_health() WHERE "check" = 'storage';
-- nothing that is no model, none at all, or not compressed
CREATE TABLE plain (id int, b bytea, model bytea, gone bytea);
ALTER TABLE plain DROP gone, ALTER model SET STORAGE EXTERNAL;
INSERT INTO plain SELECT 1, '\x00', ad_fit(ad_zscore(), i) FROM generate_series(1, 300) i;
CREATE TABLE empty (model bytea);
CREATE TABLE short (model bytea);
INSERT INTO short VALUES (''), ('\x41444d4f');
CREATE TABLE compressed AS SELECT convert_to(repeat('ADMODEL ', 1000), 'UTF8') AS text;
SELECT * FROM storage;
-- the registry and the states of jobs are not compressed; a partition's key is small
SELECT attrelid::regclass, attname, attstorage FROM pg_attribute
WHERE atttypid = 'bytea'::regtype AND attnum > 0 AND attname <> 'part' AND attrelid IN (SELECT c.oid FROM pg_class c WHERE c.relkind = 'r')
  AND attrelid IN (SELECT objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'anomaly')
ORDER BY attrelid::regclass::text COLLATE "C", attname;
-- models: small, behind NULLs, of a name that needs quotes
CREATE TABLE "a;b" (id int, "M ""x" bytea);
INSERT INTO "a;b" SELECT i FROM generate_series(1, 100) i;
INSERT INTO "a;b" SELECT 1, ad_fit(ad_zscore(), i) FROM generate_series(1, 300) i;
SELECT * FROM storage;
-- what it says helps, and once only
SELECT (regexp_match(hint, 'ALTER.*'))[1] FROM storage \gexec
SELECT status FROM storage;
DROP TABLE "a;b";
-- sketches in a partition, stream states of a domain, compressed and outside, models in a materialized view
CREATE TABLE parts (k int, sketch bytea) PARTITION BY RANGE (k);
CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10);
INSERT INTO parts SELECT 1, ad_sketch(i) FROM generate_series(1, 3000) i;
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (k);
CREATE TABLE part3 PARTITION OF part2 DEFAULT;
INSERT INTO parts SELECT 11, sketch FROM part;
SELECT * FROM storage;
-- who may read a table reads its parts, whatever is granted on them: a column of it, without row security
SET ROLE regress_storage_reader;
SELECT status FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
GRANT SELECT (sketch) ON parts TO regress_storage_reader;
SET ROLE regress_storage_reader;
SELECT detail FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
SET ROLE regress_storage_reader;
SELECT status FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
ALTER TABLE parts DISABLE ROW LEVEL SECURITY;
REVOKE SELECT (sketch) ON parts FROM regress_storage_reader;
GRANT SELECT (k) ON parts TO regress_storage_reader;
SET ROLE regress_storage_reader;
SELECT status FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
CREATE TABLE base (id int, model bytea);
CREATE TABLE other (more int, model bytea, id int);
ALTER TABLE other INHERIT base;
INSERT INTO other SELECT 1, ad_fit(ad_zscore(), i) FROM generate_series(1, 300) i;
GRANT SELECT ON base TO regress_storage_reader;
SET ROLE regress_storage_reader;
SELECT detail, hint FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
DROP TABLE base CASCADE;
ALTER TABLE parts ALTER COLUMN sketch SET STORAGE EXTERNAL;
SELECT status FROM storage;
CREATE DOMAIN state AS bytea;
CREATE TABLE streams (state state);
INSERT INTO streams SELECT (ad_stream_update(NULL, array_agg(now() + i * interval '1 hour'), array_agg(i::float8))).new_state
FROM generate_series(1, 100) i;
CREATE MATERIALIZED VIEW fits AS SELECT ad_fit(ad_iforest(), sin(i), i) AS model FROM generate_series(1, 300) i;
SELECT * FROM storage;
-- the fits of others only for who may read them, and without row security
SET ROLE regress_storage_reader;
SELECT status FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
GRANT SELECT (state) ON streams TO regress_storage_reader;
SET ROLE regress_storage_reader;
SELECT status, detail FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
-- nor without the right to use their schema
REVOKE USAGE ON SCHEMA regress_storage FROM regress_storage_reader;
SET ROLE regress_storage_reader;
SELECT status FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
GRANT USAGE ON SCHEMA regress_storage TO regress_storage_reader;
CREATE FUNCTION trap(state bytea) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'entered'; END $$;
CREATE POLICY trap ON streams USING (trap(state));
ALTER TABLE streams ENABLE ROW LEVEL SECURITY;
SET ROLE regress_storage_reader;
SELECT status FROM ad_health() WHERE "check" = 'storage';
RESET ROLE;
SET ROLE regress_storage;
-- what cannot hold any: views, temporary tables, indexes, nothing
CREATE VIEW seen AS SELECT model FROM fits;
CREATE TEMP TABLE passing AS SELECT model FROM fits;
CREATE INDEX ON short (model);
SELECT relname, _anomaly._ad_column_holds(oid, 1::smallint) FROM pg_class
WHERE relname IN ('seen', 'passing', 'short_model_idx', 'fits', 'plain', 'empty') ORDER BY relname COLLATE "C";
SELECT _anomaly._ad_column_holds(0, 1::smallint), _anomaly._ad_column_holds('fits'::regclass, n::smallint) FROM unnest('{-1,0,2,32767}'::int[]) n;
DROP TABLE passing;
RESET ROLE;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA regress_storage CASCADE;
DROP ROLE regress_storage, regress_storage_reader;
