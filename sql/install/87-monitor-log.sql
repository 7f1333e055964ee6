-- since 0.3.0
-- Monitoring: limits of health.

CREATE FUNCTION _anomaly._ad_health_limits(given jsonb)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_health_limits'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_health_limits(jsonb) IS
'limits of health with every default spelled out; null: one that depends on the rule, or a setting';

-- Views over jobs read them, so what a restore brings is checked.
ALTER TABLE _anomaly._ad_model_name ADD CHECK (health IS NULL OR _anomaly._ad_health_limits(health) IS NOT NULL);
