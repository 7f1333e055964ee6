-- ad_wash_trade on small flows.
SET timezone = 'UTC';

CREATE TABLE trades AS
SELECT i AS id, 'ACC' AS account_id, 'FILL' AS event_type,
	CASE WHEN i % 2 = 0 THEN 'BUY' ELSE 'SELL' END AS side,
	100 + CASE WHEN i > 10 THEN 5 ELSE 0 END AS price, 2000 AS quantity,
	timestamptz '2025-10-26 08:00Z' + i * interval '4 minutes'
		+ CASE WHEN i > 20 THEN interval '5 hours' ELSE '0' END AS ts
FROM generate_series(1, 30) i;

-- one row for every trade that starts a window
SELECT id, (w).start_time::time, (w).end_time::time, (w).trades, (w).buy_trades AS buys,
	(w).sell_trades AS sells, (w).total_buy_qty AS bought, (w).total_sell_qty AS sold,
	(w).side_switches AS switches, round((w).alternation_percentage::numeric, 2) AS alternation,
	round((w).price_change_percentage::numeric, 4) AS change, (w).last_row
FROM (SELECT id, ad_wash_trade(event_type, side, price, quantity, ts) OVER w AS w
	FROM trades WINDOW w AS (PARTITION BY account_id ORDER BY ts, id)) x
WHERE (w).trades IS NOT NULL ORDER BY id;

-- merged: maximal windows; the same by the packed form
SELECT id, (w).window_no, (w).start_time, (w).end_time, (w).duration, (w).trades,
	(w).total_buy_qty + (w).total_sell_qty AS volume, (w).windows,
	(w).first_price, (w).last_price, (w).first_row, (w).last_row
FROM (SELECT id, ad_wash_trade(ad_order_event(event_type, side, price, quantity, ts),
		ad_wash_trade_options(merge => true)) OVER w AS w
	FROM trades WINDOW w AS (PARTITION BY account_id ORDER BY ts, id)) x
WHERE (w).trades IS NOT NULL ORDER BY id;

-- thresholds
SELECT o.name, count(w) FROM (VALUES
	('defaults', ad_wash_trade_options()),
	('volume', ad_wash_trade_options(min_total_volume => 16001)),
	('volume met', ad_wash_trade_options(min_total_volume => 16000)),
	('buys', ad_wash_trade_options(min_buy_trades => 5)),
	('window', ad_wash_trade_options(window_size => '19 minutes 59 seconds')),
	('window met', ad_wash_trade_options(window_size => '20 minutes'))) o(name, options),
LATERAL (SELECT ad_wash_trade(event_type, side, price, quantity, ts, o.options) OVER
	(ORDER BY ts, id) AS w FROM trades) x
WHERE (w).trades IS NOT NULL GROUP BY 1 ORDER BY 1;

-- one-sided and switching too little
SELECT count(w) FROM (SELECT ad_wash_trade(event_type, 'BUY', price, quantity, ts) OVER
	(ORDER BY ts, id) AS w FROM trades) x WHERE (w).trades IS NOT NULL;
SELECT count(w) FROM (SELECT ad_wash_trade(event_type,
		CASE WHEN id / 4 % 2 = 0 THEN 'B' ELSE 'S' END, price, quantity, ts) OVER
	(ORDER BY ts, id) AS w FROM trades) x WHERE (w).trades IS NOT NULL;

DROP TABLE trades;
