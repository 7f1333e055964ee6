/*-------------------------------------------------------------------------
 *
 * ad_fdr_online.h
 *		Which p-values of an endless stream to believe.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FDR_ONLINE_H
#define AD_FDR_ONLINE_H

#include "core/ad_core.h"

#define AD_FDR_POTS		10		/* in which wealth is kept */

/* What jobs forget with: tests after which a past counts half. */
#define AD_FDR_JOB_HALF_LIFE 1000000

/* A half-life is none (0), or from the one to the other. */
#define AD_FDR_MIN_HALF_LIFE 1000
#define AD_FDR_MAX_HALF_LIFE UINT64CONST(1000000000000)

typedef enum AdFdrOnlineMethod
{
	AD_FDR_LORD,				/* every test costs its level */
	AD_FDR_SAFFRON				/* those with a small p-value cost nothing */
} AdFdrOnlineMethod;

/* What a stream has left to spend; of fixed size, for any number of tests. */
typedef struct AdFdrOnline
{
	AdFdrOnlineMethod method;
	double		q;				/* of 100 alerts at most 100 q are false */
	uint64		half_life;		/* tests after which a past counts half; 0:
								 * nothing is forgotten */
	uint64		tests;			/* so far */
	uint64		alerts;			/* so far */
	double		pots[AD_FDR_POTS];	/* wealth, by the pace it is spent at */
	double		keep;			/* of "half_life": what one test leaves */
} AdFdrOnline;

/* How far p-values that cannot be less than "least_p" carry a stream. */
typedef struct AdFdrReach
{
	double		first_tests;	/* from the start, none an alert, that it
								 * could come of each */
	double		next_tests;		/* the same after an alert on its own */
	double		least_share;	/* of all rows that must be alerts if it is to
								 * go on for ever */
} AdFdrReach;

extern void ad_fdr_online_init(AdFdrOnline *s, AdFdrOnlineMethod method,
							   double q, uint64 half_life);
extern double ad_fdr_online_level(const AdFdrOnline *s, double least_p);
extern bool ad_fdr_online_step(AdFdrOnline *s, double p, double least_p,
							   double *level);
extern AdFdrReach ad_fdr_online_reach(double q, double least_p,
									  uint64 half_life);
extern bytea *ad_fdr_online_write(const AdFdrOnline *s);
extern void ad_fdr_online_read(AdFdrOnline *s, const uint8 *data, Size len);

#endif							/* AD_FDR_ONLINE_H */
