-- What "make demo" shows (run by demo.sh, which loads test/data first).
-- A statement that the reader should see ends in \p \g instead of ";".

\set QUIET on
\pset border 1
\pset footer off
\pset linestyle ascii
SET client_min_messages = warning;

-- For the report only; the extension does not need them.
CREATE FUNCTION pg_temp.n(x numeric) RETURNS text
LANGUAGE sql AS $$ SELECT to_char(x, 'FM999,999,999,990') $$;
CREATE FUNCTION pg_temp.bar(x numeric) RETURNS text
LANGUAGE sql AS $$
    SELECT rpad(repeat('#', ceil(24 * x)::int), 25) ||
           lpad(CASE WHEN x > 0 THEN to_char(100 * x, 'FM990.0') || ' %'
                ELSE '-' END, 7)
$$;

SELECT current_setting('server_version') AS version \gset
\echo :bold'anomaly: finding what does not belong, inside PostgreSQL':plain
\echo 'PostgreSQL' :version 'on' :processors 'processors'

\echo
\echo :bold'1. The data':plain
\echo 'Readings of the Space Shuttle''s sensors. Engineers said for each whether the'
\echo 'craft was in its usual state; the detector never sees that label.'
\echo
\pset format unaligned
\pset tuples_only on
SELECT format('%s rows, 9 features, %s of them anomalies (%s %%)',
              pg_temp.n(count(*)), pg_temp.n(sum(label)),
              round(100 * avg(label), 1))
FROM shuttle;

\echo
\echo :bold'2. One statement fits a model':plain
\echo 'A model is a value (bytea): store it, copy it, replicate it, drop it.'
\echo 'The features come as a row, so the model knows their names.'
\echo :dim
CREATE TABLE models (name text PRIMARY KEY, model bytea);
ALTER TABLE models ALTER COLUMN model SET STORAGE EXTERNAL;
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
INSERT INTO models
SELECT 'shuttle', ad_fit(ad_iforest(), s)
FROM (SELECT time, sensor_1, sensor_2, sensor_3, sensor_4,
             sensor_5, sensor_6, sensor_7, sensor_8
      FROM shuttle) s
\p
\g
\echo :plain
SELECT format('fitted in %s ms; the model is %s and knows %s',
              round(1000 * (extract(epoch FROM clock_timestamp()) - :start)::numeric),
              pg_size_pretty(octet_length(model)::bigint),
              (SELECT string_agg(name, ', ' ORDER BY position)
               FROM ad_features(model)))
FROM models WHERE name = 'shuttle';

\echo
\echo :bold'3. Scoring: the higher, the stranger':plain
\echo :dim
CREATE TABLE scored AS
SELECT s.*, ad_score(m.model, s) AS score
FROM shuttle s, models m
WHERE m.name = 'shuttle'
\p
\g
\echo :plain
\pset format aligned
\pset tuples_only off
\echo 'The ten strangest of all readings, and what the engineers said:'
\echo
SELECT id, round(score::numeric, 3) AS score,
       CASE label WHEN 1 THEN 'anomaly' ELSE 'usual' END AS engineers,
       time, sensor_1 AS s1, sensor_2 AS s2, sensor_3 AS s3, sensor_4 AS s4,
       sensor_5 AS s5, sensor_6 AS s6, sensor_7 AS s7, sensor_8 AS s8
FROM scored
ORDER BY scored.score DESC, id
LIMIT 10;

\echo 'Where the scores lie, in percent of the usual and of the anomalous readings:'
\echo
WITH share AS (
    SELECT floor(20 * score)::int AS bucket,
           count(*) FILTER (WHERE label = 0)::numeric /
               (SELECT count(*) FROM scored WHERE label = 0) AS usual,
           count(*) FILTER (WHERE label = 1)::numeric /
               (SELECT count(*) FROM scored WHERE label = 1) AS anomalous
    FROM scored GROUP BY 1
)
SELECT format('%s - %s', to_char(bucket / 20.0, 'FM0.00'),
              to_char((bucket + 1) / 20.0, 'FM0.00')) AS score,
       pg_temp.bar(usual) AS usual,
       pg_temp.bar(anomalous) AS anomalous
FROM share ORDER BY bucket;

\echo :bold'4. How good is it?':plain
\echo 'The same one line for seven labelled sets. ROC AUC is the chance that an anomaly'
\echo 'scores higher than a usual row: 0.5 is a coin, 1 is perfect. (soybean consists of'
\echo 'words, with holes in them; nothing had to be prepared.)'
\echo
CREATE TEMP TABLE answers (dataset text, features int, fit_ms numeric,
                           label int, score float8);
DO $$
DECLARE
    dataset text;
    columns text;
    nfeatures int;
    model bytea;
    start timestamptz;
    fit_ms numeric;
BEGIN
    FOREACH dataset IN ARRAY ARRAY['shuttle', 'satellite', 'breast_cancer',
        'breast_cancer_original', 'glass', 'ionosphere', 'soybean']
    LOOP
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum), count(*)
        INTO columns, nfeatures
        FROM pg_attribute
        WHERE attrelid = dataset::regclass AND attnum > 0
          AND attname NOT IN ('id', 'label');
        start := clock_timestamp();
        EXECUTE format('SELECT ad_fit(ad_iforest(), t) FROM (SELECT %s FROM %I) t',
                       columns, dataset) INTO model;
        fit_ms := 1000 * extract(epoch FROM clock_timestamp() - start);
        EXECUTE format('INSERT INTO answers
                        SELECT %L, %s, %s, label, ad_score($1, t) FROM %I t',
                       dataset, nfeatures, fit_ms, dataset) USING model;
    END LOOP;
END $$;

WITH ranked AS (             -- tied scores share their average rank
    SELECT *, rank() OVER by_score +
              (count(*) OVER (PARTITION BY dataset, score) - 1) / 2.0 AS place
    FROM answers
    WINDOW by_score AS (PARTITION BY dataset ORDER BY score)
), sums AS (
    SELECT dataset, features, fit_ms, count(*) AS n, sum(label) AS n1,
           sum(place) FILTER (WHERE label = 1) AS places
    FROM ranked
    GROUP BY dataset, features, fit_ms
)
SELECT dataset, n AS rows, features, n1 AS anomalies,
       round(fit_ms, 1) AS "fit ms",
       round((places - n1 * (n1 + 1) / 2.0) / (n1 * (n - n1)), 3) AS "ROC AUC"
FROM sums ORDER BY n DESC;

\echo :bold'5. How fast is it?':plain
CREATE TABLE flights AS
SELECT f AS flight, s.* FROM shuttle s, generate_series(1, 11) f;
VACUUM ANALYZE flights;
SELECT count(*) AS rows, pg_temp.n(count(*)) AS shown FROM flights \gset
\echo 'The same readings, eleven times over:' :shown 'rows.'
\echo :dim
CREATE VIEW strangest AS
SELECT max(ad_score((SELECT model FROM models WHERE name = 'shuttle'),
                    time, sensor_1, sensor_2, sensor_3, sensor_4,
                    sensor_5, sensor_6, sensor_7, sensor_8)) AS score
FROM flights
\p
\g
SET max_parallel_workers_per_gather = 0;
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
SELECT score FROM strangest \gset
SELECT extract(epoch FROM clock_timestamp()) - :start AS one \gset
RESET max_parallel_workers_per_gather;
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
SELECT score FROM strangest \gset
SELECT extract(epoch FROM clock_timestamp()) - :start AS many \gset
\echo :plain
SELECT how, round(seconds::numeric, 2) AS seconds,
       pg_temp.n((:rows / seconds)::numeric) AS "rows a second"
FROM (VALUES ('one process', :one), ('as PostgreSQL plans it', :many))
     AS t(how, seconds);

\echo 'Nobody asked for the workers; the planner found that they pay:'
\echo
\pset format unaligned
\pset tuples_only on
EXPLAIN (COSTS OFF) SELECT score FROM strangest;

\echo
\echo :bold'6. A model for every group':plain
\echo 'ad_fit is an aggregate: GROUP BY gives a model a group, a join scores each row by'
\echo 'its own. Here the groups are stretches of the flight.'
\echo :dim
CREATE TABLE stretch_models (stretch numeric, rows bigint, model bytea);
ALTER TABLE stretch_models ALTER COLUMN model SET STORAGE EXTERNAL;
INSERT INTO stretch_models
SELECT div(time::numeric, 20), count(*), ad_fit(ad_iforest(),
       sensor_1, sensor_2, sensor_3, sensor_4,
       sensor_5, sensor_6, sensor_7, sensor_8)
FROM shuttle
GROUP BY 1
HAVING count(*) >= 256
\p
\g
\echo

SELECT m.stretch, m.rows, round(avg(s.label), 3) AS share_of_anomalies,
       round(max(ad_score(m.model, sensor_1, sensor_2, sensor_3, sensor_4,
                 sensor_5, sensor_6, sensor_7, sensor_8))::numeric, 3) AS top_score
FROM shuttle s JOIN stretch_models m ON m.stretch = div(s.time::numeric, 20)
GROUP BY m.stretch, m.rows
ORDER BY m.stretch
\p
\echo :plain
\pset format aligned
\pset tuples_only off
\g

\echo :bold'7. A series':plain
\echo 'Passengers of New York''s taxis, every half hour. No season is named, and the labels'
\echo '(marathon, Thanksgiving, Christmas, New Year, snow storm) are not looked at:'
\echo
SELECT ts::date AS day, round(max((s).score)::numeric, 1) AS score,
       round(max((s).window_score)::numeric, 1) AS level,
       round(max((s).shape_score)::numeric, 1) AS shape,
       CASE max(label) WHEN 1 THEN 'yes' ELSE 'no' END AS labelled
FROM (SELECT ts, label, ad_series_score(passengers, ts) OVER (ORDER BY ts) AS s
      FROM taxi) t
GROUP BY day ORDER BY score DESC LIMIT 10
\p
\g

\echo :bold'8. What is going on?':plain
\echo 'The library was preloaded, so sessions see each other. While one fits a model to'
\echo 'millions of rows, another one looks at ad_progress five times a second:'
\! "$DEMO_PSQL" -Xqc "SET max_parallel_workers_per_gather = 0; SELECT length(ad_fit(ad_iforest(trees => 1000, sample_size => 2048), f)) FROM flights f, generate_series(1, 12)" >/dev/null &
\echo :dim'SELECT kind, name, phase, rows_done, rows_expected, percent FROM ad_progress;':plain
\echo
CREATE TEMP TABLE looks (seconds numeric, kind text, name text, phase text,
                         rows_done bigint, rows_expected bigint, percent numeric);
DO $$
DECLARE
    began timestamptz := clock_timestamp();
    seen boolean := false;
BEGIN
    WHILE clock_timestamp() < began + interval '60 seconds' LOOP
        INSERT INTO looks
        SELECT round(extract(epoch FROM clock_timestamp() - began)::numeric, 1),
               kind, name, phase, rows_done, rows_expected, percent
        FROM ad_progress;
        EXIT WHEN seen AND NOT FOUND;
        seen := seen OR FOUND;
        PERFORM pg_sleep(0.2);
    END LOOP;
END $$;
WITH numbered AS (        -- not all of them
    SELECT *, row_number() OVER (ORDER BY seconds) AS i, count(*) OVER () AS n
    FROM looks
)
SELECT seconds, kind, name, phase, pg_temp.n(rows_done) AS rows_done,
       pg_temp.n(rows_expected) AS rows_expected, percent
FROM numbered WHERE i % (n / 8 + 1) = 0 OR i = n ORDER BY seconds;

\echo 'And all that was scored so far, by model:'
\echo
SELECT detector, count(*) AS models, sum(calls) AS calls, pg_temp.n(sum(rows)) AS rows,
       round(sum(total_ms)::numeric) AS "ms in all",
       round((1e3 * sum(total_ms) / sum(rows))::numeric, 2) AS "us a row",
       round(max(p95_ms)::numeric, 1) AS "slowest p95, ms"
FROM ad_stat_models GROUP BY detector;
\echo 'Is anything wrong?'
\echo
SELECT "check", status, detail FROM ad_health();
