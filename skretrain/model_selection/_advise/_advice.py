"""Advice: one action, what it rests on, and the same in words and as a page."""

from html import escape

from ... import __version__
from ...inspection._advice_page import advice_page
from ...utils._optional import import_optional
from ._text import ACTIONS


class Advice:
    """What :func:`advise` says: one action, and the evidence for it.

    It is made by :func:`advise`. In a notebook it shows itself as a page.

    Parameters
    ----------
    action : {"keep", "recalibrate", "warm_start", "replay_mix", "fine_tune", "refit_new", \
"refit_window", "refit_all", "collect_more"}
        What to do.
    rows : list of dict
        The table, one dict for each candidate.
    evidence : dict
        Numbers by topic, see below.
    sentences : list of str
        The paragraph in its sentences, the first of them the headline.
    units : object
        How losses are written.

    Attributes
    ----------
    action : str
        The recommended action.
    text : str
        One paragraph in plain words, with the numbers, how sure they are, and the rows they rest
        on.
    evidence : dict
        Plain numbers, texts, lists and dicts:

        - ``"rows"``: how many were given, learned and held out in each period, how many of those
          held out the present model could not read (``"old_unpredicted"``, ``"new_unpredicted"``:
          they are in no other number), and which share of them the largest subsample had;
        - ``"present"``: losses of the present model on the held-out rows of both periods;
        - ``"gains"``: for each candidate estimate, low, high, the rows, and the length of the
          blocks of rows that were taken as one;
        - ``"input_shift"``: AUC with interval of a classifier that tells the periods apart, and the
          columns that moved, the farthest first, with the Kolmogorov-Smirnov distance or the total
          variation, and the move in old standard deviations;
        - ``"concept_shift"``: the old model's loss on new rows beyond its own past loss, how much
          better a refit is without the old rows (``"old_rows_mislead"``), whether they are wrong
          now, whether moved inputs alone may be the cause (``"inputs_may_explain"``), and the new
          row at which the change was located;
        - ``"batches"``: rows of each new batch and the loss of the old model on them; empty where
          the new period is not in batches;
        - ``"rows_needed"``: loss of the refit on new rows by their number, its slope per doubling,
          and how many more rows to collect;
        - ``"sensitivity"``: share of predictions that flip when the numeric columns get noise of
          0.1 standard deviations, or are moved as the new rows are; in all, and column by column;
        - ``"decision"``: what the rule compared.

    See Also
    --------
    advise : Makes it, and states the rule.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import advise
    >>> X, y, _ = make_drifting_classification(2000, drift="stationary", random_state=0)
    >>> advice = advise(LogisticRegression(), X[:1000], y[:1000], X[1000:], y[1000:])
    >>> advice.action
    'keep'
    """

    def __init__(self, action, rows, evidence, sentences, units):
        self.action = action
        self.rows = rows
        self.evidence = evidence
        self.sentences = sentences
        self.text = " ".join(sentences)
        self.units = units

    @property
    def table(self):
        """What was tried, a pandas DataFrame with one row for each candidate.

        ``gain`` is the present model's loss on the held-out new rows minus the candidate's, with
        an interval; ``forgetting`` how much more the candidate loses on the held-out old rows than
        the present model; ``negative_flips`` the share of new rows that were right and are wrong
        now (for a regressor: off by no more than the present mean, and now by more than twice
        that); ``rows`` what it learned from; ``seconds`` of the processor, and
        ``forecast_seconds`` for all rows given; ``note`` why it was not possible, or how it was
        done.
        """
        pandas = import_optional("pandas", caller="Advice.table", extra="cli")
        return pandas.DataFrame(self.rows)

    def __repr__(self):
        return f"Advice(action={self.action!r})\n{self.text}"

    def _repr_html_(self):
        framed = escape(self.to_html(), quote=True)
        # In a frame, so that neither the page's style nor the notebook's leaks into the other.
        style = "width:100%;height:34rem;border:1px solid #d5dbe1"
        return f'<iframe title="Advice" style="{style}" srcdoc="{framed}"></iframe>'

    def to_html(self, title="Should the model be retrained?", facts=None, notices=()):
        """Return the advice as one page that loads nothing from anywhere.

        Parameters
        ----------
        title : str, default="Should the model be retrained?"
            The page's headline.
        facts : dict of {str: str} or None, default=None
            More to say about the data, by name.
        notices : sequence of str, default=()
            What the reader should know about the data.

        Returns
        -------
        page : str
            HTML.
        """
        return advice_page(
            self,
            title,
            actions=ACTIONS,
            facts=facts or {},
            notices=notices,
            version=__version__,
        )
