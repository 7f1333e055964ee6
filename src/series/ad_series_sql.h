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

#include "sql/ad_text.h"
#include "fmgr.h"
#include "funcapi.h"
#include "series/ad_series.h"

#include "utils/array.h"

/* What kind of time a function was called with. */
typedef enum AdTimeKind
{
	AD_TIME_TZ,					/* timestamptz */
	AD_TIME_LOCAL,				/* timestamp without time zone */
	AD_TIME_NUMBER				/* bigint: no calendar */
} AdTimeKind;

/* A series from rows to verdicts. */
typedef struct AdSeriesRun
{
	AdGrid		grid;			/* n = 0: no row has a time */
	AdStlResult result;
	double	   *remainder;		/* of the grid's points */
	double	   *window;			/* window scores of the points */
} AdSeriesRun;

/* series_common.c */
extern bool ad_series_run(FmgrInfo *flinfo, const AdStlOptions *o,
						  AdTimeKind kind, void *zone, const double *value,
						  int64 *time, Size n, AdStlRoom *room,
						  AdSeriesRun *run, AdSeriesProblem *problem);
extern void ad_series_raise(const AdSeriesProblem *problem)
			pg_attribute_noreturn();
extern void ad_series_need(Size n, Size bytes);
extern void ad_series_parse(Jsonb *options, AdStlOptions *o);
extern void ad_series_span(AdSpan *span, const char *key);
extern const double *ad_series_values(ArrayType *array, Size *n,
									  Size *nmissing);
extern bool ad_series_any_finite(const double *y, Size n);
extern bool ad_series_array_periods(const AdStlOptions *o, const double *y,
									Size n, Size *periods, int *nperiods,
									AdSeriesProblem *problem);
extern void *ad_series_zone(const char *name);
extern Size ad_series_array_bytes(Size items, Size present, Size width,
								  int ndim);
extern void ad_series_array_header(ArrayType *a, Oid type, Size items,
								   Size present, Size width, int ndim,
								   int rows);
extern void ad_series_short_notice(FmgrInfo *flinfo, Size n, Size period);

#endif							/* AD_SERIES_SQL_H */
