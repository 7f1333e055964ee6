/*-------------------------------------------------------------------------
 *
 * sql_plot.c
 *		ad_stl_plot(): a packed series' decomposition as SVG text.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_plot.h"
#include "series/ad_series_run.h"
#include "series/ad_series_sql.h"

#include "utils/builtins.h"

/* Return a text of the plot, or NULL. */
static char *
label_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	return PG_ARGISNULL(arg) ? NULL :
		ad_text_argument(PG_GETARG_DATUM(arg), name, AD_MAX_TITLE_LENGTH);
}

PG_FUNCTION_INFO_V1(ad_stl_plot);

/* Decompose a packed series and draw it. */
Datum
ad_stl_plot(PG_FUNCTION_ARGS)
{
	const double *y;
	Size		n,
				nmissing;
	AdSeriesCall *call = ad_series_call(fcinfo, false);
	const AdStlOptions *o;
	AdStlResult result = {0};
	AdStlScratch *scratch = ad_stl_scratch_enter();
	AdSeriesProblem problem = {0};
	Size		periods[AD_SERIES_MAX_SEASONS];
	int			nperiods;
	double	   *remainder;
	int			width,
				height;
	char	   *title,
			   *first,
			   *last;

	for (int i = 0; i < 2; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	width = PG_ARGISNULL(3) ? 900 : PG_GETARG_INT32(3);
	height = PG_ARGISNULL(4) ? 560 : PG_GETARG_INT32(4);
	if (width < 200 || width > 10000 || height < 200 || height > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("size of the plot is out of range: %d by %d", width,
						height),
				 errdetail("Allowed: at least 200 and at most 10000 each way.")));
	title = label_argument(fcinfo, 2, "title");
	first = label_argument(fcinfo, 5, "first_label");
	last = label_argument(fcinfo, 6, "last_label");

	y = ad_series_values(PG_GETARG_ARRAYTYPE_P(0), &n, &nmissing);
	o = ad_series_call_options(fcinfo->flinfo, call,
							   ad_jsonb_argument(PG_GETARG_DATUM(1), "options"),
							   &ad_stl_reader);
	if (n == 0)
		PG_RETURN_NULL();
	if (n > AD_SERIES_MAX_POINTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("series has too many points: %zu", n),
				 errdetail("The limit is %zu.", AD_SERIES_MAX_POINTS)));
	if (!ad_series_array_periods(o, y, n, periods, &nperiods, &problem) ||
		!ad_series_affordable(ad_stl_bytes(n, periods, nperiods) +
							  2 * n * sizeof(double), n, &problem))
	{
		if (o->on_error == AD_ON_ERROR_RAISE)
			ad_series_raise(&problem);
		PG_RETURN_NULL();
	}
	ad_stl_decompose(y, n, o, periods, nperiods, scratch, &result);
	ad_series_short_notice(&call->said, &result);
	remainder = ad_palloc_array(double, n);
	ad_stl_remainder(&result, y, remainder);
	ad_stl_judge(&result, o, remainder, scratch);
	ad_stl_scratch_leave(scratch);
	PG_RETURN_TEXT_P(cstring_to_text(ad_series_plot(y, n, &result, remainder,
													title, width, height,
													first, last)));
}
