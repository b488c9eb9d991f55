"""gpsd's lines: each gives a report and perhaps an epoch, or is Garbled."""

from drivers.api import Garbled
from drivers.gnss import gpsd


def one_input(data: bytes) -> None:
    epochs = gpsd.GpsdEpochs("gpsd")
    for line in data.split(b"\n"):
        try:
            report = gpsd.decode(line)
            if report is not None:
                assert gpsd.decode(gpsd.encode(report)) == report
                epochs.take(report, 0)
        except Garbled:
            continue
