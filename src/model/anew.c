/*-------------------------------------------------------------------------
 *
 * anew.c
 *		A row of the sample as scoring would see it, if it came anew.
 *
 * A fit is given infinite numbers as missing ones, but scores them beyond
 * every value.  Dictionaries and shares of categories count all rows, so those
 * that are held out of a fit have been counted as well; a new row has not: its
 * category may be one that was never seen.  P-values compare the two, so a row
 * that is held out is scored without its own count.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"

/* Return how many rows have a value for a category. */
static double
present(const AdView *v, int j)
{
	return (double) (v->rows - v->features[j].missing);
}

/*
 * Take a row's category of feature j out of its own count, which changes the
 * model's share of it; false if that is of no effect.
 */
static bool
leave_out(AdModel *m, const AdView *v, int j, double *raw)
{
	AdModelFeature *f = &m->features[j];
	const AdViewFeature *vf = &v->features[j];
	double		others;

	if (raw[j] >= f->dict.n || f->encoding == AD_ENC_DROPPED)
		return false;
	others = (double) vf->counts[(int) raw[j]] - vf->weight;
	if (others < 0.5 * vf->weight)
		raw[j] = f->dict.n;		/* seen in no other row */
	else if (f->encoding == AD_ENC_FREQUENCY)
		f->frequency[(int) raw[j]] = others / present(v, j);
	else
		return false;
	return true;
}

/* Put the model's share of a row's category back. */
static void
put_back(AdModel *m, const AdView *v, int j, const double *raw)
{
	AdModelFeature *f = &m->features[j];

	if (f->encoding == AD_ENC_FREQUENCY && raw[j] < f->dict.n)
		f->frequency[(int) raw[j]] =
			(double) v->features[j].counts[(int) raw[j]] / present(v, j);
}

/*
 * Prepare a row of the view to the model's columns as if it came anew;
 * left_out: it is none of those that the model is fitted to.  Returns false,
 * and prepares nothing, if that is how the fit has it.  raw: room for a row of
 * features, which is left as scoring is given it.
 */
bool
ad_prepare_anew(AdModel *m, const AdView *v, Size row, bool left_out,
				double *raw)
{
	bool		differs = ad_view_infinite(v, row, raw);

	for (int j = 0; j < m->nfeatures; j++)
		if (m->features[j].class == AD_CLASS_CATEGORY && !isnan(raw[j]))
		{
			raw[j] = Min(raw[j], (double) m->features[j].dict.n);
			if (left_out)
				differs |= leave_out(m, v, j, raw);
		}
	if (!differs)
		return false;
	ad_prepare_row(m, raw, m->columns);
	for (int j = 0; left_out && j < m->nfeatures; j++)
		if (m->features[j].class == AD_CLASS_CATEGORY && !isnan(raw[j]))
			put_back(m, v, j, raw);
	return true;
}
