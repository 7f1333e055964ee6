/*-------------------------------------------------------------------------
 *
 * sql_retrain_model.c
 *		Training a model again, and taking what is new if nothing is against it.
 *
 * The query that it was trained with is run again, as the current
 * user: whose search path it means, and with whose rights, so that who wrote it
 * must have them.  What the new version is compared by, on the rows that it
 * was trained on and on labelled ones, are statements of this file; their
 * operators are named by schema.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_retrain.h"
#include "operate/ad_operate.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/json.h"

/* A version of a model. */
typedef struct Version
{
	int32		version;
	Datum		query;			/* without the labels */
	Datum		labels;			/* text: their column; 0: none */
	Datum		labelled;		/* text: the query with them; 0: none */
	Datum		spec;
	Datum		features;		/* jsonb */
	char	   *trained_by;
	Datum		model;
} Version;

/* What there is to say of a decision. */
typedef struct Reasons
{
	StringInfoData against;		/* elements of an array in JSON, with commas */
	StringInfoData remarks;
} Reasons;

/* Run a query of ours as the current user; one row, or none.  Within SPI. */
static bool
select_one(const char *sql, int n, Oid *types, Datum *values)
{
	if (SPI_execute_with_args(sql, n, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return SPI_processed == 1;
}

/* A column of the row that came back; *isnull may be NULL where none is. */
static Datum
column(int n, bool *isnull)
{
	bool		dummy;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, n,
						 isnull ? isnull : &dummy);
}

/* A version of a model; 0: the active one.  False: there is none. */
static bool
read_version(const char *model, int32 version, Version *out)
{
	Oid			types[] = {TEXTOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(model), Int32GetDatum(version)};

	if (!select_one("SELECT v.version, v.query, v.spec, v.features, v.trained_by, _anomaly._ad_model(v.name, v.version), "
					"v.labels OPERATOR(pg_catalog.->>) 'column', v.labels OPERATOR(pg_catalog.->>) 'query' "
					"FROM _anomaly._ad_visible_model v WHERE v.name OPERATOR(pg_catalog.=) $1 "
					"AND CASE WHEN $2 OPERATOR(pg_catalog.=) 0 THEN v.active ELSE v.version OPERATOR(pg_catalog.=) $2 END",
					lengthof(types), types, values))
		return false;
	out->version = DatumGetInt32(column(1, NULL));
	out->query = column(2, NULL);
	out->spec = column(3, NULL);
	out->features = column(4, NULL);
	out->trained_by = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5);
	out->model = column(6, NULL);
	out->labels = column(7, NULL);
	out->labelled = column(8, NULL);
	return true;
}

/* Add a reason to others, which are the elements of an array in JSON. */
static void
say(StringInfo reasons, const char *reason)
{
	if (reasons->len > 0)
		appendStringInfoString(reasons, ", ");
	escape_json(reasons, reason);
}

/* Whether a version has members. */
static bool
has_members(const Version *v)
{
	Oid			types[] = {JSONBOID};
	Datum		values[] = {v->spec};

	return select_one("SELECT 1 WHERE ($1 OPERATOR(pg_catalog.->) 'specs') IS NOT NULL",
					  lengthof(types), types, values);
}

/*
 * Let the labels of a model's jobs weigh its members, as its spec will say,
 * unless it was trained with labels of its own, or they are not of both kinds.
 * Returns whether the members are weighed.
 */
static bool
weigh(const char *model, Version *champion, Reasons *why)
{
	Oid			types[] = {JSONBOID, JSONBOID};
	Datum		values[2];

	if (champion->labels != (Datum) 0)
		return true;
	if (!has_members(champion))
		return false;
	values[0] = champion->spec;
	values[1] = ad_retrain_weigh(model, champion->model, champion->features);
	if (values[1] == (Datum) 0)
		return false;
	(void) select_one("SELECT $1 OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('weights', $2 OPERATOR(pg_catalog.->) 'weights'), "
					  "pg_catalog.format('%s labelled rows, of which %s anomalies, weigh the members: %s', $2 OPERATOR(pg_catalog.->>) 'labels', $2 OPERATOR(pg_catalog.->>) 'anomalies', "
					  "coalesce($2 OPERATOR(pg_catalog.->>) 'weights', 'equally'))",
					  lengthof(types), types, values);
	champion->spec = column(1, NULL);
	say(&why->remarks, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
	return true;
}

/* Train the next version as the champion was; its number. */
static int32
train(const char *model, const Version *champion, const char *notes)
{
	Oid			types[] = {TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID};
	bool		labelled = champion->labels != (Datum) 0;
	Datum		values[] = {CStringGetTextDatum(model),
		labelled ? champion->labelled : champion->query, champion->spec,
		labelled ? champion->labels : CStringGetTextDatum(""),
	CStringGetTextDatum(notes)};

	if (champion->query != (Datum) 0 &&
		VARSIZE_ANY_EXHDR(DatumGetPointer(champion->query)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no training query", model),
				 errdetail("Its bytes came by ad_import_model()."),
				 errhint("Train it where it was trained, and publish it again with ad_publish_model().")));
	(void) select_one("SELECT _anomaly._ad_train($1, $2, $3, $5, NULL, false, CASE WHEN $4 OPERATOR(pg_catalog.<>) '' THEN $4 END)",
					  lengthof(types), types, values);
	return DatumGetInt32(column(1, NULL));
}

/* How the features of two versions differ, in words; NULL: not at all. */
static char *
feature_changes(const Version *a, const Version *b)
{
	Oid			types[] = {JSONBOID, JSONBOID};
	Datum		values[] = {a->features, b->features};

	(void) select_one("SELECT _anomaly._ad_feature_changes($1, $2)",
					  lengthof(types), types, values);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/*
 * The query that measures how the rows of a training query look to a model, $1:
 * of its own rows a share _k lies above its threshold, those on it left out or
 * not.  Of sketches it is the distance of the scores of the rows in their
 * sample.  SPI_tuptable is what _ad_query() said of the training query.
 */
static char *
drift_query(void)
{
	char	   *sql = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	char	   *last = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	bool		sketches = DatumGetBool(column(3, NULL));
	bool		named = DatumGetBool(column(4, NULL));

	if (sketches)
		return psprintf("SELECT _d.ks FROM _anomaly._ad_drift($1, (SELECT _anomaly._ad_merge(_t._c) FROM (\n%s\n) _t(_c)), "
						"'{}'::pg_catalog.jsonb) _d WHERE _d.part OPERATOR(pg_catalog.=) 'score'", sql);
	return psprintf("SELECT greatest(0, pg_catalog.max(greatest(_above OPERATOR(pg_catalog.-) _k, _k OPERATOR(pg_catalog.-) _least))) "
					"FROM (SELECT _k, pg_catalog.avg(CASE WHEN _s OPERATOR(pg_catalog.>) _v THEN 1.0::pg_catalog.float8 ELSE 0.0::pg_catalog.float8 END) AS _above, "
					"pg_catalog.avg(CASE WHEN _s OPERATOR(pg_catalog.>=) _v THEN 1.0::pg_catalog.float8 ELSE 0.0::pg_catalog.float8 END) AS _least "
					"FROM (SELECT _anomaly._ad_score($1, %s) AS _s FROM (\n%s\n) _t) _r, "
					"(SELECT _k, _anomaly._ad_threshold($1, _k) AS _v "
					"FROM pg_catalog.unnest('{0.01,0.02,0.05,0.1,0.2,0.3,0.4,0.5}'::pg_catalog.float8[]) _k) _q "
					"WHERE _s IS NOT NULL GROUP BY _k) _g",
					named ? "_t.*" : psprintf("_t.%s", quote_identifier(last)), sql);
}

/* How far the scores of the training query's rows are from the champion's own; NaN: not known. */
static double
drift(const Version *champion)
{
	Oid			types[] = {TEXTOID, JSONBOID};
	Datum		values[] = {champion->query, champion->features};
	bool		isnull;
	Datum		result;

	(void) select_one("SELECT q.sql, q.columns[pg_catalog.cardinality(q.columns)], "
					  "pg_catalog.cardinality(q.columns) OPERATOR(pg_catalog.=) 1 "
					  "AND q.types[1]::pg_catalog.oid OPERATOR(pg_catalog.=) 'pg_catalog.bytea'::pg_catalog.regtype::pg_catalog.oid, "
					  "($2 OPERATOR(pg_catalog.->) 0 OPERATOR(pg_catalog.->>) 'name') IS NOT NULL "
					  "FROM _anomaly._ad_query($1, 'training query') q",
					  lengthof(types), types, values);
	types[0] = BYTEAOID;
	values[0] = champion->model;
	if (!select_one(drift_query(), 1, types, values))
		return NAN;
	result = column(1, &isnull);
	return isnull ? NAN : DatumGetFloat8(result);
}

/* A number with four digits. */
static char *
rounded(double x)
{
	Datum		d = DirectFunctionCall2(numeric_round,
										DirectFunctionCall1(float8_numeric,
															Float8GetDatum(x)),
										Int32GetDatum(4));

	return DatumGetCString(DirectFunctionCall1(numeric_out, d));
}

/* Say what the metrics of the labelled rows are for or against. */
static void
judge_metrics(const AdRetrain *asked, const AdRetrainMetrics *m, Reasons *why)
{
	const double *ap = m->average_precision;
	const double *auc = m->roc_auc;
	char	   *precision;

	if (!m->compared || m->labels < asked->min_labels)
	{
		say(&why->remarks,
			psprintf(INT64_FORMAT " labelled rows, of which " INT64_FORMAT " anomalies, are too few to compare metrics",
					 m->labels, m->anomalies));
		return;
	}
	precision = psprintf("average precision on " INT64_FORMAT " labelled rows is %s, was %s",
						 m->labels, rounded(ap[1]), rounded(ap[0]));
	if (ap[1] < ap[0] - asked->margin)
		say(&why->against, precision);
	else if (auc[1] < auc[0] - asked->margin)
		say(&why->against,
			psprintf("ROC AUC on " INT64_FORMAT " labelled rows is %s, was %s",
					 m->labels, rounded(auc[1]), rounded(auc[0])));
	else
		say(&why->remarks, precision);
}

/* Say what the drift of scores is for or against. */
static void
judge_drift(const AdRetrain *asked, double drifted, Reasons *why)
{
	if (isnan(drifted))
		say(&why->remarks, "score drift was not measured");
	else
		say(drifted > asked->max_drift ? &why->against : &why->remarks,
			psprintf("score drift is %s, %s %s", rounded(drifted),
					 drifted > asked->max_drift ? "above" : "not above",
					 float8out_internal(asked->max_drift)));
}

/* Append a number as JSON; NaN is null. */
static void
append_number(StringInfo buf, double x)
{
	appendStringInfoString(buf, isnan(x) ? "null" : float8out_internal(x));
}

/*
 * What was decided, and why, as jsonb; challenger 0: there is none; m NULL:
 * nothing was compared.
 */
static Jsonb *
decision(const char *model, int32 champion, int32 challenger, double drifted,
		 const AdRetrainMetrics *m, const Reasons *why)
{
	StringInfoData buf;
	bool		activated = why->against.len == 0;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"model\": ");
	escape_json(&buf, model);
	appendStringInfo(&buf, ", \"champion\": %d, \"version\": %s, \"activated\": %s, \"reasons\": [%s%s%s], \"score_drift\": ",
					 champion, challenger == 0 ? "null" : psprintf("%d", challenger), activated ? "true" : "false",
					 why->against.data,
					 activated || why->remarks.len == 0 ? "" : ", ",
					 why->remarks.data);
	append_number(&buf, drifted);
	appendStringInfoString(&buf, ", \"labels\": ");
	if (m == NULL)
		appendStringInfoString(&buf, "null");
	else
		appendStringInfo(&buf, INT64_FORMAT, m->labels);
	for (int i = 0; i < 2; i++)
	{
		appendStringInfoString(&buf, i == 0 ? ", \"average_precision\": [" :
							   ", \"roc_auc\": [");
		for (int j = 0; j < 2; j++)
		{
			appendStringInfoString(&buf, j > 0 ? ", " : "");
			append_number(&buf, m == NULL ? NAN :
						  i == 0 ? m->average_precision[j] : m->roc_auc[j]);
		}
		appendStringInfoChar(&buf, ']');
	}
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* Make a version the active one. */
static void
activate(const char *model, int32 version)
{
	Oid			types[] = {TEXTOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(model), Int32GetDatum(version)};

	(void) select_one("SELECT _anomaly._ad_activate($1, $2)", lengthof(types),
					  types, values);
}

/*
 * Train a model per entity again: those whose rows have changed.  Labels have no
 * say, as hardly any entity has enough of them.
 */
static Jsonb *
refresh(const char *model, int32 champion)
{
	Oid			types[] = {TEXTOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(model), Int32GetDatum(champion)};

	(void) select_one("SELECT pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('model', $1, 'champion', $2, 'activated', true, 'reasons', "
					  "pg_catalog.jsonb_build_array(pg_catalog.format('%s entities fitted, %s kept, %s without a model, %s gone', r.fitted, r.kept, r.failed, r.gone))) "
					  "FROM _anomaly._ad_refresh_groups($1) r",
					  lengthof(types), types, values);
	return DatumGetJsonbP(column(1, NULL));
}

/* Train a model again, as its owner.  What was decided; within SPI. */
Jsonb *
ad_retrain_model(const char *model, const AdRetrain *asked)
{
	AdRegistryName row;
	struct AdGroups *groups;
	Version		champion;
	Version		challenger;
	AdRetrainMetrics metrics;
	Reasons		why;
	char	   *changes;
	double		drifted;

	ad_registry_check(cstring_to_text(model), NULL, AD_PRIVILEGE_OWN, &row);
	if (!asked->weigh && row.active != 0 &&
		ad_registry_version(cstring_to_text(model), row.active, NULL, NULL, &groups) &&
		groups != NULL)
		return refresh(model, row.active);
	if (!read_version(model, 0, &champion))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no active version", model),
				 errhint("Choose one with ad_activate().")));
	ad_registry_check_trainer(model, champion.trained_by);
	initStringInfo(&why.against);
	initStringInfo(&why.remarks);
	if (asked->weigh && !has_members(&champion))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no members to weight", model),
				 errhint("ad_auto() and ad_ensemble() have some.")));
	if (!weigh(model, &champion, &why) && asked->weigh)
	{
		say(&why.against, "there are not both anomalies and others among the labelled rows");
		return decision(model, champion.version, 0, NAN, NULL, &why);
	}
	if (!read_version(model, train(model, &champion, asked->weigh ? "ad_weight_members" : "ad_retrain"), &challenger))
		elog(ERROR, "model \"%s\" has no new version", model);

	changes = feature_changes(&champion, &challenger);
	if (changes != NULL)
		say(&why.against, psprintf("its features have changed (%s)", changes));
	/* other features are not like for like */
	drifted = changes != NULL ? NAN : drift(&champion);
	judge_drift(asked, drifted, &why);
	if (changes == NULL)
	{
		ad_retrain_metrics(model, champion.model, challenger.model,
						   champion.features, challenger.features, &metrics);
		judge_metrics(asked, &metrics, &why);
	}
	if (why.against.len == 0)
		activate(model, challenger.version);
	return decision(model, champion.version, challenger.version, drifted,
					changes == NULL ? &metrics : NULL, &why);
}

/* The model of a job. */
Jsonb *
ad_retrain_model_job(const AdJob *j, const AdRetrain *asked)
{
	if (j->model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" has no model", j->name),
				 errhint("Give it one with ad_alter_job().")));
	return ad_retrain_model(j->model, asked);
}
