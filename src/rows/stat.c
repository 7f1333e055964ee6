/*-------------------------------------------------------------------------
 *
 * stat.c
 *		Statistics of scoring: ad_stat_models and its neighbors.
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
#include "rows/ad_stat_entries.h"
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
PG_FUNCTION_INFO_V1(ad_stat_reset);

/* A digest as hexadecimal digits, palloc'd; NULL for that of no model. */
char *
ad_stat_digest_text(const AdStatKey *key)
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
bool
ad_stat_may_see(const AdStatKey *key)
{
	text	   *name;

	if (ad_may_see(key->user))
		return true;
	if (key->name[0] == '\0' || key->database != MyDatabaseId)
		return false;
	name = cstring_to_text(key->name);
	return ad_registry_privilege(name, NULL, GetUserId()) == AD_PRIVILEGE_OWN &&
		ad_registry_is(name, key->version, ad_stat_digest_text(key));
}

/* Order by whom counts belong to, whoever scored. */
int
ad_stat_compare(const void *a, const void *b)
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
Datum
ad_stat_milliseconds(double ns, bool *isnull)
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
int
ad_stat_set_subject(const AdStatEntry *e, Datum *values, bool *nulls, int c)
{
	bool		unnamed = e->key.name[0] == '\0';
	char	   *digest = ad_stat_digest_text(&e->key);
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
Datum
ad_stat_score_shift(const AdStatEntry *e, bool *isnull)
{
	const AdStatMoments *scores = &e->sums.scores;

	*isnull = scores->n == 0 || !(e->usual_sd > 0);
	return Float8GetDatum(*isnull ? 0 :
						  (scores->mean - e->usual_mean) / e->usual_sd);
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

	values[c] = ad_stat_milliseconds(s->total, &nulls[c]);
	c++;
	values[c] = ad_stat_milliseconds(s->calls ? s->total / (double) s->calls : NAN,
									 &nulls[c]);
	c++;
	values[c] = ad_stat_milliseconds(s->calls ? s->max : NAN, &nulls[c]);
	c++;
	for (int i = 0; i < (int) lengthof(quantiles); i++, c++)
		values[c] = ad_stat_milliseconds(ad_stat_quantile(e->steps[AD_STAT_CALL],
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
	values[c] = ad_stat_score_shift(e, &nulls[c]);
	return c + 1;
}

/* The time of all rows: those after the first of a call, and the first. */
void
ad_stat_add_rows(const AdStatEntry *e, uint64 *steps)
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

	ad_stat_add_rows(e, steps);
	values[c] = ad_float_or_null(e->sums.rows ? e->sums.total / 1e3 /
								 (double) e->sums.rows : NAN, &nulls[c]);
	c++;
	for (int i = 0; i < (int) lengthof(quantiles); i++, c++)
		values[c] = ad_float_or_null(ad_stat_quantile(steps, quantiles[i],
													  NAN) / 1e3, &nulls[c]);
	return c;
}

/*
 * The entries that the user may see, in the order of ad_stat_compare(); those
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
		if (ad_stat_may_see(&e[i].key))
			e[(*visible)++] = e[i];
	}
	qsort(e, *visible, sizeof(AdStatEntry), ad_stat_compare);
	n = *visible;
	*visible = 0;
	for (int i = 0; i < n;)
	{
		AdStatEntry *s = &e[i];

		for (i++; i < n && ad_stat_compare(s, &e[i]) == 0; i++)
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
		c = ad_stat_set_subject(&e[i], values, nulls, c);
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
	int			c = ad_stat_compare(x->e, y->e);

	if (c != 0)
		return c;
	if (x->interval->start != y->interval->start)
		return x->interval->start < y->interval->start ? -1 : 1;
	return x->interval->length < y->interval->length ? -1 :
		x->interval->length > y->interval->length;
}

/* Add an interval to an entry. */
void
ad_stat_add_interval(AdStatEntry *e, const AdStatInterval *i)
{
	ad_stat_merge_sums(&e->sums, &i->sums);
	for (int k = 0; k < AD_STAT_KINDS; k++)
		ad_stat_widen(i, e->steps[k], (AdStatKind) k);
}

/* An entry of what another is of, with nothing counted. */
void
ad_stat_begin_part(AdStatEntry *out, const AdStatEntry *e)
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
		if (!ad_stat_may_see(&e[i].key))
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
		ad_stat_begin_part(&e, first->e);
		for (; i < n && compare_parts(first, &parts[i]) == 0; i++)
			ad_stat_add_interval(&e, parts[i].interval);
		values[c++] = ObjectIdGetDatum(e.key.database);
		c = ad_stat_set_subject(&e, values, nulls, c);
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
			ad_stat_add_rows(s, steps);
		else
			memcpy(steps, s->steps[AD_STAT_CALL], sizeof(steps));
		for (int k = 0; k < AD_STAT_FINE; k++)
			count += steps[k];
		values[c++] = ObjectIdGetDatum(s->key.database);
		c = ad_stat_set_subject(s, values, nulls, c);
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
