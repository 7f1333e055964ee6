-- Named models: the registry, its functions, and names in place of models.
-- The tables are read by number of column: see src/operate/registry.c.

-- A role that survives a dump: stored as its OID, written as its name.
CREATE FUNCTION _ad_role_in(cstring)
RETURNS _ad_role
AS 'MODULE_PATHNAME', 'ad_role_in'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE FUNCTION _ad_role_out(_ad_role)
RETURNS cstring
AS 'MODULE_PATHNAME', 'ad_role_out'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION _ad_role_in(cstring) IS
'input of _ad_role: a name, or public; a role that does not exist is a warning, and nobody';
COMMENT ON FUNCTION _ad_role_out(_ad_role) IS
'output of _ad_role: the name of the role now; empty for one that was dropped';

CREATE TYPE _ad_role (
    INPUT = _ad_role_in,
    OUTPUT = _ad_role_out,
    INTERNALLENGTH = 4,
    PASSEDBYVALUE,
    ALIGNMENT = int4
);
COMMENT ON TYPE _ad_role IS
'a role that models are granted to; one that does not exist where a dump is restored becomes nobody';

CREATE CAST (_ad_role AS oid) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (_ad_role AS oid) IS
'the OID of a role; 0 is public';

CREATE TABLE _ad_model_name (
    name text COLLATE "C" CONSTRAINT _ad_model_name_pkey PRIMARY KEY,
    active integer CHECK (active > 0),
    last_version integer NOT NULL CHECK (last_version > 0),
    keep integer CHECK (keep > 0)
);
COMMENT ON TABLE _ad_model_name IS
'named models: the active version, the highest version given, how many to keep';

CREATE TABLE _ad_model_version (
    name text COLLATE "C" NOT NULL
        REFERENCES _ad_model_name ON UPDATE CASCADE ON DELETE CASCADE,
    version integer NOT NULL CHECK (version > 0),
    model bytea NOT NULL,
    spec jsonb NOT NULL,
    query text NOT NULL,
    rows bigint NOT NULL,
    features jsonb NOT NULL,
    digest text NOT NULL,
    trained_at timestamptz NOT NULL,
    trained_by text NOT NULL,
    notes text,
    CONSTRAINT _ad_model_version_pkey PRIMARY KEY (name, version)
);
-- not compressed, so that its header can be read alone
ALTER TABLE _ad_model_version ALTER COLUMN model SET STORAGE EXTERNAL;
COMMENT ON TABLE _ad_model_version IS
'versions of named models: the bytes and how they came about';

CREATE TABLE _ad_model_grant (
    name text COLLATE "C" NOT NULL
        REFERENCES _ad_model_name ON UPDATE CASCADE ON DELETE CASCADE,
    role _ad_role NOT NULL,
    privilege text COLLATE "C" NOT NULL CHECK (privilege IN ('score', 'read', 'own')),
    CONSTRAINT _ad_model_grant_pkey PRIMARY KEY (name, role, privilege)
);
COMMENT ON TABLE _ad_model_grant IS
'who may score with, read, or own a named model';

-- A restore, or a subscription, goes on where a role is missing.
CREATE FUNCTION _ad_model_grant_skip()
RETURNS trigger
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN RETURN NULL; END $$;
COMMENT ON FUNCTION _ad_model_grant_skip() IS
'leaves out a grant to nobody';

CREATE TRIGGER _ad_model_grant_skip
BEFORE INSERT ON _ad_model_grant
FOR EACH ROW WHEN (NEW.role::oid = 4294967295::oid)
EXECUTE FUNCTION _ad_model_grant_skip();
ALTER TABLE _ad_model_grant ENABLE ALWAYS TRIGGER _ad_model_grant_skip;

SELECT pg_catalog.pg_extension_config_dump('_ad_model_name', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_model_version', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_model_grant', '');

-- Nobody but the owner of the database, who must be able to dump and restore.
REVOKE ALL ON _ad_model_name, _ad_model_version, _ad_model_grant FROM PUBLIC;
DO $$
DECLARE
	dumper text := 'pg_database_owner';
BEGIN
	IF current_setting('server_version_num')::int < 140000 THEN
		SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) INTO dumper
		FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database();
	END IF;
	EXECUTE 'GRANT SELECT, INSERT ON @extschema@._ad_model_name, @extschema@._ad_model_version, '
		'@extschema@._ad_model_grant TO ' || dumper;
END $$;

-- Training and keeping.

CREATE FUNCTION ad_train(
    name text,
    query text,
    spec jsonb,
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION ad_train(text, text, jsonb, text, integer, boolean) IS
'fits a model to the rows of a query, run read-only as the caller, and stores it as the next version of a name; returns the version; keep: how many versions remain, from now on';

CREATE FUNCTION ad_train(
    name text,
    query text,
    detector text,
    notes text DEFAULT NULL,
    keep integer DEFAULT NULL,
    activate boolean DEFAULT true)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION ad_train(text, text, text, text, integer, boolean) IS
'the same with the default options of a detector';

CREATE FUNCTION ad_activate(name text, version integer)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION ad_activate(text, integer) IS
'makes a version of a model the one that its name means; returns the one before, or NULL';

CREATE FUNCTION ad_drop_model(name text, version integer DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION ad_drop_model(text, integer) IS
'drops a version of a model that is not active, or without a version the model and its grants; returns how many versions are gone';

CREATE FUNCTION ad_rename_model(name text, new_name text)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION ad_rename_model(text, text) IS
'gives a model, with its versions and grants, another name';

CREATE FUNCTION ad_grant_model(name text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION ad_grant_model(text, text, text) IS
'lets a role, or public, score with a model, read it (bytes, training query, statistics of its features), or own it; each includes those before';

CREATE FUNCTION ad_revoke_model(name text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION ad_revoke_model(text, text, text) IS
'takes a privilege away from a role, as it was granted';

-- Looking.

CREATE FUNCTION ad_model(name text, version integer DEFAULT NULL)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_model_by_name'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ad_model(text, integer) IS
'the bytes of a named model, of the active version or another; needs the privilege read; NULL name: NULL';

CREATE FUNCTION _ad_model_privilege(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_model_privilege'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION _ad_model_privilege(text) IS
'the most the current user may do with a named model: score, read, own; NULL: nothing';

CREATE VIEW ad_models WITH (security_barrier) AS
SELECT v.name, v.version, v.version IS NOT DISTINCT FROM n.active AS active,
       v.spec ->> 'detector' AS detector, v.rows, v.features,
       octet_length(v.model) AS bytes, v.spec, v.digest, v.trained_at, v.trained_by, v.notes,
       p.privilege, CASE WHEN p.privilege IN ('read', 'own') THEN v.query END AS query
FROM _ad_model_name n
     CROSS JOIN LATERAL (SELECT _ad_model_privilege(n.name) AS privilege OFFSET 0) p
     JOIN _ad_model_version v ON v.name = n.name
WHERE p.privilege IS NOT NULL;
COMMENT ON VIEW ad_models IS
'the versions of the named models that the current user may score with, read or own';
COMMENT ON COLUMN ad_models.features IS 'names and types of the features';
COMMENT ON COLUMN ad_models.privilege IS 'the most the current user may do with it';
COMMENT ON COLUMN ad_models.query IS 'the training query; NULL without the privilege read';
GRANT SELECT ON ad_models TO PUBLIC;

CREATE VIEW ad_model_grants WITH (security_barrier) AS
SELECT g.name, g.role::text AS role, g.privilege
FROM _ad_model_grant g
WHERE _ad_model_privilege(g.name) IS NOT NULL AND g.role::text <> '';
COMMENT ON VIEW ad_model_grants IS
'who may score with, read, or own the named models that the current user may see';
GRANT SELECT ON ad_model_grants TO PUBLIC;

-- Names in place of models.

CREATE FUNCTION ad_score(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _ad_model_support;
COMMENT ON FUNCTION ad_score(text, VARIADIC "any") IS
'score of a row under the active version of a named model, as the running query sees it; needs the privilege score';

CREATE FUNCTION ad_pvalue(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _ad_model_support;
COMMENT ON FUNCTION ad_pvalue(text, VARIADIC "any") IS
'conformal p-value of a row under the active version of a named model; needs the privilege score';

CREATE FUNCTION ad_is_anomaly(model text, VARIADIC "any")
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _ad_model_support;
COMMENT ON FUNCTION ad_is_anomaly(text, VARIADIC "any") IS
'whether a row is an anomaly under the active version of a named model; needs the privilege score';

CREATE FUNCTION ad_probability(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _ad_model_support;
COMMENT ON FUNCTION ad_probability(text, VARIADIC "any") IS
'outlier probability of a row under the active version of a named model; needs the privilege score';

CREATE FUNCTION ad_threshold(model text, contamination double precision DEFAULT NULL)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ad_threshold(text, double precision) IS
'the score that a share of the training rows of the active version of a named model exceeds; needs the privilege score';

CREATE FUNCTION ad_explain(
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
COMMENT ON FUNCTION ad_explain(text, VARIADIC "any") IS
'what each feature contributes to a row''s score under the active version of a named model; needs the privilege score';

CREATE FUNCTION ad_explain(
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
COMMENT ON FUNCTION ad_explain(text, jsonb, VARIADIC "any") IS
'the same with options: method ("shap", or "path": cheap, for forests) and top (number of features)';

CREATE FUNCTION ad_why(model text, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ad_why(text, VARIADIC "any") IS
'a sentence on what raises a row''s score most under the active version of a named model; needs the privilege score';

CREATE FUNCTION ad_info(model text)
RETURNS jsonb
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ad_info(text) IS
'what the active version of a named model is; needs the privilege read';

CREATE FUNCTION ad_features(
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
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION ad_features(text) IS
'the features of the active version of a named model; needs the privilege read';

CREATE FUNCTION _ad_query_text(query text, what text)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_query_text'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION _ad_query_text(text, text) IS
'a query without what follows it, for use as a subquery; an error, which calls it what it is, unless it is one SELECT';
