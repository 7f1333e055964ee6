-- ad_outlier: fit on a window partition and score its own rows.
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

CREATE TABLE readings AS
SELECT i AS id, i % 3 AS machine,
	   (i * 37 % 101) / 10.0 + CASE WHEN i % 150 = 0 THEN 40 ELSE 0 END AS a,
	   (i * 53 % 97)::float8 AS b,
	   (ARRAY['on', 'off', 'idle'])[1 + i * 7 % 3] AS state
FROM generate_series(1, 600) i;

-- the strangest of the one machine that has some
SELECT id, round(a, 1) AS a
FROM (SELECT *, ad_outlier('iforest', a, b, state) OVER (PARTITION BY machine) AS score
	  FROM readings) s
WHERE machine = 0
ORDER BY score DESC, id LIMIT 4;

-- it is what a model of the partition says of the partition's rows
SELECT machine, count(*), count(*) FILTER (WHERE outlier = ad_score(model, a, b, state)) AS equal
FROM (SELECT *, ad_outlier(ad_iforest(), a, b, state) OVER (PARTITION BY machine ORDER BY b, id) AS outlier
	  FROM readings) r
JOIN (SELECT machine, ad_fit(ad_iforest(), a, b, state) AS model
	  FROM readings GROUP BY machine) m USING (machine)
GROUP BY machine ORDER BY machine;

-- the three forms agree; the frame and the order are of no effect
SELECT count(*) AS rows, count(*) FILTER (WHERE c = v AND v = r AND r = f) AS equal
FROM (SELECT ad_outlier('iforest', a::float8, b) OVER () AS c,
			 ad_outlier('iforest', ARRAY[a, b]) OVER (ORDER BY id) AS v,
			 ad_outlier('iforest', p) OVER (ORDER BY b DESC, id) AS r,
			 ad_outlier('iforest', a, b) OVER (ORDER BY id ROWS 1 PRECEDING) AS f
	  FROM (SELECT r.id, r.a, r.b, p FROM readings r, LATERAL (SELECT r.a::float8, r.b) p) s) t;

-- nor is how values are passed: by value, by reference
SELECT count(*) AS rows, count(*) FILTER (WHERE v = n AND v = r) AS equal
FROM (SELECT ad_outlier('iforest', a::float8, b, id) OVER () AS v,
			 ad_outlier('iforest', a, b::numeric, id) OVER () AS n,
			 ad_outlier('iforest', a, b, id::numeric) OVER () AS r
	  FROM readings) s;

-- another seed, another forest
SELECT count(*) FILTER (WHERE x <> y) > 500 AS differs
FROM (SELECT ad_outlier(ad_iforest() || ad_sampling(seed => 1), a, b) OVER () AS x,
			 ad_outlier(ad_iforest() || ad_sampling(seed => 2), a, b) OVER () AS y
	  FROM readings) s;

-- NULL features are imputed, a NULL array is no row
SELECT id, score IS NULL AS no_row
FROM (SELECT id, ad_outlier('iforest', CASE WHEN id <> 2 THEN ARRAY[a, NULLIF(b, 53)] END) OVER () AS score
	  FROM readings WHERE id <= 4) s
ORDER BY id;
SELECT count(score) AS scored, count(*) FROM (SELECT ad_outlier('iforest', NULL::float8[]) OVER () AS score FROM readings) s;
SELECT ad_outlier('iforest', a) OVER () AS one_row FROM readings WHERE id = 1;
SELECT ad_outlier('iforest', a) OVER () AS no_row FROM readings WHERE false;

-- errors
SELECT pg_temp.expect_error('SELECT ad_outlier(NULL::jsonb, a) OVER () FROM readings');
SELECT pg_temp.expect_error('SELECT ad_outlier(''iforst'', a) OVER () FROM readings');
SELECT pg_temp.expect_error('SELECT ad_outlier(ad_prepare(), a) OVER () FROM readings');
-- one spec per partition, whatever the order
SELECT pg_temp.expect_error('SELECT ad_outlier(CASE WHEN id = 600 THEN ad_knn() ELSE ad_zscore() END, a) OVER () FROM readings');
SELECT pg_temp.expect_error('SELECT ad_outlier(CASE WHEN id = 600 THEN ''knn'' ELSE ''zscore'' END, a) OVER (ORDER BY id DESC) FROM readings');
SELECT pg_temp.expect_error('SELECT ad_outlier(CASE WHEN id < 600 THEN ad_zscore() END, a) OVER (ORDER BY id) FROM readings');
SELECT count(score) FROM (SELECT ad_outlier(CASE machine WHEN 0 THEN ad_knn() ELSE ad_zscore() END, a) OVER (PARTITION BY machine) AS score
	FROM readings) s;
SELECT pg_temp.expect_error('SELECT ad_outlier(ad_iforest() || ad_sampling(keyed => true), id, a) OVER () FROM readings');
SELECT pg_temp.expect_error('SELECT ad_outlier(''iforest'', ARRAY[a], b) OVER () FROM readings');
SELECT pg_temp.expect_error('SELECT ad_outlier(''iforest'', CASE WHEN id < 5 THEN ARRAY[a] ELSE ARRAY[a, b] END) OVER () FROM readings');
SELECT pg_temp.expect_error('SELECT ad_outlier(''iforest'', a) FROM readings');
SELECT pg_temp.expect_error('SELECT ad_outlier(ad_iforest() || ad_sampling(memory_mb => 1), p) OVER ()
	FROM (SELECT i, i AS i2, i AS i3, i AS i4, i AS i5, i AS i6, i AS i7 FROM generate_series(1, 20000) i) p');

DROP TABLE readings;
