#!/usr/bin/env python3
"""A REST service that tells clients what it has done.

PATCH /resources/ID/status changes a status and publishes three events in one
request to nginx.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import time
import urllib.request
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ.get('PORT', '3000'))
API = os.environ.get('SOCKETIO_API', 'http://127.0.0.1:8080/socketio')

with open('jwt.secret', 'rb') as file:
    SECRET = file.read().strip()

# In place of a database.
USERS = {'olga': 'A', 'otto': 'A', 'bea': 'B'}
RESOURCES = {'42': {'reference': 'REF-95000042', 'status': 'idle'},
             '43': {'reference': 'REF-95000043', 'status': 'idle'}}
STATUSES = ('idle', 'running', 'flagged')


class Refused(Exception):
    """An HTTP status and what is wrong."""


# ---- publishing ----

def publish(namespace, operations):
    """Does operations of the API one after the other; raises where one fails.

    The answer comes when the events are in nginx's log.  It waits for no client.
    """
    batch = [{'namespace': namespace, **operation} for operation in operations]
    request = urllib.request.Request(
        f'{API}/batch', data=json.dumps(batch).encode(),
        headers={'Content-Type': 'application/json'})

    with urllib.request.urlopen(request, timeout=5) as answer:
        results = json.load(answer)['results']

    for result in results:
        if not result['ok']:
            raise RuntimeError(result['error'])


def change_status(resource_id, body, operator):
    """PATCH /resources/ID/status {"status": …}"""
    resource = RESOURCES.get(resource_id)

    if resource is None:
        raise Refused(404, 'No such resource')

    if not isinstance(body, dict) or body.get('status') not in STATUSES:
        raise Refused(400, f'status is one of {", ".join(STATUSES)}')

    resource['status'] = body['status']

    payload = {
        'id': resource_id,
        'data': {'status': resource['status']},
        'metadata': {
            'timestamp': datetime.now(timezone.utc).isoformat(),
            'triggered_by': operator['sub'],
            'department': operator['department'],
        },
    }

    publish('/data_owner', [
        {'rooms': f'resource:{resource_id}',
         'event': 'status:updated', 'data': payload},
        {'rooms': f'department:{operator["department"]}',
         'event': 'resource:status:updated',
         'data': {**payload, 'resource_ref': resource['reference']}},
        {'rooms': f'user:{operator["sub"]}',
         'event': 'status:confirmed', 'data': payload},
    ])

    return {'success': True}


# ---- tokens: any JWT library does the same ----

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def decode(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def signature(text):
    return encode(hmac.new(SECRET, text.encode(), hashlib.sha256).digest())


def make_token(claims):
    """A JSON Web Token for an hour."""
    body = {**claims, 'exp': int(time.time()) + 3600}
    text = '.'.join(encode(json.dumps(x).encode())
                    for x in ({'alg': 'HS256', 'typ': 'JWT'}, body))

    return f'{text}.{signature(text)}'


def claims_of(token):
    """The claims of a token that this service has made."""
    text, _, sign = token.rpartition('.')

    if not hmac.compare_digest(sign.encode(), signature(text).encode()):
        raise Refused(401, 'Invalid token')

    claims = json.loads(decode(text.partition('.')[2]))

    if claims['exp'] <= time.time():
        raise Refused(401, 'Token expired')

    return claims


def login(body):
    """POST /login {"user": …}, without passwords: this is an example."""
    user = body['user']

    if user not in USERS:
        raise Refused(403, 'Who is that?')

    return {'token': make_token({'sub': user, 'department': USERS[user]})}


# ---- HTTP ----

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.answer(self.post)

    def do_PATCH(self):
        self.answer(self.patch)

    def post(self, body):
        if self.path != '/login':
            raise Refused(404, 'Not found')

        return login(body)

    def patch(self, body):
        match = re.fullmatch(r'/resources/(\w+)/status', self.path)

        if not match:
            raise Refused(404, 'Not found')

        token = self.headers.get('Authorization', '').removeprefix('Bearer ')

        return change_status(match[1], body, claims_of(token))

    def answer(self, handler):
        try:
            size = int(self.headers['Content-Length'])
            status, body = 200, handler(json.loads(self.rfile.read(size)))

        except Refused as err:
            status, body = err.args[0], {'error': err.args[1]}

        except OSError as err:
            status, body = 502, {'error': str(err)}

        except (KeyError, TypeError, ValueError):
            status, body = 400, {'error': 'Bad request'}

        data = json.dumps(body).encode()

        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


if __name__ == '__main__':
    server = ThreadingHTTPServer(('127.0.0.1', PORT), Handler)
    print(f'resource service on {PORT}', flush=True)
    server.serve_forever()
