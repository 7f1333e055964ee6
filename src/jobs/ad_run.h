/*-------------------------------------------------------------------------
 *
 * ad_run.h
 *		A run of a job: batches, each a transaction, until nothing is left.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_RUN_H
#define AD_RUN_H

#include "jobs/ad_job_source.h"
#include "jobs/ad_seen.h"

#define AD_MAX_BAD_ROWS		1000	/* in a run */
#define AD_P_BINS			10	/* of p-values */

/* A piece of what was seen, a row of _ad_job_seen. */
typedef struct AdChunk
{
	int32		number;
	int64		n;				/* versions */
	int64		high;			/* greatest place */
} AdChunk;

/* What a run keeps from batch to batch, in a context of its own. */
typedef struct AdRun
{
	MemoryContext mcxt;
	int32		job;
	int32		number;			/* of the run, in the log */
	char	   *name;			/* of the job */
	int64		rows;			/* scored so far */

	/* versions that were seen, and where they are stored */
	AdSeen	   *seen;			/* NULL: not read yet */
	int			generation;		/* of them */
	int			nchunks;
	int			max_chunks;
	AdChunk    *chunks;			/* by number */
	int64		below;			/* versions in chunks that are not read any
								 * more */

	/*
	 * A pass is batches that go on where the last one ended.  Its first reads
	 * all that has not settled.
	 */
	bool		in_pass;		/* there is such an end */
	bool		ended;			/* before the pass the mark's holders had
								 * ended */
	int64		pass_rows;		/* scored in it */
	int64		pass_seen;		/* versions remembered when it began */
	MemoryContext end_mcxt;		/* of the following */
	int64		end_place;
	Oid			end_key_type;
	Datum		end_key;

	bool		nulls_looked;	/* for rows without a watermark */
	int			bad;			/* rows that could not be scored */
	bool		fails;			/* because of one, or of too many */
	int64		aside;			/* watermarks beyond clock or reason */
	char	   *first_aside;	/* one of them */
	bool		refused;		/* it was said that there are too many series */
	bool		far;			/* it was said that a number is far off */

	/* for ad_health() */
	int64		looked;			/* rows whose p-value could be asked for */
	int64		bins[AD_P_BINS];	/* of p-values, by tenths */
	double		least_p;		/* of the model's p-values; NaN: not known */
} AdRun;

/* sql_state.c */
extern AdJobState *ad_state_read(const AdJob *j, bool wait);
extern AdJobState *ad_state_own(const AdJob *j);
extern void ad_state_write(const AdJob *j, const AdJobState *s, int64 seen);
extern bool ad_state_move(AdJobState *s, AdPlaceType type, const AdLag *lag,
						  int64 clock, int64 place);

/* sql_seen.c */
extern void ad_seen_load(AdRun *run, const AdJob *j, const AdJobState *s);
extern void ad_seen_store(AdRun *run, const AdJob *j, AdJobState *s,
						  const AdVersion *versions, int n);
extern void ad_seen_drop(AdRun *run, const AdJob *j, AdJobState *s);
extern AdSeen *ad_seen_stored(const AdJob *j, const AdJobState *s);

/* and asked for by the query of a batch */
extern void ad_takes_begin(const AdSeen *not, const AdSeen *only);
extern void ad_takes_end(void);
extern bool ad_takes(const AdVersion *v);

/* sql_batch.c */
extern bool ad_model_batch(AdBatch *b);
extern void ad_batch_formats(const char *timezone);

/* sql_late.c */
extern bool ad_late_is_due(const AdJob *j);
extern int64 ad_late_count(int32 job);

/* sql_pause.c */
extern void ad_job_pause(int32 id);

/* sql_layering_job.c */
extern bool ad_layering_batch(AdBatch *b);
extern int64 ad_layering_passed(const AdJob *j, const AdJobState *s);
extern int64 ad_layering_rescan(const AdJob *j, AdJobState *s, int64 from);

/* sql_wash_job.c */
extern bool ad_wash_batch(AdBatch *b);
extern int64 ad_wash_passed(const AdJob *j, const AdJobState *s);
extern int64 ad_wash_rescan(const AdJob *j, AdJobState *s, int64 from);

/* sql_series_job.c */
struct AdRetrain;
extern bool ad_series_batch(AdBatch *b);
extern int64 ad_series_passed(const AdJob *j, const AdJobState *s);
extern int64 ad_series_rescan(const AdJob *j, AdJobState *s, int64 from);
extern Jsonb *ad_series_retrain(const AdJob *j, const struct AdRetrain *asked);

/* sql_watch_job.c */
extern bool ad_watch_batch(AdBatch *b);
extern int64 ad_watch_passed(const AdJob *j, const AdJobState *s);
extern int64 ad_watch_rescan(const AdJob *j, AdJobState *s, int64 from);

/* sql_watch_retrain.c */
extern Jsonb *ad_watch_retrain(const AdJob *j, const struct AdRetrain *asked);

#endif							/* AD_RUN_H */
