--
-- Market surveillance: order events, layering, wash trades.
--

CREATE TYPE @extschema@.ad_order_event;

CREATE FUNCTION @extschema@.ad_order_event_in(cstring) RETURNS @extschema@.ad_order_event
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_order_event_in(cstring) IS
	'I/O: reads event_type,side,price,quantity,ts[,order_id], or the last as "order_id","new_order_id","event_id" in quotes; an empty price or quantity is none';

CREATE FUNCTION @extschema@.ad_order_event_out(@extschema@.ad_order_event) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_order_event_out(@extschema@.ad_order_event) IS
	'I/O: writes what ad_order_event_in reads, the time in UTC';

CREATE FUNCTION @extschema@.ad_order_event_recv(internal) RETURNS @extschema@.ad_order_event
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_order_event_recv(internal) IS
	'I/O: reads the binary form, every field checked';

CREATE FUNCTION @extschema@.ad_order_event_send(@extschema@.ad_order_event) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_order_event_send(@extschema@.ad_order_event) IS
	'I/O: writes the binary form';

CREATE TYPE @extschema@.ad_order_event (
	INPUT = @extschema@.ad_order_event_in,
	OUTPUT = @extschema@.ad_order_event_out,
	RECEIVE = @extschema@.ad_order_event_recv,
	SEND = @extschema@.ad_order_event_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = plain
);
COMMENT ON TYPE @extschema@.ad_order_event IS
'One order event, packed into a single compact value: the fast argument of the market window functions.';

-- Price and quantity may each be numeric, bigint, integer, smallint, double
-- precision or real; the function looks at their types once per query.
CREATE FUNCTION @extschema@.ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz,
	order_id text DEFAULT NULL, options jsonb DEFAULT NULL, new_order_id text DEFAULT NULL, event_id text DEFAULT NULL)
	RETURNS @extschema@.ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.ad_order_event(text, text, anyelement, anycompatible, timestamptz, text, jsonb, text, text) IS
'Packs an order event for the market functions. event_type: a word for order, cancel, trade, replace, '
'expire or ignore. side: a word for buy or sell. price: a number; NULL means no price. quantity: a '
'number; NULL on a cancel or an expiry means the whole open quantity. ts: its time. order_id: the id of '
'the order, or NULL. options: words, dialect and on_bad. new_order_id: the id that an amendment gives to '
'the order; NULL keeps it. event_id: identifies duplicates. Raises 22023 for a row that is not an event, '
'or returns NULL with on_bad skip; 42804 for another type of price or quantity, 54000 for an id of more '
'than 255 bytes.';

-- The options may come without an order id; they have no name here, so that
-- by name they are those of the function above.
CREATE FUNCTION @extschema@.ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, jsonb)
	RETURNS @extschema@.ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.ad_order_event(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
'Same as ad_order_event(text, text, anyelement, anycompatible, timestamp with time zone, text, jsonb, '
'text, text) without an order id, with options as the last argument.';

-- What was ad_order_event() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS @extschema@.ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION _anomaly._ad_order_event(text, text, anyelement, anycompatible, timestamptz) IS
	'ad_order_event() of version 0.2.0, for objects that depend on it';
CREATE FUNCTION _anomaly._ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS @extschema@.ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION _anomaly._ad_order_event(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
	'ad_order_event() of version 0.2.0, for objects that depend on it';
CREATE FUNCTION _anomaly._ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text)
	RETURNS @extschema@.ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION _anomaly._ad_order_event(text, text, anyelement, anycompatible, timestamptz, text) IS
	'ad_order_event() of version 0.2.0, for objects that depend on it';
CREATE FUNCTION _anomaly._ad_order_event(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text, options jsonb)
	RETURNS @extschema@.ad_order_event
	AS 'MODULE_PATHNAME', 'ad_order_event_make'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION _anomaly._ad_order_event(text, text, anyelement, anycompatible, timestamptz, text, jsonb) IS
	'ad_order_event() of version 0.2.0, for objects that depend on it';

CREATE TYPE @extschema@.ad_layering_sequence AS (
	sequence_no bigint,
	side text,
	start_time timestamptz,
	end_time timestamptz,
	duration interval,
	orders bigint,
	cancelled_orders bigint,
	cancelled_qty numeric,
	opposite_qty numeric,
	total_buy_qty numeric,
	total_sell_qty numeric,
	order_times timestamptz[],
	trade_time timestamptz,
	rule text,
	severity double precision,
	first_row bigint,
	trade_row bigint,
	counted_cancels bigint,
	counted_cancel_qty numeric,
	duration_s double precision,
	placed_orders bigint,
	placed_qty numeric,
	matched_cancels bigint,
	cancel_ratio double precision,
	cancel_qty_ratio double precision,
	price_levels bigint,
	price_span_bps double precision,
	median_time_to_cancel_s double precision,
	max_time_to_cancel_s double precision,
	opp_trades bigint,
	opp_trade_qty numeric,
	opp_trade_vwap double precision,
	spoof_to_trade_qty_ratio double precision,
	spoof_side_fill_qty numeric,
	spoof_side_fill_ratio double precision,
	own_order_imbalance double precision,
	order_to_trade_ratio double precision,
	cancel_to_trade_gap_s double precision,
	cancelled_after_trade_qty_ratio double precision,
	mean_distance_bps double precision,
	mean_placement_gap_s double precision,
	size_cv double precision,
	skipped_rows bigint
);
COMMENT ON TYPE @extschema@.ad_layering_sequence IS
'One layering sequence with its metrics, as found by ad_layering; no column is NULL, an undefined ratio '
'is NaN.';

COMMENT ON COLUMN @extschema@.ad_layering_sequence.sequence_no IS 'number of the sequence in its partition, from 1';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.side IS 'side of the orders that were layered: BUY or SELL';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.start_time IS 'time of the first order';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.end_time IS 'time of detection';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.duration IS 'end_time - start_time';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.orders IS 'orders of the sequence';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.cancelled_orders IS 'metric: cancels of the side in [start_time, end_time]';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.cancelled_qty IS 'metric: their quantity';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.opposite_qty IS 'quantity of opposite trades that the rule counts';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.total_buy_qty IS 'BUY sequence: counted_cancel_qty; SELL sequence: opposite_qty';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.total_sell_qty IS 'SELL sequence: counted_cancel_qty; BUY sequence: opposite_qty';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.order_times IS 'times of the orders';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.trade_time IS 'time of the opposite trade that completes the sequence';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.rule IS 'how it was found: after, before, strict or anchored';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.severity IS '0 to 100: rank by it';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.first_row IS 'row of the first order in the partition, from 1';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.trade_row IS 'row of the completing trade in the partition, from 1';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.counted_cancels IS 'cancels that the rule counts: for strict and anchored those by which the orders count as canceled';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.counted_cancel_qty IS 'quantity of the counted cancels; for strict and anchored what was canceled of the orders by then';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.duration_s IS 'metric: duration in seconds';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.placed_orders IS 'metric: orders of the side in [start_time, end_time]';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.placed_qty IS 'metric: their quantity';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.matched_cancels IS 'metric: of those orders, how many count as canceled by end_time';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.cancel_ratio IS 'metric: matched_cancels / placed_orders';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.cancel_qty_ratio IS 'metric: cancelled_qty / placed_qty';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.price_levels IS 'metric: distinct prices of the orders that have one';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.price_span_bps IS 'metric: (highest - lowest) / lowest price, in basis points; NaN unless the lowest is positive';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.median_time_to_cancel_s IS 'metric: median seconds from order to its cancel';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.max_time_to_cancel_s IS 'metric: longest of them';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.opp_trades IS 'metric: opposite trades in [start_time, end_time]';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.opp_trade_qty IS 'metric: their quantity';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.opp_trade_vwap IS 'metric: their volume-weighted price';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.spoof_to_trade_qty_ratio IS 'metric: placed_qty / opp_trade_qty';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.spoof_side_fill_qty IS 'metric: quantity traded on the side of the orders';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.spoof_side_fill_ratio IS 'metric: spoof_side_fill_qty / placed_qty';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.own_order_imbalance IS 'metric: (placed_qty - opposite placed quantity) / their sum';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.order_to_trade_ratio IS 'metric: (orders + cancels) / trades of both sides';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.cancel_to_trade_gap_s IS 'metric: seconds from the last cancel to end_time; NaN for rule before';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.cancelled_after_trade_qty_ratio IS 'metric: share of cancelled_qty at or after the first opposite trade';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.mean_distance_bps IS 'metric: how far the orders were priced behind the opposite trades, in basis points; NaN unless all of these prices are positive';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.mean_placement_gap_s IS 'metric: mean seconds between orders';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.size_cv IS 'metric: coefficient of variation of the order quantities';
COMMENT ON COLUMN @extschema@.ad_layering_sequence.skipped_rows IS 'rows of the partition passed over because of on_bad';

CREATE FUNCTION @extschema@.ad_layering_options(
	rule text DEFAULT 'window',
	trade_rule text DEFAULT 'after',
	orders_window interval DEFAULT '10 seconds',
	cancel_window interval DEFAULT '5 seconds',
	opposite_trade_window interval DEFAULT '2 seconds',
	min_orders integer DEFAULT 3,
	min_cancels integer DEFAULT 3,
	on_bad text DEFAULT 'error',
	words jsonb DEFAULT NULL,
	causal boolean DEFAULT false,
	forget_after interval DEFAULT NULL,
	max_partition_rows integer DEFAULT 10000000,
	dialect text DEFAULT NULL,
	replace_counts boolean DEFAULT true,
	dedup boolean DEFAULT false,
	min_imbalance double precision DEFAULT 0,
	min_price_levels integer DEFAULT 0)
	RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering_options(text, text, interval, interval, interval, integer, integer, text, jsonb, boolean, interval, integer, text, boolean, boolean, double precision, integer) IS
'Returns validated options of the layering functions. rule: window, strict or anchored. trade_rule: '
'after, before or either. orders_window, cancel_window, opposite_trade_window: lengths of the windows, up '
'to 100000000 seconds. min_orders, min_cancels: minimum numbers of orders and cancels. on_bad: error, or '
'skip for rows that are not events. words: words for event types and sides. causal: whether rule anchored '
'leaves out rows at the time of the trade. forget_after: age at which open orders are closed; NULL means '
'never. max_partition_rows: 1 to 100000000. dialect: fix, rts24, lobster, itch or NULL. replace_counts: '
'whether an amendment counts as a cancel and an order. dedup: whether duplicates are ignored. '
'min_imbalance, min_price_levels: limits that a reported sequence must reach. NULL means the default. '
'Raises 22023 for an invalid value.';

-- What was ad_layering_options() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_layering_options_0_2(
	rule text DEFAULT 'window',
	trade_rule text DEFAULT 'after',
	orders_window interval DEFAULT '10 seconds',
	cancel_window interval DEFAULT '5 seconds',
	opposite_trade_window interval DEFAULT '2 seconds',
	min_orders integer DEFAULT 3,
	min_cancels integer DEFAULT 3,
	on_bad text DEFAULT 'error',
	words jsonb DEFAULT NULL,
	causal boolean DEFAULT false,
	forget_after interval DEFAULT NULL,
	max_partition_rows integer DEFAULT 10000000)
	RETURNS jsonb
	AS 'MODULE_PATHNAME', 'ad_layering_options' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_layering_options_0_2(text, text, interval, interval, interval, integer, integer, text, jsonb, boolean, interval, integer) IS
	'ad_layering_options() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_layering(event @extschema@.ad_order_event)
	RETURNS @extschema@.ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering(@extschema@.ad_order_event) IS
'Returns the layering sequence that the row reports (at its first order; with rule anchored, at its '
'trade), or NULL. A partition is one account in one product, ordered by time. event: an order event; '
'NULLs are ignored. Raises 22023 for rows that are not in the order of time, 53400 for a partition that '
'is too large.';

CREATE FUNCTION @extschema@.ad_layering(event @extschema@.ad_order_event, options jsonb)
	RETURNS @extschema@.ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering(@extschema@.ad_order_event, jsonb) IS
'Same as ad_layering(ad_order_event) with options: as returned by ad_layering_options(). Raises 22023 for '
'an invalid option.';

CREATE FUNCTION @extschema@.ad_layering(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS @extschema@.ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering(text, text, anyelement, anycompatible, timestamptz) IS
'Same as ad_layering(ad_order_event) for the columns event_type, side, price, quantity and ts, which have '
'the meaning and the NULL rule that they have in ad_order_event(). Raises 22023 for a row that is not an '
'event.';

CREATE FUNCTION @extschema@.ad_layering(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS @extschema@.ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
'Same as ad_layering(text, text, anyelement, anycompatible, timestamp with time zone) with options: as '
'returned by ad_layering_options().';

CREATE FUNCTION @extschema@.ad_layering(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text)
	RETURNS @extschema@.ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering(text, text, anyelement, anycompatible, timestamptz, text) IS
'Same as ad_layering(text, text, anyelement, anycompatible, timestamp with time zone) with order_id: the '
'id of the order, or NULL.';

CREATE FUNCTION @extschema@.ad_layering(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text, options jsonb)
	RETURNS @extschema@.ad_layering_sequence
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering(text, text, anyelement, anycompatible, timestamptz, text, jsonb) IS
'Same as ad_layering(text, text, anyelement, anycompatible, timestamp with time zone) with order_id, the '
'id of the order or NULL, and options, as returned by ad_layering_options().';

CREATE TYPE @extschema@.ad_layering_membership AS (
	sequence_no bigint,
	role text,
	other_sequences bigint[]
);
COMMENT ON TYPE @extschema@.ad_layering_membership IS
'The layering sequence that an event belongs to, and its role.';
COMMENT ON COLUMN @extschema@.ad_layering_membership.sequence_no IS 'number of the first sequence it belongs to';
COMMENT ON COLUMN @extschema@.ad_layering_membership.role IS 'order, cancel or trade';
COMMENT ON COLUMN @extschema@.ad_layering_membership.other_sequences IS 'numbers of further sequences that share it';

CREATE FUNCTION @extschema@.ad_layering_member(event @extschema@.ad_order_event)
	RETURNS @extschema@.ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering_member(@extschema@.ad_order_event) IS
'Returns the number of the layering sequence that the row belongs to and its role (order, cancel, trade), '
'or NULL. event: an order event; NULLs are ignored. Raises the errors of ad_layering().';

CREATE FUNCTION @extschema@.ad_layering_member(event @extschema@.ad_order_event, options jsonb)
	RETURNS @extschema@.ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering_member(@extschema@.ad_order_event, jsonb) IS
'Same as ad_layering_member(ad_order_event) with options: as returned by ad_layering_options().';

CREATE FUNCTION @extschema@.ad_layering_member(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS @extschema@.ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering_member(text, text, anyelement, anycompatible, timestamptz) IS
'Same as ad_layering_member(ad_order_event) for the columns event_type, side, price, quantity and ts, '
'which have the meaning and the NULL rule that they have in ad_order_event().';

CREATE FUNCTION @extschema@.ad_layering_member(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS @extschema@.ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering_member(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
'Same as ad_layering_member(text, text, anyelement, anycompatible, timestamp with time zone) with '
'options: as returned by ad_layering_options().';

CREATE FUNCTION @extschema@.ad_layering_member(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text)
	RETURNS @extschema@.ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering_member(text, text, anyelement, anycompatible, timestamptz, text) IS
'Same as ad_layering_member(text, text, anyelement, anycompatible, timestamp with time zone) with '
'order_id: the id of the order, or NULL.';

CREATE FUNCTION @extschema@.ad_layering_member(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, order_id text, options jsonb)
	RETURNS @extschema@.ad_layering_membership
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_layering_member(text, text, anyelement, anycompatible, timestamptz, text, jsonb) IS
'Same as ad_layering_member(text, text, anyelement, anycompatible, timestamp with time zone) with '
'order_id, the id of the order or NULL, and options, as returned by ad_layering_options().';

CREATE FUNCTION @extschema@.ad_layering_sequences(
	query text,
	options jsonb DEFAULT NULL,
	partition_by text[] DEFAULT NULL,
	order_by anycompatible DEFAULT NULL::text,
	presorted boolean DEFAULT false,
	columns jsonb DEFAULT NULL)
	RETURNS TABLE (
		account text,
		product text,
		partition_key jsonb,
		first_id text,
		trade_id text,
		sequence_no bigint,
		side text,
		start_time timestamptz,
		end_time timestamptz,
		duration interval,
		orders bigint,
		cancelled_orders bigint,
		cancelled_qty numeric,
		opposite_qty numeric,
		total_buy_qty numeric,
		total_sell_qty numeric,
		order_times timestamptz[],
		trade_time timestamptz,
		rule text,
		severity double precision,
		first_row bigint,
		trade_row bigint,
		counted_cancels bigint,
		counted_cancel_qty numeric,
		duration_s double precision,
		placed_orders bigint,
		placed_qty numeric,
		matched_cancels bigint,
		cancel_ratio double precision,
		cancel_qty_ratio double precision,
		price_levels bigint,
		price_span_bps double precision,
		median_time_to_cancel_s double precision,
		max_time_to_cancel_s double precision,
		opp_trades bigint,
		opp_trade_qty numeric,
		opp_trade_vwap double precision,
		spoof_to_trade_qty_ratio double precision,
		spoof_side_fill_qty numeric,
		spoof_side_fill_ratio double precision,
		own_order_imbalance double precision,
		order_to_trade_ratio double precision,
		cancel_to_trade_gap_s double precision,
		cancelled_after_trade_qty_ratio double precision,
		mean_distance_bps double precision,
		mean_placement_gap_s double precision,
		size_cv double precision,
		skipped_rows bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_layering_sequences(text, jsonb, text[], anycompatible, boolean, jsonb) IS
'Returns the layering sequences of every partition of a query, which runs read-only and with the '
'privileges of the caller. query: a table, view or SELECT of order events. options: as returned by '
'ad_layering_options(). partition_by: columns of the partition, {} for none; NULL means account and '
'product. order_by: a text or text[] of columns that sort rows of the same time, the first of them the '
'row id; NULL means id. presorted: whether the order of the query is used. columns: maps expected names '
'to those of the query, such as {"ts": "transact_time"}. Raises 22004 if query is NULL, 42703 for a '
'missing column, 53400 for a partition that is too large.';

CREATE FUNCTION _anomaly._ad_layering_sequences(
    query text,
    options jsonb DEFAULT NULL,
    partition_by text[] DEFAULT NULL,
    order_by text DEFAULT NULL,
    presorted boolean DEFAULT false)
    RETURNS TABLE (
        account text,
        product text,
        partition_key jsonb,
        first_id text,
        trade_id text,
        sequence_no bigint,
        side text,
        start_time timestamptz,
        end_time timestamptz,
        duration interval,
        orders bigint,
        cancelled_orders bigint,
        cancelled_qty numeric,
        opposite_qty numeric,
        total_buy_qty numeric,
        total_sell_qty numeric,
        order_times timestamptz[],
        trade_time timestamptz,
        rule text,
        severity double precision,
        first_row bigint,
        trade_row bigint,
        counted_cancels bigint,
        counted_cancel_qty numeric,
        duration_s double precision,
        placed_orders bigint,
        placed_qty numeric,
        matched_cancels bigint,
        cancel_ratio double precision,
        cancel_qty_ratio double precision,
        price_levels bigint,
        price_span_bps double precision,
        median_time_to_cancel_s double precision,
        max_time_to_cancel_s double precision,
        opp_trades bigint,
        opp_trade_qty numeric,
        opp_trade_vwap double precision,
        spoof_to_trade_qty_ratio double precision,
        spoof_side_fill_qty numeric,
        spoof_side_fill_ratio double precision,
        own_order_imbalance double precision,
        order_to_trade_ratio double precision,
        cancel_to_trade_gap_s double precision,
        cancelled_after_trade_qty_ratio double precision,
        mean_distance_bps double precision,
        mean_placement_gap_s double precision,
        size_cv double precision,
        skipped_rows bigint)
    AS 'MODULE_PATHNAME', 'ad_layering_sequences' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_layering_sequences(text, jsonb, text[], text, boolean) IS
'ad_layering_sequences() as it was until 0.2.0, where objects made then depend on it';

CREATE TYPE @extschema@.ad_wash_trade_window AS (
	window_no bigint,
	start_time timestamptz,
	end_time timestamptz,
	duration interval,
	trades bigint,
	buy_trades bigint,
	sell_trades bigint,
	total_buy_qty numeric,
	total_sell_qty numeric,
	side_switches bigint,
	alternation_percentage double precision,
	price_change_percentage double precision,
	first_price double precision,
	last_price double precision,
	first_row bigint,
	last_row bigint,
	windows bigint,
	skipped_rows bigint
);
COMMENT ON TYPE @extschema@.ad_wash_trade_window IS
'One window of wash trading, as found by ad_wash_trade.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.start_time IS 'Time of the first trade.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.end_time IS 'Time of the last trade.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.duration IS 'Time from the first to the last trade.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.trades IS 'Number of trades.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.buy_trades IS 'Number of buys.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.sell_trades IS 'Number of sells.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.total_buy_qty IS 'Quantity bought.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.total_sell_qty IS 'Quantity sold.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.side_switches IS 'Number of steps at which the side changes.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.first_price IS 'Price of the first trade.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.last_price IS 'Price of the last trade.';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.window_no IS 'number of the window in its partition, from 1';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.alternation_percentage IS 'side switches in percent of trades - 1';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.price_change_percentage IS '|last - first| / first price in percent; null below price_change_threshold, and unless both are positive';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.first_row IS 'row of the first trade in the partition, from 1';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.last_row IS 'row of the last trade in the partition, from 1';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.windows IS 'with merge: how many windows were joined; else 1';
COMMENT ON COLUMN @extschema@.ad_wash_trade_window.skipped_rows IS 'rows of the partition passed over because of on_bad';

CREATE FUNCTION @extschema@.ad_wash_trade_options(
	min_buy_trades integer DEFAULT 3,
	min_sell_trades integer DEFAULT 3,
	min_alternation_percentage double precision DEFAULT 60,
	min_total_volume double precision DEFAULT 10000,
	window_size interval DEFAULT '30 minutes',
	price_change_threshold double precision DEFAULT 1,
	merge boolean DEFAULT false,
	on_bad text DEFAULT 'error',
	words jsonb DEFAULT NULL,
	max_partition_rows integer DEFAULT 10000000,
	dialect text DEFAULT NULL,
	dedup boolean DEFAULT false)
	RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_wash_trade_options(integer, integer, double precision, double precision, interval, double precision, boolean, text, jsonb, integer, text, boolean) IS
'Returns validated options of ad_wash_trade(). min_buy_trades, min_sell_trades: minimum numbers of buys '
'and sells in a window. min_alternation_percentage: share of steps at which the side changes, 0 to 100. '
'min_total_volume: minimum quantity. window_size: length of a window. price_change_threshold: percentage '
'from which the price change is reported. merge: whether windows that share a trade become one. on_bad: '
'error, or skip for rows that are not events. words: words for event types and sides. max_partition_rows: '
'1 to 100000000. dialect: fix, rts24, lobster, itch or NULL. dedup: whether duplicates are ignored. NULL '
'means the default. Raises 22023 for an invalid value.';

-- What was ad_wash_trade_options() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_wash_trade_options(
	min_buy_trades integer DEFAULT 3,
	min_sell_trades integer DEFAULT 3,
	min_alternation_percentage double precision DEFAULT 60,
	min_total_volume double precision DEFAULT 10000,
	window_size interval DEFAULT '30 minutes',
	price_change_threshold double precision DEFAULT 1,
	merge boolean DEFAULT false,
	on_bad text DEFAULT 'error',
	words jsonb DEFAULT NULL,
	max_partition_rows integer DEFAULT 10000000)
	RETURNS jsonb
	AS 'MODULE_PATHNAME', 'ad_wash_trade_options' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_wash_trade_options(integer, integer, double precision, double precision, interval, double precision, boolean, text, jsonb, integer) IS
	'ad_wash_trade_options() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_wash_trade(event @extschema@.ad_order_event)
	RETURNS @extschema@.ad_wash_trade_window
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_wash_trade(@extschema@.ad_order_event) IS
'Returns the window of wash trading that starts at the trade of the row, or NULL. A partition is one '
'account in one product, ordered by time. event: an order event; NULLs are ignored. Raises 22023 for rows '
'that are not in the order of time, 53400 for a partition that is too large.';

CREATE FUNCTION @extschema@.ad_wash_trade(event @extschema@.ad_order_event, options jsonb)
	RETURNS @extschema@.ad_wash_trade_window
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_wash_trade(@extschema@.ad_order_event, jsonb) IS
'Same as ad_wash_trade(ad_order_event) with options: as returned by ad_wash_trade_options(). Raises 22023 '
'for an invalid option.';

CREATE FUNCTION @extschema@.ad_wash_trade(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS @extschema@.ad_wash_trade_window
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_wash_trade(text, text, anyelement, anycompatible, timestamptz) IS
'Same as ad_wash_trade(ad_order_event) for the columns event_type, side, price, quantity and ts, which '
'have the meaning and the NULL rule that they have in ad_order_event().';

CREATE FUNCTION @extschema@.ad_wash_trade(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS @extschema@.ad_wash_trade_window
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_wash_trade(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
'Same as ad_wash_trade(text, text, anyelement, anycompatible, timestamp with time zone) with options: as '
'returned by ad_wash_trade_options().';

CREATE FUNCTION @extschema@.ad_layering_timeline(
	events @extschema@.ad_order_event[],
	options jsonb DEFAULT NULL,
	sequence_no integer DEFAULT NULL,
	title text DEFAULT NULL,
	width integer DEFAULT 900,
	height integer DEFAULT 460)
	RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_layering_timeline(@extschema@.ad_order_event[], jsonb, integer, text, integer, integer) IS
'Returns an SVG picture of an episode: orders, cancels and trades over time and price. events: order '
'events in the order of time; NULL gives NULL. options: as returned by ad_layering_options(). '
'sequence_no: the sequence to highlight, or NULL. title: title of the picture. width, height: its size in '
'pixels. Raises 54000 for more than 20000 events, 22023 for a size out of range.';
