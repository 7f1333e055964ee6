-- Texts of any length: what is too long is refused before it is copied, and
-- messages repeat little of it.
--
-- In PL/pgSQL a long argument must only be met by expressions, such as what is
-- assigned: the query of a PERFORM or a SELECT is planned with its values as
-- constants, and a constant is a copy.

CREATE FUNCTION _anomaly._ad_quote(value text)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_quote_text'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_quote(text) IS 'what a message repeats of a text: its first 64 characters';

CREATE FUNCTION _anomaly._ad_check_length(value anyelement, what text, most integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_check_value_length'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_check_length(anyelement, text, integer) IS
'an error if a value of a type of variable length has more bytes than allowed, which is seen before it is read';
