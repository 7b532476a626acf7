// SPDX-License-Identifier: MIT
//
// What DuckDB does to count the ids of both columns of a file. Prints one JSON line.
//
//   node read.mjs FILE csv|ndjson THREADS
import { createRequire } from 'node:module';

const [input, format, threads] = process.argv.slice(2);
const require = createRequire(process.env.NODE_PATH + '/');
const { DuckDBInstance } = require('@duckdb/node-api');
const db = await (await DuckDBInstance.create(':memory:')).connect();
await db.run(`SET threads = ${Number(threads)}`);
const columns = "columns = {anonymous_id: 'VARCHAR', user_id: 'VARCHAR'}";
const table = format === 'csv' ? `read_csv('${input}', header = true, all_varchar = true)`
                               : `read_json('${input}', format = 'newline_delimited', ${columns})`;
const started = performance.now();
const [[rows, anon, user]] = (await db.runAndReadAll(
  `SELECT count(*), count(anonymous_id), count(user_id) FROM ${table}`)).getRowsJson();
console.log(JSON.stringify({ rows: Number(rows), anon: Number(anon), user: Number(user),
                             wall_s: (performance.now() - started) / 1000 }));
