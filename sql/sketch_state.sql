-- Sketches as a type of their own.
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

CREATE TABLE day AS SELECT i AS id, i * 7919 % 1009 / 7.0::float8 AS a, 'k' || i % 13 AS b, i % 4 AS day FROM generate_series(1, 2000) i;
-- stored as it is, uncompressed; the bytes are those that columns give
CREATE TABLE state AS SELECT day, ad_sketch(ad_sampling(keyed => true), ad_row(ARRAY['id', 'a', 'b'], id, a, b) ORDER BY id) AS s FROM day GROUP BY day;
SELECT attname, format_type(atttypid, atttypmod) AS type, attstorage FROM pg_attribute WHERE attrelid = 'state'::regclass AND attnum > 0 ORDER BY attnum;
SELECT state.day, state.s::bytea = (SELECT ad_sketch(ad_sampling(keyed => true), id, r ORDER BY id) FROM day, LATERAL (SELECT a, b) r WHERE day.day = state.day) AS same_bytes,
       s::text = s::bytea::text AS same_text, s::text::ad_sketch_state::text = s::text AS again, s::bytea::ad_sketch_state::bytea = s::bytea AS and_back FROM state ORDER BY day;
-- merged in either form, in any order, they are one sketch of all rows
SELECT ad_fit_sketch(ad_iforest(), ad_merge(s ORDER BY day)) = ad_fit_sketch(ad_iforest(), ad_merge(s::bytea ORDER BY day DESC)) AS same,
       pg_typeof(ad_merge(s)) AS merged, pg_typeof(ad_merge(s::bytea)) AS as_bytes FROM state;
SELECT ad_fit_sketch(ad_iforest(), (SELECT ad_merge(s) FROM state)) = ad_fit(ad_iforest() || ad_sampling(keyed => true), ad_row(ARRAY['id', 'a', 'b'], id, a, b)) AS same FROM day;
SELECT ad_fit_sketch('iforest', s) = ad_fit_sketch('iforest', s::bytea) AS by_name FROM state WHERE day = 0;
SELECT (SELECT ad_merge(x) FROM (SELECT s AS x FROM state UNION ALL SELECT NULL) u)::bytea = (SELECT ad_merge(s) FROM state)::bytea AS null_is_passed_over,
       (SELECT ad_merge(s) FROM state WHERE day > 9) IS NULL AS none;
-- casts: by assignment only
CREATE TABLE bytes (b bytea);
INSERT INTO bytes SELECT s FROM state;
CREATE TABLE states (s ad_sketch_state);
INSERT INTO states SELECT b FROM bytes;
SELECT count(*) FROM states JOIN state ON states.s::bytea = state.s::bytea;
SELECT pg_temp.said('length(s) FROM state'), pg_temp.said('md5(s) IS NOT NULL FROM state');
-- a literal without a type is one; a value of each type is what it is
SELECT s::text AS one FROM state WHERE day = 1 \gset
SELECT ad_fit_sketch('zscore', :'one') = ad_fit_sketch('zscore', s) AS literal, (SELECT pg_typeof(ad_merge(:'one'))) AS merged FROM state WHERE day = 1;
PREPARE fit AS SELECT ad_fit_sketch('zscore', $1) = ad_fit_sketch('zscore', s) AS parameter FROM state WHERE day = 1;
EXECUTE fit(:'one');
DEALLOCATE fit;
-- drift of either
SELECT count(*) = 4 AND count(DISTINCT d) = 1 AS same FROM state, LATERAL (
	SELECT string_agg(r::text, ' ' ORDER BY part, "position") AS d FROM ad_drift(s, s) r UNION ALL
	SELECT string_agg(r::text, ' ' ORDER BY part, "position") FROM ad_drift(s::bytea, s) r UNION ALL
	SELECT string_agg(r::text, ' ' ORDER BY part, "position") FROM ad_drift(s, s::bytea) r UNION ALL
	SELECT string_agg(r::text, ' ' ORDER BY part, "position") FROM ad_drift(s::bytea, s::bytea) r) u WHERE day = 2;
-- a training query of sketches, of one model and of one per entity
SELECT ad_train('stated', 'SELECT s FROM state', ad_iforest()) AS version, ad_train('stated', 'SELECT s::bytea FROM state', ad_iforest()) AS again;
SELECT ad_model('stated', 1) = ad_model('stated', 2) AS same, ad_score('stated', ad_row(ARRAY['b', 'a'], 'k1'::text, 3)) = ad_score('stated', 3, 'k1') AS by_name_of_fields;
SELECT part, feature, verdict FROM state, ad_drift('stated', s) WHERE day = 0;
SELECT ad_train_groups('stated_days', 'SELECT day, s FROM state', 'day', ad_zscore(), min_rows => 1) IS NOT NULL AS groups;
SELECT ad_score('stated_days', 1, ad_row(ARRAY['a', 'b'], 500, 'k1'::text)) = ad_score('stated_days', 1, 500, 'k1') AS of_a_group;
-- NULL without a type is a category that is missing, and counts once
SELECT ad_merge(s)::bytea = ad_merge(s::bytea) AS merged, (SELECT ad_sketch(ad_knn(), ad_row(i, NULL))::bytea = ad_sketch(ad_knn(), i, NULL) FROM generate_series(1, 6) i) AS as_columns,
       ad_fit_sketch(ad_knn(), ad_merge(s)) = (SELECT ad_fit(ad_knn(), ad_row(i, NULL)) FROM generate_series(1, 6) i) AS fitted
FROM (SELECT ad_sketch(ad_knn(), ad_row(i, NULL)) AS s FROM generate_series(1, 6) i GROUP BY i % 2) q;
-- what is none
SELECT left(call, 90) AS call, regexp_replace(pg_temp.said(call), 'function [0-9]+', 'function N') AS said FROM unnest(ARRAY[
'''\x00''::bytea::ad_sketch_state', '''x''::ad_sketch_state', 'ad_model(''stated'')::ad_sketch_state', 'ad_merge(ad_model(''stated'')::ad_sketch_state)',
'set_byte(s::bytea, 100, 7)::ad_sketch_state FROM state WHERE day = 0', 'ad_merge(x) FROM (SELECT s FROM state UNION ALL SELECT ad_sketch(''{}'', ad_row(1))) u(x)',
'ad_fit_sketch(''{}''::jsonb, s) FROM state WHERE day = 0', '_anomaly._ad_merge_state_transfn(s, s) FROM state WHERE day = 0']) call;
DROP TABLE day, state, states, bytes;
SELECT ad_drop_model('stated'), ad_drop_model('stated_days');
