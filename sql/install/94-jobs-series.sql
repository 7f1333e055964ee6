-- since 0.3.0
-- Jobs and alerts: series as a job.
--
-- A batch is in src/jobs/sql_series_job.c: it reads each point once, in the order
-- of time, and goes on from the state of each series, a row of _ad_job_part.

-- No SET search_path: the source means what it means to the caller.
CREATE FUNCTION @extschema@.ad_create_series_job(
    name text,
    source text,
    value_column text,
    time_column text,
    series_columns text[] DEFAULT NULL,
    options jsonb DEFAULT NULL,
    rule jsonb DEFAULT '{"verdict": "anomaly"}',
    method text DEFAULT 'stream',
    window_points integer DEFAULT 2688,
    lag text DEFAULT NULL,
    cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL,
    since text DEFAULT NULL,
    history text DEFAULT NULL,
    max_series integer DEFAULT 100000,
    dead_after text DEFAULT NULL,
    batch_size integer DEFAULT 100000,
    on_error text DEFAULT 'skip',
    late_check interval DEFAULT '1 day',
    pause_after integer DEFAULT 5,
    health jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_create_series_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_create_series_job(text, text, text, text, text[], jsonb, jsonb, text, integer, text, interval, integer, text, text, integer, text, integer, text, interval, integer, jsonb) IS
'Creates a job that scores the points of many series as they arrive, and returns its name; key and entity '
'of an alert are the name of the series. name: 1 to 63 bytes. source: a table, view or SELECT. '
'value_column, time_column: the columns of value and time. series_columns: up to 16 columns that identify '
'a series. options: those of ad_stream() or ad_series_score(). rule: {"verdict": "anomaly"}, above or '
'below, or {"score": s}. method: stream or series. window_points: points that method series scores '
'together, 50 to 100000. lag: how late points may arrive. cooldown: minimum interval between alerts of a '
'series. limit_per_hour: maximum number of alerts per hour. since: where alerts begin. history: how far '
'back to learn. max_series: maximum number of series. dead_after: time without points after which a '
'series is dead. batch_size: points per transaction. on_error: skip or error. late_check: how often late '
'points are counted. pause_after: failed runs after which the job is paused. health: limits for '
'ad_health(). NULL means the default. Raises 22004 for a NULL name, source or column, 42710 if the job '
'exists, 42703 for a missing column, 22023 for an invalid setting.';

CREATE FUNCTION _anomaly._ad_job_series_head(state bytea, columns integer,
    OUT series text, OUT points bigint, OUT first_place bigint, OUT last_place bigint, OUT step bigint, OUT repeated bigint, OUT dead boolean)
AS 'MODULE_PATHNAME', 'ad_job_series_head'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_job_series_head(bytea, integer) IS
'what the state of a series of a job begins with: its name, made of so many columns, counts, places and step; NULL if it is damaged';

CREATE FUNCTION _anomaly._ad_job_series_counts(place bytea, OUT series bigint, OUT dead bigint, OUT refused bigint)
AS 'MODULE_PATHNAME', 'ad_job_series_counts'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_job_series_counts(bytea) IS
'how many series a job has, how many of them are dead, and how many rows of others it has refused, from the bytes of its place; NULL if they are damaged';

CREATE VIEW @extschema@.ad_job_series WITH (security_barrier) AS
SELECT p.name AS job, h.series, h.points,
       _anomaly._ad_place_text(h.first_place, s.type) AS first_time, _anomaly._ad_place_text(h.last_place, s.type) AS last_time,
       CASE WHEN s.type = 'integer' THEN h.step::text ELSE _anomaly._ad_interval(h.step::double precision / 1000000)::text END AS step,
       h.repeated, CASE WHEN h.dead THEN _anomaly._ad_place_text(h.last_place, s.type) END AS dead_since,
       octet_length(d.state) AS bytes
FROM _anomaly._ad_job_part d
     JOIN (SELECT o.job_id, o.name, jsonb_array_length(CASE WHEN jsonb_typeof(j.options -> 'series_columns') = 'array' THEN j.options -> 'series_columns' ELSE '[]' END) AS n
           FROM _anomaly._ad_job_privilege o JOIN _anomaly._ad_job j ON j.id = o.job_id WHERE j.kind = 'series' OFFSET 0) p ON p.job_id = d.job_id
     JOIN _anomaly._ad_job_state s ON s.job_id = d.job_id
     CROSS JOIN LATERAL _anomaly._ad_job_series_head(d.state, p.n) h
WHERE _anomaly._ad_among(d.job_id, ARRAY(SELECT o.job_id FROM _anomaly._ad_job_privilege o))
    AND _anomaly._ad_among(s.job_id, ARRAY(SELECT o.job_id FROM _anomaly._ad_job_privilege o));
COMMENT ON VIEW @extschema@.ad_job_series IS
'Series of the series jobs that the current user may see.';
COMMENT ON COLUMN @extschema@.ad_job_series.job IS 'Name of the job.';
COMMENT ON COLUMN @extschema@.ad_job_series.series IS
'Name of the series, which is the key of its alerts: the text of the column, or of the row of several; '
'(null) for NULL.';
COMMENT ON COLUMN @extschema@.ad_job_series.points IS 'Rows read, including repeated ones and those without a value.';
COMMENT ON COLUMN @extschema@.ad_job_series.first_time IS 'Time of the first point, as text; a timestamptz in UTC.';
COMMENT ON COLUMN @extschema@.ad_job_series.last_time IS 'Time of the last point, as text; a timestamptz in UTC.';
COMMENT ON COLUMN @extschema@.ad_job_series.step IS
'Estimated step between points: an interval, or a number if times are numbers; NULL if not known yet.';
COMMENT ON COLUMN @extschema@.ad_job_series.repeated IS
'Points that were ignored, since the previous one had the same time.';
COMMENT ON COLUMN @extschema@.ad_job_series.dead_since IS
'Time of the last point if the series is dead, that is, without points for dead_after; otherwise NULL.';
COMMENT ON COLUMN @extschema@.ad_job_series.bytes IS 'Size of the state in bytes.';
GRANT SELECT ON @extschema@.ad_job_series TO PUBLIC;

-- numbers of series, for who monitors too
CREATE VIEW _anomaly._ad_series_health WITH (security_barrier) AS
SELECT j.name, c.series, c.dead, c.refused, (j.options ->> 'max_series')::bigint AS max_series
FROM _anomaly._ad_job j JOIN _anomaly._ad_job_state s ON s.job_id = j.id
     CROSS JOIN LATERAL _anomaly._ad_job_series_counts(s.stream) c
WHERE j.kind = 'series' AND (pg_has_role(j.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE'))
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_series_health IS 'how many series one''s own jobs have, or with pg_monitor all, how many of them are dead, and how many rows of others were refused';
GRANT SELECT ON _anomaly._ad_series_health TO PUBLIC;

CREATE FUNCTION _anomaly._ad_health_series()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'job series', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(string_agg(concat_ws(' ', CASE WHEN h.dead > 0 THEN format('%s of %s series of job %s %s dead.', h.dead, h.series, h.name, CASE h.dead WHEN 1 THEN 'is' ELSE 'are' END) END,
                                         CASE WHEN h.refused > 0 THEN format('Job %s may have %s series: %s of others %s not scored.', h.name, h.max_series,
                                             CASE h.refused WHEN 1 THEN '1 row' ELSE h.refused || ' rows' END, CASE h.refused WHEN 1 THEN 'was' ELSE 'were' END) END), ' ' ORDER BY h.name),
                    'No series of a job is dead, or was refused.'),
           CASE WHEN count(*) > 0 THEN 'See ad_job_series. A dead series lives again when points come, and makes room for a new one; max_series and dead_after are changed by ad_alter_job().' END
    FROM _anomaly._ad_series_health h WHERE h.dead > 0 OR h.refused > 0
$$;
COMMENT ON FUNCTION _anomaly._ad_health_series() IS
'the check of ad_health() on series of jobs that are dead, or beyond max_series';

-- No SET search_path: the source means what it means to its owner.
CREATE FUNCTION @extschema@.ad_alert_plot(
    job text,
    key text,
    watermark text DEFAULT NULL,
    points integer DEFAULT 200,
    title text DEFAULT NULL,
    width integer DEFAULT 900,
    height integer DEFAULT 320)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_alert_plot'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_alert_plot(text, text, text, integer, text, integer, integer) IS
'Returns a plot of the series around an alert of a series job as SVG, with the expected range and a ring '
'around the alert. It reads the source again, so only the owner of the job can call it. job: the job. '
'key: key of the alert. watermark: its watermark; NULL means the latest alert of the key. points: number '
'of points shown. title: title of the plot, or NULL. width, height: its size in pixels. Raises 22004 for '
'a NULL job or key, 42809 if the job is not a series job, 42501 if the caller is not its owner, 42704 if '
'there is no such job or alert.';
