"""The rooms of the application and admin interface: what may be asked under `/v1`, and by whom.

A room is a list of operations; the work is done by services.  `wire/rest` makes operations into
routes, checks and an OpenAPI document; `bodies` has what goes in and out.
"""
