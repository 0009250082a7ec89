"""``skretrain monitor``: two files, labels or not; what has moved between them?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..inspection import FeatureDriftDisplay
from ..inspection._feature_drift_data import by_size, drawn_data, is_compared
from ..metrics._feature_shifts import LEAST_ROWS, feature_shifts
from ..model_selection._advise._inputs import input_shift
from ..utils._words import counted
from ._columns import as_numbers, check_column, holds_dates, some, sorted_by_time
from ._console import add_columns, add_missing, open_console, say, say_facts, share
from ._errors import CommandError, as_sentence, needed
from ._estimators import fitted_model_in_file
from ._files import read_tables
from ._memory import SampleRoom, size
from ._monitor_report import as_csv, page, print_table
from ._outputs import Outputs, output_folder, without_options
from ._pictures import picture_of_features
from ._raw import as_array, check_known_columns, columns_of
from ._screen import ids_in_words, out_of_order, without_dropped

MOVED = 10  # the exit code

_DESCRIPTION = """\
What has moved, before any label is known? Each column of NEW is compared with
that of REFERENCE, by a test and by the size of the difference; then all columns
together, by how well a classifier tells the rows of the two files apart; and,
with --model, what the model says of them.
"""

_EPILOG = f"""\
a column has moved if
  the difference is proven: Kolmogorov-Smirnov for numbers, chi-square for
  categories, tests of missing values and of categories never seen, adjusted by
  Holm for all columns together (--alpha); and it is large: Jensen-Shannon
  distance over the deciles or categories of REFERENCE (--min-effect).
  Dates and numbers that count the rows move by themselves: they are left out.

the target, and predictions:
  --target is not compared with the columns, and may be missing from NEW. Where
  both files have it, its shift is told apart. With --model, so is that of the
  predictions: probabilities of classes, or the numbers of a regressor. A model
  is surer of the rows that it has learned: take a REFERENCE that it has not.
  A pickle can run any code: load only files that you trust.

exit codes, for a daily job:
  0    nothing moved
  {MOVED}   something did: a column, all of them together, the target, or predictions
  1    the run is finished, and an output could not be written
  2    a mistake in the call or in a file

the files:
  .csv, .tsv, .parquet or .pq, or folders of Parquet, in which names such as
  month=5 are columns; at least {LEAST_ROWS} rows each, in time order or with a column for
  --time. A column that NEW lacks has moved.

outputs, in the folder --out:
  report.html    the answer, the table and the pictures, in one file
  monitor.csv    the table, unrounded

examples:
  skretrain monitor reference.csv new.csv
  skretrain monitor reference.csv new.csv --target churn --model churn.joblib
  skretrain monitor may.parquet june.parquet --time day --drop customer
"""

PAGE = (_DESCRIPTION, _EPILOG)

_MOST_NAMED = 5  # in a sentence
_DAY = 86_400  # seconds
_TELLS_APART = 0.55  # AUC; the mean of one column moved by a fifth of a deviation
_BATCHES = 25  # of a chart
_FEWEST = 10  # rows of a batch
_MOST_DRAWN = 12  # columns


def add_arguments(parser):
    """Declare the arguments of the command."""
    add = parser.add_argument
    add("reference", metavar="REFERENCE", help="table of rows as they should be")
    add("new", metavar="NEW", help="table of the rows since")
    add("--target", metavar="COL", help="column that is predicted; only one file need have it")
    add("--time", metavar="COL", help="column to sort by; it is not compared")
    add_columns(add, keep="column to compare although it holds dates, in days", used="compared")
    add_missing(add)
    add(
        "--model",
        metavar="FILE",
        help="the fitted model as joblib or pickle wrote it: its predictions are compared, and, if "
        "it was fitted on named columns, these alone; load only files that you trust",
    )
    add(
        "--alpha",
        type=share(ends=False),
        default=0.01,
        metavar="P",
        help="chance that any column is named if none has moved (0.01)",
    )
    add(
        "--min-effect",
        type=share(ends=True),
        default=0.1,
        metavar="D",
        help="Jensen-Shannon distance, from 0 to 1, from which on a difference matters; 0.1 is a "
        "mean that moved by about a quarter of a standard deviation (0.1)",
    )
    add(
        "--max-memory",
        type=size,
        metavar="SIZE",
        help="about how much memory it may take, such as 500MB or 2GB: of a file with more rows "
        "than there is room for, as many are drawn at random",
    )
    add(
        "--out",
        type=Path,
        default=Path("skretrain-monitor"),
        metavar="DIR",
        help="folder for the outputs (skretrain-monitor)",
    )


def main(arguments):
    """Run the command; return 10 if something moved."""
    console = open_console()
    needed("pandas")
    outputs, notices = Outputs(output_folder(arguments.out)), []
    model = fitted_model_in_file(arguments)
    tables = _tables(arguments, model, notices)
    targets, tables = _without_target(tables, arguments, notices)
    features = _features(tables, arguments, model, notices)
    found = _found(features, targets, tables, model, arguments)
    facts = _facts(arguments, tables, found, model)
    say_facts(console, facts, notices + found.left_out)
    first, *others = found.sentences
    say(console, f"\n{first}\n")
    print_table(console, found.columns, features)
    for sentence in others:
        say(console, sentence)
    _write(outputs, found, features, arguments, facts, notices)
    outputs.finish(console)
    return MOVED if found.moved else 0


# -- the rows --------------------------------------------------------------------------------------


def _tables(arguments, model, notices):
    paths = [arguments.reference, arguments.new]
    asked = [arguments.target, arguments.time]
    asked += [*arguments.keep, *arguments.drop, *arguments.ids, *columns_of(model)]
    most = arguments.max_memory
    room = None if most is None else SampleRoom(most)
    tables = read_tables(paths, notices, missing=arguments.missing, keep=asked, room=room)
    others = reversed(tables)
    both = zip(paths, tables, others, strict=True)
    return [_table(*each, arguments, notices) for each in both]


def _table(path, table, other, arguments, notices):
    """Return the rows of a file in their order, without what is not compared."""
    time = arguments.time
    try:
        if len(table) < LEAST_ROWS:
            raise CommandError(
                f"there {'is' if len(table) == 1 else 'are'} {counted(len(table), 'row')}, and at "
                f"least {LEAST_ROWS} are needed to tell a change from chance."
            )
        # What one of the files lacks may be named all the same.
        keep, drop, ids = (
            [name for name in names if name in table.columns or name not in other.columns]
            for names in (arguments.keep, arguments.drop, arguments.ids)
        )
        table = without_dropped(table, drop, keep, arguments.target, time, ids)
        if time is not None:
            check_column(table, time, "--time")
            if time == arguments.target:
                raise CommandError(f"--time {time!r} is the target; name the column with the time.")
            return sorted_by_time(table, time)[0]
        order = out_of_order(table.drop(columns=[arguments.target], errors="ignore"), keep)
    except CommandError as error:
        raise CommandError(f"{path}: {error}") from error
    notices.extend(f"{Path(path).name}: {notice}" for notice in order)
    return table


def _without_target(tables, arguments, notices):
    """Return the targets of both files that are known, None of one that has none, and the rest."""
    name = arguments.target
    if name is None:
        return [None, None], tables
    has = [name in table.columns for table in tables]
    if not any(has):
        check_column(tables[0], name, "--target")
    targets = [table[[name]].dropna() if h else None for table, h in zip(tables, has, strict=True)]
    files = zip((arguments.reference, arguments.new), targets, strict=True)
    for path, target in files:
        if target is None or len(target) < LEAST_ROWS:
            n = 0 if target is None else len(target)
            notices.append(
                f"{Path(path).name} has {counted(n, 'value')} of the target {name!r}, and to tell "
                f"its shift takes {LEAST_ROWS}"
            )
            targets = [None, None]
    return targets, [table.drop(columns=name, errors="ignore") for table in tables]


def _features(tables, arguments, model, notices):
    """Return the columns of both files that are compared."""
    reference, new = tables
    wanted = columns_of(model)
    if wanted:
        common = [name for name in reference.columns if name in new.columns]
        taken = {
            "--target": arguments.target,
            "--time": arguments.time,
            "--drop": arguments.drop,
            "--id": arguments.ids,
        }
        check_known_columns(wanted, common, taken, "are not in both files")
        ignored = [name for name in common if name not in wanted]
        if ignored:
            notices.append(f"left out, for the model does not get it: {some(ignored)}")
        reference, new = reference[wanted], new[wanted]
    added = [name for name in new.columns if name not in reference.columns]
    if added:
        notices.append(
            f"{Path(arguments.new).name} alone has {some(added)}, with nothing to compare to"
        )
    features = _without_dates([reference, new.drop(columns=added)], arguments.keep, notices)
    if not len(features[1].columns):
        raise CommandError(
            "the files have no column in common that can be compared: besides dates and what "
            f"options leave out, {arguments.reference} has {some(features[0].columns) or 'none'}, "
            f"and {arguments.new} {some(added) or 'none'}."
        )
    return features


def _without_dates(tables, kept, notices):
    """Leave out dates, or make days of those that are kept."""
    dates = [
        name
        for name in tables[0].columns
        if all(holds_dates(table[name]) for table in tables if name in table.columns)
    ]
    clocks = [name for name in dates if name not in kept]
    if clocks:
        notices.append(
            f"left out, for it holds dates, which move by themselves: {some(clocks)} (compared, in "
            "days, with --keep)"
        )
    found = []
    for table in tables:
        days = {n: as_numbers(table[n]) / _DAY for n in dates if n in kept and n in table.columns}
        found.append(table.assign(**days).drop(columns=clocks, errors="ignore"))
    return found


# -- what is found ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Findings:
    """What has moved, and what has not.

    Attributes
    ----------
    columns : list of FeatureShift
        Those that are compared, with those that moved first, each part by its effect.
    left_out : list of str
        Which columns are not, and why.
    together : dict
        ``auc``, ``low`` and ``high`` of a classifier that tells the files apart, and ``reason``
        why there is none.
    target : list of FeatureShift
        One, or none where the files do not both have it.
    predictions : list of FeatureShift
        One for each output of the model; none without a model.
    refusal : str
        Why the model cannot read the new rows; else empty.
    """

    columns: list
    left_out: list
    together: dict
    target: list
    predictions: list
    refusal: str

    @property
    def all_moved(self):
        """Whether the columns moved together: a classifier tells the files apart."""
        return self.together["low"] > _TELLS_APART

    @property
    def moved(self):
        """Whether anything did."""
        shifts = [*self.columns, *self.target, *self.predictions]
        return self.all_moved or bool(self.refusal) or any(shift.moved for shift in shifts)

    @property
    def sentences(self):
        """The answer, that about the columns first."""
        said = [self._of_columns(), self._of_all()]
        if self.target:
            said.append(f"The target {self.target[0].name!r} {_did(self.target, _reason)}.")
        if self.refusal:
            said.append(f"The model cannot read the new rows: {self.refusal}")
        elif self.predictions:
            said.append(f"What the model predicts {_did(self.predictions, _named)}.")
        return said

    def _of_columns(self):
        moved, n = [shift for shift in self.columns if shift.moved], len(self.columns)
        if moved:
            return f"{len(moved)} of {counted(n, 'column')} moved: {_named(moved)}."
        by_itself = " by itself, but all together did" if self.all_moved else ""
        return f"None of {counted(n, 'column')} moved{by_itself}."

    def _of_all(self):
        found = self.together
        if found["reason"]:
            return f"All columns together were not compared: {found['reason']}."
        return (
            f"A classifier tells the rows of the two files apart with an AUC of {found['auc']:.2f} "
            f"(95 % interval {found['low']:.2f} to {found['high']:.2f}; 0.5 is a guess)."
        )


def _did(shifts, named):
    """Return whether outputs moved, in words."""
    moved = by_size(shift for shift in shifts if shift.moved)
    if moved:
        return f"moved: {named(moved)}"
    if not any(map(is_compared, shifts)):
        return f"is not compared: {shifts[0].reason}"
    return f"did not move (largest distance {max(shift.effect for shift in shifts):.2f})"


def _reason(shifts):
    return shifts[0].reason


def _named(shifts):
    """Return what moved, by name, the first few."""
    named = ", ".join(f"{s.name!r} ({s.reason})" for s in shifts[:_MOST_NAMED])
    more = len(shifts) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _found(features, targets, tables, model, arguments):
    limits = {"alpha": arguments.alpha, "min_effect": arguments.min_effect}
    columns = _shifts_of_columns(features, arguments, limits)
    compared = [shift for shift in columns if is_compared(shift)]
    if not compared:
        raise CommandError(
            "there is no column to compare: all are left out, or hold nothing. Compare other files."
        )
    both = [shift.name for shift in compared if shift.name in features[1].columns]
    target = [] if targets[0] is None else feature_shifts(*targets, **limits)
    predictions, refusal = _shifts_of_predictions(model, tables, arguments, limits)
    return Findings(
        columns=by_size(compared),
        left_out=_why_left_out(columns),
        together=input_shift(*(table[both] for table in features), seed=0),
        target=target,
        predictions=predictions,
        refusal=refusal,
    )


def _shifts_of_columns(features, arguments, limits):
    name = Path(arguments.new).name
    return [
        shift if shift.name in features[1].columns else shift._replace(reason=f"not in {name}")
        for shift in feature_shifts(*features, **limits)
    ]


def _why_left_out(shifts):
    reasons = {}
    for shift in shifts:
        if not is_compared(shift):
            reasons.setdefault(shift.reason.removesuffix(": left out"), []).append(shift.name)
    return [f"left out, {reason}: {some(names)}" for reason, names in reasons.items()]


def _shifts_of_predictions(model, tables, arguments, limits):
    """Return the shifts of what the model says, and why it cannot read the new rows, if so."""
    if model is None:
        return [], ""
    wanted = columns_of(model) or [n for n in tables[0].columns if n in tables[1].columns]
    rows = [table[wanted] if columns_of(model) else as_array(table[wanted]) for table in tables]
    try:
        reference = _outputs(model, rows[0])
    except Exception as error:  # the model may be the user's own
        raise CommandError(
            f"--model {arguments.model} cannot read {arguments.reference}: {as_sentence(error)}"
        ) from error
    try:
        new = _outputs(model, rows[1])
    except Exception as error:  # likewise; what it cannot read has moved
        return [], as_sentence(error)
    return feature_shifts(reference, new, **limits), ""


def _outputs(model, X):
    """Return probabilities of classes, but of two only that of the second, or predictions."""
    frame = needed("pandas").DataFrame
    if hasattr(model, "predict_proba"):
        shares = model.predict_proba(X)
        if isinstance(shares, np.ndarray):  # and not a list, one for each of several outputs
            names = [f"P({label})" for label in model.classes_]
            first = int(len(names) == 2)
            return frame(shares[:, first:], columns=names[first:])
    outputs = np.asarray(model.predict(X))
    outputs = outputs.reshape(len(outputs), -1)
    names = [f"prediction {place}" for place in range(outputs.shape[1])]
    return frame(outputs, columns=names if len(names) > 1 else ["prediction"])


def _facts(arguments, tables, found, model):
    paths = [Path(arguments.reference), Path(arguments.new)]
    facts = {
        name: f"{path.name}, {counted(len(table), 'row')}"
        for name, path, table in zip(("reference", "new"), paths, tables, strict=True)
    }
    facts["columns"] = f"{len(found.columns)} compared"
    if arguments.ids:
        facts["identifiers"] = ids_in_words(arguments.ids, "compared")
    if model is not None:
        facts["model"] = f"{' '.join(str(model).split())} from {Path(arguments.model).name}"
    return facts


# -- the report ------------------------------------------------------------------------------------


def _write(outputs, found, features, arguments, facts, notices):
    names = [Path(path).name for path in (arguments.reference, arguments.new)]
    outputs.write("monitor.csv", lambda: as_csv(found))
    picture = outputs.made("picture of what moved", lambda: _picture(found, features))
    outputs.write(
        "report.html",
        lambda: page(
            f"What has moved? {names[0]}, then {names[1]}",
            found,
            features,
            facts=facts,
            notices=without_options([*notices, *found.left_out]),
            figures=[] if picture is None else [picture],
        ),
    )


def _picture(found, features):
    """Return the picture of the columns that moved, if any did."""
    names = set(features[1].columns)
    moved = [shift for shift in found.columns if shift.moved and shift.name in names]
    if not moved:
        return None
    n = len(features[1])
    batch_size = n // _BATCHES if n >= _BATCHES * _FEWEST else None
    data = drawn_data(*features, moved[:_MOST_DRAWN], batch_size=batch_size)
    return picture_of_features(FeatureDriftDisplay(moved, **data), batch_size)
