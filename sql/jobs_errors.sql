-- Jobs that cannot work are refused; those that no longer can record why, and
-- leave everything as it was.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE event (id int, who text, a float8, b float8, at timestamptz, n numeric, day date);
INSERT INTO event SELECT i, 'W' || i % 5, i * 37 % 101, i * 53 % 97, timestamptz '2026-01-01' + i * interval '1 minute', i, '2026-01-01'
FROM generate_series(1, 1000) i;
SELECT ad_train('sure', 'SELECT a, b FROM event', ad_zscore() || ad_calibrate());
SELECT ad_train('plain', 'SELECT a, b FROM event', 'zscore');
SELECT ad_train('array', 'SELECT ARRAY[a, b] FROM event', 'zscore');

-- what is refused
SELECT ad_create_job('', 'sure', 'event', 'id', 'at');
SELECT ad_create_job(repeat('x', 1000), 'sure', 'event', 'id', 'at');
SELECT ad_create_job(NULL, 'sure', 'event', 'id', 'at');
SELECT ad_create_job('j', NULL, 'event', 'id', 'at');
SELECT ad_create_job('j', 'nobody', 'event', 'id', 'at');
SELECT ad_create_job('j', 'sure', NULL, 'id', 'at');
SELECT ad_create_job('j', 'sure', 'nothing', 'id', 'at');
SELECT ad_create_job('j', 'sure', 'SELECT * FROM nothing', 'id', 'at');
SELECT ad_create_job('j', 'sure', 'DELETE FROM event RETURNING *', 'id', 'at');
SELECT ad_create_job('j', 'sure', 'SELECT * FROM event; SELECT 1', 'id', 'at');
SELECT ad_create_job('j', 'sure', 'event', NULL, 'at');
SELECT ad_create_job('j', 'sure', 'event', 'key', 'at');
SELECT ad_create_job('j', 'sure', 'event', 'id', NULL);
SELECT ad_create_job('j', 'sure', 'event', 'id', 'time');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'who');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'n');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', entity => 'whom');
SELECT ad_create_job('j', 'sure', 'SELECT id, a, at FROM event', 'id', 'at');
SELECT ad_create_job('j', 'sure', 'SELECT id, id, a, b, at FROM event', 'id', 'at');
SELECT ad_create_job('j', 'array', 'event', 'id', 'at', rule => '{"score": 3}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', features => '{a,c}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"score": 2}', features => '{a}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"score": 2}', features => '{a,b,n}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"score": 2}', features => '{a,who}');
SELECT ad_create_job('j', 'sure', 'SELECT id, a, who AS b, at FROM event', 'id', 'at');
SELECT ad_create_job('j', 'plain', 'event', 'id', 'at');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"p_value": 0.0001}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"p_value": 2}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"fdr": "low"}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"quantile": 0.9}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"fdr": 0.1, "score": 3}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '[]');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => NULL);
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', batch_size => 0);
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', lag => 'a while');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', lag => '-1 hour');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'id', lag => '1 hour');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', since => 'yesterdayish');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'id', since => 'now');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'id', since => 'yesterday');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', cooldown => '1 hour');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', entity => 'who', cooldown => '-1 hour');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', limit_per_hour => 0);
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', explain => -1);
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', explain => NULL);
SELECT count(*) FROM ad_jobs;

-- a rule that a model can reach until it is trained again, on fewer rows
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"p_value": 0.005}');
CALL ad_run_job('j', '2026-01-01 00:10+00');
SELECT ad_train('sure', 'SELECT a, b FROM event WHERE id <= 990', ad_zscore() || ad_calibrate());
CALL ad_run_job('j', '2026-01-01 00:20+00');
SELECT * FROM ad_health() WHERE "check" = 'job rule';
-- a rate of false discoveries asks for alerts that are not too rare
SELECT ad_create_job('rate', 'sure', 'event', 'id', 'at', rule => '{"fdr": 0.1}');
SELECT * FROM ad_health() WHERE "check" = 'job rule';
SELECT ad_drop_job('rate');
SELECT status, rows FROM ad_job_run WHERE job = 'j' ORDER BY run;
SELECT ad_drop_job('j');
SELECT ad_train('sure', 'SELECT a, b FROM event', ad_zscore() || ad_calibrate());

-- a name with quotes, dots and worse
SELECT ad_create_job('it''s "a.b"; --', 'sure', 'event', 'id', 'at', rule => '{"score": 100}');
SELECT ad_create_job('it''s "a.b"; --', 'sure', 'event', 'id', 'at', rule => '{"score": 100}');
CALL ad_run_job('it''s "a.b"; --');
SELECT job, status, rows FROM ad_job_run;
SELECT ad_drop_job('it''s "a.b"; --');
CALL ad_run_job('it''s "a.b"; --');
CALL ad_run_job(NULL);
SELECT ad_drop_job('j');
SELECT ad_alter_job('j', '{}');
SELECT ad_grant_job('j', 'public');
SELECT ad_label('j', '1', true);
SELECT ad_schedule_job('j', '* * * * *');

-- what becomes impossible later is recorded; the job goes on where it was
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', rule => '{"score": 2}', batch_size => 600, pause_after => 0);
SELECT ad_alter_job('j', '{"batch_size": "many"}');
SELECT ad_alter_job('j', '{"batch_size": null}');
SELECT ad_alter_job('j', '{"watermark": "id"}');
SELECT ad_alter_job('j', '[]');
CALL ad_run_job('j');
CREATE VIEW last_run AS SELECT r.status, r.rows, r.alerts, r.error_code, r.error, j.watermark, j.failures, (SELECT count(*) FROM ad_alert) AS all_alerts
FROM ad_job_run r JOIN ad_jobs j ON j.name = r.job ORDER BY run DESC LIMIT 1;
SELECT * FROM last_run;
INSERT INTO event SELECT i, 'W' || i % 5, 1000, i * 53 % 97, timestamptz '2026-01-01' + i * interval '1 minute', i, '2026-01-01'
FROM generate_series(1001, 1010) i;
ALTER TABLE event RENAME TO gone;
CALL ad_run_job('j');
SELECT * FROM last_run;
ALTER TABLE gone RENAME TO event;
ALTER TABLE event RENAME at TO at2;
CALL ad_run_job('j');
SELECT * FROM last_run;
ALTER TABLE event RENAME at2 TO at;
ALTER TABLE event RENAME b TO b2;
CALL ad_run_job('j');
SELECT * FROM last_run;
ALTER TABLE event RENAME b2 TO b;
ALTER TABLE event RENAME at TO at2;
ALTER TABLE event ADD at bigint;
CALL ad_run_job('j');
SELECT * FROM last_run;
ALTER TABLE event DROP at;
ALTER TABLE event RENAME at2 TO at;
-- a model is not dropped while a job uses it; one that is gone all the same, that has another feature
SELECT ad_drop_model('sure');
DELETE FROM _anomaly._ad_model_name WHERE name = 'sure';
DELETE FROM _anomaly._ad_model_version WHERE name = 'sure';
DELETE FROM _anomaly._ad_model_grant WHERE name = 'sure';
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT ad_train('sure', 'SELECT a, b AS c FROM event', ad_zscore() || ad_calibrate());
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT ad_train('sure', 'SELECT a, who AS b FROM event', ad_zscore() || ad_calibrate());
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT ad_train('sure', 'SELECT a, b FROM event WHERE id <= 1000', ad_zscore() || ad_calibrate());
SELECT ad_alter_job('j', '{"features": ["a", "b", "n"]}');
SELECT ad_alter_job('j', '{"features": ["b", "a"]}');
SELECT ad_train('sure', 'SELECT a, b, n FROM event', ad_zscore() || ad_calibrate());
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT ad_train('sure', 'SELECT a, b FROM event WHERE id <= 1000', ad_zscore() || ad_calibrate());
ALTER TABLE event RENAME b TO b2;
CALL ad_run_job('j');
SELECT * FROM last_run;
ALTER TABLE event RENAME b2 TO b;
SELECT ad_alter_job('j', '{"features": null}');
SELECT count(*) FROM ad_job_errors;
-- a query that fails, not because of a row
SELECT ad_alter_job('j', '{"source": "SELECT * FROM event WHERE lo_get(4000000000) IS NULL"}');
CALL ad_run_job('j');
SELECT * FROM last_run;
-- ad_health tells of it
SELECT "check", status, detail, hint FROM ad_health() WHERE "check" = 'failing job';
SET anomaly.health_job_failures_critical = 100;
SELECT "check", status FROM ad_health() WHERE "check" IN ('job lag', 'failing job', 'alert flood');
SELECT ad_alter_job('j', '{"source": "event"}');
-- an alert that cannot be written: as when the disk is full
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.key = '1007' THEN
		RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device' USING ERRCODE = 'disk_full';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON _anomaly._ad_alert FOR EACH ROW EXECUTE FUNCTION full_disk();
CALL ad_run_job('j');
SELECT * FROM last_run;
DROP TRIGGER full_disk ON _anomaly._ad_alert;
-- and when all is well again, nothing is lost and nothing doubled
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT string_agg(key, ' ' ORDER BY key) AS keys FROM ad_alert WHERE key::int > 1000;
-- rows that cannot be scored do not stop it: they are noted, once
INSERT INTO event SELECT i, 'W' || i % 5, 1000, 1, timestamptz '2026-01-01' + i * interval '1 minute', i, '2026-01-01'
FROM generate_series(1011, 1016) i;
UPDATE event SET id = NULL WHERE id = 1012;
UPDATE event SET at = NULL WHERE id = 1013;
SELECT ad_alter_job('j', '{"source": "SELECT id, who, a / (1015 - id) AS a, b, at FROM event"}');
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT key, watermark, message, error_code FROM ad_job_errors ORDER BY watermark, key;
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT count(*) FROM ad_job_errors;
SELECT "check", status, detail, hint FROM ad_health() WHERE "check" IN ('held watermark', 'late rows', 'bad rows', 'job source');
-- such a row is like another: when it is mended it is a version of its own
UPDATE event SET id = 1012 WHERE id IS NULL;
CALL ad_run_job('j');
SELECT string_agg(key, ' ' ORDER BY key) AS keys FROM ad_alert WHERE key::int > 1010;
SELECT ad_alter_job('j', '{"source": "event"}');
SET anomaly.health_alerts_warning = 10;
SELECT "check", status, detail FROM ad_health() WHERE "check" IN ('failing job', 'alert flood');
SET anomaly.health_alerts_critical = 10;
SET anomaly.health_job_lag_warning = 0;
SELECT "check", status FROM ad_health() WHERE "check" IN ('job lag', 'alert flood');
SELECT regexp_replace(detail, '@.* ago', '... ago') AS detail, hint FROM ad_health() WHERE "check" = 'job lag';
-- or never ran, or has nobody to run it
BEGIN;
DELETE FROM _anomaly._ad_job_run;
UPDATE _anomaly._ad_job SET owner = 'jobs_nobody';
SELECT regexp_replace(detail, '@.* ago', '... ago') AS detail, hint FROM ad_health() WHERE "check" = 'job lag';
ROLLBACK;
CREATE ROLE jobs_watcher IN ROLE pg_monitor;
SET ROLE jobs_watcher;
SELECT "check", status, detail FROM ad_health() WHERE "check" = 'alert flood';
SELECT count(*) FROM ad_alert;
RESET ROLE;
DROP ROLE jobs_watcher;

-- a function may raise an error of a class of its own: a row's too
CREATE FUNCTION own_class(i int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF i = 1021 THEN
		RAISE EXCEPTION 'not this one' USING ERRCODE = 'ZZ001';
	END IF;
	RETURN 1;
END $$;
INSERT INTO event SELECT i, 'V' || i % 5, 1000, 1, timestamptz '2026-01-01' + i * interval '1 minute', i, '2026-01-01'
FROM generate_series(1020, 1022) i;
SELECT ad_alter_job('j', '{"source": "SELECT id, who, own_class(id) * a AS a, b, at FROM event"}');
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT key, message, error_code FROM ad_job_errors WHERE key::int > 1016;
CALL ad_run_job('j');
SELECT * FROM last_run;
-- and a volatile one, which the planner computes whether it is asked for or not; of rows with the same watermark only one is bad
CREATE OR REPLACE FUNCTION own_class(i int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF i IN (1021, 1031, 1034) THEN
		RAISE EXCEPTION 'nor this one';
	END IF;
	RETURN 1;
END $$;
CREATE VIEW volatile AS SELECT id, who, own_class(id) * a AS a, b, at FROM event;
INSERT INTO event SELECT i, 'V' || i % 5, 1000, 1, timestamptz '2026-01-01' + i / 5 * interval '5 minutes', i, '2026-01-01'
FROM generate_series(1030, 1036) i;
SELECT ad_alter_job('j', '{"source": "volatile"}');
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT key, message, error_code FROM ad_job_errors WHERE key::int > 1016 ORDER BY key;
INSERT INTO event SELECT i, 'V' || i % 5, 1000, 1, timestamptz '2026-01-01' + i / 5 * interval '5 minutes', i, '2026-01-01'
FROM generate_series(1037, 1041) i;
UPDATE event SET at = NULL WHERE id = 1034;
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT key, message, error_code FROM ad_job_errors WHERE key::int > 1016 ORDER BY key, message;
SELECT string_agg(key, ' ' ORDER BY key) AS keys FROM ad_alert WHERE key::int > 1017;
SELECT late_rows FROM ad_jobs WHERE name = 'j';

-- once the cause is mended they are tried again, from where one says; nothing alerts twice
SELECT ad_alter_job('j', '{"source": "event"}');
SELECT ad_rescan('j', '2026-01-01 17:05+00');
CALL ad_run_job('j');
SELECT * FROM last_run;
SELECT key, message FROM ad_job_errors WHERE key::int > 1010 ORDER BY key, message;
SELECT key FROM ad_alert WHERE key IN ('1021', '1031') ORDER BY key;
SELECT count(*) = count(DISTINCT (key, watermark)) AS once FROM ad_alerts;
-- or noted again
SELECT ad_alter_job('j', '{"source": "SELECT id, who, a / (1050 - id) AS a, b, at FROM event"}');
INSERT INTO event VALUES (1050, 'V', 1000, 1, '2026-01-01 18:00+00', 1, '2026-01-01');
CALL ad_run_job('j');
SELECT ad_rescan('j', '2026-01-01 17:40+00'), ad_rescan('j', '2026-01-01 17:40+00');
CALL ad_run_job('j');
SELECT key, message FROM ad_job_errors WHERE key = '1050';
SELECT late_rows FROM ad_jobs WHERE name = 'j';

DROP VIEW last_run, volatile;
SELECT ad_drop_job('j');
DROP FUNCTION full_disk, own_class;
DROP TABLE event;
SELECT ad_drop_model(n) FROM unnest('{sure,plain,array}'::text[]) n;
