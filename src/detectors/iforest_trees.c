/*-------------------------------------------------------------------------
 *
 * iforest_trees.c
 *		The trees of an axis-parallel forest, as bytes and back.
 *
 * A forest a group, for each of a million groups, is stored and loaded more
 * than it is scored.  So trees are kept as they are stored: level by level,
 * where a bit a node says how the tree goes on and counting bits finds the
 * children, and a forest of 100 trees is checked in some 20 microseconds.
 *
 * A threshold is a float4, chosen as one when the tree grew (iforest_axis.c):
 * nothing is rounded later.  Where values are too close to each other for
 * that, it is a float8, and its place among those stands for it.
 *
 * Payload since format 3, after what iforest.h says, little-endian:
 *	u32 number of float8 thresholds, and these
 *	per tree u32 number of inner nodes
 *	per inner node f32 threshold; an infinity's or NaN's bits less
 *		0x7F800000 are the place of a float8
 *	bits, per inner node its column, as many as the last column's number has
 *	a bit per node, whether it is an inner one: 2 per inner node, 1 per tree
 *	a bit per leaf, whether it has another number of rows than 1
 *	per such leaf u8 rows; 255: that many, or more
 *	per leaf with 255, u32 rows
 * Bits fill bytes from the lowest on; those that are left are 0.  Nodes and
 * leaves are in the order that iforest.h says: tree by tree, level by level.
 *
 * Before format 3:
 *	per column u32 number of thresholds, then the thresholds as f64, strictly
 *		ascending
 *	per tree its nodes in pre-order, u32 each: a leaf is 0x80000000 | rows in
 *		it, an inner node rank of the threshold << 12 | column
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "detectors/iforest.h"

#define OLD_VERSION		2
#define OLD_LEAF		0x80000000U
#define OLD_SHIFT		12		/* bits of a node for the column */
#define OLD_MAX_RANK	524286	/* below 2^19 - 1 */
#define EULER			0.57721566490153286061

/* Begin to build trees that have so many levels below their roots, at most. */
void
ad_trees_begin(AdForestBuilder *b, uint32 ntrees, int levels)
{
	Assert(levels <= AD_IFOREST_MAX_DEPTH);
	memset(b, 0, sizeof(*b));
	b->levels = levels;
	b->level = ad_palloc_array(AdForestNode, (Size) 2 << levels);
	b->first = ad_palloc_array(uint32, ntrees);
	b->max = Max((Size) 1 << 10, (Size) 2 << levels);
	b->inner = ad_palloc_array(uint8, 2 * b->max);
	b->threshold = ad_palloc_array(uint32, b->max);
	b->column = ad_palloc_array(uint16, b->max);
	b->rows = ad_palloc_array(uint32, b->max);
	b->maxlongs = 16;
	b->longs = ad_palloc_array(double, b->maxlongs);
}

/* Free what a builder has. */
void
ad_trees_free(AdForestBuilder *b)
{
	pfree(b->level);
	pfree(b->first);
	pfree(b->inner);
	pfree(b->threshold);
	pfree(b->column);
	pfree(b->rows);
	pfree(b->longs);
}

/* Keep a float8; returns what stands for it among the thresholds. */
uint32
ad_trees_keep_long(AdForestBuilder *b, double threshold)
{
	if (b->nlongs == b->maxlongs)
	{
		b->maxlongs *= 2;
		b->longs = ad_repalloc_array(b->longs, double, b->maxlongs);
	}
	/* no more than there are rows in all subsamples */
	Assert(b->nlongs < ~AD_FOREST_LONG >> 1);
	b->longs[b->nlongs] = threshold;
	return AD_FOREST_LONG | (uint32) b->nlongs++;
}

/* Make room for the nodes of one more tree. */
static void
reserve(AdForestBuilder *b)
{
	Size		needed = Max(b->ninner, b->nleaves) + ((Size) 1 << b->levels) + 1;

	if (needed <= b->max)
		return;
	b->max = Max(2 * b->max, needed);
	b->inner = ad_repalloc_array(b->inner, uint8, 2 * b->max);
	b->threshold = ad_repalloc_array(b->threshold, uint32, b->max);
	b->column = ad_repalloc_array(b->column, uint16, b->max);
	b->rows = ad_repalloc_array(b->rows, uint32, b->max);
}

/* Put the levels of a tree one after the other; the next tree begins. */
void
ad_trees_end_tree(AdForestBuilder *b)
{
	reserve(b);
	b->first[b->ntrees++] = (uint32) b->ninner;
	for (int d = 0; d <= b->levels && b->count[d] > 0; d++)
	{
		const AdForestNode *node = b->level + ((Size) 1 << d);
		uint8	   *inner = b->inner + b->ninner + b->nleaves;

		/* free of branches: nobody can tell which nodes are leaves */
		for (uint32 i = 0; i < b->count[d]; i++)
		{
			bool		is_inner = node[i].column != AD_FOREST_LEAF;

			inner[i] = is_inner;
			b->threshold[b->ninner] = node[i].value;
			b->column[b->ninner] = (uint16) node[i].column;
			b->rows[b->nleaves] = node[i].value;
			b->ninner += is_inner;
			b->nleaves += !is_inner;
		}
		b->count[d] = 0;
	}
}

/* Bits of the number of the last of some columns. */
static int
column_bits(int cols)
{
	int			bits = 0;

	while ((1 << bits) < cols)
		bits++;
	return bits;
}

/* Append numbers of some bits each. */
typedef struct BitWriter
{
	StringInfo	to;
	uint64		bits;
	int			n;				/* of them, fewer than 8 between calls */
} BitWriter;

static inline void
write_bits(BitWriter *w, uint32 value, int n)
{
	w->bits |= (uint64) value << w->n;
	w->n += n;
	while (w->n >= 8)
	{
		appendStringInfoCharMacro(w->to, (char) (w->bits & 0xff));
		w->bits >>= 8;
		w->n -= 8;
	}
}

static void
end_bits(BitWriter *w)
{
	if (w->n > 0)
		write_bits(w, 0, 8 - w->n);
}

/* Append n flags, each 0 or 1, as a bit each. */
static void
write_flags(StringInfo to, const uint8 *flag, Size n)
{
	Size		i = 0;

	for (; i + 8 <= n; i += 8)
	{
		uint32		bits = 0;

		for (int j = 0; j < 8; j++)
			bits |= (uint32) flag[i + j] << j;
		appendStringInfoCharMacro(to, (char) bits);
	}
	if (i < n)
	{
		BitWriter	w = {.to = to};

		for (; i < n; i++)
			write_bits(&w, flag[i], 1);
		end_bits(&w);
	}
}

/* Append the trees of a builder to a payload. */
void
ad_trees_write(const AdForestBuilder *b, int cols, StringInfo payload)
{
	BitWriter	w = {.to = payload};
	int			bits = column_bits(cols);
	Size		nodes = b->ninner + b->nleaves;
	uint8	   *other;
	Size		nother = 0;

	ad_wr_u32(payload, (uint32) b->nlongs);
	ad_wr_f64_array(payload, b->longs, b->nlongs);
	for (uint32 t = 0; t < b->ntrees; t++)
		ad_wr_u32(payload, (t + 1 < b->ntrees ? b->first[t + 1] :
							(uint32) b->ninner) - b->first[t]);
	ad_wr_u32_array(payload, b->threshold, b->ninner);
	enlargeStringInfo(payload, (int) ((b->ninner * bits + nodes) / 8 + nodes));
	for (Size i = 0; i < b->ninner; i++)
		write_bits(&w, b->column[i], bits);
	end_bits(&w);
	write_flags(payload, b->inner, nodes);
	other = ad_palloc_array(uint8, b->nleaves);
	for (Size i = 0; i < b->nleaves; i++)
		other[i] = b->rows[i] != 1;
	write_flags(payload, other, b->nleaves);
	/* free of branches again */
	for (Size i = 0; i < b->nleaves; i++)
	{
		other[nother] = (uint8) Min(b->rows[i], AD_FOREST_MANY);
		nother += b->rows[i] != 1;
	}
	ad_wr_bytes(payload, other, nother);
	pfree(other);
	for (Size i = 0; i < b->nleaves; i++)
		if (b->rows[i] >= AD_FOREST_MANY)
			ad_wr_u32(payload, b->rows[i]);
}

/* Read the thresholds of inner nodes. */
static void
read_thresholds(AdReader *r, AdForestTrees *t, uint32 nlongs)
{
	uint32		greatest = 0;

	t->threshold = ad_palloc_array(uint32, (Size) t->ninner + 1);
	ad_rd_u32_array(r, t->threshold, t->ninner);
	t->threshold[t->ninner] = 0;
	for (uint32 i = 0; i < t->ninner; i++)
		greatest = Max(greatest, t->threshold[i] & AD_FOREST_LONG);
	if (greatest < AD_FOREST_LONG)
		return;
	for (uint32 i = 0; i < t->ninner; i++)
		if ((t->threshold[i] & AD_FOREST_LONG) == AD_FOREST_LONG &&
			(t->threshold[i] ^ AD_FOREST_LONG) >= nlongs)
			ad_rd_corrupt(r, "a node's threshold does not exist");
}

/* Read the columns of inner nodes. */
static void
read_columns(AdReader *r, AdForestTrees *t, int cols)
{
	Size		bits;
	Size		bytes;

	t->column_bits = column_bits(cols);
	bits = ad_mul_size(t->ninner, t->column_bits);
	bytes = (bits + 7) / 8;
	ad_rd_need(r, bytes);
	/* a walk looks at them, though it does not count */
	if (bits % 8 != 0 && r->data[r->pos + bytes - 1] >> (bits % 8) != 0)
		ad_rd_corrupt(r, "padding is not zero");
	t->column = ad_palloc_array(uint8, bytes + 5);
	memcpy(t->column, r->data + r->pos, bytes);
	/* one inner node more, and what reading it looks at */
	memset(t->column + bytes, 0, 5);
	r->pos += bytes;
	if (cols == 1 << t->column_bits)
		return;
	for (uint32 i = 0; i < t->ninner; i++)
		if (ad_trees_column(t, i) >= (uint32) cols)
			ad_rd_corrupt(r, "a node's column does not exist");
}

/* Read which nodes are inner ones, and check that they are trees. */
static void
read_structure(AdReader *r, AdForestTrees *t, int depth)
{
	Size		nodes = 2 * (Size) t->ninner + t->ntrees;
	uint32		before = 0;

	/* this many fit beside the bits, and more cannot be */
	if (t->ninner >= 1U << 24)
		ad_rd_corrupt(r, "its nodes are too many");
	ad_rd_need(r, (nodes + 7) / 8);
	t->inner = ad_palloc_array(uint32, nodes / 8 + 1);
	for (Size i = 0; i <= nodes / 8; i++)
	{
		uint8		bits = i < (nodes + 7) / 8 ? r->data[r->pos++] : 0;

		t->inner[i] = before << 8 | bits;
		before += pg_number_of_ones[bits];
	}
	if (before != ad_trees_inner_before(t, (uint32) nodes))
		ad_rd_corrupt(r, "padding is not zero");
	if (before != t->ninner)
		ad_rd_corrupt(r, "its trees have another number of nodes");
	for (uint32 k = 0; k < t->ntrees; k++)
	{
		uint32		end = 2 * t->first[k + 1] + k + 1;
		uint32		at = 2 * t->first[k] + k;
		uint32		level = 1;	/* its nodes */

		for (int d = 0; level > 0; d++)
		{
			uint32		inner;

			if (level > end - at)
				ad_rd_corrupt(r, "a tree is not complete");
			inner = ad_trees_inner_before(t, at + level) -
				ad_trees_inner_before(t, at);
			if (inner > 0 && d == depth)
				ad_rd_corrupt(r, "a tree is too deep");
			at += level;
			level = 2 * inner;
		}
		if (at != end)
			ad_rd_corrupt(r, "a tree has nodes that are not below its root");
	}
}

/* Read how many rows the leaves have. */
static void
read_leaves(AdReader *r, AdForestTrees *t, uint32 psi)
{
	Size		nleaves = (Size) t->ninner + t->ntrees;
	const uint8 *other = r->data + r->pos;

	ad_rd_need(r, (nleaves + 7) / 8);
	r->pos += (nleaves + 7) / 8;
	if (nleaves % 8 != 0 && other[nleaves / 8] >> (nleaves % 8) != 0)
		ad_rd_corrupt(r, "padding is not zero");
	t->rows = ad_palloc_array(uint8, nleaves);
	memset(t->rows, 1, nleaves);
	for (Size i = 0; i < (nleaves + 7) / 8; i++)
		for (uint32 bits = other[i]; bits != 0; bits &= bits - 1)
		{
			uint8		rows = ad_rd_u8(r);

			if (rows > psi)
				ad_rd_corrupt(r, "a leaf has more rows than a subsample");
			t->rows[i * 8 + pg_rightmost_one_pos32(bits)] = rows;
			t->nmany += rows == AD_FOREST_MANY;
		}
	if (t->nmany == 0)
		return;
	ad_rd_need(r, ad_mul_size(t->nmany, sizeof(uint32)));
	t->many = ad_palloc_array(uint32, 2 * (Size) t->nmany);
	for (Size i = 0, n = 0; i < nleaves; i++)
	{
		if (t->rows[i] != AD_FOREST_MANY)
			continue;
		t->many[2 * n] = (uint32) i;
		t->many[2 * n + 1] = ad_rd_u32(r);
		if (t->many[2 * n + 1] > psi || t->many[2 * n + 1] < AD_FOREST_MANY)
			ad_rd_corrupt(r, "the rows of a leaf are out of range");
		n++;
	}
}

/* The rows of a leaf that has AD_FOREST_MANY or more. */
uint32
ad_trees_many_rows(const AdForestTrees *t, uint32 leaf)
{
	uint32		low = 0;
	uint32		high = t->nmany;

	while (high - low > 1)
	{
		uint32		middle = (low + high) / 2;

		if (t->many[2 * middle] <= leaf)
			low = middle;
		else
			high = middle;
	}
	Assert(t->many[2 * low] == leaf);
	return t->many[2 * low + 1];
}

/* Read the trees of a payload that has all of them level by level. */
static void
read_levels(AdReader *r, AdForest *f)
{
	AdForestTrees *t = &f->trees;
	uint32		nlongs = ad_rd_count(r, ~AD_FOREST_LONG >> 1, sizeof(double));
	Size		ninner = 0;

	t->ntrees = f->ntrees;
	t->longs = ad_palloc_array(double, nlongs);
	ad_rd_f64_array(r, t->longs, nlongs);
	for (uint32 i = 0; i < nlongs; i++)
		if (!isfinite(t->longs[i]))
			ad_rd_corrupt(r, "a number is not finite");
	ad_rd_need(r, ad_mul_size(f->ntrees, sizeof(uint32)));
	t->first = ad_palloc_array(uint32, (Size) f->ntrees + 1);
	for (uint32 k = 0; k < f->ntrees; k++)
	{
		t->first[k] = (uint32) ninner;
		ninner += ad_rd_u32(r);
		if (ninner > (r->len - r->pos) / sizeof(uint32))
			ad_rd_corrupt(r, "a count exceeds the bytes that are left");
	}
	t->first[f->ntrees] = t->ninner = (uint32) ninner;
	CHECK_FOR_INTERRUPTS();
	read_thresholds(r, t, nlongs);
	read_columns(r, t, f->cols);
	CHECK_FOR_INTERRUPTS();
	read_structure(r, t, f->depth);
	read_leaves(r, t, f->psi);
	ad_rd_end(r);
}

/* State of reading an older payload. */
typedef struct OldReader
{
	AdReader   *r;
	const AdForest *f;
	uint32	   *start;			/* per column, and the end: its thresholds */
	AdForestBuilder builder;
} OldReader;

/* Read a tree in pre-order. */
static void
read_old_tree(OldReader *o, int depth)
{
	uint32		node = ad_rd_u32(o->r);
	uint32		column = node & ((1 << OLD_SHIFT) - 1);
	uint32		rank = node >> OLD_SHIFT;

	if (node & OLD_LEAF)
	{
		if ((node & ~OLD_LEAF) > o->f->psi)
			ad_rd_corrupt(o->r, "a leaf has more rows than a subsample");
		ad_trees_add(&o->builder, depth, AD_FOREST_LEAF, node & ~OLD_LEAF);
		return;
	}
	if (depth == o->f->depth)
		ad_rd_corrupt(o->r, "a tree is too deep");
	if (column >= (uint32) o->f->cols)
		ad_rd_corrupt(o->r, "a node's column does not exist");
	if (rank >= o->start[column + 1] - o->start[column])
		ad_rd_corrupt(o->r, "a node's threshold does not exist");
	ad_trees_add(&o->builder, depth, column,
				 AD_FOREST_LONG | (o->start[column] + rank));
	read_old_tree(o, depth + 1);
	read_old_tree(o, depth + 1);
}

/* Turn an older payload into one of today. */
static void
read_old(AdReader *r, AdForest *f, StringInfo payload)
{
	OldReader	o = {.r = r,.f = f};
	AdForestBuilder *b = &o.builder;

	ad_trees_begin(b, f->ntrees, f->depth);
	o.start = ad_palloc_array(uint32, (Size) f->cols + 1);
	for (int c = 0; c < f->cols; c++)
	{
		uint32		n = ad_rd_count(r, OLD_MAX_RANK, sizeof(double));

		CHECK_FOR_INTERRUPTS();
		o.start[c] = (uint32) b->nlongs;
		if (b->nlongs + n > ~AD_FOREST_LONG >> 1)
			ad_rd_corrupt(r, "its thresholds are too many");
		for (uint32 i = 0; i < n; i++)
		{
			double		t = ad_rd_f64(r);

			if (!isfinite(t) || (i > 0 && !(t > b->longs[b->nlongs - 1])))
				ad_rd_corrupt(r, "thresholds do not ascend");
			(void) ad_trees_keep_long(b, t);
		}
	}
	o.start[f->cols] = (uint32) b->nlongs;
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		read_old_tree(&o, 0);
		ad_trees_end_tree(b);
	}
	ad_rd_end(r);
	ad_trees_write(b, f->cols, payload);
	ad_trees_free(b);
	pfree(o.start);
}

/*
 * Read and check the trees of an axis-parallel forest, of which all else is
 * known.
 */
void
ad_trees_read(AdReader *r, AdForest *f)
{
	StringInfoData payload;
	AdReader	again;

	if (r->version > OLD_VERSION)
	{
		read_levels(r, f);
		return;
	}
	initStringInfo(&payload);
	read_old(r, f, &payload);
	ad_rd_init(&again, payload.data, payload.len, r->what);
	read_levels(&again, f);
	pfree(payload.data);
}

/*
 * c(n): the expected depth of an unsuccessful search in a binary search
 * tree of n keys.
 */
double
ad_iforest_expected_depth(uint32 rows)
{
	double		n = rows;

	if (n <= 1)
		return 0;
	if (n == 2)
		return 1;
	return 2.0 * (ad_log(n - 1) + EULER) - 2.0 * (n - 1) / n;
}
