-- Explanations: why a row scores what it scores.

CREATE FUNCTION @extschema@.ad_explain(
    model bytea,
    VARIADIC features "any",
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_explain(bytea, VARIADIC "any") IS
'Returns one row per feature with its contribution to the score of a row, in descending order of size. '
'Contributions add up to the score minus a baseline that is the same for all rows of a model. model: the '
'bytes of a model. features: as in ad_score(). A NULL model, array or row gives no rows. Raises the '
'errors of ad_score().';

CREATE FUNCTION @extschema@.ad_explain(
    model bytea,
    options jsonb,
    VARIADIC features "any",
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_explain(bytea, jsonb, VARIADIC "any") IS
'Same as ad_explain(bytea, VARIADIC "any") with options: method (shap, or path, which is cheap, for '
'forests), top (number of features) and beyond (whether features beyond the training data are added). '
'Raises 22023 for an unknown option.';

CREATE FUNCTION @extschema@.ad_why(model bytea, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_why(bytea, VARIADIC "any") IS
'Returns a sentence on what raises the score of a row most: up to three features with their values and '
'what is usual. model: the bytes of a model. features: as in ad_score(). A NULL model, array or row gives '
'NULL. Raises the errors of ad_score().';
