-- ad_layering_timeline: a picture as SVG text.
SET timezone = 'UTC';

CREATE TABLE episode AS
SELECT i AS id, ad_order_event(
	CASE WHEN i <= 3 THEN 'NEW' WHEN i <= 6 THEN 'CANCEL' ELSE 'FILL' END,
	CASE WHEN i <= 6 THEN 'BUY' ELSE 'SELL' END,
	CASE WHEN i <= 6 THEN 99.97 + i % 3 * 0.01 ELSE 100.01 END, 100 * (1 + i % 3),
	timestamptz '2025-10-26 08:00Z' + i * interval '500 ms',
	CASE WHEN i <= 6 THEN '<' || i % 3 || '&">' END) AS e
FROM generate_series(1, 7) i;

SELECT ad_layering_timeline(array_agg(e ORDER BY id), title => 'A & B <1>') FROM episode;

-- other sizes, rules and a single sequence
SELECT length(svg) > 2000, svg LIKE '<svg%width="400" height="300"%</svg>%'
FROM (SELECT ad_layering_timeline(array_agg(e ORDER BY id), ad_layering_options(rule => 'anchored'),
	sequence_no => 1, width => 400, height => 300) AS svg FROM episode) x;
SELECT ad_layering_timeline('{}'), ad_layering_timeline(NULL);
SELECT ad_layering_timeline(ARRAY['NEW,B,1,1,2025-10-26 08:00Z'::ad_order_event]) LIKE '%0 sequences%';

-- prices and times at the ends of their types: no more than the usual ticks,
-- and only finite numbers
SELECT low, high, (length(svg) - length(replace(svg, '<text', ''))) / 5 BETWEEN 8 AND 30 AS few_texts, svg ~ 'nan|inf' AS broken
FROM (VALUES ('5e-324', '5e-324'), ('5e-324', '1e-310'), ('1e-300', '2e-300'), ('1e308', '1.7976931348623157e308'),
		('5e-324', '1.7976931348623157e308'), ('1.7976931348623157e308', '1.7976931348623157e308')) v(low, high),
	LATERAL (SELECT ad_layering_timeline(ARRAY[format('NEW,B,%s,1,4713-01-01 BC', low), format('NEW,B,%s,1e18,294276-12-31 23:59:59Z', high)]::ad_order_event[]) AS svg) x;

-- refused
SELECT ad_layering_timeline(array_agg(e ORDER BY id DESC)) FROM episode;
SELECT ad_layering_timeline(array_agg(e ORDER BY id), sequence_no => 2) FROM episode;
SELECT ad_layering_timeline(array_agg(e ORDER BY id), sequence_no => 0) FROM episode;
SELECT ad_layering_timeline(array_agg(e ORDER BY id), width => 10) FROM episode;
SELECT ad_layering_timeline(ARRAY[NULL::ad_order_event]);
SELECT ad_layering_timeline(array_agg(e)) FROM episode, generate_series(1, 3000);

DROP TABLE episode;
