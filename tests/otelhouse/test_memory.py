"""Pages that were only needed to start are given back, and nothing breaks."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from otelhouse.memory import _read_only, forget_start

_CHECK = """
import numba, re
from otelhouse.memory import forget_start
def mapped():
    return int(re.search(r"RssFile:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = mapped()
forget_start()
after = mapped()
assert numba.njit("int64(int64)")(lambda n: n + 1)(1) == 2
print(before, after)
"""


def test_a_library_that_was_loaded_and_is_not_used_takes_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _CHECK], capture_output=True, text=True, check=True, timeout=60)
    before, after = map(int, done.stdout.split())
    assert after < before / 2


def test_what_is_used_again_comes_back() -> None:
    forget_start()
    assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")


def test_only_pages_that_a_file_still_has_are_given_back() -> None:
    smaps = """\
1000-2000 r-xp 00000000 08:01 7    /lib/clean.so
Anonymous:             0 kB
2000-3000 r--p 00000000 08:01 7    /lib/relocated.so
Anonymous:             4 kB
3000-4000 rw-p 00000000 08:01 7    /lib/data.so
Anonymous:             0 kB
4000-5000 r--s 00000000 08:01 7    /data/log.mdb
Anonymous:             0 kB
5000-6000 r-xp 00000000 00:00 0    [vdso]
Anonymous:             0 kB
6000-7000 r--p 00000000 00:00 0
Anonymous:             0 kB
"""
    assert list(_read_only(smaps)) == [(0x1000, 0x2000)]
