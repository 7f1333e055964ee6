/*-------------------------------------------------------------------------
 *
 * sql_generate.c
 *		ad_random, ad_generate_blobs, ad_generate_series, and arrays of their
 *		values: made-up data.
 *
 * The set-returning functions hand out one value per call, so a LIMIT above one
 * in a select list ends it, and it is the executor that keeps the rows or
 * not.  Their support function tells the planner how many rows to expect.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_generate.h"
#include "sql/ad_text.h"

#include <float.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_random);
PG_FUNCTION_INFO_V1(ad_random_array);
PG_FUNCTION_INFO_V1(ad_generate_blobs);
PG_FUNCTION_INFO_V1(ad_generate_series);
PG_FUNCTION_INFO_V1(ad_generate_series_array);
PG_FUNCTION_INFO_V1(ad_generate_support);

/* Values that an array can have: it is no larger than 1 GB. */
#define MAX_VALUES \
	((int64) ((MaxAllocSize - ARR_OVERHEAD_NONULLS(1)) / sizeof(float8)))

/* The columns of ad_generate_blobs(). */
enum
{
	BLOBS_I,
	BLOBS_FEATURES,
	BLOBS_IS_ANOMALY,
	BLOBS_COLUMNS
};

/* The columns of ad_generate_series(). */
enum
{
	SERIES_I,
	SERIES_VALUE,
	SERIES_IS_ANOMALY,
	SERIES_KIND,
	SERIES_COLUMNS
};

typedef struct BlobsState
{
	AdBlobs		blobs;
	double	   *x;				/* features of a row */
	Datum	   *elements;		/* the same, as they go into an array */
} BlobsState;

/* The distribution that an argument names, or an error. */
static inline AdDistribution
distribution_argument(Datum value)
{
	AdDistribution distribution;
	text	   *t = NULL;

	if (likely(ad_raw_length(value) <= AD_MAX_WORD_LENGTH))
		t = DatumGetTextPP(value);
	if (unlikely(t == NULL || !ad_distribution_parse(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t),
													 &distribution)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown distribution \"%s\"",
						ad_text_quote(value)),
				 errhint("The distributions are \"normal\", \"uniform\" and \"exponential\".")));
	return distribution;
}

/* An argument that must be finite and at least min. */
static inline double
number_argument(double value, const char *name, double min)
{
	if (unlikely(!isfinite(value)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be finite", name)));
	if (unlikely(value < min))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is out of range: %g", name, value),
				 errdetail("Allowed values are at least %g.", min)));
	return value;
}

/* A share of rows, 0 to 0.5. */
static double
share_argument(double value, const char *name)
{
	if (!(value >= 0 && value <= 0.5))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is out of range: %g", name, value),
				 errdetail("Allowed values are at least 0 and at most 0.5.")));
	return value;
}

/* A whole number within limits. */
static int64
whole_argument(int64 value, const char *name, int64 min, int64 max)
{
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is out of range: " INT64_FORMAT, name, value),
				 errdetail("Allowed values are at least " INT64_FORMAT " and at most " INT64_FORMAT ".",
						   min, max)));
	return value;
}

/*
 * ad_random(seed, i, distribution, location, scale) -> float8.  Strict, and
 * a function of its arguments alone.
 */
Datum
ad_random(PG_FUNCTION_ARGS)
{
	AdDistribution distribution = distribution_argument(PG_GETARG_DATUM(2));
	double		location = number_argument(PG_GETARG_FLOAT8(3), "location",
										   -DBL_MAX);
	double		scale = number_argument(PG_GETARG_FLOAT8(4), "scale", 0);

	PG_RETURN_FLOAT8(ad_random_at(PG_GETARG_INT64(0), PG_GETARG_INT64(1),
								  distribution, location, scale));
}

/* A new array of n values, to be filled in. */
static ArrayType *
new_array(int64 n)
{
	Size		bytes = ARR_OVERHEAD_NONULLS(1) + (Size) n * sizeof(float8);
	ArrayType  *array;

	if (n == 0)
		return construct_empty_array(FLOAT8OID);
	array = palloc(bytes);
	SET_VARSIZE(array, bytes);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = FLOAT8OID;
	ARR_DIMS(array)[0] = (int) n;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

/*
 * ad_random_array(seed, n, distribution, location, scale, first) -> float8[]:
 * n values of ad_random(), from i = first on.  Strict.
 */
Datum
ad_random_array(PG_FUNCTION_ARGS)
{
	int64		n = whole_argument(PG_GETARG_INT64(1), "n", 0, MAX_VALUES);
	AdDistribution distribution = distribution_argument(PG_GETARG_DATUM(2));
	double		location = number_argument(PG_GETARG_FLOAT8(3), "location",
										   -DBL_MAX);
	double		scale = number_argument(PG_GETARG_FLOAT8(4), "scale", 0);
	int64		first = whole_argument(PG_GETARG_INT64(5), "first",
									   PG_INT64_MIN,
									   PG_INT64_MAX - Max(n - 1, 0));
	ArrayType  *array = new_array(n);

	ad_random_fill(PG_GETARG_INT64(0), first, (Size) n, distribution, location,
				   scale, (double *) ARR_DATA_PTR(array));
	PG_RETURN_ARRAYTYPE_P(array);
}

/* Start a set-returning function whose rows are as its result columns say. */
static FuncCallContext *
first_call(FunctionCallInfo fcinfo, Size state_size)
{
	FuncCallContext *ctx = SRF_FIRSTCALL_INIT();
	MemoryContext old = MemoryContextSwitchTo(ctx->multi_call_memory_ctx);
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	ctx->tuple_desc = BlessTupleDesc(desc);
	ctx->user_fctx = palloc0(state_size);
	MemoryContextSwitchTo(old);
	return ctx;
}

/*
 * ad_generate_blobs(rows, features, contamination, seed, clusters, spread)
 * -> (i, features, is_anomaly).  Strict.
 */
Datum
ad_generate_blobs(PG_FUNCTION_ARGS)
{
	FuncCallContext *ctx;
	BlobsState *state;
	AdBlobs    *b;
	ArrayType  *array;
	Datum		values[BLOBS_COLUMNS];
	bool		nulls[BLOBS_COLUMNS] = {false};
	bool		is_anomaly;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		ctx = first_call(fcinfo, sizeof(BlobsState));
		state = ctx->user_fctx;
		b = &state->blobs;
		b->rows = whole_argument(PG_GETARG_INT64(0), "rows", 0,
								 AD_MAX_GENERATED);
		b->features = (int) whole_argument(PG_GETARG_INT32(1), "features", 1,
										   AD_MAX_FEATURES);
		b->contamination = share_argument(PG_GETARG_FLOAT8(2),
										  "contamination");
		b->seed = PG_GETARG_INT64(3);
		b->clusters = (int) whole_argument(PG_GETARG_INT32(4), "clusters", 1,
										   AD_MAX_CLUSTERS);
		b->spread = number_argument(PG_GETARG_FLOAT8(5), "spread", 0);
		old = MemoryContextSwitchTo(ctx->multi_call_memory_ctx);
		ad_blobs_init(b);
		state->x = ad_palloc_array(double, b->features);
		state->elements = ad_palloc_array(Datum, b->features);
		MemoryContextSwitchTo(old);
	}

	ctx = SRF_PERCALL_SETUP();
	state = ctx->user_fctx;
	b = &state->blobs;
	if (b->next >= b->rows)
		SRF_RETURN_DONE(ctx);

	is_anomaly = ad_blobs_next(b, state->x);
	for (int j = 0; j < b->features; j++)
		state->elements[j] = Float8GetDatum(state->x[j]);
	array = construct_array(state->elements, b->features, FLOAT8OID,
							sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[BLOBS_I] = Int64GetDatum(b->next);
	values[BLOBS_FEATURES] = PointerGetDatum(array);
	values[BLOBS_IS_ANOMALY] = BoolGetDatum(is_anomaly);
	SRF_RETURN_NEXT(ctx, HeapTupleGetDatum(heap_form_tuple(ctx->tuple_desc,
														   values, nulls)));
}

/* The parameters of a series, checked. */
static void
series_arguments(FunctionCallInfo fcinfo, AdGeneratedSeries *s)
{
	s->rows = whole_argument(PG_GETARG_INT64(0), "rows", 0, AD_MAX_GENERATED);
	s->seed = PG_GETARG_INT64(1);
	s->noise = distribution_argument(PG_GETARG_DATUM(2));
	s->noise_scale = number_argument(PG_GETARG_FLOAT8(3), "noise_scale", 0);
	s->level = number_argument(PG_GETARG_FLOAT8(4), "level", -DBL_MAX);
	s->trend = number_argument(PG_GETARG_FLOAT8(5), "trend", -DBL_MAX);
	s->period = number_argument(PG_GETARG_FLOAT8(6), "period", 0);
	s->amplitude = number_argument(PG_GETARG_FLOAT8(7), "amplitude",
								   -DBL_MAX);
	s->spikes = share_argument(PG_GETARG_FLOAT8(8), "spikes");
	s->spike_size = number_argument(PG_GETARG_FLOAT8(9), "spike_size", 0);
	s->shifts = share_argument(PG_GETARG_FLOAT8(10), "shifts");
	s->shift_size = number_argument(PG_GETARG_FLOAT8(11), "shift_size", 0);
}

/*
 * ad_generate_series(rows, seed, noise, noise_scale, level, trend, period,
 * amplitude, spikes, spike_size, shifts, shift_size) -> (i, value,
 * is_anomaly, kind).  Strict.
 */
Datum
ad_generate_series(PG_FUNCTION_ARGS)
{
	FuncCallContext *ctx;
	AdGeneratedSeries *s;
	AdPointKind kind;
	double		value;
	Datum		values[SERIES_COLUMNS];
	bool		nulls[SERIES_COLUMNS] = {false};

	if (SRF_IS_FIRSTCALL())
	{
		ctx = first_call(fcinfo, sizeof(AdGeneratedSeries));
		series_arguments(fcinfo, ctx->user_fctx);
		ad_generated_series_init(ctx->user_fctx);
	}

	ctx = SRF_PERCALL_SETUP();
	s = ctx->user_fctx;
	if (s->next >= s->rows)
		SRF_RETURN_DONE(ctx);

	AD_CHECK_EVERY_1024(s->next);
	value = ad_generated_series_next(s, &kind);
	values[SERIES_I] = Int64GetDatum(s->next);
	values[SERIES_VALUE] = Float8GetDatum(value);
	values[SERIES_IS_ANOMALY] = BoolGetDatum(kind != AD_POINT_NORMAL);
	nulls[SERIES_KIND] = kind == AD_POINT_NORMAL;
	values[SERIES_KIND] = nulls[SERIES_KIND] ? (Datum) 0 :
		CStringGetTextDatum(kind == AD_POINT_SPIKE ? "spike" : "shift");
	SRF_RETURN_NEXT(ctx, HeapTupleGetDatum(heap_form_tuple(ctx->tuple_desc,
														   values, nulls)));
}

/*
 * ad_generate_series_array(…) -> float8[]: the values of
 * ad_generate_series(…), which has the same arguments.  Strict.
 */
Datum
ad_generate_series_array(PG_FUNCTION_ARGS)
{
	AdGeneratedSeries s;
	ArrayType  *array;

	(void) whole_argument(PG_GETARG_INT64(0), "rows", 0, MAX_VALUES);
	series_arguments(fcinfo, &s);
	ad_generated_series_init(&s);
	array = new_array(s.rows);
	ad_generated_series_fill(&s, (Size) s.rows,
							 (double *) ARR_DATA_PTR(array));
	PG_RETURN_ARRAYTYPE_P(array);
}

/* Planner support: the rows of a generator are its first argument. */
Datum
ad_generate_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;

		if (is_funcclause(rows->node))
		{
			List	   *args = ((FuncExpr *) rows->node)->args;
			Node	   *first = estimate_expression_value(rows->root,
														  linitial(args));

			if (IsA(first, Const) && !((Const *) first)->constisnull)
			{
				int64		n = DatumGetInt64(((Const *) first)->constvalue);

				rows->rows = (double) Max(n, 0);
				PG_RETURN_POINTER(request);
			}
		}
	}
	PG_RETURN_POINTER(NULL);
}
