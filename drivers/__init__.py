"""Devices of the box: each driver is a pure codec and a thin device.

Nothing here knows of `appliance`; `api` has the readings that go up.  `simulated` holds the
devices of the demo and of the scenarios, which speak the same protocols.
"""
