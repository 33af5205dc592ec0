"""An Edge TPU that fails while in use: the same frame is decided by the CPU."""

import os
import signal

import numpy as np
import pytest

from tests.coral_fakes import answer, make_accelerator, open_models


def pid(accelerator) -> int:
    return accelerator._child._process.pid


@pytest.mark.parametrize(
    ("word", "message"),
    [("fail", "USB transfer error 5"), ("abort", "gave up (SIGABRT)"), ("hang", "hangs (run: no answer")],
)
def test_the_same_frame_is_decided_by_the_cpu(stick, models, library, clock, log, word, message):
    expected = answer(open_models([models[0].card.path])[0])
    with make_accelerator(models, library, clock, infer_s=1.0 if word == "hang" else 30.0) as accelerator:
        assert accelerator.start()
        stick.behave(word, "invoke")
        assert [a.tolist() for a in answer(models[0])] == [b.tolist() for b in expected]
        assert message in accelerator.degraded
    assert message in log.records[-1].getMessage()


def test_a_stick_that_is_pulled_out_is_said_to_be_gone_and_taken_back(stick, models, library, clock, log):
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()
        stick.unplug()
        stick.behave("abort", "invoke")
        answer(models[0])
        assert "has gone from USB or PCIe" in accelerator.degraded
        for _ in range(4):
            clock.now += 5
            answer(models[0])
        assert (
            sum("has gone" in record.getMessage() for record in log.records) == 1
        )  # not again at every look
        stick.plug()
        stick.behave("good", "always")
        clock.now += 5
        answer(models[0])
        assert accelerator.degraded  # until its trial is over
        assert accelerator.start()
        assert accelerator.degraded is None


def test_a_killed_child_is_noticed_at_the_next_frame(stick, models, library, clock):
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()
        os.kill(pid(accelerator), signal.SIGKILL)
        answer(models[0])
        assert "SIGKILL" in accelerator.degraded


def test_tries_come_at_growing_waits_and_never_block(stick, models, library, clock):
    stick.behave("crash", "load")
    tries = []
    with make_accelerator(models, library, clock, retry_s=(5.0, 10.0, 20.0, 40.0)) as accelerator:
        begin = clock.now
        while len(tries) < 6:
            answer(models[0])
            if accelerator._child is not None:
                tries.append(clock.now - begin)
                accelerator.start()
            clock.now += 1
    assert np.diff(tries).tolist() == [5, 10, 20, 40, 40]


def test_after_a_steady_time_the_wait_begins_anew(stick, models, library, clock):
    with make_accelerator(models, library, clock, steady_s=100.0) as accelerator:
        waits = []
        for steady in (0, 0, 101):
            stick.behave("good", "always")
            assert accelerator.start()
            clock.now += steady
            stick.behave("fail", "invoke")
            answer(models[0])
            begin = clock.now
            while accelerator._child is None:
                clock.now += 1
                answer(models[0])
            waits.append(clock.now - begin)
    assert waits == [5, 10, 5]


def test_closing_ends_even_a_child_that_hangs(stick, models, library, clock):
    stick.behave("hang", "load")
    accelerator = make_accelerator(models, library, clock)
    answer(models[0])
    process = accelerator._child._process
    accelerator.close()
    accelerator.close()
    assert process.returncode == -signal.SIGKILL
