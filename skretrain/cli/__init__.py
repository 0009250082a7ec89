"""The command ``skretrain``; each of its commands is one row of a table."""

from ._main import main

__all__ = ["main"]
