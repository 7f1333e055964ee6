\echo Use "ALTER EXTENSION anomaly UPDATE TO '0.2.0'" to load this file. \quit

-- Nothing of 0.1.0 changes but what the new topics, which follow, say of it.

-- Specs: what of the rows is held out, and which share is anomalous.

CREATE FUNCTION ad_calibrate(
    share double precision DEFAULT 0.2,
    contamination double precision DEFAULT 0.1)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_calibrate(double precision, double precision) IS
'part of a spec: share of the sampled rows held out of the fit for p-values (0: none), and contamination that ad_is_anomaly() goes by; compose with ||';
-- What the planner is told of scores.

CREATE FUNCTION _ad_model_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_model_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_model_support(internal) IS
'planner support: costs and selectivities from a constant model';

ALTER FUNCTION ad_score(bytea, VARIADIC "any") SUPPORT _ad_model_support;
-- Decisions: what a score means.

CREATE FUNCTION ad_pvalue(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _ad_model_support;
COMMENT ON FUNCTION ad_pvalue(bytea, VARIADIC "any") IS
'conformal p-value of a row: (1 + calibration rows that score at least as high) / (calibration rows + 1); needs ad_calibrate() in the spec of the fit; NULL as ad_score()';

CREATE FUNCTION ad_is_anomaly(model bytea, VARIADIC "any")
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _ad_model_support;
COMMENT ON FUNCTION ad_is_anomaly(bytea, VARIADIC "any") IS
'whether a row scores above the threshold of the model''s contamination (ad_calibrate(contamination => …), 0.1 if not given); NULL as ad_score()';

CREATE FUNCTION ad_probability(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _ad_model_support;
COMMENT ON FUNCTION ad_probability(bytea, VARIADIC "any") IS
'outlier probability of a row, 0 to 1: Gaussian scaling of its score by the scores of the fit (Kriegel, Kröger, Schubert and Zimek 2011); NULL as ad_score()';

CREATE FUNCTION ad_threshold(model bytea, contamination double precision DEFAULT NULL)
RETURNS double precision
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ad_threshold(bytea, double precision) IS
'the score that a share of the training rows exceeds, 0 < contamination <= 0.5; NULL: the contamination of the model; NULL model: NULL';
-- Explanations: why a row scores what it scores.

CREATE FUNCTION ad_explain(
    model bytea,
    VARIADIC features "any",
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION ad_explain(bytea, VARIADIC "any") IS
'what each feature contributes to a row''s score, greatest first; contributions add up to the score less a baseline that is the same for all rows of a model; features as in ad_score(); NULL model, array or row: no rows';

CREATE FUNCTION ad_explain(
    model bytea,
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
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION ad_explain(bytea, jsonb, VARIADIC "any") IS
'the same with options: method ("shap", or "path": cheap, for forests) and top (number of features)';

CREATE FUNCTION ad_why(model bytea, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ad_why(bytea, VARIADIC "any") IS
'a sentence on what raises a row''s score most: up to three features with their values and what is usual; NULL model, array or row: NULL';
-- One call: fit to a query's rows and judge them.

CREATE FUNCTION ad_detect(
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
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION ad_detect(text, jsonb, double precision, text) IS
'fits a detector to the rows of a query and judges each of them; the query runs as the caller, read-only, twice under one snapshot; key: the column that tells rows apart and is no feature; NULL: every column is one; explanation: of anomalies, the five features that contribute most';

CREATE FUNCTION ad_detect(
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
COMMENT ON FUNCTION ad_detect(text, text, double precision, text) IS
'fits a detector, named or by the text of a spec, to the rows of a query and judges each of them; the query runs as the caller, read-only, twice under one snapshot; key: the column that tells rows apart and is no feature; NULL: every column is one; explanation: of anomalies, the five features that contribute most';
-- Detectors: several as one.

CREATE FUNCTION ad_ensemble(
    specs jsonb[],
    combine text DEFAULT 'mean')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION ad_ensemble(jsonb[], text) IS
'spec of several detectors fitted to the same sample and scored as one; combine: mean, max or median of their standardised scores, vote (share above their thresholds) or pvalue (mean of -ln p)';
-- Evaluation: curves as rows.

CREATE FUNCTION ad_roc_curve(
    scores double precision[],
    is_anomaly boolean[],
    points bigint DEFAULT NULL
)
RETURNS SETOF ad_roc_point
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION ad_roc_curve(double precision[], boolean[], bigint) IS
'ROC curve of two arrays as rows, thinned to at most that many points; one class only: no rows';

CREATE FUNCTION ad_pr_curve(
    scores double precision[],
    is_anomaly boolean[],
    points bigint DEFAULT NULL
)
RETURNS SETOF ad_pr_point
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION ad_pr_curve(double precision[], boolean[], bigint) IS
'precision-recall curve of two arrays as rows, thinned to at most that many points; one class only: no rows';
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

-- No foreign keys between them: pg_restore with several jobs loads the tables
-- in any order. The functions that write them lock the row of the name first.
CREATE TABLE _ad_model_name (
    name text COLLATE "C" CONSTRAINT _ad_model_name_pkey PRIMARY KEY,
    active integer CHECK (active > 0),
    last_version integer NOT NULL CHECK (last_version > 0),
    keep integer CHECK (keep > 0)
);
COMMENT ON TABLE _ad_model_name IS
'named models: the active version, the highest version given, how many to keep';

CREATE TABLE _ad_model_version (
    name text COLLATE "C" NOT NULL,
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
    name text COLLATE "C" NOT NULL,
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
    spec jsonb DEFAULT @extschema@.ad_iforest() OPERATOR(pg_catalog.||) @extschema@.ad_calibrate(),
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

-- Comparing.

CREATE FUNCTION _ad_query(query text, what text, OUT sql text, OUT columns text[], OUT types regtype[])
AS 'MODULE_PATHNAME', 'ad_query'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION _ad_query(text, text) IS
'a query without what follows it, for use as a subquery, and its columns; an error, which calls it what it is, unless it is one SELECT';

CREATE FUNCTION _ad_feature_changes(features1 jsonb, features2 jsonb)
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
COMMENT ON FUNCTION _ad_feature_changes(jsonb, jsonb) IS
'how the features of one version differ from those of another, in words; NULL: not at all';

-- No SET search_path here: the query means what it means to the caller. All
-- names and operators are qualified instead.
CREATE FUNCTION ad_compare(
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
	models bytea[] := ARRAY[@extschema@.ad_model($1, $2), @extschema@.ad_model($1, $3)];
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
	q := @extschema@._ad_query($4, 'query to compare on');
	IF $6 IS NOT NULL THEN
		IF NOT $6 OPERATOR(pg_catalog.=) ANY (q.columns) THEN
			RAISE EXCEPTION 'query to compare on has no column "%"', $6
				USING ERRCODE = 'undefined_column', HINT = 'label names a column that says which rows are anomalies.';
		END IF;
		metrics := '@extschema@.ad_roc_auc(s1, l), @extschema@.ad_roc_auc(s2, l), '
			'@extschema@.ad_average_precision(s1, l), @extschema@.ad_average_precision(s2, l)';
	END IF;

	FOR i IN 1..2 LOOP
		features[i] := (SELECT m.features FROM @extschema@.ad_models m
						WHERE m.name OPERATOR(pg_catalog.=) $1
							AND m.version OPERATOR(pg_catalog.=) (ARRAY[$2, $3])[i]);
		-- a row is matched by name; features without names came as one array
		given[i] := CASE WHEN features[i] OPERATOR(pg_catalog.->) 0 OPERATOR(pg_catalog.->>) 'name' IS NULL
			THEN (SELECT pg_catalog.format('t.%I', c) FROM pg_catalog.unnest(q.columns) c
				  WHERE c IS DISTINCT FROM $6 LIMIT 1) ELSE 't.*' END;
	END LOOP;
	feature_changes := @extschema@._ad_feature_changes(features[1], features[2]);

	EXECUTE pg_catalog.format($q$
SELECT pg_catalog.count(*), pg_catalog.corr(r1, r2),
       pg_catalog.count(*) FILTER (WHERE p1 OPERATOR(pg_catalog.<=) $3 AND p2 OPERATOR(pg_catalog.<=) $3)
           ::pg_catalog.float8 OPERATOR(pg_catalog./) NULLIF(LEAST($3, pg_catalog.count(*)), 0)::pg_catalog.float8,
       %s
FROM (SELECT s1, s2, l,
             -- mean ranks, but for a constant
             pg_catalog.rank() OVER (ORDER BY s1) OPERATOR(pg_catalog.+)
                 ((pg_catalog.count(*) OVER (PARTITION BY s1))::pg_catalog.float8 OPERATOR(pg_catalog./) 2) AS r1,
             pg_catalog.rank() OVER (ORDER BY s2) OPERATOR(pg_catalog.+)
                 ((pg_catalog.count(*) OVER (PARTITION BY s2))::pg_catalog.float8 OPERATOR(pg_catalog./) 2) AS r2,
             pg_catalog.row_number() OVER (ORDER BY s1 DESC, n) AS p1,
             pg_catalog.row_number() OVER (ORDER BY s2 DESC, n) AS p2
      FROM (SELECT @extschema@.ad_score($1, %s) AS s1, @extschema@.ad_score($2, %s) AS s2, %s AS l,
                   pg_catalog.row_number() OVER () AS n
            FROM (
%s
            ) t) scored) ranked$q$,
		metrics, given[1], given[2],
		CASE WHEN $6 IS NULL THEN 'NULL::pg_catalog.bool' ELSE pg_catalog.format('t.%I::pg_catalog.bool', $6) END,
		q.sql)
	INTO rows, rank_correlation, top_k_overlap, roc_auc1, roc_auc2, average_precision1, average_precision2
	USING models[1], models[2], $5;
	IF rows OPERATOR(pg_catalog.=) 0 THEN
		RAISE EXCEPTION 'query to compare on returned no rows' USING ERRCODE = 'invalid_parameter_value';
	END IF;
END $$;
COMMENT ON FUNCTION ad_compare(text, integer, integer, text, integer, text) IS
'two versions of a model on the rows of a query: Spearman''s rank correlation of their scores, the share of the k strangest that is in both, ROC AUC and average precision by a label column, and how their features differ; needs the privilege read';
-- Monitoring: statistics, progress, health. What needs shared memory says so.

CREATE FUNCTION _ad_preloaded()
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_preloaded'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _ad_preloaded() IS
'whether the library was loaded at server start';

CREATE FUNCTION _ad_stat_models(
    OUT database_id oid,
    OUT model text,
    OUT version integer,
    OUT digest text,
    OUT detector text,
    OUT calls bigint,
    OUT rows bigint,
    OUT anomalies bigint,
    OUT errors bigint,
    OUT total_ms double precision,
    OUT mean_ms double precision,
    OUT max_ms double precision,
    OUT p50_ms double precision,
    OUT p95_ms double precision,
    OUT p99_ms double precision,
    OUT score_mean double precision,
    OUT score_stddev double precision,
    OUT score_shift double precision,
    OUT first_used timestamptz,
    OUT last_used timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_stat_models'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION _ad_stat_models() IS
'the counts behind ad_stat_models, of the databases of the cluster';

CREATE VIEW ad_stat_models AS
SELECT d.datname AS database, s.model, s.version, s.digest, s.detector,
       s.calls, s.rows, s.anomalies, s.errors,
       s.total_ms, s.mean_ms, s.max_ms, s.p50_ms, s.p95_ms, s.p99_ms,
       s.score_mean, s.score_stddev, s.score_shift, s.first_used, s.last_used
FROM @extschema@._ad_stat_models() s
     LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.database_id;
COMMENT ON VIEW ad_stat_models IS
'scoring per database, model and version since the server started: calls (a call site of a query, in one process), rows, anomalies, errors, time, scores; one''s own and one''s models'', or with pg_monitor everybody''s; needs shared_preload_libraries';
COMMENT ON COLUMN ad_stat_models.score_shift IS 'how far the mean score is above that of the fit, in its standard deviations';
GRANT SELECT ON ad_stat_models TO PUBLIC;

CREATE FUNCTION ad_stat_reset()
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION ad_stat_reset() IS
'forget what ad_stat_models counted; for superusers and whom they grant it to';
REVOKE ALL ON FUNCTION ad_stat_reset() FROM PUBLIC;

CREATE FUNCTION _ad_progress(
    OUT pid integer,
    OUT database_id oid,
    OUT role_id oid,
    OUT kind text,
    OUT name text,
    OUT phase text,
    OUT rows_done bigint,
    OUT rows_expected bigint,
    OUT percent double precision,
    OUT started timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_progress_rows_running'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION _ad_progress() IS
'what runs, behind ad_progress';

CREATE VIEW ad_progress AS
SELECT p.pid, d.datname AS database, r.rolname AS role, p.kind, p.name, p.phase,
       p.rows_done, p.rows_expected,
       pg_catalog.round(p.percent::pg_catalog.numeric, 1) AS percent, p.started
FROM @extschema@._ad_progress() p
     LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) p.database_id
     LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) p.role_id;
COMMENT ON VIEW ad_progress IS
'every running fit, sketch, detection, training and job: phase, rows done, rows expected (the planner''s estimate); one''s own, or with pg_monitor everybody''s; needs shared_preload_libraries';
GRANT SELECT ON ad_progress TO PUBLIC;

CREATE FUNCTION _ad_progress_set(
    kind text,
    name text,
    phase text DEFAULT NULL,
    rows_done bigint DEFAULT NULL,
    rows_expected bigint DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_progress_set'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _ad_progress_set(text, text, text, bigint, bigint) IS
'show progress of this session in ad_progress until _ad_progress_end() or an abort; does nothing if the library is not preloaded';

CREATE FUNCTION _ad_progress_end(kind text, name text)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_progress_finish'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _ad_progress_end(text, text) IS
'no longer show what _ad_progress_set() showed';

CREATE FUNCTION _ad_health_status(value double precision, warning double precision, critical double precision)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN value >= critical THEN 'critical'
                WHEN value >= warning THEN 'warning'
                ELSE 'ok' END
$$;
COMMENT ON FUNCTION _ad_health_status(double precision, double precision, double precision) IS
'status of a value under two limits; NULL is ok';

CREATE FUNCTION _ad_health_scoring()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total record;
    worst record;
BEGIN
    IF NOT @extschema@._ad_preloaded() THEN
        "check" := 'statistics';
        status := 'warning';
        detail := 'The library was not loaded at server start: nothing is counted.';
        hint := 'Add anomaly to shared_preload_libraries and restart the server.';
        RETURN NEXT;
        RETURN;
    END IF;
    "check" := 'statistics';
    IF current_setting('anomaly.stat_models')::boolean THEN
        status := 'ok';
        detail := format('%s of %s entries in use.',
                         (SELECT count(*) FROM @extschema@._ad_stat_models()),
                         current_setting('anomaly.stat_models_max'));
        hint := NULL;
    ELSE
        status := 'warning';
        detail := 'Scoring is not counted.';
        hint := 'Set anomaly.stat_models to on.';
    END IF;
    RETURN NEXT;

    -- of this database: the model that fails most, and the slowest
    SELECT coalesce(sum(s.errors), 0) AS errors, coalesce(sum(s.calls), 0) AS calls
    INTO total
    FROM @extschema@.ad_stat_models s WHERE s.database = current_database();
    "check" := 'error rate';
    status := @extschema@._ad_health_status(
        CASE WHEN total.errors > 0 THEN total.errors / total.calls::float8 END,
        current_setting('anomaly.health_error_rate_warning')::float8,
        current_setting('anomaly.health_error_rate_critical')::float8);
    detail := format('%s of %s scoring calls failed.', total.errors, total.calls);
    hint := NULL;
    IF status <> 'ok' THEN
        SELECT coalesce(s.model, 'the model with digest ' || s.digest, 'a value or name that is no model') AS what, s.errors
        INTO worst
        FROM @extschema@.ad_stat_models s WHERE s.database = current_database()
        ORDER BY s.errors DESC, s.last_used DESC LIMIT 1;
        hint := format('Most failed with %s: see ad_stat_models, and the server''s log for the errors.', worst.what);
    END IF;
    RETURN NEXT;

    SELECT s.p95_ms, s.detector,
           coalesce(s.model, 'the model with digest ' || s.digest, 'a value or name that is no model') AS what
    INTO worst
    FROM @extschema@.ad_stat_models s
    WHERE s.database = current_database() AND s.p95_ms IS NOT NULL
    ORDER BY s.p95_ms DESC LIMIT 1;
    "check" := 'latency';
    status := @extschema@._ad_health_status(worst.p95_ms,
        extract(epoch FROM current_setting('anomaly.health_latency_warning')::interval)::float8 * 1000,
        extract(epoch FROM current_setting('anomaly.health_latency_critical')::interval)::float8 * 1000);
    IF worst.p95_ms IS NULL THEN
        detail := 'Nothing was scored yet.';
    ELSE
        detail := format('95 %% of the scoring calls took at most %s ms (the slowest: %s).',
                         round(worst.p95_ms::numeric, 3), worst.what);
    END IF;
    hint := CASE WHEN status <> 'ok' THEN
        format('A smaller model or another detector than %s scores faster; see ad_recommend.', worst.detector) END;
    RETURN NEXT;

    -- few scores, or chosen ones, say nothing about the rows
    SELECT s.score_shift, coalesce(s.model, 'the model with digest ' || s.digest) AS what
    INTO worst
    FROM @extschema@.ad_stat_models s
    WHERE s.database = current_database() AND s.rows >= 1000 AND s.score_shift IS NOT NULL
    ORDER BY abs(s.score_shift) DESC LIMIT 1;
    "check" := 'drift';
    status := @extschema@._ad_health_status(abs(worst.score_shift),
        current_setting('anomaly.health_score_shift_warning')::float8,
        current_setting('anomaly.health_score_shift_critical')::float8);
    IF worst.score_shift IS NULL THEN
        detail := 'No model scored 1000 rows yet.';
    ELSE
        detail := format('The mean score is within %s standard deviations of that of the fit (farthest: %s).',
                         round(abs(worst.score_shift)::numeric, 3), worst.what);
    END IF;
    hint := CASE WHEN status <> 'ok' THEN
        'Compare the rows of today with the model by ad_drift(); if they have changed, train it again.' END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION _ad_health_scoring() IS
'the checks of ad_health() over ad_stat_models';

CREATE FUNCTION _ad_health_models()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH oldest AS (
        SELECT m.name, extract(epoch FROM clock_timestamp() - m.trained_at)::float8 AS age
        FROM @extschema@.ad_models m WHERE m.active ORDER BY m.trained_at LIMIT 1
    ), judged AS (
        SELECT o.name, o.age, @extschema@._ad_health_status(o.age,
            extract(epoch FROM current_setting('anomaly.health_model_age_warning')::interval)::float8,
            extract(epoch FROM current_setting('anomaly.health_model_age_critical')::interval)::float8) AS status
        FROM (SELECT) one LEFT JOIN oldest o ON true
    )
    SELECT 'stale model', j.status,
           CASE WHEN j.name IS NULL THEN 'There is no active model.'
                ELSE format('The oldest active model, %s, was trained %s days ago.', j.name, round((j.age / 86400)::numeric, 1)) END,
           CASE WHEN j.status <> 'ok' THEN 'Train it again with ad_train(), or drop it with ad_drop_model().' END
    FROM judged j
$$;
COMMENT ON FUNCTION _ad_health_models() IS
'the checks of ad_health() over the named models that the user sees';

CREATE FUNCTION ad_drift(
    reference bytea,
    current bytea,
    options jsonb DEFAULT '{}',
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_drift_rows'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION ad_drift(bytea, bytea, jsonb) IS
'how the rows of a sketch differ from those of another sketch or of a model: a row a feature, one for the scores under the model, one over all (part is feature, score or overall) with a verdict: stable, moderate or significant';

CREATE FUNCTION ad_drift(
    reference text,
    current bytea,
    options jsonb DEFAULT '{}',
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 100000 ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM @extschema@.ad_drift(@extschema@.ad_model($1), $2, $3) $$;
COMMENT ON FUNCTION ad_drift(text, bytea, jsonb) IS
'the same for the active version of a named model; needs the privilege read';
-- Jobs and alerts: tables, who may see what, creating and changing jobs.
--
-- Nobody has rights on the tables. What belongs to a role is seen and
-- written through the views _ad_own_*, which show it what belongs to roles
-- that it has the rights of and refuse to write anything else; what was
-- granted is read through ad_jobs, ad_alert, ad_job_run and ad_labels. So all
-- that follows runs as whoever calls it. A job's query runs as its owner only.

-- No foreign keys between the tables: pg_restore with several jobs loads them
-- in any order. ad_drop_job() deletes what belongs to a job.
CREATE SEQUENCE _ad_job_id AS integer;
COMMENT ON SEQUENCE _ad_job_id IS 'numbers of jobs';

CREATE TABLE _ad_job (
    id integer CONSTRAINT _ad_job_pkey PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT _ad_job_name_key UNIQUE
        CHECK (octet_length(name) BETWEEN 1 AND 63),
    owner _ad_role NOT NULL,
    kind text NOT NULL CHECK (kind IN ('model', 'layering')),
    model text,
    source text NOT NULL,
    key_column text,
    watermark_column text NOT NULL,
    entity_column text,
    features text[],
    rule jsonb NOT NULL,
    batch_size integer NOT NULL CHECK (batch_size BETWEEN 1 AND 1000000),
    lag text NOT NULL,
    cooldown interval,
    limit_per_hour integer CHECK (limit_per_hour > 0),
    explain integer NOT NULL CHECK (explain >= 0),
    options jsonb,
    partition_by text[],
    order_by text,
    since text,
    search_path text NOT NULL,
    timezone text NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE _ad_job IS 'jobs as they were asked for';

-- at: a time (a timestamptz in UTC), no: an integer; one of the two
CREATE TABLE _ad_job_state (
    job_id integer CONSTRAINT _ad_job_state_pkey PRIMARY KEY,
    at timestamp,
    no bigint,
    failures integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE _ad_job_state IS 'how far jobs have come: the watermark, failures in a row';

CREATE TABLE _ad_job_seen (
    job_id integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    at timestamp,
    no bigint,
    CONSTRAINT _ad_job_seen_pkey PRIMARY KEY (job_id, key)
);
-- keys come and go with every batch
ALTER TABLE _ad_job_seen SET (autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE _ad_job_seen IS 'keys that a job has scored and that lie within its lag';

CREATE TABLE _ad_job_run (
    job_id integer NOT NULL,
    run integer NOT NULL,
    pid integer NOT NULL,
    started timestamptz NOT NULL,
    finished timestamptz,
    batches integer NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    alerts bigint NOT NULL DEFAULT 0,
    suppressed bigint NOT NULL DEFAULT 0,
    error text,
    error_code text,
    CONSTRAINT _ad_job_run_pkey PRIMARY KEY (job_id, run)
);
COMMENT ON TABLE _ad_job_run IS 'the log of runs';

CREATE TABLE _ad_alert (
    job_id integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    entity text,
    score double precision NOT NULL,
    p_value double precision,
    explanation jsonb,
    "row" jsonb NOT NULL,
    model_version integer,
    event_at timestamptz NOT NULL,
    scored_at timestamptz NOT NULL,
    CONSTRAINT _ad_alert_pkey PRIMARY KEY (job_id, key)
);
CREATE INDEX _ad_alert_event_at ON _ad_alert (job_id, event_at);
CREATE INDEX _ad_alert_entity ON _ad_alert (job_id, entity, event_at) WHERE entity IS NOT NULL;
CREATE INDEX _ad_alert_scored_at ON _ad_alert (job_id, scored_at);
COMMENT ON TABLE _ad_alert IS 'what jobs found, once a key';

CREATE TABLE _ad_label (
    job_id integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    is_anomaly boolean NOT NULL,
    "row" jsonb NOT NULL,
    note text,
    labelled_by text NOT NULL,
    labelled_at timestamptz NOT NULL,
    CONSTRAINT _ad_label_pkey PRIMARY KEY (job_id, key)
);
COMMENT ON TABLE _ad_label IS 'what people say of rows';

CREATE TABLE _ad_job_grant (
    job_id integer NOT NULL,
    role _ad_role NOT NULL,
    privilege text COLLATE "C" NOT NULL CHECK (privilege IN ('read', 'label')),
    CONSTRAINT _ad_job_grant_pkey PRIMARY KEY (job_id, role, privilege)
);
COMMENT ON TABLE _ad_job_grant IS 'who may see the alerts of a job, or label them';

CREATE TRIGGER _ad_job_grant_skip
BEFORE INSERT ON _ad_job_grant
FOR EACH ROW WHEN (NEW.role::oid = 4294967295::oid)
EXECUTE FUNCTION _ad_model_grant_skip();

-- The number is given here, so that nobody needs rights on the sequence.
CREATE FUNCTION _ad_job_number()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN NEW.id := nextval('@extschema@._ad_job_id'); RETURN NEW; END $$;
COMMENT ON FUNCTION _ad_job_number() IS 'gives a new job its number';

CREATE TRIGGER _ad_job_number
BEFORE INSERT ON _ad_job
FOR EACH ROW WHEN (NEW.id IS NULL OR NOT has_table_privilege('_ad_job'::regclass::oid, 'INSERT'))
EXECUTE FUNCTION _ad_job_number();

SELECT pg_catalog.pg_extension_config_dump('_ad_job_id', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_job', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_job_state', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_job_seen', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_job_run', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_alert', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_label', '');
SELECT pg_catalog.pg_extension_config_dump('_ad_job_grant', '');

REVOKE ALL ON SEQUENCE _ad_job_id FROM PUBLIC;
REVOKE ALL ON _ad_job, _ad_job_state, _ad_job_seen, _ad_job_run, _ad_alert, _ad_label, _ad_job_grant FROM PUBLIC;
DO $$
DECLARE
	dumper text := 'pg_database_owner';
BEGIN
	IF current_setting('server_version_num')::int < 140000 THEN
		SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) INTO dumper
		FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database();
	END IF;
	EXECUTE 'GRANT SELECT, UPDATE ON SEQUENCE @extschema@._ad_job_id TO ' || dumper;
	EXECUTE 'GRANT SELECT, INSERT ON @extschema@._ad_job, @extschema@._ad_job_state, @extschema@._ad_job_seen, '
		'@extschema@._ad_job_run, @extschema@._ad_alert, @extschema@._ad_label, @extschema@._ad_job_grant TO ' || dumper;
END $$;

-- What is one's own.

CREATE VIEW _ad_own_job WITH (security_barrier) AS
SELECT * FROM _ad_job WHERE pg_has_role(owner, 'USAGE')
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _ad_own_job IS 'jobs of roles that the current user has the rights of';

CREATE VIEW _ad_own_state WITH (security_barrier) AS
SELECT * FROM _ad_job_state WHERE job_id IN (SELECT id FROM _ad_job WHERE pg_has_role(owner, 'USAGE'))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _ad_own_state IS 'how far one''s own jobs have come';

CREATE VIEW _ad_own_seen WITH (security_barrier) AS
SELECT * FROM _ad_job_seen WHERE job_id IN (SELECT id FROM _ad_job WHERE pg_has_role(owner, 'USAGE'))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _ad_own_seen IS 'keys that one''s own jobs have scored and that lie within their lag';

CREATE VIEW _ad_own_run WITH (security_barrier) AS
SELECT * FROM _ad_job_run WHERE job_id IN (SELECT id FROM _ad_job WHERE pg_has_role(owner, 'USAGE'))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _ad_own_run IS 'runs of one''s own jobs';

CREATE VIEW _ad_own_alert WITH (security_barrier) AS
SELECT * FROM _ad_alert WHERE job_id IN (SELECT id FROM _ad_job WHERE pg_has_role(owner, 'USAGE'))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _ad_own_alert IS 'alerts of one''s own jobs';

CREATE VIEW _ad_own_grant WITH (security_barrier) AS
SELECT * FROM _ad_job_grant WHERE job_id IN (SELECT id FROM _ad_job WHERE pg_has_role(owner, 'USAGE'))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _ad_own_grant IS 'what is granted on one''s own jobs';

GRANT SELECT, INSERT, DELETE, UPDATE (owner, model, source, search_path, rule, entity_column, batch_size, lag, cooldown,
    limit_per_hour, explain, features, options) ON _ad_own_job TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON _ad_own_state, _ad_own_seen, _ad_own_run, _ad_own_alert,
    _ad_own_grant TO PUBLIC;

-- own: as above; label and read: granted
CREATE VIEW _ad_job_privilege WITH (security_barrier) AS
SELECT p.job_id, p.name, p.privilege
FROM (SELECT j.id AS job_id, j.name,
             CASE WHEN pg_has_role(j.owner, 'USAGE') THEN 'own'
                  ELSE (SELECT min(g.privilege) FROM _ad_job_grant g
                        WHERE g.job_id = j.id AND (g.role::oid = 0::oid OR pg_has_role(g.role, 'USAGE'))) END AS privilege
      FROM _ad_job j) p
WHERE p.privilege IS NOT NULL;
COMMENT ON VIEW _ad_job_privilege IS
'the most the current user may do with each job: read, label, own';
GRANT SELECT ON _ad_job_privilege TO PUBLIC;

-- By whom it was labelled cannot be made up.
CREATE VIEW _ad_may_label WITH (security_barrier) AS
SELECT * FROM _ad_label
WHERE labelled_by = current_user
  AND job_id IN (SELECT p.job_id FROM _ad_job_privilege p WHERE p.privilege IN ('label', 'own'))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _ad_may_label IS 'one''s own labels of jobs that one may label';
CREATE VIEW _ad_label_of_job WITH (security_barrier) AS
SELECT job_id, key FROM _ad_label
WHERE job_id IN (SELECT p.job_id FROM _ad_job_privilege p WHERE p.privilege IN ('label', 'own'));
COMMENT ON VIEW _ad_label_of_job IS 'labels, to be taken back, of jobs that one may label';
GRANT SELECT, INSERT, DELETE ON _ad_may_label TO PUBLIC;
GRANT SELECT, DELETE ON _ad_label_of_job TO PUBLIC;

-- What may be seen.

CREATE VIEW ad_jobs WITH (security_barrier) AS
SELECT j.name, j.owner::text AS owner, j.kind, j.model, j.rule, j.entity_column AS entity,
       CASE WHEN p.privilege = 'own' THEN j.source END AS source,
       j.key_column AS key, j.watermark_column AS watermark_column, j.batch_size, j.lag, j.cooldown, j.limit_per_hour,
       j.explain, j.features, j.options, j.created_at, p.privilege,
       coalesce(s.at::text, s.no::text) AS watermark, s.failures,
       r.started AS last_started, r.finished AS last_finished, r.error AS last_error
FROM _ad_job j
     JOIN _ad_job_privilege p ON p.job_id = j.id
     JOIN _ad_job_state s ON s.job_id = j.id
     LEFT JOIN LATERAL (SELECT * FROM _ad_job_run r WHERE r.job_id = j.id ORDER BY r.run DESC LIMIT 1) r ON true;
COMMENT ON VIEW ad_jobs IS 'the jobs that the current user may see, and how far they have come';
COMMENT ON COLUMN ad_jobs.source IS 'the query; NULL to others than the owner';
COMMENT ON COLUMN ad_jobs.watermark IS 'how far it has come: a time (timestamptz in UTC) or an integer';
COMMENT ON COLUMN ad_jobs.failures IS 'how many runs have failed since the last that did not';

CREATE VIEW ad_alert WITH (security_barrier) AS
SELECT j.name AS job, a.key, a.entity, a.score, a.p_value, a.explanation, a."row", a.model_version, a.event_at, a.scored_at,
       l.is_anomaly AS label
FROM _ad_alert a
     JOIN _ad_job j ON j.id = a.job_id
     LEFT JOIN _ad_label l ON l.job_id = a.job_id AND l.key = a.key
WHERE a.job_id IN (SELECT p.job_id FROM _ad_job_privilege p);
COMMENT ON VIEW ad_alert IS 'the alerts of the jobs that the current user may see';
COMMENT ON COLUMN ad_alert.explanation IS 'the features that contribute most to the score, greatest first';
COMMENT ON COLUMN ad_alert."row" IS 'the row of the job''s source, as it was scored';
COMMENT ON COLUMN ad_alert.event_at IS 'the row''s watermark as a time; for an integer watermark the time of scoring';
COMMENT ON COLUMN ad_alert.label IS 'what ad_label() said of it';

CREATE VIEW ad_job_run WITH (security_barrier) AS
SELECT j.name AS job, r.run, r.started, r.finished, r.batches, r.rows, r.alerts, r.suppressed,
       CASE WHEN r.error IS NOT NULL THEN 'failed' WHEN r.finished IS NULL THEN 'unfinished' ELSE 'ok' END AS status,
       r.error, r.error_code, r.pid
FROM _ad_job_run r JOIN _ad_job j ON j.id = r.job_id
WHERE r.job_id IN (SELECT p.job_id FROM _ad_job_privilege p);
COMMENT ON VIEW ad_job_run IS 'the runs, of the last 30 days, of the jobs that the current user may see';
COMMENT ON COLUMN ad_job_run.suppressed IS 'alerts not written because of cooldown or limit_per_hour';
COMMENT ON COLUMN ad_job_run.status IS 'ok, failed, or unfinished: it runs, or ended with its server process or between two batches';

CREATE VIEW ad_labels WITH (security_barrier) AS
SELECT j.name AS job, l.key, l.is_anomaly, l."row", l.note, l.labelled_by, l.labelled_at
FROM _ad_label l JOIN _ad_job j ON j.id = l.job_id
WHERE l.job_id IN (SELECT p.job_id FROM _ad_job_privilege p);
COMMENT ON VIEW ad_labels IS 'the labels of the jobs that the current user may see';

CREATE VIEW ad_job_stats WITH (security_barrier) AS
SELECT j.name AS job, r.runs, r.failed_runs, r.rows, a.alerts, r.suppressed, a.labelled, a.confirmed,
       a.confirmed::double precision / nullif(a.labelled, 0) AS "precision",
       l.missed, a.mean_time_to_alert, a.max_time_to_alert, a.last_alert
FROM _ad_job j
     CROSS JOIN LATERAL (SELECT count(*) AS runs, count(r.error) AS failed_runs, coalesce(sum(r.rows), 0) AS rows,
                                coalesce(sum(r.suppressed), 0) AS suppressed
                         FROM _ad_job_run r WHERE r.job_id = j.id) r
     CROSS JOIN LATERAL (SELECT count(*) AS alerts, count(b.is_anomaly) AS labelled,
                                count(*) FILTER (WHERE b.is_anomaly) AS confirmed,
                                avg(a.scored_at - a.event_at) AS mean_time_to_alert,
                                max(a.scored_at - a.event_at) AS max_time_to_alert, max(a.scored_at) AS last_alert
                         FROM _ad_alert a LEFT JOIN _ad_label b ON b.job_id = a.job_id AND b.key = a.key
                         WHERE a.job_id = j.id) a
     CROSS JOIN LATERAL (SELECT count(*) AS missed FROM _ad_label l
                         WHERE l.job_id = j.id AND l.is_anomaly
                           AND NOT EXISTS (SELECT FROM _ad_alert a WHERE a.job_id = j.id AND a.key = l.key)) l
WHERE j.id IN (SELECT p.job_id FROM _ad_job_privilege p);
COMMENT ON VIEW ad_job_stats IS
'what became of each job: runs and rows of the last 30 days, alerts, how many of the labelled ones were confirmed, anomalies it missed, time from event to alert';
GRANT SELECT ON ad_jobs, ad_alert, ad_job_run, ad_labels, ad_job_stats TO PUBLIC;

-- Creating and changing.

CREATE FUNCTION _ad_job_get(name text)
RETURNS _ad_own_job
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j @extschema@._ad_own_job;
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'name of the job cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT * INTO j FROM @extschema@._ad_own_job o WHERE o.name = $1;
	IF j.id IS NULL THEN
		IF EXISTS (SELECT FROM @extschema@.ad_jobs o WHERE o.name = $1) THEN
			RAISE EXCEPTION 'permission denied for job "%"', $1
				USING ERRCODE = 'insufficient_privilege', DETAIL = 'Only its owner may do that.';
		END IF;
		RAISE EXCEPTION 'job "%" does not exist', $1 USING ERRCODE = 'undefined_object';
	END IF;
	RETURN j;
END $$;
COMMENT ON FUNCTION _ad_job_get(text) IS 'a job of one''s own; an error if there is none of that name';

CREATE FUNCTION _ad_job_source(source text, search_path text, OUT sql text, OUT columns text[], OUT types regtype[], OUT relation regclass)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	given text := $1;
BEGIN
	-- one name, perhaps with a schema, is a table
	IF given ~ '^\s*([[:alpha:]_][[:alnum:]_$]*|"([^"]|"")+")(\.([[:alpha:]_][[:alnum:]_$]*|"([^"]|"")+"))?\s*$' THEN
		PERFORM set_config('search_path', $2, true);
		relation := to_regclass(given);
		PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
		IF relation IS NULL THEN
			RAISE EXCEPTION 'relation "%" does not exist', btrim(given)
				USING ERRCODE = 'undefined_table', HINT = 'source is a table, a view, or a query.';
		END IF;
		given := format('SELECT * FROM %s', relation);
	END IF;
	PERFORM set_config('search_path', $2, true);
	SELECT q.sql, q.columns, q.types INTO sql, columns, types FROM @extschema@._ad_query(given, 'source') q;
	PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _ad_job_source(text, text) IS
'a job''s source as a query, with its columns, read with a search path; relation: if it is one';

CREATE FUNCTION _ad_job_column(columns text[], types regtype[], name text, what text)
RETURNS regtype
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $3 IS NULL THEN
		RAISE EXCEPTION '% cannot be NULL', $4 USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF $3 <> ALL ($1) THEN
		RAISE EXCEPTION 'source has no column "%"', $3
			USING ERRCODE = 'undefined_column', DETAIL = format('It is the %s column.', $4);
	END IF;
	IF array_length(array_positions($1, $3), 1) > 1 THEN
		RAISE EXCEPTION 'source has two columns "%"', $3
			USING ERRCODE = 'duplicate_column', HINT = 'Name them with AS.';
	END IF;
	RETURN $2[array_position($1, $3)];
END $$;
COMMENT ON FUNCTION _ad_job_column(text[], regtype[], text, text) IS
'type of a column of a job''s source; an error if it is not there';

CREATE FUNCTION _ad_job_watermark_kind(type regtype)
RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN
		RETURN 'at';
	ELSIF $1 IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN
		RETURN 'no';
	END IF;
	RAISE EXCEPTION 'watermark has type %', $1
		USING ERRCODE = 'datatype_mismatch', HINT = 'It is a timestamptz, timestamp, date, bigint, integer or smallint that grows.';
END $$;
COMMENT ON FUNCTION _ad_job_watermark_kind(regtype) IS 'at for a type of time, no for an integer; an error for others';

-- What is wrong with a job is said when it is made.
CREATE FUNCTION _ad_job_check(j _ad_own_job)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	q record;
	kind text;
	rule_name text;
	rule_value numeric;
	m record;
	missing text;
	n bigint;
BEGIN
	IF j.name = '' OR octet_length(j.name) > 63 THEN
		RAISE EXCEPTION 'name of a job has % bytes, allowed are 1 to 63', octet_length(j.name)
			USING ERRCODE = CASE WHEN j.name = '' THEN 'invalid_name' ELSE 'name_too_long' END;
	END IF;
	IF j.batch_size IS NULL OR j.batch_size NOT BETWEEN 1 AND 1000000 THEN
		RAISE EXCEPTION 'batch_size is %, must be 1 to 1000000', coalesce(j.batch_size::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF j.limit_per_hour < 1 THEN
		RAISE EXCEPTION 'limit_per_hour is %, must be at least 1', j.limit_per_hour USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF j.cooldown <= interval '0' THEN
		RAISE EXCEPTION 'cooldown is %, must be more than 0', j.cooldown USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF j.cooldown IS NOT NULL AND j.entity_column IS NULL AND j.kind = 'model' THEN
		RAISE EXCEPTION 'cooldown needs an entity column'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is the time in which an entity causes at most one alert.';
	END IF;
	IF j.explain IS NULL OR j.explain < 0 THEN
		RAISE EXCEPTION 'explain is %, must be at least 0', coalesce(j.explain::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- the rule
	IF jsonb_typeof(j.rule) IS DISTINCT FROM 'object' OR (SELECT count(*) FROM jsonb_object_keys(j.rule)) <> 1 THEN
		RAISE EXCEPTION 'rule is %, must be an object with one member', coalesce(j.rule::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is {"p_value": 0.001}, {"fdr": 0.05} or {"score": 0.7}.';
	END IF;
	SELECT key, CASE WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::numeric END
	INTO rule_name, rule_value FROM jsonb_each(j.rule);
	IF rule_name NOT IN ('p_value', 'fdr', 'score') OR rule_value IS NULL THEN
		RAISE EXCEPTION 'rule is %, must have a number "p_value", "fdr" or "score"', j.rule
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF rule_name <> 'score' AND (rule_value <= 0 OR rule_value >= 1) THEN
		RAISE EXCEPTION 'rule "%" is %, must be more than 0 and less than 1', rule_name, rule_value
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- the source
	SELECT * INTO q FROM @extschema@._ad_job_source(j.source, j.search_path);
	kind := @extschema@._ad_job_watermark_kind(@extschema@._ad_job_column(q.columns, q.types, j.watermark_column, 'watermark'));
	PERFORM @extschema@._ad_job_lag(j.lag, kind);
	PERFORM @extschema@._ad_job_since(j, kind);
	IF j.kind = 'layering' THEN
		IF rule_name <> 'score' THEN
			RAISE EXCEPTION 'rule is %, must be on the score', j.rule
				USING ERRCODE = 'invalid_parameter_value', HINT = 'The score of layering is its severity, 0 to 100: {"score": 50}.';
		END IF;
		PERFORM @extschema@._ad_job_layering_check(j, q.sql, q.columns, q.types);
		RETURN;
	END IF;
	PERFORM @extschema@._ad_job_column(q.columns, q.types, j.key_column, 'key');
	IF j.entity_column IS NOT NULL THEN
		PERFORM @extschema@._ad_job_column(q.columns, q.types, j.entity_column, 'entity');
	END IF;

	-- the model
	IF j.model IS NULL THEN
		RAISE EXCEPTION 'model cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT * INTO m FROM @extschema@.ad_models o WHERE o.name = j.model AND o.active;
	IF m.name IS NULL THEN
		PERFORM @extschema@.ad_threshold(j.model);	-- says whether it is missing or denied
		RAISE EXCEPTION 'model "%" has no active version', j.model USING ERRCODE = 'undefined_object';
	END IF;
	IF j.features IS NULL THEN
		IF m.features -> 0 ->> 'name' IS NULL THEN
			RAISE EXCEPTION 'features of model "%" have no names', j.model
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Say which columns they are: features => ARRAY[''a'', ''b''].';
		END IF;
		SELECT string_agg(format('"%s"', f ->> 'name'), ', ') INTO missing
		FROM jsonb_array_elements(m.features) f WHERE f ->> 'name' <> ALL (q.columns);
		IF missing IS NOT NULL THEN
			RAISE EXCEPTION 'source lacks features of model "%"', j.model
				USING ERRCODE = 'undefined_column', DETAIL = format('It has no column %s.', missing),
				HINT = 'Use a query that gives them the names they had in training, or say which columns they are: features => ARRAY[''a'', ''b''].';
		END IF;
	ELSE
		PERFORM @extschema@._ad_job_column(q.columns, q.types, f, 'feature') FROM unnest(j.features) f;
	END IF;
	IF rule_name <> 'score' THEN
		IF m.spec -> 'calibrate' IS NULL THEN
			RAISE EXCEPTION 'model "%" is not calibrated, so it has no p-values', j.model
				USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Train it with ad_calibrate() in its spec, or use a rule on the score: {"score": 0.7}.';
		END IF;
		-- the least p-value that there is
		IF m.privilege IN ('read', 'own') THEN
			n := (@extschema@.ad_info(j.model) #>> '{calibration,rows}')::bigint;
			IF rule_name = 'p_value' AND 1.0 / (n + 1) > rule_value THEN
				RAISE EXCEPTION 'no p-value of model "%" is as low as %', j.model, rule_value
					USING ERRCODE = 'invalid_parameter_value',
					DETAIL = format('It is calibrated on %s rows, so the least is 1/%s.', n, n + 1),
					HINT = 'Train it on more rows, with a greater share in ad_calibrate(), or ask for less.';
			END IF;
		END IF;
	END IF;
END $$;
COMMENT ON FUNCTION _ad_job_check(_ad_own_job) IS 'an error if a job cannot work';

CREATE FUNCTION _ad_job_lag(lag text, kind text, OUT at interval, OUT no bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'lag cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	BEGIN
		IF $2 = 'at' THEN
			at := $1::interval;
		ELSE
			no := $1::bigint;
		END IF;
	EXCEPTION WHEN data_exception THEN
		RAISE EXCEPTION 'lag is "%"', $1
			USING ERRCODE = 'invalid_parameter_value',
			DETAIL = CASE $2 WHEN 'at' THEN 'For a watermark that is a time it is an interval.'
					 ELSE 'For a watermark that is an integer it is an integer.' END;
	END;
	IF at < interval '0' OR no < 0 THEN
		RAISE EXCEPTION 'lag is %, cannot be negative', $1 USING ERRCODE = 'invalid_parameter_value';
	END IF;
END $$;
COMMENT ON FUNCTION _ad_job_lag(text, text) IS 'a lag, of the kind of the watermark';

CREATE FUNCTION _ad_job_since(j _ad_own_job, kind text, OUT at timestamp, OUT no bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
	type regtype;
BEGIN
	IF j.since IS NULL THEN
		RETURN;
	END IF;
	type := (SELECT @extschema@._ad_job_column(q.columns, q.types, j.watermark_column, 'watermark')
			 FROM @extschema@._ad_job_source(j.source, j.search_path) q);
	PERFORM set_config('timezone', j.timezone, true);
	IF $2 = 'no' THEN
		no := j.since::bigint;
	ELSIF type = 'timestamptz'::regtype THEN
		at := timezone('UTC', j.since::timestamptz);
	ELSE
		at := j.since::timestamp;
	END IF;
EXCEPTION WHEN data_exception THEN
	RAISE EXCEPTION 'since is "%", must be a value of type %', j.since, type USING ERRCODE = 'invalid_parameter_value';
END $$;
COMMENT ON FUNCTION _ad_job_since(_ad_own_job, text) IS 'where a job begins; NULL: with the first row';

CREATE FUNCTION _ad_job_store(j _ad_own_job)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number integer;
BEGIN
	IF j.name IS NULL THEN
		RAISE EXCEPTION 'name cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF j.source IS NULL THEN
		RAISE EXCEPTION 'source cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	j.owner := current_user::text::@extschema@._ad_role;
	j.created_at := clock_timestamp();
	j.timezone := current_setting('timezone');
	-- "now" is now, not the time of the first run
	IF lower(btrim(j.since)) = 'now' THEN
		j.since := clock_timestamp()::text;
	END IF;
	PERFORM @extschema@._ad_job_check(j);
	BEGIN
		INSERT INTO @extschema@._ad_own_job SELECT j.* RETURNING id INTO number;
	EXCEPTION WHEN unique_violation THEN
		RAISE EXCEPTION 'job "%" already exists', j.name USING ERRCODE = 'duplicate_object';
	END;
	INSERT INTO @extschema@._ad_own_state (job_id) VALUES (number);
END $$;
COMMENT ON FUNCTION _ad_job_store(_ad_own_job) IS 'stores a new job, if it can work';

-- No SET search_path: the source means what it means to the caller.
CREATE FUNCTION ad_create_job(
    name text,
    model text,
    source text,
    key text,
    watermark text,
    rule jsonb DEFAULT '{"p_value": 0.001}',
    entity text DEFAULT NULL,
    batch_size integer DEFAULT 10000,
    lag text DEFAULT NULL,
    cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL,
    explain integer DEFAULT 3,
    since text DEFAULT NULL,
    features text[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	j @extschema@._ad_own_job;
BEGIN
	j.name := $1;
	j.kind := 'model';
	j.model := $2;
	j.source := $3;
	j.key_column := $4;
	j.watermark_column := $5;
	j.rule := $6;
	j.entity_column := $7;
	j.batch_size := $8;
	j.lag := $9;
	j.cooldown := $10;
	j.limit_per_hour := $11;
	j.explain := $12;
	j.since := $13;
	j.features := $14;
	j.search_path := pg_catalog.current_setting('search_path');
	PERFORM @extschema@._ad_job_store(@extschema@._ad_job_defaults(j));
END $$;
COMMENT ON FUNCTION ad_create_job(text, text, text, text, text, jsonb, text, integer, text, interval, integer, integer, text, text[]) IS
'makes a job that scores new rows of a table, view or query by a named model and writes alerts; the rule is {"p_value": p}, {"fdr": q} or {"score": s}';

CREATE FUNCTION _ad_job_defaults(j _ad_own_job)
RETURNS _ad_own_job
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	q record;
BEGIN
	IF j.lag IS NULL AND j.source IS NOT NULL THEN
		SELECT * INTO q FROM @extschema@._ad_job_source(j.source, j.search_path);
		j.lag := CASE @extschema@._ad_job_watermark_kind(
			@extschema@._ad_job_column(q.columns, q.types, j.watermark_column, 'watermark'))
			WHEN 'at' THEN '5 minutes' ELSE '1000' END;
	END IF;
	RETURN j;
END $$;
COMMENT ON FUNCTION _ad_job_defaults(_ad_own_job) IS 'a job with the defaults that depend on its source and model';

CREATE FUNCTION ad_alter_job(name text, changes jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	PERFORM @extschema@._ad_job_alter($1, $2, pg_catalog.current_setting('search_path'));
END $$;
COMMENT ON FUNCTION ad_alter_job(text, jsonb) IS
'changes a job: an object with any of owner, model, source, rule, entity, batch_size, lag, cooldown, limit_per_hour, explain, features, options';

CREATE FUNCTION _ad_job_alter(name text, changes jsonb, search_path text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j @extschema@._ad_own_job;
	c record;
BEGIN
	j := @extschema@._ad_job_get($1);
	IF jsonb_typeof($2) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'changes of job "%" must be an object', $1 USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOR c IN SELECT key, value, value #>> '{}' AS text FROM jsonb_each($2) LOOP
		CASE c.key
			WHEN 'owner' THEN
				IF to_regrole(quote_ident(c.text)) IS NULL THEN
					RAISE EXCEPTION 'role "%" does not exist', c.text USING ERRCODE = 'undefined_object';
				END IF;
				IF NOT pg_has_role(to_regrole(quote_ident(c.text)), 'MEMBER') THEN
					RAISE EXCEPTION 'must be member of role "%"', c.text USING ERRCODE = 'insufficient_privilege';
				END IF;
				j.owner := c.text::@extschema@._ad_role;
			WHEN 'model' THEN j.model := c.text;
			WHEN 'source' THEN
				j.source := c.text;
				j.search_path := $3;
			WHEN 'rule' THEN j.rule := c.value;
			WHEN 'entity' THEN j.entity_column := c.text;
			WHEN 'batch_size' THEN j.batch_size := c.text;
			WHEN 'lag' THEN j.lag := c.text;
			WHEN 'cooldown' THEN j.cooldown := c.text;
			WHEN 'limit_per_hour' THEN j.limit_per_hour := c.text;
			WHEN 'explain' THEN j.explain := c.text;
			WHEN 'features' THEN
				j.features := CASE WHEN jsonb_typeof(c.value) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(c.value)) END;
			WHEN 'options' THEN j.options := c.value;
			ELSE
				RAISE EXCEPTION 'a job has no "%" that could be changed', c.key
					USING ERRCODE = 'invalid_parameter_value',
					HINT = 'There are owner, model, source, rule, entity, batch_size, lag, cooldown, limit_per_hour, explain, features and options.';
		END CASE;
	END LOOP;
	PERFORM @extschema@._ad_job_check(j);
	UPDATE @extschema@._ad_own_job o
	SET owner = j.owner, model = j.model, source = j.source, search_path = j.search_path, rule = j.rule,
		entity_column = j.entity_column, batch_size = j.batch_size, lag = j.lag, cooldown = j.cooldown,
		limit_per_hour = j.limit_per_hour, explain = j.explain, features = j.features, options = j.options
	WHERE o.id = j.id;
END $$;
COMMENT ON FUNCTION _ad_job_alter(text, jsonb, text) IS 'ad_alter_job() with the search path of its caller';

CREATE FUNCTION ad_drop_job(name text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j @extschema@._ad_own_job;
	n bigint;
BEGIN
	j := @extschema@._ad_job_get($1);
	PERFORM @extschema@._ad_job_unschedule(j.name);
	-- this waits for a batch that is being done, after which there are no more
	DELETE FROM @extschema@._ad_own_state o WHERE o.job_id = j.id;
	DELETE FROM @extschema@._ad_own_seen o WHERE o.job_id = j.id;
	DELETE FROM @extschema@._ad_own_run o WHERE o.job_id = j.id;
	DELETE FROM @extschema@._ad_own_alert o WHERE o.job_id = j.id;
	GET DIAGNOSTICS n = ROW_COUNT;
	DELETE FROM @extschema@._ad_label_of_job o WHERE o.job_id = j.id;
	DELETE FROM @extschema@._ad_own_grant o WHERE o.job_id = j.id;
	DELETE FROM @extschema@._ad_own_job o WHERE o.id = j.id;
	RETURN n;
END $$;
COMMENT ON FUNCTION ad_drop_job(text) IS
'drops a job with its alerts, labels, grants and log, and its schedule; returns how many alerts are gone';

CREATE FUNCTION ad_purge_job(name text, before timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j @extschema@._ad_own_job;
	n bigint;
BEGIN
	j := @extschema@._ad_job_get($1);
	DELETE FROM @extschema@._ad_own_alert a WHERE a.job_id = j.id AND a.scored_at < $2;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END $$;
COMMENT ON FUNCTION ad_purge_job(text, timestamptz) IS
'deletes the alerts that a job wrote before a time; labels stay; returns how many are gone';

CREATE FUNCTION _ad_job_grant(name text, role text, privilege text)
RETURNS _ad_own_grant
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	g @extschema@._ad_own_grant;
BEGIN
	g.job_id := (@extschema@._ad_job_get($1)).id;
	IF $3 NOT IN ('read', 'label') THEN
		RAISE EXCEPTION 'privilege is "%", must be "read" or "label"', $3 USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $2 <> 'public' AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = $2) THEN
		RAISE EXCEPTION 'role "%" does not exist', $2 USING ERRCODE = 'undefined_object';
	END IF;
	g.role := $2::@extschema@._ad_role;
	g.privilege := $3;
	RETURN g;
END $$;
COMMENT ON FUNCTION _ad_job_grant(text, text, text) IS 'what is to be granted or revoked, if it can be';

CREATE FUNCTION ad_grant_job(name text, role text, privilege text DEFAULT 'read')
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	g @extschema@._ad_own_grant;
BEGIN
	g := @extschema@._ad_job_grant($1, $2, $3);
	INSERT INTO @extschema@._ad_own_grant SELECT g.* ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION ad_grant_job(text, text, text) IS
'lets a role, or public, see the alerts and the log of a job (read), or also label its alerts (label)';

CREATE FUNCTION ad_revoke_job(name text, role text, privilege text DEFAULT 'read')
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	g @extschema@._ad_own_grant;
BEGIN
	g := @extschema@._ad_job_grant($1, $2, $3);
	DELETE FROM @extschema@._ad_own_grant o
	WHERE o.job_id = g.job_id AND o.role::oid = g.role::oid AND o.privilege = g.privilege;
END $$;
COMMENT ON FUNCTION ad_revoke_job(text, text, text) IS 'takes a privilege on a job away from a role, as it was granted';
-- Jobs and alerts: running.
--
-- A run is a procedure that commits after every batch. A procedure that
-- commits can have no search_path of its own, so it only calls functions that
-- have one, and everything in it is qualified.
--
-- Watermark and lag. A batch takes the first batch_size rows, in the order of
-- (watermark, key), whose watermark is at least that of the job less the lag
-- and whose keys are not among those already scored there (_ad_job_seen). The
-- same transaction writes the alerts, remembers the keys that will still be
-- within the lag, forgets those that no longer are, and moves the watermark.
-- So rows of one watermark may fall into several batches, a row that comes
-- late is found, and nothing is scored twice; what a crash takes back, it
-- takes back together. A time never moves the watermark past the clock: one
-- row dated 2099 is scored, and does not hide what comes after it.

CREATE FUNCTION _ad_job_lock(id integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_job_lock'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _ad_job_lock(integer) IS
'takes the lock of a job of one''s own for this session, until _ad_job_unlock() or a transaction that fails; false if it is taken';

CREATE FUNCTION _ad_job_unlock()
RETURNS void
AS 'MODULE_PATHNAME', 'ad_job_unlock'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _ad_job_unlock() IS 'lets go of the lock of a job, if this session has one';

CREATE FUNCTION _ad_job_begin(name text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j @extschema@._ad_own_job;
	holder integer;
	number integer;
BEGIN
	j := @extschema@._ad_job_get($1);
	-- the query is the owner's: it must not run with the rights of others
	IF j.owner::oid <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'job "%" is run by its owner only', j.name
			USING ERRCODE = 'insufficient_privilege',
			DETAIL = format('It belongs to role "%s", the current user is "%s".', j.owner, current_user),
			HINT = 'SET ROLE, or let ad_alter_job() give it another owner.';
	END IF;
	IF NOT @extschema@._ad_job_lock(j.id) THEN
		SELECT l.pid INTO holder FROM pg_locks l
		WHERE l.locktype = 'object' AND l.classid = '@extschema@._ad_job'::regclass AND l.objid = j.id::oid AND l.granted
			AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
		RAISE NOTICE 'job "%" is already running', j.name
			USING DETAIL = coalesce(format('It runs in the server process with PID %s.', holder), '');
		RETURN NULL;
	END IF;
	UPDATE @extschema@._ad_own_run r
	SET finished = clock_timestamp(), error = 'the server process ended', error_code = '57P01'
	WHERE r.job_id = j.id AND r.finished IS NULL;
	DELETE FROM @extschema@._ad_own_run r WHERE r.job_id = j.id AND r.started < clock_timestamp() - interval '30 days';
	SELECT coalesce(max(r.run), 0) + 1 INTO number FROM @extschema@._ad_own_run r WHERE r.job_id = j.id;
	INSERT INTO @extschema@._ad_own_run (job_id, run, pid, started)
	VALUES (j.id, number, pg_backend_pid(), clock_timestamp());
	RETURN jsonb_build_object('id', j.id, 'run', number);
END $$;
COMMENT ON FUNCTION _ad_job_begin(text) IS
'locks a job for this session and begins a line of its log; NULL if it is running';

CREATE FUNCTION _ad_job_end(id integer, run integer, error_code text, error text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
UPDATE @extschema@._ad_own_run r SET finished = clock_timestamp(), error_code = $3, error = $4
WHERE r.job_id = $1 AND r.run = $2;
UPDATE @extschema@._ad_own_state s SET failures = CASE WHEN $3 IS NULL THEN 0 ELSE s.failures + 1 END
WHERE s.job_id = $1;
SELECT @extschema@._ad_progress_end('job', j.name) FROM @extschema@._ad_own_job j WHERE j.id = $1
$$;
COMMENT ON FUNCTION _ad_job_end(integer, integer, text, text) IS 'ends the line of a run in the log';

CREATE FUNCTION _ad_job_alerts(j _ad_own_job, run integer, rows bigint, hits jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	h record;
	now timestamptz := clock_timestamp();
	written bigint := 0;
	held bigint := 0;
BEGIN
	FOR h IN
		SELECT e ->> 'key' AS key, e ->> 'entity' AS entity, (e ->> 'score')::double precision AS score,
			(e ->> 'p_value')::double precision AS p_value, nullif(e -> 'explanation', 'null') AS explanation,
			e -> 'row' AS "row", (e ->> 'version')::integer AS version, coalesce((e ->> 'at')::timestamptz, now) AS at
		FROM jsonb_array_elements($4) WITH ORDINALITY x(e, i) ORDER BY x.i
	LOOP
		IF EXISTS (SELECT FROM @extschema@._ad_own_alert a WHERE a.job_id = j.id AND a.key = h.key) THEN
			CONTINUE;
		END IF;
		-- whichever comes first, two alerts of an entity are not closer; in an
		-- hour of the clock there are not more
		IF (j.cooldown IS NOT NULL AND h.entity IS NOT NULL AND EXISTS (
				SELECT FROM @extschema@._ad_own_alert a
				WHERE a.job_id = j.id AND a.entity = h.entity
					AND a.event_at > h.at - j.cooldown AND a.event_at < h.at + j.cooldown))
			OR (j.limit_per_hour IS NOT NULL AND isfinite(h.at) AND (
				SELECT count(*) FROM @extschema@._ad_own_alert a
				WHERE a.job_id = j.id AND a.event_at >= date_trunc('hour', h.at, 'UTC')
					AND a.event_at < date_trunc('hour', h.at, 'UTC') + interval '1 hour') >= j.limit_per_hour)
		THEN
			held := held + 1;
			CONTINUE;
		END IF;
		INSERT INTO @extschema@._ad_own_alert (job_id, key, entity, score, p_value, explanation, "row", model_version, event_at, scored_at)
		VALUES (j.id, h.key, h.entity, h.score, h.p_value, h.explanation, h."row", h.version, h.at, now);
		written := written + 1;
	END LOOP;
	UPDATE @extschema@._ad_own_run r
	SET batches = r.batches + 1, rows = r.rows + $3, alerts = r.alerts + written, suppressed = r.suppressed + held
	WHERE r.job_id = j.id AND r.run = $2;
	IF written > 0 THEN
		PERFORM pg_notify('ad_alert', jsonb_build_object('job', j.name, 'alerts', written, 'scored_at', now)::text);
	END IF;
END $$;
COMMENT ON FUNCTION _ad_job_alerts(_ad_own_job, integer, bigint, jsonb) IS
'writes the alerts of a batch that are new and that cooldown and limit let pass, counts them in the log, notifies';

CREATE FUNCTION _ad_job_batch_model(j _ad_own_job, run integer, until timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
	s @extschema@._ad_own_state;
	q record;
	m record;
	type regtype;			-- of the watermark
	kind text;				-- at or no
	lag record;
	since record;
	place text;				-- a row's watermark as it is stored
	unplace text;			-- and back
	clock_at timestamp;
	until_at timestamp;
	from_at timestamp;
	from_no bigint;
	given text;				-- what is scored
	rule_name text;
	rule_value double precision;
	seen text[];
	alias text := '_q';		-- of the source
	sql text;
	r record;
	found boolean;
BEGIN
	SELECT * INTO s FROM @extschema@._ad_own_state o WHERE o.job_id = j.id FOR UPDATE;
	IF s.job_id IS NULL THEN
		RAISE EXCEPTION 'job was dropped or given to another role while it ran' USING ERRCODE = 'undefined_object';
	END IF;
	SELECT * INTO q FROM @extschema@._ad_job_source(j.source, j.search_path);
	type := @extschema@._ad_job_column(q.columns, q.types, j.watermark_column, 'watermark');
	kind := @extschema@._ad_job_watermark_kind(type);
	IF (kind = 'at' AND s.no IS NOT NULL) OR (kind = 'no' AND s.at IS NOT NULL) THEN
		RAISE EXCEPTION 'watermark of job "%" has become another type', j.name
			USING ERRCODE = 'datatype_mismatch', DETAIL = format('The job has come to %s; the column "%s" is of type %s.',
				coalesce(s.at::text, s.no::text), j.watermark_column, type);
	END IF;
	PERFORM @extschema@._ad_job_column(q.columns, q.types, j.key_column, 'key');
	IF j.entity_column IS NOT NULL THEN
		PERFORM @extschema@._ad_job_column(q.columns, q.types, j.entity_column, 'entity');
	END IF;
	IF j.features IS NOT NULL THEN
		PERFORM @extschema@._ad_job_column(q.columns, q.types, f, 'feature') FROM unnest(j.features) f;
	END IF;

	-- where to begin and to end
	lag := @extschema@._ad_job_lag(j.lag, kind);
	since := @extschema@._ad_job_since(j, kind);
	IF type = 'date'::regtype THEN
		lag.at := make_interval(days => ceil(extract(epoch FROM lag.at) / 86400)::int);	-- whole days
		since.at := date_trunc('day', since.at);
	END IF;
	from_at := greatest(s.at - lag.at, since.at);
	from_no := greatest(s.no - lag.no, since.no);
	PERFORM set_config('timezone', j.timezone, true);
	IF until IS NOT NULL AND kind = 'no' THEN
		RAISE EXCEPTION 'until needs a watermark that is a time' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF type = 'timestamptz'::regtype THEN
		clock_at := timezone('UTC', clock_timestamp());
		until_at := timezone('UTC', until);
	ELSE
		clock_at := CASE WHEN type = 'date'::regtype THEN current_date::timestamp ELSE clock_timestamp()::timestamp END;
		until_at := until::timestamp;
	END IF;
	CASE type
		WHEN 'timestamptz'::regtype THEN
			place := 'pg_catalog.timezone(''UTC'', %s)';
			unplace := 'pg_catalog.timezone(''UTC'', %s)';
		WHEN 'date'::regtype THEN
			place := '%s::pg_catalog.timestamp';
			unplace := '%s';		-- a date is compared with a time of day
		WHEN 'timestamp'::regtype THEN
			place := '%s';
			unplace := '%s';
		ELSE
			place := '%s::pg_catalog.int8';
			unplace := '%s';
	END CASE;

	-- what no comparison finds would never be scored
	IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = q.relation AND a.attname = j.watermark_column AND a.attnotnull)
		AND (SELECT o.batches = 0 FROM @extschema@._ad_own_run o WHERE o.job_id = j.id AND o.run = $2)
	THEN
		PERFORM set_config('search_path', j.search_path, true);
		EXECUTE format(E'SELECT EXISTS (SELECT FROM (\n%s\n) _q WHERE _q.%I IS NULL)', q.sql, j.watermark_column) INTO found;
		PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
		IF found THEN
			RAISE EXCEPTION 'source of job "%" has rows whose watermark "%" is NULL', j.name, j.watermark_column
				USING ERRCODE = 'null_value_not_allowed', HINT = 'They would never be scored: give them one, or leave them out with WHERE.';
		END IF;
	END IF;

	SELECT o.spec INTO m FROM @extschema@.ad_models o
	WHERE o.name = j.model AND o.active;
	SELECT key, (value #>> '{}')::double precision INTO rule_name, rule_value FROM jsonb_each(j.rule);
	-- its row has a name that no column has
	WHILE alias = ANY (q.columns) LOOP
		alias := alias || '_';
	END LOOP;
	given := CASE WHEN j.features IS NULL THEN '_b.' || alias
			 ELSE (SELECT string_agg(format('(_b.%s).%I', alias, f), ', ' ORDER BY i) FROM unnest(j.features) WITH ORDINALITY u(f, i)) END;

	-- as an array, whose length the planner knows: the table's statistics, when
	-- a run begins, are those of an empty one
	seen := ARRAY(SELECT o.key FROM @extschema@._ad_own_seen o WHERE o.job_id = j.id);
	sql := format($sql$
WITH _s AS MATERIALIZED (
	SELECT _b.*, @extschema@.ad_score($2, %1$s) AS _score, %2$s AS _p
	FROM (SELECT %15$s, %15$s.%3$I::pg_catalog.text AS _k, %15$s.%4$I AS _w, %5$s AS _e
		  FROM (
%6$s
		  ) %15$s
		  WHERE %7$s
			AND NOT EXISTS (SELECT FROM pg_catalog.unnest($10) _n(_k)
							WHERE _n._k OPERATOR(pg_catalog.=) (%15$s.%3$I::pg_catalog.text COLLATE "C"))
		  ORDER BY %15$s.%4$I, %15$s.%3$I::pg_catalog.text COLLATE "C"
		  LIMIT $3) _b),
_m AS MATERIALIZED (
	SELECT pg_catalog.count(*) AS n, pg_catalog.max(%8$s) AS place, pg_catalog.bool_or(_k IS NULL) AS no_key FROM _s),
_n AS MATERIALIZED (
	SELECT n, no_key, greatest($6, %9$s) AS place FROM _m),
_i AS (
	INSERT INTO @extschema@._ad_own_seen (job_id, key, %10$I)
	SELECT $1, _s._k, %8$s FROM _s, _n
	WHERE _s._k IS NOT NULL AND %8$s OPERATOR(pg_catalog.>=) (_n.place OPERATOR(pg_catalog.-) $8)
	ON CONFLICT DO NOTHING),
_h AS (
	SELECT * FROM (SELECT *, %11$s AS _hit FROM _s) _t WHERE _hit),
_d AS (
	-- of rows with one key the first
	SELECT DISTINCT ON (_k COLLATE "C") * FROM _h ORDER BY _k COLLATE "C", _w)
SELECT _n.n, _n.no_key, _n.place,
	(SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('key', _b._k, 'entity', _b._e, 'score', _b._score, 'p_value', _b._p,
				'at', %12$s, 'row', pg_catalog.to_jsonb(_b.%15$s), 'version', %13$s, 'explanation', %14$s)
			ORDER BY _b._w, _b._k COLLATE "C") FROM _d _b) AS hits
FROM _n$sql$,
		given,
		CASE WHEN rule_name <> 'score' OR m.spec -> 'calibrate' IS NOT NULL
			THEN format('@extschema@.ad_pvalue($2, %s)', given) ELSE 'NULL::pg_catalog.float8' END,
		j.key_column, j.watermark_column,
		CASE WHEN j.entity_column IS NULL THEN 'NULL::pg_catalog.text' ELSE format('%s.%I::pg_catalog.text', alias, j.entity_column) END,
		q.sql,
		concat_ws(' AND ', format('%s.%I IS NOT NULL', alias, j.watermark_column),
			CASE WHEN kind = 'at' AND from_at IS NOT NULL
				THEN format('%s.%I OPERATOR(pg_catalog.>=) ', alias, j.watermark_column) || format(unplace, '$4') END,
			CASE WHEN kind = 'no' AND from_no IS NOT NULL
				THEN format('%s.%I OPERATOR(pg_catalog.>=) $4', alias, j.watermark_column) END,
			CASE WHEN until IS NOT NULL
				THEN format('%s.%I OPERATOR(pg_catalog.<=) ', alias, j.watermark_column) || format(unplace, '$9') END),
		format(place, '_s._w'),
		CASE WHEN kind = 'at' THEN 'least(place, $5)' ELSE 'place' END,
		kind,
		CASE rule_name WHEN 'p_value' THEN '_p OPERATOR(pg_catalog.<=) $7'
			WHEN 'fdr' THEN '@extschema@.ad_fdr(_p) OVER () OPERATOR(pg_catalog.<=) $7'
			ELSE '_score OPERATOR(pg_catalog.>=) $7' END,
		CASE kind WHEN 'at' THEN '_b._w::pg_catalog.timestamptz' ELSE 'NULL' END,
		'(SELECT _v.version FROM @extschema@.ad_models _v WHERE _v.name OPERATOR(pg_catalog.=) $2 AND _v.active)',
		@extschema@._ad_job_explanation(j, given), alias);

	PERFORM set_config('search_path', j.search_path, true);
	IF kind = 'at' THEN
		EXECUTE sql INTO r USING j.id, j.model, j.batch_size, from_at, clock_at, s.at, rule_value, lag.at, until_at, seen;
	ELSE
		EXECUTE sql INTO r USING j.id, j.model, j.batch_size, from_no, clock_at, s.no, rule_value, lag.no, until_at, seen;
	END IF;
	PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
	IF r.no_key THEN
		RAISE EXCEPTION 'source of job "%" has rows whose key "%" is NULL', j.name, j.key_column
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave them out with WHERE.';
	END IF;
	IF r.n = 0 THEN
		RETURN false;
	END IF;

	IF kind = 'at' THEN
		UPDATE @extschema@._ad_own_state o SET at = r.place WHERE o.job_id = j.id;
		DELETE FROM @extschema@._ad_own_seen o WHERE o.job_id = j.id AND o.at < r.place - lag.at;
	ELSE
		UPDATE @extschema@._ad_own_state o SET no = r.place WHERE o.job_id = j.id;
		DELETE FROM @extschema@._ad_own_seen o WHERE o.job_id = j.id AND o.no < r.place - lag.no;
	END IF;
	PERFORM @extschema@._ad_job_alerts(j, $2, r.n, coalesce(r.hits, '[]'));
	RETURN r.n = j.batch_size;
END $$;
COMMENT ON FUNCTION _ad_job_batch_model(_ad_own_job, integer, timestamptz) IS
'scores one batch of a job; whether there may be more';

CREATE FUNCTION _ad_job_explanation(j _ad_own_job, given text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF j.explain = 0 THEN
		RETURN 'NULL';
	END IF;
	RETURN format($sql$(
		SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('feature', _x.feature, 'value', _x.value,
				'contribution', _x.contribution, 'direction', _x.direction, 'typical', _x.typical) ORDER BY _x.rank)
		FROM @extschema@.ad_explain($2, %L::pg_catalog.jsonb, %s) _x)$sql$,
		jsonb_build_object('top', j.explain), given);
END $$;
COMMENT ON FUNCTION _ad_job_explanation(_ad_own_job, text) IS 'the expression that explains a row of a batch';

CREATE FUNCTION _ad_job_batch(id integer, run integer, until timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j @extschema@._ad_own_job;
BEGIN
	SELECT * INTO j FROM @extschema@._ad_own_job o WHERE o.id = $1;
	-- another may have got it since the last batch
	IF j.id IS NULL OR j.owner::oid <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'job was dropped or given to another role while it ran' USING ERRCODE = 'undefined_object';
	END IF;
	PERFORM @extschema@._ad_progress_set('job', j.name, 'batch', (SELECT o.rows FROM @extschema@._ad_own_run o WHERE o.job_id = j.id AND o.run = $2));
	IF j.kind = 'layering' THEN
		RETURN @extschema@._ad_job_batch_layering(j, $2, $3);
	END IF;
	RETURN @extschema@._ad_job_batch_model(j, $2, $3);
END $$;
COMMENT ON FUNCTION _ad_job_batch(integer, integer, timestamptz) IS
'does one batch of a job; whether there may be more';

CREATE PROCEDURE ad_run_job(name text, until timestamptz DEFAULT NULL)
LANGUAGE plpgsql
AS $$
DECLARE
	this pg_catalog.jsonb;
	id pg_catalog.int4;
	run pg_catalog.int4;
	more pg_catalog.bool := true;
	failed pg_catalog.bool := false;
	e_code pg_catalog.text;
	e_message pg_catalog.text;
	e_detail pg_catalog.text;
	e_hint pg_catalog.text;
BEGIN
	COMMIT;					-- in a transaction block this fails, before anything is done
	this := @extschema@._ad_job_begin(name);
	IF this IS NULL THEN
		RETURN;
	END IF;
	id := (this OPERATOR(pg_catalog.->>) 'id')::pg_catalog.int4;
	run := (this OPERATOR(pg_catalog.->>) 'run')::pg_catalog.int4;
	COMMIT;
	WHILE more LOOP
		BEGIN
			more := @extschema@._ad_job_batch(id, run, until);
		EXCEPTION WHEN OTHERS OR query_canceled THEN
			GET STACKED DIAGNOSTICS e_code = RETURNED_SQLSTATE, e_message = MESSAGE_TEXT,
				e_detail = PG_EXCEPTION_DETAIL, e_hint = PG_EXCEPTION_HINT;
			failed := true;
			more := false;
		END;
		COMMIT;
	END LOOP;
	PERFORM @extschema@._ad_job_end(id, run, e_code, e_message);
	COMMIT;
	PERFORM @extschema@._ad_job_unlock();
	-- none is not the same as an empty one
	IF NOT failed THEN
		RETURN;
	ELSIF e_detail OPERATOR(pg_catalog.=) '' AND e_hint OPERATOR(pg_catalog.=) '' THEN
		RAISE EXCEPTION USING ERRCODE = e_code, MESSAGE = e_message;
	ELSIF e_hint OPERATOR(pg_catalog.=) '' THEN
		RAISE EXCEPTION USING ERRCODE = e_code, MESSAGE = e_message, DETAIL = e_detail;
	ELSIF e_detail OPERATOR(pg_catalog.=) '' THEN
		RAISE EXCEPTION USING ERRCODE = e_code, MESSAGE = e_message, HINT = e_hint;
	END IF;
	RAISE EXCEPTION USING ERRCODE = e_code, MESSAGE = e_message, DETAIL = e_detail, HINT = e_hint;
END $$;
COMMENT ON PROCEDURE ad_run_job(text, timestamptz) IS
'does what there is to do for a job, in batches of one transaction each; until: leaves rows after that time for later';
-- Jobs and alerts: layering as a job.
--
-- A sequence is decided when all its windows have closed, a lag ago: not
-- before start_time + horizon + lag, where the horizon is the sum of the three
-- windows. The job's watermark is the time up to which sequences that start
-- are decided.
--
-- Where a scan of a partition begins can decide what it finds, so it must not
-- depend on when the job ran. The log is cut at midnight UTC. Each day is
-- scanned by itself, from one horizon before it to one horizon after it, and
-- has the sequences that start in it.

CREATE FUNCTION _ad_layering_horizon(options jsonb)
RETURNS interval
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT ($1 ->> 'orders_window')::interval + ($1 ->> 'cancel_window')::interval + ($1 ->> 'opposite_trade_window')::interval
$$;
COMMENT ON FUNCTION _ad_layering_horizon(jsonb) IS 'the longest that a layering sequence takes';

-- No SET search_path: the source means what it means to the caller.
CREATE FUNCTION ad_create_layering_job(
    name text,
    source text,
    options jsonb DEFAULT NULL,
    rule jsonb DEFAULT '{"score": 0}',
    partition_by text[] DEFAULT NULL,
    order_by text DEFAULT NULL,
    lag text DEFAULT '1 minute',
    cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL,
    since text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	j @extschema@._ad_own_job;
BEGIN
	j.name := $1;
	j.kind := 'layering';
	j.source := $2;
	j.options := @extschema@._ad_layering_all($3);
	j.rule := $4;
	j.partition_by := $5;
	j.order_by := $6;
	j.lag := $7;
	j.cooldown := $8;
	j.limit_per_hour := $9;
	j.since := $10;
	j.watermark_column := 'ts';
	j.batch_size := 1;
	j.explain := 0;
	j.search_path := pg_catalog.current_setting('search_path');
	PERFORM @extschema@._ad_job_store(j);
END $$;
COMMENT ON FUNCTION ad_create_layering_job(text, text, jsonb, jsonb, text[], text, text, interval, integer, text) IS
'makes a job that finds layering sequences in a table, view or query of order events, as ad_layering_sequences() reads it, once their windows have closed; the score is the severity';

CREATE FUNCTION _ad_layering_all(options jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NOT NULL AND jsonb_typeof($1) <> 'object' THEN
		RAISE EXCEPTION 'options must be an object' USING ERRCODE = 'invalid_parameter_value', HINT = 'Use ad_layering_options().';
	END IF;
	RETURN @extschema@.ad_layering_options() || coalesce($1, '{}');
END $$;
COMMENT ON FUNCTION _ad_layering_all(jsonb) IS 'options of layering with every default spelled out';

CREATE FUNCTION _ad_job_layering_check(j _ad_own_job, sql text, columns text[], types regtype[])
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF @extschema@._ad_job_column($3, $4, 'ts', 'watermark') <> 'timestamptz'::regtype THEN
		RAISE EXCEPTION 'watermark has type %', @extschema@._ad_job_column($3, $4, 'ts', 'watermark')
			USING ERRCODE = 'datatype_mismatch', HINT = 'The column "ts" of order events is a timestamptz.';
	END IF;
	PERFORM set_config('search_path', j.search_path, true);
	-- not on the source itself: even planning it calls functions, and who
	-- changes a job need not be the one who wrote it
	EXECUTE 'SELECT FROM @extschema@.ad_layering_sequences($1, $2, $3, $4)'
		USING (SELECT format('SELECT %s LIMIT 0', string_agg(format('NULL::%s AS %I',
					CASE WHEN (SELECT y.typtype FROM pg_type y WHERE y.oid = t) = 'p' THEN 'text'::regtype ELSE t END, c), ', ' ORDER BY i))
			   FROM unnest($3, $4) WITH ORDINALITY u(c, t, i)),
			j.options, j.partition_by, coalesce(j.order_by, CASE WHEN 'id' = ANY ($3) THEN 'id' END);
	PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _ad_job_layering_check(_ad_own_job, text, text[], regtype[]) IS
'an error if the source of a layering job is no order events';

CREATE FUNCTION _ad_job_batch_layering(j _ad_own_job, run integer, until timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
	s @extschema@._ad_own_state;
	q record;
	horizon interval := @extschema@._ad_layering_horizon(j.options);
	complete timestamptz;	-- all events before it are here
	from_at timestamptz;	-- sequences that start before it are decided
	to_at timestamptz;		-- after this batch
	day timestamptz;
	next_day timestamptz;
	first timestamptz;
	n bigint;
	hits jsonb;
BEGIN
	SELECT * INTO s FROM @extschema@._ad_own_state o WHERE o.job_id = j.id FOR UPDATE;
	IF s.job_id IS NULL THEN
		RAISE EXCEPTION 'job was dropped or given to another role while it ran' USING ERRCODE = 'undefined_object';
	END IF;
	SELECT * INTO q FROM @extschema@._ad_job_source(j.source, j.search_path);
	PERFORM @extschema@._ad_job_layering_check(j, q.sql, q.columns, q.types);
	complete := coalesce(until, clock_timestamp()) - (@extschema@._ad_job_lag(j.lag, 'at')).at;
	from_at := greatest(s.at, (@extschema@._ad_job_since(j, 'at')).at);

	IF (SELECT o.batches = 0 FROM @extschema@._ad_own_run o WHERE o.job_id = j.id AND o.run = $2)
		AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = q.relation AND a.attname = 'ts' AND a.attnotnull)
	THEN
		PERFORM set_config('search_path', j.search_path, true);
		EXECUTE format(E'SELECT count(*) FROM (\n%s\n) _q WHERE _q.ts IS NULL', q.sql) INTO n;
		PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
		IF n > 0 THEN
			RAISE EXCEPTION 'source of job "%" has rows whose watermark "ts" is NULL', j.name
				USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave them out with WHERE.';
		END IF;
	END IF;

	-- from the next event on
	PERFORM set_config('search_path', j.search_path, true);
	EXECUTE format(E'SELECT pg_catalog.min(_q.ts) FROM (\n%s\n) _q WHERE _q.ts OPERATOR(pg_catalog.>=) coalesce($1, ''-infinity'')', q.sql)
		INTO first USING from_at;
	PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
	IF first IS NULL OR first + horizon > complete THEN
		RETURN false;
	END IF;
	from_at := greatest(from_at, first);
	day := date_trunc('day', from_at);
	next_day := day + interval '1 day';
	to_at := least(next_day, complete - horizon + interval '1 microsecond');

	PERFORM set_config('search_path', j.search_path, true);
	EXECUTE format($sql$
SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
		'key', coalesce(first_id, pg_catalog.concat(partition_key, ' ', side, ' ', start_time)), 'entity', account,
		'score', severity, 'at', start_time, 'row', pg_catalog.to_jsonb(_l)) ORDER BY start_time, first_id)
FROM @extschema@.ad_layering_sequences($1, $2, $3, $4) _l
WHERE start_time OPERATOR(pg_catalog.>=) $5 AND start_time OPERATOR(pg_catalog.<) $6
	AND severity OPERATOR(pg_catalog.>=) $7 $sql$)
	INTO hits
	USING format(E'SELECT * FROM (\n%s\n) _q WHERE _q.ts OPERATOR(pg_catalog.>=) %L::pg_catalog.timestamptz AND _q.ts OPERATOR(pg_catalog.<=) %L::pg_catalog.timestamptz',
			q.sql, day - horizon, least(next_day + horizon, complete)),
		j.options, j.partition_by,
		coalesce(j.order_by, CASE WHEN 'id' = ANY (q.columns) THEN 'id' END),
		from_at, to_at, (j.rule ->> 'score')::double precision;
	EXECUTE format(E'SELECT pg_catalog.count(*) FROM (\n%s\n) _q WHERE _q.ts OPERATOR(pg_catalog.>=) $1 AND _q.ts OPERATOR(pg_catalog.<) $2', q.sql)
		INTO n USING from_at, to_at;
	PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);

	UPDATE @extschema@._ad_own_state o SET at = timezone('UTC', to_at) WHERE o.job_id = j.id;
	PERFORM @extschema@._ad_job_alerts(j, $2, n, coalesce(hits, '[]'));
	RETURN true;
END $$;
COMMENT ON FUNCTION _ad_job_batch_layering(_ad_own_job, integer, timestamptz) IS
'finds the layering sequences of one day, as far as they are decided; whether there may be more';
-- Jobs and alerts: the schedule, by pg_cron.

CREATE FUNCTION ad_schedule_job(name text, schedule text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j @extschema@._ad_own_job;
	command text;
	cron_id bigint;
BEGIN
	j := @extschema@._ad_job_get($1);
	IF $2 IS NULL THEN
		RAISE EXCEPTION 'schedule cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF j.owner::oid <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'job "%" is scheduled by its owner only', j.name
			USING ERRCODE = 'insufficient_privilege', HINT = format('SET ROLE %s first.', quote_ident(j.owner::text));
	END IF;
	command := format('CALL %s.ad_run_job(%L)', '@extschema@', j.name);
	IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
		RAISE EXCEPTION 'cannot schedule job "%" without pg_cron', j.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = CASE WHEN current_setting('cron.database_name', true) <> current_database()
				THEN format('pg_cron is loaded, for database "%s".', current_setting('cron.database_name', true))
				ELSE 'The extension pg_cron is not installed in this database.' END,
			HINT = CASE WHEN current_setting('cron.database_name', true) <> current_database()
				THEN format('There, a superuser can say: SELECT cron.schedule_in_database(%L, %L, %L, %L, %L)',
					'anomaly ' || j.name, $2, command, current_database(), j.owner::text)
				ELSE format('Add pg_cron to shared_preload_libraries, set cron.database_name, restart the server and CREATE EXTENSION pg_cron; or let a timer of the system run: %s', command) END;
	END IF;
	IF NOT has_schema_privilege('cron', 'USAGE') THEN
		RAISE EXCEPTION 'permission denied for schema cron'
			USING ERRCODE = 'insufficient_privilege', HINT = format('GRANT USAGE ON SCHEMA cron TO %s', quote_ident(current_user));
	END IF;
	EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO cron_id USING 'anomaly ' || j.name, $2, command;
	RETURN cron_id;
END $$;
COMMENT ON FUNCTION ad_schedule_job(text, text) IS
'lets pg_cron run a job, by a schedule as in crontab(5); returns the number pg_cron gave it';

CREATE FUNCTION _ad_job_unschedule(name text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found bigint;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') OR NOT has_schema_privilege('cron', 'USAGE') THEN
		RETURN false;
	END IF;
	EXECUTE 'SELECT jobid FROM cron.job WHERE jobname = $1 AND username = current_user AND database = current_database()'
		INTO found USING 'anomaly ' || $1;
	IF found IS NULL THEN
		RETURN false;
	END IF;
	EXECUTE 'SELECT cron.unschedule($1)' USING found;
	RETURN true;
END $$;
COMMENT ON FUNCTION _ad_job_unschedule(text) IS 'takes a job of the current user from pg_cron''s schedule';

CREATE FUNCTION ad_unschedule_job(name text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN @extschema@._ad_job_unschedule((@extschema@._ad_job_get($1)).name);
END $$;
COMMENT ON FUNCTION ad_unschedule_job(text) IS
'takes a job from pg_cron''s schedule; returns whether it was there';
-- Jobs and alerts: labels, and training again with what they say.

CREATE FUNCTION ad_label(job text, key text, is_anomaly boolean, note text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p record;
	j @extschema@._ad_own_job;
	q record;
	sought boolean := false;
	labelled jsonb;
BEGIN
	IF $1 IS NULL OR $2 IS NULL THEN
		RAISE EXCEPTION 'job and key cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT * INTO p FROM @extschema@._ad_job_privilege o WHERE o.name = $1;
	IF p.job_id IS NULL THEN
		RAISE EXCEPTION 'job "%" does not exist', $1 USING ERRCODE = 'undefined_object';
	ELSIF p.privilege = 'read' THEN
		RAISE EXCEPTION 'permission denied for job "%"', $1
			USING ERRCODE = 'insufficient_privilege', DETAIL = 'Labelling needs the privilege label.';
	END IF;
	SELECT a."row" INTO labelled FROM @extschema@.ad_alert a WHERE a.job = $1 AND a.key = $2;
	-- an anomaly that was missed has no alert: its owner reads it again
	IF labelled IS NULL AND p.privilege = 'own' THEN
		j := @extschema@._ad_job_get($1);
		IF j.kind = 'model' AND j.owner::oid = (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
			sought := true;
			SELECT * INTO q FROM @extschema@._ad_job_source(j.source, j.search_path);
			PERFORM set_config('search_path', j.search_path, true);
			EXECUTE format(E'SELECT pg_catalog.to_jsonb(_q.*) FROM (\n%s\n) _q WHERE _q.%I::pg_catalog.text OPERATOR(pg_catalog.=) $1 LIMIT 1',
				q.sql, j.key_column) INTO labelled USING $2;
			PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
		END IF;
	END IF;
	IF labelled IS NULL THEN
		SELECT l."row" INTO labelled FROM @extschema@.ad_labels l WHERE l.job = $1 AND l.key = $2;
	END IF;
	IF labelled IS NULL THEN
		RAISE EXCEPTION 'job "%" has no alert with key "%"', $1, $2
			USING ERRCODE = 'no_data_found',
			DETAIL = CASE WHEN sought THEN 'There is no such row in its source either.'
					 ELSE 'Rows without an alert can be labelled by its owner.' END;
	END IF;
	DELETE FROM @extschema@._ad_label_of_job l WHERE l.job_id = p.job_id AND l.key = $2;
	IF $3 IS NOT NULL THEN
		INSERT INTO @extschema@._ad_may_label (job_id, key, is_anomaly, "row", note, labelled_by, labelled_at)
		VALUES (p.job_id, $2, $3, labelled, $4, current_user, clock_timestamp());
	END IF;
END $$;
COMMENT ON FUNCTION ad_label(text, text, boolean, text) IS
'says of the row with a key whether it is an anomaly, in place of what was said before; NULL takes that back; needs the privilege label, and for a row without an alert to own the job';

CREATE FUNCTION ad_label(job text, key bigint, is_anomaly boolean, note text DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.ad_label($1, $2::text, $3, $4) $$;
COMMENT ON FUNCTION ad_label(text, bigint, boolean, text) IS
'the same for a key that is a number';

CREATE FUNCTION _ad_retrain_metrics(name text, champion bytea, challenger bytea, features0 jsonb, features1 jsonb,
    OUT labels bigint, OUT anomalies bigint, OUT roc_auc0 double precision, OUT roc_auc1 double precision,
    OUT average_precision0 double precision, OUT average_precision1 double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	types text;
	jobs text[];
BEGIN
	-- anybody can have a job that names the model: it counts if its owner may use the model
	jobs := ARRAY(SELECT j.name FROM @extschema@.ad_jobs j JOIN pg_roles r ON r.rolname = j.owner
				  WHERE j.kind = 'model' AND j.model = $1
					AND (r.rolsuper OR EXISTS (SELECT FROM @extschema@.ad_model_grants g LEFT JOIN pg_roles o ON o.rolname = g.role
											   WHERE g.name = $1 AND (g.role = 'public' OR pg_has_role(r.oid, o.oid, 'USAGE')))));
	SELECT count(*), count(*) FILTER (WHERE l.is_anomaly) INTO labels, anomalies
	FROM @extschema@.ad_labels l WHERE l.job = ANY (jobs);
	-- a row is made of the JSON again, with the types of the features
	SELECT string_agg(format('%I %s', f ->> 'name', coalesce(to_regtype(f ->> 'type')::text, 'text')), ', ') INTO types
	FROM (SELECT DISTINCT ON (e ->> 'name') e AS f FROM jsonb_array_elements($4 || $5) e) d;
	IF labels = 0 OR anomalies IN (0, labels) OR ($4 || $5) @> '[{"name": null}]' THEN
		RETURN;
	END IF;
	EXECUTE format($sql$
SELECT @extschema@.ad_roc_auc(s0, a), @extschema@.ad_roc_auc(s1, a),
       @extschema@.ad_average_precision(s0, a), @extschema@.ad_average_precision(s1, a)
FROM (SELECT l.is_anomaly AS a, @extschema@.ad_score($2, f) AS s0, @extschema@.ad_score($3, f) AS s1
      FROM @extschema@.ad_labels l JOIN @extschema@.ad_jobs j ON j.name = l.job
           CROSS JOIN LATERAL jsonb_to_record(CASE WHEN j.features IS NULL THEN l."row" ELSE
               (SELECT jsonb_object_agg($4 -> (i - 1)::int ->> 'name', l."row" -> c)
                FROM unnest(j.features) WITH ORDINALITY u(c, i)) END) AS f(%s)
      WHERE j.name = ANY ($1)) s$sql$, types)
	INTO roc_auc0, roc_auc1, average_precision0, average_precision1 USING jobs, $2, $3, $4;
END $$;
COMMENT ON FUNCTION _ad_retrain_metrics(text, bytea, bytea, jsonb, jsonb) IS
'metrics of two versions of a model on the labelled rows of its jobs; NULL without labels of both kinds';

-- No SET search_path: the training query means what it means to the caller.
CREATE FUNCTION ad_retrain(
    name text,
    margin double precision DEFAULT 0.02,
    max_drift double precision DEFAULT 0.2,
    min_labels integer DEFAULT 20)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	champion pg_catalog.record;
	challenger pg_catalog.int4;
	q pg_catalog.record;
	drift pg_catalog.float8;
	given pg_catalog.text;
BEGIN
	champion := @extschema@._ad_retrain_champion($1, $2, $3, $4);
	challenger := @extschema@.ad_train($1, champion.query, champion.spec, notes => 'ad_retrain', activate => false);

	-- how the rows that it was trained on look to the champion: of its own
	-- rows a share _k lies above its threshold, those on it left out or not
	q := @extschema@._ad_query(champion.query, 'training query');
	IF @extschema@._ad_feature_changes(champion.features,
			(SELECT m.features FROM @extschema@.ad_models m
			 WHERE m.name OPERATOR(pg_catalog.=) $1 AND m.version OPERATOR(pg_catalog.=) challenger)) IS NOT NULL
	THEN
		NULL;				-- not like for like
	ELSIF pg_catalog.cardinality(q.columns) OPERATOR(pg_catalog.=) 1
		AND q.types[1]::pg_catalog.oid OPERATOR(pg_catalog.=) 'pg_catalog.bytea'::pg_catalog.regtype::pg_catalog.oid
	THEN
		-- sketches: the distance of the scores of the rows in their sample
		EXECUTE pg_catalog.format($sql$
SELECT _d.ks FROM @extschema@.ad_drift($1, (SELECT @extschema@.ad_merge(_t._c) FROM (
%s
) _t(_c))) _d WHERE _d.part OPERATOR(pg_catalog.=) 'score'$sql$, q.sql)
		INTO drift USING champion.model;
	ELSE
		given := CASE WHEN champion.features OPERATOR(pg_catalog.->) 0 OPERATOR(pg_catalog.->>) 'name' IS NULL
			THEN pg_catalog.format('_t.%I', q.columns[pg_catalog.cardinality(q.columns)]) ELSE '_t.*' END;
		EXECUTE pg_catalog.format($sql$
SELECT greatest(0, pg_catalog.max(greatest(_above OPERATOR(pg_catalog.-) _k, _k OPERATOR(pg_catalog.-) _least)))
FROM (SELECT _k, pg_catalog.avg(CASE WHEN _s OPERATOR(pg_catalog.>) _v THEN 1.0::pg_catalog.float8 ELSE 0.0::pg_catalog.float8 END) AS _above,
             pg_catalog.avg(CASE WHEN _s OPERATOR(pg_catalog.>=) _v THEN 1.0::pg_catalog.float8 ELSE 0.0::pg_catalog.float8 END) AS _least
      FROM (SELECT @extschema@.ad_score($1, %s) AS _s FROM (
%s
            ) _t) _r,
           (SELECT _k, @extschema@.ad_threshold($1, _k) AS _v
            FROM pg_catalog.unnest('{0.01,0.02,0.05,0.1,0.2,0.3,0.4,0.5}'::pg_catalog.float8[]) _k) _q
      WHERE _s IS NOT NULL GROUP BY _k) _g$sql$, given, q.sql)
		INTO drift USING champion.model;
	END IF;
	RETURN @extschema@._ad_retrain_decide($1, champion.version, challenger, drift, $2, $3, $4);
END $$;
COMMENT ON FUNCTION ad_retrain(text, double precision, double precision, integer) IS
'trains a named model again with its spec and training query, and activates the new version unless scores have drifted too far or the labelled rows say that it is worse; returns what it decided, and why';

CREATE FUNCTION _ad_retrain_champion(name text, margin double precision, max_drift double precision, min_labels integer,
    OUT version integer, OUT query text, OUT spec jsonb, OUT features jsonb, OUT model bytea)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	trained_by text;
	trainer oid;
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'name cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF $2 IS NULL OR $2 < 0 OR $2 > 1 OR $2 = 'NaN' THEN
		RAISE EXCEPTION 'margin is %, must be 0 to 1', coalesce($2::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $3 IS NULL OR $3 < 0 OR $3 > 1 OR $3 = 'NaN' THEN
		RAISE EXCEPTION 'max_drift is %, must be 0 to 1', coalesce($3::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $4 IS NULL OR $4 < 2 THEN
		RAISE EXCEPTION 'min_labels is %, must be at least 2', coalesce($4::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
	END IF;
	model := @extschema@.ad_model($1);		-- which says what is missing
	SELECT m.version, m.query, m.spec, m.features, m.trained_by INTO version, query, spec, features, trained_by
	FROM @extschema@.ad_models m WHERE m.name = $1 AND m.active;
	IF version IS NULL THEN
		RAISE EXCEPTION 'model "%" has no active version', $1 USING ERRCODE = 'undefined_object';
	END IF;
	-- the query would run with the rights of the caller: who wrote it must have them
	SELECT r.oid INTO trainer FROM pg_roles r WHERE r.rolname = trained_by;
	IF trainer IS NULL OR NOT pg_has_role(trainer, (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user), 'USAGE') THEN
		RAISE EXCEPTION 'training query of model "%" is that of role "%"', $1, trained_by
			USING ERRCODE = 'insufficient_privilege',
			DETAIL = format('It would run with the rights of "%s".', current_user),
			HINT = 'SET ROLE to it; or read the query in ad_models, and train with ad_train().';
	END IF;
END $$;
COMMENT ON FUNCTION _ad_retrain_champion(text, double precision, double precision, integer) IS
'the active version of a model';

CREATE FUNCTION _ad_retrain_decide(name text, champion integer, challenger integer, drift double precision,
    margin double precision, max_drift double precision, min_labels integer)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	against text[] := '{}';
	remarks text[] := '{}';
	m record;
	changes text;
	model0 bytea := @extschema@.ad_model($1, $2);
	model1 bytea := @extschema@.ad_model($1, $3);
	features0 jsonb := (SELECT o.features FROM @extschema@.ad_models o WHERE o.name = $1 AND o.version = $2);
	features1 jsonb := (SELECT o.features FROM @extschema@.ad_models o WHERE o.name = $1 AND o.version = $3);
BEGIN
	changes := @extschema@._ad_feature_changes(features0, features1);
	IF changes IS NOT NULL THEN
		against := against || format('its features have changed (%s)', changes);
	END IF;
	IF $4 IS NULL THEN
		remarks := remarks || 'score drift was not measured'::text;
	ELSIF $4 > $6 THEN
		against := against || format('score drift is %s, above %s', round($4::numeric, 4), $6);
	ELSE
		remarks := remarks || format('score drift is %s, not above %s', round($4::numeric, 4), $6);
	END IF;
	SELECT NULL::bigint AS labels, NULL::double precision AS roc_auc0, NULL::double precision AS roc_auc1,
		NULL::double precision AS average_precision0, NULL::double precision AS average_precision1 INTO m;
	IF changes IS NULL THEN
		SELECT * INTO m FROM @extschema@._ad_retrain_metrics($1, model0, model1, features0, features1);
		IF m.roc_auc0 IS NULL OR m.labels < $7 THEN
			remarks := remarks || format('%s labelled rows, of which %s anomalies, are too few to compare metrics', m.labels, m.anomalies);
		ELSIF m.average_precision1 < m.average_precision0 - $5 THEN
			against := against || format('average precision on %s labelled rows is %s, was %s', m.labels,
				round(m.average_precision1::numeric, 4), round(m.average_precision0::numeric, 4));
		ELSIF m.roc_auc1 < m.roc_auc0 - $5 THEN
			against := against || format('ROC AUC on %s labelled rows is %s, was %s', m.labels,
				round(m.roc_auc1::numeric, 4), round(m.roc_auc0::numeric, 4));
		ELSE
			remarks := remarks || format('average precision on %s labelled rows is %s, was %s', m.labels,
				round(m.average_precision1::numeric, 4), round(m.average_precision0::numeric, 4));
		END IF;
	END IF;
	IF against = '{}' THEN
		PERFORM @extschema@.ad_activate($1, $3);
	END IF;
	RETURN jsonb_build_object('model', $1, 'champion', $2, 'version', $3, 'activated', against = '{}',
		'reasons', to_jsonb(against || remarks), 'score_drift', $4, 'labels', m.labels,
		'average_precision', jsonb_build_array(m.average_precision0, m.average_precision1),
		'roc_auc', jsonb_build_array(m.roc_auc0, m.roc_auc1));
END $$;
COMMENT ON FUNCTION _ad_retrain_decide(text, integer, integer, double precision, double precision, double precision, integer) IS
'activates a new version if nothing is against it; says what it decided, and why';
-- Health: of jobs, and all of it.

-- names and numbers, for who monitors too; no rows
CREATE VIEW _ad_job_health WITH (security_barrier) AS
SELECT j.name, s.failures,
       clock_timestamp() - coalesce((SELECT max(r.finished) FROM _ad_job_run r WHERE r.job_id = j.id AND r.error IS NULL),
                                    j.created_at) AS lag,
       (SELECT r.error FROM _ad_job_run r WHERE r.job_id = j.id AND r.error IS NOT NULL ORDER BY r.run DESC LIMIT 1) AS error,
       (SELECT count(*) FROM _ad_alert a WHERE a.job_id = j.id AND a.scored_at > clock_timestamp() - interval '1 hour') AS alerts
FROM _ad_job j JOIN _ad_job_state s ON s.job_id = j.id
WHERE pg_has_role(j.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW _ad_job_health IS 'lag, failures and alerts of one''s own jobs, or with pg_monitor of all';
GRANT SELECT ON _ad_job_health TO PUBLIC;

CREATE FUNCTION _ad_health_jobs()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    worst record;
BEGIN
    SELECT h.* INTO worst FROM @extschema@._ad_job_health h ORDER BY h.lag DESC LIMIT 1;
    "check" := 'job lag';
    status := @extschema@._ad_health_status(extract(epoch FROM worst.lag)::float8,
        extract(epoch FROM current_setting('anomaly.health_job_lag_warning')::interval)::float8,
        extract(epoch FROM current_setting('anomaly.health_job_lag_critical')::interval)::float8);
    detail := CASE WHEN worst.name IS NULL THEN 'There is no job.'
                   ELSE format('The last good run of job %s ended %s ago.', worst.name, date_trunc('second', worst.lag)) END;
    hint := CASE WHEN status <> 'ok' THEN 'Is it scheduled? See ad_schedule_job(), cron.job_run_details and ad_job_run.' END;
    RETURN NEXT;

    SELECT h.* INTO worst FROM @extschema@._ad_job_health h ORDER BY h.failures DESC LIMIT 1;
    "check" := 'failing job';
    status := @extschema@._ad_health_status(worst.failures,
        current_setting('anomaly.health_job_failures_warning')::float8,
        current_setting('anomaly.health_job_failures_critical')::float8);
    detail := CASE WHEN worst.name IS NULL THEN 'There is no job.'
                   WHEN worst.failures = 0 THEN 'The last run of every job was good.'
                   ELSE format('The last %s runs of job %s failed: %s', worst.failures, worst.name, worst.error) END;
    hint := CASE WHEN status <> 'ok' THEN 'See ad_job_run. The job goes on where it was once the cause is gone.' END;
    RETURN NEXT;

    SELECT h.* INTO worst FROM @extschema@._ad_job_health h ORDER BY h.alerts DESC LIMIT 1;
    "check" := 'alert flood';
    status := @extschema@._ad_health_status(worst.alerts,
        current_setting('anomaly.health_alerts_warning')::float8,
        current_setting('anomaly.health_alerts_critical')::float8);
    detail := CASE WHEN worst.name IS NULL THEN 'There is no job.'
                   ELSE format('%s alerts in an hour, of job %s.', worst.alerts, worst.name) END;
    hint := CASE WHEN status <> 'ok' THEN
        'Has the data changed? See ad_drift(). A stricter rule, a cooldown or limit_per_hour holds alerts back; see ad_alter_job().' END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION _ad_health_jobs() IS
'the checks of ad_health() over jobs';

CREATE FUNCTION ad_health()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM @extschema@._ad_health_scoring()
    UNION ALL SELECT * FROM @extschema@._ad_health_models()
    UNION ALL SELECT * FROM @extschema@._ad_health_jobs()
$$;
COMMENT ON FUNCTION ad_health() IS
'what is wrong, if anything: a row a check with status ok, warning or critical, the facts, and what to do; limits are the settings anomaly.health_*';
