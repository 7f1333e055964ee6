/* The steps of detector autoencoder; see steps.h. */
#include "detectors/autoencoder.c"
#include "steps.h"

static Net *
make_net(AdTraining *t, int cols)
{
	AdIntList	hidden = {.n = 2,.v = {64, 16}};
	Shape		shape = shape_of(&hidden, cols);

	t->shape = &shape;
	t->net = net_create(t);
	ad_network_train(t);
	return t->net;
}

static int
parameters_of(Net *net, Group *group)
{
	for (int i = 0; i < net->shape.n; i++)
	{
		AdDense    *l = net->layer[i];

		group[i] = (Group)
		{
			&l->p, l->inputs + 1, l->outputs, l->width
		};
	}
	return net->shape.n;
}

STEPS_OF(autoencoder);
