"""No photo takes more time or memory than its limit, whatever a decoder does with it."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

import simsvc.adapters.photos.photo_decoder as module
from simsvc.adapters.photos.framed import receive, send
from simsvc.adapters.photos.photo_decoder import CPU_S, PhotoDecoder
from simsvc.domain.files import decode_cost
from simsvc.domain.photo.decode import decode, decode_picture
from simsvc.errors import DecoderMissing, PhotoError, PhotoTooCostly, TruncatedPhoto
from simsvc.values import DecodeRequest
from tests.helpers import wait_until
from tests.photo_files import ZEROS, repeated, saved, scans, strips, tiles, waves
from tests.servers import is_alive

MEMORY_BYTES = 500_000_000
MOST_JPEGS = 100
"""Most that a phone's photo may cost, in JPEGs of 12 megapixels that this process decodes: half of the limit
where that was measured, with 0.04 s each."""
WORKER_BYTES = 1_000_000_000
WORKER_ALONE_BYTES = 250_000_000
"""The most that `make bench` lets a worker hold; the process of the tests holds what others need."""
KINDS = ("WEBP", "HEIF", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", "PPM")


@pytest.fixture
def decoder() -> Iterator[PhotoDecoder]:
    made = PhotoDecoder()
    yield made
    made.close()


def pid_of(decoder: PhotoDecoder) -> int:
    """Return the helper of a decoder that decodes nothing just now."""
    (helper,) = decoder.helpers
    return helper.pid


def children(of: int | None = None) -> set[int]:
    """Return the processes that this one, or another, started and that are not waited for."""
    tasks = Path(f"/proc/{of or os.getpid()}/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("kind", [*KINDS, "JPEG", "PNG"])
def test_a_photo_is_the_same_by_whichever_process(kind: str, decoder: PhotoDecoder) -> None:
    """The helper gives the very pixels, sizes and format that this process does."""
    data = saved(waves(1700, 900), kind)
    here, there = decode(data), decode(data, decoder=decoder)
    np.testing.assert_array_equal(there.rgb, here.rgb)
    assert (there.original_width_px, there.original_height_px, there.format) == (1700, 900, here.format)
    assert len(decoder.helpers) == (kind in KINDS)


def test_levels_come_from_the_helper_too(monkeypatch: pytest.MonkeyPatch, decoder: PhotoDecoder) -> None:
    """A JPEG that is not cheap is decoded as finely as it is asked to, turned as it is here."""
    monkeypatch.setattr(decode_cost, "CHEAP_JPEG_PIXELS", 0)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(waves(1600, 1200), "JPEG", exif=exif)
    here, there = (decode(data, first_px=320, decoder=by) for by in (None, decoder))
    for scale in (0.2, 0.5, 1.0):
        np.testing.assert_array_equal(there.at_least(scale)[0].rgb, here.at_least(scale)[0].rgb)
    assert there.rgb.shape == (1600, 1200, 3)
    assert decoder.helpers


@pytest.mark.parametrize("data", [b"II*\0", saved(waves(), "WEBP")[:200], b"GIF89a" + bytes(20)])
def test_refusals_come_through(data: bytes, decoder: PhotoDecoder) -> None:
    """The helper's refusals are this process's: class, code and sentence."""
    with pytest.raises(PhotoError) as here:
        decode(data)
    with pytest.raises(type(here.value)) as there:
        decode(data, decoder=decoder)
    assert there.value.sentence == here.value.sentence


def test_a_helper_is_started_when_it_is_needed_and_kept(decoder: PhotoDecoder) -> None:
    """Cheap photos need none, and one serves all the others."""
    decode(saved(waves(), "JPEG"), decoder=decoder)
    assert not decoder.helpers
    decode(saved(waves(), "WEBP"), decoder=decoder)
    first = pid_of(decoder)
    with pytest.raises(TruncatedPhoto):
        decode(saved(waves(), "WEBP")[:200], decoder=decoder)
    decode(saved(waves(), "GIF"), decoder=decoder)
    assert pid_of(decoder) == first


def test_the_helper_imports_little(decoder: PhotoDecoder) -> None:
    """Neither the model's engine nor the web server's libraries are loaded in it."""
    decode(saved(waves(), "WEBP"), decoder=decoder)
    maps = Path(f"/proc/{pid_of(decoder)}/maps").read_text()
    assert "onnxruntime" not in maps
    program = "import sys, simsvc.adapters.photos.decode_helper; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"onnxruntime", "torch", "flask", "sqlalchemy", "annoy"} & set(loaded.stdout.split())


def noisy(kind: str, side: int, **how: object) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return saved(Image.fromarray(noise), kind, **how)


def jpeg_2000_of_noise(side_px: int = 3400) -> bytes:
    return noisy("JPEG2000", side_px, quality_mode="rates", quality_layers=[1.5])


def bmp_of_runs() -> bytes:
    body = b"\x05\1" + b"\0\0" * 5000 + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, 5000, 5000, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(body), 0, 0, 1078) + head + bytes(1024) + body


def claiming(kind: str, width_px: int, height_px: int) -> bytes:
    """Return a HEIC or AVIF whose container claims another size than its picture has."""
    data = bytearray(saved(waves(640, 480), kind))
    struct.pack_into(">II", data, data.find(b"ispe") + 8, width_px, height_px)
    return bytes(data)


BOMBS = {
    "a tile of 250 MB": lambda: tiles((640, 640), (15_800, 15_800), 8),
    "planes of 16 bits": lambda: strips((5000, 5000), 5000, 8, ZEROS, samples=4, bits=16, planes=2),
    "a strip of 200 MB": lambda: strips(
        (5000, 5000), 5000, 8, zlib.compress(bytes(200_000_000)), samples=4, bits=16
    ),
    "PackBits": lambda: strips((5000, 5000), 5000, 32_773, b"\x81\0" * 200_000),
    "scans up to the limit": lambda: scans(7000, 7000, 22),
    "noise in JPEG 2000": jpeg_2000_of_noise,
    "runs in BMP": bmp_of_runs,
    "HEIC that claims more": lambda: claiming("HEIF", 8000, 6000),
    "AVIF that claims more": lambda: claiming("AVIF", 5000, 5000),
    "interlaced GIF": lambda: saved(Image.new("P", (5000, 5000)), "GIF", interlace=1),
    "PNG of 25 megapixels with transparency": lambda: saved(
        Image.new("RGBA", (5000, 5000), (9, 8, 7, 99)), "PNG"
    ),
    "float TIFF": lambda: saved(Image.new("F", (5000, 5000)), "TIFF", compression="tiff_deflate"),
    "WebP of 16 megapixels": lambda: saved(waves(4000, 4000), "WEBP"),
}


def used_by(photo: bytes) -> tuple[str, float, int]:
    """Return what a process said of a photo, the seconds of processor time used for it, and the peak bytes.

    The time includes the start of a helper.
    """
    program = (
        "import sys, resource; from simsvc.adapters.photos.photo_decoder import PhotoDecoder;"
        "from simsvc.domain.photo.decode import decode; from simsvc.errors import PhotoError\n"
        "data, by = sys.stdin.buffer.read(), PhotoDecoder()\n"
        "import simsvc.adapters.photos.photo_decoder as m\n"
        "before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])\n"
        "try: said = decode(data, decoder=by).format\n"
        "except PhotoError as error: said = error.code\n"
        "own = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before\n"
        "by.close()\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(said, own + used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=photo, capture_output=True, check=True)
    said, used_s, peak_kb = done.stdout.decode().split()
    return said, float(used_s), int(peak_kb) * 1024


LONGEST = {
    "noise in JPEG 2000",
    "a strip of 200 MB",
    "PNG of 25 megapixels with transparency",
    "scans up to the limit",
    "WebP of 16 megapixels",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.proof if name in LONGEST else ()) for name in BOMBS]
)
def test_no_photo_takes_more_than_its_limits(name: str) -> None:
    """Read or refused, a photo stays within the limits on processor time and memory of a helper."""
    _, start_s, _ = used_by(saved(waves(), "WEBP"))
    said, used_s, peak_bytes_ = used_by(BOMBS[name]())
    assert said
    assert used_s < CPU_S + 3 * start_s
    assert peak_bytes_ < MEMORY_BYTES


@pytest.mark.slow
def test_a_photo_that_takes_too_long_is_refused_and_the_next_one_read(
    monkeypatch: pytest.MonkeyPatch, decoder: PhotoDecoder
) -> None:
    """Linux ends the helper at its limit, and nobody waits for it; another one takes its place."""
    monkeypatch.setattr(module, "CPU_S", 1.0)
    decode(saved(waves(), "WEBP"), decoder=decoder)
    first = pid_of(decoder)
    with pytest.raises(PhotoTooCostly, match="Decoding this photo takes too much time or memory"):
        decode(jpeg_2000_of_noise(2000), decoder=decoder)
    assert first not in children()
    assert decode(saved(waves(), "WEBP"), decoder=decoder).format == "WEBP"
    assert pid_of(decoder) != first


def test_what_stands_still_is_ended_by_the_clock(
    monkeypatch: pytest.MonkeyPatch, decoder: PhotoDecoder
) -> None:
    """A helper that uses no processor time and does not answer holds nobody longer than the deadline."""
    monkeypatch.setattr(module, "DEADLINE_S", 0.3)
    decode(saved(waves(), "WEBP"), decoder=decoder)
    os.kill(pid_of(decoder), signal.SIGSTOP)
    with pytest.raises(PhotoTooCostly):
        decode(saved(waves(2000, 1500), "WEBP"), decoder=decoder)
    monkeypatch.undo()
    assert decode(saved(waves(), "WEBP"), decoder=decoder).format == "WEBP"


def test_a_helper_that_died_between_photos_is_replaced(decoder: PhotoDecoder) -> None:
    """No photo is refused for it, and none of its remains stays."""
    decode(saved(waves(), "WEBP"), decoder=decoder)
    first = pid_of(decoder)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert decode(saved(waves(), "WEBP"), decoder=decoder).format == "WEBP"
    assert first not in children()


@pytest.mark.proof
def test_memory_is_given_back(decoder: PhotoDecoder) -> None:
    """After photos near the limit, read or refused, small ones are still read."""
    big = strips((5000, 5000), 5000, 8, zlib.compress(bytes(100_000_000)), samples=4, planes=2)
    transparent = saved(Image.new("RGBA", (5000, 4900), (9, 8, 7, 99)), "PNG")
    small = saved(waves(3000, 3000), "WEBP")
    for _ in range(3):
        decode(transparent, decoder=decoder)
        with pytest.raises(PhotoError):
            decode(big[:-40_000], decoder=decoder)
        assert decode(small, decoder=decoder).format == "WEBP"


def test_a_helper_is_replaced_in_time(monkeypatch: pytest.MonkeyPatch, decoder: PhotoDecoder) -> None:
    """After so many photos another one takes its place."""
    monkeypatch.setattr(module, "PHOTOS", 2)
    before, pids = children(), []
    for _ in range(2):
        decode(saved(waves(), "WEBP"), decoder=decoder)
        pids.append(pid_of(decoder))
        decode(saved(waves(), "WEBP"), decoder=decoder)
        assert not decoder.helpers
        assert children() <= before
    assert pids[0] != pids[1]


def test_several_threads_share_a_helper(decoder: PhotoDecoder) -> None:
    """Each gets its own photo, one after another, whichever thread it was that started the helper."""
    pictures = [waves(200 + 10 * n, 100, seed=n) for n in range(12)]
    files = [saved(picture, "TIFF") for picture in pictures]
    with ThreadPoolExecutor(6) as pool:
        photos = list(pool.map(lambda data: decode(data, decoder=decoder), files))
    for photo, picture in zip(photos, pictures, strict=True):
        np.testing.assert_array_equal(photo.rgb, np.asarray(picture))
    assert len(decoder.helpers) == 1
    assert decode(files[0], decoder=decoder).format == "TIFF"


def test_several_helpers_work_at_once() -> None:
    """Commands that judge many photos use as many as there are cores, and never more."""
    decoder = PhotoDecoder(2)
    before = children()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda data: decode(data, decoder=decoder), [saved(waves(1000, 1000), "WEBP")] * 8))
    assert 1 <= len(children() - before) <= 2
    decoder.close()
    assert children() <= before


def test_a_helper_ends_with_its_process() -> None:
    """Also where that is killed, so that nothing stays behind."""
    program = (
        "import os, signal, sys; from simsvc.adapters.photos.photo_decoder import PhotoDecoder;"
        "from simsvc.domain.photo.decode import decode\n"
        "by = PhotoDecoder(); decode(sys.stdin.buffer.read(), decoder=by)\n"
        "print(by.helpers[0].pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=saved(waves(), "WEBP"), capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    wait_until(lambda: not is_alive(int(done.stdout)), 5)


def test_a_fork_has_helpers_of_its_own(decoder: PhotoDecoder) -> None:
    """It neither talks to its parent's helper nor ends it."""
    data = saved(waves(), "WEBP")
    decode(data, decoder=decoder)
    first = pid_of(decoder)
    pid = os.fork()
    if not pid:
        right = decode(data, decoder=decoder).format == "WEBP" and pid_of(decoder) != first
        decoder.close()
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert decode(data, decoder=decoder).format == "WEBP"
    assert pid_of(decoder) == first


@pytest.mark.parametrize("executable", ["/no/such/python", "/bin/false"])
def test_where_no_helper_can_be_started_it_is_said(
    monkeypatch: pytest.MonkeyPatch, decoder: PhotoDecoder, executable: str
) -> None:
    """That is the server's trouble and not the photo's; cheap photos are read all the same."""
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(DecoderMissing, match="could not be started"):
        decode(saved(waves(), "WEBP"), decoder=decoder)
    assert decode(saved(waves(), "JPEG"), decoder=decoder).format == "JPEG"
    monkeypatch.undo()
    assert decode(saved(waves(), "WEBP"), decoder=decoder).format == "WEBP"


def test_messages_are_whole_or_none() -> None:
    """A message that ends early, or claims a long head, is none."""
    mine, other = __import__("socket").socketpair()
    with mine, other:
        thread = threading.Thread(target=send, args=(mine, b"head", bytes(3_000_000)))
        thread.start()
        assert receive(other) == (b"head", bytes(3_000_000))
        thread.join()
        mine.sendall(struct.pack("<IQ", 2**31, 0))
        assert receive(other, time.monotonic() + 1.0) is None
        mine.sendall(struct.pack("<IQ", 4, 10) + b"he")
        with pytest.raises(TimeoutError):
            receive(other, time.monotonic() + 0.05)
        mine.close()
        assert receive(other) is None


def jpeg_s() -> float:
    """Return the processor time in which this process decodes a JPEG of 12 megapixels whole."""
    data, request, took_s = saved(waves(4032, 3024), "JPEG"), DecodeRequest(1), []
    for _ in range(3):
        start_s = time.process_time()
        decode_picture(data, request)
        took_s.append(time.process_time() - start_s)
    return min(took_s)


LARGE = {
    "JPEG of 8160 x 6144": ("JPEG", (8160, 6144), {}),
    "JPEG of 8192 x 6144": ("JPEG", (8192, 6144), {}),
    "progressive JPEG of 8192 x 6144": ("JPEG", (8192, 6144), {"progressive": True, "subsampling": 0}),
    "MPO of 8192 x 6144": ("MPO", (8192, 6144), {}),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [next(iter(LARGE)), *(pytest.param(name, marks=pytest.mark.proof) for name in [*LARGE][1:])]
)
def test_phones_of_fifty_megapixels_are_read(name: str, decoder: PhotoDecoder) -> None:
    """Within 500 MB and half of the limit on processor time, whichever process decodes them."""
    kind, size, how = LARGE[name]
    data = saved(waves(*(side // 4 for side in size)).resize(size), kind, quality=90, **how)
    decode(saved(waves(), "WEBP"), decoder=decoder)
    before = cpu_s(pid_of(decoder))
    photo = decode(data, first_px=320, decoder=decoder)
    assert (photo.original_width_px, photo.original_height_px) == size
    assert cpu_s(pid_of(decoder)) - before < MOST_JPEGS * jpeg_s()
    assert peak_bytes(pid_of(decoder)) < MEMORY_BYTES


@pytest.fixture(scope="module")
def heic_of_48_megapixels() -> bytes:
    """Return tiles of 512 pixels as phones write them, in a file of 4 MB."""
    picture = waves(504, 378).resize((2016, 1512))
    buffer = io.BytesIO()
    how = {"quality": 95, "tile_size": 512, "enc_params": {"preset": "ultrafast"}}
    pillow_heif.from_pillow(picture).save(buffer, **how)
    return repeated(buffer.getvalue(), 4) + struct.pack(">I4s", 3_500_000, b"free") + bytes(3_499_992)


@pytest.mark.proof
@pytest.mark.slow
def test_a_heic_of_48_megapixels_is_read(heic_of_48_megapixels: bytes, decoder: PhotoDecoder) -> None:
    """Within 500 MB and half of the limit on processor time, again and again."""
    decode(saved(waves(), "WEBP"), decoder=decoder)
    for _ in range(2):
        before = cpu_s(pid_of(decoder))
        photo = decode(heic_of_48_megapixels, decoder=decoder)
        assert (photo.original_width_px, photo.width_px) == (8064, 1600)
        assert cpu_s(pid_of(decoder)) - before < MOST_JPEGS * jpeg_s()
        assert peak_bytes(pid_of(decoder)) < MEMORY_BYTES


@pytest.mark.proof
@pytest.mark.slow
def test_two_at_once_stay_below_a_worker_s_memory(heic_of_48_megapixels: bytes) -> None:
    """This process and its helper together, while two threads decode the costliest photos."""
    decoder = PhotoDecoder()
    own = [0, 0]
    done = threading.Event()
    others = set(children())  # servers of other tests

    def watch() -> None:
        while not done.wait(0.005):
            together = sum(_resident(pid) for pid in (os.getpid(), *set(children()) - others))
            own[1] = max(own[1], together)

    own[0] = _resident(os.getpid())
    watcher = threading.Thread(target=watch)
    watcher.start()
    files = [heic_of_48_megapixels, strips((5000, 5000), 5000, 8, ZEROS, samples=4, bits=16, planes=2)] * 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda data: _tried(data, decoder), files))
    done.set()
    watcher.join()
    decoder.close()
    assert own[1] - own[0] < MEMORY_BYTES + 60_000_000
    assert own[1] - own[0] + WORKER_ALONE_BYTES < WORKER_BYTES


def _tried(data: bytes, decoder: PhotoDecoder) -> None:
    try:
        decode(data, decoder=decoder)
    except PhotoError as error:
        assert error.code in {"photo_too_costly", "truncated_photo"}  # noqa: PT017 - either is right here


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def test_requests_are_told_whole(decoder: PhotoDecoder) -> None:
    """Part and reading reach the helper."""
    data = saved(waves(4000, 3000), "MPO", progressive=True) + bytes(decode_cost.CHEAP_SCANNED_BYTES)
    for request in (DecodeRequest(1, part=4), DecodeRequest(2, first_px=500)):
        there, here = decoder(data, request), decode_picture(data, request)
        assert (there.part, there.picture.size) == (here.part, here.picture.size)
        np.testing.assert_array_equal(np.asarray(there.picture), np.asarray(here.picture))
    assert decoder.helpers
