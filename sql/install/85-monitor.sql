-- Monitoring: statistics, progress, health. What needs shared memory says so.

CREATE FUNCTION _anomaly._ad_preloaded()
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_preloaded'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_preloaded() IS
'whether the library was loaded at server start';

CREATE FUNCTION _anomaly._ad_stat_models(
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
    OUT last_used timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_stat_models'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION _anomaly._ad_stat_models() IS
'the counts behind ad_stat_models, of the databases of the cluster';

CREATE VIEW _anomaly._ad_visible_stat AS
SELECT d.datname AS database, s.model, s.version, s.digest, s.detector,
       s.calls, s.rows, s.anomalies, s.errors,
       s.total_ms, s.mean_ms, s.max_ms, s.p50_ms, s.p95_ms, s.p99_ms,
       s.score_mean, s.score_stddev, s.score_shift, s.first_used, s.last_used
FROM _anomaly._ad_stat_models() s
     LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.database_id;
COMMENT ON VIEW _anomaly._ad_visible_stat IS 'what ad_stat_models shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_stat TO PUBLIC;

CREATE VIEW @extschema@.ad_stat_models AS
SELECT * FROM _anomaly._ad_visible_stat;
COMMENT ON VIEW @extschema@.ad_stat_models IS
'scoring per database, model and version since the server started: calls (a call site of a query, in one process), rows, anomalies, errors, time, scores; one''s own and one''s models'', or with pg_monitor everybody''s; needs shared_preload_libraries';
COMMENT ON COLUMN @extschema@.ad_stat_models.score_shift IS 'how far the mean score is above that of the fit, in its standard deviations';
GRANT SELECT ON @extschema@.ad_stat_models TO PUBLIC;

CREATE FUNCTION @extschema@.ad_stat_reset()
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_stat_reset() IS
'forget what ad_stat_models counted; for superusers and whom they grant it to';
REVOKE ALL ON FUNCTION @extschema@.ad_stat_reset() FROM PUBLIC;

CREATE FUNCTION _anomaly._ad_progress(
    OUT pid integer,
    OUT database_id oid,
    OUT role_id oid,
    OUT kind text,
    OUT name text,
    OUT phase text,
    OUT rows_done bigint,
    OUT rows_expected bigint,
    OUT percent double precision,
    OUT started timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_progress_rows_running'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION _anomaly._ad_progress() IS
'what runs, behind ad_progress';

CREATE VIEW @extschema@.ad_progress AS
SELECT p.pid, d.datname AS database, r.rolname AS role, p.kind, p.name, p.phase,
       p.rows_done, p.rows_expected,
       pg_catalog.round(p.percent::pg_catalog.numeric, 1) AS percent, p.started
FROM _anomaly._ad_progress() p
     LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) p.database_id
     LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) p.role_id;
COMMENT ON VIEW @extschema@.ad_progress IS
'every running fit, sketch, detection, training and job: phase, rows done, rows expected (the planner''s estimate); one''s own, or with pg_monitor everybody''s; needs shared_preload_libraries';
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
'show the progress of the job that this session runs in ad_progress until _anomaly._ad_progress_end() or an abort; does nothing if the library is not preloaded';

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

CREATE FUNCTION _anomaly._ad_health_scoring()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total record;
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
                         (SELECT count(*) FROM _anomaly._ad_stat_models()),
                         current_setting('anomaly.stat_models_max'));
        hint := NULL;
    ELSE
        status := 'warning';
        detail := 'Scoring is not counted.';
        hint := 'Set anomaly.stat_models to on.';
    END IF;
    RETURN NEXT;

    -- of this database: the model that fails most, and the slowest
    SELECT coalesce(sum(s.errors), 0) AS errors, coalesce(sum(s.calls), 0) AS calls
    INTO total
    FROM _anomaly._ad_visible_stat s WHERE s.database = current_database();
    "check" := 'error rate';
    status := _anomaly._ad_health_status(
        CASE WHEN total.errors > 0 THEN total.errors / total.calls::float8 END,
        current_setting('anomaly.health_error_rate_warning')::float8,
        current_setting('anomaly.health_error_rate_critical')::float8);
    detail := format('%s of %s scoring calls failed.', total.errors, total.calls);
    hint := NULL;
    IF status <> 'ok' THEN
        SELECT coalesce(s.model, 'the model with digest ' || s.digest, 'a value or name that is no model') AS what, s.errors
        INTO worst
        FROM _anomaly._ad_visible_stat s WHERE s.database = current_database()
        ORDER BY s.errors DESC, s.last_used DESC LIMIT 1;
        hint := format('Most failed with %s: see ad_stat_models, and the server''s log for the errors.', worst.what);
    END IF;
    RETURN NEXT;

    SELECT s.p95_ms, s.detector,
           coalesce(s.model, 'the model with digest ' || s.digest, 'a value or name that is no model') AS what
    INTO worst
    FROM _anomaly._ad_visible_stat s
    WHERE s.database = current_database() AND s.p95_ms IS NOT NULL
    ORDER BY s.p95_ms DESC LIMIT 1;
    "check" := 'latency';
    status := _anomaly._ad_health_status(worst.p95_ms,
        extract(epoch FROM current_setting('anomaly.health_latency_warning')::interval)::float8 * 1000,
        extract(epoch FROM current_setting('anomaly.health_latency_critical')::interval)::float8 * 1000);
    IF worst.p95_ms IS NULL THEN
        detail := 'Nothing was scored yet.';
    ELSE
        detail := format('95 %% of the scoring calls took at most %s ms (the slowest: %s).',
                         round(worst.p95_ms::numeric, 3), worst.what);
    END IF;
    hint := CASE WHEN status <> 'ok' THEN
        format('A smaller model or another detector than %s scores faster; see ad_recommend.', worst.detector) END;
    RETURN NEXT;

    -- few scores, or chosen ones, say nothing about the rows
    SELECT s.score_shift, coalesce(s.model, 'the model with digest ' || s.digest) AS what
    INTO worst
    FROM _anomaly._ad_visible_stat s
    WHERE s.database = current_database() AND s.rows >= 1000 AND s.score_shift IS NOT NULL
    ORDER BY abs(s.score_shift) DESC LIMIT 1;
    "check" := 'drift';
    status := _anomaly._ad_health_status(abs(worst.score_shift),
        current_setting('anomaly.health_score_shift_warning')::float8,
        current_setting('anomaly.health_score_shift_critical')::float8);
    IF worst.score_shift IS NULL THEN
        detail := 'No model scored 1000 rows yet.';
    ELSE
        detail := format('The mean score is within %s standard deviations of that of the fit (farthest: %s).',
                         round(abs(worst.score_shift)::numeric, 3), worst.what);
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
    WITH oldest AS (
        SELECT m.name, extract(epoch FROM clock_timestamp() - m.trained_at)::float8 AS age
        FROM _anomaly._ad_visible_model m WHERE m.active ORDER BY m.trained_at LIMIT 1
    ), judged AS (
        SELECT o.name, o.age, _anomaly._ad_health_status(o.age,
            extract(epoch FROM current_setting('anomaly.health_model_age_warning')::interval)::float8,
            extract(epoch FROM current_setting('anomaly.health_model_age_critical')::interval)::float8) AS status
        FROM (SELECT) one LEFT JOIN oldest o ON true
    )
    SELECT 'stale model', j.status,
           CASE WHEN j.name IS NULL THEN 'There is no active model.'
                ELSE format('The oldest active model, %s, was trained %s days ago.', j.name, round((j.age / 86400)::numeric, 1)) END,
           CASE WHEN j.status <> 'ok' THEN 'Train it again with ad_train(), or drop it with ad_drop_model().' END
    FROM judged j
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
'how the rows of a sketch differ from those of another sketch or of a model: a row a feature, one for the scores under the model, one over all (part is feature, score or overall) with a verdict: stable, moderate or significant';

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
AS $$ SELECT * FROM _anomaly._ad_drift(_anomaly._ad_model($1, NULL), $2, $3) $$;
COMMENT ON FUNCTION @extschema@.ad_drift(text, bytea, jsonb) IS
'the same for the active version of a named model; needs the privilege read';
