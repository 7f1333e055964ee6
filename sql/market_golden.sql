-- Every golden file of test/data/market: all rules, all metrics; timestamps
-- and counts exactly, ratios within 1e-6.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';

CREATE TABLE golden_raw (
	dataset text, golden text, ts timestamptz, account_id text,
	product_id text, side text, price numeric, quantity numeric,
	event_type text, order_id text, new_order_id text, event_id text);
CREATE TABLE golden_event (LIKE golden_raw, id bigint);
CREATE TABLE golden_sequence (
	dataset text, golden text, account_id text, product_id text, side text, start_timestamp timestamptz,
	end_timestamp timestamptz, total_buy_qty numeric, total_sell_qty numeric,
	num_orders bigint, num_cancelled_orders bigint, order_timestamps text,
	start_row bigint, trade_row bigint, rule text);
ALTER TABLE golden_sequence
	ADD duration_s double precision,
	ADD placed_orders double precision,
	ADD placed_qty double precision,
	ADD cancelled_orders double precision,
	ADD cancelled_qty double precision,
	ADD matched_cancels double precision,
	ADD cancel_ratio double precision,
	ADD cancel_qty_ratio double precision,
	ADD price_levels double precision,
	ADD price_span_bps double precision,
	ADD median_time_to_cancel_s double precision,
	ADD max_time_to_cancel_s double precision,
	ADD opp_trades double precision,
	ADD opp_trade_qty double precision,
	ADD opp_trade_vwap double precision,
	ADD spoof_to_trade_qty_ratio double precision,
	ADD spoof_side_fill_qty double precision,
	ADD spoof_side_fill_ratio double precision,
	ADD own_order_imbalance double precision,
	ADD order_to_trade_ratio double precision,
	ADD cancel_to_trade_gap_s double precision,
	ADD cancelled_after_trade_qty_ratio double precision,
	ADD mean_distance_bps double precision,
	ADD mean_placement_gap_s double precision,
	ADD size_cv double precision;
CREATE TABLE golden_wash (
	dataset text, golden text, account_id text, product_id text, start_timestamp timestamptz,
	end_timestamp timestamptz, total_buy_qty numeric, total_sell_qty numeric,
	alternation_percentage double precision,
	price_change_percentage double precision, start_row bigint);

CREATE SEQUENCE golden_row MINVALUE 0;

\set directory `echo "${PG_ABS_SRCDIR:-.}"`
\setenv GOLDEN :directory/sql/include/market_golden.sh
\set ECHO none
\set dataset isolated
\ir :directory/sql/include/market_golden.sql
\set dataset noisy
\ir :directory/sql/include/market_golden.sql
\set dataset ties
\ir :directory/sql/include/market_golden.sql
\set dataset lifecycle
\ir :directory/sql/include/market_golden.sql
\set dataset replace
\ir :directory/sql/include/market_golden.sql
\set ECHO all

SELECT dataset, count(*) FROM golden_event GROUP BY 1 ORDER BY 1;
SELECT dataset, golden, count(*) FROM golden_sequence GROUP BY 1, 2 ORDER BY 1, 2;

-- both forms of ad_layering, and the one-call form, for each golden file; a
-- golden file is named after its options and its rule
CREATE FUNCTION golden_options(golden text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT CASE WHEN golden = 'either' THEN ad_layering_options(trade_rule => 'either')
		ELSE ad_layering_options(rule => regexp_replace(golden, '.*\.', ''),
			dedup => golden ~ '^dedup', replace_counts => golden !~ '^same',
			forget_after => CASE WHEN golden ~ '^forget' THEN interval '300 seconds' END,
			min_imbalance => CASE WHEN golden ~ '^filter' THEN 0.6 ELSE 0 END,
			min_price_levels => CASE WHEN golden ~ '^filter' THEN 2 ELSE 0 END) END
$$;

CREATE FUNCTION golden_plain(data text, golden text)
RETURNS TABLE (id bigint, account_id text, product_id text,
	s ad_layering_sequence) LANGUAGE sql AS $$
	SELECT * FROM (
		SELECT id, account_id, product_id, ad_layering(event_type, side, price,
			quantity, ts, order_id, golden_options($2)) OVER w AS s
		FROM golden_event WHERE dataset = data
		WINDOW w AS (PARTITION BY account_id, product_id ORDER BY ts, id)) x
	WHERE s IS NOT NULL
$$;

CREATE FUNCTION golden_packed(data text, golden text)
RETURNS TABLE (id bigint, account_id text, product_id text,
	s ad_layering_sequence) LANGUAGE sql AS $$
	SELECT * FROM (
		SELECT id, account_id, product_id, ad_layering(ad_order_event(event_type,
			side, price::float8, quantity::bigint, ts, order_id,
			new_order_id => new_order_id, event_id => event_id),
			golden_options($2)) OVER w AS s
		FROM golden_event WHERE dataset = data
		WINDOW w AS (PARTITION BY account_id, product_id ORDER BY ts, id)) x
	WHERE s IS NOT NULL
$$;

-- the plain form has no ids but those of orders
CREATE TABLE found AS
	SELECT 'plain' AS form, g.dataset, g.golden, f.id, f.account_id,
		f.product_id, (f.s).*
	FROM (SELECT DISTINCT dataset, golden FROM golden_sequence
			WHERE dataset IN ('isolated', 'noisy', 'ties')) g,
		golden_plain(g.dataset, g.golden) f
	UNION ALL
	SELECT 'packed', g.dataset, g.golden, f.id, f.account_id, f.product_id,
		(f.s).*
	FROM (SELECT DISTINCT dataset, golden FROM golden_sequence) g,
		golden_packed(g.dataset, g.golden) f;
CREATE TABLE found_sequences AS
	SELECT 'sequences'::text AS form, g.dataset, g.golden,
		CASE WHEN f.rule = 'anchored' THEN f.trade_id ELSE f.first_id END::bigint
			AS id, f.*
	FROM (SELECT DISTINCT dataset, golden FROM golden_sequence) g,
		ad_layering_sequences(format($q$SELECT * FROM golden_event
			WHERE dataset = %L$q$, g.dataset), golden_options(g.golden),
			columns => '{"new_order_id": "new_order_id", "event_id": "event_id"}') f;
ALTER TABLE found_sequences DROP partition_key, DROP first_id, DROP trade_id;
INSERT INTO found SELECT * FROM found_sequences;

CREATE FUNCTION near(a double precision, b double precision) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
	SELECT (a IS NULL OR a = 'NaN') AND b IS NULL OR coalesce(abs(a - b) <=
		1e-6 * greatest(1, abs(b)), false)
$$;

-- expected rows, rows found, rows that agree in everything
CREATE TABLE numbered AS
	SELECT *, row_number() OVER (PARTITION BY dataset, account_id, product_id
		ORDER BY ts, id) AS partition_row FROM golden_event;
CREATE INDEX ON numbered (dataset, id);
SELECT f.form, g.dataset, g.golden, count(*) AS expected,
	(SELECT count(*) FROM found x WHERE (x.form, x.dataset, x.golden) =
		(f.form, g.dataset, g.golden)) AS found,
	count(*) FILTER (WHERE s.id IS NOT NULL
		AND s.start_time = g.start_timestamp AND s.end_time = g.end_timestamp
		AND s.duration = g.end_timestamp - g.start_timestamp
		AND s.total_buy_qty = g.total_buy_qty
		AND s.total_sell_qty = g.total_sell_qty
		AND s.orders = g.num_orders
		AND s.counted_cancels = g.num_cancelled_orders
		AND (SELECT array_agg(t::timestamptz) FROM
			regexp_split_to_table(g.order_timestamps, ';') t) = s.order_times
		AND (SELECT n.ts FROM numbered n WHERE (n.dataset, n.id) =
			(g.dataset, g.trade_row)) = s.trade_time
		AND (SELECT n.partition_row FROM numbered n WHERE (n.dataset, n.id) =
			(g.dataset, g.trade_row)) = s.trade_row
		AND (SELECT n.partition_row FROM numbered n WHERE (n.dataset, n.id) =
			(g.dataset, g.start_row)) = s.first_row
		AND s.skipped_rows = 0) AS rule_equal,
	count(*) FILTER (WHERE (g.duration_s IS NULL AND g.golden = 'either') OR (s.id IS NOT NULL
		AND near(s.duration_s::float8, g.duration_s)
		AND near(s.placed_orders::float8, g.placed_orders)
		AND near(s.placed_qty::float8, g.placed_qty)
		AND near(s.cancelled_orders::float8, g.cancelled_orders)
		AND near(s.cancelled_qty::float8, g.cancelled_qty)
		AND near(s.matched_cancels::float8, g.matched_cancels)
		AND near(s.cancel_ratio::float8, g.cancel_ratio)
		AND near(s.cancel_qty_ratio::float8, g.cancel_qty_ratio)
		AND near(s.price_levels::float8, g.price_levels)
		AND near(s.price_span_bps::float8, g.price_span_bps)
		AND near(s.median_time_to_cancel_s::float8, g.median_time_to_cancel_s)
		AND near(s.max_time_to_cancel_s::float8, g.max_time_to_cancel_s)
		AND near(s.opp_trades::float8, g.opp_trades)
		AND near(s.opp_trade_qty::float8, g.opp_trade_qty)
		AND near(s.opp_trade_vwap::float8, g.opp_trade_vwap)
		AND near(s.spoof_to_trade_qty_ratio::float8, g.spoof_to_trade_qty_ratio)
		AND near(s.spoof_side_fill_qty::float8, g.spoof_side_fill_qty)
		AND near(s.spoof_side_fill_ratio::float8, g.spoof_side_fill_ratio)
		AND near(s.own_order_imbalance::float8, g.own_order_imbalance)
		AND near(s.order_to_trade_ratio::float8, g.order_to_trade_ratio)
		AND near(s.cancel_to_trade_gap_s::float8, g.cancel_to_trade_gap_s)
		AND near(s.cancelled_after_trade_qty_ratio::float8, g.cancelled_after_trade_qty_ratio)
		AND near(s.mean_distance_bps::float8, g.mean_distance_bps)
		AND near(s.mean_placement_gap_s::float8, g.mean_placement_gap_s)
		AND near(s.size_cv::float8, g.size_cv)
		)) AS metrics_equal
FROM (VALUES ('packed'), ('plain'), ('sequences')) f(form)
JOIN golden_sequence g ON f.form <> 'plain' OR g.dataset IN ('isolated', 'noisy', 'ties')
LEFT JOIN found s ON (s.form, s.dataset, s.golden, s.account_id, s.product_id,
		s.side, s.rule) =
	(f.form, g.dataset, g.golden, g.account_id, g.product_id, g.side, g.rule)
	AND s.id = CASE WHEN g.rule = 'anchored' THEN g.trade_row
		ELSE g.start_row END
GROUP BY f.form, g.dataset, g.golden ORDER BY 1, 2, 3;

-- a job finds the same, to the last figure
SELECT count(ad_create_layering_job(dataset || ' ' || golden, format('SELECT * FROM golden_event WHERE dataset = %L', dataset),
	golden_options(golden), columns => '{"new_order_id": "new_order_id", "event_id": "event_id"}'))
FROM (SELECT DISTINCT dataset, golden FROM golden_sequence) g;
\set ECHO none
SELECT format('CALL ad_run_job(%L)', name) FROM ad_jobs ORDER BY 1 \gexec
\set ECHO all
SELECT count(*), count(*) FILTER (WHERE a."row" - '{account,product,partition_key,first_id,trade_id}'::text[] =
	to_jsonb(f) - '{form,dataset,golden,id,account_id,product_id}'::text[]) AS equal
FROM found f FULL JOIN ad_alert a ON a.job = f.dataset || ' ' || f.golden
	AND f.id::text = CASE WHEN a."row" ->> 'rule' = 'anchored' THEN a."row" ->> 'trade_id' ELSE a."row" ->> 'first_id' END
WHERE f.form IS NULL OR f.form = 'sequences';
SELECT count(ad_drop_job(name)) FROM ad_jobs;

-- severity is the mean of six clamped ratios
SELECT count(*), count(*) FILTER (WHERE near(severity, 100 * (SELECT avg(least(1,
	greatest(0, part))) FROM (VALUES (cancel_ratio), ((price_levels - 1) / 4.0),
		(spoof_to_trade_qty_ratio / 10), (1 - median_time_to_cancel_s / 5),
		(abs(own_order_imbalance)), (1 - spoof_side_fill_ratio)) p(part)
	WHERE part <> 'NaN'))) AS equal
FROM found;

-- wash trading
CREATE TABLE found_wash AS
	SELECT dataset, golden, id, account_id, product_id, (w).* FROM (
		SELECT e.dataset, g.golden, id, account_id, product_id, ad_wash_trade(
			ad_order_event(event_type, side, price, quantity, ts, order_id,
				new_order_id => new_order_id, event_id => event_id),
			ad_wash_trade_options(dedup => g.golden ~ '^dedup')) OVER w AS w
		FROM golden_event e
		JOIN (SELECT DISTINCT dataset, golden FROM golden_wash) g USING (dataset)
		WINDOW w AS (PARTITION BY e.dataset, g.golden, account_id, product_id
			ORDER BY ts, id)) x
	WHERE (w).trades IS NOT NULL;
SELECT g.dataset, g.golden, count(*) AS expected,
	(SELECT count(*) FROM found_wash x WHERE (x.dataset, x.golden) =
		(g.dataset, g.golden)) AS found,
	count(*) FILTER (WHERE s.start_time = g.start_timestamp
		AND s.end_time = g.end_timestamp
		AND s.total_buy_qty = g.total_buy_qty
		AND s.total_sell_qty = g.total_sell_qty
		AND near(s.alternation_percentage, g.alternation_percentage)
		AND near(s.price_change_percentage, g.price_change_percentage))
		AS equal
FROM golden_wash g
LEFT JOIN found_wash s ON (s.dataset, s.golden, s.id, s.account_id, s.product_id) =
	(g.dataset, g.golden, g.start_row, g.account_id, g.product_id)
GROUP BY 1, 2 ORDER BY 1, 2;

-- the cases made by hand: SPEC of the life cycle, one rule of it each
CREATE TABLE golden_case (
	account_id text, name text, options jsonb, rule text, sequences bigint,
	orders bigint, counted_cancels bigint, counted_cancel_qty numeric,
	matched_cancels bigint, severity double precision);
\set ECHO none
\setenv FILES :directory/test/data/market/cases
\copy golden_case FROM PROGRAM 'gzip -dc "$FILES.expected.csv.gz"' WITH (FORMAT csv, HEADER)
TRUNCATE golden_raw;
ALTER SEQUENCE golden_row RESTART;
\copy golden_raw FROM PROGRAM 'sh "$GOLDEN" "$FILES" events' WITH (FORMAT csv)
INSERT INTO golden_event SELECT *, nextval('golden_row') FROM golden_raw;
\set ECHO all
CREATE TABLE found_case AS
SELECT c.account_id, c.options, c.rule AS rule1, x.id, (x.s).* FROM golden_case c, LATERAL (
	SELECT id, ad_layering(ad_order_event(event_type, side, price, quantity, ts,
		order_id, new_order_id => new_order_id),
		c.options || jsonb_build_object('rule', c.rule)) OVER (ORDER BY ts, id) AS s
	FROM golden_event e WHERE e.dataset = 'cases' AND e.account_id = c.account_id) x
WHERE x.s IS NOT NULL;
SELECT c.name, c.options, string_agg(c.orders::text, ' ' ORDER BY c.rule DESC) AS orders,
	max(c.severity) FILTER (WHERE c.rule = 'window') AS severity,
	bool_and((f.n, coalesce(f.o, 0), coalesce(f.x, 0), coalesce(f.q, 0), coalesce(f.m, 0)) =
		(c.sequences, c.orders, c.counted_cancels, c.counted_cancel_qty, c.matched_cancels)
		AND (c.severity IS NULL OR abs(f.v - c.severity) < 1e-4)) AS equal
FROM golden_case c, LATERAL (
	SELECT count(*) AS n, sum(orders) AS o, sum(counted_cancels) AS x,
		sum(counted_cancel_qty) AS q, sum(matched_cancels) AS m, min(severity) AS v
	FROM found_case f WHERE (f.account_id, f.options) = (c.account_id, c.options)
		AND f.rule1 = c.rule) f
GROUP BY c.account_id, c.name, c.options ORDER BY c.account_id, c.options;

DROP TABLE golden_raw, golden_event, golden_sequence, golden_wash, found,
	found_sequences, found_wash, numbered, golden_case, found_case;
DROP SEQUENCE golden_row;
DROP FUNCTION golden_options, golden_plain, golden_packed, near;
