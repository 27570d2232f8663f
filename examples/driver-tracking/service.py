#!/usr/bin/env python3
"""The fleet's service: it signs tokens, and sends drivers to jobs.

Positions and messages never come here.
"""

import base64
import hashlib
import hmac
import json
import os
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ.get('PORT', '3000'))
API = os.environ.get('SOCKETIO_API', 'http://127.0.0.1:8080/socketio')

with open('jwt.secret', 'rb') as file:
    SECRET = file.read().strip()

# In place of a database.
USERS = {
    'ada': {'role': 'admin'},
    'dan': {'role': 'driver', 'company': 'north'},
    'dora': {'role': 'driver', 'company': 'south'},
    'nora': {'role': 'company', 'company': 'north'},
    'sam': {'role': 'company', 'company': 'south'},
    'pia': {'role': 'provider'},
    'vera': {'role': 'vendor'},
}


def token(claims):
    """A JSON Web Token for an hour; any JWT library makes the same."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b'=')

    head = {'alg': 'HS256', 'typ': 'JWT'}
    body = {**claims, 'exp': int(time.time()) + 3600}
    text = b'.'.join(part(json.dumps(x).encode()) for x in (head, body))
    sign = part(hmac.new(SECRET, text, hashlib.sha256).digest())

    return (text + b'.' + sign).decode()


def emit(rooms, event, data):
    """Sends an event to all sockets in the rooms; how many there were."""
    request = urllib.request.Request(
        f'{API}/emit', headers={'Content-Type': 'application/json'},
        data=json.dumps({'rooms': rooms, 'event': event,
                         'data': data}).encode())

    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)['matched']


def login(user):
    """Without passwords, because this is an example."""
    if user not in USERS:
        return 403, {'error': 'Who is that?'}

    return 200, {'token': token({'sub': user, **USERS[user]})}


def assign(driver, place):
    """Tells a driver, on all his devices, where to go."""
    devices = emit([f'user:{driver}'], 'job:assigned', {'place': place})

    return 200, {'devices': devices}


class Handler(BaseHTTPRequestHandler):
    routes = {'/login': login, '/jobs': assign}

    def do_POST(self):
        status, answer = 400, {'error': 'Bad request'}

        if self.path not in self.routes:
            status, answer = 404, {'error': 'Not found'}

        else:
            try:
                size = int(self.headers['Content-Length'])
                body = json.loads(self.rfile.read(size))
                status, answer = self.routes[self.path](**body)

            except OSError as err:
                status, answer = 502, {'error': str(err)}

            except (TypeError, ValueError):
                pass

        self.reply(status, json.dumps(answer).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


if __name__ == '__main__':
    server = ThreadingHTTPServer(('127.0.0.1', PORT), Handler)
    print(f'fleet service on {PORT}', flush=True)
    server.serve_forever()
