-- What the listeners stand on, in a schema of its own: psql -f setup.sql, as
-- the owner of the database, once the role listener is there; another role is
-- named with -v listener=NAME. Described in docs/delivery.md.
\if :{?listener}
\else
\set listener listener
\endif
CREATE SCHEMA delivery;
CREATE TABLE delivery.sent (
    route text,
    id jsonb,                       -- of the alert: job, when it was written, key, generation, watermark
    job text NOT NULL,
    written_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (route, id)
);
CREATE INDEX ON delivery.sent (route, job, written_at);

-- What a route has to send, of each job the first hundred. Batches of jobs
-- commit in any order, so each job is looked through from its own last alert
-- that was sent, less the overlap: batches of one job follow each other, but
-- a clock may be set back. Tables that were never analyzed look large enough for
-- the query to be compiled, which takes seconds: jit is off.
CREATE FUNCTION delivery.pending(route text, columns text, source text, condition text, overlap interval DEFAULT '1 day')
RETURNS TABLE (id jsonb, body text) LANGUAGE plpgsql SET jit = off AS $$
DECLARE
    names text := $q$ad_jobs$q$;
    rows text := $q$ad_alerts a, jsonb_build_array(a.job, a.scored_at AT TIME ZONE 'UTC', a.key, a.generation, a.watermark) i(id)
            WHERE a.job = j.name AND a.scored_at > p.since$q$;
BEGIN
    IF trim(source) = 'ad_health_log' THEN
        names := $q$(SELECT 'ad_health' AS name)$q$;
        rows := $q$ad_health_log a, jsonb_build_array('ad_health', a.at AT TIME ZONE 'UTC', a.role, a."check", a.object, a.to_status) i(id)
            WHERE a.at > p.since$q$;
    ELSIF trim(source) <> 'ad_alerts' THEN
        RAISE EXCEPTION 'cannot send what is in "%"', source;
    END IF;
    RETURN QUERY EXECUTE format($q$
        SELECT a.id, a.body FROM %s j CROSS JOIN LATERAL (
            SELECT coalesce(least(max(s.written_at), now()) - $2, '-infinity') AS since
            FROM delivery.sent s WHERE s.route = $1 AND s.job = j.name) p CROSS JOIN LATERAL (
            SELECT i.id, (SELECT to_jsonb(s)::text FROM (SELECT %s) s) AS body
            FROM %s AND (%s) AND NOT EXISTS (SELECT FROM delivery.sent s WHERE s.route = $1 AND s.id = i.id)
            ORDER BY i.id LIMIT 100) a ORDER BY a.id$q$, names, CASE trim(columns) WHEN '*' THEN 'a.*' ELSE columns END, rows, condition)
    USING route, overlap;
    IF NOT FOUND THEN       -- what is not looked through any more need not be known
        DELETE FROM delivery.sent s
        USING (SELECT t.job, least(max(t.written_at), now()) AS at FROM delivery.sent t WHERE t.route = pending.route GROUP BY t.job) m
        WHERE s.route = pending.route AND s.job = m.job AND s.written_at < m.at - overlap;
    END IF;
END $$;

CREATE FUNCTION delivery.done(route text, id jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO delivery.sent (route, id, job, written_at)
    VALUES (route, id, id ->> 0, (id ->> 1)::timestamp AT TIME ZONE 'UTC') ON CONFLICT DO NOTHING
$$;
GRANT USAGE ON SCHEMA delivery TO :"listener";
GRANT SELECT, INSERT, DELETE ON delivery.sent TO :"listener";
