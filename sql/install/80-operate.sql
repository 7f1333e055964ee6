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
'fits a model, of ad_auto() and calibrated unless a spec is given, to the rows of a query, or of a table or view by its name, run read-only as the caller, and stores it as the next version of a name; returns the version; keep: how many versions remain, from now on; labels: a column of the query that is no feature, boolean or 0 and 1, NULL where there is none, by which the members of an ensemble are weighed; without both kinds they stay as the spec says, with a notice; shards: of a query over foreign tables fetch sketches and no rows, said in a NOTICE, if it can be (auto), or raise an error with the reason (only), or fetch rows (off); over a distributed table of Citus sketches are made on the shards if Citus can, a NOTICE says if not (auto), an error (only), or nothing (off); exclude: columns of the query that are no features; an error (42703) if it has no such column; a NOTICE names features that are the same in all rows, or different in each';

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
'the same with the default options of a detector';

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
'makes a version of a model the one that its name means; returns the one before, or NULL';

CREATE FUNCTION @extschema@.ad_drop_model(name text, version integer DEFAULT NULL, cascade boolean DEFAULT false)
RETURNS integer
AS 'MODULE_PATHNAME', 'ad_drop_model_0_3'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_drop_model(text, integer, boolean) IS
'drops a version of a model that is not active, or without a version the model and its grants, unless jobs use it: cascade drops those of the current user''s with it, and leaves those of others without a model; returns how many versions are gone';

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
'gives a model, with its versions and grants, another name';

CREATE FUNCTION @extschema@.ad_grant_model(name text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_grant_model(text, text, text) IS
'lets a role, or public, score with a model (score), also count its labels in ad_retrain() (label), read it: bytes, training query, statistics of its features (read), or own it (own); each includes to score';

CREATE FUNCTION @extschema@.ad_revoke_model(name text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_revoke_model(text, text, text) IS
'takes a privilege away from a role, as it was granted';

-- Looking.

CREATE FUNCTION @extschema@.ad_model(name text, version integer DEFAULT NULL)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_model_by_name'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_model(text, integer) IS
'the bytes of a named model, of the active version or another; needs the privilege read; NULL name: NULL';

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
'the versions of the named models that the current user may score with, read or own';
COMMENT ON COLUMN @extschema@.ad_models.features IS 'names and types of the features';
COMMENT ON COLUMN @extschema@.ad_models.privilege IS 'the most the current user may do with it';
COMMENT ON COLUMN @extschema@.ad_models.groups IS
'of a model per entity: the columns that name one, min_rows, fallback, how many entities there are, how many have no model; else NULL';
COMMENT ON COLUMN @extschema@.ad_models.query IS 'the training query, empty if the bytes came by ad_import_model(); NULL without the privilege read';
COMMENT ON COLUMN @extschema@.ad_models.fit_ms IS 'milliseconds that reading the rows and fitting took; NULL if it was trained before 0.3.0, or imported';
COMMENT ON COLUMN @extschema@.ad_models.fit_bytes IS 'memory of the fit at its most: the sample of the rows and what the detector made of it; NULL if it was trained before 0.3.0, or imported';
COMMENT ON COLUMN @extschema@.ad_models.labels IS 'where the labels are that it was trained with: the column, and the query that it is one of; NULL: there were none, or without the privilege read';
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
'who may score with, read, or own the named models that the current user may see';
GRANT SELECT ON @extschema@.ad_model_grants TO PUBLIC;

-- Names in place of models.

CREATE FUNCTION @extschema@.ad_score(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_score(text, VARIADIC "any") IS
'score of a row under the active version of a named model, as the running query sees it; needs the privilege score';

CREATE FUNCTION @extschema@.ad_pvalue(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue(text, VARIADIC "any") IS
'conformal p-value of a row under the active version of a named model; needs the privilege score';

-- For guards: NULL in place of errors that are the model's or the row's.

CREATE FUNCTION @extschema@.ad_try_score(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_try_score(bytea, VARIADIC "any") IS
'ad_score(), but NULL, and counted in ad_stat_models, in place of an error about the model (damaged, of a later release) or a row that does not fit it (number, types or names of features, a missing value that the model does not impute)';

CREATE FUNCTION @extschema@.ad_try_score(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_try_score(text, VARIADIC "any") IS
'the same under the active version of a named model; NULL, too, if there is none that the role may score with';

CREATE FUNCTION @extschema@.ad_try_pvalue(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_try_pvalue(bytea, VARIADIC "any") IS
'ad_pvalue(), but NULL, and counted in ad_stat_models, where ad_try_score() is, or if the model has no calibration rows';

CREATE FUNCTION @extschema@.ad_try_pvalue(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_try_pvalue(text, VARIADIC "any") IS
'the same under the active version of a named model; NULL, too, if there is none that the role may score with';

CREATE FUNCTION @extschema@.ad_pvalue_randomized(model text, u double precision, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_pvalue_randomized(text, double precision, VARIADIC "any") IS
'randomised conformal p-value of a row under the active version of a named model; needs the privilege score';

CREATE FUNCTION @extschema@.ad_is_anomaly(model text, VARIADIC "any")
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_is_anomaly(text, VARIADIC "any") IS
'whether a row is an anomaly under the active version of a named model; needs the privilege score';

CREATE FUNCTION @extschema@.ad_probability(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION @extschema@.ad_probability(text, VARIADIC "any") IS
'outlier probability of a row under the active version of a named model; needs the privilege score';

CREATE FUNCTION @extschema@.ad_threshold(model text, contamination double precision DEFAULT NULL)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_threshold(text, double precision) IS
'the score that a share of the training rows of the active version of a named model exceeds; needs the privilege score';

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
'what each feature contributes to a row''s score under the active version of a named model; needs the privilege score';

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
'the same with options: method ("shap", or "path": cheap, for forests) and top (number of features)';

CREATE FUNCTION @extschema@.ad_why(model text, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_why(text, VARIADIC "any") IS
'a sentence on what raises a row''s score most under the active version of a named model; needs the privilege score';

CREATE FUNCTION @extschema@.ad_info(model text)
RETURNS jsonb
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.ad_info(text) IS
'what the active version of a named model is, and how long its fit took and how much memory; needs the privilege read';

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
'the features of the active version of a named model, as ad_features(bytea) has them; needs the privilege read';

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
				USING ERRCODE = 'undefined_column', HINT = 'label names a column that says which rows are anomalies.';
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
'two versions of a model on the rows of a query: Spearman''s rank correlation of their scores, the share of the k strangest that is in both, ROC AUC and average precision by a label column, and how their features differ; needs the privilege read';
