"""Things with a life cycle: asynchronous services that tie the domain to the store."""
