-- Jobs and alerts: labels, and training again with what they say.

CREATE FUNCTION @extschema@.ad_label(job text, key text, is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, text, boolean, text) IS
'says of the latest alert of a key whether it is an anomaly, in place of what was said before; NULL takes that back; needs the privilege label, and for a row without an alert to own the job; returns how many labels were written or taken back';

CREATE FUNCTION @extschema@.ad_label(job text, key bigint, is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, bigint, boolean, text) IS
'the same for a key that is a number';

CREATE FUNCTION @extschema@.ad_label(job text, key "any", watermark "any", is_anomaly boolean, note text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_label_version'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_label(text, "any", "any", boolean, text) IS
'the same of the version of a row with a watermark, as the alert has it or as the column has it';

CREATE FUNCTION _anomaly._ad_label(job text, key text, is_anomaly boolean, note text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION _anomaly._ad_label(text, text, boolean, text) IS
'ad_label() as it was until 0.2.0, where objects made then depend on it';

CREATE FUNCTION _anomaly._ad_label(job text, key bigint, is_anomaly boolean, note text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_label'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION _anomaly._ad_label(text, bigint, boolean, text) IS
'ad_label() as it was until 0.2.0, where objects made then depend on it';

CREATE FUNCTION _anomaly._ad_retrain_metrics(name text, champion bytea, challenger bytea, features0 jsonb, features1 jsonb,
    OUT labels bigint, OUT anomalies bigint, OUT roc_auc0 double precision, OUT roc_auc1 double precision,
    OUT average_precision0 double precision, OUT average_precision1 double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	types text;
	jobs text[];
	labelled text;
	one record;
	unfit jsonb := '[]';	-- pairs of job and key
BEGIN
	-- anybody can have a job that names the model: it counts if its owner owns
	-- the model, or was granted that its labels count
	jobs := ARRAY(SELECT j.name FROM _anomaly._ad_visible_job j JOIN pg_roles r ON r.rolname = j.owner
				  WHERE j.kind = 'model' AND j.model = $1
					AND (r.rolsuper OR EXISTS (SELECT FROM _anomaly._ad_visible_grant g LEFT JOIN pg_roles o ON o.rolname = g.role
											   WHERE g.name = $1 AND g.privilege IN ('label', 'own')
												 AND (g.role = 'public' OR pg_has_role(r.oid, o.oid, 'USAGE')))));
	-- a row is made of the JSON again, with the types of the features less the
	-- checks of domains; as regtype writes it a char(n) would be a char(1)
	SELECT string_agg(format('%I %s', f ->> 'name', coalesce(format_type(_anomaly._ad_plain_type(to_regtype(f ->> 'type')), -1), 'text')), ', ') INTO types
	FROM (SELECT DISTINCT ON (e ->> 'name') e AS f FROM jsonb_array_elements($4 || $5) e) d
	WHERE f ->> 'name' IS NOT NULL;
	labelled := format($sql$
FROM _anomaly._ad_visible_label l JOIN _anomaly._ad_visible_job j ON j.name = l.job
     CROSS JOIN LATERAL jsonb_to_record(CASE WHEN j.features IS NULL THEN l."row" ELSE
         (SELECT jsonb_object_agg($4 -> (i - 1)::int ->> 'name', l."row" -> c)
          FROM unnest(j.features) WITH ORDINALITY u(c, i)) END) AS f(%s)
WHERE j.name = ANY ($1) AND NOT $5 @> jsonb_build_array(jsonb_build_array(l.job, l.key))$sql$, types);
	FOR attempt IN 1..2 LOOP
		SELECT count(*), count(*) FILTER (WHERE l.is_anomaly) INTO labels, anomalies
		FROM _anomaly._ad_visible_label l
		WHERE l.job = ANY (jobs) AND NOT unfit @> jsonb_build_array(jsonb_build_array(l.job, l.key));
		EXIT WHEN labels = 0 OR anomalies IN (0, labels) OR ($4 || $5) @> '[{"name": null}]';
		BEGIN
			EXECUTE 'SELECT _anomaly._ad_roc_auc(s0, a), _anomaly._ad_roc_auc(s1, a), '
				'_anomaly._ad_average_precision(s0, a), _anomaly._ad_average_precision(s1, a) '
				'FROM (SELECT l.is_anomaly AS a, _anomaly._ad_score($2, f.*) AS s0, _anomaly._ad_score($3, f.*) AS s1'
				|| labelled || ') s'
				INTO roc_auc0, roc_auc1, average_precision0, average_precision1 USING jobs, $2, $3, $4, unfit;
			EXIT;
		EXCEPTION WHEN data_exception THEN
			-- the table may have changed since; one row must not stop it for ever
			IF attempt = 2 THEN
				RAISE;
			END IF;
			FOR one IN SELECT o.job, o.key FROM _anomaly._ad_visible_label o WHERE o.job = ANY (jobs) LOOP
				BEGIN
					EXECUTE 'SELECT min(_anomaly._ad_score($2, f.*) + _anomaly._ad_score($3, f.*))' || labelled || ' AND l.key = $6'
						USING ARRAY[one.job], $2, $3, $4, unfit, one.key;
				EXCEPTION WHEN data_exception THEN
					unfit := unfit || jsonb_build_array(jsonb_build_array(one.job, one.key));
				END;
			END LOOP;
			RAISE WARNING '% labelled rows do not fit the features of model "%" and are left out', jsonb_array_length(unfit), $1;
		END;
	END LOOP;
END $$;
COMMENT ON FUNCTION _anomaly._ad_retrain_metrics(text, bytea, bytea, jsonb, jsonb) IS
'metrics of two versions of a model on the labelled rows of its jobs; NULL without labels of both kinds';

-- No SET search_path: the training query means what it means to the caller.
CREATE FUNCTION @extschema@.ad_retrain(
    name text,
    margin double precision DEFAULT 0.02,
    max_drift double precision DEFAULT 0.2,
    min_labels integer DEFAULT 20)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	champion pg_catalog.record;
	challenger pg_catalog.int4;
	q pg_catalog.record;
	drift pg_catalog.float8;
	given pg_catalog.text;
BEGIN
	champion := _anomaly._ad_retrain_champion($1, $2, $3, $4);
	challenger := _anomaly._ad_train($1, champion.query, champion.spec, 'ad_retrain', NULL, false);

	-- how the rows that it was trained on look to the champion: of its own
	-- rows a share _k lies above its threshold, those on it left out or not
	q := _anomaly._ad_query(champion.query, 'training query');
	IF _anomaly._ad_feature_changes(champion.features,
			(SELECT m.features FROM _anomaly._ad_visible_model m
			 WHERE m.name OPERATOR(pg_catalog.=) $1 AND m.version OPERATOR(pg_catalog.=) challenger)) IS NOT NULL
	THEN
		NULL;				-- not like for like
	ELSIF pg_catalog.cardinality(q.columns) OPERATOR(pg_catalog.=) 1
		AND q.types[1]::pg_catalog.oid OPERATOR(pg_catalog.=) 'pg_catalog.bytea'::pg_catalog.regtype::pg_catalog.oid
	THEN
		-- sketches: the distance of the scores of the rows in their sample
		EXECUTE pg_catalog.format($sql$
SELECT _d.ks FROM _anomaly._ad_drift($1, (SELECT _anomaly._ad_merge(_t._c) FROM (
%s
) _t(_c)), '{}'::pg_catalog.jsonb) _d WHERE _d.part OPERATOR(pg_catalog.=) 'score'$sql$, q.sql)
		INTO drift USING champion.model;
	ELSE
		given := CASE WHEN champion.features OPERATOR(pg_catalog.->) 0 OPERATOR(pg_catalog.->>) 'name' IS NULL
			THEN pg_catalog.format('_t.%I', q.columns[pg_catalog.cardinality(q.columns)]) ELSE '_t.*' END;
		EXECUTE pg_catalog.format($sql$
SELECT greatest(0, pg_catalog.max(greatest(_above OPERATOR(pg_catalog.-) _k, _k OPERATOR(pg_catalog.-) _least)))
FROM (SELECT _k, pg_catalog.avg(CASE WHEN _s OPERATOR(pg_catalog.>) _v THEN 1.0::pg_catalog.float8 ELSE 0.0::pg_catalog.float8 END) AS _above,
             pg_catalog.avg(CASE WHEN _s OPERATOR(pg_catalog.>=) _v THEN 1.0::pg_catalog.float8 ELSE 0.0::pg_catalog.float8 END) AS _least
      FROM (SELECT _anomaly._ad_score($1, %s) AS _s FROM (
%s
            ) _t) _r,
           (SELECT _k, _anomaly._ad_threshold($1, _k) AS _v
            FROM pg_catalog.unnest('{0.01,0.02,0.05,0.1,0.2,0.3,0.4,0.5}'::pg_catalog.float8[]) _k) _q
      WHERE _s IS NOT NULL GROUP BY _k) _g$sql$, given, q.sql)
		INTO drift USING champion.model;
	END IF;
	RETURN _anomaly._ad_retrain_decide($1, champion.version, challenger, drift, $2, $3, $4);
END $$;
COMMENT ON FUNCTION @extschema@.ad_retrain(text, double precision, double precision, integer) IS
'trains a named model again with its spec and training query, and activates the new version unless scores have drifted too far or the labelled rows say that it is worse; returns what it decided, and why';

CREATE FUNCTION _anomaly._ad_retrain_champion(name text, margin double precision, max_drift double precision, min_labels integer,
    OUT version integer, OUT query text, OUT spec jsonb, OUT features jsonb, OUT model bytea)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	trained_by text;
	trainer oid;
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'name cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF $2 IS NULL OR $2 < 0 OR $2 > 1 OR $2 = 'NaN' THEN
		RAISE EXCEPTION 'margin is %, must be 0 to 1', coalesce($2::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $3 IS NULL OR $3 < 0 OR $3 > 1 OR $3 = 'NaN' THEN
		RAISE EXCEPTION 'max_drift is %, must be 0 to 1', coalesce($3::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $4 IS NULL OR $4 < 2 THEN
		RAISE EXCEPTION 'min_labels is %, must be at least 2', coalesce($4::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
	END IF;
	BEGIN
		model := _anomaly._ad_model($1, NULL);		-- which says if there is none
		IF _anomaly._ad_model_privilege($1) IS DISTINCT FROM 'own' THEN
			RAISE insufficient_privilege;
		END IF;
	EXCEPTION WHEN insufficient_privilege THEN
		RAISE EXCEPTION 'permission denied for model "%"', $1
			USING ERRCODE = 'insufficient_privilege', DETAIL = 'The privilege "own" is needed.',
			HINT = 'An owner of the model can give it with ad_grant_model().';
	END;
	SELECT m.version, m.query, m.spec, m.features, m.trained_by INTO version, query, spec, features, trained_by
	FROM _anomaly._ad_visible_model m WHERE m.name = $1 AND m.active;
	IF version IS NULL THEN
		RAISE EXCEPTION 'model "%" has no active version', $1 USING ERRCODE = 'undefined_object';
	END IF;
	-- the query would run with the rights of the caller: who wrote it must have them
	SELECT r.oid INTO trainer FROM pg_roles r WHERE r.rolname = trained_by;
	IF trainer IS NULL OR NOT pg_has_role(trainer, (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user), 'USAGE') THEN
		IF coalesce(trained_by, '') = '' THEN
			RAISE EXCEPTION 'nobody is known to have trained model "%"', $1
				USING ERRCODE = 'insufficient_privilege',
				DETAIL = format('It was restored by a role without the rights of who did. Its query would run with the rights of "%s".', current_user),
				HINT = 'Read the query in ad_models, and train once with ad_train().';
		END IF;
		RAISE EXCEPTION 'training query of model "%" is that of role "%"', $1, trained_by
			USING ERRCODE = 'insufficient_privilege',
			DETAIL = format('It would run with the rights of "%s".', current_user),
			HINT = 'SET ROLE to it; or read the query in ad_models, and train with ad_train().';
	END IF;
END $$;
COMMENT ON FUNCTION _anomaly._ad_retrain_champion(text, double precision, double precision, integer) IS
'the active version of a model';

CREATE FUNCTION _anomaly._ad_retrain_decide(name text, champion integer, challenger integer, drift double precision,
    margin double precision, max_drift double precision, min_labels integer)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	against text[] := '{}';
	remarks text[] := '{}';
	m record;
	changes text;
	model0 bytea := _anomaly._ad_model($1, $2);
	model1 bytea := _anomaly._ad_model($1, $3);
	features0 jsonb := (SELECT o.features FROM _anomaly._ad_visible_model o WHERE o.name = $1 AND o.version = $2);
	features1 jsonb := (SELECT o.features FROM _anomaly._ad_visible_model o WHERE o.name = $1 AND o.version = $3);
BEGIN
	changes := _anomaly._ad_feature_changes(features0, features1);
	IF changes IS NOT NULL THEN
		against := against || format('its features have changed (%s)', changes);
	END IF;
	IF $4 IS NULL THEN
		remarks := remarks || 'score drift was not measured'::text;
	ELSIF $4 > $6 THEN
		against := against || format('score drift is %s, above %s', round($4::numeric, 4), $6);
	ELSE
		remarks := remarks || format('score drift is %s, not above %s', round($4::numeric, 4), $6);
	END IF;
	SELECT NULL::bigint AS labels, NULL::double precision AS roc_auc0, NULL::double precision AS roc_auc1,
		NULL::double precision AS average_precision0, NULL::double precision AS average_precision1 INTO m;
	IF changes IS NULL THEN
		SELECT * INTO m FROM _anomaly._ad_retrain_metrics($1, model0, model1, features0, features1);
		IF m.roc_auc0 IS NULL OR m.labels < $7 THEN
			remarks := remarks || format('%s labelled rows, of which %s anomalies, are too few to compare metrics', m.labels, m.anomalies);
		ELSIF m.average_precision1 < m.average_precision0 - $5 THEN
			against := against || format('average precision on %s labelled rows is %s, was %s', m.labels,
				round(m.average_precision1::numeric, 4), round(m.average_precision0::numeric, 4));
		ELSIF m.roc_auc1 < m.roc_auc0 - $5 THEN
			against := against || format('ROC AUC on %s labelled rows is %s, was %s', m.labels,
				round(m.roc_auc1::numeric, 4), round(m.roc_auc0::numeric, 4));
		ELSE
			remarks := remarks || format('average precision on %s labelled rows is %s, was %s', m.labels,
				round(m.average_precision1::numeric, 4), round(m.average_precision0::numeric, 4));
		END IF;
	END IF;
	IF against = '{}' THEN
		PERFORM _anomaly._ad_activate($1, $3);
	END IF;
	RETURN jsonb_build_object('model', $1, 'champion', $2, 'version', $3, 'activated', against = '{}',
		'reasons', to_jsonb(against || remarks), 'score_drift', $4, 'labels', m.labels,
		'average_precision', jsonb_build_array(m.average_precision0, m.average_precision1),
		'roc_auc', jsonb_build_array(m.roc_auc0, m.roc_auc1));
END $$;
COMMENT ON FUNCTION _anomaly._ad_retrain_decide(text, integer, integer, double precision, double precision, double precision, integer) IS
'activates a new version if nothing is against it; says what it decided, and why';
