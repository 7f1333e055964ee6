/*-------------------------------------------------------------------------
 *
 * fft.c
 *		Fast Fourier transform of lengths that are powers of two.
 *
 * The iterative radix-2 algorithm of Cooley & Tukey (1965) over separate
 * real and imaginary arrays.  Sines and cosines come from repeated halving
 * of angles with additions, multiplications and square roots only, so the
 * transform gives the same bits on every machine.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_fft.h"

/* Prepare tables for length n, a power of two; palloc'd here. */
void
ad_fft_init(AdFft *fft, Size n)
{
	Size		half = n / 2;

	Assert(n >= 2 && (n & (n - 1)) == 0);
	fft->n = n;
	fft->cosine = ad_palloc_array(double, Max(half, 1));
	fft->sine = ad_palloc_array(double, Max(half, 1));
	fft->cosine[0] = 1;
	fft->sine[0] = 0;
	if (half < 2)
		return;
	fft->cosine[half / 2] = 0;
	fft->sine[half / 2] = 1;
	/* the angle halfway between two known ones, from coarse to fine */
	for (Size step = half / 2; step >= 2; step /= 2)
	{
		double		c,
					s,
					scale;

		/* cosine of half the step's angle: sqrt((1 + cos) / 2) */
		scale = 1.0 / (2.0 * sqrt((1.0 + fft->cosine[step]) / 2.0));
		for (Size k = step / 2; k < half; k += step)
		{
			Size		a = k - step / 2;
			Size		b = k + step / 2;

			c = fft->cosine[a] + (b < half ? fft->cosine[b] : -1.0);
			s = fft->sine[a] + (b < half ? fft->sine[b] : 0.0);
			fft->cosine[k] = c * scale;
			fft->sine[k] = s * scale;
		}
	}
}

/*
 * Replace (re, im) by its transform, sum over t of x[t] e^(-2 pi i k t / n).
 * The inverse is the same with re and im exchanged, divided by n.
 */
void
ad_fft_forward(const AdFft *fft, double *re, double *im)
{
	Size		n = fft->n;

	for (Size i = 1, j = 0; i < n; i++)
	{
		Size		bit = n >> 1;

		for (; j & bit; bit >>= 1)
			j ^= bit;
		j ^= bit;
		if (i < j)
		{
			double		t = re[i];

			re[i] = re[j];
			re[j] = t;
			t = im[i];
			im[i] = im[j];
			im[j] = t;
		}
	}
	for (Size len = 2; len <= n; len *= 2)
	{
		Size		half = len / 2;
		Size		stride = n / len;

		CHECK_FOR_INTERRUPTS();
		for (Size start = 0; start < n; start += len)
		{
			double	   *ar = re + start;
			double	   *ai = im + start;
			double	   *br = ar + half;
			double	   *bi = ai + half;

			for (Size k = 0, w = 0; k < half; k++, w += stride)
			{
				double		c = fft->cosine[w];
				double		s = -fft->sine[w];
				double		tr = br[k] * c - bi[k] * s;
				double		ti = br[k] * s + bi[k] * c;

				br[k] = ar[k] - tr;
				bi[k] = ai[k] - ti;
				ar[k] += tr;
				ai[k] += ti;
			}
		}
	}
}
