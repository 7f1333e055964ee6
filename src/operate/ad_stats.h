/*-------------------------------------------------------------------------
 *
 * ad_stats.h
 *		Statistics of scoring, per database, user and model.
 *
 * A call site counts in its own memory (AdStatSite) and adds its counts to
 * the shared table once, when its memory goes: at the end of its query, also
 * when that fails.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STATS_H
#define AD_STATS_H

#include "model/ad_model.h"
#include "portability/instr_time.h"

#define AD_STAT_NAME		64	/* bytes of a model's name, with the end */
#define AD_STAT_TIMED_FIRST 16	/* rows of a call site timed one by one, */
#define AD_STAT_TIMED_EVERY 64	/* then one in so many, */
#define AD_STAT_MANY		4096	/* and after so many rows */
#define AD_STAT_TIMED_SELDOM 512	/* one in so many */
#define AD_STAT_BUCKETS		320 /* of latency: 8 to an octave */

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
	/* what every row changes, together */
	uint64		rows;			/* scored */
	double		sum;			/* of scores, less the shift */
	double		squares;
	double		shift;			/* first score */
	double		threshold;		/* a score is an anomaly above it; NaN: none */
	uint32		until;			/* rows until one is timed */

	AdStatKey	key;
	uint16		detector;		/* id, or 0 */
	double		usual_mean;		/* of scores, as the model remembers; */
	double		usual_sd;		/* 0: it does not */
	uint64		anomalies;
	uint64		errors;
	uint64		timed;			/* rows timed after the first ones */
	double		first_ns;		/* time of the first ones */
	double		fastest_ns;		/* of the fastest of them */
	double		later_ns;		/* time of the timed after them, each of */
	double		excess_ns;		/* them cut to a limit, and what was cut */
} AdStatCounts;

/* How far the call of a call site is that has not returned. */
typedef enum AdStatStage
{
	AD_STAT_OUTSIDE,			/* there is none */
	AD_STAT_READING,			/* it has no model yet */
	AD_STAT_SCORING				/* it has; AdStatSite.now is its counts */
} AdStatStage;

/* One call site; zeroed at first. */
typedef struct AdStatSite
{
	bool		on;				/* counts at all */
	uint8		stage;			/* an AdStatStage */
	AdStatCounts now;			/* of the model in use */
	instr_time	start;			/* of the row being timed */
	instr_time	begun;			/* of the site */
	MemoryContext mcxt;			/* of the call site */
	MemoryContextCallback callback;
	AdStatCounts *others;		/* of models used before: a hash table */
	int			nothers;
	int			capacity;		/* power of 2, or 0 */
	uint64		unread;			/* calls that failed without a model */
} AdStatSite;

/* An entry of the shared table, copied. */
typedef struct AdStatEntry
{
	AdStatKey	key;
	uint16		detector;
	double		usual_mean;		/* as in AdStatCounts */
	double		usual_sd;
	uint64		calls;			/* call sites that ended */
	uint64		rows;
	uint64		anomalies;
	uint64		errors;
	double		total;			/* nanoseconds of all calls */
	double		max;			/* of the longest */
	AdStatMoments scores;
	TimestampTz first;
	TimestampTz last;
	uint32		latency[AD_STAT_BUCKETS];	/* calls by time */
} AdStatEntry;

/* settings.c */
extern bool ad_stats_enabled;
extern int	ad_stats_max;		/* entries of the shared table */

/* Thresholds of ad_health(). */
extern double ad_health_error_rate_warning;
extern double ad_health_error_rate_critical;
extern int	ad_health_latency_warning;	/* ms */
extern int	ad_health_latency_critical;
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
extern void ad_stat_failed(AdStatSite *site);
extern void ad_stat_timed(AdStatSite *site, double score);

/* stats_table.c: the shared table */
extern Size ad_stats_size(void);
extern void ad_stats_startup(void);
extern void ad_stat_add(const AdStatCounts *c, double ns);
extern AdStatEntry *ad_stat_read(int *n);
extern void ad_stat_merge(AdStatEntry *into, const AdStatEntry *e);
extern double ad_stat_quantile(const AdStatEntry *e, double q);
extern void ad_stat_reset_all(void);

/* A call begins; unless ad_stat_score() or _none() ends it, it failed. */
static inline void
ad_stat_enter(AdStatSite *site)
{
	if (site->on)
	{
		if (unlikely(site->stage != AD_STAT_OUTSIDE))
			ad_stat_failed(site);
		site->stage = AD_STAT_READING;
		if (unlikely(--site->now.until == 0))
			INSTR_TIME_SET_CURRENT(site->start);
	}
}

/* The call has its model. */
static inline void
ad_stat_found(AdStatSite *site)
{
	site->stage = AD_STAT_SCORING;
}

/* The call returns a score. */
static inline void
ad_stat_score(AdStatSite *site, double score)
{
	if (site->on)
	{
		double		d = score - site->now.shift;

		site->now.rows++;
		site->now.sum += d;
		site->now.squares += d * d;
		if (unlikely(score > site->now.threshold))
			site->now.anomalies++;
		if (unlikely(site->now.until == 0))
			ad_stat_timed(site, score);
		site->stage = AD_STAT_OUTSIDE;
	}
}

/* The call returns nothing; the next row is timed in its place. */
static inline void
ad_stat_none(AdStatSite *site)
{
	if (site->on)
	{
		if (unlikely(site->now.until == 0))
			site->now.until = 1;
		site->stage = AD_STAT_OUTSIDE;
	}
}

#endif							/* AD_STATS_H */
