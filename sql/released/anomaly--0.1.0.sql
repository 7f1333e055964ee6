\echo Use "CREATE EXTENSION anomaly" to load this file. \quit

-- Specs: constructors that return jsonb and compose with ||.

CREATE FUNCTION ad_iforest(
    trees integer DEFAULT 100,
    sample_size integer DEFAULT 256,
    ndim integer DEFAULT 1,
    max_features double precision DEFAULT 1.0)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_iforest(integer, integer, integer, double precision) IS
'spec of an isolation forest (Liu, Ting and Zhou 2008); ndim > 1: extended forest (Hariri et al. 2019)';

CREATE FUNCTION ad_prepare(
    impute text DEFAULT 'median',
    scale text DEFAULT 'auto',
    calendar boolean DEFAULT false,
    timezone text DEFAULT 'UTC',
    onehot_max integer DEFAULT 10,
    drop_correlated double precision DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_prepare(text, text, boolean, text, integer, double precision) IS
'part of a spec: how features are imputed, encoded and scaled; compose with ||';

CREATE FUNCTION ad_sampling(
    rows integer DEFAULT 65536,
    memory_mb integer DEFAULT 64,
    seed bigint DEFAULT 0,
    keyed boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_sampling(integer, integer, bigint, boolean) IS
'part of a spec: size and seed of the sample that a sketch keeps; keyed: the first argument is a row key; compose with ||';

-- Sketches: bounded, mergeable summaries of rows.

CREATE FUNCTION _ad_sketch_transfn(internal, VARIADIC "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_sketch_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION _ad_sketch_transfn(internal, VARIADIC "any") IS
'transition of ad_sketch(VARIADIC "any")';

CREATE FUNCTION _ad_sketch_spec_transfn(internal, jsonb, VARIADIC "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_sketch_spec_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION _ad_sketch_spec_transfn(internal, jsonb, VARIADIC "any") IS
'transition of ad_sketch(jsonb, VARIADIC "any")';

CREATE FUNCTION _ad_merge_transfn(internal, bytea)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_merge_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION _ad_merge_transfn(internal, bytea) IS
'transition of ad_merge(bytea)';

CREATE FUNCTION _ad_fit_combinefn(internal, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_fit_combinefn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _ad_fit_combinefn(internal, internal) IS
'combines partial states of the aggregates over rows';

CREATE FUNCTION _ad_fit_serialfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_fit_serialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_fit_serialfn(internal) IS
'writes a partial state of the aggregates over rows';

CREATE FUNCTION _ad_fit_deserialfn(bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_fit_deserialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_fit_deserialfn(bytea, internal) IS
'reads a partial state of the aggregates over rows';

CREATE FUNCTION _ad_sketch_finalfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_sketch_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _ad_sketch_finalfn(internal) IS
'the sketch of a state';

CREATE AGGREGATE ad_sketch(VARIADIC "any") (
    SFUNC = _ad_sketch_transfn,
    STYPE = internal,
    SSPACE = 32768,
    FINALFUNC = _ad_sketch_finalfn,
    COMBINEFUNC = _ad_fit_combinefn,
    SERIALFUNC = _ad_fit_serialfn,
    DESERIALFUNC = _ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_sketch(VARIADIC "any") IS
'sketch of rows: features as columns, one array of numbers, or one row; NULL is missing; no rows: NULL';

CREATE AGGREGATE ad_sketch(spec jsonb, VARIADIC "any") (
    SFUNC = _ad_sketch_spec_transfn,
    STYPE = internal,
    SSPACE = 32768,
    FINALFUNC = _ad_sketch_finalfn,
    COMBINEFUNC = _ad_fit_combinefn,
    SERIALFUNC = _ad_fit_serialfn,
    DESERIALFUNC = _ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_sketch(jsonb, VARIADIC "any") IS
'sketch of rows, sampled as ad_sampling() in the spec says';

CREATE AGGREGATE ad_merge(sketch bytea) (
    SFUNC = _ad_merge_transfn,
    STYPE = internal,
    SSPACE = 1048576,
    FINALFUNC = _ad_sketch_finalfn,
    COMBINEFUNC = _ad_fit_combinefn,
    SERIALFUNC = _ad_fit_serialfn,
    DESERIALFUNC = _ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_merge(bytea) IS
'one sketch of many, the same as a sketch of all their rows; NULL is passed over';

-- Models: fit, score, inspect.

CREATE FUNCTION _ad_fit_transfn(internal, jsonb, VARIADIC "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_fit_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION _ad_fit_transfn(internal, jsonb, VARIADIC "any") IS
'transition of ad_fit(jsonb, VARIADIC "any")';

CREATE FUNCTION _ad_fit_transfn(internal, text, VARIADIC "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_fit_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION _ad_fit_transfn(internal, text, VARIADIC "any") IS
'transition of ad_fit(text, VARIADIC "any")';

CREATE FUNCTION _ad_fit_finalfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_fit_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _ad_fit_finalfn(internal) IS
'the model fitted to a state';

CREATE AGGREGATE ad_fit(spec jsonb, VARIADIC "any") (
    SFUNC = _ad_fit_transfn,
    STYPE = internal,
    SSPACE = 32768,
    FINALFUNC = _ad_fit_finalfn,
    COMBINEFUNC = _ad_fit_combinefn,
    SERIALFUNC = _ad_fit_serialfn,
    DESERIALFUNC = _ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_fit(jsonb, VARIADIC "any") IS
'model fitted to rows: features as columns, one array of numbers, or one row (names are kept); NULL is missing; no rows: NULL';

CREATE AGGREGATE ad_fit(detector text, VARIADIC "any") (
    SFUNC = _ad_fit_transfn,
    STYPE = internal,
    SSPACE = 32768,
    FINALFUNC = _ad_fit_finalfn,
    COMBINEFUNC = _ad_fit_combinefn,
    SERIALFUNC = _ad_fit_serialfn,
    DESERIALFUNC = _ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_fit(text, VARIADIC "any") IS
'model of a detector with its default options, fitted to rows';

CREATE FUNCTION ad_fit_sketch(spec jsonb, sketch bytea)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION ad_fit_sketch(jsonb, bytea) IS
'model fitted to a stored sketch, the same as ad_fit() of its rows';

CREATE FUNCTION ad_fit_sketch(detector text, sketch bytea)
RETURNS bytea
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION ad_fit_sketch(text, bytea) IS
'model of a detector with its default options, fitted to a stored sketch';

CREATE FUNCTION ad_score(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION ad_score(bytea, VARIADIC "any") IS
'score of a row under a model, higher is more anomalous; features as in the fit (a row by attribute names); a NULL feature is imputed; NULL model, array or row: NULL';

CREATE FUNCTION ad_info(model bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ad_info(bytea) IS
'what a model is: detector, spec, rows seen and sampled, features, bytes, format version, whether it contains training rows';

CREATE FUNCTION ad_features(
    model bytea,
    OUT "position" integer,
    OUT name text,
    OUT type text,
    OUT missing bigint,
    OUT infinite bigint,
    OUT "distinct" bigint,
    OUT min double precision,
    OUT median double precision,
    OUT max double precision,
    OUT encoding text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION ad_features(bytea) IS
'the features of a model: one row each with counts, range, and how it enters the detector; distinct is NULL when there are more than are counted; temporal values are in seconds';

CREATE FUNCTION ad_outlier(spec jsonb, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ad_outlier(jsonb, VARIADIC "any") IS
'score of a row under the detector fitted to its own window partition, in-sample (a row is not its own neighbour); NULL array or row: NULL; the frame is of no effect';

CREATE FUNCTION ad_outlier(detector text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ad_outlier(text, VARIADIC "any") IS
'the same with the default options of a detector';

-- Specs of the detectors that look at columns, or projections, one by one.

CREATE FUNCTION ad_zscore(
    method text DEFAULT 'zscore',
    combine text DEFAULT 'max',
    zero_spread text DEFAULT 'skip')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_zscore(text, text, text) IS
'spec of univariate statistics: the distance from the centre in units of the spread (method zscore, mad or iqr), combined over the columns by max or mean; zero_spread: columns whose MAD or IQR is 0 are left out (skip) or measured by their mean deviation (mean)';

CREATE FUNCTION ad_hbos(
    bins integer DEFAULT 10,
    alpha double precision DEFAULT 0.1,
    tol double precision DEFAULT 0.5,
    counting text DEFAULT 'consistent')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_hbos(integer, double precision, double precision, text) IS
'spec of a histogram-based outlier score (Goldstein and Dengel 2012); bins 0: automatic; counting pyod: that library''s figures to the last digits';

CREATE FUNCTION ad_ecod(variant text DEFAULT 'dimensionwise')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_ecod(text) IS
'spec of empirical-CDF outlier detection (Li et al. 2022); variant dimensionwise (as PyOD) or paper';

CREATE FUNCTION ad_copod(variant text DEFAULT 'dimensionwise')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_copod(text) IS
'spec of copula-based outlier detection (Li et al. 2020); variant dimensionwise (as PyOD) or paper';

CREATE FUNCTION ad_loda(
    projections integer DEFAULT 100,
    bins integer DEFAULT 0,
    widths text DEFAULT 'equal',
    missing text DEFAULT 'skip')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_loda(integer, integer, text, text) IS
'spec of histograms of random projections (Pevny 2016); bins 0: automatic; widths equal or random; missing skip: score by the projections that need no missing value';
-- Detectors: linear maps and mixtures.

CREATE FUNCTION ad_pca(
    components double precision DEFAULT NULL,
    method text DEFAULT 'weighted')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_pca(double precision, text) IS
'spec of principal components (Shyu et al. 2003): squared distance weighted by variance, or squared reconstruction error; components: how many, or below 1 the share of the variance; NULL: all, for reconstruction 0.9';

CREATE FUNCTION ad_mahalanobis(
    robust boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_mahalanobis(boolean) IS
'spec of the squared Mahalanobis distance; robust: minimum covariance determinant (Rousseeuw and Van Driessen 1999)';

CREATE FUNCTION ad_kmeans(
    clusters integer DEFAULT 8,
    restarts integer DEFAULT 3,
    method text DEFAULT 'kmeans',
    scale_by_spread boolean DEFAULT false,
    alpha double precision DEFAULT 0.9,
    beta double precision DEFAULT 5,
    use_weights boolean DEFAULT false,
    init text DEFAULT 'kmeans++',
    max_iter integer DEFAULT 300,
    tol double precision DEFAULT 0.0001)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_kmeans(integer, integer, text, boolean, double precision, double precision, boolean, text, integer, double precision) IS
'spec of k-means: distance to the nearest centre; method cblof: cluster-based local outlier factor (He, Xu and Deng 2003), which alpha, beta and use_weights are for; init first: from the least distinct rows';

CREATE FUNCTION ad_gmm(
    components integer DEFAULT 1,
    restarts integer DEFAULT 1,
    reg_covar double precision DEFAULT 0.000001,
    max_iter integer DEFAULT 100,
    tol double precision DEFAULT 0.001,
    init text DEFAULT 'kmeans++')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_gmm(integer, integer, double precision, integer, double precision, text) IS
'spec of a Gaussian mixture with full covariances, fitted by EM: minus the log density';

-- Detectors that look at a row's neighbours.

CREATE FUNCTION ad_knn(
    neighbors integer DEFAULT 5,
    method text DEFAULT 'largest',
    metric text DEFAULT 'euclidean',
    reference_rows integer DEFAULT 10000,
    p double precision DEFAULT 2)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_knn(integer, text, text, integer, double precision) IS
'spec of the distance to the nearest neighbours (Ramaswamy et al. 2000); models contain rows';

CREATE FUNCTION ad_lof(
    neighbors integer DEFAULT 20,
    metric text DEFAULT 'euclidean',
    reference_rows integer DEFAULT 10000,
    p double precision DEFAULT 2)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_lof(integer, text, integer, double precision) IS
'spec of the local outlier factor (Breunig et al. 2000); models contain rows';

CREATE FUNCTION ad_dbscan(
    eps double precision DEFAULT NULL,
    min_samples integer DEFAULT 5,
    metric text DEFAULT 'euclidean',
    reference_rows integer DEFAULT 10000,
    p double precision DEFAULT 2)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_dbscan(double precision, integer, text, integer, double precision) IS
'spec of DBSCAN (Ester et al. 1996) as a score: distance to the nearest core point over eps, noise above 1; models contain rows';

CREATE FUNCTION ad_inne(
    estimators integer DEFAULT 200,
    sample_size integer DEFAULT 8)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_inne(integer, integer) IS
'spec of isolation by nearest-neighbour ensembles (Bandaragoda et al. 2018); models contain rows';
-- Specs of the detectors that belong to no other family.

CREATE FUNCTION ad_ocsvm(
    nu double precision DEFAULT 0.5,
    kernel text DEFAULT 'rbf',
    gamma double precision DEFAULT NULL,
    exact_rows integer DEFAULT 10000,
    features integer DEFAULT 512,
    tolerance double precision DEFAULT 0.0001)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_ocsvm(double precision, text, double precision, integer, integer, double precision) IS
'spec of a one-class support vector machine (Schoelkopf et al. 2001); beyond exact_rows rows, random features and gradient descent';

CREATE FUNCTION ad_fair_forest(
    trees integer DEFAULT 200,
    sample_size integer DEFAULT 256,
    ndim integer DEFAULT 2,
    candidates integer DEFAULT 1,
    max_features double precision DEFAULT 1.0)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_fair_forest(integer, integer, integer, integer, double precision) IS
'spec of a fair-cut forest (Cortes 2021): an isolation forest that splits by pooled gain';

-- The chooser: ranks detectors by what was measured.
--
-- Both tables are figures, not opinions, and _ad_measured() is the only place
-- that holds them. accuracy: means of ROC AUC and average precision over
-- thirteen labelled sets of the outlier detection literature (683 to 95,156
-- rows, 3 to 166 features), every detector with its defaults, fitted to and
-- scoring all rows without labels; bench/accuracy.py. Cost: bench/detectors.py,
-- section "For ad_recommend()", one core of a shared machine, so that times rank
-- detectors but promise nothing. A detector or a figure that was not
-- measured is not there.

CREATE FUNCTION _ad_measured(
    OUT detector text,
    OUT mean_auc double precision,
    OUT mean_ap double precision,
    OUT fit_ms double precision[],
    OUT score_us double precision[],
    OUT model_bytes double precision[],
    OUT column_exponents double precision[],
    OUT least_rows text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT a.detector, a.mean_auc, a.mean_ap, c.fit_ms::float8[], c.score_us::float8[],
       c.model_bytes::float8[], c.column_exponents::float8[], c.least_rows
FROM (VALUES
    ('copod', 0.8248, 0.4511),
    ('dbscan', 0.6869, 0.3279),
    ('ecod', 0.8369, 0.5230),
    ('fair_forest', 0.8565, 0.5326),
    ('gmm', 0.8442, 0.4787),
    ('hbos', 0.8345, 0.5011),
    ('iforest', 0.8523, 0.5228),
    ('inne', 0.8403, 0.4671),
    ('kmeans', 0.7810, 0.3701),
    ('knn', 0.7828, 0.3677),
    ('loda', 0.8511, 0.5170),
    ('lof', 0.6294, 0.1961),
    ('mahalanobis', 0.8442, 0.4786),
    ('ocsvm', 0.8457, 0.4852),
    ('pca', 0.8442, 0.4786),
    ('zscore', 0.8181, 0.4603)
    ) a(detector, mean_auc, mean_ap)
JOIN (VALUES
    ('copod', '{1.49, 10.4, 73.3}', '{0.262, 0.287, 0.811}', '{81856, 801856, 4001856}', '{1.15, 1.04, 1.00}', '2'),
    ('dbscan', '{5.22, 139, 162}', '{2.21, 9.57, 6.64}', '{71896, 716216, 733016}', '{0.32, 0.41, 1.04}', 'features'),
    ('ecod', '{1.48, 10.8, 67}', '{0.277, 0.291, 0.514}', '{81856, 801856, 4001856}', '{0.83, 0.99, 1.00}', '2'),
    ('fair_forest', '{48.3, 48.7, 72.8}', '{15.4, 16.7, 13.3}', '{1839072, 1839072, 1839072}', '{0.11, 0.03, 0.00}', '2'),
    ('gmm', '{3.11, 38.6, 215}', '{0.694, 0.669, 0.573}', '{3664, 3664, 3664}', '{0.84, 0.50, 1.45}', 'features'),
    ('hbos', '{1.82, 9.79, 44}', '{0.184, 0.256, 0.182}', '{2848, 2848, 2848}', '{0.50, 0.37, 0.90}', '2'),
    ('iforest', '{3.61, 11.1, 30.6}', '{1.05, 1.04, 0.699}', '{109160, 107048, 105672}', '{0.17, 0.32, -0.01}', '2'),
    ('inne', '{1.9, 10.3, 48.9}', '{21.7, 25.3, 23.3}', '{155576, 155576, 155576}', '{0.57, 0.99, 0.90}', '16'),
    ('kmeans', '{3.18, 61.5, 427}', '{0.202, 0.207, 0.263}', '{2920, 2920, 2920}', '{0.97, 1.03, 0.84}', '8'),
    ('knn', '{1.83, 9.08, 39.5}', '{2.08, 7.62, 7.53}', '{82048, 802048, 802048}', '{0.80, 0.60, 1.00}', '6'),
    ('loda', '{4.24, 38, 181}', '{1.07, 1.06, 1.08}', '{13160, 22264, 36648}', '{0.32, 0.17, 0.23}', '2'),
    ('lof', '{6.88, 118, 142}', '{4.45, 10.9, 11.2}', '{98024, 962024, 962024}', '{0.53, 0.48, 0.90}', '21'),
    ('mahalanobis', '{0.978, 7.81, 36.7}', '{0.358, 0.186, 0.357}', '{2704, 2704, 2704}', '{0.58, 1.06, 1.40}', 'features'),
    ('ocsvm', '{5.21, 540, 750}', '{1.38, 10.8, 2.28}', '{26392, 242344, 28776}', '{0.41, 0.51, 0.90}', '2'),
    ('pca', '{1.07, 5.92, 34}', '{0.203, 0.208, 0.213}', '{2880, 2880, 2880}', '{0.68, 0.77, 1.38}', 'features'),
    ('zscore', '{1.19, 6.01, 32.6}', '{0.422, 0.409, 0.528}', '{2088, 2088, 2088}', '{0.69, 0.36, 0.86}', '3')
    ) c(detector, fit_ms, score_us, model_bytes, column_exponents, least_rows) USING (detector)
$$;
COMMENT ON FUNCTION _ad_measured() IS
'measured accuracy and cost of the detectors: milliseconds of a fit, microseconds of a score and bytes of a model at 1,000, 10,000 and 50,000 rows of ten columns';

-- A measured figure at a number of rows and columns: between the sizes
-- measured along a power law, beyond them as at the nearest, but that a
-- sample is what a detector sees of more than 65,536 rows.
CREATE FUNCTION _ad_measured_at(figures double precision[], exponent double precision,
    rows bigint, features integer)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN n <= 10000
            THEN figures[1] * (figures[2] / figures[1]) ^ (ln(n / 1000) / ln(10.0::float8))
            ELSE figures[2] * (figures[3] / figures[2]) ^ (ln(n / 10000) / ln(5.0::float8)) END *
       (features / 10.0::float8) ^ exponent
FROM (SELECT least(greatest(rows, 1000), 65536)::float8 AS n) c
$$;
COMMENT ON FUNCTION _ad_measured_at(double precision[], double precision, bigint, integer) IS
'a measured figure brought to a number of rows and columns';

CREATE FUNCTION ad_recommend(
    rows bigint,
    features integer,
    priority text DEFAULT 'balanced',
    OUT rank integer,
    OUT detector text,
    OUT spec jsonb,
    OUT reason text,
    OUT mean_auc double precision,
    OUT seconds double precision,
    OUT model_bytes bigint)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rows IS NULL OR features IS NULL OR priority IS NULL THEN
        RAISE EXCEPTION 'rows, features and priority cannot be NULL'
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF rows < 1 THEN
        RAISE EXCEPTION 'rows is out of range: %', rows
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Allowed: at least 1.';
    END IF;
    IF features < 1 OR features > 4096 THEN
        RAISE EXCEPTION 'features is out of range: %', features
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Allowed: at least 1 and at most 4096.';
    END IF;
    IF priority NOT IN ('accuracy', 'speed', 'memory', 'balanced') THEN
        RAISE EXCEPTION 'priority cannot be "%"', priority
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Expected one of "accuracy", "speed", "memory", "balanced".';
    END IF;

    RETURN QUERY
    WITH cost AS (
        SELECT m.detector, m.mean_auc, m.mean_ap,
               @extschema@._ad_measured_at(m.fit_ms, m.column_exponents[1], rows, features) / 1e3 +
               -- beyond the sample a fit still reads every row: measured with ten columns
               greatest(rows - 65536, 0) * 8e-7 * features / 10 AS fit,
               @extschema@._ad_measured_at(m.score_us, m.column_exponents[2], rows, features) AS score,
               @extschema@._ad_measured_at(m.model_bytes, m.column_exponents[3], rows, features) AS bytes
        FROM @extschema@._ad_measured() m
        WHERE to_regproc('@extschema@.ad_' || m.detector) IS NOT NULL
          AND rows >= CASE m.least_rows WHEN 'features' THEN features + 2 ELSE m.least_rows::int END
    ), ranked AS (
        SELECT c.*, c.fit + rows * c.score / 1e6 AS total,
               row_number() OVER (ORDER BY
                   CASE priority
                       WHEN 'accuracy' THEN -c.mean_auc
                       WHEN 'speed' THEN c.fit + rows * c.score / 1e6
                       WHEN 'memory' THEN c.bytes
                       -- ten times the time or the bytes weigh 0.01 or 0.005 of ROC AUC
                       ELSE 0.01 * log((c.fit + rows * c.score / 1e6)::numeric)::float8 +
                            0.005 * log(c.bytes::numeric)::float8 - c.mean_auc
                   END, -c.mean_auc, c.detector)::int AS place
        FROM cost c
    )
    SELECT r.place, r.detector, jsonb_build_object('detector', r.detector),
           format('mean ROC AUC %s and average precision %s on the measured sets; about %s s to fit, %s microseconds to score a row, model of %s',
                  round(r.mean_auc::numeric, 3), round(r.mean_ap::numeric, 3),
                  CASE WHEN r.fit < 10 THEN round(r.fit::numeric, 2) ELSE round(r.fit::numeric) END,
                  CASE WHEN r.score < 10 THEN round(r.score::numeric, 1) ELSE round(r.score::numeric) END,
                  pg_size_pretty(r.bytes::bigint)),
           r.mean_auc, r.total, r.bytes::bigint
    FROM ranked r ORDER BY r.place;
END
$$;
COMMENT ON FUNCTION ad_recommend(bigint, integer, text) IS
'detectors for a number of rows and features, best first, by priority (accuracy, speed, memory or balanced), from measured accuracy and cost';
-- Time series: decomposition, periods, streaming, shapes.

CREATE TYPE ad_stl_point AS (
	trend float8,
	seasonal float8,
	seasonals float8[],
	remainder float8,
	weight float8,
	expected_low float8,
	expected_high float8,
	score float8,
	window_score float8,
	anomaly smallint
);
COMMENT ON TYPE ad_stl_point IS 'one row of a decomposition: trend + seasonal + remainder is the value';

CREATE TYPE ad_stl_arrays AS (
	trend float8[],
	seasonal float8[],
	seasonals float8[],
	remainder float8[],
	weight float8[],
	expected_low float8[],
	expected_high float8[],
	score float8[],
	window_score float8[],
	anomaly smallint[]
);
COMMENT ON TYPE ad_stl_arrays IS 'a whole decomposition: each array has one element a point, seasonals one row a season';

CREATE FUNCTION ad_stl_options(
	period "any" DEFAULT 'auto'::text,
	robust boolean DEFAULT NULL,
	seasonal_window "any" DEFAULT NULL::text,
	seasonal_degree int DEFAULT NULL,
	seasonal_jump int DEFAULT NULL,
	trend_window int DEFAULT NULL,
	trend_degree int DEFAULT NULL,
	trend_jump int DEFAULT NULL,
	lowpass_window int DEFAULT NULL,
	lowpass_degree int DEFAULT NULL,
	lowpass_jump int DEFAULT NULL,
	inner_iterations int DEFAULT NULL,
	outer_iterations int DEFAULT NULL,
	iterations int DEFAULT NULL,
	threshold float8 DEFAULT NULL,
	threshold_method text DEFAULT NULL,
	score_window int DEFAULT NULL,
	duplicates text DEFAULT NULL,
	timezone text DEFAULT NULL,
	step "any" DEFAULT NULL::text,
	on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stl_options';
COMMENT ON FUNCTION ad_stl_options("any", boolean, "any", int, int, int, int, int, int, int, int, int, int, int, float8, text, int, text, text, "any", text)
IS 'options of a decomposition, checked; a period is a number of points, an interval, auto, none, or an array';

CREATE FUNCTION ad_stl(value float8, "time" timestamptz, options jsonb DEFAULT '{}')
RETURNS ad_stl_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_stl';
COMMENT ON FUNCTION ad_stl(float8, timestamptz, jsonb) IS 'decomposes a partition into trend, seasons and remainder; the row''s point';

CREATE FUNCTION ad_stl(value float8, "time" timestamp, options jsonb DEFAULT '{}')
RETURNS ad_stl_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_stl';
COMMENT ON FUNCTION ad_stl(float8, timestamp, jsonb) IS 'decomposes a partition into trend, seasons and remainder; the row''s point';

CREATE FUNCTION ad_stl(value float8, "time" bigint, options jsonb DEFAULT '{}')
RETURNS ad_stl_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_stl';
COMMENT ON FUNCTION ad_stl(float8, bigint, jsonb) IS 'decomposes a partition with numbered points; the row''s point';

CREATE FUNCTION ad_stl_array(series float8[], options jsonb DEFAULT '{}')
RETURNS ad_stl_arrays
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_array';
COMMENT ON FUNCTION ad_stl_array(float8[], jsonb) IS 'decomposes a packed series into trend, seasons and remainder';

CREATE TYPE ad_period AS (
	points bigint,
	period interval,
	strength float8
);
COMMENT ON TYPE ad_period IS 'a period of a series: its length and the autocorrelation there, 1 being perfect';

CREATE FUNCTION _ad_periods_tz_transfn(internal, float8, timestamptz)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_tz_transfn';
COMMENT ON FUNCTION _ad_periods_tz_transfn(internal, float8, timestamptz) IS 'internal: transition of ad_periods';
CREATE FUNCTION _ad_periods_local_transfn(internal, float8, timestamp)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_local_transfn';
COMMENT ON FUNCTION _ad_periods_local_transfn(internal, float8, timestamp) IS 'internal: transition of ad_periods';
CREATE FUNCTION _ad_periods_number_transfn(internal, float8, bigint)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_number_transfn';
COMMENT ON FUNCTION _ad_periods_number_transfn(internal, float8, bigint) IS 'internal: transition of ad_periods';
CREATE FUNCTION _ad_periods_finalfn(internal)
RETURNS ad_period[] LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_finalfn';
COMMENT ON FUNCTION _ad_periods_finalfn(internal) IS 'internal: result of ad_periods';

CREATE AGGREGATE ad_periods(value float8, "time" timestamptz) (
	SFUNC = _ad_periods_tz_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_periods(float8, timestamptz) IS 'the periods of a series, strongest first; none if it has none';
CREATE AGGREGATE ad_periods(value float8, "time" timestamp) (
	SFUNC = _ad_periods_local_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_periods(float8, timestamp) IS 'the periods of a series, strongest first; none if it has none';
CREATE AGGREGATE ad_periods(value float8, "time" bigint) (
	SFUNC = _ad_periods_number_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_periods(float8, bigint) IS 'the periods of a series with numbered points, strongest first';

CREATE TYPE ad_stream_point AS (
	expected float8,
	expected_low float8,
	expected_high float8,
	score float8,
	anomaly smallint
);
COMMENT ON TYPE ad_stream_point IS 'one row of a stream: what was expected before the row was seen, and the verdict';

CREATE FUNCTION ad_stream_options(
	period "any" DEFAULT NULL::text,
	step "any" DEFAULT NULL::text,
	q float8 DEFAULT NULL,
	level float8 DEFAULT NULL,
	trend float8 DEFAULT NULL,
	season float8 DEFAULT NULL,
	clip float8 DEFAULT NULL,
	warmup int DEFAULT NULL,
	late text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stream_options';
COMMENT ON FUNCTION ad_stream_options("any", "any", float8, float8, float8, float8, float8, int, text)
IS 'options of a stream, checked; q is the risk of flagging a normal point';

CREATE FUNCTION ad_stream(value float8, "time" timestamptz, options jsonb DEFAULT '{}')
RETURNS ad_stream_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION ad_stream(float8, timestamptz, jsonb) IS 'scores each row from the rows before it alone';
CREATE FUNCTION ad_stream(value float8, "time" timestamp, options jsonb DEFAULT '{}')
RETURNS ad_stream_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION ad_stream(float8, timestamp, jsonb) IS 'scores each row from the rows before it alone';

CREATE FUNCTION ad_stream_update(state bytea, times timestamptz[], "values" float8[], options jsonb DEFAULT '{}',
	OUT new_state bytea, OUT scores float8[], OUT anomalies smallint[])
RETURNS record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_stream_update';
COMMENT ON FUNCTION ad_stream_update(bytea, timestamptz[], float8[], jsonb)
IS 'runs a batch through a stored stream; a NULL state starts one with the options';

CREATE FUNCTION ad_stream_info(state bytea)
RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stream_info';
COMMENT ON FUNCTION ad_stream_info(bytea) IS 'counters of a stored stream: points, late, missing, anomalies';

CREATE TYPE ad_discord_point AS (
	distance float8,
	neighbor bigint,
	score float8
);
COMMENT ON TYPE ad_discord_point IS 'the window that starts at a row: distance to the most similar other window, and its row number';

CREATE FUNCTION ad_discord(value float8, m int, options jsonb DEFAULT '{}')
RETURNS ad_discord_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_discord';
COMMENT ON FUNCTION ad_discord(float8, int, jsonb) IS 'exact matrix profile over windows of m rows: shapes that occur only once are far from all others';

CREATE FUNCTION ad_subpca(value float8, m int)
RETURNS float8
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_subpca';
COMMENT ON FUNCTION ad_subpca(float8, int) IS 'sub-sequence PCA over windows of m rows: how unusual the shapes around a row are';

CREATE FUNCTION ad_changepoints(series float8[], method text DEFAULT 'pelt', penalty float8 DEFAULT NULL, min_segment int DEFAULT 2)
RETURNS int[]
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_changepoints';
COMMENT ON FUNCTION ad_changepoints(float8[], text, float8, int) IS 'positions at which the level of a series changes';

CREATE FUNCTION ad_decompose(query text, options jsonb DEFAULT '{}',
	OUT series text, OUT "time" timestamptz, OUT value float8, OUT observed boolean,
	OUT trend float8, OUT seasonal float8, OUT seasonals float8[], OUT remainder float8, OUT weight float8,
	OUT expected_low float8, OUT expected_high float8, OUT score float8, OUT window_score float8, OUT anomaly smallint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT COST 10000 ROWS 10000
AS 'MODULE_PATHNAME', 'ad_decompose';
COMMENT ON FUNCTION ad_decompose(text, jsonb)
IS 'decomposes what a query returns, (time, value) or (series, time, value), onto a regular grid with the gaps filled in';

CREATE FUNCTION ad_stl_plot(series float8[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560, first_label text DEFAULT NULL, last_label text DEFAULT NULL)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot';
COMMENT ON FUNCTION ad_stl_plot(float8[], jsonb, text, int, int, text, text)
IS 'draws a decomposition as SVG: value, trend, season, remainder, anomalies marked';
--
-- Market surveillance: order events, layering, wash trades.
--

CREATE TYPE ad_order_event;

CREATE FUNCTION ad_order_event_in(cstring) RETURNS ad_order_event
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ad_order_event_in(cstring) IS
	'I/O: reads event_type,side,price,quantity,ts[,order_id]';

CREATE FUNCTION ad_order_event_out(ad_order_event) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ad_order_event_out(ad_order_event) IS
	'I/O: writes event_type,side,price,quantity,ts[,order_id], the time in UTC';

CREATE FUNCTION ad_order_event_recv(internal) RETURNS ad_order_event
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ad_order_event_recv(internal) IS
	'I/O: reads the binary form, every field checked';

CREATE FUNCTION ad_order_event_send(ad_order_event) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ad_order_event_send(ad_order_event) IS
	'I/O: writes the binary form';

CREATE TYPE ad_order_event (
	INPUT = ad_order_event_in,
	OUTPUT = ad_order_event_out,
	RECEIVE = ad_order_event_recv,
	SEND = ad_order_event_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = plain
);
COMMENT ON TYPE ad_order_event IS
	'one order event, packed into a single compact value: the fast argument of the market window functions';

-- Price and quantity may each be numeric, bigint, integer, smallint, double
-- precision or real; the function looks at their types once per query.
CREATE FUNCTION ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION ad_order_event(text, text, anyelement, anycompatible, timestamptz) IS
	'packs an order event for the market window functions';

CREATE FUNCTION ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION ad_order_event(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
	'packs an order event for the market window functions; options "words" and "on_bad" apply';

CREATE FUNCTION ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text)
	RETURNS ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION ad_order_event(text, text, anyelement, anycompatible, timestamptz, text) IS
	'packs an order event for the market window functions';

CREATE FUNCTION ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text, options jsonb)
	RETURNS ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION ad_order_event(text, text, anyelement, anycompatible, timestamptz, text, jsonb) IS
	'packs an order event for the market window functions; options "words" and "on_bad" apply';

CREATE TYPE ad_layering_sequence AS (
	sequence_no bigint,
	side text,
	start_time timestamptz,
	end_time timestamptz,
	duration interval,
	orders bigint,
	cancelled_orders bigint,
	cancelled_qty numeric,
	opposite_qty numeric,
	total_buy_qty numeric,
	total_sell_qty numeric,
	order_times timestamptz[],
	trade_time timestamptz,
	rule text,
	severity double precision,
	first_row bigint,
	trade_row bigint,
	counted_cancels bigint,
	counted_cancel_qty numeric,
	duration_s double precision,
	placed_orders bigint,
	placed_qty numeric,
	matched_cancels bigint,
	cancel_ratio double precision,
	cancel_qty_ratio double precision,
	price_levels bigint,
	price_span_bps double precision,
	median_time_to_cancel_s double precision,
	max_time_to_cancel_s double precision,
	opp_trades bigint,
	opp_trade_qty numeric,
	opp_trade_vwap double precision,
	spoof_to_trade_qty_ratio double precision,
	spoof_side_fill_qty numeric,
	spoof_side_fill_ratio double precision,
	own_order_imbalance double precision,
	order_to_trade_ratio double precision,
	cancel_to_trade_gap_s double precision,
	cancelled_after_trade_qty_ratio double precision,
	mean_distance_bps double precision,
	mean_placement_gap_s double precision,
	size_cv double precision,
	skipped_rows bigint
);
COMMENT ON TYPE ad_layering_sequence IS
	'one layering sequence with its metrics, as ad_layering finds it; no column is null, a ratio that does not exist is NaN';

COMMENT ON COLUMN ad_layering_sequence.sequence_no IS 'number of the sequence in its partition, from 1';
COMMENT ON COLUMN ad_layering_sequence.side IS 'side of the orders that were layered: BUY or SELL';
COMMENT ON COLUMN ad_layering_sequence.start_time IS 'time of the first order';
COMMENT ON COLUMN ad_layering_sequence.end_time IS 'time of detection';
COMMENT ON COLUMN ad_layering_sequence.duration IS 'end_time - start_time';
COMMENT ON COLUMN ad_layering_sequence.orders IS 'orders of the sequence';
COMMENT ON COLUMN ad_layering_sequence.cancelled_orders IS 'metric: cancels of the side in [start_time, end_time]';
COMMENT ON COLUMN ad_layering_sequence.cancelled_qty IS 'metric: their quantity';
COMMENT ON COLUMN ad_layering_sequence.opposite_qty IS 'quantity of opposite trades that the rule counts';
COMMENT ON COLUMN ad_layering_sequence.total_buy_qty IS 'BUY sequence: counted_cancel_qty; SELL sequence: opposite_qty';
COMMENT ON COLUMN ad_layering_sequence.total_sell_qty IS 'SELL sequence: counted_cancel_qty; BUY sequence: opposite_qty';
COMMENT ON COLUMN ad_layering_sequence.order_times IS 'times of the orders';
COMMENT ON COLUMN ad_layering_sequence.trade_time IS 'time of the opposite trade that completes the sequence';
COMMENT ON COLUMN ad_layering_sequence.rule IS 'how it was found: after, before, strict or anchored';
COMMENT ON COLUMN ad_layering_sequence.severity IS '0 to 100: rank by it';
COMMENT ON COLUMN ad_layering_sequence.first_row IS 'row of the first order in the partition, from 1';
COMMENT ON COLUMN ad_layering_sequence.trade_row IS 'row of the completing trade in the partition, from 1';
COMMENT ON COLUMN ad_layering_sequence.counted_cancels IS 'cancels that the rule counts: for strict and anchored those matched to the orders';
COMMENT ON COLUMN ad_layering_sequence.counted_cancel_qty IS 'quantity of the counted cancels';
COMMENT ON COLUMN ad_layering_sequence.duration_s IS 'metric: duration in seconds';
COMMENT ON COLUMN ad_layering_sequence.placed_orders IS 'metric: orders of the side in [start_time, end_time]';
COMMENT ON COLUMN ad_layering_sequence.placed_qty IS 'metric: their quantity';
COMMENT ON COLUMN ad_layering_sequence.matched_cancels IS 'metric: of those orders, how many were cancelled by end_time';
COMMENT ON COLUMN ad_layering_sequence.cancel_ratio IS 'metric: matched_cancels / placed_orders';
COMMENT ON COLUMN ad_layering_sequence.cancel_qty_ratio IS 'metric: cancelled_qty / placed_qty';
COMMENT ON COLUMN ad_layering_sequence.price_levels IS 'metric: distinct prices of the orders';
COMMENT ON COLUMN ad_layering_sequence.price_span_bps IS 'metric: (highest - lowest) / lowest price, in basis points';
COMMENT ON COLUMN ad_layering_sequence.median_time_to_cancel_s IS 'metric: median seconds from order to its cancel';
COMMENT ON COLUMN ad_layering_sequence.max_time_to_cancel_s IS 'metric: longest of them';
COMMENT ON COLUMN ad_layering_sequence.opp_trades IS 'metric: opposite trades in [start_time, end_time]';
COMMENT ON COLUMN ad_layering_sequence.opp_trade_qty IS 'metric: their quantity';
COMMENT ON COLUMN ad_layering_sequence.opp_trade_vwap IS 'metric: their volume-weighted price';
COMMENT ON COLUMN ad_layering_sequence.spoof_to_trade_qty_ratio IS 'metric: placed_qty / opp_trade_qty';
COMMENT ON COLUMN ad_layering_sequence.spoof_side_fill_qty IS 'metric: quantity traded on the side of the orders';
COMMENT ON COLUMN ad_layering_sequence.spoof_side_fill_ratio IS 'metric: spoof_side_fill_qty / placed_qty';
COMMENT ON COLUMN ad_layering_sequence.own_order_imbalance IS 'metric: (placed_qty - opposite placed quantity) / their sum';
COMMENT ON COLUMN ad_layering_sequence.order_to_trade_ratio IS 'metric: (orders + cancels) / trades of both sides';
COMMENT ON COLUMN ad_layering_sequence.cancel_to_trade_gap_s IS 'metric: seconds from the last cancel to end_time; NaN for rule before';
COMMENT ON COLUMN ad_layering_sequence.cancelled_after_trade_qty_ratio IS 'metric: share of cancelled_qty at or after the first opposite trade';
COMMENT ON COLUMN ad_layering_sequence.mean_distance_bps IS 'metric: how far the orders were priced behind the opposite trades, in basis points';
COMMENT ON COLUMN ad_layering_sequence.mean_placement_gap_s IS 'metric: mean seconds between orders';
COMMENT ON COLUMN ad_layering_sequence.size_cv IS 'metric: coefficient of variation of the order quantities';
COMMENT ON COLUMN ad_layering_sequence.skipped_rows IS 'rows of the partition passed over because of on_bad';

CREATE FUNCTION ad_layering_options(
	rule text DEFAULT 'window',
	trade_rule text DEFAULT 'after',
	orders_window interval DEFAULT '10 seconds',
	cancel_window interval DEFAULT '5 seconds',
	opposite_trade_window interval DEFAULT '2 seconds',
	min_orders integer DEFAULT 3,
	min_cancels integer DEFAULT 3,
	on_bad text DEFAULT 'error',
	words jsonb DEFAULT NULL,
	causal boolean DEFAULT false,
	forget_after interval DEFAULT NULL,
	max_partition_rows integer DEFAULT 10000000)
	RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering_options(text, text, interval, interval, interval, integer, integer, text, jsonb, boolean, interval, integer) IS
	'options of ad_layering, ad_layering_member, ad_layering_sequences and ad_layering_timeline';

CREATE FUNCTION ad_layering(event ad_order_event)
	RETURNS ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering(ad_order_event) IS
	'layering sequence that the row reports (its first order; for rule anchored its trade), or null';

CREATE FUNCTION ad_layering(event ad_order_event, options jsonb)
	RETURNS ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering(ad_order_event, jsonb) IS
	'layering sequence that the row reports (its first order; for rule anchored its trade), or null';

CREATE FUNCTION ad_layering(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering(text, text, anyelement, anycompatible, timestamptz) IS
	'layering sequence that the row reports (its first order; for rule anchored its trade), or null';

CREATE FUNCTION ad_layering(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
	'layering sequence that the row reports (its first order; for rule anchored its trade), or null';

CREATE FUNCTION ad_layering(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text)
	RETURNS ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering(text, text, anyelement, anycompatible, timestamptz, text) IS
	'layering sequence that the row reports (its first order; for rule anchored its trade), or null';

CREATE FUNCTION ad_layering(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text, options jsonb)
	RETURNS ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering(text, text, anyelement, anycompatible, timestamptz, text, jsonb) IS
	'layering sequence that the row reports (its first order; for rule anchored its trade), or null';

CREATE TYPE ad_layering_membership AS (
	sequence_no bigint,
	role text,
	other_sequences bigint[]
);
COMMENT ON TYPE ad_layering_membership IS
	'layering sequence that an event belongs to, and its role';
COMMENT ON COLUMN ad_layering_membership.sequence_no IS 'number of the first sequence it belongs to';
COMMENT ON COLUMN ad_layering_membership.role IS 'order, cancel or trade';
COMMENT ON COLUMN ad_layering_membership.other_sequences IS 'numbers of further sequences that share it';

CREATE FUNCTION ad_layering_member(event ad_order_event)
	RETURNS ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering_member(ad_order_event) IS
	'layering sequence that the row belongs to and its role (order, cancel, trade), or null';

CREATE FUNCTION ad_layering_member(event ad_order_event, options jsonb)
	RETURNS ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering_member(ad_order_event, jsonb) IS
	'layering sequence that the row belongs to and its role (order, cancel, trade), or null';

CREATE FUNCTION ad_layering_member(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering_member(text, text, anyelement, anycompatible, timestamptz) IS
	'layering sequence that the row belongs to and its role (order, cancel, trade), or null';

CREATE FUNCTION ad_layering_member(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering_member(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
	'layering sequence that the row belongs to and its role (order, cancel, trade), or null';

CREATE FUNCTION ad_layering_member(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text)
	RETURNS ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering_member(text, text, anyelement, anycompatible, timestamptz, text) IS
	'layering sequence that the row belongs to and its role (order, cancel, trade), or null';

CREATE FUNCTION ad_layering_member(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text, options jsonb)
	RETURNS ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_layering_member(text, text, anyelement, anycompatible, timestamptz, text, jsonb) IS
	'layering sequence that the row belongs to and its role (order, cancel, trade), or null';

CREATE FUNCTION ad_layering_sequences(
	query text,
	options jsonb DEFAULT NULL,
	partition_by text[] DEFAULT NULL,
	order_by text DEFAULT NULL,
	presorted boolean DEFAULT false)
	RETURNS TABLE (
		account text,
		product text,
		partition_key jsonb,
		first_id text,
		trade_id text,
		sequence_no bigint,
		side text,
		start_time timestamptz,
		end_time timestamptz,
		duration interval,
		orders bigint,
		cancelled_orders bigint,
		cancelled_qty numeric,
		opposite_qty numeric,
		total_buy_qty numeric,
		total_sell_qty numeric,
		order_times timestamptz[],
		trade_time timestamptz,
		rule text,
		severity double precision,
		first_row bigint,
		trade_row bigint,
		counted_cancels bigint,
		counted_cancel_qty numeric,
		duration_s double precision,
		placed_orders bigint,
		placed_qty numeric,
		matched_cancels bigint,
		cancel_ratio double precision,
		cancel_qty_ratio double precision,
		price_levels bigint,
		price_span_bps double precision,
		median_time_to_cancel_s double precision,
		max_time_to_cancel_s double precision,
		opp_trades bigint,
		opp_trade_qty numeric,
		opp_trade_vwap double precision,
		spoof_to_trade_qty_ratio double precision,
		spoof_side_fill_qty numeric,
		spoof_side_fill_ratio double precision,
		own_order_imbalance double precision,
		order_to_trade_ratio double precision,
		cancel_to_trade_gap_s double precision,
		cancelled_after_trade_qty_ratio double precision,
		mean_distance_bps double precision,
		mean_placement_gap_s double precision,
		size_cv double precision,
		skipped_rows bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION ad_layering_sequences(text, jsonb, text[], text, boolean) IS
	'layering sequences of every partition of a query, read through an ordered cursor';

CREATE TYPE ad_wash_trade_window AS (
	window_no bigint,
	start_time timestamptz,
	end_time timestamptz,
	duration interval,
	trades bigint,
	buy_trades bigint,
	sell_trades bigint,
	total_buy_qty numeric,
	total_sell_qty numeric,
	side_switches bigint,
	alternation_percentage double precision,
	price_change_percentage double precision,
	first_price double precision,
	last_price double precision,
	first_row bigint,
	last_row bigint,
	windows bigint,
	skipped_rows bigint
);
COMMENT ON TYPE ad_wash_trade_window IS
	'one window of wash trading, as ad_wash_trade finds it';
COMMENT ON COLUMN ad_wash_trade_window.window_no IS 'number of the window in its partition, from 1';
COMMENT ON COLUMN ad_wash_trade_window.alternation_percentage IS 'side switches in percent of trades - 1';
COMMENT ON COLUMN ad_wash_trade_window.price_change_percentage IS '|last - first| / first price in percent; null below price_change_threshold';
COMMENT ON COLUMN ad_wash_trade_window.first_row IS 'row of the first trade in the partition, from 1';
COMMENT ON COLUMN ad_wash_trade_window.last_row IS 'row of the last trade in the partition, from 1';
COMMENT ON COLUMN ad_wash_trade_window.windows IS 'with merge: how many windows were joined; else 1';
COMMENT ON COLUMN ad_wash_trade_window.skipped_rows IS 'rows of the partition passed over because of on_bad';

CREATE FUNCTION ad_wash_trade_options(
	min_buy_trades integer DEFAULT 3,
	min_sell_trades integer DEFAULT 3,
	min_alternation_percentage double precision DEFAULT 60,
	min_total_volume double precision DEFAULT 10000,
	window_size interval DEFAULT '30 minutes',
	price_change_threshold double precision DEFAULT 1,
	merge boolean DEFAULT false,
	on_bad text DEFAULT 'error',
	words jsonb DEFAULT NULL,
	max_partition_rows integer DEFAULT 10000000)
	RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_wash_trade_options(integer, integer, double precision, double precision, interval, double precision, boolean, text, jsonb, integer) IS
	'options of ad_wash_trade';

CREATE FUNCTION ad_wash_trade(event ad_order_event)
	RETURNS ad_wash_trade_window
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_wash_trade(ad_order_event) IS
	'window of wash trading that the row''s trade starts, or null';

CREATE FUNCTION ad_wash_trade(event ad_order_event, options jsonb)
	RETURNS ad_wash_trade_window
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_wash_trade(ad_order_event, jsonb) IS
	'window of wash trading that the row''s trade starts, or null';

CREATE FUNCTION ad_wash_trade(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS ad_wash_trade_window
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_wash_trade(text, text, anyelement, anycompatible, timestamptz) IS
	'window of wash trading that the row''s trade starts, or null';

CREATE FUNCTION ad_wash_trade(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS ad_wash_trade_window
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_wash_trade(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
	'window of wash trading that the row''s trade starts, or null';

CREATE FUNCTION ad_layering_timeline(
	events ad_order_event[],
	options jsonb DEFAULT NULL,
	sequence_no integer DEFAULT NULL,
	title text DEFAULT NULL,
	width integer DEFAULT 900,
	height integer DEFAULT 460)
	RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ad_layering_timeline(ad_order_event[], jsonb, integer, text, integer, integer) IS
	'SVG picture of an episode: orders, cancels and trades over time and price';

-- Evaluation: metrics of labelled scores, false discovery rates, made-up data.

CREATE TYPE ad_best_f1_result AS (
    threshold double precision,
    precision double precision,
    recall double precision,
    f1 double precision
);
COMMENT ON TYPE ad_best_f1_result IS
'result of ad_best_f1: rows that score at least the threshold are called anomalies';

CREATE TYPE ad_roc_point AS (
    fpr double precision,
    tpr double precision,
    threshold double precision
);
COMMENT ON TYPE ad_roc_point IS
'point of a ROC curve: the shares of normal rows and of anomalies that score at least the threshold';

CREATE TYPE ad_pr_point AS (
    precision double precision,
    recall double precision,
    threshold double precision
);
COMMENT ON TYPE ad_pr_point IS
'point of a precision-recall curve; the end of the curve has no threshold';

CREATE TYPE ad_confusion_result AS (
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
COMMENT ON TYPE ad_confusion_result IS
'result of ad_confusion: counts of true and false positives and negatives, and what follows from them';

CREATE FUNCTION _ad_ranking_transfn(internal, double precision, boolean)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _ad_ranking_transfn(internal, double precision, boolean) IS
'transition of the aggregates over labelled scores';

CREATE FUNCTION _ad_ranking_k_transfn(internal, double precision, boolean, bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_k_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _ad_ranking_k_transfn(internal, double precision, boolean, bigint) IS
'transition of ad_precision_at';

CREATE FUNCTION _ad_ranking_points_transfn(internal, double precision, boolean, bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_points_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _ad_ranking_points_transfn(internal, double precision, boolean, bigint) IS
'transition of the curves with a number of points';

CREATE FUNCTION _ad_ranking_combinefn(internal, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_combinefn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _ad_ranking_combinefn(internal, internal) IS
'combines partial states of the aggregates over labelled scores';

CREATE FUNCTION _ad_ranking_serialfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_ranking_serialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_ranking_serialfn(internal) IS
'writes a partial state of the aggregates over labelled scores';

CREATE FUNCTION _ad_ranking_deserialfn(bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_deserialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_ranking_deserialfn(bytea, internal) IS
'reads a partial state of the aggregates over labelled scores';

CREATE FUNCTION _ad_roc_auc_finalfn(internal)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_roc_auc_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _ad_roc_auc_finalfn(internal) IS
'result of ad_roc_auc';

CREATE FUNCTION _ad_average_precision_finalfn(internal)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_average_precision_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _ad_average_precision_finalfn(internal) IS
'result of ad_average_precision';

CREATE FUNCTION _ad_precision_at_finalfn(internal)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_precision_at_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _ad_precision_at_finalfn(internal) IS
'result of ad_precision_at';

CREATE FUNCTION _ad_best_f1_finalfn(internal)
RETURNS ad_best_f1_result
AS 'MODULE_PATHNAME', 'ad_best_f1_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _ad_best_f1_finalfn(internal) IS
'result of ad_best_f1';

CREATE FUNCTION _ad_roc_curve_finalfn(internal)
RETURNS ad_roc_point[]
AS 'MODULE_PATHNAME', 'ad_roc_curve_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _ad_roc_curve_finalfn(internal) IS
'result of ad_roc_curve';

CREATE FUNCTION _ad_pr_curve_finalfn(internal)
RETURNS ad_pr_point[]
AS 'MODULE_PATHNAME', 'ad_pr_curve_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _ad_pr_curve_finalfn(internal) IS
'result of ad_pr_curve';

CREATE FUNCTION _ad_confusion_transfn(bigint[], boolean, boolean)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_confusion_transfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_confusion_transfn(bigint[], boolean, boolean) IS
'transition of ad_confusion';

CREATE FUNCTION _ad_confusion_combinefn(bigint[], bigint[])
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_confusion_combinefn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_confusion_combinefn(bigint[], bigint[]) IS
'combines partial states of ad_confusion';

CREATE FUNCTION _ad_confusion_finalfn(bigint[])
RETURNS ad_confusion_result
AS 'MODULE_PATHNAME', 'ad_confusion_finalfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_confusion_finalfn(bigint[]) IS
'result of ad_confusion';

CREATE AGGREGATE ad_roc_auc(score double precision, is_anomaly boolean) (
    SFUNC = _ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _ad_roc_auc_finalfn,
    COMBINEFUNC = _ad_ranking_combinefn,
    SERIALFUNC = _ad_ranking_serialfn,
    DESERIALFUNC = _ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_roc_auc(double precision, boolean) IS
'area under the ROC curve: share of pairs of an anomaly and a normal row in which the anomaly scores higher, ties counting half; one class only: NULL';

CREATE AGGREGATE ad_average_precision(score double precision, is_anomaly boolean) (
    SFUNC = _ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _ad_average_precision_finalfn,
    COMBINEFUNC = _ad_ranking_combinefn,
    SERIALFUNC = _ad_ranking_serialfn,
    DESERIALFUNC = _ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_average_precision(double precision, boolean) IS
'average precision: precision at each threshold, weighted by the gain of recall; one class only: NULL';

CREATE AGGREGATE ad_precision_at(score double precision, is_anomaly boolean, k bigint) (
    SFUNC = _ad_ranking_k_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _ad_precision_at_finalfn,
    COMBINEFUNC = _ad_ranking_combinefn,
    SERIALFUNC = _ad_ranking_serialfn,
    DESERIALFUNC = _ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_precision_at(double precision, boolean, bigint) IS
'share of anomalies among the k rows that score highest; ties at the k-th place count in proportion; one class only: NULL';

CREATE AGGREGATE ad_best_f1(score double precision, is_anomaly boolean) (
    SFUNC = _ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _ad_best_f1_finalfn,
    COMBINEFUNC = _ad_ranking_combinefn,
    SERIALFUNC = _ad_ranking_serialfn,
    DESERIALFUNC = _ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_best_f1(double precision, boolean) IS
'threshold with the greatest F1 (the highest of several), with its precision, recall and F1; one class only: NULL';

CREATE AGGREGATE ad_roc_curve(score double precision, is_anomaly boolean) (
    SFUNC = _ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _ad_roc_curve_finalfn,
    COMBINEFUNC = _ad_ranking_combinefn,
    SERIALFUNC = _ad_ranking_serialfn,
    DESERIALFUNC = _ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_roc_curve(double precision, boolean) IS
'ROC curve, for unnest(): points from (0, 0) to (1, 1) by falling threshold; one class only: NULL';

CREATE AGGREGATE ad_roc_curve(score double precision, is_anomaly boolean, points bigint) (
    SFUNC = _ad_ranking_points_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _ad_roc_curve_finalfn,
    COMBINEFUNC = _ad_ranking_combinefn,
    SERIALFUNC = _ad_ranking_serialfn,
    DESERIALFUNC = _ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_roc_curve(double precision, boolean, bigint) IS
'ROC curve thinned to at most that many points';

CREATE AGGREGATE ad_pr_curve(score double precision, is_anomaly boolean) (
    SFUNC = _ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _ad_pr_curve_finalfn,
    COMBINEFUNC = _ad_ranking_combinefn,
    SERIALFUNC = _ad_ranking_serialfn,
    DESERIALFUNC = _ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_pr_curve(double precision, boolean) IS
'precision-recall curve, for unnest(): points by rising threshold, then precision 1 and recall 0; one class only: NULL';

CREATE AGGREGATE ad_pr_curve(score double precision, is_anomaly boolean, points bigint) (
    SFUNC = _ad_ranking_points_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _ad_pr_curve_finalfn,
    COMBINEFUNC = _ad_ranking_combinefn,
    SERIALFUNC = _ad_ranking_serialfn,
    DESERIALFUNC = _ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_pr_curve(double precision, boolean, bigint) IS
'precision-recall curve thinned to at most that many points';

CREATE AGGREGATE ad_confusion(predicted boolean, actual boolean) (
    SFUNC = _ad_confusion_transfn,
    STYPE = bigint[],
    SSPACE = 64,
    INITCOND = '{0,0,0,0}',
    FINALFUNC = _ad_confusion_finalfn,
    COMBINEFUNC = _ad_confusion_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE ad_confusion(boolean, boolean) IS
'confusion table of decisions: counts, precision, recall, F1, balanced accuracy, Matthews correlation; what would divide by zero is NULL; no rows: NULL';

CREATE FUNCTION ad_fdr(p double precision, method text DEFAULT 'bh')
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE COST 10;
COMMENT ON FUNCTION ad_fdr(double precision, text) IS
'p-value of the row adjusted for the false discovery rate in its partition: method bh (Benjamini and Hochberg) or by (Benjamini and Yekutieli); NULL stays NULL and does not count';

CREATE FUNCTION ad_random(
    seed bigint,
    i bigint,
    distribution text DEFAULT 'uniform',
    location double precision DEFAULT 0,
    scale double precision DEFAULT 1
)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION ad_random(bigint, bigint, text, double precision, double precision) IS
'random value i of a seed: uniform from location to location + scale, normal with mean location and standard deviation scale, or exponential with mean scale, from location up';

CREATE FUNCTION _ad_generate_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_generate_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_generate_support(internal) IS
'planner support of the generators: the number of rows';

CREATE FUNCTION ad_generate_blobs(
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
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 SUPPORT _ad_generate_support;
COMMENT ON FUNCTION ad_generate_blobs(bigint, integer, double precision, bigint, integer, double precision) IS
'labelled rows: normal ones around cluster centers, anomalies anywhere else; row i depends on i and the other arguments, not on rows';

CREATE FUNCTION ad_generate_series(
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
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 SUPPORT _ad_generate_support;
COMMENT ON FUNCTION ad_generate_series(bigint, bigint, text, double precision, double precision, double precision, double precision, double precision, double precision, double precision, double precision, double precision) IS
'labelled series: level + trend * i + amplitude * sin(2 pi i / period) + ad_random(seed, i, noise, 0, noise_scale), with spikes and level shifts; row i depends on i and the other arguments, not on rows';
