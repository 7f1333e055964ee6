/*-------------------------------------------------------------------------
 *
 * simd_fft_impl.h
 *		The stages of the Fourier transform, included once per SIMD level.
 *
 * See simd_widths_impl.h for what is defined.  A stage works in blocks of a
 * length; in each it takes the same place of the four quarters together.
 * Quarters narrower than a vector are done one place at a time.
 *
 *-------------------------------------------------------------------------
 */
#define LOAD(p)			(*(const T *) (p))
#define STORE(p, v)		(*(T *) (p) = (v))

#define T				double
#define PLACE(name)		KERNEL(one_##name)
#include "math/simd_fft_place_impl.h"

#define T				VT
#define PLACE(name)		KERNEL(many_##name)
#include "math/simd_fft_place_impl.h"

/* A stage on the way to frequencies. */
static TARGET void
KERNEL(down) (double *re, double *im, Size n, Size length, const double *turns)
{
	Size		q = length / 4;

	for (Size from = 0; from < n; from += length)
		if (q < WIDTH)
			for (Size k = 0; k < q; k++)
				KERNEL(one_down) (re + from + k, im + from + k, q, turns + k,
								 turns + q + k);
		else
			for (Size k = 0; k < q; k += WIDTH)
				KERNEL(many_down) (re + from + k, im + from + k, q, turns + k,
								  turns + q + k);
}

/* A stage on the way back. */
static TARGET void
KERNEL(up) (double *re, double *im, Size n, Size length, const double *turns)
{
	Size		q = length / 4;

	for (Size from = 0; from < n; from += length)
		if (q < WIDTH)
			for (Size k = 0; k < q; k++)
				KERNEL(one_up) (re + from + k, im + from + k, q, turns + k,
								 turns + q + k);
		else
			for (Size k = 0; k < q; k += WIDTH)
				KERNEL(many_up) (re + from + k, im + from + k, q, turns + k,
								  turns + q + k);
}

#undef LOAD
#undef STORE
