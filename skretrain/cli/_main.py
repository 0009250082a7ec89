"""The entry point: a table of commands, one parser, one place where errors become exit codes."""

import argparse
import sys

from .. import __version__
from . import _advise, _compare, _init, _monitor, _predict, _status, _step
from ._errors import CommandError

# command -> (what it does, add_arguments, main, the page that --help prints); main returns the exit
# code, or None for 0
COMMANDS = {
    "advise": (
        "new labelled rows are there: should the model be retrained?",
        _advise.add_arguments,
        _advise.main,
        _advise.PAGE,
    ),
    "compare": (
        "which retraining policy would have paid on this history?",
        _compare.add_arguments,
        _compare.main,
        _compare.PAGE,
    ),
    "init": (
        "begin a daily job: a first model, and a folder that remembers",
        _init.add_arguments,
        _init.main,
        _init.PAGE,
    ),
    "monitor": (
        "what has moved, before any label is known?",
        _monitor.add_arguments,
        _monitor.main,
        _monitor.PAGE,
    ),
    "predict": (
        "what the model of a daily job says of new rows",
        _predict.add_arguments,
        _predict.main,
        _predict.PAGE,
    ),
    "rollback": (
        "let a model that served before serve again",
        _status.add_rollback_arguments,
        _status.rollback,
        _status.ROLLBACK_PAGE,
    ),
    "status": (
        "which model of a daily job serves, how good it is, and what waits",
        _status.add_status_arguments,
        _status.status,
        _status.STATUS_PAGE,
    ),
    "step": (
        "one day of a daily job: test, learn, decide, save",
        _step.add_arguments,
        _step.main,
        _step.PAGE,
    ),
}

PAGE = """\
Keep a scikit-learn model fresh on a stream that drifts.

skretrain decides when to retrain, on which rows, how, and whether to serve the
result. On the command line it answers, for a history that you have in a file,
which of the usual ways to retrain would have paid; for two files, whether to
retrain now, and what has moved; and it does so each day, as a job.
"""

EXAMPLES = """\
examples:
  skretrain compare                            on a built-in stream that drifts
  skretrain compare stream.csv --target y      on your own history
  skretrain advise old.csv new.csv --target y  should the model be retrained now?
  skretrain monitor old.csv new.csv            what has moved, before labels come?
  skretrain compare --help                     all options, the policies, the outputs

a daily job:
  skretrain init churn/ history.csv --target y begin with a first model
  skretrain predict churn/ today.csv           what it says of new rows
  skretrain step churn/ today.csv              test, learn, retrain where that is due

In Python: from skretrain import DriftAwareRetrainer
"""


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments. None means those of the process.

    Returns
    -------
    code : int
        Exit code: 0 if all went well, 1 if the run is finished and something could not be written,
        2 for a mistake in the call or in the file, 10 if ``monitor`` found that something moved,
        130 if the user stopped it; ``step`` and ``predict`` have more, which their pages list.

    Examples
    --------
    >>> from skretrain.cli import main
    >>> main(["compare", "no-such-file.csv", "--target", "y"])
    2
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    run = COMMANDS[arguments.command][2]
    try:
        return run(arguments) or 0
    except CommandError as error:
        print(f"skretrain {arguments.command}: error: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print(f"skretrain {arguments.command}: stopped", file=sys.stderr)
        return 130


def _parser():
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="skretrain", description=PAGE, epilog=EXAMPLES, formatter_class=as_written
    )
    parser.add_argument("--version", action="version", version=f"skretrain {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name, (summary, add_arguments, _, (description, epilog)) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=epilog,
            formatter_class=as_written,
            allow_abbrev=False,
        )
        add_arguments(command)
    return parser
