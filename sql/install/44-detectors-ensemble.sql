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
'Returns the spec of several detectors that are fitted to the same sample and scored as one. specs: 1 to '
'32 specs. combine: mean, max or median of the standardized scores, top (mean of the k highest), vote '
'(share above their thresholds, ties by the mean) or pvalue (mean of -ln p). k: number of scores for top, '
'1 to 32. weights: one per member, 0 to 1000000, of which only the ratios count. NULL means the default '
'(equal weights). Raises 22023 without specs and for a value out of range, 54000 for more than 32 '
'members.';

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
'Returns the spec of the automatic detector, for data that nothing is known about. priority: accuracy '
'(fair_forest, subknn and ecod, of whose standardized scores the two highest count) or speed (iforest). '
'Models store what the spec stood for when they were fitted. NULL means the default. Raises 22023 for '
'another priority.';
