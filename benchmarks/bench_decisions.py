"""When to retrain, and on which rows: what schedules of refits cost, in errors and refits together.

The cost of a policy is its summed loss, plus a price for each fit after the first. The loss is 0/1
error; in regression, the absolute residual. A price of p says that one refit is worth it if it
saves more than p errors. In the tables a price is a multiple of what one oracle refit saves on the
stream: the loss of "never" less the loss with the one best refit in hindsight (any time, any
window), at least 1 error. Nine prices from 0.1 to 10.

Regret is the cost divided by the cost of the best fixed policy in hindsight, which is chosen for
each stream, base and price: 1 is as good, and less than 1 is better.

Labels come one batch late. The first min(10 %, 5,000) rows are the first fit and are not scored.
Logistic regression (Ridge in regression) behind a scaler, in batches of 100: the first 20,000 rows
of a stream, and all of elec2. HistGradientBoosting with 30 iterations, in batches of 250: the first
10,000 rows. Generated streams have that length, too, and come with five seeds. Those of
`make_drifting_classification` are abrupt, gradual, recurring and stationary, the others come from
river's generators.

Refits from scratch on a fixed window are replayed from one ``RetrainMatrix`` per stream and base:

- never, and every batch, 500, 1,000, 2,000 or 5,000 rows on the last 500, on the last 2,000 or on
  all rows: these 16 are the fixed policies. "periodic, tuned" is the best of the 15.
- threshold: a refit on a window when the loss beyond that of the first chunk after the last fit
  adds up to the price, in the manner of CARA.
- oracle: the best schedule over these windows in hindsight, by dynamic programming. It also picks
  the models that are better by luck.

What depends on its own past runs live:

- A: ``DriftAwareRetrainer(estimator, policy="full_refit")``, that is, ADWIN, a refit on the rows
  since the change, and again whenever they have doubled.
- keep or refit: ``DriftAwareRetrainer(estimator)``, whose default policy compares keeping with
  refits on three windows. Only the refits that came to serve have a price.
- A, debt: the same with ``RefitDebt("auto")``; A, told: with ``RefitDebt(price=p)``, which also
  holds back refits for growth that are not worth the price.
- ADWIN, once: ADWIN, and one refit on the rows since the change.
- mixture: ``make_mixture(estimator)``. The rows that its members were fitted on, divided by those
  of a refit on all remembered rows (at most 10,000, mean over the stream), are its fits.

Fits count the same, whatever their rows, but for the mixture. A fit that came too late to serve is
not counted.

``--layers`` measures instead what each choice of ``RefitDebt(price=p)`` comes to, alone and
together, and prints that section of the page. Cells that a file (``--cells``) has are not measured
again, and of a layer that it lacks only that one is.
"""

import json
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _common import Stream, load_stream, parse_args, table, use_one_thread, verdict, write_report
from _peer_streams import is_regression, stream_of, warm_up_of
from bench_policies import TrueDrifts
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, make_mixture
from skretrain.datasets import make_drifting_classification
from skretrain.drift import RefitDebt
from skretrain.model_selection import RetrainMatrix, prequential_validate
from skretrain.policies import FullRefit

PRICES = np.geomspace(0.1, 10, 9)
WINDOWS = (500, 2000, "all")
EVERY = (500, 1000, 2000, 5000)
MAX_REMEMBERED = 10_000

REAL = ("elec2", "spam", "gas_partial", "powersupply", "metro", "bike")
ABRUPT = ("sea_a", "agr_a", "rbf_a", "abrupt")
OWN = ("abrupt", "gradual", "recurring", "stationary")
GENERATED = (*ABRUPT, "sea_g", "hyp_g", "gradual", "recurring", "sea_0", "stationary")
LINEAR, BOOSTING = "linear", "boosting"
N_ROWS = {LINEAR: 20_000, BOOSTING: 10_000}
BATCH = {LINEAR: 100, BOOSTING: 250}
N_SEEDS = 5

NEVER, TUNED, ORACLE, MIXTURE = "never", "periodic, tuned", "oracle", "mixture"
A, DEBT, TOLD, KEEP = "A", "A, debt", "A, told", "keep or refit"
ADWIN_ONCE, TRUE_DRIFTS = "ADWIN, once", "told the drifts"
CARA, ON_ALARM = "threshold on all, as CARA's", "ADWIN on all, as lfmm's"

LAYERS = {
    "the price": {"caution": None},
    "random": {"threshold": "random", "caution": None},
    "forecast, caution 0.5": {},
    "forecast, caution 0.25": {"caution": 0.25},
    "random and forecast": {"threshold": "random"},
    "combined": {"threshold": "combined", "caution": None},
    "combined and forecast": {"threshold": "combined"},
    "forecast, keep or refit": {"policy": KEEP},
    "combined and forecast, keep or refit": {"threshold": "combined", "policy": KEEP},
}
# What RefitDebt(price) does, with the policy of A and with the default one.
DEFAULTS = ("forecast, caution 0.5", "forecast, keep or refit")


# Streams and bases --------------------------------------------------------------------------------


class Case(NamedTuple):
    """One stream and one base."""

    stream: str
    seed: int
    base: str

    @property
    def label(self):
        return f"{self.stream}{f', seed {self.seed}' if self.seed else ''}, {self.base}"

    @property
    def group(self):
        """What it has in common with the same stream under other seeds."""
        return f"{self.stream}, {self.base}"


def all_cases(n_seeds=N_SEEDS):
    return [
        Case(name, seed, base)
        for base in (LINEAR, BOOSTING)
        for name in (*REAL, *GENERATED)
        for seed in range(1 if name in REAL else n_seeds)
    ]


def by_group(values):
    """Return lists of what was found for the seeds of a stream, by stream and base."""
    groups = {}
    for case, value in values.items():
        groups.setdefault(case.group, []).append(value)
    return groups


def load(case, n_rows):
    """Return the stream of a case, or None where it is not at hand."""
    if case.stream in OWN:
        options = {} if case.stream == "stationary" else {"n_drifts": 3}
        X, y, drifts = make_drifting_classification(
            n_rows, drift=case.stream, random_state=case.seed, **options
        )
        return Stream(case.stream, X, y, drifts)
    stream = stream_of(case.stream, n_rows, case.seed)
    if stream is None or case == Case("elec2", 0, LINEAR):
        return stream
    return stream._replace(X=stream.X[:n_rows], y=stream.y[:n_rows])


MEMO = {}


class Remembering:
    """A base that does not fit the same rows twice: many policies come to the same fits."""

    def fit(self, X, y):
        key = type(self), hash(np.asarray(X).tobytes()), hash(np.asarray(y).tobytes())
        if key in MEMO:
            vars(self).update(MEMO[key])
        else:
            super().fit(X, y)
            MEMO[key] = dict(vars(self))
        return self


class Scaled(Remembering, Pipeline):
    pass


class BoostingClassifier(Remembering, HistGradientBoostingClassifier):
    pass


class BoostingRegressor(Remembering, HistGradientBoostingRegressor):
    pass


def base_of(case):
    if case.base == BOOSTING:
        kind = BoostingRegressor if is_regression(case.stream) else BoostingClassifier
        return kind(max_iter=30, random_state=0)
    last = Ridge() if is_regression(case.stream) else LogisticRegression(max_iter=200)
    return Scaled([("scale", StandardScaler()), ("model", last)])


# Running ------------------------------------------------------------------------------------------


class Setting(NamedTuple):
    """What every run on one stream with one base shares."""

    stream: Stream
    base: Any
    batch: int
    start: int
    loss: Any

    def live(self, estimator):
        """Return the summed loss, the fits and the rows fitted; the first fit is not counted."""
        result = prequential_validate(
            estimator,
            self.stream.X,
            self.stream.y,
            batch_size=self.batch,
            initial_size=self.start,
            label_delay=self.batch,
        )
        lost = float(self.loss(result.y_true, result.y_pred).sum())
        fits = [each.n_rows_fitted for each in result.events if self.served(each)]
        return [lost, len(fits), int(sum(fits))]

    def served(self, event):
        """Tell whether it is a refit that came into service; one at the very end does not."""
        is_refit = event.action == "retrained" and event.kind != "first_fit"
        return is_refit and event.row + self.batch < len(self.stream.y)

    def retrainer(self, **options):
        options = {"policy": "full_refit", **options}
        return self.live(DriftAwareRetrainer(self.base, **options))


def setting_of(case, stream):
    loss = (lambda y, p: np.abs(y - p)) if is_regression(case.stream) else np.not_equal
    return Setting(stream, base_of(case), BATCH[case.base], warm_up_of(stream), loss)


def replay(case, stream):
    """Return the setting of a case, the replay of its stream, and what one refit saves there."""
    MEMO.clear()
    setting = setting_of(case, stream)
    matrix = RetrainMatrix(
        setting.base, chunk=setting.batch, windows=WINDOWS, initial_size=setting.start
    ).fit(stream.X, stream.y)
    replayed = Replayed(matrix, setting.batch)
    return setting, replayed, max(replayed.saving_of_one_refit(), 1.0)


def run(case, n_rows, prices):
    """Return what every policy came to, as [loss, fits, rows], one of them or one per price."""
    stream = load(case, n_rows)
    if stream is None:
        return None
    begin = time.process_time()
    setting, replayed, saving = replay(case, stream)
    found = replayed.fixed()
    for factor in prices:
        for name, numbers in told(setting, replayed, float(factor * saving)).items():
            found.setdefault(name, []).append(numbers)
    found |= untold(case, setting, replayed)
    return {
        "rows": len(stream.y) - setting.start,
        "saving": saving,
        "unit": unit_of_points(case, stream, setting.start),
        "prices": [float(factor) for factor in prices],
        "policies": found,
        "seconds": time.process_time() - begin,
    }


def told(setting, replayed, price):
    """Return the policies that know the price."""
    found = {
        TOLD: setting.retrainer(detector=RefitDebt(price)),
        ORACLE: numbers_of(replayed.matrix.oracle(price, label_delay=replayed.delay)),
    }
    for window in WINDOWS:
        found[f"threshold on {window}"] = replayed(lambda now: debt_of(now) >= price, window=window)
    return found


def debt_of(now):
    """Return the loss beyond that of the first chunk after the last fit.

    A chunk that went better than the first one pays nothing back.
    """
    if len(now.rows) < 2 or not now.rows[0]:
        return 0.0
    excess = now.losses - now.expected * now.rows
    return float(excess[excess > 0].sum())


def untold(case, setting, replayed):
    """Return the policies that run live and do not know the price."""
    found = {
        A: setting.retrainer(),
        KEEP: setting.retrainer(policy="keep_or_refit"),
        DEBT: setting.retrainer(detector=RefitDebt("auto")),
        ADWIN_ONCE: setting.retrainer(policy=FullRefit(grow=False)),
    }
    mixture = make_mixture(setting.base)
    loss, _, rows = setting.live(mixture)
    found[MIXTURE] = [loss, rows / replayed.rows_of_a_full_fit(), rows]
    if case.stream in ABRUPT:
        detector = TrueDrifts(setting.stream.drift_rows.tolist())
        found[TRUE_DRIFTS] = setting.retrainer(detector=detector, policy=FullRefit(grow=False))
    return found


def unit_of_points(case, stream, start):
    """Return the loss that is 100 points: all rows, or what the median as a prediction loses."""
    y = stream.y[start:]
    return float(np.abs(y - np.median(y)).sum()) if is_regression(case.stream) else float(len(y))


class Replayed:
    """A matrix, and the policies that are read off it."""

    def __init__(self, matrix, delay):
        self.matrix, self.delay = matrix, delay
        self.n_chunks = len(matrix.edges_) - 1

    def __call__(self, policy, **options):
        return numbers_of(self.matrix.replay(policy, label_delay=self.delay, **options))

    def fixed(self):
        found = {NEVER: self([])}
        for every in sorted({self.delay, *EVERY}):
            step = every // self.delay
            for window in WINDOWS:
                # As for a live retrainer: the first refit comes when that many labels are known.
                chunks = range(2 + step, self.n_chunks, step)
                found[name_of(every, window)] = self([(chunk, window) for chunk in chunks])
        return found

    def saving_of_one_refit(self):
        never = self([])[0]
        pairs = [(chunk, window) for chunk in range(3, self.n_chunks) for window in WINDOWS]
        return never - min(self([pair])[0] for pair in pairs)

    def rows_of_a_full_fit(self):
        return float(np.minimum(self.matrix.edges_[2:-1], MAX_REMEMBERED).mean())


def name_of(every, window):
    every = "every batch" if every in BATCH.values() else f"every {every:,}"
    return f"{every} on {f'the last {window:,}' if window != 'all' else 'all'}"


def numbers_of(result):
    rows = result.rows_fitted - result.rows_per_fit[0]
    return [result.loss, result.n_fits - 1, int(rows)]


# Costs --------------------------------------------------------------------------------------------


def is_fixed(name):
    return name == NEVER or name.startswith("every ")


def costs_of(cell):
    """Return the cost of each policy at each price; the best fixed and periodic one included."""
    prices = np.array(cell["prices"]) * cell["saving"]
    costs = {}
    for name, numbers in cell["policies"].items():
        loss, fits, _ = np.transpose(np.broadcast_to(numbers, (len(prices), 3)))
        costs[name] = loss + prices * fits
    periodic = [cost for name, cost in costs.items() if is_fixed(name) and name != NEVER]
    costs[TUNED] = np.min(periodic, axis=0)
    return costs


def regrets_of(cell):
    """Return the cost of each policy at each price over that of the best fixed one."""
    costs = costs_of(cell)
    best = np.min([cost for name, cost in costs.items() if is_fixed(name)], axis=0)
    return {name: cost / best for name, cost in costs.items()}


def best_fixed(cell, number):
    """Return the name of the best fixed policy at one price."""
    costs = {name: cost[number] for name, cost in costs_of(cell).items() if is_fixed(name)}
    return min(costs, key=costs.get)


def order_of(cells):
    """Return the names of the policies as the tables list them."""
    first = (A, KEEP, DEBT, TOLD, ADWIN_ONCE, MIXTURE)
    thresholds = [f"threshold on {window}" for window in WINDOWS]
    fixed = [name for cell in cells.values() for name in cell["policies"] if is_fixed(name)]
    return [*first, *thresholds, ORACLE, TUNED, *dict.fromkeys(fixed)]


def regret_table(cells):
    regrets = [regrets_of(cell) for cell in cells.values()]
    rows = []
    for name in order_of(cells):
        ratios = np.concatenate([each[name] for each in regrets if name in each])
        rows.append([name, *summary(ratios), f"{np.mean(ratios <= 1.10):.2f}"])
    header = ["", "median", "90 % within", "worst", "share <= 1.10"]
    n_cells = sum(len(cell["prices"]) for cell in cells.values())
    return f"## Regret, {n_cells} cells of stream, base and price\n\n" + table(header, rows)


def summary(ratios):
    return [f"{number:.2f}" for number in (*np.quantile(ratios, [0.5, 0.9]), np.max(ratios))]


def price_table(cells):
    """Return the median and the worst regret at each price."""
    by_price = {}
    for cell in cells.values():
        for name, ratios in regrets_of(cell).items():
            for factor, ratio in zip(cell["prices"], ratios):
                by_price.setdefault((name, round(factor, 2)), []).append(ratio)
    factors = sorted({factor for _, factor in by_price})
    rows = []
    for name in (A, KEEP, DEBT, TOLD, ADWIN_ONCE, MIXTURE, "threshold on all", NEVER, TUNED):
        found = [by_price[name, factor] for factor in factors]
        rows.append([name, *(f"{np.median(each):.2f} / {np.max(each):.2f}" for each in found)])
    return "## Regret by price, median / worst\n\n" + table(["price", *factors], rows)


# Targets ------------------------------------------------------------------------------------------


def told_the_price(cells):
    regrets = {case: regrets_of(cell) for case, cell in cells.items()}
    ratios = np.concatenate([each[TOLD] for each in regrets.values()])
    median, most, worst = np.median(ratios), np.mean(ratios <= 1.10), np.max(ratios)
    where = max(regrets, key=lambda case: regrets[case][TOLD].max())
    text = [
        "## Target 1: A, told the price, over the best fixed policy",
        f"Median {median:.2f}, target 1.05: {verdict(median <= 1.05)}; {most:.0%} of the cells "
        f"within 1.10, target 90 %: {verdict(most >= 0.9)}; worst {worst:.2f} ({where.label}), "
        f"target 1.25: {verdict(worst <= 1.25)}.",
        "Whoever does not know how long a change will last pays the price too late or for nothing: "
        "no rule that leaves nothing to chance can promise less than twice the cost of hindsight "
        "(the ski rental problem; Karlin, Manasse, Rudolph and Sleator, 1988). The best fixed "
        "policy is chosen in hindsight, too.",
    ]
    fixed = np.mean(np.concatenate([each[NEVER] for each in regrets.values()]) == 1)
    text.append(f'"Never" is itself the best fixed policy in {fixed:.0%} of the cells.')
    text.append("The worst case of each stream and base, over prices and seeds:")
    return "\n\n".join([*text, worst_table(cells, regrets)])


def worst_table(cells, regrets):
    rows = []
    for cases in by_group({case: case for case in cells}).values():
        case = max(cases, key=lambda case: regrets[case][TOLD].max())
        cell, number = cells[case], int(np.argmax(regrets[case][TOLD]))
        loss, fits, _ = cell["policies"][TOLD][number]
        rows.append(
            [
                case.label,
                f"{cell['saving']:,.0f}",
                f"{cell['prices'][number]:.2f}",
                f"{regrets[case][TOLD][number]:.2f}",
                f"{loss:,.0f}",
                fits,
                best_fixed(cell, number),
                f"{max(np.max(regrets[each][A]) for each in cases):.2f}",
            ]
        )
    header = ["", "one refit saves", "at price", TOLD, "its loss", "its fits"]
    return table([*header, "best fixed there", f"{A}, worst"], rows)


def abrupt_drift(cells):
    """Return the table of target 2: means over the seeds."""
    abrupt = by_group({case: cell for case, cell in cells.items() if case.stream in ABRUPT})
    found = {
        (group, name): [abrupt_numbers(cell, name) for cell in seeds]
        for group, seeds in abrupt.items()
        for name in (A, KEEP, DEBT)
    }
    rows = []
    for (group, name), numbers in found.items():
        error, tuned, ratio, share, fits, fits_of_tuned, closed = np.mean(numbers, axis=0)
        fits = f"{fits:.0f} / {fits_of_tuned:.0f}"
        rows.append([group, name, f"{error:.4f}", f"{tuned:.4f}", f"{ratio:.2f}", f"{share:.2f}"])
        rows[-1] += [fits, f"{closed:.3f}"]
    header = ["", "", "error", "tuned periodic", "ratio", "rows ratio", "fits", "gap closed"]
    parts = ["## Target 2: abrupt drift", "Means over the seeds.", table(header, rows)]
    for name in (A, KEEP, DEBT):
        numbers = [each for key, seeds in found.items() if key[1] == name for each in seeds]
        parts.append(abrupt_verdict(name, np.array(numbers)))
    return "\n\n".join(parts)


def abrupt_numbers(cell, name):
    """Return what a policy came to beside the best periodic one, for one seed."""
    policies = cell["policies"]
    periodic = [n for n in policies if n.startswith("every ") and policies[n][1]]
    tuned_loss, tuned_fits, tuned_rows = min((policies[n] for n in periodic), key=lambda p: p[0])
    loss, fits, fitted = policies[name]
    never, oracle = policies[NEVER][0], policies[TRUE_DRIFTS][0]
    return (
        loss / cell["rows"],
        tuned_loss / cell["rows"],
        loss / tuned_loss,
        fitted / tuned_rows,
        fits,
        tuned_fits,
        (never - loss) / (never - oracle),
    )


def abrupt_verdict(name, numbers):
    ratio, share, closed = numbers[:, [2, 3, 6]].T
    texts = [
        ("error over that of the best tuned periodic policy", ratio, 0.94),
        ("rows fitted over its rows", share, 0.30),
        (
            "share of the gap from never to a refit at every batch on the rows since the true "
            "drift, left open",
            1 - closed,
            0.05,
        ),
    ]
    return f"{name}, median (worst): " + "; ".join(_median_and_worst(*each) for each in texts) + "."


def _median_and_worst(text, values, limit):
    median, worst = np.median(values), np.max(values)
    return (
        f"{text} {median:.2f} ({worst:.2f}), target {limit:.2f}: {verdict(median <= limit)} "
        f"({verdict(worst <= limit)})"
    )


def worth_of_the_choice(cells):
    """Return the table of the default's loss over that of each simple answer."""
    simple = {
        NEVER: NEVER,
        "window": name_of(500, 2000),
        "all": name_of(500, "all"),
        A: A,
        "best of these four": None,
    }
    over = {}
    for case, cell in cells.items():
        lost = {label: cell["policies"][name][0] for label, name in simple.items() if name}
        lost["best of these four"] = min(lost.values())
        for label, loss in lost.items():
            over.setdefault(label, {})[case] = cell["policies"][KEEP][0] / loss
    rows = []
    for label, ratios in over.items():
        groups = {group: np.mean(seeds) for group, seeds in by_group(ratios).items()}
        worst, values = max(groups, key=groups.get), np.array(list(groups.values()))
        shares = [f"{np.mean(values <= limit):.0%}" for limit in (1.0, 1.02, 1.1)]
        rows.append([label, f"{np.median(values):.2f}", *shares, f"{groups[worst]:.2f}", worst])
    header = ["the loss of", "median", "<= 1", "<= 1.02", "<= 1.10", "worst", "where"]
    return "\n\n".join(
        [
            "## What the choice is worth: the loss of keep or refit over that of a simple answer",
            "In errors alone. Window and all: every 500 rows, on the last 2,000 and on all. Means "
            f"over the seeds of {len(by_group(cells))} streams and bases.",
            table(header, rows),
        ]
    )


def mixture_points(cells):
    """Return the table of target 3: means over the seeds."""
    rows, lacking = [], {}
    for group, seeds in by_group(cells).items():
        points = np.array([mixture_numbers(cell) for cell in seeds])
        behind = points[:, -1]
        lacking[group] = behind.mean()
        spread = f"{behind.mean():+.2f}" + f" ({behind.max():+.2f})" * (len(seeds) > 1)
        rows.append([group, *(f"{mean:.2f}" for mean in points[:, :-1].mean(axis=0)), spread])
    worst = max(lacking, key=lacking.get)
    points = list(lacking.values())
    header = ["loss in points", NEVER, "window", "all", A, "B, the mixture"]
    header.append("B behind the best (worst seed)")
    return "\n\n".join(
        [
            "## Target 3: the mixture, never 0.6 points below the best of never, window and all",
            "Window and all: every 500 rows, on the last 2,000 and on all. 100 points are all rows "
            "wrong; in regression, the loss of always predicting the median of the stream. Means "
            "over the seeds.",
            table(header, rows),
            f"Worst: {lacking[worst]:+.2f} points ({worst}), target at most +0.60: "
            f"{verdict(lacking[worst] <= 0.6)}. Median {np.median(points):+.2f}; within 0.6 points "
            f"on {np.sum(np.array(points) <= 0.6)} of {len(points)}.",
        ]
    )


def mixture_numbers(cell):
    """Return points of loss: never, window, all, A, B, and B less the best of the first three."""
    names = (NEVER, name_of(500, 2000), name_of(500, "all"), A, MIXTURE)
    points = [100 * cell["policies"][name][0] / cell["unit"] for name in names]
    return [*points, points[-1] - min(points[:3])]


def losses(cells):
    """Tell where the retrainers make more errors than the best fixed policy, whatever its fits."""
    text = ["## Where they lose, in errors alone"]
    for name in (A, KEEP, DEBT, MIXTURE):
        gaps = by_group({case: points_behind(cell, name) for case, cell in cells.items()})
        behind = {group: np.mean(seeds) for group, seeds in gaps.items()}
        worst = sorted((each for each in behind if behind[each] > 0), key=behind.get, reverse=True)
        listed = "; ".join(f"{group} {behind[group]:.1f}" for group in worst)
        text.append(
            f"{name}: behind the best of the 16 fixed policies, chosen by its errors in hindsight, "
            f"on {len(worst)} of {len(behind)} streams, by so many points: {listed or 'none'}."
        )
    return "\n\n".join(text)


def points_behind(cell, name):
    best = min(numbers[0] for key, numbers in cell["policies"].items() if is_fixed(key))
    return 100 * (cell["policies"][name][0] - best) / cell["unit"]


# Layers of RefitDebt ------------------------------------------------------------------------------


def measured_layers(cases, quick, path):
    """Return the cells of the choices of RefitDebt; what a file lacks of them is added to it."""
    stored = json.loads(path.read_text()) if path is not None and path.exists() else {}
    for case in cases:
        begin = time.process_time()
        n_rows, prices = (3000, PRICES[::4]) if quick else (N_ROWS[case.base], PRICES)
        for cell in growing_cell(case, n_rows, prices, stored.get(case.label)):
            stored[case.label] = cell
            if path is not None:
                path.write_text(json.dumps(stored))
        print(f"{case.label}: {time.process_time() - begin:.1f} s", flush=True)
    return {case: stored[case.label] for case in cases if stored.get(case.label)}


def growing_cell(case, n_rows, prices, cell):
    """Yield the cell of a case each time that something was added to it."""
    missing = [name for name in LAYERS if cell is None or name not in cell["policies"]]
    stream = load(case, n_rows) if missing else None
    if stream is None:
        return
    MEMO.clear()
    if cell is None:
        begin = time.process_time()
        setting, replayed, saving = replay(case, stream)
        found = replayed.fixed() | {
            CARA: [
                replayed(lambda now, price=price: debt_of(now) >= price, window="all")
                for price in prices * saving
            ],
            ON_ALARM: replayed("adwin", window="all"),
        }
        cell = {"saving": saving, "prices": prices.tolist(), "policies": found}
        cell["seconds"] = time.process_time() - begin
        yield cell
    setting = setting_of(case, stream)
    for name in missing:
        begin = time.process_time()
        cell["policies"][name] = layer(setting, cell, LAYERS[name], case.seed)
        cell["seconds"] += time.process_time() - begin
        yield cell


def layer(setting, cell, options, seed):
    """Return what a choice of RefitDebt comes to, at each price.

    Who has not refitted at a price is taken not to at a higher one.
    """
    found, options = [], dict(options)
    policy = options.pop("policy", "full_refit").replace(" ", "_")
    for price in np.multiply(cell["prices"], cell["saving"]):
        if found and not found[-1][1]:
            found.append(found[-1])
        else:
            trigger = RefitDebt(float(price), random_state=seed, **options)
            found.append(setting.retrainer(detector=trigger, policy=policy))
    return found


def layers(cells):
    """Return the section on the choices of RefitDebt."""
    by_stream = {}
    for case, cell in cells.items():
        for name, ratios in regrets_of(cell).items():
            by_stream.setdefault(name, {}).setdefault(case.group, []).append(ratios)
    means = {
        name: {group: np.mean(seeds, axis=0) for group, seeds in groups.items()}
        for name, groups in by_stream.items()
    }
    rows = []
    for name in (*LAYERS, CARA, ON_ALARM, NEVER, TUNED):
        ratios = np.concatenate([np.ravel(seeds) for seeds in by_stream[name].values()])
        worst = {group: mean.max() for group, mean in means[name].items()}
        where = max(worst, key=worst.get)
        others = [value for group, value in worst.items() if group != where]
        rows.append([name, *summary(ratios), f"{np.mean(ratios <= 1.10):.2f}"])
        rows[-1] += [f"{worst[where]:.2f}", where, f"{max(others, default=0):.2f}"]
    header = ["", "median", "90 % within", "worst", "share <= 1.10", "mean of seeds", "where"]
    header.append("without it")
    n_seeds = max(map(len, by_stream[NEVER].values()))
    factors = [f"{factor:.2g}" for factor in next(iter(cells.values()))["prices"]]
    minutes = sum(cell["seconds"] for cell in cells.values()) / 60
    of_streams = [
        [group, *(f"{means[name][group].max():.2f}" for name in LAYERS)] for group in means[NEVER]
    ]
    return "\n\n".join(
        [
            "## Layers of RefitDebt: regret over the best fixed policy",
            f"{len(means[NEVER])} streams and bases, the generated ones with "
            f"{n_seeds} seed{'s' * (n_seeds > 1)}, prices {', '.join(factors)}. The mean over the "
            "seeds is taken at each price; the worst price counts.",
            table(header, rows),
            *(
                against_targets(name, by_stream[name], means[name])
                for name in DEFAULTS
                if name in LAYERS
            ),
            "At the worst price, mean over the seeds:",
            table(["", *LAYERS], of_streams),
            "Above 1.25, in the mean over the seeds:",
            table(["", "cells", "which"], above(means, factors)),
            f"{minutes:.1f} minutes of processor time.",
        ]
    )


def asked(names):
    """Return those of the layers that are measured."""
    return [name for name in names if name in LAYERS]


def against_targets(name, by_stream, means):
    """Return a sentence on one layer."""
    ratios = np.concatenate([np.ravel(seeds) for seeds in by_stream.values()])
    median, share, worst = np.median(ratios), np.mean(ratios <= 1.10), np.max([*means.values()])
    return (
        f"{name}: median {median:.2f}, target 1.02: {verdict(median <= 1.02)}; {share:.0%} of the "
        f"cells within 1.10, target 90 %: {verdict(share >= 0.9)}; worst mean over the seeds "
        f"{worst:.2f}, target 1.58: {verdict(worst <= 1.58)}."
    )


def above(means, factors, limit=1.25):
    """Return the cells of each layer in which its regret is above a limit."""
    rows = []
    for name in asked(("the price", *DEFAULTS)):
        cells = [
            f"{group} at {factors[k]} {mean[k]:.2f}"
            for group, mean in means[name].items()
            for k in np.flatnonzero(mean > limit)
        ]
        rows.append([name, len(cells), "; ".join(cells) or "none"])
    return rows


# Replaying many policies --------------------------------------------------------------------------


def many_policies(matrix, n_policies):
    """Return schedules, thresholds and triggers."""
    rng = np.random.default_rng(0)
    n_chunks, policies = len(matrix.edges_) - 1, []
    for number in range(n_policies):
        window = WINDOWS[number % len(WINDOWS)]
        if number % 10 < 4:
            chunks = np.flatnonzero(rng.random(n_chunks - 2) < rng.uniform(0, 0.5)) + 2
            policies.append(([(int(chunk), window) for chunk in chunks], window))
        elif number % 10 < 8:
            price = float(rng.uniform(0, 500))
            policies.append((lambda now, price=price: debt_of(now) >= price, window))
        else:
            trigger = "adwin" if number % 10 == 8 else RefitDebt(float(rng.uniform(0, 500)))
            policies.append((trigger, window))
    return policies


def replay_many(quick):
    stream = load(Case("abrupt", 0, LINEAR), 3000) if quick else load_stream("elec2")
    if stream is None:
        return "elec2 is not at hand: the speed of a replay was not measured."
    n_chunks, n_policies = (30, 100) if quick else (200, 1000)
    chunk = len(stream.y) // n_chunks
    rows = slice(n_chunks * chunk)
    matrix = RetrainMatrix(base_of(Case("", 0, LINEAR)), chunk=chunk, windows=WINDOWS)
    begin = time.process_time()
    matrix.fit(stream.X[rows], stream.y[rows])
    fitted = time.process_time()
    for policy, window in many_policies(matrix, n_policies):
        matrix.replay(policy, window=window, label_delay=chunk)
    seconds = time.process_time() - fitted
    MEMO.clear()
    return (
        f"RetrainMatrix on {n_chunks} chunks x {len(WINDOWS)} windows of {stream.name}: "
        f"{n_policies:,} policies replayed in {seconds:.1f} s (target < 60 s): "
        f"{verdict(seconds < 60)}. 40 % of them are schedules, 40 % thresholds on the debt, 10 % "
        f"ADWIN, 10 % RefitDebt. The fits took {fitted - begin:.0f} s of processor time."
    )


# Report -------------------------------------------------------------------------------------------


def measured(cases, quick, path):
    """Return the cells, read from a file as far as they are there."""
    stored = json.loads(path.read_text()) if path is not None and path.exists() else {}
    cells = {}
    for case in cases:
        if case.label not in stored:
            n_rows, prices = (3000, PRICES[::4]) if quick else (N_ROWS[case.base], PRICES)
            stored[case.label] = run(case, n_rows, prices)
            seconds = stored[case.label] and stored[case.label]["seconds"]
            print(f"{case.label}: {seconds and round(seconds, 1)} s", flush=True)
            if path is not None:
                path.write_text(json.dumps(stored))
        if stored[case.label] is not None:
            cells[case] = stored[case.label]
    return cells


def add_arguments(parser):
    parser.add_argument("--cells", type=Path, metavar="FILE", help="keep what is done, in JSON")
    parser.add_argument("--bases", nargs="+", default=[*BATCH], choices=[*BATCH])
    parser.add_argument("--layers", action="store_true", help="the choices of RefitDebt alone")
    parser.add_argument("--only", nargs="+", default=[*LAYERS], choices=[*LAYERS], metavar="LAYER")
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="of the layers, default 5")


def main():
    """Measure, print and write the tables."""
    arguments = parse_args(__doc__.splitlines()[0], "decisions.md", add_arguments)
    use_one_thread()
    warnings.simplefilter("ignore", ConvergenceWarning)
    quick = arguments.quick
    n_seeds = arguments.seeds if arguments.layers else N_SEEDS
    cases = [Case("abrupt", 0, base) for base in BATCH] if quick else all_cases(n_seeds)
    cases = [case for case in cases if case.base in arguments.bases]
    if arguments.layers:
        for name in {*LAYERS} - {*arguments.only}:
            del LAYERS[name]
        print(layers(measured_layers(cases, quick, arguments.cells)))
        return
    replay = replay_many(quick)
    cells = measured(cases, quick, arguments.cells)
    minutes = sum(cell["seconds"] for cell in cells.values()) / 60
    parts = [
        __doc__,
        replay,
        told_the_price(cells),
        abrupt_drift(cells),
        worth_of_the_choice(cells),
        mixture_points(cells),
        losses(cells),
        regret_table(cells),
        price_table(cells),
        f"All cells took {minutes:.1f} minutes of processor time.",
    ]
    write_report(arguments.out, "Decisions", parts)


if __name__ == "__main__":
    main()
