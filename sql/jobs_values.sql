-- Whatever values rows bring, a job goes on: one row that nobody expected must
-- not keep the others from being scored.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TABLE val (k text, e text, x float8, ts timestamptz, t timestamp, d date, n bigint);
CREATE FUNCTION long(seed text) RETURNS text LANGUAGE sql AS $$ SELECT $1 || string_agg(md5($1 || g), '') FROM generate_series(1, 300) g $$;
SELECT ad_train('val', 'SELECT i::float8 AS x FROM generate_series(1, 100) i', 'zscore');
SELECT ad_create_job('val ' || w, 'val', 'val', 'k', w, '{"score": 0}', entity => 'e', cooldown => '1 hour', limit_per_hour => 1000,
	lag => CASE w WHEN 'n' THEN '1000' ELSE '1 day' END)
FROM unnest('{ts,t,d,n}'::text[]) w;
INSERT INTO val SELECT 'first', 'first', 1, '2020-01-01', '2020-01-01', '2020-01-01', 0;
-- at either end of what there is
INSERT INTO val
SELECT w, w, 1, least(w, '294276-12-31 23:59:59+00')::timestamptz, w::timestamp, w::date, 1
FROM unnest('{infinity,-infinity,294276-12-31 23:59:59,4714-11-24 BC,4713-06-01 BC}'::text[]) w;
UPDATE val SET ts = k::timestamptz WHERE k <> 'first';
INSERT INTO val VALUES ('last day', 'last day', 1, '2020-01-01', '2020-01-01', '5874897-12-31', 2),
	('least', 'least', 1, '2020-01-01', '2020-01-01', '2020-01-01', -9223372036854775808);
-- longer than an index takes
INSERT INTO val VALUES (long('key'), long('entity'), 1, '2020-01-01', '2020-01-01', '2020-01-01', 3),
	(long('kez'), long('entity'), 1, '2020-03-01', '2020-03-01', '2020-03-01', 4);
CALL ad_run_job('val ts');
CALL ad_run_job('val t');
CALL ad_run_job('val d');
CALL ad_run_job('val n');
-- and again, from where that led to
INSERT INTO val VALUES ('after', 'after', 1, '2020-03-02', '2020-03-02', '2020-03-02', 5);
CALL ad_run_job('val ts');
CALL ad_run_job('val t');
CALL ad_run_job('val d');
CALL ad_run_job('val n');
SELECT job, status, rows, alerts, suppressed, error FROM ad_job_run ORDER BY job, run;
SELECT job, left(key, 10) AS key, length(key) AS long, left(entity, 10) AS entity, length(entity) AS entity_long, event_at
FROM ad_alert WHERE job <> 'val n' ORDER BY job, key COLLATE "C";
SELECT left(key, 10) AS key, length(key) AS long FROM ad_alert WHERE job = 'val n' ORDER BY key COLLATE "C";
-- from the very first row on, and the greatest last
SELECT ad_rescan('val n', '-9223372036854775808');
UPDATE _anomaly._ad_job_state SET m = NULL;
DELETE FROM val WHERE k <> 'least';
UPDATE val SET k = 'least again';
CALL ad_run_job('val n');
SELECT w, m FROM _anomaly._ad_own_state s JOIN _anomaly._ad_own_job j ON j.id = s.job_id WHERE j.name = 'val n';
CALL ad_run_job('val n');
UPDATE val SET k = 'greatest', n = 9223372036854775807;
CALL ad_run_job('val n');
SELECT w, m FROM _anomaly._ad_own_state s JOIN _anomaly._ad_own_job j ON j.id = s.job_id WHERE j.name = 'val n';
-- what is kept of a long one serves as a key
SELECT count(ad_label(job, key, true)) FROM ad_alert WHERE length(key) > 200 AND job = 'val t';
-- since is what it was, whatever the style of dates
SET datestyle = 'SQL, DMY';
SELECT ad_create_job('val since', 'val', 'val', 'k', 'ts', '{"score": 0}', since => 'now');
SET datestyle = 'ISO, MDY';
SELECT abs(extract(epoch FROM now() - since::timestamptz)) < 60 AS now FROM _anomaly._ad_own_job WHERE name = 'val since';
-- a day said by a word is that of when it was said
SELECT ad_create_job('val day', 'val', 'val', 'k', 'ts', '{"score": 0}', since => 'Yesterday 12:00');
SELECT since LIKE '____-__-__T12:00:00%' AS day FROM _anomaly._ad_own_job WHERE name = 'val day';
SELECT ad_drop_job(name) FROM ad_jobs WHERE name LIKE 'val %' ORDER BY name;
SELECT ad_drop_model('val');
DROP TABLE val;
DROP FUNCTION long;

-- The text of a key, an entity and a row is that of the job, whatever the
-- session that runs it writes: a row is scored once
CREATE TABLE val (d date, i interval, x float8, ts timestamptz NOT NULL, z timestamptz);
INSERT INTO val SELECT date '2026-03-12' + g, -g * interval '1 day' - g * interval '1 hour', g, timestamptz '2026-01-01' + g * interval '1 minute',
	timestamptz '2026-06-01' + g * interval '1 hour' FROM generate_series(1, 4) g;
SELECT ad_train('val', 'SELECT i, x FROM val', 'zscore');
SELECT ad_create_job('val d', 'val', 'val', 'd', 'ts', '{"score": 0}', entity => 'i', lag => '1 year');
SELECT ad_create_job('val z', 'val', 'val', 'z', 'ts', '{"score": 100}', entity => 'i', lag => '1 year');
CALL ad_run_job('val d');
SET datestyle = 'German';
SET intervalstyle = 'sql_standard';
SET extra_float_digits = -10;
SET timezone = 'Asia/Tokyo';
CALL ad_run_job('val d');
CALL ad_run_job('val z');
SELECT ad_label('val d', '2026-03-13', true), ad_label('val z', '2026-06-01 01:00:00+00', true);
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
SET timezone = 'UTC';
SELECT job, status, rows, alerts FROM ad_job_run ORDER BY job, run;
SELECT key, entity, "row" FROM ad_alert ORDER BY key;
SELECT job, "row" FROM ad_labels ORDER BY job;
SELECT ad_purge_subject('val z', entity => '-1 days -01:00:00'), ad_drop_job('val d'), ad_drop_job('val z'), ad_drop_model('val');
DROP TABLE val;

-- a table has any name that needs no quotes, whatever the locale
CREATE TABLE valéü (id int, x float8, ts timestamptz NOT NULL);
SELECT ad_train('val', 'SELECT i::float8 AS x FROM generate_series(1, 100) i', 'zscore');
SELECT ad_create_job('val e', 'val', 'valéü', 'id', 'ts', '{"score": 1}');
SELECT ad_create_job('val é', 'val', 'public.valéü', 'id', 'ts', '{"score": 1}');
SELECT ad_create_job('val x', 'val', 'valé', 'id', 'ts', '{"score": 1}');
SELECT ad_drop_job('val e'), ad_drop_job('val é'), ad_drop_model('val');
DROP TABLE valéü;

-- columns have any name and any type: of the labelled rows none is lost
CREATE DOMAIN val_positive AS float8 CHECK (value > 0);
CREATE DOMAIN val_known AS text;
CREATE FUNCTION val_long(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 || repeat('x', 10000) $$;
CREATE TABLE val (_q text, f float8, l float8, s0 float8, "row" float8, "%s $1 ""'
" float8, c char(6), p val_positive, t val_known, _w timestamptz NOT NULL);
INSERT INTO val SELECT CASE WHEN g % 10 = 0 THEN val_long('k' || g) ELSE 'k' || g END, g % 7, g % 8, g % 9, g % 10, g % 11, 'c' || g % 3, g,
	't' || g % 5, timestamptz '2026-01-01' + g * interval '1 minute'
FROM generate_series(1, 60) g;
SELECT ad_train('val', 'SELECT f, l, s0, "row", "%s $1 ""''
", c, p, t FROM val', 'iforest');
SELECT ad_create_job('val %s $1', 'val', 'val', '_q', '_w', '{"score": 2}', entity => 'c');
CALL ad_run_job('val %s $1');
SELECT count(ad_label('val %s $1', _q, p > 50, E'%s $1 %1$s\n''"')) FROM val;
SELECT count(*), max(length(key)) AS longest, count(DISTINCT note) AS notes FROM ad_labels;
CREATE FUNCTION val_decision(d jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s labels, activated: %s', d -> 'labels', d -> 'activated') $$;
SELECT val_decision(ad_retrain('val', max_drift => 1));
-- what a domain allows has changed: its checks are not asked, and none is lost
ALTER DOMAIN val_positive DROP CONSTRAINT val_positive_check;
ALTER DOMAIN val_positive ADD CHECK (value > 40) NOT VALID;
SELECT val_decision(ad_retrain('val', max_drift => 1));
CREATE FUNCTION val_check(text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF $1 = 't1' THEN
		RAISE EXCEPTION 'no such %', $1;
	END IF;
	RETURN true;
END $$;
ALTER DOMAIN val_known ADD CHECK (val_check(value)) NOT VALID;
SELECT val_decision(ad_retrain('val', max_drift => 1));
ALTER DOMAIN val_known SET NOT NULL;
UPDATE _anomaly._ad_label SET "row" = "row" - 't' WHERE "row" ->> 't' = 't2';
SELECT val_decision(ad_retrain('val', max_drift => 1));
-- a long key is the same key for a label; an entity of a type that JSON writes
-- in another way is found, and no other
SELECT ad_label('val %s $1', val_long('k10'), NULL);
SELECT ad_label('val %s $1', val_long('k11'), true);
SELECT ad_purge_subject('val %s $1', key => val_long('k20'));
SELECT ad_purge_subject('val %s $1', entity => 'c1');
SELECT "row" ->> 'c' AS c, count(*) FROM ad_labels GROUP BY 1 ORDER BY 1;
-- also when its source is gone
ALTER TABLE val RENAME TO val_2;
SELECT ad_purge_subject('val %s $1', entity => 'c2    ');
SELECT "row" ->> 'c' AS c, count(*) FROM ad_labels GROUP BY 1 ORDER BY 1;
-- an owner may be gone
ALTER TABLE val_2 RENAME TO val;
CREATE ROLE val_owner;
GRANT SELECT ON val TO val_owner;
SELECT ad_grant_model('val', 'val_owner', 'score');
SELECT ad_alter_job('val %s $1', '{"owner": "val_owner"}');
DROP OWNED BY val_owner;
DROP ROLE val_owner;
CALL ad_run_job('val %s $1');
UPDATE _anomaly._ad_model_version SET trained_by = '';
-- its detail names the superuser
\set VERBOSITY terse
SELECT ad_retrain('val');
\set VERBOSITY default
SELECT ad_drop_job('val %s $1'), ad_drop_model('val');
DROP TABLE val;
DROP DOMAIN val_positive, val_known;
DROP FUNCTION val_long, val_check, val_decision;
