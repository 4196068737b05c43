"""API Gateway as a synthesised template sets it up: routes, mapping templates, answers.

It sends what the templates make to a Kinesis API, as the service does, and returns what a client
would get. Velocity runs in the Python of deploy/aws.
"""

import json
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

from harness import cloud_stack

EVALUATOR = Path(__file__).parent / "vtl.py"


class Velocity:
    """Evaluates templates."""

    def __init__(self, process):
        self._process = process

    def __call__(self, template, request):
        """Return the text that a template makes of a request; None where its body is no JSON."""
        asked = json.dumps({"template": template, "request": request})
        self._process.stdin.write(asked + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the evaluator ended; its stderr says why"
        return json.loads(line).get("text")


@contextmanager
def velocity():
    """Run an evaluator until the end of the block."""
    command = [cloud_stack.PYTHON, EVALUATOR]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield Velocity(process)
        process.stdin.close()


class ApiGateway:
    """Answers requests by the methods of a stack; `kinesis` takes an operation and its body."""

    def __init__(self, stack, evaluate, kinesis):
        self._evaluate, self._kinesis = evaluate, kinesis
        self._resources = stack.of("ApiGateway::Resource")
        self.routes = {
            (each["HttpMethod"], self._path(each["ResourceId"]["Ref"])): each
            for each in stack.of("ApiGateway::Method").values()
            if "Ref" in each["ResourceId"]
        }

    def request(self, method, url, body="", content_type="application/json", **headers):
        """Return status and JSON of a request."""
        parts = urlsplit(url)
        path, parameters = self._route(method, parts.path)
        integration = self.routes[method, path]["Integration"]
        if content_type not in integration["RequestTemplates"]:
            return 415, {"message": "Unsupported Media Type"}
        sent = self._evaluate(
            integration["RequestTemplates"][content_type],
            {
                "body": body,
                "path": parameters,
                "querystring": dict(parse_qsl(parts.query, keep_blank_values=True)),
                "header": headers,
            },
        )
        if sent is None:
            return 400, {"message": "Could not parse request body into json"}
        return self._answer(integration, self._kinesis(_action(integration), sent))

    def _answer(self, integration, answer):
        chosen = next(
            (
                each
                for each in integration["IntegrationResponses"]
                if re.fullmatch(each.get("SelectionPattern", "^$"), str(answer.status_code))
            ),
            integration["IntegrationResponses"][0],
        )
        templates = chosen.get("ResponseTemplates")
        if not templates:
            return int(chosen["StatusCode"]), answer.json()
        text = self._evaluate(templates["application/json"], {"body": answer.text})
        return int(chosen["StatusCode"]), json.loads(text)

    def _route(self, method, path):
        """Return the resource of a path: one of its own goes before one with a parameter."""
        wanted = path.strip("/").split("/")
        fitting = [
            found
            for verb, found in self.routes
            if verb == method and len(found.split("/")) == len(wanted)
        ]
        for found in sorted(fitting, key=lambda each: each.count("{")):
            pairs = list(zip(found.split("/"), wanted, strict=True))
            if all(name == part or name.startswith("{") for name, part in pairs):
                parameters = {n[1:-1]: unquote(part) for n, part in pairs if n.startswith("{")}
                return found, parameters
        raise AssertionError(f"no route of the stack takes {method} {path}")

    def _path(self, name):
        resource = self._resources[name]
        parent = resource["ParentId"].get("Ref")
        before = f"{self._path(parent)}/" if parent else ""
        return before + resource["PathPart"]


def kinesis_at(url, signed):
    """Return what posts to a Kinesis API at a URL."""

    def call(action, body):
        target = {"X-Amz-Target": f"Kinesis_20131202.{action}"}
        content = {"Content-Type": "application/x-amz-json-1.1"}
        return requests.post(
            url, headers={**content, **target, **signed}, data=body.encode(), timeout=30
        )

    return call


def _action(integration):
    joined = integration["Uri"]["Fn::Join"][1]
    found = re.search(
        r":kinesis:action/(\w+)$", "".join(part for part in joined if isinstance(part, str))
    )
    assert found, joined
    return found[1]
