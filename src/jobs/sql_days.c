/*-------------------------------------------------------------------------
 *
 * sql_days.c
 *		One batch of a layering job: the sequences of a day.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_run.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define BATCH \
	"SELECT b.to_at, b.rows, b.more, b.hits " \
	"FROM _anomaly._ad_own_job j, _anomaly._ad_job_batch_layering(j, $2, $3) b WHERE j.id = $1"

#define HITS \
	"SELECT e ->> 'key', e ->> 'entity', (e ->> 'score')::float8, (e ->> 'at')::timestamptz, e -> 'row' " \
	"FROM jsonb_array_elements($1) WITH ORDINALITY x(e, i) ORDER BY x.i"

/* The hits of a batch from the JSON that it gives. */
static AdHit *
read_hits(Datum json, int *n)
{
	Oid			types[] = {JSONBOID};
	AdHit	   *hits;
	SPITupleTable *rows;

	if (SPI_execute_with_args(HITS, 1, types, &json, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	rows = SPI_tuptable;
	*n = (int) SPI_processed;
	hits = ad_palloc0_array(AdHit, *n);
	for (int i = 0; i < *n; i++)
	{
		AdHit	   *h = &hits[i];
		bool		isnull;

		h->key = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		h->entity = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		h->score = DatumGetFloat8(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &isnull));
		h->event_at = DatumGetTimestampTz(SPI_getbinval(rows->vals[i], rows->tupdesc, 4, &isnull));
		h->has_event_at = true;
		h->place = h->event_at;
		h->watermark = ad_place_text(h->place, AD_PLACE_TIMESTAMPTZ);
		h->p_value = NAN;
		h->row = DatumGetJsonbPCopy(SPI_getbinval(rows->vals[i], rows->tupdesc, 5, &isnull));
	}
	return hits;
}

/* Do one batch; whether there may be more to do. */
bool
ad_layering_batch(AdBatch *b)
{
	AdJobState *s = b->state;
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(b->job->id), TimestampTzGetDatum(s->w),
		TimestampTzGetDatum(b->until)
	};
	char		nulls[] = {' ', s->has_w ? ' ' : 'n', b->has_until ? ' ' : 'n'};
	bool		isnull;
	bool		more;
	int64		rows;
	Datum		d;
	AdHit	   *hits;
	int			n;

	if (SPI_execute_with_args(BATCH, lengthof(types), types, values, nulls, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "SPI_execute_with_args failed");
	s->type = pstrdup(ad_place_type_name(AD_PLACE_TIMESTAMPTZ));
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
	{
		s->has_w = s->has_m = true;
		s->w = s->m = DatumGetTimestampTz(d);
	}
	rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	more = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4, &isnull);
	if (!isnull)
	{
		hits = read_hits(d, &n);
		ad_job_alert(b, hits, n);
	}
	b->rows = rows;
	return more;
}
