"""Evaluate mapping templates as API Gateway does: a process of deploy/aws's Python, a line a template.

What API Gateway documents of ``$input`` and ``$util`` is written here; the rest of Velocity is airspeed's.
"""

import base64
import json
import re
import sys
import urllib.parse

import airspeed
from jsonpath_ng import parse

# Java's matches takes the whole text, airspeed's its beginning.
airspeed.__additional_methods__[str]["matches"] = lambda self, pattern: (
    re.fullmatch(pattern, self) is not None
)


class UnparsableError(Exception):
    """The body is no JSON: API Gateway answers 400 itself."""


def as_java(value):
    """Return what Java's toString makes of a JSON value: not JSON, as everyone learns once."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={as_java(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_java, value)) + "]"
    return {None: "null", True: "true", False: "false"}.get(value, str(value))


class JavaMap(dict):
    """A Map as Velocity sees it."""

    __str__ = as_java

    def containsKey(self, key):  # noqa: N802 - Java's name
        return key in self


class JavaList(list):
    """A List as Velocity sees it."""

    __str__ = as_java

    def size(self):
        return len(self)


def in_java(value):
    """Return a JSON value as Velocity sees it."""
    if isinstance(value, dict):
        return JavaMap({key: in_java(each) for key, each in value.items()})
    return JavaList(map(in_java, value)) if isinstance(value, list) else value


class Input:
    """``$input``: the body by JSONPath, and the parameters of path, query and headers."""

    def __init__(self, request):
        self.body = request["body"]
        self._parameters = {
            each: request.get(each) or {} for each in ("path", "querystring", "header")
        }
        try:
            self._root = json.loads(self.body) if self.body.strip() else {}
        except ValueError as error:
            raise UnparsableError from error

    def path(self, expression):
        """Return the object that a JSONPath finds, empty text where there is none."""
        found = self._find(expression)
        return in_java(found[0]) if found else ""

    def json(self, expression):
        """Return the JSON text of what a JSONPath finds."""
        found = self._find(expression)
        value = found[0] if found else ""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def params(self, name=None):
        """Return a parameter of the path, the query or the headers, empty text where there is none."""
        if name is None:
            return JavaMap({kind: JavaMap(each) for kind, each in self._parameters.items()})
        return next((each[name] for each in self._parameters.values() if name in each), "")

    def _find(self, expression):
        return [match.value for match in parse(expression).find(self._root)]


class Util:
    """``$util``."""

    def base64Encode(self, text):  # noqa: N802 - Velocity's name
        return base64.b64encode(str(text).encode()).decode()

    def base64Decode(self, text):  # noqa: N802
        return base64.b64decode(text).decode()

    def parseJson(self, text):  # noqa: N802
        return in_java(json.loads(text))

    def urlEncode(self, text):  # noqa: N802
        return urllib.parse.quote_plus(text)

    def escapeJavaScript(self, text):  # noqa: N802
        """Escape as Apache Commons Lang does: quotes of both kinds, slashes, controls, what is no ASCII."""
        escaped = json.dumps(str(text))[1:-1]
        return escaped.replace("/", "\\/").replace("'", "\\'")


def evaluated(asked):
    """Return the text that a template makes of a request."""
    names = {"input": Input(asked["request"]), "util": Util()}
    return airspeed.Template(asked["template"]).merge(names)


def main():
    """Answer each line of JSON with one."""
    for line in sys.stdin:
        try:
            answer = {"text": evaluated(json.loads(line))}
        except UnparsableError:
            answer = {"unparsable": True}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
