/*-------------------------------------------------------------------------
 *
 * describe.c
 *		A model in words: what ad_info() and ad_features() say.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_explain.h"
#include "model/ad_reduce.h"

#include <float.h>

#include "common/shortest_dec.h"
#include "utils/json.h"

/* Append a member with the shortest digits that read back equal. */
static void
append_number(StringInfo json, const char *name, double v)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(v, digits);
	appendStringInfo(json, ", \"%s\": %s", name, digits);
}

/* Append what a model knows of its scores. */
static void
describe_calibration(const AdCalibration *c, StringInfo json)
{
	static const char *const methods[] = {"none", "split", "cross"};

	append_number(json, "contamination", c->contamination);
	append_number(json, "threshold", c->threshold);
	appendStringInfo(json, ", \"calibration\": {\"method\": \"%s\", "
					 "\"training_rows\": " UINT64_FORMAT,
					 methods[c->method], c->training.n);
	if (c->method != AD_CALIBRATION_NONE)
	{
		appendStringInfo(json, ", \"rows\": " UINT64_FORMAT, c->held_out.n);
		append_number(json, "least_p",
					  ad_scores_pvalue(&c->held_out, DBL_MAX));
	}
	appendStringInfoChar(json, '}');
}

/*
 * Append a JSON object about a model.  The stored spec is parsed by whoever
 * reads the result, who must expect an error from a damaged one.
 */
void
ad_model_describe(const AdModel *m, StringInfo json)
{
	appendStringInfo(json, "{\"detector\": \"%s\", \"spec\": %s",
					 m->detector->name, m->spec);
	appendStringInfo(json, ", \"rows\": " UINT64_FORMAT
					 ", \"sampled\": " UINT64_FORMAT,
					 m->rows, m->sampled);
	appendStringInfo(json, ", \"features\": %d, \"columns\": %d, \"bytes\": %zu",
					 m->nfeatures, m->ncols, m->bytes);
	appendStringInfo(json, ", \"format_version\": %u, \"contains_rows\": %s",
					 m->version,
					 (m->flags & AD_MODEL_CONTAINS_ROWS) ? "true" : "false");
	appendStringInfoString(json, ", \"digest\": \"");
	for (int i = 0; i < AD_DIGEST_LENGTH; i++)
		appendStringInfo(json, "%02x", m->digest[i]);
	appendStringInfoChar(json, '"');
	if (m->has_scores)
		describe_calibration(&m->calibration, json);
	if (m->beyond)
		append_number(json, "beyond_unit", m->beyond_unit);
	if (m->reduction)
	{
		appendStringInfo(json, ", \"reduction\": {\"components\": %d",
						 m->ndense);
		append_number(json, "explained_variance", m->reduction->share);
		appendStringInfoChar(json, '}');
	}
	if (m->nmembers > 0)
	{
		appendStringInfoString(json, ", \"members\": [");
		for (int k = 0; k < m->nmembers; k++)
		{
			if (k > 0)
				appendStringInfoString(json, ", ");
			ad_model_describe(m->members[k], json);
		}
		appendStringInfoChar(json, ']');
	}
	if (m->detector->describe)
	{
		appendStringInfo(json, ", \"%s\": {", m->detector->name);
		m->detector->describe(m->scorer, json);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, '}');
}

/* Return how a feature enters the detector, in words; palloc'd. */
char *
ad_encoding_text(const AdModel *m, int feature)
{
	const AdModelFeature *f = &m->features[feature];

	switch (f->encoding)
	{
		case AD_ENC_DROPPED:
			if (f->dropped_for < 0)
				return pstrdup("no values");
			if (m->features[f->dropped_for].name[0])
				return psprintf("dropped: correlated with %s",
								m->features[f->dropped_for].name);
			return psprintf("dropped: correlated with feature %d",
							f->dropped_for + 1);
		case AD_ENC_NUMBER:
			return pstrdup("number");
		case AD_ENC_CALENDAR:
			return psprintf("number, hour and weekday in %s",
							m->timezone_name);
		case AD_ENC_CLOCK:
			return pstrdup("hour");
		case AD_ENC_ONEHOT:
			return pstrdup("one-hot");
		case AD_ENC_FREQUENCY:
			return pstrdup("frequency");
	}
	return pstrdup("unknown");
}
