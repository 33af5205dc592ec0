"""Libraries that may be missing."""

import sys

import pytest

from edge.errors import MissingLibraryError
from edge.optional import import_cv2, installed


def test_a_missing_opencv_names_both_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingLibraryError) as caught:
        import_cv2()
    assert caught.value.what.startswith("OpenCV is missing")
    assert "python3-opencv" in caught.value.cure
    assert "opencv-python-headless" in caught.value.cure


@pytest.mark.parametrize(
    ("module", "there"), [("json", True), ("no_such_library", False), ("no_such_library.inner", False)]
)
def test_installed(module, there):
    assert installed(module) is there


def test_installed_does_not_import(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    assert installed("this")
    assert "this" not in sys.modules
