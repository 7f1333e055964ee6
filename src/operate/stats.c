/*-------------------------------------------------------------------------
 *
 * stats.c
 *		Who scored by which model, how often, how fast, with what scores.
 *
 * A scoring function's call site counts in an AdStatSite, in memory of its
 * own.  A reset callback of that memory adds the counts to the shared table:
 * it runs when the query ends, normally or not, and it must not fail, so it
 * allocates nothing and raises nothing.
 *
 * Time.  Two readings of the clock cost as much as scoring a row by a small
 * model, so not every row is timed: the first 16 of a call site are, one by
 * one (the first loads the model), then one in 64, later one in 512, and the
 * rest is taken to be like those.  A row during which the process had to wait
 * stands for itself, not for so many.  What is called the latency of a call
 * is the time that one call site of one query spent in scoring functions, in
 * one process.
 *
 * The table is a hash table of a fixed number of entries.  Which one makes
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

#include <limits.h>

#include "access/xact.h"
#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#define MAX_OTHERS		4096	/* models a call site counts apart */
#define FIRST_OTHERS	16		/* capacity of its table at first */
#define LOWEST_OCTAVE	6		/* the first bucket begins at 2^6 ns */
#define PER_OCTAVE		8
#define SLOW_ROW		32		/* times the fastest: the process waited */

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

bool		ad_stats_enabled = true;
double		ad_health_error_rate_warning = 0.01;
double		ad_health_error_rate_critical = 0.1;
int			ad_health_latency_warning = 1000;
int			ad_health_latency_critical = 10000;
double		ad_health_score_shift_warning = 0.5;
double		ad_health_score_shift_critical = 1;
int			ad_health_model_age_warning = 30 * 24 * 60;
int			ad_health_model_age_critical = 90 * 24 * 60;

/* Settings that only _ad_health_jobs(), in SQL, reads. */
static int	health_job_lag_warning = 15;
static int	health_job_lag_critical = 60;
static int	health_job_failures_warning = 1;
static int	health_job_failures_critical = 3;
static int	health_alerts_warning = 100;
static int	health_alerts_critical = 1000;

static int	max_entries = 1000;
static Table *table = NULL;		/* in shared memory */
static HTAB *entries = NULL;
static HTAB *accounts = NULL;
static double clock_ns = 0;		/* what it takes to read the clock */

/* Define the settings of the room. */
void
ad_stats_settings(bool preloading)
{
	DefineCustomBoolVariable("anomaly.stat_models",
							 "Sets whether scoring is counted for ad_stat_models.",
							 "It is of effect only if the library is preloaded.",
							 &ad_stats_enabled, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.stat_models_max",
							"Sets the number of models that ad_stat_models keeps counts of.",
							"Models without a name make room for others first, then those of the role that has most.",
							&max_entries, 1000, 16, 100000,
							preloading ? PGC_POSTMASTER : PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_error_rate_warning",
							 "Sets the share of failed scoring calls from which ad_health warns.",
							 NULL, &ad_health_error_rate_warning,
							 0.01, 0, 1, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_error_rate_critical",
							 "Sets the share of failed scoring calls from which ad_health is critical.",
							 NULL, &ad_health_error_rate_critical,
							 0.1, 0, 1, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_latency_warning",
							"Sets the time of a scoring call, as its 95th percentile, from which ad_health warns.",
							NULL, &ad_health_latency_warning,
							1000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_latency_critical",
							"Sets the time of a scoring call, as its 95th percentile, from which ad_health is critical.",
							NULL, &ad_health_latency_critical,
							10000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_score_shift_warning",
							 "Sets how far the mean score may move from that of the fit before ad_health warns.",
							 "In standard deviations of the scores of the fit.",
							 &ad_health_score_shift_warning,
							 0.5, 0, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("anomaly.health_score_shift_critical",
							 "Sets how far the mean score may move from that of the fit before ad_health is critical.",
							 "In standard deviations of the scores of the fit.",
							 &ad_health_score_shift_critical,
							 1, 0, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_model_age_warning",
							"Sets the age of an active model from which ad_health warns.",
							NULL, &ad_health_model_age_warning,
							30 * 24 * 60, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_model_age_critical",
							"Sets the age of an active model from which ad_health is critical.",
							NULL, &ad_health_model_age_critical,
							90 * 24 * 60, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_job_lag_warning",
							"Sets the time since a job's last good run from which ad_health warns.",
							NULL, &health_job_lag_warning,
							15, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_job_lag_critical",
							"Sets the time since a job's last good run from which ad_health is critical.",
							NULL, &health_job_lag_critical,
							60, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_job_failures_warning",
							"Sets the number of failed runs of a job in a row from which ad_health warns.",
							NULL, &health_job_failures_warning,
							1, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_job_failures_critical",
							"Sets the number of failed runs of a job in a row from which ad_health is critical.",
							NULL, &health_job_failures_critical,
							3, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_alerts_warning",
							"Sets the number of alerts of a job in an hour from which ad_health warns.",
							NULL, &health_alerts_warning,
							100, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("anomaly.health_alerts_critical",
							"Sets the number of alerts of a job in an hour from which ad_health is critical.",
							NULL, &health_alerts_critical,
							1000, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
}

/* Bytes of the table without its entries. */
static Size
table_size(void)
{
	return offsetof(Table, accounts) +
		2 * ((Size) max_entries + 1) * sizeof(dlist_head);
}

/* The accounts of n entries, 0 to max_entries; among them none of 0. */
static dlist_head *
peers_of(int named, int n)
{
	return &table->accounts[(Size) named * ((Size) max_entries + 1) + n];
}

/* Bytes of shared memory. */
Size
ad_stats_size(void)
{
	return ad_add_size(MAXALIGN(table_size()),
					   ad_add_size(hash_estimate_size(max_entries,
													  sizeof(Entry)),
								   hash_estimate_size(max_entries,
													  sizeof(Account))));
}

/* Measure what a reading of the clock takes, at its best. */
static void
measure_clock(void)
{
	clock_ns = 1000;
	for (int i = 0; i < 100; i++)
	{
		instr_time	before;
		instr_time	after;

		INSTR_TIME_SET_CURRENT(before);
		INSTR_TIME_SET_CURRENT(after);
		INSTR_TIME_SUBTRACT(after, before);
		clock_ns = Min(clock_ns, INSTR_TIME_GET_DOUBLE(after) * 1e9);
	}
}

/* Make the table empty of accounts. */
static void
init_accounts(void)
{
	for (int named = 0; named <= 1; named++)
	{
		table->largest[named] = 0;
		for (int n = 0; n <= max_entries; n++)
			dlist_init(peers_of(named, n));
	}
}

/* Find the table, or make it; AddinShmemInitLock is held. */
void
ad_stats_startup(void)
{
	HASHCTL		ctl;
	bool		found;

	measure_clock();

	table = ShmemInitStruct("anomaly models", table_size(), &found);
	if (!found)
	{
		SpinLockInit(&table->mutex);
		init_accounts();
	}
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(AdStatKey);
	ctl.entrysize = sizeof(Entry);
	entries = ShmemInitHash("anomaly models by key", max_entries, max_entries,
							&ctl, HASH_ELEM | HASH_BLOBS);
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(AccountKey);
	ctl.entrysize = sizeof(Account);
	accounts = ShmemInitHash("anomaly models by role", max_entries,
							 max_entries, &ctl, HASH_ELEM | HASH_BLOBS);
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

/*
 * The time that a call site spent on a model, in nanoseconds: not more than
 * has passed.
 */
static double
time_of(const AdStatCounts *c, double passed)
{
	double		ns = c->first_ns;

	if (c->rows > AD_STAT_TIMED_FIRST)
	{
		double		untimed = (double) (c->rows - AD_STAT_TIMED_FIRST);

		ns += c->excess_ns + untimed *
			(c->timed > 0 ? c->later_ns / (double) c->timed :
			 c->least_ns);
	}
	return Min(ns, passed);
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

/* Make room for an entry of a role, if the table is full; false: there is none. */
static bool
make_place(Oid user, int named)
{
	Account    *a;
	Entry	   *oldest;
	AdStatKey	gone;

	if (hash_get_num_entries(entries) < max_entries)
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

/* Add a call site's counts to the shared table.  Does not fail. */
static void
flush(const AdStatCounts *c, double passed)
{
	Entry	   *e;
	double		ns = time_of(c, passed);
	TimestampTz first = GetCurrentStatementStartTimestamp();
	TimestampTz last = GetCurrentTimestamp();
	AdStatMoments scores = {0};

	if (c->rows == 0 && c->errors == 0)
		return;
	if (c->rows > 0)
	{
		double		mean = c->sum / (double) c->rows;

		scores.n = c->rows;
		scores.mean = c->shift + mean;
		scores.squares = Max(c->squares - c->sum * mean, 0);
		if (!isfinite(scores.mean) || !isfinite(scores.squares))
			memset(&scores, 0, sizeof(scores));
	}

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

/* Counts of nothing yet, for a key. */
static void
init_counts(AdStatCounts *c, const AdStatKey *key)
{
	memset(c, 0, sizeof(*c));
	c->key = *key;
	c->until = 1;
	c->threshold = NAN;
}

/*
 * Call that failed before they had a model: a name that is not there or not
 * granted, a value that is no model.  They are the role's, not those of the
 * model that the call site used before.
 */
static void
flush_unread(AdStatSite *site, double passed)
{
	AdStatKey	key;
	AdStatCounts none;

	if (site->unread == 0)
		return;
	memset(&key, 0, sizeof(key));
	key.database = site->now.key.database;
	key.user = site->now.key.user;
	init_counts(&none, &key);
	none.errors = site->unread;
	site->unread = 0;
	flush(&none, passed);
}

/* Flush all that a call site counted, and start again from nothing. */
static void
flush_site(AdStatSite *site)
{
	AdStatKey	key = site->now.key;
	instr_time	now;
	double		passed;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, site->begun);
	passed = INSTR_TIME_GET_DOUBLE(now) * 1e9;
	flush_unread(site, passed);
	flush(&site->now, passed);
	for (int i = 0; i < site->capacity; i++)
		if (OidIsValid(site->others[i].key.user))
			flush(&site->others[i], passed);
	if (site->nothers > 0)
		memset(site->others, 0, site->capacity * sizeof(AdStatCounts));
	site->nothers = 0;
	init_counts(&site->now, &key);
}

/* The call that is under way has failed; the next row is timed in its place. */
void
ad_stat_failed(AdStatSite *site)
{
	if (site->stage == AD_STAT_READING)
		site->unread++;
	else
		site->now.errors++;
	if (site->now.until == 0)
		site->now.until = 1;
	site->stage = AD_STAT_OUTSIDE;
}

/* The call site's memory goes. */
static void
at_end(void *arg)
{
	AdStatSite *site = arg;

	if (!site->on)
		return;
	site->on = false;
	if (MyProc == NULL)
		return;
	if (site->stage != AD_STAT_OUTSIDE)
		ad_stat_failed(site);
	flush_site(site);
}

/*
 * Make a call site count if the library is preloaded; mcxt is the memory
 * that the site is in and goes with.
 */
void
ad_stat_attach(AdStatSite *site, MemoryContext mcxt)
{
	AdStatKey	key;

	if (ad_shared == NULL || !ad_stats_enabled)
		return;
	memset(&key, 0, sizeof(key));
	key.database = MyDatabaseId;
	key.user = GetUserId();
	init_counts(&site->now, &key);
	site->mcxt = mcxt;
	site->callback.func = at_end;
	site->callback.arg = site;
	MemoryContextRegisterResetCallback(mcxt, &site->callback);
	INSTR_TIME_SET_CURRENT(site->begun);
	site->on = true;
}

/* The place of a key among the models used before. */
static AdStatCounts *
place_of(AdStatCounts *others, int capacity, const AdStatKey *key)
{
	uint32		at = 0;

	memcpy(&at, key->digest, sizeof(at));
	for (int i = 0; i < AD_STAT_NAME && key->name[i]; i++)
		at = at * 31 + (unsigned char) key->name[i];
	for (;; at++)
	{
		AdStatCounts *c = &others[at & (capacity - 1)];

		if (!OidIsValid(c->key.user) ||
			memcmp(&c->key, key, sizeof(AdStatKey)) == 0)
			return c;
	}
}

/* Make room for one more model in a call site. */
static void
make_room(AdStatSite *site)
{
	int			capacity = site->capacity ? 2 * site->capacity : FIRST_OTHERS;
	AdStatCounts *others;

	if (site->nothers < site->capacity / 2)
		return;
	if (site->nothers >= MAX_OTHERS)
	{
		flush_site(site);
		return;
	}
	others = MemoryContextAllocZero(site->mcxt,
									capacity * sizeof(AdStatCounts));
	for (int i = 0; i < site->capacity; i++)
		if (OidIsValid(site->others[i].key.user))
			*place_of(others, capacity, &site->others[i].key) = site->others[i];
	if (site->others)
		pfree(site->others);
	site->others = others;
	site->capacity = capacity;
}

/*
 * What follows is scored by model m, which was found by a name (with a
 * version) or has none (NULL).  To be called within a call, when the model
 * changes.
 */
void
ad_stat_model(AdStatSite *site, const AdModel *m, const char *name,
			  int32 version)
{
	AdStatKey	key;
	AdStatCounts *c;
	bool		timed;

	if (!site->on)
		return;
	memset(&key, 0, sizeof(key));
	key.database = site->now.key.database;
	key.user = site->now.key.user;
	key.version = version;
	memcpy(key.digest, m->digest, AD_DIGEST_LENGTH);
	if (name)
		strlcpy(key.name, name, pg_mbcliplen(name, strlen(name),
											 AD_STAT_NAME - 1) + 1);
	if (memcmp(&key, &site->now.key, sizeof(key)) == 0)
		return;

	/*
	 * The row that is under way is the new model's.  If it was to be timed,
	 * its clock runs already; loading the model is then part of it.
	 */
	timed = (site->now.until == 0);
	site->now.until++;
	if (site->now.rows > 0 || site->now.errors > 0)
		make_room(site);
	if (site->now.rows > 0 || site->now.errors > 0)
	{
		c = place_of(site->others, site->capacity, &site->now.key);
		if (!OidIsValid(c->key.user))
			site->nothers++;
		*c = site->now;
	}
	c = site->nothers > 0 ?
		place_of(site->others, site->capacity, &key) : NULL;
	if (c && OidIsValid(c->key.user))
	{
		/* its counts move here; what stays behind keeps the place */
		site->now = *c;
		c->rows = c->errors = 0;
	}
	else
		init_counts(&site->now, &key);
	site->now.detector = m->detector->id;
	if (m->has_scores)
	{
		/* rows held out of the fit score as new ones do */
		const AdScores *usual =
			m->calibration.method == AD_CALIBRATION_NONE ?
			&m->calibration.training : &m->calibration.held_out;

		site->now.threshold = m->calibration.threshold;
		site->now.usual_mean = usual->mean;
		site->now.usual_sd = usual->sd;
	}
	if (--site->now.until == 0 && !timed)
		INSTR_TIME_SET_CURRENT(site->start);
}

/* The timed row's score is there. */
void
ad_stat_timed(AdStatSite *site, double score)
{
	AdStatCounts *c = &site->now;
	instr_time	took;
	double		ns;

	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, site->start);
	ns = Max(INSTR_TIME_GET_DOUBLE(took) * 1e9 - clock_ns, 1);
	if (c->rows == 1)
	{
		c->shift = score;
		c->sum = c->squares = 0;
		c->least_ns = ns;
	}
	if (c->rows <= AD_STAT_TIMED_FIRST)
	{
		c->first_ns += ns;
		c->least_ns = Min(c->least_ns, ns);
	}
	else
	{
		double		counted = Min(ns, SLOW_ROW * c->least_ns);

		c->timed++;
		c->later_ns += counted;
		c->excess_ns += ns - counted;
	}
	c->until = c->rows < AD_STAT_TIMED_FIRST ? 1 :
		c->rows < AD_STAT_MANY ? AD_STAT_TIMED_EVERY : AD_STAT_TIMED_SELDOM;
}

/* A copy of all entries, palloc'd. */
AdStatEntry *
ad_stat_read(int *n)
{
	HASH_SEQ_STATUS scan;
	Entry	   *e;

	/* before the lock: it may raise an error */
	AdStatEntry *copy = ad_palloc_array(AdStatEntry, max_entries);

	*n = 0;
	LWLockAcquire(ad_shared->stats_lock, LW_SHARED);
	hash_seq_init(&scan, entries);
	while ((e = hash_seq_search(&scan)) != NULL)
	{
		if (*n >= max_entries)
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
