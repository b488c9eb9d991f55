"""Time of day for others, on serial ports: China Mobile 1PPS+TOD frames and NMEA ZDA.

`tod` and `zda` write the octets of one second, pure; `serial_output` sends them after each second
begins.  The pulse itself comes from the oscillator board.  Read `tod` next.
"""
