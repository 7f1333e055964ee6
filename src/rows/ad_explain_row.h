/*-------------------------------------------------------------------------
 *
 * ad_explain_row.h
 *		A row explained, its features in order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_EXPLAIN_ROW_H
#define AD_EXPLAIN_ROW_H

#include "model/ad_explain.h"

/* explain.c */
extern double ad_explain_in_order(AdModel *m, const double *x, bool path,
								  double *contribution, int *order);

#endif							/* AD_EXPLAIN_ROW_H */
