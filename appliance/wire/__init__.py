"""Bytes on sockets: HTTP, the TSP transports and the frames between our own processes.

Limits, deadlines and framing live here; decisions live in `services` and below.
"""
