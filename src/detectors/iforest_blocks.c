/*-------------------------------------------------------------------------
 *
 * iforest_blocks.c
 *		Axis-parallel forests that score many rows, as complete trees.
 *
 * This turns the trees as they are stored (iforest_trees.c) into the form that
 * math/simd_forest.c walks: complete trees of one depth, in blocks.  It takes
 * as long as scoring some 50 rows without, and several times the memory, so
 * that a forest that scores few rows has none.
 *
 * A value is compared by its rank among a column's thresholds, found through
 * a table of equal-width buckets and a search that takes the same number of
 * steps whatever the value, so that no branch is mispredicted.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/iforest.h"
#include "math/ad_math.h"

/* State of making blocks. */
typedef struct Maker
{
	AdForest   *f;
	uint32	   *rank;			/* per inner node: of its threshold */
	uint32	   *first_key;		/* of each column */
	uint16	   *code_of;		/* (depth, rows) -> code, or 0 */
	uint32		ncodes;
	uint32		maxcodes;		/* lengths allocated */
	uint32	   *position;		/* of a level's nodes: where in it */
	uint32	   *inner;			/* the same of its inner nodes */
	uint32	   *leaf;			/* and of its leaves */
} Maker;

/*
 * The code of a leaf's path length, or 0 if they are more than there are
 * codes, as only forged trees have.
 */
static uint16
length_code(Maker *l, int depth, uint32 rows)
{
	uint16	   *code = &l->code_of[(Size) depth * (l->f->psi + 1) + rows];

	/* 0: there is none yet */
	if (*code == 0)
	{
		if (l->ncodes > PG_UINT16_MAX)
			return 0;
		if (l->ncodes == l->maxcodes)
		{
			l->maxcodes *= 2;
			l->f->lengths = ad_repalloc_array(l->f->lengths, double,
											  l->maxcodes);
		}
		l->f->lengths[l->ncodes] = depth + ad_iforest_expected_depth(rows);
		*code = (uint16) l->ncodes++;
	}
	return *code;
}

/*
 * Find the thresholds of each column, and the rank of each node's among them.
 */
static void
rank_thresholds(Maker *l)
{
	AdForest   *f = l->f;
	const AdForestTrees *t = &f->trees;
	uint32	   *end = ad_palloc0_array(uint32, (Size) f->cols + 1);
	double	   *value = ad_palloc_array(double, t->ninner);
	uint32	   *node = ad_palloc_array(uint32, t->ninner);
	uint64	   *scratch = ad_palloc_array(uint64, ad_mul_size(t->ninner, 2));

	/* column by column */
	for (uint32 n = 0; n < t->ninner; n++)
		end[ad_trees_column(t, n) + 1]++;
	for (int c = 0; c < f->cols; c++)
		end[c + 1] += end[c];
	for (uint32 n = 0; n < t->ninner; n++)
	{
		uint32		at = end[ad_trees_column(t, n)]++;

		value[at] = ad_trees_threshold(t, n);
		node[at] = n;
	}
	l->rank = ad_palloc_array(uint32, t->ninner);
	for (int c = 0; c < f->cols; c++)
	{
		uint32		first = c == 0 ? 0 : end[c - 1];
		uint32		n = end[c] - first;
		double	   *v = value + first;
		double	   *distinct = ad_palloc_array(double, n);
		uint32		ndistinct = 0;

		ad_sort_with(v, node + first, n, scratch);
		for (uint32 i = 0; i < n; i++)
		{
			/* this one's place, and the next's if it differs */
			distinct[ndistinct] = v[i];
			l->rank[node[first + i]] = ndistinct;
			ndistinct += i + 1 < n && v[i + 1] != v[i];
		}
		ad_ranks_build(&f->columns[c], distinct, n == 0 ? 0 : ndistinct + 1);
	}
	pfree(scratch);
	pfree(end);
	pfree(value);
	pfree(node);
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
make_keys(Maker *l)
{
	AdForest   *f = l->f;
	int			n = 0;

	for (int c = 0; c < f->cols; c++)
		f->nkeys += Max((f->columns[c].n + AD_FOREST_KEY_RANKS - 1) / AD_FOREST_KEY_RANKS, 1);
	f->keys = ad_palloc_array(AdForestKey, f->nkeys + AD_FOREST_SEARCHES);
	for (int c = 0; c < f->cols; c++)
		for (uint32 first = 0; first == 0 || first < f->columns[c].n;
			 first += AD_FOREST_KEY_RANKS)
		{
			f->keys[n].column = c;
			f->keys[n++].first = first;
		}
	qsort_arg(f->keys, n, sizeof(AdForestKey), compare_steps, f->columns);
	for (int i = n; i < n + AD_FOREST_SEARCHES; i++)
		f->keys[i] = f->keys[n - 1];
	for (int i = 0; i < n; i++)
		ad_ranks_widen(&f->columns[f->keys[i].column],
					   f->columns[f->keys[i / AD_FOREST_SEARCHES * AD_FOREST_SEARCHES].column].steps);

	/* the keys of a column are still side by side */
	l->first_key = ad_palloc_array(uint32, f->cols);
	for (int i = n - 1; i >= 0; i--)
		l->first_key[f->keys[i].column] = i;
	f->width = n <= 16 ? AD_FOREST_16 : n <= 32 ? AD_FOREST_32 :
		n <= 64 ? AD_FOREST_64 : AD_FOREST_WIDE;
	f->key = ad_palloc0_array(int16, Max(n, 64) + AD_FOREST_SEARCHES);
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

/* Where the nodes of a level of a tree are. */
typedef struct Level
{
	AdForestBlock *blocks;
	int			within;			/* level of a block */
} Level;

/* Find a level of a tree. */
static Level
find_level(const AdForest *f, Size tree, int depth)
{
	Level		l = {.blocks = f->blocks};
	int			filled = (f->depth - 1) % AD_FOREST_LEVELS + 1;
	Size		fan = 1;
	int			level = depth + AD_FOREST_LEVELS - filled;

	for (int above = level / AD_FOREST_LEVELS; above > 0; above--)
	{
		l.blocks += f->walked * fan;
		fan = fan == 1 ? (Size) 1 << filled : fan * AD_FOREST_CHILDREN;
	}
	l.blocks += tree * fan;
	l.within = level % AD_FOREST_LEVELS;
	return l;
}

/* Where the node at a position of a level is, and which of its block. */
static inline AdForestBlock *
find_node(const Level *l, uint32 position, int *at)
{
	*at = (1 << l->within) - 1 + (int) (position & ((1U << l->within) - 1));
	return l->blocks + (position >> l->within);
}

/* Place the n-th inner node. */
static inline void
place_node(const Maker *l, uint32 n, const Level *level, uint32 position)
{
	const AdForest *f = l->f;
	uint32		column = ad_trees_column(&f->trees, n);
	uint32		rank = l->rank[n];
	int			at;
	AdForestBlock *b = find_node(level, position, &at);

	column = l->first_key[column] + rank / AD_FOREST_KEY_RANKS;
	b->threshold[at] = (int16) ((int) (rank % AD_FOREST_KEY_RANKS) + PG_INT16_MIN);
	b->column[at] = (uint16) (f->width == AD_FOREST_WIDE ? column :
							  column + ((column + 128) << 8));
}

/* Place a leaf: above the last level it fills all slots below it. */
static inline bool
place_leaf(Maker *l, uint16 *codes, uint32 leaf, int depth, uint32 position)
{
	int			below = l->f->depth - depth;
	uint16		code = length_code(l, depth, ad_trees_rows(&l->f->trees, leaf));

	for (Size i = (Size) position << below;
		 i < ((Size) position + 1) << below; i++)
		codes[i] = code;
	return code != 0;
}

/* Place a tree level by level.  Returns false if there are too many lengths. */
static bool
place_tree(Maker *l, uint32 tree)
{
	AdForest   *f = l->f;
	const AdForestTrees *t = &f->trees;
	uint16	   *codes = f->codes + ((Size) tree << f->depth);
	uint32		n = t->first[tree];
	uint32		node = 2 * n + tree;
	uint32		nodes = 1;		/* of the level */

	l->position[0] = 0;
	for (int depth = 0; nodes > 0; depth++)
	{
		Level		level = find_level(f, tree, depth);
		uint32		leaf = node - n;
		uint32		ninner = 0;
		uint32		nleaves = 0;

		/* free of branches: nobody can tell which nodes are leaves */
		for (uint32 i = 0; i < nodes; i++, node++)
		{
			uint32		is_inner = ad_trees_is_inner(t, node);

			l->inner[ninner] = l->leaf[nleaves] = l->position[i];
			ninner += is_inner;
			nleaves += 1 - is_inner;
		}
		for (uint32 i = 0; i < nleaves; i++)
			if (!place_leaf(l, codes, leaf + i, depth, l->leaf[i]))
				return false;
		for (uint32 i = 0; i < ninner; i++)
		{
			place_node(l, n++, &level, l->inner[i]);
			l->position[2 * i] = 2 * l->inner[i];
			l->position[2 * i + 1] = 2 * l->inner[i] + 1;
		}
		nodes = 2 * ninner;
	}
	return true;
}

/* Make the blocks, in the current context; false: they cannot be made. */
static bool
make(Maker *l)
{
	AdForest   *f = l->f;
	uint32		largest = 0;

	f->nkeys = 0;
	f->columns = ad_palloc0_array(AdRanks, f->cols);
	rank_thresholds(l);
	CHECK_FOR_INTERRUPTS();
	make_keys(l);
	make_blocks(f);
	f->codes = ad_palloc_array(uint16, (Size) f->ntrees << f->depth);
	l->code_of = ad_palloc0_array(uint16, ad_mul_size(f->depth + 1,
													  f->psi + 1));
	l->maxcodes = 512;
	f->lengths = ad_palloc_array(double, l->maxcodes);
	/* code 0 is that of no leaf */
	f->lengths[0] = 0;
	l->ncodes = 1;
	for (uint32 t = 0; t < f->ntrees; t++)
		largest = Max(largest, f->trees.first[t + 1] - f->trees.first[t]);
	l->position = ad_palloc_array(uint32, 2 * (Size) largest + 1);
	l->inner = ad_palloc_array(uint32, 2 * (Size) largest + 1);
	l->leaf = ad_palloc_array(uint32, 2 * (Size) largest + 1);
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!place_tree(l, t))
			return false;
	}
	pfree(l->position);
	pfree(l->inner);
	pfree(l->leaf);
	pfree(l->code_of);
	pfree(l->first_key);
	pfree(l->rank);
	return true;
}

#ifdef USE_ASSERT_CHECKING
/* Check that walks end within the arrays. */
static void
check_blocks(const AdForest *f)
{
	Level		level = find_level(f, f->walked - 1, f->depth - 1);
	Size		last;
	int			at;

	/* the last node of the last level is in the last block */
	last = find_node(&level, (1U << (f->depth - 1)) - 1, &at) - f->blocks;
	Assert(at < AD_FOREST_CHILDREN - 1);
	for (Size i = 0; i <= last; i++)
		for (int n = 0; n < AD_FOREST_CHILDREN; n++)
		{
			uint32		column = f->blocks[i].column[n];

			if (f->width != AD_FOREST_WIDE)
				column &= 0xff;
			Assert(column < (uint32) f->nkeys);
			Assert(n < AD_FOREST_CHILDREN - 1 ||
				   f->blocks[i].threshold[n] == AD_FOREST_LEFT);
		}
}

#define AssertBlocks(f)	check_blocks(f)
#else
#define AssertBlocks(f)	((void) true)
#endif

/*
 * Make the blocks of an axis-parallel forest, in a context below its own;
 * f->stage says whether there are any.
 */
void
ad_forest_make_blocks(AdForest *f)
{
	MemoryContext old;
	Maker		l = {.f = f};

	/* what an error left goes */
	if (f->mcxt)
		MemoryContextReset(f->mcxt);
	else
		f->mcxt = AllocSetContextCreate(GetMemoryChunkContext(f),
										"anomaly forest blocks",
										ALLOCSET_DEFAULT_SIZES);
	ad_forest_begin();
	old = MemoryContextSwitchTo(f->mcxt);
	if (make(&l))
	{
		AssertBlocks(f);
		f->stage = AD_FOREST_BLOCKS;
	}
	else
	{
		MemoryContextReset(f->mcxt);
		f->stage = AD_FOREST_NO_BLOCKS;
	}
	MemoryContextSwitchTo(old);
	ad_scorer_grew = true;
}
