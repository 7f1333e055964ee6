-- since 0.3.0
-- Figures of jobs, for those who monitor: numbers and names, no rows.

-- Alerts that have a label are found from the labels, of which there are few.
CREATE VIEW @extschema@.ad_stat_jobs WITH (security_barrier) AS
SELECT j.name AS job, j.kind, j.options ->> 'model' AS model, s.failures,
       extract(epoch FROM clock_timestamp() - coalesce((SELECT max(g.finished) FROM _anomaly._ad_job_run g WHERE g.job_id = j.id AND g.error IS NULL),
                                                       j.created_at))::double precision AS lag_seconds,
       r.runs, r.failed_runs, r.rows, r.alerts, r.suppressed,
       s.late_rows, (SELECT count(*) FROM _anomaly._ad_job_error e WHERE e.job_id = j.id AND e.at > clock_timestamp() - interval '1 day') AS bad_rows,
       l.labelled, l.confirmed, l.confirmed::double precision / nullif(l.labelled, 0) AS "precision", l.missed
FROM _anomaly._ad_job j
     JOIN _anomaly._ad_job_state s ON s.job_id = j.id
     -- an owner may write what he likes into the log of his job: others look at it too
     CROSS JOIN LATERAL (SELECT count(*) AS runs, count(r.error) AS failed_runs, least(coalesce(sum(greatest(r.rows, 0)), 0), 1e18)::bigint AS rows,
                                least(coalesce(sum(greatest(r.alerts, 0)), 0), 1e18)::bigint AS alerts, least(coalesce(sum(greatest(r.suppressed, 0)), 0), 1e18)::bigint AS suppressed
                         FROM _anomaly._ad_job_run r
                         WHERE r.job_id = j.id AND coalesce(r.finished, r.started) > clock_timestamp() - interval '1 hour') r
     CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE l.alerts > 0) AS labelled, count(*) FILTER (WHERE l.alerts > 0 AND l.is_anomaly) AS confirmed,
                                count(*) FILTER (WHERE l.alerts = 0 AND l.is_anomaly) AS missed
                         FROM (SELECT l.is_anomaly,
                                      (SELECT count(*) FROM (SELECT FROM _anomaly._ad_alert a
                                                             WHERE a.job_id = l.job_id AND a.key = l.key AND a.generation = coalesce(l.generation, a.generation)
                                                               AND a.place = coalesce(l.place, a.place) LIMIT 1) one) AS alerts
                               FROM _anomaly._ad_label l WHERE l.job_id = j.id) l) l
WHERE pg_has_role(j.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE')
OFFSET 0;
COMMENT ON VIEW @extschema@.ad_stat_jobs IS
'Figures of the caller''s jobs, or of all jobs for members of pg_monitor: names and numbers, for '
'monitoring.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.job IS 'Name of the job.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.kind IS 'Kind of the job, as in ad_jobs.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.model IS 'Model that it scores with; NULL for kinds without one.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.failures IS 'Number of consecutive failed runs.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.lag_seconds IS
'Seconds since the last successful run ended, or since the job was created.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.runs IS
'Runs that ended in the last hour, or began in it and have not ended.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.failed_runs IS 'Number of these runs that failed.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.rows IS 'Rows scored by these runs.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.alerts IS 'Alerts written by these runs.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.suppressed IS
'Alerts held back in these runs by cooldown or limit_per_hour.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.late_rows IS
'Rows that arrived too late to be scored, at the last count; NULL if never counted.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.bad_rows IS 'Rows that could not be scored in the last day.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.labelled IS 'Alerts with a label.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.confirmed IS 'Alerts labeled as anomalies.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs."precision" IS
'Share of labeled alerts that were confirmed; NULL without any.';
COMMENT ON COLUMN @extschema@.ad_stat_jobs.missed IS 'Rows without an alert that were labeled as anomalies.';
GRANT SELECT ON @extschema@.ad_stat_jobs TO PUBLIC;
