"""A checkpoint is whole or not there, is read without running it, and the object continues."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest
from helpers import stream
from hypothesis import given
from hypothesis import strategies as st
from release_checkpoint import FOLDER
from release_checkpoint import continued as continued_release
from sklearn.linear_model import LinearRegression, SGDClassifier, SGDRegressor
from sklearn.preprocessing import FunctionTransformer

from skretrain import DriftAwareRetrainer, ReplayPartialFit, make_mixture
from skretrain.exceptions import CheckpointVersionWarning
from skretrain.linear_model import RecursiveRidgeClassifier
from skretrain.serving import PendingLabels, checkpoint_info, load, save
from skretrain.serving import _checkpoint as module

pytest.importorskip("skops", reason="checkpoints are written with it")


def streaming():
    X, y = stream(400, drift=200)
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), random_state=0)
    return model.fit(X[:100], y[:100]).partial_fit(X[100:300], y[100:300]), X, y


def continued(model, X, y):
    """Return all that a model says and logs while it learns on."""
    outputs = []
    for start in range(300, 400, 20):
        part = slice(start, start + 20)
        outputs.append(model.predict(X[part]).tolist())
        model.partial_fit(X[part], y[part])
    return outputs, model.events_.counts, model.predict(X).tolist()


@pytest.mark.parametrize("serializer", ["skops", "pickle"])
def test_what_is_loaded_continues_as_if_it_had_never_been_away(serializer, tmp_path):
    model, X, y = streaming()
    save(model, tmp_path / "a", serializer=serializer)
    again = load(tmp_path / "a", trusted=() if serializer == "skops" else True)
    assert continued(again, X, y) == continued(model, X, y)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "make",
    [
        lambda: ReplayPartialFit(SGDClassifier(random_state=0), random_state=0),
        lambda: make_mixture(random_state=0),
        lambda: RecursiveRidgeClassifier(),
        lambda: DriftAwareRetrainer(SGDRegressor(random_state=0)),
    ],
    ids=["replay", "mixture", "ridge", "regressor"],
)
def test_every_estimator_can_be_saved_in_the_middle_of_a_stream(make, tmp_path):
    X, y = stream(200)
    model = make().fit(X[:100], y[:100])
    save(model, tmp_path / "a")
    again = load(tmp_path / "a", trusted=["sklearn.tree._tree.Tree"])  # of the mixture
    for each in (model, again):
        each.partial_fit(X[100:], y[100:])
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_ledger_keeps_the_rows_that_wait_for_their_labels(tmp_path):
    model, X, y = streaming()
    ledger = PendingLabels(model, max_pending=100)
    ids, _ = ledger.predict(X[:5])
    save(ledger, tmp_path / "a")
    again = load(tmp_path / "a")
    rows, labels, _ = again.resolve(ids, y[:5])
    np.testing.assert_array_equal(rows, X[:5])
    np.testing.assert_array_equal(labels, y[:5])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "model.skretrain"
    X, y = stream(50)
    save(RecursiveRidgeClassifier().fit(X, y), path)
    return path


def rewritten(path, change):
    """Write a file like another, with its bytes changed."""
    other = path.with_name("other")
    other.write_bytes(change(path.read_bytes()))
    return other


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), in_head=st.booleans())
def test_a_file_with_any_bit_changed_is_refused(checkpoint, place, bit, in_head):
    def flip(content):
        n = int(place * (content.index(b"\n") if in_head else len(content)))
        return content[:n] + bytes([content[n] ^ (1 << bit)]) + content[n + 1 :]

    with pytest.raises(ValueError, match="no checkpoint|altered|later version"):
        load(rewritten(checkpoint, flip))


@given(place=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_anywhere_is_refused(checkpoint, place):
    with pytest.raises(ValueError, match="no checkpoint|cut or altered"):
        load(rewritten(checkpoint, lambda content: content[: int(place * len(content))]))


def test_a_file_of_something_else_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"a\.csv is no checkpoint"):
        load(tmp_path / "a.csv")
    with pytest.raises(FileNotFoundError, match="missing"):
        load(tmp_path / "missing")


def test_a_file_of_a_later_version_says_to_upgrade(checkpoint):
    def later(content):
        return content.replace(b"skretrain-checkpoint 1 ", b"skretrain-checkpoint 99 ", 1)

    with pytest.raises(ValueError, match="later version of skretrain.*99.*upgrade"):
        load(rewritten(checkpoint, later))


@pytest.mark.parametrize("protocol", [b"0", b"", b"x", b"01"])
def test_a_protocol_that_there_never_was_is_an_altered_file(protocol, checkpoint):
    def other(content):
        return content.replace(b"checkpoint 1 ", b"checkpoint %s " % protocol, 1)

    with pytest.raises(ValueError, match="cut or altered"):
        load(rewritten(checkpoint, other))


@pytest.mark.parametrize("trusted", ["lightgbm.basic.Booster", None, False, 1, [int], [["a"]]])
def test_what_is_no_list_of_names_is_refused_before_the_file_is_read(trusted, tmp_path):
    with pytest.raises(ValueError, match=r"load\(trusted=.*must be names of types.*or True"):
        load(tmp_path / "nothing", trusted=trusted)


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_no_code_of_a_file_runs_unless_it_is_trusted(tmp_path):
    bait = tmp_path / "bait"
    save(Payload(str(bait)), tmp_path / "a", serializer="pickle")
    with pytest.raises(ValueError, match="trusted=True"):
        load(tmp_path / "a")
    with pytest.raises(ValueError, match="trusted=True"):
        load(tmp_path / "a", trusted=["builtins.open"])
    assert not bait.exists()
    load(tmp_path / "a", trusted=True).close()
    assert bait.exists()


class Stranger(SGDClassifier):
    """A class that nobody has said to be trusted."""


def test_a_type_of_somebody_else_is_named_and_can_be_trusted(tmp_path):
    X, y = stream(60)
    model = DriftAwareRetrainer(Stranger(random_state=0)).fit(X, y)
    save(model, tmp_path / "a")
    with pytest.raises(ValueError, match=r"trusted=\['.*Stranger'\]"):
        load(tmp_path / "a")
    name = f"{Stranger.__module__}.Stranger"
    for trusted in ([name], True):
        again = load(tmp_path / "a", trusted=trusted)
        np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_what_skops_cannot_write_leaves_the_file_and_names_the_way_out(tmp_path):
    model, X, _ = streaming()
    save(model, tmp_path / "a")
    model.loss = lambda: None
    with pytest.raises(TypeError, match='serializer="pickle"'):
        save((lambda: None, 1j), tmp_path / "a")
    np.testing.assert_array_equal(load(tmp_path / "a").predict(X), model.predict(X))
    with pytest.raises(ValueError, match="serializer='json'.*choose one of skops, pickle"):
        save(model, tmp_path / "a", serializer="json")
    with pytest.raises(TypeError, match=r"this tuple cannot be pickled: .*lambda"):
        save((lambda: None, 1j), tmp_path / "a", serializer="pickle")
    assert checkpoint_info(tmp_path / "a")["serializer"] == "skops"


def test_what_no_name_finds_again_is_refused_when_it_is_saved(tmp_path):
    """skops writes such names without a word, and fails when it reads them."""

    def local(X):
        return X

    for func, name in ((lambda X: X, "<lambda>"), (local, "local")):
        with pytest.raises(TypeError, match=rf"{__name__}\.{name}.*top of a module"):
            save(FunctionTransformer(func), tmp_path / "a")
    assert os.listdir(tmp_path) == []
    save(FunctionTransformer(stream), tmp_path / "a")
    assert load(tmp_path / "a", trusted=["helpers.stream"]).func is stream
    save(FunctionTransformer(LinearRegression().predict), tmp_path / "a")


def test_a_file_tells_what_wrote_it(checkpoint):
    info = checkpoint_info(checkpoint)
    assert info["type"].endswith("RecursiveRidgeClassifier")
    assert info["versions"]["scikit-learn"]
    assert info["protocol"] == 1
    assert 0 < info["n_bytes"] < checkpoint.stat().st_size


def reheaded(path, **versions):
    """Write a file as if other versions had written it."""
    body = path.read_bytes().partition(b"\n")[2]
    header, _, payload = body.partition(b"\n")
    header = json.loads(header)
    header["versions"] |= versions
    body = json.dumps(header).encode() + b"\n" + payload
    digest = hashlib.sha256(body).hexdigest().encode()
    other = path.with_name("other")
    other.write_bytes(b"skretrain-checkpoint 1 " + digest + b"\n" + body)
    return other


@pytest.mark.parametrize("package", ["scikit-learn", "skretrain", "river"])
def test_other_versions_are_told(package, checkpoint):
    with pytest.warns(CheckpointVersionWarning, match=rf"{package} 0\.0\.1 \(here"):
        load(reheaded(checkpoint, **{package: "0.0.1"}))


def test_a_package_that_is_gone_is_told(checkpoint, monkeypatch):
    monkeypatch.setattr(module, "version", missing_joblib(module.version))
    with pytest.warns(CheckpointVersionWarning, match=r"joblib .* \(here None\)"):
        load(checkpoint)


def missing_joblib(version):
    def missing(package):
        if package == "joblib":
            raise PackageNotFoundError(package)
        return version(package)

    return missing


_KILLED_WHILE_IT_SAVES = """
import os, signal, sys, time
import numpy as np
from skretrain.linear_model import RecursiveRidgeRegressor
from skretrain.serving import load, save

def save_for_ever(path, begun):
    model = RecursiveRidgeRegressor()
    for n in range(10**9):
        model.n_saves, model.ballast = n, np.full(20_000, n)
        save(model, path, serializer="pickle")
        if n == 0:
            os.write(begun, b".")

path, rng = sys.argv[1], np.random.default_rng(0)
for _ in range(int(sys.argv[2])):
    ready, begun = os.pipe()
    child = os.fork()
    if not child:
        save_for_ever(path, begun)
    os.read(ready, 1)
    time.sleep(rng.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    model = load(path, trusted=True)
    assert (model.ballast == model.n_saves).all()
    print("whole")
"""


@pytest.mark.parametrize("n_kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_a_process_killed_while_it_saves_leaves_a_file_that_is_whole(n_kills, tmp_path):
    command = [sys.executable, "-c", _KILLED_WHILE_IT_SAVES, tmp_path / "a", str(n_kills)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["whole"] * n_kills


def test_pickles_of_the_process_are_what_the_format_says(tmp_path):
    save({"a": 1}, tmp_path / "a", serializer="pickle")
    body = (tmp_path / "a").read_bytes().partition(b"\n")[2]
    assert pickle.loads(body.partition(b"\n")[2]) == {"a": 1}


def is_newer(info):
    """Return whether a file was written with packages that are newer than those that are here."""
    return any(
        info["versions"][package].split(".") > version(package).split(".")
        for package in ("scikit-learn", "numpy", "river")
    )


@pytest.mark.filterwarnings("ignore::skretrain.exceptions.CheckpointVersionWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.skretrain")), ids=lambda path: path.stem)
def test_the_file_of_each_release_goes_on_as_it_did_then(path):
    if is_newer(checkpoint_info(path)):
        pytest.skip("scikit-learn reads no state of a later version")
    expected = json.loads(path.with_suffix(".json").read_text())
    assert continued_release(load(path)) == expected
