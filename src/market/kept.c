/*-------------------------------------------------------------------------
 *
 * kept.c
 *		The set Z of the anchored rule: placements of one side that were
 *		cancelled in time and belong to no sequence yet.
 *
 * The rule asks for the newest placement of Z, for how many of Z lie at or
 * after a position, and for the latest cancel among those; it takes that
 * suffix out.  Placements enter in the order of their cancels, which is not
 * their own order.  A bitmap over the ring of live events, with counts and
 * latest cancels for blocks of 64, 4,096 ... positions, answers each of
 * these in a few dozen steps however many placements are live, and in one
 * or two words when there are few.
 *
 * Blocks are aligned to positions, and the ring is kept so full at most
 * that no block holds both its oldest and its newest events
 * (ad_kept_block).  A block's latest cancel may be that of a placement
 * which has expired since: such a cancel is too old to matter, because the
 * horizon is longer than the window it is compared with.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_kept.h"

#include "port/pg_bitutils.h"

#define LEVEL_SHIFT(level)	(6 * ((level) + 1))

/* How many block levels a ring of this capacity uses: 4 blocks at least. */
static int
levels_for(uint32 capacity)
{
	int			n = 1;

	while (n < AD_KEPT_LEVELS && (capacity >> LEVEL_SHIFT(n)) >= 4)
		n++;
	return n;
}

/* The largest block of a ring with this capacity (256 or more), in slots. */
uint32
ad_kept_block(uint32 capacity)
{
	return (uint32) 1 << LEVEL_SHIFT(levels_for(capacity) - 1);
}

/* Empty the set and make room for a ring of capacity slots. */
void
ad_kept_reset(AdKept *k, MemoryContext mcxt, uint32 capacity)
{
	if (k->bits)
	{
		pfree(k->bits);
		for (int l = 0; l < k->nlevels; l++)
		{
			pfree(k->count[l]);
			pfree(k->newest[l]);
		}
	}
	memset(k, 0, sizeof(AdKept));
	k->mask = capacity - 1;
	k->nlevels = levels_for(capacity);
	k->bits = MemoryContextAllocExtended(mcxt, capacity / 8,
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int l = 0; l < k->nlevels; l++)
	{
		Size		blocks = capacity >> LEVEL_SHIFT(l);

		k->count[l] = MemoryContextAllocExtended(mcxt, blocks * sizeof(uint32),
												 MCXT_ALLOC_HUGE |
												 MCXT_ALLOC_ZERO);
		k->newest[l] = MemoryContextAllocExtended(mcxt, blocks * sizeof(int64),
												  MCXT_ALLOC_HUGE |
												  MCXT_ALLOC_ZERO);
	}
}

/* Add a placement; cancel times never decrease between calls. */
void
ad_kept_insert(AdKept *k, uint32 pos, int64 cancel_ts)
{
	uint32		slot = pos & k->mask;

	k->bits[slot >> 6] |= UINT64CONST(1) << (slot & 63);
	for (int l = 0; l < k->nlevels; l++)
	{
		uint32		b = slot >> LEVEL_SHIFT(l);

		k->count[l][b]++;
		k->newest[l][b] = cancel_ts;
	}
	if (k->total == 0 || pos > k->top)
		k->top = pos;
	if (k->total++ == 0 || pos < k->bottom)
		k->bottom = pos;
}

/* Whether a live position is in the set. */
bool
ad_kept_has(const AdKept *k, uint32 pos)
{
	uint32		slot = pos & k->mask;

	return (k->bits[slot >> 6] >> (slot & 63)) & 1;
}

/*
 * Take out a position.  After a call other than for the oldest live
 * position, ad_kept_settle() must follow.
 */
void
ad_kept_remove(AdKept *k, uint32 pos)
{
	uint32		slot = pos & k->mask;

	k->bits[slot >> 6] &= ~(UINT64CONST(1) << (slot & 63));
	for (int l = 0; l < k->nlevels; l++)
		k->count[l][slot >> LEVEL_SHIFT(l)]--;
	k->total--;
}

/* The oldest live position expires. */
void
ad_kept_remove_front(AdKept *k, uint32 pos)
{
	if (ad_kept_has(k, pos))
		ad_kept_remove(k, pos);
}

/*
 * The lowest kept position at or after pos; AD_NO_POSITION if there is
 * none.  Empty blocks are stepped over.
 */
uint32
ad_kept_next(const AdKept *k, uint32 pos)
{
	if (k->total == 0)
		return AD_NO_POSITION;
	while (pos <= k->top)
	{
		uint32		slot = pos & k->mask;
		uint64		word = k->bits[slot >> 6] >> (slot & 63);
		int			level = 0;

		if (word != 0)
			return pos + (uint32) pg_rightmost_one_pos64(word);

		/* step over the largest empty block that starts where this ends */
		pos = (pos | 63) + 1;
		while (level + 1 < k->nlevels &&
			   (pos & (((uint32) 1 << LEVEL_SHIFT(level + 1)) - 1)) == 0)
			level++;
		while (pos <= k->top)
		{
			while (level > 0 &&
				   k->count[level][(pos & k->mask) >> LEVEL_SHIFT(level)] > 0)
				level--;
			if (k->count[level][(pos & k->mask) >> LEVEL_SHIFT(level)] > 0)
				break;
			pos += (uint32) 1 << LEVEL_SHIFT(level);
			while (level + 1 < k->nlevels &&
				   (pos & (((uint32) 1 << LEVEL_SHIFT(level + 1)) - 1)) == 0)
				level++;
		}
	}
	return AD_NO_POSITION;
}

/*
 * How many kept placements lie at or after lo, and their latest cancel (or
 * one that is too old to matter).  *newest is PG_INT64_MIN if there are
 * none.
 */
uint32
ad_kept_count(const AdKept *k, const AdTape *tape, uint32 lo, int64 *newest)
{
	uint32		n = 0;
	uint32		pos = lo;

	*newest = PG_INT64_MIN;
	if (k->total == 0)
		return 0;
	while (pos <= k->top)
	{
		uint32		slot = pos & k->mask;
		int			level = -1;
		uint32		b;

		while (level + 1 < k->nlevels &&
			   (pos & (((uint32) 1 << LEVEL_SHIFT(level + 1)) - 1)) == 0)
			level++;
		if (level < 0)
		{
			/* the rest of a word */
			uint64		word = k->bits[slot >> 6] >> (slot & 63);

			while (word != 0)
			{
				int			bit = pg_rightmost_one_pos64(word);
				const AdEvent *e = AD_AT(tape, pos + bit);

				*newest = Max(*newest, AD_AT(tape, e->link)->ts);
				n++;
				word &= word - 1;
			}
			pos = (pos | 63) + 1;
			continue;
		}

		/* nothing is kept above top, so a block that reaches past it is whole */
		b = slot >> LEVEL_SHIFT(level);
		if (k->count[level][b] > 0)
		{
			n += k->count[level][b];
			*newest = Max(*newest, k->newest[level][b]);
		}
		pos += (uint32) 1 << LEVEL_SHIFT(level);
	}
	return n;
}

/* The highest kept position below pos; the set is not empty there. */
static uint32
previous(const AdKept *k, uint32 pos)
{
	for (;;)
	{
		uint32		slot;
		uint64		word;
		int			level = k->nlevels - 1;

		/* step over empty blocks that end just below pos */
		while (level >= 0)
		{
			uint32		size = (uint32) 1 << LEVEL_SHIFT(level);

			if ((pos & (size - 1)) == 0 && pos >= size &&
				k->count[level][((pos - size) & k->mask) >> LEVEL_SHIFT(level)] == 0)
			{
				pos -= size;
				level = k->nlevels - 1;
				continue;
			}
			level--;
		}

		/* look at the word that holds pos - 1 */
		slot = (pos - 1) & k->mask;
		word = k->bits[slot >> 6] << (63 - (slot & 63));
		if (word != 0)
			return pos - 1 - (63 - (uint32) pg_leftmost_one_pos64(word));
		pos = (pos - 1) & ~(uint32) 63;
	}
}

/* Every kept placement at or after lo has been taken out. */
void
ad_kept_settle(AdKept *k, const AdTape *tape, uint32 lo)
{
	uint32		slot = lo & k->mask;

	if (k->total == 0)
		return;

	/* the blocks that lo splits keep something older: look again */
	for (int l = 0; l < k->nlevels; l++)
	{
		uint32		b = slot >> LEVEL_SHIFT(l);
		int64		newest = PG_INT64_MIN;

		if (k->count[l][b] == 0)
			continue;
		if (l == 0)
		{
			uint64		word = k->bits[b];
			uint32		base = lo & ~(uint32) 63;

			while (word != 0)
			{
				int			bit = pg_rightmost_one_pos64(word);
				const AdEvent *e = AD_AT(tape, base + bit);

				newest = Max(newest, AD_AT(tape, e->link)->ts);
				word &= word - 1;
			}
		}
		else
			for (uint32 i = b << 6; i < (b + 1) << 6; i++)
				if (k->count[l - 1][i] > 0)
					newest = Max(newest, k->newest[l - 1][i]);
		k->newest[l][b] = newest;
	}
	k->top = previous(k, lo);
}
