/*-------------------------------------------------------------------------
 *
 * simd_fft_place_impl.h
 *		A place of the four quarters of a block, included for one place at a
 *		time and for as many as a vector has.
 *
 * T is the type, PLACE(name) the name of what is defined; both end here.
 *
 *-------------------------------------------------------------------------
 */
/* Turns by one, two and three times an angle, from its cosine and sine. */
#define ANGLES(c, s) \
	T			c1 = LOAD(c), \
				s1 = LOAD(s), \
				c2 = c1 * c1 - s1 * s1, \
				s2 = (c1 + c1) * s1, \
				c3 = c1 * c2 - s1 * s2, \
				s3 = c1 * s2 + s1 * c2

/* One place on the way to frequencies; q is a quarter of a block. */
static inline TARGET void
PLACE(down) (double *re, double *im, Size q, const double *c,
		const double *s)
{
	ANGLES(c, s);
	T			er = LOAD(re) + LOAD(re + 2 * q);
	T			ei = LOAD(im) + LOAD(im + 2 * q);
	T			fr = LOAD(re) - LOAD(re + 2 * q);
	T			fi = LOAD(im) - LOAD(im + 2 * q);
	T			gr = LOAD(re + q) + LOAD(re + 3 * q);
	T			gi = LOAD(im + q) + LOAD(im + 3 * q);
	T			hr = LOAD(re + q) - LOAD(re + 3 * q);
	T			hi = LOAD(im + q) - LOAD(im + 3 * q);
	T			xr = er - gr;
	T			xi = ei - gi;
	T			yr = fr + hi;
	T			yi = fi - hr;
	T			zr = fr - hi;
	T			zi = fi + hr;

	STORE(re, er + gr);
	STORE(im, ei + gi);
	STORE(re + q, xr * c2 + xi * s2);
	STORE(im + q, xi * c2 - xr * s2);
	STORE(re + 2 * q, yr * c1 + yi * s1);
	STORE(im + 2 * q, yi * c1 - yr * s1);
	STORE(re + 3 * q, zr * c3 + zi * s3);
	STORE(im + 3 * q, zi * c3 - zr * s3);
}

/* The same place on the way back. */
static inline TARGET void
PLACE(up) (double *re, double *im, Size q, const double *c,
		const double *s)
{
	ANGLES(c, s);
	T			xr = LOAD(re + q) * c2 - LOAD(im + q) * s2;
	T			xi = LOAD(im + q) * c2 + LOAD(re + q) * s2;
	T			yr = LOAD(re + 2 * q) * c1 - LOAD(im + 2 * q) * s1;
	T			yi = LOAD(im + 2 * q) * c1 + LOAD(re + 2 * q) * s1;
	T			zr = LOAD(re + 3 * q) * c3 - LOAD(im + 3 * q) * s3;
	T			zi = LOAD(im + 3 * q) * c3 + LOAD(re + 3 * q) * s3;
	T			er = LOAD(re) + xr;
	T			ei = LOAD(im) + xi;
	T			gr = LOAD(re) - xr;
	T			gi = LOAD(im) - xi;
	T			fr = yr + zr;
	T			fi = yi + zi;
	T			hr = zi - yi;
	T			hi = yr - zr;

	STORE(re, er + fr);
	STORE(im, ei + fi);
	STORE(re + q, gr + hr);
	STORE(im + q, gi + hi);
	STORE(re + 2 * q, er - fr);
	STORE(im + 2 * q, ei - fi);
	STORE(re + 3 * q, gr - hr);
	STORE(im + 3 * q, gi - hi);
}

#undef T
#undef PLACE
#undef ANGLES
