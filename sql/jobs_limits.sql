-- What a job cannot have is refused when it is made or changed: lengths of time that lead out of the calendar, texts that are too long.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
CREATE TABLE event (id int PRIMARY KEY, at timestamptz NOT NULL, who text, a float8, b float8);
INSERT INTO event SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', 'w' || i % 3, i * 37 % 101, i * 53 % 97
FROM generate_series(1, 600) i;
SELECT ad_train('sure', 'SELECT a, b FROM event', ad_zscore() || ad_calibrate());
CREATE FUNCTION try(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code text;
	message text;
BEGIN
	EXECUTE sql;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN code || ': ' || message;
END $$;

-- times
SELECT format('SELECT ad_create_job(''j'', ''sure'', ''event'', ''id'', ''at'', %s)', what) AS sql, try(format('SELECT ad_create_job(''j'', ''sure'', ''event'', ''id'', ''at'', %s)', what))
FROM unnest(ARRAY['lag => ''1000000 years''', 'lag => ''100 years 1 day''', 'lag => ''178000000 years''', 'lag => ''1e30 years''',
	'entity => ''who'', cooldown => ''1000000 years''', 'entity => ''who'', cooldown => ''101 years''', 'entity => ''who'', cooldown => ''-1 day''',
	'since => ''1000000-01-01''', 'since => ''1000000 BC''', 'explain => 4097', 'limit_per_hour => 0', 'batch_size => 1000001']) what;
SELECT ad_create_job('j', 'sure', 'SELECT *, id AS n FROM event', 'id', 'n', lag => '1000000000000001');
SELECT ad_create_job('j', 'sure', 'SELECT *, id AS n FROM event', 'id', 'n', lag => '9223372036854775808');
SELECT ad_create_layering_job('j', 'SELECT 1 AS account_id, 1 AS product_id, ''NEW'' AS event_type, ''BUY'' AS side, 1 AS price, 1 AS quantity, now() AS ts',
	lag => '1000000 years');
SELECT ad_create_layering_job('j', 'SELECT 1 AS account_id, 1 AS product_id, ''NEW'' AS event_type, ''BUY'' AS side, 1 AS price, 1 AS quantity, now() AS ts',
	options => '{"orders_window": "1000000 years"}');
SELECT ad_create_layering_job('j', 'SELECT 1 AS account_id, 1 AS product_id, ''NEW'' AS event_type, ''BUY'' AS side, 1 AS price, 1 AS quantity, now() AS ts',
	options => '{"orders_window": 1e12}');
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', '{"score": 0}', entity => 'who', lag => '100 years', cooldown => '1 second');
SELECT change, try(format('SELECT ad_alter_job(''j'', %L)', change))
FROM unnest(ARRAY['{"lag": "1000000 years"}', '{"cooldown": "1000000 years"}', '{"explain": 100000}', '{"lag": "-1 day"}', '{"cooldown": "100 years"}']) change;

-- and what is accepted runs, at both ends of the calendar too
CALL ad_run_job('j');
SELECT alerts, suppressed FROM ad_job_run WHERE job = 'j';
SELECT ad_alter_job('j', '{"cooldown": "99 years"}');
INSERT INTO event VALUES (601, '4713-02-01 BC', 'w0', 1, 1), (602, '294276-12-01', 'w1', 1, 1), (603, 'infinity', 'w2', 1, 1);
CALL ad_run_job('j');
SELECT key, event_at FROM ad_alert WHERE job = 'j' AND key::int > 600 ORDER BY key;
SELECT ad_drop_job('j') > 0 AS dropped;

-- an hour has as many alerts as the limit says, whatever the batches
DELETE FROM event WHERE id > 600;
SELECT ad_create_job('j', 'sure', 'event', 'id', 'at', '{"score": 0}', limit_per_hour => 25, batch_size => 40);
CALL ad_run_job('j');
SELECT alerts, suppressed FROM ad_job_run WHERE job = 'j';
SELECT date_trunc('hour', event_at, 'UTC') AS hour, count(*), min(key::int), max(key::int) FROM ad_alert GROUP BY 1 ORDER BY 1;
INSERT INTO event SELECT 1000 + i, timestamptz '2026-01-01 09:59+00' + i * interval '1 second', 'w', 1, 1 FROM generate_series(1, 100) i;
CALL ad_run_job('j');
SELECT date_trunc('hour', event_at, 'UTC') AS hour, count(*), min(key::int), max(key::int) FROM ad_alert WHERE key::int > 540 GROUP BY 1 ORDER BY 1;

-- texts
SELECT what, try(format('SELECT ad_create_job(name => %s, model => %s, source => %s, key => %s, watermark => %s, lag => %s, since => %s, entity => %s, rule => %s, features => %s)',
	CASE what WHEN 'name' THEN long ELSE '''k''' END, CASE what WHEN 'model' THEN long ELSE '''sure''' END, CASE what WHEN 'source' THEN long ELSE '''event''' END,
	CASE what WHEN 'key' THEN long ELSE '''id''' END, CASE what WHEN 'watermark' THEN long ELSE '''at''' END, CASE what WHEN 'lag' THEN long ELSE '''1 day''' END,
	CASE what WHEN 'since' THEN long ELSE '''now''' END, CASE what WHEN 'entity' THEN long ELSE '''who''' END,
	CASE what WHEN 'rule' THEN 'jsonb_build_object(''score'', ' || long || ')' ELSE '''{"score": 1}''' END,
	CASE what WHEN 'features' THEN 'ARRAY[' || long || ']' ELSE '''{a,b}''' END))
FROM unnest(ARRAY['name', 'model', 'source', 'key', 'watermark', 'lag', 'since', 'entity', 'rule', 'features']) what,
	(VALUES ('repeat(''ü'', 200000)')) l(long);
SELECT call, try(call) FROM unnest(ARRAY[
	'SELECT ad_alter_job(''j'', jsonb_build_object(repeat(''ü'', 1000), 1))', 'SELECT ad_alter_job(''j'', jsonb_build_object(''source'', repeat(''ü'', 1000000)))',
	'SELECT ad_alter_job(''j'', jsonb_build_object(''batch_size'', repeat(''1'', 1000)))', 'SELECT ad_alter_job(''j'', jsonb_build_object(''source'', repeat(''x'', 1000)))',
	'SELECT ad_alter_job(''j'', jsonb_build_object(''rule'', jsonb_build_object(repeat(''x'', 100), 1)))',
	'SELECT ad_alter_job(repeat(''ü'', 1000), ''{}'')', 'SELECT ad_drop_job(repeat(''ü'', 1000))',
	'SELECT ad_grant_job(''j'', repeat(''ü'', 1000))', 'SELECT ad_grant_job(''j'', ''public'', repeat(''ü'', 1000))', 'SELECT ad_label(repeat(''ü'', 1000), 1, true)',
	'SELECT ad_label(''j'', repeat(''ü'', 1000000), true)', 'SELECT ad_label(''j'', repeat(''ü'', 1000), true)', 'SELECT ad_label(''j'', 1, true, repeat(''ü'', 1000000))',
	'SELECT ad_schedule_job(''j'', repeat(''ü'', 1000))', 'SELECT ad_recommend(10, 10, repeat(''ü'', 1000))',
	'SELECT ad_compare(''sure'', 1, 1, repeat(''ü'', 1000000))', 'SELECT ad_compare(''sure'', 1, 1, ''SELECT a, b FROM event'', label => repeat(''ü'', 1000))']) call;
CALL ad_run_job(repeat('ü', 1000));
SELECT ad_drop_job('j') AS alerts, ad_drop_model('sure') AS versions;
DROP FUNCTION try(text);
DROP TABLE event;
