"""What the page says about itself."""

from html import escape

from ceair.restore import Restorer
from ceair.web.allowance import Allowance, readable_bytes, readable_pixels
from ceair.web.sessions import GRACE


def about(restorer: Restorer, allowance: Allowance) -> str:
    """What happens to photos, what is allowed, what to expect, keys; HTML."""
    upload, pixels = readable_bytes(allowance.upload), readable_pixels(allowance.pixels)
    keep = f"{allowance.keep / 60:g} minutes"
    return f"""
<div class="about">
<section><h2>What it does</h2>
<p>One small network looks at your photo, finds out by itself what is wrong with it, and writes an update for every
pixel. You tell it nothing: no label, no prompt. The file that you download has the size, format, bit depth,
transparency, EXIF and colour profile of yours, and is the same that <code>ceair restore</code> writes.</p></section>
<section><h2>What to expect</h2>
<p>It was trained on noise, also that of cameras, rain, haze, snow, low light, motion blur, defocus and JPEG damage,
alone and mixed. It is weakest on strong blur, invents no details that are gone, and does not enlarge. Most clean photos
come back nearly as they were; where not, choose to leave alone what seems undamaged. If a result goes too far, lower
the strength.</p></section>
<section><h2>What happens to your photos</h2>
<p>They go to the computer that serves this page and nowhere else; the page loads nothing from other places. They and
all results are deleted when new ones come, {GRACE / 60:g} minutes after you close the page, after {keep} without a
touch, and when the server ends.</p></section>
<section><h2>What is allowed here</h2>
<p>Files of up to {upload} and {pixels}, {allowance.files} at once, {allowance.seconds:g} seconds of work on them;
{allowance.waiting} jobs may wait. For more, install ceair and use <code>ceair restore</code>, which has no such
limits.</p></section>
<section><h2>Keys</h2>
<p><kbd>Tab</kbd> goes from one part to the next. In the picture, <kbd>←</kbd> and <kbd>→</kbd> move the divider,
<kbd>Home</kbd> and <kbd>End</kbd> show all of the one or the other. <kbd>Ctrl</kbd>+<kbd>V</kbd> pastes a
photo.</p></section>
<section><h2>Computed by</h2>
<p>{escape(restorer.inference.engine.name)} on {escape(str(restorer.device))}.</p></section>
</div>"""
