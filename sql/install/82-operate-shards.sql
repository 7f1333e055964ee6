-- since 0.3.0
-- Models and rows on several servers.

CREATE FUNCTION @extschema@.ad_import_model(name text, model bytea, activate boolean DEFAULT true)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_import_model(text, bytea, boolean) IS
'Validates the bytes of a model, stores them as the next version of a name, and returns the version. '
'name: 1 to 63 bytes; the caller becomes the owner of a new name. model: the bytes. activate: whether the '
'version becomes active; NULL means that it does. It has no training query, so ad_retrain() refuses it. Raises 22004 for a NULL '
'name or model, 22P03 if the bytes are not a model, 42501 if the caller does not own an existing name.';

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
'Copies the active version of a model to foreign servers, where it becomes the next version of the same '
'name, and returns one row per server. name: the model. servers: the servers. activate: whether the '
'version becomes active there. run: true runs ad_import_model() there by dblink, false returns the '
'statement to run; NULL means true if dblink is installed. Each server commits separately. Raises 22004 '
'for a NULL name or servers, 42501 without the privilege read on the model, 55000 with run if dblink is '
'not installed.';

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
'Returns what the plan of a query fetches from foreign servers, one row per scan: tables, server, what is '
'fetched, why not less, and a hint; reason and hint are NULL if there is nothing to improve. query: one '
'SELECT, which is planned and not run; NULL gives no rows. Raises 22023 for a query that is not one '
'SELECT, and the errors of planning it.';

