"""Devices of the box: each driver is a pure codec and a thin device.

Nothing here knows of `appliance`.  The receivers, the modem and the oscillator are not built yet;
until they are, `appliance.services.clock.timekeeping` publishes the host's clock.
"""
