/*-------------------------------------------------------------------------
 *
 * publish.c
 *		Named models on other servers: bytes under a name, and the statement
 *		that brings them there.
 *
 * What is brought is the model's bytes, in a call of the private function of
 * the other server, which nobody there can put another in place of.  It runs
 * there by dblink, which need not be installed, with the rights of the caller
 * here and of his user mapping there; or it is returned, for psql.  Each server
 * commits by itself: what one refuses, the ones before it have.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_registry.h"
#include "rows/ad_store.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_import_model);
PG_FUNCTION_INFO_V1(ad_publish_model);

/* The columns of ad_publish_model(). */
enum
{
	PUBLISH_SERVER,
	PUBLISH_VERSION,
	PUBLISH_STATEMENT,
	PUBLISH_COLUMNS
};

static Datum
import_model(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"name", "model"};
	AdRegistryName row;
	AdStored	stored = {0};
	int32		version;

	ad_check_public(fcinfo->flinfo->fn_oid);
	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	stored.name = ad_registry_new_name(PG_GETARG_DATUM(0));
	ad_check_length(PG_GETARG_DATUM(1), "model", AD_MAX_BYTES);
	PreventCommandIfReadOnly("ad_import_model()");
	if (ad_registry_name(stored.name, NULL, &row))
		ad_registry_check(stored.name, NULL, AD_PRIVILEGE_OWN, &row);
	stored.query = "";
	stored.fit_ms = NAN;
	stored.fit_bytes = -1;
	stored.activate = PG_ARGISNULL(2) || PG_GETARG_BOOL(2);
	SPI_connect();
	ad_store_model(&stored, PG_GETARG_BYTEA_P(1));
	version = ad_store_version(&stored);
	SPI_finish();
	PG_RETURN_INT32(version);
}

/* ad_import_model(name, model, activate) -> version */
Datum
ad_import_model(PG_FUNCTION_ARGS)
{
	return ad_call_door(import_model, fcinfo);
}

/* The statement that stores a model on another server. */
static char *
import_statement(const text *name, Datum model, bool activate)
{
	const char *digits = "0123456789abcdef";
	bytea	   *bytes = DatumGetByteaPP(model);
	const uint8 *from = (const uint8 *) VARDATA_ANY(bytes);
	Size		len = VARSIZE_ANY_EXHDR(bytes);
	StringInfoData sql;

	initStringInfo(&sql);

	/*
	 * with an E, so that it means the same whatever
	 * standard_conforming_strings is
	 */
	appendStringInfo(&sql, "SELECT _anomaly._ad_import_model(%s::pg_catalog.text, E'\\\\x",
					 quote_literal_cstr(text_to_cstring(name)));
	for (Size i = 0; i < len; i++)
	{
		AD_CHECK_EVERY_1024(i);
		appendStringInfoChar(&sql, digits[from[i] >> 4]);
		appendStringInfoChar(&sql, digits[from[i] & 15]);
	}
	appendStringInfo(&sql, "'::pg_catalog.bytea, %s)",
					 activate ? "true" : "false");
	return sql.data;
}

/* The schema of dblink, quoted; NULL if it is not installed.  Within SPI. */
static const char *
dblink_schema(void)
{
	if (SPI_execute("SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e "
					"JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace "
					"WHERE e.extname OPERATOR(pg_catalog.=) 'dblink'", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed");
	return SPI_processed == 0 ? NULL :
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* Raise what another server said, and which one it was. */
static void
not_published(const ErrorData *error, const char *name, const char *server)
{
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("could not publish model \"%s\" on server \"%s\"", name,
					server),
			 errdetail("%s.%s%s", error->message, error->detail ? " " : "",
					   error->detail ? error->detail : ""),
			 errhint("The server needs extension anomaly 0.3.0 or later, and a user mapping for it a role that may train there. Servers before it in the list have the model.")));
}

/* Run the statement on a server; the version there.  Within SPI. */
static int32
run_there(const char *schema, const char *name, const char *server,
		  const char *statement)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(server), CStringGetTextDatum(statement)};
	MemoryContext mcxt = CurrentMemoryContext;
	volatile int32 version = 0;

	PG_TRY();
	{
		bool		isnull;

		if (SPI_execute_with_args(psprintf("SELECT d.v FROM %s.dblink($1, $2) AS d(v pg_catalog.int4)", schema),
								  lengthof(types), types, values, NULL, false, 1) != SPI_OK_SELECT ||
			SPI_processed != 1)
			elog(ERROR, "dblink returned no row");
		version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
											  SPI_tuptable->tupdesc, 1, &isnull));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(mcxt);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			PG_RE_THROW();
		FlushErrorState();
		not_published(error, name, server);
	}
	PG_END_TRY();
	return version;
}

static Datum
publish_model(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"name", "servers"};
	TupleDesc	desc;
	Tuplestorestate *rows;
	MemoryContext caller = CurrentMemoryContext;
	text	   *name;
	char	   *label;
	char	  **servers;
	char	   *statement;
	const char *schema = NULL;
	int32		version = AD_VERSION_ACTIVE;
	bool		activate = PG_ARGISNULL(2) || PG_GETARG_BOOL(2);

	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	name = ad_model_name_argument(PG_GETARG_DATUM(0));
	label = text_to_cstring(name);
	servers = ad_names_argument(PG_GETARG_DATUM(1), TEXTARRAYOID, "servers");
	rows = ad_result_begin(fcinfo, PUBLISH_COLUMNS, &desc);
	statement = import_statement(name, ad_registry_model(name, &version, AD_PRIVILEGE_READ),
								 activate);
	SPI_connect();
	if (PG_ARGISNULL(3) || PG_GETARG_BOOL(3))
		schema = dblink_schema();
	if (schema == NULL && !PG_ARGISNULL(3) && PG_GETARG_BOOL(3))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"dblink\" is not installed"),
				 errhint("CREATE EXTENSION dblink; or take the statement, with run => false, to the server.")));
	/* all of them are there before one is told */
	for (int i = 0; schema != NULL && servers[i] != NULL; i++)
		(void) GetForeignServerByName(servers[i], false);
	for (int i = 0; servers[i] != NULL; i++)
	{
		Datum		values[PUBLISH_COLUMNS];
		bool		nulls[PUBLISH_COLUMNS] = {false};

		values[PUBLISH_SERVER] = CStringGetTextDatum(servers[i]);
		values[PUBLISH_VERSION] = Int32GetDatum(schema == NULL ? 0 :
												run_there(schema, label, servers[i], statement));
		nulls[PUBLISH_VERSION] = schema == NULL;
		values[PUBLISH_STATEMENT] = schema == NULL ? CStringGetTextDatum(statement) : (Datum) 0;
		nulls[PUBLISH_STATEMENT] = schema != NULL;
		tuplestore_putvalues(rows, desc, values, nulls);
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

/* ad_publish_model(name, servers, activate, run) -> server, version, statement */
Datum
ad_publish_model(PG_FUNCTION_ARGS)
{
	return ad_call_door(publish_model, fcinfo);
}
