"""Time the sample and the producer against a gateway: python benchmarks/producer.py [posts]."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pinlake.dataset import load
from pinlake.producer.emulation import post
from pinlake.source.database import DatabaseSource
from pinlake.source.sample import write_sample


@contextlib.contextmanager
def gateway(home: Path) -> Iterator[str]:
    """Run a gateway and yield its URL."""
    command = [sys.executable, "-m", "pinlake", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--home", str(home)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
        server.terminate()


def main(posts: int) -> None:
    """Print rows and posts a second."""
    pinterest = load("pinterest")
    with tempfile.TemporaryDirectory() as folder, gateway(Path(folder) / "home") as url:
        database = f"sqlite:///{folder}/source.db"
        start = time.perf_counter()
        write_sample(pinterest, database, 1_000_000)
        print(f"sample: a million posts in {time.perf_counter() - start:.1f} s")
        with DatabaseSource(database) as source:
            source.rows_at("pinterest_data", [0])
            for via, batch in [("kafka", 1), ("kafka", 100), ("kinesis", 1), ("kinesis", 100)]:
                wall, processor = time.perf_counter(), time.process_time()
                post(
                    pinterest, source, url, via=via, posts=posts, user_id="0abc12345678",
                    seed=None, rate=None, state=Path(folder) / f"{via}-{batch}.json", batch=batch,
                )  # fmt: skip
                wall, processor = time.perf_counter() - wall, time.process_time() - processor
                print(
                    f"{via}, {batch} a request: {posts / wall:.0f} posts/s, "
                    f"{processor / posts * 1e6:.0f} µs of processor a post"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
