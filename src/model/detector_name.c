/*-------------------------------------------------------------------------
 *
 * detector_name.c
 *		Detectors by the names that people type.
 *
 * Case, blanks and punctuation do not matter, and the names that scikit-learn
 * and PyOD have for a detector, of which some stand for a form of one here, mean
 * it: EllipticEnvelope is ad_mahalanobis(robust => true).  A model keeps the
 * name that the detector has here.  What only comes near is named in a hint, and
 * what those libraries have and is not here is not taken for a misspelled name
 * of something else.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_spec.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#define MAX_NAMES	64			/* of detectors, in a hint */

/* Names of other libraries, folded, and what they mean. */
typedef struct OtherName
{
	const char *name;
	const char *detector;
	AdPreset	preset;			/* no option: its defaults */
} OtherName;

#define OTHER(name, detector)				{name, detector, {NULL}}
#define WORD(name, detector, option, value)	{name, detector, {option, value, 0, false}}
#define NUMBER(name, detector, option, n)	{name, detector, {option, NULL, n, false}}
#define TRUE(name, detector, option)		{name, detector, {option, NULL, 0, true}}

static const OtherName other_names[] = {
	OTHER("ae", "autoencoder"),
	WORD("averageknn", "knn", "method", "mean"),
	WORD("avgknn", "knn", "method", "mean"),
	WORD("cblof", "kmeans", "method", "cblof"),
	WORD("clusterbasedlocaloutlierfactor", "kmeans", "method", "cblof"),
	OTHER("copulabasedoutlierdetection", "copod"),
	TRUE("ellipticenvelope", "mahalanobis", "robust"),
	NUMBER("eif", "iforest", "ndim", 2),
	NUMBER("extendediforest", "iforest", "ndim", 2),
	NUMBER("extendedisolationforest", "iforest", "ndim", 2),
	OTHER("faircutforest", "fair_forest"),
	OTHER("gaussianmixture", "gmm"),
	OTHER("gaussianmixturemodel", "gmm"),
	OTHER("histogram", "hbos"),
	OTHER("histogrambasedoutlierdetection", "hbos"),
	OTHER("histogrambasedoutlierscore", "hbos"),
	WORD("iqr", "zscore", "method", "iqr"),
	OTHER("isolationforest", "iforest"),
	OTHER("isolationnne", "inne"),
	OTHER("kneighbors", "knn"),
	OTHER("knearestneighbors", "knn"),
	OTHER("knearestneighbours", "knn"),
	OTHER("lesinn", "subknn"),
	OTHER("localoutlierfactor", "lof"),
	WORD("mad", "zscore", "method", "mad"),
	OTHER("mahalanobisdistance", "mahalanobis"),
	TRUE("mcd", "mahalanobis", "robust"),
	WORD("medianabsolutedeviation", "zscore", "method", "mad"),
	WORD("medianknn", "knn", "method", "median"),
	WORD("medknn", "knn", "method", "median"),
	TRUE("mincovdet", "mahalanobis", "robust"),
	TRUE("minimumcovariancedeterminant", "mahalanobis", "robust"),
	WORD("modifiedzscore", "zscore", "method", "mad"),
	OTHER("nearestneighbors", "knn"),
	OTHER("nearestneighbours", "knn"),
	OTHER("oneclasssupportvectormachine", "ocsvm"),
	OTHER("oneclasssvm", "ocsvm"),
	OTHER("principalcomponentanalysis", "pca"),
	OTHER("replicatorneuralnetwork", "autoencoder"),
	TRUE("robustcovariance", "mahalanobis", "robust"),
	TRUE("robustmahalanobis", "mahalanobis", "robust"),
	OTHER("variationalautoencoder", "vae"),
};

/* What they have and is not here, with what comes closest here, or NULL. */
static const char *const absent_names[][2] = {
	{"abod", NULL},
	{"ae1svm", "autoencoder"},
	{"alad", NULL},
	{"anglebasedoutlierdetection", NULL},
	{"anogan", NULL},
	{"bayesiangaussianmixture", "gmm"},
	{"cd", NULL},
	{"cof", "lof"},
	{"connectivitybasedoutlierfactor", "lof"},
	{"cookdistance", NULL},
	{"deepisolationforest", "iforest"},
	{"deepsvdd", NULL},
	{"devnet", NULL},
	{"dif", "iforest"},
	{"fastabod", NULL},
	{"featurebagging", NULL},
	{"halfspacetrees", NULL},
	{"hdbscan", "dbscan"},
	{"kde", NULL},
	{"kerneldensity", NULL},
	{"kernelpca", "pca"},
	{"kpca", "pca"},
	{"lmdd", NULL},
	{"loci", "lof"},
	{"lscp", NULL},
	{"lstmad", NULL},
	{"lunar", NULL},
	{"minibatchkmeans", "kmeans"},
	{"mogaal", NULL},
	{"optics", "dbscan"},
	{"qmcd", NULL},
	{"randomcutforest", "iforest"},
	{"rcf", "iforest"},
	{"rgraph", NULL},
	{"robustrandomcutforest", "iforest"},
	{"rod", NULL},
	{"rrcf", "iforest"},
	{"sampling", "subknn"},
	{"sgdoneclasssvm", "ocsvm"},
	{"sod", NULL},
	{"sogaal", NULL},
	{"sos", NULL},
	{"suod", NULL},
	{"svm", "ocsvm"},
	{"xgbod", NULL},
};

/* Lower-case letters and digits of a word alone; palloc'd. */
static char *
fold(const char *word)
{
	char	   *folded = palloc(strlen(word) + 1);
	int			n = 0;

	for (; *word; word++)
		if (IS_HIGHBIT_SET(*word))
			folded[n++] = *word;
		else if (isalnum((unsigned char) *word))
			folded[n++] = (char) pg_ascii_tolower((unsigned char) *word);
	folded[n] = '\0';
	return folded;
}

/* The detectors there are, by name; "auto" first.  Returns how many. */
static int
all_names(const char **names)
{
	int			n = 0;

	names[n++] = AD_AUTO;
	for (int i = 0; ad_detectors[i] && n < MAX_NAMES; i++)
		names[n++] = ad_detectors[i]->name;
	return n;
}

/* The name nearest to a folded one: of the n that are ours, or of others'. */
static const char *
nearest_name(const char *folded, const char *const *ours, int n)
{
	const char *names[MAX_NAMES + lengthof(other_names)];

	memcpy(names, ours, n * sizeof(char *));
	for (int i = 0; i < (int) lengthof(other_names); i++)
		names[n++] = other_names[i].name;
	return ad_nearest(folded, names, n);
}

/* Raise the error for a name that is no detector's; "folded" is the same. */
static void
unknown_detector(const char *name, const char *folded)
{
	const char *names[MAX_NAMES];
	int			n = all_names(names);
	const char *nearest = NULL;
	bool		is_absent = false;

	name = ad_quote_clip(name);
	for (int i = 0; i < (int) lengthof(absent_names) && !is_absent; i++)
		if (strcmp(absent_names[i][0], folded) == 0)
		{
			is_absent = true;
			nearest = absent_names[i][1];
		}
	if (is_absent && nearest)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown detector \"%s\"", name),
				 errhint("Of the detectors there are, \"%s\" comes closest to it.", nearest)));
	if (name[0] == '{')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown detector \"%s\"", name),
				 errhint("Cast a spec given as a literal to jsonb.")));
	if (!is_absent)
		nearest = nearest_name(ad_quote_clip(folded), names, n);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown detector \"%s\"", name),
			 nearest ? errhint("Did you mean \"%s\"?", nearest) :
			 errhint("The detectors are %s.", ad_quoted_list(names, n))));
}

/*
 * Find a detector by a name of it, or raise an error that names the nearest.
 * NULL: it is "auto".  *preset is an option that goes without saying with the
 * name, or NULL.
 */
const AdDetector *
ad_detector_named(const char *name, const AdPreset **preset)
{
	const char *folded;

	*preset = NULL;
	/* as models have it */
	for (int i = 0; ad_detectors[i]; i++)
		if (strcmp(ad_detectors[i]->name, name) == 0)
			return ad_detector_checked(ad_detectors[i]);
	folded = fold(name);
	if (strcmp(folded, AD_AUTO) == 0)
		return NULL;
	for (int i = 0; ad_detectors[i]; i++)
		if (strcmp(fold(ad_detectors[i]->name), folded) == 0)
			return ad_detector_checked(ad_detectors[i]);
	for (int i = 0; i < (int) lengthof(other_names); i++)
		if (strcmp(other_names[i].name, folded) == 0)
		{
			if (other_names[i].preset.option)
				*preset = &other_names[i].preset;
			return ad_detector_by_name(other_names[i].detector);
		}
	unknown_detector(name, folded);
	return NULL;				/* keep the compiler quiet */
}

/* Find a detector by the name that it has here. */
const AdDetector *
ad_detector_by_name(const char *name)
{
	for (int i = 0; ad_detectors[i]; i++)
		if (strcmp(ad_detectors[i]->name, name) == 0)
			return ad_detector_checked(ad_detectors[i]);
	elog(ERROR, "there is no detector \"%s\"", name);
	return NULL;				/* keep the compiler quiet */
}

/* The value of a preset as one of jsonb. */
void
ad_preset_value(const AdPreset *preset, JsonbValue *v)
{
	if (preset->word)
	{
		v->type = jbvString;
		v->val.string.val = unconstify(char *, preset->word);
		v->val.string.len = (int) strlen(preset->word);
	}
	else if (preset->truth)
	{
		v->type = jbvBool;
		v->val.boolean = true;
	}
	else
	{
		v->type = jbvNumeric;
		v->val.numeric = DatumGetNumeric(DirectFunctionCall1(int4_numeric,
															 Int32GetDatum(preset->number)));
	}
}

/*
 * The spec of a name as JSON text, palloc'd: with the name that the detector has
 * here, and what else the name given stands for.
 */
char *
ad_detector_spec(const char *name)
{
	const AdPreset *preset;
	const AdDetector *d = ad_detector_named(name, &preset);
	const char *own = d ? d->name : AD_AUTO;

	if (preset == NULL)
		return psprintf("{\"detector\": \"%s\"}", own);
	if (preset->word)
		return psprintf("{\"detector\": \"%s\", \"%s\": \"%s\"}", own,
						preset->option, preset->word);
	if (preset->truth)
		return psprintf("{\"detector\": \"%s\", \"%s\": true}", own, preset->option);
	return psprintf("{\"detector\": \"%s\", \"%s\": %d}", own, preset->option,
					preset->number);
}
