"""Databricks' Jobs API 2.1 and 2.2 as a server here: the part that submits, follows and cancels runs.

By the published contract. Where it leaves words open they are those of the service, as
databricks-sdk-go's error overrides quote them (a run that is not there is a 400
INVALID_PARAMETER_VALUE). Runs are really carried out: see job_runs.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from harness.job_runs import TERMINAL, Runs
from harness.threaded_server import ThreadedServer

PATH = re.compile(r"/api/2\.[12]/jobs/runs/(submit|get|get-output|cancel)")
METHODS = {"submit": "POST", "cancel": "POST", "get": "GET", "get-output": "GET"}
KINDS = ("notebook_task", "python_wheel_task")
LONGEST_TOKEN = 64
TOKEN = "dapi-of-the-tests"


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.body = status, {"error_code": code, "message": message}


class JobsApi:
    """A workspace's Jobs API at ``url``; only ``token`` is let in.

    ``submits`` are statuses that the next submits are answered with: 429 and 5xx
    refuse the request, "lost" starts the run and answers 503.
    """

    def __init__(self, folder, notebooks, token=TOKEN, **others):
        self.runs = Runs(folder, notebooks, **others)
        self.token = token
        self.submits = []
        self.requests = []
        self._lock = threading.Lock()

    def __enter__(self):
        self._server = ThreadedServer(_handler_of(self)).__enter__()
        self.url = self._server.url
        return self

    def __exit__(self, *exception):
        self.runs.close()
        self._server.__exit__(*exception)

    def connection(self, **others):
        """Return the variable that tells Airflow of this workspace."""
        host, port = self.url.removeprefix("http://").split(":")
        told = {"conn_type": "databricks", "host": host, "port": int(port), "schema": "http"}
        return {
            "AIRFLOW_CONN_DATABRICKS_DEFAULT": json.dumps(told | {"password": self.token} | others)
        }

    def answer(self, method, target, headers, body):
        """Return the status and the answer of a request."""
        path = urlsplit(target).path
        try:
            self._authorise(headers.get("Authorization", ""))
            name = _name_of(method, path)
            with self._lock:
                self.requests.append((name, body))
            call = getattr(self, f"_{name.replace('-', '_')}")
            return 200, call(body | dict(parse_qsl(urlsplit(target).query)))
        except RefusedError as refused:
            return refused.status, refused.body

    def _authorise(self, given):
        if not given.startswith("Bearer "):
            raise RefusedError(401, "401", "Credential was not sent or was of an unsupported type")
        if given.removeprefix("Bearer ") != self.token:
            raise RefusedError(403, "403", "Invalid access token.")

    def _submit(self, asked):
        fault = self.submits.pop(0) if self.submits else None
        if fault == 429:
            raise RefusedError(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests: try again later")
        if fault not in {None, "lost"}:
            raise RefusedError(fault, "TEMPORARILY_UNAVAILABLE", "The service is unavailable")
        check_submitted(asked)
        run = self.runs.submit(asked)
        if fault == "lost":
            raise RefusedError(503, "TEMPORARILY_UNAVAILABLE", "The service is unavailable")
        return {"run_id": run.run_id}

    def _get(self, asked):
        run = self._run(asked)
        task = {key: run.task[key] for key in (*KINDS, "task_key", "libraries") if key in run.task}
        times = {"start_time": _ms(run.submitted), "end_time": _ms(run.ended)}
        return {
            "job_id": run.run_id - 1,
            "run_id": run.run_id,
            "run_name": run.request.get("run_name", "Untitled"),
            "run_type": "SUBMIT_RUN",
            "run_page_url": f"{self.url}/?o=1#job/{run.run_id - 1}/run/{run.run_id}",
            "state": run.state,
            "tasks": [
                task | times | {"run_id": run.task_run_id, "state": run.state, "attempt_number": 0}
            ],
            **times,
            "execution_duration": _ms(run.ended - run.started) if run.ended and run.started else 0,
        }

    def _get_output(self, asked):
        run = self._run(asked)
        answer = {"metadata": self._get({"run_id": run.run_id})}
        if "error" in run.outcome:
            return answer | run.outcome
        if run.life_cycle_state in TERMINAL:
            return answer | {
                "notebook_output": {"result": run.outcome.get("result", ""), "truncated": False}
            }
        return answer

    def _cancel(self, asked):
        self.runs.cancel(self._run(asked))
        return {}

    def _run(self, asked):
        if "run_id" not in asked:
            raise _invalid("Missing required field: run_id")
        try:
            return self.runs.all[int(asked["run_id"])]
        except (KeyError, ValueError):
            raise _invalid(f"Run {asked['run_id']} does not exist.") from None


def _name_of(method, path):
    found = PATH.fullmatch(path)
    if not found or METHODS[found[1]] != method:
        raise RefusedError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {path}'")
    return found[1]


def check_submitted(asked):
    """Refuse what the service refuses; one task, since nothing here submits more."""
    tasks = asked.get("tasks")
    if not isinstance(tasks, list) or len(tasks) != 1:
        raise _invalid("Missing required field: tasks (exactly one is emulated)")
    [task] = tasks
    if not re.fullmatch(r"[\w-]{1,100}", task.get("task_key", "")):
        raise _invalid("task_key: letters, digits, - and _, at most 100")
    if sum(kind in task for kind in KINDS) != 1:
        raise _invalid(f"a task is exactly one of {', '.join(KINDS)}")
    if "notebook_task" in task and not task["notebook_task"].get("notebook_path", "").startswith(
        "/"
    ):
        raise _invalid("Only absolute paths are currently supported. Paths must begin with '/'.")
    if ("new_cluster" in task) == ("existing_cluster_id" in task):
        raise _invalid("a task has either new_cluster or existing_cluster_id")
    _check_cluster(task.get("new_cluster"))
    if len(asked.get("idempotency_token", "")) > LONGEST_TOKEN:
        raise _invalid(f"idempotency_token has at most {LONGEST_TOKEN} characters")


def _check_cluster(cluster):
    if cluster is None:
        return
    if "spark_version" not in cluster:
        raise _invalid("Missing required field: settings.cluster_spec.new_cluster.spark_version")
    if not {"node_type_id", "instance_pool_id"} & cluster.keys():
        raise _invalid("Missing required field: settings.cluster_spec.new_cluster.node_type_id")
    if len({"num_workers", "autoscale"} & cluster.keys()) != 1:
        raise _invalid("Missing required field: settings.cluster_spec.new_cluster.size")


def _invalid(message):
    return RefusedError(400, "INVALID_PARAMETER_VALUE", message)


def _ms(seconds):
    return round(seconds * 1000)


def _handler_of(api):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def _answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            try:
                body = json.loads(self.rfile.read(length) or b"{}") or {}
                status, said = api.answer(self.command, self.path, self.headers, body)
            except ValueError:
                status, said = 400, _invalid("the body is no JSON object").body
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - http.server asks for these names

    return Handler
