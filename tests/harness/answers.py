"""What a home answers to every question of its data set, and how two homes are compared."""

import pinlake
from lakehouse_rows import everything_in
from pinlake.lake.open import open_lake


def answers(home):
    """Return the columns and rows of every question's answer, by its name."""
    with pinlake.open(home) as lake:
        found = {name: lake.ask(name) for name in lake.questions()}
        return {name: (each.columns, each.rows()) for name, each in found.items()}


def titles(home):
    """Return what the questions of a home ask."""
    with pinlake.open(home) as lake:
        return [each.title for each in lake.questions().values()]


def cleaned(home):
    """Return the cleaned tables with their columns, types and rows."""
    with pinlake.open(home) as lake:
        tables = everything_in(open_lake(lake.home))
    return {name: each for name, each in tables.items() if name.startswith("clean/")}
