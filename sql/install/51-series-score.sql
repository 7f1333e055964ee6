-- since 0.3.0
-- One score of a series: what ad_stl and ad_subpca say together.

CREATE TYPE @extschema@.ad_series_score_point AS (
	score float8,
	window_score float8,
	shape_score float8,
	expected float8,
	expected_low float8,
	expected_high float8,
	anomaly smallint
);
COMMENT ON TYPE @extschema@.ad_series_score_point
IS
'One row of a scored series: score, 1 where nothing is unusual, is the larger of window_score (of ad_stl) '
'and shape_score (of ad_subpca), each divided by its median; anomaly is -1, 0 or +1 as in ad_stl.';
COMMENT ON COLUMN @extschema@.ad_series_score_point.score IS
'Larger of window_score and shape_score, each divided by its median; 1 is usual.';
COMMENT ON COLUMN @extschema@.ad_series_score_point.window_score IS
'Mean distance of the surroundings of the point, as in ad_stl().';
COMMENT ON COLUMN @extschema@.ad_series_score_point.shape_score IS
'Score of the shapes around the point, as in ad_subpca(); NULL where it is undefined.';
COMMENT ON COLUMN @extschema@.ad_series_score_point.expected IS 'Expected value.';
COMMENT ON COLUMN @extschema@.ad_series_score_point.expected_low IS 'Lower bound of the expected range.';
COMMENT ON COLUMN @extschema@.ad_series_score_point.expected_high IS 'Upper bound of the expected range.';
COMMENT ON COLUMN @extschema@.ad_series_score_point.anomaly IS '-1 below, 0 within, +1 above the expected range.';

CREATE TYPE @extschema@.ad_series_score_arrays AS (
	score float8[],
	window_score float8[],
	shape_score float8[],
	expected float8[],
	expected_low float8[],
	expected_high float8[],
	anomaly smallint[]
);
COMMENT ON TYPE @extschema@.ad_series_score_arrays IS
'A whole scored series: each array has one element per point.';
COMMENT ON COLUMN @extschema@.ad_series_score_arrays.score IS
'Larger of window_score and shape_score, each divided by its median; 1 is usual.';
COMMENT ON COLUMN @extschema@.ad_series_score_arrays.window_score IS
'Mean distance of the surroundings of each point, as in ad_stl().';
COMMENT ON COLUMN @extschema@.ad_series_score_arrays.shape_score IS
'Score of the shapes around each point, as in ad_subpca(); NULL where it is undefined.';
COMMENT ON COLUMN @extschema@.ad_series_score_arrays.expected IS 'Expected values.';
COMMENT ON COLUMN @extschema@.ad_series_score_arrays.expected_low IS 'Lower bounds of the expected range.';
COMMENT ON COLUMN @extschema@.ad_series_score_arrays.expected_high IS 'Upper bounds of the expected range.';
COMMENT ON COLUMN @extschema@.ad_series_score_arrays.anomaly IS '-1 below, 0 within, +1 above the expected range.';

CREATE FUNCTION @extschema@.ad_series_score_options(
	period "any" DEFAULT 'auto'::text,
	m int DEFAULT NULL,
	score_window int DEFAULT NULL,
	robust boolean DEFAULT NULL,
	alarm_rate float8 DEFAULT NULL,
	timezone text DEFAULT NULL,
	step "any" DEFAULT NULL::text,
	duplicates text DEFAULT NULL,
	on_error text DEFAULT NULL,
	seasonal_window "any" DEFAULT NULL::text,
	trend_window int DEFAULT NULL,
	threshold_method text DEFAULT NULL,
	threshold float8 DEFAULT NULL)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ad_series_score_options';
COMMENT ON FUNCTION @extschema@.ad_series_score_options("any", int, int, boolean, float8, text, "any", text, text, "any", int, text, float8)
IS
'Returns validated options of ad_series_score(): those of ad_stl_options(), but robust is true by '
'default. period: number of points, interval, auto, none, or an array of periods. m: points of a shape, 2 '
'to 256. score_window: points on either side of window_score. robust: whether outliers get less weight. '
'alarm_rate: share of points that may be flagged. timezone: zone whose local time the seasons follow. '
'step: the step of the times. duplicates: mean, last or error. on_error: error or null. seasonal_window, '
'trend_window: windows of STL. threshold_method: tail, mad, iqr, sigma or pot. threshold: threshold of '
'the methods other than tail. NULL means the default. Raises 22023 for an invalid value.';

CREATE FUNCTION @extschema@.ad_series_score(value float8, "time" timestamptz, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_series_score_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_series_score';
COMMENT ON FUNCTION @extschema@.ad_series_score(float8, timestamptz, jsonb)
IS
'Returns how unusual the surroundings of a row are in its partition, by levels and shapes, with the '
'expected range and the verdict of ad_stl(). value: a number; a row without a value has only the expected '
'range. time: its time, in any order; a NULL time gives NULL. options: as returned by '
'ad_series_score_options(). Raises 22023 for an invalid option, 53400 or 54000 for a series that is too '
'long.';

CREATE FUNCTION @extschema@.ad_series_score(value float8, "time" timestamp, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_series_score_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_series_score';
COMMENT ON FUNCTION @extschema@.ad_series_score(float8, timestamp, jsonb)
IS
'Same as ad_series_score(double precision, timestamp with time zone, jsonb) for times without a time '
'zone.';

CREATE FUNCTION @extschema@.ad_series_score(value float8, "time" bigint, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_series_score_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_series_score';
COMMENT ON FUNCTION @extschema@.ad_series_score(float8, bigint, jsonb)
IS
'Same as ad_series_score(double precision, timestamp with time zone, jsonb) for numbered points.';

CREATE FUNCTION @extschema@.ad_series_score_array(series float8[], options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_series_score_arrays
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_series_score_array';
COMMENT ON FUNCTION @extschema@.ad_series_score_array(float8[], jsonb)
IS
'Scores a series like ad_series_score(), as arrays. series: the values in order; NULL elements are '
'missing points. options: as returned by ad_series_score_options(). A NULL argument or an empty series '
'gives NULL. Raises 22023 for an invalid option, 53400 or 54000 for a series that is too long.';
