"""A fleet where a model is expected: in ledgers, evaluations, exports and pipelines."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.compose import IncrementalPipeline
from skretrain.inspection import DriftTimelineDisplay, PerClassDisplay
from skretrain.model_selection import (
    RetrainMatrix,
    advise,
    make_prequential_scorer,
    prequential_validate,
)
from skretrain.serving import PendingLabels, SegmentedRetrainer, export, load, save

N_SEGMENTS = 3


def base(**params):
    return DriftAwareRetrainer(GaussianNB(), **params)


def rows(n=240, *, seed=0, turned_from=None):
    """Return rows with the segment in column 0, and targets."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(0, N_SEGMENTS, n), rng.normal(size=(n, 2))])
    y = X[:, 1] > 0
    if turned_from is not None:
        y[turned_from:] = ~y[turned_from:]
    return X, y.astype(int)


def fleet(path=None, **params):
    return SegmentedRetrainer(base(**params), by=0, path=path)


# -- labels that come late -------------------------------------------------------------------------


@pytest.mark.parametrize("serializer", [pytest.param("skops", marks=pytest.mark.slow), "pickle"])
def test_a_ledger_of_a_fleet_goes_on_after_a_load_as_if_it_had_never_been_away(
    tmp_path, serializer
):
    """Rows that wait, and the state of all segments, in one file."""
    X, y = rows(600)
    ledger = PendingLabels(fleet().fit(X[:300], y[:300]))
    ids, y_pred = ledger.predict(X[300:])
    np.testing.assert_array_equal(y_pred, ledger.model.predict(X[300:]))
    save(ledger, tmp_path / "state", serializer=serializer)
    again = load(tmp_path / "state", trusted=serializer == "pickle" or ())
    late = np.random.default_rng(0).permutation(300)
    for one in (ledger, again):
        X_new, y_new, params = one.resolve(ids[late[:200]], y[300:][late[:200]])
        one.model.partial_fit(X_new, y_new, **params)
    np.testing.assert_array_equal(ledger.model.predict_proba(X), again.model.predict_proba(X))
    assert again.score_["all"] == ledger.score_["all"]
    assert again.score_["all"].n_resolved == 200
    assert len(again) == 100


# -- evaluations -----------------------------------------------------------------------------------


def test_an_evaluation_counts_the_work_of_all_segments_and_says_when_they_were_retrained():
    """Events count the rows of a segment; refits and pictures, those of the stream."""
    X, y = rows(1200, turned_from=700)
    result = prequential_validate(fleet(), X, y, batch_size=100)
    model = result.estimator
    logs = [model.pooled_.events_, *(model.retrainer_of(k).events_ for k in model.segments_)]
    for found, name in ((result.n_fits, "fits"), (result.rows_fitted, "rows_fitted")):
        assert found == sum(log.totals[name] for log in logs)
    assert result.n_fits > 4
    # Fitted on batch 1, tested on batch k and then retrained, it serves from batch k + 1.
    refits = [e.batch * 100 for e in model.events_ if e.action == "retrained" and e.batch < 12]
    assert result.refit_rows.tolist() == refits
    assert max(refits) > 700
    for display in (DriftTimelineDisplay, PerClassDisplay):
        drawn = display.from_result(result)
        assert set(refits) <= set(drawn.refits.tolist()) <= {*refits, 1200}
        plt.close(drawn.figure_)


@pytest.mark.no_cover
def test_so_it_does_where_labels_are_late():
    X, y = rows(1000, turned_from=300)
    result = prequential_validate(fleet(), X, y, batch_size=100, label_delay=250)
    batches = sorted({e.batch for e in result.events if e.action == "retrained"})
    n_learned = np.unique([100, *result.n_learned])
    assert set(result.refit_rows) <= set(result.arrived(n_learned[np.array(batches) - 1]))
    assert len(result.refit_rows)


EVALUATIONS = {
    "prequential": lambda model, X, y: prequential_validate(model, X, y),
    "within a pipeline": lambda model, X, y: prequential_validate(
        IncrementalPipeline([("fleet", model)]), X, y
    ),
    "scorer": lambda model, X, y: make_prequential_scorer("accuracy", batch_size=50)(
        model.fit(X, y), X, y
    ),
    "matrix": lambda model, X, y: RetrainMatrix(model).fit(X, y),
    "advise": lambda model, X, y: advise(model.fit(X, y), X, y, X, y),
    "retrainer": lambda model, X, y: DriftAwareRetrainer(model).fit(X, y),
}


@pytest.mark.parametrize("evaluate", EVALUATIONS.values(), ids=EVALUATIONS)
def test_a_fleet_whose_clones_share_a_file_is_not_tried_out(tmp_path, evaluate):
    """It would learn, or forget, what serves; the words name the parameter, also in a pipeline."""
    X, y = rows()
    serving = fleet(tmp_path / "fleet.db").fit(X, y).partial_fit(X, y)
    told = serving.predict_proba(X)
    del serving
    model = fleet(tmp_path / "other.db")
    with pytest.raises(ValueError, match=r"path=.*clone\(...\).set_params\((fleet__)?path=None\)"):
        evaluate(model, X, y)
    with pytest.raises(ValueError, match="all its clones and copies share"):
        EVALUATIONS["prequential"](fleet(tmp_path / "fleet.db"), X, y)
    kept = fleet(tmp_path / "fleet.db")
    np.testing.assert_array_equal(kept.predict_proba(X), told)
    assert kept.n_batches_ == 2


# -- exports, pipelines ----------------------------------------------------------------------------


def test_what_serves_a_segment_is_exported_and_a_fleet_is_refused_with_the_way_to_it():
    X, y = rows()
    model = fleet().fit(X, y)
    for whole in (model, make_pipeline(model).fit(X, y)):
        with pytest.raises(TypeError, match=r"export\(model.retrainer_of\(key\)\) for key in"):
            export(whole)
    plain = {key: export(model.retrainer_of(key)) for key in model.segments_}
    for key, one in plain.items():
        mine = X[X[:, 0] == key, 1:]
        np.testing.assert_array_equal(one.predict(mine), model.retrainer_of(key).predict(mine))
        assert b"skretrain" not in pickle.dumps(one)


def test_a_step_before_a_fleet_that_leaves_the_segments_alone_does_no_harm():
    X, y = rows()
    frame = pd.DataFrame(X, columns=["shop", "price", "sales"]).astype({"shop": int})
    scaled = make_column_transformer(
        (StandardScaler(), ["price", "sales"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    retrainer = DriftAwareRetrainer(SGDClassifier(random_state=0))
    model = SegmentedRetrainer(retrainer, by="shop")
    pipeline = make_pipeline(scaled, model).fit(frame, y)
    assert sorted(pipeline[-1].segments_) == [0, 1, 2]
    assert pipeline.score(frame, y) > 0.9


@pytest.mark.parametrize(
    "whole",
    [
        make_pipeline,
        lambda *steps: IncrementalPipeline(
            [(f"step {number}", step) for number, step in enumerate(steps)]
        ),
    ],
    ids=["pipeline", "incremental"],
)
def test_one_that_scales_them_is_refused_with_where_to_put_it(whole):
    """The names of all segments would move with each batch."""
    X, y = rows()
    with pytest.raises(ValueError, match=r"type float, such as .*put that step into the retrainer"):
        whole(StandardScaler(), fleet()).fit(X, y)
