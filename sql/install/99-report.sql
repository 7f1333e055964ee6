-- since 0.3.0
-- Reports on a model or a job, for a file.
--
-- A report is a list of blocks, as jsonb, which is then written as Markdown or
-- HTML: {"h": heading}, {"p": paragraph}, {"t": rows of cells, the first the
-- head}, {"c": code}, {"svg": picture, "alt": what it is}. Headings, paragraphs
-- and cells are text in which everything that Markdown or HTML could mean
-- is a character reference; code and pictures are as they are. All of it is
-- read from the views that show the caller what he may see.

-- What these stand on, in the schema where nobody else may create.
CREATE VIEW _anomaly._ad_report_alert WITH (security_barrier) AS
SELECT job, key, entity, score, p_value, explanation, event_at, scored_at, label, "row" FROM @extschema@.ad_alerts;
COMMENT ON VIEW _anomaly._ad_report_alert IS 'what ad_alerts shows, for our own use';
GRANT SELECT ON _anomaly._ad_report_alert TO PUBLIC;

CREATE VIEW _anomaly._ad_report_stats WITH (security_barrier) AS
SELECT job, runs, failed_runs, rows, alerts, suppressed, labelled, confirmed, missed FROM @extschema@.ad_job_stats;
COMMENT ON VIEW _anomaly._ad_report_stats IS 'what ad_job_stats shows, for our own use';
GRANT SELECT ON _anomaly._ad_report_stats TO PUBLIC;

CREATE FUNCTION _anomaly._ad_pr_curve(scores double precision[], is_anomaly boolean[], points bigint)
RETURNS SETOF @extschema@.ad_pr_point
AS 'MODULE_PATHNAME', 'ad_pr_curve'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION _anomaly._ad_pr_curve(double precision[], boolean[], bigint) IS
'ad_pr_curve(double precision[], boolean[], bigint)';

CREATE FUNCTION _anomaly._ad_report_scores(low double precision, high double precision, confirmed double precision[],
    unlabelled double precision[], refused double precision[], threshold double precision)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_report_scores'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_report_scores(double precision, double precision, double precision[], double precision[], double precision[], double precision) IS
'a histogram of scores by class, as SVG, from counts for each bin; a line at the threshold, if there is one; NULL if low is not below high';

CREATE FUNCTION _anomaly._ad_report_curve(recall double precision[], "precision" double precision[])
RETURNS text
AS 'MODULE_PATHNAME', 'ad_report_curve'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_report_curve(double precision[], double precision[]) IS
'precision over recall, as SVG; recall must ascend';

CREATE FUNCTION _anomaly._ad_report_escape(value text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(regexp_replace(replace(string_agg(CASE WHEN ascii(c) < 32 OR ascii(c) BETWEEN 127 AND 159 OR ascii(c) BETWEEN 8203 AND 8207
                                     OR ascii(c) BETWEEN 8232 AND 8238 OR ascii(c) BETWEEN 8288 AND 8297 OR ascii(c) = 65279 THEN ' '
                                WHEN ascii(c) > 127 OR c ~ '[A-Za-z0-9 .,;:%/=()"''+-]' THEN c
                                ELSE '&#' || ascii(c) || ';' END, '' ORDER BY i), '://', '&#58;//'), '(www)\.', '\1&#46;', 'gi'), '')
FROM regexp_split_to_table(CASE WHEN length($1) > 200 THEN left($1, 197) || '...' ELSE $1 END, '') WITH ORDINALITY s(c, i)
$$;
COMMENT ON FUNCTION _anomaly._ad_report_escape(text) IS
'a text of at most 200 characters in which nothing means something to Markdown or HTML; NULL is empty';

CREATE FUNCTION _anomaly._ad_report_number(value double precision)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
AS $$
SELECT CASE WHEN $1 IS NULL THEN ''
            WHEN $1 IN ('NaN', 'Infinity', '-Infinity') THEN $1::text
            ELSE to_char($1, '9.9999EEEE')::double precision::text END
$$;
COMMENT ON FUNCTION _anomaly._ad_report_number(double precision) IS
'a number in five digits; NULL is empty';

CREATE FUNCTION _anomaly._ad_report_time(value timestamptz)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN $1 IS NULL THEN '' WHEN isfinite($1) THEN to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' ELSE $1::text END
$$;
COMMENT ON FUNCTION _anomaly._ad_report_time(timestamptz) IS
'a time in UTC; NULL is empty';

CREATE FUNCTION _anomaly._ad_report_why(explanation jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT _anomaly._ad_report_escape(string_agg(concat_ws(' ', e ->> 'feature', left(e ->> 'value', 40),
           '(' || concat_ws(', ', e ->> 'direction', 'usual are ' || left(e ->> 'typical', 60)) || ')'), '; ' ORDER BY i))
FROM jsonb_array_elements(CASE jsonb_typeof($1) WHEN 'array' THEN $1 ELSE '[]' END) WITH ORDINALITY x(e, i)
WHERE jsonb_typeof(e) = 'object' AND i <= 5
$$;
COMMENT ON FUNCTION _anomaly._ad_report_why(jsonb) IS
'an explanation of an alert in words, escaped; empty if there is none';

-- Of the newest hundred thousand alerts of some jobs.
CREATE FUNCTION _anomaly._ad_report_alerts(jobs text[], threshold double precision, top integer)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH newest AS MATERIALIZED (
    SELECT a.job, a.key, a.entity, a.score, a.p_value, a.explanation, a.event_at, a.label, a."row",
           CASE WHEN a.label THEN 1 WHEN a.label IS NULL THEN 2 ELSE 3 END AS class
    FROM _anomaly._ad_report_alert a WHERE a.job = ANY ($1) ORDER BY a.scored_at DESC, a.job, a.key LIMIT 100000
), range AS (
    SELECT count(*) AS n, min(score) FILTER (WHERE finite) AS low, max(score) FILTER (WHERE finite) AS high, count(label) AS labelled,
           bool_or(label) AND NOT bool_and(label) AS both_classes
    FROM (SELECT *, score NOT IN ('NaN', 'Infinity', '-Infinity') AS finite FROM newest) f
), bins AS (
    SELECT array_agg(c.confirmed ORDER BY b) AS confirmed, array_agg(c.unlabelled ORDER BY b) AS unlabelled, array_agg(c.refused ORDER BY b) AS refused
    FROM generate_series(0, 39) b CROSS JOIN LATERAL (SELECT 1) one LEFT JOIN (
        SELECT least(39, floor((s.score / 2 - r.low / 2) / nullif(r.high / 2 - r.low / 2, 0) * 40))::integer AS bin,
               count(*) FILTER (WHERE class = 1)::double precision AS confirmed, count(*) FILTER (WHERE class = 2)::double precision AS unlabelled,
               count(*) FILTER (WHERE class = 3)::double precision AS refused
        FROM newest s, range r WHERE s.score NOT IN ('NaN', 'Infinity', '-Infinity') GROUP BY 1) h ON h.bin = b
    CROSS JOIN LATERAL (SELECT coalesce(h.confirmed, 0) AS confirmed, coalesce(h.unlabelled, 0) AS unlabelled, coalesce(h.refused, 0) AS refused) c
), curve AS (
    SELECT array_agg(p.recall ORDER BY p.recall, p."precision" DESC) AS recall, array_agg(p."precision" ORDER BY p.recall, p."precision" DESC) AS "precision"
    FROM (SELECT array_agg(score) AS scores, array_agg(label) AS labels FROM newest WHERE label IS NOT NULL) l,
         LATERAL _anomaly._ad_pr_curve(l.scores, l.labels, 200) p
    WHERE p."precision" BETWEEN 0 AND 1 AND p.recall BETWEEN 0 AND 1
), quality AS (
    SELECT _anomaly._ad_average_precision(score, label) AS average_precision, _anomaly._ad_roc_auc(score, label) AS roc_auc
    FROM newest WHERE label IS NOT NULL
)
SELECT jsonb_agg(block ORDER BY i) FROM (
    SELECT 1 AS i, '{"h": "Scores"}'::jsonb AS block
    UNION ALL SELECT 2, jsonb_build_object('p', CASE WHEN n = 0 THEN 'There is no alert.' ELSE 'Alerts: ' || n || ', with a label: ' || labelled || '.' END) FROM range
    UNION ALL SELECT 3, jsonb_build_object('t', jsonb_build_array('["class", "alerts", "least score", "median", "greatest"]'::jsonb) || jsonb_agg(jsonb_build_array(
        (ARRAY['confirmed', 'without a label', 'not confirmed'])[class], n::text, _anomaly._ad_report_number(low), _anomaly._ad_report_number(median), _anomaly._ad_report_number(high)) ORDER BY class))
    FROM (SELECT class, count(*) AS n, min(score) AS low, percentile_disc(0.5) WITHIN GROUP (ORDER BY score) AS median, max(score) AS high
          FROM newest GROUP BY class) c HAVING count(*) > 0
    UNION ALL SELECT 4, jsonb_build_object('alt', 'scores of alerts by class', 'svg', s.svg)
    FROM range r, bins b, LATERAL (SELECT _anomaly._ad_report_scores(r.low, r.high, b.confirmed, b.unlabelled, b.refused, $2) AS svg) s WHERE s.svg IS NOT NULL
    UNION ALL SELECT 5, '{"h": "Precision and recall"}'
    UNION ALL SELECT 6, jsonb_build_object('p', CASE WHEN both_classes THEN
        'Average precision ' || _anomaly._ad_report_number(average_precision) || ', ROC AUC ' || _anomaly._ad_report_number(roc_auc) ||
        ', among the alerts with a label; of rows without an alert they say nothing.'
        ELSE 'Not known: there are no alerts labelled both ways.' END) FROM range, quality
    UNION ALL SELECT 7, jsonb_build_object('alt', 'precision over recall', 'svg', _anomaly._ad_report_curve(recall, "precision"))
    FROM range, curve WHERE both_classes AND array_length(recall, 1) BETWEEN 1 AND 1000
    UNION ALL SELECT 8, '{"h": "Top alerts"}'
    UNION ALL SELECT 9, jsonb_build_object('t', '[["job", "key", "entity", "event", "score", "p-value", "label", "why"]]'::jsonb || jsonb_agg(jsonb_build_array(
        _anomaly._ad_report_escape(job), _anomaly._ad_report_escape(key), _anomaly._ad_report_escape(entity), _anomaly._ad_report_escape(_anomaly._ad_report_time(event_at)), _anomaly._ad_report_number(score),
        _anomaly._ad_report_number(p_value), CASE label WHEN true THEN 'confirmed' WHEN false THEN 'not confirmed' ELSE '' END,
        coalesce(nullif(_anomaly._ad_report_why(explanation), ''), _anomaly._ad_report_escape("row"::text))) ORDER BY score DESC, job, key, event_at))
    FROM (SELECT * FROM newest ORDER BY score DESC, job, key, event_at LIMIT $3) t HAVING count(*) > 0
    UNION ALL SELECT 10, '{"p": "None."}' FROM range WHERE n = 0 OR $3 = 0) b
$$;
COMMENT ON FUNCTION _anomaly._ad_report_alerts(text[], double precision, integer) IS
'blocks of a report on the alerts of jobs that the current user may see: scores, precision and recall, the top ones';

CREATE FUNCTION _anomaly._ad_report_of_model(name text)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH m AS MATERIALIZED (
    SELECT v.*, v.privilege IN ('read', 'own') AS reads FROM _anomaly._ad_visible_model v WHERE v.name = $1 AND v.active
), used AS (
    SELECT sum(s.rows) AS rows, sum(s.rows * s.score_shift) / nullif(sum(s.rows) FILTER (WHERE s.score_shift IS NOT NULL), 0) AS shift
    FROM m, LATERAL (SELECT * FROM _anomaly._ad_visible_stat s WHERE _anomaly._ad_preloaded()) s
    WHERE s.model = m.name AND s.version = m.version AND s.database = current_database()
), features AS (
    SELECT f.* FROM m, LATERAL (SELECT * FROM _anomaly._ad_features(m.name) LIMIT 100) f WHERE m.reads AND m.groups IS NULL
)
SELECT jsonb_agg(block ORDER BY i) FROM (
    SELECT 1 AS i, jsonb_build_object('h', 'Model ' || _anomaly._ad_report_escape($1)) AS block
    UNION ALL SELECT 2, jsonb_build_object('p', 'Version ' || version || ', ' || _anomaly._ad_report_escape(detector) || ', trained on ' || rows || ' rows, ' ||
        jsonb_array_length(features) || ' features, at ' || _anomaly._ad_report_escape(_anomaly._ad_report_time(trained_at)) || ' by ' || _anomaly._ad_report_escape(trained_by) || '. ' ||
        pg_size_pretty(bytes::bigint) || ', digest ' || _anomaly._ad_report_escape(digest) || '.' ||
        coalesce(' It has a model for each of ' || (groups ->> 'entities')::bigint - (groups ->> 'failed')::bigint || ' entities, by ' ||
            (SELECT string_agg(_anomaly._ad_report_escape(b), ', ' ORDER BY i) FROM jsonb_array_elements_text(groups -> 'by') WITH ORDINALITY x(b, i)) ||
            coalesce('; rows of others are scored by model ' || _anomaly._ad_report_escape(groups ->> 'fallback'), '') || '.', '') ||
        CASE WHEN notes <> '' THEN ' Notes: ' || _anomaly._ad_report_escape(notes) ELSE '' END) FROM m
    UNION ALL SELECT 3, jsonb_build_object('t', '[["feature", "type", "missing", "distinct", "least", "median", "greatest"]]'::jsonb || jsonb_agg(jsonb_build_array(
        _anomaly._ad_report_escape(coalesce(f.name, f."position"::text)), _anomaly._ad_report_escape(f.type), coalesce(f.missing::text, ''), coalesce(f."distinct"::text, ''),
        _anomaly._ad_report_number(f.min), _anomaly._ad_report_number(f.median), _anomaly._ad_report_number(f.max)) ORDER BY f."position"))
    FROM features f HAVING count(*) > 0
    UNION ALL SELECT 3, jsonb_build_object('p', 'A model per ' || _anomaly._ad_report_escape(array_to_string(_anomaly._ad_texts(groups -> 'by'), ', ')) || ': of ' || _anomaly._ad_report_escape(groups ->> 'entities') ||
        ' entities ' || _anomaly._ad_report_escape(groups ->> 'failed') || ' have none; fewer than ' || _anomaly._ad_report_escape(groups ->> 'min_rows') || ' rows are too few' ||
        CASE WHEN groups ->> 'fallback' <> '' THEN '. Rows of others are scored by ' || _anomaly._ad_report_escape(groups ->> 'fallback') ELSE '' END || '.') FROM m WHERE groups IS NOT NULL
    UNION ALL SELECT 4, jsonb_build_object('p', CASE WHEN NOT reads THEN 'Training query and statistics of the features are left out: that takes the privilege read.'
        ELSE 'The first 100 features are shown.' END) FROM m WHERE NOT reads OR (jsonb_array_length(features) > 100 AND groups IS NULL)
    UNION ALL SELECT 5, jsonb_build_object('c', left(query, 4000)) FROM m WHERE reads
    UNION ALL SELECT 6, '{"h": "Spec"}'
    UNION ALL SELECT 7, jsonb_build_object('c', left(jsonb_pretty(spec), 8000)) FROM m
    UNION ALL SELECT 8, '{"h": "Drift since training"}'
    UNION ALL SELECT 9, jsonb_build_object('p', CASE WHEN NOT _anomaly._ad_preloaded() THEN 'Not known: scoring is counted if the library is in shared_preload_libraries.'
        WHEN u.shift IS NULL THEN 'Not known: no score of this version was counted.'
        ELSE 'The mean of ' || u.rows || ' scores is ' || _anomaly._ad_report_escape(_anomaly._ad_report_number(abs(u.shift))) || ' standard deviations ' || CASE WHEN u.shift < 0 THEN 'below' ELSE 'above' END ||
             ' that of the fit.' END || CASE WHEN groups IS NULL THEN ' Of the features: ad&#95;drift with a sketch of the rows of today.' ELSE '' END)
    FROM m LEFT JOIN used u ON true) b
$$;
COMMENT ON FUNCTION _anomaly._ad_report_of_model(text) IS
'blocks of a report on the active version of a model that the current user may see: data, spec, drift';

CREATE FUNCTION _anomaly._ad_report_of_job(name text)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH j AS MATERIALIZED (
    SELECT v.* FROM _anomaly._ad_visible_job v WHERE v.name = $1
), s AS (
    SELECT * FROM _anomaly._ad_report_stats t WHERE t.job = $1
)
SELECT jsonb_agg(block ORDER BY i) FROM (
    SELECT 1 AS i, jsonb_build_object('h', 'Job ' || _anomaly._ad_report_escape($1)) AS block
    UNION ALL SELECT 2, jsonb_build_object('t', jsonb_build_array('["setting", "value"]'::jsonb,
        jsonb_build_array('kind', _anomaly._ad_report_escape(kind)), jsonb_build_array('owner', _anomaly._ad_report_escape(owner)),
        jsonb_build_array('model', _anomaly._ad_report_escape(model)), jsonb_build_array('rule', _anomaly._ad_report_escape(rule::text)),
        jsonb_build_array('key', _anomaly._ad_report_escape(key)), jsonb_build_array('entity', _anomaly._ad_report_escape(entity)),
        jsonb_build_array('watermark', _anomaly._ad_report_escape(concat_ws(', at ', watermark_column, watermark))),
        jsonb_build_array('since', _anomaly._ad_report_escape(coalesce(since, 'the first row'))),
        jsonb_build_array('made', _anomaly._ad_report_escape(_anomaly._ad_report_time(created_at))))) FROM j
    UNION ALL SELECT 3, CASE WHEN source IS NULL THEN '{"p": "The source is left out: it is shown to the owner."}' ELSE jsonb_build_object('c', left(source, 4000)) END FROM j
    UNION ALL SELECT 4, jsonb_build_object('p', 'Of ' || rows || ' rows that were scored in the last 30 days (runs: ' || runs || ', failed: ' || failed_runs || '), ' || suppressed ||
        ' asked for an alert that was held back; ' || alerts || ' alerts are kept, ' || confirmed || ' of ' || labelled || ' with a label are confirmed, and ' || missed || ' rows without an alert were labelled anomalies.') FROM s
    UNION ALL SELECT 5, '{"h": "Spec"}' FROM j WHERE jsonb_typeof(options) = 'object'
    UNION ALL SELECT 6, jsonb_build_object('c', left(jsonb_pretty(options), 8000)) FROM j WHERE jsonb_typeof(options) = 'object'
    UNION ALL SELECT 7, jsonb_build_object('p', 'The model is left out: that takes a privilege on it.')
    FROM j WHERE model IS NOT NULL AND NOT EXISTS (SELECT FROM _anomaly._ad_visible_model v WHERE v.name = j.model)) b
$$;
COMMENT ON FUNCTION _anomaly._ad_report_of_job(text) IS
'blocks of a report on a job that the current user may see, without its alerts and its model';

CREATE FUNCTION _anomaly._ad_report_write(blocks jsonb, format text, picture text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH b AS (
    SELECT i, e, e ->> 'h' AS h, e ->> 'p' AS p, e -> 't' AS t, translate(e ->> 'c', E'\r', ' ') AS c, e ->> 'svg' AS svg, e ->> 'alt' AS alt,
           row_number() OVER (PARTITION BY e ? 'svg' ORDER BY i) AS nth, count(*) FILTER (WHERE e ? 'svg') OVER () AS pictures
    FROM jsonb_array_elements($1) WITH ORDINALITY x(e, i) WHERE jsonb_typeof(e) = 'object'
), parts AS (
    SELECT i, nth, pictures, svg, CASE $2 WHEN 'markdown' THEN CASE
        WHEN h IS NOT NULL THEN repeat('#', CASE WHEN i = 1 THEN 1 ELSE 2 END) || ' ' || h
        WHEN p IS NOT NULL THEN p
        WHEN t IS NOT NULL THEN (SELECT string_agg('| ' || (SELECT string_agg(cell, ' | ' ORDER BY k) FROM jsonb_array_elements_text(r) WITH ORDINALITY y(cell, k)) || ' |' ||
                                     CASE WHEN n = 1 THEN E'\n|' || repeat('---|', jsonb_array_length(r)) ELSE '' END, E'\n' ORDER BY n)
                                 FROM jsonb_array_elements(t) WITH ORDINALITY z(r, n))
        WHEN c IS NOT NULL THEN '    ' || replace(c, E'\n', E'\n    ')
        WHEN svg IS NOT NULL AND $3 IS NOT NULL THEN CASE WHEN nth = 1 THEN '![scores](' || $3 || ')' END
        WHEN svg IS NOT NULL THEN '![' || alt || '](data:image/svg+xml;base64,' || translate(encode(convert_to(svg, 'UTF8'), 'base64'), E'\n', '') || ')' END
    ELSE CASE
        WHEN h IS NOT NULL THEN format(CASE WHEN i = 1 THEN '<h1>%s</h1>' ELSE '<h2>%s</h2>' END, h)
        WHEN p IS NOT NULL THEN '<p>' || p || '</p>'
        WHEN t IS NOT NULL THEN '<table>' || (SELECT string_agg('<tr>' || (SELECT string_agg(format(CASE WHEN n = 1 THEN '<th>%s</th>' ELSE '<td>%s</td>' END, cell), '' ORDER BY k)
                                                                           FROM jsonb_array_elements_text(r) WITH ORDINALITY y(cell, k)) || '</tr>', E'\n' ORDER BY n)
                                 FROM jsonb_array_elements(t) WITH ORDINALITY z(r, n)) || '</table>'
        WHEN c IS NOT NULL THEN '<pre>' || replace(replace(replace(c, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') || '</pre>'
        ELSE svg END END AS part
    FROM b
)
SELECT CASE $2
    WHEN 'svg' THEN (SELECT '<svg xmlns="http://www.w3.org/2000/svg" width="720" height="' || 240 * max(pictures) || '" viewBox="0 0 720 ' || 240 * max(pictures) || E'">\n' ||
                            string_agg('<svg y="' || 240 * (nth - 1) || '" ' || substr(svg, 6), '' ORDER BY i) || '</svg>' FROM parts WHERE svg IS NOT NULL)
    WHEN 'markdown' THEN (SELECT string_agg(part, E'\n\n' ORDER BY i) FROM parts)
    ELSE (SELECT E'<!DOCTYPE html>\n<html lang="en"><head><meta charset="' || lower(getdatabaseencoding()::text) || E'"><title>Report</title>\n<style>body{font-family:system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1b1f24}'
                 'table{border-collapse:collapse}td,th{border:1px solid #c8cdd3;padding:.2em .6em;text-align:left}pre{background:#f6f8fa;padding:.6em;overflow-x:auto}</style></head><body>' || E'\n' ||
                 string_agg(part, E'\n' ORDER BY i) || E'\n</body></html>' FROM parts) END
$$;
COMMENT ON FUNCTION _anomaly._ad_report_write(jsonb, text, text) IS
'blocks of a report as markdown, html, or its pictures as svg; picture: the file that Markdown shows in place of pictures of its own';

CREATE FUNCTION _anomaly._ad_report_text(name text, what text, format text, top integer, picture text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH subject AS (
    SELECT CASE $2 WHEN 'model' THEN $1 ELSE (SELECT v.model FROM _anomaly._ad_visible_job v WHERE v.name = $1) END AS model,
           CASE $2 WHEN 'job' THEN ARRAY[$1] ELSE ARRAY(SELECT v.name FROM _anomaly._ad_visible_job v WHERE v.model = $1 ORDER BY v.name) END AS jobs
)
SELECT _anomaly._ad_report_write(
    CASE $2 WHEN 'job' THEN _anomaly._ad_report_of_job($1) ELSE '[]' END ||
    CASE WHEN EXISTS (SELECT FROM _anomaly._ad_visible_model v WHERE v.name = s.model AND v.active) THEN _anomaly._ad_report_of_model(s.model) ELSE '[]' END ||
    _anomaly._ad_report_alerts(s.jobs,
        CASE WHEN $2 = 'job' AND (SELECT v.rule ? 'score' FROM _anomaly._ad_visible_job v WHERE v.name = $1) THEN (SELECT (v.rule ->> 'score')::double precision FROM _anomaly._ad_visible_job v WHERE v.name = $1)
             WHEN EXISTS (SELECT FROM _anomaly._ad_visible_model v WHERE v.name = s.model AND v.active AND v.groups IS NULL) THEN _anomaly._ad_threshold(s.model, NULL) END, $4),
    $3, $5)
FROM subject s
$$;
COMMENT ON FUNCTION _anomaly._ad_report_text(text, text, text, integer, text) IS
'what ad_report() returns, of a model or a job that is there';

CREATE FUNCTION @extschema@.ad_report(name text, what text DEFAULT NULL, format text DEFAULT 'markdown', top integer DEFAULT 10, picture text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_report(text, text, text, integer, text) IS
'Returns a report on a named model or a job: data, spec, scores of alerts by class, precision and recall '
'of labeled alerts, the top alerts with reasons, and drift since training, as far as the caller may see '
'them. name: a model or job. what: model or job, if both have the name; NULL if only one has. format: '
'markdown, html or svg (NULL without plots). top: number of alerts, 0 to 1000. picture: name of an image '
'file that Markdown refers to instead of embedding the plots, or NULL. Raises 22004 for a NULL name, '
'format or top, 42704 if there is no such model or job, 22023 for another format.';
