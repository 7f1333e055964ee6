/*-------------------------------------------------------------------------
 *
 * iforest_hyper.c
 *		Walking forests of splits on two columns in single precision.
 *
 * The stored splits are in double precision and a forest of them does not
 * fit the nearer caches: a row of 200 trees waits for memory thousands of
 * times.  Once a forest has scored some rows, its splits are rewritten in
 * single precision, counted from the middle of those rows and in units of
 * their spread: values far from zero lose nothing by it, and a split's
 * greater coefficient is 1 and need not be kept.  math/simd_hyper.c walks
 * them.
 *
 * Scores stay what the stored splits say, to the last bit.  With y the row
 * in those units, a split is d = y1 + r y2 - t, |r| <= 1, and in single
 * precision d is off by at most 2^-21 (|y1| + |y2| + |t|); the sum in double
 * precision, and t, by 2^-50 of what was added up before the middle was taken
 * off.  Where |d| is not above twice that, the tree's stored splits are
 * walked.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/iforest.h"

#include <float.h>

#define LEARN_EVERY		4		/* rows; of them one is kept, if finite */
#define LEARN_ROWS		64		/* that are kept */
#define SPLITS			(AD_HYPER_LANES - 1)
#define SINGLE_ERROR	0x1p-20 /* of |y1| + |y2| + |t| */
#define DOUBLE_ERROR	0x1p-49
#define MAX_UNITS		0x1p60	/* of spread, from the middle */
#define MAX_TERM		1e200	/* whose products are finite */
#define NOWHERE			1e30F	/* no row is beyond it */
#define NO_WAY			PG_UINT32_MAX
#define MAX_BLOCKS		((Size) 1 << AD_HYPER_ENTRY_SHIFT)

typedef enum Stage
{
	LEARNING, READY, UNSUITABLE
} Stage;

struct AdForestWalker
{
	Stage		stage;
	uint32		nrows;			/* seen, while learning */
	uint32		kept;			/* of them, the finite ones */
	double	   *rows;			/* those */
	double	   *middle;			/* per column */
	double	   *per_unit;		/* 1 / spread, a power of 2 */
	AdHyperWidth width;
	AdHyperBlock *blocks;
	uint32		nblocks;
	uint32		spare_half;		/* a way whose split has none, or NO_WAY */
	uint32		spare_quarter;
	uint32	   *roots;			/* as a block's ways */
	bool		whole;			/* leaves are path lengths, as integers */
	double	   *lengths;		/* distinct ones, of leaves */
	uint32		nlengths;
	uint32	   *places;			/* while writing: hash of lengths; 0: none */
	uint32		nplaces;		/* power of 2 */
	float	   *y;				/* scratch: a row */
	uint32	   *leaf;			/* scratch: where it arrived */
};

/*
 * Reserve what walking a forest of hyperplanes will need, in the current
 * context.  NULL: it has splits on more columns.
 */
AdForestWalker *
ad_forest_walker(const AdForest *f)
{
	AdForestWalker *w;
	Size		maxblocks = (Size) f->nthird + f->ntrees + 1;

	if (f->most_terms > 2 || maxblocks > MAX_BLOCKS)
		return NULL;
	w = palloc0(sizeof(AdForestWalker));
	w->rows = ad_palloc_array(double, ad_mul_size(f->cols, LEARN_ROWS));
	w->middle = ad_palloc_array(double, f->cols);
	w->per_unit = ad_palloc_array(double, f->cols);
	w->width = f->cols <= 8 ? AD_HYPER_8 : f->cols <= 16 ? AD_HYPER_16 :
		AD_HYPER_WIDE;
	w->blocks = (AdHyperBlock *)
		TYPEALIGN(sizeof(AdHyperBlock),
				  ad_palloc_array(AdHyperBlock, maxblocks + 1));
	w->roots = ad_palloc_array(uint32, f->ntrees + AD_HYPER_TOGETHER);
	w->lengths = ad_palloc_array(double, f->nhyper - f->ninner);
	w->nplaces = 2;
	while (w->nplaces < 2 * (f->nhyper - f->ninner))
		w->nplaces *= 2;
	w->places = ad_palloc_array(uint32, w->nplaces);
	w->y = ad_palloc0_array(float, Max(f->cols, 16));
	w->leaf = ad_palloc_array(uint32, f->ntrees + AD_HYPER_TOGETHER);
	return w;
}

/* Find the middle and spread of the rows kept. */
static void
measure(AdForestWalker *w, int cols)
{
	double		v[LEARN_ROWS];

	for (int c = 0; c < cols; c++)
	{
		double		spread;
		int			exponent;

		for (int i = 0; i < LEARN_ROWS; i++)
			v[i] = w->rows[(Size) i * cols + c];
		ad_sort_doubles(v, LEARN_ROWS);
		spread = v[LEARN_ROWS * 3 / 4] - v[LEARN_ROWS / 4];
		if (spread == 0)
			spread = v[LEARN_ROWS - 1] - v[0];
		if (spread == 0)
			spread = 1;
		(void) frexp(spread, &exponent);
		exponent = Max(Min(exponent, 400), -400);
		w->middle[c] = v[LEARN_ROWS / 2];
		w->per_unit[c] = ldexp(1, -exponent);
	}
}

static bool write_part(AdForestWalker *w, const AdForest *f, uint32 at,
					   uint32 *way);

/* Begin a block whose splits all lead to their first child; returns it. */
static uint32
begin_block(AdForestWalker *w, uint32 way)
{
	uint32		n = w->nblocks++;
	AdHyperBlock *b = &w->blocks[n];

	memset(b, 0, sizeof(*b));
	for (int i = 0; i < AD_HYPER_LANES; i++)
	{
		b->threshold[i] = NOWHERE;
		b->way[i] = way;
	}
	return n;
}

/* The levels of a tree below a node, at most as many as a block has. */
static int
levels_below(const AdForest *f, uint32 at, int most)
{
	if (f->hyper[at].right == 0 || most == 0)
		return 0;
	return 1 + Max(levels_below(f, at + 1, most - 1),
				   levels_below(f, f->hyper[at].right, most - 1));
}

/*
 * Return the way to a place for what begins at a node: most of a tree is near
 * its leaves, and what has one or two levels shares a block with others.
 */
static uint32
find_place(AdForestWalker *w, int levels)
{
	uint32		way;

	if (levels > 2)
		return begin_block(w, AD_HYPER_LEAF);
	if (levels == 2)
	{
		way = w->spare_half;
		w->spare_half = NO_WAY;
		if (way != NO_WAY)
			return way;
		way = begin_block(w, AD_HYPER_LEAF);
		w->spare_half = way | 2 << AD_HYPER_ENTRY_SHIFT;
		return way | 1 << AD_HYPER_ENTRY_SHIFT;
	}
	way = w->spare_quarter;
	w->spare_quarter = NO_WAY;
	if (way != NO_WAY)
		return way;
	/* splits 3 and 4 are below 1, and 5 and 6 below 2 */
	way = find_place(w, 2);
	way += ((way >> AD_HYPER_ENTRY_SHIFT) + 1) << AD_HYPER_ENTRY_SHIFT;
	w->spare_quarter = way + (1 << AD_HYPER_ENTRY_SHIFT);
	return way;
}

/*
 * Write a split.  Returns 1 if the left child is its first, 0 if the second,
 * -1 if it cannot be written.
 */
static int
write_split(AdForestWalker *w, const AdForest *f, const AdHyperNode *node,
			AdHyperBlock *b, int slot)
{
	const AdHyperTerm *p = f->terms + node->first;
	const AdHyperTerm *o = p + node->nterms - 1;
	double		scale_p = p->coefficient / w->per_unit[p->column];
	double		scale_o = o->coefficient / w->per_unit[o->column];
	double		moved_p;
	double		moved_o;
	double		ratio;
	double		t;
	double		margin;

	if (fabs(scale_o) > fabs(scale_p))
	{
		const AdHyperTerm *term = p;
		double		scale = scale_p;

		p = o;
		o = term;
		scale_p = scale_o;
		scale_o = scale;
	}
	moved_p = p->coefficient * w->middle[p->column];
	moved_o = node->nterms == 1 ? 0 : o->coefficient * w->middle[o->column];
	if (!(fabs(scale_p) >= 1 / MAX_TERM && fabs(scale_p) <= MAX_TERM &&
		  fabs(moved_p) <= MAX_TERM && fabs(moved_o) <= MAX_TERM &&
		  fabs(node->threshold) <= MAX_TERM))
		return -1;
	ratio = node->nterms == 1 ? 0 : scale_o / scale_p;
	if (fabs(ratio) < 1 / MAX_UNITS)
		ratio = 0;				/* rather than products that underflow */
	t = (node->threshold - (moved_p + moved_o)) / scale_p;
	margin = SINGLE_ERROR * fabs(t) + 1 / (double) NOWHERE +
		DOUBLE_ERROR * ((fabs(node->threshold) + fabs(moved_p) +
						 fabs(moved_o)) / fabs(scale_p) +
						fabs(w->middle[p->column]) * w->per_unit[p->column] +
						fabs(w->middle[o->column]) * w->per_unit[o->column]);
	if (!(margin <= MAX_UNITS))
		return -1;
	b->ratio[slot] = (float) ratio;
	b->threshold[slot] = (float) t;
	b->columns[slot] = p->column | o->column << 16 |
		(p->column & 8) << 28 | (o->column & 8) << 12;
	b->ratio[SPLITS] = Max(b->ratio[SPLITS], (float) margin);
	return scale_p > 0;
}

/* What stands for a leaf's length: its number among the distinct ones. */
static uint32
leaf_of(AdForestWalker *w, double length)
{
	uint64		bits;
	uint32		at;

	if (w->whole)
		return (uint32) length;
	memcpy(&bits, &length, sizeof(bits));
	at = (uint32) ((bits * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
	for (at &= w->nplaces - 1; w->places[at] != 0; at = (at + 1) & (w->nplaces - 1))
		if (w->lengths[w->places[at] - 1] == length)
			return w->places[at] - 1;
	w->lengths[w->nlengths] = length;
	w->places[at] = ++w->nlengths;
	return w->nlengths - 1;
}

/* Write what begins at a node, as the slot of a block; false: it cannot be. */
static bool
write_below(AdForestWalker *w, const AdForest *f, uint32 at, uint32 block,
			int slot)
{
	const AdHyperNode *node = &f->hyper[at];
	AdHyperBlock *b = &w->blocks[block];
	int			left_first;

	if (node->right == 0)
	{
		while (slot < SPLITS)
			slot = 2 * slot + 1;
		b->way[slot - SPLITS] = AD_HYPER_LEAF | leaf_of(w, node->threshold);
		return true;
	}
	if (slot >= SPLITS)
		return write_part(w, f, at, &b->way[slot - SPLITS]);
	left_first = write_split(w, f, node, b, slot);
	return left_first >= 0 &&
		write_below(w, f, at + 1, block, 2 * slot + 2 - left_first) &&
		write_below(w, f, node->right, block, 2 * slot + 1 + left_first);
}

/* Write what begins at a node where there is place, and the way to there. */
static bool
write_part(AdForestWalker *w, const AdForest *f, uint32 at, uint32 *way)
{
	*way = find_place(w, levels_below(f, at, AD_HYPER_LEVELS));
	return write_below(w, f, at, *way & (MAX_BLOCKS - 1),
					   (int) (*way >> AD_HYPER_ENTRY_SHIFT));
}

/* Write all trees; false: they cannot be written. */
static bool
write_trees(AdForestWalker *w, const AdForest *f)
{
	uint32		idle;

	w->nblocks = w->nlengths = 0;
	w->spare_half = w->spare_quarter = NO_WAY;
	memset(w->places, 0, w->nplaces * sizeof(uint32));
	measure(w, f->cols);
	w->whole = true;
	for (uint32 i = 0; i < f->nhyper; i++)
		w->whole &= f->hyper[i].right != 0 ||
			f->hyper[i].threshold == rint(f->hyper[i].threshold);
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!write_part(w, f, f->roots[t], &w->roots[t]))
			return false;
	}
	idle = begin_block(w, w->nblocks);
	for (int i = 0; i < AD_HYPER_TOGETHER; i++)
		w->roots[f->ntrees + i] = idle;
	return true;
}

/* Keep some of the rows; with the last of them, write the trees. */
static void
learn(AdForestWalker *w, const AdForest *f, const double *x)
{
	bool		usual = true;

	if (w->kept < LEARN_ROWS)
	{
		if (w->nrows++ % LEARN_EVERY != 0)
			return;
		for (int c = 0; c < f->cols; c++)
			usual &= fabs(x[c]) <= MAX_TERM;
		if (usual)
			memcpy(w->rows + (Size) w->kept++ * f->cols, x,
				   f->cols * sizeof(double));
		return;
	}
	w->stage = write_trees(w, f) ? READY : UNSUITABLE;
	pfree(w->rows);
	pfree(w->places);
	w->rows = NULL;
	w->places = NULL;
}

/* The length of a row's path, by the stored splits. */
static double
stored_length(const AdForest *f, uint32 tree, const double *x)
{
	uint32		at = f->roots[tree];

	while (f->hyper[at].right != 0)
		at = ad_forest_hyper_step(f, &f->hyper[at], at, x);
	return f->hyper[at].threshold;
}

/*
 * The sum of the path lengths of the leaves that a row arrived at.  Integers
 * have the same sum in any order.
 */
static double
sum_lengths(const AdForestWalker *w, const AdForest *f, const double *x)
{
	double		sum = 0;
	uint32		whole = 0;
	uint32		unsure = 0;

	if (w->whole)
	{
		for (uint32 t = 0; t < f->ntrees; t++)
		{
			whole += w->leaf[t] & ~AD_HYPER_LEAF;
			unsure |= w->leaf[t];
		}
		if (likely(!(unsure & AD_HYPER_UNSURE)))
			return whole;
	}
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		uint32		leaf = w->leaf[t] & ~AD_HYPER_LEAF;

		sum += unlikely(leaf & AD_HYPER_UNSURE) ? stored_length(f, t, x) :
			w->whole ? leaf : w->lengths[leaf];
	}
	return sum;
}

/*
 * The sum of a row's path lengths, or false if it is to be found in another
 * way.
 */
bool
ad_forest_walk_row(AdForestWalker *w, const AdForest *f, const double *x,
				   double *length)
{
	double		greatest = 0;
	bool		far = false;

	if (w->stage != READY)
	{
		if (w->stage == LEARNING)
			learn(w, f, x);
		return false;
	}
	for (int c = 0; c < f->cols; c++)
	{
		double		y = (x[c] - w->middle[c]) * w->per_unit[c];
		double		size = fabs(y);

		/* true for NaN, too */
		far |= !(size <= MAX_UNITS);
		greatest = size > greatest ? size : greatest;
		w->y[c] = (float) y;
	}
	if (far)
		return false;
	ad_hyper_walk[w->width] (w->blocks, w->roots, (int) f->ntrees, w->y,
							 (float) (2 * SINGLE_ERROR * greatest), w->leaf);
	*length = sum_lengths(w, f, x);
	return true;
}
