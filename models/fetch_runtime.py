#!/usr/bin/env python3
"""Bring ONNX Runtime, the library that runs the models, into models/runtime/libonnxruntime.so.

The library is 29 MB and differs from processor to processor, so it is not kept in the repository. It is taken out of the wheel that the
ONNX Runtime project publishes on PyPI, fetched by pip (so your own pip settings, mirrors and proxies hold), and checked against the SHA-256 below.
Standard library only; runs on any Python 3.9 or newer that has pip. Linux with glibc 2.28 or newer on x86_64 or aarch64.
"""
import hashlib
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "1.31.1"
MEMBER = f"onnxruntime/capi/libonnxruntime.so.{VERSION}"
SHA256 = {
    "x86_64": "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
    "aarch64": "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
}
TARGET = Path(__file__).resolve().parent / "runtime" / "libonnxruntime.so"


def stop(message: str) -> None:
    """End with a message that says what is wrong and what to do about it."""
    sys.exit(f"fetch_runtime: {message}")


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def download(machine: str, folder: str) -> Path:
    """The wheel for this kind of processor, fetched by pip into `folder`."""
    if importlib.util.find_spec("pip") is None:
        stop(f"this Python ({sys.executable}) has no pip. Install it (Debian, Ubuntu: apt install python3-pip) or run this script with a Python that has it.")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
        "--python-version", "3.12", "--implementation", "cp", "--platform", f"manylinux_2_28_{machine}",
        "--dest", folder, f"onnxruntime=={VERSION}",
    ]  # fmt: skip
    if subprocess.run(command).returncode != 0:
        stop(
            f"pip could not download onnxruntime {VERSION} (its own message is above). Is the network or the package index reachable? "
            f"Behind a proxy set HTTPS_PROXY; with a mirror set PIP_INDEX_URL. Or copy a libonnxruntime.so {VERSION} to {TARGET} yourself."
        )
    wheels = list(Path(folder).glob("onnxruntime-*.whl"))
    if not wheels:
        stop("pip ended well but left no onnxruntime wheel; please report this.")
    return wheels[0]


def main() -> None:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform != "linux" or machine not in SHA256:
        stop(f"no library is pinned for {sys.platform} on {machine}. Copy ONNX Runtime {VERSION}'s shared library to {TARGET} yourself.")
    if TARGET.exists() and sha256(TARGET) == SHA256[machine]:
        print(f"ONNX Runtime {VERSION} for {machine} is in place: {TARGET}")
        return
    with tempfile.TemporaryDirectory() as folder:
        wheel = download(machine, folder)
        try:
            library = zipfile.ZipFile(wheel).read(MEMBER)
        except (KeyError, zipfile.BadZipFile) as error:
            stop(f"{wheel.name} does not contain {MEMBER} ({error}).")
    found = hashlib.sha256(library).hexdigest()
    if found != SHA256[machine]:
        stop(f"the library in {wheel.name} has SHA-256 {found}, not {SHA256[machine]}; it was not installed. Check where pip downloads from.")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    part = TARGET.with_name(f"{TARGET.name}.{os.getpid()}.part")
    part.write_bytes(library)
    part.chmod(0o755)
    part.replace(TARGET)
    print(f"ONNX Runtime {VERSION} for {machine} fetched: {TARGET} ({len(library) / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()
