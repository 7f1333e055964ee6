-- since 0.3.0
-- Evaluation: labels that are numbers, 1 for an anomaly and 0 for a normal row.

-- A boolean to which numbers are cast when it is an argument. It has the
-- category of booleans, of which boolean is the preferred one: what has no
-- type is a boolean, as it was before there were two.
CREATE TYPE _anomaly._ad_flag;

CREATE FUNCTION _anomaly._ad_flag_in(cstring)
RETURNS _anomaly._ad_flag
AS 'MODULE_PATHNAME', 'ad_flag_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_flag_in(cstring) IS
'I/O: reads a label, as a boolean is read';

CREATE FUNCTION _anomaly._ad_flag_out(_anomaly._ad_flag)
RETURNS cstring
AS 'MODULE_PATHNAME', 'ad_flag_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_flag_out(_anomaly._ad_flag) IS
'I/O: writes a label, as a boolean is written';

CREATE TYPE _anomaly._ad_flag (
    INPUT = _anomaly._ad_flag_in,
    OUTPUT = _anomaly._ad_flag_out,
    LIKE = pg_catalog.bool,
    CATEGORY = 'B'
);
COMMENT ON TYPE _anomaly._ad_flag IS
'label of a row as the metrics take it: a boolean, or a number that is 0 or 1';

CREATE CAST (boolean AS _anomaly._ad_flag) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (boolean AS _anomaly._ad_flag) IS
'a label that is a boolean';
CREATE CAST (_anomaly._ad_flag AS boolean) WITHOUT FUNCTION;
COMMENT ON CAST (_anomaly._ad_flag AS boolean) IS
'a label as a boolean';

CREATE FUNCTION _anomaly._ad_flag(smallint)
RETURNS _anomaly._ad_flag
AS 'MODULE_PATHNAME', 'ad_flag_int2'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_flag(smallint) IS
'1 as true and 0 as false; other numbers are an error';
CREATE CAST (smallint AS _anomaly._ad_flag) WITH FUNCTION _anomaly._ad_flag(smallint) AS IMPLICIT;
COMMENT ON CAST (smallint AS _anomaly._ad_flag) IS
'a label that is a number';

CREATE FUNCTION _anomaly._ad_flag(integer)
RETURNS _anomaly._ad_flag
AS 'MODULE_PATHNAME', 'ad_flag_int4'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_flag(integer) IS
'1 as true and 0 as false; other numbers are an error';
CREATE CAST (integer AS _anomaly._ad_flag) WITH FUNCTION _anomaly._ad_flag(integer) AS IMPLICIT;
COMMENT ON CAST (integer AS _anomaly._ad_flag) IS
'a label that is a number';

CREATE FUNCTION _anomaly._ad_flag(bigint)
RETURNS _anomaly._ad_flag
AS 'MODULE_PATHNAME', 'ad_flag_int8'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_flag(bigint) IS
'1 as true and 0 as false; other numbers are an error';
CREATE CAST (bigint AS _anomaly._ad_flag) WITH FUNCTION _anomaly._ad_flag(bigint) AS IMPLICIT;
COMMENT ON CAST (bigint AS _anomaly._ad_flag) IS
'a label that is a number';

CREATE FUNCTION _anomaly._ad_flag(real)
RETURNS _anomaly._ad_flag
AS 'MODULE_PATHNAME', 'ad_flag_float4'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_flag(real) IS
'1 as true and 0 as false; other numbers are an error';
CREATE CAST (real AS _anomaly._ad_flag) WITH FUNCTION _anomaly._ad_flag(real) AS IMPLICIT;
COMMENT ON CAST (real AS _anomaly._ad_flag) IS
'a label that is a number';

CREATE FUNCTION _anomaly._ad_flag(double precision)
RETURNS _anomaly._ad_flag
AS 'MODULE_PATHNAME', 'ad_flag_float8'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_flag(double precision) IS
'1 as true and 0 as false; other numbers are an error';
CREATE CAST (double precision AS _anomaly._ad_flag) WITH FUNCTION _anomaly._ad_flag(double precision) AS IMPLICIT;
COMMENT ON CAST (double precision AS _anomaly._ad_flag) IS
'a label that is a number';

CREATE FUNCTION _anomaly._ad_flag(numeric)
RETURNS _anomaly._ad_flag
AS 'MODULE_PATHNAME', 'ad_flag_numeric'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_flag(numeric) IS
'1 as true and 0 as false; other numbers are an error';
CREATE CAST (numeric AS _anomaly._ad_flag) WITH FUNCTION _anomaly._ad_flag(numeric) AS IMPLICIT;
COMMENT ON CAST (numeric AS _anomaly._ad_flag) IS
'a label that is a number';

CREATE FUNCTION _anomaly._ad_ranking_transfn(internal, double precision, _anomaly._ad_flag)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_transfn(internal, double precision, _anomaly._ad_flag) IS
'the same transition, of labels that are numbers';

CREATE FUNCTION _anomaly._ad_ranking_k_transfn(internal, double precision, _anomaly._ad_flag, bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_k_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_k_transfn(internal, double precision, _anomaly._ad_flag, bigint) IS
'the same transition, of labels that are numbers';

CREATE FUNCTION _anomaly._ad_ranking_points_transfn(internal, double precision, _anomaly._ad_flag, bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_ranking_points_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_ranking_points_transfn(internal, double precision, _anomaly._ad_flag, bigint) IS
'the same transition, of labels that are numbers';

CREATE FUNCTION _anomaly._ad_confusion_transfn(bigint[], _anomaly._ad_flag, _anomaly._ad_flag)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_confusion_transfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_confusion_transfn(bigint[], _anomaly._ad_flag, _anomaly._ad_flag) IS
'the same transition, of labels that are numbers';

CREATE AGGREGATE @extschema@.ad_roc_auc(score double precision, is_anomaly _anomaly._ad_flag) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_roc_auc_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_roc_auc(double precision, _anomaly._ad_flag) IS
'Same as ad_roc_auc(double precision, boolean) with labels that are numbers, 1 for an anomaly and 0 for '
'a normal row. Raises 22023 for other numbers.';

CREATE AGGREGATE @extschema@.ad_average_precision(score double precision, is_anomaly _anomaly._ad_flag) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_average_precision_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_average_precision(double precision, _anomaly._ad_flag) IS
'Same as ad_average_precision(double precision, boolean) with labels that are numbers, 1 for an anomaly '
'and 0 for a normal row. Raises 22023 for other numbers.';

CREATE AGGREGATE @extschema@.ad_precision_at(score double precision, is_anomaly _anomaly._ad_flag, k bigint) (
    SFUNC = _anomaly._ad_ranking_k_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_precision_at_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_precision_at(double precision, _anomaly._ad_flag, bigint) IS
'Same as ad_precision_at(double precision, boolean, bigint) with labels that are numbers, 1 for an '
'anomaly and 0 for a normal row. Raises 22023 for other numbers.';

CREATE AGGREGATE @extschema@.ad_best_f1(score double precision, is_anomaly _anomaly._ad_flag) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_best_f1_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_best_f1(double precision, _anomaly._ad_flag) IS
'Same as ad_best_f1(double precision, boolean) with labels that are numbers, 1 for an anomaly and 0 for '
'a normal row. Raises 22023 for other numbers.';

CREATE AGGREGATE @extschema@.ad_roc_curve(score double precision, is_anomaly _anomaly._ad_flag) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_roc_curve_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_roc_curve(double precision, _anomaly._ad_flag) IS
'Same as ad_roc_curve(double precision, boolean) with labels that are numbers, 1 for an anomaly and 0 '
'for a normal row. Raises 22023 for other numbers.';

CREATE AGGREGATE @extschema@.ad_roc_curve(score double precision, is_anomaly _anomaly._ad_flag, points bigint) (
    SFUNC = _anomaly._ad_ranking_points_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_roc_curve_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_roc_curve(double precision, _anomaly._ad_flag, bigint) IS
'Same as ad_roc_curve(double precision, boolean, bigint) with labels that are numbers, 1 for an anomaly '
'and 0 for a normal row. Raises 22023 for other numbers.';

CREATE AGGREGATE @extschema@.ad_pr_curve(score double precision, is_anomaly _anomaly._ad_flag) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_pr_curve_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_pr_curve(double precision, _anomaly._ad_flag) IS
'Same as ad_pr_curve(double precision, boolean) with labels that are numbers, 1 for an anomaly and 0 '
'for a normal row. Raises 22023 for other numbers.';

CREATE AGGREGATE @extschema@.ad_pr_curve(score double precision, is_anomaly _anomaly._ad_flag, points bigint) (
    SFUNC = _anomaly._ad_ranking_points_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_pr_curve_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_pr_curve(double precision, _anomaly._ad_flag, bigint) IS
'Same as ad_pr_curve(double precision, boolean, bigint) with labels that are numbers, 1 for an anomaly '
'and 0 for a normal row. Raises 22023 for other numbers.';

CREATE AGGREGATE @extschema@.ad_confusion(predicted _anomaly._ad_flag, actual _anomaly._ad_flag) (
    SFUNC = _anomaly._ad_confusion_transfn,
    STYPE = bigint[],
    SSPACE = 64,
    INITCOND = '{0,0,0,0}',
    FINALFUNC = _anomaly._ad_confusion_finalfn,
    COMBINEFUNC = _anomaly._ad_confusion_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_confusion(_anomaly._ad_flag, _anomaly._ad_flag) IS
'Same as ad_confusion(boolean, boolean) with decisions or labels that are numbers, 1 for an anomaly and '
'0 for a normal row. Raises 22023 for other numbers.';
