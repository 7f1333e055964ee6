/* The steps of detector vae; see steps.h. */
#include "detectors/vae.c"
#include "steps.h"

void		(*ad_detector_phase) (const char *phase) = NULL;

static Net *
make_net(AdTraining *t, int cols)
{
	AdIntList	hidden = {.n = 1,.v = {32}};
	Shape		shape = shape_of(&hidden, 4, cols);

	t->shape = &shape;
	t->net = net_create(t);
	ad_network_train(t);
	return t->net;
}

static int
parameters_of(Net *net, Group *group)
{
	int			n = 2 * net->shape.half;

	for (int i = 0; i < n; i++)
	{
		AdDense    *l = net->layer[i];

		group[i] = (Group)
		{
			&l->p, l->inputs + 1, l->outputs, l->width
		};
	}
	group[n] = (Group)
	{
		&net->log_variance, 1, net->shape.inputs[0], net->log_variance.n
	};
	return n + 1;
}

PG_MODULE_MAGIC;

STEPS_OF(vae);
