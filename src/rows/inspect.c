/*-------------------------------------------------------------------------
 *
 * inspect.c
 *		ad_info and ad_features: what is in a model.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_explain.h"
#include "rows/ad_model_call.h"
#include "rows/ad_spec_value.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_info);
PG_FUNCTION_INFO_V1(ad_features);

#define FEATURE_COLUMNS 10

/* ad_info(model bytea or text) -> jsonb.  Strict. */
Datum
ad_info(PG_FUNCTION_ARGS)
{
	AdModelArg *arg = fcinfo->flinfo->fn_extra;
	AdModel    *m;
	StringInfoData buf;

	if (arg == NULL)
		arg = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
								   sizeof(AdModelArg));
	m = ad_model_argument(fcinfo, arg, fcinfo->flinfo->fn_mcxt,
						  AD_PRIVILEGE_READ);
	initStringInfo(&buf);
	ad_model_describe(m, &buf);
	PG_RETURN_JSONB_P(ad_jsonb_from_text(buf.data));
}

/* A double as an SQL value; NaN is NULL. */
static Datum
number_or_null(double v, bool *isnull)
{
	*isnull = isnan(v);
	return Float8GetDatum(v);
}

/*
 * ad_features(model bytea or text) -> one row a feature.  Numbers of temporal
 * features are in seconds, as the model sees them.  Strict.
 */
Datum
ad_features(PG_FUNCTION_ARGS)
{
	FuncCallContext *ctx;
	AdModel    *m;
	const AdModelFeature *f;
	Datum		values[FEATURE_COLUMNS];
	bool		nulls[FEATURE_COLUMNS] = {false};
	int			j;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		AdModelArg *arg;
		TupleDesc	desc;

		ctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(ctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		ctx->tuple_desc = BlessTupleDesc(desc);
		arg = palloc0(sizeof(AdModelArg));
		ctx->user_fctx = ad_model_argument(fcinfo, arg,
										   ctx->multi_call_memory_ctx,
										   AD_PRIVILEGE_READ);
		MemoryContextSwitchTo(old);
	}

	ctx = SRF_PERCALL_SETUP();
	m = ctx->user_fctx;
	if (ctx->call_cntr >= (uint64) m->nfeatures)
		SRF_RETURN_DONE(ctx);
	j = (int) ctx->call_cntr;
	f = &m->features[j];

	values[0] = Int32GetDatum(j + 1);
	nulls[1] = f->name[0] == '\0';
	values[1] = CStringGetTextDatum(f->name);
	values[2] = CStringGetTextDatum(f->type);
	values[3] = Int64GetDatum((int64) f->stats.missing);
	values[4] = Int64GetDatum((int64) f->stats.infinite);
	nulls[5] = f->stats.distinct < 0;
	values[5] = Int64GetDatum(f->stats.distinct);
	values[6] = number_or_null(f->stats.min, &nulls[6]);
	values[7] = number_or_null(f->stats.median, &nulls[7]);
	values[8] = number_or_null(f->stats.max, &nulls[8]);
	values[9] = CStringGetTextDatum(ad_encoding_text(m, j));
	SRF_RETURN_NEXT(ctx, HeapTupleGetDatum(heap_form_tuple(ctx->tuple_desc,
														   values, nulls)));
}
