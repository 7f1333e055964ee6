/*-------------------------------------------------------------------------
 *
 * sql_define.c
 *		Making a job, changing it.
 *
 * An argument of a function that makes a job, and a member of the changes to
 * one, is an option by its name.  Both ways lead through the same lines: what
 * is stored (nothing, of a new job), what is asked for on top of it, the
 * table of options of the kind, the check, and all options spelled out again.
 * So null says "the default" to both, and nothing that one refuses comes in by
 * the other.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(ad_create_job);
PG_FUNCTION_INFO_V1(ad_create_layering_job);
PG_FUNCTION_INFO_V1(ad_create_wash_trade_job);
PG_FUNCTION_INFO_V1(ad_create_series_job);
PG_FUNCTION_INFO_V1(ad_create_watch);
PG_FUNCTION_INFO_V1(ad_alter_job);

#define MAX_CHANGES			((Size) 1024 * 1024)

/* The line of an option in the table of a kind; NULL if it has none. */
static const AdOption *
find_option(const AdJobDefinition *kind, const char *name, int len)
{
	for (int i = 0; i < kind->noptions; i++)
		if (strlen(kind->options[i].name) == (size_t) len &&
			strncmp(kind->options[i].name, name, len) == 0)
			return &kind->options[i];
	return NULL;
}

/* Add a key to an object that is being built. */
static void
push_key(JsonbParseState **state, const char *name)
{
	JsonbValue	key;

	key.type = jbvString;
	key.val.string.val = pstrdup(name);
	key.val.string.len = (int) strlen(name);
	(void) pushJsonbValue(state, WJB_KEY, &key);
}

/* Add a text, as a value or an element. */
static void
push_text(JsonbParseState **state, JsonbIteratorToken token, char *text)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = text;

	v.val.string.len = (int) strlen(text);
	(void) pushJsonbValue(state, token, &v);
}

/* Add the texts of an array; a NULL among them is null. */
static void
push_texts(JsonbParseState **state, ArrayType *array)
{
	Datum	   *items;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls,
					  &n);
	(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
		if (nulls[i])
		{
			JsonbValue	v;

			v.type = jbvNull;
			(void) pushJsonbValue(state, WJB_ELEM, &v);
		}
		else
			push_text(state, WJB_ELEM, TextDatumGetCString(items[i]));
	(void) pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Add names as an array. */
static void
push_names(JsonbParseState **state, char *const *names)
{
	(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; names[i]; i++)
		push_text(state, WJB_ELEM, names[i]);
	(void) pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Add an argument of a type as the value of its option. */
static void
push_argument(JsonbParseState **state, const AdOption *option, Oid type,
			  Datum arg)
{
	Size		max = option->max > 0 ? (Size) option->max : AD_MAX_WORD_LENGTH;
	JsonbValue	v;

	if (option->type == AD_OPT_WORDS && type != TEXTARRAYOID)
	{
		push_names(state, ad_names_argument(arg, type, option->name));
		return;
	}
	switch (type)
	{
		case TEXTOID:
			push_text(state, WJB_VALUE, ad_text_argument(arg, option->name, max));
			break;
		case INT4OID:
			v.type = jbvNumeric;
			v.val.numeric = DatumGetNumeric(DirectFunctionCall1(int4_numeric, arg));
			(void) pushJsonbValue(state, WJB_VALUE, &v);
			break;
		case BOOLOID:
			v.type = jbvBool;
			v.val.boolean = DatumGetBool(arg);
			(void) pushJsonbValue(state, WJB_VALUE, &v);
			break;
		case INTERVALOID:
			push_text(state, WJB_VALUE,
					  DatumGetCString(DirectFunctionCall1(interval_out, arg)));
			break;
		case TEXTARRAYOID:
			ad_check_length(arg, option->name, max);
			push_texts(state, DatumGetArrayTypeP(arg));
			break;
		case JSONBOID:
			{
				Jsonb	   *j;

				ad_check_length(arg, option->name, max);
				j = DatumGetJsonbP(arg);
				if (!JB_ROOT_IS_SCALAR(j) || !JsonbExtractScalar(&j->root, &v))
				{
					v.type = jbvBinary;
					v.val.binary.data = &j->root;
					v.val.binary.len = VARSIZE(j) - VARHDRSZ;
				}
				(void) pushJsonbValue(state, WJB_VALUE, &v);
			}
			break;
		default:
			elog(ERROR, "option \"%s\" cannot come from type %u", option->name,
				 type);
	}
}

/* What the arguments of a call ask for: an object of options. */
static Jsonb *
asked_by_arguments(FunctionCallInfo fcinfo, const AdJobDefinition *kind)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	JsonbParseState *state = NULL;
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	n = get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < n && i < PG_NARGS(); i++)
	{
		const AdOption *option = find_option(kind, names[i],
											 (int) strlen(names[i]));
		JsonbValue	v;

		if (option == NULL)
			continue;			/* name, source */
		push_key(&state, option->name);
		v.type = jbvNull;
		if (PG_ARGISNULL(i))
			(void) pushJsonbValue(&state, WJB_VALUE, &v);
		else
			push_argument(&state, option, types[i] == ANYCOMPATIBLEOID ?
						  get_fn_expr_argtype(fcinfo->flinfo, i) : types[i],
						  PG_GETARG_DATUM(i));
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Raise an error for a whole number out of its range, or NULL where none is. */
static void
check_number(const AdOption *o, const JsonbValue *v)
{
	char	   *text = v->type == jbvNull ? "NULL" : ad_option_text(v);
	double		d = v->type != jbvNumeric ? NAN :
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(v->val.numeric)));

	if (v->type == jbvNull ? isnan(o->dflt) || o->type != AD_OPT_INT :
		!(d < o->min || d > o->max))
		return;
	if (o->max >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %s, must be at least %.0f", o->name, text,
						o->min)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is %s, must be %.0f to %.0f", o->name, text, o->min,
					o->max)));
}

/*
 * Look at what is asked for: a number that is none, or none that is allowed;
 * what a layering job cannot be without.
 */
static void
check_asked(const AdJobDefinition *kind, Jsonb *asked)
{
	for (int i = 0; i < kind->noptions; i++)
	{
		const AdOption *o = &kind->options[i];
		JsonbValue	v;

		if (getKeyJsonValueFromContainer(&asked->root, o->name,
										 (int) strlen(o->name), &v) == NULL)
			continue;
		if (o->type == AD_OPT_INT || o->type == AD_OPT_SEED)
			check_number(o, &v);
		else if (v.type == jbvNull && strcmp(o->name, "lag") == 0 &&
				 o->string_dflt != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("lag cannot be NULL")));
	}
}

/*
 * Begin: remember the caller's search path and go into the server's; texts of
 * intervals are those of the style "postgres".
 */
static int
enter(char **search_path)
{
	int			nestlevel;

	*search_path = pstrdup(namespace_search_path);
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	(void) set_config_option("intervalstyle", "postgres",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	return nestlevel;
}

/* Store a new job, which is of the current user; set its number. */
static void
insert(AdJob *job)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID};
	Datum		values[7];

	values[0] = CStringGetTextDatum(job->name);
	values[1] = CStringGetTextDatum(GetUserNameFromId(job->owner, false));
	values[2] = CStringGetTextDatum(job->kind->name);
	values[3] = CStringGetTextDatum(job->source);
	values[4] = JsonbPGetDatum(ad_job_options_full(job));
	values[5] = CStringGetTextDatum(job->search_path);
	values[6] = CStringGetTextDatum(job->timezone);
	if (ad_own_run("INSERT INTO %s._ad_job (name, owner, kind, source, options, search_path, timezone, created_at) "
				   "VALUES ($1, $2::%s._ad_role, $3, $4, $5, $6, $7, clock_timestamp()) "
				   "ON CONFLICT (name) DO NOTHING RETURNING id",
				   lengthof(types), types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("job \"%s\" already exists", job->name)));
	job->id = ad_own_result(1);
	types[0] = INT4OID;
	values[0] = Int32GetDatum(job->id);
	(void) ad_own_run("INSERT INTO %s._ad_job_state (job_id) VALUES ($1)",
					  1, types, values, NULL);
}

/* A name for a job, new or another; errors if it cannot have it. */
char *
ad_job_new_name(Datum name, bool isnull)
{
	Size		length;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name cannot be NULL")));
	length = ad_raw_length(name);
	if (length == 0 || length > AD_MAX_JOB_NAME)
		ereport(ERROR,
				(errcode(length == 0 ? ERRCODE_INVALID_NAME :
						 ERRCODE_NAME_TOO_LONG),
				 errmsg("name of a job has %zu bytes, allowed are 1 to %d",
						length, AD_MAX_JOB_NAME)));
	return TextDatumGetCString(name);
}

/* Make a job of a kind; the name is argument 0, the source as said. */
static Datum
create(FunctionCallInfo fcinfo, const AdJobDefinition *kind, int source)
{
	AdJob	   *job = palloc0(sizeof(AdJob));
	Jsonb	   *asked;
	Datum		result;
	int			nestlevel;

	job->kind = ad_job_kind(kind->kind);
	job->owner = GetUserId();
	job->name = ad_job_new_name(PG_GETARG_DATUM(0), PG_ARGISNULL(0));
	if (!PG_ARGISNULL(source))
		job->source = ad_text_argument(PG_GETARG_DATUM(source), "source",
									   AD_MAX_QUERY_LENGTH);
	nestlevel = enter(&job->search_path);
	job->timezone = pstrdup(GetConfigOption("timezone", false, false));
	SPI_connect();
	asked = asked_by_arguments(fcinfo, kind);
	check_asked(kind, asked);
	ad_job_options_read(job, asked);
	ad_job_check(job, true);
	insert(job);
	result = ad_job_name_result(job->name);
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	return result;
}

static Datum
create_model_job(FunctionCallInfo fcinfo)
{
	return create(fcinfo, &ad_job_define_model, 2);
}

static Datum
create_layering_job(FunctionCallInfo fcinfo)
{
	return create(fcinfo, &ad_job_define_layering, 1);
}

static Datum
create_wash_trade_job(FunctionCallInfo fcinfo)
{
	return create(fcinfo, &ad_job_define_wash, 1);
}

static Datum
create_series_job(FunctionCallInfo fcinfo)
{
	return create(fcinfo, &ad_job_define_series, 1);
}

static Datum
create_watch(FunctionCallInfo fcinfo)
{
	return create(fcinfo, &ad_job_define_watch, 1);
}

/* ad_create_job(name, model, source, option, ...) -> its name. */
Datum
ad_create_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(create_model_job, fcinfo);
}

/* ad_create_layering_job(name, source, option, ...) -> its name. */
Datum
ad_create_layering_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(create_layering_job, fcinfo);
}

/* ad_create_wash_trade_job(name, source, option, ...) -> its name. */
Datum
ad_create_wash_trade_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(create_wash_trade_job, fcinfo);
}

/* ad_create_series_job(name, source, option, ...) -> its name. */
Datum
ad_create_series_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(create_series_job, fcinfo);
}

/* ad_create_watch(name, source, time_column, option, ...) -> its name. */
Datum
ad_create_watch(PG_FUNCTION_ARGS)
{
	return ad_call_door(create_watch, fcinfo);
}

/* Whether an option stays what it was when the job was made. */
static bool
is_fixed(const AdJobDefinition *kind, const char *name)
{
	for (int i = 0; kind->fixed[i]; i++)
		if (strcmp(kind->fixed[i], name) == 0)
			return true;
	return false;
}

/* Raise an error for what cannot be changed. */
static void
not_changeable(const AdJobDefinition *kind, const JsonbValue *key)
{
	StringInfoData known;
	char	   *name = ad_quote_clip_len(key->val.string.val, key->val.string.len);

	initStringInfo(&known);
	appendStringInfoString(&known, "owner, source");
	for (int i = 0; i < kind->noptions; i++)
		if (!is_fixed(kind, kind->options[i].name))
			appendStringInfo(&known, ", %s", kind->options[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a job has no \"%s\" that could be changed", name),
			 strcmp(name, "name") == 0 ?
			 errhint("Use ad_rename_job().") :
			 errhint("Settings that can be changed are %s.", known.data)));
}

/* The text of a change that is no option: a string, not null. */
static char *
change_text(const JsonbValue *v, const char *what, Size max)
{
	if (v->type != jbvString)
		ereport(ERROR,
				(errcode(v->type == jbvNull ? ERRCODE_NULL_VALUE_NOT_ALLOWED :
						 ERRCODE_INVALID_PARAMETER_VALUE),
				 v->type == jbvNull ? errmsg("%s cannot be NULL", what) :
				 errmsg("%s must be a string", what)));
	if ((Size) v->val.string.len > max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s is longer than %zu bytes", what, max),
				 errdetail("It has %d bytes.", v->val.string.len)));
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* The role that a job is given to: one that the current user is a member of. */
static Oid
new_owner(const JsonbValue *v)
{
	char	   *name = change_text(v, "owner", AD_MAX_ROLE_LENGTH);
	Oid			role = get_role_oid(name, true);

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", name)));
	if (!is_member_of_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be member of role \"%s\"", name)));
	return role;
}

/* A whole number may be given as text, as it could be before 0.3.0. */
static void
number_of_text(const AdOption *o, JsonbValue *v)
{
	char	   *text;
	int			digits;

	if ((o->type != AD_OPT_INT && o->type != AD_OPT_SEED) ||
		v->type != jbvString || v->val.string.len > 10)
		return;
	text = pnstrdup(v->val.string.val, v->val.string.len);

	digits = (int) strspn(text, "0123456789");
	if (digits == 0 || text[digits] != '\0')
		return;
	v->type = jbvNumeric;
	v->val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in,
														 CStringGetDatum(text),
														 ObjectIdGetDatum(InvalidOid),
														 Int32GetDatum(-1)));
}

/*
 * Go through the changes to a job: set owner, source and search path at once,
 * and return the options, an object.
 */
static Jsonb *
asked_by_changes(AdJob *job, const AdJobDefinition *kind, Jsonb *changes,
				 char *search_path)
{
	JsonbParseState *state = NULL;
	JsonbIterator *it = JsonbIteratorInit(&changes->root);
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		const AdOption *option;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);
		option = find_option(kind, key.val.string.val, key.val.string.len);
		if (option != NULL && !is_fixed(kind, option->name))
		{
			number_of_text(option, &value);
			(void) pushJsonbValue(&state, WJB_KEY, &key);
			(void) pushJsonbValue(&state, WJB_VALUE, &value);
		}
		else if (key.val.string.len == 5 && strncmp(key.val.string.val, "owner", 5) == 0)
			job->owner = new_owner(&value);
		else if (key.val.string.len == 6 && strncmp(key.val.string.val, "source", 6) == 0)
		{
			job->source = change_text(&value, "source", AD_MAX_QUERY_LENGTH);
			job->search_path = search_path;
		}
		else
			not_changeable(kind, &key);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * Replace an option that is an object by what is stored of it with what is
 * asked for on top, if both are there.
 */
static Jsonb *
merge_object(Jsonb *merged, Jsonb *stored, Jsonb *asked, const char *name)
{
	JsonbParseState *state = NULL;
	Jsonb	   *object;
	JsonbValue	v;

	if (stored == NULL ||
		getKeyJsonValueFromContainer(&asked->root, name, (int) strlen(name), &v) == NULL ||
		v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
		return merged;
	object = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat,
												JsonbPGetDatum(stored),
												JsonbPGetDatum(JsonbValueToJsonb(&v))));
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_key(&state, name);
	v.type = jbvBinary;
	v.val.binary.data = &object->root;
	v.val.binary.len = VARSIZE(object) - VARHDRSZ;
	(void) pushJsonbValue(&state, WJB_VALUE, &v);
	object = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat,
											  JsonbPGetDatum(merged),
											  JsonbPGetDatum(object)));
}

/*
 * The options of a job with those asked for on top, the kind's own and the
 * limits of its health one by one.
 */
static Jsonb *
merge_options(const AdJob *job, Jsonb *asked)
{
	Jsonb	   *merged = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat,
															JsonbPGetDatum(ad_job_options_full(job)),
															JsonbPGetDatum(asked)));

	merged = merge_object(merged, job->options, asked, "options");
	return merge_object(merged, job->health, asked, "health");
}

/* Store a job as it was changed. */
static void
update(const AdJob *job)
{
	Oid			types[] = {INT4OID, OIDOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID};
	Datum		values[6];
	char		nulls[] = "      ";
	char	   *owner = job->owner == AD_ROLE_NOBODY ? NULL :
		GetUserNameFromId(job->owner, true);

	values[0] = Int32GetDatum(job->id);
	values[1] = ObjectIdGetDatum(job->owner);
	values[2] = CStringGetTextDatum(job->source);
	values[3] = JsonbPGetDatum(ad_job_options_full(job));
	values[4] = CStringGetTextDatum(job->search_path);
	/* one that was dropped has no name, and stays */
	values[5] = owner ? CStringGetTextDatum(owner) : (Datum) 0;
	nulls[5] = owner ? ' ' : 'n';
	(void) ad_own_run("UPDATE %s._ad_job SET source = $3, options = $4, search_path = $5, "
					  "owner = CASE WHEN owner::oid = $2 THEN owner ELSE $6::%s._ad_role END "
					  "WHERE id = $1", lengthof(types), types, values, nulls);
	/* what it failed by may be mended */
	(void) ad_job_resume(job->id);
}

/* Change a job as its owner, or a member of that role, asks. */
static Datum
alter(FunctionCallInfo fcinfo)
{
	AdJobRow	row;
	Datum		result;
	AdJob	   *job;
	AdJob		before;
	const AdJobDefinition *kind;
	Jsonb	   *changes;
	Jsonb	   *asked;
	char	   *search_path;
	int			nestlevel = enter(&search_path);

	SPI_connect();
	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), "FOR NO KEY UPDATE", &row);
	if (!PG_ARGISNULL(1))
		ad_check_length(PG_GETARG_DATUM(1), "changes", MAX_CHANGES);
	if (PG_ARGISNULL(1) || !JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(1)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("changes of job \"%s\" must be an object", row.name)));
	changes = PG_GETARG_JSONB_P(1);
	job = ad_job_read_options(row.id);
	kind = ad_job_definition(job->kind->name);
	job->owner = row.owner;
	before = *job;
	asked = asked_by_changes(job, kind, changes, search_path);
	check_asked(kind, asked);
	ad_job_options_read(job, merge_options(job, asked));
	ad_job_check(job, job->owner == GetUserId() && row.owner == job->owner);
	if (job->owner != row.owner)
		ad_job_reschedule(&row, row.name, job->owner);
	update(job);
	if (kind->changed != NULL)
		kind->changed(&before, job);
	result = ad_job_name_result(row.name);
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	return result;
}

/* ad_alter_job(name, changes) -> its name. */
Datum
ad_alter_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(alter, fcinfo);
}
