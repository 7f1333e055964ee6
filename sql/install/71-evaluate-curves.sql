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
'Returns the ROC curve of two arrays as rows. scores: the scores. is_anomaly: the truth. points: maximum '
'number of points, 3 to 1000000; NULL means all. Elements with a NULL are ignored; with one class only '
'there are no rows. Raises 22003 for NaN, 2202E for arrays of different lengths.';

CREATE FUNCTION @extschema@.ad_pr_curve(
    scores double precision[],
    is_anomaly boolean[],
    points bigint DEFAULT NULL
)
RETURNS SETOF @extschema@.ad_pr_point
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION @extschema@.ad_pr_curve(double precision[], boolean[], bigint) IS
'Returns the precision-recall curve of two arrays as rows. scores: the scores. is_anomaly: the truth. '
'points: maximum number of points, 3 to 1000000; NULL means all. Elements with a NULL are ignored; with '
'one class only there are no rows. Raises 22003 for NaN, 2202E for arrays of different lengths.';
