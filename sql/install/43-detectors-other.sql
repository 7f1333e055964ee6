-- Specs of the detectors that belong to no other family.

CREATE FUNCTION @extschema@.ad_ocsvm(
    nu double precision DEFAULT 0.5,
    kernel text DEFAULT 'rbf',
    gamma double precision DEFAULT NULL,
    exact_rows integer DEFAULT 10000,
    features integer DEFAULT 512,
    tolerance double precision DEFAULT 0.0001)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_ocsvm(double precision, text, double precision, integer, integer, double precision) IS
'Returns the spec of a one-class support vector machine (Schoelkopf et al. 2001); models contain rows. '
'nu: upper bound of the share of training rows that score above 0, above 0 to 1. kernel: rbf or linear. '
'gamma: width of the kernel; NULL means 1 / (columns * variance). exact_rows: with more distinct rows an '
'approximation by random features is used. features: number of these, at most 65536. tolerance: tolerance '
'of the exact form. NULL means the default. Raises 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_fair_forest(
    trees integer DEFAULT 200,
    sample_size numeric DEFAULT 256,
    ndim integer DEFAULT 2,
    candidates integer DEFAULT 1,
    max_features double precision DEFAULT 1.0)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_fair_forest(integer, numeric, integer, integer, double precision) IS
'Returns the spec of a fair-cut forest (Cortes 2021): an isolation forest that cuts where the pooled gain '
'is largest. trees: number of trees, 1 to 10000. sample_size: rows per tree, 2 to 65536, or a share of '
'the rows above 0 and at most 1.0. ndim: columns combined in a cut. candidates: directions tried at a '
'node. max_features: share of the columns that a tree may use, or their number if above 1. NULL means the '
'default. Raises 22023 for a value out of range.';

-- What was ad_fair_forest() in 0.2.0, for what depends on it.
CREATE FUNCTION _anomaly._ad_fair_forest(
    trees integer DEFAULT 200,
    sample_size integer DEFAULT 256,
    ndim integer DEFAULT 2,
    candidates integer DEFAULT 1,
    max_features double precision DEFAULT 1.0)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_detector_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_fair_forest(integer, integer, integer, integer, double precision) IS
'ad_fair_forest() of version 0.2.0, for objects that depend on it';
