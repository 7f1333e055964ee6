/*-------------------------------------------------------------------------
 *
 * engine.c
 *		A module for the tests: aggregates called as a distributed engine does.
 *
 * An engine like Citus computes an aggregate in parts.  On each shard it runs
 * an aggregate of its own, which calls the transition function of the other;
 * the state goes through its type's send function, or the serialisation
 * function, to the coordinator, where another aggregate receives the states,
 * combines them and calls the final function.  Between the shards there may be
 * one without rows.  The functions see what they do not see elsewhere:
 *
 *	- a new FmgrInfo for each row, so fn_extra is empty, and fn_expr too;
 *	- the AggState, and the Aggref, of another aggregate than their own;
 *	- arguments whose types were compared exactly with pg_proc.proargtypes.
 *
 * engine_worker(aggregate oid, arguments record) returns the state as bytea;
 * engine_combine(aggregate oid, state bytea, anyelement) the result, of the
 * type of its last argument.  engine_worker_flat() is an engine that does not
 * know of expanded objects.  engine_reseal(bytea) gives bytes of a sketch that
 * a test has changed their checksum.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "port/pg_crc32c.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(engine_worker_transfn);
PG_FUNCTION_INFO_V1(engine_worker_flat_transfn);
PG_FUNCTION_INFO_V1(engine_worker_finalfn);
PG_FUNCTION_INFO_V1(engine_combine_transfn);
PG_FUNCTION_INFO_V1(engine_combine_finalfn);
PG_FUNCTION_INFO_V1(engine_reseal);

#define MAX_ARGUMENTS	16
#define CRC_AT			48		/* of a sketch's bytes */

/* The state of another aggregate, and what the catalogue says of it. */
typedef struct Box
{
	Oid			aggregate;
	FormData_pg_aggregate form;
	int			nargs;			/* its arguments, less the state */
	Oid			types[MAX_ARGUMENTS];
	int16		len;			/* of the state's type */
	bool		byval;
	Datum		value;
	bool		isnull;
} Box;

/* The context of the aggregate that calls. */
static MemoryContext
context_of(FunctionCallInfo fcinfo)
{
	MemoryContext mcxt;

	if (!AggCheckCallContext(fcinfo, &mcxt))
		elog(ERROR, "called in non-aggregate context");
	return mcxt;
}

/* The box of an aggregate, made at the first row. */
static Box *
get_box(FunctionCallInfo fcinfo, MemoryContext mcxt)
{
	Box		   *box;
	HeapTuple	tuple;
	Datum		init;
	Form_pg_proc proc;

	if (!PG_ARGISNULL(0))
		return (Box *) PG_GETARG_POINTER(0);
	box = MemoryContextAllocZero(mcxt, sizeof(Box));
	box->aggregate = PG_GETARG_OID(1);
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(box->aggregate));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "function %u is no aggregate", box->aggregate);
	memcpy(&box->form, GETSTRUCT(tuple), sizeof(FormData_pg_aggregate));
	init = SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_agginitval,
						   &box->isnull);
	if (!box->isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(mcxt);
		Oid			input;
		Oid			ioparam;

		getTypeInputInfo(box->form.aggtranstype, &input, &ioparam);
		box->value = OidInputFunctionCall(input, TextDatumGetCString(init),
										  ioparam, -1);
		MemoryContextSwitchTo(old);
	}
	ReleaseSysCache(tuple);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(box->aggregate));
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	box->nargs = proc->pronargs;
	if (box->nargs > MAX_ARGUMENTS - 1)
		elog(ERROR, "too many arguments");
	memcpy(box->types, proc->proargtypes.values, box->nargs * sizeof(Oid));
	ReleaseSysCache(tuple);
	if (!OidIsValid(box->form.aggcombinefn))
		elog(ERROR, "aggregate cannot be computed in parts");
	get_typlenbyval(box->form.aggtranstype, &box->len, &box->byval);
	return box;
}

/*
 * Call a function of the aggregate with n arguments, as if it had never been
 * called before; its result becomes the state.
 */
static void
advance(FunctionCallInfo fcinfo, Box *box, Oid function, int n,
		const NullableDatum *args, bool knows_expanded, MemoryContext mcxt)
{
	LOCAL_FCINFO(call, MAX_ARGUMENTS);
	FmgrInfo	flinfo;
	Datum		value;
	MemoryContext old;
	bool		keep;

	fmgr_info(function, &flinfo);
	if (flinfo.fn_strict)
	{
		for (int i = 1; i < n; i++)
			if (args[i].isnull)
				return;
		if (box->isnull)
		{
			old = MemoryContextSwitchTo(mcxt);
			box->value = datumCopy(args[1].value, box->byval, box->len);
			box->isnull = false;
			MemoryContextSwitchTo(old);
			return;
		}
	}
	InitFunctionCallInfoData(*call, &flinfo, n, InvalidOid, fcinfo->context,
							 NULL);
	for (int i = 0; i < n; i++)
		call->args[i] = args[i];
	value = FunctionCallInvoke(call);
	keep = box->byval || call->isnull ||
		(!box->isnull && DatumGetPointer(value) == DatumGetPointer(box->value)) ||
		(knows_expanded &&
		 DatumIsReadWriteExpandedObject(value, call->isnull, box->len) &&
		 MemoryContextGetParent(DatumGetEOHP(value)->eoh_context) == mcxt);
	if (!knows_expanded && !call->isnull && !box->byval)
		keep = false;
	if (!keep)
	{
		old = MemoryContextSwitchTo(mcxt);
		value = datumCopy(value, box->byval, box->len);
		MemoryContextSwitchTo(old);
	}
	box->value = value;
	box->isnull = call->isnull;
}

/* A row of a shard: (state, aggregate, arguments as a record). */
static Datum
worker(FunctionCallInfo fcinfo, bool knows_expanded)
{
	MemoryContext mcxt = context_of(fcinfo);
	Box		   *box = get_box(fcinfo, mcxt);
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(2);
	HeapTupleData tuple;
	TupleDesc	desc;
	NullableDatum args[MAX_ARGUMENTS];
	Datum		values[MAX_ARGUMENTS];
	bool		nulls[MAX_ARGUMENTS];

	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
								  HeapTupleHeaderGetTypMod(row));
	if (desc->natts != box->nargs)
		elog(ERROR, "engine could not confirm type correctness: %d arguments, not %d",
			 desc->natts, box->nargs);
	for (int i = 0; i < box->nargs; i++)
		if (TupleDescAttr(desc, i)->atttypid != box->types[i])
			elog(ERROR, "engine could not confirm type correctness: argument %d is %s, not %s",
				 i + 1, format_type_be(TupleDescAttr(desc, i)->atttypid),
				 format_type_be(box->types[i]));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, desc, values, nulls);
	ReleaseTupleDesc(desc);
	args[0].value = box->value;
	args[0].isnull = box->isnull;
	for (int i = 0; i < box->nargs; i++)
	{
		args[i + 1].value = values[i];
		args[i + 1].isnull = nulls[i];
	}
	advance(fcinfo, box, box->form.aggtransfn, box->nargs + 1, args,
			knows_expanded, mcxt);
	PG_RETURN_POINTER(box);
}

Datum
engine_worker_transfn(PG_FUNCTION_ARGS)
{
	return worker(fcinfo, true);
}

Datum
engine_worker_flat_transfn(PG_FUNCTION_ARGS)
{
	return worker(fcinfo, false);
}

/* The state of a shard as bytes; NULL: there is none. */
Datum
engine_worker_finalfn(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, 1);
	FmgrInfo	flinfo;
	Box		   *box;
	Oid			send;
	bool		varlena;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	box = (Box *) PG_GETARG_POINTER(0);
	if (box->isnull)
		PG_RETURN_NULL();
	if (box->form.aggtranstype == INTERNALOID)
		send = box->form.aggserialfn;
	else
		getTypeBinaryOutputInfo(box->form.aggtranstype, &send, &varlena);
	fmgr_info(send, &flinfo);
	InitFunctionCallInfoData(*call, &flinfo, 1, InvalidOid, fcinfo->context,
							 NULL);
	call->args[0].value = box->value;
	call->args[0].isnull = false;
	PG_RETURN_DATUM(FunctionCallInvoke(call));
}

/* A state's value from bytes, in the current context. */
static Datum
receive(FunctionCallInfo fcinfo, const Box *box, Datum bytes)
{
	LOCAL_FCINFO(call, 2);
	FmgrInfo	flinfo;
	bytea	   *b = DatumGetByteaPP(bytes);
	StringInfoData buf;
	Oid			function;
	Oid			ioparam;

	if (box->form.aggtranstype != INTERNALOID)
	{
		getTypeBinaryInputInfo(box->form.aggtranstype, &function, &ioparam);
		initStringInfo(&buf);
		appendBinaryStringInfo(&buf, VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b));
		return OidReceiveFunctionCall(function, &buf, ioparam, -1);
	}
	fmgr_info(box->form.aggdeserialfn, &flinfo);
	InitFunctionCallInfoData(*call, &flinfo, 2, InvalidOid, fcinfo->context,
							 NULL);
	call->args[0].value = bytes;
	call->args[0].isnull = false;
	call->args[1].value = (Datum) 0;
	call->args[1].isnull = false;
	return FunctionCallInvoke(call);
}

/* A shard's state at the coordinator: (state, aggregate, bytes, result). */
Datum
engine_combine_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = context_of(fcinfo);
	Box		   *box = get_box(fcinfo, mcxt);
	NullableDatum args[2];

	args[0].value = box->value;
	args[0].isnull = box->isnull;
	args[1].isnull = PG_ARGISNULL(2);
	args[1].value = args[1].isnull ? (Datum) 0 :
		receive(fcinfo, box, PG_GETARG_DATUM(2));
	advance(fcinfo, box, box->form.aggcombinefn, 2, args, true, mcxt);
	PG_RETURN_POINTER(box);
}

/* The result of the aggregate. */
Datum
engine_combine_finalfn(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, MAX_ARGUMENTS);
	FmgrInfo	flinfo;
	Box		   *box;
	Datum		result;
	int			n = 1;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	box = (Box *) PG_GETARG_POINTER(0);
	if (!OidIsValid(box->form.aggfinalfn))
	{
		if (box->isnull)
			PG_RETURN_NULL();
		PG_RETURN_DATUM(box->value);
	}
	fmgr_info(box->form.aggfinalfn, &flinfo);
	if (flinfo.fn_strict && box->isnull)
		PG_RETURN_NULL();
	if (box->form.aggfinalextra)
		n += box->nargs;
	InitFunctionCallInfoData(*call, &flinfo, n, InvalidOid, fcinfo->context,
							 NULL);
	call->args[0].value = box->isnull ? (Datum) 0 :
		MakeExpandedObjectReadOnly(box->value, false, box->len);
	call->args[0].isnull = box->isnull;
	for (int i = 1; i < n; i++)
	{
		call->args[i].value = (Datum) 0;
		call->args[i].isnull = true;
	}
	result = FunctionCallInvoke(call);
	if (call->isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/* The bytes of a sketch with the checksum that they should have. */
Datum
engine_reseal(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_P_COPY(0);
	uint8	   *data = (uint8 *) VARDATA(bytes);
	pg_crc32c	crc;

	if (VARSIZE(bytes) < VARHDRSZ + CRC_AT + 4 ||
		memcmp(data, "ADSKETC\n", 8) != 0)
		PG_RETURN_BYTEA_P(bytes);
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, CRC_AT);
	COMP_CRC32C(crc, data + CRC_AT + 4, VARSIZE(bytes) - VARHDRSZ - CRC_AT - 4);
	FIN_CRC32C(crc);
	for (int i = 0; i < 4; i++)
		data[CRC_AT + i] = (uint8) (crc >> (8 * i));
	PG_RETURN_BYTEA_P(bytes);
}
