/*-------------------------------------------------------------------------
 *
 * ad_value_text.h
 *		Values of features as text, for people.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_VALUE_TEXT_H
#define AD_VALUE_TEXT_H

#include "model/ad_model.h"

#define AD_VALUE_DECIMALS	15	/* of a number, at most */
#define AD_VALUE_LARGE		1e15	/* numbers from here on are in powers of
									 * ten */
#define AD_VALUE_DIGITS		6	/* of those, at least */
#define AD_VALUE_MAX_DIGITS	17	/* which tell all numbers apart */

/* What a feature's values are, to people. */
typedef enum AdValueKind
{
	AD_VALUE_NUMBER, AD_VALUE_MONEY, AD_VALUE_BOOLEAN, AD_VALUE_DATE,
	AD_VALUE_TIMESTAMP, AD_VALUE_TIMESTAMPTZ, AD_VALUE_TIME,
	AD_VALUE_INTERVAL, AD_VALUE_CATEGORY
} AdValueKind;

extern const double ad_powers_of_ten[AD_VALUE_DECIMALS + 1];

/* value_text.c */
extern AdValueKind ad_value_kind(AdClass class, const char *type);
extern void ad_value_write(StringInfo buf, AdValueKind kind, double v,
						   int decimals, pg_tz *zone, bool weekday);
extern void ad_value_append(StringInfo buf, const AdModel *m, int feature,
							AdValueKind kind, double v, int decimals);
extern void ad_value_literal(StringInfo buf, const AdModel *m, int feature,
							 double v);

#endif							/* AD_VALUE_TEXT_H */
