/*-------------------------------------------------------------------------
 *
 * ad_options.h
 *		Typed options from jsonb, over a table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_OPTIONS_H
#define AD_OPTIONS_H

#include "core/ad_core.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* options.c: typed options from jsonb, over a table */
typedef enum AdOptionType
{
	AD_OPT_INT,					/* int */
	AD_OPT_FLOAT,				/* double */
	AD_OPT_PART,				/* double: see AD_PART */
	AD_OPT_BOOL,				/* bool */
	AD_OPT_ENUM,				/* int: index into values */
	AD_OPT_STRING,				/* char *, palloc'd; NULL allowed */
	AD_OPT_SEED,				/* uint64, from a whole number */
	AD_OPT_TEXT,				/* the same as STRING, of at most max bytes; a
								 * number counts as its text */
	AD_OPT_WORDS,				/* char **, NULL after the last; NULL allowed */
	AD_OPT_INTS,				/* AdIntList */
	AD_OPT_JSON					/* Jsonb *; NULL allowed */
} AdOptionType;

typedef struct AdOption
{
	const char *name;			/* the key */
	AdOptionType type;
	Size		offset;			/* of the member in the options struct */
	double		dflt;			/* default; enum: index; NaN: none (int,
								 * float) */
	double		min;
	double		max;			/* inclusive; text, words, JSON: bytes */
	const char *const *values;	/* enum: names, NULL-terminated */
	const char *string_dflt;	/* string: default or NULL; ints: default, as
								 * it is printed */
	bool		min_open;		/* float: min itself is refused */
	bool		quoted;			/* int: may stand in quotes */
} AdOption;

/* At least one whole number. */
#define AD_MAX_INTS		8

typedef struct AdIntList
{
	int			n;
	int			v[AD_MAX_INTS];
} AdIntList;

/* What becomes of data that cannot be used: option "on_error", everywhere. */
typedef enum AdOnError
{
	AD_ON_ERROR_RAISE,
	AD_ON_ERROR_NULL			/* the result is NULL */
} AdOnError;

extern const char *const ad_on_error_names[];

/* An int that was not given, and has no default. */
#define AD_NO_INT	PG_INT32_MIN

/* One line per option; its key is the name of the member. */
#define AD_OPTION(type, member, kind, dflt, min, max, values, string, open) \
	{#member, kind, offsetof(type, member), dflt, min, max, values, string, open, false}
#define AD_INT(type, member, dflt, min, max) \
	AD_OPTION(type, member, AD_OPT_INT, dflt, min, max, NULL, NULL, false)
/* A number of points, which may stand in quotes, as periods may. */
#define AD_POINTS(type, member, dflt, min, max) \
	{#member, AD_OPT_INT, offsetof(type, member), dflt, min, max, NULL, NULL, false, true}
#define AD_FLOAT(type, member, dflt, min, max) \
	AD_OPTION(type, member, AD_OPT_FLOAT, dflt, min, max, NULL, NULL, false)
#define AD_FLOAT_ABOVE(type, member, dflt, min, max) \
	AD_OPTION(type, member, AD_OPT_FLOAT, dflt, min, max, NULL, NULL, true)

/*
 * A share of what there is, greater than 0 and at most 1, or a whole number
 * of at least "min".  Where that is greater than 1, 1.0 is a share and 1 is a
 * number, and so refused; it is stored as 1.
 */
#define AD_PART(type, member, dflt, min, max) \
	AD_OPTION(type, member, AD_OPT_PART, dflt, min, max, NULL, NULL, false)
/* The same where the share is below 1, and 1 or 1.0 a number. */
#define AD_PART_BELOW(type, member, dflt, max) \
	AD_OPTION(type, member, AD_OPT_PART, dflt, 1, max, NULL, NULL, true)
#define AD_BOOL(type, member, dflt) \
	AD_OPTION(type, member, AD_OPT_BOOL, dflt, 0, 0, NULL, NULL, false)
#define AD_ENUM(type, member, dflt, values) \
	AD_OPTION(type, member, AD_OPT_ENUM, dflt, 0, 0, values, NULL, false)
#define AD_STRING(type, member, dflt) \
	AD_OPTION(type, member, AD_OPT_STRING, 0, 0, 0, NULL, dflt, false)
#define AD_TEXT(type, member, dflt, max_bytes) \
	AD_OPTION(type, member, AD_OPT_TEXT, 0, 0, max_bytes, NULL, dflt, false)
#define AD_WORDS(type, member, max_bytes) \
	AD_OPTION(type, member, AD_OPT_WORDS, 0, 0, max_bytes, NULL, NULL, false)
#define AD_INTS(type, member, dflt, min, max) \
	AD_OPTION(type, member, AD_OPT_INTS, 0, min, max, NULL, dflt, false)
#define AD_JSON(type, member, max_bytes) \
	AD_OPTION(type, member, AD_OPT_JSON, 0, 0, max_bytes, NULL, NULL, false)
/* the greatest seed: JSON readers know whole numbers to there */
#define AD_MAX_SEED	UINT64CONST(9007199254740991)
#define AD_SEED(type, member, dflt, min, max) \
	AD_OPTION(type, member, AD_OPT_SEED, dflt, min, max, NULL, NULL, false)

extern void ad_options_defaults(const AdOption *table, int n, void *out);
extern char *ad_option_text(const JsonbValue *v);
extern bool ad_option_number(const JsonbValue *v, double *number);
extern void ad_options_parse(JsonbContainer *object, const char *owner,
							 const AdOption *table, int n,
							 const char *const *also_allowed, void *out);
extern void ad_option_set(const AdOption *table, int n, const char *name,
						  const JsonbValue *v, void *out);
extern void ad_options_print(StringInfo buf, const AdOption *table, int n,
							 const void *options);
extern const char *ad_nearest(const char *word, const char *const *words,
							  int n);
extern char *ad_quoted_list(const char *const *words, int n);

#endif							/* AD_OPTIONS_H */
