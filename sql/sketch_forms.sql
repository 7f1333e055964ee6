-- The forms in which features arrive (columns, array, row) and their types.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET lc_monetary = 'C';

-- SQLSTATE, message, detail and hint of what a statement raises.
CREATE FUNCTION pg_temp.expect_error(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE sql;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state || ': ' || message,
		nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned

CREATE TABLE points AS
SELECT i AS id, i * 37 % 101 / 8.0::float8 AS a, i * 53 % 97 / 4.0::float8 AS b
FROM generate_series(1, 200) i;

-- one sketch, whatever the form: names apart, they say the same
CREATE TABLE models AS
SELECT ad_fit('iforest', a, b) AS cols,
       ad_fit('iforest', ARRAY[a, b]) AS arr,
       ad_fit('iforest', VARIADIC ARRAY[a, b]) AS var,
       (SELECT ad_fit('iforest', t) FROM (SELECT a, b FROM points) t) AS row,
       ad_fit_sketch('iforest', ad_sketch(a, b)) AS sketch_cols,
       ad_fit_sketch('iforest', ad_sketch(ARRAY[a, b])) AS sketch_arr,
       ad_fit_sketch('iforest', ad_sketch(ad_sampling(), VARIADIC ARRAY[a, b])) AS sketch_var,
       (SELECT ad_fit_sketch('iforest', ad_sketch(t)) FROM (SELECT a, b FROM points) t) AS sketch_row
FROM points;
SELECT cols = arr AS arr, cols = var AS var, cols = row AS row,
       cols = sketch_cols AS sketch_cols, cols = sketch_arr AS sketch_arr,
       cols = sketch_var AS sketch_var, row = sketch_row AS sketch_row
FROM models;
-- and one score
SELECT count(DISTINCT s) AS scores, count(*) AS forms
FROM models m, points p,
     LATERAL (VALUES (ad_score(cols, a, b)), (ad_score(cols, ARRAY[a, b])),
                     (ad_score(cols, VARIADIC ARRAY[a, b])),
                     (ad_score(arr, a, b)), (ad_score(arr, ARRAY[a, b])),
                     (ad_score(row, a, b)), (ad_score(row, p)),
                     (ad_score(row, ARRAY[a, b]))) v(s)
WHERE p.id = 7;

-- arrays of any numbers; of a type with a cast to one of them; domains
SET client_min_messages = warning;
CREATE TYPE vec;
CREATE FUNCTION vec_in(cstring) RETURNS vec LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION vec_out(vec) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE vec (INPUT = vec_in, OUTPUT = vec_out, LIKE = text);
CREATE FUNCTION vec_to_array(vec, integer, boolean) RETURNS float4[] LANGUAGE sql IMMUTABLE
AS $$ SELECT vec_out($1)::text::float4[] $$;
CREATE CAST (vec AS float4[]) WITH FUNCTION vec_to_array(vec, integer, boolean);
CREATE TYPE vec8;
CREATE FUNCTION vec8_in(cstring) RETURNS vec8 LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION vec8_out(vec8) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE vec8 (INPUT = vec8_in, OUTPUT = vec8_out, LIKE = text);
CREATE FUNCTION vec8_to_array(vec8) RETURNS float8[] LANGUAGE sql IMMUTABLE
AS $$ SELECT vec8_out($1)::text::float8[] $$;
CREATE CAST (vec8 AS float8[]) WITH FUNCTION vec8_to_array(vec8);
CREATE DOMAIN embedding AS float8[] CHECK (array_length(VALUE, 1) = 2);
CREATE DOMAIN positive AS float8 CHECK (VALUE >= 0);
RESET client_min_messages;
-- 1/8 and 1/4 are exact in each of these types
WITH f AS (
    SELECT ad_fit('iforest', ARRAY[a, b]) AS float8,
           ad_fit('iforest', ARRAY[a, b]::float4[]) AS float4,
           ad_fit('iforest', ARRAY[a, b]::numeric[]) AS "numeric",
           ad_fit('iforest', format('{%s,%s}', a, b)::vec) AS vec,
           ad_fit('iforest', format('{%s,%s}', a, b)::vec8) AS vec8,
           ad_fit('iforest', ARRAY[a, b]::embedding) AS "domain",
           ad_fit('iforest', ARRAY[a, b]::positive[]) AS domains,
           ad_fit('iforest', ARRAY[8 * a, 8 * b]::int2[]) AS int2,
           ad_fit('iforest', ARRAY[8 * a, 8 * b]::int4[]) AS int4,
           ad_fit('iforest', ARRAY[8 * a, 8 * b]::int8[]) AS int8
    FROM points
)
SELECT name, (SELECT type FROM ad_features(m) LIMIT 1) AS type,
       ad_score(m, x) = ad_score(float8, '{10,20}'::float8[]) AS same_score
FROM f, LATERAL (VALUES (1, 'float8', float8, ARRAY[10, 20]),
                        (2, 'float4', float4, ARRAY[10, 20]),
                        (3, 'numeric', "numeric", ARRAY[10, 20]),
                        (4, 'vec', vec, ARRAY[10, 20]),
                        (5, 'vec8', vec8, ARRAY[10, 20]),
                        (6, 'domain', "domain", ARRAY[10, 20]),
                        (7, 'domains', domains, ARRAY[10, 20]),
                        (8, 'int2', int2, ARRAY[80, 160]),
                        (9, 'int4', int4, ARRAY[80, 160]),
                        (10, 'int8', int8, ARRAY[80, 160])) v(i, name, m, x)
ORDER BY i;
SELECT ad_score(arr, '{1,2}'::vec) = ad_score(arr, 1, 2) AS vec,
       ad_score(arr, '{1,2}'::embedding) = ad_score(arr, 1, 2) AS "domain",
       ad_score(arr, ARRAY[true, NULL]) = ad_score(arr, 1, NULL) AS bool,
       ad_score(arr, '[5:6]={1,2}'::int[]) = ad_score(arr, 1, 2) AS lower_bound,
       ad_score(arr, '{NaN,2}'::float8[]) = ad_score(arr, NULL, 2) AS nan
FROM models;

-- a row: by name, in any order, others ignored, dropped ones gone
CREATE TABLE wide AS SELECT id, 'junk' AS junk, b, point(1, 2) AS p, a, 0 AS gone FROM points;
ALTER TABLE wide DROP COLUMN gone;
SELECT count(*) AS rows, count(*) FILTER (WHERE ad_score(row, w) <> ad_score(row, a, b)) AS different
FROM wide w, models;
ALTER TABLE wide DROP COLUMN junk, DROP COLUMN p, DROP COLUMN id, ADD COLUMN c int;
UPDATE wide SET c = 3;
SELECT name, type, "distinct" FROM ad_features((SELECT ad_fit('iforest', w) FROM wide w));
-- a row may have another type where its kind is the same
SELECT ad_score(row, t) = ad_score(row, 1, 2) AS same
FROM models, (SELECT 2::int2 AS b, 1::numeric AS a) t;
CREATE TYPE pair AS (a float8, b float8);
CREATE DOMAIN upright AS pair CHECK ((VALUE).a >= 0);
SELECT ad_score(row, '(1,2)'::pair) = ad_score(row, 1, 2) AS composite,
       ad_score(row, '(1,2)'::upright) = ad_score(row, 1, 2) AS "domain",
       ad_score(row, '(,2)'::pair) = ad_score(row, NULL, 2) AS missing,
       ad_score(row, NULL::pair) IS NULL AS "null"
FROM models;
-- a NULL array or row is no row; a NULL among columns is a missing value
SELECT (ad_info(ad_fit('iforest', CASE WHEN id > 50 THEN ARRAY[a, b] END)) ->> 'rows') AS arrays,
       (ad_info(ad_fit('iforest', CASE WHEN id > 50 THEN a END, b)) ->> 'rows') AS columns,
       (SELECT ad_info(ad_fit('iforest', p)) ->> 'rows'
        FROM generate_series(1, 200) i LEFT JOIN points p ON p.id = i AND i > 50) AS rows
FROM points;
-- a partition's rows are rows of its parent
CREATE TABLE parent (a float8, b float8) PARTITION BY RANGE (a);
CREATE TABLE child1 PARTITION OF parent FOR VALUES FROM (MINVALUE) TO (6);
CREATE TABLE child2 (z int, b float8, a float8);
ALTER TABLE child2 DROP COLUMN z;
ALTER TABLE parent ATTACH PARTITION child2 FOR VALUES FROM (6) TO (MAXVALUE);
INSERT INTO parent SELECT a, b FROM points;
SELECT ad_fit('iforest', parent) = (SELECT row FROM models) AS same FROM parent;
SELECT count(*) FILTER (WHERE ad_score(row, parent) <> ad_score(row, a, b)) AS different
FROM parent, models;

-- every type
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE types AS
SELECT i::int2 AS int2, i AS int4, i::int8 AS int8, i::float4 AS float4, i::float8 AS float8,
       i::numeric AS "numeric", i::text::money AS money, i % 2 = 0 AS bool,
       date '2024-02-28' + i AS date, time '10:00' + i * interval '1 minute' AS time,
       timestamp '2024-01-01' + i * interval '1 hour' AS "timestamp",
       timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' AS timestamptz,
       i * interval '1 mon 1 day 1 second' AS "interval",
       'x' || i % 3 AS text, ('y' || i % 3)::varchar(5) AS "varchar", ('z' || i % 3)::char(5) AS "char",
       (enum_range(NULL::mood))[1 + i % 3] AS mood,
       ('00000000-0000-0000-0000-00000000000' || i % 3)::uuid AS uuid,
       ('10.0.0.' || i % 3)::inet AS inet, i::float8::positive AS positive
FROM generate_series(1, 20) i;
SELECT position, name, type, "distinct", min, median, max, encoding
FROM ad_features((SELECT ad_fit('iforest', t) FROM types t));
-- the same to read, in the feature's own type
SELECT name, distinct_values, min_text, median_text, max_text
FROM ad_features((SELECT ad_fit('iforest', t) FROM types t));
SELECT min_text::interval = interval '-1000 days -00:00:01.5' AS low, max_text::interval = interval '2 days 04:00' AS high
FROM ad_features((SELECT ad_fit('iforest', v) FROM unnest('{-1000 days -00:00:01.5,2 days 04:00}'::interval[]) v));
SELECT t.type, f.min_text::timestamptz = extremes.low AND f.max_text::timestamptz = extremes.high AS same
FROM (VALUES (timestamptz '0044-03-15 12:00+00 BC', timestamptz '2345-06-07 08:09:10.125+00')) extremes(low, high), (VALUES ('UTC'), ('Asia/Kolkata')) t(type),
     LATERAL (SELECT ad_fit(ad_iforest() || ad_prepare(timezone => t.type), v) AS m FROM unnest(ARRAY[low, high]) v) m, ad_features(m) f;
-- columns and row agree on each
WITH m AS (
    SELECT ad_fit('iforest', int2, int4, int8, float4, float8, "numeric", money, bool, date, time,
                  "timestamp", timestamptz, "interval", text, "varchar", "char", mood, uuid, inet,
                  positive) AS cols,
           (SELECT ad_fit('iforest', t) FROM types t) AS row
    FROM types
)
SELECT count(*) FILTER (WHERE ad_score(row, t) <>
       ad_score(cols, int2, int4, int8, float4, float8, "numeric", money, bool, date, time,
                "timestamp", timestamptz, "interval", text, "varchar", "char", mood, uuid, inet,
                positive)) AS different
FROM m, types t;
-- char(n) is its text without the padding, an enum its label
SELECT ad_score(m, 'z1'::char(9)) = ad_score(m, 'z1'::text) AS bpchar
FROM (SELECT ad_fit('iforest', "char") AS m FROM types) x;
SELECT ad_score(m, 'ok'::mood) = ad_score(m, 'ok'::text) AS enum
FROM (SELECT ad_fit('iforest', mood) AS m FROM types) x;
-- names of things are categories: their text
CREATE TABLE names AS
SELECT i, ('column_' || i % 3)::name AS name, ('10.' || i % 3 || '.0.0/16')::cidr AS cidr, (100 + i % 3)::oid AS oid,
       (ARRAY['a', '', E'\\351'])[1 + i % 3]::"char" AS "char"
FROM generate_series(1, 20) i;
SELECT name, type, "distinct", encoding, min FROM ad_features((
	SELECT ad_fit('iforest', r) FROM (SELECT name, cidr, oid, "char" FROM names) r));
SELECT count(*) AS rows, count(*) FILTER (WHERE ad_score(m, name, cidr, oid, "char") <>
                                          ad_score(m, name::text, cidr::text, oid::text,
                                                   "char"::text))
       AS different
FROM names, (SELECT ad_fit('iforest', name, cidr, oid, "char") AS m FROM names) f;
SELECT ad_score(m, repeat('x', 63)::name) > ad_score(m, 'column_1'::name) AS unseen
FROM (SELECT ad_fit('iforest', name) AS m FROM names) f;
-- and keys of rows
SELECT ad_info(ad_fit(ad_iforest() || ad_sampling(keyed => true), oid, i)) ->> 'rows' AS oids,
       ad_info(ad_fit(ad_iforest() || ad_sampling(keyed => true), name, i)) ->> 'rows' AS names FROM names;
-- a category is not short for two that begin alike
SELECT "distinct" FROM ad_features((SELECT ad_fit('iforest', repeat('x', 500) || i % 4)
                                    FROM generate_series(1, 20) i));

-- literals: NULL fits any feature, a string a category, the rest need a type
SELECT ad_score(m, NULL, NULL) = ad_score(m, NULL::int, NULL::text) AS "null",
       ad_score(m, 3, 'x1') = ad_score(m, 3, 'x1'::text) AS string
FROM (SELECT ad_fit('iforest', int4, text) AS m FROM types) x;
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_score(ad_fit('iforest', int4, date), 3, '2024-02-29') FROM types$$,
$$SELECT ad_fit('iforest', 'x', int4) FROM types$$
]) s;
SELECT encoding FROM ad_features((SELECT ad_fit('iforest', NULL, int4) FROM types));

-- what cannot be a feature
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_sketch(point(1, 2))$$,
$$SELECT ad_fit('iforest', 1, '{}'::jsonb)$$,
$$SELECT ad_fit('iforest', t) FROM (SELECT 1 AS a, '{}'::json AS b) t$$,
$$SELECT ad_fit('iforest', 1, '10:00+01'::timetz)$$,
$$SELECT ad_fit('iforest', 1, 'pg_class'::regclass)$$,
$$SELECT ad_fit('iforest', 1, '01:02:03:04:05:06'::macaddr)$$,
$$SELECT ad_fit('iforest', '{a,b}'::text[])$$,
$$SELECT ad_fit('iforest', ARRAY[a, b], a) FROM points$$,
$$SELECT ad_fit('iforest', p, a) FROM points p$$,
$$SELECT ad_fit('iforest', '(1,2)'::pair, 1)$$,
$$SELECT ad_score(cols, point(1, 2), 3) FROM models$$
]) s;
-- rows and arrays that do not fit
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_score(row, t) FROM models, (SELECT 1 AS a) t$$,
$$SELECT ad_score(row, t) FROM models, (SELECT 1 AS a, 'x'::text AS b) t$$,
$$SELECT ad_score(row, t) FROM models, (SELECT 1 AS a, point(1, 2) AS b) t$$,
$$SELECT ad_score(row, ROW(1, 2)) FROM models$$,
$$SELECT ad_score(cols, t) FROM models, (SELECT 1 AS a, 2 AS b) t$$,
$$SELECT ad_fit('iforest', CASE WHEN id < 5 THEN ROW(1, 2) ELSE ROW(1, 2, 3) END) FROM points$$,
$$SELECT ad_fit('iforest', CASE WHEN id < 5 THEN ARRAY[a] ELSE ARRAY[a, b] END) FROM points$$,
$$SELECT ad_score(cols, ARRAY[1, 2, 3]) FROM models$$,
$$SELECT ad_score(cols, '{}'::float8[]) FROM models$$,
$$SELECT ad_score(cols, '{{1,2}}'::float8[]) FROM models$$,
$$SELECT ad_fit('iforest', '{{1,2}}'::float8[])$$,
$$SELECT ad_fit('iforest', '{}'::float8[])$$,
$$SELECT ad_fit('iforest', array_fill(1.0, ARRAY[4097]))$$,
$$SELECT ad_score(cols, array_fill(1.0, ARRAY[100000])) FROM models$$
]) s;

-- a cast that nobody wrote runs only if its function's owner has the caller's rights; an enum is a category
CREATE ROLE forms_other;
GRANT CREATE ON SCHEMA public TO forms_other;
SET ROLE forms_other;
CREATE TYPE forms_kind AS ENUM ('a', 'b');
CREATE TYPE forms_span AS RANGE (subtype = float8);
CREATE FUNCTION forms_cast(forms_kind) RETURNS float4[] LANGUAGE plpgsql
AS $$ BEGIN RAISE NOTICE 'cast runs'; RETURN ARRAY[1, 2]; END $$;
CREATE FUNCTION forms_cast(forms_span) RETURNS float8[] LANGUAGE plpgsql
AS $$ BEGIN RAISE NOTICE 'cast runs'; RETURN ARRAY[lower($1), upper($1)]; END $$;
CREATE CAST (forms_kind AS float4[]) WITH FUNCTION forms_cast(forms_kind) AS IMPLICIT;
CREATE CAST (forms_span AS float8[]) WITH FUNCTION forms_cast(forms_span);
SELECT f.type, f.encoding FROM ad_features((SELECT ad_fit('iforest', 'a'::forms_kind))) f;
SELECT count(*) FROM ad_features((SELECT ad_fit('iforest', '[1,2]'::forms_span)));
RESET ROLE;
SELECT f.type, f.encoding FROM ad_features((SELECT ad_fit('iforest', 'a'::forms_kind))) f;
SELECT pg_temp.expect_error($$SELECT ad_fit('iforest', '[1,2]'::forms_span)$$);
SELECT pg_temp.expect_error($$SELECT ad_score((SELECT ad_fit('iforest', 1, 2)), '[1,2]'::forms_span)$$);
SELECT pg_temp.expect_error($$SELECT ad_outlier('iforest', '[1,2]'::forms_span) OVER ()$$);
ALTER FUNCTION forms_cast(forms_span) OWNER TO CURRENT_USER;
SELECT count(*) FROM ad_features((SELECT ad_fit('iforest', '[1,2]'::forms_span)));

SET client_min_messages = warning;
DROP OWNED BY forms_other CASCADE;
DROP FUNCTION IF EXISTS forms_cast;
DROP ROLE forms_other;
DROP TABLE points, models, wide, types, names, parent;
DROP TYPE vec, vec8 CASCADE;
DROP DOMAIN embedding, positive, upright;
DROP TYPE mood, pair;
