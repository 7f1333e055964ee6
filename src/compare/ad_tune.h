/*-------------------------------------------------------------------------
 *
 * ad_tune.h
 *		Specs ranked in rungs, under a budget of time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_TUNE_H
#define AD_TUNE_H

#include "compare/ad_compare.h"

#define AD_MAX_RUNGS	16

/* How far a spec came. */
typedef enum AdTuneStatus
{
	AD_TUNE_FINISHED,			/* all rows, all folds */
	AD_TUNE_DROPPED,			/* others of its rung were better */
	AD_TUNE_OUT_OF_TIME,
	AD_TUNE_NOT_TRIED,			/* likewise, before it */
	AD_TUNE_FAILED
} AdTuneStatus;

/* One size of the rows, and what was measured of specs with it. */
typedef struct AdTuneRung
{
	Size		rows;
	int			folds;			/* in which all were tried that were left */
	double	   *figures;		/* nspecs x ntrials of the metric; NaN: none */
	int		   *trials;			/* by spec: folds in which it was tried */
	double	   *model_bytes;	/* likewise: sum over these */
	double	   *fit_seconds;	/* likewise, of processor time */
	double	   *score_seconds;
} AdTuneRung;

/* What came of a spec. */
typedef struct AdTuned
{
	AdTuneStatus status;
	int			rung;			/* that it is ranked by; -1: none */
	int			counted;		/* folds of the rung that count for it */
	int			folds;			/* with a figure, of these */
	double		mean;			/* NaN: there is none */
	double		deviation;
	AdResampled against;		/* the best of all less this one */
	double		model_bytes;	/* mean; NaN: no model */
	double		seconds;		/* of a trial, on average */
	char	   *error;			/* the first, or NULL */
} AdTuned;

typedef struct AdTune
{
	AdCompareRows *rows;
	const AdCompareSpec *specs;
	int			nspecs;
	AdCompareDesign design;
	AdCompareMetric metric;
	double		budget;			/* seconds; Infinity: none */
	bool		(*is_over) (const struct AdTune *t);
	double		(*elapsed) (const struct AdTune *t);
	int			progress;		/* slot, or -1 */
	uint64		fits;			/* made by then */
	const void *clock;			/* of these two functions */

	/* what comes of it, in the context of the call */
	int			ntrials;		/* of a spec: folds x repeats */
	int			nrungs;
	AdTuneRung	rungs[AD_MAX_RUNGS];
	bool		in_time;		/* nothing was left undone */
	AdTuned    *tuned;			/* by spec */
	int		   *order;			/* the specs, best first */
	int			chosen;			/* spec to use; -1: none is known */
} AdTune;

/* rung.c */
extern AdCompareRows *ad_rung_rows(AdCompareRows *rows, double share,
								   const AdCompareDesign *design);
extern void ad_rung_deal(AdCompareRows *rows, const AdCompareDesign *design,
						 int repeat);

/* tune.c */
extern void ad_tune_run(AdTune *t);

/* tune_rank.c */
extern void ad_tune_rank(AdTune *t);

#endif							/* AD_TUNE_H */
