#!/usr/bin/python3
"""Long-lived TCP connections of several kinds, and which of them are still alive.

flows.py serve PORT…: answers; the first line of a client says how: `ping` and `idle` get their lines back, `push` gets a
  line five times a second.
flows.py hold CONTROL NAME,ADDRESS,PORT,KIND…: opens one connection for each and keeps it: `ping` sends a line five times
  a second, `push` listens, `idle` is silent. Answers on the Unix socket CONTROL until it is ended.
flows.py check LIMIT CONTROL…: which of them bring a line across from now on, within LIMIT seconds, as JSON.
"""
import json
import os
import socket
import sys
import threading
import time

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('this is not the test machine')

EVERY = .2


def answer(connection):
    try:
        with connection, connection.makefile('rb') as lines:
            kind = lines.readline().strip()
            if kind == b'push':
                while True:
                    connection.sendall(b'line\n')
                    time.sleep(EVERY)
            for line in lines:
                connection.sendall(line)
    except OSError:
        pass


def serve(ports):
    def accept(port):
        with socket.create_server(('', port)) as server:
            while True:
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    threads = [threading.Thread(target=accept, args=(int(port),)) for port in ports]
    for thread in threads:
        thread.start()
    print('serving', flush=True)


class Flow:
    def __init__(self, word):
        self.name, address, port, self.kind = word.split(',')
        self.received = 0
        self.broken = None
        self.connection = socket.create_connection((address, int(port)), 60)
        self.connection.settimeout(None)
        self.connection.sendall(self.kind.encode() + b'\n')
        threading.Thread(target=self.listen, daemon=True).start()
        if self.kind == 'ping':
            threading.Thread(target=self.talk, daemon=True).start()

    def listen(self):
        try:
            while self.connection.recv(4096):
                self.received += 1
            self.broken = 'closed'
        except OSError as error:
            self.broken = str(error)

    def talk(self):
        while self.broken is None:
            self.say()
            time.sleep(EVERY)

    def say(self):
        try:
            self.connection.sendall(b'line\n')
        except OSError as error:
            self.broken = str(error)

    def check(self, limit):
        before = self.received
        if self.kind == 'idle':
            self.say()
        end = time.monotonic() + limit
        while time.monotonic() < end and self.broken is None:
            if self.received > before:
                return 'alive'
            time.sleep(.05)
        return self.broken or 'silent'


def hold(control, words):
    flows = [Flow(word) for word in words]
    for flow in flows:
        if flow.check(60) != 'alive':
            sys.exit(f'{flow.name} did not come about')
    os.makedirs(os.path.dirname(control), exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(control)
        server.listen()
        print('holding', flush=True)
        while True:
            client = server.accept()[0]
            limit = float(client.recv(100))
            found = {}
            threads = [threading.Thread(target=lambda f=f: found.update({f.name: f.check(limit)})) for f in flows]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            client.sendall(json.dumps(found).encode())
            client.close()


def check(limit, controls):
    clients = []
    for control in controls:
        client = socket.socket(socket.AF_UNIX)
        client.connect(control)
        client.sendall(limit.encode())
        clients.append(client)
    found = {}
    for client in clients:
        found.update(json.loads(client.makefile().read()))
    print(json.dumps(found))


what, *rest = sys.argv[1:]
if what == 'serve':
    serve(rest)
elif what == 'hold':
    hold(rest[0], rest[1:])
else:
    check(rest[0], rest[1:])
