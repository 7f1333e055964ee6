/*-------------------------------------------------------------------------
 *
 * xml.c
 *		Text inside pictures (SVG).
 *
 * The server's escape_xml() is not used: it lets control characters and U+FFFE
 * and U+FFFF pass, which XML does not allow, so a title that holds one would make a picture
 * that no browser shows; and it leaves quotes alone, so its result cannot
 * stand in an attribute.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_xml.h"

#include "mb/pg_wchar.h"

/* Is this U+FFFE or U+FFFF?  No text of UTF-8 has its bytes elsewhere. */
static bool
is_no_character(const char *s, Size len)
{
	return len >= 3 && s[0] == '\xEF' && s[1] == '\xBF' &&
		(s[2] == '\xBE' || s[2] == '\xBF') &&
		GetDatabaseEncoding() == PG_UTF8;
}

/*
 * Append text to an element or attribute, with what XML keeps for itself
 * escaped.  What XML does not allow is replaced by another character, or left
 * out if that is '\0'.
 */
void
ad_xml_append(StringInfo out, const char *s, Size len, char control)
{
	for (Size i = 0; i < len; i++)
		switch (s[i])
		{
			case '&':
				appendStringInfoString(out, "&amp;");
				break;
			case '<':
				appendStringInfoString(out, "&lt;");
				break;
			case '>':
				appendStringInfoString(out, "&gt;");
				break;
			case '"':
				appendStringInfoString(out, "&quot;");
				break;
			default:
				if (is_no_character(s + i, len - i))
				{
					i += 2;
					if (control != '\0')
						appendStringInfoChar(out, control);
				}
				else if ((unsigned char) s[i] >= ' ')
					appendStringInfoChar(out, s[i]);
				else if (control != '\0')
					appendStringInfoChar(out, control);
		}
}
