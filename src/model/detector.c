/*-------------------------------------------------------------------------
 *
 * detector.c
 *		Detectors by name, and what their fits have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_spec.h"

#include "core/ad_random.h"

bool		ad_scorer_grew = false;
void		(*ad_detector_phase) (const char *phase) = NULL;

#define CASE(NAME, id, name) case AD_DET_##NAME: return ad_detectors[AD_AT_##NAME];

/* Find a detector by its id; NULL: none.  Two cases of one id do not compile. */
const AdDetector *
ad_detector_by_id(uint16 id)
{
	switch (id)
	{
			AD_DETECTOR_LIST(CASE)
		default:
			return NULL;
	}
}

/*
 * Raise an error if a detector's table has the id of another in the list,
 * or one that is not in it: its models would be read as another's.
 */
static void
check_id(const AdDetector *d)
{
	const AdDetector *listed = ad_detector_by_id(d->id);

	if (listed != d)
		elog(ERROR, "detector \"%s\" has the id %u of \"%s\"", d->name, d->id,
			 listed ? listed->name : "none");
}

/* Lower-case letters and digits of a word alone; palloc'd. */
static char *
fold(const char *word)
{
	char	   *folded = palloc(strlen(word) + 1);
	int			n = 0;

	for (; *word; word++)
		if (isalnum((unsigned char) *word))
			folded[n++] = (char) pg_ascii_tolower((unsigned char) *word);
	folded[n] = '\0';
	return folded;
}

/*
 * What a detector that other libraries (scikit-learn, PyOD) call by a name is
 * here, as it is called, or NULL.
 */
static const char *
other_name(const char *folded)
{
	static const char *const names[][2] = {
		{"cblof", "ad_kmeans()"},
		{"clusterbasedlocaloutlierfactor", "ad_kmeans()"},
		{"ellipticenvelope", "ad_mahalanobis(robust => true)"},
		{"extendedisolationforest", "ad_iforest(ndim => 2)"},
		{"faircutforest", "ad_fair_forest()"},
		{"gaussianmixture", "ad_gmm()"},
		{"gaussianmixturemodel", "ad_gmm()"},
		{"histogram", "ad_hbos()"},
		{"histogrambasedoutlierscore", "ad_hbos()"},
		{"iqr", "ad_zscore(method => 'iqr')"},
		{"isolationforest", "ad_iforest()"},
		{"isolationnne", "ad_inne()"},
		{"kneighbors", "ad_knn()"},
		{"knearestneighbors", "ad_knn()"},
		{"knearestneighbours", "ad_knn()"},
		{"lesinn", "ad_subknn()"},
		{"localoutlierfactor", "ad_lof()"},
		{"mad", "ad_zscore(method => 'mad')"},
		{"mcd", "ad_mahalanobis(robust => true)"},
		{"medianabsolutedeviation", "ad_zscore(method => 'mad')"},
		{"mincovdet", "ad_mahalanobis(robust => true)"},
		{"minimumcovariancedeterminant", "ad_mahalanobis(robust => true)"},
		{"nearestneighbors", "ad_knn()"},
		{"nearestneighbours", "ad_knn()"},
		{"oneclasssvm", "ad_ocsvm()"},
		{"principalcomponentanalysis", "ad_pca()"},
		{"replicatorneuralnetwork", "ad_autoencoder()"},
		{"robustcovariance", "ad_mahalanobis(robust => true)"},
		{"sampling", "ad_subknn()"},
		{"sgdoneclasssvm", "ad_ocsvm()"},
		{"svm", "ad_ocsvm()"},
		{"variationalautoencoder", "ad_vae()"},
	};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (strcmp(names[i][0], folded) == 0)
			return names[i][1];
	return NULL;
}

/* Find a detector by its name, or raise an error that names the nearest. */
const AdDetector *
ad_detector_by_name(const char *name)
{
	/* what specs say that is none of the catalogue, see spec.c */
	const char *words[64] = {AD_AUTO};
	int			n = 1;
	const char *nearest = NULL;
	const char *other;
	const char *folded;

	for (int i = 0; ad_detectors[i]; i++)
	{
		if (strcmp(ad_detectors[i]->name, name) == 0)
		{
			check_id(ad_detectors[i]);
			return ad_detectors[i];
		}
		if (n < (int) lengthof(words))
			words[n++] = ad_detectors[i]->name;
	}
	name = ad_quote_clip(name);
	folded = fold(name);
	other = other_name(folded);
	if (other)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown detector \"%s\"", name),
				 errhint("It is %s.", other)));
	for (int i = 0; i < n; i++)
		if (strcmp(fold(words[i]), folded) == 0)
			nearest = words[i];
	if (nearest == NULL)
		nearest = ad_nearest(name, words, n);
	if (nearest == NULL && name[0] == '{')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown detector \"%s\"", name),
				 errhint("Cast a spec given as a literal to jsonb.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown detector \"%s\"", name),
			 nearest ? errhint("Did you mean \"%s\"?", nearest) :
			 errhint("Known: %s.", ad_quoted_list(words, n))));
	return NULL;				/* keep the compiler quiet */
}

/* See ad_detector.h. */
int
ad_detector_part(double part, Size all, int least, int most)
{
	double		n = part > 1 ? part : rint(part * (double) all);

	return (int) Min((Size) Min(Max(n, least), most), all);
}

/* Enough rows; see ad_detector.h. */
Size
ad_detector_enough_rows(const void *options pg_attribute_unused())
{
	return AD_ENOUGH_ROWS;
}

/* Rows for ranks and bins; see ad_detector.h. */
Size
ad_detector_rank_rows(const void *options pg_attribute_unused())
{
	return AD_RANK_ROWS;
}

/* Draw reference rows; see ad_detector.h. */
Size *
ad_detector_reference_rows(const AdMatrix *m, int max_rows, Size *n)
{
	Size	   *rows;
	AdRandom	random;
	Size		left = Min(m->rows, (Size) max_rows);

	*n = left;
	rows = ad_palloc_array(Size, left);
	ad_random_seed(&random, m->seed, AD_STREAM_REFERENCE_ROWS);
	/* selection sampling (Knuth's algorithm S) */
	for (Size i = 0, k = 0; left > 0; i++)
		if (ad_random_below(&random, m->rows - i) < left)
		{
			rows[k++] = i;
			left--;
		}
	return rows;
}
