/*-------------------------------------------------------------------------
 *
 * simd_profile_kernel.h
 *		The body of the matrix profile's row, included once per SIMD level.
 *
 * See simd_loess_kernels.h for what the includer defines.  Indexes are
 * doubles, so that one mask selects values and indexes alike.
 *
 *-------------------------------------------------------------------------
 */
#define NV				(AD_LOESS_LANES / WIDTH)
#define LOAD(p)			(*(const VT *) (p))
#define STORE(p, v)		(*(VT *) (p) = (v))
#define UNROLL			_Pragma("GCC unroll 8")

static TARGET void
KERNEL(row) (double *cov, Size n, double df_i, double dg_i, double inv_i,
			 const double *df, const double *dg, const double *inv,
			 const double *penalty, double *best, double *index, double i,
			 double *row_best, double *row_index)
{
	VT			top[NV],
				where[NV],
				at[NV];
	double		values[AD_LOESS_LANES];
	double		indexes[AD_LOESS_LANES];
	Size		k = 0;
	VT			here = ZERO + i;

	for (int l = 0; l < AD_LOESS_LANES; l++)
		indexes[l] = l;
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		top[v] = ZERO + *row_best;
		where[v] = ZERO - 1.0;
		at[v] = LOAD(indexes + v * WIDTH);
	}
	for (; k + AD_LOESS_LANES <= n; k += AD_LOESS_LANES)
	{
		UNROLL
		for (int v = 0; v < NV; v++)
		{
			Size		p = k + v * WIDTH;
			VT			c = LOAD(cov + p) + (LOAD(dg + p) * df_i + LOAD(df + p) * dg_i);
			VT			old = LOAD(best + p);
			VT			before = top[v];

			STORE(cov + p, c);
			c = c * inv_i * LOAD(inv + p) + LOAD(penalty + p);
			STORE(best + p, SELECT(c > old, c, old));
			STORE(index + p, SELECT(c > old, here, LOAD(index + p)));
			top[v] = SELECT(c > before, c, before);
			where[v] = SELECT(c > before, at[v], where[v]);
			at[v] += (double) AD_LOESS_LANES;
		}
	}
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		STORE(values + v * WIDTH, top[v]);
		STORE(indexes + v * WIDTH, where[v]);
	}
	for (int l = 0; l < AD_LOESS_LANES; l++)
		if (indexes[l] >= 0 &&
			(values[l] > *row_best ||
			 (values[l] == *row_best && *row_index >= 0 &&
			  indexes[l] < *row_index)))
		{
			*row_best = values[l];
			*row_index = indexes[l];
		}
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
#undef KERNEL
#undef TARGET
#undef VT
#undef VI
#undef WIDTH
#undef ZERO
#undef ONE
#undef SELECT
