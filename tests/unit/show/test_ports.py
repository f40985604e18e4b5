"""A port that is named before it is served stays free for whoever serves it."""

import socket

import pytest

from scripts.show.ports import held_port


def test_a_server_may_listen_on_a_held_port_and_come_back():
    with held_port() as port:
        for _ in range(2):
            with (
                socket.create_server(("127.0.0.1", port)) as server,
                socket.create_connection(("127.0.0.1", port)),
            ):
                server.accept()[0].close()


def test_a_held_port_is_nobody_elses():
    with held_port() as port, socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))


def test_two_held_ports_differ():
    with held_port() as one, held_port() as other:
        assert one != other
