"""Every configuration that we ship loads, names real parts, and its batches split over its devices."""

from pathlib import Path

import pytest

from ceair.config import load
from ceair.models import PRESETS
from ceair.models.variants import ABLATIONS, MAIN, VARIANTS
from ceair.study.settings import BUNDLED, StudySettings, runs, train_settings
from ceair.train.settings import TrainSettings

CONFIGS = Path(__file__).parents[2] / "configs"
STUDY = CONFIGS / "study.yaml"
STUDIES = sorted(CONFIGS.glob("study*.yaml"))


@pytest.mark.parametrize("path", sorted({*CONFIGS.glob("*.yaml")} - {*STUDIES}), ids=lambda path: path.name)
def test_config_loads_and_names_a_preset_and_known_sources(path: Path) -> None:
    settings = load(TrainSettings, path)
    assert settings.preset in PRESETS
    assert {ingredient.source for ingredient in settings.data.mixture} <= set(settings.data.sources)


def test_held_out_list_has_sixty_photos_and_no_stem_twice() -> None:
    lines = (CONFIGS / "held_out.txt").read_text(encoding="utf-8").splitlines()
    photos = lines[lines.index("# photos (60 of 999)") + 1 : lines.index("# LOL-v1 training pairs (24 of 485)")]
    stems = [line for line in lines if not line.startswith("#")]
    assert len(photos) == 60
    assert len(stems) == len(set(stems))


@pytest.mark.parametrize("path", [*STUDIES, *BUNDLED.values()], ids=lambda path: path.name)
def test_studies_train_every_variant_on_known_sources(path: Path) -> None:
    settings = load(StudySettings, path)
    assert {ingredient.source for ingredient in settings.data.mixture} <= set(settings.data.sources)
    wanted = runs(settings)
    assert {*MAIN} <= {run.variant for run in wanted} <= set(VARIANTS)
    assert {run.variant for run in wanted[: len(MAIN)]} == set(MAIN), "the main variants come first"
    for run in wanted:
        assert train_settings(settings, run).train.steps == run.steps


def test_the_study_trains_all_variants_and_the_bundled_one_all_ablations() -> None:
    assert {run.variant for run in runs(load(StudySettings, STUDY))} == set(VARIANTS)
    for path in BUNDLED.values():
        assert {run.variant for run in runs(load(StudySettings, path))} == {*MAIN, *ABLATIONS}
