#!/usr/bin/python3
"""nfqueue.py QUEUE: binds an nfqueue and never gives a verdict, so every packet in it is held, and its conntrack
entry with it. Prints a line for each packet. Messages as in linux/netfilter/nfnetlink_queue.h."""
import os
import socket
import struct
import sys

NETLINK_NETFILTER = 12
SUBSYSTEM_QUEUE = 3
PACKET, CONFIG = 0, 2
BIND, COPY_META = 1, 1
ATTRIBUTE_COMMAND, ATTRIBUTE_PARAMETERS = 1, 2
REQUEST_AND_ACK = 1 | 4

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('this is not the test machine')


def configure(netlink, queue, attribute, value):
    body = struct.pack('!BBH', socket.AF_UNSPEC, 0, queue)
    body += struct.pack('=HH', 4 + len(value), attribute) + value + b'\0' * (-len(value) % 4)
    header = struct.pack('=IHHII', 16 + len(body), SUBSYSTEM_QUEUE << 8 | CONFIG, REQUEST_AND_ACK, 1, 0)
    netlink.send(header + body)
    error = struct.unpack_from('=i', netlink.recv(65536), 16)[0]
    if error:
        sys.exit(f'nfqueue {queue}: {os.strerror(-error)}')


netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
netlink.bind((0, 0))
queue = int(sys.argv[1])
configure(netlink, queue, ATTRIBUTE_COMMAND, struct.pack('!BBH', BIND, 0, socket.AF_INET))
configure(netlink, queue, ATTRIBUTE_PARAMETERS, struct.pack('!IB', 0, COPY_META))
print('bound', flush=True)
while True:
    message = netlink.recv(65536)
    if struct.unpack_from('=H', message, 4)[0] == SUBSYSTEM_QUEUE << 8 | PACKET:
        print('held', flush=True)
