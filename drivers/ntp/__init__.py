"""NTP without sockets: packets, one exchange as a client, one reply as a server, chrony's SOCK.

`packet` is the 48-octet header with integer timestamps; `exchange` and `responder` are pure, the
front owns the sockets; `chrony_sock` feeds chronyd.  Read `packet` next.
"""
