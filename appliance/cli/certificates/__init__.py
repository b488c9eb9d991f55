"""`shiyin ca`, `certs` and `accounts`: the authorities by their socket, the rest by the API."""
