-- since 0.3.0
--
-- Market surveillance: quote stuffing and marking the close.
--

CREATE TYPE @extschema@.ad_quote_stuffing_episode AS (
	episode_no bigint,
	start_time timestamptz,
	end_time timestamptz,
	duration interval,
	messages bigint,
	orders bigint,
	cancels bigint,
	buy_messages bigint,
	sell_messages bigint,
	cancel_rate double precision,
	peak_messages bigint,
	trades bigint,
	placed_qty numeric,
	traded_qty numeric,
	first_row bigint,
	last_row bigint,
	skipped_rows bigint
);
COMMENT ON TYPE @extschema@.ad_quote_stuffing_episode IS
'One burst of orders and cancels, as found by ad_quote_stuffing; no column is NULL.';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.episode_no IS 'number of the episode in its partition, from 1';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.start_time IS 'time of the first message';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.end_time IS 'time of the last message';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.duration IS 'end_time - start_time';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.messages IS 'orders, cancels and amendments of the episode';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.orders IS 'orders placed, amendments included';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.cancels IS 'orders canceled, amendments included';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.buy_messages IS 'messages of side BUY';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.sell_messages IS 'messages of side SELL';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.cancel_rate IS 'the smaller of orders and cancels over the larger, 0 to 1';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.peak_messages IS 'most messages within one window_size';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.trades IS 'trades between the first and the last message';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.placed_qty IS 'quantity of the orders';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.traded_qty IS 'quantity of the trades';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.first_row IS 'row of the first message in the partition, from 1';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.last_row IS 'row of the last message in the partition, from 1';
COMMENT ON COLUMN @extschema@.ad_quote_stuffing_episode.skipped_rows IS 'rows of the partition passed over because of on_bad';

CREATE FUNCTION @extschema@.ad_quote_stuffing_options(
	window_size interval DEFAULT '1 second',
	min_messages integer DEFAULT 100,
	min_cancel_rate double precision DEFAULT 0.9,
	on_bad text DEFAULT 'error',
	words jsonb DEFAULT NULL,
	max_partition_rows integer DEFAULT 10000000,
	dialect text DEFAULT NULL,
	dedup boolean DEFAULT false)
	RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_quote_stuffing_options(interval, integer, double precision, text, jsonb, integer, text, boolean) IS
'Returns validated options of ad_quote_stuffing(). window_size: length of a window. min_messages: minimum '
'number of messages in a window. min_cancel_rate: minimum cancel rate, 0 to 1. on_bad: error, or skip for '
'rows that are not events. words: words for event types and sides. max_partition_rows: 1 to 100000000. '
'dialect: fix, rts24, lobster, itch or NULL. dedup: whether duplicates are ignored. NULL means the '
'default. Raises 22023 for an invalid value.';

CREATE FUNCTION @extschema@.ad_quote_stuffing(event @extschema@.ad_order_event)
	RETURNS @extschema@.ad_quote_stuffing_episode
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_quote_stuffing(@extschema@.ad_order_event) IS
'Returns the burst of orders and cancels that starts at the message of the row, or NULL. A partition is '
'one account in one product, ordered by time. event: an order event; NULLs are ignored. Raises 22023 for '
'rows that are not in the order of time, 53400 for a partition that is too large.';

CREATE FUNCTION @extschema@.ad_quote_stuffing(event @extschema@.ad_order_event, options jsonb)
	RETURNS @extschema@.ad_quote_stuffing_episode
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_quote_stuffing(@extschema@.ad_order_event, jsonb) IS
'Same as ad_quote_stuffing(ad_order_event) with options: as returned by ad_quote_stuffing_options(). '
'Raises 22023 for an invalid option.';

CREATE FUNCTION @extschema@.ad_quote_stuffing(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz)
	RETURNS @extschema@.ad_quote_stuffing_episode
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_quote_stuffing(text, text, anyelement, anycompatible, timestamptz) IS
'Same as ad_quote_stuffing(ad_order_event) for the columns event_type, side, price, quantity and ts, '
'which have the meaning and the NULL rule that they have in ad_order_event().';

CREATE FUNCTION @extschema@.ad_quote_stuffing(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS @extschema@.ad_quote_stuffing_episode
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_quote_stuffing(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
'Same as ad_quote_stuffing(text, text, anyelement, anycompatible, timestamp with time zone) with options: '
'as returned by ad_quote_stuffing_options().';

CREATE TYPE @extschema@.ad_marking_close_trading AS (
	side text,
	close_time timestamptz,
	start_time timestamptz,
	end_time timestamptz,
	time_to_close interval,
	trades bigint,
	buy_qty numeric,
	sell_qty numeric,
	imbalance double precision,
	volume_share double precision,
	reference_price double precision,
	last_price double precision,
	move_bps double precision,
	orders bigint,
	cancels bigint,
	first_row bigint,
	last_row bigint,
	skipped_rows bigint
);
COMMENT ON TYPE @extschema@.ad_marking_close_trading IS
'One-sided trading just before a close, as found by ad_marking_close; no column is NULL.';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.side IS 'side that traded more in the window: BUY or SELL';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.close_time IS 'time at which the session closes: option close';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.start_time IS 'time of the first trade in the window';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.end_time IS 'time of the last trade in the window';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.time_to_close IS 'close_time - end_time';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.trades IS 'trades in the window, of both sides';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.buy_qty IS 'quantity bought in the window';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.sell_qty IS 'quantity sold in the window';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.imbalance IS '|buy_qty - sell_qty| / their sum, 0 to 1';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.volume_share IS 'their sum / quantity traded in the partition up to the close, 0 to 1';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.reference_price IS 'price of the last trade before the window; if there is none, of the first one in it; NaN if neither has one';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.last_price IS 'price of the last trade of the side in the window; NaN if none has one';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.move_bps IS '(last_price - reference_price) / reference_price in basis points, positive in favor of the side; NaN if a price is missing or not positive';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.orders IS 'orders placed in the window, of both sides';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.cancels IS 'orders canceled in the window, of both sides';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.first_row IS 'row of the first trade of the window in the partition, from 1';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.last_row IS 'row of its last trade, from 1';
COMMENT ON COLUMN @extschema@.ad_marking_close_trading.skipped_rows IS 'rows of the partition passed over because of on_bad';

CREATE FUNCTION @extschema@.ad_marking_close_options(
	close timestamptz,
	window_size interval DEFAULT '10 minutes',
	min_trades integer DEFAULT 3,
	min_imbalance double precision DEFAULT 0.8,
	min_volume_share double precision DEFAULT 0.3,
	min_move_bps double precision DEFAULT 10,
	on_bad text DEFAULT 'error',
	words jsonb DEFAULT NULL,
	max_partition_rows integer DEFAULT 10000000,
	dialect text DEFAULT NULL,
	dedup boolean DEFAULT false)
	RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_marking_close_options(timestamptz, interval, integer, double precision, double precision, double precision, text, jsonb, integer, text, boolean) IS
'Returns validated options of ad_marking_close(). close: the time at which the session closes; it cannot '
'be NULL. window_size: length of the window before the close. min_trades: minimum number of trades. '
'min_imbalance: minimum imbalance of the sides, 0 to 1. min_volume_share: minimum share of the volume of '
'the session, 0 to 1. min_move_bps: minimum move of the price in basis points; 0 means none. on_bad: '
'error, or skip for rows that are not events. words: words for event types and sides. max_partition_rows: '
'1 to 100000000. dialect: fix, rts24, lobster, itch or NULL. dedup: whether duplicates are ignored. NULL '
'means the default. Raises 22023 for an invalid value.';

CREATE FUNCTION @extschema@.ad_marking_close(event @extschema@.ad_order_event, options jsonb)
	RETURNS @extschema@.ad_marking_close_trading
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_marking_close(@extschema@.ad_order_event, jsonb) IS
'Returns one-sided trading before the close, at the row of its first trade, or NULL. A partition is one '
'account in one product in one session, ordered by time. event: an order event; NULLs are ignored. '
'options: as returned by ad_marking_close_options(). Raises 22023 for an invalid option or rows that are '
'not in the order of time, 53400 for a partition that is too large.';

CREATE FUNCTION @extschema@.ad_marking_close(event_type text, side text, price anyelement, quantity anycompatible, ts timestamptz, options jsonb)
	RETURNS @extschema@.ad_marking_close_trading
	AS 'MODULE_PATHNAME' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_marking_close(text, text, anyelement, anycompatible, timestamptz, jsonb) IS
'Same as ad_marking_close(ad_order_event, jsonb) for the columns event_type, side, price, quantity and '
'ts, which have the meaning and the NULL rule that they have in ad_order_event().';
