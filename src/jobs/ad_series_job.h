/*-------------------------------------------------------------------------
 *
 * ad_series_job.h
 *		Jobs of kind series: what the files of it share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_JOB_H
#define AD_SERIES_JOB_H

#include "jobs/ad_ordered.h"
#include "series/ad_score.h"
#include "series/ad_stream.h"
#include "utils/hsearch.h"

#define AD_SERIES_STATE		"state of a series job"

/* How series are scored. */
typedef enum AdSeriesMethod
{
	AD_SERIES_STREAM,			/* point by point, from a state */
	AD_SERIES_WINDOW			/* the last points together */
} AdSeriesMethod;

/* A row of a batch. */
typedef struct AdSeriesRow
{
	AdOrderedRow head;			/* must be first */
	double		value;			/* NaN: none */
} AdSeriesRow;

/* The head of a series' state; the stream or the points of a window follow. */
typedef struct AdSeriesHead
{
	bool		dead;			/* nothing came for too long */
	uint64		points;			/* rows that were read, with those without a
								 * value and repeated ones */
	int64		first;			/* times */
	int64		last;
	uint64		repeated;		/* points at the time of the one before */
	int64		step;			/* as expected; 0: not known yet */
} AdSeriesHead;

/* What a method says of a point; NaN: nothing. */
typedef struct AdSeriesVerdict
{
	int64		place;
	double		value;
	int			side;			/* -1: anomaly below, 1: above, 0: none */
	bool		judged;			/* there is a verdict */
	double		expected;
	double		low;
	double		high;
	double		score;			/* on which rule "score" is */
	double		combined;
	double		part[3];		/* scores of the point, window and shape */
	double		usual[3];		/* and what they are most often, or may be */
	int			run;			/* points on one side in a row, with sign */
	double		missing;		/* points that are missing before it */
} AdSeriesVerdict;

/* A batch of such a job. */
typedef struct AdSeriesJob
{
	AdOrdered	o;				/* must be first */
	AdStreamOptions stream;
	AdScoreOptions score;
	char	  **columns;		/* the key's */
	AdPlaceType type;
	Oid			value_type;		/* base type */
	/* kept in the place */
	uint64		series;			/* that have a state */
	uint64		dead;			/* of these */
	uint64		refused;		/* rows of series beyond max_series */
	uint64		refused_now;	/* in this batch */
	bool		evicted;		/* dead series made room */
	/* of the batch */
	HTAB	   *labelled;		/* points taken as missing, or NULL */
	AdHit	   *hits;
	int			nhits;
	int			max_hits;
} AdSeriesJob;

/* sql_series_state.c */
extern void ad_series_head_write(StringInfo w, const AdSeriesHead *h);
extern void ad_series_head_read(AdReader *r, AdSeriesHead *h);
extern void ad_series_counts_write(StringInfo w, const AdSeriesJob *j);
extern void ad_series_counts_read(AdReader *r, AdSeriesJob *j);
extern char *ad_series_key(const char *keys, uint32 len, int n);

/* sql_series_score.c */
extern bool ad_series_advance(AdOrdered *o, AdOrderedStep *step);
extern bool ad_series_evict(AdSeriesJob *j);

/* sql_series_alert.c */
extern bool ad_series_alerts(const AdJob *j, const AdSeriesVerdict *v);
extern void ad_series_hit(AdSeriesJob *j, const AdOrderedStep *step,
						  const AdSeriesVerdict *v);
extern void ad_series_raise_alerts(AdSeriesJob *j);
extern bool ad_series_is_labelled(AdSeriesJob *j, const AdOrderedStep *step,
								  int64 place);
extern void ad_series_labels(AdSeriesJob *j);

/* sql_series_options.c */
extern bool ad_series_value_type(Oid type, Oid *base);
extern void ad_series_check_value(const AdJob *job, Oid type);
extern void ad_series_read_options(const AdJob *j, AdPlaceType type,
								   AdStreamOptions *stream,
								   AdScoreOptions *score);
extern double ad_series_value(Oid type, Datum value);

#endif							/* AD_SERIES_JOB_H */
