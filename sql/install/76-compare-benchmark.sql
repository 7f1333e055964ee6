-- since 0.3.0
-- Detectors compared on the rows of a query.

CREATE FUNCTION @extschema@.ad_benchmark(
    query text,
    specs text DEFAULT NULL,
    label text DEFAULT NULL,
    key text DEFAULT NULL,
    fold text DEFAULT NULL,
    folds integer DEFAULT 5,
    repeats integer DEFAULT 1,
    holdout double precision DEFAULT NULL,
    seed bigint DEFAULT 0,
    memory_mb integer DEFAULT 1024,
    OUT n integer,
    OUT spec jsonb,
    OUT rows bigint,
    OUT labelled bigint,
    OUT anomalies bigint,
    OUT folds integer,
    OUT roc_auc double precision,
    OUT roc_auc_deviation double precision,
    OUT roc_auc_interval double precision[],
    OUT average_precision double precision,
    OUT average_precision_deviation double precision,
    OUT average_precision_interval double precision[],
    OUT precision_at_n double precision,
    OUT precision_at_n_deviation double precision,
    OUT precision_at_n_interval double precision[],
    OUT f1 double precision,
    OUT f1_deviation double precision,
    OUT f1_interval double precision[],
    OUT balanced_accuracy double precision,
    OUT balanced_accuracy_deviation double precision,
    OUT balanced_accuracy_interval double precision[],
    OUT false_positive_rate double precision,
    OUT false_positive_rate_deviation double precision,
    OUT false_positive_rate_interval double precision[],
    OUT agreement double precision,
    OUT agreement_deviation double precision,
    OUT agreement_interval double precision[],
    OUT fit_rows_per_second double precision,
    OUT score_rows_per_second double precision,
    OUT model_bytes bigint,
    OUT peak_memory bigint,
    OUT split text,
    OUT fold_results jsonb,
    OUT error text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION @extschema@.ad_benchmark(text, text, text, text, text, integer, integer, double precision, bigint, integer) IS
'Same as ad_benchmark(text, "any", text, text, text, integer, integer, double precision, bigint, integer) '
'for specs as text: the name of a detector, the text of a spec, or the text of an array of these; NULL '
'means every detector with its defaults.';

CREATE FUNCTION @extschema@.ad_benchmark(
    query text,
    specs "any",
    label text DEFAULT NULL,
    key text DEFAULT NULL,
    fold text DEFAULT NULL,
    folds integer DEFAULT 5,
    repeats integer DEFAULT 1,
    holdout double precision DEFAULT NULL,
    seed bigint DEFAULT 0,
    memory_mb integer DEFAULT 1024,
    OUT n integer,
    OUT spec jsonb,
    OUT rows bigint,
    OUT labelled bigint,
    OUT anomalies bigint,
    OUT folds integer,
    OUT roc_auc double precision,
    OUT roc_auc_deviation double precision,
    OUT roc_auc_interval double precision[],
    OUT average_precision double precision,
    OUT average_precision_deviation double precision,
    OUT average_precision_interval double precision[],
    OUT precision_at_n double precision,
    OUT precision_at_n_deviation double precision,
    OUT precision_at_n_interval double precision[],
    OUT f1 double precision,
    OUT f1_deviation double precision,
    OUT f1_interval double precision[],
    OUT balanced_accuracy double precision,
    OUT balanced_accuracy_deviation double precision,
    OUT balanced_accuracy_interval double precision[],
    OUT false_positive_rate double precision,
    OUT false_positive_rate_deviation double precision,
    OUT false_positive_rate_interval double precision[],
    OUT agreement double precision,
    OUT agreement_deviation double precision,
    OUT agreement_interval double precision[],
    OUT fit_rows_per_second double precision,
    OUT score_rows_per_second double precision,
    OUT model_bytes bigint,
    OUT peak_memory bigint,
    OUT split text,
    OUT fold_results jsonb,
    OUT error text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION @extschema@.ad_benchmark(text, "any", text, text, text, integer, integer, double precision, bigint, integer) IS
'Compares detectors by cross-validation and returns one row per spec: means over the folds of each metric '
'with standard deviation and 95 % interval (corrected resampled t, Nadeau and Bengio 2003), cost, '
'agreement with the other specs, and the first error. query: a table, view or SELECT, read once with the '
'privileges of the caller and read-only. specs: one or an array of specs as jsonb, or of names of '
'detectors or texts of specs. label: the column that is true or 1 for an anomaly, false or 0 for a normal '
'row, and NULL if unknown; without it there are only costs and agreement. key: a column that identifies '
'rows and is not a feature. fold: an integer column with the fold of a row, NULL for rows that are always '
'fitted. folds: number of folds that are drawn. repeats: number of repetitions, at most 100. holdout: '
'share of the rows held out instead of folds. seed: seed of the folds. memory_mb: memory limit. Raises '
'22004 if query is NULL, 42804 for specs of another type, 53400 if the rows do not fit into memory_mb.';

CREATE FUNCTION @extschema@.ad_benchmark_compare(
    a text,
    b text,
    level double precision DEFAULT 0.05,
    OUT spec jsonb,
    OUT metric text,
    OUT a double precision,
    OUT b double precision,
    OUT difference double precision,
    OUT difference_interval double precision[],
    OUT p_value double precision,
    OUT adjusted_p_value double precision,
    OUT folds integer,
    OUT paired boolean,
    OUT verdict text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION @extschema@.ad_benchmark_compare(text, text, double precision) IS
'Compares two runs of ad_benchmark() and returns one row per spec and metric: the means, their difference '
'with interval and p-value (corrected resampled t), adjusted for all tests of the call, and a verdict, '
'which is NULL with fewer than two folds. a, b: the runs, each a table or view, or a query with the '
'columns spec, split and fold_results, read with the privileges of the caller and read-only. level: '
'significance level, which also sets the interval. Raises 22004 for a NULL run, 22023 for missing '
'columns, 54000 for too many rows.';
