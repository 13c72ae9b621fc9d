"""Errors sorted by who must act; the message is for a person.

Rule: a message says what is wrong, what was expected, what was got, and what to do now. `code` is the stable word of
the API (`application/problem+json`), `status` its HTTP status, `exit_status` that of the command line
(shared table in `docs/explanation/architecture.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class HomieOtaError(Exception):
    """Anything that is told to a person in one sentence."""

    code: ClassVar[str] = "failed"
    status: ClassVar[int] = 500
    exit_status: ClassVar[int] = 1

    def more(self) -> dict[str, object]:
        """What the API's problem document says beside the sentence."""
        return {}


class WrongUse(HomieOtaError):
    """The caller asked for something that has no meaning: a misspelt field, a missing value."""

    code = "wrong-use"
    status = 400
    exit_status = 2


class NotFound(HomieOtaError):
    """No such device, firmware or deployment."""

    code = "not-found"
    status = 404
    exit_status = 3


class Conflict(HomieOtaError):
    """It exists, but not in the state that this needs: in use, running already, ambiguous."""

    code = "conflict"
    status = 409
    exit_status = 4


class NotEligible(HomieOtaError):
    """This firmware must not go to this device; `reasons` speak against it, each as JSON with its evidence."""

    code = "not-eligible"
    status = 409
    exit_status = 4

    def __init__(self, text: str, reasons: Sequence[dict[str, object]] = ()) -> None:
        super().__init__(text)
        self.reasons = list(reasons)

    def more(self) -> dict[str, object]:
        """What the API's problem document says beside the sentence; `overridable`: a typed reason lifts all of it."""
        overridable = bool(self.reasons) and all(each.get("liftable") for each in self.reasons)
        return {"overridable": overridable, "reasons": self.reasons}


class BadFirmware(HomieOtaError):
    """The uploaded file is not taken; the uploader has to bring another one, or a reason where one may lift that.

    `findings` are (code, what is wrong, what to do instead); `overridable`: a typed reason (`override`) lifts them;
    `filename` is what the uploader calls the file.
    """

    code = "bad-firmware"
    status = 400
    exit_status = 4

    def __init__(
        self,
        sentence: str,
        findings: Sequence[tuple[str, str, str]] = (),
        overridable: bool = False,
        filename: str = "",
    ) -> None:
        super().__init__(sentence)
        self.findings, self.overridable, self.filename = tuple(findings), overridable, filename

    def more(self) -> dict[str, object]:
        """What the API's problem document says beside the sentence."""
        told = [dict(zip(("code", "text", "advice"), each, strict=True)) for each in self.findings]
        return {"overridable": self.overridable, "findings": told}


class TooLarge(HomieOtaError):
    """More bytes than the settings allow."""

    code = "too-large"
    status = 413
    exit_status = 4


class NotAllowed(HomieOtaError):
    """Nobody is logged in, or somebody who may not do this."""

    code = "not-allowed"
    status = 403
    exit_status = 4


class StorageFull(HomieOtaError):
    """The disk did not take what was to be written; the old state stands."""

    code = "storage-full"
    status = 507
    exit_status = 1


class Unreachable(HomieOtaError):
    """A server or broker does not answer."""

    code = "unreachable"
    status = 503
    exit_status = 5
