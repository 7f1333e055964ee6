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
'score of a row, a JSON object whose keys are the features (and the entity''s columns), under the active version of a named model; other keys are ignored, null is missing, strings are read as the feature''s type; needs the privilege score; NULL name or row, or no model for the entity: NULL; 42703 without a key that the model expects, 42804 for another kind of value, 22P02 for a string that is no value of the type';

CREATE FUNCTION @extschema@.ad_score_row(model bytea, features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_score_row(bytea, jsonb) IS
'the same under a model; of to_jsonb(t) what ad_score(model, t) is for the row t';

CREATE FUNCTION @extschema@.ad_pvalue_row(model text, features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue_row(text, jsonb) IS
'ad_pvalue() of a row that is a JSON object, as ad_score_row() reads it, under the active version of a named model; needs the privilege score; NULL as ad_score_row()';

CREATE FUNCTION @extschema@.ad_pvalue_row(model bytea, features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue_row(bytea, jsonb) IS
'the same under a model';

CREATE FUNCTION @extschema@.ad_is_anomaly_row(model text, features jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_is_anomaly_row(text, jsonb) IS
'ad_is_anomaly() of a row that is a JSON object, as ad_score_row() reads it, under the active version of a named model; needs the privilege score; NULL as ad_score_row()';

CREATE FUNCTION @extschema@.ad_is_anomaly_row(model bytea, features jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_is_anomaly_row(bytea, jsonb) IS
'the same under a model';

CREATE FUNCTION @extschema@.ad_why_row(model text, features jsonb)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_why_row(text, jsonb) IS
'ad_why() of a row that is a JSON object, as ad_score_row() reads it, under the active version of a named model; needs the privilege score; NULL as ad_score_row()';

CREATE FUNCTION @extschema@.ad_why_row(model bytea, features jsonb)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_why_row(bytea, jsonb) IS
'the same under a model';

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
'ad_explain() of a row that is a JSON object, as ad_score_row() reads it, under the active version of a named model, with the options of ad_explain(), NULL: its defaults; needs the privilege score; no rows where ad_score_row() is NULL';

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
'the same under a model';
