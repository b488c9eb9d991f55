"""One file a parser: `one_input` fails when any octets make the parser break its promise.

Nothing here needs a fuzzer: the saved corpus is replayed by plain tests.
"""
