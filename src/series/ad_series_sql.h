/*-------------------------------------------------------------------------
 *
 * ad_series_sql.h
 *		What the SQL functions over series share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_SQL_H
#define AD_SERIES_SQL_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "series/ad_series_run.h"
#include "sql/ad_text.h"
#include "utils/array.h"

/* How a function over series reads its options. */
typedef struct AdSeriesReader
{
	const char *owner;			/* the function, in messages */
	Size		size;			/* of the options once read */
	void		(*read) (FmgrInfo *flinfo, Jsonb *given, void *options);
} AdSeriesReader;

/*
 * What a call of a function in a query keeps in fn_extra.  The options are
 * in a context of their own, so that reading others frees them.
 */
typedef struct AdSeriesCall
{
	bool		said;			/* see ad_series_short_notice() */
	TupleDesc	desc;			/* of the result, blessed; NULL: not a row */
	HeapTupleHeader null_row;	/* a result that is NULL throughout */
	MemoryContext mcxt;			/* of the options */
	Jsonb	   *given;			/* options read last, as given; NULL: none */
	void	   *options;		/* the same as read */
} AdSeriesCall;

/* The rows of a series whose number is not known before, growing. */
typedef struct AdSeriesRows
{
	Size		n;
	Size		capacity;
	double	   *value;			/* NaN: NULL */
	int64	   *time;
} AdSeriesRows;

/* sql_common.c */
extern void ad_series_raise(const AdSeriesProblem *problem)
			pg_attribute_noreturn();
extern void ad_series_fault(int on_error, const AdSeriesProblem *problem);
extern void ad_series_parse(Jsonb *options, AdStlOptions *o);
extern void ad_series_spans(AdStlOptions *o);
extern void ad_series_span(AdSpan *span, const char *key);
extern const AdSeriesReader ad_stl_reader;	/* of AdStlOptions */
extern bool ad_series_values(ArrayType *array, const double **y, Size *n,
							 Size *nmissing, AdSeriesProblem *problem);
extern pg_tz *ad_series_zone(const char *name);
extern pg_tz *ad_series_time_zone(const char *name, AdTimeKind kind);
extern Size ad_series_array_bytes(Size items, Size present, Size width,
								  int ndim);
extern void ad_series_array_header(ArrayType *a, Oid type, Size items,
								   Size present, Size width, int ndim,
								   int rows);
extern void ad_series_short_notice(bool *said, const AdStlResult *result);
extern AdSeriesCall *ad_series_call(FunctionCallInfo fcinfo, bool row);
extern void *ad_series_call_options(FmgrInfo *flinfo, AdSeriesCall *call,
									Jsonb *given,
									const AdSeriesReader *reader);
extern void ad_series_rows_init(AdSeriesRows *rows, MemoryContext mcxt,
								Size capacity);
extern bool ad_series_rows_grow(AdSeriesRows *rows,
								AdSeriesProblem *problem);

/* Readers of the other functions' options. */
extern const AdSeriesReader ad_stream_reader;	/* sql_stream.c */
extern const AdSeriesReader ad_periods_reader;	/* sql_periods.c */
extern const AdSeriesReader ad_discord_reader;	/* sql_shape.c */
extern const AdSeriesReader ad_subpca_reader;
extern const AdSeriesReader ad_changepoints_reader;
extern const AdSeriesReader ad_score_reader;	/* sql_score.c */

/*
 * Add a row; false, with the problem and without the row, if the series
 * becomes too long.
 */
static inline bool
ad_series_rows_add(AdSeriesRows *rows, int64 time, double value,
				   AdSeriesProblem *problem)
{
	if (rows->n == rows->capacity && !ad_series_rows_grow(rows, problem))
		return false;
	rows->value[rows->n] = value;
	rows->time[rows->n++] = time;
	return true;
}

#endif							/* AD_SERIES_SQL_H */
