/*-------------------------------------------------------------------------
 *
 * monitor.c
 *		What is watched: ad_stat_models, ad_progress, and their upkeep.
 *
 * The views' functions.  A role sees its own rows, and of statistics those
 * of the models it owns; a member of pg_monitor (or pg_read_all_stats) sees
 * all of them.
 *
 * Anybody may call the functions behind the views, so each of them decides
 * for itself what the role that calls it may see or do.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_progress.h"
#include "operate/ad_shared.h"
#include "rows/ad_model_call.h"
#include "sql/ad_result.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define STAT_COLUMNS		20
#define HEALTH_COLUMNS		11
#define PROGRESS_COLUMNS	10

PG_FUNCTION_INFO_V1(ad_stat_models);
PG_FUNCTION_INFO_V1(ad_stat_health);
PG_FUNCTION_INFO_V1(ad_stat_reset);
PG_FUNCTION_INFO_V1(ad_preloaded);
PG_FUNCTION_INFO_V1(ad_progress_rows_running);

/* Whether the current user may see what another role did. */
static bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), AD_ROLE_READ_ALL_STATS) ||
		has_privs_of_role(GetUserId(), role);
}

/* A digest as hexadecimal digits, palloc'd; NULL for that of no model. */
static char *
hex_digest(const AdStatKey *key)
{
	static const uint8 none[AD_DIGEST_LENGTH];
	char	   *hex;

	if (memcmp(key->digest, none, AD_DIGEST_LENGTH) == 0)
		return NULL;
	hex = palloc(2 * AD_DIGEST_LENGTH + 1);
	for (int i = 0; i < AD_DIGEST_LENGTH; i++)
		sprintf(hex + 2 * i, "%02x", key->digest[i]);
	return hex;
}

/*
 * Whether the current user may see the counts of an entry: as may_see(), and
 * who owns a named model of this database sees what others did with the
 * versions that it has.
 */
static bool
may_see_entry(const AdStatKey *key)
{
	text	   *name;

	if (may_see(key->user))
		return true;
	if (key->name[0] == '\0' || key->database != MyDatabaseId)
		return false;
	name = cstring_to_text(key->name);
	return ad_registry_privilege(name, NULL, GetUserId()) == AD_PRIVILEGE_OWN &&
		ad_registry_is(name, key->version, hex_digest(key));
}

/* Order by whom counts belong to, whoever scored. */
static int
compare_entries(const void *a, const void *b)
{
	const AdStatKey *x = &((const AdStatEntry *) a)->key;
	const AdStatKey *y = &((const AdStatEntry *) b)->key;
	int			c;

	if (x->database != y->database)
		return x->database < y->database ? -1 : 1;
	c = strcmp(x->name, y->name);
	if (c != 0)
		return c;
	if (x->version != y->version)
		return x->version < y->version ? -1 : 1;
	return memcmp(x->digest, y->digest, AD_DIGEST_LENGTH);
}

/* Nanoseconds as milliseconds; NaN is NULL. */
static Datum
milliseconds(double ns, bool *isnull)
{
	return ad_float_or_null(ns / 1e6, isnull);
}

/*
 * Set the columns that name what counts are of, from values[c] on: name,
 * version, digest, detector.  Return the column after them.
 */
static int
set_subject(const AdStatEntry *e, Datum *values, bool *nulls, int c)
{
	bool		unnamed = e->key.name[0] == '\0';
	char	   *digest = hex_digest(&e->key);
	const AdDetector *d = e->detector ? ad_detector_by_id(e->detector) : NULL;

	nulls[c] = unnamed;
	values[c++] = CStringGetTextDatum(e->key.name);
	nulls[c] = unnamed || e->key.version == 0;
	values[c++] = Int32GetDatum(e->key.version);
	nulls[c] = digest == NULL;
	values[c++] = digest ? CStringGetTextDatum(digest) : (Datum) 0;
	nulls[c] = d == NULL;
	values[c++] = d ? CStringGetTextDatum(d->name) : (Datum) 0;
	return c;
}

/* How far the scores are from those of the fit, in its deviations. */
static Datum
score_shift(const AdStatEntry *e, bool *isnull)
{
	*isnull = e->scores.n == 0 || !(e->usual_sd > 0);
	return Float8GetDatum(*isnull ? 0 :
						  (e->scores.mean - e->usual_mean) / e->usual_sd);
}

/* _ad_stat_models(): a row for each database, model and version. */
Datum
ad_stat_models(PG_FUNCTION_ARGS)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	AdStatEntry *e;
	int			n;
	int			visible = 0;

	ad_shared_require("ad_stat_models");
	store = ad_result_begin(fcinfo, STAT_COLUMNS, &desc);
	e = ad_stat_read(&n);
	for (int i = 0; i < n; i++)
		if (may_see_entry(&e[i].key))
			e[visible++] = e[i];
	qsort(e, visible, sizeof(AdStatEntry), compare_entries);

	for (int i = 0; i < visible;)
	{
		AdStatEntry *s = &e[i];
		Datum		values[STAT_COLUMNS];
		bool		nulls[STAT_COLUMNS] = {false};
		int			c = 0;

		for (i++; i < visible && compare_entries(s, &e[i]) == 0; i++)
			ad_stat_merge(s, &e[i]);
		CHECK_FOR_INTERRUPTS();

		values[c++] = ObjectIdGetDatum(s->key.database);
		c = set_subject(s, values, nulls, c);
		values[c++] = Int64GetDatum((int64) s->calls);
		values[c++] = Int64GetDatum((int64) s->rows);
		values[c++] = Int64GetDatum((int64) s->anomalies);
		values[c++] = Int64GetDatum((int64) s->errors);
		values[c] = milliseconds(s->total, &nulls[c]);
		c++;
		values[c] = milliseconds(s->total / (double) s->calls, &nulls[c]);
		c++;
		values[c] = milliseconds(s->max, &nulls[c]);
		c++;
		values[c] = milliseconds(ad_stat_quantile(s, 0.5), &nulls[c]);
		c++;
		values[c] = milliseconds(ad_stat_quantile(s, 0.95), &nulls[c]);
		c++;
		values[c] = milliseconds(ad_stat_quantile(s, 0.99), &nulls[c]);
		c++;
		nulls[c] = s->scores.n == 0;
		values[c++] = Float8GetDatum(s->scores.mean);
		nulls[c] = s->scores.n == 0;
		values[c++] = Float8GetDatum(s->scores.n == 0 ? 0 :
									 sqrt(s->scores.squares /
										  (double) s->scores.n));
		values[c] = score_shift(s, &nulls[c]);
		c++;
		values[c++] = TimestampTzGetDatum(s->first);
		values[c++] = TimestampTzGetDatum(s->last);
		Assert(c == STAT_COLUMNS);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* Whose fault the counts of an entry can be; see ad_stat_health(). */
typedef enum Whose
{
	WHOSE_MODEL,				/* that of a named model */
	WHOSE_OWN,					/* that of the current user */
	WHOSE_OTHERS				/* that of other roles */
} Whose;

static const char *const whose_names[] = {"model", "own", "others"};

typedef struct Judged
{
	AdStatEntry *e;
	Whose		whose;
} Judged;

/* Order by what is judged together. */
static int
compare_judged(const void *a, const void *b)
{
	const Judged *x = a;
	const Judged *y = b;

	if (x->whose != y->whose)
		return x->whose < y->whose ? -1 : 1;
	return compare_entries(x->e, y->e);
}

/*
 * Whether an entry is judged: it is of this database, the current user may
 * see it, and if it has a name, it is of the version that is active.
 */
static bool
is_judged(const AdStatKey *key)
{
	text	   *name;
	AdRegistryName row;

	if (key->database != MyDatabaseId || !may_see_entry(key))
		return false;
	if (key->name[0] == '\0')
		return true;
	name = cstring_to_text(key->name);
	return ad_registry_name(name, NULL, &row) &&
		row.active == key->version &&
		ad_registry_is(name, key->version, hex_digest(key));
}

/* Choose what is judged of n entries, in the order of compare_judged(). */
static Judged *
choose_judged(AdStatEntry *e, int n, int *njudged)
{
	Judged	   *judged = ad_palloc_array(Judged, n);

	*njudged = 0;
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_judged(&e[i].key))
			continue;
		judged[*njudged].e = &e[i];
		judged[(*njudged)++].whose = e[i].key.name[0] != '\0' ? WHOSE_MODEL :
			e[i].key.user == GetUserId() ? WHOSE_OWN : WHOSE_OTHERS;
	}
	qsort(judged, *njudged, sizeof(Judged), compare_judged);
	return judged;
}

/*
 * Add up what is judged together with the first of some entries, into it.
 * Return their number, and the role that failed most.
 */
static int
merge_judged(const Judged *judged, int n, Oid *role)
{
	AdStatEntry *sum = judged[0].e;
	uint64		max_errors = sum->errors;
	int			i = 1;

	*role = sum->key.user;
	for (; i < n && compare_judged(&judged[0], &judged[i]) == 0; i++)
	{
		const AdStatEntry *other = judged[i].e;

		if (other->errors > max_errors)
		{
			max_errors = other->errors;
			*role = other->key.user;
		}
		ad_stat_merge(sum, other);
	}
	return i;
}

/*
 * _ad_stat_health(): what ad_health() judges, of this database and what the
 * user may see: a row for each named model, its active version; and for each
 * other model, and for the calls that had none, a row for the user's own
 * calls and one for those of other roles, since anybody can make those fail
 * or take long.  With a row goes the role that failed most.
 */
Datum
ad_stat_health(PG_FUNCTION_ARGS)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	AdStatEntry *e;
	Judged	   *judged;
	int			n;
	int			njudged;

	ad_shared_require("ad_stat_models");
	store = ad_result_begin(fcinfo, HEALTH_COLUMNS, &desc);
	e = ad_stat_read(&n);
	judged = choose_judged(e, n, &njudged);
	for (int i = 0; i < njudged;)
	{
		const AdStatEntry *s = judged[i].e;
		Datum		values[HEALTH_COLUMNS];
		bool		nulls[HEALTH_COLUMNS] = {false};
		Oid			role;
		int			c = 0;

		values[c++] = CStringGetTextDatum(whose_names[judged[i].whose]);
		i += merge_judged(&judged[i], njudged - i, &role);
		c = set_subject(s, values, nulls, c);
		values[c++] = Int64GetDatum((int64) s->calls);
		values[c++] = Int64GetDatum((int64) s->rows);
		values[c++] = Int64GetDatum((int64) s->errors);
		values[c++] = ObjectIdGetDatum(role);
		values[c] = milliseconds(ad_stat_quantile(s, 0.95), &nulls[c]);
		c++;
		values[c] = score_shift(s, &nulls[c]);
		c++;
		Assert(c == HEALTH_COLUMNS);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* ad_stat_reset(): forget what ad_stat_models counted. */
Datum
ad_stat_reset(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	ad_shared_require("ad_stat_models");
	ad_stat_reset_all();
	PG_RETURN_VOID();
}

/* _ad_preloaded(): whether there is shared memory. */
Datum
ad_preloaded(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_BOOL(ad_shared != NULL);
}

/*
 * The share of a parallel plan's rows that the planner expects a process to
 * read, inverted: a leader helps the less the more workers it has.
 */
static double
parallel_divisor(int workers)
{
	return workers + Max(1.0 - 0.3 * workers, 0);
}

/*
 * Workers only know that they fit.  Where their leader does that for a
 * training or a detection, make them part of it.
 */
static void
rename_workers(AdProgress *p, int n)
{
	for (int i = 0; i < n; i++)
	{
		const AdProgress *leader = NULL;

		if (p[i].pid == p[i].leader || strcmp(p[i].kind, "fit") != 0)
			continue;
		for (int k = 0; k < n; k++)
		{
			if (p[k].pid != p[i].leader)
				continue;
			if (strcmp(p[k].kind, "fit") == 0)
			{
				leader = NULL;
				break;
			}
			if (strcmp(p[k].kind, "train") == 0 ||
				strcmp(p[k].kind, "detect") == 0)
				leader = &p[k];
		}
		if (leader)
		{
			memcpy(p[i].kind, leader->kind, sizeof(p[i].kind));
			memcpy(p[i].name, leader->name, sizeof(p[i].name));
		}
	}
}

/*
 * Whether two processes do the same thing: those of a parallel query, unless
 * both lead one.
 */
static bool
same_task(const AdProgress *a, const AdProgress *b)
{
	return a->leader == b->leader && a->pid != b->pid &&
		!(a->pid == a->leader && b->pid == b->leader) &&
		strcmp(a->kind, b->kind) == 0 && strcmp(a->name, b->name) == 0;
}

/*
 * Add to the first of some slots what the processes of its query in the
 * others have done; those become free.  Rows are summed, and the rows
 * expected are what a process expects times their number.
 */
static void
merge_processes(AdProgress *p, int n)
{
	int			workers = p->pid != p->leader;
	bool		led = p->pid == p->leader;

	for (int k = 1; k < n; k++)
	{
		AdProgress *other = &p[k];

		if (other->pid == 0 || !same_task(p, other))
			continue;
		/* the leader's row is the one that is shown */
		if (other->pid == other->leader)
		{
			strlcpy(p->phase, other->phase, sizeof(p->phase));
			led = true;
		}
		else
			workers++;
		p->rows += other->rows;
		p->started = Min(p->started, other->started);
		if (!isnan(other->expected))
			p->expected = isnan(p->expected) ? other->expected :
				Max(p->expected, other->expected);
		other->pid = 0;
	}
	if (workers > 0)
		p->expected *= led ? parallel_divisor(workers) : workers;
}

/* _ad_progress(): a row for each running thing; a parallel query is one. */
Datum
ad_progress_rows_running(PG_FUNCTION_ARGS)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	AdProgress *p;
	int			n;

	ad_shared_require("ad_progress");
	store = ad_result_begin(fcinfo, PROGRESS_COLUMNS, &desc);
	p = ad_progress_read(&n);
	rename_workers(p, n);
	for (int i = 0; i < n; i++)
	{
		AdProgress *s = &p[i];
		Datum		values[PROGRESS_COLUMNS];
		bool		nulls[PROGRESS_COLUMNS] = {false};
		bool		unknown;
		int			c = 0;

		if (s->pid == 0 || !may_see(s->user))
			continue;
		merge_processes(s, n - i);
		unknown = !(s->expected >= 0 && s->expected < 9e18);

		values[c++] = Int32GetDatum(s->leader);
		values[c++] = ObjectIdGetDatum(s->database);
		values[c++] = ObjectIdGetDatum(s->user);
		values[c++] = CStringGetTextDatum(s->kind);
		nulls[c] = s->name[0] == '\0';
		values[c++] = CStringGetTextDatum(s->name);
		nulls[c] = s->phase[0] == '\0';
		values[c++] = CStringGetTextDatum(s->phase);
		values[c++] = Int64GetDatum((int64) s->rows);
		nulls[c] = unknown;
		values[c++] = Int64GetDatum(unknown ? 0 : (int64) rint(s->expected));
		nulls[c] = unknown || !(s->expected > 0);
		values[c] = Float8GetDatum(nulls[c] ? 0 :
								   Min(100.0, 100.0 * (double) s->rows /
									   s->expected));
		c++;
		values[c++] = TimestampTzGetDatum(s->started);
		Assert(c == PROGRESS_COLUMNS);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}
