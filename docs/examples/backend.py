#!/usr/bin/env python3
"""A backend in Python's standard library: it echoes every byte. See docs/protocol.md, whose words it uses.

A broker starts it with the variable HANDOFF_CONTROLLER_BACKEND. Linux only: it takes descriptors.
"""
import json
import os
import signal
import socket
import struct
import threading
import time

VERSION = 1  # of the frames
CHANNEL_VERSION = 1  # the only one that it speaks
ERROR, ATTACH, READY, CLAIMED, PROBE, IDENTITY = 4, 5, 6, 7, 8, 9
OPEN_CHANNEL, CHANNEL_OPENED, CARRY_DESCRIPTORS = 12, 13, 14
HANDOFF, SYNC, DRAIN = 1, 2, 3
REPORT, ACK, REFUSE, SYNCED = 0, 1, 2, 3
REFUSALS = ["permission", "integrity", "claimed", "expired", "busy", "clientLeft"]
RETRYABLE = {"helloTimeout", "busy", "wrongBackend", "expired"}
NO_TOKEN = bytes(16)
CLAIM_TTL_MS = 60_000
MAX_CLAIMS = 262_144
FIRST_FRAME_S = 5

identity = json.loads(os.environ["HANDOFF_CONTROLLER_BACKEND"])
lock = threading.Lock()
claims = {}  # the stamp of each id, in the order of their claims
channels = {}  # by their token
watches = set()  # connections that end when this process takes no more
open_connections = 0
listener = None


def now_ms():
    return time.clock_gettime(time.CLOCK_MONOTONIC) * 1000


def read_exactly(sock, size):
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


class BadFrame(Exception):
    """The code of an error frame, and a message."""


def read_frame(sock):
    """Reads one frame and not a byte more: what follows is the application's, or the channel's."""
    (length,) = struct.unpack(">I", read_exactly(sock, 4))
    if not 2 <= length <= 4098:
        raise BadFrame("badFrame", f"a frame of {length} bytes")
    version, kind = read_exactly(sock, 2)
    if version != VERSION:
        raise BadFrame("unsupportedVersion", f"this side speaks version {VERSION}, not {version}")
    try:
        payload = json.loads(read_exactly(sock, length - 2))
    except ValueError:
        raise BadFrame("badFrame", "the payload isn't JSON") from None
    if not isinstance(payload, dict):
        raise BadFrame("badFrame", "the payload is no object")
    return kind, payload


def frame(kind, **fields):
    payload = json.dumps(fields).encode()
    return struct.pack(">IBB", 2 + len(payload), VERSION, kind) + payload


def claim(connection_id, stamp):
    """Lets a connection in, once: `granted`, or why not."""
    now = now_ms()
    if now - stamp > CLAIM_TTL_MS or stamp - now > 1:
        return "expired"
    with lock:
        if connection_id in claims:
            return "claimed"
        for old in list(claims):
            if now - claims[old] <= CLAIM_TTL_MS:
                break
            del claims[old]
        if len(claims) >= MAX_CLAIMS:
            return "busy"
        claims[connection_id] = stamp
        return "granted"


def let_in(sock, early_data, acknowledge=lambda: None):
    """Writes `ready` and gives the connection to the application. False: the client has left."""
    global open_connections
    try:
        sock.settimeout(FIRST_FRAME_S)
        sock.sendall(frame(READY))
        sock.settimeout(None)
    except OSError:
        return False
    with lock:
        open_connections += 1
    acknowledge()
    report()
    threading.Thread(target=serve, args=(sock, early_data), daemon=True).start()
    return True


def serve(sock, early_data):
    """The application."""
    global open_connections
    try:
        data = early_data or sock.recv(65536)
        while data:
            sock.sendall(data)
            data = sock.recv(65536)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    finally:
        sock.close()
        with lock:
            open_connections -= 1
        report()


def report():
    for channel in list(channels.values()):
        channel.answer(REPORT)


class Channel:
    """A channel to one broker."""

    def __init__(self, token, records):
        self.token, self.records, self.descriptors = token, records, None
        self.writing = threading.Lock()

    def answer(self, kind, token=NO_TOKEN, code=0):
        try:
            with self.writing:
                self.records.sendall(struct.pack(">B16sBI", kind, token, code, open_connections))
        except OSError:
            pass  # The broker is gone.

    def refuse(self, token, why):
        self.answer(REFUSE, token, REFUSALS.index(why))

    def run(self):
        """Reads records until the broker is gone, or says what can't be read."""
        try:
            while True:
                (length,) = struct.unpack(">I", read_exactly(self.records, 4))
                if not 5 <= length <= 128 * 1024:
                    return
                record = read_exactly(self.records, length)
                if record[0] == HANDOFF:
                    self.take(record)
                elif record[0] == SYNC:
                    # Each handle before it has been answered for.
                    self.answer(SYNCED, record[1:17])
                elif record[0] == DRAIN:
                    drain()
                else:
                    return
        except (EOFError, OSError, struct.error):
            pass
        finally:
            channels.pop(self.token, None)
            self.records.close()
            if self.descriptors is not None:
                self.descriptors.close()

    def take(self, record):
        _, token, connection_id, stamp, trace = struct.unpack_from(">B16s16sdB", record)
        early_data = record[42 + trace :]
        # One byte for each record, which the descriptor came with.
        _, fds, _, _ = socket.recv_fds(self.descriptors, 1, 1)
        if not fds:
            self.refuse(token, "integrity")
            return
        sock = socket.socket(fileno=fds[0])
        why = "busy" if listener is None else claim(connection_id.hex(), stamp)
        if why == "granted":
            if let_in(sock, early_data, lambda: self.answer(ACK, token)):
                return
            why = "clientLeft"
        sock.close()
        self.refuse(token, why)


def is_own_user(sock):
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid == os.geteuid()


def open_channel(sock, wanted):
    if wanted["backend"] != identity["backend"]:
        raise BadFrame("wrongBackend", "this is another process")
    if not is_own_user(sock):
        raise BadFrame("forbidden", "only a process of the same user may open a channel")
    if not wanted["lowest"] <= CHANNEL_VERSION <= wanted["highest"]:
        windows = f"{CHANNEL_VERSION}, the other side {wanted['lowest']} to {wanted['highest']}"
        raise BadFrame("unsupportedVersion", f"this side speaks version {windows}")
    channel = Channel(wanted["token"], sock)
    channels[channel.token] = channel
    sock.sendall(frame(CHANNEL_OPENED, version=CHANNEL_VERSION, descriptors=True))
    channel.run()


def carry_descriptors(sock, wanted):
    channel = channels.get(wanted["token"])
    if channel is None:
        raise BadFrame("badFrame", "there is no such channel")
    if not is_own_user(sock):
        raise BadFrame("forbidden", "only a process of the same user may open a channel")
    channel.descriptors = sock
    sock.sendall(frame(READY))


def attach(sock, wanted):
    if wanted["backend"] != identity["backend"]:
        raise BadFrame("wrongBackend", "this is another process")
    result = claim(wanted["id"], wanted["stamp"])
    if result == "claimed":
        end(sock, frame(CLAIMED))
    elif result != "granted":
        raise BadFrame(result, "the claim is refused")
    elif not let_in(sock, b""):
        sock.close()


def answer_probe(sock):
    names = {name: identity[name] for name in ("backend", "serviceName", "serviceVersion")}
    watches.add(sock)
    try:
        sock.sendall(frame(IDENTITY, pid=os.getpid(), **names))
        while sock.recv(4096):
            pass
    finally:
        watches.discard(sock)
        sock.close()


def end(sock, last):
    """Says its last word, half-closes, and drops what still comes."""
    sock.settimeout(2)
    sock.sendall(last)
    sock.shutdown(socket.SHUT_WR)
    for _ in range(64):
        if not sock.recv(4096):
            break
    sock.close()


def on_connection(sock):
    try:
        sock.settimeout(FIRST_FRAME_S)
        try:
            kind, payload = read_frame(sock)
            sock.settimeout(None)
            if kind == PROBE:
                answer_probe(sock)
            elif kind == ATTACH:
                attach(sock, payload)
            elif kind == OPEN_CHANNEL:
                open_channel(sock, payload)
            elif kind == CARRY_DESCRIPTORS:
                carry_descriptors(sock, payload)
            else:
                raise BadFrame("badFrame", f"a backend takes no frame of type {kind}")
        except (KeyError, TypeError):
            raise BadFrame("badFrame", "a field is missing or wrong") from None
        except socket.timeout:
            raise BadFrame("helloTimeout", "no complete frame came in time") from None
    except BadFrame as error:
        code, message = error.args
        try:
            end(sock, frame(ERROR, code=code, message=message, retryable=code in RETRYABLE))
        except OSError:
            sock.close()
    except (EOFError, OSError):
        sock.close()


def drain(*_):
    """Takes nothing new; the process ends with its last connection."""
    global listener
    if listener is None:
        return
    closing, listener = listener, None
    os.unlink(identity["endpoint"])
    # Ends the accept that waits.
    closing.shutdown(socket.SHUT_RDWR)
    for watch in list(watches):
        watch.shutdown(socket.SHUT_RDWR)


def main():
    global listener
    os.environ.pop("HANDOFF_CONTROLLER_STATE_DIRECTORY", None)
    accepting = listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    accepting.bind(identity["endpoint"])
    os.umask(mask)
    accepting.listen(4096)
    signal.signal(signal.SIGTERM, drain)
    while listener is not None:
        try:
            sock, _ = accepting.accept()
        except OSError:
            continue
        threading.Thread(target=on_connection, args=(sock,), daemon=True).start()
    accepting.close()
    while open_connections > 0:
        time.sleep(0.05)


main()
