/*-------------------------------------------------------------------------
 *
 * sql_stl_array.c
 *		ad_stl_array(): decomposition of a packed series, the fast lane.
 *
 * The result is a composite of nine arrays, some 70 bytes a point.  Forming
 * arrays and then copying them into a tuple would cost as much as the
 * decomposition itself, so the tuple is laid out first and the arrays are
 * written in their final place: trend, season and weight are the very
 * memory that the method works on.  The method wants AD_LOESS_PAD zeros
 * behind those three; what lies behind is the head of a later array, so
 * that is filled in afterwards.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_run.h"
#include "series/ad_series_sql.h"
#include "series/ad_stl_point.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* One array of the result: its form and its place in the tuple. */
typedef struct Column
{
	Size		offset;			/* of the array in the tuple */
	Size		items;			/* elements */
	Size		present;		/* elements that are not NULL */
	int			ndim;
	Oid			type;			/* of an element */
	Size		width;			/* of an element */
	bits8	   *bitmap;			/* which elements are present; NULL: all */
	void	   *data;			/* the present elements */
} Column;

/* A packed series on its way into a tuple. */
typedef struct Packed
{
	const AdStlOptions *o;
	const double *y;			/* NaN: missing */
	Size		n;
	Size		present;		/* points with a value; 0 if none is finite */
	Size		periods[AD_SERIES_MAX_SEASONS];
	int			nperiods;
	int			seasons;		/* rows of the array of seasons */
	Column		columns[AD_STL_COLUMNS];
	Size		length;			/* of the tuple */
	char	   *tuple;
} Packed;

/*
 * Return how many elements of a column are not NULL.  What was expected is
 * there for every point, the verdict only for points with a value; of a
 * series without any value there is nothing but the weights.
 */
static Size
present_items(const Packed *p, AdStlColumn column, Size items)
{
	if (column == AD_STL_WEIGHT)
		return items;
	if (p->present == 0)
		return 0;
	switch (column)
	{
		case AD_STL_TREND:
		case AD_STL_SEASONAL:
		case AD_STL_SEASONALS:
		case AD_STL_EXPECTED_LOW:
		case AD_STL_EXPECTED_HIGH:
			return items;
		default:
			return p->present;
	}
}

/* Lay out the tuple: form and offset of each array, and the length. */
static void
lay_out(Packed *p)
{
	Size		offset = MAXALIGN(SizeofHeapTupleHeader);

	for (int i = 0; i < AD_STL_COLUMNS; i++)
	{
		Column	   *c = &p->columns[i];

		c->offset = offset;
		c->ndim = i == AD_STL_SEASONALS ? 2 : 1;
		c->items = i == AD_STL_SEASONALS ? p->n * (Size) p->seasons : p->n;
		c->present = present_items(p, (AdStlColumn) i, c->items);
		c->type = i == AD_STL_ANOMALY ? INT2OID : FLOAT8OID;
		c->width = i == AD_STL_ANOMALY ? sizeof(int16) : sizeof(double);
		offset += ad_series_array_bytes(c->items, c->present, c->width,
										c->ndim);
	}
	p->length = offset;
}

/* Allocate the tuple, and point the columns to their places in it. */
static void
allocate(Packed *p)
{
	/* the zeros behind what the method works on may reach over the end */
	p->tuple = palloc(p->length + AD_LOESS_PAD * sizeof(double));
	for (int i = 0; i < AD_STL_COLUMNS; i++)
	{
		Column	   *c = &p->columns[i];
		char	   *array = p->tuple + c->offset;

		c->bitmap = NULL;
		c->data = array + ARR_OVERHEAD_NONULLS(c->ndim);
		if (c->present < c->items)
		{
			c->bitmap = (bits8 *) c->data;
			c->data = array + ARR_OVERHEAD_WITHNULLS(c->ndim, c->items);
		}
	}
}

/*
 * Find the periods and make the tuple.  False, with the problem, if a period
 * cannot be had or the series is too long for its memory or for a value.
 */
static bool
prepare(Packed *p, AdSeriesProblem *problem)
{
	if (!ad_series_array_periods(p->o, p->y, p->n, p->periods, &p->nperiods,
								 problem))
		return false;
	p->seasons = 0;
	for (int i = 0; i < p->nperiods; i++)
		p->seasons += (2 * p->periods[i] <= p->n);
	p->seasons = Max(p->seasons, 1);

	lay_out(p);
	if (!ad_series_affordable(p->length + ad_stl_bytes(p->n, p->periods,
													   p->nperiods),
							  p->n, problem))
		return false;
	if (!AllocSizeIsValid(p->length + AD_LOESS_PAD * sizeof(double)))
	{
		problem->code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		problem->message = psprintf("decomposition of %zu points does not fit into a value: %zu MB",
									p->n, ad_megabytes(p->length));
		problem->detail = "The limit is 1 GB.";
		return false;
	}
	allocate(p);
	return true;
}

/* Return the elements of a column of type float8. */
static inline double *
doubles(const Packed *p, AdStlColumn column)
{
	return (double *) p->columns[column].data;
}

/*
 * Return an array the method works in: n points of a column, and zeros
 * behind.
 */
static double *
workplace(const Packed *p, AdStlColumn column)
{
	double	   *data = doubles(p, column);

	memset(data + p->n, 0, AD_LOESS_PAD * sizeof(double));
	return data;
}

/* Write the seasons and the bounds. */
static void
write_expected(const Packed *p, const AdStlResult *result)
{
	const double *season = result->season;
	double	   *low = doubles(p, AD_STL_EXPECTED_LOW);
	double	   *high = doubles(p, AD_STL_EXPECTED_HIGH);

	for (int s = 0; s < p->seasons; s++)
		memcpy(doubles(p, AD_STL_SEASONALS) + (Size) s * p->n,
			   result->nseasons > 1 ? result->seasons[s] : season,
			   p->n * sizeof(double));
	for (Size i = 0; i < p->n; i++)
	{
		double		fit = ad_stl_expected(result, i);

		low[i] = fit + result->low;
		high[i] = fit + result->high;
	}
}

/* Write the verdicts of a series without gaps, whose remainder is there. */
static void
write_verdicts(const Packed *p, const AdStlResult *result)
{
	const double *remainder = doubles(p, AD_STL_REMAINDER);
	double	   *score = doubles(p, AD_STL_SCORE);
	int16	   *anomaly = (int16 *) p->columns[AD_STL_ANOMALY].data;

	ad_stl_window_score(result, p->o, p->y, remainder,
						doubles(p, AD_STL_WINDOW_SCORE));
	for (Size i = 0; i < p->n; i++)
	{
		double		deviation = ad_stl_deviation(result, i, p->y[i],
												 remainder[i]);

		score[i] = ad_stl_score(result, deviation);
		anomaly[i] = (int16) ad_stl_side(result, i, deviation);
	}
}

/*
 * Write remainder and verdicts of the points with a value one after the
 * other, and the bitmap that says which they are: the remainder's.
 */
static void
write_present_verdicts(const Packed *p, const AdStlResult *result,
					   const double *remainder)
{
	double	   *window_score = ad_palloc_array(double, p->n);
	bits8	   *bitmap = p->columns[AD_STL_REMAINDER].bitmap;
	double	   *out_remainder = doubles(p, AD_STL_REMAINDER);
	double	   *out_score = doubles(p, AD_STL_SCORE);
	double	   *out_window_score = doubles(p, AD_STL_WINDOW_SCORE);
	int16	   *out_anomaly = (int16 *) p->columns[AD_STL_ANOMALY].data;
	Size		m = 0;

	ad_stl_window_score(result, p->o, p->y, remainder, window_score);
	memset(bitmap, 0, (p->n + 7) / 8);
	for (Size i = 0; i < p->n; i++)
	{
		double		deviation;

		if (isnan(remainder[i]))
			continue;
		deviation = ad_stl_deviation(result, i, p->y[i], remainder[i]);
		bitmap[i / 8] |= (1 << (i % 8));
		out_remainder[m] = remainder[i];
		out_score[m] = ad_stl_score(result, deviation);
		out_window_score[m] = window_score[i];
		out_anomaly[m] = (int16) ad_stl_side(result, i, deviation);
		m++;
	}
}

/* Decompose the series into its tuple, which lacks only the heads. */
static void
decompose(Packed *p, bool *said)
{
	bool		gaps = p->present < p->n;
	AdStlResult result = {0};
	AdStlScratch *scratch;
	double	   *remainder;

	result.trend = workplace(p, AD_STL_TREND);
	result.season = workplace(p, AD_STL_SEASONAL);
	result.weight = workplace(p, AD_STL_WEIGHT);
	scratch = ad_stl_scratch_enter();
	ad_stl_decompose(p->y, p->n, p->o, p->periods, p->nperiods, scratch,
					 &result);
	ad_series_short_notice(said, &result);
	remainder = gaps ? ad_palloc_array(double, p->n) :
		doubles(p, AD_STL_REMAINDER);
	ad_stl_remainder(&result, p->y, remainder);
	ad_stl_judge(&result, p->o, p->y, remainder, scratch);
	ad_stl_scratch_leave(scratch);
	write_expected(p, &result);
	CHECK_FOR_INTERRUPTS();
	if (gaps)
		write_present_verdicts(p, &result, remainder);
	else
		write_verdicts(p, &result);
}

/*
 * Write the heads of the arrays.  Those of the verdicts have the same gaps,
 * so one bitmap serves them all.
 */
static void
write_array_headers(const Packed *p)
{
	Size		bytes = (p->n + 7) / 8;
	bits8	   *gaps = NULL;

	if (p->present > 0 && p->present < p->n)
	{
		/* the head of the array it lies in clears it */
		gaps = palloc(bytes);
		memcpy(gaps, p->columns[AD_STL_REMAINDER].bitmap, bytes);
	}
	for (int i = 0; i < AD_STL_COLUMNS; i++)
	{
		const Column *c = &p->columns[i];

		ad_series_array_header((ArrayType *) (p->tuple + c->offset), c->type,
							   c->items, c->present, c->width, c->ndim,
							   p->seasons);
		if (gaps && c->bitmap)
			memcpy(c->bitmap, gaps, bytes);
	}
}

/* Write the head of the tuple. */
static Datum
write_tuple_header(const Packed *p, const AdSeriesCall *call)
{
	HeapTupleHeader td = (HeapTupleHeader) p->tuple;
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader);

	memset(td, 0, hoff);
	memcpy(td, call->null_row, SizeofHeapTupleHeader);
	HeapTupleHeaderSetDatumLength(td, p->length);
	td->t_infomask = (td->t_infomask & ~HEAP_HASNULL) | HEAP_HASVARWIDTH;
	td->t_hoff = (uint8) hoff;
	return HeapTupleHeaderGetDatum(td);
}

PG_FUNCTION_INFO_V1(ad_stl_array);

/* Decompose a packed series; NULL elements are missing points. */
Datum
ad_stl_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Jsonb	   *options = ad_jsonb_argument(PG_GETARG_DATUM(1), "options");
	AdSeriesCall *call = ad_series_call(fcinfo, true);
	AdSeriesProblem problem = {0};
	Packed		p;
	Size		nmissing;

	p.o = ad_series_call_options(fcinfo->flinfo, call, options,
								 &ad_stl_reader);
	if (!ad_series_values(array, &p.y, &p.n, &nmissing, &problem))
	{
		ad_series_fault(p.o->on_error, &problem);
		PG_RETURN_NULL();
	}
	if (p.n == 0)
		PG_RETURN_NULL();
	p.present = ad_series_any_finite(p.y, p.n) ? p.n - nmissing : 0;
	if (!prepare(&p, &problem))
	{
		ad_series_fault(p.o->on_error, &problem);
		PG_RETURN_NULL();
	}
	if (p.present > 0)
		decompose(&p, &call->said);
	else
		memset(p.columns[AD_STL_WEIGHT].data, 0, p.n * sizeof(double));
	/* heads last: they lie where the zeros were */
	write_array_headers(&p);
	PG_RETURN_DATUM(write_tuple_header(&p, call));
}
