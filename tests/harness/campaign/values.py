"""Values of all sorts from a seed: rows whose keys meet again in conflict, and what is no row."""

import base64
import json

TABLES = ("pin", "geo", "user")
KEYS = {"pin": "index", "geo": "ind", "user": "ind"}
SORTS = {
    "plain": 70, "alias": 4, "text_key": 4, "extra": 4, "list": 5, "in_text": 3, "in_base64": 2,
    "missing": 2, "wrong_key": 2, "garbage": 1, "not_json": 1, "empty_list": 1, "number": 1,
    "mixed_list": 1,
}  # fmt: skip
BINARY = ("garbage", "not_json")
"""Sorts whose bytes are no JSON, so that a route for JSON cannot carry them."""


def row(table, key, token):
    """Return a row of a table; its token tells it from every other of the same key."""
    number = sum(token.encode())
    return {
        "pin": lambda: {
            "index": key, "unique_id": token, "title": f"Title {number}",
            "description": "Untitled" if number % 7 == 0 else 'naïve 🎉 \\ " quoted',
            "poster_name": "User Info Error" if number % 5 == 0 else f"poster {number}",
            "follower_count": ("12k", "3M", "7", "User Info Error")[number % 4],
            "tag_list": "a,b", "is_image_or_video": "image", "image_src": f"https://i/{key}.jpg",
            "downloaded": 1, "save_location": f"Local save in /data/{key}", "category": "art",
        },
        "geo": lambda: {
            "ind": key, "timestamp": f"20{number % 23:02}-04-{number % 28 + 1:02} 05:06:07",
            "latitude": number / 8, "longitude": -number / 16, "country": token,
        },
        "user": lambda: {
            "ind": key, "first_name": token, "last_name": "Roe", "age": number % 90,
            "date_joined": f"201{number % 10}-02-{number % 28 + 1:02}T01:02:03",
        },
    }[table]()  # fmt: skip


def value(rng, table, keys, token):
    """Return (sort, bytes) of a random value for a table; ``keys`` is how many keys there are."""
    sort = rng.choices(list(SORTS), SORTS.values())[0]
    made = row(table, rng.randrange(keys), token)
    return sort, MAKERS[sort](rng, table, keys, made, token)


def compact(content):
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _alias(_rng, table, _keys, made, _token):
    name = KEYS[table]
    return compact({"ind" if name == "index" else "index": made.pop(name), **made})


def _changed(change):
    def make(_rng, table, _keys, made, _token):
        change(made, KEYS[table])
        return compact(made)

    return make


def _list(rng, table, keys, made, token):
    more = [row(table, rng.randrange(keys), f"{token}.{n}") for n in range(rng.randint(1, 3))]
    return compact([made, *more])


def _mixed_list(rng, table, keys, made, token):
    other = row(table, rng.randrange(keys), f"{token}.x")
    return compact([made, 7, [made], compact(other).decode(), {}])


MAKERS = {
    "plain": _changed(lambda _made, _key: None),
    "alias": _alias,
    "text_key": _changed(lambda made, key: made.update({key: f"+{made[key]}"})),
    "extra": _changed(lambda made, _key: made.update(rescued=[1, {"a": None}])),
    "list": _list,
    "in_text": lambda _r, _t, _k, made, _n: compact(compact(made).decode()),
    "in_base64": lambda _r, _t, _k, made, _n: compact(base64.b64encode(compact(made)).decode()),
    "missing": _changed(lambda made, _key: made.popitem()),
    "wrong_key": _changed(lambda made, key: made.update({key: "9.5"})),
    "garbage": lambda rng, _t, _k, _m, token: rng.randbytes(40) + token.encode(),
    "not_json": lambda _r, _t, _k, made, _n: compact(made)[:-1] + b",}",
    "empty_list": lambda *_: b"[]",
    "number": lambda rng, *_: str(rng.randrange(1000)).encode(),
    "mixed_list": _mixed_list,
}
