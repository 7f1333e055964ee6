-- since 0.3.0
-- A row's score as a picture, and the options of pictures.

CREATE FUNCTION @extschema@.ad_plot_explain(model bytea, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain(bytea, VARIADIC "any") IS
'draws what each feature adds to a row''s score as SVG: from the baseline, greatest contribution first, to the score; features as in ad_score(); NULL model, array or row: NULL';

CREATE FUNCTION @extschema@.ad_plot_explain(model bytea, options jsonb, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain(bytea, jsonb, VARIADIC "any") IS
'the same with options, see ad_plot_options(): title, width, threshold, top, method; NULL: their defaults';

CREATE FUNCTION @extschema@.ad_plot_explain(model text, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain(text, VARIADIC "any") IS
'draws what each feature adds to a row''s score under the active version of a named model as SVG; needs the privilege score; NULL as ad_score()';

CREATE FUNCTION @extschema@.ad_plot_explain(model text, options jsonb, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain(text, jsonb, VARIADIC "any") IS
'the same with options, see ad_plot_options(): title, width, threshold, top, method; NULL: their defaults';

CREATE FUNCTION @extschema@.ad_plot_explain_row(model bytea, "row" jsonb, options jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain_row(bytea, jsonb, jsonb) IS
'ad_plot_explain() of a row that is a JSON object, as ad_score_row() reads it: SVG; NULL as ad_score_row()';

CREATE FUNCTION @extschema@.ad_plot_explain_row(model text, "row" jsonb, options jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain_row(text, jsonb, jsonb) IS
'the same under the active version of a named model: SVG; needs the privilege score';

CREATE FUNCTION @extschema@.ad_plot_options(
    title text DEFAULT NULL,
    width integer DEFAULT NULL,
    height integer DEFAULT NULL,
    bins integer DEFAULT NULL,
    low double precision DEFAULT NULL,
    high double precision DEFAULT NULL,
    threshold double precision DEFAULT NULL,
    scale text DEFAULT NULL,
    top integer DEFAULT NULL,
    method text DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_plot_options(text, integer, integer, integer, double precision, double precision, double precision, text, integer, text) IS
'options of ad_plot_scores(), ad_text_histogram(), ad_plot_explain() and ad_plot_drift(), each of which takes those that concern it: title; width and height in pixels (720 by 300), 200 to 10000; bins: at most so many, 1 to 200 (40); low, high: scores at the ends (those of the rows); threshold: a score at which a line is drawn (none); scale: what the height of a bar is, rows, share (of its class), log (of rows) or auto (share if there are two classes); top: features that are drawn, 1 to 50 (10); method: that of ad_explain(); NULL: the default; a value that is out of range or of another function is refused where it is used';
