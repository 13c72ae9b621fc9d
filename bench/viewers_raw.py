"""The reference of (k): the same bytes to as many sockets, and nothing else; `python -m bench.viewers_raw JSON`."""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any


def main(about: dict[str, Any]) -> None:
    """Accept so many, then write a piece to each, again and again, until they hang up."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        sockets = [listener.accept()[0] for _ in range(about["viewers"])]
        piece = b"x" * about["size"]
        while True:
            for sock in sockets:
                sock.sendall(piece)
            time.sleep(about["pause"])


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except OSError:
        sys.exit(0)
