/*-------------------------------------------------------------------------
 *
 * xml.c
 *		Text inside pictures (SVG).
 *
 * The server's escape_xml() is not used: it lets control characters pass,
 * which XML does not allow, so a title that holds one would make a picture
 * that no browser shows; and it leaves quotes alone, so its result cannot
 * stand in an attribute.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_xml.h"

/*
 * Append text to an element or attribute, with what XML keeps for itself
 * escaped.  Control characters are replaced by another character, or left out
 * if that is '\0'.
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
				if ((unsigned char) s[i] >= ' ')
					appendStringInfoChar(out, s[i]);
				else if (control != '\0')
					appendStringInfoChar(out, control);
		}
}
