/*-------------------------------------------------------------------------
 *
 * sql_shape.c
 *		ad_discord(), ad_subpca() OVER (...) and ad_changepoints().
 *
 * Both window functions pull the whole partition's values at its first row,
 * compute once and read the outcome row by row.  Neither looks at times:
 * rows are taken as equally spaced, in the window's order.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "series/ad_series_window.h"
#include "series/ad_shape.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* Options of ad_discord. */
typedef struct DiscordOptions
{
	int			exclusion;		/* points; -1: a quarter of the window */
	int			on_error;		/* AdOnError */
} DiscordOptions;

static const AdOption discord_table[] = {
	AD_POINTS(DiscordOptions, exclusion, -1, 0, 16777215),
	AD_ENUM(DiscordOptions, on_error, AD_ON_ERROR_RAISE, ad_on_error_names),
};

/* Options of ad_subpca. */
typedef struct SubpcaOptions
{
	int			on_error;		/* AdOnError */
} SubpcaOptions;

static const AdOption subpca_table[] = {
	AD_ENUM(SubpcaOptions, on_error, AD_ON_ERROR_RAISE, ad_on_error_names),
};

/* Options of ad_changepoints. */
typedef struct ChangepointsOptions
{
	int			method;			/* there is one */
	double		penalty;		/* NaN: by the number of points */
	int			min_segment;	/* points */
	int			on_error;		/* AdOnError */
} ChangepointsOptions;

static const char *const changepoints_methods[] = {"pelt", NULL};

static const AdOption changepoints_table[] = {
	AD_ENUM(ChangepointsOptions, method, 0, changepoints_methods),
	AD_FLOAT_ABOVE(ChangepointsOptions, penalty, NAN, 0, 1e300),
	AD_POINTS(ChangepointsOptions, min_segment, 2, 1, PG_INT32_MAX),
	AD_ENUM(ChangepointsOptions, on_error, AD_ON_ERROR_RAISE, ad_on_error_names),
};

/* What a partition of ad_discord keeps; the arrays are of its rows. */
typedef struct DiscordPartition
{
	AdSeriesPartition head;
	double	   *distance;		/* NaN: none */
	int64	   *neighbor;		/* from 0; -1: none */
	double	   *cover;			/* greatest distance of a row's windows */
	double		max_distance;	/* 2 sqrt(m), the greatest there can be */
} DiscordPartition;

/* The columns of ad_discord_point. */
enum
{
	DISCORD_DISTANCE,
	DISCORD_NEIGHBOR,
	DISCORD_SCORE,
	DISCORD_COLUMNS
};

/* What a partition of ad_subpca keeps. */
typedef struct SubpcaPartition
{
	AdSeriesPartition head;
	double	   *score;			/* of a row; NaN: none */
} SubpcaPartition;

/* Return the window length argument, checked; NULL stands for "none". */
static Size
window_argument(AdSeriesWindow *window, int min_length, Size max_length,
				Size none)
{
	bool		null;
	int			m = DatumGetInt32(WinGetFuncArgCurrent(window->winobj, 1, &null));

	if (null && none > 0)
		return none;
	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("window length cannot be NULL")));
	if (m < min_length || (Size) m > max_length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window length is out of range: %d", m),
				 errdetail("Allowed values are at least %d and at most %zu points.",
						   min_length, max_length)));
	return (Size) m;
}

/*
 * Count the partition's rows, of which each needs so many bytes.  Above a limit
 * there is an error; or, with on_error, none are counted, so that they are NULL.
 */
static Size
row_count(AdSeriesWindow *window, Size limit, Size bytes, int on_error)
{
	AdSeriesProblem problem = {0};
	Size		n;

	if (ad_series_window_rows(window, limit, bytes, &n, &problem))
		return n;
	ad_series_fault(on_error, &problem);
	return 0;
}

/* Read the options of ad_discord. */
static void
read_discord_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	(void) flinfo;
	ad_options_parse(&given->root, "ad_discord", discord_table,
					 lengthof(discord_table), NULL, options);
}

const AdSeriesReader ad_discord_reader = {
	"ad_discord", sizeof(DiscordOptions), read_discord_options
};

/* Find the nearest neighbour of every window of a partition. */
static void
prepare_discord(AdSeriesWindow *window, void *partition)
{
	DiscordPartition *part = (DiscordPartition *) partition;
	Size		m = window_argument(window, 4, AD_DISCORD_MAX_POINTS, 0);
	const DiscordOptions *o = ad_series_window_options(window, 2);
	Size		n = row_count(window, AD_DISCORD_MAX_POINTS,
							  AD_DISCORD_POINT_BYTES + 4 * sizeof(double),
							  o->on_error);
	double	   *y = ad_series_window_values(window, n, NULL);

	part->head.n = n;
	part->distance = ad_palloc_array(double, n);
	part->neighbor = ad_palloc_array(int64, n);
	part->cover = ad_palloc_array(double, n);
	part->max_distance = 2 * sqrt((double) m);
	ad_discord_profile(y, n, m,
					   o->exclusion >= 0 ? (Size) o->exclusion : (m + 3) / 4,
					   part->distance, part->neighbor);
	ad_series_cover(part->distance, n, m, part->cover);
	pfree(y);
}

static const AdSeriesFrame discord_frame = {
	sizeof(DiscordPartition), true, prepare_discord, &ad_discord_reader
};

PG_FUNCTION_INFO_V1(ad_discord);

/*
 * Return the distance and neighbour of the window that starts at the current row.
 */
Datum
ad_discord(PG_FUNCTION_ARGS)
{
	const DiscordPartition *part = ad_series_window(fcinfo, &discord_frame);
	const AdSeriesCall *call = fcinfo->flinfo->fn_extra;
	Size		row = (Size) WinGetCurrentPosition(PG_WINDOW_OBJECT());
	Datum		values[DISCORD_COLUMNS];
	bool		nulls[DISCORD_COLUMNS];

	if (row >= part->head.n)
		PG_RETURN_NULL();
	nulls[DISCORD_DISTANCE] = isnan(part->distance[row]);
	nulls[DISCORD_NEIGHBOR] = part->neighbor[row] < 0;
	nulls[DISCORD_SCORE] = isnan(part->cover[row]);
	values[DISCORD_DISTANCE] = Float8GetDatum(part->distance[row]);
	values[DISCORD_NEIGHBOR] = Int64GetDatum(part->neighbor[row] + 1);
	values[DISCORD_SCORE] =
		Float8GetDatum(part->cover[row] / part->max_distance);
	return HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls));
}

/* Read the options of ad_subpca. */
static void
read_subpca_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	(void) flinfo;
	ad_options_parse(&given->root, "ad_subpca", subpca_table,
					 lengthof(subpca_table), NULL, options);
}

const AdSeriesReader ad_subpca_reader = {
	"ad_subpca", sizeof(SubpcaOptions), read_subpca_options
};

/* Score every row of a partition; 0.2.0 had no options. */
static void
prepare_subpca(AdSeriesWindow *window, void *partition)
{
	SubpcaPartition *part = (SubpcaPartition *) partition;
	const SubpcaOptions *o = window->flinfo->fn_nargs < 3 ? NULL :
		ad_series_window_options(window, 2);
	Size		n = row_count(window, AD_SERIES_MAX_POINTS,
							  5 * sizeof(double),
							  o ? o->on_error : AD_ON_ERROR_RAISE);
	Size		m = window_argument(window, 2, AD_SUBPCA_MAX_WINDOW,
									ad_subpca_window(n));
	double	   *y = ad_series_window_values(window, n, NULL);

	part->head.n = n;
	part->score = ad_palloc_array(double, n);
	ad_subpca_scores(y, y, n, m, m, part->score);
	pfree(y);
}

static const AdSeriesFrame subpca_frame = {
	sizeof(SubpcaPartition), false, prepare_subpca, &ad_subpca_reader
};

PG_FUNCTION_INFO_V1(ad_subpca);

/* Return the score of the current row. */
Datum
ad_subpca(PG_FUNCTION_ARGS)
{
	const SubpcaPartition *part = ad_series_window(fcinfo, &subpca_frame);
	Size		row = (Size) WinGetCurrentPosition(PG_WINDOW_OBJECT());

	if (row >= part->head.n || isnan(part->score[row]))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(part->score[row]);
}

/* Read the options of ad_changepoints. */
static void
read_changepoints_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	(void) flinfo;
	ad_options_parse(&given->root, "ad_changepoints", changepoints_table,
					 lengthof(changepoints_table), NULL, options);
}

const AdSeriesReader ad_changepoints_reader = {
	"ad_changepoints", sizeof(ChangepointsOptions), read_changepoints_options
};

/*
 * Return the positions (from 1) at which a new level of a packed series
 * begins, as int[]; NULL if the series is at fault, with on_error.
 */
static Datum
changepoints(FunctionCallInfo fcinfo, const ChangepointsOptions *o)
{
	const double *y;
	Size		n,
				nmissing,
				count;
	uint32	   *at;
	Datum	   *items;
	AdSeriesProblem problem = {0};

	if (!ad_series_values(PG_GETARG_ARRAYTYPE_P(0), &y, &n, &nmissing,
						  &problem) ||
		!ad_series_affordable(ad_mul_size(n, AD_CHANGEPOINTS_BYTES +
										  2 * sizeof(double)), n, &problem))
	{
		ad_series_fault(o->on_error, &problem);
		PG_RETURN_NULL();
	}
	if (n == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT4OID));
	at = ad_palloc_array(uint32, n);
	count = ad_changepoints_pelt(y, n, o->penalty, (Size) o->min_segment, at);
	items = ad_palloc_array(Datum, count);
	for (Size i = 0; i < count; i++)
		items[i] = Int32GetDatum((int32) at[i] + 1);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, (int) count, INT4OID, 4,
										  true, 'i'));
}

PG_FUNCTION_INFO_V1(ad_changepoints_with_options);

/* ad_changepoints(series, options) -> positions */
Datum
ad_changepoints_with_options(PG_FUNCTION_ARGS)
{
	AdSeriesCall *call = ad_series_call(fcinfo, false);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("options of %s cannot be NULL", "ad_changepoints")));
	return changepoints(fcinfo,
						ad_series_call_options(fcinfo->flinfo, call,
											   ad_jsonb_argument(PG_GETARG_DATUM(1), "options"),
											   &ad_changepoints_reader));
}

PG_FUNCTION_INFO_V1(ad_changepoints);

/*
 * ad_changepoints(series, method, penalty, min_segment) -> positions
 *
 * An untyped constant is a method.  One that is an object stands for options,
 * so that they can be written here as in all other functions.
 */
Datum
ad_changepoints(PG_FUNCTION_ARGS)
{
	ChangepointsOptions o = {0};
	char	   *method;

	o.penalty = PG_ARGISNULL(2) ? NAN : PG_GETARG_FLOAT8(2);
	o.min_segment = PG_ARGISNULL(3) ? 2 : PG_GETARG_INT32(3);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("method cannot be NULL")));
	method = ad_text_argument(PG_GETARG_DATUM(1), "method", AD_MAX_WORD_LENGTH);
	if (method[0] == '{' && PG_ARGISNULL(2) && o.min_segment == 2)
	{
		Datum		options = DirectFunctionCall1(jsonb_in,
												  CStringGetDatum(method));

		read_changepoints_options(fcinfo->flinfo, DatumGetJsonbP(options), &o);
		return changepoints(fcinfo, &o);
	}
	if (strcmp(method, "pelt") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method cannot be \"%s\"", ad_quote_clip(method)),
				 errdetail("Expected \"pelt\".")));
	if (!PG_ARGISNULL(2) && !(o.penalty > 0 && isfinite(o.penalty)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("penalty is out of range: %g", o.penalty),
				 errdetail("Expected a number greater than 0.")));
	if (o.min_segment < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shortest segment is out of range: %d", o.min_segment),
				 errdetail("Expected at least 1.")));
	return changepoints(fcinfo, &o);
}
