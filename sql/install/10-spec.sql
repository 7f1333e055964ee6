-- Specs: constructors that return jsonb and compose with ||.

CREATE FUNCTION @extschema@.ad_iforest(
    trees integer DEFAULT 100,
    sample_size numeric DEFAULT 256,
    ndim integer DEFAULT 1,
    max_features double precision DEFAULT 1.0)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_iforest(integer, numeric, integer, double precision) IS
'Returns the spec of an isolation forest (Liu, Ting and Zhou 2008). trees: number of trees, 1 to 10000. '
'sample_size: rows per tree, 2 to 65536, or a share of the rows above 0 and at most 1.0. ndim: columns '
'combined in a cut, 1 to 4096; above 1 the extended forest (Hariri et al. 2019). max_features: share of '
'the columns that a tree may use, or their number if above 1. NULL means the default. Raises 22023 for a '
'value out of range.';

-- What was ad_iforest() in 0.2.0, for what depends on it.
CREATE FUNCTION _anomaly._ad_iforest(
    trees integer DEFAULT 100,
    sample_size integer DEFAULT 256,
    ndim integer DEFAULT 1,
    max_features double precision DEFAULT 1.0)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_detector_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_iforest(integer, integer, integer, double precision) IS
'ad_iforest() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_prepare(
    impute text DEFAULT 'median',
    scale text DEFAULT 'auto',
    calendar boolean DEFAULT false,
    timezone text DEFAULT 'UTC',
    onehot_max integer DEFAULT 10,
    drop_correlated double precision DEFAULT NULL,
    on_error text DEFAULT 'error',
    beyond_range boolean DEFAULT false,
    reduce double precision DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_prepare(text, text, boolean, text, integer, double precision, text, boolean, double precision) IS
'Returns the part of a spec that sets how features become columns; combine it with ||. impute: median, '
'mean, zero or error for missing values. scale: auto, none, standard, robust or minmax. calendar: whether '
'times also become hour and weekday. timezone: zone of these. onehot_max: up to this number of values (0 '
'to 1000) a category gets a column per value. drop_correlated: drops numbers whose absolute correlation '
'is above this limit, above 0 to 1. on_error: error, or null for a NULL model if the data make a fit '
'fail. beyond_range: whether values outside the range of the training data count by themselves. reduce: '
'number of principal components, 1 to 2048, or below 1 the share of their variance. NULL means the '
'default. Raises 22023 for a value out of range.';

-- What was ad_prepare() in 0.2.0. Views, indexes and functions that were made
-- of it depend on it still, wherever the update has moved it.
CREATE FUNCTION _anomaly._ad_prepare(
    impute text DEFAULT 'median',
    scale text DEFAULT 'auto',
    calendar boolean DEFAULT false,
    timezone text DEFAULT 'UTC',
    onehot_max integer DEFAULT 10,
    drop_correlated double precision DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_prepare_0_2'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_prepare(text, text, boolean, text, integer, double precision) IS
'ad_prepare() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_sampling(
    rows integer DEFAULT 65536,
    memory_mb integer DEFAULT 64,
    seed bigint DEFAULT 0,
    keyed boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_sampling(integer, integer, bigint, boolean) IS
'Returns the part of a spec that sets the sample; combine it with ||. rows: maximum number of rows, 1 to '
'10000000; for a fit the default leaves it to the detector. memory_mb: maximum memory, 1 to 1024. seed: '
'seed of the sample and of the detector''s random numbers, 0 to 2^53 - 1. keyed: whether the first '
'argument is a row key. NULL means the default. Raises 22023 for a value out of range.';
