/*-------------------------------------------------------------------------
 *
 * cache.c
 *		Loaded models, kept across calls and queries.
 *
 * A call site holds one model (AdModelRef).  Behind it stands a cache of
 * the backend, found by the digest in a model's header, which loading
 * verified.  Least recently used models go when the cache passes
 * anomaly.model_cache_size; a model that a call site holds is never freed,
 * so a query may exceed the limit by the models it is using right now (one
 * a call site).
 *
 * A stored model is recognised by its toast pointer before it is detoasted:
 * toast pointer -> digest -> model, two hash look-ups.  A toast value's id
 * could be used again for another value once the first is dead and the OID
 * counter has wrapped, so once per client statement the header (64 bytes)
 * is fetched and compared with that of the loaded model.  Within a statement a snapshot keeps
 * the value alive.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"

#include <limits.h>

#include "access/detoast.h"
#include "access/xact.h"
#include "lib/ilist.h"
#include "utils/guc.h"
#include "utils/hsearch.h"

#define MAX_TOAST_POINTERS	65536	/* remembered; then all are forgotten */
#define DIGEST_AT			32		/* in the envelope's header */

struct AdCacheEntry
{
	uint8		digest[AD_DIGEST_LENGTH];	/* hash key */
	AdModel    *model;
	Size		size;			/* memory */
	int			pins;			/* call sites that hold it */
	dlist_node	lru;			/* most recently used first */
};

typedef struct ToastKey
{
	Oid			rel;
	Oid			value;
} ToastKey;

typedef struct ToastEntry
{
	ToastKey	key;			/* hash key */
	uint8		digest[AD_DIGEST_LENGTH];
	TimestampTz verified;		/* start of the statement that checked it */
} ToastEntry;

int			ad_model_cache_size = 65536;	/* kB */

static MemoryContext cache_context = NULL;
static HTAB *by_digest = NULL;
static HTAB *by_toast = NULL;
static dlist_head lru = DLIST_STATIC_INIT(lru);
static Size total = 0;

/* Define the settings of the room. */
void
ad_cache_init(void)
{
	DefineCustomIntVariable("anomaly.model_cache_size",
							"Sets the memory that loaded models may occupy in a backend.",
							"Models in use by a running query are kept beyond it.",
							&ad_model_cache_size,
							65536, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
}

/* The two hash tables, made when first used. */
static void
create_tables(void)
{
	HASHCTL		ctl;

	if (by_digest && by_toast)
		return;
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext,
											  "anomaly model cache",
											  ALLOCSET_DEFAULT_SIZES);
	memset(&ctl, 0, sizeof(ctl));
	ctl.hcxt = cache_context;
	if (by_toast == NULL)
	{
		ctl.keysize = sizeof(ToastKey);
		ctl.entrysize = sizeof(ToastEntry);
		by_toast = hash_create("anomaly model toast pointers", 64, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	if (by_digest == NULL)
	{
		ctl.keysize = AD_DIGEST_LENGTH;
		ctl.entrysize = sizeof(AdCacheEntry);
		by_digest = hash_create("anomaly models", 64, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
}

/* Free unpinned models, oldest first, until the cache fits. */
static void
evict(void)
{
	Size		limit = (Size) ad_model_cache_size * 1024;

	if (total <= limit || dlist_is_empty(&lru))
		return;
	for (dlist_node *n = lru.head.prev; n != &lru.head && total > limit;)
	{
		AdCacheEntry *e = dlist_container(AdCacheEntry, lru, n);

		n = n->prev;
		if (e->pins > 0)
			continue;
		dlist_delete(&e->lru);
		total -= e->size;
		MemoryContextDelete(e->model->mcxt);
		hash_search(by_digest, e->digest, HASH_REMOVE, NULL);
	}
}

/* Let go of the model a call site holds. */
static void
release(void *arg)
{
	AdModelRef *ref = arg;

	if (ref->entry)
	{
		ref->entry->pins--;
		ref->entry = NULL;
		ref->model = NULL;
		evict();
	}
}

/* The header of a model's value, whatever form the value is in. */
static bool
read_header(struct varlena *value, uint8 *header)
{
	struct varlena *slice;

	if (!VARATT_IS_EXTENDED(value))
		slice = value;
	else
		slice = detoast_attr_slice(value, 0, AD_ENVELOPE_HEADER);
	if (VARSIZE_ANY_EXHDR(slice) < AD_ENVELOPE_HEADER)
		return false;
	memcpy(header, VARDATA_ANY(slice), AD_ENVELOPE_HEADER);
	if (slice != value)
		pfree(slice);
	return true;
}

/* Load a model from its value and enter it into the cache. */
static AdCacheEntry *
load(struct varlena *value)
{
	struct varlena *flat = detoast_attr(value);
	AdModel    *m = ad_model_read((const uint8 *) VARDATA_ANY(flat),
								  VARSIZE_ANY_EXHDR(flat));
	AdCacheEntry *entry;
	bool		found;

	if (flat != value)
		pfree(flat);
	entry = hash_search(by_digest, m->digest, HASH_ENTER, &found);
	if (found)
	{
		/* two stored copies of one model: keep the one that is there */
		MemoryContextDelete(m->mcxt);
		return entry;
	}
	MemoryContextSetParent(m->mcxt, cache_context);
	entry->model = m;
	entry->size = MemoryContextMemAllocated(m->mcxt, true);
	entry->pins = 0;
	dlist_push_head(&lru, &entry->lru);
	total += entry->size;
	return entry;
}

/* The model with the digest in a header, or NULL. */
static AdCacheEntry *
find(const uint8 *digest)
{
	return hash_search(by_digest, digest, HASH_FIND, NULL);
}

/* Count anew what a model occupies: scoring it never adds, explaining does. */
void
ad_model_grown(const AdModel *m)
{
	AdCacheEntry *entry = by_digest ? find(m->digest) : NULL;

	if (entry == NULL || entry->model != m)
		return;
	total -= entry->size;
	entry->size = MemoryContextMemAllocated(m->mcxt, true);
	total += entry->size;
}

/* Remember what a toast pointer points to. */
static void
remember(const struct varatt_external *t, const uint8 *digest)
{
	ToastKey	key = {t->va_toastrelid, t->va_valueid};
	ToastEntry *e;

	if (hash_get_num_entries(by_toast) >= MAX_TOAST_POINTERS)
	{
		hash_destroy(by_toast);
		by_toast = NULL;
		create_tables();
	}
	e = hash_search(by_toast, &key, HASH_ENTER, NULL);
	memcpy(e->digest, digest, AD_DIGEST_LENGTH);
	e->verified = GetCurrentStatementStartTimestamp();
}

/*
 * Make a call site hold the model of a value.  The hold is released when
 * the owner context (the call site's) is reset.  Errors as loading has.
 */
AdModel *
ad_model_lookup(AdModelRef *ref, struct varlena *value, MemoryContext owner)
{
	AdCacheEntry *entry = NULL;
	struct varatt_external t;
	bool		toasted = VARATT_IS_EXTERNAL_ONDISK(value);
	uint8		header[AD_ENVELOPE_HEADER];

	/* a plain value: is it the model we hold? */
	if (ref->model != NULL && !VARATT_IS_EXTENDED(value) &&
		VARSIZE(value) - VARHDRSZ == ref->model->bytes &&
		memcmp(VARDATA(value), ref->model->header,
			   AD_ENVELOPE_HEADER) == 0)
		return ref->model;

	create_tables();
	if (!ref->registered)
	{
		ref->release.func = release;
		ref->release.arg = ref;
		MemoryContextRegisterResetCallback(owner, &ref->release);
		ref->registered = true;
	}

	if (toasted)
	{
		ToastKey	key;
		ToastEntry *known;

		VARATT_EXTERNAL_GET_POINTER(t, value);
		key.rel = t.va_toastrelid;
		key.value = t.va_valueid;
		known = hash_search(by_toast, &key, HASH_FIND, NULL);
		if (known && known->verified == GetCurrentStatementStartTimestamp())
			entry = find(known->digest);
	}
	if (entry == NULL)
	{
		if (read_header(value, header))
		{
			entry = find(header + DIGEST_AT);
			if (entry && (memcmp(header, entry->model->header,
								 AD_ENVELOPE_HEADER) != 0 ||
						  entry->model->bytes !=
						  toast_raw_datum_size(PointerGetDatum(value)) - VARHDRSZ))
				entry = NULL;
		}
		if (entry == NULL)
			entry = load(value);
		if (toasted)
			remember(&t, entry->digest);
	}

	/* hold the new one before the old one is let go */
	entry->pins++;
	release(ref);
	ref->entry = entry;
	ref->model = entry->model;
	ref->toast_rel = toasted ? t.va_toastrelid : InvalidOid;
	ref->toast_value = toasted ? t.va_valueid : InvalidOid;
	dlist_move_head(&lru, &entry->lru);
	evict();
	return ref->model;
}
