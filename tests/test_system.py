"""What memory is free: of the machine, and of the control groups that a process is in."""

import pytest

from ceair import system

V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Makes control groups; tells of which the process is a member."""
    monkeypatch.setattr(system, "_GROUPS", tmp_path)

    def make(membership, names, **limits):
        monkeypatch.setattr(system, "_membership", lambda: [membership])
        for place, (limit, used, files) in limits.items():
            folder = tmp_path / place.replace("_", "/").removeprefix("root").lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / names[0]).write_text(f"{limit}\n")
            (folder / names[1]).write_text(f"{used}\n")
            (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {files}\nshmem 7\n")

    return make


def test_files_that_were_read_do_not_count_as_used(groups):
    groups("0::/", V2, root=(4000, 3990, 3500))
    assert system._free_of_groups() == 3510


def test_the_tightest_of_nested_groups_counts(groups):
    groups("0::/a/b", V2, a=(1000, 100, 0), a_b=("max", 50, 0))
    assert system._free_of_groups() == 900
    groups("0::/a/b", V2, a_b=(300, 50, 20))
    assert system._free_of_groups() == 270


def test_groups_of_the_first_version_count_too(groups):
    groups("9:cpu,memory:/a", V1, memory_a=(1000, 400, 100), memory=(2**63 - 4096, 5000, 0))
    assert system._free_of_groups() == 700
    groups("9:cpuset:/a", V1, memory_a=(10, 4, 1))
    assert system._free_of_groups() is None


def test_without_groups_the_machine_counts(groups, monkeypatch):
    groups("0::/", V2)
    assert system._free_of_groups() is None
    monkeypatch.setattr(system, "_free_of_machine", lambda: 123)
    assert system.available_memory() == 123
