-- Jobs and alerts: labels, and training again with what they say.

CREATE FUNCTION @extschema@.ad_label(job text, key text, is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, text, boolean, text) IS
'Labels the latest alert of a key and returns the number of labels written or removed. job: the job. key: '
'the key, as in the alert. is_anomaly: whether it is an anomaly; NULL removes the label. note: a text, or '
'NULL. Raises 22004 for a NULL job or key, 42704 if there is no such job or row, 42501 without the '
'privilege label, or for a row without an alert if the caller does not own the job.';

CREATE FUNCTION @extschema@.ad_label(job text, key bigint, is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, bigint, boolean, text) IS
'Same as ad_label(text, text, boolean, text) for a key that is a number.';

CREATE FUNCTION @extschema@.ad_label(job text, key "any", watermark "any", is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label_version'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, "any", "any", boolean, text) IS
'Same as ad_label(text, text, boolean, text) for the version of a row with a watermark. watermark: as in '
'the alert or as in the column.';

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
'Trains a model again with its spec and query, with the members of an ensemble weighted by labels, '
'activates the new version unless its scores have drifted or it is worse on the labeled rows, and returns '
'the decision with its reasons as JSON. name: a model, or a job whose model is trained again. margin: '
'allowed loss of average precision and ROC AUC. max_drift: allowed distance of the scores, 0 to 1. '
'min_labels: labeled rows needed for a comparison. Raises 22004 if an argument is NULL, 42704 if there is '
'no such model or job, 42501 if the caller does not own it or lacks the privileges of the role that '
'trained it, 55000 if the model has no training query.';

CREATE FUNCTION @extschema@.ad_weight_members(
    name text,
    margin double precision DEFAULT 0.02,
    max_drift double precision DEFAULT 0.2,
    min_labels integer DEFAULT 20)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_weight_members'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_weight_members(text, double precision, double precision, integer) IS
'Same as ad_retrain(text, double precision, double precision, integer), for when only labels have '
'changed: without labels of both kinds nothing is trained. Raises 55000 for a model without members.';
