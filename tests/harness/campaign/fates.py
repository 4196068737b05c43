"""How each life of a service ends, drawn from a seed: at a moment, or at a call to the disk."""

import random
from typing import NamedTuple

from harness.campaign.shim import Rule

STAGES = ("sink", "load", "clean", "stream")
SERVICES = ("serve", *STAGES)
OUTPUTS = {
    "load": ("quarantine/load", "raw"),
    "clean": ("clean",),
    "stream": ("quarantine/stream", "stream"),
}
"""The folders of tables that a stage commits to, in this order."""

MOMENTS = {"serve": (0.5, 6.0)}
"""Seconds at work of a life that ends at a moment; of a stage up to 2."""

COMMIT = "[0-9]" * 20 + ".json"

MAINTAIN = [
    Rule("name", f"lake/clean/*/_delta_log/{COMMIT}", when="after"),
    Rule("name", f"lake/raw/*/_delta_log/{COMMIT}"),
    Rule("write", "lake/stream/*/_draft-*/part-*", action="tear"),
    Rule("name", f"lake/stream/*/_delta_log/{COMMIT}", when="after"),
    Rule("remove", "lake/*/*/part-*", 2),
    Rule("remove", f"lake/*/*/_delta_log/{COMMIT}", 2),
]
"""Where ``pinlake maintain`` is killed."""


class Fate(NamedTuple):
    """How a life ends: so many seconds after it has got to work, unless the rule ends it before.

    ``early``: while it starts, after so many seconds of processor time.
    """

    working: float
    rule: Rule | None = None
    early: float | None = None


def boundaries(service):
    """Return (the steps of plan, write and commit, the other calls) at which a service may die."""
    if service == "serve":
        return _of_log()
    parts = [_of_plan(service)]
    parts += [_of_table(f"lake/{folder}/*") for folder in OUTPUTS.get(service, ())]
    parts += [_of_objects()] if service == "sink" else []
    return [rule for steps, _ in parts for rule in steps], [
        rule for _, others in parts for rule in others
    ]


class Fates:
    """The fates of a service's lives, one after another, from a seed.

    First each step of plan, write and commit, until each was met, then two in
    three at any boundary, in turn, the others at any moment.
    """

    def __init__(self, service, seed):
        self._rng = random.Random(f"{seed}/{service}")
        self._moments = MOMENTS.get(service, (0.0, 2.0))
        steps, others = boundaries(service)
        self._steps, self._all = self._mixed(steps), steps + others
        self._turns, self._owed = [], set(steps)

    def next(self):
        if self._rng.random() < 0.33:
            return self._moment()
        if self._steps:
            return Fate(self._rng.uniform(5.0, 8.0), self._steps.pop())
        self._turns = self._turns or self._mixed(self._all)
        rule = self._turns.pop()._replace(nth=self._rng.choice((1, 1, 2, 3, 5)))
        return Fate(self._rng.uniform(3.0, 5.0), rule)

    @property
    def owed(self):
        """How many steps of plan, write and commit were never met."""
        return len(self._owed)

    def met(self, fate):
        """Note a step that was met."""
        self._owed.discard(fate.rule)

    def missed(self, fate):
        """Have a step that was not met come again."""
        if fate.rule in self._owed:
            self._steps.insert(0, fate.rule)

    def _mixed(self, rules):
        return self._rng.sample(rules, len(rules))

    def _moment(self):
        """Return a moment: one in four while it starts."""
        if self._rng.random() < 0.25:
            return Fate(0.0, early=self._rng.uniform(0.0, 1.0))
        return Fate(self._rng.uniform(*self._moments))


def shown(rule):
    """Return a boundary for people: what, when, where."""
    action = "half a" if rule.action == "tear" else rule.when
    return f"{action} {rule.op} {rule.glob.replace(COMMIT, '<n>.json')}"


def _of_log():
    wal, database = "log.db-wal", "log.db"
    return [
        Rule("write", wal, 3, action="tear"),
        Rule("sync", wal, 3),
        Rule("sync", wal, 3, when="after"),
    ], [
        Rule("write", wal, when="after"),
        Rule("write", database, action="tear"),
        Rule("write", database, when="after"),
        Rule("sync", database),
        Rule("sync", database, when="after"),
    ]


def _of_plan(stage):
    folder = f"lake/progress/{stage}/*"
    return [Rule("name", f"{folder}/{COMMIT}", when="after")], [
        Rule("write", f"{folder}/.draft~*", action="tear"),
        Rule("sync", f"{folder}/.draft~*", when="after"),
        Rule("name", f"{folder}/{COMMIT}"),
        Rule("sync", folder, when="after"),
        Rule("remove", f"{folder}/{COMMIT}"),
    ]


def _of_objects():
    folder = "lake/topics/*/partition=*"
    return [
        Rule("write", f"{folder}/.draft~*", action="tear"),
        Rule("name", f"{folder}/*.json"),
        Rule("name", f"{folder}/*.json", when="after"),
    ], [
        Rule("create", f"{folder}/.draft~*", when="after"),
        Rule("sync", f"{folder}/.draft~*"),
        Rule("sync", folder, when="after"),
    ]


def _of_table(table):
    log, draft = f"{table}/_delta_log", f"{table}/_draft-*"
    return [
        Rule("name", f"{table}/part-*", when="after"),
        Rule("name", f"{log}/{COMMIT}"),
        Rule("name", f"{log}/{COMMIT}", when="after"),
    ], [
        Rule("folder", draft, when="after"),
        Rule("remove", f"{table}/part-*"),
        Rule("remove", f"{log}/{COMMIT}"),
        Rule("remove", f"{log}/{COMMIT}", when="after"),
        Rule("create", f"{draft}/part-*", when="after"),
        Rule("write", f"{draft}/part-*", action="tear"),
        Rule("name", f"{draft}/part-*", when="after"),
        Rule("name", f"{draft}/_delta_log/{COMMIT}", when="after"),
        Rule("sync", f"{draft}/part-*"),
        Rule("name", f"{table}/part-*"),
        Rule("sync", table, when="after"),
        Rule("write", f"{log}/.draft~*", action="tear"),
        Rule("sync", log, when="after"),
        Rule("write", f"{log}/*.checkpoint.parquet*", action="tear"),
        Rule("name", f"{log}/*.checkpoint.parquet", when="after"),
        Rule("name", f"{log}/_last_checkpoint"),
        Rule("sync", f"{log}/_last_checkpoint"),
    ]
