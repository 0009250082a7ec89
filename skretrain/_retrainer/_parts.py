"""What a cycle is made of and was told, and a batch on its way through it."""

from typing import Any, NamedTuple

import numpy as np

from ..drift import ScoredBatch


class Parts(NamedTuple):
    """The parts of one retrainer, resolved and blank."""

    learner: Any
    trigger: Any
    policy: Any
    update: Any
    buffer: Any
    gate: Any


class Settings(NamedTuple):
    """What else a retrainer was told.

    Attributes
    ----------
    task : {"classification", "regression", "unsupervised"}
        Decides the loss per row.
    initial_size : int or None
        Rows to collect before the first fit, when it all begins with ``partial_fit``.
    grow_classes : bool
        Whether a new class is learned or refused.
    dry_run : bool
        Whether to log what would be done instead of doing it.
    raise_failures : bool
        Whether a failed update or retrain raises, or warns.
    seed : int
        For sampling from the memory.
    watches_rare : bool
        Whether rare classes are to be watched apart, because nobody chose the trigger.
    """

    task: str
    initial_size: int | None
    grow_classes: bool
    dry_run: bool
    raise_failures: bool
    seed: int
    watches_rare: bool = False


class Examined(NamedTuple):
    """A batch that passed every check, and what the serving model made of it."""

    rows: Any
    classes: Any  # as announced by the caller
    y_pred: np.ndarray | None  # None before the first fit, and without targets
    scored: ScoredBatch | None  # for the trigger, if there is one
    unseen: np.ndarray | tuple  # labels that are new
    relearned: Any = None  # a new model, where the one that serves cannot read the batch
    may_grow: bool = True  # whether a retrain may be due because the rows have grown
