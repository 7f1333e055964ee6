-- Periods: real series, generated ones, noise.
CREATE TEMP TABLE nab (series text, ts timestamp, v float8, label int);
CREATE TEMP TABLE load (ts timestamp, v float8, label int);
\copy load from program 'gzip -dc test/data/series/nab_nyc_taxi.csv.gz | tail -n +2' csv
INSERT INTO nab SELECT 'nyc_taxi', * FROM load; TRUNCATE load;
\copy load from program 'gzip -dc test/data/series/nab_cpu_asg_misconfig.csv.gz | tail -n +2' csv
INSERT INTO nab SELECT 'cpu_asg_misconfig', * FROM load; TRUNCATE load;
\copy load from program 'gzip -dc test/data/series/nab_ambient_temperature.csv.gz | tail -n +2' csv
INSERT INTO nab SELECT 'ambient_temperature', * FROM load; TRUNCATE load;
\copy load from program 'gzip -dc test/data/series/nab_elb_request_count.csv.gz | tail -n +2' csv
INSERT INTO nab SELECT 'elb_request_count', * FROM load; TRUNCATE load;
\copy load from program 'gzip -dc test/data/series/nab_machine_temperature.csv.gz | tail -n +2' csv
INSERT INTO nab SELECT 'machine_temperature', * FROM load; TRUNCATE load;
\copy load from program 'gzip -dc test/data/series/nab_occupancy_t4013.csv.gz | tail -n +2' csv
INSERT INTO nab SELECT 'occupancy', * FROM load; TRUNCATE load;
\copy load from program 'gzip -dc test/data/series/nab_rds_cpu_cc0c53.csv.gz | tail -n +2' csv
INSERT INTO nab SELECT 'rds_cpu', * FROM load; TRUNCATE load;
\copy load from program 'gzip -dc test/data/series/nab_twitter_AAPL.csv.gz | tail -n +2' csv
INSERT INTO nab SELECT 'twitter_AAPL', * FROM load; TRUNCATE load;
SELECT series, points, period, strength > 0.3 AS strong
FROM (SELECT series, ad_periods(v, ts) p FROM nab GROUP BY 1) s LEFT JOIN LATERAL unnest(p) ON true ORDER BY 1, 2;
-- "auto" decomposes with them
SELECT series, array_length((d).seasonals, 1) AS seasons, max(abs((d).seasonal)) > 0 AS seasonal
FROM (SELECT series, ad_stl(v, ts) OVER (PARTITION BY series ORDER BY ts) d FROM nab) s GROUP BY 1, 2 ORDER BY 1;

-- Generated series, 100 of each kind. u: uniform, from a hash.
CREATE FUNCTION pg_temp.u(a int, b int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT ((hashint8extended(a::bigint * 1000003 + b, 42) >> 11) & ((1::bigint << 52) - 1))::float8 / (1::bigint << 52)
$$;
-- about normal: twelve would be nicer, four will do
CREATE FUNCTION pg_temp.z(a int, b int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT (pg_temp.u(a, b) + pg_temp.u(a + 7919, b) + pg_temp.u(a + 15838, b) + pg_temp.u(a + 23757, b) - 2) * sqrt(3.0)
$$;
-- a sine or a sawtooth, of deviation 1
CREATE FUNCTION pg_temp.wave(sine boolean, i int, period int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN sine THEN sqrt(2) * sin(2 * pi() * i / period)
		ELSE sqrt(12) * ((i % period)::float8 / period - 0.5) END
$$;
-- One or two periods, each of 1.5 to 3 times the deviation of the noise, the
-- second 2.6 to 3.8 times the first; a quadratic trend.
CREATE TEMP TABLE plan AS
SELECT k, 800 + (pg_temp.u(k, 1) * 2200)::int AS n, p1,
       CASE WHEN pg_temp.u(k, 3) < 0.5 THEN (p1 * (2.6 + 1.2 * pg_temp.u(k, 4)))::int END AS p2,
       pg_temp.u(k, 6) < 0.5 AS sine1, 1.5 + 1.5 * pg_temp.u(k, 7) AS size1,
       pg_temp.u(k, 8) < 0.5 AS sine2, 1.5 + 1.5 * pg_temp.u(k, 9) AS size2,
       (pg_temp.u(k, 31) - 0.5) * 10 AS slope, (pg_temp.u(k, 32) - 0.5) * 6 AS bend
FROM (SELECT k, 6 + (exp(pg_temp.u(k, 2) * 1.8) * 4)::int AS p1 FROM generate_series(1, 100) k) p;
-- 5 spikes in 1,000 points, of 8 to 20 deviations
CREATE FUNCTION pg_temp.spike(k int, i int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN pg_temp.u(k + 5000, i) < 0.005
		THEN sign(pg_temp.u(k + 6000, i) - 0.5) * (8 + 12 * pg_temp.u(k + 7000, i)) ELSE 0 END
$$;
CREATE TEMP TABLE made AS
SELECT k, i, pg_temp.wave(sine1, i, p1) * size1
	+ CASE WHEN p2 IS NULL THEN 0 ELSE pg_temp.wave(sine2, i, p2) * size2 END
	+ slope * i / n + bend * (i::float8 / n) ^ 2
	+ pg_temp.z(k * 100003, i)
	+ pg_temp.spike(k, i) AS v
FROM plan, generate_series(1, n) i;
-- up to four gaps, of at most a fortieth each
UPDATE made SET v = NULL
FROM (SELECT k, pg_temp.u(k, 10 + g) * n AS first, pg_temp.u(k, 20 + g) * n / 40 AS length
      FROM plan, generate_series(1, (pg_temp.u(k, 5) * 4)::int) g) gap
WHERE made.k = gap.k AND i BETWEEN first AND first + length;
CREATE TEMP TABLE found AS
SELECT k, array(SELECT points FROM unnest(p) ORDER BY points) AS got
FROM (SELECT k, ad_periods(v, i::bigint) p FROM made GROUP BY 1) s;
SELECT count(*) FILTER (WHERE cardinality(got) = 1 + (p2 IS NOT NULL)::int AND abs(got[1] - p1) <= 1
	AND (p2 IS NULL OR abs(got[2] - p2) <= 1)) >= 98 AS found
FROM plan JOIN found USING (k);
-- nothing in white noise, nothing in random walks
CREATE TEMP TABLE noise AS
SELECT k, i, pg_temp.z(k * 200003 + 11, i) AS v
FROM generate_series(1, 100) k, generate_series(1, 500 + k * 15) i;
SELECT count(*) FILTER (WHERE cardinality(p) = 0) AS none
FROM (SELECT k, ad_periods(v, i::bigint) p FROM noise GROUP BY 1) s;
SELECT count(*) FILTER (WHERE cardinality(p) = 0) AS none
FROM (SELECT k, ad_periods(w, i::bigint) p
      FROM (SELECT k, i, sum(v) OVER (PARTITION BY k ORDER BY i) w FROM noise) x GROUP BY 1) s;

-- Shapes of known periods, exact and in noise of deviation 1; what differs is
-- listed. h: hours or days of a season's high part.
CREATE FUNCTION pg_temp.pulse(i int, period int, h int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT ((i + 3) % period < h)::int::float8
$$;
CREATE TEMP TABLE shape (name text, want bigint[], i int, v float8);
INSERT INTO shape SELECT 'sawtooth of ' || m, ARRAY[m], i, i % m
FROM generate_series(2, 60) m, generate_series(1, 12 * m + 5) i;
INSERT INTO shape SELECT 'square of ' || m, ARRAY[m], i, 20 + 60 * pg_temp.pulse(i, m, 2 * m / 5)
FROM unnest(ARRAY[5, 7, 12, 24, 60, 100, 288]) m, generate_series(1, 20 * m + 5) i;
INSERT INTO shape SELECT 'one pulse in ' || m || ' of ' || size, ARRAY[m], i, size * pg_temp.pulse(i, m, 1) + pg_temp.z(m * 101 + size, i)
FROM unnest(ARRAY[12, 24, 48, 96, 288]) m, unnest(ARRAY[10, 100]) size, generate_series(1, 30 * m + 5) i;
INSERT INTO shape SELECT 'nightly hour of ' || size, ARRAY[288], i, size * pg_temp.pulse(i, 288, 12) + pg_temp.z(size, i)
FROM unnest(ARRAY[10, 100]) size, generate_series(1, 60 * 288) i;
INSERT INTO shape SELECT 'exact nightly hour', ARRAY[288], i, pg_temp.pulse(i, 288, 12) FROM generate_series(1, 60 * 288) i;
INSERT INTO shape SELECT 'noisy sawtooth of ' || m, ARRAY[m], i, 10.0 * (i % m) / m + pg_temp.z(m * 103, i)
FROM unnest(ARRAY[7, 12, 30, 60, 144]) m, generate_series(1, 20 * m + 400) i;
INSERT INTO shape SELECT 'shift and ' || m, ARRAY[m], i, 3 * sin(2 * pi() * i / m) + 100 * (i > 17 * m)::int + pg_temp.z(m * 107, i)
FROM unnest(ARRAY[7, 12, 24, 48, 168]) m, generate_series(1, 30 * m + 5) i;
INSERT INTO shape SELECT 'outliers and ' || m, ARRAY[m], i,
	3 * sin(2 * pi() * i / m) + pg_temp.z(m * 109, i) + 50 * (pg_temp.u(m * 113, i) < 0.01)::int * sign(pg_temp.u(m * 127, i) - 0.5)
FROM unnest(ARRAY[12, 24, 48, 168]) m, generate_series(1, 30 * m + 5) i;
INSERT INTO shape SELECT 'steep trend and ' || m, ARRAY[m], i, 3 * sin(2 * pi() * i / m) + i + pg_temp.z(m * 131, i)
FROM unnest(ARRAY[7, 24, 168]) m, generate_series(1, 30 * m + 5) i;
INSERT INTO shape SELECT 'few points, ' || c || ' cycles of 7', ARRAY[7], i, 10 * sin(2 * pi() * i / 7) + pg_temp.z(c, i)
FROM unnest(ARRAY[4, 6, 8]) c, generate_series(1, 7 * c) i;
INSERT INTO shape SELECT 'two exact ones', ARRAY[7, 30], i, i % 7 + i % 30 FROM generate_series(1, 2000) i;
INSERT INTO shape SELECT 'working days', ARRAY[24, 168], i,
	(i / 24 % 7 < 5)::int * (5 + 5 * sin(2 * pi() * i / 24)) + pg_temp.z(137, i) FROM generate_series(1, 20 * 168) i;
INSERT INTO shape SELECT 'a swelling season', ARRAY[24], i, (3 + i * 9.0 / 2000) * sin(2 * pi() * i / 24) + pg_temp.z(139, i) FROM generate_series(1, 2000) i;
INSERT INTO shape SELECT 'a season one hour early for half a year', ARRAY[24], i,
	3 * sin(2 * pi() * (i + (i BETWEEN 700 AND 1500)::int) / 24) + pg_temp.z(149, i) FROM generate_series(1, 2000) i;
INSERT INTO shape SELECT 'scale ' || scale, ARRAY[24], i, scale * sin(2 * pi() * i / 24)
FROM unnest(ARRAY[1e-300, 1e-3, 1.7e308]) scale, generate_series(1, 500) i;
INSERT INTO shape SELECT 'far from 0', ARRAY[24], i, 1e9 + 1e-3 * sin(2 * pi() * i / 24) FROM generate_series(1, 500) i;
INSERT INTO shape SELECT 'a line', ARRAY[]::bigint[], i, i FROM generate_series(1, 2000) i;
INSERT INTO shape SELECT 'a parabola', ARRAY[]::bigint[], i, i * i FROM generate_series(1, 2000) i;
INSERT INTO shape SELECT 'a step', ARRAY[]::bigint[], i, (i > 700)::int FROM generate_series(1, 2000) i;
INSERT INTO shape SELECT 'one spike', ARRAY[]::bigint[], i, (i = 700)::int FROM generate_series(1, 2000) i;
INSERT INTO shape SELECT 'a coin', ARRAY[]::bigint[], i, (pg_temp.u(151, i) < 0.5)::int FROM generate_series(1, 2000) i;
INSERT INTO shape SELECT 'mostly 0', ARRAY[]::bigint[], i, greatest(pg_temp.u(157, i) - 0.95, 0) FROM generate_series(1, 2000) i;
SELECT name, want, got
FROM (SELECT name, want, count(*), array(SELECT points FROM unnest(ad_periods(v, i::bigint)) ORDER BY 1) AS got
      FROM shape GROUP BY 1, 2) s WHERE got <> want ORDER BY 1;
-- exact data have strength 1
SELECT count(*), count(DISTINCT name) = count(*) AS each, min(round(strength::numeric, 3))
FROM (SELECT name, ad_periods(v, i::bigint) p FROM shape WHERE name ~ '^(saw|square|exact)' GROUP BY 1) s, unnest(p);
-- what the times say counts: years of days, six weeks of hours; a period of
-- 25 hours is no day
SELECT k, array_agg(points ORDER BY points) AS points, array_agg(DISTINCT period ORDER BY period) AS period
FROM (SELECT k, ad_periods(CASE k WHEN 25 THEN 3 * sin(2 * pi() * i / 25) WHEN 168 THEN 3 * sin(2 * pi() * i / 24) + 2 * sin(2 * pi() * i / 168)
		ELSE 2 * sin(2 * pi() * i / 7) + 3 * sin(2 * pi() * i / 365.25) END + pg_temp.z(k * 163, i),
		timestamp '2021-03-01' + i * CASE k WHEN 365 THEN interval '1 day' ELSE interval '1 hour' END) p
      FROM unnest(ARRAY[25, 168, 365]) k, generate_series(1, CASE k WHEN 365 THEN 1600 ELSE 1008 END) i GROUP BY 1) s, unnest(p)
GROUP BY 1 ORDER BY 1;

-- small and bad
SELECT ad_periods(1, now()) FROM generate_series(1, 3) WHERE false;
SELECT ad_periods(1, now()) FROM generate_series(1, 3);
SELECT ad_periods(NULL, i::bigint) FROM generate_series(1, 100) i;
SELECT ad_periods(i % 2, NULL::bigint) FROM generate_series(1, 100) i;
SELECT ad_periods(5, i::bigint) FROM generate_series(1, 100) i;
SELECT points, period
FROM unnest((SELECT ad_periods(CASE WHEN m % 7 = 3 THEN 'Infinity' ELSE sin(m * pi() / 6) + (m % 5) * 0.1 END,
                               timestamp '1990-01-31' + m * interval '1 month') FROM generate_series(0, 240) m));
-- three years of minutes: more than one search holds
SELECT points, period
FROM unnest((SELECT ad_periods(sin(i * 2 * pi() / 1440) + sin(i * 2 * pi() / 10080) + pg_temp.u(1, i),
                               timestamptz '2024-01-01 00:00+00' + i * interval '1 minute')
             FROM generate_series(1, 150000) i)) ORDER BY 1;
-- the same bits at every SIMD level: seasons of many points, with and without gaps
CREATE TEMP TABLE level_test (level text, gaps bool, found ad_period[]);
CREATE FUNCTION pg_temp.find(level text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO level_test
	SELECT level, gaps, ad_periods(CASE WHEN NOT gaps OR i % 11 <> 3 THEN v END, i)
	FROM (SELECT i, 3 * sin(i * 2 * pi() / 700) + 2 * sin(i * 2 * pi() / 24) + ad_random(7, i, 'normal') AS v
	      FROM generate_series(1::bigint, 9000) i) s, (VALUES (false), (true)) g(gaps)
	GROUP BY 1, 2
$$;
SET anomaly.simd = 'off';
SELECT pg_temp.find('off');
SET anomaly.simd = 'avx2';
SELECT pg_temp.find('avx2');
RESET anomaly.simd;
SELECT pg_temp.find('auto');
SELECT gaps, count(*), count(DISTINCT found), min(array(SELECT points FROM unnest(found) ORDER BY 1)::text) AS points
FROM level_test GROUP BY 1 ORDER BY 1;
