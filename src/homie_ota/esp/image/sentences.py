"""What is said about files: one row a finding, with how grave it is and what to do instead.

Rule: every sentence is here or in `no_image`. What can never work is IMPOSSIBLE: no image at all, or one that no Homie
device takes, because it does not begin with E9. REFUSAL is what almost surely is a mistake or damage, but where a
person may know better than this parser: that person types a reason. WARNING is what works and may not be meant.
"""

from __future__ import annotations

from homie_ota.esp.image.no_image import AGAIN, BUILD, NO_IMAGE
from homie_ota.esp.image.nouns import Severity

_REFUSAL, _WARNING, _NOTE = Severity.REFUSAL, Severity.WARNING, Severity.NOTE

FINDINGS: dict[str, tuple[Severity, str, str]] = {
    **{code: (Severity.IMPOSSIBLE, text, advice) for code, (text, advice) in NO_IMAGE.items()},
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
        BUILD,
    ),
    "split-first": (
        _REFUSAL,
        (
            "This is the first half of an image that was split (0x00000.bin), or a boot loader: there is no code for "
            "the flash memory in it."
        ),
        "Upload one file with both halves; Homie builds make one: PlatformIO: .pio/build/<environment>/firmware.bin.",
    ),
    "encrypted-e9": (
        _REFUSAL,
        (
            "This begins with E9 by chance: what follows is no header, and looks random from the first byte on, like "
            "an encrypted image."
        ),
        BUILD,
    ),
    "bad-header": (
        _REFUSAL,
        "This begins with E9 like an ESP image, but its header cannot be one: {why}.",
        AGAIN,
    ),
    "truncated": (
        _REFUSAL,
        "This image is cut off: by its own headers it has at least {expected:,} bytes, the file has {got:,}.",
        AGAIN,
    ),
    "bad-segment": (_REFUSAL, "This image is damaged, or for another chip: {why}.", AGAIN),
    "bad-checksum": (
        _REFUSAL,
        "This image is damaged: the checksum of its {part} is {got:02X}, it should be {expected:02X}.",
        AGAIN,
    ),
    "bad-hash": (
        _REFUSAL,
        "This image is damaged or was changed: it ends with the SHA-256 {expected}…, its bytes have {got}….",
        AGAIN,
    ),
    "bad-crc": (
        _REFUSAL,
        "This image is damaged or was changed: it says its CRC is {expected:08X}, its bytes have {got:08X}.",
        AGAIN,
    ),
    "bad-length": (
        _REFUSAL,
        "This image says at {place:#x} that it has {expected:,} bytes, its segments end at {got:,}.",
        AGAIN,
    ),
    "bad-md5": (
        _REFUSAL,
        "This image is damaged or was changed: it ends with the MD5 {expected}…, its bytes have {got}….",
        AGAIN,
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
        AGAIN,
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
        "The program of the {part} would begin at {entry:#010x}, which is in none of the segments that it loads.",
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
    "gzip-joined": (
        _WARNING,
        "It came as {count} gzip files in one; what they hold was put together.",
        "Compare its size with the file as the build made it.",
    ),
    "gzip-trailing": (
        _WARNING,
        "Behind the gzip file it came in stood {count:,} bytes that do not belong to it; they were left out.",
        "",
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
