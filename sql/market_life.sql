-- The life cycle of orders: rows that fit none, ids that come again, and what
-- of it a call can say; the cases of each rule are in market_golden.
SET timezone = 'UTC';

-- an episode: three orders, cancelled, and the trade on the other side
CREATE TABLE episode (k numeric, event_type text, side text, price numeric, quantity numeric, order_id text,
	new_order_id text, event_id text);
INSERT INTO episode VALUES (0, 'NEW', 'B', 10, 100, 'a'), (1, 'NEW', 'B', 10.01, 100, 'b'),
	(2, 'NEW', 'B', 10.02, 100, 'c'), (3, 'CANCEL', 'B', 10, 100, 'a'), (3.1, 'CANCEL', 'B', 10.01, 100, 'b'),
	(3.2, 'CANCEL', 'B', 10.02, 100, 'c'), (4, 'FILL', 'S', 10.05, 50, 't');

-- what the rules find of the episode and other rows: orders, cancels that
-- count, their quantity, cancels of the metrics
CREATE FUNCTION found(other text DEFAULT 'VALUES (0, NULL, '''', 0, 0, '''', NULL, NULL)', options jsonb DEFAULT '{}',
	change text DEFAULT 'SELECT * FROM episode')
RETURNS TABLE (rule text, orders bigint, matched bigint, cut numeric, cancels bigint, cancelled numeric, fills numeric)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT (l).rule, (l).orders, (l).matched_cancels, (l).counted_cancel_qty, (l).cancelled_orders,
			(l).cancelled_qty, (l).spoof_side_fill_qty
		FROM (SELECT r, ad_layering(ad_order_event(event_type, side, price, quantity, '2025-10-27Z'::timestamptz +
				k * interval '1 s', order_id, new_order_id => new_order_id, event_id => event_id),
				%L::jsonb || jsonb_build_object('rule', r)) OVER (PARTITION BY r ORDER BY k, n) AS l
			FROM unnest('{window,strict,anchored}'::text[]) r,
				(SELECT 1 AS n, e.* FROM (%s) e(k, event_type, side, price, quantity, order_id, new_order_id,
				event_id) UNION ALL SELECT 2, o.k, o.e, o.s, o.p, o.q, o.o, o.i, o.x
				FROM (%s) o(k, e, s, p, q, o, i, x) WHERE o.e IS NOT NULL) v) z
		WHERE l IS NOT NULL ORDER BY r DESC$q$, options, change, other);
END $$;
SELECT * FROM found();
-- a replacement of an unknown id: a cancel of nothing and an order, or nothing
SELECT * FROM found($$VALUES (2.5, 'REPLACE', 'B', 10.03, 100, 'x', NULL, NULL)$$);
SELECT * FROM found($$VALUES (2.5, 'REPLACE', 'B', 10.03, 100, 'x', NULL, NULL)$$, '{"replace_counts": false}');
-- a cancel larger than what is open takes what is open
SELECT * FROM found(change => $$SELECT k, event_type, side, price, CASE event_type WHEN 'CANCEL' THEN 1000 ELSE quantity END,
	order_id, new_order_id, event_id FROM episode$$);
-- a fill after the close hits nothing, a second cancel neither
SELECT * FROM found($$VALUES (3.5, 'FILL', 'B', 10, 100, 'a', NULL, NULL), (3.6, 'CANCEL', 'B', 10, 100, 'a', NULL, NULL)$$);
-- a fill before it: less than half of the order, then more
SELECT * FROM found($$VALUES (2.5, 'FILL', 'B', 10, 40, 'a', NULL, NULL)$$);
SELECT * FROM found($$VALUES (2.5, 'FILL', 'B', 10, 100, 'a', NULL, NULL)$$);
-- one event id with two contents is two events, with one content one
SELECT * FROM found($$VALUES (2.5, 'NEW', 'B', 10, 100, 'x', NULL, 'e'), (2.5, 'NEW', 'B', 10, 200, 'y', NULL, 'e'),
	(2.5, 'NEW', 'B', 10, 100, 'x', NULL, 'e')$$, '{"dedup": true}');
SELECT * FROM found($$VALUES (2.5, 'NEW', 'B', 10, 100, 'x', NULL, 'e'), (2.5, 'NEW', 'B', 10, 100, 'x', NULL, 'f')$$,
	'{"dedup": true}');
-- prices of zero, below it, and none
SELECT * FROM found(change => 'SELECT k, event_type, side, price - 10.01, quantity, NULL, NULL, NULL FROM episode');
SELECT * FROM found(change => 'SELECT k, event_type, side, -price, quantity, NULL, NULL, NULL FROM episode');
SELECT * FROM found(change => 'SELECT k, event_type, side, NULL::numeric, quantity, NULL, NULL, NULL FROM episode');
SELECT * FROM found($$VALUES (-1, 'NEW', 'B', -0.0, 10, NULL, NULL, NULL), (-0.5, 'CANCEL', 'B', 0, 10, NULL, NULL, NULL)$$);
-- a session end without orders, expiries of orders that are not open
SELECT * FROM found($$VALUES (20, 'EXPIRE', 'B', NULL, NULL, NULL, NULL, NULL), (21, 'EXPIRE', 'S', 10, 5, 'z', NULL, NULL)$$);
-- the other side has ids of its own; an id that comes again ends the order that had it
SELECT * FROM found($$VALUES (2.5, 'NEW', 'S', 11, 100, 'a', NULL, NULL), (2.6, 'CANCEL', 'S', 11, 100, 'a', NULL, NULL)$$);
SELECT * FROM found($$VALUES (2.5, 'NEW', 'B', 10, 70, 'a', NULL, NULL)$$);
-- an amendment to the id of another order ends that one
SELECT * FROM found($$VALUES (2.5, 'REPLACE', 'B', 10, 70, 'a', 'b', NULL)$$, '{"replace_counts": false}');
-- quantities with many digits: half, to the last of them
SELECT * FROM found(change => $$SELECT k, event_type, side, price, CASE event_type WHEN 'NEW' THEN 3.000000000000000001
	WHEN 'CANCEL' THEN CASE order_id WHEN 'a' THEN 1.500000000000000001 ELSE 1.5 END ELSE 1 END, order_id, NULL, NULL FROM episode$$,
	options => '{"min_orders": 1}');

-- the roles of an amendment: an order, if it is both
SELECT k, event_type, (m).* FROM (SELECT k, event_type, ad_layering_member(ad_order_event(event_type, side, 10, 100,
	'2025-10-27Z'::timestamptz + k * interval '1 s', id, new_order_id => id || 'r'), ad_layering_options(
	rule => 'strict', orders_window => '1.5 s', min_orders => 2)) OVER (ORDER BY k) AS m
	FROM (VALUES (0, 'NEW', 'B', 'a'), (1, 'NEW', 'B', 'b'), (2.6, 'REPLACE', 'B', 'a'), (2.7, 'REPLACE', 'B', 'b'),
		(3, 'FILL', 'S', 'x'), (3.1, 'CANCEL', 'B', 'ar'), (3.2, 'CANCEL', 'B', 'br'), (3.5, 'FILL', 'S', 'y'))
		v(k, event_type, side, id)) s;

-- wash trades without a price, and twice
SELECT k, (w).trades, (w).price_change_percentage, (w).first_price, (w).last_price FROM (
	SELECT k, ad_wash_trade(ad_order_event('FILL', CASE WHEN k % 2 = 0 THEN 'B' ELSE 'S' END, price,
		3000, '2025-10-27Z'::timestamptz + k * interval '1 s'), ad_wash_trade_options(min_buy_trades => 1,
		min_sell_trades => 1, min_total_volume => 0)) OVER (ORDER BY k) AS w
	FROM (VALUES (0, 10), (1, NULL), (2, 0), (3, -11), (4, 12)) v(k, price)) s WHERE (w).trades IS NOT NULL;
SELECT dedup, (w).trades FROM (SELECT dedup, ad_wash_trade(ad_order_event('FILL', CASE WHEN k % 4 < 2 THEN 'B' ELSE 'S' END, 10,
		3000, '2025-10-27Z'::timestamptz + k / 2 * interval '1 s'), ad_wash_trade_options(dedup => dedup))
		OVER (PARTITION BY dedup ORDER BY k) AS w
	FROM generate_series(0, 11) k, unnest('{f,t}'::bool[]) dedup) s WHERE (w).trades IS NOT NULL ORDER BY 1, 2 DESC;

-- options out of range
SELECT ad_layering_options(min_imbalance => 1.5);
SELECT ad_layering_options(min_price_levels => -1);
SELECT ad_layering_options(forget_after => '-1 s');

DROP FUNCTION found;
DROP TABLE episode;
