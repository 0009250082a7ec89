"""The class labels of a stream: declared, seen, fitted."""

from dataclasses import replace

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets

from ..utils._labels import are_same, is_flat, union_of_labels, unseen_labels
from ..utils._plain import Plain

# Rows of a class after which a model is expected to know it.
_ROWS_TO_LEARN = 30


class Labels(Plain):
    """What is known of the class labels; of a base that is no classifier, nothing.

    Parameters
    ----------
    estimator : estimator
        The base.
    task : {"classification", "regression", "unsupervised"}
        What it does.
    grow : bool
        Whether a new label is learned or refused.

    Attributes
    ----------
    classes : ndarray or None
        Sorted labels declared, seen or fitted; None for several outputs.
    declared : array-like or None
        As the caller announced them, for the first ``partial_fit`` of the base.
    young : dict
        Labels that models had no time to learn yet, and the rows of each so far.
    """

    def __init__(self, estimator, task, *, grow):
        self.estimator = estimator
        self.is_classifier = task == "classification"
        self.grow = grow
        self.classes = None
        self.declared = None
        self.young = {}

    def are_flat(self, y):
        """Tell whether there is one label per row."""
        return self.is_classifier and y.ndim == 1

    def declare_all(self, y):
        """Take in all labels of a whole fit, which no later batch of it can then lack."""
        if self.are_flat(y):
            self.take_in(y)

    def check(self, y, announced, *, is_first):
        """Return the labels of `y` that are new, or raise ValueError if they cannot be taken in.

        Parameters
        ----------
        y : ndarray or None
            Targets of the rows that count.
        announced : array-like or None
            What the caller gave as ``classes``; to a regressor they mean nothing.
        is_first : bool
            Whether no model serves yet.
        """
        if is_first and self.is_classifier:
            check_classification_targets(y)
        known = self._known_with(announced)
        if known is None or y is None:
            return ()
        unseen = unseen_labels(y, known)
        if not len(unseen):
            return ()
        check_classification_targets(y)
        union_of_labels(known, unseen)
        if not self.grow:
            raise ValueError(
                f"The target label(s) {unseen.tolist()} in y do not exist in the initial classes "
                f"{known.tolist()}. Declare them with classes=... in the first partial_fit, "
                "or set new_classes='grow'."
            )
        if len(known) + len(unseen) > 2 and self._base_is_binary_only():
            raise ValueError(
                f"{type(self.estimator).__name__} tells two classes apart, and y has "
                f"the new label(s) {unseen.tolist()} besides {known.tolist()}. Wrap it in "
                "sklearn.multiclass.OneVsRestClassifier, or leave these rows out."
            )
        return unseen

    def _base_is_binary_only(self):
        tags = get_tags(self.estimator).classifier_tags
        return tags is not None and not tags.multi_class

    def _known_with(self, announced):
        if not self.is_classifier or announced is None or not is_flat(announced):
            return self.classes
        return union_of_labels(self.classes, announced)

    def declare(self, announced):
        """Take in the labels that a caller announces, and tell whether any of them are new."""
        if announced is None or not self.is_classifier:
            return False
        self.declared = announced
        known = self._known_with(announced)
        return known is not None and self.take_in(known)

    def take_in(self, labels):
        """Take in labels, and tell whether any of them are new."""
        before = 0 if self.classes is None else len(self.classes)
        self.classes = union_of_labels(self.classes, labels)
        return len(self.classes) > before

    def without_young(self, scored, unseen):
        """Return a scored batch without the losses on classes that are new, and count their rows.

        That a model does not know a new class says nothing against what it knows.

        Parameters
        ----------
        scored : ScoredBatch or None
            What a trigger is to be shown.
        unseen : ndarray or tuple
            Labels that are new with this batch.
        """
        if len(unseen):
            self.young |= dict.fromkeys(np.asarray(unseen).tolist(), 0)
        if not self.young or scored is None or scored.loss is None:
            return scored
        is_young = np.array([label in self.young for label in scored.y.tolist()])
        for label in scored.y[is_young & ~np.isnan(scored.loss)].tolist():
            self.young[label] += 1
        self.young = {one: seen for one, seen in self.young.items() if seen < _ROWS_TO_LEARN}
        return replace(scored, loss=np.where(is_young, np.nan, scored.loss))

    def note_absent(self, y):
        """Note that a first model has seen no row of the labels that were only declared."""
        if self.classes is not None and self.are_flat(y):
            self.young = dict.fromkeys(unseen_labels(self.classes, np.unique(y)).tolist(), 0)

    def served_with(self, model):
        """Return the classes to show while `model` serves, among them those that it alone knows."""
        classes = getattr(model, "classes_", None)
        if self.classes is None:
            return classes
        if classes is not None and not are_same(classes, self.classes):
            # A refit may know labels that nothing else counts: those of weight zero.
            self.classes = union_of_labels(self.classes, classes)
        return self.classes

    def lacking(self, model, labels):
        """Return which of these labels `model` does not know, as a list."""
        if not len(labels):
            return []
        return np.setdiff1d(labels, getattr(model, "classes_", ())).tolist()

    def lacked_by(self, model, y):
        """Return the labels of `y` that `model` does not know."""
        known = getattr(model, "classes_", self.classes)
        if self.classes is None or len(self.classes) == len(known):
            return ()
        return unseen_labels(y, known)
