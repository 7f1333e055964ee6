-- Input that is wrong: each gets an error with its SQLSTATE that says what
-- is expected. Options are in spec_options, forms in sketch_forms.
\set SHOW_CONTEXT never

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

CREATE TABLE payments AS
SELECT i AS id, (i * 37 % 101)::numeric AS amount, (ARRAY['AT', 'DE'])[1 + i % 2] AS country,
       timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' AS ts
FROM generate_series(1, 100) i;
CREATE TABLE m AS
SELECT ad_fit('iforest', amount, country, ts) AS cols,
       (SELECT ad_fit('iforest', p) FROM (SELECT amount, country, ts FROM payments) p) AS named,
       ad_fit('iforest', ARRAY[amount, id]) AS arr,
       ad_sketch(amount, country, ts) AS sketch,
       ad_fit(ad_iforest(ndim => 2), id, amount) AS extended
FROM payments;

-- damaged: no model of the table has been loaded yet, so each byte is looked at
SELECT regexp_replace(pg_temp.expect_error(format(call, damage)), '\d{4,} bytes, its header says \d+', 'N bytes, its header says M')
FROM unnest(ARRAY['SELECT ad_score(%s, 1, ''AT'', now()) FROM m', 'SELECT ad_info(%s) FROM m',
                  'SELECT ad_features(%s) FROM m']) call,
     unnest(ARRAY['''\x''::bytea', '''hello''::bytea', 'sketch', 'substr(cols, 1, 7)', 'substr(cols, 1, 40)',
                  'substr(cols, 1, octet_length(cols) - 1)', 'cols || ''x''', 'set_byte(cols, 8, 200)',
                  'set_byte(cols, 12, 128)', 'set_byte(cols, 500, 255 - get_byte(cols, 500))',
                  'set_byte(cols, octet_length(cols) - 9, 255 - get_byte(cols, octet_length(cols) - 9))',
                  'set_byte(cols, 10, 77)']) damage;
SELECT regexp_replace(pg_temp.expect_error(format(call, damage)), '\d{4,} bytes, its header says \d+', 'N bytes, its header says M')
FROM unnest(ARRAY['SELECT ad_fit_sketch(''iforest'', %s) FROM m', 'SELECT ad_merge(%s) FROM m']) call,
     unnest(ARRAY['''\x''::bytea', 'cols', 'substr(sketch, 1, 40)', 'sketch || sketch',
                  'set_byte(sketch, 8, 200)', 'set_byte(sketch, 300, 255 - get_byte(sketch, 300))']) damage;
-- each single flipped byte of the header and a little more is found
SELECT left(error, 5) AS sqlstate, count(*)
FROM m, generate_series(0, 199) i,
     pg_temp.expect_error(format('SELECT ad_score(%L::bytea, 1, ''AT'', now())', set_byte(cols, i, get_byte(cols, i) # 16))) error
GROUP BY 1 ORDER BY 1;

-- the wrong features: number, type, names
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_score(cols, 1) FROM m$$,
$$SELECT ad_score(cols, 1, 'AT', now(), 4) FROM m$$,
$$SELECT ad_score(named, 1, 'AT') FROM m$$,
$$SELECT ad_score(cols, 'AT'::text, 1, now()) FROM m$$,
$$SELECT ad_score(named, 1, 'AT', current_time(0)::time) FROM m$$,
$$SELECT ad_score(named, 1, 'AT', interval '1 day') FROM m$$,
$$SELECT ad_score(named, now(), 'AT', now()) FROM m$$,
$$SELECT ad_score(cols, 1, 2, now()) FROM m$$,
$$SELECT ad_score(cols, 1, 'AT', '2024-01-01') FROM m$$,
$$SELECT ad_score(cols, 1, 'AT', point(1, 2)) FROM m$$,
$$SELECT ad_score(cols, ARRAY[1, 2, 3]) FROM m$$,
$$SELECT ad_score(named, p) FROM m, (SELECT amount, ts FROM payments) p$$,
$$SELECT ad_score(named, p) FROM m, (SELECT amount, 7 AS country, ts FROM payments) p$$,
$$SELECT ad_score(cols, p) FROM m, payments p$$,
$$SELECT ad_score(arr, ARRAY[1, 2, 3]) FROM m$$,
$$SELECT ad_score(arr, '{{1,2},{3,4}}'::int[]) FROM m$$,
$$SELECT ad_score(arr, '{a,b}'::text[]) FROM m$$,
$$SELECT ad_score(arr, '{}'::float8[]) FROM m$$
]) s;
-- a model of very many features does not list them all
SELECT pg_temp.expect_error($$SELECT ad_score(ad_fit('iforest', array_fill(i, ARRAY[3000])), 1, 2)
                              FROM generate_series(1, 10) i$$);

-- infinite values: missing in a fit
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit('iforest', amount, 'Infinity'::float8) FROM payments$$,
$$SELECT ad_fit('iforest', amount, CASE WHEN id = 1 THEN 'Infinity'::float8 ELSE id END) FROM payments$$,
$$SELECT ad_score(cols, 'Infinity'::float8, 'AT', '-infinity'::timestamptz) FROM m$$,
$$SELECT ad_score(extended, 'Infinity'::float8, '-Infinity'::float8) FROM m$$
]) s;
-- values at the end of the range
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit('iforest', x) FROM unnest('{-1.7e308, 0, 1.7e308}'::float8[]) x$$,
$$SELECT ad_fit(ad_iforest() || ad_prepare(scale => 'minmax'), x) FROM unnest('{-1.7e308, 0, 1.7e308}'::float8[]) x$$,
$$SELECT ad_fit(ad_iforest(ndim => 2) || ad_prepare(scale => 'none'), x, -x) FROM unnest('{-1.7e308, 1.7e308}'::float8[]) x$$
]) s;
-- arguments that are not there
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit('iforest', VARIADIC NULL::float8[]) FROM payments$$,
$$SELECT ad_score(NULL, 1)$$,
$$SELECT ad_score(NULL::bytea, NULL)$$,
$$SELECT ad_info(NULL)$$,
$$SELECT ad_features(NULL)$$
]) s;
-- nothing was lost
SELECT round(ad_score(cols, 50, 'AT', '2024-01-03'::date)::numeric, 6) BETWEEN 0.3 AND 0.6 AS fine FROM m;

DROP TABLE payments, m;
