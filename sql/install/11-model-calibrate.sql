-- Specs: what of the rows is held out, and which share is anomalous.

CREATE FUNCTION @extschema@.ad_calibrate(
    share double precision DEFAULT 0.2,
    contamination double precision DEFAULT 0.1,
    method text DEFAULT 'split')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_calibrate(double precision, double precision, text) IS
'part of a spec: share of the sampled rows held out of the fit for p-values (0: none), contamination that ad_is_anomaly() goes by, and method: split (of h rows held out, at least one, p-values are valid and at least 1 / (h + 1)) or cross (all rows are fitted to, and scored by folds: more p-values, and an error rate of at most twice the level); compose with ||';

-- What was ad_calibrate() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_calibrate(
    share double precision DEFAULT 0.2,
    contamination double precision DEFAULT 0.1)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_calibrate_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_calibrate(double precision, double precision) IS
'ad_calibrate() of version 0.2.0, for objects that depend on it';
