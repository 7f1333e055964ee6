/*-------------------------------------------------------------------------
 *
 * dict.c
 *		The distinct values of a categorical feature.
 *
 * An open-addressing hash over strings in an arena.  Codes are handed out
 * in order of arrival, so they depend on the plan; they are made canonical
 * only when a view is taken (view.c).
 *
 * Values come from whoever writes the rows, so the hash is seeded at random
 * in each process: with a known seed, 60,000 strings made to collide took 8 s
 * instead of 0.2.  Codes go by arrival, so no result depends on the seed.
 *
 *-------------------------------------------------------------------------
 */
#include "sketch/ad_sketch.h"

#define INITIAL_SLOTS	16

/* The hash of a value; this process's own. */
static inline uint64
hash_value(const char *s, int len)
{
	static uint64 seed = 0;

	if (unlikely(seed == 0) && !pg_strong_random(&seed, sizeof(seed)))
		elog(ERROR, "could not generate a random number");
	return ad_hash64(s, len, seed);
}

/* An empty dictionary; memory comes with the first value. */
void
ad_dict_init(AdDict *d)
{
	memset(d, 0, sizeof(*d));
}

static void
rebuild_slots(AdDict *d, uint32 nslots)
{
	if (d->slots)
		pfree(d->slots);
	d->slots = ad_palloc0_array(uint32, nslots);
	d->nslots = nslots;
	for (uint32 i = 0; i < d->n; i++)
	{
		uint32		at = (uint32) d->entries[i].hash & (nslots - 1);

		while (d->slots[at] != 0)
			at = (at + 1) & (nslots - 1);
		d->slots[at] = i + 1;
	}
}

/* The code of a value, or -1 if the dictionary has none. */
int64
ad_dict_find(const AdDict *d, const char *s, int len)
{
	uint64		hash;
	uint32		at;

	if (d->nslots == 0)
		return -1;
	hash = hash_value(s, len);
	at = (uint32) hash & (d->nslots - 1);
	while (d->slots[at] != 0)
	{
		const AdDictEntry *e = &d->entries[d->slots[at] - 1];

		if (e->hash == hash && e->len == len &&
			memcmp(d->arena + e->at, s, len) == 0)
			return d->slots[at] - 1;
		at = (at + 1) & (d->nslots - 1);
	}
	return -1;
}

/*
 * The code of a value, added with count 0 if it is new.  Memory is taken
 * from the current context.
 */
uint32
ad_dict_code(AdDict *d, const char *s, int len)
{
	int64		found = ad_dict_find(d, s, len);
	uint64		hash;
	uint32		at;
	AdDictEntry *e;

	if (found >= 0)
		return (uint32) found;

	if (d->n >= PG_INT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many distinct values in a categorical feature")));
	if (d->n == d->capacity)
	{
		uint32		capacity = d->capacity == 0 ? 8 : d->capacity * 2;

		d->entries = d->capacity == 0 ? ad_palloc_array(AdDictEntry, capacity) :
			ad_repalloc_array(d->entries, AdDictEntry, capacity);
		d->capacity = capacity;
	}
	/* also for an empty string, so that no entry points into nothing */
	if (d->arena_capacity == 0 || d->arena_len + len > d->arena_capacity)
	{
		Size		capacity = Max(d->arena_capacity * 2, d->arena_len + len + 64);

		d->arena = d->arena_capacity == 0 ? ad_palloc_array(char, capacity) :
			ad_repalloc_array(d->arena, char, capacity);
		d->arena_capacity = capacity;
	}
	hash = hash_value(s, len);
	e = &d->entries[d->n++];
	e->hash = hash;
	e->count = 0;
	e->at = d->arena_len;
	e->len = len;
	memcpy(d->arena + d->arena_len, s, len);
	d->arena_len += len;

	if (d->n * 2 > d->nslots)
		rebuild_slots(d, d->nslots == 0 ? INITIAL_SLOTS : d->nslots * 2);
	else
	{
		at = (uint32) hash & (d->nslots - 1);
		while (d->slots[at] != 0)
			at = (at + 1) & (d->nslots - 1);
		d->slots[at] = d->n;
	}
	return d->n - 1;
}

/*
 * Drop the entries whose keep[] is false; recode[old] becomes the new code
 * of those that stay.
 */
void
ad_dict_keep(AdDict *d, const bool *keep, uint32 *recode)
{
	uint32		n = 0;
	Size		len = 0;

	for (uint32 i = 0; i < d->n; i++)
	{
		AdDictEntry e = d->entries[i];

		if (!keep[i])
			continue;
		recode[i] = n;
		memmove(d->arena + len, d->arena + e.at, e.len);
		e.at = len;
		len += e.len;
		d->entries[n++] = e;
	}
	d->n = n;
	d->arena_len = len;
	if (d->nslots > 0)
		rebuild_slots(d, d->nslots);
}
