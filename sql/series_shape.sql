-- Discords, sub-sequence PCA, change points, plots.
CREATE FUNCTION pg_temp.u(a bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT ((hashint8extended(a, 42) >> 11) & ((1::bigint << 52) - 1))::float8 / (1::bigint << 52) $$;
-- a series with flat stretches, a missing point, an infinite one and a spike
CREATE TEMP TABLE o AS SELECT i, CASE WHEN i BETWEEN 100 AND 130 OR i BETWEEN 200 AND 220 THEN 1 WHEN i = 250 THEN NULL WHEN i = 270 THEN 'Infinity'
	WHEN i = 50 THEN 1e5 ELSE sin(i / 7.0) + 0.2 * pg_temp.u(i) END::float8 AS v FROM generate_series(1, 300) i;
-- the naive oracle: every window against every other
CREATE FUNCTION pg_temp.oracle(m int, exclusion int) RETURNS TABLE (i int, d float8) LANGUAGE sql AS $$
WITH w AS (SELECT s, (SELECT array_agg(v ORDER BY i) FROM o WHERE i BETWEEN s AND s + m - 1) z FROM generate_series(1, 300 - m + 1) s),
k AS (SELECT s, z, (SELECT avg(u) FROM unnest(z) u) mu, (SELECT stddev_pop(u) FROM unnest(z) u) sd FROM w
	WHERE NOT EXISTS (SELECT FROM unnest(z) u WHERE u IS NULL OR u = 'Infinity')),
n AS (SELECT s, ARRAY(SELECT CASE WHEN (SELECT max(u) = min(u) FROM unnest(z) u) THEN 0 ELSE (u - mu) / sd END FROM unnest(z) WITH ORDINALITY t(u, o) ORDER BY o) z FROM k)
SELECT a.s, min((SELECT sqrt(sum((p - q) ^ 2)) FROM unnest(a.z, b.z) t(p, q))) FROM n a JOIN n b ON abs(a.s - b.s) > exclusion GROUP BY 1 $$;
SELECT m, count(*) AS windows, max(abs(d - distance)) < 1e-9 AS equal, count(*) FILTER (WHERE (d IS NULL) <> (distance IS NULL)) AS differ
FROM (VALUES (8, 2), (16, 4), (21, 6)) c(m, e), LATERAL (SELECT i, (ad_discord(v, m) OVER (ORDER BY i)).distance FROM o) p LEFT JOIN LATERAL pg_temp.oracle(m, e) x USING (i)
WHERE i <= 301 - m GROUP BY 1 ORDER BY 1;
SELECT max(abs(d - distance)) < 1e-9 AS equal FROM (SELECT i, (ad_discord(v, 16, '{"exclusion": 30}') OVER (ORDER BY i)).distance FROM o) p JOIN pg_temp.oracle(16, 30) x USING (i);
-- the neighbour is at that distance, and far enough
SELECT bool_and(abs(neighbor - i) > 4) FROM (SELECT i, (ad_discord(v, 16) OVER (ORDER BY i)).* FROM o) p WHERE neighbor IS NOT NULL;
-- a planted shape is the discord; the same at every SIMD level
CREATE TEMP TABLE p AS SELECT i, sin(i / 7.0) + 0.2 * pg_temp.u(i) + CASE WHEN i BETWEEN 2000 AND 2040 THEN 0.8 ELSE 0 END AS v FROM generate_series(1, 4000) i;
SELECT i BETWEEN 1900 AND 2040 AS there FROM (SELECT i, (ad_discord(v, 100) OVER (ORDER BY i)).* FROM p) s ORDER BY distance DESC NULLS LAST LIMIT 1;
SELECT bool_and(i BETWEEN 1900 AND 2140) AS there FROM (SELECT i, score FROM (SELECT i, (ad_discord(v, 100) OVER (ORDER BY i)).* FROM p) s ORDER BY score DESC LIMIT 10) t;
SET anomaly.simd = 'off';
CREATE TEMP TABLE scalar AS SELECT md5(string_agg(d::text, ',' ORDER BY i)) AS m FROM (SELECT i, ad_discord(v, 100) OVER (ORDER BY i) d FROM p) s;
SET anomaly.simd = 'avx2';
SELECT md5(string_agg(d::text, ',' ORDER BY i)) = (SELECT m FROM scalar) AS avx2 FROM (SELECT i, ad_discord(v, 100) OVER (ORDER BY i) d FROM p) s;
SET anomaly.simd = 'auto';
SELECT md5(string_agg(d::text, ',' ORDER BY i)) = (SELECT m FROM scalar) AS auto FROM (SELECT i, ad_discord(v, 100) OVER (ORDER BY i) d FROM p) s;
-- sub-sequence PCA
SELECT bool_and(i BETWEEN 1950 AND 2090) AS there FROM (SELECT i, ad_subpca(v, 50) OVER (ORDER BY i) s FROM p ORDER BY 2 DESC LIMIT 10) t;
-- small and bad
SELECT count((d).distance) FROM (SELECT ad_discord(i, 8) OVER (ORDER BY i) d FROM generate_series(1, 9) i) s;
SELECT count((d).distance) FROM (SELECT ad_discord(NULL, 8) OVER () d FROM generate_series(1, 99) i) s;
SELECT DISTINCT (d).distance FROM (SELECT ad_discord(5, 8) OVER (ORDER BY i) d FROM generate_series(1, 99) i) s;
SELECT max(s), count(s) FROM (SELECT ad_subpca(5, 8) OVER (ORDER BY i) s FROM generate_series(1, 99) i) x;
SELECT count(s) FROM (SELECT ad_subpca(i, 8) OVER (ORDER BY i) s FROM generate_series(1, 9) i) x;
SELECT ad_discord(1, 3) OVER ();
SELECT ad_discord(1, NULL) OVER ();
SELECT ad_discord(1, 8, '{"exclude": 3}') OVER ();
SELECT ad_discord(1, 8, '{"exclusion": -1}') OVER ();
SELECT ad_subpca(1, 1) OVER ();
SELECT ad_subpca(1, 257) OVER ();

-- change points
SELECT ad_changepoints(array_agg(pg_temp.u(i) + CASE WHEN i > 300 AND i <= 600 THEN 3 WHEN i > 600 THEN -1 ELSE 0 END ORDER BY i)) FROM generate_series(1, 1000) i;
SELECT ad_changepoints(array_agg(pg_temp.u(i) ORDER BY i)) FROM generate_series(1, 1000) i;
SELECT ad_changepoints(array_agg(CASE WHEN i % 10 <> 0 THEN (i > 50)::int END::float8 ORDER BY i)) FROM generate_series(1, 100) i;
-- the optimum over all segmentations, by dynamic programming without pruning
CREATE FUNCTION pg_temp.best(y float8[], penalty float8) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE n int := cardinality(y); s float8; c float8[]; f int[]; a float8; d float8; m float8; x int[] := '{}';
BEGIN
	SELECT 1.4826022185056018 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(y[i + 1] - y[i])) / sqrt(2) INTO s FROM generate_series(1, n - 1) i;
	c[0] := -penalty;
	FOR t IN 2 .. n LOOP
		c[t] := 'Infinity';
		FOR b IN 0 .. t - 2 LOOP
			CONTINUE WHEN b = 1;
			SELECT avg(v / s) INTO m FROM unnest(y[b + 1 : t]) v;
			SELECT sum((v / s - m) ^ 2) INTO d FROM unnest(y[b + 1 : t]) v;
			a := c[b] + d + penalty;
			IF a < c[t] THEN c[t] := a; f[t] := b; END IF;
		END LOOP;
	END LOOP;
	WHILE f[n] > 0 LOOP n := f[n]; x := (n + 1) || x; END LOOP;
	RETURN x;
END $$;
SELECT k, ad_changepoints(y, 'pelt', 6) = pg_temp.best(y, 6) AS optimal FROM (SELECT k, array_agg(pg_temp.u(k * 1000 + i) + pg_temp.u(k * 77 + i / (7 + k)) * 2 ORDER BY i) y FROM generate_series(1, 5) k, generate_series(1, 60) i GROUP BY 1) s ORDER BY 1;
SELECT ad_changepoints('{}'), ad_changepoints(ARRAY[1]), ad_changepoints(ARRAY[NULL, NULL]::float8[]), ad_changepoints(NULL);
SELECT ad_changepoints(ARRAY[1, 2, 3], 'binseg');
SELECT ad_changepoints(ARRAY[1, 2, 3], 'pelt', 0);
SELECT ad_changepoints(ARRAY[1, 2, 3], 'pelt', 1, 0);
