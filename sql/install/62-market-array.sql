-- since 0.3.0
--
-- Market surveillance: layering over arrays of events.
--

CREATE FUNCTION @extschema@.ad_layering_array(events @extschema@.ad_order_event[], options jsonb DEFAULT NULL)
	RETURNS @extschema@.ad_layering_sequence[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.ad_layering_array(@extschema@.ad_order_event[], jsonb) IS
'Returns the layering sequences of one partition; first_row and trade_row are positions in the array. '
'events: order events in the order of time; NULL gives NULL. options: as returned by '
'ad_layering_options(); NULL means the defaults. Raises 22023 for events that are not in the order of '
'time.';
