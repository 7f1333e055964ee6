-- since 0.3.0
-- Jobs and alerts: wash trades as a job.
--
-- A batch is in src/jobs/sql_wash_job.c: it reads each event once, when nothing
-- can come below it any more, and goes on from the trades of the last window of
-- each partition. What is remembered of these is in _ad_job_part.

-- No SET search_path: the source means what it means to the caller.
CREATE FUNCTION @extschema@.ad_create_wash_trade_job(
    name text,
    source text,
    options jsonb DEFAULT NULL,
    rule jsonb DEFAULT '{"score": 0}',
    partition_by text[] DEFAULT NULL,
    order_by anycompatible DEFAULT NULL::text,
    columns jsonb DEFAULT NULL,
    per_burst boolean DEFAULT true,
    lag text DEFAULT '1 minute',
    cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL,
    since text DEFAULT NULL,
    on_error text DEFAULT 'skip',
    seen_limit integer DEFAULT 1000000,
    late_check interval DEFAULT '1 day',
    pause_after integer DEFAULT 5,
    health jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_create_wash_trade_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_create_wash_trade_job(text, text, jsonb, jsonb, text[], anycompatible, jsonb, boolean, text, interval, integer, text, text, integer, interval, integer, jsonb) IS
'Creates a job that finds windows of wash trading in order events once they are complete, and returns its '
'name; the score is alternation_percentage, 0 to 100. name: 1 to 63 bytes. source: a table, view or '
'SELECT. options: as returned by ad_wash_trade_options(). rule: {"score": s}. partition_by, order_by, '
'columns: as in ad_layering_sequences(). per_burst: true for one alert per chain of windows that share '
'trades, false for one per window. lag: how late events may arrive. cooldown: minimum interval between '
'alerts of an entity. limit_per_hour: maximum number of alerts per hour. since: where to begin, or now. '
'on_error: skip or error for rows that are not events. seen_limit: row versions that are remembered. '
'late_check: how often late rows are counted. pause_after: failed runs after which the job is paused. '
'health: limits for ad_health(). NULL means the default. Raises 22004 for a NULL name or source, 42710 if '
'the job exists, 42703 for a missing column, 22023 for an invalid setting.';
