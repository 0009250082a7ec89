"""The whole state in one file, which is whole or not there, and is read without running it."""

import hashlib
import json
import pickle
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from .. import __version__
from ..exceptions import CheckpointVersionWarning
from ..utils._files import write_whole
from ..utils._optional import import_optional
from ..utils._warn import warn_user
from ._trusted_types import trusted_types

_MAGIC = b"skretrain-checkpoint"
_PROTOCOL = 1  # of the file; raised when this version could not read the files of the one before
_SERIALIZERS = ("skops", "pickle")
_PACKAGES = ("scikit-learn", "numpy", "scipy", "river", "joblib")  # whose objects a state holds


def save(obj, path, *, serializer="skops"):
    """Write an object with all that it has learned to a file, or leave the file as it was.

    The state is written beside the file, flushed to the disk and put in its place in one step, with
    a checksum: whenever the process is killed, the file holds the state of before or the new one,
    and what :func:`load` returns continues from there, bit for bit.

    Parameters
    ----------
    obj : object
        A retrainer, a mixture, a ledger or any other object that pickles. Nothing may learn into it
        meanwhile: a :class:`BackgroundRetrainer` has a ``save`` of its own that waits its turn.
    path : str or path-like
        Where to. The folder must be there.
    serializer : {"skops", "pickle"}, default="skops"
        ``"skops"`` can be read without running any code of the file, and needs the package skops.
        ``"pickle"`` is for what skops does not know, such as nets of torch, and is read only from
        who is trusted.

    Raises
    ------
    ImportError
        If skops is needed and is not installed.
    TypeError
        If the serializer cannot write the object. The file is as it was, as with any other error.
    OSError
        If the file cannot be written: the disk is full, the folder is not there.

    See Also
    --------
    load : Read it again.
    checkpoint_info : What a file holds, without reading the object.

    Notes
    -----
    Callbacks and listeners belong to the process and are not written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import load, save
    >>> X, y, _ = make_drifting_classification(1000, random_state=0)
    >>> model = DriftAwareRetrainer(SGDClassifier(random_state=0)).fit(X[:500], y[:500])
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.skretrain"
    ...     save(model, path)
    ...     again = load(path)
    >>> again.partial_fit(X[500:], y[500:]).n_samples_seen_
    1000
    """
    if serializer not in _SERIALIZERS:
        raise ValueError(
            f"serializer={serializer!r} is unknown; choose one of {', '.join(_SERIALIZERS)}."
        )
    payload = _dumped(obj, serializer)
    header = json.dumps(
        {"type": _name(type(obj)), "serializer": serializer, "versions": _versions()}
    )
    body = header.encode() + b"\n" + payload
    digest = hashlib.sha256(body).hexdigest().encode()
    write_whole(path, b"%s %d %s\n%s" % (_MAGIC, _PROTOCOL, digest, body))


def load(path, *, trusted=()):
    """Read an object that :func:`save` wrote; it continues as if it had never been away.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : sequence of str or True, default=()
        Names of types that may be made beside those of scikit-learn, numpy, scipy and skretrain, as
        ``"lightgbm.basic.Booster"``. True trusts whoever wrote the file, so that whatever stands in
        it is run; a file of the serializer ``"pickle"`` is read with nothing less.

    Returns
    -------
    obj : object
        What was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is none of these, if it was cut or altered, if it was written by a later version
        whose files this one cannot read, or if it holds a type that is not trusted.
    ImportError
        If a package that the object needs is not installed.

    Warns
    -----
    CheckpointVersionWarning
        If the file was written with another version of skretrain, or of a package that the state
        comes from.

    See Also
    --------
    save : Write it.
    trusted_types : What is trusted of skretrain.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from skretrain.serving import load, save
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tree.skretrain"
    ...     save(DecisionTreeRegressor().fit([[0], [1]], [3, 5]), path)
    ...     load(path, trusted=["sklearn.tree._tree.Tree"]).predict([[0.2]])
    array([3.])
    """
    header, payload = _read(path)
    if header["serializer"] == "pickle":
        if trusted is not True:
            raise ValueError(
                f"{path} is a pickle, which can run any code when it is read: pass trusted=True if "
                "you know who wrote it."
            )
        obj = pickle.loads(payload)
    else:
        obj = _loaded(path, payload, trusted)
    _warn_of_versions(path, header["versions"])
    return obj


def checkpoint_info(path):
    """Return what a file of :func:`save` holds, after a check that it is whole.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    info : dict
        ``type``, the dotted name of the object's class; ``serializer``; ``versions`` of the
        packages that wrote it; ``protocol`` of the file; ``n_bytes`` of the state.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        As in :func:`load`, but for types.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skretrain.linear_model import RecursiveRidgeRegressor
    >>> from skretrain.serving import checkpoint_info, save
    >>> with TemporaryDirectory() as folder:
    ...     save(RecursiveRidgeRegressor(), Path(folder) / "model.skretrain")
    ...     checkpoint_info(Path(folder) / "model.skretrain")["serializer"]
    'skops'
    """
    header, payload = _read(path)
    return header | {"protocol": _PROTOCOL, "n_bytes": len(payload)}


def _dumped(obj, serializer):
    if serializer == "pickle":
        return pickle.dumps(obj)
    skops = import_optional("skops.io", caller="save", extra="serving")
    try:
        return skops.dumps(obj)
    except Exception as error:  # of skops, or of whatever in the object cannot be written
        raise TypeError(
            f"skops cannot write this {type(obj).__name__}: {type(error).__name__}: {error} "
            'Use save(..., serializer="pickle"), and load it with trusted=True.'
        ) from error


def _loaded(path, payload, trusted):
    skops = import_optional("skops.io", caller="load", extra="serving")
    unknown = sorted(set(skops.get_untrusted_types(data=payload)))
    if trusted is not True:
        foreign = [name for name in unknown if name not in {*trusted_types(), *trusted}]
        if foreign:
            raise ValueError(
                f"{path} holds types that nobody has said to be trusted: {', '.join(foreign)}. If "
                f"they are what you expect, pass trusted={foreign}."
            )
    return skops.loads(payload, trusted=unknown)


def _read(path):
    """Return the header and the state in a file that is whole."""
    content = Path(path).read_bytes()
    first, _, body = content.partition(b"\n")
    magic, _, rest = first.partition(b" ")
    if magic != _MAGIC:
        raise ValueError(f"{path} is no checkpoint: it does not begin as those of save() do.")
    protocol, _, digest = rest.partition(b" ")
    if protocol.isdigit() and int(protocol) > _PROTOCOL:
        raise ValueError(
            f"{path} was written by a later version of skretrain (protocol {int(protocol)}; "
            f"{__version__} reads {_PROTOCOL}): upgrade skretrain to read it."
        )
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError(
            f"{path} was cut or altered: its checksum is not that of its content. Go back to the "
            "last file that is whole."
        )
    header, _, payload = body.partition(b"\n")
    return json.loads(header), payload


def _versions():
    return {"skretrain": __version__, "python": python_version()} | {
        package: _version(package, version) for package in (*_PACKAGES, "skops")
    }


@cache  # it reads a file of each package, and a job of a day does so three times
def _version(package, read):
    try:
        return read(package)
    except PackageNotFoundError:
        return None


def _warn_of_versions(path, written):
    present = _versions()
    others = [
        f"{package} {was} (here {present.get(package)})"
        for package, was in written.items()
        if package != "skops" and _minor(was) != _minor(present.get(package))
    ]
    if others:
        warn_user(
            f"{path} was written with {', '.join(others)}; what it predicts may differ. Fit anew, "
            "or compare both before it serves.",
            CheckpointVersionWarning,
        )


def _minor(text):
    return None if text is None else text.split(".")[:2]


def _name(kind):
    return f"{kind.__module__}.{kind.__qualname__}"
