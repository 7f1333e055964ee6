/*-------------------------------------------------------------------------
 *
 * ad_fit.h
 *		A sample that detectors are fitted to, and that they score.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FIT_H
#define AD_FIT_H

#include "model/ad_calibration.h"
#include "model/ad_model.h"
#include "model/ad_spec.h"

/* What a fit works on: of a model, or of a member of an ensemble. */
typedef struct AdFit
{
	const AdSpec *spec;
	AdView	   *view;			/* shared by the members */
	AdModel    *model;
	MemoryContext mcxt;			/* owns all of it */
	uint64		seed;			/* of what is held out: of all members */
	Size		unsampled;		/* see AdFitter */
	Size		max_rows;		/* that a member asks for; 0: all */
	int			nmembers;
	struct AdFit *members;

	/* of the rows last fitted to */
	MemoryContext fitted;		/* owns what follows */
	StringInfoData payload;
	MemoryContext scoring;		/* in it; owns the model's scorer */
	AdCalibration calibration;
	const Size *rows;			/* NULL: all */
	Size		nrows;
	double		error;			/* of rounding, in a usual row's columns */
	double	   *raw;			/* scratch: a row's features */
	const AdCalibration **scales;	/* of the members */
	double	   *scratch;		/* one score per member */
} AdFit;

/* fit_rows.c */
extern void ad_fit_prepare(AdFit *fit, AdView *v, const AdSpec *spec,
						   uint64 seed);
extern void ad_fit_matrix(AdFit *fit, const Size *rows, Size n,
						  AdMatrix *matrix);
extern bool ad_fit_draws(const AdFit *fit, Size n);
extern void ad_fit_rows(void *fit, const Size *rows, Size n);
extern double ad_fit_own_score(AdFit *fit, Size i);
extern double ad_fit_rounding(const void *fit);
extern void ad_fit_calibrate(AdFit *fit);

/* in_sample.c */
extern void ad_fit_in_sample(AdFit *fit, double *scores);

#endif							/* AD_FIT_H */
