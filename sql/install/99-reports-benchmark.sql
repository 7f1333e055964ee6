-- since 0.3.0
-- A run of ad_benchmark() as a page to read. What is in a run is anybody's: all of
-- it that is quoted goes through _ad_report_escape().

CREATE FUNCTION _anomaly._ad_benchmark_picture(title text, names text[], low double precision[], mean double precision[],
                                               high double precision[])
RETURNS text
AS 'MODULE_PATHNAME', 'ad_benchmark_picture'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_benchmark_picture(text, text[], double precision[], double precision[], double precision[]) IS
'a mean for each name with its interval, at most 40 of them, from the top down, as SVG';

CREATE FUNCTION _anomaly._ad_benchmark_text(run jsonb, metric text, format text, picture text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH r AS MATERIALIZED (
    SELECT i, e, CASE jsonb_typeof(e -> 'spec') WHEN 'object' THEN e -> 'spec' ELSE '{}' END AS spec, coalesce(e -> 'spec' ->> 'detector', 'no detector') AS detector
    FROM jsonb_array_elements($1) WITH ORDINALITY x(e, i)
), chosen AS (
    SELECT m.metric, CASE m.metric WHEN 'roc_auc' THEN 'ROC AUC' WHEN 'f1' THEN 'F1' ELSE translate(m.metric, '_', ' ') END AS title
    FROM (SELECT coalesce($2, CASE WHEN EXISTS (SELECT FROM r WHERE e ->> 'average_precision' IS NOT NULL) THEN 'average_precision' ELSE 'agreement' END) AS metric) m
), option AS (
    SELECT r.i, r.detector, o.key, o.value FROM r, jsonb_each(r.spec) o WHERE o.key <> 'detector'
), varies AS (
    -- what tells the specs of a detector apart
    SELECT o.detector, o.key FROM option o GROUP BY o.detector, o.key
    HAVING count(DISTINCT o.value) > 1 OR count(*) < (SELECT count(*) FROM r WHERE r.detector = o.detector)
), named AS MATERIALIZED (
    SELECT r.i, r.e, r.spec, left(r.detector || coalesce(' ' || (SELECT string_agg(o.key || ' ' || (o.value #>> '{}'), ', ' ORDER BY o.key)
                                                                FROM option o JOIN varies v USING (detector, key) WHERE o.i = r.i), ''), 200) AS name,
           CASE WHEN abs((r.e ->> c.metric)::double precision) <= 1e6 THEN (r.e ->> c.metric)::double precision END AS mean, (r.e ->> (c.metric || '_deviation'))::double precision AS deviation,
           (r.e -> (c.metric || '_interval') ->> 0)::double precision AS low, (r.e -> (c.metric || '_interval') ->> 1)::double precision AS high
    FROM r, chosen c
), placed AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY CASE WHEN c.metric = 'false_positive_rate' THEN - n.mean ELSE n.mean END DESC NULLS LAST, n.i) AS place, n.*
    FROM named n, chosen c
), drawn AS (
    SELECT _anomaly._ad_benchmark_picture(upper(left(c.title, 1)) || substr(c.title, 2) || ', mean of the folds and its 95 % interval', array_agg(p.name ORDER BY p.place),
               array_agg(coalesce(CASE WHEN abs(p.low) <= 1e6 THEN p.low END, p.mean) ORDER BY p.place), array_agg(p.mean ORDER BY p.place),
               array_agg(coalesce(CASE WHEN abs(p.high) <= 1e6 THEN p.high END, p.mean) ORDER BY p.place)) AS svg
    FROM placed p, chosen c WHERE p.place <= 40 AND p.mean IS NOT NULL GROUP BY c.title
), best AS (
    SELECT * FROM placed WHERE place = 1 AND mean IS NOT NULL
), told AS (
    SELECT count(*) AS specs, max((e ->> 'rows')::bigint) AS rows, max((e ->> 'labelled')::bigint) AS labelled, max((e ->> 'anomalies')::bigint) AS anomalies,
           max((e ->> 'folds')::integer) AS folds, count(*) FILTER (WHERE e ->> 'error' IS NOT NULL) AS failed
    FROM r
), lines AS (
    SELECT p.place, jsonb_build_array(p.place::text, _anomaly._ad_report_escape(p.name)) ||
        (SELECT jsonb_agg(CASE WHEN abs((p.e ->> m)::double precision) <= 1e6 THEN to_char((p.e ->> m)::double precision, 'FM9999990.000') ||
                              CASE WHEN m = c.metric AND p.deviation <= 1e6 THEN ' ± ' || to_char(p.deviation, 'FM9999990.000') ELSE '' END
                          ELSE '' END ORDER BY k)
         FROM unnest(ARRAY['average_precision', 'roc_auc', 'precision_at_n', 'f1', 'balanced_accuracy', 'false_positive_rate', 'agreement']) WITH ORDINALITY u(m, k)) ||
        jsonb_build_array(CASE WHEN (p.e ->> 'fit_rows_per_second')::double precision BETWEEN 0 AND 1e11 THEN to_char((p.e ->> 'fit_rows_per_second')::double precision, 'FM999,999,999,990') ELSE '' END,
                          CASE WHEN (p.e ->> 'score_rows_per_second')::double precision BETWEEN 0 AND 1e11 THEN to_char((p.e ->> 'score_rows_per_second')::double precision, 'FM999,999,999,990') ELSE '' END,
                          coalesce(to_char((p.e ->> 'model_bytes')::double precision / 1000, 'FM9,999,999,999,999,990.0'), ''),
                          coalesce(to_char((p.e ->> 'peak_memory')::double precision / 1048576, 'FM9,999,999,999,999,990.0'), '')) AS cells
    FROM placed p, chosen c WHERE p.place <= 100
)
SELECT CASE $3 WHEN 'svg' THEN (SELECT svg FROM drawn) ELSE _anomaly._ad_report_write((
    SELECT jsonb_agg(block ORDER BY k) FROM (
        SELECT 1 AS k, '{"h": "Detectors compared"}'::jsonb AS block
        UNION ALL SELECT 2, jsonb_build_object('p', 'Of ' || rows || ' rows ' || labelled || ' have a label, ' || anomalies || ' as anomalies. Each of ' || specs ||
            ' specs was fitted without a fold of the rows and scored that fold, in ' || folds || ' folds.' ||
            CASE failed WHEN 0 THEN '' WHEN 1 THEN ' Fits of one spec failed.' ELSE ' Fits of ' || failed || ' specs failed.' END) FROM told WHERE rows IS NOT NULL
        UNION ALL SELECT 3, jsonb_build_object('p', CASE WHEN c.metric = 'agreement' THEN 'Closest to the mean ranking of the others is ' ELSE 'The best by ' || c.title || ' is ' END ||
            _anomaly._ad_report_escape(b.name) || ', ' || _anomaly._ad_report_escape(_anomaly._ad_report_number(b.mean)) ||
            coalesce(CASE WHEN b.low IS NOT NULL AND b.high IS NOT NULL THEN ' (95 % interval ' END || _anomaly._ad_report_escape(_anomaly._ad_report_number(b.low)) || ' to ' || _anomaly._ad_report_escape(_anomaly._ad_report_number(b.high)) || ')', '') ||
            '. Those whose figures differ by less than the intervals are wide may be as good: ad&#95;tune tests them in pairs.') FROM best b, chosen c
        UNION ALL SELECT 4, jsonb_build_object('svg', svg, 'alt', 'a figure of each spec with its interval') FROM drawn WHERE svg IS NOT NULL
        UNION ALL SELECT 5, '{"h": "Figures"}'
        UNION ALL SELECT 6, jsonb_build_object('t', jsonb_build_array('["", "spec", "average precision", "ROC AUC", "precision at n", "F1", "balanced accuracy", "false positive rate", "agreement", "rows fitted a second", "rows scored a second", "model, kB", "memory, MB"]'::jsonb) ||
            (SELECT jsonb_agg(cells ORDER BY place) FROM lines))
        UNION ALL SELECT 7, jsonb_build_object('p', 'Means over the folds, ± their standard deviation. F1, balanced accuracy and false positive rate are at the threshold of each model; rows a second are of processor time.' ||
            CASE WHEN specs > 100 THEN ' The first 100 specs are shown.' ELSE '' END) FROM told
        UNION ALL SELECT 8, '{"h": "Fits that failed"}' FROM told WHERE failed > 0
        UNION ALL SELECT 9, jsonb_build_object('t', '[["spec", "error"]]'::jsonb || jsonb_agg(jsonb_build_array(_anomaly._ad_report_escape(p.name), _anomaly._ad_report_escape(p.e ->> 'error')) ORDER BY p.place))
            FROM placed p WHERE p.e ->> 'error' IS NOT NULL AND p.place <= 100 HAVING count(*) > 0
        UNION ALL SELECT 10, '{"h": "To train the best"}' FROM best WHERE spec ? 'detector'
        UNION ALL SELECT 11, jsonb_build_object('c', 'SELECT ad_train(name, query, ' || quote_literal(left(spec::text, 8000)) || '::jsonb || ad_calibrate());') FROM best WHERE spec ? 'detector') b), $3, $4) END
$$;
COMMENT ON FUNCTION _anomaly._ad_benchmark_text(jsonb, text, text, text) IS
'what ad_benchmark_report() returns, of the rows of a run as an array of objects';

CREATE FUNCTION @extschema@.ad_benchmark_report(run text, metric text DEFAULT NULL, format text DEFAULT 'markdown', picture text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.ad_benchmark_report(text, text, text, text) IS
'Returns a report on a run of ad_benchmark(): what was compared, a plot of one metric of each spec, all '
'figures and costs, failures, and the best spec. run: a table or view, or a query with the columns of the '
'run, read with the privileges of the caller and read-only. metric: the metric that is plotted and ranked '
'by; NULL means average_precision, or agreement without labels. format: markdown, html or svg. picture: '
'name of an image file that Markdown refers to instead of embedding the plot, or NULL. Raises 22004 if '
'run or format is NULL, 22023 for a missing column or no rows.';
