-- lof among equal rows: the formula over all pairs of rows, what ad_info says of
-- more than k equal ones, and distinct neighbours.
\set SHOW_CONTEXT never
\pset format unaligned

CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql AS
	'SELECT abs(a - b) <= 1e-9 * greatest(abs(b), 1)';
-- the k nearest of all rows, copies beside each other
CREATE FUNCTION pg_temp.lof(rows text, k int) RETURNS TABLE (x float8, y float8, lof float8) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		WITH r AS MATERIALIZED (SELECT *, row_number() OVER (ORDER BY first, i) AS o FROM (SELECT *, min(i) OVER (PARTITION BY x, y) AS first FROM %s) s),
		n AS MATERIALIZED (SELECT * FROM (
			SELECT a.o, b.o AS other, sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2) AS d,
			       row_number() OVER (PARTITION BY a.o ORDER BY sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2), b.o) AS rank
			FROM r a JOIN r b ON a.o <> b.o) s WHERE rank <= $1),
		reach AS MATERIALIZED (SELECT o, max(d) AS reach FROM n GROUP BY o),
		density AS MATERIALIZED (SELECT n.o, 1 / (avg(greatest(d, reach)) + 1e-10) AS density FROM n JOIN reach ON reach.o = other GROUP BY n.o)
		SELECT r.x, r.y, avg(b.density / a.density) FROM n JOIN density a ON a.o = n.o JOIN density b ON b.o = other JOIN r ON r.o = n.o
		GROUP BY r.o, r.x, r.y$q$, rows) USING k;
END $$;
-- rows in an order that decides no tie otherwise than the model's does
CREATE TABLE lof_rows AS
SELECT i, CASE WHEN i <= 90 THEN i % 6 ELSE 7 + i / 10.0 END::float8 AS x, CASE WHEN i <= 90 THEN (i % 6) ^ 2 / 7 ELSE ln(i) END::float8 AS y
FROM generate_series(1, 120) i;
CREATE TABLE lof_distinct AS SELECT min(i) AS i, x, y FROM lof_rows GROUP BY x, y;
WITH found AS (
	SELECT k, x, y, ad_score(ad_fit(ad_lof(k) || ad_prepare(scale => 'none'), x, y) OVER w, x, y) AS lof,
	       ad_score(ad_fit(ad_lof(k, distinct_neighbors => true) || ad_prepare(scale => 'none'), x, y) OVER w, x, y) AS distinct_lof,
	       ad_outlier(ad_lof(k) || ad_prepare(scale => 'none'), x, y) OVER w AS in_sample,
	       ad_outlier(ad_lof(k, distinct_neighbors => true) || ad_prepare(scale => 'none'), x, y) OVER w AS distinct_in_sample
	FROM lof_rows, (VALUES (4), (20)) v(k) WINDOW w AS (PARTITION BY k)),
expected AS (
	SELECT DISTINCT k, a.x, a.y, a.lof, d.lof AS distinct_lof
	FROM (VALUES (4), (20)) v(k), pg_temp.lof('lof_rows', k) a, pg_temp.lof('lof_distinct', k) d WHERE a.x = d.x AND a.y = d.y)
SELECT k, count(*) AS rows, bool_and(pg_temp.near(f.lof, e.lof)) AS lof, bool_and(pg_temp.near(f.in_sample, e.lof)) AS in_sample,
       bool_and(pg_temp.near(f.distinct_lof, e.distinct_lof)) AS distinct_lof, bool_and(pg_temp.near(distinct_in_sample, e.distinct_lof)) AS distinct_in_sample
FROM found f JOIN expected e USING (k, x, y) GROUP BY k ORDER BY k;

-- beside more than k equal rows lof has no measure; ad_info says so
SELECT d, round(ad_score(m, 0.1034)::numeric, 1) > 1000 AS high, ad_score(m, 0.1034) < 1.5 AS usual, round(ad_score(m, 0.1)::numeric, 1) AS equal,
       ad_info(m) #> '{lof,crowded_rows}' AS crowded_rows, ad_info(m) #>> '{lof,hint}' AS hint
FROM (SELECT d, ad_fit(ad_lof(distinct_neighbors => d), CASE WHEN i <= 40 THEN 0.1 ELSE i / 400.0 END) AS m
      FROM generate_series(1, 100) i, (VALUES (false), (true)) v(d) GROUP BY d) f ORDER BY d;
-- as many equal rows as neighbours are not too many
SELECT n, ad_info(ad_fit(ad_lof(5), CASE WHEN i <= n THEN 0 ELSE i END)) #> '{lof,crowded_rows}' AS crowded_rows
FROM (VALUES (5), (6)) v(n), generate_series(1, 30) i GROUP BY n ORDER BY n;
-- distinct_neighbors gives the model of the distinct rows
SELECT md5(string_agg(ad_score(m, v / 7.0)::text, ' ' ORDER BY v)) = md5(string_agg(ad_score(n, v / 7.0)::text, ' ' ORDER BY v)) AS same
FROM (SELECT ad_fit(ad_lof(5, distinct_neighbors => true) || ad_prepare(scale => 'none'), i * i % 101) AS m FROM generate_series(1, 1000) i) m,
     (SELECT ad_fit(ad_lof(5) || ad_prepare(scale => 'none'), v) AS n FROM (SELECT i * i % 101 AS v FROM generate_series(1, 1000) i GROUP BY 1) distinct_rows) n,
     generate_series(0, 800) v;
-- equal rows alone, one distinct row
SELECT ad_score(ad_fit(ad_lof(distinct_neighbors => true), 7), 7) AS equal, ad_outlier(ad_lof(distinct_neighbors => true), 7) OVER () AS in_sample
FROM generate_series(1, 3) GROUP BY generate_series;
DROP TABLE lof_rows, lof_distinct;
