-- since 0.3.0
-- Names for SQL text of ours, of what reads packed rows.

CREATE FUNCTION _anomaly._ad_pack(VARIADIC "any")
RETURNS @extschema@.ad_row
AS 'MODULE_PATHNAME', 'ad_row'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4
SUPPORT _anomaly._ad_row_support;
COMMENT ON FUNCTION _anomaly._ad_pack(VARIADIC "any") IS
'ad_row(VARIADIC "any")';

CREATE AGGREGATE _anomaly._ad_sketch(spec jsonb, features @extschema@.ad_row) (
    SFUNC = _anomaly._ad_sketch_row_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 4194304,
    FINALFUNC = _anomaly._ad_sketch_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_sketch(jsonb, @extschema@.ad_row) IS
'ad_sketch(jsonb, ad_row)';

CREATE AGGREGATE _anomaly._ad_fit(spec jsonb, features @extschema@.ad_row) (
    SFUNC = _anomaly._ad_fit_row_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_fit(jsonb, @extschema@.ad_row) IS
'ad_fit(jsonb, ad_row)';

CREATE AGGREGATE _anomaly._ad_fit(detector text, features @extschema@.ad_row) (
    SFUNC = _anomaly._ad_fit_row_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_fit(text, @extschema@.ad_row) IS
'ad_fit(text, ad_row)';
