-- Time series: decomposition, periods, streaming, shapes.

CREATE TYPE ad_stl_point AS (
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
COMMENT ON TYPE ad_stl_point IS 'one row of a decomposition: trend + seasonal + remainder is the value';

CREATE TYPE ad_stl_arrays AS (
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
COMMENT ON TYPE ad_stl_arrays IS 'a whole decomposition: each array has one element a point, seasonals one row a season';

CREATE FUNCTION ad_stl_array(series float8[], options jsonb DEFAULT '{}')
RETURNS ad_stl_arrays
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100000
AS 'MODULE_PATHNAME', 'ad_stl_array';
COMMENT ON FUNCTION ad_stl_array(float8[], jsonb) IS 'decomposes a packed series into trend, seasons and remainder';
