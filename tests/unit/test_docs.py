"""The docs tell of every command, option and setting, and of none that is not there."""

import re
from pathlib import Path

import pytest
import typer.main

from pinlake import settings
from pinlake.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_reference_with_all_its_options(name):
    reference = (ROOT / "docs" / "reference.md").read_text("utf-8")
    section = reference.partition(f"## pinlake {name}\n")[2].partition("\n## ")[0]
    assert section, f"docs/reference.md has no section '## pinlake {name}'"
    for parameter in COMMANDS[name].params:
        shown = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.name.upper()
        assert f"`{shown}" in section, f"{name}: {shown} is not explained"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_in_its_help(name):
    assert "Example: `" in COMMANDS[name].help


@pytest.mark.parametrize("name", settings.variables())
def test_every_setting_stands_in_the_reference(name):
    reference = (ROOT / "docs" / "reference.md").read_text("utf-8")
    assert f"| `{name}` |" in reference


def test_every_command_in_the_docs_exists():
    told = set(re.findall(r"pinlake ([a-z]+)(?=[ `\n])", "\n".join(_code())))
    assert told <= set(COMMANDS), f"the docs tell of {sorted(told - set(COMMANDS))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_source_file_that_a_page_names_exists(page):
    for name in re.findall(
        r"`((?:src|tests|script|benchmarks|deploy|docs|\.ci)/[\w./-]*\w)`", page.read_text()
    ):
        assert (ROOT / name).exists(), f"{page.name} names {name}"


def _code():
    """Return what stands in code: blocks and spans."""
    return re.findall(r"```.*?```|`[^`\n]+`", TEXT, flags=re.DOTALL)
