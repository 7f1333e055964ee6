/*-------------------------------------------------------------------------
 *
 * cache.c
 *		Loaded models, kept across calls and queries.
 *
 * A call site holds one model (AdModelRef).  Behind it stands a cache of
 * the backend, of anomaly.model_cache_size.  A model that a call site holds
 * is never freed, so a query may exceed the limit by the models it is using
 * right now (one a call site).
 *
 * What is kept is decided by when models were used, as LIRS does (Jiang and
 * Zhang, 2002).  A model that is let go waits in 1/WINDOW of the cache, so
 * that the next statements find it.  Whatever has to leave there is kept if
 * there is room, or else in place of models none of which has been used since
 * its own use before the last.  So rows over more models than fit leave what is
 * kept where it is, where the least recently used would go just before it
 * is needed; the models of a new task displace those of an old one when
 * they are used again; and one that is used once displaces none.  Uses within
 * BURST of each other count as one: several calls on a row are no reason to
 * expect the next row to be of the same model.
 *
 * Of a model that has gone its entry is remembered: when it was used, and
 * that its bytes are sound.  Loading them again need not compute checksum
 * and digest, half of the work: a value with that fingerprint is the one
 * that had passed.  What the detector's reader checks is checked again.
 *
 * What a value says of itself proves nothing: a header is shown by ad_models
 * to who may only score, and whoever has one can put any bytes behind it.
 * A value is the loaded model if
 *
 * - its fingerprint is that of the bytes the model was loaded from.  The
 *	 cache is keyed by it.  A fingerprint takes in every byte, and its key
 *	 is known to nobody (core/fingerprint.c);
 *
 * - or it is a toast pointer whose value had that fingerprint when it was
 *	 read, less than TOAST_TRUST before the statement began (in a procedure:
 *	 the transaction).  Such a pointer is only ever made by the server,
 *	 and names another value only after the first is dead and the server's
 *	 OID counter has gone all the way round: toast_save_datum() takes
 *	 ids from it in turn and passes over those that are there, dead or
 *	 alive.  That holds through TRUNCATE, rollback, rewriting (which keeps
 *	 id and value together), and the oid of a dropped table's toast table.
 *	 2^32 OIDs, each taken under one exclusive lock, are minutes at the
 *	 very fastest.  Within a statement its snapshot keeps the value;
 *
 * - or nothing can have changed since this very call site was given it: see
 *	 AdTrust.  A call site asks for a header only after having been given
 *	 the whole, and by bytes: what it can learn it could read before.
 *	 A call by name is another call site, so a model that a role may only
 *	 score with is out of reach of all bytes but its own.
 *
 * A value that is compressed in its row is not decompressed to be known
 * again: the fingerprint of its compressed form leads to that of the model,
 * as a toast pointer does.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fingerprint.h"
#include "model/ad_cache.h"

#include <limits.h>

#include "access/detoast.h"
#include "access/xact.h"
#include "lib/ilist.h"
#include "utils/guc.h"

#define TOAST_TRUST		USECS_PER_MINUTE
#define MAX_FORMS		32768	/* remembered; then all are forgotten */
#define MAX_SEEN		4096	/* the same, of a call site */
#define DIGEST_AT		32		/* in the envelope's header */
#define WINDOW			32		/* part of the cache where models wait */
#define BURST			8		/* uses of any models */
#define MAX_GONE		16384	/* remembered without being loaded */

/* Where an entry is. */
typedef enum Place
{
	NOWHERE,					/* new, or held and not kept */
	WAITING,					/* loaded, neither held nor kept yet */
	KEPT,						/* held or not */
	GONE						/* not loaded */
} Place;

#define NPLACES		(GONE + 1)

struct AdCacheEntry
{
	AdFingerprint value;		/* hash key */
	uint64		serial;			/* of this loading; 0: gone */
	AdModel    *model;			/* NULL: gone */
	Size		size;			/* memory */
	int			pins;			/* call sites that hold it */
	Place		place;
	dlist_node	node;			/* in the list of the place */
	uint64		used;			/* last; in uses of all models */
	uint64		begun;			/* first use of the last burst */
	uint64		before;			/* of the one before; 0: there was none */
};

/* An entry's memory stays readable, since a hash table only reuses it. */
typedef AdModelHandle Handle;

/* What a value looks like that is not read, or not decompressed. */
typedef struct FormKey
{
	uint64		is_toasted;
	union
	{
		struct varatt_external pointer;
		AdFingerprint packed;
	}			u;
} FormKey;

typedef struct Form
{
	FormKey		key;			/* hash key */
	AdFingerprint value;		/* of the whole, plain value */
	Handle		model;			/* loaded from it */
	TimestampTz read;			/* of a toasted one */
} Form;

/* A header that a call site was given, with the right body behind it. */
typedef struct Seen
{
	uint8		digest[AD_DIGEST_LENGTH];	/* hash key */
	Handle		model;
} Seen;

StaticAssertDecl(sizeof(struct varatt_external) == sizeof(AdFingerprint),
				 "a toast pointer and a fingerprint are of one size");

int			ad_model_cache_size = 65536;	/* kB */

static MemoryContext cache_mcxt = NULL;
static HTAB *by_value = NULL;
static HTAB *by_form = NULL;
static dlist_head lists[NPLACES];	/* most recent first; but NOWHERE */
static Size sizes[NPLACES];		/* bytes in each; but NOWHERE and GONE */
static Size beside = 0;			/* bytes of what is not here, but counts */
static int	ngone = 0;
static uint64 last_serial = 0;	/* so many were loaded */
static uint64 uses = 0;
static uint64 taken = 0;		/* models that call sites began to hold */
static uint64 evictions = 0;

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

/* A hash table over keys that are bytes. */
static HTAB *
create_table(const char *name, Size key, Size entry, MemoryContext mcxt)
{
	HASHCTL		ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.hcxt = mcxt;
	ctl.keysize = key;
	ctl.entrysize = entry;
	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The two hash tables, made when first used. */
static void
create_tables(void)
{
	if (by_value && by_form)
		return;
	if (cache_mcxt == NULL)
		cache_mcxt = AllocSetContextCreate(TopMemoryContext,
										   "anomaly model cache",
										   ALLOCSET_DEFAULT_SIZES);
	if (by_value == NULL)
		for (int i = 0; i < NPLACES; i++)
			dlist_init(&lists[i]);
	if (by_form == NULL)
		by_form = create_table("anomaly forms of models", sizeof(FormKey),
							   sizeof(Form), cache_mcxt);
	if (by_value == NULL)
		by_value = create_table("anomaly models", sizeof(AdFingerprint),
								sizeof(AdCacheEntry), cache_mcxt);
}

/* Take an entry to the head of another place. */
static void
move_to(AdCacheEntry *e, Place place)
{
	if (e->place != NOWHERE)
		dlist_delete(&e->node);
	if (e->place == WAITING || e->place == KEPT)
		sizes[e->place] -= e->size;
	else if (e->place == GONE)
		ngone--;
	e->place = place;
	if (place != NOWHERE)
		dlist_push_head(&lists[place], &e->node);
	if (place == WAITING || place == KEPT)
		sizes[place] += e->size;
	else if (place == GONE)
		ngone++;
}

/* The entry that has been longest in a place, which is not empty. */
static inline AdCacheEntry *
last_of(Place place)
{
	return dlist_tail_element(AdCacheEntry, node, &lists[place]);
}

/* Free a model that nobody holds, and remember that it was there. */
static void
forget(AdCacheEntry *e)
{
	evictions++;
	MemoryContextDelete(e->model->mcxt);
	e->model = NULL;
	e->serial = 0;
	move_to(e, GONE);
	if (ngone > MAX_GONE)
	{
		e = last_of(GONE);
		move_to(e, NOWHERE);
		hash_search(by_value, &e->value, HASH_REMOVE, NULL);
	}
}

/*
 * Free kept models, least recently used first, until they are at most
 * room.  With "newcomer", only if all that would go have been waiting for
 * longer than it had when it was last used; return whether there is room.
 */
static bool
make_room(Size room, const AdCacheEntry *newcomer)
{
	dlist_node *n;
	Size		kept = sizes[KEPT];

	if (kept <= room)
		return true;
	if (newcomer)
		for (n = lists[KEPT].head.prev; kept > room; n = n->prev)
		{
			AdCacheEntry *e = dlist_container(AdCacheEntry, node, n);

			if (n == &lists[KEPT].head)
				return false;
			if (e->pins > 0)
				continue;
			if (e->used >= newcomer->before)
				return false;
			kept -= e->size;
		}
	for (n = lists[KEPT].head.prev;
		 n != &lists[KEPT].head && sizes[KEPT] > room;)
	{
		AdCacheEntry *e = dlist_container(AdCacheEntry, node, n);

		n = n->prev;
		if (e->pins == 0)
			forget(e);
	}
	return sizes[KEPT] <= room;
}

/* Let the cache fit: decide on what has waited for too long. */
static void
settle(void)
{
	Size		limit = (Size) ad_model_cache_size * 1024;
	Size		window;
	Size		room;

	limit -= Min(beside, limit / 2);
	window = limit / WINDOW;
	room = limit - window;
	while (sizes[WAITING] > window)
	{
		AdCacheEntry *e = last_of(WAITING);

		if (e->size <= room && make_room(room - e->size, e))
			move_to(e, KEPT);
		else
			forget(e);
	}
	(void) make_room(room, NULL);
}

/* A call site begins to hold a model. */
static void
hold(AdCacheEntry *e)
{
	if (e->pins++ > 0)
		return;
	e->used = ++uses;
	if (e->begun == 0)
		e->begun = uses;
	else if (uses - e->begun >= BURST)
	{
		e->before = e->begun;
		e->begun = uses;
	}
	move_to(e, e->place == KEPT ? KEPT : NOWHERE);
}

/* Let go of the model a call site holds. */
static void
release(void *arg)
{
	AdModelRef *ref = arg;
	AdCacheEntry *e = ref->entry;

	ref->at = NULL;
	ref->toast.va_valueid = InvalidOid;
	if (e == NULL)
		return;
	ref->entry = NULL;
	ref->model = NULL;
	if (--e->pins > 0)
		return;
	e->used = uses;
	move_to(e, e->place == KEPT ? KEPT : WAITING);
	settle();
}

/* A handle of an entry. */
static inline Handle
handle_of(AdCacheEntry *entry)
{
	Handle		h = {entry, entry->serial};

	return h;
}

/* The entry of a handle, or NULL if it has gone. */
static inline AdCacheEntry *
entry_of(const Handle *h)
{
	return h->entry->serial == h->serial ? h->entry : NULL;
}

/*
 * The model of a plain value whose fingerprint is known; loaded, if need be.
 */
static AdCacheEntry *
whole(const struct varlena *value, const AdFingerprint *print)
{
	AdCacheEntry *entry = hash_search(by_value, print, HASH_FIND, NULL);
	const uint8 *data = (const uint8 *) VARDATA_ANY(value);
	Size		len = VARSIZE_ANY_EXHDR(value);
	AdModel    *m;
	bool		found;

	if (entry && entry->model)
		return entry;
	m = entry ? ad_model_reread(data, len) : ad_model_read(data, len);
	entry = hash_search(by_value, print, HASH_ENTER, &found);
	if (!found)
	{
		entry->place = NOWHERE;
		entry->begun = entry->before = entry->used = 0;
	}
	else if (entry->model)
	{
		/* loading one may have loaded it, say by an index's expression */
		MemoryContextDelete(m->mcxt);
		return entry;
	}
	MemoryContextSetParent(m->mcxt, cache_mcxt);
	m->cached = entry;
	entry->serial = ++last_serial;
	entry->model = m;
	entry->size = MemoryContextMemAllocated(m->mcxt, true);
	entry->pins = 0;
	move_to(entry, WAITING);
	return entry;
}

/* The fingerprint of a value that is plain. */
static AdFingerprint
print_of(const struct varlena *value)
{
	return ad_fingerprint(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/*
 * The model of a value in a form that may be known: else the value is read,
 * and what it is remembered.
 */
static AdCacheEntry *
of_form(struct varlena *value, const FormKey *key)
{
	TimestampTz now = Max(GetCurrentStatementStartTimestamp(),
						  GetCurrentTransactionStartTimestamp());
	Form	   *form = hash_search(by_form, key, HASH_FIND, NULL);
	AdCacheEntry *entry;
	AdFingerprint print;
	struct varlena *plain;

	/* a worker may have set no time at all, and a clock may go back */
	if (form && (!key->is_toasted ||
				 (form->read > 0 && form->read <= now &&
				  now - form->read < TOAST_TRUST)))
	{
		entry = entry_of(&form->model);
		if (entry == NULL)
			entry = hash_search(by_value, &form->value, HASH_FIND, NULL);
		if (entry && entry->model)
		{
			form->model = handle_of(entry);
			return entry;
		}
	}

	plain = detoast_attr(value);
	print = print_of(plain);
	entry = whole(plain, &print);
	pfree(plain);

	if (form == NULL && hash_get_num_entries(by_form) >= MAX_FORMS)
	{
		hash_destroy(by_form);
		by_form = NULL;
		create_tables();
	}
	form = hash_search(by_form, key, HASH_ENTER, NULL);
	form->value = print;
	form->model = handle_of(entry);
	form->read = now;
	return entry;
}

/* The model of a value that is outside of its row. */
static AdCacheEntry *
of_external(struct varlena *value)
{
	AdCacheEntry *entry;

	if (VARATT_IS_EXTERNAL_ONDISK(value))
	{
		FormKey		key = {.is_toasted = 1};

		VARATT_EXTERNAL_GET_POINTER(key.u.pointer, value);
		entry = of_form(value, &key);
	}
	else
	{
		/* another's memory, that may change: read it each time */
		struct varlena *plain = detoast_attr(value);
		AdFingerprint print = print_of(plain);

		entry = whole(plain, &print);
		pfree(plain);
	}
	return entry;
}

/* The model of a value with the header of one seen here before, or NULL. */
static AdCacheEntry *
seen_here(const AdModelRef *ref, const struct varlena *value)
{
	AdCacheEntry *entry;
	Seen	   *seen;

	if (ref->seen == NULL || !VARATT_IS_4B_U(value) ||
		VARSIZE(value) - VARHDRSZ < AD_ENVELOPE_HEADER)
		return NULL;
	seen = hash_search(ref->seen, VARDATA(value) + DIGEST_AT, HASH_FIND, NULL);
	entry = seen ? entry_of(&seen->model) : NULL;
	return entry && ad_model_same_header(value, entry->model) ? entry : NULL;
}

/* Remember the model that a value given here was, besides the one held. */
static void
remember_seen(AdModelRef *ref, AdCacheEntry *entry, MemoryContext owner)
{
	Seen	   *seen;

	if (ref->model == NULL)
		return;					/* most call sites see only one */
	if (ref->seen && hash_get_num_entries(ref->seen) >= MAX_SEEN)
	{
		hash_destroy(ref->seen);
		ref->seen = NULL;
	}
	if (ref->seen == NULL)
		ref->seen = create_table("anomaly models seen", AD_DIGEST_LENGTH,
								 sizeof(Seen), owner);
	seen = hash_search(ref->seen, entry->model->digest, HASH_ENTER, NULL);
	seen->model = handle_of(entry);
}

/* The model of a value in memory. */
static AdCacheEntry *
of_memory(struct varlena *value, AdModelRef *ref, MemoryContext owner)
{
	AdCacheEntry *entry = NULL;

	if (ref->trust == AD_TRUST_MADE)
		entry = seen_here(ref, value);
	if (entry)
		return entry;
	if (VARATT_IS_4B_U(value))
	{
		AdFingerprint print = print_of(value);

		entry = whole(value, &print);
	}
	else
	{
		FormKey		key = {.is_toasted = 0};

		key.u.packed = ad_fingerprint(value, VARSIZE_ANY(value));
		entry = of_form(value, &key);
	}
	if (ref->trust == AD_TRUST_MADE)
		remember_seen(ref, entry, owner);
	return entry;
}

/* Make a call site hold a model of the cache, in place of another. */
static void
hold_instead(AdModelRef *ref, AdCacheEntry *entry)
{
	if (entry == ref->entry)
		return;
	taken++;
	/* hold the new one before the old one is let go */
	hold(entry);
	release(ref);
	ref->entry = entry;
	ref->model = entry->model;
}

/*
 * Make a call site hold the model of a value.  The hold is released when
 * the owner context (the call site's) is reset.  Raises the same errors as
 * loading.
 */
AdModel *
ad_model_lookup(AdModelRef *ref, struct varlena *value, MemoryContext owner)
{
	bool		external = VARATT_IS_EXTERNAL(value);
	const struct varlena *before = ref->at;
	AdCacheEntry *entry;

	/* what was made for it alone may be anywhere */
	if (before != NULL && !external && ref->trust == AD_TRUST_MADE &&
		ad_model_same_header(value, ref->model))
	{
		ref->at = value;
		return ref->model;
	}

	create_tables();
	if (!ref->registered)
	{
		ref->release.func = release;
		ref->release.arg = ref;
		MemoryContextRegisterResetCallback(owner, &ref->release);
		ref->registered = true;
	}

	/* after an error nothing is known by where it is */
	ref->at = NULL;
	ref->toast.va_valueid = InvalidOid;
	entry = external ? of_external(value) : of_memory(value, ref, owner);
	if (entry == ref->entry && value == before)
		ref->due -= (int64) entry->model->bytes;
	else
		ref->due = Min(AD_HABIT_BYTES,
					   AD_HABIT_CALLS * (int64) entry->model->bytes);
	hold_instead(ref, entry);

	if (!external)
		ref->at = value;
	else if (VARATT_IS_EXTERNAL_ONDISK(value))
		VARATT_EXTERNAL_GET_POINTER(ref->toast, value);
	return ref->model;
}

/* A handle of the model that a call site holds. */
AdModelHandle
ad_model_handle(const AdModelRef *ref)
{
	return handle_of(ref->entry);
}

/*
 * Make a call site that has held a model before hold the one of a handle; NULL:
 * it has gone.
 */
AdModel *
ad_model_again(AdModelRef *ref, const AdModelHandle *handle)
{
	AdCacheEntry *entry = handle->entry ? entry_of(handle) : NULL;

	if (entry == NULL || !ref->registered)
		return NULL;
	ref->at = NULL;
	ref->toast.va_valueid = InvalidOid;
	hold_instead(ref, entry);
	return ref->model;
}

/* Set how many bytes beside the models are in the limit of the cache. */
void
ad_cache_beside(Size bytes)
{
	beside = bytes;
}

/* Count anew what a model occupies: scoring it never adds, explaining does. */
void
ad_model_grown(const AdModel *m)
{
	AdCacheEntry *entry = m->cached;
	Size		size;

	if (entry == NULL)
		return;
	size = MemoryContextMemAllocated(m->mcxt, true);
	if (entry->place == WAITING || entry->place == KEPT)
		sizes[entry->place] += size - entry->size;
	entry->size = size;
}

/* Count what is in the cache. */
AdCacheCounts
ad_cache_counts(void)
{
	AdCacheCounts c;

	c.models = by_value ? (int) hash_get_num_entries(by_value) - ngone : 0;
	c.bytes = sizes[WAITING] + sizes[KEPT] + beside;
	c.uses = uses;
	c.loads = last_serial;
	c.hits = taken > last_serial ? taken - last_serial : 0;
	c.evictions = evictions;
	return c;
}
