/*-------------------------------------------------------------------------
 *
 * rows.c
 *		What becomes of a row before the rules see it.
 *
 * With option dedup a row is dropped if an earlier one of the same time agrees
 * with it in every field; so only the rows of one time are remembered.  An
 * amendment that counts is two events in its place, with its row number: the
 * cancel of all that is open, and a placement.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "market/ad_rows.h"

#define FIRST_SLOTS		64

/* Nothing is remembered yet; with owns_ids, ids are copied. */
void
ad_dedup_init(AdDedup *d, MemoryContext mcxt, uint64 seed, bool owns_ids)
{
	memset(d, 0, sizeof(AdDedup));
	d->mcxt = mcxt;
	d->seed = seed;
	if (owns_ids)
		d->ids = AllocSetContextCreate(mcxt, "anomaly duplicates",
									   ALLOCSET_SMALL_SIZES);
}

static Size
ids_length(const AdEvent *e)
{
	return (Size) e->idlen + e->newlen + e->evlen;
}

static uint32
row_hash(const AdDedup *d, const AdEvent *e)
{
	uint64		h = ad_mix64(ad_price_bits(e->price) ^ d->seed);
	Size		n = ids_length(e);

	h = ad_mix64(h ^ (uint64) e->qty);
	h ^= (uint64) e->kind | (uint64) e->side << 3 | (uint64) e->scale << 4 |
		(uint64) (e->flags & AD_EVENT_NO_QTY) << 10 |
		(uint64) e->idlen << 16 | (uint64) e->newlen << 24 |
		(uint64) e->evlen << 32;
	h = ad_mix64(h);
	for (Size i = 0; i < n; i += 8)
	{
		uint64		bits = 0;

		memcpy(&bits, e->id + i, Min(n - i, 8));
		h = ad_mix64(h ^ bits);
	}
	return (uint32) (h >> 32);
}

/* Whether two rows of the same time agree in every field. */
static bool
same_row(const AdEvent *a, const AdEvent *b)
{
	return a->kind == b->kind && a->side == b->side &&
		ad_price_bits(a->price) == ad_price_bits(b->price) &&
		a->qty == b->qty && a->scale == b->scale &&
		(a->flags & AD_EVENT_NO_QTY) == (b->flags & AD_EVENT_NO_QTY) &&
		a->idlen == b->idlen && a->newlen == b->newlen &&
		a->evlen == b->evlen &&
		(ids_length(a) == 0 || memcmp(a->id, b->id, ids_length(a)) == 0);
}

/* The slot of a row that is not there yet, or of one that agrees with it. */
static uint32 *
find_slot(const AdDedup *d, const AdEvent *e)
{
	uint32		i = row_hash(d, e) & (d->nslots - 1);

	while (d->slots[i] != 0 && !same_row(&d->rows[d->slots[i] - 1], e))
		i = (i + 1) & (d->nslots - 1);
	return &d->slots[i];
}

/* Room for another row. */
static void
grow(AdDedup *d)
{
	CHECK_FOR_INTERRUPTS();
	if (d->slots)
		pfree(d->slots);
	d->nslots = Max(FIRST_SLOTS, d->nslots * 2);
	d->slots = MemoryContextAllocExtended(d->mcxt,
										  ad_mul_size(d->nslots, sizeof(uint32)),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (d->rows)
		d->rows = repalloc_huge(d->rows, ad_mul_size(d->nslots / 2,
													 sizeof(AdEvent)));
	else
		d->rows = MemoryContextAlloc(d->mcxt,
									 d->nslots / 2 * sizeof(AdEvent));
	for (uint32 i = 0; i < d->n; i++)
		*find_slot(d, &d->rows[i]) = i + 1;
}

/* Forget the rows of the time before. */
static void
forget(AdDedup *d)
{
	if (d->n > 0 && d->n < d->nslots / 16)
		for (uint32 i = d->n; i-- > 0;)
			*find_slot(d, &d->rows[i]) = 0;
	else if (d->n > 0)
		memset(d->slots, 0, d->nslots * sizeof(uint32));
	d->n = 0;
	if (d->ids)
		MemoryContextReset(d->ids);
}

/* Whether a row is a duplicate of one that was asked for before. */
bool
ad_dedup_seen(AdDedup *d, const AdEvent *e)
{
	uint32	   *slot;
	AdEvent    *row;

	if (d->n > 0 && d->rows[0].ts != e->ts)
		forget(d);
	if (d->n * 2 >= d->nslots)
		grow(d);
	slot = find_slot(d, e);
	if (*slot != 0)
		return true;
	row = &d->rows[d->n++];
	*slot = d->n;
	*row = *e;
	if (d->ids && ids_length(e) > 0)
	{
		char	   *copy = MemoryContextAlloc(d->ids, ids_length(e));

		memcpy(copy, e->id, ids_length(e));
		row->id = copy;
	}
	return false;
}

/*
 * An amendment that counts as the two events that it is.  The ids stay where
 * they are.
 */
void
ad_row_halves(const AdEvent *row, AdEvent out[2])
{
	out[0] = out[1] = *row;
	out[0].kind = AD_EVENT_CANCEL;
	out[0].price = (double) NAN;
	out[0].qty = 0;
	out[0].scale = 0;
	out[0].part = 0;
	out[0].flags = row->idlen > 0 ? AD_EVENT_NO_QTY : 0;
	out[0].newlen = out[0].evlen = 0;
	out[1].kind = AD_EVENT_ORDER;
	if (row->newlen > 0)
	{
		out[1].id += row->idlen;
		out[1].idlen = row->newlen;
	}
	out[1].newlen = out[1].evlen = 0;
}

/*
 * The events of rows: those given, if nothing is to be done, or a new array in
 * a context.  Times must not decrease; *n becomes the number of events.
 */
AdEvent *
ad_rows_events(MemoryContext mcxt, AdEvent *rows, uint32 *n, bool dedup,
			   bool split, uint64 seed)
{
	uint32		more = 0;
	AdEvent    *events;
	AdDedup		seen;
	uint32		k = 0;

	for (uint32 i = 0; i < *n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (i > 0 && rows[i].ts < rows[i - 1].ts)
			ad_tape_unordered(i);
		more += split && rows[i].kind == AD_EVENT_REPLACE;
	}
	if (!dedup && more == 0)
		return rows;
	if (*n > AD_MAX_POSITIONS - more)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition can have at most %u events",
						AD_MAX_POSITIONS)));
	events = more == 0 ? rows :
		MemoryContextAllocHuge(mcxt, ad_mul_size((Size) *n + more,
												 sizeof(AdEvent)));
	ad_dedup_init(&seen, mcxt, seed, false);
	for (uint32 i = 0; i < *n; i++)
	{
		bool		alone = (i == 0 || rows[i - 1].ts != rows[i].ts) &&
			(i + 1 == *n || rows[i + 1].ts != rows[i].ts);

		AD_CHECK_EVERY_1024(i);
		if (dedup && !alone && ad_dedup_seen(&seen, &rows[i]))
			continue;
		if (split && rows[i].kind == AD_EVENT_REPLACE)
		{
			ad_row_halves(&rows[i], &events[k]);
			k += 2;
		}
		else
			events[k++] = rows[i];
	}
	if (seen.rows)
	{
		pfree(seen.rows);
		pfree(seen.slots);
	}
	*n = k;
	return events;
}
