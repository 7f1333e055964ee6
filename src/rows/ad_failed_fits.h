/*-------------------------------------------------------------------------
 *
 * ad_failed_fits.h
 *		Fits that ended in NULL, counted for one warning.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FAILED_FITS_H
#define AD_FAILED_FITS_H

#include "postgres.h"

#include "fmgr.h"

extern void ad_failed_fits_add(FunctionCallInfo fcinfo, const char *message);

#endif							/* AD_FAILED_FITS_H */
