-- Specs of the detectors that look at columns, or projections, one by one.

CREATE FUNCTION @extschema@.ad_zscore(
    method text DEFAULT 'zscore',
    combine text DEFAULT 'max',
    zero_spread text DEFAULT 'mean')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_zscore(text, text, text) IS
'Returns the spec of univariate statistics: the distance of a value from the center in units of the '
'spread. method: zscore, mad or iqr. combine: max or mean over the columns. zero_spread: mean measures a '
'column whose MAD or IQR is 0 by its mean absolute deviation, skip ignores it. NULL means the default. '
'Raises 22023 for any other value.';

CREATE FUNCTION @extschema@.ad_hbos(
    bins integer DEFAULT 10,
    alpha double precision DEFAULT 0.1,
    tol double precision DEFAULT 0.5,
    counting text DEFAULT 'consistent')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_hbos(integer, double precision, double precision, text) IS
'Returns the spec of a histogram-based outlier score (Goldstein and Dengel 2012). bins: bins per column, '
'0 to 10000; 0 chooses the number, at least Sturges'' with fewer than 200 rows. alpha: added to '
'densities, above 0 to 1. tol: bin widths outside the histogram that count as the outermost bin, 0 to 1. '
'counting: consistent, or pyod for the scores of that library. NULL means the default. Raises 22023 for a '
'value out of range.';

CREATE FUNCTION @extschema@.ad_ecod(
    variant text DEFAULT 'dimensionwise',
    rotate boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_ecod(text, boolean) IS
'Returns the spec of outlier detection by empirical distribution functions (Li et al. 2022); models '
'contain all distinct values. variant: dimensionwise (like PyOD) or paper. rotate: whether the principal '
'axes of the standardized columns count as additional columns. NULL means the default. Raises 22023 for '
'any other value.';

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
'Returns the spec of copula-based outlier detection (Li et al. 2020); models contain all distinct values. '
'variant: dimensionwise (like PyOD) or paper. NULL means the default. Raises 22023 for any other value.';

CREATE FUNCTION @extschema@.ad_loda(
    projections integer DEFAULT 100,
    bins integer DEFAULT 0,
    widths text DEFAULT 'equal',
    missing text DEFAULT 'skip')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_loda(integer, integer, text, text) IS
'Returns the spec of histograms of random projections (Pevny 2016). projections: 1 to 10000. bins: bins '
'per projection, 0 to 1000; 0 chooses the number. widths: equal or random bin widths. missing: skip '
'scores a row by the projections that do not use its missing values, impute imputes them. NULL means the '
'default. Raises 22023 for a value out of range.';
