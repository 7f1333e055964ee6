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
	'one layering sequence as a case: its events, metrics with their percentiles among the sequences of the same events, parts of the severity, regulatory texts, and an SVG picture (null with more than 20000 events); times in UTC; no events, no case';
