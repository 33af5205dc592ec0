"""Models on the Pi: their cards, the TFLite interpreter, the face detectors and the mask classifier."""
