/*-------------------------------------------------------------------------
 *
 * watch_judge.c
 *		Metrics of a watch as points of streams, and what they say.
 *
 * A stream knows one size of error, so a metric is measured where its chance
 * errors are alike whatever its value:
 *
 * - a count x as 2 / c asinh(c sqrt(x)), c = 1/20: chance, of Poisson, is 1
 *	 below some 400, and 5 % of the count far above it; none is far from some
 *	 in either.
 * - a share p of n as asin(sqrt(p)), whose chance error is 1 / (2 sqrt(n)).
 * - a time t as log(t + s), where s is a hundredth of a period.
 * - a value v as asinh(v / u), u a first spread of the column's values: a
 *	 factor is a difference, for the tails of values as for their middle.
 *
 * What has always been the same would make any change, however small, an
 * anomaly.  So to each value that a stream learns is added a chance of its own,
 * drawn by the metric and the period, as large as what the metric cannot tell
 * anyway: of a share that of n rows.  What is judged is the value as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_watch.h"

#define COUNT_PART		0.05	/* c */
#define COUNT_CHANCE	0.3
#define SHARE_CHANCE	0.002	/* at least */
#define TIME_PART		0.01	/* of a period: s */
#define TIME_CHANCE		0.1
#define VALUE_CHANCE	0.02	/* of the spread, at least */
#define VALUE_ROWS		0.2		/* of the spread, a row's */
#define SPREAD_GAIN		0.1
#define SPREAD_CLIP		0.5		/* of its logarithm */
#define ENOUGH			6.0		/* deviations, of a p-value of 1e-4 */
#define ENOUGH_BEYOND	1.7		/* times the farthest that was seen */
#define LEAST_POINTS	30		/* of a stream that judges */
#define LEAST_UNIT		1e-300
#define GREATEST		1e300

/* Hyperbolic arc sine, the same for either sign. */
static double
arc_sinh(double x)
{
	double		a = fabs(x);
	double		y = a > 1e8 ? log(a) + M_LN2 : log(a + sqrt(a * a + 1));

	if (a < 1e-4)
		y = a;
	return x < 0 ? -y : y;
}

/* s: seconds that all times are over. */
static double
least_time(const AdCalendar *c)
{
	return TIME_PART * (double) c->length / USECS_PER_SEC;
}

/* A value of a metric as a stream has it. */
static double
measure(const AdWatch *w, const AdWatchSubject *s, AdWatchMetric metric,
		double value)
{
	double		p;

	switch (ad_watch_metrics[metric].scale)
	{
		case AD_SCALE_COUNT:
			return 2 / COUNT_PART * arc_sinh(COUNT_PART * sqrt(Max(value, 0)));
		case AD_SCALE_SHARE:
			p = Min(Max(value, 0), 1);
			return asin(sqrt(p));
		case AD_SCALE_SECONDS:
			return log(Max(value, 0) + least_time(&w->calendar));
		default:
			p = value / s->unit;
			return arc_sinh(Max(Min(p, GREATEST), -GREATEST));
	}
}

/* The same the other way. */
static double
value_of(const AdWatch *w, const AdWatchSubject *s, AdWatchMetric metric,
		 double y)
{
	double		x;

	switch (ad_watch_metrics[metric].scale)
	{
		case AD_SCALE_COUNT:
			x = sinh(Max(y, 0) * COUNT_PART / 2) / COUNT_PART;
			return x * x;
		case AD_SCALE_SHARE:
			x = sin(Min(Max(y, 0), M_PI / 2));
			return x * x;
		case AD_SCALE_SECONDS:
			return Max(exp(Min(y, 100)) - least_time(&w->calendar), 0);
		default:
			return s->unit * sinh(Max(Min(y, 700), -700));
	}
}

/* What a metric cannot tell: the deviation of a chance as a stream has it. */
static double
chance_of(const AdWatchSubject *s, AdWatchMetric metric, const AdWatchFacts *f)
{
	double		n = Max(f->of[metric], 1);
	double		value = f->value[metric];
	double		part;

	switch (ad_watch_metrics[metric].scale)
	{
		case AD_SCALE_COUNT:
			return COUNT_CHANCE;
		case AD_SCALE_SHARE:
			return sqrt(SHARE_CHANCE * SHARE_CHANCE + 0.25 / n);
		case AD_SCALE_SECONDS:
			return TIME_CHANCE;
		default:
			part = sqrt(VALUE_CHANCE * VALUE_CHANCE + VALUE_ROWS * VALUE_ROWS / n);
			value /= s->unit;
			return (s->spread > 0 ? s->spread / s->unit : 1) * part /
				sqrt(1 + Min(value * value, GREATEST));
	}
}

/* A number drawn by metric and period, of mean 0, deviation 1 and bounds. */
static double
drawn(const AdWatchSubject *s, AdWatchMetric metric, int64 start)
{
	uint64		bits = ad_hash64(s->name, strlen(s->name), (uint64) metric);

	bits = ad_mix64(bits ^ ad_mix64((uint64) start));
	return (2 * ad_unit_double(bits) - 1) * sqrt(3.0);
}

/* The stream of a metric, begun if there is none. */
static AdStream *
stream_of(AdWatch *w, AdWatchSubject *s, AdWatchMetric metric)
{
	const AdJob *j = w->b->job;
	AdStream   *stream = s->streams[metric];

	if (stream == NULL)
	{
		AdStreamOptions o = {0};
		uint32		points[AD_SERIES_MAX_SEASONS];

		o.level = o.season = 0.1;
		o.clip = 3;
		o.q = 1e-4;
		o.memory = 10000;
		o.score_window = 50;
		o.step.points = 1;
		o.nperiods = ad_calendar_seasons(&w->calendar, points);
		for (int i = 0; i < o.nperiods; i++)
			o.periods[i].points = points[i];
		stream = s->streams[metric] = palloc(sizeof(AdStream));
		ad_stream_init(stream, &o);
		stream->number = true;
	}
	if (j->rule == AD_RULE_P_VALUE)
		stream->q = j->rule_value;
	return stream;
}

/*
 * Return how many deviations are too many.  A stream of few points is careful:
 * to keep its promise for tails of any kind it may ask for many times what it
 * has ever seen.  The tails of metrics are known better, since these are means
 * and shares of many rows, measured where chance is alike: so it is enough to
 * be well beyond all that was seen.
 */
static double
bound_of(const AdWatch *w, const AdStream *stream)
{
	double		farthest = 1;
	double		enough;

	if (w->b->job->rule == AD_RULE_SCORE)
		return w->b->job->rule_value;
	for (int i = AD_STREAM_BINS - 1; i >= 0; i--)
		if (stream->tail.count[i] > 0)
		{
			/* its upper edge: 16 bins an octave */
			farthest = ldexp(1 + (double) ((i + 1) % 16) / 16, (i + 1) / 16);
			break;
		}
	enough = Max(ENOUGH, ENOUGH_BEYOND * farthest) *
		Max(log(stream->q) / log(1e-4), 0.6);
	return Min(stream->bound, enough);
}

/* Set what is expected of a metric as its values have it. */
static void
set_expected(const AdWatch *w, const AdWatchSubject *s, AdWatchMetric metric,
			 const AdStreamPoint *p, double half, AdWatchPoint *out)
{
	out->expected = value_of(w, s, metric, p->expected);
	out->lower = ad_watch_metrics[metric].above ? NAN :
		value_of(w, s, metric, p->expected - half);
	out->upper = value_of(w, s, metric, p->expected + half);
}

/*
 * Judge a value that is y to its stream, of which the stream has said p with
 * a bound of its own.
 */
static void
judge_learnt(const AdWatch *w, AdWatchSubject *s, AdWatchMetric metric,
			 const AdStreamPoint *p, double stream_bound, double bound,
			 double y, AdWatchPoint *out)
{
	double		width = (p->high - p->expected) / stream_bound;
	double		half = bound * width;
	double		off = y - p->expected;

	if (p->late || !p->judged)
	{
		out->verdict = AD_WATCH_LEARNING;
		return;
	}
	set_expected(w, s, metric, p, half, out);
	out->score = width > 0 ? Min(fabs(off) / width, 1e6) : 0;
	out->verdict = AD_WATCH_OK;
	if (off > half)
		out->verdict = AD_WATCH_HIGH;
	else if (off < -half && !ad_watch_metrics[metric].above)
		out->verdict = AD_WATCH_LOW;
}

/* Judge a value by the bounds that were given, which go before what is learnt. */
static void
judge_bounds(const AdWatch *w, AdWatchMetric metric, const char *column,
			 AdWatchPoint *out)
{
	for (int i = 0; i < w->nbounds; i++)
	{
		const AdWatchBound *b = &w->bounds[i];

		if (b->metric != metric ||
			(b->column != NULL && strcmp(b->column, column) != 0))
			continue;
		if (out->value < b->min)
		{
			out->verdict = AD_WATCH_BELOW_MIN;
			out->bound = b->min;
		}
		if (out->value > b->max)
		{
			out->verdict = AD_WATCH_ABOVE_MAX;
			out->bound = b->max;
		}
	}
}

/* A point of which nothing is known. */
static void
no_point(AdWatchSubject *s, AdWatchMetric metric, int64 start, AdWatchPoint *out)
{
	out->subject = s;
	out->metric = metric;
	out->place = start;
	out->value = out->expected = out->lower = out->upper = out->score =
		out->bound = NAN;
	out->verdict = AD_WATCH_NO_VALUE;
}

/*
 * Judge a metric of a period, and learn from it, unless it was labelled as an
 * anomaly: then it is to the stream as if it had no value.
 */
void
ad_watch_judge(AdWatch *w, AdWatchSubject *s, AdWatchMetric metric,
			   const AdWatchFacts *facts, int64 start, bool labelled,
			   AdWatchPoint *out)
{
	AdStream   *stream = stream_of(w, s, metric);
	double		stream_bound = stream->bound;
	double		bound = bound_of(w, stream);
	AdStreamPoint p;
	double		y = NAN;
	double		given = NAN;

	no_point(s, metric, start, out);
	out->value = facts->value[metric];
	if (!isnan(out->value) && !labelled)
	{
		y = measure(w, s, metric, out->value);
		given = y + chance_of(s, metric, facts) * drawn(s, metric, start);
	}
	s->changed = true;
	ad_stream_point(stream, CurrentMemoryContext,
					ad_calendar_number(&w->calendar, start), !isnan(given),
					given, &p);
	if (labelled)
		out->verdict = AD_WATCH_LABELLED;
	else if (!isnan(out->value))
	{
		judge_learnt(w, s, metric, &p, stream_bound, bound, y, out);
		judge_bounds(w, metric, s->name, out);
	}
}

/*
 * Judge a metric that is to be no more than it is now in a period that is not
 * over, and learn nothing.  Spoils the stream, which is not to be stored.
 */
void
ad_watch_judge_open(AdWatch *w, AdWatchSubject *s, AdWatchMetric metric,
					int64 start, double value, AdWatchPoint *out)
{
	AdStream   *stream = s->streams[metric];
	AdStreamPoint p = {0};

	no_point(s, metric, start, out);
	out->value = value;
	out->verdict = AD_WATCH_LEARNING;
	if (stream != NULL && stream->n >= Max(2 * (uint64) stream->longest, LEAST_POINTS))
	{
		double		stream_bound = stream->bound;
		double		bound = bound_of(w, stream);

		ad_stream_point(stream, CurrentMemoryContext,
						ad_calendar_number(&w->calendar, start), false, NAN, &p);
		p.judged = !p.late;
		judge_learnt(w, s, metric, &p, stream_bound, bound,
					 measure(w, s, metric, value), out);
	}
	judge_bounds(w, metric, s->name, out);
}

/* Follow what the values of a column are measured by. */
void
ad_watch_learn_column(AdWatchSubject *s, AdWatchFacts *f)
{
	double		size = fabs(f->value[AD_WATCH_MEDIAN]);

	if (isnan(f->value[AD_WATCH_MEDIAN]))
		return;
	if (s->unit == 0)
	{
		s->unit = f->spread > 0 ? f->spread : size;
		if (!(s->unit > LEAST_UNIT))
			s->unit = 1;
		s->changed = true;
	}
	if (!(f->spread > LEAST_UNIT))
		return;
	if (s->spread == 0)
		s->spread = f->spread;
	else
	{
		double		move = log(f->spread) - log(s->spread);

		s->spread *= exp(SPREAD_GAIN * Max(Min(move, SPREAD_CLIP), -SPREAD_CLIP));
	}
	s->changed = true;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * Say which share of the values are of categories that were never seen, of
 * which the first period knows none; and know them from now on.
 */
void
ad_watch_know(AdWatchSubject *s, AdWatchFacts *f)
{
	uint64	   *all;
	int			n = s->nknown;
	double		rows = 0;
	double		new = 0;

	if (f->nhashes < 0 || s->known_full)
		return;
	all = ad_palloc_array(uint64, Max(n + f->nhashes, 1));
	memcpy(all, s->known, n * sizeof(uint64));
	for (int i = 0; i < f->nhashes; i++)
	{
		rows += (double) f->counts[i];
		if (s->nknown > 0 &&
			bsearch(&f->hashes[i], s->known, s->nknown, sizeof(uint64),
					compare_hashes) != NULL)
			continue;
		new += (double) f->counts[i];
		all[n++] = f->hashes[i];
	}
	if (s->nknown > 0 && rows > 0)
	{
		f->value[AD_WATCH_NEW_SHARE] = new / rows;
		f->of[AD_WATCH_NEW_SHARE] = rows;
	}
	if (n == s->nknown)
		return;
	s->changed = true;
	s->known_full = n > AD_WATCH_KNOWN;
	if (s->known_full)
	{
		s->nknown = 0;
		return;
	}
	qsort(all, n, sizeof(uint64), compare_hashes);
	s->known = all;
	s->nknown = n;
}
