/*-------------------------------------------------------------------------
 *
 * benford.c
 *		Leading digits against Benford's law.
 *
 * After Nigrini, Benford's Law (2012): a number begins with the digits d with
 * the probability log10(1 + 1 / d).  All three tests come from one table of 90
 * counts, of the first two digits; a number of one digit, 5, begins with 50.
 * The bounds of the mean absolute deviation are his (table 7.1), as in the R
 * package benford.analysis.  They do not depend on how many numbers there
 * are, and of few numbers chance alone deviates by more: of 300 numbers that
 * follow the law one set in three would be called nonconforming.  So there is
 * a least number for a verdict, with which fewer than one in fifty is.  Of
 * fewer numbers the verdict is nonconformity only if chi-square, which takes
 * their number into account, has no doubt.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_benford.h"

#include "math/ad_math.h"

#define NO_DOUBT	0.001		/* p-value of chi-square, of few numbers */

const char *const ad_benford_test_names[AD_BENFORD_TESTS] = {
	"first", "second", "first two"
};

/* What is known of a test. */
static const struct
{
	int			least;			/* digits */
	int			cells;
	double		bounds[3];		/* of the verdicts before the last */
	double		min_numbers;	/* for a verdict */
}			tests[AD_BENFORD_TESTS] = {
	{1, 9, {0.006, 0.012, 0.015}, 1000},
	{0, 10, {0.008, 0.010, 0.012}, 1000},
	{10, 90, {0.0012, 0.0018, 0.0022}, 2000}
};

static const char *const verdicts[] = {
	"close conformity", "acceptable conformity",
	"marginally acceptable conformity", "nonconformity"
};

/* The place of the cell of a test that a cell of the first two digits is in. */
static int
place_of(AdBenfordTest test, int cell)
{
	switch (test)
	{
		case AD_BENFORD_FIRST:
			return cell / 10;
		case AD_BENFORD_SECOND:
			return cell % 10;
		default:
			return cell;
	}
}

/*
 * Judge counts by first two digits, AD_BENFORD_CELLS of them, none negative.
 */
void
ad_benford_judge(const int64 *counts, AdBenfordTest test, AdBenford *out)
{
	double		sum = 0;
	int			v = 0;

	memset(out, 0, sizeof(AdBenford));
	out->least = tests[test].least;
	out->cells = tests[test].cells;
	for (int i = 0; i < AD_BENFORD_CELLS; i++)
	{
		int			at = place_of(test, i);

		out->observed[at] += (double) counts[i];
		out->share[at] += log10(1 + 1.0 / (i + 10));
		out->n += (double) counts[i];
	}
	out->chi_square = out->p_value = out->mad = NAN;
	if (out->n == 0)
		return;

	out->chi_square = 0;
	for (int i = 0; i < out->cells; i++)
	{
		double		expected = out->n * out->share[i];
		double		excess = out->observed[i] - expected;

		out->chi_square += excess / expected * excess;
		sum += fabs(out->observed[i] / out->n - out->share[i]);
	}
	out->p_value = ad_chi_square_tail(out->chi_square, out->cells - 1);
	out->mad = sum / out->cells;
	while (v < (int) lengthof(tests[test].bounds) && out->mad > tests[test].bounds[v])
		v++;
	out->verdict = verdicts[v];
	/* the last cell is the rarest; of fewer than that chi-square is not one */
	if (out->n < tests[test].min_numbers &&
		!(v == (int) lengthof(tests[test].bounds) && out->p_value < NO_DOUBT &&
		  out->n * out->share[out->cells - 1] >= 1))
		out->verdict = "too few numbers";
}

/*
 * Return by how many standard deviations the share of a cell is off, without
 * a sign; corrected for continuity, where that is less than what it is off.
 */
double
ad_benford_z(const AdBenford *b, int cell)
{
	double		p = b->share[cell];
	double		off = fabs(b->observed[cell] / b->n - p);
	double		half = 0.5 / b->n;

	return (half < off ? off - half : off) / sqrt(p * (1 - p) / b->n);
}

/*
 * Return the cell of the first two digits of a number that is written out in
 * decimals, whatever its sign; -1: there is none but 0.
 */
int
ad_benford_cell(const char *digits)
{
	int			first = 0;

	for (; *digits && *digits != 'e' && *digits != 'E'; digits++)
	{
		if (*digits < '0' || *digits > '9')
			continue;
		if (first > 0)
			return first * 10 + (*digits - '0') - 10;
		first = *digits - '0';
	}
	return first > 0 ? first * 10 - 10 : -1;
}
