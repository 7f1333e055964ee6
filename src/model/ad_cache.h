/*-------------------------------------------------------------------------
 *
 * ad_cache.h
 *		Loaded models, and the hold of a call site on one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_CACHE_H
#define AD_CACHE_H

#include "model/ad_model.h"
#include "access/detoast.h"
#include "utils/hsearch.h"

extern int	ad_model_cache_size;	/* kB */
extern void ad_cache_init(void);

/*
 * What proves that a value in memory is the one that a call site was given
 * before, without reading all of it.  It depends on where the call's
 * argument comes from, which the caller knows.
 */
typedef enum AdTrust
{
	AD_TRUST_NONE,				/* nothing: it may be computed anew */
	AD_TRUST_ADDRESS,			/* its address: it cannot change while the
								 * call site lives */

	/*
	 * Its header: it comes straight from where models are made, whose digest
	 * is right.
	 */
	AD_TRUST_MADE,

	/*
	 * Its address and header, after a while.  Somebody may compute values
	 * into the same memory, but most likely it is one row that many are
	 * joined with.  So it is read whole for AD_HABIT_CALLS in a row, or as
	 * many as make AD_HABIT_BYTES; from then on so rarely that it makes a
	 * byte a call.
	 */
	AD_TRUST_HABIT
} AdTrust;

#define AD_HABIT_CALLS	1000
#define AD_HABIT_BYTES	(32 * 1024 * 1024)

/* One call site's hold on a model; zeroed at first. */
typedef struct AdModelRef
{
	AdModel    *model;			/* or NULL */
	AdCacheEntry *entry;
	struct varatt_external toast;	/* last value, if its id is valid */
	const struct varlena *at;	/* last value, if it was in memory */
	AdTrust		trust;			/* in one that is; the caller's */
	int64		due;			/* bytes to be read yet, see AD_TRUST_HABIT */
	HTAB	   *seen;			/* models given here, see AD_TRUST_MADE */
	MemoryContextCallback release;
	bool		registered;
} AdModelRef;

/*
 * A cached model, unless it has gone since: nothing holds it.  It is good for
 * as long as the process.
 */
typedef struct AdModelHandle
{
	AdCacheEntry *entry;		/* NULL: of none */
	uint64		serial;
} AdModelHandle;

extern AdModelHandle ad_model_handle(const AdModelRef *ref);
extern AdModel *ad_model_again(AdModelRef *ref, const AdModelHandle *handle);
extern void ad_cache_beside(Size bytes);

extern AdModel *ad_model_lookup(AdModelRef *ref, struct varlena *value,
								MemoryContext owner);

/* Return whether a plain value begins like a model, and is as long. */
static inline bool
ad_model_same_header(const struct varlena *value, const AdModel *m)
{
	uint64		a[AD_ENVELOPE_HEADER / sizeof(uint64)];
	uint64		b[AD_ENVELOPE_HEADER / sizeof(uint64)];
	uint64		differ = 0;

	if (!VARATT_IS_4B_U(value) || VARSIZE(value) - VARHDRSZ != m->bytes)
		return false;
	/* word by word: calling memcmp() would take longer than it */
	memcpy(a, VARDATA(value), sizeof(a));
	memcpy(b, m->header, sizeof(b));
	for (int i = 0; i < (int) lengthof(a); i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

/*
 * The model that a call site holds, if that is known to be the one of a value
 * at a glance; else NULL.  The fast path of every scoring call, in which
 * nearly all end.
 */
static inline AdModel *
ad_model_held(AdModelRef *ref, struct varlena *value)
{
	if (VARATT_IS_EXTERNAL_ONDISK(value))
	{
		struct varatt_external t;

		VARATT_EXTERNAL_GET_POINTER(t, value);
		if (t.va_valueid == ref->toast.va_valueid &&
			t.va_toastrelid == ref->toast.va_toastrelid)
			return ref->model;
	}
	else if (value == ref->at)
	{
		if (ref->trust == AD_TRUST_ADDRESS)
			return ref->model;
		if (ref->trust != AD_TRUST_NONE &&
			ad_model_same_header(value, ref->model))
		{
			if (ref->trust == AD_TRUST_MADE)
				return ref->model;
			if (ref->due < (int64) ref->model->bytes)
			{
				ref->due++;
				return ref->model;
			}
		}
	}
	return NULL;
}

/* The model of a value. */
static inline AdModel *
ad_model_get(AdModelRef *ref, struct varlena *value, MemoryContext owner)
{
	AdModel    *m = ad_model_held(ref, value);

	return likely(m != NULL) ? m : ad_model_lookup(ref, value, owner);
}

/* What the cache of this process holds, and what it did. */
typedef struct AdCacheCounts
{
	int			models;			/* loaded, held or not */
	Size		bytes;			/* of them that nobody holds, or kept anyway;
								 * and of what is known of entities */
	uint64		uses;			/* by call sites, of a model that none held */
	uint64		loads;			/* misses */
	uint64		hits;			/* call sites that found their model loaded */
	uint64		evictions;
} AdCacheCounts;

extern AdCacheCounts ad_cache_counts(void);

#endif							/* AD_CACHE_H */
