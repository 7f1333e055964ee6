-- Jobs and alerts: tables, who may see what, creating and changing jobs.
--
-- Nobody has rights on the tables. What belongs to a role is seen and
-- written through the views _ad_own_*, which show it what belongs to roles
-- that it has the rights of, while triggers refuse to write anything else; what
-- was granted is read through ad_jobs, ad_alert, ad_job_run and ad_labels. So all
-- that follows runs as whoever calls it. A job's query runs as its owner only.
--
-- Nobody may UPDATE or DELETE a view as a whole: who may, may LOCK TABLE it, and
-- with it the tables below, against everybody. Columns are updated; rows are
-- deleted by _ad_job_delete().

-- No foreign keys between the tables: pg_restore with several jobs loads them
-- in any order. ad_drop_job() deletes what belongs to a job.
CREATE SEQUENCE _anomaly._ad_job_id AS integer;
COMMENT ON SEQUENCE _anomaly._ad_job_id IS 'numbers of jobs';

CREATE TABLE _anomaly._ad_job (
    id integer CONSTRAINT _ad_job_pkey PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT _ad_job_name_key UNIQUE
        CHECK (octet_length(name) BETWEEN 1 AND 63),
    owner _anomaly._ad_role NOT NULL,
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
    created_at timestamptz NOT NULL CHECK (isfinite(created_at))
);
COMMENT ON TABLE _anomaly._ad_job IS 'jobs as they were asked for';

-- Watermarks are places: integers as they are, times as microseconds
-- (src/jobs/place.c). What the columns mean is in src/jobs/ad_jobs.h.
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
    stream bytea
);
ALTER TABLE _anomaly._ad_job_state ALTER fdr SET STORAGE EXTERNAL, ALTER stream SET STORAGE EXTERNAL;
COMMENT ON TABLE _anomaly._ad_job_state IS 'how far jobs have come: the watermark, failures in a row';

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
COMMENT ON TABLE _anomaly._ad_job_seen IS 'versions of rows, key and place, that a job has scored and may read again; many in a row';

CREATE TABLE _anomaly._ad_job_run (
    job_id integer NOT NULL,
    run integer NOT NULL,
    pid integer NOT NULL,
    started timestamptz NOT NULL CHECK (isfinite(started)),
    finished timestamptz CHECK (isfinite(finished)),
    batches integer NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    alerts bigint NOT NULL DEFAULT 0,
    suppressed bigint NOT NULL DEFAULT 0,
    error text,
    error_code text,
    CONSTRAINT _ad_job_run_pkey PRIMARY KEY (job_id, run)
);
COMMENT ON TABLE _anomaly._ad_job_run IS 'the log of runs';

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
COMMENT ON TABLE _anomaly._ad_job_error IS 'rows that could not be scored';

CREATE TABLE _anomaly._ad_alert (
    job_id integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    entity text,
    score double precision NOT NULL,
    p_value double precision,
    explanation jsonb,
    "row" jsonb NOT NULL,
    model_version integer,
    event_at timestamptz NOT NULL,
    scored_at timestamptz NOT NULL CHECK (isfinite(scored_at)),
    generation integer NOT NULL DEFAULT 1,
    place bigint NOT NULL DEFAULT 0,
    watermark text,
    job text COLLATE "C" NOT NULL,
    CONSTRAINT _ad_alert_pkey PRIMARY KEY (job_id, key, generation, place)
);
-- by the name, so that the latest alerts of a job are read through the views
CREATE INDEX _ad_alert_event_at ON _anomaly._ad_alert (job, event_at);
CREATE INDEX _ad_alert_entity ON _anomaly._ad_alert (job_id, entity, event_at) WHERE entity IS NOT NULL;
CREATE INDEX _ad_alert_scored_at ON _anomaly._ad_alert (job, scored_at);
COMMENT ON TABLE _anomaly._ad_alert IS 'what jobs found, once a version of a row';

CREATE TABLE _anomaly._ad_label (
    job_id integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    is_anomaly boolean NOT NULL,
    "row" jsonb NOT NULL,
    note text,
    labelled_by text NOT NULL,
    labelled_at timestamptz NOT NULL CHECK (isfinite(labelled_at)),
    generation integer,
    place bigint
);
-- a version of a row, or, of a row without an alert, its key alone
CREATE UNIQUE INDEX _ad_label_key ON _anomaly._ad_label (job_id, key, coalesce(generation, 0), coalesce(place, 0));
COMMENT ON TABLE _anomaly._ad_label IS 'what people say of rows';

CREATE TABLE _anomaly._ad_job_grant (
    job_id integer NOT NULL,
    role _anomaly._ad_role NOT NULL,
    privilege text COLLATE "C" NOT NULL CHECK (privilege IN ('read', 'label')),
    CONSTRAINT _ad_job_grant_pkey PRIMARY KEY (job_id, role, privilege)
);
COMMENT ON TABLE _anomaly._ad_job_grant IS 'who may see the alerts of a job, or label them';

CREATE TRIGGER _ad_job_grant_skip
BEFORE INSERT ON _anomaly._ad_job_grant
FOR EACH ROW WHEN (NEW.role::oid = 4294967295::oid)
EXECUTE FUNCTION _anomaly._ad_model_grant_skip();

-- The number is given here, so that nobody needs rights on the sequence; who
-- restores brings his own. See src/rows/guard.c.
CREATE FUNCTION _anomaly._ad_job_number()
RETURNS trigger
AS 'MODULE_PATHNAME', 'ad_job_number'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_job_number() IS
'gives a new job its number and time, and refuses one in the name of a role whose rights the inserter does not have';
REVOKE ALL ON FUNCTION _anomaly._ad_job_number() FROM PUBLIC;

CREATE TRIGGER _ad_job_number
BEFORE INSERT ON _anomaly._ad_job
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_number();

-- What a view checks, it checks after unique indexes, whose errors would say
-- which keys the jobs of others have.
CREATE FUNCTION _anomaly._ad_job_guard()
RETURNS trigger
AS 'MODULE_PATHNAME', 'ad_job_guard'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_job_guard() IS
'refuses what belongs to a job of a role whose rights the inserter does not have';
REVOKE ALL ON FUNCTION _anomaly._ad_job_guard() FROM PUBLIC;

CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_state
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_seen
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_run
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_error
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_alert
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();
CREATE TRIGGER _ad_job_guard
BEFORE INSERT ON _anomaly._ad_job_grant
FOR EACH ROW EXECUTE FUNCTION _anomaly._ad_job_guard();

SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_id', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_state', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_seen', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_run', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_error', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_alert', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_label', '');
SELECT pg_catalog.pg_extension_config_dump('_anomaly._ad_job_grant', '');

REVOKE ALL ON SEQUENCE _anomaly._ad_job_id FROM PUBLIC;
REVOKE ALL ON _anomaly._ad_job, _anomaly._ad_job_state, _anomaly._ad_job_seen, _anomaly._ad_job_run, _anomaly._ad_job_error,
    _anomaly._ad_alert, _anomaly._ad_label, _anomaly._ad_job_grant FROM PUBLIC;
DO $$
DECLARE
	dumper text := 'pg_database_owner';
BEGIN
	IF current_setting('server_version_num')::int < 140000 THEN
		SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba)) INTO dumper
		FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database();
	END IF;
	EXECUTE 'GRANT SELECT, UPDATE ON SEQUENCE _anomaly._ad_job_id TO ' || dumper;
	EXECUTE 'GRANT SELECT, INSERT ON _anomaly._ad_job, _anomaly._ad_job_state, _anomaly._ad_job_seen, '
		'_anomaly._ad_job_run, _anomaly._ad_job_error, _anomaly._ad_alert, _anomaly._ad_label, _anomaly._ad_job_grant TO ' || dumper;
END $$;

-- What is one's own.
--
-- The server takes comparisons of the reader past the barrier of a view, and
-- EXPLAIN ANALYZE shows how many rows each scan finds. So no scan may find a row
-- of others: where a table belongs to jobs, _ad_among() is in each scan of it;
-- where there are few rows, OFFSET 0 keeps the reader's conditions above them;
-- and the two columns of a job that have an index are expressions, which no
-- index knows.

CREATE FUNCTION _anomaly._ad_among_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_among_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_among_support(internal) IS
'planner support: lets _ad_among() be asked before all else, and by indexes';

CREATE FUNCTION _anomaly._ad_among(number integer, numbers integer[])
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_among'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
SUPPORT _anomaly._ad_among_support;
COMMENT ON FUNCTION _anomaly._ad_among(integer, integer[]) IS
'whether a number is one of an array, asked before all else; NULL in the array is an error';

CREATE FUNCTION _anomaly._ad_among(name text, names text[])
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_among_names'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
SUPPORT _anomaly._ad_among_support;
COMMENT ON FUNCTION _anomaly._ad_among(text, text[]) IS
'whether a name is one of an array, asked before all else; NULL in the array is an error';

CREATE VIEW _anomaly._ad_own_job WITH (security_barrier) AS
SELECT id + 0 AS id, name || '' AS name, owner, kind, model, source, key_column, watermark_column, entity_column, features,
       rule, batch_size, lag, cooldown, limit_per_hour, explain, options, partition_by, order_by, since, search_path,
       timezone, created_at
FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE')
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _anomaly._ad_own_job IS 'jobs of roles that the current user has the rights of';

-- Jobs come in through a view of their own: who could insert and update in one
-- could, by ON CONFLICT (name) DO UPDATE, reach a job of another. Nothing is
-- read through it, and the number is not the caller's to give.
CREATE VIEW _anomaly._ad_new_job WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE')
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _anomaly._ad_new_job IS 'jobs as they are made';

CREATE VIEW _anomaly._ad_own_state WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_job_state
WHERE _anomaly._ad_among(job_id, ARRAY(SELECT id FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE')))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _anomaly._ad_own_state IS 'how far one''s own jobs have come';

CREATE VIEW _anomaly._ad_own_seen WITH (security_barrier) AS
SELECT s.job_id, u.key, u.place
FROM _anomaly._ad_job_seen s, unnest(s.keys, s.places) u(key, place)
WHERE _anomaly._ad_among(s.job_id, ARRAY(SELECT id FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE')));
COMMENT ON VIEW _anomaly._ad_own_seen IS 'versions of rows that one''s own jobs have scored and may read again';
GRANT SELECT ON _anomaly._ad_own_seen TO PUBLIC;

CREATE VIEW _anomaly._ad_own_run WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_job_run
WHERE _anomaly._ad_among(job_id, ARRAY(SELECT id FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE')))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _anomaly._ad_own_run IS 'runs of one''s own jobs';

CREATE VIEW _anomaly._ad_own_alert WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_alert
WHERE _anomaly._ad_among(job_id, ARRAY(SELECT id FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE')))
    AND _anomaly._ad_among(job, ARRAY(SELECT name FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE')))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _anomaly._ad_own_alert IS 'alerts of one''s own jobs';

CREATE VIEW _anomaly._ad_own_grant WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_job_grant
WHERE _anomaly._ad_among(job_id, ARRAY(SELECT id FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE')))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW _anomaly._ad_own_grant IS 'what is granted on one''s own jobs';

GRANT INSERT (name, owner, kind, model, source, key_column, watermark_column, entity_column, features, rule, batch_size,
    lag, cooldown, limit_per_hour, explain, options, partition_by, order_by, since, search_path, timezone, created_at)
    ON _anomaly._ad_new_job TO PUBLIC;
GRANT SELECT, UPDATE (owner, model, source, search_path, rule, entity_column, batch_size, lag, cooldown,
    limit_per_hour, explain, features, options) ON _anomaly._ad_own_job TO PUBLIC;
GRANT SELECT, INSERT ON _anomaly._ad_own_state, _anomaly._ad_own_run, _anomaly._ad_own_alert, _anomaly._ad_own_grant TO PUBLIC;
GRANT UPDATE (failures) ON _anomaly._ad_own_state TO PUBLIC;
GRANT UPDATE (finished, batches, rows, alerts, suppressed, error, error_code) ON _anomaly._ad_own_run TO PUBLIC;

-- See src/rows/guard.c.
CREATE FUNCTION _anomaly._ad_job_delete(
    job_id integer,
    what text,
    before timestamptz DEFAULT NULL,
    role oid DEFAULT NULL,
    privilege text DEFAULT NULL,
    keys text[] DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_job_delete'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_job_delete(integer, text, timestamptz, oid, text, text[]) IS
'deletes of a job of one''s own the alerts or runs before a time, a grant, what has one of some keys, or the job with all that belongs to it; returns how many rows are gone, of a job how many alerts, of keys how many alerts and labels';

-- own: as above; label and read: granted
CREATE VIEW _anomaly._ad_job_privilege WITH (security_barrier) AS
SELECT p.job_id, p.name, p.privilege
FROM (SELECT j.id AS job_id, j.name,
             CASE WHEN pg_has_role(j.owner, 'USAGE') THEN 'own'
                  ELSE (SELECT min(g.privilege) FROM _anomaly._ad_job_grant g
                        WHERE g.job_id = j.id AND (g.role::oid = 0::oid OR pg_has_role(g.role, 'USAGE'))) END AS privilege
      FROM _anomaly._ad_job j OFFSET 0) p
WHERE p.privilege IS NOT NULL;
COMMENT ON VIEW _anomaly._ad_job_privilege IS
'the most the current user may do with each job: read, label, own';
GRANT SELECT ON _anomaly._ad_job_privilege TO PUBLIC;

-- A time may be infinite, and two may be too far apart for an interval.
CREATE FUNCTION _anomaly._ad_seconds_between(since timestamptz, until timestamptz)
RETURNS double precision
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN isfinite($1) AND isfinite($2)
            THEN extract(epoch FROM $2)::double precision - extract(epoch FROM $1)::double precision END
$$;
COMMENT ON FUNCTION _anomaly._ad_seconds_between(timestamptz, timestamptz) IS
'seconds from one time to another; NULL if one of them is infinite';

CREATE FUNCTION _anomaly._ad_interval(seconds double precision)
RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT justify_hours(make_interval(secs => least(greatest($1, -9e12), 9e12))) $$;
COMMENT ON FUNCTION _anomaly._ad_interval(double precision) IS
'an interval of so many seconds, cut at some 285,000 years';

-- Nor may a long text keep a job from going on: an index takes 2,700 bytes.
CREATE FUNCTION _anomaly._ad_short(value text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN octet_length($1) > 1000 THEN left($1, 200) || '... ' || md5($1) ELSE $1 END $$;
COMMENT ON FUNCTION _anomaly._ad_short(text) IS
'a text as it is kept as a key or an entity: of one of more than 1,000 bytes the beginning, and its MD5';

-- What may be seen. The text of an error may hold values of rows that are no
-- alerts, or of other tables: it is its owner's.

CREATE FUNCTION _anomaly._ad_error_class(code text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN code ~ '^[0-9A-Z]{5}$' THEN code || coalesce(' (' || CASE left(code, 2)
    WHEN '02' THEN 'no data'
    WHEN '08' THEN 'connection exception'
    WHEN '09' THEN 'triggered action exception'
    WHEN '0A' THEN 'feature not supported'
    WHEN '0P' THEN 'invalid role specification'
    WHEN '20' THEN 'case not found'
    WHEN '21' THEN 'cardinality violation'
    WHEN '22' THEN 'data exception'
    WHEN '23' THEN 'integrity constraint violation'
    WHEN '24' THEN 'invalid cursor state'
    WHEN '25' THEN 'invalid transaction state'
    WHEN '26' THEN 'invalid SQL statement name'
    WHEN '28' THEN 'invalid authorization specification'
    WHEN '2D' THEN 'invalid transaction termination'
    WHEN '2F' THEN 'SQL routine exception'
    WHEN '34' THEN 'invalid cursor name'
    WHEN '38' THEN 'external routine exception'
    WHEN '39' THEN 'external routine invocation exception'
    WHEN '3D' THEN 'invalid catalog name'
    WHEN '3F' THEN 'invalid schema name'
    WHEN '40' THEN 'transaction rollback'
    WHEN '42' THEN 'syntax error or access rule violation'
    WHEN '44' THEN 'WITH CHECK OPTION violation'
    WHEN '53' THEN 'insufficient resources'
    WHEN '54' THEN 'program limit exceeded'
    WHEN '55' THEN 'object not in prerequisite state'
    WHEN '57' THEN 'operator intervention'
    WHEN '58' THEN 'system error'
    WHEN '72' THEN 'snapshot failure'
    WHEN 'F0' THEN 'configuration file error'
    WHEN 'HV' THEN 'foreign data wrapper error'
    WHEN 'P0' THEN 'PL/pgSQL error'
    WHEN 'XX' THEN 'internal error'
    END || ')', '')
    ELSE 'an error without a code' END
$$;
COMMENT ON FUNCTION _anomaly._ad_error_class(text) IS
'SQLSTATE and class of an error, for who may not see its text';

CREATE FUNCTION _anomaly._ad_place(watermark "any")
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_place'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_place("any") IS
'a watermark as one integer: itself, or the microseconds of a time since 2000';

CREATE FUNCTION _anomaly._ad_place_text(place bigint, type text)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_place_as_text'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_place_text(bigint, text) IS
'a place as text: an integer, or a time in ISO style, a timestamptz in UTC';

CREATE VIEW _anomaly._ad_visible_job WITH (security_barrier) AS
SELECT j.name, j.owner::text AS owner, j.kind, j.model, j.rule, j.entity_column AS entity,
       CASE WHEN p.privilege = 'own' THEN j.source END AS source,
       j.key_column AS key, j.watermark_column AS watermark_column, j.batch_size, j.lag, j.cooldown, j.limit_per_hour,
       j.explain, j.features, j.options, j.created_at, p.privilege,
       _anomaly._ad_place_text(coalesce(s.m, s.w), coalesce(s.type, 'timestamp')) AS watermark, s.failures,
       r.started AS last_started, r.finished AS last_finished,
       CASE WHEN p.privilege = 'own' OR r.error IS NULL THEN r.error ELSE _anomaly._ad_error_class(r.error_code) END AS last_error,
       _anomaly._ad_place_text(s.w, coalesce(s.type, 'timestamp')) AS settled, s.seen, s.late_rows
FROM _anomaly._ad_job j
     JOIN _anomaly._ad_job_privilege p ON p.job_id = j.id
     JOIN _anomaly._ad_job_state s ON s.job_id = j.id
     LEFT JOIN LATERAL (SELECT * FROM _anomaly._ad_job_run r WHERE r.job_id = j.id ORDER BY r.run DESC LIMIT 1) r ON true
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_visible_job IS 'what ad_jobs shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_job TO PUBLIC;

CREATE VIEW @extschema@.ad_jobs WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_visible_job;
COMMENT ON VIEW @extschema@.ad_jobs IS 'the jobs that the current user may see, and how far they have come';
COMMENT ON COLUMN @extschema@.ad_jobs.source IS 'the query; NULL to others than the owner';
COMMENT ON COLUMN @extschema@.ad_jobs.watermark IS 'how far it has come: a time (timestamptz in UTC) or an integer';
COMMENT ON COLUMN @extschema@.ad_jobs.settled IS 'below it less the lag nothing is missing but late rows';
COMMENT ON COLUMN @extschema@.ad_jobs.seen IS 'versions of rows that are remembered, so that none is scored twice';
COMMENT ON COLUMN @extschema@.ad_jobs.late_rows IS 'rows that came too late, when they were last counted; NULL: never';
COMMENT ON COLUMN @extschema@.ad_jobs.last_error IS 'of the last run; SQLSTATE and class to others than the owner';
COMMENT ON COLUMN @extschema@.ad_jobs.failures IS 'how many runs have failed since the last that did not';

-- Within a barrier the planner looks for an order only where there is one, and
-- not through two: so this view has one, and stands on the tables. The index
-- by job and time then reads the latest alerts of a job and no others. Labels
-- are looked up for the rows that are shown.
CREATE VIEW @extschema@.ad_alert WITH (security_barrier) AS
SELECT a.job, a.key, a.entity, a.score, a.p_value, a.explanation, a."row", a.model_version, a.event_at, a.scored_at,
       (SELECT l.is_anomaly FROM _anomaly._ad_label l
        WHERE l.job_id = a.job_id AND l.key = a.key AND coalesce(l.place, a.place) = a.place AND coalesce(l.generation, a.generation) = a.generation
        ORDER BY l.labelled_at DESC LIMIT 1) AS label
FROM _anomaly._ad_alert a
WHERE _anomaly._ad_among(a.job_id, ARRAY(SELECT p.job_id FROM _anomaly._ad_job_privilege p))
    AND _anomaly._ad_among(a.job, ARRAY(SELECT p.name FROM _anomaly._ad_job_privilege p))
ORDER BY a.job DESC, a.scored_at DESC;
COMMENT ON VIEW @extschema@.ad_alert IS 'the alerts of the jobs that the current user may see';
COMMENT ON COLUMN @extschema@.ad_alert.explanation IS 'the features that contribute most to the score, greatest first';
COMMENT ON COLUMN @extschema@.ad_alert."row" IS 'the row of the job''s source, as it was scored';
COMMENT ON COLUMN @extschema@.ad_alert.event_at IS 'the row''s watermark as a time; for an integer watermark the time of scoring';
COMMENT ON COLUMN @extschema@.ad_alert.label IS 'what ad_label() said of it';

CREATE VIEW @extschema@.ad_job_run WITH (security_barrier) AS
SELECT p.name AS job, r.run, r.started, r.finished, r.batches, r.rows, r.alerts, r.suppressed,
       CASE WHEN r.error IS NOT NULL THEN 'failed' WHEN r.finished IS NULL THEN 'unfinished' ELSE 'ok' END AS status,
       CASE WHEN p.privilege = 'own' OR r.error IS NULL THEN r.error ELSE _anomaly._ad_error_class(r.error_code) END AS error,
       r.error_code, r.pid
FROM _anomaly._ad_job_run r
     JOIN (SELECT * FROM _anomaly._ad_job_privilege OFFSET 0) p ON p.job_id = r.job_id
WHERE _anomaly._ad_among(r.job_id, ARRAY(SELECT o.job_id FROM _anomaly._ad_job_privilege o));
COMMENT ON VIEW @extschema@.ad_job_run IS 'the runs, of the last 30 days, of the jobs that the current user may see';
COMMENT ON COLUMN @extschema@.ad_job_run.suppressed IS 'alerts not written because of cooldown or limit_per_hour';
COMMENT ON COLUMN @extschema@.ad_job_run.error IS 'why it failed; SQLSTATE and class to others than the owner of the job';
COMMENT ON COLUMN @extschema@.ad_job_run.status IS 'ok, failed, or unfinished: it runs, or ended with its server process or between two batches';

CREATE VIEW @extschema@.ad_job_errors WITH (security_barrier) AS
SELECT p.name AS job, CASE WHEN p.privilege = 'own' THEN e.key END AS key, CASE WHEN p.privilege = 'own' THEN e.watermark END AS watermark,
       CASE WHEN p.privilege = 'own' THEN e.message ELSE _anomaly._ad_error_class(e.error_code) END AS message,
       e.error_code, e.run, e.at
FROM _anomaly._ad_job_error e
     JOIN (SELECT * FROM _anomaly._ad_job_privilege OFFSET 0) p ON p.job_id = e.job_id
WHERE _anomaly._ad_among(e.job_id, ARRAY(SELECT o.job_id FROM _anomaly._ad_job_privilege o));
COMMENT ON VIEW @extschema@.ad_job_errors IS 'rows that jobs could not score and passed over, of the last 30 days';
COMMENT ON COLUMN @extschema@.ad_job_errors.key IS 'of the row; NULL if it has none, and to others than the owner of the job';
COMMENT ON COLUMN @extschema@.ad_job_errors.message IS 'why; SQLSTATE and class to others than the owner of the job';
GRANT SELECT ON @extschema@.ad_job_errors TO PUBLIC;

CREATE VIEW _anomaly._ad_visible_label WITH (security_barrier) AS
SELECT j.name AS job, l.key, l.is_anomaly, l."row", l.note, l.labelled_by, l.labelled_at
FROM _anomaly._ad_label l
     JOIN (SELECT p.job_id, p.name FROM _anomaly._ad_job_privilege p OFFSET 0) j ON j.job_id = l.job_id
WHERE _anomaly._ad_among(l.job_id, ARRAY(SELECT p.job_id FROM _anomaly._ad_job_privilege p));
COMMENT ON VIEW _anomaly._ad_visible_label IS 'what ad_labels shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_label TO PUBLIC;

CREATE VIEW @extschema@.ad_labels WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_visible_label;
COMMENT ON VIEW @extschema@.ad_labels IS 'the labels of the jobs that the current user may see';

CREATE VIEW @extschema@.ad_job_stats WITH (security_barrier) AS
SELECT j.name AS job, r.runs, r.failed_runs, r.rows, a.alerts, r.suppressed, a.labelled, a.confirmed,
       a.confirmed::double precision / nullif(a.labelled, 0) AS "precision",
       l.missed, a.mean_time_to_alert, a.max_time_to_alert, a.last_alert
FROM (SELECT p.job_id AS id, p.name FROM _anomaly._ad_job_privilege p OFFSET 0) j
     CROSS JOIN LATERAL (SELECT count(*) AS runs, count(r.error) AS failed_runs, coalesce(sum(r.rows), 0) AS rows,
                                coalesce(sum(r.suppressed), 0) AS suppressed
                         FROM _anomaly._ad_job_run r WHERE r.job_id = j.id) r
     CROSS JOIN LATERAL (SELECT count(*) AS alerts, count(b.is_anomaly) AS labelled,
                                count(*) FILTER (WHERE b.is_anomaly) AS confirmed,
                                _anomaly._ad_interval(avg(_anomaly._ad_seconds_between(a.event_at, a.scored_at))) AS mean_time_to_alert,
                                _anomaly._ad_interval(max(_anomaly._ad_seconds_between(a.event_at, a.scored_at))) AS max_time_to_alert,
                                max(a.scored_at) AS last_alert
                         FROM _anomaly._ad_alert a LEFT JOIN _anomaly._ad_label b ON b.job_id = a.job_id AND b.key = a.key
                         WHERE a.job_id = j.id) a
     CROSS JOIN LATERAL (SELECT count(*) AS missed FROM _anomaly._ad_label l
                         WHERE l.job_id = j.id AND l.is_anomaly
                           AND NOT EXISTS (SELECT FROM _anomaly._ad_alert a WHERE a.job_id = j.id AND a.key = l.key)) l;
COMMENT ON VIEW @extschema@.ad_job_stats IS
'what became of each job: runs and rows of the last 30 days, alerts, how many of the labelled ones were confirmed, anomalies it missed, time from event to alert';
GRANT SELECT ON @extschema@.ad_jobs, @extschema@.ad_alert, @extschema@.ad_job_run, @extschema@.ad_labels, @extschema@.ad_job_stats TO PUBLIC;

-- Creating and changing.

CREATE FUNCTION _anomaly._ad_job_get(name text)
RETURNS _anomaly._ad_own_job
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j _anomaly._ad_own_job;
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'name of the job cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	-- no job has a longer one
	IF octet_length($1) > 63 THEN
		RAISE EXCEPTION 'job "%" does not exist', _anomaly._ad_quote($1) USING ERRCODE = 'undefined_object';
	END IF;
	SELECT * INTO j FROM _anomaly._ad_own_job o WHERE o.name = $1;
	IF j.id IS NULL THEN
		IF EXISTS (SELECT FROM _anomaly._ad_visible_job o WHERE o.name = $1) THEN
			RAISE EXCEPTION 'permission denied for job "%"', $1
				USING ERRCODE = 'insufficient_privilege', DETAIL = 'Only its owner may do that.',
				HINT = 'ad_jobs says who that is. Members of that role may, too.';
		END IF;
		RAISE EXCEPTION 'job "%" does not exist', $1 USING ERRCODE = 'undefined_object';
	END IF;
	RETURN j;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_get(text) IS 'a job of one''s own; an error if there is none of that name';

CREATE FUNCTION _anomaly._ad_job_source(source text, search_path text, OUT sql text, OUT columns text[], OUT types regtype[], OUT relation regclass)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	given text := $1;
BEGIN
	-- one name, perhaps with a schema, is a table; any letter that is not ASCII
	-- may be in it, whatever the locale calls a letter
	IF given ~ '^\s*(([[:alpha:]_]|[^\x01-\x7f])([[:alnum:]_$]|[^\x01-\x7f])*|"([^"]|"")+")(\.(([[:alpha:]_]|[^\x01-\x7f])([[:alnum:]_$]|[^\x01-\x7f])*|"([^"]|"")+"))?\s*$' THEN
		PERFORM pg_catalog.set_config('search_path', $2, true);
		relation := pg_catalog.to_regclass(given);
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		IF relation IS NULL THEN
			RAISE EXCEPTION 'relation "%" does not exist', _anomaly._ad_quote(btrim(given))
				USING ERRCODE = 'undefined_table', DETAIL = format('It is looked up with search_path %s, that of whoever gave the job its source.', $2),
				HINT = 'A source is a table, a view, or a query. Write the schema before the name, or set search_path and give the source again with ad_alter_job().';
		END IF;
		given := format('SELECT * FROM %s', relation);
	END IF;
	PERFORM pg_catalog.set_config('search_path', $2, true);
	SELECT q.sql, q.columns, q.types INTO sql, columns, types FROM _anomaly._ad_query(given, 'source') q;
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_source(text, text) IS
'a job''s source as a query, with its columns, read with a search path; relation: if it is one';

CREATE FUNCTION _anomaly._ad_job_column(columns text[], types regtype[], name text, what text)
RETURNS regtype
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $3 IS NULL THEN
		RAISE EXCEPTION '% cannot be NULL', $4 USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF $3 <> ALL ($1) THEN
		RAISE EXCEPTION 'source has no column "%"', _anomaly._ad_quote($3)
			USING ERRCODE = 'undefined_column', DETAIL = format('It is the %s column.', $4);
	END IF;
	IF array_length(array_positions($1, $3), 1) > 1 THEN
		RAISE EXCEPTION 'source has two columns "%"', $3
			USING ERRCODE = 'duplicate_column', HINT = 'Name them with AS.';
	END IF;
	RETURN $2[array_position($1, $3)];
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_column(text[], regtype[], text, text) IS
'type of a column of a job''s source; an error if it is not there';

CREATE FUNCTION _anomaly._ad_job_watermark_kind(type regtype)
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
COMMENT ON FUNCTION _anomaly._ad_job_watermark_kind(regtype) IS 'at for a type of time, no for an integer; an error for others';

-- A value is made of JSON again as a type that checks nothing: the check of a
-- domain is its owner's code, and would run with the rights of whoever asks.
CREATE FUNCTION _anomaly._ad_plain_type(type regtype)
RETURNS regtype
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t record;
BEGIN
	SELECT y.typtype AS kind, y.typbasetype::regtype AS base, y.typrelid AS relation,
		(SELECT e.oid FROM pg_type e WHERE e.typarray = y.oid)::regtype AS element
	INTO t FROM pg_type y WHERE y.oid = $1;
	IF t.kind = 'd' THEN
		RETURN _anomaly._ad_plain_type(t.base);
	ELSIF t.element IS NOT NULL THEN
		RETURN (SELECT y.typarray FROM pg_type y WHERE y.oid = _anomaly._ad_plain_type(t.element));
	-- those that hold a domain; there are no multiranges before PostgreSQL 14
	ELSIF EXISTS (SELECT FROM pg_range r WHERE $1::oid IN (r.rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid)
					AND _anomaly._ad_plain_type(r.rngsubtype) <> r.rngsubtype)
		OR t.kind = 'c' AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
									  AND _anomaly._ad_plain_type(a.atttypid) <> a.atttypid)
	THEN
		RETURN 'text'::regtype;
	END IF;
	RETURN $1;
END $$;
COMMENT ON FUNCTION _anomaly._ad_plain_type(regtype) IS
'the type that values of a type are made of again, without a check of anybody''s: of a domain its base type, of a range or a row that holds one text';

-- Nor does a cast to text that the type's owner made run unasked, unless he has
-- the rights of the caller anyway.
CREATE FUNCTION _anomaly._ad_text_of(value text, type regtype)
RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t record;
BEGIN
	SELECT y.typtype AS kind, y.typbasetype::regtype AS base, y.typowner AS owner INTO t FROM pg_type y WHERE y.oid = $2;
	IF t.kind = 'd' THEN
		RETURN _anomaly._ad_text_of($1, t.base);
	ELSIF pg_has_role(t.owner, current_user, 'USAGE') THEN
		RETURN $1 || '::pg_catalog.text';
	END IF;
	-- as the type writes it
	RETURN format($sql$(CASE WHEN pg_catalog.num_nulls(%1$s) OPERATOR(pg_catalog.=) 0 THEN pg_catalog.format('%%s', %1$s) END)$sql$, $1);
END $$;
COMMENT ON FUNCTION _anomaly._ad_text_of(text, regtype) IS
'the expression for an expression of a type as text, by no cast of a role that has not the rights of the current user';

CREATE FUNCTION _anomaly._ad_json_casts(type regtype)
RETURNS boolean
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t record;
BEGIN
	SELECT y.typtype AS kind, y.typowner AS owner, coalesce(nullif(y.typbasetype, 0), e.oid)::regtype AS part, y.typrelid AS relation
	INTO t FROM pg_type y LEFT JOIN pg_type e ON e.typarray = y.oid WHERE y.oid = $1;
	IF t.part IS NOT NULL THEN
		RETURN _anomaly._ad_json_casts(t.part);
	ELSIF t.kind = 'c' THEN
		RETURN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
						AND _anomaly._ad_json_casts(a.atttypid));
	END IF;
	RETURN NOT pg_has_role(t.owner, current_user, 'USAGE')
		AND EXISTS (SELECT FROM pg_cast c WHERE c.castsource = $1 AND c.casttarget = 'json'::regtype);
END $$;
COMMENT ON FUNCTION _anomaly._ad_json_casts(regtype) IS
'whether to_jsonb() would call, for a type or one within it, a cast of a role that has not the rights of the current user';

CREATE FUNCTION _anomaly._ad_json_of(source text, columns text[], types regtype[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN bool_or(_anomaly._ad_json_casts(u.t))
	THEN format('(SELECT pg_catalog.to_jsonb(_r.*) FROM (SELECT %s) _r)', string_agg(format('%s AS %I',
		CASE WHEN _anomaly._ad_json_casts(u.t) THEN _anomaly._ad_text_of(format('(%s).%I', $1, u.c), u.t) ELSE format('(%s).%I', $1, u.c) END,
		u.c), ', ' ORDER BY u.i))
	ELSE format('pg_catalog.to_jsonb(%s)', $1) END
FROM unnest($2, $3) WITH ORDINALITY u(c, t, i)
$$;
COMMENT ON FUNCTION _anomaly._ad_json_of(text, text[], regtype[]) IS
'the expression for a row of a source as JSON, by no cast of a role that has not the rights of the current user';

-- Before they are copied into a job. NULL: not given.
CREATE FUNCTION _anomaly._ad_job_texts(name text, model text, source text, key_column text, watermark_column text,
    entity_column text, rule jsonb, lag text, since text, features text[], options jsonb, partition_by text[], order_by text)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 = '' OR octet_length($1) > 63 THEN
		RAISE EXCEPTION 'name of a job has % bytes, allowed are 1 to 63', octet_length($1)
			USING ERRCODE = CASE WHEN $1 = '' THEN 'invalid_name' ELSE 'name_too_long' END;
	END IF;
	RETURN _anomaly._ad_check_length($2, 'model', 63)
		AND _anomaly._ad_check_length($3, 'source', 262144)
		AND _anomaly._ad_check_length($4, 'key', 63)
		AND _anomaly._ad_check_length($5, 'watermark', 63)
		AND _anomaly._ad_check_length($6, 'entity', 63)
		AND _anomaly._ad_check_length($7, 'rule', 1024)
		AND _anomaly._ad_check_length($8, 'lag', 64)
		AND _anomaly._ad_check_length($9, 'since', 64)
		AND _anomaly._ad_check_length($10, 'features', 262144)
		AND _anomaly._ad_check_length($11, 'options', 262144)
		AND _anomaly._ad_check_length($12, 'partition_by', 1024)
		AND _anomaly._ad_check_length($13, 'order_by', 63);
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_texts(text, text, text, text, text, text, jsonb, text, text, text[], jsonb, text[], text) IS
'an error if a text of a job is too long';

-- What is wrong with a job is said when it is made.
CREATE FUNCTION _anomaly._ad_job_check(j _anomaly._ad_own_job)
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
	fits boolean;
BEGIN
	fits := _anomaly._ad_job_texts(j.name, j.model, j.source, j.key_column, j.watermark_column, j.entity_column, j.rule, j.lag,
		j.since, j.features, j.options, j.partition_by, j.order_by);
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
	-- the times that it leads to must exist
	IF j.cooldown > interval '100 years' THEN
		RAISE EXCEPTION 'cooldown is %, must be at most 100 years', j.cooldown USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF j.cooldown IS NOT NULL AND j.entity_column IS NULL AND j.kind = 'model' THEN
		RAISE EXCEPTION 'cooldown needs an entity column'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is the time in which an entity causes at most one alert.';
	END IF;
	IF j.explain IS NULL OR j.explain NOT BETWEEN 0 AND 4096 THEN
		RAISE EXCEPTION 'explain is %, must be 0 to 4096', coalesce(j.explain::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- the rule
	IF jsonb_typeof(j.rule) IS DISTINCT FROM 'object' OR (SELECT count(*) FROM jsonb_object_keys(j.rule)) <> 1 THEN
		RAISE EXCEPTION 'rule is %, must be an object with one member', coalesce(_anomaly._ad_quote(j.rule::text), 'NULL')
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is {"p_value": 0.001}, {"fdr": 0.05} or {"score": 0.7}.';
	END IF;
	SELECT key, CASE WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::numeric END
	INTO rule_name, rule_value FROM jsonb_each(j.rule);
	IF rule_name NOT IN ('p_value', 'fdr', 'score') OR rule_value IS NULL THEN
		RAISE EXCEPTION 'rule is %, must have a number "p_value", "fdr" or "score"', _anomaly._ad_quote(j.rule::text)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF rule_name <> 'score' AND (rule_value <= 0 OR rule_value >= 1) THEN
		RAISE EXCEPTION 'rule "%" is %, must be more than 0 and less than 1', rule_name, _anomaly._ad_quote(rule_value::text)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- the source
	SELECT * INTO q FROM _anomaly._ad_job_source(j.source, j.search_path);
	kind := _anomaly._ad_job_watermark_kind(_anomaly._ad_job_column(q.columns, q.types, j.watermark_column, 'watermark'));
	PERFORM _anomaly._ad_job_lag(j.lag, kind);
	PERFORM _anomaly._ad_job_since(j, kind);
	IF j.kind = 'layering' THEN
		IF rule_name <> 'score' THEN
			RAISE EXCEPTION 'rule is %, must be on the score', _anomaly._ad_quote(j.rule::text)
				USING ERRCODE = 'invalid_parameter_value', HINT = 'The score of layering is its severity, 0 to 100: {"score": 50}.';
		END IF;
		PERFORM _anomaly._ad_job_layering_check(j, q.sql, q.columns, q.types);
		RETURN;
	END IF;
	PERFORM _anomaly._ad_job_column(q.columns, q.types, j.key_column, 'key');
	IF j.entity_column IS NOT NULL THEN
		PERFORM _anomaly._ad_job_column(q.columns, q.types, j.entity_column, 'entity');
	END IF;

	-- the model
	IF j.model IS NULL THEN
		RAISE EXCEPTION 'model cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT * INTO m FROM _anomaly._ad_visible_model o WHERE o.name = j.model AND o.active;
	IF m.name IS NULL THEN
		PERFORM _anomaly._ad_threshold(j.model, NULL);	-- says whether it is missing or denied
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
		PERFORM _anomaly._ad_job_column(q.columns, q.types, f, 'feature') FROM unnest(j.features) f;
	END IF;
	IF rule_name <> 'score' THEN
		IF m.spec -> 'calibrate' IS NULL THEN
			RAISE EXCEPTION 'model "%" is not calibrated, so it has no p-values', j.model
				USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Train it with ad_calibrate() in its spec, or use a rule on the score: {"score": 0.7}.';
		END IF;
		-- the least p-value that there is
		IF m.privilege IN ('read', 'own') THEN
			n := (_anomaly._ad_info(j.model) #>> '{calibration,rows}')::bigint;
			IF rule_name = 'p_value' AND 1.0 / (n + 1) > rule_value THEN
				RAISE EXCEPTION 'no p-value of model "%" is as low as %', j.model, _anomaly._ad_quote(rule_value::text)
					USING ERRCODE = 'invalid_parameter_value',
					DETAIL = format('It is calibrated on %s rows, so the least is 1/%s.', n, n + 1),
					HINT = 'Train it on more rows, with a greater share in ad_calibrate(), or ask for less.';
			END IF;
		END IF;
	END IF;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_check(_anomaly._ad_own_job) IS 'an error if a job cannot work';

CREATE FUNCTION _anomaly._ad_job_lag(lag text, kind text, OUT at interval, OUT no bigint)
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
	-- the watermarks that it leads to must exist
	IF at > interval '100 years' THEN
		RAISE EXCEPTION 'lag is %, must be at most 100 years', $1 USING ERRCODE = 'invalid_parameter_value';
	ELSIF no > 1000000000000000 THEN
		RAISE EXCEPTION 'lag is %, must be at most 1000000000000000', $1 USING ERRCODE = 'invalid_parameter_value';
	END IF;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_lag(text, text) IS 'a lag, of the kind of the watermark';

CREATE FUNCTION _anomaly._ad_job_since(j _anomaly._ad_own_job, kind text, OUT at timestamp, OUT no bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
	type regtype;
BEGIN
	IF j.since IS NULL THEN
		RETURN;
	END IF;
	type := (SELECT _anomaly._ad_job_column(q.columns, q.types, j.watermark_column, 'watermark')
			 FROM _anomaly._ad_job_source(j.source, j.search_path) q);
	PERFORM set_config('timezone', j.timezone, true);
	IF $2 = 'no' THEN
		no := j.since::bigint;
	ELSIF type = 'timestamptz'::regtype THEN
		at := timezone('UTC', j.since::timestamptz);
	ELSE
		at := j.since::timestamp;
	END IF;
EXCEPTION WHEN data_exception THEN
	RAISE EXCEPTION 'since is "%", must be a value of type %', j.since, type
		USING ERRCODE = 'invalid_parameter_value',
		HINT = CASE kind WHEN 'no' THEN 'It is a value of the watermark column; "now" is for one that is a time.'
			   ELSE 'It is a value of the watermark column, or "now".' END;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_since(_anomaly._ad_own_job, text) IS 'where a job begins; NULL: with the first row';

CREATE FUNCTION _anomaly._ad_job_store(j _anomaly._ad_own_job)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF j.name IS NULL THEN
		RAISE EXCEPTION 'name cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF j.source IS NULL THEN
		RAISE EXCEPTION 'source cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	j.owner := current_user::text::_anomaly._ad_role;
	j.created_at := clock_timestamp();
	j.timezone := current_setting('timezone');
	PERFORM _anomaly._ad_job_check(j);
	-- "now" is now, not the time of the first run, and "yesterday" not the day before each run
	IF lower(btrim(j.since)) = 'now' THEN
		j.since := to_json(clock_timestamp()) #>> '{}';		-- whatever DateStyle is
	ELSIF j.since ~* '\m(now|today|tomorrow|yesterday)\M' THEN
		j.since := to_json(j.since::timestamptz) #>> '{}';
	END IF;
	BEGIN
		INSERT INTO _anomaly._ad_new_job (name, owner, kind, model, source, key_column, watermark_column, entity_column, features,
			rule, batch_size, lag, cooldown, limit_per_hour, explain, options, partition_by, order_by, since, search_path, timezone, created_at)
		SELECT j.name, j.owner, j.kind, j.model, j.source, j.key_column, j.watermark_column, j.entity_column, j.features,
			j.rule, j.batch_size, j.lag, j.cooldown, j.limit_per_hour, j.explain, j.options, j.partition_by, j.order_by, j.since, j.search_path, j.timezone, j.created_at;
	EXCEPTION WHEN unique_violation THEN
		RAISE EXCEPTION 'job "%" already exists', j.name USING ERRCODE = 'duplicate_object';
	END;
	INSERT INTO _anomaly._ad_own_state (job_id) SELECT o.id FROM _anomaly._ad_own_job o WHERE o.name = j.name;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_store(_anomaly._ad_own_job) IS 'stores a new job, if it can work';

-- No SET search_path: the source means what it means to the caller.
CREATE FUNCTION @extschema@.ad_create_job(
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
	j _anomaly._ad_own_job;
	fits pg_catalog.bool;
BEGIN
	fits := _anomaly._ad_job_texts($1, $2, $3, $4, $5, $7, $6, $9, $13, $14, NULL, NULL, NULL);
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
	PERFORM _anomaly._ad_job_store(_anomaly._ad_job_defaults(j));
END $$;
COMMENT ON FUNCTION @extschema@.ad_create_job(text, text, text, text, text, jsonb, text, integer, text, interval, integer, integer, text, text[]) IS
'makes a job that scores new rows of a table, view or query by a named model and writes alerts; the rule is {"p_value": p}, {"fdr": q} or {"score": s}';

CREATE FUNCTION _anomaly._ad_job_defaults(j _anomaly._ad_own_job)
RETURNS _anomaly._ad_own_job
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	q record;
BEGIN
	IF j.lag IS NULL AND j.source IS NOT NULL THEN
		SELECT * INTO q FROM _anomaly._ad_job_source(j.source, j.search_path);
		j.lag := CASE _anomaly._ad_job_watermark_kind(
			_anomaly._ad_job_column(q.columns, q.types, j.watermark_column, 'watermark'))
			WHEN 'at' THEN '5 minutes' ELSE '1000' END;
	END IF;
	RETURN j;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_defaults(_anomaly._ad_own_job) IS 'a job with the defaults that depend on its source and model';

CREATE FUNCTION @extschema@.ad_alter_job(name text, changes jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	done pg_catalog.text;
BEGIN
	done := _anomaly._ad_job_alter($1, $2, pg_catalog.current_setting('search_path'));
END $$;
COMMENT ON FUNCTION @extschema@.ad_alter_job(text, jsonb) IS
'changes a job: an object with any of owner, model, source, rule, entity, batch_size, lag, cooldown, limit_per_hour, explain, features, options';

CREATE FUNCTION _anomaly._ad_job_alter(name text, changes jsonb, search_path text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j _anomaly._ad_own_job;
	c record;
	fits boolean;
BEGIN
	j := _anomaly._ad_job_get($1);
	fits := _anomaly._ad_check_length($2, 'changes', 1048576);
	IF jsonb_typeof($2) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'changes of job "%" must be an object', $1 USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOR c IN SELECT key, value, value #>> '{}' AS text FROM jsonb_each($2) LOOP
		IF c.key IN ('owner', 'batch_size', 'cooldown', 'limit_per_hour', 'explain') THEN
			fits := _anomaly._ad_check_length(c.text, c.key, 63);
		END IF;
		CASE c.key
			WHEN 'owner' THEN
				IF to_regrole(quote_ident(c.text)) IS NULL THEN
					RAISE EXCEPTION 'role "%" does not exist', c.text USING ERRCODE = 'undefined_object';
				END IF;
				IF NOT pg_has_role(to_regrole(quote_ident(c.text)), 'MEMBER') THEN
					RAISE EXCEPTION 'must be member of role "%"', c.text USING ERRCODE = 'insufficient_privilege';
				END IF;
				j.owner := c.text::_anomaly._ad_role;
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
				RAISE EXCEPTION 'a job has no "%" that could be changed', _anomaly._ad_quote(c.key)
					USING ERRCODE = 'invalid_parameter_value',
					HINT = 'There are owner, model, source, rule, entity, batch_size, lag, cooldown, limit_per_hour, explain, features and options.';
		END CASE;
	END LOOP;
	PERFORM _anomaly._ad_job_check(j);
	UPDATE _anomaly._ad_own_job o
	SET owner = j.owner, model = j.model, source = j.source, search_path = j.search_path, rule = j.rule,
		entity_column = j.entity_column, batch_size = j.batch_size, lag = j.lag, cooldown = j.cooldown,
		limit_per_hour = j.limit_per_hour, explain = j.explain, features = j.features, options = j.options
	WHERE o.id = j.id;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_alter(text, jsonb, text) IS 'ad_alter_job() with the search path of its caller';

CREATE FUNCTION @extschema@.ad_drop_job(name text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j _anomaly._ad_own_job;
BEGIN
	j := _anomaly._ad_job_get($1);
	PERFORM _anomaly._ad_job_unschedule(j.name);
	-- this waits for a batch that is being done, and for a label that is being
	-- written; each of them locks the row of the job first, so there are no more
	PERFORM FROM _anomaly._ad_own_job o WHERE o.id = j.id FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'job "%" does not exist', $1 USING ERRCODE = 'undefined_object';
	END IF;
	RETURN _anomaly._ad_job_delete(j.id, 'job');
END $$;
COMMENT ON FUNCTION @extschema@.ad_drop_job(text) IS
'drops a job with its alerts, labels, grants and log, and its schedule; returns how many alerts are gone';

CREATE FUNCTION @extschema@.ad_purge_job(name text, before timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN _anomaly._ad_job_delete((_anomaly._ad_job_get($1)).id, 'alert', $2);
END $$;
COMMENT ON FUNCTION @extschema@.ad_purge_job(text, timestamptz) IS
'deletes the alerts that a job wrote before a time; labels stay; returns how many are gone';

CREATE FUNCTION _anomaly._ad_row_text("row" jsonb, name text, type regtype, timezone text)
RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $$
DECLARE
	found text;
BEGIN
	PERFORM set_config('timezone', $4, true);
	EXECUTE format('SELECT %3$s FROM pg_catalog.jsonb_to_record($1) AS f(%1$I %2$s)', $2, format_type($3, -1),
			_anomaly._ad_text_of(format('f.%I', $2), $3))
		INTO found USING $1;
	RETURN found;
EXCEPTION WHEN data_exception THEN
	RETURN NULL;			-- of a type that it is no longer
END $$;
COMMENT ON FUNCTION _anomaly._ad_row_text(jsonb, text, regtype, text) IS
'a value of a row as the text of its type, as a job writes keys and entities; NULL if it is none of that type';

CREATE FUNCTION @extschema@.ad_purge_subject(job text, key text DEFAULT NULL, entity text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j _anomaly._ad_own_job;
	name text;				-- of the entity in a labelled row
	type regtype;
	keys text[];
	n bigint;
	fits boolean;
BEGIN
	j := _anomaly._ad_job_get($1);
	fits := _anomaly._ad_check_length($2, 'key', 65536) AND _anomaly._ad_check_length($3, 'entity', 65536);
	IF ($2 IS NULL) = ($3 IS NULL) THEN
		RAISE EXCEPTION 'one of key and entity must be given, and not both' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Say ad_purge_subject(job, key => ''...'') or ad_purge_subject(job, entity => ''...'').';
	END IF;
	-- who purges all jobs must not believe that this one is done
	IF $3 IS NOT NULL AND j.kind <> 'layering' AND j.entity_column IS NULL THEN
		RAISE WARNING 'job "%" has no entity, so its rows cannot be found by "%"', $1, $3
			USING HINT = 'Look for them in the column "row" of ad_alert and ad_labels, and purge them by key.';
	END IF;
	-- this waits for a batch that is being done, and for a label that is being
	-- written
	PERFORM FROM _anomaly._ad_own_job o WHERE o.id = j.id FOR UPDATE;
	-- of an entity, what is labelled may have no alert, or none any more; JSON
	-- writes some types in another way than an alert's entity is written. Only
	-- its owner reads the source.
	name := CASE j.kind WHEN 'layering' THEN 'account' ELSE j.entity_column END;
	IF $3 IS NOT NULL AND j.kind = 'model' AND name IS NOT NULL
		AND j.owner::oid = (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user)
	THEN
		BEGIN
			SELECT _anomaly._ad_plain_type(_anomaly._ad_job_column(q.columns, q.types, name, 'entity')) INTO type
			FROM _anomaly._ad_job_source(j.source, j.search_path) q;
		EXCEPTION WHEN syntax_error_or_access_rule_violation OR invalid_parameter_value THEN
			type := NULL;		-- it is gone
		END;
	END IF;
	keys := CASE WHEN $2 IS NOT NULL THEN ARRAY[$2, _anomaly._ad_short($2)] ELSE ARRAY(
		SELECT a.key FROM _anomaly._ad_own_alert a WHERE a.job_id = j.id AND a.entity = _anomaly._ad_short($3)
		UNION
		SELECT l.key FROM _anomaly._ad_visible_label l
		WHERE l.job = j.name AND _anomaly._ad_short($3) IN (_anomaly._ad_short(l."row" ->> name),
			_anomaly._ad_short(_anomaly._ad_row_text(l."row", name, type, j.timezone)))) END;
	n := _anomaly._ad_job_delete(j.id, 'subject', keys => keys);
	-- any value of any row may stand in there
	UPDATE _anomaly._ad_own_run r SET error = _anomaly._ad_error_class(r.error_code) WHERE r.job_id = j.id AND r.error IS NOT NULL;
	RETURN n;
END $$;
COMMENT ON FUNCTION @extschema@.ad_purge_subject(text, text, text) IS
'deletes what a job keeps of the row with a key, or of the rows of an entity: alerts, labels, keys within its lag, and the texts of errors in its log; returns how many alerts and labels are gone. Delete the rows in the source first';

CREATE FUNCTION _anomaly._ad_job_grant(name text, role text, privilege text)
RETURNS _anomaly._ad_own_grant
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	g _anomaly._ad_own_grant;
	fits boolean;
BEGIN
	g.job_id := (_anomaly._ad_job_get($1)).id;
	fits := _anomaly._ad_check_length($2, 'role', 63) AND _anomaly._ad_check_length($3, 'privilege', 63);
	IF $3 NOT IN ('read', 'label') THEN
		RAISE EXCEPTION 'privilege is "%", must be "read" or "label"', $3 USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $2 <> 'public' AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = $2) THEN
		RAISE EXCEPTION 'role "%" does not exist', $2 USING ERRCODE = 'undefined_object';
	END IF;
	g.role := $2::_anomaly._ad_role;
	g.privilege := $3;
	RETURN g;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_grant(text, text, text) IS 'what is to be granted or revoked, if it can be';

CREATE FUNCTION @extschema@.ad_grant_job(name text, role text, privilege text DEFAULT 'read')
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	g _anomaly._ad_own_grant;
BEGIN
	g := _anomaly._ad_job_grant($1, $2, $3);
	INSERT INTO _anomaly._ad_own_grant SELECT g.* ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION @extschema@.ad_grant_job(text, text, text) IS
'lets a role, or public, see the alerts and the log of a job (read), or also label its alerts (label)';

CREATE FUNCTION @extschema@.ad_revoke_job(name text, role text, privilege text DEFAULT 'read')
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	g _anomaly._ad_own_grant;
BEGIN
	g := _anomaly._ad_job_grant($1, $2, $3);
	PERFORM _anomaly._ad_job_delete(g.job_id, 'grant', role => g.role::oid, privilege => g.privilege);
END $$;
COMMENT ON FUNCTION @extschema@.ad_revoke_job(text, text, text) IS 'takes a privilege on a job away from a role, as it was granted';
