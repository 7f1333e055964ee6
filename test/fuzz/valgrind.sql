-- What test/fuzz/valgrind.sh runs: fit, score, explain and store with every
-- detector, sketches, streams, decompositions, market functions. Small, since
-- each instruction costs fifty. A statement ends with an empty line.

CREATE EXTENSION anomaly;

CREATE TABLE t AS
	SELECT i, sin(i)::float8 AS x, (i % 17)::int AS n, timestamptz '2024-03-30 00:00+00' + i * interval '1 hour' AS ts,
		(ARRAY['red', 'green', 'blue', NULL])[1 + i % 4] AS colour, i % 3 = 0 AS flag, (i * 37 % 101)::numeric AS a
	FROM generate_series(1, 80) i;

CREATE TABLE probe (x float8, n int, ts timestamptz, colour text, flag boolean);

INSERT INTO probe VALUES (0.5, 3, '2024-05-05', 'red', true), (NULL, NULL, NULL, NULL, NULL),
	('Infinity', 2147483647, 'infinity', 'unseen', false), ('1e308', 0, '294276-12-31', 'green', true);

CREATE TABLE model (name text, m bytea, mixed boolean);

DO $$
DECLARE
	d text;
BEGIN
	FOREACH d IN ARRAY _anomaly._ad_detectors() LOOP
		EXECUTE format('INSERT INTO model SELECT %1$L, ad_fit(ad_%1$s() || ad_calibrate(), x, n), false FROM t', d);
		EXECUTE format('INSERT INTO model SELECT %1$L, ad_fit(ad_%1$s(), x, n, ts, colour, flag), true FROM t', d);
	END LOOP;
END
$$;

INSERT INTO model SELECT 'ensemble', ad_fit(ad_ensemble(ARRAY[ad_zscore(), ad_iforest(5, 16), ad_knn()]) || ad_calibrate(), x, n), false FROM t;

INSERT INTO model SELECT 'prepared', ad_fit(ad_iforest(5, 16, 2) || ad_prepare(calendar => true, scale => 'robust',
	drop_correlated => 0.9, impute => 'mean', timezone => 'Europe/Berlin'), x, n, ts, colour, flag), true FROM t;

SELECT count(ad_score(m, x, n)) + count(ad_pvalue(m, x, n)) + count(ad_is_anomaly(m, x, n)) FROM model, probe WHERE NOT mixed;

SELECT count(ad_score(m, x, n, ts, colour, flag)) FROM model, probe WHERE mixed;

SELECT count(length(r::text)) FROM model, probe, LATERAL ad_explain(m, x, n) r WHERE NOT mixed;

SELECT count(length(r::text)) FROM model, (SELECT * FROM probe LIMIT 2) p, LATERAL ad_explain(m, x, n, ts, colour, flag) r WHERE mixed;

SELECT count(ad_why(m, x, n, ts, colour, flag)) FROM model, (SELECT * FROM probe LIMIT 1) p WHERE mixed;

SELECT count(length(ad_info(m)::text)), count(ad_threshold(m, 0.1)), count(ad_probability(m, 1.0, 1)) FROM model WHERE NOT mixed AND name <> 'ensemble';

SELECT count(length(f::text)) FROM model, LATERAL ad_features(m) f;

CREATE TABLE sketch AS SELECT n % 3 AS g, ad_sketch(ad_sampling(rows => 20), x, ts, colour, flag) AS s FROM t GROUP BY 1;

SELECT length(ad_fit_sketch('iforest', ad_merge(s))::text) FROM sketch;

SELECT count(length(d::text)) FROM sketch a, sketch b, LATERAL ad_drift(a.s, b.s) d;

SELECT count(s) FROM (SELECT ad_outlier('iforest', a, n, colour) OVER (PARTITION BY flag) AS s FROM t) u;

SELECT count(length(r::text)) FROM ad_detect('SELECT x, n, colour FROM t', 'ecod') r;

SELECT length(u::text) FROM (SELECT (ad_stream_update(NULL, array_agg(ts ORDER BY i), array_agg(x ORDER BY i), ad_stream_options(period => 24))).* FROM t) u;

SELECT count(length(s::text)) FROM (SELECT ad_stream(x, ts) OVER (ORDER BY ts) AS s FROM t) u;

SELECT count(length(s::text)) FROM (SELECT ad_stl(x, ts, ad_stl_options(period => 24, robust => true)) OVER (ORDER BY ts) AS s FROM t) u;

SELECT length(ad_stl_array(array_agg(x ORDER BY i), ad_stl_options(period => 7))::text), length(ad_stl_plot(array_agg(x ORDER BY i), ad_stl_options(period => 7))),
	length(ad_changepoints(array_agg(x ORDER BY i))::text), length(ad_periods(x, ts)::text) FROM t;

SELECT count(length(s::text)), length((SELECT ad_series_score_array(array_agg(x ORDER BY i)) FROM t)::text) FROM (SELECT ad_series_score(x, ts) OVER (ORDER BY ts) AS s FROM t) u;

SELECT count(length(s::text)) FROM (SELECT ad_discord(x, 8) OVER (ORDER BY ts) AS s, ad_subpca(x, 8) OVER (ORDER BY ts) FROM t) u;

SELECT count(length(r::text)) FROM ad_decompose('SELECT ts AS "time", x AS value FROM t') r;

CREATE TABLE ticks AS
	SELECT i, (ARRAY['ORDER_PLACED', 'ORDER_CANCELLED', 'TRADE_EXECUTED'])[1 + i % 3] AS event_type,
		(ARRAY['BUY', 'SELL'])[1 + i / 3 % 2] AS side, 100 + i % 7 * 0.01 AS price, 10::numeric + i % 5 AS quantity,
		timestamptz '2024-01-02 09:00+00' + i * interval '300 ms' AS ts, 'order ' || i / 3 AS order_id, 'a' AS account_id, 'p' AS product_id
	FROM generate_series(1, 60) i;

CREATE TABLE events AS SELECT i, ts, ad_order_event(event_type, side, price, quantity, ts, order_id) AS e FROM ticks;

SELECT count(length(l::text)), count(length(w::text)), count(length(m::text)) FROM (SELECT ad_layering(e) OVER o AS l, ad_wash_trade(e) OVER o AS w,
	ad_layering_member(e) OVER o AS m FROM events WINDOW o AS (ORDER BY ts)) u;

SELECT count(length(l::text)) FROM (SELECT ad_layering(event_type, side, price::float8, quantity, ts, order_id, ad_layering_options(rule => 'anchored')) OVER (ORDER BY ts) AS l FROM ticks) u;

SELECT count(length(s::text)) FROM ad_layering_sequences('SELECT event_type, side, price, quantity, ts, order_id, account_id, product_id FROM ticks') s;

SELECT length(ad_layering_timeline(array_agg(e ORDER BY i))), count(e::text::ad_order_event), count(ad_order_event_send(e)) FROM events;

SELECT ad_roc_auc(x, flag), ad_average_precision(x, flag), ad_best_f1(x, flag), ad_precision_at(x, flag, 10), length(ad_roc_curve(x, flag)::text),
	length(ad_pr_curve(x, flag, 5)::text), ad_confusion(x > 0, flag) FROM t;

SELECT sum(f), sum(l) FROM (SELECT ad_fdr((x + 1) / 2) OVER () AS f, ad_fdr_level((x + 1) / 2, 'saffron', '{"half_life": 1000}') OVER () AS l FROM t) u;
SELECT u.levels FROM ad_fdr_level_array(NULL, ARRAY[0.1, 0.00001]) s, ad_fdr_level_array(s.new_state, ARRAY[0.2]) u;

SELECT count(length(r::text)) FROM ad_generate_blobs(20) r;

SELECT count(length(r::text)) FROM ad_generate_series(50) r;

SELECT ad_train('m', 'SELECT x, n FROM t', ad_hbos() || ad_calibrate()), ad_train('m', 'SELECT x, n FROM t', 'zscore');

SELECT ad_create_job('j', 'm', 'SELECT i, ts, x, n FROM t', 'i', 'ts', '{"score": 0}');

SELECT count(ad_score('m', x, n)), count(length(ad_why('m', x, n))) FROM probe;

SELECT count(length(h::text)) FROM ad_health() h;

SELECT length(ad_retrain('m')::text);

