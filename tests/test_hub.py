"""Networks are saved, shared and found again; the hub is a stand-in, since tests have no network."""

import hashlib
import json
import re
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from huggingface_hub import errors as hub_errors

from ceair import hub
from ceair.checkpoint import BUNDLED, find_weights, load_network, load_tensors, save_tensors
from ceair.errors import CeairError, WeightsError
from ceair.models import PRESETS, NetworkConfig, build
from ceair.models.recognise import recognise
from ceair.pretrained import save_network
from ceair.restore import Restorer


class Hub:
    """What is asked of the hub and of its cache; `files` are on the hub, `kept` in the cache."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files, self.kept, self.asked = folder, set(), set(), []
        self.error: Exception | None = None

    def cached(self, repository, file, revision=None):
        name = (repository, revision, file)
        return str(self.folder / repository / file) if name in self.kept else None

    def head(self, url):
        self.asked.append(url)
        if self.error:
            raise self.error
        if url not in self.files:
            raise hub_errors.EntryNotFoundError("404 Client Error.")

    def download(self, repository, file, revision=None, library_name=None):
        assert library_name == "ceair"
        self.kept.add((repository, revision, file))
        return str(self.folder / repository / file)


@pytest.fixture
def fake(monkeypatch, tmp_path):
    hub_ = Hub(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", hub_.cached)
    monkeypatch.setattr(huggingface_hub, "hf_hub_url", lambda repo, file, revision=None: (repo, revision, file))
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", hub_.head)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub_.download)
    return hub_


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    Restorer.from_pretrained("ceair-t", "cpu", engine="torch").save_pretrained(folder)
    return folder


def refused(status: type[Exception]) -> Exception:
    """An error of the hub, without the HTTP response that its constructor wants."""
    error = status.__new__(status)
    error.args = ("Client Error.\n\nmore words",)
    return error


def test_a_saved_folder_holds_weights_card_and_readme_and_gives_the_same_answers(saved):
    assert {path.name for path in saved.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    degraded = torch.rand(1, 3, 20, 33)
    ours = Restorer.from_pretrained("ceair-t", "cpu", engine="torch", precision="fp32")
    theirs = Restorer.from_pretrained(saved, "cpu", engine="torch", precision="fp32")
    assert torch.equal(ours(degraded), theirs(degraded))
    assert theirs.card["scores"] == json.loads((BUNDLED / "ceair-t.json").read_text())["scores"]
    tensors, metadata = load_tensors(saved / "model.safetensors")
    assert metadata == {"preset": "ceair-t"}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}  # which holds the bundled ones exactly


def test_weights_that_half_precision_cannot_hold_are_saved_in_full(tmp_path):
    network = build(PRESETS["ceair-t"].network).eval()
    path = save_network(network, tmp_path)
    again = load_network(tmp_path)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )
    card = json.loads((tmp_path / "config.json").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert card["network"]["widths"] == [48, 72, 104, 136]


def test_the_readme_has_front_matter_for_the_hub_and_says_what_the_card_says(saved):
    text = (saved / "README.md").read_text(encoding="utf-8")
    front, body = re.fullmatch(r"---\n(.*?)\n---\n(.*)", text, flags=re.DOTALL).groups()
    facts = yaml.safe_load(front)
    assert facts["license"] == "apache-2.0"
    assert (facts["library_name"], facts["pipeline_tag"]) == ("ceair", "image-to-image")
    card = json.loads((BUNDLED / "ceair-t.json").read_text(encoding="utf-8"))
    assert all(failure in body for failure in card["known_failures"])
    assert all(row["source"] in body for row in card["data"])
    for run in card["runs"]:
        said = f"- {run['steps']:,} steps in {run['minutes']:g} minutes, commit `{run['commit']}`"
        part = f"; {run['share']:g} of it is in the weights that came of it" if "share" in run else ""
        assert said + part in body
    assert f"| CBSD68, noise 25 | 68 | 20.54 | {card['scores']['CBSD68']['noise 25']['psnr']:.2f} (" in body


def test_nothing_is_claimed_of_weights_without_a_card(tmp_path):
    save_network(build(PRESETS["ceair-s"].network), tmp_path, {"license": "mit"})
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "license: mit" in text
    assert "Scores" not in text
    assert "Apache" not in text
    assert "Weights for `ceair-s`, a network of 6.08 M parameters" in text


def test_nothing_is_replaced_unasked(tmp_path):
    network = load_network("ceair-t")
    save_network(network, tmp_path)
    with pytest.raises(CeairError, match="exists; overwrite=True"):
        save_network(network, tmp_path)
    save_network(network, tmp_path, overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(CeairError, match="cannot write into"):
        save_network(network, tmp_path / "file" / "below")


def test_a_card_of_other_weights_is_not_taken_for_theirs(tmp_path):
    save_network(load_network("ceair-t"), tmp_path, {"scores": {}})
    save_tensors(tmp_path / "model.safetensors", build(PRESETS["ceair-t"].network).state_dict(), {"preset": "ceair-t"})
    assert Restorer.from_pretrained(tmp_path, "cpu", engine="torch", precision="fp32").card == {}
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"card .* is damaged"):
        Restorer.from_pretrained(tmp_path, "cpu", engine="torch", precision="fp32")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_told_by_their_weights(name):
    with torch.device("meta"):
        network = build(PRESETS[name].network)
    assert recognise(network.state_dict()) is PRESETS[name]


def test_networks_that_are_no_preset_are_not_saved(tmp_path):
    network = build(NetworkConfig((8, 8), (1, 1), (1,), stem_stride=2, family="gated_conv"))
    with pytest.raises(WeightsError, match="of no preset"):
        save_network(network, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_preset_without_weights_says_how_to_get_some():
    with pytest.raises(WeightsError, match=r"ceair train configs/ceair-t\.yaml preset=ceair-s .* hub repository"):
        Restorer.from_pretrained("ceair-s")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("owner/name", True),
        ("owner/name.v2@v1.0", True),
        ("owner/name@refs/pr/3", True),
        ("runs/ceair-t.safetensors", False),
        ("runs/old.pth", False),
        ("name", False),
        ("a/b/c", False),
        ("../up", False),
        ("./here", False),
        ("/somewhere/x", False),
    ],
)
def test_what_may_name_a_repository(name, known):
    assert hub.is_repository(name) is known


def test_weights_and_card_are_fetched_once_and_then_need_no_hub(fake, saved):
    (fake.folder / "owner").mkdir(parents=True)
    (fake.folder / "owner" / "name").symlink_to(saved, target_is_directory=True)
    fake.files = {("owner/name", "v1", file) for file in ("model.safetensors", "config.json")}
    first = Restorer.from_pretrained("owner/name@v1", "cpu", engine="torch")
    assert first.card["preset"] == "ceair-t"
    assert len(fake.asked) == 2
    fake.error = ConnectionError("no network")
    assert find_weights("owner/name@v1") == find_weights("owner/name@v1")
    assert len(fake.asked) == 2


def test_weights_without_a_card_are_weights(fake):
    fake.files = {("owner/name", None, "model.safetensors")}
    assert find_weights("owner/name").name == "model.safetensors"


def test_a_path_goes_before_a_repository_and_a_path_is_never_one(fake, saved, monkeypatch):
    monkeypatch.chdir(saved.parent.parent)
    assert find_weights(f"{saved.parent.name}/{saved.name}").parent.resolve() == saved
    with pytest.raises(WeightsError, match="there is no weights file"):
        find_weights(Path("owner/name"))
    with pytest.raises(WeightsError, match=r"holds no model\.safetensors"):
        find_weights(saved.parent)
    assert not fake.asked


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ConnectionError("Name or service not known\nmore"),
            r"cannot be reached \(Name or service not known\): connect",
        ),
        (hub_errors.OfflineModeIsEnabled("Offline mode is enabled."), "cannot be reached .Offline mode"),
        (hub_errors.LocalEntryNotFoundError("not here"), "cannot be reached"),
        (refused(hub_errors.RepositoryNotFoundError), "no file, folder or hub repository owner/name"),
        (refused(hub_errors.GatedRepoError), "hf auth login"),
        (refused(hub_errors.RevisionNotFoundError), "no revision `v9`"),
        (None, r"holds no model\.safetensors"),
    ],
)
def test_each_way_to_fail_is_one_sentence(fake, error, words):
    fake.error = error
    with pytest.raises(WeightsError, match=words) as caught:
        find_weights("owner/name@v9")
    assert "\n" not in str(caught.value)


def test_pushing_uploads_what_saving_writes(monkeypatch):
    calls = []

    class Api:
        def __init__(self, library_name):
            assert library_name == "ceair"

        def create_repo(self, repo, private, exist_ok):
            calls.append(("create", repo, private, exist_ok))

        def upload_folder(self, repo_id, folder_path, commit_message):
            files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
            calls.append(("upload", repo_id, files, commit_message))
            return type("Commit", (), {"commit_url": "address/of/commit"})()

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    restorer = Restorer(load_network("ceair-t"), "cpu")
    assert restorer.push_to_hub("owner/name", license="mit", private=True) == "address/of/commit"
    (_, *created), (_, repository, files, _) = calls
    assert created == ["owner/name", True, True]
    assert repository == "owner/name"
    assert files.keys() == {"model.safetensors", "config.json", "README.md"}
    assert b"license: mit" in files["README.md"]
    assert b'from_pretrained("owner/name")' in files["README.md"]
    with pytest.raises(WeightsError, match="write owner/name"):
        restorer.push_to_hub("name")


def test_a_push_that_is_refused_says_how_to_log_in(monkeypatch):
    def refuse(*_, **__):
        raise refused(hub_errors.LocalTokenNotFoundError)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    with pytest.raises(WeightsError, match=r"owner/name on the hub \(Client Error\); log in as"):
        Restorer(load_network("ceair-t"), "cpu").push_to_hub("owner/name")
