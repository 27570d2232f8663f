/* The judge of the chaos finds each kind of fault, and nothing else. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Counts, Journal } from './lib/journal.mjs';

const OFFSET = (n) => `abcdef${n.toString(36)}`;


/* The counts after a client has got events of room 0 by these numbers. */
function judged(numbers, { due = 0, final = 5, at = (n) => n } = {}) {
    const counts = new Counts();
    const journal = new Journal('client', counts);

    journal.joined(0, due);
    numbers.forEach((n) => journal.got(0, n, OFFSET(at(n))));

    const complete = journal.complete(() => final);

    journal.end(() => final);

    const { missing, duplicated, disordered } = counts;

    return { complete, missing, duplicated, disordered };
}


const GOOD = { complete: true, missing: 0, duplicated: 0, disordered: 0 };

const CASES = [
    ['all of them', [0, 1, 2, 3, 4], {}, GOOD],
    ['one that was under way at the join', [1, 2, 3, 4], { due: 2 }, GOOD],
    ['nothing was due', [], { due: 5 }, GOOD],
    ['offsets that get longer', [0, 1, 2, 3, 4], { at: (n) => 34 + n }, GOOD],
    ['the first one missing', [1, 2, 3, 4], {}, { ...GOOD, missing: 1 }],
    ['some missing', [0, 3, 4], {}, { ...GOOD, missing: 2 }],
    ['the last ones missing', [0, 1, 2], {},
     { ...GOOD, complete: false, missing: 2 }],
    ['all missing', [], { due: 1 }, { ...GOOD, complete: false, missing: 4 }],
    ['one twice', [0, 1, 2, 2, 3, 4], {}, { ...GOOD, duplicated: 1 }],
    ['a replay twice', [0, 1, 2, 1, 2, 3, 4], {}, { ...GOOD, duplicated: 2 }],
    ['two in the wrong order', [0, 2, 1, 3, 4], {},
     { ...GOOD, disordered: 1 }],
    ['an offset that falls', [0, 1, 2, 3, 4], { at: (n) => n % 4 },
     { ...GOOD, disordered: 1 }],
];

for (const [name, numbers, options, expected] of CASES) {
    test(name, () => {
        const found = judged(numbers, options);

        assert.deepEqual(found, expected);
    });
}


test('before the ack of the join gaps are allowed, and nothing else', () => {
    const counts = new Counts();
    const journal = new Journal('client', counts);

    journal.got(0, 3, OFFSET(3));
    journal.got(0, 7, OFFSET(7));
    journal.joined(0, 9);
    journal.got(0, 9, OFFSET(9));
    assert.equal(counts.missing, 0);
    assert.equal(counts.duplicated, 0);
    journal.got(0, 11, OFFSET(11));
    assert.equal(counts.missing, 1);
    journal.got(0, 3, OFFSET(12));
    assert.equal(counts.duplicated, 1);
});
