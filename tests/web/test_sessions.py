"""Jobs that end early, and sessions whose files are deleted."""

import threading
import time

import pytest

from ceair.web.actions import Actions, NothingThereError
from ceair.web.allowance import Allowance
from ceair.web.folder import Folder, server_folder
from ceair.web.manners import Manners
from ceair.web.sessions import GRACE, UNTAKEN, JobEndedError, Session, Sessions


def test_a_job_ends_at_its_time_limit_and_says_so(tmp_path, actions, photo, restore):
    actions.allowance = Allowance(seconds=0.05)
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png")])
    photos = restore(session, tell=lambda *_: time.sleep(0.06))
    assert [one.result for one in photos] == [None, None]
    assert "longer than the 0.05 seconds" in photos[0].error


def test_a_full_server_says_so(tmp_path, actions, photo, restore):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png")])
    (tmp_path / "more").mkdir()
    actions.sessions = Sessions(Folder(tmp_path / "more", tmp_path / "kept"), Allowance(disk=100))
    assert "no room left" in restore(session)[0].error


def test_stopping_keeps_what_is_done(tmp_path, actions, photo):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png")])
    for _ in actions.restore(session, 1.0, lambda *_: None):
        session.roll.stopped.set()
    assert [one.result is not None for one in session.roll.photos] == [True, False]


def test_new_photos_end_the_work_on_those_before_and_delete_them(tmp_path, actions, photo, restore):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png")])
    old = session.roll
    work = actions.restore(session, 1.0, lambda *_: actions.take(session, [photo(tmp_path / "b.png")]))
    with pytest.raises(JobEndedError):
        list(work)
    assert session.roll.photos[0].name == "b.png"
    old.remove()
    assert not old.photos[0].folder.kept.exists()
    assert [one.name for one in restore(session)] == ["b.png"]


def test_sessions_do_not_see_each_other_and_end(tmp_path, actions, photo, restore):
    sessions = actions.sessions
    mine, other = sessions.get("mine"), sessions.get("other")
    actions.take(mine, [photo(tmp_path / "a.png")])
    actions.take(other, [photo(tmp_path / "a.png")])
    restore(mine)
    assert other.roll.photos[0].result is None
    folders = [session.roll.photos[0].folder for session in (mine, other)]
    now = time.monotonic()
    sessions.leave("mine")
    sessions.sweep(now + GRACE / 2)
    assert folders[0].kept.exists(), "a phone may sleep for a while"
    sessions.sweep(now + GRACE + 5)
    assert [folder.kept.exists() for folder in folders] == [False, True]
    assert sessions.get("other") is other
    sessions.sweep(time.monotonic() + actions.allowance.keep + 5)
    assert not folders[1].shown.exists()
    with pytest.raises(NothingThereError):
        actions.change_strength(sessions.get("mine"), 0.5)


def test_uploads_that_nobody_took_are_deleted(actions, monkeypatch, photo, restore):
    upload = photo(actions.sessions.uploads / "hash" / "a.png")
    session = actions.sessions.get("mine")
    actions.take(session, [upload])
    actions.sessions.sweep(time.monotonic())
    assert upload.exists()
    later = time.time() + UNTAKEN + 5
    monkeypatch.setattr("ceair.web.folder.time.time", lambda: later)
    actions.sessions.sweep(time.monotonic())
    assert not upload.exists()
    assert restore(session)[0].result is not None, "whoever took it has it"


def test_leaving_waits_for_the_work_to_end(tmp_path, allowance, photo, stand_in):
    with server_folder() as folder:
        with Sessions(folder, allowance) as sessions:
            actions, session = Actions(stand_in(), sessions, allowance, Manners()), sessions.get("mine")
            actions.take(session, [photo(tmp_path / "a.png")])
            begun, errors = threading.Event(), []

            def tell(*_):
                begun.set()
                time.sleep(0.2)

            def work():
                try:
                    list(actions.restore(session, 1.0, tell))
                except JobEndedError as error:
                    errors.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            begun.wait()
        assert not list(folder.kept.iterdir())
        thread.join()
        assert errors
    assert not folder.shown.parent.exists()
