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
 * Time.  Two readings of the clock cost as much as scoring a row by a small
 * model, so not every row is timed: the first 16 of a call site are, one by
 * one (the first loads the model), then one in 64, later one in 512, and the
 * rest is taken to be like those.  A row during which the process had to wait
 * stands for itself, not for so many.  What is called the latency of a call
 * is the time that one call site of one query spent in scoring functions, in
 * one process.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_shared.h"
#include "operate/ad_stats.h"

#include "mb/pg_wchar.h"
#include "storage/proc.h"

#define MAX_OTHERS		4096	/* models a call site counts apart */
#define FIRST_OTHERS	16		/* capacity of its table at first */
#define SLOW_ROW		32		/* times the fastest: the process waited */

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
			 c->fastest_ns);
	}
	return Min(ns, passed);
}

/* Add a call site's counts to the shared table, if there are any. */
static void
flush(const AdStatCounts *c, double passed)
{
	if (c->rows > 0 || c->errors > 0)
		ad_stat_add(c, time_of(c, passed));
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
 * Count the calls that failed before they had a model: a name that is not
 * there or not granted, a value that is no model.  They are the role's, not those of the
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
		c->fastest_ns = ns;
	}
	if (c->rows <= AD_STAT_TIMED_FIRST)
	{
		c->first_ns += ns;
		c->fastest_ns = Min(c->fastest_ns, ns);
	}
	else
	{
		double		counted = Min(ns, SLOW_ROW * c->fastest_ns);

		c->timed++;
		c->later_ns += counted;
		c->excess_ns += ns - counted;
	}
	c->until = c->rows < AD_STAT_TIMED_FIRST ? 1 :
		c->rows < AD_STAT_MANY ? AD_STAT_TIMED_EVERY : AD_STAT_TIMED_SELDOM;
}
