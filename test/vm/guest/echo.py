#!/usr/bin/python3
"""echo.py PORT: answers TCP lines and UDP datagrams with themselves, IPv4 and IPv6."""
import asyncio
import os
import socket
import sys

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('this is not the test machine')


async def answer(reader, writer):
    while line := await reader.readline():
        writer.write(line)
    writer.close()


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def main(port):
    both = socket.create_server(('', port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    server = await asyncio.start_server(answer, sock=both)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(('', port))
    await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, sock=udp)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
