"""Other libraries that look at rows without labels, each behind the same two questions."""

import os
import warnings
from importlib.util import find_spec

import numpy as np

from skretrain.drift import RefitDebt, ScoredBatch

# NannyML tells its makers about every run otherwise.
os.environ.setdefault("NML_DISABLE_USAGE_LOGGING", "1")
CHUNK = 500


def installed(name):
    """Tell whether a library can be used here, and say so where it cannot."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = find_spec(name) is not None and __import__(name) is not None
    except Exception as error:  # it may be there, and not work beside the other versions
        print(f"{name} is left out: {type(error).__name__}: {error}")
        return False
    if not found:
        print(f"{name} is left out: it is not installed.")
    return found


def usable(ways):
    """Return those whose library can be used, by name."""
    return {name: make for name, (library, make) in ways.items() if installed(library)}


def _frame(X):
    import pandas as pd

    return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])


# -- do these rows differ from the reference? Each: reference, probabilities -> a function of both


def nannyml_univariate(X, proba):
    """Kolmogorov-Smirnov per feature, alarm where one leaves its limits."""
    import nannyml

    columns = list(_frame(X).columns)
    drift = nannyml.UnivariateDriftCalculator(
        column_names=columns, continuous_methods=["kolmogorov_smirnov"], chunk_size=CHUNK
    ).fit(_frame(X))

    def rings(X, proba):
        table = drift.calculate(_frame(X)).filter(period="analysis").to_df()
        return any(table[name, "kolmogorov_smirnov", "alert"].iloc[-1] for name in columns)

    return rings


def evidently_preset(X, proba):
    """Return the DataDriftPreset: alarm where half of the columns have drifted."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    reference = _frame(X)

    def rings(X, proba):
        told = Report([DataDriftPreset()]).run(_frame(X), reference).dict()
        return told["metrics"][0]["value"]["share"] >= 0.5

    return rings


def frouros_tests(X, proba):
    """Return Kolmogorov-Smirnov per feature, at 0.01 divided by their number."""
    from frouros.detectors.data_drift import KSTest

    tests = [KSTest() for _ in X.T]
    for test, column in zip(tests, X.T, strict=True):
        test.fit(X=column)

    def rings(X, proba):
        found = [t.compare(X=column)[0].p_value for t, column in zip(tests, X.T, strict=True)]
        return min(found) < 0.01 / len(found)

    return rings


def _lfmm(name):
    def make(X, proba):
        import lfmm.detectors

        detector = getattr(lfmm.detectors, name)()
        detector.fit(_frame(X), proba[:, 1], None)
        return lambda X, proba: detector.score(_frame(X), proba[:, 1], None)[1]

    return make


DETECTORS = {
    "NannyML, KS per feature": ("nannyml", nannyml_univariate),
    "evidently, DataDriftPreset": ("evidently", evidently_preset),
    "frouros, KS per feature": ("frouros", frouros_tests),
    "lfmm, univariate tests": ("lfmm", _lfmm("UnivariateTests")),
    "lfmm, PSI": ("lfmm", _lfmm("PSI")),
    "lfmm, KS of scores": ("lfmm", _lfmm("ScoreKS")),
    "lfmm, domain classifier": ("lfmm", _lfmm("DomainClassifier")),
}


# -- how right is the model on these rows? Each: labelled reference -> estimate of the accuracy


def nannyml_cbpe(y, proba):
    """Confidence-based performance estimation."""
    import nannyml

    estimator = nannyml.CBPE(
        metrics=["accuracy"],
        y_true="y",
        y_pred="y_pred",
        y_pred_proba="proba",
        problem_type="classification_binary",
        chunk_size=len(y),
    ).fit(_scored(proba).assign(y=y))

    def estimate(proba):
        told = estimator.estimate(_scored(proba)).filter(period="analysis").to_df()
        return float(told["accuracy", "value"].iloc[-1])

    return estimate


def _scored(proba):
    import pandas as pd

    return pd.DataFrame({"proba": proba[:, 1], "y_pred": (proba[:, 1] >= 0.5).astype(int)})


def lfmm_cbpe(y, proba):
    """Return the same, of lfmm."""
    from lfmm.estimators import CBPE

    estimator = CBPE().fit(proba[:, 1], np.asarray(y, dtype=float))
    return lambda proba: estimator.estimate("accuracy", proba[:, 1], None)


ESTIMATORS = {"NannyML, CBPE": ("nannyml", nannyml_cbpe), "lfmm, CBPE": ("lfmm", lfmm_cbpe)}


# -- retrain or not, in lfmm's own game


class Debt:
    """RefitDebt as a policy of lfmm's game: it sees the losses of served rows as labels come."""

    def __init__(self, price):
        self.price = price  # in mean losses of a period, as the game counts

    def reset(self, bank):
        """Begin a game."""
        self.serving = None

    def retrain(self, bank, t, k):
        """Tell whether the newest model is to serve after period t, in place of model k."""
        model, y = bank.models[k], bank.stream.y
        if k != self.serving:
            self.serving, self.n_seen = k, 0
            self.trigger = RefitDebt(self.price * bank.masks[t].sum(), caution=None).reset()
            self._shown(y[model.ref_idx], model.proba[model.ref_idx])
        history = model.batch(bank.periods[t]).history
        began = bank.periods[k].start_time.to_datetime64()
        known = (history.event_time >= began) & ~np.isnan(history.y_known)
        new = np.flatnonzero(known)[self.n_seen :]  # the delay is the same for all: in order
        self.n_seen += len(new)
        return bool(len(new)) and self._shown(history.y_known[new], history.proba[new])

    def _shown(self, y, proba):
        right = np.clip(np.where(y == 1, proba, 1 - proba), 1e-6, 1)
        start = getattr(self, "row", 0)
        self.row = start + len(y)
        batch = ScoredBatch(start, len(y), -np.log(right), bounded=False)
        return self.trigger.update(batch).state == "drift"


def lfmm_game(stream, train_end, price_ratios):
    """Yield (price, policy, retrains, regret) of lfmm's policies and of `Debt`.

    The game is lfmm's: models are fitted ahead at the beginning of every period, on periods all of
    whose labels have come; a policy says after each period whether the newest one is to serve, and
    costs its loss and a price per retrain. The best schedule in hindsight has a regret of 0.

    Parameters
    ----------
    stream : lfmm.streams.base.Stream
        With the time at which each label came.
    train_end : str
        When the first model was fitted.
    price_ratios : sequence of float
        Prices, in gains per retrain of retraining after every period.
    """
    from lfmm import detectors, retrain

    bank = retrain.build_bank(stream, train_end, "M", verbose=False, ref_months=4)
    policies = [retrain.Never(), retrain.Always(), *(retrain.Every(n) for n in (2, 3, 6, 12))]
    for kind in ("UnivariateTests", "PSI", "ScoreKS", "ADWINErrors"):
        policies.append(retrain.OnAlarm(getattr(detectors, kind)))
    table = retrain.evaluate_policies(bank, policies, rhos=price_ratios)
    yield from (tuple(row) for row in table[["rho", "policy", "retrains", "regret"]].to_numpy())
    for ratio in price_ratios:
        price = ratio * table.attrs["gain_per_retrain"]
        loss, starts = retrain.simulate(bank, Debt(price))
        best, in_hindsight = retrain.oracle(bank, price)
        regret = loss - best + price * (len(starts) - len(in_hindsight))
        yield ratio, "skretrain, RefitDebt", len(starts), regret
