-- Decisions: what a score means.

CREATE FUNCTION @extschema@.ad_pvalue(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue(bytea, VARIADIC "any") IS
'conformal p-value of a row: (1 + calibration rows that score at least as high) / (calibration rows + 1); needs ad_calibrate() in the spec of the fit; NULL as ad_score()';

CREATE FUNCTION @extschema@.ad_pvalue_randomized(model bytea, u double precision, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue_randomized(bytea, double precision, VARIADIC "any") IS
'randomised conformal p-value of a row: (calibration rows that score higher + u * (1 + those that score equal)) / (calibration rows + 1); with u drawn uniformly from 0 to 1 for each row, as ad_random(seed, id), it is at most a with probability a exactly, of discrete data too; needs ad_calibrate() in the spec of the fit; NULL as ad_score(), and if u is NULL; 22003 if u is not 0 to 1';

CREATE FUNCTION @extschema@.ad_is_anomaly(model bytea, VARIADIC "any")
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_is_anomaly(bytea, VARIADIC "any") IS
'whether a row scores above the threshold of the model''s contamination (ad_calibrate(contamination => …), 0.1 if not given); NULL as ad_score()';

CREATE FUNCTION @extschema@.ad_probability(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_probability(bytea, VARIADIC "any") IS
'outlier probability of a row, 0 to 1: Gaussian scaling of its score by the scores of the fit (Kriegel, Kröger, Schubert and Zimek 2011); NULL as ad_score()';

CREATE FUNCTION @extschema@.ad_threshold(model bytea, contamination double precision DEFAULT NULL)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_threshold(bytea, double precision) IS
'the score that a share of the training rows exceeds, 0 < contamination <= 0.5; NULL: the contamination of the model; NULL model: NULL';
