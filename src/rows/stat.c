/*-------------------------------------------------------------------------
 *
 * stat.c
 *		Statistics of scoring: ad_stat_models and its neighbours, and what
 *		ad_health() makes of them.
 *
 * The views' functions.  A role sees its own rows, and those of the models it
 * owns; a member of pg_monitor (or pg_read_all_stats) sees all of them.
 *
 * Anybody may call the functions behind the views, so each of them decides
 * for itself what the role that calls it may see or do.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_cache_counts.h"
#include "operate/ad_shared.h"
#include "rows/ad_model_call.h"
#include "rows/ad_monitor.h"
#include "sql/ad_result.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define STAT_COLUMNS_0_2	20
#define STAT_COLUMNS		25
#define INTERVAL_COLUMNS	25
#define HISTOGRAM_COLUMNS	10
#define CACHE_COLUMNS		6
#define LEAST_CALLS			20	/* that ad_health() judges */
#define LEAST_ROWS			1000
#define HEALTH_COLUMNS		19

/* bounds of histograms, one per octave: powers of two, in nanoseconds */
#define ROW_LOWEST			5	/* 32 ns */
#define ROW_BOUNDS			26	/* to 1.07 s */
#define CALL_LOWEST			14	/* 16 us */
#define CALL_BOUNDS			23	/* to 69 s */

PG_FUNCTION_INFO_V1(ad_stat_models);
PG_FUNCTION_INFO_V1(ad_stat_models_0_3);
PG_FUNCTION_INFO_V1(ad_stat_intervals);
PG_FUNCTION_INFO_V1(ad_stat_histograms);
PG_FUNCTION_INFO_V1(ad_stat_cache);
PG_FUNCTION_INFO_V1(ad_stat_health);
PG_FUNCTION_INFO_V1(ad_stat_reset);

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
 * Whether the current user may see the counts of an entry: as ad_may_see(), and
 * who owns a named model of this database sees what others did with the
 * versions that it has.
 */
static bool
may_see_entry(const AdStatKey *key)
{
	text	   *name;

	if (ad_may_see(key->user))
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
 * A name as text of this database: those of other databases, and of files that
 * somebody wrote, need not be in its encoding.
 */
static Datum
model_name_text(const char *name)
{
	char	   *copy;

	if (pg_verifymbstr(name, (int) strlen(name), true))
		return CStringGetTextDatum(name);
	copy = pstrdup(name);
	for (char *s = copy; *s; s++)
		if (IS_HIGHBIT_SET(*s))
			*s = '?';
	return CStringGetTextDatum(copy);
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
	values[c++] = model_name_text(e->key.name);
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
	const AdStatMoments *scores = &e->sums.scores;

	*isnull = scores->n == 0 || !(e->usual_sd > 0);
	return Float8GetDatum(*isnull ? 0 :
						  (scores->mean - e->usual_mean) / e->usual_sd);
}

/*
 * The same in deviations of the scores themselves, if they are greater: what a
 * few absurd scores do to the mean, they do to those too.
 */
static Datum
judged_shift(const AdStatEntry *e, bool *isnull)
{
	const AdStatMoments *scores = &e->sums.scores;
	Datum		shift = score_shift(e, isnull);
	double		sd = *isnull ? 0 :
		sqrt(scores->squares / (double) scores->n) / e->usual_sd;

	return sd > 1 ? Float8GetDatum(DatumGetFloat8(shift) / sd) : shift;
}

/* Set the columns of sums, from values[c] on; return the column after them. */
static int
set_sums(const AdStatSums *s, Datum *values, int c)
{
	values[c++] = Int64GetDatum((int64) s->calls);
	values[c++] = Int64GetDatum((int64) s->rows);
	values[c++] = Int64GetDatum((int64) s->anomalies);
	values[c++] = Int64GetDatum((int64) s->errors);
	return c;
}

/* The same of the time of calls. */
static int
set_times(const AdStatEntry *e, Datum *values, bool *nulls, int c)
{
	static const double quantiles[] = {0.5, 0.95, 0.99};
	const AdStatSums *s = &e->sums;

	values[c] = milliseconds(s->total, &nulls[c]);
	c++;
	values[c] = milliseconds(s->calls ? s->total / (double) s->calls : NAN,
							 &nulls[c]);
	c++;
	values[c] = milliseconds(s->calls ? s->max : NAN, &nulls[c]);
	c++;
	for (int i = 0; i < (int) lengthof(quantiles); i++, c++)
		values[c] = milliseconds(ad_stat_quantile(e->steps[AD_STAT_CALL],
												  quantiles[i], s->max),
								 &nulls[c]);
	return c;
}

/* The same of scores. */
static int
set_scores(const AdStatEntry *e, Datum *values, bool *nulls, int c)
{
	const AdStatMoments *scores = &e->sums.scores;

	nulls[c] = scores->n == 0;
	values[c++] = Float8GetDatum(scores->mean);
	nulls[c] = scores->n == 0;
	values[c++] = Float8GetDatum(scores->n == 0 ? 0 :
								 sqrt(scores->squares / (double) scores->n));
	values[c] = score_shift(e, &nulls[c]);
	return c + 1;
}

/* The time of all rows: those after the first of a call, and the first. */
static void
add_rows(const AdStatEntry *e, uint64 *steps)
{
	for (int i = 0; i < AD_STAT_FINE; i++)
		steps[i] = e->steps[AD_STAT_ROW][i] + e->steps[AD_STAT_FIRST][i];
}

/* Set the columns on the time of rows; return the column after them. */
static int
set_row_times(const AdStatEntry *e, Datum *values, bool *nulls, int c)
{
	static const double quantiles[] = {0.5, 0.95, 0.99};
	uint64		steps[AD_STAT_FINE];

	add_rows(e, steps);
	values[c] = ad_float_or_null(e->sums.rows ? e->sums.total / 1e3 /
								 (double) e->sums.rows : NAN, &nulls[c]);
	c++;
	for (int i = 0; i < (int) lengthof(quantiles); i++, c++)
		values[c] = ad_float_or_null(ad_stat_quantile(steps, quantiles[i],
													  NAN) / 1e3, &nulls[c]);
	return c;
}

/*
 * The entries that the user may see, in the order of compare_entries(); those
 * of a model are merged into the first, the others have no calls, rows and
 * errors.
 */
static AdStatEntry *
visible_entries(int *visible)
{
	AdStatEntry *e;
	int			n;

	*visible = 0;
	e = ad_stat_read(&n, NULL);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (may_see_entry(&e[i].key))
			e[(*visible)++] = e[i];
	}
	qsort(e, *visible, sizeof(AdStatEntry), compare_entries);
	n = *visible;
	*visible = 0;
	for (int i = 0; i < n;)
	{
		AdStatEntry *s = &e[i];

		for (i++; i < n && compare_entries(s, &e[i]) == 0; i++)
			ad_stat_merge(s, &e[i]);
		e[(*visible)++] = *s;
	}
	return e;
}

/* Rows of so many columns for each database, model and version. */
static Datum
stat_rows(FunctionCallInfo fcinfo, int columns)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	AdStatEntry *e;
	int			n;

	ad_shared_require("ad_stat_models");
	store = ad_result_begin(fcinfo, columns, &desc);
	e = visible_entries(&n);
	for (int i = 0; i < n; i++)
	{
		Datum		values[STAT_COLUMNS];
		bool		nulls[STAT_COLUMNS] = {false};
		int			c = 0;

		CHECK_FOR_INTERRUPTS();
		values[c++] = ObjectIdGetDatum(e[i].key.database);
		c = set_subject(&e[i], values, nulls, c);
		c = set_sums(&e[i].sums, values, c);
		c = set_times(&e[i], values, nulls, c);
		c = set_scores(&e[i], values, nulls, c);
		values[c++] = TimestampTzGetDatum(e[i].first);
		values[c++] = TimestampTzGetDatum(e[i].last);
		Assert(c == STAT_COLUMNS_0_2);
		values[c++] = Int64GetDatum((int64) e[i].sums.caught);
		c = set_row_times(&e[i], values, nulls, c);
		Assert(c == STAT_COLUMNS);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* _ad_stat_models() of 0.2.0, until ALTER EXTENSION has been run. */
Datum
ad_stat_models(PG_FUNCTION_ARGS)
{
	return stat_rows(fcinfo, STAT_COLUMNS_0_2);
}

/* _ad_stat_all(): a row for each database, model and version. */
Datum
ad_stat_models_0_3(PG_FUNCTION_ARGS)
{
	return stat_rows(fcinfo, STAT_COLUMNS);
}

/* An interval of an entry, as one entry. */
typedef struct Part
{
	AdStatEntry *e;				/* of the table */
	const AdStatInterval *interval;
} Part;

/* Order by what counts are of, then by time. */
static int
compare_parts(const void *a, const void *b)
{
	const Part *x = a;
	const Part *y = b;
	int			c = compare_entries(x->e, y->e);

	if (c != 0)
		return c;
	if (x->interval->start != y->interval->start)
		return x->interval->start < y->interval->start ? -1 : 1;
	return x->interval->length < y->interval->length ? -1 :
		x->interval->length > y->interval->length;
}

/* Add an interval to an entry. */
static void
add_interval(AdStatEntry *e, const AdStatInterval *i)
{
	ad_stat_merge_sums(&e->sums, &i->sums);
	for (int k = 0; k < AD_STAT_KINDS; k++)
		ad_stat_widen(i, e->steps[k], (AdStatKind) k);
}

/* An entry of what another is of, with nothing counted. */
static void
begin_part(AdStatEntry *out, const AdStatEntry *e)
{
	*out = *e;
	memset(&out->sums, 0, sizeof(out->sums));
	memset(out->steps, 0, sizeof(out->steps));
}

/* The intervals that the user may see, in the order of compare_parts(). */
static Part *
visible_parts(int *nparts)
{
	AdStatInterval *intervals;
	AdStatEntry *e;
	Part	   *parts;
	int			n;

	*nparts = 0;
	e = ad_stat_read(&n, &intervals);
	parts = palloc_extended(ad_mul_size(ad_mul_size(Max(n, 1), ad_stats_intervals),
										sizeof(Part)), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!may_see_entry(&e[i].key))
			continue;
		for (int k = 0; k < ad_stats_intervals; k++)
		{
			const AdStatInterval *interval =
				&intervals[(Size) i * ad_stats_intervals + k];

			if (interval->start == 0)
				continue;
			parts[*nparts].e = &e[i];
			parts[(*nparts)++].interval = interval;
		}
	}
	qsort(parts, *nparts, sizeof(Part), compare_parts);
	return parts;
}

/* _ad_stat_intervals(): a row for each of those and each interval. */
Datum
ad_stat_intervals(PG_FUNCTION_ARGS)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	Part	   *parts;
	int			n;

	ad_shared_require("ad_stat_intervals");
	store = ad_result_begin(fcinfo, INTERVAL_COLUMNS, &desc);
	parts = visible_parts(&n);
	for (int i = 0; i < n;)
	{
		const Part *first = &parts[i];
		AdStatEntry e;
		Datum		values[INTERVAL_COLUMNS];
		bool		nulls[INTERVAL_COLUMNS] = {false};
		int			c = 0;

		CHECK_FOR_INTERRUPTS();
		begin_part(&e, first->e);
		for (; i < n && compare_parts(first, &parts[i]) == 0; i++)
			add_interval(&e, parts[i].interval);
		values[c++] = ObjectIdGetDatum(e.key.database);
		c = set_subject(&e, values, nulls, c);
		values[c++] = TimestampTzGetDatum(first->interval->start);
		values[c++] = TimestampTzGetDatum(first->interval->start +
										  first->interval->length);
		c = set_sums(&e.sums, values, c);
		values[c++] = Int64GetDatum((int64) e.sums.caught);
		c = set_times(&e, values, nulls, c);
		c = set_row_times(&e, values, nulls, c);
		c = set_scores(&e, values, nulls, c);
		Assert(c == INTERVAL_COLUMNS);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * The bounds of a histogram, one per octave from low on, in seconds; and how
 * many of its times are below each.
 */
static void
set_histogram(const uint64 *steps, int low, int bounds, Datum *le,
			  Datum *bucket)
{
	Datum		limits[AD_STAT_FINE];
	Datum		counts[AD_STAT_FINE];
	int64		below = 0;
	int			step = 0;

	for (int i = 0; i < bounds; i++)
	{
		int			end = (low + i - AD_STAT_LOWEST) * AD_STAT_PER_OCTAVE;

		for (; step < end; step++)
			below += (int64) steps[step];
		limits[i] = Float8GetDatum(ldexp(1, low + i) / 1e9);
		counts[i] = Int64GetDatum(below);
	}
	*le = PointerGetDatum(construct_array(limits, bounds, FLOAT8OID, 8,
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	*bucket = PointerGetDatum(construct_array(counts, bounds, INT8OID, 8,
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* _ad_stat_histograms(): a row for each of those and kind of time. */
Datum
ad_stat_histograms(PG_FUNCTION_ARGS)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	AdStatEntry *e;
	int			n;

	ad_shared_require("ad_stat_histograms");
	store = ad_result_begin(fcinfo, HISTOGRAM_COLUMNS, &desc);
	e = visible_entries(&n);
	for (int i = 0; i < 2 * n; i++)
	{
		bool		rows = i % 2 == 0;
		AdStatEntry *s = &e[i / 2];
		uint64		steps[AD_STAT_FINE];
		uint64		count = 0;
		Datum		values[HISTOGRAM_COLUMNS];
		bool		nulls[HISTOGRAM_COLUMNS] = {false};
		int			c = 0;

		CHECK_FOR_INTERRUPTS();
		if (rows)
			add_rows(s, steps);
		else
			memcpy(steps, s->steps[AD_STAT_CALL], sizeof(steps));
		for (int k = 0; k < AD_STAT_FINE; k++)
			count += steps[k];
		values[c++] = ObjectIdGetDatum(s->key.database);
		c = set_subject(s, values, nulls, c);
		values[c++] = CStringGetTextDatum(rows ? "row" : "call");
		set_histogram(steps, rows ? ROW_LOWEST : CALL_LOWEST,
					  rows ? ROW_BOUNDS : CALL_BOUNDS, &values[c],
					  &values[c + 1]);
		c += 2;
		values[c++] = Int64GetDatum((int64) count);
		values[c++] = Float8GetDatum(s->sums.total / 1e9);
		Assert(c == HISTOGRAM_COLUMNS);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* _ad_stat_cache(): a row for this session, and one for all of the server. */
Datum
ad_stat_cache(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = ad_result_begin(fcinfo, CACHE_COLUMNS, &desc);
	AdCacheCounts c = ad_cache_counts();
	const char *scope = "session";

	do
	{
		bool		nulls[CACHE_COLUMNS] = {false};
		Datum		values[CACHE_COLUMNS] = {
			CStringGetTextDatum(scope), Int64GetDatum(c.models),
			Int64GetDatum((int64) c.bytes), Int64GetDatum((int64) c.hits),
			Int64GetDatum((int64) c.loads), Int64GetDatum((int64) c.evictions)
		};

		tuplestore_putvalues(store, desc, values, nulls);
		if (strcmp(scope, "server") == 0)
			break;
		scope = "server";
	} while (ad_cache_counts_all(&c));
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
	begin_part(&v->recent, judged[0].e);
	for (int i = 0; i < same; i++)
	{
		uint64		before = v->recent.sums.errors;

		if (i > 0)
			ad_stat_merge(&v->all, judged[i].e);
		for (int k = 0; k < ad_stats_intervals; k++)
			if (judged[i].intervals[k].start >= v->since)
				add_interval(&v->recent, &judged[i].intervals[k]);
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
	add_rows(&v->recent, steps);
	values[c++] = TimestampTzGetDatum(v->since);
	values[c++] = Int64GetDatum((int64) v->recent.sums.calls);
	values[c++] = Int64GetDatum((int64) v->recent.sums.rows);
	values[c++] = Int64GetDatum((int64) v->recent.sums.errors);
	values[c++] = Int64GetDatum((int64) v->recent.sums.caught);
	values[c] = milliseconds(ad_stat_quantile(steps, 0.95, NAN), &nulls[c]);
	c++;
	values[c] = ad_float_or_null(recent / 1e3, &nulls[c]);
	c++;
	values[c] = ad_float_or_null(past / 1e3, &nulls[c]);
	return c + 1;
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
		c = set_subject(&v.all, values, nulls, c);
		values[c++] = Int64GetDatum((int64) v.all.sums.calls);
		values[c++] = Int64GetDatum((int64) v.all.sums.rows);
		values[c++] = Int64GetDatum((int64) v.all.sums.errors);
		values[c++] = ObjectIdGetDatum(v.role);
		values[c] = milliseconds(ad_stat_quantile(v.all.steps[AD_STAT_CALL], 0.95,
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

/* ad_stat_reset(): forget what ad_stat_models counted. */
Datum
ad_stat_reset(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	ad_shared_require("ad_stat_models");
	ad_stat_reset_all();
	ad_cache_counts_reset();
	PG_RETURN_VOID();
}
