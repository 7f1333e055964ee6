-- since 0.3.0
--
-- Market surveillance: layering over arrays of events.
--

CREATE FUNCTION @extschema@.ad_layering_array(events @extschema@.ad_order_event[], options jsonb DEFAULT NULL)
	RETURNS @extschema@.ad_layering_sequence[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.ad_layering_array(@extschema@.ad_order_event[], jsonb) IS
	'layering sequences of one partition, whose events come as an array in the order of time; null for null; first_row and trade_row are places in the array';
