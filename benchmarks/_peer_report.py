"""The page of the peers benchmark: tables, targets and plots, from the JSON alone."""

import os
import re
from pathlib import Path

import numpy as np
from _common import ROOT, table, verdict
from _peer_streams import (
    AT_OTHER_DELAYS,
    CLASSIFICATION,
    GENERATED,
    N_ROWS,
    REAL,
    REAL_ONES,
    REGRESSION,
    STREAMS,
    WHAT_THEY_ARE,
)
from _peers import (
    AMPLITUDE,
    BATCH,
    CADENCES,
    CUT,
    MANY_MEMBERS,
    MEMBERS,
    METHODS,
    N_WAVES,
    RATES,
    WINDOWS,
)
from scipy.stats import rankdata, studentized_range

MARGIN = 0.01  # of kappa or R2; less is the noise of a seed
CLOSE = 0.005  # of kappa or R2, of B0 to the best peer of its size
CLOSE_ALONE = 0.02  # the same of recursive ridge alone
MOST = 4 / 5  # of the streams; "four in five" on the page
CPU_SHARE, CPU_SHARE_ALONE = 1 / 3, 1 / 8  # of the CPU seconds of CapyMOA's ARF(10)

FLOORS = {"bike": (0.882, 5.2), "metro": (0.934, 13.5)}  # R2, and CPU seconds of B0 until 2026-11
POINTS = 0.6  # of accuracy, between a mixture and the best of its members' policies
SPEED = 30  # times the rows per CPU second of river's DriftRetrainingClassifier
FLAT = 1.1  # the model's size at the end over that at half
HELD_ROWS = 10_000  # what a memory holds; flat is asked for where half of the stream filled it
BASES = ("lr", "rf", "hgb")
SIMPLE = ("never", "window", "all")
OURS = ("ours", "mixture")
OF_THEIR_OWN = ("periodic", "budget")  # families with a section of their own
PEERS = tuple(m for m, e in METHODS.items() if e.family not in (*OURS, *OF_THEIR_OWN))
SMALL = tuple(m for m in PEERS if METHODS[m].size <= MEMBERS)
# Those that have to be measured before a stream is called won.
RIVALS = ("capymoa_arf", "capymoa_srp", "river_arf", "window_rf", "sgd")
BIG_RIVALS = ("capymoa_arf_100", "capymoa_srp_100")
REGRESSION_RIVALS = (
    "capymoa_arf_reg", "capymoa_soknl", "capymoa_soknl_raw", "river_arf_reg", "window_rf",
)  # fmt: skip
RANKED = (
    "B0", "R", "A_lr", "A_rf", "capymoa_arf", "capymoa_srp", "capymoa_leveraging", "capymoa_hat",
    "river_arf", "vw", "sgd", "window_rf", "all_rf", "adwin_refit", "lgbm_continued",
)  # fmt: skip
UNKNOWN = "not measured"
ABRUPT = tuple(name for name in GENERATED if name.endswith("_a"))
OTHERS = tuple(name for name in GENERATED if not name.endswith("_a"))

TEXT = f"""
## How it was measured

Rows come in the order of time. The first min(10 %, 5,000) are the warm-up: everybody learns them,
and they are not scored. Then a batch is predicted, and its labels come together: at a label delay
of 100 right after the batch of 100 was predicted, at 1,000 nine batches later. At a delay of 1,
learners of single rows learn each row before the next is predicted, and the others, ours included,
learn every 10 rows. No prediction knows a label of its own batch. Learners of single rows get the
labels at the same moments as everybody, and learn them row by row.

Every run is a process of its own with one thread. CPU seconds are those of the whole process after
imports, the compiler and the garbage collector of Java included (`-XX:+UseSerialGC
-XX:ActiveProcessorCount=1`); imports and the start of Java are not counted. A run that used more
CPU seconds than its limit was stopped, and is shown as "> limit". Scores are Cohen's kappa, or R2
for regression, and the mean over the seeds: 5 for B0; on the real streams 5 for the SGD loop, 3 for
R, CapyMOA's learners of up to 10 members and the window refits of a forest; 1 for all others. A
seed moves kappa by about 0.01, and by 0.03 on ozone, where few days are of one class.

CPU seconds of R, CapyMOA's ARF(10) and river's DriftRetraining over LogisticRegression on the real
streams with classes are of one hour, one run after another, with other work on both cores (load
averages of 4 to 10: `load` in `peers.json`), and those of B0 are of two hours later, beside as much
work; ARF-Reg's on bike and metro are of an idle machine. For most of the other cells one of the
cores was busy, or both, which makes seconds up to 1.7 times as many: read a factor of less than two
between those as none.

On 2026-11-30, after the default policy of A had changed, all of A was measured again at a delay of
100, over LogisticRegression and forests at delays of 1 and 1,000, too, and so were the scores of B
at a delay of 100: on other machines, beside other work. A's CPU seconds are divided by what the
same code took longer there: at a delay of 100 by 2.35 (LogisticRegression), 2.45 (SGD), 2.54
(forests) and 1.4 (boosting), at other delays by 1.15; those of B are the old ones. B was
measured before each class counted alike in the weights of a mixture, but for B over
LogisticRegression; all of B0 after it. B over LogisticRegression, A and B on outdoor, keystroke,
ozone and aep_load, and the last of the ensembles of 100 were run later that day, with five other
programs on two cores: read their seconds as up to twice too many. So were, in the evening, later
seeds of R, of the SGD loop, of the window refits and of CapyMOA's learners, SAMkNN and periodic
refits on generated streams, the periodic refits of keystroke, outdoor, ozone and aep_load, B over
forests and boosting on aep_load, river's LeveragingBagging on spam and gas_partial, and what was
missing at delays of 1 and 1,000. River's SRP and AMF, like the ensembles of 100, take minutes, and
were run on the real streams alone.

The members of B0 were chosen on all real streams of this page and on generated ones, most of them
among those below, as [its own page](mixture.md) says, and those of B after a look at all generated
streams; nothing was chosen per stream. The peers run with their defaults, which were chosen
elsewhere.

- Ours, with defaults that are the same for all streams: B0 is ``make_mixture()``, B is
  ``make_mixture(estimator)``, A is ``DriftAwareRetrainer(estimator)``. R is recursive ridge alone,
  ``RecursiveRidgeClassifier(forgetting={RATES})`` in a ``partial_fit`` loop, on the
  features and {N_WAVES} random ones, as in [its own table](recursive.md): scaled by the warm-up and
  cut off at {CUT} deviations; RBFSampler with a gamma of 1 / (2 x features), its values times
  {AMPLITUDE}.
- river and CapyMOA: defaults, with as many members as the name says; {MANY_MEMBERS} is CapyMOA's
  own default. Regressors are given features and targets standardised by the warm-up, and so are
  AMF, SAMkNN and Vowpal Wabbit, which depend on the scale of features; SOKNL, SAMkNN and Vowpal
  Wabbit are there without, too.
- Vowpal Wabbit: one row at a time and once, ``--oaa`` for classes, squared loss for numbers, and
  no other option. Rows are handed to it as text from Python.
- By hand, in plain scikit-learn: "never" is the warm-up's fit, "window" is refitted every 500 rows
  on the last 2,000, "all" on the last 10,000. "ADWIN by hand" refits on ADWIN's window when it
  rings. The SGD loop is ``partial_fit`` of a StandardScaler and of SGD. LightGBM and XGBoost go
  on for 10 rounds with every batch. Linear models stand behind a StandardScaler, and
  LogisticRegression is Ridge for regression.
- "no change" predicts the newest label known.
"""


class Results:
    """Means over seeds, by stream, method and delay; None where a cell is missing."""

    def __init__(self, cells):
        self.cells = {}
        for key, cell in cells.items():
            stream, method, delay, _ = key.split("/")
            if stream in STREAMS and method in METHODS:
                self.cells.setdefault((stream, method, int(delay)), []).append(cell)

    def value(self, name, stream, method, delay=100):
        """Return the mean of a number over the seeds, or None if a seed was stopped or failed."""
        cells = self.cells.get((stream, method, delay), [])
        if not cells or any("over" in cell or name not in cell for cell in cells):
            return None
        return float(np.mean([cell[name] for cell in cells]))

    def score(self, stream, method, delay=100):
        return self.value("r2" if stream in REGRESSION else "kappa", stream, method, delay)

    def cpu(self, stream, method, delay=100):
        return self.value("cpu", stream, method, delay)

    def limit(self, stream, method, delay=100):
        """Return the CPU seconds after which a run was stopped, or None."""
        cells = self.cells.get((stream, method, delay), [])
        return next((cell["over"] for cell in cells if "over" in cell), None)

    def failed(self, stream, method, delay=100):
        return any("error" in cell for cell in self.cells.get((stream, method, delay), []))

    def best(self, stream, methods, delay=100):
        """Return the best score among methods and whose it is, or None."""
        found = [(self.score(stream, method, delay), method) for method in methods]
        found = [pair for pair in found if pair[0] is not None]
        return max(found) if found else None

    def all_run(self, stream, methods, delay=100):
        """Tell whether each method was run, be it that it was stopped at its limit."""
        return all(
            self.score(stream, m, delay) is not None or self.limit(stream, m, delay) is not None
            for m in methods
        )

    def methods(self, streams, delay):
        """Return the methods with a cell on any of the streams, ours first."""
        found = [m for m in METHODS if any((s, m, delay) in self.cells for s in streams)]
        found = [m for m in found if METHODS[m].family not in OF_THEIR_OWN]
        return sorted(found, key=_place)


def _place(method):
    """Return where a method stands in a table: B0, B, A, then the others as they are listed."""
    families = (
        "mixture", "ours", "capymoa", "river", "vowpalwabbit", "sgd", "refit", "lightgbm",
        "xgboost",
    )  # fmt: skip
    family = METHODS[method].family
    return (method != "B0", families.index(family) if family in families else len(families))


def write_page(results, out):
    """Write the page to `out` and its plots to the folder of static files."""
    found = Results(results["cells"])
    docs = ROOT / "docs"
    static = docs / "_static" if out.resolve().is_relative_to(docs) else out.resolve().parent
    static.mkdir(parents=True, exist_ok=True)
    pictures = _pictures(found, static, out.resolve().parent)
    parts = [
        "# How it compares in numbers",
        _circumstances(results["circumstances"]),
        TEXT,
        streams(),
        targets(found),
        losses(found),
        *(tables_at(found, delay) for delay in (100, 1, 1000)),
        policies(found),
        budget(found),
        periodic(found),
        *pictures,
    ]
    out.write_text("\n\n".join(part.strip() for part in parts if part) + "\n")
    print(f"written to {out}")


def _circumstances(where):
    if not where:
        return ""
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    java = re.sub(r'openjdk version "([\d.]+)".*', r"OpenJDK \1", where["java"] or "no Java")
    return (
        f"`make bench-peers`, last on {where['date']}: {where['machine']}, one thread used; "
        f"Python {where['python']}, {versions}, MOA {where['moa'] or '-'}, {java}. The numbers are "
        "those of `peers.json`, in the same folder."
    )


def streams():
    """Return the section that says what the streams are."""
    lines = [
        f"- {name}: {rows:,} rows, {features} features, "
        f"{f'{classes} classes' if classes else 'a number to predict'}; {asked}"
        for name, (rows, features, classes, asked) in WHAT_THEY_ARE.items()
    ]
    lines = "\n".join(lines)
    short = [stream for stream in REAL_ONES if stream not in AT_OTHER_DELAYS]
    return f"""## The streams

The real ones, with what is asked of each row:

{lines}

{len(GENERATED)} streams of {N_ROWS:,} rows come from river's generators SEA, Agrawal (agr), LED,
RandomRBF (rbf) and Hyperplane (hyp): "_a" with three abrupt changes, "_g" with gradual ones, "_0"
without any. {_listed(short, "and")} were measured at a label delay of 100 only, and ensembles of
{MANY_MEMBERS} on real streams only."""


# -- numbers in cells of a table


def _number(value, digits=3):
    if value is None:
        return UNKNOWN
    return f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.0e}"


def _signed(value, digits=3):
    return UNKNOWN if value is None else f"{value:+.{digits}f}"


def _seconds(value):
    if value is None:
        return UNKNOWN
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _less(a, b):
    return None if a is None or b is None else a - b


def _ratio(a, b):
    return None if a is None or not b else a / b


def _met(condition):
    """Return the verdict on a condition; None is one that was not measured."""
    return UNKNOWN if condition is None else verdict(condition)


def _label(method):
    return METHODS[method].label


# -- the targets


def targets(found):
    """Return the section of the targets, each beside what was measured."""
    parts = [
        _best_peers(found),
        _ridge_alone(found),
        _late_labels(found),
        _every_ten_rows(found),
        _simple_policies(found),
        _regression(found),
        _speed(found),
        _size(found),
    ]
    numbered = [part.replace("### ", f"### {n}. ", 1) for n, part in enumerate(parts, start=1)]
    intro = "## Targets\n\nB0 has one setting for all streams, and so has R."
    return "\n\n".join([intro, *numbered])


def _best_peers(found):
    lines, small, big, cheap = [], [], [], []
    for stream in REAL_ONES:
        rivals = REGRESSION_RIVALS if stream in REGRESSION else RIVALS
        own = found.score(stream, "B0")
        cells, above = _beside(found, stream, own, SMALL)
        is_known = found.all_run(stream, rivals)
        small.append(_holds(above, CLOSE, is_known))
        more, above = _beside(found, stream, own, PEERS)
        is_known &= stream in REGRESSION or found.all_run(stream, BIG_RIVALS)
        big.append(_holds(above, 0, is_known))
        cpu = _over_arf(found, stream, "B0")
        cheap.append(None if cpu is None else cpu <= CPU_SHARE)
        numbers = [*cells, _met(small[-1]), *more, _yes(big[-1]), _number(cpu, 2), _met(cheap[-1])]
        lines.append([stream, _number(own), *numbers])
    header = [
        "stream", "B0", f"best peer of size {MEMBERS}", "difference", "", "best of any size",
        "difference", "B0 at least as good", "CPU, over ARF's", "CPU",
    ]  # fmt: skip
    gains = [_less(found.score(s, "B0"), found.score(s, "capymoa_arf")) for s in REAL]
    return f"""### Every peer at a label delay of 100, and a third of the CPU time

On every real stream, at least the score of the best peer of size {MEMBERS}, less {CLOSE}:
{_met(_all(small))}. At least that of the best peer of any size on four in five of them:
{_met(_share(big))}. At most a third of the CPU seconds of CapyMOA's ARF({MEMBERS}) (of its ARF-Reg
where numbers are predicted) on each: {_met(_all(cheap))}. A peer of size {MEMBERS} is any method
below that is not ours, loops by hand included, but for the ensembles of {MANY_MEMBERS} that learn
row by row. The score is R2 for {_listed(REGRESSION, "and")}, and kappa for the others.

{table(header, lines)}

{_gain(gains)}{_without(found)}"""


def _beside(found, stream, own, peers):
    """Return the cells of the best of some peers and the difference to it; and the difference."""
    best = found.best(stream, peers)
    above = _less(own, best and best[0])
    return [f"{_number(best[0])} ({_label(best[1])})" if best else UNKNOWN, _signed(above)], above


def _without(found):
    """Return a sentence on the big ensembles that have no score on a stream, or nothing."""
    left_out = []
    for method in (m for m in PEERS if m not in SMALL):
        streams = [stream for stream in REAL if found.score(stream, method) is None]
        left_out += [f"{_label(method)} on {', '.join(streams)}"] if streams else []
    return f" Stopped or not measured: {'; '.join(left_out)}." if left_out else ""


def _holds(above, margin, is_known):
    """Tell whether a difference is small enough; None while a peer that matters is missing."""
    if above is None or (above >= -margin and not is_known):
        return None
    return above >= -margin


def _over_arf(found, stream, method):
    """Return CPU seconds over those of CapyMOA's ARF(10)."""
    arf = "capymoa_arf_reg" if stream in REGRESSION else "capymoa_arf"
    return _ratio(found.cpu(stream, method), found.cpu(stream, arf))


def _all(conditions):
    """Tell whether all hold; None where that is not known yet."""
    return _share(conditions, least=1)


def _share(conditions, least=MOST):
    """Tell whether a share of the conditions holds, whatever those come to that are not known."""
    held, unknown = conditions.count(True), conditions.count(None)
    if held >= least * len(conditions):
        return True
    return False if held + unknown < least * len(conditions) else None


def _yes(condition):
    return UNKNOWN if condition is None else "yes" if condition else "no"


def _ridge_alone(found):
    lines, close, cheap = [], [], []
    for stream in REAL:
        own = found.score(stream, "R")
        cells, above = _beside(found, stream, own, SMALL)
        close.append(_holds(above, CLOSE_ALONE, found.all_run(stream, RIVALS)))
        cpu = _over_arf(found, stream, "R")
        cheap.append(None if cpu is None else cpu <= CPU_SHARE_ALONE)
        seconds = [found.cpu(stream, method) for method in ("R", "capymoa_arf")]
        numbers = [_number(cpu, 2), *map(_seconds, seconds), _met(cheap[-1])]
        lines.append([stream, _number(own), *cells, _met(close[-1]), *numbers])
    header = [
        "stream", "R", f"best peer of size {MEMBERS}", "difference", "", "CPU, over ARF's",
        "CPU s", "ARF's CPU s", "CPU",
    ]  # fmt: skip
    return f"""### Recursive ridge alone

R at least at the best peer of size {MEMBERS}, less {CLOSE_ALONE}, on four in five of the real
streams with classes: {_met(_share(close))}. In at most an eighth of the CPU seconds of CapyMOA's
ARF({MEMBERS}) on each: {_met(_all(cheap))}.

{table(header, lines)}"""


def _late_labels(found):
    return """### Late labels

B0's regret is the score of its best member in hindsight less its own. At label delays of 1,000 and
5,000, at most 1.2 times that at 100; never more than 0.01: **not met**. It is measured on
[the page of the mixture](mixture.md), with two other ways of weighing members whose labels come
late."""


def _gain(gains):
    gains = [gain for gain in gains if gain is not None]
    if not gains:
        return f"Gain over CapyMOA's ARF: {UNKNOWN}."
    return (
        f"Gain over CapyMOA's ARF(10) in kappa: median {np.median(gains):+.3f}, "
        f"mean {np.mean(gains):+.3f}, over {len(gains)} streams."
    )


def _every_ten_rows(found):
    lines, close = [], []
    streams = [stream for stream in REAL if stream in AT_OTHER_DELAYS]
    for stream in streams:
        own, peer = (found.score(stream, method, 1) for method in ("B0", "capymoa_arf"))
        above = _less(own, peer)
        close.append(None if above is None else above >= -MARGIN)
        srp = found.score(stream, "capymoa_srp", 1)
        row = [_number(own), _number(peer), _signed(above), _number(srp), _met(close[-1])]
        lines.append([stream, *row, _number(found.score(stream, "no_change", 1))])
    half = _met(sum(close) >= len(close) / 2 if None not in close else None)
    header = ["stream", "B0, every 10 rows", "ARF, every row", "difference", "SRP, every row"]
    return f"""### Updates every 10 rows at a label delay of 1

Within {MARGIN} of CapyMOA's ARF(10), which learns every row, on at least half of
{_listed(streams, "and")}: {half}. Where a label lasts for many rows, who learns the last one first
wins, and "no change" shows how much of a score that is.

{table([*header, "", "no change"], lines)}

What is lost is the newest labels, not the learner: on elec2, with labels every 10 rows, ARF has
0.696 and "no change" 0.325, and with every label at once, SGD has 0.812 and R 0.745 (in 79 and 97
CPU seconds; measured apart on 2026-11-30, by `run` of this benchmark with batches of 10 and 1)."""


def _simple_policies(found):
    lines = []
    for kind in BASES:
        gaps = [(gap, s) for s in STREAMS if (gap := policy_gap(found, s, kind)) is not None]
        worst = min(gaps) if gaps else None
        lines.append([
            _label(f"B_{kind}"),
            f"{len(gaps)} of {len(STREAMS)}",
            f"{worst[0]:+.2f} ({worst[1]})" if worst else UNKNOWN,
            sum(gap < -POINTS for gap, _ in gaps) if worst else UNKNOWN,
            _met(worst[0] >= -POINTS if worst else None),
        ])  # fmt: skip
    header = ["", "streams measured", "worst difference, points", "streams below", ""]
    return f"""### Never far below the best of never, window and all

B over an estimator is at most {POINTS} points of accuracy (of R2, for regression) below the best of
"never", "window" and "all" over the same estimator, on any stream. The streams are further below.

{table(header, lines)}"""


def policy_gap(found, stream, kind):
    """Return the points by which B is above the best simple policy, or None."""
    points = policy_points(found, stream, kind)
    if None in points:
        return None
    *simple, own = points
    return own - max(simple)


def policy_points(found, stream, kind):
    """Return never, window, all and B in points of accuracy or R2."""
    name = "r2" if stream in REGRESSION else "accuracy"
    methods = [*(f"{policy}_{kind}" for policy in SIMPLE), f"B_{kind}"]
    values = [found.value(name, stream, method) for method in methods]
    return [None if value is None else 100 * value for value in values]


def _regression(found):
    lines = []
    for stream, (floor, before) in FLOORS.items():
        own, cpu = found.score(stream, "B0"), found.cpu(stream, "B0")
        lines.append([
            stream,
            _number(own),
            _number(floor),
            _met(None if own is None else own >= floor - 0.0005),  # as it is printed
            _seconds(cpu),
            _seconds(before),
            _met(None if cpu is None else cpu <= before / 2),
            _number(found.score(stream, "sgd")),
        ])  # fmt: skip
    header = [
        "stream", "B0, R2", "at least", "", "CPU s", "before", "CPU", "SGD loop, for comparison",
    ]  # fmt: skip
    return f"""### Regression in half of the time

B0 keeps the R2 that it had, in half of the CPU seconds that it took when this was written down. An
R2 far below zero is a model that exploded on an outlier or on a feature that began to vary.

{table(header, lines)}"""


def _speed(found):
    lines, fast_alone = [], []
    for stream in CLASSIFICATION:
        peer = "river_driftretraining_lr"
        cells = [stream, _number(found.score(stream, peer))]
        for own in ("A_lr", "A_sgd", "R"):
            above = _less(found.score(stream, own), found.score(stream, peer))
            times = _ratio(found.cpu(stream, peer), found.cpu(stream, own))
            fast = None if above is None or times is None else times >= SPEED and above >= 0
            cells += [_signed(above), UNKNOWN if times is None else f"{times:.1f}", _met(fast)]
        if found.score(stream, peer) is not None:
            lines.append(cells)
            fast_alone.append(fast)
    half = _met(_share(fast_alone, 1 / 2)) if fast_alone else UNKNOWN
    header = ["stream", "river", "A, LR", "speed", "", "A, SGD", "speed", "", "R", "speed", ""]
    return f"""### {SPEED} times the rows per CPU second of river's DriftRetrainingClassifier

Its base is river's LogisticRegression behind a scaler, one row at a time; ours learns batches of
{BATCH}, at the same label delay of 100. At no lower kappa: the columns of ours are the difference
in kappa, and how many times the rows per CPU second. R on at least half of the streams: {half}.

{table(header, lines)}"""


def _size(found):
    lines = []
    for stream in STREAMS:
        cells = found.cells.get((stream, "B0", 100), [])
        sizes = [cell["model_bytes"] for cell in cells if cell.get("model_bytes")]
        if not sizes:
            continue
        sizes = np.mean(sizes, axis=0) / 1e6
        growth, flat = sizes[3] / sizes[1], None
        if cells[0]["n_rows"] / 2 >= HELD_ROWS * 1.2:
            flat = growth <= FLAT
        word = "too short to tell" if flat is None else verdict(flat)
        lines.append([stream, *(f"{size:.1f}" for size in sizes), f"{growth:.2f}", word])
    header = ["stream", "at 1/4, MB", "at 1/2", "at 3/4", "at the end", "end / half", ""]
    return f"""### A model of bounded size

The bytes of B0, pickled with its memory of {HELD_ROWS:,} rows, at the quarters of the stream: at
the end at most {FLAT} times those at half, where the memory was full by then. A memory keeps up to
twice as many rows before it lets go, and trees fitted on the same number of rows are larger where
the classes are harder to tell: sizes go up and down.

{table(header, lines)}"""


# -- the tables of all methods


def tables_at(found, delay):
    """Return score and CPU tables of a delay."""
    parts = [f"## All methods, label delay {delay:,}"]
    groups = {"Real streams": REAL, "Generated, abrupt changes": ABRUPT}
    groups |= {"Generated, gradual changes and none": OTHERS, "Regression": REGRESSION}
    for title, streams in groups.items():
        methods = found.methods(streams, delay)
        if methods:
            name = "R2" if streams is REGRESSION else "kappa"
            parts += [f"### {title}: {name}", _scores(found, methods, streams, delay)]
            parts += [f"### {title}: CPU seconds", _times(found, methods, streams, delay)]
    return "\n\n".join(parts) if len(parts) > 1 else f"{parts[0]}\n\n{UNKNOWN.capitalize()}."


def _scores(found, methods, streams, delay):
    best = {stream: found.best(stream, methods, delay) for stream in streams}
    lines = []
    for method in methods:
        cells = []
        for stream in streams:
            value = found.score(stream, method, delay)
            text = _cell(found, stream, method, delay, value, _number)
            cells.append(f"**{text}**" if best[stream] and value == best[stream][0] else text)
        lines.append([_label(method), *cells])
    return table(["", *streams], lines)


def _times(found, methods, streams, delay):
    return table(
        ["", *streams],
        [
            [
                _label(method),
                *(
                    _cell(found, s, method, delay, found.cpu(s, method, delay), _seconds)
                    for s in streams
                ),
            ]
            for method in methods
        ],
    )


def _cell(found, stream, method, delay, value, form):
    if value is not None:
        return form(value)
    limit = found.limit(stream, method, delay)
    if limit is not None:
        return f"> {limit:g} s"
    return "failed" if found.failed(stream, method, delay) else "-"


# -- policies and periodic refits


def policies(found):
    """Return the section of B against never, window and all."""
    parts = [
        "## B against never, window and all\n\nPoints of accuracy; of R2 for "
        f"{_listed(REGRESSION, 'and')}. Label delay 100. Window refits a forest of 100 trees, the "
        "others have 30."
    ]
    header = ["stream", *SIMPLE, "B", "B, less the best"]
    for kind in BASES:
        lines = []
        for stream in STREAMS:
            points = policy_points(found, stream, kind)
            if any(value is not None for value in points):
                gap = policy_gap(found, stream, kind)
                mark = "**" if gap is not None and gap < -POINTS else ""
                row = [_number(value, 2) for value in points]
                lines.append([stream, *row, f"{mark}{_signed(gap, 2)}{mark}"])
        if lines:
            parts += [f"### {_base_name(kind)}", table(header, lines)]
    return "\n\n".join(parts)


def _base_name(kind):
    return _label(f"B_{kind}").removeprefix("B, ")


def budget(found):
    """Return the section of what a budget costs and saves."""
    lines = []
    for stream in STREAMS:
        own, thrifty = found.score(stream, "B0"), found.score(stream, "B0_thrifty")
        if own is not None and thrifty is not None:
            cpu = found.cpu(stream, "B0"), found.cpu(stream, "B0_thrifty")
            cells = _both(own, cpu[0]), _both(thrifty, cpu[1]), _signed(thrifty - own)
            lines.append([stream, *cells])
    if not lines:
        return ""
    header = ["stream", "B0", "B0, a budget of 0.7", "difference"]
    return f"""## The budget

Kappa, or R2, and CPU seconds of the default mixture, of which every member learns from every batch
and is asked for every prediction, and of the same with ``budget=0.7``. Label delay 100.

{table(header, lines)}"""


def periodic(found):
    """Return the section of tuned periodic refits."""
    parts = [
        f"""## Tuned periodic refits

A refit every {_listed(CADENCES)} rows on the last {_listed(WINDOWS)}: {len(CADENCES)} x
{len(WINDOWS)} settings, label delay 100. "Best in hindsight" is the best setting on that very
stream, which nobody knows beforehand. "Fixed in advance" is the one setting that is best on average
over the streams of the task. CPU seconds in brackets are those of that setting alone."""
    ]
    header = ["stream", "best in hindsight", "fixed in advance", "B, same base", "B0"]
    for kind in BASES:
        lines, notes = [], []
        for streams in (CLASSIFICATION, REGRESSION):
            grids = {s: grid for s in streams if (grid := _grid(found, s, kind)) is not None}
            if grids:
                fixed = _fixed(grids)
                notes.append(f"{_setting(fixed)} for {_task(streams)}")
                lines += [_periodic_line(found, s, grid, fixed, kind) for s, grid in grids.items()]
        if lines:
            stopped = [s for s in STREAMS if found.limit(s, f"periodic_{kind}") is not None]
            stopped = f" Stopped at the time limit: {', '.join(stopped)}." if stopped else ""
            text = f"Fixed in advance: {'; '.join(notes)}.{stopped}"
            parts += [f"### {_base_name(kind)}", text, table(header, lines)]
    return "\n\n".join(parts) if len(parts) > 1 else ""


def _listed(parts, word="or"):
    *first, last = [part if isinstance(part, str) else f"{part:,}" for part in parts]
    return f"{', '.join(first)} {word} {last}"


def _task(streams):
    return "regression" if streams is REGRESSION else "classification"


def _grid(found, stream, kind):
    """Return (score, CPU seconds) by setting, or None."""
    cells = found.cells.get((stream, f"periodic_{kind}", 100), [])
    if not cells or "periodic" not in cells[0]:
        return None
    name = "r2" if stream in REGRESSION else "kappa"
    return {setting: (v[name], v["cpu"]) for setting, v in cells[0]["periodic"].items()}


def _fixed(grids):
    settings = next(iter(grids.values()))
    return max(settings, key=lambda setting: np.mean([grid[setting][0] for grid in grids.values()]))


def _setting(setting):
    cadence, window = map(int, setting.split("/"))
    return f"every {cadence:,} on {window:,}"


def _periodic_line(found, stream, grid, fixed, kind):
    best = max(grid, key=lambda setting: grid[setting][0])
    line = [f"{_both(*grid[best])}, {_setting(best)}", _both(*grid[fixed])]
    for method in (f"B_{kind}", "B0"):
        line.append(_both(found.score(stream, method), found.cpu(stream, method)))
    return [stream, *line]


def _both(score, cpu):
    return UNKNOWN if score is None else f"{_number(score)} ({_seconds(cpu)})"


# -- where we lose


def losses(found):
    """Return the list of every stream and delay where a peer is clearly above B0."""
    lines = []
    for delay in (100, 1, 1000):
        for stream in STREAMS:
            own, above = found.score(stream, "B0", delay), []
            for method in found.methods([stream], delay):
                score = found.score(stream, method, delay)
                if own is None or score is None or METHODS[method].family in OURS:
                    continue
                if score > own + MARGIN:
                    above.append((score, method))
            if above:
                peers = "; ".join(f"{_label(m)} {_number(s)}" for s, m in sorted(above)[::-1])
                lines.append([f"{stream}, delay {delay:,}", peers, _number(own)])
    measured = any(found.score(s, "B0") is not None for s in STREAMS)
    if not measured:
        body = f"{UNKNOWN.capitalize()}."
    elif not lines:
        body = "On no stream that was measured."
    else:
        body = table(["stream", "who is above", "B0"], lines)
    return (
        "## Where we lose\n\nEvery stream where B0 is more than "
        f"{MARGIN} below a peer, loops by hand included, and by whom.\n\n{body}"
    )


# -- plots


def _pictures(found, static, folder):
    """Draw what the results suffice for, and return its sections."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "peers", "font.size": 9, "svg.fonttype": "path"}
    drawn = []
    for name, title, draw in (
        ("peers_ranks", "Mean ranks", _ranks),
        ("peers_pareto", "Score against CPU time", _pareto),
    ):
        path = static / f"{name}.svg"
        text = draw(found, path)
        if text:
            link = Path(os.path.relpath(path, folder)).as_posix()
            drawn.append(f"## {title}\n\n{text}\n\n![{title}]({link})")
    return drawn


INK, QUIET, OWN, BAR = "#222222", "#8a8a8a", "#d55e00", "#555555"


def _ranks(found, path):
    """Draw the critical-difference diagram; nothing without two streams and B0."""
    streams, methods = _complete(found)
    if len(streams) < 2 or "B0" not in methods:
        return None
    scores = np.array([[found.score(s, m) for m in methods] for s in streams])
    ranks = rankdata(-scores, axis=1).mean(axis=0)
    distance = nemenyi_distance(len(methods), len(streams))
    _draw_ranks(dict(zip(methods, ranks)), distance, path)
    left_out = [_label(m) for m in RANKED if m not in methods]
    left_out = f" Not measured on all of them, so not drawn: {'; '.join(left_out)}." * bool(
        left_out
    )
    return (
        f"Ranks by kappa at a label delay of 100, averaged over {len(streams)} streams; 1 is best. "
        f"Methods whose ranks differ by less than {distance:.2f} (a bar joins them) are not told "
        f"apart by Nemenyi's test at 0.05.{left_out}"
    )


def _complete(found):
    """Return streams and methods without a gap between them: first drop what is mostly missing."""
    streams = [s for s in CLASSIFICATION if found.score(s, "B0") is not None]
    methods = [
        m for m in RANKED if sum(found.score(s, m) is None for s in streams) <= len(streams) // 4
    ]
    streams = [s for s in streams if all(found.score(s, m) is not None for m in methods)]
    return streams, methods


def nemenyi_distance(n_methods, n_streams, level=0.05):
    """Return by how much two mean ranks must differ (Demsar, 2006)."""
    quantile = studentized_range.ppf(1 - level, n_methods, np.inf) / np.sqrt(2)
    return quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * n_streams))


def _draw_ranks(ranks, distance, path):
    import matplotlib.pyplot as plt

    names = sorted(ranks, key=ranks.get)
    values = np.array([ranks[name] for name in names])
    figure, axes = plt.subplots(figsize=(7, 0.8 + 0.27 * len(names)), layout="constrained")
    rows = np.arange(len(names))
    for row, name in zip(rows, names):
        own = METHODS[name].family in OURS
        colour = OWN if own else INK
        axes.plot([1, values[row]], [row, row], color="#e4e4e4", lw=1, zorder=1)
        axes.plot(values[row], row, "D" if own else "o", color=colour, ms=6, zorder=3)
        axes.annotate(
            f"{values[row]:.1f}", (values[row], row), (7, 0), textcoords="offset points",
            va="center", color=colour, fontsize=8,
        )  # fmt: skip
    right = _draw_bars(axes, values, distance, len(names) + 1)
    axes.set_yticks(rows, [_label(name) for name in names])
    for tick, name in zip(axes.get_yticklabels(), names):
        if METHODS[name].family in OURS:
            tick.set(color=OWN, fontweight="bold")
    axes.set_xticks(range(1, len(names) + 1, 2))
    axes.set(xlim=(0.8, right), ylim=(len(names) - 0.4, -0.6), xlabel="mean rank")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    _save(figure, path)


def _draw_bars(axes, values, distance, x):
    """Draw an upright bar beside each longest run of methods that are not told apart, from `x` on.

    Return where the last one is.
    """
    end = -1
    for first in range(len(values)):
        last = int(np.searchsorted(values, values[first] + distance, side="right")) - 1
        if last > max(first, end):
            axes.plot([x, x], [first - 0.25, last + 0.25], color=BAR, lw=3, solid_capstyle="butt")
            x, end = x + 0.3, last
    return x


STYLES = {
    "mixture": ("B0, B: mixtures", OWN, "D"),
    "ours": ("A, R: one model", "#e69f00", "s"),
    "capymoa": ("CapyMOA", "#0072b2", "o"),
    "river": ("river", "#56b4e9", "^"),
    "refit": ("refits by hand", "#555555", "X"),
    "sgd": ("SGD loop", "#009e73", "P"),
    "vowpalwabbit": ("Vowpal Wabbit", "#8c6d31", "p"),
    "lightgbm": ("boosting continued", "#cc79a7", "v"),
    "xgboost": ("boosting continued", "#cc79a7", "v"),
}
NAMED = {"B0": "B0", "R": "R", "capymoa_arf": "ARF", "capymoa_arf_reg": "ARF-Reg"}


def _pareto(found, path):
    """Draw score against CPU seconds, a panel for each real stream."""
    streams = [s for s in (*REAL, *REGRESSION) if found.score(s, "B0") is not None]
    if not streams:
        return None
    _draw_pareto(found, streams, path)
    return (
        "Up and to the left is better. The line joins what nothing else beats in both; its corners "
        "are named, and so are B0 and CapyMOA's ARF. Label delay 100; what is far below the best "
        "is outside of the frame."
    )


def _draw_pareto(found, streams, path):
    import matplotlib.pyplot as plt

    n_lines = (len(streams) + 1) // 2
    figure, grid = plt.subplots(
        n_lines, 2, figsize=(7, 2.6 * n_lines + 0.5), layout="constrained", squeeze=False
    )
    handles = {}
    panels = [(a, _draw_panel(a, found, s, handles)) for a, s in zip(grid.flat, streams)]
    for axes in list(grid.flat)[len(streams) :]:
        axes.set_visible(False)
    figure.supxlabel("CPU seconds", fontsize=9)
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4,
                  frameon=False, fontsize=8)  # fmt: skip
    figure.draw_without_rendering()  # the names are placed where the points then are
    figure.set_layout_engine("none")
    for axes, points in panels:
        _name_points(axes, points)
    _save(figure, path)


def _draw_panel(axes, found, stream, handles):
    """Draw the points of a stream, and return them by method."""
    points = {
        m: (found.cpu(stream, m), found.score(stream, m))
        for m in found.methods([stream], 100)
        if METHODS[m].family in STYLES and found.score(stream, m) is not None
    }
    best = max(score for _, score in points.values())
    floor = best - max(0.25, 0.1 + best - points["B0"][1])
    points = {m: point for m, point in points.items() if point[1] >= floor}
    front = _front(points)
    axes.step(*zip(*(points[m] for m in front)), where="post", color="#bbbbbb", lw=1, zorder=1)
    for method, (cpu, score) in points.items():
        label, colour, marker = STYLES[METHODS[method].family]
        size, order = (60, 5) if method == "B0" else (26, 3)
        handles[label] = axes.scatter(
            cpu, score, size, colour, marker, edgecolors="white", linewidths=0.5, zorder=order
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    axes.xaxis.set_minor_formatter(lambda seconds, _: "")  # they would overlap on a short axis
    axes.margins(x=0.14, y=0.14)
    axes.set_title(stream, loc="left", fontsize=9, fontweight="bold")
    axes.set_ylabel("R2" if stream in REGRESSION else "kappa")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee", lw=0.6)
    axes.set_axisbelow(True)
    return points


def _front(points):
    """Return the methods that no other beats in both, by CPU seconds."""
    front, best = [], -np.inf
    for method in sorted(points, key=lambda m: (points[m][0], -points[m][1])):
        if points[method][1] > best:
            front.append(method)
            best = points[method][1]
    return front


PLACES = {  # alignment and distance in points of a name from its point, by preference
    "above": ("center", "bottom", 0, 6),
    "right": ("left", "center", 7, 0),
    "below": ("center", "top", 0, -6),
    "left": ("right", "center", -7, 0),
    "above right": ("left", "bottom", 4, 4),
    "below right": ("left", "top", 4, -4),
    "above left": ("right", "bottom", -4, 4),
    "below left": ("right", "top", -4, -4),
}


def _name_points(axes, points):
    """Write the names where they cover the fewest points and names."""
    at = axes.transData.transform(list(points.values()))
    front = _front(points)
    named = sorted([*front, *(set(NAMED) & set(points) - set(front))], key=lambda m: m != "B0")
    boxes = []
    for method in named:
        tried = [_written(axes, method, points[method], place) for place in PLACES.values()]
        found = [text.get_window_extent() for text in tried]
        costs = [_overlap(box, axes, at, boxes) for box in found]
        best = int(np.argmin(costs))
        boxes.append(found[best])
        for text in tried[:best] + tried[best + 1 :]:
            text.remove()


def _written(axes, method, point, place):
    ha, va, *offset = place
    return axes.annotate(
        _short(method), point, offset, textcoords="offset points", ha=ha, va=va, fontsize=7.5,
        color=OWN if METHODS[method].family in OURS else INK, zorder=6,
        fontweight="bold" if method == "B0" else None,
    )  # fmt: skip


def _overlap(box, axes, at, boxes):
    """Return how much a name would cover: points, other names, what is outside of the panel."""
    hidden = sum(box.padded(2).contains(*point) for point in at)
    panel = axes.get_window_extent()
    outside = not (panel.x0 <= box.x0 and box.x1 <= panel.x1 + 4 and panel.y0 <= box.y0)
    return hidden + 3 * sum(box.overlaps(other) for other in boxes) + 3 * outside


def _short(method):
    return NAMED.get(method) or method.replace("capymoa_", "").replace("_", " ")


def _save(figure, path):
    import matplotlib.pyplot as plt

    figure.savefig(path, facecolor="white", metadata={"Date": None})
    plt.close(figure)
