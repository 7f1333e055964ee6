/*-------------------------------------------------------------------------
 *
 * ad_drift.h
 *		Has the data changed: a sketch against a sketch or a model.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DRIFT_H
#define AD_DRIFT_H

#include "model/ad_model.h"

#define AD_DRIFT_LISTED		10	/* categories that are named */

/* The options of ad_drift(). */
typedef struct AdDriftOptions
{
	int			bins;			/* of a numeric feature */
	int			categories;		/* values that have a bin of their own */
	double		min_share;		/* what an empty bin counts as */
	double		psi_moderate;	/* limits of the verdicts, inclusive */
	double		psi_significant;
	double		missing_moderate;
	double		missing_significant;
	double		new_moderate;	/* share of rows in new categories */
	double		new_significant;
	int			score_rows;		/* scored for the drift of scores */
} AdDriftOptions;

typedef enum AdDriftPart
{
	AD_DRIFT_FEATURE, AD_DRIFT_SCORE, AD_DRIFT_OVERALL
} AdDriftPart;

typedef enum AdDriftVerdict
{
	AD_DRIFT_STABLE, AD_DRIFT_MODERATE, AD_DRIFT_SIGNIFICANT
} AdDriftVerdict;

/* Shares of rows in bins, side by side. */
typedef struct AdDriftBins
{
	int			n;
	double	   *p;				/* of the reference */
	double	   *q;				/* of the current */
	double	   *above;			/* numbers in the bin are above this */
	double	   *upto;			/* ... and at most that; either is NULL of
								 * categories */
	const AdCategory *values;	/* that bins are of; one more is all others */
	int			nvalues;
} AdDriftBins;

/* What has changed of one feature, of the scores, or over all. */
typedef struct AdDriftRow
{
	AdDriftPart part;
	int			position;		/* of the feature, from 1 */
	const char *name;			/* of the feature; "" if it has none */
	double		psi;			/* NaN where not defined, as those below */
	double		psi_noise;		/* exceeded by chance once in 1,000 */
	double		ks;
	double		js;
	double		missing_reference;	/* shares of rows */
	double		missing_current;
	double		new_share;
	double		new_noise;		/* of it, as psi_noise */
	int			nnew;			/* -1: cannot be told; */
	int			nvanished;		/* named are AD_DRIFT_LISTED of them */
	AdCategory	added[AD_DRIFT_LISTED];
	AdCategory	vanished[AD_DRIFT_LISTED];
	AdDriftVerdict verdict;
	char	   *reason;			/* of the verdict, or NULL */
	AdClass		class;			/* of the feature */
	const char *type;			/* of it, for people */
	AdDriftBins bins;			/* that psi is of; none: it is NaN */
} AdDriftRow;

extern void ad_drift_options(JsonbContainer *object, AdDriftOptions *o);
extern AdDriftRow *ad_drift(AdModel *model, AdSketch *reference,
							AdSketch *current, const AdDriftOptions *o,
							int *nrows);
extern const char *ad_drift_verdict_name(AdDriftVerdict verdict);

#endif							/* AD_DRIFT_H */
