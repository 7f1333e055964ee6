-- A series whose data are at fault is an error, or has NULLs; the others go on.
SELECT proname FROM pg_proc
WHERE proname ~ '^ad_(series_score|stl|periods|stream|discord|subpca|changepoints)_options$' AND NOT 'on_error' = ANY (proargnames);
-- a megabyte: series "long" is too long for everything but a stream
SET anomaly.series_memory = '1MB';
CREATE TEMP TABLE s AS
SELECT g, i, timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' AS ts, sin(i) AS v
FROM (VALUES ('a', 500), ('long', 40000), ('z', 500)) n(g, n), generate_series(1, n) i;
CREATE TEMP TABLE packed AS SELECT g, array_agg(v ORDER BY i) AS v FROM s GROUP BY g;
INSERT INTO packed VALUES ('square', '{{1,2},{3,4}}'), ('none', NULL), ('empty', '{}');

SELECT g, count(*), count(d) AS stl, count(e) AS discord, count(f) AS subpca, count(h) AS score
FROM (SELECT g, ad_stl(v, ts, ad_stl_options(period => 24, on_error => 'null')) OVER w AS d,
             ad_discord(v, 20, ad_discord_options(on_error => 'null')) OVER w AS e,
             ad_subpca(v, 20, ad_subpca_options(on_error => 'null')) OVER w AS f,
             ad_series_score(v, ts, ad_series_score_options(period => 24, on_error => 'null')) OVER w AS h
      FROM s WINDOW w AS (PARTITION BY g ORDER BY i)) x
GROUP BY g ORDER BY g;
SELECT g, ad_periods(v, ts, ad_periods_options(on_error => 'null')) IS NOT NULL AS periods FROM s GROUP BY g ORDER BY g;
SELECT g, (ad_stl_array(v, ad_stl_options(period => 24, on_error => 'null'))).trend IS NOT NULL AS stl_array,
       ad_stl_plot(v, ad_stl_options(period => 24, on_error => 'null')) IS NOT NULL AS plot,
       ad_changepoints(v, ad_changepoints_options(on_error => 'null')) IS NOT NULL AS changepoints
FROM packed ORDER BY g;
-- rows of the query come back without a decomposition, however many they are
SELECT series, count(*), count(value) AS with_value, count(trend) AS decomposed
FROM ad_decompose('SELECT g, v, ts FROM s', ad_stl_options(period => 24, on_error => 'null')) GROUP BY 1 ORDER BY 1;
-- else they are errors
SELECT ad_stl(v, ts) OVER (PARTITION BY g ORDER BY i) FROM s;
SELECT ad_discord(v, 20) OVER (PARTITION BY g ORDER BY i) FROM s;
SELECT ad_subpca(v, 20) OVER (PARTITION BY g ORDER BY i) FROM s;
SELECT ad_subpca(v, 20, '{}') OVER (PARTITION BY g ORDER BY i) FROM s;
SELECT ad_periods(v, ts) FROM s GROUP BY g;
SELECT count(*) FROM ad_decompose('SELECT g, v, ts FROM s');
SELECT ad_stl_array(v) FROM packed WHERE g = 'long';
SELECT ad_stl_array(v) FROM packed WHERE g = 'square';
SELECT ad_stl_plot(v) FROM packed WHERE g = 'square';
SELECT ad_changepoints(v) FROM packed WHERE g = 'long';
SELECT ad_changepoints(v) FROM packed WHERE g = 'square';

-- of a stream the rows from the one at fault on
SELECT g, i, (ad_stream(i, t, ad_stream_options(late => 'error', on_error => 'null')) OVER w).expected
FROM (VALUES (1, 1, 1), (1, 2, 2), (1, 3, 2), (1, 4, 4), (2, 1, 1), (2, 2, 2), (2, 3, 3)) t(g, i, t)
WINDOW w AS (PARTITION BY g ORDER BY i) ORDER BY 1, 2;
SELECT ad_stream(i, 5, ad_stream_options(late => 'error')) OVER () FROM generate_series(1, 2) i;
SELECT count(d)
FROM (SELECT ad_stream(1, ts, '{"period": "10 years", "step": "1 second", "on_error": "null"}') OVER () AS d FROM s) x;
-- of a stored one the batch: the state stays what it was
CREATE TEMP TABLE stream AS
SELECT * FROM ad_stream_array(NULL, ARRAY[1, 2], ARRAY[1, 2], '{"late": "error", "on_error": "null"}');
SELECT new_state IS NOT NULL AS state, scores FROM stream;
SELECT u.new_state = s.new_state AS same, u.scores, u.anomalies
FROM stream s, ad_stream_array(s.new_state, ARRAY[3, 4], ARRAY[3, 3], ad_stream_options(on_error => 'null')) u;
SELECT u.new_state <> s.new_state AS moved, u.scores
FROM stream s, ad_stream_array(s.new_state, ARRAY[3, 4], ARRAY[3, 4], ad_stream_options(on_error => 'error')) u;
SELECT u.new_state = s.new_state AS same, u.scores
FROM stream s, ad_stream_array(s.new_state, ARRAY[3, 4], ARRAY[3], ad_stream_options(on_error => 'null')) u;
SELECT (ad_stream_array(NULL, ARRAY[1, 2], ARRAY[[1, 2]], '{"on_error": "null"}')).*;
SELECT u.new_state IS NULL AS none
FROM packed, ad_stream_update(NULL, ARRAY[now(), now()], ARRAY[1], '{"on_error": "null"}') u LIMIT 1;
SELECT ad_stream_array(new_state, ARRAY[3, 4], ARRAY[3, 3]) FROM stream;
SELECT ad_stream_array(new_state, ARRAY[3], ARRAY[3], '{"on_error": "null", "q": 0.01}') FROM stream;
-- what is no fault of the data stays an error
SELECT ad_stream_array('\x00', ARRAY[3], ARRAY[3], '{"on_error": "null"}');
SELECT ad_stream_array(NULL, ARRAY[3], ARRAY[3], '{"on_error": "null", "q": 5}');
SELECT ad_discord(v, 3, '{"on_error": "null"}') OVER () FROM s;
SELECT ad_changepoints('{1}', '{"on_error": "null", "penalty": -1}');
SELECT ad_stl_array('{1}', '{"on_error": "null", "period": 1}');
