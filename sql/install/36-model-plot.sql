-- since 0.3.0
-- A row's score as a picture, and the options of pictures.

CREATE FUNCTION @extschema@.ad_plot_explain(model bytea, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain(bytea, VARIADIC "any") IS
'Draws as SVG what each feature adds to the score of a row: from the baseline, largest contribution '
'first, to the score. model: the bytes of a model. features: as for ad_score(). NULL for the model, an '
'array or a row gives NULL. Raises the errors of ad_score().';

CREATE FUNCTION @extschema@.ad_plot_explain(model bytea, options jsonb, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain(bytea, jsonb, VARIADIC "any") IS
'Draws the same with options. model: the bytes of a model. options: ad_plot_options() with title, '
'width, threshold, top and method; NULL means their defaults. features: as for ad_score(). NULL for the '
'model, an array or a row gives NULL. Raises 22023 for an option of another function or a value out of '
'range, and the errors of ad_score().';

CREATE FUNCTION @extschema@.ad_plot_explain(model text, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain(text, VARIADIC "any") IS
'Same as ad_plot_explain(bytea, VARIADIC "any") with the active version of a named model. Raises 42704 '
'if there is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_plot_explain(model text, options jsonb, VARIADIC features "any")
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain(text, jsonb, VARIADIC "any") IS
'Same as ad_plot_explain(bytea, jsonb, VARIADIC "any") with the active version of a named model. Raises '
'42704 if there is no such model, 42501 without the privilege score on it.';

CREATE FUNCTION @extschema@.ad_plot_explain_row(model bytea, features jsonb, options jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain_row(bytea, jsonb, jsonb) IS
'Draws as SVG what each feature adds to the score of a row that is a JSON object. model: the bytes of a '
'model. features: the object, read as by ad_score_row(). options: ad_plot_options() with title, width, '
'threshold, top and method; NULL means their defaults. NULL for the model or the row gives NULL. Raises '
'22023 for an option of another function or a value out of range, and the errors of ad_score_row().';

CREATE FUNCTION @extschema@.ad_plot_explain_row(model text, features jsonb, options jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.ad_plot_explain_row(text, jsonb, jsonb) IS
'Same as ad_plot_explain_row(bytea, jsonb, jsonb) with the active version of a named model. Raises '
'42704 if there is no such model, 42501 without the privilege score on it.';

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
'Returns options of ad_plot_scores(), ad_text_histogram(), ad_plot_explain() and ad_plot_drift(), each '
'of which takes those that concern it. title: a heading. width, height: pixels, 200 to 10000 (720 and '
'300); characters in ad_text_histogram(). bins: maximum number of bins, 1 to 200 (40). low, high: '
'scores at the ends (those of the rows). threshold: a score at which a line is drawn. scale: what the '
'height of a bar is, rows, share (of its class), log (of rows) or auto. top: number of features, 1 to '
'50 (10). method: that of ad_explain(). NULL means the default. Raises 22023 where a value is used that '
'is out of range or belongs to another function.';
