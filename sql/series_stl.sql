-- STL and MSTL against R and statsmodels (test/golden/series_README.md).
SET extra_float_digits = 1;
\set SHOW_CONTEXT never
CREATE TEMP TABLE golden (series text, kase text, n int, i int, y float8,
	seasonal float8, trend float8, remainder float8, weight float8);
\copy golden from program 'gzip -dc test/golden/series_stl.csv.gz' csv
CREATE TEMP TABLE kases (kase text, options jsonb);
INSERT INTO kases VALUES
	('A', ad_stl_options(period => 12, seasonal_window => 'periodic')),
	('B', ad_stl_options(period => 12, seasonal_window => 7)),
	('C', ad_stl_options(period => 12, seasonal_window => 7, robust => true)),
	('D', ad_stl_options(period => 12, seasonal_window => 13, seasonal_degree => 1,
		seasonal_jump => 1, trend_jump => 1, lowpass_jump => 1, inner_iterations => 5)),
	('E', ad_stl_options(period => 12, seasonal_window => 13, seasonal_degree => 1,
		seasonal_jump => 1, trend_jump => 1, lowpass_jump => 1, robust => true, inner_iterations => 2)),
	('F', ad_stl_options(period => 12, seasonal_window => 35, seasonal_degree => 1,
		robust => true, inner_iterations => 1, outer_iterations => 6)),
	('G', ad_stl_options(period => 12, seasonal_window => 'periodic', robust => true));

CREATE TEMP VIEW fits AS
SELECT g.series, g.kase, g.n, max(y) - min(y) AS range,
	array_agg(seasonal ORDER BY i) es, array_agg(trend ORDER BY i) et,
	array_agg(remainder ORDER BY i) er, array_agg(weight ORDER BY i) ew,
	ad_stl_array(array_agg(y ORDER BY i), (SELECT options FROM kases k WHERE k.kase = g.kase)) f
FROM golden g GROUP BY 1, 2, 3;
CREATE TEMP VIEW worst AS
SELECT series, kase, n, greatest(max(abs(s - es)) / max(range), max(abs(t - et)) / max(range),
	max(abs(r - er)) / max(range), max(abs(w - ew))) AS error
FROM (SELECT series, kase, n, range, unnest((f).seasonal) s, unnest(es) es, unnest((f).trend) t, unnest(et) et,
	unnest((f).remainder) r, unnest(er) er, unnest((f).weight) w, unnest(ew) ew FROM fits) x
GROUP BY 1, 2, 3;
SELECT kase, count(*) AS series, bool_and(error < 1e-9) AS equal FROM worst GROUP BY 1 ORDER BY 1;
-- the same at every SIMD level, to the bit
SET anomaly.simd = 'off';
CREATE TEMP TABLE scalar AS SELECT md5(string_agg(f::text, ',' ORDER BY series, kase, n)) AS m FROM fits;
SET anomaly.simd = 'avx2';
SELECT md5(string_agg(f::text, ',' ORDER BY series, kase, n)) = (SELECT m FROM scalar) AS avx2 FROM fits;
SET anomaly.simd = 'auto';
SELECT md5(string_agg(f::text, ',' ORDER BY series, kase, n)) = (SELECT m FROM scalar) AS auto FROM fits;

-- several seasons, against R's stl inside the published loop
CREATE TEMP TABLE m (i int, y float8, s1 float8, s2 float8, trend float8, remainder float8);
\copy m from program 'gzip -dc test/golden/series_mstl.csv.gz' csv
SELECT greatest(max(abs(a - s1)), max(abs(b - s2)), max(abs(c - trend)), max(abs(d - remainder))) / (max(y) - min(y)) < 1e-9 AS equal
FROM (SELECT i, (f).seasonals[1] a, (f).seasonals[2] b, (f).trend c, (f).remainder d, y, s1, s2, trend, remainder
	FROM (SELECT *, ad_stl(y, i::bigint, ad_stl_options(period => ARRAY[168, 24])) OVER (ORDER BY i) f FROM m) x) z;
-- the window function is the array function
SELECT bool_and((w).trend = t AND (w).seasonal = s AND (w).score = c AND (w).window_score = ws AND (w).anomaly = a AND (w).expected_low = lo)
FROM (SELECT i, ad_stl(y, i::bigint, '{"period": 24, "robust": true}') OVER (ORDER BY i) w FROM m) x
JOIN (SELECT o - 1 AS i, t, s, c, ws, a, lo FROM (SELECT ad_stl_array(array_agg(y ORDER BY i), '{"period": 24, "robust": true}') f FROM m) q,
	unnest((f).trend, (f).seasonal, (f).score, (f).window_score, (f).anomaly, (f).expected_low) WITH ORDINALITY u(t, s, c, ws, a, lo, o)) y USING (i);

-- noise without a random number generator
CREATE FUNCTION pg_temp.noise(i int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT (('x' || substr(md5(i::text), 1, 8))::bit(32)::bigint)::float8 / 4294967296 + (('x' || substr(md5(i::text), 9, 8))::bit(32)::bigint)::float8 / 4294967296 - 1 $$;

-- a spike of a thousand deviations is flagged in every mode (deviation of
-- the noise: 0.41), with its sign, and little else is
CREATE TEMP TABLE base AS SELECT i, 10 + 3 * sin(2 * pi() * i / 24) + pg_temp.noise(i) AS y FROM generate_series(1, 480) i;
SELECT n, method, robust, bool_and(CASE WHEN i = 100 THEN a = sign ELSE true END) AS flagged
FROM (VALUES (480), (60)) sizes(n), unnest(ARRAY['mad', 'iqr', 'sigma', 'pot']) method, unnest(ARRAY[true, false]) robust, (VALUES (1), (-1)) signs(sign),
	LATERAL (SELECT ad_stl_array(array_agg(y + CASE WHEN i = least(100, n / 2) THEN sign * 410 ELSE 0 END ORDER BY i),
		ad_stl_options(period => 24, robust => robust, threshold_method => method)) f FROM base WHERE i <= n) d,
	unnest((f).anomaly) WITH ORDINALITY u(a, o), LATERAL (SELECT CASE WHEN o = least(100, n / 2) THEN 100 END) w(i)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- constant but for one point
SELECT (ad_stl_array(array_agg(CASE WHEN i = 50 THEN 6 ELSE 5 END::float8 ORDER BY i), ad_stl_options(period => 10, robust => r, threshold_method => method))).anomaly[50]
FROM generate_series(1, 100) i, unnest(ARRAY[true, false]) r, unnest(ARRAY['mad', 'iqr', 'sigma', 'pot']) method GROUP BY r, method;

-- gaps: NULL, absent, duplicate, out of order
CREATE TEMP TABLE g AS SELECT timestamptz '2024-03-01 00:00+00' + i * interval '1 hour' AS ts, y AS v FROM base WHERE i NOT BETWEEN 100 AND 110;
INSERT INTO g SELECT ts, v + 2 FROM g WHERE ts = '2024-03-02 00:00+00';
UPDATE g SET v = NULL WHERE ts BETWEEN '2024-03-10 00:00+00' AND '2024-03-10 03:00+00';
SELECT count(*), count((d).trend) AS trend, count((d).seasonal) AS seasonal, count((d).remainder) AS remainder,
	count(*) FILTER (WHERE (d).weight = 0) AS weightless, max(abs((d).trend + (d).seasonal + (d).remainder - v)) < 1e-12 AS adds_up
FROM (SELECT v, ad_stl(v, ts, ad_stl_options(period => '1 day')) OVER (ORDER BY ts) d FROM g) s;
-- any order gives the same
SELECT count(*) FILTER (WHERE abs((a).trend - (b).trend) > 1e-9) AS differ
FROM (SELECT ad_stl(v, ts, ad_stl_options(period => '1 day')) OVER (ORDER BY ts) a,
	ad_stl(v, ts, ad_stl_options(period => '1 day')) OVER (ORDER BY md5(ts::text), v) b FROM g) s;
SELECT count(*), count(*) FILTER (WHERE NOT observed) AS absent, count(value) AS "values", bool_and(trend IS NOT NULL) AS trend
FROM ad_decompose('SELECT ts, v FROM g', ad_stl_options(period => '1 day'));
SELECT value FROM ad_decompose('SELECT ts, round(v::numeric, 3) FROM g WHERE v IS NOT NULL', ad_stl_options(period => '1 day', duplicates => 'last')) WHERE time = '2024-03-02 00:00+00';
SELECT ad_stl(v, ts, ad_stl_options(period => '1 day', duplicates => 'error')) OVER (ORDER BY ts) FROM g;
SELECT count(d) FROM (SELECT ad_stl(v, ts, ad_stl_options(period => '1 day', duplicates => 'error', on_error => 'null')) OVER (ORDER BY ts) d FROM g) s;

-- the wall clock: a peak at 09:00 in Berlin stays there when the clock changes
CREATE TEMP TABLE dst AS SELECT ts, CASE WHEN extract(hour FROM ts AT TIME ZONE 'Europe/Berlin') = 9 THEN 10 ELSE 0 END::float8 AS v
FROM generate_series(timestamptz '2024-03-01 00:00+01', '2024-04-30 00:00+02', '1 hour') ts;
SELECT zone, max(abs((d).remainder)) < 1e-6 AS follows
FROM (SELECT 'Europe/Berlin' AS zone, ad_stl(v, ts, ad_stl_options(period => '1 day', seasonal_window => 'periodic', timezone => 'Europe/Berlin')) OVER (ORDER BY ts) d FROM dst
	UNION ALL SELECT 'none', ad_stl(v, ts, ad_stl_options(period => '1 day', seasonal_window => 'periodic')) OVER (ORDER BY ts) FROM dst) s GROUP BY 1 ORDER BY 1;
-- in autumn an hour comes twice: not a duplicate
SELECT count((d).trend) FROM (SELECT ad_stl(1, ts, ad_stl_options(period => '1 day', timezone => 'Europe/Berlin', duplicates => 'error')) OVER (ORDER BY ts) d
	FROM generate_series(timestamptz '2024-10-20 00:00+02', '2024-11-03 00:00+01', '1 hour') ts) s;

-- calendar months are steps
SELECT count(*), count(*) FILTER (WHERE NOT observed) AS absent, max(time) = '2019-12-15 00:00+00' AS ends
FROM ad_decompose($$SELECT timestamptz '2012-01-15 00:00+00' + m * interval '1 month', sin(m * pi() / 6) FROM generate_series(0, 95) m WHERE m NOT IN (50, 51)$$, ad_stl_options(period => '1 year'));

-- short series: trend only, one notice a query
SELECT series, count((d).trend), max(abs((d).seasonal)) FROM (SELECT i % 3 AS series, ad_stl(i, i::bigint / 3, '{"period": 24}') OVER (PARTITION BY i % 3 ORDER BY i) d FROM generate_series(1, 60) i) s GROUP BY 1 ORDER BY 1;
SELECT (ad_stl_array(ARRAY[1], '{"period": 2}')).trend;
SELECT ad_stl_array('{}', '{"period": 2}');
SELECT ad_stl_array(NULL, '{"period": 2}');

-- bad input
SELECT (ad_stl_array(ARRAY[NULL, NULL, NULL, NULL]::float8[], '{"period": 2}')).*;
SELECT (d).* FROM (SELECT ad_stl(NULL, i::bigint, '{"period": 2}') OVER (ORDER BY i) d FROM generate_series(1, 6) i) s LIMIT 1;
SELECT (d).trend, (d).remainder, (d).score, (d).anomaly FROM (SELECT ad_stl(7, i::bigint, '{"period": 2}') OVER (ORDER BY i) d FROM generate_series(1, 9) i) s LIMIT 1;
SELECT r[5], s[5], a[5], r[6] < 1 AS finite FROM (SELECT (f).remainder r, (f).score s, (f).anomaly a FROM (SELECT ad_stl_array(array_agg(CASE i WHEN 5 THEN '-Infinity'::float8 ELSE i % 2 END ORDER BY i), '{"period": 2}') f FROM generate_series(1, 20) i) q) z;
SELECT bool_and(abs(t - 1e308) < 1e300) FROM unnest((ad_stl_array(array_fill(1e308::float8, ARRAY[40]), '{"period": 4}')).trend) t;
SELECT count(d) FROM (SELECT ad_stl(1, timestamptz '2024-01-01', '{"period": "1 day"}') OVER () d FROM generate_series(1, 3)) s;
SELECT count(d) FROM (SELECT ad_stl(1, ts, '{"period": 2}') OVER () d FROM unnest(ARRAY[NULL, 'infinity', '-infinity']::timestamptz[]) ts) s;
SELECT ad_stl_options(period => 0);
SELECT ad_stl_options(period => 1);
SELECT ad_stl_options(period => -5);
SELECT ad_stl_options(period => 24.5);
SELECT ad_stl_options(period => 'NaN'::float8);
SELECT ad_stl_options(period => '1 fortnight');
SELECT ad_stl_options(period => '-1 day');
SELECT ad_stl_options(period => '0 days');
SELECT ad_stl_options(period => true);
SELECT ad_stl_options(period => now());
SELECT ad_stl_options(period => ARRAY[24, NULL]);
SELECT ad_stl_options(period => 24, seasonal_window => 8);
SELECT ad_stl_options(period => 24, seasonal_window => 'weekly');
SELECT ad_stl_options(period => ARRAY[24, 168], seasonal_window => ARRAY[7, 7, 7]);
SELECT ad_stl_options(trend_window => 10);
SELECT ad_stl_options(trend_degree => 2);
SELECT ad_stl_options(threshold_method => 'mode');
SELECT ad_stl_options(threshold => 0);
SELECT ad_stl_options(threshold => 3, threshold_method => 'pot');
SELECT ad_stl_options(timezone => 'Mars/Olympus');
SELECT ad_stl_array(ARRAY[1, 2], '{"perod": 2}');
SELECT ad_stl_array(ARRAY[1, 2], '[]');
SELECT ad_stl_array(ARRAY[[1, 2], [3, 4]], '{"period": 2}');
SELECT ad_stl_array(ARRAY[1, 2, 3, 4], '{"period": "1 day"}');
SELECT ad_stl(1, i::bigint, '{"period": "1 day"}') OVER () FROM generate_series(1, 9) i;
SELECT ad_stl(1, timestamp '2024-01-01', '{"timezone": "UTC"}') OVER ();
SELECT ad_stl(1, ts, '{"period": "1 day"}') OVER () FROM generate_series(timestamptz '2024-01-01', '2024-01-09', '7 hours') ts;
SELECT ad_stl(1, ts, '{"period": "1 minute"}') OVER () FROM generate_series(timestamptz '2024-01-01', '2024-01-09', '7 hours') ts;
SELECT ad_stl(1, ts, NULL) OVER () FROM generate_series(timestamptz '2024-01-01', '2024-01-09', '7 hours') ts;
SELECT count(d) FROM (SELECT ad_stl(1, ts, '{"period": "1 day", "on_error": "null"}') OVER () d FROM generate_series(timestamptz '2024-01-01', '2024-01-09', '7 hours') ts) s;
-- one stray time must not ask for a grid of a century of seconds
SELECT ad_stl(1, ts, '{"period": 60}') OVER () FROM (SELECT timestamptz '2024-01-01' + i * interval '1 second' FROM generate_series(1, 200) i UNION ALL SELECT '1924-01-01') x(ts);
SELECT ad_stl(1, i, '{"period": 2}') OVER () FROM unnest(ARRAY[-9223372036854775808, -9223372036854775807, 9223372036854775807]) i;
SELECT * FROM ad_decompose('DROP TABLE base');
SELECT * FROM ad_decompose('SELECT 1');
SELECT * FROM ad_decompose('SELECT now(), ''x''');
-- times and values with gaps in options
SELECT ad_stl_options(period => interval '1 day 2 hours', step => interval '1 hour', seasonal_window => 'periodic');
SELECT array_dims((ad_stl_array(array_agg((i % 4)::float8), ad_stl_options(period => '1 hour', step => '15 minutes'))).seasonals) FROM generate_series(1, 40) i;
-- without a season it is 0, whatever the memory held before
SELECT k, (SELECT max(abs(x)) FROM unnest((d).seasonal) x) = 0 AS zero
FROM (SELECT k, ad_stl_array(array(SELECT sin(i + k) FROM generate_series(1, 50) i), CASE k % 2 WHEN 1 THEN '{"period": 4}' ELSE '{"period": "none"}' END::jsonb) d FROM generate_series(1, 4) k OFFSET 0) s;

-- Times that jitter: every five minutes and up to a minute late, some missing.
CREATE TEMP TABLE late AS
SELECT timestamptz '2026-01-01 00:00+00' + i * interval '5 minutes' + ad_random(1, i) * interval '59 seconds' AS ts,
       3 * sin(2 * pi() * i / 288) + ad_random(2, i, 'normal') AS v
FROM generate_series(0, 4031) i WHERE ad_random(3, i) < 0.9;
-- the season is found, and nothing shares a point
SELECT options, count(DISTINCT round((d).seasonal::numeric, 6)) > 2000 AS seasonal, count(*) FILTER (WHERE (d).anomaly <> 0) < 10 AS quiet
FROM (SELECT options, ad_stl(v, ts, options) OVER (PARTITION BY options ORDER BY ts) d
      FROM late, unnest(ARRAY['{"period": "1 day", "duplicates": "error"}', '{"period": "1 day", "step": "5 min"}', '{"period": 288}', '{}']::jsonb[]) options) x
GROUP BY 1 ORDER BY 1;
SELECT points, period FROM unnest((SELECT ad_periods(v, ts) FROM late));
-- a step that is given is the step: of hours in six, a day is four
SELECT count(DISTINCT round((d).seasonal::numeric, 2)) AS seasons
FROM (SELECT ad_stl((i % 24) ^ 2, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour', '{"period": "1 day", "step": "6 hours", "seasonal_window": "periodic"}') OVER (ORDER BY i) d
      FROM generate_series(0, 959) i) x;
SELECT count(DISTINCT round((d).seasonal::numeric, 2)) AS seasons
FROM (SELECT ad_stl(i % 6, i * 10 + i % 3, '{"period": 6, "step": 10, "seasonal_window": "periodic"}') OVER (ORDER BY i) d
      FROM generate_series(0::bigint, 599) i) x;
