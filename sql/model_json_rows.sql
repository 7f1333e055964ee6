-- A row as a JSON object: ad_score_row() and its like, as drivers call them.
\set SHOW_CONTEXT never
SET lc_monetary = 'C';
SET TimeZone = 'Asia/Kolkata';

CREATE TYPE mood AS ENUM ('calm', 'odd');
CREATE DOMAIN code AS char(4);
CREATE DOMAIN price AS numeric(8, 2);
CREATE TABLE everything AS
SELECT i::int2 AS "int2", i AS "int4", i::int8 * 1000000007 AS "int8", (i / 3.0)::float4 AS "float4", sqrt(i) AS "float8",
       (i / 7.0)::numeric(30, 20) AS "numeric", (i * 1.25)::numeric::money AS "money", i % 3 = 0 AS "bool",
       date '1999-12-25' + i AS "date", time '23:59:59' - i * interval '1.234567 s' AS "time",
       timestamp '1999-12-31 23:59:00.123456' + i * interval '1.7 s' AS "timestamp",
       timestamptz '1969-12-31 23:59:00.123456+00' + i * interval '7.77 s' AS "timestamptz",
       (i - 20) * interval '1 mon -2 days 03:04:05.678' AS "interval",
       CASE i % 4 WHEN 0 THEN repeat('long ', 40) || i % 8 ELSE 'word"\ü' || i % 3 END AS "text",
       ('v' || i % 5)::varchar(10) AS "varchar", ('b' || i % 5)::char(6) AS "char6", (i % 3)::text::"char" AS "byte",
       ('n' || i % 2)::name AS "name", md5((i % 4)::text)::uuid AS "uuid", ('10.0.0.' || i % 4)::inet AS "inet",
       ('10.0.' || i % 3 || '.0/24')::cidr AS "cidr", (i % 3 + 1)::oid AS "oid",
       (CASE WHEN i % 9 = 0 THEN 'odd' ELSE 'calm' END)::mood AS "enum", ('c' || i % 3)::code AS "code", (i / 4.0)::price AS "price"
FROM generate_series(1, 60) i;
UPDATE everything SET "float8" = NULL, "text" = NULL, "timestamp" = NULL WHERE "int4" % 10 = 0;
UPDATE everything SET "float8" = 'NaN', "float4" = 'Infinity', "numeric" = 'NaN', "date" = '-infinity', "timestamptz" = 'infinity' WHERE "int4" % 10 = 5;
UPDATE everything SET "date" = '0044-03-15 BC', "timestamp" = '0044-03-15 12:00 BC', "timestamptz" = '4713-01-01 00:00 BC' WHERE "int4" = 7;
UPDATE everything SET "date" = '12026-01-01', "timestamp" = '294276-12-31 23:59:59.999999', "time" = '24:00', "money" = '-$1,234.50' WHERE "int4" = 8;
UPDATE everything SET "float8" = 1e308, "float4" = 1e-38, "interval" = '-1-2 -3 -4:05:06', "numeric" = -999999999 WHERE "int4" = 9;
UPDATE everything SET "float8" = 1e-308, "float4" = -1.17e-38, "interval" = '1 day', "money" = '-$0.01' WHERE "int4" = 11;

-- one model a feature, and one of all: the score of to_jsonb(t) is the row's, whatever the settings
CREATE TABLE models AS SELECT 'all' AS what, ad_fit(ad_iforest(20, 32) || ad_calibrate(), t) AS m FROM everything t;
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'everything'::regclass AND attnum > 0 ORDER BY attnum LOOP
		EXECUTE format('INSERT INTO models SELECT %L, ad_fit(ad_zscore(), s) FROM (SELECT %I FROM everything) s', c.attname, c.attname);
	END LOOP;
END $$;
CREATE FUNCTION differ() RETURNS TABLE (what text, rows bigint) LANGUAGE sql AS $$
	SELECT what, count(*) FROM models, everything t
	WHERE ad_score(m, t) IS DISTINCT FROM ad_score_row(m, to_jsonb(t)) GROUP BY what ORDER BY what $$;
SELECT count(*) AS models, sum((ad_score(m, t) IS NOT NULL)::int) AS scores FROM models, (SELECT * FROM everything LIMIT 1) t;
SELECT * FROM differ();
SET TimeZone = 'America/St_Johns';
SET DateStyle = 'German';
SET IntervalStyle = 'sql_standard';
SELECT * FROM differ();
SET IntervalStyle = 'iso_8601';
SELECT * FROM differ();
SET IntervalStyle = 'postgres_verbose';
SELECT * FROM differ();
RESET IntervalStyle;
RESET DateStyle;
SELECT count(*) FILTER (WHERE ad_pvalue(m, t) IS DISTINCT FROM ad_pvalue_row(m, to_jsonb(t))) AS p_values,
       count(*) FILTER (WHERE ad_is_anomaly(m, t) IS DISTINCT FROM ad_is_anomaly_row(m, to_jsonb(t))) AS decisions,
       count(*) FILTER (WHERE ad_why(m, t) IS DISTINCT FROM ad_why_row(m, to_jsonb(t))) AS sentences
FROM models, everything t WHERE what = 'all';
SELECT count(*) FROM (
	SELECT "int4", e.* FROM models, everything t, ad_explain(m, '{"top": 5}'::jsonb, t) e WHERE what = 'all'
	EXCEPT SELECT "int4", e.* FROM models, everything t, ad_explain_row(m, to_jsonb(t), '{"top": 5}') e WHERE what = 'all') x;

-- a driver prepares without types: a name
CREATE TABLE pay AS SELECT i AS id, 100 + i % 7 AS amount, CASE WHEN i % 5 = 0 THEN 'AT' ELSE 'DE' END AS country,
       timestamptz '2026-01-01 00:00Z' + i * interval '1 hour' AS at FROM generate_series(1, 200) i;
SELECT ad_train('json_pay', 'SELECT amount, country, at FROM pay', ad_iforest(20, 64) || ad_calibrate());
PREPARE s AS SELECT round(ad_score_row($1, $2)::numeric, 4) AS score;
PREPARE p AS SELECT ad_pvalue_row($1, $2) < 0.5 AS p;
PREPARE a AS SELECT ad_is_anomaly_row($1, $2);
PREPARE w AS SELECT ad_why_row($1, $2);
PREPARE e AS SELECT rank, feature, value, direction, typical FROM ad_explain_row($1, $2, $3);
PREPARE d AS SELECT rank, feature FROM ad_explain_row($1, $2);
SELECT name, parameter_types FROM pg_prepared_statements WHERE name IN ('s', 'p', 'a', 'w', 'e', 'd') ORDER BY name;
\set row '{"amount": 9000, "country": "XX", "at": "2026-01-02T03:04:05Z", "more": {"is": ["ignored"]}}'
EXECUTE s('json_pay', :'row');
EXECUTE p('json_pay', :'row');
EXECUTE a('json_pay', :'row');
EXECUTE w('json_pay', :'row');
EXECUTE e('json_pay', :'row', '{"top": 2}');
EXECUTE e('json_pay', :'row', NULL);
EXECUTE d('json_pay', :'row');
EXECUTE s('json_pay', NULL);
EXECUTE s(NULL, :'row');
EXECUTE d('json_pay', NULL);
-- bytes by their type
PREPARE b(bytea, jsonb) AS SELECT ad_score_row($1, $2) = ad_score_row('json_pay', $2) AS same;
SELECT ad_model('json_pay') AS bytes \gset
\set ECHO none
EXECUTE b(:'bytes', :'row');
\set ECHO all
SELECT ad_score_row(ad_model('json_pay'), :'row') = ad_score_row('json_pay', :'row') AS same;

-- what a string, a number, null and a key's place are
CREATE FUNCTION try(r text, model text DEFAULT 'json_pay') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN round(ad_score_row(model, r::jsonb)::numeric, 3);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT count(DISTINCT try(r)) AS one FROM unnest(ARRAY[
	'{"amount": 103, "country": "DE", "at": "2026-01-03T04:05:06+00:00"}',
	'{"at": "2026-01-03 04:05:06", "country": "DE", "amount": "103.0"}',
	'{"at": "2026-01-03T09:35:06.000+05:30", "country": "AT", "country": "DE", "amount": 1.03e2}',
	'{"at": "2026-01-02T23:05:06-0500", "country": "DE", "amount": "1.03E+2"}']) r;
SELECT r, try(format('{"amount": %s, "country": "DE", "at": null}', r)) FROM unnest(ARRAY[
	'null', 'true', '"NaN"', '"-Infinity"', '1e400', '"1e400"', '-1e-400', '"abc"', '""', '"$1.50"', '"1 "', '[1]', '{}', '"0x10"']) r;
SELECT r, try(format('{"amount": 1, "country": %s, "at": null}', r)) FROM unnest(ARRAY['null', '1', 'true', '["DE"]', '{"is": "DE"}', '""']) r;
SELECT r, try(format('{"amount": 1, "country": null, "at": %s}', r)) LIKE '22P02%' AS refused FROM unnest(ARRAY[
	'"infinity"', '"2026-01-01"', '"0099-01-01 BC"', '"2026-12-31T24:00:00Z"', '"2026-01-01T00:00:60"', '"2026-02-29"', '"2026-13-01"',
	'"2026-01-01T25:00"', '"now"', '"01/02/2026"', '"2026-01-01 00:00 CET"', '"2026-01-01T"', '"9999999-01-01T00:00"', '""',
	'"2026-01-01T00:00+99"', '"0000-01-01"', '"2026-01-01T00:00:00.Z"']) r;
SELECT try('{"amount": 1, "country": "DE", "at": 1}'), try('{"amount": 1, "country": "DE", "at": "today"}');
SELECT try(r) FROM unnest(ARRAY['{"amount": 1, "country": "DE"}', '{}', '[]', '1', 'null', '"x"', '{"Amount": 1, "country": "DE", "at": null}']) r;
SELECT try('{}', 'no such model');
SELECT try(repeat('[', 3000) || repeat(']', 3000)), try('{"amount": ' || repeat('[', 500) || repeat(']', 500) || ', "country": "DE", "at": null}');
SELECT left(try(format('{"amount": "%s", "country": "DE", "at": null}', repeat('9', 100000))), 80);
SELECT ad_score_row(m, jsonb_build_object('inet', repeat('1', 100000))) FROM models WHERE what = 'inet';
SELECT ad_score_row('json_pay', '{"amount": 1, "at": null, "country": "DE"}'::jsonb || jsonb_object_agg('k' || i, i)) IS NOT NULL AS wide FROM generate_series(1, 5000) i;
SELECT ad_score_row('\x00'::bytea, '{}');
SELECT ad_score_row(m, '{"amount": 1}') FROM (SELECT ad_fit('zscore', amount) m FROM pay) f;
CREATE FUNCTION try_type(what text, v text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN ad_score_row(m, jsonb_build_object(try_type.what, v::jsonb)) IS NOT NULL FROM models WHERE models.what = try_type.what;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT what, v, try_type(what, v)
FROM (VALUES ('uuid', '"x"'), ('uuid', '"CFCD2084-95D5-65EF-66E7-DFF9F98764DA"'), ('inet', '"10.0.0.1/32"'), ('inet', '"10.0.0.300"'),
             ('oid', '2'), ('oid', '"two"'), ('money', '"1.50"'), ('money', '"1e3"'), ('price', '"1.5e1"'), ('price', '"x1"'), ('money', '"(€1,50)"'), ('bool', '"t"'), ('bool', '"maybe"'),
             ('interval', '"P1DT2H"'), ('interval', '"soon"'), ('interval', '60'), ('time', '"24:00:01"'), ('time', '"10:00+01"')) v(what, v);
SHOW IntervalStyle;
-- other spellings of a value are the value
SELECT what, count(DISTINCT ad_score_row(m, jsonb_build_object(what, v))) AS one
FROM models JOIN (VALUES ('uuid', 'cfcd2084-95d5-65ef-66e7-dff9f98764da'), ('uuid', '{CFCD208495D565EF66E7DFF9F98764DA}'),
             ('inet', '10.0.0.1'), ('inet', '10.0.0.1/32'), ('code', 'c1'), ('code', 'c1  '), ('char6', 'b1'), ('char6', 'b1    '),
             ('oid', '2'), ('oid', '0002'), ('price', '2.50'), ('price', '25e-1'), ('money', '$1,000.25'), ('money', '1.000,25 €'), ('interval', '1 day 02:00:00'), ('interval', 'P1DT2H')) v(what, v)
USING (what) GROUP BY what ORDER BY what;

-- a model per entity: what names it is in the row, too
SELECT ad_train_groups('json_groups', 'SELECT country, amount, id FROM pay', 'country', ad_zscore());
SELECT ad_score_row('json_groups', to_jsonb(p)) = ad_score('json_groups', p) AS same FROM pay p WHERE id < 6;
SELECT try('{"amount": 1, "id": 1}', 'json_groups'), try('{"amount": 1, "id": 1, "country": null}', 'json_groups'),
       try('{"amount": 1, "id": 1, "country": ["DE"]}', 'json_groups');

-- a row that another function takes, or none
SELECT ad_score('json_pay', '{"amount": 1}'::jsonb);
SELECT ad_score('json_pay', ROW(1::numeric, 'DE'::text, timestamptz '2026-01-01'));
SELECT ad_score('json_pay', p) FROM (SELECT 1::numeric AS f1, 'DE'::text AS country) p;

-- who may not score
CREATE ROLE regress_json_nobody;
SET ROLE regress_json_nobody;
SELECT ad_score_row('json_pay', '{}');
RESET ROLE;
DROP ROLE regress_json_nobody;
SELECT ad_drop_model('json_pay'), ad_drop_model('json_groups');
DEALLOCATE ALL;
DROP TABLE everything, models, pay;
DROP FUNCTION differ, try, try_type;
DROP TYPE mood;
DROP DOMAIN code, price;
