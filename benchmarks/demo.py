"""Time `pinlake demo` from an empty home: wall seconds, and processor seconds of the whole tree.

.venv/bin/python benchmarks/demo.py [--posts 500] [--runs 3]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--posts", type=int, default=500)
    arguments.add_argument("--runs", type=int, default=3)
    options = arguments.parse_args()
    runs = [demo(options.posts) for _ in range(options.runs)]
    wall, processor = (statistics.median(column) for column in zip(*runs, strict=True))
    print(
        f"pinlake demo, {options.posts} posts a route, {options.runs} runs: "
        f"median {wall:.1f} s wall, {processor:.1f} s processor"
    )


def demo(posts: int) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [sys.executable, "-m", "pinlake", "demo", "--posts", str(posts), "--home", home],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, used


if __name__ == "__main__":
    main()
