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
 * An axis-parallel forest is walked as it is stored, until it has scored some
 * rows and iforest_blocks.c makes it fast.  Both ways, with all instructions,
 * give the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "detectors/iforest.h"
#include "math/ad_math.h"


#define LANES				16	/* sums of lengths that are added at the end */
#define MAX_FOREST_SLOTS	((Size) 1 << 24)	/* leaves of all trees */
#define COMPACT_ROWS		24	/* scored without blocks */
#define COMPACT_TOGETHER	5	/* trees that are walked at once without */
#define KNOWN_DEPTHS		256 /* expected ones that are kept */

/* What ad_iforest_expected_depth() returns for few rows. */
static double known_depth[KNOWN_DEPTHS];

/* Make what walking a forest as it is stored needs. */
static void
begin_compact(void)
{
	for (uint32 n = 2; n < KNOWN_DEPTHS && known_depth[KNOWN_DEPTHS - 1] == 0; n++)
		known_depth[n] = ad_iforest_expected_depth(n);
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
		node->threshold = depth + ad_iforest_expected_depth(rows);
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
	f->normal = ad_iforest_expected_depth(f->psi);
	f->depth = limit_depth((int) f->psi);
	f->hyperplanes = hyperplanes || f->ndim > 1;
	if (!f->hyperplanes)
	{
		if ((Size) f->ntrees << f->depth > MAX_FOREST_SLOTS)
			ad_rd_corrupt(r, "its trees are too many for their depth");
		begin_compact();
		ad_trees_read(r, f);
		f->ninner = f->trees.ninner;
		f->leaf = ad_palloc_array(uint32, (Size) f->ntrees + 1);
	}
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

	return (int16) ((int) Min(above, AD_FOREST_KEY_RANKS) + PG_INT16_MIN);
}

/*
 * Turn a row into keys, some columns in turn: a search is a chain of loads
 * that wait for each other.
 */
static inline void
find_keys(AdForest *f, const double *x)
{
	for (int first = 0; first < f->nkeys; first += AD_FOREST_SEARCHES)
	{
		const AdForestKey *k = f->keys + first;
		const double *at[AD_FOREST_SEARCHES];
		double		v[AD_FOREST_SEARCHES];

		for (int i = 0; i < AD_FOREST_SEARCHES; i++)
		{
			const AdRanks *r = &f->columns[k[i].column];

			v[i] = x[k[i].column];
			at[i] = r->values + r->bucket[ad_ranks_bucket(r, v[i])];
		}
		/* as many steps as the first needs: the others need no more */
		for (Size half = ((Size) 1 << f->columns[k[0].column].steps) / 2;
			 half > 0; half /= 2)
			for (int i = 0; i < AD_FOREST_SEARCHES; i++)
				at[i] += half & -(Size) (at[i][half - 1] < v[i]);
		for (int i = 0; i < AD_FOREST_SEARCHES; i++)
			f->key[first + i] =
				key_of(&k[i], (uint32) (at[i] - f->columns[k[i].column].values));
	}
}

/* The sum of a row's path lengths over an axis-parallel forest's blocks. */
static double
blocks_length(AdForest *f, const double *x)
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

/* Walk n trees from the first on as they are stored, and add their lengths. */
static pg_attribute_always_inline void
walk_compact(AdForest *f, const double *x, uint32 first, const int n,
			 double *lane)
{
	const AdForestTrees *t = &f->trees;
	uint32		node[COMPACT_TOGETHER];
	uint32		position[COMPACT_TOGETHER];
	uint32		steps[COMPACT_TOGETHER];

	for (int j = 0; j < n; j++)
	{
		node[j] = 2 * t->first[first + j] + first + j;
		position[j] = steps[j] = 0;
	}
	for (int d = 0; d < f->depth; d++)
		for (int j = 0; j < n; j++)
		{
			uint32		inner = ad_trees_is_inner(t, node[j]);
			uint32		k = ad_trees_inner_before(t, node[j]);

			/* of a leaf it is another node's threshold, and does not count */
			uint32		right = inner &
				(x[ad_trees_column(t, k)] > ad_trees_threshold(t, k));
			uint32		child = 2 * k + 1 + first + j + right;

			node[j] = inner ? child : node[j];
			position[j] = 2 * position[j] + right;
			steps[j] += inner;
		}
	for (int j = 0; j < n; j++)
	{
		uint32		leaf = node[j] - ad_trees_inner_before(t, node[j]);
		uint32		rows = ad_trees_rows(t, leaf);

		f->leaf[first + j] = position[j];
		lane[(first + j) % LANES] += steps[j] +
			(likely(rows < KNOWN_DEPTHS) ? known_depth[rows] :
			 ad_iforest_expected_depth(rows));
	}
}

/* The same as blocks_length(), bit by bit, of a forest as it is stored. */
static double
compact_length(AdForest *f, const double *x)
{
	double		lane[LANES] = {0};
	double		sum = 0;
	uint32		t = 0;

	for (; t + COMPACT_TOGETHER <= f->ntrees; t += COMPACT_TOGETHER)
		walk_compact(f, x, t, COMPACT_TOGETHER, lane);
	for (; t < f->ntrees; t++)
		walk_compact(f, x, t, 1, lane);
	for (int l = 0; l < LANES; l++)
		sum += lane[l];
	return sum;
}

/* The sum of a row's path lengths over an axis-parallel forest's trees. */
static double
axis_parallel_length(AdForest *f, const double *x)
{
	if (unlikely(f->stage == AD_FOREST_COMPACT) &&
		f->scored++ >= COMPACT_ROWS)
		ad_forest_make_blocks(f);
	return likely(f->stage == AD_FOREST_BLOCKS) ? blocks_length(f, x) :
		compact_length(f, x);
}

/* Prepare to score about so many rows. */
void
ad_iforest_expect(void *scorer, Size rows)
{
	AdForest   *f = scorer;

	if (!f->hyperplanes && f->stage == AD_FOREST_COMPACT &&
		rows >= COMPACT_ROWS)
		ad_forest_make_blocks(f);
}

/* The sum of a row's path lengths over an extended forest's trees. */
static double
extended_length(const AdForest *f, const double *x)
{
	double		sum = 0;

	if (f->walker && ad_forest_walk_row(f->walker, f, x, &sum))
		return sum;
	for (uint32 first = 0; first < f->ntrees; first += AD_FOREST_TOGETHER)
	{
		uint32		n = Min(f->ntrees - first, AD_FOREST_TOGETHER);
		double		length[AD_FOREST_TOGETHER];

		ad_forest_hyper_lengths(f, f->roots + first, n, x, length);
		for (uint32 t = 0; t < n; t++)
			sum += length[t];
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
