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
'Draws as SVG how the rows of a sketch differ from those of another sketch or of a model: for each '
'feature, largest drift first, the shares of rows in the bins from which its PSI is computed. '
'reference: the bytes of a model or a sketch. current: the bytes of a sketch. options: those of '
'ad_drift(), with at most 40 bins and categories. picture: ad_plot_options() with title, width and top '
'(20). A NULL argument gives NULL. Raises 22023 for an option out of range, and the errors of '
'ad_drift().';

CREATE FUNCTION @extschema@.ad_plot_drift(reference bytea, current @extschema@.ad_sketch_state, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_drift'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(bytea, @extschema@.ad_sketch_state, jsonb, jsonb) IS
'Same as ad_plot_drift(bytea, bytea, jsonb, jsonb) with a sketch of type ad_sketch_state.';

CREATE FUNCTION @extschema@.ad_plot_drift(reference @extschema@.ad_sketch_state, current bytea, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_drift'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(@extschema@.ad_sketch_state, bytea, jsonb, jsonb) IS
'Same as ad_plot_drift(bytea, bytea, jsonb, jsonb) with a sketch of type ad_sketch_state.';

CREATE FUNCTION @extschema@.ad_plot_drift(reference @extschema@.ad_sketch_state, current @extschema@.ad_sketch_state, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_drift'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(@extschema@.ad_sketch_state, @extschema@.ad_sketch_state, jsonb, jsonb) IS
'Same as ad_plot_drift(bytea, bytea, jsonb, jsonb) with a sketch of type ad_sketch_state.';

CREATE FUNCTION @extschema@.ad_plot_drift(reference text, current bytea, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- see ad_label
AS $$ SELECT _anomaly._ad_plot_drift(_anomaly._ad_model($1, NULL), $2, $3, $4) $$;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(text, bytea, jsonb, jsonb) IS
'Same as ad_plot_drift(bytea, bytea, jsonb, jsonb) with the active version of a named model. Raises '
'42704 if there is no such model, 42501 without the privilege read on it.';

CREATE FUNCTION @extschema@.ad_plot_drift(reference text, current @extschema@.ad_sketch_state, options jsonb DEFAULT '{}', picture jsonb DEFAULT '{}')
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- see ad_label
AS $$ SELECT _anomaly._ad_plot_drift(_anomaly._ad_model($1, NULL), _anomaly._ad_sketch_bytes($2), $3, $4) $$;
COMMENT ON FUNCTION @extschema@.ad_plot_drift(text, @extschema@.ad_sketch_state, jsonb, jsonb) IS
'Same as ad_plot_drift(bytea, bytea, jsonb, jsonb) with the active version of a named model. Raises '
'42704 if there is no such model, 42501 without the privilege read on it.';
