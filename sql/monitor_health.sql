-- Health that watches how right jobs are, acts on what changes, and pauses a job that fails.
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET jit = off;
CREATE VIEW wrong AS SELECT "check", object, status, detail FROM _anomaly._ad_health_accuracy() ORDER BY 1, 2;
CREATE TABLE seen AS SELECT i AS id, (20 + 5 * ad_random(1, i, 'normal'))::float8 AS amount FROM generate_series(1, 20000) i;
SELECT ad_train('m', 'SELECT amount FROM seen', ad_zscore() || ad_calibrate());

-- a month of jobs that do what they promise, a day at a time, says nothing: rules on p-values, on false discoveries, on scores;
-- with labels and without
SELECT ad_create_job(r.name || l, 'm', 'seen', 'id', 'id', rule => r.rule::jsonb)
FROM (VALUES ('p', '{"p_value": 0.001}'), ('f', '{"fdr": 0.05}'), ('s', '{"score": 3}')) r(name, rule), unnest(ARRAY[' labelled', ' alone']) l;
CREATE TABLE said (day int, "check" text, object text, status text);
DO $$
BEGIN
	FOR day IN 1..30 LOOP
		UPDATE _anomaly._ad_job_run SET started = started - interval '1 day', finished = finished - interval '1 day';
		UPDATE _anomaly._ad_alert SET scored_at = scored_at - interval '1 day';
		UPDATE _anomaly._ad_label SET labelled_at = labelled_at - interval '1 day';
		INSERT INTO _anomaly._ad_job_run (job_id, run, pid, started, finished, batches, rows, alerts, least_p, p_bins)
		SELECT j.id, day, 1, now() - interval '20 hours', now(), 1, 20000, 12 + day * 7 % 11, 1 / 4001.0,
			CASE WHEN j.options #>> '{rule,score}' IS NULL THEN ARRAY(SELECT 2000 + (day * 31 + b * 17) % 90 - 45 FROM generate_series(1, 10) b) END
		FROM _anomaly._ad_job j;
		INSERT INTO _anomaly._ad_alert (job_id, key, score, "row", event_at, scored_at, job)
		SELECT j.id, day || '-' || k, 4, '{}', now(), now() - interval '1 hour', j.name FROM _anomaly._ad_job j, generate_series(1, 12 + day * 7 % 11) k;
		-- every third alert is looked at, and most are right
		INSERT INTO _anomaly._ad_label (job_id, key, is_anomaly, "row", labelled_by, labelled_at, generation, place)
		SELECT a.job_id, a.key, (day * 7 + length(a.key)) % 20 > 0, '{}', 'desk', now(), 1, 0
		FROM _anomaly._ad_alert a WHERE a.job LIKE '% labelled' AND split_part(a.key, '-', 1)::int = day AND split_part(a.key, '-', 2)::int % 3 = 0;
		INSERT INTO said SELECT day, "check", object, status FROM wrong;
	END LOOP;
END $$;
SELECT * FROM said;
SELECT job, rows, alerts, round(max_alert_rate::numeric, 4) AS max_alert_rate, labels, confirmed, round(min_precision::numeric, 2) AS min_precision, unlabelled,
	round(score_drift::numeric, 3) AS score_drift FROM ad_job_accuracy ORDER BY 1;

-- all labels false; a flood; scores that are higher; nobody labels any more
BEGIN;
UPDATE _anomaly._ad_label SET is_anomaly = false;
SELECT * FROM wrong;
SELECT status, detail FROM ad_health() WHERE "check" = 'precision';
ROLLBACK;
BEGIN;
UPDATE _anomaly._ad_job_run SET alerts = 900 WHERE run = 30;
SELECT * FROM wrong;
ROLLBACK;
BEGIN;
UPDATE _anomaly._ad_job_run SET p_bins[1] = 9000 WHERE run = 30 AND p_bins IS NOT NULL;
SELECT * FROM wrong;
ROLLBACK;
BEGIN;
UPDATE _anomaly._ad_label SET labelled_at = labelled_at - interval '40 days';
SELECT "check", object, status, regexp_replace(detail, 'for .* days( [0-9:]+)?', 'for so long') AS detail FROM wrong;
ROLLBACK;
BEGIN;
DELETE FROM _anomaly._ad_label l WHERE l.key NOT LIKE '1-%';
SELECT "check", object, status, detail FROM wrong WHERE "check" = 'unlabelled alerts';
ROLLBACK;
-- lower scores, as of rows that the model was trained on, are no drift; a few labels are no reason
BEGIN;
UPDATE _anomaly._ad_job_run SET p_bins[10] = 9000 WHERE run = 30 AND p_bins IS NOT NULL;
DELETE FROM _anomaly._ad_label l WHERE l.key NOT LIKE '30-%';
UPDATE _anomaly._ad_label SET is_anomaly = false;
SELECT * FROM wrong;
ROLLBACK;

-- limits of a job, and of its model for all
SELECT ad_alter_job('s labelled', '{"health": {"min_precision": 0.99, "max_alert_rate": 0.0001, "max_unlabelled": 10}}');
SELECT ad_alter_job('s labelled', '{"health": {"max_unlabelled": null}}');
SELECT name, health FROM ad_jobs WHERE health IS NOT NULL;
SELECT "check", object FROM wrong;
SELECT ad_alter_model('m', '{"health": {"max_alert_rate": 0.0001, "max_age": "1 day", "max_score_shift": 0.2}}');
SELECT "check", object FROM wrong;
SELECT ad_alter_job('s labelled', '{"health": null}');
SELECT jsonb_pretty(ad_model_health('m')), ad_model_health('none');
BEGIN;
UPDATE _anomaly._ad_model_version SET trained_at = trained_at - interval '100 hours';
SELECT status, detail FROM ad_health() WHERE "check" = 'stale model';
ROLLBACK;
SELECT ad_alter_model('m', '{"health": null}');
SELECT "check", object FROM wrong;
-- what is no limit
SELECT ad_alter_model('m', '{"health": {"max_ages": "1 day"}}');
SELECT ad_alter_model('m', '{"health": {"max_age": "never"}}');
SELECT ad_alter_model('m', '{"health": {"max_age": "-1 day"}}');
SELECT ad_alter_model('m', '{"health": [1]}');
SELECT ad_alter_model('m', '{"keep": 3}');
SELECT ad_alter_model('m', NULL);
SELECT ad_alter_model('none', '{}');
SELECT ad_alter_job('p alone', '{"health": {"max_age": "1 day"}}');
SELECT ad_alter_job('p alone', '{"health": {"min_precision": 2}}');
SELECT ad_alter_job('p alone', '{"health": 3}');
SELECT ad_create_job('x', 'm', 'seen', 'id', 'id', health => '{"labels": 1}');
SELECT count(ad_drop_job(name)) FROM ad_jobs;
VACUUM _anomaly._ad_alert, _anomaly._ad_label, _anomaly._ad_job_run;

-- bounds of shares; from binom.test() of R: 3 of 10 at 0.95, two-sided
SELECT round(low::numeric, 7) AS low, round(high::numeric, 7) AS high FROM _anomaly._ad_share_bounds(3, 10, 0.025);
SELECT x, n, round(low::numeric, 9) AS low, round(high::numeric, 9) AS high
FROM (VALUES (0, 0), (0, 1), (1, 1), (0, 1000000000), (1000000000, 1000000000), (500000000, 1000000000), (-1, 5), (7, 5)) v(x, n), _anomaly._ad_share_bounds(x, n, 0.01);
SELECT _anomaly._ad_beta_quantile('NaN', 1, 1), _anomaly._ad_beta_quantile(0.5, 0, 1), _anomaly._ad_beta_quantile(0.5, 'Infinity', 1), _anomaly._ad_beta_quantile(0.5, 1, 1);

-- what a run counts: p-values by tenths, of a rule on scores too
SELECT ad_create_job('counted', 'm', 'seen', 'id', 'id', rule => '{"score": 99}'), ad_create_job('tested', 'm', 'seen', 'id', 'id', rule => '{"p_value": 0.001}');
CALL ad_run_job('counted');
CALL ad_run_job('tested');
SELECT j.name, (SELECT sum(n) FROM unnest(r.p_bins) n) AS p_values, r.rows, round(1 / r.least_p) AS of FROM _anomaly._ad_job_run r JOIN _anomaly._ad_job j ON j.id = r.job_id ORDER BY 1;
SELECT * FROM wrong;
SELECT count(ad_drop_job(name)) FROM ad_jobs;

-- a job that waits since it failed, and whose column is gone
CREATE TABLE payment AS SELECT i AS id, 20.0::float8 AS amount FROM generate_series(1, 10) i;
SELECT ad_create_job('shy', 'm', 'payment', 'id', 'id', rule => '{"score": 9}', pause_after => 1);
ALTER TABLE payment RENAME amount TO price;
CALL ad_run_job('shy');
SELECT "check", object, status, regexp_replace(detail, 'until .*, since', 'until then, since') AS detail
FROM _anomaly._ad_health_all() WHERE "check" IN ('paused job', 'failing job', 'job columns') AND NOT line ORDER BY 1, 2;
SELECT count(ad_drop_job(name)) FROM ad_jobs;

-- changes of health are kept, and told without names
CREATE VIEW log AS SELECT role = current_user AS own, "check", object, from_status, to_status, detail FROM ad_health_log WHERE "check" NOT IN ('schema', 'statistics', 'storage') ORDER BY at, "check", object;
CALL ad_check_health();
SELECT * FROM log;
CREATE TABLE whole (model bytea);
ALTER TABLE whole ALTER model SET STORAGE EXTERNAL;
INSERT INTO whole SELECT model FROM _anomaly._ad_model_version;
UPDATE _anomaly._ad_model_version SET model = set_byte(model, 300, 255 - get_byte(model, 300));
CALL ad_check_health();
CALL ad_check_health();
SELECT * FROM log;
-- whole bytes that are others'
UPDATE _anomaly._ad_model_version SET model = (SELECT ad_fit(ad_zscore(), x) FROM generate_series(1, 9) x);
SELECT detail FROM ad_health() WHERE "check" = 'model bytes';
UPDATE _anomaly._ad_model_version SET model = (SELECT model FROM whole);
CALL ad_check_health();
SELECT "check", object, from_status, to_status FROM log;
-- a transaction that is undone has changed nothing
UPDATE _anomaly._ad_model_version SET model = '\x00';
BEGIN;
CALL ad_check_health();
ROLLBACK;
SELECT count(*) FROM log;
UPDATE _anomaly._ad_model_version SET model = (SELECT model FROM whole);
-- what is old goes, but for the state
INSERT INTO _anomaly._ad_health_log (role, "check", object, from_status, to_status, at)
SELECT current_user::text::_anomaly._ad_role, 'old', i, 'ok', CASE WHEN i > 1 THEN 'ok' ELSE 'warning' END, now() - interval '91 days' FROM generate_series(1, 3) i;
INSERT INTO _anomaly._ad_health_log (role, "check", object, from_status, to_status, at) VALUES (current_user::text::_anomaly._ad_role, 'x', '', 'ok', 'critical', now() - interval '92 days');
CALL ad_check_health();
SELECT "check", object, from_status, to_status FROM ad_health_log WHERE "check" IN ('old', 'x') ORDER BY 1, 2;

-- drift that is measured is known to health
SELECT ad_check_drift('m', 'seen'), ad_check_drift('m', query => 'SELECT amount * 3 AS amount, 1 AS other FROM seen -- so');
SELECT model, version, verdict, reason, psi > 1 AS psi, rows, source FROM ad_drift_results;
SELECT status, regexp_replace(detail, 'measured .* ago', 'measured then') AS detail FROM ad_health() WHERE "check" = 'measured drift';
SELECT ad_create_job('j', 'm', 'SELECT id, amount AS a FROM seen', 'id', 'id', rule => '{"score": 9}', features => '{a}');
SELECT ad_check_drift('m', job => 'j');
SELECT verdict, rows, source FROM ad_drift_results;
SELECT ad_check_drift('m'), 1;
SELECT ad_check_drift('m', 'seen', 'j');
SELECT ad_check_drift('m', 'SELECT 1 AS x');
SELECT ad_check_drift('m', 'SELECT amount FROM seen WHERE false');
SELECT ad_check_drift('m', 'DELETE FROM seen');
SELECT ad_check_drift('none', 'seen');
SELECT ad_check_drift('m', job => 'none');
SELECT ad_rename_model('m', 'n');
SELECT model FROM ad_drift_results;

-- when a schedule was due
SELECT s, to_char(d AT TIME ZONE 'UTC', f) AS due, now() - d < within AS within FROM (VALUES ('30 4 * * *', 'HH24:MI', interval '2 days'), ('0 0 1 * *', 'DD HH24:MI', '32 days'),
	('15 3 * * Mon', 'Dy HH24:MI', '8 days'), ('15 3 * * 7', 'Dy HH24:MI', '8 days'), ('5 2-4/2 * jan-dec *', 'MI', '1 day'), ('@hourly', 'MI', '2 hours'), ('@weekly', 'Dy HH24:MI', '8 days'),
	('*/5 * * * *', '', '6 minutes'), ('0,30  *	* * *', '', '1 hour'), ('10 seconds', '', '1 minute')) v(s, f, within), _anomaly._ad_cron_due(s, 1) d;
SELECT to_char((_anomaly._ad_cron_due('0 12 $ * *', 1) + interval '1 day') AT TIME ZONE 'UTC', 'DD HH24:MI') AS after_the_last_day,
	now() - _anomaly._ad_cron_due('0 0 1,15 * 1', 1) < interval '8 days' AS either_day,
	_anomaly._ad_cron_due('0 3 * * *', 1) - _anomaly._ad_cron_due('0 3 * * *', 4) AS between;
SELECT s FROM unnest(ARRAY['now and then', '60 seconds', '0 seconds', '0 0 30 2 *', '* * * *', '* * * * * *', '', '60 * * * *', '5-1 * * * *', '*/0 * * * *', '1- * * * *', '* * 0 * *', '@reboot']) s
WHERE _anomaly._ad_cron_due(s, 1) IS NOT NULL OR _anomaly._ad_cron_due('* * * * *', 0) IS NOT NULL;

-- an owner may write what he likes into the log of his job: everybody's health answers
INSERT INTO _anomaly._ad_own_run (job_id, run, pid, started, rows, alerts, suppressed, least_p, p_bins)
SELECT o.id, 100 + r, 1, now() - CASE WHEN r % 2 = 0 THEN interval '1 hour' ELSE '10 days' END, n, n, n, p, b
FROM _anomaly._ad_own_job o, unnest(ARRAY[9223372036854775807, -9223372036854775808, 0, 5], ARRAY['NaN', 0, 1e-320, -1]::float8[],
	ARRAY['{9223372036854775807,9223372036854775807}', '{-5,-9223372036854775808}', '{}', '{NULL,1,1,1,1,1,1,1,1,1,1,1,1}']) WITH ORDINALITY v(n, p, t, i), generate_series(1, 8) r, LATERAL (SELECT t::bigint[] AS b) x
WHERE r IN (i, i + 4);
SELECT rows > 0 AS rows, alerts > 0 AS alerts, score_drift BETWEEN 0 AND 1 AS drift FROM ad_job_accuracy;
SELECT count(*) FROM ad_health();
DELETE FROM _anomaly._ad_job_run WHERE run > 100;

-- everybody has his own, and nothing of others
CREATE ROLE health_other;
CREATE ROLE health_monitor IN ROLE pg_monitor;
SET ROLE health_other;
CALL ad_check_health();
SELECT count(*) FROM ad_health_log WHERE "check" <> 'schema';
SELECT (SELECT count(*) FROM ad_drift_results), (SELECT count(*) FROM ad_job_accuracy), (SELECT count(*) FROM ad_schedules), ad_model_health('n');
SELECT ad_check_drift('n', 'SELECT 1 AS amount');
SELECT ad_check_drift('n', job => 'j');
SELECT ad_alter_model('n', '{}');
SELECT ad_resume_job('j');
SELECT ad_schedule_health('* * * * *');
SELECT ad_schedule_retrain('n', '* * * * *');
SELECT ad_schedule_drift('n', '* * * * *', 'seen');
SELECT _anomaly._ad_model_schedules('n', NULL, NULL);
INSERT INTO _anomaly._ad_health_log (role, "check", object, to_status, at) VALUES ('health_other', 'x', '', 'ok', now());
SET ROLE health_monitor;
SELECT count(*) > 0 AS lines, count(detail) AS details FROM ad_health_log;
SELECT model, verdict, source FROM ad_drift_results;
SELECT job, rows FROM ad_job_accuracy;
RESET ROLE;
SELECT ad_drop_model('n', cascade => true);
SELECT count(*) FROM ad_drift_results;
SET anomaly.health_job_lag_warning = 1;
BEGIN READ ONLY;
SELECT count(*) FROM ad_health();
CALL ad_check_health();
ROLLBACK;

DROP OWNED BY health_other, health_monitor;
DROP ROLE health_other, health_monitor;
DELETE FROM _anomaly._ad_health_log;
DROP VIEW wrong, log;
DROP TABLE seen, said, payment, whole;
