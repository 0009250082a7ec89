"""copy_fitted: a deepcopy in all that can be observed, at a fraction of the time."""

import copy

import numpy as np
import pytest
from helpers import assert_same_outputs, fingerprint, stream
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skretrain import DriftAwareRetrainer
from skretrain.utils._copy import copy_fitted

X, Y = stream(300)

INCREMENTAL = [
    BernoulliNB(),
    GaussianNB(),
    MLPClassifier((4,), random_state=0, solver="adam"),
    MLPClassifier((4,), random_state=0, solver="sgd"),
    MLPClassifier((4,), random_state=np.random.RandomState(0)),
    MLPRegressor(hidden_layer_sizes=(4,), random_state=0),
    MiniBatchKMeans(3, random_state=0),
    MultiOutputClassifier(SGDClassifier(random_state=0)),
    Perceptron(random_state=0),
    SGDClassifier(average=True, random_state=0),
    SGDClassifier(random_state=0),
    SGDClassifier(random_state=np.random.RandomState(3)),
    SGDOneClassSVM(random_state=0),
    SGDRegressor(random_state=0),
    DriftAwareRetrainer(SGDClassifier(random_state=0)),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("base", INCREMENTAL, ids=lambda base: type(base).__name__)
@pytest.mark.no_cover
def test_the_copy_learns_as_a_deepcopy_and_the_original_does_not(base):
    """Trap 38: bit for bit the future of a deepcopy, over several steps."""
    y = np.c_[Y, 1 - Y] if isinstance(base, MultiOutputClassifier) else Y
    model = copy.deepcopy(base).fit(X[:100], y[:100])
    before, predicted = fingerprint(model), model.predict(X)
    mine, oracle = copy_fitted(model), copy.deepcopy(model)
    for start in range(100, 300, 50):
        part = slice(start, start + 50)
        mine = copy_fitted(mine).partial_fit(X[part], y[part])
        oracle.partial_fit(X[part], y[part])
    assert_same_outputs(mine, oracle, X)
    assert type(mine) is type(model)
    assert fingerprint(model) == before
    np.testing.assert_array_equal(model.predict(X), predicted)
    assert fingerprint(mine) != before


@pytest.mark.parametrize(
    "base",
    [
        GaussianProcessClassifier(),
        HistGradientBoostingClassifier(max_iter=3),
        KNeighborsClassifier(),
        LogisticRegression(),
        RandomForestClassifier(3, random_state=0),
        SVC(),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda base: type(base).__name__,
)
def test_any_other_model_is_copied_too(base):
    """Trees, C structures, kernels: what is not plain is deep-copied."""
    model = base.fit(X, Y)
    copied = copy_fitted(model)
    assert copied is not model
    assert_same_outputs(copied, model, X)
    assert copied.get_params().keys() == model.get_params().keys()


def test_compiled_parts_are_not_shared():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)).fit(X, Y)
    copied = copy_fitted(model)
    copied[0].mean_ += 1
    assert not np.array_equal(copied[0].mean_, model[0].mean_)
    assert copied[1].estimators_[0].tree_ is not model[1].estimators_[0].tree_


def test_arrays_optimisers_and_lists_are_not_shared():
    model = MLPClassifier((4,), max_iter=1, random_state=0).partial_fit(X, Y, classes=[0, 1])
    copied = copy_fitted(model)
    for mine, theirs in zip(copied.coefs_, model.coefs_, strict=True):
        assert not np.shares_memory(mine, theirs)
    assert copied._optimizer is not model._optimizer
    assert copied.loss_curve_ is not model.loss_curve_


class Holder(BaseEstimator):
    def __init__(self, value=None):
        self.value = value


def test_what_is_one_object_stays_one_object():
    """Two names for one array, one list, one model: learning through one shows in the other."""
    shared = np.zeros(3)
    holder = Holder({"a": shared, "b": [shared, (shared, 1), "text"], "c": (1, 2)})
    holder.again = holder.value["b"]
    holder.myself = holder
    copied = copy_fitted(holder)
    copied.value["a"][0] = 7
    assert copied.again[0][0] == copied.again[1][0][0] == 7
    assert copied.again is copied.value["b"]
    assert copied.again[2] == "text"
    assert copied.value["c"] == (1, 2)
    assert copied.myself is copied
    assert shared[0] == 0


@pytest.mark.parametrize("order", [1, -1])
def test_deepcopied_parts_share_the_same_identities(order):
    """A part that is deep-copied and one that is not may name the same array."""

    class Slotted:
        __slots__ = ("array",)

    shared = np.zeros(3)
    part = Slotted()
    part.array = shared
    slotted, array = copy_fitted(Holder([part, shared][::order])).value[::order]
    assert slotted.array is array
    assert array is not shared


class WithState(BaseEstimator):
    def __init__(self):
        self.loads = 0

    def __getstate__(self):
        return {"loads": self.loads}

    def __setstate__(self, state):
        self.loads = state["loads"] + 1


class WithReduce:
    def __reduce__(self):
        return (WithReduce.rebuilt, ())

    @staticmethod
    def rebuilt():
        made = WithReduce()
        made.rebuilt_by_reduce = True
        return made


class WithDeepcopy:
    def __deepcopy__(self, memo):
        return "own"


class WithNew:
    def __new__(cls, value):
        made = super().__new__(cls)
        made.value = value
        return made

    def __getnewargs__(self):
        return (self.value,)


class WithNewArgsEx:
    def __getnewargs_ex__(self):
        return (), {}


class Slots:
    __slots__ = ("__dict__", "array")


def test_objects_with_a_protocol_of_their_own_are_asked():
    """``__getstate__``, ``__reduce__``, ``__deepcopy__``, ``__new__``, ``__slots__``: deepcopy."""
    assert copy_fitted(WithState()).loads == 1
    assert copy_fitted(WithReduce()).rebuilt_by_reduce
    assert copy_fitted(WithDeepcopy()) == "own"
    assert copy_fitted(WithNew(3)).value == 3
    assert isinstance(copy_fitted(WithNewArgsEx()), WithNewArgsEx)
    slotted = Slots()
    slotted.array, slotted.free = np.zeros(2), [1]
    copied = copy_fitted(slotted)
    assert copied.array is not slotted.array
    assert copied.free == [1]
    assert copied.free is not slotted.free


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2.5, 1j, "text", b"bytes", int, range(3), np.float64(2), np.int32(1),
        np.str_("a"), (), (1, "a"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_cannot_change_is_shared(value):
    assert copy_fitted(Holder(value)).value is value


def test_object_arrays_are_copied_deeply():
    inner = [1]
    copied = copy_fitted(Holder(np.array([inner, None], dtype=object))).value
    copied[0].append(2)
    assert inner == [1]


@pytest.mark.parametrize(
    "value",
    [
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6).reshape(2, 3)[:, ::2],
        np.ma.masked_array([1, 2], [True, False]),
        np.array(["a", "bc"]),
        np.array(3.0),
    ],
    ids=["fortran", "strided", "masked", "text", "scalar"],
)
def test_arrays_keep_type_order_and_values(value):
    """A Fortran-ordered coefficient array sums in another order than a C-ordered one."""
    copied = copy_fitted(Holder(value)).value
    assert type(copied) is type(value)
    assert copied.dtype == value.dtype
    assert copied.flags.f_contiguous == value.flags.f_contiguous
    np.testing.assert_array_equal(copied, value)
    assert not np.shares_memory(copied, value)


def test_containers():
    value = {"tuple": (np.zeros(2), "a"), "set": {1, 2}, "sparse": sparse.csr_array(np.eye(2))}
    copied = copy_fitted(Holder(value)).value
    assert copied["tuple"][0] is not value["tuple"][0]
    assert copied["set"] == {1, 2}
    assert copied["set"] is not value["set"]
    assert not np.shares_memory(copied["sparse"].data, value["sparse"].data)


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64, np.random.SFC64])
def test_a_copied_random_state_draws_the_same_numbers_and_not_from_the_original(bits):
    """Also the second of two normal numbers, which ``standard_normal`` leaves waiting."""
    state = np.random.RandomState(bits(3))
    state.standard_normal()
    copied = copy_fitted(state)
    expected = copy.deepcopy(state).standard_normal(5)
    np.testing.assert_array_equal(copied.standard_normal(5), expected)
    np.testing.assert_array_equal(state.standard_normal(5), expected)


def test_a_copied_generator_draws_the_same_numbers():
    generator = np.random.default_rng(3)
    copied = copy_fitted(Holder(generator)).value
    assert copied.random() == generator.random()
    assert copied is not generator


def test_the_global_random_state_stays_the_global_one():
    """``random_state=None`` means the generator that ``numpy.random.seed`` sets."""
    assert copy_fitted([np.random.mtrand._rand])[0] is np.random.mtrand._rand


def test_a_generator_that_is_the_parameter_is_copied_with_it():
    model = MLPClassifier((3,), random_state=np.random.RandomState(0))
    copied = copy_fitted(model.partial_fit(X, Y, classes=[0, 1]))
    assert copied._random_state is copied.random_state
    assert copied.random_state is not model.random_state


def test_a_used_vectorizer_keeps_its_vocabulary():
    model = CountVectorizer().fit(["a bee", "see dee"])
    copied = copy_fitted(model)
    assert copied.vocabulary_ == model.vocabulary_
    assert copied.vocabulary_ is not model.vocabulary_
