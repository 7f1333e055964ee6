-- since 0.3.0
-- Named models that have a model per entity. The table is read by number of
-- column: see src/operate/groups.c.

CREATE TABLE _anomaly._ad_model_group (
    group_set uuid NOT NULL,
    entity text COLLATE "C" NOT NULL,
    first integer NOT NULL CHECK (first > 0),
    last integer,
    rows bigint NOT NULL,
    fingerprint bigint NOT NULL,
    model bytea,
    problem text,
    CONSTRAINT _ad_model_group_pkey PRIMARY KEY (group_set, entity, first),
    CHECK (last >= first),
    CHECK ((model IS NULL) = (problem IS NOT NULL))
);
-- not compressed, so that its header can be read alone
ALTER TABLE _anomaly._ad_model_group ALTER COLUMN model SET STORAGE EXTERNAL;
COMMENT ON TABLE _anomaly._ad_model_group IS
'models of entities: each is of the versions of a set from first to last (NULL: and all that follow), with the number and the fingerprint of the rows that it was fitted to; without a model there is a problem';
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_model_group', '');
REVOKE ALL ON _anomaly._ad_model_group FROM PUBLIC;
DO $$
BEGIN
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_model_group TO ' || CASE WHEN current_setting('server_version_num')::int >= 140000 THEN 'pg_database_owner'
		ELSE (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) END;
END $$;

-- What the query of a training calls.

CREATE FUNCTION _anomaly._ad_entity(VARIADIC "any")
RETURNS text
AS 'MODULE_PATHNAME', 'ad_entity_of'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_entity(VARIADIC "any") IS
'name of an entity as it is kept: the text of a value, an array in JSON of several; of more than 1,000 bytes the beginning and the MD5; NULL if a value is';

CREATE FUNCTION _anomaly._ad_fingerprint_transfn(bigint, record)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_fingerprint_transfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_fingerprint_transfn(bigint, record) IS
'transition of _ad_fingerprint(record)';

CREATE FUNCTION _anomaly._ad_fingerprint_combinefn(bigint, bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_fingerprint_combinefn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_fingerprint_combinefn(bigint, bigint) IS
'combines two states of _ad_fingerprint(record)';

CREATE AGGREGATE _anomaly._ad_fingerprint(record) (
    SFUNC = _anomaly._ad_fingerprint_transfn,
    STYPE = bigint,
    INITCOND = '0',
    COMBINEFUNC = _anomaly._ad_fingerprint_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_fingerprint(record) IS
'sum of the hashes of rows, modulo 2^64: the same for the same rows in any order';

-- Training.

CREATE FUNCTION @extschema@.ad_train_groups(
    name text,
    query text,
    by text,
    spec jsonb DEFAULT '{"detector": "zscore", "calibrate": {}}',
    fallback text DEFAULT NULL,
    min_rows integer DEFAULT 20,
    keep_gone boolean DEFAULT true,
    max_bytes bigint DEFAULT 1073741824,
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true,
    OUT version integer,
    OUT fitted bigint,
    OUT kept bigint,
    OUT failed bigint,
    OUT gone bigint,
    OUT rows bigint,
    OUT rows_without_entity bigint,
    OUT bytes bigint)
AS 'MODULE_PATHNAME', 'ad_train_groups'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_train_groups(text, text, text, jsonb, text, integer, boolean, bigint, text, integer, boolean) IS
'Fits a model per entity to the rows of a query, stores them as the next version of a name, and returns '
'the version, the numbers of entities fitted, kept, failed and gone, the rows read, those without an '
'entity, and the bytes of all models. name: 1 to 63 bytes. query: one SELECT, run read-only with the '
'privileges of the caller. by: the column that identifies the entity; rows with a NULL are left out. '
'spec: the detector. fallback: a model for entities without one, or NULL. min_rows: entities with fewer '
'rows get no model. keep_gone: whether entities without rows keep their models. max_bytes: limit of the '
'size of all models. notes: a text stored with the version. keep: number of versions kept, NULL for all. '
'activate: whether the version becomes active. Raises 22004 for a NULL name, query or column, 54000 '
'beyond max_bytes, 42501 if the caller does not own the model.';

CREATE FUNCTION @extschema@.ad_train_groups(
    name text,
    query text,
    by text,
    detector text,
    fallback text DEFAULT NULL,
    min_rows integer DEFAULT 20,
    keep_gone boolean DEFAULT true,
    max_bytes bigint DEFAULT 1073741824,
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true,
    OUT version integer,
    OUT fitted bigint,
    OUT kept bigint,
    OUT failed bigint,
    OUT gone bigint,
    OUT rows bigint,
    OUT rows_without_entity bigint,
    OUT bytes bigint)
AS 'MODULE_PATHNAME', 'ad_train_groups'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_train_groups(text, text, text, text, text, integer, boolean, bigint, text, integer, boolean) IS
'Same as ad_train_groups(text, text, text, jsonb, text, integer, boolean, bigint, text, integer, boolean) '
'with the default options of a detector. detector: its name.';

CREATE FUNCTION @extschema@.ad_train_groups(
    name text,
    query text,
    by text[],
    spec jsonb DEFAULT '{"detector": "zscore", "calibrate": {}}',
    fallback text DEFAULT NULL,
    min_rows integer DEFAULT 20,
    keep_gone boolean DEFAULT true,
    max_bytes bigint DEFAULT 1073741824,
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true,
    OUT version integer,
    OUT fitted bigint,
    OUT kept bigint,
    OUT failed bigint,
    OUT gone bigint,
    OUT rows bigint,
    OUT rows_without_entity bigint,
    OUT bytes bigint)
AS 'MODULE_PATHNAME', 'ad_train_groups'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_train_groups(text, text, text[], jsonb, text, integer, boolean, bigint, text, integer, boolean) IS
'Same as ad_train_groups(text, text, text, jsonb, text, integer, boolean, bigint, text, integer, boolean) '
'for entities that are identified by several columns.';

CREATE FUNCTION @extschema@.ad_refresh_groups(
    name text,
    keep_gone boolean DEFAULT NULL,
    everything boolean DEFAULT false,
    activate boolean DEFAULT true,
    OUT version integer,
    OUT fitted bigint,
    OUT kept bigint,
    OUT failed bigint,
    OUT gone bigint,
    OUT rows bigint,
    OUT rows_without_entity bigint,
    OUT bytes bigint)
AS 'MODULE_PATHNAME', 'ad_refresh_groups'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_refresh_groups(text, boolean, boolean, boolean) IS
'Trains a model per entity again with the query and options of the active version, and returns the '
'columns of ad_train_groups(). name: the model. keep_gone: whether entities without rows keep their '
'models; NULL means as before. everything: whether entities that have not changed are fitted too. '
'activate: whether the version becomes active. Raises 22004 for a NULL name, 42704 if there is no such '
'model, 42501 if the caller does not own it.';

CREATE FUNCTION _anomaly._ad_refresh_groups(
    name text,
    keep_gone boolean DEFAULT NULL,
    everything boolean DEFAULT false,
    activate boolean DEFAULT true,
    OUT version integer,
    OUT fitted bigint,
    OUT kept bigint,
    OUT failed bigint,
    OUT gone bigint,
    OUT rows bigint,
    OUT rows_without_entity bigint,
    OUT bytes bigint)
AS 'MODULE_PATHNAME', 'ad_refresh_groups'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_refresh_groups(text, boolean, boolean, boolean) IS
'ad_refresh_groups(text, boolean, boolean, boolean)';

-- Looking.

CREATE FUNCTION @extschema@.ad_model_groups(
    name text,
    version integer DEFAULT NULL,
    OUT entity text,
    OUT rows bigint,
    OUT bytes integer,
    OUT fitted_in integer,
    OUT problem text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_model_groups'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.ad_model_groups(text, integer) IS
'Returns one row per entity of a model: rows, bytes, the version it was fitted in, or why it has no '
'model. name: the model; NULL gives no rows. version: the version; NULL means the active one. Raises '
'42704 if there is no such version, 42501 without the privilege read on the model.';

CREATE FUNCTION @extschema@.ad_group_model(name text, entity text, version integer DEFAULT NULL)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_group_model'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_group_model(text, text, integer) IS
'Returns the bytes of the model of an entity. name: the model. entity: the entity as in '
'ad_model_groups(). version: the version; NULL means the active one. NULL if name or entity is NULL, or '
'if the entity has no model. Raises 42704 if there is no such version, 42501 without the privilege read '
'on the model.';
