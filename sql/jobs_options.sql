-- A job is made and changed through the same checks and defaults; its functions answer with a name or a count, and
-- an error has no context of statements that are not the user's.
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
CREATE TABLE item (id int PRIMARY KEY, who text, a float8, b float8, at timestamptz NOT NULL);
INSERT INTO item SELECT i, 'w' || i % 5, i * 37 % 101, i * 53 % 97, timestamptz '2026-01-01' + i * interval '1 minute' FROM generate_series(1, 500) i;
SELECT ad_train('items', 'SELECT a, b FROM item', ad_zscore() || ad_calibrate(0.3));
CREATE FUNCTION try(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	context text;
	message text;
	answer text;
BEGIN
	EXECUTE sql INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
	-- our own two lines alone
	RETURN message || CASE WHEN context ~ '^SQL statement "SELECT ad_[^\n]*"\nPL/pgSQL function try\(text\) line 7 at EXECUTE$' THEN '' ELSE ' CONTEXT: ' || context END;
END $$;

-- layering: a part of its options is a part, whatever the others are; null says the default
CREATE TABLE flow AS SELECT i::bigint AS id, 'A'::text AS account_id, 'X'::text AS product_id,
	CASE WHEN i <= 4 THEN 'NEW' WHEN i <= 8 THEN 'CANCEL' ELSE 'FILL' END AS event_type, CASE WHEN i = 9 THEN 'SELL' ELSE 'BUY' END AS side,
	(100 - i % 4)::numeric AS price, 1000::bigint AS quantity, timestamptz '2026-03-02 09:31Z' + i * interval '1 s' AS ts FROM generate_series(1, 9) i;
SELECT ad_create_layering_job('l' || i, 'flow') FROM generate_series(1, 4) i;
SELECT ad_alter_job('l2', '{"options": {"trade_rule": "either"}}'), ad_alter_job('l3', '{"options": {"orders_window": null, "on_bad": "skip"}}'),
	ad_alter_job('l4', '{"options": null}');
SELECT ad_alter_job('l2', '{"options": {"min_orders": 2}}');
SELECT name, options - 'max_partition_rows' - 'causal' - 'forget_after' AS options FROM ad_jobs WHERE kind = 'layering' ORDER BY name;
CALL ad_run_job('l1');
CALL ad_run_job('l2');
CALL ad_run_job('l3');
CALL ad_run_job('l4');
SELECT job, rows, alerts, status FROM ad_job_runs ORDER BY job;
SELECT change, try(format('SELECT ad_alter_job(''l1'', %L)', change)) FROM unnest(ARRAY['{"options": {"orders_window": "1000000 years"}}',
	'{"options": {"window": 1}}', '{"options": []}', '{"options": {"rule": "none"}}', '{"lag": null}', '{"limit_per_hour": 0}', '{"rule": {"fdr": 0.1}}',
	'{"batch_size": 5}', '{"partition_by": ["x"]}', '{"model": "items"}', '{"rule": null}']) change;
SELECT options = (SELECT options FROM ad_jobs WHERE name = 'l4') AS same FROM ad_jobs WHERE name = 'l1';

-- of a model: what was not said is as it was made, null is the default, and a number may be a text
SELECT ad_create_job('j', 'items', 'item', 'id', 'at', '{"score": 1}', entity => 'who', cooldown => '90 minutes', limit_per_hour => 7, batch_size => 50, lag => '1 hour',
	on_error => 'error', seen_limit => 5000, late_check => '1 week');
CREATE VIEW shown AS SELECT rule, entity, batch_size, lag, cooldown, limit_per_hour AS "limit", explain, features, on_error, seen_limit, late_check FROM ad_jobs WHERE name = 'j';
SELECT * FROM shown;
SELECT ad_alter_job('j', '{"batch_size": "60", "explain": 1}');
SELECT * FROM shown;
SELECT ad_alter_job('j', '{"lag": null, "cooldown": null, "limit_per_hour": null, "on_error": null, "seen_limit": null, "late_check": null, "entity": null, "features": ["b", "a"]}');
SELECT * FROM shown;
SELECT ad_alter_job('j', '{}');
-- what one way refuses, the other does
SELECT asked, try(format('SELECT ad_alter_job(''j'', %L)', asked)) AS changed,
	try((SELECT format('SELECT ad_create_job(''k'', ''items'', ''item'', ''id'', ''at'', rule => ''{"score": 1}'', %s)', string_agg(format('%I => %L', k, CASE k WHEN 'features' THEN '{a,x}' ELSE v END), ', '))
		 FROM jsonb_each_text(asked::jsonb) o(k, v))) AS made
FROM unnest(ARRAY['{"batch_size": 0}', '{"batch_size": null}', '{"explain": null}', '{"limit_per_hour": 0}', '{"lag": "-1 day"}', '{"lag": "soon"}', '{"cooldown": "1 hour"}', '{"entity": "x"}',
	'{"features": ["a", "x"]}', '{"on_error": "stop"}', '{"seen_limit": 5}', '{"late_check": "0"}', '{"late_check": "-1 day"}']) asked;
SELECT change, try(format('SELECT ad_alter_job(''j'', %L)', change)) FROM unnest(ARRAY['{"key": "who"}', '{"watermark": "id"}', '{"since": "now"}', '{"name": "k"}', '{"search_path": "x"}', '{"owner": null}',
	'{"owner": 3}', '{"source": null}', '{"source": "SELECT 1 AS x"}', '{"source": "nothing"}', '{"model": null}', '{"model": "none"}', '{"rule": {}}', '[]', 'null', '{"features": ["a", null]}',
	'{"features": "a"}', '{"batch_size": 1e30}', '{"lag": {}}']) change;
-- it is as it was
SELECT * FROM shown;

-- another name, with all that it has
SELECT ad_grant_job('j', 'public'), ad_grant_job('j', 'public'), ad_revoke_job('j', 'public', 'label');
CALL ad_run_job('j');
SELECT ad_rename_job('j', 'l1');
SELECT ad_rename_job('j', '');
SELECT ad_rename_job('none', 'x');
SELECT ad_rename_job('j', 'new name');
SELECT ad_label('new name', key, true, 'seen') AS labelled FROM ad_alerts WHERE job = 'new name' ORDER BY key::int LIMIT 1;
SELECT (SELECT count(*) > 0 FROM ad_alerts WHERE job = 'new name') AS alerts, (SELECT count(*) FROM ad_job_runs WHERE job = 'new name') AS runs, (SELECT count(*) FROM ad_labels WHERE job = 'new name') AS labels;
SELECT * FROM ad_job_grants;
SELECT ad_revoke_job('new name', 'public');

-- the context of an error is the caller's
\set SHOW_CONTEXT always
SELECT ad_create_job('x', 'items', 'SELECT * FROM nothing', 'id', 'at');
SELECT ad_create_layering_job('x', 'SELECT id, ts, account_id FROM flow');
SELECT ad_create_job('x', 'items', 'item', 'id', 'at', lag => 'soon');
SELECT ad_alter_job('none', '{}');
SELECT ad_drop_job('none');
SELECT ad_purge_job('none', now());
SELECT ad_purge_subject('none', key => '1');
SELECT ad_label('new name', 'none', true);
SELECT ad_label('none', 1, true);
SELECT ad_schedule_job('none', '* * * * *');
SELECT ad_grant_job('new name', 'no such role');
\set SHOW_CONTEXT errors
-- a plain function of the user's is named
DO $$ BEGIN PERFORM ad_drop_job('none'); END $$;

-- each column that is shown says what it is
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relkind = 'v' AND c.relname LIKE 'ad\_%job%' AND col_description(c.oid, a.attnum) IS NULL ORDER BY 1, 2;

-- a model is not dropped from under a job; jobs follow it to another name
SELECT ad_create_job('second', 'items', 'item', 'id', 'at', '{"score": 9}');
SELECT ad_drop_model('items');
SELECT ad_rename_model('items', 'things');
SELECT name, model FROM ad_jobs WHERE kind = 'model' ORDER BY name;
SELECT ad_drop_job('second');
-- of jobs that the current user may not see he learns that there are some; they are not his to drop
CREATE ROLE options_owner;
CREATE ROLE options_user;
GRANT SELECT ON item TO options_owner;
GRANT SELECT (id, a, at) ON item TO options_user;
SET ROLE options_owner;
SELECT ad_train('shared', 'SELECT a FROM item', 'zscore');
SELECT ad_grant_model('shared', 'options_user', 'score');
SET ROLE options_user;
-- what he may not read is said when the job is made
SELECT ad_create_job('theirs', 'shared', 'item', 'id', 'at', '{"score": 9}');
SELECT ad_create_job('theirs', 'shared', 'SELECT id, a, at FROM item', 'id', 'at', '{"score": 9}');
SET ROLE options_owner;
SELECT ad_drop_model('shared');
SELECT ad_create_job('mine', 'shared', 'item', 'id', 'at', '{"score": 9}');
SELECT ad_drop_model('shared');
SELECT ad_drop_model('shared', cascade => true);
SELECT name FROM ad_jobs;
SET ROLE options_user;
SELECT _anomaly._ad_model_jobs('shared', false);
SELECT name, model FROM ad_jobs;
RESET ROLE;
SELECT ad_drop_model('things', cascade => true);
SELECT name FROM ad_jobs ORDER BY name;
SELECT count(ad_drop_job(name)) FROM ad_jobs;
DROP OWNED BY options_owner, options_user;
DROP ROLE options_owner, options_user;
DROP VIEW shown;
DROP FUNCTION try(text);
DROP TABLE item, flow;
