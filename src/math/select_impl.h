/*-------------------------------------------------------------------------
 *
 * select_impl.h
 *		Selection of a rank among values of one type; see select.c.
 *
 * Includers define
 *		SELECT			the function
 *		SELECT_SCOPE	static, or nothing
 *		SELECT_TYPE		of the values
 *		SELECT_COMPARE	for qsort()
 *
 *-------------------------------------------------------------------------
 */

/*
 * Rearrange v so that v[k] is the value a sort would put there, none before
 * it is larger and none after it smaller.  O(n) expected, O(n log n) at worst.
 */
SELECT_SCOPE void
SELECT(SELECT_TYPE *v, Size n, Size k)
{
	Size		lo = 0;
	Size		hi = n - 1;
	int			budget = 64;

	while (hi > lo)
	{
		SELECT_TYPE pivot,
					a = v[lo],
					b = v[lo + (hi - lo) / 2],
					c = v[hi],
					swap;
		Size		i = lo,
					j = hi;

		CHECK_FOR_INTERRUPTS();
		if (budget-- == 0)
		{
			qsort(v + lo, hi - lo + 1, sizeof(SELECT_TYPE), SELECT_COMPARE);
			return;
		}
		pivot = a < b ? (b < c ? b : (a < c ? c : a))
			: (a < c ? a : (b < c ? c : b));
		for (;;)
		{
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap = v[i];
			v[i++] = v[j];
			v[j--] = swap;
		}
		/* v[lo..i-1] <= pivot <= v[j+1..hi]; if i is j, v[i] is in place */
		if (i == j)
		{
			if (k == j)
				return;
			if (k < j)
				hi = j - 1;
			else
				lo = j + 1;
		}
		else if (k <= j)
			hi = j;
		else
			lo = j + 1;
	}
}

#undef SELECT
#undef SELECT_SCOPE
#undef SELECT_TYPE
#undef SELECT_COMPARE
