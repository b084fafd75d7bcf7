"""`drops/tariffs`: the whole set of tariffs, which takes the place of the one before."""

from wattline.domain.loads import Format
from wattline.errors import InvalidRequest
from wattline.loading.kind import Drop, Progress, Stores
from wattline.loading.staging import Unreadable
from wattline.services.tariffs import MAX_DOCUMENT_BYTES, replace_tariffs


class TariffsKind:
    """A set is taken whole or not at all: with a tariff left out, the past would be priced wrongly."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """Raises Unreadable with all that is wrong."""
        if drop.format is Format.CSV:
            raise Unreadable("tariffs have windows in them, which a CSV cannot hold; write them as .json or .ndjson")
        if drop.size > MAX_DOCUMENT_BYTES:
            raise Unreadable(f"a set of tariffs holds at most {MAX_DOCUMENT_BYTES // 1000} kB")
        try:
            document = drop.path.read_text(encoding="utf-8")
            if drop.format is Format.NDJSON:
                document = f"[{','.join(line for line in document.splitlines() if line.strip())}]"
            tariffs = replace_tariffs(drop.load_id, document, drop.received_ms, sets=to.tariffs)
        except UnicodeDecodeError as error:
            raise Unreadable("the file is not UTF-8") from error
        except InvalidRequest as refusal:
            raise Unreadable(refusal.detail) from refusal
        progress.stored(tariffs)

    def drop_again(self, load_id: str, received_ms: int, to: Stores) -> None:
        """The same file once more makes its set current again, whatever was dropped in between."""
        to.tariffs.put_again(load_id, received_ms)
