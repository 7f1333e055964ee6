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
'Returns a model fitted to the rows. spec: the detector with its options. The other arguments are '
'features as columns, one array of numbers, or one row, whose names are kept. NULL features are missing '
'values; without rows the result is NULL. Raises 22004 if spec is NULL, 22023 for an invalid spec or rows '
'that differ in their features, 42804 for a type that cannot be a feature, 22003 for values too large or '
'too small for the detector.';

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
'Same as ad_fit(jsonb, VARIADIC "any") with the default options of a detector. detector: its name.';

CREATE FUNCTION @extschema@.ad_fit_sketch(spec jsonb, sketch bytea)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_fit_sketch(jsonb, bytea) IS
'Returns a model fitted to a sketch, the same as ad_fit() of its rows. spec: the detector with its '
'options. sketch: the bytes of a sketch. If an argument is NULL, the result is NULL. Raises 22023 for an '
'invalid spec, 22P03 if the bytes are not a sketch.';

CREATE FUNCTION @extschema@.ad_fit_sketch(detector text, sketch bytea)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_fit_sketch(text, bytea) IS
'Same as ad_fit_sketch(jsonb, bytea) with the default options of a detector. detector: its name.';

CREATE FUNCTION @extschema@.ad_score(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.ad_score(bytea, VARIADIC "any") IS
'Returns the score of a row; a higher score is more anomalous. model: the bytes of a model. The other '
'arguments are features as in the fit: columns, one array, or one row, matched by names. A NULL feature '
'is imputed; a NULL model, array or row gives NULL. Raises 22P03 if the bytes are damaged or not a model, '
'0A000 for a later format, 22023, 42703 or 42804 if the row does not match the model in number, names or '
'types of features.';

CREATE FUNCTION @extschema@.ad_info(model bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_info(bytea) IS
'Returns a JSON object that describes a model: detector, spec, rows seen and sampled, features, bytes, '
'format version, whether it contains training rows. model: the bytes of a model. NULL gives NULL. Raises '
'22P03 if the bytes are not a model.';

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
'Returns one row per feature of a model: counts, range, and how it is encoded. min, median and max are numbers of the model; min_text, '
'median_text and max_text are the same as values of the type of the feature. model: the bytes of a '
'model. distinct_values, and distinct, the same, is NULL if there are more values than are counted. NULL gives no rows. Raises 22P03 if '
'the bytes are not a model.';

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
'Returns the score of a row under a detector fitted to its window partition; a row is not its own '
'neighbor, and the frame does not affect the result. spec: the detector with its options. The other '
'arguments are features as in ad_fit(). A NULL array or row gives NULL. Raises the errors of ad_fit(), '
'53400 if the partition does not fit into memory.';

CREATE FUNCTION @extschema@.ad_outlier(detector text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_outlier(text, VARIADIC "any") IS
'Same as ad_outlier(jsonb, VARIADIC "any") with the default options of a detector. detector: its name.';

