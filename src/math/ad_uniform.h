/*-------------------------------------------------------------------------
 *
 * ad_uniform.h
 *		Uniform random numbers by position, many at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_UNIFORM_H
#define AD_UNIFORM_H

#include "core/ad_random.h"

/* What parts the streams of a key's positions, and a stream's numbers. */
#define AD_UNIFORM_STEP		UINT64CONST(0x9e3779b97f4a7c15)
#define AD_UNIFORM_TINY		(1.0 / 4503599627370496.0)	/* 2^-52 */

/* Uniform in (0, 1), ends excluded, from 52 random bits. */
static inline double
ad_open_unit(uint64 bits)
{
	return ((double) (bits >> 12) + 0.5) * AD_UNIFORM_TINY;
}

extern void ad_uniform_fill(uint64 key, int64 first, Size n, double location,
							double scale, double *out);

#endif							/* AD_UNIFORM_H */
