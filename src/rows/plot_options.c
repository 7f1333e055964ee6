/*-------------------------------------------------------------------------
 *
 * plot_options.c
 *		ad_plot_options(): the options of pictures.
 *
 * One constructor for the functions that draw a model's work, each of which
 * knows the options that concern it, with narrower ranges and defaults of its
 * own, and refuses the others.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_spec_value.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"

PG_FUNCTION_INFO_V1(ad_plot_options);

typedef struct PlotOptions
{
	char	   *title;
	int			width;
	int			height;
	int			bins;
	double		low;
	double		high;
	double		threshold;
	int			scale;
	int			top;
	int			method;
} PlotOptions;

static const char *const scales[] = {"rows", "share", "log", "auto", NULL};
static const char *const methods[] = {"shap", "path", NULL};

/* In the order of the arguments. */
static const AdOption table[] = {
	AD_TEXT(PlotOptions, title, NULL, AD_MAX_TITLE_LENGTH),
	AD_INT(PlotOptions, width, 720, 40, 10000),
	AD_INT(PlotOptions, height, 300, 200, 10000),
	AD_INT(PlotOptions, bins, 40, 1, 200),
	AD_FLOAT(PlotOptions, low, NAN, -1e300, 1e300),
	AD_FLOAT(PlotOptions, high, NAN, -1e300, 1e300),
	AD_FLOAT(PlotOptions, threshold, NAN, -1e300, 1e300),
	AD_ENUM(PlotOptions, scale, 0, scales),
	AD_INT(PlotOptions, top, 10, 1, 50),
	AD_ENUM(PlotOptions, method, 0, methods),
};

/* Return the arguments that are not NULL as options, checked. */
Datum
ad_plot_options(PG_FUNCTION_ARGS)
{
	PlotOptions checked;
	StringInfoData json;
	Jsonb	   *result;

	initStringInfo(&json);
	for (int i = 0; i < PG_NARGS() && i < (int) lengthof(table); i++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i);

		if (PG_ARGISNULL(i))
			continue;
		if (type == TEXTOID)
			ad_check_length(PG_GETARG_DATUM(i), table[i].name, AD_MAX_TITLE_LENGTH);
		appendStringInfo(&json, "%c\"%s\":", json.len == 0 ? '{' : ',',
						 table[i].name);
		ad_json_append(&json, type, PG_GETARG_DATUM(i));
	}
	appendStringInfoString(&json, json.len == 0 ? "{}" : "}");
	result = ad_jsonb_from_text(json.data);
	ad_options_parse(&result->root, "ad_plot_options", table, lengthof(table),
					 NULL, &checked);
	PG_RETURN_JSONB_P(result);
}
