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
'Tests that no more than max_rows rows of a query are unusual to a named model: returns no rows if so; '
'otherwise raises an error with the five most unusual rows, or returns the unusual rows, most unusual '
'first. query: the name of a table or view, or one SELECT, run read-only with the privileges of the '
'caller. model: its name. key: the column that identifies rows and is not a feature. p_value: rows with '
'at most this p-value are unusual; 0.001, or the smallest that the model gives, if none of the three is '
'given. fdr: rows found at this false discovery rate are unusual. score: so are rows with a score of at '
'least this. max_rows: rows that may be unusual; NULL means, with a p-value, as many as chance explains '
'in 99 of 100 runs, else 0. on_failure: error or rows. Raises P0004 if the test fails, 22004 if query, '
'model or on_failure is NULL, 22023 for a value out of range, 42704 if there is no such model, 42501 '
'without the privilege score on it.';
