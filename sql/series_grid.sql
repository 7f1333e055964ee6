-- Rows onto a grid: times that jitter, gaps, a step that is given, periods in every form.
\set VERBOSITY terse
CREATE TEMP TABLE k AS
SELECT kind, i, timestamptz '2026-03-20 00:00+00' + i * interval '5 minutes' +
	CASE kind WHEN 'missing' THEN 0 WHEN 'second' THEN floor(60 * ad_random(1, i)) WHEN 'bell' THEN 25 * ad_random(1, i, 'normal')
		WHEN 'late' THEN 60 * ad_random(1, i) + CASE WHEN ad_random(9, i) < 0.03 THEN 600 ELSE 0 END
		ELSE 60 * ad_random(1, i) END * interval '1 second' AS ts,
	3 * sin(2 * pi() * i / 288) + 0.2 * ad_random(2, i, 'normal') AS v
FROM unnest(ARRAY['jitter', 'second', 'bell', 'late', 'few', 'half', 'missing', 'twice', 'again', 'gap']) kind, generate_series(0, 1999) i
WHERE ad_random(3, i) >= CASE kind WHEN 'few' THEN 0.15 WHEN 'half' THEN 0.5 WHEN 'missing' THEN 0.6 ELSE 0 END
	AND NOT (kind = 'gap' AND i BETWEEN 600 AND 900);
INSERT INTO k SELECT kind, i, ts, v FROM k WHERE kind = 'twice' AND ad_random(4, i) < 0.05;
INSERT INTO k SELECT kind, i, ts + ad_random(5, i) * interval '1 minute', v FROM k WHERE kind = 'again' AND ad_random(4, i) < 0.1;

-- the step is five minutes, whatever the type of the time and the order of the rows
CREATE TEMP TABLE d AS SELECT kind, f, corr((d).seasonal, sin(2 * pi() * i / 288)) AS fit FROM (
	SELECT kind, 'timestamptz' AS f, i, ad_stl(v, ts, '{"period": "1 day"}') OVER (PARTITION BY kind ORDER BY ts) AS d FROM k
	UNION ALL SELECT kind, 'timestamp', i, ad_stl(v, ts AT TIME ZONE 'UTC', '{"period": "1 day"}') OVER (PARTITION BY kind ORDER BY i % 7) FROM k
	UNION ALL SELECT kind, 'Berlin', i, ad_stl(v, ts, '{"period": "1 day", "timezone": "Europe/Berlin"}') OVER (PARTITION BY kind ORDER BY ts) FROM k
	UNION ALL SELECT kind, 'seconds', i, ad_stl(v, extract(epoch FROM ts)::bigint, '{"period": "288"}') OVER (PARTITION BY kind ORDER BY ts) FROM k
	UNION ALL SELECT kind, 'microseconds', i, ad_stl(v, (extract(epoch FROM ts) * 1000000)::bigint, '{"period": 288}') OVER (PARTITION BY kind ORDER BY ts) FROM k
	UNION ALL SELECT kind, 'step', i, ad_stl(v, ts, '{"period": "1 day", "step": "5 min"}') OVER (PARTITION BY kind ORDER BY ts) FROM k
	UNION ALL SELECT kind, 'step of seconds', i, ad_stl(v, extract(epoch FROM ts)::bigint, '{"period": ["288"], "step": "300"}') OVER (PARTITION BY kind ORDER BY ts) FROM k) x GROUP BY 1, 2;
SELECT f, count(*) AS kinds, min(fit) > 0.98 AS season
FROM d WHERE f <> 'Berlin' GROUP BY 1 ORDER BY 1;
-- the clock changes after nine days of UTC's season
SELECT f, count(*) AS kinds, min(fit) > 0.9 AS season FROM d WHERE f = 'Berlin' GROUP BY 1;
-- a grid of two thousand points, of which those without a row are filled in
SELECT kind, count(*) BETWEEN 1997 AND 2000 AS points, count(*) FILTER (WHERE NOT observed) AS absent
FROM (SELECT DISTINCT kind FROM k) x, LATERAL ad_decompose(format('SELECT ts, v FROM k WHERE kind = %L', kind), '{"period": "1 day"}') GROUP BY 1 ORDER BY 1;
-- a few rows tell the step roughly: not an error
SELECT n, count(d) = 100 * n AS all FROM (SELECT n, ad_stl(1, timestamptz '2026-01-01' + i * interval '5 min' + 60 * ad_random(s, i) * interval '1 s', '{"period": "1 day"}') OVER (PARTITION BY s, n) d
	FROM generate_series(1, 100) s, unnest(ARRAY[1, 2, 3, 5, 20]) n, generate_series(1, n) i) x GROUP BY 1 ORDER BY 1;
-- times without a step keep their median; random ones, and numbers most of which are absent
SELECT count(*) FROM ad_decompose($$SELECT timestamptz '2026-01-01' + i * i * interval '1 second', i FROM generate_series(1, 50) i$$, '{"period": "none"}');
SELECT count(*), count((d).trend) FROM (SELECT ad_stl(i, 100 * i, '{"period": "none", "duplicates": "error"}') OVER () d FROM generate_series(1::bigint, 1000) i WHERE ad_random(1, i) > 0.6) x;
-- numbers as far from 0 as they may be
SELECT far, (ad_periods(i % 7, far + i))[1].points FROM unnest(ARRAY[-9223372036854775807, 9223372036854775000]) far, generate_series(1::bigint, 300) i GROUP BY 1 ORDER BY 1;

-- ad_periods and the array forms
SELECT f, count(*), min(points), max(points), min(period), max(period) FROM (
	SELECT 'found' AS f, kind, ad_periods(v, ts) AS p FROM k WHERE kind <> 'late' GROUP BY kind
	UNION ALL SELECT 'timestamp', kind, ad_periods(v, ts AT TIME ZONE 'UTC', ad_periods_options(step => interval '5 min')) FROM k WHERE kind <> 'late' GROUP BY kind
	UNION ALL SELECT 'timestamptz', kind, ad_periods(v, ts, ad_periods_options(step => '5 min')) FROM k WHERE kind <> 'late' GROUP BY kind
	UNION ALL SELECT 'bigint', kind, ad_periods(v, extract(epoch FROM ts)::bigint, ad_periods_options(step => 300)) FROM k WHERE kind <> 'late' GROUP BY kind
	UNION ALL SELECT 'hour', kind, ad_periods(v, ts, '{"step": "1 hour"}') FROM k WHERE kind <> 'late' GROUP BY kind) x, unnest(p) GROUP BY 1 ORDER BY 1;
SELECT points, period FROM unnest((SELECT ad_periods(extract(hour FROM ts AT TIME ZONE 'Europe/Berlin'), ts, ad_periods_options(timezone => 'Europe/Berlin'))
	FROM generate_series(timestamptz '2026-03-01 00:00+00', '2026-04-20 00:00+00', '1 hour') ts));
SELECT options, (f).trend = (SELECT (ad_stl_array(a, '{"period": 12}')).trend) AS twelve, strpos(ad_stl_plot(a, options), '<svg') > 0 AS plot
FROM (SELECT array_agg(i % 12 + i / 100.0 ORDER BY i)::float8[] a FROM generate_series(1, 200) i) s,
	unnest(ARRAY[ad_stl_options(period => '12'), ad_stl_options(period => '12'::varchar), ad_stl_options(period => ARRAY['12']), ad_stl_options(period => 12.0),
		'{"period": " 12 "}', '{"period": ["1.2e1"]}', '{"period": "1 hour", "step": "5 min"}', '{"period": ["1 hour"], "step": "PT5M"}']) options, ad_stl_array(a, options) f;
SELECT count(DISTINCT round((d).expected::numeric, 9)) FROM (SELECT ad_stream(i % 12, timestamptz '2026-01-01' + i * interval '5 min', options) OVER (PARTITION BY options ORDER BY i) d
	FROM generate_series(1, 400) i, unnest(ARRAY[ad_stream_options(period => '12'), '{"period": 12}', '{"period": "1 hour"}', '{"period": "12", "step": "5 min"}']) options) x WHERE (d).score = 0;
-- a stream learns its step from 64 times if they jitter, as the grid does from all
SELECT count(*) FILTER (WHERE ad_stream_info(u.new_state) ->> 'step_seconds' = '300.000000') = 100 AS five_minutes
FROM (SELECT array_agg(timestamptz '2026-01-01' + i * interval '5 min' + 60 * ad_random(s, i) * interval '1 s' ORDER BY i) AS ts, array_agg(1.0::float8) AS v
	FROM generate_series(1, 100) s, generate_series(1, 64) i GROUP BY s) x, ad_stream_update(NULL, ts, v, '{"period": 288}') u;

-- what is neither a number of points nor an interval
DO $$
DECLARE
	message text;
	detail text;
	p text;
BEGIN
	FOREACH p IN ARRAY ARRAY['"1"', '"28.5"', '"-288"', '"1e9"', '"NaN"', '"infinity"', '"0x120"', '""', '" "', '"-"', '"288 points"', '"1 fortnight"', '"0 days"', '"1 day ago"', '"-1 day"', '"900000 years"',
		'true', '{"a": 1}', '["auto"]', '["24", null]', '[24, "x"]', '[[24]]', '[]', '"1e400"'] LOOP
		BEGIN
			PERFORM ad_stl_array('{1,2,3,4,5,6}', jsonb_build_object('period', p::jsonb));
			RAISE INFO '% is taken', p;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
			RAISE INFO '%: % %', p, left(message, 70), detail;
		END;
	END LOOP;
END $$;
\set VERBOSITY default
-- numbers of points may stand in quotes in windows, too
CREATE TEMP TABLE w AS SELECT array_agg(sin(i / 4.0) + ad_random(5, i) ORDER BY i) AS v FROM generate_series(1, 400) i;
SELECT ad_stl_array(v, '{"period": "25", "trend_window": "51", "lowpass_window": "27", "seasonal_window": "7", "score_window": "5"}')
           = ad_stl_array(v, '{"period": 25, "trend_window": 51, "lowpass_window": 27, "seasonal_window": 7, "score_window": 5}') AS stl,
       ad_series_score_array(v, '{"period": "25", "m": "30"}') = ad_series_score_array(v, '{"period": 25, "m": 30}') AS score,
       ad_stream_array(NULL, v, array(SELECT generate_series(1, 400)), '{"period": "25", "score_window": "20", "warmup": "60", "memory": "500", "shape": "16"}')
           = ad_stream_array(NULL, v, array(SELECT generate_series(1, 400)), '{"period": 25, "score_window": 20, "warmup": 60, "memory": 500, "shape": 16}') AS stream
FROM w;
SELECT ad_stl_array(v, '{"score_window": "5 h"}') FROM w;
SELECT ad_stl_array(v, '{"score_window": "5.5"}') FROM w;
SELECT ad_stl_array(v, '{"iterations": "5"}') FROM w;
SELECT ad_stl_options(period => '1 dya');
SELECT ad_stl_options(period => '-Infinity'::float4);
SELECT ad_stl_options(period => ARRAY[24, 'NaN']::numeric[]);
SELECT ad_stl_options(step => '5 minuets');
SELECT ad_stl_options(seasonal_window => '7x');
SELECT ad_stream_options(period => '1 fortnight');
SELECT ad_stream_options(step => '300');
SELECT ad_periods_options(step => '0');
SELECT ad_periods_options(step => '5 min', timezone => 'Mars/Olympus');
SELECT ad_periods_options(on_error => 'ignore');
SELECT ad_periods(1, now(), '{"steps": 1}');
SELECT ad_periods(1, now(), NULL);
SELECT ad_periods(1, now()::timestamp, '{"timezone": "UTC"}');
-- a step is of the kind that the times are
SELECT ad_stl(1, ts, '{"period": 2, "step": 300}') OVER () FROM generate_series(timestamptz '2026-01-01', '2026-01-02', '1 hour') ts;
SELECT ad_stl(1, i, '{"period": 2, "step": "5 min"}') OVER () FROM generate_series(1::bigint, 9) i;
SELECT ad_periods(1, i, '{"step": "5 min"}') FROM generate_series(1::bigint, 9) i;
SELECT ad_periods(1, ts, '{"step": 300}') FROM generate_series(timestamp '2026-01-01', '2026-01-02', '1 hour') ts;
SELECT ad_periods(1, ts, '{"step": 300, "on_error": "null"}') IS NULL AS null FROM generate_series(timestamp '2026-01-01', '2026-01-02', '1 hour') ts;
SELECT * FROM ad_decompose('SELECT now(), 1', '{"step": 300}');
SELECT ad_periods(1, i, '{"step": 1}') FROM unnest(ARRAY[-9223372036854775808, -9223372036854775807, 9223372036854775807]) i;
SELECT ad_periods(1, ts, '{"step": "120000 years"}') FROM unnest(ARRAY['4713-01-01 BC', '2026-01-01', '294276-12-31']::timestamp[]) ts;
