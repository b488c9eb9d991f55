"""HTTP/1.1 for every port: heads read whole, bodies bounded, replies in order.

`site` is the door; what is asked through it stands in `wire/tsp`, `wire/rest` and beside.
"""
