"""The reference of (d): a raw socket that publishes each image and waits for its PUBACK; `python -m bench.push_raw`."""

from __future__ import annotations

import json
import sys
import time

from bench import wire
from bench.push import image, topic


def main(argument: str) -> int:
    """Publish all images once."""
    about = json.loads(argument)
    data = image(about["size"])
    topics = [topic(n, data) for n in range(about["count"])]
    with wire.dial("127.0.0.1", about["port"], "bench-push-raw") as sock:
        print(json.dumps({"ready": True}), flush=True)
        sys.stdin.readline()
        print(json.dumps({"began": time.monotonic()}), flush=True)
        for mid, each in enumerate(topics, 1):
            sock.sendall(wire.publish_packet(each, data, qos=1, mid=mid))
            wire.receive(sock, 4)
        print(json.dumps({"sent": len(topics)}), flush=True)
        sys.stdin.readline()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
