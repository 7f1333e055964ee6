-- Histograms of scores: ad_plot_scores draws, ad_text_histogram writes. test/t/pictures.pl looks at what is drawn.
\set SHOW_CONTEXT never
\pset format unaligned
-- the texts of a picture, in their order
CREATE FUNCTION pg_temp.texts(svg text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(m[1], ' | ' ORDER BY o) FROM regexp_matches(svg, '<text[^>]*>([^<]*)</text>', 'g') WITH ORDINALITY t(m, o) $$;
CREATE TEMP TABLE payments AS
SELECT i AS id, (i * 7919 % 1000) / 2000.0 + CASE WHEN i % 100 = 0 THEN 0.4 ELSE 0 END AS score, i % 100 = 0 AS is_fraud FROM generate_series(1, 1000) i;

-- what a user types
SELECT ad_text_histogram(score, is_fraud) FROM payments;
SELECT ad_text_histogram(score) FROM payments;
SELECT ad_text_histogram(score, is_fraud, ad_plot_options(threshold => 0.5, bins => 5, scale => 'rows', width => 60)) FROM payments;
SELECT ad_text_histogram(score, NULL, '{"scale": "log", "bins": 5}') FROM payments;
SELECT pg_temp.texts(ad_plot_scores(score, is_fraud, ad_plot_options(threshold => 0.5, title => 'A < B'))) FROM payments;
SELECT pg_temp.texts(ad_plot_scores(score)) FROM payments;
SELECT is_fraud, pg_temp.texts(ad_plot_scores(score, NULL, '{"width": 360, "scale": "log"}')) FROM payments GROUP BY is_fraud ORDER BY 1;

-- each count is exact: bins have their lower edge, the last one both
SELECT ad_text_histogram(v::float8) FROM unnest('{0, 0.1, 0.2, 0.3, 0.3, 0.6, 0.7, 0.9, 1}'::numeric[]) v;
-- NULLs are ignored, a label may be; what is no number is counted
SELECT ad_text_histogram(score, nullif(is_fraud, id % 2 = 0), '{"bins": 3}') FROM (
	SELECT id, CASE id % 10 WHEN 0 THEN NULL WHEN 1 THEN float8 'NaN' WHEN 2 THEN 'infinity' WHEN 3 THEN '-infinity' ELSE score END AS score, is_fraud FROM payments) p;
SELECT ad_plot_scores(score), ad_text_histogram(score) FROM payments WHERE false;
SELECT ad_plot_scores(NULL), ad_text_histogram(NULL), ad_text_histogram('NaN'), ad_text_histogram(v) FROM unnest('{NULL, infinity}'::float8[]) v;
-- one row, one score, two, huge and tiny ones
SELECT ad_text_histogram(v) FROM unnest('{7}'::float8[]) v;
SELECT ad_text_histogram(v) FROM unnest('{0, -0}'::float8[]) v;
SELECT ad_text_histogram(v, NULL, '{"bins": 4}') FROM unnest('{-1.7e308, 1.7e308}'::float8[]) v;
SELECT ad_text_histogram(v, NULL, '{"bins": 4}') FROM unnest('{0, 5e-324}'::float8[]) v;
SELECT ad_text_histogram(v, NULL, '{"bins": 4}') FROM unnest('{9007199254740992, 9007199254740994}'::float8[]) v;
-- a few far from the others do not hide them
SELECT ad_text_histogram(CASE id WHEN 1 THEN 1e12 WHEN 2 THEN -50 ELSE score END, is_fraud, '{"bins": 4, "threshold": 99}') FROM payments;
SELECT ad_text_histogram(score, NULL, '{"low": 0.1, "high": 0.3, "bins": 4}') FROM payments;
SELECT ad_text_histogram(score, NULL, '{"low": 5, "bins": 2}') FROM payments;

-- the same in parallel, in any order, and as a window
SELECT count(DISTINCT svg) FROM (
	SELECT ad_plot_scores(score, is_fraud) FROM payments UNION ALL SELECT ad_plot_scores(score, is_fraud ORDER BY -id) FROM payments
	UNION ALL SELECT ad_plot_scores(score, is_fraud) OVER () FROM payments) s(svg);
CREATE TABLE plot_rows AS SELECT id, score, is_fraud FROM payments, generate_series(1, 20);
ALTER TABLE plot_rows SET (parallel_workers = 2);
ANALYZE plot_rows;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE FUNCTION pg_temp.all_of() RETURNS text LANGUAGE sql AS $$
	SELECT md5(ad_plot_scores(score, nullif(is_fraud, id % 7 = 0), '{"title": "t", "threshold": 0.3}') || ad_text_histogram(score)) FROM plot_rows $$;
CREATE FUNCTION pg_temp.workers() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE $q$EXPLAIN (COSTS OFF) SELECT ad_plot_scores(score, is_fraud, '{}'), ad_text_histogram(score) FROM plot_rows$q$ LOOP
		IF line ~ 'Partial Aggregate' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT pg_temp.workers();
SELECT pg_temp.all_of() AS parallel \gset
SET max_parallel_workers_per_gather = 0;
SELECT pg_temp.all_of() = :'parallel' AS same;
RESET max_parallel_workers_per_gather;
DROP TABLE plot_rows;

-- scores farther apart than the greatest number
SELECT ad_text_histogram(s, true, '{"bins": 1}') FROM (VALUES (-1e308::float8), (1e308)) v(s);
SELECT ad_plot_scores(s, true, '{"bins": 3}') ~ '-1e\+308 to 1e\+308: 2 anomalies' AS one_bar FROM (VALUES (-1e308::float8), (1e308)) v(s);

-- refused
SELECT ad_plot_scores(score, is_fraud, '{"bin": 3}') FROM payments;
SELECT ad_plot_scores(score, is_fraud, '{"bins": 201}') FROM payments;
SELECT ad_plot_scores(score, is_fraud, ad_plot_options(top => 3)) FROM payments;
SELECT ad_text_histogram(score, is_fraud, ad_plot_options(title => 't')) FROM payments;
SELECT ad_text_histogram(score, is_fraud, ad_plot_options(low => 2, high => 1)) FROM payments;
SELECT ad_text_histogram(score, is_fraud, jsonb_build_object('bins', 1 + id % 2)) FROM payments;
SELECT ad_text_histogram(score, is_fraud, CASE WHEN id > 5 THEN '{}'::jsonb END) FROM payments;
SELECT ad_plot_options(), ad_plot_options(title => 'a "b"', width => 360, low => 0.1, high => 9.5, scale => 'log', method => 'path');
SELECT ad_plot_options(scale => 'logs');
SELECT ad_plot_options(threshold => 'infinity');
SELECT ad_plot_options(title => repeat('x', 2000));
