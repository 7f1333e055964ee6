-- The chooser. Which detectors there are and how fast is not tested here,
-- but that what it says is in order and can be used.
\set SHOW_CONTEXT never
\pset format unaligned

-- by each priority, what it asks for is in order, and ranks have no gaps
SELECT bool_and(rank = n) AS gapless, bool_and(mean_auc <= before) AS descending
FROM (SELECT rank, mean_auc, row_number() OVER (ORDER BY rank) AS n,
             lag(mean_auc, 1, 1::float8) OVER (ORDER BY rank) AS before
      FROM ad_recommend(1000000, 10, 'accuracy')) r;
SELECT bool_and(seconds >= before) AS ascending
FROM (SELECT seconds, lag(seconds, 1, 0::float8) OVER (ORDER BY rank) AS before
      FROM ad_recommend(1000000, 10, 'speed')) r;
SELECT bool_and(model_bytes >= before) AS ascending
FROM (SELECT model_bytes, lag(model_bytes, 1, 0::bigint) OVER (ORDER BY rank) AS before
      FROM ad_recommend(1000000, 10, 'memory')) r;
SELECT count(*) > 0 AS some, bool_and(seconds > 0 AND model_bytes > 0 AND mean_auc BETWEEN 0.5 AND 1) AS sensible
FROM ad_recommend(5000, 20);
-- the default is balanced
SELECT (SELECT array_agg(detector ORDER BY rank) FROM ad_recommend(1000, 3)) =
       (SELECT array_agg(detector ORDER BY rank) FROM ad_recommend(1000, 3, 'balanced')) AS same;
-- more rows and more features cost more
SELECT bool_and(b.seconds > a.seconds) AS more_rows, bool_and(c.seconds > a.seconds) AS more_features
FROM ad_recommend(1000, 10) a JOIN ad_recommend(10000000, 10) b USING (detector)
JOIN ad_recommend(1000, 1000) c USING (detector)
WHERE detector = 'iforest';
-- a specification can be used as it is
SELECT count(*) = (SELECT count(*) FROM ad_recommend(100, 2)) AS all_of_them
FROM (SELECT ad_fit(spec, sin(i), cos(i * i)) AS model
      FROM ad_recommend(100, 2), generate_series(1, 100) i GROUP BY spec) f
WHERE model IS NOT NULL;
-- every figure is one of the form that is looked up
SELECT bool_and(detector = ANY (_anomaly._ad_detectors() || 'auto'::text)) AS known,
       bool_and(cardinality(fit_ms) = 3 AND cardinality(score_us) = 3 AND cardinality(model_bytes) = 3 AND
                cardinality(column_exponents) = 3 AND 0 < ALL (fit_ms) AND 0 < ALL (score_us) AND
                0 < ALL (model_bytes)) AS complete,
       count(*) = count(DISTINCT detector) AS once
FROM _anomaly._ad_measured();
SELECT round(_anomaly._ad_measured_at('{1, 10, 100}', 1, n, 10)::numeric, 3) AS at
FROM unnest('{1, 1000, 3162, 10000, 50000, 100000000}'::bigint[]) n;
-- where there are too few rows for a detector, it is not proposed
SELECT bool_or(detector = 'mahalanobis') IS TRUE AS proposed FROM ad_recommend(10, 10);
-- a detector without figures is last by any priority
BEGIN;
ALTER FUNCTION _anomaly._ad_measured() RENAME TO _ad_measured_all;
CREATE FUNCTION _anomaly._ad_measured(OUT detector text, OUT mean_auc float8, OUT mean_ap float8, OUT fit_ms float8[],
    OUT score_us float8[], OUT model_bytes float8[], OUT column_exponents float8[], OUT least_rows text)
RETURNS SETOF record LANGUAGE sql AS
$$SELECT * FROM _anomaly._ad_measured_all() m WHERE m.detector <> 'iforest'$$;
SELECT priority, detector, spec, reason, mean_auc, seconds, model_bytes,
       rank > (SELECT max(rank) FROM ad_recommend(1000, 10, priority) WHERE reason <> 'not measured') AS last
FROM unnest('{accuracy,speed,memory,balanced}'::text[]) priority, ad_recommend(1000, 10, priority)
WHERE detector = 'iforest';
ROLLBACK;

-- where nothing speaks against it, auto is first, by the default priority too; each has a reason of its own
SELECT rows, priority, (array_agg(detector ORDER BY rank))[1] AS first
FROM unnest('{1000,100000,10000000}'::bigint[]) rows, unnest('{accuracy,balanced}'::text[]) priority, ad_recommend(rows, 10, priority)
GROUP BY rows, priority ORDER BY rows, priority;
SELECT count(*) > 16 AS many, count(DISTINCT split_part(reason, ';', 1)) = count(*) AS own_reasons,
       count(*) FILTER (WHERE detector IN ('pca', 'mahalanobis', 'gmm') AND reason ~ 'ranks as (pca|mahalanobis)') AS coincide FROM ad_recommend(100000, 10);
-- and so they do
SELECT count(DISTINCT ranked) AS rankings
FROM (SELECT detector, array_agg(i ORDER BY round(s::numeric, 6), i) AS ranked
      FROM (SELECT detector, ad_fit(spec, x, y, z) AS m
            FROM (SELECT ad_random(1, i, 'normal') AS x, ad_random(2, i, 'normal') AS y, ad_random(3, i, 'normal') + ad_random(1, i, 'normal') AS z
                  FROM generate_series(1, 500) i) r, ad_recommend(500, 3) WHERE detector IN ('pca', 'mahalanobis', 'gmm') GROUP BY detector) f,
           generate_series(1, 50) i, ad_score(m, i, sin(i), cos(i)) s GROUP BY detector) r;

-- it looks at the rows of a query
CREATE TABLE orders AS
SELECT i AS id, ad_random(1, i, 'normal') AS a, CASE WHEN i % 4 > 0 THEN ad_random(2, i, 'normal') END AS b, 'shop ' || i % 3 AS shop, i % 2 = 0 AS paid
FROM generate_series(1, 5000) i;
SELECT rank, detector, spec FROM ad_recommend('SELECT a, b, shop, paid FROM orders') ORDER BY rank LIMIT 1;
-- four features, of which one has three values: seven columns
SELECT count(*) AS detectors, bool_and(q.rank = n.rank AND q.model_bytes = n.model_bytes AND q.seconds = n.seconds AND q.spec = n.spec) AS as_numbers
FROM ad_recommend('SELECT * FROM orders; -- all', 'accuracy', key => 'id') q JOIN ad_recommend(5000, 7, 'accuracy') n USING (detector);
SELECT detector, regexp_replace(reason, '.*bytes|.*kB|.*MB', '') AS of_the_table
FROM ad_recommend('SELECT a, b, shop, paid FROM orders') WHERE detector IN ('iforest', 'knn', 'loda') ORDER BY detector;
SELECT count(*) FILTER (WHERE reason ~ 'missing|category') AS of_the_table FROM ad_recommend('SELECT a, paid FROM orders');
-- more than are read: as many as the planner expects
ANALYZE orders;
SELECT bool_and(q.seconds BETWEEN n.seconds / 2 AND n.seconds * 2) AS about
FROM ad_recommend('SELECT o.a, p.paid FROM orders o, orders p WHERE o.id <= 50') q JOIN ad_recommend(250000, 2) n USING (detector);
-- a budget: nothing that takes half of it is named, or nothing at all. Reading
-- the rows counts, too, so the slowest is left out of twice its own time
SELECT count(*) > 3 AS some, bool_or(seconds > half) AS beyond, bool_or(detector = slowest) AS slowest
FROM (SELECT max(seconds) AS half, (array_agg(detector ORDER BY seconds DESC))[1] AS slowest
      FROM ad_recommend('SELECT o.a, p.paid FROM orders o, orders p')) m,
     ad_recommend('SELECT o.a, p.paid FROM orders o, orders p', budget => make_interval(secs => 2 * half));
SELECT count(*) AS none FROM ad_recommend('SELECT a FROM orders', budget => '1 microsecond');
-- it reads until the clock says so, from the first row on: of 100,000 slow ones few, each twice
CREATE FUNCTION pg_temp.slow(i int) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN
	PERFORM pg_sleep(0.01), set_config('recommend.calls', (current_setting('recommend.calls')::int + 1)::text, true);
	RETURN i; END $$;
BEGIN;
SET LOCAL recommend.calls = 0;
SELECT count(*) FROM ad_recommend('SELECT pg_temp.slow(i) FROM generate_series(1, 100000) i', budget => '0.1 s');
SELECT current_setting('recommend.calls')::int BETWEEN 2 AND 20 AS few;
ROLLBACK;
-- one row, of numbers too: a notice, whether there is a budget or not
SELECT count(*) FROM ad_recommend('SELECT count(*) FROM orders');
SELECT count(*) FROM ad_recommend('SELECT count(*) FROM orders', budget => '1 day');
SELECT count(*) FROM ad_recommend(1, 10);
-- rows that are NULL are no rows to look at, but read; the first may be all that there is time for
SELECT count(*) FROM ad_recommend('SELECT NULL::orders FROM orders');
SELECT count(*) FROM ad_recommend('SELECT NULL::float8[] FROM orders');
SELECT count(*) FROM ad_recommend('SELECT CASE WHEN i > 1 THEN ARRAY[i] END FROM generate_series(1, 9) i', budget => '1 microsecond');
SELECT bool_and(q.seconds > n.seconds / 2) AS more_than_read
FROM ad_recommend('SELECT CASE WHEN i % 2 = 0 THEN ARRAY[i] END FROM generate_series(1, 1000000) i') q JOIN ad_recommend(1000000, 1) n USING (detector);
-- fewer rows than a detector needs
SELECT count(*) > 5 AS some, bool_or(detector IN ('mahalanobis', 'inne')) AS too_few FROM ad_recommend('SELECT a, b FROM orders WHERE id <= 3');
-- as the caller, and read-only
CREATE FUNCTION pg_temp.writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN 1; END $$;
SELECT count(*) FROM ad_recommend('SELECT pg_temp.writes(), a FROM orders');
SELECT count(*) FROM ad_recommend('DELETE FROM orders RETURNING a');
SELECT count(*) FROM ad_recommend('WITH d AS (DELETE FROM orders RETURNING a) SELECT * FROM d');
SELECT count(*) FROM ad_recommend('SELECT a FROM orders; DROP TABLE orders');
SELECT count(*) FROM ad_recommend('SELECT a FROM orders) q; DROP TABLE orders; --');
SELECT count(*) FROM ad_recommend('SELECT a FROM orders FOR UPDATE');
-- an error says whose query it is
CREATE FUNCTION pg_temp.last_context(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE context text;
BEGIN
	PERFORM ad_recommend(query);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RETURN SQLERRM || ' / ' || substring(context FROM 'query of ad_recommend');
END $$;
SELECT pg_temp.last_context(q) FROM unnest(ARRAY['SELECT 1 / (id - 7) AS a FROM orders', 'SELECT none FROM orders', 'SELECT a, a FROM orders',
	'SELECT a FROM orders WHERE false']) q;
CREATE ROLE ad_test_recommend;
SET ROLE ad_test_recommend;
SELECT count(*) FROM ad_recommend('SELECT a FROM orders');
RESET ROLE;
DROP ROLE ad_test_recommend;
SELECT count(*) AS untouched, current_setting('transaction_read_only') AS read_only FROM orders;
SELECT count(*) FROM ad_recommend('SELECT a FROM orders WHERE false');
SELECT count(*) FROM ad_recommend('SELECT a, b FROM orders', key => 'c');
SELECT count(*) FROM ad_recommend('SELECT id FROM orders', key => 'id');
SELECT count(*) FROM ad_recommend('SELECT a FROM orders', 'fast');
SELECT count(*) FROM ad_recommend('SELECT a FROM orders', budget => '0');
SELECT count(*) FROM ad_recommend('SELECT a FROM orders', budget => '-1 day');
SELECT count(*) FROM ad_recommend(NULL::text);
SELECT count(*) FROM ad_recommend('orders');
DROP TABLE orders;

-- no figure is rounded to nothing
SELECT d, n, f FROM (VALUES (2::bigint), (50), (20000), (100000000)) r(n), (VALUES (1), (10), (1000)) c(f), LATERAL (SELECT detector AS d, reason FROM ad_recommend(n, f)) w
WHERE reason ~ '[ ]0[.]0+ (s|microseconds) to';
SELECT reason ~ 'about 0[.]0+[1-9][0-9] s to fit' AS two_digits FROM ad_recommend(50, 1) WHERE detector = 'copod';

-- errors
SELECT ad_recommend(0, 10);
SELECT ad_recommend(10, 0);
SELECT ad_recommend(10, 5000);
SELECT ad_recommend(10, 10, 'fast');
SELECT ad_recommend(10, NULL);
