"""What arrives, as a table: how each thing is sent, and the rows and rejects that it must give.

A case is made for a key ``ind``, so that every route can send it under keys of its own.
"""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

TIME = "2018-03-01T12:00:00Z"


class Sent(NamedTuple):
    """A record's bytes and what they must give.

    ``rows`` are cleaned rows, ``twins`` how many more rows have a key of them, ``bad``
    (element, reason, bytes). ``rescued`` is what raw keeps of the record's first row.
    """

    table: str
    content: bytes
    rows: tuple[dict[str, Any], ...] = ()
    bad: tuple[tuple[int, str, bytes], ...] = ()
    rescued: Any = None
    twins: int = 0

    def can_go_by(self, route: str) -> bool:
        """Tell whether a route takes this: some put it into the JSON of a request."""
        if route not in {"json", "rest"}:
            return True
        try:
            json.loads(self.content.decode())
        except ValueError:
            return False
        return route == "json" or self.content != b"null"


class Case(NamedTuple):
    name: str
    table: str
    make: Any

    def sent(self, ind: int) -> Sent:
        made = self.make(ind)
        return Sent(self.table, encode(made.pop("value")), **made)


def encode(value) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()


def compact(content: bytes) -> bytes:
    """Return bytes as an object of the sink gives them back: JSON without blanks, the rest as sent."""
    kinds = {"parse_float": _Text, "parse_int": _Text, "object_pairs_hook": _Pairs}
    try:
        value = json.loads(content.decode(), parse_constant=_refuse, **kinds)
        return _compact(value).encode()
    except (ValueError, RecursionError):
        return content


def of_object(content: bytes) -> bytes:
    """Return what quarantine of load keeps: text that is base64 of no JSON stands for its bytes."""
    text = compact(content)
    if not (text.startswith(b'"') and text.endswith(b'"')):
        return text
    try:
        meant = base64.b64decode(text[1:-1], validate=True)
    except ValueError:
        return text
    try:
        json.loads(meant.decode())
    except ValueError:
        return meant
    return text


def _refuse(_):
    raise ValueError


class _Text(str):  # noqa: SLOT000
    pass


class _Pairs(list):
    pass


def _compact(value) -> str:
    if isinstance(value, _Text):
        return str(value)
    if isinstance(value, _Pairs):
        return (
            "{"
            + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_compact(v)}" for k, v in value)
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def geo(ind, **more):
    row = {"ind": ind, "timestamp": "2018-03-01 12:00:00", "latitude": 1.5, "longitude": -2}
    return row | {"country": "Peru"} | more


def geo_row(ind, **more):
    point = {"latitude": 1.5, "longitude": -2.0} | more.pop("point", {})
    return {"ind": ind, "country": "Peru", "coordinates": point, "timestamp": TIME} | more


def user(ind, **more):
    row = {"ind": ind, "first_name": "Ann", "last_name": "Lee", "age": 20}
    return row | {"date_joined": "2018-03-01 12:00:00"} | more


def user_row(ind, **more):
    return {"ind": ind, "user_name": "Ann Lee", "age": 20, "date_joined": TIME} | more


def pin(ind, **more):
    row = {
        "index": ind,
        "unique_id": "u",
        "title": "Home",
        "description": "Art.",
        "poster_name": "E",
    }
    row |= {
        "follower_count": "9k",
        "tag_list": "a,b",
        "is_image_or_video": "image",
        "image_src": "i",
    }
    return (
        row
        | {"downloaded": 1, "save_location": "Local save in /data/art", "category": "art"}
        | more
    )


def pin_row(ind, **more):
    row = {
        "ind": ind,
        "unique_id": "u",
        "title": "Home",
        "description": "Art.",
        "follower_count": 9000,
    }
    row |= {"poster_name": "E", "tag_list": "a,b", "is_image_or_video": "image", "image_src": "i"}
    return row | {"save_location": "/data/art", "category": "art"} | more


def renamed(row, old, new):
    return {new if name == old else name: value for name, value in row.items()}


def without(row, name):
    return {key: value for key, value in row.items() if key != name}


def base64_of(value) -> str:
    return base64.b64encode(encode(value)).decode()


def nested(levels):
    return "[" * levels + "]" * levels


MADE = {"geo": (geo, geo_row), "user": (user, user_row), "pin": (pin, pin_row)}


def fits(name, table, change, row=None, rescued=None):
    """Return a case whose row is the plain one but for what is said."""
    make, cleaned = MADE[table]
    return Case(
        name,
        table,
        lambda ind: {
            "value": make(ind, **change),
            "rows": (cleaned(ind, **(row or {})),),
            "rescued": rescued,
        },
    )


def refused(name, table, value, *reasons):
    """Return a case that gives quarantine alone: ``value`` of ind is (content, bytes of each reject)."""

    def make(ind):
        made = value(ind)
        content, parts = made if isinstance(made, tuple) else (made, None)
        parts = parts or [content] * len(reasons)
        bad = [
            (place, reason, encode(part))
            for place, (reason, part) in enumerate(zip(reasons, parts, strict=True))
        ]
        return {"value": content, "bad": tuple(bad)}

    return Case(name, table, make)


def means_the_row(name, table, wrap):
    """Return a case whose value means the plain row, however it is wrapped."""
    make, cleaned = MADE[table]
    return Case(
        f"{name} ({table})",
        table,
        lambda ind: {"value": wrap(make(ind)), "rows": (cleaned(ind),)},
    )


def joined(row, form):
    key = {"geo": "timestamp", "user": "date_joined"}
    return next((row | {name: form} for name in key.values() if name in row), row)


WAYS = [
    means_the_row(name, table, wrap)
    for table in ("pin", "geo", "user")
    for name, wrap in (
        ("as it is", lambda row: row),
        ("dates with a blank", lambda row: joined(row, "2018-03-01 12:00:00")),
        ("dates with T", lambda row: joined(row, "2018-03-01T12:00:00")),
        ("dates with colons", lambda row: joined(row, "2018:03:01 12:00:00")),
        ("the key called index", lambda row: renamed(row, "ind", "index")),
        ("the key called ind", lambda row: renamed(row, "index", "ind")),
        ("a list of one", lambda row: [row]),
        ("a JSON string", json.dumps),
        ("a JSON string with blanks around", lambda row: f" \n{json.dumps(row)}\t"),
        ("a base64 string", base64_of),
        ("base64 of base64", lambda row: base64_of(base64_of(row).encode())),
        ("a JSON string of a list", lambda row: json.dumps([row])),
        ("a list of a JSON string", lambda row: [json.dumps(row)]),
        ("a list of a base64 string", lambda row: [base64_of(row)]),
        ("base64 as the bytes themselves", lambda row: base64_of(row).encode()),
        ("blanks around and inside", lambda row: b" \r\n" + json.dumps(row, indent=2).encode() + b"\t "),
        ("numbers as strings", lambda row: {key: str(value) for key, value in row.items()}),
        ("keys in another order", lambda row: dict(reversed(row.items()))),
    )
]  # fmt: skip

VALUES = [
    fits("emoji and CJK", "geo", {"country": "\U0001f600 日本 𝕬"}, {"country": "\U0001f600 日本 𝕬"}),
    fits("NUL", "geo", {"country": "a\x00b"}, {"country": "a\x00b"}),
    fits("U+00A0 is no blank", "geo", {"country": "\u00a0"}, {"country": "\u00a0"}),
    fits("U+2028", "geo", {"country": "a\u2028b"}, {"country": "a\u2028b"}),
    fits("what is kept is not trimmed", "geo", {"country": " Peru\n"}, {"country": " Peru\n"}),
    fits("empty text", "geo", {"country": ""}, {"country": None}),
    fits("blank text", "geo", {"country": " \t\r\n"}, {"country": None}),
    fits("null text", "geo", {"country": None}, {"country": None}),
    fits("a number as text", "geo", {"country": 5.10}, {"country": "5.1"}),
    fits("true as text", "geo", {"country": True}, {"country": "true"}),
    fits("a list as text", "geo", {"country": [1, {"a": "b"}]}, {"country": '[1,{"a":"b"}]'}),
    fits("an object as text", "geo", {"country": {"a": [1, 2]}}, {"country": '{"a":[1,2]}'}),
    fits("NaN in text", "geo", {"country": "NaN"}, {"country": "NaN"}),
    fits("10,000 characters", "geo", {"country": "x" * 10_000}, {"country": "x" * 10_000}),
    fits("a fraction as text", "geo", {"latitude": "1.25"}, {"point": {"latitude": 1.25}}),
    fits("an exponent", "geo", {"latitude": 1e-300}, {"point": {"latitude": 1e-300}}),
    fits("a whole number", "geo", {"latitude": 2**53 + 1}, {"point": {"latitude": 2.0**53}}),
    fits("null for a number", "geo", {"latitude": None}, {"point": {"latitude": None}}),
    fits("text for a number", "geo", {"latitude": "abc"}, {"point": {"latitude": None}}, {"latitude": "abc"}),
    fits("NaN as text for a number", "geo", {"latitude": "NaN"}, {"point": {"latitude": None}}, {"latitude": "NaN"}),
    fits("true for a number", "geo", {"latitude": True}, {"point": {"latitude": None}}, {"latitude": True}),
    fits("a list for a number", "geo", {"latitude": [1]}, {"point": {"latitude": None}}, {"latitude": [1]}),
    fits("a number of 400 digits", "geo", {"latitude": 10**400}, {"point": {"latitude": None}}, {"latitude": 10**400}),
    fits("an unknown column", "geo", {"extra": {"a": [1, None, "\u00e9"]}}, None, {"extra": {"a": [1, None, "\u00e9"]}}),
    fits("a column called as ours", "geo", {"_topic": "x", "_rescued_data": 1}, None, {"_topic": "x", "_rescued_data": 1}),
    fits("ind beside index", "geo", {"index": "other"}, None, {"index": "other"}),
    fits("a column in another case", "geo", {"Country": "x"}, None, {"Country": "x"}),
    fits("an empty key", "geo", {"": 1}, None, {"": 1}),
    fits("deep, yet not too deep", "geo", {"deep": json.loads(nested(500))}, None, {"deep": json.loads(nested(500))}),
    fits("age out of range", "user", {"age": 2**31}, {"age": None}),
    fits("age of a fraction", "user", {"age": 9.5}, {"age": None}),
    fits("age as text", "user", {"age": "+09"}, {"age": 9}),
    fits("age with an exponent", "user", {"age": 1e3}, {"age": None}),
    fits("half a name", "user", {"last_name": " "}, {"user_name": None}),
    fits("a count with a fraction", "pin", {"follower_count": "1.5M"}, {"follower_count": 1_500_000}),
    fits("placeholders", "pin", {"title": "No Title Data Available", "image_src": "Image src error."}
         | {"description": "Untitled", "tag_list": "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"}
         | {"poster_name": "User Info Error", "follower_count": "User Info Error"},
         dict.fromkeys(["title", "image_src", "description", "tag_list", "poster_name", "follower_count"])),
    *(
        fits(f"a time that is none: {time}", "geo", {"timestamp": time}, {"timestamp": None})
        for time in ("2018-03-01 12:00:00.5", "2018-03-01T12:00:00Z", "2018-03-01 12:00:00+02:00", None, "",
                     "2018-03-01 24:00:00", "2019-02-29 12:00:00", "2018-03-01", 1520000000, "now")
    ),
]  # fmt: skip

KEYS = [
    refused("no key", "geo", lambda ind: without(geo(ind), "ind"), "column ind is missing"),
    refused("null key", "geo", lambda _: geo(None), "column ind is null"),
    *(
        refused(f"key {value!r}", "geo", lambda _, value=value: geo(value), f"column ind {reason}")
        for value, reason in (
            (9.5, "is not a whole number: 9.5"),
            ("", "is not a whole number: "),
            ("x1", "is not a whole number: x1"),
            (" 7", "is not a whole number:  7"),
            (True, "is not a whole number: true"),
            ([7], "is not a whole number: a list"),
            ({"a": 7}, "is not a whole number: an object"),
            ("٣", "is not a whole number: ٣"),
            (1e3, "is not a whole number: 1000.0"),
            (2**31, "is out of range of INT: 2147483648"),
            (-(2**31) - 1, "is out of range of INT: -2147483649"),
            (10**60, f"is out of range of INT: 1{'0' * 38}…"),
        )
    ),
]
OTHERS = [
    refused("a pin in the user topic", "user", pin, "column first_name is missing"),
    refused("a user in the geo topic", "geo", user, "column timestamp is missing"),
    refused("a geo in the pin topic", "pin", geo, "column unique_id is missing"),
    refused("a column is missing", "geo", lambda ind: without(geo(ind), "country"), "column country is missing"),
    refused("an empty object", "pin", lambda _: {}, "column index is missing"),
    refused("null", "geo", lambda _: b"null", "not an object"),
    refused("a number", "geo", lambda _: 5, "not an object"),
    refused("true", "geo", lambda _: True, "not an object"),
    refused("text", "geo", lambda _: "junk", "not JSON"),
    refused("empty text", "geo", lambda _: "", "not JSON"),
    refused("text of a number", "geo", lambda _: "5", "not JSON"),
    refused("base64 of text", "geo", lambda _: base64_of("junk"), "not JSON"),
    refused("an empty list", "geo", lambda _: [], "empty list"),
    refused("a list in a list", "geo", lambda ind: ([[geo(ind)]], [[geo(ind)]]), "not an object"),
    refused("a list of junk", "geo", lambda _: ([1, None, "x", []], [1, None, "x", []]),
            "not an object", "not an object", "not JSON", "not an object"),
    Case("a list of good and bad", "geo", lambda ind: {
        "value": [geo(ind), 7, json.dumps(geo(ind)), base64_of(geo(ind)), without(geo(ind), "ind")],
        "rows": (geo_row(ind),), "twins": 2,
        "bad": ((1, "not an object", b"7"),
                (4, "column ind is missing", encode(without(geo(ind), "ind")))),
    }),
    refused("a key twice", "geo", lambda ind: encode(geo(ind))[:-1] + b', "country": "X"}', "key country comes twice"),
]  # fmt: skip

CASES = [*WAYS, *VALUES, *KEYS, *OTHERS]

JUNK = [
    (b"", "not JSON"),
    (b" ", "not JSON"),
    (b"no JSON", "not JSON"),
    (b"\xff\xfe\x00", "not JSON"),
    (b"NaN", "not JSON"),
    (b'{"ind": NaN}', "not JSON"),
    (b'{"ind": 1,}', "not JSON"),
    (b'{"ind": 1} {"ind": 2}', "not JSON"),
    (b'{"ind": 1', "not JSON"),
    (b"ind=1&country=Peru", "not JSON"),
    (b'{"a": "\\ud800"}', "not JSON"),
    (b'{"a": "\xed\xa0\x80"}', "not JSON"),
    (b'{"a": "raw \x00 NUL"}', "not JSON"),
    (b"\xef\xbb\xbf{}", "not JSON"),
    (b"{'ind': 1}", "not JSON"),
    (b"[" * 600 + b"]" * 600, "not JSON"),
    (b'{"ind":' * 10_000 + b"1" + b"}" * 10_000, "not JSON"),
    (b"x" * 500_000, "not JSON"),
]
"""Bytes that are no row of any table, with their reason; no JSON request can hold them."""

REFUSED = [b"NaN", b"Infinity", b"{", b"[1,]", b'"\\ud800"', b'"\xff"', b"'x'", b"", b'"a\x00b"']
"""What breaks the request's own JSON."""
