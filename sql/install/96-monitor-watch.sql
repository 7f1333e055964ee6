-- Monitoring: all of health, and the limits of models.

CREATE FUNCTION @extschema@.ad_alter_model(name text, changes jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_alter_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_alter_model(text, jsonb) IS
'changes a model of one''s own: an object with health, an object of limits at which ad_health() warns of the model and of jobs that do not say their own; what is not named stays, and null says the default; returns the name';

CREATE FUNCTION @extschema@.ad_model_health(name text)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT _anomaly._ad_health_limits(coalesce((SELECT l.health FROM _anomaly._ad_model_limits l WHERE l.name = $1), '{}'))
WHERE EXISTS (SELECT FROM _anomaly._ad_visible_model v WHERE v.name = $1)
$$;
COMMENT ON FUNCTION @extschema@.ad_model_health(text) IS
'the limits at which ad_health() warns of a model and of its jobs, every default spelled out; null: by the rule of the job, or the setting; NULL: there is no such model for the current user';

-- Its queries are long and look at few rows: to compile them takes longer.
CREATE FUNCTION _anomaly._ad_health_all()
RETURNS TABLE ("check" text, object text, status text, detail text, hint text, line boolean)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    WITH found AS MATERIALIZED (
        SELECT * FROM _anomaly._ad_health_runs()
        UNION ALL SELECT * FROM _anomaly._ad_health_accuracy()),
    worst AS (
        SELECT DISTINCT ON (f."check") f.*, count(*) FILTER (WHERE f.status <> 'ok') OVER (PARTITION BY f."check") AS bad
        FROM found f WHERE f.status IS NOT NULL
        ORDER BY f."check", array_position('{critical,warning,ok}', f.status), f.weight DESC NULLS LAST, f.object),
    lines AS (
        -- in this order
        SELECT l.place, l.n, l."check", coalesce(w.status, 'ok') AS status,
               coalesce(CASE WHEN w.bad > 1 THEN format('%s; %s more beyond the limit.', rtrim(w.detail, '.'), w.bad - 1) ELSE w.detail END, l.fine) AS detail, w.hint
        FROM (VALUES (3, 1, 'job lag', 'There is no job.'),
                     (3, 2, 'failing job', 'There is no job.'),
                     (3, 3, 'alert flood', 'There is no job.'),
                     (9, 4, 'paused job', 'No job is paused.'),
                     (9, 5, 'precision', 'No job is known to alert in vain.'),
                     (9, 6, 'alert rate', 'No job alerts more often than it is to.'),
                     (9, 7, 'unlabelled alerts', 'No queue of alerts is unattended.'),
                     (9, 8, 'missing labels', 'Where alerts are labelled, they still are.'),
                     (9, 9, 'score drift', 'Scores of jobs are as their models expect.')) l(place, n, "check", fine)
             LEFT JOIN worst w ON w."check" = l."check"
        UNION ALL SELECT 1, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_scoring() s
        UNION ALL SELECT 2, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_models() s
        UNION ALL SELECT 4, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_watermarks() s
        UNION ALL SELECT 5, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_rules() s
        UNION ALL SELECT 5, 1000, s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_series() s
        UNION ALL SELECT 6, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_schema() s
        UNION ALL SELECT 7, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_storage() s)
    SELECT a."check", a.object, a.status, a.detail, a.hint, a.line
    FROM (SELECT l."check", CASE WHEN l.place NOT IN (3, 9) THEN '' END AS object, l.status, l.detail, l.hint, true AS line, l.place, l.n FROM lines l
          UNION ALL
          SELECT f."check", f.object, f.status, f.detail, f.hint, false, 10, row_number() OVER () FROM found f) a
    ORDER BY a.place, a.n
$$;
COMMENT ON FUNCTION _anomaly._ad_health_all() IS
'the lines of ad_health(), of which those that are about no object in particular have an empty one, and a row for each object of a check';

CREATE FUNCTION @extschema@.ad_health()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h."check", h.status, h.detail, h.hint FROM _anomaly._ad_health_all() h WHERE h.line
$$;
COMMENT ON FUNCTION @extschema@.ad_health() IS
'what is wrong, if anything: one row per check with status ok, warning or critical, the facts, and what to do; limits are the settings anomaly.health_*, and those of jobs and models';
