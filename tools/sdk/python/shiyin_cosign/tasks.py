"""Items that wait for the phone, as the verb `tasks` tells of them.  Section 5."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shiyin_cosign.contents import Document, Form
from shiyin_cosign.encoding import read_fields, text
from shiyin_cosign.errors import Malformed

_SIZES = (None, None, None, None, None, None, 16, 32, 8, 4)


@dataclass(frozen=True, slots=True)
class Task:
    """One item: what it is, and the session that the signer holds open for it.

    A large document has no content here; the verb `document` brings it (`with_content`).
    """

    task: str
    item: str
    document: Document
    sid: bytes = field(repr=False)
    com: bytes = field(repr=False)
    expires_us: int
    epoch: int

    @property
    def is_whole(self) -> bool:
        """Whether the content came along."""
        return bool(self.document.content)

    def with_content(self, content: bytes) -> Task:
        """Give the same item with its content."""
        return replace(self, document=replace(self.document, content=content))


def read_task(octets: bytes) -> Task:
    """Read one result of the verb `tasks`.  Raises Malformed."""
    task, item, form, name, description, content, sid, com, expires, epoch = read_fields(
        octets, _SIZES
    )
    try:
        known = Form(text(form))
    except ValueError as error:
        raise Malformed("an item of a form that this version does not know") from error
    return Task(
        task=text(task),
        item=text(item),
        document=Document(known, text(name), text(description), content),
        sid=sid,
        com=com,
        expires_us=int.from_bytes(expires, "big"),
        epoch=int.from_bytes(epoch, "big"),
    )
