/*-------------------------------------------------------------------------
 *
 * reads_as.c
 *		Texts that are values of a type.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "sql/ad_try.h"

#include "fmgr.h"
#include "utils/lsyscache.h"

/* A text that is read as a value of a type. */
typedef struct Reading
{
	const char *given;
	Oid			type;
	Datum		value;
} Reading;

/* Call the input function of a type. */
static void
read_value(void *arg)
{
	Reading    *r = arg;
	Oid			input;
	Oid			param;

	getTypeInputInfo(r->type, &input, &param);
	r->value = OidInputFunctionCall(input, (char *) r->given, param, -1);
}

/*
 * Read a text as a value of a type; false if it is none, which the input
 * function of the type says by an error.
 */
bool
ad_job_reads_as(const char *given, Oid type, Datum *value)
{
	Reading		r = {given, type, (Datum) 0};
	ErrorData  *error = ad_try(read_value, &r);

	if (error != NULL &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ThrowErrorData(error);
	*value = r.value;
	return error == NULL;
}
