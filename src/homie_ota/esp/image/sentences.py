"""What is said about files: one row a finding, with how grave it is and what to do instead.

Rule: every sentence is here and nowhere else. What can never work is IMPOSSIBLE: no image at all, or one that no Homie
device takes, because it does not begin with E9. REFUSAL is what almost surely is a mistake or damage, but where a
person may know better than this parser: that person types a reason. WARNING is what works and may not be meant.
"""

from __future__ import annotations

from homie_ota.esp.image.nouns import Severity

_BUILD = (
    "Upload the .bin that the build makes (PlatformIO: .pio/build/<environment>/firmware.bin; Arduino IDE: "
    "Sketch → Export compiled Binary)."
)
_AGAIN = "Build or download it again, and upload the whole file."
_UNPACK = "Unpack it and upload the .bin inside."
_IMPOSSIBLE, _REFUSAL, _WARNING, _NOTE = (
    Severity.IMPOSSIBLE,
    Severity.REFUSAL,
    Severity.WARNING,
    Severity.NOTE,
)

FINDINGS: dict[str, tuple[Severity, str, str]] = {
    # --- What is no image
    "empty": (
        _IMPOSSIBLE,
        "This is an empty file.",
        "Check that the build or the download ended well, and upload it again.",
    ),
    "too-short": (
        _IMPOSSIBLE,
        "This is {what}, cut off after {size} bytes.",
        "Upload the whole file.",
    ),
    "elf": (_IMPOSSIBLE, "This is an ELF file{machine}, what the linker makes for the debugger.", _BUILD),
    "uf2": (_IMPOSSIBLE, "This is a UF2 file, made to be dropped on a USB drive.", _BUILD),
    "intel-hex": (_IMPOSSIBLE, "This is an Intel HEX file.", _BUILD),
    "s-record": (_IMPOSSIBLE, "This is a Motorola S-record file.", _BUILD),
    "zip": (_IMPOSSIBLE, "This is a zip archive.", f"Unpack it and upload the .bin inside. {_BUILD}"),
    "archive": (_IMPOSSIBLE, "This is {what}.", _UNPACK),
    "gzip": (
        _IMPOSSIBLE,
        "This is a gzip file, which Homie devices refuse.",
        "Unpack it (gunzip) and upload what is inside.",
    ),
    "html": (
        _IMPOSSIBLE,
        "This is an HTML page saved under this name, usually the error or login page of a download.",
        "Download the file itself and upload that.",
    ),
    "text": (_IMPOSSIBLE, "This is a text file.", _BUILD),
    "document": (_IMPOSSIBLE, "This is {what}.", _BUILD),
    "erased": (_IMPOSSIBLE, "This is erased flash, nothing but {filling}.", _BUILD),
    "dump": (
        _IMPOSSIBLE,
        "This is erased flash at the beginning, for example a dump of a whole flash chip.",
        _BUILD,
    ),
    "partition-table": (
        _IMPOSSIBLE,
        "This is a partition table (partitions.bin): it says where things lie in the flash, and is no firmware.",
        _BUILD,
    ),
    "boot-app0": (_IMPOSSIBLE, "This is boot_app0.bin, which tells an ESP32 where to start.", _BUILD),
    "file-system": (
        _IMPOSSIBLE,
        "This is a {what} file system, not a program; it would wipe the device's configuration.",
        _BUILD,
    ),
    "rf-init": (_IMPOSSIBLE, "This is {what}, settings of the radio and no program.", _BUILD),
    "settings": (_IMPOSSIBLE, "This is a partition of stored settings (NVS), no program.", _BUILD),
    "split-second": (
        _IMPOSSIBLE,
        "This is the second half of an image that was split (0x10000.bin and the like): code without a header.",
        "Upload one file with both halves; Homie builds make one: PlatformIO: .pio/build/<environment>/firmware.bin.",
    ),
    "sdk-image": (
        _IMPOSSIBLE,
        (
            "This begins with EA: an application for Espressif's own boot loader (user1.bin, user2.bin), which Homie "
            "devices do not have."
        ),
        _BUILD,
    ),
    "encrypted": (
        _IMPOSSIBLE,
        (
            "This has no readable header and looks random from its first byte on ({first}): an image encrypted for the "
            "flash memory of one chip, or packed by a program that is not known here."
        ),
        f"Devices take only what begins with E9. Upload the image as it was before the encryption. {_BUILD}",
    ),
    "other-chip": (_IMPOSSIBLE, "This is {what}, no image for an ESP8266 or ESP32.", _BUILD),
    "foreign": (
        _IMPOSSIBLE,
        (
            "This is no ESP image: those begin with E9, this begins with {first}. It may be a file system, one half of "
            "an image that was split, or made for another kind of chip."
        ),
        _BUILD,
    ),
    "factory": (
        _IMPOSSIBLE,
        "This is a factory image with boot loader and partition table, made for the serial cable.",
        "Upload the application alone (firmware.bin of the same build).",
    ),
    # --- What a device would take, and should not
    "factory-e9": (
        _REFUSAL,
        (
            "This is a factory image with boot loader and partition table, made for the serial cable; a device "
            "takes it and never starts again."
        ),
        "Upload the application alone (firmware.bin of the same build).",
    ),
    "boot-loader": (
        _REFUSAL,
        "This is a boot loader alone (bootloader.bin), not the program that it starts.",
        _BUILD,
    ),
    "split-first": (
        _REFUSAL,
        (
            "This is the first half of an image that was split (0x00000.bin): the program's code in flash memory is "
            "not in it."
        ),
        "Upload one file with both halves; Homie builds make one: PlatformIO: .pio/build/<environment>/firmware.bin.",
    ),
    "encrypted-e9": (
        _REFUSAL,
        (
            "This begins with E9 by chance: what follows is no header, and looks random from the first byte on, like "
            "an encrypted image."
        ),
        _BUILD,
    ),
    "bad-header": (
        _REFUSAL,
        "This begins with E9 like an ESP image, but its header cannot be one: {why}.",
        _AGAIN,
    ),
    "truncated": (
        _REFUSAL,
        "This image is cut off: by its own headers it has at least {expected:,} bytes, the file has {got:,}.",
        _AGAIN,
    ),
    "bad-segment": (_REFUSAL, "This image is damaged, or for another chip: {why}.", _AGAIN),
    "bad-checksum": (
        _REFUSAL,
        "This image is damaged: the checksum of its {part} is {got:02X}, it should be {expected:02X}.",
        _AGAIN,
    ),
    "bad-hash": (
        _REFUSAL,
        "This image is damaged or was changed: it ends with the SHA-256 {expected}…, its bytes have {got}….",
        _AGAIN,
    ),
    "bad-crc": (
        _REFUSAL,
        "This image is damaged or was changed: it says its CRC is {expected:08X}, its bytes have {got:08X}.",
        _AGAIN,
    ),
    "bad-length": (
        _REFUSAL,
        "This image says at {place:#x} that it has {expected:,} bytes, its segments end at {got:,}.",
        _AGAIN,
    ),
    "bad-md5": (
        _REFUSAL,
        "This image is damaged or was changed: it ends with the MD5 {expected}…, its bytes have {got}….",
        _AGAIN,
    ),
    "bad-signature": (
        _REFUSAL,
        "The signature behind this image belongs to other bytes: {why}.",
        "Sign it again, after the last change, or upload it as the build made it.",
    ),
    "padded": (
        _REFUSAL,
        (
            "Behind the image, which ends at byte {end:,}, stand {count:,} bytes {filling:02X}. A device reports the "
            "checksum of the image without them, so this server could never tell whether it runs this file."
        ),
        "Cut them off, or upload the file as the build made it.",
    ),
    "no-application": (
        _REFUSAL,
        "The partition table says that an application is at {place:#x}, and there is none.",
        _AGAIN,
    ),
    "concatenated": (
        _REFUSAL,
        "Behind the image, which ends at byte {end:,}, begins another one: these are two files in one.",
        "Upload one of them alone.",
    ),
    "trailing": (
        _REFUSAL,
        "Behind the image, which ends at byte {end:,}, stand {count:,} bytes that do not belong to it.",
        "Upload the file as the build made it.",
    ),
    # --- What works, and may not be meant
    "unknown-chip": (
        _WARNING,
        "The header names a chip that is not known here (id {id}), so it does not tell for which devices this is.",
        "Compare with the board of the build.",
    ),
    "flash-disagrees": (
        _WARNING,
        "The headers of boot loader and sketch disagree about the flash memory ({boot} and {sketch}).",
        "Build it again for the right board.",
    ),
    "larger-than-flash": (
        _WARNING,
        "The file has {size:,} bytes, the flash memory by its header {flash:,}.",
        "Build it for the right board.",
    ),
    "odd-entry": (
        _WARNING,
        "The program of the {part} would begin at {entry:#010x}, which is in none of its segments.",
        "If it does not start on one device, build it again.",
    ),
    "odd-segment": (
        _WARNING,
        "Segments {first} and {second} of the {part} go to the same memory.",
        "If it does not start on one device, build it again.",
    ),
    "odd-filling": (
        _WARNING,
        "The filling {where} is not all alike, though nothing is stored there: a bit may have changed.",
        "Compare with the file as the build made it.",
    ),
    "magic-disagrees": (
        _WARNING,
        "The Homie magic names more than one {word}; the first one was taken: {taken}.",
        "",
    ),
    "magic-incomplete": (_WARNING, "The Homie magic is incomplete: it has {has}.", ""),
    "secret-url": (
        _WARNING,
        "The image holds a password in an address: {shown}. Everybody who gets the file can read it.",
        "Keep it in the device's configuration instead, and change the password.",
    ),
    "secret-key": (
        _WARNING,
        "The image holds a private key ({shown}). Everybody who gets the file can read it.",
        "Keep it out of the program, and replace the key.",
    ),
    "secret-known": (
        _WARNING,
        "The image holds {what}. Everybody who gets the file can read it.",
        "Keep it in the device's configuration instead, and change it.",
    ),
    # --- What is only said
    "signed": (
        _NOTE,
        "The image is signed ({how}); devices that check signatures take only what this key has signed.",
        "",
    ),
    "was-gzip": (_NOTE, "It came as a gzip file and was unpacked.", ""),
}
"""Code → how grave, the sentence, and what to do instead. In braces: the facts that `finding` is given."""

SAID_AS = {
    "factory-e9": "factory",
    "encrypted-e9": "encrypted",
    "split-first": "split-half",
    "split-second": "split-half",
}
"""Rows that say the same thing about two kinds of file have one code outside."""
