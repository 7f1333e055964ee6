-- The verdicts of a decomposition by the method "tail".
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE TEMP TABLE noise AS
SELECT kind, i, CASE kind
	WHEN 'normal' THEN ad_random(1, i, 'normal')
	WHEN 'exponential' THEN -ln(1 - ad_random(2, i))
	WHEN 'rounded' THEN round((0.05 * ad_random(3, i, 'normal'))::numeric, 1)::float8
	WHEN 'counts' THEN (ad_random(4, i) > 0.607)::int + (ad_random(4, i) > 0.91)::int + (ad_random(4, i) > 0.986)::int + (ad_random(4, i) > 0.998)::int
	WHEN 'mostly zero' THEN CASE WHEN ad_random(5, i) < 0.05 THEN -ln(1 - ad_random(6, i)) ELSE 0 END
	ELSE 0 END AS e
FROM unnest(ARRAY['normal', 'exponential', 'rounded', 'counts', 'mostly zero', 'flat']) kind, generate_series(1, 4000) i;
CREATE TEMP TABLE spikes (kind text, size float8);
INSERT INTO spikes VALUES ('normal', 7.5), ('exponential', 18.5), ('rounded', 0.4), ('counts', 10), ('mostly zero', 12.5), ('flat', 0.1);
-- how many are flagged but for the spike, and whether that is
SELECT kind, robust, period, sum(cardinality(array_remove(a, 0::smallint))) - count(*) FILTER (WHERE a[3000] = 1) AS others,
	count(*) FILTER (WHERE a[3000] = 1) AS found
FROM (SELECT kind, robust, period, (ad_stl_array(array_agg(CASE WHEN i = 3000 THEN size ELSE e END + CASE WHEN period = 24 THEN 3 * sin(2 * pi() * i / 24) ELSE 0 END ORDER BY i),
		jsonb_build_object('robust', robust, 'period', CASE WHEN period = 0 THEN '"none"' ELSE to_jsonb(period) END))).anomaly a
	FROM noise JOIN spikes USING (kind), unnest(ARRAY[true, false]) robust, unnest(ARRAY[0, 24]) period GROUP BY 1, 2, 3) s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- a point does not hide itself, however short the season
SELECT period, robust, bool_and(a[200] = 1) AS found, sum(cardinality(array_remove(a, 0::smallint))) - count(*) AS others
FROM (SELECT period, robust, size, (ad_stl_array(array_agg(e + CASE WHEN i = 200 THEN size ELSE 0 END ORDER BY i), ad_stl_options(period => period, robust => robust))).anomaly a
	FROM noise, unnest(ARRAY[2, 3, 4, 7, 12, 24]) period, unnest(ARRAY[true, false]) robust, unnest(ARRAY[50, 1000]) size
	WHERE kind = 'normal' AND i <= 400 GROUP BY 1, 2, 3) s GROUP BY 1, 2 ORDER BY 1, 2;
-- nor in a short series without a season
SELECT i, (d).anomaly, (d).score > 10 AS far, (d).remainder = 0 AS hidden
FROM (SELECT i, ad_stl(v, timestamptz '2020-01-01' + i * interval '1 month', '{"robust": true}') OVER (ORDER BY i) d
	FROM unnest(ARRAY[12.95, 1.12, 4.48, 17.85, 0.14, 0.7, 1.75, 3.43, 5.18, 14.91, 4.27, 1.82, 4.83, 2.94, 3.22, 6.72, 3.36, 2.52, 5.88, 23.1, 13.44, 1244.22, 1.26, 9.66, 22.05, 2.94, 6.3, 1.26]) WITH ORDINALITY u(v, i)) s
WHERE (d).anomaly <> 0;
-- one spike, one flag
SELECT sum(abs((d).anomaly)) FROM (SELECT ad_stl(CASE WHEN i = 2500 THEN 10 ELSE 0 END, i) OVER (ORDER BY i) d FROM generate_series(1::bigint, 5000) i) s;
SELECT sum(abs((d).anomaly)) FROM (SELECT ad_stl((i % 7) * 0.1 + (i = 200)::int * 50, i, '{"period": 7, "robust": true}') OVER (ORDER BY i) d FROM generate_series(1::bigint, 401) i) s;
-- exact square wave and peak
SELECT sum(abs(a)) FROM unnest((SELECT ad_stl_array(array_agg(CASE WHEN i % 288 < 96 THEN 80 ELSE 20 END ORDER BY i), '{"period": 288}') FROM generate_series(1, 4032) i).anomaly) a;
SELECT sum(abs(a)) FROM unnest((SELECT ad_stl_array(array_agg(CASE WHEN i % 24 = 9 THEN 50 ELSE 0 END ORDER BY i), '{"period": 24, "robust": true}') FROM generate_series(1, 4000) i).anomaly) a;
-- the verdict is what the bounds and the score say, gaps and all, in every form
CREATE TEMP TABLE g AS SELECT i, timestamptz '2026-01-01' + i * interval '1 hour' AS ts, e + CASE i WHEN 300 THEN 15 WHEN 400 THEN 'infinity'::float8 ELSE 0 END + sin(2 * pi() * i / 24) AS v
FROM noise WHERE kind = 'normal' AND i <= 1000 AND ad_random(9, i) > 0.2 OR kind = 'normal' AND i IN (300, 400);
CREATE TEMP TABLE w AS SELECT i, v, ad_stl(v, ts, '{"period": "1 day"}') OVER (ORDER BY ts) d FROM g;
SELECT bool_and((d).anomaly = (v > (d).expected_high)::int - (v < (d).expected_low)::int) AS bounds,
	min((d).score) FILTER (WHERE (d).anomaly <> 0) > max((d).score) FILTER (WHERE (d).anomaly = 0) AS scores,
	array_agg(i ORDER BY i) FILTER (WHERE (d).anomaly <> 0) AS flagged FROM w;
SELECT count(*) AS differ FROM w FULL JOIN ad_decompose('SELECT ts, v FROM g', '{"period": "1 day"}') q ON q.time = timestamptz '2026-01-01' + w.i * interval '1 hour'
WHERE observed AND (w.i IS NULL OR ((d).anomaly, (d).score, (d).expected_low, (d).expected_high) IS DISTINCT FROM (q.anomaly, q.score, q.expected_low, q.expected_high));
-- the rate, and the methods of old
SELECT rate, sum(abs(a)) AS flagged FROM unnest(ARRAY[1e-6, 1e-3, 0.1]) rate, LATERAL (SELECT ad_stl_array(array_agg(e ORDER BY i), ad_stl_options(period => 'none', alarm_rate => rate)) f FROM noise WHERE kind = 'exponential') s, unnest((f).anomaly) a GROUP BY 1 ORDER BY 1;
SELECT DISTINCT ad_stl_array(array_agg(e ORDER BY i), '{"period": 24, "threshold": 4}')::text = ad_stl_array(array_agg(e ORDER BY i), '{"period": 24, "threshold_method": "mad"}')::text AS mad FROM noise WHERE kind = 'normal';
SELECT ad_stl_options(threshold_method => 'tail', threshold => 4);
SELECT ad_stl_options(threshold => 4, alarm_rate => 0.001);
SELECT ad_stl_options(threshold_method => 'mad', alarm_rate => 0.001);
SELECT ad_stl_options(alarm_rate => 0);
SELECT ad_stl_options(alarm_rate => 0.2);
-- few points, huge and tiny values: no crash, no verdict without a reason
SELECT n, sum(abs(a)) AS flagged FROM unnest(ARRAY[1, 2, 3, 4, 5, 8, 13, 20, 30, 50]) n,
	LATERAL (SELECT (ad_stl_array(array_agg(ad_random(7, i, 'normal') ORDER BY i), '{"period": 2}')).anomaly f FROM generate_series(1, n) i) s, unnest(f) a GROUP BY 1 ORDER BY 1;
SELECT v, sum(abs(a)) AS flagged FROM unnest(ARRAY[1e300, -1e308, 5e-324, 1e-300]::float8[]) v,
	LATERAL (SELECT (ad_stl_array(array_agg(CASE WHEN i = 60 THEN v ELSE i % 2 END ORDER BY i), '{"period": 2}')).anomaly f FROM generate_series(1, 100) i) s, unnest(f) a GROUP BY 1 ORDER BY 1;
SELECT sum(abs(a)) AS flagged FROM unnest((SELECT ad_stl_array(array_agg(1e308 * (i % 2) ORDER BY i), '{"period": 2}') FROM generate_series(1, 100) i).anomaly) a;
SELECT sum(abs(a)) AS flagged FROM unnest((SELECT ad_stl_array(array_agg(CASE WHEN i = 50 THEN 1e-310 ELSE 0 END::float8 ORDER BY i), '{"period": 2}') FROM generate_series(1, 100) i).anomaly) a;
-- neighbours that are off together: an episode is one alarm, at its farthest point, and few points of a series are alarms
CREATE TEMP TABLE drift AS
SELECT i, avg(ad_random(8, i, 'normal')) OVER (ORDER BY i ROWS 9 PRECEDING) * 3 + CASE WHEN i % 1000 BETWEEN 500 AND 539 THEN 6 + i % 1000 / 500.0 ELSE 0 END AS v
FROM generate_series(1, 6000) i;
SELECT i % 1000 AS point, count(*) FROM (SELECT i, ad_stl(v, i::bigint, '{"period": "none"}') OVER (ORDER BY i) d FROM drift) s WHERE (d).anomaly <> 0 GROUP BY 1 ORDER BY 1;
SELECT sum(abs((d).anomaly)) AS three FROM (SELECT ad_stl(v, i::bigint, ad_stl_options(period => 'none', alarm_rate => 0.0005)) OVER (ORDER BY i) d FROM drift) s;
SELECT sum(abs(a)) <= 12 AS few, sum(abs(a)) > 0 AS some FROM (SELECT ad_stl_array(array_agg(v ORDER BY i), '{"period": "none"}') f FROM (SELECT i, sum(ad_random(10, i) - 0.5) OVER (ORDER BY i) + (i % 700 = 0)::int * 20 AS v FROM generate_series(1, 6000) i) w) s, unnest((f).anomaly) a;
-- infinite values are anomalies there too
SELECT sum(abs((d).anomaly)) FILTER (WHERE v = 'infinity') AS infinite, sum(abs((d).anomaly)) <= 12 AS few
FROM (SELECT v, ad_stl(v, i::bigint, '{"period": "none"}') OVER (ORDER BY i) d FROM (SELECT i, CASE WHEN i % 2000 = 100 THEN 'infinity' ELSE v END v FROM drift) w) s;
-- values as small as there are have parts and verdicts
SELECT bool_or(t = 'NaN' OR s = 'NaN' OR e = 'NaN') AS nan, max(abs(p - t - se - r)) < 1e-322 AS sum
FROM (SELECT array_agg(v ORDER BY i) v, ad_stl_array(array_agg(v ORDER BY i), '{"period": [2, 7], "robust": true}') f FROM (SELECT i, 5e-324 * floor(3 * ad_random(12, i)) AS v FROM generate_series(1, 50) i) w) x,
	unnest(x.v, (f).trend, (f).seasonal, (f).remainder, (f).score, (f).expected_high) u(p, t, se, r, s, e);
