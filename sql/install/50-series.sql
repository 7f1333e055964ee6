-- Time series: decomposition, periods, streaming, shapes.

CREATE TYPE @extschema@.ad_stl_point AS (
	trend float8,
	seasonal float8,
	seasonals float8[],
	remainder float8,
	weight float8,
	expected_low float8,
	expected_high float8,
	score float8,
	window_score float8,
	anomaly smallint
);
COMMENT ON TYPE @extschema@.ad_stl_point IS 'one row of a decomposition: trend + seasonal + remainder is the value; anomaly is -1, 0 or +1 by threshold_method, where points depend on each other once per episode';

CREATE TYPE @extschema@.ad_stl_arrays AS (
	trend float8[],
	seasonal float8[],
	seasonals float8[],
	remainder float8[],
	weight float8[],
	expected_low float8[],
	expected_high float8[],
	score float8[],
	window_score float8[],
	anomaly smallint[]
);
COMMENT ON TYPE @extschema@.ad_stl_arrays IS 'a whole decomposition: each array has one element a point, seasonals one row a season';

CREATE FUNCTION @extschema@.ad_stl_options(
	period "any" DEFAULT 'auto'::text,
	robust boolean DEFAULT NULL,
	seasonal_window "any" DEFAULT NULL::text,
	seasonal_degree int DEFAULT NULL,
	seasonal_jump int DEFAULT NULL,
	trend_window int DEFAULT NULL,
	trend_degree int DEFAULT NULL,
	trend_jump int DEFAULT NULL,
	lowpass_window int DEFAULT NULL,
	lowpass_degree int DEFAULT NULL,
	lowpass_jump int DEFAULT NULL,
	inner_iterations int DEFAULT NULL,
	outer_iterations int DEFAULT NULL,
	iterations int DEFAULT NULL,
	threshold float8 DEFAULT NULL,
	threshold_method text DEFAULT NULL,
	score_window int DEFAULT NULL,
	duplicates text DEFAULT NULL,
	timezone text DEFAULT NULL,
	step "any" DEFAULT NULL::text,
	on_error text DEFAULT NULL,
	alarm_rate float8 DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stl_options';
COMMENT ON FUNCTION @extschema@.ad_stl_options("any", boolean, "any", int, int, int, int, int, int, int, int, int, int, int, float8, text, int, text, text, "any", text, float8)
IS 'options of a decomposition, checked; a period is a number of points, an interval, auto, none, or an array';

-- What was ad_stl_options() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_stl_options(
	period "any" DEFAULT 'auto'::text,
	robust boolean DEFAULT NULL,
	seasonal_window "any" DEFAULT NULL::text,
	seasonal_degree int DEFAULT NULL,
	seasonal_jump int DEFAULT NULL,
	trend_window int DEFAULT NULL,
	trend_degree int DEFAULT NULL,
	trend_jump int DEFAULT NULL,
	lowpass_window int DEFAULT NULL,
	lowpass_degree int DEFAULT NULL,
	lowpass_jump int DEFAULT NULL,
	inner_iterations int DEFAULT NULL,
	outer_iterations int DEFAULT NULL,
	iterations int DEFAULT NULL,
	threshold float8 DEFAULT NULL,
	threshold_method text DEFAULT NULL,
	score_window int DEFAULT NULL,
	duplicates text DEFAULT NULL,
	timezone text DEFAULT NULL,
	step "any" DEFAULT NULL::text,
	on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stl_options';
COMMENT ON FUNCTION _anomaly._ad_stl_options("any", boolean, "any", int, int, int, int, int, int, int, int, int, int, int, float8, text, int, text, text, "any", text)
IS 'internal: ad_stl_options() as it was, for what was made with 0.2.0';

CREATE FUNCTION @extschema@.ad_stl(value float8, "time" timestamptz, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stl_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_stl';
COMMENT ON FUNCTION @extschema@.ad_stl(float8, timestamptz, jsonb) IS 'decomposes a partition into trend, seasons and remainder; the row''s point';

CREATE FUNCTION @extschema@.ad_stl(value float8, "time" timestamp, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stl_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_stl';
COMMENT ON FUNCTION @extschema@.ad_stl(float8, timestamp, jsonb) IS 'decomposes a partition into trend, seasons and remainder; the row''s point';

CREATE FUNCTION @extschema@.ad_stl(value float8, "time" bigint, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stl_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_stl';
COMMENT ON FUNCTION @extschema@.ad_stl(float8, bigint, jsonb) IS 'decomposes a partition with numbered points; the row''s point';

CREATE FUNCTION @extschema@.ad_stl_array(series float8[], options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stl_arrays
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_array';
COMMENT ON FUNCTION @extschema@.ad_stl_array(float8[], jsonb) IS 'decomposes a packed series into trend, seasons and remainder';

CREATE TYPE @extschema@.ad_period AS (
	points bigint,
	period interval,
	strength float8
);
COMMENT ON TYPE @extschema@.ad_period IS 'a period of a series: its length and the autocorrelation there, 1 being perfect';

CREATE FUNCTION _anomaly._ad_periods_tz_transfn(internal, float8, timestamptz)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_tz_transfn';
COMMENT ON FUNCTION _anomaly._ad_periods_tz_transfn(internal, float8, timestamptz) IS 'internal: transition of ad_periods';
CREATE FUNCTION _anomaly._ad_periods_local_transfn(internal, float8, timestamp)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_local_transfn';
COMMENT ON FUNCTION _anomaly._ad_periods_local_transfn(internal, float8, timestamp) IS 'internal: transition of ad_periods';
CREATE FUNCTION _anomaly._ad_periods_number_transfn(internal, float8, bigint)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_number_transfn';
COMMENT ON FUNCTION _anomaly._ad_periods_number_transfn(internal, float8, bigint) IS 'internal: transition of ad_periods';
CREATE FUNCTION _anomaly._ad_periods_finalfn(internal)
RETURNS @extschema@.ad_period[] LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_finalfn';
COMMENT ON FUNCTION _anomaly._ad_periods_finalfn(internal) IS 'internal: result of ad_periods';

CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" timestamptz) (
	SFUNC = _anomaly._ad_periods_tz_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, timestamptz) IS 'the periods of a series, strongest first; none if it has none';
CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" timestamp) (
	SFUNC = _anomaly._ad_periods_local_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, timestamp) IS 'the periods of a series, strongest first; none if it has none';
CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" bigint) (
	SFUNC = _anomaly._ad_periods_number_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, bigint) IS 'the periods of a series with numbered points, strongest first';

CREATE FUNCTION @extschema@.ad_periods_options(
	step "any" DEFAULT NULL::text,
	timezone text DEFAULT NULL,
	on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_options';
COMMENT ON FUNCTION @extschema@.ad_periods_options("any", text, text)
IS 'options of ad_periods, checked; a step is an interval, or a number if the times are';

CREATE FUNCTION _anomaly._ad_periods_tz_transfn(internal, float8, timestamptz, jsonb)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_tz_transfn';
COMMENT ON FUNCTION _anomaly._ad_periods_tz_transfn(internal, float8, timestamptz, jsonb) IS 'internal: transition of ad_periods with options';
CREATE FUNCTION _anomaly._ad_periods_local_transfn(internal, float8, timestamp, jsonb)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_local_transfn';
COMMENT ON FUNCTION _anomaly._ad_periods_local_transfn(internal, float8, timestamp, jsonb) IS 'internal: transition of ad_periods with options';
CREATE FUNCTION _anomaly._ad_periods_number_transfn(internal, float8, bigint, jsonb)
RETURNS internal LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_number_transfn';
COMMENT ON FUNCTION _anomaly._ad_periods_number_transfn(internal, float8, bigint, jsonb) IS 'internal: transition of ad_periods with options';

CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" timestamptz, options jsonb) (
	SFUNC = _anomaly._ad_periods_tz_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, timestamptz, jsonb) IS 'the periods of a series, strongest first, on the grid that the options say; none if it has none';
CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" timestamp, options jsonb) (
	SFUNC = _anomaly._ad_periods_local_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, timestamp, jsonb) IS 'the periods of a series, strongest first, on the grid that the options say; none if it has none';
CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" bigint, options jsonb) (
	SFUNC = _anomaly._ad_periods_number_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, bigint, jsonb) IS 'the periods of a series with numbered points, strongest first; the step as the options say';

CREATE TYPE @extschema@.ad_stream_point AS (
	expected float8,
	expected_low float8,
	expected_high float8,
	score float8,
	anomaly smallint,
	window_score float8,
	shape_score float8,
	combined_score float8
);
COMMENT ON TYPE @extschema@.ad_stream_point IS 'one row of a stream: what was expected before the row was seen, the verdict, and what the last rows say together';

CREATE FUNCTION @extschema@.ad_stream_options(
	period "any" DEFAULT NULL::text,
	step "any" DEFAULT NULL::text,
	q float8 DEFAULT NULL,
	level float8 DEFAULT NULL,
	trend float8 DEFAULT NULL,
	season float8 DEFAULT NULL,
	clip float8 DEFAULT NULL,
	warmup int DEFAULT NULL,
	late text DEFAULT NULL,
	on_error text DEFAULT NULL,
	timezone text DEFAULT NULL,
	memory int DEFAULT NULL,
	score_window int DEFAULT NULL,
	shape int DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stream_options';
COMMENT ON FUNCTION @extschema@.ad_stream_options("any", "any", float8, float8, float8, float8, float8, int, text, text, text, int, int, int)
IS 'options of a stream, checked; q is the risk of flagging a normal point, shape the points of a shape score (16, 32; 0: none), on_error => ''null'' ends a stream whose data are at fault with NULLs';

-- What was ad_stream_options() in 0.2.0; see _ad_prepare().
CREATE FUNCTION _anomaly._ad_stream_options(
	period "any" DEFAULT NULL::text,
	step "any" DEFAULT NULL::text,
	q float8 DEFAULT NULL,
	level float8 DEFAULT NULL,
	trend float8 DEFAULT NULL,
	season float8 DEFAULT NULL,
	clip float8 DEFAULT NULL,
	warmup int DEFAULT NULL,
	late text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stream_options';
COMMENT ON FUNCTION _anomaly._ad_stream_options("any", "any", float8, float8, float8, float8, float8, int, text)
IS 'ad_stream_options() of version 0.2.0, for objects that depend on it';

CREATE FUNCTION @extschema@.ad_stream(value float8, "time" timestamptz, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stream_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION @extschema@.ad_stream(float8, timestamptz, jsonb) IS 'scores each row from the rows before it alone';
CREATE FUNCTION @extschema@.ad_stream(value float8, "time" timestamp, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stream_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION @extschema@.ad_stream(float8, timestamp, jsonb) IS 'scores each row from the rows before it alone';
CREATE FUNCTION @extschema@.ad_stream(value float8, "time" bigint, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stream_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION @extschema@.ad_stream(float8, bigint, jsonb)
IS 'scores each row from the rows before it alone, with numbered points: period in points, step a number';
-- An untyped constant, even NULL, could be a timestamp or a number: it is text.
CREATE FUNCTION @extschema@.ad_stream(value float8, "time" text, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stream_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION @extschema@.ad_stream(float8, text, jsonb)
IS 'scores each row from the rows before it alone, at a time in quotes: a timestamp with time zone, as ever';

CREATE FUNCTION @extschema@.ad_stream_array(state bytea, series float8[], times anyarray, options jsonb DEFAULT '{}',
	OUT new_state bytea, OUT scores float8[], OUT anomalies smallint[],
	OUT window_scores float8[], OUT shape_scores float8[], OUT combined_scores float8[])
RETURNS record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_stream_array';
COMMENT ON FUNCTION @extschema@.ad_stream_array(bytea, float8[], anyarray, jsonb)
IS 'runs a batch through a stored stream; times are timestamps, dates or whole numbers; a NULL state starts a stream with the options; shape_scores is NULL if the option shape is 0; of a batch at fault, with on_error => ''null'', the state stays and the verdicts are NULL';

CREATE FUNCTION @extschema@.ad_stream_update(state bytea, times timestamptz[], "values" float8[], options jsonb DEFAULT '{}',
	OUT new_state bytea, OUT scores float8[], OUT anomalies smallint[])
RETURNS record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_stream_update';
COMMENT ON FUNCTION @extschema@.ad_stream_update(bytea, timestamptz[], float8[], jsonb)
IS 'ad_stream_array() with times before values, as version 0.2.0 had it; a NULL state starts a stream with the options';

CREATE FUNCTION @extschema@.ad_stream_info(state bytea)
RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stream_info';
COMMENT ON FUNCTION @extschema@.ad_stream_info(bytea) IS 'counters of a stored stream: points, late, missing, anomalies';

CREATE TYPE @extschema@.ad_discord_point AS (
	distance float8,
	neighbor bigint,
	score float8
);
COMMENT ON TYPE @extschema@.ad_discord_point IS 'the window that starts at a row: distance to the most similar other window, and its row number';

CREATE FUNCTION @extschema@.ad_discord(value float8, m int, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_discord_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_discord';
COMMENT ON FUNCTION @extschema@.ad_discord(float8, int, jsonb) IS 'exact matrix profile over windows of m rows: shapes that occur only once are far from all others';

CREATE FUNCTION @extschema@.ad_discord_options(exclusion int DEFAULT NULL, on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_discord_options';
COMMENT ON FUNCTION @extschema@.ad_discord_options(int, text)
IS 'options of ad_discord, checked; exclusion: points within which the start of a neighbour does not count (a quarter of m); on_error => ''null'': a partition with too many rows has NULLs';

CREATE FUNCTION @extschema@.ad_subpca(value float8, m int DEFAULT NULL)
RETURNS float8
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_subpca';
COMMENT ON FUNCTION @extschema@.ad_subpca(float8, int) IS 'sub-sequence PCA over windows of m rows (NULL: 100, or a sixth of a short partition): how unusual the shapes around a row are';

CREATE FUNCTION @extschema@.ad_subpca(value float8, m int, options jsonb)
RETURNS float8
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_subpca';
COMMENT ON FUNCTION @extschema@.ad_subpca(float8, int, jsonb)
IS 'sub-sequence PCA over windows of m rows (NULL: 100, or a sixth of a short partition), with options: how unusual the shapes around a row are';

CREATE FUNCTION @extschema@.ad_subpca_options(on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_subpca_options';
COMMENT ON FUNCTION @extschema@.ad_subpca_options(text)
IS 'options of ad_subpca, checked; on_error => ''null'': a partition with too many rows has NULLs';

CREATE FUNCTION @extschema@.ad_changepoints(series float8[], method text DEFAULT 'pelt', penalty float8 DEFAULT NULL, min_segment int DEFAULT 2)
RETURNS int[]
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_changepoints';
COMMENT ON FUNCTION @extschema@.ad_changepoints(float8[], text, float8, int) IS 'positions at which the level of a series changes';

CREATE FUNCTION @extschema@.ad_changepoints(series float8[], options jsonb)
RETURNS int[]
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_changepoints_with_options';
COMMENT ON FUNCTION @extschema@.ad_changepoints(float8[], jsonb)
IS 'positions at which the level of a series changes, with options; NULL if the series is NULL';

CREATE FUNCTION @extschema@.ad_changepoints_options(method text DEFAULT NULL, penalty float8 DEFAULT NULL, min_segment int DEFAULT NULL,
	on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_changepoints_options';
COMMENT ON FUNCTION @extschema@.ad_changepoints_options(text, float8, int, text)
IS 'options of ad_changepoints, checked; penalty of a change in units of the noise (3 ln n), min_segment: points between changes, at least (2); on_error => ''null'': of a series that is too long the result is NULL';

CREATE FUNCTION @extschema@.ad_decompose(query text, options jsonb DEFAULT '{}',
	OUT series text, OUT "time" timestamptz, OUT value float8, OUT observed boolean,
	OUT trend float8, OUT seasonal float8, OUT seasonals float8[], OUT remainder float8, OUT weight float8,
	OUT expected_low float8, OUT expected_high float8, OUT score float8, OUT window_score float8, OUT anomaly smallint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT COST 10000 ROWS 10000
AS 'MODULE_PATHNAME', 'ad_decompose';
COMMENT ON FUNCTION @extschema@.ad_decompose(text, jsonb)
IS 'decomposes what a query returns, (value, time) or (series, value, time), onto a regular grid with the gaps filled in; time may stand before value, too';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560, first_label text DEFAULT NULL, last_label text DEFAULT NULL)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], jsonb, text, int, int, text, text)
IS 'draws a decomposition as SVG: value, trend, season, remainder, what is expected, anomalies marked; NULL without values';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], options text, title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560, first_label text DEFAULT NULL, last_label text DEFAULT NULL)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_literal';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], text, text, int, int, text, text)
IS 'the same, for options that are a literal without a type';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], times timestamptz[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_times';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], timestamptz[], jsonb, text, int, int)
IS 'draws values with times, in any order, as SVG; times are shown in the option timezone, else in the session''s; NULL without times';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], times timestamp[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_times';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], timestamp[], jsonb, text, int, int)
IS 'draws values with times, in any order, as SVG; NULL without times';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], times bigint[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_times';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], bigint[], jsonb, text, int, int)
IS 'draws values at numbered points, in any order, as SVG; NULL without numbers';

CREATE FUNCTION @extschema@.ad_stl_plot(query text, options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c VOLATILE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_query';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(text, jsonb, text, int, int)
IS 'draws what a query returns, (value, time) or the values in their order, as SVG, with the rights of the caller; NULL without rows';

CREATE FUNCTION @extschema@.ad_stl_plot(query text, options text, title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c VOLATILE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_query_literal';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(text, text, text, int, int)
IS 'the same, for options that are a literal without a type';
