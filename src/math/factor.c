/*-------------------------------------------------------------------------
 *
 * factor.c
 *		Factorisations over LAPACK and BLAS, in steps that can be cancelled.
 *
 * A call of LAPACK's cannot be interrupted, and the eigenvectors of 2,048
 * columns take it many seconds.  So what dsyevd, dpotrf and dtrtri do for a
 * large matrix is done here, by the routines that they call themselves and
 * in their order, with a look for a cancel between any two of at most some
 * ten million operations (STEP).  A product is cut where each number of its
 * result is still one sum in the same order, so that with the reference BLAS
 * the results are theirs to the last bit.
 *
 * Eigenvectors: Householder reflections in panels make the matrix
 * tridiagonal (dsytrd, dlatrd); that is divided into pieces of at most
 * LEAF rows, whose solutions are merged in pairs (dlaed0, dlaed1 and dlaed3
 * over dlaed2 and dlaed4: Gu and Eisenstat, "A divide-and-conquer algorithm
 * for the symmetric tridiagonal eigenproblem", 1995); the reflections are
 * applied to the result (dormql).
 *
 * Matrices are column by column here, as Fortran has them; indexes begin
 * at 0.  Workspaces are palloc'd, errors are return codes.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_linalg.h"

#include <float.h>

#define SMALL		128			/* columns that LAPACK may have whole */
#define STEP		(16.0 * 1024 * 1024)	/* operations between two checks */
#define PANEL		32			/* columns of a panel: dsytrd's, dormql's */
#define BLOCK		64			/* dpotrf's, dtrtri's */
#define LEAF		25			/* rows that dsteqr solves */

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
extern void dsteqr_(const char *compz, const int *n, double *d, double *e,
					double *z, const int *ldz, double *work, int *info,
					size_t);
extern void dlaed2_(int *k, const int *n, const int *n1, double *d, double *q,
					const int *ldq, int *indxq, double *rho, double *z,
					double *lambda, double *w, double *q2, int *indx,
					int *indxc, int *indxp, int *coltyp, int *info);
extern void dlaed4_(const int *n, const int *i, const double *d,
					const double *z, double *delta, const double *rho,
					double *lambda, int *info);
extern void dlamrg_(const int *n1, const int *n2, const double *a,
					const int *trd1, const int *trd2, int *index);
extern void dlascl_(const char *type, const int *kl, const int *ku,
					const double *from, const double *to, const int *m,
					const int *n, double *a, const int *lda, int *info,
					size_t);
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
extern double dnrm2_(const int *n, const double *x, const int *incx);
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

/* How many columns of so many operations each go between two checks. */
static int
columns_a_step(double each)
{
	return (int) Min(Max(STEP / Max(each, 1), 1), 1 << 20);
}

/* C = alpha op(A) B + beta C, some columns at a time. */
static void
multiply(const char *trans, int m, int n, int k, const double *alpha,
		 const double *a, int lda, const double *b, int ldb,
		 const double *beta, double *c, int ldc)
{
	int			step = columns_a_step(2.0 * m * k);

	for (int j = 0; j < n; j += step)
	{
		int			some = Min(step, n - j);

		CHECK_FOR_INTERRUPTS();
		dgemm_(trans, "N", &m, &some, &k, alpha, a, &lda,
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
			int			some = Min(step, PANEL - k);

			CHECK_FOR_INTERRUPTS();
			dsyr2k_("U", "N", &i, &some, &minus, A(0, i + k), &n,
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
			int			some = Min(step, n - j);

			CHECK_FOR_INTERRUPTS();
			dlarfb_("L", "N", "B", "C", &rows, &some, &k, A(0, i + 1), &n,
					t, &panel, z + (Size) j * n, &n, work, &n, 1, 1, 1, 1);
		}
	}
	pfree(t);
	pfree(work);
}
#undef A

/* What merging two halves needs; see tridiagonal_piece(). */
typedef struct Merge
{
	int			ld;				/* rows of z between columns */
	double	   *vector;			/* 3 x n: z, lambda, w */
	double	   *q2;				/* n x (n + 1): columns of the halves, then s */
	int		   *index;			/* 4 x n: indx, indxc, coltyp, indxp */
} Merge;

/*
 * The eigenvectors of a diagonal matrix with a rank-one change, times those
 * of the halves, as dlaed3 has them.  k of n columns are not deflated, the
 * first half has n1 rows, ctot says how many columns have upper rows only,
 * all, and lower ones only.  False if a root cannot be found.
 */
static bool
merge_vectors(Merge *m, int k, int n, int n1, double *d, double *q,
			  const double *rho, double *lambda, double *w, const double *q2,
			  const int *indx, const int *ctot, double *s)
{
#define Q(i, j)	q[(Size) (j) * ld + (i)]
	int			ld = m->ld;
	int			n2 = n - n1;
	int			n12 = ctot[0] + ctot[1];
	int			n23 = ctot[1] + ctot[2];

	for (int j = 0; j < k; j++)
	{
		int			root = j + 1;
		int			info;

		CHECK_FOR_INTERRUPTS();
		dlaed4_(&k, &root, lambda, w, &Q(0, j), rho, &d[j], &info);
		if (info != 0)
			return false;
	}
	if (k == 2)
		for (int j = 0; j < 2; j++)
		{
			w[0] = Q(0, j);
			w[1] = Q(1, j);
			Q(0, j) = w[indx[0] - 1];
			Q(1, j) = w[indx[1] - 1];
		}
	else if (k > 2)
	{
		/* the change for which the roots found are exact: Loewner's formula */
		memcpy(s, w, k * sizeof(double));
		for (int i = 0; i < k; i++)
			w[i] = Q(i, i);
		for (int j = 0; j < k; j++)
		{
			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < k; i++)
				if (i != j)
					w[i] *= Q(i, j) / (lambda[i] - lambda[j]);
		}
		for (int i = 0; i < k; i++)
			w[i] = copysign(sqrt(-w[i]), s[i]);
		for (int j = 0; j < k; j++)
		{
			double		norm;

			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < k; i++)
				s[i] = w[i] / Q(i, j);
			norm = dnrm2_(&k, s, &one);
			for (int i = 0; i < k; i++)
				Q(i, j) = s[indx[i] - 1] / norm;
		}
	}

	for (int half = 1; half >= 0; half--)
	{
		int			from = half ? ctot[0] : 0;	/* of the rows of q */
		int			inner = half ? n23 : n12;
		int			rows = half ? n2 : n1;
		double	   *to = half ? q + n1 : q;

		for (int j = 0; j < k; j++)
		{
			CHECK_FOR_INTERRUPTS();
			memcpy(s + (Size) j * inner, &Q(from, j), inner * sizeof(double));
			if (inner == 0)
				memset(to + (Size) j * ld, 0, rows * sizeof(double));
		}
		if (inner > 0)
			multiply("N", rows, k, inner, &plus,
					 half ? q2 + (Size) n1 * n12 : q2, rows, s, inner, &zero,
					 to, ld);
	}
	return true;
#undef Q
}

/*
 * Merge the solutions of two halves, of which the first has n1 rows, as
 * dlaed1 does: d has the eigenvalues, q the eigenvectors, order how each
 * half ascends; rho is the element of the tridiagonal matrix between them.
 */
static bool
merge(Merge *m, int n, int n1, double *d, double *q, int *order, double *rho)
{
	double	   *z = m->vector;
	double	   *lambda = z + n;
	double	   *w = lambda + n;
	int		   *indx = m->index;
	int		   *indxc = indx + n;
	int		   *coltyp = indxc + n;
	int		   *indxp = coltyp + n;
	const int	down = -1;
	int			rest;
	int			k;
	int			info;

	CHECK_FOR_INTERRUPTS();
	for (int j = 0; j < n1; j++)
		z[j] = q[(Size) j * m->ld + n1 - 1];
	for (int j = n1; j < n; j++)
		z[j] = q[(Size) j * m->ld + n1];
	dlaed2_(&k, &n, &n1, d, q, &m->ld, order, rho, z, lambda, w, m->q2, indx,
			indxc, indxp, coltyp, &info);
	if (info != 0)
		return false;
	if (k == 0)
	{
		for (int i = 0; i < n; i++)
			order[i] = i + 1;
		return true;
	}
	if (!merge_vectors(m, k, n, n1, d, q, rho, lambda, w, m->q2, indxc, coltyp,
					   m->q2 + (Size) (coltyp[0] + coltyp[1]) * n1 +
					   (Size) (coltyp[1] + coltyp[2]) * (n - n1)))
		return false;
	rest = n - k;
	dlamrg_(&k, &rest, d, &one, &down, order);
	return true;
}

/*
 * Eigenvalues d and eigenvectors z of a tridiagonal matrix of n > LEAF rows,
 * diagonal d and e beside it, as dlaed0 has them; z's square is zeros.  Not
 * sorted: order says how they ascend.
 */
static bool
tridiagonal_piece(Merge *m, int n, double *d, double *e, double *z, int *order)
{
	int		   *end = ad_palloc_array(int, 2 * n);	/* of each part */
	int			parts = 1;
	double		work[2 * LEAF];
	int			info;

	end[0] = n;
	while (end[parts - 1] > LEAF)
	{
		for (int j = parts - 1; j >= 0; j--)
		{
			int			size = end[j];

			end[2 * j + 1] = (size + 1) / 2;
			end[2 * j] = size / 2;
		}
		parts *= 2;
	}
	for (int j = 1; j < parts; j++)
		end[j] += end[j - 1];
	for (int j = 0; j < parts - 1; j++)
	{
		int			cut = end[j];

		d[cut - 1] -= fabs(e[cut - 1]);
		d[cut] -= fabs(e[cut - 1]);
	}
	for (int j = 0; j < parts; j++)
	{
		int			from = j == 0 ? 0 : end[j - 1];
		int			size = end[j] - from;

		CHECK_FOR_INTERRUPTS();
		dsteqr_("I", &size, d + from, e + from, z + (Size) from * m->ld + from,
				&m->ld, work, &info, 1);
		if (info != 0)
			return false;
		for (int i = 0; i < size; i++)
			order[from + i] = i + 1;
	}
	for (; parts > 1; parts /= 2)
		for (int j = 0; j < parts; j += 2)
		{
			int			from = j == 0 ? 0 : end[j / 2 - 1];
			int			size = end[j + 1] - from;
			int			half = j == 0 ? end[0] : size / 2;

			if (!merge(m, size, half, d + from,
					   z + (Size) from * m->ld + from, order + from,
					   &e[from + half - 1]))
				return false;
			end[j / 2] = end[j + 1];
		}
	pfree(end);
	return true;
}

/*
 * Eigenvalues d, ascending, and eigenvectors z of a tridiagonal matrix, as
 * dstedc has them.  Where an element beside the diagonal is as good as 0 the
 * matrix falls into pieces.
 */
static bool
tridiagonal(int n, double *d, double *e, double *z)
{
	Merge		m;
	int		   *order = ad_palloc_array(int, n);
	double	   *column = ad_palloc_array(double, n);
	int			size;
	int			info;

	m.ld = n;
	m.vector = ad_palloc_array(double, 3 * (Size) n);
	m.q2 = ad_palloc_array(double, ad_mul_size(n, n + 1));
	m.index = ad_palloc_array(int, 4 * (Size) n);
	memset(z, 0, (Size) n * n * sizeof(double));
	for (int from = 0; from < n; from += size)
	{
		double	   *corner = z + (Size) from * n + from;
		int			last = from;

		while (last < n - 1 &&
			   fabs(e[last]) > DBL_EPSILON / 2 * sqrt(fabs(d[last])) *
			   sqrt(fabs(d[last + 1])))
			last++;
		size = last - from + 1;
		if (size == 1)
			*corner = 1;
		else if (size <= LEAF)
		{
			double		work[2 * LEAF];

			CHECK_FOR_INTERRUPTS();
			dsteqr_("I", &size, d + from, e + from, corner, &n, work, &info, 1);
			if (info != 0)
				return false;
		}
		else
		{
			const int	none = 0;
			int			between = size - 1;
			double		norm = 0;
			double	   *sorted = m.vector;

			for (int i = from; i <= last; i++)
				norm = Max(norm, Max(fabs(d[i]), i < last ? fabs(e[i]) : 0));
			dlascl_("G", &none, &none, &norm, &plus, &size, &one, d + from,
					&size, &info, 1);
			dlascl_("G", &none, &none, &norm, &plus, &between, &one, e + from,
					&between, &info, 1);
			if (!tridiagonal_piece(&m, size, d + from, e + from, corner, order))
				return false;
			/* what was deflated at the last merge to its place */
			for (int i = 0; i < size; i++)
			{
				CHECK_FOR_INTERRUPTS();
				sorted[i] = d[from + order[i] - 1];
				memcpy(m.q2 + (Size) i * size,
					   corner + (Size) (order[i] - 1) * n,
					   size * sizeof(double));
			}
			memcpy(d + from, sorted, size * sizeof(double));
			for (int i = 0; i < size; i++)
				memcpy(corner + (Size) i * n, m.q2 + (Size) i * size,
					   size * sizeof(double));
			dlascl_("G", &none, &none, &plus, &norm, &size, &one, d + from,
					&size, &info, 1);
		}
	}

	/* pieces ascend each; by selection, to move as few columns as possible */
	for (int i = 0; i < n - 1; i++)
	{
		int			least = i;
		double		value = d[i];

		CHECK_FOR_INTERRUPTS();
		for (int j = i + 1; j < n; j++)
			if (d[j] < value)
			{
				least = j;
				value = d[j];
			}
		if (least == i)
			continue;
		d[least] = d[i];
		d[i] = value;
		memcpy(column, z + (Size) i * n, n * sizeof(double));
		memcpy(z + (Size) i * n, z + (Size) least * n, n * sizeof(double));
		memcpy(z + (Size) least * n, column, n * sizeof(double));
	}
	pfree(order);
	pfree(column);
	pfree(m.vector);
	pfree(m.q2);
	pfree(m.index);
	return true;
}

/* A power of two that brings the elements where squares are exact enough. */
static double
scale_of(const double *a, int n)
{
	const double least = sqrt(DBL_MIN / DBL_EPSILON);
	double		norm = 0;

	for (Size i = 0; i < (Size) n * n; i++)
		norm = Max(norm, fabs(a[i]));
	if (norm > 0 && norm < least)
		return least / norm;
	if (norm > 1 / least)
		return 1 / least / norm;
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
	if (!tridiagonal(n, values, e, z))
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
		multiply("T", k, rest, j, &minus, left, n, right, n, &plus, right + j,
				 n);
		for (int c = 0; c < rest; c += step)
		{
			int			some = Min(step, rest - c);

			CHECK_FOR_INTERRUPTS();
			dtrsm_("L", "U", "T", "N", &k, &some, &plus, corner, &n,
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
			int			some = Min(step, k - c);

			CHECK_FOR_INTERRUPTS();
			dtrmm_("L", "U", "N", "N", &j, &some, &plus, l, &n,
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
