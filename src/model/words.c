/*-------------------------------------------------------------------------
 *
 * words.c
 *		Values of features and what is usual, for people.
 *
 * The usual range of a number is that of nine rows in ten of the fit (5th to
 * 95th percentile), rounded outward to the decimals it is printed with, so
 * that what is printed and what is said agree.  A category is rare when all
 * categories that are as rare, together, have at most one row in twenty.
 *
 * Nothing depends on a session's settings: timestamps are in ISO form and in
 * the model's time zone, numbers have a point and commas, money has two
 * decimals.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_explain.h"

#include "datatype/timestamp.h"

#define RARE		0.05		/* share of rows */
#define SHOWN		3			/* usual categories that are named */
#define DIGITS		5			/* significant ones of a range's width */
#define MAX_DECIMALS 9
#define LARGE		1e15		/* numbers from here on are in powers of ten */

typedef enum Kind
{
	KIND_NUMBER, KIND_MONEY, KIND_BOOLEAN, KIND_DATE, KIND_TIMESTAMP,
	KIND_TIMESTAMPTZ, KIND_TIME, KIND_INTERVAL, KIND_CATEGORY
} Kind;

/* What is said of a feature. */
struct AdWords
{
	Kind		kind;
	char	   *name;
	char	   *typical;		/* NULL: nothing is known */
	int			decimals;		/* of a number; -1: in powers of ten */
	double		low;			/* the usual range, in printed units */
	double		high;
	double	   *tail;			/* per category: share of those as rare */
};

const char *const ad_direction_names[AD_DIRECTIONS] = {
	"far below", "below", "within", "above", "far above",
	"usual", "rare", "unseen", "missing"
};

/* Return what a feature's values are. */
static Kind
kind_of(const AdModelFeature *f)
{
	switch (f->class)
	{
		case AD_CLASS_CATEGORY:
			return KIND_CATEGORY;
		case AD_CLASS_TIME:
			return KIND_TIME;
		case AD_CLASS_INTERVAL:
			return KIND_INTERVAL;
		case AD_CLASS_TIMESTAMP:
			if (strcmp(f->type, "date") == 0)
				return KIND_DATE;
			if (strcmp(f->type, "timestamp with time zone") == 0)
				return KIND_TIMESTAMPTZ;
			return KIND_TIMESTAMP;
		default:
			if (strcmp(f->type, "money") == 0)
				return KIND_MONEY;
			if (strcmp(f->type, "boolean") == 0)
				return KIND_BOOLEAN;
			return KIND_NUMBER;
	}
}

static const double powers[] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
	1e14, 1e15
};

/*
 * Append a number with that many decimals (at most 15) and commas between
 * thousands; in powers of ten if decimals is negative or it is large.
 */
static void
append_number(StringInfo buf, double v, int decimals)
{
	char		digits[64];
	char	   *p = digits + sizeof(digits);
	double		scaled;
	uint64		whole;

	if (isinf(v))
	{
		appendStringInfoString(buf, v > 0 ? "infinity" : "-infinity");
		return;
	}
	scaled = decimals < 0 ? INFINITY : rint(fabs(v) * powers[decimals]);
	if (!(scaled < 1e18) || fabs(v) >= LARGE)
	{
		appendStringInfo(buf, "%.6g", v + 0.0);
		return;
	}

	/* digits from the last one on; this is done for every value shown */
	whole = (uint64) scaled;
	for (int i = 0; i < decimals; i++, whole /= 10)
		*--p = (char) ('0' + whole % 10);
	if (decimals > 0)
		*--p = '.';
	for (int i = 0; i == 0 || whole > 0; i++, whole /= 10)
	{
		if (i > 0 && i % 3 == 0)
			*--p = ',';
		*--p = (char) ('0' + whole % 10);
	}
	/* what rounds to zero has no sign */
	if (v < 0 && scaled > 0)
		*--p = '-';
	appendBinaryStringInfo(buf, p, (int) (digits + sizeof(digits) - p));
}

/* Append the decimals of a second, without trailing zeros. */
static void
append_microseconds(StringInfo buf, int microseconds)
{
	char		digits[16];
	int			n = 6;

	if (microseconds == 0)
		return;
	snprintf(digits, sizeof(digits), "%06d", microseconds);
	while (digits[n - 1] == '0')
		n--;
	appendStringInfoChar(buf, '.');
	appendBinaryStringInfo(buf, digits, n);
}

/* Append seconds that are no moment, or too far from all others. */
static void
append_seconds(StringInfo buf, double v)
{
	append_number(buf, v, -1);
	if (isfinite(v))
		appendStringInfoString(buf, " s");
}

/* Append seconds since 1970 as a date, with the time of day if wanted. */
static void
append_moment(const AdModel *m, StringInfo buf, double v, Kind kind,
			  bool weekday)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	pg_time_t	t;
	int			microseconds;
	struct pg_tm *tm;

	/* beyond what SQL's timestamps reach, or no number at all */
	if (!(fabs(v) < 1e13))
	{
		append_seconds(buf, v);
		return;
	}
	t = (pg_time_t) floor(v);
	microseconds = (int) rint((v - floor(v)) * USECS_PER_SEC);
	if (microseconds == USECS_PER_SEC)
	{
		t++;
		microseconds = 0;
	}
	tm = kind == KIND_TIMESTAMPTZ && m->timezone ?
		pg_localtime(&t, m->timezone) : pg_gmtime(&t);
	if (tm == NULL)
	{
		append_seconds(buf, v);
		return;
	}
	if (weekday)
		appendStringInfo(buf, "%s ", days[tm->tm_wday]);
	appendStringInfo(buf, "%04d-%02d-%02d",
					 tm->tm_year + 1900 > 0 ? tm->tm_year + 1900 :
					 1 - (tm->tm_year + 1900),
					 tm->tm_mon + 1, tm->tm_mday);
	if (kind != KIND_DATE)
	{
		appendStringInfo(buf, " %02d:%02d:%02d",
						 tm->tm_hour, tm->tm_min, tm->tm_sec);
		append_microseconds(buf, microseconds);
	}
	if (kind == KIND_TIMESTAMPTZ)
	{
		int			minutes = (int) (labs(tm->tm_gmtoff) / SECS_PER_MINUTE);

		appendStringInfo(buf, "%c%02d", tm->tm_gmtoff < 0 ? '-' : '+',
						 minutes / MINS_PER_HOUR);
		if (minutes % MINS_PER_HOUR != 0)
			appendStringInfo(buf, ":%02d", minutes % MINS_PER_HOUR);
	}
	if (tm->tm_year + 1900 <= 0)
		appendStringInfoString(buf, " BC");
}

/* Append seconds as a time of day, or as days and a time. */
static void
append_span(StringInfo buf, double v, bool interval)
{
	double		days = 0;
	int64		us;

	if (!(fabs(v) < 1e11))
	{
		append_seconds(buf, v);
		return;
	}
	if (v < 0)
		appendStringInfoChar(buf, '-');
	us = (int64) rint(fabs(v) * USECS_PER_SEC);
	if (interval)
	{
		days = (double) (us / USECS_PER_DAY);
		us %= USECS_PER_DAY;
		if (days > 0)
		{
			append_number(buf, days, 0);
			appendStringInfoString(buf, days == 1 ? " day" : " days");
			if (us == 0)
				return;
			appendStringInfoChar(buf, ' ');
		}
	}
	appendStringInfo(buf, "%02d:%02d:%02d", (int) (us / USECS_PER_HOUR),
					 (int) (us / USECS_PER_MINUTE % MINS_PER_HOUR),
					 (int) (us / USECS_PER_SEC % SECS_PER_MINUTE));
	append_microseconds(buf, (int) (us % USECS_PER_SEC));
}

/* Append a number of a feature, in the model's own units. */
static void
append_value(const AdModel *m, int feature, double v, int decimals,
			 StringInfo buf)
{
	const AdWords *w = &m->words[feature];

	switch (w->kind)
	{
		case KIND_MONEY:
			append_number(buf, v / 100, decimals);
			break;
		case KIND_BOOLEAN:
			appendStringInfoString(buf, v != 0 ? "true" : "false");
			break;
		case KIND_DATE:
		case KIND_TIMESTAMP:
		case KIND_TIMESTAMPTZ:
			append_moment(m, buf, v, w->kind, m->features[feature].encoding ==
						  AD_ENC_CALENDAR);
			break;
		case KIND_TIME:
		case KIND_INTERVAL:
			append_span(buf, v, w->kind == KIND_INTERVAL);
			break;
		default:
			append_number(buf, v, decimals);
			break;
	}
}

/*
 * Return whether a number has no more than that many decimals, give or take.
 */
static bool
has_decimals(double v, int decimals)
{
	double		scaled = v * powers[decimals];

	return fabs(scaled - rint(scaled)) <= 1e-9 * Max(fabs(scaled), 1);
}

/*
 * Return how many decimals tell a feature's values apart, and no more than
 * needed.
 */
static int
choose_decimals(const AdModelFeature *f)
{
	const AdViewFeature *s = &f->stats;
	double		width = s->q95 - s->q05;
	bool		whole = strcmp(f->type, "integer") == 0 ||
		strcmp(f->type, "bigint") == 0 || strcmp(f->type, "smallint") == 0;
	int			limit;
	int			n = 0;

	if (!(width > 0))
		width = Max(fabs(s->q95), fabs(s->q05));
	if (!(fabs(s->q05) < LARGE && fabs(s->q95) < LARGE))
		return -1;
	if (width == 0 || whole)
		limit = 0;
	else
		limit = DIGITS - 1 - (int) floor(log10(width));
	if (limit > MAX_DECIMALS + DIGITS)
		return -1;
	limit = Max(Min(limit, MAX_DECIMALS), 0);
	/* a median may lie between two values */
	while (n < limit && !(has_decimals(s->min, n) && has_decimals(s->max, n) &&
						  has_decimals(2 * s->median, n)))
		n++;
	return n;
}

/* A bound of the usual range, rounded outward to what is printed. */
static double
round_outward(double v, double unit, bool up)
{
	double		scaled = v / unit;
	double		near = rint(scaled);

	if (!isfinite(scaled) || fabs(scaled) > LARGE)
		return v;
	if (fabs(scaled - near) <= 1e-9 * Max(fabs(scaled), 1))
		return near * unit;
	return (up ? ceil(scaled) : floor(scaled)) * unit;
}

/* The usual range of a number. */
static void
number_words(AdModel *m, int feature)
{
	AdWords    *w = &m->words[feature];
	const AdViewFeature *s = &m->features[feature].stats;
	StringInfoData buf;
	double		unit = 0;
	int			low_len;

	w->low = s->q05;
	w->high = s->q95;
	if (!(isfinite(w->low) && isfinite(w->high) && w->low <= w->high))
	{
		w->low = w->high = NAN;
		return;
	}
	switch (w->kind)
	{
		case KIND_MONEY:
			w->decimals = 2;
			unit = 1;
			break;
		case KIND_NUMBER:
			w->decimals = choose_decimals(&m->features[feature]);
			if (w->decimals >= 0)
				unit = 1 / powers[w->decimals];
			break;
		case KIND_DATE:
			unit = SECS_PER_DAY;
			break;
		case KIND_BOOLEAN:
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
	if (w->kind == KIND_BOOLEAN)
	{
		appendStringInfoString(&buf, s->mean <= RARE ? "false" :
							   s->mean >= 1 - RARE ? "true" : "false, true");
		w->typical = buf.data;
		return;
	}
	append_value(m, feature, w->low, w->decimals, &buf);
	low_len = buf.len;
	/* a hyphen would be taken for a sign, or part of a date */
	appendStringInfoString(&buf, w->low < 0 ||
						   (w->kind != KIND_NUMBER && w->kind != KIND_MONEY) ||
						   strpbrk(buf.data, "e ") ? " to " : "-");
	append_value(m, feature, w->high, w->decimals, &buf);
	/* one value, said once */
	if (w->low == w->high)
		buf.data[low_len] = '\0';
	w->typical = buf.data;
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
		total += f->frequency[i];
	/* codes descend by frequency; what is beyond the dictionary is rarer */
	tail = Max(1 - total, 0);
	for (int64 i = (int64) d->n - 1; i >= 0;)
	{
		int64		k = i;

		for (; k >= 0 && f->frequency[k] == f->frequency[i]; k--)
			tail += f->frequency[k];
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

			w->kind = kind_of(&m->features[j]);
			w->name = m->features[j].name[0] ? m->features[j].name :
				psprintf("feature %d", j + 1);
			if (w->kind == KIND_CATEGORY)
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
	if (w->kind == KIND_CATEGORY)
	{
		if (v < f->dict.n)
			return w->tail[(int) v] <= RARE ? AD_DIR_RARE : AD_DIR_USUAL;
		/* the dictionary may not have all that the fit has seen */
		return f->stats.distinct >= 0 &&
			f->stats.distinct <= (int64) f->dict.n ?
			AD_DIR_UNSEEN : AD_DIR_RARE;
	}
	if (w->kind == KIND_BOOLEAN)
	{
		double		share = v != 0 ? f->stats.mean : 1 - f->stats.mean;

		return share <= 0 ? AD_DIR_UNSEEN : share <= RARE ? AD_DIR_RARE :
			AD_DIR_USUAL;
	}
	width = w->high - w->low;
	if (v > w->high)
		return v - w->high > width ? AD_DIR_FAR_ABOVE : AD_DIR_ABOVE;
	if (v < w->low)
		return w->low - v > width ? AD_DIR_FAR_BELOW : AD_DIR_BELOW;
	return AD_DIR_WITHIN;
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
	int			decimals = w->decimals;
	double		bound = v > w->high ? w->high : w->low;

	if (isnan(v))
	{
		appendStringInfoString(buf, "missing");
		return;
	}
	if (w->kind == KIND_CATEGORY)
	{
		appendBinaryStringInfo(buf, category->s, category->len);
		return;
	}
	if (w->kind == KIND_NUMBER && decimals >= 0 && fabs(v) < LARGE &&
		(v > w->high || v < w->low))
		while (decimals < 15 &&
			   fabs(v - bound) < 0.51 / powers[decimals])
			decimals++;
	append_value(m, feature, v, decimals, buf);
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

	appendStringInfo(buf, "%s ", w->name);
	if (direction != AD_DIR_MISSING)
	{
		if (w->kind == KIND_CATEGORY)
			appendStringInfoChar(buf, '"');
		ad_words_value(m, feature, v, category, buf);
		if (w->kind == KIND_CATEGORY)
			appendStringInfoChar(buf, '"');
		appendStringInfoChar(buf, ' ');
	}
	switch (direction)
	{
		case AD_DIR_FAR_BELOW:
		case AD_DIR_BELOW:
		case AD_DIR_ABOVE:
		case AD_DIR_FAR_ABOVE:
		case AD_DIR_WITHIN:
			appendStringInfo(buf, "is %s the usual",
							 moment ? moment_words[direction] :
							 ad_direction_names[direction]);
			if (w->typical)
				appendStringInfo(buf, " %s", w->typical);
			else
				appendStringInfoString(buf, " range");
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
			break;
	}
	if (w->typical)
		appendStringInfo(buf, " (usual: %s)", w->typical);
}
