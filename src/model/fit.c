/*-------------------------------------------------------------------------
 *
 * fit.c
 *		From a sketch to a model.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"

/*
 * Fit the spec's detector to a sketch.  Returns the model's bytes in the
 * current context; everything else is freed.  Cancellable.  Byte-identical
 * for sketches that say the same.
 */
bytea *
ad_model_fit(AdSketch *sketch, const AdSpec *spec)
{
	MemoryContext scratch;
	MemoryContext old;
	AdView	   *v;
	AdModel    *m;
	AdMatrix	matrix;
	AdEnvelopeWriter w;
	StringInfo	buf;
	StringInfoData text;
	bytea	   *result;
	bytea	   *bytes;

	scratch = AllocSetContextCreate(CurrentMemoryContext, "anomaly fit",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);

	v = ad_view_create(sketch);
	m = ad_model_new(scratch);
	m->detector = spec->detector;
	m->rows = v->rows;
	m->sampled = v->n;
	m->nfeatures = v->nfeatures;
	m->features = ad_palloc0_array(AdModelFeature, v->nfeatures);
	for (int j = 0; j < v->nfeatures; j++)
	{
		m->features[j].name = sketch->features[j].name;
		m->features[j].type = sketch->features[j].type;
		m->features[j].class = sketch->features[j].class;
		m->features[j].stats = v->features[j];
	}
	initStringInfo(&text);
	ad_spec_print(&text, spec);
	m->spec = text.data;

	matrix.x = ad_prepare_fit(m, v, spec);
	if (m->ncols == 0)
		elog(ERROR, "no columns are left");
	matrix.rows = v->n;
	matrix.cols = m->ncols;
	matrix.kinds = m->kinds;
	matrix.seed = spec->sampling.seed;

	buf = ad_envelope_begin(&w, 4, 0);
	ad_model_write_head(m, &w, buf);
	ad_envelope_section(&w, AD_SECTION_PAYLOAD);
	spec->detector->fit(&matrix, spec->options, buf);
	bytes = ad_envelope_end(&w, AD_MAGIC_MODEL, AD_MODEL_VERSION,
							spec->detector->id,
							spec->detector->contains_rows ?
							AD_MODEL_CONTAINS_ROWS : 0);

	MemoryContextSwitchTo(old);
	result = palloc(VARSIZE(bytes));
	memcpy(result, bytes, VARSIZE(bytes));
	MemoryContextDelete(scratch);
	return result;
}
