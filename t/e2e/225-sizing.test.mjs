/* The table of sizes of docs/operations.md is what a zone has. */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';

const PAGE = new URL('../../docs/operations.md', import.meta.url);
const KINDS = ['sessions', 'sockets', 'memberships', 'rooms', 'blocks',
               'tallies', 'calls'];
const rows = [...fs.readFileSync(PAGE, 'utf8')
    .matchAll(/^\| (\d+[km]) \| (\d[\d,]* \| .*) \|$/gm)];


test('the table has sizes', () => {
    assert.ok(rows.length >= 6, `${rows.length} rows`);
});


for (const [, size, cells] of rows) {
    test(`a zone of ${size}`, async () => {
        const nginx = await startNginx({ zone: `zone=app:${size} log=256k` });

        try {
            const { memory } = await nginx.status();

            /* the log's own size has a little to do with it */
            cells.split(' | ').forEach((text, i) => {
                const told = Number(text.replaceAll(',', ''));
                const is = memory[KINDS[i]].size;

                assert.ok(Math.abs(is - told) <= told / 32,
                          `${is} ${KINDS[i]}, not ${told}`);
            });

        } finally {
            await nginx.stop();
        }
    });
}
