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
'spec of an isolation forest (Liu, Ting and Zhou 2008); ndim > 1: extended forest (Hariri et al. 2019); sample_size: rows, or a share of them such as 0.5; max_features: a share of the columns, or how many above 1';

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
'part of a spec: how features are imputed, encoded and scaled, whether a fit whose data are at fault raises an error or is NULL, whether values beyond all of the fit count by themselves, and to how many principal components the columns are reduced, or below 1 to how much of their variance; compose with ||';

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
'part of a spec: size and seed of the sample that a sketch keeps, of a fit by default as many rows as its detector can use; keyed: the first argument is a row key; compose with ||';
