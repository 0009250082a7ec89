"""Small multiples: one panel per thing that is compared, on common scales."""

import numpy as np

from ..utils._durations import moments_of

_MOST_COLUMNS = 3  # a fourth would leave a printed panel less than two inches


def panel_axes(pyplot, ax, n_panels, *, shared=True, n_columns=None):
    """Return one Axes per panel, on a new figure or where the caller wants them.

    Parameters
    ----------
    pyplot : module
        ``matplotlib.pyplot``.

    ax : matplotlib Axes, array of Axes, or None
        None makes a new figure. The place of a single Axes is divided into panels; of an array
        the first `n_panels` are used.

    n_panels : int
        Number of panels, at least 1.

    shared : bool, default=True
        Whether panels that are made have their scales in common.

    n_columns : int, default=None
        Panels side by side. None means at most three.

    Returns
    -------
    axes : ndarray of Axes of shape (n_panels,)
        The panels, row by row.

    Raises
    ------
    ValueError
        If there are fewer Axes than panels, or a single one is not part of a grid.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skretrain.inspection._panels import panel_axes
    >>> panel_axes(plt, None, 5).shape
    (5,)
    """
    if ax is not None and np.ndim(ax):
        return _first_axes(np.ravel(ax), n_panels)
    shape = _grid_shape(n_panels, n_columns)
    scales = {"sharex": shared, "sharey": shared, "squeeze": False}
    if ax is None:
        size = (max(3.1 * shape[1], 5.0), 1.9 * shape[0] + 0.9)
        figure = pyplot.figure(figsize=size, layout="constrained")
        grid = figure.subplots(*shape, **scales)
    elif ax.get_subplotspec() is None:
        raise ValueError(
            f"ax has no place in a grid that could be divided into {n_panels} panels; make it by "
            f"pyplot.subplots, or pass {n_panels} Axes."
        )
    else:
        ax.set_axis_off()
        spec = ax.get_subplotspec().subgridspec(*shape)
        grid = spec.subplots(**scales)
    for spare in grid.ravel()[n_panels:]:
        spare.remove()
    return grid.ravel()[:n_panels]


def _first_axes(axes, n_panels):
    if len(axes) < n_panels:
        raise ValueError(
            f"ax holds {len(axes)} Axes, but there are {n_panels} panels; pass {n_panels}, or "
            "None for a new figure."
        )
    return axes[:n_panels]


def _grid_shape(n_panels, n_columns):
    if n_columns is None:
        n_columns = 2 if n_panels == 4 else min(n_panels, _MOST_COLUMNS)
    return -(-n_panels // n_columns), n_columns


def thinned(*curves, most):
    """Return every so many of the points of curves: no more than a picture of them can show.

    A line of a million points takes dozens of megabytes, and small multiples have hundreds.
    """
    every = max(-(-len(curves[0]) // most), 1)
    return [values[::every] for values in curves]


def label_rows(ax, times=None):
    """Name the rows of a stream on the axis below: by number, or by when they came.

    Parameters
    ----------
    ax : matplotlib Axes
        Rows from left to right.

    times : array-like of shape (n_samples,), default=None
        When each row came. Times that are no dates are not shown.

    Returns
    -------
    label : str
        What the axis shows.
    """
    moments = None if times is None or not len(times) else moments_of(times)
    if moments is None:
        ax.xaxis.set_major_formatter("{x:,.0f}")
        return "row"
    day = np.timedelta64(1, "D")
    unit = "m" if moments[-1] - moments[0] < 3 * day else "D"

    def date_of(row, position=None):
        if not 0 <= row < len(moments):
            return ""
        return str(moments[int(row)].astype(f"datetime64[{unit}]")).replace("T", "\n")

    ax.xaxis.set_major_formatter(date_of)
    return "time"


def label_panels(axes, ylabel, times=None):
    """Name the scales at the left and below, also where the last row of panels is not full.

    Parameters
    ----------
    axes : ndarray of Axes
        The panels, with rows from left to right.

    ylabel : str
        The name of the other scale.

    times : array-like of shape (n_samples,), default=None
        When each row of the stream came.
    """
    places = [_place(ax) for ax in axes]
    for ax, place in zip(axes, places, strict=True):
        ax.locator_params(axis="x", nbins=4)
        xlabel = label_rows(ax, times)
        ax.tick_params(labelsize=8)
        if (place[0] + 1, place[1]) not in places:
            ax.set_xlabel(xlabel, fontsize=9)
            ax.tick_params(labelbottom=True)
        if (place[0], place[1] - 1) not in places:
            ax.set_ylabel(literal(ylabel), fontsize=9)


def _place(ax):
    spec = ax.get_subplotspec()
    # No row and column compare equal to these, so that lone axes keep their labels.
    return (np.nan, np.nan) if spec is None else (spec.rowspan.start, spec.colspan.start)


def legend_below(figure, *axes):
    """Explain the lines of panels below all of them; needs a constrained layout.

    Parameters
    ----------
    figure : matplotlib Figure
        The figure.

    *axes : matplotlib Axes
        Panels that together have every kind of line.
    """
    entries = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    width = figure.get_figwidth()
    n_columns = 5 if width > 7 else 3 if width > 4.5 else 2
    options = {"loc": "outside lower center", "ncols": n_columns, "frameon": False}
    figure.legend(entries.values(), entries.keys(), fontsize=9, **options)


def literal(text):
    r"""Return a text so that matplotlib draws it as it is, and none of it as mathematics.

    Parameters
    ----------
    text : object
        A name that somebody else has chosen: of a column, a class, a policy, a file.

    Returns
    -------
    text : str
        With dollars escaped, and what no font can draw (bytes of a file name that are no text)
        as question marks.

    Examples
    --------
    >>> from skretrain.inspection._panels import literal
    >>> print(literal("US$ and A$"))
    US\$ and A\$
    """
    return str(text).encode("utf-8", "replace").decode("utf-8").replace("$", r"\$")


def shortened(label, most=28):
    """Return a label as text of at most so many characters, to be drawn as it is.

    Parameters
    ----------
    label : object
        The label.

    most : int, default=28
        Characters that there is room for.

    Returns
    -------
    text : str
        Ends in an ellipsis where something is left out.

    Examples
    --------
    >>> from skretrain.inspection._panels import shortened
    >>> shortened("a very long name", most=7)
    'a very…'
    """
    text = str(label)
    return literal(text if len(text) <= most else f"{text[: most - 1]}…")
