-- since 0.3.0
-- Tests of data: that the rows of a query are usual.

CREATE FUNCTION @extschema@.ad_assert_usual(
    query text,
    model text,
    key text DEFAULT NULL,
    p_value double precision DEFAULT NULL,
    fdr double precision DEFAULT NULL,
    score double precision DEFAULT NULL,
    max_rows bigint DEFAULT NULL,
    on_failure text DEFAULT 'error',
    OUT key text,
    OUT score double precision,
    OUT p_value double precision,
    OUT why text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_assert_usual(text, text, text, double precision, double precision, double precision, bigint, text) IS
'tests that no more than max_rows rows of a query, or of the table or view that it names, are unusual to a named model: no rows if that holds; otherwise, by on_failure, error (P0004, with the five strangest rows) or rows (those that are unusual, strangest first). Unusual is a p-value of at most p_value (0.001, or the least that the model gives, if none of the three is given), a score of at least score, or what is found at the false discovery rate fdr. max_rows NULL, the default: with a p-value as many as chance explains in 99 of 100 runs, else 0. key: the column that tells rows apart, and is no feature. Needs the privilege score; the query runs as the caller, read-only, and if the test fails twice under one snapshot; NULL query, model or on_failure: error';
