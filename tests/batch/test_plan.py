"""Batch jobs without Ray: which images there are, how they are cut, and what a job remembers."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.batch_files import content, fill

from ceair.batch.inputs import Item, find
from ceair.batch.job import Entry, Job, Totals
from ceair.batch.plan import prepare, without_secrets
from ceair.batch.shards import MANIFEST, Shard, cut, cut_tables, finished, load_manifest, load_record, save_record
from ceair.batch.store import open_store
from ceair.errors import CeairError, DataError


def found(*inputs, output="out", recursive=False):
    return find(inputs, open_store(output), recursive)


def names(*inputs, **options):
    return [item.name for item in found(*inputs, **options).items]


class TestShards:
    @given(st.integers(0, 50), st.integers(1, 12), st.integers(0, 5))
    def test_each_image_is_in_one_shard_and_each_shard_has_its_own_number(self, count, size, first):
        items = [Item(0, str(index)) for index in range(count)]
        shards = cut(items, size, first)
        assert [item for shard in shards for item in shard.items] == items
        assert [shard.number for shard in shards] == list(range(first, first + len(shards)))
        assert all(1 <= shard.images <= size for shard in shards)

    @given(st.lists(st.integers(0, 30), max_size=5), st.integers(1, 12))
    def test_each_row_is_in_one_shard_and_no_shard_crosses_files(self, rows, size):
        items = [Item(0, str(index)) for index in range(len(rows))]
        shards = cut_tables(items, lambda item: rows[int(item.name)], size)
        taken = [(shard.items, row) for shard in shards for row in range(*shard.rows)]
        assert taken == [((item,), row) for item, count in zip(items, rows, strict=True) for row in range(count)]
        assert all(1 <= shard.images <= size for shard in shards)

    def test_a_shard_survives_json(self):
        for shard in (Shard(3, (Item(0, "a\n\u00fc.png"), Item(1, "b"))), Shard(4, (Item(0, "a"),), (5, 9))):
            assert Shard.parse(json.loads(json.dumps(shard))) == shard

    def test_a_record_holds_any_name_and_error(self):
        store, shard = open_store("out"), Shard(0, ())
        entries = [Entry("a\n\u00fc\u2028.png", "failed", 'it says "no"\n'), Entry("b", "restored", None, 0.5, 3, 4)]
        assert not finished(store)
        save_record(store, shard, entries)
        assert finished(store) == {shard.record}
        assert load_record(store, shard) == entries
        Path("out", shard.record).write_text("{")
        with pytest.raises(CeairError, match="damaged"):
            load_record(store, shard)


class TestInputs:
    def test_a_folder_gives_its_images_in_order_and_deeper_ones_on_request(self):
        fill("in", "b.png", "a.JPG", "deep/er/c.png", ".hidden.png", ".cache/d.png", "_ceair/e.png", "notes.txt")
        assert names("in") == ["a.JPG", "b.png"]
        assert names("in", recursive=True) == ["a.JPG", "b.png", "deep/er/c.png"]

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("in/*.png", ["a1.png", "b1.png"]),
            ("in/?1.png", ["a1.png", "b1.png"]),
            ("in/[b-z]*", ["b1.png"]),
            ("in/*/a1.png", ["x/a1.png"]),
            ("in/**/a1.png", ["a1.png", "x/a1.png", "x/y/a1.png"]),
            ("in/x/**", ["a1.png", "y/a1.png"]),
            ("in/odd[1].png", ["odd[1].png"]),
        ],
    )
    def test_a_glob_gives_names_below_its_fixed_part(self, pattern, expected):
        fill("in", "a1.png", "b1.png", "x/a1.png", "x/y/a1.png")
        if "odd" in pattern:
            fill("in", "odd[1].png")
        assert names(pattern) == expected
        assert names(str(Path.cwd() / pattern)) == expected

    def test_a_uri_is_as_good_as_a_path(self):
        fill("in", "a b.png", "x/c.png")
        uri = Path("in").absolute().as_uri()
        assert names(uri, recursive=True) == names(uri + "/**") == ["a b.png", "x/c.png"]
        assert names(f"{uri}/a%20b.png") == ["a b.png"]

    def test_what_is_named_twice_is_restored_once(self):
        fill("in", "a.png", "b.png")
        assert names("in", "in/a.png", "in/*.png", Path("in").absolute().as_uri()) == ["a.png", "b.png"]

    def test_results_below_the_input_are_no_inputs(self):
        fill("in", "a.png", "out/a.png", "output.png")
        assert names("in", output="in/out", recursive=True) == ["a.png", "output.png"]

    def test_what_cannot_be_told_apart_is_refused(self):
        fill("one", "a.png")
        fill("two", "a.png")
        fill("tables", "a.parquet")
        Path("empty").mkdir()
        fill("nested", "deep/a.png")
        for inputs, output, hint in (
            (("one", "two"), "out", "both be written"),
            (("one",), "one", "choose another folder"),
            (("one/a.png",), "one", "choose another folder"),
            (("one", "tables"), "out", "both images and Parquet"),
            (("empty",), "out", "no image"),
            (("nested",), "out", "--recursive"),
            (("*.png",), "out", "no image"),
            (("gone",), "out", "there is no gone"),
            (("nowhere://a/b",), "out", "cannot open nowhere://a/b"),
        ):
            with pytest.raises(DataError, match=hint):
                found(*inputs, output=output)

    def test_an_input_is_no_target(self):
        fill("in/x", "a.png", "x/a.png")
        assert names("in/x", output="in") == ["a.png"]
        with pytest.raises(DataError, match=r"would replace the input .*in/x/a\.png"):
            found("in/x", output="in", recursive=True)

    def test_a_link_is_a_file_of_its_own_name(self):
        fill("store", "1.png")
        Path("photo.png").symlink_to("store/1.png")
        Path("folder").symlink_to("store")
        (found_link,) = found("photo.png").items
        assert found_link.name == "photo.png"
        assert names("folder") == ["1.png"]


class TestStore:
    @pytest.mark.parametrize("place", ["folder", "memory://bucket/prefix"])
    def test_what_is_written_is_listed_read_and_deleted(self, place):
        store = open_store(place)
        assert store.files(recursive=True) == []
        store.write("b.png", b"2")
        store.write("a/c.png", b"3")
        assert store.files() == ["b.png"]
        assert store.files(recursive=True) == ["a/c.png", "b.png"]
        assert store.files("a") == ["a/c.png"]
        assert store.present(["b.png", "a", "gone"]) == {"b.png"}
        assert open_store(place).read("a/c.png") == b"3"
        store.write("b.png", b"4")
        assert store.read("b.png") == b"4"
        store.delete(["b.png", "gone"])
        assert store.files(recursive=True) == ["a/c.png"]
        store.delete(["a/c.png"])

    def test_what_killed_writers_left_is_removed_and_nothing_else(self):
        fill("out", "deep/.0123456789abcdef.part", "deep/.notes.part", "deep/a.png", ".0123456789abcdef.part")
        open_store("out").tidy(["deep/a.png"])
        left = sorted(str(path) for path in Path("out").rglob("*") if path.is_file())
        assert left == ["out/.0123456789abcdef.part", "out/deep/.notes.part", "out/deep/a.png"]


class TestManifest:
    def prepare(self, job, output="out"):
        store = open_store(output)
        return prepare(job, "digest", find(job.inputs, store, job.recursive), store)

    def test_the_same_job_has_the_same_shards_and_new_images_get_new_ones(self):
        fill("in", *(f"{index}.png" for index in range(5)))
        job = Job(("in",), "out", shard=2)
        first = self.prepare(job)
        assert load_manifest(open_store("out")) == first == self.prepare(job)
        fill("in", "00.png")
        second = self.prepare(job)
        assert second.shards == (*first.shards, Shard(3, (Item(0, "00.png"),)))
        Path("in/1.png").unlink()
        assert self.prepare(job) == second

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("engine", "torch"), ("precision", "bf16"), ("tile", 256), ("strength", 0.5), ("cautious", True)),
            *(("ensemble", True), ("recursive", True), ("inputs", ("in", "more"))),
        ],
    )
    def test_a_job_with_other_settings_is_refused_by_name_until_told_to_begin_anew(self, name, value):
        fill("in", "a.png")
        fill("more", "b.png")
        job = Job(("in",), "out")
        self.prepare(job)
        before = Path("out", MANIFEST).read_bytes()
        other = replace(job, **{name: value})
        with pytest.raises(CeairError, match=rf"other settings \(.*{name}.*\).*--overwrite"):
            self.prepare(other)
        assert Path("out", MANIFEST).read_bytes() == before
        assert self.prepare(replace(other, overwrite=True)).overwrite
        assert self.prepare(other).overwrite, "what is left to do must still replace the older results"

    def test_settings_that_change_no_result_may_change(self):
        fill("in", "a.png")
        job = Job(("in",), "out")
        first = self.prepare(job)
        assert self.prepare(replace(job, workers=3, cpus=2, memory=10**9, inputs=("./in/",))) == first

    def test_beginning_anew_forgets_records_and_parts_but_no_images(self):
        fill("in", "a.png")
        job = Job(("in",), "out")
        self.prepare(job)
        save_record(open_store("out"), Shard(0, ()), [])
        fill("out", "a.png", "part-00000.parquet", "_ceair/begun/00000.json")
        self.prepare(replace(job, overwrite=True))
        left = sorted(str(path) for path in Path("out").rglob("*") if path.is_file())
        assert left == [f"out/{MANIFEST}", "out/a.png"]

    def test_bad_inputs_forget_nothing(self):
        fill("in", "a.png")
        self.prepare(Job(("in",), "out"))
        fill("tables", "a.parquet")
        with pytest.raises(DataError, match="as Parquet"):
            self.prepare(Job(("tables",), "out", overwrite=True))
        assert load_manifest(open_store("out"))

    def test_a_damaged_manifest_is_named(self):
        fill("in", "a.png")
        fill("out", MANIFEST)
        with pytest.raises(CeairError, match=r"manifest\.json is damaged"):
            self.prepare(Job(("in",), "out"))

    def test_a_parquet_file_must_stay_what_it_was(self):
        Path("in").mkdir()
        table = pa.table({"image": [content(seed) for seed in range(5)]})
        pq.write_table(table, "in/a.parquet")
        job = Job(("in",), "out", shard=2)
        shards = self.prepare(job).shards
        assert [shard.rows for shard in shards] == [(0, 2), (2, 4), (4, 5)]
        pq.write_table(table, "in/b.parquet")
        assert self.prepare(job).shards[:3] == shards
        pq.write_table(table.slice(1), "in/a.parquet")
        with pytest.raises(DataError, match=r"a\.parquet has changed"):
            self.prepare(job)

    def test_parquet_files_of_others_are_not_mixed_with_results(self):
        Path("in").mkdir()
        pq.write_table(pa.table({"image": [content()]}), "in/a.parquet")
        fill("out", "old.parquet")
        with pytest.raises(CeairError, match="holds Parquet files already"):
            self.prepare(Job(("in",), "out"))

    def test_secrets_stay_out_of_manifests(self):
        uri = "s3://key:secret@bucket/in?region=x&secret_key=secret&Access-Token=secret"
        assert without_secrets(uri) == "s3://bucket/in?region=x&secret_key=...&Access-Token=..."
        assert without_secrets("a@b?key=1") == "a@b?key=1", "a path"


def test_totals_count_each_image_once():
    totals = Totals.none()
    entries = [Entry("a", "restored", None, 1.0, 1000, 500), Entry("b", "failed", "why"), Entry("c", "skipped")]
    totals.add(entries)
    totals.add(entries, earlier=True)
    totals.seconds = 2.0
    assert (totals.restored, totals.failed, totals.skipped) == (1, 2, 3)
    assert totals.document()["megapixels_per_second"] == 0.25
