"""What the gateway's process is made of."""

import subprocess
import sys

HEAVY = {"deltalake", "duckdb", "nanoarrow", "sqlglot"}


def test_the_gateway_loads_no_library_that_reads_tables():
    script = f"import sys, pinlake.run.serve; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
