/*-------------------------------------------------------------------------
 *
 * simd_tree_impl.h
 *		The body of the walk through a k-d tree, included once per SIMD level.
 *
 * Defined for it: KERNEL(name), TARGET, VT (a vector of WIDTH doubles), IT (of
 * as many int64), LANES_FROM(i): i and the numbers that follow; MIN, MAX, SQRT,
 * AT_MOST(a, b): bits of the lanes, LEAST(v): the least of 16 lanes,
 * GREATEST(v), the greatest lane of a vector; RANK(p, nv, x): how many of the
 * numbers in nv vectors are less than x; SPLAT(x); and for lists, unless
 * KERNEL(list_take) and KERNEL(list_insert) are: EQUAL(a, b): bits of the
 * lanes, BEYOND(a, b), a mask of the lanes where a > b, BLEND(mask, a, b),
 * BEFORE(low, at), the lanes of both moved on by one, SPLAT_ID(i).
 *
 *-------------------------------------------------------------------------
 */
#define NV				(AD_BLOCK_LANES / WIDTH)
#define LOAD(p)			(*(const VT *) (p))
#define STORE(p, v)		(*(VT *) (p) = (v))
#define UNROLL			_Pragma("GCC unroll 16")

/*
 * The least reduced distances that rows in the boxes of a node's children can
 * have, each added up as that of a row is, from parts that are no greater.
 * The last bits of each, BOX_CHILD, are the child's number, so that the least
 * tells whose it is; without them it is a little less, which misses nothing.
 */
static TARGET pg_attribute_always_inline void
KERNEL(boxes) (const AdNeighbors *nb, const double *box, int children,
			   const double *q, AdNorm norm, bool minkowski, VT *out)
{
	const VT	zero = {0};
	int			dims = nb->dims;
	VT			sum[NV];
	VT			largest[NV];

	UNROLL
	for (int v = 0; v < NV; v++)
		sum[v] = largest[v] = zero;
	for (int c = 0; c < dims; c++, box += 2 * AD_BLOCK_LANES)
	{
		VT			x = SPLAT(q[c]);

		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			below = LOAD(box + v * WIDTH) - x;
			VT			above = x - LOAD(box + AD_BLOCK_LANES + v * WIDTH);
			VT			gap = MAX(MAX(below, above), zero);

			if (norm == AD_NORM_2)
				sum[v] += gap * gap;
			else if (norm == AD_NORM_1)
				sum[v] += gap;
			if (norm == AD_NORM_MAX || minkowski)
				largest[v] = MAX(gap, largest[v]);
		}
	}
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		VT			d = norm == AD_NORM_MAX ? largest[v] : sum[v];
		IT			lane = LANES_FROM(v * WIDTH);
		IT			there;

		if (minkowski)
			/*
			 * No less than the greatest gap, nor than the 2-norm narrowed,
			 * whose squares may be beyond all numbers where it is not.
			 */
			d = MAX(MIN(SQRT(sum[v]), SPLAT(1e154)) / SPLAT(nb->widen),
					largest[v]) * SPLAT(1 - 1e-9);
		there = lane < (int64) children;
		lane |= (IT) MIN(d, SPLAT(DBL_MAX)) & ~BOX_CHILD;
		out[v] = (VT) ((there & lane) | (~there & (IT) SPLAT(INFINITY)));
	}
}

/* The reduced distances to the rows of a block, column by column in order. */
static TARGET pg_attribute_always_inline void
KERNEL(rows) (const double *block, int dims, const double *q, AdNorm norm,
			  VT *out)
{
	const VT	zero = {0};
	VT			sum[NV];

	UNROLL
	for (int v = 0; v < NV; v++)
		sum[v] = zero;
	for (int c = 0; c < dims; c++, block += AD_BLOCK_LANES)
	{
		VT			x = SPLAT(q[c]);

		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			d = x - LOAD(block + v * WIDTH);

			if (norm == AD_NORM_2)
				sum[v] += d * d;
			else
			{
				d = MAX(d, -d);
				if (norm == AD_NORM_1)
					sum[v] += d;
				else
					sum[v] = MAX(d, sum[v]);
			}
		}
	}
	UNROLL
	for (int v = 0; v < NV; v++)
		out[v] = sum[v];
}

/* Bits of the lanes that are at most a number. */
static TARGET pg_attribute_always_inline uint32
KERNEL(at_most) (const VT *d, double limit)
{
	uint32		mask = 0;

	UNROLL
	for (int v = 0; v < NV; v++)
		mask |= (uint32) AT_MOST(d[v], SPLAT(limit)) << (v * WIDTH);
	return mask;
}

#ifdef BEFORE

/*
 * Put a row into a list of nv vectors: what is beyond it moves on by one
 * place.  It is at no distance that is in the list.
 */
static TARGET pg_attribute_always_inline void
KERNEL(insert) (VT *list_d, VT *list_i, int nv, VT d, VT i)
{
	UNROLL
	for (int v = nv - 1; v >= 0; v--)
	{
		VT			before_d = BEFORE(v > 0 ? list_d[v - 1] : SPLAT(-INFINITY),
									  list_d[v]);
		VT			before_i = BEFORE(v > 0 ? list_i[v - 1] : i, list_i[v]);

		list_i[v] = BLEND(BEYOND(list_d[v], d),
						  BLEND(BEYOND(before_d, d), before_i, i), list_i[v]);
		list_d[v] = MAX(before_d, MIN(list_d[v], d));
	}
}

/* Return whether a distance is in a list. */
static TARGET pg_attribute_always_inline bool
KERNEL(listed) (const VT *list_d, int nv, VT d)
{
	uint32		equal = 0;

	UNROLL
	for (int v = 0; v < nv; v++)
		equal |= EQUAL(list_d[v], d);
	return equal != 0;
}

static TARGET void
KERNEL(list_insert) (AdNeighborScratch *s, double d, uint32 id)
{
	int			nv = s->list_size / WIDTH;

	if (unlikely(KERNEL(listed) ((VT *) s->list_d, nv, SPLAT(d))))
		list_insert_base(s, d, id);
	else
	{
		KERNEL(insert) ((VT *) s->list_d, (VT *) s->list_i, nv, SPLAT(d),
						SPLAT_ID(id));
		count_found(s, 1);
	}
}

/* Put rows of a block into a list of so few vectors that they stay here. */
static TARGET pg_attribute_always_inline void
KERNEL(take) (const AdNeighbors *nb, AdNeighborScratch *s, const double *d,
			  const uint32 *ids, uint64 mask, int nv)
{
	VT			list_d[32 / WIDTH];
	VT			list_i[32 / WIDTH];

	UNROLL
	for (int v = 0; v < nv; v++)
	{
		list_d[v] = LOAD(s->list_d + v * WIDTH);
		list_i[v] = LOAD((double *) s->list_i + v * WIDTH);
	}
	while (mask != 0)
	{
		int			taken = 0;
		int			l;

		do
		{
			l = pg_rightmost_one_pos64(mask);
			if (unlikely(may_be_self(s, d[l], ids[l]) ||
						 KERNEL(listed) (list_d, nv, SPLAT(d[l]))))
				break;
			/* one that is beyond the worst by now falls off its end */
			KERNEL(insert) (list_d, list_i, nv, SPLAT(d[l]), SPLAT_ID(ids[l]));
			taken++;
			mask &= mask - 1;
		} while (mask != 0);
		UNROLL
		for (int v = 0; v < nv; v++)
		{
			STORE(s->list_d + v * WIDTH, list_d[v]);
			STORE((double *) s->list_i + v * WIDTH, list_i[v]);
		}
		count_found(s, taken);
		if (mask == 0)
			break;
		ad_neighbors_offer(nb, s, d[l], ids[l]);
		mask &= mask - 1;
		UNROLL
		for (int v = 0; v < nv; v++)
		{
			list_d[v] = LOAD(s->list_d + v * WIDTH);
			list_i[v] = LOAD((double *) s->list_i + v * WIDTH);
		}
	}
}

static TARGET pg_attribute_always_inline void
KERNEL(list_take) (const AdNeighbors *nb, AdNeighborScratch *s,
				   const double *d, const uint32 *ids, uint64 mask)
{
	switch (s->list_size)
	{
		case 8:
			KERNEL(take) (nb, s, d, ids, mask, 8 / WIDTH);
			break;
		case 16:
			KERNEL(take) (nb, s, d, ids, mask, 16 / WIDTH);
			break;
		case 24:
			KERNEL(take) (nb, s, d, ids, mask, 24 / WIDTH);
			break;
		default:
			for (; mask != 0; mask &= mask - 1)
			{
				int			l = pg_rightmost_one_pos64(mask);

				if (unlikely(may_be_self(s, d[l], ids[l])))
					ad_neighbors_offer(nb, s, d[l], ids[l]);
				else if (d[l] <= s->worst)
					KERNEL(list_insert) (s, d[l], ids[l]);
			}
	}
}

#endif							/* BEFORE */

/*
 * A distance that more than k of a leaf's rows do not exceed, or INFINITY: in
 * more groups than k of them, each has one that is as near as the farthest of
 * the groups' nearest.
 */
static TARGET pg_attribute_always_inline double
KERNEL(bound) (const double *d, int nv, int k)
{
	int			groups = k / WIDTH + 1; /* vectors of groups */
	VT			farthest = {0};

	if (groups > nv)
		return INFINITY;
	for (int g = 0; g < groups; g++)
	{
		VT			nearest = LOAD(d + g * WIDTH);

		for (int v = g + groups; v < nv; v += groups)
			nearest = MIN(nearest, LOAD(d + v * WIDTH));
		farthest = MAX(farthest, nearest);
	}
	return GREATEST(farthest);
}

/* Bits of the lanes of a leaf that are at most a number. */
static TARGET pg_attribute_always_inline uint64
KERNEL(leaf_at_most) (const double *d, int rows, double limit)
{
	uint64		mask = 0;

	for (int i = 0; i < rows; i += AD_BLOCK_LANES)
		mask |= (uint64) KERNEL(at_most) ((const VT *) (d + i), limit) << i;
	return mask;
}

/*
 * Fill an empty list with rows of a leaf, each at the place that is its rank
 * among them, which need not wait for the one before as inserting it does.
 * Returns those that are left to offer: none, or all if two are at one
 * distance.
 */
static TARGET pg_attribute_always_inline uint64
KERNEL(fill) (AdNeighborScratch *s, double *d, const uint32 *ids, int rows,
			  uint64 mask)
{
	double		near[AD_LEAF_ROWS + WIDTH];
	uint32		id[AD_LEAF_ROWS];
	uint64		places = 0;
	int			taken = 0;

	for (uint64 zeros = KERNEL(leaf_at_most) (d, rows, 0); zeros != 0;
		 zeros &= zeros - 1)
	{
		int			l = pg_rightmost_one_pos64(zeros);

		if (!may_be_self(s, d[l], ids[l]))
			continue;
		if (ids[l] != s->self && s->self != AD_NO_SELF)
			return mask;
		s->self = ids[l];
		d[l] = INFINITY;
		mask &= ~((uint64) 1 << l);
	}
	for (uint64 left = mask; left != 0; left &= left - 1, taken++)
	{
		int			l = pg_rightmost_one_pos64(left);

		near[taken] = d[l];
		id[taken] = ids[l];
	}
	for (int v = 0; v < WIDTH; v++)
		near[taken + v] = INFINITY;
	for (int i = 0; i < taken; i++)
	{
		int			at = RANK(near, (taken + WIDTH - 1) / WIDTH, near[i]);

		places |= (uint64) 1 << at;
		s->list_d[at] = near[i];
		s->list_i[at] = id[i];
	}
	/* of ranks that differ, none is left out */
	if (places != (taken < 64 ? ((uint64) 1 << taken) - 1 : PG_UINT64_MAX))
	{
		ad_neighbors_empty(s);
		return mask;
	}
	count_found(s, taken);
	return 0;
}

/* Offer the rows of a leaf. */
static TARGET pg_attribute_always_inline void
KERNEL(visit) (const AdNeighbors *nb, AdNeighborScratch *s, uint32 at,
			   AdNorm norm, bool minkowski)
{
	const AdNeighborTree *t = nb->tree;
	int			dims = nb->dims;
	Size		first = at * t->leaf_rows;
	const double *block = t->blocks + first * dims;
	const uint32 *ids = t->ids + first;
	int			rows = (int) Min(t->n - first, t->leaf_rows);
	bool		bounded = s->k == 0 || s->found > 0;
	double		d[AD_LEAF_ROWS];
	uint64		mask = 0;

	for (int i = 0; i < rows; i += AD_BLOCK_LANES, block += AD_BLOCK_LANES * dims)
	{
		VT			v[NV];

		s->work++;
		if (minkowski)
		{
			for (int l = 0; l < Min(rows - i, AD_BLOCK_LANES); l++)
			{
				d[i + l] = ad_neighbors_minkowski(s->q, block + l,
												  AD_BLOCK_LANES, dims, nb->p);
				mask |= (uint64) (d[i + l] <= s->worst) << (i + l);
			}
			continue;
		}
		KERNEL(rows) (block, dims, s->q, norm, v);
		UNROLL
		for (int j = 0; j < NV; j++)
			STORE(d + i + j * WIDTH, v[j]);
		if (bounded)
			mask |= (uint64) KERNEL(at_most) (v, s->worst) << i;
	}
	if (!minkowski && !bounded)
	{
		bool		full = rows % AD_BLOCK_LANES == 0;

		if (full)
			s->worst = KERNEL(bound) (d, rows / WIDTH, s->k);
		mask = KERNEL(leaf_at_most) (d, rows, s->worst);
		if (full && s->list)
			mask = KERNEL(fill) (s, d, ids, rows, mask);
	}
	mask &= PG_UINT64_MAX >> (AD_LEAF_ROWS - rows);
	if (mask == 0)
		return;
	if (s->list)
		KERNEL(list_take) (nb, s, d, ids, mask);
	else
		offer_each(nb, s, d, ids, mask);
}

/* Search the tree, the nearest child of each node first. */
static TARGET pg_attribute_always_inline void
KERNEL(walk) (const AdNeighbors *nb, AdNeighborScratch *s, AdNorm norm,
			  bool minkowski)
{
	const AdNeighborTree *t = nb->tree;
	struct
	{
		VT			d[NV];		/* of the children; INFINITY: visited */
		const AdTreeNode *node;
	}			stack[AD_TREE_DEPTH],
			   *top = stack;
	uint32		at = 0;

	for (;;)
	{
		top->node = &t->nodes[at];
		KERNEL(boxes) (nb, t->boxes + (Size) at * 2 * AD_BLOCK_LANES * nb->dims,
					   top->node->children, s->q, norm, minkowski, top->d);
		if (unlikely((++s->work & 1023) == 0))
			CHECK_FOR_INTERRUPTS();
		for (;;)
		{
			double		least = LEAST(top->d);
			uint32		child = box_child(&least);

			if (!(least <= s->worst && least < INFINITY))
			{
				if (top == stack)
					return;
				top--;
				continue;
			}
			((double *) top->d)[child] = INFINITY;
			at = top->node->first + child;
			if (!top->node->leaves)
			{
				top++;
				break;
			}
			KERNEL(visit) (nb, s, at, norm, minkowski);
			if (s->k == 0 && s->within >= s->found)
				return;
		}
	}
}

static TARGET void
KERNEL(walk_2) (const AdNeighbors *nb, AdNeighborScratch *s)
{
	KERNEL(walk) (nb, s, AD_NORM_2, false);
}

static TARGET void
KERNEL(walk_1) (const AdNeighbors *nb, AdNeighborScratch *s)
{
	KERNEL(walk) (nb, s, AD_NORM_1, false);
}

static TARGET void
KERNEL(walk_max) (const AdNeighbors *nb, AdNeighborScratch *s)
{
	KERNEL(walk) (nb, s, AD_NORM_MAX, false);
}

static TARGET void
KERNEL(walk_p) (const AdNeighbors *nb, AdNeighborScratch *s)
{
	KERNEL(walk) (nb, s, AD_NORM_2, true);
}

/* Use this level. */
static void
KERNEL(choose) (void)
{
	ad_tree_walk[AD_NORM_2] = KERNEL(walk_2);
	ad_tree_walk[AD_NORM_1] = KERNEL(walk_1);
	ad_tree_walk[AD_NORM_MAX] = KERNEL(walk_max);
	ad_tree_walk[AD_NORMS] = KERNEL(walk_p);
	ad_list_insert = KERNEL(list_insert);
}

#undef NV
#undef LOAD
#undef STORE
#undef UNROLL
#undef KERNEL
#undef TARGET
#undef VT
#undef IT
#undef LANES_FROM
#undef WIDTH
#undef MIN
#undef MAX
#undef SQRT
#undef AT_MOST
#undef EQUAL
#undef LEAST
#undef GREATEST
#undef RANK
#undef BEYOND
#undef BLEND
#undef BEFORE
#undef SPLAT
#undef SPLAT_ID
