import pytest


@pytest.fixture
def changed(tmp_path):
    """A function that copies a tiny model with changes: changed("blobs", version("CONV_2D", 6))."""
    from tests.changed_models import change_model

    return lambda name, *changes: change_model(tmp_path, name, *changes)
