/*-------------------------------------------------------------------------
 *
 * group_fit.c
 *		Fits of a model per entity, as the groups of a query come.
 *
 * The query gives a sketch per entity, in the order of their names, and so are
 * the entities of the version before: one pass over both tells which are new,
 * have changed, or are gone.  An entity whose rows are what they were, by their
 * number and the sum of their hashes, is not fitted.  One sketch is in memory at
 * a time; what is to be stored waits in a tuplestore, as the query may run in
 * parallel mode, in which nothing can be written.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "model/ad_model.h"
#include "operate/ad_progress.h"
#include "rows/ad_group_fit.h"
#include "rows/ad_store.h"
#include "sql/ad_receiver.h"
#include "sql/ad_text.h"

#include <float.h>

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* The columns of a group of the query. */
enum
{
	GROUP_ENTITY,
	GROUP_ROWS,
	GROUP_FINGERPRINT,
	GROUP_SKETCH
};

/* What a fit works on and gives. */
typedef struct Work
{
	AdSketch   *sketch;
	const AdSpec *spec;
	bytea	   *model;
} Work;

/* Fit one group. */
static void
fit(void *arg)
{
	Work	   *w = arg;
	char	   *fault;

	w->model = ad_model_fit(w->sketch, w->spec, &fault);
}

/* Add a change to what is to be stored. */
static void
put(AdGroupFit *f, AdGroupChange what, Datum entity, int32 first, int64 rows,
	int64 fingerprint, bytea *model, const char *problem)
{
	Datum		values[CHANGE_COLUMNS] = {0};
	bool		nulls[CHANGE_COLUMNS] = {false};

	values[CHANGE_WHAT] = Int32GetDatum(what);
	values[CHANGE_ENTITY] = entity;
	values[CHANGE_FIRST] = Int32GetDatum(first);
	values[CHANGE_ROWS] = Int64GetDatum(rows);
	values[CHANGE_FINGERPRINT] = Int64GetDatum(fingerprint);
	values[CHANGE_MODEL] = PointerGetDatum(model);
	nulls[CHANGE_MODEL] = model == NULL;
	values[CHANGE_PROBLEM] = problem ? CStringGetTextDatum(problem) : (Datum) 0;
	nulls[CHANGE_PROBLEM] = problem == NULL;
	tuplestore_putvalues(f->changes, f->desc, values, nulls);
}

/* Count the bytes of a model that is stored; an error if all take too many. */
static void
count_bytes(AdGroupFit *f, Size bytes)
{
	f->bytes += (int64) bytes;
	if (f->bytes > f->max_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("models of \"%s\" take more than " INT64_FORMAT " bytes",
						f->name, f->max_bytes),
				 errdetail("It was reached at entity " INT64_FORMAT "; a model takes " INT64_FORMAT " bytes on average.",
						   f->entities, f->bytes / Max(f->fitted + f->kept, 1)),
				 errhint("Raise max_bytes, or choose a detector whose models are smaller.")));
}

/*
 * Go on to the next entity of the version before.  Whoever began the scan owns
 * its buffers: rows come from a portal, which has an owner of its own.
 */
static void
next_base(AdGroupFit *f)
{
	MemoryContext old = MemoryContextSwitchTo(f->base_mcxt);
	ResourceOwner owner = CurrentResourceOwner;

	CurrentResourceOwner = f->owner;
	MemoryContextReset(f->base_mcxt);
	f->has_at = ad_group_scan_next(&f->scan, &f->at);
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
}

/* An entity of the version before has no rows any more. */
static void
leave(AdGroupFit *f)
{
	const AdGroup *g = &f->at;

	f->gone++;
	if (!f->keep_gone)
		put(f, AD_GROUP_END, PointerGetDatum(g->entity), g->first, 0, 0, NULL,
			NULL);
	else
	{
		if (g->has_model)
			count_bytes(f, ad_raw_length(g->model));
		if (g->ends)
			put(f, AD_GROUP_EXTEND, PointerGetDatum(g->entity), g->first, 0, 0,
				NULL, NULL);
	}
}

/*
 * Find an entity in the version before, passing over those that are gone; false:
 * it is new.
 */
static bool
find_base(AdGroupFit *f, const text *entity)
{
	while (f->has_at)
	{
		int			la = (int) VARSIZE_ANY_EXHDR(f->at.entity);
		int			lb = (int) VARSIZE_ANY_EXHDR(entity);
		int			order = memcmp(VARDATA_ANY(f->at.entity), VARDATA_ANY(entity),
								   Min(la, lb));

		if (order == 0)
			order = la - lb;
		if (order == 0)
			return true;
		if (order > 0)
			return false;
		leave(f);
		next_base(f);
	}
	return false;
}

/* Whether an entity's rows are those of the version before; then it is kept. */
static bool
keep(AdGroupFit *f, int64 fingerprint)
{
	const AdGroup *g = &f->at;

	if (g->fingerprint != fingerprint)
		return false;
	if (g->has_model)
	{
		f->kept++;
		count_bytes(f, ad_raw_length(g->model));
	}
	else
	{
		f->failed++;
		if (f->first_problem == NULL)
			f->first_problem = MemoryContextStrdup(f->mcxt, g->problem ? g->problem : "");
	}
	if (g->ends)
		put(f, AD_GROUP_EXTEND, PointerGetDatum(g->entity), g->first, 0, 0, NULL,
			NULL);
	return true;
}

/*
 * Look into a model: the first one tells what the features are, that of the most
 * rows how low a p-value can be.
 */
static void
look(AdGroupFit *f, bytea *model)
{
	const AdModel *m = ad_model_read((const uint8 *) VARDATA(model),
									 VARSIZE(model) - VARHDRSZ);
	MemoryContext old = MemoryContextSwitchTo(f->mcxt);

	if (f->features == (Datum) 0)
		f->features = ad_store_features(m);
	MemoryContextSwitchTo(old);
	if (m->has_scores && m->calibration.method != AD_CALIBRATION_NONE)
		f->least_p = Min(f->least_p,
						 ad_scores_pvalue(&m->calibration.held_out, DBL_MAX));
}

/*
 * Fit what a sketch holds, of so many rows; NULL: it cannot be fitted, *problem
 * says why.
 */
static bytea *
fit_sketch(AdGroupFit *f, Datum value, bool isnull, int64 *rows, char **problem)
{
	bytea	   *bytes;
	Work		w;
	AdSpec		spec = *f->spec;

	*rows = 0;
	*problem = NULL;
	if (isnull)
	{
		*problem = "all rows are NULL";
		return NULL;
	}
	bytes = DatumGetByteaPP(value);
	w.sketch = ad_sketch_read((const uint8 *) VARDATA_ANY(bytes),
							  VARSIZE_ANY_EXHDR(bytes), f->group_mcxt, NULL);
	*rows = (int64) w.sketch->rows;
	if (*rows < f->min_rows)
	{
		*problem = psprintf(w.sketch->rows == 1 ?
							UINT64_FORMAT " row, min_rows is " INT64_FORMAT :
							UINT64_FORMAT " rows, min_rows is " INT64_FORMAT,
							w.sketch->rows, f->min_rows);
		return NULL;
	}
	/* as ad_fit_sketch() does */
	spec.sampling = w.sketch->sampling;
	spec.sampling.seed = f->spec->sampling.seed;
	w.spec = &spec;
	*problem = ad_fault_catch(fit, &w);
	return *problem ? NULL : w.model;
}

/* Take one group: an entity with its sketch. */
static void
take(AdGroupFit *f, const Datum *values, const bool *nulls)
{
	int64		rows = DatumGetInt64(values[GROUP_ROWS]);
	int64		fingerprint = (int64) ad_mix64((uint64) rows +
											   (uint64) DatumGetInt64(values[GROUP_FINGERPRINT]));
	int64		seen;
	text	   *entity;
	bytea	   *model;
	char	   *problem;

	if (nulls[GROUP_ENTITY])
	{
		f->unnamed += rows;
		return;
	}
	f->entities++;
	f->rows += rows;
	entity = DatumGetTextPP(values[GROUP_ENTITY]);
	if (find_base(f, entity))
	{
		bool		same = keep(f, fingerprint);

		if (!same)
			put(f, AD_GROUP_END, PointerGetDatum(entity), f->at.first, 0, 0, NULL,
				NULL);
		next_base(f);
		if (same)
			return;
	}
	model = fit_sketch(f, values[GROUP_SKETCH], nulls[GROUP_SKETCH], &seen,
					   &problem);
	if (model != NULL)
	{
		f->fitted++;
		count_bytes(f, VARSIZE(model) - VARHDRSZ);
		if (seen > f->max_rows)
		{
			f->max_rows = seen;
			look(f, model);
		}
	}
	else
	{
		f->failed++;
		if (f->first_problem == NULL)
			f->first_problem = MemoryContextStrdup(f->mcxt, problem);
	}
	put(f, AD_GROUP_INSERT, PointerGetDatum(entity), 0, seen, fingerprint, model,
		model ? NULL : problem);
}

/* Take a row of the query. */
static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	AdGroupFit *f = (AdGroupFit *) self;
	MemoryContext old = MemoryContextSwitchTo(f->group_mcxt);

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	take(f, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	MemoryContextReset(f->group_mcxt);
	return true;
}

/* Be ready for groups; what is found is in the current context. */
void
ad_group_fit_begin(AdGroupFit *f)
{
	f->mcxt = CurrentMemoryContext;
	f->owner = CurrentResourceOwner;
	f->group_mcxt = AllocSetContextCreate(f->mcxt, "anomaly group",
										  ALLOCSET_DEFAULT_SIZES);
	f->base_mcxt = AllocSetContextCreate(f->mcxt, "anomaly group before",
										 ALLOCSET_DEFAULT_SIZES);
	f->desc = CreateTemplateTupleDesc(CHANGE_COLUMNS);
	TupleDescInitEntry(f->desc, CHANGE_WHAT + 1, "what", INT4OID, -1, 0);
	TupleDescInitEntry(f->desc, CHANGE_ENTITY + 1, "entity", TEXTOID, -1, 0);
	TupleDescInitEntry(f->desc, CHANGE_FIRST + 1, "first", INT4OID, -1, 0);
	TupleDescInitEntry(f->desc, CHANGE_ROWS + 1, "rows", INT8OID, -1, 0);
	TupleDescInitEntry(f->desc, CHANGE_FINGERPRINT + 1, "fingerprint", INT8OID, -1, 0);
	TupleDescInitEntry(f->desc, CHANGE_MODEL + 1, "model", BYTEAOID, -1, 0);
	TupleDescInitEntry(f->desc, CHANGE_PROBLEM + 1, "problem", TEXTOID, -1, 0);
	f->changes = tuplestore_begin_heap(false, false, work_mem);
	ad_receiver_init(&f->pub, receive_slot);
	f->pub.mydest = DestTuplestore; /* the rows are not discarded */
	if (f->base != NULL)
	{
		ad_group_scan_begin(f->base, NULL, &f->scan);
		next_base(f);
	}
}

/* All groups have come: those that are left of the version before are gone. */
void
ad_group_fit_end(AdGroupFit *f)
{
	if (f->base == NULL)
		return;
	while (f->has_at)
	{
		leave(f);
		next_base(f);
	}
	ad_group_scan_end(&f->scan);
	f->has_at = false;
}
