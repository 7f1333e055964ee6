-- What a job keeps of a person goes by key or by entity.
\set SHOW_CONTEXT never
SET timezone = 'UTC';

CREATE ROLE purge_owner;
CREATE ROLE purge_clerk;
CREATE TABLE visit (id int PRIMARY KEY, patient text, a float8, note text, at timestamptz NOT NULL);
INSERT INTO visit SELECT i, 'P' || i % 50, CASE WHEN i % 50 IN (7, 8) THEN 1000 + i ELSE i * 37 % 101 END, 'note ' || i, timestamptz '2026-01-01' + i * interval '1 minute'
FROM generate_series(1, 200) i;
GRANT SELECT, DELETE ON visit TO purge_owner;
SET ROLE purge_owner;
SELECT ad_train('visits', 'SELECT a FROM visit WHERE a < 1000', 'zscore');
SELECT ad_create_job('v', 'visits', 'SELECT id, patient, a, note, at FROM visit', 'id', 'at', rule => '{"score": 10}', entity => 'patient', lag => '10 years');
CALL ad_run_job('v');
SELECT ad_grant_job('v', 'purge_clerk', 'label');
SELECT ad_label('v', 107, true, 'called');
SELECT ad_label('v', 10, false, 'P10 is well'), ad_label('v', 9, false);
UPDATE _anomaly._ad_own_run SET error = 'invalid input: "P7 has a cold"', error_code = '22P02';

-- what there is of somebody, wherever
CREATE FUNCTION pg_temp.found(what text) RETURNS TABLE (place text, n bigint) LANGUAGE sql AS $$
	SELECT 'alert', count(*) FROM _anomaly._ad_own_alert a WHERE to_jsonb(a)::text ~ ('"' || $1 || '\M')
	UNION ALL SELECT 'label', count(*) FROM ad_labels l WHERE to_jsonb(l)::text ~ ('"' || $1 || '\M')
	UNION ALL SELECT 'seen', count(*) FROM _anomaly._ad_own_seen s WHERE s.key = $1
	UNION ALL SELECT 'run', count(*) FROM ad_job_run r WHERE r.error ~ $1 $$;
SELECT * FROM pg_temp.found('P7');
DELETE FROM visit WHERE patient = 'P7';
SELECT ad_purge_subject('v', entity => 'P7');
SELECT * FROM pg_temp.found('P7');
SELECT error FROM ad_job_run;
SELECT count(*) FROM _anomaly._ad_own_seen WHERE key IN ('7', '57', '107', '157');

-- the rest stays; an entity without an alert; an alert that was purged before its label
SELECT count(*) FROM ad_alert;
SELECT * FROM pg_temp.found('P10');
SELECT ad_purge_subject('v', entity => 'P10');
SELECT * FROM pg_temp.found('P10');
SELECT ad_label('v', '58', true);
SELECT ad_purge_job('v', 'infinity');
SELECT * FROM pg_temp.found('P8');
SELECT ad_purge_subject('v', entity => 'P8');
SELECT * FROM pg_temp.found('P8');

-- by key
SELECT * FROM pg_temp.found('9');
SELECT ad_purge_subject('v', key => '9');
SELECT * FROM pg_temp.found('9');
SELECT ad_purge_subject('v', key => 'none');

-- what cannot be
SELECT ad_purge_subject('v');
SELECT ad_purge_subject('v', '1', '2');
SELECT ad_purge_subject('w', '1');
SELECT ad_purge_subject(NULL, '1');
SET ROLE purge_clerk;
SELECT ad_purge_subject('v', entity => 'P7');
SET ROLE purge_owner;
-- without an entity nobody is found by one, which is said
SELECT ad_alter_job('v', '{"entity": null}');
SELECT ad_purge_subject('v', entity => 'P7');
SELECT ad_drop_job('v'), ad_drop_model('visits');
DROP FUNCTION pg_temp.found(text);
RESET ROLE;
DROP TABLE visit;
DROP ROLE purge_owner, purge_clerk;
