-- ad_plot_explain and ad_plot_drift: what is written in their pictures. test/t/pictures.pl looks at what is drawn.
\set SHOW_CONTEXT never
\pset format unaligned
-- the texts of a picture, in their order, and the tooltips
CREATE FUNCTION pg_temp.texts(svg text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(m[1], ' | ' ORDER BY o) FROM regexp_matches(svg, '<text[^>]*>([^<]*)</text>', 'g') WITH ORDINALITY t(m, o) $$;
CREATE FUNCTION pg_temp.tips(svg text) RETURNS SETOF text LANGUAGE sql AS
$$ SELECT m[1] FROM regexp_matches(svg, '<title>([^<]*)</title>', 'g') WITH ORDINALITY t(m, o) ORDER BY o $$;
CREATE TEMP TABLE payments AS
SELECT i AS id, round((3.10 + 208.90 * ((i * 7919 % 1000) / 999.0) ^ 2)::numeric, 2) AS amount, CASE WHEN i % 10 < 7 THEN 'DE' ELSE 'FR' END AS country,
	time '08:00' + (i * 37 % 600) * interval '1 minute' AS time FROM generate_series(1, 1000) i;
CREATE TEMP TABLE models AS SELECT ad_fit(ad_zscore(combine => 'mean'), t) AS model FROM (SELECT amount, country, time FROM payments) t;
INSERT INTO payments VALUES (1001, 9870.00, 'DE', '10:30'), (1002, 55.10, 'KP', '03:10'), (1003, NULL, 'FR', '12:00');

-- what a user types
SELECT pg_temp.texts(ad_plot_explain(model, p)) FROM payments p, models WHERE id = 1001;
SELECT pg_temp.tips(ad_plot_explain(model, ad_plot_options(title => 'Payment 1002', threshold => 1.5, top => 1), p)) FROM payments p, models WHERE id = 1002;
SELECT pg_temp.texts(ad_plot_explain(model, '{"width": 360}'::jsonb, p)) FROM payments p, models WHERE id = 1003;
-- the parts add up: baseline, contributions, score
SELECT round((ad_score(model, p) - sum(contribution))::numeric, 6) = 0 AS is_baseline FROM payments p, models, ad_explain(model, p) WHERE id = 1001 GROUP BY model, p.*;
-- the forms of ad_explain
SELECT ad_train('plotted', 'SELECT amount, country, time FROM payments WHERE id <= 1000', ad_zscore(combine => 'mean'));
SELECT ad_plot_explain(model, p) = ad_plot_explain('plotted', p) AS name, ad_plot_explain(model, p) = ad_plot_explain(model, NULL::jsonb, p.amount, p.country, p.time) AS columns,
	ad_plot_explain(model, p) = ad_plot_explain_row(model, to_jsonb(p)) AS json, ad_plot_explain('plotted', '{"top": 2}'::jsonb, p) = ad_plot_explain_row('plotted', to_jsonb(p), ad_plot_options(top => 2)) AS options
FROM payments p, models WHERE id = 1001;
SELECT ad_plot_explain(NULL::bytea, p) AS no_model, ad_plot_explain(model, NULL::payments) AS no_row, ad_plot_explain_row(model, NULL) AS no_json FROM payments p, models WHERE id = 1;
-- refused
SELECT ad_plot_explain(model, '{"bins": 3}'::jsonb, p) FROM payments p, models WHERE id = 1;
SELECT ad_plot_explain(model, '{"top": 51}'::jsonb, p) FROM payments p, models WHERE id = 1;
SELECT ad_plot_explain(model, '{"width": 10}'::jsonb, p) FROM payments p, models WHERE id = 1;
SELECT ad_plot_explain('no such model', p) FROM payments p WHERE id = 1;

-- drift: bins of the reference
CREATE TEMP TABLE sketches AS
SELECT ad_sketch(t) FILTER (WHERE id <= 500) AS past, ad_sketch(t) FILTER (WHERE id > 500) AS present FROM (
	SELECT id, CASE WHEN id > 500 THEN amount * 2 ELSE amount END AS amount, CASE WHEN id > 900 THEN 'KP' ELSE country END AS country, CASE WHEN id < 400 OR id % 2 = 0 THEN id % 3 END AS items,
		date '2026-01-01' + id AS day FROM payments WHERE id <= 1000) t;
SELECT pg_temp.texts(ad_plot_drift(past, present)) FROM sketches;
SELECT pg_temp.tips(ad_plot_drift(past, present, '{"bins": 2}', ad_plot_options(title => 'May', top => 3))) FROM sketches;
SELECT pg_temp.texts(ad_plot_drift('plotted', ad_sketch(t), '{"score_rows": 0}', '{"width": 360}')) FROM (SELECT amount, country, time FROM payments WHERE id < 300) t;
-- the forms of ad_drift; nothing to draw
SELECT ad_plot_drift(past, present) = ad_plot_drift(past::ad_sketch_state, present) AND ad_plot_drift(past, present) = ad_plot_drift(past, present::ad_sketch_state)
	AND ad_plot_drift(past, present) = ad_plot_drift(past::ad_sketch_state, present::ad_sketch_state) AS same FROM sketches;
SELECT ad_plot_drift('plotted', ad_sketch(t)) = ad_plot_drift(ad_model('plotted'), ad_sketch(t)) AND ad_plot_drift('plotted', ad_sketch(t)::ad_sketch_state) = ad_plot_drift('plotted', ad_sketch(t)) AS same
FROM (SELECT amount, country, time FROM payments) t;
SELECT ad_plot_drift(past, NULL::bytea) FROM sketches;
SELECT pg_temp.texts(ad_plot_drift(ad_sketch(x), ad_sketch(x))) FROM (VALUES (NULL::int)) v(x);
-- refused
SELECT ad_plot_drift(past, present, '{"bins": 41}') FROM sketches;
SELECT ad_plot_drift(past, present, '{"categories": 100}') FROM sketches;
SELECT ad_plot_drift(past, present, '{}', ad_plot_options(bins => 3)) FROM sketches;
SELECT ad_plot_drift(past, 'nonsense'::bytea) FROM sketches;
SELECT ad_drop_model('plotted');
