-- since 0.3.0
-- Packed rows: features with their types and names in one value.

CREATE TYPE @extschema@.ad_row;

CREATE FUNCTION @extschema@.ad_row_in(cstring)
RETURNS @extschema@.ad_row
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_row_in(cstring) IS
'I/O: reads the bytes of a packed row, written as a bytea is; every field is checked; text of another encoding is converted';

CREATE FUNCTION @extschema@.ad_row_out(@extschema@.ad_row)
RETURNS cstring
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_row_out(@extschema@.ad_row) IS
'I/O: writes what ad_row_in reads';

CREATE FUNCTION @extschema@.ad_row_recv(internal)
RETURNS @extschema@.ad_row
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_row_recv(internal) IS
'I/O: reads the bytes of a packed row, checked as by ad_row_in';

CREATE FUNCTION @extschema@.ad_row_send(@extschema@.ad_row)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_row_send(@extschema@.ad_row) IS
'I/O: writes the bytes of a packed row';

CREATE TYPE @extschema@.ad_row (
    INPUT = @extschema@.ad_row_in,
    OUTPUT = @extschema@.ad_row_out,
    RECEIVE = @extschema@.ad_row_recv,
    SEND = @extschema@.ad_row_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);
COMMENT ON TYPE @extschema@.ad_row IS
'features of one row with their types and names, made by ad_row(); what a function or aggregate takes features of, takes one in their place';

-- The parser takes f(x) for a cast where f is a type and x a string, unless the
-- cast has a function: these let ad_row(country) be a row of one field.
CREATE FUNCTION _anomaly._ad_row(text)
RETURNS @extschema@.ad_row
AS 'MODULE_PATHNAME', 'ad_row_of_text'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_row(text) IS
'cast of a text to a packed row: what ad_row_in reads';

CREATE FUNCTION _anomaly._ad_row(varchar)
RETURNS @extschema@.ad_row
AS 'MODULE_PATHNAME', 'ad_row_of_text'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_row(varchar) IS
'the same of a varchar';

CREATE FUNCTION _anomaly._ad_row(bpchar)
RETURNS @extschema@.ad_row
AS 'MODULE_PATHNAME', 'ad_row_of_text'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_row(bpchar) IS
'the same of a char(n)';

CREATE FUNCTION _anomaly._ad_row(name)
RETURNS @extschema@.ad_row
AS 'MODULE_PATHNAME', 'ad_row_of_name'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_row(name) IS
'the same of a name';

CREATE CAST (text AS @extschema@.ad_row) WITH FUNCTION _anomaly._ad_row(text);
COMMENT ON CAST (text AS @extschema@.ad_row) IS
'reads the text of a packed row, as ad_row_in does';
CREATE CAST (varchar AS @extschema@.ad_row) WITH FUNCTION _anomaly._ad_row(varchar);
COMMENT ON CAST (varchar AS @extschema@.ad_row) IS
'reads the text of a packed row, as ad_row_in does';
CREATE CAST (bpchar AS @extschema@.ad_row) WITH FUNCTION _anomaly._ad_row(bpchar);
COMMENT ON CAST (bpchar AS @extschema@.ad_row) IS
'reads the text of a packed row, as ad_row_in does';
CREATE CAST (name AS @extschema@.ad_row) WITH FUNCTION _anomaly._ad_row(name);
COMMENT ON CAST (name AS @extschema@.ad_row) IS
'reads the text of a packed row, as ad_row_in does';

CREATE FUNCTION _anomaly._ad_row_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_row_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_row_support(internal) IS
'planner support: a packed row has no collation, so foreign servers are sent its call';

CREATE FUNCTION @extschema@.ad_row(VARIADIC "any")
RETURNS @extschema@.ad_row
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4
SUPPORT _anomaly._ad_row_support;
COMMENT ON FUNCTION @extschema@.ad_row(VARIADIC "any") IS
'packs fields into one value that any server and engine can pass on: columns, after their names as a text[] if they are to have names; or one array of numbers; or one row, whose names are kept; NULL is missing; NULL array or row: NULL; a fit with keyed sampling takes the first field for the key; errors: names that are NULL, empty, twice, longer than 63 bytes or of another number than the fields, and a field whose type no feature can have';

CREATE FUNCTION _anomaly._ad_sketch_row_transfn(@extschema@.ad_sketch_state, jsonb, @extschema@.ad_row)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME', 'ad_sketch_row_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4;
COMMENT ON FUNCTION _anomaly._ad_sketch_row_transfn(@extschema@.ad_sketch_state, jsonb, @extschema@.ad_row) IS
'transition of ad_sketch(jsonb, ad_row)';

CREATE FUNCTION _anomaly._ad_fit_row_transfn(@extschema@.ad_sketch_state, jsonb, @extschema@.ad_row)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME', 'ad_fit_row_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4;
COMMENT ON FUNCTION _anomaly._ad_fit_row_transfn(@extschema@.ad_sketch_state, jsonb, @extschema@.ad_row) IS
'transition of ad_fit(jsonb, ad_row)';

CREATE FUNCTION _anomaly._ad_fit_row_transfn(@extschema@.ad_sketch_state, text, @extschema@.ad_row)
RETURNS @extschema@.ad_sketch_state
AS 'MODULE_PATHNAME', 'ad_fit_name_row_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4;
COMMENT ON FUNCTION _anomaly._ad_fit_row_transfn(@extschema@.ad_sketch_state, text, @extschema@.ad_row) IS
'transition of ad_fit(text, ad_row)';

CREATE FUNCTION _anomaly._ad_fit_state_finalfn(@extschema@.ad_sketch_state)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_fit_state_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_fit_state_finalfn(@extschema@.ad_sketch_state) IS
'the model fitted to a state of packed rows';

CREATE AGGREGATE @extschema@.ad_sketch(spec jsonb, features @extschema@.ad_row) (
    SFUNC = _anomaly._ad_sketch_row_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 4194304,
    FINALFUNC = _anomaly._ad_sketch_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_sketch(jsonb, @extschema@.ad_row) IS
'sketch of packed rows, sampled as ad_sampling() in the spec says, or by default as a fit by that spec would; the same bytes as ad_sketch(jsonb, VARIADIC "any") has of the same features; a NULL row is passed over; no rows: NULL; NULL spec: 22004';

CREATE AGGREGATE @extschema@.ad_fit(spec jsonb, features @extschema@.ad_row) (
    SFUNC = _anomaly._ad_fit_row_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_fit(jsonb, @extschema@.ad_row) IS
'model fitted to packed rows, whose names are kept: the form that other servers and distributed engines can compute in parts; a NULL row is passed over; no rows: NULL; NULL spec: 22004';

CREATE AGGREGATE @extschema@.ad_fit(detector text, features @extschema@.ad_row) (
    SFUNC = _anomaly._ad_fit_row_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_fit(text, @extschema@.ad_row) IS
'model of a detector with its default options, fitted to packed rows';
