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
'fits a detector, ad_auto() unless a spec is given, to the rows of a query, or of a table or view by its name, and returns those with the highest scores, highest first, with the reasons. The query runs as the caller, read-only, several times under one snapshot. key: the column that tells rows apart and is no feature; NULL: every column is one. exclude: more columns that are no features. top: how many rows are returned, all of them explained; 0: every row, in the order of the query, of which anomalies are explained; NULL: 20, or 0 with a contamination. contamination: the share of rows that are anomalies, greater than 0 and at most 0.5; NULL: as many as the scores tell. is_anomaly is then true for scores that lie further above the others than chance explains; risk: the probability that any row of a table without anomalies is one, greater than 0 and at most 0.5. p_value: the share of held-out rows that score as high; NULL if the spec holds out none. explanation: the five features that contribute most; why: a sentence, as ad_why(). A row of NULLs only has no score. 42703 if key or exclude names no column, 42P01 if the table does not exist, 22023 if no column is a feature';

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
'the same with a detector by its name, or the text of a spec';

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
