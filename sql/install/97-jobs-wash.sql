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
'makes a job that finds wash trading in a table, view or query of order events: the windows of ad_wash_trade(), once they have closed; per_burst: one alert per run of windows that share trades, that of the first, false: one per window; the score is alternation_percentage, 0 to 100; returns its name';
