"""Say what is wrong with an object or its bucket, and which setting mends it.

obstore has few classes of errors, so most are known by their text: the HTTP status, the service's own
code, the names of its Rust errors. Nothing else of that text gets into a message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from obstore.exceptions import InvalidPathError, PreconditionError

from etl.errors import SourceError


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment variables of one service (obstore's reference, "Environment variables")."""

    credentials: str
    place: str
    """What says where the service is."""


SETTINGS = {
    "s3": Settings(
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN, if they are temporary)",
        "AWS_REGION (the bucket's region) and, for a service that is not Amazon's, AWS_ENDPOINT_URL"
        " (https://…; http:// needs AWS_ALLOW_HTTP=true)",
    ),
    "gs": Settings(
        "GOOGLE_APPLICATION_CREDENTIALS (the path of a credentials file)",
        "GOOGLE_BASE_URL, which is only for a service that is not Google's",
    ),
    "az": Settings(
        "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_STORAGE_SAS_TOKEN)",
        "AZURE_STORAGE_ACCOUNT_NAME and, for a service that is not Microsoft's, AZURE_ENDPOINT",
    ),
}

_BY_CLASS: dict[type[Exception] | tuple[type[Exception], ...], tuple[str, str]] = {
    FileNotFoundError: (
        "the object is gone",
        "Put it back, or wait until whatever writes the bucket is done; then start again.",
    ),
    PreconditionError: (
        "the object was replaced while it was read",
        "Wait until whatever writes the bucket is done; then start again.",
    ),
    (ValueError, InvalidPathError): (
        "the name of an object has an empty part, '.' or '..' between its slashes",
        "Copy the object to another name, and correct source.path.",
    ),
}
"""What the class of an error says by itself, and what to do."""

_NO_CREDENTIALS = re.compile(
    r"://169\.254\.169\.254/|://metadata\.google\.internal"  # where cloud machines get theirs
    r"|\bsource: (?:Missing(?:AccessKeyId|SecretAccessKey|Account|Key)\b"
    r"|InvalidAccessKey\b|(?:Open|Read|Decode)Credentials\b|TokenRequest\b)"
)
_NO_ADDRESS = re.compile(r"InvalidUri|BadScheme|RelativeUrlWithoutBase|redirect without LOCATION")
_STATUS = re.compile(r"status code: ((\d{3})[ A-Za-z]*)")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_REASONS = {
    "ConnectionRefused": "connection refused",
    "dns error": "the name of the host is unknown",
    "TimedOut": "no answer in time",
    "IncompleteMessage": "the connection broke",
    "Body": "the connection broke",
    "certificate": "its certificate is not trusted",
}
"""Signs in the text of a network's error, and what they mean."""


def explain(error: BaseException, scheme: str, place: str) -> SourceError:
    """Say what obstore's error means for a place: a bucket, a folder or an object."""
    for kind, (message, hint) in _BY_CLASS.items():
        if isinstance(error, kind):
            return SourceError(f"{place}: {message}", hint)
    settings, text = SETTINGS[scheme], str(error)
    if _NO_CREDENTIALS.search(text):
        return SourceError(
            f"{place}: there are no usable credentials",
            f"Set the environment variables {settings.credentials}.",
        )
    if _NO_ADDRESS.search(text):
        return SourceError(
            f"{place}: the address of the service can't be used as it is set",
            f"Check {settings.place}.",
        )
    if status := _STATUS.search(text):
        code = _CODE.search(text)
        return _refused(int(status[2]), code[1] if code else status[1].strip(), settings, place)
    reason = next((told for sign, told in _REASONS.items() if sign in text), "no whole answer")
    return SourceError(
        f"{place}: the service can't be reached ({reason})",
        f"Check the network and {settings.place}; then start again.",
    )


def _refused(status: int, told: str, settings: Settings, place: str) -> SourceError:
    match status:
        case 401 | 403:
            return SourceError(
                f"{place}: access is denied ({told})",
                "Allow these credentials to list the bucket and to read its objects, or set others:"
                f" {settings.credentials}.",
            )
        case 404:
            return SourceError(
                f"{place}: there is no such bucket ({told})",
                f"Correct source.path, or check {settings.place}.",
            )
        case 429 | 500 | 502 | 503 | 504:
            return SourceError(
                f"{place}: the service has trouble ({told}), also after several tries",
                "Wait, then start again.",
            )
        case _:
            return SourceError(
                f"{place}: the service refuses the request ({told})",
                f"Check {settings.place}; then {settings.credentials}.",
            )
