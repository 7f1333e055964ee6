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
       (j.options ->> 'seen_limit')::bigint AS seen_limit, s.paused_until,
       (SELECT sum(greatest(r.rows, 0)) FROM _anomaly._ad_job_run r WHERE r.job_id = j.id AND r.started > clock_timestamp() - interval '1 day') AS day_rows,
       (SELECT sum(greatest(r.fallback, 0)::numeric + greatest(r.unscored, 0)) FROM _anomaly._ad_job_run r WHERE r.job_id = j.id AND r.started > clock_timestamp() - interval '1 day') AS day_without
FROM _anomaly._ad_job j JOIN _anomaly._ad_job_state s ON s.job_id = j.id
WHERE pg_has_role(j.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE')
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_job_health IS 'lag, failures and alerts of one''s own jobs, or with pg_monitor of all; of the last error its text, or SQLSTATE and class';
GRANT SELECT ON _anomaly._ad_job_health TO PUBLIC;

CREATE FUNCTION _anomaly._ad_beta_quantile(p double precision, a double precision, b double precision)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_beta_quantile_sql'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_beta_quantile(double precision, double precision, double precision) IS
'a quantile of a beta distribution; NULL unless p is 0 to 1, and a and b are greater than 0 and finite';

-- One in alpha is wrong, on either side.
CREATE FUNCTION _anomaly._ad_share_bounds(hits bigint, trials bigint, alpha double precision, OUT low double precision, OUT high double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN $1 <= 0 OR $2 <= 0 THEN 0 ELSE _anomaly._ad_beta_quantile($3, least($1, $2), greatest($2 - $1, 0) + 1) END,
       CASE WHEN $1 >= $2 THEN 1 ELSE _anomaly._ad_beta_quantile(1 - $3, greatest($1, 0) + 1, $2 - greatest($1, 0)) END
$$;
COMMENT ON FUNCTION _anomaly._ad_share_bounds(bigint, bigint, double precision) IS
'bounds of a share of which so many trials had so many hits, by Clopper and Pearson; each is wrong with probability alpha at most';

CREATE FUNCTION _anomaly._ad_percent(share double precision)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN $1 > 0 THEN trim_scale(round((100 * $1)::numeric, greatest(0, 2 - floor(log(100 * $1))::integer)))::text ELSE '0' END $$;
COMMENT ON FUNCTION _anomaly._ad_percent(double precision) IS
'a share in percent, three digits of it';

-- A model says what its jobs do not, if it is there.
CREATE VIEW _anomaly._ad_job_limits WITH (security_barrier) AS
SELECT j.id AS job_id, j.name, j.owner, l.min_precision, l.labels, l.min_labels, l.max_alert_rate, l.interval::interval AS "interval",
       l.max_unlabelled, l.label_within::interval AS label_within, l.label_gap::interval AS label_gap, l.max_score_drift,
       (j.options #>> '{rule,p_value}')::double precision AS p_value, (j.options #>> '{rule,fdr}')::double precision AS fdr
FROM _anomaly._ad_job j
     LEFT JOIN _anomaly._ad_model_name n ON n.name = j.options ->> 'model'
     CROSS JOIN LATERAL jsonb_to_record(_anomaly._ad_health_limits(coalesce(n.health, '{}') ||
         coalesce(jsonb_strip_nulls(nullif(j.options -> 'health', 'null')), '{}')))
         AS l(min_precision double precision, labels integer, min_labels integer, max_alert_rate double precision, "interval" text,
              max_unlabelled integer, label_within text, label_gap text, max_score_drift double precision)
WHERE pg_has_role(j.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE')
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_job_limits IS 'the limits of health of one''s own jobs, or with pg_monitor of all';

-- Rates are of the log of runs, which is bounded; of alerts no more are counted
-- than decide.
CREATE VIEW _anomaly._ad_job_accuracy WITH (security_barrier) AS
SELECT l.name, r.rows, r.alerts, r.alerts / nullif(r.rows, 0)::double precision AS alert_rate,
       CASE WHEN l.max_alert_rate IS NOT NULL THEN l.max_alert_rate
            -- the rows that calibrate are a sample too: with k of n + 1 below p the true share is that of Beta(k, n + 1 - k)
            WHEN l.p_value IS NOT NULL THEN
                least(greatest(2 * l.p_value, _anomaly._ad_beta_quantile(0.9999, k.k, k.n + 1 - k.k)), 1)
            WHEN r.past_rows > 0 THEN least(3 * (_anomaly._ad_share_bounds(r.past_alerts, r.past_rows, 0.0001)).high, 1) END AS max_alert_rate,
       b.labels, b.confirmed, b.confirmed / nullif(b.labels, 0)::double precision AS "precision",
       coalesce(l.min_precision, greatest(1 - 2 * l.fdr, 0.1), 0.1) AS min_precision,
       q.overdue, q.unlabelled, b.last_label, d.score_drift, d.score_rows,
       d.score_drift - sqrt(ln(10000) / 2 * (1 / nullif(d.score_rows, 0)::double precision + 1 / greatest(1 / r.least_p - 1, 1))) AS least_drift,
       l.min_labels, l.max_unlabelled, l.label_within, l.label_gap, l.max_score_drift, l."interval",
       (SELECT count(*) FROM (SELECT FROM _anomaly._ad_alert a WHERE a.job = l.name AND a.scored_at > b.last_label LIMIT 1000) n) AS since_label
FROM _anomaly._ad_job_limits l
     CROSS JOIN LATERAL (
         -- an owner may write what he likes into the log of his job: others look at it too
         SELECT least(coalesce(sum(o.rows) FILTER (WHERE o.recent), 0), 1e18)::bigint AS rows, least(coalesce(sum(o.alerts) FILTER (WHERE o.recent), 0), 1e18)::bigint AS alerts,
                least(coalesce(sum(o.rows) FILTER (WHERE NOT o.recent), 0), 1e18)::bigint AS past_rows, least(coalesce(sum(o.alerts) FILTER (WHERE NOT o.recent), 0), 1e18)::bigint AS past_alerts,
                coalesce(max(o.least_p) FILTER (WHERE o.recent AND o.least_p BETWEEN 1e-15 AND 1), 0.01) AS least_p
         FROM (SELECT greatest(u.rows, 0) AS rows, least(greatest(u.alerts, 0)::numeric + greatest(u.suppressed, 0), greatest(u.rows, 0)) AS alerts,
                      u.least_p, u.started > clock_timestamp() - l."interval" AS recent
               FROM _anomaly._ad_job_run u WHERE u.job_id = l.job_id) o) r
     CROSS JOIN LATERAL (
         SELECT n.n, greatest(floor(l.p_value * (n.n + 1) * (1 + 1e-12)), 1) AS k
         FROM (SELECT greatest(1 / CASE WHEN r.least_p < l.p_value THEN r.least_p ELSE l.p_value END - 1, 1) AS n) n) k
     CROSS JOIN LATERAL (
         SELECT count(*) AS labels, count(*) FILTER (WHERE o.is_anomaly) AS confirmed, max(o.labelled_at) AS last_label,
                (SELECT min(f.labelled_at) FROM _anomaly._ad_label f WHERE f.job_id = l.job_id) AS first_label
         FROM (SELECT b.is_anomaly, b.labelled_at FROM _anomaly._ad_label b
               WHERE b.job_id = l.job_id
                 AND EXISTS (SELECT FROM _anomaly._ad_alert a WHERE a.job_id = b.job_id AND a.key = b.key
                               AND a.place = coalesce(b.place, a.place) AND a.generation = coalesce(b.generation, a.generation))
               ORDER BY b.labelled_at DESC LIMIT l.labels) o) b
     CROSS JOIN LATERAL (
         SELECT count(*) AS overdue, count(*) FILTER (WHERE NOT o.labelled) AS unlabelled
         FROM (SELECT EXISTS (SELECT FROM _anomaly._ad_label c WHERE c.job_id = a.job_id AND c.key = a.key
                                AND coalesce(c.place, a.place) = a.place AND coalesce(c.generation, a.generation) = a.generation) AS labelled
               FROM _anomaly._ad_alert a
               WHERE b.first_label IS NOT NULL AND a.job = l.name AND a.scored_at < clock_timestamp() - l.label_within
                 AND a.scored_at > greatest(clock_timestamp() - l.label_within - interval '30 days', CASE WHEN l.max_unlabelled IS NULL THEN b.first_label END)
               LIMIT 20000) o) q
     CROSS JOIN LATERAL (
         SELECT max(c.excess) AS score_drift, max(c.total) AS score_rows
         FROM (SELECT sum(s.n) OVER (ORDER BY s.bin) / nullif(sum(s.n) OVER (), 0) - s.bin / 10.0 AS excess, sum(s.n) OVER () AS total
               FROM (SELECT i.bin, sum(i.n)::double precision AS n
                     FROM _anomaly._ad_job_run u, unnest(u.p_bins) WITH ORDINALITY i(n, bin)
                     WHERE u.job_id = l.job_id AND u.started > clock_timestamp() - l."interval" AND i.n > 0 AND i.bin <= 10 GROUP BY i.bin) s) c) d
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_job_accuracy IS 'what ad_job_accuracy shows, and what is judged by';
GRANT SELECT ON _anomaly._ad_job_accuracy TO PUBLIC;

CREATE VIEW @extschema@.ad_job_accuracy WITH (security_barrier) AS
SELECT name AS job, rows, alerts, alert_rate, max_alert_rate, labels, confirmed, "precision", min_precision, unlabelled, last_label, score_drift
FROM _anomaly._ad_job_accuracy;
COMMENT ON VIEW @extschema@.ad_job_accuracy IS
'Accuracy of jobs, as used by ad_health(): the caller''s own jobs, or all for members of pg_monitor.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.job IS 'Name of the job.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.rows IS
'Rows scored by the runs of the last interval (limit interval, 1 day).';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.alerts IS
'Alerts of these rows, including those held back by cooldown or limit_per_hour.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.alert_rate IS 'Alerts per row.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.max_alert_rate IS
'Limit of the alert rate, as set or by the rule; NULL if there is nothing to compare with yet.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.labels IS
'Number of the latest labels of alerts, at most the limit labels, 100.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.confirmed IS 'Number of these labels that confirm an anomaly.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy."precision" IS
'Share of these labels that confirm an anomaly; NULL without labels.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.min_precision IS 'Limit of the precision, as set or by the rule.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.unlabelled IS
'Alerts without a label that are older than the limit label_within, 7 days, of the 30 days before that, '
'and, unless the limit max_unlabelled was set, since the first label; 0 if there never was a label.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.last_label IS 'Time of the last label of an alert.';
COMMENT ON COLUMN @extschema@.ad_job_accuracy.score_drift IS
'Largest excess of the share of rows with a p-value of at most a over a, for a in tenths, in the last '
'interval; NULL if the model has no p-values.';
GRANT SELECT ON @extschema@.ad_job_accuracy TO PUBLIC;

-- A row for each check and object that it is about. Where nothing is wrong with
-- an object there is none, but for checks whose line says which object is
-- nearest to its limit. A status of NULL was not looked at.
CREATE FUNCTION _anomaly._ad_health_runs()
RETURNS TABLE ("check" text, object text, status text, weight double precision, detail text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH counted AS MATERIALIZED (SELECT _anomaly._ad_job_late(o.id) FROM _anomaly._ad_own_job o),
    job AS MATERIALIZED (SELECT h.* FROM (SELECT count(*) FROM counted) c, _anomaly._ad_job_health h),
    limits AS (SELECT extract(epoch FROM current_setting('anomaly.health_job_lag_warning')::interval)::float8 AS lag_warning,
                      extract(epoch FROM current_setting('anomaly.health_job_lag_critical')::interval)::float8 AS lag_critical)
    SELECT 'job lag', j.name, s.status, extract(epoch FROM j.lag)::float8,
           CASE WHEN j.ran THEN format('The last good run of job %s ended %s ago.', j.name, date_trunc('second', j.lag))
                WHEN j.tried THEN format('Job %s, made %s ago, has no good run in its log.', j.name, date_trunc('second', j.lag))
                ELSE format('Job %s, made %s ago, has never run.', j.name, date_trunc('second', j.lag)) END,
           CASE WHEN s.status <> 'ok' AND NOT j.owned THEN 'It has no owner, so nobody can run it: a superuser who has read its query can give it one with ad_alter_job().'
                WHEN s.status <> 'ok' THEN 'Is it scheduled? See ad_schedule_job(), ad_schedules and ad_job_runs.' END
    FROM job j, limits l, LATERAL (SELECT _anomaly._ad_health_status(extract(epoch FROM j.lag)::float8, l.lag_warning, l.lag_critical) AS status) s
    UNION ALL
    SELECT 'failing job', j.name, s.status, j.failures,
           CASE WHEN j.failures = 0 THEN 'The last run of every job was good.'
                ELSE format('The last %sof job %s failed: %s', CASE j.failures WHEN 1 THEN 'run ' ELSE j.failures || ' runs ' END, j.name, j.error) END,
           CASE WHEN s.status <> 'ok' THEN 'See ad_job_runs. The job goes on where it was once the cause is gone.' END
    FROM job j, LATERAL (SELECT _anomaly._ad_health_status(j.failures, current_setting('anomaly.health_job_failures_warning')::float8,
                                    current_setting('anomaly.health_job_failures_critical')::float8) AS status) s
    UNION ALL
    SELECT 'paused job', j.name, 'critical', j.failures,
           format('Job %s is paused until %s, since its last %s failed: %s', j.name, date_trunc('second', j.paused_until),
                  CASE j.failures WHEN 1 THEN 'run' ELSE j.failures || ' runs' END, j.error),
           'When the cause is gone, ad_resume_job() lets it run at once.'
    FROM job j WHERE j.paused_until > clock_timestamp()
    UNION ALL
    SELECT 'alert flood', j.name, s.status, j.alerts, format('%s alerts in an hour, of job %s.', j.alerts, j.name),
           CASE WHEN s.status <> 'ok' THEN
               'Has the data changed? See ad_drift(). A stricter rule, a cooldown or limit_per_hour holds alerts back; see ad_alter_job().' END
    FROM job j, LATERAL (SELECT _anomaly._ad_health_status(j.alerts, current_setting('anomaly.health_alerts_warning')::float8,
                                    current_setting('anomaly.health_alerts_critical')::float8) AS status) s
$$;
COMMENT ON FUNCTION _anomaly._ad_health_runs() IS
'the checks of ad_health() over the runs of jobs, one row per check and job';

CREATE FUNCTION _anomaly._ad_health_accuracy()
RETURNS TABLE ("check" text, object text, status text, weight double precision, detail text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH job AS MATERIALIZED (
        SELECT a.*, (_anomaly._ad_share_bounds(a.confirmed, a.labels, 0.01)).high AS most, (_anomaly._ad_share_bounds(a.alerts, a.rows, 0.0001)).low AS least
        FROM _anomaly._ad_job_accuracy a)
    SELECT 'precision', j.name, CASE WHEN j.most < j.min_precision / 2 THEN 'critical' ELSE 'warning' END, j.min_precision - j.most,
           format('Of the last %s labelled alerts of job %s %s were confirmed; at least %s %% are to be.', j.labels, j.name, j.confirmed, _anomaly._ad_percent(j.min_precision)),
           'Train its model again, see ad_retrain(), or ask for less with its rule; the limit is min_precision, see ad_alter_job().'
    FROM job j WHERE j.labels >= j.min_labels AND j.most < j.min_precision
    UNION ALL
    SELECT 'alert rate', j.name, CASE WHEN j.least > 5 * j.max_alert_rate THEN 'critical' ELSE 'warning' END, j.least / nullif(j.max_alert_rate, 0),
           format('Of %s rows that job %s scored within %s, %s were alerts; at most %s %% are to be.', j.rows, j.name, j."interval", j.alerts,
                  _anomaly._ad_percent(j.max_alert_rate)),
           'Has the data changed? See ad_drift(), and train the model again if it has; the limit is max_alert_rate, see ad_alter_job().'
    FROM job j WHERE j.alerts >= 10 AND j.least > j.max_alert_rate
    UNION ALL
    SELECT 'unlabelled alerts', j.name, 'warning', j.unlabelled,
           format('%s alerts of job %s, older than %s, have no label.', CASE WHEN j.overdue >= 20000 THEN 'At least ' || j.unlabelled ELSE j.unlabelled::text END, j.name, j.label_within),
           'Label them with ad_label(), or some of each day; the limit is max_unlabelled, see ad_alter_job().'
    FROM job j WHERE CASE WHEN j.max_unlabelled IS NULL THEN j.unlabelled > 100 AND j.unlabelled > 0.95 * j.overdue ELSE j.unlabelled > j.max_unlabelled END
    UNION ALL
    SELECT 'missing labels', j.name, 'warning', extract(epoch FROM clock_timestamp() - j.last_label)::float8,
           format('No alert of job %s was labelled for %s, and there are %s since.', j.name, date_trunc('second', clock_timestamp() - j.last_label),
                  CASE WHEN j.since_label >= 1000 THEN 'a thousand or more' ELSE j.since_label::text END),
           'Without labels nobody knows how many alerts are right: label some with ad_label(); the limit is label_gap, see ad_alter_job().'
    FROM job j WHERE j.last_label < clock_timestamp() - j.label_gap AND j.since_label >= 10
    UNION ALL
    SELECT 'score drift', j.name, CASE WHEN j.least_drift > 3 * j.max_score_drift THEN 'critical' ELSE 'warning' END, j.least_drift,
           format('The scores that job %s gave to %s rows are above those of the rows its model is calibrated on: %s %% more rows than due have low p-values.',
                  j.name, j.score_rows::bigint, _anomaly._ad_percent(j.score_drift)),
           'Compare the rows with the model by ad_drift(); if they have changed, train it again. The limit is max_score_drift, see ad_alter_job().'
    FROM job j WHERE j.score_rows >= 100 AND j.least_drift > j.max_score_drift
$$;
COMMENT ON FUNCTION _anomaly._ad_health_accuracy() IS
'the checks of ad_health() on how right jobs are, one row per check and job that is not';

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
           CASE WHEN count(*) > 0 THEN 'Run ad_rescan(job, since) to score them; a longer lag catches the next.' END
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
                                     'After a truncation rows up to the old watermark are left alone: ad_rescan(job, since) scores them.' END,
                                 CASE WHEN count(*) FILTER (WHERE j.jump IS NOT NULL) > 0 THEN
                                     'A row that is set aside was scored: correct its watermark if it is wrong. The job follows it once 100 rows above it have come, and none below.' END), '')
    FROM job j WHERE j.truncated OR j.jump IS NOT NULL
    UNION ALL
    SELECT 'entity models', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(string_agg(format('%s of %s rows of job %s in a day were of entities without a model.', j.day_without, j.day_rows, j.name), ' ' ORDER BY j.name),
                    'Rows are scored by the models of their entities.'),
           CASE WHEN count(*) > 0 THEN 'ad_refresh_groups() fits new entities; ad_model_groups() says why others have no model.' END
    FROM job j WHERE j.day_rows >= 100 AND j.day_without > 0.2 * j.day_rows
$$;
COMMENT ON FUNCTION _anomaly._ad_health_watermarks() IS
'the checks of ad_health() on what jobs wait for, what came too late, could not be scored, or was truncated';

CREATE FUNCTION _anomaly._ad_model_fault(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_model_fault'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION _anomaly._ad_model_fault(text) IS
'what is wrong with the bytes of the active version of a model that the current user may score with; NULL: nothing';

CREATE FUNCTION _anomaly._ad_health_rules()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH model AS MATERIALIZED (
        SELECT v.name, CASE WHEN v.groups IS NOT NULL THEN CASE WHEN jsonb_typeof(v.groups -> 'least_p') = 'number' THEN least(greatest((v.groups ->> 'least_p')::numeric, 0), 1)::float8 END
            WHEN _anomaly._ad_model_fault(v.name) IS NULL THEN (_anomaly._ad_info(v.name) #>> '{calibration,least_p}')::float8 END AS least_p
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

