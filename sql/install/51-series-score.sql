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
IS 'one row of a scored series: score, 1 where nothing is unusual, is the greater of window_score (of ad_stl) and shape_score (of ad_subpca), each over its median; anomaly is -1, 0 or +1 as ad_stl says';

CREATE TYPE @extschema@.ad_series_score_arrays AS (
	score float8[],
	window_score float8[],
	shape_score float8[],
	expected float8[],
	expected_low float8[],
	expected_high float8[],
	anomaly smallint[]
);
COMMENT ON TYPE @extschema@.ad_series_score_arrays IS 'a whole scored series: each array has one element a point';

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
IS 'options of ad_series_score, checked: those of ad_stl, but robust unless it is false, and m, the points of a shape';

CREATE FUNCTION @extschema@.ad_series_score(value float8, "time" timestamptz, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_series_score_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_series_score';
COMMENT ON FUNCTION @extschema@.ad_series_score(float8, timestamptz, jsonb)
IS 'scores a partition, levels and shapes in one: how unusual a row''s surroundings are; with the range and the verdict of ad_stl; NULL without a time, score NULL without a value';

CREATE FUNCTION @extschema@.ad_series_score(value float8, "time" timestamp, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_series_score_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_series_score';
COMMENT ON FUNCTION @extschema@.ad_series_score(float8, timestamp, jsonb)
IS 'scores a partition, levels and shapes in one: how unusual a row''s surroundings are; with the range and the verdict of ad_stl; NULL without a time, score NULL without a value';

CREATE FUNCTION @extschema@.ad_series_score(value float8, "time" bigint, options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_series_score_point
LANGUAGE c STABLE WINDOW PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ad_series_score';
COMMENT ON FUNCTION @extschema@.ad_series_score(float8, bigint, jsonb)
IS 'scores a partition with numbered points, levels and shapes in one; NULL without a number, score NULL without a value';

CREATE FUNCTION @extschema@.ad_series_score_array(series float8[], options jsonb DEFAULT '{}')
RETURNS @extschema@.ad_series_score_arrays
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ad_series_score_array';
COMMENT ON FUNCTION @extschema@.ad_series_score_array(float8[], jsonb)
IS 'scores a packed series as ad_series_score does; NULL elements are missing points; NULL for an empty series';
