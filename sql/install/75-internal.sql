-- since 0.3.0
-- What SQL text of ours calls: public functions once more, in the schema where
-- nobody else may create. In the schema of the extension others may be allowed
-- to, and there a function of theirs with a better match (the row type of a
-- table instead of "any") would be entered in place of the public one, with the
-- rights of whoever runs a job, however the call is qualified. The
-- comment of each is the public function that it is.

CREATE FUNCTION _anomaly._ad_score(model bytea, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_score'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION _anomaly._ad_score(bytea, VARIADIC "any") IS
'ad_score(bytea, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_score(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_score'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION _anomaly._ad_score(text, VARIADIC "any") IS
'ad_score(text, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_fits(model text, VARIADIC "any")
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_fits'
LANGUAGE C STABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION _anomaly._ad_fits(text, "any") IS
'true if a named model can score columns of these types, whatever their values; else the error that ad_score() raises: 22023 for another number of features, 42804 for another type, 42703 for a name that is not there';

CREATE FUNCTION _anomaly._ad_pvalue(model text, VARIADIC "any")
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_pvalue'
LANGUAGE C STABLE PARALLEL SAFE COST 50
SUPPORT _anomaly._ad_model_support;
COMMENT ON FUNCTION _anomaly._ad_pvalue(text, VARIADIC "any") IS
'ad_pvalue(text, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_why(model bytea, VARIADIC "any")
RETURNS text
AS 'MODULE_PATHNAME', 'ad_why'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_why(bytea, VARIADIC "any") IS
'ad_why(bytea, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_explain(
    model bytea,
    options jsonb,
    VARIADIC features "any",
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_explain'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION _anomaly._ad_explain(bytea, jsonb, VARIADIC "any") IS
'ad_explain(bytea, jsonb, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_explain(
    model text,
    options jsonb,
    VARIADIC features "any",
    OUT rank integer,
    OUT feature text,
    OUT value text,
    OUT contribution double precision,
    OUT direction text,
    OUT typical text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_explain'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION _anomaly._ad_explain(text, jsonb, VARIADIC "any") IS
'ad_explain(text, jsonb, VARIADIC "any")';

CREATE AGGREGATE _anomaly._ad_sketch(spec jsonb, VARIADIC "any") (
    SFUNC = _anomaly._ad_sketch_spec_transfn,
    STYPE = internal,
    SSPACE = 4194304,
    FINALFUNC = _anomaly._ad_sketch_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_sketch(jsonb, VARIADIC "any") IS
'ad_sketch(jsonb, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_threshold(model bytea, contamination double precision)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_threshold'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION _anomaly._ad_threshold(bytea, double precision) IS
'ad_threshold(bytea, double precision)';

CREATE FUNCTION _anomaly._ad_threshold(model text, contamination double precision)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_threshold'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION _anomaly._ad_threshold(text, double precision) IS
'ad_threshold(text, double precision)';

CREATE FUNCTION _anomaly._ad_model(name text, version integer)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_model_by_name'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_model(text, integer) IS
'ad_model(text, integer)';

CREATE FUNCTION _anomaly._ad_info(model text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_info'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION _anomaly._ad_info(text) IS
'ad_info(text)';

CREATE AGGREGATE _anomaly._ad_fit(spec jsonb, VARIADIC "any") (
    SFUNC = _anomaly._ad_fit_transfn,
    STYPE = internal,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_fit(jsonb, VARIADIC "any") IS
'ad_fit(jsonb, VARIADIC "any")';

CREATE AGGREGATE _anomaly._ad_fit(detector text, VARIADIC "any") (
    SFUNC = _anomaly._ad_fit_transfn,
    STYPE = internal,
    SSPACE = 2097152,
    FINALFUNC = _anomaly._ad_fit_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_fit(text, VARIADIC "any") IS
'ad_fit(text, VARIADIC "any")';

CREATE FUNCTION _anomaly._ad_fit_sketch(spec jsonb, sketch bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_fit_sketch'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_fit_sketch(jsonb, bytea) IS
'ad_fit_sketch(jsonb, bytea)';

CREATE FUNCTION _anomaly._ad_fit_sketch(detector text, sketch bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'ad_fit_sketch'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_fit_sketch(text, bytea) IS
'ad_fit_sketch(text, bytea)';

CREATE AGGREGATE _anomaly._ad_merge(sketch bytea) (
    SFUNC = _anomaly._ad_merge_transfn,
    STYPE = internal,
    SSPACE = 4194304,
    FINALFUNC = _anomaly._ad_sketch_finalfn,
    COMBINEFUNC = _anomaly._ad_fit_combinefn,
    SERIALFUNC = _anomaly._ad_fit_serialfn,
    DESERIALFUNC = _anomaly._ad_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_merge(bytea) IS
'ad_merge(bytea)';

CREATE AGGREGATE _anomaly._ad_roc_auc(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_roc_auc_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_roc_auc(double precision, boolean) IS
'ad_roc_auc(double precision, boolean)';

CREATE AGGREGATE _anomaly._ad_average_precision(score double precision, is_anomaly boolean) (
    SFUNC = _anomaly._ad_ranking_transfn,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = _anomaly._ad_average_precision_finalfn,
    COMBINEFUNC = _anomaly._ad_ranking_combinefn,
    SERIALFUNC = _anomaly._ad_ranking_serialfn,
    DESERIALFUNC = _anomaly._ad_ranking_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_average_precision(double precision, boolean) IS
'ad_average_precision(double precision, boolean)';

CREATE FUNCTION _anomaly._ad_fdr(p double precision, method text)
RETURNS double precision
AS 'MODULE_PATHNAME', 'ad_fdr'
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE COST 10;
COMMENT ON FUNCTION _anomaly._ad_fdr(double precision, text) IS
'ad_fdr(double precision, text)';

CREATE FUNCTION _anomaly._ad_fdr_reach(
    least_p double precision,
    options jsonb,
    OUT first_tests double precision,
    OUT next_tests double precision,
    OUT least_share double precision
)
RETURNS record
AS 'MODULE_PATHNAME', 'ad_fdr_reach'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION _anomaly._ad_fdr_reach(double precision, jsonb) IS
'ad_fdr_reach(double precision, jsonb)';

CREATE FUNCTION _anomaly._ad_train(name text, query text, spec jsonb, notes text, keep integer, activate boolean, labels text)
RETURNS integer
AS 'MODULE_PATHNAME', 'ad_train'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION _anomaly._ad_train(text, text, jsonb, text, integer, boolean, text) IS
'ad_train(text, text, jsonb, text, integer, boolean, text)';

CREATE FUNCTION _anomaly._ad_activate(name text, version integer)
RETURNS integer
AS 'MODULE_PATHNAME', 'ad_activate'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_activate(text, integer) IS
'ad_activate(text, integer)';

CREATE FUNCTION _anomaly._ad_drift(
    reference bytea,
    current bytea,
    options jsonb,
    OUT part text,
    OUT "position" integer,
    OUT feature text,
    OUT psi double precision,
    OUT psi_noise double precision,
    OUT ks double precision,
    OUT js double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_change double precision,
    OUT new_categories text[],
    OUT new_share double precision,
    OUT vanished_categories text[],
    OUT verdict text,
    OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_drift_rows'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION _anomaly._ad_drift(bytea, bytea, jsonb) IS
'ad_drift(bytea, bytea, jsonb)';

CREATE FUNCTION _anomaly._ad_layering_options(
    rule text DEFAULT 'window',
    trade_rule text DEFAULT 'after',
    orders_window interval DEFAULT '10 seconds',
    cancel_window interval DEFAULT '5 seconds',
    opposite_trade_window interval DEFAULT '2 seconds',
    min_orders integer DEFAULT 3,
    min_cancels integer DEFAULT 3,
    on_bad text DEFAULT 'error',
    words jsonb DEFAULT NULL,
    causal boolean DEFAULT false,
    forget_after interval DEFAULT NULL,
    max_partition_rows integer DEFAULT 10000000)
    RETURNS jsonb
    AS 'MODULE_PATHNAME', 'ad_layering_options' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_layering_options(text, text, interval, interval, interval, integer, integer, text, jsonb, boolean, interval, integer) IS
'ad_layering_options(), with its defaults';

CREATE FUNCTION _anomaly._ad_member_scores(model bytea, VARIADIC "any")
RETURNS double precision[]
AS 'MODULE_PATHNAME', 'ad_member_scores'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION _anomaly._ad_member_scores(bytea, VARIADIC "any") IS
'scores of a row under each member of an ensemble; NULL for other models';

CREATE FUNCTION _anomaly._ad_weigh_transfn(internal, bytea, double precision[], double precision)
RETURNS internal
AS 'MODULE_PATHNAME', 'ad_weigh_transfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION _anomaly._ad_weigh_transfn(internal, bytea, double precision[], double precision) IS
'transition of _ad_weigh()';

CREATE FUNCTION _anomaly._ad_weigh_finalfn(internal)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_weigh_finalfn'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION _anomaly._ad_weigh_finalfn(internal) IS
'final function of _ad_weigh()';

CREATE AGGREGATE _anomaly._ad_weigh(model bytea, scores double precision[], label double precision) (
    SFUNC = _anomaly._ad_weigh_transfn,
    STYPE = internal,
    SSPACE = 6000000,
    FINALFUNC = _anomaly._ad_weigh_finalfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE _anomaly._ad_weigh(bytea, double precision[], double precision) IS
'evaluates the members of an ensemble on labeled rows, by _ad_member_scores(): labels, anomalies, ROC AUC and weights of the members; label: 1, an anomaly, 0 or NULL; NULL without labels';
