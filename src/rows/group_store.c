/*-------------------------------------------------------------------------
 *
 * group_store.c
 *		Storing a model per entity, and finding those of the version before.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "rows/ad_group_store.h"
#include "rows/ad_spec_value.h"
#include "rows/ad_store.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/uuid.h"

#define BATCH_ROWS	1000		/* entities stored at once, */
#define BATCH_BYTES	(4 * 1024 * 1024)	/* unless their models are large */

/*
 * Lock the training of a name with a model per entity, until the transaction
 * ends.
 */
void
ad_group_lock(const char *name)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ad_own_relation(AD_REL_MODEL_GROUP),
					   hash_bytes((const unsigned char *) name,
								  (int) strlen(name)), 0);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* A column of the first row that came back, or NULL. */
static char *
column(int n)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, n);
}

/* Read what the active version of a name was trained with.  Within SPI. */
void
ad_group_task_read(AdGroupTask *t)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(t->name)};
	AdRegistryName row;
	AdGroups   *g;
	bool		isnull;

	ad_registry_check(DatumGetTextPP(values[0]), NULL, AD_PRIVILEGE_OWN, &row);
	if (!ad_registry_version(DatumGetTextPP(values[0]), row.active, NULL, NULL, &g) ||
		g == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("active version of model \"%s\" has no model per entity", t->name),
				 errhint("Train it with ad_train_groups() once.")));
	if (ad_own_run("SELECT v.query, v.spec, v.trained_by, v.groups ->> 'keep_gone', v.groups ->> 'max_bytes' "
				   "FROM %s._ad_model_version v JOIN %s._ad_model_name n ON n.name = v.name AND n.active = v.version WHERE v.name = $1",
				   lengthof(types), types, values, NULL) != 1)
		elog(ERROR, "active version of model \"%s\" has gone", t->name);
	ad_registry_check_trainer(t->name, column(3));
	t->query = column(1);
	t->spec = DatumGetJsonbPCopy(SPI_getbinval(SPI_tuptable->vals[0],
											   SPI_tuptable->tupdesc, 2, &isnull));
	t->keep_gone = column(4) == NULL || strcmp(column(4), "false") != 0;
	t->max_bytes = column(5) == NULL ? PG_INT64_MAX :
		DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(column(5))));
	t->nby = g->nby;
	t->by = g->by;
	t->fallback = g->fallback;
	t->min_rows = (int32) Max(Min(g->min_rows, PG_INT32_MAX), 1);
}

/*
 * The version whose models are those of entities that have not changed: the
 * latest with a model per entity, if it was trained in the same way.  NULL:
 * there is none.  *least_p is the least p-value of its entities, or 1.  Within
 * SPI.
 */
AdGroups *
ad_group_base(AdGroupTask *t, double *least_p)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(t->name)};
	AdGroups   *g;
	bool		isnull;
	char	   *known;
	int32		version;

	*least_p = 1;
	t->base_digest = NULL;
	t->base_features = (Datum) 0;
	if (!t->reuse ||
		ad_own_run("SELECT v.version, v.spec, v.groups ->> 'columns', v.digest, v.features, v.groups ->> 'least_p' FROM %s._ad_model_version v "
				   "WHERE v.name = $1 AND v.groups IS NOT NULL "
	/* a restore may say that a set of another name is its own */
				   "AND NOT EXISTS (SELECT FROM %s._ad_model_version o WHERE o.name <> v.name AND o.groups ->> 'set' = (v.groups ->> 'set')::uuid::text) "
				   "ORDER BY v.version DESC LIMIT 1",
				   lengthof(types), types, values, NULL) == 0)
		return NULL;
	version = ad_own_result(1);
	if (strcmp(column(2), JsonbToCString(NULL, &t->spec->root, VARSIZE(t->spec))) != 0 ||
		column(3) == NULL || strcmp(column(3), t->columns) != 0)
		return NULL;
	t->base_features = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									 5, &isnull);
	t->base_digest = column(4);
	known = column(6);
	if (!ad_registry_version(DatumGetTextPP(values[0]), version, NULL, NULL, &g) ||
		g->min_rows != t->min_rows || g->nby != t->nby)
	{
		t->base_digest = NULL;
		return NULL;
	}
	for (int i = 0; i < t->nby; i++)
		if (strcmp(g->by[i], t->by[i]) != 0)
		{
			t->base_digest = NULL;
			return NULL;
		}
	if (known != NULL)
		*least_p = DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(known)));
	return g;
}

/* Raise an error if the version that was built on is no longer the latest. */
static void
check_base(const AdGroupTask *t)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(t->name)};

	if (t->base_digest == NULL)
		return;
	if (ad_own_run("SELECT v.digest FROM %s._ad_model_version v "
				   "WHERE v.name = $1 AND v.groups IS NOT NULL ORDER BY v.version DESC LIMIT 1",
				   lengthof(types), types, values, NULL) == 0 ||
		strcmp(column(1), t->base_digest) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("model \"%s\" was changed while it was trained", t->name),
				 errhint("Train it again.")));
}

/* Changes of a kind that are stored together. */
typedef struct Batch
{
	int			n;
	Size		bytes;
	Datum		entities[BATCH_ROWS];
	Datum		firsts[BATCH_ROWS];
	Datum		rows[BATCH_ROWS];
	Datum		fingerprints[BATCH_ROWS];
	Datum		models[BATCH_ROWS];
	bool		no_model[BATCH_ROWS];
	Datum		problems[BATCH_ROWS];
	bool		no_problem[BATCH_ROWS];
} Batch;

/* An array of the values of a batch. */
static Datum
array_of(Datum *values, bool *nulls, int n, Oid type)
{
	int			dims[] = {n};
	int			bounds[] = {1};
	bool		is_int4 = type == INT4OID;
	bool		is_int8 = type == INT8OID;

	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, bounds, type,
											  is_int4 ? 4 : is_int8 ? 8 : -1,
											  is_int4 || (is_int8 && FLOAT8PASSBYVAL),
											  is_int8 ? TYPALIGN_DOUBLE : TYPALIGN_INT));
}

/* Store a batch of changes, by way of mcxt; it is empty afterwards. */
static void
flush(Batch *b, AdGroupChange what, const pg_uuid_t *set, int32 base,
	  int32 version, MemoryContext mcxt)
{
	MemoryContext old;
	Oid			types[] = {UUIDOID, INT4OID, TEXTARRAYOID, INT4ARRAYOID, INT8ARRAYOID,
	INT8ARRAYOID, BYTEAARRAYOID, TEXTARRAYOID};
	Datum		values[8];

	if (b->n == 0)
		return;
	old = MemoryContextSwitchTo(mcxt);
	values[0] = UUIDPGetDatum(set);
	values[1] = Int32GetDatum(what == AD_GROUP_INSERT ? version : base);
	values[2] = array_of(b->entities, NULL, b->n, TEXTOID);
	values[3] = array_of(b->firsts, NULL, b->n, INT4OID);
	if (what == AD_GROUP_INSERT)
	{
		values[4] = array_of(b->rows, NULL, b->n, INT8OID);
		values[5] = array_of(b->fingerprints, NULL, b->n, INT8OID);
		values[6] = array_of(b->models, b->no_model, b->n, BYTEAOID);
		values[7] = array_of(b->problems, b->no_problem, b->n, TEXTOID);
	}
	MemoryContextSwitchTo(old);
	if (what == AD_GROUP_INSERT)
		(void) ad_own_run("INSERT INTO %s._ad_model_group (group_set, entity, first, rows, fingerprint, model, problem) "
						  "SELECT $1, u.e, $2, u.r, u.f, u.m, u.p FROM unnest($3, $5, $6, $7, $8) u(e, r, f, m, p)",
						  8, types, values, NULL);
	else
		(void) ad_own_run(what == AD_GROUP_END ?
						  "UPDATE %s._ad_model_group g SET last = $2 FROM unnest($3, $4) u(e, f) "
						  "WHERE g.group_set = $1 AND g.entity = u.e AND g.first = u.f" :
						  "UPDATE %s._ad_model_group g SET last = NULL FROM unnest($3, $4) u(e, f) "
						  "WHERE g.group_set = $1 AND g.entity = u.e AND g.first = u.f AND $2 > 0",
						  4, types, values, NULL);
	b->n = 0;
	b->bytes = 0;
}

/* Add a change to a batch. */
static void
add(Batch *b, const Datum *values, const bool *nulls)
{
	b->entities[b->n] = values[CHANGE_ENTITY];
	b->firsts[b->n] = values[CHANGE_FIRST];
	b->rows[b->n] = values[CHANGE_ROWS];
	b->fingerprints[b->n] = values[CHANGE_FINGERPRINT];
	b->models[b->n] = values[CHANGE_MODEL];
	b->no_model[b->n] = nulls[CHANGE_MODEL];
	b->problems[b->n] = values[CHANGE_PROBLEM];
	b->no_problem[b->n] = nulls[CHANGE_PROBLEM];
	b->bytes += VARSIZE_ANY(DatumGetPointer(values[CHANGE_ENTITY])) +
		(nulls[CHANGE_MODEL] ? 0 : VARSIZE_ANY(DatumGetPointer(values[CHANGE_MODEL])));
	b->n++;
}

/* Copy what a batch is to keep of a row of changes. */
static void
copy_change(Datum *values, const bool *nulls)
{
	values[CHANGE_ENTITY] = datumCopy(values[CHANGE_ENTITY], false, -1);
	if (!nulls[CHANGE_MODEL])
		values[CHANGE_MODEL] = datumCopy(values[CHANGE_MODEL], false, -1);
	if (!nulls[CHANGE_PROBLEM])
		values[CHANGE_PROBLEM] = datumCopy(values[CHANGE_PROBLEM], false, -1);
}

/* Store all changes of a kind.  Within SPI, whose memory is the current one. */
static void
store_changes(AdGroupFit *f, AdGroupChange what, const pg_uuid_t *set,
			  int32 version)
{
	Batch	   *b = palloc(sizeof(Batch));
	TupleTableSlot *slot = MakeSingleTupleTableSlot(f->desc, &TTSOpsMinimalTuple);
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly groups to store",
											   ALLOCSET_DEFAULT_SIZES);
	int32		base = f->base ? f->base->version : 0;

	b->n = 0;
	b->bytes = 0;
	tuplestore_rescan(f->changes);
	while (tuplestore_gettupleslot(f->changes, true, true, slot))
	{
		Datum		values[CHANGE_COLUMNS];
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (DatumGetInt32(slot->tts_values[CHANGE_WHAT]) != (int32) what)
			continue;
		memcpy(values, slot->tts_values, sizeof(values));
		old = MemoryContextSwitchTo(mcxt);
		copy_change(values, slot->tts_isnull);
		MemoryContextSwitchTo(old);
		add(b, values, slot->tts_isnull);
		if (b->n == BATCH_ROWS || b->bytes > BATCH_BYTES)
		{
			flush(b, what, set, base, version, mcxt);
			MemoryContextReset(mcxt);
		}
	}
	flush(b, what, set, base, version, mcxt);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(mcxt);
	pfree(b);
}

/* Random bytes, which tell a set, or a version, from all others. */
static void
draw(void *bytes, Size n)
{
	if (!pg_strong_random(bytes, n))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bytes")));
}

/* What the version says of its models of groups, as jsonb. */
static Datum
describe(const AdGroupTask *t, const AdGroupFit *f, pg_uuid_t *set)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"set\": \"%s\", \"by\": [",
					 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(set))));
	for (int i = 0; i < t->nby; i++)
	{
		appendStringInfoString(&buf, i > 0 ? ", " : "");
		escape_json(&buf, t->by[i]);
	}
	appendStringInfo(&buf, "], \"min_rows\": %d, \"keep_gone\": %s, \"max_bytes\": " INT64_FORMAT ", \"fallback\": ",
					 t->min_rows, t->keep_gone ? "true" : "false", t->max_bytes);
	if (t->fallback)
		escape_json(&buf, t->fallback);
	else
		appendStringInfoString(&buf, "null");
	appendStringInfo(&buf, ", \"entities\": " INT64_FORMAT ", \"failed\": " INT64_FORMAT ", \"bytes\": " INT64_FORMAT ", \"columns\": ",
					 f->entities + (f->keep_gone ? f->gone : 0), f->failed, f->bytes);
	escape_json(&buf, t->columns);
	if (f->least_p < 1)
		appendStringInfo(&buf, ", \"least_p\": %.17g", f->least_p);
	appendStringInfoChar(&buf, '}');
	return JsonbPGetDatum(ad_jsonb_from_text(buf.data));
}

/*
 * Store what was fitted as the next version of a name; its number.  Within SPI.
 */
int32
ad_group_store(AdGroupTask *t, AdGroupFit *f)
{
	AdStored	s = {0};
	pg_uuid_t	set;
	uint8		digest[AD_DIGEST_LENGTH];
	StringInfoData hex;

	s.name = cstring_to_text(t->name);
	s.version = ad_store_next(s.name, t->keep);
	check_base(t);
	if (f->base)
		set = f->base->set;
	else
		draw(&set, sizeof(set));
	draw(digest, sizeof(digest));
	initStringInfo(&hex);
	for (int i = 0; i < AD_DIGEST_LENGTH; i++)
		appendStringInfo(&hex, "%02x", digest[i]);

	/* a row that ends makes way for the new one of its entity */
	store_changes(f, AD_GROUP_END, &set, s.version);
	store_changes(f, AD_GROUP_EXTEND, &set, s.version);
	store_changes(f, AD_GROUP_INSERT, &set, s.version);
	tuplestore_end(f->changes);

	s.bytes = (bytea *) cstring_to_text("");
	s.spec = JsonbPGetDatum(t->spec);
	s.query = t->query;
	s.rows = f->rows;
	s.features = f->features ? f->features : t->base_features ? t->base_features :
		JsonbPGetDatum(ad_jsonb_from_text(t->columns));
	s.digest = hex.data;
	s.notes = t->notes;
	s.groups = describe(t, f, &set);
	s.activate = t->activate;
	s.fit_ms = t->fit_ms;
	s.fit_bytes = t->fit_bytes;
	return ad_store_version(&s);
}
