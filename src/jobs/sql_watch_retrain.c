/*-------------------------------------------------------------------------
 *
 * sql_watch_retrain.c
 *		Learning anew what is usual in a watched table.
 *
 * The states of all metrics are forgotten, and the next run learns from the
 * history before the period it has come to, as the first run did: without the
 * metrics that were labelled as anomalies.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_retrain.h"
#include "jobs/ad_watch.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"

/* How many metrics of periods are labelled as anomalies. */
static int64
count_labels(int32 job, int64 from)
{
	Oid			types[] = {INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(job), Int64GetDatum(from)};
	bool		isnull;
	int64		n;

	(void) ad_own_run("SELECT pg_catalog.count(*) FROM %s._ad_label WHERE job_id = $1 AND is_anomaly AND place >= $2",
					  lengthof(types), types, values, NULL);
	n = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return n;
}

/* Let a watch learn anew; see AdJobKind.  Its owner does, as whom it reads. */
Jsonb *
ad_watch_retrain(const AdJob *j, const struct AdRetrain *asked)
{
	AdWatch    *w = palloc0(sizeof(AdWatch));
	AdJobState *s;
	StringInfoData buf;
	int			nestlevel;

	(void) asked;
	if (j->owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("watch \"%s\" learns again for its owner only", j->name),
				 errhint("SET ROLE first.")));
	s = ad_state_own(j);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"job\": ");
	escape_json(&buf, j->name);
	if (s->stream == NULL)
		appendStringInfoString(&buf, ", \"activated\": false, \"reasons\": [\"it has not run yet\"]}");
	else
	{
		nestlevel = NewGUCNestLevel();
		ad_watch_begin(w, j);
		ad_watch_place_read(s->stream, &w->place);
		ad_watch_learn_from(w, j, s, Max(w->place.next, w->place.alert_from));
		s->stream = ad_watch_place_write(&w->place);
		ad_state_write(j, s, -1);
		AtEOXact_GUC(true, nestlevel);
		appendStringInfo(&buf, ", \"activated\": true, \"labelled\": " INT64_FORMAT
						 ", \"reasons\": [\"the next run learns anew from the history of the source\"]}",
						 count_labels(j->id, w->place.next));
	}
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}
