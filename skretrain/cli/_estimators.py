"""The models that can be kept fresh: a few by name, all others as ``module:factory`` or a file."""

import hashlib
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from sklearn.base import is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..serving import load
from ..serving._checkpoint import _read as read_checkpoint
from ..serving._trusted_types import trusted_types
from ..utils._clone import cloned
from ..utils._losses import task_of
from ._errors import CommandError, as_sentence, first_line, needed

# name -> (what it is, model by task)
#
# The penalty of SGDClassifier, ten times scikit-learn's, was picked by the scores on generated
# streams with linear concepts, and it decides who leads there: with scikit-learn's own the warm
# start is level with the drift-located refit or ahead of it, with ten times this one clearly
# behind.
ESTIMATORS = {
    "sgd": (
        "linear model by stochastic gradient descent (default)",
        {
            "classification": SGDClassifier(loss="log_loss", alpha=1e-3),
            "regression": SGDRegressor(),
        },
    ),
    "logistic": (
        "logistic regression; classification",
        {"classification": LogisticRegression(max_iter=1000)},
    ),
    "ridge": ("ridge regression; regression", {"regression": Ridge()}),
    "forest": (
        "random forest of 30 trees",
        {
            "classification": RandomForestClassifier(n_estimators=30),
            "regression": RandomForestRegressor(n_estimators=30),
        },
    ),
    "boosting": (
        "histogram gradient boosting",
        {
            "classification": HistGradientBoostingClassifier(),
            "regression": HistGradientBoostingRegressor(),
        },
    ),
    "nb": ("Gaussian naive Bayes; classification", {"classification": GaussianNB()}),
}


DEFAULT = "sgd"


def estimator_for(name, task):
    """Return a blank estimator.

    Parameters
    ----------
    name : str or None
        A name of the table, None for the default, or ``module:factory``: an estimator, or anything
        that returns one when called without arguments. The module may lie in the working folder.
    task : {"classification", "regression"}
        What it has to do.

    Raises
    ------
    CommandError
        If there is no such estimator, or it is not one for the task.
    """
    name = name or DEFAULT
    base = _loaded(name) if is_own_name(name) else _named(name, task)
    if not _is_estimator(base):
        raise CommandError(
            f"--estimator {name} is a {type(base).__name__}, which is not a scikit-learn "
            "estimator; name a class, an estimator or a function that returns one."
        )
    fits = is_classifier if task == "classification" else is_regressor
    if not fits(base):
        raise CommandError(
            f"--estimator {name} is a {type(base).__name__}, which is no estimator for "
            f"{task}; choose another, or set the task with --task."
        )
    return cloned(base)


def is_own_name(name):
    """Tell whether a name is that of a model of the user's, which may do anything."""
    return name is not None and ":" in name


def model_in_file(arguments):
    """Return the estimator that ``--model`` names, as it was saved; None without the option.

    Raises
    ------
    CommandError
        If there is none, or it is neither a classifier nor a regressor.
    """
    if arguments.model is None:
        return None
    if getattr(arguments, "estimator", None) is not None:
        raise CommandError("--estimator and --model exclude each other; leave one of them out.")
    path = Path(arguments.model)
    if not path.exists():
        raise CommandError(f"--model {path} does not exist; check the path.")
    try:
        look_in_working_folder()  # where the classes of the model may be
        model = _read(path, getattr(arguments, "trusted", ()))
    except CommandError:
        raise
    except (Exception, SystemExit) as error:  # a pickle may raise anything
        raise CommandError(
            f"--model {path} could not be loaded: {as_sentence(error)} Write it with joblib.dump, "
            "and install here what it was made with."
        ) from error
    holds = f"--model {path} holds a {type(model).__name__}"
    if not _is_estimator(model):
        raise CommandError(
            f"{holds}, which is not a scikit-learn estimator; save the model, or the pipeline, "
            "itself."
        )
    if task_of(model) == "unsupervised":
        raise CommandError(f"{holds}, which is neither a classifier nor a regressor.")
    return model


def _read(path, trusted):
    """Return what is in a file, by its extension: of skops, of ``serving.save``, or a pickle."""
    if path.suffix == ".skops":
        return _from_skops(path, path.read_bytes(), trusted)
    if path.suffix == ".skretrain":
        header, payload = read_checkpoint(path)
        if header["serializer"] == "skops":
            return _from_skops(path, payload, trusted)
        return load(path, trusted=True)
    return needed("joblib").load(path)


def _from_skops(path, content, trusted):
    skops = needed("skops.io")
    unknown = sorted(set(skops.get_untrusted_types(data=content)))
    foreign = [name for name in unknown if name not in {*trusted_types(), *trusted}]
    if foreign:
        raise CommandError(
            f"--model {path} holds types that nobody has said to be trusted; if they are what you "
            f"expect, give --trusted {','.join(foreign)}."
        )
    return skops.loads(content, trusted=unknown)


def fitted_model_in_file(arguments):
    """Return the estimator that ``--model`` names, which has to be fitted; None without it."""
    model = model_in_file(arguments)
    if model is None:
        return None
    try:
        check_is_fitted(model)
    except Exception as error:  # the model may be the user's own
        other = ", or name it with --estimator" if hasattr(arguments, "estimator") else ""
        raise CommandError(
            f"--model {arguments.model} holds a {type(model).__name__}, which is no fitted "
            f"estimator; save the model after its fit{other}."
        ) from error
    return model


def task_of_model(model, asked):
    """Return the task of the model of ``--model``, which is the one that was asked for, or auto."""
    task = task_of(model)
    if asked not in ("auto", task):
        raise CommandError(
            f"--task {asked}, but --model holds a {type(model).__name__}, which is for {task}; "
            "leave --task out."
        )
    return task


def in_unit_scale(base):
    """Return a regressor that learns its target in unit scale, which gradient descent needs.

    Residuals stay in the target's own. Of a pipeline, the last step alone is wrapped.
    """
    if not is_regressor(base):
        return base
    if isinstance(base, Pipeline):
        name, last = base.steps[-1]
        return base.set_params(**{name: in_unit_scale(last)})
    return TransformedTargetRegressor(base, transformer=StandardScaler())


def _is_estimator(base):
    try:
        get_tags(cloned(base))
    except Exception:  # whatever an object does that was made for something else
        return False
    return True


def _named(name, task):
    if name not in ESTIMATORS:
        raise CommandError(
            f"--estimator {name!r} is not known; the names are {', '.join(ESTIMATORS)}. Any other "
            "is given as module:factory, for instance sklearn.naive_bayes:GaussianNB."
        )
    by_task = ESTIMATORS[name][1]
    if task not in by_task:
        able = [other for other, (_, models) in ESTIMATORS.items() if task in models]
        raise CommandError(
            f"--estimator {name} is not for {task}; choose one of {', '.join(able)}, or set the "
            "task with --task."
        )
    return by_task[task]


def _loaded(name):
    module_name, _, factory = name.partition(":")
    look_in_working_folder()
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:  # the user's module may raise anything
        raise CommandError(
            f"--estimator {name}: the module {module_name!r} could not be imported: "
            f"{first_line(error)}"
        ) from error
    if not hasattr(module, factory):
        close = get_close_matches(factory, dir(module), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "check the name after the colon."
        raise CommandError(f"--estimator {name}: {module_name!r} has no {factory!r}; {hint}")
    return _made(name, getattr(module, factory))


def look_in_working_folder():
    """Let modules of the working folder be imported, where a user's own classes may be."""
    # An installed command does not have the working folder on its path, as `python -m` does.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def code_in_working_folder():
    """Return a digest of the modules of the working folder that are in use, "" where none is.

    A model is found again by its parameters and by the name of its class, not by what that does.
    """
    here, environment = Path.cwd().resolve(), Path(sys.prefix).resolve()
    found = hashlib.blake2b(digest_size=8)
    none = found.digest()
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        path = None if path is None else Path(path).resolve()
        # A virtual environment may be in the folder.
        if path is None or not path.is_relative_to(here) or path.is_relative_to(environment):
            continue
        if path.suffix == ".py" and path.is_file():
            found.update(name.encode() + path.read_bytes())
    return "" if found.digest() == none else found.hexdigest()


def _made(name, found):
    is_blank = hasattr(found, "fit") and not isinstance(found, type)
    try:
        return found if is_blank else found()
    except (Exception, SystemExit) as error:  # the user's factory may raise anything
        raise CommandError(
            f"--estimator {name} could not be called without arguments: {first_line(error)}"
        ) from error
