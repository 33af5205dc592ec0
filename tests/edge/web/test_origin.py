"""Host and Origin: what a page of another site, or of another name, may not do."""

import ipaddress
import socket

import pytest

from edge.web.network import Address
from edge.web.origin import Names, came_by_https, client_address, host_name, is_foreign

PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)
OWN = socket.gethostname().lower()


@pytest.mark.parametrize(
    ("listen", "host", "known"),
    [
        ("127.0.0.1", "127.0.0.1:8080", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "localhost:8080", True),
        ("127.0.0.1", "LOCALHOST:8080", True),
        ("127.0.0.1", "localhost.:8080", True),
        ("127.0.0.1", "[::1]:8080", True),
        ("127.0.0.1", "192.168.1.5:8080", False),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "evil.example:8080", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "door.example", True),
        ("127.0.0.1", "Door.Example:443", True),
        ("127.0.0.1", "user@127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1/..", False),
        ("127.0.0.1", "127.0.0.1:99999", False),
        ("0.0.0.0", "192.168.1.5:8080", True),
        ("0.0.0.0", "[fe80::1]:8080", True),
        ("0.0.0.0", "localhost:8080", True),
        ("0.0.0.0", f"{OWN}:8080", True),
        ("0.0.0.0", f"{OWN.partition('.')[0]}.local:8080", True),
        ("0.0.0.0", "evil.example", False),
        ("192.168.1.5", "192.168.1.5:8080", True),
        ("192.168.1.5", "192.168.1.6:8080", False),
        ("192.168.1.5", "localhost", False),
    ],
)
def test_which_host_names_are_ours(listen, host, known):
    assert Names.of(Address(listen, 8080), "door.example, other.example").know(host) is known


@pytest.mark.parametrize(
    ("host", "name"),
    [("a.b:80", "a.b"), ("[::1]:80", "::1"), ("a b", "a b"), ("a?b", None), ("a#b", None), ("[::1", None)],
)
def test_the_name_in_a_host_header(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"Host": "door:8080", "Origin": "http://door:8080"}, False),
        ({"Host": "Door:8080", "Origin": "http://door:8080"}, False),
        ({"Host": "door", "Origin": "https://door"}, False),
        ({"Host": "door:8080", "Origin": "http://door:3000"}, True),
        ({"Host": "door:8080", "Origin": "http://door"}, True),
        ({"Host": "door:8080", "Origin": "http://evil.example"}, True),
        ({"Host": "door:8080", "Origin": "http://door:8080.evil.example"}, True),
        ({"Host": "door:8080", "Origin": "null"}, True),
        ({"Host": "door:8080", "Origin": ""}, True),
        ({"Host": "door:8080", "Origin": "file://"}, True),
        ({"Host": "door:8080", "Origin": "http://[door:8080"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Host": "door", "Origin": "http://door", "Sec-Fetch-Site": "cross-site"}, True),
    ],
)
def test_which_requests_come_from_other_sites(headers, foreign):
    assert is_foreign(headers) is foreign


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.168.1.9", "1.2.3.4", "192.168.1.9"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
    ],
)
def test_the_client_behind_a_proxy(peer, forwarded, address):
    assert client_address(peer, {"X-Forwarded-For": forwarded}, PROXIES) == address


def test_only_a_trusted_proxy_says_https():
    headers = {"X-Forwarded-Proto": "https"}
    assert came_by_https("10.1.1.1", headers, PROXIES)
    assert not came_by_https("192.168.1.1", headers, PROXIES)
    assert not came_by_https("10.1.1.1", {"X-Forwarded-Proto": "http"}, PROXIES)
