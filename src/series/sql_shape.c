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
} DiscordOptions;

static const AdOption discord_table[] = {
	AD_INT(DiscordOptions, exclusion, -1, 0, 16777215),
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

/* Return the window length argument, checked. */
static Size
window_argument(AdSeriesWindow *window, int min_length, Size max_length)
{
	bool		null;
	int			m = DatumGetInt32(WinGetFuncArgCurrent(window->winobj, 1, &null));

	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("window length cannot be NULL")));
	if (m < min_length || (Size) m > max_length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window length is out of range: %d", m),
				 errdetail("Allowed: at least %d and at most %zu points.",
						   min_length, max_length)));
	return (Size) m;
}

/*
 * Count the partition's rows, refused above a limit; bytes: what each needs.
 */
static Size
row_count(AdSeriesWindow *window, Size limit, Size bytes)
{
	AdSeriesProblem problem = {0};
	Size		n;

	if (!ad_series_window_rows(window, limit, bytes, &n, &problem))
		ad_series_raise(&problem);
	return n;
}

/* Read the options of ad_discord. */
static void
read_discord_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	(void) flinfo;
	ad_options_parse(&given->root, "ad_discord", discord_table,
					 lengthof(discord_table), NULL, options);
}

/* Find the nearest neighbour of every window of a partition. */
static void
prepare_discord(AdSeriesWindow *window, void *partition)
{
	DiscordPartition *part = (DiscordPartition *) partition;
	Size		m = window_argument(window, 4, AD_DISCORD_MAX_POINTS);
	const DiscordOptions *o = ad_series_window_options(window, 2);
	Size		n = row_count(window, AD_DISCORD_MAX_POINTS,
							  AD_DISCORD_POINT_BYTES + 4 * sizeof(double));
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
	sizeof(DiscordPartition), true, prepare_discord,
	{"ad_discord", sizeof(DiscordOptions), read_discord_options}
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

/* Score every row of a partition. */
static void
prepare_subpca(AdSeriesWindow *window, void *partition)
{
	SubpcaPartition *part = (SubpcaPartition *) partition;
	Size		m = window_argument(window, 2, AD_SUBPCA_MAX_WINDOW);
	Size		n = row_count(window, AD_SERIES_MAX_POINTS,
							  5 * sizeof(double));
	double	   *y = ad_series_window_values(window, n, NULL);

	part->head.n = n;
	part->score = ad_palloc_array(double, n);
	ad_subpca_scores(y, n, m, part->score);
	pfree(y);
}

static const AdSeriesFrame subpca_frame = {
	sizeof(SubpcaPartition), false, prepare_subpca, {0}
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

PG_FUNCTION_INFO_V1(ad_changepoints);

/* Return the positions (from 1) at which a new level begins. */
Datum
ad_changepoints(PG_FUNCTION_ARGS)
{
	char	   *method;
	double		penalty = PG_ARGISNULL(2) ? NAN : PG_GETARG_FLOAT8(2);
	int			min_segment = PG_ARGISNULL(3) ? 2 : PG_GETARG_INT32(3);
	const double *y;
	Size		n,
				nmissing,
				count;
	uint32	   *at;
	Datum	   *items;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("method cannot be NULL")));
	method = ad_text_argument(PG_GETARG_DATUM(1), "method", AD_MAX_WORD_LENGTH);
	if (strcmp(method, "pelt") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method cannot be \"%s\"", ad_quote_clip(method)),
				 errdetail("Expected \"pelt\".")));
	if (!PG_ARGISNULL(2) && !(penalty > 0 && isfinite(penalty)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("penalty is out of range: %g", penalty),
				 errdetail("Expected a number greater than 0.")));
	if (min_segment < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shortest segment is out of range: %d", min_segment),
				 errdetail("Expected at least 1.")));
	y = ad_series_values(PG_GETARG_ARRAYTYPE_P(0), &n, &nmissing);
	if (n > AD_SERIES_MAX_POINTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("series has too many points: %zu", n),
				 errdetail("The limit is %zu.", AD_SERIES_MAX_POINTS)));
	if (n == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT4OID));
	ad_series_need(n, AD_CHANGEPOINTS_BYTES + 2 * sizeof(double));
	at = ad_palloc_array(uint32, n);
	count = ad_changepoints_pelt(y, n, penalty, (Size) min_segment, at);
	items = ad_palloc_array(Datum, count);
	for (Size i = 0; i < count; i++)
		items[i] = Int32GetDatum((int32) at[i] + 1);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, (int) count, INT4OID, 4,
										  true, 'i'));
}
