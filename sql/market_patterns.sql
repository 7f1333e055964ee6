-- ad_quote_stuffing and ad_marking_close on small flows.
SET timezone = 'UTC';

-- a burst of 120 messages in a second, after a quiet minute; a fill in it
CREATE TABLE burst AS
SELECT i AS id, 'ACC' AS account_id, CASE WHEN i = 60 THEN 'FILL' WHEN i % 2 = 0 THEN 'CANCEL' ELSE 'NEW' END AS event_type,
	CASE WHEN i % 4 < 2 THEN 'BUY' ELSE 'SELL' END AS side, 10.01 AS price, 100 AS quantity,
	timestamptz '2025-10-27 08:00Z' + CASE WHEN i <= 20 THEN i * interval '3 seconds'
		ELSE interval '1 minute' + i * interval '8 ms' END AS ts
FROM generate_series(1, 140) i;

\x on
SELECT id, (s).*
FROM (SELECT id, ad_quote_stuffing(event_type, side, price, quantity, ts) OVER w AS s
	FROM burst WINDOW w AS (PARTITION BY account_id ORDER BY ts, id)) x
WHERE s IS NOT NULL;
\x off

-- the same packed; other thresholds; a burst that is not cancelled
SELECT id, (s).messages, (s).peak_messages, (s).end_time::time, round((s).cancel_rate::numeric, 3) AS rate
FROM (SELECT id, ad_quote_stuffing(ad_order_event(event_type, side, price, quantity, ts)) OVER w AS s
	FROM burst WINDOW w AS (PARTITION BY account_id ORDER BY ts, id)) x
WHERE s IS NOT NULL;
SELECT id, (s).episode_no, (s).messages, (s).duration
FROM (SELECT id, ad_quote_stuffing(event_type, side, price, quantity, ts,
		ad_quote_stuffing_options(window_size => '6 seconds', min_messages => 3, min_cancel_rate => 0.3)) OVER w AS s
	FROM burst WINDOW w AS (PARTITION BY account_id ORDER BY ts, id)) x
WHERE s IS NOT NULL;
SELECT count(s)
FROM (SELECT ad_quote_stuffing(CASE kind WHEN 'C' THEN 'CANCEL' ELSE 'NEW' END, side, price, quantity, ts) OVER w AS s
	FROM burst, unnest('{C,N}'::text[]) kind WINDOW w AS (PARTITION BY kind ORDER BY ts, id)) x;

-- one side buys the last minutes up
CREATE TABLE day AS
SELECT i AS id, 'ACC' AS account_id, CASE WHEN i % 5 = 0 THEN 'NEW' ELSE 'FILL' END AS event_type,
	CASE WHEN i > 50 OR i % 2 = 0 THEN 'BUY' ELSE 'SELL' END AS side,
	CASE WHEN i > 50 THEN 20.00 + (i - 50) * 0.01 ELSE 20.00 END AS price, CASE WHEN i > 50 THEN 500 ELSE 100 END AS quantity,
	timestamptz '2025-10-27 08:00Z' + i * interval '8 minutes' + CASE WHEN i > 50 THEN (50 - i) * interval '7 minutes' ELSE '0' END AS ts
FROM generate_series(1, 60) i;

\x on
SET extra_float_digits = -3;
SELECT id, (m).*
FROM (SELECT id, ad_marking_close(event_type, side, price, quantity, ts, ad_marking_close_options('2025-10-27 14:50Z')) OVER w AS m
	FROM day WINDOW w AS (PARTITION BY account_id ORDER BY ts, id)) x
WHERE m IS NOT NULL;
RESET extra_float_digits;
\x off

-- the other way round; a close that nobody marked; every threshold
SELECT c.what, (m).side, (m).trades, (m).time_to_close, round((m).move_bps::numeric, 2) AS move
FROM (VALUES ('buying', 'BUY', ad_marking_close_options('2025-10-27 14:50Z')),
		('selling up', 'SELL', ad_marking_close_options('2025-10-27 14:50Z')),
		('selling up, move not asked', 'SELL', ad_marking_close_options('2025-10-27 14:50Z', min_move_bps => 0)),
		('noon', 'BUY', ad_marking_close_options('2025-10-27 12:00Z')),
		('imbalance', 'BUY', ad_marking_close_options('2025-10-27 14:50Z', '30 minutes', min_imbalance => 1)),
		('share', 'BUY', ad_marking_close_options('2025-10-27 14:50Z', min_volume_share => 0.6)),
		('trades', 'BUY', ad_marking_close_options('2025-10-27 14:50Z', min_trades => 9)),
		('move', 'BUY', ad_marking_close_options('2025-10-27 14:50Z', min_move_bps => 60)),
		('before any trade', 'BUY', ad_marking_close_options('2025-10-27 08:00Z'))) c(what, side, options),
	LATERAL (SELECT m FROM (SELECT id, ad_marking_close(ad_order_event(event_type, CASE WHEN id > 50 THEN c.side ELSE day.side END,
		price, quantity, ts), c.options) OVER (PARTITION BY account_id ORDER BY ts, id) AS m FROM day) y ORDER BY m IS NULL, id LIMIT 1) x
ORDER BY c.what;

-- no row; one row; equal times; rows that are skipped
SELECT ad_quote_stuffing('NEW', 'B', 1, 1, now()) OVER () FROM burst WHERE id < 0;
SELECT (ad_quote_stuffing('NEW', 'B', 1.0::float8, 1, timestamptz '2025-10-27') OVER ()) IS NULL;
SELECT (s).orders, (s).cancels, (s).duration
FROM (SELECT ad_quote_stuffing(CASE WHEN i % 2 = 0 THEN 'CANCEL' ELSE 'NEW' END, 'B', 1, 1, timestamptz '2025-10-27') OVER (ORDER BY i) AS s
	FROM generate_series(1, 100) i) x WHERE s IS NOT NULL;
SELECT (m).trades, (m).volume_share, (m).move_bps, (m).skipped_rows
FROM (SELECT ad_marking_close(event_type, 'BUY', 5, 10, timestamptz '2025-10-27 10:00Z',
		ad_marking_close_options('2025-10-27 10:00Z', min_trades => 2, min_move_bps => 0, on_bad => 'skip')) OVER (ORDER BY i) AS m
	FROM unnest('{FILL,odd,FILL}'::text[]) WITH ORDINALITY e(event_type, i)) x WHERE m IS NOT NULL;

-- amendments are an order and a cancel each; a replayed feed counts once; words of FIX
SELECT d, (s).messages, (s).orders, (s).cancels, (s).placed_qty
FROM unnest('{f,t}'::boolean[]) d, LATERAL (SELECT ad_quote_stuffing(ad_order_event('5', '1', 1, 7, timestamptz '2025-10-27' + i / 2 * interval '1 ms', options => ad_quote_stuffing_options(dialect => 'fix')),
		ad_quote_stuffing_options(min_messages => 50, dedup => d)) OVER (ORDER BY i) AS s FROM generate_series(0, 119) i) x WHERE s IS NOT NULL ORDER BY 1;
-- market orders have no price: no move
SELECT (m).reference_price, (m).last_price, (m).move_bps
FROM (SELECT ad_marking_close('FILL', 'BUY', NULL::numeric, 10, timestamptz '2025-10-27 10:00Z', ad_marking_close_options('2025-10-27 10:00Z', min_trades => 2, min_move_bps => 0))
	OVER (ORDER BY i) AS m FROM generate_series(1, 3) i) x WHERE m IS NOT NULL;

-- options
SELECT ad_quote_stuffing_options(), ad_quote_stuffing_options(NULL, NULL, NULL) = ad_quote_stuffing_options() AS same;
SELECT ad_marking_close_options('2025-10-27 16:30:00.123456Z');

-- refused
\set VERBOSITY terse
SELECT ad_quote_stuffing_options(window_size => '0');
SELECT ad_quote_stuffing_options(min_messages => 1);
SELECT ad_quote_stuffing_options(min_cancel_rate => 'NaN');
SELECT ad_quote_stuffing_options(words => '{"ordre": "N"}');
SELECT ad_quote_stuffing('NEW', 'B', 1, 1, now(), '{"min_mesages": 5}') OVER ();
SELECT ad_quote_stuffing('NEW', 'B', 1, -1, timestamptz '2025-10-27') OVER ();
SELECT ad_quote_stuffing('NEW', 'B', 1, 1, ts) OVER (ORDER BY id DESC) FROM burst;
SELECT ad_quote_stuffing('NEW', 'B', 1, 1, ts, '{"max_partition_rows": 10}') OVER (ORDER BY id) FROM burst;
SELECT ad_marking_close_options(NULL);
SELECT ad_marking_close_options('infinity');
SELECT ad_marking_close_options('2999-01-01');
SELECT ad_marking_close_options('2025-10-27', min_imbalance => 1.5);
SELECT ad_marking_close_options('2025-10-27', window_size => '1 month');
SELECT ad_marking_close('FILL', 'B', 1, 1, now(), '{}') OVER ();
SELECT ad_marking_close('FILL', 'B', 1, 1, now(), NULL) OVER ();
SELECT ad_marking_close('FILL', 'B', 1, 1, now(), '{"close": "16:30"}') OVER ();
SELECT ad_marking_close('FILL', 'B', 1, 1, now(), '{"close": 1e300}') OVER ();
SELECT ad_marking_close('FILL', 'B', 1, 1, ts, ad_marking_close_options('2025-10-27 14:50Z')) OVER (ORDER BY id DESC) FROM day;

DROP TABLE burst, day;
