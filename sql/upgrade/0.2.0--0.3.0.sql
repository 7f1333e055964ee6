\echo Use "ALTER EXTENSION anomaly UPDATE TO '0.3.0'" to load this file. \quit

-- What moves, changes its form or goes. Functions, aggregates, views and
-- comments follow, as the install script has them (replace.awk).

SET LOCAL search_path = pg_catalog, pg_temp;

-- Who made a trusted extension may add objects of his own to it. They would be
-- moved to where names are trusted, and those that are replaced would stay
-- his. What is the extension's belongs to a superuser, or to who owns its
-- functions in C, which only a superuser could give him.
DO $$
DECLARE
	planted text;
BEGIN
	SELECT string_agg(format('%s (of role "%s")', pg_describe_object(d.classid, d.objid, d.objsubid), r.rolname), ', '
					  ORDER BY d.classid, d.objid) INTO planted
	FROM pg_depend d
	     JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
	     JOIN pg_shdepend s ON s.classid = d.classid AND s.objid = d.objid AND s.objsubid = d.objsubid AND s.deptype = 'o'
	          AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
	     JOIN pg_roles r ON s.refclassid = 'pg_authid'::regclass AND r.oid = s.refobjid
	WHERE e.extname = 'anomaly' AND NOT r.rolsuper
		AND r.oid NOT IN (SELECT p.proowner FROM pg_depend f JOIN pg_proc p ON f.classid = 'pg_proc'::regclass AND f.objid = p.oid
		                       JOIN pg_language l ON l.oid = p.prolang
		                  WHERE f.refclassid = d.refclassid AND f.refobjid = d.refobjid AND f.deptype = 'e' AND l.lanname = 'c');
	IF planted IS NOT NULL THEN
		RAISE EXCEPTION 'cannot update extension "anomaly" with objects that others have added to it'
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('They are: %s.', planted),
				HINT = 'Take them out with ALTER EXTENSION anomaly DROP.';
	END IF;
END $$;

-- What is private moves to a schema where nobody else may create. The objects
-- stay what they are: whatever of users' depends on them survives.
CREATE SCHEMA _anomaly;
GRANT USAGE ON SCHEMA _anomaly TO PUBLIC;

DO $$
DECLARE
	o record;
BEGIN
	FOR o IN
		SELECT i.type, i.identity, d.classid
		FROM pg_depend d
		     JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
		     CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
		     LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
		     LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
		     LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid AND t.typtype = 'b' AND t.typelem = 0
		WHERE e.extname = 'anomaly' AND coalesce(p.proname, c.relname, t.typname) LIKE '\_ad\_%'
		-- functions first, while the types that they take are where their names say
		ORDER BY d.classid <> 'pg_proc'::regclass, d.objid
	LOOP
		EXECUTE format('ALTER %s %s SET SCHEMA _anomaly',
			CASE WHEN o.classid = 'pg_proc'::regclass THEN 'ROUTINE' ELSE o.type END, o.identity);
	END LOOP;
END $$;

-- ad_prepare() takes another argument: what depends on the old one keeps it.
ALTER FUNCTION @extschema@.ad_prepare(text, text, boolean, text, integer, double precision) RENAME TO _ad_prepare;
ALTER FUNCTION @extschema@._ad_prepare(text, text, boolean, text, integer, double precision) SET SCHEMA _anomaly;

-- So does ad_lof().
ALTER FUNCTION @extschema@.ad_lof(integer, text, integer, double precision) RENAME TO _ad_lof;
ALTER FUNCTION @extschema@._ad_lof(integer, text, integer, double precision) SET SCHEMA _anomaly;

-- And ad_ensemble().
ALTER FUNCTION @extschema@.ad_ensemble(jsonb[], text) RENAME TO _ad_ensemble;
ALTER FUNCTION @extschema@._ad_ensemble(jsonb[], text) SET SCHEMA _anomaly;

-- The same of ad_calibrate().
ALTER FUNCTION @extschema@.ad_calibrate(double precision, double precision) RENAME TO _ad_calibrate;
ALTER FUNCTION @extschema@._ad_calibrate(double precision, double precision) SET SCHEMA _anomaly;

-- And of those whose samples may be shares, or whose columns may be rotated.
ALTER FUNCTION @extschema@.ad_iforest(integer, integer, integer, double precision) RENAME TO _ad_iforest;
ALTER FUNCTION @extschema@._ad_iforest(integer, integer, integer, double precision) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_inne(integer, integer) RENAME TO _ad_inne;
ALTER FUNCTION @extschema@._ad_inne(integer, integer) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_fair_forest(integer, integer, integer, integer, double precision) RENAME TO _ad_fair_forest;
ALTER FUNCTION @extschema@._ad_fair_forest(integer, integer, integer, integer, double precision) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_ecod(text) RENAME TO _ad_ecod;
ALTER FUNCTION @extschema@._ad_ecod(text) SET SCHEMA _anomaly;

-- And of ad_features() and ad_health(), which have more columns.
ALTER FUNCTION @extschema@.ad_features(bytea) RENAME TO _ad_features;
ALTER FUNCTION @extschema@._ad_features(bytea) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_features(text) RENAME TO _ad_features;
ALTER FUNCTION @extschema@._ad_features(text) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_health() RENAME TO _ad_health;
ALTER FUNCTION @extschema@._ad_health() SET SCHEMA _anomaly;

-- And of ad_detect().
ALTER FUNCTION @extschema@.ad_detect(text, jsonb, double precision, text) RENAME TO _ad_detect;
ALTER FUNCTION @extschema@._ad_detect(text, jsonb, double precision, text) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_detect(text, text, double precision, text) RENAME TO _ad_detect;
ALTER FUNCTION @extschema@._ad_detect(text, text, double precision, text) SET SCHEMA _anomaly;

-- And of ad_layering_sequences().
ALTER FUNCTION @extschema@.ad_layering_sequences(text, jsonb, text[], text, boolean) RENAME TO _ad_layering_sequences;
ALTER FUNCTION @extschema@._ad_layering_sequences(text, jsonb, text[], text, boolean) SET SCHEMA _anomaly;

-- And of the options of the market.
ALTER FUNCTION @extschema@.ad_layering_options(text, text, interval, interval, interval, integer, integer, text, jsonb, boolean, interval, integer) RENAME TO _ad_layering_options_0_2;
ALTER FUNCTION @extschema@._ad_layering_options_0_2(text, text, interval, interval, interval, integer, integer, text, jsonb, boolean, interval, integer) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_wash_trade_options(integer, integer, double precision, double precision, interval, double precision, boolean, text, jsonb, integer) RENAME TO _ad_wash_trade_options;
ALTER FUNCTION @extschema@._ad_wash_trade_options(integer, integer, double precision, double precision, interval, double precision, boolean, text, jsonb, integer) SET SCHEMA _anomaly;

-- ad_order_event() takes the other ids of an event.
ALTER FUNCTION @extschema@.ad_order_event(text, text, anyelement, anycompatible, timestamptz) RENAME TO _ad_order_event;
ALTER FUNCTION @extschema@._ad_order_event(text, text, anyelement, anycompatible, timestamptz) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_order_event(text, text, anyelement, anycompatible, timestamptz, jsonb) RENAME TO _ad_order_event;
ALTER FUNCTION @extschema@._ad_order_event(text, text, anyelement, anycompatible, timestamptz, jsonb) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_order_event(text, text, anyelement, anycompatible, timestamptz, text) RENAME TO _ad_order_event;
ALTER FUNCTION @extschema@._ad_order_event(text, text, anyelement, anycompatible, timestamptz, text) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_order_event(text, text, anyelement, anycompatible, timestamptz, text, jsonb) RENAME TO _ad_order_event;
ALTER FUNCTION @extschema@._ad_order_event(text, text, anyelement, anycompatible, timestamptz, text, jsonb) SET SCHEMA _anomaly;

-- And of ad_stl_options().
ALTER FUNCTION @extschema@.ad_stl_options("any", boolean, "any", integer, integer, integer, integer, integer, integer, integer, integer, integer, integer, integer, double precision, text, integer, text, text, "any", text) RENAME TO _ad_stl_options;
ALTER FUNCTION @extschema@._ad_stl_options("any", boolean, "any", integer, integer, integer, integer, integer, integer, integer, integer, integer, integer, integer, double precision, text, integer, text, text, "any", text) SET SCHEMA _anomaly;

-- And of ad_stream_options().
ALTER FUNCTION @extschema@.ad_stream_options("any", "any", double precision, double precision, double precision, double precision,
	double precision, integer, text) RENAME TO _ad_stream_options;
ALTER FUNCTION @extschema@._ad_stream_options("any", "any", double precision, double precision, double precision, double precision,
	double precision, integer, text) SET SCHEMA _anomaly;

-- Rows of a stream have more columns; in rows that tables hold they are NULL.
ALTER TYPE @extschema@.ad_stream_point ADD ATTRIBUTE window_score double precision CASCADE,
	ADD ATTRIBUTE shape_score double precision CASCADE, ADD ATTRIBUTE combined_score double precision CASCADE;

-- What pg_cron runs named the procedure in the extension's schema.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
		EXECUTE $sql$
			UPDATE cron.job SET command = regexp_replace(command, '^CALL \S+\.ad_run_job\((.*)\)$', 'CALL _anomaly._ad_run_job(\1, NULL)')
			WHERE jobname LIKE 'anomaly %' AND database = current_database() AND command ~ '^CALL \S+\.ad_run_job\((.*)\)$'
		$sql$;
	END IF;
END $$;

-- A trigger function that ran with the rights of the bootstrap superuser, for
-- anybody who hung it on a table of his own. It becomes one in C that does its
-- work on one table. It keeps its name: where somebody has hung it on another
-- table, the trigger stays, and does nothing but raise an error.
CREATE OR REPLACE FUNCTION _anomaly._ad_job_number()
RETURNS trigger
AS 'MODULE_PATHNAME', 'ad_job_number'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION _anomaly._ad_version_guard()
RETURNS trigger
AS 'MODULE_PATHNAME', 'ad_version_guard'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
DROP TRIGGER _ad_job_number ON _anomaly._ad_job;
CREATE TRIGGER _ad_job_number
BEFORE INSERT ON _anomaly._ad_job
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_number();
CREATE TRIGGER _ad_version_guard
BEFORE INSERT ON _anomaly._ad_model_version
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_version_guard();
CREATE FUNCTION _anomaly._ad_job_guard()
RETURNS trigger
AS 'MODULE_PATHNAME', 'ad_job_guard'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_run
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_alert
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_grant
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();

-- For this script only: drops functions; those that others depend on are kept, for nobody.
CREATE FUNCTION _anomaly._ad_drop_functions_0_2(functions text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	f text;
BEGIN
	FOREACH f IN ARRAY $1 LOOP
		BEGIN
			EXECUTE format('DROP FUNCTION _anomaly.%s', f);
		EXCEPTION WHEN dependent_objects_still_exist THEN
			EXECUTE format('REVOKE ALL ON FUNCTION _anomaly.%s FROM PUBLIC', f);
			EXECUTE format('ALTER FUNCTION _anomaly.%s RENAME TO %I', f, split_part(f, '(', 1) || '_0_2');
			RAISE WARNING 'function _anomaly.% is kept as %_0_2, since other objects depend on it', f, split_part(f, '(', 1)
				USING HINT = 'Nothing uses it any more: drop what depends on it, and the function.';
		END;
	END LOOP;
END $$;
SELECT _anomaly._ad_drop_functions_0_2(ARRAY['_ad_job_grant(text, text, text)', '_ad_layering_horizon(jsonb)']);

-- What a layering job remembers of a partition; it reads each event once.
CREATE TABLE _anomaly._ad_job_part (
    job_id integer NOT NULL,
    part bytea NOT NULL,
    due bigint NOT NULL,
    ends bigint NOT NULL,
    state bytea NOT NULL,
    CONSTRAINT _ad_job_part_pkey PRIMARY KEY (part)
);
CREATE INDEX _ad_job_part_due ON _anomaly._ad_job_part (job_id, due);
ALTER TABLE _anomaly._ad_job_part ALTER state SET STORAGE EXTERNAL;
ALTER TABLE _anomaly._ad_job_part SET (autovacuum_vacuum_scale_factor = 0.05);
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_part
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_part', '');
REVOKE ALL ON _anomaly._ad_job_part FROM PUBLIC;
DO $$
BEGIN
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_job_part TO ' || CASE WHEN current_setting('server_version_num')::int >= 140000 THEN 'pg_database_owner'
		ELSE (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) END;
END $$;

-- What a watch remembers of columns, and the metrics of its periods.
CREATE TABLE _anomaly._ad_job_watch (
    job_id integer NOT NULL,
    subject text COLLATE "C" NOT NULL,
    gone boolean NOT NULL,
    state bytea NOT NULL,
    CONSTRAINT _ad_job_watch_pkey PRIMARY KEY (job_id, subject)
);
ALTER TABLE _anomaly._ad_job_watch ALTER state SET STORAGE EXTERNAL;
CREATE TABLE _anomaly._ad_job_metric (
    job_id integer NOT NULL,
    place bigint NOT NULL,
    metric text COLLATE "C" NOT NULL,
    value double precision,
    expected double precision,
    lower double precision,
    upper double precision,
    score double precision,
    verdict text NOT NULL,
    CONSTRAINT _ad_job_metric_pkey PRIMARY KEY (job_id, place, metric)
);
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_watch
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_metric
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_watch', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_metric', '');
REVOKE ALL ON _anomaly._ad_job_watch, _anomaly._ad_job_metric FROM PUBLIC;
DO $$
BEGIN
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_job_watch, _anomaly._ad_job_metric TO ' || CASE WHEN current_setting('server_version_num')::int >= 140000 THEN 'pg_database_owner'
		ELSE (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) END;
END $$;

-- Labels and grants are written by C, and rows deleted. What else used the views gets no
-- answer.
DO $$
DECLARE
	v text;
BEGIN
	FOREACH v IN ARRAY ARRAY['_ad_may_label', '_ad_label_of_job', '_ad_own_grant'] LOOP
		BEGIN
			EXECUTE format('DROP VIEW _anomaly.%I', v);
		EXCEPTION WHEN dependent_objects_still_exist THEN
			EXECUTE format('REVOKE ALL ON _anomaly.%I FROM PUBLIC', v);
			RAISE WARNING 'view _anomaly.% is kept, since other objects depend on it', v
				USING HINT = format('Nothing uses it any more: DROP VIEW _anomaly.%I CASCADE.', v);
		END;
	END LOOP;
END $$;

-- Who may update or delete in a view may lock the tables below it.
REVOKE UPDATE, DELETE ON _anomaly._ad_own_job, _anomaly._ad_own_state, _anomaly._ad_own_seen, _anomaly._ad_own_run,
	_anomaly._ad_own_alert FROM PUBLIC;
-- Jobs are made by C.
REVOKE INSERT ON _anomaly._ad_own_job FROM PUBLIC;

-- Infinite times broke views for everybody who saw the job.
UPDATE _anomaly._ad_job SET created_at = now() WHERE NOT isfinite(created_at);
UPDATE _anomaly._ad_job_run SET started = now() WHERE NOT isfinite(started);
UPDATE _anomaly._ad_job_run SET finished = now() WHERE NOT isfinite(finished);
UPDATE _anomaly._ad_alert SET scored_at = now() WHERE NOT isfinite(scored_at);
UPDATE _anomaly._ad_label SET labelled_at = now() WHERE NOT isfinite(labelled_at);
UPDATE _anomaly._ad_model_version SET trained_at = now() WHERE NOT isfinite(trained_at);
ALTER TABLE _anomaly._ad_job ADD CHECK (isfinite(created_at));
ALTER TABLE _anomaly._ad_job_run ADD CHECK (isfinite(started)), ADD CHECK (isfinite(finished)), ADD p_bins bigint[], ADD least_p double precision,
	ADD fallback bigint NOT NULL DEFAULT 0, ADD unscored bigint NOT NULL DEFAULT 0;
ALTER TABLE _anomaly._ad_alert ADD CHECK (isfinite(scored_at));
ALTER TABLE _anomaly._ad_label ADD CHECK (isfinite(labelled_at));
ALTER TABLE _anomaly._ad_model_version ADD CHECK (isfinite(trained_at));

-- What a fit took stands with its version.
ALTER TABLE _anomaly._ad_model_version ADD fit_ms double precision CHECK (fit_ms >= 0 AND fit_ms < 'infinity'),
	ADD fit_bytes bigint CHECK (fit_bytes >= 0);

-- And ad_train().
ALTER FUNCTION @extschema@.ad_train(text, text, jsonb, text, integer, boolean) RENAME TO _ad_train;
ALTER FUNCTION @extschema@._ad_train(text, text, jsonb, text, integer, boolean) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_train(text, text, text, text, integer, boolean) RENAME TO _ad_train;
ALTER FUNCTION @extschema@._ad_train(text, text, text, text, integer, boolean) SET SCHEMA _anomaly;

-- Limits of the health of a model.
ALTER TABLE _anomaly._ad_model_name ADD health jsonb;

-- A new privilege on models: that a role's labels count in ad_retrain().
ALTER TABLE _anomaly._ad_model_grant DROP CONSTRAINT _ad_model_grant_privilege_check,
	ADD CHECK (privilege IN ('score', 'label', 'read', 'own'));

-- A version may have a model per entity.
ALTER TABLE _anomaly._ad_model_version ADD groups jsonb CHECK (jsonb_typeof(groups) = 'object');

-- Its members may be weighted by labels.
ALTER TABLE _anomaly._ad_model_version ADD labels jsonb CHECK (jsonb_typeof(labels) = 'object');

-- What jobs that are gone left behind, which nobody could see or delete.
DELETE FROM _anomaly._ad_job_state s WHERE NOT EXISTS (SELECT FROM _anomaly._ad_job j WHERE j.id = s.job_id);
DELETE FROM _anomaly._ad_job_seen s WHERE NOT EXISTS (SELECT FROM _anomaly._ad_job j WHERE j.id = s.job_id);
DELETE FROM _anomaly._ad_job_run s WHERE NOT EXISTS (SELECT FROM _anomaly._ad_job j WHERE j.id = s.job_id);
DELETE FROM _anomaly._ad_alert s WHERE NOT EXISTS (SELECT FROM _anomaly._ad_job j WHERE j.id = s.job_id);
DELETE FROM _anomaly._ad_label s WHERE NOT EXISTS (SELECT FROM _anomaly._ad_job j WHERE j.id = s.job_id);
DELETE FROM _anomaly._ad_job_grant s WHERE NOT EXISTS (SELECT FROM _anomaly._ad_job j WHERE j.id = s.job_id);

-- Rows that the owner of the database may have planted, to be run by a role
-- with more rights than he has.
DO $$
DECLARE
	planted text;
BEGIN
	SELECT string_agg(p.what, '; ' ORDER BY p.what) INTO planted
	FROM pg_database d, LATERAL (
		SELECT format('job "%s" of role "%s"', j.name, j.owner::text) AS what
		FROM _anomaly._ad_job j WHERE j.owner::oid NOT IN (0, 4294967295) AND NOT pg_has_role(d.datdba, j.owner::oid, 'USAGE')
		UNION ALL
		SELECT format('version %s of model "%s" by role "%s"', v.version, v.name, v.trained_by)
		FROM _anomaly._ad_model_version v JOIN pg_roles r ON r.rolname = v.trained_by
		WHERE NOT pg_has_role(d.datdba, r.oid, 'USAGE')) p
	WHERE d.datname = current_database();
	IF planted IS NOT NULL THEN
		RAISE WARNING 'rows in the name of roles whose rights the owner of the database does not have: %', planted
			USING DETAIL = 'Until version 0.3.0 the owner of the database could insert such rows, and their queries run with the rights of that role.',
				HINT = 'Read the queries in ad_jobs and ad_models before the jobs are run and the models trained again.';
	END IF;
END $$;

-- Watermarks become places, integers, and what was scored becomes versions of
-- rows, key and watermark, many in a row. Views that show the old columns are
-- replaced below.
CREATE FUNCTION _anomaly._ad_place(watermark "any")
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_place'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OR REPLACE VIEW @extschema@.ad_jobs WITH (security_barrier) AS
SELECT j.name, j.owner::text AS owner, j.kind, j.model, j.rule, j.entity_column AS entity,
       CASE WHEN p.privilege = 'own' THEN j.source END AS source,
       j.key_column AS key, j.watermark_column AS watermark_column, j.batch_size, j.lag, j.cooldown, j.limit_per_hour,
       j.explain, j.features, j.options, j.created_at, p.privilege,
       NULL::text AS watermark, NULL::integer AS failures,
       r.started AS last_started, r.finished AS last_finished, r.error AS last_error
FROM _anomaly._ad_job j
     JOIN _anomaly._ad_job_privilege p ON p.job_id = j.id
     LEFT JOIN LATERAL (SELECT * FROM _anomaly._ad_job_run r WHERE r.job_id = j.id ORDER BY r.run DESC LIMIT 1) r ON true;
CREATE OR REPLACE VIEW _anomaly._ad_job_health WITH (security_barrier) AS
SELECT j.name, NULL::integer AS failures, NULL::interval AS lag, NULL::text AS error, NULL::bigint AS alerts, NULL::boolean AS ran
FROM _anomaly._ad_job j;
DROP VIEW _anomaly._ad_own_state, _anomaly._ad_own_seen;

ALTER TABLE _anomaly._ad_job_state RENAME TO _ad_job_state_old;
ALTER TABLE _anomaly._ad_job_state_old RENAME CONSTRAINT _ad_job_state_pkey TO _ad_job_state_old_pkey;
CREATE TABLE _anomaly._ad_job_state (
    job_id integer CONSTRAINT _ad_job_state_pkey PRIMARY KEY,
    failures integer NOT NULL DEFAULT 0,
    type text CHECK (type IN ('integer', 'timestamptz', 'timestamp', 'date')),
    w bigint,
    m bigint,
    low bigint,
    gate bigint,
    mark bigint,
    mark_holders text[],
    marked_at timestamptz CHECK (isfinite(marked_at)),
    generation integer NOT NULL DEFAULT 1,
    snapshot text,
    filenodes text,
    origin text,
    jump bigint,
    jumps integer NOT NULL DEFAULT 0,
    seen bigint NOT NULL DEFAULT 0,
    forgotten bigint NOT NULL DEFAULT 0,
    late_rows bigint,
    late_checked timestamptz CHECK (isfinite(late_checked)),
    fdr bytea,
    stream bytea,
    paused_until timestamptz CHECK (isfinite(paused_until))
);
ALTER TABLE _anomaly._ad_job_state ALTER fdr SET STORAGE EXTERNAL, ALTER stream SET STORAGE EXTERNAL;
-- how many rows were scored is not known: what is there when that is first
-- asked was
INSERT INTO _anomaly._ad_job_state (job_id, failures, type, w, m, forgotten, seen)
SELECT o.job_id, o.failures, CASE WHEN o.no IS NOT NULL THEN 'integer' END, p.place, p.place, CASE WHEN p.place IS NULL THEN 0 ELSE -1 END,
	(SELECT count(*) FROM _anomaly._ad_job_seen n WHERE n.job_id = o.job_id)
FROM _anomaly._ad_job_state_old o, LATERAL (SELECT coalesce(o.no, _anomaly._ad_place(o.at)) AS place) p;

ALTER TABLE _anomaly._ad_job_seen RENAME TO _ad_job_seen_old;
ALTER TABLE _anomaly._ad_job_seen_old RENAME CONSTRAINT _ad_job_seen_pkey TO _ad_job_seen_old_pkey;
CREATE TABLE _anomaly._ad_job_seen (
    job_id integer NOT NULL,
    generation integer NOT NULL,
    chunk integer NOT NULL,
    low bigint NOT NULL,
    high bigint NOT NULL,
    keys text[] NOT NULL,
    places bigint[] NOT NULL,
    CONSTRAINT _ad_job_seen_pkey PRIMARY KEY (job_id, generation, chunk)
);
ALTER TABLE _anomaly._ad_job_seen ALTER keys SET STORAGE EXTERNAL, ALTER places SET STORAGE EXTERNAL;
INSERT INTO _anomaly._ad_job_seen
SELECT n.job_id, 1, n.chunk + 1, min(n.place), max(n.place), array_agg(n.key ORDER BY n.i), array_agg(n.place ORDER BY n.i)
FROM (SELECT o.*, row_number() OVER w AS i, ((row_number() OVER w - 1) / 50000)::integer AS chunk
      FROM (SELECT job_id, key::text COLLATE "default" AS key, coalesce(no, _anomaly._ad_place(at)) AS place FROM _anomaly._ad_job_seen_old) o
      WINDOW w AS (PARTITION BY o.job_id ORDER BY o.place, o.key COLLATE "C")) n
WHERE n.place IS NOT NULL
GROUP BY n.job_id, n.chunk;
DROP TABLE _anomaly._ad_job_seen_old;
DROP TABLE _anomaly._ad_job_state_old;

CREATE TABLE _anomaly._ad_job_error (
    job_id integer NOT NULL,
    generation integer NOT NULL,
    key text COLLATE "C",
    place bigint,
    watermark text,
    message text NOT NULL,
    error_code text NOT NULL,
    run integer NOT NULL,
    at timestamptz NOT NULL CHECK (isfinite(at))
);
CREATE INDEX _ad_job_error_at ON _anomaly._ad_job_error (job_id, at);

ALTER TABLE _anomaly._ad_alert
	ADD generation integer NOT NULL DEFAULT 1,
	ADD place bigint NOT NULL DEFAULT 0,
	ADD watermark text,
	ADD job text COLLATE "C";
-- the watermark stands in the row, as JSON writes it: of a time in UTC, or
-- with its zone, so that it is the same moment or the same wall clock
DO $$
DECLARE
	j record;
BEGIN
	PERFORM set_config('timezone', 'UTC', true);
	FOR j IN SELECT o.id, o.name, o.kind, o.watermark_column AS column, s.type FROM _anomaly._ad_job o LEFT JOIN _anomaly._ad_job_state s ON s.job_id = o.id LOOP
		BEGIN
			UPDATE _anomaly._ad_alert a SET job = j.name,
				watermark = CASE j.kind WHEN 'layering' THEN a."row" ->> 'start_time' ELSE a."row" ->> j.column END,
				place = CASE WHEN j.type = 'integer' THEN (a."row" ->> j.column)::bigint
							 WHEN j.kind = 'layering' THEN _anomaly._ad_place(a.event_at)
							 ELSE _anomaly._ad_place((a."row" ->> j.column)::timestamptz) END
			WHERE a.job_id = j.id;
		EXCEPTION WHEN data_exception OR not_null_violation THEN
			UPDATE _anomaly._ad_alert a SET job = j.name, place = _anomaly._ad_place(a.event_at) WHERE a.job_id = j.id;
		END;
	END LOOP;
	RESET timezone;
END $$;
DELETE FROM _anomaly._ad_alert WHERE job IS NULL;
ALTER TABLE _anomaly._ad_alert ALTER job SET NOT NULL,
	DROP CONSTRAINT _ad_alert_pkey, ADD CONSTRAINT _ad_alert_pkey PRIMARY KEY (job_id, key, generation, place);
DROP INDEX _anomaly._ad_alert_event_at, _anomaly._ad_alert_scored_at;
CREATE INDEX _ad_alert_event_at ON _anomaly._ad_alert (job, event_at);
CREATE INDEX _ad_alert_scored_at ON _anomaly._ad_alert (job, scored_at);

ALTER TABLE _anomaly._ad_label DROP CONSTRAINT _ad_label_pkey,
	ADD generation integer, ADD place bigint;
CREATE UNIQUE INDEX _ad_label_key ON _anomaly._ad_label (job_id, key, coalesce(generation, 0), coalesce(place, 0));

CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_state
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_seen
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_error
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
SELECT pg_extension_config_dump('_anomaly._ad_job_state', '');
SELECT pg_extension_config_dump('_anomaly._ad_job_seen', '');
SELECT pg_extension_config_dump('_anomaly._ad_job_error', '');
REVOKE ALL ON _anomaly._ad_job_state, _anomaly._ad_job_seen, _anomaly._ad_job_error FROM PUBLIC;
DO $$
DECLARE
	dumper text := 'pg_database_owner';
BEGIN
	IF current_setting('server_version_num')::int < 140000 THEN
		SELECT quote_ident(pg_get_userbyid(datdba)) INTO dumper FROM pg_database WHERE datname = current_database();
	END IF;
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_job_state, _anomaly._ad_job_seen, _anomaly._ad_job_error TO ' || dumper;
END $$;

-- What runs jobs is C.
SELECT _anomaly._ad_drop_functions_0_2(ARRAY['_ad_job_unlock()',
		'_ad_job_begin(text)',
		'_ad_job_alerts(_anomaly._ad_own_job, integer, bigint, jsonb)',
		'_ad_job_batch_model(_anomaly._ad_own_job, integer, timestamptz)',
		'_ad_job_batch_layering(_anomaly._ad_own_job, integer, timestamptz)',
		'_ad_job_batch(integer, integer, timestamptz)',
		'_ad_job_explanation(_anomaly._ad_own_job, text)']);

-- The options of jobs become one jsonb. The old table is there until views no
-- longer depend on it: see what runs at the end.
ALTER TABLE _anomaly._ad_job RENAME TO _ad_job_0_2;
ALTER TABLE _anomaly._ad_job_0_2 RENAME CONSTRAINT _ad_job_pkey TO _ad_job_0_2_pkey;
ALTER TABLE _anomaly._ad_job_0_2 RENAME CONSTRAINT _ad_job_name_key TO _ad_job_0_2_name_key;
CREATE TABLE _anomaly._ad_job (
    id integer CONSTRAINT _ad_job_pkey PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT _ad_job_name_key UNIQUE
        CHECK (octet_length(name) BETWEEN 1 AND 63),
    owner _anomaly._ad_role NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    search_path text NOT NULL,
    timezone text NOT NULL,
    created_at timestamptz NOT NULL CHECK (isfinite(created_at)),
    options jsonb NOT NULL CHECK (jsonb_typeof(options) = 'object')
);
SET LOCAL intervalstyle = 'postgres';
INSERT INTO _anomaly._ad_job (id, name, owner, kind, source, search_path, timezone, created_at, options)
SELECT id, name, owner, kind, source, search_path, timezone, created_at,
	jsonb_build_object('watermark', watermark_column, 'rule', rule, 'lag', lag, 'cooldown', cooldown::text, 'limit_per_hour', limit_per_hour,
		'since', since, 'on_error', 'skip', 'seen_limit', 1000000, 'late_check', '1 day', 'pause_after', 5, 'health', NULL)
	|| CASE kind
		WHEN 'layering' THEN jsonb_build_object('partition_by', to_jsonb(partition_by), 'order_by', CASE WHEN order_by IS NOT NULL THEN jsonb_build_array(order_by) END, 'options',
			-- ad_alter_job() stored only what it was given
			'{"rule": "window", "trade_rule": "after", "min_orders": 3, "min_cancels": 3, "on_bad": "error", "orders_window": 10,
			  "cancel_window": 5, "opposite_trade_window": 2}' || coalesce(jsonb_strip_nulls(options), '{}'))
		ELSE jsonb_build_object('model', model, 'key', key_column, 'entity', entity_column, 'features', to_jsonb(features),
			'batch_size', batch_size, 'explain', least(explain, 4096)) END
FROM _anomaly._ad_job_0_2;
CREATE TRIGGER _ad_job_number
BEFORE INSERT ON _anomaly._ad_job
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_number();
SELECT pg_extension_config_dump('_anomaly._ad_job', '');
REVOKE ALL ON _anomaly._ad_job FROM PUBLIC;
DO $$
DECLARE
	dumper text := 'pg_database_owner';
BEGIN
	IF current_setting('server_version_num')::int < 140000 THEN
		SELECT quote_ident(pg_get_userbyid(datdba)) INTO dumper FROM pg_database WHERE datname = current_database();
	END IF;
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_job TO ' || dumper;
END $$;

-- A view that was kept must not keep the old table.
DO $$
BEGIN
	IF to_regclass('_anomaly._ad_own_grant') IS NOT NULL THEN
		EXECUTE 'CREATE OR REPLACE VIEW _anomaly._ad_own_grant WITH (security_barrier) AS
			SELECT * FROM _anomaly._ad_job_grant WHERE job_id IN (SELECT id FROM _anomaly._ad_job WHERE pg_has_role(owner, ''USAGE''))';
	END IF;
END $$;

-- There was one alert a key, and a label of a key is one of that alert.
UPDATE _anomaly._ad_label l SET generation = a.generation, place = a.place
FROM _anomaly._ad_alert a WHERE a.job_id = l.job_id AND a.key = l.key;

-- Functions over jobs answer with a name or a count, and take more options:
-- what depends on an old one keeps it.
ALTER FUNCTION @extschema@.ad_create_job(text, text, text, text, text, jsonb, text, integer, text, interval, integer, integer, text, text[]) RENAME TO _ad_create_job;
ALTER FUNCTION @extschema@._ad_create_job(text, text, text, text, text, jsonb, text, integer, text, interval, integer, integer, text, text[]) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_create_layering_job(text, text, jsonb, jsonb, text[], text, text, interval, integer, text) RENAME TO _ad_create_layering_job;
ALTER FUNCTION @extschema@._ad_create_layering_job(text, text, jsonb, jsonb, text[], text, text, interval, integer, text) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_alter_job(text, jsonb) RENAME TO _ad_alter_job;
ALTER FUNCTION @extschema@._ad_alter_job(text, jsonb) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_grant_job(text, text, text) RENAME TO _ad_grant_job;
ALTER FUNCTION @extschema@._ad_grant_job(text, text, text) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_revoke_job(text, text, text) RENAME TO _ad_revoke_job;
ALTER FUNCTION @extschema@._ad_revoke_job(text, text, text) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_label(text, text, boolean, text) RENAME TO _ad_label;
ALTER FUNCTION @extschema@._ad_label(text, text, boolean, text) SET SCHEMA _anomaly;
ALTER FUNCTION @extschema@.ad_label(text, bigint, boolean, text) RENAME TO _ad_label;
ALTER FUNCTION @extschema@._ad_label(text, bigint, boolean, text) SET SCHEMA _anomaly;

ALTER FUNCTION @extschema@.ad_drop_model(text, integer) RENAME TO _ad_drop_model;
ALTER FUNCTION @extschema@._ad_drop_model(text, integer) SET SCHEMA _anomaly;

-- What they called is in C.
SELECT _anomaly._ad_drop_functions_0_2(ARRAY['_ad_job_store(_anomaly._ad_own_job)',
		'_ad_job_check(_anomaly._ad_own_job)',
		'_ad_job_defaults(_anomaly._ad_own_job)',
		'_ad_job_alter(text, jsonb, text)',
		'_ad_layering_all(jsonb)',
		'_ad_job_unschedule(text)',
		'_ad_job_watermark_kind(regtype)',
		'_ad_job_lag(text, text)',
		'_ad_job_since(_anomaly._ad_own_job, text)',
		'_ad_job_layering_check(_anomaly._ad_own_job, text, text[], regtype[])',
		'_ad_retrain_champion(text, double precision, double precision, integer)',
		'_ad_retrain_metrics(text, bytea, bytea, jsonb, jsonb)',
		'_ad_retrain_decide(text, integer, integer, double precision, double precision, double precision, integer)',
		'_ad_health_jobs()']);
