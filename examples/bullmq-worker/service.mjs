/*
 * The service that makes jobs of requests.  It brings a worker along, so that
 * one command starts the example.
 */

import http from 'node:http';
import { json } from 'node:stream/consumers';

import { Queue } from 'bullmq';

import './worker.mjs';

const PORT = process.env.PORT ?? 3000;
const REDIS = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const ACTIONS = ['archived', 'restored', 'shaken'];

const queue = new Queue('resources', { connection: { url: REDIS } });

queue.on('error', (err) => console.error(err.message));


async function add({ resource, action }) {
    if (!Number.isInteger(resource) || !ACTIONS.includes(action)) {
        return [400, { error: 'resource and action, please' }];
    }

    const job = await queue.add(action, { resource, action },
                                { attempts: 3, backoff: 200 });

    return [202, { job: job.id }];
}


async function show(id) {
    /* first, so that a job which is completed has its result */
    const state = await queue.getJobState(id);
    const job = await queue.getJob(id);

    return job ? [200, { state, attempts: job.attemptsMade,
                         result: job.returnvalue }]
               : [404, { error: 'No such job' }];
}


http.createServer(async (req, res) => {
    let status = 404;
    let body = {};

    try {
        if (req.method === 'POST' && req.url === '/jobs') {
            [status, body] = await add(await json(req));

        } else if (req.method === 'GET' && req.url.startsWith('/jobs/')) {
            [status, body] = await show(req.url.slice(6));
        }

    } catch (err) {
        console.error(err);
        status = 500;
    }

    res.writeHead(status, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify(body));
}).listen(PORT, '127.0.0.1', () => console.log(`job service on ${PORT}`));
