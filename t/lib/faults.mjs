/*
 * Faults of the system for an nginx under test, by the library that
 * faults.c makes.  TEST_FAULTS is a plan for every nginx that starts, as
 * "short=300"; a test may state its own.  Owns nothing but the state file.
 */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const REPO = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                          '../..');
const KINDS = ['short', 'byte', 'again', 'alloc'];

/* Then requests that were sent one after the other may change places. */
export const REORDERS = Boolean(process.env.TEST_FAULTS);

export const SHIM = process.env.TEST_FAULTS_SHIM
                    ?? path.join(REPO, 'build/faults.so');
export const SEED = Number(process.env.TEST_FAULTS_SEED
                           ?? Date.now() % 1000000);


export class Faults {
    /* Null without a plan. */
    static of(prefix, plan = process.env.TEST_FAULTS) {
        return plan ? new Faults(prefix, plan) : null;
    }

    constructor(prefix, plan) {
        this.plan = plan;
        this.file = path.join(prefix, 'faults');
        fs.writeFileSync(this.file, Buffer.alloc(8 * (1 + KINDS.length)));
    }

    get environment() {
        return { LD_PRELOAD: SHIM, FAULTS_PLAN: this.plan,
                 FAULTS_SEED: String(SEED), FAULTS_STATE: this.file };
    }

    /* From now on nothing fails. */
    stop() {
        this.#write(1);
    }

    resume() {
        this.#write(0);
    }

    #write(stop) {
        const file = fs.openSync(this.file, 'r+');

        fs.writeSync(file, Buffer.from([stop]), 0, 1, 0);
        fs.closeSync(file);
    }

    /* How many of each kind there were. */
    done() {
        const state = fs.readFileSync(this.file);

        return Object.fromEntries(KINDS.map((kind, i) =>
            [kind, Number(state.readBigUInt64LE(8 * (1 + i)))]));
    }
}
