-- Detectors: linear maps and mixtures.

CREATE FUNCTION @extschema@.ad_pca(
    components double precision DEFAULT NULL,
    method text DEFAULT 'weighted')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_pca(double precision, text) IS
'Returns the spec of principal components (Shyu et al. 2003). components: number of leading components, '
'or below 1 the share of the variance that they explain; NULL means all, or 0.9 for reconstruction. '
'method: weighted (squared distance weighted by variance) or reconstruction (squared reconstruction '
'error). Raises 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_mahalanobis(
    robust boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_mahalanobis(boolean) IS
'Returns the spec of the squared Mahalanobis distance. robust: whether to use the minimum covariance '
'determinant (Rousseeuw and Van Driessen 1999) instead of all rows; at most 512 columns then. NULL means '
'the default. Raises 22023 for an invalid value.';

CREATE FUNCTION @extschema@.ad_kmeans(
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
COMMENT ON FUNCTION @extschema@.ad_kmeans(integer, integer, text, boolean, double precision, double precision, boolean, text, integer, double precision) IS
'Returns the spec of k-means: the distance to the nearest cluster center. clusters: 1 to 4096. restarts: '
'number of runs, 1 to 1000. method: kmeans, or cblof, the cluster-based local outlier factor (He, Xu and '
'Deng 2003). scale_by_spread: whether kmeans divides by the mean distance in the cluster. alpha: share of '
'the rows in large clusters, 0.5 to 1. beta: size ratio between large and small clusters, at least 1. '
'use_weights: whether cblof multiplies by the size of the cluster. init: kmeans++ or first (the first '
'distinct rows). max_iter: maximum number of iterations, 1 to 1000000. tol: stop when the centers move '
'less, 0 to 1. NULL means the default. Raises 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_gmm(
    components integer DEFAULT 1,
    restarts integer DEFAULT 1,
    reg_covar double precision DEFAULT 0.000001,
    max_iter integer DEFAULT 100,
    tol double precision DEFAULT 0.001,
    init text DEFAULT 'kmeans++')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_gmm(integer, integer, double precision, integer, double precision, text) IS
'Returns the spec of a Gaussian mixture with full covariances fitted by expectation-maximization; the '
'score is minus the log density. components: 1 to 1000. restarts: number of runs, 1 to 100. reg_covar: '
'added to each variance, 0 to 1e6. max_iter: maximum number of iterations, 1 to 100000. tol: stop when '
'the mean log likelihood changes less, 0 to 1. init: kmeans++ or first. NULL means the default. Raises '
'22023 for a value out of range.';

