# shellcheck shell=bash
# Sourced by demo, test and check: find a Python, make .venv, install what is pinned.
# Everything stays inside the checkout; nothing is written to the home folder.

say() { printf '%s\n' "$*" >&2; }

stop() { # each argument a line
    local line
    for line in "$@"; do say "$line"; done
    exit 2
}

fits() { # does this command start a Python that is new enough?
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.14 python; do
        if fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    stop "adhere needs Python 3.11 or newer; none was found." \
        "Install it (on Debian 12 or Ubuntu 24.04: apt-get install python3 python3-venv)," \
        "or name one: PYTHON=/path/to/python3.12 $0" \
        "adhere 需要 Python 3.11 或更新的版本，但本机没有找到。" \
        "请先安装（Debian 12 或 Ubuntu 24.04：apt-get install python3 python3-venv），" \
        "或指定其位置：PYTHON=/path/to/python3.12 $0"
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# Install Debian packages quietly where that can be done; the caller looks whether it helped.
add_debian() {
    is_root && command -v apt-get >/dev/null 2>&1 || return 1
    say "installing $* (Debian) ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null 2>&1 &&
            apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; }
}

make_venv() { # python
    local python=$1 version
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && "$python" -m venv .venv && return
    "$python" -m virtualenv --quiet .venv >/dev/null 2>&1 && return
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    if add_debian "$version-venv"; then
        "$python" -m venv --clear .venv && return
    fi
    stop "$python cannot make a virtual environment: its parts 'venv' and 'ensurepip' are missing." \
        "Install them (Debian, Ubuntu: apt-get install $version-venv) and start again." \
        "$python 无法建立虚拟环境：缺少 venv 与 ensurepip。" \
        "请安装（Debian、Ubuntu：apt-get install $version-venv）后重试。"
}

install() { # lock file: the pinned packages, each checked against its hash; then adhere itself
    local lock=$1 log=.venv/install.log total
    total=$(grep -c '==' "$lock")
    local pip=(.venv/bin/python -m pip install --disable-pip-version-check --no-input)
    say "installing $total pinned packages into .venv (once; a minute or two) ..."
    if pinned "$lock" 2>&1 | tee "$log" | progress "$total" &&
        "${pip[@]}" --no-deps --no-build-isolation --editable . >>"$log" 2>&1; then
        return
    fi
    tail -n 20 "$log" >&2
    stop "The packages could not be installed; the lines above say why (all of it: $log)." \
        "Without a way to the package index, set one for pip (pip config set global.index-url ...)." \
        "软件包安装失败，原因见上（全部输出：$log）。" \
        "若无法访问软件包索引，请为 pip 设置一个（pip config set global.index-url ……）。"
}

pinned() { "${pip[@]}" --require-hashes --only-binary :all: -r "$1"; }

progress() { # how many of how many, for a person who watches
    if [ -t 2 ]; then
        awk -v total="$1" '/^(Collecting|Requirement already)/ {
            printf "\r  %d/%d ", ++n, total; fflush() } END { printf "\r" }' >&2
    else
        cat >/dev/null
    fi
}

# Is there an environment that works, made at this very place (its programs name their path)?
usable() {
    fits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1 &&
        grep -qF "$PWD/.venv/" .venv/bin/pip
}

stamp_of() { cat "requirements/$1.txt" pyproject.toml | cksum && pwd; }

# Make .venv ready for `demo` or `test`; at once when nothing has changed since the last time.
set_up() { # demo | test
    local lock=requirements/$1.txt stamp=.venv/adhere-$1.stamp want python
    unset PYTHONHOME PYTHONPATH
    export PIP_USER=0
    if [ ! -w "${HOME:-/nonexistent}" ]; then
        export PIP_NO_CACHE_DIR=1 # pip would complain about a cache that it cannot keep
    fi
    [ -w . ] || stop "$PWD is not writable for $(id -un): clone adhere into a folder of your own." \
        "$(id -un) 无权写入 $PWD：请把 adhere 克隆到您自己的文件夹。"
    if command -v flock >/dev/null 2>&1; then
        exec 9>.setup.lock # demo and test started together: one sets up, the other waits
        flock 9
    fi
    want=$(stamp_of "$1")
    if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || ! fits .venv/bin/python; then
        if ! usable; then
            python=$(find_python)
            [ ! -e .venv ] || [ -e .venv/pyvenv.cfg ] ||
                stop "$PWD/.venv is no virtual environment: move it away and start again." \
                    "$PWD/.venv 不是虚拟环境：请移走后重试。"
            rm -rf .venv
            make_venv "$python"
        fi
        install "$lock"
        printf '%s\n' "$want" >"$stamp"
        # What test installs is all that demo needs, in the same versions.
        [ "$1" != test ] || stamp_of demo >.venv/adhere-demo.stamp
    fi
    if command -v flock >/dev/null 2>&1; then
        exec 9>&-
    fi
}
