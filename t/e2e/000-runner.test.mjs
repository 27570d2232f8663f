/*
 * The runner of the tests: it counts what there is, and a file that fails is a
 * failure; only where it may try again, and the file passes then each time, it
 * is none, but is named.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

const RUNNER = path.join(import.meta.dirname, '../run');
const HEAD = `import assert from 'node:assert';
              import fs from 'node:fs';
              import { test } from 'node:test';
              const run = fs.readdirSync('.').length;
              fs.writeFileSync(String(run), '');\n`;
const FILES = {
    good: `${HEAD} test('a', () => {}); test.skip('b');`,
    bad: `${HEAD} test('a', () => assert.ok(false)); test('b', () => {});`,
    once: `${HEAD} test('a', () => assert.ok(run > 0)); test('b', () => {});`,
    third: `${HEAD} test('a', () => assert.ok(run % 3 !== 0));`,
    empty: HEAD,
    broken: `${HEAD} test('a', () => {}); process.exit(3);`,
};
let top;


/* Runs files, each in a directory of its own; `again` as in TEST_AGAIN. */
function judge(names, again) {
    const files = names.map((name, i) => {
        const where = fs.mkdtempSync(path.join(top, `${name}-`));
        const file = path.join(where, `${i}.mjs`);

        fs.writeFileSync(file, `process.chdir('${where}/runs');\n`
                               + FILES[name]);
        fs.mkdirSync(path.join(where, 'runs'));

        return file;
    });
    const { NODE_TEST_CONTEXT: context, ...env } = process.env;
    const { status, stdout } = spawnSync(RUNNER, ['--results', top, 'node',
        'these', ...files], { env: { ...env, TEST_AGAIN: String(again) },
                              encoding: 'utf8' });
    const [counts, ...unsteady] = fs.readFileSync(path.join(top, 'these'),
                                                  'utf8').split('\n');

    return { status, counts, stdout,
             unsteady: unsteady.filter(Boolean).map((f) => files.indexOf(f)),
             runs: files.map((f) => fs.readdirSync(
                 path.join(path.dirname(f), 'runs')).length) };
}


before(() => {
    top = fs.mkdtempSync(path.join(os.tmpdir(), 'sio-runner-'));
});

after(() => fs.rmSync(top, { recursive: true }));


test('what passes, fails, is skipped, and a file that breaks off', () => {
    const got = judge(['good', 'bad', 'good', 'broken', 'empty'], 0);

    assert.equal(got.counts, '3 3 2');
    assert.equal(got.status, 1);
    assert.deepEqual(got.runs, [1, 1, 1, 1, 1]);
});

test('no test at all', () => {
    const got = judge([], 3);

    assert.equal(got.counts, '0 0 0');
    assert.equal(got.status, 1);
});

test('what fails once is named, if it may be tried again', () => {
    let got = judge(['once', 'good'], 0);

    assert.equal(got.counts, '2 1 1');
    assert.equal(got.status, 1);

    got = judge(['once', 'good'], 3);
    assert.equal(got.counts, '3 0 1');
    assert.equal(got.status, 0);
    assert.deepEqual(got.unsteady, [0]);
    assert.deepEqual(got.runs, [4, 1]);
    assert.match(got.stdout, /✖ a/);
});

test('what fails each time, or a second time, has failed', () => {
    const got = judge(['bad', 'third'], 3);

    assert.equal(got.counts, '1 2 0');
    assert.equal(got.status, 1);
    assert.deepEqual(got.unsteady, []);
    assert.deepEqual(got.runs, [2, 4]);
});

test('three files that fail are no accident', () => {
    const got = judge(['once', 'once', 'once'], 3);

    assert.equal(got.counts, '3 3 0');
    assert.equal(got.status, 1);
    assert.deepEqual(got.runs, [1, 1, 1]);
});
