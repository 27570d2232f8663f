/*
 * The worker.  It may run on any machine that reaches Redis, as many times as
 * there is work for: node worker.mjs.  It keeps no connection to a browser.
 */

import { Emitter } from '@socket.io/redis-emitter';
import { Worker } from 'bullmq';
import { createClient } from 'redis';

const REDIS = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const API = process.env.SOCKETIO_API ?? 'http://127.0.0.1:8080/socketio';
const STEPS = 4;

const redis = createClient({ url: REDIS });

redis.on('error', (err) => console.error(err.message));
await redis.connect();

/* By Redis: to the clients of all nodes, and nobody says who has got it. */
const io = new Emitter(redis);


/*
 * By POST: the answer is the job's proof that the event is published, and with
 * the same id it is published once, however often the job is tried.
 */
async function publish(id, rooms, event, data) {
    const res = await fetch(`${API}/emit`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ id, rooms, event, data }),
    });

    if (!res.ok) {
        throw new Error(`${event}: ${res.status} ${await res.text()}`);
    }

    return res.json();
}


/* In place of work. */
async function work(job) {
    const { resource, action } = job.data;
    const room = `resource:${resource}`;

    for (let step = 1; step <= STEPS; step++) {
        await new Promise((resolve) => { setTimeout(resolve, 100); });
        io.to(room).emit('job:progress', { job: job.id, resource,
                                           percent: 100 * step / STEPS });
    }

    const { matched, offset } = await publish(
        `job:${job.id}`, [room], `resource:${action}`,
        { resource, job: job.id });

    /* the event is out: a retry must not tell it again */
    if (action === 'shaken' && job.attemptsMade === 0) {
        throw new Error('something else went wrong');
    }

    return { success: true, matched, offset };
}


const worker = new Worker('resources', work, {
    connection: { url: REDIS }, concurrency: 4,
});

worker.on('failed', (job, err) => console.error(`job ${job?.id}:`, err.message));
worker.on('error', (err) => console.error(err.message));
await worker.waitUntilReady();
