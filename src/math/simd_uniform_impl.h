/*-------------------------------------------------------------------------
 *
 * simd_uniform_impl.h
 *		The body of the kernel of uniform numbers, included once per SIMD
 *		level by simd_widths_impl.h, which defines KERNEL, TARGET, VT and
 *		WIDTH.
 *
 * A vector of numbers below 2^52 becomes doubles by way of the exponent of
 * 2^52, where the last bit counts one.
 *
 *-------------------------------------------------------------------------
 */
#if WIDTH == 1
#define VU				uint64
#define TO_DOUBLE(z)	((double) (z))
#else
typedef uint64 KERNEL(lanes)
			__attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));

#define VU				KERNEL(lanes)
#define TO_DOUBLE(z)	((VT) ((z) | UINT64CONST(0x4330000000000000)) - 4503599627370496.0)
#endif
#define MIX(z) \
	do { \
		(z) = ((z) ^ ((z) >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9); \
		(z) = ((z) ^ ((z) >> 27)) * UINT64CONST(0x94d049bb133111eb); \
		(z) = (z) ^ ((z) >> 31); \
	} while (0)

/* n is a multiple of WIDTH; start is that of the first position's stream. */
static TARGET void
KERNEL(uniform) (uint64 start, Size n, double location, double scale,
				 double *out)
{
	uint64		first[WIDTH];
	VU			at;

	for (int l = 0; l < WIDTH; l++)
		first[l] = start + AD_UNIFORM_STEP * (uint64) l;
	at = *(const VU *) first;
	for (Size i = 0; i < n; i += WIDTH)
	{
		VU			z = at;

		at += AD_UNIFORM_STEP * WIDTH;
		MIX(z);
		z += AD_UNIFORM_STEP;
		MIX(z);
		z >>= 12;
		*(VT *) (out + i) = location +
			scale * ((TO_DOUBLE(z) + 0.5) * AD_UNIFORM_TINY);
	}
}

#undef VU
#undef TO_DOUBLE
#undef MIX
