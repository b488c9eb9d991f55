"""Fixtures every test may use; see tests/kit for the things they are made of."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
