-- The packed order event: text, binary, constructor.
SET timezone = 'UTC';

-- text out is in UTC whatever the settings, and reads back
SELECT ad_order_event('ORDER_PLACED', 'BUY', 100.25, 500,
	'2025-10-26 08:00:46.300747Z'::timestamptz, 'O192');
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
SELECT ad_order_event('new', 's', 100.250, 0.5,
	'2025-10-26 17:00:46.3+09'::timestamptz);
SELECT ad_order_event('new', 's', 100.250, 0.5,
	'2025-10-26 17:00:46.3+09'::timestamptz)::text::ad_order_event;
RESET timezone;
RESET datestyle;
SELECT ' cancel ,Ask,1e2,12.50,2025-10-26 08:00:00+00,a,b "c"'::ad_order_event;
SELECT ad_order_event('FILL', 'BID', 1, 1, '0044-03-15 12:00:00+00 BC'::timestamptz);

-- every type of price and quantity, in any mixture
SELECT ad_order_event('NEW', 'B', p::smallint, q::integer, t),
	ad_order_event('NEW', 'B', p::bigint, q::smallint, t),
	ad_order_event('NEW', 'B', p::real, q::double precision, t),
	ad_order_event('NEW', 'B', p::double precision, q::real, t),
	ad_order_event('NEW', 'B', p::numeric, q::bigint, t)
FROM (VALUES (7, 300, '2025-10-26 08:00Z'::timestamptz)) v(p, q, t);

-- numerics are taken apart in place: compare with their text
SELECT count(*), count(*) FILTER (WHERE split_part(
	ad_order_event('NEW', 'B', n, n, 'epoch')::text, ',', 4)::numeric = n) AS quantity,
	count(*) FILTER (WHERE split_part(
	ad_order_event('NEW', 'B', n, n, 'epoch')::text, ',', 3)::float8 = n::text::float8) AS price
FROM (
	SELECT (i * 7919 % 1000003 + 1)::numeric * 10::numeric ^ e AS n
	FROM generate_series(1, 200) i, generate_series(-12, 12) e
	UNION ALL
	SELECT n FROM (VALUES (1.0::numeric), (0.000000000000000001),
		(9223372036854775807), (9223372036854775.807), (123456789012345678),
		(10000), (99999999), (100000000), (1.10), (10000.0001)) v(n)) x;

-- equal quantities and prices are equal whatever their scale
SELECT ad_order_event('NEW', 'B', 1.10, 2.50, 'epoch')::text =
	ad_order_event('NEW', 'B', 1.1::float8, 2.5, 'epoch')::text AS same;

-- binary: what send writes, recv reads; damaged bytes are refused
CREATE TABLE packed (e ad_order_event);
INSERT INTO packed SELECT ad_order_event((ARRAY['NEW', 'CANCEL', 'FILL'])[1 + i % 3],
	(ARRAY['B', 'S'])[1 + i % 2], i / 7.0, i * 100, 'epoch'::timestamptz + i * interval '1 ms',
	CASE WHEN i % 4 > 0 THEN repeat('x', i % 256) END) FROM generate_series(1, 300) i;
SELECT encode(ad_order_event_send(e), 'hex') FROM packed LIMIT 1;
SELECT count(DISTINCT e::text), max(pg_column_size(e)) FROM packed;

-- words of another dialect: LOBSTER message types and directions
SELECT ad_order_event(type::text, direction::text, price / 10000.0, size,
	'2012-06-21 00:00-04'::timestamptz + seconds * interval '1 second', id::text,
	ad_layering_options(words => '{"order": "1", "cancel": ["2", "3"],
		"trade": ["4", "5"], "buy": "1", "sell": "-1"}'))
FROM (VALUES (1, 1, 5853300, 18, 34200.017459617, 16113575),
	(3, 1, 5853300, 18, 34200.189607670, 16113575),
	(4, -1, 5859400, 30, 34200.275, 16120456)) m(type, direction, price, size, seconds, id);

-- bad input
SELECT 'NEW,B,1,1'::ad_order_event;
SELECT 'NWE,B,1,1,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,X,1,1,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,B,0,1,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,B,NaN,1,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,B,1e999,1,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,B,1,-1,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,B,1,1e400,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,B,1,9223372036854775808,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,B,1,0.0000000000000000001,2025-10-26 08:00Z'::ad_order_event;
SELECT 'NEW,B,1,1,infinity'::ad_order_event;
SELECT 'NEW,B,1,1,yesterdayish'::ad_order_event;
SELECT ('NEW,B,1,1,2025-10-26 08:00Z,' || repeat('x', 256))::ad_order_event;
SELECT ad_order_event('NEW', 'B', true, 1, now());
SELECT ad_order_event('NEW', 'B', 1, 'x'::text, now());
SELECT ad_order_event('NEW', 'B', 1, 1, '2025-10-26 08:00Z'::timestamptz, repeat('x', 256));
SELECT ad_order_event('NEW', 'B', 1, 1, '2025-10-26 08:00Z'::timestamptz, ad_layering_options(on_bad => 'skip')),
	ad_order_event('NEW', 'Z', 1, 1, '2025-10-26 08:00Z'::timestamptz, ad_layering_options(on_bad => 'skip')) IS NULL AS skipped;

DROP TABLE packed;
