"""Where the gateway may listen."""

import socket

import pytest

from pinlake.errors import AddressRefused, AddressTaken, LogInUse
from pinlake.gateway.serve import check_address, serve
from pinlake.log.sqlite import SqliteLog
from pinlake.settings import Home


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_address_is_allowed(host):
    check_address(host, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "8.8.8.8", "example.com", ""])
def test_any_other_address_is_refused_unless_the_user_takes_the_risk(host):
    with pytest.raises(AddressRefused, match="--insecure"):
        check_address(host, insecure=False)
    check_address(host, insecure=True)


def test_a_refused_address_touches_nothing(tmp_path):
    with pytest.raises(AddressRefused):
        serve(Home(tmp_path / "home"), host="0.0.0.0", port=0, announce=pytest.fail)
    assert not (tmp_path / "home").exists()


def test_a_busy_port_is_said_to_be_busy_and_the_log_is_let_go(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AddressTaken, match=rf"127.0.0.1:{port} .*choose another with --port"):
            serve(Home(tmp_path), host="127.0.0.1", port=port, announce=pytest.fail)
    SqliteLog(tmp_path / "log.db").close()


def test_an_address_of_another_machine_is_said_to_be_unusable(tmp_path):
    with pytest.raises(AddressTaken, match=r"192\.0\.2\.1"):
        serve(Home(tmp_path), host="192.0.2.1", port=0, insecure=True, announce=pytest.fail)


def test_a_log_that_another_process_writes_is_left_alone(tmp_path):
    log = SqliteLog(tmp_path / "log.db")
    with pytest.raises(LogInUse):
        serve(Home(tmp_path), host="127.0.0.1", port=0, announce=pytest.fail)
    log.close()
