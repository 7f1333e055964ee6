-- since 0.3.0
-- Specs compared by the figures of the same folds, and tuned.

CREATE FUNCTION @extschema@.ad_paired_test(
    a double precision[],
    b double precision[],
    test_per_train double precision DEFAULT NULL,
    OUT folds integer,
    OUT difference double precision,
    OUT deviation double precision,
    OUT t double precision,
    OUT df integer,
    OUT p_value double precision)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_paired_test(double precision[], double precision[], double precision) IS
'corrected resampled t test (Nadeau and Bengio 2003) of a metric of two detectors, a and b, in the same folds: the folds in which neither figure is NULL or NaN, mean and deviation of a - b, t with df degrees of freedom, and the two-sided p-value. test_per_train: rows tested for each row fitted to; NULL: 1 / (folds - 1), cross-validation. The same difference in all folds: t is Infinity and p_value 0, or 0 and 1 if there is none; of fewer than two folds they are NULL. NULL if a or b is; 2202E if they have different lengths, 22003 for a figure beyond ±1e100';
