"""One process that runs stages and answers questions of its home, as it is told line by line.

A session of Spark is started once and serves all of it. What it reads: the name of a stage
(run to what is there), ``answers``, ``quality``; what it writes: a line of JSON for each.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path

STAGES = ("sink", "load", "clean", "stream")
SOURCES = ("clean", "stream")


class StageProcess:
    """The process, as a test tells it what to do."""

    def __init__(self, home, environment):
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def drain(self):
        """Run every stage to what is there, and return what each says it did."""
        return [self.do(stage) for stage in STAGES]

    def do(self, what):
        """Have it do something, and return what it says."""
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        assert said, f"the process ended over {what}"
        return json.loads(said)


def _serve(home):
    from pinlake.home import open_home
    from pinlake.settings import read
    from pinlake.stage.loop import run_stage
    from pinlake.telemetry import configure

    configure()
    session = _spark(read(home).settings)
    for line in sys.stdin:
        what = line.strip()
        at, dataset = open_home(home)
        if what == "answers":
            said = _answers(home)
        elif what == "quality":
            said = _quality(home)
        else:
            said = str(run_stage(what, at, dataset, once=True, stop=threading.Event()))
        print(json.dumps(said), flush=True)
    if session is not None:
        session.spark.stop()


def _spark(settings):
    if settings.engine != "spark":
        return None
    from pinlake.engine.spark.session import opened

    return opened(settings.spark)


def _answers(home):
    """Return each question's columns with their types and its rows, over both layers."""
    import pinlake

    with pinlake.open(home) as lake:
        return {
            f"{source}: {question}": _told(lake.ask(question, source))
            for source in SOURCES
            for question in sorted(lake.questions())
        }


def _quality(home):
    """Return every finding of the data set's expectations, over both layers."""
    import pinlake
    from pinlake.query.quality import findings

    with pinlake.open(home) as lake:
        return [
            repr(finding)
            for source in SOURCES
            for table in lake.dataset.tables.values()
            for finding in findings(lake, table, source)
        ]


def _told(answer):
    return [[f"{each.name} {each.type}" for each in answer.columns], [*map(repr, answer.rows())]]


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
