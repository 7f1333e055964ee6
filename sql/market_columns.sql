-- Columns of another log: mapped names, any partition, several sort keys.
SET timezone = 'UTC';

-- a drop copy: orders and cancels at one time, in the order of part; seq goes down
CREATE TABLE drop_copy AS
SELECT 100 - i AS seq, 'x' || i AS part, a AS "Acct", 'P' AS symbol,
	CASE WHEN i <= 3 THEN 'NEW' WHEN i <= 6 THEN 'CANCEL' ELSE 'FILL' END AS exec_type,
	CASE WHEN i <= 6 THEN 'BUY' ELSE 'SELL' END AS "Side of it",
	(10.5 + i % 3)::text AS last_px, 10 * a AS last_qty,
	timestamptz '2025-10-26 08:00:09.9Z' + (i / 7) * interval '200 ms' AS transact_time, 'o' || i % 3 AS "select"
FROM generate_series(1, 7) i, generate_series(1, 2) a;
CREATE VIEW events AS SELECT seq, part, "Acct", symbol, exec_type, "Side of it", last_px::numeric, last_qty, transact_time, "select" FROM drop_copy;

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

\set map '''{"event_type": "exec_type", "side": "Side of it", "price": "last_px", "quantity": "last_qty", "ts": "transact_time", "order_id": "select", "account_id": "Acct", "product_id": "symbol", "id": "seq"}'''
SELECT account, product, partition_key, first_id, trade_id, orders, cancelled_qty, price_levels, matched_cancels
FROM ad_layering_sequences('SELECT * FROM events', ad_layering_options(rule => 'strict'), order_by => ARRAY['part', 'seq'], columns => :map);

-- the same by names of its own, whatever they are called here
SELECT account, product, partition_key, first_id, trade_id
FROM ad_layering_sequences('SELECT * FROM events', partition_by => ARRAY['Acct', 'product_id'], order_by => 'part', columns => :map);

-- the second key decides where the first is equal; by seq, cancels come before orders
SELECT k, (SELECT count(*) FROM ad_layering_sequences('SELECT *, 1 AS one FROM events', ad_layering_options(rule => 'strict'),
	order_by => string_to_array(k, ','), columns => :map)) AS found
FROM unnest(ARRAY['one,part', 'one,seq', 'part', 'seq', 'transact_time,part']) k;

-- no partition; one of any type
SELECT account, product, partition_key, first_id FROM ad_layering_sequences('SELECT * FROM events WHERE "Acct" = 1', partition_by => '{}', order_by => 'part', columns => :map);
SELECT t, try(format($q$SELECT * FROM ad_layering_sequences($s$SELECT *, (%s) AS k FROM events$s$, partition_by => '{Acct,k}', order_by => 'part', columns => %L)$q$, t, :map))
FROM unnest(ARRAY['''{"a": 1}''::json', '''(1,2)''::point', '''{}''::jsonb', 'events', 'ARRAY[1, NULL]', '''5''::xid', 'true', '''1 day''::interval', 'NULL::text', '''a''::"char"']) t;
SELECT account, product, count(*) FROM ad_layering_sequences('SELECT *, CASE WHEN "Acct" = 1 THEN ''{"b": 1}'' ELSE ''{"a": 2}'' END::json AS k FROM events',
	partition_by => '{k}', order_by => 'part', columns => :map) GROUP BY 1, 2 ORDER BY 1;

-- a call means what it meant: text, array, unknown, null
PREPARE of_driver AS SELECT count(*) FROM ad_layering_sequences($1, order_by => $2, columns => $3);
EXECUTE of_driver('SELECT * FROM events', 'part', :map);
SELECT count(*) FROM ad_layering_sequences('SELECT * FROM events', NULL, NULL, 'part'::name, NULL, :map);
SELECT count(*) FROM ad_layering_sequences('SELECT * FROM events', NULL, NULL, ARRAY['part', 'seq']::varchar[], false, :map);
SELECT count(*) FROM ad_layering_sequences('SELECT * FROM events ORDER BY "Acct", transact_time, part', NULL, NULL, NULL, true, :map);

-- a time of another type is read as what it is, and sorted as that
SELECT count(*) FROM ad_layering_sequences('SELECT *, to_char(transact_time, ''YYYY-MM-DD HH24:MI:FMSS.US'') AS told FROM events',
	order_by => 'part', columns => :map::jsonb || '{"ts": "told"}');

-- refused
\pset format unaligned
\pset tuples_only on
SELECT left(c, 60), try(format($q$SELECT * FROM ad_layering_sequences('SELECT * FROM events', order_by => 'part', columns => %s)$q$, c))
FROM unnest(ARRAY['''[]''', '''"ts"''', '''{"timestamp": "transact_time"}''', '''{"evnt_type": "exec_type"}''', '''{"zzzzzzzzzzzzzz": "exec_type"}''', '''{"transact_time": "ts"}''', '''{"ts": 5}''', '''{"ts": {"a": 1}}''',
	'''{"ts": "transact_tme"}''', '''{"ts": ""}''', '''{"ts": null}''', '''{}''', 'NULL',
	quote_literal(:map::jsonb - 'event_type'), quote_literal(:map::jsonb || '{"order_id": "order_no"}'), quote_literal(:map::jsonb || '{"account": "nobody"}'),
	quote_literal(:map::jsonb || '{"price": "symbol"}'), quote_literal(:map::jsonb || '{"ts": "last_qty"}'), quote_literal(:map::jsonb || '{"quantity": "transact_time"}'),
	quote_literal(:map::jsonb || jsonb_build_object('ts', 'transact_time" FROM events; DROP TABLE drop_copy; --'))]) c
UNION ALL SELECT 'long', try(format($q$SELECT * FROM ad_layering_sequences('SELECT * FROM events', columns => %L)$q$, :map::jsonb || jsonb_build_object('side', repeat('x', 100000))));
SELECT o, try(format($q$SELECT * FROM ad_layering_sequences('SELECT *, NULL::json AS j, NULL::point AS "a b" FROM events', order_by => %s, columns => %L)$q$, o, :map))
FROM unnest(ARRAY['5', 'ARRAY[1]', 'ARRAY[NULL, ''part'']', '''prt''', '''j''', 'ARRAY[''part'', ''a b'']', '''part; DROP TABLE drop_copy''', 'ARRAY[]::text[]', 'array_fill(''part''::text, ARRAY[17])', '''part desc''']) o;
SELECT try(format($q$SELECT * FROM ad_layering_sequences('SELECT * FROM drop_copy', order_by => 'part', columns => %L)$q$, :map));
SELECT try($q$SELECT * FROM ad_layering_sequences('SELECT *, transact_time AS ts, transact_time AS ts FROM events', columns => '{"account": "Acct", "product": "symbol", "event_type": "exec_type", "side": "Side of it", "price": "last_px", "quantity": "last_qty"}')$q$);
\pset format aligned
\pset tuples_only off
SELECT count(*) FROM drop_copy;

DROP TABLE drop_copy CASCADE;
DROP FUNCTION try(text);
