"""Stores an image on the homie-ota server and brings devices to it: `bring.py IMAGE DEVICE…`.

PlatformIO calls this as its upload command. It ends as homie-ota does: with 0 when every device runs the
image.
"""

import json
import shutil
import subprocess
import sys


def main(image: str, *devices: str) -> int:
    """Upload, update, watch; the exit status of whatever failed first."""
    program = shutil.which("homie-ota")
    if program is None:
        sys.exit(
            "homie-ota is not on the PATH of this shell. Install it, or activate the environment that has it."
        )
    if not devices:
        sys.exit(
            "No device is named. Write its id behind upload_port in platformio.ini, or give --upload-port."
        )
    stored = subprocess.run([program, "upload", image, "--json"], stdout=subprocess.PIPE, check=False)
    if stored.returncode:
        return stored.returncode
    firmware = json.loads(stored.stdout)
    sys.stdout.write(
        f"{firmware['name']} {firmware['version']} is stored. Bringing it to {', '.join(devices)}:\n"
    )
    sys.stdout.flush()
    update = [program, "update", "--to", firmware["sha256"], "--watch", "--yes", "--", *devices]
    return subprocess.run(update, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
