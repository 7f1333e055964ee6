-- Jobs and alerts: tables, and who may see what.
--
-- Nobody has rights on the tables. What belongs to a role is seen and
-- written through the views _ad_own_*, which show it what belongs to roles
-- that it has the rights of, while triggers refuse to write anything else; what
-- was granted is read through ad_jobs, ad_alerts, ad_job_runs and ad_labels. Jobs,
-- labels and grants are written by C, which asks first. So all that follows
-- runs as whoever calls it. A job's query runs as its owner only.
--
-- Nobody may UPDATE or DELETE a view as a whole: who may, may LOCK TABLE it, and
-- with it the tables below, against everybody. Columns are updated; rows are
-- deleted by _ad_job_delete().

-- No foreign keys between the tables: pg_restore with several jobs loads them
-- in any order. ad_drop_job() deletes what belongs to a job.
CREATE SEQUENCE _anomaly._ad_job_id AS integer;
COMMENT ON SEQUENCE _anomaly._ad_job_id IS 'numbers of jobs';

-- What options there are for which kind is a table in C (src/jobs/sql_*_options.c),
-- through which all that is stored has gone.
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
    stream bytea,
    paused_until timestamptz CHECK (isfinite(paused_until))
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
    p_bins bigint[],
    least_p double precision,
    fallback bigint NOT NULL DEFAULT 0,
    unscored bigint NOT NULL DEFAULT 0,
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
COMMENT ON TABLE _anomaly._ad_label IS 'labels of rows, with role and time';

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

CREATE FUNCTION _anomaly._ad_texts(list jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN jsonb_typeof($1) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text($1)) END $$;
COMMENT ON FUNCTION _anomaly._ad_texts(jsonb) IS
'the strings of a JSON array; NULL for what is no array';

CREATE VIEW _anomaly._ad_own_job WITH (security_barrier) AS
SELECT id + 0 AS id, name || '' AS name, owner, kind, options ->> 'model' AS model, source, options ->> 'key' AS key_column,
       coalesce(options ->> 'watermark', options ->> 'time_column') AS watermark_column, options ->> 'entity' AS entity_column,
       _anomaly._ad_texts(options -> 'features') AS features, options -> 'rule' AS rule,
       coalesce((options ->> 'batch_size')::integer, 1) AS batch_size, options ->> 'lag' AS lag, (options ->> 'cooldown')::interval AS cooldown,
       (options ->> 'limit_per_hour')::integer AS limit_per_hour, coalesce((options ->> 'explain')::integer, 0) AS explain,
       nullif(options -> 'options', 'null') AS options, _anomaly._ad_texts(options -> 'partition_by') AS partition_by,
       options -> 'order_by' ->> 0 AS order_by, options ->> 'since' AS since, search_path, timezone, created_at
FROM _anomaly._ad_job WHERE pg_has_role(owner, 'USAGE');
COMMENT ON VIEW _anomaly._ad_own_job IS 'jobs of roles that the current user has the rights of';

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

-- who may lock the row of a job in a query must have the right to update a column of it
GRANT SELECT, UPDATE (timezone) ON _anomaly._ad_own_job TO PUBLIC;
GRANT SELECT, INSERT ON _anomaly._ad_own_state, _anomaly._ad_own_run, _anomaly._ad_own_alert TO PUBLIC;
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
SELECT j.name, j.owner::text AS owner, j.kind, j.options ->> 'model' AS model, j.options -> 'rule' AS rule,
       j.options ->> 'entity' AS entity, CASE WHEN p.privilege = 'own' THEN j.source END AS source,
       j.options ->> 'key' AS key, coalesce(j.options ->> 'watermark', j.options ->> 'time_column') AS watermark_column,
       coalesce((j.options ->> 'batch_size')::integer, 1) AS batch_size, j.options ->> 'lag' AS lag,
       (j.options ->> 'cooldown')::interval AS cooldown, (j.options ->> 'limit_per_hour')::integer AS limit_per_hour,
       coalesce((j.options ->> 'explain')::integer, 0) AS explain, _anomaly._ad_texts(j.options -> 'features') AS features,
       CASE WHEN j.kind = 'watch' THEN j.options ELSE nullif(j.options -> 'options', 'null') END AS options, j.created_at, p.privilege,
       _anomaly._ad_place_text(coalesce(s.m, s.w), coalesce(s.type, 'timestamp')) AS watermark, s.failures,
       r.started AS last_started, r.finished AS last_finished,
       CASE WHEN p.privilege = 'own' OR r.error IS NULL THEN r.error ELSE _anomaly._ad_error_class(r.error_code) END AS last_error,
       _anomaly._ad_place_text(s.w, coalesce(s.type, 'timestamp')) AS settled, s.seen, s.late_rows, s.late_checked, s.generation,
       j.options ->> 'since' AS since, _anomaly._ad_texts(j.options -> 'partition_by') AS partition_by,
       _anomaly._ad_texts(j.options -> 'order_by') AS order_by, j.options ->> 'on_error' AS on_error,
       (j.options ->> 'seen_limit')::bigint AS seen_limit, (j.options ->> 'late_check')::interval AS late_check,
       nullif(j.options -> 'columns', 'null') AS columns, (j.options ->> 'per_burst')::boolean AS per_burst,
       coalesce((j.options ->> 'pause_after')::integer, 5) AS pause_after, s.paused_until, r.error_code AS last_error_code,
       nullif(j.options -> 'health', 'null') AS health,
       j.options ->> 'model_by' AS model_by
FROM _anomaly._ad_job j
     JOIN _anomaly._ad_job_privilege p ON p.job_id = j.id
     JOIN _anomaly._ad_job_state s ON s.job_id = j.id
     LEFT JOIN LATERAL (SELECT * FROM _anomaly._ad_job_run r WHERE r.job_id = j.id ORDER BY r.run DESC LIMIT 1) r ON true
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_visible_job IS 'what ad_jobs shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_job TO PUBLIC;

CREATE VIEW @extschema@.ad_jobs WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_visible_job;
COMMENT ON VIEW @extschema@.ad_jobs IS
'Jobs that the current user may see, and their state.';
COMMENT ON COLUMN @extschema@.ad_jobs.name IS 'Name of the job.';
COMMENT ON COLUMN @extschema@.ad_jobs.owner IS 'Role that owns and runs it; empty if it has none, or was dropped.';
COMMENT ON COLUMN @extschema@.ad_jobs.kind IS
'model: rows scored by a named model; layering: sequences of order events; wash_trade: windows of trades; '
'series: points of series; watch: metrics of a table.';
COMMENT ON COLUMN @extschema@.ad_jobs.model IS 'The named model; NULL for other kinds.';
COMMENT ON COLUMN @extschema@.ad_jobs.rule IS 'Rule for alerts: {"p_value": p}, {"fdr": q} or {"score": s}.';
COMMENT ON COLUMN @extschema@.ad_jobs.entity IS 'Column that identifies whom a row is about, or NULL.';
COMMENT ON COLUMN @extschema@.ad_jobs.source IS 'The source query; NULL unless the current user owns the job.';
COMMENT ON COLUMN @extschema@.ad_jobs.key IS 'Column that identifies rows; NULL for layering.';
COMMENT ON COLUMN @extschema@.ad_jobs.watermark_column IS 'Column that increases with new rows.';
COMMENT ON COLUMN @extschema@.ad_jobs.batch_size IS
'Rows per transaction; 1 for layering, whose batches are not counted in rows.';
COMMENT ON COLUMN @extschema@.ad_jobs.lag IS
'How far below the watermark rows are still read: an interval or an integer.';
COMMENT ON COLUMN @extschema@.ad_jobs.cooldown IS 'Minimum interval between two alerts of an entity; NULL if none.';
COMMENT ON COLUMN @extschema@.ad_jobs.limit_per_hour IS 'Maximum number of alerts per clock hour; NULL if unlimited.';
COMMENT ON COLUMN @extschema@.ad_jobs.explain IS 'Number of features in an explanation; 0 for none.';
COMMENT ON COLUMN @extschema@.ad_jobs.features IS
'Columns that are the features of the model, in its order; NULL means by name.';
COMMENT ON COLUMN @extschema@.ad_jobs.options IS
'Options of the kind, with all defaults; NULL for a model; all settings of a watch.';
COMMENT ON COLUMN @extschema@.ad_jobs.created_at IS 'Time at which the job was created.';
COMMENT ON COLUMN @extschema@.ad_jobs.privilege IS
'Highest privilege of the current user on the job: read, label or own.';
COMMENT ON COLUMN @extschema@.ad_jobs.watermark IS 'Largest watermark read: a time (timestamptz in UTC) or an integer.';
COMMENT ON COLUMN @extschema@.ad_jobs.failures IS 'Number of consecutive failed runs.';
COMMENT ON COLUMN @extschema@.ad_jobs.last_started IS 'Start of the last run; NULL if it has never run.';
COMMENT ON COLUMN @extschema@.ad_jobs.last_finished IS
'End of the last run; NULL if it is running, or ended with its server process.';
COMMENT ON COLUMN @extschema@.ad_jobs.last_error IS
'Error of the last run; SQLSTATE and class unless the current user owns the job.';
COMMENT ON COLUMN @extschema@.ad_jobs.since IS 'Watermark at which the job began; NULL means the first row.';
COMMENT ON COLUMN @extschema@.ad_jobs.partition_by IS
'Columns that partition order events, {} for none; NULL means account and product.';
COMMENT ON COLUMN @extschema@.ad_jobs.order_by IS
'Columns that sort order events of the same time, the first of them the id; NULL means id if it exists.';
COMMENT ON COLUMN @extschema@.ad_jobs.columns IS
'Names of the columns of order events in the source; NULL if they are the usual ones.';
COMMENT ON COLUMN @extschema@.ad_jobs.per_burst IS
'For wash trades, whether there is one alert per chain of windows that share trades; NULL for other '
'kinds.';
COMMENT ON COLUMN @extschema@.ad_jobs.on_error IS
'Handling of rows that cannot be scored: skip (recorded in ad_job_errors) or error (the run fails).';
COMMENT ON COLUMN @extschema@.ad_jobs.seen_limit IS
'Maximum number of remembered row versions above the settled watermark.';
COMMENT ON COLUMN @extschema@.ad_jobs.late_check IS 'How often a run counts late rows.';
COMMENT ON COLUMN @extschema@.ad_jobs.settled IS
'Watermark below which, minus the lag, only late rows are missing; in the form of watermark.';
COMMENT ON COLUMN @extschema@.ad_jobs.seen IS 'Number of remembered row versions, at most seen_limit.';
COMMENT ON COLUMN @extschema@.ad_jobs.late_rows IS
'Rows that arrived too late to be scored, at the last count; ad_rescan() scores them; NULL if never '
'counted.';
COMMENT ON COLUMN @extschema@.ad_jobs.late_checked IS 'Time at which late rows were last counted.';
COMMENT ON COLUMN @extschema@.ad_jobs.pause_after IS
'Number of consecutive failed runs after which the job is paused; 0 for never.';
COMMENT ON COLUMN @extschema@.ad_jobs.paused_until IS
'End of the pause after failed runs; if it is in the past, the next run is tried; NULL without a pause.';
COMMENT ON COLUMN @extschema@.ad_jobs.last_error_code IS 'SQLSTATE of the error of the last run; NULL if it succeeded.';
COMMENT ON COLUMN @extschema@.ad_jobs.health IS
'Limits at which ad_health() warns about the job, as they were set; NULL means those of its model and the '
'defaults.';
COMMENT ON COLUMN @extschema@.ad_jobs.model_by IS
'Column of the entity whose model scores a row; NULL if the name has one model, or the columns are those '
'of the row.';
COMMENT ON COLUMN @extschema@.ad_jobs.generation IS
'Generation of the source: 1, plus one for each time it was truncated.';

-- Within a barrier the planner looks for an order only where there is one, and
-- not through two: so these views have one, and stand on the tables. The index
-- by job and time then reads the latest alerts of a job and no others. Labels
-- are looked up for the rows that are shown.
CREATE VIEW @extschema@.ad_alerts WITH (security_barrier) AS
SELECT a.job, a.key, a.entity, a.score, a.p_value, a.explanation, a."row", a.model_version, a.event_at, a.scored_at,
       (SELECT l.is_anomaly FROM _anomaly._ad_label l
        WHERE l.job_id = a.job_id AND l.key = a.key AND coalesce(l.place, a.place) = a.place AND coalesce(l.generation, a.generation) = a.generation
        ORDER BY l.labelled_at DESC LIMIT 1) AS label,
       a.watermark, a.generation,
       (SELECT l.note FROM _anomaly._ad_label l
        WHERE l.job_id = a.job_id AND l.key = a.key AND coalesce(l.place, a.place) = a.place AND coalesce(l.generation, a.generation) = a.generation
        ORDER BY l.labelled_at DESC LIMIT 1) AS note
FROM _anomaly._ad_alert a
WHERE _anomaly._ad_among(a.job_id, ARRAY(SELECT p.job_id FROM _anomaly._ad_job_privilege p))
    AND _anomaly._ad_among(a.job, ARRAY(SELECT p.name FROM _anomaly._ad_job_privilege p))
ORDER BY a.job DESC, a.scored_at DESC;
COMMENT ON VIEW @extschema@.ad_alerts IS
'Alerts of the jobs that the current user may see, one per version of a row.';
COMMENT ON COLUMN @extschema@.ad_alerts.job IS 'Job that wrote the alert.';
COMMENT ON COLUMN @extschema@.ad_alerts.key IS
'Key of the row, as text; of the first order for layering, of the first trade for wash trades, the metric '
'for a watch.';
COMMENT ON COLUMN @extschema@.ad_alerts.entity IS
'Entity that the alert is about, as text; NULL without an entity column.';
COMMENT ON COLUMN @extschema@.ad_alerts.score IS
'Score of the model; severity, 0 to 100, for layering; percentage of steps at which the side changes for '
'wash trades; deviations, or a million for a bound, for a watch.';
COMMENT ON COLUMN @extschema@.ad_alerts.p_value IS 'Conformal p-value; NULL for a model that is not calibrated.';
COMMENT ON COLUMN @extschema@.ad_alerts.explanation IS
'Features that contribute most to the score, in descending order; the conditions that the window meets '
'for wash trades.';
COMMENT ON COLUMN @extschema@.ad_alerts."row" IS
'Row of the source as its owner saw it when it was scored; the sequence or window for layering and wash '
'trades.';
COMMENT ON COLUMN @extschema@.ad_alerts.model_version IS 'Version that scored the row; NULL if there is no model.';
COMMENT ON COLUMN @extschema@.ad_alerts.event_at IS
'Watermark of the row as a time; the time of scoring for an integer watermark.';
COMMENT ON COLUMN @extschema@.ad_alerts.scored_at IS 'Time at which the alert was written.';
COMMENT ON COLUMN @extschema@.ad_alerts.label IS 'Label set by ad_label(), or NULL.';
COMMENT ON COLUMN @extschema@.ad_alerts.watermark IS
'Watermark of the row, as text in the time zone of the job; with the key it identifies the version.';
COMMENT ON COLUMN @extschema@.ad_alerts.generation IS 'Generation of the source: one more each time it was truncated.';
COMMENT ON COLUMN @extschema@.ad_alerts.note IS 'Note set by ad_label(), or NULL.';

CREATE VIEW @extschema@.ad_alert WITH (security_barrier) AS
SELECT a.job, a.key, a.entity, a.score, a.p_value, a.explanation, a."row", a.model_version, a.event_at, a.scored_at,
       (SELECT l.is_anomaly FROM _anomaly._ad_label l
        WHERE l.job_id = a.job_id AND l.key = a.key AND coalesce(l.place, a.place) = a.place AND coalesce(l.generation, a.generation) = a.generation
        ORDER BY l.labelled_at DESC LIMIT 1) AS label
FROM _anomaly._ad_alert a
WHERE _anomaly._ad_among(a.job_id, ARRAY(SELECT p.job_id FROM _anomaly._ad_job_privilege p))
    AND _anomaly._ad_among(a.job, ARRAY(SELECT p.name FROM _anomaly._ad_job_privilege p))
ORDER BY a.job DESC, a.scored_at DESC;
COMMENT ON VIEW @extschema@.ad_alert IS
'ad_alerts under its name in 0.2.0; it will be removed in the next version.';
COMMENT ON COLUMN @extschema@.ad_alert.job IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.key IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.entity IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.score IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.p_value IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.explanation IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert."row" IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.model_version IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.event_at IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.scored_at IS 'Same as in ad_alerts.';
COMMENT ON COLUMN @extschema@.ad_alert.label IS 'Same as in ad_alerts.';

CREATE VIEW _anomaly._ad_visible_run WITH (security_barrier) AS
SELECT p.name AS job, r.run, r.started, r.finished, r.batches, r.rows, r.alerts, r.suppressed,
       CASE WHEN r.error IS NOT NULL THEN 'failed' WHEN r.finished IS NULL THEN 'unfinished' ELSE 'ok' END AS status,
       CASE WHEN p.privilege = 'own' OR r.error IS NULL THEN r.error ELSE _anomaly._ad_error_class(r.error_code) END AS error,
       r.error_code, r.pid, r.fallback, r.unscored
FROM _anomaly._ad_job_run r
     JOIN (SELECT * FROM _anomaly._ad_job_privilege OFFSET 0) p ON p.job_id = r.job_id
WHERE _anomaly._ad_among(r.job_id, ARRAY(SELECT o.job_id FROM _anomaly._ad_job_privilege o));
COMMENT ON VIEW _anomaly._ad_visible_run IS 'what ad_job_runs shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_run TO PUBLIC;

CREATE VIEW @extschema@.ad_job_runs WITH (security_barrier) AS
SELECT * FROM _anomaly._ad_visible_run;
COMMENT ON VIEW @extschema@.ad_job_runs IS
'Runs of the last 30 days of the jobs that the current user may see.';
COMMENT ON COLUMN @extschema@.ad_job_runs.job IS 'Job that ran, or whose run was refused.';
COMMENT ON COLUMN @extschema@.ad_job_runs.run IS 'Number of the run, from 1.';
COMMENT ON COLUMN @extschema@.ad_job_runs.started IS 'Start of the run.';
COMMENT ON COLUMN @extschema@.ad_job_runs.finished IS
'End of the run; NULL if it has not ended, or its end is unknown.';
COMMENT ON COLUMN @extschema@.ad_job_runs.batches IS 'Number of committed transactions.';
COMMENT ON COLUMN @extschema@.ad_job_runs.rows IS 'Rows scored.';
COMMENT ON COLUMN @extschema@.ad_job_runs.alerts IS 'Alerts written.';
COMMENT ON COLUMN @extschema@.ad_job_runs.suppressed IS 'Alerts held back by cooldown or limit_per_hour.';
COMMENT ON COLUMN @extschema@.ad_job_runs.status IS
'ok, failed, or unfinished (running, or ended with its server process or between two batches).';
COMMENT ON COLUMN @extschema@.ad_job_runs.error IS
'Error of the run; SQLSTATE and class unless the current user owns the job.';
COMMENT ON COLUMN @extschema@.ad_job_runs.error_code IS 'SQLSTATE of the error.';
COMMENT ON COLUMN @extschema@.ad_job_runs.pid IS 'Process ID of the backend that ran it.';
COMMENT ON COLUMN @extschema@.ad_job_runs.fallback IS 'Rows scored by the fallback model, since their entity has none.';
COMMENT ON COLUMN @extschema@.ad_job_runs.unscored IS 'Rows without a score, since there is no model for their entity.';

CREATE VIEW @extschema@.ad_job_run WITH (security_barrier) AS
SELECT job, run, started, finished, batches, rows, alerts, suppressed, status, error, error_code, pid
FROM _anomaly._ad_visible_run;
COMMENT ON VIEW @extschema@.ad_job_run IS
'ad_job_runs under its name in 0.2.0; it will be removed in the next version.';
COMMENT ON COLUMN @extschema@.ad_job_run.job IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.run IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.started IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.finished IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.batches IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.rows IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.alerts IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.suppressed IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.status IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.error IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.error_code IS 'Same as in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_run.pid IS 'Same as in ad_job_runs.';

-- Key, watermark and message are of rows that are no alerts.
CREATE VIEW @extschema@.ad_job_errors WITH (security_barrier) AS
SELECT p.name AS job, e.run, e.at, CASE WHEN p.privilege = 'own' THEN e.key END AS key,
       CASE WHEN p.privilege = 'own' THEN e.watermark END AS watermark,
       CASE WHEN p.privilege = 'own' THEN e.message ELSE _anomaly._ad_error_class(e.error_code) END AS message,
       e.error_code, e.generation
FROM _anomaly._ad_job_error e
     JOIN (SELECT * FROM _anomaly._ad_job_privilege OFFSET 0) p ON p.job_id = e.job_id
WHERE _anomaly._ad_among(e.job_id, ARRAY(SELECT o.job_id FROM _anomaly._ad_job_privilege o));
COMMENT ON VIEW @extschema@.ad_job_errors IS
'Rows that could not be scored, of the last 30 days, of the jobs that the current user may see.';
COMMENT ON COLUMN @extschema@.ad_job_errors.job IS 'Job that read the row.';
COMMENT ON COLUMN @extschema@.ad_job_errors.run IS 'Number of the run in ad_job_runs.';
COMMENT ON COLUMN @extschema@.ad_job_errors.at IS 'Time of the error.';
COMMENT ON COLUMN @extschema@.ad_job_errors.key IS
'Key of the row; NULL if it is NULL, or unless the current user owns the job.';
COMMENT ON COLUMN @extschema@.ad_job_errors.watermark IS
'Watermark of the row, as text; NULL if it is NULL, or unless the current user owns the job.';
COMMENT ON COLUMN @extschema@.ad_job_errors.message IS
'Error message; SQLSTATE and class unless the current user owns the job.';
COMMENT ON COLUMN @extschema@.ad_job_errors.error_code IS 'SQLSTATE of the error.';
COMMENT ON COLUMN @extschema@.ad_job_errors.generation IS
'Generation of the source: one more each time it was truncated.';

CREATE VIEW @extschema@.ad_job_grants WITH (security_barrier) AS
SELECT p.name AS job, g.role::text AS role, g.privilege
FROM _anomaly._ad_job_grant g
     JOIN (SELECT * FROM _anomaly._ad_job_privilege OFFSET 0) p ON p.job_id = g.job_id
WHERE _anomaly._ad_among(g.job_id, ARRAY(SELECT o.job_id FROM _anomaly._ad_job_privilege o)) AND g.role::text <> ''
OFFSET 0;
COMMENT ON VIEW @extschema@.ad_job_grants IS
'Privileges of roles other than the owner on the jobs that the current user may see.';
COMMENT ON COLUMN @extschema@.ad_job_grants.job IS 'Name of the job.';
COMMENT ON COLUMN @extschema@.ad_job_grants.role IS 'Role that has the privilege, or public.';
COMMENT ON COLUMN @extschema@.ad_job_grants.privilege IS 'read (alerts, labels and log) or label (also label alerts).';

CREATE VIEW _anomaly._ad_visible_label WITH (security_barrier) AS
SELECT j.name AS job, l.key, l.is_anomaly, l."row", l.note, l.labelled_by, l.labelled_at, l.generation, l.place
FROM _anomaly._ad_label l
     JOIN (SELECT p.job_id, p.name FROM _anomaly._ad_job_privilege p OFFSET 0) j ON j.job_id = l.job_id
WHERE _anomaly._ad_among(l.job_id, ARRAY(SELECT p.job_id FROM _anomaly._ad_job_privilege p));
COMMENT ON VIEW _anomaly._ad_visible_label IS 'what ad_labels shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_label TO PUBLIC;

CREATE VIEW @extschema@.ad_labels WITH (security_barrier) AS
SELECT job, key, is_anomaly, "row", note, labelled_by, labelled_at
FROM _anomaly._ad_visible_label;
COMMENT ON VIEW @extschema@.ad_labels IS
'Labels of the jobs that the current user may see.';
COMMENT ON COLUMN @extschema@.ad_labels.job IS 'Job of the row.';
COMMENT ON COLUMN @extschema@.ad_labels.key IS 'Key of the row, as in its alert.';
COMMENT ON COLUMN @extschema@.ad_labels.is_anomaly IS 'The label.';
COMMENT ON COLUMN @extschema@.ad_labels."row" IS 'Row of the alert, or of the source when it was labeled.';
COMMENT ON COLUMN @extschema@.ad_labels.note IS 'Note of the label, or NULL.';
COMMENT ON COLUMN @extschema@.ad_labels.labelled_by IS 'Role that set the label.';
COMMENT ON COLUMN @extschema@.ad_labels.labelled_at IS 'Time of the label.';

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
                         FROM _anomaly._ad_alert a
                              LEFT JOIN LATERAL (SELECT l.is_anomaly FROM _anomaly._ad_label l
                                                 WHERE l.job_id = a.job_id AND l.key = a.key AND coalesce(l.place, a.place) = a.place
                                                   AND coalesce(l.generation, a.generation) = a.generation
                                                 ORDER BY l.labelled_at DESC LIMIT 1) b ON true
                         WHERE a.job_id = j.id) a
     CROSS JOIN LATERAL (SELECT count(*) AS missed FROM _anomaly._ad_label l
                         WHERE l.job_id = j.id AND l.is_anomaly
                           AND NOT EXISTS (SELECT FROM _anomaly._ad_alert a WHERE a.job_id = j.id AND a.key = l.key
                                             AND a.generation = coalesce(l.generation, a.generation)
                                             AND a.place = coalesce(l.place, a.place))) l;
COMMENT ON VIEW @extschema@.ad_job_stats IS
'Results of each job that the current user may see: runs and rows of the last 30 days, alerts, labels, '
'and time from event to alert.';
COMMENT ON COLUMN @extschema@.ad_job_stats.job IS 'Name of the job.';
COMMENT ON COLUMN @extschema@.ad_job_stats.runs IS 'Runs of the last 30 days.';
COMMENT ON COLUMN @extschema@.ad_job_stats.failed_runs IS 'Runs that failed.';
COMMENT ON COLUMN @extschema@.ad_job_stats.rows IS 'Rows scored by these runs.';
COMMENT ON COLUMN @extschema@.ad_job_stats.alerts IS 'Alerts stored.';
COMMENT ON COLUMN @extschema@.ad_job_stats.suppressed IS
'Alerts held back by cooldown or limit_per_hour in the last 30 days.';
COMMENT ON COLUMN @extschema@.ad_job_stats.labelled IS 'Alerts with a label.';
COMMENT ON COLUMN @extschema@.ad_job_stats.confirmed IS 'Alerts labeled as anomalies.';
COMMENT ON COLUMN @extschema@.ad_job_stats."precision" IS
'Share of labeled alerts that were confirmed; NULL without any.';
COMMENT ON COLUMN @extschema@.ad_job_stats.missed IS 'Rows without an alert that were labeled as anomalies.';
COMMENT ON COLUMN @extschema@.ad_job_stats.mean_time_to_alert IS
'Mean time from event to alert, where both are finite.';
COMMENT ON COLUMN @extschema@.ad_job_stats.max_time_to_alert IS 'Longest time from event to alert.';
COMMENT ON COLUMN @extschema@.ad_job_stats.last_alert IS 'Time of the last alert.';
GRANT SELECT ON @extschema@.ad_jobs, @extschema@.ad_alerts, @extschema@.ad_alert, @extschema@.ad_job_runs, @extschema@.ad_job_run,
    @extschema@.ad_job_errors, @extschema@.ad_job_grants, @extschema@.ad_labels, @extschema@.ad_job_stats TO PUBLIC;
