/*-------------------------------------------------------------------------
 *
 * ad_text.h
 *		Arguments of any length, and errors that repeat them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_TEXT_H
#define AD_TEXT_H

#include "postgres.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "utils/jsonb.h"

#define AD_MAX_KEY			1000	/* bytes of a text kept as a key, or
									 * entity */

/* What a label may be, wherever one is read; the detail of its error. */
#define AD_LABEL_EXPECTED \
	"A label is true or 1 for an anomaly, false or 0 for a normal row, NULL where it is not known."

/* text.c */
extern void ad_check_length(Datum value, const char *what, Size max);
extern char *ad_text_argument(Datum value, const char *what, Size max);
extern Jsonb *ad_jsonb_argument(Datum value, const char *what);
extern char **ad_names_argument(Datum value, Oid type, const char *what);
extern void ad_check_word(const char *argument, const char *word,
						  const char *const *words, const char *expected);
extern void ad_check_file_name(const char *picture);
extern char *ad_text_quote(Datum value);
extern char *ad_short_key(const char *key, int length);
extern Datum ad_call_clipped(PGFunction function, FunctionCallInfo fcinfo);
extern Datum ad_call_door(PGFunction function, FunctionCallInfo fcinfo);

/* Bytes of a value of a variable-length type, which stays as it is stored. */
static inline Size
ad_raw_length(Datum value)
{
	return toast_raw_datum_size(value) - VARHDRSZ;
}

#endif							/* AD_TEXT_H */
