"""Progress bars: on a terminal, on the error stream, for work that takes long, where it is asked for."""

import time

import pytest

from spikewright import progress


@pytest.fixture(autouse=True)
def restore() -> "object":
    """Leave no progress on for other tests."""
    yield
    progress.enable(False)


def work(capsys: pytest.CaptureFixture[str]) -> str:
    with progress.progress("digging", 4) as advance:
        for _ in range(4):
            advance(1, "deep")
            time.sleep(0.06)
    with progress.waiting("drying"):
        time.sleep(0.1)
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize(("enabled", "terminal", "delay", "shown"), [
    (True, True, 0.0, True), (False, True, 0.0, False), (True, False, 0.0, False), (True, True, 9.0, False),
])  # fmt: skip
def test_is_shown_where_it_should_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, enabled: bool, terminal: bool,
    delay: float, shown: bool,
) -> None:  # fmt: skip
    monkeypatch.setenv("TTY_COMPATIBLE", str(int(terminal)))
    monkeypatch.setattr(progress, "DELAY_S", delay)
    progress.enable(enabled)
    printed = work(capsys)
    assert ("digging: deep" in printed) is shown
    assert ("drying" in printed) is shown
    assert bool(printed) is shown


def test_ends_with_the_work(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    progress.enable()
    start = time.monotonic()
    with pytest.raises(ZeroDivisionError), progress.waiting("failing"):
        raise ZeroDivisionError
    assert time.monotonic() - start < progress.DELAY_S, "it does not wait for the bar to come up"
    assert capsys.readouterr() == ("", "")
