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
 * off, and by less than LEAST_ERROR where products are subnormal.  Where |d|
 * is not above twice that, the tree's stored splits are walked.
 *
 * Spreads are powers of two, and so is what a split is brought near 1 by
 * before anything is added up: numbers of any size make the same blocks.
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
#define LEAST_ERROR		(-1072) /* exponent, of a sum of two products */
#define MAX_THRESHOLD	0x1p900 /* beyond all that is walked */
#define MAX_FROM_ZERO	110		/* exponent, in units, of what is walked */
#define MAX_UNITS		0x1p60	/* of spread, from the middle */
#define MAX_EXPONENT	1022	/* of a spread: 1 / spread is not subnormal */
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
	int		   *exponent;		/* of its spread, a power of 2 */
	double	   *per_unit;		/* 1 / spread */
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
	uint32	   *unsure;			/* scratch: roots of trees to be walked again */
	double	   *length;			/* scratch: of the row's paths in these */
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
	w->exponent = ad_palloc_array(int, f->cols);
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
	w->unsure = ad_palloc_array(uint32, f->ntrees);
	w->length = ad_palloc_array(double, f->ntrees);
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
			spread = Max(fabs(v[0]), 1);
		(void) frexp(Min(spread, DBL_MAX), &exponent);
		exponent = Max(Min(exponent, MAX_EXPONENT), -MAX_EXPONENT);
		w->middle[c] = v[LEARN_ROWS / 2];
		w->exponent[c] = exponent;
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

/* v times 2^exponent: ldexp(), which takes as long as all else of a split. */
static inline double
times_power(double v, int exponent)
{
	uint64		bits = (uint64) (exponent + 1023) << 52;
	double		power;

	if (unlikely(abs(exponent) > 1000))
		return ldexp(v, exponent);
	memcpy(&power, &bits, sizeof(power));
	return v * power;
}

/* The exponent of a coefficient, at least, per unit of its column. */
static inline int
exponent_of(const AdForestWalker *w, const AdHyperTerm *term)
{
	uint64		bits;

	memcpy(&bits, &term->coefficient, sizeof(bits));
	return (int) (bits >> 52 & 0x7ff) - 1022 + w->exponent[term->column];
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
	int			shift = Max(exponent_of(w, p), exponent_of(w, o));
	double		scale_p = times_power(p->coefficient,
									  w->exponent[p->column] - shift);
	double		scale_o = times_power(o->coefficient,
									  w->exponent[o->column] - shift);
	double		threshold = Max(Min(times_power(node->threshold, -shift),
									MAX_THRESHOLD), -MAX_THRESHOLD);
	double		middle_p = w->middle[p->column] * w->per_unit[p->column];
	double		middle_o = w->middle[o->column] * w->per_unit[o->column];
	double		moved;
	double		ratio;
	double		t;
	double		rounding;

	if (fabs(scale_o) > fabs(scale_p))
	{
		const AdHyperTerm *term = p;
		double		scale = scale_p;
		double		middle = middle_p;

		p = o;
		o = term;
		scale_p = scale_o;
		scale_o = scale;
		middle_p = middle_o;
		middle_o = middle;
	}
	/* the greater is from 0.5 to 1, unless subnormal; sums must be finite */
	if (scale_p == 0 ||
		(node->nterms > 1 && shift + MAX_FROM_ZERO > DBL_MAX_EXP - 2))
		return -1;
	ratio = node->nterms == 1 ? 0 : scale_o / scale_p;
	moved = node->nterms == 1 ? 0 : scale_o * middle_o;
	t = (threshold - (scale_p * middle_p + moved)) / scale_p;
	rounding = DOUBLE_ERROR * ((fabs(threshold) + fabs(scale_p * middle_p) +
								fabs(moved)) / fabs(scale_p) +
							   fabs(middle_p) + fabs(middle_o)) +
		times_power(1, LEAST_ERROR - shift) / fabs(scale_p);
	if (fabs(t) - rounding > 4 * MAX_UNITS)
	{
		/* farther than what is walked: all of that is on one side */
		ratio = 0;
		t = t > 0 ? 4 * MAX_UNITS : -4 * MAX_UNITS;
		rounding = 0;
	}
	else
	{
		if (!(rounding <= MAX_UNITS))
			return -1;
		if (fabs(ratio) < 1 / MAX_UNITS)
			ratio = 0;			/* rather than products that underflow */
		rounding += SINGLE_ERROR * fabs(t);
	}
	b->ratio[slot] = (float) ratio;
	b->threshold[slot] = (float) t;
	b->columns[slot] = p->column | o->column << 16 |
		(p->column & 8) << 28 | (o->column & 8) << 12;
	b->ratio[SPLITS] = Max(b->ratio[SPLITS],
						   (float) (rounding + 1 / (double) NOWHERE));
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
			usual &= fabs(x[c]) <= DBL_MAX;
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

/*
 * A row's path lengths in trees of an extended forest, n of them, whose roots
 * are given.  Several are walked together: a walk is a chain of loads that
 * wait for each other.
 */
void
ad_forest_hyper_lengths(const AdForest *f, const uint32 *roots, uint32 n,
						const double *x, double *length)
{
	for (uint32 first = 0; first < n; first += AD_FOREST_TOGETHER)
	{
		int			some = (int) Min(n - first, AD_FOREST_TOGETHER);
		uint32		at[AD_FOREST_TOGETHER];
		bool		walking = true;

		memcpy(at, roots + first, some * sizeof(uint32));
		while (walking)
		{
			walking = false;
			for (int t = 0; t < some; t++)
			{
				const AdHyperNode *node = &f->hyper[at[t]];

				if (node->right != 0)
				{
					at[t] = ad_forest_hyper_step(f, node, at[t], x);
					walking = true;
				}
			}
		}
		for (int t = 0; t < some; t++)
			length[first + t] = f->hyper[at[t]].threshold;
	}
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
	unsure = 0;
	for (uint32 t = 0; t < f->ntrees; t++)
		if (unlikely(w->leaf[t] & AD_HYPER_UNSURE))
			w->unsure[unsure++] = f->roots[t];
	ad_forest_hyper_lengths(f, w->unsure, unsure, x, w->length);
	unsure = 0;
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		uint32		leaf = w->leaf[t] & ~AD_HYPER_LEAF;

		sum += unlikely(leaf & AD_HYPER_UNSURE) ? w->length[unsure++] :
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
