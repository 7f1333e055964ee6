/*-------------------------------------------------------------------------
 *
 * factor.c
 *		Factorisations over LAPACK and BLAS, in steps that can be cancelled.
 *
 * A call of LAPACK's cannot be interrupted, and the eigenvectors of 2,048
 * columns take it many seconds.  So what dsyevd, dpotrf and dtrtri do for a
 * large matrix is done here, by the routines that they call themselves and
 * in their order, with a look for a cancel between any two of at most some
 * ten million operations (AD_STEP).  A product is cut where each number of its
 * result is still one sum in the same order, so that with the reference BLAS
 * the results are theirs to the last bit.
 *
 * Eigenvectors: Householder reflections in panels make the matrix
 * tridiagonal (dsytrd, dlatrd); that is solved (tridiagonal.c), and the
 * reflections are applied to the result (dormql).
 *
 * Matrices are column by column here, as Fortran has them; indexes begin
 * at 0.  Workspaces are palloc'd, errors are return codes.
 *
 *-------------------------------------------------------------------------
 */
#include "math/factor_impl.h"

#include <float.h>

#define SMALL		128			/* columns that LAPACK may have whole */
#define PANEL		32			/* columns of a panel: dsytrd's, dormql's */
#define BLOCK		64			/* dpotrf's, dtrtri's */

/* Fortran passes the lengths of strings last. */
extern void dsyevd_(const char *jobz, const char *uplo, const int *n,
					double *a, const int *lda, double *w, double *work,
					const int *lwork, int *iwork, const int *liwork,
					int *info, size_t, size_t);
extern void dsytd2_(const char *uplo, const int *n, double *a, const int *lda,
					double *d, double *e, double *tau, int *info, size_t);
extern void dlarfg_(const int *n, double *alpha, double *x, const int *incx,
					double *tau);
extern void dlarft_(const char *direct, const char *storev, const int *n,
					const int *k, double *v, const int *ldv,
					const double *tau, double *t, const int *ldt,
					size_t, size_t);
extern void dlarfb_(const char *side, const char *trans, const char *direct,
					const char *storev, const int *m, const int *n,
					const int *k, const double *v, const int *ldv,
					const double *t, const int *ldt, double *c,
					const int *ldc, double *work, const int *ldwork,
					size_t, size_t, size_t, size_t);
extern void dpotrf_(const char *uplo, const int *n, double *a,
					const int *lda, int *info, size_t);
extern void dtrtri_(const char *uplo, const char *diag, const int *n,
					double *a, const int *lda, int *info, size_t, size_t);
extern void dgemv_(const char *trans, const int *m, const int *n,
				   const double *alpha, const double *a, const int *lda,
				   const double *x, const int *incx, const double *beta,
				   double *y, const int *incy, size_t);
extern void dsymv_(const char *uplo, const int *n, const double *alpha,
				   const double *a, const int *lda, const double *x,
				   const int *incx, const double *beta, double *y,
				   const int *incy, size_t);
extern double ddot_(const int *n, const double *x, const int *incx,
					const double *y, const int *incy);
extern void dgemm_(const char *transa, const char *transb, const int *m,
				   const int *n, const int *k, const double *alpha,
				   const double *a, const int *lda, const double *b,
				   const int *ldb, const double *beta, double *c,
				   const int *ldc, size_t, size_t);
extern void dsyrk_(const char *uplo, const char *trans, const int *n,
				   const int *k, const double *alpha, const double *a,
				   const int *lda, const double *beta, double *c,
				   const int *ldc, size_t, size_t);
extern void dsyr2k_(const char *uplo, const char *trans, const int *n,
					const int *k, const double *alpha, const double *a,
					const int *lda, const double *b, const int *ldb,
					const double *beta, double *c, const int *ldc,
					size_t, size_t);
extern void dtrsm_(const char *side, const char *uplo, const char *transa,
				   const char *diag, const int *m, const int *n,
				   const double *alpha, const double *a, const int *lda,
				   double *b, const int *ldb, size_t, size_t, size_t, size_t);
extern void dtrmm_(const char *side, const char *uplo, const char *transa,
				   const char *diag, const int *m, const int *n,
				   const double *alpha, const double *a, const int *lda,
				   double *b, const int *ldb, size_t, size_t, size_t, size_t);

static const int one = 1;
static const double plus = 1;
static const double minus = -1;
static const double zero = 0;

/* C = alpha op(A) B + beta C, some columns at a time. */
void
ad_multiply_pieces(const char *trans, int m, int n, int k, const double *alpha,
				   const double *a, int lda, const double *b, int ldb,
				   const double *beta, double *c, int ldc)
{
	int			step = columns_a_step(2.0 * m * k);

	for (int j = 0; j < n; j += step)
	{
		int			ncols = Min(step, n - j);

		CHECK_FOR_INTERRUPTS();
		dgemm_(trans, "N", &m, &ncols, &k, alpha, a, &lda,
			   b + (Size) j * ldb, &ldb, beta, c + (Size) j * ldc, &ldc, 1, 1);
	}
}

/*
 * Reduce the last PANEL columns of the leading m of a symmetric matrix, of
 * which the upper triangle is given, as dlatrd does: the reflections go
 * where the columns were, and w is what the rest is to be updated with.
 */
static void
reduce_panel(double *a, int n, int m, double *e, double *tau, double *w)
{
#define A(i, j)	(a + (Size) (j) * n + (i))
#define W(i, j)	(w + (Size) (j) * n + (i))
	for (int i = m - 1; i >= m - PANEL; i--)
	{
		int			c = i - m + PANEL;	/* column of w */
		int			rows = i + 1;
		int			later = m - 1 - i;
		double		alpha;

		CHECK_FOR_INTERRUPTS();
		if (later > 0)
		{
			dgemv_("N", &rows, &later, &minus, A(0, i + 1), &n,
				   W(i, c + 1), &n, &plus, A(0, i), &one, 1);
			dgemv_("N", &rows, &later, &minus, W(0, c + 1), &n,
				   A(i, i + 1), &n, &plus, A(0, i), &one, 1);
		}
		if (i == 0)
			break;
		dlarfg_(&i, A(i - 1, i), A(0, i), &one, &tau[i - 1]);
		e[i - 1] = *A(i - 1, i);
		*A(i - 1, i) = 1;
		dsymv_("U", &i, &plus, a, &n, A(0, i), &one, &zero, W(0, c), &one, 1);
		if (later > 0)
		{
			dgemv_("T", &i, &later, &plus, W(0, c + 1), &n, A(0, i), &one,
				   &zero, W(i + 1, c), &one, 1);
			dgemv_("N", &i, &later, &minus, A(0, i + 1), &n, W(i + 1, c),
				   &one, &plus, W(0, c), &one, 1);
			dgemv_("T", &i, &later, &plus, A(0, i + 1), &n, A(0, i), &one,
				   &zero, W(i + 1, c), &one, 1);
			dgemv_("N", &i, &later, &minus, W(0, c + 1), &n, W(i + 1, c),
				   &one, &plus, W(0, c), &one, 1);
		}
		for (int j = 0; j < i; j++)
			*W(j, c) *= tau[i - 1];
		alpha = -0.5 * tau[i - 1] * ddot_(&i, W(0, c), &one, A(0, i), &one);
		for (int j = 0; j < i; j++)
			*W(j, c) += alpha * *A(j, i);
	}
#undef W
}

/* A symmetric matrix to a tridiagonal one and reflections, as dsytrd does. */
static void
tridiagonalise(double *a, int n, double *d, double *e, double *tau)
{
	double	   *w = ad_palloc_array(double, ad_mul_size(n, PANEL));
	int			rest = n - (n - 1) / PANEL * PANEL;
	int			info;

	for (int i = n - PANEL; i >= rest; i -= PANEL)
	{
		int			step = Min(columns_a_step(2.0 * i * i), PANEL);

		reduce_panel(a, n, i + PANEL, e, tau, w);
		/* each number gets the panel's columns added one by one */
		for (int k = 0; k < PANEL; k += step)
		{
			int			ncols = Min(step, PANEL - k);

			CHECK_FOR_INTERRUPTS();
			dsyr2k_("U", "N", &i, &ncols, &minus, A(0, i + k), &n,
					w + (Size) k * n, &n, &plus, a, &n, 1, 1);
		}
		for (int j = i; j < i + PANEL; j++)
		{
			*A(j - 1, j) = e[j - 1];
			d[j] = *A(j, j);
		}
	}
	dsytd2_("U", &rest, a, &n, d, e, tau, &info, 1);
	pfree(w);
}

/* Apply the reflections of tridiagonalise() to z, as dormql does. */
static void
reflect(double *a, int n, const double *tau, double *z)
{
	double	   *t = ad_palloc_array(double, PANEL * PANEL);
	double	   *work = ad_palloc_array(double, ad_mul_size(n, PANEL));
	const int	panel = PANEL;
	int			step = columns_a_step(4.0 * n * PANEL);

	for (int i = 0; i < n - 1; i += PANEL)
	{
		int			k = Min(PANEL, n - 1 - i);
		int			rows = i + k;

		CHECK_FOR_INTERRUPTS();
		dlarft_("B", "C", &rows, &k, A(0, i + 1), &n, tau + i, t, &panel,
				1, 1);
		for (int j = 0; j < n; j += step)
		{
			int			ncols = Min(step, n - j);

			CHECK_FOR_INTERRUPTS();
			dlarfb_("L", "N", "B", "C", &rows, &ncols, &k, A(0, i + 1), &n,
					t, &panel, z + (Size) j * n, &n, work, &n, 1, 1, 1, 1);
		}
	}
	pfree(t);
	pfree(work);
}
#undef A

/* A power of two that brings the elements where squares are exact enough. */
static double
scale_of(const double *a, int n)
{
	const double smallest = sqrt(DBL_MIN / DBL_EPSILON);
	double		norm = 0;

	for (Size i = 0; i < (Size) n * n; i++)
		norm = Max(norm, fabs(a[i]));
	if (norm > 0 && norm < smallest)
		return smallest / norm;
	if (norm > 1 / smallest)
		return 1 / smallest / norm;
	return 1;
}

/* dsyevd for a large matrix; false if it does not converge. */
static bool
large_eigen(double *a, int n, double *values)
{
	double	   *e = ad_palloc_array(double, n);
	double	   *tau = ad_palloc_array(double, n);
	double	   *z = ad_palloc_array(double, ad_mul_size(n, n));
	double		scale = scale_of(a, n);

	if (scale != 1)
		for (Size i = 0; i < (Size) n * n; i++)
			a[i] *= scale;
	tridiagonalise(a, n, values, e, tau);
	if (!ad_tridiagonal_eigen(n, values, e, z))
		return false;
	reflect(a, n, tau, z);
	CHECK_FOR_INTERRUPTS();
	memcpy(a, z, (Size) n * n * sizeof(double));
	for (int i = 0; scale != 1 && i < n; i++)
		values[i] *= 1 / scale;
	pfree(e);
	pfree(tau);
	pfree(z);
	return true;
}

/* dsyevd itself. */
static bool
small_eigen(double *a, int n, double *values)
{
	int			lwork = -1;
	int			liwork = -1;
	int			info;
	double		work_size;
	int			iwork_size;
	double	   *work;
	int		   *iwork;

	dsyevd_("V", "U", &n, a, &n, values, &work_size, &lwork, &iwork_size,
			&liwork, &info, 1, 1);
	lwork = (int) work_size;
	liwork = iwork_size;
	work = ad_palloc_array(double, Max(lwork, 1));
	iwork = ad_palloc_array(int, Max(liwork, 1));
	CHECK_FOR_INTERRUPTS();
	dsyevd_("V", "U", &n, a, &n, values, work, &lwork, iwork, &liwork,
			&info, 1, 1);
	pfree(work);
	pfree(iwork);
	return info == 0;
}

/*
 * Eigenvalues of a finite symmetric matrix, ascending; row i of a becomes
 * the unit eigenvector of values[i], its entry of greatest magnitude (of
 * equal ones the first) positive.
 */
void
ad_eigen(double *a, int n, double *values)
{
	if (!(n > SMALL ? large_eigen : small_eigen) (a, n, values))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("could not compute the eigenvalues of a covariance matrix of %d columns",
						n)));
	for (int i = 0; i < n; i++)
	{
		double	   *v = a + (Size) i * n;
		int			at = 0;

		CHECK_FOR_INTERRUPTS();
		for (int j = 1; j < n; j++)
			if (fabs(v[j]) > fabs(v[at]))
				at = j;
		if (v[at] < 0)
			for (int j = 0; j < n; j++)
				v[j] = -v[j];
	}
}

/*
 * Replace a symmetric matrix by L with L L' = a, zeros above the diagonal.
 * False, with a spoilt, unless it is positive definite.
 */
bool
ad_cholesky(double *a, int n)
{
	/* Fortran's upper triangle is our lower one */
	for (int j = 0; j < n; j += BLOCK)
	{
		double	   *left = a + (Size) j * n;	/* a block of columns */
		double	   *corner = left + j;
		int			k = Min(BLOCK, n - j);
		int			rest = n - j - k;
		double	   *right = left + (Size) k * n;
		int			step = columns_a_step((double) k * k);
		int			info;

		CHECK_FOR_INTERRUPTS();
		dsyrk_("U", "T", &k, &j, &minus, left, &n, &plus, corner, &n, 1, 1);
		dpotrf_("U", &k, corner, &n, &info, 1);
		if (info != 0)
			return false;
		if (rest == 0)
			break;
		ad_multiply_pieces("T", k, rest, j, &minus, left, n, right, n, &plus,
						   right + j, n);
		for (int c = 0; c < rest; c += step)
		{
			int			ncols = Min(step, rest - c);

			CHECK_FOR_INTERRUPTS();
			dtrsm_("L", "U", "T", "N", &k, &ncols, &plus, corner, &n,
				   right + j + (Size) c * n, &n, 1, 1, 1, 1);
		}
	}
	for (int i = 0; i < n; i++)
	{
		for (int j = i + 1; j < n; j++)
			a[(Size) i * n + j] = 0;
		if (!isfinite(a[(Size) i * n + i]))
			return false;
	}
	return true;
}

/* Replace a lower triangular matrix with a positive diagonal by its inverse. */
void
ad_lower_inverse(double *l, int n)
{
	for (int j = 0; j < n; j += BLOCK)
	{
		double	   *left = l + (Size) j * n;
		double	   *corner = left + j;
		int			k = Min(BLOCK, n - j);
		int			step = Min(columns_a_step((double) j * j), k);
		int			info;

		for (int c = 0; c < k && j > 0; c += step)
		{
			int			ncols = Min(step, k - c);

			CHECK_FOR_INTERRUPTS();
			dtrmm_("L", "U", "N", "N", &j, &ncols, &plus, l, &n,
				   left + (Size) c * n, &n, 1, 1, 1, 1);
		}
		CHECK_FOR_INTERRUPTS();
		dtrsm_("R", "U", "N", "N", &j, &k, &minus, corner, &n, left, &n, 1, 1,
			   1, 1);
		dtrtri_("U", "N", &k, corner, &n, &info, 1, 1);
		if (info != 0)
			elog(ERROR, "triangular matrix is singular");
	}
}
