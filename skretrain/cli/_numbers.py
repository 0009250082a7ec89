"""Numbers as people write them: decimal commas, groups of thousands, percent and currencies."""

import math
import re
from dataclasses import dataclass

_SPACES = " \u00a0\u202f\u2009"
_SIGNS = str.maketrans({"\u2212": "-", "\u2019": "'"})
_SYMBOLS = "$€£¥₹₽₩₺₴₫฿"
_CODES = "USD|EUR|GBP|CHF|JPY|CNY|INR|RUB|KRW|SEK|NOK|DKK|PLN|CZK|HUF|TRY|BRL|CAD|AUD|NZD|MXN|ZAR"
_CURRENCY = rf"(?:[{_SYMBOLS}]|(?:US|CA|A|C|R)\$|(?i:{_CODES})|kr|zł|Kč)"
_CELL = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?)(?P<before>{_CURRENCY})?[{_SPACES}]*(?P<late>[+-]?)"
    rf"(?P<number>[\d.,'{_SPACES}]*\d[.,]?(?:[eE][+-]?\d+)?)"
    rf"[{_SPACES}]*(?P<percent>%)?(?P<after>{_CURRENCY})?(?P<close>\))?"
)
_PLAIN = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"(\d+,?\d*|,\d+)([eE][+-]?\d+)?")


def _grouped(separators, decimal):
    return re.compile(rf"[1-9]\d{{0,2}}(([{separators}])\d{{3}})(\2\d{{3}})*({decimal}\d*)?")


_SPACED_POINT, _SPACED_COMMA = _grouped(f"'{_SPACES}", r"\."), _grouped(f"'{_SPACES}", ",")
_GROUPED_POINT, _GROUPED_COMMA = _grouped(",", r"\."), _grouped(".", ",")
# How numbers may be written, by decimal separator and whether thousands are set apart.
_FORMS = {
    (".", False): (_PLAIN,),
    (",", False): (_COMMA,),
    (".", True): (_PLAIN, _GROUPED_POINT, _SPACED_POINT),
    (",", True): (_COMMA, _GROUPED_COMMA, _SPACED_COMMA),
}
_LONGEST = 60
# One group of three digits after a comma or a point, and nothing else: it may be either.
_EITHER_COMMA, _EITHER_POINT = re.compile(r"[1-9]\d{0,2},\d{3}"), re.compile(r"[1-9]\d{0,2}\.\d{3}")


@dataclass(frozen=True)
class Written:
    """How the numbers of a column are written.

    Attributes
    ----------
    decimal : {".", ",", ""}
        What stands before the decimals; empty where that cannot be told from the column alone.
    groups : bool
        Whether thousands are set apart.
    percent : bool
        Whether some are percent.
    currency : str
        The currency, or an empty text.
    """

    decimal: str
    groups: bool
    percent: bool
    currency: str


def how_written(texts):
    """Return how the numbers in texts are written, or None if not all of them are numbers.

    Parameters
    ----------
    texts : iterable of str
        Cells, none of them empty.
    """
    found = []
    for text in texts:
        match = _match(text)
        if match is None:
            return None
        found.append(match)
    units = _units(found)
    if len(units) > 1:
        return None
    decimal, groups = _convention([match["number"] for match in found])
    if decimal is None:
        return None
    percent = units == {"%"}
    return Written(decimal, groups, percent, "" if percent else "".join(units))


def looks_like_number(text):
    """Tell whether a cell is a number by itself, however it is written."""
    return how_written([text]) is not None


def units_of(texts):
    """Return the currencies of cells, and "%" where some are percent, in alphabetical order."""
    return sorted(_units(filter(None, map(_match, texts))))


def _units(matches):
    parts = {match[part] for match in matches for part in ("percent", "before", "after")} - {None}
    codes = _CODES.split("|")
    return {part.upper() if part.upper() in codes else part for part in parts}


def _match(text):
    """Return the parts of a cell, or None."""
    match = _CELL.fullmatch(text.strip().translate(_SIGNS)) if len(text) <= _LONGEST else None
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    # One sign, and one currency, at the most.
    n_signs = sum(bool(match[name]) for name in ("open", "sign", "late"))
    return None if n_signs > 1 or (match["before"] and match["after"]) else match


def _convention(numbers):
    """Return the decimal separator and whether there are groups; None if nothing fits all."""
    able = [how for how, forms in _FORMS.items() if all(_is_one(n, forms) for n in numbers)]
    if not able:
        return None, False
    marked = [number for number in numbers if "," in number]
    if (",", False) in able and marked and all(_EITHER_COMMA.fullmatch(n) for n in marked):
        return "", False
    return able[0]


def _is_one(number, forms):
    return any(form.fullmatch(number) for form in forms)


def may_be_groups(texts):
    """Tell whether each point in plain numbers is where a group of thousands would begin."""
    marked = [text for text in texts if "." in text]
    return bool(marked) and all(_EITHER_POINT.fullmatch(text.strip(" +-")) for text in marked)


def as_number(text, decimal):
    """Return a cell as a float.

    Parameters
    ----------
    text : str
        A cell of a column for which :func:`how_written` found an answer.
    decimal : {".", ","}
        What stands before the decimals.
    """
    match = _match(text)
    groups = "," if decimal == "." else "."
    digits = re.sub(rf"['{_SPACES}{groups}]", "", match["number"]).replace(",", ".")
    is_negative = bool(match["open"]) or "-" in (match["sign"], match["late"])
    value = float(digits) * (-1.0 if is_negative else 1.0)
    return value / 100.0 if match["percent"] else value


def reads_as_number(text, decimal):
    """Tell whether a cell is a number, where decimals stand behind `decimal`."""
    try:
        return looks_like_number(text) and math.isfinite(as_number(text, decimal))
    except ValueError:
        return False
