/*-------------------------------------------------------------------------
 *
 * assert_usual.c
 *		ad_assert_usual: a test of a query's rows, for dbt, pgTAP and scripts.
 *
 * The query is run once, to score, and if too many rows are unusual once more
 * under the same snapshot, for those alone: what holds costs no explanations.
 * All of it is of one version of the model, which is read at the start.
 *
 * A threshold is one on the score: of p-values, which fall as the score
 * rises, that of the lowest score that counts.  A false discovery rate is
 * Benjamini and Hochberg's over the rows of the query.  A threshold that no
 * row can reach would be a test that cannot fail, so it is refused, or warned
 * of.
 *
 * By default it tests the rows together: that there are no more of a low
 * p-value than chance explains.  Few rows held out bound p-values from below,
 * so that no single row of many can be told from chance; a load of rows that
 * are at fault can.  If rows are as those held out were, all of them are
 * exchangeable, and how many lie above a given one of those held out has a
 * negative hypergeometric distribution, whatever the detector.
 *
 * It runs as the caller, in what for its duration is a read-only transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"
#include "rows/ad_query.h"
#include "rows/ad_registry.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include <float.h>

#define BATCH			1000	/* rows fetched at a time */
#define DEFAULT_P_VALUE	0.001
#define FALSE_ALARMS	0.01	/* of the rows together, at most */
#define MAX_CANDIDATES	60000000	/* rows of a false discovery rate that are
									 * kept */
#define SHOWN			5		/* rows that an error tells of */
#define SHOWN_LENGTH	300		/* bytes of what it tells of each */

PG_FUNCTION_INFO_V1(ad_assert_usual);

/* The arguments. */
enum
{
	ARG_QUERY,
	ARG_MODEL,
	ARG_KEY,
	ARG_P_VALUE,
	ARG_FDR,
	ARG_SCORE,
	ARG_MAX_ROWS,
	ARG_ON_FAILURE
};

/* The columns of the result, and of the query for it. */
enum
{
	USUAL_KEY,
	USUAL_SCORE,
	USUAL_P_VALUE,
	USUAL_WHY,
	USUAL_COLUMNS
};

/* A call. */
typedef struct Assertion
{
	const char *model;			/* its name */
	bytea	   *bytes;
	const AdCalibration *calibration;
	bool		has_p_values;
	double		p_value;		/* NaN, as the next two, unless it is the
								 * threshold */
	double		fdr;
	double		score;
	int64		max_rows;		/* -1: what chance explains */
	bool		raises;
	AdQuery		query;
	uint64		rows;			/* that have a score */
	uint64		unusual;
	double		cut;			/* the lowest score of those */
	double	   *candidates;		/* scores that may be unusual; of fdr */
	Size		ncandidates;
	Size		capacity;
} Assertion;

/* A threshold in an argument, checked; NaN for NULL. */
static double
threshold_argument(FunctionCallInfo fcinfo, int argument, const char *name,
				   double max)
{
	double		v;

	if (PG_ARGISNULL(argument))
		return NAN;
	v = PG_GETARG_FLOAT8(argument);
	if (isnan(v) || (max > 0 && !(v > 0 && v < max)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is out of range: %s", name,
						float8out_internal(v)),
				 max > 0 ? errdetail("Allowed values are greater than 0 and less than %g.", max) : 0));
	return v;
}

/* Read what decides which rows are unusual, and what then. */
static void
read_arguments(FunctionCallInfo fcinfo, Assertion *a)
{
	static const char *const names[] = {"query", "model"};
	static const char *const actions[] = {"error", "rows", NULL};
	char	   *action;

	ad_check_not_null(fcinfo, names, lengthof(names));
	if (PG_ARGISNULL(ARG_ON_FAILURE))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" cannot be NULL", "on_failure")));
	a->p_value = threshold_argument(fcinfo, ARG_P_VALUE, "p_value", 1);
	a->fdr = threshold_argument(fcinfo, ARG_FDR, "fdr", 1);
	a->score = threshold_argument(fcinfo, ARG_SCORE, "score", 0);
	if (!isnan(a->p_value) + !isnan(a->fdr) + !isnan(a->score) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("only one of \"p_value\", \"fdr\" and \"score\" can be given")));
	a->max_rows = PG_ARGISNULL(ARG_MAX_ROWS) ? -1 : PG_GETARG_INT64(ARG_MAX_ROWS);
	if (a->max_rows < 0 && !PG_ARGISNULL(ARG_MAX_ROWS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is out of range: " INT64_FORMAT, "max_rows",
						a->max_rows),
				 errdetail("Allowed values are at least 0.")));
	action = ad_text_argument(PG_GETARG_DATUM(ARG_ON_FAILURE), "on_failure",
							  AD_MAX_WORD_LENGTH);
	ad_check_word("on_failure", action, actions, "\"error\" or \"rows\"");
	a->raises = strcmp(action, "error") == 0;
}

/* The p-value of a score. */
static double
p_value_of(const Assertion *a, double score)
{
	return ad_scores_pvalue(&a->calibration->held_out, score);
}

/* The least that the model gives. */
static double
least_p_value(const Assertion *a)
{
	return p_value_of(a, DBL_MAX);
}

/* Take the active version of the model, and check what it is asked for. */
static void
take_model(FunctionCallInfo fcinfo, Assertion *a)
{
	text	   *name = ad_model_name_argument(PG_GETARG_DATUM(ARG_MODEL));
	int32		version = AD_VERSION_ACTIVE;
	Datum		value = ad_registry_model(name, &version, AD_PRIVILEGE_SCORE);
	double		least;

	a->model = text_to_cstring(name);
	a->bytes = DatumGetByteaP(value);
	a->calibration = &ad_model_read((const uint8 *) VARDATA(a->bytes),
									VARSIZE(a->bytes) - VARHDRSZ)->calibration;
	a->has_p_values = a->calibration->method != AD_CALIBRATION_NONE;
	if (!isnan(a->score))
		return;
	if (!a->has_p_values)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" is not calibrated, so it has no p-values",
						a->model),
				 errhint("Train it with ad_calibrate() in its spec, or give a threshold of the score: score => 0.7.")));
	least = least_p_value(a);
	if (isnan(a->p_value) && isnan(a->fdr))
		a->p_value = Max(least, DEFAULT_P_VALUE);
	if (least > a->p_value)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no p-value of model \"%s\" is as low as %g", a->model,
						a->p_value),
				 errdetail("The smallest is %g.", least),
				 errhint("Train it on more rows, with a greater share in ad_calibrate(), or ask for less.")));
}

/* Keep a score whose p-value is low enough for a false discovery rate. */
static void
add_candidate(Assertion *a, double score)
{
	if (a->ncandidates == a->capacity)
	{
		if (a->capacity >= MAX_CANDIDATES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d rows have a p-value of at most %g",
							MAX_CANDIDATES, a->fdr),
					 errhint("Ask for rows with a p-value instead: p_value => 0.001.")));
		a->capacity = a->capacity == 0 ? BATCH : Min(2 * a->capacity, (Size) MAX_CANDIDATES);
		a->candidates = a->candidates == NULL ?
			ad_palloc_array(double, a->capacity) :
			ad_repalloc_array(a->candidates, double, a->capacity);
	}
	a->candidates[a->ncandidates++] = score;
}

/* Count a row's score. */
static void
count_score(void *arg, double score)
{
	Assertion  *a = arg;
	double		p;

	a->rows++;
	if (!isnan(a->score))
	{
		if (score < a->score)
			return;
	}
	else
	{
		p = p_value_of(a, score);
		if (p > (isnan(a->fdr) ? a->p_value : a->fdr))
			return;
		if (!isnan(a->fdr))
		{
			add_candidate(a, score);
			return;
		}
	}
	a->unusual++;
	a->cut = a->unusual == 1 ? score : Min(a->cut, score);
}

static int
compare_descending(const void *x, const void *y)
{
	double		a = *(const double *) x;
	double		b = *(const double *) y;

	return a > b ? -1 : a < b;
}

/* Round up to two digits. */
static double
round_up(double v)
{
	double		unit = pow(10, floor(log10(v)) - 1);

	return ceil(v / unit * (1 - 1e-12)) * unit;
}

/* Warn of a false discovery rate that few rows could not reach. */
static void
warn_of_reach(const Assertion *a)
{
	double		least = least_p_value(a);
	double		needed = ceil(least * (double) a->rows / a->fdr * (1 - 1e-12));

	if (a->unusual == 0 && needed > (double) a->max_rows + 1)
		ereport(WARNING,
				(errmsg("fewer than %.15g unusual rows among " UINT64_FORMAT " cannot be found at a false discovery rate of %g",
						needed, a->rows, a->fdr),
				 errdetail("The smallest p-value of model \"%s\" is %g.", a->model,
						   least),
				 errhint("Train it on more rows, with a greater share in ad_calibrate(), or ask for rows with a p-value: p_value => %.2g.",
						 round_up(least))));
}

/* The logarithm of n over k. */
static double
log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/*
 * Return the probability that of new rows at least k score above all but the c
 * highest of those held out: that of the c + k highest of all of them at most
 * c were held out.
 */
static double
chance_of(double held_out, double rows, double c, double k)
{
	double		all = log_choose(held_out + rows, c + k);
	double		sum = 0;

	for (double j = Max(c + k - rows, 0); j <= c; j++)
	{
		if (fmod(j, 1024) == 0)
			CHECK_FOR_INTERRUPTS();
		sum += exp(log_choose(held_out, j) + log_choose(rows, c + k - j) - all);
	}
	return sum;
}

/* Return how many rows chance explains with a p-value that low. */
static int64
rows_by_chance(const Assertion *a)
{
	double		held_out = (double) a->calibration->held_out.n;
	double		rows = (double) a->rows;
	double		c = floor(a->p_value * (held_out + 1) * (1 + 1e-12)) - 1;
	double		low = 0;		/* more than this chance explains */
	double		high = rows + 1;

	while (high - low > 1)
	{
		double		k = floor((low + high) / 2);

		if (chance_of(held_out, rows, c, k) > FALSE_ALARMS)
			low = k;
		else
			high = k;
	}
	return (int64) low;
}

/*
 * Decide how many rows may be unusual, and by Benjamini and Hochberg's rule
 * which candidates are.
 */
static void
decide(Assertion *a)
{
	if (a->max_rows < 0)
		a->max_rows = isnan(a->p_value) ? 0 : rows_by_chance(a);
	if (isnan(a->fdr))
		return;
	if (a->ncandidates > 0)
		qsort(a->candidates, a->ncandidates, sizeof(double), compare_descending);
	for (Size i = a->ncandidates; i > 0 && a->unusual == 0; i--)
	{
		double		p = p_value_of(a, a->candidates[i - 1]);

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (p <= a->fdr * (double) i / (double) a->rows)
		{
			a->unusual = i;
			a->cut = a->candidates[i - 1];
		}
	}
	warn_of_reach(a);
}

/* A cursor over the unusual rows, most unusual first. */
static Portal
open_rows(Assertion *a)
{
	const char *internal = ad_internal_schema();
	Oid			types[] = {BYTEAOID, FLOAT8OID};
	Datum		values[] = {PointerGetDatum(a->bytes), Float8GetDatum(a->cut)};
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, _s.score, NULL::pg_catalog.float8, %s._ad_why($1, %s)",
					 ad_query_key_text(&a->query), internal, a->query.features);
	/* OFFSET 0: score once */
	appendStringInfo(&sql, "%s, LATERAL (SELECT %s._ad_score($1, %s) AS score OFFSET 0) _s "
					 "WHERE _s.score OPERATOR(pg_catalog.>=) $2 ORDER BY _s.score DESC, 1",
					 ad_query_from(&a->query), internal, a->query.features);
	return SPI_cursor_open_with_args(NULL, sql.data, lengthof(types), types,
									 values, NULL, true, 0);
}

/* Raise the error of an assertion that does not hold. */
static void
fail(Assertion *a)
{
	StringInfoData detail;

	SPI_cursor_fetch(open_rows(a), true, SHOWN);
	initStringInfo(&detail);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *key = SPI_getvalue(row, desc, USUAL_KEY + 1);
		char	   *why = SPI_getvalue(row, desc, USUAL_WHY + 1);

		appendStringInfo(&detail, "%s%s%s%s", i > 0 ? "\n" : "",
						 key ? ad_quote_clip(key) : "", key ? ": " : "",
						 pnstrdup(why, pg_mbcliplen(why, (int) strlen(why), SHOWN_LENGTH)));
	}
	if (a->unusual > SPI_processed)
		appendStringInfo(&detail, "\nand " UINT64_FORMAT " more.",
						 a->unusual - SPI_processed);
	ereport(ERROR,
			(errcode(ERRCODE_ASSERT_FAILURE),
			 errmsg(UINT64_FORMAT " of " UINT64_FORMAT " rows are unusual to model \"%s\", at most " INT64_FORMAT " may be",
					a->unusual, a->rows, a->model, a->max_rows),
			 errdetail_internal("%s", detail.data),
			 errhint("on_failure => 'rows' returns them.")));
}

/* Return the unusual rows. */
static void
return_rows(Assertion *a, Tuplestorestate *store, TupleDesc desc)
{
	Portal		portal = open_rows(a);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Datum		values[USUAL_COLUMNS];
			bool		nulls[USUAL_COLUMNS];

			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							  values, nulls);
			nulls[USUAL_P_VALUE] = !a->has_p_values;
			if (a->has_p_values)
				values[USUAL_P_VALUE] =
					Float8GetDatum(p_value_of(a, DatumGetFloat8(values[USUAL_SCORE])));
			tuplestore_putvalues(store, desc, values, nulls);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/*
 * ad_assert_usual(query, model, key, p_value, fdr, score, max_rows, on_failure)
 * -> (key, score, p_value, why): no rows, or an error or the rows that are
 * unusual, if there are more than may be.
 */
static Datum
run_assert(FunctionCallInfo fcinfo)
{
	bool		was_read_only = XactReadOnly;
	Assertion	a;
	TupleDesc	desc;
	Tuplestorestate *store;
	char	   *sql;
	char	   *key;

	memset(&a, 0, sizeof(a));
	read_arguments(fcinfo, &a);
	sql = ad_text_argument(PG_GETARG_DATUM(ARG_QUERY), "query", AD_MAX_QUERY_LENGTH);
	key = PG_ARGISNULL(ARG_KEY) ? NULL :
		ad_text_argument(PG_GETARG_DATUM(ARG_KEY), "key", AD_MAX_WORD_LENGTH);
	take_model(fcinfo, &a);
	store = ad_result_begin(fcinfo, USUAL_COLUMNS, &desc);

	SPI_connect();
	ad_query_read(sql, "query", &a.query);
	ad_query_features(&a.query, ad_query_key(&a.query, key));
	/* an error ends the (sub)transaction, which puts this back */
	XactReadOnly = true;
	ad_query_scores(&a.query, a.bytes, count_score, &a);
	decide(&a);
	if (a.unusual > (uint64) a.max_rows)
	{
		if (a.raises)
			fail(&a);
		return_rows(&a, store, desc);
	}
	XactReadOnly = was_read_only;
	SPI_finish();
	return (Datum) 0;
}

/* The same; what fails repeats little of the query. */
Datum
ad_assert_usual(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_assert, fcinfo);
}
