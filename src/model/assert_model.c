/*-------------------------------------------------------------------------
 *
 * assert_model.c
 *		What holds of every loaded model, checked where assertions are on.
 *
 * AssertModel() looks at what there is to score with, O(members): on entry of
 * what is done a row.  AssertModelRow() looks at a raw row.
 * AssertModelFeatures() looks at all of the schema and the preparation: once,
 * after loading.  What a detector's scorer relies on is its own business.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_ensemble.h"

#ifdef USE_ASSERT_CHECKING

/* Check what there is to score with. */
void
ad_model_check(const AdModel *m)
{
	Assert(MemoryContextIsValid(m->mcxt));
	Assert(m->detector == ad_detector_by_id(m->detector->id));
	Assert(m->nfeatures >= 1 && m->nfeatures <= AD_MAX_FEATURES);
	Assert(m->ncols >= 1 && m->ncols <= AD_MAX_COLUMNS);
	Assert(m->columns != NULL);
	Assert(m->dense_kinds != NULL);
	Assert(m->reduction ? m->ndense >= 1 && m->ndense <= m->ncols :
		   m->ndense == m->ncols);
	Assert(m->scaled == (m->center != NULL && m->scale != NULL));
	Assert(!m->plain || (m->ncols == m->nfeatures && !m->scaled));
	Assert((m->detector == &ad_detector_ensemble) == (m->nmembers > 0));
	Assert((m->nmembers > 0) == (m->scorer == NULL));
	Assert(m->nmembers <= AD_MAX_MEMBERS);
	for (int k = 0; k < m->nmembers; k++)
	{
		Assert(m->members[k]->nmembers == 0);
		Assert(m->members[k]->has_scores);
		ad_model_check(m->members[k]);
	}
}

/* Check a raw row: a category is a code, one past the last for any other. */
void
ad_model_check_row(const AdModel *m, const double *raw)
{
	for (int j = 0; j < m->nfeatures; j++)
		if (m->features[j].class == AD_CLASS_CATEGORY && !isnan(raw[j]))
			Assert(raw[j] >= 0 && raw[j] <= m->features[j].dict.n &&
				   raw[j] == floor(raw[j]));
}

/* Check the set of scores that a calibration has. */
static void
check_scores(const AdScores *s)
{
	Assert(s->ntail >= 1 && s->ntail <= AD_MAX_SCORES);
	Assert(s->ngrid <= AD_MAX_SCORES);
	Assert(s->n >= (uint64) s->ntail + s->ngrid);
	Assert((s->ngrid == 0) == (s->n == s->ntail));
	for (uint32 i = 1; i < s->ntail; i++)
		Assert(s->tail[i] <= s->tail[i - 1]);
	for (uint32 i = 1; i < s->ngrid; i++)
		Assert(s->grid[i] >= s->grid[i - 1]);
	Assert(s->ngrid == 0 || s->grid[s->ngrid - 1] <= s->tail[s->ntail - 1]);
	Assert(s->rounding >= 0 && s->nfrequent <= AD_MAX_FREQUENT);
	for (uint32 i = 1; i < s->nfrequent; i++)
		Assert(s->frequent[i].score < s->frequent[i - 1].score &&
			   s->frequent[i].count > s->frequent[i - 1].count);
}

/* Check every feature, column and score. */
void
ad_model_check_features(const AdModel *m)
{
	int			ncols = 0;

	ad_model_check(m);
	Assert(m->ranged == (m->beyond != NULL));
	Assert(!m->ranged || m->beyond_unit > 0);
	for (int j = 0; j < m->nfeatures; j++)
	{
		const AdModelFeature *f = &m->features[j];
		bool		category = f->class == AD_CLASS_CATEGORY;

		Assert(f->class >= 1 && f->class <= AD_MAX_CLASS);
		Assert(f->encoding <= AD_MAX_ENCODING);
		Assert(f->encoding == AD_ENC_DROPPED ||
			   category == (f->encoding == AD_ENC_ONEHOT ||
							f->encoding == AD_ENC_FREQUENCY));
		Assert(f->encoding != AD_ENC_CLOCK || f->class == AD_CLASS_TIME);
		Assert(isnan(f->arc.low) || f->arc.low > f->arc.high);
		Assert(!m->ranged || isnan(m->beyond[j].low) ||
			   (m->beyond[j].low <= m->beyond[j].high &&
				m->beyond[j].spread >= 0));
		Assert(f->first == ncols && f->ncols >= 0);
		ncols += f->ncols;
		Assert(f->dropped_for >= -1 && f->dropped_for < m->nfeatures);
		if (category)
			Assert(f->dict.n <= AD_MAX_MODEL_VALUES && f->frequency != NULL &&
				   f->impute >= 0 && f->impute < Max(f->dict.n, 1));
		else
			Assert(f->dict.n == 0 && !isinf(f->impute));
		if (m->plain)
			Assert(f->encoding == AD_ENC_NUMBER);
	}
	Assert(Max(ncols, 1) == m->ncols);
	for (int c = 0; c < m->ncols; c++)
	{
		Assert(m->kinds[c] <= AD_COLUMN_OTHER);
		if (m->scaled)
			Assert(isfinite(m->center[c]) && isfinite(m->scale[c]) &&
				   m->scale[c] != 0);
	}
	if (m->has_scores)
	{
		check_scores(&m->calibration.training);
		if (m->calibration.method != AD_CALIBRATION_NONE)
			check_scores(&m->calibration.held_out);
	}
}

#endif							/* USE_ASSERT_CHECKING */
