/*-------------------------------------------------------------------------
 *
 * sql_job.c
 *		A job, as it is stored.
 *
 * The one place that knows how.  A job is read as the current user, who must
 * have the rights of its owner; so what is read may be run only if he is the
 * owner, which is for the caller to ask.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_run.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Every kind of jobs. */
static const AdJobKind model_kind = {"model", ad_model_batch};
static const AdJobKind layering_kind = {"layering", ad_layering_batch};
static const AdJobKind *const kinds[] = {&model_kind, &layering_kind};

/* The columns that are read, in this order. */
enum
{
	JOB_NAME, JOB_OWNER, JOB_KIND, JOB_SOURCE, JOB_SEARCH_PATH, JOB_TIMEZONE,
	JOB_WATERMARK, JOB_KEY, JOB_ENTITY, JOB_MODEL, JOB_FEATURES,
	JOB_RULE, JOB_RULE_VALUE, JOB_BATCH_SIZE, JOB_LAG, JOB_COOLDOWN, JOB_LIMIT,
	JOB_EXPLAIN, JOB_SINCE, JOB_OPTIONS, JOB_PARTITION_BY, JOB_ORDER_BY
};

#define JOB_COLUMNS \
	"j.name, j.owner::pg_catalog.oid, j.kind, j.source, j.search_path, j.timezone, " \
	"j.watermark_column, j.key_column, j.entity_column, j.model, j.features, " \
	"(SELECT k FROM pg_catalog.jsonb_object_keys(j.rule) k LIMIT 1), " \
	"(SELECT v::pg_catalog.float8 FROM pg_catalog.jsonb_each_text(j.rule) e(k, v) LIMIT 1), " \
	"j.batch_size, j.lag, j.cooldown, j.limit_per_hour, j.explain, j.since, " \
	"j.options, j.partition_by, j.order_by"

/* The kind of a name; an error if there is none. */
const AdJobKind *
ad_job_kind(const char *name)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	elog(ERROR, "job has the unknown kind \"%s\"", name);
	return NULL;
}

/* The value of a column of the row that was read, and whether it is NULL. */
static Datum
value(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
						 column + 1, isnull);
}

/* The text of a column, palloc'd in the current context; NULL for NULL. */
static char *
text_value(int column)
{
	bool		isnull;
	Datum		d = value(column, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

/* An integer; 0 for NULL. */
static int32
int_value(int column)
{
	bool		isnull;
	Datum		d = value(column, &isnull);

	return isnull ? 0 : DatumGetInt32(d);
}

/* The elements of an array of texts, and how many. */
static char **
texts_value(int column, int *n)
{
	bool		isnull;
	Datum		d = value(column, &isnull);
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	*n = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, n);
	texts = ad_palloc_array(char *, *n);
	for (int i = 0; i < *n; i++)
		texts[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]);
	return texts;
}

/* A rule, by the name of its one member. */
static AdJobRule
rule_of(const char *name)
{
	if (name != NULL && strcmp(name, "p_value") == 0)
		return AD_RULE_P_VALUE;
	if (name != NULL && strcmp(name, "fdr") == 0)
		return AD_RULE_FDR;
	return AD_RULE_SCORE;
}

/* Fill in a job from the row that was read, in the current context. */
static AdJob *
fill(int32 id)
{
	AdJob	   *j = palloc0(sizeof(AdJob));
	bool		isnull;
	Datum		d;

	j->id = id;
	j->name = text_value(JOB_NAME);
	d = value(JOB_OWNER, &isnull);
	j->owner = isnull ? InvalidOid : DatumGetObjectId(d);
	j->owner_name = GetUserNameFromId(j->owner, true);
	if (j->owner_name == NULL)
	{
		j->owner = InvalidOid;
		j->owner_name = pstrdup("");
	}
	j->kind = ad_job_kind(text_value(JOB_KIND));
	j->source = text_value(JOB_SOURCE);
	j->search_path = text_value(JOB_SEARCH_PATH);
	j->timezone = text_value(JOB_TIMEZONE);
	j->watermark = text_value(JOB_WATERMARK);
	j->key = text_value(JOB_KEY);
	j->entity = text_value(JOB_ENTITY);
	j->model = text_value(JOB_MODEL);
	j->features = texts_value(JOB_FEATURES, &j->nfeatures);
	j->rule = rule_of(text_value(JOB_RULE));
	d = value(JOB_RULE_VALUE, &isnull);
	j->rule_value = isnull ? 0 : DatumGetFloat8(d);
	j->batch_size = int_value(JOB_BATCH_SIZE);
	j->lag = text_value(JOB_LAG);
	d = value(JOB_COOLDOWN, &isnull);
	if (!isnull)
	{
		j->cooldown = palloc(sizeof(Interval));
		*j->cooldown = *DatumGetIntervalP(d);
	}
	j->limit_per_hour = int_value(JOB_LIMIT);
	j->explain = int_value(JOB_EXPLAIN);
	j->since = text_value(JOB_SINCE);
	j->on_error = AD_JOB_SKIP;
	j->seen_limit = 1000000;
	j->late_check = pstrdup("1 day");
	d = value(JOB_OPTIONS, &isnull);
	if (!isnull)
		j->options = DatumGetJsonbPCopy(d);
	j->partition_by = texts_value(JOB_PARTITION_BY, &j->npartition_by);
	j->order_by = text_value(JOB_ORDER_BY);
	return j;
}

/*
 * Read a job of which the current user has the rights of the owner, and keep
 * it from being dropped until the transaction ends.  NULL: there is none.
 * Within SPI; palloc'd in the current context.
 */
AdJob *
ad_job_read(int32 id)
{
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(id)};
	SPITupleTable *rows;
	AdJob	   *j = NULL;

	if (SPI_execute_with_args(psprintf("SELECT " JOB_COLUMNS " FROM %s._ad_own_job j "
									   "WHERE j.id OPERATOR(pg_catalog.=) $1 FOR KEY SHARE",
									   ad_internal_schema()),
							  1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	rows = SPI_tuptable;
	old = MemoryContextSwitchTo(mcxt);
	if (SPI_processed == 1)
		j = fill(id);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(rows);
	return j;
}
