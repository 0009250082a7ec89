"""Errors that a user of the command line can put right: one line each, no traceback."""

from ..utils._optional import import_optional


class CommandError(Exception):
    """What is wrong with the call or the file, and the way out; the command ends with its code."""

    code = 2


class NotWritten(CommandError):
    """What of the results could not be written; all else is there."""

    code = 1


def needed(module):
    """Import a package of the extra ``cli``, or raise CommandError naming the extra."""
    try:
        return import_optional(module, caller="The command line", extra="cli")
    except ImportError as error:
        raise CommandError(str(error)) from error


def refusals(*, is_own):
    """Return the errors that are the model's or the rows' fault; a user's own may raise any."""
    return (Exception,) if is_own else (TypeError, ValueError)


def first_line(error):
    """Return the first line of an error's message, or its type where it has none."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return f"there is no {line}." if isinstance(error, KeyError) else line


def as_sentence(error):
    """Return the first line of an error's message with a stop, for what follows it."""
    line = first_line(error)
    return line if line.endswith((".", "!", "?", ":")) else f"{line}."
