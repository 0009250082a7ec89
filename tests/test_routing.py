"""Per-row metadata reaches the base through every path, with metadata routing off and on."""

import numpy as np
import pytest
import sklearn
from helpers import Recorder, Rings, batches, fingerprint, stream
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metadata_routing import MetadataRouter, process_routing

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.compose import IncrementalPipeline
from skretrain.policies import FullRefit, KeepOrRefit, ReplayMix
from skretrain.utils._sklearn_api import routing_enabled

X, Y = stream(400)
WEIGHT = np.random.default_rng(0).integers(1, 4, 400).astype(float)
CUSTOMER = np.array([f"customer {i}" for i in range(400)])
ROW_OF = {row.tobytes(): number for number, row in enumerate(X)}


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


def recorder():
    """Return a base that requests both kinds of metadata, as routing wants it."""
    base = Recorder()
    if routing_enabled():
        base.set_fit_request(sample_weight=True, customer=True)
        base.set_partial_fit_request(sample_weight=True, customer=True)
    return base


def metadata(batch):
    return {"sample_weight": WEIGHT[batch], "customer": CUSTOMER[batch]}


def assert_aligned(call):
    """Every row that the base was shown came with its own label, weight and customer."""
    _, rows, y, weight, customer = call
    numbers = [ROW_OF[row.tobytes()] for row in rows]
    np.testing.assert_array_equal(y, Y[numbers])
    np.testing.assert_array_equal(weight, WEIGHT[numbers])
    np.testing.assert_array_equal(customer, CUSTOMER[numbers])
    return numbers


@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
@pytest.mark.parametrize("batch_size", [None, 50])
def test_metadata_stays_with_its_rows(routing, begin, batch_size):
    """Through the first fit, updates, memory and refit: nothing is dropped, shifted or shuffled."""
    model = DriftAwareRetrainer(
        recorder(),
        detector=Rings([250]),
        policy=FullRefit(grow=False),
        batch_size=batch_size,
        random_state=0,
    )
    first = slice(0, 100)
    getattr(model, begin)(X[first], Y[first], **metadata(first))
    for batch in batches(240, 20, 100):
        model.partial_fit(X[batch], Y[batch], **metadata(batch))
    shown = [assert_aligned(call) for call in model.estimator_.calls_]
    assert sorted(np.concatenate(shown)) == list(range(240))
    batch = slice(240, 300)
    model.partial_fit(X[batch], Y[batch], **metadata(batch))
    method, *_ = model.estimator_.calls_[0]
    assert method == "fit"
    assert assert_aligned(model.estimator_.calls_[0]) == list(range(250, 300))


@pytest.mark.parametrize("base_continues", [True, False])
def test_replayed_rows_bring_their_metadata(routing, base_continues):
    """Rehearsal draws rows with all that belongs to them."""
    base = recorder() if base_continues else fit_only(recorder())
    model = ReplayPartialFit(base, ratio=2.0, random_state=0)
    first = slice(0, 100)
    model.fit(X[first], Y[first], **metadata(first))
    batch = slice(100, 120)
    model.partial_fit(X[batch], Y[batch], **metadata(batch))
    method, *_ = model.estimator_.calls_[-1]
    assert method == ("partial_fit" if base_continues else "fit")
    numbers = assert_aligned(model.estimator_.calls_[-1])
    assert numbers[-20:] == list(range(100, 120))
    assert len(numbers) == 60
    assert max(numbers[:40]) < 100


class FitOnly(Recorder):
    partial_fit = property()  # hidden: AttributeError on access


def fit_only(base):
    hidden = FitOnly()
    if routing_enabled():
        hidden.set_fit_request(sample_weight=True, customer=True)
    return hidden


def test_weights_reach_the_base_bit_for_bit(routing):
    """A weighted stream gives the weighted bare loop."""
    base = GaussianNB()
    if routing:
        base.set_fit_request(sample_weight=True).set_partial_fit_request(sample_weight=True)
    model = DriftAwareRetrainer(base, detector=None)
    model.fit(X[:100], Y[:100], sample_weight=WEIGHT[:100])
    oracle = GaussianNB().fit(X[:100], Y[:100], WEIGHT[:100])
    for batch in batches(400, 30, 100):
        model.partial_fit(X[batch], Y[batch], sample_weight=WEIGHT[batch])
        oracle.partial_fit(X[batch], Y[batch], sample_weight=WEIGHT[batch])
    np.testing.assert_array_equal(model.predict_proba(X), oracle.predict_proba(X))


def test_score_routes_its_own_weights(routing):
    base = LogisticRegression()
    if routing:
        base.set_score_request(sample_weight=True)
    model = DriftAwareRetrainer(base).fit(X, Y)
    plain = LogisticRegression().fit(X, Y)
    weight = np.where(model.predict(X) == Y, 1.0, 9.0)
    assert model.score(X, Y, sample_weight=weight) == plain.score(X, Y, weight)
    assert model.score(X, Y) == plain.score(X, Y)


def test_metadata_that_is_none_is_not_passed(routing):
    model = DriftAwareRetrainer(Ridge(), detector=None).fit(X, Y, sample_weight=None)
    np.testing.assert_array_equal(model.predict(X), Ridge().fit(X, Y).predict(X))


def test_a_missing_weight_among_weights_is_one(routing):
    """A batch without ``sample_weight`` counts as any other unweighted data: each row once."""
    base = GaussianNB()
    if routing:
        base.set_fit_request(sample_weight=True).set_partial_fit_request(sample_weight=True)
    model = DriftAwareRetrainer(base, update=None, detector=Rings([150]), policy=FullRefit("all"))
    model.fit(X[:100], Y[:100], sample_weight=WEIGHT[:100])
    model.partial_fit(X[100:200], Y[100:200])
    weight = np.r_[WEIGHT[:100], np.ones(100)]
    oracle = GaussianNB().fit(X[:200], Y[:200], weight)
    np.testing.assert_array_equal(model.predict_proba(X), oracle.predict_proba(X))


# -- errors and aliases of routing -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "missing"),
    [
        ((), "partial_fit"),
        (("fit",), "partial_fit"),
        (("partial_fit",), "fit"),
    ],
)
def test_what_is_not_requested_is_an_error_that_prints_the_line_to_type(requests, missing):
    """``partial_fit`` leads to both methods of the base: both have to be requested."""
    with sklearn.config_context(enable_metadata_routing=True):
        base = SGDClassifier(random_state=0)
        for method in requests:
            getattr(base, f"set_{method}_request")(sample_weight=True)
        model = DriftAwareRetrainer(base)
        line = rf"SGDClassifier\.set_{missing}_request\(\{{metadata\}}=True/False\)"
        with pytest.raises(UnsetMetadataPassedError, match=line):
            model.partial_fit(X[:100], Y[:100], sample_weight=WEIGHT[:100])
        assert not hasattr(model, "n_features_in_")


def test_an_unrequested_batch_changes_nothing():
    with sklearn.config_context(enable_metadata_routing=True):
        model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None).fit(X, Y)
        before = fingerprint(model.estimator_)
        with pytest.raises(UnsetMetadataPassedError):
            model.partial_fit(X[:50], Y[:50], sample_weight=WEIGHT[:50])
        assert fingerprint(model.estimator_) == before
        assert model.n_samples_seen_ == len(model.buffer_) == 400


def test_metadata_may_come_under_another_name():
    """An alias is what the caller says; the base gets it under its own name, also at a refit."""
    with sklearn.config_context(enable_metadata_routing=True):
        base = Recorder().set_fit_request(sample_weight="importance")
        base.set_partial_fit_request(sample_weight="importance")
        model = DriftAwareRetrainer(base, detector=Rings([150]), policy=FullRefit("all"))
        model.fit(X[:100], Y[:100], importance=WEIGHT[:100])
        model.partial_fit(X[100:120], Y[100:120], importance=WEIGHT[100:120])
        np.testing.assert_array_equal(model.estimator_.calls_[-1][3], WEIGHT[100:120])
        model.partial_fit(X[120:160], Y[120:160], importance=WEIGHT[120:160])
        method, rows, _, weight, _ = model.estimator_.calls_[-1]
        assert (method, len(rows)) == ("fit", 160)
        np.testing.assert_array_equal(weight, WEIGHT[:160])


def test_zero_weights_are_known_under_another_name():
    """Trap 23: what counts is the weight that the base gets, not what the caller calls it."""
    with sklearn.config_context(enable_metadata_routing=True):
        base = SGDClassifier(random_state=0).set_fit_request(sample_weight="importance")
        base.set_partial_fit_request(sample_weight="importance")
        # Without growth: a comparison may end otherwise on another version of scikit-learn.
        model = DriftAwareRetrainer(base, detector=Rings(), policy=KeepOrRefit(grow=False))
        model.fit(X[:100], Y[:100], importance=np.ones(100))
        before = fingerprint(model.estimator_)
        model.partial_fit(X[100:150], Y[100:150], importance=np.zeros(50))
        assert fingerprint(model.estimator_) == before
        assert np.isnan(model.detector_.seen_[0].loss).all()
        assert model.events_.counts["kept"] == 1
        weight = np.tile([0.0, 1.0], 25)
        model.partial_fit(X[150:200], Y[150:200], importance=weight)
        oracle = SGDClassifier(random_state=0).fit(X[:100], Y[:100])
        oracle.partial_fit(X[151:200:2], Y[151:200:2], sample_weight=np.ones(25))
        np.testing.assert_array_equal(model.decision_function(X), oracle.decision_function(X))


def test_a_refused_request_reaches_one_method_only():
    """Requested for ``fit``, declined for ``partial_fit``: updates go without, refits with."""
    with sklearn.config_context(enable_metadata_routing=True):
        base = Recorder().set_fit_request(customer=True).set_partial_fit_request(customer=False)
        model = DriftAwareRetrainer(base, detector=Rings([150]), policy=FullRefit("all"))
        model.fit(X[:100], Y[:100], customer=CUSTOMER[:100])
        model.partial_fit(X[100:120], Y[100:120], customer=CUSTOMER[100:120])
        assert model.estimator_.calls_[-1][4] is None
        model.partial_fit(X[120:160], Y[120:160], customer=CUSTOMER[120:160])
        np.testing.assert_array_equal(model.estimator_.calls_[-1][4], CUSTOMER[:160])


def test_the_routing_result_is_read_by_item():
    """Trap 26: dask turns scikit-learn's Bunch into a plain dict on the way to a worker."""
    real = MetadataRouter.route_params

    def as_dicts(self, **params):
        routed = real(self, **params)
        return {name: dict(methods) for name, methods in routed.items()}

    with sklearn.config_context(enable_metadata_routing=True), pytest.MonkeyPatch.context() as m:
        m.setattr(MetadataRouter, "route_params", as_dicts)
        base = Recorder().set_fit_request(customer=True).set_partial_fit_request(customer=True)
        base.set_score_request(sample_weight=True)
        model = DriftAwareRetrainer(base, detector=None)
        model.fit(X[:50], Y[:50], customer=CUSTOMER[:50])
        model.partial_fit(X[50:60], Y[50:60], customer=CUSTOMER[50:60])
        assert len(model.estimator_.calls_) == 2
        assert 0 <= model.score(X, Y, sample_weight=WEIGHT) <= 1


def test_a_base_without_partial_fit_need_not_request_for_it():
    with sklearn.config_context(enable_metadata_routing=True):
        base = LogisticRegression().set_fit_request(sample_weight=True)
        model = DriftAwareRetrainer(base, detector=None, batch_size=100)
        model.fit(X, Y, sample_weight=WEIGHT)
        oracle = LogisticRegression().fit(X, Y, WEIGHT)
        assert model.n_refits_ == 2
        np.testing.assert_array_equal(model.predict(X), oracle.predict(X))


def test_replay_mix_passes_weights_on_both_ways(routing):
    """The mix of remembered and new rows is weighted row by row."""
    base = recorder()
    model = DriftAwareRetrainer(base, detector=None, update=ReplayMix(ratio=0.5), random_state=1)
    first, batch = slice(0, 100), slice(100, 140)
    model.fit(X[first], Y[first], **metadata(first))
    model.partial_fit(X[batch], Y[batch], **metadata(batch))
    assert len(assert_aligned(model.estimator_.calls_[-1])) == 60


# -- what routers declare is what is done ----------------------------------------------------------


def test_a_request_for_fit_alone_suffices_for_fit():
    """Nothing calls ``partial_fit`` there; a batch still asks for what its call needs."""
    with sklearn.config_context(enable_metadata_routing=True):
        base = SGDClassifier(random_state=0).set_fit_request(sample_weight=True)
        model = DriftAwareRetrainer(base, detector=None).fit(X, Y, sample_weight=WEIGHT)
        oracle = SGDClassifier(random_state=0).fit(X, Y, sample_weight=WEIGHT)
        np.testing.assert_array_equal(model.estimator_.coef_, oracle.coef_)
        with pytest.raises(ValueError, match="partial_fit"):
            model.partial_fit(X[:10], Y[:10], sample_weight=WEIGHT[:10])
        declared = model.get_metadata_routing().consumes("fit", {"sample_weight"})
        assert declared == {"sample_weight"}


def test_the_score_of_a_mixture_is_weighted_where_that_is_requested():
    """Weights that count only rows on which it is right give a perfect score."""
    members = [("a", DriftAwareRetrainer(GaussianNB(), detector=None))]
    right = (GaussianNB().fit(X, Y).predict(X) == Y).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        mixture = MixtureRetrainer(members).set_score_request(sample_weight=True)
        assert mixture.get_metadata_routing().consumes("score", {"sample_weight"})
        base = GaussianNB().set_fit_request(sample_weight=False)
        base.set_partial_fit_request(sample_weight=False)
        mixture.set_params(a__estimator=base)
        scores = cross_validate(
            mixture, X, Y, params={"sample_weight": right}, cv=3, error_score="raise"
        )["test_score"]
    oracle = [
        GaussianNB().fit(X[train], Y[train]).score(X[test], Y[test], sample_weight=right[test])
        for train, test in StratifiedKFold(3).split(X, Y)
    ]
    np.testing.assert_allclose(scores, oracle)


@pytest.mark.no_cover
def test_a_weight_of_another_name_weighs_the_members_too():
    """Rows of weight zero are no evidence, whatever the weight is called."""
    weight = np.where(np.arange(len(Y)) % 2, 1.0, 0.0)

    def run(**alias):
        name = next(iter(alias.values()), "sample_weight")
        base = GaussianNB().set_fit_request(sample_weight=name)
        other = SGDClassifier(random_state=0).set_fit_request(sample_weight=name)
        for each in (base, other):
            each.set_partial_fit_request(sample_weight=name)
        members = [(k, DriftAwareRetrainer(b, detector=None)) for k, b in zip("ab", (base, other))]
        mixture = MixtureRetrainer(members).fit(X[:50], Y[:50], **{name: weight[:50]})
        for start in range(50, len(Y) - 20, 20):
            rows = slice(start, start + 20)
            mixture.partial_fit(X[rows], Y[rows], **{name: weight[rows]})
        return mixture

    with sklearn.config_context(enable_metadata_routing=True):
        plain, renamed = run(), run(alias="w")
    np.testing.assert_array_equal(plain.weight_history_.weights, renamed.weight_history_.weights)


def test_the_weights_of_steps_weigh_a_mixture_of_pipelines():
    weight = np.where(np.arange(len(Y)) % 2, 1.0, 0.0)
    pipe = make_pipeline(StandardScaler(), GaussianNB())
    mixture = MixtureRetrainer([("a", DriftAwareRetrainer(pipe, detector=None))])
    mixture.fit(X, Y, gaussiannb__sample_weight=weight)
    before = mixture._engine.shares.weights
    mixture.partial_fit(X[:10], Y[:10], gaussiannb__sample_weight=np.zeros(10))
    np.testing.assert_array_equal(mixture._engine.shares.weights, before)
    assert mixture.n_samples_seen_ == len(Y) + 10


def test_an_incremental_pipeline_declares_what_partial_fit_hands_on():
    with sklearn.config_context(enable_metadata_routing=True):
        last = SGDClassifier(random_state=0).set_partial_fit_request(sample_weight=True)
        scale = StandardScaler().set_partial_fit_request(sample_weight=False)
        pipeline = IncrementalPipeline([("scale", scale), ("skip", "passthrough"), ("last", last)])
        declared = pipeline.get_metadata_routing().consumes("partial_fit", {"sample_weight"})
        assert declared == {"sample_weight"}
        silent = IncrementalPipeline([("scale", StandardScaler()), ("last", SGDClassifier())])
        with pytest.raises(ValueError, match="not explicitly set as requested"):
            process_routing(silent, "partial_fit", sample_weight=WEIGHT)
