"""The entry point: a table of commands, one parser, one place where errors become exit codes."""

import argparse
import sys

from .. import __version__
from . import _advise, _compare, _monitor
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
    "monitor": (
        "what has moved, before any label is known?",
        _monitor.add_arguments,
        _monitor.main,
        _monitor.PAGE,
    ),
}

PAGE = """\
Keep a scikit-learn model fresh on a stream that drifts.

skretrain decides when to retrain, on which rows, how, and whether to serve the
result. On the command line it answers, for a history that you have in a file,
which of the usual ways to retrain would have paid; and, for two files, whether
to retrain now, and what has moved.
"""

EXAMPLES = """\
examples:
  skretrain compare                            on a built-in stream that drifts
  skretrain compare stream.csv --target y      on your own history
  skretrain advise old.csv new.csv --target y  should the model be retrained now?
  skretrain monitor old.csv new.csv            what has moved, before labels come?
  skretrain compare --help                     all options, the policies, the outputs

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
        130 if the user stopped it.

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
