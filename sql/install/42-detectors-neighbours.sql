-- Detectors that look at a row's neighbours.

CREATE FUNCTION @extschema@.ad_knn(
    neighbors integer DEFAULT NULL,
    method text DEFAULT 'largest',
    metric text DEFAULT 'euclidean',
    reference_rows integer DEFAULT 10000,
    p double precision DEFAULT 2)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_knn(integer, text, text, integer, double precision) IS
'Returns the spec of the distance to the nearest neighbors (Ramaswamy et al. 2000); models contain rows. '
'neighbors: 1 to 1000; NULL means the square root of the number of rows in the model, from 5 to 50. '
'method: largest, mean or median. metric: euclidean, manhattan, chebyshev, minkowski or cosine. '
'reference_rows: rows in the model, 1 to 1000000. p: exponent of minkowski, 1 to 100. A row equal to a '
'training row leaves one such row out. Raises 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_lof(
    neighbors integer DEFAULT 20,
    metric text DEFAULT 'euclidean',
    reference_rows integer DEFAULT 10000,
    p double precision DEFAULT 2,
    distinct_neighbors boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_lof(integer, text, integer, double precision, boolean) IS
'Returns the spec of the local outlier factor (Breunig et al. 2000); models contain rows. neighbors: 1 to '
'1000. metric: euclidean, manhattan, chebyshev, minkowski or cosine. reference_rows: rows in the model, 1 '
'to 1000000. p: exponent of minkowski, 1 to 100. distinct_neighbors: whether equal rows count once. A row '
'equal to a training row leaves one such row out. NULL means the default. Raises 22023 for a value out of '
'range.';

-- What was ad_lof() in 0.2.0, for what depends on it.
CREATE FUNCTION _anomaly._ad_lof(
    neighbors integer DEFAULT 20,
    metric text DEFAULT 'euclidean',
    reference_rows integer DEFAULT 10000,
    p double precision DEFAULT 2)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_lof_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_lof(integer, text, integer, double precision) IS
'ad_lof() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_dbscan(
    eps double precision DEFAULT NULL,
    min_samples integer DEFAULT NULL,
    metric text DEFAULT 'euclidean',
    reference_rows integer DEFAULT 10000,
    p double precision DEFAULT 2)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_dbscan(double precision, integer, text, integer, double precision) IS
'Returns the spec of DBSCAN (Ester et al. 1996) as a score: the distance to the nearest core point '
'divided by eps, above 1 for noise; models contain rows. eps: radius in scaled units, above 0; NULL '
'derives it from the distances of the rows. min_samples: rows within eps of a core point, 1 to 1000; NULL '
'means 5 with an eps, otherwise the square root of the number of rows, from 5 to 50. metric: euclidean, '
'manhattan, chebyshev, minkowski or cosine. reference_rows: rows in the model, 1 to 1000000. p: exponent '
'of minkowski, 1 to 100. Raises 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_inne(
    estimators integer DEFAULT 200,
    sample_size numeric DEFAULT 8)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_inne(integer, numeric) IS
'Returns the spec of isolation by nearest-neighbor ensembles (Bandaragoda et al. 2018); models contain '
'rows. estimators: 1 to 10000. sample_size: rows per estimator, 2 to 1024, or a share of the rows above 0 '
'and at most 1.0. NULL means the default. Raises 22023 for a value out of range.';

-- What was ad_inne() in 0.2.0, for what depends on it.
CREATE FUNCTION _anomaly._ad_inne(
    estimators integer DEFAULT 200,
    sample_size integer DEFAULT 8)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_detector_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_inne(integer, integer) IS
'ad_inne() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_subknn(
    draws integer DEFAULT 30,
    rows integer DEFAULT 32,
    clip double precision DEFAULT 6)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_subknn(integer, integer, double precision) IS
'Returns the spec of the mean distance to the nearest row of each of many small draws (LeSiNN, Pang et '
'al. 2015); models contain rows. draws: 1 to 10000. rows: rows per draw, 1 to 4096. clip: standard '
'deviations from the mean at which numbers are clipped, above 0 to 10^9. A row equal to one of a draw '
'leaves one such row out. NULL means the default. Raises 22023 for a value out of range.';
