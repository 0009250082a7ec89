"""A budget of false alarms: what calibrated triggers keep of it, and what it costs in delay.

The budget is 10,000 rows per false alarm. Each trigger is calibrated on the losses of 20,000 or
5,000 rows, in a full run four times, and then shown fresh losses of the same kind, 200,000 rows in
batches of 100; it begins anew after each alarm. Printed are alarms as a share of the budget: 1.00
is one per 10,000 rows. "default" is the trigger as it is. The losses do not drift:

- independent: 0/1 errors with rate 0.10, drawn one by one.
- in runs: 0/1 errors with rate 0.10 of a Markov chain with lag-1 correlation 0.9.
- residuals: absolute values of a Gaussian AR(1) process with correlation 0.9 around 2, in units of
  its innovations; they are ranked.

The delay is the number of rows until the alarm after the rate of errors, independent or in runs,
rises from 0.10 to 0.20 at row 3,000, in the median; an alarm before it restarts the trigger, and is
answered. None within 20,000 rows counts as 20,000. "CPU" is the processor time of a calibration on
20,000 rows in seconds. HDDM, the slowest by far, is calibrated once on each size, and its delays
are those of four streams instead of twenty.
"""

import time

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from river.drift import ADWIN, PageHinkley
from river.drift.binary import HDDMA, HDDMW
from scipy.signal import lfilter

from skretrain.drift import ErrorDrift, RiskMonitor, ScoredBatch, calibrate

BUDGET, BATCH = 10_000, 100
SIZES = (20_000, 5_000)
RATE, CORRELATION, CHANGE, LATEST = 0.10, 0.9, 3000, 20_000
FACTOR = 2
TRIGGERS = {
    "ADWIN": ErrorDrift(ADWIN()),
    "PageHinkley": ErrorDrift(PageHinkley()),
    "HDDM_A": ErrorDrift(HDDMA()),
    "HDDM_W": ErrorDrift(HDDMW()),
    "RiskMonitor()": RiskMonitor(),
}
SLOW = {"HDDM_A", "HDDM_W"}


def independent(rng, n_rows, rate=RATE):
    return (rng.random(n_rows) < rate).astype(float)


def in_runs(rng, n_rows, rate=RATE):
    fresh, drawn = independent(rng, n_rows, rate), rng.random(n_rows) >= CORRELATION
    drawn[0] = True
    return fresh[np.maximum.accumulate(np.where(drawn, np.arange(n_rows), 0))]


def residuals(rng, n_rows):
    innovations = rng.normal(size=n_rows)
    innovations[0] /= np.sqrt(1 - CORRELATION**2)
    return np.abs(2 + lfilter([1], [1, -CORRELATION], innovations))


LOSSES = {"independent": independent, "in runs": in_runs, "residuals": residuals}
RISING = ("independent", "in runs")


def alarms(trigger, losses, bounded):
    """Yield the row after each alarm of a trigger that begins anew after it."""
    trigger.reset()
    for start in range(0, len(losses), BATCH):
        part = losses[start : start + BATCH]
        batch = ScoredBatch(start, len(part), part, bounded=bounded)
        if trigger.update(batch).state == "drift":
            yield start + len(part)
            trigger.after_fit(None, None, answered=True)


def share_of_budget(trigger, kind, seed, n_budgets):
    losses = LOSSES[kind](np.random.default_rng([seed, 1]), n_budgets * BUDGET)
    return sum(1 for _ in alarms(trigger, losses, kind != "residuals")) / n_budgets


def delay(trigger, kind, n_streams):
    found = []
    for seed in range(n_streams):
        rng = np.random.default_rng([seed, 2])
        losses = np.r_[LOSSES[kind](rng, CHANGE), LOSSES[kind](rng, LATEST, 2 * RATE)]
        late = (row - CHANGE for row in alarms(trigger, losses, True) if row > CHANGE)
        found.append(next(late, LATEST))
    return np.median(found)


def measured(name, kind, n_references, n_budgets, n_streams):
    """Return the shares of the budget: by default, and calibrated on each size; CPU; delays."""
    trigger = TRIGGERS[name]
    shares = {0: [share_of_budget(trigger, kind, k, n_budgets) for k in range(n_references)]}
    for size in SIZES:
        shares[size] = []
        for seed in range(n_references):
            losses = LOSSES[kind](np.random.default_rng([seed, 0]), size)
            began = time.process_time()
            found = calibrate(trigger, losses, rows_per_false_alarm=BUDGET)
            if size == SIZES[0] and seed == 0:
                seconds, calibrated = time.process_time() - began, found.trigger
            shares[size].append(share_of_budget(found.trigger, kind, seed, n_budgets))
    delays = [None, None]
    if kind in RISING:
        delays = [delay(each, kind, n_streams) for each in (trigger, calibrated)]
    return {size: np.mean(values) for size, values in shares.items()}, seconds, delays


def report(n_references, n_budgets, n_streams):
    rows, within = [], {size: [] for size in SIZES}
    for name in TRIGGERS:
        few = (1, n_budgets, 4) if name in SLOW else (n_references, n_budgets, n_streams)
        for kind in LOSSES:
            shares, seconds, delays = measured(name, kind, *few)
            for size in SIZES:
                within[size].append(shares[size])
            told = ["" if value is None else f"{value:.0f}" for value in delays]
            told = [*(f"{value:.2f}" for value in shares.values()), *told, f"{seconds:.1f}"]
            rows.append([f"{name}, {kind}", *told])
    header = ["", "default", *(f"on {size:,}" for size in SIZES)]
    text = [table([*header, "delay, default", "delay, calibrated", "CPU"], rows)]
    for size, values in within.items():
        over = max(values)
        near = sum(1 / FACTOR <= value <= FACTOR for value in values)
        text.append(
            f"Target: within a factor of {FACTOR} of the budget, calibrated on {size:,} rows. "
            f"{near} of {len(values)}: {verdict(near == len(values))}. Largest share {over:.2f}: "
            f"never more than {FACTOR} times the budget: {verdict(over <= FACTOR)}."
        )
    return "\n\n".join(text)


def main():
    """Measure, print and write the tables."""
    arguments = parse_args(__doc__.splitlines()[0], "budget.md")
    use_one_thread()
    if arguments.quick:
        for name in SLOW:
            del TRIGGERS[name]
    sizes = (1, 2, 2) if arguments.quick else (4, 20, 20)
    write_report(arguments.out, "A budget of false alarms", [__doc__, report(*sizes)])


if __name__ == "__main__":
    main()
