/*-------------------------------------------------------------------------
 *
 * explain.c
 *		ad_explain and ad_why: why a row scores what it scores.
 *
 * The rows of ad_explain() go to a tuplestore at once, and what is the same
 * for every row of a model (names, usual values) is turned into SQL values
 * once, so that a lateral join over many rows costs little more than the
 * explanations themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_explain.h"
#include "rows/ad_explain_row.h"
#include "rows/ad_model_call.h"
#include "rows/ad_tuple.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#define FEW			32			/* features that are not sorted by qsort() */
#define SENTENCES	3			/* of ad_why; and as many of what is beyond
								 * all that the fit saw */
#define MIN_PART	0.1			/* of the greatest contribution, to be said */

typedef struct ExplainOptions
{
	int			method;
	int			top;			/* rows wanted */
	bool		beyond;			/* and those beyond all that the fit saw */
} ExplainOptions;

enum
{
	METHOD_SHAP, METHOD_PATH
};

static const char *const methods[] = {"shap", "path", NULL};

static const AdOption explain_options[] = {
	AD_ENUM(ExplainOptions, method, METHOD_SHAP, methods),
	AD_INT(ExplainOptions, top, AD_MAX_FEATURES, 1, AD_MAX_FEATURES),
	AD_BOOL(ExplainOptions, beyond, false),
};

/* The columns of ad_explain(). */
enum
{
	EXPLAIN_RANK,
	EXPLAIN_FEATURE,
	EXPLAIN_VALUE,
	EXPLAIN_CONTRIBUTION,
	EXPLAIN_DIRECTION,
	EXPLAIN_TYPICAL,
	EXPLAIN_COLUMNS
};

/* What a call site keeps. */
typedef struct ExplainCall
{
	ExplainOptions options;
	struct varlena *given;		/* they were read from, flat; or NULL */
	bool		checked;		/* the columns it returns are those written */
	uint64		changes;		/* of the call's model; 0: not made for any */
	MemoryContext mcxt;			/* of the following */
	double	   *contribution;
	int		   *order;			/* features, greatest contribution first */
	AdTuplePart *begin;			/* per feature: of a row, up to its name */
	AdTuplePart *typical;		/* bytes NULL: nothing is known */
	AdTuplePart directions[AD_DIRECTIONS];
	double	   *beyond;			/* ad_words_beyond() of the row */
	StringInfoData text;
} ExplainCall;

PG_FUNCTION_INFO_V1(ad_explain);
PG_FUNCTION_INFO_V1(ad_explain_row);
PG_FUNCTION_INFO_V1(ad_why);
PG_FUNCTION_INFO_V1(ad_why_row);

/* Greater contributions first, of equal ones the earlier feature. */
static int
compare_contributions(const void *a, const void *b, void *arg)
{
	const double *c = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;

	if (fabs(c[i]) != fabs(c[j]))
		return fabs(c[i]) > fabs(c[j]) ? -1 : 1;
	return i - j;
}

/*
 * The same of a few, by counting what comes before each: the branches of a sort
 * would be mispredicted.  Numbers that are not negative are ordered as their
 * bits are.
 */
static void
order_few(const double *contribution, int n, int *order)
{
	uint64		size[FEW];

	for (int j = 0; j < n; j++)
	{
		double		absolute = fabs(contribution[j]);

		memcpy(&size[j], &absolute, sizeof(absolute));
	}
	for (int j = 0; j < n; j++)
	{
		int			before = 0;

		for (int k = 0; k < j; k++)
			before += size[k] >= size[j];
		for (int k = j + 1; k < n; k++)
			before += size[k] > size[j];
		order[before] = j;
	}
}

/* What is kept of a call site, made ready for a model. */
static ExplainCall *
explain_call(FunctionCallInfo fcinfo, AdModelCall *call, AdModel *m)
{
	ExplainCall *e = call->extra;
	MemoryContext old;

	if (e == NULL)
	{
		e = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
								   sizeof(ExplainCall));
		e->mcxt = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
										"anomaly explanation",
										ALLOCSET_DEFAULT_SIZES);
		ad_options_defaults(explain_options, lengthof(explain_options),
							&e->options);
		call->extra = e;
	}
	if (e->changes == call->changes)
		return e;

	e->changes = 0;
	ad_model_words(m);
	MemoryContextReset(e->mcxt);
	old = MemoryContextSwitchTo(e->mcxt);
	e->contribution = ad_palloc_array(double, m->nfeatures);
	e->order = ad_palloc_array(int, m->nfeatures);
	e->begin = ad_palloc_array(AdTuplePart, m->nfeatures);
	e->typical = ad_palloc0_array(AdTuplePart, m->nfeatures);
	e->beyond = ad_palloc_array(double, m->nfeatures);
	initStringInfo(&e->text);
	for (int j = 0; j < m->nfeatures; j++)
	{
		const char *typical = ad_words_typical(m, j);

		AdTuplePart name = ad_tuple_text(ad_words_name(m, j));

		ad_tuple_begin(&e->text, EXPLAIN_COLUMNS);
		ad_tuple_put_int32(&e->text, 0);
		ad_tuple_put_text(&e->text, &name);
		e->begin[j] = ad_tuple_part(e->text.data, e->text.len);
		if (typical)
			e->typical[j] = ad_tuple_text(typical);
	}
	for (int i = 0; i < AD_DIRECTIONS; i++)
		e->directions[i] = ad_tuple_text(ad_direction_names[i]);
	MemoryContextSwitchTo(old);
	e->changes = call->changes;
	return e;
}

/*
 * Explain a row into contribution and order: the features, greatest
 * contribution first.  Returns the score.
 */
double
ad_explain_in_order(AdModel *m, const double *x, bool path,
					double *contribution, int *order)
{
	bool		first = m->explain == NULL;
	double		score = ad_model_explain(m, x, path, contribution);

	if (first)
		ad_model_grown(m);
	ad_model_count_growth(m);
	if (m->nfeatures <= FEW)
		order_few(contribution, m->nfeatures, order);
	else
	{
		for (int j = 0; j < m->nfeatures; j++)
			order[j] = j;
		qsort_arg(order, m->nfeatures, sizeof(int), compare_contributions,
				  contribution);
	}
	return score;
}

/* The same into what is kept of a call site. */
static double
explain_row(ExplainCall *e, AdModel *m, const double *x)
{
	return ad_explain_in_order(m, x, e->options.method == METHOD_PATH,
							   e->contribution, e->order);
}

/*
 * Put what is usual of a feature into a row, and where a number of the row is
 * beyond it, all that the fit saw.
 */
static void
put_typical(const ExplainCall *e, const AdModel *m, int feature, double v,
			StringInfo row)
{
	int			at;

	if (e->typical[feature].bytes == NULL)
	{
		ad_tuple_put_null(row, EXPLAIN_TYPICAL);
		return;
	}
	if (isnan(v) || m->features[feature].class == AD_CLASS_CATEGORY ||
		!(ad_words_beyond(m, feature, v) > 0))
	{
		ad_tuple_put_text(row, &e->typical[feature]);
		return;
	}
	at = ad_tuple_begin_text(row);
	appendStringInfo(row, "%s (seen: ", ad_words_typical(m, feature));
	ad_words_seen(m, feature, v, row);
	appendStringInfoChar(row, ')');
	ad_tuple_end_text(row, at);
}

/* Write the row of a feature, in the order of the columns. */
static void
write_row(const ExplainCall *e, const AdModel *m, const AdArgs *args,
		  int rank, int feature, StringInfo row)
{
	double		x = args->x[feature];

	ad_tuple_begin_as(row, &e->begin[feature], rank);
	if (isnan(x))
		ad_tuple_put_null(row, EXPLAIN_VALUE);
	else
	{
		int			at = ad_tuple_begin_text(row);

		ad_words_value(m, feature, x, &args->category[feature], row);
		ad_tuple_end_text(row, at);
	}
	ad_tuple_put_float8(row, e->contribution[feature]);
	ad_tuple_put_text(row, &e->directions[ad_words_direction(m, feature, x)]);
	put_typical(e, m, feature, x, row);
}

/* Read the options of a call in an argument; NULL: the defaults. */
static void
read_options(FunctionCallInfo fcinfo, int argument, ExplainCall *e)
{
	struct varlena *given = NULL;

	if (!PG_ARGISNULL(argument))
		given = (struct varlena *) ad_jsonb_argument(PG_GETARG_DATUM(argument),
													 "options");
	if (given == NULL ? e->given == NULL :
		e->given != NULL && VARSIZE(given) == VARSIZE(e->given) &&
		memcmp(given, e->given, VARSIZE(given)) == 0)
		return;
	if (e->given)
		pfree(e->given);
	e->given = NULL;
	ad_options_defaults(explain_options, lengthof(explain_options),
						&e->options);
	if (given == NULL)
		return;
	ad_options_parse(&((Jsonb *) given)->root, "ad_explain()",
					 explain_options, lengthof(explain_options), NULL,
					 &e->options);
	e->given = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, VARSIZE(given));
	memcpy(e->given, given, VARSIZE(given));
}

/* Raise an error unless a call returns the columns that write_row() writes. */
static void
check_result(FunctionCallInfo fcinfo)
{
	static const Oid types[EXPLAIN_COLUMNS] = {
		INT4OID, TEXTOID, TEXTOID, FLOAT8OID, TEXTOID, TEXTOID
	};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != EXPLAIN_COLUMNS)
		elog(ERROR, "ad_explain has a wrong result type");
	for (int i = 0; i < EXPLAIN_COLUMNS; i++)
		if (TupleDescAttr(desc, i)->atttypid != types[i])
			elog(ERROR, "column %d of ad_explain has a wrong type", i + 1);
}

/* The store that the rows go to. */
static Tuplestorestate *
begin_result(FunctionCallInfo fcinfo, ExplainCall *e)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;
	Tuplestorestate *store;

	if (!e->checked)
		check_result(fcinfo);
	e->checked = true;
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	store = tuplestore_begin_heap((rsinfo->allowedModes &
								   SFRM_Materialize_Random) != 0,
								  false, work_mem);
	MemoryContextSwitchTo(old);
	/* without a setDesc, which the executor would free */
	rsinfo->setResult = store;
	return store;
}

/*
 * Return the rows that explain a call's row; none without a model.  options
 * are in that argument, if it is not 0.
 */
static Datum
explain(FunctionCallInfo fcinfo, AdModelCall *call, AdModel *m, int options)
{
	ExplainCall *e;
	Tuplestorestate *store;

	if (m == NULL)
		return (Datum) 0;
	e = explain_call(fcinfo, call, m);
	if (options > 0)
		read_options(fcinfo, options, e);
	(void) explain_row(e, m, call->args.x);
	ad_stat_none(&call->stat, true);

	store = begin_result(fcinfo, e);
	for (int i = 0; i < m->nfeatures; i++)
	{
		int			j = e->order[i];

		if (i >= e->options.top)
		{
			if (!e->options.beyond)
				break;
			if (!(ad_words_beyond(m, j, call->args.x[j]) > 0))
				continue;
		}
		write_row(e, m, &call->args, i + 1, j, &e->text);
		ad_tuple_store(&e->text, store);
	}
	return (Datum) 0;
}

/*
 * ad_explain(model bytea [, options jsonb], VARIADIC "any") -> a row a
 * feature, greatest contribution first.  NULL model, or NULL in place of the
 * one array or row: no rows.
 */
Datum
ad_explain(PG_FUNCTION_ARGS)
{
	bool		options = PG_NARGS() > 1 &&
		get_fn_expr_argtype(fcinfo->flinfo, 1) == JSONBOID;
	AdModelCall *call = NULL;
	AdModel    *m;

	ad_result_info(fcinfo)->returnMode = SFRM_Materialize;
	m = ad_model_call_row(fcinfo, options ? 2 : 1, &call);
	return explain(fcinfo, call, m, options ? 1 : 0);
}

/* ad_explain_row(model, row jsonb, options jsonb): the same of a JSON row. */
Datum
ad_explain_row(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m;

	ad_result_info(fcinfo)->returnMode = SFRM_Materialize;
	m = ad_model_call_json(fcinfo, &call);
	return explain(fcinfo, call, m, 2);
}

/* Say of a feature of the row what is to be said. */
static void
append_sentence(ExplainCall *e, AdModelCall *call, const AdModel *m,
				int feature)
{
	if (e->text.len > 0)
		appendStringInfoString(&e->text, "; ");
	ad_words_sentence(m, feature, call->args.x[feature],
					  &call->args.category[feature], &e->text);
}

/* What raises the score of a row though it is usual in itself. */
typedef struct Usual
{
	int			features[SENTENCES];	/* greatest contribution first */
	int			n;
	bool		leads;			/* the first contributes most of all */
} Usual;

/*
 * Say what raises the row's score most, of what is not usual in itself.
 * Fills in what is.
 */
static void
append_contributions(ExplainCall *e, AdModelCall *call, const AdModel *m,
					 Usual *usual)
{
	double		greatest = 0;
	int			said = 0;

	usual->n = 0;
	usual->leads = false;
	for (int i = 0; i < m->nfeatures && said < SENTENCES; i++)
	{
		int			j = e->order[i];
		double		c = e->contribution[j];
		AdDirection direction = ad_words_direction(m, j, call->args.x[j]);

		if (!(c > 0) || c < greatest * MIN_PART)
			continue;
		if ((direction == AD_DIR_WITHIN || direction == AD_DIR_USUAL) &&
			e->beyond[j] == 0)
		{
			usual->leads |= greatest == 0;
			if (usual->n < SENTENCES)
				usual->features[usual->n++] = j;
		}
		else
		{
			append_sentence(e, call, m, j);
			e->beyond[j] = 0;
			said++;
		}
		greatest = Max(greatest, c);
	}
}

/*
 * Say of an anomaly what raises its score most though it is usual in itself:
 * where nothing else was said, or where that contributes more.
 */
static void
append_usual(ExplainCall *e, AdModelCall *call, const AdModel *m,
			 const Usual *usual)
{
	bool		alone = e->text.len == 0;

	if (usual->n == 0 || (!alone && !usual->leads))
		return;
	if (alone && usual->n == 1)
	{
		append_sentence(e, call, m, usual->features[0]);
		appendStringInfoString(&e->text, ", but rows like this are rare");
		return;
	}
	appendStringInfoString(&e->text, alone ? "unusual together: " :
						   "; unusual together with ");
	for (int i = 0; i < usual->n; i++)
	{
		int			j = usual->features[i];

		if (i > 0)
			appendStringInfoString(&e->text, ", ");
		ad_words_usual(m, j, call->args.x[j], &call->args.category[j],
					   &e->text);
	}
}

/*
 * Say of what else the row has that no row of the fit had, whatever it adds
 * to the score: the farthest first, and how many more there are.
 */
static void
append_beyond(ExplainCall *e, AdModelCall *call, const AdModel *m)
{
	int			more = 0;

	for (int said = 0; said < SENTENCES; said++)
	{
		int			farthest = -1;

		for (int j = 0; j < m->nfeatures; j++)
			if (e->beyond[j] > 0 &&
				(farthest < 0 || e->beyond[j] > e->beyond[farthest]))
				farthest = j;
		if (farthest < 0)
			return;
		append_sentence(e, call, m, farthest);
		e->beyond[farthest] = 0;
	}
	for (int j = 0; j < m->nfeatures; j++)
		more += e->beyond[j] > 0;
	if (more > 0)
		appendStringInfo(&e->text, "; %d more %s beyond all seen in training",
						 more, more == 1 ? "feature is" : "features are");
}

/*
 * Say of a row of which nothing was said what can be.  A model of format 1 does not know which scores are high: what
 * contributes most is named then.
 */
static void
append_nothing(ExplainCall *e, AdModelCall *call, const AdModel *m,
			   const Usual *usual, bool anomaly)
{
	if (!m->has_scores && usual->n > 0)
		append_sentence(e, call, m, usual->features[0]);
	else
		appendStringInfoString(&e->text, anomaly ?
							   "no value is unusual, but rows like this are rare" :
							   "nothing is unusual");
}

/*
 * Say what is unusual of a call's row, of what raises its score most and what
 * is beyond all that the fit saw, and of an anomaly what is unusual together;
 * NULL without a model.
 */
static Datum
why(FunctionCallInfo fcinfo, AdModelCall *call, AdModel *m)
{
	ExplainCall *e;
	Usual		usual;
	double		score;
	bool		anomaly;

	if (m == NULL)
		PG_RETURN_NULL();
	e = explain_call(fcinfo, call, m);
	score = explain_row(e, m, call->args.x);
	ad_stat_none(&call->stat, true);
	for (int j = 0; j < m->nfeatures; j++)
		e->beyond[j] = ad_words_beyond(m, j, call->args.x[j]);
	resetStringInfo(&e->text);
	append_contributions(e, call, m, &usual);
	/* as ad_is_anomaly() has it */
	anomaly = m->has_scores && score > m->calibration.threshold;
	if (anomaly)
		append_usual(e, call, m, &usual);
	append_beyond(e, call, m);
	if (e->text.len == 0)
		append_nothing(e, call, m, &usual, anomaly);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(e->text.data, e->text.len));
}

/*
 * ad_why(model bytea, VARIADIC "any") -> text.  NULL model, or NULL in place of
 * the one array or row: NULL.
 */
Datum
ad_why(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_row(fcinfo, 1, &call);

	return why(fcinfo, call, m);
}

/* ad_why_row(model, row jsonb) -> text: the same of a JSON row. */
Datum
ad_why_row(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_json(fcinfo, &call);

	return why(fcinfo, call, m);
}
