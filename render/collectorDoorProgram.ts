/** The program of a collector's door, and of its gate. Python's own library only; 3.6 can run it. */
export const collectorDoorProgram = String.raw`"""Takes records and hands them on, and passes a collector's calls to the proxy.

A door hands them to its gate, which says when a record is stored. A gate hands them to its collector.
"""

import asyncio
import json
import os
import resource
import signal
import socket
import struct
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    CONF = json.load(file)

NEXT = CONF["next"]
# What a gate says of a record that the collector has finished with.
DONE = b"+"

# A caller that says nothing for so long has ended its record.
SILENCE = 600
# The same once no more records are taken.
LAST_WORDS = 2
# How long a call waits for a proxy that is away. The collector itself has no time limit.
PROXY_AWAY = 600
# How long one attempt to connect may take, and the pause before the next.
CONNECT = 5
PAUSE = 0.2
# Connections to callers that stay open until their record is stored. With more, a caller is let go when the door
# has its whole record.
KEPT = 512
# Records at once; the kernel lets some more wait.
MOST = 4000
# Calls at once. They have room of their own: records only leave by calls, so they must never fill it.
MOST_CALLS = 1000
OTHER_FILES = 200
WAITING = 4096
# Bytes of records in memory; beyond it, reading waits.
ROOM = 64 * 1024 * 1024
CHUNK = 64 * 1024


class Door:
    def __init__(self, loop):
        self.loop = loop
        self.turns = asyncio.Semaphore(CONF["turns"])
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        # Each record and each call takes two connections.
        pairs = (most - OTHER_FILES) // 2
        self.most_calls = min(MOST_CALLS, pairs // 2)
        self.most_records = min(MOST, pairs - self.most_calls)
        self.records = 0
        self.calls = 0
        self.bytes = 0
        self.at = {}
        self.listening = []
        self.taking = True
        self.giving = True
        self.ending = False

    def listen(self, port, handle, full):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind(("0.0.0.0", port))
        listening.listen(WAITING)
        return self.loop.create_task(self.accept(listening, handle, full)), listening

    async def accept(self, listening, handle, full):
        while True:
            while full():
                await asyncio.sleep(0.05)
            try:
                connection, _ = await self.loop.sock_accept(listening)
            except OSError as error:
                # No file left, or a caller that went away again.
                say("accept: %s" % error)
                await asyncio.sleep(0.1)
                continue
            connection.setblocking(False)
            self.loop.create_task(handle(connection))

    async def no_more(self):
        """What callers are connected already is still taken."""
        if not self.taking:
            return
        self.taking = False
        accepting, listening = self.listening[0]
        accepting.cancel()
        await asyncio.sleep(0)
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                break
            connection.setblocking(False)
            self.loop.create_task(self.take(connection))
        listening.close()

    async def end(self):
        if CONF["says"]:
            # Its door gives the others to the next gate.
            self.giving = False
        else:
            await self.no_more()
        await asyncio.sleep(0)
        while (self.at if CONF["says"] else self.records) or self.calls:
            await asyncio.sleep(0.05)
        # For the last answers to get out.
        await asyncio.sleep(0.2)
        self.ending = True

    async def take(self, caller):
        self.records += 1
        size = 0
        try:
            record = await self.read(caller)
            if not record:
                return
            size = len(record)
            if self.records > KEPT and not CONF["says"]:
                caller.close()
            if await self.deliver(record) and CONF["says"]:
                try:
                    await self.loop.sock_sendall(caller, DONE)
                except OSError as error:
                    say("a record is stored, and its door is gone: %s" % error)
        finally:
            self.bytes -= size
            self.records -= 1
            caller.close()

    async def read(self, caller):
        """The whole record; nothing if the caller broke off."""
        chunks = []
        silent = 0
        while True:
            while self.bytes > ROOM and self.at:
                await asyncio.sleep(0.05)
            try:
                chunk = await asyncio.wait_for(self.loop.sock_recv(caller, CHUNK), 1)
            except asyncio.TimeoutError:
                silent += 1
                if silent >= (SILENCE if self.taking else LAST_WORDS):
                    break
                continue
            except OSError:
                self.bytes -= sum(map(len, chunks))
                return None
            if not chunk:
                break
            silent = 0
            chunks.append(chunk)
            self.bytes += len(chunk)
        return b"".join(chunks)

    async def deliver(self, record):
        """Tries until a collector has read it all. One that ends before that resets the connection."""
        async with self.turns:
            while self.giving:
                host = target()
                self.at[host] = self.at.get(host, 0) + 1
                try:
                    if await self.hand_over(host, record):
                        return True
                finally:
                    self.at[host] -= 1
                    if self.at[host] == 0:
                        del self.at[host]
                await asyncio.sleep(PAUSE)
        return False

    async def hand_over(self, host, record):
        """Whether it needs no other try."""
        other = await self.connect(host, NEXT["port"])
        if other is None:
            return False
        answer = b""
        try:
            await self.loop.sock_sendall(other, record)
            other.shutdown(socket.SHUT_WR)
            # A collector closes the connection when it has stored the record, or given it up.
            while True:
                chunk = await self.loop.sock_recv(other, CHUNK)
                if not chunk:
                    break
                answer += chunk
        except (ConnectionResetError, BrokenPipeError):
            return False
        except OSError as error:
            say("%s is gone: %s" % (host, error))
            # It may have stored the record. Twice is as bad as not at all, but a gate would have said so.
            return not NEXT["says"]
        finally:
            other.close()
        return not NEXT["says"] or answer == DONE

    async def connect(self, host, port):
        """A connection; None if there is nobody."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        # Without it, a machine that vanished would never be noticed.
        for option, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            found = await self.loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
            await asyncio.wait_for(self.loop.sock_connect(connection, found[0][4]), CONNECT)
            return connection
        except (OSError, asyncio.TimeoutError):
            connection.close()
            return None

    async def call(self, caller, port):
        self.calls += 1
        proxy = None
        try:
            end = self.loop.time() + PROXY_AWAY
            while proxy is None and self.loop.time() < end:
                proxy = await self.connect(CONF["proxy"], port)
                if proxy is None:
                    await asyncio.sleep(PAUSE)
            if proxy is not None:
                done = await asyncio.gather(self.copy(caller, proxy), self.copy(proxy, caller))
                if not all(done):
                    # A broken answer must not look like a whole one.
                    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            self.calls -= 1
            caller.close()
            if proxy is not None:
                proxy.close()

    async def copy(self, source, sink):
        """Whether it came to its end."""
        try:
            while True:
                chunk = await self.loop.sock_recv(source, CHUNK)
                if not chunk:
                    sink.shutdown(socket.SHUT_WR)
                    return True
                await self.loop.sock_sendall(sink, chunk)
        except OSError:
            # The other direction has to end, too.
            for each in (source, sink):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            return False

    async def report(self):
        last = None
        while not self.ending:
            now = json.dumps({"records": self.records, "at": self.at})
            if now != last:
                with open(CONF["statusFile"] + ".new", "w", encoding="utf-8") as file:
                    file.write(now)
                os.replace(CONF["statusFile"] + ".new", CONF["statusFile"])
                last = now
            await asyncio.sleep(0.1)

    async def run(self):
        self.listening.append(
            self.listen(CONF["records"], self.take, lambda: self.records >= self.most_records)
        )
        for port, internal in CONF["ways"]:
            # The default holds on to the port of this round.
            self.listening.append(
                self.listen(
                    port,
                    lambda caller, internal=internal: self.call(caller, internal),
                    lambda: self.calls >= self.most_calls,
                )
            )
        for number, then in ((signal.SIGUSR1, self.no_more), (signal.SIGTERM, self.end)):
            self.loop.add_signal_handler(number, lambda then=then: self.loop.create_task(then()))
        say("ready")
        await self.report()


def target():
    try:
        with open(CONF["targetFile"], encoding="utf-8") as file:
            return file.read().strip() or NEXT["host"]
    except OSError:
        return NEXT["host"]


def say(text):
    print(text, file=sys.stderr, flush=True)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(Door(loop).run())
`;
