/*-------------------------------------------------------------------------
 *
 * ad_beyond.h
 *		Values beyond all that a fit saw.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_BEYOND_H
#define AD_BEYOND_H

#include "model/ad_model.h"

/* beyond.c */
extern double ad_beyond_by(const AdModelFeature *f, double low, double high,
						   double v);
extern AdBeyond *ad_beyond_ranges(const AdModel *m, const AdView *v,
								  const Size *rows, Size n);
extern void ad_beyond_in_sample(const AdModel *m, const AdView *v,
								double *scores);
extern double ad_beyond_unit(double least, double greatest);
extern double ad_beyond_terms(const AdModel *m, const AdBeyond *ranges,
							  double unit, const double *raw, double *terms);

#endif							/* AD_BEYOND_H */
