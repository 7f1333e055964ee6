-- What the planner is told of scores.

CREATE FUNCTION _anomaly._ad_model_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_model_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_model_support(internal) IS
'planner support: costs and selectivities from a constant model';

ALTER FUNCTION @extschema@.ad_score(bytea, VARIADIC "any") SUPPORT _anomaly._ad_model_support;
