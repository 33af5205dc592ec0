"""What a PC lacks for picamera2 on libcamera's `virtual` camera. Import this before what uses picamera2.

Stood in for: /dev/dma_heap (memory files instead), the raw stream (a virtual sensor has none), and the
pace of a sensor (libcamera's virtual camera completes a request inside the call that queues it). The
module pykms, a display's driver, is an empty file beside this one. While the file UNPLUGGED exists, no
request is completed: that is how a loose ribbon cable looks to a program.
"""

import mmap
import os
import queue
import threading
import time
from pathlib import Path

import libcamera

UNPLUGGED = Path("/tmp/unplugged")
RATE = 30.0

_generate_configuration = libcamera.Camera.generate_configuration


def generate_configuration(camera, roles):
    """Instead of a raw stream, a second one as for a viewfinder: only its list of formats is looked at."""
    return _generate_configuration(
        camera,
        [libcamera.StreamRole.Viewfinder if role == libcamera.StreamRole.Raw else role for role in roles],
    )


libcamera.Camera.generate_configuration = generate_configuration


def validate(configuration):
    """Say that nothing is turned, as cameras do that cannot turn; the virtual one takes any orientation."""
    status = _validate(configuration)
    configuration.orientation = libcamera.Orientation.Rotate0
    return status


_validate = libcamera.CameraConfiguration.validate
libcamera.CameraConfiguration.validate = validate
# libcamera 0.4.0's virtual camera leaves this field as it is; picamera2 drops frames without Success in it.
libcamera.FrameMetadata.status = property(lambda metadata: libcamera.FrameMetadata.Status.Success)

from picamera2 import picamera2  # noqa: E402
from picamera2.allocators.allocator import Allocator  # noqa: E402


class Mapped:
    """A buffer's memory, as picamera2 takes it: a context manager."""

    def __init__(self, allocator, buffer, write):
        self.memory = allocator.memory[buffer]

    def __enter__(self):
        return self.memory

    def __exit__(self, *error):
        pass


class MemoryFileAllocator(Allocator):
    """Buffers from memfd_create(2) instead of a DMA heap."""

    def __init__(self):
        super().__init__()
        self.streams, self.memory, self.sync = {}, {}, Mapped

    def allocate(self, configuration, use_case=None):
        self.streams, self.memory = {}, {}
        for stream in configuration:
            self.streams[stream.stream] = [self._buffer(stream) for _ in range(stream.buffer_count)]

    def _buffer(self, stream):
        file = os.memfd_create("camera")
        os.ftruncate(file, stream.frame_size)
        luma = stream.stride * stream.size.height
        lengths = (
            [luma, stream.frame_size - luma] if str(stream.pixel_format) == "NV12" else [stream.frame_size]
        )
        planes, offset = [], 0
        for length in lengths:
            plane = libcamera.FrameBuffer.Plane()
            plane.fd, plane.offset, plane.length = file, offset, length
            planes.append(plane)
            offset += length
        buffer = libcamera.FrameBuffer(planes)  # takes copies of the file descriptor
        self.memory[buffer] = mmap.mmap(file, stream.frame_size)
        os.close(file)
        return buffer

    def buffers(self, stream):
        return self.streams[stream]

    def acquire(self, buffers):
        pass

    def release(self, buffers):
        pass

    def cleanup(self):
        pass

    def close(self):
        pass


picamera2.DmaAllocator = MemoryFileAllocator


running = {}  # camera -> its pace


class Pace:
    """Hands requests to the camera one at a time, as a sensor would fill them."""

    start, queue_request, stop = libcamera.Camera.start, libcamera.Camera.queue_request, libcamera.Camera.stop

    def __init__(self, camera):
        self.camera, self.waiting, self.lock, self.stopped = camera, queue.Queue(), threading.Lock(), False
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while (request := self.waiting.get()) is not None:
            time.sleep(1 / RATE)
            while UNPLUGGED.exists() and not self.stopped:
                time.sleep(0.05)
            with self.lock:
                if self.stopped:
                    return
                Pace.queue_request(self.camera, request)


def start(camera, *arguments, **keywords):
    """As Camera.start, at the pace of a sensor."""
    Pace.start(camera, *arguments, **keywords)
    running[camera] = Pace(camera)


def stop(camera, *arguments, **keywords):
    """As Camera.stop."""
    pace = running.pop(camera)
    with pace.lock:
        pace.stopped = True
    pace.waiting.put(None)
    return Pace.stop(camera, *arguments, **keywords)


libcamera.Camera.start, libcamera.Camera.stop = start, stop
libcamera.Camera.queue_request = lambda camera, request: running[camera].waiting.put(request)
