-- One call: fit to a query's rows and judge them.

CREATE FUNCTION @extschema@.ad_detect(
    query text,
    spec jsonb DEFAULT '{"detector": "auto", "priority": "accuracy",
                        "calibrate": {"share": 0.2, "contamination": 0.1, "method": "split"}}',
    contamination double precision DEFAULT 0.1,
    key text DEFAULT NULL,
    OUT key text,
    OUT score double precision,
    OUT p_value double precision,
    OUT is_anomaly boolean,
    OUT explanation jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.ad_detect(text, jsonb, double precision, text) IS
'fits a detector, ad_auto() unless a spec is given, to the rows of a query and judges each of them; the query runs as the caller, read-only, twice under one snapshot; key: the column that tells rows apart and is no feature; NULL: every column is one; explanation: of anomalies, the five features that contribute most';

CREATE FUNCTION @extschema@.ad_detect(
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
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.ad_detect(text, text, double precision, text) IS
'fits a detector, named or by the text of a spec, to the rows of a query and judges each of them; the query runs as the caller, read-only, twice under one snapshot; key: the column that tells rows apart and is no feature; NULL: every column is one; explanation: of anomalies, the five features that contribute most';
