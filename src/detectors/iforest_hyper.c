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
 * off.  Where |d| is not above twice that, the stored split is asked.
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
	uint32	   *from;			/* per block, the node that it begins with */
	uint32		nblocks;
	uint32	   *roots;			/* as a block's ways */
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

	if (f->most_terms > 2)
		return NULL;
	w = palloc0(sizeof(AdForestWalker));
	w->rows = ad_palloc_array(double, ad_mul_size(f->cols, LEARN_ROWS));
	w->middle = ad_palloc_array(double, f->cols);
	w->per_unit = ad_palloc_array(double, f->cols);
	w->width = f->cols <= 8 ? AD_HYPER_8 : f->cols <= 16 ? AD_HYPER_16 :
		AD_HYPER_WIDE;
	w->blocks = (AdHyperBlock *)
		TYPEALIGN(sizeof(AdHyperBlock),
				  ad_palloc_array(AdHyperBlock, (Size) f->nthird + 1));
	w->from = ad_palloc_array(uint32, f->nthird);
	w->roots = ad_palloc_array(uint32, f->ntrees);
	w->lengths = ad_palloc_array(double, f->nhyper - f->ninner);
	w->nplaces = 2;
	while (w->nplaces < 2 * (f->nhyper - f->ninner))
		w->nplaces *= 2;
	w->places = ad_palloc_array(uint32, w->nplaces);
	w->y = ad_palloc0_array(float, Max(f->cols, 16));
	w->leaf = ad_palloc_array(uint32, f->ntrees);
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

/* Begin a block whose splits all lead to their first child; returns it. */
static uint32
begin_block(AdForestWalker *w, uint32 at)
{
	uint32		n = w->nblocks++;
	AdHyperBlock *b = &w->blocks[n];

	memset(b, 0, sizeof(*b));
	for (int i = 0; i < SPLITS; i++)
		b->threshold[i] = NOWHERE;
	for (int i = 0; i < AD_HYPER_LANES; i++)
		b->way[i] = AD_HYPER_LEAF;
	w->from[n] = at;
	return n;
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
	b->columns[slot] = p->column | o->column << 16;
	b->threshold[SPLITS] = Max(b->threshold[SPLITS], (float) margin);
	return scale_p > 0;
}

/* The number of a leaf's length among the distinct ones. */
static uint32
number_length(AdForestWalker *w, double length)
{
	uint64		bits;
	uint32		at;

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
		b->way[slot - SPLITS] = AD_HYPER_LEAF |
			number_length(w, node->threshold);
		return true;
	}
	if (slot >= SPLITS)
	{
		uint32		next = begin_block(w, at);

		b->way[slot - SPLITS] = next;
		return write_below(w, f, at, next, 0);
	}
	left_first = write_split(w, f, node, b, slot);
	return left_first >= 0 &&
		write_below(w, f, at + 1, block, 2 * slot + 2 - left_first) &&
		write_below(w, f, node->right, block, 2 * slot + 1 + left_first);
}

/* Write all trees; false: they cannot be written. */
static bool
write_trees(AdForestWalker *w, const AdForest *f)
{
	w->nblocks = w->nlengths = 0;
	memset(w->places, 0, w->nplaces * sizeof(uint32));
	measure(w, f->cols);
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		uint32		root = f->roots[t];

		CHECK_FOR_INTERRUPTS();
		if (f->hyper[root].right == 0)
		{
			w->roots[t] = AD_HYPER_LEAF |
				number_length(w, f->hyper[root].threshold);
			continue;
		}
		w->roots[t] = begin_block(w, root);
		if (!write_below(w, f, root, w->roots[t], 0))
			return false;
	}
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

/* The length of a path that goes on from a node, by the stored splits. */
static double
length_below(const AdForest *f, uint32 at, const double *x)
{
	while (f->hyper[at].right != 0)
		at = ad_forest_hyper_step(f, &f->hyper[at], at, x);
	return f->hyper[at].threshold;
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
	double		sum = 0;

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
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		uint32		leaf = w->leaf[t] & ~AD_HYPER_LEAF;

		sum += likely(!(leaf & AD_HYPER_UNSURE)) ? w->lengths[leaf] :
			length_below(f, w->from[leaf & ~AD_HYPER_UNSURE], x);
	}
	*length = sum;
	return true;
}
