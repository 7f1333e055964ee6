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
 * share out the product, and contribute nothing.  The column is then not
 * "known", which is calculated with: nobody can tell which splits these are,
 * so a branch would be mispredicted.
 *
 * What an edge's factor is divided by, and what it gains, are kept per split,
 * for the edge that the row takes; edge[] has where, for the edge to each
 * node.  Two places are of no split: that of all edges whose column is not
 * known, and that of the root.  What a split keeps for such an edge may be
 * NaN, and is not read.
 *
 *-------------------------------------------------------------------------
 */
#if WIDTH > 1 && WIDTH <= AD_SHAPLEY_POINTS

#define NV				(AD_SHAPLEY_POINTS / WIDTH)
#define LOAD(p, v)		(*(const VT *) ((p) + (v) * WIDTH))
#define STORE(p, v, a)	(*(VT *) ((p) + (v) * WIDTH) = (a))
#define UNROLL			_Pragma("GCC unroll 4")
#define ROOT			0
#define NOT_KNOWN		((uint32) AD_SHAPLEY_POINTS)
#define EDGE(split)		(((split) + 2) * AD_SHAPLEY_POINTS)

/* The way down. */
static TARGET void
KERNEL(go_down) (const AdShapleyTree *tree, const double *x, const double *at)
{
	static const double is_known[2] = {0, 1};
	double	   *product = tree->product;
	double	   *inverse = tree->inverse;
	double	   *gain = tree->gain;
	uint32	   *edge = tree->edge;
	uint32	   *rights = tree->right;
	const AdShapleySplit *splits = tree->splits;
	uint32		nsplits = tree->nsplits;
	VT			t[NV];

	edge[0] = ROOT;
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		t[v] = LOAD(at, v);
		STORE(product, v, ONE);
		STORE(inverse + ROOT, v, ONE);
		STORE(inverse + NOT_KNOWN, v, ONE);
		STORE(gain + ROOT, v, ZERO);
		STORE(gain + NOT_KNOWN, v, ZERO);
	}
	for (uint32 i = 0; i < nsplits; i++)
	{
		const AdShapleySplit *s = &splits[i];
		Size		right = !(s->coefficient * x[s->column] <= s->threshold);
		Size		children = 2 * (Size) i + 1;
		Size		last = edge[s->last];
		int			known = last != NOT_KNOWN;
		double		k = is_known[known];
		double		z = s->rows[right][known];
		double		z_out = s->rows[1 - right][known];
		double		rise = k * (1 - z);
		double		fall = k * z_out;
		const double *here = product + (Size) s->node * AD_SHAPLEY_POINTS;
		double	   *to = product + children * AD_SHAPLEY_POINTS;
		double	   *to_in = to + right * AD_SHAPLEY_POINTS;
		double	   *to_out = to + (1 - right) * AD_SHAPLEY_POINTS;

		rights[i] = (uint32) right;
		edge[children + right] = known ? EDGE(i) : NOT_KNOWN;
		edge[children + 1 - right] = NOT_KNOWN;
		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			rest = LOAD(here, v) * LOAD(inverse + last, v);
			VT			factor = z + rise * t[v];
			VT			over = ONE / factor;

			STORE(inverse + EDGE(i), v, over);
			STORE(gain + EDGE(i), v, rise * over);
			STORE(to_in, v, rest * factor * s->length[right]);
			STORE(to_out, v, rest * (z_out - fall * t[v]) *
				  s->length[1 - right]);
		}
	}
}

/* The way up, where products become sums of what is below. */
static TARGET void
KERNEL(go_up) (const AdShapleyTree *tree, const double *at, double *sum)
{
	double	   *product = tree->product;
	const double *gain = tree->gain;
	const uint32 *edge = tree->edge;
	const uint32 *rights = tree->right;
	const AdShapleySplit *splits = tree->splits;
	double		away[2 * AD_SHAPLEY_POINTS];

	UNROLL
	for (int v = 0; v < NV; v++)
	{
		STORE(away, v, ZERO);
		STORE(away + AD_SHAPLEY_POINTS, v, ONE / (ONE - LOAD(at, v)));
	}
	for (uint32 i = tree->nsplits; i-- > 0;)
	{
		const AdShapleySplit *s = &splits[i];
		Size		right = rights[i];
		Size		children = 2 * (Size) i + 1;
		Size		last = edge[s->last];
		const double *loss = away + (last != NOT_KNOWN ? AD_SHAPLEY_POINTS : 0);
		const double *gained = gain + edge[children + right];
		const double *from = product + children * AD_SHAPLEY_POINTS;
		const double *from_in = from + right * AD_SHAPLEY_POINTS;
		const double *from_out = from + (1 - right) * AD_SHAPLEY_POINTS;
		double	   *to = sum + (Size) s->column * AD_SHAPLEY_POINTS;

		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			inside = LOAD(from_in, v);
			VT			outside = LOAD(from_out, v);
			VT			both = inside + outside;

			STORE(product + (Size) s->node * AD_SHAPLEY_POINTS, v, both);
			STORE(to, v, LOAD(to, v) + inside * LOAD(gained, v) -
				  outside * LOAD(loss, v) - both * LOAD(gain + last, v));
		}
	}
}

static TARGET void
KERNEL(shapley) (const AdShapleyTree *tree, const double *x, const double *at,
				 double *sum)
{
	KERNEL(go_down) (tree, x, at);
	KERNEL(go_up) (tree, at, sum);
}

#undef NV
#undef LOAD
#undef STORE
#undef UNROLL
#undef ROOT
#undef NOT_KNOWN
#undef EDGE

#endif
