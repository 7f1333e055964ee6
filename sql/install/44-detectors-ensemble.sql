-- Detectors: several as one.

CREATE FUNCTION @extschema@.ad_ensemble(
    specs jsonb[],
    combine text DEFAULT 'mean',
    k integer DEFAULT 2,
    weights double precision[] DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_ensemble(jsonb[], text, integer, double precision[]) IS
'spec of several detectors fitted to the same sample and scored as one; combine: mean, max or median of their standardised scores, top (mean of the k highest of these, of all if there are fewer), vote (share above their thresholds, equal shares by the mean) or pvalue (mean of -ln p); weights: of the members in that, one each, of 0 to 1,000,000, of which only the ratios count; NULL: equal';

-- What was ad_ensemble() in 0.2.0, as _ad_prepare() is.
CREATE FUNCTION _anomaly._ad_ensemble(
    specs jsonb[],
    combine text DEFAULT 'mean')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_ensemble_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ensemble(jsonb[], text) IS
'ad_ensemble() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_auto(
    priority text DEFAULT 'accuracy')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_auto(text) IS
'spec of what this version takes where nothing is known of the data; priority: accuracy (fair_forest, subknn and ecod, the two highest of whose standardised scores count) or speed (iforest); models keep what it stood for when they were fitted';
