/*-------------------------------------------------------------------------
 *
 * words.c
 *		Values of features and what is usual, for people.
 *
 * The usual range of a number is that of nine rows in ten of the fit (5th to
 * 95th percentile), rounded outward to the decimals it is printed with, so
 * that what is printed and what is said agree.  Of times of day it may go over
 * midnight (clock.c): what is not in it is neither before nor after.  A category is rare when all
 * categories that are as rare, together, have at most one row in twenty.
 *
 * What no row of the fit had is said whatever the score: a number beyond the
 * least and the greatest of all rows (which models have always kept), a
 * category never seen, a missing value of a feature that had all.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_beyond.h"
#include "model/ad_explain.h"
#include "model/ad_value_text.h"

#include <float.h>

#define RARE		0.05		/* share of rows */
#define SHOWN		3			/* usual categories that are named */
#define DIGITS		5			/* significant ones of a range's width */
#define MAX_DECIMALS 9

/* What is said of a feature. */
struct AdWords
{
	AdValueKind kind;
	char	   *name;
	char	   *typical;		/* NULL: nothing is known */
	int			decimals;		/* of a number; if negative, of digits in
								 * powers of ten */
	int			max_decimals;	/* that a value within the range may have */
	double		low;			/* the usual range, in printed units */
	double		high;
	double	   *tail;			/* per category: share of those as rare */
};

const char *const ad_direction_names[AD_DIRECTIONS] = {
	"far below", "below", "within", "above", "far above",
	"usual", "rare", "unseen", "missing", "outside"
};

/*
 * Return whether a number has no more than that many decimals, give or take
 * what is little beside the width of the usual range.
 */
static bool
has_decimals(double v, int decimals, double width)
{
	double		scaled = v * ad_powers_of_ten[decimals];
	double		error = fabs(scaled - rint(scaled));

	return error <= 1e-9 * Max(fabs(scaled), 1) &&
		error <= Max(1e-3 * width * ad_powers_of_ten[decimals], 1e-9);
}

/*
 * Return how many digits tell numbers apart that are at most so great and in a
 * range that wide.
 */
static int
choose_digits(double greatest, double width)
{
	int			digits;

	if (!(width > 0 && width <= DBL_MAX && greatest <= DBL_MAX))
		return AD_VALUE_DIGITS;
	digits = (int) floor(log10(greatest)) - (int) floor(log10(width)) + DIGITS;
	return Max(Min(digits, AD_VALUE_MAX_DIGITS), AD_VALUE_DIGITS);
}

/*
 * Return how many decimals tell a feature's values apart, and no more than
 * needed, or less how many digits do, in powers of ten; in most, how many
 * decimals one of them may have.
 */
static int
choose_decimals(const AdModelFeature *f, int *most)
{
	const AdViewFeature *s = &f->stats;
	double		width = s->q95 - s->q05;
	double		greatest = Max(fabs(s->q95), fabs(s->q05));
	bool		whole = strcmp(f->type, "integer") == 0 ||
		strcmp(f->type, "bigint") == 0 || strcmp(f->type, "smallint") == 0;
	int			limit;
	int			n = 0;

	*most = 0;
	if (!(width > 0))
		width = greatest;
	/* all in one form, if some are large and the others nearly are */
	if (!(greatest < AD_VALUE_LARGE) ||
		(greatest >= AD_VALUE_LARGE / 10 &&
		 Max(fabs(s->min), fabs(s->max)) >= AD_VALUE_LARGE))
		return -choose_digits(greatest, width);
	limit = width == 0 ? 0 : DIGITS - 1 - (int) floor(log10(width));
	if (limit > MAX_DECIMALS + DIGITS)
		return -choose_digits(greatest, width);
	/* float8 has no more */
	if (greatest > 1)
		limit = Min(limit, AD_VALUE_MAX_DIGITS - 1 - (int) floor(log10(greatest)));
	*most = Max(Min(limit, MAX_DECIMALS), 0);
	limit = whole ? 0 : *most;
	/* a median may lie between two values */
	while (n < limit && !(has_decimals(s->min, n, width) &&
						  has_decimals(s->max, n, width) &&
						  has_decimals(2 * s->median, n, width)))
		n++;
	return n;
}

/* A bound of the usual range, rounded outward to what is printed. */
static double
round_outward(double v, double unit, bool up)
{
	double		scaled = v / unit;
	double		near = rint(scaled);

	if (!isfinite(scaled) || fabs(scaled) > AD_VALUE_LARGE)
		return v;
	if (fabs(scaled - near) <= 1e-9 * Max(fabs(scaled), 1))
		return near * unit;
	return (up ? ceil(scaled) : floor(scaled)) * unit;
}

/* Append a range of a feature's values; one value once. */
static void
append_range(const AdModel *m, int feature, double low, double high,
			 int decimals, StringInfo buf)
{
	AdValueKind kind = m->words[feature].kind;
	int			start = buf->len;

	ad_value_append(buf, m, feature, kind, low, decimals);
	if (low == high)
		return;
	/* a hyphen would be taken for a sign, or part of a date */
	appendStringInfoString(buf, low < 0 ||
						   (kind != AD_VALUE_NUMBER &&
							kind != AD_VALUE_MONEY) ||
						   strpbrk(buf->data + start, "e ") ? " to " : "-");
	ad_value_append(buf, m, feature, kind, high, decimals);
}

/* The usual range of a number. */
static void
number_words(AdModel *m, int feature)
{
	AdWords    *w = &m->words[feature];
	const AdViewFeature *s = &m->features[feature].stats;
	StringInfoData buf;
	double		unit = 0;

	w->low = s->q05;
	w->high = s->q95;
	if (!isnan(m->features[feature].arc.low))
	{
		w->low = m->features[feature].arc.low;
		w->high = m->features[feature].arc.high;
	}
	else if (!(isfinite(w->low) && isfinite(w->high) && w->low <= w->high))
	{
		w->low = w->high = NAN;
		w->decimals = DIGITS - 1;	/* nobody knows how many it has */
		return;
	}
	switch (w->kind)
	{
		case AD_VALUE_MONEY:
			w->decimals = 2;
			unit = 1;
			break;
		case AD_VALUE_NUMBER:
			w->decimals = choose_decimals(&m->features[feature],
										  &w->max_decimals);
			if (w->decimals >= 0)
				unit = 1 / ad_powers_of_ten[w->decimals];
			break;
		case AD_VALUE_DATE:
			unit = SECS_PER_DAY;
			break;
		case AD_VALUE_BOOLEAN:
			break;
		default:
			unit = s->q95 - s->q05 >= 60 ? 1 : 0;
			break;
	}
	if (unit > 0)
	{
		w->low = round_outward(w->low, unit, false);
		w->high = round_outward(w->high, unit, true);
	}

	initStringInfo(&buf);
	if (w->kind == AD_VALUE_BOOLEAN)
	{
		appendStringInfoString(&buf, s->mean <= RARE ? "false" :
							   s->mean >= 1 - RARE ? "true" : "false, true");
		w->typical = buf.data;
		return;
	}
	append_range(m, feature, w->low, w->high, w->decimals, &buf);
	w->typical = buf.data;
}

/* The share of all rows with a value that have a category. */
static double
share_of(const AdModel *m, const AdModelFeature *f, uint32 code)
{
	return (double) f->dict.entries[code].count /
		(double) Max(m->rows - f->stats.missing, 1);
}

/* The usual categories. */
static void
category_words(AdModel *m, int feature)
{
	AdWords    *w = &m->words[feature];
	const AdModelFeature *f = &m->features[feature];
	const AdDict *d = &f->dict;
	double		total = 0;
	int			usual = 0;
	double		tail;
	StringInfoData buf;

	w->tail = ad_palloc0_array(double, (Size) d->n + 1);
	for (uint32 i = 0; i < d->n; i++)
		total += share_of(m, f, i);
	/* codes descend by frequency; what is beyond the dictionary is rarer */
	tail = Max(1 - total, 0);
	for (int64 i = (int64) d->n - 1; i >= 0;)
	{
		int64		k = i;

		for (; k >= 0 && d->entries[k].count == d->entries[i].count; k--)
			tail += share_of(m, f, (uint32) k);
		for (; i > k; i--)
		{
			w->tail[i] = tail;
			usual += tail > RARE;
		}
	}
	if (d->n == 0)
		return;

	initStringInfo(&buf);
	for (int i = 0; i < Min(usual, SHOWN) || i == 0; i++)
	{
		appendStringInfo(&buf, "%s", i > 0 ? ", " : "");
		appendBinaryStringInfo(&buf, d->arena + d->entries[i].at,
							   d->entries[i].len);
	}
	if (usual > SHOWN)
		appendStringInfo(&buf, " and %d %s", usual - SHOWN,
						 usual - SHOWN == 1 ? "other" : "others");
	w->typical = buf.data;
}

/*
 * Return what is said of a model's features; made when it is first asked for.
 */
AdWords *
ad_model_words(AdModel *m)
{
	MemoryContext old;

	if (m->words)
		return m->words;
	old = MemoryContextSwitchTo(m->mcxt);
	m->words = ad_palloc0_array(AdWords, m->nfeatures);
	PG_TRY();
	{
		for (int j = 0; j < m->nfeatures; j++)
		{
			AdWords    *w = &m->words[j];

			w->kind = ad_value_kind(m->features[j].class,
									m->features[j].type);
			w->name = m->features[j].name[0] ? m->features[j].name :
				psprintf("feature %d", j + 1);
			if (w->kind == AD_VALUE_CATEGORY)
				category_words(m, j);
			else
				number_words(m, j);
		}
	}
	PG_CATCH();
	{
		/* the model stays in the cache: nobody may find them half made */
		m->words = NULL;
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return m->words;
}

/* A feature's name, or "feature 3". */
const char *
ad_words_name(const AdModel *m, int feature)
{
	return m->words[feature].name;
}

/* Its usual range or categories, or NULL. */
const char *
ad_words_typical(const AdModel *m, int feature)
{
	return m->words[feature].typical;
}

/* Return where a raw value lies; see ad_prepare_row() for what it is. */
AdDirection
ad_words_direction(const AdModel *m, int feature, double v)
{
	const AdWords *w = &m->words[feature];
	const AdModelFeature *f = &m->features[feature];
	double		width;

	if (isnan(v))
		return AD_DIR_MISSING;
	/* the fit saw no values at all */
	if (f->encoding == AD_ENC_DROPPED && f->dropped_for < 0)
		return AD_DIR_UNSEEN;
	if (w->kind == AD_VALUE_CATEGORY)
	{
		if (v < f->dict.n)
			return w->tail[(int) v] <= RARE ? AD_DIR_RARE : AD_DIR_USUAL;
		/* the dictionary may not have all that the fit has seen */
		return f->stats.distinct >= 0 &&
			f->stats.distinct <= (int64) f->dict.n ?
			AD_DIR_UNSEEN : AD_DIR_RARE;
	}
	if (w->kind == AD_VALUE_BOOLEAN)
	{
		double		share = v != 0 ? f->stats.mean : 1 - f->stats.mean;

		return share <= 0 ? AD_DIR_UNSEEN : share <= RARE ? AD_DIR_RARE :
			AD_DIR_USUAL;
	}
	width = w->high - w->low;
	if (width < 0)
		return v < w->low && v > w->high ? AD_DIR_OUTSIDE : AD_DIR_WITHIN;
	if (v > w->high)
		return v - w->high > width ? AD_DIR_FAR_ABOVE : AD_DIR_ABOVE;
	if (v < w->low)
		return w->low - v > width ? AD_DIR_FAR_BELOW : AD_DIR_BELOW;
	return AD_DIR_WITHIN;
}

/*
 * Return by how much, in standard deviations, a raw value lies beyond all
 * that the fit saw; 0 if it does not, 1 where there is nothing to measure.
 */
double
ad_words_beyond(const AdModel *m, int feature, double v)
{
	const AdModelFeature *f = &m->features[feature];
	double		by;

	if (isnan(v))
		return f->stats.missing == 0;
	/* as nearly all are */
	if (v >= f->stats.min && v <= f->stats.max &&
		f->class != AD_CLASS_CATEGORY)
		return 0;
	if (ad_words_direction(m, feature, v) == AD_DIR_UNSEEN)
		return 1;
	if (f->class == AD_CLASS_CATEGORY ||
		(isinf(v) && f->stats.infinite > 0) || !isnan(f->arc.low))
		return 0;
	by = ad_beyond_by(f, f->stats.min, f->stats.max, v);
	return by > 0 && f->stats.sd > 0 ? by / f->stats.sd : by > 0;
}

/* Return less how many digits tell a value from a bound, in powers of ten. */
static int
digits_apart(int decimals, double v, double bound)
{
	char		a[32];
	char		b[32];

	for (; decimals > -AD_VALUE_MAX_DIGITS; decimals--)
	{
		snprintf(a, sizeof(a), "%.*g", -decimals, v);
		snprintf(b, sizeof(b), "%.*g", -decimals, bound);
		if (strcmp(a, b) != 0)
			break;
	}
	return decimals;
}

/* The same of decimals, or digits if negative. */
static int
decimals_apart(int decimals, double v, double bound)
{
	if (decimals < 0)
		return digits_apart(decimals, v, bound);
	while (decimals < AD_VALUE_DECIMALS &&
		   fabs(v - bound) < 0.51 / ad_powers_of_ten[decimals])
		decimals++;
	return decimals;
}

/*
 * How many decimals a raw value is printed with: enough to see that it lies
 * beside the usual range, or beside all that the fit saw, and within them
 * those it has.
 */
static int
value_decimals(const AdModel *m, int feature, double v)
{
	const AdWords *w = &m->words[feature];
	const AdViewFeature *s = &m->features[feature].stats;
	int			decimals = w->decimals;

	if (w->kind != AD_VALUE_NUMBER || !isfinite(v) ||
		(decimals >= 0 && fabs(v) >= AD_VALUE_LARGE))
		return decimals;
	if (v > w->high || v < w->low)
		decimals = decimals_apart(decimals, v, v > w->high ? w->high : w->low);
	if (v > s->max || v < s->min)
		decimals = decimals_apart(decimals, v, v > s->max ? s->max : s->min);
	if (decimals < 0)
		return decimals;
	/* 20.01 among whole numbers is not to be read as 20 */
	if (v <= w->high && v >= w->low && v <= s->max && v >= s->min)
		while (decimals < w->max_decimals && !has_decimals(v, decimals, w->high - w->low))
			decimals++;
	return decimals;
}

/* Append the range of all values of the fit, as one beyond it needs it. */
void
ad_words_seen(const AdModel *m, int feature, double v, StringInfo buf)
{
	const AdViewFeature *s = &m->features[feature].stats;

	append_range(m, feature, s->min, s->max, value_decimals(m, feature, v),
				 buf);
}

/*
 * Append a raw value.  A number outside of the usual range has as many more
 * decimals as it takes to see that.  The category is what came, for one that
 * the model does not know.
 */
void
ad_words_value(const AdModel *m, int feature, double v,
			   const AdCategory *category, StringInfo buf)
{
	const AdWords *w = &m->words[feature];

	if (isnan(v))
	{
		appendStringInfoString(buf, "missing");
		return;
	}
	if (w->kind == AD_VALUE_CATEGORY)
	{
		appendBinaryStringInfo(buf, category->s, category->len);
		return;
	}
	ad_value_append(buf, m, feature, w->kind, v,
					value_decimals(m, feature, v));
}

/* Append that a number or time is beyond all that the fit saw. */
static void
append_beyond(const AdModel *m, int feature, double v, bool within,
			  StringInfo buf)
{
	const AdModelFeature *f = &m->features[feature];
	const char *typical = m->words[feature].typical;
	bool		moment = f->class == AD_CLASS_TIMESTAMP ||
		f->class == AD_CLASS_TIME;
	const char *side = v > f->stats.max ? (moment ? "after" : "above") :
		(moment ? "before" : "below");
	int			start;

	appendStringInfo(buf, " %s %s all seen in training",
					 within ? "but" : "and", side);
	/* what all but repeats the usual range is not worth its words */
	start = buf->len;
	appendStringInfoString(buf, ", ");
	ad_words_seen(m, feature, v, buf);
	if (typical && strcmp(buf->data + start + 2, typical) == 0)
	{
		buf->len = start;
		buf->data[start] = '\0';
	}
}

/* Append a feature's name and, unless it is missing, its raw value. */
static void
append_named(const AdModel *m, int feature, double v,
			 const AdCategory *category, StringInfo buf)
{
	const AdWords *w = &m->words[feature];

	appendStringInfoString(buf, w->name);
	if (isnan(v))
		return;
	appendStringInfoString(buf, w->kind == AD_VALUE_CATEGORY ? " \"" : " ");
	ad_words_value(m, feature, v, category, buf);
	if (w->kind == AD_VALUE_CATEGORY)
		appendStringInfoChar(buf, '"');
}

/*
 * Append a raw value that is usual in itself, with what is usual unless it is
 * a category: amount 3 (usual 1-4).
 */
void
ad_words_usual(const AdModel *m, int feature, double v,
			   const AdCategory *category, StringInfo buf)
{
	const AdWords *w = &m->words[feature];

	append_named(m, feature, v, category, buf);
	if (m->features[feature].encoding == AD_ENC_CALENDAR)
		appendStringInfoString(buf, " (counts by its hour or weekday)");
	else if (w->typical && w->kind != AD_VALUE_CATEGORY &&
			 w->kind != AD_VALUE_BOOLEAN)
		appendStringInfo(buf, " (usual %s)", w->typical);
}

/* Append what is to be said of a raw value: amount 5 is above the usual 1-4. */
void
ad_words_sentence(const AdModel *m, int feature, double v,
				  const AdCategory *category, StringInfo buf)
{
	const AdWords *w = &m->words[feature];
	AdDirection direction = ad_words_direction(m, feature, v);
	bool		moment = m->features[feature].class == AD_CLASS_TIMESTAMP ||
		m->features[feature].class == AD_CLASS_TIME;
	static const char *const moment_words[] = {
		"long before", "before", "within", "after", "long after"
	};

	append_named(m, feature, v, category, buf);
	appendStringInfoChar(buf, ' ');
	switch (direction)
	{
		case AD_DIR_FAR_BELOW:
		case AD_DIR_BELOW:
		case AD_DIR_ABOVE:
		case AD_DIR_FAR_ABOVE:
		case AD_DIR_WITHIN:
		case AD_DIR_OUTSIDE:
			if (direction == AD_DIR_WITHIN &&
				m->features[feature].encoding == AD_ENC_CALENDAR)
				appendStringInfoString(buf, "counts by its hour or weekday, ");
			appendStringInfo(buf, "is %s the usual",
							 moment && direction != AD_DIR_OUTSIDE ? moment_words[direction] :
							 ad_direction_names[direction]);
			if (w->typical)
				appendStringInfo(buf, " %s", w->typical);
			else
				appendStringInfoString(buf, " range");
			if (ad_words_beyond(m, feature, v) > 0)
				append_beyond(m, feature, v, direction == AD_DIR_WITHIN, buf);
			return;
		case AD_DIR_USUAL:
			appendStringInfoString(buf, "is usual");
			return;
		case AD_DIR_RARE:
			appendStringInfoString(buf, "is rare");
			break;
		case AD_DIR_UNSEEN:
			appendStringInfoString(buf, "was never seen before");
			break;
		default:
			appendStringInfoString(buf, "is missing");
			if (ad_words_beyond(m, feature, v) > 0)
				appendStringInfoString(buf, ", as never in training");
			break;
	}
	if (w->typical)
		appendStringInfo(buf, " (usual: %s)", w->typical);
}
