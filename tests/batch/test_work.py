"""Batch jobs without Ray: how one worker reads, restores and writes, and what becomes of what fails."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from reference.batch_files import content, fill

from ceair.batch import tables
from ceair.batch.attempt import DEATHS, STARTS, Attempt
from ceair.batch.inputs import Item
from ceair.batch.job import Entry, Job
from ceair.batch.pipeline import Work, restore_works
from ceair.batch.pool import _anywhere
from ceair.batch.shards import Shard, load_record, save_record
from ceair.batch.store import open_store
from ceair.batch.worker import Orders, Worker, digest, load_restorer
from ceair.errors import CeairError, DataError
from ceair.image import Picture, read_rgb


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

    def test_how_it_is_restored_reaches_the_workers(self, orders, monkeypatch):
        shard = self.shard("a.png")
        unchanged = replace(orders, job=replace(orders.job, strength=0.0))
        self.until_done(unchanged, shard)
        assert np.array_equal(read_rgb(Path("out/a.png")), read_rgb(Path("in/a.png")))
        asked = {}

        def load(*_, **options):
            asked.update(options)
            raise CeairError("enough")

        monkeypatch.setattr("ceair.restore.Restorer.from_pretrained", load)
        job = replace(orders.job, strength=0.25, cautious=True, ensemble=True, tile=256)
        with pytest.raises(CeairError, match="enough"):
            load_restorer(replace(orders, job=job))
        assert (asked["strength"], asked["cautious"], asked["ensemble"], asked["tile"]) == (0.25, True, True, 256)

    def test_weights_have_names_that_any_process_can_open(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Path("mine.safetensors").touch()
        Path("owner").mkdir()
        assert _anywhere("mine.safetensors") == str(tmp_path / "mine.safetensors")
        assert _anywhere("owner/name") == "owner/name"
        Path("owner/name").mkdir()
        assert _anywhere("owner/name") == str(tmp_path / "owner" / "name")
        assert _anywhere("ceair-t") == "ceair-t"

    def test_other_weights_than_the_driver_has_are_refused(self, orders):
        trouble = self.until_done(replace(orders, digest="other"), self.shard("a.png"))[1]
        assert "not those that the job began with" in trouble
        assert not open_store("out").files()
