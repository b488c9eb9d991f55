"""Who starts the roles, watches them and is told how they do; systemd's place in production."""
