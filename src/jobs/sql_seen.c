/*-------------------------------------------------------------------------
 *
 * sql_seen.c
 *		What a job has seen, as it is stored, and asked for by its query.
 *
 * _ad_job_seen has chunks, each of many versions, so that a batch writes one
 * row.  As in an LSM tree a chunk takes in the ones before it while these are
 * at most twice as large, up to a bound: a job that gets its rows one by one
 * writes each of them a few times, and a run reads few chunks.  A chunk all of
 * which lies below the place that a job reads from is not read any more but to
 * count what came too late, and goes when there are more versions than the job
 * may remember.  Versions without a watermark are not here: _ad_job_error has
 * them.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_place.h"
#include "jobs/ad_run.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_CHUNK		16384	/* versions that chunks are joined up to */
#define VERSION_BYTES	((Size) 512)	/* memory that a version may take */
#define LEAST_BYTES		((Size) 64 * 1024 * 1024)

PG_FUNCTION_INFO_V1(ad_job_takes);

/* What the query of the batch that is read now asks. */
static const AdSeen *not_these = NULL;
static const AdSeen *only_these = NULL;
static bool is_reading = false;

/* Answer _ad_job_takes() by sets; only may be NULL: all. */
void
ad_takes_begin(const AdSeen *not, const AdSeen *only)
{
	not_these = not;
	only_these = only;
	is_reading = true;
}

/* No longer answer it. */
void
ad_takes_end(void)
{
	is_reading = false;
	not_these = only_these = NULL;
}

/* Whether the batch that is read takes a version; a long key is cut. */
bool
ad_takes(const AdVersion *v)
{
	AdVersion	cut = *v;
	char	   *key = NULL;
	bool		takes;

	if (v->key != NULL && v->length > AD_MAX_KEY)
	{
		cut.key = key = ad_short_key(v->key, v->length);
		cut.length = strlen(key);
	}
	takes = (not_these == NULL || !ad_seen_has(not_these, &cut)) &&
		(only_these == NULL || ad_seen_has(only_these, &cut));
	if (key != NULL)
		pfree(key);
	return takes;
}

/*
 * _ad_job_takes(key text, watermark "any") -> whether the batch that reads it
 * takes a version of a row.  An error but in the query of a batch.
 */
Datum
ad_job_takes(PG_FUNCTION_ARGS)
{
	AdVersion	v;
	AdPlaceType unused;
	Oid		   *type = fcinfo->flinfo->fn_extra;
	text	   *key = NULL;
	bool		takes;

	if (!is_reading)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no batch of a job is being read"),
				 errdetail("This function is a part of the query that a job reads its source with.")));
	if (type == NULL)
	{
		type = fcinfo->flinfo->fn_extra = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Oid));
		*type = get_fn_expr_argtype(fcinfo->flinfo, 1);
		if (!ad_place_type(*type, &unused))
			elog(ERROR, "watermark has an unknown type");
	}
	v.key = NULL;
	v.length = 0;
	if (!PG_ARGISNULL(0))
	{
		key = PG_GETARG_TEXT_PP(0);
		v.key = VARDATA_ANY(key);
		v.length = VARSIZE_ANY_EXHDR(key);
	}
	v.has_place = !PG_ARGISNULL(1);
	v.place = v.has_place ? ad_place_of(*type, PG_GETARG_DATUM(1)) : 0;
	takes = ad_takes(&v);
	if (key != NULL)
		PG_FREE_IF_COPY(key, 0);
	PG_RETURN_BOOL(takes);
}

/* Add the versions of a chunk to the set, above a place. */
static void
add_chunk(AdRun *run, Datum keys, bool no_places, Datum places, int64 from)
{
	Datum	   *k;
	Datum	   *p = NULL;
	bool	   *k_nulls;
	bool	   *p_nulls;
	int			n;
	int			np = 0;

	deconstruct_array(DatumGetArrayTypeP(keys), TEXTOID, -1, false, TYPALIGN_INT,
					  &k, &k_nulls, &n);
	if (!no_places)
		deconstruct_array(DatumGetArrayTypeP(places), INT8OID, sizeof(int64),
						  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &p, &p_nulls, &np);
	for (int i = 0; i < n; i++)
	{
		AdVersion	v;
		text	   *key;

		AD_CHECK_EVERY_1024(i);
		v.has_place = i < np && !p_nulls[i];
		v.place = v.has_place ? DatumGetInt64(p[i]) : 0;
		if (v.has_place && v.place < from)
			continue;
		v.key = NULL;
		v.length = 0;
		if (!k_nulls[i])
		{
			key = DatumGetTextPP(k[i]);
			v.key = VARDATA_ANY(key);
			v.length = VARSIZE_ANY_EXHDR(key);
		}
		(void) ad_seen_add(run->seen, &v);
	}
}

/* Note a chunk that is stored. */
static void
note_chunk(AdRun *run, int32 number, int64 n, int64 high)
{
	if (run->nchunks == run->max_chunks)
	{
		run->max_chunks = Max(64, run->max_chunks * 2);
		run->chunks = run->chunks == NULL ?
			MemoryContextAlloc(run->mcxt, ad_mul_size(run->max_chunks, sizeof(AdChunk))) :
			repalloc(run->chunks, ad_mul_size(run->max_chunks, sizeof(AdChunk)));
	}
	run->chunks[run->nchunks].number = number;
	run->chunks[run->nchunks].n = n;
	run->chunks[run->nchunks].high = high;
	run->nchunks++;
}

/*
 * Read the rows that a query finds, a chunk each: number, keys, places, high,
 * versions.  Without keys it is only noted.
 */
static void
load(AdRun *run, const char *sql, int nargs, Oid *types, Datum *values,
	 int64 from, bool chunks)
{
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(mcxt, "anomaly chunk",
											   ALLOCSET_DEFAULT_SIZES);
	SPITupleTable *rows;

	(void) ad_own_run(sql, nargs, types, values, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		d[5];
		bool		isnull[5];

		for (int c = 0; c < 5; c++)
			d[c] = SPI_getbinval(rows->vals[i], rows->tupdesc, c + 1, &isnull[c]);
		MemoryContextSwitchTo(each);
		if (!isnull[1])
			add_chunk(run, d[1], isnull[2], d[2], from);
		MemoryContextSwitchTo(mcxt);
		if (chunks)
			note_chunk(run, DatumGetInt32(d[0]), DatumGetInt64(d[4]), DatumGetInt64(d[3]));
		MemoryContextReset(each);
	}
	SPI_freetuptable(rows);
	MemoryContextDelete(each);
}

/*
 * Have what was seen in memory: read it, unless the run has it.  Within SPI.
 */
void
ad_seen_load(AdRun *run, const AdJob *j, const AdJobState *s)
{
	Oid			types[] = {INT4OID, INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(j->id), Int32GetDatum(s->generation),
		Int64GetDatum(s->low)
	};

	if (run->seen != NULL && run->generation == s->generation)
		return;
	if (run->seen != NULL)
		ad_seen_free(run->seen);
	run->nchunks = 0;
	run->below = 0;
	run->in_pass = false;
	run->generation = s->generation;
	run->seen = ad_seen_new(run->mcxt,
							ad_add_size(LEAST_BYTES,
										ad_mul_size((Size) j->seen_limit, VERSION_BYTES)));
	/* the size of an array that is not compressed says how long it is */
	load(run, "SELECT chunk, CASE WHEN high >= $3 THEN keys END, CASE WHEN high >= $3 THEN places END, high, "
		 "((pg_catalog.pg_column_size(places) - 20) / 8)::pg_catalog.int8 FROM %s._ad_job_seen "
		 "WHERE job_id = $1 AND generation = $2 ORDER BY chunk",
		 3, types, values, s->low, true);
	load(run, "SELECT 0, pg_catalog.array_agg(DISTINCT key), NULL::pg_catalog.int8[], 0::pg_catalog.int8, 0::pg_catalog.int8 "
		 "FROM %s._ad_job_error WHERE job_id = $1 AND generation = $2 AND place IS NULL",
		 2, types, values, s->low, false);
}

/* The versions that are stored below the place that a job reads from. */
AdSeen *
ad_seen_stored(const AdJob *j, const AdJobState *s)
{
	AdRun		run = {0};
	Oid			types[] = {INT4OID, INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(j->id), Int32GetDatum(s->generation),
		Int64GetDatum(s->low)
	};

	run.seen = ad_seen_new(CurrentMemoryContext,
						   ad_add_size(LEAST_BYTES,
									   ad_mul_size((Size) j->seen_limit, VERSION_BYTES)));
	load(&run, "SELECT chunk, keys, places, high, 0::pg_catalog.int8 FROM %s._ad_job_seen "
		 "WHERE job_id = $1 AND generation = $2 AND low < $3",
		 3, types, values, AD_PLACE_LEAST, false);
	return run.seen;
}

/* The versions that are stored as a chunk, as arrays, and their ends. */
static int64
make_arrays(const AdVersion *versions, int n, Datum *keys, Datum *places,
			int64 *low, int64 *high)
{
	Datum	   *k = ad_palloc_array(Datum, n);
	Datum	   *p = ad_palloc_array(Datum, n);
	bool	   *nulls = ad_palloc0_array(bool, n);
	int			lbound = 1;
	int			m = 0;

	*low = PG_INT64_MAX;
	*high = PG_INT64_MIN;
	for (int i = 0; i < n; i++)
	{
		const AdVersion *v = &versions[i];

		if (!v->has_place)
			continue;
		nulls[m] = v->key == NULL;
		k[m] = nulls[m] ? (Datum) 0 :
			PointerGetDatum(cstring_to_text_with_len(v->key, v->length));
		p[m++] = Int64GetDatum(v->place);
		*low = Min(*low, v->place);
		*high = Max(*high, v->place);
	}
	if (m == 0)
		return 0;
	*keys = PointerGetDatum(construct_md_array(k, nulls, 1, &m, &lbound, TEXTOID,
											   -1, false, TYPALIGN_INT));
	*places = PointerGetDatum(construct_array(p, m, INT8OID, sizeof(int64),
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	return m;
}

/*
 * Remember the versions of a batch.  What has no room any more is forgotten,
 * the lowest places first.  Within SPI.
 */
void
ad_seen_store(AdRun *run, const AdJob *j, AdJobState *s,
			  const AdVersion *versions, int n)
{
	Oid			types[] = {INT4OID, INT4OID, INT4OID, INT8OID, INT8OID,
		TEXTARRAYOID, INT8ARRAYOID
	};
	Datum		values[lengthof(types)];
	int64		low;
	int64		high;
	int64		m;
	int			first = run->nchunks;	/* of the chunks that it takes in */
	int32		number;

	for (int i = 0; i < n; i++)
		(void) ad_seen_add(run->seen, &versions[i]);
	m = n == 0 ? 0 : make_arrays(versions, n, &values[5], &values[6], &low, &high);
	if (m > 0)
	{
		number = first > 0 ? run->chunks[first - 1].number + 1 : 1;
		while (first > 0 && run->chunks[first - 1].n <= 2 * m &&
			   run->chunks[first - 1].n + m <= MAX_CHUNK)
		{
			first--;
			m += run->chunks[first].n;
			high = Max(high, run->chunks[first].high);
			number = run->chunks[first].number;
		}
		values[0] = Int32GetDatum(j->id);
		values[1] = Int32GetDatum(s->generation);
		values[2] = Int32GetDatum(number);
		values[3] = Int64GetDatum(low);
		values[4] = Int64GetDatum(high);
		(void) ad_own_run(first == run->nchunks ?
						  "INSERT INTO %s._ad_job_seen (job_id, generation, chunk, low, high, keys, places) "
						  "VALUES ($1, $2, $3, $4, $5, $6, $7)" :
						  "WITH o AS (DELETE FROM %s._ad_job_seen WHERE job_id = $1 AND generation = $2 AND chunk >= $3 RETURNING low, keys, places) "
						  "INSERT INTO %s._ad_job_seen (job_id, generation, chunk, low, high, keys, places) "
						  "SELECT $1, $2, $3, pg_catalog.min(low), $5, pg_catalog.array_agg(k), pg_catalog.array_agg(p) "
						  "FROM (SELECT o.low, u.k, u.p FROM o, unnest(o.keys, o.places) u(k, p) "
						  "UNION ALL SELECT $4, k, p FROM unnest($6, $7) u(k, p)) r(low, k, p)",
						  lengthof(types), types, values, NULL);
		run->nchunks = first;
		note_chunk(run, number, m, high);
	}
	if (ad_seen_count(run->seen) > j->seen_limit)
	{
		int64		bound = ad_seen_bound(run->seen, j->seen_limit / 10 * 9);

		if (bound > s->low)
			s->low = bound;
	}
	ad_seen_drop(run, j, s);
}

/*
 * Forget what lies below the place that the job reads from: in memory, and if
 * more is stored than the job may remember, there too, and count what it was.
 */
void
ad_seen_drop(AdRun *run, const AdJob *j, AdJobState *s)
{
	Oid			types[] = {INT4OID, INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(run->job), Int32GetDatum(s->generation),
		Int64GetDatum(s->low)
	};
	int64		all = 0;
	int64		below = 0;
	int			kept = 0;

	for (int i = 0; i < run->nchunks; i++)
	{
		all += run->chunks[i].n;
		below += run->chunks[i].high < s->low ? run->chunks[i].n : 0;
	}
	if (below > run->below &&
		ad_seen_below(run->seen, s->low) * 2 > ad_seen_count(run->seen))
		run->seen = ad_seen_above(run->seen, s->low);
	run->below = below;
	if (below == 0 || all <= j->seen_limit)
		return;
	for (int i = 0; i < run->nchunks; i++)
		if (run->chunks[i].high >= s->low)
			run->chunks[kept++] = run->chunks[i];
	run->nchunks = kept;
	run->below = 0;
	s->forgotten += s->forgotten < 0 ? 0 : below;
	(void) ad_own_run("DELETE FROM %s._ad_job_seen WHERE job_id = $1 AND generation = $2 AND high < $3",
					  lengthof(types), types, values, NULL);
}
