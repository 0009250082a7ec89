"""The table of adapters: by class or by name, subclasses included, and what it refuses."""

import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB

from skretrain.compose import BaseAdapter, register_adapter
from skretrain.compose.adapters._registry import adapter_of


class Twice(BaseAdapter):
    method = "twice"

    def update(self, model, X, y, params, effort):
        """Nothing."""


class MyRidge(Ridge):
    """A class of somebody's."""


class MySpecialRidge(MyRidge):
    """And a subclass of it."""


@pytest.mark.parametrize("kind", [MyRidge, "tests.MyRidge"])
def test_a_class_is_known_with_its_subclasses_until_it_is_taken_out(kind):
    package = MyRidge.__module__.partition(".")[0]
    kind = kind.replace("tests", package) if isinstance(kind, str) else kind
    adapter = Twice()
    register_adapter(kind, adapter)
    try:
        assert adapter_of(MyRidge()) == (adapter, "")
        assert adapter_of(MySpecialRidge()) == (adapter, "")
        assert adapter_of(Ridge())[0] is None
    finally:
        register_adapter(kind, None)
    assert adapter_of(MyRidge()) == (None, "MyRidge has neither partial_fit nor warm_start")
    register_adapter(kind, None)  # it may be taken out twice


def test_the_nearest_class_counts():
    general, special = Twice(), Twice()
    register_adapter(MyRidge, general)
    register_adapter(MySpecialRidge, special)
    try:
        assert adapter_of(MySpecialRidge())[0] is special
        assert adapter_of(MyRidge())[0] is general
    finally:
        register_adapter(MyRidge, None)
        register_adapter(MySpecialRidge, None)


def test_a_class_of_the_same_name_is_another_class():
    """As in a notebook, where a class is defined anew, or in two modules of one package."""
    other = type("MyRidge", (Ridge,), {"__module__": MyRidge.__module__})
    register_adapter(MyRidge, Twice())
    try:
        assert adapter_of(other())[0] is None
    finally:
        register_adapter(MyRidge, None)


def test_what_is_registered_by_class_goes_before_a_name():
    built_in, _ = adapter_of(RandomForestClassifier())
    mine = Twice()
    register_adapter(RandomForestClassifier, mine)
    try:
        assert adapter_of(RandomForestClassifier())[0] is mine
    finally:
        register_adapter(RandomForestClassifier, None)
    assert adapter_of(RandomForestClassifier())[0] is built_in


@pytest.mark.parametrize("adapter", [Twice, "twice", object()])
def test_only_adapters_are_taken(adapter):
    with pytest.raises(TypeError, match="is not an adapter: pass an object of a subclass"):
        register_adapter(MyRidge, adapter)


@pytest.mark.parametrize("kind", [GaussianNB(), "GaussianNB", "sklearn.naive_bayes.GaussianNB", 3])
def test_only_classes_and_short_names_are_taken(kind):
    with pytest.raises(TypeError, match="must be a class or a name like 'lightgbm.LGBMModel'"):
        register_adapter(kind, Twice())
