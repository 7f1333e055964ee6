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
'sketch of rows: features as columns, one array of numbers, or one row; NULL is missing; no rows: NULL';

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
'sketch of rows, sampled as ad_sampling() in the spec says, or by default as a fit by that spec would';

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
'one sketch of many, the same as a sketch of all their rows, as large as the smallest; NULL is passed over';

