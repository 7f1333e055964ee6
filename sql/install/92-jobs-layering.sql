-- Jobs and alerts: layering as a job.
--
-- A batch is in src/jobs/sql_layering_job.c: it reads each event once, when nothing
-- can come below it any more, and goes on from the state of each partition.

CREATE TABLE _anomaly._ad_job_part (
    job_id integer NOT NULL,
    part bytea NOT NULL,		-- digest of job and partition
    due bigint NOT NULL,
    ends bigint NOT NULL,
    state bytea NOT NULL,
    CONSTRAINT _ad_job_part_pkey PRIMARY KEY (part)
);
CREATE INDEX _ad_job_part_due ON _anomaly._ad_job_part (job_id, due);
ALTER TABLE _anomaly._ad_job_part ALTER state SET STORAGE EXTERNAL;
-- written by every batch
ALTER TABLE _anomaly._ad_job_part SET (autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE _anomaly._ad_job_part IS 'what a job that reads in the order of time remembers of a partition, the time at which something is decided even if no event comes, and that at which it can be forgotten';

CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_part
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();

SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_part', '');

REVOKE ALL ON _anomaly._ad_job_part FROM PUBLIC;
DO $$
BEGIN
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_job_part TO ' || CASE WHEN current_setting('server_version_num')::int >= 140000 THEN 'pg_database_owner'
		ELSE (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) END;
END $$;

-- No SET search_path: the source means what it means to the caller.
CREATE FUNCTION @extschema@.ad_create_layering_job(
    name text,
    source text,
    options jsonb DEFAULT NULL,
    rule jsonb DEFAULT '{"score": 0}',
    partition_by text[] DEFAULT NULL,
    order_by anycompatible DEFAULT NULL::text,
    lag text DEFAULT '1 minute',
    cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL,
    since text DEFAULT NULL,
    on_error text DEFAULT 'skip',
    seen_limit integer DEFAULT 1000000,
    late_check interval DEFAULT '1 day',
    columns jsonb DEFAULT NULL,
    pause_after integer DEFAULT 5,
    health jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_create_layering_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_create_layering_job(text, text, jsonb, jsonb, text[], anycompatible, text, interval, integer, text, text, integer, interval, jsonb, integer, jsonb) IS
'Creates a job that finds layering sequences in order events once their windows have closed, and returns '
'its name; the score is the severity. name: 1 to 63 bytes. source: a table, view or SELECT. options: as '
'returned by ad_layering_options(). rule: {"score": s}. partition_by, order_by, columns: as in '
'ad_layering_sequences(). lag: how late events may arrive. cooldown: minimum interval between alerts of '
'an entity. limit_per_hour: maximum number of alerts per hour. since: where to begin, or now. on_error: '
'skip or error for rows that are not events. seen_limit: row versions that are remembered. late_check: '
'how often late rows are counted. pause_after: failed runs after which the job is paused. health: limits '
'for ad_health(). NULL means the default. Raises 22004 for a NULL name or source, 42710 if the job '
'exists, 42703 for a missing column, 22023 for an invalid setting.';

CREATE FUNCTION _anomaly._ad_create_layering_job(name text, source text, options jsonb DEFAULT NULL, rule jsonb DEFAULT '{"score": 0}',
    partition_by text[] DEFAULT NULL, order_by text DEFAULT NULL, lag text DEFAULT '1 minute', cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL, since text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_create_layering_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_create_layering_job(text, text, jsonb, jsonb, text[], text, text, interval, integer, text) IS
'ad_create_layering_job() as it was until 0.2.0, where objects made then depend on it';
