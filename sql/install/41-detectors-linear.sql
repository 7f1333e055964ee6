-- Detectors: linear maps and mixtures.

CREATE FUNCTION @extschema@.ad_pca(
    components double precision DEFAULT NULL,
    method text DEFAULT 'weighted')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_pca(double precision, text) IS
'spec of principal components (Shyu et al. 2003): squared distance weighted by variance, or squared reconstruction error; components: how many, or below 1 the share of the variance; NULL: all, for reconstruction 0.9';

CREATE FUNCTION @extschema@.ad_mahalanobis(
    robust boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_mahalanobis(boolean) IS
'spec of the squared Mahalanobis distance; robust: minimum covariance determinant (Rousseeuw and Van Driessen 1999)';

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
'spec of k-means: distance to the nearest centre; method cblof: cluster-based local outlier factor (He, Xu and Deng 2003), which alpha, beta and use_weights are for; init first: from the least distinct rows';

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
'spec of a Gaussian mixture with full covariances, fitted by EM: minus the log density';

