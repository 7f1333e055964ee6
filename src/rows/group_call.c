/*-------------------------------------------------------------------------
 *
 * group_call.c
 *		Calls by a name that has a model per entity: which model a row is for.
 *
 *		ad_score('g', merchant, amount, hour)	the entity comes first
 *		ad_score('g', t)						it is an attribute of the row
 *		ad_score_row('g', jsonb)				it is a key
 *
 * A row costs making the entity's name, a look into a hash table and the hold
 * of its model, unless the model is not loaded: then it costs one look into an
 * index, and reading one value.
 *
 * The models of a version are fitted to columns of one query, so the arguments
 * of a call fit them all, once they fit one.  Nobody has to believe that: what
 * the arguments were matched to is remembered, and compared.
 *
 * The common model that stands in for those that are missing is looked for when
 * a row needs it.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_entity.h"
#include "rows/ad_model_call.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

/* What a model's arguments were matched to. */
typedef struct Layout
{
	int			n;				/* 0: nothing yet */
	AdClass    *classes;
	char		(*names)[AD_MAX_NAME + 1];
} Layout;

typedef struct AdGroupCall
{
	MemoryContext owner;		/* of the call site */
	MemoryContext mcxt;			/* of groups */
	AdGroups   *groups;
	uint8		digest[AD_DIGEST_LENGTH];	/* for statistics */
	AdEntityMap *map;
	uint64		serial;			/* of the map */

	/* where the entity stands in a call; once per call site, if ready */
	bool		ready;
	bool		by_row;			/* the one argument is a row */
	bool		by_json;		/* it is a jsonb */
	AdEntityColumn columns[AD_MAX_GROUP_COLUMNS];
	Oid			row_type;		/* InvalidOid: not looked at yet */
	int32		row_typmod;
	TupleDesc	desc;
	int			attributes[AD_MAX_GROUP_COLUMNS];
	StringInfoData name;

	/* the common model, as the moment has it */
	AdModelRef	fallback;
	int32		fallback_version;	/* 0: not looked for yet */

	Layout		layout;
} AdGroupCall;

/* The digest of a version as bytes; a restored one that is none: zeros. */
static void
read_digest(const char *hex, uint8 *digest)
{
	memset(digest, 0, AD_DIGEST_LENGTH);
	for (int i = 0; i < AD_DIGEST_LENGTH && hex[2 * i] && hex[2 * i + 1]; i++)
	{
		unsigned int byte = 0;

		if (sscanf(hex + 2 * i, "%2x", &byte) == 1)
			digest[i] = (uint8) byte;
	}
}

/* A copy of what models of groups have in common, in the current context. */
static AdGroups *
copy_groups(const AdGroups *from)
{
	AdGroups   *g = palloc(sizeof(AdGroups));

	*g = *from;
	g->digest = pstrdup(from->digest);
	g->by = ad_palloc_array(char *, g->nby);
	for (int i = 0; i < g->nby; i++)
		g->by[i] = pstrdup(from->by[i]);
	if (g->fallback)
		g->fallback = pstrdup(from->fallback);
	return g;
}

/* Whether two versions have their entities in the same columns. */
static bool
same_columns(const AdGroups *a, const AdGroups *b)
{
	if (a->nby != b->nby)
		return false;
	for (int i = 0; i < a->nby; i++)
		if (strcmp(a->by[i], b->by[i]) != 0)
			return false;
	return true;
}

/*
 * The name of a call is one that has a model per entity, as it is from this
 * moment on.
 */
void
ad_group_call_set(AdModelArg *arg, const AdGroups *groups, MemoryContext owner)
{
	AdGroupCall *c = arg->group;
	MemoryContext old;

	if (c == NULL)
	{
		c = arg->group = MemoryContextAllocZero(owner, sizeof(AdGroupCall));
		c->owner = owner;
		c->mcxt = AllocSetContextCreate(owner, "anomaly groups",
										ALLOCSET_SMALL_SIZES);
	}
	if (c->groups != NULL && !same_columns(c->groups, groups))
		c->ready = false;
	c->groups = NULL;
	c->fallback_version = 0;
	MemoryContextReset(c->mcxt);
	old = MemoryContextSwitchTo(c->mcxt);
	c->groups = copy_groups(groups);
	MemoryContextSwitchTo(old);
	read_digest(c->groups->digest, c->digest);
	c->map = ad_entity_map(c->groups, &c->serial);
}

/* The name of a model whose call this is, palloc'd. */
static const char *
model_name(const AdModelCall *call)
{
	return pnstrdup(call->model.name, call->model.name_length);
}

/* Look, once per call site, at where the entity stands. */
static void
prepare_entity(FunctionCallInfo fcinfo, int first, AdModelCall *call)
{
	AdGroupCall *c = call->model.group;
	int			n = PG_NARGS() - first;
	MemoryContext old;

	c->by_row = false;
	c->by_json = call->json;
	c->row_type = InvalidOid;
	if (n == 1 && !c->by_json)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, first);

		c->by_row = type == RECORDOID ||
			get_typtype(getBaseType(type)) == TYPTYPE_COMPOSITE;
	}
	if (!c->by_row && !c->by_json && n <= c->groups->nby)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no features are given"),
				 errdetail("Model \"%s\" has a model per \"%s\": its value comes first, then the features.",
						   model_name(call), c->groups->by[0])));
	for (int i = 0; i < c->groups->nby; i++)
		c->columns[i].type = InvalidOid;
	if (!c->by_row && !c->by_json)
		for (int i = 0; i < c->groups->nby; i++)
			ad_entity_column(&c->columns[i],
							 get_fn_expr_argtype(fcinfo->flinfo, first + i),
							 NULL, c->owner);
	if (c->name.data == NULL)
	{
		old = MemoryContextSwitchTo(c->owner);
		initStringInfo(&c->name);
		MemoryContextSwitchTo(old);
	}
	c->ready = true;
}

/* How many arguments of a call name the entity before its features. */
int
ad_group_call_columns(FunctionCallInfo fcinfo, int first, AdModelCall *call)
{
	AdGroupCall *c = call->model.group;

	if (!c->ready)
		prepare_entity(fcinfo, first, call);
	return c->by_row || c->by_json ? 0 : c->groups->nby;
}

/* Find the attributes of a row that name the entity. */
static void
prepare_row(AdGroupCall *c, HeapTupleHeader row)
{
	Oid			type = HeapTupleHeaderGetTypeId(row);
	int32		typmod = HeapTupleHeaderGetTypMod(row);
	TupleDesc	desc = lookup_rowtype_tupdesc(type, typmod);
	MemoryContext old;

	c->row_type = InvalidOid;
	if (c->desc)
		FreeTupleDesc(c->desc);
	old = MemoryContextSwitchTo(c->owner);
	c->desc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
	ReleaseTupleDesc(desc);
	for (int i = 0; i < c->groups->nby; i++)
	{
		const char *name = c->groups->by[i];
		int			found = 0;

		for (int a = 0; a < c->desc->natts; a++)
		{
			Form_pg_attribute att = TupleDescAttr(c->desc, a);

			if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
				continue;
			if (found > 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("row has two attributes \"%s\"", name),
						 errhint("Name them with AS.")));
			found = a + 1;
		}
		if (found == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("row has no attribute \"%s\", which names the entity",
							name)));
		c->attributes[i] = found;
		ad_entity_column(&c->columns[i],
						 TupleDescAttr(c->desc, found - 1)->atttypid, name,
						 c->owner);
	}
	c->row_type = type;
	c->row_typmod = typmod;
}

/* Write the name of a JSON row's entity to c->name; false: it has none. */
static bool
entity_of_json(FunctionCallInfo fcinfo, int first, AdGroupCall *c)
{
	NullableDatum values[AD_MAX_GROUP_COLUMNS];

	if (PG_ARGISNULL(first))
		return false;
	for (int i = 0; i < c->groups->nby; i++)
	{
		Oid			type;

		values[i] = ad_json_entity(fcinfo, first, c->groups->by[i], &type);
		if (!values[i].isnull && type != c->columns[i].type)
			ad_entity_column(&c->columns[i], type, c->groups->by[i], c->owner);
	}
	return ad_entity_name(c->columns, c->groups->nby, values, &c->name);
}

/* The same of any call. */
static bool
entity_of_call(FunctionCallInfo fcinfo, int first, AdGroupCall *c)
{
	NullableDatum values[AD_MAX_GROUP_COLUMNS];
	HeapTupleHeader row;
	HeapTupleData tuple;

	if (c->by_json)
		return entity_of_json(fcinfo, first, c);
	if (!c->by_row)
		return ad_entity_name(c->columns, c->groups->nby, fcinfo->args + first,
							  &c->name);
	if (PG_ARGISNULL(first))
		return false;
	row = PG_GETARG_HEAPTUPLEHEADER(first);
	if (HeapTupleHeaderGetTypeId(row) != c->row_type ||
		HeapTupleHeaderGetTypMod(row) != c->row_typmod)
		prepare_row(c, row);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	for (int i = 0; i < c->groups->nby; i++)
		values[i].value = heap_getattr(&tuple, c->attributes[i], c->desc,
									   &values[i].isnull);
	return ad_entity_name(c->columns, c->groups->nby, values, &c->name);
}

/* The common model; NULL: there is none. */
static AdModel *
fallback_model(AdGroupCall *c, const AdModelCall *call)
{
	text	   *name;
	int32		version = AD_VERSION_ACTIVE;
	AdRegistryName row;
	Datum		value;

	if (c->groups->fallback == NULL)
		return NULL;
	if (c->fallback_version != 0)
		return c->fallback.model;
	name = cstring_to_text(c->groups->fallback);
	if (!ad_registry_name(name, GetActiveSnapshot(), &row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" does not exist", ad_quote_clip(c->groups->fallback)),
				 errdetail("It is the fallback of model \"%s\", for entities without a model.",
						   model_name(call)),
				 errhint("Train it, or train \"%s\" again with ad_train_groups() and another fallback, or none.",
						 model_name(call))));
	value = ad_registry_model(name, &version, AD_PRIVILEGE_SCORE);
	(void) ad_model_get(&c->fallback, (struct varlena *) DatumGetPointer(value),
						c->owner);
	pfree(DatumGetPointer(value));
	pfree(name);
	c->fallback_version = version;
	return c->fallback.model;
}

/* Hold the model of a row of _ad_model_group, which is of the version. */
static AdModel *
hold(AdModelArg *arg, AdGroup *row)
{
	AdModel    *m = ad_model_get(&arg->ref,
								 (struct varlena *) DatumGetPointer(row->model),
								 arg->group->owner);

	pfree(DatumGetPointer(row->model));
	pfree(row->entity);
	return m;
}

/* Find and load the model of an entity; NULL: it has none that is used. */
static AdModel *
load(AdModelArg *arg, AdEntity *e)
{
	AdGroupCall *c = arg->group;
	AdGroup		row;
	AdModel    *m;

	if (!ad_group_find(c->groups, e->key.name, (int) e->key.length,
					   GetActiveSnapshot(), &row) ||
		!row.has_model)
	{
		e->state = AD_ENTITY_NONE;
		return NULL;
	}
	m = hold(arg, &row);
	e->model = ad_model_handle(&arg->ref);
	e->state = AD_ENTITY_OWN;
	return m;
}

/* The model of any entity; NULL: there is none. */
static AdModel *
any_model(AdModelArg *arg)
{
	AdGroupScan scan;
	AdGroup		row;
	AdModel    *m = NULL;

	ad_group_scan_begin(arg->group->groups, GetActiveSnapshot(), &scan);
	while (m == NULL && ad_group_scan_next(&scan, &row))
		if (row.has_model)
			m = hold(arg, &row);
	ad_group_scan_end(&scan);
	return m;
}

/*
 * The model that a call's row is scored with: its entity's, or the common one;
 * NULL: there is none.  any: of whichever entity has one.
 */
AdModel *
ad_group_call_model(FunctionCallInfo fcinfo, int first, bool any,
					AdModelCall *call)
{
	AdModelArg *arg = &call->model;
	AdGroupCall *c = arg->group;
	AdModel    *m = NULL;

	if (unlikely(!c->ready))
		prepare_entity(fcinfo, first, call);
	if (entity_of_call(fcinfo, first, c))
	{
		AdEntity   *e;

		if (unlikely(!ad_entity_map_is(c->map, c->serial)))
			c->map = ad_entity_map(c->groups, &c->serial);
		e = ad_entity_find(c->map, c->name.data, (uint32) c->name.len);
		if (likely(e->state == AD_ENTITY_OWN))
			m = ad_model_again(&arg->ref, &e->model);
		if (unlikely(m == NULL && e->state != AD_ENTITY_NONE))
			m = load(arg, e);
	}
	ad_group_last_use = AD_GROUP_OWN;
	if (m == NULL && any)
		m = any_model(arg);
	if (m == NULL)
	{
		m = fallback_model(c, call);
		ad_group_last_use = m ? AD_GROUP_FALLBACK : AD_GROUP_NONE;
	}
	return m;
}

/* Whether a model has the features that the arguments were matched to. */
static bool
same_layout(const Layout *l, const AdModel *m)
{
	if (l->n != m->nfeatures)
		return false;
	for (int j = 0; j < l->n; j++)
		if (l->classes[j] != m->features[j].class ||
			strcmp(l->names[j], m->features[j].name) != 0)
			return false;
	return true;
}

/* Remember what the arguments are matched to. */
static void
remember_layout(AdGroupCall *c, const AdModel *m)
{
	Layout	   *l = &c->layout;

	if (l->n != m->nfeatures)
	{
		l->n = 0;
		if (l->classes)
			pfree(l->classes);
		if (l->names)
			pfree(l->names);
		l->names = NULL;
		l->classes = MemoryContextAlloc(c->owner, ad_mul_size(m->nfeatures,
															  sizeof(AdClass)));
		l->names = MemoryContextAlloc(c->owner, ad_mul_size(m->nfeatures,
															sizeof(*l->names)));
	}
	for (int j = 0; j < m->nfeatures; j++)
	{
		l->classes[j] = m->features[j].class;
		strlcpy(l->names[j], m->features[j].name, sizeof(*l->names));
	}
	l->n = m->nfeatures;
}

/*
 * The row is for another model: count for it, and match the arguments, unless
 * they are matched to its features; anew: they are to none.
 */
void
ad_group_call_match(AdModelCall *call, const AdModel *m, bool anew)
{
	AdGroupCall *c = call->model.group;

	if (m == c->fallback.model && ad_group_last_use == AD_GROUP_FALLBACK)
		ad_stat_model(&call->stat, m, c->groups->fallback, c->fallback_version);
	else
		ad_stat_entity(&call->stat, m, model_name(call),
					   call->model.version, c->digest);
	if (!anew && same_layout(&c->layout, m))
		return;
	c->layout.n = 0;
	ad_args_match(&call->args, m);
	remember_layout(c, m);
}
