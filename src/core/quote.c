/*-------------------------------------------------------------------------
 *
 * quote.c
 *		What a message repeats of a user's text.
 *
 * A text may have half a gigabyte, and each message that repeated it would
 * copy it several times, and once more into the server's log.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"

#include "mb/pg_wchar.h"

/* The first AD_MAX_QUOTED characters of some bytes, "..." if there are more. */
char *
ad_quote_clip_len(const char *s, Size len)
{
	/* a character more than is kept, so that it is seen whether it fits */
	int			max_len = (int) Min(len, (AD_MAX_QUOTED + 1) * MAX_MULTIBYTE_CHAR_LEN);
	int			keep = pg_mbcharcliplen(s, max_len, AD_MAX_QUOTED);

	return psprintf("%.*s%s", keep, s, (Size) keep < len ? "..." : "");
}

/* The same of a string. */
char *
ad_quote_clip(const char *s)
{
	return ad_quote_clip_len(s, strnlen(s, (AD_MAX_QUOTED + 1) *
										MAX_MULTIBYTE_CHAR_LEN));
}
