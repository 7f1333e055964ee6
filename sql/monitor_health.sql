-- Health that watches how right jobs are.
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
SELECT "check", object, status, regexp_replace(detail, 'for .* days [0-9:]*', 'for so long') AS detail FROM wrong;
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

SELECT ad_create_job('j', 'm', 'seen', 'id', 'id', rule => '{"score": 9}');
-- an owner may write what he likes into the log of his job: everybody's health answers
INSERT INTO _anomaly._ad_own_run (job_id, run, pid, started, rows, alerts, suppressed, least_p, p_bins)
SELECT o.id, 100 + r, 1, now() - CASE WHEN r % 2 = 0 THEN interval '1 hour' ELSE '10 days' END, n, n, n, p, b
FROM _anomaly._ad_own_job o, unnest(ARRAY[9223372036854775807, -9223372036854775808, 0, 5], ARRAY['NaN', 0, 1e-320, -1]::float8[],
	ARRAY['{9223372036854775807,9223372036854775807}', '{-5,-9223372036854775808}', '{}', '{NULL,1,1,1,1,1,1,1,1,1,1,1,1}']) WITH ORDINALITY v(n, p, t, i), generate_series(1, 8) r, LATERAL (SELECT t::bigint[] AS b) x
WHERE r IN (i, i + 4);
SELECT rows > 0 AS rows, alerts > 0 AS alerts, score_drift BETWEEN 0 AND 1 AS drift FROM ad_job_accuracy;
SELECT count(*) FROM ad_health();
DELETE FROM _anomaly._ad_job_run WHERE run > 100;

SELECT ad_drop_model('m', cascade => true);
DROP VIEW wrong;
DROP TABLE seen, said, payment;
