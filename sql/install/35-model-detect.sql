-- One call: fit to a query's rows and judge them.

CREATE FUNCTION @extschema@.ad_detect(
    query text,
    spec jsonb DEFAULT '{"detector": "auto", "priority": "accuracy",
                        "calibrate": {"share": 0.2, "contamination": 0.1, "method": "split"}}',
    contamination double precision DEFAULT NULL,
    key text DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    top integer DEFAULT NULL,
    risk double precision DEFAULT 0.01,
    OUT key text,
    OUT score double precision,
    OUT p_value double precision,
    OUT is_anomaly boolean,
    OUT explanation jsonb,
    OUT why text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_detect_0_3'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.ad_detect(text, jsonb, double precision, text, text[], integer, double precision) IS
'Fits a detector to the rows of a query and returns those with the highest scores, highest first, with '
'the reasons. query: the name of a table or view, or one SELECT, run read-only with the privileges of '
'the caller, several times under one snapshot. spec: the detector, by default ad_auto(). contamination: '
'share of rows that are anomalies, above 0 to 0.5; NULL, the default, means that rows are anomalies '
'whose scores lie further above the others than chance explains. key: the column that identifies rows '
'and is not a feature; NULL means that every column is one. exclude: more columns that are not '
'features. top: number of rows returned, all of them explained; 0 means every row in the order of the '
'query, of which anomalies are explained; NULL means 20, or 0 with a contamination. risk: the '
'probability that any row of a table without anomalies is flagged, above 0 to 0.5. A query '
'without rows gives no rows. Raises 22004 if query is NULL, 22023 for a query that is not one SELECT and '
'for values out of range, 42703 for an unknown column.';

CREATE FUNCTION @extschema@.ad_detect(
    query text,
    spec text,
    contamination double precision DEFAULT NULL,
    key text DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    top integer DEFAULT NULL,
    risk double precision DEFAULT 0.01,
    OUT key text,
    OUT score double precision,
    OUT p_value double precision,
    OUT is_anomaly boolean,
    OUT explanation jsonb,
    OUT why text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_detect_0_3'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.ad_detect(text, text, double precision, text, text[], integer, double precision) IS
'Same as ad_detect(text, jsonb, double precision, text, text[], integer, double precision) with the '
'spec as text: the name of a detector, or the text of a spec.';

-- What was ad_detect() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_detect(
    query text,
    spec jsonb,
    contamination double precision DEFAULT 0.1,
    key text DEFAULT NULL,
    OUT key text,
    OUT score double precision,
    OUT p_value double precision,
    OUT is_anomaly boolean,
    OUT explanation jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_detect'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION _anomaly._ad_detect(text, jsonb, double precision, text) IS
'ad_detect() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION _anomaly._ad_detect(
    query text,
    spec text,
    contamination double precision DEFAULT 0.1,
    key text DEFAULT NULL,
    OUT key text,
    OUT score double precision,
    OUT p_value double precision,
    OUT is_anomaly boolean,
    OUT explanation jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_detect'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION _anomaly._ad_detect(text, text, double precision, text) IS
'ad_detect() of version 0.2.0, for objects that depend on it';
