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
'compares detectors on the rows of a query, or of a table or view by its name, which is read once as the caller, read-only: each spec is fitted without a fold of the rows and scores that fold, in turn; a row a spec, in their order. specs: the name of a detector, the text of a spec, or the text of an array of these; NULL: every detector with its defaults. label: the column that is true or 1 for an anomaly, false or 0 for a normal row, NULL where it is not known, and no feature; without labels there are costs and agreement alone. key: a column that tells rows apart and is no feature. fold: an integer column that gives the fold of a row, NULL: fitted always; else folds are drawn, each with its share of anomalies: "folds" of them, "repeats" times, or holdout: a share drawn "repeats" times. Figures have a mean over the folds, their standard deviation, and a 95 % interval of the mean by the corrected resampled t (Nadeau and Bengio 2003); F1, balanced accuracy and false positive rate are at the threshold of the model; agreement is Spearman''s correlation with the mean rank of the other specs; rates are rows a second of processor time, model_bytes a mean, peak_memory the most bytes of a fit or its model; split tells which rows were in which fold, fold_results has the figures fold by fold, for ad_benchmark_compare(); error: of the first fit that failed, whose fold does not count. Raises 42804 for specs of another type, 53400 where all takes more than memory_mb.';

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
'compares detectors on the rows of a query, or of a table or view by its name, which is read once as the caller, read-only: each spec is fitted without a fold of the rows and scores that fold, in turn; a row a spec, in their order. specs: one or an array of specs as jsonb, such as ad_grid() returns, or of names of detectors or texts of specs. label: the column that is true or 1 for an anomaly, false or 0 for a normal row, NULL where it is not known, and no feature; without labels there are costs and agreement alone. key: a column that tells rows apart and is no feature. fold: an integer column that gives the fold of a row, NULL: fitted always; else folds are drawn, each with its share of anomalies: "folds" of them, "repeats" times, or holdout: a share drawn "repeats" times. Figures have a mean over the folds, their standard deviation, and a 95 % interval of the mean by the corrected resampled t (Nadeau and Bengio 2003); F1, balanced accuracy and false positive rate are at the threshold of the model; agreement is Spearman''s correlation with the mean rank of the other specs; rates are rows a second of processor time, model_bytes a mean, peak_memory the most bytes of a fit or its model; split tells which rows were in which fold, fold_results has the figures fold by fold, for ad_benchmark_compare(); error: of the first fit that failed, whose fold does not count. Raises 42804 for specs of another type, 53400 where all takes more than memory_mb.';

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
'what changed from one run of ad_benchmark() to another beyond noise; a run is a table or view, by its name, or a query, that has the columns spec, split and fold_results of the run, read as the caller, read-only. A row for each spec of either run and each figure: the mean of a and of b, b less a, its interval (95 % at level 0.05) and p-value by the corrected resampled t (Nadeau and Bengio 2003), fold by fold where both runs had the same rows in the same folds (paired), else with the variance of both; adjusted for all tests of the call by Benjamini and Hochberg. verdict: better or worse, for agreement more or less, where the adjusted p-value is at most level; else "no change"; NULL: there are fewer than two folds to tell from; "only in a", "only in b". Rates and model bytes are compared in the same way.';
