/*-------------------------------------------------------------------------
 *
 * neighbors_tree.c
 *		Neighbour search for few dimensions: a k-d tree (Bentley 1975).
 *
 * Rows are parted at the middle of the dimension in which they are widest,
 * ties by index, until few are left: a leaf of two to four blocks of 16 rows, of
 * a SIMD kernel each, as many as spare the tree a level, if any do.
 * Parting is by position, so many equal rows are no trouble.  Four such steps
 * make one node, of up to 16 children, each with the bounding box of its
 * rows; simd_tree.c compares all of them at a time.  The distance to a box is
 * added up column by column in the same order as the distance to a row, from
 * parts that are no greater, so in floating point as well it is no greater
 * than that of any row inside: nothing is missed by rounding.
 *
 *-------------------------------------------------------------------------
 */
#include "math/neighbors_impl.h"

#define LANES	AD_BLOCK_LANES
#define LINE	64				/* bytes of a line of the cache */
#define FEWEST_BLOCKS	2		/* of a leaf */

/* A row while they are parted by one column. */
typedef struct Key
{
	double		value;
	uint32		row;
} Key;

/* State of building. */
typedef struct Builder
{
	const AdNeighbors *nb;
	AdNeighborTree *t;
	uint32	   *order;			/* permutation of the rows */
	Key		   *keys;
	double	   *box;			/* of the rows to part: least, then greatest */
} Builder;

/* Return whether a orders before b. */
static inline bool
key_before(const Key *a, const Key *b)
{
	/* no branches: nobody could predict them */
	return (a->value < b->value) |
		((a->value == b->value) & (a->row < b->row));
}

/* Rearrange n keys so that position k has the one a sort puts there. */
static void
select_key(Key *a, Size n, Size k)
{
	while (n > 1)
	{
		Size		low = 0;
		Key		   *middle = &a[n / 2];
		Key		   *last = &a[n - 1];
		Key		   *pivot;
		Key			swap;

		/* the middle of three, to the end; keys all differ by row */
		if (key_before(middle, &a[0]))
			pivot = key_before(last, middle) ? middle :
				key_before(last, &a[0]) ? last : &a[0];
		else
			pivot = key_before(last, &a[0]) ? &a[0] :
				key_before(last, middle) ? last : middle;
		swap = *pivot;
		*pivot = *last;
		for (Size i = 0; i < n - 1; i++)
		{
			Key			x = a[i];

			a[i] = a[low];
			a[low] = x;
			low += key_before(&x, &swap);
		}
		*last = a[low];
		a[low] = swap;
		if (low == k)
			return;
		if (k < low)
			n = low;
		else
		{
			a += low + 1;
			n -= low + 1;
			k -= low + 1;
		}
	}
}

/* Find the box of the rows order[lo .. hi). */
static void
measure(Builder *b, Size lo, Size hi)
{
	int			dims = b->nb->dims;
	double	   *least = b->box;
	double	   *greatest = b->box + dims;

	CHECK_FOR_INTERRUPTS();
	for (int c = 0; c < dims; c++)
	{
		least[c] = INFINITY;
		greatest[c] = -INFINITY;
	}
	for (Size i = lo; i < hi; i++)
	{
		const double *x = b->nb->rows + (Size) b->order[i] * dims;

		for (int c = 0; c < dims; c++)
		{
			least[c] = x[c] < least[c] ? x[c] : least[c];
			greatest[c] = x[c] > greatest[c] ? x[c] : greatest[c];
		}
	}
}

/* Part order[lo .. hi) at a position, by the column that is widest. */
static void
part(Builder *b, Size lo, Size middle, Size hi)
{
	int			dims = b->nb->dims;
	int			widest = 0;

	measure(b, lo, hi);
	for (int c = 1; c < dims; c++)
		if (b->box[dims + c] - b->box[c] >
			b->box[dims + widest] - b->box[widest])
			widest = c;
	for (Size i = lo; i < hi; i++)
	{
		b->keys[i].value = b->nb->rows[(Size) b->order[i] * dims + widest];
		b->keys[i].row = b->order[i];
	}
	select_key(b->keys + lo, hi - lo, middle - lo);
	for (Size i = lo; i < hi; i++)
		b->order[i] = b->keys[i].row;
}

/* Write the blocks of a leaf. */
static void
write_leaf(Builder *b, Size leaf)
{
	AdNeighborTree *t = b->t;
	int			dims = b->nb->dims;
	Size		first = leaf * t->leaf_rows;
	Size		end = Min(first + t->leaf_rows, t->n);

	for (Size at = first; at < TYPEALIGN(LANES, end); at++)
	{
		/* lanes without a row repeat the last */
		uint32		row = b->order[Min(at, t->n - 1)];
		const double *x = b->nb->rows + (Size) row * dims;
		double	   *to = t->blocks + (at - at % LANES) * dims + at % LANES;

		t->ids[at] = row;
		for (int c = 0; c < dims; c++)
			to[c * LANES] = x[c];
	}
}

static void build_node(Builder *b, uint32 at, Size lo, Size hi);

/* Make leaves lo .. hi - 1 the children of a node from "child" on. */
static void
build_children(Builder *b, uint32 at, int child, int children, Size lo,
			   Size hi)
{
	AdNeighborTree *t = b->t;
	int			dims = b->nb->dims;
	const		AdTreeNode *node = &t->nodes[at];

	Size		first = lo * t->leaf_rows;
	Size		end = Min(hi * t->leaf_rows, t->n);

	if (children > 1)
	{
		Size		middle = lo + (hi - lo) * (children / 2) / children;

		part(b, first, middle * t->leaf_rows, end);
		build_children(b, at, child, children / 2, lo, middle);
		build_children(b, at, child + children / 2, children - children / 2,
					   middle, hi);
		return;
	}
	measure(b, first, end);
	for (int c = 0; c < dims; c++)
	{
		double	   *box = t->boxes + ((Size) at * dims + c) * 2 * LANES + child;

		box[0] = b->box[c];
		box[LANES] = b->box[dims + c];
	}
	if (node->leaves)
		write_leaf(b, lo);
	else
		build_node(b, node->first + child, lo, hi);
}

/* Build a node over the leaves lo .. hi - 1. */
static void
build_node(Builder *b, uint32 at, Size lo, Size hi)
{
	AdNeighborTree *t = b->t;
	AdTreeNode *node = &t->nodes[at];
	Size		share = 1;		/* most leaves of a child */

	while (share * LANES < hi - lo)
		share *= LANES;
	node->children = (uint16) ((hi - lo + share - 1) / share);
	node->leaves = share == 1;
	node->first = node->leaves ? (uint32) lo : t->nnodes;
	if (!node->leaves)
		t->nnodes += node->children;
	Assert(t->nnodes <= t->max_nodes);
	build_children(b, at, 0, node->children, lo, hi);
}

/* An array that begins at a line of the cache; *memory is to be freed. */
static double *
lines(Size n, void **memory)
{
	*memory = ad_palloc_array(double, n + LINE / sizeof(double));
	return (double *) TYPEALIGN(LINE, *memory);
}

/* The levels of nodes above so many leaves. */
static int
levels(Size leaves)
{
	int			found = 0;

	for (; leaves > 1; leaves = (leaves + LANES - 1) / LANES)
		found++;
	return found;
}

/* The rows of a leaf of a tree of n rows. */
static Size
choose_leaf(Size n)
{
	Size		best = FEWEST_BLOCKS * LANES;

	for (Size rows = best + LANES; rows <= AD_LEAF_ROWS; rows += LANES)
		if (levels((n + rows - 1) / rows) < levels((n + best - 1) / best))
			best = rows;
	return best;
}

/* Build a tree, in the current context.  O(n log n) expected. */
AdNeighborTree *
ad_tree_build(const AdNeighbors *nb)
{
	AdNeighborTree *t = palloc0(sizeof(AdNeighborTree));
	Size		leaves;
	Builder		b;

	t->n = nb->n;
	t->leaf_rows = choose_leaf(nb->n);
	leaves = (nb->n + t->leaf_rows - 1) / t->leaf_rows;
	/* a child has half as many leaves as it may have, or more */
	t->max_nodes = 1;
	for (Size at = leaves; at > 1; at = (at + LANES - 1) / LANES)
		t->max_nodes += 2 * ((at + LANES - 1) / LANES);
	t->nodes = ad_palloc0_array(AdTreeNode, t->max_nodes);
	t->boxes = lines(ad_mul_size((Size) t->max_nodes * 2 * LANES, nb->dims),
					 &t->memory[0]);
	/* a node may have fewer children than lanes */
	memset(t->boxes, 0, (Size) t->max_nodes * 2 * LANES * nb->dims *
		   sizeof(double));
	t->blocks = lines(ad_mul_size(leaves * t->leaf_rows, nb->dims),
					  &t->memory[1]);
	t->ids = ad_palloc_array(uint32, leaves * t->leaf_rows);
	b.nb = nb;
	b.t = t;
	b.order = ad_palloc_array(uint32, nb->n);
	b.keys = ad_palloc_array(Key, nb->n);
	b.box = ad_palloc_array(double, 2 * nb->dims);
	for (Size i = 0; i < nb->n; i++)
		b.order[i] = (uint32) i;
	t->nnodes = 1;
	build_node(&b, 0, 0, leaves);
	pfree(b.order);
	pfree(b.keys);
	pfree(b.box);
	return t;
}

void
ad_tree_free(AdNeighborTree * t)
{
	pfree(t->nodes);
	pfree(t->memory[0]);
	pfree(t->memory[1]);
	pfree(t->ids);
	pfree(t);
}

/* The i-th row in the order of the tree. */
Size
ad_tree_row(const AdNeighborTree * t, Size i)
{
	return t->ids[i];
}
