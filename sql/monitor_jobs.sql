-- ad_stat_jobs: figures of jobs, for their owner and for who monitors.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE stat_rows AS SELECT i, CASE WHEN i % 10 = 0 THEN 100 ELSE i % 7 END::float8 AS x FROM generate_series(1, 100) i;
SELECT ad_train('stat', 'SELECT x FROM stat_rows', 'zscore');
SELECT ad_create_job('stat job', 'stat', 'stat_rows', 'i', 'i', rule => '{"score": 2}', limit_per_hour => 4);
SELECT ad_create_job('idle', 'stat', 'stat_rows', 'i', 'i', rule => '{"score": 2}');

-- what has never run
SELECT job, kind, model, failures, lag_seconds BETWEEN 0 AND 3600 AS lag, runs, failed_runs, rows, alerts, suppressed, late_rows, bad_rows,
       labelled, confirmed, "precision", missed
FROM ad_stat_jobs ORDER BY job;

-- what has: of ten alerts four are written, one is right, one row was missed
CALL ad_run_job('stat job');
SELECT ad_label('stat job', key, key = '10') FROM ad_alerts WHERE job = 'stat job';
SELECT ad_label('stat job', '11', true), ad_label('stat job', '12', false);
SELECT job, failures, runs, failed_runs, rows, alerts, suppressed, late_rows, labelled, confirmed, "precision", missed
FROM ad_stat_jobs ORDER BY job;

-- a label that is taken back, an alert that is gone
SELECT ad_label('stat job', '20', NULL), ad_purge_subject('stat job', key => '10');
SELECT labelled, confirmed, "precision", missed FROM ad_stat_jobs WHERE job = 'stat job';

-- a run that fails, and one of an hour ago
ALTER TABLE stat_rows RENAME x TO y;
CALL ad_run_job('stat job');
SELECT failures, runs, failed_runs, rows FROM ad_stat_jobs WHERE job = 'stat job';
UPDATE _anomaly._ad_job_run SET started = started - interval '2 hours', finished = finished - interval '61 minutes';
SELECT failures, lag_seconds BETWEEN 3660 AND 4200 AS lag, runs, rows, alerts, suppressed, labelled FROM ad_stat_jobs WHERE job = 'stat job';

-- who sees it: the owner and who monitors; neither others nor whom it was granted
CREATE ROLE stat_watcher IN ROLE pg_monitor;
CREATE ROLE stat_reader;
SELECT ad_grant_job('stat job', 'stat_reader', 'read');
SET ROLE stat_watcher;
SELECT job, failures FROM ad_stat_jobs ORDER BY job;
SELECT count(*) FROM ad_jobs;
SET ROLE stat_reader;
SELECT count(*) FROM ad_stat_jobs;
RESET ROLE;

SELECT ad_drop_job('stat job'), ad_drop_job('idle');
SELECT ad_drop_model('stat');
DROP TABLE stat_rows;
DROP ROLE stat_watcher, stat_reader;
