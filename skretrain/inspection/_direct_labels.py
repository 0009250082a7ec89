"""Names written beside what they name: no reader has to look a colour up."""

import numpy as np

from ._panels import literal

# Where a name may stand beside its point, in the order of preference: shift in points, alignment.
_PLACES = (
    ((7, 0), ("left", "center")),
    ((-7, 0), ("right", "center")),
    ((0, 7), ("center", "bottom")),
    ((0, -7), ("center", "top")),
    ((6, 6), ("left", "bottom")),
    ((6, -6), ("left", "top")),
    ((-6, 6), ("right", "bottom")),
    ((-6, -6), ("right", "top")),
    ((0, 19), ("center", "bottom")),
    ((0, -19), ("center", "top")),
    ((14, 16), ("left", "bottom")),
    ((14, -16), ("left", "top")),
)


def spread_out(values, gap):
    """Move values as little as their order allows, until neighbours are a gap apart.

    Parameters
    ----------
    values : array-like of shape (n_values,)
        Where things are, in any order.

    gap : float
        The least distance.

    Returns
    -------
    moved : ndarray of shape (n_values,)
        In the order of `values`; the mean of what had to be moved together stays.

    Examples
    --------
    >>> from skretrain.inspection._direct_labels import spread_out
    >>> spread_out([0.0, 0.5, 5.0], 1.0).tolist()
    [-0.25, 0.75, 5.0]
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return values
    order = np.argsort(values, kind="stable")
    # Less their rank, the values must not fall: least squares, by pooling adjacent violators.
    groups = []
    for value in values[order] - gap * np.arange(len(values)):
        groups.append((value, 1))
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (one, n), (other, m) = groups[-2:]
            groups[-2:] = [((n * one + m * other) / (n + m), n + m)]
    moved = np.empty_like(values)
    moved[order] = np.repeat(*zip(*groups, strict=True)) + gap * np.arange(len(values))
    return moved


def label_points(ax, points, lines=(), **style):
    """Write names beside points, where they cover neither a point nor another name.

    Parameters
    ----------
    ax : matplotlib Axes
        With its final limits.

    points : dict of str to (float, float)
        Where each named point is, in data coordinates.

    lines : sequence of array-like of shape (n_points, 2), default=()
        Lines that no name should stand on, in data coordinates.

    **style : dict
        Passed to ``Axes.annotate``.

    Returns
    -------
    labels : dict of str to matplotlib Annotation
        Where no place is free, a name stands to the right.
    """
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()  # places are known once the layout is
    renderer = figure.canvas.get_renderer()
    centers = ax.transData.transform(list(points.values()))
    taken = [np.r_[center - 5, center + 5] for center in centers]
    for line in lines:
        taken += [np.r_[dot - 2, dot + 2] for dot in _dots(ax.transData.transform(line))]
    frame = np.r_[ax.bbox.min, ax.bbox.max]
    labels = {}
    for name, point in points.items():
        candidates, text = [], literal(name)
        for shift, (horizontal, vertical) in _PLACES:
            label = ax.annotate(
                text, point, shift, textcoords="offset points", ha=horizontal, va=vertical, **style
            )
            box = label.get_window_extent(renderer)
            box = np.r_[box.min, box.max]
            outside = (box[:2] < frame[:2]).any() or (box[2:] > frame[2:]).any()
            candidates.append((_overlap(box, np.array(taken)) + 1e6 * outside, box))
            label.remove()
        chosen = int(np.argmin([cost for cost, _ in candidates]))
        shift, (horizontal, vertical) = _PLACES[chosen]
        labels[name] = ax.annotate(
            text, point, shift, textcoords="offset points", ha=horizontal, va=vertical, **style
        )
        taken.append(candidates[chosen][1])
    return labels


def _dots(line):
    """Return points on a line, about four pixels apart."""
    if not len(line):
        return line
    lengths = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    at = np.arange(0.0, lengths[-1], 4.0)
    return np.column_stack([np.interp(at, lengths, values) for values in line.T])


def _overlap(box, others):
    """Return the area that a box shares with others, summed."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return float(np.maximum(sides, 0.0).prod(axis=1).sum())
