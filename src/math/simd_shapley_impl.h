/*-------------------------------------------------------------------------
 *
 * simd_shapley_impl.h
 *		The body of the kernel of Shapley values, included once per SIMD level
 *		by simd_widths_impl.h, which defines KERNEL, TARGET, VT and WIDTH.
 *
 * See detectors/iforest_explain.c for what is summed.  On the way down each
 * edge gets the product of the factors of its path's columns, per point t: z
 * + (1 - z) t for a column whose splits the row keeps to, z (1 - t) for
 * another.  An edge's factor replaces that of the last edge above on the same
 * column.  On the way up the leaves' lengths times these products are added
 * up, and what an edge contributes to its column is added to the sums: (o - z)
 * over its factor, less the same of the edge that it replaces.
 *
 * Below a split that the row does not keep to, further splits on its column
 * share out the product, and contribute nothing.  "known" is 0 there, else 1,
 * and is calculated with: nobody can tell which splits these are, so a branch
 * would be mispredicted.
 *
 *-------------------------------------------------------------------------
 */
#if WIDTH <= AD_SHAPLEY_POINTS

#define NV				(AD_SHAPLEY_POINTS / WIDTH)
#define LOAD(p, v)		(*(const VT *) ((p) + (v) * WIDTH))
#define STORE(p, v, a)	(*(VT *) ((p) + (v) * WIDTH) = (a))
#define UNROLL			_Pragma("GCC unroll 4")

/* The way down. */
static TARGET void
KERNEL(go_down) (const AdShapleyTree *tree, const double *x, const double *at)
{
	double	   *product = tree->product;
	double	   *inverse = tree->inverse;
	double	   *gain = tree->gain;
	double	   *known = tree->known;
	VT			t[NV];

	known[0] = 1;
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		t[v] = LOAD(at, v);
		STORE(product, v, ONE);
		STORE(inverse, v, ONE);
		STORE(gain, v, ZERO);
	}
	for (uint32 i = 0; i < tree->nsplits; i++)
	{
		const AdShapleySplit *s = &tree->splits[i];
		int			right = !(s->coefficient * x[s->column] <= s->threshold);
		Size		here = (Size) i * AD_SHAPLEY_POINTS;
		Size		last = (Size) s->last * AD_SHAPLEY_POINTS;
		Size		in = (Size) s->child[right] * AD_SHAPLEY_POINTS;
		Size		out = (Size) s->child[1 - right] * AD_SHAPLEY_POINTS;
		double		k = known[s->last];
		double		z = 1 - k + k * s->keep[right];
		double		share = k + (1 - k) * s->share[right];
		double		z_out = k * s->keep[1 - right];
		double		share_out = z_out + (1 - k) * s->share[1 - right];

		known[s->child[right]] = k;
		known[s->child[1 - right]] = 0;
		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			rest = LOAD(product + here, v) * LOAD(inverse + last, v);
			VT			factor = z + (1 - z) * t[v];
			VT			over = ONE / factor;

			STORE(product + in, v, rest * (factor * share));
			STORE(inverse + in, v, over);
			STORE(gain + in, v, (1 - z) * over);
			STORE(product + out, v, rest * (share_out - z_out * t[v]));
			STORE(inverse + out, v, ONE);
			STORE(gain + out, v, ZERO);
		}
	}
}

/* The way up, where products become sums of what is below. */
static TARGET void
KERNEL(go_up) (const AdShapleyTree *tree, const double *x, const double *at,
			   double *sum)
{
	double	   *product = tree->product;
	const double *gain = tree->gain;
	VT			away[NV];

	UNROLL
	for (int v = 0; v < NV; v++)
		away[v] = ONE / (ONE - LOAD(at, v));
	for (uint32 l = 0; l < tree->nleaves; l++)
	{
		double	   *leaf = product +
			((Size) tree->nsplits + l) * AD_SHAPLEY_POINTS;

		UNROLL
		for (int v = 0; v < NV; v++)
			STORE(leaf, v, LOAD(leaf, v) * tree->length[l]);
	}
	for (uint32 i = tree->nsplits; i-- > 0;)
	{
		const AdShapleySplit *s = &tree->splits[i];
		int			right = !(s->coefficient * x[s->column] <= s->threshold);
		Size		last = (Size) s->last * AD_SHAPLEY_POINTS;
		Size		in = (Size) s->child[right] * AD_SHAPLEY_POINTS;
		Size		out = (Size) s->child[1 - right] * AD_SHAPLEY_POINTS;
		double	   *to = sum + (Size) s->column * AD_SHAPLEY_POINTS;
		double		k = tree->known[s->last];

		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			inside = LOAD(product + in, v);
			VT			outside = LOAD(product + out, v);
			VT			both = inside + outside;

			STORE(product + (Size) i * AD_SHAPLEY_POINTS, v, both);
			STORE(to, v, LOAD(to, v) + inside * LOAD(gain + in, v) -
				  outside * (k * away[v]) - both * LOAD(gain + last, v));
		}
	}
}

static TARGET void
KERNEL(shapley) (const AdShapleyTree *tree, const double *x, const double *at,
				 double *sum)
{
	KERNEL(go_down) (tree, x, at);
	KERNEL(go_up) (tree, x, at, sum);
}

#undef NV
#undef LOAD
#undef STORE
#undef UNROLL

#endif
