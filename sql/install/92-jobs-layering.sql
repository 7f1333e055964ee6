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

CREATE FUNCTION _anomaly._ad_layering_horizon(options jsonb)
RETURNS interval
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT ($1 ->> 'orders_window')::interval + ($1 ->> 'cancel_window')::interval + ($1 ->> 'opposite_trade_window')::interval
$$;
COMMENT ON FUNCTION _anomaly._ad_layering_horizon(jsonb) IS 'the longest that a layering sequence takes';

-- No SET search_path: the source means what it means to the caller.
CREATE FUNCTION @extschema@.ad_create_layering_job(
    name text,
    source text,
    options jsonb DEFAULT NULL,
    rule jsonb DEFAULT '{"score": 0}',
    partition_by text[] DEFAULT NULL,
    order_by text DEFAULT NULL,
    lag text DEFAULT '1 minute',
    cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL,
    since text DEFAULT NULL,
    on_error text DEFAULT 'skip',
    seen_limit integer DEFAULT 1000000,
    late_check interval DEFAULT '1 day')
RETURNS text
AS 'MODULE_PATHNAME', 'ad_create_layering_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_create_layering_job(text, text, jsonb, jsonb, text[], text, text, interval, integer, text, text, integer, interval) IS
'makes a job that finds layering sequences in a table, view or query of order events, as ad_layering_sequences() reads it, once their windows have closed; the score is the severity; returns its name';

CREATE FUNCTION _anomaly._ad_create_layering_job(name text, source text, options jsonb DEFAULT NULL, rule jsonb DEFAULT '{"score": 0}',
    partition_by text[] DEFAULT NULL, order_by text DEFAULT NULL, lag text DEFAULT '1 minute', cooldown interval DEFAULT NULL,
    limit_per_hour integer DEFAULT NULL, since text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_create_layering_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_create_layering_job(text, text, jsonb, jsonb, text[], text, text, interval, integer, text) IS
'ad_create_layering_job() as it was until 0.2.0, where objects made then depend on it';

CREATE FUNCTION _anomaly._ad_job_layering_check(j _anomaly._ad_own_job, sql text, columns text[], types regtype[])
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	empty text;				-- a query of no rows with the columns of the source
	order_by text;
BEGIN
	IF _anomaly._ad_job_column($3, $4, 'ts', 'watermark') <> 'timestamptz'::regtype THEN
		RAISE EXCEPTION 'watermark has type %', _anomaly._ad_job_column($3, $4, 'ts', 'watermark')
			USING ERRCODE = 'datatype_mismatch', HINT = 'The column "ts" of order events is a timestamptz.';
	END IF;
	-- not on the source itself: even planning it calls functions, and who
	-- changes a job need not be the one who wrote it
	empty := (SELECT format('SELECT %s LIMIT 0', string_agg(format('NULL::%s AS %I',
					CASE WHEN (SELECT y.typtype FROM pg_type y WHERE y.oid = t) = 'p' THEN 'text'::regtype ELSE _anomaly._ad_plain_type(t) END, c), ', ' ORDER BY i))
			   FROM unnest($3, $4) WITH ORDINALITY u(c, t, i));
	order_by := coalesce(j.order_by, CASE WHEN 'id' = ANY ($3) THEN 'id' END);
	PERFORM pg_catalog.set_config('search_path', j.search_path, true);
	EXECUTE 'SELECT FROM _anomaly._ad_layering_sequences($1, $2, $3, $4, false)'
		USING empty, j.options, j.partition_by, order_by;
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_layering_check(_anomaly._ad_own_job, text, text[], regtype[]) IS
'an error if the source of a layering job is no order events';

CREATE FUNCTION _anomaly._ad_job_batch_layering(j _anomaly._ad_own_job, at timestamptz, until timestamptz,
    OUT to_at timestamptz, OUT rows bigint, OUT more boolean, OUT hits jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $$
DECLARE
	q record;
	horizon interval := _anomaly._ad_layering_horizon(j.options);
	complete timestamptz;	-- all events before it are here
	from_at timestamptz;	-- sequences that start before it are decided
	day timestamptz;
	next_day timestamptz;
	first timestamptz;
	part text;				-- of the source, as a query
	stmt text;
	order_by text;
	least_score double precision;
	n bigint;
BEGIN
	rows := 0;
	more := false;
	SELECT * INTO q FROM _anomaly._ad_job_source(j.source, j.search_path);
	PERFORM _anomaly._ad_job_layering_check(j, q.sql, q.columns, q.types);
	complete := coalesce(until, clock_timestamp()) - (_anomaly._ad_job_lag(j.lag, 'at')).at;
	from_at := greatest($2, timezone('UTC', (_anomaly._ad_job_since(j, 'at')).at));

	IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = q.relation AND a.attname = 'ts' AND a.attnotnull)
	THEN
		stmt := format(E'SELECT pg_catalog.count(*) FROM (\n%s\n) _q WHERE _q.ts IS NULL', q.sql);
		PERFORM pg_catalog.set_config('search_path', j.search_path, true);
		EXECUTE stmt INTO n;
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		IF n > 0 THEN
			RAISE EXCEPTION 'source of job "%" has rows whose watermark "ts" is NULL', j.name
				USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave them out with WHERE.';
		END IF;
	END IF;

	-- from the next event on
	stmt := format(E'SELECT pg_catalog.min(_q.ts) FROM (\n%s\n) _q WHERE _q.ts OPERATOR(pg_catalog.>=) coalesce($1, ''-infinity'')', q.sql);
	PERFORM pg_catalog.set_config('search_path', j.search_path, true);
	EXECUTE stmt INTO first USING from_at;
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	IF first IS NULL OR first + horizon > complete THEN
		RETURN;
	END IF;
	from_at := greatest(from_at, first);
	day := date_trunc('day', from_at);
	next_day := day + interval '1 day';
	to_at := least(next_day, complete - horizon + interval '1 microsecond');

	part := format(E'SELECT * FROM (\n%s\n) _q WHERE _q.ts OPERATOR(pg_catalog.>=) %L::pg_catalog.timestamptz AND _q.ts OPERATOR(pg_catalog.<=) %L::pg_catalog.timestamptz',
		q.sql, day - horizon, least(next_day + horizon, complete));
	order_by := coalesce(j.order_by, CASE WHEN 'id' = ANY (q.columns) THEN 'id' END);
	least_score := (j.rule ->> 'score')::double precision;
	stmt := format(E'SELECT pg_catalog.count(*) FROM (\n%s\n) _q WHERE _q.ts OPERATOR(pg_catalog.>=) $1 AND _q.ts OPERATOR(pg_catalog.<) $2', q.sql);
	PERFORM pg_catalog.set_config('search_path', j.search_path, true);
	EXECUTE $sql$
SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
		'key', coalesce(first_id, pg_catalog.concat(partition_key, ' ', side, ' ', start_time)), 'entity', account,
		'score', severity, 'at', start_time, 'row', pg_catalog.to_jsonb(_l)) ORDER BY start_time, first_id)
FROM _anomaly._ad_layering_sequences($1, $2, $3, $4, false) _l
WHERE start_time OPERATOR(pg_catalog.>=) $5 AND start_time OPERATOR(pg_catalog.<) $6
	AND severity OPERATOR(pg_catalog.>=) $7 $sql$
		INTO hits USING part, j.options, j.partition_by, order_by, from_at, to_at, least_score;
	EXECUTE stmt INTO rows USING from_at, to_at;
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

	more := true;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_batch_layering(_anomaly._ad_own_job, timestamptz, timestamptz) IS
'finds the layering sequences of one day, as far as they are decided; whether there may be more';
