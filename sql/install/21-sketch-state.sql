-- since 0.3.0
-- Sketches as a type of their own, which is the state of aggregates too.

CREATE TYPE @extschema@.ad_sketch_state;

CREATE FUNCTION @extschema@.ad_sketch_state_in(cstring)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_sketch_state_in(cstring) IS
'I/O: reads the bytes of a sketch, written as a bytea is; they are checked; from another encoding they are converted';

CREATE FUNCTION @extschema@.ad_sketch_state_out(@extschema@.ad_sketch_state)
RETURNS cstring
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_sketch_state_out(@extschema@.ad_sketch_state) IS
'I/O: writes what ad_sketch_state_in reads';

CREATE FUNCTION @extschema@.ad_sketch_state_recv(internal)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_sketch_state_recv(internal) IS
'I/O: reads the bytes of a sketch, checked as by ad_sketch_state_in';

CREATE FUNCTION @extschema@.ad_sketch_state_send(@extschema@.ad_sketch_state)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_sketch_state_send(@extschema@.ad_sketch_state) IS
'I/O: writes the bytes of a sketch';

-- Preferred of its category, so that a literal without a type, where a sketch
-- may be of either type, is one.
CREATE TYPE @extschema@.ad_sketch_state (
    INPUT = @extschema@.ad_sketch_state_in,
    OUTPUT = @extschema@.ad_sketch_state_out,
    RECEIVE = @extschema@.ad_sketch_state_recv,
    SEND = @extschema@.ad_sketch_state_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external,
    CATEGORY = 'U',
    PREFERRED = true
);
COMMENT ON TYPE @extschema@.ad_sketch_state IS
'Sketch of rows, or the state of an aggregate that makes one: the bytes of a sketch, validated, with the '
'encoding of their text; stored uncompressed.';

CREATE FUNCTION _anomaly._ad_sketch_state(bytea)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME', 'ad_sketch_state_of_bytea'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_sketch_state(bytea) IS
'cast of a bytea to a sketch: its bytes are checked, of 0.1.0 and 0.2.0 too; 22P03 if they are none';

CREATE FUNCTION _anomaly._ad_sketch_bytes(@extschema@.ad_sketch_state)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_sketch_state_to_bytea'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION _anomaly._ad_sketch_bytes(@extschema@.ad_sketch_state) IS
'cast of a sketch to bytea: the bytes that ad_sketch(VARIADIC "any") returns of the same rows';

CREATE CAST (bytea AS @extschema@.ad_sketch_state)
WITH FUNCTION _anomaly._ad_sketch_state(bytea) AS ASSIGNMENT;
COMMENT ON CAST (bytea AS @extschema@.ad_sketch_state) IS
'checks the bytes of a sketch, of earlier releases too';

CREATE CAST (@extschema@.ad_sketch_state AS bytea)
WITH FUNCTION _anomaly._ad_sketch_bytes(@extschema@.ad_sketch_state) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.ad_sketch_state AS bytea) IS
'the bytes of a sketch';

CREATE FUNCTION _anomaly._ad_merge_state_transfn(@extschema@.ad_sketch_state, @extschema@.ad_sketch_state)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME', 'ad_merge_state_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_merge_state_transfn(@extschema@.ad_sketch_state, @extschema@.ad_sketch_state) IS
'transition of ad_merge(ad_sketch_state)';

CREATE FUNCTION _anomaly._ad_sketch_state_combinefn(@extschema@.ad_sketch_state, @extschema@.ad_sketch_state)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME', 'ad_sketch_state_combinefn'
LANGUAGE C IMMUTABLE PARALLEL SAFE
SUPPORT _anomaly._ad_combine_support;
COMMENT ON FUNCTION _anomaly._ad_sketch_state_combinefn(@extschema@.ad_sketch_state, @extschema@.ad_sketch_state) IS
'combines partial states of the aggregates over packed rows, of workers or of other servers with the same version of the extension';

CREATE FUNCTION _anomaly._ad_sketch_state_finalfn(@extschema@.ad_sketch_state)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME', 'ad_sketch_state_finalfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_sketch_state_finalfn(@extschema@.ad_sketch_state) IS
'the sketch of a state';

CREATE AGGREGATE @extschema@.ad_merge(sketch @extschema@.ad_sketch_state) (
    SFUNC = _anomaly._ad_merge_state_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 4194304,
    FINALFUNC = _anomaly._ad_sketch_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_merge(@extschema@.ad_sketch_state) IS
'Same as ad_merge(bytea) for sketches as ad_sketch_state.';

CREATE FUNCTION @extschema@.ad_fit_sketch(spec jsonb, sketch @extschema@.ad_sketch_state)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_fit_sketch(jsonb, @extschema@.ad_sketch_state) IS
'Same as ad_fit_sketch(jsonb, bytea) for a sketch as ad_sketch_state.';

CREATE FUNCTION @extschema@.ad_fit_sketch(detector text, sketch @extschema@.ad_sketch_state)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_fit_sketch(text, @extschema@.ad_sketch_state) IS
'Same as ad_fit_sketch(jsonb, bytea) for a sketch as ad_sketch_state, with the default options of a '
'detector. detector: its name.';
