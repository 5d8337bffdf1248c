"""An independent reader of TensorBoard's event files: records of length, checksum, content, checksum."""

import json
import struct

from tensorboardX.proto.event_pb2 import Event, SessionLog


def crc32c(content):
    """Castagnoli's, bit by bit, masked as the format wants it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events(run):
    """All events of a run, file by file, in the order in which TensorBoard reads them."""
    found = []
    for path in sorted((run / "tensorboard").glob("*tfevents*")):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            assert struct.unpack("<I", content[8:12]) == (crc32c(content[:8]),)
            assert struct.unpack("<I", content[12 + length : 16 + length]) == (crc32c(content[12 : 12 + length]),)
            found.append(Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return found


def scalars(run):
    """(step, name, value) of every point that TensorBoard shows; a start makes it drop those from its step on."""
    points = []
    for event in events(run):
        if event.HasField("session_log") and event.session_log.status == SessionLog.START:
            points = [point for point in points if point[0] < event.step]
        numbers = [value for value in event.summary.value if value.HasField("simple_value")]
        points += [(event.step, value.tag, value.simple_value) for value in numbers]
    return points


def logged(run):
    """The same of the log, in float32."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        (record["step"], name, struct.unpack("f", struct.pack("f", value))[0])
        for record in records
        for name, value in record.items()
        if name != "step"
    ]
