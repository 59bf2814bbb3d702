"""Batch jobs without Ray: which images there are, how they are cut, resumed, and restored by one worker."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ceair.batch import tables
from ceair.batch.attempt import DEATHS, STARTS, Attempt
from ceair.batch.inputs import Item, find
from ceair.batch.job import Entry, Job, Totals
from ceair.batch.pipeline import Work, restore_works
from ceair.batch.plan import prepare, without_secrets
from ceair.batch.shards import MANIFEST, Shard, cut, cut_tables, finished, load_manifest, load_record, save_record
from ceair.batch.store import open_store
from ceair.batch.worker import Orders, Worker, digest
from ceair.errors import CeairError, DataError
from ceair.image import Picture


def content(seed=0, size=(8, 9)):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def fill(folder, *names):
    for seed, name in enumerate(names):
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(seed))


def found(*inputs, output="out", recursive=False):
    return find(inputs, open_store(output), recursive)


def names(*inputs, **options):
    return [item.name for item in found(*inputs, **options).items]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
        [("engine", "torch"), ("precision", "bf16"), ("tile", 256), ("recursive", True), ("inputs", ("in", "more"))],
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


class TestTables:
    @pytest.fixture
    def store(self):
        Path("in").mkdir()
        table = pa.table({"id": range(50), "image": [str(index).encode() for index in range(50)]})
        pq.write_table(table, "in/a.parquet", row_group_size=7)
        return open_store("in")

    @pytest.mark.parametrize("rows", [(0, 50), (0, 1), (6, 8), (7, 14), (13, 41), (49, 50)])
    def test_any_rows_can_be_read(self, store, rows):
        table = tables.read_rows(store, "a.parquet", rows)
        assert table.column("id").to_pylist() == list(range(*rows))
        assert tables.contents(table, "image") == [str(index).encode() for index in range(*rows)]

    def test_columns_are_found_or_asked_for(self, store):
        assert tables.count_rows(store, "a.parquet", None, None) == 50
        assert tables.count_rows(store, "a.parquet", "image", "id") == 50
        for column, key, hint in (("id", None, "no column `id` of image bytes"), (None, "name", "no column `name`")):
            with pytest.raises(DataError, match=hint):
                tables.count_rows(store, "a.parquet", column, key)

    def test_columns_of_results_are_not_replaced(self, store):
        pq.write_table(pa.table({"bytes": [b""], "status": ["fine"]}), "in/b.parquet")
        with pytest.raises(DataError, match="`status` already"):
            tables.count_rows(store, "b.parquet", None, None)

    def test_bytes_may_lie_in_a_struct_as_data_sets_on_the_hub_have_them(self):
        table = pa.table({"image": [{"bytes": b"1", "path": "a"}, None, {"bytes": None, "path": "b"}]})
        assert tables.image_column(table.schema, None, "") == "image"
        assert tables.contents(table, "image") == [b"1", None, None]


class TestPipeline:
    @pytest.mark.parametrize("depth", [0, 1, 3])
    def test_each_image_is_restored_once_and_errors_stay_with_theirs(self, depth):
        written: dict[str, bytes] = {}
        contents = {str(index): content(index) for index in range(6)} | {"2": b"no image", "4": b""}

        def darken(picture):
            if picture.samples.shape[1] == 20:
                raise RuntimeError("out of\nmemory")
            return Picture(picture.samples // 2, format=picture.format)

        def full(_):
            raise OSError(28, "No space left on device")

        works = [
            Work(name, lambda data=data: data, lambda result, name=name: written.update({name: result}))
            for name, data in contents.items()
        ]
        works[5].write = full
        works.append(Work("large", lambda: content(size=(8, 20)), written.__setitem__))
        restore_works(iter(works), darken, depth)
        assert [work.entry.status for work in works] == [
            "restored",
            "restored",
            *["failed", "restored"],
            *["failed"] * 3,
        ]
        assert sorted(written) == ["0", "1", "3"]
        for name, result in written.items():
            pixels = np.asarray(Image.open(io.BytesIO(contents[name])))
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(result))), pixels // 2)
        assert works[6].error == "cannot restore large: out of memory"
        assert works[5].error == "cannot restore 5: No space left on device"
        assert "cannot read 2" in works[2].error
        assert (works[0].entry.width, works[0].entry.height) == (9, 8)


class Death(BaseException):
    """A worker dies."""


class TestWorker:
    @pytest.fixture
    def orders(self):
        job = Job(("in",), str(Path("out").absolute()), engine="torch", precision="fp32")
        return Orders(job, digest("ceair-t"), (str(Path("in").absolute()),), False, 1)

    @pytest.fixture
    def death(self, monkeypatch):
        """Workers die when they read an image of one of these names."""
        from ceair.batch import pipeline

        read, deadly = pipeline.decode_picture, set()

        def decode_picture(data, name):
            if name in deadly:
                raise Death
            return read(data, name)

        monkeypatch.setattr(pipeline, "decode_picture", decode_picture)
        return deadly

    def until_done(self, orders, shard, most=20):
        """What the record says, and the trouble, if there was any, once a worker has survived the shard."""
        for _ in range(most):
            try:
                answer = Worker(orders)({"shard": np.array([json.dumps(shard)])})
            except Death:
                continue
            trouble = answer["trouble"][0]
            return {} if trouble else {e.name: e for e in load_record(open_store("out"), shard)}, trouble
        raise AssertionError("workers die for ever")

    def shard(self, *names):
        fill("in", *names)
        return Shard(0, tuple(Item(0, name) for name in names))

    def test_results_that_exist_are_kept_unless_older_than_the_job(self, orders):
        shard = self.shard("a.png", "b.png")
        fill("out", "b.png")
        before = Path("out/b.png").read_bytes()
        entries, _ = self.until_done(orders, shard)
        assert {name: entry.status for name, entry in entries.items()} == {"a.png": "restored", "b.png": "skipped"}
        assert Path("out/b.png").read_bytes() == before
        Path("out", shard.record).unlink()
        entries, _ = self.until_done(replace(orders, overwrite=True), shard)
        assert {entry.status for entry in entries.values()} == {"restored"}
        assert Path("out/b.png").read_bytes() != before

    def test_a_finished_shard_is_not_done_again(self, orders, death):
        shard = self.shard("a.png")
        save_record(open_store("out"), shard, [Entry("a.png", "restored")])
        death.add("a.png")
        assert self.until_done(orders, shard, most=1)[0] == {"a.png": Entry("a.png", "restored")}

    def test_images_that_kill_workers_fail_and_all_others_are_restored(self, orders, death):
        shard = self.shard(*(f"{index}.png" for index in range(6)))
        death.update(("2.png", "5.png"))
        entries, _ = self.until_done(orders, shard)
        failed = {name for name, entry in entries.items() if entry.failed}
        assert failed == death
        assert all(f"{DEATHS} workers died" in entries[name].error for name in failed)
        assert sorted(open_store("out").files()) == sorted(entries.keys() - death)
        assert not open_store("out").files("_ceair/begun")

    def test_rows_that_kill_workers_fail_too(self, orders, death):
        Path("in").mkdir()
        rows = [content(0), content(1), None, b"no image"]
        pq.write_table(pa.table({"name": ["a", "b", "c", "d"], "image": rows}), "in/a.parquet")
        death.add("b")
        shard = Shard(0, (Item(0, "a.parquet"),), (0, 4))
        entries, _ = self.until_done(orders, shard)
        table = pq.read_table(Path("out", shard.part))
        assert table.column("status").to_pylist() == [entry.status for entry in entries.values()]
        assert table.column("status").to_pylist() == ["restored", "failed", "failed", "failed"]
        assert table.column("error").to_pylist() == [entry.error for entry in entries.values()]
        assert table.column("image").to_pylist() == rows
        assert [value is None for value in table.column("restored").to_pylist()] == [False, True, True, True]

    def test_a_parquet_file_that_cannot_be_read_fails_row_by_row(self, orders):
        fill("in", "a.parquet")
        entries, trouble = self.until_done(orders, Shard(0, (Item(0, "a.parquet"),), (3, 5)))
        assert not trouble
        assert sorted(entries) == ["a.parquet#3", "a.parquet#4"]
        assert all("a.parquet" in entry.error for entry in entries.values())

    def test_workers_that_never_start_end_the_job(self, orders, monkeypatch):
        def load(_):
            raise Death

        monkeypatch.setattr("ceair.batch.worker.load_restorer", load)
        assert "die while they load" in self.until_done(orders, self.shard("a.png"), STARTS + 1)[1]

    def test_results_of_dead_workers_count_as_restored(self, orders):
        shard = self.shard("a.png", "b.png", "c.png")
        fill("out", "c.png")
        first = Attempt(open_store("out"), shard)
        first.started()
        fill("out", "a.png")
        entries, _ = self.until_done(orders, shard)
        assert {name: entry.status for name, entry in entries.items()} == {
            "a.png": "restored",
            "b.png": "restored",
            "c.png": "skipped",
        }

    def test_other_weights_than_the_driver_has_are_refused(self, orders):
        trouble = self.until_done(replace(orders, digest="other"), self.shard("a.png"))[1]
        assert "not those that the job began with" in trouble
        assert not open_store("out").files()


def test_totals_count_each_image_once():
    totals = Totals.none()
    entries = [Entry("a", "restored", None, 1.0, 1000, 500), Entry("b", "failed", "why"), Entry("c", "skipped")]
    totals.add(entries)
    totals.add(entries, earlier=True)
    totals.seconds = 2.0
    assert (totals.restored, totals.failed, totals.skipped) == (1, 2, 3)
    assert totals.document()["megapixels_per_second"] == 0.25
