-- Evaluation: curves as rows.

CREATE FUNCTION @extschema@.ad_roc_curve(
    scores double precision[],
    is_anomaly boolean[],
    points bigint DEFAULT NULL
)
RETURNS SETOF @extschema@.ad_roc_point
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION @extschema@.ad_roc_curve(double precision[], boolean[], bigint) IS
'ROC curve of two arrays as rows, thinned to at most that many points; one class only: no rows';

CREATE FUNCTION @extschema@.ad_pr_curve(
    scores double precision[],
    is_anomaly boolean[],
    points bigint DEFAULT NULL
)
RETURNS SETOF @extschema@.ad_pr_point
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION @extschema@.ad_pr_curve(double precision[], boolean[], bigint) IS
'precision-recall curve of two arrays as rows, thinned to at most that many points; one class only: no rows';
