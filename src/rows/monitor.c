/*-------------------------------------------------------------------------
 *
 * monitor.c
 *		What runs: ad_progress.
 *
 * The view's function.  A role sees its own rows, a member of pg_monitor (or
 * pg_read_all_stats) all of them; statistics are in stat.c.
 *
 * Anybody may call the functions behind the views, so each of them decides
 * for itself what the role that calls it may see or do.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "operate/ad_progress.h"
#include "operate/ad_shared.h"
#include "rows/ad_monitor.h"
#include "sql/ad_result.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define PROGRESS_COLUMNS	11

PG_FUNCTION_INFO_V1(ad_preloaded);
PG_FUNCTION_INFO_V1(ad_progress_rows_running);
PG_FUNCTION_INFO_V1(ad_running);

/* Whether the current user may see what another role did. */
bool
ad_may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), AD_ROLE_READ_ALL_STATS) ||
		has_privs_of_role(GetUserId(), role);
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
		p->fits += other->fits;
		p->started = Min(p->started, other->started);
		if (!isnan(other->expected))
			p->expected = isnan(p->expected) ? other->expected :
				Max(p->expected, other->expected);
		other->pid = 0;
	}
	if (workers > 0)
		p->expected *= led ? parallel_divisor(workers) : workers;
}

/* Return a row for each running thing; a parallel query is one. */
static Datum
running(FunctionCallInfo fcinfo, int columns)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	AdProgress *p;
	int			n;

	ad_shared_require("ad_progress");
	store = ad_result_begin(fcinfo, columns, &desc);
	p = ad_progress_read(&n);
	rename_workers(p, n);
	for (int i = 0; i < n; i++)
	{
		AdProgress *s = &p[i];
		Datum		values[PROGRESS_COLUMNS];
		bool		nulls[PROGRESS_COLUMNS] = {false};
		bool		unknown;
		int			c = 0;

		if (s->pid == 0 || !ad_may_see(s->user))
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
		values[c++] = Int64GetDatum((int64) s->fits);
		Assert(c == PROGRESS_COLUMNS && columns <= c);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* _ad_progress(): what ad_progress was made of in 0.2.0, without fits. */
Datum
ad_progress_rows_running(PG_FUNCTION_ARGS)
{
	return running(fcinfo, PROGRESS_COLUMNS - 1);
}

/* _ad_running(): what it is made of. */
Datum
ad_running(PG_FUNCTION_ARGS)
{
	return running(fcinfo, PROGRESS_COLUMNS);
}
