"""Neural nets of skorch."""

import copy
import pickle
import re
import warnings

import joblib
import numpy as np
import pytest
import torch
from helpers import events
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EpochScoring, Freezer, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows
from skretrain.compose import Learner
from skretrain.compose._freeze import holding
from skretrain.compose._structure import predictor_of
from skretrain.compose.adapters import _skorch
from skretrain.compose.adapters._base import Effort
from skretrain.compose.adapters._registry import adapter_of
from skretrain.compose.adapters._skorch import _N_EPOCHS
from skretrain.drift import Periodic
from skretrain.exceptions import SkretrainWarning
from skretrain.policies import FineTune, Revive
from skretrain.serving import export

ONE_PASS = Effort()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


class Net(nn.Module):
    def __init__(self, n_outputs=2):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, n_outputs)
        )

    def forward(self, X):
        return self.layers(X)


class Logit(Net):
    def forward(self, X):
        return self.layers(X)[:, 0]


def classifier(**params):
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 0.01,
        "max_epochs": 2,
        "batch_size": 32,
        "train_split": None,
        "verbose": 0,
    }
    return NeuralNetClassifier(Net, **(defaults | params))


def binary(**params):
    net = classifier(**params)
    params = {name: getattr(net, name) for name in ("lr", "max_epochs", "optimizer", "verbose")}
    return NeuralNetBinaryClassifier(Logit, module__n_outputs=1, train_split=None, **params)


def regressor(module__n_outputs=1, **params):
    return NeuralNetRegressor(
        Net,
        module__n_outputs=module__n_outputs,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=2,
        train_split=None,
        verbose=0,
        **params,
    )


NETS = {
    "classifier": (classifier, Y),
    "binary": (binary, Y.astype(np.float32)),
    "regressor": (regressor, (X @ np.float32([1, 2, 3])).reshape(-1, 1)),
}


def fitted(net, y=Y, rows=X):
    torch.manual_seed(0)
    return net.fit(rows, y)


def continued(model, rows, y, effort=ONE_PASS):
    adapter, _ = adapter_of(model)
    assert adapter.refusal(model, y, effort) == ""
    twin = adapter.copied(model)
    adapter.update(twin, rows, y, {}, effort)
    return twin


def weights(net):
    return [parameter.detach().numpy().copy() for parameter in net.module_.parameters()]


def moments(net):
    state = net.optimizer_.state_dict()["state"]
    return [value.numpy().copy() for part in state.values() for value in part.values()]


def assert_same_arrays(ours, theirs):
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


# -- copies and the optimiser ------------------------------------------------------------------


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.no_cover
def test_a_continued_copy_is_the_net_with_its_own_partial_fit(kind):
    make, y = NETS[kind]
    model = fitted(make(), y)
    torch.manual_seed(1)
    twin = continued(model, X[:50], y[:50])
    torch.manual_seed(1)
    model.partial_fit(X[:50], y[:50])
    assert_same_arrays(weights(twin), weights(model))
    assert_same_arrays(moments(twin), moments(model))


@pytest.mark.parametrize("kind", NETS)
def test_the_original_stays_bit_for_bit(kind):
    make, y = NETS[kind]
    model = fitted(make(), y)
    predicted = model.predict(X)  # which leaves the module in its mode for evaluation
    before, hashed = weights(model) + moments(model), joblib.hash(model)
    n_epochs = len(model.history)
    twin = continued(model, X[:50], y[:50])
    assert_same_arrays(weights(model) + moments(model), before)
    assert len(model.history) == n_epochs
    assert joblib.hash(model) == hashed
    np.testing.assert_array_equal(model.predict(X), predicted)
    assert not np.array_equal(weights(twin)[0], weights(model)[0])


def test_the_optimiser_of_a_copy_moves_the_parameters_of_the_copy():
    model = fitted(classifier())
    adapter, _ = adapter_of(model)
    for twin in (adapter.copied(model), adapter.copied(adapter.copied(model))):
        moved = [p for group in twin.optimizer_.param_groups for p in group["params"]]
        own = list(twin.module_.parameters())
        assert [id(p) for p in moved] == [id(p) for p in own]
        theirs = {p.data_ptr() for p in model.module_.parameters()}
        assert theirs.isdisjoint(p.data_ptr() for p in own)


def test_without_the_moments_of_adam_the_result_would_be_another():
    # Adam begins with steps of the size of lr: a continuation that had lost them would jump.
    model = fitted(classifier())
    kept = continued(model, X[:50], Y[:50])
    lost = copy.deepcopy(model)
    lost.initialize_optimizer()
    lost.partial_fit(X[:50], Y[:50])
    assert not np.array_equal(weights(kept)[0], weights(lost)[0])


def test_a_continued_net_pickles_and_goes_on():
    twin = continued(fitted(classifier()), X[:50], Y[:50])
    back = pickle.loads(pickle.dumps(twin))
    for net in (twin, back):
        torch.manual_seed(2)
        net.partial_fit(X[50:], Y[50:])
    assert_same_arrays(weights(twin), weights(back))


def test_passes_are_max_epochs_each():
    model = fitted(classifier(max_epochs=3))
    assert len(continued(model, X, Y, Effort(n_passes=2)).history) == 3 + 2 * 3


def test_rows_that_may_not_be_written_to_are_taken_without_a_warning():
    # A memory hands out such rows; torch warns of them, once in a process.
    torch.set_warn_always(True)
    try:
        model = fitted(classifier())
        adapter, _ = adapter_of(model)
        rows, y = X[:20].copy(), Y[:20].copy()
        rows.flags.writeable = y.flags.writeable = False
        adapter.after_fit(model, model, rows)
        continued(model, rows, y)
        assert adapter.needs_writable
        with pytest.warns(UserWarning, match="not writable"):
            model.partial_fit(rows, y)
    finally:
        torch.set_warn_always(False)


# -- regression --------------------------------------------------------------------------------


def flat(n_outputs=1):
    return adapter_of(regressor())[0].prepared(regressor().set_params(module__n_outputs=n_outputs))


@pytest.mark.no_cover
def test_flat_targets_are_learned_like_a_column():
    # Everything else here hands on targets of one output flat; skorch alone broadcasts them.
    y = X @ np.float32([1, 2, 3])
    ours, theirs = fitted(flat(), y), fitted(regressor(), y.reshape(-1, 1))
    assert_same_arrays(weights(ours), weights(theirs))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X)[:, 0])
    twin = continued(ours, X, y, Effort(n_passes=50))
    assert np.mean((twin.predict(X) - y) ** 2) < 0.3 * np.var(y)
    with pytest.warns(UserWarning, match="target size"):
        theirs.partial_fit(X, y)


def test_several_targets_stay_as_they_are():
    y = np.column_stack([X[:, 0], X[:, 1]])
    ours = fitted(flat(2), y)
    assert_same_arrays(weights(ours), weights(fitted(regressor(module__n_outputs=2), y)))
    assert ours.predict(X).shape == (200, 2)


def test_the_net_for_flat_targets_is_skorchs_net_to_everybody():
    net = flat()
    assert isinstance(net, NeuralNetRegressor)
    assert type(net).__name__ == "NeuralNetRegressor"
    assert clone(net).get_params()["lr"] == 0.01
    model = fitted(net, X[:, 0])
    back = pickle.loads(pickle.dumps(model))
    assert type(back) is type(model)
    np.testing.assert_array_equal(back.predict(X), model.predict(X))


def test_a_mended_class_is_made_once():
    """Asked past the cache: in this process, another test may have been the first to ask."""
    made = _skorch._mended.__wrapped__("NeuralNetBinaryClassifier")
    kept = _skorch.NeuralNetBinaryClassifier
    assert (made.__name__, made.__mro__[1:]) == (kept.__name__, kept.__mro__[1:])
    assert kept is _skorch.NeuralNetBinaryClassifier


def test_the_binary_net_is_skorchs_net_to_everybody():
    net = binary()
    model = Learner(net).fresh(rows_of(X, Y.astype(np.float32)), 0)
    assert isinstance(model, NeuralNetBinaryClassifier)
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="1-dimensional"):
        model.partial_fit(X, np.column_stack([Y, Y]).astype(np.float32))


def test_other_nets_are_fitted_as_they_are():
    net = NETS["classifier"][0]()
    assert adapter_of(net)[0].prepared(net) is net


def test_a_net_of_ones_own_is_fitted_as_it_is():
    own = type("NeuralNetRegressor", (NeuralNetRegressor,), {"__module__": __name__})
    net = own(Net)
    assert adapter_of(net)[0].prepared(net) is net


def test_the_module_has_no_other_lazy_names():
    from skretrain.compose.adapters import _skorch

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _skorch.nothing  # noqa: B018 - the access is what is tested


# -- reheating and schedules -------------------------------------------------------------------


def test_reheating_begins_with_a_new_optimiser_at_the_rate_of_the_net():
    model = fitted(classifier())
    model.optimizer_.param_groups[0]["lr"] = 1e-9
    torch.manual_seed(1)
    twin = continued(model, X[:50], Y[:50], Effort(reheat=True))
    by_hand = copy.deepcopy(model)
    by_hand.initialize_optimizer()
    torch.manual_seed(1)
    by_hand.partial_fit(X[:50], Y[:50])
    assert twin.optimizer_.param_groups[0]["lr"] == 0.01
    assert_same_arrays(weights(twin), weights(by_hand))
    assert_same_arrays(moments(twin), moments(by_hand))


def halving():
    return [("rate", LRScheduler("StepLR", step_size=1, gamma=0.5))]


def test_a_schedule_goes_on_where_it_was_and_begins_anew_when_reheated():
    model = fitted(classifier(callbacks=halving()))
    assert model.optimizer_.param_groups[0]["lr"] == pytest.approx(0.01 / 2**2)
    cooler = continued(model, X, Y)
    own = copy.deepcopy(model).partial_fit(X, Y)
    assert cooler.history[:, "event_lr"] == own.history[:, "event_lr"]
    assert cooler.history[-1, "event_lr"] < 0.01 / 2**2
    warm = continued(cooler, X, Y, Effort(reheat=True))
    assert warm.history[:, "event_lr"] == pytest.approx([0.01, 0.005])


# -- the history -------------------------------------------------------------------------------


def test_the_history_does_not_grow_for_ever_and_a_fit_keeps_its_own():
    model = fitted(classifier(max_epochs=1))
    model.history.extend(dict(model.history[-1]) for _ in range(_N_EPOCHS))
    twin = continued(model, X[:20], Y[:20])
    assert len(twin.history) == _N_EPOCHS
    assert twin.history[-1]["train_loss"] != model.history[-1]["train_loss"]


def test_a_schedule_that_counts_epochs_keeps_them_all():
    model = fitted(classifier(max_epochs=1, callbacks=halving()))
    model.history.extend(dict(model.history[-1]) for _ in range(_N_EPOCHS))
    assert len(continued(model, X[:20], Y[:20]).history) == _N_EPOCHS + 2


def test_finished_epochs_are_shared_and_stay_as_they_were():
    model = fitted(classifier(callbacks=[("own", EpochScoring("accuracy", name="acc"))]))
    before = copy.deepcopy(list(model.history))
    twin = continued(model, X[:20], Y[:20])
    assert list(model.history) == before
    assert all(ours is theirs for ours, theirs in zip(twin.history, model.history, strict=False))


# -- classes -----------------------------------------------------------------------------------


def test_classes_are_those_of_the_model_and_not_of_its_last_rows():
    model = fitted(classifier())
    twin = continued(model, X[Y == 1], Y[Y == 1])
    assert twin.classes_.tolist() == [0, 1]


@pytest.mark.no_cover
def test_after_a_fit_there_is_a_class_for_each_output():
    y = np.where(Y == 1, 2, 0)
    model = fitted(classifier(module__n_outputs=4), y)
    adapter, _ = adapter_of(model)
    adapter.after_fit(model, model, X)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert len(model.classes_) == model.predict_proba(X).shape[1]
    # So there is room for 1 and 3, and none for 4.
    twin = continued(model, X, np.where(Y == 1, 3, 1))
    assert twin.classes_.tolist() == [0, 1, 2, 3]
    assert set(continued(twin, X, np.where(Y == 1, 3, 1), Effort(30)).predict(X)) == {1, 3}
    assert "new classes [4]" in adapter.refusal(model, np.array([0, 4]), ONE_PASS)


def test_after_a_fit_in_a_pipeline_there_is_a_class_for_each_output():
    model = fitted(make_pipeline(FunctionTransformer(), classifier()), np.zeros_like(Y))
    net = model[-1]
    assert net.classes_.tolist() == [0]
    adapter_of(net)[0].after_fit(net, model, X)
    assert net.classes_.tolist() == [0, 1]


def test_declared_classes_are_kept():
    model = fitted(classifier(module__n_outputs=3, classes=[0, 1, 2]))
    adapter, _ = adapter_of(model)
    adapter.after_fit(model, model, X)
    assert model.classes_.tolist() == [0, 1, 2]
    assert adapter.refusal(model, np.array([2, 2]), ONE_PASS) == ""
    assert continued(model, X, np.full_like(Y, 2)).classes_.tolist() == [0, 1, 2]


class Column(Net):
    """Says one probability, without a column for the other class."""

    def forward(self, X):
        return torch.sigmoid(self.layers(X)[:, 0])


class OneColumn(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return nn.functional.binary_cross_entropy(y_pred, y_true.float())


def test_outputs_that_are_not_one_per_class_leave_the_classes_alone():
    model = fitted(OneColumn(Column, train_split=None, verbose=0, max_epochs=1))
    adapter, _ = adapter_of(model)
    adapter.after_fit(model, model, X)
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["binary", "regressor"])
def test_other_nets_have_no_classes_to_settle(kind):
    make, y = NETS[kind]
    model = fitted(make(), y)
    before = joblib.hash(model)
    adapter_of(model)[0].after_fit(model, model, X)
    assert joblib.hash(model) == before


def test_a_binary_net_has_no_room_for_a_third_class():
    model = fitted(binary(), Y.astype(np.float32))
    reason = adapter_of(model)[0].refusal(model, np.float32([0, 1, 2]), ONE_PASS)
    assert "new classes [2.0]" in reason


# -- the hold-out inside the net ---------------------------------------------------------------

BATCHES = {
    "one row": [0],
    "four rows": [0, 1, 0, 1],
    "too few of each class": [0, 0, 0, 1, 1, 1],
    "enough of one class": [0, 0, 0, 0, 0, 1],
    "one class": [1] * 5,
    "enough of both": [0, 1] * 5,
}


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(
    "split",
    [
        ValidSplit(5, stratified=True),
        ValidSplit(5),
        ValidSplit(0.3, stratified=True),
        ValidSplit(0.3),
    ],
)
def test_a_hold_out_that_a_batch_is_too_small_for_is_foreseen(split, batch):
    model = fitted(classifier(train_split=split))
    y = np.array(BATCHES[batch])
    before = joblib.hash(np.random.mtrand._rand)  # the generator that splitters draw from
    reason = adapter_of(model)[0].refusal(model, y, ONE_PASS)
    assert joblib.hash(np.random.mtrand._rand) == before
    try:
        copy.deepcopy(model).partial_fit(X[: len(y)], y)
    except ValueError:
        assert "train_split=None" in reason
        assert str(split.cv) in reason
    else:
        assert reason == ""


@pytest.mark.parametrize("split", [None, lambda dataset, y: (dataset, dataset)])
def test_no_hold_out_or_a_splitter_of_ones_own_is_no_obstacle(split):
    model = fitted(classifier(train_split=split))
    assert adapter_of(model)[0].refusal(model, Y[:1], ONE_PASS) == ""


def test_rows_without_targets_say_nothing_about_the_hold_out():
    model = fitted(classifier(train_split=ValidSplit(5)))
    assert adapter_of(model)[0].refusal(model, None, ONE_PASS) == ""


# -- parameters --------------------------------------------------------------------------------


def test_a_net_trimmed_for_prediction_cannot_go_on():
    model = fitted(classifier())
    model.trim_for_prediction()
    assert adapter_of(model) == (None, "NeuralNetClassifier was trimmed for prediction")


def test_what_stops_any_partial_fit_stops_a_net():
    net = classifier()
    net.early_stopping = True
    assert "early_stopping=True" in adapter_of(net)[1]


def test_an_unfitted_clone_is_continued_by_the_same_adapter():
    adapter, why_not = adapter_of(clone(classifier()))
    assert why_not == ""
    assert adapter.method == "partial_fit"
    assert adapter.incremental


# -- labels for which the net has no output ------------------------------------------------------


def rows_of(rows, y):
    return Rows(rows, y, {}, np.arange(len(y)))


def with_stray(label, n=5):
    y = Y.copy()
    y[:n] = label
    return y


class Outputs(Callback):
    """Builds the net for the labels of the fit, as skorch's guide shows for the inputs."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        n_outputs = int(y.max()) + 1
        if n_outputs != net.module_.layers[-1].out_features:
            net.set_params(module__n_outputs=n_outputs)


NARROW = {
    "cross entropy": classifier(),
    "log-likelihood": NeuralNetClassifier(Net, train_split=None, verbose=0, max_epochs=1),
    "with a hold-out": classifier(train_split=ValidSplit(5, stratified=False)),
    "declared": classifier(classes=[0, 1]),
    "declared in vain": classifier(classes=[0, 1, 2]),
    "pipeline": make_pipeline(FunctionTransformer(), classifier()),
    "binary": binary(),
    "binary, in a pipeline": make_pipeline(FunctionTransformer(), binary()),
}


@pytest.mark.parametrize("base", NARROW.values(), ids=NARROW)
@pytest.mark.parametrize("label", [-1, 2, 7])
def test_labels_without_an_output_are_foreseen_and_do_not_block_a_refit(base, label):
    """torch raises on them in the midst of a fit; the other rows are fitted, and it is said."""
    y, stray = Y, with_stray(label)
    if "Binary" in repr(base):  # its loss takes floats alone
        y, stray = y.astype(np.float32), stray.astype(np.float32)
    learner, rows = Learner(base), rows_of(X, stray)
    torch.manual_seed(0)
    model = learner.fresh(rows_of(X, y), 0)
    assert re.search(rf"\[{label}(\.0)?\]", learner.refusal(model, rows))
    with pytest.warns(
        SkretrainWarning, match=rf"2 outputs, none for the labels \[{label}(\.0)?\]: rows"
    ):
        again = learner.fresh(rows, 1)
    others = learner.fresh(rows_of(X[5:], y[5:]), 2)
    assert again.predict_proba(X).shape == others.predict_proba(X).shape == (200, 2)
    assert learner.note(again).endswith("their rows were left out")
    assert learner.note(others) == learner.note(model) == ""


@pytest.mark.parametrize("label", [-1, 2])
def test_the_first_fit_tells_of_labels_without_an_output(label):
    """Whoever fits is there to build another net."""
    reason = rf"the net has 2 outputs, none for the labels \[{label}\]\.$"
    with pytest.raises(ValueError, match=reason):
        Learner(classifier()).fresh(rows_of(X, with_stray(label)), 0)
    with pytest.raises(ValueError, match=reason):  # what is left would be a single class
        Learner(classifier()).fresh(rows_of(X, np.where(Y == 1, label, 0)), 1)


def test_a_net_that_is_built_for_its_labels_learns_a_new_one():
    """The continuation refuses, the refit has room."""
    torch.manual_seed(0)
    learner = Learner(classifier(callbacks=[Outputs()], max_epochs=10))
    model = learner.fresh(rows_of(X, Y), 0)
    y = np.where(X[:, 1] > 0.5, 2, Y)
    assert "new classes [2]" in learner.refusal(model, rows_of(X, y))
    again = learner.fresh(rows_of(X, y), 1)
    assert again.classes_.tolist() == [0, 1, 2]
    assert learner.note(again) == ""


class Breaks(Net):
    def forward(self, X):
        raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("base", "y", "reason"),
    [
        (classifier().set_params(module=Breaks), Y, "broken"),
        (regressor().set_params(module=Breaks), X[:, 0], "broken"),
        (classifier(module__n_outputs=-1), Y, "negative"),
        (classifier(), Y.astype(float), "dtype"),
        (make_pipeline(FunctionTransformer(np.linalg.inv), classifier()), with_stray(2), "square"),
    ],
    ids=["forward", "regressor", "module", "floats", "step before"],
)
def test_other_errors_are_as_they_were(base, y, reason):
    """No label is to blame for them."""
    with pytest.raises(Exception, match=reason):
        Learner(base).fresh(rows_of(X, y), 1)


@pytest.mark.no_cover
def test_stray_labels_do_not_block_the_answer_to_an_alarm():
    """Five of them made every refit fail until they had left the memory."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1500, 3)).astype(np.float32)
    y = (rows[:, 0] > 0).astype(np.int64)
    y[600:] = 1 - y[600:]
    y[400:405] = 2
    torch.manual_seed(0)
    model = DriftAwareRetrainer(
        classifier(max_epochs=10), policy="full_refit", update=None, batch_size=100
    )
    with pytest.warns(SkretrainWarning, match=r"none for the labels \[2\]"):
        model.fit(rows, y)
    actions = [action for (action,) in events(model, "action")]
    assert "failed" not in actions
    assert np.mean(model.predict(rows[-300:]) == y[-300:]) > 0.8


# -- parts that are held fixed -----------------------------------------------------------------


class Normed(nn.Module):
    """A first block with running means, which are buffers, and a last layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.last = nn.Linear(8, 2)

    def forward(self, X):
        return self.last(self.first(X))


def normed(**params):
    return classifier(**params).set_params(module=Normed)


def state(net):
    return {name: part.numpy().copy() for name, part in net.module_.state_dict().items()}


def moved(before, after):
    """Return the names of the parts that are not the same, bit for bit."""
    before, after = state(before), state(after)
    return {name for name in before if not np.array_equal(before[name], after[name])}


OPTIMISERS = {
    "moments": {"optimizer": torch.optim.Adam},
    "momentum and decay": {
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__weight_decay": 0.1,
    },
}
LAST = {"last.weight", "last.bias"}


@pytest.mark.parametrize("kind", OPTIMISERS)
@pytest.mark.parametrize("freeze", ["first", "first.*", "[!l]*"])
@pytest.mark.no_cover
def test_held_parts_stay_bit_for_bit_with_their_running_means(kind, freeze):
    """Neither a step, nor momentum, nor decay, nor a mean of the rows that pass through."""
    model = fitted(normed(**OPTIMISERS[kind]))
    twin = continued(model, X[:50], Y[:50], Effort(3, freeze=(freeze,)))
    assert moved(model, twin) == LAST
    names = [name for name, part in twin.module_.named_parameters() if part.requires_grad]
    assert names == [name for name, _ in model.module_.named_parameters()]
    assert moved(twin, continued(twin, X, Y)) == state(model).keys()  # all of it learns again
    kept, left = (net.optimizer_.state_dict()["state"] for net in (model, twin))
    for place in range(4):  # what the optimiser knows of what is held
        for name, value in kept[place].items():
            np.testing.assert_array_equal(left[place][name], value)


def test_what_learns_beside_held_parts_learns_as_if_they_had_no_gradient():
    model = fitted(classifier(optimizer=torch.optim.SGD))
    torch.manual_seed(1)
    twin = continued(model, X[:50], Y[:50], Effort(freeze=("layers.0",)))
    for name, part in model.module_.named_parameters():
        part.requires_grad = not name.startswith("layers.0")
    torch.manual_seed(1)
    model.partial_fit(X[:50], Y[:50])
    assert_same_arrays(weights(twin), weights(model))


def test_a_held_weight_of_a_normalisation_leaves_its_means_to_the_rows():
    model = fitted(normed())
    held = {"first.1.weight", "first.1.bias"}
    twin = continued(model, X[:50], Y[:50], Effort(freeze=tuple(held)))
    assert moved(model, twin) == state(model).keys() - held


def test_an_update_that_fails_lets_all_parts_learn_again():
    model = fitted(normed())
    with pytest.raises(RuntimeError):
        adapter_of(model)[0].update(model, X[:, :2], Y, {}, Effort(freeze=("first",)))
    assert all(part.requires_grad for part in model.module_.parameters())
    assert not any(module._forward_pre_hooks for module in model.module_.modules())


@pytest.mark.parametrize(
    ("freeze", "optimizer", "reason"),
    [
        ("[fl]*.[01wb]*", torch.optim.Adam, "nothing of NeuralNetClassifier is left to learn"),
        ("first", torch.optim.LBFGS, "LBFGS move all parameters"),
    ],
)
def test_what_cannot_be_held_is_told_before_anything_is_fitted(freeze, optimizer, reason):
    model = fitted(normed(optimizer=optimizer, max_epochs=1))
    assert reason in adapter_of(model)[0].refusal(model, Y, Effort(freeze=(freeze,)))


def test_the_names_of_parts_are_known_before_a_fit_and_cost_no_random_number():
    torch.manual_seed(3)
    names = adapter_of(normed())[0].freezable(normed())
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert drawn == torch.rand(1)
    assert set(names) == state(fitted(normed())).keys()
    assert names == adapter_of(normed())[0].freezable(fitted(normed()))
    with pytest.raises(ValueError, match=r"'none' matches none of \['first.0.weight'"):
        FineTune("none").check(Learner(normed()))


@pytest.mark.parametrize("make", [normed, lambda **params: make_pipeline(normed(**params))])
def test_fine_tuning_in_a_retrainer_moves_the_last_layer_alone(make):
    torch.manual_seed(0)
    model = DriftAwareRetrainer(make(), detector=None, update=FineTune("first")).fit(
        X[:100], Y[:100]
    )
    before = predictor_of(model.estimator_)[0]
    model.partial_fit(X[100:], Y[100:])
    after = predictor_of(model.estimator_)[0]
    assert (model.events_.counts["updated"], moved(before, after)) == (1, LAST)


# -- what a net does not train, after a full refit -------------------------------------------------


def refitted(champion, net, freeze=()):
    torch.manual_seed(7)
    return holding(Learner(net), champion, freeze).fresh(rows_of(X, Y), 1)


def test_what_freezer_froze_is_the_same_after_a_full_refit_and_the_rest_is_new():
    """By itself, the callback freezes whatever the new net was initialised with."""
    net = normed(callbacks=[Freezer("first.*")])
    champion = fitted(net)
    torch.manual_seed(7)
    assert {"first.0.weight", *LAST} < moved(champion, clone(net).fit(X, Y))
    fresh = refitted(champion, net)
    means = {"running_mean", "running_var", "num_batches_tracked"}  # they go on, as in the champion
    assert moved(champion, fresh) == LAST | {f"first.1.{name}" for name in means}
    assert not fresh.module_.first[0].weight.requires_grad
    assert type(fresh) is NeuralNetClassifier
    assert not {"_fixed", "_freeze"} & vars(fresh).keys()
    pickle.loads(pickle.dumps(fresh))


def test_a_refit_begins_with_new_weights_where_nothing_is_fixed():
    champion = fitted(normed())
    torch.manual_seed(7)
    alone = clone(normed()).fit(X, Y)
    assert moved(alone, refitted(champion, normed())) == set()


def test_parts_that_a_policy_holds_stay_through_the_refit_that_it_needs():
    champion = fitted(normed())
    fresh = refitted(champion, normed(), ("first",))
    assert moved(champion, fresh) == LAST
    assert all(part.requires_grad for part in fresh.module_.parameters())


def test_a_net_of_another_shape_cannot_take_over_what_is_fixed():
    champion = fitted(classifier(callbacks=[Freezer("layers.3.*")], module__n_outputs=3))
    with pytest.raises(ValueError, match=r"'layers.3.weight' of NeuralNetClassifier is held fixed"):
        refitted(champion, classifier())


def test_a_retrainer_hands_on_what_is_fixed():
    torch.manual_seed(0)
    net = normed(callbacks=[Freezer("first.0.*")])
    model = DriftAwareRetrainer(net, detector=None, policy="full_refit", update="full_refit")
    first = model.fit(X[:100], Y[:100]).estimator_
    second = model.partial_fit(X[100:], Y[100:]).estimator_
    assert model.events_.counts["updated"] == 1
    assert moved(first, second) == state(first).keys() - {"first.0.weight", "first.0.bias"}


def test_a_model_of_another_kind_has_nothing_to_hand_on():
    fresh = refitted(GaussianNB().fit(X, Y), normed())
    assert fresh.predict(X).shape == Y.shape


@pytest.mark.parametrize("base", [binary(), regressor()], ids=lambda net: type(net).__name__)
def test_an_exported_net_is_skorchs_own_and_predicts_the_same(base):
    y = Y.astype(np.float32)
    model = DriftAwareRetrainer(base, detector=None).fit(X, y)
    plain = export(model)
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    net = getattr(plain, "regressor_", plain)
    assert type(model.estimator_) is not type(base)
    assert type(net) is type(base)


@pytest.mark.parametrize("policy", ["keep_or_refit", Revive()])
@pytest.mark.no_cover
def test_a_net_reads_what_is_remembered_without_a_warning_of_torch(policy):
    """The rows of a memory may not be written to; what warns may be caught by who compares."""
    rows = RNG.normal(size=(500, 3)).astype(np.float32)
    labels = (rows[:, 0] > 0).astype(np.int64)
    labels[250:] = 1 - labels[250:]
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = DriftAwareRetrainer(classifier(), detector=Periodic(100), policy=policy)
            model.fit(rows[:100], labels[:100])
            for start in range(100, 500, 50):
                model.partial_fit(rows[start : start + 50], labels[start : start + 50])
    finally:
        torch.set_warn_always(False)
    assert not [str(one.message) for one in caught if "writable" in str(one.message)]
    assert {event.action for event in model.events_} & {"kept", "retrained"}
