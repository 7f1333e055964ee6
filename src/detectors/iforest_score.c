/*-------------------------------------------------------------------------
 *
 * iforest_score.c
 *		Isolation forest: loading a payload and scoring rows.
 *
 * The score is 2^(-E[h(x)] / c(psi)), Liu, Ting and Zhou 2008: h is the
 * depth of the leaf plus c(n), the expected depth of what would have been
 * grown below its n rows, and c(psi) puts forests of different subsamples
 * on one scale.  Higher is more anomalous; 0.5 is what a row gets where
 * nothing can be told.
 *
 * Loading turns the pre-order trees into the form that
 * math/simd_forest.c walks: complete trees of one depth, in blocks.  A
 * value is compared by its rank among a column's thresholds, found through
 * a table of equal-width buckets and a search that takes the same number of
 * steps whatever the value, so that no branch is mispredicted.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "detectors/iforest.h"
#include "math/ad_math.h"


#define LANES				16	/* sums of lengths that are added at the end */
#define KEY_RANKS			PG_UINT16_MAX	/* thresholds of a key */
#define MAX_FOREST_SLOTS	((Size) 1 << 24)	/* leaves of all trees */
#define SEARCHES			5	/* columns that are searched at once */
#define TOGETHER			16	/* extended trees that are walked at once */
#define EULER				0.57721566490153286061

/* State of loading. */
typedef struct Loader
{
	AdReader   *r;
	AdForest   *f;
	uint32	   *first_key;		/* of each column */
	uint16	   *code_of;		/* (depth, rows) -> code, or 0 */
	uint32		ncodes;
	uint32		maxcodes;		/* lengths allocated */
} Loader;

/*
 * c(n): the expected depth of an unsuccessful search in a binary search
 * tree of n keys.
 */
static double
expected_depth(double n)
{
	if (n <= 1)
		return 0;
	if (n == 2)
		return 1;
	return 2.0 * (ad_log(n - 1) + EULER) - 2.0 * (n - 1) / n;
}

/* Return how deep a tree on psi rows may grow: ceil(log2(psi)), at least 1. */
int
ad_iforest_depth_limit(int psi)
{
	int			depth = 1;

	while ((1 << depth) < psi)
		depth++;
	return depth;
}

/* Read a column's thresholds. */
static void
load_column(AdReader *r, AdRanks *c)
{
	uint32		n = ad_rd_count(r, AD_IFOREST_MAX_RANK, sizeof(double));
	double	   *t = ad_palloc_array(double, n);

	ad_rd_f64_array(r, t, n);
	for (uint32 i = 0; i < n; i++)
		if (!isfinite(t[i]) || (i > 0 && !(t[i] > t[i - 1])))
			ad_rd_corrupt(r, "thresholds do not ascend");
	ad_ranks_build(c, t, n);
}

/* The code of a leaf's path length. */
static uint16
length_code(Loader *l, int depth, uint32 rows)
{
	uint16	   *code = &l->code_of[(Size) depth * (l->f->psi + 1) + rows];

	/* 0: there is none yet */
	if (*code == 0)
	{
		if (l->ncodes > PG_UINT16_MAX)
			ad_rd_corrupt(l->r, "leaves have too many different sizes");
		if (l->ncodes == l->maxcodes)
		{
			l->maxcodes *= 2;
			l->f->lengths = ad_repalloc_array(l->f->lengths, double,
											  l->maxcodes);
			l->f->leaves = ad_repalloc_array(l->f->leaves, AdForestLeaf,
											 l->maxcodes);
		}
		l->f->lengths[l->ncodes] = depth + expected_depth(rows);
		l->f->leaves[l->ncodes].depth = depth;
		l->f->leaves[l->ncodes].rows = rows;
		*code = (uint16) l->ncodes++;
	}
	return *code;
}

/* Sort keys: those of which a search takes more steps first. */
static int
compare_steps(const void *a, const void *b, void *columns)
{
	const AdForestKey *k = a;
	const AdForestKey *m = b;
	const AdRanks *c = columns;
	int			more = c[m->column].steps - c[k->column].steps;

	if (more != 0)
		return more;
	if (k->column != m->column)
		return k->column < m->column ? -1 : 1;
	return k->first < m->first ? -1 : 1;
}

/*
 * Make the keys of a row.  Those that are searched together take as many
 * steps: the values of each column are followed by what that may look at.
 */
static void
make_keys(Loader *l)
{
	AdForest   *f = l->f;
	int			n = 0;

	for (int c = 0; c < f->cols; c++)
		f->nkeys += Max((f->columns[c].n + KEY_RANKS - 1) / KEY_RANKS, 1);
	f->keys = ad_palloc_array(AdForestKey, f->nkeys + SEARCHES);
	for (int c = 0; c < f->cols; c++)
		for (uint32 first = 0; first == 0 || first < f->columns[c].n;
			 first += KEY_RANKS)
		{
			f->keys[n].column = c;
			f->keys[n++].first = first;
		}
	qsort_arg(f->keys, n, sizeof(AdForestKey), compare_steps, f->columns);
	for (int i = n; i < n + SEARCHES; i++)
		f->keys[i] = f->keys[n - 1];
	for (int i = 0; i < n; i++)
		ad_ranks_widen(&f->columns[f->keys[i].column],
					   f->columns[f->keys[i / SEARCHES * SEARCHES].column].steps);

	/* the keys of a column are still side by side */
	l->first_key = ad_palloc_array(uint32, f->cols);
	for (int i = n - 1; i >= 0; i--)
		l->first_key[f->keys[i].column] = i;
	f->width = n <= 16 ? AD_FOREST_16 : n <= 32 ? AD_FOREST_32 :
		n <= 64 ? AD_FOREST_64 : AD_FOREST_WIDE;
	f->key = ad_palloc0_array(int16, Max(n, 64) + SEARCHES);
}

/*
 * Make blocks of trees of f->depth, all of whose nodes lead left.  Blocks are
 * aligned to lines of the cache.
 */
static void
make_blocks(AdForest *f)
{
	Size		fan = (Size) 1 << ((f->depth - 1) % AD_FOREST_LEVELS + 1);
	Size		n = 1;
	AdForestBlock none;

	f->walked = (int) (f->ntrees + f->ntrees % 2);
	for (int left = f->depth - AD_FOREST_LEVELS; left > 0;
		 left -= AD_FOREST_LEVELS)
	{
		n += fan;
		fan *= AD_FOREST_CHILDREN;
	}
	n = ad_mul_size(n, f->walked);
	f->blocks = (AdForestBlock *)
		TYPEALIGN(sizeof(AdForestBlock), ad_palloc_array(AdForestBlock, n + 1));
	memset(&none, 0, sizeof(none));
	for (int i = 0; i < AD_FOREST_CHILDREN; i++)
		none.threshold[i] = AD_FOREST_LEFT;
	for (Size i = 0; i < n; i++)
		f->blocks[i] = none;
}

/* Where the node at a position of level "depth" of a tree is. */
static AdForestBlock *
find_node(const AdForest *f, Size tree, int depth, Size position, int *at)
{
	AdForestBlock *blocks = f->blocks;
	int			filled = (f->depth - 1) % AD_FOREST_LEVELS + 1;
	Size		fan = 1;
	int			level = depth + AD_FOREST_LEVELS - filled;
	int			within = level % AD_FOREST_LEVELS;

	for (int above = level / AD_FOREST_LEVELS; above > 0; above--)
	{
		blocks += f->walked * fan;
		fan = fan == 1 ? (Size) 1 << filled : fan * AD_FOREST_CHILDREN;
	}
	*at = (1 << within) - 1 + (int) (position & (((Size) 1 << within) - 1));
	return blocks + tree * fan + (position >> within);
}

/*
 * Return the column of an inner node of an axis-parallel forest, and its
 * threshold.
 */
uint32
ad_forest_split(const AdForest *f, Size tree, int depth, Size position,
				double *threshold)
{
	int			at;
	const AdForestBlock *b = find_node(f, tree, depth, position, &at);
	const AdForestKey *k = &f->keys[f->width == AD_FOREST_WIDE ?
									b->column[at] : (uint8) b->column[at]];

	*threshold = f->columns[k->column].values[k->first + b->threshold[at] -
											  PG_INT16_MIN];
	return k->column;
}

/* Check a node of a model and place it. */
static void
place_node(Loader *l, uint32 node, Size tree, int depth, Size position)
{
	AdForest   *f = l->f;
	uint32		column = node & ((1 << AD_IFOREST_SHIFT) - 1);
	uint32		rank = node >> AD_IFOREST_SHIFT;
	int			at;
	AdForestBlock *b;

	if (column >= (uint32) f->cols)
		ad_rd_corrupt(l->r, "a node's column does not exist");
	if (rank >= f->columns[column].n)
		ad_rd_corrupt(l->r, "a node's threshold does not exist");
	b = find_node(f, tree, depth, position, &at);
	column = l->first_key[column] + rank / KEY_RANKS;
	b->threshold[at] = (int16) ((int) (rank % KEY_RANKS) + PG_INT16_MIN);
	b->column[at] = (uint16) (f->width == AD_FOREST_WIDE ? column :
							  column + ((column + 128) << 8));
}

/*
 * Check a pre-order tree and place it: its node at a position of level
 * "depth".  A leaf above the last level fills all slots below it.
 */
static void
place_tree(Loader *l, Size tree, int depth, Size position)
{
	AdForest   *f = l->f;
	uint32		node = ad_rd_u32(l->r);

	if (node & AD_IFOREST_LEAF)
	{
		int			below = f->depth - depth;
		uint16	   *codes = f->codes + (tree << f->depth);
		uint16		code;

		if ((node & ~AD_IFOREST_LEAF) > f->psi)
			ad_rd_corrupt(l->r, "a leaf has more rows than a subsample");
		code = length_code(l, depth, node & ~AD_IFOREST_LEAF);
		for (Size i = position << below; i < (position + 1) << below; i++)
			codes[i] = code;
		return;
	}
	if (depth == f->depth)
		ad_rd_corrupt(l->r, "a tree is too deep");
	f->ninner++;
	place_node(l, node, tree, depth, position);
	place_tree(l, tree, depth + 1, 2 * position);
	place_tree(l, tree, depth + 1, 2 * position + 1);
}

/* Load the thresholds and trees of an axis-parallel forest. */
static void
load_axis_parallel(AdReader *r, AdForest *f)
{
	Loader		l;

	ad_forest_begin();
	memset(&l, 0, sizeof(l));
	l.r = r;
	l.f = f;
	f->columns = ad_palloc0_array(AdRanks, f->cols);
	for (int c = 0; c < f->cols; c++)
	{
		CHECK_FOR_INTERRUPTS();
		load_column(r, &f->columns[c]);
	}
	if ((Size) f->ntrees << f->depth > MAX_FOREST_SLOTS)
		ad_rd_corrupt(r, "its trees are too many for their depth");
	make_keys(&l);
	make_blocks(f);
	f->codes = ad_palloc_array(uint16, (Size) f->ntrees << f->depth);
	f->leaf = ad_palloc_array(uint32, f->walked);

	l.code_of = ad_palloc0_array(uint16, ad_mul_size(f->depth + 1,
													 f->psi + 1));
	l.maxcodes = 512;
	f->lengths = ad_palloc_array(double, l.maxcodes);
	f->leaves = ad_palloc_array(AdForestLeaf, l.maxcodes);
	/* code 0 is that of no leaf */
	f->lengths[0] = 0;
	memset(&f->leaves[0], 0, sizeof(AdForestLeaf));
	l.ncodes = 1;
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		place_tree(&l, t, 0, 0);
	}
	ad_rd_end(r);
	pfree(l.code_of);
	pfree(l.first_key);
}

/* Load an extended node and what is below it; returns its index. */
static uint32
load_hyper(AdReader *r, AdForest *f, int depth)
{
	uint32		at = f->nhyper++;
	uint16		k = ad_rd_u16(r);
	AdHyperNode *node = &f->hyper[at];

	if (k == 0)
	{
		uint32		rows = ad_rd_u32(r);

		if (rows > f->psi)
			ad_rd_corrupt(r, "a leaf has more rows than a subsample");
		node->right = 0;
		node->first = rows;
		node->threshold = depth + expected_depth(rows);
		return at;
	}
	if (k > f->cols)
		ad_rd_corrupt(r, "a node has more columns than there are");
	if (depth == f->depth)
		ad_rd_corrupt(r, "a tree is too deep");
	ad_rd_need(r, (Size) k * 10);
	f->ninner++;
	f->nthird += depth % AD_HYPER_LEVELS == 0;
	f->most_terms = Max(f->most_terms, k);
	node->first = f->nterms;
	node->nterms = k;
	for (int i = 0; i < k; i++)
	{
		AdHyperTerm *t = &f->terms[f->nterms++];

		t->column = ad_rd_u16(r);
		t->coefficient = ad_rd_finite(r);
		if (t->column >= (uint32) f->cols)
			ad_rd_corrupt(r, "a node's column does not exist");
	}
	node->threshold = ad_rd_finite(r);
	load_hyper(r, f, depth + 1);
	node->right = load_hyper(r, f, depth + 1);
	return at;
}

/* Load the trees of an extended forest. */
static void
load_extended(AdReader *r, AdForest *f)
{
	Size		left = r->len - r->pos;

	/*
	 * A leaf is 6 bytes, an inner node at least 20, a term 10.  There are at
	 * most as many leaves as inner nodes and trees, so that two nodes take 26
	 * bytes, but for one a tree; and one may be begun whose bytes are
	 * missing.
	 */
	f->hyper = ad_palloc_array(AdHyperNode, left / 13 + f->ntrees + 1);
	f->terms = ad_palloc_array(AdHyperTerm, left / 10 + 1);
	f->roots = ad_palloc_array(uint32, f->ntrees);
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		f->roots[t] = load_hyper(r, f, 0);
	}
	ad_rd_end(r);
	f->walker = ad_forest_walker(f);
}

#ifdef USE_ASSERT_CHECKING
/* Check that walks end, and within the arrays. */
static void
check_forest(const AdForest *f)
{
	Size		last = 1;

	Assert((f->walked > 0) == !f->hyperplanes);
	if (!f->hyperplanes)
	{
		int			at;

		/* the last node of the last level is in the last block */
		last = ((Size) 1 << (f->depth - 1)) - 1;
		last = find_node(f, f->walked - 1, f->depth - 1, last, &at) - f->blocks;
		Assert(at < AD_FOREST_CHILDREN - 1);
	}
	for (Size i = 0; !f->hyperplanes && i <= last; i++)
		for (int n = 0; n < AD_FOREST_CHILDREN; n++)
		{
			uint32		column = f->blocks[i].column[n];

			if (f->width != AD_FOREST_WIDE)
				column &= 0xff;
			Assert(column < (uint32) f->nkeys);
			Assert(n < AD_FOREST_CHILDREN - 1 ||
				   f->blocks[i].threshold[n] == AD_FOREST_LEFT);
		}
	for (uint32 i = 0; i < f->nhyper; i++)
	{
		const AdHyperNode *node = &f->hyper[i];

		if (node->right == 0)
			continue;
		/* the left child is the next, and a tree in pre-order */
		Assert(node->right > i + 1 && node->right < f->nhyper);
		Assert(node->nterms >= 1 && node->first + node->nterms <= f->nterms);
		for (uint32 t = 0; t < node->nterms; t++)
			Assert(f->terms[node->first + t].column < (uint32) f->cols);
	}
	for (uint32 t = 0; f->hyperplanes && t < f->ntrees; t++)
		Assert(f->roots[t] < f->nhyper &&
			   (t == 0 || f->roots[t] > f->roots[t - 1]));
}

#define AssertForest(f)	check_forest(f)
#else
#define AssertForest(f)	((void) true)
#endif

/*
 * Check a payload and make a scorer of it.  "hyperplanes": splits are
 * written as those of an extended forest even with ndim 1.
 */
void *
ad_forest_load(AdReader *r, int cols, bool hyperplanes,
			   int (*limit_depth) (int psi))
{
	AdForest   *f = palloc0(sizeof(AdForest));

	f->cols = cols;
	f->psi = ad_rd_u32(r);
	f->ntrees = ad_rd_u32(r);
	f->ndim = ad_rd_u32(r);
	if (f->psi < 1 || f->psi > AD_IFOREST_MAX_SAMPLE ||
		f->ntrees < 1 || f->ntrees > AD_IFOREST_MAX_TREES ||
		f->ndim < 1 || f->ndim > AD_MAX_COLUMNS)
		ad_rd_corrupt(r, "a forest parameter is out of range");
	f->normal = expected_depth(f->psi);
	f->depth = limit_depth((int) f->psi);
	f->hyperplanes = hyperplanes || f->ndim > 1;
	if (!f->hyperplanes)
		load_axis_parallel(r, f);
	else
		load_extended(r, f);
	AssertForest(f);
	return f;
}

/* Check a payload of an isolation forest and make a scorer of it. */
void *
ad_iforest_load(AdReader *r, int cols)
{
	return ad_forest_load(r, cols, false, ad_iforest_depth_limit);
}

/* The key that a rank is. */
static inline int16
key_of(const AdForestKey *k, uint32 rank)
{
	uint32		above = rank > k->first ? rank - k->first : 0;

	return (int16) ((int) Min(above, KEY_RANKS) + PG_INT16_MIN);
}

/*
 * Turn a row into keys, some columns in turn: a search is a chain of loads
 * that wait for each other.
 */
static inline void
find_keys(AdForest *f, const double *x)
{
	for (int first = 0; first < f->nkeys; first += SEARCHES)
	{
		const AdForestKey *k = f->keys + first;
		const double *at[SEARCHES];
		double		v[SEARCHES];

		for (int i = 0; i < SEARCHES; i++)
		{
			const AdRanks *r = &f->columns[k[i].column];

			v[i] = x[k[i].column];
			at[i] = r->values + r->bucket[ad_ranks_bucket(r, v[i])];
		}
		/* as many steps as the first needs: the others need no more */
		for (Size half = ((Size) 1 << f->columns[k[0].column].steps) / 2;
			 half > 0; half /= 2)
			for (int i = 0; i < SEARCHES; i++)
				at[i] += half & -(Size) (at[i][half - 1] < v[i]);
		for (int i = 0; i < SEARCHES; i++)
			f->key[first + i] =
				key_of(&k[i], (uint32) (at[i] - f->columns[k[i].column].values));
	}
}

/* The sum of a row's path lengths over an axis-parallel forest's trees. */
static double
axis_parallel_length(AdForest *f, const double *x)
{
	double		lane[LANES];
	double		sum = 0;
	Size		slots = (Size) 1 << f->depth;
	uint32		whole = f->ntrees / LANES * LANES;

	find_keys(f, x);
	ad_forest_walk[f->width] (f->blocks, f->walked, f->depth, f->key, f->leaf);
	for (int first = 0; first < LANES; first += LANES / 2)
	{
		/* as many as there are registers */
		double		part[LANES / 2] = {0};

		for (uint32 t = first; t < whole; t += LANES)
		{
			const uint32 *leaf = f->leaf + t;
			const uint16 *codes = f->codes + t * slots;

			for (int l = 0; l < LANES / 2; l++, codes += slots)
				part[l] += f->lengths[codes[leaf[l]]];
		}
		memcpy(lane + first, part, sizeof(part));
	}
	for (uint32 t = whole; t < f->ntrees; t++)
		lane[t - whole] += f->lengths[f->codes[t * slots + f->leaf[t]]];
	for (int l = 0; l < LANES; l++)
		sum += lane[l];
	return sum;
}

/*
 * The same for an extended forest.  Several trees are walked together: a
 * walk is a chain of loads that wait for each other.
 */
static double
extended_length(const AdForest *f, const double *x)
{
	double		sum = 0;

	if (f->walker && ad_forest_walk_row(f->walker, f, x, &sum))
		return sum;
	for (uint32 first = 0; first < f->ntrees; first += TOGETHER)
	{
		int			n = (int) Min(f->ntrees - first, TOGETHER);
		uint32		at[TOGETHER];
		bool		walking = true;

		for (int t = 0; t < n; t++)
			at[t] = f->roots[first + t];
		while (walking)
		{
			walking = false;
			for (int t = 0; t < n; t++)
			{
				const AdHyperNode *node = &f->hyper[at[t]];

				if (node->right != 0)
				{
					at[t] = ad_forest_hyper_step(f, node, at[t], x);
					walking = true;
				}
			}
		}
		for (int t = 0; t < n; t++)
			sum += f->hyper[at[t]].threshold;
	}
	return sum;
}

/* The score of a row, in (0, 1]. */
double
ad_iforest_score(void *scorer, const double *x)
{
	AdForest   *f = scorer;
	double		length = f->hyperplanes ? extended_length(f, x) :
		axis_parallel_length(f, x);

	if (f->normal == 0)
		return 0.5;				/* fitted on one row: nothing to tell */
	return ad_exp2(-(length / f->ntrees) / f->normal);
}

/* Append what ad_info() says beyond the spec. */
void
ad_iforest_describe(const void *scorer, StringInfo json)
{
	const AdForest *f = scorer;

	appendStringInfo(json, "\"trees\": %u, \"subsample\": %u, \"inner_nodes\": %u",
					 f->ntrees, f->psi, f->ninner);
}
