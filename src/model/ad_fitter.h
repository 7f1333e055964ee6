/*-------------------------------------------------------------------------
 *
 * ad_fitter.h
 *		What calibration asks of a fit.
 *
 * A fitter fits to some of its rows and scores any of them.  How it does, and
 * whether it is one detector or several, calibration does not know.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FITTER_H
#define AD_FITTER_H

#include "model/ad_calibration.h"
#include "model/ad_spec.h"

typedef struct AdFitter
{
	const AdSpec *spec;
	uint64		seed;			/* of what is held out */
	Size		unsampled;		/* rows that the sample would have beside its
								 * own if the fit could use them; they count
								 * where a share is held out */
	bool		floored;		/* some rows score no lower than all that were
								 * summarised before: infinite times */
	void	   *fit;			/* given to each of these: */

	/* Fit to some rows, given in ascending order. */
	void		(*fit_rows) (void *fit, const Size *rows, Size n);

	/* The score of a row, finite. */
	double		(*score_row) (void *fit, Size row);

	/* What scores of the last fit may differ by as equals, near 0 too. */
	double		(*rounding) (const void *fit);

	/*
	 * The shift and unit by which scores of the last fit compare with those
	 * of other fits.
	 */
	void		(*common_scale) (const void *fit, double *shift, double *unit);
} AdFitter;

/* held_out.c */
extern void ad_calibration_draw(const Size *rows, Size n, Size k, uint64 seed,
								uint64 stream, Size *drawn, Size *rest);
extern void ad_calibration_make(const AdFitter *f, const Size *rows, Size n,
								AdCalibration *out);

#endif							/* AD_FITTER_H */
