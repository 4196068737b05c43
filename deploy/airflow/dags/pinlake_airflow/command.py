"""A task that runs the ``pinlake`` command on the worker's machine."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator, Context

from pinlake_airflow.settings import Local
from pinlake_airflow.step import Step

WRONG_USAGE = 2


class PinlakeOperator(BaseOperator):
    """Run one ``pinlake`` command to its end; its lines are the task's log.

    Returns the command's last line: one JSON object, as a dict. The command works in the
    home's parent folder, so that a pinlake.toml there counts, and it ends with
    the task: by SIGTERM when the task is killed or out of time, by itself when
    the task's process is gone. A command that is used wrongly is not tried again.
    """

    ui_color = "#fde8e4"

    def __init__(self, *, arguments: Sequence[str], local: Local, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = tuple(arguments)
        self._local = local
        self._hook: SubprocessHook | None = None

    def execute(self, context: Context) -> Any:
        """Run the command. Raises AirflowException with the last thing that it said."""
        self._hook = SubprocessHook()
        command = [*self._local.command, *self.arguments]
        environment = {**self._local.environment, "PINLAKE_HOME": str(self._local.home)}
        environment["PINLAKE_PARENT"] = str(os.getpid())
        try:
            done = self._hook.run_command(
                command, env=environment, cwd=str(self._local.home.parent)
            )
        except OSError as error:
            raise AirflowFailException(f"{error}: set PINLAKE_COMMAND to pinlake's path") from None
        if done.exit_code == WRONG_USAGE:
            raise AirflowFailException(done.output)
        if done.exit_code != 0:
            raise AirflowException(f"{done.output} (exit code {done.exit_code})")
        return _said(str(done.output))

    def on_kill(self) -> None:
        """Have the command end: it finishes its plan, or leaves it to the next run."""
        command = self._hook.sub_process if self._hook is not None else None
        if self._hook is not None and command is not None and command.poll() is None:
            self._hook.send_sigterm()


def _said(line: str) -> Any:
    """Return a JSON object as a dict; a command that finds nothing to do says nothing."""
    return json.loads(line) if line.startswith("{") else line


def command_task(step: Step, local: Local, **kwargs: Any) -> BaseOperator:
    """Return the task that carries out a step on this machine."""
    return PinlakeOperator(task_id=step.name, arguments=step.arguments, local=local, **kwargs)
