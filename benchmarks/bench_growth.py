"""How costs grow: with rows, features, the memory, classes, segments and candidates.

`DriftAwareRetrainer(SGDClassifier())` learns rows of one concept in batches of 1,000; there are 10
features, 2 classes and a memory of 10,000 rows, which is full from the first fit on, but for what
is varied. Bare are `predict` and `partial_fit` of the same estimator, side by side in the same
process. A step is the median of the batches in which no model was fitted; a comparison, the mean of
those in which refits were, because rows had come. Rows are arrays, seconds those of the processor.

Segments are those of a `SegmentedRetrainer` over the same retrainer with a memory of 500 rows, and
a batch is a day with 20 rows of each: all of them compare on the same day, since they began
together (``growth_budget`` spreads that over days). Candidates are the members of a
`MixtureRetrainer`, copies of the same retrainer. Megabytes are those by which the process grew,
rows and models included.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import process_time

import numpy as np
from _common import ROOT, parse_args, table, use_one_thread, write_report
from sklearn.linear_model import SGDClassifier

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.serving import SegmentedRetrainer

BATCH, PER_DAY, ROWS_OF_SEGMENT = 1_000, 20, 500
USUAL = {"features": 10, "rows in memory": 10_000, "classes": 2}
VARIED = {
    "rows seen": (10_000, 30_000, 100_000, 300_000, 1_000_000),
    "features": (10, 30, 100, 300, 1_000),
    "rows in memory": (1_000, 3_000, 10_000, 30_000, 100_000),
    "classes": (2, 5, 10, 20, 50),
    "segments": (10, 100, 1_000, 5_000),
    "candidates": (2, 4, 8, 16),
}
N_BATCHES, N_DAYS, N_QUICK = 60, 10, 3
SERIES = ("bare", "a step", "a comparison")


class Stream:
    """Batches of one linear concept.

    Parameters
    ----------
    n_features, n_classes : int
        Of the rows.
    """

    def __init__(self, n_features, n_classes):
        self.rng = np.random.default_rng(0)
        self.coef = self.rng.normal(size=(n_features, n_classes))

    def batch(self, n_rows):
        """Return so many rows, and their labels."""
        X = self.rng.normal(size=(n_rows, len(self.coef)))
        return X, (X @ self.coef).argmax(axis=1)


class Clock:
    """Milliseconds of batches: of the bare estimator, and ours with and without refits."""

    def __init__(self):
        self.bare, self.steps, self.comparisons = [], [], []

    def show(self, bare, ours, model):
        """Let both learn a batch, each a function without arguments."""
        fits, begin = n_fits(model), process_time()
        bare()
        middle = process_time()
        ours()
        end = process_time()
        self.bare.append(1e3 * (middle - begin))
        kind = self.comparisons if n_fits(model) > fits else self.steps
        kind.append(1e3 * (end - middle))

    def told(self):
        """Return the median of bare batches and of steps, and the mean of comparisons, or NaN."""
        bare, step = (np.median(one) if one else np.nan for one in (self.bare, self.steps))
        return [bare, step, np.mean(self.comparisons) if self.comparisons else np.nan]


def n_fits(model):
    """Return how many models were fitted so far."""
    if isinstance(model, SegmentedRetrainer):
        return sum(model.retrainer_of(name).events_.totals["fits"] for name in model.segments_)
    if isinstance(model, MixtureRetrainer):
        return sum(member.events_.totals["fits"] for member in model.estimators_)
    return model.events_.totals["fits"]


def base():
    return SGDClassifier(random_state=0)


def retrainer(memory):
    return DriftAwareRetrainer(base(), buffer=SlidingWindow(memory), random_state=0)


def resident():
    """Return the megabytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


# -- what is measured ------------------------------------------------------------------------------


def one_by_size(what, size, n_batches):
    """Return the milliseconds of SERIES and the megabytes where one size is varied."""
    n_features, memory, n_classes = (USUAL | {what: size}).values()
    stream, clock, before = Stream(n_features, n_classes), Clock(), resident()
    bare, model = base(), retrainer(memory).fit(*stream.batch(memory))
    for _ in range(n_batches):
        learn(clock, bare, model, *stream.batch(BATCH), np.arange(n_classes))
    return [*clock.told(), resident() - before]


def learn(clock, bare, model, X, y, classes):
    """Let the bare estimator and ours learn a batch; both predict it before."""

    def by_hand():
        bare.partial_fit(X, y, classes=classes)
        bare.predict(X)  # after it: of the first one, nothing could be predicted

    clock.show(by_hand, lambda: model.partial_fit(X, y), model)


def by_rows_seen(sizes):
    """Return for each size the milliseconds and megabytes of the batches since the size before."""
    stream, before = Stream(USUAL["features"], USUAL["classes"]), resident()
    bare, model = base(), retrainer(USUAL["rows in memory"]).fit(*stream.batch(BATCH))
    seen, found = BATCH, []
    for size in sizes:
        clock = Clock()
        while seen < size:
            learn(clock, bare, model, *stream.batch(BATCH), np.arange(2))
            seen += BATCH
        found.append([*clock.told(), resident() - before])
    return found


def by_segments(n_segments, n_days):
    """Return the milliseconds of days, and the megabytes."""
    stream, clock, before = Stream(USUAL["features"], USUAL["classes"]), Clock(), resident()
    fleet = SegmentedRetrainer(retrainer(ROWS_OF_SEGMENT), by=0)

    def day(per_segment):
        X, y = stream.batch(per_segment * n_segments)
        return np.column_stack([np.repeat(np.arange(n_segments), per_segment), X]), y

    fleet.fit(*day(ROWS_OF_SEGMENT))
    models = [base() for _ in range(n_segments)]
    for _ in range(n_days):
        X, y = day(PER_DAY)

        def by_hand(X=X, y=y):
            for number, model in enumerate(models):
                part = slice(number * PER_DAY, (number + 1) * PER_DAY)
                model.partial_fit(X[part, 1:], y[part], classes=[0, 1])
                model.predict(X[part, 1:])

        clock.show(by_hand, lambda X=X, y=y: fleet.partial_fit(X, y), fleet)
    return [*clock.told(), resident() - before]


def by_candidates(n_members, n_batches):
    """Return the milliseconds of batches of a mixture, and the megabytes."""
    stream, clock, before = Stream(USUAL["features"], USUAL["classes"]), Clock(), resident()
    members = [(f"m{number}", retrainer(USUAL["rows in memory"])) for number in range(n_members)]
    bare, model = base(), MixtureRetrainer(members, random_state=0)
    model.fit(*stream.batch(USUAL["rows in memory"]))
    for _ in range(n_batches):
        learn(clock, bare, model, *stream.batch(BATCH), np.arange(2))
    return [*clock.told(), resident() - before]


def apart(what, sizes, n_batches, n_days):
    """Return a row of SERIES and megabytes for each size, each from a process of its own.

    But for rows seen: there, the sizes are moments of one run.
    """
    runs = [sizes] if what == "rows seen" else [(size,) for size in sizes]
    found = []
    for run in runs:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            found += pool.submit(measured, what, run, n_batches, n_days).result()
    return found


def measured(what, sizes, n_batches, n_days):
    """Return a row of SERIES and megabytes for each size."""
    use_one_thread()
    if what == "rows seen":
        return by_rows_seen(sizes)
    (size,) = sizes
    if what == "segments":
        return [by_segments(size, n_days)]
    if what == "candidates":
        return [by_candidates(size, n_batches)]
    return [one_by_size(what, size, n_batches)]


# -- the page --------------------------------------------------------------------------------------


def section(what, sizes, found):
    header = [what, *(f"{name}, ms" for name in SERIES), "step over bare", "MB"]
    rows = [
        [f"{size:,}", *map(shown, costs), shown(costs[1] / costs[0]), f"{megabytes:,.0f}"]
        for size, (*costs, megabytes) in zip(sizes, found, strict=True)
    ]
    return f"## {what.capitalize()}\n\n" + table(header, rows)


def shown(number):
    return "" if np.isnan(number) else f"{number:,.3g}" if number < 1000 else f"{number:,.0f}"


def brief(size):
    """Return a size as the mark of an axis."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit:
            return f"{size // unit}{name}"
    return str(size)


def draw(found, path):
    """Write the picture of all sections."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "growth", "font.size": 9, "svg.fonttype": "path"}
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(9, 5.2), layout="constrained")
    styles = (("#8a8a8a", "o", "-"), ("#0072b2", "o", "-"), ("#d55e00", "s", "--"))
    for panel, (what, rows) in zip(axes.flat, found.items(), strict=True):
        costs = np.array(rows)[:, :-1].T
        for name, (color, marker, line), values in zip(SERIES, styles, costs, strict=True):
            panel.loglog(
                VARIED[what], values, line, color=color, marker=marker, markersize=4, label=name
            )
        panel.set(xlabel=what, ylabel="ms a day" if what == "segments" else "ms a batch")
        panel.set_xticks(VARIED[what], [brief(size) for size in VARIED[what]])
        panel.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        panel.grid(alpha=0.3)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor="white", metadata={"Date": None})
    plt.close(figure)


def main():
    args = parse_args(__doc__, "growth.md")
    n_batches, n_days = (N_QUICK, N_QUICK) if args.quick else (N_BATCHES, N_DAYS)
    parts, found = [__doc__], {}
    for what, sizes in VARIED.items():
        sizes = sizes[:1] if args.quick else sizes
        found[what] = apart(what, sizes, n_batches, n_days)
        parts.append(section(what, sizes, found[what]))
        print(parts[-1])
    if not args.quick:
        draw(found, ROOT / "docs" / "_static" / "growth.svg")
        parts.insert(1, "![Milliseconds as each of them grows](../_static/growth.svg)")
    write_report(args.out, "How costs grow", parts)


if __name__ == "__main__":
    main()
