"""When labels come, and whose: delays, shares, and the weights of those that came."""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from ..utils._optional import import_optional
from ..utils._params import check_number
from ..utils._plain import Plain
from ._clock import as_told, length
from ._table import Table

_BITS = 7  # of a delay that are kept: whole numbers up to 128 as they are, others within 1.6 %
_LEAST_AT_RISK = 10
_LEAST_SHARE = 0.05


class ClassArrivals(NamedTuple):
    """How many of the rows that were predicted as one class have a label.

    Attributes
    ----------
    n_predicted, n_resolved, n_pending, n_lost : int
        Rows predicted, and of them: with a label, still waiting, dropped or expired.
    share_resolved : float
        ``n_resolved / n_predicted``: rows that have just come count as all others.
    arrival_share : float
        Kaplan-Meier estimate of the share whose label comes within the time that was observed, to
        which rows that have just come add nothing wrong.
    weight : float
        Of a label of the class, see :meth:`PendingLabels.resolve`.
    """

    n_predicted: int
    n_resolved: int
    n_pending: int
    n_lost: int
    share_resolved: float
    arrival_share: float
    weight: float


class LabelDelays(Plain):
    """The distribution of the time between a prediction and its label.

    Rows that still wait, or that were given up, count as long as they have waited: the share of
    labels that came within some time is the estimate of Kaplan and Meier [1]_, which is right
    where a row is given up for its age or for lack of room, not for what it holds.

    Attributes
    ----------
    n_resolved, n_pending, n_lost : int
        Rows with a label, rows that wait, and rows that were dropped or expired.
    ages : ndarray of shape (n_ages,)
        Distinct delays, and times waited, in order; in rows, in the unit of the moments, or in
        seconds where these are dates. Each is kept to within 1.6 %.
    shares : ndarray of shape (n_ages,)
        Estimated share of the labels that come within each.
    at_risk : ndarray of shape (n_ages,)
        Rows that have waited at least so long.

    References
    ----------
    .. [1] E. L. Kaplan and P. Meier (1958). "Nonparametric estimation from incomplete
       observations". Journal of the American Statistical Association 53, 457-481.

    Examples
    --------
    Two labels came, after 1 and 3 rows; one row has waited for 2 rows, and one for 5:

    >>> from collections import Counter
    >>> from skretrain.serving._arrivals import LabelDelays
    >>> delays = LabelDelays(Counter([1, 3]), Counter([2, 5]), Counter(), "rows")
    >>> delays.share_resolved(after=1), delays.share_resolved(after=4)
    (0.25, 0.625)
    >>> delays.median
    3.0
    """

    def __init__(self, came, pending, lost, kind):
        self.n_resolved, self.n_pending, self.n_lost = map(Counter.total, (came, pending, lost))
        self.kind = kind
        open_ = pending + lost
        self.ages = np.array(sorted(came.keys() | open_.keys()), dtype=np.float64)
        n_came = np.array([came[age] for age in self.ages.tolist()])
        n_open = np.array([open_[age] for age in self.ages.tolist()])
        self.at_risk = (n_came + n_open)[::-1].cumsum()[::-1]
        self.shares = 1 - np.cumprod(1 - n_came / self.at_risk)

    def __repr__(self):
        return (
            f"<LabelDelays median: {self.median}, {self.n_resolved:,} resolved, "
            f"{self.n_pending:,} pending, {self.n_lost:,} lost>"
        )

    @property
    def median(self):
        """Delay within which half of all labels come, see :meth:`quantile`."""
        return self.quantile(0.5)

    def quantile(self, q):
        """Return the delay within which a share of all labels comes.

        Parameters
        ----------
        q : float
            The share, above 0 and at most 1.

        Returns
        -------
        delay : float or timedelta64
            NaN (or NaT) where no row has waited long enough to tell.

        Raises
        ------
        ValueError
            If `q` is no such share.
        """
        check_number("quantile", "q", q, above=0, most=1)
        enough = np.flatnonzero(self.shares >= q - 1e-12)
        return as_told(float(self.ages[enough[0]]) if len(enough) else math.nan, self.kind)

    def share_resolved(self, after):
        """Return the share of all labels that come within some time.

        Parameters
        ----------
        after : int, float, str or timedelta
            The time: rows, the unit of the moments or, where these are dates, a duration such as
            ``"7d"``.

        Returns
        -------
        share : float
            NaN where no row has been watched for so long.

        Raises
        ------
        ValueError
            If `after` is no such time.
        """
        after = _coarse(length("share_resolved", "after", after, self.kind))
        if not len(self.ages) or (after > self.ages[-1] and self.shares[-1] < 1):
            return math.nan
        return float(np.append(0.0, self.shares)[np.searchsorted(self.ages, after, side="right")])

    @property
    def arrival_share(self):
        """Share of labels that come within the longest time for which ten rows were watched."""
        watched = self.shares[self.at_risk >= _LEAST_AT_RISK]
        return float(watched[-1]) if len(watched) else math.nan

    def to_frame(self):
        """Return a pandas DataFrame with one line per delay.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="LabelDelays.to_frame", extra="cli")
        told = [as_told(age, self.kind) for age in self.ages.tolist()]
        return pandas.DataFrame({"delay": told, "at_risk": self.at_risk, "share": self.shares})


class Arrivals(Plain):
    """How old rows were when their label came, or when they were given up, by predicted class.

    Attributes
    ----------
    came, lost : dict of label to Counter
        Rows by age.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._arrivals import Arrivals
    >>> arrivals = Arrivals()
    >>> arrivals.add("came", np.array(["a", "a"]), np.array([1.0, 1.0]))
    >>> arrivals.came
    {'a': Counter({1.0: 2})}
    """

    def __init__(self):
        self.came = {}
        self.lost = {}

    def add(self, what, groups, ages):
        """Count rows whose label ``"came"``, or that were ``"lost"``."""
        # Anew: the counts of the books before stay, in case these do not take their place.
        counts = getattr(self, what).copy()
        for group, tally in tallies(groups, ages).items():
            counts[group] = counts.get(group, Counter()) + tally
        setattr(self, what, counts)

    @property
    def counts(self):
        """How many rows are ``"resolved"`` and ``"lost"``, a dict."""
        parts = {"resolved": self.came, "lost": self.lost}
        return {name: sum(map(Counter.total, part.values())) for name, part in parts.items()}

    def delays(self, pending, kind, group=None):
        """Return the LabelDelays of one class or of all.

        Parameters
        ----------
        pending : dict of label to Counter
            Rows that wait, by age.
        kind : str
            What the clock tells.
        group : label, default=None
            The class.
        """
        parts = (self.came, pending, self.lost)
        if group is None:
            return LabelDelays(*(sum(part.values(), Counter()) for part in parts), kind)
        return LabelDelays(*(part.get(group, Counter()) for part in parts), kind)

    def by_class(self, pending, kind):
        """Return a Table of ClassArrivals, by predicted class."""
        groups = list(dict.fromkeys([*self.came, *pending, *self.lost]))
        delays = {group: self.delays(pending, kind, group) for group in groups}
        weights = self._weights(delays, self.delays(pending, kind).arrival_share)
        rows = {group: _of_class(each, weights[group]) for group, each in delays.items()}
        in_order = {group: rows[group] for group in sorted(rows, key=_by_kind)}
        return Table("predicted", in_order, ClassArrivals)

    def _weights(self, delays, of_all):
        """Return the weight of each class: the mean over all labels that came is 1."""
        of_all = 1.0 if math.isnan(of_all) else of_all
        shares = {group: each.arrival_share for group, each in delays.items()}
        shares = {g: of_all if math.isnan(share) else share for g, share in shares.items()}
        raw = {g: 1 / max(share, _LEAST_SHARE) for g, share in shares.items()}
        n_resolved = {g: each.n_resolved for g, each in delays.items()}
        total = sum(n_resolved[g] * weight for g, weight in raw.items())
        mean = total / sum(n_resolved.values()) if total else 1.0
        return {g: weight / mean for g, weight in raw.items()}


def _by_kind(label):
    """Return a key that sorts labels, those of different types included."""
    return type(label).__name__, label


def _of_class(delays, weight):
    counts = (delays.n_resolved, delays.n_pending, delays.n_lost)
    share = delays.n_resolved / sum(counts)
    return ClassArrivals(sum(counts), *counts, share, delays.arrival_share, weight)


def tallies(groups, ages):
    """Count rows by group and age.

    Parameters
    ----------
    groups : ndarray of shape (n,)
        Their predicted classes.
    ages : ndarray of shape (n,)
        How old they are.

    Returns
    -------
    tallies : dict of label to dict of float to int
        Ages to within 1.6 %.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._arrivals import tallies
    >>> tallies(np.array([0, 1, 0]), np.array([7.0, 7.0, 1001.0]))
    {0: Counter({7.0: 1, 1000.0: 1}), 1: Counter({7.0: 1})}
    """
    counts = Counter(zip(groups.tolist(), _coarse(ages).tolist(), strict=True))
    found = {}
    for (group, age), n in counts.items():
        found.setdefault(group, Counter())[age] = n
    return found


def _coarse(ages):
    """Return ages, each rounded down by less than 1.6 %, so that there are few distinct ones."""
    mantissa, exponent = np.frexp(ages)
    return np.ldexp(np.floor(np.ldexp(mantissa, _BITS)), exponent - _BITS)
