/*-------------------------------------------------------------------------
 *
 * sketch_state.c
 *		The type ad_sketch_state, and aggregates over packed rows.
 *
 * Engines that spread a query over servers send the state of an aggregate from
 * one to another, if it is of a type that they can send; and they check the
 * types of its arguments.  So this type is what a state is while rows are
 * added, and what a sketch is when they have been: in memory an expanded object
 * around an AdFitState, elsewhere the bytes of a sketch (sketch_bytes.c).  With
 * a state goes what the aggregate is about: the release that made it, and the
 * spec of a fit, as text, since a jsonb of another's making cannot be trusted.
 * A sketch goes alone, and is the same, byte for byte, as one that is a bytea.
 *
 * Some engines make a new FmgrInfo for each row, without an expression; so
 * nothing is kept in it, nor asked of it.  All that is known of the arguments
 * is in the state, and in the rows themselves (packed.c).
 *
 * What comes from outside is read, and so checked, where it comes in; from
 * another encoding it is converted there.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_fit_state.h"
#include "sql/ad_aggregate.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"

#define STATES_CONTEXT	"anomaly sketch states"
#define MAX_SPEC_TEXT	(4 * AD_MAX_OPTIONS_LENGTH)

typedef struct StateObject
{
	ExpandedObjectHeader hdr;
	AdFitState	state;
	bytea	   *flat;			/* what flatten_into() copies; or NULL */
} StateObject;

PG_FUNCTION_INFO_V1(ad_sketch_state_in);
PG_FUNCTION_INFO_V1(ad_sketch_state_out);
PG_FUNCTION_INFO_V1(ad_sketch_state_recv);
PG_FUNCTION_INFO_V1(ad_sketch_state_send);
PG_FUNCTION_INFO_V1(ad_sketch_state_of_bytea);
PG_FUNCTION_INFO_V1(ad_sketch_state_to_bytea);
PG_FUNCTION_INFO_V1(ad_sketch_row_transfn);
PG_FUNCTION_INFO_V1(ad_fit_row_transfn);
PG_FUNCTION_INFO_V1(ad_fit_name_row_transfn);
PG_FUNCTION_INFO_V1(ad_merge_state_transfn);
PG_FUNCTION_INFO_V1(ad_sketch_state_combinefn);
PG_FUNCTION_INFO_V1(ad_sketch_state_finalfn);
PG_FUNCTION_INFO_V1(ad_fit_state_finalfn);

/* --- bytes --- */

/* What goes with the sketch of a state. */
static void
write_extra(const AdFitState *state, StringInfo buf)
{
	char	   *spec = NULL;

	ad_aggregate_write_release(buf);
	if (state->spec_value && state->spec_is_text)
		spec = text_to_cstring((text *) state->spec_value);
	else if (state->spec_value)
		spec = JsonbToCString(NULL, &((Jsonb *) state->spec_value)->root,
							  VARSIZE(state->spec_value));
	ad_wr_u8(buf, spec != NULL);
	if (spec == NULL)
		return;
	ad_wr_u8(buf, state->spec_is_text);
	ad_wr_string(buf, spec, strlen(spec));
	pfree(spec);
}

/* The bytes of a state, in the current context. */
static bytea *
write_state(AdFitState *state)
{
	StringInfoData extra;
	bytea	   *bytes;

	if (state->spec_value == NULL)
		return ad_sketch_write(state->sketch, NULL, 0);
	initStringInfo(&extra);
	write_extra(state, &extra);
	bytes = ad_sketch_write_state(state->sketch, extra.data, extra.len);
	pfree(extra.data);
	return bytes;
}

/* Read what goes with the sketch of a state, in the current context. */
static void
read_extra(AdFitState *state, AdReader *r, uint32 encoding)
{
	Size		len;
	const char *text;
	char	   *spec;

	if (r->len == 0)
		return;
	ad_aggregate_check_release(r);
	if (ad_rd_u8(r) == 0)
	{
		ad_rd_end(r);
		return;
	}
	state->spec_is_text = ad_rd_u8(r) != 0;
	text = ad_rd_string(r, MAX_SPEC_TEXT, &len);

	ad_rd_end(r);
	text = ad_rd_text_from(r, encoding, text, &len);

	spec = pnstrdup(text, len);
	state->spec_value = state->spec_is_text ?
		(struct varlena *) cstring_to_text_with_len(spec, (int) len) :
		(struct varlena *) ad_jsonb_from_text(spec);
	ad_fit_state_spec(state, false);
}

/* Read bytes into a zeroed state, all of it in the given context. */
static void
read_state(AdFitState *state, bytea *bytes, MemoryContext mcxt)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	AdReader	extra;

	ad_fit_state_read(state, bytes, mcxt, &extra);
	read_extra(state, &extra, state->sketch->encoding);
	MemoryContextSwitchTo(old);
}

/* --- objects --- */

static Size
flat_size(ExpandedObjectHeader *header)
{
	StateObject *o = (StateObject *) header;
	MemoryContext old;

	if (o->flat)
		pfree(o->flat);
	o->flat = NULL;
	old = MemoryContextSwitchTo(header->eoh_context);
	o->flat = write_state(&o->state);
	MemoryContextSwitchTo(old);
	return VARSIZE(o->flat);
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated)
{
	StateObject *o = (StateObject *) header;

	if (o->flat == NULL || VARSIZE(o->flat) != allocated)
		elog(ERROR, "unexpected size of an aggregate state");
	ad_copy_bytes(result, o->flat, allocated);
	pfree(o->flat);
	o->flat = NULL;
}

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

/*
 * The context of all states of an aggregate's context, made with the first.
 * The executor wants an object to be in a child of its own context, and after
 * each new group of a hash table looks at all children; so there is but one.
 * Nothing deletes it with one of its objects, since a transition returns the
 * object that it was given.
 */
static MemoryContext
context_of_states(MemoryContext aggregate)
{
	for (MemoryContext c = aggregate->firstchild; c; c = c->nextchild)
		if (strcmp(c->name, STATES_CONTEXT) == 0)
			return c;
	return AllocSetContextCreate(aggregate, STATES_CONTEXT,
								 ALLOCSET_DEFAULT_SIZES);
}

/* A new object without rows, in the given context. */
static StateObject *
create_object(MemoryContext mcxt)
{
	StateObject *o = MemoryContextAllocZero(mcxt, sizeof(StateObject));

	EOH_init_header(&o->hdr, &methods, mcxt);
	return o;
}

/* The object of a value that is one of ours; else NULL. */
static StateObject *
object_of(Datum value)
{
	ExpandedObjectHeader *header;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
		return NULL;
	header = DatumGetEOHP(value);
	return header->eoh_methods == &methods ? (StateObject *) header : NULL;
}

/* A value read into a new object in the given context. */
static StateObject *
read_object(Datum value, MemoryContext mcxt)
{
	StateObject *o;
	bytea	   *bytes;

	ad_check_length(value, "sketch", AD_MAX_BYTES);
	bytes = DatumGetByteaPP(value);
	o = create_object(mcxt);
	read_state(&o->state, bytes, o->hdr.eoh_context);
	if ((Pointer) bytes != DatumGetPointer(value))
		pfree(bytes);
	return o;
}

/*
 * The same, in a context of its own, which is to be deleted with it; what fails
 * leaves it to its parent, the current context.
 */
static StateObject *
read_temporary(Datum value)
{
	return read_object(value,
					   AllocSetContextCreate(CurrentMemoryContext,
											 "anomaly sketch",
											 ALLOCSET_DEFAULT_SIZES));
}

/* An object that may be changed: the value itself, or read from it. */
static StateObject *
writable(Datum value, MemoryContext aggregate)
{
	StateObject *o = object_of(value);

	if (o && VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(value)))
		return o;
	return read_object(value, context_of_states(aggregate));
}

/* --- input and output --- */

/*
 * Check bytes from outside by reading them; returns them as they are, or as
 * this database would have made them.
 */
static bytea *
check_state(bytea *bytes)
{
	StateObject *o = read_temporary(PointerGetDatum(bytes));

	/* only where they are not: bytes that come again should be the same */
	if (o->state.sketch->is_foreign)
		bytes = write_state(&o->state);
	MemoryContextDelete(o->hdr.eoh_context);
	return bytes;
}

/* Input: bytes as bytea has them. */
Datum
ad_sketch_state_in(PG_FUNCTION_ARGS)
{
	Datum		value = DirectFunctionCall1(byteain, PG_GETARG_DATUM(0));

	PG_RETURN_BYTEA_P(check_state(DatumGetByteaPP(value)));
}

/* Output: the same. */
Datum
ad_sketch_state_out(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_DATUM(DirectFunctionCall1(byteaout, PointerGetDatum(value)));
}

/* Binary input. */
Datum
ad_sketch_state_recv(PG_FUNCTION_ARGS)
{
	Datum		value = DirectFunctionCall1(bytearecv, PG_GETARG_DATUM(0));

	PG_RETURN_BYTEA_P(check_state(DatumGetByteaPP(value)));
}

/* Binary output. */
Datum
ad_sketch_state_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

/* The cast from bytea: checked as input is. */
Datum
ad_sketch_state_of_bytea(PG_FUNCTION_ARGS)
{
	ad_check_length(PG_GETARG_DATUM(0), "sketch", AD_MAX_BYTES);
	PG_RETURN_BYTEA_P(check_state(PG_GETARG_BYTEA_PP(0)));
}

/* The cast to bytea: the bytes that it is stored in. */
Datum
ad_sketch_state_to_bytea(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

/* --- aggregates --- */

/* Keep the spec of the first row. */
static void
begin(StateObject *o, FunctionCallInfo fcinfo, const struct varlena *spec,
	  bool is_text, bool need_detector)
{
	MemoryContext mcxt = o->hdr.eoh_context;
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	AdFitState *state = &o->state;

	state->spec_value = palloc(VARSIZE_ANY(spec));
	memcpy(state->spec_value, spec, VARSIZE_ANY(spec));
	state->spec_is_text = is_text;
	ad_fit_state_spec(state, need_detector);
	MemoryContextSwitchTo(old);
	ad_fit_state_progress(state, fcinfo);
}

/*
 * Raise an error unless a row has the features of a sketch that was read: the
 * state went through bytes between two rows.
 */
static void
check_features(const AdFitState *state)
{
	const AdSketch *s = state->sketch;
	bool		same = s->nfeatures == state->args.nfeatures;

	for (int j = 0; same && j < s->nfeatures; j++)
		same = s->features[j].class == state->args.sources[j].class &&
			strcmp(s->features[j].name, state->args.names[j]) == 0;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("packed rows of different fields cannot be fitted together")));
}

/* The spec of a call: as it is, if it has a long header; else a copy of it. */
static struct varlena *
spec_argument(Datum value)
{
	struct varlena *spec = (struct varlena *) DatumGetPointer(value);

	if (VARATT_IS_4B_U(spec) && VARSIZE(spec) <= AD_MAX_OPTIONS_LENGTH)
		return spec;
	ad_check_length(value, "spec", AD_MAX_OPTIONS_LENGTH);
	return PG_DETOAST_DATUM(value);
}

/* The transition of the aggregates over packed rows: (state, spec, row). */
static Datum
accumulate(FunctionCallInfo fcinfo, bool is_text, bool need_detector)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	StateObject *o;
	AdFitState *state;
	struct varlena *spec;
	bool		again;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("spec cannot be NULL")));
	/* a NULL row is no row, as in other aggregates */
	if (PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	spec = spec_argument(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
	{
		o = create_object(context_of_states(mcxt));
		begin(o, fcinfo, spec, is_text, need_detector);
	}
	else
	{
		o = writable(PG_GETARG_DATUM(0), mcxt);
		if (o->state.spec_value == NULL)
			begin(o, fcinfo, spec, is_text, need_detector);
		else
			ad_spec_check_same(o->state.spec_value, spec);
	}
	state = &o->state;
	again = state->args.mcxt == NULL && state->sketch != NULL;
	if (unlikely(state->args.mcxt == NULL))
		ad_args_init_packed(&state->args, state->spec.sampling.keyed,
							o->hdr.eoh_context);
	ad_args_next_packed(&state->args, PG_GETARG_DATUM(2), NULL);
	if (unlikely(again))
		check_features(state);
	ad_fit_state_add(state, state->args.key, o->hdr.eoh_context);
	PG_RETURN_DATUM(EOHPGetRWDatum(&o->hdr));
}

/* ad_sketch(spec jsonb, ad_row): add a row. */
Datum
ad_sketch_row_transfn(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, false, false);
}

/* ad_fit(spec jsonb, ad_row): add a row. */
Datum
ad_fit_row_transfn(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, false, true);
}

/* ad_fit(detector text, ad_row): add a row. */
Datum
ad_fit_name_row_transfn(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, true, true);
}

/* Merge arguments 0 and 1, either of which may be NULL; with a spec or not. */
static Datum
merge(FunctionCallInfo fcinfo, bool with_spec)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	StateObject *a;
	StateObject *b;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(0))
	{
		a = read_object(PG_GETARG_DATUM(1), context_of_states(mcxt));
		if (!with_spec)
			a->state.spec_value = NULL;
		PG_RETURN_DATUM(EOHPGetRWDatum(&a->hdr));
	}
	a = writable(PG_GETARG_DATUM(0), mcxt);
	b = object_of(PG_GETARG_DATUM(1));
	if (b)
		ad_fit_state_merge(&a->state, &b->state);
	else
	{
		b = read_temporary(PG_GETARG_DATUM(1));
		if (!with_spec)
			b->state.spec_value = NULL;
		ad_fit_state_merge(&a->state, &b->state);
		MemoryContextDelete(b->hdr.eoh_context);
	}
	PG_RETURN_DATUM(EOHPGetRWDatum(&a->hdr));
}

/* ad_merge(ad_sketch_state): merge a sketch; NULL is passed over. */
Datum
ad_merge_state_transfn(PG_FUNCTION_ARGS)
{
	return merge(fcinfo, false);
}

/* Combine two states; either may be NULL (no rows). */
Datum
ad_sketch_state_combinefn(PG_FUNCTION_ARGS)
{
	return merge(fcinfo, true);
}

/* The state of a final function's argument, which is not NULL. */
static StateObject *
final_object(FunctionCallInfo fcinfo)
{
	StateObject *o;

	(void) ad_aggregate_context(fcinfo);
	o = object_of(PG_GETARG_DATUM(0));
	return o ? o : read_temporary(PG_GETARG_DATUM(0));
}

/* The sketch of a state; strict. */
Datum
ad_sketch_state_finalfn(PG_FUNCTION_ARGS)
{
	StateObject *o = final_object(fcinfo);

	PG_RETURN_BYTEA_P(ad_sketch_write(o->state.sketch, NULL, 0));
}

/* The model fitted to a state; NULL if there was no row, or it failed so. */
Datum
ad_fit_state_finalfn(PG_FUNCTION_ARGS)
{
	StateObject *o;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	o = final_object(fcinfo);
	if (o->state.spec_value == NULL || o->state.spec.detector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("aggregate state is not that of a fit")));
	return ad_fit_state_model(&o->state, fcinfo);
}
