/*-------------------------------------------------------------------------
 *
 * tridiagonal.c
 *		Eigenvectors of a tridiagonal matrix, in steps that can be cancelled.
 *
 * The matrix is divided into pieces of at most LEAF rows, whose solutions are
 * merged in pairs: dlaed0, dlaed1 and dlaed3 over dlaed2 and dlaed4 (Gu and
 * Eisenstat, "A divide-and-conquer algorithm for the symmetric tridiagonal
 * eigenproblem", 1995).  What LAPACK does in one call is done here by the
 * routines that it calls itself and in their order; see factor.c.
 *
 *-------------------------------------------------------------------------
 */
#include "math/factor_impl.h"

#include <float.h>

#define LEAF		25			/* rows that dsteqr solves */

/* Fortran passes the lengths of strings last. */
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
extern double dnrm2_(const int *n, const double *x, const int *incx);

static const int one = 1;
static const double plus = 1;
static const double zero = 0;

/* What merging two halves needs; see ad_tridiagonal_eigen(). */
typedef struct Merge
{
	int			ld;				/* rows of z between columns */
	double	   *vector;			/* 3 x n: z, lambda, w */
	double	   *q2;				/* n x (n + 1): columns of the halves, then s */
	int		   *index;			/* 4 x n: indx, indxc, coltyp, indxp */
} Merge;

/*
 * Find the k roots d and the vectors of a diagonal matrix with a rank-one
 * change, the latter in the columns of q; false if one cannot be found.
 */
static bool
find_roots(int ld, int k, double *d, double *q, const double *rho,
		   const double *lambda, const double *w)
{
	for (int j = 0; j < k; j++)
	{
		int			root = j + 1;
		int			info;

		CHECK_FOR_INTERRUPTS();
		dlaed4_(&k, &root, lambda, w, q + (Size) j * ld, rho, &d[j], &info);
		if (info != 0)
			return false;
	}
	return true;
}

/*
 * Make unit eigenvectors of what find_roots() left, their rows in the order
 * of the halves' columns; w is overwritten, s is scratch of k.
 */
static void
root_vectors(int ld, int k, double *q, const double *lambda, double *w,
			 const int *indx, double *s)
{
#define Q(i, j)	q[(Size) (j) * ld + (i)]
	if (k == 2)
		for (int j = 0; j < 2; j++)
		{
			w[0] = Q(0, j);
			w[1] = Q(1, j);
			Q(0, j) = w[indx[0] - 1];
			Q(1, j) = w[indx[1] - 1];
		}
	if (k <= 2)
		return;

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
#undef Q
}

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
	int			ld = m->ld;
	int			n2 = n - n1;
	int			n12 = ctot[0] + ctot[1];
	int			n23 = ctot[1] + ctot[2];

	if (!find_roots(ld, k, d, q, rho, lambda, w))
		return false;
	root_vectors(ld, k, q, lambda, w, indx, s);
	for (int half = 1; half >= 0; half--)
	{
		int			from = half ? ctot[0] : 0;	/* of the rows of q */
		int			inner = half ? n23 : n12;
		int			rows = half ? n2 : n1;
		double	   *to = half ? q + n1 : q;

		for (int j = 0; j < k; j++)
		{
			CHECK_FOR_INTERRUPTS();
			memcpy(s + (Size) j * inner, q + (Size) j * ld + from,
				   inner * sizeof(double));
			if (inner == 0)
				memset(to + (Size) j * ld, 0, rows * sizeof(double));
		}
		if (inner > 0)
			ad_multiply_pieces("N", rows, k, inner, &plus,
							   half ? q2 + (Size) n1 * n12 : q2, rows, s, inner,
							   &zero, to, ld);
	}
	return true;
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
 * Eigenvalues d, ascending, and eigenvectors z of a tridiagonal matrix of at
 * most LEAF rows; false if it does not converge.
 */
static bool
solve_leaf(int n, double *d, double *e, double *z, int ld)
{
	double		work[2 * LEAF];
	int			info;

	CHECK_FOR_INTERRUPTS();
	dsteqr_("I", &n, d, e, z, &ld, work, &info, 1);
	return info == 0;
}

/*
 * Eigenvalues d and eigenvectors z of a tridiagonal matrix of n > LEAF rows,
 * diagonal d and e beside it, as dlaed0 has them; z's square is zeros.  Not
 * sorted: order says how they ascend.
 */
static bool
divide_and_merge(Merge *m, int n, double *d, double *e, double *z, int *order)
{
	int		   *end = ad_palloc_array(int, 2 * n);	/* of each part */
	int			parts = 1;

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

		if (!solve_leaf(size, d + from, e + from,
						z + (Size) from * m->ld + from, m->ld))
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

/* The same, scaled to a norm of 1 for it and sorted after it. */
static bool
solve_piece(Merge *m, int n, double *d, double *e, double *z, int *order)
{
	const int	none = 0;
	int			between = n - 1;
	double		norm = 0;
	double	   *sorted = m->vector;
	int			info;

	for (int i = 0; i < n; i++)
		norm = Max(norm, Max(fabs(d[i]), i < n - 1 ? fabs(e[i]) : 0));
	dlascl_("G", &none, &none, &norm, &plus, &n, &one, d, &n, &info, 1);
	dlascl_("G", &none, &none, &norm, &plus, &between, &one, e, &between,
			&info, 1);
	if (!divide_and_merge(m, n, d, e, z, order))
		return false;
	/* what was deflated at the last merge to its place */
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sorted[i] = d[order[i] - 1];
		memcpy(m->q2 + (Size) i * n, z + (Size) (order[i] - 1) * m->ld,
			   n * sizeof(double));
	}
	memcpy(d, sorted, n * sizeof(double));
	for (int i = 0; i < n; i++)
		memcpy(z + (Size) i * m->ld, m->q2 + (Size) i * n, n * sizeof(double));
	dlascl_("G", &none, &none, &plus, &norm, &n, &one, d, &n, &info, 1);
	return true;
}

/*
 * Sort eigenvalues and their vectors, of which pieces ascend each: by
 * selection, to move as few columns as possible.
 */
static void
sort_columns(int n, double *d, double *z)
{
	double	   *column = ad_palloc_array(double, n);

	for (int i = 0; i < n - 1; i++)
	{
		int			at = i;
		double		value = d[i];

		CHECK_FOR_INTERRUPTS();
		for (int j = i + 1; j < n; j++)
			if (d[j] < value)
			{
				at = j;
				value = d[j];
			}
		if (at == i)
			continue;
		d[at] = d[i];
		d[i] = value;
		memcpy(column, z + (Size) i * n, n * sizeof(double));
		memcpy(z + (Size) i * n, z + (Size) at * n, n * sizeof(double));
		memcpy(z + (Size) at * n, column, n * sizeof(double));
	}
	pfree(column);
}

/*
 * Eigenvalues d, ascending, and eigenvectors z of a tridiagonal matrix of n
 * rows, diagonal d and e beside it, as dstedc has them.  Where an element
 * beside the diagonal is as good as 0 the matrix falls into pieces.  False
 * if it does not converge.
 */
bool
ad_tridiagonal_eigen(int n, double *d, double *e, double *z)
{
	Merge		m;
	int		   *order = ad_palloc_array(int, n);
	int			size;

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
			if (!solve_leaf(size, d + from, e + from, corner, n))
				return false;
		}
		else if (!solve_piece(&m, size, d + from, e + from, corner, order))
			return false;
	}
	sort_columns(n, d, z);
	pfree(order);
	pfree(m.vector);
	pfree(m.q2);
	pfree(m.index);
	return true;
}
