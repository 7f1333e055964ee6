-- Message formats: the presets of words, and an episode in a small sample of
-- each (test/data/market, made by hand from the fields of the standards).
SET timezone = 'UTC';
\set directory `echo "${PG_ABS_SRCDIR:-.}"`
\setenv SAMPLES :directory/test/data/market

-- FIX: execution reports of a drop copy, | for the separator
CREATE TABLE fix_line (n int GENERATED ALWAYS AS IDENTITY, line text);
\copy fix_line (line) FROM PROGRAM 'cat "$SAMPLES/fix.log"'
CREATE VIEW fix AS
SELECT n, m ->> '1' AS account, m ->> '55' AS product, m ->> '150' AS event_type, m ->> '54' AS side,
	(CASE m ->> '150' WHEN 'F' THEN m ->> '31' ELSE m ->> '44' END)::numeric AS price,
	(CASE m ->> '150' WHEN 'F' THEN m ->> '32' WHEN '5' THEN m ->> '151' WHEN '4' THEN NULL ELSE m ->> '38' END)::numeric AS quantity,
	to_timestamp(m ->> '60', 'YYYYMMDD-HH24:MI:SS.US') AS ts, m ->> '37' AS order_id, m ->> '17' AS event_id,
	coalesce(m ->> '41', m ->> '11') AS client_id, CASE m ->> '150' WHEN '5' THEN m ->> '11' END AS new_client_id
FROM (SELECT n, (SELECT jsonb_object_agg(split_part(f, '=', 1), split_part(f, '=', 2)) FROM unnest(string_to_array(line, '|')) f WHERE f <> '') AS m
	FROM fix_line) s;
SELECT n, (l).side, (l).orders, (l).cancelled_orders, (l).cancelled_qty, (l).matched_cancels, (l).spoof_side_fill_qty, round((l).severity::numeric, 2) AS severity
FROM (SELECT n, ad_layering(ad_order_event(event_type, side, price, quantity, ts, order_id, o, event_id => event_id), o) OVER (PARTITION BY account, product ORDER BY ts, n) AS l
	FROM fix, ad_layering_options(dialect => 'fix', rule => 'strict') o) s WHERE l IS NOT NULL;
-- by the ids of the client, which an amendment changes
SELECT n, (l).side, (l).orders, (l).cancelled_orders, (l).cancelled_qty, (l).matched_cancels, (l).spoof_side_fill_qty, round((l).severity::numeric, 2) AS severity
FROM (SELECT n, ad_layering(ad_order_event(event_type, side, price, quantity, ts, client_id, o, new_client_id), o) OVER (PARTITION BY account, product ORDER BY ts, n) AS l
	FROM fix, ad_layering_options(dialect => 'fix', rule => 'strict') o) s WHERE l IS NOT NULL;
-- ExecType 8 (rejected) and the like change nothing, H (broken) too; X is not one
SELECT e, ad_order_event(e, '1', 1, 1, '2025-10-27Z', '{"dialect": "fix", "on_bad": "skip"}'::jsonb)
FROM unnest('{0,1,2,3,4,5,6,7,8,9,A,B,C,D,E,F,G,H,I,J,K,L,M,N,X,f}'::text[]) e;

-- RTS 24
CREATE TABLE rts24 (n int, ts timestamptz, member text, client text, instrument text, event text, order_code text, side text,
	limit_price numeric, initial numeric, remaining numeric, price numeric, traded numeric);
\copy rts24 FROM PROGRAM 'cat "$SAMPLES/rts24.csv"' (FORMAT csv, HEADER)
SELECT n, (l).side, (l).orders, (l).cancelled_orders, (l).cancelled_qty, (l).opposite_qty, round((l).severity::numeric, 2) AS severity
FROM (SELECT n, ad_layering(ad_order_event(event, side, coalesce(price, limit_price),
		CASE event WHEN 'CAME' THEN NULL WHEN 'REME' THEN remaining ELSE coalesce(traded, initial) END, ts, order_code, o, event_id => n::text), o)
		OVER (PARTITION BY member, client, instrument ORDER BY ts, n) AS l
	FROM rts24, ad_layering_options(dialect => 'rts24') o) s WHERE l IS NOT NULL;
SELECT e, ad_order_event(e, 'BUYI', 1, 1, '2025-10-27Z', '{"dialect": "rts24"}'::jsonb)
FROM unnest('{NEWO,TRIG,REME,REMA,REMH,CHME,CHMO,CAME,CAMO,REMO,EXPI,PARF,FILL}'::text[]) e;

-- LOBSTER: a message file; the side is the resting order's
CREATE TABLE lobster (n int GENERATED ALWAYS AS IDENTITY, seconds numeric, type int, order_id bigint, size int, price bigint, direction int);
\copy lobster (seconds, type, order_id, size, price, direction) FROM PROGRAM 'cat "$SAMPLES/lobster.csv"' (FORMAT csv)
SELECT n, (l).side, (l).orders, (l).cancelled_orders, (l).cancelled_qty, (l).matched_cancels, (l).opp_trade_vwap, round((l).severity::numeric, 2) AS severity
FROM (SELECT n, ad_layering(ad_order_event(type::text, direction::text, price / 10000.0, size,
		timestamptz '2012-06-21 00:00-04' + seconds * interval '1 second', order_id::text, o), o) OVER (ORDER BY n) AS l
	FROM lobster, ad_layering_options(dialect => 'lobster') o) s WHERE l IS NOT NULL;

-- ITCH: what goes on with an order has its side and price
CREATE TABLE itch (n int GENERATED ALWAYS AS IDENTITY, message text, ns bigint, reference bigint, new_reference bigint, side text, shares int, price numeric, stock text);
\copy itch (message, ns, reference, new_reference, side, shares, price, stock) FROM PROGRAM 'cat "$SAMPLES/itch.csv"' (FORMAT csv, HEADER)
WITH RECURSIVE o (reference, side, price, stock) AS (
	SELECT reference, side, price, stock FROM itch WHERE message IN ('A', 'F')
	UNION ALL SELECT i.new_reference, o.side, i.price, o.stock FROM itch i JOIN o USING (reference) WHERE i.message = 'U')
SELECT n, (l).side, (l).orders, (l).cancelled_orders, (l).cancelled_qty, (l).matched_cancels, (l).opp_trade_vwap, round((l).severity::numeric, 2) AS severity
FROM (SELECT n, ad_layering(ad_order_event(message, coalesce(i.side, o.side), coalesce(i.price, o.price), shares,
		timestamptz '2025-10-27 00:00-04' + ns / 1000 * interval '1 microsecond', reference::text, p, new_reference::text), p)
		OVER (PARTITION BY coalesce(o.stock, i.stock) ORDER BY ns, n) AS l
	FROM itch i LEFT JOIN o USING (reference), ad_layering_options(dialect => 'itch') p) s WHERE l IS NOT NULL;

-- words beside a preset, and meanings of one's own
SELECT ad_layering_options(dialect => 'lobster', words => '{"ignore": ["5", "6", "7"], "trade": "4"}') -> 'words';
SELECT ad_order_event('5', '1', 1, 1, '2025-10-27Z', ad_layering_options(dialect => 'lobster', words => '{"ignore": ["5", "6", "7"], "trade": "4"}'));
SELECT ad_order_event('AMEND', 'B', 1, 1, '2025-10-27Z', ad_layering_options(words => '{"replace": "amend"}'));
SELECT ad_order_event('REPLACE', 'B', 1, 1, '2025-10-27Z', ad_layering_options(words => '{"replace": "amend"}'));
-- as options of 0.2 may have it
SELECT ad_order_event('REPLACE', 'B', 1, 1, '2025-10-27Z', ad_layering_options(words => '{"cancel": ["CANCEL", "REPLACE"]}'));
SELECT ad_layering_options(words => '{"trade": "NEW"}');
SELECT ad_layering_options(words => '{"replaced": "X"}');
SELECT ad_layering_options(dialect => 'ouch');
SELECT ad_layering('NEW', 'B', 1, 1, now(), '{"dialect": 1}'::jsonb) OVER ();
SELECT ad_wash_trade_options(dialect => 'ITCH') ->> 'dialect';
-- prices as text
SELECT ad_layering(type::text, direction::text, price::text, size, now()) OVER () FROM lobster;

DROP VIEW fix;
DROP TABLE fix_line, rts24, lobster, itch;
