-- Models: fit, score, inspect.

CREATE FUNCTION _anomaly._ad_fit_transfn(internal, jsonb, VARIADIC "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_fit_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4
SUPPORT _anomaly._ad_columns_support;
COMMENT ON FUNCTION _anomaly._ad_fit_transfn(internal, jsonb, VARIADIC "any") IS
'transition of ad_fit(jsonb, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_fit_transfn(internal, text, VARIADIC "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_fit_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4
SUPPORT _anomaly._ad_columns_support;
COMMENT ON FUNCTION _anomaly._ad_fit_transfn(internal, text, VARIADIC "any") IS
'transition of ad_fit(text, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_fit_finalfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_fit_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_fit_finalfn(internal) IS
'the model fitted to a state';

CREATE AGGREGATE @extschema@.ad_fit(spec jsonb, VARIADIC "any") (
    SFUNC = _anomaly._ad_fit_transfn,
    STYPE = internal,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_fit(jsonb, VARIADIC "any") IS
'model fitted to rows: features as columns, one array of numbers, or one row (names are kept); NULL is missing; no rows: NULL';

CREATE AGGREGATE @extschema@.ad_fit(detector text, VARIADIC "any") (
    SFUNC = _anomaly._ad_fit_transfn,
    STYPE = internal,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_fit(text, VARIADIC "any") IS
'model of a detector with its default options, fitted to rows';

CREATE FUNCTION @extschema@.ad_fit_sketch(spec jsonb, sketch bytea)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_fit_sketch(jsonb, bytea) IS
'model fitted to a stored sketch, the same as ad_fit() of its rows';

CREATE FUNCTION @extschema@.ad_fit_sketch(detector text, sketch bytea)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_fit_sketch(text, bytea) IS
'model of a detector with its default options, fitted to a stored sketch';

CREATE FUNCTION @extschema@.ad_score(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.ad_score(bytea, VARIADIC "any") IS
'score of a row under a model, higher is more anomalous; features as in the fit (a row by attribute names); a NULL feature is imputed; NULL model, array or row: NULL';

CREATE FUNCTION @extschema@.ad_info(model bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_info(bytea) IS
'what a model is: detector, spec, rows seen and sampled, features, bytes, format version, whether it contains training rows';

CREATE FUNCTION @extschema@.ad_features(
    model bytea,
    OUT "position" integer,
    OUT name text,
    OUT type text,
    OUT missing bigint,
    OUT infinite bigint,
    OUT "distinct" bigint,
    OUT min double precision,
    OUT median double precision,
    OUT max double precision,
    OUT encoding text,
    OUT distinct_values bigint,
    OUT min_text text,
    OUT median_text text,
    OUT max_text text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_features(bytea) IS
'the features of a model: one row each with counts, range, and how it enters the detector; distinct_values, and distinct, which is the same, are NULL when there are more than are counted; min, median and max are numbers as the model sees them, of temporal features in seconds (since 1970, or midnight), of money in cents; min_text and the like are the same as text that the feature''s type reads; of categories they are NULL';

-- What was ad_features() in 0.2.0, for what depends on it.
CREATE FUNCTION _anomaly._ad_features(
    model bytea,
    OUT "position" integer,
    OUT name text,
    OUT type text,
    OUT missing bigint,
    OUT infinite bigint,
    OUT "distinct" bigint,
    OUT min double precision,
    OUT median double precision,
    OUT max double precision,
    OUT encoding text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_features'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION _anomaly._ad_features(bytea) IS
'ad_features() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_outlier(spec jsonb, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_outlier(jsonb, VARIADIC "any") IS
'score of a row under the detector fitted to its own window partition, in-sample (a row is not its own neighbour); NULL array or row: NULL; the frame is of no effect';

CREATE FUNCTION @extschema@.ad_outlier(detector text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_outlier(text, VARIADIC "any") IS
'the same with the default options of a detector';

