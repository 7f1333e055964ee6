-- Jobs and alerts: labels, and training again with what they say.

CREATE FUNCTION @extschema@.ad_label(job text, key text, is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, text, boolean, text) IS
'says of the latest alert of a key whether it is an anomaly, in place of what was said before; NULL takes that back; needs the privilege label, and for a row without an alert to own the job; returns how many labels were written or taken back';

CREATE FUNCTION @extschema@.ad_label(job text, key bigint, is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, bigint, boolean, text) IS
'the same for a key that is a number';

CREATE FUNCTION @extschema@.ad_label(job text, key "any", watermark "any", is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label_version'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, "any", "any", boolean, text) IS
'the same of the version of a row with a watermark, as the alert has it or as the column has it';

CREATE FUNCTION _anomaly._ad_label(job text, key text, is_anomaly boolean, note text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION _anomaly._ad_label(text, text, boolean, text) IS
'ad_label() as it was until 0.2.0, where objects made then depend on it';

CREATE FUNCTION _anomaly._ad_label(job text, key bigint, is_anomaly boolean, note text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION _anomaly._ad_label(text, bigint, boolean, text) IS
'ad_label() as it was until 0.2.0, where objects made then depend on it';

-- The training query means what it means to the caller: no SET search_path.
CREATE FUNCTION @extschema@.ad_retrain(
    name text,
    margin double precision DEFAULT 0.02,
    max_drift double precision DEFAULT 0.2,
    min_labels integer DEFAULT 20)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_retrain'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_retrain(text, double precision, double precision, integer) IS
'trains a named model again with its spec and training query, the members of an ensemble weighed by the labels that there are, and activates the new version unless scores have drifted too far or the labelled rows say that it is worse; or, if no model has the name, what the job of the name judges by; returns what it decided, and why';

CREATE FUNCTION @extschema@.ad_weight_members(
    name text,
    margin double precision DEFAULT 0.02,
    max_drift double precision DEFAULT 0.2,
    min_labels integer DEFAULT 20)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_weight_members'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_weight_members(text, double precision, double precision, integer) IS
'weighs the members of a named model, of ad_auto() or another ensemble, by the labels of its jobs (ad_labels): trains it again as ad_retrain() does, which decides whether the new version is activated; without labels of both kinds nothing is trained; returns what it decided, and why; needs the privilege own';
