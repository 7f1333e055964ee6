
-- Evaluation: metrics of labelled scores, false discovery rates, made-up data.

CREATE TYPE @extschema@.ad_best_f1_result AS (
    threshold double precision,
    precision double precision,
    recall double precision,
    f1 double precision
);
COMMENT ON TYPE @extschema@.ad_best_f1_result IS
'Result of ad_best_f1: rows that score at least the threshold count as anomalies.';
COMMENT ON COLUMN @extschema@.ad_best_f1_result.threshold IS 'Threshold with the highest F1.';
COMMENT ON COLUMN @extschema@.ad_best_f1_result."precision" IS 'Precision at this threshold.';
COMMENT ON COLUMN @extschema@.ad_best_f1_result.recall IS 'Recall at this threshold.';
COMMENT ON COLUMN @extschema@.ad_best_f1_result.f1 IS 'F1 at this threshold.';

CREATE TYPE @extschema@.ad_roc_point AS (
    fpr double precision,
    tpr double precision,
    threshold double precision
);
COMMENT ON TYPE @extschema@.ad_roc_point IS
'Point of a ROC curve: the shares of normal rows and of anomalies that score at least the threshold.';
COMMENT ON COLUMN @extschema@.ad_roc_point.fpr IS 'Share of normal rows that score at least the threshold.';
COMMENT ON COLUMN @extschema@.ad_roc_point.tpr IS 'Share of anomalies that score at least the threshold.';
COMMENT ON COLUMN @extschema@.ad_roc_point.threshold IS 'Threshold; infinite at the first point.';

CREATE TYPE @extschema@.ad_pr_point AS (
    precision double precision,
    recall double precision,
    threshold double precision
);
COMMENT ON TYPE @extschema@.ad_pr_point IS
'Point of a precision-recall curve; the last point of the curve has no threshold.';
COMMENT ON COLUMN @extschema@.ad_pr_point."precision" IS
'Share of anomalies among the rows that score at least the threshold.';
COMMENT ON COLUMN @extschema@.ad_pr_point.recall IS 'Share of the anomalies that score at least the threshold.';
COMMENT ON COLUMN @extschema@.ad_pr_point.threshold IS 'Threshold; NULL at the end of the curve.';

CREATE TYPE @extschema@.ad_confusion_result AS (
    tp bigint,
    fp bigint,
    tn bigint,
    fn bigint,
    precision double precision,
    recall double precision,
    f1 double precision,
    balanced_accuracy double precision,
    mcc double precision
);
COMMENT ON TYPE @extschema@.ad_confusion_result IS
'Result of ad_confusion: counts of true and false positives and negatives, and metrics computed from '
'them.';
COMMENT ON COLUMN @extschema@.ad_confusion_result.tp IS 'True positives.';
COMMENT ON COLUMN @extschema@.ad_confusion_result.fp IS 'False positives.';
COMMENT ON COLUMN @extschema@.ad_confusion_result.tn IS 'True negatives.';
COMMENT ON COLUMN @extschema@.ad_confusion_result.fn IS 'False negatives.';
COMMENT ON COLUMN @extschema@.ad_confusion_result."precision" IS 'tp / (tp + fp); NULL without positives.';
COMMENT ON COLUMN @extschema@.ad_confusion_result.recall IS 'tp / (tp + fn); NULL without anomalies.';
COMMENT ON COLUMN @extschema@.ad_confusion_result.f1 IS '2 tp / (2 tp + fp + fn); NULL if that is 0 / 0.';
COMMENT ON COLUMN @extschema@.ad_confusion_result.balanced_accuracy IS
'Mean of the recall and of tn / (tn + fp); NULL if one is undefined.';
COMMENT ON COLUMN @extschema@.ad_confusion_result.mcc IS
'Matthews correlation coefficient, -1 to 1; NULL if it is undefined.';

CREATE FUNCTION _anomaly._ad_ranking_transfn(internal, double precision, boolean)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_transfn(internal, double precision, boolean) IS
'transition of the aggregates over labeled scores';

CREATE FUNCTION _anomaly._ad_ranking_k_transfn(internal, double precision, boolean, bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_k_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_k_transfn(internal, double precision, boolean, bigint) IS
'transition of ad_precision_at';

CREATE FUNCTION _anomaly._ad_ranking_points_transfn(internal, double precision, boolean, bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_points_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_points_transfn(internal, double precision, boolean, bigint) IS
'transition of the curves with a number of points';

CREATE FUNCTION _anomaly._ad_ranking_combinefn(internal, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_combinefn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_combinefn(internal, internal) IS
'combines partial states of the aggregates over labeled scores';

CREATE FUNCTION _anomaly._ad_ranking_serialfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_ranking_serialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_serialfn(internal) IS
'writes a partial state of the aggregates over labeled scores';

CREATE FUNCTION _anomaly._ad_ranking_deserialfn(bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_deserialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_deserialfn(bytea, internal) IS
'reads a partial state of the aggregates over labeled scores';

CREATE FUNCTION _anomaly._ad_roc_auc_finalfn(internal)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_roc_auc_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_roc_auc_finalfn(internal) IS
'result of ad_roc_auc';

CREATE FUNCTION _anomaly._ad_average_precision_finalfn(internal)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_average_precision_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_average_precision_finalfn(internal) IS
'result of ad_average_precision';

CREATE FUNCTION _anomaly._ad_precision_at_finalfn(internal)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_precision_at_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_precision_at_finalfn(internal) IS
'result of ad_precision_at';

CREATE FUNCTION _anomaly._ad_best_f1_finalfn(internal)
RETURNS @extschema@.ad_best_f1_result
AS 'MODULE_PATHNAME', 'ad_best_f1_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_best_f1_finalfn(internal) IS
'result of ad_best_f1';

CREATE FUNCTION _anomaly._ad_roc_curve_finalfn(internal)
RETURNS @extschema@.ad_roc_point[]
AS 'MODULE_PATHNAME', 'ad_roc_curve_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_roc_curve_finalfn(internal) IS
'result of ad_roc_curve';

CREATE FUNCTION _anomaly._ad_pr_curve_finalfn(internal)
RETURNS @extschema@.ad_pr_point[]
AS 'MODULE_PATHNAME', 'ad_pr_curve_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_pr_curve_finalfn(internal) IS
'result of ad_pr_curve';

CREATE FUNCTION _anomaly._ad_confusion_transfn(bigint[], boolean, boolean)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_confusion_transfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_confusion_transfn(bigint[], boolean, boolean) IS
'transition of ad_confusion';

CREATE FUNCTION _anomaly._ad_confusion_combinefn(bigint[], bigint[])
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_confusion_combinefn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_confusion_combinefn(bigint[], bigint[]) IS
'combines partial states of ad_confusion';

CREATE FUNCTION _anomaly._ad_confusion_finalfn(bigint[])
RETURNS @extschema@.ad_confusion_result
AS 'MODULE_PATHNAME', 'ad_confusion_finalfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_confusion_finalfn(bigint[]) IS
'result of ad_confusion';

CREATE AGGREGATE @extschema@.ad_roc_auc(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_roc_auc_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_roc_auc(double precision, boolean) IS
'Returns the area under the ROC curve: the share of pairs of an anomaly and a normal row in which the '
'anomaly scores higher; ties count half. score: the score. is_anomaly: the truth. Rows with a NULL are '
'ignored; with one class only the result is NULL. Raises 22003 for NaN, 54000 for more than 60000000 '
'rows.';

CREATE AGGREGATE @extschema@.ad_average_precision(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_average_precision_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_average_precision(double precision, boolean) IS
'Returns the average precision: the precision at each threshold, weighted by the gain of recall. score: '
'the score. is_anomaly: the truth. Rows with a NULL are ignored; with one class only the result is NULL. '
'Raises 22003 for NaN, 54000 for more than 60000000 rows.';

CREATE AGGREGATE @extschema@.ad_precision_at(score double precision, is_anomaly boolean, k bigint) (
    SFUNC = _anomaly._ad_ranking_k_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_precision_at_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_precision_at(double precision, boolean, bigint) IS
'Returns the share of anomalies among the rows with the highest scores; ties at the last place count in '
'proportion. score: the score. is_anomaly: the truth. k: number of rows. Rows with a NULL are ignored; '
'with one class only the result is NULL. Raises 22003 for NaN, 22023 for an invalid k.';

CREATE AGGREGATE @extschema@.ad_best_f1(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_best_f1_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_best_f1(double precision, boolean) IS
'Returns the threshold with the highest F1 (the highest such threshold) with its precision, recall and '
'F1. score: the score. is_anomaly: the truth. Rows with a NULL are ignored; with one class only the '
'result is NULL. Raises 22003 for NaN, 54000 for more than 60000000 rows.';

CREATE AGGREGATE @extschema@.ad_roc_curve(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_roc_curve_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_roc_curve(double precision, boolean) IS
'Returns the ROC curve as an array for unnest(): points from (0, 0) to (1, 1) by falling threshold. '
'score: the score. is_anomaly: the truth. Rows with a NULL are ignored; with one class only the result is '
'NULL. Raises 22003 for NaN, 54000 for more than 1000000 points.';

CREATE AGGREGATE @extschema@.ad_roc_curve(score double precision, is_anomaly boolean, points bigint) (
    SFUNC = _anomaly._ad_ranking_points_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_roc_curve_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_roc_curve(double precision, boolean, bigint) IS
'Same as ad_roc_curve(double precision, boolean), reduced to points: the maximum number of points, 3 to '
'1000000.';

CREATE AGGREGATE @extschema@.ad_pr_curve(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_pr_curve_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_pr_curve(double precision, boolean) IS
'Returns the precision-recall curve as an array for unnest(): points by rising threshold, then precision '
'1 and recall 0. score: the score. is_anomaly: the truth. Rows with a NULL are ignored; with one class '
'only the result is NULL. Raises 22003 for NaN, 54000 for more than 1000000 points.';

CREATE AGGREGATE @extschema@.ad_pr_curve(score double precision, is_anomaly boolean, points bigint) (
    SFUNC = _anomaly._ad_ranking_points_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_pr_curve_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_pr_curve(double precision, boolean, bigint) IS
'Same as ad_pr_curve(double precision, boolean), reduced to points: the maximum number of points, 3 to '
'1000000.';

CREATE AGGREGATE @extschema@.ad_confusion(predicted boolean, actual boolean) (
    SFUNC = _anomaly._ad_confusion_transfn,
    STYPE = bigint[],
    SSPACE = 64,
    INITCOND = '{0,0,0,0}',
    FINALFUNC = _anomaly._ad_confusion_finalfn,
    COMBINEFUNC = _anomaly._ad_confusion_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_confusion(boolean, boolean) IS
'Returns the confusion table of decisions: counts, precision, recall, F1, balanced accuracy, Matthews '
'correlation. predicted: the decision. actual: the truth. Rows with a NULL are ignored; without rows, and '
'for a metric that would divide by zero, the result is NULL. Raises no errors of its own.';

CREATE FUNCTION @extschema@.ad_fdr(p double precision, method text DEFAULT 'bh')
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.ad_fdr(double precision, text) IS
'Returns the p-value of the row adjusted for the false discovery rate in its partition. p: the p-value; '
'NULL stays NULL and does not count. method: bh (Benjamini and Hochberg) or by (Benjamini and Yekutieli). '
'Raises 22003 for a p-value outside 0 to 1, 22023 for another method.';

CREATE FUNCTION @extschema@.ad_fdr_level(p double precision, method text DEFAULT 'lord', options jsonb DEFAULT '{}')
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.ad_fdr_level(double precision, text, jsonb) IS
'Returns the level of the row in a stream of p-values, in the order of the window: the row is an alert if '
'p is at most this level, and on average at most a share q of the alerts is false. p: the p-value; NULL '
'stays NULL and does not count. method: lord (LORD++) or saffron. options: q (0.05), least_p (0) and '
'half_life (none, in rows). Raises 22003 for a p-value outside 0 to 1, 22004 if the '
'method is NULL, 22023 for an invalid option.';

CREATE FUNCTION @extschema@.ad_fdr_level_array(
    state bytea,
    p double precision[],
    method text DEFAULT 'lord',
    options jsonb DEFAULT '{}',
    OUT new_state bytea,
    OUT levels double precision[]
)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_fdr_level_array(bytea, double precision[], text, jsonb) IS
'Runs a batch of p-values through a stored stream, like ad_fdr_level(), and returns the new state and the '
'levels. state: the stored state; NULL starts a stream. p: the p-values; NULL elements stay NULL. method: '
'lord or saffron. options: as in ad_fdr_level(), used when a stream is started, except least_p. Raises '
'22004 if p is NULL, 22003 for a p-value outside 0 to 1, 22P03 for a damaged state.';

CREATE FUNCTION @extschema@.ad_fdr_reach(
    least_p double precision,
    options jsonb DEFAULT '{}',
    OUT first_tests double precision,
    OUT next_tests double precision,
    OUT least_share double precision
)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.ad_fdr_reach(double precision, jsonb) IS
'Returns how many rows ad_fdr_level() can test. first_tests: rows without an alert after which none can '
'be one, from the start. next_tests: the same after one alert. least_share: share of rows that must be '
'alerts for all rows to be tested. least_p: the smallest possible p-value. options: q (0.05) and '
'half_life (none, in rows). A NULL argument gives NULLs. Raises 22003 for a p-value outside 0 to 1, 22023 for an '
'invalid option.';

CREATE FUNCTION @extschema@.ad_random(
    seed bigint,
    i bigint,
    distribution text DEFAULT 'uniform',
    location double precision DEFAULT 0,
    scale double precision DEFAULT 1
)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION @extschema@.ad_random(bigint, bigint, text, double precision, double precision) IS
'Returns a random value, which depends only on the arguments. seed: the seed. i: number of the value. '
'distribution: uniform, normal or exponential. location: start, or mean of normal. scale: width, standard '
'deviation, or mean of exponential. A NULL argument gives NULL. Raises 22023 for another distribution or '
'an invalid scale.';

CREATE FUNCTION @extschema@.ad_random_array(
    seed bigint,
    n bigint,
    distribution text DEFAULT 'uniform',
    location double precision DEFAULT 0,
    scale double precision DEFAULT 1,
    first bigint DEFAULT 1
)
RETURNS double precision[]
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.ad_random_array(bigint, bigint, text, double precision, double precision, bigint) IS
'Returns random values as an array, of which element k is ad_random(seed, first + k - 1, distribution, '
'location, scale). seed: the seed. n: number of values, at most 134217724, which is 1 GB. distribution: '
'uniform, normal or exponential. location: start, or mean of normal. scale: width, standard deviation, or '
'mean of exponential. first: number of the first value. A NULL argument gives NULL. Raises 22023 for '
'another distribution or a value out of range.';

CREATE FUNCTION _anomaly._ad_generate_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_generate_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_generate_support(internal) IS
'planner support of the generators: the number of rows';

CREATE FUNCTION @extschema@.ad_generate_blobs(
    rows bigint,
    features integer DEFAULT 2,
    contamination double precision DEFAULT 0.1,
    seed bigint DEFAULT 0,
    clusters integer DEFAULT 3,
    spread double precision DEFAULT 1,
    OUT i bigint,
    OUT features double precision[],
    OUT is_anomaly boolean
)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 SUPPORT _anomaly._ad_generate_support;
COMMENT ON FUNCTION @extschema@.ad_generate_blobs(bigint, integer, double precision, bigint, integer, double precision) IS
'Returns labeled rows: normal ones around cluster centers, anomalies elsewhere. Row i does not depend on '
'rows. rows: number of rows. features: number of features. contamination: share of anomalies, 0 to 0.5. '
'seed: the seed. clusters: number of clusters, 1 to 1000. spread: standard deviation of a cluster. A NULL '
'argument gives no rows. Raises 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_generate_series(
    rows bigint,
    seed bigint DEFAULT 0,
    noise text DEFAULT 'normal',
    noise_scale double precision DEFAULT 1,
    level double precision DEFAULT 0,
    trend double precision DEFAULT 0,
    period double precision DEFAULT 24,
    amplitude double precision DEFAULT 5,
    spikes double precision DEFAULT 0.01,
    spike_size double precision DEFAULT 10,
    shifts double precision DEFAULT 0,
    shift_size double precision DEFAULT 10,
    OUT i bigint,
    OUT value double precision,
    OUT is_anomaly boolean,
    OUT kind text
)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 SUPPORT _anomaly._ad_generate_support;
COMMENT ON FUNCTION @extschema@.ad_generate_series(bigint, bigint, text, double precision, double precision, double precision, double precision, double precision, double precision, double precision, double precision, double precision) IS
'Returns a labeled series: level + trend * i + amplitude * sin(2 pi i / period) + ad_random(seed, i, '
'noise, 0, noise_scale), with spikes and level shifts. Row i does not depend on rows. rows: number of '
'rows. seed: the seed. noise, noise_scale: distribution and scale of the noise. level, trend, period, '
'amplitude: the parameters above. spikes, shifts: shares of the rows, 0 to 0.5. spike_size, shift_size: '
'their sizes. A NULL argument gives no rows. Raises 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_generate_series_array(
    rows bigint,
    seed bigint DEFAULT 0,
    noise text DEFAULT 'normal',
    noise_scale double precision DEFAULT 1,
    level double precision DEFAULT 0,
    trend double precision DEFAULT 0,
    period double precision DEFAULT 24,
    amplitude double precision DEFAULT 5,
    spikes double precision DEFAULT 0.01,
    spike_size double precision DEFAULT 10,
    shifts double precision DEFAULT 0,
    shift_size double precision DEFAULT 10
)
RETURNS double precision[]
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.ad_generate_series_array(bigint, bigint, text, double precision, double precision, double precision, double precision, double precision, double precision, double precision, double precision, double precision) IS
'Returns the values of ad_generate_series() as an array, of which element i is that of row i. rows: number '
'of rows, at most 134217724, which is 1 GB. seed: the seed. noise, noise_scale: distribution and scale of '
'the noise. level, trend, period, amplitude: the parameters of the series. spikes, shifts: shares of the '
'rows, 0 to 0.5. spike_size, shift_size: their sizes. A NULL argument gives NULL. Raises 22023 for a value '
'out of range.';
