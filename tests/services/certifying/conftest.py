"""A demo's authorities, open, in the hands of a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.certifying import Home, demo_home

from appliance.services.certifying.certifier import Certifier


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return demo_home(tmp_path)


@pytest.fixture
def certifier(home: Home) -> Iterator[Certifier]:
    opened = home.open()
    yield opened
    opened.close()
