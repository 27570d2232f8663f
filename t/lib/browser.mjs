/*
 * Where a browser is, if there is one, for the tests that need one: they are
 * skipped without it, and say so on stderr.
 */

import { existsSync } from 'node:fs';

import { chromium } from 'playwright-core';

const places = [process.env.TEST_CHROMIUM, '/usr/bin/chromium',
                '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = places.find((file) => file && existsSync(file));


/* Why a test is to be skipped, false if there is a browser. */
export function noBrowser(test) {
    const skip = !executablePath && 'no Chromium, TEST_CHROMIUM may name one';

    if (skip) {
        process.stderr.write(`SKIPPED ${test}: ${skip}\n`);
    }

    return skip;
}


/* A running browser, which the caller closes. */
export function launchBrowser() {
    return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
