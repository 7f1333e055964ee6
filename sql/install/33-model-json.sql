-- since 0.3.0
-- Rows as JSON objects, for drivers. Names of their own, since a parameter
-- without a type cannot choose among functions over "any"; of text and bytea it
-- is taken to be text, so a parameter that is no bytea is a name.

CREATE FUNCTION @extschema@.ad_score_row(model text, features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_score_row(text, jsonb) IS
'Returns the score of a row that is a JSON object whose keys are the features (and the columns of the '
'entity), under the active version of a named model. model: its name. row: the object; other keys are '
'ignored, null is a missing value, and strings are read as the type of the feature. A NULL model or row, '
'or an entity without a model, gives NULL. Raises 42703 for a missing key, 42804 for another kind of '
'value, 22P02 for a string that is not a value of the type, 42704 if there is no such model, 42501 '
'without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_score_row(model bytea, features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_score_row(bytea, jsonb) IS
'Same as ad_score_row(text, jsonb) with the bytes of a model; for to_jsonb(t) the result is that of '
'ad_score(model, t).';

CREATE FUNCTION @extschema@.ad_pvalue_row(model text, features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue_row(text, jsonb) IS
'Same as ad_score_row(text, jsonb), but returns the result of ad_pvalue(). Raises 55000 if the model has '
'no calibration rows.';

CREATE FUNCTION @extschema@.ad_pvalue_row(model bytea, features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue_row(bytea, jsonb) IS
'Same as ad_pvalue_row(text, jsonb) with the bytes of a model.';

CREATE FUNCTION @extschema@.ad_is_anomaly_row(model text, features jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_is_anomaly_row(text, jsonb) IS
'Same as ad_score_row(text, jsonb), but returns the result of ad_is_anomaly().';

CREATE FUNCTION @extschema@.ad_is_anomaly_row(model bytea, features jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_is_anomaly_row(bytea, jsonb) IS
'Same as ad_is_anomaly_row(text, jsonb) with the bytes of a model.';

CREATE FUNCTION @extschema@.ad_why_row(model text, features jsonb)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_why_row(text, jsonb) IS
'Same as ad_score_row(text, jsonb), but returns the sentence of ad_why().';

CREATE FUNCTION @extschema@.ad_why_row(model bytea, features jsonb)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_why_row(bytea, jsonb) IS
'Same as ad_why_row(text, jsonb) with the bytes of a model.';

CREATE FUNCTION @extschema@.ad_explain_row(
    model text,
    features jsonb,
    options jsonb DEFAULT NULL,
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_explain_row(text, jsonb, jsonb) IS
'Same as ad_score_row(text, jsonb), but returns the rows of ad_explain(), and no rows instead of NULL. '
'options: as in ad_explain(); NULL means its defaults.';

CREATE FUNCTION @extschema@.ad_explain_row(
    model bytea,
    features jsonb,
    options jsonb DEFAULT NULL,
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_explain_row(bytea, jsonb, jsonb) IS
'Same as ad_explain_row(text, jsonb, jsonb) with the bytes of a model.';
