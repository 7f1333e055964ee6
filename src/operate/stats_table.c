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
#include "port/pg_bitutils.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#define LOWEST_OCTAVE	6		/* the first bucket begins at 2^6 ns */
#define PER_OCTAVE		8

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
													  sizeof(Entry)),
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

/* Find the table, or make it; AddinShmemInitLock is held. */
void
ad_stats_startup(void)
{
	HASHCTL		ctl;
	bool		found;

	table = ShmemInitStruct("anomaly models", table_size(), &found);
	if (!found)
	{
		SpinLockInit(&table->mutex);
		init_accounts();
	}
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(AdStatKey);
	ctl.entrysize = sizeof(Entry);
	entries = ShmemInitHash("anomaly models by key", ad_stats_max, ad_stats_max,
							&ctl, HASH_ELEM | HASH_BLOBS);
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(AccountKey);
	ctl.entrysize = sizeof(Account);
	accounts = ShmemInitHash("anomaly models by role", ad_stats_max,
							 ad_stats_max, &ctl, HASH_ELEM | HASH_BLOBS);
}

/* The bucket of a latency: 8 to an octave, from 64 ns to 19 hours. */
static int
bucket_of(double ns)
{
	uint64		v = ns < 1e18 ? (uint64) ns : UINT64CONST(1000000000000000000);
	int			octave;
	int			bucket;

	if (v < (UINT64CONST(1) << LOWEST_OCTAVE))
		return 0;
	octave = pg_leftmost_one_pos64(v);
	bucket = (octave - LOWEST_OCTAVE) * PER_OCTAVE +
		(int) ((v >> (octave - 3)) & (PER_OCTAVE - 1));
	return Min(bucket, AD_STAT_BUCKETS - 1);
}

/* The shortest latency of a bucket. */
static double
bucket_start(int bucket)
{
	return ldexp(1.0 + (bucket % PER_OCTAVE) / (double) PER_OCTAVE,
				 LOWEST_OCTAVE + bucket / PER_OCTAVE);
}

/*
 * A quantile of the latencies, in nanoseconds: exact to the width of a
 * bucket (an eighth of the value or less), NaN without calls.
 */
double
ad_stat_quantile(const AdStatEntry *e, double q)
{
	uint64		n = 0;
	double		wanted;
	double		below = 0;

	for (int i = 0; i < AD_STAT_BUCKETS; i++)
		n += e->latency[i];
	if (n == 0)
		return NAN;
	wanted = q * (double) n;
	for (int i = 0; i < AD_STAT_BUCKETS; i++)
	{
		double		here = e->latency[i];

		if (here > 0 && below + here >= wanted)
		{
			double		start = i == 0 ? 0 : bucket_start(i);
			double		end = bucket_start(i + 1);

			return Min(start + (end - start) * (wanted - below) / here,
					   e->max);
		}
		below += here;
	}
	return e->max;
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

/* Add the counts of e to another entry's, whose key stays. */
void
ad_stat_merge(AdStatEntry *into, const AdStatEntry *e)
{
	if (into->calls == 0 || e->first < into->first)
		into->first = e->first;
	if (into->calls == 0 || e->last > into->last)
		into->last = e->last;
	if (e->detector)
	{
		into->detector = e->detector;
		into->usual_mean = e->usual_mean;
		into->usual_sd = e->usual_sd;
	}
	into->calls += e->calls;
	into->rows += e->rows;
	into->anomalies += e->anomalies;
	into->errors += e->errors;
	into->total += e->total;
	into->max = Max(into->max, e->max);
	merge_moments(&into->scores, &e->scores);
	for (int i = 0; i < AD_STAT_BUCKETS; i++)
		into->latency[i] += e->latency[i];
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

/*
 * Add a call site's counts of a model, on which it spent ns nanoseconds, to
 * the shared table.  Does not fail.
 */
void
ad_stat_add(const AdStatCounts *c, double ns)
{
	Entry	   *e;
	TimestampTz first = GetCurrentStatementStartTimestamp();
	TimestampTz last = GetCurrentTimestamp();
	AdStatMoments scores = moments_of(c);

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
		AdStatEntry *s = &e->counts;

		SpinLockAcquire(&e->mutex);
		if (s->calls == 0 || first < s->first)
			s->first = first;
		s->last = Max(s->last, last);
		if (c->detector)
		{
			s->detector = c->detector;
			s->usual_mean = c->usual_mean;
			s->usual_sd = c->usual_sd;
		}
		s->calls++;
		s->rows += c->rows;
		s->anomalies += c->anomalies;
		s->errors += c->errors;
		s->total += ns;
		s->max = Max(s->max, ns);
		if (c->rows > 0)
			s->latency[bucket_of(ns)]++;
		merge_moments(&s->scores, &scores);
		SpinLockRelease(&e->mutex);

		SpinLockAcquire(&table->mutex);
		dlist_move_head(&e->account->lru, &e->lru);
		SpinLockRelease(&table->mutex);
	}
	LWLockRelease(ad_shared->stats_lock);
}

/* A copy of all entries, palloc'd. */
AdStatEntry *
ad_stat_read(int *n)
{
	HASH_SEQ_STATUS scan;
	Entry	   *e;

	/* before the lock: it may raise an error */
	AdStatEntry *copy = ad_palloc_array(AdStatEntry, ad_stats_max);

	*n = 0;
	LWLockAcquire(ad_shared->stats_lock, LW_SHARED);
	hash_seq_init(&scan, entries);
	while ((e = hash_seq_search(&scan)) != NULL)
	{
		if (*n >= ad_stats_max)
		{
			hash_seq_term(&scan);
			break;
		}
		SpinLockAcquire(&e->mutex);
		copy[(*n)++] = e->counts;
		SpinLockRelease(&e->mutex);
	}
	LWLockRelease(ad_shared->stats_lock);
	return copy;
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
