import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pinlake.run.supervisor import BackOff, Service, Supervisor


def test_back_off_doubles_up_to_its_most():
    back_off = BackOff(first=0.5, most=4.0)
    assert [back_off.delay(n) for n in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert back_off.delay(10_000) == 4.0


def test_a_healthy_run_forgets_the_failures_before_it():
    back_off = BackOff(healthy=60.0)
    assert back_off.failures(5, ran_seconds=59.0) == 6
    assert back_off.failures(5, ran_seconds=60.0) == 1


def test_a_killed_service_starts_again_and_the_others_go_on(tmp_path):
    supervisor = _serving(tmp_path, "one", "two")
    try:
        first, second = (child.process for child in supervisor.children)
        first.send_signal(signal.SIGKILL)
        _until(lambda: [child.service.name for child in supervisor.tend()] == ["one"])
        _until(lambda: supervisor.tend() == [] and supervisor.children[0].process is not None)
        assert supervisor.children[0].process.pid != first.pid
        assert supervisor.children[1].process is second
        assert second.poll() is None
    finally:
        supervisor.stop()


def test_a_service_that_cannot_run_says_its_last_words(tmp_path):
    (tmp_path / "home").write_text("a file in the way")
    service = Service("broken", ("serve", "--home", str(tmp_path / "home")))
    supervisor = Supervisor([service], tmp_path / "logs")
    supervisor.start()
    ended = []
    try:
        _until(lambda: ended.extend(supervisor.tend()) or ended)
        assert "cannot be used as a pinlake home" in ended[0].last_words()
    finally:
        supervisor.stop()


def test_stopping_ends_every_service(tmp_path):
    supervisor = _serving(tmp_path, "one", "two")
    processes = [child.process for child in supervisor.children]
    supervisor.stop()
    assert [process.poll() for process in processes] == [0, 0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_services_end_with_a_supervisor_that_is_killed(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, __file__, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    _wait_for_listening(tmp_path / "logs" / "one.log")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _until(lambda: not _runs(child))


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _serving(folder, *names):
    services = [
        Service(name, ("serve", "--port", "0", "--home", str(folder / name))) for name in names
    ]
    supervisor = Supervisor(services, folder / "logs", back_off=BackOff(first=0.05))
    supervisor.start()
    for name in names:
        _wait_for_listening(folder / "logs" / f"{name}.log")
    return supervisor


def _wait_for_listening(log):
    _until(lambda: log.exists() and "Listening" in log.read_text())


def _until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


if __name__ == "__main__":
    started = _serving(Path(sys.argv[1]), "one")
    print(started.children[0].process.pid, flush=True)
    time.sleep(600)
