-- since 0.3.0
-- Models and rows on several servers.

CREATE FUNCTION @extschema@.ad_import_model(name text, model bytea, activate boolean DEFAULT true)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_import_model(text, bytea, boolean) IS
'stores the bytes of a model as the next version of a name, all of them checked, and makes it active unless told not to; returns the version; its training query is empty, so it cannot be trained again; a new name is the caller''s, of others he must own the model; NULL name or model: error';

-- What ad_publish_model() calls on another server.
CREATE FUNCTION _anomaly._ad_import_model(name text, model bytea, activate boolean)
RETURNS integer
AS 'MODULE_PATHNAME', 'ad_import_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_import_model(text, bytea, boolean) IS
'ad_import_model(text, bytea, boolean)';

CREATE FUNCTION @extschema@.ad_publish_model(
    name text,
    servers text[],
    activate boolean DEFAULT true,
    run boolean DEFAULT NULL,
    OUT server text,
    OUT version integer,
    OUT statement text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_publish_model(text, text[], boolean, boolean) IS
'brings the active version of a named model to foreign servers, where it becomes the next version of the same name: runs ad_import_model() there by dblink, if that is installed, and returns the version that it has there; else, or with run => false, returns the statement to run there; run => true without dblink: error; each server commits by itself; needs the privilege read';

CREATE FUNCTION @extschema@.ad_ships(
    query text,
    OUT scan text,
    OUT server text,
    OUT ships text,
    OUT reason text,
    OUT hint text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_ships(text) IS
'what the plan of a query, which must be one SELECT and is not run, fetches from foreign servers, a row a scan: tables, server, what comes (aggregate, joined rows, filtered rows, rows), why not less and what to do about it (both NULL where there is nothing to say); no row: it reads no foreign table; NULL query: no row; needs the rights that the query does';

