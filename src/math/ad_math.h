/*-------------------------------------------------------------------------
 *
 * ad_math.h
 *		Order statistics, ranks and histograms of arrays of doubles.
 *
 * Deterministic: the same input gives the same bits on every machine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_MATH_H
#define AD_MATH_H

#include "core/ad_core.h"

/* select.c */
extern void ad_select(double *v, Size n, Size k);
extern uint64 ad_select_u64(const uint64 *v, Size n, Size k);
extern double ad_quantile(double *v, Size n, double q);
extern void ad_quantiles(double *v, Size n, const double *q, int nq,
						 double *result);
extern void ad_sort_doubles(double *v, Size n);
extern void ad_sort_u64(uint64 *v, Size n);

/* chi_square.c */
extern double ad_chi_square_tail(double x, int degrees);

/* beta.c */
extern double ad_beta_distribution(double a, double b, double x);
extern double ad_beta_quantile(double p, double a, double b);
extern double ad_student_beyond(double t, double degrees);
extern double ad_student_limit(double chance, double degrees);

/* ranks.c: places among sorted numbers */
typedef struct AdRanks
{
	const double *values;		/* ascending, then 2^steps times infinity */
	uint32		n;
	int			steps;			/* of a search: 2^steps > fullest bucket */
	uint32		nbuckets;		/* power of 2 */
	double		low;			/* first value */
	double		per_width;		/* buckets per unit */
	const uint32 *bucket;		/* first value of each bucket */
} AdRanks;

extern void ad_ranks_build(AdRanks *r, double *values, uint32 n);
extern void ad_ranks_widen(AdRanks *r, int steps);
extern void ad_sort_bits(uint64 *v, Size n, int low_bit, uint64 *scratch);
extern void ad_sort_many(double *v, Size n, uint64 *scratch);
extern void ad_sort_with(double *v, uint32 *with, Size n, uint64 *scratch);

/* The bits of a double, no NaN, as an integer that sorts as the double does. */
static inline uint64
ad_sortable(double v)
{
	uint64		u;

	v += 0.0;					/* one zero only */
	memcpy(&u, &v, 8);
	return u ^ ((uint64) ((int64) u >> 63) | (UINT64CONST(1) << 63));
}

/* The bucket of a number; monotonic in x. */
static inline uint32
ad_ranks_bucket(const AdRanks *r, double x)
{
	double		p = (x - r->low) * r->per_width;
	double		last = r->nbuckets - 1;

	/* free of branches; NaN is 0 */
	p = p > 0 ? p : 0;
	p = p < last ? p : last;
	return (uint32) (int32) p;
}

/*
 * Return how many of the values are below x, which is not NaN, given the
 * first value of x's bucket.  The search may look past the end of the bucket:
 * values there are not below x.
 */
static inline uint32
ad_rank_from(const AdRanks *r, uint32 first, double x)
{
	const double *v = r->values + first;

	for (int s = r->steps - 1; s >= 0; s--)
		v += (Size) (v[((Size) 1 << s) - 1] < x) << s;
	return (uint32) (v - r->values);
}

/* histogram.c: equal-width histograms of sorted numbers */
#define AD_MAX_BINS		10000	/* of one histogram */

extern void ad_histogram_range(const double *sorted, Size n, double *low,
							   double *high);
extern double ad_histogram_edge(double low, double high, int bins, int i);
extern void ad_histogram_count(const double *sorted, Size n, double low,
							   double high, int bins, uint32 *counts);
extern int	ad_histogram_bins(const double *sorted, Size n);

#endif							/* AD_MATH_H */
