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
 * math/simd_forest.c walks: complete trees of one depth, interleaved.  A
 * value is compared by its rank among a column's thresholds, found through
 * a table of equal-width buckets and a search that takes the same number of
 * steps whatever the value, so that no branch is mispredicted.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "detectors/iforest.h"
#include "math/ad_math.h"


#define LANES				AD_FOREST_LANES
#define MAX_FOREST_SLOTS	((Size) 1 << 24)	/* leaves of all lanes */
#define TOGETHER			16	/* extended trees that are walked at once */
#define EULER				0.57721566490153286061

/* State of loading. */
typedef struct Loader
{
	AdReader   *r;
	AdForest   *f;
	Size		slots;			/* leaves a lane has */
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
	uint32		n = ad_rd_count(r, AD_FOREST_MAX_RANK, sizeof(double));
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

/*
 * Check a pre-order tree and place it into its lane: node at position "at"
 * of level "depth".  A leaf above the last level fills all slots below it.
 */
static void
place_tree(Loader *l, uint32 *nodes, uint16 *codes, int depth, Size at)
{
	AdForest   *f = l->f;
	uint32		node = ad_rd_u32(l->r);
	uint32		column = node & ((1 << AD_FOREST_SHIFT) - 1);

	if (node & AD_IFOREST_LEAF)
	{
		int			below = f->depth - depth;
		uint16		code;

		if ((node & ~AD_IFOREST_LEAF) > f->psi)
			ad_rd_corrupt(l->r, "a leaf has more rows than a subsample");
		code = length_code(l, depth, node & ~AD_IFOREST_LEAF);
		for (Size i = at << below; i < (at + 1) << below; i++)
			codes[i * LANES] = code;
		return;
	}
	if (depth == f->depth)
		ad_rd_corrupt(l->r, "a tree is too deep");
	if (column >= (uint32) f->cols)
		ad_rd_corrupt(l->r, "a node's column does not exist");
	if ((node >> AD_FOREST_SHIFT) >= f->columns[column].n)
		ad_rd_corrupt(l->r, "a node's threshold does not exist");
	f->ninner++;
	nodes[(((Size) 1 << depth) - 1 + at) * LANES] = node;
	place_tree(l, nodes, codes, depth + 1, 2 * at);
	place_tree(l, nodes, codes, depth + 1, 2 * at + 1);
}

/* Load the thresholds and trees of an axis-parallel forest. */
static void
load_axis_parallel(AdReader *r, AdForest *f)
{
	Loader		l;
	Size		stride;

	memset(&l, 0, sizeof(l));
	l.r = r;
	l.f = f;
	f->columns = ad_palloc0_array(AdRanks, f->cols);
	for (int c = 0; c < f->cols; c++)
	{
		CHECK_FOR_INTERRUPTS();
		load_column(r, &f->columns[c]);
	}

	l.slots = (Size) 1 << f->depth;
	f->groups = (int) ((f->ntrees + LANES - 1) / LANES);
	if ((Size) f->groups * LANES * l.slots > MAX_FOREST_SLOTS)
		ad_rd_corrupt(r, "its trees are too many for their depth");
	stride = (l.slots - 1) * LANES;
	f->nodes = ad_palloc0_array(uint32, ad_mul_size(f->groups, stride));
	f->codes = ad_palloc0_array(uint16, (Size) f->groups * LANES * l.slots);
	f->key = ad_palloc0_array(uint32, Max(f->cols, LANES));
	f->leaf = ad_palloc0_array(uint32, (Size) f->groups * LANES);

	/* code 0 is the length 0 of the lanes without a tree */
	l.code_of = ad_palloc0_array(uint16, ad_mul_size(f->depth + 1,
													 f->psi + 1));
	l.maxcodes = 512;
	f->lengths = ad_palloc_array(double, l.maxcodes);
	f->leaves = ad_palloc_array(AdForestLeaf, l.maxcodes);
	f->lengths[0] = 0;
	l.ncodes = 1;
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		Size		group = t / LANES;
		Size		lane = t % LANES;

		CHECK_FOR_INTERRUPTS();
		place_tree(&l, f->nodes + group * stride + lane,
				   f->codes + group * l.slots * LANES + lane, 0, 0);
	}
	ad_rd_end(r);
	pfree(l.code_of);
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

	/* a node is at least 6 bytes, a term 10 */
	f->hyper = ad_palloc_array(AdHyperNode, left / 6 + 1);
	f->terms = ad_palloc_array(AdHyperTerm, left / 10 + 1);
	f->roots = ad_palloc_array(uint32, f->ntrees);
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		f->roots[t] = load_hyper(r, f, 0);
	}
	ad_rd_end(r);
}

#ifdef USE_ASSERT_CHECKING
/* Check that walks end, and within the arrays. */
static void
check_forest(const AdForest *f)
{
	Size		slots = (Size) 1 << f->depth;
	Size		lanes = (Size) f->groups * LANES;

	Assert((f->groups > 0) == !f->hyperplanes);
	for (Size i = 0; !f->hyperplanes && i < lanes * (slots - 1); i++)
	{
		uint32		column = f->nodes[i] & ((1 << AD_FOREST_SHIFT) - 1);

		/* slots without a node have column and rank 0 */
		Assert(column < (uint32) f->cols);
		Assert(f->nodes[i] == 0 ||
			   f->nodes[i] >> AD_FOREST_SHIFT < f->columns[column].n);
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

/* The sum of a row's path lengths over an axis-parallel forest's trees. */
static double
axis_parallel_length(AdForest *f, const double *x)
{
	double		lane[LANES] = {0};
	double		sum = 0;
	Size		stride = (Size) LANES << f->depth;
	const uint16 *codes = f->codes;

	for (int c = 0; c < f->cols; c++)
	{
		const AdRanks *r = &f->columns[c];

		f->key[c] = ad_rank_from(r, r->bucket[ad_ranks_bucket(r, x[c])],
								 x[c]) << AD_FOREST_SHIFT;
	}
	ad_forest_walk(f->nodes, f->groups, f->depth, f->key, f->cols, f->leaf);
	for (int g = 0; g < f->groups; g++, codes += stride)
		for (int l = 0; l < LANES; l++)
			lane[l] += f->lengths[codes[f->leaf[g * LANES + l]]];
	for (int l = 0; l < LANES; l++)
		sum += lane[l];
	return sum;
}

/* The child of a node that a row goes to. */
static inline uint32
hyper_step(const AdForest *f, const AdHyperNode *node, uint32 at, const double *x)
{
	const AdHyperTerm *term = f->terms + node->first;
	double		dot = 0;

	for (uint32 i = 0; i < node->nterms; i++)
		dot += term[i].coefficient * x[term[i].column];
	/* infinities of both signs make NaN, which goes right */
	return dot <= node->threshold ? at + 1 : node->right;
}

/*
 * The same for an extended forest.  Several trees are walked together: a
 * walk is a chain of loads that wait for each other.
 */
static double
extended_length(const AdForest *f, const double *x)
{
	double		sum = 0;

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
					at[t] = hyper_step(f, node, at[t], x);
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
