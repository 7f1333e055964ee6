-- Specs: what of the rows is held out, and which share is anomalous.

CREATE FUNCTION @extschema@.ad_calibrate(
    share double precision DEFAULT 0.2,
    contamination double precision DEFAULT 0.1,
    method text DEFAULT 'split')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_calibrate(double precision, double precision, text) IS
'Returns the part of a spec that adds p-values and sets the threshold; combine it with ||. share: share '
'of the rows held out of the fit, 0 to 0.5; 0 gives no p-values. contamination: share of anomalies '
'assumed by ad_is_anomaly(), above 0 to 0.5. method: split (with h held-out rows, p-values are valid and '
'at least 1 / (h + 1)) or cross (all rows are fitted to and scored by folds; the error rate is at most '
'twice the level). NULL means the default. Raises 22023 for a value out of range.';

-- What was ad_calibrate() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_calibrate(
    share double precision DEFAULT 0.2,
    contamination double precision DEFAULT 0.1)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_calibrate_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_calibrate(double precision, double precision) IS
'ad_calibrate() of version 0.2.0, for objects that depend on it';
