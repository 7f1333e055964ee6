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
'spec of the distance to the nearest neighbours (Ramaswamy et al. 2000); neighbors NULL: the root of the rows kept, from 5 to 50; a row equal to one of the fit leaves one such out; models contain rows';

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
'spec of the local outlier factor (Breunig et al. 2000); distinct_neighbors: equal rows count once; a row equal to one of the fit leaves one such out; models contain rows';

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
'spec of DBSCAN (Ester et al. 1996) as a score: distance to the nearest core point over eps, noise above 1; eps NULL: by the rows'' distances; min_samples NULL: 5 with an eps, else the root of the rows kept, from 5 to 50; models contain rows';

CREATE FUNCTION @extschema@.ad_inne(
    estimators integer DEFAULT 200,
    sample_size numeric DEFAULT 8)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_inne(integer, numeric) IS
'spec of isolation by nearest-neighbour ensembles (Bandaragoda et al. 2018); models contain rows; sample_size: rows, or a share of them such as 0.5';

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
'spec of the mean distance to the nearest row of each of many small draws (LeSiNN, Pang et al. 2015); numbers count up to clip standard deviations from the mean; a row equal to one of a draw leaves one such out; models contain rows';
