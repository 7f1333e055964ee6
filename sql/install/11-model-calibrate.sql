-- Specs: what of the rows is held out, and which share is anomalous.

CREATE FUNCTION @extschema@.ad_calibrate(
    share double precision DEFAULT 0.2,
    contamination double precision DEFAULT 0.1)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_calibrate(double precision, double precision) IS
'part of a spec: share of the sampled rows held out of the fit for p-values (0: none), and contamination that ad_is_anomaly() goes by; compose with ||';
