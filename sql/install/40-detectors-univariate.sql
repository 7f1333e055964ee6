-- Specs of the detectors that look at columns, or projections, one by one.

CREATE FUNCTION @extschema@.ad_zscore(
    method text DEFAULT 'zscore',
    combine text DEFAULT 'max',
    zero_spread text DEFAULT 'mean')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_zscore(text, text, text) IS
'spec of univariate statistics: the distance from the centre in units of the spread (method zscore, mad or iqr), combined over the columns by max or mean; zero_spread: columns whose MAD or IQR is 0 are measured by their mean deviation (mean) or left out (skip)';

CREATE FUNCTION @extschema@.ad_hbos(
    bins integer DEFAULT 10,
    alpha double precision DEFAULT 0.1,
    tol double precision DEFAULT 0.5,
    counting text DEFAULT 'consistent')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_hbos(integer, double precision, double precision, text) IS
'spec of a histogram-based outlier score (Goldstein and Dengel 2012); bins 0: automatic, of fewer than 200 rows at least as many as Sturges has; counting pyod: that library''s figures to the last digits';

CREATE FUNCTION @extschema@.ad_ecod(
    variant text DEFAULT 'dimensionwise',
    rotate boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_ecod(text, boolean) IS
'spec of empirical-CDF outlier detection (Li et al. 2022); variant dimensionwise (as PyOD) or paper; rotate: the principal axes of the standardised columns count as columns, too';

-- What was ad_ecod() in 0.2.0, for what depends on it.
CREATE FUNCTION _anomaly._ad_ecod(variant text DEFAULT 'dimensionwise')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_detector_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ecod(text) IS
'ad_ecod() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_copod(variant text DEFAULT 'dimensionwise')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_copod(text) IS
'spec of copula-based outlier detection (Li et al. 2020); variant dimensionwise (as PyOD) or paper';

CREATE FUNCTION @extschema@.ad_loda(
    projections integer DEFAULT 100,
    bins integer DEFAULT 0,
    widths text DEFAULT 'equal',
    missing text DEFAULT 'skip')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_loda(integer, integer, text, text) IS
'spec of histograms of random projections (Pevny 2016); bins 0: automatic; widths equal or random; missing skip: score by the projections that need no missing value';
