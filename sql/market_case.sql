-- ad_layering_case: the report and the picture of one sequence.
SET timezone = 'Asia/Tokyo';	-- times are UTC all the same

CREATE TABLE flow AS
SELECT e * 10 + n AS id, ad_order_event(type, side, price + e * 0.01, quantity * e, timestamptz '2025-10-27 08:00Z' + e * interval '1 minute' + s * interval '1 second', o || e) AS e
FROM generate_series(1, 4) e,
	(VALUES (1, 'NEW', 'BUY', 10.03, 100, 0.0, '<1>'), (2, 'NEW', 'BUY', 10.02, 200, 0.5, '2'), (3, 'NEW', 'BUY', 10.01, 300, 1.0, '3'),
		(4, 'CANCEL', 'BUY', 10.03, 100, 2.0, '<1>'), (5, 'CANCEL', 'BUY', 10.02, 200, 2.5, '2'), (6, 'CANCEL', 'BUY', 10.01, 300, 3.0, '3'),
		(7, 'FILL', 'SELL', 10.05, 50, 3.5, 't'), (8, 'NEW', 'SELL', 10.09, 10, 4.0, 'n')) v(n, type, side, price, quantity, s, o);
CREATE TABLE filed AS
SELECT rule, (c).* FROM unnest('{window,strict,anchored}'::text[]) rule,
	LATERAL (SELECT ad_layering_case(array_agg(e ORDER BY id), ad_layering_options(rule => rule), 3, 'A & B <"1">') AS c FROM flow) x;

SELECT jsonb_pretty(report - 'metrics' - 'regulations' - 'severity_parts' - 'severity' - 'options') AS report FROM filed WHERE rule = 'strict';
SELECT rule, report->'options' = ad_layering_options(rule => rule) AS options FROM filed ORDER BY 1;
SELECT m.key, m.value FROM filed, jsonb_each(report->'metrics') m WHERE rule = 'window'
	AND m.key IN ('placed_qty', 'cancelled_orders', 'severity', 'opp_trade_qty', 'price_levels', 'spoof_to_trade_qty_ratio') ORDER BY 1;
SELECT r->>'text' AS text, r->>'reference' AS reference, r->>'edition' AS edition FROM filed, jsonb_array_elements(report->'regulations') r WHERE rule = 'window';

-- the parts make up the severity, the metrics are those of the sequence, and
-- percentiles are those of the sequences
SELECT f.rule, abs((f.report->>'severity')::float8 - (SELECT 100 * avg(value::float8) FROM jsonb_each_text(f.report->'severity_parts'))) < 1e-9 AS parts,
	s.sequences = (f.report->>'sequences')::int AS sequences,
	(SELECT bool_and(m.value->>'value' IS NULL AND s.sequence->>m.key = 'NaN' OR (m.value->>'value')::float8 = (s.sequence->>m.key)::float8)
		FROM jsonb_each(f.report->'metrics') m) AS metrics,
	(SELECT bool_and((m.value->>'percentile')::float8 = (SELECT 100.0 * count(*) FILTER (WHERE (o->>m.key)::float8 <= (s.sequence->>m.key)::float8) / count(*)
			FROM jsonb_array_elements(s.every) o WHERE o->>m.key <> 'NaN')) FROM jsonb_each(f.report->'metrics') m WHERE m.value->>'value' IS NOT NULL) AS percentiles,
	(f.report->>'orders')::int + (f.report->>'counted_cancels')::int + 1 = jsonb_array_length(f.report->'events') AS events
FROM filed f, LATERAL (SELECT count(*) AS sequences, (array_agg(to_jsonb(q) ORDER BY q.sequence_no))[3] AS sequence, jsonb_agg(to_jsonb(q)) AS every
	FROM (SELECT array_agg(e ORDER BY id) AS a FROM flow) g, unnest(ad_layering_array(a, ad_layering_options(rule => f.rule))) q) s
ORDER BY 1;

-- the picture: text of the user's is escaped
SELECT rule, picture LIKE '<svg %</svg>%' AS svg, picture LIKE '%>A &amp; B &lt;&quot;1&quot;&gt;<%' OR picture LIKE '%>A &amp; B &lt;"1"&gt;<%' AS title,
	picture LIKE '%order &lt;1&gt;3</title>%' AS id, picture LIKE '%, sequence 3 of 4</text>%' AS said, picture LIKE '%>order not cancelled<%' AS legend,
	picture LIKE '%>300</text>%' AND picture LIKE '%>900</text>%' AS sizes FROM filed ORDER BY 1;

-- a title of its own; another sequence; no events
SELECT (c).report ? 'title' AS title, (c).report->'sequence_no' AS no, (c).report->'metrics'->'severity'->'percentile' AS percentile,
	(c).picture LIKE '%>Layering: 3 orders to buy, severity %' AS own
FROM (SELECT ad_layering_case(array_agg(e ORDER BY id)) AS c FROM flow WHERE id < 20) x;
SELECT ad_layering_case(NULL) IS NULL AS none;

-- refused
\set VERBOSITY terse
SELECT ad_layering_case('{}');
SELECT ad_layering_case(array_agg(e ORDER BY id), NULL, 5) FROM flow;
SELECT ad_layering_case(array_agg(e ORDER BY id), NULL, 0) FROM flow;
SELECT ad_layering_case(array_agg(e ORDER BY id DESC)) FROM flow;
SELECT ad_layering_case(array_agg(e ORDER BY id) || NULL::ad_order_event) FROM flow;
SELECT ad_layering_case(array_agg(e ORDER BY id), '{"min_orders": 0}') FROM flow;
SELECT ad_layering_case(array_agg(e ORDER BY id), title => repeat('x', 100000)) FROM flow;

DROP TABLE flow, filed;
