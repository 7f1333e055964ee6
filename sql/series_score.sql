-- One score of a series: levels and shapes, with the verdict of ad_stl.
CREATE FUNCTION pg_temp.u(a bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT ((hashint8extended(a, 42) >> 11) & ((1::bigint << 52) - 1))::float8 / (1::bigint << 52) $$;
-- kinds of series of 1,200 points, period 24, odd from 900 to 911
CREATE TEMP TABLE kinds AS
SELECT kind, i, timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' AS ts, v::float8, i BETWEEN 900 AND 911 AS odd
FROM generate_series(1::bigint, 1200) i,
     LATERAL (SELECT sin(i * pi() / 12) * 3 AS s, pg_temp.u(i) - 0.5 AS u, (i BETWEEN 900 AND 911)::int AS o) x,
     LATERAL (VALUES ('smooth', s + 0.01 * u + 4 * o),
                     ('heavy-tailed', s + 0.1 * u / (0.01 + pg_temp.u(i + 5000)) + 300 * o),
                     ('discrete', round(s + 4 * u) + 9 * o),
                     ('constant', 7 + o),
                     ('mostly zero', CASE WHEN pg_temp.u(i + 9000) < 0.05 THEN 1 + u ELSE 0 END + 5 * o),
                     ('tiny', (s + u + 9 * o) * 1e-290),
                     ('huge', (s + u + 9 * o) * 1e290),
                     ('far from zero', 1e9 + s + u + 9 * o),
                     ('shape', CASE WHEN o = 1 THEN abs(s) ELSE s END + 0.3 * u)) k(kind, v);
CREATE TEMP TABLE scored AS
SELECT *, ad_series_score(v, ts) OVER w AS d, ad_stl(v, ts, '{"robust": true}') OVER w AS stl, ad_subpca(v) OVER w AS shape
FROM kinds WINDOW w AS (PARTITION BY kind ORDER BY ts);
-- every row has a finite score; what is odd is among the first twentieth
SELECT kind, count((d).score) AS n, bool_and((d).score >= 0 AND (d).score < 'Infinity') AS finite,
       min(place) FILTER (WHERE odd) <= 60 AS first
FROM (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY (d).score DESC) AS place FROM scored) s
GROUP BY 1 ORDER BY 1;
-- the parts, the range and the verdict are those of ad_stl and ad_subpca
SELECT bool_and((d).window_score = (stl).window_score) AS window_score, bool_and((d).shape_score = shape) AS shape_score,
       bool_and((d).expected_low = (stl).expected_low AND (d).expected_high = (stl).expected_high) AS range,
       bool_and((d).expected BETWEEN (d).expected_low AND (d).expected_high) AS inside,
       bool_and((d).anomaly = (stl).anomaly) AS verdict, count(*) FILTER (WHERE (d).anomaly <> 0) > 0 AS some
FROM scored;
-- the score is the greater part, each over its median
WITH unit AS (
	SELECT kind, percentile_cont(0.5) WITHIN GROUP (ORDER BY (d).window_score) AS window,
	       percentile_cont(0.5) WITHIN GROUP (ORDER BY (d).shape_score) AS shape FROM scored GROUP BY 1)
SELECT kind, bool_and(abs(greatest((d).window_score / "window", (d).shape_score / unit.shape) / (d).score - 1) < 1e-9) AS greatest
FROM scored JOIN unit USING (kind) WHERE "window" > 0.01 AND unit.shape > 0 GROUP BY 1 ORDER BY 1;
-- nothing is unusual in what never changes
SELECT DISTINCT (d).score, (d).window_score < 0.01 AS rounding, (d).shape_score, round((d).expected::numeric, 6) AS expected, (d).anomaly
FROM (SELECT ad_series_score(5, i::bigint) OVER (ORDER BY i) AS d FROM generate_series(1, 300) i) s;
-- greater spikes score higher, even if all of them are beyond every scale
SELECT array_agg(i ORDER BY (d).score DESC) AS in_order
FROM (SELECT i, ad_series_score(CASE i WHEN 300 THEN 1e3 WHEN 600 THEN 1e6 WHEN 900 THEN 1e9 ELSE 0 END, i::bigint,
	'{"score_window": 5, "m": 4}') OVER (ORDER BY i) AS d FROM generate_series(1, 1200) i) s WHERE i IN (300, 600, 900);

-- packed: the same, bit for bit; at every SIMD level
CREATE TEMP TABLE packed AS SELECT kind, array_agg(v ORDER BY i) AS v FROM kinds GROUP BY 1;
CREATE FUNCTION pg_temp.differ() RETURNS TABLE (kind text, differ bigint) LANGUAGE sql AS $$
SELECT s.kind, count(*) FILTER (WHERE s.d IS DISTINCT FROM ROW(f.*)::ad_series_score_point)
FROM packed p, ad_series_score_array(p.v) a,
     unnest(a.score, a.window_score, a.shape_score, a.expected, a.expected_low, a.expected_high, a.anomaly)
     WITH ORDINALITY u(a, b, c, d, e, f, g, i), LATERAL (SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g) f, scored s
WHERE s.kind = p.kind AND s.i = u.i GROUP BY 1 HAVING count(*) <> 1200 OR bool_or(s.d IS DISTINCT FROM ROW(f.*)::ad_series_score_point) $$;
SELECT * FROM pg_temp.differ();
SET anomaly.simd = 'off';
SELECT * FROM pg_temp.differ();
SET anomaly.simd = 'avx2';
SELECT * FROM pg_temp.differ();
SET anomaly.simd = 'auto';
-- another scale and offset, the other order of the rows, other types of time
SELECT kind, max(abs((t).score / (d).score - 1)) < 1e-6 AS scaled, max(abs((m).score / (d).score - 1)) < 1e-6 AS moved,
       bool_and((t).anomaly = (d).anomaly AND (m).anomaly = (d).anomaly) AS verdict
FROM (SELECT *, ad_series_score(v * 1024, ts) OVER w AS t, ad_series_score(v + 64, ts) OVER w AS m FROM scored
      WHERE kind IN ('smooth', 'heavy-tailed', 'discrete', 'shape') WINDOW w AS (PARTITION BY kind ORDER BY ts)) s GROUP BY 1 ORDER BY 1;
SELECT bool_and(d = b AND d = l AND d = n) AS same
FROM (SELECT d, ad_series_score(v, ts) OVER (PARTITION BY kind ORDER BY ts DESC) AS b,
             ad_series_score(v, ts::timestamp) OVER (PARTITION BY kind ORDER BY v) AS l,
             ad_series_score(v, i * 10) OVER (PARTITION BY kind ORDER BY i) AS n
      FROM scored WHERE kind IN ('smooth', 'discrete', 'shape')) s;

-- NULL values and times, infinite values, gaps, several rows at one time
SELECT count(*), count(d) AS rows, count((d).score) AS score, count((d).shape_score) AS shape, count((d).expected) AS expected, count((d).anomaly) AS verdict,
       bool_and((d).score < 'Infinity') AS finite
FROM (SELECT ad_series_score(CASE WHEN i % 50 = 0 THEN NULL WHEN i = 333 THEN '-Infinity' WHEN i = 444 THEN 'NaN' ELSE v END,
	CASE WHEN i % 70 = 0 THEN NULL WHEN i = 500 THEN 'infinity' ELSE ts END) OVER (ORDER BY i) AS d
      FROM kinds WHERE kind = 'smooth' AND i NOT BETWEEN 600 AND 650) s;
SELECT count(d), count(DISTINCT (d).score) <= 601 AS one_a_time
FROM (SELECT ad_series_score(v, date_trunc('hour', ts - i % 2 * interval '1 hour')) OVER (ORDER BY ts) AS d FROM kinds WHERE kind = 'shape') s;
SELECT ad_series_score(v, ts, '{"duplicates": "error"}') OVER () FROM kinds WHERE kind = 'smooth' OR i = 5 AND kind = 'shape';
-- what is not there is not unusual: rows left out, or without a value, in a season, in what is smooth, and at a change of the clock
SELECT kind, gap, given, count((d).score) = count(v) AS scored, max((d).score) FILTER (WHERE at BETWEEN 900 AND 1060) < 1.6 AS usual, count((d).shape_score) > 500 AS shapes
FROM (SELECT kind, gap, given, at, v, ad_series_score(v, at) OVER (PARTITION BY kind, gap, given ORDER BY at) AS d
      FROM (SELECT kind, gap, given, at, CASE WHEN at NOT BETWEEN 1000 AND 999 + gap THEN v END AS v
            FROM generate_series(1::bigint, 2000) at, LATERAL (VALUES ('season', 9 + 5 * sin(at * pi() / 12) + 0.2 * (pg_temp.u(at) - 0.5)),
                 ('smooth', 5 * sin(at / 15.0 + 3 * sin(at / 97.0)) + 0.1 * (pg_temp.u(at) - 0.5))) k(kind, v), unnest('{1,12,40}'::int[]) gap, unnest('{t,f}'::bool[]) given
            WHERE given OR at NOT BETWEEN 1000 AND 999 + gap) r) s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT max((d).score) < 2 AS usual FROM (SELECT ad_series_score(20 + 15 * exp(-((extract(hour FROM ts AT TIME ZONE 'Europe/Berlin') - 9) ^ 2)::float8 / 2) + 0.3 * sin(i * i), ts,
	'{"period": "1 day", "timezone": "Europe/Berlin"}') OVER (ORDER BY ts) AS d FROM (SELECT i, timestamptz '2024-02-20 00:00+00' + i * interval '1 hour' AS ts FROM generate_series(1, 2400) i) t) s;
-- a series with few values in most of its time: of nights, of many points missing
SELECT kind, count((d).shape_score) > 0.9 * count(*) AS shapes FROM (SELECT kind, ad_series_score(sin(i) + pg_temp.u(i), i) OVER (PARTITION BY kind ORDER BY i) AS d
	FROM generate_series(1::bigint, 4000) i, LATERAL (VALUES ('nights', i % 24 < 7), ('missing', pg_temp.u(i + 7000) > 0.1)) k(kind, present) WHERE present) s GROUP BY 1 ORDER BY 1;
-- few rows, equal times, nothing at all
SELECT n, count(d) AS rows, count((d).score) AS score, count((d).shape_score) AS shape, count((d).expected) AS expected
FROM (SELECT n, ad_series_score(i * i, i::bigint) OVER (PARTITION BY n ORDER BY i) AS d
      FROM unnest('{1,2,3,4,12}'::int[]) n, generate_series(1, n) i) s GROUP BY n ORDER BY n;
SELECT count(d) FROM (SELECT ad_series_score(1, 1::bigint) OVER () AS d FROM generate_series(1, 0)) s;
SELECT i, (d).score, (d).expected, (d).anomaly FROM (SELECT i, ad_series_score(i, 7::bigint) OVER () AS d FROM generate_series(1, 3) i) s;
SELECT DISTINCT d FROM (SELECT ad_series_score(NULL, i::bigint) OVER () AS d FROM generate_series(1, 30) i) s;
SELECT DISTINCT d FROM (SELECT ad_series_score(1, NULL::bigint) OVER () AS d FROM generate_series(1, 30) i) s;
SELECT ad_series_score_array('{}'), ad_series_score_array(NULL), ad_series_score_array('{NULL,NULL}'), (ad_series_score_array('{1,NULL,3}')).expected;
-- a period that the times follow by a wall clock; a shorter shape; options of ad_stl
SELECT (d).anomaly, count(*) FROM (SELECT ad_series_score(v, ts, ad_series_score_options(period => '1 day', m => 24, score_window => 12, alarm_rate => 0.001,
	timezone => 'Europe/Berlin')) OVER (ORDER BY ts) AS d FROM kinds WHERE kind = 'smooth') s GROUP BY 1 ORDER BY 1;
SELECT bool_and((d).window_score = (stl).window_score) FROM (SELECT ad_series_score(v, i, o || '{"m": 9}') OVER w AS d, ad_stl(v, i, o) OVER w AS stl
	FROM kinds, ad_stl_options(period => ARRAY[24, 168], robust => false, threshold_method => 'iqr', seasonal_degree => 1) o WHERE kind = 'shape' WINDOW w AS (ORDER BY i)) s;
SELECT ad_series_score_options(), ad_series_score_options(period => ARRAY[24, 168], m => 50, robust => false, step => interval '1 hour');
-- errors
SELECT ad_series_score(1, 1::bigint, NULL) OVER ();
SELECT ad_series_score(1, 1::bigint, '{"m": 257}') OVER ();
SELECT ad_series_score(1, 1::bigint, '{"robust": 5}') OVER ();
SELECT ad_series_score(1, 1::bigint, '{"timezone": "UTC"}') OVER ();
SELECT ad_series_score_array('{{1,2},{3,4}}');
SELECT ad_series_score_array('{{1,2},{3,4}}', ad_series_score_options(on_error => 'null'));
SELECT ad_series_score_options(m => 1);
SELECT ad_series_score_options(threshold => 3, alarm_rate => 0.001);
SELECT ad_series_score_array('{1,2}', '[]');
-- too long: an error with a name, or NULLs
SET anomaly.series_memory = '1MB';
SELECT ad_series_score(1, i) OVER () FROM generate_series(1::bigint, 20000) i;
SELECT count(*), count(d) FROM (SELECT ad_series_score(1, i, '{"on_error": "null"}') OVER () AS d FROM generate_series(1::bigint, 20000) i) s;
SELECT ad_series_score_array(array_agg(i)) FROM generate_series(1, 20000) i;
RESET anomaly.series_memory;
-- sub-sequence PCA alone: m by the length
SELECT bool_and(a = b) AS hundred, bool_and(c = d) AS sixth
FROM (SELECT ad_subpca(v) OVER w AS a, ad_subpca(v, 100) OVER w AS b, ad_subpca(v, NULL, '{}') OVER p AS c, ad_subpca(v, 10) OVER p AS d
      FROM kinds WHERE kind = 'shape' WINDOW w AS (ORDER BY i), p AS (PARTITION BY (i - 1) / 60 ORDER BY i)) s;
