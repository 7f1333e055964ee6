/*-------------------------------------------------------------------------
 *
 * ad_reading.h
 *		What a batch reads: versions of rows, which of them may alert.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_READING_H
#define AD_READING_H

#include "jobs/ad_run.h"
#include "jobs/ad_scorer.h"

/* A version that may alert. */
typedef struct AdCandidate
{
	int			version;		/* which of those read */
	double		score;			/* NaN: not asked for yet */
	double		p_value;		/* NaN: the same */
	HeapTuple	row;			/* with key and entity behind the columns */
} AdCandidate;

/* What a batch has read so far, in order. */
typedef struct AdReading
{
	AdVersion  *versions;		/* scored, and bad ones */
	double	   *p_values;		/* of them, for a rule on all; NaN: bad */
	int			n;
	int			max;
	int			bad;			/* of n */
	int			met;			/* rows that the query brought */
	int			fallback;		/* of n: scored by the common model */
	int			unscored;		/* of n: without a model */
	AdCandidate *candidates;
	int			ncandidates;
	int			max_candidates;
} AdReading;

/* One batch of a job with a model. */
typedef struct AdModelBatch
{
	AdBatch    *b;
	AdRun	   *run;
	AdJobSource source;
	AdLag		lag;
	AdScorer   *scorer;
	int64		from;			/* the least place that is read */
	bool		has_until;
	int64		until;			/* the greatest */
	AdReading	reading;
} AdModelBatch;

extern bool ad_read_rows(AdModelBatch *m, int64 least, int64 greatest,
						 ErrorData **error);
extern void ad_read_carefully(AdModelBatch *m, ErrorData *error);
extern void ad_read_without_watermark(AdModelBatch *m);
extern bool ad_is_of_row(const ErrorData *e);
extern void ad_bad_row(AdModelBatch *m, const AdVersion *v, const char *message,
					   int sqlstate);

#endif							/* AD_READING_H */
