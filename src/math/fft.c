/*-------------------------------------------------------------------------
 *
 * fft.c
 *		Correlation of arrays with themselves by fast Fourier transform, of
 *		lengths that are powers of two.
 *
 * The correlation is the transform of the power spectrum.  Two real arrays
 * are correlated at once, as real and imaginary parts.  The way there leaves
 * the spectrum in bit-reversed order and the way back takes it so: nothing is
 * reordered.  Stages take two levels at a time (radix 4), the last of an odd
 * number of levels one (Cooley & Tukey 1965, Gentleman & Sande 1966).
 *
 * Sines and cosines come from repeated halving of angles with additions,
 * multiplications and square roots only, so the result has the same bits on
 * every machine.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_fft.h"

/* Set the first half turn's cosines and sines, n / 2 of each, n >= 4. */
static void
halve_angles(double *cosine, double *sine, Size n)
{
	Size		half = n / 2;

	cosine[0] = 1;
	sine[0] = 0;
	cosine[half / 2] = 0;
	sine[half / 2] = 1;
	/* the angle halfway between two known ones, from coarse to fine */
	for (Size step = half / 2; step >= 2; step /= 2)
	{
		/* half of one over the cosine of half the step's angle */
		double		scale = 1.0 / (2.0 * sqrt((1.0 + cosine[step]) / 2.0));

		for (Size k = step / 2; k < half; k += step)
		{
			Size		a = k - step / 2;
			Size		b = k + step / 2;

			cosine[k] = (cosine[a] + (b < half ? cosine[b] : -1.0)) * scale;
			sine[k] = (sine[a] + (b < half ? sine[b] : 0.0)) * scale;
		}
	}
}

/* Prepare tables for length n >= 4, a power of two; palloc'd here. */
void
ad_fft_init(AdFft *fft, Size n)
{
	double	   *cosine = ad_palloc_array(double, n / 2);
	double	   *sine = ad_palloc_array(double, n / 2);
	double	   *at;

	Assert(n >= 4 && (n & (n - 1)) == 0);
	fft->n = n;
	fft->turns = at = ad_palloc_array(double, n);
	halve_angles(cosine, sine, n);
	for (Size length = n; length >= 4; length /= 4)
	{
		for (Size k = 0; k < length / 4; k++)
		{
			at[k] = cosine[k * (n / length)];
			at[length / 4 + k] = sine[k * (n / length)];
		}
		at += length / 2;
	}
	pfree(cosine);
	pfree(sine);
	ad_fft_kernels(fft, ad_simd_width());
}

/* Add and subtract neighbours: a level of length two. */
static void
pairs(double *x, Size n)
{
	for (Size i = 0; i < n; i += 2)
	{
		double		a = x[i];

		x[i] = a + x[i + 1];
		x[i + 1] = a - x[i + 1];
	}
}

/*
 * Replace the transform of a + i b, in bit-reversed order, by the power of a
 * and, as imaginary part, that of b.  There the opposite of a frequency
 * stands in the same octave of places, counted from its other end.
 */
static void
power(double *re, double *im, Size n)
{
	for (Size k = 0; k < 2; k++)
	{
		re[k] *= re[k];
		im[k] *= im[k];
	}
	for (Size octave = 2; octave < n; octave *= 2)
		for (Size k = octave, j = 2 * octave - 1; k < j; k++, j--)
		{
			double		ar = (re[k] + re[j]) / 2;
			double		ai = (im[k] - im[j]) / 2;
			double		br = (im[k] + im[j]) / 2;
			double		bi = (re[j] - re[k]) / 2;

			re[k] = re[j] = ar * ar + ai * ai;
			im[k] = im[j] = br * br + bi * bi;
		}
}

/*
 * Replace a and b, n numbers each, by their correlations with themselves in
 * a circle: n times the sum over t of a[t] a[t + lag].
 */
void
ad_fft_correlate(const AdFft *fft, double *a, double *b)
{
	Size		n = fft->n;
	const double *turns = fft->turns;
	Size		length;

	for (length = n; length >= 4; length /= 4)
	{
		CHECK_FOR_INTERRUPTS();
		fft->down(a, b, n, length, turns);
		turns += length / 2;
	}
	if (length == 2)
	{
		pairs(a, n);
		pairs(b, n);
	}
	power(a, b, n);
	if (length == 2)
	{
		pairs(a, n);
		pairs(b, n);
	}
	for (length = length == 2 ? 8 : 4; length <= n; length *= 4)
	{
		CHECK_FOR_INTERRUPTS();
		turns -= length / 2;
		fft->up(a, b, n, length, turns);
	}
}
