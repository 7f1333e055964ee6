/*-------------------------------------------------------------------------
 *
 * fdr.c
 *		Adjusted p-values that control the false discovery rate.
 *
 * Benjamini and Hochberg (1995): the i-th smallest of n p-values becomes
 * the smallest of p_j n / j over j >= i, at most 1.  Benjamini and Yekutieli
 * (2001): times 1 + 1/2 + ... + 1/n, which holds under any dependence.
 * Products are formed in the order of R's p.adjust.
 *
 * Equal p-values get equal results, so it is enough to sort copies of the
 * values and to look each row's value up again.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_fdr.h"
#include "evaluate/ad_ranking.h"

/* 1 + 1/2 + ... + 1/n, smallest terms first. */
static double
harmonic(Size n)
{
	double		sum = 0;
	double		lost = 0;

	for (Size i = n; i > 0; i--)
	{
		double		y = 1.0 / (double) i - lost;
		double		t = sum + y;

		AD_CHECK_EVERY_1024(i);
		lost = (t - sum) - y;
		sum = t;
	}
	return sum;
}

/* Adjust n p-values in place; each is in [0, 1], or NaN and stays so. */
void
ad_fdr_adjust(double *p, Size n, AdFdrMethod method)
{
	uint64	   *keys = ad_palloc_array(uint64, n);
	uint64	   *scratch = ad_palloc_array(uint64, n);
	double	   *adjusted;
	double		smallest = 1.0;
	double		factor;
	Size		m = 0;

	for (Size i = 0; i < n; i++)
		if (!isnan(p[i]))
			keys[m++] = ad_key_of_score(p[i]);
	ad_sort_keys(&keys, &scratch, m);

	factor = method == AD_FDR_BY ? harmonic(m) * (double) m : (double) m;
	adjusted = (double *) scratch;
	for (Size i = m; i > 0; i--)
	{
		AD_CHECK_EVERY_1024(i);
		smallest = Min(smallest,
					   factor / (double) i * ad_score_of_key(keys[i - 1]));
		adjusted[i - 1] = smallest;
	}

	for (Size i = 0; i < n; i++)
	{
		uint64		key;
		Size		lo = 0;
		Size		hi = m;

		AD_CHECK_EVERY_1024(i);
		if (isnan(p[i]))
			continue;
		/* the first of its ties, which has the smallest */
		key = ad_key_of_score(p[i]);
		while (lo < hi)
		{
			Size		middle = lo + (hi - lo) / 2;

			if (keys[middle] < key)
				lo = middle + 1;
			else
				hi = middle;
		}
		p[i] = adjusted[lo];
	}
	pfree(keys);
	pfree(scratch);
}
