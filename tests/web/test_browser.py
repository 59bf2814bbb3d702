"""The page in a real browser: Debian's chromium, driven by selenium; skipped where either is missing."""

import io
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from reference.proxy import proxied

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.xdist_group("server"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and its driver are not installed"),
]
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1280,900"
)
PATIENCE = 120  # seconds; a machine may be busy


class Page:
    """What a visitor does and sees."""

    def __init__(self, folder: Path, address: str) -> None:
        self.downloads = folder / "downloads"
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in (*OPTIONS.split(), f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(word)
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.address = address

    def open(self) -> None:
        """A new visit."""
        self.driver.get(self.address)
        self.see("#compare img")
        self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, "#drop input[type=file]"))

    def until(self, what):
        return WebDriverWait(self.driver, PATIENCE, 0.1, [Exception]).until(lambda _: what())

    def see(self, selector):
        """The first part that fits, once it is visible."""
        found = lambda: self.driver.find_elements(By.CSS_SELECTOR, selector)  # noqa: E731
        return self.until(lambda: next((part for part in found() if part.is_displayed()), None))

    def text(self, selector):
        return self.driver.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def drop(self, *paths, zone="#drop"):
        part = self.driver.find_element(By.CSS_SELECTOR, f"{zone} input[type=file]")
        part.send_keys("\n".join(map(str, paths)))

    def restored(self, words="restored in"):
        self.until(lambda: words in self.text("#message"))

    def download(self, selector="#download"):
        """The file that a click on a button brings."""
        shutil.rmtree(self.downloads, ignore_errors=True)
        self.driver.execute_script("arguments[0].click()", self.see(selector))
        done = lambda: [path for path in self.downloads.glob("*") if not path.name.endswith(".crdownload")]  # noqa: E731
        return self.until(done)[0]

    def tab(self, name):
        tabs = self.driver.find_elements(By.CSS_SELECTOR, "button[role=tab]")
        next(tab for tab in tabs if tab.text == name).click()

    def asked(self):
        """The addresses that were asked for since the last time."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent if not one["documentURL"].startswith("chrome://")]

    def covered(self):
        """The percentage of the picture, with what is left of it, that shows the photo as it came."""
        clip = "return document.querySelectorAll('#compare img')[1].style.clipPath"
        return float(self.driver.execute_script(clip).split()[-1].rstrip("%)"))

    def overflow(self):
        return self.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")


@pytest.fixture(scope="module")
def page(server, tmp_path_factory):
    opened = Page(tmp_path_factory.mktemp("browser"), server.address)
    yield opened
    opened.driver.quit()


@pytest.fixture
def visit(page):
    page.open()
    return page


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A noisy JPEG with EXIF and a colour profile."""
    rows, columns = np.mgrid[0:96, 0:128]
    smooth = np.stack((rows * 2, columns * 1.5, 255 - rows - columns), axis=-1)
    noisy = smooth + np.random.default_rng(0).normal(0, 25, smooth.shape)
    exif = Image.Exif()
    exif[0x013B] = "somebody"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path_factory.mktemp("photos") / "noisy.jpg"
    image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    image.save(path, quality=95, exif=exif, icc_profile=profile)
    return path


def pixels(source):
    with Image.open(source) as image:
        return np.asarray(image)


def test_a_photo_comes_back_as_the_command_restores_it(visit, server, photo, tmp_path):
    from ceair.image import read_picture, write_picture
    from ceair.restore import Restorer

    visit.drop(photo)
    visit.restored()
    result = visit.download()
    assert result.name == "noisy-restored.jpg"
    expected = tmp_path / "noisy.jpg"
    write_picture(expected, Restorer.from_pretrained(engine="torch").restore_picture(read_picture(photo)))
    assert result.read_bytes() == expected.read_bytes()
    with Image.open(result) as image:
        assert image.getexif()[0x013B] == "somebody"
        assert len(image.info["icc_profile"]) > 100
    assert "EXIF, colour profile kept" in visit.text("#numbers")
    number = visit.see("#strength input[type=number]")
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys("0", Keys.TAB)
    visit.until(lambda: "0.0\nof 255 is the mean change" in visit.text("#numbers .tiles"))
    write_picture(expected, read_picture(photo))
    assert visit.download().read_bytes() == expected.read_bytes()
    assert all(url.startswith((server.address, "data:", "blob:")) for url in visit.asked())
    assert not server.calls.exists(), server.calls.read_text()


def test_it_works_behind_a_proxy_below_a_path(start_server, photo, tmp_path):
    server = start_server("--root-path", "/ceair")
    port = int(server.address.split(":")[2].split("/")[0])
    with proxied(port, "/ceair") as address:
        page = Page(tmp_path / "visitor", address)
        try:
            page.open()
            page.drop(photo)
            page.restored()
            assert pixels(page.download()).shape == pixels(photo).shape
            asked = page.asked()
        finally:
            page.driver.quit()
    elsewhere = {url.split("/", 3)[3] for url in asked if not url.startswith((address, "data:", "blob:"))}
    assert elsewhere <= {"favicon.ico", "manifest.json"}, "of Gradio's page, which names them from the root"


def test_how_to_restore_is_chosen(visit, photo, tmp_path):
    from ceair.image import read_picture, write_picture
    from ceair.restore import Restorer

    visit.drop(photo)
    visit.restored()
    single = visit.download().read_bytes()
    expected = tmp_path / "noisy.jpg"
    together = Restorer.from_pretrained(engine="torch", ensemble=True)
    write_picture(expected, together.restore_picture(read_picture(photo)))
    assert expected.read_bytes() != single
    for result in (expected.read_bytes(), single):
        shown = visit.see("#compare img").get_attribute("src")
        visit.see("#manner input[name=ensemble]").click()
        visit.until(lambda shown=shown: visit.see("#compare img").get_attribute("src") != shown)
        visit.restored()
        assert visit.download().read_bytes() == result


def test_what_cannot_be_restored_is_named_and_the_rest_is_done(visit, photo, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "broken.jpg").write_bytes(photo.read_bytes()[:3000])
    visit.drop(tmp_path / "notes.txt")
    visit.until(lambda: "Cannot read notes.txt: it is no JPEG, PNG, WebP, TIFF or BMP image." in visit.text("#message"))
    Image.new("RGB", (1000, 600)).save(tmp_path / "large.png")
    visit.drop(tmp_path / "large.png", tmp_path / "broken.jpg", photo)
    visit.restored()
    text = visit.text("#message")
    assert "large.png has 1000x600 pixels, more than the 0.5 megapixels that this page takes" in text
    assert "Cannot read broken.jpg: the file is truncated." in text
    assert visit.text("#title h2") == "noisy.jpg"


def test_several_photos_come_in_one_file(visit, photo, tmp_path):
    second = tmp_path / "second.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)).save(second)
    visit.drop(photo, second)
    visit.restored("2 photos restored")
    assert "second.png" in visit.text("#overview")
    import zipfile

    with zipfile.ZipFile(visit.download("#bundle")) as archive:
        assert archive.namelist() == ["noisy-restored.jpg", "second-restored.png"]
        assert pixels(io.BytesIO(archive.read("second-restored.png"))).shape == (40, 60, 3)


def test_two_visitors_do_not_see_each_other(visit, photo, tmp_path):
    other = tmp_path / "diary.png"
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (50, 50, 3), np.uint8)).save(other)
    driver, first = visit.driver, visit.driver.current_window_handle
    driver.switch_to.new_window("window")
    second = driver.current_window_handle
    visit.open()
    visit.drop(other)
    driver.switch_to.window(first)
    visit.drop(photo)
    visit.restored()
    assert "diary" not in driver.page_source
    assert visit.download().name == "noisy-restored.jpg"
    driver.switch_to.window(second)
    visit.restored()
    assert "noisy" not in driver.page_source
    driver.close()
    driver.switch_to.window(first)


def test_a_photo_is_pasted_and_its_maps_are_shown(visit, photo):
    paste = """
    const [bytes, name] = arguments, data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/jpeg"}));
    document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
    """
    visit.driver.execute_script(paste, list(photo.read_bytes()), "pasted.jpg")
    visit.restored("pasted.jpg restored")
    fold = visit.see("#maps button")
    content = visit.driver.find_element(By.CSS_SELECTOR, "#maps [data-testid=accordion-content]")

    def unfolded():  # a click is lost while the page still takes in the result
        if not content.is_displayed():
            visit.driver.execute_script("arguments[0].click()", fold)
            time.sleep(1)
        return content.is_displayed()

    visit.until(unfolded)
    first = visit.see("#map-picture img").get_attribute("src")
    visit.see("#map input").click()
    rank = visit.until(
        lambda: [
            one for one in visit.driver.find_elements(By.CSS_SELECTOR, "ul[role=listbox] li") if "Rank" in one.text
        ]
    )
    rank[0].click()
    visit.until(lambda: visit.see("#map-picture img").get_attribute("src") != first)


def test_a_clean_photo_is_made_worse_and_restored(visit):
    visit.tab("Make it worse")
    visit.see("#photos button").click()
    visit.see("#worse img")
    visit.driver.find_element(By.XPATH, "//button[contains(., 'Blizzard')]").click()
    visit.until(lambda: "--with snow,haze --severity snow=0.9,haze=0.3 --seed 0" in visit.text("#command"))
    visit.see("#restore-worse").click()
    visit.restored("astronaut-degraded.png restored")
    assert "PSNR to the clean photo" in visit.text("#numbers")


def test_keys_are_enough(visit):
    seen, active = set(), None
    visit.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    for _ in range(40):
        active = visit.driver.switch_to.active_element
        place = visit.driver.execute_script("return arguments[0].closest('[id]')?.id", active)
        if place == "examples" and "examples" not in seen:
            active.send_keys(Keys.ENTER)
            visit.restored()
            active = visit.driver.switch_to.active_element
        if place == "compare" and active.get_attribute("role") == "slider":
            for key, expected, low, high in ((Keys.HOME, "0", 0, 10), (Keys.END, "100", 90, 100)):
                active.send_keys(key)
                assert active.get_attribute("aria-valuenow") == expected
                visit.until(lambda low=low, high=high: low <= visit.covered() <= high)
            end = visit.covered()
            active.send_keys(Keys.ARROW_LEFT)
            assert active.get_attribute("aria-valuenow") == "98"
            visit.until(lambda end=end: visit.covered() < end)
            seen.add("divider")
        seen.add(place)
        active.send_keys(Keys.TAB)
    assert {"drop", "examples", "divider", "strength", "manner", "download"} <= seen


def test_it_fits_a_phone(visit, photo):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    visit.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        visit.open()
        assert visit.overflow() <= 0
        visit.drop(photo)
        visit.restored()
        time.sleep(0.5)
        assert visit.overflow() <= 0
        for name in ("Make it worse", "About"):
            visit.tab(name)
            time.sleep(0.3)
            assert visit.overflow() <= 0, name
    finally:
        visit.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
