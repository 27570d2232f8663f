/*
 * JSON Web Tokens made by hand, good ones and such as an attacker would make.
 */

import crypto from 'node:crypto';

export const SECRET = '0123456789abcdef0123456789abcdef';
export const OTHER_SECRET = 'fedcba9876543210fedcba9876543210';

const PEM = { publicKeyEncoding: { type: 'spki', format: 'pem' },
              privateKeyEncoding: { type: 'pkcs8', format: 'pem' } };

export const RSA = crypto.generateKeyPairSync('rsa', { modulusLength: 2048,
                                                       ...PEM });
export const EC = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256',
                                                     ...PEM });

export const b64 = (data) => Buffer.from(data).toString('base64url');

/* Seconds since 1970, some from now. */
export const inSeconds = (n) => Math.floor(Date.now() / 1000) + n;


/*
 * Does what has to be done with a token before it ends, which is soon.  What
 * fails because a busy machine took longer than that is done anew with one
 * that lasts longer.  fn gets the end, and in how many seconds it is.
 */
export async function inTime(fn, soon = 2) {
    const end = inSeconds(soon);

    try {
        return await fn(end, soon);

    } catch (err) {
        if (soon >= 8 || Date.now() < end * 1000) {
            throw err;
        }
    }

    return inTime(fn, 2 * soon);
}


/* The signature of a text as its algorithm wants it. */
export function signature(alg, key, text) {
    const hash = `sha${alg.slice(2)}`;

    switch (alg.slice(0, 2)) {
    case 'HS':
        return crypto.createHmac(hash, key).update(text).digest('base64url');

    case 'RS':
        return crypto.sign(hash, text, key).toString('base64url');

    case 'ES':
        return crypto.sign(hash, text, { key, dsaEncoding: 'ieee-p1363' })
            .toString('base64url');

    default:
        throw new Error(`no algorithm ${alg}`);
    }
}


/* A signed token; header and payload may be texts of any kind. */
export function token(claims, { alg = 'HS256', key = SECRET, header } = {}) {
    const json = (v) => typeof v === 'string' ? v : JSON.stringify(v);
    const head = header === undefined || typeof header === 'object'
                 ? { alg, typ: 'JWT', ...header } : header;
    const text = Buffer.from(`${b64(json(head))}.${b64(json(claims))}`);

    return `${text}.${signature(alg, key, text)}`;
}


export const rs256 = (claims, header) =>
    token(claims, { alg: 'RS256', key: RSA.privateKey, header });

export const es256 = (claims, header) =>
    token(claims, { alg: 'ES256', key: EC.privateKey, header });


function* withAlgorithm(claims) {
    const payload = b64(JSON.stringify(claims));

    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 0, [], {},
                       'HS256 ', 'hs256', 'HS1', 'ES256', 'RS256', 'PS256',
                       'A128KW', 'dir'])
    {
        const head = b64(JSON.stringify({ alg, typ: 'JWT' }));
        const text = `${head}.${payload}`;

        yield `${text}.`;
        yield `${text}.${signature('HS256', SECRET, text)}`;
    }

    yield token(claims, { header: '{}' });
    yield token(claims, { header: '{"typ":"JWT"}' });
    yield token(claims, { alg: 'HS384' });
    yield token(claims, { alg: 'HS512' });
    yield token(claims, { key: OTHER_SECRET });
    yield token(claims, { key: '' });

    for (const key of [RSA.publicKey, EC.publicKey, RSA.publicKey.trim()]) {
        yield token(claims, { key });
    }
}


function* withHeader(claims) {
    const attacker = crypto.generateKeyPairSync('rsa', {
        modulusLength: 2048, privateKeyEncoding: PEM.privateKeyEncoding,
    });
    const jwk = attacker.publicKey.export({ format: 'jwk' });
    const forged = (header) => token(claims, { alg: 'RS256', header,
                                               key: attacker.privateKey });

    yield forged({});
    yield forged({ jwk });
    yield forged({ jku: 'http://127.0.0.1/keys', kid: 'x' });
    yield forged({ x5u: 'http://127.0.0.1/cert' });
    yield token(claims, { header: { crit: ['exp'] } });
    yield token(claims, { header: { crit: [] } });
    yield token(claims, { header: { crit: ['b64'], b64: false } });

    for (const kid of ['../../dev/null', '/dev/null', "' OR 1=1 --", '%00',
                       '*', 'wrong'])
    {
        yield token(claims, { key: '', header: { kid } });
    }

    for (const header of ['', '[]', 'null', '"HS256"', '{', '{"alg":"HS256"',
                          '{"alg":"HS256","alg":"none"}', '\0', '\xff'])
    {
        yield token(claims, { header });
    }
}


function* withPayload(claims) {
    for (const text of ['', '[]', 'null', '1', '"x"', '{', '{"sub":}', '\xff',
                        `{"sub":"a","sub":"b","exp":${inSeconds(60)}}`,
                        '{"sub":"\\ud800"}',
                        '{"a":'.repeat(5000) + '1' + '}'.repeat(5000)])
    {
        yield token(text);
    }

    for (const more of [{ exp: inSeconds(-60) }, { exp: 0 }, { exp: -1 },
                        { exp: '9999999999' }, { exp: true }, { exp: [] },
                        { exp: null }, { nbf: inSeconds(600) },
                        { nbf: 'now' }, { iat: {} }])
    {
        yield token({ ...claims, ...more });
    }
}


function* withForm(good) {
    const [head, payload, sign] = good.split('.');
    const flip = (text, at) => text.slice(0, at)
        + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

    for (const at of [0, 1, 7, 20, 30, sign.length - 2]) {
        yield `${head}.${payload}.${flip(sign, at)}`;
    }

    for (const at of [0, 5, payload.length - 3]) {
        yield `${head}.${flip(payload, at)}.${sign}`;
        yield `${flip(head, at)}.${payload}.${sign}`;
    }

    for (const n of [0, 1, 10, sign.length - 1]) {
        yield `${head}.${payload}.${sign.slice(0, n)}`;
    }

    yield* ['.', '..', '...', head, payload, sign, `${head}.${payload}`,
            `${head}..${sign}`, `.${payload}.${sign}`, `${good}.`, `.${good}`,
            `${good}.${sign}`, `${good}..`, `${good}=`, `${good}A`,
            `${head}.${payload}.${sign}${sign}`, `${head}=.${payload}.${sign}`,
            `${good} ${good}`, `${good},${good}`, `${head}. ${payload}.${sign}`,
            `${payload}.${head}.${sign}`, good.toUpperCase(),
            good.toLowerCase(), `Bearer Bearer ${good}`, `Basic ${good}`,
            '%s%s%n', 'null', 'undefined', 'true', '{}', '"', '\\', '<script>',
            `${good}\0`, `${good}\n`, `\u00fc${good}`, '\u65e5\u672c',
            'x'.repeat(8192), 'x'.repeat(8193), 'a.'.repeat(4000),
            `${head}.${'A'.repeat(60000)}.${sign}`];
}


/* Tokens that nobody may get in with; claims are those of a good token. */
export function hostile(claims) {
    return [...withAlgorithm(claims), ...withHeader(claims),
            ...withPayload(claims), ...withForm(token(claims))];
}
