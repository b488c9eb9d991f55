"""JSON with a document of megabytes inside, taken apart as it arrives.

The value of `document`, base64, is decoded and hashed piece by piece and left out of the text that
is kept, so that a body of 24 MiB takes no more memory than its other fields.  The text is then
parsed as JSON by a strict parser, which is what makes the search for the key safe: a quotation mark
inside a JSON string is escaped, so that `,"document":"` stands nowhere but where a key does.
"""

from __future__ import annotations

import binascii
import re

from appliance.errors import ApplianceError, Malformed, Refused, Unavailable
from appliance.tsp.hashes import DocumentHash

MAX_DOCUMENT_OCTETS = 16 << 20
MAX_TEXT_OCTETS = 2 << 20
BODY_LIMIT = 24 << 20
FREE_OCTETS = 16 * 1024
"""What a question may hold whatever the others do: a token and a digest always get through."""

_KEY = re.compile(rb'[{,]\s{0,64}"document"\s{0,64}:\s{0,64}"')
_LONGEST_KEY = 256


class Budget:
    """The octets that unfinished bodies of one front may hold together, beyond the free ones."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def take(self, octets: int) -> bool:
        """Take some, if they are there."""
        if octets > self._left:
            return False
        self._left -= octets
        return True

    def give(self, octets: int) -> None:
        """Give them back."""
        self._left += octets


class DocumentSink:
    """A `BodySink` for one JSON object; `text` is what is left when the document is taken out.

    `document` is None as long as no document was met.  A fault ends the reading, and is raised by
    `finish`.
    """

    def __init__(self, budget: Budget) -> None:
        self.text = bytearray()
        self.document: DocumentHash | None = None
        self._budget = budget
        self._held = 0
        self._fault: ApplianceError | None = None
        # A function and not a method: bound to itself, a sink would wait for the garbage collector.
        self._take = DocumentSink._search
        self._base64 = _Base64()

    def write(self, octets: bytes) -> None:
        """Take the next octets of the body."""
        try:
            while octets and self._fault is None:
                octets = self._take(self, octets)
        except ApplianceError as fault:
            self._fault = fault

    def abandon(self) -> None:
        """Free what is held; the rest will not come."""
        self._budget.give(self._held)
        self._held = 0
        self.text = bytearray()

    def finish(self) -> tuple[bytes, DocumentHash | None]:
        """Give the text without the document, and the document.

        Raises Malformed for base64 that is not, Refused for too much, Unavailable when the memory
        for such bodies is taken.
        """
        text = bytes(self.text)
        self.abandon()
        if self._fault is not None:
            raise self._fault
        if self.document is not None and len(_KEY.findall(text)) != 1:
            raise Malformed("document stands twice")
        return text, self.document

    def _search(self, octets: bytes) -> bytes:
        """Look for the document; gives what follows the opening mark of its value."""
        before = self.text[-_LONGEST_KEY:]
        window = before + octets
        key = _KEY.search(window) if b'"document"' in window else None
        if key is None:
            return self._keep(octets)
        start = key.end() - len(before)
        self._keep(octets[:start])
        self.document = DocumentHash()
        self._take = DocumentSink._decode
        return octets[start:]

    def _decode(self, octets: bytes) -> bytes:
        """Hash the document; gives what follows it, from its closing mark on."""
        assert self.document is not None
        end = octets.find(b'"')
        self.document.update(self._base64.decode(octets if end < 0 else octets[:end]))
        if self.document.octets > MAX_DOCUMENT_OCTETS:
            raise Refused(f"a document has at most {MAX_DOCUMENT_OCTETS} octets here")
        if end < 0:
            return b""
        self._base64.finish()
        self._take = DocumentSink._keep
        return octets[end:]

    def _keep(self, octets: bytes) -> bytes:
        """Keep all; gives nothing."""
        if len(self.text) + len(octets) > MAX_TEXT_OCTETS:
            raise Refused(f"beside the document there are at most {MAX_TEXT_OCTETS} octets")
        wanted = max(0, len(self.text) + len(octets) - FREE_OCTETS) - self._held
        if not self._budget.take(wanted):
            raise Unavailable("too many large questions at once")
        self._held += wanted
        self.text += octets
        return b""


class _Base64:
    """Base64 (RFC 4648 clause 4) in pieces of any size; in JSON a slash may be escaped."""

    def __init__(self) -> None:
        self._carried = b""
        self._is_padded = False

    def decode(self, octets: bytes) -> bytes:
        """Decode as much as is whole.  Raises Malformed."""
        octets = self._carried + octets
        held = octets[-1:] if octets.endswith(b"\\") else b""
        octets = octets[: len(octets) - len(held)].replace(b"\\/", b"/")
        whole = len(octets) & ~3
        self._carried = octets[whole:] + held
        if not whole:
            return b""
        if self._is_padded:
            raise Malformed("document goes on after the padding of its base64")
        self._is_padded = octets[whole - 1 : whole] == b"="
        try:
            return binascii.a2b_base64(octets[:whole], strict_mode=True)
        except binascii.Error:
            raise Malformed("document is not base64") from None

    def finish(self) -> None:
        """Require that nothing is left over.  Raises Malformed."""
        if self._carried:
            raise Malformed("document is not base64")
