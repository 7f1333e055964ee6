/*-------------------------------------------------------------------------
 *
 * outlier.c
 *		ad_outlier: fit on a window partition and score its own rows.
 *
 * The partition is read once, at its first row: each row's arguments are
 * pulled and added to a sketch that is large enough to keep them all; the
 * detector then scores its own rows, and the scores are handed out row by
 * row.  On PostgreSQL 15 each argument that is pulled copies the tuple, 0.4
 * µs a row, so the array and row forms are the faster ones for many columns.
 *
 * A pull frees the tuple of the pull before, and with it what the arguments
 * by reference point to.  So those are copied as they are pulled, all but the
 * last, which is read before anything else is pulled.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_args.h"
#include "rows/ad_failed_fits.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "windowapi.h"

#define BATCH	1024			/* rows between resets of scratch memory */
#define BATCH_BYTES	(1024 * 1024)	/* of it, when rows are wide */

/* How the values of an argument are passed. */
typedef struct ArgumentType
{
	int16		len;
	bool		copy;			/* by reference, and not pulled last */
} ArgumentType;

typedef struct OutlierState
{
	double	   *scores;			/* NULL until the partition is read */
	bool	   *present;		/* false: the array or row was NULL, or the
								 * partition's fit failed */
} OutlierState;

PG_FUNCTION_INFO_V1(ad_outlier);

/* The spec of a row of the partition, detoasted; a copy. */
static struct varlena *
spec_of(WindowObject winobj, int64 row)
{
	bool		isnull;
	bool		isout;
	Datum		value = WinGetFuncArgInPartition(winobj, 0, (int) row,
												 WINDOW_SEEK_HEAD, false,
												 &isnull, &isout);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("spec cannot be NULL")));
	ad_check_length(value, "spec", AD_MAX_OPTIONS_LENGTH);
	return PG_DETOAST_DATUM_COPY(value);
}

/* Parse the spec of the partition's first row. */
static void
read_spec(FunctionCallInfo fcinfo, struct varlena *first, AdSpec *spec)
{
	ad_spec_from_value(first, get_fn_expr_argtype(fcinfo->flinfo, 0) == TEXTOID,
					   true, spec);
	if (spec->sampling.keyed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ad_outlier takes no row key"),
				 errhint("Leave keyed out of ad_sampling(); every row of the partition is used.")));
}

/* How the arguments from 1 on are passed; in the current context. */
static ArgumentType *
argument_types(FunctionCallInfo fcinfo)
{
	ArgumentType *types = ad_palloc0_array(ArgumentType, PG_NARGS());

	for (int a = 1; a < PG_NARGS() - 1; a++)
	{
		bool		by_value;

		get_typlenbyval(get_fn_expr_argtype(fcinfo->flinfo, a),
						&types[a].len, &by_value);
		types[a].copy = !by_value;
	}
	return types;
}

/* Make a sketch that every row fits into, within what memory is allowed. */
static AdSketch *
create_sketch(AdSpec *spec, AdArgs *args, int64 rows, MemoryContext mcxt)
{
	AdFeature  *features = ad_args_features(args);
	AdSketch   *sketch;

	spec->sampling.rows = (int) rows;
	sketch = ad_sketch_create(&spec->sampling, features, args->nfeatures,
							  mcxt);
	if (sketch->k < (Size) rows)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("partition of " INT64_FORMAT " rows does not fit into %d MB",
						rows, spec->sampling.memory_mb),
				 errdetail("%zu rows fit.", sketch->k),
				 errhint("Raise memory_mb in ad_sampling(), or fit a model with ad_fit().")));
	return sketch;
}

/* Pull the arguments of a row of the partition into the call's. */
static void
pull_arguments(WindowObject winobj, FunctionCallInfo fcinfo,
			   const ArgumentType *types, int64 row)
{
	for (int a = 1; a < PG_NARGS(); a++)
	{
		NullableDatum *arg = &fcinfo->args[a];
		bool		isout;

		arg->value = WinGetFuncArgInPartition(winobj, a, (int) row,
											  WINDOW_SEEK_HEAD, false,
											  &arg->isnull, &isout);
		if (types[a].copy && !arg->isnull)
			arg->value = datumCopy(arg->value, false, types[a].len);
	}
}

/*
 * Add the rows of the partition to a sketch, and mark in present which have
 * values.  NULL if none has.  The spec must be the first row's throughout.
 * Leaves work as the current context.
 */
static AdSketch *
sketch_partition(WindowObject winobj, FunctionCallInfo fcinfo,
				 const struct varlena *first, AdSpec *spec,
				 int64 rows, MemoryContext work, bool *present)
{
	bool		is_const = get_fn_expr_arg_stable(fcinfo->flinfo, 0);
	MemoryContext batch = AllocSetContextCreate(work, "anomaly outlier rows",
												ALLOCSET_DEFAULT_SIZES);
	AdSketch   *sketch = NULL;
	ArgumentType *types;
	AdArgs		args;

	ad_args_init(&args, fcinfo, 1, work);
	types = argument_types(fcinfo);
	MemoryContextSwitchTo(batch);
	for (int64 i = 0; i < rows; i++)
	{
		if (i % BATCH == 0 ||
			MemoryContextMemAllocated(batch, false) > BATCH_BYTES)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(batch);
		}
		if (!is_const)
			ad_spec_check_same(first, spec_of(winobj, i));
		pull_arguments(winobj, fcinfo, types, i);
		if (!ad_args_next(&args, fcinfo, NULL))
			continue;
		if (sketch == NULL)
			sketch = create_sketch(spec, &args, rows, work);
		ad_sketch_add(sketch, args.x, args.category, 0);
		present[i] = true;
	}
	MemoryContextSwitchTo(work);
	return sketch;
}

/*
 * Read the partition and score it.  Everything lasting goes to mcxt, the
 * partition's own context.
 */
static void
score_partition(OutlierState *state, WindowObject winobj,
				FunctionCallInfo fcinfo, int64 rows, MemoryContext mcxt)
{
	MemoryContext work = AllocSetContextCreate(mcxt, "anomaly outlier",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	struct varlena *first;
	AdSpec		spec;
	AdSketch   *sketch;

	if (rows > AD_MAX_SAMPLE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("partition has " INT64_FORMAT " rows, ad_outlier takes at most %d",
						rows, AD_MAX_SAMPLE),
				 errhint("Fit a model with ad_fit() and score with ad_score().")));
	first = spec_of(winobj, 0);
	read_spec(fcinfo, first, &spec);
	state->present = MemoryContextAllocZero(mcxt, rows);
	sketch = sketch_partition(winobj, fcinfo, first, &spec, rows, work,
							  state->present);

	state->scores = MemoryContextAllocHuge(mcxt, Max(rows, 1) * sizeof(double));
	if (sketch != NULL)
	{
		double	   *scores = ad_palloc_array(double, rows);
		char	   *fault = ad_model_outliers(sketch, &spec, scores);

		if (fault)
		{
			ad_failed_fits_add(fcinfo, fault);
			memset(state->present, 0, rows);
		}
		for (int64 i = 0, k = 0; i < rows; i++)
			if (state->present[i])
				state->scores[i] = scores[k++];
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

/*
 * ad_outlier(spec, VARIADIC "any") OVER (PARTITION BY …) -> float8: the
 * in-sample score of the row.  NULL where the one array or row is NULL, and in
 * a partition whose fit failed, if ad_prepare(on_error => 'null') says so.
 * The frame is of no effect, and a spec that changes an error.
 */
Datum
ad_outlier(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	OutlierState *state = WinGetPartitionLocalMemory(winobj,
													 sizeof(OutlierState));
	int64		at = WinGetCurrentPosition(winobj);

	if (state->scores == NULL)
		score_partition(state, winobj, fcinfo,
						WinGetPartitionRowCount(winobj),
						GetMemoryChunkContext(state));
	if (!state->present[at])
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(state->scores[at]);
}
