-- since 0.3.0
-- Leading digits: Benford's law, for auditors.

CREATE TYPE @extschema@.ad_benford_result AS (
    n bigint,
    zeros bigint,
    negatives bigint,
    not_finite bigint,
    chi_square double precision,
    p_value double precision,
    mad double precision,
    verdict text,
    counts bigint[]
);
COMMENT ON TYPE @extschema@.ad_benford_result IS
'result of ad_benford: the test of the first digit, and what ad_benford_tests() and ad_benford_digits() make the others of';
COMMENT ON COLUMN @extschema@.ad_benford_result.n IS
'numbers above 0, which are tested';
COMMENT ON COLUMN @extschema@.ad_benford_result.zeros IS
'zeros, which have no leading digit and are left out';
COMMENT ON COLUMN @extschema@.ad_benford_result.negatives IS
'numbers below 0, which are left out: test them with a minus, or abs()';
COMMENT ON COLUMN @extschema@.ad_benford_result.not_finite IS
'NaN and infinities, which are left out';
COMMENT ON COLUMN @extschema@.ad_benford_result.chi_square IS
'Pearsons chi-square of the first digit, with 8 degrees of freedom; NULL without numbers';
COMMENT ON COLUMN @extschema@.ad_benford_result.p_value IS
'probability of as great a chi-square, if the digits follow the law; of many numbers it is small whatever the deviation';
COMMENT ON COLUMN @extschema@.ad_benford_result.mad IS
'mean absolute deviation of the shares of the first digits from the laws';
COMMENT ON COLUMN @extschema@.ad_benford_result.verdict IS
'Nigrinis verdict on mad, first digit: close conformity (to 0.006), acceptable conformity (to 0.012), marginally acceptable conformity (to 0.015), nonconformity; too few numbers, if there are fewer than 1,000 and p_value is not below 0.001';
COMMENT ON COLUMN @extschema@.ad_benford_result.counts IS
'numbers by their first two digits, 10 to 99';

CREATE FUNCTION _anomaly._ad_benford_transfn(bigint[], numeric)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_benford_numeric_transfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_benford_transfn(bigint[], numeric) IS
'transition of ad_benford';

CREATE FUNCTION _anomaly._ad_benford_transfn(bigint[], double precision)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_benford_float8_transfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_benford_transfn(bigint[], double precision) IS
'transition of ad_benford';

CREATE FUNCTION _anomaly._ad_benford_transfn(bigint[], real)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_benford_float4_transfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_benford_transfn(bigint[], real) IS
'transition of ad_benford';

CREATE FUNCTION _anomaly._ad_benford_transfn(bigint[], bigint)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_benford_int8_transfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_benford_transfn(bigint[], bigint) IS
'transition of ad_benford';

CREATE FUNCTION _anomaly._ad_benford_combinefn(bigint[], bigint[])
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'ad_benford_combinefn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_benford_combinefn(bigint[], bigint[]) IS
'combines partial states of ad_benford';

CREATE FUNCTION _anomaly._ad_benford_finalfn(bigint[])
RETURNS @extschema@.ad_benford_result
AS 'MODULE_PATHNAME', 'ad_benford_finalfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_benford_finalfn(bigint[]) IS
'result of ad_benford';

CREATE AGGREGATE @extschema@.ad_benford(value numeric) (
    SFUNC = _anomaly._ad_benford_transfn,
    STYPE = bigint[],
    SSPACE = 1024,
    INITCOND = '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}',
    FINALFUNC = _anomaly._ad_benford_finalfn,
    COMBINEFUNC = _anomaly._ad_benford_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_benford(numeric) IS
'Compares the leading digits of numbers with Benford''s law: returns the test of the first digit, and '
'counts for ad_benford_tests() and ad_benford_digits(). value: the numbers, whose digits are those of '
'the decimal form; 5 begins with 50. Zeros, negative numbers, NaN and infinities are counted and left '
'out. NULLs are ignored; no rows give NULL. Raises no errors of its own.';

CREATE AGGREGATE @extschema@.ad_benford(value double precision) (
    SFUNC = _anomaly._ad_benford_transfn,
    STYPE = bigint[],
    SSPACE = 1024,
    INITCOND = '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}',
    FINALFUNC = _anomaly._ad_benford_finalfn,
    COMBINEFUNC = _anomaly._ad_benford_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_benford(double precision) IS
'Same as ad_benford(numeric) with floating-point numbers, by the digits that they are printed with.';

CREATE AGGREGATE @extschema@.ad_benford(value real) (
    SFUNC = _anomaly._ad_benford_transfn,
    STYPE = bigint[],
    SSPACE = 1024,
    INITCOND = '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}',
    FINALFUNC = _anomaly._ad_benford_finalfn,
    COMBINEFUNC = _anomaly._ad_benford_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_benford(real) IS
'Same as ad_benford(numeric) with numbers of single precision, by the digits that they are printed '
'with.';

CREATE AGGREGATE @extschema@.ad_benford(value bigint) (
    SFUNC = _anomaly._ad_benford_transfn,
    STYPE = bigint[],
    SSPACE = 1024,
    INITCOND = '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}',
    FINALFUNC = _anomaly._ad_benford_finalfn,
    COMBINEFUNC = _anomaly._ad_benford_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_benford(bigint) IS
'Same as ad_benford(numeric) with integers.';

CREATE FUNCTION @extschema@.ad_benford_tests(
    result @extschema@.ad_benford_result,
    OUT test text,
    OUT n bigint,
    OUT chi_square double precision,
    OUT degrees integer,
    OUT p_value double precision,
    OUT mad double precision,
    OUT verdict text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10 ROWS 3;
COMMENT ON FUNCTION @extschema@.ad_benford_tests(@extschema@.ad_benford_result) IS
'Returns one row for each of the tests of the first digit, the second and the first two: Pearson''s '
'chi-square with its degrees of freedom and p-value, the mean absolute deviation of the shares, and '
'Nigrini''s verdict on that, or too few numbers: fewer than 1,000, 1,000 and 2,000, unless the p-value '
'is below 0.001. result: what ad_benford() returned. NULL gives no rows. Raises 22023 for a result that '
'ad_benford() did not return.';

CREATE FUNCTION @extschema@.ad_benford_digits(
    result @extschema@.ad_benford_result,
    test text DEFAULT 'first',
    OUT digits integer,
    OUT observed bigint,
    OUT expected double precision,
    OUT share double precision,
    OUT expected_share double precision,
    OUT z double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10 ROWS 90;
COMMENT ON FUNCTION @extschema@.ad_benford_digits(@extschema@.ad_benford_result, text) IS
'Returns one row per digit: how many numbers have it, how many Benford''s law expects, their shares, '
'and by how many standard deviations the share deviates (z, corrected for continuity, without a sign). '
'result: what ad_benford() returned. test: first, second or first two. NULL gives no rows. Raises 22023 '
'for another test, or a result that ad_benford() did not return.';
