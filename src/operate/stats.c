/*-------------------------------------------------------------------------
 *
 * stats.c
 *		What a scoring function counts in its own memory.
 *
 * A scoring function's call site counts in an AdStatSite, in memory of its
 * own.  A reset callback of that memory adds the counts to the shared table
 * (stats_table.c): it runs when the query ends, normally or not, and it must
 * not fail, so it allocates nothing and raises nothing.
 *
 * A row costs no more than putting its score into a small array and counting
 * down: scores are added up 64 at a time, and what failed is what began and
 * did not end.
 *
 * Time.  Two readings of the clock cost as much as scoring a row by a small
 * model, so not every row is timed: the first 16 of a model are, one by
 * one (the first loads the model), then one in 61, later one in 509, and the
 * rows since are taken to be like it.  A row during which the process had to
 * wait stands for itself, not for so many.  What is called the latency of a
 * call is the time that one call site of one query spent in scoring functions,
 * in one process.
 *
 * A query that runs for longer than an interval adds what it has so far at
 * the next timed row, so that intervals show it while it runs.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_cache_counts.h"
#include "operate/ad_shared.h"
#include "operate/ad_stats.h"

#include "mb/pg_wchar.h"
#include "storage/proc.h"

#define MAX_MODELS		4096	/* a call site counts apart */
#define FIRST_CAPACITY	16		/* of its table of them */
#define SLOW_ROW		32		/* times the fastest: the process waited */
#define NEVER			PG_UINT32_MAX

static double clock_ns = 0;		/* what it takes to read the clock */

/* Measure what a reading of the clock takes, at its best. */
void
ad_stat_measure_clock(void)
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

/* The time since a moment, in nanoseconds; which becomes now. */
static double
passed_since(instr_time *moment)
{
	instr_time	now;
	double		ns;

	INSTR_TIME_SET_CURRENT(now);
	ns = INSTR_TIME_GET_DOUBLE(now) * 1e9;
	ns -= INSTR_TIME_GET_DOUBLE(*moment) * 1e9;
	*moment = now;
	return Max(ns, 0);
}

/* Counts of nothing yet, for a key. */
static void
init_counts(AdStatCounts *c, const AdStatKey *key)
{
	memset(c, 0, sizeof(*c));
	c->key = *key;
	c->threshold = NAN;
	c->first_ns = NAN;
}

/* After so many more calls one is looked at; those that were stay counted. */
static inline void
schedule(AdStatSite *site, uint32 calls)
{
	site->period += calls - site->until;
	site->until = calls;
}

/* The clock starts for the call that is under way. */
static void
start_clock(AdStatSite *site)
{
	site->timed = site->until;
	site->end = site->next + 1;
	INSTR_TIME_SET_CURRENT(site->start);
}

/* If the call that ends without a score was timed, the next is in its place. */
static void
pass_over(AdStatSite *site)
{
	if (site->timed != 0 && site->timed == site->until)
	{
		site->timed = 0;
		site->end = site->scores + AD_STAT_PENDING;
		schedule(site, 1);
	}
}

/*
 * Four numbers at a time, so that a sum need not wait for the one before.
 * Compilers make of it what the machine has.
 */
typedef double Four __attribute__((vector_size(4 * sizeof(double))));
typedef int64 FourBits __attribute__((vector_size(4 * sizeof(int64))));

/*
 * Add n scores to counts; there is room for as many more as make it a multiple
 * of 4.
 */
static void
add_up(AdStatCounts *c, double *scores, int n)
{
	const		Four shift = {c->shift, c->shift, c->shift, c->shift};
	const		Four threshold = {c->threshold, c->threshold, c->threshold,
	c->threshold};
	Four		sum = {0};
	Four		squares = {0};
	FourBits	above = {0};

	/* these are no different from the first; what is above is taken back */
	for (int i = n; i % 4 != 0; i++)
		scores[i] = c->shift;
	for (int i = 0; i < n; i += 4)
	{
		Four		s;

		memcpy(&s, &scores[i], sizeof(s));
		above -= (FourBits) (s > threshold);
		s -= shift;
		sum += s;
		squares += s * s;
	}
	for (int i = n; i % 4 != 0; i++)
		above[0] -= c->shift > c->threshold;
	c->sum += (sum[0] + sum[1]) + (sum[2] + sum[3]);
	c->squares += (squares[0] + squares[1]) + (squares[2] + squares[3]);
	c->anomalies += (uint64) (above[0] + above[1] + above[2] + above[3]);
}

/* Add the scores that are waiting to the counts of the model in use. */
static void
add_scores(AdStatSite *site)
{
	AdStatCounts *c = site->now;
	int			n = (int) (site->next - site->scores);

	site->next = site->scores;
	site->end = site->scores + AD_STAT_PENDING;
	if (n == 0 || c == NULL)
		return;
	if (c->rows == 0)
		c->shift = site->scores[0];
	add_up(c, site->scores, n);
	c->rows += (uint64) n;
	c->seen += (uint64) n;
	site->added += (uint32) n;
}

/*
 * Count what failed: calls that began, and did not end.  Those that had no
 * model yet are the role's: a name that is not there or not granted, a value
 * that is no model.
 */
static void
settle(AdStatSite *site)
{
	uint32		errors;

	add_scores(site);
	site->unread += (uint32) (site->period - site->until - site->found);
	errors = site->found - site->added;
	if (site->now)
		site->now->errors += errors;
	else
		site->unread += errors;
	site->found = site->added = 0;
	site->period = site->until;
}

/* What rows of a model take that have not been timed, in nanoseconds. */
static double
usual_time(const AdStatCounts *c)
{
	return c->steady_rows > 0 ? c->steady_ns / c->steady_rows : c->fastest_ns;
}

/* So many rows took so long each. */
static void
account(AdStatCounts *c, uint64 rows, double ns)
{
	if (rows == 0)
		return;
	c->accounted += rows;
	c->steady_rows += (double) rows;
	c->steady_ns += ns * (double) rows;
	c->ns += ns * (double) rows;
	c->steps[ad_stat_step(ns)] += (uint32) rows;
}

/*
 * Add a call site's counts of a model to the shared table, if there are any,
 * and begin anew; "last": the call has ended.
 */
static void
flush(AdStatCounts *c, double passed, bool last)
{
	account(c, c->seen - c->accounted, usual_time(c));
	c->ns = Min(c->ns, passed);
	c->call_ns += c->ns;
	if (c->rows > 0 || c->errors > 0 || (last && c->begun))
		ad_stat_add(c, last);
	c->begun = c->begun || c->rows > 0 || c->errors > 0;
	c->rows = c->anomalies = c->errors = c->caught = 0;
	c->sum = c->squares = c->ns = 0;
	c->first_ns = NAN;
	memset(c->steps, 0, sizeof(c->steps));
}

/* Flush all that a call site counted; "last": it goes. */
static void
flush_site(AdStatSite *site, bool last)
{
	double		passed;

	settle(site);
	passed = passed_since(&site->flushed);
	if (site->unread > 0)
	{
		/* no memory may be asked for */
		static AdStatCounts none;

		init_counts(&none, &site->whose);
		none.errors = site->unread;
		none.caught = site->unread_caught;
		site->unread = site->unread_caught = 0;
		flush(&none, passed, true);
	}
	if (site->models == NULL && site->now)
		flush(site->now, passed, last);
	for (int i = 0; i < site->capacity; i++)
		if (site->models[i])
			flush(site->models[i], passed, last);
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
	flush_site(site, true);
	ad_cache_counts_tell();
}

/*
 * Make a call site count if the library is preloaded; mcxt is the memory
 * that the site is in and goes with.
 */
void
ad_stat_attach(AdStatSite *site, MemoryContext mcxt)
{
	site->next = site->scores;
	site->end = site->scores + AD_STAT_PENDING;
	site->until = site->period = NEVER;
	if (ad_shared == NULL || !ad_stats_enabled)
		return;
	site->whose.database = MyDatabaseId;
	site->whose.user = GetUserId();
	site->mcxt = mcxt;
	site->until = site->period = 1;
	site->callback.func = at_end;
	site->callback.arg = site;
	MemoryContextRegisterResetCallback(mcxt, &site->callback);
	INSTR_TIME_SET_CURRENT(site->flushed);
	site->on = true;
}

/* The place of a key among the models. */
static AdStatCounts **
place_of(AdStatCounts **models, int capacity, const AdStatKey *key)
{
	uint32		at = 0;

	memcpy(&at, key->digest, sizeof(at));
	for (int i = 0; i < AD_STAT_NAME && key->name[i]; i++)
		at = at * 31 + (uint8) key->name[i];
	for (at += (uint32) key->version;; at++)
	{
		AdStatCounts **c = &models[at & (uint32) (capacity - 1)];

		if (*c == NULL || memcmp(&(*c)->key, key, sizeof(AdStatKey)) == 0)
			return c;
	}
}

/* Make room for one more model in a call site. */
static void
make_room(AdStatSite *site)
{
	int			capacity = site->capacity ? 2 * site->capacity : FIRST_CAPACITY;
	AdStatCounts **models;

	if (site->nmodels < site->capacity / 2)
		return;
	if (site->nmodels >= MAX_MODELS)
	{
		flush_site(site, true);
		for (int i = 0; i < site->capacity; i++)
			if (site->models[i] && site->models[i] != &site->own)
				pfree(site->models[i]);
		memset(site->models, 0, site->capacity * sizeof(AdStatCounts *));
		site->nmodels = 0;
		site->now = NULL;
		return;
	}
	models = MemoryContextAllocZero(site->mcxt,
									capacity * sizeof(AdStatCounts *));
	for (int i = 0; i < site->capacity; i++)
		if (site->models[i])
			*place_of(models, capacity, &site->models[i]->key) = site->models[i];
	if (site->models)
		pfree(site->models);
	else if (site->now)
	{
		*place_of(models, capacity, &site->now->key) = site->now;
		site->nmodels = 1;
	}
	site->models = models;
	site->capacity = capacity;
}

/* New counts for a key, which the call site has none for. */
static AdStatCounts *
new_counts(AdStatSite *site, const AdStatKey *key)
{
	AdStatCounts *c = &site->own;

	if (site->now == NULL && site->models == NULL)
	{
		init_counts(c, key);
		return c;
	}
	make_room(site);
	c = MemoryContextAlloc(site->mcxt, sizeof(AdStatCounts));
	init_counts(c, key);
	*place_of(site->models, site->capacity, key) = c;
	site->nmodels++;
	return c;
}

/* What a model says of its scores. */
static void
set_usual(AdStatCounts *c, const AdModel *m)
{
	c->detector = m->detector->id;
	if (m->has_scores)
	{
		/* rows held out of the fit score as new ones do */
		const AdScores *usual =
			m->calibration.method == AD_CALIBRATION_NONE ?
			&m->calibration.training : &m->calibration.held_out;

		c->threshold = m->calibration.threshold;
		c->usual_mean = usual->mean;
		c->usual_sd = usual->sd;
	}
}

/*
 * What follows is scored by model m, which was found by a name (with a
 * version) or has none (NULL).  To be called within a call that has been
 * told to have its model, when the model changes.
 */
void
ad_stat_model(AdStatSite *site, const AdModel *m, const char *name,
			  int32 version)
{
	AdStatKey	key = site->whose;
	AdStatCounts *c;

	if (!site->on)
		return;
	key.version = version;
	memcpy(key.digest, m->digest, AD_DIGEST_LENGTH);
	if (name)
		strlcpy(key.name, name, pg_mbcliplen(name, strlen(name),
											 AD_STAT_NAME - 1) + 1);
	if (site->now && memcmp(&key, &site->now->key, sizeof(key)) == 0)
		return;

	/* the call that is under way is the new model's */
	site->period--;
	site->found--;
	settle(site);
	c = site->models ?
		*place_of(site->models, site->capacity, &key) : NULL;
	if (c == NULL)
	{
		c = new_counts(site, &key);
		set_usual(c, m);
	}
	site->now = c;
	site->period++;
	site->found++;

	/* where its clock runs already, loading the model is part of it */
	if (site->timed != 0 && site->timed == site->until)
		site->end = site->next + 1;
	else
	{
		site->timed = 0;
		if (c->seen == 0)
			start_clock(site);
	}
}

/*
 * The same for the model of an entity: all entities of a version count together,
 * by its digest.  What is usual, and what is an anomaly, differs between them,
 * and is not counted.
 */
void
ad_stat_entity(AdStatSite *site, const AdModel *m, const char *name,
			   int32 version, const uint8 *digest)
{
	AdModel		all;

	if (!site->on ||
		(site->now && site->now->key.version == version &&
		 memcmp(site->now->key.digest, digest, AD_DIGEST_LENGTH) == 0))
		return;
	all = *m;
	memcpy(all.digest, digest, AD_DIGEST_LENGTH);
	all.has_scores = false;
	ad_stat_model(site, &all, name, version);
}

/* The call that begins is to be timed. */
void
ad_stat_due(AdStatSite *site)
{
	schedule(site, NEVER);
	if (site->on)
		start_clock(site);
}

/* The call returns nothing, as if it had not been made. */
void
ad_stat_none(AdStatSite *site, bool found)
{
	pass_over(site);
	site->period--;
	site->found -= found;
}

/* The call fails, but does not say so: it returns NULL. */
void
ad_stat_caught(AdStatSite *site, bool found)
{
	pass_over(site);
	if (!site->on)
		return;
	if (found && site->now)
		site->now->caught++;
	else
		site->unread_caught++;
}

/* The timed row has its score; it is the last of those added up. */
static void
add_time(AdStatCounts *c, double ns)
{
	if (c->seen == 1)
	{
		c->first_ns = c->fastest_ns = ns;
		c->ns += ns;
		c->accounted = 1;
		return;
	}
	if (c->seen <= AD_STAT_TIMED_FIRST)
		c->fastest_ns = Min(c->fastest_ns, ns);
	if (c->seen > AD_STAT_TIMED_FIRST && ns > SLOW_ROW * c->fastest_ns)
	{
		/* it speaks for itself */
		account(c, c->seen - c->accounted - 1, usual_time(c));
		c->steps[ad_stat_step(ns)]++;
		c->accounted++;
		c->ns += ns;
	}
	else
		account(c, c->seen - c->accounted, ns);
}

/* There are scores to be added up, or the timed row has its score. */
void
ad_stat_full(AdStatSite *site)
{
	instr_time	took;
	bool		in_time = site->timed != 0 && site->timed == site->until;
	uint64		seen;

	if (!site->on || site->timed == 0)
	{
		add_scores(site);
		return;
	}
	if (in_time)
		INSTR_TIME_SET_CURRENT(took);
	add_scores(site);
	seen = site->now->seen;
	if (in_time)
	{
		double		passed = INSTR_TIME_GET_DOUBLE(took) -
			INSTR_TIME_GET_DOUBLE(site->flushed);

		INSTR_TIME_SUBTRACT(took, site->start);
		add_time(site->now,
				 Max(INSTR_TIME_GET_DOUBLE(took) * 1e9 - clock_ns, 1));
		if (passed >= ad_stats_interval)
			flush_site(site, false);
	}
	site->timed = 0;
	schedule(site, !in_time || seen < AD_STAT_TIMED_FIRST ? 1 :
			 seen < AD_STAT_MANY ? AD_STAT_TIMED_EVERY :
			 AD_STAT_TIMED_SELDOM);
}
