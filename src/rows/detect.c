/*-------------------------------------------------------------------------
 *
 * detect.c
 *		ad_detect: a query's rows, fitted to and judged in one call.
 *
 * The query is run under one snapshot: to fit (in parallel, if the planner
 * likes), then through a cursor to score.  What it returns goes to a
 * tuplestore, which spills to disk, so memory is bounded whatever the number
 * of rows.  Rows are told apart by their key alone.
 *
 * With a contamination, each row of the query is one row of the result, in the
 * query's order, and that share of them are anomalies.  Without, the scores
 * themselves tell how many there are (math/break.c): they are read once more,
 * before the rows that the result has.
 *
 * It runs as the caller, in what for its duration is a read-only transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_break.h"
#include "model/ad_model.h"
#include "model/ad_telling.h"
#include "operate/ad_progress.h"
#include "rows/ad_query.h"
#include "rows/ad_registry.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#define BATCH		1000		/* rows fetched at a time */
#define DEFAULT_TOP	20			/* rows returned if nothing says how many */

PG_FUNCTION_INFO_V1(ad_detect);
PG_FUNCTION_INFO_V1(ad_detect_0_3);

/* The arguments of ad_detect(); that of 0.2.0 has those to the key. */
enum
{
	ARG_QUERY, ARG_SPEC, ARG_CONTAMINATION, ARG_KEY, ARG_EXCLUDE, ARG_TOP,
	ARG_RISK
};

/* The columns of ad_detect(). */
enum
{
	DETECT_KEY,
	DETECT_SCORE,
	DETECT_P_VALUE,
	DETECT_IS_ANOMALY,
	DETECT_EXPLANATION,
	DETECT_COLUMNS_0_2,
	DETECT_WHY = DETECT_COLUMNS_0_2,
	DETECT_COLUMNS
};

/* The columns of the query that scores, as SPI numbers them. */
enum
{
	SCORED_KEY = 1,
	SCORED_SCORE,
	SCORED_EXPLANATION,
	SCORED_WHY
};

/* What a call does. */
typedef struct Detect
{
	const char *schema;			/* of our functions */
	AdQuery		query;
	Jsonb	   *spec;
	bool		keyed;			/* its sampling */
	double		contamination;	/* share that is anomalous; NaN: not known */
	double		risk;			/* of any anomaly where there is none */
	int			top;			/* rows to return, highest first; 0: all */
	bool		top_by_default; /* nobody asked for so many */
	bytea	   *model;
	AdCalibration *calibration; /* of it */
	double		cut;			/* anomalies score higher */
	Tuplestorestate *store;
	TupleDesc	desc;
	int			progress;
} Detect;

/* Where scores go to be looked at together. */
typedef struct Scores
{
	AdBreak    *scores;
	int			progress;
} Scores;

/* Add what is being done to the context of an error. */
static void
error_context(void *arg)
{
	errcontext("query of ad_detect, %s", *(const char **) arg);
}

/*
 * A spec with the contamination of this call, if it has one; calibrated, if it
 * is not.
 */
static Jsonb *
calibrated(Jsonb *spec, double contamination)
{
	AdSpec		parsed;
	char	   *part;
	Datum		result;

	ad_spec_parse(&spec->root, true, &parsed);
	part = psprintf("{\"calibrate\": {\"share\": %.17g, \"contamination\": %.17g, \"method\": \"%s\"}}",
					parsed.has_calibrate ? parsed.calibrate.share :
					ad_calibrate_options[0].dflt,
					isnan(contamination) ? parsed.calibrate.contamination : contamination,
					parsed.calibrate.method == AD_HOLD_OUT_CROSS ? "cross" :
					"split");
	result = DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(ad_spec_raising(spec)),
								 JsonbPGetDatum(ad_jsonb_from_text(part)));
	return DatumGetJsonbP(result);
}

/* Fit the rows of the query; the model's bytes, or NULL if there are no rows. */
static bytea *
fit_rows(const Detect *d)
{
	char	   *sql = psprintf("SELECT %s._ad_fit($1, %s)%s", d->schema,
							   ad_query_rows(&d->query, d->keyed),
							   ad_query_from(&d->query));

	return ad_query_fit(sql, JSONBOID, JsonbPGetDatum(d->spec));
}

/* Take the score of a row. */
static void
take_score(void *arg, double score)
{
	const Scores *s = arg;

	ad_break_add(s->scores, score);
	if (s->scores->n % BATCH == 0)
		ad_progress_rows(s->progress, s->scores->n);
}

/*
 * Find out which scores are too high for the others; returns how many.  Within
 * SPI.
 */
static uint64
find_cut(Detect *d)
{
	Scores		s = {ad_break_create(), d->progress};

	ad_query_scores(&d->query, d->model, take_score, &s);
	return ad_break_find(s.scores, d->risk, &d->cut);
}

/* Set the columns of a row that was scored. */
static void
set_columns(const Detect *d, HeapTuple scored, TupleDesc desc, Datum *values,
			bool *nulls)
{
	const AdCalibration *c = d->calibration;
	double		score;
	bool		unscored;

	values[DETECT_KEY] = SPI_getbinval(scored, desc, SCORED_KEY,
									   &nulls[DETECT_KEY]);
	values[DETECT_SCORE] = SPI_getbinval(scored, desc, SCORED_SCORE,
										 &nulls[DETECT_SCORE]);
	values[DETECT_EXPLANATION] = SPI_getbinval(scored, desc,
											   SCORED_EXPLANATION,
											   &nulls[DETECT_EXPLANATION]);
	values[DETECT_WHY] = SPI_getbinval(scored, desc, SCORED_WHY,
									   &nulls[DETECT_WHY]);
	unscored = nulls[DETECT_SCORE];
	score = unscored ? 0 : DatumGetFloat8(values[DETECT_SCORE]);
	nulls[DETECT_P_VALUE] = unscored || c->method == AD_CALIBRATION_NONE;
	values[DETECT_P_VALUE] = nulls[DETECT_P_VALUE] ? (Datum) 0 :
		Float8GetDatum(ad_scores_pvalue(&c->held_out, score));
	nulls[DETECT_IS_ANOMALY] = unscored;
	values[DETECT_IS_ANOMALY] = BoolGetDatum(score > d->cut);
}

/*
 * The query of the rows that the result has: key, score, explanation and
 * sentence; $1 is the model, $2 what anomalies score more than.
 */
static char *
result_query(const Detect *d)
{
	const char *key = ad_query_key_text(&d->query);

	/* what is wanted is explained, and of all rows the anomalies */
	const char *when = d->top > 0 ? "_s.score IS NOT NULL" :
		"_s.score OPERATOR(pg_catalog.>) $2";
	StringInfoData sql;

	initStringInfo(&sql);
	/* without a key the rows have none: they are not numbered */
	appendStringInfo(&sql, "SELECT %s, _s.score, "
					 "CASE WHEN %s THEN (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
					 "'feature', _e.feature, 'value', _e.value, 'contribution', _e.contribution, "
					 "'direction', _e.direction, 'typical', _e.typical) ORDER BY _e.rank) "
					 "FROM %s._ad_explain($1, '{\"top\": 5}'::pg_catalog.jsonb, %s) _e) END, ",
					 key, when, d->schema, d->query.features);
	if (d->desc->natts > DETECT_WHY)
		appendStringInfo(&sql, "CASE WHEN %s THEN %s._ad_why($1, %s) END",
						 when, d->schema, d->query.features);
	else
		appendStringInfoString(&sql, "NULL::pg_catalog.text");
	/* OFFSET 0: score once */
	appendStringInfo(&sql, "%s, LATERAL (SELECT %s._ad_score($1, %s) AS score OFFSET 0) _s",
					 ad_query_from(&d->query), d->schema, d->query.features);
	if (d->top > 0)
		appendStringInfo(&sql, " WHERE _s.score IS NOT NULL AND $2 IS NOT NULL "
						 "ORDER BY _s.score USING OPERATOR(pg_catalog.>), (%s) COLLATE pg_catalog.\"C\" "
						 "LIMIT %d", key, d->top);
	return sql.data;
}

/* Put the rows of the result into its tuplestore. */
static void
return_rows(Detect *d)
{
	Oid			types[2] = {BYTEAOID, FLOAT8OID};
	Datum		values[2] = {PointerGetDatum(d->model), Float8GetDatum(d->cut)};
	Portal		portal = SPI_cursor_open_with_args(NULL, result_query(d), 2, types,
												   values, NULL, true, 0);
	uint64		done = 0;

	for (;;)
	{
		SPI_cursor_fetch(portal, true, BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Datum		row[DETECT_COLUMNS];
			bool		nulls[DETECT_COLUMNS];

			set_columns(d, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, row,
						nulls);
			tuplestore_putvalues(d->store, d->desc, row, nulls);
		}
		done += SPI_processed;
		ad_progress_rows(d->progress, done);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/* Score the rows with the model that was fitted to them. */
static void
score_rows(Detect *d)
{
	AdModel    *m = ad_model_read((const uint8 *) VARDATA(d->model),
								  VARSIZE(d->model) - VARHDRSZ);
	uint64		anomalies = 0;

	d->calibration = &m->calibration;
	ad_progress_phase(d->progress, "scoring");
	ad_progress_rows(d->progress, 0);
	ad_progress_expect(d->progress, (double) m->rows);
	d->cut = m->calibration.threshold;
	if (isnan(d->contamination))
	{
		anomalies = find_cut(d);
		ad_progress_rows(d->progress, 0);
	}
	return_rows(d);
	if (d->top_by_default && anomalies > (uint64) d->top)
		ereport(NOTICE,
				(errmsg(UINT64_FORMAT " rows are anomalies, of which %d are returned",
						anomalies, d->top),
				 errhint("top => " UINT64_FORMAT " returns them all.", anomalies)));
}

/* Read the arguments that say which rows there are to be, and what of them. */
static void
read_arguments(FunctionCallInfo fcinfo, Detect *d)
{
	bool		first = PG_NARGS() <= ARG_EXCLUDE;

	d->contamination = PG_ARGISNULL(ARG_CONTAMINATION) ? NAN :
		PG_GETARG_FLOAT8(ARG_CONTAMINATION);
	if (!PG_ARGISNULL(ARG_CONTAMINATION))
		ad_check_contamination(d->contamination);
	else if (first)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("contamination cannot be NULL")));
	d->top = isnan(d->contamination) ? DEFAULT_TOP : 0;
	if (first)
		return;
	d->top_by_default = PG_ARGISNULL(ARG_TOP) && d->top > 0;
	if (!PG_ARGISNULL(ARG_TOP))
		d->top = PG_GETARG_INT32(ARG_TOP);
	if (d->top < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("top is %d, must not be negative", d->top),
				 errhint("0 returns every row, in the order of the query.")));
	if (PG_ARGISNULL(ARG_RISK))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("risk cannot be NULL")));
	d->risk = PG_GETARG_FLOAT8(ARG_RISK);
	if (!(d->risk > 0 && d->risk <= 0.5))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("risk is %g, must be greater than 0 and at most 0.5",
						d->risk)));
}

/* Read the query and say which of its columns are features.  Within SPI. */
static void
read_query(FunctionCallInfo fcinfo, char *sql, const char *key, Detect *d)
{
	ad_query_read(sql, "query", &d->query);
	if (PG_NARGS() > ARG_EXCLUDE && !PG_ARGISNULL(ARG_EXCLUDE))
		ad_query_exclude(&d->query,
						 ad_names_argument(PG_GETARG_DATUM(ARG_EXCLUDE),
										   TEXTARRAYOID, "exclude"));
	ad_query_features(&d->query, ad_query_key(&d->query, key));
	if (d->keyed && d->query.key < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keyed sampling needs a row key"),
				 errhint("Set the key column with key => '...'.")));
}

/*
 * ad_detect(query, spec or detector, contamination, key, exclude, top, risk) ->
 * (key, score, p_value, is_anomaly, explanation, why); that of 0.2.0 has the
 * arguments to the key, and no why
 */
static Datum
run_detect(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"query", "spec"};
	ErrorContextCallback callback;
	const char *doing = "parsing";
	bool		was_read_only = XactReadOnly;
	bool		first = PG_NARGS() <= ARG_EXCLUDE;
	char	   *sql;
	char	   *key;
	AdSpec		parsed;
	Detect		d = {.schema = ad_internal_schema()};

	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	sql = ad_text_argument(PG_GETARG_DATUM(ARG_QUERY), "query", AD_MAX_QUERY_LENGTH);
	key = PG_ARGISNULL(ARG_KEY) ? NULL :
		ad_text_argument(PG_GETARG_DATUM(ARG_KEY), "key", AD_MAX_WORD_LENGTH);
	read_arguments(fcinfo, &d);
	d.spec = calibrated(ad_spec_argument(fcinfo, ARG_SPEC), d.contamination);
	ad_spec_parse(&d.spec->root, true, &parsed);
	d.keyed = parsed.sampling.keyed;

	d.store = ad_result_begin(fcinfo, first ? DETECT_COLUMNS_0_2 : DETECT_COLUMNS,
							  &d.desc);

	callback.callback = error_context;
	callback.arg = &doing;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	SPI_connect();
	read_query(fcinfo, sql, key, &d);

	/* an error ends the (sub)transaction, which puts this back */
	XactReadOnly = true;
	doing = "fitting";
	d.progress = ad_progress_begin_in(CurrentMemoryContext, "detect",
									  parsed.detector->name, NAN);
	ad_progress_around_fit = d.progress;
	ad_telling_begin();
	d.model = fit_rows(&d);
	ad_progress_around_fit = -1;
	if (d.model == NULL && ad_query_has_rows(&d.query))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("all rows of the query are NULL")));
	ad_telling_notice(d.query.key < 0);
	doing = "scoring";
	if (d.model != NULL)
		score_rows(&d);
	XactReadOnly = was_read_only;
	ad_progress_end(d.progress);
	SPI_finish();
	error_context_stack = callback.previous;
	return (Datum) 0;
}

/* That of 0.2.0; what fails repeats little of the query. */
Datum
ad_detect(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_detect, fcinfo);
}

/* The same of 0.3.0. */
Datum
ad_detect_0_3(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_detect, fcinfo);
}
