/*-------------------------------------------------------------------------
 *
 * stats_time.c
 *		Histograms of time.
 *
 * Buckets are a quarter of an octave: linear between powers of two, so that
 * finding one takes no logarithm.  Every bound of the histograms that are
 * handed out (a power of two) is a bound of a bucket, so those counts are
 * exact.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_stats.h"

#include "port/pg_bitutils.h"

/* The fine bucket of a time in nanoseconds; NaN is none of ours. */
int
ad_stat_step(double ns)
{
	uint64		v = ns < 1e18 ? (uint64) Max(ns, 0) : UINT64CONST(1000000000000000000);
	int			octave;
	int			step;

	if (v < (UINT64CONST(1) << AD_STAT_LOWEST))
		return 0;
	octave = pg_leftmost_one_pos64(v);
	step = (octave - AD_STAT_LOWEST) * AD_STAT_PER_OCTAVE +
		(int) ((v >> (octave - 2)) & (AD_STAT_PER_OCTAVE - 1));
	return Min(step, AD_STAT_FINE - 1);
}

/* The shortest time of a fine bucket, in nanoseconds. */
double
ad_stat_step_start(int step)
{
	return ldexp(1.0 + (step % AD_STAT_PER_OCTAVE) / (double) AD_STAT_PER_OCTAVE,
				 AD_STAT_LOWEST + step / AD_STAT_PER_OCTAVE);
}

/*
 * A quantile of a fine histogram, in nanoseconds: exact to the width of a
 * bucket, at most max, the longest, if that is known (else NaN); NaN if there
 * is nothing in it.
 */
double
ad_stat_quantile(const uint64 *steps, double q, double max)
{
	double		n = 0;
	double		below = 0;
	double		result = NAN;

	for (int i = 0; i < AD_STAT_FINE; i++)
		n += (double) steps[i];
	for (int i = 0; i < AD_STAT_FINE && n > 0; i++)
	{
		double		here = (double) steps[i];

		if (here > 0 && below + here >= q * n)
		{
			double		start = i == 0 ? 0 : ad_stat_step_start(i);
			double		end = i < AD_STAT_FINE - 1 ? ad_stat_step_start(i + 1) :
				isnan(max) ? start : Max(max, start);

			result = start + (end - start) * (q * n - below) / here;
			break;
		}
		below += here;
	}
	return result > max ? max : result;
}

/*
 * Add the coarse histogram of an interval to a fine one, half of each bucket
 * to each of the two that it is made of.
 */
void
ad_stat_widen(const AdStatInterval *from, uint64 *steps, AdStatKind kind)
{
	for (int i = 0; i < AD_STAT_COARSE; i++)
	{
		uint32		here = from->steps[kind][i];

		steps[2 * i] += here / 2;
		steps[2 * i + 1] += here - here / 2;
	}
}
