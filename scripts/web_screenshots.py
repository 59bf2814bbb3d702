"""Draw the pictures of docs/serve.md: a screenshot of the page, and a short film of a restoration.

    python scripts/web_screenshots.py --out docs/pictures
    python scripts/web_screenshots.py --review shots        # all states, on a desktop and a phone, light and dark

It needs chromium, its driver and selenium, and starts its own server.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

DESKTOP, PHONE = (1280, 900), (390, 844)
FILM_WIDTH = 720
PHOTO = Path(__file__).parents[1] / "examples" / "rocket-haze-rain.jpg"
WORDS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --hide-scrollbars"
)
MOVE = """
const [share] = arguments, find = (what) => document.querySelector(`#compare ${what}`);
const handle = find(".outer"), image = find("img");
const box = image.parentElement.getBoundingClientRect(), now = handle.getBoundingClientRect();
const width = Math.min(box.width, box.height * image.naturalWidth / image.naturalHeight);
const at = (x) => ({clientX: x, clientY: box.top + box.height / 2, view: window, bubbles: true, button: 0});
handle.dispatchEvent(new MouseEvent("mousedown", at(now.left + now.width / 2)));
const target = box.left + (box.width - width) / 2 + share * width;
window.dispatchEvent(new MouseEvent("mousemove", at(target)));
window.dispatchEvent(new MouseEvent("mouseup", at(target)));
"""


class Screen:
    """A browser of some size, light or dark, that shows the page."""

    def __init__(self, address: str, size: tuple[int, int], profile: Path, colours: str = "light") -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for word in (*WORDS.split(), f"--user-data-dir={profile}"):
            options.add_argument(word)
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.size = size
        self.resize(size[1])
        wish = {"features": [{"name": "prefers-color-scheme", "value": colours}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)
        self.driver.get(address)
        self.wait(lambda: self.all("#compare img") and self.all("#drop input[type=file]"))
        time.sleep(2)

    def resize(self, height: int) -> None:
        """Of this height."""
        metrics = {"width": self.size[0], "height": height, "deviceScaleFactor": 1, "mobile": self.size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def all(self, selector: str) -> list:
        """Every part that fits."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, what: Callable[[], object]) -> None:
        """Until it is true."""
        WebDriverWait(self.driver, 120, 0.1, [Exception]).until(lambda _: what())

    def shot(self, whole: bool = False) -> Image.Image:
        """What is on the screen, or all of the page."""
        if whole:
            self.resize(self.driver.execute_script("return document.documentElement.scrollHeight"))
            time.sleep(0.7)
        image = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        if whole:
            self.resize(self.size[1])
        return image

    def click(self, selector: str, words: str = "") -> None:
        """The first part that fits and contains these words."""
        part = next(part for part in self.all(selector) if words in part.get_attribute("textContent"))
        self.driver.execute_script("arguments[0].click()", part)

    def tab(self, name: str) -> None:
        """Go to a tab."""
        self.click("button[role=tab]", name)
        time.sleep(1)

    def drop(self, *paths: Path) -> None:
        """Drop photos and wait for them to be restored, or refused."""
        self.all("#drop input[type=file]")[0].send_keys("\n".join(map(str, paths)))

    def said(self, words: str) -> None:
        """Wait until the page says so."""
        self.wait(lambda: words in self.all("#message")[0].text)
        time.sleep(1)

    def unfold_maps(self) -> None:
        """Show the maps and wait for them."""
        self.click("#maps button")
        self.wait(lambda: self.all("#map-picture img"))
        time.sleep(1)

    def choose_map(self, words: str) -> None:
        """Choose the first map with these words in its title."""
        before = self.all("#map-picture img")[0].get_attribute("src")
        self.all("#map input")[0].click()
        self.wait(lambda: [item for item in self.all("ul[role=listbox] li") if words in item.text])
        next(item for item in self.all("ul[role=listbox] li") if words in item.text).click()
        self.wait(lambda: self.all("#map-picture img")[0].get_attribute("src") != before)
        time.sleep(0.7)


@contextmanager
def server() -> Iterator[str]:
    """The address of the page."""
    command = [sys.executable, "-m", "ceair", "serve", "--port", "0", "--max-megapixels", "5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def picture(screen: Screen, path: Path) -> None:
    """The page after a restoration."""
    screen.drop(PHOTO)
    screen.said("restored in")
    screen.shot().save(path, quality=88, optimize=True)


def film(screen: Screen, path: Path) -> None:
    """Dropping, comparing, and the maps."""
    frames = [(screen.shot(), 900)]
    screen.drop(PHOTO)
    time.sleep(0.6)
    frames.append((screen.shot(), 500))
    screen.said("restored in")
    for share in (0.5, 0.4, 0.3, 0.2, 0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.5):
        screen.driver.execute_script(MOVE, share)
        time.sleep(0.1)
        frames.append((screen.shot(), 700 if share == 0.1 else 130))
    screen.unfold_maps()
    for words in ("", "How much was changed", "Rank"):
        if words:
            screen.choose_map(words)
        screen.driver.execute_script("document.querySelector('#map-picture').scrollIntoView({block: 'end'})")
        time.sleep(0.4)
        frames.append((screen.shot(), 1400))
    height = round(FILM_WIDTH * DESKTOP[1] / DESKTOP[0])
    small = [frame.resize((FILM_WIDTH, height), Image.Resampling.LANCZOS) for frame, _ in frames]
    colours = [image.quantize(240, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE) for image in small]
    durations = [duration for _, duration in frames]
    colours[0].save(path, save_all=True, append_images=colours[1:], duration=durations, loop=0, optimize=True)


def review(screen: Screen, name: str, folder: Path) -> None:
    """All states of the page."""
    screen.shot().save(folder / f"{name}-empty.png")
    screen.drop(PHOTO)
    screen.said("restored in")
    screen.shot().save(folder / f"{name}-restored.png")
    screen.unfold_maps()
    screen.choose_map("Rank")
    screen.shot(whole=True).save(folder / f"{name}-maps.png")
    screen.drop(Path(__file__), PHOTO, PHOTO.with_name("chelsea-rain.jpg"))
    screen.said("2 photos restored")
    screen.shot(whole=True).save(folder / f"{name}-errors.png")
    screen.tab("Make it worse")
    screen.click("#photos button", "chelsea")
    screen.wait(lambda: screen.all("#worse img"))
    screen.click(".moods button", "Rainy")
    screen.wait(lambda: "low_light" in screen.all("#command")[0].text)
    time.sleep(1)
    screen.shot(whole=True).save(folder / f"{name}-worse.png")
    screen.click("#restore-worse")
    screen.said("chelsea-degraded.png restored")
    screen.shot(whole=True).save(folder / f"{name}-worse-restored.png")
    screen.tab("About")
    screen.shot(whole=True).save(folder / f"{name}-about.png")


def main() -> None:
    """Start a server and draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--review", type=Path)
    arguments = parser.parse_args()
    with server() as address, tempfile.TemporaryDirectory() as profiles:

        def screen(size: tuple[int, int], colours: str = "light") -> Screen:
            return Screen(address, size, Path(profiles) / str(time.time()), colours)

        if arguments.out:
            picture(screen(DESKTOP), arguments.out / "web.jpg")
            film(screen(DESKTOP), arguments.out / "restore.gif")
        if arguments.review:
            arguments.review.mkdir(parents=True, exist_ok=True)
            for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
                for colours in ("light", "dark"):
                    review(screen(size, colours), f"{name}-{colours}", arguments.review)


if __name__ == "__main__":
    main()
