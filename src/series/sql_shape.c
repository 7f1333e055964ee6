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
#include "series/ad_series_sql.h"
#include "series/ad_shape.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "windowapi.h"

/* Options of ad_discord. */
typedef struct DiscordOptions
{
	int			exclusion;		/* points; -1: a quarter of the window */
} DiscordOptions;

static const AdOption discord_table[] = {
	AD_INT(DiscordOptions, exclusion, -1, 0, 16777215),
};

/* What a call site keeps. */
typedef struct ShapeCall
{
	TupleDesc	desc;			/* ad_discord_point, blessed */
} ShapeCall;

/* What a partition keeps. */
typedef struct ShapePartition
{
	bool		ready;
	Size		n;
	double	   *first;			/* distances, or scores */
	int64	   *neighbor;
	double	   *cover;			/* greatest distance of a row's windows */
	double		most;			/* 2 sqrt(m), the greatest distance there is */
} ShapePartition;

/* All values of the partition; NULLs as NaN. */
static double *
pull_values(WindowObject winobj, Size n)
{
	double	   *y = ad_palloc_array(double, n + AD_LOESS_PAD);

	for (Size i = 0; i < n; i++)
	{
		bool		null,
					out;
		Datum		d = WinGetFuncArgInPartition(winobj, 0, (int) i,
												 WINDOW_SEEK_HEAD, false,
												 &null, &out);

		y[i] = null ? NAN : DatumGetFloat8(d);
	}
	return y;
}

/* The window length argument, checked. */
static Size
window_argument(WindowObject winobj, int least, Size most)
{
	bool		null;
	int			m = DatumGetInt32(WinGetFuncArgCurrent(winobj, 1, &null));

	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("window length cannot be NULL")));
	if (m < least || (Size) m > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window length is out of range: %d", m),
				 errdetail("Allowed: at least %d and at most %zu points.",
						   least, most)));
	return (Size) m;
}

/* The partition's rows, refused above a limit; bytes: what each needs. */
static Size
row_count(WindowObject winobj, Size most, Size bytes)
{
	Size		n = (Size) WinGetPartitionRowCount(winobj);

	if (n > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("series has too many rows: %zu", n),
				 errdetail("The limit is %zu.", most)));
	ad_series_need(n, bytes);
	return n;
}

PG_FUNCTION_INFO_V1(ad_discord);

/* Distance and neighbour of the window that starts at the current row. */
Datum
ad_discord(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	ShapeCall  *call = (ShapeCall *) fcinfo->flinfo->fn_extra;
	ShapePartition *part;
	Size		row;
	Datum		values[3] = {0};
	bool		nulls[3];

	part = WinGetPartitionLocalMemory(winobj, sizeof(ShapePartition));
	if (call == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		call = palloc0(sizeof(ShapeCall));
		if (get_call_result_type(fcinfo, NULL, &call->desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->desc = BlessTupleDesc(call->desc);
		MemoryContextSwitchTo(old);
		fcinfo->flinfo->fn_extra = call;
	}
	if (!part->ready)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(part));
		Size		m = window_argument(winobj, 4, AD_DISCORD_MAX_POINTS);
		bool		null;
		Datum		options = WinGetFuncArgCurrent(winobj, 2, &null);
		DiscordOptions o;
		double	   *y;

		if (null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("options of %s cannot be NULL", "ad_discord")));
		ad_options_parse(&ad_jsonb_argument(options, "options")->root, "ad_discord",
						 discord_table, lengthof(discord_table), NULL, &o);
		part->n = row_count(winobj, AD_DISCORD_MAX_POINTS,
							AD_DISCORD_POINT_BYTES + 4 * sizeof(double));
		y = pull_values(winobj, part->n);
		part->first = ad_palloc_array(double, part->n);
		part->neighbor = ad_palloc_array(int64, part->n);
		part->cover = ad_palloc_array(double, part->n);
		part->most = 2 * sqrt((double) m);
		ad_discord_profile(y, part->n, m,
						   o.exclusion >= 0 ? (Size) o.exclusion : (m + 3) / 4,
						   part->first, part->neighbor);
		ad_series_cover(part->first, part->n, m, part->cover);
		pfree(y);
		part->ready = true;
		MemoryContextSwitchTo(old);
	}

	row = (Size) WinGetCurrentPosition(winobj);
	if (row >= part->n)
		PG_RETURN_NULL();
	nulls[0] = isnan(part->first[row]);
	nulls[1] = part->neighbor[row] < 0;
	nulls[2] = isnan(part->cover[row]);
	values[0] = Float8GetDatum(part->first[row]);
	values[1] = Int64GetDatum(part->neighbor[row] + 1);
	values[2] = Float8GetDatum(part->cover[row] / part->most);
	return HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls));
}

PG_FUNCTION_INFO_V1(ad_subpca);

/* Score of the current row. */
Datum
ad_subpca(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	ShapePartition *part;
	Size		row;

	part = WinGetPartitionLocalMemory(winobj, sizeof(ShapePartition));
	if (!part->ready)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(part));
		Size		m = window_argument(winobj, 2, AD_SUBPCA_MAX_WINDOW);
		double	   *y;

		part->n = row_count(winobj, AD_SERIES_MAX_POINTS,
							4 * sizeof(double));
		y = pull_values(winobj, part->n);
		part->first = ad_palloc_array(double, part->n);
		ad_subpca_scores(y, part->n, m, part->first);
		pfree(y);
		part->ready = true;
		MemoryContextSwitchTo(old);
	}
	row = (Size) WinGetCurrentPosition(winobj);
	if (row >= part->n || isnan(part->first[row]))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(part->first[row]);
}

PG_FUNCTION_INFO_V1(ad_changepoints);

/* Positions (from 1) at which a new level begins. */
Datum
ad_changepoints(PG_FUNCTION_ARGS)
{
	char	   *method;
	double		penalty = PG_ARGISNULL(2) ? NAN : PG_GETARG_FLOAT8(2);
	int			least = PG_ARGISNULL(3) ? 2 : PG_GETARG_INT32(3);
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
	if (least < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shortest segment is out of range: %d", least),
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
	count = ad_changepoints_pelt(y, n, penalty, (Size) least, at);
	items = ad_palloc_array(Datum, count);
	for (Size i = 0; i < count; i++)
		items[i] = Int32GetDatum((int32) at[i] + 1);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, (int) count, INT4OID, 4,
										  true, 'i'));
}
