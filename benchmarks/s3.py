"""Time load and clean over S3 against the same over files, turn by turn in one run.

.venv/bin/python benchmarks/s3.py [--posts 1000000] [--runs 3]
The server is versitygw, on this machine and its cores; without it moto's, which is slow itself.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import load_clean

from pinlake.lake.file import FileLake
from pinlake.lake.s3 import S3Lake
from pinlake.lake.store import Lake
from pinlake.settings import S3

TESTS = str(Path(__file__).parents[1] / "tests")
BUCKET = "lakes"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--posts", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--endpoint", help=argparse.SUPPRESS)
    arguments.add_argument("lake", nargs="?", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.lake:
        print(json.dumps(load_clean.load_and_clean(opened(options.lake, options.endpoint))))
        return
    sys.path.append(TESTS)
    from harness import s3_server

    os.environ.update(s3_server.KEYS)
    serve = s3_server.versitygw if s3_server.program() else s3_server.moto
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        (folder / "server").mkdir()
        megabytes = load_clean.write_objects(folder, options.posts)
        print(f"{options.posts} posts, 3 records each, {megabytes:.0f} MB of JSON lines")
        with serve(folder / "server") as endpoint:
            compare(folder, endpoint, options.runs)


def compare(folder: Path, endpoint: str, runs: int) -> None:
    found: dict[str, list[float]] = {"load": [], "clean": [], "both": []}
    for run in range(runs):
        over_files, over_s3 = of_files(folder), of_s3(folder, endpoint, run)
        for name, took in (("files", over_files), ("S3", over_s3)):
            print(f"{name}: load {took['load']:.2f} s, clean {took['clean']:.2f} s", flush=True)
        for part, ratios in found.items():
            ratios.append(over_files[part] / over_s3[part])
    for part, ratios in found.items():
        print(f"S3's speed over files', {part}: {statistics.median(ratios):.2f} (median of {runs})")


def of_files(folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as lake:
        Path(lake, "topics").symlink_to(folder / "topics")
        return timed(Path(lake).as_uri(), "")


def of_s3(folder: Path, endpoint: str, run: int) -> dict[str, float]:
    url = f"s3://{BUCKET}/run-{run}"
    lake = opened(url, endpoint)
    paths = list((folder / "topics").rglob("*.json"))
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(lambda path: lake.put(str(path.relative_to(folder)), path.read_bytes()), paths)
        )
    try:
        return timed(url, endpoint)
    finally:
        shutil.rmtree(home_of(url), ignore_errors=True)
        lake.delete_tree("topics")


def timed(url: str, endpoint: str) -> dict[str, float]:
    """Return the seconds of a process's load and clean, without its start."""
    command = [sys.executable, __file__, "--endpoint", endpoint, url]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    marks = [wall for wall, _ in json.loads(done.stdout)]
    steps = [after - before for before, after in itertools.pairwise(marks)]
    return {"load": sum(steps[::2]), "clean": sum(steps[1::2]), "both": sum(steps)}


def opened(url: str, endpoint: str) -> Lake:
    if not endpoint:
        return FileLake(url)
    return S3Lake(url, S3(endpoint=endpoint, path_style=True, allow_http=True), home_of(url))


def home_of(url: str) -> Path:
    return Path(tempfile.gettempdir()) / f"pinlake-s3-{os.getuid()}-{url.rpartition('/')[2]}"


if __name__ == "__main__":
    main()
