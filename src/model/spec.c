/*-------------------------------------------------------------------------
 *
 * spec.c
 *		Specs: a detector and its parameters, as jsonb.
 *
 * {"detector": "iforest", "trees": 100, …, "prepare": {…}, "sampling": {…}}.
 * The nested objects keep the parts apart, so that specs compose with
 * jsonb's ||.  Printing spells out every default: that is the canonical
 * form that models store.  "auto" is not printed, but what it stands for.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_linalg.h"
#include "model/ad_ensemble.h"

#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

static const char *const impute_names[] = {"median", "mean", "zero", "error", NULL};
static const char *const scale_names[] = {"auto", "none", "standard", "robust", "minmax", NULL};

const AdOption ad_prepare_options[] = {
	AD_ENUM(AdPrepare, impute, AD_IMPUTE_MEDIAN, impute_names),
	AD_ENUM(AdPrepare, scale, AD_SCALE_AUTO, scale_names),
	AD_BOOL(AdPrepare, calendar, false),
	AD_STRING(AdPrepare, timezone, "UTC"),
	AD_INT(AdPrepare, onehot_max, 10, 0, 1000),
	AD_FLOAT_ABOVE(AdPrepare, drop_correlated, NAN, 0, 1),
	AD_ENUM(AdPrepare, on_error, AD_ON_ERROR_RAISE, ad_on_error_names),
	AD_BOOL(AdPrepare, beyond_range, false),
	AD_PART_BELOW(AdPrepare, reduce, NAN, AD_LINALG_MAX_COLUMNS),
};
const int	ad_n_prepare_options = lengthof(ad_prepare_options);

/* The options of ad_auto(). */
typedef enum AdAutoPriority
{
	AD_AUTO_ACCURACY, AD_AUTO_SPEED
} AdAutoPriority;

typedef struct AdAutoOptions
{
	int			priority;		/* AdAutoPriority */
} AdAutoOptions;

static const char *const priority_names[] = {"accuracy", "speed", NULL};

static const AdOption auto_options[] = {
	AD_ENUM(AdAutoOptions, priority, AD_AUTO_ACCURACY, priority_names),
};

/* No detector, but one in what may be said of it. */
static const AdDetector auto_detector = {
	.name = AD_AUTO,
	.options = auto_options,
	.noptions = lengthof(auto_options),
};

/* the sum of weights that add up to 1 may be off by so much */
#define WEIGHTS_ROUNDING	1e-12

/* keys of a spec that are not the detector's */
static const char *const spec_keys[] = {
	"detector", "prepare", "sampling", "calibrate", NULL
};
static const char *const ensemble_keys[] = {
	"detector", "prepare", "sampling", "calibrate", "specs", "weights", NULL
};

/* one of what is prepared that is not an argument of ad_prepare() */
static const char *const prepare_keys[] = {"varying_only", NULL};

/* A member of an object, or NULL. */
static JsonbValue *
member(JsonbContainer *object, const char *key)
{
	JsonbValue	k;

	k.type = jbvString;
	k.val.string.val = (char *) key;
	k.val.string.len = (int) strlen(key);
	return findJsonbValueFromContainer(object, JB_FOBJECT, &k);
}

/*
 * Parse a nested object of options, or set its defaults.  Returns whether it
 * is there.
 */
static bool
parse_part(JsonbContainer *spec, const char *key, const char *owner,
		   const AdOption *table, int n, const char *const *also_allowed,
		   void *out)
{
	JsonbValue *v = member(spec, key);

	if (v == NULL || v->type == jbvNull)
	{
		ad_options_defaults(table, n, out);
		return false;
	}
	if (v->type != jbvBinary)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" in a spec must be an object", key),
				 errhint("Make it with %s.", owner)));
	ad_options_parse(v->val.binary.data, owner, table, n, also_allowed, out);
	return true;
}

/* Return whether a detector has an option. */
static bool
has_option(const AdDetector *d, const char *name)
{
	for (int k = 0; k < d->noptions; k++)
		if (strcmp(d->options[k].name, name) == 0)
			return true;
	return false;
}

/*
 * Raise an error for an option among a detector's that belongs to another part
 * of the spec, or to nothing in it.
 */
static void
check_misplaced(JsonbContainer *spec, const AdDetector *d, const char *owner)
{
	static const struct
	{
		const char *owner;
		const AdOption *options;
		const int  *n;
	}			parts[] = {
		{"ad_calibrate()", ad_calibrate_options, &ad_n_calibrate_options},
		{"ad_prepare()", ad_prepare_options, &ad_n_prepare_options},
		{"ad_sampling()", ad_sampling_options, &ad_n_sampling_options},
	};

	for (int p = 0; p < (int) lengthof(parts); p++)
		for (int i = 0; i < *parts[p].n; i++)
		{
			const char *name = parts[p].options[i].name;

			if (!has_option(d, name) && member(spec, name) != NULL)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("unknown option \"%s\" for %s", name, owner),
						 errhint("It is one of %s, which is added to a spec with ||.",
								 parts[p].owner)));
		}
	if (member(spec, "threshold") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown option \"%s\" for %s", "threshold", owner),
				 errhint("A threshold of the score is not part of a spec: compare ad_score() with it, or set the contamination for ad_is_anomaly() with ad_calibrate().")));
}

/* Return whether a spec has no keys but a detector's and those of its parts. */
static bool
knows_all(JsonbContainer *spec, const AdDetector *d)
{
	uint32		known = 0;

	for (int i = 0; ensemble_keys[i]; i++)
		known += member(spec, ensemble_keys[i]) != NULL;
	for (int k = 0; k < d->noptions; k++)
		known += member(spec, d->options[k].name) != NULL;
	return known == JsonContainerSize(spec);
}

/* Raise an error for an option among a detector's that is another's. */
static void
check_borrowed(JsonbContainer *spec, const AdDetector *d, const char *owner)
{
	for (int i = 0; ad_detectors[i]; i++)
		for (int k = 0; k < ad_detectors[i]->noptions; k++)
		{
			const char *name = ad_detectors[i]->options[k].name;
			StringInfoData owners;

			if (has_option(d, name) || member(spec, name) == NULL)
				continue;
			initStringInfo(&owners);
			for (int o = i; ad_detectors[o]; o++)
				if (has_option(ad_detectors[o], name))
					appendStringInfo(&owners, "%sad_%s()", owners.len > 0 ? ", " : "",
									 ad_detectors[o]->name);
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown option \"%s\" for %s", name, owner),
					 errhint("It is one of %s.", owners.data)));
		}
}

/* Raise an error for an option among a detector's that is known elsewhere. */
static void
check_others(JsonbContainer *spec, const AdDetector *d, const char *owner)
{
	if (knows_all(spec, d))
		return;
	check_misplaced(spec, d, owner);
	check_borrowed(spec, d, owner);
}

/*
 * Return whether what a spec prepares has the word that is no argument of
 * ad_prepare(), and stands in the specs of models by ad_auto(): values beside
 * a constant are not beyond the range.
 */
static bool
says_varying_only(JsonbContainer *spec)
{
	JsonbValue *v = member(spec, "prepare");

	if (v == NULL || v->type != jbvBinary)
		return false;
	v = member(v->val.binary.data, prepare_keys[0]);
	return v != NULL && v->type == jbvBool && v->val.boolean;
}

/* Set what a spec does if it does not say how to calibrate. */
static void
no_calibration(AdSpec *out)
{
	ad_options_defaults(ad_calibrate_options, ad_n_calibrate_options,
						&out->calibrate);
	out->calibrate.share = 0;
	out->has_calibrate = false;
}

/*
 * Settle the sampling that a member of an ensemble has of its own.  There is
 * one sketch, so it can ask for fewer rows of that and for other random
 * numbers; for more rows only if nobody says how many the sketch is to have.
 */
static void
settle_sampling(AdSpec *ensemble, const AdSampling *own, int number)
{
	AdSampling *all = &ensemble->sampling;
	AdSampling	dflt;

	if (own->keyed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %d of an ensemble has keyed sampling of its own",
						number),
				 errhint("Add ad_sampling(keyed => true) to the ensemble with ||, instead.")));
	ad_options_defaults(ad_sampling_options, ad_n_sampling_options, &dflt);
	if (own->memory_mb != dflt.memory_mb)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %d of an ensemble has a memory_mb of its own: %d",
						number, own->memory_mb),
				 errhint("Add ad_sampling(memory_mb => %d) to the ensemble with ||, instead.",
						 own->memory_mb)));
	if (own->rows == AD_DEFAULT_SAMPLE || own->rows <= all->rows)
		return;
	if (ensemble->has_sampling)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %d of an ensemble asks for %d rows, but the ensemble samples %d",
						number, own->rows, all->rows)));
	all->rows = own->rows;
}

/*
 * Settle the members of an ensemble, whose other parts have been parsed.
 * They take its preparation and its sampling unless they have their own, with
 * seeds of their own; p-values are combined of rows that each member holds
 * out.
 */
static void
settle_members(AdSpec *out)
{
	bool		pvalue = ((AdEnsembleOptions *) out->options)->combine ==
		AD_COMBINE_PVALUE;

	for (int k = 0; k < out->nmembers; k++)
		if (out->members[k].has_sampling)
			settle_sampling(out, &out->members[k].sampling, k + 1);
	for (int k = 0; k < out->nmembers; k++)
	{
		AdSpec	   *m = &out->members[k];

		if (!m->has_prepare)
		{
			m->prepare = out->prepare;
			/* it counts once */
			m->prepare.beyond_range = false;
			m->prepare.varying_only = false;
		}
		if (!m->has_sampling)
		{
			m->sampling = out->sampling;

			/*
			 * The same detector twice is to see different random numbers; the
			 * seeds are some that a spec may ask for.
			 */
			if (k > 0)
				m->sampling.seed = ad_mix64(out->sampling.seed ^ ((uint64) k << 32)) %
					((uint64) AD_MAX_SEED + 1);
		}
		m->calibrate.contamination = out->calibrate.contamination;
		if (pvalue)
			m->calibrate.share = out->calibrate.share > 0 ?
				out->calibrate.share : ad_calibrate_options[0].dflt;
		m->calibrate.method = out->calibrate.method;
		m->has_calibrate = out->has_calibrate || pvalue;
	}
}

/* Return whether a spec that was found sound names no detector but "auto". */
static bool
names_auto(JsonbContainer *spec)
{
	JsonbValue *v = member(spec, "detector");
	const AdPreset *preset;

	return ad_detector_named(pnstrdup(v->val.string.val, v->val.string.len),
							 &preset) == NULL;
}

/* Parse the members of an ensemble. */
static void
parse_members(JsonbContainer *spec, AdSpec *out)
{
	JsonbValue *v = member(spec, "specs");
	JsonbContainer *array;
	uint32		n;

	check_stack_depth();
	if (v == NULL || v->type != jbvBinary ||
		!JsonContainerIsArray(v->val.binary.data) ||
		(n = JsonContainerSize(v->val.binary.data)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ensemble has no members"),
				 errhint("Give ad_ensemble() an array of specs.")));
	array = v->val.binary.data;
	if (n > AD_MAX_MEMBERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("ensemble has %u members, allowed are %d", n,
						AD_MAX_MEMBERS)));
	out->members = ad_palloc0_array(AdSpec, n);
	for (uint32 k = 0; k < n; k++)
	{
		AdSpec	   *m = &out->members[k];
		JsonbValue *e = getIthJsonbValueFromContainer(array, k);

		if (e->type != jbvBinary)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member %u of an ensemble is not a spec", k + 1),
					 errhint("Make it with a constructor such as ad_iforest().")));
		ad_spec_parse(e->val.binary.data, true, m);
		if (m->detector == &ad_detector_ensemble)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member %u of an ensemble is an ensemble", k + 1),
					 names_auto(e->val.binary.data) ?
					 errdetail("ad_auto() is one, of ad_fair_forest(), ad_subknn() and ad_ecod().") : 0,
					 errhint("Give the members of both in one array.")));
		if (m->has_calibrate)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member %u of an ensemble has an ad_calibrate() of its own",
							k + 1),
					 errhint("Add it to the ensemble with ||.")));
	}
	out->nmembers = (int) n;
	settle_members(out);
}

/* Parse the weights of an ensemble's members, which have been parsed. */
static void
parse_weights(JsonbContainer *spec, AdSpec *out)
{
	JsonbValue *v = member(spec, "weights");
	JsonbContainer *array;
	double		sum = 0;

	if (v == NULL || v->type == jbvNull)
		return;
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"weights\" in a spec must be an array of numbers")));
	array = v->val.binary.data;
	if (JsonContainerSize(array) != (uint32) out->nmembers)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of weights is %u, but the ensemble has %d members",
						JsonContainerSize(array), out->nmembers)));
	out->weights = ad_palloc_array(double, out->nmembers);
	for (int k = 0; k < out->nmembers; k++)
	{
		JsonbValue *e = getIthJsonbValueFromContainer(array, k);

		if (e->type != jbvNumeric)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight %d of an ensemble is not a number", k + 1)));
		out->weights[k] = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
															 NumericGetDatum(e->val.numeric)));
		if (!(out->weights[k] >= 0 && out->weights[k] <= AD_MAX_WEIGHT))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight %d of an ensemble is %g, must be 0 to %g",
							k + 1, out->weights[k], AD_MAX_WEIGHT)));
		sum += out->weights[k];
	}
	if (!(sum >= 1 / AD_MAX_WEIGHT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weights of an ensemble add up to %g, must be at least %g",
						sum, 1 / AD_MAX_WEIGHT)));
	/* what has been printed is read as it was */
	for (int k = 0; k < out->nmembers && fabs(sum - 1) > WEIGHTS_ROUNDING; k++)
		out->weights[k] /= sum;
}

/* Set the detector of a spec, with its default options. */
static void
set_detector(const AdDetector *d, AdSpec *out)
{
	out->detector = d;
	out->options = palloc0(d->options_size);
	ad_options_defaults(d->options, d->noptions, out->options);
}

/* Set the option that goes without saying with a detector's name. */
static void
set_preset(const AdPreset *preset, AdSpec *out)
{
	JsonbValue	v;

	ad_preset_value(preset, &v);
	ad_option_set(out->detector->options, out->detector->noptions,
				  preset->option, &v, out->options);
}

/*
 * Make a spec that names "auto" one of what that stands for: models keep the
 * latter, so that what it stands for can change.  Of the other parts it says
 * what is prepared, unless the spec does; settle_members() must follow them.
 */
static void
expand_auto(const AdAutoOptions *options, AdSpec *out)
{
	static const char *const members[] = {"fair_forest", "subknn", "ecod"};

	if (options->priority == AD_AUTO_SPEED)
	{
		set_detector(ad_detector_by_name("iforest"), out);
		return;
	}
	set_detector(&ad_detector_ensemble, out);
	((AdEnsembleOptions *) out->options)->combine = AD_COMBINE_TOP;
	/* one absurd value among many features: none of them makes enough of it */
	out->prepare.beyond_range = true;
	out->prepare.varying_only = true;
	out->nmembers = lengthof(members);
	out->members = ad_palloc0_array(AdSpec, lengthof(members));
	for (int k = 0; k < out->nmembers; k++)
		ad_spec_defaults(members[k], &out->members[k]);
}

/* Parse the detector of a spec and its options. */
static void
parse_detector(JsonbContainer *spec, const JsonbValue *v, AdSpec *out)
{
	const AdPreset *preset;
	const AdDetector *d = ad_detector_named(pnstrdup(v->val.string.val,
													 v->val.string.len), &preset);
	char	   *owner;

	if (d == NULL)
	{
		AdAutoOptions options;

		check_others(spec, &auto_detector, "ad_auto()");
		ad_options_parse(spec, "ad_auto()", auto_options,
						 lengthof(auto_options), spec_keys, &options);
		expand_auto(&options, out);
		return;
	}
	out->detector = d;
	out->options = palloc0(d->options_size);
	owner = psprintf("ad_%s()", d->name);
	check_others(spec, d, owner);
	ad_options_parse(spec, owner, d->options, d->noptions,
					 d == &ad_detector_ensemble ? ensemble_keys : spec_keys,
					 out->options);
	if (preset && member(spec, preset->option) == NULL)
		set_preset(preset, out);
}

/*
 * Parse and check a spec.  Without need_detector a spec of the other parts
 * alone will do.  Strings are palloc'd in the current context.
 */
void
ad_spec_parse(JsonbContainer *spec, bool need_detector, AdSpec *out)
{
	JsonbValue *v;
	AdPrepare	implied;
	bool		varying_only;

	memset(out, 0, sizeof(*out));
	if (!JsonContainerIsObject(spec))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("spec must be a JSON object"),
				 errhint("Make it with a constructor such as ad_iforest().")));

	v = member(spec, "detector");
	if (v != NULL && v->type == jbvString)
		parse_detector(spec, v, out);
	else if (v != NULL || need_detector)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("spec names no detector"),
				 errhint("Make it with a constructor such as ad_iforest().")));
	else
		ad_options_parse(spec, "a spec without a detector", NULL, 0,
						 spec_keys, out);

	implied = out->prepare;
	varying_only = says_varying_only(spec);
	out->has_prepare = parse_part(spec, "prepare", "ad_prepare()",
								  ad_prepare_options, ad_n_prepare_options,
								  varying_only ? prepare_keys : NULL,
								  &out->prepare);
	if (out->has_prepare)
		implied.varying_only = varying_only;
	else
		out->prepare.beyond_range = implied.beyond_range;
	out->prepare.varying_only = implied.varying_only;
	out->has_sampling = parse_part(spec, "sampling", "ad_sampling()",
								   ad_sampling_options,
								   ad_n_sampling_options, NULL,
								   &out->sampling);
	out->has_calibrate = parse_part(spec, "calibrate", "ad_calibrate()",
									ad_calibrate_options,
									ad_n_calibrate_options, NULL,
									&out->calibrate);
	if (!out->has_calibrate)
		no_calibration(out);
	if (pg_tzset(out->prepare.timezone) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized",
						ad_quote_clip(out->prepare.timezone))));
	if (out->nmembers > 0)
		settle_members(out);
	else if (out->detector == &ad_detector_ensemble)
	{
		ad_ensemble_check(out->options);
		parse_members(spec, out);
		parse_weights(spec, out);
	}
}

/* The spec of a detector's name alone, or of no detector (NULL). */
void
ad_spec_defaults(const char *detector, AdSpec *out)
{
	const AdPreset *preset;
	const AdDetector *d;

	memset(out, 0, sizeof(*out));
	ad_options_defaults(ad_prepare_options, ad_n_prepare_options,
						&out->prepare);
	ad_options_defaults(ad_sampling_options, ad_n_sampling_options,
						&out->sampling);
	no_calibration(out);
	if (detector == NULL)
		return;
	d = ad_detector_named(detector, &preset);
	if (d == NULL)
	{
		AdAutoOptions options;

		ad_options_defaults(auto_options, lengthof(auto_options), &options);
		expand_auto(&options, out);
		settle_members(out);
		return;
	}
	set_detector(d, out);
	if (preset)
		set_preset(preset, out);
	if (d == &ad_detector_ensemble)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ensemble has no members"),
				 errhint("Give ad_ensemble() an array of specs.")));
}

/* The rows of n that are held out for p-values. */
static Size
held_out(const AdSpec *spec, Size n)
{
	return (Size) (spec->calibrate.share * (double) n + 0.5);
}

/* The rows that a spec's detector can use. */
static Size
used_rows(const AdSpec *spec)
{
	return Max(spec->detector->rows(spec->options), AD_ENOUGH_ROWS);
}

/*
 * The rows that the sample of a fit is to have, of the "full" ones that it
 * may have: those that the detector, or one of an ensemble's members, can
 * use, and those held out for p-values, which are as many as they would be of
 * a full sample.  All of them if a number was asked for, or no detector is
 * named.
 */
Size
ad_spec_rows(const AdSpec *spec, Size full)
{
	Size		outside = held_out(spec, full);
	Size		used = 0;

	if (spec->detector == NULL || spec->sampling.rows != AD_DEFAULT_SAMPLE)
		return full;
	if (spec->nmembers == 0)
		used = used_rows(spec);
	for (int k = 0; k < spec->nmembers; k++)
	{
		const AdSpec *m = &spec->members[k];
		Size		own = m->sampling.rows == AD_DEFAULT_SAMPLE ?
			used_rows(m) : (Size) m->sampling.rows;

		used = Max(used, own + held_out(m, full - outside));
	}
	return Min(used + outside, full);
}

/* Append how a spec samples. */
static void
print_sampling(StringInfo buf, const AdSpec *spec)
{
	appendStringInfoString(buf, ", \"sampling\": {");
	ad_options_print(buf, ad_sampling_options, ad_n_sampling_options,
					 &spec->sampling);
	appendStringInfoChar(buf, '}');
}

/* Append the parts of a spec that belong to its detector. */
static void
print_detector(StringInfo buf, const AdSpec *spec)
{
	appendStringInfo(buf, "{\"detector\": \"%s\"", spec->detector->name);
	ad_options_print(buf, spec->detector->options, spec->detector->noptions,
					 spec->options);
	if (spec->nmembers > 0)
	{
		appendStringInfoString(buf, ", \"specs\": [");
		for (int k = 0; k < spec->nmembers; k++)
		{
			if (k > 0)
				appendStringInfoString(buf, ", ");
			print_detector(buf, &spec->members[k]);
			if (spec->members[k].has_sampling)
				print_sampling(buf, &spec->members[k]);
			appendStringInfoChar(buf, '}');
		}
		appendStringInfoChar(buf, ']');
	}
	for (int k = 0; spec->weights && k < spec->nmembers; k++)
	{
		char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

		double_to_shortest_decimal_buf(spec->weights[k], digits);
		appendStringInfo(buf, "%s%s%s", k == 0 ? ", \"weights\": [" : ", ", digits,
						 k == spec->nmembers - 1 ? "]" : "");
	}
	appendStringInfoString(buf, ", \"prepare\": {");
	ad_options_print(buf, ad_prepare_options, ad_n_prepare_options,
					 &spec->prepare);
	if (spec->prepare.varying_only)
		appendStringInfo(buf, ", \"%s\": true", prepare_keys[0]);
	appendStringInfoChar(buf, '}');
}

/* Append the canonical JSON of a spec that has a detector. */
void
ad_spec_print(StringInfo buf, const AdSpec *spec)
{
	print_detector(buf, spec);
	print_sampling(buf, spec);
	if (spec->has_calibrate)
	{
		appendStringInfoString(buf, ", \"calibrate\": {");
		ad_options_print(buf, ad_calibrate_options, ad_n_calibrate_options,
						 &spec->calibrate);
		appendStringInfoChar(buf, '}');
	}
	appendStringInfoChar(buf, '}');
}
