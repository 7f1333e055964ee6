-- Specs of the detectors that look at columns, or projections, one by one.

CREATE FUNCTION ad_zscore(
    method text DEFAULT 'zscore',
    combine text DEFAULT 'max')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_zscore(text, text) IS
'spec of univariate statistics: the distance from the centre in units of the spread (method zscore, mad or iqr), combined over the columns by max or mean';
