-- ad_layering_sequences: the rules over a query.
SET timezone = 'UTC';

CREATE TABLE flow AS
SELECT a * 1000 + p * 100 + i AS id, 'A' || a AS account_id, p AS product_id,
	CASE WHEN i <= 3 THEN 'NEW' WHEN i <= 6 THEN 'CANCEL' ELSE 'FILL' END AS event_type,
	CASE WHEN (i <= 6) = (p = 1) THEN 'BUY' ELSE 'SELL' END AS side,
	100.5 + i % 3 AS price, 10 * a AS quantity,
	timestamptz '2025-10-26 08:00Z' + i * interval '100 ms' AS ts,
	CASE WHEN i <= 6 THEN 'o' || i % 3 END AS order_id, 'venue ' || p AS "Venue"
FROM generate_series(1, 7) i, generate_series(1, 3) a, generate_series(1, 2) p
ORDER BY md5(i::text || a || p);

SELECT account, product, partition_key, first_id, trade_id, sequence_no, side,
	start_time::time, duration, orders, counted_cancel_qty, total_buy_qty,
	total_sell_qty, rule, first_row, trade_row
FROM ad_layering_sequences('SELECT * FROM flow;');

-- any partition columns; anchored; a trailing comment
SELECT account, product, partition_key, first_id, trade_id, orders, rule
FROM ad_layering_sequences('SELECT *, NULL::int AS nothing FROM flow -- all of it', ad_layering_options(rule => 'anchored'), partition_by => ARRAY['Venue', 'nothing', 'account_id']);

-- no id column: ids are null; order_by names another one
SELECT DISTINCT first_id, trade_id FROM ad_layering_sequences(
	'SELECT account_id, product_id, event_type, side, price, quantity, ts FROM flow');
SELECT first_id, trade_id FROM ad_layering_sequences(
	'SELECT ''x'' || id AS "Row", account_id AS account, product_id AS product, event_type,
	side, price::float8, quantity, ts FROM flow', order_by => 'Row') ORDER BY 1;

-- ids that are null
SELECT count(*), count(first_id), count(trade_id) FROM ad_layering_sequences(
	'SELECT account_id, product_id, event_type, side, price, quantity, ts, nullif(id % 100, 1) AS id FROM flow');

-- an ordered query as it is
SELECT count(*) FROM ad_layering_sequences(
	'SELECT * FROM flow ORDER BY account_id, product_id, ts, id', presorted => true);
SELECT count(*) FROM ad_layering_sequences(
	'SELECT * FROM flow ORDER BY account_id, product_id, ts DESC', presorted => true);

-- equal keys may be written differently: 1.0 and 1.00 are one partition
SELECT product, count(*) FROM ad_layering_sequences(
	'SELECT account_id, (CASE WHEN id % 2 = 0 THEN 1.0 ELSE 1.00 END)::numeric AS product_id,
	event_type, side, price, quantity, ts, id FROM flow WHERE product_id = 1')
GROUP BY 1 ORDER BY 1;

-- skipped rows are counted and reported
INSERT INTO flow VALUES (1999, 'A1', 1, 'AMEND', 'BUY', 1, 1, '2025-10-26 08:00Z', NULL, '');
SELECT account, product, skipped_rows FROM ad_layering_sequences('SELECT * FROM flow',
	ad_layering_options(on_bad => 'skip'));

-- refused
SELECT count(*) FROM ad_layering_sequences('SELECT * FROM flow');
SELECT count(*) FROM ad_layering_sequences(NULL);
SELECT count(*) FROM ad_layering_sequences('SELECT 1; SELECT 2');
SELECT count(*) FROM ad_layering_sequences('CREATE TABLE nowhere ()');
SELECT count(*) FROM ad_layering_sequences('DELETE FROM flow RETURNING *');
SELECT count(*) FROM ad_layering_sequences('WITH d AS (DELETE FROM flow RETURNING *) SELECT * FROM d');
SELECT count(*) FROM ad_layering_sequences('SELECT account_id, product_id FROM flow');
SELECT count(*) FROM ad_layering_sequences('SELECT event_type, side, price, quantity, ts FROM flow');
SELECT count(*) FROM ad_layering_sequences('SELECT * FROM flow', partition_by => ARRAY['account']);
SELECT count(*) FROM ad_layering_sequences('SELECT * FROM flow', partition_by => array_fill('id'::text, ARRAY[17]));
SELECT count(*) FROM ad_layering_sequences('SELECT * FROM flow', order_by => 'row');
SELECT count(*) FROM ad_layering_sequences('SELECT *, NULL::json AS j FROM flow', order_by => 'j');
SELECT count(*) FROM ad_layering_sequences('SELECT account_id, product_id, event_type, side, price, ts AS quantity, ts FROM flow');
SELECT count(*) FROM ad_layering_sequences('SELECT * FROM flow', ad_layering_options(max_partition_rows => 5));
SELECT count(*) FROM flow;

DROP TABLE flow;
