/*-------------------------------------------------------------------------
 *
 * inspect.c
 *		ad_info and ad_features: what is in a model; and which are loaded.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_explain.h"
#include "model/ad_value_text.h"
#include "rows/ad_model_call.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_result.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(ad_info);
PG_FUNCTION_INFO_V1(ad_features);
PG_FUNCTION_INFO_V1(ad_cache);

/* The columns of ad_features(). */
enum
{
	FEATURE_POSITION,
	FEATURE_NAME,
	FEATURE_TYPE,
	FEATURE_MISSING,
	FEATURE_INFINITE,
	FEATURE_DISTINCT,
	FEATURE_MIN,
	FEATURE_MEDIAN,
	FEATURE_MAX,
	FEATURE_ENCODING,
	FEATURE_DISTINCT_VALUES,
	FEATURE_MIN_TEXT,
	FEATURE_MEDIAN_TEXT,
	FEATURE_MAX_TEXT,
	FEATURE_COLUMNS
};

/*
 * Add to what a named model is, a JSON object, what the registry knows of its
 * fit: "fit": {"ms": ..., "bytes": ...}.
 */
static void
describe_fit(const AdModelArg *arg, StringInfo buf)
{
	double		ms;
	int64		bytes;

	ad_registry_fit(cstring_to_text_with_len(arg->name, (int) arg->name_length),
					arg->version, GetActiveSnapshot(), &ms, &bytes);
	if (isnan(ms) || bytes < 0)
		return;
	Assert(buf->data[buf->len - 1] == '}');
	buf->data[--buf->len] = '\0';
	appendStringInfo(buf, ", \"fit\": {\"ms\": %.3f, \"bytes\": " INT64_FORMAT "}}",
					 ms, bytes);
}

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
	if (arg->form == AD_MODEL_BY_NAME)
		describe_fit(arg, &buf);
	PG_RETURN_JSONB_P(ad_jsonb_from_text(buf.data));
}

/* A number of a feature as text that its type reads; NULL for none. */
static Datum
feature_text(const AdModel *m, int feature, double v, bool *isnull)
{
	StringInfoData buf;

	*isnull = isnan(v) || m->features[feature].class == AD_CLASS_CATEGORY;
	if (*isnull)
		return (Datum) 0;
	initStringInfo(&buf);
	ad_value_literal(&buf, m, feature, v);
	return PointerGetDatum(cstring_to_text_with_len(buf.data, buf.len));
}

/*
 * ad_features(model bytea or text) -> one row per feature.  Numbers of temporal
 * features are in seconds, as the model sees them, and besides as text.  The
 * function of 0.2.0 has no columns after the encoding.  Strict.
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

	values[FEATURE_POSITION] = Int32GetDatum(j + 1);
	nulls[FEATURE_NAME] = f->name[0] == '\0';
	values[FEATURE_NAME] = CStringGetTextDatum(f->name);
	values[FEATURE_TYPE] = CStringGetTextDatum(f->type);
	values[FEATURE_MISSING] = Int64GetDatum((int64) f->stats.missing);
	values[FEATURE_INFINITE] = Int64GetDatum((int64) f->stats.infinite);
	nulls[FEATURE_DISTINCT] = f->stats.distinct < 0;
	values[FEATURE_DISTINCT] = Int64GetDatum(f->stats.distinct);
	values[FEATURE_MIN] = ad_float_or_null(f->stats.min, &nulls[FEATURE_MIN]);
	values[FEATURE_MEDIAN] = ad_float_or_null(f->stats.median,
											  &nulls[FEATURE_MEDIAN]);
	values[FEATURE_MAX] = ad_float_or_null(f->stats.max, &nulls[FEATURE_MAX]);
	values[FEATURE_ENCODING] = CStringGetTextDatum(ad_encoding_text(m, j));
	nulls[FEATURE_DISTINCT_VALUES] = nulls[FEATURE_DISTINCT];
	values[FEATURE_DISTINCT_VALUES] = values[FEATURE_DISTINCT];
	values[FEATURE_MIN_TEXT] = feature_text(m, j, f->stats.min,
											&nulls[FEATURE_MIN_TEXT]);
	values[FEATURE_MEDIAN_TEXT] = feature_text(m, j, f->stats.median,
											   &nulls[FEATURE_MEDIAN_TEXT]);
	values[FEATURE_MAX_TEXT] = feature_text(m, j, f->stats.max,
											&nulls[FEATURE_MAX_TEXT]);
	SRF_RETURN_NEXT(ctx, HeapTupleGetDatum(heap_form_tuple(ctx->tuple_desc,
														   values, nulls)));
}

/* _ad_cache() -> models, bytes, uses, loads of this process's cache. */
Datum
ad_cache(PG_FUNCTION_ARGS)
{
	AdCacheCounts c = ad_cache_counts();
	Datum		values[] = {
		Int32GetDatum(c.models), Int64GetDatum((int64) c.bytes),
		Int64GetDatum((int64) c.uses), Int64GetDatum((int64) c.loads)
	};
	bool		nulls[lengthof(values)] = {false};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
