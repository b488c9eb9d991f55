"""The clock as a service: devices in, the page out, and what follows it.

Begin with `disciplining`; `timekeeping` is for boxes without devices.
"""
