/*
 * An nginx with several workers for all tests of a file.  At the end everybody
 * is sent away, shared memory must be as it was at the start, and the server's
 * stop() judges the rest.
 */

import { after, before } from 'node:test';

import { closeAll } from '../../lib/client.mjs';
import { PATIENCE, startNginx } from '../../lib/nginx.mjs';
import { closeMembers } from './member.mjs';
import { agentTo, attached, call, drained, used } from './processes.mjs';

/*
 * Longer than a machine that stands still for a while makes any test: clients
 * made by hand answer no pings, and have none among what they get.
 */
const INTERVAL = 12;
const TIMEOUT = 8;

/* Milliseconds in which sessions that say nothing any more are buried. */
export const SILENCE = (INTERVAL + TIMEOUT) * 1000 + PATIENCE;

export const HEARTBEAT = `socketio_ping_interval ${INTERVAL}s;
    socketio_ping_timeout ${TIMEOUT}s;
    socketio_room *;`;


/*
 * Registers before and after; the result has .nginx once tests run.  ready(it)
 * is called before the first of them.
 */
export function cluster(options = {}, ready = () => {}) {
    const it = { agents: [] };

    before(async () => {
        it.nginx = await startNginx({ workers: 4, location: HEARTBEAT,
                                      ...options });
        await attached(it.nginx, options.workers ?? 4);
        it.baseline = await used(it.nginx);
        await ready(it);
    });

    after(async () => {
        await closeMembers();
        closeAll();
        it.agents.forEach((agent) => agent.destroy());

        if (!it.nginx) {
            return;
        }

        try {
            await drained(it.nginx, it.baseline, SILENCE);

        } finally {
            await it.nginx.stop();
        }
    });

    /* A kept-alive connection to a worker, closed at the end. */
    it.agentTo = async (pid) => {
        const agent = await agentTo(it.nginx, pid);

        it.agents.push(agent);

        return agent;
    };

    /* Publishes through each worker in turn: a `send` for a Ledger. */
    it.everyWorker = async () => {
        const agents = await Promise.all(it.nginx.workers()
            .map((pid) => it.agentTo(pid)));
        let n = 0;

        return (body) =>
            call(it.nginx, agents[n++ % agents.length], 'emit', body);
    };

    return it;
}
