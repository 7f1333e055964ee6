-- Bad input to the market functions is refused with its name and its row.
SET timezone = 'UTC';
\pset format unaligned

CREATE TABLE events (id int, event_type text, side text, price numeric,
	quantity numeric, ts timestamptz, order_id text);
INSERT INTO events SELECT i, CASE WHEN i <= 3 THEN 'NEW' WHEN i <= 6 THEN 'CANCEL'
	ELSE 'FILL' END, CASE WHEN i <= 6 THEN 'BUY' ELSE 'SELL' END, 100, 10,
	timestamptz '2025-10-26 08:00Z' + i * interval '100 ms', NULL
FROM generate_series(1, 7) i;

-- runs every form of a rule over the events and reports error or result
CREATE FUNCTION try(change text, options jsonb DEFAULT NULL)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	form text;
	detail text;
	state text;
	message text;
	n bigint;
	skipped bigint;
BEGIN
	CREATE TEMP TABLE changed AS SELECT * FROM events;
	EXECUTE change;
	FOREACH form IN ARRAY ARRAY[
		'ad_layering(event_type, side, price, quantity, ts, order_id, %L::jsonb) OVER w',
		'ad_layering(event_type, side, price::float8, quantity::float8, ts, order_id, %L::jsonb || ''{"rule": "anchored"}'') OVER w',
		'ad_layering(ad_order_event(event_type, side, price, quantity, ts, order_id, %1$L::jsonb), %1$L::jsonb) OVER w']
	LOOP
		BEGIN
			EXECUTE format('SELECT count(l), max((l).skipped_rows) FROM (SELECT ' || form ||
				' AS l FROM changed WINDOW w AS (ORDER BY id)) x', coalesce(options, '{}'))
				INTO n, skipped;
			RETURN NEXT format('%s sequences, %s skipped', n, coalesce(skipped::text, 'none'));
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
				message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
			RETURN NEXT format('%s: %s / %s', state, message, detail);
		END;
	END LOOP;
	DROP TABLE changed;
END $$;

SELECT try('SELECT');
-- order of the rows
SELECT try('UPDATE changed SET ts = ts - interval ''1 hour'' WHERE id = 5');
-- words
SELECT try('UPDATE changed SET event_type = ''PLACED!'' WHERE id = 2');
SELECT try('UPDATE changed SET side = ''long'' WHERE id = 2');
-- NULLs
SELECT try('UPDATE changed SET event_type = NULL WHERE id = 2');
SELECT try('UPDATE changed SET side = NULL WHERE id = 2');
SELECT try('UPDATE changed SET price = NULL WHERE id = 2');
SELECT try('UPDATE changed SET quantity = NULL WHERE id = 2');
SELECT try('UPDATE changed SET ts = NULL WHERE id = 2');
-- prices and quantities
SELECT try('UPDATE changed SET price = 0 WHERE id = 2');
SELECT try('UPDATE changed SET price = -1.5 WHERE id = 2');
SELECT try('UPDATE changed SET price = ''NaN'' WHERE id = 2');
SELECT try('UPDATE changed SET quantity = 0 WHERE id = 2');
SELECT try('UPDATE changed SET quantity = -3 WHERE id = 2');
SELECT try('UPDATE changed SET quantity = 1e30 WHERE id = 2');
-- times
SELECT try('UPDATE changed SET ts = ''infinity'' WHERE id = 7');
SELECT try('UPDATE changed SET ts = ''-infinity'' WHERE id = 1');
-- long order ids
SELECT try('UPDATE changed SET order_id = repeat(''x'', 256) WHERE id = 1');

-- skipping: counted, reported, and the rest still found
SELECT try('INSERT INTO changed SELECT 4, ''AMEND'', ''BUY'', 1, 1, ts, NULL FROM events WHERE id = 4',
	ad_layering_options(on_bad => 'skip'));
SELECT try('UPDATE changed SET price = NULL WHERE id = 2', ad_layering_options(on_bad => 'skip'));
SELECT try('UPDATE changed SET price = NULL', ad_layering_options(on_bad => 'skip'));

-- quantities near 2^63 are summed exactly; sums beyond the range are refused
SELECT (l).total_buy_qty FROM (
	SELECT ad_layering(event_type, side, 100::bigint, 9223372036854775807::bigint, ts) OVER (ORDER BY id) AS l
	FROM events) x WHERE l IS NOT NULL;
CREATE TABLE huge AS SELECT i, CASE WHEN i <= 30 THEN 'NEW' WHEN i <= 60 THEN 'CANCEL' ELSE 'FILL' END AS event_type,
	CASE WHEN i <= 60 THEN 'B' ELSE 'S' END AS side, timestamptz 'epoch' + i * interval '1 ms' AS ts
FROM generate_series(1, 90) i;
SELECT count(l) FROM (SELECT ad_layering(event_type, side, 1, 9223372036854775807, ts) OVER (ORDER BY i) AS l FROM huge) x;
SELECT count(l) FROM (SELECT ad_layering(event_type, side, 1, 9223372036854775807, ts, ad_layering_options(rule => 'anchored')) OVER (ORDER BY i) AS l FROM huge) x;
SELECT count(l) FROM (SELECT ad_wash_trade(event_type, side, 1, 9223372036854775807, ts) OVER (ORDER BY i) AS l FROM huge) x;
DROP TABLE huge;

-- options
SELECT ad_layering_options();
SELECT ad_layering_options(orders_window => '1.5 s', words => '{"order": "O"}', forget_after => '1 day');
SELECT ad_layering_options(orders_window => '0 s');
SELECT ad_layering_options(cancel_window => '-5 s');
SELECT ad_layering_options(opposite_trade_window => '1 month');
SELECT ad_layering_options(min_orders => 0);
SELECT ad_layering_options(rule => 'windows');
SELECT ad_layering_options(trade_rule => 'during');
SELECT ad_layering_options(on_bad => 'ignore');
SELECT ad_layering_options(max_partition_rows => 0);
SELECT ad_layering_options(words => '{"orders": ["X"]}');
SELECT ad_layering_options(words => '{"order": ["X"], "trade": ["x "]}');
SELECT ad_layering_options(words => '{"order": [1]}');
SELECT ad_layering_options(words => '["X"]');
SELECT ad_layering_options(words => '{"buy": ""}');
SELECT ad_wash_trade_options(), ad_wash_trade_options(merge => true, window_size => '1 hour') ->> 'window_size' AS hour;
SELECT ad_wash_trade_options(min_buy_trades => 0);
SELECT ad_wash_trade_options(min_alternation_percentage => 101);
SELECT ad_wash_trade_options(min_total_volume => 'NaN');
SELECT ad_wash_trade_options(window_size => '0');
SELECT try('SELECT', '{"order_window": 10}');
SELECT try('SELECT', '{"orders_window": "10 s", "cancel_window": 5.0, "opposite_trade_window": null}');
SELECT try('SELECT', '{"orders_window": true}');
SELECT try('SELECT', '{"cancel_window": 1e12}');
SELECT try('SELECT', '[1]');
SELECT ad_wash_trade(event_type, side, price, quantity, ts, ad_layering_options()) OVER (ORDER BY id) FROM events;

-- limits
SELECT try('SELECT', ad_layering_options(max_partition_rows => 6));
SELECT ad_layering(event_type, side, event_type, quantity, ts) OVER (ORDER BY id) FROM events;
SELECT ad_layering(event_type, side, price, now(), ts) OVER (ORDER BY id) FROM events;

DROP FUNCTION try;
DROP TABLE events;
