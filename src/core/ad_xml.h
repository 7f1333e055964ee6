/*-------------------------------------------------------------------------
 *
 * ad_xml.h
 *		Text inside pictures (SVG).
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_XML_H
#define AD_XML_H

#include "core/ad_core.h"
#include "lib/stringinfo.h"

/* xml.c */
extern void ad_xml_append(StringInfo out, const char *s, Size len,
						  char control);

#endif							/* AD_XML_H */
