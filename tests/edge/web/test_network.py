"""Where it may listen: without a password on this machine alone."""

import pytest

from edge.config.reading import load_config
from edge.errors import ConfigError
from edge.web.kind import KIND
from edge.web.network import Address, NetworkConfig


def load(tmp_path, text: str):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(path, {}).of(KIND)


@pytest.mark.parametrize(
    ("listen", "address", "loopback"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080), True),
        ("127.1.2.3:80", Address("127.1.2.3", 80), True),
        ("[::1]:8080", Address("::1", 8080), True),
        ("localhost:8080", Address("localhost", 8080), True),
        ("0.0.0.0:8080", Address("0.0.0.0", 8080), False),
        ("[::]:8080", Address("::", 8080), False),
        ("192.168.1.5:8080", Address("192.168.1.5", 8080), False),
        ("door.local:8080", Address("door.local", 8080), False),
        ("[::ffff:127.0.0.1]:8080", Address("::ffff:127.0.0.1", 8080), True),
    ],
)
def test_addresses(listen, address, loopback):
    config = NetworkConfig(listen=listen, password_file="x")
    assert config.address == address
    assert address.is_loopback is loopback
    assert address.is_wildcard is (address.host in ("0.0.0.0", "::"))


@pytest.mark.parametrize(
    "listen",
    ["8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:8080", "http://x:80", "a b:1"],
)
def test_what_is_no_address_is_refused_with_an_example(listen):
    with pytest.raises(ConfigError, match="is no address with a port") as caught:
        NetworkConfig(listen=listen)
    assert "127.0.0.1:8080" in caught.value.cure


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:8080", "door.local:8080"])
def test_the_network_without_a_password_is_a_configuration_error_that_says_how(tmp_path, listen):
    with pytest.raises(ConfigError, match="open to the network, and there is no password") as caught:
        load(tmp_path, f'[web]\nlisten = "{listen}"\n')
    assert caught.value.exit_code == 78
    assert "mask-edge web password" in caught.value.cure
    assert load(tmp_path, f'[web]\nlisten = "{listen}"\npassword_file = "web"\n').listen == listen


def test_a_tokens_file_alone_is_no_password(tmp_path):
    with pytest.raises(ConfigError, match="there is no password"):
        load(tmp_path, '[web]\nlisten = "0.0.0.0:8080"\ntokens_file = "tokens"\n')


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('trusted_proxies = "10.0.0.300"', "web.trusted_proxies"),
        ('hosts = "https://door.example"', "is no host name"),
        ('cert = "cert.pem"', "go together"),
        ('key = "key.pem"', "go together"),
        ('pictures = "sharp"', "not one of blurred, none, full"),
        ("fps = 0", "below 0.2"),
        ("viewers = 0", "below 1"),
    ],
)
def test_keys_that_make_no_sense_are_named(tmp_path, line, words):
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, f"[web]\n{line}\n")


def test_it_is_off_and_blurred_by_default(tmp_path):
    config = load(tmp_path, "")
    assert not KIND.is_on(config)
    assert config.pictures == "blurred"
    assert KIND.blurs(config)
    assert not KIND.blurs(load(tmp_path, '[web]\npictures = "none"\n'))


def test_the_environment_switches_it_on():
    assert load_config(None, {"MASK_EDGE_WEB_LISTEN": "127.0.0.1:1234"}).of(KIND).address.port == 1234
