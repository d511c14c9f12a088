"""Files of NYISO: a day's CSV, or an archive of the days of a month."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ingest.iso.sheet import refused_whole, whole
from ingest.packed import Member, members
from lakehouse.contract import Contract
from lakehouse.errors import UnreadableFile
from lakehouse.source import Parsed, RawFile


def read_files(file: RawFile, contract: Contract, read: Callable[[bytes, Member], Parsed]) -> Iterator[Parsed]:
    """Read a file, or every file of an archive; an unusable day does not keep the others from landing.

    Args:
        file: the bytes.
        contract: of the table.
        read: reads the bytes of one file.

    Raises:
        UnreadableFile: nothing of it can be used.
    """
    refused: list[tuple[str, UnreadableFile]] = []
    landed = False
    for member in members(file):
        try:
            parsed = read(whole(member.content, member.name or file.path.name), member)
        except UnreadableFile as error:
            if member.name is None:
                raise
            refused.append((member.name, error))
            continue
        landed = True
        yield parsed
    if not landed:
        if not refused:
            raise UnreadableFile("the archive is empty", "download it again")
        name, why = refused[0]
        raise UnreadableFile(f"{name}: {why.message}", why.next_step)
    nothing = contract.arrow_schema.empty_table()
    for name, why in refused:
        yield Parsed({contract.name: nothing}, refused_whole(name, why.message), "nyiso", rows_read=1)
