// SPDX-License-Identifier: MIT
const test = require('node:test');

test('@HOLDS@', () => {});
test('@BREAKS@', () => {
    throw new Error('sentinel');
});
