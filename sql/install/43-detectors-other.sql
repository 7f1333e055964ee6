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
'spec of a one-class support vector machine (Schoelkopf et al. 2001); beyond exact_rows distinct rows, random features and gradient descent';

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
'spec of a fair-cut forest (Cortes 2021): an isolation forest that splits by pooled gain; sample_size: rows, or a share of them such as 0.5; max_features: a share of the columns, or how many above 1';

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
