"""4G and 5G modems by their AT commands: network time and how well the network is heard.

`at` reads answers and is pure; `modem` is the device.  What comes out is good to 2 s and has no
vote on less: a modem without a pulse cannot time a token.  Read `at` next.
"""
