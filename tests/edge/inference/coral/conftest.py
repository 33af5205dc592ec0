"""Tiny models with compiled twins, a clock, the log."""

import logging

import pytest

from tests.coral_fakes import Clock, open_models, tiny_models


@pytest.fixture
def models(tmp_path):
    return open_models(tiny_models(tmp_path / "models"))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return caplog
