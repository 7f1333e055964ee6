-- Detectors: several as one.

CREATE FUNCTION @extschema@.ad_ensemble(
    specs jsonb[],
    combine text DEFAULT 'mean')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_ensemble(jsonb[], text) IS
'spec of several detectors fitted to the same sample and scored as one; combine: mean, max or median of their standardised scores, vote (share above their thresholds) or pvalue (mean of -ln p)';
