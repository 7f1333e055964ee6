/*-------------------------------------------------------------------------
 *
 * stat_health.c
 *		What ad_health() makes of the statistics of scoring.
 *
 * As for the views, a role sees what its own calls counted and what models of
 * its own did; see stat.c.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_shared.h"
#include "rows/ad_model_call.h"
#include "rows/ad_stat_entries.h"
#include "sql/ad_result.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define LEAST_CALLS			20	/* that ad_health() judges */
#define LEAST_ROWS			1000
#define HEALTH_COLUMNS		19

PG_FUNCTION_INFO_V1(ad_stat_health);

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
	const AdStatInterval *intervals;	/* oldest first */
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
	return ad_stat_compare(x->e, y->e);
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

	if (key->database != MyDatabaseId || !ad_stat_may_see(key))
		return false;
	if (key->name[0] == '\0')
		return true;
	name = cstring_to_text(key->name);
	return ad_registry_name(name, NULL, &row) &&
		row.active == key->version &&
		ad_registry_is(name, key->version, ad_stat_digest_text(key));
}

/* Choose what is judged of all entries, in the order of compare_judged(). */
static Judged *
choose_judged(int *njudged)
{
	AdStatInterval *intervals;
	int			n;
	AdStatEntry *e = ad_stat_read(&n, &intervals);
	Judged	   *judged = ad_palloc_array(Judged, n);

	*njudged = 0;
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_judged(&e[i].key))
			continue;
		judged[*njudged].e = &e[i];
		judged[*njudged].intervals = &intervals[(Size) i * ad_stats_intervals];
		judged[(*njudged)++].whose = e[i].key.name[0] != '\0' ? WHOSE_MODEL :
			e[i].key.user == GetUserId() ? WHOSE_OWN : WHOSE_OTHERS;
	}
	qsort(judged, *njudged, sizeof(Judged), compare_judged);
	return judged;
}

/* When the newest interval before a time began, of what is judged together. */
static TimestampTz
interval_before(const Judged *judged, int n, TimestampTz before)
{
	TimestampTz result = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < ad_stats_intervals; k++)
			if (judged[i].intervals[k].start < before)
				result = Max(result, judged[i].intervals[k].start);
	return result;
}

/*
 * When what is judged together began to be recent: the interval before that
 * of now, or as far back as there are LEAST_CALLS calls, but not more than an
 * hour, or what the intervals are for if that is longer.
 */
static TimestampTz
recent_since(const Judged *judged, int n)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		length = (int64) ad_stats_interval * USECS_PER_SEC;
	TimestampTz oldest = now - Max(USECS_PER_HOUR, ad_stats_intervals * length);
	TimestampTz since = now - now % length - length;

	for (;;)
	{
		uint64		calls = 0;
		uint64		errors = 0;
		TimestampTz before;

		for (int i = 0; i < n; i++)
			for (int k = 0; k < ad_stats_intervals; k++)
				if (judged[i].intervals[k].start >= since)
				{
					calls += judged[i].intervals[k].sums.calls;
					errors += judged[i].intervals[k].sums.errors;
				}
		before = interval_before(judged, n, since);
		if (Max(calls, errors) >= LEAST_CALLS || before == 0 || before < oldest)
			return since;
		since = before;
	}
}

/* What is judged together: all of it, what is recent, and who failed most. */
typedef struct Verdict
{
	AdStatEntry all;
	AdStatEntry recent;
	TimestampTz since;
	Oid			role;
} Verdict;

/*
 * Add up what is judged together with the first of some entries.  Return
 * their number.
 */
static int
merge_judged(const Judged *judged, int n, Verdict *v)
{
	uint64		max_errors = 0;
	int			same = 1;

	while (same < n && compare_judged(&judged[0], &judged[same]) == 0)
		same++;
	v->since = recent_since(judged, same);
	v->role = judged[0].e->key.user;
	v->all = *judged[0].e;
	ad_stat_begin_part(&v->recent, judged[0].e);
	for (int i = 0; i < same; i++)
	{
		uint64		before = v->recent.sums.errors;

		if (i > 0)
			ad_stat_merge(&v->all, judged[i].e);
		for (int k = 0; k < ad_stats_intervals; k++)
			if (judged[i].intervals[k].start >= v->since)
				ad_stat_add_interval(&v->recent, &judged[i].intervals[k]);
		if (v->recent.sums.errors - before > max_errors)
		{
			max_errors = v->recent.sums.errors - before;
			v->role = judged[i].e->key.user;
		}
	}
	return same;
}

/* The number of times in a histogram. */
static double
number_of(const uint64 *steps)
{
	double		n = 0;

	for (int i = 0; i < AD_STAT_FINE; i++)
		n += (double) steps[i];
	return n;
}

/*
 * How long a row takes now, and took before, in the middle, of the kind of
 * rows that got slower: those after the first of a call are compared with
 * their like, and so are the first ones, in which the model is found.  False:
 * there is not enough of either.
 */
static bool
compare_times(const Verdict *v, double *recent, double *past)
{
	static const struct
	{
		AdStatKind	kind;
		double		least;
	}			kinds[] = {{AD_STAT_ROW, LEAST_ROWS}, {AD_STAT_FIRST, LEAST_CALLS}};
	bool		result = false;

	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		const uint64 *now = v->recent.steps[kinds[i].kind];
		uint64		before[AD_STAT_FINE];
		double		a;
		double		b;

		/* halves of coarse buckets are not those that were counted */
		for (int k = 0; k < AD_STAT_FINE; k += 2)
		{
			uint64		both = v->all.steps[kinds[i].kind][k] +
				v->all.steps[kinds[i].kind][k + 1];
			uint64		gone = now[k] + now[k + 1];

			both -= Min(both, gone);
			before[k] = both / 2;
			before[k + 1] = both - both / 2;
		}
		if (number_of(now) < kinds[i].least ||
			number_of(before) < kinds[i].least)
			continue;
		a = ad_stat_quantile(now, 0.5, NAN);
		b = ad_stat_quantile(before, 0.5, NAN);
		if (!result || a / b > *recent / *past)
		{
			*recent = a;
			*past = b;
		}
		result = true;
	}
	return result;
}

/* Set the columns on what is recent; return the column after them. */
static int
set_recent(const Verdict *v, Datum *values, bool *nulls, int c)
{
	uint64		steps[AD_STAT_FINE];
	double		recent = NAN;
	double		past = NAN;

	(void) compare_times(v, &recent, &past);
	ad_stat_add_rows(&v->recent, steps);
	values[c++] = TimestampTzGetDatum(v->since);
	values[c++] = Int64GetDatum((int64) v->recent.sums.calls);
	values[c++] = Int64GetDatum((int64) v->recent.sums.rows);
	values[c++] = Int64GetDatum((int64) v->recent.sums.errors);
	values[c++] = Int64GetDatum((int64) v->recent.sums.caught);
	values[c] = ad_stat_milliseconds(ad_stat_quantile(steps, 0.95, NAN), &nulls[c]);
	c++;
	values[c] = ad_float_or_null(recent / 1e3, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(past / 1e3, &nulls[c]);
	return c + 1;
}

/*
 * How far the scores are from those of the fit, in its deviations, or in those
 * of the scores themselves if they are greater: what a few absurd scores do to
 * the mean, they do to those too.
 */
static Datum
judged_shift(const AdStatEntry *e, bool *isnull)
{
	const AdStatMoments *scores = &e->sums.scores;
	Datum		shift = ad_stat_score_shift(e, isnull);
	double		sd = *isnull ? 0 :
		sqrt(scores->squares / (double) scores->n) / e->usual_sd;

	return sd > 1 ? Float8GetDatum(DatumGetFloat8(shift) / sd) : shift;
}

/*
 * _ad_stat_health(): what ad_health() judges, of this database and what the
 * user may see: a row for each named model, its active version; and for each
 * other model, and for the calls that had none, a row for the user's own
 * calls and one for those of other roles, since anybody can make those fail
 * or take long.  With a row goes the role that failed most lately.
 */
Datum
ad_stat_health(PG_FUNCTION_ARGS)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	Judged	   *judged;
	int			njudged;

	ad_shared_require("ad_stat_models");
	store = ad_result_begin(fcinfo, HEALTH_COLUMNS, &desc);
	judged = choose_judged(&njudged);
	for (int i = 0; i < njudged;)
	{
		Datum		values[HEALTH_COLUMNS];
		bool		nulls[HEALTH_COLUMNS] = {false};
		Verdict		v;
		int			c = 0;

		CHECK_FOR_INTERRUPTS();
		values[c++] = CStringGetTextDatum(whose_names[judged[i].whose]);
		i += merge_judged(&judged[i], njudged - i, &v);
		c = ad_stat_set_subject(&v.all, values, nulls, c);
		values[c++] = Int64GetDatum((int64) v.all.sums.calls);
		values[c++] = Int64GetDatum((int64) v.all.sums.rows);
		values[c++] = Int64GetDatum((int64) v.all.sums.errors);
		values[c++] = ObjectIdGetDatum(v.role);
		values[c] = ad_stat_milliseconds(ad_stat_quantile(v.all.steps[AD_STAT_CALL], 0.95,
														  v.all.sums.max), &nulls[c]);
		c++;
		values[c] = judged_shift(&v.all, &nulls[c]);
		c++;
		c = set_recent(&v, values, nulls, c);
		Assert(c == HEALTH_COLUMNS);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}
