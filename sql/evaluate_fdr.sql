-- Adjusted p-values: equal to R's p.adjust.
\set SHOW_CONTEXT never
CREATE SCHEMA evaluate_fdr;
SET search_path = evaluate_fdr, public;

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

-- golden file of test/golden/metrics_fdr.R
CREATE TABLE golden (name text, i int, p float8, bh float8, by float8);
\copy golden FROM PROGRAM 'gzip -dc test/data/golden/metrics_fdr.csv.gz' WITH (FORMAT csv)
SELECT name, count(*),
       count(*) FILTER (WHERE ours_bh IS NOT DISTINCT FROM bh) AS bh_equal,
       count(*) FILTER (WHERE ours_by IS NOT DISTINCT FROM by OR abs(ours_by - by) <= 1e-15 * by) AS by_equal
FROM (SELECT *, ad_fdr(p) OVER w AS ours_bh, ad_fdr(p, method => 'by') OVER w AS ours_by
      FROM golden WINDOW w AS (PARTITION BY name ORDER BY i)) t
GROUP BY name ORDER BY name;

-- the order of the window and its frame are of no effect
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b OR a IS DISTINCT FROM c) AS different
FROM (SELECT ad_fdr(p) OVER (PARTITION BY name) AS a, ad_fdr(p) OVER (PARTITION BY name ORDER BY p DESC) AS b,
             ad_fdr(p) OVER (PARTITION BY name ORDER BY i ROWS 1 PRECEDING) AS c FROM golden) t;

SELECT p, ad_fdr(p) OVER (), ad_fdr(p, 'by') OVER ()
FROM (VALUES (0.001), (NULL), (0.02), (0.04), (0.04), (0.9)) t(p);
SELECT ad_fdr(NULL) OVER () FROM generate_series(1, 2);
SELECT ad_fdr(p) OVER () FROM (VALUES (0.5::float8)) t(p) WHERE false;

-- alerts among many: 50 of 1,050 are not null, a tenth of the alerts may be false
SELECT count(*) FILTER (WHERE q <= 0.1) BETWEEN 40 AND 60 AS alerts,
       count(*) FILTER (WHERE q <= 0.1 AND i > 50) <= 8 AS false_alerts,
       count(*) FILTER (WHERE p <= 0.1 AND i > 50) > 80 AS without_it
FROM (SELECT i, p, ad_fdr(p) OVER () AS q
      FROM (SELECT i, CASE WHEN i <= 50 THEN ad_random(1, i) / 1000 ELSE ad_random(1, i) END AS p
            FROM generate_series(1, 1050) i) s) t;

-- bad input
SELECT pg_temp.expect_error('SELECT ad_fdr(p) OVER () FROM (VALUES (0.5::float8), (1.5)) t(p)');
SELECT pg_temp.expect_error('SELECT ad_fdr(-1e-9) OVER ()');
SELECT pg_temp.expect_error('SELECT ad_fdr(''NaN'') OVER ()');
SELECT pg_temp.expect_error('SELECT ad_fdr(0.1, ''bonferroni'') OVER ()');
SELECT pg_temp.expect_error('SELECT ad_fdr(0.1, NULL) OVER ()');
SELECT pg_temp.expect_error('SELECT ad_fdr(0.1)');
