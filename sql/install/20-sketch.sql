-- Sketches: bounded, mergeable summaries of rows.

CREATE FUNCTION _anomaly._ad_combine_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_combine_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_combine_support(internal) IS
'planner support: what it costs to send and merge the samples of parallel workers';

CREATE FUNCTION _anomaly._ad_columns_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_columns_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_columns_support(internal) IS
'planner support: raises an error for columns of a distributed table where Citus would raise one of its own';

CREATE FUNCTION _anomaly._ad_sketch_transfn(internal, VARIADIC "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_sketch_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4
SUPPORT _anomaly._ad_columns_support;
COMMENT ON FUNCTION _anomaly._ad_sketch_transfn(internal, VARIADIC "any") IS
'transition of ad_sketch(VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_sketch_spec_transfn(internal, jsonb, VARIADIC "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_sketch_spec_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4
SUPPORT _anomaly._ad_columns_support;
COMMENT ON FUNCTION _anomaly._ad_sketch_spec_transfn(internal, jsonb, VARIADIC "any") IS
'transition of ad_sketch(jsonb, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_merge_transfn(internal, bytea)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_merge_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_merge_transfn(internal, bytea) IS
'transition of ad_merge(bytea)';

CREATE FUNCTION _anomaly._ad_fit_combinefn(internal, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_fit_combinefn'
LANGUAGE C IMMUTABLE PARALLEL SAFE
SUPPORT _anomaly._ad_combine_support;
COMMENT ON FUNCTION _anomaly._ad_fit_combinefn(internal, internal) IS
'combines partial states of the aggregates over rows';

CREATE FUNCTION _anomaly._ad_fit_serialfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_fit_serialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_fit_serialfn(internal) IS
'writes a partial state of the aggregates over rows';

CREATE FUNCTION _anomaly._ad_fit_deserialfn(bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_fit_deserialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_fit_deserialfn(bytea, internal) IS
'reads a partial state of the aggregates over rows';

CREATE FUNCTION _anomaly._ad_sketch_finalfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_sketch_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_sketch_finalfn(internal) IS
'the sketch of a state';

CREATE AGGREGATE @extschema@.ad_sketch(VARIADIC "any") (
    SFUNC = _anomaly._ad_sketch_transfn,
    STYPE = internal,
    SSPACE = 4194304,
    FINALFUNC = _anomaly._ad_sketch_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_sketch(VARIADIC "any") IS
'Returns a sketch of the rows, a bounded summary from which models are fitted. The arguments are features '
'as columns, one array of numbers, or one row, whose names are kept. NULL features are missing values; '
'without rows the result is NULL. Raises 42804 for a type that cannot be a feature, 22023 if rows differ '
'in their features.';

CREATE AGGREGATE @extschema@.ad_sketch(spec jsonb, VARIADIC "any") (
    SFUNC = _anomaly._ad_sketch_spec_transfn,
    STYPE = internal,
    SSPACE = 4194304,
    FINALFUNC = _anomaly._ad_sketch_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_sketch(jsonb, VARIADIC "any") IS
'Same as ad_sketch(VARIADIC "any"), sampled as set by ad_sampling() in spec, or by default as a fit by '
'that spec would.';

CREATE AGGREGATE @extschema@.ad_merge(sketch bytea) (
    SFUNC = _anomaly._ad_merge_transfn,
    STYPE = internal,
    SSPACE = 4194304,
    FINALFUNC = _anomaly._ad_sketch_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_merge(bytea) IS
'Returns the sketch of all rows of many sketches, with the sample size of the smallest. sketch: a sketch; '
'NULLs are ignored, and without sketches the result is NULL. Raises 22023 if the sketches differ in their '
'features, seed or key, 22P03 if the bytes are not a sketch.';

