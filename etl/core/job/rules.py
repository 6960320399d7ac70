"""The rules of a job file that its JSON Schema can't say: table of keys and rules at the end."""

from __future__ import annotations

import re
from difflib import get_close_matches
from encodings.aliases import aliases
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from etl.core.job.shape import advice
from etl.core.job.tree import BASE_URL, TOKEN, KeyPath, Node, Trouble, dotted, find, shown
from etl.core.label_rules import Fault, check_name, check_text
from etl.core.normal_form import normal_form
from etl.model import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME: KeyPath = ("name",)
_SOURCE_PATH: KeyPath = ("source", "path")
_ENCODING: KeyPath = ("source", "csv", "encoding")
_DIRECTORY: KeyPath = ("output", "directory")
_ACTION: KeyPath = ("action",)
_FROM_COLUMN: KeyPath = ("from", "column")
_TO_COLUMN: KeyPath = ("to", "column")
_SEPARATOR: KeyPath = ("label", "separator")
_DEFINE: KeyPath = ("labels", "define")

_MAX_NAME_BYTES = 255
"""Bytes in a folder's name (NAME_MAX of Linux file systems)."""

CLOUD_SCHEMES = ("s3", "gs", "az")
"""Where a source may be besides this machine: Amazon S3, Google Cloud Storage, Azure Blob Storage."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]*")
"""What S3, Google and Azure (``$web``) take as a bucket's name; so no user, password or glob."""

_SIGNATURE = re.compile(r"[?&](?:sig|x-\w+-signature)=", re.IGNORECASE)
"""How a signed address of Azure, Amazon or Google looks."""

_ODD_PART = re.compile(r"(?:^|/)(?:\.{0,2}/|\.{1,2}$)")
"""A part of an object's name that a folder can't have; obstore can't ask for such an object."""

_ONE_WORD = re.compile(r"[\x21-\x7e]+")
"""What an HTTP header can carry as one word: visible ASCII."""


def check_rules(root: Node) -> list[Trouble]:
    """Return everything about a job that only these rules refuse."""
    troubles = []
    for path, rule in _RULES.items():
        node = find(root, path)
        if node is None or not isinstance(node.value, str):
            continue  # left out, or refused by the schema
        finding = rule(node.value, shown(path, node))
        if finding is not None:
            troubles.append(Trouble(node.place, *finding))
    return [
        *troubles,
        *_check_columns(root),
        *_check_labels(root),
        *_check_removal(root),
        *_check_mirror(root),
    ]


def _check_name(name: str, told: str) -> Fault:
    size = len(name.encode())
    if size <= _MAX_NAME_BYTES:
        return None
    message = f"name can't be {told}: it takes {size} bytes, and a folder's name has at most {_MAX_NAME_BYTES}"
    return message, "write a shorter name"


def is_url(path: str) -> bool:
    """Tell whether a path begins with a scheme, such as ``s3://``."""
    return _SCHEME.match(path) is not None


def _check_source_path(path: str, told: str) -> Fault:
    fault = _place_fault(path) if is_url(path) else None
    if fault is None:
        return None
    # Who pastes an address may paste a password or a signature with it.
    value = "this address (not shown, it may hold a secret)" if re.search("[@?]", path) else told
    return f"source.path can't be {value}: {fault}", _PLACE_HINTS[fault]


_OTHER_SCHEME = "a source is a path here, or begins with s3://, gs:// or az://"
_NO_BUCKET = "what stands behind :// is no name of a bucket or container"
_SIGNED = "it has a signature in it"
_ODD_KEY = "it has an empty part, . or .. between its slashes"

_PLACE_HINTS = {
    _OTHER_SCHEME: "write one of those three, or download the file and write the path of the copy",
    _NO_BUCKET: "write s3://bucket/key, gs://bucket/key or az://container/key, without a user or an account",
    _SIGNED: "remove it; credentials come from environment variables, as the README lists them",
    _ODD_KEY: "write the object's name as its bucket lists it",
}


def _place_fault(url: str) -> str | None:
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    faults = {
        _OTHER_SCHEME: scheme not in CLOUD_SCHEMES,
        _NO_BUCKET: not _BUCKET.fullmatch(bucket),
        _SIGNED: bool(_SIGNATURE.search(key)),
        _ODD_KEY: bool(_ODD_PART.search(key)),
    }
    return next((fault for fault, found in faults.items() if found), None)


def _check_directory(path: str, told: str) -> Fault:
    if not is_url(path):
        return None
    return (
        f"not yet: output.directory on another machine: {told}",
        "write a folder here, and upload the results afterwards",
    )


def _check_encoding(name: str, told: str) -> Fault:
    if _is_text_encoding(name):
        return None
    close = get_close_matches(name.lower().replace("-", "_"), aliases.values())
    known = next((alias.replace("_", "-") for alias in close if _is_text_encoding(alias)), None)
    suggestion = f"did you mean '{known}'? " if known else ""
    return f"source.csv.encoding can't be {told}: no such text encoding", suggestion + advice(
        _ENCODING
    )


def _is_text_encoding(name: str) -> bool:
    try:
        # Unlike codecs.lookup, this also refuses codecs that are no text encodings, such as hex.
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def check_token(token: str, _told: str = "") -> Fault:
    """Judge a token, which is never told."""
    if _ONE_WORD.fullmatch(token):
        return None
    message = "hubspot.access_token (not shown) has a blank, a line break or a character outside ASCII in it"
    return message, "copy the token again, without anything around it"


def check_base_url(url: str, _told: str = "") -> Fault:
    """Judge an address, which may hold a password and is never told."""
    fault = _url_fault(url)
    return (
        None
        if fault is None
        else (f"hubspot.base_url {fault}", _URL_HINTS.get(fault, advice(BASE_URL)))
    )


_USER = "has a user name or a password in it"
_PLAIN_HTTP = "would send the access token unencrypted"

_URL_HINTS = {
    _USER: "remove what stands before the @: the access token says who we are",
    _PLAIN_HTTP: "write https://; http:// is only for this machine: localhost, 127.0.0.1 or [::1]",
}


def _url_fault(url: str) -> str | None:
    if not _ONE_WORD.fullmatch(url):
        return "is empty, or has a blank, a line break or a character outside ASCII in it"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return "is no address: its host or port can't be read"
    faults = {
        "is no https:// address": parts.scheme not in {"http", "https"} or not host,
        _USER: "@" in parts.netloc,
        "has a ? or a # in it": "?" in url or "#" in url,
        _PLAIN_HTTP: parts.scheme == "http" and not _is_loopback(host),
    }
    return next((fault for fault, found in faults.items() if found), None)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_columns(root: Node) -> list[Trouble]:
    start, end = find(root, _FROM_COLUMN), find(root, _TO_COLUMN)
    if start is None or end is None or not isinstance(end.value, str) or start.value != end.value:
        return []
    message = f"{dotted(_TO_COLUMN)} can't be {shown(_TO_COLUMN, end)}: {dotted(_FROM_COLUMN)} is the same column"
    return [Trouble(end.place, message, "name the column that holds the other record's id")]


def _check_labels(root: Node) -> Iterator[Trouble]:
    """Judge the labels that the job defines: each alone, and each text against those before it."""
    define, separator = find(root, _DEFINE), find(root, _SEPARATOR)
    seen: dict[str, str] = {}
    for item in define.value if define is not None and isinstance(define.value, tuple) else ():
        for key, check in (("label", check_text), ("inverse", check_text), ("name", check_name)):
            node = find(item, (key,))
            if node is None or not isinstance(node.value, str):
                continue
            finding = check(node.value)
            if finding is None and key != "name":
                finding = _check_in_a_cell(node.value, separator) or _check_twice(node.value, seen)
            if finding is not None:
                yield Trouble(node.place, f"{dotted(_DEFINE)}: {key} {finding[0]}", finding[1])


def _check_in_a_cell(text: str, separator: Node | None) -> Fault:
    if separator is None or not isinstance(separator.value, str) or separator.value not in text:
        return None
    fault = f"'{text}' has the separator of label.column in it, so no cell can ask for it"
    return fault, "take another separator, or another label"


def _check_twice(text: str, seen: dict[str, str]) -> Fault:
    """Refuse a text that reads like one before it, its own label included."""
    read = normal_form(text)
    if read in seen:
        return f"'{text}' reads like '{seen[read]}' before it", "keep one of them"
    seen[read] = text
    return None


def _check_removal(root: Node) -> list[Trouble]:
    """Refuse what would take away more, or less, than its author can have meant."""
    action, labelling = find(root, _ACTION), find(root, ("label",)) or find(root, ("type",))
    if action is None:
        return []
    if action.value == Action.REMOVE and labelling is not None:
        message = "action: remove takes the whole association away, whatever its labels are"
        hint = "remove label and type from the job, or write action: remove_labels"
        return [Trouble(labelling.key_place, message, hint)]
    if action.value == Action.REMOVE_LABELS and labelling is None:
        message = "action: remove_labels needs to know which labels"
        hint = "add label or type; action: remove takes whole associations away"
        return [Trouble(action.place, message, hint)]
    return []


def _check_mirror(root: Node) -> list[Trouble]:
    mirror, action = find(root, ("mirror",)), find(root, _ACTION)
    existing = find(root, ("existing_labels",))
    troubles = []
    if mirror is not None and action is not None and action.value != Action.ASSOCIATE:
        message = "mirror works out by itself what to take away: its rows can only associate"
        troubles.append(Trouble(action.key_place, message, "remove action, or remove mirror"))
    if mirror is not None and existing is not None and existing.value == "ignore":
        message = "mirror has to know what was there before the run, and ignore does not look"
        hint = "write existing_labels: keep or replace"
        troubles.append(Trouble(existing.place, message, hint))
    return troubles


_RULES: dict[KeyPath, Callable[[str, str], Fault]] = {
    NAME: _check_name,
    _SOURCE_PATH: _check_source_path,
    _ENCODING: _check_encoding,
    _DIRECTORY: _check_directory,
    TOKEN: check_token,
    BASE_URL: check_base_url,
}
"""The rule of a key: takes its text, and how a message may tell it."""
