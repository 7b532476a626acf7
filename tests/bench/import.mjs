// SPDX-License-Identifier: MIT
//
// The same pairs with npm mixpanel-import: from NDJSON of events, which is what it takes by itself,
// or from the CSV of pairs with a function that makes the events, which is its fastest way. Its API
// hosts are fixed in its code, so the pool of connections that it opens is pointed at the loopback
// server; nothing else is changed. Prints one JSON line of what it counted.
//
//   node import.mjs EVENTS.ndjson|PAIRS.csv URL WORKERS
import { createRequire } from 'node:module';

const [input, url, workers] = process.argv.slice(2);
const require = createRequire(process.env.NODE_PATH + '/mixpanel-import/');
const undici = require('undici');
const { Pool } = undici;
undici.Pool = class extends Pool {
  constructor(origin, options) { super(url, options); }
};
const mixpanel = require('mixpanel-import');

const token = '0f5c1f8b2d7e4a90b3c6d1e2f3a4b5c6';
const time = Math.floor(Date.now() / 1000);
const fromCsv = {
  streamFormat: 'csv',
  transformFunc: (row) => ({ event: '$identify', properties: {
    $identified_id: row.user_id, $anon_id: row.anonymous_id, distinct_id: row.user_id, token, time,
    $insert_id: row.anonymous_id } }),
};
const done = await mixpanel(
  { acct: 'etl.12345.mp-service-account', pass: 'not-a-secret', project: '2195193', token }, input, {
    recordType: 'event', compress: true, strict: true, abridged: true, workers: Number(workers),
    recordsPerBatch: 2000, showProgress: false, verbose: false,
    ...(input.endsWith('.csv') ? fromCsv : { streamFormat: 'jsonl' }),
  });
console.log(JSON.stringify({ success: done.success, failed: done.failed }));
process.exit(0);
