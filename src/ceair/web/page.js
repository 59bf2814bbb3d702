// What Gradio's parts lack: pasting, dropping anywhere, and a divider that keys can move.
(() => {
  const TYPES = "image/jpeg,image/png,image/webp,image/tiff,image/bmp"; // with them phones convert what is none
  const STEP = 0.02;

  const dropZone = () =>
    [...document.querySelectorAll(".drop input[type=file]")].find((input) => input.closest(".drop").offsetParent);

  function hand(files) {
    const input = dropZone();
    if (!input || !files.length) return false;
    const data = new DataTransfer();
    for (const file of input.multiple ? files : [files[0]]) data.items.add(file);
    input.files = data.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }

  document.addEventListener("paste", (event) => {
    if (hand([...(event.clipboardData?.files ?? [])])) event.preventDefault();
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (event.target.closest(".drop")) return; // Gradio's own
    event.preventDefault();
    hand([...(event.dataTransfer?.files ?? [])]);
  });

  // where the picture lies within its box, in pixels of the window
  function place(wrap) {
    const image = wrap.querySelector("img");
    const box = image.parentElement.getBoundingClientRect();
    const ratio = image.naturalWidth / image.naturalHeight || 1;
    const width = Math.min(box.width, box.height * ratio);
    return { left: box.left + (box.width - width) / 2, width, middle: box.top + box.height / 2 };
  }

  const shareOf = (handle, wrap) => {
    const { left, width } = place(wrap);
    const at = wrap.getBoundingClientRect().left + new DOMMatrix(getComputedStyle(handle).transform).m41;
    return Math.min(1, Math.max(0, (at - left) / width));
  };

  function move(handle, wrap, share) {
    const { left, width, middle } = place(wrap);
    const at = (x) => ({ clientX: x, clientY: middle, view: window, bubbles: true, button: 0 });
    const from = left + shareOf(handle, wrap) * width;
    handle.dispatchEvent(new MouseEvent("mousedown", at(from)));
    window.dispatchEvent(new MouseEvent("mousemove", at(left + share * width)));
    window.dispatchEvent(new MouseEvent("mouseup", at(left + share * width)));
    handle.setAttribute("aria-valuenow", Math.round(100 * share));
  }

  function makeMovable(handle) {
    const wrap = handle.parentElement;
    const values = { tabindex: 0, role: "slider", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 50 };
    values["aria-label"] = "Divider between before and after, in percent from the left";
    for (const [name, value] of Object.entries(values)) handle.setAttribute(name, value);
    handle.addEventListener("keydown", (event) => {
      const share = shareOf(handle, wrap);
      const step = event.shiftKey ? 5 * STEP : STEP;
      const target = { ArrowLeft: share - step, ArrowRight: share + step, Home: 0, End: 1 }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      move(handle, wrap, Math.min(1, Math.max(0, target)));
    });
  }

  document.addEventListener("ceair-start", () => {
    if (innerWidth < 700) document.querySelector("#title").scrollIntoView({ behavior: "smooth" }); // there it is below
  });

  function improve() {
    for (const handle of document.querySelectorAll(".comparison .outer")) {
      if (!handle.hasAttribute("role") || handle.getAttribute("role") === "none") makeMovable(handle);
    }
    for (const input of document.querySelectorAll(".drop input[type=file]")) {
      if (input.accept !== TYPES) input.accept = TYPES;
    }
  }

  new MutationObserver(improve).observe(document, { childList: true, subtree: true });
  improve();
})();
