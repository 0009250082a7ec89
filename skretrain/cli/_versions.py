"""The models of a daily job that served, in a folder."""

import re
import shutil

from .. import serving
from .._retrainer._estimator import BaseRetrainer
from ._errors import CommandError, as_sentence

_AGAIN = re.compile(r"version (\d+) serves again")


def followed(model, folder):
    """Return the store of the versions of a model, which keeps each from now on; or None.

    A mixture has many models, each with versions of its own, and none is kept.
    """
    if not isinstance(model, BaseRetrainer):
        return None
    return serving.VersionStore(folder).follow(model)


def known_versions(store, serving_now):
    """Return the numbers of the versions that can be taken back, oldest first.

    Of a command that was killed before it was done, a later one may lie there.
    """
    return [] if store is None else [one.version for one in store if one.version <= serving_now]


def _one_before(model, known, serving_now):
    """Return the latest version that is older than the model that serves, or None.

    A version that serves again is as old as it was the first time.
    """
    again = {}
    for event in model.events_:
        found = _AGAIN.search(event.reason) if event.action == "rolled_back" else None
        if found is not None:
            again[event.version] = int(found[1])
    oldest = serving_now
    while oldest in again:
        oldest = again[oldest]
    return max((one for one in known if one < oldest and one not in again), default=None)


def take_back(store, model, version, serving_now):
    """Let a version serve again; None is the latest that is older than the model that serves now.

    Returns
    -------
    version : int
        Which one it was.
    """
    if store is None:
        raise CommandError("a mixture has many models, and none to go back to.")
    known = known_versions(store, serving_now)
    if version is None:
        version = _one_before(model, known, serving_now)
        if version is None:
            raise CommandError(f"version {serving_now} serves, and none before it is kept.")
    if version not in known:
        raise CommandError(
            f"version {version} is not kept; those that are: {', '.join(map(str, known))}."
        )
    try:
        store.rollback(version)
    except ValueError as error:  # it does not fit the rows of today, or its file is damaged
        raise CommandError(as_sentence(error)) from error
    return version


def forget(folder):
    """Let go of all versions in a folder, of a job that is begun anew."""
    shutil.rmtree(folder, ignore_errors=True)
