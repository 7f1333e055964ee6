/*-------------------------------------------------------------------------
 *
 * simd_profile_impl.h
 *		The body of the matrix profile's row, included once per SIMD level.
 *
 * See simd_widths_impl.h for what is defined.  Indexes are doubles, so that one
 * mask selects values and indexes alike.
 *
 *-------------------------------------------------------------------------
 */
#define NV				(AD_LOESS_LANES / WIDTH)
#define LOAD(p)			(*(const VT *) (p))
#define STORE(p, v)		(*(VT *) (p) = (v))
#define UNROLL			_Pragma("GCC unroll 8")

/* Take the lanes' bests into the row's; of equal ones the first index. */
static TARGET inline void
KERNEL(fold) (const double *values, const double *indexes, double *row_best,
			  double *row_index)
{
	for (int l = 0; l < AD_LOESS_LANES; l++)
		if (indexes[l] >= 0 &&
			(values[l] > *row_best ||
			 (values[l] == *row_best && *row_index >= 0 &&
			  indexes[l] < *row_index)))
		{
			*row_best = values[l];
			*row_index = indexes[l];
		}
}

static TARGET void
KERNEL(row) (double *cov, Size n, double df_i, double dg_i, double inv_i,
			 const double *df, const double *dg, const double *inv,
			 const double *penalty, double *best, double *index, double i,
			 double *row_best, double *row_index)
{
	VT			top[NV],
				where[NV];
	double		values[AD_LOESS_LANES];
	double		indexes[AD_LOESS_LANES];
	double		ramp[AD_LOESS_LANES];
	Size		k = 0;
	VT			here = ZERO + i;

	for (int l = 0; l < AD_LOESS_LANES; l++)
		ramp[l] = l;
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		top[v] = ZERO + *row_best;
		where[v] = ZERO - 1.0;
	}
	for (; k + AD_LOESS_LANES <= n; k += AD_LOESS_LANES)
	{
		VT			c[NV];
		VI			better = NONE;

		UNROLL
		for (int v = 0; v < NV; v++)
		{
			Size		p = k + v * WIDTH;

			c[v] = LOAD(cov + p) + (LOAD(dg + p) * df_i + LOAD(df + p) * dg_i);
			STORE(cov + p, c[v]);
			c[v] = c[v] * inv_i * LOAD(inv + p) + LOAD(penalty + p);
			better |= (VI) (c[v] > LOAD(best + p)) | (VI) (c[v] > top[v]);
		}
		/* new bests are rare: once a logarithm of the rows in each place */
		if (!ANY(better))
			continue;
		UNROLL
		for (int v = 0; v < NV; v++)
		{
			Size		p = k + v * WIDTH;
			VT			old = LOAD(best + p);
			VT			before = top[v];
			VT			at = LOAD(ramp + v * WIDTH) + (double) k;

			STORE(best + p, SELECT(c[v] > old, c[v], old));
			STORE(index + p, SELECT(c[v] > old, here, LOAD(index + p)));
			top[v] = SELECT(c[v] > before, c[v], before);
			where[v] = SELECT(c[v] > before, at, where[v]);
		}
	}
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		STORE(values + v * WIDTH, top[v]);
		STORE(indexes + v * WIDTH, where[v]);
	}
	KERNEL(fold) (values, indexes, row_best, row_index);
	for (; k < n; k++)
	{
		double		c = cov[k] + (dg[k] * df_i + df[k] * dg_i);

		cov[k] = c;
		c = c * inv_i * inv[k] + penalty[k];
		if (c > best[k])
		{
			best[k] = c;
			index[k] = i;
		}
		if (c > *row_best)
		{
			*row_best = c;
			*row_index = (double) k;
		}
	}
}

#undef NV
#undef LOAD
#undef STORE
#undef UNROLL
