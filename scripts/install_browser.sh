#!/usr/bin/env bash
# Installs the browser that the tests of the page drive, where that can be done: as root on a system with apt.
set -euo pipefail
if command -v chromium > /dev/null && command -v chromedriver > /dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then exit 0; fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -q -y --no-install-recommends chromium chromium-driver; } > /dev/null 2>&1 ||
    echo "no browser could be installed; the tests that need one are skipped" >&2
