"""Devices of the box: each driver is a pure codec and a thin device.

Nothing here knows of `appliance`.  The receivers, the modem and the oscillator move in with the
time subsystem; until then the room is empty and `appliance.services.timekeeping` publishes demo time.
"""
