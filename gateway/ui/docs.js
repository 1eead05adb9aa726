// SPDX-License-Identifier: MIT
// The page /docs: what /openapi.json says, as a list. Text is only ever put in as text.
'use strict';

function put(parent, tag, text) {
    const made = document.createElement(tag);
    made.textContent = text || '';
    parent.append(made);
    return made;
}

function typeName(content) {
    const [type, media] = Object.entries(content || {})[0] || ['', {}];
    const ref = media.schema && media.schema.$ref;
    return ref ? ref.split('/').pop() : type === 'application/json' ? 'object' : type;
}

function showRoute(parent, method, path, operation) {
    const box = put(parent, 'details');
    put(box, 'summary', method.toUpperCase() + ' ' + path + ': ' + operation.summary);
    const list = put(box, 'ul');
    const who = operation.security.map((item) => Object.entries(item)[0])
        .map(([scheme, roles]) => [scheme, ...roles].join(' ')).join(' or ');
    put(list, 'li', 'who: ' + (who || 'anybody'));
    for (const item of operation.parameters) {
        put(list, 'li', item.in + ' ' + item.name + ': ' + (item.schema.type || item.schema.enum.join(' | ')));
    }
    if (operation.requestBody) {
        put(list, 'li', 'body: ' + typeName(operation.requestBody.content));
    }
    for (const [status, answer] of Object.entries(operation.responses)) {
        put(list, 'li', status + ': ' + typeName(answer.content));
    }
}

async function show() {
    const routes = document.getElementById('routes');
    try {
        const api = await (await fetch('/openapi.json')).json();
        put(routes, 'p', api.info.description);
        for (const [path, item] of Object.entries(api.paths)) {
            for (const [method, operation] of Object.entries(item)) {
                showRoute(routes, method, path, operation);
            }
        }
        put(routes, 'h2', 'Objects');
        for (const [name, schema] of Object.entries(api.components.schemas)) {
            const box = put(routes, 'details');
            put(box, 'summary', name);
            put(box, 'pre', JSON.stringify(schema, null, 2));
        }
    } catch (failure) {
        put(routes, 'p', 'The description could not be loaded: ' + failure.message);
    }
}

show();
