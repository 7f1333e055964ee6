/*-------------------------------------------------------------------------
 *
 * fit.c
 *		Aggregates that read rows: ad_sketch, ad_fit, ad_merge; and
 *		ad_fit_sketch.
 *
 * One state serves all of them: a sketch, and for a fit its spec.  All that
 * a transition needs is in the state, not in fn_extra, since some callers
 * make a new FmgrInfo for each row.
 *
 * The state of a group lives in the aggregate context; a state that came
 * from a worker or was read from bytes has a context of its own, which the
 * first combine adopts instead of copying.  Final and serial functions cut
 * the sample's slack off, which changes nothing a sketch says, so calling
 * them repeatedly (as a window aggregate does) is safe.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_progress.h"
#include "operate/ad_shared.h"
#include "rows/ad_failed_fits.h"
#include "rows/ad_fit_state.h"
#include "rows/ad_origin.h"
#include "sql/ad_aggregate.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "nodes/execnodes.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"

/*
 * The progress of all fits of one query, in the query's memory: a GROUP BY
 * has one state per group, but is one fit to whoever watches it.
 */
typedef struct FitProgress
{
	EState	   *query;			/* whose it is */
	dlist_node	node;			/* in fits_running */
	MemoryContextCallback callback;
	int			slot;			/* of ad_progress_begin() */
	bool		lent;			/* by a training or detection around it */
	uint64		rows;			/* read by this process */
	uint64		fits;			/* made by it */
} FitProgress;

/* Of queries that run within each other, the innermost first. */
static dlist_head fits_running = DLIST_STATIC_INIT(fits_running);

/* Parse the spec a state was given, in its context. */
void
ad_fit_state_spec(AdFitState *state, bool need_detector)
{
	ad_spec_from_value(state->spec_value, state->spec_is_text, need_detector,
					   &state->spec);
}

/* Whether the first argument of the aggregate call is a constant. */
static bool
first_argument_is_const(FunctionCallInfo fcinfo)
{
	Aggref	   *aggref = AggGetAggref(fcinfo);

	return aggref != NULL && aggref->args != NIL &&
		IsA(linitial_node(TargetEntry, aggref->args)->expr, Const);
}

/*
 * Raise an error if a feature is a literal without a type: a constant is of
 * no use to a fit, so it was meant as something else, most likely as a spec.
 */
static void
check_literals(const AdArgs *a, FunctionCallInfo fcinfo)
{
	if (a->form != AD_FORM_COLUMNS)
		return;
	for (int j = 0; j < a->nfeatures; j++)
		if (a->sources[j].kind == AD_SRC_UNKNOWN &&
			!PG_ARGISNULL(a->first + j))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("feature %d is a literal without a type", j + 1),
					 errhint("Cast a spec to jsonb, anything else to its type.")));
}

/* The query's memory goes: it no longer runs. */
static void
progress_over(void *arg)
{
	FitProgress *gone = arg;

	dlist_delete(&gone->node);
	if (!gone->lent)
		ad_progress_end(gone->slot);
}

/*
 * The progress of the query of an aggregate call, begun if need be: a fit by
 * a detector of that name, or a sketch (NULL).  NULL if nobody can see it.
 */
static FitProgress *
fit_progress(FunctionCallInfo fcinfo, const char *detector)
{
	PlanState  *plan;
	FitProgress *p;
	dlist_iter	i;
	EState	   *query;
	double		expected;

	if (ad_shared == NULL || fcinfo->context == NULL)
		return NULL;
	if (IsA(fcinfo->context, AggState))
		plan = &((AggState *) fcinfo->context)->ss.ps;
	else if (IsA(fcinfo->context, WindowAggState))
		plan = &((WindowAggState *) fcinfo->context)->ss.ps;
	else
		return NULL;
	query = plan->state;
	dlist_foreach(i, &fits_running)
	{
		p = dlist_container(FitProgress, node, i.cur);
		if (p->query == query)
			return p;
	}

	p = MemoryContextAllocZero(query->es_query_cxt, sizeof(FitProgress));
	p->query = query;
	/* an aggregate reads what the node below it returns */
	expected = outerPlanState(plan) ? outerPlanState(plan)->plan->plan_rows :
		NAN;
	p->lent = detector && ad_progress_is_open(ad_progress_around_fit);
	if (p->lent)
	{
		p->slot = ad_progress_around_fit;
		ad_progress_expect(p->slot, expected);
	}
	else
		p->slot = ad_progress_begin(detector ? "fit" : "sketch", detector,
									expected);
	dlist_push_head(&fits_running, &p->node);
	p->callback.func = progress_over;
	p->callback.arg = p;
	MemoryContextRegisterResetCallback(query->es_query_cxt, &p->callback);
	ad_progress_phase(p->slot, "reading rows");
	return p;
}

/* Show the progress of a state's query, which calls. */
void
ad_fit_state_progress(AdFitState *state, FunctionCallInfo fcinfo)
{
	state->progress = fit_progress(fcinfo, state->spec.detector ?
								   state->spec.detector->name : NULL);
}

/* A new state for the arguments of this call; spec is detoasted or NULL. */
static AdFitState *
create_state(FunctionCallInfo fcinfo, MemoryContext mcxt,
			 struct varlena *spec, bool need_detector, int first)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	AdFitState *state = palloc0(sizeof(AdFitState));

	if (spec)
	{
		state->spec_value = palloc(VARSIZE_ANY(spec));
		memcpy(state->spec_value, spec, VARSIZE_ANY(spec));
		state->spec_is_text =
			get_fn_expr_argtype(fcinfo->flinfo, first - 1) == TEXTOID;
		state->spec_is_const = first_argument_is_const(fcinfo);
	}
	ad_fit_state_spec(state, need_detector);
	if (state->spec.sampling.keyed)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, first);

		if (PG_NARGS() < first + 2)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("keyed sampling needs a row key before the features")));
		if (!ad_source_init(&state->key, type, mcxt))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("row key is of type %s, which is not supported",
							format_type_be(type))));
		first++;
	}
	ad_args_init(&state->args, fcinfo, first, mcxt);
	check_literals(&state->args, fcinfo);
	MemoryContextSwitchTo(old);
	ad_fit_state_progress(state, fcinfo);
	return state;
}

/* Count a row, and now and then show how many there were. */
static inline void
count_row(AdFitState *state)
{
	if (state->progress &&
		unlikely((++state->progress->rows & (AD_PROGRESS_EVERY - 1)) == 0))
		ad_progress_rows(state->progress->slot, state->progress->rows);
}

/* Make the sketch of a state whose arguments have read the first row. */
static void
begin_sketch(AdFitState *state, MemoryContext mcxt)
{
	AdFeature  *features = ad_args_features(&state->args);

	state->sketch = ad_sketch_create(&state->spec.sampling, features,
									 state->args.nfeatures, mcxt);
	ad_sketch_shrink(state->sketch,
					 ad_spec_rows(&state->spec, state->sketch->k));
	pfree(features);
}

/* Add the row that a state's arguments have read, counted. */
void
ad_fit_state_add(AdFitState *state, uint64 key, MemoryContext mcxt)
{
	if (unlikely(state->sketch == NULL))
		begin_sketch(state, mcxt);
	ad_sketch_add(state->sketch, state->args.x, state->args.category, key);
	count_row(state);
}

/* Let the sketch pass over a row of float8 columns: see ad_sketch_pass(). */
static inline bool
passes(AdFitState *state, FunctionCallInfo fcinfo)
{
#ifdef USE_FLOAT8_BYVAL
	const NullableDatum *arg = fcinfo->args + state->args.first;
	bool		nulls = false;

	StaticAssertStmt(sizeof(NullableDatum) == 2 * sizeof(double) &&
					 offsetof(NullableDatum, value) == 0,
					 "a value is every other double of the arguments");
	for (int j = 0; j < state->args.nfeatures; j++)
		nulls |= arg[j].isnull;
	return !nulls &&
		ad_sketch_pass(state->sketch, (const double *) &arg->value);
#else
	return false;
#endif
}

/*
 * The transition of all row-reading aggregates: features from argument
 * "first" on, the spec (if any) before them.
 */
static Datum
accumulate(FunctionCallInfo fcinfo, bool has_spec, bool need_detector)
{
	AdFitState *state = PG_ARGISNULL(0) ? NULL :
		(AdFitState *) PG_GETARG_POINTER(0);
	MemoryContext mcxt = NULL;
	uint64		key = 0;

	/* asked until there is a sketch, not for every row */
	if (state == NULL || state->sketch == NULL)
		mcxt = ad_aggregate_context(fcinfo);

	if (has_spec && !(state && state->spec_is_const))
	{
		struct varlena *spec;

		if (PG_ARGISNULL(1))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("spec cannot be NULL")));
		ad_check_length(PG_GETARG_DATUM(1), "spec", AD_MAX_OPTIONS_LENGTH);
		/* a jsonb must be aligned and have a long header */
		spec = PG_DETOAST_DATUM(PG_GETARG_DATUM(1));
		if (state == NULL)
			state = create_state(fcinfo, mcxt, spec, need_detector, 2);
		else
			ad_spec_check_same(state->spec_value, spec);
		if ((Pointer) spec != DatumGetPointer(PG_GETARG_DATUM(1)))
			pfree(spec);
	}
	else if (!has_spec && state == NULL)
		state = create_state(fcinfo, mcxt, NULL, false, 1);

	if (state->spec.sampling.keyed)
	{
		int			at = state->args.first - 1;

		if (!PG_ARGISNULL(at))
			key = ad_source_hash(&state->key, PG_GETARG_DATUM(at));
	}

	if (state->sketch && state->args.float8_only && passes(state, fcinfo))
		 /* nothing else to do */ ;
	/* a NULL array or row is no row, as in other aggregates */
	else if (ad_args_next(&state->args, fcinfo, NULL))
	{
		if (unlikely(state->sketch == NULL))
			begin_sketch(state, mcxt);
		ad_sketch_add(state->sketch, state->args.x, state->args.category, key);
	}
	count_row(state);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(ad_sketch_transfn);
PG_FUNCTION_INFO_V1(ad_sketch_spec_transfn);
PG_FUNCTION_INFO_V1(ad_fit_transfn);
PG_FUNCTION_INFO_V1(ad_merge_transfn);
PG_FUNCTION_INFO_V1(ad_fit_combinefn);
PG_FUNCTION_INFO_V1(ad_fit_serialfn);
PG_FUNCTION_INFO_V1(ad_fit_deserialfn);
PG_FUNCTION_INFO_V1(ad_sketch_finalfn);
PG_FUNCTION_INFO_V1(ad_fit_finalfn);
PG_FUNCTION_INFO_V1(ad_fit_sketch);

/* ad_sketch(VARIADIC "any"): add a row. */
Datum
ad_sketch_transfn(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, false, false);
}

/* ad_sketch(spec, VARIADIC "any"): add a row. */
Datum
ad_sketch_spec_transfn(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, true, false);
}

/* ad_fit(spec, VARIADIC "any"): add a row. */
Datum
ad_fit_transfn(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, true, true);
}

/*
 * A state around a sketch read from bytes, in a new child context.  "extra"
 * as in ad_sketch_read().
 */
static AdFitState *
read_state(bytea *bytes, AdReader *extra)
{
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext,
											  "anomaly sketch",
											  ALLOCSET_DEFAULT_SIZES);
	AdFitState *state = MemoryContextAllocZero(own, sizeof(AdFitState));

	state->own = own;
	state->sketch = ad_sketch_read((const uint8 *) VARDATA_ANY(bytes),
								   VARSIZE_ANY_EXHDR(bytes), own, extra);
	state->spec.sampling = state->sketch->sampling;
	return state;
}

/*
 * The same of a state that another server may have sent, into one that is
 * zeroed; the context is the state's.
 */
void
ad_fit_state_read(AdFitState *state, bytea *bytes, MemoryContext mcxt,
				  AdReader *extra)
{
	state->sketch = ad_sketch_read_state((const uint8 *) VARDATA_ANY(bytes),
										 VARSIZE_ANY_EXHDR(bytes), mcxt,
										 extra);
	state->spec.sampling = state->sketch->sampling;
}

/* Merge the rows of b, which is of the same spec, into a; both have a sketch. */
void
ad_fit_state_merge(AdFitState *a, AdFitState *b)
{
	if (a->spec_value && b->spec_value)
		ad_spec_check_same(a->spec_value, b->spec_value);
	ad_sketch_merge(a->sketch, b->sketch);
}

/* Merge b into a, or adopt b; b is not to be used afterwards. */
static AdFitState *
merge_states(AdFitState *a, AdFitState *b, MemoryContext mcxt)
{
	if (a == NULL || a->sketch == NULL)
	{
		Assert(b->own != NULL);
		MemoryContextSetParent(b->own, mcxt);
		return b;
	}
	if (b->sketch)
		ad_fit_state_merge(a, b);
	if (b->own)
		MemoryContextDelete(b->own);
	return a;
}

/* ad_merge(bytea): merge a stored sketch; NULL is passed over. */
Datum
ad_merge_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	AdFitState *state = PG_ARGISNULL(0) ? NULL :
		(AdFitState *) PG_GETARG_POINTER(0);
	bytea	   *bytes;

	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	ad_check_length(PG_GETARG_DATUM(1), "sketch", AD_MAX_BYTES);
	bytes = PG_GETARG_BYTEA_PP(1);
	state = merge_states(state, read_state(bytes, NULL), mcxt);
	PG_FREE_IF_COPY(bytes, 1);
	PG_RETURN_POINTER(state);
}

/* Combine two partial states; either may be NULL (an empty FILTER). */
Datum
ad_fit_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	AdFitState *a = PG_ARGISNULL(0) ? NULL : (AdFitState *) PG_GETARG_POINTER(0);
	AdFitState *b = PG_ARGISNULL(1) ? NULL : (AdFitState *) PG_GETARG_POINTER(1);

	if (b != NULL)
		a = merge_states(a, b, mcxt);
	if (a == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(a);
}

/*
 * A state for the exchange between workers: its sketch, and as extra bytes
 * the release, whether the spec is text, then the spec as it was given.  A
 * state that saw no row (all of them NULL) is an empty bytea.
 */
Datum
ad_fit_serialfn(PG_FUNCTION_ARGS)
{
	AdFitState *state;
	StringInfoData extra;

	(void) ad_aggregate_context(fcinfo);
	state = (AdFitState *) PG_GETARG_POINTER(0);
	if (state->sketch == NULL)
		PG_RETURN_BYTEA_P(cstring_to_text_with_len("", 0));
	initStringInfo(&extra);
	ad_aggregate_write_release(&extra);
	ad_wr_u8(&extra, state->spec_is_text);
	if (state->spec_value)
		ad_wr_bytes(&extra, state->spec_value, VARSIZE_ANY(state->spec_value));
	PG_RETURN_BYTEA_P(ad_sketch_write(state->sketch, extra.data, extra.len));
}

/* The state that ad_fit_serialfn wrote, in a context of its own. */
Datum
ad_fit_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	AdReader	extra;
	AdFitState *state;

	(void) ad_aggregate_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	if (VARSIZE_ANY_EXHDR(bytes) == 0)
		PG_RETURN_NULL();
	state = read_state(bytes, &extra);
	ad_aggregate_check_release(&extra);
	state->spec_is_text = ad_rd_u8(&extra) != 0;
	if (extra.pos < extra.len)
	{
		MemoryContext old = MemoryContextSwitchTo(state->own);

		state->spec_value = palloc(extra.len - extra.pos);
		memcpy(state->spec_value, extra.data + extra.pos,
			   extra.len - extra.pos);
		ad_fit_state_spec(state, false);
		MemoryContextSwitchTo(old);
	}
	PG_RETURN_POINTER(state);
}

/* The sketch as bytes; NULL if there was no row. */
Datum
ad_sketch_finalfn(PG_FUNCTION_ARGS)
{
	AdFitState *state;

	(void) ad_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (AdFitState *) PG_GETARG_POINTER(0);
	if (state->sketch == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(ad_sketch_write(state->sketch, NULL, 0));
}

/* The model of a fit, or NULL for one that failed, which is counted. */
static Datum
model_or_null(FunctionCallInfo fcinfo, bytea *model, const char *fault)
{
	if (model != NULL)
		PG_RETURN_BYTEA_P(model);
	ad_failed_fits_add(fcinfo, fault);
	PG_RETURN_NULL();
}

static int	fitting_slot = -1;	/* that the fit under way reports to */

/* Show how far a fit is. */
static void
show_phase(const char *phase)
{
	ad_progress_phase(fitting_slot, phase);
}

/* As ad_model_fit(), whose progress is shown in a slot. */
static bytea *
fit_shown(AdFitState *state, int slot, char **fault)
{
	bytea	   *model;

	ad_progress_phase(slot, "fitting");
	fitting_slot = slot;
	ad_detector_phase = show_phase;
	PG_TRY();
	{
		model = ad_model_fit(state->sketch, &state->spec, fault);
	}
	PG_FINALLY();
	{
		ad_detector_phase = NULL;
	}
	PG_END_TRY();
	/* other groups may have rows to come */
	ad_progress_phase(slot, "reading rows");
	return model;
}

/* Fit the model of a state that has a sketch; see model_or_null(). */
Datum
ad_fit_state_model(AdFitState *state, FunctionCallInfo fcinfo)
{
	FitProgress *progress;
	bytea	   *model;
	char	   *fault;

	progress = fit_progress(fcinfo, state->spec.detector->name);
	if (progress)
		ad_progress_rows(progress->slot, progress->rows);
	model = fit_shown(state, progress ? progress->slot : -1, &fault);
	if (progress)
		ad_progress_fits(progress->slot, ++progress->fits);
	return model_or_null(fcinfo, model, fault);
}

/* The fitted model; NULL if there was no row, or see model_or_null(). */
Datum
ad_fit_finalfn(PG_FUNCTION_ARGS)
{
	AdFitState *state;

	(void) ad_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (AdFitState *) PG_GETARG_POINTER(0);
	if (state->sketch == NULL)
		PG_RETURN_NULL();
	return ad_fit_state_model(state, fcinfo);
}

/*
 * ad_fit_sketch(spec jsonb or text, sketch bytea): fit from a stored
 * sketch, whose sampling is past; only the spec's seed counts.  Strict.
 */
Datum
ad_fit_sketch(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	AdFitState *state;
	bytea	   *model;
	char	   *fault;
	uint64		seed;

	ad_check_length(PG_GETARG_DATUM(0), "spec", AD_MAX_OPTIONS_LENGTH);
	ad_check_length(PG_GETARG_DATUM(1), "sketch", AD_MAX_BYTES);
	bytes = PG_GETARG_BYTEA_PP(1);
	state = read_state(bytes, NULL);
	state->spec_is_text =
		get_fn_expr_argtype(fcinfo->flinfo, 0) == TEXTOID;
	state->spec_value = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	ad_fit_state_spec(state, true);

	/* what the model says of its sample is what the sketch did */
	seed = state->spec.sampling.seed;
	state->spec.sampling = state->sketch->sampling;
	state->spec.sampling.seed = seed;
	model = ad_model_fit(state->sketch, &state->spec, &fault);
	MemoryContextDelete(state->own);
	return model_or_null(fcinfo, model, fault);
}
