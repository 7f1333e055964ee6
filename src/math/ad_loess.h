/*-------------------------------------------------------------------------
 *
 * ad_loess.h
 *		The inner loops of LOESS smoothing, at several SIMD widths.
 *
 * Every kernel sums over eight lanes, lane l taking the elements whose
 * index is l modulo 8, whatever the width of the machine's vectors; so all
 * levels give the same bits.  Weight arrays are padded with zeros to a
 * multiple of eight, and data arrays must have AD_LOESS_PAD readable,
 * finite values behind their end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_LOESS_H
#define AD_LOESS_H

#include "postgres.h"

#define AD_LOESS_LANES	8
#define AD_LOESS_PAD	16		/* doubles behind every data array */

/* How many doubles at a time; four and eight need the processor's support. */
typedef enum AdSimdWidth
{
	AD_WIDTH_ONE, AD_WIDTH_TWO, AD_WIDTH_FOUR, AD_WIDTH_EIGHT
} AdSimdWidth;

/* Sums of one weighted window for a line fit; x is the offset from xs. */
typedef struct AdLoessSums
{
	double		s0;				/* sum of w r */
	double		s1;				/* sum of w r x */
	double		s2;				/* sum of w r x^2 */
	double		t0;				/* sum of w r y */
	double		t1;				/* sum of w r x y */
} AdLoessSums;

typedef struct AdLoessKernels
{
	/* sum of w[i] y[i], i < 8 nblocks */
	double		(*dot) (const double *w, const double *y, Size nblocks);
	/* s0 and t0 */
	void		(*dot_weighted) (const double *w, const double *r,
								 const double *y, Size nblocks,
								 AdLoessSums *sums);
	/* all five sums; x of element 0 is x0 */
	void		(*dot_line) (const double *w, const double *r,
							 const double *y, Size nblocks, double x0,
							 AdLoessSums *sums);
	/* out[i] = sum over k of w[k] x[i + k stride], i < n */
	void		(*filter) (const double *w, Size nw, const double *x,
						   Size stride, Size n, double *out);
	/* the same with robustness weights r; kept[i] where they are all 0 */
	void		(*filter_weighted) (const double *w, Size nw, const double *x,
									const double *r, Size stride, Size n,
									const double *kept, double *out);
	/* the same with a line; x of term k is x0 + k; no slope if c <= limit */
	void		(*filter_line) (const double *w, Size nw, const double *x,
								const double *r, Size stride, Size n,
								double x0, double limit,
								const double *kept, double *out);
	/* out[i] = a + delta i, i < n */
	void		(*line) (double a, double delta, Size n, double *out);
	/* out[i] = a[i] + (b[i] - a[i]) f, i < n */
	void		(*between) (const double *a, const double *b, double f,
							Size n, double *out);
	/* out[i] = a[i] - b[i], i < n */
	void		(*subtract) (const double *a, const double *b, Size n,
							 double *out);
	/* out[i] = (a[i] + a[i+1] + a[i+2]) / 3, i < n */
	void		(*mean3) (const double *a, Size n, double *out);
	/* out[i] = |y[i] - a[i] - b[i]|, i < n */
	void		(*absolute) (const double *y, const double *a,
							 const double *b, Size n, double *out);
	/* out[i] = bisquare weight of r[i] >= 0 for the cut-off h */
	void		(*bisquare) (const double *r, double h, Size n, double *out);
} AdLoessKernels;

/* simd_width.c */
extern AdSimdWidth ad_simd_width(void);

/* simd_loess.c */
extern const AdLoessKernels *ad_loess_kernels(AdSimdWidth width);

#endif							/* AD_LOESS_H */
