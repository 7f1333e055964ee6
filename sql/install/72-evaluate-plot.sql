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
'transition of the histograms of labelled scores';

CREATE FUNCTION _anomaly._ad_histogram_transfn(internal, double precision, boolean, jsonb)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_histogram_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_histogram_transfn(internal, double precision, boolean, jsonb) IS
'transition of the histograms of labelled scores with options';

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
'draws a histogram of scores as SVG; scores that are NULL are ignored, infinite ones and NaN only counted; no scores: NULL';

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
'draws a histogram of scores as SVG, classes over each other; a label that is NULL: a class of its own; scores that are NULL are ignored, infinite ones and NaN only counted; no scores: NULL';

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
'the same with options, see ad_plot_options(): title, width, height, bins, low, high, threshold, scale; they must be the same in all rows of a group';

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
'a histogram of scores as text: one line per bin; scores that are NULL are ignored, infinite ones and NaN only counted; no scores: NULL';

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
'a histogram of scores as text, a column for each class; a label that is NULL: a class of its own; scores that are NULL are ignored, infinite ones and NaN only counted; no scores: NULL';

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
'the same with options, see ad_plot_options(): bins, low, high, threshold, scale, width in characters (78); they must be the same in all rows of a group';
