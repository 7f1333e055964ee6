/*-------------------------------------------------------------------------
 *
 * walk_kernels.c
 *		The kernels that walk forests, search draws and train layers, without
 *		a server.
 *
 * Walks random forests with every kind of instructions that the processor
 * has, compares the leaves with those of a plain walk, does the same with the
 * distances to the nearest rows of draws and with what a layer is trained and
 * scored by, and prints a sum of all, and of many powers of two.  test/aarch64.sh compares what builds for two kinds of
 * processors print.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "math/ad_dense.h"

#undef printf				/* the C library's: no server is linked */

#define MAX_TREES	130
#define MAX_BLOCKS	(MAX_TREES * 300)
#define ROWS		40

static uint64 state;
static uint64 sum;
static int	wrong;

static AdForestBlock blocks[MAX_BLOCKS] pg_attribute_aligned(64);
static AdHyperBlock hyper[MAX_BLOCKS] pg_attribute_aligned(128);

static uint32
draw(uint32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32) (state >> 32) % n;
}

static void
add(uint64 v)
{
	sum = (sum ^ v) * UINT64CONST(0x100000001b3);
}

/* The levels to try: those that the processor has. */
static bool
has(AdSimdLevel level)
{
#ifdef AD_HAVE_X86
	__builtin_cpu_init();
	if (level == AD_SIMD_AVX2)
		return __builtin_cpu_supports("avx2");
	if (level == AD_SIMD_AVX512)
		return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
			__builtin_cpu_supports("avx512dq");
#endif
#ifdef AD_HAVE_NEON
	if (level == AD_SIMD_NEON)
		return true;
#endif
	return level == AD_SIMD_SCALAR;
}

/* The leaf of one tree, one node after the other. */
static uint32
plain(int trees, int t, int depth, const int16 *key, bool narrow)
{
	const AdForestBlock *first = blocks;
	uint32		fan = 1;
	uint32		at = 0;

	for (int left = depth; left > 0; left -= AD_FOREST_LEVELS)
	{
		const AdForestBlock *b = &first[t * fan + at];
		uint32		node = 0;

		for (int s = 0; s < AD_FOREST_LEVELS; s++)
		{
			uint32		column = narrow ? b->column[node] & 0xff : b->column[node];

			node = 2 * node + 1 + (key[column] > b->threshold[node]);
		}
		at = at * 16 + node - 15;
		first += trees * fan;
		fan = fan == 1 ? (uint32) 1 << ((depth - 1) % 4 + 1) : fan * 16;
	}
	return at;
}

/* Fill a block's nodes; those at the top of a first block that is not full lead left. */
static void
fill(AdForestBlock *b, int columns, int empty)
{
	for (int i = 0; i < 16; i++)
	{
		uint32		c = draw(columns);

		b->threshold[i] = (int16) (draw(65535) - 32768);
		if (draw(9) == 0)
			b->threshold[i] = AD_FOREST_LEFT;
		b->column[i] = columns > 64 ? c : c + ((c + 128) << 8);
	}
	b->threshold[15] = AD_FOREST_LEFT;
	for (int s = 0; s < empty; s++)
		b->threshold[(1 << s) - 1] = AD_FOREST_LEFT;
}

static void
try_forest(int trees, int depth, int columns)
{
	int16		key[256];
	uint32		leaf[MAX_TREES];
	int			n = trees;
	int			width = columns <= 16 ? AD_FOREST_16 : columns <= 32 ? AD_FOREST_32 :
		columns <= 64 ? AD_FOREST_64 : AD_FOREST_WIDE;
	int			fan = 1 << ((depth - 1) % 4 + 1);

	for (int left = depth - 4; left > 0; left -= 4, fan *= 16)
		n += trees * fan;
	for (int i = 0; i < n; i++)
		fill(&blocks[i], columns, i < trees ? 3 - (depth - 1) % 4 : 0);
	for (int row = 0; row < ROWS; row++)
	{
		for (int i = 0; i < 256; i++)
			key[i] = (int16) ((draw(7) > 0 ? draw(65536) : draw(2) ? 65535 : 0) -
							  32768);
		for (int level = AD_SIMD_SCALAR; level <= AD_SIMD_AVX512; level++)
		{
			if (!has(level))
				continue;
			ad_forest_choose(level);
			ad_forest_walk[width] (blocks, trees, depth, key, leaf);
			for (int t = 0; t < trees; t++)
				wrong += leaf[t] != plain(trees, t, depth, key, columns <= 64);
		}
		for (int t = 0; t < trees; t++)
			add(leaf[t]);
	}
}

/*
 * A way to a block of a tree that comes after another, or to a leaf.  Every
 * third block is a whole one, the next is two halves, the next four quarters.
 */
static uint32
way_after(uint32 first, uint32 i, uint32 per_tree)
{
	uint32		below = i + 1 + draw(per_tree);
	uint32		entry = below % 3 == 0 ? 0 : below % 3 == 1 ? 1 + draw(2) : 3 + draw(4);

	return below < per_tree ? (first + below) | entry << AD_HYPER_ENTRY_SHIFT :
		AD_HYPER_LEAF | draw(1000);
}

/*
 * Block i of a tree.  Numbers are multiples of 1/512, so that sums are exact,
 * but for thresholds, so that none is 0.
 */
static void
fill_hyper(AdHyperBlock *b, uint32 first, uint32 i, uint32 per_tree, int columns)
{
	uint32		empty = i % 3 == 2 ? 3 : i % 3;

	for (uint32 s = 0; s < AD_HYPER_LANES; s++)
	{
		uint32		pivot = draw(columns);
		uint32		other = draw(columns);

		b->ratio[s] = ((int) draw(1025) - 512) / 512.0f;
		b->threshold[s] = s < empty ? 1e30f :
			((int) draw(2049) - 1024) / 512.0f + 0x1p-19f;
		b->columns[s] = pivot | other << 16 | (pivot & 8) << 28 | (other & 8) << 12;
		b->way[s] = way_after(first, i, per_tree);
	}
	/* so near that every split of the block is, or none */
	b->threshold[7] = 1e30f;
	b->ratio[7] = draw(40) == 0 ? 100 : 0;
	b->columns[7] = 0;
}

static void
try_hyper(int trees, uint32 per_tree, int columns)
{
	float		y[256];
	uint32		roots[MAX_TREES + AD_HYPER_TOGETHER];
	uint32		leaf[MAX_TREES + AD_HYPER_TOGETHER];
	uint32		expected[MAX_TREES];
	uint32		idle = trees * per_tree;
	int			width = columns <= 8 ? AD_HYPER_8 : columns <= 16 ? AD_HYPER_16 :
		AD_HYPER_WIDE;

	for (uint32 t = 0; t < (uint32) trees; t++)
	{
		roots[t] = t * per_tree;
		for (uint32 i = 0; i < per_tree; i++)
			fill_hyper(&hyper[t * per_tree + i], t * per_tree, i, per_tree, columns);
	}
	fill_hyper(&hyper[idle], 0, 0, 1, columns);
	hyper[idle].ratio[7] = 0;
	for (int s = 0; s < AD_HYPER_LANES; s++)
	{
		hyper[idle].threshold[s] = 1e30f;
		hyper[idle].way[s] = idle;
	}
	for (int i = 0; i < AD_HYPER_TOGETHER; i++)
		roots[trees + i] = idle;
	for (int row = 0; row < ROWS; row++)
	{
		for (int i = 0; i < 256; i++)
			y[i] = ((int) draw(2049) - 1024) / 512.0f;
		for (int level = AD_SIMD_SCALAR; level <= AD_SIMD_AVX512; level++)
		{
			if (!has(level))
				continue;
			ad_hyper_choose(level);
			ad_hyper_walk[width] (hyper, roots, trees, y, 1e-9f, leaf);
			if (level == AD_SIMD_SCALAR)
				memcpy(expected, leaf, trees * sizeof(uint32));
			for (int t = 0; t < trees; t++)
				wrong += leaf[t] != expected[t];
		}
		for (int t = 0; t < trees; t++)
			add(leaf[t]);
	}
}

/* The nearest rows of a block of draws, and the ones after them. */
static void
try_draws(int rows, int columns)
{
	static float numbers[64 * 64 * AD_DRAW_LANES];
	int			tiles = (rows + AD_DRAW_TILE - 1) / AD_DRAW_TILE;
	float		q[64];
	float		nearest[2][AD_DRAW_LANES];
	float		next[2][AD_DRAW_LANES];

	for (int i = 0; i < tiles * AD_DRAW_TILE * columns * AD_DRAW_LANES; i++)
		numbers[i] = i / AD_DRAW_LANES % AD_DRAW_TILE +
			i / (AD_DRAW_LANES * AD_DRAW_TILE * columns) * AD_DRAW_TILE < rows ?
			((int) draw(2001) - 1000) / 999.7f : INFINITY;
	for (int row = 0; row < ROWS; row++)
	{
		for (int c = 0; c < columns; c++)
			q[c] = row % 2 ? numbers[c * AD_DRAW_TILE * AD_DRAW_LANES] :
				((int) draw(40001) - 20000) / 9999.7f;
		for (int level = AD_SIMD_SCALAR; level <= AD_SIMD_AVX512; level++)
		{
			int			out = level != AD_SIMD_SCALAR;

			if (!has(level))
				continue;
			ad_draws_choose(level);
			ad_draw_kernel(numbers, tiles, columns, q, nearest[out], next[out]);
			wrong += memcmp(nearest[0], nearest[out], sizeof(nearest[0])) != 0;
			wrong += memcmp(next[0], next[out], sizeof(next[0])) != 0;
		}
		for (int l = 0; l < AD_DRAW_LANES; l++)
		{
			uint32		bits[2];

			memcpy(&bits[0], &nearest[0][l], sizeof(uint32));
			memcpy(&bits[1], &next[0][l], sizeof(uint32));
			add(bits[0]);
			add(bits[1]);
		}
	}
}

/* Bits of floats, for the sum. */
static void
add_floats(const float *v, Size n)
{
	for (Size i = 0; i < n; i++)
	{
		uint32		bits;

		memcpy(&bits, &v[i], sizeof(bits));
		add(bits);
	}
}

/* A number about 0, of either sign. */
static float
number(float scale)
{
	return ((int) draw(200001) - 100000) / 99991.3f * scale;
}

/* Product, tangent, step and outputs of a layer, by every level. */
static void
try_layer(int rows, int inputs, int outputs)
{
	static float a[64 * 80], b[80 * 80], c[2][64 * 80], p[3][4][80 * 80];
	static double w[80 * 80], bias[80], x[80], y[2][80];
	int			width = AD_PAD_DENSE(outputs);
	Size		n = inputs * width;
	AdAdam		adam = {.rate = 0.001f,.epsilon = 1e-8f};
	AdDenseMap	map = {.inputs = inputs,.outputs = outputs,.width = width,.w = w,.bias = bias};

	for (int i = 0; i < rows * inputs; i++)
		a[i] = number(5);
	for (Size i = 0; i < n; i++)
	{
		w[i] = b[i] = number(1);
		p[2][0][i] = number(1);
		p[2][1][i] = number(1e-3f);
		p[2][2][i] = draw(3) ? number(1e-3f) : number(1e-32f);
		p[2][3][i] = draw(3) ? fabsf(number(1e-6f)) : 0;
	}
	for (int i = 0; i < width; i++)
		bias[i] = number(1);
	for (int i = 0; i < inputs; i++)
		x[i] = number(20);
	map.activation = (AdActivation) draw(3);
	for (int level = AD_SIMD_SCALAR; level <= AD_SIMD_AVX512; level++)
	{
		int			out = level != AD_SIMD_SCALAR;
		AdParameters parameters = {n, p[out][0], p[out][1], p[out][2], p[out][3]};

		if (!has(level))
			continue;
		ad_dense_choose(level);
		memset(c[out], 0, sizeof(c[out]));
		ad_dense_kernels->multiply(a, inputs, 1, b, width, c[out], width, rows, inputs, width);
		ad_dense_kernels->tanh(c[out], rows * width);
		memcpy(p[out], p[2], sizeof(p[2]));
		ad_dense_kernels->adam(&parameters, &adam);
		map.y = y[out];
		ad_dense_kernels->apply(&map, x);
		wrong += memcmp(c[0], c[out], sizeof(c[0])) != 0;
		wrong += memcmp(y[0], y[out], width * sizeof(double)) != 0;
		wrong += memcmp(p[0], p[out], sizeof(p[0])) != 0;
	}
	add_floats(c[0], rows * width);
	add_floats(p[0][0], n);
	add_floats((float *) y[0], 2 * width);
}

int
main(int argc, char **argv)
{
	state = argc > 1 ? strtoull(argv[1], NULL, 10) | 1 : 1;
	ad_forest_begin();
	for (int depth = 1; depth <= 12; depth++)
		for (int columns = 1; columns < 150; columns += columns < 20 ? 5 : 31)
			try_forest(depth > 8 ? 2 : 2 + 2 * (int) draw(50), depth, columns);
	for (int columns = 1; columns < 60; columns += 7)
	{
		/* arguments are evaluated in any order */
		int			trees = 1 + (int) draw(MAX_TREES);

		try_hyper(trees, 1 + draw(60), columns);
	}
	for (int rows = 1; rows <= 64; rows += 7)
		try_draws(rows, 1 + (int) draw(64));
	for (int i = 0; i < 200; i++)
	{
		int			rows = 1 + (int) draw(64);
		int			inputs = 1 + (int) draw(80);

		try_layer(rows, inputs, 1 + (int) draw(80));
	}
	for (int i = 0; i < 1000000; i++)
	{
		double		p = ad_exp2(i % 2 ? -(double) draw(1000003) / 1000003 :
								(draw(2400001) - 1200000.0) / 1000);
		uint64		bits;

		memcpy(&bits, &p, sizeof(bits));
		add(bits);
	}
	printf("%016llx, %d wrong\n", (unsigned long long) sum, wrong);
	return wrong != 0;
}
