"""Advice: one action, what it rests on, and the same in words and as a page."""

import math
from html import escape
from string import Template

from .. import __version__
from ..utils._html import document, header_row, notices, terms
from ..utils._optional import import_optional

# action -> (what to do, in a headline; what was tried, in the table's legend)
ACTIONS = {
    "keep": ("Keep the model", "the present model, as it is"),
    "recalibrate": ("Recalibrate the model", "its outputs are corrected, the model is frozen"),
    "warm_start": ("Continue the model on the new rows", "it goes on learning from the new rows"),
    "replay_mix": (
        "Retrain on the new rows mixed with old ones",
        "it learns the new rows and as many old ones",
    ),
    "fine_tune": ("Fit only the last step anew", "the last step of the pipeline, on the new rows"),
    "refit_new": ("Refit on the new rows alone", "a fresh fit on the new rows"),
    "refit_window": (
        "Refit on the rows since the change",
        "a fresh fit on the rows since the located change",
    ),
    "refit_all": ("Refit on all rows, old and new", "a fresh fit on old and new rows"),
    "collect_more": ("Not enough evidence: collect more rows", ""),
}
_TOLD_APART = 0.5  # the AUC of a guess
_SHOWN = 3  # features named in the paragraph


class Units:
    """How losses read: errors as shares of rows, residuals in units of y, scores as they are."""

    def __init__(self, is_classifier, scoring):
        self.of_errors = is_classifier and scoring is None
        self.of_scores = scoring is not None
        name = scoring if isinstance(scoring, str) else "score"
        self.loss_name = "error rate" if self.of_errors else "mean absolute error"
        self.name = name if self.of_scores else self.loss_name

    def level(self, loss):
        """Return a loss as text."""
        if self.of_errors:
            return f"{100 * loss:.1f} %"
        return _short(-loss if self.of_scores else loss)

    def change(self, amount):
        """Return a difference of losses as text."""
        return f"{self.bare(amount)} points" if self.of_errors else self.bare(amount)

    def bare(self, amount):
        """Return a difference of losses as a number without its unit, for a table."""
        return f"{100 * amount:z.1f}" if self.of_errors else _short(amount)

    def interval(self, low, high):
        """Return an interval of differences as text."""
        if self.of_errors:
            return f"{100 * low:z.1f} to {100 * high:z.1f}"
        return f"{_short(low)} to {_short(high)}"


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

        - ``"rows"``: how many were given, learned and held out in each period, and which share of
          them the largest subsample had;
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
        return _page(self, title, facts or {}, notices)


# -- words -----------------------------------------------------------------------------------------


def written(action, rows, evidence, units):
    """Return the sentences of the paragraph, the first of them the headline."""
    by_action = {row["action"]: row for row in rows}
    sentences = [
        f"{_headline(action, evidence)}.",
        _reason(action, by_action, evidence, units),
        _concept(evidence, units),
        _inputs(evidence),
        _forgetting(action, by_action, evidence, units),
        _sensitivity(evidence),
        _share(evidence),
    ]
    return [sentence for sentence in sentences if sentence]


def _headline(action, evidence):
    if action == "collect_more":
        more = evidence["rows_needed"]["more_rows"]
        return f"Not enough evidence: collect about {more:,} more new rows"
    return ACTIONS[action][0]


def _basis(evidence):
    rows = evidence["rows"]
    return (
        f"On the newest {rows['new_held_out']:,} of {rows['new']:,} new rows, which no candidate "
        "has learned,"
    )


def _reason(action, by_action, evidence, units):
    keep = by_action["keep"]
    now = f"{_basis(evidence)} the present model has {units.name} {units.level(keep['loss_new'])}"
    tried = [row for row in by_action.values() if row["tried"] and row is not keep]
    if not tried:
        return f"{now}; nothing else could be fitted."
    row = by_action.get(action, keep)
    if row is keep:
        row = max(tried, key=lambda row: row["gain"])
        text = f"{now}; the most promising of the {len(tried)} others, {_named(row)}, has"
        ending = _why_not(action, row, evidence, units)
    else:
        text, ending = f"{now}, and {_named(row)}", _among_equals(row, evidence)
    return (
        f"{text} {units.level(row['loss_new'])}: a gain of {units.change(row['gain'])} "
        f"({_sure(row, 'gain', units)}, over {_count(len(tried), 'candidate')} together)"
        f"{_blocks(row, evidence)}{ending}."
    )


def _why_not(action, row, evidence, units):
    matters = units.change(evidence["decision"]["gain_that_matters"])
    if action == "collect_more" and evidence["decision"]["too_few_rows"]:
        return "; so few held-out rows may agree by luck, and decide nothing"
    if action == "collect_more":
        return f"; that is too wide to tell whether a gain that would matter ({matters}) is there"
    if row["gain_low"] > 0:
        return f", which does not pay its price of {evidence['decision']['price']:g}"
    if row["gain_high"] < 0:
        return ", so that none of them is better"
    return ", which is within the noise"


def _among_equals(row, evidence):
    others = [name for name in evidence["decision"]["tied_with_best"] if name != row["action"]]
    if not others:
        return ""
    return f"; as good within the noise, but with more work or forgetting: {', '.join(others)}"


def _named(row):
    return f"'{row['action']}'"


def _sure(row, name, units):
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"95 % interval {units.interval(low, high)}"


def _blocks(row, evidence):
    block = evidence["gains"][row["action"]]["block"]
    if block == 1:
        return ""
    return f", from blocks of {block} rows because the differences come in runs"


def _concept(evidence, units):
    shift, present = evidence["concept_shift"], evidence["present"]
    interval = f"95 % interval {units.interval(shift['low'], shift['high'])}"
    before = (
        f"On the {evidence['rows']['old_held_out']:,} held-out rows of the old period the old "
        f"model has {units.name} {units.level(present['loss_old'])}"
    )
    if shift["old_rows_are_wrong"]:
        ending = _old_rows_are_wrong(shift, units) + _since(evidence)
    elif shift["low"] > 0:
        ending = (
            "it has got worse, but a refit is not better without the old rows, so nothing shows "
            "that they are wrong"
        )
    elif shift["high"] < 0:
        ending = "it does better on the new rows than on the old"
    else:
        ending = "the relation between inputs and target held, as far as these rows tell"
    excess = (
        f"{units.change(abs(shift['estimate']))} {'more' if shift['estimate'] >= 0 else 'less'}"
    )
    return f"{before}, on the new ones {excess} (difference: {interval}): {ending}."


def _old_rows_are_wrong(shift, units):
    mislead = shift["old_rows_mislead"]
    by = (
        f"a refit is better without them by {units.change(mislead['estimate'])} (95 % interval "
        f"{units.interval(mislead['low'], mislead['high'])})"
    )
    if shift["inputs_may_explain"]:
        return (
            f"the old rows are now wrong for this model: {by}; that may be a changed relation "
            "between inputs and target, or moved inputs and a model that does not fit all of their "
            "range"
        )
    return (
        f"the relation between inputs and target has changed, and the old rows are now wrong: {by}"
    )


def _since(evidence):
    row = evidence["concept_shift"]["change_at_new_row"]
    return f"; it shows from about new row {row:,} on" if row else ""


def _inputs(evidence):
    shift = evidence["input_shift"]
    if shift["reason"]:
        return f"Whether the inputs moved was not measured: {shift['reason']}."
    auc = (
        f"a classifier tells old from new rows with an AUC of {shift['auc']:.2f} (95 % interval "
        f"{shift['low']:.2f} to {shift['high']:.2f}, 0.5 is a guess)"
    )
    if shift["low"] <= _TOLD_APART:
        return f"The inputs did not visibly move: {auc}{_clocks(shift)}."
    return f"The inputs moved: {auc}{_movers(shift['moved'])}{_clocks(shift)}."


def _clocks(shift):
    if not shift["clocks"]:
        return ""
    return f"; not counted, because all that it tells is the time: {', '.join(shift['clocks'])}"


def _movers(moved):
    if not moved:
        return ", though no column moved by itself"
    named = ", ".join(_moved(feature) for feature in moved[:_SHOWN])
    return f"; {_count(len(moved), 'column')} moved, the farthest first: {named}"


def _moved(feature):
    steps = feature["in_deviations"]
    if math.isfinite(steps):
        return f"{feature['name']} by {steps:+.1f} standard deviations"
    return f"{feature['name']} in {100 * feature['distance']:.0f} % of the rows"


def _forgetting(action, by_action, evidence, units):
    row = by_action.get(action)
    if row is None or action == "keep":
        return ""
    lost, flips = row["forgetting"], row["negative_flips"]
    verb = "forgets" if lost > 0 else "gains"
    seconds = f"{_seconds(row['forecast_seconds'])} of processor time on all rows"
    return (
        f"On the old period it {verb} {units.change(abs(lost))} (forgetting: "
        f"{_sure(row, 'forgetting', units)}), {100 * flips:.1f} % of the new rows were right and "
        f"are wrong now; the forecast is {seconds}."
    )


def _sensitivity(evidence):
    found = evidence["sensitivity"]
    if found["reason"]:
        return ""
    text = (
        f"Noise of 0.1 standard deviations in the inputs flips {100 * found['jitter']:.1f} % of "
        f"the present model's predictions, moving them as the new rows did "
        f"{100 * found['shift']:.1f} %"
    )
    first = found["features"][0]
    if max(first["jitter"], first["shift"]) > 0:
        text += f", most of all {first['name']}"
    return f"{text}."


def _share(evidence):
    share = evidence["rows"]["share"]
    if share == 1:
        return ""
    return (
        f"For lack of time, all models learned from {100 * share:.2g} % of the rows only; with a "
        "larger time_budget the answer may differ."
    )


def _short(value):
    return f"{value:.3g}"


def _seconds(value):
    return "less than 0.1 s" if value < 0.1 else f"{value:,.1f} s"


def _count(n, noun):
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


# -- page ------------------------------------------------------------------------------------------

_STYLE = """
h1 { font-size: 1.1rem; font-weight: 600; color: var(--faint); margin: 0 0 .3rem; }
.action { font-size: 1.7rem; line-height: 1.25; font-weight: 700; color: var(--accent);
  margin: 0 0 1rem; }
.more { padding-left: 1.3rem; margin: 0 0 1rem; }
.more li { margin-bottom: .4rem; }
th, td { vertical-align: top; }
table.wide td { white-space: nowrap; }
td.text { text-align: left; color: var(--faint); }
th small, td small { display: block; color: var(--faint); font-size: .8rem; font-weight: 400; }
th small { max-width: 15rem; }
td small { white-space: nowrap; }
.bar { position: relative; height: 1.1rem; min-width: 9rem; }
.bar i { position: absolute; top: 0; bottom: 0; border-left: 1px dashed var(--faint); }
.bar b { position: absolute; top: .48rem; height: .16rem; background: var(--accent); }
.bar u { position: absolute; top: .24rem; width: .64rem; height: .64rem; margin-left: -.32rem;
  border-radius: 50%; background: var(--accent); }
@media (max-width: 40rem) {
  .action { font-size: 1.4rem; }
  th, td { padding: .35rem .4rem; font-size: .875rem; }
  table.wide, .wide tbody, .wide tr, .wide td, .wide tbody th { display: block; }
  .wide thead { display: none; }
  .wide tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
  .wide tbody td, .wide tbody th { border: 0; white-space: normal; padding: .1rem 0;
    text-align: left; }
  .wide tbody th { font-weight: 700; }
  .wide td[data-name]::before { content: attr(data-name) ": "; color: var(--faint);
    font-weight: 400; }
  .wide td small { display: inline; white-space: normal; }
  .wide td.empty { display: none; }
}
"""

_BODY = Template("""\
<p class="action">$headline</p>
<p class="answer">$reason</p>
<ul class="more">$more</ul>
$notices
<h2>What was tried</h2>
<table class="wide">
$head
<tbody>
$rows
</tbody>
</table>
<p class="legend">$legend</p>
$left_out
$moved
$sensitive
<h2>What it rests on</h2>
$facts
""")


def _page(advice, title, facts, remarks):
    rows = [row for row in advice.rows if row["tried"]]
    out = [row for row in advice.rows if not row["tried"]]
    units, evidence = advice.units, advice.evidence
    heads = [
        "action",
        f"{units.name}, new rows",
        "gain",
        "",
        "old rows",
        "forgetting",
        "negative flips",
        "seconds",
    ]
    width = _scale(rows)
    body = _BODY.substitute(
        headline=escape(advice.sentences[0].rstrip(".")),
        reason=escape(advice.sentences[1]),
        more="".join(f"<li>{escape(sentence)}</li>" for sentence in advice.sentences[2:]),
        notices=notices(remarks),
        head=header_row(heads),
        rows="\n".join(_row(row, advice, width) for row in rows),
        legend=escape(_legend(units, len(rows) - 1)),
        left_out=_pairs("Left out", {row["action"]: row["note"] for row in out}),
        moved=_moved_table(evidence["input_shift"]),
        sensitive=_sensitive_table(evidence["sensitivity"]),
        facts=terms({**facts, **_facts(evidence, units)}),
    )
    return document(title, body, version=__version__, style=_STYLE)


def _scale(rows):
    """Return the ends of the axis on which the gains are drawn."""
    ends = [row[name] for row in rows for name in ("gain_low", "gain_high")]
    finite = [end for end in ends if math.isfinite(end)] + [0.0]
    low, high = min(finite), max(finite)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _row(row, advice, scale):
    units, mark = advice.units, ' class="best"' if row["action"] == advice.action else ""
    is_keep = row["action"] == "keep"
    cells = [
        _cell(units.name + ", new rows", units.level(row["loss_new"])),
        _cell("gain", units.change(row["gain"]), units.interval(row["gain_low"], row["gain_high"])),
        f'<td class="text{" empty" if is_keep else ""}">{"" if is_keep else _bar(row, scale)}</td>',
        _cell(units.name + ", old rows", units.level(row["loss_old"])),
        _cell(
            "forgetting",
            units.change(row["forgetting"]),
            units.interval(row["forgetting_low"], row["forgetting_high"]),
        ),
        _cell("negative flips", f"{100 * row['negative_flips']:.1f} %"),
        _cell("seconds", f"{row['seconds']:.2f}", f"forecast {row['forecast_seconds']:.2f}"),
    ]
    if is_keep:
        cells = [cells[0], _empty(), cells[2], cells[3], _empty(), _empty(), _empty()]
    about = "; ".join(filter(None, [ACTIONS[row["action"]][1], row["note"]]))
    name = f'<th scope="row">{row["action"]} <small>{escape(about)}</small></th>'
    return f"<tr{mark}>{name}{''.join(cells)}</tr>"


def _cell(name, text, small=""):
    small = f" <small>{escape(small)}</small>" if small else ""
    return f'<td data-name="{escape(name)}">{escape(text)}{small}</td>'


def _empty():
    return '<td class="empty"></td>'


def _bar(row, scale):
    """Return the gain and its interval, drawn; the dashed line is no gain."""
    low, high = scale

    def place(value):
        return 100 * (min(max(value, low), high) - low) / (high - low)

    left, right = place(row["gain_low"]), place(row["gain_high"])
    return (
        f'<div class="bar" role="img" aria-label="gain and its interval">'
        f'<i style="left:{place(0):.1f}%"></i>'
        f'<b style="left:{left:.1f}%;width:{right - left:.1f}%"></b>'
        f'<u style="left:{place(row["gain"]):.1f}%"></u></div>'
    )


def _legend(units, n):
    text = (
        "Every number is measured on held-out rows that no candidate has learned. Gain: the "
        f"present model minus the candidate, with 95 % intervals that hold for all {n} together; "
        "the dashed line is no gain. Forgetting: how much is lost on rows of the old period. "
        "Negative flips: new rows that were right and are wrong now. Seconds: of the processor, "
        "and forecast for all rows."
    )
    return text + (" A gain in a score is a rise." if units.of_scores else "")


def _pairs(title, texts):
    return f"<h2>{title}</h2>\n{terms(texts)}" if texts else ""


def _small_table(title, heads, rows, legend):
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    table = f"<table>{header_row(heads)}<tbody>{body}</tbody></table>"
    return f'<h2>{escape(title)}</h2>\n{table}\n<p class="legend">{escape(legend)}</p>'


def _moved_table(shift):
    if not shift["moved"]:
        return ""
    rows = [
        (m["name"], f"{m['distance']:.2f}", _steps(m["in_deviations"])) for m in shift["moved"][:10]
    ]
    legend = (
        "Distance: Kolmogorov-Smirnov for numbers, total variation for categories and dates; 0 is "
        f"no move, 1 no overlap. {_count(len(shift['moved']), 'column')} moved beyond noise."
    )
    return _small_table("Columns that moved", ["column", "distance", "move in SD"], rows, legend)


def _steps(value):
    return f"{value:+.2f}" if math.isfinite(value) else "-"


def _sensitive_table(found):
    rows = [
        (f["name"], f"{100 * f['jitter']:.1f} %", f"{100 * f['shift']:.1f} %")
        for f in found["features"][:10]
    ]
    if not rows:
        return ""
    rows.insert(
        0, ("all together", f"{100 * found['jitter']:.1f} %", f"{100 * found['shift']:.1f} %")
    )
    legend = (
        "Share of the present model's predictions that flip when a column gets noise of 0.1 "
        "standard deviations, or is moved as far as the new rows are."
    )
    return _small_table("What its predictions depend on", ["column", "noise", "move"], rows, legend)


def _facts(evidence, units):
    rows, needed = evidence["rows"], evidence["rows_needed"]
    present = "given fitted" if evidence["present"]["fitted"] else "fitted on the old rows"
    facts = {
        "rows": f"{rows['old']:,} old, {rows['new']:,} new",
        "held out": f"the newest {rows['old_held_out']:,} old and {rows['new_held_out']:,} new",
        "learned from": f"{rows['old_learned']:,} old, {rows['new_learned']:,} new",
        "present model": present,
        "candidates": evidence["decision"]["n_candidates"],
        "gain that would matter": units.change(evidence["decision"]["gain_that_matters"]),
    }
    if evidence["decision"]["price"] is not None:
        facts["price of a refit"] = f"{evidence['decision']['price']:g}"
    if math.isfinite(needed["slope_per_doubling"]):
        facts["refit on new rows"] = (
            f"{units.name} by rows: "
            + ", ".join(f"{n:,}: {units.level(loss)}" for n, loss in needed["curve"])
            + f"; {units.change(needed['slope_per_doubling'])} per doubling"
        )
    return facts
