"""Colours, fonts and sizes of the page; nothing of it is fetched from anywhere."""

from pathlib import Path

import gradio as gr

HERE = Path(__file__).parent

_PINE = gr.themes.Color(
    c50="#eef7f4",
    c100="#d6ece5",
    c200="#afd9cc",
    c300="#7fc0ae",
    c400="#4aa18c",
    c500="#2a8571",
    c600="#1c6b5b",
    c700="#17564a",
    c800="#14453c",
    c900="#113932",
    c950="#081f1b",
    name="pine",
)


def theme() -> gr.themes.Base:
    """A calm one: grey, so that colours of photos look as they are, with one green."""
    system = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
    fixed = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
    base = gr.themes.Base(
        primary_hue=_PINE,
        secondary_hue=_PINE,
        neutral_hue=gr.themes.colors.neutral,
        radius_size=gr.themes.sizes.radius_md,
        font=system,
        font_mono=fixed,
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_200",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_border_width="0px",
        block_title_text_weight="600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        input_background_fill="*neutral_50",
        color_accent="*primary_600",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )
