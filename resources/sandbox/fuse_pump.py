"""Mounts one FUSE file system and pumps the kernel's messages to standard output and back from standard input.

usage: python3 -c "$(cat fuse_pump.py)" MOUNTPOINT FUSERMOUNT

Only the standard library and fusermount3 are needed. The file system itself is the sandbox's: it reads requests
from this process's output and writes replies to its input, both exactly as the kernel has them. When the input
closes, whatever the reason, the file system is unmounted. Should this process be killed, fusermount3 (started with
auto_unmount) sees its socket close and unmounts.
"""

import array
import os
import signal
import socket
import subprocess
import sys
import threading

# The largest message: one write of 1 MiB and its header (FUSE_INIT's max_write in the sandbox).
LARGEST = (1 << 20) + 4096


def open_mount(mountpoint, fusermount):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    options = "auto_unmount,nosuid,nodev,default_permissions,fsname=waybill-sandbox,subtype=waybill"
    # The child keeps running for auto_unmount, so its ending is not waited for.
    subprocess.Popen(
        [fusermount, "-o", options, "--", mountpoint],
        env=dict(os.environ, _FUSE_COMMFD=str(theirs.fileno())),
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()
    fds = array.array("i")
    _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(fds.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: fds.itemsize])
    if not fds:
        sys.exit("fusermount3 gave no file system")
    return fds[0], ours


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def pump_requests(device):
    try:
        while True:
            try:
                request = os.read(device, LARGEST)
            except InterruptedError:
                continue
            if not request:
                return
            write_all(1, request)
    except OSError:
        # ENODEV: the file system was unmounted. EPIPE: the sandbox is gone, which the other pump notices too.
        return


def read_exactly(count):
    parts = []
    while count > 0:
        part = os.read(0, count)
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def pump_replies(device):
    while True:
        head = read_exactly(4)
        if head is None:
            return
        rest = read_exactly(int.from_bytes(head, sys.byteorder) - 4)
        if rest is None:
            return
        try:
            os.write(device, head + rest)
        except OSError as error:
            # ENOENT: whoever asked has gone. ENODEV: so has the file system.
            if error.errno not in (2, 19):
                print("fuse reply refused: %s" % error, file=sys.stderr, flush=True)


def main():
    mountpoint, fusermount = sys.argv[1:3]
    # A Ctrl-C reaches the whole group; this process ends when the sandbox closes its input, after the last reply.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    device, alive = open_mount(mountpoint, fusermount)
    threading.Thread(target=pump_requests, args=(device,), daemon=True).start()
    try:
        pump_replies(device)
    finally:
        subprocess.call([fusermount, "-u", "-q", "-z", "--", mountpoint])
        alive.close()
    os._exit(0)


main()
