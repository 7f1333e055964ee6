-- since 0.3.0
-- Specs compared by the figures of the same folds, and tuned.

CREATE FUNCTION @extschema@.ad_paired_test(
    a double precision[],
    b double precision[],
    test_per_train double precision DEFAULT NULL,
    OUT folds integer,
    OUT difference double precision,
    OUT deviation double precision,
    OUT t double precision,
    OUT df integer,
    OUT p_value double precision)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_paired_test(double precision[], double precision[], double precision) IS
'Returns the corrected resampled t test (Nadeau and Bengio 2003) of a metric of two detectors in the same '
'folds: number of folds, mean and deviation of a - b, t with df degrees of freedom, and the two-sided '
'p-value. a, b: the figures, fold by fold; folds with a NULL or NaN are ignored. test_per_train: rows '
'tested per training row; NULL means 1 / (folds - 1). A NULL array gives NULLs, and so do fewer than two '
'folds. Raises 2202E for arrays of different lengths, 22003 for a figure beyond ±1e100.';

CREATE FUNCTION @extschema@.ad_tune(
    query text,
    label text,
    specs text DEFAULT NULL,
    folds integer DEFAULT 5,
    metric text DEFAULT 'average_precision',
    budget interval DEFAULT '1 min',
    key text DEFAULT NULL,
    repeats integer DEFAULT 1,
    seed bigint DEFAULT 0,
    memory_mb integer DEFAULT 1024,
    OUT rank integer,
    OUT spec jsonb,
    OUT chosen boolean,
    OUT mean double precision,
    OUT deviation double precision,
    OUT difference double precision,
    OUT p_value double precision,
    OUT rows bigint,
    OUT folds integer,
    OUT model_bytes bigint,
    OUT seconds double precision,
    OUT status text,
    OUT error text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION @extschema@.ad_tune(text, text, text, integer, text, interval, text, integer, bigint, integer) IS
'Ranks specs by cross-validation and returns one row per spec, best first: mean and deviation of the '
'metric, difference to the best with the p-value of a paired test, size and time of a fit, and status. '
'chosen marks the spec to use: the smallest model among those within one standard error of the best. '
'query: a table, view or SELECT, read once with the privileges of the caller and read-only. label: the '
'column that is true or 1 for an anomaly, false or 0 for a normal row, and NULL if unknown. specs: the '
'name of a detector, the text of a spec, or the text of an array of these; NULL means every detector with '
'its defaults. folds: number of folds. metric: average_precision, roc_auc, precision_at_n, f1 or '
'balanced_accuracy. budget: limit of the elapsed time, NULL for none; if it is too short, specs are '
'dropped by successive halving. key: a column that identifies rows and is not a feature. repeats: number '
'of repetitions. seed: seed of the folds. memory_mb: memory limit. Raises 22004 if query or label is '
'NULL, 22023 with fewer than 2 anomalies or 2 normal rows, 53400 if the rows do not fit into memory_mb.';

CREATE FUNCTION @extschema@.ad_tune(
    query text,
    label text,
    specs "any",
    folds integer DEFAULT 5,
    metric text DEFAULT 'average_precision',
    budget interval DEFAULT '1 min',
    key text DEFAULT NULL,
    repeats integer DEFAULT 1,
    seed bigint DEFAULT 0,
    memory_mb integer DEFAULT 1024,
    OUT rank integer,
    OUT spec jsonb,
    OUT chosen boolean,
    OUT mean double precision,
    OUT deviation double precision,
    OUT difference double precision,
    OUT p_value double precision,
    OUT rows bigint,
    OUT folds integer,
    OUT model_bytes bigint,
    OUT seconds double precision,
    OUT status text,
    OUT error text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION @extschema@.ad_tune(text, text, "any", integer, text, interval, text, integer, bigint, integer) IS
'Same as ad_tune(text, text, text, integer, text, interval, text, integer, bigint, integer) for one or an '
'array of specs as jsonb, such as the result of ad_grid(), or of names of detectors or texts of specs. '
'Raises 42804 for specs of another type.';
