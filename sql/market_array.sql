-- ad_layering_array: a partition as an array of events, for parallel workers.
SET timezone = 'UTC';

CREATE TABLE flow AS
SELECT i AS id, 'A' || i % 7 AS account_id, i % 2 AS product_id,
	(ARRAY['NEW', 'CANCEL', 'NEW', 'CANCEL', 'NEW', 'FILL', 'NEW', 'CANCEL', 'FILL', 'REPLACE', 'EXPIRE'])[1 + (hashint8(i * 7) & 65535) % 11] AS event_type,
	CASE WHEN (hashint8(i / 140 * 3) & 65535) % 2 = (hashint8(i * 11) & 65535) % 9 / 7 THEN 'BUY' ELSE 'SELL' END AS side,
	10 + (hashint8(i * 13) & 65535) % 5 * 0.01 AS price, 100 * (1 + (hashint8(i * 17) & 65535) % 3) AS quantity,
	timestamptz '2025-10-27 08:00Z' + i / 4 * interval '100 ms' AS ts,
	CASE WHEN i % 3 > 0 THEN 'o' || (hashint8(i * 19) & 65535) % 40 END AS order_id
FROM generate_series(1, 4200) i;

-- the same sequences as those of the window function, by every rule
CREATE TABLE asked AS
SELECT * FROM (VALUES ('window', ad_layering_options()), ('either', ad_layering_options(trade_rule => 'either', min_orders => 2, min_cancels => 2)),
	('strict', ad_layering_options(rule => 'strict', min_orders => 2)), ('anchored', ad_layering_options(rule => 'anchored', min_orders => 2)),
	('causal', ad_layering_options(rule => 'anchored', causal => true, min_orders => 1)), ('none', NULL),
	('amended', ad_layering_options(trade_rule => 'either', replace_counts => false, dedup => true, min_orders => 2, min_imbalance => 0.2))) v(name, options);
CREATE TABLE by_window AS
SELECT name, account_id, product_id, s FROM (
	SELECT name, account_id, product_id, ad_layering(ad_order_event(event_type, side, price, quantity, ts, order_id), options) OVER w AS s
	FROM flow, asked WINDOW w AS (PARTITION BY name, account_id, product_id ORDER BY ts, id)) x WHERE s IS NOT NULL;
CREATE TABLE by_array AS
SELECT name, account_id, product_id, unnest(ad_layering_array(array_agg(ad_order_event(event_type, side, price, quantity, ts, order_id) ORDER BY ts, id), options)) AS s
FROM flow, asked GROUP BY name, account_id, product_id, options;
SELECT name, count(*) > 0 AS some, count(*) FILTER (WHERE w.s::text = a.s::text) = count(*) AS same
FROM by_window w FULL JOIN by_array a USING (name, account_id, product_id)
WHERE (w.s).sequence_no = (a.s).sequence_no OR w.s IS NULL OR a.s IS NULL GROUP BY 1 ORDER BY 1;
SELECT (SELECT count(*) FROM by_window) = (SELECT count(*) FROM by_array) AS as_many;

-- parallel workers call it by themselves; the rows are those of one process
CREATE TABLE packed AS
SELECT account_id, product_id, array_agg(ad_order_event(event_type, side, price, quantity, ts, order_id) ORDER BY ts, id) AS events
FROM flow GROUP BY 1, 2;
ALTER TABLE packed SET (parallel_workers = 2);
ANALYZE packed;
CREATE FUNCTION plan_line(query text, line text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan text;
BEGIN
	FOR plan IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF plan ~ line THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SET parallel_setup_cost = 0;
SELECT plan_line('SELECT account_id, unnest(ad_layering_array(events)) FROM packed', 'Parallel Seq Scan') AS parallel;
CREATE TABLE in_workers AS
SELECT account_id, product_id, unnest(ad_layering_array(events)) AS s FROM packed;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE p.s::text = a.s::text) = count(*) AS same
FROM in_workers p FULL JOIN (SELECT * FROM by_array WHERE name = 'none') a USING (account_id, product_id)
WHERE (p.s).sequence_no = (a.s).sequence_no OR p.s IS NULL OR a.s IS NULL;
-- so where the server groups in workers
CREATE TABLE split (LIKE flow) PARTITION BY HASH (account_id);
CREATE TABLE split_0 PARTITION OF split FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE split_1 PARTITION OF split FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO split SELECT * FROM flow;
ANALYZE split;
SET enable_partitionwise_aggregate = on;
SELECT plan_line('SELECT account_id, product_id, ad_layering_array(array_agg(ad_order_event(event_type, side, price, quantity, ts, order_id) ORDER BY ts, id)) FROM split GROUP BY 1, 2',
	'Parallel Append') AS parallel;
RESET parallel_setup_cost;
RESET enable_partitionwise_aggregate;

-- nothing, nulls, rows that are no events
SELECT ad_layering_array(NULL), ad_layering_array('{}'), ad_layering_array(NULL, '{}');
SELECT ad_layering_array(ARRAY['NEW,B,1,1,2025-10-27 08:00Z'::ad_order_event]);
SELECT ad_layering_array(ARRAY['NEW,B,1,1,2025-10-27 08:00Z'::ad_order_event, NULL]);
SELECT (s).skipped_rows, (s).first_row, (s).trade_row
FROM unnest(ad_layering_array(ARRAY[NULL, 'NEW,B,1,1,2025-10-27 08:00Z', 'CANCEL,B,1,1,2025-10-27 08:00:01Z', NULL, 'FILL,S,1,1,2025-10-27 08:00:02Z']::ad_order_event[],
	ad_layering_options(rule => 'strict', min_orders => 1, on_bad => 'skip'))) s;
SELECT ad_layering_array(ARRAY['NEW,B,1,1,2025-10-27 08:00Z', 'NEW,B,1,1,2025-10-27 07:00Z']::ad_order_event[]);
SELECT ad_layering_array(ARRAY['NEW,B,1,1,2025-10-27 08:00Z', 'NEW,B,1,1,2025-10-27 08:00Z']::ad_order_event[], '{"max_partition_rows": 1}');
SELECT ad_layering_array('{}', '{"rule": "guess"}');
SELECT ad_layering_array('{}', '{"rules": "strict"}');

DROP TABLE flow, asked, by_window, by_array, packed, in_workers, split;
DROP FUNCTION plan_line(text, text);
