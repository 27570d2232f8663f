"""The servers that are measured: how each is got, started and stopped.

A peer that cannot be had raises Missing with the reason; the runner says so and
goes on without it.
"""

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
NPM = ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund',
       '--loglevel=error']


class Missing(Exception):
    """A peer cannot be had here."""


class Server:
    """A running server; the folder and the processes are its own."""

    def __init__(self, command, port, pinned, env=None, cpu='0'):
        if pinned:
            command = ['taskset', '-c', cpu, *command]

        self.port = port
        self.process = subprocess.Popen(command, env=env,
                                        stdout=subprocess.DEVNULL)

    def wait(self):
        """Until it listens and all of its workers are there."""
        end = time.monotonic() + 30

        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Missing(f'it ended with {self.process.returncode}')

            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                time.sleep(0.5)
                return

            except OSError:
                time.sleep(0.05)

        raise Missing('it does not listen')

    def pids(self):
        """The process and its children."""
        found = [self.process.pid]

        for entry in os.listdir('/proc'):
            if entry.isdigit():
                with contextlib.suppress(OSError), \
                        open(f'/proc/{entry}/stat', encoding='utf-8') as file:
                    fields = file.read().rpartition(')')[2].split()

                    if int(fields[1]) == self.process.pid:
                        found.append(int(entry))

        return found

    def stop(self):
        self.process.send_signal(signal.SIGTERM)

        try:
            self.process.wait(10)

        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Redis(Server):
    """A Redis that keeps nothing; it shares the generator's CPU."""

    def __init__(self, place, wants):
        program = shutil.which('redis-server')

        if not program:
            raise Missing('there is no redis-server')

        port = free_port()
        super().__init__([program, '--port', str(port), '--bind', '127.0.0.1',
                          '--dir', place.temp, '--save', '',
                          '--appendonly', 'no'],
                         port, wants.get('pinned', True), cpu='1')

    def heard(self):
        """Until somebody has subscribed to broadcasts."""
        end = time.monotonic() + 30

        while time.monotonic() < end:
            with socket.create_connection(('127.0.0.1', self.port), 5) as one:
                one.sendall(b'PUBSUB NUMPAT\r\n')

                if int(one.recv(100)[1:]) > 0:
                    return

            time.sleep(0.05)

        raise Missing('it does not subscribe')


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def output(*command, **more):
    """What a command prints, both ways; '' if there is no such command."""
    try:
        run = subprocess.run(command, capture_output=True, text=True,
                             check=False, **more)

    except OSError:
        return ''

    return (run.stdout + run.stderr).strip()


class Place:
    """Where things are: programs, packages, a temporary folder."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.bench = os.path.join(self.build, 'bench')
        self.temp = tempfile.mkdtemp(prefix='sio-bench-')
        self.nginx = os.environ.get('TEST_NGINX_BINARY') \
            or shutil.which('nginx', path=os.environ['PATH'] + ':/usr/sbin')
        self.module = os.path.join(self.build, 'ngx_socketio_module.so')

    def program(self, name):
        return os.path.join(self.bench, name)

    def packages(self, name):
        """Installs the packages of peers/NAME.json once; their folder."""
        folder = os.path.join(self.bench, 'peers', name)
        wanted = os.path.join(HERE, 'peers', f'{name}.json')
        stamp = os.path.join(folder, '.installed')

        with open(wanted, encoding='utf-8') as file:
            text = file.read()

        if os.path.exists(stamp):
            with open(stamp, encoding='utf-8') as file:
                if file.read() == text:
                    return folder

        if not shutil.which('npm'):
            raise Missing('there is no npm')

        os.makedirs(folder, exist_ok=True)
        shutil.copy(wanted, os.path.join(folder, 'package.json'))
        print(f'installing the packages of {name} into {folder}', flush=True)
        run = subprocess.run(NPM, cwd=folder, capture_output=True, text=True,
                             check=False)

        if run.returncode != 0:
            raise Missing('npm: ' + (run.stderr.strip().split('\n') or ['?'])[0])

        with open(stamp, 'w', encoding='utf-8') as file:
            file.write(text)

        return folder

    def certificate(self):
        """A certificate and its key, made once."""
        cert = os.path.join(self.temp, 'cert.pem')
        key = os.path.join(self.temp, 'key.pem')

        if not os.path.exists(cert):
            output('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                   'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                   '-subj', '/CN=localhost', '-keyout', key, '-out', cert)

        if not os.path.exists(cert):
            raise Missing('openssl makes no certificate')

        return cert, key


def nginx(place, template, wants, **values):
    """Starts an nginx with a configuration of peers/."""
    if not place.nginx:
        raise Missing('there is no nginx')

    folder = tempfile.mkdtemp(dir=place.temp)
    port = free_port()
    workers = wants.get('workers', 1)
    values |= {'dir': folder, 'port': port, 'workers': workers,
               'files': FILES, 'connections': FILES - 1000,
               'user': 'user root;' if os.getuid() == 0 else '',
               'listen': ('reuseport ' if workers > 1 else '')
               + ('ssl' if wants.get('tls') else '')}

    with open(os.path.join(HERE, 'peers', template), encoding='utf-8') as file:
        text = re.sub(r'\{(\w+)\}', lambda x: str(values[x[1]]), file.read())

    conf = os.path.join(folder, 'nginx.conf')

    with open(conf, 'w', encoding='utf-8') as file:
        file.write(text)

    return Server([place.nginx, '-p', folder, '-c', conf,
                   '-e', os.path.join(folder, 'error.log')], port,
                  wants.get('pinned', True))


def ours(place, wants):
    tls = ''

    if wants.get('tls'):
        cert, key = place.certificate()
        tls = f'ssl_certificate {cert}; ssl_certificate_key {key};'

    location = wants.get('location', '')

    if wants.get('deflate'):
        location += 'socketio_compression on;'

    values = {'module': place.module, 'zone': wants.get('zone', '64m'),
              'log': wants.get('log', '32m'), 'tls': tls,
              'location': location, 'redis': ''}

    if wants.get('redis'):
        values['redis'] = ('socketio_redis bench '
                           f'redis://127.0.0.1:{wants["redis"]};')

    return nginx(place, 'nginx.conf', wants, **values)


def nchan_module(place):
    """Debian's package, installed or only unpacked."""
    name = 'ngx_nchan_module.so'
    folder = os.path.join(place.bench, 'peers', 'nchan')
    places = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules',
              os.path.join(folder, 'usr/lib/nginx/modules')]

    for _ in range(2):
        for one in places:
            if os.path.exists(os.path.join(one, name)):
                return os.path.join(one, name)

        os.makedirs(folder, exist_ok=True)
        output('apt-get', 'download', 'libnginx-mod-nchan', cwd=folder)

        for package in os.listdir(folder):
            if package.endswith('.deb'):
                output('dpkg', '-x', package, '.', cwd=folder)

    raise Missing('libnginx-mod-nchan is not installed, and apt-get does not '
                  'download it')


def nchan(place, wants):
    return nginx(place, 'nchan.conf', wants, module=nchan_module(place),
                 zone='512m')


def floor(place, wants, *more):
    port = free_port()

    return Server([place.program('floor'), str(port), *more], port,
                  wants.get('pinned', True))


def node(place, wants):
    redis = wants.get('redis', '')
    packages = place.packages('node-redis' if redis else 'node')
    env = os.environ | {'BENCH_PACKAGES': packages, 'BENCH_REDIS': str(redis),
                        'BENCH_DEFLATE': str(wants.get('deflate', ''))}
    port = free_port()
    tls = place.certificate() if wants.get('tls') else ()

    if not shutil.which('node'):
        raise Missing('there is no node')

    return Server(['node', os.path.join(HERE, 'peers', 'node.mjs'), str(port),
                   *tls], port, wants.get('pinned', True), env)


def bun_program(place):
    """Of the packages for each machine npm installs the one that fits."""
    folder = place.packages('bun')
    scope = os.path.join(folder, 'node_modules', '@oven')
    found = sorted(os.listdir(scope)) if os.path.isdir(scope) else []

    for name in found:
        path = os.path.join(scope, name, 'bin', 'bun')

        if output(path, '--version'):
            return path, folder

    raise Missing('there is no Bun for this machine')


def bun(place, wants):
    program, folder = bun_program(place)
    env = os.environ | {'BENCH_PACKAGES': folder}
    port = free_port()

    return Server([program, os.path.join(HERE, 'peers', 'bun.mjs'), str(port)],
                  port, wants.get('pinned', True), env)


PEERS = {
    'ours': ours,
    'node': node,
    'bun': bun,
    'nchan': nchan,
    'floor': floor,
    'floor-batch': lambda place, wants: floor(place, wants, '--batch'),
}
