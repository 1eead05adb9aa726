// SPDX-License-Identifier: MIT
// Loaded by node before a test file: tells the witness of each test from inside of its own call.
//
// Node calls every test by AsyncResource's runInAsyncScope, with the test as `this`, in all its versions and whether the
// file is CommonJS or a module. That one function is replaced, and cannot be again. Sentinels are tests of the same
// process, one before the file's own and the others after them; how each is to end is asked for when it runs.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const assert = require('node:assert');
const test = require('node:test');
const { AsyncResource } = require('node:async_hooks');

const { PRT_EVIDENCE: pipes, NODE_TEST_CONTEXT: inside } = process.env;
const MODULE_WAIT_MS = 5000;

// Every way for a test to fail: each must still be one after the code under test was imported.
const WAYS = [
    (want) => { assert.strictEqual(want, true); },
    (want) => { assert.ok(want); },
    (want) => { assert.deepStrictEqual({ a: [want] }, { a: [true] }); },
    (want) => { assert.throws(() => { if (want) { throw new TypeError('no'); } }, TypeError); },
    (want) => { if (!want) { throw new Error('no'); } },
    async (want) => { await (want ? Promise.resolve() : Promise.reject(new Error('no'))); },
    async (want) => { await assert.rejects(want ? Promise.reject(new Error('no')) : Promise.resolve()); },
];

// What a verdict stands on, and honest code has no reason to leave replaced.
function prints() {
    const owners = { assert, 'assert.strict': assert.strict, Object, Promise, 'Promise.prototype': Promise.prototype };
    const seen = [[process, 'process', 'exit'], [process, 'process', 'reallyExit'], [globalThis, 'globalThis', 'Promise'],
        [globalThis, 'globalThis', 'Error'], [Date, 'Date', 'now'], [performance, 'performance', 'now'],
        [process, 'process', 'hrtime']];
    for (const [name, owner] of Object.entries(owners)) {
        seen.push(...Object.getOwnPropertyNames(owner).filter((key) => typeof owner[key] === 'function')
            .map((key) => [owner, name, key]));
    }
    return seen.map(([owner, name, key]) => [owner, name, key, owner[key]]);
}

function begin(dir, names) {
    const told = fs.openSync(path.join(dir, 'told'), 'w');
    const answers = fs.openSync(path.join(dir, 'answers'), 'r');
    const { writeSync, readSync } = fs;
    const { stringify } = JSON;
    const { apply } = Reflect;
    const before = prints();
    const first = AsyncResource.prototype.runInAsyncScope;
    const begun = new Set();
    let root = null;

    const tell = (...words) => { writeSync(told, `${stringify(words)}\n`); };
    const ask = (name) => {
        const answer = Buffer.alloc(1);
        tell('want', name);
        readSync(answers, answer, 0, 1, null);
        return answer[0] === 49;
    };
    tell('begun');

    // What is a test: it has subtests and a name; hooks and the root have not, or have no parent.
    const isTest = (one) => Array.isArray(one.subtests) && one.parent && one.constructor.name !== 'TestHook';
    const wayOf = (one) => { const way = []; for (; one.parent; one = one.parent) { way.unshift(one.name); } return way; };

    function runInAsyncScope(call, context, ...rest) {
        if (!isTest(this)) {
            return apply(first, this, [call, context, ...rest]);
        }
        const way = wayOf(this);
        const end = (how) => { begun.delete(this); tell('call', way, how, Boolean(this.isTodo)); };
        const done = rest.length - 1;
        const waits = typeof rest[done] === 'function' && this.constructor.name !== 'Suite';

        for (root = this; root.parent; root = root.parent);
        begun.add(this);
        if (waits) {
            const last = rest[done];
            rest[done] = (why, ...more) => { end(why ? 'failed' : 'reached'); return last(why, ...more); };
        }
        try {
            const value = apply(first, this, [call, context, ...rest]);
            if (value && typeof value.then === 'function') {
                return value.then((got) => { end('reached'); return got; }, (why) => { end('failed'); throw why; });
            }
            if (!waits) {
                end('reached');
            }
            return value;
        } catch (why) {
            end('failed');
            throw why;
        }
    }
    Object.defineProperty(AsyncResource.prototype, 'runInAsyncScope',
        { value: runInAsyncScope, writable: false, configurable: false });

    let release;
    const released = new Promise((resolve) => { release = resolve; });
    // Node itself listens for the exit for as long as a main ES module is being evaluated. A version that does not is
    // waited for as long as MODULE_WAIT_MS.
    let evaluated = false;
    function isLoaded() {
        const evaluates = process.listeners('exit').some((one) => one.name === 'handleProcessExit');
        const ended = evaluated && !evaluates;
        evaluated = evaluated || evaluates;
        return process.mainModule ? process.mainModule.loaded : ended;
    }
    const put = (way, name) => test(name, async () => { await released; await way(ask(name)); });
    const until = Date.now() + MODULE_WAIT_MS;
    const now = Date.now;

    put(WAYS[0], names[0]);
    (function wait() {  // the file's own tests are there, or it has none
        if (!isLoaded() && (!root || root.subtests.length < 2) && now() < until) {
            setImmediate(wait);
            return;
        }
        WAYS.slice(1).forEach((way, i) => put(way, names[i + 1]));
        release();
    }());
    process.on('exit', () => {
        const changed = before.find(([owner, , key, value]) => owner[key] !== value);
        const left = root === null ? [] : root.subtests.filter((one) => begun.has(one) || one.endTime === null);
        tell('done', left.map((one) => one.name), changed ? `${changed[1]}.${changed[2]}` : null);
    });
}

if (inside && pipes && process.argv[1] === process.env.PRT_EVIDENCE_FILE) {
    const names = fs.readFileSync(path.join(pipes, 'names'), 'utf8').split('\n');
    for (const name of ['PRT_EVIDENCE', 'PRT_EVIDENCE_FILE', 'NODE_OPTIONS']) {
        delete process.env[name];
    }
    begin(pipes, names);
    for (const name of ['names', 'told', 'answers']) {
        fs.unlinkSync(path.join(pipes, name));
    }
}
