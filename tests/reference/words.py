"""The words of cleaning in plain Python, written from the data set's facts and not from the SQL."""

from datetime import UTC, datetime

DIGITS = frozenset("0123456789")
BLANK = " \t\r\n"
FACTORS = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
INT = range(-(2**31), 2**31)
BIGINT = range(-(2**63), 2**63)


def blank_to_null(text):
    return None if text is None or not text.strip(BLANK) else text


def whole_number(text):
    digits = (text or "")[1:] if (text or "")[:1] in {"+", "-"} else text
    if not digits or not DIGITS.issuperset(digits):
        return None
    number = int(text)
    return number if number in INT else None


def abbreviated_number(text):
    if not text:
        return None
    factor = FACTORS.get(text[-1].lower()) if text[-1].isascii() else None
    number = text[:-1] if factor else text
    whole, dot, fraction = number.partition(".")
    if (
        not 1 <= len(whole) <= 18
        or not DIGITS.issuperset(whole + fraction)
        or bool(dot) != bool(fraction)
    ):
        return None
    # in integers: a Decimal's context would round a long fraction up
    product = int(whole + fraction) * (factor or 1) // 10 ** len(fraction)
    return product if product in BIGINT else None


def utc_timestamp(text):
    for form in ("dddd-dd-dd dd:dd:dd", "dddd-dd-ddTdd:dd:dd", "dddd:dd:dd dd:dd:dd"):
        if _has_form(text or "", form):
            return _calendar_time([int(text[a:b]) for a, b in FIELDS])
    return None


FIELDS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))


def _has_form(text, form):
    return len(text) == len(form) and all(
        char in DIGITS if wanted == "d" else char == wanted
        for char, wanted in zip(text, form, strict=True)
    )


def _calendar_time(fields):
    try:
        return datetime(*fields, tzinfo=UTC)
    except ValueError:
        return None
