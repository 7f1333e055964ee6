/*-------------------------------------------------------------------------
 *
 * sql_among.c
 *		Whether a row is of a job that the reader may see.
 *
 * The server lets comparisons that give nothing away by themselves pass the
 * barrier of a view, and EXPLAIN ANALYZE prints how many rows each node found.
 * So whoever may read a view could learn by "note >= 'Mr S'" what the rows of
 * others hold, unless every scan of a table looks first whose the row is.  The
 * views say _ad_among(job_id, ARRAY(SELECT ...)), which is = ANY, with two
 * things that the planner cannot know of = ANY:
 *
 * - it is told to cost nothing, so that it comes before what the reader asks
 *   in a filter.  The other way round the list of his jobs would be made only
 *   if a row is found, which EXPLAIN ANALYZE shows too;
 * - it remains a condition of the indexes, which all begin with the number or
 *   the name of the job, so no index is read by the reader's condition alone.
 *   A name is what the reader asks for, so an index that begins with it also
 *   knows an order.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"

#include "catalog/pg_collation_d.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

PG_FUNCTION_INFO_V1(ad_among);
PG_FUNCTION_INFO_V1(ad_among_names);
PG_FUNCTION_INFO_V1(ad_among_support);

/* _ad_among(): whether a number is one of an array. */
Datum
ad_among(PG_FUNCTION_ARGS)
{
	int32		number = PG_GETARG_INT32(0);
	ArrayType  *numbers = PG_GETARG_ARRAYTYPE_P(1);
	const int32 *each = (const int32 *) ARR_DATA_PTR(numbers);
	int			n = ArrayGetNItems(ARR_NDIM(numbers), ARR_DIMS(numbers));
	bool		found = false;

	if (array_contains_nulls(numbers))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("numbers cannot contain NULL")));
	for (int i = 0; i < n && !found; i++)
		found = each[i] == number;
	PG_FREE_IF_COPY(numbers, 1);
	PG_RETURN_BOOL(found);
}

/* _ad_among(): the same of a name, which compares as bytes. */
Datum
ad_among_names(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	ArrayType  *names = PG_GETARG_ARRAYTYPE_P(1);
	ArrayIterator each = array_create_iterator(names, 0, NULL);
	bool		found = false;
	Datum		d;
	bool		isnull;

	while (!found && array_iterate(each, &d, &isnull))
	{
		text	   *other = isnull ? NULL : DatumGetTextPP(d);

		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("names cannot contain NULL")));
		found = VARSIZE_ANY_EXHDR(other) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(VARDATA_ANY(other), VARDATA_ANY(name),
				   VARSIZE_ANY_EXHDR(name)) == 0;
	}
	array_free_iterator(each);
	PG_FREE_IF_COPY(name, 0);
	PG_FREE_IF_COPY(names, 1);
	PG_RETURN_BOOL(found);
}

/* Make "number = ANY (numbers)" of the arguments of _ad_among(), or of names. */
static ScalarArrayOpExpr *
equal_any(List *args)
{
	ScalarArrayOpExpr *any = makeNode(ScalarArrayOpExpr);
	bool		names = exprType(linitial(args)) == TEXTOID;

	any->opno = names ? TextEqualOperator : Int4EqualOperator;
	any->opfuncid = names ? F_TEXTEQ : F_INT4EQ;
	any->inputcollid = names ? C_COLLATION_OID : InvalidOid;
	any->useOr = true;
	any->args = args;
	any->location = -1;
	return any;
}

/*
 * _ad_among_support(): tell the planner the cost, none; how many rows there
 * are; and what an index can do.
 */
Datum
ad_among_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	Node	   *answer = NULL;

	if (IsA(request, SupportRequestCost))
	{
		SupportRequestCost *r = (SupportRequestCost *) request;

		r->startup = 0;
		r->per_tuple = 0;
		answer = request;
	}
	else if (IsA(request, SupportRequestSelectivity))
	{
		SupportRequestSelectivity *r = (SupportRequestSelectivity *) request;

		r->selectivity = scalararraysel(r->root, equal_any(r->args), r->is_join,
										r->varRelid, r->jointype, r->sjinfo);
		answer = request;
	}
	else if (IsA(request, SupportRequestIndexCondition))
	{
		SupportRequestIndexCondition *r = (SupportRequestIndexCondition *) request;
		List	   *args = IsA(r->node, FuncExpr) ? ((FuncExpr *) r->node)->args : NIL;

		/* ARRAY(SELECT ...) is a parameter by now */
		if (list_length(args) == 2 && r->indexarg == 0 &&
			(IsA(lsecond(args), Param) || IsA(lsecond(args), Const)) &&
			op_in_opfamily(equal_any(args)->opno, r->opfamily) &&
			r->indexcollation == equal_any(args)->inputcollid)
		{
			r->lossy = false;
			answer = (Node *) list_make1(equal_any(args));
		}
	}
	PG_RETURN_POINTER(answer);
}
