"""Score on each concept over time: what is kept, and what is forgotten."""

import numpy as np
from sklearn.metrics import check_scoring

from ..metrics._forgetting import _checked, _learned_at, forgetting
from ..utils._optional import import_optional
from ._panels import literal, shortened

_FRAME = {"fill": False, "edgecolor": "#D55E00", "linewidth": 1.8}
_UNKNOWN = "#DDDDDD"
_MOST_WRITTEN = 8  # columns in which numbers have room
_MOST_LETTERS = 70  # of all names of times together
_GREATER_IS_DARKER = "Blues"


class ForgettingDisplay:
    """Score on each concept over time, as a heat map with a row for each concept.

    The cell at which a concept had just been learned is framed. What is pale to the right of the
    frame has been forgotten; at the right stands how much, from the best score to the last. It is
    recommended to use :meth:`from_estimators` where models and test rows are at hand. All
    parameters are stored as attributes.

    Parameters
    ----------
    scores : array-like of shape (n_times, n_concepts)
        The score on held-out rows of each concept at each time; greater is better. NaN, where it
        is not known, is grey.

    concepts : sequence of shape (n_concepts,), default=None
        Names of the concepts. None numbers them.

    times : sequence of shape (n_times,), default=None
        Names of the times. None numbers them.

    learned_at : array-like of int of shape (n_concepts,), default=None
        Time at which each concept had just been learned, a row of `scores`. None: concept `j` at
        time `j`, if there are as many times as concepts.

    label : str, default="score"
        What the scores are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that hold the heat map.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    image_ : matplotlib AxesImage
        The heat map.

    frames_ : list of matplotlib Rectangle
        For each concept the frame around the time at which it had been learned.

    labels_ : list of matplotlib Annotation
        For each concept what is forgotten of it; empty where that is not known.

    See Also
    --------
    skretrain.metrics.forgetting : The numbers at the right.

    Examples
    --------
    >>> from skretrain.inspection import ForgettingDisplay
    >>> scores = [[0.75, 0.5, 0.5], [0.5, 1.0, 0.5], [0.25, 0.75, 1.0]]
    >>> display = ForgettingDisplay(scores, concepts=["calm", "storm", "ice"]).plot()
    >>> [label.get_text() for label in display.labels_]
    ['0.5', '0.25', '']
    """

    def __init__(self, scores, *, concepts=None, times=None, learned_at=None, label="score"):
        self.scores = scores
        self.concepts = concepts
        self.times = times
        self.learned_at = learned_at
        self.label = label

    def plot(self, ax=None, **kwargs):
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure, with room for the numbers at the right; a
            figure of your own needs ``layout="constrained"`` for that.

        **kwargs : dict
            Passed to the ``Axes.imshow`` call that draws the heat map.

        Returns
        -------
        display : ForgettingDisplay
            This object, with `ax_`, `figure_`, `image_`, `frames_` and `labels_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If `scores` is no matrix of numbers, or the names or `learned_at` do not fit it.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        scores = _checked("ForgettingDisplay", self.scores)
        learned_at = _learned_at("ForgettingDisplay", self.learned_at, scores)
        times, concepts = (
            self._names(name, n) for name, n in zip(("times", "concepts"), scores.shape)
        )
        if ax is None:
            height = 1.6 + max(0.28 * len(concepts), 1.2)
            _, ax = pyplot.subplots(figsize=(8.0, height), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        colors = pyplot.get_cmap(_GREATER_IS_DARKER).with_extremes(bad=_UNKNOWN)
        style = {"cmap": colors, "aspect": "auto", **kwargs}
        self.image_ = ax.imshow(np.ma.masked_invalid(scores.T), **style)
        self.frames_ = [
            ax.add_patch(pyplot.Rectangle((time - 0.5, row - 0.5), 1, 1, **_FRAME))
            for row, time in enumerate(learned_at)
        ]
        if len(times) <= _MOST_WRITTEN:
            self._write_scores(scores.T)
        self._write_forgotten(forgetting(scores, learned_at=learned_at, average=False))
        self._name_axes(times, concepts)
        return self

    def _names(self, name, n):
        names = getattr(self, name)
        names = list(range(n)) if names is None else list(names)
        if len(names) != n:
            raise ValueError(
                f"ForgettingDisplay: there are {len(names)} {name}, but scores has {n} of them."
            )
        return names

    def _write_scores(self, scores):
        for (row, time), score in np.ndenumerate(scores):
            if not np.isnan(score):
                is_dark = self.image_.norm(score) > 0.55
                color = "white" if is_dark else "black"
                style = {"ha": "center", "va": "center", "fontsize": 8, "color": color}
                self.ax_.text(time, row, f"{score:.3g}", **style)

    def _write_forgotten(self, forgotten):
        style = {"xycoords": self.ax_.get_yaxis_transform(), "textcoords": "offset points"}
        style |= {"ha": "left", "va": "center", "fontsize": 8}
        self.labels_ = [
            self.ax_.annotate("" if np.isnan(lost) else f"{lost:.3g}", (1.0, row), (6, 0), **style)
            for row, lost in enumerate(forgotten)
        ]
        style |= {"xycoords": "axes fraction", "va": "bottom", "color": "#5A5A5A"}
        self.ax_.annotate("forgotten", (1.0, 1.0), (2, 3), **style)

    def _name_axes(self, times, concepts):
        ax, names = self.ax_, [shortened(time, most=12) for time in times]
        most = max(_MOST_LETTERS // (2 + max(map(len, names))), 1)
        places = range(0, len(times), -(-len(times) // most))
        ax.set_xticks(places, [names[place] for place in places])
        ax.set_yticks(range(len(concepts)), [shortened(name) for name in concepts])
        ax.tick_params(labelsize=8)
        ax.set_xlabel("after")
        bar = self.figure_.colorbar(self.image_, ax=ax, pad=0.02)
        bar.set_label(literal(self.label))
        bar.ax.tick_params(labelsize=8)

    @classmethod
    def from_estimators(
        cls, models, tests, *, scoring=None, learned_at=None, label=None, ax=None, **kwargs
    ):
        """Score models on rows of each concept, and draw the scores.

        Parameters
        ----------
        models : sequence of fitted estimators, or dict of str to fitted estimator
            One for each time, as it served then: copies of one that went on learning.

        tests : dict of str to (X, y)
            Rows of each concept that none of the models has learned.

        scoring : str or callable, default=None
            A scorer of scikit-learn. None is the models' own ``score``.

        learned_at : array-like of int of shape (n_concepts,), default=None
            Time at which each concept had just been learned. None: concept `j` at time `j`, if
            there are as many times as concepts.

        label : str, default=None
            What the scores are. None: the name of `scoring`, if it has one.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to the ``Axes.imshow`` call that draws the heat map.

        Returns
        -------
        display : ForgettingDisplay
            The drawn scores, in `scores`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there are no models or no tests, or `learned_at` does not fit them.

        Examples
        --------
        >>> from copy import deepcopy
        >>> from sklearn.linear_model import SGDClassifier
        >>> from skretrain.datasets import make_drifting_classification
        >>> from skretrain.inspection import ForgettingDisplay
        >>> X, y, rows = make_drifting_classification(4000, random_state=0)
        >>> model, models, tests = SGDClassifier(random_state=0), [], {}
        >>> for start, stop in zip([0, *rows], [*rows, 4000]):
        ...     learned, held_out = slice(start, stop - 200), slice(stop - 200, stop)
        ...     model = model.partial_fit(X[learned], y[learned], classes=[0, 1])
        ...     models.append(deepcopy(model))
        ...     tests[f"from row {start}"] = (X[held_out], y[held_out])
        >>> ForgettingDisplay.from_estimators(models, tests).scores.round(2)
        array([[0.78, 0.4 ],
               [0.4 , 0.84]])
        """
        names = list(models) if isinstance(models, dict) else None
        models = list(models.values()) if isinstance(models, dict) else list(models)
        scores = [
            [check_scoring(model, scoring)(model, X, y) for X, y in tests.values()]
            for model in models
        ]
        if label is None:
            label = scoring if isinstance(scoring, str) else "score"
        display = cls(
            np.array(scores), concepts=list(tests), times=names, learned_at=learned_at, label=label
        )
        return display.plot(ax=ax, **kwargs)
