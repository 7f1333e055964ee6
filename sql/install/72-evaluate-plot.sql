-- since 0.3.0
-- Histograms of scores, as pictures and as text.

CREATE FUNCTION _anomaly._ad_histogram_transfn(internal, double precision)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_histogram_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_histogram_transfn(internal, double precision) IS
'transition of the histograms of scores';

CREATE FUNCTION _anomaly._ad_histogram_transfn(internal, double precision, boolean)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_histogram_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_histogram_transfn(internal, double precision, boolean) IS
'transition of the histograms of labeled scores';

CREATE FUNCTION _anomaly._ad_histogram_transfn(internal, double precision, boolean, jsonb)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_histogram_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_histogram_transfn(internal, double precision, boolean, jsonb) IS
'transition of the histograms of labeled scores with options';

CREATE FUNCTION _anomaly._ad_histogram_combinefn(internal, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_histogram_combinefn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_histogram_combinefn(internal, internal) IS
'combines partial states of the histograms of scores';

CREATE FUNCTION _anomaly._ad_histogram_serialfn(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_histogram_serialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_histogram_serialfn(internal) IS
'writes a partial state of the histograms of scores';

CREATE FUNCTION _anomaly._ad_histogram_deserialfn(bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_histogram_deserialfn'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_histogram_deserialfn(bytea, internal) IS
'reads a partial state of the histograms of scores';

CREATE FUNCTION _anomaly._ad_plot_scores_finalfn(internal)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_plot_scores_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_plot_scores_finalfn(internal) IS
'result of ad_plot_scores';

CREATE FUNCTION _anomaly._ad_text_histogram_finalfn(internal)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_text_histogram_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_text_histogram_finalfn(internal) IS
'result of ad_text_histogram';

CREATE AGGREGATE @extschema@.ad_plot_scores(score double precision) (
    SFUNC = _anomaly._ad_histogram_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_plot_scores_finalfn,
    COMBINEFUNC = _anomaly._ad_histogram_combinefn,
    SERIALFUNC = _anomaly._ad_histogram_serialfn,
    DESERIALFUNC = _anomaly._ad_histogram_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_plot_scores(double precision) IS
'Draws a histogram of scores as SVG. score: the scores. NULL scores are ignored, infinite ones and NaN '
'are only counted; no finite score gives NULL. Raises 54000 for more than 60 million scores.';

CREATE AGGREGATE @extschema@.ad_plot_scores(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_histogram_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_plot_scores_finalfn,
    COMBINEFUNC = _anomaly._ad_histogram_combinefn,
    SERIALFUNC = _anomaly._ad_histogram_serialfn,
    DESERIALFUNC = _anomaly._ad_histogram_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_plot_scores(double precision, boolean) IS
'Draws a histogram of scores as SVG, one class over the other. score: the scores. is_anomaly: the '
'class; a NULL label is a class of its own. NULL scores are ignored, infinite ones and NaN are only '
'counted; no finite score gives NULL. Raises 54000 for more than 60 million scores.';

CREATE AGGREGATE @extschema@.ad_plot_scores(score double precision, is_anomaly boolean, options jsonb) (
    SFUNC = _anomaly._ad_histogram_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_plot_scores_finalfn,
    COMBINEFUNC = _anomaly._ad_histogram_combinefn,
    SERIALFUNC = _anomaly._ad_histogram_serialfn,
    DESERIALFUNC = _anomaly._ad_histogram_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_plot_scores(double precision, boolean, jsonb) IS
'Draws the same with options. score: the scores. is_anomaly: the class, or NULL. options: '
'ad_plot_options() with title, width, height, bins, low, high, threshold and scale, the same in all '
'rows of a group. NULL scores are ignored, infinite ones and NaN are only counted; no finite score '
'gives NULL. Raises 22023 for an option of another function or a value out of range, 54000 for more '
'than 60 million scores.';

CREATE AGGREGATE @extschema@.ad_text_histogram(score double precision) (
    SFUNC = _anomaly._ad_histogram_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_text_histogram_finalfn,
    COMBINEFUNC = _anomaly._ad_histogram_combinefn,
    SERIALFUNC = _anomaly._ad_histogram_serialfn,
    DESERIALFUNC = _anomaly._ad_histogram_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_text_histogram(double precision) IS
'Returns a histogram of scores as text, one line per bin. score: the scores. NULL scores are ignored, '
'infinite ones and NaN are only counted; no finite score gives NULL. Raises 54000 for more than 60 '
'million scores.';

CREATE AGGREGATE @extschema@.ad_text_histogram(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_histogram_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_text_histogram_finalfn,
    COMBINEFUNC = _anomaly._ad_histogram_combinefn,
    SERIALFUNC = _anomaly._ad_histogram_serialfn,
    DESERIALFUNC = _anomaly._ad_histogram_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_text_histogram(double precision, boolean) IS
'Returns a histogram of scores as text, with a column for each class. score: the scores. is_anomaly: '
'the class; a NULL label is a class of its own. NULL scores are ignored, infinite ones and NaN are only '
'counted; no finite score gives NULL. Raises 54000 for more than 60 million scores.';

CREATE AGGREGATE @extschema@.ad_text_histogram(score double precision, is_anomaly boolean, options jsonb) (
    SFUNC = _anomaly._ad_histogram_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_text_histogram_finalfn,
    COMBINEFUNC = _anomaly._ad_histogram_combinefn,
    SERIALFUNC = _anomaly._ad_histogram_serialfn,
    DESERIALFUNC = _anomaly._ad_histogram_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.ad_text_histogram(double precision, boolean, jsonb) IS
'Returns the same with options. score: the scores. is_anomaly: the class, or NULL. options: '
'ad_plot_options() with bins, low, high, threshold, scale and width, in characters (78), the same in '
'all rows of a group. NULL scores are ignored, infinite ones and NaN are only counted; no finite score '
'gives NULL. Raises 22023 for an option of another function or a value out of range, 54000 for more '
'than 60 million scores.';
