"""Pulses of the oscillator on the host's raw clock: the kernel's /dev/ppsN, or its recorded twin.

`tie` is pure: it carries a pulse from CLOCK_REALTIME to CLOCK_MONOTONIC_RAW and sees steps;
`kernel` and `recorded` are the devices.  Read `tie` next.
"""
