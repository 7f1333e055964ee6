/*-------------------------------------------------------------------------
 *
 * neighbors_tree.c
 *		Neighbour search for few dimensions: a k-d tree (Bentley 1975).
 *
 * Rows are parted at the middle of the dimension in which they are widest,
 * ties by index, until 16 are left; these are one block of a SIMD kernel.
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

/* Write a block of rows. */
static void
write_block(Builder *b, Size block)
{
	AdNeighborTree *t = b->t;
	int			dims = b->nb->dims;
	double	   *to = t->blocks + block * LANES * dims;

	for (int l = 0; l < LANES; l++)
	{
		/* lanes without a row repeat the last */
		uint32		row = b->order[Min(block * LANES + l, t->n - 1)];
		const double *x = b->nb->rows + (Size) row * dims;

		t->ids[block * LANES + l] = row;
		for (int c = 0; c < dims; c++)
			to[c * LANES + l] = x[c];
	}
}

static void build_node(Builder *b, uint32 at, Size lo, Size hi);

/* Make blocks lo .. hi - 1 the children of a node from "child" on. */
static void
build_children(Builder *b, uint32 at, int child, int children, Size lo,
			   Size hi)
{
	AdNeighborTree *t = b->t;
	int			dims = b->nb->dims;
	const		AdTreeNode *node = &t->nodes[at];

	if (children > 1)
	{
		Size		middle = lo + (hi - lo) * (children / 2) / children;

		part(b, lo * LANES, middle * LANES, Min(hi * LANES, t->n));
		build_children(b, at, child, children / 2, lo, middle);
		build_children(b, at, child + children / 2, children - children / 2,
					   middle, hi);
		return;
	}
	measure(b, lo * LANES, Min(hi * LANES, t->n));
	for (int c = 0; c < dims; c++)
	{
		double	   *box = t->boxes + ((Size) at * dims + c) * 2 * LANES + child;

		box[0] = b->box[c];
		box[LANES] = b->box[dims + c];
	}
	if (node->leaves)
		write_block(b, lo);
	else
		build_node(b, node->first + child, lo, hi);
}

/* Build a node over the blocks lo .. hi - 1. */
static void
build_node(Builder *b, uint32 at, Size lo, Size hi)
{
	AdNeighborTree *t = b->t;
	AdTreeNode *node = &t->nodes[at];
	Size		share = 1;		/* most blocks of a child */

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

/* Build a tree, in the current context.  O(n log n) expected. */
AdNeighborTree *
ad_tree_build(const AdNeighbors *nb)
{
	AdNeighborTree *t = palloc0(sizeof(AdNeighborTree));
	Size		blocks = (nb->n + LANES - 1) / LANES;
	Builder		b;

	t->n = nb->n;
	/* a child has half as many blocks as it may have, or more */
	t->max_nodes = 1;
	for (Size at = blocks; at > 1; at = (at + LANES - 1) / LANES)
		t->max_nodes += 2 * ((at + LANES - 1) / LANES);
	t->nodes = ad_palloc0_array(AdTreeNode, t->max_nodes);
	t->boxes = lines(ad_mul_size((Size) t->max_nodes * 2 * LANES, nb->dims),
					 &t->memory[0]);
	/* a node may have fewer children than lanes */
	memset(t->boxes, 0, (Size) t->max_nodes * 2 * LANES * nb->dims *
		   sizeof(double));
	t->blocks = lines(ad_mul_size(blocks * LANES, nb->dims), &t->memory[1]);
	t->ids = ad_palloc_array(uint32, blocks * LANES);
	b.nb = nb;
	b.t = t;
	b.order = ad_palloc_array(uint32, nb->n);
	b.keys = ad_palloc_array(Key, nb->n);
	b.box = ad_palloc_array(double, 2 * nb->dims);
	for (Size i = 0; i < nb->n; i++)
		b.order[i] = (uint32) i;
	t->nnodes = 1;
	build_node(&b, 0, 0, blocks);
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
