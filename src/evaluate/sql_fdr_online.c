/*-------------------------------------------------------------------------
 *
 * sql_fdr_online.c
 *		ad_fdr_level and ad_fdr_level_array: the p-values of a stream, each
 *		with the level that it is held against.
 *
 * The window function looks at the current row only, so that a partition of
 * any length needs the memory of one state.  The stored form takes a state,
 * runs a batch of p-values through it and returns the new state.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "evaluate/ad_fdr.h"
#include "evaluate/ad_fdr_online.h"
#include "evaluate/ad_ranking.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "windowapi.h"

typedef struct OnlineOptions
{
	double		q;				/* share of the alerts that may be false */
	double		least_p;		/* that a p-value can have; 0: any */
	double		half_life;		/* tests; NaN: nothing is forgotten */
} OnlineOptions;

static const AdOption online_options[] = {
	AD_FLOAT_ABOVE(OnlineOptions, q, 0.05, 0, 1),
	AD_FLOAT(OnlineOptions, half_life, NAN, AD_FDR_MIN_HALF_LIFE,
			 AD_FDR_MAX_HALF_LIFE),
	AD_FLOAT(OnlineOptions, least_p, 0, 0, 1)	/* last: not of ad_fdr_reach */
};

/* What a partition keeps. */
typedef struct OnlinePartition
{
	bool		begun;
	double		least_p;
	AdFdrOnline stream;
} OnlinePartition;

/* The columns of ad_fdr_level_array(). */
enum
{
	BATCH_STATE,
	BATCH_LEVELS,
	BATCH_COLUMNS
};

/* The columns of ad_fdr_reach(). */
enum
{
	REACH_FIRST,
	REACH_NEXT,
	REACH_SHARE,
	REACH_COLUMNS
};

/* The half-life as the streams have it. */
static uint64
half_life_of(const OnlineOptions *o)
{
	return isnan(o->half_life) ? 0 : (uint64) o->half_life;
}

/* Begin a stream with a method and options, neither NULL. */
static void
begin(AdFdrOnline *stream, Datum method, Datum options, double *least_p)
{
	char	   *name = ad_text_argument(method, "method", AD_MAX_WORD_LENGTH);
	Jsonb	   *given = ad_jsonb_argument(options, "options");
	AdFdrOnlineMethod m = AD_FDR_LORD;
	OnlineOptions o;

	if (strcmp(name, "saffron") == 0)
		m = AD_FDR_SAFFRON;
	else if (strcmp(name, "lord") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown method \"%s\"", ad_quote_clip(name)),
				 errhint("The methods are \"lord\" (LORD++) and \"saffron\" (SAFFRON).")));
	ad_options_parse(&given->root, "ad_fdr_level", online_options,
					 lengthof(online_options), NULL, &o);
	ad_fdr_online_init(stream, m, o.q, half_life_of(&o));
	*least_p = o.least_p;
}

/* The level of the next p-value, which has been checked here. */
static double
next_level(AdFdrOnline *stream, double p, double least_p)
{
	double		level;

	ad_fdr_check_p(p);
	(void) ad_fdr_online_step(stream, p, least_p, &level);
	return level;
}

PG_FUNCTION_INFO_V1(ad_fdr_level);

/*
 * ad_fdr_level(p float8, method text, options jsonb) OVER (ORDER BY …) ->
 * float8: the level of the row; a NULL p is no test, and has none.
 */
Datum
ad_fdr_level(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	OnlinePartition *state = WinGetPartitionLocalMemory(winobj,
														sizeof(OnlinePartition));
	bool		isnull;
	Datum		p;

	if (!state->begun)
	{
		bool		no_method;
		bool		no_options;
		Datum		method = WinGetFuncArgCurrent(winobj, 1, &no_method);
		Datum		options = WinGetFuncArgCurrent(winobj, 2, &no_options);

		if (no_method || no_options)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"%s\" cannot be NULL",
							no_method ? "method" : "options")));
		begin(&state->stream, method, options, &state->least_p);
		state->begun = true;
	}
	WinSetMarkPosition(winobj, WinGetCurrentPosition(winobj));
	p = WinGetFuncArgCurrent(winobj, 0, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(next_level(&state->stream, DatumGetFloat8(p),
								state->least_p));
}

/* Begin the stream of a call, or go on with a stored one. */
static void
resume(FunctionCallInfo fcinfo, AdFdrOnline *stream, double *least_p)
{
	begin(stream, PG_GETARG_DATUM(2), PG_GETARG_DATUM(3), least_p);
	if (!PG_ARGISNULL(0))
	{
		bytea	   *stored = PG_GETARG_BYTEA_PP(0);

		ad_fdr_online_read(stream, (uint8 *) VARDATA_ANY(stored),
						   VARSIZE_ANY_EXHDR(stored));
	}
}

PG_FUNCTION_INFO_V1(ad_fdr_level_array);

/* ad_fdr_level_array(state, p, method, options) -> new_state, levels */
Datum
ad_fdr_level_array(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"p", "method", "options"};
	AdFdrOnline stream;
	double		least_p;
	ArrayType  *given;
	Datum	   *items;
	bool	   *nulls;
	int			n;
	TupleDesc	desc;
	Datum		values[BATCH_COLUMNS] = {0};
	bool		no_values[BATCH_COLUMNS] = {false};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (PG_ARGISNULL(i + 1))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"%s\" cannot be NULL", names[i])));
	resume(fcinfo, &stream, &least_p);
	given = PG_GETARG_ARRAYTYPE_P(1);
	n = ArrayGetNItems(ARR_NDIM(given), ARR_DIMS(given));
	if (n > AD_MAX_RANKED)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("number of p-values is %d, ad_fdr_level_array takes at most %d",
						n, AD_MAX_RANKED)));
	deconstruct_array(given, FLOAT8OID, 8, FLOAT8PASSBYVAL, 'd', &items,
					  &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (!nulls[i])
			items[i] = Float8GetDatum(next_level(&stream,
												 DatumGetFloat8(items[i]),
												 least_p));
	}

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[BATCH_STATE] = PointerGetDatum(ad_fdr_online_write(&stream));
	if (n == 0)
		values[BATCH_LEVELS] = PointerGetDatum(construct_empty_array(FLOAT8OID));
	else
	{
		int			lower[1] = {1};

		values[BATCH_LEVELS] =
			PointerGetDatum(construct_md_array(items, nulls, 1, &n, lower,
											   FLOAT8OID, 8, FLOAT8PASSBYVAL,
											   'd'));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, no_values)));
}

PG_FUNCTION_INFO_V1(ad_fdr_reach);

/* ad_fdr_reach(least_p, options) -> first_tests, next_tests, least_share */
Datum
ad_fdr_reach(PG_FUNCTION_ARGS)
{
	double		least_p = PG_GETARG_FLOAT8(0);
	Jsonb	   *given = ad_jsonb_argument(PG_GETARG_DATUM(1), "options");
	OnlineOptions o;
	AdFdrReach	reach;
	TupleDesc	desc;
	Datum		values[REACH_COLUMNS];
	bool		nulls[REACH_COLUMNS] = {false};

	if (!(least_p > 0 && least_p <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("least_p is out of range: %s",
						float8out_internal(least_p)),
				 errdetail("Allowed values are greater than 0 and at most 1.")));
	ad_options_parse(&given->root, "ad_fdr_reach", online_options,
					 lengthof(online_options) - 1, NULL, &o);
	reach = ad_fdr_online_reach(o.q, least_p, half_life_of(&o));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[REACH_FIRST] = Float8GetDatum(reach.first_tests);
	values[REACH_NEXT] = Float8GetDatum(reach.next_tests);
	values[REACH_SHARE] = Float8GetDatum(reach.least_share);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
