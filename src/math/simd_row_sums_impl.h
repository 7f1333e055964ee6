/*-------------------------------------------------------------------------
 *
 * simd_row_sums_impl.h
 *		The body of the kernel of sums of rows, included once per SIMD level by
 *		simd_widths_impl.h, which defines KERNEL, TARGET, VT and WIDTH.
 *
 * Columns are summed in groups: so many that no addition waits for the one
 * before, and so few that the sums stay in registers.
 *
 *-------------------------------------------------------------------------
 */
#if WIDTH == 2 || WIDTH == 4

#define GROUP			12		/* columns, three vectors of AD_ROW_SUMS_PAD */
#define LOAD(p, v)		(*(const VT *) ((p) + (v) * WIDTH))
#define UNROLL			_Pragma("GCC unroll 6")

/* Sum n columns, a constant. */
static pg_attribute_always_inline TARGET void
KERNEL(sum_group) (const double *table, const uint32 *at, uint32 rows,
				   const int n, double *sum)
{
	VT			part[GROUP / WIDTH];

	UNROLL
	for (int v = 0; v < n / WIDTH; v++)
		part[v] = ZERO;
	for (uint32 r = 0; r < rows; r++)
	{
		const double *row = table + at[r];

		UNROLL
		for (int v = 0; v < n / WIDTH; v++)
			part[v] += LOAD(row, v);
	}
	UNROLL
	for (int v = 0; v < n / WIDTH; v++)
		*(VT *) (sum + v * WIDTH) = part[v];
}

static TARGET void
KERNEL(row_sums) (const double *table, const uint32 *at, uint32 rows, int cols,
				  double *sum)
{
	for (int first = 0; first < cols; first += GROUP)
	{
		double		group[GROUP];
		int			n = Min(cols - first, GROUP);

		if (n <= AD_ROW_SUMS_PAD)
			KERNEL(sum_group) (table + first, at, rows, AD_ROW_SUMS_PAD, group);
		else if (n <= 2 * AD_ROW_SUMS_PAD)
			KERNEL(sum_group) (table + first, at, rows, 2 * AD_ROW_SUMS_PAD,
							   group);
		else
			KERNEL(sum_group) (table + first, at, rows, GROUP, group);
		memcpy(sum + first, group, n * sizeof(double));
	}
}

#undef GROUP
#undef LOAD
#undef UNROLL

#endif
