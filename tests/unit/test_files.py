"""What a file would hold is the same however its content is given."""

import errno

import pytest

from il2model.errors import InputError, StorageError
from il2model.files import content_bytes, unwritten


def test_the_content_of_a_file():
    assert content_bytes("µ\udcff") == "µ?".encode()
    assert content_bytes(memoryview(b"x")) == content_bytes(b"x") == content_bytes(lambda stream: stream.write(b"x"))


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, StorageError), (errno.EACCES, InputError)])
def test_a_full_disk_is_no_wrong_place(number, kind):
    assert type(unwritten("x", OSError(number, "why"))) is kind
