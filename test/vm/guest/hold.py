#!/usr/bin/python3
"""Holds TCP connections to an echo server.

hold.py open CONTROL ADDRESS PORT N: opens N connections, keeps those that came about within LIMIT seconds, prints
  `opened K of N`, and answers on the Unix socket CONTROL until it is ended.
hold.py check CONTROL: prints how many of them still echo, as JSON.
hold.py try ADDRESS PORT N SECONDS: opens N connections one beside the other, prints how many echoed, as JSON.
"""
import asyncio
import json
import os
import socket
import sys

LIMIT = 5.0

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('this is not the test machine')


async def connect(address, port, limit):
    try:
        return await asyncio.wait_for(asyncio.open_connection(address, port), limit)
    except (OSError, asyncio.TimeoutError):
        return None


async def echoes(connection, limit):
    reader, writer = connection
    try:
        writer.write(b'still there?\n')
        return await asyncio.wait_for(reader.readline(), limit) == b'still there?\n'
    except (OSError, asyncio.TimeoutError):
        return False


async def opened(address, port, count, limit):
    """In lots of a hundred, so that a slow machine does not fail for its own slowness."""
    connections = []
    for begin in range(0, count, 100):
        lot = range(min(100, count - begin))
        connections += await asyncio.gather(*(connect(address, port, limit) for _ in lot))
    return [connection for connection in connections if connection]


async def check_all(connections):
    answers = await asyncio.gather(*(echoes(connection, 20) for connection in connections))
    return {'alive': sum(answers), 'dead': len(answers) - sum(answers)}


async def hold(control, address, port, count):
    connections = await opened(address, port, count, LIMIT)
    await check_all(connections)  # data both ways: the flows are assured

    async def on_control(_reader, writer):
        writer.write((json.dumps(await check_all(connections)) + '\n').encode())
        writer.close()

    os.makedirs(os.path.dirname(control), exist_ok=True)
    server = await asyncio.start_unix_server(on_control, control)
    print(f'opened {len(connections)} of {count}', flush=True)
    await server.serve_forever()


async def attempt(address, port, count, limit):
    connections = await opened(address, port, count, limit)
    answers = await asyncio.gather(*(echoes(connection, limit) for connection in connections))
    print(json.dumps({'worked': sum(answers), 'failed': count - sum(answers)}))


def check(control):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(control)
        print(client.makefile().readline(), end='')


what, *rest = sys.argv[1:]
if what == 'open':
    asyncio.run(hold(rest[0], rest[1], int(rest[2]), int(rest[3])))
elif what == 'try':
    asyncio.run(attempt(rest[0], int(rest[1]), int(rest[2]), float(rest[3])))
else:
    check(rest[0])
