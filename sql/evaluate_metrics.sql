-- Metrics of labelled scores: equal to scikit-learn, whatever the plan.
\set SHOW_CONTEXT never
CREATE SCHEMA evaluate_metrics;
SET search_path = evaluate_metrics, public;

-- SQLSTATE, message, detail and hint of what a statement raises.
CREATE FUNCTION pg_temp.expect_error(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE sql;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state || ': ' || message,
		nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned

-- golden files of test/golden/metrics.py
CREATE TABLE labelled (name text, score float8, label int);
CREATE TABLE golden (name text, metric text, value float8);
CREATE TABLE golden_roc (name text, position int, fpr float8, tpr float8, threshold float8);
CREATE TABLE golden_pr (name text, position int, precision float8, recall float8, threshold float8);
\copy labelled FROM PROGRAM 'gzip -dc test/data/golden/metrics_rows.csv.gz' WITH (FORMAT csv)
\copy golden FROM PROGRAM 'gzip -dc test/data/golden/metrics_values.csv.gz' WITH (FORMAT csv)
\copy golden_roc FROM PROGRAM 'gzip -dc test/data/golden/metrics_roc.csv.gz' WITH (FORMAT csv)
\copy golden_pr FROM PROGRAM 'gzip -dc test/data/golden/metrics_pr.csv.gz' WITH (FORMAT csv)
CREATE VIEW scored AS SELECT name, score, label = 1 AS is_anomaly FROM labelled;

CREATE VIEW ours AS
SELECT name, metric, value
FROM (SELECT name,
             ad_roc_auc(score, is_anomaly) AS auc,
             ad_average_precision(score, is_anomaly) AS ap,
             ad_precision_at(score, is_anomaly, 1) AS at_1,
             ad_precision_at(score, is_anomaly, 10) AS at_10,
             ad_precision_at(score, is_anomaly, 77) AS at_77,
             ad_precision_at(score, is_anomaly, 10000) AS at_10000,
             ad_best_f1(score, is_anomaly) AS best,
             ad_confusion(score >= g.value, is_anomaly) AS c,
             min(g.value) AS cut
      FROM scored JOIN golden g USING (name) WHERE g.metric = 'cut' GROUP BY name) s,
     LATERAL (VALUES ('roc_auc', auc), ('average_precision', ap), ('precision_at_1', at_1),
                     ('precision_at_10', at_10), ('precision_at_77', at_77),
                     ('precision_at_10000', at_10000), ('best_f1', (best).f1),
                     ('best_f1_threshold', (best).threshold),
                     ('best_f1_precision', (best).precision), ('best_f1_recall', (best).recall),
                     ('cut', cut), ('tp', (c).tp), ('fp', (c).fp), ('tn', (c).tn), ('fn', (c).fn),
                     ('precision', (c).precision), ('recall', (c).recall), ('f1', (c).f1),
                     ('balanced_accuracy', (c).balanced_accuracy), ('mcc', (c).mcc)) v(metric, value)
WHERE value IS NOT NULL;
CREATE VIEW compared AS
SELECT name, metric, o.value AS ours, g.value AS golden,
       o.value = g.value OR abs(o.value - g.value) <= 1e-12 AS same
FROM ours o FULL JOIN golden g USING (name, metric);
SELECT count(*), count(*) FILTER (WHERE same) AS same, count(DISTINCT name) AS sets FROM compared;
SELECT * FROM compared WHERE same IS NOT TRUE;

-- labels that are numbers, 0 or 1, of any type are the same
SELECT bool_and(ad_is = ad_int AND ad_is = ad_small AND ad_is = ad_big AND ad_is = ad_real AND ad_is = ad_float AND ad_is = ad_num) AS same
FROM (SELECT concat(ad_roc_auc(score, l), ad_average_precision(score, l), ad_precision_at(score, l, 10), ad_best_f1(score, l),
                    ad_roc_curve(score, l), ad_roc_curve(score, l, 5), ad_pr_curve(score, l), ad_pr_curve(score, l, 5),
                    ad_confusion(score >= 0.5, l)) AS ad_is,
             concat(ad_roc_auc(score, i), ad_average_precision(score, i), ad_precision_at(score, i, 10), ad_best_f1(score, i),
                    ad_roc_curve(score, i), ad_roc_curve(score, i, 5), ad_pr_curve(score, i), ad_pr_curve(score, i, 5),
                    ad_confusion(score >= 0.5, i)) AS ad_int,
             concat(ad_roc_auc(score, s), ad_average_precision(score, s), ad_precision_at(score, s, 10), ad_best_f1(score, s),
                    ad_roc_curve(score, s), ad_roc_curve(score, s, 5), ad_pr_curve(score, s), ad_pr_curve(score, s, 5),
                    ad_confusion((score >= 0.5)::int, s)) AS ad_small,
             concat(ad_roc_auc(score, b), ad_average_precision(score, b), ad_precision_at(score, b, 10), ad_best_f1(score, b),
                    ad_roc_curve(score, b), ad_roc_curve(score, b, 5), ad_pr_curve(score, b), ad_pr_curve(score, b, 5),
                    ad_confusion((score >= 0.5)::int, l)) AS ad_big,
             concat(ad_roc_auc(score, r), ad_average_precision(score, r), ad_precision_at(score, r, 10), ad_best_f1(score, r),
                    ad_roc_curve(score, r), ad_roc_curve(score, r, 5), ad_pr_curve(score, r), ad_pr_curve(score, r, 5),
                    ad_confusion(score >= 0.5, r)) AS ad_real,
             concat(ad_roc_auc(score, f), ad_average_precision(score, f), ad_precision_at(score, f, 10), ad_best_f1(score, f),
                    ad_roc_curve(score, f), ad_roc_curve(score, f, 5), ad_pr_curve(score, f), ad_pr_curve(score, f, 5),
                    ad_confusion(score >= 0.5, f)) AS ad_float,
             concat(ad_roc_auc(score, n), ad_average_precision(score, n), ad_precision_at(score, n, 10), ad_best_f1(score, n),
                    ad_roc_curve(score, n), ad_roc_curve(score, n, 5), ad_pr_curve(score, n), ad_pr_curve(score, n, 5),
                    ad_confusion(score >= 0.5, n)) AS ad_num
      FROM (SELECT name, score, label = 1 AS l, label AS i, label::smallint AS s, label::bigint AS b,
                   label::real AS r, label::float8 AS f, label::numeric AS n FROM labelled
            UNION ALL SELECT name, 0.5, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM labelled) t
      GROUP BY name) s;

-- other numbers are none
SELECT sql, pg_temp.expect_error(format('SELECT %s FROM (VALUES (0.1, 0), (0.2, 1)) t(score, x)', sql))
FROM unnest(ARRAY['ad_roc_auc(score, x + 1)', 'ad_best_f1(score, x::bigint - 1)', 'ad_pr_curve(score, x::float8 / 2)',
                  $$ad_roc_auc(score, 'NaN'::real)$$, 'ad_precision_at(score, x + 1e-30, 1)', 'ad_confusion(score > 0, x - 1)',
                  'ad_average_precision(score, x::text)']) sql;

-- what has no type is a boolean, as ever
SELECT ad_roc_auc(score, 't'), ad_confusion(score > 0.1, 'f'), ad_confusion('t', 'f'), ad_precision_at(score, NULL, 1)
FROM (VALUES (0.1), (0.2)) t(score);
PREPARE untyped AS SELECT ad_roc_auc(score, $1), ad_precision_at(score, $2, $3), ad_confusion($4, $5) FROM scored;
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';
DEALLOCATE untyped;

-- the curves, point by point
CREATE VIEW roc AS
SELECT name, p.*
FROM (SELECT name, ad_roc_curve(score, is_anomaly) AS curve FROM scored GROUP BY name) s,
     unnest(curve) WITH ORDINALITY AS p(fpr, tpr, threshold, position);
CREATE VIEW pr AS
SELECT name, p.*
FROM (SELECT name, ad_pr_curve(score, is_anomaly) AS curve FROM scored GROUP BY name) s,
     unnest(curve) WITH ORDINALITY AS p(precision, recall, threshold, position);
SELECT count(*), count(*) FILTER (WHERE abs(o.fpr - g.fpr) <= 1e-12 AND abs(o.tpr - g.tpr) <= 1e-12
                                  AND o.threshold = g.threshold) AS same
FROM roc o FULL JOIN golden_roc g USING (name, position);
SELECT count(*), count(*) FILTER (WHERE abs(o.precision - g.precision) <= 1e-12
                                  AND abs(o.recall - g.recall) <= 1e-12
                                  AND o.threshold IS NOT DISTINCT FROM g.threshold) AS same
FROM pr o FULL JOIN golden_pr g USING (name, position);

-- one line of SQL for a plot
SELECT (unnest(ad_roc_curve(score, is_anomaly))).*
FROM (VALUES (0.9, true), (0.8, false), (0.7, true), (0.7, false), (0.1, false)) t(score, is_anomaly);
SELECT (unnest(ad_pr_curve(score, is_anomaly))).*
FROM (VALUES (0.9, true), (0.8, false), (0.7, true), (0.7, false), (0.1, false)) t(score, is_anomaly);

-- the same as set-returning functions over arrays
CREATE VIEW arrays AS
SELECT name, array_agg(score) AS scores, array_agg(is_anomaly) AS labels FROM scored GROUP BY name;
SELECT count(*) AS points,
       count(*) FILTER (WHERE c.fpr = a.fpr AND c.tpr = a.tpr AND c.threshold = a.threshold) AS same
FROM (SELECT name, c.* FROM arrays, ad_roc_curve(scores, labels)
          WITH ORDINALITY AS c(fpr, tpr, threshold, position)) c FULL JOIN roc a USING (name, position);
SELECT count(*) AS points,
       count(*) FILTER (WHERE c.precision = a.precision AND c.recall = a.recall
                        AND c.threshold IS NOT DISTINCT FROM a.threshold) AS same
FROM (SELECT name, c.* FROM arrays, ad_pr_curve(scores, labels)
          WITH ORDINALITY AS c(precision, recall, threshold, position)) c FULL JOIN pr a USING (name, position);
SELECT * FROM ad_roc_curve(ARRAY[0.9, 0.8, NULL, 0.7, 0.7, 0.1], '{t,f,t,t,f,f}');
SELECT * FROM ad_pr_curve(ARRAY[0.9, 0.8, 0.7, 0.7, 0.1], '{t,f,t,f,f}', 3);
SELECT count(*) AS none
FROM (SELECT ad_roc_curve(ARRAY[1, 2], '{t,t}') UNION ALL SELECT ad_roc_curve('{}'::float8[], '{}')
      UNION ALL SELECT ad_roc_curve(NULL::float8[], '{t}')) t;

-- thinned curves have at most so many points, among those of the whole, with both ends
SELECT points, count(*) <= points AS few, count(*) > points / 3 AS enough,
       bool_and((fpr, tpr, threshold) IN (SELECT fpr, tpr, threshold FROM roc WHERE name = 'half')) AS of_it,
       min(fpr + tpr) AS first, max(fpr + tpr) AS last
FROM generate_series(3, 203, 50) AS points,
     LATERAL (SELECT ad_roc_curve(score, is_anomaly, points) AS c FROM scored WHERE name = 'half') s,
     unnest(c)
GROUP BY points ORDER BY points;
SELECT points, count(*) <= points AS few, count(*) > points / 3 AS enough,
       count(*) FILTER (WHERE threshold IS NULL AND precision = 1 AND recall = 0) AS ends,
       max(recall) AS all_found
FROM generate_series(3, 203, 50) AS points,
     LATERAL (SELECT ad_pr_curve(score, is_anomaly, points) AS c FROM scored WHERE name = 'half') s,
     unnest(c)
GROUP BY points ORDER BY points;

-- infinite scores are scores; the order of ties and rows does not matter
SELECT ad_roc_auc(score, is_anomaly), ad_best_f1(score, is_anomaly)
FROM (VALUES ('Infinity'::float8, true), (1, false), ('-Infinity', false), ('Infinity', false)) t(score, is_anomaly);
SELECT count(DISTINCT auc) AS one
FROM (SELECT ad_roc_auc(score, is_anomaly ORDER BY score) AS auc FROM scored WHERE name = 'ties'
      UNION ALL SELECT ad_roc_auc(score, is_anomaly ORDER BY score DESC, is_anomaly) FROM scored WHERE name = 'ties'
      UNION ALL SELECT ad_roc_auc(score, is_anomaly ORDER BY is_anomaly) FROM scored WHERE name = 'ties') t;

-- NULL rows do not count; one class, or none, is NULL
SELECT ad_roc_auc(score, is_anomaly), ad_average_precision(score, is_anomaly), ad_precision_at(score, is_anomaly, 2)
FROM (VALUES (3::float8, true), (2, false), (NULL, true), (9, NULL), (1, false)) t(score, is_anomaly);
SELECT which, ad_roc_auc(score, is_anomaly), ad_average_precision(score, is_anomaly),
       ad_precision_at(score, is_anomaly, 1), ad_best_f1(score, is_anomaly),
       ad_roc_curve(score, is_anomaly), ad_pr_curve(score, is_anomaly, 9)
FROM (VALUES ('anomalies', 3::float8, true), ('anomalies', 2, true), ('normal', 1, false),
             ('nothing', NULL, true)) t(which, score, is_anomaly)
GROUP BY which ORDER BY which;
SELECT ad_roc_auc(1, true), ad_confusion(true, true), ad_precision_at(1, true, NULL) WHERE false;
SELECT ad_confusion(predicted, actual)
FROM (VALUES (true, true), (NULL, true), (true, NULL)) t(predicted, actual);
SELECT ad_confusion(false, false);

-- as window aggregates, the state goes on after a result
SELECT i, ad_roc_auc(score, is_anomaly) OVER w AS auc,
       (ad_confusion(score > 2, is_anomaly) OVER w).mcc AS mcc
FROM (VALUES (1, 1.0, false), (2, 3.0, true), (3, 2.5, false), (4, 2.0, true)) t(i, score, is_anomaly)
WINDOW w AS (ORDER BY i);
SELECT bool_and(auc = alone) AS same
FROM (SELECT i, ad_roc_auc(score, is_anomaly) OVER (ORDER BY i) AS auc,
             (SELECT ad_roc_auc(ad_random(5, j, 'normal'), ad_random(6, j) < 0.3) FROM generate_series(1, i) j) AS alone
      FROM (SELECT i, ad_random(5, i, 'normal') AS score, ad_random(6, i) < 0.3 AS is_anomaly
            FROM generate_series(1, 1300) i) r) t
WHERE i % 100 = 0;

-- workers: the same to the last bit
CREATE TABLE many AS
SELECT i % 7 AS part, round((ad_random(1, i, 'normal') + CASE WHEN i % 20 = 0 THEN 1 ELSE 0 END)::numeric, 4)::float8 AS score,
       i % 20 = 0 AS is_anomaly
FROM generate_series(1, 60000) i;
ANALYZE many;
CREATE VIEW results AS
SELECT ad_roc_auc(score, is_anomaly) AS auc, ad_average_precision(score, is_anomaly) AS ap,
       ad_precision_at(score, is_anomaly, 500) AS at, ad_best_f1(score, is_anomaly) AS best,
       ad_confusion(score > 1, is_anomaly) AS confusion,
       md5(ad_roc_curve(score, is_anomaly)::text) AS roc, md5(ad_pr_curve(score, is_anomaly, 50)::text) AS pr
FROM many;
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Partial%Aggregate%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
CREATE TABLE serial_results AS SELECT * FROM results;
CREATE TABLE serial_groups AS SELECT part, ad_average_precision(score, is_anomaly) AS ap FROM many GROUP BY part;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
SELECT pg_temp.is_parallel('SELECT * FROM results') AS parallel;
SELECT p = s AS same FROM results p, serial_results s;
SELECT bool_and(p.ap = s.ap) AS same
FROM (SELECT part, ad_average_precision(score, is_anomaly) AS ap FROM many GROUP BY part) p JOIN serial_groups s USING (part);
-- a worker without rows, a worker with one class
SELECT ad_roc_auc(score, is_anomaly) IS NULL AS one_class, ad_confusion(NULL, is_anomaly) IS NULL AS no_rows
FROM many WHERE NOT is_anomaly;
SELECT pg_temp.expect_error('SELECT ad_precision_at(score, is_anomaly, part + 1) FROM many') ~ 'changes between rows' AS refused;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- bad input
SELECT pg_temp.expect_error('SELECT ad_roc_auc(score, true) FROM (VALUES (1::float8), (''NaN'')) t(score)');
SELECT pg_temp.expect_error('SELECT ad_precision_at(1, true, 0)');
SELECT pg_temp.expect_error('SELECT ad_precision_at(1, true, NULL)');
SELECT pg_temp.expect_error('SELECT ad_precision_at(1, true, k) FROM generate_series(1, 2) k');
SELECT pg_temp.expect_error('SELECT ad_roc_curve(1, true, 2)');
SELECT pg_temp.expect_error('SELECT ad_pr_curve(1, true, 1000001)');
SELECT pg_temp.expect_error($$SELECT * FROM ad_roc_curve(ARRAY[1, 2, 3], '{t,f}')$$);
SELECT pg_temp.expect_error($$SELECT * FROM ad_pr_curve(ARRAY[[1, 2]], '{t,f}')$$);
SELECT pg_temp.expect_error($$SELECT * FROM ad_pr_curve(ARRAY[1, 'NaN'::float8], '{t,f}')$$);
SELECT pg_temp.expect_error($$SELECT * FROM ad_pr_curve(ARRAY[1, 2], '{t,f}', points => 2)$$);
SELECT pg_temp.expect_error('SELECT _anomaly._ad_confusion_transfn(ARRAY[1, 2, 3]::bigint[], true, true)');
SELECT pg_temp.expect_error('SELECT _anomaly._ad_confusion_combinefn(''{0,0,0,0}'', ''{0,0,0,NULL}'')');
SELECT pg_temp.expect_error('SELECT _anomaly._ad_confusion_finalfn(''{{1,2},{3,4}}'')');
SELECT _anomaly._ad_confusion_finalfn('{1,2,3,4}');

-- a curve of more points than an array of them may have
SELECT pg_temp.expect_error('SELECT ad_pr_curve(i, i % 2 = 0) FROM generate_series(1, 1000001) i');
