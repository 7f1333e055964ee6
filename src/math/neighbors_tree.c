/*-------------------------------------------------------------------------
 *
 * neighbors_tree.c
 *		Neighbour search for few dimensions: a k-d tree (Bentley 1975).
 *
 * Rows are parted at the middle of the dimension in which they are widest,
 * ties by index, until 16 are left; these are one block of a SIMD kernel.
 * Parting is by position, so many equal rows are no trouble.  Each node has
 * the bounding box of its rows.  The distance to a box is added up column by
 * column in the same order as the distance to a row, from parts that are no
 * greater, so in floating point as well it is no greater than that of any
 * row inside: nothing is missed by rounding.
 *
 *-------------------------------------------------------------------------
 */
#include "math/neighbors_impl.h"

#include "port/pg_bitutils.h"

#define LANES	AD_BLOCK_LANES
#define DEPTH	64				/* more than log2 of any number of blocks */

typedef struct TreeNode
{
	uint32		right;			/* index of the right child; 0: leaf.  The
								 * left one follows its parent. */
	uint32		block;			/* of a leaf */
} TreeNode;

struct AdNeighborTree
{
	TreeNode   *nodes;
	double	   *boxes;			/* per node: least, then greatest values */
	double	   *blocks;			/* LANES rows each, column by column */
	uint32	   *ids;			/* per lane of each block: the row */
	Size		n;
	uint32		nnodes;
	uint32		nblocks;
};

/* State of building. */
typedef struct Builder
{
	const AdNeighbors *nb;
	AdNeighborTree *t;
	uint32	   *order;			/* permutation of the rows */
} Builder;

/* Return whether row a orders before row b in a column. */
static inline bool
row_before(const Builder *b, int column, uint32 x, uint32 y)
{
	double		vx = b->nb->rows[(Size) x * b->nb->dims + column];
	double		vy = b->nb->rows[(Size) y * b->nb->dims + column];

	return vx < vy || (vx == vy && x < y);
}

/* Rearrange order[lo .. hi) so that position k has the row a sort puts there. */
static void
select_row(Builder *b, int column, Size lo, Size hi, Size k)
{
	uint32	   *o = b->order;

	hi--;
	while (lo < hi)
	{
		uint32		first = o[lo],
					middle = o[lo + (hi - lo) / 2],
					last = o[hi],
					pivot;
		Size		i = lo,
					j = hi;

		/* the middle of three; rows all differ by index */
		if (row_before(b, column, middle, first))
		{
			uint32		swap = first;

			first = middle;
			middle = swap;
		}
		pivot = row_before(b, column, last, first) ? first :
			row_before(b, column, last, middle) ? last : middle;
		for (;;)
		{
			uint32		swap;

			while (row_before(b, column, o[i], pivot))
				i++;
			while (row_before(b, column, pivot, o[j]))
				j--;
			if (i >= j)
				break;
			swap = o[i];
			o[i++] = o[j];
			o[j--] = swap;
		}
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

/* Build the node over order[lo .. hi); lo is a multiple of LANES. */
static void
build_node(Builder *b, Size lo, Size hi)
{
	AdNeighborTree *t = b->t;
	int			dims = b->nb->dims;
	uint32		at = t->nnodes++;
	double	   *box = t->boxes + (Size) at * 2 * dims;
	int			widest = 0;
	Size		blocks;
	Size		middle;

	CHECK_FOR_INTERRUPTS();
	for (int c = 0; c < dims; c++)
	{
		box[c] = INFINITY;
		box[dims + c] = -INFINITY;
	}
	for (Size i = lo; i < hi; i++)
	{
		const double *x = b->nb->rows + (Size) b->order[i] * dims;

		for (int c = 0; c < dims; c++)
		{
			box[c] = Min(box[c], x[c]);
			box[dims + c] = Max(box[dims + c], x[c]);
		}
	}
	if (hi - lo <= LANES)
	{
		double	   *block;

		t->nodes[at].right = 0;
		t->nodes[at].block = t->nblocks++;
		block = t->blocks + (Size) t->nodes[at].block * LANES * dims;
		for (int l = 0; l < LANES; l++)
		{
			/* lanes without a row repeat the last */
			Size		i = Min(lo + l, hi - 1);
			const double *x = b->nb->rows + (Size) b->order[i] * dims;

			t->ids[(Size) t->nodes[at].block * LANES + l] = b->order[i];
			for (int c = 0; c < dims; c++)
				block[c * LANES + l] = x[c];
		}
		return;
	}

	for (int c = 1; c < dims; c++)
		if (box[dims + c] - box[c] > box[dims + widest] - box[widest])
			widest = c;
	/* whole blocks to the left, so that only the last is not full */
	blocks = (hi - lo + LANES - 1) / LANES;
	middle = lo + (blocks / 2) * LANES;
	select_row(b, widest, lo, hi, middle);
	build_node(b, lo, middle);
	t->nodes[at].right = t->nnodes;
	build_node(b, middle, hi);
}

/* Build a tree, in the current context.  O(n log n) expected. */
AdNeighborTree *
ad_tree_build(const AdNeighbors *nb)
{
	AdNeighborTree *t = palloc0(sizeof(AdNeighborTree));
	Size		blocks = (nb->n + LANES - 1) / LANES;
	Builder		b;

	t->n = nb->n;
	t->nodes = ad_palloc_array(TreeNode, 2 * blocks);
	t->boxes = ad_palloc_array(double, ad_mul_size(4 * blocks, nb->dims));
	t->blocks = ad_palloc_array(double, ad_mul_size(blocks * LANES, nb->dims));
	t->ids = ad_palloc_array(uint32, blocks * LANES);
	b.nb = nb;
	b.t = t;
	b.order = ad_palloc_array(uint32, nb->n);
	for (Size i = 0; i < nb->n; i++)
		b.order[i] = (uint32) i;
	build_node(&b, 0, nb->n);
	pfree(b.order);
	return t;
}

void
ad_tree_free(AdNeighborTree * t)
{
	pfree(t->nodes);
	pfree(t->boxes);
	pfree(t->blocks);
	pfree(t->ids);
	pfree(t);
}

/* The i-th row in the order of the tree. */
Size
ad_tree_row(const AdNeighborTree * t, Size i)
{
	return t->ids[i];
}

/*
 * The least reduced distance that a row in a box can have.  The branches on
 * the norm are constant for a search and predicted.
 */
static inline double
box_distance(const AdNeighbors *nb, const double *q, const double *box)
{
	int			dims = nb->dims;
	const double *greatest = box + dims;
	double		sum = 0;
	double		largest = 0;

	if (nb->norm == AD_NORM_2)
	{
		for (int c = 0; c < dims; c++)
		{
			double		below = box[c] - q[c];
			double		above = q[c] - greatest[c];
			double		gap = below > above ? below : above;

			gap = gap > 0 ? gap : 0;
			sum += gap * gap;
			largest = gap > largest ? gap : largest;
		}
		if (unlikely(nb->metric == AD_METRIC_MINKOWSKI))
		{
			/* no less than the greatest gap, nor than the 2-norm narrowed */
			sum = sqrt(sum) / nb->widen;
			return Max(sum, largest) * (1 - 1e-9);
		}
		return sum;
	}
	for (int c = 0; c < dims; c++)
	{
		double		below = box[c] - q[c];
		double		above = q[c] - greatest[c];
		double		gap = below > above ? below : above;

		gap = gap > 0 ? gap : 0;
		sum += gap;
		largest = gap > largest ? gap : largest;
	}
	return nb->norm == AD_NORM_1 ? sum : largest;
}

/* Search the tree, the nearer child first. */
void
ad_tree_search(const AdNeighbors *nb, AdNeighborScratch *s)
{
	const		AdNeighborTree *t = nb->tree;
	const double *q = s->q;
	int			dims = nb->dims;
	double		bounds[DEPTH];
	uint32		stack[DEPTH];
	int			n = 0;
	uint32		at = 0;
	AdBlockKernel kernel = ad_block_kernel[nb->norm];

	for (;;)
	{
		const TreeNode *node = &t->nodes[at];

		if (node->right != 0)
		{
			double		left = box_distance(nb, q, t->boxes + (Size) (at + 1) * 2 * dims);
			double		right = box_distance(nb, q, t->boxes + (Size) node->right * 2 * dims);
			bool		left_first = left <= right;
			double		near = left_first ? left : right;
			double		far = left_first ? right : left;

			if (far <= s->worst)
			{
				bounds[n] = far;
				stack[n++] = left_first ? node->right : at + 1;
			}
			if (near <= s->worst)
			{
				at = left_first ? at + 1 : node->right;
				continue;
			}
		}
		else
		{
			const double *block = t->blocks + (Size) node->block * LANES * dims;
			const uint32 *ids = t->ids + (Size) node->block * LANES;
			Size		lanes = Min(t->n - (Size) node->block * LANES, LANES);
			double		d[LANES];
			uint32		mask;

			if (unlikely((++s->work & 1023) == 0))
				CHECK_FOR_INTERRUPTS();
			if (unlikely(nb->metric == AD_METRIC_MINKOWSKI))
			{
				mask = 0;
				for (Size l = 0; l < lanes; l++)
				{
					d[l] = ad_neighbors_minkowski(q, block + l, LANES, dims,
												  nb->p);
					mask |= (uint32) (d[l] <= s->worst) << l;
				}
			}
			else
				mask = kernel(block, dims, q, s->worst, d) &
					(((uint32) 1 << lanes) - 1);
			for (; mask != 0; mask &= mask - 1)
			{
				int			l = pg_rightmost_one_pos32(mask);

				if (d[l] <= s->worst)
					ad_neighbors_offer(nb, s, d[l], ids[l]);
			}
			if (s->k == 0 && s->within >= s->found)
				return;
		}
		/* the next that may still hold something */
		do
		{
			if (n == 0)
				return;
			n--;
		} while (bounds[n] > s->worst);
		at = stack[n];
	}
}
