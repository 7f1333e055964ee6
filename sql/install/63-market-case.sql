-- since 0.3.0
--
-- Market surveillance: what is filed about a layering sequence.
--

CREATE FUNCTION @extschema@.ad_layering_case(
	events @extschema@.ad_order_event[],
	options jsonb DEFAULT NULL,
	sequence_no integer DEFAULT 1,
	title text DEFAULT NULL,
	OUT report jsonb,
	OUT picture text)
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.ad_layering_case(@extschema@.ad_order_event[], jsonb, integer, text) IS
'Returns one layering sequence as a case: a report with its events, metrics with percentiles among the '
'sequences of the same events, parts of the severity and regulations, and an SVG picture, which is NULL '
'with more than 20000 events. events: order events in the order of time; NULL gives NULLs. options: those '
'with which the sequence was found. sequence_no: its number. title: title of the case. Raises 22023 for a '
'sequence that does not exist.';
