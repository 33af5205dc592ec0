"""In place of the display driver's module, which picamera2 imports even where nothing is shown."""

from unittest.mock import MagicMock

PixelFormat = MagicMock()
