"""Path formats of time-based partitioners: Joda-Time's patterns, over Python's datetime.

Source: org.joda.time.format.DateTimeFormat, whose letters and widths these are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

Piece = Callable[[datetime], str]

_PIECE = re.compile(r"''|'((?:[^']|'')*)'|([a-zA-Z])\2*|[^a-zA-Z']+|'")
_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September"]
_MONTHS += ["October", "November", "December"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_NUMBERS: dict[str, Callable[[datetime], int]] = {
    "M": lambda at: at.month,
    "d": lambda at: at.day,
    "D": lambda at: at.timetuple().tm_yday,
    "H": lambda at: at.hour,
    "k": lambda at: at.hour or 24,
    "K": lambda at: at.hour % 12,
    "h": lambda at: at.hour % 12 or 12,
    "m": lambda at: at.minute,
    "s": lambda at: at.second,
    "w": lambda at: at.isocalendar().week,
    "e": lambda at: at.isoweekday(),
    "C": lambda at: at.year // 100,
}
_YEARS: dict[str, Callable[[datetime], int]] = {
    "y": lambda at: at.year,
    "Y": lambda at: at.year,
    "x": lambda at: at.isocalendar().year,
}
WORDS = frozenset("EaG")
"""The letters whose text depends on the locale (M does from three on)."""


def compiled(pattern: str) -> Callable[[datetime], str]:
    """Return what formats an aware time by a pattern; ValueError tells what it does not know."""
    pieces = [_piece(match) for match in _PIECE.finditer(pattern)]
    return lambda at: "".join([piece(at) for piece in pieces])


def has_words(pattern: str) -> bool:
    """Tell whether the text depends on the locale."""
    found = [match[0] for match in _PIECE.finditer(pattern) if match[2]]
    return any(each[0] in WORDS or each.startswith("MMM") for each in found)


def _piece(match: re.Match[str]) -> Piece:
    found, letter = match[0], match[2]
    if found == "'":
        raise ValueError("a quote is not closed")
    if letter is None:
        text = "'" if found == "''" else (match[1] or found).replace("''", "'")
        return lambda _at: text
    return _field(letter, len(found))


def _field(letter: str, width: int) -> Piece:
    if letter in _YEARS:
        return _year(_YEARS[letter], width)
    if letter == "M" and width >= 3:
        return _word(_MONTHS, lambda at: at.month - 1, width)
    if letter in _NUMBERS:
        number = _NUMBERS[letter]
        return lambda at: f"{number(at):0{width}d}"
    if letter not in _WORDS:
        raise ValueError(f"the pattern letter {letter!r} is not known")
    write = _WORDS[letter]
    return lambda at: write(at, width)


def _year(year: Callable[[datetime], int], width: int) -> Piece:
    if width == 2:
        return lambda at: f"{year(at) % 100:02d}"
    return lambda at: f"{year(at):0{width}d}"


def _word(words: list[str], place: Callable[[datetime], int], width: int) -> Piece:
    return lambda at: words[place(at)] if width >= 4 else words[place(at)][:3]


def _offset(at: datetime, width: int) -> str:
    if width >= 3:
        return str(at.tzinfo)
    text = at.strftime("%z")[:5]
    return f"{text[:3]}:{text[3:]}" if width == 2 else text


_WORDS: dict[str, Callable[[datetime, int], str]] = {
    "E": lambda at, width: _word(_DAYS, lambda at: at.weekday(), width)(at),
    "a": lambda at, _width: "AM" if at.hour < 12 else "PM",
    "G": lambda _at, _width: "AD",
    "S": lambda at, width: f"{at.microsecond // 1000:03d}"[:width].ljust(width, "0"),
    "Z": _offset,
}
