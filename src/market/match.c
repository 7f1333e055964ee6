/*-------------------------------------------------------------------------
 *
 * match.c
 *		Cancels find the placements they end, first in, first out.
 *
 * Two events belong to the same queue if both have the same order id, or
 * neither has one and side, price and quantity agree.  A cancel takes the
 * oldest open placement of its queue.  Keys are compared in full, so the
 * hash only decides about speed; its seed is the caller's, so that order
 * ids cannot be made to collide.
 *
 * A queue is a chain of positions through AdEvent.link.  An entry is freed
 * as soon as its queue is empty: a partition whose orders come and go keeps
 * a table that fits the cache.  When the tape is a ring, a placement that
 * leaves it while open is only counted in its entry (ad_match_expire): the
 * next cancel of the key still has to consume it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "market/ad_match.h"

#define FIRST_ENTRIES	64
#define INLINE_ID		16
#define PREFETCH_BUCKETS 8192	/* smaller tables are in the cache anyway */

#ifdef __GNUC__
#define PREFETCH(p)		__builtin_prefetch(p)
#else
#define PREFETCH(p)		((void) (p))
#endif

struct AdMatchEntry
{
	uint64		hash;
	union
	{
		struct
		{
			double		price;
			int64		qty;
		}			order;		/* idlen = 0 */
		char		inline_id[INLINE_ID];	/* idlen <= INLINE_ID */
		const char *id;
	}			key;
	int64		last;			/* time of the newest placement */
	uint32		head;			/* oldest open placement on the tape */
	uint32		tail;			/* newest */
	uint32		expired;		/* open placements that left the tape */
	uint32		chain;			/* next entry of the bucket or free list */
	uint8		idlen;
	uint8		side;			/* idlen = 0 */
	uint8		scale;			/* idlen = 0 */
	bool		used;
};

/* Prepare an empty table in a context. */
void
ad_match_init(AdMatcher *m, MemoryContext mcxt, uint64 seed, bool owns_ids,
			  int64 forget, uint32 max_entries)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);

	memset(m, 0, sizeof(AdMatcher));
	m->mcxt = mcxt;
	m->seed = seed;
	m->owns_ids = owns_ids;
	m->forget = forget;
	m->max_entries = max_entries;
	m->capacity = FIRST_ENTRIES;
	m->entries = ad_palloc_array(AdMatchEntry, m->capacity);
	m->free = AD_NO_POSITION;
	m->nbuckets = FIRST_ENTRIES * 2;
	m->buckets = ad_palloc_array(uint32, m->nbuckets);
	memset(m->buckets, 0xff, m->nbuckets * sizeof(uint32));
	m->sweep_at = 1024;
	MemoryContextSwitchTo(old);
}

/*
 * The hash of an event's key.  Ids go through a mixer that is keyed and not
 * linear, eight bytes at a time in the machine's own order: hashes never
 * leave the process.
 */
static inline uint64
event_hash(const AdMatcher *m, const AdEvent *e)
{
	uint64		bits;

	if (e->idlen > 0)
	{
		const char *p = e->id;
		unsigned int left = e->idlen;
		uint64		h = m->seed ^ ((uint64) left << 56);

		for (; left > 8; left -= 8, p += 8)
		{
			memcpy(&bits, p, 8);
			h = ad_mix64(h ^ bits);
		}
		bits = 0;
		if (left == 8)
			memcpy(&bits, p, 8);
		else
			for (unsigned int i = 0; i < left; i++)
				bits |= (uint64) (unsigned char) p[i] << (8 * i);
		return ad_mix64(h ^ bits);
	}
	memcpy(&bits, &e->price, sizeof(bits));
	return ad_mix64(ad_mix64(bits ^ m->seed) ^ (uint64) e->qty ^
					((uint64) e->side << 63) ^ ((uint64) e->scale << 57));
}

static const char *
entry_id(const AdMatchEntry *k)
{
	return k->idlen <= INLINE_ID ? k->key.inline_id : k->key.id;
}

static bool
same_key(const AdMatchEntry *k, const AdEvent *e)
{
	if (k->idlen != e->idlen)
		return false;
	if (e->idlen > 0)
		return memcmp(entry_id(k), e->id, e->idlen) == 0;
	return k->key.order.price == e->price && k->key.order.qty == e->qty &&
		k->side == e->side && k->scale == e->scale;
}

/* The entry of an event's key, or AD_NO_POSITION. */
static uint32
find_entry(const AdMatcher *m, const AdEvent *e, uint64 hash)
{
	uint32		i = m->buckets[hash & (m->nbuckets - 1)];

	while (i != AD_NO_POSITION)
	{
		const AdMatchEntry *k = &m->entries[i];

		if (k->hash == hash && same_key(k, e))
			return i;
		i = k->chain;
	}
	return AD_NO_POSITION;
}

/* Take an entry out of its bucket and free it. */
static void
free_entry(AdMatcher *m, uint32 index)
{
	AdMatchEntry *k = &m->entries[index];
	uint32	   *at = &m->buckets[k->hash & (m->nbuckets - 1)];

	while (*at != index)
		at = &m->entries[*at].chain;
	*at = k->chain;
	if (m->owns_ids && k->idlen > INLINE_ID)
		pfree(unconstify(char *, k->key.id));
	k->used = false;
	k->chain = m->free;
	m->free = index;
	m->live--;
}

/* Free keys that nothing on the tape uses and that are idle too long. */
static void
sweep(AdMatcher *m, int64 now)
{
	for (uint32 i = 0; i < m->nentries; i++)
	{
		AdMatchEntry *k = &m->entries[i];

		if (k->used && k->head == AD_NO_POSITION &&
			ad_time_add(k->last, m->forget) < now)
			free_entry(m, i);
		AD_CHECK_EVERY_1024(i);
	}
	m->sweep_at = Max(1024, m->live * 2);
}

static void
grow_buckets(AdMatcher *m)
{
	pfree(m->buckets);
	m->nbuckets *= 2;
	m->buckets = MemoryContextAllocHuge(m->mcxt,
										ad_mul_size(m->nbuckets,
													sizeof(uint32)));
	memset(m->buckets, 0xff, (Size) m->nbuckets * sizeof(uint32));
	for (uint32 i = 0; i < m->nentries; i++)
	{
		AdMatchEntry *k = &m->entries[i];
		uint32	   *b;

		if (!k->used)
			continue;
		b = &m->buckets[k->hash & (m->nbuckets - 1)];
		k->chain = *b;
		*b = i;
	}
}

/* A new entry for an event's key, with an empty queue. */
static uint32
add_entry(AdMatcher *m, const AdEvent *e, uint64 hash)
{
	uint32		index;
	uint32	   *b;
	AdMatchEntry *k;

	if (m->forget > 0 && m->live >= m->sweep_at)
		sweep(m, e->ts);
	if (m->free != AD_NO_POSITION)
	{
		index = m->free;
		m->free = m->entries[index].chain;
	}
	else
	{
		if (m->nentries >= m->max_entries)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("a partition has more than %u open orders",
							m->max_entries),
					 errhint("Raise option \"max_partition_rows\", or set option \"forget_after\".")));
		if (m->nentries == m->capacity)
		{
			m->capacity *= 2;
			m->entries = repalloc_huge(m->entries,
									   ad_mul_size(m->capacity,
												   sizeof(AdMatchEntry)));
		}
		index = m->nentries++;
	}
	m->live++;
	k = &m->entries[index];
	k->used = true;
	k->hash = hash;
	k->idlen = e->idlen;
	k->side = e->side;
	k->scale = e->scale;
	if (e->idlen == 0)
	{
		k->key.order.price = e->price;
		k->key.order.qty = e->qty;
	}
	else if (e->idlen <= INLINE_ID)
		memcpy(k->key.inline_id, e->id, e->idlen);
	else if (m->owns_ids)
	{
		char	   *copy = MemoryContextAlloc(m->mcxt, e->idlen);

		memcpy(copy, e->id, e->idlen);
		k->key.id = copy;
	}
	else
		k->key.id = e->id;
	k->head = k->tail = AD_NO_POSITION;
	k->expired = 0;
	if (m->live > m->nbuckets)
	{
		k->used = false;		/* not in a chain yet */
		grow_buckets(m);
		k->used = true;
	}
	b = &m->buckets[hash & (m->nbuckets - 1)];
	k->chain = *b;
	*b = index;
	return index;
}

/* Open the placement at a position. */
void
ad_match_order(AdMatcher *m, AdTape *tape, uint32 pos)
{
	AdEvent    *e = AD_AT(tape, pos);
	uint64		hash = event_hash(m, e);
	uint32		index = find_entry(m, e, hash);
	AdMatchEntry *k;

	if (index == AD_NO_POSITION)
		index = add_entry(m, e, hash);
	k = &m->entries[index];
	if (m->forget > 0 && k->expired > 0 && k->head == AD_NO_POSITION &&
		ad_time_add(k->last, m->forget) < e->ts)
		k->expired = 0;
	e->entry = index;
	e->link = AD_NO_POSITION;
	if (k->head == AD_NO_POSITION)
		k->head = pos;
	else
		AD_AT(tape, k->tail)->link = pos;
	k->tail = pos;
	k->last = e->ts;
}

/* Take the oldest placement on the tape out of an entry's queue. */
static uint32
pop_head(AdTape *tape, AdMatchEntry *k)
{
	uint32		pos = k->head;

	k->head = AD_AT(tape, pos)->link;
	if (k->head == AD_NO_POSITION)
		k->tail = AD_NO_POSITION;
	return pos;
}

/*
 * Match the cancel at a position: the placement's position, or
 * AD_NO_POSITION if no placement is open or the one it ends has left the
 * tape.  Both events of a pair get each other's position.
 */
uint32
ad_match_cancel(AdMatcher *m, AdTape *tape, uint32 pos)
{
	AdEvent    *e = AD_AT(tape, pos);
	uint32		index = find_entry(m, e, event_hash(m, e));
	uint32		placed = AD_NO_POSITION;
	AdMatchEntry *k;

	e->link = AD_NO_POSITION;
	if (index == AD_NO_POSITION)
		return AD_NO_POSITION;
	k = &m->entries[index];
	if (m->forget > 0 && k->expired > 0 && k->head == AD_NO_POSITION &&
		ad_time_add(k->last, m->forget) < e->ts)
		k->expired = 0;
	else if (k->expired > 0)
		k->expired--;
	else
	{
		AdEvent    *p;

		placed = pop_head(tape, k);
		p = AD_AT(tape, placed);
		p->link = pos;
		p->flags |= AD_EVENT_MATCHED;
		e->link = placed;
		e->flags |= AD_EVENT_MATCHED;
	}
	if (k->head == AD_NO_POSITION && k->expired == 0)
		free_entry(m, index);
	return placed;
}

/* The placement at the tape's head leaves it: if open, it is only counted. */
void
ad_match_expire(AdMatcher *m, AdTape *tape, uint32 pos)
{
	AdEvent    *e = AD_AT(tape, pos);
	AdMatchEntry *k;

	if (e->kind != AD_EVENT_ORDER || (e->flags & AD_EVENT_MATCHED))
		return;
	k = &m->entries[e->entry];
	Assert(k->head == pos);
	(void) pop_head(tape, k);
	k->expired++;
}

/*
 * Open a placement that left the tape before; key has its key, and for
 * option forget_after the time of the key's newest placement.
 */
void
ad_match_restore(AdMatcher *m, const AdEvent *key, uint32 count)
{
	uint64		hash = event_hash(m, key);
	uint32		index = find_entry(m, key, hash);
	AdMatchEntry *k;

	if (index == AD_NO_POSITION)
	{
		index = add_entry(m, key, hash);
		m->entries[index].last = key->ts;
	}
	k = &m->entries[index];
	if (k->expired > PG_UINT32_MAX - count)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many open orders of a key")));
	k->expired += count;
}

/*
 * The next key, from entry *index on, that has open placements which left
 * the tape: how many; 0 at the end.  key is filled as ad_match_restore()
 * takes it; its id is the entry's.
 */
uint32
ad_match_next_expired(const AdMatcher *m, uint32 *index, AdEvent *key)
{
	for (; *index < m->nentries; (*index)++)
	{
		const AdMatchEntry *k = &m->entries[*index];

		AD_CHECK_EVERY_1024(*index);
		if (!k->used || k->expired == 0)
			continue;
		memset(key, 0, sizeof(AdEvent));
		key->ts = k->last;
		key->idlen = k->idlen;
		if (k->idlen > 0)
			key->id = entry_id(k);
		else
		{
			key->price = k->key.order.price;
			key->qty = k->key.order.qty;
			key->side = k->side;
			key->scale = k->scale;
		}
		(*index)++;
		return k->expired;
	}
	return 0;
}

/*
 * Bring what matching an event will touch into the cache, in three steps
 * to be called ever nearer to the event: its bucket, the entry, the oldest
 * placement.  Between the steps the hash is kept in e->link.  A hint only:
 * what it reads may be out of date, and a small table is left alone.
 */
void
ad_match_prefetch(const AdMatcher *m, const AdTape *tape, AdEvent *e,
				  int step)
{
	uint32		i;

	if (m->nbuckets < PREFETCH_BUCKETS || e->kind == AD_EVENT_TRADE)
		return;
	if (step == 0)
	{
		e->link = (uint32) event_hash(m, e);
		PREFETCH(&m->buckets[e->link & (m->nbuckets - 1)]);
		return;
	}
	i = m->buckets[e->link & (m->nbuckets - 1)];
	if (i == AD_NO_POSITION)
		return;
	if (step == 1)
		PREFETCH(&m->entries[i]);
	else if (m->entries[i].head != AD_NO_POSITION)
		PREFETCH(AD_AT(tape, m->entries[i].head));
}

/* Match every cancel of an array of events. */
void
ad_match_all(AdTape *tape, uint64 seed, uint32 max_entries)
{
	AdMatcher	m;
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly order matching",
											   ALLOCSET_DEFAULT_SIZES);

	ad_match_init(&m, mcxt, seed, false, 0, max_entries);
	for (uint32 pos = tape->head; pos < tape->end; pos++)
	{
		AdEvent    *e = AD_AT(tape, pos);

		AD_CHECK_EVERY_1024(pos);
		AD_MATCH_PREFETCH(&m, tape, tape->events, pos, tape->end);
		if (e->kind == AD_EVENT_ORDER)
			ad_match_order(&m, tape, pos);
		else if (e->kind == AD_EVENT_CANCEL)
			(void) ad_match_cancel(&m, tape, pos);
	}
	MemoryContextDelete(mcxt);
}
