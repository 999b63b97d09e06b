"""What settings are called."""

import re

import pytest

from backend.interventions.clamps import Clamp, parse_clamps, value_of
from backend.interventions.method import NOTHING, Gate, Method, Refusal, Setting, setting_of
from backend.interventions.names import rounded, setting_name, strengths, values_text
from backend.interventions.rival import Rival

MAXIMA = {1: 19.62, 2: 7.31, 3: 0.0, 4: 0.37, 5: 123.4}
GATED = Method(gate=Gate("rho", 0.15))


def called(setting: Setting, **titles: Setting) -> str:
    by_setting = {made: title for title, made in titles.items()}
    return setting_name(setting, MAXIMA.__getitem__, {1: "organs, heart", 2: ""}.get, by_setting)


def at(multiple: float, *features: int) -> list[tuple[int, float]]:
    return [(f, value_of(multiple, MAXIMA[f])) for f in features]


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        (NOTHING, "no clamp"),
        (setting_of(at(-3, 1)), "1 · organs, heart at −3x max"),
        (setting_of(at(-3, 2)), "feature 2 at −3x max"),
        (setting_of(at(-3, 1, 2, 3, 4, 5)), "5 features at −3x max"),
        (setting_of(at(0, 1, 2)), "2 features at 0x max"),
        (setting_of([*at(-8, 1), *at(-2, 2)]), "2 features at −8x to −2x max"),
        (setting_of([*at(-8, 1), *at(1.5, 2)]), "2 features at −8x to 1.5x max"),
        (setting_of(at(-3, 1, 2), GATED), "2 features at −3x max, gated"),
        (
            setting_of(at(-3, 1, 2), Method(0.05, Gate("cusum", 8.0), "all", keep_norm=True)),
            "2 features at −3x max, gated, firing above 0.05, all set where one fires, length kept",
        ),
        (
            setting_of(at(-3, 1, 2), Method(refusal=Refusal(7, -58.86000000000001))),
            "2 features at −3x max, refusal latent 7 to −58.86 instead",
        ),
        (Setting(rival=Rival("rmu", "l7-s3")), "RMU l7-s3"),
        (Setting(rival=Rival("leace", "f", 1.5)), "LEACE × 1.5"),
    ],
)
def test_a_name_says_what_is_clamped_how_far_and_when(setting, name):
    assert called(setting) == name


def test_a_preset_is_called_by_its_title_but_not_its_other_strengths():
    preset = setting_of(at(-3, 1, 2), GATED)
    assert called(preset, Forget=preset) == "Forget"
    assert called(setting_of(at(-4, 1, 2), GATED), Forget=preset) == "2 features at −4x max, gated"


@pytest.mark.parametrize("multiple", [-3, -2.9, -0.3, 0.1, -12, 2.5])
@pytest.mark.parametrize("master", [1.0, 0.7, 1.1, 3.0])
def test_no_name_shows_what_is_left_of_a_product(multiple, master):
    products = [(f, value_of(multiple, MAXIMA[f]) * master) for f in MAXIMA]
    # Values kept to two decimals: of a feature whose maximum is 0.37 that is 3 % of a multiple.
    name = called(setting_of(products[:2]))
    assert not re.search(r"\d\.\d{3}", name), name
    assert strengths((Clamp(5, 123.4 * multiple),), MAXIMA.get) == f"{multiple:g}x".replace(
        "-", "−"
    )


def test_a_multiple_is_rounded_as_it_is_read():
    assert [rounded(m) for m in (-2.9999, -3.04, 0.123, -0.0499, 1234.56)] == [
        -3.0,
        -3.0,
        0.12,
        -0.05,
        1234.6,
    ]
    assert str(rounded(-0.0)) == "0.0"


def test_values_are_said_without_noise_and_read_back():
    clamps = setting_of([(73, -58.86000000000001), (9, 0.0), (12, 1 / 3)]).clamps
    said = values_text(clamps)
    assert said == "9:0,12:0.333333,73:-58.86"
    assert parse_clamps(said)[2] == (73, -58.86)


def test_the_engine_names_by_its_own_maxima_and_labels(toy):
    feature = int(toy.atlas.table["max_act"].argmax())
    value = value_of(-3, toy.atlas.about(feature)["max_act"])
    assert (
        toy.name_of(setting_of([(feature, value)]))
        == f"{feature} · {toy.atlas.name(feature)} at −3x max"
    )
    assert toy.name_of(toy.preset("forget-biology")) == toy.presets["forget-biology"].title
