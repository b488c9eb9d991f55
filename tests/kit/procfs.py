"""What a process holds, from proc(5)."""

from pathlib import Path


def descriptors(pid: int) -> int:
    """Count the open descriptors of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def pss_kib(pid: int) -> int:
    """Give the proportional set size of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def disk_octets(folder: Path) -> int:
    """Add up what the files under a folder take on disk."""
    octets = 0
    for path in folder.rglob("*"):
        try:
            octets += path.lstat().st_blocks * 512
        except FileNotFoundError:  # a file that was just taken away
            continue
    return octets


def socket_inodes(pid: int) -> set[str]:
    """Give the inodes of the sockets that a process has open."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def accepted_inode(port: int, client_port: int) -> str:
    """Give the inode of the server's end of a TCP connection over IPv4 loopback."""
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        local, remote, inode = (line.split()[field] for field in (1, 2, 9))
        if (local[-4:], remote[-4:]) == (f"{port:04X}", f"{client_port:04X}"):
            return inode
    raise AssertionError(f"no connection from port {client_port} to {port}")
