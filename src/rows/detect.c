/*-------------------------------------------------------------------------
 *
 * detect.c
 *		ad_detect: a query's rows, fitted to and judged in one call.
 *
 * The query is run twice under one snapshot: to fit (in parallel, if the
 * planner likes), then through a cursor to score.  What it returns goes to a
 * tuplestore, which spills to disk, so memory is bounded whatever the number
 * of rows.  Rows are told apart by their key alone; each row of the query is
 * one row of the result, in the query's order.
 *
 * It runs as the caller, in what for its duration is a read-only transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"
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

PG_FUNCTION_INFO_V1(ad_detect);

/* The columns of ad_detect(). */
enum
{
	DETECT_KEY,
	DETECT_SCORE,
	DETECT_P_VALUE,
	DETECT_IS_ANOMALY,
	DETECT_EXPLANATION,
	DETECT_COLUMNS
};

/* The columns of the query that scores, as SPI numbers them. */
enum
{
	SCORED_KEY = 1,
	SCORED_SCORE,
	SCORED_EXPLANATION
};

/* Add what is being done to the context of an error. */
static void
error_context(void *arg)
{
	errcontext("query of ad_detect, %s", *(const char **) arg);
}

/* A spec with the contamination of this call; calibrated, if it is not. */
static Jsonb *
calibrated(Jsonb *spec, double contamination)
{
	AdSpec		parsed;
	char	   *part;
	Datum		result;

	ad_spec_parse(&spec->root, true, &parsed);
	part = psprintf("{\"calibrate\": {\"share\": %.17g, \"contamination\": %.17g, \"method\": \"%s\"}}",
					parsed.has_calibrate ? parsed.calibrate.share :
					ad_calibrate_options[0].dflt, contamination,
					parsed.calibrate.method == AD_HOLD_OUT_CROSS ? "cross" :
					"split");
	result = DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(ad_spec_raising(spec)),
								 JsonbPGetDatum(ad_jsonb_from_text(part)));
	return DatumGetJsonbP(result);
}

/* Fit the rows of a query; the model's bytes, or NULL if there are no rows. */
static bytea *
fit_rows(const char *schema, const AdQuery *q, Jsonb *spec, bool keyed)
{
	char	   *sql = psprintf("SELECT %s._ad_fit($1, %s)%s", schema,
							   ad_query_rows(q, keyed), ad_query_from(q));

	return ad_query_fit(sql, JSONBOID, JsonbPGetDatum(spec));
}

/* Set the columns of a row that was scored. */
static void
set_columns(HeapTuple scored, TupleDesc desc, const AdCalibration *c,
			Datum *values, bool *nulls)
{
	double		score;
	bool		unscored;

	values[DETECT_KEY] = SPI_getbinval(scored, desc, SCORED_KEY,
									   &nulls[DETECT_KEY]);
	values[DETECT_SCORE] = SPI_getbinval(scored, desc, SCORED_SCORE,
										 &nulls[DETECT_SCORE]);
	values[DETECT_EXPLANATION] = SPI_getbinval(scored, desc,
											   SCORED_EXPLANATION,
											   &nulls[DETECT_EXPLANATION]);
	unscored = nulls[DETECT_SCORE];
	score = unscored ? 0 : DatumGetFloat8(values[DETECT_SCORE]);
	nulls[DETECT_P_VALUE] = unscored || c->method == AD_CALIBRATION_NONE;
	values[DETECT_P_VALUE] = nulls[DETECT_P_VALUE] ? (Datum) 0 :
		Float8GetDatum(ad_scores_pvalue(&c->held_out, score));
	nulls[DETECT_IS_ANOMALY] = unscored;
	values[DETECT_IS_ANOMALY] = BoolGetDatum(score > c->threshold);
}

/* Score the rows of a query into a tuplestore. */
static void
score_rows(const char *schema, const AdQuery *q, bytea *bytes,
		   const AdCalibration *c, Tuplestorestate *store, TupleDesc desc,
		   int progress)
{
	Oid			types[2] = {BYTEAOID, FLOAT8OID};
	Datum		values[2] = {PointerGetDatum(bytes), Float8GetDatum(c->threshold)};
	StringInfoData sql;
	Portal		portal;
	uint64		done = 0;

	initStringInfo(&sql);
	/* without a key the rows have none: they are not numbered */
	appendStringInfo(&sql, "SELECT %s, _s.score, "
					 "CASE WHEN _s.score OPERATOR(pg_catalog.>) $2 THEN (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
					 "'feature', _e.feature, 'value', _e.value, 'contribution', _e.contribution, "
					 "'direction', _e.direction, 'typical', _e.typical) ORDER BY _e.rank) "
					 "FROM %s._ad_explain($1, '{\"top\": 5}'::pg_catalog.jsonb, %s) _e) END",
					 ad_query_key_text(q),
					 schema, q->features);
	/* OFFSET 0: score once */
	appendStringInfo(&sql, "%s, LATERAL (SELECT %s._ad_score($1, %s) AS score OFFSET 0) _s",
					 ad_query_from(q), schema, q->features);
	portal = SPI_cursor_open_with_args(NULL, sql.data, 2, types, values, NULL,
									   true, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Datum		row[DETECT_COLUMNS];
			bool		nulls[DETECT_COLUMNS];

			set_columns(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, c, row,
						nulls);
			tuplestore_putvalues(store, desc, row, nulls);
		}
		done += SPI_processed;
		ad_progress_rows(progress, done);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/*
 * ad_detect(query, spec or detector, contamination, key) -> (key, score, p_value,
 * is_anomaly, explanation) for each row of the query.
 */
static Datum
run_detect(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"query", "spec", "contamination"};
	const char *schema = ad_internal_schema();
	ErrorContextCallback callback;
	const char *doing = "parsing";
	bool		was_read_only = XactReadOnly;
	TupleDesc	desc;
	Tuplestorestate *store;
	char	   *sql;
	char	   *key;
	double		contamination;
	Jsonb	   *spec;
	AdSpec		parsed;
	AdQuery		query;
	bytea	   *bytes;
	int			progress;

	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	sql = ad_text_argument(PG_GETARG_DATUM(0), "query", AD_MAX_QUERY_LENGTH);
	key = PG_ARGISNULL(3) ? NULL :
		ad_text_argument(PG_GETARG_DATUM(3), "key", AD_MAX_WORD_LENGTH);
	contamination = PG_GETARG_FLOAT8(2);
	ad_check_contamination(contamination);
	spec = calibrated(ad_spec_argument(fcinfo, 1), contamination);
	ad_spec_parse(&spec->root, true, &parsed);

	store = ad_result_begin(fcinfo, DETECT_COLUMNS, &desc);

	callback.callback = error_context;
	callback.arg = &doing;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	SPI_connect();
	ad_query_read(sql, "query", &query);
	ad_query_features(&query, ad_query_key(&query, key));

	if (parsed.sampling.keyed && query.key < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keyed sampling needs a row key"),
				 errhint("Say which column is the key, with key => '...'.")));

	/* an error ends the (sub)transaction, which puts this back */
	XactReadOnly = true;
	doing = "fitting";
	progress = ad_progress_begin_in(CurrentMemoryContext, "detect",
									parsed.detector->name, NAN);
	ad_progress_around_fit = progress;
	bytes = fit_rows(schema, &query, spec, parsed.sampling.keyed);
	ad_progress_around_fit = -1;
	if (bytes == NULL && ad_query_has_rows(&query))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("all rows of the query are NULL")));
	if (bytes != NULL)
	{
		AdModel    *m = ad_model_read((const uint8 *) VARDATA(bytes),
									  VARSIZE(bytes) - VARHDRSZ);

		doing = "scoring";
		ad_progress_phase(progress, "scoring");
		ad_progress_rows(progress, 0);
		ad_progress_expect(progress, (double) m->rows);
		score_rows(schema, &query, bytes, &m->calibration, store, desc,
				   progress);
	}
	XactReadOnly = was_read_only;
	ad_progress_end(progress);
	SPI_finish();
	error_context_stack = callback.previous;
	return (Datum) 0;
}

/* The same; what fails repeats little of the query. */
Datum
ad_detect(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_detect, fcinfo);
}
