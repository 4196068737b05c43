"""What a test needs of the machine: missing, it is skipped with the reason, or fails at the merge gate."""

import os

import pytest

SWITCH = "PINLAKE_REQUIRE_ALL"


def require(condition, reason):
    """Go on if the condition holds; else skip, or fail where PINLAKE_REQUIRE_ALL=1."""
    if condition:
        return
    if os.environ.get(SWITCH) == "1":
        pytest.fail(f"{reason} ({SWITCH}=1)", pytrace=False)
    pytest.skip(reason)
