-- since 0.3.0
-- What has changed, as a picture.

CREATE FUNCTION _anomaly._ad_plot_drift(reference bytea, current bytea, options jsonb, picture jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_drift'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_plot_drift(bytea, bytea, jsonb, jsonb) IS
'ad_plot_drift(), for SQL text of ours';

CREATE FUNCTION @extschema@.ad_plot_drift(reference bytea, current bytea, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_drift'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(bytea, bytea, jsonb, jsonb) IS
'draws as SVG how the rows of a sketch differ from those of another sketch or of a model: for each feature, the greatest drift first, the shares of rows in the bins that its PSI is of; options are those of ad_drift() with at most 40 bins and categories, picture those of ad_plot_options(): title, width, top (20); any argument NULL: NULL';

CREATE FUNCTION @extschema@.ad_plot_drift(reference bytea, current @extschema@.ad_sketch_state, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_drift'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(bytea, @extschema@.ad_sketch_state, jsonb, jsonb) IS
'the same of a sketch as ad_sketch_state: SVG';

CREATE FUNCTION @extschema@.ad_plot_drift(reference @extschema@.ad_sketch_state, current bytea, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_drift'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(@extschema@.ad_sketch_state, bytea, jsonb, jsonb) IS
'the same of a sketch as ad_sketch_state: SVG';

CREATE FUNCTION @extschema@.ad_plot_drift(reference @extschema@.ad_sketch_state, current @extschema@.ad_sketch_state, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_drift'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(@extschema@.ad_sketch_state, @extschema@.ad_sketch_state, jsonb, jsonb) IS
'the same of a sketch as ad_sketch_state: SVG';

CREATE FUNCTION @extschema@.ad_plot_drift(reference text, current bytea, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- see ad_label
AS $$ SELECT _anomaly._ad_plot_drift(_anomaly._ad_model($1, NULL), $2, $3, $4) $$;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(text, bytea, jsonb, jsonb) IS
'the same for the active version of a named model: SVG; needs the privilege read';

CREATE FUNCTION @extschema@.ad_plot_drift(reference text, current @extschema@.ad_sketch_state, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- see ad_label
AS $$ SELECT _anomaly._ad_plot_drift(_anomaly._ad_model($1, NULL), _anomaly._ad_sketch_bytes($2), $3, $4) $$;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(text, @extschema@.ad_sketch_state, jsonb, jsonb) IS
'the same for the active version of a named model: SVG; needs the privilege read';
