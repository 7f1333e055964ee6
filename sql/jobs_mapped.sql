-- Layering as a job over a log with names of its own.
\set SHOW_CONTEXT never
SET timezone = 'UTC';

CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d text;
	h text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLERRM, nullif(d, ''), nullif(h, ''));
END $$;

-- orders and cancels at one time, in the order of part and then leg; seq goes down
CREATE TABLE drop_copy AS
SELECT b * 100 - i AS seq, i / 2 AS part, i AS leg, b % 4 AS "Acct", 'P' AS symbol, CASE WHEN i <= 3 THEN '0' WHEN i <= 6 THEN '4' ELSE 'F' END AS exec_type,
	CASE WHEN i <= 6 THEN '1' ELSE '2' END AS "Side of it", 10.5 + i % 3 AS last_px, 10 * b AS last_qty,
	timestamptz '2026-01-10 08:00Z' + b * interval '10 minutes' + (i / 7) * interval '200 ms' AS "Transact Time", 'o' || i % 3 AS "select"
FROM generate_series(1, 7) i, generate_series(1, 40) b;
ALTER TABLE drop_copy ALTER "Transact Time" SET NOT NULL;
\set map '''{"event_type": "exec_type", "side": "Side of it", "price": "last_px", "quantity": "last_qty", "ts": "Transact Time", "order_id": "select", "account_id": "Acct", "product_id": "symbol", "id": "seq"}'''
\set words 'ad_layering_options(rule => ''strict'', words => ''{"order": "0", "cancel": "4", "trade": "F", "buy": "1", "sell": "2"}'')'

SELECT ad_create_layering_job('mapped', 'drop_copy', :words, order_by => ARRAY['part', 'leg'], columns => :map);
SELECT ad_create_layering_job('by part', 'SELECT * FROM drop_copy', :words, order_by => 'leg', columns => :map, partition_by => '{"Acct"}');
SELECT ad_create_layering_job('down', 'SELECT * FROM drop_copy', :words, columns => :map);
SELECT ad_create_layering_job('one', 'SELECT * FROM drop_copy', :words, order_by => ARRAY['leg'], columns => :map, partition_by => '{}');
SELECT name, watermark_column, partition_by, order_by, columns ->> 'ts' AS ts, per_burst FROM ad_jobs ORDER BY name;
CALL ad_run_job('mapped', until => '2026-01-10 10:00:18+00');
CALL ad_run_job('mapped');
CALL ad_run_job('by part');
CALL ad_run_job('down');
CALL ad_run_job('one');
SELECT job, count(*), count(DISTINCT entity) AS entities, min(key) AS key, min("row" ->> 'partition_key') AS partition FROM ad_alerts GROUP BY job ORDER BY job;
SELECT count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE s.first_id IS NULL) AS more, count(*) FILTER (WHERE a.severity <> s.severity) AS other
FROM ad_layering_sequences('SELECT * FROM drop_copy', :words, order_by => ARRAY['part', 'leg'], columns => :map) s
	FULL JOIN (SELECT key, entity, event_at, score AS severity FROM ad_alerts WHERE job = 'mapped') a ON a.entity = s.account AND a.event_at = s.start_time;

-- columns, order and partition of a job stay; the options do not
SELECT try($$SELECT ad_alter_job('mapped', '{"columns": null}')$$);
SELECT try($$SELECT ad_alter_job('mapped', '{"order_by": "seq"}')$$);
SELECT ad_alter_job('mapped', '{"options": {"min_orders": 2}}');
SELECT name, options ->> 'min_orders' AS min_orders, watermark_column, columns ->> 'ts' AS ts, order_by FROM ad_jobs WHERE name = 'mapped';

-- a row that cannot be used stands among the errors under its id and time
INSERT INTO drop_copy VALUES (-1, 1, 99, 0, 'P', '?', '1', 1, 1, '2026-02-01 00:00Z', NULL), (-2, 1, 98, 0, 'P', '0', '1', 1, NULL, '2026-02-01 00:01Z', NULL);
CALL ad_run_job('down');
SELECT key, watermark, message FROM ad_job_errors ORDER BY watermark;

-- refused when the job is made, each by its name
SELECT left(c, 60) AS columns, try(format('SELECT ad_create_layering_job(''x'', ''SELECT *, seq::text AS px, seq AS n FROM drop_copy'', columns => %s)', c))
FROM unnest(ARRAY['''{}''', 'NULL', '''[1]''', quote_literal(:map::jsonb || '{"sides": "x"}'), quote_literal(:map::jsonb || '{"side": "sides"}'), quote_literal(:map::jsonb || '{"ts": "when"}'),
	quote_literal(:map::jsonb || '{"ts": "n"}'), quote_literal(:map::jsonb || '{"price": "px"}'), quote_literal(:map::jsonb || '{"id": "nr"}'),
	quote_literal(:map::jsonb || '{"account_id": "a\"; DROP TABLE drop_copy; --"}')]) c;
SELECT o, try(format('SELECT ad_create_layering_job(''x'', ''drop_copy'', order_by => %s, columns => %L)', o, :map))
FROM unnest(ARRAY['5', 'ARRAY[NULL]::text[]', '''sequence''', 'ARRAY[''leg'', ''sq'']', 'ARRAY[''leg'', ''seq'']::name[]']) o;
SELECT try(format('SELECT ad_create_layering_job(''y'', ''drop_copy'', partition_by => %L, columns => %L)', p, :map))
FROM unnest(ARRAY['{acct}', '{NULL}', '{Acct,Acct}', '{account_id}']) p;
SELECT name, ad_drop_job(name) > 0 AS dropped FROM ad_jobs ORDER BY name;

DROP TABLE drop_copy;
DROP FUNCTION try(text);
