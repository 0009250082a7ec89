"""A block that raises leaves an object as it was, and at no moment with less."""

import pytest

from skretrain.utils._restoring import Restoring


class Thing:
    def __init__(self, attributes):
        self.__dict__ = attributes


def changed(thing, error=None):
    with Restoring(thing):
        thing.kept, thing.new = 2, 3
        if error is not None:
            raise error


def test_what_a_block_that_raises_has_changed_is_taken_back():
    thing = Thing({"kept": 1})
    with pytest.raises(KeyError):
        changed(thing, KeyError())
    assert vars(thing) == {"kept": 1}
    changed(thing)
    assert vars(thing) == {"kept": 2, "new": 3}


def test_an_attribute_that_was_there_is_there_all_the_time():
    """Another thread may predict meanwhile."""

    class NeverLess(dict):
        def clear(self):
            raise AssertionError("for a moment, nothing is there")

        def __delitem__(self, name):
            assert name != "kept"
            super().__delitem__(name)

    thing = Thing(NeverLess(kept=1))
    with pytest.raises(KeyError):
        changed(thing, KeyError())
    assert vars(thing) == {"kept": 1}
