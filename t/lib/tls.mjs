/*
 * Certificates of one's own: an authority, and what it signs.  Made by openssl
 * in a directory that goes with the test.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';


function openssl(...words) {
    const run = spawnSync('openssl', words, { encoding: 'utf8' });

    assert.equal(run.status, 0, `openssl: ${run.stderr ?? run.error}`);
}


export class Authority {
    #n = 0;

    constructor() {
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sio-tls-'));
        fs.chmodSync(this.dir, 0o755);
        this.ca = path.join(this.dir, 'ca.pem');
        this.key = path.join(this.dir, 'ca.key');
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                '-subj', `/CN=CA ${path.basename(this.dir)}`,
                '-keyout', this.key, '-out', this.ca);
    }

    /* A certificate for names such as IP:127.0.0.1 or DNS:localhost. */
    sign(...names) {
        const base = path.join(this.dir, `${++this.#n}`);
        const [cert, key] = [`${base}.pem`, `${base}.key`];

        fs.writeFileSync(`${base}.ext`, `subjectAltName=${names.join()}\n`);
        openssl('req', '-new', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=redis',
                '-keyout', key, '-out', `${base}.csr`);
        openssl('x509', '-req', '-in', `${base}.csr`, '-CA', this.ca,
                '-CAkey', this.key, '-CAcreateserial', '-days', '2',
                '-extfile', `${base}.ext`, '-out', cert);
        fs.chmodSync(key, 0o644);

        return { cert, key };
    }

    remove() {
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}
