/*-------------------------------------------------------------------------
 *
 * steps.h
 *		A module for the tests: networks and their gradients, as they are trained.
 *
 * It is included by a file that has included a detector's, for what is static
 * there, and has defined make_net() and parameters_of().
 *
 * networks_NAME(x, cols, epochs, batch, trim, rate, seed) trains the detector
 * NAME on rows x and returns its weights, layer by layer.
 *
 * networks_NAME_gradients(the same) then compares the gradients of one more
 * batch, the first rows, with central differences of the loss: the greatest
 * that one differs by, in units of the greatest gradient of its layer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef STEPS_H
#define STEPS_H

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#define MAX_GROUPS		32

/*
 * What a number is moved by: great beside the rounding of a loss, or so little
 * that no unit of the network begins to be cut off.
 */
static const float moves[] = {5e-4f, 5e-5f, 5e-6f};

/* Numbers that are trained, some rows of padded ones. */
typedef struct Group
{
	AdParameters *p;
	int			rows;
	int			cols;
	Size		width;
} Group;

static Net *make_net(AdTraining *t, int cols);
static int	parameters_of(Net *net, Group *group);

/* The training that the arguments say, without a network. */
static AdTraining
training_of(FunctionCallInfo fcinfo)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	AdMatrix   *m = palloc0(sizeof(AdMatrix));
	AdTraining	t = {.members = 1,.forward = net_forward,.backward = net_backward,.step = net_step};

	m->cols = PG_GETARG_INT32(1);
	m->rows = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) / m->cols;
	m->x = (const double *) ARR_DATA_PTR(array);
	m->kinds = palloc0(m->cols);
	m->seed = t.seed = (uint64) PG_GETARG_INT64(6);
	t.m = m;
	t.inputs = ad_network_inputs(m);
	t.epochs = PG_GETARG_INT32(2);
	t.batch = PG_GETARG_INT32(3);
	t.trim = PG_GETARG_FLOAT8(4);
	t.learning_rate = PG_GETARG_FLOAT8(5);
	return t;
}

/* Its weights: an array of float4. */
static ArrayType *
weights_of(Net *net)
{
	Group		group[MAX_GROUPS];
	int			ngroups = parameters_of(net, group);
	int			n = 0;
	Datum	   *values;

	for (int g = 0; g < ngroups; g++)
		n += group[g].rows * group[g].cols;
	values = palloc(n * sizeof(Datum));
	n = 0;
	for (int g = 0; g < ngroups; g++)
		for (int i = 0; i < group[g].rows; i++)
			for (int j = 0; j < group[g].cols; j++)
				values[n++] = Float4GetDatum(group[g].p->value[i * group[g].width + j]);
	return construct_array(values, n, FLOAT4OID, sizeof(float4), true, 'i');
}

/* The mean loss of the kept rows. */
static double
mean_loss(AdTraining *t, const AdTrainingBatch *b, double *loss)
{
	double		sum = 0;

	t->forward(t->net, b, loss);
	for (int i = 0; i < b->rows; i++)
		sum += b->kept[i] ? loss[i] : 0;
	return sum / b->nkept;
}

/* A batch of the first rows, every fourth of which is trimmed. */
static AdTrainingBatch
first_rows(const AdTraining *t, int rows)
{
	float	   *x = ad_dense_floats(rows * t->inputs->width);
	Size	   *row = palloc(rows * sizeof(Size));
	double	   *input = palloc(t->m->cols * sizeof(double));
	AdTrainingBatch		b = {.rows = rows,.width = t->inputs->width,.x = x,.row = row,.step = 7,.seed = t->seed};

	b.kept = palloc(rows * sizeof(bool));
	for (int i = 0; i < rows; i++)
	{
		row[i] = i;
		b.kept[i] = i % 4 != 0;
		b.nkept += b.kept[i];
		ad_network_input(t->inputs, t->m->x + i * t->m->cols, input);
		for (int j = 0; j < t->m->cols; j++)
			x[i * b.width + j] = (float) input[j];
	}
	return b;
}

/* See the file's head. */
static double
worst_gradient(AdTraining *t, int rows)
{
	Group		group[MAX_GROUPS];
	int			ngroups = parameters_of(t->net, group);
	AdTrainingBatch		b = first_rows(t, rows);
	double	   *loss = palloc(rows * sizeof(double));
	double		worst = 0;

	for (int g = 0; g < ngroups; g++)
	{
		AdParameters *p = group[g].p;
		float	   *gradient = palloc(p->n * sizeof(float));
		double		greatest = 0;
		double		off = 0;

		(void) mean_loss(t, &b, loss);
		t->backward(t->net, &b);
		memcpy(gradient, p->gradient, p->n * sizeof(float));
		for (int i = 0; i < group[g].rows; i++)
			for (int j = 0; j < group[g].cols; j++)
			{
				Size		at = i * group[g].width + j;
				float		value = p->value[at];
				double		least = INFINITY;

				for (int k = 0; k < (int) lengthof(moves); k++)
				{
					double		change;
					double		width;

					CHECK_FOR_INTERRUPTS();
					p->value[at] = value + moves[k];
					width = p->value[at];
					change = mean_loss(t, &b, loss);
					p->value[at] = value - moves[k];
					width -= p->value[at];
					change -= mean_loss(t, &b, loss);
					p->value[at] = value;
					least = Min(least, fabs(change / width - gradient[at]));
				}
				greatest = Max(greatest, fabs(gradient[at]));
				off = Max(off, least);
			}
		worst = Max(worst, off / greatest);
		elog(DEBUG1, "group %d: greatest gradient %g, off by %g", g, greatest, off);
	}
	return worst;
}

/* A trained network of the arguments, in *t. */
static void
train_net(FunctionCallInfo fcinfo, AdTraining *t)
{
	*t = training_of(fcinfo);
	t->net = make_net(t, t->m->cols);
}

#define STEPS_OF(name) \
PG_FUNCTION_INFO_V1(networks_##name); \
PG_FUNCTION_INFO_V1(networks_##name##_gradients); \
Datum \
networks_##name(PG_FUNCTION_ARGS) \
{ \
	AdTraining	t; \
	train_net(fcinfo, &t); \
	PG_RETURN_ARRAYTYPE_P(weights_of(t.net)); \
} \
Datum \
networks_##name##_gradients(PG_FUNCTION_ARGS) \
{ \
	AdTraining	t; \
	train_net(fcinfo, &t); \
	PG_RETURN_FLOAT8(worst_gradient(&t, (int) Min((Size) t.batch, t.m->rows))); \
} \
extern int	ad_no_semicolon

#endif							/* STEPS_H */
