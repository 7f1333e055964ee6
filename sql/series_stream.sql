-- Streams: causal scores, stored states.
CREATE FUNCTION pg_temp.u(a bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT ((hashint8extended(a, 42) >> 11) & ((1::bigint << 52) - 1))::float8 / (1::bigint << 52) $$;
CREATE TEMP TABLE m AS SELECT i, timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' AS ts,
	10 * sin(i * 2 * pi() / 24) + pg_temp.u(i) + pg_temp.u(-i) + CASE WHEN i IN (700, 900) THEN 400 WHEN i = 1200 THEN -400 ELSE 0 END AS v
FROM generate_series(1, 3000) i WHERE i NOT BETWEEN 1500 AND 1600;
SELECT i, (d).anomaly FROM (SELECT i, ad_stream(v, ts, ad_stream_options(period => '1 day')) OVER (ORDER BY ts) d FROM m) s WHERE (d).anomaly <> 0 AND (d).score > 100 ORDER BY 1;
-- few others
SELECT count(*) FILTER (WHERE (d).anomaly <> 0) < 10 AS few FROM (SELECT ad_stream(v, ts, ad_stream_options(period => '1 day')) OVER (ORDER BY ts) d FROM m) s;
-- the season is learnt: the forecast is good
SELECT avg(abs((d).expected - v)) < 0.5 AS good FROM (SELECT v, i, ad_stream(v, ts, ad_stream_options(period => '1 day')) OVER (ORDER BY ts) d FROM m) s WHERE i > 200 AND i NOT IN (700, 900, 1200);
-- strictly causal: what comes later changes nothing before
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differ FROM
(SELECT i, ad_stream(v, ts, '{"period": 24}') OVER (ORDER BY ts) a FROM m WHERE i <= 1000) x JOIN
(SELECT i, ad_stream(v, ts, '{"period": 24}') OVER (ORDER BY ts) b FROM m) y USING (i);

-- one batch, singly, in sevens: the same state and the same scores
CREATE FUNCTION pg_temp.run(k int, options jsonb, OUT state bytea, OUT scores float8[], OUT anomalies smallint[]) LANGUAGE plpgsql AS $$
DECLARE r record; u record;
BEGIN
	scores := '{}'; anomalies := '{}';
	FOR r IN SELECT array_agg(ts ORDER BY i) t, array_agg(v ORDER BY i) v FROM (SELECT *, (row_number() OVER (ORDER BY i) - 1) / k g FROM m) x GROUP BY g ORDER BY g LOOP
		SELECT * INTO u FROM ad_stream_update(state, r.t, r.v, CASE WHEN state IS NULL THEN options ELSE '{}' END);
		state := u.new_state; scores := scores || u.scores; anomalies := anomalies || u.anomalies;
	END LOOP;
END $$;
CREATE TEMP TABLE runs AS SELECT k, o, (pg_temp.run(k, o)).* FROM unnest(ARRAY[1, 7, 1000, 5000]) k, unnest(ARRAY['{"period": "1 day"}', '{"period": 24, "step": "1 hour", "trend": 0.01}', '{}']::jsonb[]) o;
SELECT count(DISTINCT state) AS states, count(DISTINCT scores) AS scores, count(DISTINCT anomalies) AS anomalies FROM runs GROUP BY o;
-- and the window function's scores
SELECT bool_and((d).score IS NOT DISTINCT FROM s) FROM (SELECT i, row_number() OVER (ORDER BY ts) o, ad_stream(v, ts, '{"period": "1 day"}') OVER (ORDER BY ts) d FROM m) x
JOIN (SELECT u.s, u.o FROM runs, unnest(scores) WITH ORDINALITY u(s, o) WHERE k = 7 AND runs.o = '{"period": "1 day"}') y USING (o);
SELECT ad_stream_info(state) FROM runs WHERE k = 7 AND o = '{"period": "1 day"}';

-- late and repeated points are refused and counted
SELECT new_state IS NOT NULL AS state, scores, anomalies, ad_stream_info(new_state) FROM ad_stream_update(NULL,
	ARRAY['2024-01-01 00:00', '2024-01-01 01:00', '2024-01-01 01:00', '2024-01-01 00:30', '2024-01-01 02:00', NULL, 'infinity']::timestamptz[],
	ARRAY[1, 2, 3, 4, NULL, 6, 7]);
SELECT ad_stream_update(NULL, ARRAY['2024-01-01 01:00', '2024-01-01 00:00']::timestamptz[], ARRAY[1, 2], ad_stream_options(late => 'error'));
SELECT count(d) FROM (SELECT ad_stream(1, ts) OVER (ORDER BY ts DESC) d FROM m) s;
-- infinite, constant, missing
SELECT (d).score, (d).anomaly FROM (SELECT i, ad_stream(CASE WHEN i = 50 THEN '-Infinity'::float8 ELSE 5 END, timestamptz '2024-01-01' + i * interval '1 minute') OVER (ORDER BY i) d FROM generate_series(1, 60) i) s WHERE i IN (49, 50, 51);
SELECT (d).score, (d).anomaly FROM (SELECT i, ad_stream(CASE WHEN i = 150 THEN 6 WHEN i < 140 THEN 5 END, timestamptz '2024-01-01' + i * interval '1 minute') OVER (ORDER BY i) d FROM generate_series(1, 160) i) s WHERE i IN (135, 145, 150);
SELECT scores, anomalies FROM ad_stream_update(NULL, '{}', '{}');
-- bad input
SELECT ad_stream_update(NULL, ARRAY[now()], ARRAY[1, 2]);
SELECT ad_stream_update(NULL, NULL, ARRAY[1, 2]);
SELECT ad_stream_update(NULL, ARRAY[[now()]], ARRAY[1]);
SELECT ad_stream_update('\x00', ARRAY[now()], ARRAY[1]);
SELECT ad_stream_update(state, ARRAY[now()], ARRAY[1], '{"period": 24}') FROM runs LIMIT 1;
SELECT ad_stream_update(set_byte(state, 200, 255 - get_byte(state, 200)), ARRAY[now()], ARRAY[1]) FROM runs WHERE k = 7 AND o = '{}';
SELECT ad_stream_update(substr(state, 1, 300), ARRAY[now()], ARRAY[1]) FROM runs WHERE k = 7 AND o = '{}';
SELECT ad_stream_options(q => 0);
SELECT ad_stream_options(q => 0.5);
SELECT ad_stream_options(period => 1);
SELECT ad_stream_options(period => 2000000);
SELECT ad_stream_options(level => 0);
SELECT ad_stream_options(step => 5);
SELECT ad_stream_options(late => 'never');
SELECT ad_stream(1, now(), '{"perod": 3}') OVER ();
SELECT ad_stream(1, now(), NULL) OVER ();
SELECT ad_stream(1, ts, '{"period": "10 years", "step": "1 second"}') OVER () FROM m;

-- what the last rows say together: not only from the verdicts on, and of shapes only if asked
CREATE TEMP TABLE w AS SELECT i, timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' AS ts,
	3 * sin(i * 2 * pi() / 24) + pg_temp.u(i) + CASE WHEN i BETWEEN 800 AND 850 THEN 1 ELSE 0 END AS v FROM generate_series(1, 1000) i;
CREATE TEMP TABLE d AS SELECT i, ad_stream(v, ts, '{"period": 24, "shape": 32}') OVER o AS s, ad_stream(v, ts, '{"period": 24}') OVER o AS n FROM w WINDOW o AS (ORDER BY ts);
SELECT min(i) FILTER (WHERE (s).window_score IS NOT NULL) AS window_from, min(i) FILTER (WHERE (s).shape_score IS NOT NULL) AS shape_from,
	min(i) FILTER (WHERE (s).combined_score IS NOT NULL) AS combined_from, count((n).shape_score) AS shapes_unasked, count((n).combined_score) AS combined FROM d;
SELECT bool_and((s).score IS NOT DISTINCT FROM (n).score AND (s).expected = (n).expected AND (s).anomaly IS NOT DISTINCT FROM (n).anomaly
	AND (s).window_score IS NOT DISTINCT FROM (n).window_score) AS same FROM d;
-- shapes are those of the values: a season, known or not yet, changes nothing about them
SELECT bool_and((a).shape_score IS NOT DISTINCT FROM (d.s).shape_score AND (b).shape_score IS NOT DISTINCT FROM (d.s).shape_score) AS same
FROM d JOIN (SELECT i, ad_stream(v, ts, '{"shape": 32}') OVER o AS a, ad_stream(v, ts, '{"period": ["1 day", "7 days"], "shape": 32}') OVER o AS b FROM w WINDOW o AS (ORDER BY ts)) x USING (i);
-- a rise that no point of it shows is in the mean of them, and at its beginning in their shape
SELECT i / 100 AS hundred, round(avg((n).window_score)::numeric, 1) AS window_score, round(avg((s).combined_score)::numeric, 1) AS combined FROM d WHERE i >= 500 GROUP BY 1 ORDER BY 1;
-- the stored form has them too, with the same bits in any batches
CREATE FUNCTION pg_temp.run_array(k int, options jsonb, OUT state bytea, OUT verdicts text) LANGUAGE plpgsql AS $$
DECLARE r record; u record;
BEGIN
	verdicts := '';
	FOR r IN SELECT array_agg(ts ORDER BY i) t, array_agg(v ORDER BY i) v FROM (SELECT *, (row_number() OVER (ORDER BY i) - 1) / k g FROM w) x GROUP BY g ORDER BY g LOOP
		SELECT * INTO u FROM ad_stream_array(state, r.v, r.t, CASE WHEN state IS NULL THEN options ELSE '{}' END);
		state := u.new_state;
		SELECT verdicts || coalesce(string_agg(concat_ws(',', a, b, c, d, e), ';' ORDER BY o) || ';', '') INTO verdicts
		FROM ROWS FROM (unnest(u.scores), unnest(u.anomalies), unnest(u.window_scores), unnest(u.shape_scores), unnest(u.combined_scores)) WITH ORDINALITY x(a, b, c, d, e, o);
	END LOOP;
END $$;
CREATE TEMP TABLE arrays AS SELECT k, o, (pg_temp.run_array(k, o)).* FROM unnest(ARRAY[1, 77, 2000]) k,
	unnest(ARRAY['{"period": 24, "shape": 16}', '{"period": "auto", "shape": 32}', '{"period": ["1 day", "7 days"], "timezone": "Europe/Berlin"}']::jsonb[]) o;
SELECT o, count(DISTINCT state) AS states, count(DISTINCT verdicts) AS verdicts, ad_stream_info((array_agg(state))[1]) -> 'slots' AS slots FROM arrays GROUP BY o ORDER BY o::text;
SELECT count(x) AS shapes FROM ad_stream_array(NULL, ARRAY(SELECT v FROM w ORDER BY i), ARRAY(SELECT ts FROM w ORDER BY i)) u, unnest(u.shape_scores) x;
-- also of values that repeat, cut where periods have been found
WITH whole AS (SELECT (ad_stream_array(NULL, array_agg((i % 24)::float8 ORDER BY i), array_agg(i ORDER BY i), '{"period": "auto"}')).new_state AS state FROM generate_series(1::bigint, 300) i),
	first AS (SELECT cut, (SELECT (ad_stream_array(NULL, array_agg((i % 24)::float8 ORDER BY i), array_agg(i ORDER BY i), '{"period": "auto"}')).new_state AS state FROM generate_series(1::bigint, cut) i) FROM unnest('{100,128,150,256}'::int[]) cut),
	rest AS (SELECT cut, (SELECT (ad_stream_array(state, array_agg((i % 24)::float8 ORDER BY i), array_agg(i ORDER BY i))).new_state AS state FROM generate_series(cut + 1::bigint, 300) i) FROM first)
SELECT cut, rest.state = whole.state AS same FROM rest, whole ORDER BY cut;
-- it recovers: from a glitch in the warm-up, of an exact season, of a season that moves, of a shift
SELECT count(*) FILTER (WHERE (d).anomaly <> 0) AS flags, max(i) FILTER (WHERE (d).anomaly <> 0) < 200 AS early
FROM (SELECT i, ad_stream(3 * sin(2 * pi() * i / 24) + pg_temp.u(i) + CASE i WHEN 10 THEN 1000 ELSE 0 END, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour', '{"period": 24}') OVER (ORDER BY i) d FROM generate_series(1, 3000) i) s;
SELECT count(*) FILTER (WHERE (d).anomaly <> 0) AS flags, max(abs((d).expected - v)) FILTER (WHERE i > 864) AS error
FROM (SELECT i, v, ad_stream(v, timestamptz '2026-01-01 00:00+00' + i * interval '5 min', '{"period": 288}') OVER (ORDER BY i) d FROM (SELECT i, CASE WHEN i % 288 < 96 THEN 80 ELSE 20 END::float8 v FROM generate_series(1, 4032) i) q) s;
SELECT count(*) FILTER (WHERE (d).anomaly <> 0) BETWEEN 2 AND 8 AS few, max(i) FILTER (WHERE (d).anomaly <> 0) < 2000 + 14 * 24 AS quiet
FROM (SELECT i, ad_stream(10 + 10 * ((i + (i >= 2000)::int) % 24 = 9)::int + 0.2 * pg_temp.u(i), timestamptz '2026-01-01 00:00+00' + i * interval '1 hour', '{"period": 24}') OVER (ORDER BY i) d FROM generate_series(1, 6000) i) s;
SELECT count(*) FILTER (WHERE (d).anomaly <> 0) BETWEEN 1 AND 20 AS few, max(i) FILTER (WHERE (d).anomaly <> 0) < 2000 + 14 * 24 AS quiet
FROM (SELECT i, ad_stream(20 * (i >= 2000)::int + pg_temp.u(i), timestamptz '2026-01-01 00:00+00' + i * interval '1 hour') OVER (ORDER BY i) d FROM generate_series(1, 6000) i) s;
-- clocks: the season of a zone; points missing widen what is expected
SELECT count(*) FILTER (WHERE (d).anomaly <> 0) AS flags FROM (SELECT ad_stream(CASE WHEN extract(hour FROM ts AT TIME ZONE 'Europe/Berlin') = 9 THEN 50 ELSE 0 END + pg_temp.u(i), ts, '{"period": "1 day", "timezone": "Europe/Berlin"}') OVER (ORDER BY ts) d
FROM (SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' AS ts FROM generate_series(1, 7000) i) q) s;
SELECT max(width) FILTER (WHERE i = 1000) > 1.2 * max(width) FILTER (WHERE i = 901) AS wider
FROM (SELECT i, (s).expected_high - (s).expected_low AS width FROM (SELECT i, ad_stream(CASE WHEN i <= 900 THEN pg_temp.u(i) END, ts) OVER (ORDER BY ts) s FROM w) x) y;
SELECT ad_stream_options(period => ARRAY['1 day', '7 days'], timezone => 'Europe/Berlin', memory => 5000, score_window => 20, shape => 16);
SELECT ad_stream_options(shape => 20);
SELECT ad_stream_options(timezone => 'Nowhere');
SELECT ad_stream_options(memory => 5);
SELECT ad_stream_options(period => ARRAY[]::int[]);
SELECT ad_stream(1, now()::timestamp, '{"timezone": "Europe/Berlin"}') OVER ();
SELECT ad_stream_array(NULL, ARRAY[1], ARRAY[1], '{"timezone": "UTC"}');
-- times that jitter by up to 40 % of a step have a slot each, wherever in a step they are, the step given or found
SELECT mode, count(*) AS streams, count(*) FILTER (WHERE error < 1) AS in_phase FROM (
	SELECT mode, avg(abs((d).expected - v)) FILTER (WHERE i > 800) AS error FROM (
		SELECT step, phase, mode, i, v, ad_stream(v, ts, CASE mode WHEN 'time' THEN jsonb_build_object('period', (step * 24 || ' s')) WHEN 'given' THEN jsonb_build_object('period', (step * 24 || ' s'), 'step', step || ' s')
			ELSE '{"period": 24}' END) OVER (PARTITION BY step, phase, mode ORDER BY ts) AS d
		FROM (SELECT step, phase, mode, i, 100.0 * (i * 7 % 24) + pg_temp.u(i) AS v, timestamptz '2026-01-01 00:00+00' + (i + phase + 0.8 * (ad_random(7 + step, i) - 0.5)) * step * interval '1 s' AS ts
			FROM generate_series(0, 1199) i, unnest(ARRAY[10, 37, 60, 300, 3600]) step, unnest(ARRAY[0, 0.3, 0.5, 0.77]) phase, unnest(ARRAY['time', 'points', 'given']) mode) r) s GROUP BY mode, step, phase) e GROUP BY 1 ORDER BY 1;
-- nothing is unusual before anything is known, and what is young is drawn towards that
SELECT min((d).combined_score) AS least, max((d).combined_score) < 1.5 AS moderate, min((d).combined_score) FILTER (WHERE i = 1) AS first, count((d).window_score) AS windows
FROM (SELECT i, ad_stream(v + CASE i WHEN 12 THEN 1000 ELSE 0 END, ts, '{"period": "7 days"}') OVER (ORDER BY i) d FROM w WHERE i <= 168) s;
SELECT max((d).combined_score) < 1.3 AS moderate, count((d).window_score) AS windows
FROM (SELECT i, ad_stream(v, ts, '{"period": ["1 day", "7 days"]}') OVER (ORDER BY i) d FROM w WHERE i <= 335) s;
-- infinite values are no zeros, wherever they are
SELECT count(*) FILTER (WHERE (d).anomaly <> 0) AS flags, round(max((d).expected) FILTER (WHERE i = 40)::numeric, 3) AS expected
FROM (SELECT i, ad_stream(CASE WHEN i IN (1, 3, 5) THEN 'Infinity'::float8 ELSE 100 END, i) OVER (ORDER BY i) d FROM generate_series(1, 60) i) s;
