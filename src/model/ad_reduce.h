/*-------------------------------------------------------------------------
 *
 * ad_reduce.h
 *		Principal components as preparation; see reduce.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_REDUCE_H
#define AD_REDUCE_H

#include "math/ad_linalg.h"
#include "model/ad_model.h"

struct AdReduction
{
	MemoryContext mcxt;			/* owns it; NULL: the model's does */
	AdMap	   *map;			/* from the encoded columns */
	double		share;			/* of the variance that the components hold */
	double	   *mean;			/* of a fit: what is written of the map */
	double	   *axes;			/* likewise, one a row */
};

extern const double *ad_reduce_fit(AdModel *m, const double *x, Size n,
								   double wanted, MemoryContext out);
extern void ad_reduce_forget(AdModel *m);
extern void ad_reduce_explain(const AdModel *m, const double *components,
							  double *columns);
extern void ad_reduce_write(const AdModel *m, StringInfo buf);
extern void ad_reduce_read(AdReader *r, AdModel *m);

#endif							/* AD_REDUCE_H */
