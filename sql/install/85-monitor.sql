-- Monitoring: statistics, progress, health. What needs shared memory says so.

CREATE FUNCTION _anomaly._ad_preloaded()
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_preloaded'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_preloaded() IS
'whether the library was loaded at server start';

CREATE FUNCTION _anomaly._ad_cache(
    OUT models integer,
    OUT bytes bigint,
    OUT uses bigint,
    OUT loads bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'ad_cache'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION _anomaly._ad_cache() IS
'the loaded models of this session, the memory of those that it keeps, how often one was used and how often one was loaded';

CREATE FUNCTION _anomaly._ad_stat_all(
    OUT database_id oid,
    OUT model text,
    OUT version integer,
    OUT digest text,
    OUT detector text,
    OUT calls bigint,
    OUT rows bigint,
    OUT anomalies bigint,
    OUT errors bigint,
    OUT total_ms double precision,
    OUT mean_ms double precision,
    OUT max_ms double precision,
    OUT p50_ms double precision,
    OUT p95_ms double precision,
    OUT p99_ms double precision,
    OUT score_mean double precision,
    OUT score_stddev double precision,
    OUT score_shift double precision,
    OUT first_used timestamptz,
    OUT last_used timestamptz,
    OUT caught bigint,
    OUT row_mean_us double precision,
    OUT row_p50_us double precision,
    OUT row_p95_us double precision,
    OUT row_p99_us double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_stat_models_0_3'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION _anomaly._ad_stat_all() IS
'the counts behind ad_stat_models, of the databases of the cluster';

CREATE VIEW _anomaly._ad_visible_stat AS
SELECT d.datname AS database, s.model, s.version, s.digest, s.detector,
       s.calls, s.rows, s.anomalies, s.errors,
       s.total_ms, s.mean_ms, s.max_ms, s.p50_ms, s.p95_ms, s.p99_ms,
       s.score_mean, s.score_stddev, s.score_shift, s.first_used, s.last_used,
       s.caught, s.row_mean_us, s.row_p50_us, s.row_p95_us, s.row_p99_us
FROM _anomaly._ad_stat_all() s
     LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.database_id;
COMMENT ON VIEW _anomaly._ad_visible_stat IS 'what ad_stat_models shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_stat TO PUBLIC;

CREATE VIEW @extschema@.ad_stat_models AS
SELECT * FROM _anomaly._ad_visible_stat;
COMMENT ON VIEW @extschema@.ad_stat_models IS
'Statistics of scoring per database, model and version since the last reset: the caller''s own and those '
'of the caller''s models, or all for members of pg_monitor; needs shared_preload_libraries.';
COMMENT ON COLUMN @extschema@.ad_stat_models.database IS 'Name of the database.';
COMMENT ON COLUMN @extschema@.ad_stat_models.model IS 'Name of the model; NULL if it was given by its bytes.';
COMMENT ON COLUMN @extschema@.ad_stat_models.version IS 'Version of the model; NULL if it was given by its bytes.';
COMMENT ON COLUMN @extschema@.ad_stat_models.digest IS
'Digest of the model as in ad_info(); NULL for calls that failed before a model was found.';
COMMENT ON COLUMN @extschema@.ad_stat_models.detector IS
'Detector of the model; NULL for calls that failed before a model was found.';
COMMENT ON COLUMN @extschema@.ad_stat_models.calls IS
'Calls: each place in a query that scores, counted once per query and process.';
COMMENT ON COLUMN @extschema@.ad_stat_models.rows IS 'Rows scored.';
COMMENT ON COLUMN @extschema@.ad_stat_models.anomalies IS 'Rows scored above the threshold of the model.';
COMMENT ON COLUMN @extschema@.ad_stat_models.errors IS 'Calls that failed, also if the error was caught.';
COMMENT ON COLUMN @extschema@.ad_stat_models.total_ms IS 'Total time of scoring in milliseconds, without reading rows.';
COMMENT ON COLUMN @extschema@.ad_stat_models.mean_ms IS 'Mean time per call in milliseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_models.max_ms IS 'Longest time of a call in milliseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_models.p50_ms IS 'Median time per call in milliseconds, within 25 %.';
COMMENT ON COLUMN @extschema@.ad_stat_models.p95_ms IS
'95th percentile of the time per call in milliseconds, within 25 %.';
COMMENT ON COLUMN @extschema@.ad_stat_models.p99_ms IS
'99th percentile of the time per call in milliseconds, within 25 %.';
COMMENT ON COLUMN @extschema@.ad_stat_models.score_mean IS 'Mean of the scores.';
COMMENT ON COLUMN @extschema@.ad_stat_models.score_stddev IS 'Standard deviation of the scores.';
COMMENT ON COLUMN @extschema@.ad_stat_models.first_used IS 'Start of the first query.';
COMMENT ON COLUMN @extschema@.ad_stat_models.last_used IS 'End of the last query.';
COMMENT ON COLUMN @extschema@.ad_stat_models.row_p50_us IS 'Median time per row in microseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_models.row_p99_us IS
'99th percentile of the time per row in microseconds, of the rows that were timed.';
COMMENT ON COLUMN @extschema@.ad_stat_models.score_shift IS
'Difference of the mean score from that of the fit, in standard deviations of the fit.';
COMMENT ON COLUMN @extschema@.ad_stat_models.caught IS
'Errors for which ad_try_score() or ad_try_pvalue() returned NULL.';
COMMENT ON COLUMN @extschema@.ad_stat_models.row_mean_us IS
'Mean time per row in microseconds, including the first row of a call, in which the model is found.';
COMMENT ON COLUMN @extschema@.ad_stat_models.row_p95_us IS
'95th percentile of the time per row in microseconds, of the rows that were timed.';
GRANT SELECT ON @extschema@.ad_stat_models TO PUBLIC;

CREATE FUNCTION _anomaly._ad_stat_intervals(
    OUT database_id oid,
    OUT model text,
    OUT version integer,
    OUT digest text,
    OUT detector text,
    OUT started timestamptz,
    OUT ended timestamptz,
    OUT calls bigint,
    OUT rows bigint,
    OUT anomalies bigint,
    OUT errors bigint,
    OUT caught bigint,
    OUT total_ms double precision,
    OUT mean_ms double precision,
    OUT max_ms double precision,
    OUT p50_ms double precision,
    OUT p95_ms double precision,
    OUT p99_ms double precision,
    OUT row_mean_us double precision,
    OUT row_p50_us double precision,
    OUT row_p95_us double precision,
    OUT row_p99_us double precision,
    OUT score_mean double precision,
    OUT score_stddev double precision,
    OUT score_shift double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_stat_intervals'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION _anomaly._ad_stat_intervals() IS
'the counts behind ad_stat_intervals, of the databases of the cluster';

CREATE VIEW @extschema@.ad_stat_intervals AS
SELECT d.datname AS database, s.model, s.version, s.digest, s.detector, s.started, s.ended,
       s.calls, s.rows, s.anomalies, s.errors, s.caught,
       s.total_ms, s.mean_ms, s.max_ms, s.p50_ms, s.p95_ms, s.p99_ms,
       s.row_mean_us, s.row_p50_us, s.row_p95_us, s.row_p99_us, s.score_mean, s.score_stddev, s.score_shift
FROM _anomaly._ad_stat_intervals() s
     LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.database_id;
COMMENT ON VIEW @extschema@.ad_stat_intervals IS
'The statistics of ad_stat_models for each of the last anomaly.stat_intervals intervals of the length '
'anomaly.stat_interval in which a model scored: the caller''s own and those of the caller''s models, or '
'all for members of pg_monitor; needs shared_preload_libraries.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.database IS 'Name of the database.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.model IS 'Name of the model; NULL if it was given by its bytes.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.version IS 'Version of the model; NULL if it was given by its bytes.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.digest IS
'Digest of the model as in ad_info(); NULL for calls that failed before a model was found.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.detector IS
'Detector of the model; NULL for calls that failed before a model was found.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.rows IS 'Rows scored.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.anomalies IS 'Rows scored above the threshold of the model.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.errors IS 'Calls that failed, also if the error was caught.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.caught IS
'Errors for which ad_try_score() or ad_try_pvalue() returned NULL.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.total_ms IS
'Total time of scoring in milliseconds, without reading rows.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.mean_ms IS 'Mean time per call in milliseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.max_ms IS 'Longest time of a call in milliseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.p50_ms IS 'Median time per call in milliseconds, within 25 %.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.p95_ms IS
'95th percentile of the time per call in milliseconds, within 25 %.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.p99_ms IS
'99th percentile of the time per call in milliseconds, within 25 %.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.row_mean_us IS 'Mean time per row in microseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.row_p50_us IS 'Median time per row in microseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.row_p95_us IS '95th percentile of the time per row in microseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.row_p99_us IS '99th percentile of the time per row in microseconds.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.score_mean IS 'Mean of the scores.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.score_stddev IS 'Standard deviation of the scores.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.score_shift IS
'Difference of the mean score from that of the fit, in standard deviations of the fit.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.started IS 'Start of the interval.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.ended IS 'End of the interval; in the future for the current one.';
COMMENT ON COLUMN @extschema@.ad_stat_intervals.calls IS
'Calls that ended in the interval; rows are counted in the interval in which they were scored, to the '
'next timed row.';
GRANT SELECT ON @extschema@.ad_stat_intervals TO PUBLIC;

CREATE FUNCTION _anomaly._ad_stat_histograms(
    OUT database_id oid,
    OUT model text,
    OUT version integer,
    OUT digest text,
    OUT detector text,
    OUT kind text,
    OUT le double precision[],
    OUT bucket bigint[],
    OUT count bigint,
    OUT sum double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_stat_histograms'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION _anomaly._ad_stat_histograms() IS
'the histograms behind ad_stat_histograms, of the databases of the cluster';

CREATE VIEW @extschema@.ad_stat_histograms AS
SELECT d.datname AS database, s.model, s.version, s.digest, s.detector, s.kind, s.le, s.bucket, s.count, s.sum
FROM _anomaly._ad_stat_histograms() s
     LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.database_id;
COMMENT ON VIEW @extschema@.ad_stat_histograms IS
'Histograms of the times of rows and calls of the models in ad_stat_models, in the form used by '
'Prometheus: the caller''s own and those of the caller''s models, or all for members of pg_monitor; needs '
'shared_preload_libraries.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.database IS 'Name of the database.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.model IS 'Name of the model; NULL if it was given by its bytes.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.version IS 'Version of the model; NULL if it was given by its bytes.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.digest IS 'Digest of the model as in ad_info().';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.detector IS 'Detector of the model.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.kind IS 'row or call.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.count IS 'Number of rows or calls.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.sum IS 'Total seconds.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.le IS
'Upper bounds in seconds, powers of 2 in nanoseconds, the same for all models.';
COMMENT ON COLUMN @extschema@.ad_stat_histograms.bucket IS
'Number of rows or calls that took at most the time of the same element of le, including lower bounds.';
GRANT SELECT ON @extschema@.ad_stat_histograms TO PUBLIC;

CREATE FUNCTION _anomaly._ad_stat_cache(
    OUT scope text,
    OUT models bigint,
    OUT bytes bigint,
    OUT hits bigint,
    OUT misses bigint,
    OUT evictions bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_stat_cache'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 100 ROWS 2;
COMMENT ON FUNCTION _anomaly._ad_stat_cache() IS
'the counts behind ad_stat_cache';

CREATE VIEW @extschema@.ad_stat_cache AS
SELECT s.scope, s.models, s.bytes, s.hits, s.misses, s.evictions FROM _anomaly._ad_stat_cache() s;
COMMENT ON VIEW @extschema@.ad_stat_cache IS
'Caches of loaded models: that of this session (scope is session), and those of all sessions together '
'(server), which needs shared_preload_libraries.';
COMMENT ON COLUMN @extschema@.ad_stat_cache.scope IS 'session or server.';
COMMENT ON COLUMN @extschema@.ad_stat_cache.models IS 'Number of loaded models.';
COMMENT ON COLUMN @extschema@.ad_stat_cache.bytes IS
'Memory of the models kept for the next statements, up to anomaly.model_cache_size per session.';
COMMENT ON COLUMN @extschema@.ad_stat_cache.hits IS 'Number of calls that found their model loaded.';
COMMENT ON COLUMN @extschema@.ad_stat_cache.misses IS 'Number of times that a model had to be loaded.';
COMMENT ON COLUMN @extschema@.ad_stat_cache.evictions IS 'Number of models removed to make room.';
GRANT SELECT ON @extschema@.ad_stat_cache TO PUBLIC;

CREATE FUNCTION _anomaly._ad_stat_health(
    OUT whose text,
    OUT model text,
    OUT version integer,
    OUT digest text,
    OUT detector text,
    OUT calls bigint,
    OUT rows bigint,
    OUT errors bigint,
    OUT role_id oid,
    OUT p95_ms double precision,
    OUT score_shift double precision,
    OUT since timestamptz,
    OUT recent_calls bigint,
    OUT recent_rows bigint,
    OUT recent_errors bigint,
    OUT recent_caught bigint,
    OUT row_p95_ms double precision,
    OUT row_us double precision,
    OUT past_row_us double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_stat_health'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION _anomaly._ad_stat_health() IS
'what ad_health() judges, of this database: the active versions of named models (whose is model); and other models, and calls that had none (digest is NULL), apart for the user (own) and other roles (others); role_id is the role that failed most since, from when on what is recent is counted; row_us and past_row_us are medians';

CREATE FUNCTION @extschema@.ad_stat_reset()
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_stat_reset() IS
'Resets the counts of ad_stat_models, ad_stat_intervals, ad_stat_histograms and ad_stat_cache. There are '
'no arguments, and the result is NULL (void). Raises 42501 unless the caller is a superuser or was '
'granted EXECUTE, 55000 if the library was not preloaded.';
REVOKE ALL ON FUNCTION @extschema@.ad_stat_reset() FROM PUBLIC;

CREATE FUNCTION _anomaly._ad_running(
    OUT pid integer,
    OUT database_id oid,
    OUT role_id oid,
    OUT kind text,
    OUT name text,
    OUT phase text,
    OUT rows_done bigint,
    OUT rows_expected bigint,
    OUT percent double precision,
    OUT started timestamptz,
    OUT fits bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_running'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION _anomaly._ad_running() IS
'what runs, behind ad_progress';

CREATE VIEW @extschema@.ad_progress AS
SELECT p.pid, d.datname AS database, r.rolname AS role, p.kind, p.name, p.phase,
       p.rows_done, p.rows_expected,
       pg_catalog.round(p.percent::pg_catalog.numeric, 1) AS percent, p.started, p.fits
FROM _anomaly._ad_running() p
     LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) p.database_id
     LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) p.role_id;
COMMENT ON VIEW @extschema@.ad_progress IS
'Running fits, sketches, detections, trainings, benchmarks and jobs: the caller''s own, or all for '
'members of pg_monitor; needs shared_preload_libraries.';
COMMENT ON COLUMN @extschema@.ad_progress.pid IS 'Process ID of the backend.';
COMMENT ON COLUMN @extschema@.ad_progress.database IS 'Name of the database.';
COMMENT ON COLUMN @extschema@.ad_progress.role IS 'Role that runs it.';
COMMENT ON COLUMN @extschema@.ad_progress.kind IS 'Kind of operation, such as fit, training or job.';
COMMENT ON COLUMN @extschema@.ad_progress.name IS 'Detector, or name of the model or job; NULL if there is none.';
COMMENT ON COLUMN @extschema@.ad_progress.phase IS 'Current phase.';
COMMENT ON COLUMN @extschema@.ad_progress.rows_done IS 'Rows read or scored so far, updated every 65,536 rows.';
COMMENT ON COLUMN @extschema@.ad_progress.rows_expected IS 'Rows expected by the planner; NULL if unknown.';
COMMENT ON COLUMN @extschema@.ad_progress.percent IS 'Percentage of the expected rows; NULL if unknown.';
COMMENT ON COLUMN @extschema@.ad_progress.started IS 'Start of the operation.';
COMMENT ON COLUMN @extschema@.ad_progress.fits IS 'Number of models that the statement has made so far.';
GRANT SELECT ON @extschema@.ad_progress TO PUBLIC;

CREATE FUNCTION _anomaly._ad_progress_set(
    kind text,
    name text,
    phase text DEFAULT NULL,
    rows_done bigint DEFAULT NULL,
    rows_expected bigint DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_progress_set'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_progress_set(text, text, text, bigint, bigint) IS
'show the progress of the job that this session runs in ad_progress until _ad_progress_end() or an abort; does nothing if the library is not preloaded';

CREATE FUNCTION _anomaly._ad_progress_end(kind text, name text)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_progress_finish'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_progress_end(text, text) IS
'no longer show what _ad_progress_set() showed';

CREATE FUNCTION _anomaly._ad_health_status(value double precision, warning double precision, critical double precision)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN value >= critical THEN 'critical'
                WHEN value >= warning THEN 'warning'
                ELSE 'ok' END
$$;
COMMENT ON FUNCTION _anomaly._ad_health_status(double precision, double precision, double precision) IS
'status of a value under two limits; NULL is ok';

CREATE FUNCTION _anomaly._ad_health_of(whose text, value double precision, what text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN whose = 'others' AND s = 'critical' THEN 'warning' ELSE s END
    FROM _anomaly._ad_health_status(value, CASE what
             WHEN 'latency' THEN extract(epoch FROM current_setting('anomaly.health_latency_warning')::interval)::float8 * 1000
             ELSE current_setting('anomaly.health_' || what || '_warning')::float8 END, CASE what
             WHEN 'latency' THEN extract(epoch FROM current_setting('anomaly.health_latency_critical')::interval)::float8 * 1000
             ELSE current_setting('anomaly.health_' || what || '_critical')::float8 END) s
$$;
COMMENT ON FUNCTION _anomaly._ad_health_of(text, double precision, text) IS
'status of a value of _ad_stat_health() under the settings of a check: error_rate, latency, latency_ratio or score_shift';

CREATE FUNCTION _anomaly._ad_health_number(value double precision)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN abs($1) < 1e9 THEN round($1::numeric, 3)::text
                -- of digits and an exponent the first digits
                ELSE regexp_replace(trunc($1)::text, '^(-?\d\.\d{3})\d*e', '\1e') END
$$;
COMMENT ON FUNCTION _anomaly._ad_health_number(double precision) IS
'a number as a detail of ad_health() has it: three digits after the point';

CREATE FUNCTION _anomaly._ad_health_model(whose text, model text, digest text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE whose WHEN 'model' THEN 'model "' || model || '"'
                      WHEN 'own' THEN 'the model with digest ' || digest
                      ELSE 'the model of another role with digest ' || digest END
$$;
COMMENT ON FUNCTION _anomaly._ad_health_model(text, text, text) IS
'what a row of _ad_stat_health() is about, in words';

-- The limits of models that the current user sees.
CREATE VIEW _anomaly._ad_model_limits WITH (security_barrier) AS
SELECT n.name, n.health, l.max_age::interval AS max_age, l.max_score_shift
FROM _anomaly._ad_model_name n
     CROSS JOIN LATERAL (SELECT _anomaly._ad_model_privilege(n.name) AS privilege OFFSET 0) p
     CROSS JOIN LATERAL jsonb_to_record(n.health) AS l(max_age text, max_score_shift double precision)
WHERE p.privilege IS NOT NULL AND n.health IS NOT NULL
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_model_limits IS 'the limits of health of models that have some, and that the current user sees';
GRANT SELECT ON _anomaly._ad_model_limits TO PUBLIC;

CREATE FUNCTION _anomaly._ad_health_scoring()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    worst record;
BEGIN
    IF NOT _anomaly._ad_preloaded() THEN
        "check" := 'statistics';
        status := 'warning';
        detail := 'The library was not loaded at server start: nothing is counted.';
        hint := 'Add anomaly to shared_preload_libraries and restart the server.';
        RETURN NEXT;
        RETURN;
    END IF;
    "check" := 'statistics';
    IF current_setting('anomaly.stat_models')::boolean THEN
        status := 'ok';
        detail := format('%s of %s entries in use.',
                         (SELECT count(*) FROM _anomaly._ad_stat_all()),
                         current_setting('anomaly.stat_models_max'));
        hint := NULL;
    ELSE
        status := 'warning';
        detail := 'Scoring is not counted.';
        hint := 'Set anomaly.stat_models to on.';
    END IF;
    RETURN NEXT;

    -- Of this database, model by model, what was done lately. What anybody can
    -- bring about without a right on a model, by calls with bytes of his own, is
    -- a warning at most to others.
    SELECT x.*, count(*) FILTER (WHERE x.status <> 'ok') OVER () AS bad INTO worst
    FROM (SELECT j.*, _anomaly._ad_health_of(j.whose, j.recent_errors / j.attempts::float8, 'error_rate') AS status
          FROM (SELECT h.*, greatest(h.recent_calls, h.recent_errors) AS attempts FROM _anomaly._ad_stat_health() h
                WHERE h.digest IS NOT NULL) j
          WHERE j.attempts >= 20) x
    ORDER BY array_position('{critical,warning,ok}', x.status), x.recent_errors / x.attempts::float8 DESC, x.model, x.digest LIMIT 1;
    "check" := 'error rate';
    status := coalesce(worst.status, 'ok');
    detail := CASE WHEN worst.status IS NULL THEN 'No model was called 20 times lately.'
                   WHEN worst.recent_errors = 0 THEN 'No call of a model that was called 20 times lately failed.'
                   ELSE format('%s of %s scoring calls of %s since %s failed%s.', worst.recent_errors, worst.attempts,
                               _anomaly._ad_health_model(worst.whose, worst.model, worst.digest), to_char(worst.since, 'HH24:MI:SS'),
                               CASE WHEN worst.bad > 1 THEN format('; %s more above the limit', worst.bad - 1) END) END;
    hint := CASE WHEN status <> 'ok' THEN
        format('Most failed as role %s: see ad_stat_intervals, and the server''s log for the errors.', pg_get_userbyid(worst.role_id)) END;
    RETURN NEXT;

    SELECT coalesce(sum(h.recent_caught), 0) AS caught,
           coalesce(sum(h.recent_caught) FILTER (WHERE h.digest IS NULL), 0) AS unknown,
           max(_anomaly._ad_health_model(h.whose, h.model, h.digest)) FILTER (WHERE h.recent_caught > 0 AND h.digest IS NOT NULL) AS model
    INTO worst FROM _anomaly._ad_stat_health() h;
    "check" := 'caught errors';
    status := CASE WHEN worst.caught > 0 THEN 'warning' ELSE 'ok' END;
    detail := CASE WHEN worst.caught = 0 THEN 'No call of ad_try_score() or ad_try_pvalue() had an error to catch lately.'
                   ELSE format('%s calls of ad_try_score() or ad_try_pvalue() lately returned NULL in place of an error%s%s.', worst.caught,
                               CASE WHEN worst.unknown > 0 THEN format(', %s for want of a model', worst.unknown) END,
                               CASE WHEN worst.model IS NOT NULL THEN format(', by %s', worst.model) END) END;
    hint := CASE WHEN status <> 'ok' THEN 'What they guard is not guarded. ad_score() and ad_pvalue() with the same arguments say what is wrong.' END;
    RETURN NEXT;

    SELECT coalesce(sum(h.recent_errors) FILTER (WHERE h.whose = 'own' AND h.digest IS NULL), 0) AS own,
           coalesce(sum(h.recent_errors) FILTER (WHERE h.whose = 'others' AND h.digest IS NULL), 0) AS others,
           -- those by name, too
           (SELECT sum(greatest(s.recent_calls, s.recent_errors)) FROM _anomaly._ad_stat_health() s WHERE s.whose <> 'others') AS calls
    INTO worst FROM _anomaly._ad_stat_health() h;
    "check" := 'unknown model';
    status := CASE WHEN worst.own >= 20 AND _anomaly._ad_health_of('own', worst.own / worst.calls::float8, 'error_rate') <> 'ok'
                   THEN 'warning' ELSE 'ok' END;
    detail := format('%s of your scoring calls named no model that you may use, or gave a value that is none%s.', worst.own,
                     CASE WHEN worst.others > 0 THEN format('; of those of other roles %s', worst.others) END);
    hint := CASE WHEN status <> 'ok' THEN 'Was a model dropped or renamed? ad_models lists those that you may use; the server''s log has the errors.' END;
    RETURN NEXT;

    SELECT x.* INTO worst
    FROM (SELECT h.*, h.row_us / h.past_row_us AS ratio, _anomaly._ad_health_of(h.whose, h.row_p95_ms, 'latency') AS slow,
                 coalesce(_anomaly._ad_health_of(h.whose, h.row_us / h.past_row_us, 'latency_ratio'), 'ok') AS slower
          FROM _anomaly._ad_stat_health() h WHERE h.row_p95_ms IS NOT NULL) x
    ORDER BY least(array_position('{critical,warning,ok}', x.slow), array_position('{critical,warning,ok}', x.slower)),
             x.ratio DESC NULLS LAST, x.row_p95_ms DESC LIMIT 1;
    "check" := 'latency';
    status := CASE WHEN 'critical' IN (worst.slow, worst.slower) THEN 'critical' WHEN 'warning' IN (worst.slow, worst.slower) THEN 'warning' ELSE 'ok' END;
    IF worst.row_p95_ms IS NULL THEN
        detail := 'Nothing was scored lately.';
    ELSE
        detail := concat(format('95 %% of the rows of %s since %s took at most %s us', _anomaly._ad_health_model(worst.whose, worst.model, worst.digest),
                                to_char(worst.since, 'HH24:MI:SS'), _anomaly._ad_health_number(worst.row_p95_ms * 1000)),
                         CASE WHEN worst.ratio IS NOT NULL THEN
                             format('; their median is %s us, and was %s before', _anomaly._ad_health_number(worst.row_us), _anomaly._ad_health_number(worst.past_row_us)) END, '.');
    END IF;
    hint := CASE WHEN worst.slower <> 'ok' THEN 'Is the machine busy, or does a column hold other values? See ad_stat_intervals.'
                 WHEN status <> 'ok' THEN
        format('A smaller model or another detector than %s scores faster; see ad_recommend.', worst.detector) END;
    RETURN NEXT;

    -- few scores, or chosen ones, say nothing about the rows
    SELECT x.* INTO worst
    FROM (SELECT h.*, CASE WHEN l.max_score_shift IS NULL THEN _anomaly._ad_health_of(h.whose, abs(h.score_shift), 'score_shift')
                           ELSE _anomaly._ad_health_status(abs(h.score_shift), l.max_score_shift, 2 * l.max_score_shift) END AS status
          FROM _anomaly._ad_stat_health() h LEFT JOIN _anomaly._ad_model_limits l ON l.name = h.model
          WHERE h.rows >= 1000 AND h.score_shift IS NOT NULL) x
    ORDER BY array_position('{critical,warning,ok}', x.status), abs(x.score_shift) DESC LIMIT 1;
    "check" := 'drift';
    status := coalesce(worst.status, 'ok');
    IF worst.score_shift IS NULL THEN
        detail := 'No model scored 1000 rows yet.';
    ELSE
        detail := format(CASE WHEN status = 'ok' THEN 'The mean score is within %s standard deviations of that of the fit (farthest: %s).'
                              ELSE 'The mean score is %s standard deviations from that of the fit (farthest: %s).' END,
                         _anomaly._ad_health_number(abs(worst.score_shift)), _anomaly._ad_health_model(worst.whose, worst.model, worst.digest));
    END IF;
    hint := CASE WHEN status <> 'ok' THEN
        'Compare the rows of today with the model by ad_drift(); if they have changed, train it again.' END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION _anomaly._ad_health_scoring() IS
'the checks of ad_health() over ad_stat_models';

CREATE FUNCTION _anomaly._ad_health_models()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH model AS (
        SELECT m.name, extract(epoch FROM clock_timestamp() - m.trained_at)::float8 AS age, extract(epoch FROM l.max_age)::float8 AS max_age
        FROM _anomaly._ad_visible_model m LEFT JOIN _anomaly._ad_model_limits l ON l.name = m.name WHERE m.active
    ), judged AS (
        SELECT m.name, m.age, count(*) FILTER (WHERE s.status <> 'ok') OVER () AS stale, s.status
        FROM model m, LATERAL (SELECT _anomaly._ad_health_status(m.age,
            coalesce(m.max_age, extract(epoch FROM current_setting('anomaly.health_model_age_warning')::interval)::float8),
            coalesce(3 * m.max_age, extract(epoch FROM current_setting('anomaly.health_model_age_critical')::interval)::float8)) AS status) s
        ORDER BY array_position('{critical,warning,ok}', s.status), m.age DESC, m.name LIMIT 1
    )
    SELECT 'stale model', coalesce(j.status, 'ok'),
           CASE WHEN j.name IS NULL THEN 'There is no active model.'
                WHEN j.status = 'ok' THEN format('The oldest active model, %s, was trained %s days ago.', j.name, round((j.age / 86400)::numeric, 1))
                ELSE format('Model %s was trained %s days ago%s.', j.name, round((j.age / 86400)::numeric, 1),
                            CASE WHEN j.stale > 1 THEN format('; %s more are too old', j.stale - 1) ELSE '' END) END,
           CASE WHEN j.status <> 'ok' THEN 'Train it again with ad_train(), see ad_schedule_retrain(), or drop it with ad_drop_model().' END
    FROM (SELECT) one LEFT JOIN judged j ON true
$$;
COMMENT ON FUNCTION _anomaly._ad_health_models() IS
'the checks of ad_health() over the named models that the user sees';

CREATE FUNCTION @extschema@.ad_drift(
    reference bytea,
    current bytea,
    options jsonb DEFAULT '{}',
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_drift_rows'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_drift(bytea, bytea, jsonb) IS
'Compares the rows of a sketch with those of another sketch or of a model, and returns one row per '
'feature, one for the scores under the model, and one summary, each with a verdict: stable, moderate or '
'significant. reference: the bytes of a sketch or model. current: the bytes of a sketch. options: bins '
'and limits of the verdicts. A NULL argument gives no rows. Raises 22P03 if the bytes are not a sketch or '
'model, 22023 for an invalid option or other features.';

CREATE FUNCTION @extschema@.ad_drift(
    reference text,
    current bytea,
    options jsonb DEFAULT '{}',
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 100000 ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- see ad_label
AS $$ SELECT * FROM _anomaly._ad_drift(_anomaly._ad_model($1, NULL), $2, $3) $$;
COMMENT ON FUNCTION @extschema@.ad_drift(text, bytea, jsonb) IS
'Same as ad_drift(bytea, bytea, jsonb) with the active version of a named model as the reference. Raises '
'42704 if there is no such model, 42501 without the privilege read on it.';

CREATE FUNCTION @extschema@.ad_drift(
    reference bytea,
    current @extschema@.ad_sketch_state,
    options jsonb DEFAULT '{}',
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_drift_rows'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_drift(bytea, @extschema@.ad_sketch_state, jsonb) IS
'Same as ad_drift(bytea, bytea, jsonb) for the current sketch as ad_sketch_state.';

CREATE FUNCTION @extschema@.ad_drift(
    reference @extschema@.ad_sketch_state,
    current bytea,
    options jsonb DEFAULT '{}',
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_drift_rows'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_drift(@extschema@.ad_sketch_state, bytea, jsonb) IS
'Same as ad_drift(bytea, bytea, jsonb) for a reference sketch as ad_sketch_state.';

CREATE FUNCTION @extschema@.ad_drift(
    reference @extschema@.ad_sketch_state,
    current @extschema@.ad_sketch_state,
    options jsonb DEFAULT '{}',
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_drift_rows'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_drift(@extschema@.ad_sketch_state, @extschema@.ad_sketch_state, jsonb) IS
'Same as ad_drift(bytea, bytea, jsonb) for sketches as ad_sketch_state.';

CREATE FUNCTION @extschema@.ad_drift(
    reference text,
    current @extschema@.ad_sketch_state,
    options jsonb DEFAULT '{}',
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 100000 ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- see ad_label
AS $$ SELECT * FROM _anomaly._ad_drift(_anomaly._ad_model($1, NULL), _anomaly._ad_sketch_bytes($2), $3) $$;
COMMENT ON FUNCTION @extschema@.ad_drift(text, @extschema@.ad_sketch_state, jsonb) IS
'Same as ad_drift(text, bytea, jsonb) for the current sketch as ad_sketch_state.';
