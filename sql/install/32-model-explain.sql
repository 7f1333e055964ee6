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
'what each feature contributes to a row''s score, greatest first; contributions add up to the score less a baseline that is the same for all rows of a model; features as in ad_score(); NULL model, array or row: no rows';

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
'the same with options: method ("shap", or "path": cheap, for forests) and top (number of features)';

CREATE FUNCTION @extschema@.ad_why(model bytea, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_why(bytea, VARIADIC "any") IS
'a sentence on what raises a row''s score most: up to three features with their values and what is usual; NULL model, array or row: NULL';
