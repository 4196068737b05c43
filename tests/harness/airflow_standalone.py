"""Run by Airflow's Python: ``airflow standalone`` without its log servers.

They listen on every address of the machine, and no setting says otherwise; what is
left (scheduler, DAG processor, triggerer, API) listens on loopback or not at all.
"""

from airflow.cli.commands import standalone_command
from airflow.cli.commands.standalone_command import StandaloneCommand, SubCommand

SERVING_LOGS = ("scheduler", "triggerer")


def quiet(parent, name, command, env):
    """Return the part of Airflow that serves no logs."""
    return SubCommand(
        parent, name, [*command, "--skip-serve-logs"] if name in SERVING_LOGS else command, env
    )


if __name__ == "__main__":
    standalone_command.SubCommand = quiet
    StandaloneCommand().run()
