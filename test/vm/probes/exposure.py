#!/usr/bin/python3
"""Does anything get in? Two ports behind the firewall, closed by it, and a peer that tries them all the time.

exposure.py listen PORT COUNTS: takes every TCP connection and UDP datagram on PORT, IPv4 and IPv6, and keeps the numbers
  in the file COUNTS, as JSON.
exposure.py try PORT RATE TRIES ADDRESS…: tries to get in over TCP and UDP at each address, RATE times a second each,
  until it is ended; keeps the numbers of tries in the file TRIES, as JSON.
"""
import json
import os
import resource
import selectors
import socket
import sys
import time
from collections import deque

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('this is not the test machine')


def keep(path, numbers):
    with open(path + '.new', 'w') as file:
        json.dump(numbers, file)
    os.rename(path + '.new', path)


def bound(family, kind, port):
    server = socket.socket(family, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(('', port))
    if kind == socket.SOCK_STREAM:
        server.listen(4096)
    server.setblocking(False)
    return server


def listen(port, path):
    counts = {'tcp4': 0, 'tcp6': 0, 'udp4': 0, 'udp6': 0}
    selector = selectors.DefaultSelector()
    for family, name in ((socket.AF_INET, '4'), (socket.AF_INET6, '6')):
        selector.register(bound(family, socket.SOCK_STREAM, port), selectors.EVENT_READ, 'tcp' + name)
        selector.register(bound(family, socket.SOCK_DGRAM, port), selectors.EVENT_READ, 'udp' + name)
    keep(path, counts)
    while True:
        for key, _ in selector.select():
            try:
                if key.data.startswith('tcp'):
                    key.fileobj.accept()[0].close()
                else:
                    key.fileobj.recv(100)
                counts[key.data] += 1
            except OSError:
                continue
        keep(path, counts)


def attempt(port, rate, path, addresses):
    """A connection that does not come about is given up after half a second, so that none is tried twice."""
    families = [(socket.AF_INET6 if ':' in address else socket.AF_INET, address) for address in addresses]
    senders = [socket.socket(family, socket.SOCK_DGRAM) for family, _ in families]
    tries = {('tcp6' if ':' in address else 'tcp4'): 0 for address in addresses}
    open_ones = deque()
    last = due = time.monotonic()
    while True:
        for (family, address), sender in zip(families, senders):
            client = socket.socket(family, socket.SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex((address, port))
            open_ones.append((time.monotonic(), client))
            try:
                sender.sendto(b'x', (address, port))
            except OSError:
                pass
            tries['tcp6' if ':' in address else 'tcp4'] += 1
        while open_ones and open_ones[0][0] < time.monotonic() - .5:
            open_ones.popleft()[1].close()
        now = time.monotonic()
        if now - last > .2:
            keep(path, tries)
            last = now
        due = max(due + 1 / rate, now - .1)  # what a machine that stood still has missed is not made up for at once
        time.sleep(max(0, due - now))


resource.setrlimit(resource.RLIMIT_NOFILE, (65536, 65536))
what, *rest = sys.argv[1:]
if what == 'listen':
    listen(int(rest[0]), rest[1])
else:
    attempt(int(rest[0]), float(rest[1]), rest[2], rest[3:])
