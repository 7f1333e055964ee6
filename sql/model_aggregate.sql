-- ad_fit is an aggregate like any other.
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

CREATE TABLE t AS
SELECT i AS id, i % 3 AS g, i % 4 AS h, (i * 37 % 101)::float8 AS x, i * 11 % 29 AS y
FROM generate_series(1, 240) i;

-- FILTER, DISTINCT, ORDER BY
SELECT ad_fit('iforest', x, y) FILTER (WHERE g = 1) =
       (SELECT ad_fit('iforest', x, y) FROM t WHERE g = 1) AS filter,
       ad_fit('iforest', x, y) FILTER (WHERE false) IS NULL AS filter_nothing,
       ad_fit(DISTINCT ad_iforest(), y % 7, g) =
       (SELECT ad_fit('iforest', a, b) FROM (SELECT DISTINCT y % 7 AS a, g AS b FROM t) d)
       AS "distinct",
       ad_fit('iforest', x, y ORDER BY y, x) = ad_fit('iforest', x, y) AS "order"
FROM t;

-- GROUP BY and GROUPING SETS
SELECT g, ad_fit('iforest', x, y) = (SELECT ad_fit('iforest', x, y) FROM t i WHERE i.g = t.g) AS same
FROM t GROUP BY g ORDER BY g;
SELECT g, h, ad_info(ad_fit('iforest', x, y)) ->> 'rows' AS rows
FROM t GROUP BY GROUPING SETS ((g), (h), ()) ORDER BY g, h;
SELECT g, ad_info(ad_fit('iforest', x)) ->> 'rows' AS rows
FROM t GROUP BY ROLLUP (g) HAVING ad_fit('iforest', x) IS NOT NULL ORDER BY g;

-- window use: the whole partition, up to the current row, a moving frame
SELECT id, ad_info(ad_fit('iforest', x) OVER (PARTITION BY g)) ->> 'rows' AS all,
       ad_info(ad_fit('iforest', x) OVER (PARTITION BY g ORDER BY id)) ->> 'rows' AS running,
       ad_info(ad_fit('iforest', x) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)) ->> 'rows' AS moving
FROM t ORDER BY id LIMIT 6;
SELECT count(*) FILTER (WHERE model <> again) AS different
FROM (SELECT id, ad_fit('iforest', x, y) OVER (ORDER BY id ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS model,
             (SELECT ad_fit('iforest', i.x, i.y) FROM t i WHERE i.id BETWEEN t.id - 9 AND t.id) AS again
      FROM t) w;
SELECT count(DISTINCT s) AS sketches, count(*) AS rows
FROM (SELECT ad_sketch(x) OVER (ORDER BY id) AS s FROM t) w;
-- score each row by the twenty before it
SELECT id, ad_score(model, x) > 0.6 AS high
FROM (SELECT id, CASE WHEN id = 100 THEN 1e6 ELSE x END AS x,
             ad_fit('iforest', x) OVER (ORDER BY id ROWS BETWEEN 20 PRECEDING AND 1 PRECEDING) AS model
      FROM t) w
ORDER BY ad_score(model, x) DESC NULLS LAST LIMIT 1;

-- no rows, one, two; the same row again and again: nothing can be told
SELECT ad_fit('iforest', x) IS NULL AS none FROM t WHERE false;
SELECT ad_score(NULL, 1) IS NULL AS "null",
       ad_score((SELECT ad_fit('iforest', x) FROM t WHERE false), 1) IS NULL AS none;
SELECT ad_score(ad_fit('iforest', x, y), 5, 5) AS one FROM t WHERE id = 1;
SELECT ad_score(ad_fit('iforest', x, y), 5, 5) AS two FROM t WHERE id <= 2;
SELECT ad_score(ad_fit('iforest', 7, 3.5), 7, 3.5) AS constant FROM t;
SELECT name, "distinct", min, max, encoding
FROM ad_features((SELECT ad_fit('iforest', r) FROM (SELECT 7 AS seven, x FROM t) r));

-- a feature without a value is none
CREATE TABLE without AS
SELECT 'number' AS form, ad_fit('iforest', x, NULL::float8) AS m FROM t
UNION ALL SELECT 'category', ad_fit('iforest', x, NULL::text, y) FROM t
UNION ALL SELECT 'row', ad_fit('iforest', r) FROM (SELECT x, NULL::timestamptz AS seen FROM t) r
UNION ALL SELECT 'array', ad_fit('iforest', ARRAY[x, 'NaN']) FROM t
UNION ALL SELECT 'infinite', ad_fit('iforest', x, float8 '-Infinity') FROM t
UNION ALL SELECT 'sketch', ad_fit_sketch('iforest', ad_sketch(x, NULL::int)) FROM t;
SELECT form, string_agg(encoding, ', ' ORDER BY position) AS encodings, ad_info(m) ->> 'columns' AS columns
FROM without, ad_features(m) GROUP BY form, m ORDER BY form;
DROP TABLE without;
-- a value in one of many rows is enough
SELECT position, missing, "distinct", min FROM ad_features((
    SELECT ad_fit('iforest', x, CASE WHEN id = 9 THEN 3 END) FROM t));

-- one spec a group
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit(ad_iforest(trees => 1 + id), x) FROM t$$,
$$SELECT ad_fit(CASE WHEN id < 9 THEN 'iforest' ELSE 'lof' END, x) FROM t$$,
$$SELECT ad_fit(CASE WHEN id < 9 THEN ad_iforest() END, x) FROM t$$,
$$SELECT ad_sketch(ad_sampling(seed => id), x) FROM t$$
]) s;
SELECT g, ad_info(ad_fit(ad_iforest(trees => 10 + g), x)) #>> '{spec,trees}' AS trees
FROM t GROUP BY g ORDER BY g;

-- no aggregate's internals can be called; the error is another one before 14
DO $$
BEGIN
	PERFORM _anomaly._ad_fit_finalfn(NULL);
	RAISE 'called';
EXCEPTION WHEN undefined_function OR feature_not_supported THEN NULL;
END $$;
DO $$
BEGIN
	PERFORM _anomaly._ad_sketch_transfn(NULL, 1);
	RAISE 'called';
EXCEPTION WHEN undefined_function OR feature_not_supported THEN NULL;
END $$;
DROP TABLE t;
