"""What AWS S3 documents of CRC32 checksums, for servers that do not know them: a guard for the proxy of `s3_faults`."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

HEADER = "x-amz-checksum-crc32"
ALGORITHM = "x-amz-checksum-algorithm"


@dataclass(slots=True)
class Crc32Guard:
    """Refuses what AWS S3 would refuse, and tells the CRC32 of what was taken. `refused` counts by S3's code.

    An upload that was opened with CRC32 wants it with each part and, for each part, at completion; one that was opened
    without takes none. Of an object that is put whole it is optional.
    """

    refused: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    _uploads: dict[str, str] = field(default_factory=dict)  # id -> algorithm

    def refuses(self, operation: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> str:
        """S3's code, or "" if the request may pass."""
        code = self._judge(operation, headers, query, body)
        if code:
            self.refused[code] += 1
        return code

    def _judge(self, operation: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> str:
        told = headers.get(HEADER)
        if operation in ("UploadPart", "PutObject"):
            if operation == "UploadPart" and (told is not None) != bool(self._uploads.get(query["uploadId"])):
                return "InvalidRequest"
            if told is not None and told != crc32_of(body):
                return "BadDigest"
            self.checked[operation] += told is not None
        if operation == "CompleteMultipartUpload" and self._uploads.get(query["uploadId"]):
            parts = [node for node in ET.fromstring(body).iter() if node.tag.endswith("Part")]  # noqa: S314
            if not all(any(child.tag.endswith("ChecksumCRC32") for child in part) for part in parts):
                return "InvalidRequest"
            self.checked[operation] += 1
        return ""

    def opened(self, headers: Mapping[str, str], answer: bytes) -> None:
        """An upload was opened."""
        for node in ET.fromstring(answer).iter():  # noqa: S314
            if node.tag.endswith("UploadId"):
                self._uploads[node.text or ""] = headers.get(ALGORITHM, "")


def crc32_of(body: bytes) -> str:
    """As the header has it."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()
