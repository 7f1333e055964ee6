-- Jobs and alerts: running.
--
-- A run is a procedure that commits after every batch. A procedure that
-- commits can have no search_path of its own, so it only calls functions that
-- have one, and everything in it is qualified.
--
-- A source means what it means to the job's owner, so it is run in the search
-- path that he had. What stands between the two set_config() is found in that
-- path: nothing but an EXECUTE of text that is there, with plain variables.
-- An operator, a function, a type or a collation could be somebody else's.
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

CREATE FUNCTION _anomaly._ad_job_lock(id integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_job_lock'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_job_lock(integer) IS
'takes the lock of a job of one''s own for this session, until _ad_job_unlock() or a transaction that fails; false if it is taken';

CREATE FUNCTION _anomaly._ad_job_alone()
RETURNS void
AS 'MODULE_PATHNAME', 'ad_job_alone'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_job_alone() IS 'an error in a transaction block';

CREATE FUNCTION _anomaly._ad_job_unlock()
RETURNS void
AS 'MODULE_PATHNAME', 'ad_job_unlock'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_job_unlock() IS 'lets go of the lock of a job, if this session has one';

CREATE FUNCTION _anomaly._ad_job_begin(name text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j _anomaly._ad_own_job;
	holder integer;
	number integer;
BEGIN
	j := _anomaly._ad_job_get($1);
	-- the query is the owner's: it must not run with the rights of others
	IF j.owner::text = '' THEN
		RAISE EXCEPTION 'job "%" has no owner, so nobody can run it', j.name
			USING ERRCODE = 'insufficient_privilege',
			DETAIL = 'It was restored by a role without the rights of its owner, or its owner was dropped.',
			HINT = 'A superuser who has read its query can give it one: ad_alter_job(name, ''{"owner": "..."}'').';
	END IF;
	IF j.owner::oid <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'job "%" is run by its owner only', j.name
			USING ERRCODE = 'insufficient_privilege',
			DETAIL = CASE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.oid = j.owner::oid)
						THEN format('It belongs to role "%s", the current user is "%s".', j.owner, current_user)
						ELSE 'Its owner is gone.' END,
			HINT = 'SET ROLE, or let ad_alter_job() give it another owner.';
	END IF;
	-- it is not dropped while this writes what would stay behind
	PERFORM FROM _anomaly._ad_own_job o WHERE o.id = j.id FOR KEY SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'job "%" does not exist', $1 USING ERRCODE = 'undefined_object';
	END IF;
	IF NOT _anomaly._ad_job_lock(j.id) THEN
		SELECT l.pid INTO holder FROM pg_locks l
		WHERE l.locktype = 'object' AND l.classid = '_anomaly._ad_job'::regclass AND l.objid = j.id::oid AND l.granted
			AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
		RAISE NOTICE 'job "%" is already running', j.name
			USING DETAIL = coalesce(format('It runs in the server process with PID %s.', holder), '');
		RETURN NULL;
	END IF;
	UPDATE _anomaly._ad_own_run r
	SET finished = clock_timestamp(), error = 'the server process ended', error_code = '57P01'
	WHERE r.job_id = j.id AND r.finished IS NULL;
	PERFORM _anomaly._ad_job_delete(j.id, 'run', clock_timestamp() - interval '30 days');
	SELECT coalesce(max(r.run), 0) + 1 INTO number FROM _anomaly._ad_own_run r WHERE r.job_id = j.id;
	INSERT INTO _anomaly._ad_own_run (job_id, run, pid, started)
	VALUES (j.id, number, pg_backend_pid(), clock_timestamp());
	RETURN jsonb_build_object('id', j.id, 'run', number);
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_begin(text) IS
'locks a job for this session and begins a line of its log; NULL if it is running';

CREATE FUNCTION _anomaly._ad_job_end(id integer, run integer, error_code text, error text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
UPDATE _anomaly._ad_own_run r SET finished = clock_timestamp(), error_code = $3, error = $4
WHERE r.job_id = $1 AND r.run = $2;
UPDATE _anomaly._ad_own_state s SET failures = CASE WHEN $3 IS NULL THEN 0 ELSE s.failures + 1 END
WHERE s.job_id = $1;
SELECT _anomaly._ad_progress_end('job', j.name) FROM _anomaly._ad_own_job j WHERE j.id = $1
$$;
COMMENT ON FUNCTION _anomaly._ad_job_end(integer, integer, text, text) IS 'ends the line of a run in the log';

CREATE FUNCTION _anomaly._ad_job_alerts(j _anomaly._ad_own_job, run integer, rows bigint, hits jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	h record;
	now timestamptz := clock_timestamp();
	written bigint := 0;
	held bigint := 0;
	low timestamptz;		-- within the cooldown
	high timestamptz;
	hour timestamptz;		-- of the clock
	in_hour bigint;			-- alerts of it, as far as the limit asks
BEGIN
	FOR h IN
		SELECT _anomaly._ad_short(e ->> 'key') AS key, _anomaly._ad_short(e ->> 'entity') AS entity, (e ->> 'score')::double precision AS score,
			(e ->> 'p_value')::double precision AS p_value, nullif(e -> 'explanation', 'null') AS explanation,
			e -> 'row' AS "row", (e ->> 'version')::integer AS version, coalesce((e ->> 'at')::timestamptz, now) AS at
		FROM jsonb_array_elements($4) WITH ORDINALITY x(e, i) ORDER BY x.i
	LOOP
		IF EXISTS (SELECT FROM _anomaly._ad_own_alert a WHERE a.job_id = j.id AND a.key = h.key) THEN
			CONTINUE;
		END IF;
		low := _anomaly._ad_shift(h.at, - j.cooldown);
		high := _anomaly._ad_shift(h.at, j.cooldown);
		-- hits come in the order of time: an hour is counted once
		IF j.limit_per_hour IS NOT NULL AND isfinite(h.at) AND hour IS DISTINCT FROM date_trunc('hour', h.at, 'UTC') THEN
			hour := date_trunc('hour', h.at, 'UTC');
			SELECT count(*) INTO in_hour FROM (
				SELECT FROM _anomaly._ad_own_alert a
				WHERE a.job_id = j.id AND a.event_at >= hour AND a.event_at < _anomaly._ad_shift(hour, interval '1 hour')
				LIMIT j.limit_per_hour) o;
		END IF;
		-- whichever comes first, two alerts of an entity are not closer; in an
		-- hour of the clock there are not more
		IF (j.cooldown IS NOT NULL AND h.entity IS NOT NULL AND EXISTS (
				SELECT FROM _anomaly._ad_own_alert a
				WHERE a.job_id = j.id AND a.entity = h.entity AND a.event_at > low AND a.event_at < high))
			OR (j.limit_per_hour IS NOT NULL AND isfinite(h.at) AND in_hour >= j.limit_per_hour)
		THEN
			held := held + 1;
			CONTINUE;
		END IF;
		INSERT INTO _anomaly._ad_own_alert (job_id, key, entity, score, p_value, explanation, "row", model_version, event_at, scored_at)
		VALUES (j.id, h.key, h.entity, h.score, h.p_value, h.explanation, h."row", h.version, h.at, now);
		written := written + 1;
		in_hour := in_hour + CASE WHEN isfinite(h.at) THEN 1 ELSE 0 END;
	END LOOP;
	UPDATE _anomaly._ad_own_run r
	SET batches = r.batches + 1, rows = r.rows + $3, alerts = r.alerts + written, suppressed = r.suppressed + held
	WHERE r.job_id = j.id AND r.run = $2;
	-- any role hears it
	IF written > 0 THEN
		PERFORM pg_notify('ad_alert', jsonb_build_object('job', j.name, 'alerts', written)::text);
	END IF;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_alerts(_anomaly._ad_own_job, integer, bigint, jsonb) IS
'writes the alerts of a batch that are new and that cooldown and limit let pass, counts them in the log, notifies';

CREATE FUNCTION _anomaly._ad_job_batch_model(j _anomaly._ad_own_job, run integer, until timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $$
DECLARE
	s _anomaly._ad_own_state;
	q record;
	m record;
	type regtype;			-- of the watermark
	key_type regtype;
	entity_type regtype;
	key_text text;			-- the key as an expression
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
	SELECT * INTO s FROM _anomaly._ad_own_state o WHERE o.job_id = j.id FOR UPDATE;
	IF s.job_id IS NULL THEN
		RAISE EXCEPTION 'job was dropped or given to another role while it ran' USING ERRCODE = 'undefined_object';
	END IF;
	SELECT * INTO q FROM _anomaly._ad_job_source(j.source, j.search_path);
	type := _anomaly._ad_job_column(q.columns, q.types, j.watermark_column, 'watermark');
	kind := _anomaly._ad_job_watermark_kind(type);
	IF (kind = 'at' AND s.no IS NOT NULL) OR (kind = 'no' AND s.at IS NOT NULL) THEN
		RAISE EXCEPTION 'watermark of job "%" has become another type', j.name
			USING ERRCODE = 'datatype_mismatch', DETAIL = format('The job has come to %s; the column "%s" is of type %s.',
				coalesce(s.at::text, s.no::text), j.watermark_column, type);
	END IF;
	key_type := _anomaly._ad_job_column(q.columns, q.types, j.key_column, 'key');
	IF j.entity_column IS NOT NULL THEN
		entity_type := _anomaly._ad_job_column(q.columns, q.types, j.entity_column, 'entity');
	END IF;
	IF j.features IS NOT NULL THEN
		PERFORM _anomaly._ad_job_column(q.columns, q.types, f, 'feature') FROM unnest(j.features) f;
	END IF;

	-- where to begin and to end
	lag := _anomaly._ad_job_lag(j.lag, kind);
	since := _anomaly._ad_job_since(j, kind);
	IF type = 'date'::regtype THEN
		lag.at := make_interval(days => ceil(extract(epoch FROM lag.at) / 86400)::int);	-- whole days
		since.at := date_trunc('day', since.at);
	END IF;
	from_at := greatest(_anomaly._ad_shift(s.at, -lag.at), since.at);
	from_no := greatest(_anomaly._ad_shift(s.no, -lag.no::numeric), since.no);
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
			-- there are dates for which there is no timestamp
			place := 'CASE WHEN %1$s OPERATOR(pg_catalog.>) ''294276-01-01''::pg_catalog.date THEN ''infinity'''
				' WHEN %1$s OPERATOR(pg_catalog.<) ''4713-01-01 BC''::pg_catalog.date THEN ''-infinity'''
				' ELSE %1$s::pg_catalog.timestamp END';
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
		AND (SELECT o.batches = 0 FROM _anomaly._ad_own_run o WHERE o.job_id = j.id AND o.run = $2)
	THEN
		sql := format(E'SELECT EXISTS (SELECT FROM (\n%s\n) _q WHERE _q.%I IS NULL)', q.sql, j.watermark_column);
		PERFORM pg_catalog.set_config('search_path', j.search_path, true);
		EXECUTE sql INTO found;
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		IF found THEN
			RAISE EXCEPTION 'source of job "%" has rows whose watermark "%" is NULL', j.name, j.watermark_column
				USING ERRCODE = 'null_value_not_allowed', HINT = 'They would never be scored: give them one, or leave them out with WHERE.';
		END IF;
	END IF;

	SELECT o.spec, o.privilege INTO m FROM _anomaly._ad_visible_model o
	WHERE o.name = j.model AND o.active;
	SELECT key, (value #>> '{}')::double precision INTO rule_name, rule_value FROM jsonb_each(j.rule);
	-- the model may have been trained again, on fewer rows
	IF rule_name = 'p_value' AND m.privilege IN ('read', 'own')
		AND (SELECT o.batches = 0 FROM _anomaly._ad_own_run o WHERE o.job_id = j.id AND o.run = $2)
		AND (_anomaly._ad_info(j.model) #>> '{calibration,least_p}')::double precision > rule_value
	THEN
		RAISE WARNING 'job "%" finds nothing, since no p-value of model "%" is as low as %', j.name, j.model, _anomaly._ad_quote(rule_value::text)
			USING HINT = 'Train it on more rows, with a greater share in ad_calibrate(), or change the rule with ad_alter_job().';
	END IF;
	-- its row has a name that no column has
	WHILE alias = ANY (q.columns) LOOP
		alias := alias || '_';
	END LOOP;
	key_text := _anomaly._ad_text_of(format('%s.%I', alias, j.key_column), key_type);
	given := CASE WHEN j.features IS NULL THEN '_b.' || alias
			 ELSE (SELECT string_agg(format('(_b.%s).%I', alias, f), ', ' ORDER BY i) FROM unnest(j.features) WITH ORDINALITY u(f, i)) END;

	-- as an array, whose length the planner knows: the table's statistics, when
	-- a run begins, are those of an empty one
	seen := ARRAY(SELECT o.key FROM _anomaly._ad_own_seen o WHERE o.job_id = j.id);
	sql := format($sql$
WITH _s AS MATERIALIZED (
	SELECT _b.*, _anomaly._ad_score($2, %1$s) AS _score, %2$s AS _p
	FROM (SELECT %15$s, %16$s AS _k, %15$s.%4$I AS _w, %5$s AS _e
		  FROM (
%6$s
		  ) %15$s
		  WHERE %7$s
			AND NOT EXISTS (SELECT FROM pg_catalog.unnest($10) _n(_k)
							WHERE _n._k OPERATOR(pg_catalog.=) (%16$s COLLATE pg_catalog."C"))
		  ORDER BY %15$s.%4$I, %3$s COLLATE pg_catalog."C"
		  LIMIT $3) _b),
_m AS MATERIALIZED (
	SELECT pg_catalog.count(*) AS n, pg_catalog.max(%8$s) AS place, pg_catalog.bool_or(_k IS NULL) AS no_key FROM _s),
_n AS MATERIALIZED (
	SELECT n, no_key, place, %17$s AS past FROM (SELECT n, no_key, greatest($6, %9$s) AS place FROM _m) _o),
_i AS (
	INSERT INTO _anomaly._ad_own_seen (job_id, key, %10$I)
	SELECT $1, _s._k, %8$s FROM _s, _n
	WHERE _s._k IS NOT NULL AND %8$s OPERATOR(pg_catalog.>=) _n.past
	ON CONFLICT DO NOTHING),
_h AS (
	SELECT * FROM (SELECT *, %11$s AS _hit FROM _s) _t WHERE _hit),
_d AS (
	-- of rows with one key the first
	SELECT DISTINCT ON (_k COLLATE pg_catalog."C") * FROM _h ORDER BY _k COLLATE pg_catalog."C", _w)
SELECT _n.n, _n.no_key, _n.place,
	(SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('key', _b._k, 'entity', _b._e, 'score', _b._score, 'p_value', _b._p,
				'at', %12$s, 'row', %18$s, 'version', %13$s, 'explanation', %14$s)
			ORDER BY _b._w, _b._k COLLATE pg_catalog."C") FROM _d _b) AS hits
FROM _n$sql$,
		given,
		CASE WHEN rule_name <> 'score' OR m.spec -> 'calibrate' IS NOT NULL
			THEN format('_anomaly._ad_pvalue($2, %s)', given) ELSE 'NULL::pg_catalog.float8' END,
		key_text, j.watermark_column,
		CASE WHEN j.entity_column IS NULL THEN 'NULL::pg_catalog.text'
			ELSE _anomaly._ad_text_of(format('%s.%I', alias, j.entity_column), entity_type) END,
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
			WHEN 'fdr' THEN '_anomaly._ad_fdr(_p, ''bh'') OVER () OPERATOR(pg_catalog.<=) $7'
			ELSE '_score OPERATOR(pg_catalog.>=) $7' END,
		CASE WHEN type = 'date'::regtype THEN format('(%s)::pg_catalog.timestamptz', format(place, '_b._w'))
			WHEN kind = 'at' THEN '_b._w::pg_catalog.timestamptz' ELSE 'NULL' END,
		'(SELECT _v.version FROM _anomaly._ad_visible_model _v WHERE _v.name OPERATOR(pg_catalog.=) $2 AND _v.active)',
		_anomaly._ad_job_explanation(j, given), alias,
		format('(CASE WHEN pg_catalog.octet_length(%1$s) OPERATOR(pg_catalog.<=) 1000 THEN %1$s ELSE _anomaly._ad_short(%1$s) END)', key_text),
		CASE kind WHEN 'at' THEN '_anomaly._ad_shift(place, OPERATOR(pg_catalog.-) $8)'
			ELSE '_anomaly._ad_shift(place, OPERATOR(pg_catalog.-) $8::pg_catalog.numeric)' END,
		_anomaly._ad_json_of('_b.' || alias, q.columns, q.types));

	IF kind = 'at' THEN
		PERFORM pg_catalog.set_config('search_path', j.search_path, true);
		EXECUTE sql INTO r USING j.id, j.model, j.batch_size, from_at, clock_at, s.at, rule_value, lag.at, until_at, seen;
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	ELSE
		PERFORM pg_catalog.set_config('search_path', j.search_path, true);
		EXECUTE sql INTO r USING j.id, j.model, j.batch_size, from_no, clock_at, s.no, rule_value, lag.no, until_at, seen;
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	END IF;
	IF r.no_key THEN
		RAISE EXCEPTION 'source of job "%" has rows whose key "%" is NULL', j.name, j.key_column
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave them out with WHERE.';
	END IF;
	IF r.n = 0 THEN
		RETURN false;
	END IF;

	IF kind = 'at' THEN
		UPDATE _anomaly._ad_own_state o SET at = r.place WHERE o.job_id = j.id;
		PERFORM _anomaly._ad_job_delete(j.id, 'key', before => timezone('UTC', _anomaly._ad_shift(r.place, -lag.at)));
	ELSE
		UPDATE _anomaly._ad_own_state o SET no = r.place WHERE o.job_id = j.id;
		PERFORM _anomaly._ad_job_delete(j.id, 'key', before_no => _anomaly._ad_shift(r.place, -lag.no::numeric));
	END IF;
	PERFORM _anomaly._ad_job_alerts(j, $2, r.n, coalesce(r.hits, '[]'));
	RETURN r.n = j.batch_size;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_batch_model(_anomaly._ad_own_job, integer, timestamptz) IS
'scores one batch of a job; whether there may be more';

CREATE FUNCTION _anomaly._ad_job_explanation(j _anomaly._ad_own_job, given text)
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
		FROM _anomaly._ad_explain($2, %L::pg_catalog.jsonb, %s) _x)$sql$,
		jsonb_build_object('top', j.explain, 'beyond', true), given);
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_explanation(_anomaly._ad_own_job, text) IS 'the expression that explains a row of a batch';

CREATE FUNCTION _anomaly._ad_job_batch(id integer, run integer, until timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j _anomaly._ad_own_job;
BEGIN
	SELECT * INTO j FROM _anomaly._ad_own_job o WHERE o.id = $1 FOR KEY SHARE;
	-- another may have got it since the last batch
	IF j.id IS NULL OR j.owner::oid <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'job was dropped or given to another role while it ran' USING ERRCODE = 'undefined_object';
	END IF;
	PERFORM _anomaly._ad_progress_set('job', j.name, 'batch', (SELECT o.rows FROM _anomaly._ad_own_run o WHERE o.job_id = j.id AND o.run = $2));
	IF j.kind = 'layering' THEN
		RETURN _anomaly._ad_job_batch_layering(j, $2, $3);
	END IF;
	RETURN _anomaly._ad_job_batch_model(j, $2, $3);
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_batch(integer, integer, timestamptz) IS
'does one batch of a job; whether there may be more';

CREATE PROCEDURE _anomaly._ad_run_job(name text, until timestamptz)
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
	PERFORM _anomaly._ad_job_alone();
	COMMIT;					-- in a function this fails, before anything is done
	this := _anomaly._ad_job_begin(name);
	IF this IS NULL THEN
		RETURN;
	END IF;
	id := (this OPERATOR(pg_catalog.->>) 'id')::pg_catalog.int4;
	run := (this OPERATOR(pg_catalog.->>) 'run')::pg_catalog.int4;
	COMMIT;
	WHILE more LOOP
		BEGIN
			more := _anomaly._ad_job_batch(id, run, until);
		EXCEPTION WHEN OTHERS OR query_canceled THEN
			GET STACKED DIAGNOSTICS e_code = RETURNED_SQLSTATE, e_message = MESSAGE_TEXT,
				e_detail = PG_EXCEPTION_DETAIL, e_hint = PG_EXCEPTION_HINT;
			failed := true;
			more := false;
		END;
		COMMIT;
	END LOOP;
	PERFORM _anomaly._ad_job_end(id, run, e_code, e_message);
	COMMIT;
	PERFORM _anomaly._ad_job_unlock();
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
COMMENT ON PROCEDURE _anomaly._ad_run_job(text, timestamptz) IS 'does what ad_run_job() says';

CREATE PROCEDURE @extschema@.ad_run_job(name text, until timestamptz DEFAULT NULL)
LANGUAGE plpgsql
AS $$ BEGIN CALL _anomaly._ad_run_job(name, until); END $$;
COMMENT ON PROCEDURE @extschema@.ad_run_job(text, timestamptz) IS
'does what there is to do for a job, in batches of one transaction each; until: leaves rows after that time for later';
