/*-------------------------------------------------------------------------
 *
 * ad_explain.h
 *		What a model says of a row, in numbers and in words.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_EXPLAIN_H
#define AD_EXPLAIN_H

#include "model/ad_model.h"

/* explain.c */
extern double ad_model_explain(AdModel *m, const double *raw, bool path,
							   double *contribution);

/* words.c: values and what is usual, for people */
typedef enum AdDirection
{
	AD_DIR_FAR_BELOW, AD_DIR_BELOW, AD_DIR_WITHIN, AD_DIR_ABOVE,
	AD_DIR_FAR_ABOVE, AD_DIR_USUAL, AD_DIR_RARE, AD_DIR_UNSEEN, AD_DIR_MISSING,
	AD_DIR_OUTSIDE, AD_DIRECTIONS
} AdDirection;

extern const char *const ad_direction_names[AD_DIRECTIONS];
extern AdWords *ad_model_words(AdModel *m);
extern const char *ad_words_name(const AdModel *m, int feature);
extern const char *ad_words_typical(const AdModel *m, int feature);
extern AdDirection ad_words_direction(const AdModel *m, int feature, double v);
extern double ad_words_beyond(const AdModel *m, int feature, double v);
extern void ad_words_seen(const AdModel *m, int feature, double v,
						  StringInfo buf);
extern void ad_words_value(const AdModel *m, int feature, double v,
						   const AdCategory *category, StringInfo buf);
extern void ad_words_usual(const AdModel *m, int feature, double v,
						   const AdCategory *category, StringInfo buf);
extern void ad_words_sentence(const AdModel *m, int feature, double v,
							  const AdCategory *category, StringInfo buf);

/* describe.c */
extern void ad_model_describe(const AdModel *m, StringInfo json);
extern char *ad_encoding_text(const AdModel *m, int feature);

#endif							/* AD_EXPLAIN_H */
