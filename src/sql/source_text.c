/*-------------------------------------------------------------------------
 *
 * source_text.c
 *		A source of rows: the name of a table, or a query.
 *
 * Whoever takes a query takes the name of a table, view, or foreign table as
 * well, for all of its rows; jobs read their sources by the same rule.  A text
 * that is one name, with or without a schema, is a name; it is looked up in
 * the search path of the caller, and read with his rights.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "sql/ad_source_text.h"
#include "sql/ad_text.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "parser/scansup.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(ad_table_name);

/* What the hint of a syntax error needs to know. */
typedef struct ParsedText
{
	const char *text;
	const char *what;			/* it is called in errors */
} ParsedText;

/*
 * Return whether a text is but the name of a table, with or without a schema,
 * written as SQL has it: a quote within quotes is doubled, and a dot may have
 * spaces beside it.
 */
static bool
is_name(const char *text)
{
	const char *p = text;

	for (;; p++)
	{
		const char *start;

		while (p > text &&scanner_isspace(*p))
			p++;
		start = p;
		if (*p == '"')
		{
			for (p++; *p != '"' || p[1] == '"'; p += *p == '"' ? 2 : 1)
				if (*p == '\0')
					return false;
			p++;
		}
		else if (!(*p >= '0' && *p <= '9') && *p != '$')
			while (*p == '_' || *p == '$' || IS_HIGHBIT_SET(*p) ||
				   isalnum((unsigned char) *p))
				p++;
		if (p == start)
			return false;
		while (scanner_isspace(*p))
			p++;
		if (*p != '.')
			return *p == '\0';
	}
}

/*
 * The name that a text is but, quoted where SQL needs it; NULL if it is no
 * name, and so a query.
 */
char *
ad_source_name(const char *text)
{
	List	   *names;
	StringInfoData name;
	ListCell   *cell;

	while (scanner_isspace(*text))
		text	  ++;

	if (!is_name(text) || !SplitIdentifierString(pstrdup(text), '.', &names))
		return NULL;
	initStringInfo(&name);
	foreach(cell, names)
		appendStringInfo(&name, "%s%s", name.len > 0 ? "." : "",
						 quote_identifier(lfirst(cell)));
	return name.data;
}

/*
 * The table, view, ... of a name by ad_source_name(), in the current search
 * path; InvalidOid: there is none.
 */
Oid
ad_source_find(const char *name)
{
	List	   *parts = textToQualifiedNameList(cstring_to_text(name));

	return RangeVarGetRelid(makeRangeVarFromNameList(parts), NoLock, true);
}

/* A name as it was typed, for an error. */
char *
ad_source_typed(const char *text)
{
	int			n;

	while (scanner_isspace(*text))
		text	  ++;

	n = (int) strlen(text);
	while (n > 0 && scanner_isspace(text[n - 1]))
		n--;
	return ad_quote_clip_len(text, n);
}

/* Of ereport(): what a source may be. */
static int
hint_of_source(const char *what)
{
	return errhint("The %s is the name of a table or view, or a query such as SELECT * FROM payments.",
				   what);
}

/*
 * A source of rows as a query: a text that is but the name of a table is all
 * of its rows; palloc'd, or the text itself.  "what" calls it in errors.
 */
char *
ad_source_query(char *text, const char *what)
{
	char	   *name = ad_source_name(text);

	if (name == NULL)
		return text;

	if (!OidIsValid(ad_source_find(name)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" does not exist", ad_source_typed(text)),
				 hint_of_source(what)));
	return psprintf("SELECT * FROM %s", name);
}

/*
 * An error's position is one in the user's query, not in the one that runs.
 * What is wrong from its first word on was not meant as a query.
 */
static void
move_position(void *arg)
{
	const ParsedText *parsed = arg;
	const char *word = parsed->text;
	int			position = geterrposition();

	while (scanner_isspace(*word))
		word++;
	if (geterrcode() == ERRCODE_SYNTAX_ERROR &&
		position == word - parsed->text +1)
		hint_of_source(parsed->what);
	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(parsed->text);
	}
}

/* The statements of a query, as it is written; "what" calls it in errors. */
List *
ad_source_parse(const char *query, const char *what)
{
	ParsedText	parsed = {query, what};
	ErrorContextCallback callback;
	List	   *statements;

	callback.callback = move_position;
	callback.arg = &parsed;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	statements = pg_parse_query(query);
	error_context_stack = callback.previous;
	return statements;
}

/*
 * _ad_source_name(source text) -> the name, to be looked up, of the table
 * that a source is; NULL: it is a query.
 */
Datum
ad_table_name(PG_FUNCTION_ARGS)
{
	char	   *name = ad_source_name(ad_text_argument(PG_GETARG_DATUM(0), "source",
													   AD_MAX_QUERY_LENGTH));

	if (name == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name));
}
