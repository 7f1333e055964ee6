/*-------------------------------------------------------------------------
 *
 * ad_stats.h
 *		Statistics of scoring, per database, user and model.
 *
 * A call site counts in its own memory (AdStatSite) and adds its counts to
 * the shared table when its memory goes: at the end of its query, also when
 * that fails; and before, once an interval has passed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STATS_H
#define AD_STATS_H

#include "model/ad_model.h"
#include "portability/instr_time.h"

#define AD_STAT_NAME		64	/* bytes of a model's name, with the end */
#define AD_STAT_TIMED_FIRST 16	/* rows of a model timed one by one, */
#define AD_STAT_TIMED_EVERY 61	/* then one in so many: primes, so that */
#define AD_STAT_MANY		4096	/* models that take turns all have theirs; */
#define AD_STAT_TIMED_SELDOM 509	/* after so many rows one in so many */
#define AD_STAT_PENDING		64	/* scores a call site keeps before adding */

/*
 * Histograms of time: bucket i of the fine ones begins at 2^(4 + i/4) ns, in
 * steps of a quarter of an octave's width; the first and the last take what
 * is beyond them.  A bucket of the coarse ones is two of the fine.
 */
#define AD_STAT_LOWEST		4	/* octave of the first bucket: 16 ns */
#define AD_STAT_PER_OCTAVE	4
#define AD_STAT_FINE		128
#define AD_STAT_COARSE		(AD_STAT_FINE / 2)

/* Whom counts belong to; hashed as bytes, so zeroed first. */
typedef struct AdStatKey
{
	Oid			database;
	Oid			user;
	int32		version;		/* of a named model, or 0 */
	uint8		digest[AD_DIGEST_LENGTH];	/* zero: no model was read */
	char		name[AD_STAT_NAME]; /* "" unless found by one */
} AdStatKey;

/* Mean and deviation of scores that can be merged. */
typedef struct AdStatMoments
{
	uint64		n;
	double		mean;
	double		squares;		/* of deviations from the mean, summed */
} AdStatMoments;

/* What one call site counts of one model. */
typedef struct AdStatCounts
{
	AdStatKey	key;
	uint16		detector;		/* id, or 0 */
	bool		begun;			/* some of it is in the shared table already */
	double		threshold;		/* a score is an anomaly above it; NaN: none */
	double		usual_mean;		/* of scores, as the model remembers; */
	double		usual_sd;		/* 0: it does not */
	uint64		seen;			/* rows scored, also those flushed before */

	/* since the last flush */
	uint64		rows;			/* scored */
	double		sum;			/* of scores, less the shift */
	double		squares;
	double		shift;			/* first score */
	uint64		anomalies;
	uint64		errors;
	uint64		caught;			/* of them those that became NULL */

	/* time; each timed row stands for those since the one before */
	uint64		accounted;		/* of the rows seen, those with a time */
	double		first_ns;		/* of the first row; NaN: flushed, or none */
	double		fastest_ns;		/* of the first ones */
	double		steady_ns;		/* of all after the first */
	double		steady_rows;	/* how many they are; both of all flushes */
	double		ns;				/* all time since the last flush */
	double		call_ns;		/* all time that was flushed */
	uint32		steps[AD_STAT_FINE];	/* rows by time, but the first */
} AdStatCounts;

/*
 * One call site; zeroed at first.  What every row changes comes first.  That
 * is written whether the site counts or not: asking would take as long.
 */
typedef struct AdStatSite
{
	double	   *next;			/* place of the next score */
	double	   *end;			/* where ad_stat_full() is asked */
	uint32		until;			/* calls until ad_stat_due() is asked */
	uint32		found;			/* calls since it was that got their model */
	uint32		period;			/* what until was then */
	uint32		timed;			/* until, while the call that is timed runs;
								 * 0: none */
	uint32		added;			/* scores since then that were added up */
	bool		on;				/* counts at all */
	double		scores[AD_STAT_PENDING];	/* that were not */

	AdStatCounts *now;			/* of the model in use; NULL: none yet */
	AdStatCounts own;			/* of the first model */
	AdStatKey	whose;			/* without a model */
	instr_time	start;			/* of the row being timed */
	instr_time	flushed;		/* when the counts were last flushed; at
								 * first: begun */
	MemoryContext mcxt;			/* of the call site */
	MemoryContextCallback callback;
	AdStatCounts **models;		/* counts of all models: a hash table */
	int			nmodels;
	int			capacity;		/* power of 2, or 0 */
	uint64		unread;			/* calls that failed without a model; */
	uint64		unread_caught;	/* of them those that became NULL */
} AdStatSite;

/* What is measured of time. */
typedef enum AdStatKind
{
	AD_STAT_ROW,				/* a row, but the first of a call */
	AD_STAT_FIRST,				/* the first: finding the model is part of it */
	AD_STAT_CALL				/* all rows of a call */
} AdStatKind;

#define AD_STAT_KINDS	(AD_STAT_CALL + 1)

/* What is counted, whenever. */
typedef struct AdStatSums
{
	uint64		calls;			/* call sites that ended */
	uint64		rows;
	uint64		anomalies;
	uint64		errors;
	uint64		caught;			/* of the errors */
	double		total;			/* nanoseconds of all calls */
	double		max;			/* of the longest */
	double		steady;			/* of rows but the first of a call */
	AdStatMoments scores;
} AdStatSums;

/* The same of an interval. */
typedef struct AdStatInterval
{
	TimestampTz start;			/* 0: there is none */
	int64		length;			/* microseconds */
	AdStatSums	sums;
	uint32		steps[AD_STAT_KINDS][AD_STAT_COARSE];
} AdStatInterval;

/* An entry of the shared table, copied. */
typedef struct AdStatEntry
{
	AdStatKey	key;
	uint16		detector;
	double		usual_mean;		/* as in AdStatCounts */
	double		usual_sd;
	TimestampTz first;
	TimestampTz last;
	AdStatSums	sums;
	uint64		steps[AD_STAT_KINDS][AD_STAT_FINE];
} AdStatEntry;

/* settings.c */
extern bool ad_stats_enabled;
extern int	ad_stats_max;		/* entries of the shared table, */
extern int	ad_stats_intervals; /* intervals of each, */
extern int	ad_stats_interval;	/* of so many seconds */

/* Thresholds of ad_health(). */
extern double ad_health_error_rate_warning;
extern double ad_health_error_rate_critical;
extern int	ad_health_latency_warning;	/* ms */
extern int	ad_health_latency_critical;
extern double ad_health_latency_ratio_warning;
extern double ad_health_latency_ratio_critical;
extern double ad_health_score_shift_warning;
extern double ad_health_score_shift_critical;
extern int	ad_health_model_age_warning;	/* minutes */
extern int	ad_health_model_age_critical;

extern void ad_stats_settings(bool preloading);

/* stats.c: a call site */
extern void ad_stat_measure_clock(void);
extern void ad_stat_attach(AdStatSite *site, MemoryContext mcxt);
extern void ad_stat_model(AdStatSite *site, const AdModel *m,
						  const char *name, int32 version);
extern void ad_stat_entity(AdStatSite *site, const AdModel *m,
						   const char *name, int32 version,
						   const uint8 *digest);
extern void ad_stat_due(AdStatSite *site);
extern void ad_stat_full(AdStatSite *site);
extern void ad_stat_none(AdStatSite *site, bool found);
extern void ad_stat_caught(AdStatSite *site, bool found);

/* stats_time.c: histograms */
extern int	ad_stat_step(double ns);
extern double ad_stat_step_start(int step);
extern double ad_stat_quantile(const uint64 *steps, double q, double max);
extern void ad_stat_widen(const AdStatInterval *from, uint64 *steps,
						  AdStatKind kind);

/* stats_table.c: the shared table */
extern Size ad_stats_size(void);
extern void ad_stats_startup(bool *is_new);
extern void ad_stat_add(const AdStatCounts *c, bool last);
extern AdStatEntry *ad_stat_read(int *n, AdStatInterval **intervals);
extern void ad_stat_merge(AdStatEntry *into, const AdStatEntry *e);
extern void ad_stat_merge_sums(AdStatSums *into, const AdStatSums *from);
extern int	ad_stat_count(void);
extern bool ad_stat_each(bool (*put) (const void *data, Size len, void *arg),
						 void *arg);
extern bool ad_stat_put(const AdStatEntry *e, const AdStatInterval *intervals,
						int n);
extern void ad_stat_reset_all(void);

/* stats_file.c */
extern void ad_stats_load(void);
extern void ad_stats_save(int code, Datum arg);

/* A call begins; unless ad_stat_score() or _none() ends it, it failed. */
static inline void
ad_stat_enter(AdStatSite *site)
{
	if (unlikely(--site->until == 0))
		ad_stat_due(site);
}

/* The call has its model. */
static inline void
ad_stat_found(AdStatSite *site)
{
	site->found++;
}

/* The call returns a score. */
static inline void
ad_stat_score(AdStatSite *site, double score)
{
	double	   *next = site->next;

	*next++ = score;
	site->next = next;
	if (unlikely(next == site->end))
		ad_stat_full(site);
}

#endif							/* AD_STATS_H */
