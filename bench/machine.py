"""What the figures were measured on, as far as it bears on them."""

import os
import platform
import re
import subprocess

PROGRAMS = {
    'rustc': ['rustc', '--version'],
    'gcc': ['cc', '-dumpfullversion'],
    'Go': ['go', 'version'],
    'PHP': ['php', '-r', 'echo PHP_VERSION;'],
    'Python': ['python3', '--version'],
    'Node': ['node', '--version'],
    'OpenSSL': ['openssl', 'version'],
    'libwebsockets': ['pkg-config', '--modversion', 'libwebsockets'],
    'Boost': ['sh', '-c', "sed -n 's/.*BOOST_LIB_VERSION \"\\(.*\\)\"/\\1/p' /usr/include/boost/version.hpp"],
}


def describe():
    facts = {
        'processors': f'{len(os.sched_getaffinity(0))} of {cpu_model()}',
        'kernel': re.match(r'[0-9.]+', platform.release()).group().rstrip('.'),
    }
    for name, command in PROGRAMS.items():
        version = re.search(r'\d+[._]\d+([._]\d+)*', output(command))
        if version:
            facts[name] = version.group().replace('_', '.')
    return facts


def cpu_model():
    with open('/proc/cpuinfo') as cpuinfo:
        model = re.search(r'^model name\s*:\s*(.*)$', cpuinfo.read(), re.MULTILINE)
    return model.group(1) if model else platform.machine()


def output(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout
    except OSError:
        return ''
