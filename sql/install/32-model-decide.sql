-- Decisions: what a score means.

CREATE FUNCTION @extschema@.ad_pvalue(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue(bytea, VARIADIC "any") IS
'Returns the conformal p-value of a row: (1 + calibration rows that score at least as high) / '
'(calibration rows + 1). model: the bytes of a model fitted with ad_calibrate(). The other arguments are '
'features as in ad_score(bytea, VARIADIC "any"), with the same NULL rule and errors. Raises 55000 if the '
'model has no calibration rows.';

CREATE FUNCTION @extschema@.ad_pvalue_randomized(model bytea, u double precision, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue_randomized(bytea, double precision, VARIADIC "any") IS
'Returns the randomized conformal p-value of a row: (calibration rows that score higher + u * (1 + those '
'that score equal)) / (calibration rows + 1). With u drawn uniformly it is exact for discrete data, too. '
'model: the bytes of a model fitted with ad_calibrate(). u: a number from 0 to 1, such as ad_random(seed, '
'id). The other arguments are features as in ad_score(). A NULL model, u, array or row gives NULL. Raises '
'22003 if u is not from 0 to 1, 55000 if the model has no calibration rows.';

CREATE FUNCTION @extschema@.ad_is_anomaly(model bytea, VARIADIC "any")
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_is_anomaly(bytea, VARIADIC "any") IS
'Returns whether a row scores above the threshold of the model''s contamination, set by ad_calibrate(), '
'0.1 by default. model: the bytes of a model. The other arguments are features as in ad_score(bytea, '
'VARIADIC "any"), with the same NULL rule. Raises the same errors.';

CREATE FUNCTION @extschema@.ad_probability(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_probability(bytea, VARIADIC "any") IS
'Returns the outlier probability of a row, 0 to 1: Gaussian scaling of its score by the scores of the fit '
'(Kriegel, Kröger, Schubert and Zimek 2011). model: the bytes of a model. The other arguments are '
'features as in ad_score(bytea, VARIADIC "any"), with the same NULL rule. Raises the same errors.';

CREATE FUNCTION @extschema@.ad_threshold(model bytea, contamination double precision DEFAULT NULL)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_threshold(bytea, double precision) IS
'Returns the score that a share of the training rows exceeds. model: the bytes of a model; NULL gives '
'NULL. contamination: that share, above 0 to 0.5; NULL means the contamination of the model. Raises 22023 '
'for a share out of range, 22P03 if the bytes are not a model.';
