/*-------------------------------------------------------------------------
 *
 * seen.c
 *		A set of versions of rows, in memory.
 *
 * Open addressing over entries that lie one behind the other in blocks of
 * their own, since nothing is taken out but all that lies below a place, for
 * which the set is made anew.  A key is kept as it is: two that only hash
 * alike are two, so no row is lost to a chance, nor to who looks for one.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_seen.h"

#include "common/hashfn.h"

#define FIRST_SLOTS		1024	/* a power of 2, as all sizes are */
#define BLOCK_BYTES		((Size) 256 * 1024)

typedef struct Entry
{
	int64		place;
	uint32		hash;
	int32		length;			/* of the key; -1: there is none */
	bool		has_place;
	char		key[FLEXIBLE_ARRAY_MEMBER];
} Entry;

struct AdSeen
{
	MemoryContext mcxt;			/* of all of it */
	Size		max_bytes;
	Size		bytes;			/* taken */
	Entry	  **slots;			/* NULL: free */
	uint32		nslots;
	int64		n;
	char	   *block;			/* where the next entry goes */
	Size		left;			/* bytes of it */
};

/* Raise an error if so many bytes more are too many. */
static void
charge(AdSeen *s, Size bytes)
{
	s->bytes = ad_add_size(s->bytes, bytes);
	if (s->bytes > s->max_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("versions that a job remembers need %zu MB, limit is %zu MB",
						ad_megabytes(s->bytes), ad_megabytes(s->max_bytes)),
				 errhint("Lower seen_limit or lag of the job.")));
}

/* Make room for so many slots, all free. */
static void
make_slots(AdSeen *s, uint32 n)
{
	charge(s, ad_mul_size(n, sizeof(Entry *)));
	s->nslots = n;
	s->slots = MemoryContextAllocExtended(s->mcxt, ad_mul_size(n, sizeof(Entry *)),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/*
 * Return an empty set, in a context of its own below the parent, that raises
 * an error before it takes more than so many bytes.
 */
AdSeen *
ad_seen_new(MemoryContext parent, Size max_bytes)
{
	MemoryContext mcxt = AllocSetContextCreate(parent, "anomaly versions seen",
											   ALLOCSET_DEFAULT_SIZES);
	AdSeen	   *s = MemoryContextAllocZero(mcxt, sizeof(AdSeen));

	s->mcxt = mcxt;
	s->max_bytes = max_bytes;
	make_slots(s, FIRST_SLOTS);
	return s;
}

void
ad_seen_free(AdSeen *s)
{
	MemoryContextDelete(s->mcxt);
}

/* The hash of a version. */
static uint32
hash_of(const AdVersion *v)
{
	uint32		h = v->key == NULL ? 1 :
		hash_bytes((const unsigned char *) v->key, v->length);

	return hash_combine(h, v->has_place ?
						hash_bytes((const unsigned char *) &v->place,
								   sizeof(v->place)) : 2);
}

/* Whether an entry is a version. */
static inline bool
same(const Entry *e, const AdVersion *v, uint32 hash)
{
	return e->hash == hash && e->has_place == v->has_place &&
		e->place == (v->has_place ? v->place : 0) &&
		e->length == (v->key == NULL ? -1 : v->length) &&
		(v->key == NULL || memcmp(e->key, v->key, v->length) == 0);
}

/* The slot that a version is in, or would be in. */
static Entry **
find(const AdSeen *s, const AdVersion *v, uint32 hash)
{
	uint32		i = hash & (s->nslots - 1);

	while (s->slots[i] != NULL && !same(s->slots[i], v, hash))
		i = (i + 1) & (s->nslots - 1);
	return &s->slots[i];
}

/* Whether a version is in the set. */
bool
ad_seen_has(const AdSeen *s, const AdVersion *v)
{
	return *find(s, v, hash_of(v)) != NULL;
}

/* Twice as many slots. */
static void
grow(AdSeen *s)
{
	Entry	  **old = s->slots;
	uint32		n = s->nslots;

	make_slots(s, n * 2);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		k;

		AD_CHECK_EVERY_1024(i);
		if (old[i] == NULL)
			continue;
		k = old[i]->hash & (s->nslots - 1);
		while (s->slots[k] != NULL)
			k = (k + 1) & (s->nslots - 1);
		s->slots[k] = old[i];
	}
	pfree(old);
	s->bytes -= ad_mul_size(n, sizeof(Entry *));
}

/* Add a version, whose key is copied; false if it is there. */
bool
ad_seen_add(AdSeen *s, const AdVersion *v)
{
	uint32		hash = hash_of(v);
	Size		key_bytes = v->key == NULL ? 0 : (Size) v->length;
	Size		size = MAXALIGN(offsetof(Entry, key) + key_bytes);
	Entry	   *e;

	if (*find(s, v, hash) != NULL)
		return false;
	if (s->n * 10 >= (int64) s->nslots * 7)
		grow(s);
	if (size > s->left)
	{
		Size		block = Max(BLOCK_BYTES, size);

		charge(s, block);
		s->block = MemoryContextAlloc(s->mcxt, block);
		s->left = block;
	}
	e = (Entry *) s->block;
	s->block += size;
	s->left -= size;
	e->place = v->has_place ? v->place : 0;
	e->has_place = v->has_place;
	e->hash = hash;
	e->length = v->key == NULL ? -1 : v->length;
	if (key_bytes > 0)
		memcpy(e->key, v->key, key_bytes);
	*find(s, v, hash) = e;
	s->n++;
	return true;
}

/* The same set without what lies below a place; the old one is freed. */
AdSeen *
ad_seen_above(AdSeen *s, int64 place)
{
	AdSeen	   *kept = ad_seen_new(MemoryContextGetParent(s->mcxt), s->max_bytes);

	for (uint32 i = 0; i < s->nslots; i++)
	{
		const Entry *e = s->slots[i];
		AdVersion	v;

		AD_CHECK_EVERY_1024(i);
		if (e == NULL || (e->has_place && e->place < place))
			continue;
		v.key = e->length < 0 ? NULL : e->key;
		v.length = e->length;
		v.has_place = e->has_place;
		v.place = e->place;
		(void) ad_seen_add(kept, &v);
	}
	ad_seen_free(s);
	return kept;
}

/* How many versions there are. */
int64
ad_seen_count(const AdSeen *s)
{
	return s->n;
}

/* How many lie below a place. */
int64
ad_seen_below(const AdSeen *s, int64 place)
{
	int64		n = 0;

	for (uint32 i = 0; i < s->nslots; i++)
		if (s->slots[i] != NULL && s->slots[i]->has_place &&
			s->slots[i]->place < place)
			n++;
	return n;
}

static int
compare_places(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * The least place from which on there are at most so many versions, but none
 * above the greatest place: what stands there cannot be told apart by places.
 */
int64
ad_seen_bound(const AdSeen *s, int64 keep)
{
	int64	   *places;
	int64		n = 0;
	int64		at;
	int64		bound;

	if (s->n <= keep)
		return PG_INT64_MIN;
	places = MemoryContextAllocHuge(CurrentMemoryContext,
									ad_mul_size((Size) s->n, sizeof(int64)));
	for (uint32 i = 0; i < s->nslots; i++)
		if (s->slots[i] != NULL && s->slots[i]->has_place)
			places[n++] = s->slots[i]->place;
	if (n <= keep)
	{
		pfree(places);
		return PG_INT64_MIN;
	}
	qsort(places, n, sizeof(int64), compare_places);
	/* those that are equal to it would be cut in two */
	for (at = n - keep; at < n && places[at] == places[at - 1]; at++)
		;
	bound = at < n ? places[at] : places[n - 1];
	pfree(places);
	return bound;
}
