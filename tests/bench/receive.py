"""Run as a script in the box: reads BYTES from HOST:PORT and prints the seconds that it took, from connect to the end.

`python -I -S receive.py HOST PORT BYTES`
"""

import socket
import sys
import time

BUFFER_BYTES = 1 << 20


def main() -> int:
    host, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    buffer = bytearray(BUFFER_BYTES)
    began = time.monotonic()
    with socket.create_connection((host, port), timeout=60) as connection:
        left = size
        while left and (taken := connection.recv_into(buffer, min(left, BUFFER_BYTES))):
            left -= taken
    sys.stdout.write(f"{time.monotonic() - began}\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
