"""Mistakes in the table [gpio]."""

import pytest

from edge.config.reading import load_config
from edge.errors import ConfigError
from edge.host.header import HEADER


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("red = 17\nled = 17\n", "gpio.led and gpio.red are both GPIO 17; give each a pin of its own"),
        ('led = 5\nrgb = "17, 27, 5"\n', "gpio.led and gpio.rgb are both GPIO 5"),
        ("led = 28\n", "gpio.led = 28 is not a GPIO of the header"),
        ("led = 1\n", "gpio.led = 1 is not a GPIO of the header"),
        ('rgb = "17, 27"\n', 'gpio.rgb = "17, 27" is not three GPIO numbers, as in "5,6,13"'),
        ('active_low = "relais"\n', "gpio.active_low names 'relais', which is not one of all, led"),
        ('relay_on = "idle"\n', "'idle' is not one of pass, deny"),
        ("relay_max_on_s = 0\n", "relay_max_on_s = 0.0 is below 0.1"),
        ("active_low = true\n", "gpio.active_low = True is true or false, a text in quotes is needed"),
    ],
)
def test_mistakes_are_one_line_with_the_file(tmp_path, text, words):
    path = tmp_path / "config.toml"
    path.write_text("[gpio]\n" + text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_the_header_has_each_gpio_once():
    assert sorted(HEADER) == list(range(2, 28))
    assert len(set(HEADER.values())) == 26
