-- Jobs and alerts: creating and changing jobs.

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
				HINT = 'ad_jobs shows the owner. Members of that role may do it, too.';
		END IF;
		RAISE EXCEPTION 'job "%" does not exist', $1 USING ERRCODE = 'undefined_object';
	END IF;
	RETURN j;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_get(text) IS 'a job of one''s own; an error if there is none of that name';

CREATE FUNCTION _anomaly._ad_source_name(source text)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_table_name'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_source_name(text) IS
'the name of a table, view, ... that a source is, quoted where it must be, for to_regclass(); NULL: it is a query';

CREATE FUNCTION _anomaly._ad_job_source(source text, search_path text, OUT sql text, OUT columns text[], OUT types regtype[], OUT relation regclass)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	given text := $1;
BEGIN
	IF _anomaly._ad_source_name(given) IS NOT NULL THEN
		PERFORM pg_catalog.set_config('search_path', $2, true);
		relation := pg_catalog.to_regclass(_anomaly._ad_source_name(given));
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

-- A value is made of JSON again as a type that checks nothing: the check of a
-- domain is its owner's code, and would run with the privileges of whoever asks.
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

-- The functions that make and change jobs (src/jobs/sql_define.c, sql_rights.c).
-- Each argument of a function that makes a job is an option by its name.

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
    features text[] DEFAULT NULL,
    on_error text DEFAULT 'skip',
    seen_limit integer DEFAULT 1000000,
    late_check interval DEFAULT '1 day',
    pause_after integer DEFAULT 5,
    health jsonb DEFAULT NULL,
    model_by text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_create_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_create_job(text, text, text, text, text, jsonb, text, integer, text, interval, integer, integer, text, text[], text, integer, interval, integer, jsonb, text) IS
'Creates a job that scores new rows with a named model and writes alerts, and returns its name. name: 1 '
'to 63 bytes. model: the model. source: a table, view or SELECT. key: the column that identifies rows. '
'watermark: a column that increases with new rows. rule: {"p_value": p}, {"fdr": q} or {"score": s}. '
'entity: the column that identifies whom a row is about. batch_size: rows per transaction, 1 to 1000000. '
'lag: how late rows may arrive; NULL means 5 minutes, or 1000 for an integer. cooldown: minimum interval '
'between alerts of an entity. limit_per_hour: maximum number of alerts per hour. explain: features in an '
'explanation, 0 to 4096. since: where to begin, or now; NULL means the first row. features: columns that '
'are the features; NULL means by name. on_error: skip or error for rows that cannot be scored. '
'seen_limit: row versions that are remembered. late_check: how often late rows are counted. pause_after: '
'failed runs after which the job is paused, 0 for never. health: limits for ad_health(). model_by: the '
'column of the entity of a model per entity. NULL means the default. Raises 22004 for a NULL name, model, '
'source, key or watermark, 42710 if the job exists, 42704 if there is no such model, 42501 for missing '
'privileges, 22023 for an invalid setting.';

CREATE FUNCTION @extschema@.ad_alter_job(name text, changes jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_alter_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_alter_job(text, jsonb) IS
'Changes settings of a job and returns its name. name: the job. changes: an object of the arguments of '
'the function that created it, except name, key, watermark and since, and owner; null sets the default, '
'and what is not named is kept. The schedule follows the job to another owner. Raises 22004 for a NULL '
'argument, 42704 if there is no such job, 42501 if the caller does not own it, 22023 for an invalid '
'setting.';

CREATE FUNCTION @extschema@.ad_rename_job(name text, new_name text)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_rename_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_rename_job(text, text) IS
'Renames a job with its alerts, labels, grants, log and schedule, and returns the new name. name: the '
'job. new_name: 1 to 63 bytes. Raises 22004 for a NULL name, 42704 if there is no such job, 42501 if the '
'caller does not own it, 42710 if the new name exists.';

CREATE FUNCTION @extschema@.ad_drop_job(name text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_drop_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_drop_job(text) IS
'Drops a job with its alerts, labels, grants, log and schedule, and returns the number of alerts deleted. '
'name: the job. Raises 22004 for a NULL name, 42704 if there is no such job, 42501 if the caller does not '
'own it.';

CREATE FUNCTION @extschema@.ad_purge_job(name text, before timestamptz)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_purge_job'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_purge_job(text, timestamptz) IS
'Deletes the alerts that a job wrote before a time, but not the labels, and returns their number. name: '
'the job. before: the time. A NULL argument gives NULL. Raises 42704 if there is no such job, 42501 if '
'the caller does not own it.';

CREATE FUNCTION @extschema@.ad_purge_subject(job text, key text DEFAULT NULL, entity text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_purge_subject'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_purge_subject(text, text, text) IS
'Deletes what a job stores about a person: alerts, labels, remembered keys, and texts of errors, and '
'returns the number of alerts and labels deleted. Delete the rows in the source first. job: the job. key: '
'the key of a row. entity: the entity of rows. One of key and entity must be NULL. Raises 22004 for a '
'NULL job, 22023 unless one of key and entity is given, 42704 if there is no such job, 42501 if the '
'caller does not own it.';

CREATE FUNCTION @extschema@.ad_grant_job(name text, role text, privilege text DEFAULT 'read')
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_grant_job'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_grant_job(text, text, text) IS
'Grants a privilege on a job and returns 1, or 0 if nothing changed. name: the job. role: a role or '
'public. privilege: read (alerts, labels and log) or label (also label alerts). A NULL argument gives '
'NULL. Raises 42704 if there is no such job or role, 42501 if the caller does not own the job, 22023 for '
'another privilege.';

CREATE FUNCTION @extschema@.ad_revoke_job(name text, role text, privilege text DEFAULT 'read')
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_revoke_job'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_revoke_job(text, text, text) IS
'Revokes a privilege on a job, as it was granted, and returns 1, or 0 if nothing changed. name: the job. '
'role: a role or public. privilege: read or label. A NULL argument gives NULL. Raises 42704 if there is '
'no such job, 42501 if the caller does not own it.';

CREATE FUNCTION _anomaly._ad_model_jobs(model text, cascade boolean)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_model_jobs'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION _anomaly._ad_model_jobs(text, boolean) IS
'an error if jobs use a model of one''s own, or drops those of one''s own; returns how many it dropped';

-- Functions whose result was void until 0.2.0: what depends on one keeps it.

CREATE FUNCTION _anomaly._ad_create_job(name text, model text, source text, key text, watermark text, rule jsonb DEFAULT '{"p_value": 0.001}',
    entity text DEFAULT NULL, batch_size integer DEFAULT 10000, lag text DEFAULT NULL, cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL, explain integer DEFAULT 3, since text DEFAULT NULL, features text[] DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_create_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_create_job(text, text, text, text, text, jsonb, text, integer, text, interval, integer, integer, text, text[]) IS
'ad_create_job() as it was until 0.2.0, where objects made then depend on it';

CREATE FUNCTION _anomaly._ad_alter_job(name text, changes jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_alter_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_alter_job(text, jsonb) IS
'ad_alter_job() as it was until 0.2.0, where objects made then depend on it';

CREATE FUNCTION _anomaly._ad_grant_job(name text, role text, privilege text DEFAULT 'read')
RETURNS void
AS 'MODULE_PATHNAME', 'ad_grant_job'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION _anomaly._ad_grant_job(text, text, text) IS
'ad_grant_job() as it was until 0.2.0, where objects made then depend on it';

CREATE FUNCTION _anomaly._ad_revoke_job(name text, role text, privilege text DEFAULT 'read')
RETURNS void
AS 'MODULE_PATHNAME', 'ad_revoke_job'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION _anomaly._ad_revoke_job(text, text, text) IS
'ad_revoke_job() as it was until 0.2.0, where objects made then depend on it';
