-- A job that fails again and again waits, longer each time, until it is mended.
SET timezone = 'UTC';
SET jit = off;
CREATE TABLE seen AS SELECT i AS id, (20 + 5 * ad_random(1, i, 'normal'))::float8 AS amount FROM generate_series(1, 1000) i;
SELECT ad_train('m', 'SELECT amount FROM seen', ad_zscore());
CREATE TABLE payment AS SELECT i AS id, 20.0::float8 AS amount FROM generate_series(1, 10) i;
SELECT ad_create_job('shy', 'm', 'payment', 'id', 'id', rule => '{"score": 9}', pause_after => 2), ad_create_job('bold', 'm', 'payment', 'id', 'id', rule => '{"score": 9}', pause_after => 0);
ALTER TABLE payment RENAME amount TO price;
CREATE VIEW paused AS SELECT name, failures, pause_after, last_error_code, CASE WHEN paused_until > now() THEN round(extract(epoch FROM paused_until - now()) / 60) END AS minutes,
	(SELECT count(*) FROM ad_job_runs r WHERE r.job = j.name) AS runs FROM ad_jobs j ORDER BY name;
CALL ad_run_job('shy');
CALL ad_run_job('bold');
SELECT * FROM paused;
CALL ad_run_job('shy');
CALL ad_run_job('bold');
SELECT * FROM paused;
-- the rest of the notice is a time
\set VERBOSITY terse
SET client_min_messages = warning;
CALL ad_run_job('shy');
RESET client_min_messages;
\set VERBOSITY default
CALL ad_run_job('bold');
SELECT * FROM paused;
-- longer each time, to an hour
UPDATE _anomaly._ad_job_state SET paused_until = now();
CALL ad_run_job('shy');
SELECT * FROM paused WHERE name = 'shy';
UPDATE _anomaly._ad_job_state SET paused_until = now(), failures = 1000;
CALL ad_run_job('shy');
SELECT * FROM paused WHERE name = 'shy';
-- it is resumed, by hand or by who changes it, and a good run forgets
SELECT ad_resume_job('shy'), ad_resume_job('bold');
SELECT * FROM paused WHERE name = 'shy';
CALL ad_run_job('shy');
SELECT * FROM paused WHERE name = 'shy';
SELECT ad_alter_job('shy', '{"source": "SELECT id, price AS amount FROM payment"}');
CALL ad_run_job('shy');
SELECT * FROM paused;
SELECT ad_resume_job('none');
SELECT ad_alter_job('shy', '{"pause_after": -1}');
SELECT count(ad_drop_job(name)) FROM ad_jobs;
SELECT ad_drop_model('m');
DROP VIEW paused;
DROP TABLE seen, payment;
