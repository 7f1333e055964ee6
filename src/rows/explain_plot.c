/*-------------------------------------------------------------------------
 *
 * explain_plot.c
 *		ad_plot_explain: a row's score as a picture of its parts.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_explain_row.h"
#include "rows/ad_model_call.h"
#include "rows/ad_waterfall.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include <float.h>

#define MAX_ROWS	50			/* features of a picture */

typedef struct PlotOptions
{
	char	   *title;
	int			width;
	double		threshold;
	int			top;			/* features, of all the sum of the others */
	int			method;
} PlotOptions;

enum
{
	METHOD_SHAP, METHOD_PATH
};

static const char *const methods[] = {"shap", "path", NULL};

static const AdOption plot_options[] = {
	AD_TEXT(PlotOptions, title, NULL, AD_MAX_TITLE_LENGTH),
	AD_INT(PlotOptions, width, 720, 200, 10000),
	AD_FLOAT(PlotOptions, threshold, NAN, -1e300, 1e300),
	AD_INT(PlotOptions, top, 10, 1, MAX_ROWS),
	AD_ENUM(PlotOptions, method, METHOD_SHAP, methods),
};

PG_FUNCTION_INFO_V1(ad_plot_explain);
PG_FUNCTION_INFO_V1(ad_plot_explain_row);

/* Return the options of a call in an argument; 0 or NULL: the defaults. */
static void
read_options(FunctionCallInfo fcinfo, int argument, PlotOptions *o)
{
	ad_options_defaults(plot_options, lengthof(plot_options), o);
	if (argument > 0 && !PG_ARGISNULL(argument))
		ad_options_parse(&ad_jsonb_argument(PG_GETARG_DATUM(argument),
											"options")->root,
						 "ad_plot_explain", plot_options,
						 lengthof(plot_options), NULL, o);
}

/* Return the value of a feature of a row, and what is usual. */
static char *
value_text(AdModelCall *call, const AdModel *m, int feature)
{
	double		x = call->args.x[feature];
	const char *typical = ad_words_typical(m, feature);
	StringInfoData text;

	initStringInfo(&text);
	if (isnan(x))
		appendStringInfoString(&text, "missing");
	else
		ad_words_value(m, feature, x, &call->args.category[feature], &text);
	if (typical)
		return psprintf("%s (usual: %s)", ad_quote_clip(text.data),
						ad_quote_clip(typical));
	return ad_quote_clip(text.data);
}

/* Fill the parts of a picture: features in their order, and the others. */
static void
fill_parts(AdWaterfall *w, AdModelCall *call, const AdModel *m,
		   const double *contribution, const int *order, int top)
{
	int			shown = m->nfeatures <= top + 1 ? m->nfeatures : top;
	double		rest = 0;

	w->parts = ad_palloc0_array(AdWaterfallPart, shown + 1);
	for (int i = 0; i < shown; i++)
	{
		w->parts[i].name = ad_quote_clip(ad_words_name(m, order[i]));
		w->parts[i].value = value_text(call, m, order[i]);
		w->parts[i].size = contribution[order[i]];
	}
	w->n = shown;
	if (shown == m->nfeatures)
		return;
	for (int i = shown; i < m->nfeatures; i++)
		rest += contribution[order[i]];
	w->parts[shown].name = psprintf("%d other features", m->nfeatures - shown);
	w->parts[shown].value = "";
	w->parts[shown].size = Max(Min(rest, DBL_MAX), -DBL_MAX);
	w->n++;
}

/*
 * Draw a call's row; NULL without a model.  options are in that argument, if
 * it is not 0.
 */
static Datum
plot(FunctionCallInfo fcinfo, AdModelCall *call, AdModel *m, int options)
{
	PlotOptions o;
	AdWaterfall w = {0};
	StringInfoData out;
	double	   *contribution;
	int		   *order;
	double		score;
	double		sum = 0;

	if (m == NULL)
		PG_RETURN_NULL();
	read_options(fcinfo, options, &o);
	ad_model_words(m);
	contribution = ad_palloc_array(double, m->nfeatures);
	order = ad_palloc_array(int, m->nfeatures);
	score = ad_explain_in_order(m, call->args.x, o.method == METHOD_PATH,
								contribution, order);
	ad_stat_none(&call->stat, true);
	for (int j = 0; j < m->nfeatures; j++)
		sum += contribution[j];
	w.title = o.title;
	w.width = o.width;
	w.threshold = o.threshold;
	w.baseline = isfinite(score - sum) ? score - sum : 0;
	fill_parts(&w, call, m, contribution, order, o.top);
	initStringInfo(&out);
	ad_waterfall(&out, &w);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/*
 * ad_plot_explain(model bytea or text [, options jsonb], VARIADIC "any") ->
 * text: SVG.  NULL model, or NULL in place of the one array or row: NULL.
 */
Datum
ad_plot_explain(PG_FUNCTION_ARGS)
{
	bool		options = PG_NARGS() > 1 &&
		get_fn_expr_argtype(fcinfo->flinfo, 1) == JSONBOID;
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_row(fcinfo, options ? 2 : 1, &call);

	return plot(fcinfo, call, m, options ? 1 : 0);
}

/* ad_plot_explain_row(model, row jsonb, options jsonb): of a JSON row. */
Datum
ad_plot_explain_row(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_json(fcinfo, &call);

	return plot(fcinfo, call, m, 2);
}
