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
 * Nor do characters pass that turn the direction of the text behind them: a
 * name that has one would change what is read of the rest of its line.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_xml.h"

#include "mb/pg_wchar.h"

/*
 * Is this U+FFFE or U+FFFF, or one of U+202A to U+202E and U+2066 to U+2069,
 * which turn directions?  No text of UTF-8 has their bytes elsewhere.
 */
static bool
is_refused(const char *s, Size len)
{
	if (len < 3 || (s[0] != '\xEF' && s[0] != '\xE2') ||
		GetDatabaseEncoding() != PG_UTF8)
		return false;
	if (s[0] == '\xEF')
		return s[1] == '\xBF' && (s[2] == '\xBE' || s[2] == '\xBF');
	return (s[1] == '\x80' && (uint8) s[2] >= 0xAA && (uint8) s[2] <= 0xAE) ||
		(s[1] == '\x81' && (uint8) s[2] >= 0xA6 && (uint8) s[2] <= 0xA9);
}

/*
 * Append text to an element or attribute, with what XML keeps for itself
 * escaped.  What XML does not allow, or turns directions, is replaced by another character, or left
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
				if (is_refused(s + i, len - i))
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
