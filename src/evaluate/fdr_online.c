/*-------------------------------------------------------------------------
 *
 * fdr_online.c
 *		Online control of the false discovery rate, in constant memory.
 *
 * A stream begins with a wealth of w0 = q / 2.  Each test is held against a
 * level, which it costs; each alert earns wealth.  LORD++ (Ramdas, Yang,
 * Wainwright and Jordan, "Online control of the false discovery rate with
 * decaying memory", 2017) tests the t-th p-value at
 *
 *		a(t) = g(t) w0 + g(t - t1) (q - w0) + sum over j > 1 of g(t - tj) q
 *
 * where tj are the tests of the alerts before t, and g any sequence that
 * does not increase and sums to at most 1.  SAFFRON (Ramdas, Zrnic,
 * Wainwright and Jordan 2018, algorithm 1) lets g go on only at tests with
 * p > L = 1/2, and tests at (1 - L) a(t), at most L.
 *
 * g is ours to choose.  A sum of geometric sequences
 *
 *		g(i) = sum over k of c(k) (1 - c(k))^(i - 1) / AD_FDR_POTS,
 *		c(k) = 2^-(3 + 2 k)
 *
 * falls about as 1/i from 8 tests to millions, as a rare anomaly asks for,
 * and makes the sum over all alerts exact in constant memory: it is a pot
 * of wealth for each k, of which every test takes the share c(k).  Nothing
 * is approximated, and a test costs the same whatever the past is.
 *
 * Least p-value.  Ours are discrete: none is less than m = 1 / (n + 1), for n
 * calibration rows, and a level below m would be spent on nothing.  So the
 * level is rounded at random to a multiple of m whose mean is a(t): of the
 * rows of a poor time one in m / a(t) is tested at m, and the others not at
 * all.  The pots pay a(t), so that the draws, which depend on the number of
 * the test alone, change no later level but through the alerts themselves.
 *
 * What holds the rate.  The sum of a(t) is at most q max(1, alerts) at all
 * times, and a(t) never falls when an earlier test becomes an alert: the
 * paper's condition on a rule ("monotone") for q under independence; the
 * mean over the draws adds nothing to its proof.  Fisher (2021) has it for
 * p-values of positive dependence, such as share their calibration rows.
 *
 * Memory.  A stream without alerts ends in levels that nothing can reach
 * ("alpha-death").  With a half-life of h tests, wealth and alerts both
 * fade by d = 2^(-1/h) a test: what is held to q is the rate with decaying
 * memory ("mem-FDR" of the paper), with V and R alerts that are false and all,
 *
 *		E [ sum of d^(T-t) V(t)  /  max(1, sum of d^(T-t) R(t)) ] <= q,
 *
 * for all T.  That max is at least b + (1 - b) R, for 0 <= b <= 1: alerts
 * after the first earn (1 - b) q, and the stream itself has b q at all
 * times, so that half of this is new after each half-life, for ever.  Here b
 * is 1/5.  Without a half-life b is 0, and the rule LORD++ to the letter.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_fdr_online.h"

#include "core/ad_elementary.h"
#include "core/ad_envelope.h"
#include "core/ad_random.h"

#define STATE_VERSION	1
#define STATE_SECTION	1
#define STATE_NAME		"false discovery state"

#define FIRST_SHARE		0.5		/* of q: what a stream begins with */
#define BASE_SHARE		0.2		/* of q: what a stream that forgets has anew */
#define CANDIDATE_P		0.5		/* SAFFRON: up to here a test is free */
#define ROUNDED			1.000001	/* a least p-value may have been, for
									 * people */
#define LEAST_WEALTH	1e-30	/* of a pot; less is nothing, and slow */

/* The share of a pot that a test takes: exact, all are powers of two. */
static const double pace[AD_FDR_POTS] = {
	1.0 / 8, 1.0 / 32, 1.0 / 128, 1.0 / 512, 1.0 / 2048, 1.0 / 8192,
	1.0 / 32768, 1.0 / 131072, 1.0 / 524288, 1.0 / 2097152
};

/* Put wealth into the pots, the same into each. */
static void
earn(AdFdrOnline *s, double wealth)
{
	for (int k = 0; k < AD_FDR_POTS; k++)
		s->pots[k] += wealth / AD_FDR_POTS;
}

/* What all alerts but the first earn. */
static double
later_reward(double q, uint64 half_life)
{
	return half_life > 0 ? (1 - BASE_SHARE) * q : q;
}

/* Set what follows from the half-life. */
static void
set_keep(AdFdrOnline *s)
{
	s->keep = s->half_life > 0 ? ad_exp2(-1.0 / (double) s->half_life) : 1;
}

/*
 * Begin a stream of which the share q of the alerts may be false, 0 < q <= 1.
 * With half_life 0 nothing is forgotten.
 */
void
ad_fdr_online_init(AdFdrOnline *s, AdFdrOnlineMethod method, double q,
				   uint64 half_life)
{
	Assert(q > 0 && q <= 1);
	memset(s, 0, sizeof(AdFdrOnline));
	s->method = method;
	s->q = q;
	s->half_life = half_life;
	set_keep(s);
	earn(s, FIRST_SHARE * q);
}

/* What a test costs: a share of each pot. */
static double
cost(const AdFdrOnline *s)
{
	double		spend = 0;

	for (int k = 0; k < AD_FDR_POTS; k++)
		spend += pace[k] * s->pots[k];
	return spend;
}

/* The level of the next test, before it is rounded. */
static double
exact_level(const AdFdrOnline *s)
{
	return s->method == AD_FDR_SAFFRON ?
		Min((1 - CANDIDATE_P) * cost(s), CANDIDATE_P) : Min(cost(s), 1);
}

/* A number between 0 and 1 for the test after so many. */
static double
draw(uint64 tests)
{
	return (double) (ad_mix64((tests + 1) * UINT64CONST(0x9e3779b97f4a7c15))
					 >> 11) / 9007199254740992.0;
}

/*
 * The level that the next p-value is held against, where none can be less
 * than "least_p"; 0 if there is no such bound, or none is known.
 */
double
ad_fdr_online_level(const AdFdrOnline *s, double least_p)
{
	double		level = exact_level(s);

	/* where it is so much more, rounding changes nothing */
	if (!(least_p > level * 1e-12))
		return level;
	return Min(ROUNDED * least_p * floor(level / least_p + draw(s->tests)), 1);
}

/* A test has passed: forget a little, and have anew what is due. */
static void
forget(AdFdrOnline *s)
{
	for (int k = 0; k < AD_FDR_POTS; k++)
	{
		s->pots[k] *= s->keep;
		if (s->pots[k] < LEAST_WEALTH)
			s->pots[k] = 0;
	}
	if (s->half_life > 0 && s->tests % s->half_life == 0)
		earn(s, BASE_SHARE / 2 * s->q);
}

/*
 * Test the next p-value, in the order of the stream: is it an alert?  The
 * level that it was held against goes to *level, if that is not NULL.  A
 * p-value is in [0, 1]; NaN is no test, and no alert.  "least_p" may change
 * from test to test, as the model does, but not by what the p-values are.
 */
bool
ad_fdr_online_step(AdFdrOnline *s, double p, double least_p, double *level)
{
	double		limit = ad_fdr_online_level(s, least_p);
	bool		is_alert = p <= limit;

	if (level != NULL)
		*level = limit;
	if (isnan(p))
		return false;
	if (s->method == AD_FDR_LORD || p > CANDIDATE_P)
		for (int k = 0; k < AD_FDR_POTS; k++)
			s->pots[k] -= pace[k] * s->pots[k];
	s->tests++;
	forget(s);
	if (is_alert)
	{
		earn(s, s->alerts == 0 ? (1 - FIRST_SHARE) * s->q :
			 later_reward(s->q, s->half_life));
		s->alerts++;
	}
	return is_alert;
}

/* The level after t tests, none an alert, of a wealth even in all pots. */
static double
level_after(double wealth, double t)
{
	double		level = 0;

	for (int k = 0; k < AD_FDR_POTS; k++)
		level += wealth / AD_FDR_POTS * pace[k] * pow(1 - pace[k], t);
	return level;
}

/* Tests, none an alert, that such a wealth has a level of "least_p" for. */
static double
tests_within(double wealth, double least_p)
{
	double		low = 0;		/* so many have it */
	double		high = 1;		/* the test after so many has not */

	if (!(least_p > 0))
		return INFINITY;
	while (level_after(wealth, high - 1) >= least_p && high < 1e15)
	{
		low = high;
		high *= 2;
	}
	while (high - low > 1)
	{
		double		middle = floor(low + (high - low) / 2);

		if (level_after(wealth, middle - 1) >= least_p)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * Say how far a stream of LORD goes if no p-value is less than "least_p".
 * Where least_share is not small, say 1 in 1,000, it can hardly fire.
 */
AdFdrReach
ad_fdr_online_reach(double q, double least_p, uint64 half_life)
{
	AdFdrReach	reach;

	reach.first_tests = tests_within(FIRST_SHARE * q, least_p);
	reach.next_tests = tests_within(later_reward(q, half_life), least_p);
	reach.least_share = least_p / later_reward(q, half_life);
	return reach;
}

/* The state as bytes, in an envelope; palloc'd. */
bytea *
ad_fdr_online_write(const AdFdrOnline *s)
{
	AdEnvelopeWriter w;
	StringInfo	b = ad_envelope_begin(&w, 1, 128);

	ad_envelope_section(&w, STATE_SECTION);
	ad_wr_u32(b, (uint32) s->method);
	ad_wr_u32(b, AD_FDR_POTS);
	ad_wr_f64(b, s->q);
	ad_wr_u64(b, s->half_life);
	ad_wr_u64(b, s->tests);
	ad_wr_u64(b, s->alerts);
	ad_wr_f64_array(b, s->pots, AD_FDR_POTS);
	return ad_envelope_end(&w, AD_MAGIC_FDR, STATE_VERSION, 0, 0);
}

/*
 * Read a state from bytes, which anyone may have written: no pot is less
 * than nothing, and all hold no more than so many alerts can have earned.
 */
void
ad_fdr_online_read(AdFdrOnline *s, const uint8 *data, Size len)
{
	AdEnvelope	e;
	AdReader	r;
	uint32		method;
	double		wealth = 0;

	memset(s, 0, sizeof(AdFdrOnline));
	ad_envelope_open(&e, data, len, AD_MAGIC_FDR, STATE_NAME, STATE_VERSION,
					 0);
	ad_envelope_reader(&e, STATE_SECTION, STATE_NAME, &r);
	method = ad_rd_u32(&r);
	if (method != AD_FDR_LORD && method != AD_FDR_SAFFRON)
		ad_rd_corrupt(&r, "its method is unknown");
	if (ad_rd_u32(&r) != AD_FDR_POTS)
		ad_rd_corrupt(&r, "its wealth is kept in another way");
	s->method = (AdFdrOnlineMethod) method;
	s->q = ad_rd_finite(&r);
	s->half_life = ad_rd_u64(&r);
	s->tests = ad_rd_u64(&r);
	s->alerts = ad_rd_u64(&r);
	for (int k = 0; k < AD_FDR_POTS; k++)
	{
		s->pots[k] = ad_rd_finite(&r);
		if (s->pots[k] < 0)
			ad_rd_corrupt(&r, "its wealth is less than 0");
		wealth += s->pots[k];
	}
	ad_rd_end(&r);
	if (!(s->q > 0 && s->q <= 1) ||
		(s->half_life != 0 && (s->half_life < AD_FDR_MIN_HALF_LIFE ||
							   s->half_life > AD_FDR_MAX_HALF_LIFE)) ||
		s->tests > PG_INT64_MAX || s->alerts > s->tests)
		ad_rd_corrupt(&r, "a value is out of range");
	/* never more than q max(1, alerts); a little for rounding */
	if (wealth > s->q * ((double) s->alerts + 1) * 1.000001)
		ad_rd_corrupt(&r, "its wealth is more than its alerts have earned");
	set_keep(s);
}
