-- Jobs and alerts: watching a table.
--
-- A batch is in src/jobs/sql_watch_job.c: it summarises the periods that have
-- closed, and puts each metric of them to its stream.

CREATE TABLE _anomaly._ad_job_watch (
    job_id integer NOT NULL,
    subject text COLLATE "C" NOT NULL,		-- a column; empty: the table
    gone boolean NOT NULL,
    state bytea NOT NULL,
    CONSTRAINT _ad_job_watch_pkey PRIMARY KEY (job_id, subject)
);
ALTER TABLE _anomaly._ad_job_watch ALTER state SET STORAGE EXTERNAL;
COMMENT ON TABLE _anomaly._ad_job_watch IS 'what a watch remembers of a column, or of the table: the streams of its metrics';

CREATE TABLE _anomaly._ad_job_metric (
    job_id integer NOT NULL,
    place bigint NOT NULL,			-- the period's start
    metric text COLLATE "C" NOT NULL,
    value double precision,
    expected double precision,
    lower double precision,
    upper double precision,
    score double precision,
    verdict text NOT NULL,
    CONSTRAINT _ad_job_metric_pkey PRIMARY KEY (job_id, place, metric)
);
COMMENT ON TABLE _anomaly._ad_job_metric IS 'the metrics of the last periods of a watch';

CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_watch
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_metric
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();

SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_watch', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_metric', '');

REVOKE ALL ON _anomaly._ad_job_watch, _anomaly._ad_job_metric FROM PUBLIC;
DO $$
BEGIN
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_job_watch, _anomaly._ad_job_metric TO ' ||
		CASE WHEN current_setting('server_version_num')::int >= 140000 THEN 'pg_database_owner'
		ELSE (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) END;
END $$;

-- No SET search_path: the source means what it means to the caller.
CREATE FUNCTION @extschema@.ad_create_watch(
    name text,
    source text,
    time_column text,
    period interval DEFAULT '1 day',
    columns text[] DEFAULT NULL,
    metrics text[] DEFAULT NULL,
    bounds jsonb DEFAULT NULL,
    rule jsonb DEFAULT '{"p_value": 0.0001}',
    history integer DEFAULT NULL,
    keep integer DEFAULT 1000,
    lag text DEFAULT NULL,
    cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL,
    since text DEFAULT NULL,
    late_check interval DEFAULT '1 day',
    pause_after integer DEFAULT 5,
    health jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_create_watch'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_create_watch(text, text, text, interval, text[], text[], jsonb, jsonb, integer, integer, text, interval, integer, text, interval, integer, jsonb) IS
'Creates a job that follows rows, freshness, NULL shares, distinct values and quantiles of a table per '
'period and writes one alert per unusual metric and period, and returns its name. name: 1 to 63 bytes. '
'source: a table, view or SELECT. time_column: the time of a row. period: 1 day, 7 days, or a part of a '
'day. columns: columns to watch, at most 100. metrics: metrics to compute. bounds: absolute bounds, such '
'as {"rows": {"min": 1}}. rule: {"p_value": p} or {"score": s}. history: periods to learn from. keep: '
'periods whose metrics are kept. lag: how late rows may arrive. cooldown: minimum interval between alerts '
'of an entity. limit_per_hour: maximum number of alerts per hour. since: the first period that may raise '
'an alert. late_check: how often late rows are counted. pause_after: failed runs after which the job is '
'paused. health: limits for ad_health(). NULL means the default. Raises 22004 for a NULL name, source or '
'time_column, 42710 if the job exists, 42703 for a missing column, 22023 for an invalid setting.';

CREATE FUNCTION _anomaly._ad_place_time(place bigint)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'ad_place_as_time'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_place_time(bigint) IS
'the place of a timestamptz as that';

CREATE VIEW @extschema@.ad_watch_metrics WITH (security_barrier) AS
SELECT p.name AS job, m.metric, m.value, m.expected, m.lower, m.upper, m.score, m.verdict,
       CASE WHEN s.type = 'timestamptz' THEN _anomaly._ad_place_time(m.place)
            ELSE (_anomaly._ad_place_time(m.place) AT TIME ZONE 'UTC') AT TIME ZONE j.timezone END AS period
FROM _anomaly._ad_job_metric m
     JOIN (SELECT o.job_id, o.name FROM _anomaly._ad_job_privilege o OFFSET 0) p ON p.job_id = m.job_id
     JOIN _anomaly._ad_job j ON j.id = m.job_id
     JOIN _anomaly._ad_job_state s ON s.job_id = m.job_id
WHERE _anomaly._ad_among(m.job_id, ARRAY(SELECT o.job_id FROM _anomaly._ad_job_privilege o));
COMMENT ON VIEW @extschema@.ad_watch_metrics IS
'Metrics of the last periods of the watches that the current user may see.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.job IS 'Name of the watch.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.metric IS
'Name of the metric; followed by a point and the column for a metric of a column.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.value IS
'Value in the period; shares are from 0 to 1, times in seconds; NULL if there is none.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.expected IS
'Value expected from earlier periods; NULL if there are not enough.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.lower IS
'Lower bound of the expected range; NULL if there is none, or it is unknown.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.upper IS
'Upper bound of the expected range; NULL if there is none, or it is unknown.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.score IS 'Number of deviations from the expected value.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.verdict IS
'ok, low, high, below min, above max, learning, labeled (as an anomaly, and therefore not learned) or no '
'value.';
COMMENT ON COLUMN @extschema@.ad_watch_metrics.period IS 'Start of the period.';
GRANT SELECT ON @extschema@.ad_watch_metrics TO PUBLIC;

CREATE VIEW _anomaly._ad_watch_gone WITH (security_barrier) AS
SELECT j.name, w.subject
FROM (SELECT o.id, o.name FROM _anomaly._ad_job o WHERE pg_has_role(o.owner, 'USAGE') OFFSET 0) j
     JOIN _anomaly._ad_job_watch w ON w.job_id = j.id
WHERE w.gone AND _anomaly._ad_among(w.job_id, ARRAY(SELECT o.id FROM _anomaly._ad_job o WHERE pg_has_role(o.owner, 'USAGE')));
COMMENT ON VIEW _anomaly._ad_watch_gone IS 'columns that watches of one''s own were told to follow, and their sources lack';
GRANT SELECT ON _anomaly._ad_watch_gone TO PUBLIC;

CREATE FUNCTION _anomaly._ad_health_watches()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'watched column', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(string_agg(format('The source of watch %s has no column %I any more.', g.name, g.subject), ' ' ORDER BY g.name, g.subject),
                    'Every column that is watched is there.'),
           CASE WHEN count(*) > 0 THEN 'The other columns are watched on. Give the watch other columns or another source with ad_alter_job().' END
    FROM _anomaly._ad_watch_gone g
$$;
COMMENT ON FUNCTION _anomaly._ad_health_watches() IS
'the check of ad_health() on columns that watches cannot see any more';
