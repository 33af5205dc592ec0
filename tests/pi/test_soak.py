"""The soak script's verdict on a row of readings."""

import numpy as np
import pytest

from tests.pi.soak import fit

SECONDS = [10.0 * index for index in range(180)]


def readings(slope_an_hour: float, seed: int, noise: float = 0.3, memory: float = 0.9) -> list[float]:
    """MB of a process whose readings follow one another: an AR(1) process on a slope."""
    random = np.random.default_rng(seed)
    values, rest = [], 0.0
    for second in SECONDS:
        rest = memory * rest + random.normal(0, noise)
        values.append(100 + slope_an_hour * second / 3600 + rest)
    return values


def test_a_memory_that_does_not_move_is_steady():
    line = fit(SECONDS, [108.6] * len(SECONDS))
    assert line.slope == pytest.approx(0.0, abs=1e-9)
    assert not line.grows


def test_noise_that_follows_itself_is_not_called_growth():
    """A bare standard error of independent readings would cry wolf in about half of these."""
    assert sum(fit(SECONDS, readings(0.0, seed)).grows for seed in range(60)) <= 6


def test_a_leak_is_seen():
    assert all(fit(SECONDS, readings(20.0, seed)).grows for seed in range(20))
    line = fit(SECONDS, [100 + 2 * second / 3600 for second in SECONDS])
    assert (line.slope, line.grows) == (pytest.approx(2.0), True)
