"""Satellite receivers: NMEA 0183, UBX and CASIC on a serial line, and gpsd's JSON.

`nmea`, `ubx`, `casic` and `gpsd` are codecs, both ways, pure; `splitter` cuts a mixed stream into
their frames; `epoch` makes one GnssEpoch of each second; `receiver` and `gpsd_client` are the
devices.  No clock is read here and no position is kept.  Read `splitter` next.
"""
