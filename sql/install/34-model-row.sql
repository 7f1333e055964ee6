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
'Features of one row with their types and names, made by ad_row(); functions and aggregates that accept '
'features accept it instead of them.';

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
'Returns fields packed into one value that any server and engine can pass on. The arguments are columns, '
'optionally preceded by their names as a text[]; or one array of numbers; or one row, whose names are '
'kept. NULL fields are missing values; a NULL array or row gives NULL. A fit with keyed sampling takes '
'the first field as the key. Raises an error for names that are NULL, empty, repeated, longer than 63 '
'bytes or of another number than the fields, and for a type that cannot be a feature.';

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
'Same as ad_sketch(jsonb, VARIADIC "any") for packed rows, with the same bytes, as an ad_sketch_state. '
'row: a packed row; NULLs are ignored. Raises 22004 if spec is NULL.';

CREATE AGGREGATE @extschema@.ad_fit(spec jsonb, features @extschema@.ad_row) (
    SFUNC = _anomaly._ad_fit_row_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_fit(jsonb, @extschema@.ad_row) IS
'Same as ad_fit(jsonb, VARIADIC "any") for packed rows, which other servers and distributed engines can '
'compute in parts. row: a packed row; NULLs are ignored.';

CREATE AGGREGATE @extschema@.ad_fit(detector text, features @extschema@.ad_row) (
    SFUNC = _anomaly._ad_fit_row_transfn,
    STYPE = @extschema@.ad_sketch_state,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_state_finalfn,
    COMBINEFUNC = _anomaly._ad_sketch_state_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_fit(text, @extschema@.ad_row) IS
'Same as ad_fit(jsonb, ad_row) with the default options of a detector. detector: its name.';
