-- Packed rows: ad_row(), and what takes them.
\set SHOW_CONTEXT never
\pset format unaligned
CREATE FUNCTION pg_temp.said(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value text; state text; message text; detail text; hint text;
BEGIN
	EXECUTE 'SELECT ' || call INTO value;
	RETURN coalesce('= ' || left(value, 40), 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state, message, nullif(detail, ''), nullif(hint, ''));
END $$;

CREATE TYPE mood AS ENUM ('fine', 'sad');
CREATE DOMAIN euros AS numeric(10, 2);
-- a column of every type
CREATE TABLE kind AS
SELECT i::int8 AS id, i::int2 AS int2, i * 7 % 101 AS int4, (i * 1000003::int8) % 997 AS int8, i::float4 / 3 AS float4, sin(i)::float8 AS float8,
       (i % 19)::numeric / 7 AS "numeric", (i % 13)::money AS money, i % 3 = 0 AS bool, date '2026-01-01' + i % 40 AS date, time '00:00' + i % 25 * interval '57 min' AS time,
       timestamp '2026-01-01' + i * interval '1 h' AS timestamp, timestamptz '2026-01-01 00:00Z' + i * interval '37 min' AS timestamptz,
       i % 17 * interval '1 day 2 h' AS interval, 'word' || i % 9 AS text, ('v' || i % 7)::varchar(5) AS varchar, ('c' || i % 5)::char(6) AS "char", ('n' || i % 4)::name AS name,
       (ARRAY['fine', 'sad'])[1 + i % 2]::mood AS enum, md5((i % 6)::text)::uuid AS uuid, ('10.0.0.' || i % 8)::inet AS inet, ('10.0.' || i % 3 || '.0/24')::cidr AS cidr,
       (i % 11)::oid AS oid, (i % 23)::euros AS domain, repeat('long', 30) || i % 3 AS long
FROM generate_series(1, 300) i;
UPDATE kind SET int4 = NULL, int8 = NULL, float8 = NULL, "numeric" = NULL, text = NULL, enum = NULL, timestamp = NULL WHERE id % 10 = 3;
UPDATE kind SET float8 = 'NaN', "numeric" = 'NaN', float4 = '-Infinity', timestamptz = 'infinity' WHERE id % 50 = 7;

-- each type gives the bytes that it gives as a column: as a feature, as a key,
-- with its name and without
DO $$
DECLARE
	c text; t record; same bool;
BEGIN
	FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'kind'::regclass AND attnum > 1 LOOP
		FOR t IN SELECT * FROM (VALUES
			('ad_sketch(''{}''::jsonb, %1$I)', 'ad_sketch(''{}'', ad_row(%1$I))::bytea'),
			('ad_sketch(ad_sampling(rows => 20, keyed => true), %1$I, id)', 'ad_sketch(ad_sampling(rows => 20, keyed => true), ad_row(%1$I, id))::bytea'),
			('ad_fit(ad_iforest(trees => 3), %1$I, id)', 'ad_fit(ad_iforest(trees => 3), ad_row(%1$I, id))'),
			('ad_fit(ad_iforest(trees => 3), r)', 'ad_fit(ad_iforest(trees => 3), ad_row(ARRAY[%1$L, ''id''], %1$I, id))'),
			('ad_fit(ad_iforest(trees => 3), r)', 'ad_fit(ad_iforest(trees => 3), ad_row(r))')) v(columns, packed)
		LOOP
			EXECUTE format('SELECT %s = %s FROM (SELECT %I, id FROM kind ORDER BY kind.id) r', format(t.columns, c), format(t.packed, c), c) INTO same;
			IF same IS NOT true THEN
				RAISE NOTICE '% of % differs', t.packed, c;
			END IF;
		END LOOP;
	END LOOP;
END $$;
SELECT ad_fit(ad_iforest(), k) = ad_fit(ad_iforest(), ad_row(k)) AS same FROM kind k;
SELECT ad_fit('ecod', ARRAY[float8, float4]) = ad_fit('ecod', ad_row(ARRAY[float8, float4])) AS same FROM kind;
SELECT ad_info(ad_fit('ecod', ad_row(ARRAY['x', 'y'], ARRAY[int4, int8]))) ->> 'features' AS features, count(ad_row(ARRAY[int4, int8])) FROM kind;

-- scores: by position; by name in any order, with fields that the model has not
CREATE TABLE model AS SELECT ad_fit(ad_iforest(trees => 20) || ad_calibrate(), k) AS m FROM (SELECT float8, "numeric", text, timestamptz FROM kind) k;
SELECT ad_train('packed', 'SELECT float8, "numeric", text, timestamptz FROM kind', ad_iforest(trees => 20) || ad_calibrate()) AS version;
DO $$
DECLARE
	f text; model text; call text; differ int8;
BEGIN
	FOR f IN SELECT unnest(ARRAY['ad_score(%s, %s)', 'ad_try_score(%s, %s)', 'ad_pvalue(%s, %s)', 'ad_try_pvalue(%s, %s)', 'ad_probability(%s, %s)',
			'ad_is_anomaly(%s, %s)', 'ad_why(%s, %s)', 'ad_pvalue_randomized(%s, 0.5, %s)', '(SELECT string_agg(e::text, '' '') FROM ad_explain(%s, %s) e)']) LOOP
		FOREACH model IN ARRAY ARRAY['m', '''packed'''] LOOP
			FOR call IN SELECT format(f, model, r) FROM unnest(ARRAY['ad_row(float8, "numeric", text, timestamptz)', 'ad_row(kind)',
					'ad_row(ARRAY[''timestamptz'', ''other'', ''text'', ''numeric'', ''float8''], timestamptz, id, text, "numeric", float8)']) r LOOP
				EXECUTE format('SELECT count(*) FROM kind, model WHERE id %% 7 = 0 AND (%s)::text IS DISTINCT FROM (%s)::text', call,
					format(f, model, 'float8, "numeric", text, timestamptz')) INTO differ;
				IF differ > 0 THEN
					RAISE NOTICE '%: % differ', call, differ;
				END IF;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
SELECT ad_outlier('zscore', id, int2) OVER (ORDER BY id) = ad_outlier('zscore', ad_row(id, int2)) OVER (ORDER BY id) AS same FROM kind LIMIT 1;
-- other types of one class, and a literal where the model has a text
SELECT ad_score(m, 1::int2, 2::int8, 'word1', NULL) = ad_score(m, ad_row(1::int2, 2::int8, 'word1', NULL)) AS same FROM model;
-- descriptions that change from row to row
SELECT count(*), sum(ad_score(m, r) - ad_score(m, float8, "numeric", text, timestamptz)) AS difference
FROM model, kind, LATERAL (SELECT CASE id % 3 WHEN 0 THEN ad_row(kind) WHEN 1 THEN ad_row(float8, "numeric", text, timestamptz)
                                  ELSE ad_row(ARRAY['text', 'numeric', 'timestamptz', 'float8'], text, "numeric"::float8, timestamptz, float8) END AS r OFFSET 0) l
WHERE id % 10 <> 3;

-- rows whose type changes from one to the next; a row too large for a page
SELECT length(ad_row(r)::text) AS length FROM (SELECT ROW(1) UNION ALL SELECT ROW(1, 2) UNION ALL SELECT ROW('a'::text) UNION ALL SELECT NULL UNION ALL SELECT ROW(5)) x(r);
CREATE TABLE wide AS SELECT i, ad_row(array_agg(sin(i * j) ORDER BY j)) AS r, array_agg(sin(i * j) ORDER BY j) AS v FROM generate_series(1, 30) i, generate_series(1, 200) j GROUP BY i;
SELECT ad_fit('zscore', r) = ad_fit('zscore', v) AS same FROM wide;
SELECT count(*) FROM wide, (SELECT ad_fit('zscore', r) AS m FROM wide) f WHERE ad_score(m, r) = ad_score(m, v);

-- NULL is no row: what is NULL of an array, or a row, is
SELECT ad_row(NULL::float8[]) IS NULL AS array, ad_row(NULL::kind) IS NULL AS row, ad_row(NULL::int) IS NULL AS field, ad_score(m, NULL::ad_row) AS score,
       ad_sketch('{}', NULL::ad_row) AS sketch, ad_fit('zscore', NULL::ad_row) AS fit FROM model GROUP BY m;
SELECT ad_info(ad_fit('zscore', CASE WHEN id % 3 = 0 THEN ad_row(id) END)) ->> 'rows' AS rows FROM kind;
SELECT ad_sketch('{}', ad_row(1)) AS no_rows, ad_fit('zscore', ad_row(1)) AS no_model FROM kind WHERE false;
-- all missing: a row, as of columns
SELECT pg_temp.said('ad_fit(ad_zscore(), NULL::int, 1) = ad_fit(ad_zscore(), ad_row(NULL::int, 1))');

-- what cannot be
SELECT call, regexp_replace(pg_temp.said(call), 'function [0-9]+', 'function N') AS said FROM unnest(ARRAY[
'ad_row()', 'ad_row(ARRAY[''a''])', 'ad_row(NULL::text[], 1)', 'ad_row(ARRAY[''a''], 1, 2)', 'ad_row(ARRAY[''a'', NULL], 1, 2)', 'ad_row(ARRAY[''a'', ''''], 1, 2)',
'ad_row(ARRAY[''a'', ''a''], 1, 2)', 'ad_row(ARRAY[[''a'', ''b'']], 1, 2)', 'ad_row(ARRAY[repeat(''x'', 64)], 1)', 'ad_row(1, ''{}''::jsonb)', 'ad_row(1, ad_row(1))', 'ad_row(1, ARRAY[1])',
'ad_row(r) FROM (SELECT 1 AS a, 2 AS a) r', 'ad_row(''DE'')', 'ad_row(''\x01'')', 'ad_score(m, ad_row(1)) FROM model', 'ad_score(m, ad_row(ARRAY[''float8''], 1)) FROM model',
'ad_score(m, 1, ad_row(1)) FROM model', 'ad_score(m, ad_row(1, 2, 3, NULL)) FROM model', 'ad_score(m, ad_row(''x'', 2, ''y'', NULL)) FROM model',
'ad_score((SELECT ad_fit(''zscore'', id) FROM kind), ad_row(ARRAY[''id''], 1))', 'ad_fit(''zscore'', ad_row(''{id}'', id)) FROM kind', 'ad_fit(''zscore'', ad_row(id, ''x'')) FROM kind',
'ad_fit(NULL::jsonb, ad_row(id)) FROM kind', 'ad_fit(''{}''::jsonb, ad_row(id)) FROM kind', 'ad_fit(ad_sampling(keyed => true) || ad_zscore(), ad_row(id)) FROM kind',
'ad_fit(ad_zscore() || ad_sampling(seed => id::int), ad_row(id)) FROM kind', 'ad_fit(''zscore'', CASE WHEN id > 3 THEN ad_row(id) ELSE ad_row(id, id) END) FROM kind',
'ad_fit(''zscore'', CASE WHEN id > 3 THEN ad_row(id) ELSE ad_row(text) END) FROM kind', 'ad_fit(''zscore'', CASE WHEN id > 3 THEN ad_row(id) ELSE ad_row(ARRAY[''id''], id) END) FROM kind',
'ad_fit(''zscore'', CASE WHEN id > 3 THEN ad_row(ARRAY[''di''], id) ELSE ad_row(ARRAY[''id''], id) END) FROM kind', 'ad_row(enum::text::mood) IS NULL FROM kind LIMIT 1',
'_anomaly._ad_fit_row_transfn(NULL, ''{}''::jsonb, ad_row(1))']) call;

-- a call that there was keeps its meaning
SELECT pg_temp.said('ad_fit(ad_zscore(), k) IS NOT NULL FROM (SELECT id FROM kind) k') AS alias, pg_temp.said('ad_score(m, NULL) FROM model') AS "null",
       pg_temp.said('ad_score(''packed'', NULL)') AS null_by_name, pg_temp.said('ad_fit(''{"detector": "zscore"}'', id) FROM kind') AS literal_spec,
       pg_temp.said('ad_fit(''zscore'', id) IS NOT NULL FROM kind') AS literal_name, pg_temp.said('ad_sketch(NULL) IS NOT NULL FROM kind') AS literal,
       pg_temp.said('ad_fit(ad_zscore(), NULL::text) IS NOT NULL FROM kind') AS typed_null, pg_temp.said('ad_sketch(id, NULL) IS NOT NULL FROM kind') AS second;
-- a string alone is a field, and a text of a row can be cast to one
SELECT ad_row(text) IS NOT NULL AS text, ad_row(varchar) IS NOT NULL AS varchar, ad_row("char") IS NOT NULL AS "char", ad_row(name) IS NOT NULL AS name,
       ad_row(ARRAY['a', 'b'], id, text)::text::ad_row::text = ad_row(ARRAY['a', 'b'], id, text)::text AS cast FROM kind WHERE id = 1;
-- no setting matters to what a row says
SELECT r1 = r2 AS same FROM (SELECT ad_row(k)::text AS r1 FROM kind k WHERE id = 8) a,
LATERAL (SELECT concat(set_config('datestyle', 'German', false), set_config('timezone', 'Asia/Tokyo', false), set_config('extra_float_digits', '0', false),
                       set_config('intervalstyle', 'sql_standard', false)) AS all_set OFFSET 0) s, LATERAL (SELECT ad_row(k)::text AS r2 FROM kind k WHERE id = 8 AND all_set <> '') b;
RESET datestyle; RESET timezone; RESET extra_float_digits; RESET intervalstyle;
-- in parallel, and with groups in a hash table: the same bytes
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET anomaly.planner_support = off;
CREATE TABLE many AS SELECT i AS id, i * 7919 % 10007 AS a, 'k' || i % 50 AS b, i % 3 AS g FROM generate_series(1, 30000) i;
ANALYZE many;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE parts AS SELECT ad_fit(ad_iforest() || ad_sampling(rows => 1000, keyed => true), ad_row(ARRAY['id', 'a', 'b'], id, a, b)) AS m FROM many;
CREATE TABLE part AS SELECT g, ad_fit(ad_iforest() || ad_sampling(rows => 1000, keyed => true), ad_row(ARRAY['id', 'a', 'b'], id, a, b)) AS m FROM many GROUP BY g;
SET max_parallel_workers_per_gather = 0;
SELECT m = ad_fit(ad_iforest() || ad_sampling(rows => 1000, keyed => true), id, r) AS same FROM parts, many, LATERAL (SELECT a, b) r GROUP BY m;
SELECT g, part.m = (SELECT ad_fit(ad_iforest() || ad_sampling(rows => 1000, keyed => true), id, r) FROM many, LATERAL (SELECT a, b) r WHERE many.g = part.g) AS same FROM part ORDER BY g;
SELECT count(DISTINCT m) FROM (SELECT ad_fit('zscore', ad_row(a)) OVER (PARTITION BY g ORDER BY id ROWS 2 PRECEDING) AS m FROM many WHERE id <= 100) w;
DROP TABLE kind, model, wide, many, parts, part;
DROP TYPE mood;
DROP DOMAIN euros;
SELECT ad_drop_model('packed');
