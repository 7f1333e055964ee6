#include "series/ad_series.h"

/* Sort ascending and drop repeats; returns how many are left. */
int
ad_periods_sort(Size *periods, int n)
{
	int			m = 0;

	for (int i = 1; i < n; i++)
		for (int j = i; j > 0 && periods[j - 1] > periods[j]; j--)
		{
			Size		t = periods[j];

			periods[j] = periods[j - 1];
			periods[j - 1] = t;
		}
	for (int i = 0; i < n; i++)
		if (m == 0 || periods[i] != periods[m - 1])
			periods[m++] = periods[i];
	return m;
}

int
ad_periods_auto(const double *y, Size n, int64 step, int months, Size *periods)
{
	(void) y; (void) n; (void) step; (void) months; (void) periods;
	return 0;
}
