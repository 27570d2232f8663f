/* Kills workers and reloads the configuration, at a beat. */

import fs from 'node:fs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


export class Trouble {
    /* kill and reload: ms between two of them, 0 for never */
    constructor(nginx, { kill, reload }) {
        this.nginx = nginx;
        this.kills = 0;
        this.reloads = 0;
        this.missed = 0;        /* kills of one that had just ended */
        this.timers = [];

        if (kill) {
            this.timers.push(setInterval(() => this.#kill(), kill));
        }

        if (reload) {
            this.timers.push(setInterval(() => this.#reload(), reload));
        }
    }

    stop() {
        this.timers.forEach(clearInterval);
    }

    /* The workers there are, those that leave included. */
    #workers() {
        const { master } = this.nginx;

        return fs.readFileSync(`/proc/${master}/task/${master}/children`,
                               'utf8').split(' ').filter(Boolean).map(Number);
    }

    #kill() {
        const workers = this.#workers();
        const pid = workers[Math.floor(Math.random() * workers.length)];

        try {
            this.nginx.killed.add(pid);
            process.kill(pid, 'SIGKILL');
            this.kills++;

        } catch {
            this.missed++;
        }
    }

    #reload() {
        process.kill(this.nginx.master, 'SIGHUP');
        this.reloads++;
    }

    /* Resolves when there are as many workers as there should be. */
    async quiet(workers) {
        this.stop();

        for (let i = 0; i < 400 && this.#workers().length !== workers; i++) {
            await pause(50);
        }
    }
}
