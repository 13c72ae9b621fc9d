"""What is said about files that are no image, or none that a device takes: they can never work.

Rule: each kind of wrong file has its own sentence, which says what the file is and which one to upload instead. All
are IMPOSSIBLE: no person's reason makes a program of them.
"""

from __future__ import annotations

BUILD = (
    "Upload the .bin that the build makes (PlatformIO: .pio/build/<environment>/firmware.bin; Arduino IDE: "
    "Sketch → Export compiled Binary)."
)
AGAIN = "Build or download it again, and upload the whole file."
_UNPACK = "Unpack it and upload the .bin inside."

NO_IMAGE: dict[str, tuple[str, str]] = {
    "empty": (
        "This is an empty file.",
        "Check that the build or the download ended well, and upload it again.",
    ),
    "too-short": (
        "This is {what}, cut off after {size} bytes.",
        "Upload the whole file.",
    ),
    "elf": ("This is an ELF file{machine}, what the linker makes for the debugger.", BUILD),
    "uf2": ("This is a UF2 file, made to be dropped on a USB drive.", BUILD),
    "intel-hex": ("This is an Intel HEX file.", BUILD),
    "s-record": ("This is a Motorola S-record file.", BUILD),
    "zip": ("This is a zip archive.", f"Unpack it and upload the .bin inside. If there is none: {BUILD}"),
    "archive": ("This is {what}.", _UNPACK),
    "gzip": (
        "This is a gzip file, which Homie devices refuse.",
        "Unpack it (gunzip) and upload what is inside.",
    ),
    "gzip-cut-off": (
        "This gzip file is cut off after {packed:,} bytes, of which {size:,} could be unpacked.",
        AGAIN,
    ),
    "gzip-broken": ("This gzip file is damaged: {why}.", AGAIN),
    "gzip-too-large": (
        "This gzip file unpacks to more than {cap:.4g} MiB, the most that may be uploaded.",
        f"No ESP image is that large. {BUILD}",
    ),
    "gzip-bomb": (
        "This gzip file unpacks to more than {ratio} times its size, which no firmware does.",
        BUILD,
    ),
    "gzip-members": ("These are {count} gzip files in one.", BUILD),
    "html": (
        "This is an HTML page saved under this name, usually the error or login page of a download.",
        "Download the file itself and upload that.",
    ),
    "text": ("This is a text file.", BUILD),
    "document": ("This is {what}.", BUILD),
    "erased": ("This is erased flash, nothing but {filling}.", BUILD),
    "dump": (
        "This is erased flash at the beginning, for example a dump of a whole flash chip.",
        BUILD,
    ),
    "partition-table": (
        "This is a partition table (partitions.bin): it says where things lie in the flash, and is no firmware.",
        BUILD,
    ),
    "boot-app0": ("This is boot_app0.bin, which tells an ESP32 where to start.", BUILD),
    "file-system": (
        "This is a {what} file system, not a program; it would wipe the device's configuration.",
        BUILD,
    ),
    "rf-init": ("This is {what}, settings of the radio and no program.", BUILD),
    "settings": ("This is a partition of stored settings (NVS), no program.", BUILD),
    "split-second": (
        "This is the second half of an image that was split (0x10000.bin and the like): code without a header.",
        "Upload one file with both halves; Homie builds make one: PlatformIO: .pio/build/<environment>/firmware.bin.",
    ),
    "sdk-image": (
        (
            "This begins with EA: an application for Espressif's own boot loader (user1.bin, user2.bin), which Homie "
            "devices do not have."
        ),
        BUILD,
    ),
    "encrypted": (
        (
            "This has no readable header and looks random from its first byte on ({first}): an image encrypted for the "
            "flash memory of one chip, or packed by a program that is not known here."
        ),
        f"Devices take only what begins with E9. Upload the image as it was before the encryption. {BUILD}",
    ),
    "other-chip": ("This is {what}, no image for an ESP8266 or ESP32.", BUILD),
    "foreign": (
        (
            "This is no ESP image: those begin with E9, this begins with {first}. It may be a file system, one half of "
            "an image that was split, or made for another kind of chip."
        ),
        BUILD,
    ),
    "factory": (
        "This is a factory image with boot loader and partition table, made for the serial cable.",
        "Upload the application alone (firmware.bin of the same build).",
    ),
}
"""Code → the sentence, and what to do instead. In braces: the facts that `finding` is given."""
