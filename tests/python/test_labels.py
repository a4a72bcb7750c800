"""Names of classes: those given, else those that the model carries; nothing of it is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from cnnvis import inspect
from cnnvis.labels import own_labels

NAMES = ["cat", "dog", "eel"]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Any:
        return self.conv(x).mean((2, 3))


@dataclass
class Config:
    label_names: Any = None
    id2label: Any = None


def carrying(**attributes: Any) -> Net:
    model = Net()
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


@pytest.mark.parametrize(
    "attributes",
    [
        {"categories": NAMES},
        {"classes": tuple(NAMES)},
        {"class_names": NAMES},
        {"pretrained_cfg": {"label_names": NAMES}},
        {"pretrained_cfg": Config(label_names=NAMES)},
        {"config": Config(id2label={0: "cat", 1: "dog", 2: "eel"})},
        {"config": Config(id2label={"2": "eel", "0": "cat", "1": "dog"})},
        {"config": {"id2label": {0: "cat", 1: "dog", 2: "eel"}}},
        {"categories": NAMES[:2], "classes": NAMES},
    ],
    ids=lambda attributes: "+".join(attributes),
)
def test_names_that_a_model_carries_are_shown(attributes: dict[str, Any]) -> None:
    look = inspect(carrying(**attributes), torch.rand(1, 3, 8, 8))
    (scores,) = look.output.tolist()
    expected = [NAMES[i] for i in sorted(range(3), key=lambda i: -scores[i])]
    assert [prediction.label for prediction in look.predictions()] == expected


def test_names_that_are_given_come_first_and_those_of_a_wrapped_model_are_found() -> None:
    model = carrying(classes=NAMES)
    given_names = inspect(model, torch.rand(1, 3, 8, 8), labels=["x", "y", "z"])
    assert {prediction.label for prediction in given_names.predictions()} == {"x", "y", "z"}
    assert own_labels(nn.Sequential(nn.Identity(), model), 3) == NAMES
    wrong = inspect(model, torch.rand(1, 3, 8, 8), labels=["x"])
    assert wrong.predictions()[0].label.startswith("class "), (
        "given names are not swapped for others"
    )


def test_the_outermost_modules_names_count() -> None:
    inner, outer = carrying(classes=["a", "b", "c"]), carrying(classes=NAMES)
    outer.inner = inner
    assert own_labels(outer, 3) == NAMES


def test_a_mapping_with_logits_is_a_table_of_scores() -> None:
    class Output(dict[str, Any]):
        pass

    class Classifier(Net):
        def forward(self, x: Tensor) -> Any:
            return Output(logits=super().forward(x))

    model = Classifier()
    setattr(model, "config", Config(id2label=dict(enumerate(NAMES))))  # noqa: B010
    look = inspect(model, torch.rand(1, 3, 8, 8))
    assert {prediction.label for prediction in look.predictions()} == set(NAMES)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.one_of(st.text(), st.integers(), st.none()), max_size=4),
    st.dictionaries(
        st.one_of(st.integers(), st.text()), st.one_of(st.text(), st.none()), max_size=4
    ),
    st.just(object()),
    st.just(torch.zeros(3)),
    st.just(type),
    st.builds(lambda names: (name for name in names), st.lists(st.text())),
)
PLACES = ("categories", "classes", "class_names", "pretrained_cfg", "config")


@given(place=st.sampled_from(PLACES), value=ODD, inner=ODD, count=st.integers(0, 4))
def test_whatever_lies_there_gives_names_of_every_output_or_none(
    place: str, value: Any, inner: Any, count: int
) -> None:
    model = nn.Module()
    config = Config(label_names=inner, id2label=inner)
    object.__setattr__(model, place, config if place in PLACES[3:] else value)
    names = own_labels(model, count)
    assert names is None or (len(names) == count and all(isinstance(name, str) for name in names))


def test_nothing_of_a_model_is_called() -> None:
    called: list[str] = []

    class Sly:
        def __getattr__(self, name: str) -> Any:
            called.append(name)
            raise RuntimeError(name)

        def __len__(self) -> int:
            called.append("len")
            return 3

        def __iter__(self) -> Any:
            called.append("iter")
            return iter(NAMES)

        def __call__(self) -> Any:
            called.append("call")
            return NAMES

        def __eq__(self, other: object) -> bool:
            called.append("eq")
            return True

        __hash__ = None  # type: ignore[assignment]

    class Naming(Net):
        @property
        def categories(self) -> list[str]:
            called.append("property")
            return NAMES

        def classes(self) -> list[str]:
            called.append("method")
            return NAMES

    model = Naming()
    object.__setattr__(model, "class_names", Sly())
    object.__setattr__(model, "pretrained_cfg", Sly())
    object.__setattr__(model, "config", Config(id2label=Sly()))
    assert own_labels(model, 3) is None
    assert called == []


@pytest.mark.parametrize(
    "names",
    [
        {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"},
        {1: "cat", 2: "dog", 3: "eel"},
        {0: "cat", 1: "dog"},
        {0: "cat", 1: "dog", 2: ""},
    ],
    ids=["made up", "from one", "too few", "one empty"],
)
def test_what_names_no_class_is_no_name(names: dict[int, str]) -> None:
    assert own_labels(carrying(config=Config(id2label=names)), 3) is None
