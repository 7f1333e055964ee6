-- Health: of jobs, and all of it.

-- names, numbers and classes of errors, for who monitors too; no rows
CREATE VIEW _anomaly._ad_job_health WITH (security_barrier) AS
SELECT j.name, s.failures,
       clock_timestamp() - coalesce((SELECT max(r.finished) FROM _anomaly._ad_job_run r WHERE r.job_id = j.id AND r.error IS NULL),
                                    j.created_at) AS lag,
       (SELECT CASE WHEN pg_has_role(j.owner, 'USAGE') THEN r.error ELSE _anomaly._ad_error_class(r.error_code) END
        FROM _anomaly._ad_job_run r WHERE r.job_id = j.id AND r.error IS NOT NULL ORDER BY r.run DESC LIMIT 1) AS error,
       (SELECT count(*) FROM _anomaly._ad_alert a WHERE a.job = j.name AND a.scored_at > clock_timestamp() - interval '1 hour') AS alerts,
       EXISTS (SELECT FROM _anomaly._ad_job_run r WHERE r.job_id = j.id AND r.error IS NULL AND r.finished IS NOT NULL) AS ran,
       j.owner::text <> '' AS owned, s.late_rows,
       (SELECT count(*) FROM _anomaly._ad_job_error e WHERE e.job_id = j.id AND e.at > clock_timestamp() - interval '1 day') AS bad_rows,
       s.seen, s.mark_holders, s.marked_at, s.gate IS NOT NULL AS truncated, s.jump,
       EXISTS (SELECT FROM _anomaly._ad_job_run r WHERE r.job_id = j.id) AS tried,
       (j.options ->> 'seen_limit')::bigint AS seen_limit
FROM _anomaly._ad_job j JOIN _anomaly._ad_job_state s ON s.job_id = j.id
WHERE pg_has_role(j.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE')
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_job_health IS 'lag, failures and alerts of one''s own jobs, or with pg_monitor of all; of the last error its text, or SQLSTATE and class';
GRANT SELECT ON _anomaly._ad_job_health TO PUBLIC;

CREATE FUNCTION _anomaly._ad_health_jobs()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    worst record;
BEGIN
    PERFORM _anomaly._ad_job_late(o.id) FROM _anomaly._ad_own_job o;
    SELECT h.* INTO worst FROM _anomaly._ad_job_health h ORDER BY h.lag DESC LIMIT 1;
    "check" := 'job lag';
    status := _anomaly._ad_health_status(extract(epoch FROM worst.lag)::float8,
        extract(epoch FROM current_setting('anomaly.health_job_lag_warning')::interval)::float8,
        extract(epoch FROM current_setting('anomaly.health_job_lag_critical')::interval)::float8);
    detail := CASE WHEN worst.name IS NULL THEN 'There is no job.'
                   WHEN worst.ran THEN format('The last good run of job %s ended %s ago.', worst.name, date_trunc('second', worst.lag))
                   WHEN worst.tried THEN format('Job %s, made %s ago, has no good run in its log.', worst.name, date_trunc('second', worst.lag))
                   ELSE format('Job %s, made %s ago, has never run.', worst.name, date_trunc('second', worst.lag)) END;
    hint := CASE WHEN status <> 'ok' AND NOT worst.owned THEN 'It has no owner, so nobody can run it: a superuser who has read its query can give it one with ad_alter_job().'
                 WHEN status <> 'ok' THEN 'Is it scheduled? See ad_schedule_job(), cron.job_run_details and ad_job_runs.' END;
    RETURN NEXT;

    SELECT h.* INTO worst FROM _anomaly._ad_job_health h ORDER BY h.failures DESC LIMIT 1;
    "check" := 'failing job';
    status := _anomaly._ad_health_status(worst.failures,
        current_setting('anomaly.health_job_failures_warning')::float8,
        current_setting('anomaly.health_job_failures_critical')::float8);
    detail := CASE WHEN worst.name IS NULL THEN 'There is no job.'
                   WHEN worst.failures = 0 THEN 'The last run of every job was good.'
                   ELSE format('The last %s runs of job %s failed: %s', worst.failures, worst.name, worst.error) END;
    hint := CASE WHEN status <> 'ok' THEN 'See ad_job_runs. The job goes on where it was once the cause is gone.' END;
    RETURN NEXT;

    SELECT h.* INTO worst FROM _anomaly._ad_job_health h ORDER BY h.alerts DESC LIMIT 1;
    "check" := 'alert flood';
    status := _anomaly._ad_health_status(worst.alerts,
        current_setting('anomaly.health_alerts_warning')::float8,
        current_setting('anomaly.health_alerts_critical')::float8);
    detail := CASE WHEN worst.name IS NULL THEN 'There is no job.'
                   ELSE format('%s alerts in an hour, of job %s.', worst.alerts, worst.name) END;
    hint := CASE WHEN status <> 'ok' THEN
        'Has the data changed? See ad_drift(). A stricter rule, a cooldown or limit_per_hour holds alerts back; see ad_alter_job().' END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION _anomaly._ad_health_jobs() IS
'the checks of ad_health() over jobs';

CREATE FUNCTION _anomaly._ad_job_holder(holders text[])
RETURNS text
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN l.pid IS NOT NULL THEN format('PID %s', l.pid) ELSE format('prepared transaction %L', x.gid) END ||
       coalesce(format(', for %s', date_trunc('second', clock_timestamp() - coalesce(a.xact_start, x.prepared))), '')
FROM (SELECT p.virtualtransaction, min(p.pid) AS pid, min(p.transactionid::text) AS xid FROM pg_locks p
      WHERE p.virtualtransaction = ANY ($1) GROUP BY p.virtualtransaction) l
     LEFT JOIN pg_stat_activity a ON a.pid = l.pid
     LEFT JOIN pg_prepared_xacts x ON l.pid IS NULL AND x.transaction::text = l.xid
ORDER BY coalesce(a.xact_start, x.prepared) NULLS LAST LIMIT 1
$$;
COMMENT ON FUNCTION _anomaly._ad_job_holder(text[]) IS
'the oldest of some transactions that are in progress: its process or its name, and how long; NULL: they have ended';

CREATE FUNCTION _anomaly._ad_health_watermarks()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH job AS MATERIALIZED (
        SELECT h.*, _anomaly._ad_job_holder(h.mark_holders) AS holder FROM _anomaly._ad_job_health h)
    SELECT 'held watermark', CASE WHEN count(*) FILTER (WHERE j.seen >= j.seen_limit / 2) > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(string_agg(format('Job %s waits for %s, and remembers %s until then.', j.name, j.holder, CASE j.seen WHEN 1 THEN '1 row' ELSE j.seen || ' rows' END), ' ' ORDER BY j.seen DESC, j.name),
                    'No job waits for a transaction.'),
           CASE WHEN count(*) FILTER (WHERE j.seen >= j.seen_limit / 2) > 0
                THEN 'Rows are scored all the same. End the transaction: what is remembered is bounded, and what it adds below that counts as late.' END
    FROM job j WHERE j.holder IS NOT NULL
    UNION ALL
    SELECT 'late rows', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(string_agg(format('%s arrived too late for job %s%s.', CASE j.late_rows WHEN 1 THEN '1 row' ELSE j.late_rows || ' rows' END, j.name,
                                      CASE WHEN j.truncated THEN ', whose source was truncated' ELSE '' END), ' ' ORDER BY j.late_rows DESC, j.name),
                    'No row is known to have arrived too late.'),
           CASE WHEN count(*) > 0 THEN 'Run ad_rescan(job, from) to score them; a longer lag catches the next.' END
    FROM job j WHERE j.late_rows > 0
    UNION ALL
    SELECT 'bad rows', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(string_agg(format('%s of job %s could not be scored in a day.', CASE j.bad_rows WHEN 1 THEN '1 row' ELSE j.bad_rows || ' rows' END, j.name), ' ' ORDER BY j.bad_rows DESC, j.name),
                    'Every row of a day could be scored.'),
           CASE WHEN count(*) > 0 THEN 'See ad_job_errors. Leave such rows out with WHERE.' END
    FROM job j WHERE j.bad_rows > 0
    UNION ALL
    SELECT 'job source', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(string_agg(concat_ws(' ', CASE WHEN j.truncated THEN format('The source of job %s was truncated.', j.name) END,
                                         CASE WHEN j.jump IS NOT NULL THEN
                                             format('A watermark of job %s lies far above the others, and is set aside.', j.name) END), ' ' ORDER BY j.name),
                    'Sources grow as they should.'),
           nullif(concat_ws(' ', CASE WHEN count(*) FILTER (WHERE j.truncated) > 0 THEN
                                     'After a truncation rows up to the old watermark are left alone: ad_rescan(job, from) scores them.' END,
                                 CASE WHEN count(*) FILTER (WHERE j.jump IS NOT NULL) > 0 THEN
                                     'A row that is set aside was scored: correct its watermark if it is wrong. The job follows it once 100 rows above it have come, and none below.' END), '')
    FROM job j WHERE j.truncated OR j.jump IS NOT NULL
$$;
COMMENT ON FUNCTION _anomaly._ad_health_watermarks() IS
'the checks of ad_health() on what jobs wait for, what came too late, could not be scored, or was truncated';

CREATE FUNCTION _anomaly._ad_health_rules()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH model AS MATERIALIZED (
        SELECT v.name, (_anomaly._ad_info(v.name) #>> '{calibration,least_p}')::float8 AS least_p
        FROM _anomaly._ad_visible_model v
        WHERE v.active AND v.privilege IN ('read', 'own') AND v.spec ? 'calibrate'
              AND v.name IN (SELECT o.model FROM _anomaly._ad_own_job o WHERE o.rule ?| '{p_value,fdr}'::text[])),
    job AS (
        SELECT o.name, o.rule, m.name AS model, m.least_p,
               CASE WHEN o.rule ? 'p_value' THEN CASE WHEN m.least_p > (o.rule ->> 'p_value')::float8 THEN 1 ELSE 0 END
                    ELSE (_anomaly._ad_fdr_reach(m.least_p, jsonb_build_object('q', o.rule -> 'fdr', 'half_life', 1000000))).least_share END AS share
        FROM _anomaly._ad_own_job o JOIN model m ON m.name = o.model
        WHERE o.rule ?| '{p_value,fdr}'::text[] AND m.least_p > 0)
    SELECT 'job rule', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(string_agg(format('The rule of job %s is %s, but the least p-value of model %s is %s: it %s.', j.name, j.rule, j.model, j.least_p::real,
                                      CASE WHEN j.rule ? 'p_value' THEN 'cannot raise an alert'
                                           ELSE format('can hardly raise an alert where fewer than 1 row in %s is one', greatest(round(1 / j.share), 1)) END),
                               ' ' ORDER BY j.name), 'Every rule can raise alerts.'),
           CASE WHEN count(*) > 0 THEN 'Train the model on more rows, or raise the share that ad_calibrate() holds out.' END
    FROM job j WHERE j.share > 0.001
$$;
COMMENT ON FUNCTION _anomaly._ad_health_rules() IS
'the check of ad_health() on rules that ask for lower p-values than the models of one''s own jobs give';

CREATE FUNCTION _anomaly._ad_health_schema()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'schema', CASE WHEN s.others IS NULL THEN 'ok' ELSE 'warning' END,
           CASE WHEN s.others IS NULL THEN format('Only the owner may create in schema %s.', s.name)
                ELSE format('Others than the owner may create in schema %s, where the extension is: %s.', s.name, s.others) END,
           CASE WHEN s.others IS NOT NULL THEN
               format('A function of theirs with a better match is called in place of one of the extension. Say: REVOKE CREATE ON SCHEMA %s FROM %s', s.name, s.others) END
    FROM (SELECT quote_ident(n.nspname) AS name,
                 (SELECT string_agg(coalesce(quote_ident(r.rolname), 'PUBLIC'), ', ' ORDER BY r.rolname)
                  FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
                  WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner AND r.rolsuper IS NOT TRUE) AS others
          FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'anomaly') s
$$;
COMMENT ON FUNCTION _anomaly._ad_health_schema() IS
'the check of ad_health() on who may create in the extension''s schema';

CREATE FUNCTION _anomaly._ad_column_holds(relation oid, attribute smallint)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_column_holds'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION _anomaly._ad_column_holds(oid, smallint) IS
'what the first value of a bytea column is: models, sketches or stream states; NULL: neither, or nothing that may be read at once without running code of others';

CREATE FUNCTION _anomaly._ad_health_storage()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH candidate AS MATERIALIZED (
        -- of a partition the whole table: changing that changes its partitions
        SELECT c.oid, a.attnum, format('%I.%I', rn.nspname, r.relname) AS holder, quote_ident(a.attname) AS name
        FROM pg_attribute a
             JOIN pg_type t ON t.oid = a.atttypid
             JOIN pg_class c ON c.oid = a.attrelid
             JOIN pg_class r ON r.oid = CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END
             JOIN pg_namespace rn ON rn.oid = r.relnamespace
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attstorage IN ('x', 'm')
              AND 'bytea'::regtype IN (t.oid, t.typbasetype)
              AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'),
    found AS MATERIALIZED (
        SELECT c.holder, c.name, min(h.what) AS what
        FROM candidate c, _anomaly._ad_column_holds(c.oid, c.attnum) h(what) WHERE h.what IS NOT NULL
        GROUP BY c.holder, c.name)
    SELECT 'storage', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'warning' END,
           CASE WHEN count(*) = 0 THEN 'No column was found that compresses models, sketches or stream states.'
                ELSE format('Column %s of %s compresses its %s%s.',
                            (array_agg(f.name ORDER BY f.holder, f.name))[1], (array_agg(f.holder ORDER BY f.holder, f.name))[1],
                            (array_agg(f.what ORDER BY f.holder, f.name))[1],
                            CASE WHEN count(*) > 1 THEN format('; %s columns do', count(*)) ELSE '' END) END,
           CASE WHEN count(*) > 0 THEN
               format('They hardly get smaller, and storing them takes up to 30 times as long. Say: %s',
                      (SELECT string_agg(format('ALTER TABLE %s ALTER COLUMN %s SET STORAGE EXTERNAL', g.holder, g.name), '; '
                                         ORDER BY g.holder, g.name)
                       FROM (SELECT * FROM found ORDER BY holder, name LIMIT 5) g)) END
    FROM found f
$$;
COMMENT ON FUNCTION _anomaly._ad_health_storage() IS
'the check of ad_health() on columns that compress models, sketches and stream states';

CREATE FUNCTION @extschema@.ad_health()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM _anomaly._ad_health_scoring()
    UNION ALL SELECT * FROM _anomaly._ad_health_models()
    UNION ALL SELECT * FROM _anomaly._ad_health_jobs()
    UNION ALL SELECT * FROM _anomaly._ad_health_watermarks()
    UNION ALL SELECT * FROM _anomaly._ad_health_rules()
    UNION ALL SELECT * FROM _anomaly._ad_health_series()
    UNION ALL SELECT * FROM _anomaly._ad_health_schema()
    UNION ALL SELECT * FROM _anomaly._ad_health_storage()
$$;
COMMENT ON FUNCTION @extschema@.ad_health() IS
'what is wrong, if anything: one row per check with status ok, warning or critical, the facts, and what to do; limits are the settings anomaly.health_*';
