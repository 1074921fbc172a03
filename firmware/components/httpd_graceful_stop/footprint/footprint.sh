#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# How large the component is on a RISC-V chip (rv32imc: ESP32-C3 and its kin), against its goals.
# Exit code 1 when a goal is missed, 2 when it could not be measured.
#
#   footprint.sh [--install]      --install: get the cross compiler first (Debian packages, as root)
#
# The table shows the object files as the compiler leaves them, each call with room for the longest distance. What a
# program really gets is less: ESP-IDF links with --gc-sections, and the linker shortens calls to what is near. So the
# component is linked as on a chip, once with the functions that the README's ten lines call, once with all: itself, the
# server and lwIP in flash, FreeRTOS, heap and libc far away in IRAM and ROM, where every call keeps its full length.
# The goals are for the ten lines, both as ESP-IDF is by default and with WebSockets. What else is linked in (FreeRTOS, lwIP, the server) is there in any program with a server.
set -eu

goal_code=4096
goal_ram=256
packages="gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
ten_lines="httpd_graceful_stop_create httpd_graceful_stop_start httpd_graceful_stop_register_uri_handler
    httpd_graceful_stop_requested httpd_graceful_stop_stop"

triple=riscv64-unknown-elf
machine="-march=rv32imc -mabi=ilp32"
here=$(cd "$(dirname "$0")" && pwd)
component=$(dirname "$here")
native=$(cd "$component/../../native" && pwd)

if [ "${1:-}" = --install ] && ! command -v $triple-gcc >/dev/null; then
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages >/dev/null
fi
if ! command -v $triple-gcc >/dev/null; then
    echo "footprint: no $triple-gcc: apt-get install $packages (or footprint.sh --install)" >&2
    exit 2
fi
if ! [ -e /usr/include/http_parser.h ]; then
    echo "footprint: no http_parser.h: apt-get install libhttp-parser-dev" >&2
    exit 2
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cp /usr/include/http_parser.h "$out/" # that one header, and no other of the machine that this runs on

# $@ = settings beside those of include/sdkconfig.h
compile() {
    for source in "$component"/src/*.c; do
        # shellcheck disable=SC2086
        $triple-gcc --specs=picolibc.specs $machine -std=gnu11 -Os -ffunction-sections -fdata-sections \
            -Wall -Wextra -Werror "$@" \
            -I"$component/include" -I"$component/src" -I"$here/include" -I"$out" \
            -I"$native/esp_http_server/include" -I"$native/freertos/include" -I"$native/idf/include" \
            -c "$source" -o "$out/$(basename "$source" .c).o" || exit 2
    done
}
cd "$out"

# Prints code, constants and static RAM. $@ = files
sections() {
    $triple-size -A "$@" | awk '
        /^\.text/ { code += $2 }
        /^\.s?rodata/ { constants += $2 }
        /^\.s?(data|bss)/ { ram += $2 }
        END { printf "%d %d %d\n", code, constants, ram }'
}

# $1 = ELF to make, the others = the functions that a program calls
link() {
    elf=$1
    shift
    roots=""
    for function in "$@"; do
        roots="$roots -Wl,--undefined=$function"
    done
    # shellcheck disable=SC2046,SC2086
    $triple-gcc $machine -nostdlib -nostartfiles -Wl,--gc-sections -Wl,--no-warn-rwx-segments $roots $(cat elsewhere) \
        -Wl,-Ttext=0x42000000 -Wl,-Tdata=0x3fc80000 -Wl,--entry=0 ./*.o -o "$elf" || exit 2
}

# $1 = what the table is of, the others as for compile()
measure() {
    title=$1
    shift
    compile "$@"
    $triple-nm --defined-only ./*.o | awk 'NF == 3 { print $3 }' | sort -u >defined
    $triple-nm --undefined-only ./*.o | awk 'NF == 2 { print $2 }' | sort -u | comm -23 - defined | while read -r symbol; do
        case $symbol in
        httpd_* | esp_event_* | socket | shutdown | close | poll) echo "-Wl,--defsym=$symbol=0x42080000" ;;
        *) echo "-Wl,--defsym=$symbol=0x40380000" ;;
        esac
    done >elsewhere
    # shellcheck disable=SC2086
    link ten_lines.elf $ten_lines
    # shellcheck disable=SC2046
    link all.elf $(grep '^httpd_graceful_stop_' defined)

    {
        for object in ./*.o; do
            echo "$(basename "$object" .o).c $(sections "$object")"
        done
        echo "total $(sections ./*.o)"
        echo "linked:ten_lines $(sections ten_lines.elf)"
        echo "linked:all $(sections all.elf)"
    } | awk -v title="$title" -v goal_code=$goal_code -v goal_ram=$goal_ram '
        function verdict(value, goal) {
            if (value <= goal) {
                return "met"
            }
            missed = 1
            return "MISSED"
        }
        NR == 1 { printf "%-32s %6s %10s %11s\n", title ", bytes", "code", "constants", "static RAM" }
        /^linked:/ { $1 = $1 == "linked:all" ? "linked, every function called" : "linked, the ten lines of README" }
        {
            ram = $NF
            constants = $(NF - 1)
            code = $(NF - 2)
            name = $0
            sub(/ [0-9]+ [0-9]+ [0-9]+$/, "", name)
            printf "%-32s %6d %10d %11d\n", name, code, constants, ram
        }
        name ~ /ten lines/ {
            goals = sprintf("code        %5d of %d: %s\n", code, goal_code, verdict(code, goal_code)) \
                sprintf("static RAM  %5d of %d: %s\n", ram, goal_ram, verdict(ram, goal_ram))
        }
        END {
            printf "\n%s", goals
            exit missed
        }'
}

missed=0
measure "ESP-IDF's defaults" || missed=1
echo
measure "with WebSockets" -DCONFIG_HTTPD_WS_SUPPORT=1 || missed=1
exit $missed
