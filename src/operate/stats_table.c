/*-------------------------------------------------------------------------
 *
 * stats_table.c
 *		The shared table of who scored by which model.
 *
 * It is a hash table of a fixed number of entries.  Which one makes
 * room for another decides what a role can do to what others see.  So an
 * entry without a name never takes the place of one with a name, which is
 * there by the registry's grants; and among those with a name, as among
 * those without, the least recently used entry of the role that has most of
 * them goes.  So a role takes from others until it has as many as they
 * have, and then from itself.  For that the entries of a role that have a
 * name, and those that have none, are an account each: a list in order of
 * use; and the accounts of a size are a list, so that all of this takes
 * constant time.
 *
 * An entry has its sums, and those of the last intervals in which there were
 * any, as a ring.
 *
 * The structure is guarded by an LWLock, an entry's numbers by the entry's
 * spinlock, the order of use by a spinlock of its own, so that adding counts
 * to an entry that exists needs no exclusive lock.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_shared.h"
#include "operate/ad_stats.h"

#include "access/xact.h"
#include "lib/ilist.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

/* Whose entries: those of a role with a name, or those without. */
typedef struct AccountKey
{
	Oid			user;
	int32		named;			/* 0 or 1 */
} AccountKey;

typedef struct Account
{
	AccountKey	key;			/* hash key */
	int			n;				/* entries, at least 1 */
	dlist_node	peers;			/* among the accounts of that size */
	dlist_head	lru;			/* its entries, most recently used first */
} Account;

typedef struct Entry
{
	AdStatKey	key;			/* hash key */
	slock_t		mutex;			/* of the counts */
	Account    *account;
	dlist_node	lru;			/* in it; under the table's mutex */
	AdStatEntry counts;
	int			newest;			/* of the intervals, which are a ring */
	AdStatInterval intervals[FLEXIBLE_ARRAY_MEMBER];	/* ad_stats_intervals */
} Entry;

typedef struct Table
{
	slock_t		mutex;			/* of the order of use */
	int			largest[2];		/* size of the largest account, by named */
	dlist_head	accounts[FLEXIBLE_ARRAY_MEMBER];	/* see peers_of() */
} Table;

static Table *table = NULL;		/* in shared memory */
static HTAB *entries = NULL;
static HTAB *accounts = NULL;

/* Bytes of an entry. */
static Size
entry_size(void)
{
	return offsetof(Entry, intervals) +
		(Size) ad_stats_intervals * sizeof(AdStatInterval);
}

/* Bytes of the table without its entries. */
static Size
table_size(void)
{
	return offsetof(Table, accounts) +
		2 * ((Size) ad_stats_max + 1) * sizeof(dlist_head);
}

/* The accounts of n entries, 0 to ad_stats_max; among them none of 0. */
static dlist_head *
peers_of(int named, int n)
{
	return &table->accounts[(Size) named * ((Size) ad_stats_max + 1) + n];
}

/* Bytes of shared memory. */
Size
ad_stats_size(void)
{
	return ad_add_size(MAXALIGN(table_size()),
					   ad_add_size(hash_estimate_size(ad_stats_max,
													  entry_size()),
								   hash_estimate_size(ad_stats_max,
													  sizeof(Account))));
}

/* Make the table empty of accounts. */
static void
init_accounts(void)
{
	for (int named = 0; named <= 1; named++)
	{
		table->largest[named] = 0;
		for (int n = 0; n <= ad_stats_max; n++)
			dlist_init(peers_of(named, n));
	}
}

/*
 * Find the table, or make it; AddinShmemInitLock is held.  is_new: it was
 * made.
 */
void
ad_stats_startup(bool *is_new)
{
	HASHCTL		ctl;
	bool		found;

	table = ShmemInitStruct("anomaly models", table_size(), &found);
	if (!found)
	{
		SpinLockInit(&table->mutex);
		init_accounts();
	}
	*is_new = !found;
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(AdStatKey);
	ctl.entrysize = entry_size();
	entries = ShmemInitHash("anomaly models by key", ad_stats_max, ad_stats_max,
							&ctl, HASH_ELEM | HASH_BLOBS);
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(AccountKey);
	ctl.entrysize = sizeof(Account);
	accounts = ShmemInitHash("anomaly models by role", ad_stats_max,
							 ad_stats_max, &ctl, HASH_ELEM | HASH_BLOBS);
}

/* Add the moments of b to a (Chan, Golub and LeVeque 1983). */
static void
merge_moments(AdStatMoments *a, const AdStatMoments *b)
{
	double		n = (double) a->n + (double) b->n;
	double		d = b->mean - a->mean;

	if (b->n == 0)
		return;
	a->mean += d * ((double) b->n / n);
	a->squares += b->squares + d * d * ((double) a->n * (double) b->n / n);
	a->n += b->n;
}

/* Add sums to others. */
void
ad_stat_merge_sums(AdStatSums *into, const AdStatSums *from)
{
	into->calls += from->calls;
	into->rows += from->rows;
	into->anomalies += from->anomalies;
	into->errors += from->errors;
	into->caught += from->caught;
	into->total += from->total;
	into->max = Max(into->max, from->max);
	into->steady += from->steady;
	merge_moments(&into->scores, &from->scores);
}

/* Add the counts of e to another entry's, whose key stays. */
void
ad_stat_merge(AdStatEntry *into, const AdStatEntry *e)
{
	into->first = Min(into->first, e->first);
	into->last = Max(into->last, e->last);
	if (e->detector)
	{
		into->detector = e->detector;
		into->usual_mean = e->usual_mean;
		into->usual_sd = e->usual_sd;
	}
	ad_stat_merge_sums(&into->sums, &e->sums);
	for (int k = 0; k < AD_STAT_KINDS; k++)
		for (int i = 0; i < AD_STAT_FINE; i++)
			into->steps[k][i] += e->steps[k][i];
}

/* An account has grown or shrunk by an entry, or is new; it goes when empty. */
static void
resize(Account *a, int by)
{
	int		   *largest = &table->largest[a->key.named];

	if (a->n > 0)
		dlist_delete(&a->peers);
	a->n += by;
	if (a->n > 0)
		dlist_push_head(peers_of(a->key.named, a->n), &a->peers);
	if (a->n > *largest)
		*largest = a->n;
	while (*largest > 0 && dlist_is_empty(peers_of(a->key.named, *largest)))
		--* largest;
	if (a->n == 0)
		hash_search(accounts, &a->key, HASH_REMOVE, NULL);
}

/*
 * The account that an entry goes from to make room for one of a role: the
 * largest, and the role's own if none is larger; NULL if there is none.
 */
static Account *
payer(Oid user, int named)
{
	int			n = table->largest[named];
	AccountKey	key = {user, named};
	Account    *own;

	if (n == 0)
		return NULL;
	own = hash_search(accounts, &key, HASH_FIND, NULL);
	return own && own->n == n ? own :
		dlist_container(Account, peers, dlist_tail_node(peers_of(named, n)));
}

/* Make room for an entry of a role if the table is full; false: there is none. */
static bool
make_place(Oid user, int named)
{
	Account    *a;
	Entry	   *oldest;
	AdStatKey	gone;

	if (hash_get_num_entries(entries) < ad_stats_max)
		return true;
	a = payer(user, 0);
	if (a == NULL && named)
		a = payer(user, 1);
	if (a == NULL)
		return false;
	oldest = dlist_container(Entry, lru, dlist_tail_node(&a->lru));
	gone = oldest->key;
	dlist_delete(&oldest->lru);
	resize(a, -1);
	hash_search(entries, &gone, HASH_REMOVE, NULL);
	return true;
}

/*
 * The entry of a key, made if need be, or NULL if there is no room; the lock
 * is held exclusively.
 */
static Entry *
enter(const AdStatKey *key)
{
	AccountKey	whose = {key->user, key->name[0] != '\0'};
	Entry	   *e = hash_search(entries, key, HASH_FIND, NULL);
	Account    *a;
	bool		found;

	if (e != NULL || !make_place(whose.user, whose.named))
		return e;
	a = hash_search(accounts, &whose, HASH_ENTER_NULL, &found);
	if (a == NULL)
		return NULL;
	if (!found)
	{
		a->n = 0;
		dlist_init(&a->lru);
	}
	e = hash_search(entries, key, HASH_ENTER_NULL, &found);
	if (e == NULL)
	{
		resize(a, 0);
		return NULL;
	}
	SpinLockInit(&e->mutex);
	memset(&e->counts, 0, sizeof(e->counts));
	e->counts.key = *key;
	e->newest = 0;
	for (int i = 0; i < ad_stats_intervals; i++)
		e->intervals[i].start = 0;
	e->account = a;
	dlist_push_head(&a->lru, &e->lru);
	resize(a, 1);
	return e;
}

/* The moments of the scores of a call site; none if they overflow. */
static AdStatMoments
moments_of(const AdStatCounts *c)
{
	AdStatMoments scores = {0};

	if (c->rows > 0)
	{
		double		mean = c->sum / (double) c->rows;

		scores.n = c->rows;
		scores.mean = c->shift + mean;
		scores.squares = Max(c->squares - c->sum * mean, 0);
		if (!isfinite(scores.mean) || !isfinite(scores.squares))
			memset(&scores, 0, sizeof(scores));
	}
	return scores;
}

/* The sums of a call site; "last": it has ended. */
static void
sums_of(const AdStatCounts *c, bool last, AdStatSums *sums)
{
	memset(sums, 0, sizeof(*sums));
	sums->calls = last;
	sums->rows = c->rows;
	sums->anomalies = c->anomalies;
	sums->errors = c->errors;
	sums->caught = Min(c->caught, c->errors);
	sums->total = c->ns;
	sums->max = last ? c->call_ns : 0;
	sums->steady = Max(c->ns - (isnan(c->first_ns) ? 0 : c->first_ns), 0);
	sums->scores = moments_of(c);
}

/* The interval of an entry that is now, begun if need be; under its mutex. */
static AdStatInterval *
interval_of(Entry *e, TimestampTz now)
{
	AdStatInterval *i = &e->intervals[e->newest];
	int64		length = (int64) ad_stats_interval * USECS_PER_SEC;
	TimestampTz start = now - now % length;

	/* a clock that goes back does not begin one */
	if (i->start != 0 && i->length == length && start <= i->start)
		return i;
	if (i->start != 0)
		e->newest = (e->newest + 1) % ad_stats_intervals;
	i = &e->intervals[e->newest];
	memset(i, 0, sizeof(*i));
	i->start = start;
	i->length = length;
	return i;
}

/* Count a time in both histograms. */
static inline void
add_step(Entry *e, AdStatInterval *i, AdStatKind kind, int step, uint32 n)
{
	e->counts.steps[kind][step] += n;
	i->steps[kind][step / 2] += n;
}

/* Add a call site's counts to an entry, which is there. */
static void
add_to(Entry *e, const AdStatCounts *c, bool last)
{
	AdStatEntry *s = &e->counts;
	TimestampTz first = GetCurrentStatementStartTimestamp();
	TimestampTz now = GetCurrentTimestamp();
	AdStatSums	sums;
	AdStatInterval *i;

	sums_of(c, last, &sums);
	SpinLockAcquire(&e->mutex);
	if (s->last == 0 || first < s->first)
		s->first = first;
	s->last = Max(s->last, now);
	if (c->detector)
	{
		s->detector = c->detector;
		s->usual_mean = c->usual_mean;
		s->usual_sd = c->usual_sd;
	}
	i = interval_of(e, now);
	ad_stat_merge_sums(&s->sums, &sums);
	ad_stat_merge_sums(&i->sums, &sums);
	if (sums.steady > 0)
		for (int k = 0; k < AD_STAT_FINE; k++)
			if (c->steps[k] > 0)
				add_step(e, i, AD_STAT_ROW, k, c->steps[k]);
	if (!isnan(c->first_ns))
		add_step(e, i, AD_STAT_FIRST, ad_stat_step(c->first_ns), 1);
	if (last && c->seen > 0)
		add_step(e, i, AD_STAT_CALL, ad_stat_step(c->call_ns), 1);
	SpinLockRelease(&e->mutex);
}

/*
 * Add a call site's counts of a model to the shared table; "last": the call
 * has ended, so it is counted.  Does not fail.
 */
void
ad_stat_add(const AdStatCounts *c, bool last)
{
	Entry	   *e;

	LWLockAcquire(ad_shared->stats_lock, LW_SHARED);
	e = hash_search(entries, &c->key, HASH_FIND, NULL);
	if (e == NULL)
	{
		LWLockRelease(ad_shared->stats_lock);
		LWLockAcquire(ad_shared->stats_lock, LW_EXCLUSIVE);
		e = enter(&c->key);
	}
	if (e != NULL)
	{
		add_to(e, c, last);
		/* most calls are by the model that was used last: no need to lock */
		if (e->account->lru.head.next != &e->lru)
		{
			SpinLockAcquire(&table->mutex);
			dlist_move_head(&e->account->lru, &e->lru);
			SpinLockRelease(&table->mutex);
		}
	}
	LWLockRelease(ad_shared->stats_lock);
}

/* The nth interval of an entry, 0 being the oldest. */
static AdStatInterval *
nth_interval(Entry *e, int n)
{
	return &e->intervals[(e->newest + 1 + n) % ad_stats_intervals];
}

/*
 * A copy of all entries, palloc'd; and if asked for, of their intervals,
 * ad_stats_intervals for each, oldest first, with a start of 0 where there is
 * none.
 */
AdStatEntry *
ad_stat_read(int *n, AdStatInterval **intervals)
{
	HASH_SEQ_STATUS scan;
	Entry	   *e;
	int			room = 0;
	AdStatEntry *copy;

	/* before the lock is held: this may raise an error */
	LWLockAcquire(ad_shared->stats_lock, LW_SHARED);
	room = (int) hash_get_num_entries(entries) + 16;
	LWLockRelease(ad_shared->stats_lock);
	copy = palloc_extended(ad_mul_size(room, sizeof(AdStatEntry)),
						   MCXT_ALLOC_HUGE);
	if (intervals)
		*intervals = palloc_extended(ad_mul_size(ad_mul_size(room, ad_stats_intervals),
												 sizeof(AdStatInterval)),
									 MCXT_ALLOC_HUGE);

	*n = 0;
	LWLockAcquire(ad_shared->stats_lock, LW_SHARED);
	hash_seq_init(&scan, entries);
	while ((e = hash_seq_search(&scan)) != NULL)
	{
		if (*n >= room)
		{
			hash_seq_term(&scan);
			break;
		}
		SpinLockAcquire(&e->mutex);
		copy[*n] = e->counts;
		SpinLockRelease(&e->mutex);
		for (int i = 0; intervals && i < ad_stats_intervals; i++)
		{
			/* one at a time: what adds counts must not wait for long */
			SpinLockAcquire(&e->mutex);
			(*intervals)[(Size) *n * ad_stats_intervals + i] = *nth_interval(e, i);
			SpinLockRelease(&e->mutex);
		}
		(*n)++;
	}
	LWLockRelease(ad_shared->stats_lock);
	return copy;
}

/* How many entries there are. */
int
ad_stat_count(void)
{
	return (int) hash_get_num_entries(entries);
}

/*
 * Write all entries, each followed by its ad_stats_intervals intervals, oldest
 * first; of each account those used last come last.  Nothing else runs.
 * False: put() returned it.
 */
bool
ad_stat_each(bool (*put) (const void *data, Size len, void *arg), void *arg)
{
	HASH_SEQ_STATUS scan;
	Account    *a;
	bool		result = true;

	hash_seq_init(&scan, accounts);
	while ((a = hash_seq_search(&scan)) != NULL)
	{
		dlist_iter	it;

		dlist_reverse_foreach(it, &a->lru)
		{
			Entry	   *e = dlist_container(Entry, lru, it.cur);

			result = result && put(&e->counts, sizeof(AdStatEntry), arg);
			for (int i = 0; i < ad_stats_intervals && result; i++)
				result = put(nth_interval(e, i), sizeof(AdStatInterval), arg);
		}
	}
	return result;
}

/*
 * Put an entry into the table with so many intervals, oldest first; false if
 * there is no room, or it is there.  While the server starts.
 */
bool
ad_stat_put(const AdStatEntry *e, const AdStatInterval *intervals, int n)
{
	Entry	   *entry;

	if (hash_search(entries, &e->key, HASH_FIND, NULL) != NULL)
		return false;
	entry = enter(&e->key);
	if (entry == NULL)
		return false;
	entry->counts = *e;
	/* whatever was between fields */
	entry->counts.key = entry->key;
	for (int i = Max(0, n - ad_stats_intervals); i < n; i++)
	{
		if (entry->intervals[entry->newest].start != 0)
			entry->newest = (entry->newest + 1) % ad_stats_intervals;
		entry->intervals[entry->newest] = intervals[i];
	}
	return true;
}

/* Forget all counts. */
void
ad_stat_reset_all(void)
{
	HASH_SEQ_STATUS scan;
	Entry	   *e;
	Account    *a;

	LWLockAcquire(ad_shared->stats_lock, LW_EXCLUSIVE);
	hash_seq_init(&scan, entries);
	while ((e = hash_seq_search(&scan)) != NULL)
		hash_search(entries, &e->key, HASH_REMOVE, NULL);
	hash_seq_init(&scan, accounts);
	while ((a = hash_seq_search(&scan)) != NULL)
		hash_search(accounts, &a->key, HASH_REMOVE, NULL);
	init_accounts();
	LWLockRelease(ad_shared->stats_lock);
}
