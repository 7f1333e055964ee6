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
'corrected resampled t test (Nadeau and Bengio 2003) of a metric of two detectors, a and b, in the same folds: the folds in which neither figure is NULL or NaN, mean and deviation of a - b, t with df degrees of freedom, and the two-sided p-value. test_per_train: rows tested for each row fitted to; NULL: 1 / (folds - 1), cross-validation. The same difference in all folds: t is Infinity and p_value 0, or 0 and 1 if there is none; of fewer than two folds they are NULL. NULL if a or b is; 2202E if they have different lengths, 22003 for a figure beyond ±1e100';

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
'ranks specs on the rows of a query, or of a table or view by its name, which is read once as the caller, read-only. specs: the name of a detector, the text of a spec, or the text of an array of these; NULL: every detector with its defaults. label: the column that is true or 1 for an anomaly, false or 0 for a normal row, and NULL where it is not known: such rows are fitted to, and count in no metric. Each spec is cross-validated, folds times repeats; metric: roc_auc, average_precision, precision_at_n, f1 or balanced_accuracy. budget: time on the clock, NULL for none; if it does not allow all of it, specs are tried on few rows first and the worse half is dropped from one size to the next (successive halving). Best first, those that came farthest before the others: mean and deviation over the folds; difference to the best, and p_value of a paired test (corrected resampled t, Nadeau and Bengio 2003), in the same folds; rows and folds that this is of; bytes of a model and seconds of processor time of a fit and score, means; status: finished, dropped, out of time, not tried or failed. chosen: the spec to use, the smallest model (by a tenth or more) of those within one standard error of the best. 22023 with fewer than 2 anomalies or 2 normal rows, 53400 where all takes more than memory_mb';

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
'ad_tune(text, text, text, …) of one or an array of specs as jsonb, such as ad_grid() returns, or of names of detectors or texts of specs; 42804 for specs of another type';
