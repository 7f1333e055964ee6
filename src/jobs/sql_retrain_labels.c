/*-------------------------------------------------------------------------
 *
 * sql_retrain_labels.c
 *		A model, or two versions of it, on the rows that people labelled.
 *
 * Anybody can have a job that names the model.  Its labels count if its owner
 * owns the model, or was granted that they do.
 *
 * A labelled row is made of the JSON that is kept of it, with the types of
 * the model's features, less the checks of domains.  The source may have
 * changed since, so a row may not fit any more: it is left out, and a warning
 * says how many are.  Which they are is only asked when the rows together fail.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_retrain.h"
#include "sql/ad_try.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/json.h"

/* The parameters of statements over labelled rows. */
enum
{
	LABELS_JOBS,				/* $1 text[] */
	LABELS_CHAMPION,			/* $2 bytea */
	LABELS_CHALLENGER,			/* $3 bytea */
	LABELS_FEATURES,			/* $4 jsonb: of the champion */
	LABELS_UNFIT,				/* $5 jsonb: pairs of job and key */
	LABELS_KEY,					/* $6 text */
	LABELS_JOB,					/* $7 text */
	LABELS_MODEL,				/* $8 text: its name */
	LABELS_NEW_FEATURES,		/* $9 jsonb: of the challenger */
	LABELS_PARAMETERS
};

static const Oid types[LABELS_PARAMETERS] = {
	TEXTARRAYOID, BYTEAOID, BYTEAOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID,
	TEXTOID, JSONBOID
};

/* Labelled rows, as they are being compared. */
typedef struct Labels
{
	Datum		values[LABELS_PARAMETERS];
	char	   *from;			/* clause over the rows that fit; NULL:
								 * features without names */
	AdRetrainMetrics *metrics;
	bool		warns;			/* of rows that do not fit */
	Datum		weighed;		/* jsonb; 0: nothing was */
} Labels;

#define UNFIT \
	"NOT $5 @> jsonb_build_array(jsonb_build_array(l.job, l.key))"

/* Run a query of ours as the current user; how many rows.  Within SPI. */
static uint64
run(Labels *l, const char *sql)
{
	if (SPI_execute_with_args(sql, LABELS_PARAMETERS, (Oid *) types, l->values,
							  NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return SPI_processed;
}

/* A column of the first row that came back. */
static Datum
column(int n, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, n, isnull);
}

/* Find the jobs whose labels count. */
static void
find_jobs(Labels *l)
{
	bool		isnull;

	(void) run(l, "SELECT ARRAY(SELECT j.name FROM _anomaly._ad_visible_job j JOIN pg_roles r ON r.rolname = j.owner "
			   "WHERE j.kind = 'model' AND j.model = $8 "
			   "AND (r.rolsuper OR EXISTS (SELECT FROM _anomaly._ad_visible_grant g LEFT JOIN pg_roles o ON o.rolname = g.role "
			   "WHERE g.name = $8 AND g.privilege IN ('label', 'own') "
			   "AND (g.role = 'public' OR pg_has_role(r.oid, o.oid, 'USAGE')))))::text[]");
	l->values[LABELS_JOBS] = column(1, &isnull);
}

/*
 * Find out how a row is made of its JSON again.  As regtype writes it a char(n)
 * would be a char(1).
 */
static void
find_row(Labels *l)
{
	char	   *columns;
	bool		isnull;

	(void) run(l, "SELECT string_agg(format('%I %s', f ->> 'name', coalesce(format_type(_anomaly._ad_plain_type(to_regtype(f ->> 'type')), -1), 'text')), ', ') "
			   "FILTER (WHERE f ->> 'name' IS NOT NULL), "
			   "bool_or(f ->> 'name' IS NULL) "
			   "FROM (SELECT DISTINCT ON (e ->> 'name') e AS f FROM jsonb_array_elements($4 || $9) e) d");
	columns = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (columns == NULL || DatumGetBool(column(2, &isnull)))
		return;
	l->from = psprintf(" FROM _anomaly._ad_visible_label l JOIN _anomaly._ad_visible_job j ON j.name = l.job "
					   "CROSS JOIN LATERAL jsonb_to_record(CASE WHEN j.features IS NULL THEN l.\"row\" ELSE "
					   "(SELECT jsonb_object_agg($4 -> (i - 1)::int ->> 'name', l.\"row\" -> c) "
					   "FROM unnest(j.features) WITH ORDINALITY u(c, i)) END) AS f(%s) "
					   "WHERE j.name = ANY ($1) AND " UNFIT, columns);
}

/* Count the labels that there are. */
static void
count(Labels *l)
{
	bool		isnull;

	(void) run(l, "SELECT count(*), count(*) FILTER (WHERE l.is_anomaly) "
			   "FROM _anomaly._ad_visible_label l WHERE l.job = ANY ($1) AND " UNFIT);
	l->metrics->labels = DatumGetInt64(column(1, &isnull));
	l->metrics->anomalies = DatumGetInt64(column(2, &isnull));
}

/* Compute the metrics. */
static void
measure(void *arg)
{
	Labels	   *l = arg;
	AdRetrainMetrics *m = l->metrics;
	double	   *to[] = {&m->roc_auc[0], &m->roc_auc[1],
	&m->average_precision[0], &m->average_precision[1]};

	(void) run(l, psprintf("SELECT _anomaly._ad_roc_auc(s0, a), _anomaly._ad_roc_auc(s1, a), "
						   "_anomaly._ad_average_precision(s0, a), _anomaly._ad_average_precision(s1, a) "
						   "FROM (SELECT l.is_anomaly AS a, _anomaly._ad_score($2, f.*) AS s0, _anomaly._ad_score($3, f.*) AS s1%s) s",
						   l->from));
	for (int i = 0; i < (int) lengthof(to); i++)
	{
		bool		isnull;
		Datum		d = column(i + 1, &isnull);

		*to[i] = isnull ? NAN : DatumGetFloat8(d);
	}
	m->compared = !isnan(m->roc_auc[0]);
}

/* Ask what the rows say of the champion's members. */
static void
weigh(void *arg)
{
	Labels	   *l = arg;
	bool		isnull;
	Datum		d;

	(void) run(l, psprintf("SELECT _anomaly._ad_weigh($2, _anomaly._ad_member_scores($2, f.*), CASE WHEN l.is_anomaly THEN 1.0 ELSE 0.0 END)%s",
						   l->from));
	d = column(1, &isnull);
	l->weighed = isnull ? (Datum) 0 : datumCopy(d, false, -1);
}

/* Score one labelled row with both versions. */
static void
try_row(void *arg)
{
	Labels	   *l = arg;

	(void) run(l, psprintf("SELECT min(_anomaly._ad_score($2, f.*) + _anomaly._ad_score($3, f.*))%s AND l.key = $6 AND l.job = $7",
						   l->from));
}

/* Raise an error again unless it is one of the values. */
static void
only_data(ErrorData *error)
{
	if (error != NULL &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ReThrowError(error);
}

/* Find the rows that do not fit the features, and leave them out. */
static void
find_unfit(Labels *l, const char *model)
{
	uint64		n = run(l, "SELECT l.job, l.key FROM _anomaly._ad_visible_label l WHERE l.job = ANY ($1)");
	SPITupleTable *rows = SPI_tuptable;
	StringInfoData unfit;
	int			count = 0;

	initStringInfo(&unfit);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *job = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *key = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		ErrorData  *error;

		l->values[LABELS_JOB] = CStringGetTextDatum(job);
		l->values[LABELS_KEY] = CStringGetTextDatum(key);
		error = ad_try(try_row, l);
		only_data(error);
		if (error == NULL)
			continue;
		appendStringInfoString(&unfit, count++ > 0 ? ", [" : "[");
		escape_json(&unfit, job);
		appendStringInfoString(&unfit, ", ");
		escape_json(&unfit, key);
		appendStringInfoChar(&unfit, ']');
	}
	if (l->warns)
		ereport(WARNING,
				(errmsg_plural("%d labeled row does not match the features of model \"%s\" and is left out",
							   "%d labeled rows do not match the features of model \"%s\" and are left out",
							   count, count, model)));
	l->values[LABELS_UNFIT] = DirectFunctionCall1(jsonb_in,
												  CStringGetDatum(psprintf("[%s]", unfit.data)));
}

/*
 * Do something with the labelled rows of a model's jobs that fit its features,
 * if there are labels of both kinds.  Within SPI.
 */
static void
look_at(Labels *l, const char *model, void (*look) (void *))
{
	ErrorData  *error = NULL;
	int			nestlevel = NewGUCNestLevel();
	AdRetrainMetrics *m = l->metrics;

	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	memset(m, 0, sizeof(*m));
	for (int i = 0; i < 2; i++)
		m->roc_auc[i] = m->average_precision[i] = NAN;
	l->from = NULL;
	l->weighed = (Datum) 0;
	l->values[LABELS_JOBS] = PointerGetDatum(construct_empty_array(TEXTOID));
	l->values[LABELS_UNFIT] = DirectFunctionCall1(jsonb_in, CStringGetDatum("[]"));
	l->values[LABELS_KEY] = l->values[LABELS_JOB] = CStringGetTextDatum("");
	l->values[LABELS_MODEL] = CStringGetTextDatum(model);
	find_jobs(l);
	find_row(l);
	for (int attempt = 1; attempt <= 2; attempt++)
	{
		count(l);
		if (m->labels == 0 || m->anomalies == 0 ||
			m->anomalies == m->labels || l->from == NULL)
			break;
		error = ad_try(look, l);
		only_data(error);
		if (error == NULL)
			break;
		if (attempt == 2)
			ReThrowError(error);
		find_unfit(l, model);
	}
	AtEOXact_GUC(true, nestlevel);
}

/*
 * Compare two versions of a model on the labelled rows of its jobs; nothing is
 * compared without labels of both kinds.  Within SPI.
 */
void
ad_retrain_metrics(const char *model, Datum champion, Datum challenger,
				   Datum features0, Datum features1, AdRetrainMetrics *out)
{
	Labels		l;

	l.metrics = out;
	l.warns = true;
	l.values[LABELS_CHAMPION] = champion;
	l.values[LABELS_CHALLENGER] = challenger;
	l.values[LABELS_FEATURES] = features0;
	l.values[LABELS_NEW_FEATURES] = features1;
	look_at(&l, model, measure);
}

/*
 * What the labelled rows of a model's jobs say of its members, as _ad_weigh()
 * says it; 0: nothing, as there are not both kinds.  Within SPI.
 */
Datum
ad_retrain_weigh(const char *model, Datum champion, Datum features)
{
	Labels		l;
	AdRetrainMetrics counts;

	l.metrics = &counts;
	/* what compares them says so */
	l.warns = false;
	l.values[LABELS_CHAMPION] = l.values[LABELS_CHALLENGER] = champion;
	l.values[LABELS_FEATURES] = l.values[LABELS_NEW_FEATURES] = features;
	look_at(&l, model, weigh);
	return l.weighed;
}
