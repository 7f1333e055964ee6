/*-------------------------------------------------------------------------
 *
 * recommend.c
 *		ad_recommend: which detectors suit the rows of a query.
 *
 * What there is to know of the rows is told by a sketch of the first of them;
 * how many there are, by that or else by the planner.  Reading them is timed,
 * so that a budget counts it.  Where there is one, a cursor reads row by row
 * until the clock says how many rows there is time for: no row tells how slow
 * the next will be.  Figures and reasons are in SQL (_ad_ranked).
 *
 * The query runs as the caller, in what for its duration is a read-only
 * transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_query.h"
#include "rows/ad_registry.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define LOOK_ROWS	100000		/* of the query that are read, at most */
#define LOOK_SHARE	8			/* of the budget one part is for reading */
#define LEAST_ROWS	2			/* that a detector needs */
#define SAMPLE		"{\"sampling\": {\"rows\": 10000}}"
#define READINGS	2			/* of all rows, to fit and to score */

PG_FUNCTION_INFO_V1(ad_recommend_rows);
PG_FUNCTION_INFO_V1(ad_recommend_query);

/* The columns of ad_recommend(), and the parameters of _ad_ranked(). */
enum
{
	RECOMMEND_COLUMNS = 7
};

enum
{
	RANKED_ROWS,
	RANKED_COLUMNS,
	RANKED_PRIORITY,
	RANKED_BUDGET,
	RANKED_READING,
	RANKED_CATEGORIES,
	RANKED_MISSING,
	RANKED_PARAMETERS
};

static const char *const priorities[] = {"accuracy", "speed", "memory", "balanced"};

/* What rows are like. */
typedef struct Look
{
	int64		rows;			/* in all; of a query about, if many */
	int			columns;		/* that a detector sees */
	int			categories;		/* features that are */
	double		missing;		/* share of the values */
	double		seconds;		/* of reading all rows once */
} Look;

/* Add what is being done to the context of an error. */
static void
error_context(void *arg pg_attribute_unused())
{
	errcontext("query of ad_recommend");
}

/* Return how many rows the planner expects of a query.  Within SPI. */
static double
planned_rows(const AdQuery *q)
{
	static const char key[] = "\"Plan Rows\": ";
	char	   *sql = psprintf("EXPLAIN (FORMAT JSON)\n%s", q->text);
	char	   *plan;
	char	   *found;

	/* a utility statement, so not one that SPI takes for read-only */
	if (SPI_execute(sql, false, 1) != SPI_OK_UTILITY || SPI_processed != 1)
		elog(ERROR, "SPI_execute failed");
	plan = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	/* the topmost node comes first; in a name the quotes are escaped */
	found = plan ? strstr(plan, key) : NULL;
	return found ? strtod(found + strlen(key), NULL) : 0;
}

/* Return the columns that a feature becomes by default. */
static int
columns_of(const AdFeature *f, const AdViewFeature *stats, uint64 rows)
{
	AdPrepare	prepare;

	if (stats->missing >= rows)
		return 0;
	if (f->class != AD_CLASS_CATEGORY)
		return 1;
	ad_options_defaults(ad_prepare_options, ad_n_prepare_options, &prepare);
	if (stats->distinct < 0 || stats->distinct > prepare.onehot_max)
		return 1;
	return (int) stats->distinct + 1;
}

/* A query for the first rows of another. */
static char *
first_rows(const AdQuery *q, int rows)
{
	/* a comment may end the query, so a line ends it too */
	return psprintf("SELECT * FROM (\n%s\n) _l LIMIT %d", q->text, rows);
}

/*
 * Return how many rows of a query there are seconds to read, by reading them;
 * one at least, and LOOK_ROWS if there are seconds for all.  Within SPI.
 */
static int
affordable_rows(const AdQuery *q, double seconds)
{
	int			rows = 0;
	Portal		portal;
	instr_time	start;
	instr_time	now;

	INSTR_TIME_SET_CURRENT(start);
	portal = SPI_cursor_open_with_args(NULL, first_rows(q, LOOK_ROWS), 0, NULL,
									   NULL, NULL, true, 0);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, 1);
		SPI_freetuptable(SPI_tuptable);
		if (SPI_processed == 0)
		{
			rows = LOOK_ROWS;
			break;
		}
		rows++;
		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, start);
		if (INSTR_TIME_GET_DOUBLE(now) >= seconds)
			break;
	}
	SPI_cursor_close(portal);
	return rows;
}

/*
 * The first rows of a query, at most so many; how many there were, with those
 * that are NULL, and the seconds that reading them took.  Within SPI.
 */
static AdView *
read_first(const AdQuery *q, int limit, uint64 *rows, double *seconds)
{
	AdQuery		first = *q;
	Jsonb	   *spec = ad_jsonb_from_text(SAMPLE);
	instr_time	start;
	instr_time	end;
	bytea	   *bytes;
	bool		isnull;

	first.text = first_rows(q, limit);
	INSTR_TIME_SET_CURRENT(start);
	bytes = ad_query_fit(psprintf("SELECT %s._ad_sketch($1, %s), pg_catalog.count(*)%s",
								  ad_internal_schema(), first.features,
								  ad_query_from(&first)),
						 JSONBOID, JsonbPGetDatum(spec));
	INSTR_TIME_SET_CURRENT(end);
	*rows = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
												 SPI_tuptable->tupdesc, 2,
												 &isnull));
	if (bytes == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 *rows == 0 ? errmsg("query returned no rows") :
				 errmsg("all rows that were read of the query are NULL")));
	INSTR_TIME_SUBTRACT(end, start);
	*seconds = INSTR_TIME_GET_DOUBLE(end);
	return ad_view_create(ad_sketch_read((const uint8 *) VARDATA(bytes),
										 VARSIZE(bytes) - VARHDRSZ,
										 CurrentMemoryContext, NULL));
}

/*
 * Look at the first rows of a query, as many as an eighth of the budget (NaN:
 * there is none) is enough for to read twice.  The query is read-only
 * meanwhile; an error ends the (sub)transaction, which puts that back.  Within
 * SPI.
 */
static void
look_at(const AdQuery *q, double budget, Look *out)
{
	bool		was_read_only = XactReadOnly;
	int			limit = LOOK_ROWS;
	AdView	   *view;
	uint64		rows;
	double		seconds;
	double		missing = 0;

	memset(out, 0, sizeof(*out));
	XactReadOnly = true;
	if (!isnan(budget))
		limit = affordable_rows(q, budget / LOOK_SHARE / 2);
	view = read_first(q, limit, &rows, &seconds);
	for (int j = 0; j < view->nfeatures; j++)
	{
		const AdFeature *f = &view->sketch->features[j];

		out->columns += columns_of(f, &view->features[j], view->rows);
		out->categories += f->class == AD_CLASS_CATEGORY;
		missing += (double) view->features[j].missing;
	}
	out->columns = Max(1, Min(out->columns, AD_MAX_FEATURES));
	out->missing = missing / ((double) view->rows * view->nfeatures);
	out->rows = (int64) view->rows;
	if (rows >= (uint64) limit)
		out->rows = Max(out->rows, (int64) Min(planned_rows(q), 1e15));
	XactReadOnly = was_read_only;
	out->seconds = seconds * (double) out->rows / (double) rows;
}

/* Put the detectors for a query's rows into a tuplestore.  Within SPI. */
static void
rank(const Look *look, Datum priority, double budget,
	 Tuplestorestate *store)
{
	Oid			types[RANKED_PARAMETERS] = {INT8OID, INT4OID, TEXTOID,
		FLOAT8OID, FLOAT8OID, INT4OID, FLOAT8OID
	};
	char		nulls[RANKED_PARAMETERS];
	Datum		values[RANKED_PARAMETERS];
	char	   *sql = psprintf("SELECT * FROM %s._ad_ranked($1, $2, $3, $4, $5, $6, $7)",
							   ad_internal_schema());

	memset(nulls, ' ', sizeof(nulls));
	values[RANKED_ROWS] = Int64GetDatum(look->rows);
	values[RANKED_COLUMNS] = Int32GetDatum(look->columns);
	values[RANKED_PRIORITY] = priority;
	values[RANKED_BUDGET] = Float8GetDatum(budget);
	nulls[RANKED_BUDGET] = isnan(budget) ? 'n' : ' ';
	values[RANKED_READING] = Float8GetDatum(isnan(budget) ? 0 :
											READINGS * look->seconds);
	values[RANKED_CATEGORIES] = Int32GetDatum(look->categories);
	values[RANKED_MISSING] = Float8GetDatum(look->missing);
	if (SPI_execute_with_args(sql, RANKED_PARAMETERS, types, values, nulls,
							  true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(store, SPI_tuptable->vals[i]);
	if (SPI_processed > 0)
		return;
	if (isnan(budget) || look->rows < LEAST_ROWS)
		ereport(NOTICE,
				(errmsg("number of rows is %lld, which no detector can learn from",
						(long long) look->rows),
				 errhint("Give at least %d rows.", LEAST_ROWS)));
	else
		ereport(NOTICE,
				(errmsg("no detector is known to read, fit and score the rows within the budget")));
}

/* Raise an error unless a word is a priority. */
static void
check_priority(Datum value)
{
	const char *word;

	/* what is longer is clipped where it is quoted */
	word = text_to_cstring(DatumGetTextPSlice(value, 0, AD_MAX_WORD_LENGTH));
	for (size_t i = 0; i < lengthof(priorities); i++)
		if (strcmp(word, priorities[i]) == 0)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("priority cannot be \"%s\"", ad_quote_clip(word)),
			 errdetail("Expected one of %s.",
					   ad_quoted_list(priorities, lengthof(priorities)))));
}

/* Raise an error unless a number is within limits; max 0: none. */
static void
check_range(const char *what, int64 v, int64 max)
{
	if (v >= 1 && (max == 0 || v <= max))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is out of range: %lld", what, (long long) v),
			 max == 0 ? errdetail("Allowed values are at least 1.") :
			 errdetail("Allowed values are at least 1 and at most %lld.",
					   (long long) max)));
}

/* ad_recommend(rows, features, priority) -> detectors, best first. */
Datum
ad_recommend_rows(PG_FUNCTION_ARGS)
{
	Look		look = {0};
	TupleDesc	desc;
	Tuplestorestate *store;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("rows, features and priority cannot be NULL")));
	look.rows = PG_GETARG_INT64(0);
	look.columns = PG_GETARG_INT32(1);
	check_range("rows", look.rows, 0);
	check_range("features", look.columns, AD_MAX_FEATURES);
	check_priority(PG_GETARG_DATUM(2));
	store = ad_result_begin(fcinfo, RECOMMEND_COLUMNS, &desc);
	SPI_connect();
	rank(&look, PG_GETARG_DATUM(2), NAN, store);
	SPI_finish();
	return (Datum) 0;
}

/* ad_recommend(query, priority, budget, key) -> detectors, best first. */
static Datum
run_recommend(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"query", "priority"};
	TupleDesc	desc;
	Tuplestorestate *store;
	char	   *sql;
	char	   *key;
	double		budget;
	ErrorContextCallback callback;
	AdQuery		query;
	Look		look;

	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	sql = ad_text_argument(PG_GETARG_DATUM(0), "query", AD_MAX_QUERY_LENGTH);
	check_priority(PG_GETARG_DATUM(1));
	budget = PG_ARGISNULL(2) ? NAN : ad_budget_seconds(PG_GETARG_INTERVAL_P(2));
	key = PG_ARGISNULL(3) ? NULL :
		ad_text_argument(PG_GETARG_DATUM(3), "key", AD_MAX_WORD_LENGTH);
	store = ad_result_begin(fcinfo, RECOMMEND_COLUMNS, &desc);

	callback.callback = error_context;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	SPI_connect();
	ad_query_read(sql, "query", &query);
	ad_query_features(&query, ad_query_key(&query, key));
	look_at(&query, budget, &look);
	error_context_stack = callback.previous;
	rank(&look, PG_GETARG_DATUM(1), budget, store);
	SPI_finish();
	return (Datum) 0;
}

/* The same; what fails repeats little of the query. */
Datum
ad_recommend_query(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_recommend, fcinfo);
}
