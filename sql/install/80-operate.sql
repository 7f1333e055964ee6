-- Named models: the registry, its functions, and names in place of models.
-- The tables are read by number of column: see src/operate/registry.c.

-- A role that survives a dump: stored as its OID, written as its name.
CREATE FUNCTION _anomaly._ad_role_in(cstring)
RETURNS _anomaly._ad_role
AS 'MODULE_PATHNAME', 'ad_role_in'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE FUNCTION _anomaly._ad_role_out(_anomaly._ad_role)
RETURNS cstring
AS 'MODULE_PATHNAME', 'ad_role_out'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION _anomaly._ad_role_in(cstring) IS
'input of _ad_role: a name, or public; a role that does not exist is a warning, and nobody';
COMMENT ON FUNCTION _anomaly._ad_role_out(_anomaly._ad_role) IS
'output of _ad_role: the name of the role now; empty for one that was dropped';

CREATE TYPE _anomaly._ad_role (
    INPUT = _anomaly._ad_role_in,
    OUTPUT = _anomaly._ad_role_out,
    INTERNALLENGTH = 4,
    PASSEDBYVALUE,
    ALIGNMENT = int4
);
COMMENT ON TYPE _anomaly._ad_role IS
'a role that models are granted to; one that does not exist where a dump is restored becomes nobody';

CREATE CAST (_anomaly._ad_role AS oid) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (_anomaly._ad_role AS oid) IS
'the OID of a role; 0 is public';

-- No foreign keys between them: pg_restore with several jobs loads the tables
-- in any order. The functions that write them lock the row of the name first.
CREATE TABLE _anomaly._ad_model_name (
    name text COLLATE "C" CONSTRAINT _ad_model_name_pkey PRIMARY KEY,
    active integer CHECK (active > 0),
    last_version integer NOT NULL CHECK (last_version > 0),
    keep integer CHECK (keep > 0),
    health jsonb
);
COMMENT ON TABLE _anomaly._ad_model_name IS
'named models: the active version, the highest version given, how many to keep, limits at which ad_health() warns';

CREATE TABLE _anomaly._ad_model_version (
    name text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    model bytea NOT NULL,
    spec jsonb NOT NULL,
    query text NOT NULL,
    rows bigint NOT NULL,
    features jsonb NOT NULL,
    digest text NOT NULL,
    trained_at timestamptz NOT NULL CHECK (isfinite(trained_at)),
    trained_by text NOT NULL,
    notes text,
    fit_ms double precision CHECK (fit_ms >= 0 AND fit_ms < 'infinity'),
    fit_bytes bigint CHECK (fit_bytes >= 0),
    groups jsonb CHECK (jsonb_typeof(groups) = 'object'),
    labels jsonb CHECK (jsonb_typeof(labels) = 'object'),
    CONSTRAINT _ad_model_version_pkey PRIMARY KEY (name, version)
);
-- not compressed, so that its header can be read alone
ALTER TABLE _anomaly._ad_model_version ALTER COLUMN model SET STORAGE EXTERNAL;
COMMENT ON TABLE _anomaly._ad_model_version IS
'versions of named models: the bytes and how they came about';

CREATE TABLE _anomaly._ad_model_grant (
    name text COLLATE "C" NOT NULL,
    role _anomaly._ad_role NOT NULL,
    privilege text COLLATE "C" NOT NULL CHECK (privilege IN ('score', 'label', 'read', 'own')),
    CONSTRAINT _ad_model_grant_pkey PRIMARY KEY (name, role, privilege)
);
COMMENT ON TABLE _anomaly._ad_model_grant IS
'who may score with, label for, read, or own a named model';

-- A restore, or a subscription, goes on where a role is missing.
CREATE FUNCTION _anomaly._ad_model_grant_skip()
RETURNS trigger
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN RETURN NULL; END $$;
COMMENT ON FUNCTION _anomaly._ad_model_grant_skip() IS
'leaves out a grant to nobody';

CREATE TRIGGER _ad_model_grant_skip
BEFORE INSERT ON _anomaly._ad_model_grant
FOR EACH ROW WHEN (NEW.role::oid = 4294967295::oid)
EXECUTE FUNCTION _anomaly._ad_model_grant_skip();
ALTER TABLE _anomaly._ad_model_grant ENABLE ALWAYS TRIGGER _ad_model_grant_skip;

-- See src/rows/guard.c.
CREATE FUNCTION _anomaly._ad_version_guard()
RETURNS trigger
AS 'MODULE_PATHNAME', 'ad_version_guard'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_version_guard() IS
'refuses a version trained by a role whose rights the inserter does not have';
REVOKE ALL ON FUNCTION _anomaly._ad_version_guard() FROM PUBLIC;

CREATE TRIGGER _ad_version_guard
BEFORE INSERT ON _anomaly._ad_model_version
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_version_guard();

SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_model_name', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_model_version', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_model_grant', '');

-- Nobody but the owner of the database, who must be able to dump and restore.
REVOKE ALL ON _anomaly._ad_model_name, _anomaly._ad_model_version, _anomaly._ad_model_grant FROM PUBLIC;
DO $$
DECLARE
	dumper text := 'pg_database_owner';
BEGIN
	IF current_setting('server_version_num')::int < 140000 THEN
		SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) INTO dumper
		FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database();
	END IF;
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_model_name, _anomaly._ad_model_version, '
		'_anomaly._ad_model_grant TO ' || dumper;
END $$;

-- Training and keeping.

CREATE FUNCTION @extschema@.ad_train(
    name text,
    query text,
    spec jsonb DEFAULT '{"detector": "auto", "priority": "accuracy",
                        "calibrate": {"share": 0.2, "contamination": 0.1, "method": "split"}}',
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true,
    labels text DEFAULT NULL,
    shards text DEFAULT 'auto',
    exclude text[] DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_train(text, text, jsonb, text, integer, boolean, text, text, text[]) IS
'Fits a model to the rows of a query, stores it as the next version of a name, and returns the version. '
'name: 1 to 63 bytes. query: the name of a table or view, or one SELECT, run read-only with the privileges of the '
'caller. spec: the '
'detector, by default a calibrated ad_auto(). notes: a text stored with the version, or NULL. keep: '
'number of versions kept from now on, NULL for all. activate: whether the version becomes active. labels: '
'a column with known anomalies, boolean or 0 and 1, NULL if unknown, by which the members of an ensemble '
'are weighted. exclude: columns that are not features. shards: auto, only or off, for fetching sketches instead of rows from foreign tables and '
'from Citus. Raises 22004 for a NULL name or query, 22023 for a query that is not one SELECT or returns '
'no rows, 42501 if the caller does not own the model, 42622 for a name that is too long.';

CREATE FUNCTION @extschema@.ad_train(
    name text,
    query text,
    detector text,
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true,
    labels text DEFAULT NULL,
    shards text DEFAULT 'auto',
    exclude text[] DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_train(text, text, text, text, integer, boolean, text, text, text[]) IS
'Same as ad_train(text, text, jsonb, text, integer, boolean, text, text, text[]) with the default options of a '
'detector. detector: its name.';

-- What was ad_train() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_train(
    name text,
    query text,
    spec jsonb DEFAULT '{"detector": "auto", "priority": "accuracy",
                        "calibrate": {"share": 0.2, "contamination": 0.1, "method": "split"}}',
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true)
RETURNS integer
AS 'MODULE_PATHNAME', 'ad_train'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_train(text, text, jsonb, text, integer, boolean) IS
'ad_train() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION _anomaly._ad_train(
    name text,
    query text,
    detector text,
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true)
RETURNS integer
AS 'MODULE_PATHNAME', 'ad_train'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_train(text, text, text, text, integer, boolean) IS
'the same with the default options of a detector';

CREATE FUNCTION @extschema@.ad_activate(name text, version integer)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_activate(text, integer) IS
'Makes a version of a model the active one, and returns the previous version, or NULL. name: the model. '
'version: the version. A NULL argument gives NULL. Raises 42704 if there is no such version, 42501 if the '
'caller does not own the model.';

CREATE FUNCTION @extschema@.ad_drop_model(name text, version integer DEFAULT NULL, cascade boolean DEFAULT false)
RETURNS integer
AS 'MODULE_PATHNAME', 'ad_drop_model_0_3'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_drop_model(text, integer, boolean) IS
'Drops a version of a model that is not active, or the whole model, and returns the number of versions '
'dropped. name: the model; NULL gives NULL. version: the version; NULL means the model with its grants. '
'cascade: whether jobs of the caller that use the model are dropped with it. Raises 42704 if there is no '
'such version, 42501 if the caller does not own the model, 55006 if the version is active, 2BP01 if jobs '
'use the model.';

-- What was ad_drop_model() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_drop_model(name text, version integer DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'ad_drop_model_0_3'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_drop_model(text, integer) IS
'ad_drop_model() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_rename_model(name text, new_name text)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_rename_model(text, text) IS
'Renames a model with its versions and grants. name: the model. new_name: 1 to 63 bytes. A NULL argument '
'does nothing. Raises 42704 if there is no such model, 42501 if the caller does not own it, 42710 if the '
'new name exists, 42602 for an empty one.';

CREATE FUNCTION @extschema@.ad_grant_model(name text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_grant_model(text, text, text) IS
'Grants a privilege on a model. name: the model. role: a role or public. privilege: score, label (score, '
'and labels of the role''s jobs count in ad_retrain()), read (score, the bytes, the training query and '
'statistics) or own (everything). A NULL argument does nothing. Raises 42704 if there is no such model or '
'role, 42501 if the caller does not own the model, 22023 for another privilege.';

CREATE FUNCTION @extschema@.ad_revoke_model(name text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_revoke_model(text, text, text) IS
'Revokes a privilege on a model, as it was granted. name: the model. role: a role or public. privilege: '
'score, label, read or own. A NULL argument does nothing. Raises 42704 if there is no such model, 42501 '
'if the caller does not own it.';

-- Looking.

CREATE FUNCTION @extschema@.ad_model(name text, version integer DEFAULT NULL)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_model_by_name'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_model(text, integer) IS
'Returns the bytes of a named model. name: the model; NULL gives NULL. version: the version; NULL means '
'the active one. Raises 42704 if there is no such version, 42501 without the privilege read on it.';

CREATE FUNCTION _anomaly._ad_model_privilege(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_model_privilege'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION _anomaly._ad_model_privilege(text) IS
'the most the current user may do with a named model: score, label, read, own; NULL: nothing';

-- OFFSET 0 keeps conditions of the reader, whose rows EXPLAIN ANALYZE counts,
-- above what tells whether he may see a row.
CREATE VIEW _anomaly._ad_visible_model WITH (security_barrier) AS
SELECT v.name, v.version, v.version IS NOT DISTINCT FROM n.active AS active,
       v.spec ->> 'detector' AS detector, v.rows, v.features,
       CASE WHEN v.groups IS NULL THEN octet_length(v.model)
            WHEN jsonb_typeof(v.groups -> 'bytes') = 'number' THEN least(greatest((v.groups ->> 'bytes')::numeric, 0), 2147483647)::integer END AS bytes, v.spec, v.digest, v.trained_at, v.trained_by, v.notes,
       p.privilege, CASE WHEN p.privilege IN ('read', 'own') THEN v.query END AS query,
       v.fit_ms, v.fit_bytes, v.groups - 'set' - 'columns' AS groups,
       CASE WHEN p.privilege IN ('read', 'own') THEN v.labels END AS labels
FROM _anomaly._ad_model_name n
     CROSS JOIN LATERAL (SELECT _anomaly._ad_model_privilege(n.name) AS privilege OFFSET 0) p
     JOIN _anomaly._ad_model_version v ON v.name = n.name
WHERE p.privilege IS NOT NULL
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_visible_model IS 'what ad_models shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_model TO PUBLIC;

CREATE VIEW @extschema@.ad_models WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_visible_model;
COMMENT ON VIEW @extschema@.ad_models IS
'Versions of the named models that the current user may score with, read or own.';
COMMENT ON COLUMN @extschema@.ad_models.name IS 'Name of the model.';
COMMENT ON COLUMN @extschema@.ad_models.version IS 'Number of the version, from 1.';
COMMENT ON COLUMN @extschema@.ad_models.active IS 'Whether this is the active version.';
COMMENT ON COLUMN @extschema@.ad_models.detector IS 'Detector of the model.';
COMMENT ON COLUMN @extschema@.ad_models.rows IS 'Number of training rows.';
COMMENT ON COLUMN @extschema@.ad_models.bytes IS 'Size of the model in bytes.';
COMMENT ON COLUMN @extschema@.ad_models.spec IS 'Spec of the model with all defaults.';
COMMENT ON COLUMN @extschema@.ad_models.digest IS 'Digest of the bytes of the model.';
COMMENT ON COLUMN @extschema@.ad_models.trained_at IS 'Time at which it was trained or imported.';
COMMENT ON COLUMN @extschema@.ad_models.trained_by IS
'Role that trained or imported it; empty after a restore without it.';
COMMENT ON COLUMN @extschema@.ad_models.notes IS 'Notes given when it was trained, or NULL.';
COMMENT ON COLUMN @extschema@.ad_models.features IS 'Names and types of the features.';
COMMENT ON COLUMN @extschema@.ad_models.privilege IS
'Highest privilege of the current user on the model: score, label, read or own.';
COMMENT ON COLUMN @extschema@.ad_models.groups IS
'Of a model per entity: the columns of the entity, min_rows, fallback, number of entities and of those '
'without a model; otherwise NULL.';
COMMENT ON COLUMN @extschema@.ad_models.query IS
'Training query, empty if the bytes were imported; NULL without the privilege read.';
COMMENT ON COLUMN @extschema@.ad_models.fit_ms IS
'Milliseconds for reading the rows and fitting; NULL if it was trained before 0.3.0, or imported.';
COMMENT ON COLUMN @extschema@.ad_models.fit_bytes IS
'Peak memory of the fit in bytes, including the sample; NULL if it was trained before 0.3.0, or imported.';
COMMENT ON COLUMN @extschema@.ad_models.labels IS
'Labels used in training: the column and the query; NULL if there were none, or without the privilege '
'read.';
GRANT SELECT ON @extschema@.ad_models TO PUBLIC;

CREATE VIEW _anomaly._ad_visible_grant WITH (security_barrier) AS
SELECT g.name, g.role::text AS role, g.privilege
FROM _anomaly._ad_model_grant g
WHERE _anomaly._ad_model_privilege(g.name) IS NOT NULL AND g.role::text <> ''
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_visible_grant IS 'what ad_model_grants shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_grant TO PUBLIC;

CREATE VIEW @extschema@.ad_model_grants WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_visible_grant;
COMMENT ON VIEW @extschema@.ad_model_grants IS
'Privileges on the named models that the current user may see.';
COMMENT ON COLUMN @extschema@.ad_model_grants.name IS 'Name of the model.';
COMMENT ON COLUMN @extschema@.ad_model_grants.role IS 'Role that has the privilege, or public.';
COMMENT ON COLUMN @extschema@.ad_model_grants.privilege IS 'Privilege: score, label, read or own.';
GRANT SELECT ON @extschema@.ad_model_grants TO PUBLIC;

-- Names in place of models.

CREATE FUNCTION @extschema@.ad_score(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_score(text, VARIADIC "any") IS
'Same as ad_score(bytea, VARIADIC "any") with the active version of a named model. Raises 42704 if there '
'is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_pvalue(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue(text, VARIADIC "any") IS
'Same as ad_pvalue(bytea, VARIADIC "any") with the active version of a named model. Raises 42704 if there '
'is no such model, 42501 without the privilege score on it.';

-- For guards: NULL in place of errors that are the model's or the row's.

CREATE FUNCTION @extschema@.ad_try_score(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_try_score(bytea, VARIADIC "any") IS
'Same as ad_score(bytea, VARIADIC "any"), but returns NULL instead of an error about the model (damaged, '
'of a later release) or a row that does not match it; such errors are counted in ad_stat_models.';

CREATE FUNCTION @extschema@.ad_try_score(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_try_score(text, VARIADIC "any") IS
'Same as ad_try_score(bytea, VARIADIC "any") with the active version of a named model; also returns NULL '
'if there is no model that the caller may score with.';

CREATE FUNCTION @extschema@.ad_try_pvalue(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_try_pvalue(bytea, VARIADIC "any") IS
'Same as ad_pvalue(bytea, VARIADIC "any"), but returns NULL where ad_try_score() does, or if the model '
'has no calibration rows; such errors are counted in ad_stat_models.';

CREATE FUNCTION @extschema@.ad_try_pvalue(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_try_pvalue(text, VARIADIC "any") IS
'Same as ad_try_pvalue(bytea, VARIADIC "any") with the active version of a named model; also returns NULL '
'if there is no model that the caller may score with.';

CREATE FUNCTION @extschema@.ad_pvalue_randomized(model text, u double precision, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue_randomized(text, double precision, VARIADIC "any") IS
'Same as ad_pvalue_randomized(bytea, double precision, VARIADIC "any") with the active version of a named '
'model. Raises 42704 if there is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_is_anomaly(model text, VARIADIC "any")
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_is_anomaly(text, VARIADIC "any") IS
'Same as ad_is_anomaly(bytea, VARIADIC "any") with the active version of a named model. Raises 42704 if '
'there is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_probability(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_probability(text, VARIADIC "any") IS
'Same as ad_probability(bytea, VARIADIC "any") with the active version of a named model. Raises 42704 if '
'there is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_threshold(model text, contamination double precision DEFAULT NULL)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_threshold(text, double precision) IS
'Same as ad_threshold(bytea, double precision) with the active version of a named model. Raises 42704 if '
'there is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_explain(
    model text,
    VARIADIC features "any",
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_explain(text, VARIADIC "any") IS
'Same as ad_explain(bytea, VARIADIC "any") with the active version of a named model. Raises 42704 if '
'there is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_explain(
    model text,
    options jsonb,
    VARIADIC features "any",
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_explain(text, jsonb, VARIADIC "any") IS
'Same as ad_explain(bytea, jsonb, VARIADIC "any") with the active version of a named model. Raises 42704 '
'if there is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_why(model text, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_why(text, VARIADIC "any") IS
'Same as ad_why(bytea, VARIADIC "any") with the active version of a named model. Raises 42704 if there is '
'no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_info(model text)
RETURNS jsonb
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_info(text) IS
'Same as ad_info(bytea) with the active version of a named model, including time and memory of its fit. '
'Raises 42704 if there is no such model, 42501 without the privilege read on it.';

CREATE FUNCTION @extschema@.ad_features(
    model text,
    OUT "position" integer,
    OUT name text,
    OUT type text,
    OUT missing bigint,
    OUT infinite bigint,
    OUT "distinct" bigint,
    OUT min double precision,
    OUT median double precision,
    OUT max double precision,
    OUT encoding text,
    OUT distinct_values bigint,
    OUT min_text text,
    OUT median_text text,
    OUT max_text text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION @extschema@.ad_features(text) IS
'Same as ad_features(bytea) with the active version of a named model. Raises 42704 if there is no such '
'model, 42501 without the privilege read on it.';

-- What was ad_features() in 0.2.0, for what depends on it, and for ad_report().
CREATE FUNCTION _anomaly._ad_features(
    model text,
    OUT "position" integer,
    OUT name text,
    OUT type text,
    OUT missing bigint,
    OUT infinite bigint,
    OUT "distinct" bigint,
    OUT min double precision,
    OUT median double precision,
    OUT max double precision,
    OUT encoding text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_features'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION _anomaly._ad_features(text) IS
'ad_features() of version 0.2.0, for objects that depend on it, and for ad_report()';

-- Comparing.

CREATE FUNCTION _anomaly._ad_query(query text, what text, OUT sql text, OUT columns text[], OUT types regtype[])
AS 'MODULE_PATHNAME', 'ad_query'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_query(text, text) IS
'a query without what follows it, for use as a subquery, and its columns; an error, which calls it what it is, unless it is one SELECT';

CREATE FUNCTION _anomaly._ad_feature_changes(features1 jsonb, features2 jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT string_agg(CASE WHEN a.name IS NULL THEN format('%s added', b.name)
                       WHEN b.name IS NULL THEN format('%s gone', a.name)
                       ELSE format('%s: %s, now %s', a.name, a.type, b.type) END, '; '
                  ORDER BY coalesce(b.i, a.i), a.i)
FROM (SELECT coalesce(f ->> 'name', 'feature ' || i) AS name, f ->> 'type' AS type, i
      FROM jsonb_array_elements(features1) WITH ORDINALITY e(f, i)) a
     FULL JOIN
     (SELECT coalesce(f ->> 'name', 'feature ' || i) AS name, f ->> 'type' AS type, i
      FROM jsonb_array_elements(features2) WITH ORDINALITY e(f, i)) b USING (name)
WHERE a.type IS DISTINCT FROM b.type
$$;
COMMENT ON FUNCTION _anomaly._ad_feature_changes(jsonb, jsonb) IS
'how the features of one version differ from those of another, in words; NULL: not at all';

-- No SET search_path here: the query means what it means to the caller. All
-- names, types and operators are qualified instead; NULLIF, IS DISTINCT FROM, IN
-- and CASE x WHEN are operators, too.
CREATE FUNCTION @extschema@.ad_compare(
    name text,
    v1 integer,
    v2 integer,
    query text,
    k integer DEFAULT 100,
    label text DEFAULT NULL,
    OUT rows bigint,
    OUT rank_correlation double precision,
    OUT top_k_overlap double precision,
    OUT roc_auc1 double precision,
    OUT roc_auc2 double precision,
    OUT average_precision1 double precision,
    OUT average_precision2 double precision,
    OUT feature_changes text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
#variable_conflict use_column
DECLARE
	models pg_catalog.bytea[] := ARRAY[_anomaly._ad_model($1, $2), _anomaly._ad_model($1, $3)];
	features pg_catalog.jsonb[];
	q pg_catalog.record;
	given pg_catalog.text[];
	metrics pg_catalog.text := 'NULL::pg_catalog.float8, NULL::pg_catalog.float8, NULL::pg_catalog.float8, NULL::pg_catalog.float8';
BEGIN
	IF $1 IS NULL OR $2 IS NULL OR $3 IS NULL OR $4 IS NULL THEN
		RAISE EXCEPTION 'name, versions and query cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF $5 IS NULL OR $5 OPERATOR(pg_catalog.<) 1 THEN
		RAISE EXCEPTION 'k is %, must be at least 1', $5 USING ERRCODE = 'invalid_parameter_value';
	END IF;
	q := _anomaly._ad_query($4, 'query to compare on');
	IF $6 IS NOT NULL THEN
		IF NOT $6 OPERATOR(pg_catalog.=) ANY (q.columns) THEN
			RAISE EXCEPTION 'query to compare on has no column "%"', _anomaly._ad_quote($6)
				USING ERRCODE = 'undefined_column', HINT = 'label must name a column that marks anomalies.';
		END IF;
		metrics := '_anomaly._ad_roc_auc(s1, l), _anomaly._ad_roc_auc(s2, l), '
			'_anomaly._ad_average_precision(s1, l), _anomaly._ad_average_precision(s2, l)';
	END IF;

	FOR i IN 1..2 LOOP
		features[i] := (SELECT m.features FROM _anomaly._ad_visible_model m
						WHERE m.name OPERATOR(pg_catalog.=) $1
							AND m.version OPERATOR(pg_catalog.=) (ARRAY[$2, $3])[i]);
		-- a row is matched by name; features without names came as one array
		given[i] := CASE WHEN features[i] OPERATOR(pg_catalog.->) 0 OPERATOR(pg_catalog.->>) 'name' IS NULL
			THEN (SELECT pg_catalog.format('t.%I', c) FROM pg_catalog.unnest(q.columns) c
				  WHERE $6 IS NULL OR c OPERATOR(pg_catalog.<>) $6 LIMIT 1) ELSE 't.*' END;
	END LOOP;
	feature_changes := _anomaly._ad_feature_changes(features[1], features[2]);

	EXECUTE pg_catalog.format($q$
SELECT pg_catalog.count(*), pg_catalog.corr(r1, r2),
       pg_catalog.count(*) FILTER (WHERE p1 OPERATOR(pg_catalog.<=) $3 AND p2 OPERATOR(pg_catalog.<=) $3)
           ::pg_catalog.float8 OPERATOR(pg_catalog./)
           CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 THEN LEAST($3, pg_catalog.count(*)) END::pg_catalog.float8,
       %s
FROM (SELECT s1, s2, l,
             -- mean ranks, but for a constant
             pg_catalog.rank() OVER (ORDER BY s1) OPERATOR(pg_catalog.+)
                 ((pg_catalog.count(*) OVER (PARTITION BY s1))::pg_catalog.float8 OPERATOR(pg_catalog./) 2) AS r1,
             pg_catalog.rank() OVER (ORDER BY s2) OPERATOR(pg_catalog.+)
                 ((pg_catalog.count(*) OVER (PARTITION BY s2))::pg_catalog.float8 OPERATOR(pg_catalog./) 2) AS r2,
             pg_catalog.row_number() OVER (ORDER BY s1 DESC, n) AS p1,
             pg_catalog.row_number() OVER (ORDER BY s2 DESC, n) AS p2
      FROM (SELECT _anomaly._ad_score($1, %s) AS s1, _anomaly._ad_score($2, %s) AS s2, %s AS l,
                   pg_catalog.row_number() OVER () AS n
            FROM (
%s
            ) t) scored) ranked$q$,
		metrics, given[1], given[2],
		CASE WHEN $6 IS NULL THEN 'NULL::pg_catalog.bool' ELSE pg_catalog.format('t.%I%s::pg_catalog.bool', $6,
			-- of numbers only 0 and 1 are labels
			CASE WHEN (SELECT t.typcategory FROM pg_catalog.pg_type t
					   WHERE t.oid OPERATOR(pg_catalog.=) (q.types[pg_catalog.array_position(q.columns, $6)])::pg_catalog.oid)
					  OPERATOR(pg_catalog.=) 'N' THEN '::_anomaly._ad_flag' ELSE '' END) END,
		q.sql)
	INTO rows, rank_correlation, top_k_overlap, roc_auc1, roc_auc2, average_precision1, average_precision2
	USING models[1], models[2], $5;
	IF rows OPERATOR(pg_catalog.=) 0 THEN
		RAISE EXCEPTION 'query to compare on returned no rows' USING ERRCODE = 'invalid_parameter_value';
	END IF;
END $$;
COMMENT ON FUNCTION @extschema@.ad_compare(text, integer, integer, text, integer, text) IS
'Compares two versions of a model on the rows of a query: rank correlation of their scores, overlap of '
'the highest-scoring rows, ROC AUC and average precision if there are labels, and differences of their '
'features. name: the model. v1, v2: the versions. query: one SELECT, run read-only with the privileges of '
'the caller. k: number of highest-scoring rows for the overlap. label: a label column, or NULL. Raises '
'22004 for a NULL name, version or query, 42704 if there is no such version, 42501 without the privilege '
'read on the model.';
