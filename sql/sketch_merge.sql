-- Sketches merge exactly: the parts say what the whole says.
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

CREATE TABLE facts AS
SELECT i AS id, i % 8 AS shard, i * 37 % 1009 / 7.0::float8 AS x,
       CASE WHEN i % 50 <> 0 THEN 'c' || i * i % 13 END AS c,
       CASE WHEN i % 100 = 0 THEN 'Infinity' WHEN i % 70 <> 0 THEN sqrt(i) END AS y
FROM generate_series(1, 5000) i;
CREATE TABLE sketches AS
SELECT shard, ad_sketch(x, c, y) AS s FROM facts GROUP BY shard;

-- a model from a stored sketch is the model from the rows, byte for byte
CREATE TABLE models AS SELECT ad_fit('iforest', x, c, y) AS whole FROM facts;
SELECT whole = (SELECT ad_fit_sketch('iforest', ad_sketch(x, c, y)) FROM facts) AS one,
       whole = (SELECT ad_fit_sketch('iforest', ad_merge(s)) FROM sketches) AS eight,
       whole = (SELECT ad_fit_sketch(ad_iforest(), ad_merge(s ORDER BY shard DESC)) FROM sketches) AS reversed,
       whole = (SELECT ad_fit_sketch('iforest', ad_merge(s))
                FROM (SELECT ad_merge(s) AS s FROM sketches GROUP BY shard / 3) t) AS merged_twice,
       whole = (SELECT ad_fit('iforest', x, c, y) FROM (SELECT * FROM facts ORDER BY y, -x) f) AS shuffled
FROM models;
SELECT position, type, missing, infinite, "distinct", round(min::numeric, 6) AS min,
       round(median::numeric, 6) AS median, round(max::numeric, 6) AS max, encoding
FROM models, ad_features(whole);

-- refit with other options and without a scan; the spec's seed grows the trees
SELECT ad_fit_sketch(ad_iforest(trees => 10) || ad_prepare(scale => 'robust'), s) =
       (SELECT ad_fit(ad_iforest(trees => 10) || ad_prepare(scale => 'robust'), x, c, y)
        FROM facts WHERE shard = 3) AS same,
       ad_fit_sketch(ad_iforest() || ad_sampling(seed => 1), s) <>
       ad_fit_sketch(ad_iforest() || ad_sampling(seed => 2), s) AS seed_counts
FROM sketches WHERE shard = 3;
-- the sampling of the spec is that of the sketch, which is past
SELECT ad_info(ad_fit_sketch(ad_iforest() || ad_sampling(rows => 9, seed => 5), s))
       #> '{spec,sampling}' AS sampling
FROM (SELECT ad_sketch(ad_sampling(rows => 1000, memory_mb => 8), x) AS s FROM facts) t;

-- more rows than the sample holds: counts and extremes stay exact
CREATE TABLE large AS
SELECT ad_sketch(ad_sampling(rows => 300), x, c, y) AS whole,
       (SELECT ad_merge(s) FROM (SELECT ad_sketch(ad_sampling(rows => 300), x, c, y) AS s
                                 FROM facts GROUP BY shard) t) AS merged
FROM facts;
SELECT part, i ->> 'rows' AS rows, i ->> 'sampled' AS sampled
FROM large, LATERAL (VALUES ('whole', ad_info(ad_fit_sketch('iforest', whole))),
                            ('merged', ad_info(ad_fit_sketch('iforest', merged)))) v(part, i);
SELECT w.position, w.missing, w.infinite, w."distinct", round(w.min::numeric, 6) AS min, round(w.max::numeric, 6) AS max,
       (w.missing, w.infinite, w."distinct", w.min, w.max) IS NOT DISTINCT FROM
       (m.missing, m.infinite, m."distinct", m.min, m.max) AS same
FROM large, ad_features(ad_fit_sketch('iforest', whole)) w
     JOIN LATERAL ad_features(ad_fit_sketch('iforest', merged)) m USING (position);

-- with a key the sample is the same rows, however they are cut up
CREATE TABLE keyed AS SELECT ad_sampling(rows => 300, keyed => true, seed => 7) AS spec;
SELECT ad_fit_sketch('iforest', whole) = ad_fit_sketch('iforest', merged) AS sketches,
       ad_fit_sketch(ad_iforest() || spec, whole) = fit AS fit,
       ad_info(fit) ->> 'sampled' AS sampled, ad_info(fit) ->> 'features' AS features
FROM (SELECT ad_sketch(spec, id, x, c, y) AS whole,
             ad_fit(ad_iforest() || spec, id, x, c, y) AS fit
      FROM facts, keyed GROUP BY spec) a,
     (SELECT ad_merge(s) AS merged
      FROM (SELECT ad_sketch(spec, id, x, c, y ORDER BY x) AS s
            FROM facts, keyed GROUP BY spec, shard) t) b, keyed;
-- the key's integer type does not matter, other keys draw other rows
SELECT ad_fit(ad_iforest() || spec, id, x) = ad_fit(ad_iforest() || spec, id::bigint, x) AS same,
       ad_fit(ad_iforest() || spec, id, x) = ad_fit(ad_iforest() || spec, id::text, x) AS text
FROM facts, keyed GROUP BY spec;
-- the key may stand before a row or an array
SELECT ad_score(r, f) IS NOT NULL AS row, ad_score(m.a, ARRAY[x, y]) = ad_score(m.m, x, y) AS array
FROM (SELECT ad_fit(ad_iforest() || spec, id, x, y) AS m,
             ad_fit(ad_iforest() || spec, id, ARRAY[x, y]) AS a,
             ad_fit(ad_iforest() || spec, id, f) AS r
      FROM facts f, keyed GROUP BY spec) m, facts f WHERE id = 123;

-- NULL is passed over, nothing is nothing
SELECT ad_merge(NULL) IS NULL AS "null",
       ad_fit_sketch('iforest', ad_merge(s)) =
       (SELECT ad_fit_sketch('iforest', s) FROM sketches WHERE shard = 1) AS one
FROM (SELECT s FROM sketches WHERE shard = 1 UNION ALL SELECT NULL) t;
SELECT ad_merge(s) IS NULL AS empty FROM sketches WHERE false;
SELECT ad_fit_sketch('iforest', NULL) IS NULL AS sketch,
       ad_fit_sketch(NULL::jsonb, s) IS NULL AS spec FROM sketches LIMIT 1;
SELECT ad_sketch(x) IS NULL AS empty FROM facts WHERE false;

-- what does not belong together
SELECT pg_temp.expect_error('SELECT ad_merge(s) FROM (' || s || ') t(s)') FROM unnest(ARRAY[
$$SELECT ad_sketch(x) FROM facts UNION ALL SELECT ad_sketch(x, y) FROM facts$$,
$$SELECT ad_sketch(x) FROM facts UNION ALL SELECT ad_sketch(c) FROM facts$$,
$$SELECT ad_sketch(x) FROM facts UNION ALL SELECT ad_sketch(now())$$,
$$SELECT ad_sketch(t) FROM (SELECT x FROM facts) t UNION ALL SELECT ad_sketch(t) FROM (SELECT y FROM facts) t$$,
$$SELECT ad_sketch(x) FROM facts UNION ALL SELECT ad_sketch(t) FROM (SELECT x FROM facts) t$$,
$$SELECT ad_sketch(x) FROM facts UNION ALL SELECT ad_sketch(ad_sampling(seed => 10), x) FROM facts$$,
$$SELECT ad_sketch(x) FROM facts UNION ALL SELECT ad_sketch(ad_sampling(keyed => true), id, x) FROM facts$$,
$$SELECT whole FROM models$$,
$$SELECT '\x00'::bytea$$
]) s;
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_sketch(ad_sampling(keyed => true), x) FROM facts$$,
$$SELECT ad_sketch(ad_sampling(keyed => true), point(1, 2), x) FROM facts$$,
$$SELECT ad_fit_sketch('iforst', s) FROM sketches$$,
$$SELECT ad_fit_sketch(ad_sampling(), s) FROM sketches$$,
$$SELECT ad_fit_sketch('{"detector": "iforest"}', s) FROM sketches$$,
$$SELECT ad_fit_sketch('iforest', whole) FROM models$$,
$$SELECT ad_sketch(ad_sampling(memory_mb => 1), array_fill(1.0, ARRAY[4096]))$$
]) s;

DROP TABLE facts, sketches, models, large, keyed;
