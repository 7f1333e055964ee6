/*-------------------------------------------------------------------------
 *
 * drift_share.c
 *		Fisher's exact test: has a share changed?
 *
 * Of n rows of the reference and m current ones, so many have no value.  If
 * nothing has changed, the current ones among them are hypergeometric; or
 * about normal, where that has a standard deviation of 30 rows.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_drift_compare.h"

#define MANY	900				/* variance of the rows in question */

/*
 * The probability that at least b of m drawn rows are among the marked ones
 * of all, with respect to that of b itself; 0 where b is not possible.
 */
static double
upper_tail(double marked, double all, double m, double b)
{
	double		term = 1;
	double		sum = 0;

	for (double k = b; term > sum * 1e-17; k++)
	{
		sum += term;
		term *= (marked - k) * (m - k) /
			((k + 1) * (all - marked - m + k + 1));
		AD_CHECK_EVERY_1024((Size) k);
	}
	return sum;
}

/*
 * Whether chance makes a difference of shares as great as this one, or
 * greater in the same direction, less often than once in 2,000.
 */
bool
ad_drift_share_changed(double missing, double n, double missing_now, double m)
{
	double		marked = missing + missing_now;
	double		all = n + m;
	double		above;
	double		below;
	double		less;
	double		variance;

	/* forged models may say that more are missing than there are */
	if (!(n > 0) || !(m > 0) || !(missing <= n) || !(missing_now <= m))
		return false;
	variance = m * n / all * (marked / all) * (1 - marked / all);
	if (variance >= MANY)
		return fabs(missing_now - m * marked / all) >
			AD_DRIFT_CHANCE * sqrt(variance);
	/* both tails hold b itself, so that their sum less one is everything */
	above = upper_tail(marked, all, m, missing_now);
	below = upper_tail(all - marked, all, m, m - missing_now);
	less = missing_now * n > missing * m ? above : below;
	return less / (above + below - 1) <= AD_DRIFT_TAIL;
}
