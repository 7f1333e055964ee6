/*-------------------------------------------------------------------------
 *
 * factor_impl.h
 *		What factor.c and tridiagonal.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FACTOR_IMPL_H
#define FACTOR_IMPL_H

#include "math/ad_linalg.h"

#define AD_STEP		(16.0 * 1024 * 1024)	/* operations between two checks */

/* Return how many columns of so many operations each go between two checks. */
static inline int
columns_a_step(double each)
{
	return (int) Min(Max(AD_STEP / Max(each, 1), 1), 1 << 20);
}

/* factor.c */
extern void ad_multiply_pieces(const char *trans, int m, int n, int k,
						const double *alpha, const double *a, int lda,
						const double *b, int ldb, const double *beta,
						double *c, int ldc);

/* tridiagonal.c */
extern bool ad_tridiagonal_eigen(int n, double *d, double *e, double *z);

#endif							/* FACTOR_IMPL_H */
