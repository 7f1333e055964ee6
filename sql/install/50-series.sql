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
COMMENT ON TYPE @extschema@.ad_stl_point IS
'One row of a decomposition: trend + seasonal + remainder is the value; anomaly is -1, 0 or +1 by '
'threshold_method, where points depend on each other once per episode.';
COMMENT ON COLUMN @extschema@.ad_stl_point.trend IS 'Trend.';
COMMENT ON COLUMN @extschema@.ad_stl_point.seasonal IS 'Sum of all seasons.';
COMMENT ON COLUMN @extschema@.ad_stl_point.seasonals IS 'Seasons, one per period.';
COMMENT ON COLUMN @extschema@.ad_stl_point.remainder IS 'Value minus trend and season; NULL for a missing point.';
COMMENT ON COLUMN @extschema@.ad_stl_point.weight IS 'Robustness weight, 0 for an outlier or a missing point.';
COMMENT ON COLUMN @extschema@.ad_stl_point.expected_low IS 'Lower bound of the expected range.';
COMMENT ON COLUMN @extschema@.ad_stl_point.expected_high IS 'Upper bound of the expected range.';
COMMENT ON COLUMN @extschema@.ad_stl_point.score IS 'Standardized distance from what the rest of the series predicts.';
COMMENT ON COLUMN @extschema@.ad_stl_point.window_score IS 'Mean of that over score_window points on either side.';
COMMENT ON COLUMN @extschema@.ad_stl_point.anomaly IS '-1 below, 0 within, +1 above the expected range.';

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
COMMENT ON TYPE @extschema@.ad_stl_arrays IS
'A whole decomposition: each array has one element per point, seasonals one row per season.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.trend IS 'Trend of each point.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.seasonal IS 'Sum of all seasons of each point.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.seasonals IS 'Seasons, one row per period.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.remainder IS 'Value minus trend and season; NULL for a missing point.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.weight IS 'Robustness weight, 0 for an outlier or a missing point.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.expected_low IS 'Lower bounds of the expected range.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.expected_high IS 'Upper bounds of the expected range.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.score IS
'Standardized distance of each point from what the rest of the series predicts.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.window_score IS 'Mean of that over score_window points on either side.';
COMMENT ON COLUMN @extschema@.ad_stl_arrays.anomaly IS '-1 below, 0 within, +1 above the expected range.';

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
IS
'Returns validated options of a decomposition. period: number of points, interval, auto, none, or an '
'array of periods. robust: whether outliers get less weight. seasonal_window, seasonal_degree, '
'seasonal_jump, trend_window, trend_degree, trend_jump, lowpass_window, lowpass_degree, lowpass_jump, '
'inner_iterations, outer_iterations and iterations: parameters of STL, by default those of R. '
'threshold_method: tail, mad, iqr, sigma or pot. threshold: threshold of the methods other than tail. '
'alarm_rate: share of points that tail may flag. score_window: points on either side of window_score. '
'duplicates: mean, last or error. timezone: zone whose local time the seasons follow. step: the step of '
'the times. on_error: error or null. NULL means the default. Raises 22023 for an invalid value.';

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
COMMENT ON FUNCTION @extschema@.ad_stl(float8, timestamptz, jsonb) IS
'Decomposes a partition into trend, seasons and remainder, and returns the point of the row with the '
'expected range and a verdict. value: a number; NULL and NaN are missing points. time: its time, in any '
'order; a NULL time gives NULL. options: as returned by ad_stl_options(). Raises 22023 for an invalid '
'option, 53400 or 54000 for a series that is too long.';

CREATE FUNCTION @extschema@.ad_stl(value float8, "time" timestamp, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stl_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_stl';
COMMENT ON FUNCTION @extschema@.ad_stl(float8, timestamp, jsonb) IS
'Same as ad_stl(double precision, timestamp with time zone, jsonb) for times without a time zone.';

CREATE FUNCTION @extschema@.ad_stl(value float8, "time" bigint, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stl_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_stl';
COMMENT ON FUNCTION @extschema@.ad_stl(float8, bigint, jsonb) IS
'Same as ad_stl(double precision, timestamp with time zone, jsonb) for numbered points.';

CREATE FUNCTION @extschema@.ad_stl_array(series float8[], options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stl_arrays
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_array';
COMMENT ON FUNCTION @extschema@.ad_stl_array(float8[], jsonb) IS
'Decomposes a series into trend, seasons and remainder, as arrays. series: the values in order; NULL '
'elements are missing points. options: as returned by ad_stl_options(). A NULL argument or an empty '
'series gives NULL. Raises 22023 for an invalid option, 2202E for an array with several dimensions, 53400 '
'or 54000 for a series that is too long.';

CREATE TYPE @extschema@.ad_period AS (
	points bigint,
	period interval,
	strength float8
);
COMMENT ON TYPE @extschema@.ad_period IS
'A period of a series: its length and strength, 1 being perfect.';
COMMENT ON COLUMN @extschema@.ad_period.points IS 'Length of the period in points.';
COMMENT ON COLUMN @extschema@.ad_period.period IS 'Length of the period as an interval; NULL for numbered points.';
COMMENT ON COLUMN @extschema@.ad_period.strength IS 'Share of the variance that the other cycles predict, up to 1.';

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
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, timestamptz) IS
'Returns the periods of a series, strongest first, or an empty array. value: a number; NULL is a missing '
'point. time: its time, in any order; rows with a NULL time are ignored. Raises 53400 or 54000 for a '
'series that is too long.';
CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" timestamp) (
	SFUNC = _anomaly._ad_periods_local_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, timestamp) IS
'Same as ad_periods(double precision, timestamp with time zone) for times without a time zone.';
CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" bigint) (
	SFUNC = _anomaly._ad_periods_number_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, bigint) IS
'Same as ad_periods(double precision, timestamp with time zone) for numbered points.';

CREATE FUNCTION @extschema@.ad_periods_options(
	step "any" DEFAULT NULL::text,
	timezone text DEFAULT NULL,
	on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_periods_options';
COMMENT ON FUNCTION @extschema@.ad_periods_options("any", text, text)
IS
'Returns validated options of ad_periods(). step: the step of the times, an interval, or a number if the '
'times are numbers. timezone: zone whose local time the phase follows. on_error: error or null. NULL '
'means the default. Raises 22023 for an invalid value.';

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
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, timestamptz, jsonb) IS
'Same as ad_periods(double precision, timestamp with time zone) with options: as returned by '
'ad_periods_options(). Raises 22023 for an invalid option.';
CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" timestamp, options jsonb) (
	SFUNC = _anomaly._ad_periods_local_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, timestamp, jsonb) IS
'Same as ad_periods(double precision, timestamp with time zone, jsonb) for times without a time zone.';
CREATE AGGREGATE @extschema@.ad_periods(value float8, "time" bigint, options jsonb) (
	SFUNC = _anomaly._ad_periods_number_transfn, STYPE = internal, SSPACE = 65536,
	FINALFUNC = _anomaly._ad_periods_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_periods(float8, bigint, jsonb) IS
'Same as ad_periods(double precision, timestamp with time zone, jsonb) for numbered points.';

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
COMMENT ON TYPE @extschema@.ad_stream_point IS
'One row of a stream: what was expected before the row was seen, the verdict, and scores of the last '
'rows.';
COMMENT ON COLUMN @extschema@.ad_stream_point.expected IS 'Expected value, from the rows before.';
COMMENT ON COLUMN @extschema@.ad_stream_point.expected_low IS 'Lower bound of the expected range.';
COMMENT ON COLUMN @extschema@.ad_stream_point.expected_high IS 'Upper bound of the expected range.';
COMMENT ON COLUMN @extschema@.ad_stream_point.score IS 'Deviation of the value from the expected one, in deviations.';
COMMENT ON COLUMN @extschema@.ad_stream_point.anomaly IS
'-1 below, +1 above the expected range, 0 within it and before the first verdict.';
COMMENT ON COLUMN @extschema@.ad_stream_point.window_score IS
'Mean distance of the last points from the whole past, in deviations.';
COMMENT ON COLUMN @extschema@.ad_stream_point.shape_score IS
'Distance of the last points from all earlier shapes; NULL without the option shape.';
COMMENT ON COLUMN @extschema@.ad_stream_point.combined_score IS
'Mean of both, each divided by its own mean; 1 is usual.';

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
IS
'Returns validated options of a stream. period: number of points, interval, an array of periods, or auto. '
'step: the step of the times. q: share of normal points that may be flagged, above 0 to 0.02. level, '
'trend, season: gains of the smoothing. clip: deviations by which one point may move the state. warmup: '
'points before the first verdict. late: count or error for points that are not later than the last one. '
'on_error: error or null. timezone: zone whose local time the seasons follow. memory: points in the past '
'of window and shape scores. score_window: points in a window score. shape: points of a shape score, 0, '
'16 or 32. NULL means the default. Raises 22023 for an invalid value.';

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
COMMENT ON FUNCTION @extschema@.ad_stream(float8, timestamptz, jsonb) IS
'Scores each row based only on the rows before it in the window. value: a number; NULL is a missing '
'point. time: its time, ascending. options: as returned by ad_stream_options(), read at the first row. A '
'NULL time gives NULL. Raises 22023 for an invalid option, 54000 for a season with too many slots.';
CREATE FUNCTION @extschema@.ad_stream(value float8, "time" timestamp, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stream_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION @extschema@.ad_stream(float8, timestamp, jsonb) IS
'Same as ad_stream(double precision, timestamp with time zone, jsonb) for times without a time zone.';
CREATE FUNCTION @extschema@.ad_stream(value float8, "time" bigint, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stream_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION @extschema@.ad_stream(float8, bigint, jsonb)
IS
'Same as ad_stream(double precision, timestamp with time zone, jsonb) for numbered points: the period is '
'a number of points and the step a number.';
-- An untyped constant, even NULL, could be a timestamp or a number: it is text.
CREATE FUNCTION @extschema@.ad_stream(value float8, "time" text, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_stream_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'ad_stream';
COMMENT ON FUNCTION @extschema@.ad_stream(float8, text, jsonb)
IS
'Same as ad_stream(double precision, timestamp with time zone, jsonb) for a time as an untyped literal.';

CREATE FUNCTION @extschema@.ad_stream_array(state bytea, series float8[], times anyarray, options jsonb DEFAULT '{}',
	OUT new_state bytea, OUT scores float8[], OUT anomalies smallint[],
	OUT window_scores float8[], OUT shape_scores float8[], OUT combined_scores float8[])
RETURNS record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_stream_array';
COMMENT ON FUNCTION @extschema@.ad_stream_array(bytea, float8[], anyarray, jsonb)
IS
'Runs a batch through a stored stream and returns its new state, scores and anomalies. state: the stored '
'state; NULL starts a stream. series: numbers; NULL elements are missing points. times: their times, '
'timestamps, dates or integers. options: as returned by ad_stream_options(), used when a stream is '
'started. shape_scores is NULL if the option shape is 0; with on_error null an invalid batch returns the '
'old state and NULLs. Raises 22004 if times, values or options is NULL, 22023 for an invalid option, '
'22P03 for a damaged state.';

CREATE FUNCTION @extschema@.ad_stream_update(state bytea, times timestamptz[], "values" float8[], options jsonb DEFAULT '{}',
	OUT new_state bytea, OUT scores float8[], OUT anomalies smallint[])
RETURNS record
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_stream_update';
COMMENT ON FUNCTION @extschema@.ad_stream_update(bytea, timestamptz[], float8[], jsonb)
IS
'Same as ad_stream_array(bytea, double precision[], anyarray, jsonb) with the argument order and the '
'columns of version 0.2.0.';

CREATE FUNCTION @extschema@.ad_stream_info(state bytea)
RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_stream_info';
COMMENT ON FUNCTION @extschema@.ad_stream_info(bytea) IS
'Returns the counters of a stored stream as JSON: points, late, missing, anomalies. state: the stored '
'state; NULL gives NULL. Raises 22P03 for a damaged state, 54000 for one that is too long.';

CREATE TYPE @extschema@.ad_discord_point AS (
	distance float8,
	neighbor bigint,
	score float8
);
COMMENT ON TYPE @extschema@.ad_discord_point IS
'The window that starts at a row: distance to the most similar other window, and its row number.';
COMMENT ON COLUMN @extschema@.ad_discord_point.distance IS
'Z-normalized distance to the most similar other window; NULL if the window has a NULL.';
COMMENT ON COLUMN @extschema@.ad_discord_point.neighbor IS 'Row number of the start of that window.';
COMMENT ON COLUMN @extschema@.ad_discord_point.score IS
'Largest distance of the windows that contain the row, as a share of the largest possible one.';

CREATE FUNCTION @extschema@.ad_discord(value float8, m int, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_discord_point
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_discord';
COMMENT ON FUNCTION @extschema@.ad_discord(float8, int, jsonb) IS
'Returns the exact matrix profile over windows of rows: shapes that occur only once are far from all '
'others. value: a number; windows with a NULL have no distance. m: rows per window. options: as returned '
'by ad_discord_options(). Raises 22023 for a window length out of range, 54000 for too many rows.';

CREATE FUNCTION @extschema@.ad_discord_options(exclusion int DEFAULT NULL, on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_discord_options';
COMMENT ON FUNCTION @extschema@.ad_discord_options(int, text)
IS
'Returns validated options of ad_discord(). exclusion: number of points within which the start of a '
'neighbor does not count; by default a quarter of m. on_error: error, or null for NULLs if a partition '
'has too many rows. NULL means the default. Raises 22023 for an invalid value.';

CREATE FUNCTION @extschema@.ad_subpca(value float8, m int DEFAULT NULL)
RETURNS float8
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_subpca';
COMMENT ON FUNCTION @extschema@.ad_subpca(float8, int) IS
'Returns how unusual the shapes around a row are, by principal components of windows of rows. value: a '
'number; windows with a NULL are not used. m: rows per window, 2 to 256; NULL means 100, or a sixth of a '
'short partition. With fewer than 2 m rows the result is NULL. Raises 22023 for a window length out of '
'range.';

CREATE FUNCTION @extschema@.ad_subpca(value float8, m int, options jsonb)
RETURNS float8
LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'ad_subpca';
COMMENT ON FUNCTION @extschema@.ad_subpca(float8, int, jsonb)
IS
'Same as ad_subpca(double precision, integer) with options: as returned by ad_subpca_options(). Raises '
'22023 for an invalid option.';

CREATE FUNCTION @extschema@.ad_subpca_options(on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_subpca_options';
COMMENT ON FUNCTION @extschema@.ad_subpca_options(text)
IS
'Returns validated options of ad_subpca(). on_error: error, or null for NULLs if a partition has too many '
'rows. NULL means the default. Raises 22023 for an invalid value.';

CREATE FUNCTION @extschema@.ad_changepoints(series float8[], method text DEFAULT 'pelt', penalty float8 DEFAULT NULL, min_segment int DEFAULT 2)
RETURNS int[]
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_changepoints';
COMMENT ON FUNCTION @extschema@.ad_changepoints(float8[], text, float8, int) IS
'Returns the positions at which the level of a series changes. series: the values in order; NULL gives '
'NULL. method: pelt. penalty: penalty per change in units of the noise, above 0; NULL means 3 ln n. '
'min_segment: minimum number of points between changes. Raises 22023 for an invalid value, 53400 or 54000 '
'for a series that is too long.';

CREATE FUNCTION @extschema@.ad_changepoints(series float8[], options jsonb)
RETURNS int[]
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_changepoints_with_options';
COMMENT ON FUNCTION @extschema@.ad_changepoints(float8[], jsonb)
IS
'Same as ad_changepoints(double precision[], text, double precision, integer) with options: as returned '
'by ad_changepoints_options().';

CREATE FUNCTION @extschema@.ad_changepoints_options(method text DEFAULT NULL, penalty float8 DEFAULT NULL, min_segment int DEFAULT NULL,
	on_error text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_changepoints_options';
COMMENT ON FUNCTION @extschema@.ad_changepoints_options(text, float8, int, text)
IS
'Returns validated options of ad_changepoints(). method: pelt. penalty: penalty per change in units of '
'the noise, above 0; by default 3 ln n. min_segment: minimum number of points between changes, by default '
'2. on_error: error, or null for a NULL result if a series is too long. NULL means the default. Raises '
'22023 for an invalid value.';

CREATE FUNCTION @extschema@.ad_decompose(query text, options jsonb DEFAULT '{}',
	OUT series text, OUT "time" timestamptz, OUT value float8, OUT observed boolean,
	OUT trend float8, OUT seasonal float8, OUT seasonals float8[], OUT remainder float8, OUT weight float8,
	OUT expected_low float8, OUT expected_high float8, OUT score float8, OUT window_score float8, OUT anomaly smallint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT COST 10000 ROWS 10000
AS 'MODULE_PATHNAME', 'ad_decompose';
COMMENT ON FUNCTION @extschema@.ad_decompose(text, jsonb)
IS
'Decomposes the result of a query onto a regular grid and fills in its gaps; one row per point of the '
'grid. query: returns (value, time) or (series, value, time), the time also before the value; it runs '
'with the privileges of the caller. options: as returned by ad_stl_options(). A NULL argument gives no '
'rows. Raises 22023 for an invalid option, 53400 or 54000 for a series that is too long.';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560, first_label text DEFAULT NULL, last_label text DEFAULT NULL)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], jsonb, text, int, int, text, text)
IS
'Same as ad_stl_plot(text, jsonb, text, integer, integer) for values in order. series: the values. '
'first_label, last_label: labels of the first and last point. Without values the result is NULL.';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], options text, title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560, first_label text DEFAULT NULL, last_label text DEFAULT NULL)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_literal';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], text, text, int, int, text, text)
IS
'Same as ad_stl_plot(double precision[], jsonb, text, integer, integer, text, text) for options as an '
'untyped literal.';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], times timestamptz[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_times';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], timestamptz[], jsonb, text, int, int)
IS
'Same as ad_stl_plot(text, jsonb, text, integer, integer) for values with times, in any order. series: '
'the values. times: their times, shown in the option timezone or in the session''s time zone.';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], times timestamp[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_times';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], timestamp[], jsonb, text, int, int)
IS
'Same as ad_stl_plot(double precision[], timestamp with time zone[], jsonb, text, integer, integer) for '
'times without a time zone.';

CREATE FUNCTION @extschema@.ad_stl_plot(series float8[], times bigint[], options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_times';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(float8[], bigint[], jsonb, text, int, int)
IS
'Same as ad_stl_plot(double precision[], timestamp with time zone[], jsonb, text, integer, integer) for '
'numbered points.';

CREATE FUNCTION @extschema@.ad_stl_plot(query text, options jsonb DEFAULT '{}', title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c VOLATILE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_query';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(text, jsonb, text, int, int)
IS
'Returns a plot of a decomposition as SVG: value, trend, season, remainder, expected range and anomalies. '
'query: returns (value, time), or values in their order; it runs with the privileges of the caller. '
'options: as returned by ad_stl_options(). title: title of the plot. width, height: 200 to 10000 pixels. '
'Without rows the result is NULL. Raises 22023 for an invalid option or size.';

CREATE FUNCTION @extschema@.ad_stl_plot(query text, options text, title text DEFAULT NULL,
	width int DEFAULT 900, height int DEFAULT 560)
RETURNS text
LANGUAGE c VOLATILE COST 10000
AS 'MODULE_PATHNAME', 'ad_stl_plot_query_literal';
COMMENT ON FUNCTION @extschema@.ad_stl_plot(text, text, text, int, int)
IS
'Same as ad_stl_plot(text, jsonb, text, integer, integer) for options as an untyped literal.';
