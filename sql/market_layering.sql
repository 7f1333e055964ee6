-- ad_layering and ad_layering_member on small episodes.
SET timezone = 'UTC';
SET extra_float_digits = -9;	-- six digits

CREATE TABLE order_events (
	id bigint PRIMARY KEY, account_id text, product_id text, event_type text,
	side text, price numeric, quantity bigint, ts timestamptz, order_id text);

-- three orders, cancelled, then a sale; the regulators' order of events in P2
INSERT INTO order_events
SELECT id, 'A', product, type, side, price, qty,
	timestamptz '2025-10-26 08:00Z' + s * interval '1 second', oid
FROM (VALUES
	(1, 'P1', 'ORDER_PLACED', 'BUY', 99.99, 1000, 0.0, 'a'),
	(2, 'P1', 'ORDER_PLACED', 'BUY', 99.98, 2000, 0.5, 'b'),
	(3, 'P1', 'ORDER_PLACED', 'BUY', 99.97, 3000, 1.0, 'c'),
	(4, 'P1', 'ORDER_CANCELLED', 'BUY', 99.99, 1000, 2.0, 'a'),
	(5, 'P1', 'ORDER_CANCELLED', 'BUY', 99.98, 2000, 2.5, 'b'),
	(6, 'P1', 'ORDER_CANCELLED', 'BUY', 99.97, 3000, 3.0, 'c'),
	(7, 'P1', 'TRADE_EXECUTED', 'SELL', 100.01, 500, 4.0, 'd'),
	(8, 'P1', 'ORDER_PLACED', 'SELL', 100.05, 100, 30.0, 'e'),
	(9, 'P2', 'ORDER_PLACED', 'SELL', 50.10, 10, 0.0, 'f'),
	(10, 'P2', 'ORDER_PLACED', 'SELL', 50.20, 20, 1.0, 'g'),
	(11, 'P2', 'ORDER_PLACED', 'SELL', 50.30, 30, 2.0, 'h'),
	(12, 'P2', 'TRADE_EXECUTED', 'BUY', 50.00, 5, 2.2, 'i'),
	(13, 'P2', 'ORDER_CANCELLED', 'SELL', 50.10, 10, 2.5, 'f'),
	(14, 'P2', 'ORDER_CANCELLED', 'SELL', 50.20, 20, 2.6, 'g'),
	(15, 'P2', 'ORDER_CANCELLED', 'SELL', 50.30, 30, 2.7, 'h')
) v(id, product, type, side, price, qty, s, oid);

-- the query of the documentation
SELECT id, (l).* FROM (
	SELECT id, ad_layering(event_type, side, price, quantity, ts,
		ad_layering_options(rule => 'window', trade_rule => 'either')) OVER w AS l
	FROM order_events
	WINDOW w AS (PARTITION BY account_id, product_id ORDER BY ts, id)) s
WHERE l IS NOT NULL;

-- every rule and call form; the last column says how it was found
\pset format unaligned
CREATE FUNCTION brief(l ad_layering_sequence) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN l IS NOT NULL THEN concat_ws(' ', l.sequence_no, l.side,
		l.orders, l.counted_cancels, l.opposite_qty, l.total_buy_qty,
		l.total_sell_qty, round(l.severity::numeric, 2), l.rule) END $$;
SELECT id,
	brief(ad_layering(event_type, side, price, quantity, ts) OVER w) AS after,
	brief(ad_layering(event_type, side, price, quantity, ts,
		'{"trade_rule": "before"}'::jsonb) OVER w) AS before,
	brief(ad_layering(event_type, side, price::float8, quantity, ts, order_id,
		ad_layering_options(rule => 'strict')) OVER w) AS strict,
	brief(ad_layering(event_type, side, price, quantity::int, ts, order_id,
		ad_layering_options(rule => 'anchored')) OVER w) AS anchored
FROM order_events
WINDOW w AS (PARTITION BY account_id, product_id ORDER BY ts, id) ORDER BY id;
SELECT id,
	brief(ad_layering(ad_order_event(event_type, side, price, quantity, ts)) OVER w) AS after,
	brief(ad_layering(ad_order_event(event_type, side, price, quantity, ts, order_id),
		ad_layering_options(rule => 'strict')) OVER w) AS strict
FROM order_events
WINDOW w AS (PARTITION BY account_id, product_id ORDER BY ts, id) ORDER BY id;

-- who belongs to it
SELECT id, event_type, side, m.* FROM (
	SELECT id, event_type, side, ad_layering_member(event_type, side, price,
		quantity, ts, ad_layering_options(trade_rule => 'either')) OVER w AS m
	FROM order_events
	WINDOW w AS (PARTITION BY account_id, product_id ORDER BY ts, id)) s,
	LATERAL (SELECT (s.m).*) m
WHERE s.m IS NOT NULL ORDER BY id;

-- linked parties: the orders of one account, the trade of the other
SELECT brief(l) FROM (
	SELECT ad_layering(event_type, side, price, quantity, ts) OVER
		(PARTITION BY product_id ORDER BY ts, id) AS l
	FROM (SELECT *, CASE WHEN id = 7 THEN 'B' ELSE 'A' END AS party
		FROM order_events WHERE product_id = 'P1') e) s WHERE l IS NOT NULL;

-- frames are ignored: the rule always sees the partition
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differ, count(a) FROM (
	SELECT ad_layering(event_type, side, price, quantity, ts) OVER
			(PARTITION BY account_id, product_id ORDER BY ts, id
			ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) AS a,
		ad_layering(event_type, side, price, quantity, ts) OVER
			(PARTITION BY account_id, product_id ORDER BY ts, id) AS b
	FROM order_events) s;

-- causal output: a prefix of the rows gives a prefix of the output
SELECT count(*) FILTER (WHERE p.l::text IS DISTINCT FROM f.l::text) AS differ,
	count(p.l) AS sequences
FROM generate_series(1, 15) n, LATERAL (
	SELECT id, ad_layering(event_type, side, price, quantity, ts, order_id,
		ad_layering_options(rule => 'anchored', causal => true)) OVER
		(PARTITION BY account_id, product_id ORDER BY ts, id) AS l
	FROM order_events WHERE id <= n) p
JOIN (SELECT id, ad_layering(event_type, side, price, quantity, ts, order_id,
		ad_layering_options(rule => 'anchored', causal => true)) OVER
		(PARTITION BY account_id, product_id ORDER BY ts, id) AS l
	FROM order_events) f USING (id);

-- cancels and orders of equal key match first in, first out; fractions add up
SELECT (l).orders, (l).counted_cancel_qty, (l).opposite_qty,
	(l).median_time_to_cancel_s, (l).max_time_to_cancel_s FROM (
	SELECT ad_layering(type, 'BUY', 0.00001234::numeric, 0.1::numeric,
		timestamptz 'epoch' + s * interval '1 second',
		ad_layering_options(rule => 'strict')) OVER (ORDER BY s, i) AS l
	FROM (VALUES (1, 'NEW', 0), (2, 'NEW', 1), (3, 'NEW', 2), (4, 'CANCEL', 3),
		(5, 'CANCEL', 4.5), (6, 'CANCEL', 5)) v(i, type, s)) x
WHERE l IS NOT NULL;
SELECT (l).orders, (l).counted_cancel_qty, (l).opposite_qty,
	(l).median_time_to_cancel_s, (l).max_time_to_cancel_s,
	(l).mean_placement_gap_s, (l).cancel_to_trade_gap_s FROM (
	SELECT ad_layering(type, side, 0.00001234::numeric, 0.1::numeric,
		timestamptz 'epoch' + s * interval '1 second',
		ad_layering_options(rule => 'strict')) OVER (ORDER BY s, i) AS l
	FROM (VALUES (1, 'NEW', 'B', 0), (2, 'NEW', 'B', 1), (3, 'NEW', 'B', 2),
		(4, 'CANCEL', 'B', 3), (5, 'CANCEL', 'B', 4.5), (6, 'CANCEL', 'B', 5),
		(7, 'FILL', 'S', 6)) v(i, type, side, s)) x
WHERE l IS NOT NULL;

-- a ratio that does not exist is NaN, so that IS NOT NULL keeps the row
SELECT l IS NOT NULL AS kept, (l).matched_cancels, (l).median_time_to_cancel_s,
	(l).cancel_to_trade_gap_s, (l).rule FROM (
	SELECT ad_layering(type, side, 1, 1, timestamptz 'epoch' + i * interval '1 second',
		CASE WHEN type = 'NEW' THEN i::text END,
		ad_layering_options(trade_rule => 'before')) OVER (ORDER BY i) AS l
	FROM (VALUES (1, 'NEW', 'B'), (2, 'NEW', 'B'), (3, 'NEW', 'B'), (4, 'FILL', 'S'),
		(5, 'CANCEL', 'B'), (6, 'CANCEL', 'B'), (7, 'CANCEL', 'B')) v(i, type, side)) x
WHERE l IS NOT NULL;

-- times at the ends of the calendar do not wrap around
SELECT brief(l) FROM (
	SELECT ad_layering(type, side, 1, 1, t - (10 - i) * interval '1 us',
		ad_layering_options(orders_window => '1000 days', cancel_window => '1000 days',
			opposite_trade_window => '1000 days', rule => rule)) OVER (PARTITION BY rule, t ORDER BY i) AS l
	FROM (VALUES (timestamptz '294276-12-31 23:59:59.999999Z'),
		('4714-11-24 00:00:01Z BC')) b(t),
		unnest(ARRAY['window', 'strict', 'anchored']) rule,
		(VALUES (1, 'NEW', 'B'), (2, 'NEW', 'B'), (3, 'NEW', 'B'), (4, 'CANCEL', 'B'),
		(5, 'CANCEL', 'B'), (6, 'CANCEL', 'B'), (7, 'FILL', 'S')) v(i, type, side)) x
WHERE l IS NOT NULL;

DROP FUNCTION brief;
DROP TABLE order_events;
