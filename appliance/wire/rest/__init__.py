"""The REST layer: a typed table of operations, from which come checks, routes and OpenAPI.

`table` says what an operation is, `dispatch` runs one, `openapi` describes them all.  What the
operations do is in `wire/rooms`.
"""
