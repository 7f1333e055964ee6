/*-------------------------------------------------------------------------
 *
 * drift.c
 *		ad_drift: a sketch against a sketch or a model.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_drift_plot.h"
#include "rows/ad_model_call.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_drift_rows);
PG_FUNCTION_INFO_V1(ad_plot_drift);

#define DRIFT_COLUMNS	15

/* Names of n categories (the first AD_DRIFT_LISTED) as text[]; -1: NULL. */
static Datum
names(const AdCategory *category, int n, bool *isnull)
{
	Datum		values[AD_DRIFT_LISTED];
	int			listed = Min(n, AD_DRIFT_LISTED);

	*isnull = n < 0;
	if (n < 0)
		return (Datum) 0;
	for (int i = 0; i < listed; i++)
		values[i] = PointerGetDatum(cstring_to_text_with_len(category[i].s,
															 category[i].len));
	return PointerGetDatum(construct_array(values, listed, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* The sketch in a value. */
static AdSketch *
read_sketch(bytea *bytes)
{
	return ad_sketch_read((const uint8 *) VARDATA_ANY(bytes),
						  VARSIZE_ANY_EXHDR(bytes), CurrentMemoryContext,
						  NULL);
}

/* Set the columns of a row of ad_drift(). */
static void
set_columns(const AdDriftRow *r, Datum *values, bool *nulls)
{
	static const char *const parts[] = {"feature", "score", "overall"};
	int			c = 0;

	memset(nulls, 0, DRIFT_COLUMNS * sizeof(bool));
	values[c++] = CStringGetTextDatum(parts[r->part]);
	nulls[c] = r->part != AD_DRIFT_FEATURE;
	values[c++] = Int32GetDatum(r->position);
	nulls[c] = r->name[0] == '\0';
	values[c++] = CStringGetTextDatum(r->name);
	values[c] = ad_float_or_null(r->psi, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(r->psi_noise, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(r->ks, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(r->js, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(r->missing_reference, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(r->missing_current, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(r->missing_current - r->missing_reference,
								 &nulls[c]);
	c++;
	values[c] = names(r->added, r->nnew, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(r->new_share, &nulls[c]);
	c++;
	values[c] = names(r->vanished, r->nvanished, &nulls[c]);
	c++;
	values[c++] = CStringGetTextDatum(ad_drift_verdict_name(r->verdict));
	nulls[c] = r->reason == NULL;
	values[c] = r->reason ? CStringGetTextDatum(r->reason) : (Datum) 0;
	c++;
	Assert(c == DRIFT_COLUMNS);
}

/*
 * Compare what arguments 0 and 1 are by the options in argument 2; in the
 * current context.  *zone is that of the reference, if it is a model.
 */
static AdDriftRow *
compare(FunctionCallInfo fcinfo, const AdDriftOptions *options, int *n,
		pg_tz **zone)
{
	bytea	   *reference = PG_GETARG_BYTEA_PP(0);
	AdModel    *model = NULL;
	AdSketch   *sketch = NULL;

	if (VARSIZE_ANY_EXHDR(reference) >= AD_MAGIC_LENGTH &&
		memcmp(VARDATA_ANY(reference), AD_MAGIC_MODEL, AD_MAGIC_LENGTH) == 0)
		model = ad_model_read((const uint8 *) VARDATA_ANY(reference),
							  VARSIZE_ANY_EXHDR(reference));
	else
		sketch = read_sketch(reference);
	*zone = model ? model->timezone : NULL;
	return ad_drift(model, sketch, read_sketch(PG_GETARG_BYTEA_PP(1)), options, n);
}

/*
 * ad_drift(reference bytea, current bytea, options jsonb) -> a row a
 * feature, one for the scores (of a model), one over all.  Strict.
 */
Datum
ad_drift_rows(PG_FUNCTION_ARGS)
{
	MemoryContext scratch;
	MemoryContext old;
	TupleDesc	desc;
	Tuplestorestate *store;
	AdDriftOptions options;
	AdDriftRow *rows;
	pg_tz	   *zone;
	int			n;

	store = ad_result_begin(fcinfo, DRIFT_COLUMNS, &desc);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "anomaly drift",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);

	ad_drift_options(&ad_jsonb_argument(PG_GETARG_DATUM(2), "options")->root,
					 &options);
	rows = compare(fcinfo, &options, &n, &zone);

	for (int i = 0; i < n; i++)
	{
		Datum		values[DRIFT_COLUMNS];
		bool		nulls[DRIFT_COLUMNS];

		set_columns(&rows[i], values, nulls);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return (Datum) 0;
}

static const AdOption plot_options[] = {
	AD_TEXT(AdDriftPlot, title, NULL, AD_MAX_TITLE_LENGTH),
	AD_INT(AdDriftPlot, width, 720, 200, 10000),
	AD_INT(AdDriftPlot, top, 20, 1, 50),
};

/* Raise an error if a picture has no room for so many bins of a feature. */
static void
check_bins(const char *option, int bins)
{
	if (bins > AD_DRIFT_PLOT_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is out of range: %d", option, bins),
				 errdetail("Allowed in a picture: at most %d.",
						   AD_DRIFT_PLOT_BINS)));
}

/*
 * ad_plot_drift(reference bytea, current bytea, options jsonb, picture jsonb)
 * -> text: SVG.  Strict.
 */
Datum
ad_plot_drift(PG_FUNCTION_ARGS)
{
	AdDriftOptions options;
	AdDriftPlot plot = {0};
	AdDriftRow *rows;
	StringInfoData out;
	MemoryContext scratch;
	MemoryContext old;
	text	   *result;
	int			n;

	scratch = AllocSetContextCreate(CurrentMemoryContext, "anomaly drift",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	ad_drift_options(&ad_jsonb_argument(PG_GETARG_DATUM(2), "options")->root,
					 &options);
	check_bins("bins", options.bins);
	check_bins("categories", options.categories);
	ad_options_parse(&ad_jsonb_argument(PG_GETARG_DATUM(3), "picture")->root,
					 "ad_plot_drift", plot_options, lengthof(plot_options),
					 NULL, &plot);
	rows = compare(fcinfo, &options, &n, &plot.zone);
	initStringInfo(&out);
	ad_drift_plot(&out, rows, n, &plot);
	MemoryContextSwitchTo(old);
	result = cstring_to_text_with_len(out.data, out.len);
	MemoryContextDelete(scratch);
	PG_RETURN_TEXT_P(result);
}
