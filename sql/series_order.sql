-- Functions over series: values before times, times of every type, options
-- from constructors.
CREATE TEMP TABLE s AS
SELECT i, i::smallint AS i2, i::bigint AS i8, i::numeric AS n,
       timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' AS tz,
       timestamp '2024-01-01' + i * interval '1 hour' AS ts, date '2024-01-01' + i AS d,
       10 * sin(i * pi() / 12) + (i * 7919 % 101) / 100.0::float8 + CASE WHEN i IN (700, 900) THEN 50 ELSE 0 END AS v
FROM generate_series(1, 1000) i;

-- what takes a time before a value: the old name alone
SELECT p.oid::regprocedure
FROM pg_proc p JOIN pg_depend e ON e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'
WHERE p.pronamespace <> '_anomaly'::regnamespace AND proname <> 'ad_decompose'
      AND (array_position(proargnames, 'time') < array_position(proargnames, 'value')
           OR array_position(proargnames, 'times') < array_position(proargnames, 'values'));

-- a stream of numbered points is that of times
SELECT bool_and(a IS NOT DISTINCT FROM b) AS bigint, bool_and(a IS NOT DISTINCT FROM c) AS int,
       bool_and(a IS NOT DISTINCT FROM e) AS timestamp, count(*) FILTER (WHERE (b).anomaly <> 0) AS found
FROM (SELECT ad_stream(v, tz, '{"period": 24}') OVER w AS a, ad_stream(v, i8, '{"period": 24}') OVER w AS b,
             ad_stream(v, i, '{"period": 24}') OVER w AS c, ad_stream(v, ts, '{"period": 24}') OVER w AS e
      FROM s WINDOW w AS (ORDER BY i)) x;
-- of fives as of ones, the step found or given
SELECT bool_and(a IS NOT DISTINCT FROM b) AS found, bool_and(c IS NOT DISTINCT FROM e) AS given
FROM (SELECT ad_stream(v, i, '{"period": 24}') OVER w AS a, ad_stream(v, i * 5, '{"period": 24}') OVER w AS b,
             ad_stream(v, i, '{"period": 24, "step": 1}') OVER w AS c,
             ad_stream(v, i * 5, ad_stream_options(24, step => 5)) OVER w AS e FROM s WINDOW w AS (ORDER BY i)) x;
-- calls that were, of values and times of every type
SELECT ad_stream(1, NULL) OVER (), ad_stream(NULL, NULL) OVER (), ad_stream(1, '2024-01-01 00:00+00') OVER (),
       ad_stream(1.5::float8, '2024-01-01', '{}') OVER (), ad_stream(value => 1, "time" => now()) OVER ();
SELECT ad_stream(n, d) OVER (), ad_stream(i, tz) OVER (), ad_stream(v::float4, i2) OVER (), ad_stream(i2, ts) OVER (),
       ad_stream(i8, i8) OVER (), ad_stream(value => n, "time" => i) OVER () FROM s WHERE i = 1;
SELECT ad_stream(1, 'yesterday noon o''clock') OVER ();
SELECT ad_stream(v, n) OVER () FROM s;
-- units
SELECT ad_stream(1, i, '{"period": "1 day"}') OVER () FROM s;
SELECT ad_stream(1, i, '{"step": "1 day"}') OVER () FROM s;
SELECT ad_stream(1, tz, '{"step": 5}') OVER () FROM s;
-- no number is too small or too great, and one is no time
SELECT t, (ad_stream(1, t) OVER w).expected, (ad_stream(1, t, '{"period": 3, "step": 2}') OVER w).expected
FROM unnest(ARRAY[-9223372036854775808, -9223372036854775807, 0, 9223372036854775807]) t WINDOW w AS (ORDER BY t);
SELECT count(*), count((d).expected) AS expected
FROM (SELECT ad_stream(i, (i - 11) * 800000000000000000, '{"period": 3}') OVER (ORDER BY i) AS d
      FROM generate_series(0::bigint, 22) i) x;

-- the stored form: the same state for times of every type, and from the old name
CREATE TEMP TABLE state AS
SELECT (ad_stream_array(NULL, array_agg(v ORDER BY i), array_agg(tz ORDER BY i), '{"period": 24}')).new_state AS tz,
       (ad_stream_array(NULL, array_agg(v ORDER BY i), array_agg(ts ORDER BY i), '{"period": 24}')).new_state AS ts,
       (ad_stream_array(NULL, array_agg(v ORDER BY i), array_agg(d ORDER BY i), '{"period": 24}')).new_state AS d,
       (ad_stream_array(NULL, array_agg(v ORDER BY i), array_agg(i8 ORDER BY i), '{"period": 24}')).new_state AS i8,
       (ad_stream_array(NULL, array_agg(v ORDER BY i), array_agg(i ORDER BY i), '{"period": 24}')).new_state AS i4,
       (ad_stream_array(NULL, array_agg(v ORDER BY i), array_agg(i2 ORDER BY i), '{"period": 24}')).new_state AS i2,
       (ad_stream_array(NULL, array_agg(n ORDER BY i), array_agg(i ORDER BY i))).new_state IS NOT NULL AS n,
       (ad_stream_update(NULL, array_agg(tz ORDER BY i), array_agg(v ORDER BY i), '{"period": 24}')).new_state AS old
FROM s;
SELECT tz = ts AS timestamp, tz = old AS old, i8 = i4 AS int, i8 = i2 AS smallint, n AS numeric FROM state;
SELECT ad_stream_info(tz), ad_stream_info(d), ad_stream_info(i8) FROM state;
SELECT (ad_stream_array(i8, ARRAY[99], ARRAY[1001])).anomalies AS bigint,
       (ad_stream_array(state => tz, times => '{2030-01-01}'::timestamptz[], series => '{99}')).anomalies AS named,
       (ad_stream_update(tz, '{2030-01-01}', '{99}')).anomalies AS old,
       (ad_stream_update(state => tz, times => '{2030-01-01}', "values" => '{99}')).anomalies AS old_named
FROM state;
SELECT ad_stream_array(i8, ARRAY[1], ARRAY[now()]) FROM state;
SELECT ad_stream_array(tz, ARRAY[1], ARRAY[1001]) FROM state;
SELECT ad_stream_array(NULL, ARRAY[1], ARRAY[1.5]);
SELECT ad_stream_array(NULL, ARRAY[1], ARRAY[[1]]);
SELECT ad_stream_array(NULL, ARRAY[1], ARRAY[1, 2]);
SELECT ad_stream_array(NULL, NULL, ARRAY[1, 2]);

-- a query to decompose: the types tell time from value
SELECT count(*), count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differ
FROM ad_decompose('SELECT v, tz FROM s', '{"period": 24}') a
     JOIN ad_decompose('SELECT tz, v FROM s', '{"period": 24}') b USING (time);
SELECT count(*), count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differ
FROM ad_decompose('SELECT i % 2, i, d FROM s', '{"period": 7}') a
     JOIN ad_decompose('SELECT i % 2, d, i FROM s', '{"period": 7}') b USING (series, time);

-- options
SELECT ad_discord_options(5, 'null'), ad_subpca_options(on_error => 'error'), ad_discord_options(),
       ad_changepoints_options('pelt', 5, 3, 'null'), ad_stream_options(step => 5, on_error => 'null');
SELECT ad_discord_options(exclusion => -1);
SELECT ad_subpca_options(on_error => 'nul');
SELECT ad_changepoints_options(method => 'binseg');
SELECT ad_changepoints_options(penalty => 0);
SELECT ad_changepoints_options(penalty => 'Infinity');
SELECT ad_changepoints_options(min_segment => 0);
SELECT bool_and(a IS NOT DISTINCT FROM b) AS discord, bool_and(c IS NOT DISTINCT FROM e) AS subpca
FROM (SELECT ad_discord(v, 8, ad_discord_options(5)) OVER w AS a, ad_discord(v, 8, '{"exclusion": 5}') OVER w AS b,
             ad_subpca(v, 8) OVER w AS c, ad_subpca(v, 8, ad_subpca_options()) OVER w AS e
      FROM s WINDOW w AS (ORDER BY i)) x;
SELECT ad_subpca(v, 8, NULL) OVER () FROM s;
SELECT a = ad_changepoints(v, 'pelt', 3, 5) AS constructor,
       a = ad_changepoints(v, '{"penalty": 3, "min_segment": 5}') AS constant,
       a = ad_changepoints(series => v, options => '{"penalty": 3, "min_segment": 5}') AS named,
       ad_changepoints(v, '{}'::jsonb) = ad_changepoints(v) AS defaults
FROM (SELECT v, ad_changepoints(v, ad_changepoints_options(penalty => 3, min_segment => 5)) AS a
      FROM (SELECT array_agg(v ORDER BY i) AS v FROM s) t) u;
SELECT ad_changepoints(NULL, '{}'), ad_changepoints(NULL, NULL), ad_changepoints(NULL, '{}'::jsonb);
SELECT ad_changepoints('{1,2}', NULL);
SELECT ad_changepoints('{1,2}', NULL::jsonb);
SELECT ad_changepoints('{1,2}', '{"penalty": 3}', 5);
SELECT ad_changepoints('{1,2}', '{"penalties": 3}');
